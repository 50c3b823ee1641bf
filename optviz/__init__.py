"""optviz: see what optimizers do, and measure it.

    >>> import optviz as ov
    >>> t = ov.minimize("bowl", ov.Adam(lr=0.3), steps=100)
    >>> t.points.shape, bool(t.values[-1] < t.values[0])
    ((101, 2), True)

Names are imported when they are first used: `import optviz` takes a few milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "optviz.base": ("Optimizer",),
    "optviz.optimizers": (
        "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam", "Adamax",
        "Nadam", "AMSGrad", "AdamW", "RAdam", "Lion", "FTRL", "parse_optimizer",
    ),
    "optviz.functions": ("Function", "function"),
    "optviz.trajectory": ("Trajectory", "minimize"),
    "optviz.basin_map": ("Basins", "basins"),
    "optviz.rate_scan": ("Sensitivity", "sensitivity"),
    "optviz.phase_diagram": ("PhaseDiagram", "phase"),
    "optviz.axis": ("Axis",),
    "optviz.sweeps": ("Sweep", "sweep"),
    "optviz.tuning": ("Tuning", "tune"),
    "optviz.comparison": ("ensemble", "race"),
    "optviz.explanation": ("Explanation", "explain"),
    "optviz.render.plot": ("plot",),
    "optviz.render.animate": ("Animation", "animate"),
    "optviz.render.explain": ("ExplainFilm",),
    "optviz.render.output": ("save",),
    "optviz.remake": ("replay",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}
#: The first two are mappings as well: `ov.optimizers["adam"]`, `ov.functions["beale"]`.
_MODULES = ("optimizers", "functions", "schedules", "nn")

__all__ = ["__version__", *_MODULES, *_HOME]  # noqa: PLE0604

if TYPE_CHECKING:
    from optviz import functions as functions
    from optviz import nn as nn
    from optviz import optimizers as optimizers
    from optviz import schedules as schedules
    from optviz.axis import Axis as Axis
    from optviz.base import Optimizer as Optimizer
    from optviz.basin_map import Basins as Basins
    from optviz.basin_map import basins as basins
    from optviz.comparison import ensemble as ensemble
    from optviz.comparison import race as race
    from optviz.explanation import Explanation as Explanation
    from optviz.explanation import explain as explain
    from optviz.functions import Function as Function
    from optviz.functions import function as function
    from optviz.optimizers import (
        FTRL as FTRL,
    )
    from optviz.optimizers import (
        SGD as SGD,
    )
    from optviz.optimizers import (
        AdaDelta as AdaDelta,
    )
    from optviz.optimizers import (
        AdaGrad as AdaGrad,
    )
    from optviz.optimizers import (
        Adam as Adam,
    )
    from optviz.optimizers import (
        Adamax as Adamax,
    )
    from optviz.optimizers import (
        AdamW as AdamW,
    )
    from optviz.optimizers import (
        AMSGrad as AMSGrad,
    )
    from optviz.optimizers import (
        Lion as Lion,
    )
    from optviz.optimizers import (
        Momentum as Momentum,
    )
    from optviz.optimizers import (
        Nadam as Nadam,
    )
    from optviz.optimizers import (
        Nesterov as Nesterov,
    )
    from optviz.optimizers import (
        RAdam as RAdam,
    )
    from optviz.optimizers import (
        RMSProp as RMSProp,
    )
    from optviz.optimizers import (
        parse_optimizer as parse_optimizer,
    )
    from optviz.phase_diagram import PhaseDiagram as PhaseDiagram
    from optviz.phase_diagram import phase as phase
    from optviz.rate_scan import Sensitivity as Sensitivity
    from optviz.rate_scan import sensitivity as sensitivity
    from optviz.remake import replay as replay
    from optviz.render.animate import Animation as Animation
    from optviz.render.animate import animate as animate
    from optviz.render.explain import ExplainFilm as ExplainFilm
    from optviz.render.output import save as save
    from optviz.render.plot import plot as plot
    from optviz.sweeps import Sweep as Sweep
    from optviz.sweeps import sweep as sweep
    from optviz.trajectory import Trajectory as Trajectory
    from optviz.trajectory import minimize as minimize
    from optviz.tuning import Tuning as Tuning
    from optviz.tuning import tune as tune


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"optviz.{name}")
    else:
        raise AttributeError(f"module 'optviz' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
