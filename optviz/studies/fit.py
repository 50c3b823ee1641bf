"""Under-fitting, a good fit, and over-fitting: networks of growing capacity on few samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn.capacity import (
    CLASSIFICATION,
    REGRESSION,
    TASKS,
    Samples,
    errors,
    samples_of,
    trained,
    truth,
)  # fmt: skip
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import counted, percent, rounded
from optviz.studies.settings import Seed, Sizes
from optviz.studies.study import Drawn, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

Real = NDArray[np.float64]

#: Points of a curve, and along each side of a plane.
LINE, SIDE = 240, 90
TRAINING, TEST = "#0072B2", "#D55E00"
HUES = ("#0072B2", "#D55E00")
WHAT = {REGRESSION: "rms error", CLASSIFICATION: "share wrong"}


@dataclass(frozen=True, repr=False, eq=False)
class Fits(Tabular):
    """Networks of each capacity on both tasks.

    Attributes
    ----------
    units : ndarray (n,)
        Hidden units.
    errors : ndarray (2, 2, n, runs)
        Of regression (root mean square) and classification (share wrong), in training and in the
        test.
    line : ndarray (points,), curves : ndarray (n, points)
        Places, and what the first run's networks say there.
    sides : ndarray (2, points), planes : ndarray (n, points, points)
        Places along x and y, and the probability of class 1 there (rows are y).
    samples : tuple of Samples
        The first run's, of both tasks.
    study
        The settings that made it.
    """

    units: NDArray[np.int64]
    errors: Real
    line: Real
    curves: Real
    sides: Real
    planes: Real
    samples: tuple[Samples, Samples]
    study: Any = field(repr=False)

    def best(self, task: int) -> int:
        """Which capacity has the lowest median error in the test."""
        return int(np.argmin(np.median(self.errors[task, 1], axis=1)))

    def shown(self, task: int) -> list[int]:
        """The smallest, the best and the largest; the middle one, if the best is at an end."""
        last = len(self.units) - 1
        best = self.best(task)
        return sorted({0, best if 0 < best < last else (last + 1) // 2, last})

    def table(self) -> Table:
        """A row for each task, capacity and run."""
        count, runs = self.errors.shape[2:]
        columns = {
            "task": np.repeat(TASKS, count * runs),
            "units": np.tile(np.repeat(self.units, runs), 2),
            "run": np.tile(np.arange(runs), 2 * count),
            "training": self.errors[:, 0].ravel(), "test": self.errors[:, 1].ravel(),
        }  # fmt: skip
        return Table(columns, ("task", "units", "run"), "capacity")

    def summary(self) -> Table:
        """The median errors in the test."""
        medians = np.median(self.errors[:, 1], axis=2)
        return Table({"units": self.units, **{f"{task}, test": row for task, row in zip(
            TASKS, medians, strict=True)}}, title="error by capacity")  # fmt: skip


class FitStudy(Drawn):
    """What are under-fitting and over-fitting?

    Networks with one hidden layer learn a wave from a few noisy points, and two moons from a few
    noisy samples. From left to right: the fewest hidden units, those that are best in the test,
    the most; beside them the errors in training and in the test by capacity.
    """

    natural = (1180, 620)
    examples = ("fit", "fit --samples 15 --noise 0.3 --units 1,3,10,30,100")

    units: Annotated[Sizes, Field(description="Hidden units, from few to many.")] = (
        1, 2, 4, 8, 16, 64,
    )  # fmt: skip
    samples: Annotated[int, Field(ge=4, le=2000, description="For training, of each task.")] = 25
    noise: Annotated[float, Field(ge=0, le=3, description="Standard deviation.")] = 0.25
    steps: Annotated[int, Field(ge=1, le=10**6, description="Steps of training.")] = 2000
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 3
    seed: Seed = 0

    @field_validator("units")
    @classmethod
    def _rising(cls, units: tuple[int, ...] | None) -> tuple[int, ...]:
        if not units or max(units) > 2000:
            raise ValueError("units must be numbers of hidden units from 1 to 2,000")
        return tuple(sorted(set(units)))

    def run(self, progress: Progress | None = None) -> Fits:
        """A network for each task, capacity and run."""
        units, seed = self.units or (), self.seed or 0
        found = np.empty((2, 2, len(units), self.runs))
        line = np.linspace(0, 1, LINE)
        curves, planes = np.empty((len(units), LINE)), np.empty((len(units), SIDE, SIDE))
        firsts = tuple(samples_of(task, self.samples, self.noise, seed, 0) for task in TASKS)
        sides = _sides(firsts[1].x)
        places = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
        total = len(units) * self.runs
        for k, count in enumerate(units):
            for run in range(self.runs):
                for j, task in enumerate(TASKS):
                    samples = samples_of(task, self.samples, self.noise, seed, run)
                    network = trained(task, samples, count, self.steps, seed, run)
                    found[j, :, k, run] = errors(task, network, samples)
                    if run == 0 and j == 0:
                        curves[k] = network.predict(line[:, None])[:, 0]
                    elif run == 0:
                        planes[k] = network.predict_proba(places)[:, 1].reshape(SIDE, SIDE)
                if progress is not None:
                    progress(k * self.runs + run + 1, total, f"{count} units")
        return Fits(np.array(units), found, line, curves, sides, planes, (firsts[0], firsts[1]),
                    self)  # fmt: skip

    def finding(self, result: Fits) -> str:
        """The errors of the smallest, the best and the largest capacity in the test."""
        return f"Error in the test: {'; '.join(self._told(result, j) for j in range(len(TASKS)))}"

    def _told(self, result: Fits, j: int) -> str:
        test, best, last = result.errors[j, 1], result.best(j), len(result.units) - 1

        def one(k: int) -> str:
            error = float(np.median(test[k]))
            told = percent(error) if TASKS[j] == CLASSIFICATION else rounded(error, 2)
            return f"{counted(int(result.units[k]), 'unit')} {told}"

        smallest = f"{one(0)}, " if best else ""
        if best == last:
            return f"{TASKS[j]}, {smallest}{one(best)} (the most are best: no over-fitting)"
        worse = int((test[last] > test[best]).sum())
        often = f"worse in {worse} of {counted(self.runs, 'run')}"
        return f"{TASKS[j]}, {smallest}best {one(best)}, {one(last)} ({often})"

    def draw(self, result: Fits, sheet: Sheet) -> None:  # type: ignore[override]
        """A row for each task: three fits, and the errors."""
        look = sheet.look
        sheet.legend([
            sheet.handle("error in training", TRAINING, "o"),
            sheet.handle("in the test", TEST, "o"),
            sheet.handle("truth", look.theme.quiet, "", (0, (3, 2))),
        ])  # fmt: skip
        sheet.heading("Under-fitting, a good fit, over-fitting")
        panels = sheet.grid(2, 4, left=3.4, title=2.0, below=2.2)
        for j, task in enumerate(TASKS):
            row = panels[4 * j : 4 * j + 4]
            shown = result.shown(j)
            for axes, k in zip(row, shown, strict=False):
                axes.set_label(f"{task}, {result.units[k]} units")
                (_draw_line if j == 0 else _draw_plane)(axes, result, k, look)
                name = "best in the test: " if k == result.best(j) else ""
                word = "unit" if result.units[k] == 1 else "units"
                row_name = "" if k else f", {task}"
                axes.set_title(f"{name}{result.units[k]} {word}{row_name}", loc="left", pad=4,
                               fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip
            for axes in row[len(shown) : 3]:
                axes.remove()
            self._draw_errors(row[3], result, j, look)
        sheet.small_print([
            f"{self.samples} samples of each task, noise σ = {rounded(self.noise)}",
            f"one hidden layer of tanh units, Adam with lr = 0.02, {self.steps:,} steps on all "
            "samples", "fits: the first run",
            f"errors: median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip

    def _draw_errors(self, axes: Axes, result: Fits, j: int, look: Look) -> None:
        from optviz.render.learning import draw_curve

        axes.set_label(f"{TASKS[j]}, errors")
        for part, color in ((0, TRAINING), (1, TEST)):
            curve = quantiles(result.errors[j, part].T, [0.5, 0.1, 0.9])
            draw_curve(axes, curve if self.runs > 1 else curve[0], color, look, x=result.units)
        axes.axvline(result.units[result.best(j)], color=look.theme.faint, linewidth=1, zorder=0.5)
        axes.set_xscale("log", base=2)
        axes.set_xticks(result.units, [str(n) for n in result.units])
        axes.minorticks_off()
        axes.tick_params(axis="x", labelsize=0.75 * look.font)
        axes.set_ylim(bottom=0)
        if j:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
            axes.set_xlabel("hidden units", labelpad=1)
        axes.set_title(WHAT[TASKS[j]], loc="left", pad=4,
                       fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip


def _sides(x: Real) -> Real:
    """Places along both axes, around the samples."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.15 * (high - low)
    return np.stack([np.linspace(a, b, SIDE) for a, b in zip(low - margin, high + margin,
                                                             strict=True)])  # fmt: skip


