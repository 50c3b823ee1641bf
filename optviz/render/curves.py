"""The curve of f − f* that stands beside a path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from optviz._text import rounded
from optviz.functions import Function
from optviz.render.style import Look, Stroke
from optviz.trajectory import Trajectory

Real = NDArray[np.float64]

#: Rounding hides everything below this; the axis ends there, and the small print says so.
FLOOR = 1e-16


def visible(t: Trajectory) -> int:
    """The number of points that are shown: up to where the path left the picture."""
    left = t.left_at()
    return len(t.points) if left is None else min(left, len(t.points))


def suboptimality(f: Function, t: Trajectory) -> Real:
    """f − f* at each visible point (f itself where there is no f*), zero shown as the floor."""
    values = t.values[: visible(t)]
    return values if f.minimum is None else np.maximum(values - f.minimum, FLOOR / 10)


def draw_axes(axes: Axes, f: Function, trajectories: Sequence[Trajectory], look: Look) -> str:
    """Scales, limits and labels; a remark for the small print if the axis ends at the floor."""
    remark = ""
    # A little more than the steps, so that the first mark and the last are whole.
    steps = max((t.steps for t in trajectories), default=1)
    axes.set_xlim(-0.012 * steps, 1.012 * steps)
    # Who left the picture is dropped from the scale, unless everybody did.
    stayed = [t for t in trajectories if t.left_at() is None] or list(trajectories)
    curves = [suboptimality(f, t) for t in stayed]
    curves = [c for c in curves if c.size]
    if f.minimum is None:
        axes.set_title("value", loc="left", fontsize=look.font, color=look.theme.quiet, pad=4)
        axes.set_ylabel("f(x, y)", labelpad=2)
        if curves:
            low, high = min(c.min() for c in curves), max(c.max() for c in curves)
            margin = 0.05 * max(high - low, 1e-12)
            axes.set_ylim(low - margin, high + margin)
    else:
        axes.set_title(
            "suboptimality", loc="left", fontsize=look.font, color=look.theme.quiet, pad=4
        )
        axes.set_ylabel("f − f*", labelpad=2)
        axes.set_yscale("log")
        if curves:
            low, high = min(c.min() for c in curves), max(c.max() for c in curves)
            if low < FLOOR:
                low, remark = FLOOR, "the curve's axis ends at 1e−16"
            high = max(high, 1.5 * low)
            axes.set_ylim(low / (high / low) ** 0.05, high * (high / low) ** 0.05)
            if high < 30 * low:
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter(lambda value, _: rounded(value))
            if low == FLOOR:
                axes.set_ylim(bottom=FLOOR)
    axes.set_xlabel("step", labelpad=1)
    axes.grid(True, color=look.theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.minorticks_off()
    return remark


def draw_line(
    axes: Axes, f: Function, t: Trajectory, stroke: Stroke, every: int, look: Look
) -> Line2D:
    """One curve with a mark every `every` steps."""
    y = suboptimality(f, t)
    (line,) = axes.plot(
        np.arange(len(y)), y, color=stroke.color, linestyle=stroke.dash, linewidth=1.6,
        marker=stroke.marker, markersize=3.6, markevery=every, zorder=4,
        markeredgecolor=look.theme.paper, markeredgewidth=0.4,
    )  # fmt: skip
    return line


def draw_names(
    axes: Axes,
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
        y = suboptimality(f, t)
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
