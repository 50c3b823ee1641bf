"""Basins of attraction: from each point of a grid, the minimum that an optimizer reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from optviz.functions.base import Function
from optviz.functions.stationary import stationary_points
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis
from optviz.runs.basins import SIZE, SLOW_SIZE, WITHOUT, Basins, axes_of
from optviz.runs.race import several
from optviz.runs.sweep import check_memory, part_of, sweep
from optviz.runs.tuning import tune
from optviz.shared.text import percent
from optviz.studies.settings import (
    Counts,
    Entries,
    GridSize,
    Noise,
    NoPaths,
    On,
    Seed,
    Steps,
    Tol,
    seed_of,
)  # fmt: skip
from optviz.studies.study import Drawn, OnFunction, Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet


class BasinsStudy(OnFunction, Drawn):
    """Runs from each point of a grid: the hue is the minimum reached, the shade the steps taken."""

    examples = ("basins adam momentum --on himmelblau",)

    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("seed", "with noise", lambda s: s.noise, "add --noise 0.1 (noise=0.1 in Python)"),
    )
    optimizers: Annotated[Entries, NoPaths] = ("adam", "momentum")  # type: ignore[assignment]
    on: On = "himmelblau"  # type: ignore[assignment]
    steps: Steps = 1000
    tol: Tol = 1e-6
    noise: Noise = 0.0
    seed: Seed = 0
    size: GridSize = None

    @model_validator(mode="after")
    def _has_somebody(self) -> BasinsStudy:
        several(self.optimizers, "basins")
        axes_of(self.f, self.size)
        return self

    def run(self, progress: Progress | None = None) -> Basins:
        """A sweep over all starts for each optimizer, tuned first where its rate is open."""
        f, items, seed = self.f, self.optimizers, self.seed or 0
        is_quick = all(entry.optimizer.is_compiled for entry in items)
        x, y = axes_of(f, self.size, SIZE if is_quick else SLOW_SIZE)
        check_memory(x.count * y.count * len(items))
        starts = np.stack(np.meshgrid(_centers(x), _centers(y)), axis=-1).reshape(-1, 2)
        sweeps, remarks = [], []
        for k, entry in enumerate(items):
            optimizer, remark = entry.optimizer, str(entry.own.get("remark", ""))
            if entry.is_tuned:
                found = tune(f, optimizer, steps=self.steps, noise=self.noise)
                optimizer, remark = found.best, found.remark
            remarks.append(remark)
            sweeps.append(
                sweep(f, optimizer, starts, steps=self.steps, tol=self.tol, noise=self.noise,
                      rng=seed, progress=part_of(progress, k, len(items)))
            )  # fmt: skip
        size = (x.count, y.count)
        return Basins(tuple(sweeps), tuple(remarks), size, stationary_points(f), self)

    def finding(self, result: Basins) -> str:
        """The share of starts that reach a global minimum; where there is none, any."""
        from optviz.render.style import strokes_of
        from optviz.render.theme import THEMES

        names = [s.name for s in strokes_of([x.optimizer for x in result.sweeps], THEMES["light"])]
        known = len(result.function.minima)
        shares = result.shares()[:, : known or -len(WITHOUT)].sum(axis=1)
        what = "a global minimum" if known else "a local minimum"
        parts = [f"{n}: {percent(share)}" for n, share in zip(names, shares, strict=True)]
        return f"Starts that reach {what}: {', '.join(parts)}"

    def sheet(self, result: Basins) -> Sheet:
        """A sheet that is as large as its maps: `size` counts starts, not pixels."""
        return self.sheet_of(None, result)

    def draw(self, result: Basins, sheet: Sheet) -> None:  # type: ignore[override]
        """A map for each optimizer, and below it the shares."""
        from optviz.render.basins import draw_maps

        if self.size not in (None, result.size):
            w, h = result.size
            raise ValueError(f"these basins have {w}x{h} starts, a pixel each: size cannot differ")
        draw_maps(sheet, result)


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
        Starts across and down, each in the middle of its pixel; unless given 800 along the longer
        side, or 60 where an optimizer is not compiled.

    Examples
    --------
    >>> import optviz as ov
    >>> b = ov.basins("(x**2 - 1)**2 + y**2", "sgd:lr=0.005", size=(60, 40))
    >>> b.reached.shape, b.shares().tolist()
    ((1, 40, 60), [[0.5, 0.5, 0.0, 0.0, 0.0, 0.0]])
    """
    made = BasinsStudy.checked(
        optimizers=optimizers, on=f, size=size, steps=steps, tol=tol, noise=noise, seed=seed_of(rng)
    )
    return made.run(progress)


def _centers(axis: Axis) -> NDArray[np.float64]:
    """The middles of `count` pixels between the ends."""
    share = (np.arange(axis.count) + 0.5) / axis.count
    return np.asarray(axis.low + share * (axis.high - axis.low))
