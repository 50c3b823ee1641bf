"""The catalogue's optimizers by what they are made of."""

from __future__ import annotations

import optviz as ov

#: Those that step along one gradient, by a compiled kernel.
RULES = {name: kind for name, kind in ov.optimizers.items() if kind.is_compiled}
#: Of these, those that see one coordinate only.
ELEMENTWISE = {name: kind for name, kind in RULES.items() if kind().is_elementwise}
#: Those whose points are where the gradient is taken.
PLACED = {name: kind for name, kind in RULES.items() if not kind.comes_to}
#: Those that walk by themselves.
WALKERS = {name: kind for name, kind in ov.optimizers.items() if name not in RULES}
