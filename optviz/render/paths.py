"""Paths on a map: line, halo, marks, start, end, and where one left."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from optviz.render.frame import Frame
from optviz.render.style import Look, Stroke
from optviz.runs.trajectory import Trajectory

Real = NDArray[np.float64]


def shown_points(t: Trajectory) -> Real:
    """The path up to the edge of the picture if it left, clipped to what a canvas can take."""
    left = t.left_at()
    if left is None:
        return t.points
    if left < len(t.points):
        return np.concatenate([t.points[:left], exit_point(t)[None]])
    # It diverged within one step: there is no last point to head for.
    return t.points[:left]


def exit_point(t: Trajectory) -> Real:
    """Where the step that left crosses the edge of the bounds."""
    left = t.left_at()
    assert left is not None
    before = t.points[max(left - 1, 0)]
    if left >= len(t.points):
        return np.asarray(before)
    step = t.points[left] - before
    low, high = np.array(t.function.bounds).T
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(step > 0, (high - before) / step, (low - before) / step)
    reach = np.where(np.isfinite(reach) & (step != 0), reach, np.inf)
    return np.asarray(before + np.clip(reach.min(), 0, 1) * step)


def draw_path(axes: Axes, t: Trajectory, stroke: Stroke, every: int, look: Look) -> list[Line2D]:
    """A whole path: halo, line, a mark every `every` steps; its noisy runs behind it."""
    if t.band is not None:
        axes.add_collection(
            LineCollection(list(t.band.paths), colors=stroke.color, linewidths=0.6, alpha=0.22,
                           zorder=3.5)
        )  # fmt: skip
    points = shown_points(t)
    marks = np.arange(0, len(points) - (t.left_at() is not None), every)
    (halo,) = axes.plot(*points.T, color=look.theme.paper, linewidth=3.4, alpha=0.85, zorder=4,
                        solid_capstyle="round")  # fmt: skip
    (line,) = axes.plot(
        *points.T, color=stroke.color, linestyle=stroke.dash, linewidth=1.7, zorder=5,
        marker=stroke.marker, markersize=4, markevery=list(marks), markeredgecolor=look.theme.paper,
        markeredgewidth=0.5,
    )  # fmt: skip
    return [halo, line]


def draw_start(axes: Axes, start: tuple[float, float], look: Look) -> Artist:
    """A hollow ring."""
    (ring,) = axes.plot(*start, "o", markersize=10, markerfacecolor="none",
                        markeredgecolor=look.theme.ink, markeredgewidth=1.4, zorder=7,
                        clip_on=False)  # fmt: skip
    return ring


def draw_end(axes: Axes, t: Trajectory, stroke: Stroke, look: Look) -> Artist:
    """The last point, or a cross where the path left the picture."""
    left = t.left_at() is not None
    x, y = exit_point(t) if left else t.points[-1]
    (end,) = axes.plot(
        x, y, marker="X" if left else stroke.marker, markersize=9 if left else 6,
        color=stroke.color, markeredgecolor=look.theme.paper, markeredgewidth=1.0, zorder=9,
        clip_on=False,
    )  # fmt: skip
    if left:
        _draw_heading(axes, t, stroke)
    return end


def _draw_heading(axes: Axes, t: Trajectory, stroke: Stroke) -> None:
    """A short arrow beyond the edge, along the step that left."""
    k = t.left_at() or 0
    if k >= len(t.points):
        return
    step = t.points[k] - t.points[max(k - 1, 0)]
    length = float(np.hypot(*step))
    if not (np.isfinite(length) and length > 0):
        return
    axes.annotate(
        "", xy=tuple(exit_point(t)), xytext=tuple(15 * step / length),
        textcoords="offset points", annotation_clip=False, zorder=8,
        arrowprops={"arrowstyle": "<|-,head_width=0.25,head_length=0.4", "color": stroke.color,
                    "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip


def draw_exit_texts(frame: Frame) -> None:
    """ "left at step 41" beside each cross, inside the picture.

    Where several paths left together the first one's text stands there; the legend has them all.
    """
    look = frame.look
    taken: list[tuple[Axes, float, float]] = []
    for k, (t, stroke) in enumerate(zip(frame.trajectories, frame.strokes, strict=True)):
        left = t.left_at()
        if left is None:
            continue
        axes = frame.map_of(k)
        x, y = exit_point(t)
        (x0, x1), (y0, y1) = t.function.bounds
        toward = (1 if x < (x0 + x1) / 2 else -1, 1 if y < (y0 + y1) / 2 else -1)
        px, py = axes.transData.transform((x, y))
        if any(axes is a and abs(px - u) < 14 * look.unit and abs(py - v) < 1.6 * look.unit
               for a, u, v in taken):  # fmt: skip
            continue
        taken.append((axes, px, py))
        axes.annotate(
            f"left at step {left}", (x, y), xytext=(9 * toward[0], 9 * toward[1]),
            textcoords="offset points", ha="left" if toward[0] > 0 else "right", va="center",
            fontsize=0.85 * look.font, color=stroke.color, zorder=10,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": look.theme.paper, "edgecolor": "none",
                  "alpha": 0.8},
        )  # fmt: skip