def _draw_line(axes: Axes, result: Fits, k: int, look: Look) -> None:
    samples = result.samples[0]
    axes.plot(result.line, truth(result.line), color=look.theme.quiet, linestyle=(0, (3, 2)),
              linewidth=1.2)  # fmt: skip
    axes.plot(result.line, result.curves[k], color=TRAINING, linewidth=2.0)
    axes.plot(samples.x[:, 0], samples.y[:, 0], "o", color=look.theme.ink, zorder=5,
              markersize=0.3 * look.font)  # fmt: skip
    low, high = float(samples.y.min()), float(samples.y.max())
    axes.set_xlim(0, 1)
    axes.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))


def _draw_plane(axes: Axes, result: Fits, k: int, look: Look) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    samples, (x, y) = result.samples[1], result.sides
    shades = LinearSegmentedColormap.from_list("two", [HUES[0], look.theme.paper, HUES[1]])
    axes.pcolormesh(x, y, result.planes[k], cmap=shades, vmin=0, vmax=1, alpha=0.45,
                    shading="nearest", rasterized=True, zorder=0)  # fmt: skip
    if result.planes[k].min() < 0.5 < result.planes[k].max():
        axes.contour(x, y, result.planes[k], [0.5], colors=look.theme.ink, linewidths=1.2)
    for label, hue in enumerate(HUES):
        part = samples.x[samples.y == label]
        axes.plot(*part.T, "o", color=hue, markersize=0.36 * look.font, zorder=5,
                  markeredgecolor=look.theme.paper, markeredgewidth=0.6)  # fmt: skip
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
