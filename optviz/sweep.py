"""Many runs at once: here the fair choice of a rate.

Every optimizer gets the same budget and the same objective, and pictures print both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.base import Optimizer
from optviz.functions import Function, function
from optviz.optimizers import names_rate, parse_optimizer
from optviz.trajectory import (
    NO_RATES,
    Band,
    Trajectory,
    check_optimizer,
    check_steps,
    minimize,
    record,
)

Real = NDArray[np.float64]

#: Below this share of the first f − f*, lower counts no more: rounding, not progress.
FLOOR = 1e-12
#: Runs of one ensemble.
MAX_RUNS = 1000
#: On a function without a minimum, the share of the steps that a path stays in the picture.
SHOWN = 0.3
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
    if budget < 2 or starts < 1:
        raise ValueError(f"tune needs a budget ≥ 2 and starts ≥ 1, not {budget} and {starts}")
    steps = min(check_steps(steps), MAX_TUNED_STEPS)
    center = np.array(f.check_start(f.start if start is None else start))
    low, high = np.array(f.bounds).T
    jitter = np.random.default_rng(rng).uniform(-0.05, 0.05, (starts, 2)) * (high - low)
    jitter[0] = 0.0
    places = np.clip(center + jitter, low, high)
    places = places[np.isfinite(f(*places.T))]
    # Three digits are what a legend prints, and what makes the picture again.
    rates = np.array([float(f"{r:.3g}") for r in np.logspace(-4, 2, budget)])
    rates *= max(1.0, float(np.max(high - low)) / 20)
    lowest = _lowest(f)
    scores = np.array([
        _scores(f, *_runs(f, _at_rate(optimizer, rate), places, steps), lowest).mean()
        for rate in rates
    ])  # fmt: skip
    return Tuning(rates, scores, _at_rate(optimizer, float(rates[np.argmin(scores)])))


def _at_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    schedule = optimizer.schedule
    if schedule is None:
        return optimizer.fresh(lr=rate)
    return optimizer.fresh(lr=schedule.scaled(rate / max(float(schedule(0)), 1e-300)))


def _runs(
    f: Function, optimizer: Optimizer, places: Real, steps: int
) -> tuple[Real, NDArray[np.int64]]:
    schedule = optimizer.schedule
    rates = NO_RATES if schedule is None else np.asarray(schedule(np.arange(steps)), float)
    hypers = np.tile(optimizer.hyper_vector(), (len(places), 1))
    return record(f, optimizer, places, hypers, steps, rates=rates)


def _lowest(f: Function) -> float:
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


def ensemble(
    f: str | Function,
    optimizer: Optimizer,
    *,
    runs: int,
    noise: float,
    rng: int = 0,
    start: Sequence[float] | None = None,
    steps: int = 100,
) -> Trajectory:
    """The median of several noisy runs, with all of them in its `band`.

    Parameters
    ----------
    f, optimizer, start, steps, noise
        As for `minimize`.
    runs : int
        From 2 to 1000.
    rng : int
        The seed; run k draws from `np.random.default_rng([rng, k])`.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.ensemble("bowl", ov.SGD(lr=0.3), runs=20, noise=0.5, steps=30)
    >>> t.points.shape, t.band.paths.shape, t.band.values.shape
    ((31, 2), (20, 31, 2), (3, 31))
    """
    if not 2 <= runs <= MAX_RUNS:
        raise ValueError(f"runs must lie between 2 and {MAX_RUNS}, not {runs!r}")
    if not noise > 0:
        raise ValueError(f"several runs differ by their noise: give noise > 0, not {noise!r}")
    all_runs = [
        minimize(f, optimizer, start=start, steps=steps, noise=noise,
                 rng=np.random.default_rng([rng, k]))
        for k in range(runs)
    ]  # fmt: skip
    # As far as most runs go: a median of less than half of them says nothing.
    lengths = sorted(len(t.points) for t in all_runs)
    n = lengths[(runs - 1) // 2]
    paths = np.full((runs, n, 2), np.nan)
    values = np.full((runs, n), np.nan)
    for k, t in enumerate(all_runs):
        m = min(n, len(t.points))
        paths[k, :m], values[k, :m] = t.points[:m], t.values[:m]
    quantiles = np.nanquantile(values, [0.1, 0.5, 0.9], axis=0)
    first = all_runs[0]
    return dataclasses.replace(
        first, points=np.nanmedian(paths, axis=0), band=Band(paths, quantiles), seed=int(rng),
        diverged_at=n if n <= first.steps else None, converged_at=None,
    )  # fmt: skip


def first_steps(f: Function, optimizer: Optimizer, count: int = 17) -> tuple[Real, Real]:
    """A grid of points in the bounds and the first step from each: two arrays (n, 2)."""
    (x0, x1), (y0, y1) = f.bounds
    spacing = max(x1 - x0, y1 - y0) / count
    x, y = (
        low + (np.arange(n) + 0.5) * (high - low) / n
        for (low, high), n in (
            (axis, max(3, round((axis[1] - axis[0]) / spacing))) for axis in f.bounds
        )
    )
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    points, ends = _runs(f, optimizer, places, 1)
    seen = ends > 0
    return places[seen], points[seen, 1] - places[seen]


def race(
    f: str | Function,
    optimizers: Sequence[str | Optimizer],
    *,
    start: Sequence[float] | None = None,
    steps: int = 100,
    noise: float = 0.0,
    rng: Any = None,
    runs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Trajectory]:
    """Several optimizers from one start, each with the rate that it was given or the tuned one.

    Parameters
    ----------
    f, start, steps, noise
        As for `minimize`.
    optimizers
        Optimizers, or text such as "adam" or "adam:lr=0.3". Text without a rate gets the one
        that `tune` finds, and the trajectory's remark says so.
    rng
        A seed: the noise is the same for all. (A generator would be used up by the first.)
    runs : int
        More than 1 makes each trajectory the median of an `ensemble`.
    progress
        Called with the optimizers done and in all.

    Examples
    --------
    >>> import optviz as ov
    >>> [t.remark for t in ov.race("bowl", ["sgd", "adam:lr=0.3"], steps=30)]
    ['best of 61', '']
    """
    f = function(f)
    if runs < 1:
        raise ValueError(f"runs must be at least 1, not {runs!r}")
    out = []
    for k, item in enumerate(optimizers):
        optimizer = parse_optimizer(item) if isinstance(item, str) else item
        remark = ""
        if isinstance(item, str) and not names_rate(item):
            found = tune(f, optimizer, start=start, steps=steps)
            optimizer, remark = found.best, found.remark
        if runs > 1:
            t = ensemble(
                f, optimizer, runs=runs, noise=noise, rng=rng or 0, start=start, steps=steps
            )
        else:
            t = minimize(f, optimizer, start=start, steps=steps, noise=noise, rng=rng)
        out.append(dataclasses.replace(t, remark=remark))
        if progress is not None:
            progress(k + 1, len(optimizers))
    return out
