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
from optviz.functions.space import SpaceFunction, lowest_of_many
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import as_optimizer, check_rate
from optviz.runs.descend import record, scheduled_rates
from optviz.runs.trajectory import start_on
from optviz.shared.checks import check_amounts, check_steps, check_whole, generator
from optviz.shared.table import Table, Tabular, row

Real = NDArray[np.float64]

#: Below this share of the first f − f*, lower counts no more: rounding, not progress.
FLOOR = 1e-12
#: On a function without a minimum, the share of the steps that a path stays in the picture.
SHOWN = 0.3
#: Rates, or starts.
MAX_TRIED = 100_000
#: Longer runs are tuned on their beginning; Python functions take microseconds a step.
MAX_TUNED_STEPS, MAX_TUNED_STEPS_OF_PYTHON = 20_000, 1000
#: The range that is looked at, in powers of ten (times `width_of`), and that of a scan.
WIDEST, USUAL = (-8.0, 4.0), (-4.0, 2.0)
#: The noise that rates are tuned with is other noise than a seed of the user's makes.
SEED = 0x74756E65


@dataclass(frozen=True, repr=False, eq=False)
class Tuning(Tabular):
    """What `tune` found.

    Attributes
    ----------
    rates : ndarray (budget,)
        The rates tried, rising: a fifth of them over twelve powers of ten, the others between the
        neighbours of the best of those.
    scores : ndarray (budget,)
        For each the mean, over steps and starts, of log10 of (f − f*)/(f₀ − f*); lower is
        better. A run that diverged or left the function's bounds counts as if it had stayed at
        its start, and the worse the earlier it left.
    best : Optimizer
        With the rate of the lowest score.
    steps : int
        How many were looked at.
    """

    rates: Real
    scores: Real
    best: Optimizer
    steps: int

    @property
    def is_at_edge(self) -> bool:
        """Whether the best is the lowest or the highest rate: a better one may lie beyond."""
        return int(np.argmin(self.scores)) in (0, len(self.rates) - 1)

    @property
    def remark(self) -> str:
        """For legends: "best of 61"."""
        edge = ", at the edge" if self.is_at_edge else ""
        return f"best of {len(self.rates)}{edge}"

    def table(self) -> Table:
        """A row for each rate: its score, and whether it is the best."""
        best = np.arange(len(self.rates)) == np.argmin(self.scores)
        columns = {"rate": self.rates, "score": self.scores, "best": best}
        about = {"best": self.best.spec(), "remark": self.remark, "steps": self.steps}
        return Table(columns, ("rate",), f"Rates of {type(self.best).__name__}", about)

    def summary(self) -> Table:
        """The best rate, and among how many."""
        told = row(score=float(self.scores.min()), remark=self.remark, steps=self.steps)
        return Table(told, title=repr(self.best))


