"""Update rules, each as in its paper; also the mapping from name to class.

>>> import optviz as ov
>>> ov.optimizers["adam"]().equation
'm ← β₁m + (1−β₁) g,  v ← β₂v + (1−β₂) g²,  θ ← θ − η m̂ / (√v̂ + ε)'
"""

from optviz.optimizers.base import Optimizer
from optviz.optimizers.catalogue import optimizers
from optviz.optimizers.hyper import Hyper, amount, at_most_zero, positive, share, tiny
from optviz.optimizers.parse import parse_optimizer
from optviz.shared.catalogue import make_catalogue

__all__ = [
    "Hyper", "Optimizer", "amount", "at_most_zero", "optimizers", "parse_optimizer", "positive",
    "share", "tiny",
]  # fmt: skip

make_catalogue(__name__, optimizers)
