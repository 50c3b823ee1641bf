"""Names beside the ends of lines: a reader looks for no colour in a legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from optviz.render.style import Look


def draw_ends(axes: Axes, ends: Sequence[tuple[str, str, float, float]], look: Look) -> list[Text]:
    """Each name in its colour right of the axes, moved apart where lines end together.

    Parameters
    ----------
    ends
        Name, colour, and where the line ends in the axes' data; one that is no number ends below.
    """
    box = axes.get_window_extent()
    figure = axes.figure
    assert figure is not None
    size = look.font * figure.dpi / 72 / box.height  # of the text, as a share of the axes
    places = []
    for _, _, at, y in ends:
        x, height = axes.transAxes.inverted().transform(axes.transData.transform((at, y)))
        told = float(np.clip(height, 0, 1)) if np.isfinite(height) else 0.0
        places.append((float(np.clip(x, 0, 1)), told))
    heights = apart([height for _, height in places], 1.25 * size, 0.0, 1.0)
    gap = 0.9 * size * box.height / box.width
    texts: list[Text] = []
    for (name, color, _, _), (edge, end), height in zip(ends, places, heights, strict=True):
        arrow = {"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 1,
                 "alpha": 0.6, "relpos": (0.0, 0.5)}  # fmt: skip
        moved = abs(height - end) > 0.3 * size or edge < 0.995
        texts.append(
            axes.annotate(
                name, xy=(edge, end), xycoords="axes fraction",
                xytext=(1 + gap, height), textcoords="axes fraction",
                color=color, fontsize=look.font, va="center", ha="left", zorder=6,
                parse_math=False, arrowprops=arrow if moved else None, annotation_clip=False,
            )
        )  # fmt: skip
    return texts


def apart(wanted: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Heights near the wanted ones, in the same order, at least `distance` apart.

    >>> apart([0.5, 0.5, 0.9], 0.1, 0.0, 1.0)
    [0.5, 0.6, 0.9]
    """
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
