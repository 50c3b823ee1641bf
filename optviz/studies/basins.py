"""Basins of attraction: from each point of a grid, the minimum that an optimizer reaches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function, function
from optviz.functions.stationary import StationaryPoints, stationary_points
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis
from optviz.runs.chunks import capture_radius, nearest
from optviz.runs.race import chosen, several
from optviz.runs.sweep import Sweep, check_memory, part_of, sweep

#: Starts along the longer side unless told.
SIZE = 800
#: In `Basins.reached`: overflow, and neither at a minimum nor gone.
LOST, NOWHERE = -2, -1


@dataclass(frozen=True)
class Basins:
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
    """

    sweeps: tuple[Sweep, ...]
    remarks: tuple[str, ...]
    size: tuple[int, int]
    stationary: StationaryPoints

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweeps[0].function

    @property
    def grid(self) -> tuple[Axis, Axis]:
        """The axes, which are divided into pixels."""
        return axes_of(self.function, self.size)

    @functools.cached_property
    def reached(self) -> NDArray[np.int16]:
        """For each optimizer and start the index into `stationary.minima`; `NOWHERE` (−1) for a
        run that has not arrived, `LOST` (−2) for one that diverged. Shape (optimizers, h, w)."""
        width, height = self.size
        minima = self.stationary.minima
        radius = capture_radius(self.function, minima)
        out = []
        for s in self.sweeps:
            index = s.basin
            if len(minima) > len(self.function.minima):
                index = nearest(np.nan_to_num(s.final, nan=np.inf), minima, radius)
            out.append(np.where(s.diverged, LOST, index).reshape(height, width))
        return np.array(out, dtype=np.int16)

    @functools.cached_property
    def steps_taken(self) -> NDArray[np.int32]:
        """Steps until the run converged or ended, shape (optimizers, h, w)."""
        width, height = self.size
        return np.array([s.steps_taken.reshape(height, width) for s in self.sweeps])

    def shares(self) -> NDArray[np.float64]:
        """The share of starts that reached each minimum, then that went nowhere, then that
        diverged; shape (optimizers, minima + 2)."""
        count = len(self.stationary.minima)
        rows = []
        for reached in self.reached:
            by_index = np.bincount(reached.ravel() - LOST, minlength=count + 2)
            rows.append([*by_index[2:], by_index[1], by_index[0]] / by_index.sum())
        return np.array(rows)


def basins(
    f: str | Function,
    optimizers: str | Optimizer | Sequence[str | Optimizer],
    *,
    size: tuple[int, int] | None = None,
    steps: int = 1000,
    tol: float = 1e-6,
    noise: float = 0.0,
    rng: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Basins:
    """Run optimizers from each point of a grid over the function's bounds.

    Parameters
    ----------
    f, steps, tol, noise, rng, progress
        As for `sweep`.
    optimizers
        One or several, or text such as "adam" or "adam:lr=0.3"; text without a rate gets the one
        that `tune` finds.
    size : (int, int), optional
        Starts across and down, each in the middle of its pixel; 800 along the longer side unless
        given.

    Examples
    --------
    >>> import optviz as ov
    >>> b = ov.basins("(x**2 - 1)**2 + y**2", "sgd:lr=0.005", size=(60, 40))
    >>> b.reached.shape, b.shares().tolist()
    ((1, 40, 60), [[0.5, 0.5, 0.0, 0.0]])
    """
    f = function(f)
    x, y = axes_of(f, size)
    items = several(optimizers, "basins")
    check_memory(x.count * y.count * len(items))
    starts = np.stack(np.meshgrid(_centers(x), _centers(y)), axis=-1).reshape(-1, 2)
    made = [chosen(f, item, steps=steps) for item in items]
    sweeps = []
    for k, (optimizer, _) in enumerate(made):
        sweeps.append(
            sweep(f, optimizer, starts, steps=steps, tol=tol, noise=noise, rng=rng,
                  progress=part_of(progress, k, len(made)))
        )  # fmt: skip
    remarks = tuple(remark for _, remark in made)
    return Basins(tuple(sweeps), remarks, (x.count, y.count), stationary_points(f))


def axes_of(f: Function, size: tuple[int, int] | None) -> tuple[Axis, Axis]:
    """The axes of a grid with `size` points in the function's bounds."""
    (x0, x1), (y0, y1) = f.bounds
    if size is None:
        longer = max(x1 - x0, y1 - y0)
        size = max(2, round(SIZE * (x1 - x0) / longer)), max(2, round(SIZE * (y1 - y0) / longer))
    try:
        width, height = size
    except (TypeError, ValueError):
        raise ValueError(f"size must be two whole numbers, not {size!r}") from None
    return Axis("x", x0, x1, width), Axis("y", y0, y1, height)


def _centers(axis: Axis) -> NDArray[np.float64]:
    """The middles of `count` pixels between the ends."""
    share = (np.arange(axis.count) + 0.5) / axis.count
    return np.asarray(axis.low + share * (axis.high - axis.low))
