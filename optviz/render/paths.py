"""Paths on a map: line, halo, marks, start, end, and where one left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from optviz.functions.base import Function
from optviz.render import contour
from optviz.render.frame import Frame
from optviz.render.style import Look, Stroke, point_text, who
from optviz.runs.trajectory import Trajectory

Real = NDArray[np.float64]

#: The size of an end's mark in points, and of one that has a star on it.
END, UNDER_STAR = 6.0, 12.5


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
        draw_runs(axes, stroke).set_segments(list(t.band.paths))
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


def draw_runs(axes: Axes, stroke: Stroke) -> LineCollection:
    """No lines yet, for the noisy runs behind a path."""
    runs = LineCollection([], colors=stroke.color, linewidths=0.6, alpha=0.22, zorder=3.5)
    axes.add_collection(runs, autolim=False)
    return runs


def draw_start(axes: Axes, start: tuple[float, float], look: Look) -> Artist:
    """A hollow ring."""
    (ring,) = axes.plot(*start, "o", markersize=10, markerfacecolor="none",
                        markeredgecolor=look.theme.ink, markeredgewidth=1.4, zorder=7,
                        clip_on=False)  # fmt: skip
    return ring


def star_at(axes: Axes, f: Function, point: Real) -> int | None:
    """The minimum whose star would cover a mark at a point, as the axes stand."""
    if not len(f.minima):
        return None
    away = axes.transData.transform(f.minima) - axes.transData.transform(point)
    figure = axes.figure
    assert figure is not None
    near = np.hypot(*away.T) * 72 / figure.dpi
    return int(near.argmin()) if near.min() < contour.STAR / 2 else None


def end_sizes(frame: Frame) -> list[float]:
    """Of the marks at the ends, in points. Those below a star are larger than it, each larger
    than the next, so that all can be seen."""
    out: list[float] = []
    stars: list[tuple[Axes, int]] = []
    for k, t in reversed(list(enumerate(frame.trajectories))):
        axes = frame.map_of(k)
        star = None if t.left_at() is not None else star_at(axes, frame.function, t.points[-1])
        if star is None:
            out.append(END)
            continue
        out.append(UNDER_STAR + 3.5 * min(stars.count((axes, star)), 3))
        stars.append((axes, star))
    return out[::-1]


def draw_end(
    axes: Axes, t: Trajectory, stroke: Stroke, look: Look, size: float | None = None
) -> Artist:
    """The last point, or a cross where the path left the picture."""
    left = t.left_at() is not None
    x, y = exit_point(t) if left else t.points[-1]
    if size is None:
        size = END if star_at(axes, t.function, t.points[-1]) is None else UNDER_STAR
    (end,) = axes.plot(
        x, y, marker="X" if left else stroke.marker, markersize=9 if left else size,
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
    """ "left at step 41" (or "no value …", where f has none) beside each cross.

    Where several paths left together the first one's text stands there; the legend has them all.
    """
    look = frame.look
    taken: list[tuple[Axes, float, float]] = []
    for k, (t, stroke) in enumerate(zip(frame.trajectories, frame.strokes, strict=True)):
        if t.left_at() is None:
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
            t.exit_words(), (x, y), xytext=(9 * toward[0], 9 * toward[1]),
            textcoords="offset points", ha="left" if toward[0] > 0 else "right", va="center",
            fontsize=0.85 * look.font, color=stroke.color, zorder=10, bbox=_ground(look),
        )  # fmt: skip


def _ground(look: Look) -> dict[str, object]:
    """What lets a text on a map be read over lines."""
    return {"boxstyle": "round,pad=0.15", "facecolor": look.theme.paper, "edgecolor": "none",
            "alpha": 0.8}  # fmt: skip


def draw_names(frame: Frame) -> None:
    """Where runs of one optimizer are compared on one map, what tells each from the others: its
    start beside the start, the rest beside the end; nothing where it would hide something."""
    kinds = [who(t).name for t in frame.trajectories]
    if len(frame.maps) > 1 or len(set(kinds)) == len(kinds):
        return
    axes, look = frame.maps[0], frame.look
    starts = list(dict.fromkeys(t.start for t in frame.trajectories))
    ends = [
        (tuple(t.points[-1]), s) for t, s in zip(frame.trajectories, frame.strokes, strict=True)
        if t.left_at() is None and kinds.count(who(t).name) > 1
    ]  # fmt: skip
    named = [(p, point_text(p), look.theme.ink) for p in starts if len(starts) > 1]
    named += [(p, s.name, s.color) for p, s in ends if "from (" not in s.name]
    marks = [*frame.function.minima, *starts, *(p for p, _ in ends)]
    taken = [_box_at(axes, p, 0.0, look.unit) for p in marks]
    lines = [Path(axes.transData.transform(shown_points(t))) for t in frame.trajectories]
    for point, name, color in named:
        for rise in (0.0, 1.5, -1.5, 3.0, -3.0):
            box = _box_at(axes, point, 0.55 * len(name) + 0.5, look.unit, rise)
            inside = axes.bbox.x1 >= box.x1 and axes.bbox.y0 <= box.y0 and axes.bbox.y1 >= box.y1
            is_free = not any(box.overlaps(other) for other in taken)
            if inside and is_free and not any(line.intersects_bbox(box, False) for line in lines):
                break
        else:
            continue
        taken.append(box)
        axes.annotate(
            name, point, xytext=(0.9 * look.font, rise * look.font), textcoords="offset points",
            ha="left", va="center", fontsize=0.85 * look.font, color=color, zorder=9.5,
            parse_math=False, bbox=_ground(look),
        )  # fmt: skip


def _box_at(
    axes: Axes, point: Sequence[float], characters: float, unit: float, rise: float = 0.0
) -> Bbox:
    """In pixels: around a mark, or where a text of so many units stands beside it, or higher."""
    x, y = axes.transData.transform(point)
    y += rise * unit
    left, right = (0.9, 0.9 + characters) if characters else (-0.5, 0.5)
    return Bbox.from_extents(x + left * unit, y - 0.7 * unit, x + right * unit, y + 0.7 * unit)
