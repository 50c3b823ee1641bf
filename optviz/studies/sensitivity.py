"""Sensitivity: how far an optimizer gets with each of many rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optviz.functions.base import Function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import check_rate
from optviz.runs.axis import Axis
from optviz.runs.entry import without_rate
from optviz.runs.race import several
from optviz.runs.sweep import Sweep, part_of, sweep
from optviz.runs.tuning import USUAL, WIDEST, jittered_starts, lowest_value, rates_to_try
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import counted, listed, rounded
from optviz.studies.settings import (
    Counts,
    Entries,
    Noise,
    NoPaths,
    Rates,
    Seed,
    Start,
    Steps,
    seed_of,
)  # fmt: skip
from optviz.studies.study import Drawn, OnFunction, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look, Stroke

Real = NDArray[np.float64]

QUANTILES = (0.1, 0.5, 0.9)
#: Rates of a scan in a power of ten; where the best is at the end of the range, or none works, it
#: grows by two powers of ten up to `WIDEST`.
PER_POWER, MORE = 10, 2


@dataclass(frozen=True, repr=False, eq=False)
class Sensitivity(Tabular):
    """Where runs with each rate ended, for one or several optimizers.

    Attributes
    ----------
    sweeps
        One for each optimizer: over `lr`, from the same starts.
    rates : ndarray (r,)
        The rates.
    gaps : ndarray (optimizers, 3, r)
        The 10 %, 50 % and 90 % quantiles over the starts of the final f − f*. A run that left the
        function's bounds, or diverged, counts as infinite. A function without f* has nothing to
        arrive at: there its lowest value inside the bounds takes its place, who is lower has a
        gap of 0, and leaving is no failure.
    first_gap : float
        The median of f − f* at the starts.
    study
        What made it.
    """

    sweeps: tuple[Sweep, ...]
    rates: Real
    gaps: Real
    first_gap: float
    study: SensitivityStudy = field(repr=False, compare=False)

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweeps[0].function

    def works(self, k: int) -> NDArray[np.bool_]:
        """With which rates at least nine of ten runs stayed inside the bounds and ended no higher
        than they began."""
        s = self.sweeps[k]
        return np.asarray(np.mean(_outcomes(s) <= s.function(*s.starts.T), axis=1) >= 0.9)

    def is_at_edge(self, k: int) -> bool:
        """Whether the best rate is the lowest or the highest: a better one may lie beyond."""
        return self.best(k) in (0, len(self.rates) - 1)

    def best(self, k: int) -> int:
        """The number of the rate with the lowest median, for the k-th optimizer: among those that
        work, if any does."""
        medians = self.gaps[k, 1]
        good = self.works(k)
        return int(np.argmin(np.where(good, medians, np.inf) if good.any() else medians))

    def table(self) -> Table:
        """A row for each optimizer and rate: quantiles of f − f* over the starts, whether the rate
        works, and whether it is the best."""
        count, everybody = len(self.rates), range(len(self.sweeps))
        columns = {
            "optimizer": np.repeat([s.optimizer.spec() for s in self.sweeps], count),
            "rate": np.tile(self.rates, len(self.sweeps)),
            **{f"gap_{q}": self.gaps[:, k].ravel() for k, q in enumerate((10, 50, 90))},
            "works": np.concatenate([self.works(k) for k in everybody]),
            "best": np.concatenate([np.arange(count) == self.best(k) for k in everybody]),
        }
        about = {"first_gap": self.first_gap, "function": self.function.formula}
        return Table(columns, ("optimizer", "rate"), self._title, about)

    def summary(self) -> Table:
        """For each optimizer how many rates work, and the best one."""
        best = [self.best(k) for k in range(len(self.sweeps))]
        columns = {
            "optimizer": np.array([without_rate(s.optimizer.spec()) for s in self.sweeps]),
            "rates that work": np.array([int(self.works(k).sum()) for k in range(len(best))]),
            "best rate": self.rates[best],
            "gap there": self.gaps[range(len(best)), 1, best],
        }
        return Table(columns, title=self._title)

    @property
    def _title(self) -> str:
        return f"{len(self.rates)} rates on {self.function.name}"


class SensitivityStudy(OnFunction, Drawn):
    """Runs with each of many rates from the same starts, and what the choice of a rate costs.

    A rate works if at least nine of ten runs stay inside the bounds and end no higher than they
    began. The own rates of the optimizers do not matter (a schedule's shape does).
    """

    examples = ("sensitivity adam rmsprop --on rosenbrock",)

    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("seed", "with noise or several starts", lambda s: s.noise or s.starts > 1,
               "add --noise 0.1 (noise=0.1 in Python)"),
    )  # fmt: skip
    optimizers: Annotated[Entries, NoPaths] = ("sgd", "momentum", "adam")  # type: ignore[assignment]
    steps: Steps = 100
    start: Start = None
    rates: Rates = None
    starts: Annotated[int, Field(ge=1, le=10_000, description="Starts around the start.")] = 64
    noise: Noise = 0.0
    seed: Seed = 0

    @model_validator(mode="after")
    def _has_somebody(self) -> SensitivityStudy:
        for entry in several(self.optimizers, "sensitivity"):
            check_rate(entry.optimizer)
        return self

    def run(self, progress: Progress | None = None) -> Sensitivity:
        """A sweep for each optimizer, over more rates while the best of one is at the end."""
        if self.rates is not None:
            return self._scan(self.rates.values, progress)
        low, high = USUAL
        while True:
            count = round((high - low) * PER_POWER) + 1
            made = self._scan(rates_to_try(self.f, count, (low, high)), progress)
            everybody = range(len(made.sweeps))
            none = any(not made.works(k).any() for k in everybody)
            best = {made.best(k) for k in everybody}
            lower = max(low - MORE, WIDEST[0]) if none or 0 in best else low
            higher = min(high + MORE, WIDEST[1]) if count - 1 in best else high
            if (lower, higher) == (low, high):
                return made
            low, high = lower, higher

    def _scan(self, rates: Real, progress: Progress | None) -> Sensitivity:
        """A sweep for each optimizer over these rates."""
        f, seed = self.f, self.seed or 0
        places = jittered_starts(f, f.start, self.starts, seed)
        low = lowest_value(f)
        sweeps = [
            sweep(
                f, entry.optimizer, places, over={entry.optimizer.rate_name: rates},
                steps=self.steps, tol=0.0, noise=self.noise, rng=seed, bounded=True,
                progress=part_of(progress, k, len(self.optimizers)),
            )
            for k, entry in enumerate(self.optimizers)
        ]  # fmt: skip
        gaps = [quantiles(np.maximum(_outcomes(s) - low, 0).T, QUANTILES) for s in sweeps]
        first = float(np.median(f(*places.T))) - low
        return Sensitivity(tuple(sweeps), rates, np.array(gaps), first, self)

    def finding(self, result: Sensitivity) -> str:
        """With how many of the rates each works; of many, the most and the least tolerant."""
        from optviz.render.style import scanned, strokes_of
        from optviz.render.theme import THEMES

        optimizers = [x.optimizer for x in result.sweeps]
        names = scanned(optimizers, strokes_of(optimizers, THEMES["light"]))
        counts = [int(result.works(k).sum()) for k in range(len(names))]
        order = sorted(range(len(names)), key=lambda k: (-counts[k], k))
        if len(order) <= 3:
            # After a setting's number a colon: "clip_norm = 0.5: 40".
            colons = [":" if "=" in name else "" for name in names]
            told = listed([f"{names[k]}{colons[k]} {counts[k]}" for k in order])
        else:
            told = f"most for {names[order[0]]} ({counts[order[0]]}), fewest for "
            told += f"{names[order[-1]]} ({counts[order[-1]]})"
        return f"Rates that work, of {len(result.rates)}: {told}"

    def draw(self, result: Sensitivity, sheet: Sheet) -> None:  # type: ignore[override]
        """Medians and bands over the rates; for each optimizer those that work, and the best."""
        from optviz.render import style
        from optviz.render.layout import AXIS, Box

        s, look, unit = result, sheet.look, sheet.unit
        optimizers = [x.optimizer for x in s.sweeps]
        strokes = style.strokes_of(optimizers, look.theme)
        count = len(s.sweeps)
        sheet.legend([
            sheet.handle(f"{name}  {_best_text(s, k)}", stroke.color, stroke.marker)
            for k, (name, stroke) in enumerate(
                zip(style.scanned(optimizers, strokes), strokes, strict=True))
        ])  # fmt: skip
        bars = 1.5 * count
        box = sheet.free(left=AXIS + 2.2, below=AXIS + 1.2 + bars)
        axes = sheet.axes(box, "curves")
        below = Box(box.left, box.top + box.height + 1.2 * unit, box.width, bars * unit)
        strip = sheet.figure.add_axes(
            below.fraction(sheet.width, sheet.height), sharex=axes, label="works"
        )
        for k, stroke in enumerate(strokes):
            _draw_curve(axes, s, k, stroke)
            _draw_stable(strip, s, k, count, stroke, look)
        _finish(axes, strip, s, look, box.height / unit)
        heading = style.heading(s.function, [x.optimizer for x in s.sweeps])
        sheet.heading(f"{heading}: the choice of a rate", style.formula(s.function))
        sheet.small_print(_choices(s))


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
        `Axis("lr", low, high, count, log=True)`; unless given, 61 rates from 1e-4 to 100 (the
        range goes with the width of the bounds), and more, down to 1e-8 and up to 1e4, while the
        best of an optimizer is at the end, or none works.
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
    made = SensitivityStudy.checked(
        optimizers=optimizers, on=f, rates=rates, start=start, starts=starts, steps=steps,
        noise=noise, seed=seed_of(rng),
    )  # fmt: skip
    return made.run(progress)


def _outcomes(s: Sweep) -> Real:
    """f at the end of each run; infinite if it left the bounds, unless there is no f*."""
    if s.function.minimum is None:
        return s.values
    assert s.left is not None
    return np.where(s.left > 0, np.inf, s.values)


def _gap_of(f: Function) -> str:
    return "f − f*" if f.minimum is not None else "f − lowest inside"


def _best_text(s: Sensitivity, k: int) -> str:
    low, high = (rounded(rate) for rate in s.rates[[0, -1]])
    if not s.works(k).any():
        return f"no rate from {low} to {high} works"
    best = s.best(k)
    edge = " (at the edge)" if s.is_at_edge(k) else ""
    what = _gap_of(s.function)
    gap = s.gaps[k, 1, best]
    reached = f"{what} = {rounded(gap, 2)}" if gap > 0 else f"{what} ≤ 0"
    return f"best lr = {rounded(s.rates[best])}{edge}: {reached}"


def _draw_curve(axes: Axes, s: Sensitivity, k: int, stroke: Stroke) -> None:
    from optviz.render.strip import FLOOR, ceiling, clipped, scale

    median = clipped(s, s.gaps[k, 1])
    low, high = (np.clip(s.gaps[k, row], FLOOR * scale(s), 10 * ceiling(s)) for row in (0, 2))
    axes.fill_between(s.rates, low, high, color=stroke.color, alpha=0.13, linewidth=0)
    axes.plot(s.rates, median, color=stroke.color, linewidth=1.8)
    if not s.works(k).any():
        return
    best = s.best(k)
    axes.plot(s.rates[best], median[best], stroke.marker, color=stroke.color, markersize=8,
              markeredgecolor=axes.get_facecolor(), zorder=6, clip_on=False)  # fmt: skip


def _draw_stable(
    strip: Axes, s: Sensitivity, k: int, count: int, stroke: Stroke, look: Look
) -> None:
    """Bars over the rates that work, with a mark at the best."""
    works = s.works(k)
    half = np.sqrt(s.rates[1] / s.rates[0])
    starts = np.flatnonzero(works & ~np.append(False, works[:-1]))
    ends = np.flatnonzero(works & ~np.append(works[1:], False))
    y = count - 1 - k
    strip.plot(s.rates[[0, -1]], [y, y], color=look.theme.faint, linewidth=0.8, zorder=1)
    strip.hlines(np.full(len(starts), y), s.rates[starts] / half, s.rates[ends] * half,
                 colors=stroke.color, linewidth=5, zorder=2)  # fmt: skip
    if not works.any():
        return
    strip.plot(s.rates[s.best(k)], y, stroke.marker, color=stroke.color, markersize=7,
               markeredgecolor=look.theme.paper, zorder=3)  # fmt: skip


def _finish(axes: Axes, strip: Axes, s: Sensitivity, look: Look, tall: float) -> None:
    """Scales, limits and labels; `tall` is the height of the curves in units."""
    from matplotlib.ticker import LogLocator

    from optviz.render.sheet import quiet
    from optviz.render.strip import ceiling, lowest

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.3 * lowest(s, 0), ceiling(s))
    axes.set_xlim(s.rates[0], s.rates[-1])
    if s.first_gap > 0:
        axes.axhline(s.first_gap, color=look.theme.quiet, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate("where the runs began", (s.rates[0], s.first_gap), (4, 3), va="bottom",
                      textcoords="offset points", fontsize=0.8 * look.font,
                      color=look.theme.quiet)  # fmt: skip
    axes.grid(axis="both", color=look.theme.faint, linewidth=0.5)
    steps = f" after {counted(s.sweeps[0].steps, 'step')}"
    axes.set_ylabel(_gap_of(s.function) + (steps if tall >= 13 else ""))
    axes.tick_params(labelbottom=False)
    axes.minorticks_off()
    strip.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(numticks=int(np.clip(tall / 2, 2, 9))))
    strip.set_ylim(-0.7, len(s.sweeps) - 0.3)
    strip.set_yticks([len(s.sweeps) / 2 - 0.5], ["works"])
    strip.tick_params(axis="y", length=0)
    strip.set_xlabel("learning rate")
    quiet(strip, look, axes.get_facecolor())
    strip.grid(axis="x", color=look.theme.faint, linewidth=0.5)


def _choices(s: Sensitivity) -> list[str]:
    from optviz.render import style

    first = s.sweeps[0]
    parts = [
        f"{len(s.rates)} rates × {len(first.starts)} starts within 5 % of the bounds around "
        f"{style.point_text(first.starts[0])}",
        "median, band from 10 % to 90 %",
        f"{first.steps:,} steps",
        "works: at least nine of ten runs stay inside the bounds and end no higher than they began"
        if s.function.minimum is not None
        else "works: at least nine of ten runs end no higher than they began",
        style.conventions_text([sweep.optimizer for sweep in s.sweeps]),
        style.noise_text(first.noise, first.seed),
    ]
    if s.function.minimum is None:
        parts.append("no f*: the lowest value on a grid inside the bounds takes its place")
    return parts
