"""Learning-rate schedules beside what they do to a path and to its loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.optimizers import schedules as kinds
from optviz.optimizers.parse import parse_optimizer
from optviz.optimizers.schedules import Schedule
from optviz.runs.race import ensemble
from optviz.runs.trajectory import Trajectory
from optviz.shared.table import Table, Tabular, stacked
from optviz.shared.text import did_you_mean, listed, rounded
from optviz.studies.settings import Seed, Start, Steps, Words
from optviz.studies.study import Drawn, OnFunction, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

Real = NDArray[np.float64]

HUES = {"constant": "#5A5A5A", "step": "#0072B2", "exponential": "#009E73", "cosine": "#D55E00",
        "warmup": "#CC79A7", "onecycle": "#626EFE"}  # fmt: skip


def schedule_of(name: str, rate: float, steps: int) -> Schedule:
    """A schedule of that kind whose largest rate is `rate`, over so many steps.

    >>> schedule_of("step", 0.8, 90)(60)
    0.2
    """
    match name:
        case "constant":
            return kinds.Constant(rate)
        case "step":
            return kinds.Step(rate, every=max(1, steps // 3), factor=0.5)
        case "exponential":
            return kinds.Exponential(rate, factor=float(0.01 ** (1 / max(1, steps))))
        case "cosine":
            return kinds.Cosine(rate, steps=steps)
        case "warmup":
            rise = max(1, steps // 10)
            return kinds.LinearWarmup(rise, kinds.Cosine(rate, steps=max(1, steps - rise)))
    return kinds.OneCycle(rate, steps=steps)


@dataclass(frozen=True, repr=False, eq=False)
class Schedules(Tabular):
    """What each schedule did.

    Attributes
    ----------
    names : tuple of str
    rates : ndarray (names, steps)
        Of each step.
    trajectories
        For each schedule the median of its runs, with their band.
    study
        The settings that made it.
    """

    names: tuple[str, ...]
    rates: Real
    trajectories: tuple[Trajectory, ...]
    study: Any = field(repr=False)

    def gaps(self) -> list[Real]:
        """f − f* along each, quantiles over the runs (3, points); or f, where f* is not known."""
        f = self.trajectories[0].function
        lowest = 0.0 if f.minimum is None else f.minimum
        bands = [t.band for t in self.trajectories]
        return [band.values - lowest for band in bands if band is not None]

    def left(self) -> list[int | None]:
        """The step with which each median path left the bounds or diverged; None for none."""
        return [t.left_at() for t in self.trajectories]

    def table(self) -> Table:
        """A row for each schedule and step: the rate that led there, and f in the median run."""
        parts = []
        for rates, t in zip(self.rates, self.trajectories, strict=True):
            assert t.band is not None
            count = t.band.values.shape[1]
            parts.append(Table({"step": np.arange(count), "rate": np.append(np.nan, rates)[:count],
                                "value": t.band.values[1]}))  # fmt: skip
        columns = stacked(parts, schedule=self.names)
        return Table(columns, ("schedule", "step"), "schedules")

    def summary(self) -> Table:
        """The median value of each at the end."""
        last = [gap[1, -1] for gap in self.gaps()]
        columns = {"schedule": np.array(self.names), "f − f*": np.array(last),
                   "left": np.array([v is not None for v in self.left()])}  # fmt: skip
        return Table(columns, title=f"schedules on {self.trajectories[0].function.name}")


class SchedulesStudy(OnFunction, Drawn):
    """What does a schedule of the learning rate do to a path and to its loss?

    The same optimizer runs with each schedule under the same noise on its gradients, and all begin
    or peak at the same rate. A constant rate ends in a cloud around the minimum; one that falls
    lets the noise die down.
    """

    natural = (1000, 600)
    examples = ("schedules", "schedules --optimizer momentum --lr 0.2 --on beale --noise 0.2")

    optimizer: Annotated[str, Field(description="Without its rate, such as momentum.")] = "sgd"
    schedules: Annotated[Words, Field(description=f"Of {', '.join(HUES)}.")] = (
        "constant", "step", "exponential", "cosine", "warmup", "onecycle",
    )  # fmt: skip
    lr: Annotated[float, Field(gt=0, le=1e6, description="The largest rate of each.")] = 0.9
    steps: Steps = 150
    start: Start = None
    noise: Annotated[
        float, Field(gt=0, description="Standard deviation of noise on the gradient.")
    ] = 1.0
    runs: Annotated[int, Field(ge=2, le=1000, description="Runs: medians and bands.")] = 30
    seed: Seed = 0

    @field_validator("schedules")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError(f"give at least one of {listed(HUES)}")
        for name in names:
            if name not in HUES:
                hint = did_you_mean(name, HUES)
                raise ValueError(f"there is no schedule {name!r}{hint}; there are {listed(HUES)}")
        return tuple(dict.fromkeys(names))

    @field_validator("optimizer")
    @classmethod
    def _without_rate(cls, text: str) -> str:
        made = parse_optimizer(text, own=False)
        if f"{made.rate_name}=" in text:
            raise ValueError("leave the rate out of the optimizer: --lr gives the largest of each")
        return text

    def run(self, progress: Progress | None = None) -> Schedules:
        """So many noisy runs with each schedule."""
        rates = np.empty((len(self.schedules), self.steps))
        found = []
        for k, name in enumerate(self.schedules):
            schedule = schedule_of(name, self.lr, self.steps)
            rates[k] = [float(schedule(t)) for t in range(self.steps)]
            optimizer = parse_optimizer(self.optimizer, own=False)
            setattr(optimizer, optimizer.rate_name, schedule)
            found.append(ensemble(
                self.f, optimizer, runs=self.runs, noise=self.noise, rng=self.seed or 0,
                start=self.start, steps=self.steps,
            ))  # fmt: skip
            if progress is not None:
                progress(k + 1, len(self.schedules), name)
        return Schedules(self.schedules, rates, tuple(found), self)

    def finding(self, result: Schedules) -> str:
        """The median value at the end, the lowest first."""
        last, left = [float(gap[1, -1]) for gap in result.gaps()], result.left()
        order = [k for k in np.argsort(last, kind="stable") if left[k] is None]
        f = "f" if self.f.minimum is None else "f − f*"
        told = listed(f"{result.names[k]} {rounded(last[k], 2)}" for k in order)
        lost = listed(name for name, step in zip(result.names, left, strict=True) if step)
        parts = [f"Median {f} after {self.steps} noisy steps: {told}"] if order else []
        return "; ".join([*parts, *([f"left the picture: {lost}"] if lost else [])])

    def draw(self, result: Schedules, sheet: Sheet) -> None:  # type: ignore[override]
        """The rates, the loss, and the median paths on the map."""
        from optviz.render import contour
        from optviz.render.layout import Box
        from optviz.render.paths import shown_points

        look, f = sheet.look, self.f
        sheet.legend([sheet.handle(name, HUES[name]) for name in result.names])
        name = type(parse_optimizer(self.optimizer, own=False)).__name__
        sheet.heading(f"Schedules of {name}'s rate on {f.title or f.name}")
        box, unit = sheet.free(left=4.4, right=1.2), sheet.unit
        wide = 0.5 * box.width - 4 * unit
        left, tall = box.left + wide + 5.6 * unit, (box.height - 4.6 * unit) / 2
        axes = sheet.axes(Box(box.left, box.top + 1.2 * unit, wide, box.height - 1.2 * unit), "map")
        contour.draw_ground(axes, f, contour.ground(f), look)
        contour.draw_minima(axes, f, look)
        for hue, t in zip(map(HUES.get, result.names), result.trajectories, strict=True):
            points, has_left = shown_points(t), t.left_at() is not None
            axes.plot(*points.T, color=hue, linewidth=1.3, zorder=5, clip_on=True)
            axes.plot(*points[-1:].T, "X" if has_left else "o", color=hue, zorder=8.5,
                      markersize=0.6 * look.font, markeredgecolor=look.theme.paper)  # fmt: skip
        side = box.left + box.width - left
        rates = sheet.axes(Box(left, box.top + 1.2 * unit, side, tall - 1.2 * unit), "rate")
        loss = sheet.axes(Box(left, box.top + tall + 4.6 * unit, side, tall), "loss")
        self._draw_rates(rates, result, look)
        self._draw_loss(loss, result, look)
        sheet.small_print([
            f"largest rate {rounded(self.lr)} for all", f"{self.steps} steps",
            f"gradient noise σ = {rounded(self.noise)}, the same for all",
            f"median of {self.runs} runs", "paths: medians by coordinate", f"seed {self.seed}",
        ])  # fmt: skip

    @staticmethod
    def _draw_rates(axes: Axes, result: Schedules, look: Look) -> None:
        for name, row in zip(result.names, result.rates, strict=True):
            axes.plot(np.arange(1, len(row) + 1), row, color=HUES[name], linewidth=1.7)
        axes.set_xlim(0, result.rates.shape[1])
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_title("rate of each step", loc="left", fontsize=look.font, pad=4,
                       color=look.theme.quiet)  # fmt: skip

    def _draw_loss(self, axes: Axes, result: Schedules, look: Look) -> None:
        for name, gap, left in zip(result.names, result.gaps(), result.left(), strict=True):
            # What has left the picture drops out of the scale.
            if left is None:
                axes.plot(gap[1], color=HUES[name], linewidth=1.7)
        is_gap = self.f.minimum is not None
        if is_gap:
            axes.set_yscale("log")
        axes.set_xlim(0, result.rates.shape[1])
        axes.set_xlabel("step", labelpad=1)
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_title(f"median {'f − f*' if is_gap else 'f'}", loc="left", fontsize=look.font,
                       pad=4, color=look.theme.quiet)  # fmt: skip
