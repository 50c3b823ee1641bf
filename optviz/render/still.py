"""When a film has nothing more to show: from which step on nothing moves that an eye could see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optviz.render import curves, paths
from optviz.runs.trajectory import Trajectory

Real = NDArray[np.float64]

#: What moves by less than this, in pixels, stands still.
STILL = 0.25


def still_from(
    runs: Sequence[Trajectory], size: tuple[int, int], *, with_curve: bool = True
) -> int:
    """The first step from which on no path moves on its map, and no curve goes up or down.

    Map and curve are taken to be as large as the whole sheet: what stands still here does so in
    the film.
    """
    (x0, x1), (y0, y1) = runs[0].function.bounds
    scale = min(size[0] / (x1 - x0), size[1] / (y1 - y0))
    ways = [(t, scale * way) for t in runs for way in _on_map(t)]
    if with_curve:
        ways += _on_curve(runs, size[1])
    left = [t.left_at() or 0 for t in runs]  # where a head becomes a cross
    return max(*left, *(min(_rest(way), len(t.points) - 1) for t, way in ways), 0)


def steps_shown(last: int, per_frame: int, still: int) -> list[int]:
    """The step at which each frame stands: up to where all stand still, and the last."""
    end = min(-(-still // per_frame) * per_frame, last)
    steps = list(range(0, end + 1, per_frame))
    return steps if steps[-1] == last else [*steps, last]


def remark_of(shown: Sequence[int], per_frame: int, still: int) -> str:
    """What the small print says if frames were left out."""
    is_cut = len(shown) > 1 and shown[-1] - shown[-2] > per_frame
    return f"still from step {still:,} on" if is_cut else ""


def _on_map(t: Trajectory) -> list[Real]:
    """The path, and the noisy runs behind it."""
    return [paths.shown_points(t), *([] if t.band is None else t.band.paths)]


def _on_curve(runs: Sequence[Trajectory], height: float) -> list[tuple[Trajectory, Real]]:
    """Heights of the curves in pixels, with the edges of their bands."""
    f = runs[0].function
    is_log = f.minimum is not None
    rows = [(t, _heights(row, is_log)) for t in runs
            for table in curves.rows_of("gap", f, t) for row in table]  # fmt: skip
    # Who left the picture does not count for the scale, unless everybody did.
    told = [row for t, row in rows if t.left_at() is None] or [row for _, row in rows]
    values = np.concatenate([row[row < curves.HIGHEST] for row in told])
    span = max(float(np.ptp(values)), 0.17 if is_log else 1e-12)
    return [(t, height / span * row) for t, row in rows]


def _heights(row: Real, is_log: bool) -> Real:
    row = np.minimum(row, curves.HIGHEST)
    return np.asarray(np.log10(np.maximum(row, curves.FLOOR)) if is_log else row)


def _rest(way: Real) -> int:
    """The first index from which on a way stays where it ends; nan is nowhere."""
    way = way.reshape(len(way), -1)
    known = np.flatnonzero(np.isfinite(way).all(axis=1))
    if not known.size:
        return 0
    away = np.abs(way[known] - way[known[-1]]).max(axis=1)
    moving = known[away > STILL]
    return int(moving[-1]) + 1 if moving.size else 0
