"""Sensitivity: how far an optimizer gets with each of many rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function, function
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis
from optviz.runs.race import as_optimizer, several
from optviz.runs.sweep import Sweep, check_seed, sweep
from optviz.runs.trajectory import Trajectory
from optviz.runs.tuning import jittered_starts, lowest_value, rates_to_try

Real = NDArray[np.float64]

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Sensitivity:
    """Where runs with each rate ended, for one or several optimizers.

    Attributes
    ----------
    sweeps
        One for each optimizer: over `lr`, from the same starts.
    rates : ndarray (r,)
        The rates.
    gaps : ndarray (optimizers, 3, r)
        The 10 %, 50 % and 90 % quantiles over the starts of the final f − f*; inf where they
        diverged.
    first_gap : float
        The median of f − f* at the starts.
    axis : Axis or None
        The rates as an axis, if they are not those of `tune`.
    """

    sweeps: tuple[Sweep, ...]
    rates: Real
    gaps: Real
    first_gap: float
    axis: Axis | None = None

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweeps[0].function

    def works(self, k: int) -> NDArray[np.bool_]:
        """With which rates at least nine of ten runs ended no higher than they began."""
        s = self.sweeps[k]
        return np.asarray(np.mean(s.values <= s.function(*s.starts.T), axis=1) >= 0.9)

    def best(self, k: int) -> int:
        """The number of the rate with the lowest median, for the k-th optimizer: among those that
        work, if any does."""
        medians = self.gaps[k, 1]
        good = self.works(k)
        return int(np.argmin(np.where(good, medians, np.inf) if good.any() else medians))


def sensitivity(
    f: str | Function,
    optimizers: str | Optimizer | Sequence[str | Optimizer],
    *,
    rates: Axis | None = None,
    start: Sequence[float] | None = None,
    starts: int = 64,
    steps: int = 100,
    noise: float = 0.0,
    rng: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Sensitivity:
    """Run optimizers with many rates, each from the same jittered starts.

    Parameters
    ----------
    f, start, steps, noise, progress
        As for `minimize` and `sweep`.
    optimizers
        One or several, or text such as "adam"; their own rates do not matter (a schedule's shape
        does).
    rates : Axis, optional
        `Axis("lr", low, high, count, log=True)`; the 61 rates of `tune` unless given.
    starts : int
        The start itself and copies within 5 % of the bounds around it.
    rng : int
        The seed of the jitter and of the noise.

    Examples
    --------
    >>> import optviz as ov
    >>> s = ov.sensitivity("bowl", ["sgd", "adam"], steps=50)
    >>> s.gaps.shape, float(s.rates[s.best(0)])
    ((2, 3, 61), 0.794)
    """
    f = function(f)
    made = [as_optimizer(item) for item in several(optimizers, "sensitivity")]
    if not (isinstance(starts, int | np.integer) and starts >= 1):
        raise ValueError(f"starts must be a whole number ≥ 1, not {starts!r}")
    if rates is not None and not (isinstance(rates, Axis) and rates.name == "lr"):
        raise ValueError(f'rates must be an Axis("lr", ...), not {rates!r}')
    check_seed(rng)
    places = jittered_starts(f, start, starts, rng)
    tried = rates_to_try(f, 61) if rates is None else rates.values
    lowest = lowest_value(f)
    sweeps, gaps = [], []
    for k, optimizer in enumerate(made):
        s = sweep(
            f, optimizer, places, over={"lr": tried}, steps=steps, tol=0.0, noise=noise, rng=rng
        )
        sweeps.append(s)
        # "lower": between a number and infinity there is nothing to interpolate.
        gaps.append(np.quantile(s.values - lowest, QUANTILES, axis=1, method="lower"))
        if progress is not None:
            progress(k + 1, len(made))
    first = float(np.median(f(*places.T))) - lowest
    return Sensitivity(tuple(sweeps), tried, np.array(gaps), first, rates)


def strip_of(runs: Sequence[Trajectory]) -> Sensitivity:
    """What other rates would have done, for the strip below a picture of paths."""
    first = runs[0]
    return sensitivity(
        first.function, [t.optimizer for t in runs], start=first.start, steps=first.steps
    )
