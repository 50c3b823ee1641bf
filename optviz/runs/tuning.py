"""The fair choice of a rate.

Every optimizer gets the same budget and the same objective, and pictures print both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function, function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import check_optimizer
from optviz.runs.trajectory import record, scheduled_rates, start_on
from optviz.shared.checks import check_steps, check_whole, generator

Real = NDArray[np.float64]

#: Below this share of the first f − f*, lower counts no more: rounding, not progress.
FLOOR = 1e-12
#: On a function without a minimum, the share of the steps that a path stays in the picture.
SHOWN = 0.3
#: Rates, or starts.
MAX_TRIED = 100_000
#: Longer runs are tuned on their beginning.
MAX_TUNED_STEPS = 1000


@dataclass(frozen=True)
class Tuning:
    """What `tune` found.

    Attributes
    ----------
    rates : ndarray (budget,)
        The rates tried, log-spaced.
    scores : ndarray (budget,)
        For each the mean, over steps and starts, of log10 of (f − f*)/(f₀ − f*); lower is
        better. A run that diverged or left the function's bounds counts as if it had stayed at
        its start, and the worse the earlier it left.
    best : Optimizer
        With the rate of the lowest score.
    """

    rates: Real
    scores: Real
    best: Optimizer

    @property
    def remark(self) -> str:
        """For legends: "best of 61"."""
        return f"best of {len(self.rates)}"


def tune(
    f: str | Function,
    optimizer: Optimizer,
    *,
    start: Sequence[float] | None = None,
    steps: int = 100,
    budget: int = 61,
    starts: int = 16,
    rng: Any = 0,
) -> Tuning:
    """The best rate of `budget` log-spaced ones, the same way for every optimizer.

    The objective is the area under log10 of f − f*, averaged over jittered starts, so that one
    lucky path does not win; never the distance to a minimum that the optimizer cannot know.

    Parameters
    ----------
    f, start, steps
        As for `minimize`; at most 1000 steps are looked at.
    optimizer
        Its rate is replaced (a schedule is scaled); everything else stays.
    budget : int ≥ 2
        The number of rates, from 1e-4 to 1e2 times 1 (to 1e4 for a function as wide as
        Eggholder: the range goes with the width of the bounds).
    starts : int ≥ 1
        The start itself and copies within 5 % of the bounds around it.
    rng
        Seed or generator of the jitter.

    Examples
    --------
    >>> import optviz as ov
    >>> found = ov.tune("bowl", ov.SGD(), steps=30)
    >>> bool(0.7 < found.best.lr < 1), found.remark
    (True, 'best of 61')
    """
    f = function(f)
    check_optimizer(optimizer)
    check_whole("budget", budget, 2, MAX_TRIED)
    check_whole("starts", starts, 1, MAX_TRIED)
    steps = min(check_steps(steps), MAX_TUNED_STEPS)
    places = jittered_starts(f, start, starts, rng)
    rates = rates_to_try(f, budget)
    lowest = lowest_value(f)
    scores = np.array([
        _scores(f, *_runs(f, _at_rate(optimizer, rate), places, steps), lowest).mean()
        for rate in rates
    ])  # fmt: skip
    return Tuning(rates, scores, _at_rate(optimizer, float(rates[np.argmin(scores)])))


def rates_to_try(f: Function, budget: int) -> Real:
    """Log-spaced rates of three digits, which are what a legend prints; see `tune`."""
    low, high = np.array(f.bounds).T
    rates = np.array([float(f"{r:.3g}") for r in np.logspace(-4, 2, budget)])
    return rates * max(1.0, float(np.max(high - low)) / 20)


def jittered_starts(f: Function, start: Sequence[float] | None, count: int, rng: Any) -> Real:
    """The start and `count` − 1 copies within 5 % of the bounds, as far as f is defined there."""
    center = np.array(start_on(f, start))
    low, high = np.array(f.bounds).T
    jitter = generator(rng, "rng").uniform(-0.05, 0.05, (count, 2)) * (high - low)
    jitter[0] = 0.0
    places = np.clip(center + jitter, low, high)
    return np.asarray(places[np.isfinite(f(*places.T))])


def _at_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    schedule = optimizer.schedule
    if schedule is None:
        return optimizer.fresh(lr=rate)
    return optimizer.fresh(lr=schedule.scaled(rate / max(schedule.first(), 1e-300)))


def _runs(
    f: Function, optimizer: Optimizer, places: Real, steps: int
) -> tuple[Real, NDArray[np.int64]]:
    hypers = np.tile(optimizer.hyper_vector(), (len(places), 1))
    scheduled = scheduled_rates(optimizer, steps)
    return record(f, optimizer, places, hypers, steps, scheduled=scheduled)


def lowest_value(f: Function) -> float:
    """f*, or the lowest value on a grid where there is none."""
    if f.minimum is not None:
        return f.minimum
    (x0, x1), (y0, y1) = f.bounds
    z = f(np.linspace(x0, x1, 101)[:, None], np.linspace(y0, y1, 101)[None, :])
    return float(np.nanmin(np.where(np.isfinite(z), z, np.nan)))


def _scores(f: Function, points: Real, ends: NDArray[np.int64], lowest: float) -> Real:
    """For each run the mean of log10 of the relative gap, over all steps asked for."""
    count = points.shape[1]
    values = f.values_along(points.reshape(-1, 2)).reshape(len(points), count)
    low, high = np.array(f.bounds).T
    step = np.arange(count)
    recorded = (ends[:, None] >= 0) | (step < -ends[:, None])
    inside = recorded & np.all((points >= low) & (points <= high), axis=2) & np.isfinite(values)
    stays = np.logical_and.accumulate(inside, axis=1)
    missing = (~stays).sum(axis=1)
    first = np.maximum(values[:, :1] - lowest, 1e-300)
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.log10(np.clip((values - lowest) / first, FLOOR, None))
    gained = np.where(stays, gaps, 0.0).sum(axis=1)
    # Who left did worse than to stay at the start (0), and the worse the longer it is gone.
    left = missing > 0
    if f.minimum is None:
        # With nothing to arrive at, leaving is the aim; but nobody would see a leap of one step.
        arrived = left & (ends >= 0) & (missing < (1 - SHOWN) * count)
        gained = np.where(arrived, gained + missing * np.log10(FLOOR), gained)
        left &= ~arrived
    gained = np.where(left, np.maximum(gained, 0.0) + missing, gained)
    return np.asarray(gained / count)
