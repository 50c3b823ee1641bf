"""What a training says unasked: that its inputs are badly scaled, or that it came to nothing."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.layers import BatchNorm, Dense
from optviz.nn.model import Model
from optviz.nn.records import History
from optviz.shared.hint import Hint
from optviz.shared.text import rounded

#: The root mean square of inputs on which no training starts well, and their largest size.
LARGE, SMALL = 10.0, 0.01
#: A loss of so many times what guessing costs.
HOPELESS = 100.0
#: Rows that are looked at.
ROWS = 4096


class TrainingHint(Hint):
    """A training that works, but most likely not as it was meant."""


def warn(text: str) -> None:
    """Say it at the line outside the package that called for the training."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("optviz."):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, TrainingHint, stacklevel=level)


def scale_hint(network: Model, x: Any) -> str:
    """That x is far from unit scale; nothing if it is not, or a normalisation follows."""
    first, *rest = network.layers
    if not isinstance(first, Dense) or (rest and isinstance(rest[0], BatchNorm)):
        return ""
    numbers = np.asarray(getattr(x, "data", x) if hasattr(x, "tocsr") else _some_rows(x), float)
    if not numbers.size:
        return ""
    with np.errstate(over="ignore"):
        size = float(np.sqrt(np.mean(numbers * numbers)))
    largest = float(np.abs(numbers).max())
    if size <= LARGE and (largest >= SMALL or not largest):
        return ""
    return (f"x is far from unit scale (root mean square {rounded(size)}): scale it first, "
            "with scale = ov.nn.data.standardize(x), or min_max, and x = scale(x)")  # fmt: skip


def _some_rows(x: NDArray[Any]) -> NDArray[Any]:
    return x[:: max(1, len(x) // ROWS)]


def divergence_hint(
    network: Model, targets: NDArray[Any], history: History, is_validated: bool
) -> str:
    """That the loss is no number any more, or far above that of guessing; else nothing."""
    seen = [("loss", history.loss)]
    seen += [("validation loss", history.validation_loss)] if is_validated else []
    guess = guessing(network, targets)
    for name, losses in seen if history.epochs else ():
        wrong = np.flatnonzero(~np.isfinite(losses))
        if not math.isfinite(losses[-1]):
            return (f"training diverged: the {name} is {losses[-1]:g} since epoch {wrong[0] + 1}; "
                    "try a smaller rate, clip_norm=1, or scaled inputs")  # fmt: skip
        if losses[-1] > HOPELESS * guess:
            end, costs = rounded(losses[-1], 2), rounded(guess, 2)
            return (f"training came to nothing: the {name} ended at {end}, where guessing costs "
                    f"{costs}; try a smaller rate, or scaled inputs")  # fmt: skip
    return ""


def guessing(network: Model, targets: NDArray[Any]) -> float:
    """The loss of the best constant answer to evenly mixed classes, or to these numbers."""
    if network.loss_function.name == "softmax":
        return math.log(max(network.outputs, 2))
    if network.loss_function.name == "binary":
        return math.log(2)
    if network.loss_function.name == "mse":
        return float(np.var(targets, axis=0, dtype=float).mean()) or math.inf
    return math.inf
