"""The curve of f − f* that stands beside a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from optviz.functions.catalogue import Function
from optviz.functions.slices import Slice
from optviz.render.ends import draw_ends
from optviz.render.style import Look, Stroke
from optviz.render.ticks import Labels
from optviz.runs.race import SHARES
from optviz.runs.trajectory import Trajectory
from optviz.shared.quantiles import quantiles

Real = NDArray[np.float64]

#: Rounding hides everything below this; the axis ends there, and the small print says so.
FLOOR = 1e-16
#: Infinity, for a canvas.
HIGHEST = 1e150
#: Where bands lie: above the axes' lines, so that a film can draw them over its background.
BAND = 2.6

#: What a curve may show: its title and the name of its axis.
CURVES = {
    "gap": ("suboptimality", "f − f*"),
    "distance": ("distance to the nearest minimum", "‖θ − θ*‖"),
    "gradient": ("gradient", "‖∇f‖"),
    "step": ("length of the step", "‖Δθ‖"),
    "rate": ("effective rate: x with full marks, y with hollow ones", "|Δθᵢ / ∂ᵢf|"),
    "none": ("", ""),
}


def visible(t: Trajectory) -> int:
    """The number of points that are shown: up to where the path left the picture."""
    left = t.left_at()
    return len(t.points) if left is None else min(left, len(t.points))


def series(kind: str, f: Function, t: Trajectory) -> list[Real]:
    """What a curve shows along the visible part of a path: one array, or one a coordinate.

    "gap" is f − f* (f itself where there is no f*), "distance" to the nearest minimum,
    "gradient" and "step" the norms, "rate" the step over the gradient in each coordinate. Of
    several runs it is the median of their curves.
    """
    f, t = _whole(f, t)
    if t.band is None:
        shown = slice(visible(t))
        return _along(kind, f, t.points[shown], None if t.given is None else t.given[shown])
    return [median for _, median, _ in bands(kind, f, t)]


def bands(kind: str, f: Function, t: Trajectory) -> list[Real]:
    """The 10 %, 50 % and 90 % quantiles (3, n) of the curves of several runs, for each curve.

    A run that diverged counts as infinite from there on; for a rate, not at all.
    """
    f, t = _whole(f, t)
    if t.band is None:
        return []
    runs = [_along(kind, f, path) for path in t.band.paths[:, : visible(t)]]
    table = np.array(runs).swapaxes(0, 1)
    if kind != "rate":
        table = np.where(np.isnan(table), np.inf, table)
    return [quantiles(curves, SHARES) for curves in table]


def rows_of(kind: str, f: Function, t: Trajectory) -> list[Real]:
    """For each curve its median between two quantiles (3, n), or the only one (1, n)."""
    return bands(kind, f, t) or [curve[None] for curve in series(kind, f, t)]


def _whole(f: Function, t: Trajectory) -> tuple[Function, Trajectory]:
    """What a curve is of: not of the plane in which a path is seen, but of the path."""
    return (f, t) if t.whole is None else (t.whole.function, t.whole)


def _along(kind: str, f: Function, points: Real, given: Real | None = None) -> list[Real]:
    """The curve of one path; nan where the path is."""
    match kind:
        case "gap":
            values = f.values_along(points) if given is None else given
            return [values if f.minimum is None else np.maximum(values - f.minimum, FLOOR / 10)]
        case "distance":
            away = points[:, None, :] - f.minima[None, :, :]
            return [np.maximum(np.linalg.norm(away, axis=2).min(axis=1), FLOOR / 10)]
        case "gradient":
            whole: Any = f
            slopes = f.gradient(*points.T).T if f.is_plane else whole.gradient(points)
            return [np.maximum(np.linalg.norm(slopes, axis=1), FLOOR / 10)]
        case "step":
            return [np.maximum(np.linalg.norm(np.diff(points, axis=0), axis=1), FLOOR / 10)]
        case "rate":
            gradient, step = f.gradient(*points[:-1].T), np.diff(points, axis=0).T
            with np.errstate(divide="ignore", invalid="ignore"):
                rates = np.abs(step / gradient)
            return [np.where(rates > 0, rates, np.nan) for rates in rates]
    raise ValueError(f"curve must be one of {', '.join(CURVES)}, not {kind!r}")


def check_kind(kind: str | bool, f: Function) -> str | None:
    """The kind of curve that `plot` was asked for; None for none.

    Raises
    ------
    ValueError
        If it is unknown, or the function has no minimum to be distant from.
    """
    if kind is True or kind is False:
        return "gap" if kind else None
    if kind not in CURVES:
        raise ValueError(f"curve must be one of {', '.join(CURVES)}, not {kind!r}")
    known = f.whole.minima if isinstance(f, Slice) and f.shown else f.minima
    if kind == "rate" and isinstance(f, Slice) and f.shown:
        raise ValueError(f"curve rate has a line for x and one for y, and {f.whole.name} has more")
    if kind == "distance" and not len(known):
        raise ValueError(f"{f.name} has no minimum to measure a distance to")
    return None if kind == "none" else kind


def draw_axes(
    axes: Axes, kind: str, f: Function, trajectories: Sequence[Trajectory], look: Look
) -> str:
    """Scales, limits and labels; a remark for the small print if the axis ends at the floor."""
    remark = ""
    # A little more than the steps, so that the first mark and the last are whole.
    steps = max((t.steps for t in trajectories), default=1)
    axes.set_xlim(-0.012 * steps, 1.012 * steps)
    # Who left the picture is dropped from the scale, unless everybody did.
    stayed = [t for t in trajectories if t.left_at() is None] or list(trajectories)
    # Of a band the lower edge and the median: the upper edge may be infinite.
    curves = [c[np.isfinite(c)] for t in stayed for rows in rows_of(kind, f, t) for c in rows[:2]]
    curves = [c for c in curves if c.size]
    title, label = CURVES[kind]
    is_log = kind != "gap" or f.minimum is not None
    if not is_log:
        title, label = "value", f"f({'x, y' if f.arguments == 'x, y' else 'x'})"
    axes.set_title(title, loc="left", fontsize=look.font, color=look.theme.quiet, pad=4)
    axes.set_ylabel(label, labelpad=2)
    axes.set_yscale("log" if is_log else "linear")
    if curves:
        low, high = min(c.min() for c in curves), max(c.max() for c in curves)
        if is_log:
            if low < FLOOR:
                low, remark = FLOOR, "the curve's axis ends at 1e−16"
            high = max(high, 1.5 * low)
            axes.set_ylim(low / (high / low) ** 0.05, high * (high / low) ** 0.05)
            if high < 30 * low:
                # In less than a decade the log locator has few places, or far too many.
                count = max(2, int(axes.get_window_extent().height / (3 * look.unit)))
                few = MaxNLocator(min(count, 6))
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 5 * low else few)
                axes.yaxis.set_major_formatter(Labels())
            if low == FLOOR:
                axes.set_ylim(bottom=FLOOR)
        else:
            margin = 0.05 * max(high - low, 1e-12)
            axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel("step", labelpad=1)
    axes.grid(True, color=look.theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.minorticks_off()
    return remark


def draw_line(
    axes: Axes, kind: str, f: Function, t: Trajectory, stroke: Stroke, every: int, look: Look
) -> None:
    """One curve with a mark every `every` steps, the band behind it; or one a coordinate, which
    the marks tell apart: dashes tell paths."""
    for coordinate, rows in enumerate(rows_of(kind, f, t)):
        y = rows[len(rows) // 2]
        edge, face = look.theme.paper, stroke.color
        is_hollow = coordinate == 1
        axes.plot(
            np.arange(len(y)), y, color=stroke.color, zorder=4, marker=stroke.marker,
            linestyle=stroke.dash, linewidth=1.2 if is_hollow else 1.6, markevery=every,
            markersize=4.2 if is_hollow else 3.6, markerfacecolor=edge if is_hollow else face,
            markeredgecolor=face if is_hollow else edge, markeredgewidth=0.8 if is_hollow else 0.4,
        )  # fmt: skip
        if len(rows) > 1:
            draw_band(axes, stroke).set_verts([band_outline(rows, len(y))])


def draw_band(axes: Axes, stroke: Stroke) -> PolyCollection:
    """An empty band behind a curve, for an outline to come."""
    band = PolyCollection([], facecolors=stroke.color, linewidths=0, alpha=0.16, zorder=BAND)
    axes.add_collection(band, autolim=False)
    return band


def band_outline(rows: Real, count: int) -> Real:
    """Around the first `count` places of a band: the lower edge, and the upper one back."""
    # What diverged runs take to infinity goes to the top.
    low, *_, high = np.minimum(rows[:, :count], HIGHEST)
    steps = np.arange(len(low))
    told = np.isfinite(low) & np.isfinite(high)
    edges = [np.column_stack([steps, edge])[told] for edge in (low, high)]
    return np.concatenate([edges[0], edges[1][::-1]])


def draw_names(
    axes: Axes,
    kind: str,
    f: Function,
    trajectories: Sequence[Trajectory],
    strokes: Sequence[Stroke],
    look: Look,
) -> list[Text]:
    """Each name at its line's end: beside the axes, moved apart where lines end together, or
    inside, where a path is shorter than the others. One that left has its mark on the map."""
    edge = 0.97 * axes.get_xlim()[1]
    both = list(zip(trajectories, strokes, strict=True))
    short = [(t, s) for t, s in both if t.left_at() is None and visible(t) - 1 < edge]
    ends = []
    for t, stroke in both:
        if visible(t) - 1 >= edge:
            y = series(kind, f, t)[0]
            x, last = (len(y) - 1, float(y[-1])) if y.size else (0, float("nan"))
            ends.append((stroke.name, stroke.color, float(x), last))
    texts = draw_ends(axes, ends, look)
    return [*texts, *_names_inside(axes, kind, f, short, look)]


def _names_inside(
    axes: Axes, kind: str, f: Function, short: Sequence[tuple[Trajectory, Stroke]], look: Look
) -> list[Text]:
    """The names of paths that end before the others, right of their last point, or left of it."""
    texts: list[Text] = []
    for t, stroke in short:
        y = series(kind, f, t)[0]
        if not y.size or not np.isfinite(y[-1]):
            continue
        is_late = len(y) > 0.6 * axes.get_xlim()[1]
        # Below the axis it stands where the curve left it.
        low = axes.get_ylim()[0]
        is_below = y[-1] < low
        texts.append(
            axes.annotate(
                stroke.name, (len(y) - 1, max(y[-1], low)), textcoords="offset points", zorder=6,
                xytext=((-0.6 if is_late else 0.6) * look.font, 0.3 * look.font * is_below),
                va="bottom" if is_below else "center",
                ha="right" if is_late else "left", color=stroke.color, fontsize=0.85 * look.font,
                parse_math=False, bbox={"boxstyle": "round,pad=0.1", "edgecolor": "none",
                                        "facecolor": look.theme.paper, "alpha": 0.8},
            )
        )  # fmt: skip
    return texts
