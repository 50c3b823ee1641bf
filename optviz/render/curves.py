"""The curve of f − f* that stands beside a path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import Formatter, LogLocator, MaxNLocator
from numpy.typing import NDArray

from optviz.functions.catalogue import Function
from optviz.render.style import Look, Stroke
from optviz.runs.race import SHARES
from optviz.runs.trajectory import Trajectory
from optviz.shared.quantiles import quantiles
from optviz.shared.text import labels

Real = NDArray[np.float64]

#: Rounding hides everything below this; the axis ends there, and the small print says so.
FLOOR = 1e-16

#: What a curve may show: its title and the name of its axis.
CURVES = {
    "gap": ("suboptimality", "f − f*"),
    "distance": ("distance to the nearest minimum", "‖θ − θ*‖"),
    "gradient": ("gradient", "‖∇f‖"),
    "step": ("length of the step", "‖Δθ‖"),
    "rate": ("effective rate: x solid, y dotted", "|Δθᵢ / ∂ᵢf|"),
    "none": ("", ""),
}


class _Labels(Formatter):
    """Numbers that differ where the ticks do."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        return labels(values)

    def __call__(self, value: float, pos: int | None = None) -> str:
        return labels([value])[0]


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
    if t.band is None:
        return _along(kind, f, t.points[: visible(t)])
    return [median for _, median, _ in bands(kind, f, t)]


def bands(kind: str, f: Function, t: Trajectory) -> list[Real]:
    """The 10 %, 50 % and 90 % quantiles (3, n) of the curves of several runs, for each curve.

    A run that diverged counts as infinite from there on; for a rate, not at all.
    """
    if t.band is None:
        return []
    runs = [_along(kind, f, path) for path in t.band.paths[:, : visible(t)]]
    table = np.array(runs).swapaxes(0, 1)
    if kind != "rate":
        table = np.where(np.isnan(table), np.inf, table)
    return [quantiles(curves, SHARES) for curves in table]


def _rows(kind: str, f: Function, t: Trajectory) -> list[Real]:
    """For each curve its median between two quantiles (3, n), or the only one (1, n)."""
    return bands(kind, f, t) or [curve[None] for curve in series(kind, f, t)]


def _along(kind: str, f: Function, points: Real) -> list[Real]:
    """The curve of one path; nan where the path is."""
    match kind:
        case "gap":
            values = f.values_along(points)
            return [values if f.minimum is None else np.maximum(values - f.minimum, FLOOR / 10)]
        case "distance":
            away = points[:, None, :] - f.minima[None, :, :]
            return [np.maximum(np.linalg.norm(away, axis=2).min(axis=1), FLOOR / 10)]
        case "gradient":
            return [np.maximum(np.linalg.norm(f.gradient(*points.T), axis=0), FLOOR / 10)]
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
    if kind == "distance" and not len(f.minima):
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
    curves = [c[np.isfinite(c)] for t in stayed for rows in _rows(kind, f, t) for c in rows[:2]]
    curves = [c for c in curves if c.size]
    title, label = CURVES[kind]
    is_log = kind != "gap" or f.minimum is not None
    if not is_log:
        title, label = "value", "f(x, y)"
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
                axes.yaxis.set_major_formatter(_Labels())
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
    """One curve (or one a coordinate) with a mark every `every` steps; the band behind it."""
    for coordinate, rows in enumerate(_rows(kind, f, t)):
        y = rows[len(rows) // 2]
        axes.plot(
            np.arange(len(y)), y, color=stroke.color, zorder=4, marker=stroke.marker,
            linestyle=stroke.dash if coordinate == 0 else (0, (1.2, 1.6)),
            linewidth=1.6 if coordinate == 0 else 1.2, markersize=3.6, markevery=every,
            markeredgecolor=look.theme.paper, markeredgewidth=0.4,
        )  # fmt: skip
        if len(rows) > 1:
            # What diverged runs take to infinity goes to the top.
            axes.fill_between(np.arange(len(y)), rows[0], np.minimum(rows[-1], 1e150), linewidth=0,
                              color=stroke.color, alpha=0.16, zorder=2)  # fmt: skip


def draw_names(
    axes: Axes,
    kind: str,
    f: Function,
    trajectories: Sequence[Trajectory],
    strokes: Sequence[Stroke],
    look: Look,
) -> list[Text]:
    """Each name at its line's end, moved apart where lines end together."""
    box = axes.get_window_extent()
    figure = axes.figure
    assert figure is not None
    # Who left early has no end at the edge; the legend says when it left.
    ended = [(t, s) for t, s in zip(trajectories, strokes, strict=True)
             if visible(t) - 1 >= 0.97 * axes.get_xlim()[1]]  # fmt: skip
    size = look.font * figure.dpi / 72 / box.height  # of the text, as a share of the axes
    ends, edges = [], []
    for t, _ in ended:
        y = series(kind, f, t)[0]
        last = (max(len(y) - 1, 0), y[-1]) if y.size else (0, np.nan)
        x, height = axes.transAxes.inverted().transform(axes.transData.transform(last))
        ends.append(float(np.clip(height, 0, 1)) if np.isfinite(height) else 0.0)
        edges.append(float(np.clip(x, 0, 1)))
    heights = _apart(ends, 1.25 * size, 0.0, 1.0)
    gap = 0.9 * size * box.height / box.width
    texts: list[Text] = []
    for (_, stroke), end, edge, height in zip(ended, ends, edges, heights, strict=True):
        arrow = {"arrowstyle": "-", "color": stroke.color, "linewidth": 0.6, "shrinkA": 0,
                 "shrinkB": 1, "alpha": 0.6}  # fmt: skip
        moved = abs(height - end) > 0.3 * size or edge < 0.995
        texts.append(
            axes.annotate(
                stroke.name, xy=(edge, end), xycoords="axes fraction",
                xytext=(1 + gap, height), textcoords="axes fraction",
                color=stroke.color, fontsize=look.font, va="center", ha="left", zorder=6,
                arrowprops=arrow if moved else None, annotation_clip=False,
            )
        )  # fmt: skip
    return texts


def _apart(wanted: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Heights near the wanted ones, in the same order, at least `distance` apart."""
    order = np.argsort(wanted, kind="stable")
    heights = np.asarray(wanted, dtype=float)[order]
    for k in range(1, len(heights)):
        heights[k] = max(heights[k], heights[k - 1] + distance)
    # What ran over the top is pushed back down.
    limit = max(high, low + distance * (len(heights) - 1))
    for k in range(len(heights) - 1, -1, -1):
        heights[k] = min(heights[k], limit)
        limit = heights[k] - distance
    out = np.empty(len(heights))
    out[order] = heights
    return [float(h) for h in out]