def tune(
    f: str | Function,
    optimizer: str | Optimizer,
    *,
    start: Sequence[float] | None = None,
    steps: int = 100,
    budget: int = 61,
    starts: int = 16,
    noise: float = 0.0,
    rng: Any = 0,
) -> Tuning:
    """The best rate of `budget` log-spaced ones, the same way for every optimizer.

    The objective is the area under log10 of f − f*, averaged over jittered starts, so that one
    lucky path does not win; never the distance to a minimum that the optimizer cannot know.

    Parameters
    ----------
    f, start, steps, noise
        As for `minimize`; at most 20,000 steps are looked at (1000 of a Python function). Each
        start has noise of its own, the same for all rates and optimizers.
    optimizer
        Or text such as "adam". Its rate is replaced (a schedule is scaled); everything else stays.
    budget : int ≥ 2
        The number of rates: a fifth of them (13 of 61) from 1e-8 to 1e4, one a power of ten, the
        others between the neighbours of the best of those. The range goes with the width of the
        bounds: as it is for bounds up to 20 wide, 50 times that for Eggholder's.
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
    optimizer = as_optimizer(optimizer)
    check_rate(optimizer)
    check_whole("budget", budget, 2, MAX_TRIED)
    check_whole("starts", starts, 1, MAX_TRIED)
    check_amounts(noise=noise)
    steps = min(check_steps(steps), most_tuned_steps(f))
    places = jittered_starts(f, start, starts, rng)
    lowest = lowest_value(f)

    def scores(rates: Real) -> Real:
        return np.array([
            _scores(f, *_runs(f, _at_rate(optimizer, rate), places, steps, noise), lowest).mean()
            for rate in rates
        ])  # fmt: skip

    coarse = rates_to_try(f, max(2, budget // 5 + 1), WIDEST)
    found = scores(coarse)
    best = int(np.argmin(found))
    low, high = coarse[max(best - 1, 0)], coarse[min(best + 1, len(coarse) - 1)]
    fine = three_digits(np.geomspace(low, high, budget - len(coarse) + 2)[1:-1])
    rates, found = np.append(coarse, fine), np.append(found, scores(fine))
    order = np.argsort(rates, kind="stable")
    rates, found = rates[order], found[order]
    return Tuning(rates, found, _at_rate(optimizer, float(rates[np.argmin(found)])), steps)


def most_tuned_steps(f: Function) -> int:
    """How many steps of a run `tune` looks at."""
    return MAX_TUNED_STEPS if f.is_compiled else MAX_TUNED_STEPS_OF_PYTHON


def three_digits(rates: Real) -> Real:
    """What a legend prints is what was used."""
    return np.array([float(f"{rate:.3g}") for rate in rates])


def width_of(f: Function) -> float:
    """What rates go with: the longer side of the bounds over 20, at least 1."""
    low, high = np.array(f.bounds).T
    return max(1.0, float(np.max(high - low)) / 20)


def rates_to_try(f: Function, budget: int, powers: tuple[float, float] = USUAL) -> Real:
    """Log-spaced rates of three digits between two powers of ten, times `width_of`."""
    return three_digits(np.logspace(*powers, budget) * width_of(f))


def jittered_starts(f: Function, start: Sequence[float] | None, count: int, rng: Any) -> Real:
    """The start and `count` − 1 copies within 5 % of the bounds, as far as f is defined there."""
    center = np.array(start_on(f, start))
    low, high = np.array(f.bounds).T
    jitter = generator(rng, "rng").uniform(-0.05, 0.05, (count, f.n)) * (high - low)
    jitter[0] = 0.0
    places = np.clip(center + jitter, low, high)
    values = f(*places.T) if f.is_plane else f.values_along(places)
    return np.asarray(places[np.isfinite(values)])


def _at_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    name, schedule = optimizer.rate_name, optimizer.schedule
    if schedule is None:
        return optimizer.fresh(**{name: rate})
    return optimizer.fresh(**{name: schedule.scaled(rate / max(schedule.first(), 1e-300))})


def _runs(
    f: Function, optimizer: Optimizer, places: Real, steps: int, noise: float
) -> tuple[Real, NDArray[np.int64]]:
    hypers = np.tile(optimizer.hyper_vector(), (len(places), 1))
    scheduled = scheduled_rates(optimizer, steps)
    if not noise:
        return record(f, optimizer, places, hypers, steps, scheduled=scheduled)
    each = [
        record(f, optimizer, places[k : k + 1], hypers[:1], steps, scheduled=scheduled,
               noises=np.random.default_rng([SEED, k]).normal(0.0, noise, (steps, f.n)))
        for k in range(len(places))
    ]  # fmt: skip
    points, ends = zip(*each, strict=True)
    return np.concatenate(points), np.concatenate(ends)


def lowest_value(f: Function) -> float:
    """f*, or the lowest value on a grid (of many points, in n dimensions) where there is none."""
    if f.minimum is not None:
        return f.minimum
    if isinstance(f, SpaceFunction):
        return lowest_of_many(f)
    (x0, x1), (y0, y1) = f.bounds
    z = f(np.linspace(x0, x1, 101)[:, None], np.linspace(y0, y1, 101)[None, :])
    return float(np.nanmin(np.where(np.isfinite(z), z, np.nan)))


def _scores(f: Function, points: Real, ends: NDArray[np.int64], lowest: float) -> Real:
    """For each run the mean of log10 of the relative gap, over all steps asked for."""
    count = points.shape[1]
    values = f.values_along(points.reshape(-1, f.n)).reshape(len(points), count)
    step = np.arange(count)
    recorded = (ends[:, None] >= 0) | (step < -ends[:, None])
    inside = recorded & f.contains(points) & np.isfinite(values)
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
