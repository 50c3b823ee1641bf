"""Where each start of a grid went: to which minimum, or what else became of its run."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.base import Function
from optviz.functions.stationary import StationaryPoints
from optviz.runs.axis import Axis
from optviz.runs.chunks import capture_radius, nearest
from optviz.runs.sweep import Sweep
from optviz.shared.table import Table, Tabular, words

#: Starts along the longer side unless told.
SIZE = 800
#: The same where each step is Python's.
SLOW_SIZE = 60

#: In `Basins.reached`, of runs at no minimum: not converged; converged outside the bounds;
#: converged inside them, at a saddle or where f is flat; diverged.
UNFINISHED, OUTSIDE, ELSEWHERE, LOST = -1, -2, -3, -4
WITHOUT = (UNFINISHED, OUTSIDE, ELSEWHERE, LOST)
OUTCOMES = {
    UNFINISHED: "not converged", OUTSIDE: "converged outside", ELSEWHERE: "converged elsewhere",
    LOST: "diverged",
}  # fmt: skip
#: So many minima that only the runs found are told apart.
MAX_FOUND = 100


@dataclass(frozen=True, repr=False, eq=False)
class Basins(Tabular):
    """Where each start of a grid went, for one or several optimizers.

    Attributes
    ----------
    sweeps
        One for each optimizer, over the same starts (row by row, from the lowest y).
    remarks
        For each optimizer, what a legend says of its rate, such as "best of 61".
    size
        Starts across and down.
    stationary
        The minima (global ones first) and saddles inside the bounds.
    study
        What made it.
    """

    sweeps: tuple[Sweep, ...]
    remarks: tuple[str, ...]
    size: tuple[int, int]
    stationary: StationaryPoints
    study: Any = field(repr=False, compare=False)

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweeps[0].function

    @property
    def grid(self) -> tuple[Axis, Axis]:
        """The axes, which are divided into pixels."""
        return axes_of(self.function, self.size)

    @functools.cached_property
    def found(self) -> NDArray[np.float64]:
        """Minima at which runs converged and that `stationary` does not list, shape (k, 2)."""
        f, listed = self.function, self.stationary
        radius = capture_radius(f, listed.minima)
        ends = np.concatenate([s.final[s.converged] for s in self.sweeps])
        ends = ends[f.contains(ends)]
        ends = ends[nearest(ends, np.vstack([listed.minima, listed.saddles]), radius) < 0]
        kept: list[NDArray[np.float64]] = []
        while len(ends) and len(kept) < MAX_FOUND:
            end = ends[0]
            if np.linalg.eigvalsh(f.hessian(*end))[0] > 0:
                kept.append(end)
            ends = ends[np.hypot(*(ends - end).T) > radius]
        return np.array(kept).reshape(-1, 2)

    @functools.cached_property
    def minima(self) -> NDArray[np.float64]:
        """Those of the function, the other ones listed in `stationary`, and those `found`."""
        return np.vstack([self.stationary.minima, self.found])

    @functools.cached_property
    def reached(self) -> NDArray[np.int16]:
        """For each optimizer and start the index into `minima`, or what became of a run that
        reached none: `UNFINISHED` (−1), `OUTSIDE` (−2), `ELSEWHERE` (−3) or `LOST` (−4). Shape
        (optimizers, h, w).

        A run has reached a minimum if it ended within a hundredth of the bounds' diagonal (less
        where minima lie closer together), and did not converge at a saddle nearer by.
        """
        width, height = self.size
        f, minima = self.function, self.minima
        places = np.vstack([minima, self.stationary.saddles])
        radius = capture_radius(f, minima)
        out = []
        for s in self.sweeps:
            ends = np.nan_to_num(s.final.reshape(-1, 2), nan=np.inf)
            index = nearest(ends, places, radius)
            # A run that is still on its way may pass a saddle.
            unfinished = (index >= len(minima)) & ~s.converged.ravel()
            index[unfinished] = nearest(ends[unfinished], minima, radius)
            at_none = (index < 0) | (index >= len(minima))
            gone = np.where(f.contains(ends), ELSEWHERE, OUTSIDE)
            gone[~s.converged.ravel()] = UNFINISHED
            gone[s.diverged.ravel()] = LOST
            out.append(np.where(at_none, gone, index).reshape(height, width))
        return np.array(out, dtype=np.int16)

    @functools.cached_property
    def steps_taken(self) -> NDArray[np.int32]:
        """Steps until the run converged or ended, shape (optimizers, h, w)."""
        width, height = self.size
        return np.array([s.steps_taken.reshape(height, width) for s in self.sweeps])

    def shares(self) -> NDArray[np.float64]:
        """The share of starts that reached each of `minima`, then of those that did not converge,
        converged outside the bounds, elsewhere inside, and diverged; shape (optimizers,
        minima + 4)."""
        rows = []
        for reached in self.reached:
            counts = np.bincount(reached.ravel() - LOST, minlength=len(self.minima) - LOST)
            rows.append(np.append(counts[-LOST:], counts[-LOST - 1 :: -1]) / reached.size)
        return np.array(rows)

    def table(self) -> Table:
        """A row for each optimizer and start: the minimum reached (−1 for none), what became of the
        run, where it ended, and its steps."""
        count = self.reached[0].size
        optimizers = [s.optimizer.spec() for s in self.sweeps]
        starts = np.tile(self.sweeps[0].starts, (len(self.sweeps), 1))
        ends = np.concatenate([s.final.reshape(-1, 2) for s in self.sweeps])
        reached = self.reached.ravel()
        columns = {
            "optimizer": np.repeat(optimizers, count), "start_x": starts[:, 0],
            "start_y": starts[:, 1], "minimum": np.maximum(reached, -1),
            "outcome": words(np.minimum(reached, 0), {0: "reached a minimum", **OUTCOMES}),
            "x": ends[:, 0], "y": ends[:, 1],
            "value": np.concatenate([s.values.ravel() for s in self.sweeps]),
            "steps": self.steps_taken.ravel(),
        }  # fmt: skip
        about = {"function": self.function.formula, "minima": self.minima.tolist()}
        return Table(columns, ("optimizer", "start_y", "start_x"), self._title, about)

    def summary(self) -> Table:
        """For each optimizer the shares of its runs that converged and diverged."""
        columns = {
            "optimizer": np.array([s.optimizer.spec() for s in self.sweeps]),
            "converged": np.array([f"{np.mean(s.converged):.1%}" for s in self.sweeps]),
            "diverged": np.array([f"{np.mean(s.diverged):.1%}" for s in self.sweeps]),
        }
        return Table(columns, title=self._title)

    @property
    def _title(self) -> str:
        return f"{self.size[0]} × {self.size[1]} starts on {self.function.name}"


def axes_of(
    f: Function, size: tuple[int, int] | None, usual: int = SIZE
) -> tuple[Axis, Axis]:  # fmt: skip
    """The axes of a grid with `size` points in the function's bounds; `usual` along the longer side
    unless given."""
    (x0, x1), (y0, y1) = f.bounds
    if size is None:
        longer = max(x1 - x0, y1 - y0)
        size = max(2, round(usual * (x1 - x0) / longer)), max(2, round(usual * (y1 - y0) / longer))
    try:
        width, height = size
    except (TypeError, ValueError):
        raise ValueError(f"size must be two whole numbers, not {size!r}") from None
    return Axis("x", x0, x1, width), Axis("y", y0, y1, height)
