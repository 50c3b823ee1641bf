"""Phase diagrams: how fast an optimizer converges, over any two of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.functions import quadratic
from optviz.functions.catalogue import Function, function
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis, parse_axis
from optviz.runs.race import as_optimizer
from optviz.runs.sweep import Sweep, part_of, sweep
from optviz.runs.tuning import jittered_starts, rates_to_try
from optviz.shared.text import listed

Real = NDArray[np.float64]

SIZE = (200, 150)
STARTS = 4
#: The rate is measured while the gradient falls from the root of this share to this share.
DEPTH, DEEPEST = 1e-10, 1e-140


@dataclass(frozen=True)
class PhaseDiagram:
    """The measured convergence rate over two hyperparameters.

    Attributes
    ----------
    rates : ndarray (y.count, x.count)
        The factor by which the norm of the gradient shrinks a step in the long run; inf where
        any start diverged.
    x, y : Axis
        What was swept.
    sweep : Sweep
        The longer of the two sweeps behind it, over y and x.
    """

    rates: Real
    x: Axis
    y: Axis
    sweep: Sweep

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweep.function

    @property
    def best(self) -> tuple[float, float, float]:
        """The point with the lowest rate, and the rate: x, y, rate."""
        row, column = np.unravel_index(np.argmin(self.rates), self.rates.shape)
        return (
            float(self.x.values[column]), float(self.y.values[row]), float(self.rates[row, column])
        )  # fmt: skip


def phase(
    f: str | Function,
    optimizer: str | Optimizer,
    x: str | Axis = "lr",
    y: str | Axis = "momentum",
    *,
    start: Sequence[float] | None = None,
    steps: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> PhaseDiagram:
    """Measure how fast an optimizer converges, for each pair of two hyperparameters.

    The rate is taken from the second half of each run (in powers of ten), so that the way to the
    minimum's neighbourhood does not count: (‖g_b‖/‖g_a‖)^(1/(b − a)), the geometric mean over
    four starts.

    Parameters
    ----------
    f, start, steps, progress
        As for `sweep`; runs end sooner where they converge.
    optimizer
        Or text such as "momentum"; what is not swept stays.
    x, y
        The two hyperparameters: names, `"lr=0.01,2"`, or `Axis("lr", 0.01, 2, 200)`.

    Examples
    --------
    >>> import optviz as ov
    >>> p = ov.phase("bowl", "momentum", ov.Axis("lr", 0.1, 2, 20), ov.Axis("momentum", 0, 0.9, 10))
    >>> p.rates.shape, [round(v, 1) for v in p.best]
    ((10, 20), [1.3, 0.4, 0.7])
    """
    f = function(f)
    optimizer = as_optimizer(optimizer)
    x, y = (_axis(f, optimizer, item, count) for item, count in zip((x, y), SIZE, strict=True))
    if x.name == y.name:
        raise ValueError(f"x and y must be two hyperparameters, not {x.name} twice")
    starts = jittered_starts(f, start, STARTS, 0)
    first = float(np.median(np.hypot(*f.gradient(*starts.T))))
    depth = _depth(f, first)
    ends = []
    for part, tol, count in ((0, depth**0.5, max(1, steps // 2)), (1, depth, steps)):
        ends.append(
            sweep(f, optimizer, starts, over={y.name: y, x.name: x}, steps=count, tol=tol * first,
                  progress=part_of(progress, part, 2))
        )  # fmt: skip
    return PhaseDiagram(_rates(f, *ends), x, y, ends[1])


def _depth(f: Function, first: float) -> float:
    """How far the gradient can fall before it is rounding only."""
    if not len(f.minima):
        return DEPTH
    around = f.minima + np.spacing(f.minima)
    floor = float(np.max(np.hypot(*f.gradient(*around.T))))
    return DEPTH if not np.isfinite(floor) else max(min(DEPTH, 1e4 * floor / first), DEEPEST)


def _rates(f: Function, near: Sweep, far: Sweep) -> Real:
    with np.errstate(all="ignore"):
        norms = [np.hypot(*f.gradient(s.final[..., 0], s.final[..., 1])) for s in (near, far)]
        steps = far.steps_taken - near.steps_taken
        # No step between: the minimum was hit exactly.
        logs = np.where(steps > 0, np.log(norms[1] / norms[0]) / np.maximum(steps, 1), -np.inf)
        rates = np.exp(logs.mean(axis=-1))
    return np.asarray(np.where(far.diverged.any(axis=-1) | np.isnan(rates), np.inf, rates))


def _axis(f: Function, optimizer: Optimizer, item: str | Axis, count: int) -> Axis:
    if isinstance(item, Axis):
        return item
    return parse_axis(item, count) if "=" in item else default_axis(f, optimizer, item, count)


def default_axis(f: Function, optimizer: Optimizer, name: str, count: int) -> Axis:
    """The usual range of a hyperparameter; that of `lr` ends where a quadratic turns unstable.

    Raises
    ------
    ValueError
        If the optimizer has no such hyperparameter, or it has no usual range.
    """
    if name not in optimizer.hyper:
        known = listed(optimizer.hyper)
        raise ValueError(f"{type(optimizer).__name__} has no {name!r}; it has {known}")
    if name == "lr":
        spectrum = quadratic.eigenvalues(f)
        if spectrum is not None and optimizer.name in ("sgd", "momentum", "nesterov"):
            high = 4.2 / spectrum[1]
            return Axis(name, high / count, high, count)
        rates = rates_to_try(f, 2)
        return Axis(name, float(rates[0]), float(rates[1]), count, log=True)
    usual = optimizer.hyperparameters(optimizer.convention)[name].sweep
    if usual is None:
        raise ValueError(f"{name} has no usual range: give one, such as {name}=0.1,1")
    low, high, log = usual
    return Axis(name, low, high, count, log)
