"""A small table in a picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.text import Text

from optviz.render.style import Look


def draw_table(
    axes: Axes, header: Sequence[str], rows: Sequence[Sequence[str]], colors: Sequence[str],
    look: Look,
) -> list[Text]:  # fmt: skip
    """Rows below a header: the first column to the left, in the row's colour, numbers to the right.

    Letters shrink until all rows and columns have room.
    """
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) + 1, 0)
    texts = []
    for k, row in enumerate((header, *rows)):
        for column, told in enumerate(row):
            color = look.theme.ink if column else colors[k - 1]
            texts.append(axes.text(
                0, k + 0.5, told, ha="right" if column else "left", va="center",
                color=color if k else look.theme.quiet, fontsize=0.9 * look.font, parse_math=False,
            ))  # fmt: skip
    room, size = axes.get_window_extent(), 0.9 * look.font
    while size > 0.4 * look.font:
        wide = [max(texts[k].get_window_extent().width for k in range(column, len(texts),
                    len(header))) for column in range(len(header))]  # fmt: skip
        gap = (room.width - sum(wide)) / max(1, len(header) - 1)
        tall = max(text.get_window_extent().height for text in texts)
        if gap >= 0.8 * look.unit and tall * (len(rows) + 1) <= room.height:
            break
        size *= 0.95
        for text in texts:
            text.set_fontsize(size)
    # No wider than it is read: a gap of a few letters.
    gap = min(gap, 2.5 * look.unit)
    at = wide[0]
    for column in range(1, len(header)):
        at += gap + wide[column]
        for k in range(column, len(texts), len(header)):
            texts[k].set_x(at / room.width)
    return texts
