"""The steps of an explanation as rows: a drawing, a sentence, and what can be told in a number."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from optviz.render.layout import Box
from optviz.render.sheet import DPI, Sheet
from optviz.runs.explanation import Explanation
from optviz.runs.narration import Told
from optviz.shared.text import percent, rounded

Real = NDArray[np.float64]

CARRIED, FRESH = "#8E6BBF", "#C28A00"
#: Letters as shares of the base font, the first that fits is taken.
SIZES = (1.05, 0.95, 0.86, 0.8, 0.74, 0.68, 0.62, 0.56, 0.5)
#: What is asked for where the height is free; no smaller while merging rows may help.
WISHED, SMALL = 0.86, 0.62
#: Up to so many steps have a row each; of more, those in a row that did the same share one.
EACH = 16
#: A line's height, the least of a row, and the gap between rows, in letters.
LINE, ROW, GAP = 1.25, 1.8, 0.45
#: The width of an average letter, in letters.
LETTER = 0.52


@dataclass(frozen=True)
class Row:
    """One step, or some in a row that did the same."""

    first: int
    last: int
    text: str

    @property
    def number(self) -> str:
        """The steps, counted from 1."""
        one, last = self.first + 1, self.last + 1
        return f"{one}" if one == last else f"{one}–{last}"


@dataclass(frozen=True)
class Columns:
    """The widths of the columns in pixels; of width 0 are those that would tell nothing."""

    words: float
    number: float
    drawing: float
    share: float
    ratio: float
    value: float

    @classmethod
    def of(cls, told: Sequence[Told], width: float, unit: float, merged: bool) -> Columns:
        """Words take what the others leave."""
        shares = any(t.share > 1e-6 for t in told)
        ratios = any(np.isfinite(t.ratio) and abs(t.ratio - 1) > 1e-3 for t in told)
        number, share, ratio = 3.8 if merged else 2.4, 6.8 * shares, 6.4 * ratios
        fixed = unit * np.array([number, 2.8, share, ratio, 5.2])
        return cls(width - float(fixed.sum()) - 0.8 * unit, *fixed.tolist())


def rows_of(told: Sequence[Told], level: int) -> list[Row]:
    """A row for each step (level 0); one for steps in a row of the same kind (1) or outline (2)."""
    if level == 0:
        return [Row(k, k, t.text) for k, t in enumerate(told)]
    words = [t.kind if level == 1 else t.outline for t in told]
    rows = []
    for said, same in itertools.groupby(range(len(told)), lambda k: words[k]):
        first, *rest = same
        rows.append(Row(first, rest[-1], said) if rest else Row(first, first, told[first].text))
    return rows


def height_of(rows: Sequence[Row], width: float, letter: float) -> float:
    """What the rows take in letters of that size, with the head; all in pixels."""
    return letter * (LINE + 2 * GAP + sum(_row_height(r, width, letter) for r in rows))


def _row_height(row: Row, width: float, letter: float) -> float:
    return max(LINE * len(_wrapped(row.text, width, letter)), ROW) + GAP


def _wrapped(text: str, width: float, letter: float) -> list[str]:
    return textwrap.wrap(text, max(8, int(width / (LETTER * letter))), break_long_words=False)


def level_for(count: int) -> int:
    """How rows are merged where the height is free."""
    return 0 if count <= EACH else 1


def needed(told: Sequence[Told], width: float, unit: float) -> float:
    """The height in pixels that rows like to have."""
    level = level_for(len(told))
    words = Columns.of(told, width, unit, level > 0).words
    return height_of(rows_of(told, level), words, WISHED * unit)


def fitted(told: Sequence[Told], box: Box, unit: float) -> tuple[list[Row], Columns, float]:
    """The rows, their columns, and the size of letters in which they fit into the box.

    Where not even the smallest do, the last rows are left out.
    """
    for level in range(level_for(len(told)), 3):
        rows, c = rows_of(told, level), Columns.of(told, box.width, unit, level > 0)
        for size in SIZES:
            if size < SMALL and level < 2:
                break
            if height_of(rows, c.words, size * unit) <= box.height:
                return rows, c, size * unit
    letter = SIZES[-1] * unit
    while len(rows) > 1 and height_of(rows, c.words, letter) > box.height:
        rows.pop()
    return rows, c, letter


def draw_rows(sheet: Sheet, e: Explanation, told: Sequence[Told], box: Box, color: str) -> int:
    """All rows in the box; the last step that has one (from 0)."""
    look, unit = sheet.look, sheet.unit
    axes = canvas(sheet, box, "steps")
    rows, c, letter = fitted(told, box, unit)
    plain: dict[str, Any] = {"fontsize": letter * 72 / DPI, "color": look.theme.ink, "va": "center"}
    lefts = np.cumsum([c.number, c.drawing + 0.4 * unit, c.words + 0.4 * unit, c.share, c.ratio])
    at_drawing, at_words, at_share, at_ratio, at_value = (float(x) for x in lefts)
    heads = [(0.0, "step"), (at_words, "what happened"), (at_value, "f")]
    heads += [(at_share, "carried over")] if c.share else []
    heads += [(at_ratio, "rates x : y")] if c.ratio else []
    for x, head in heads:
        axes.text(x, 0.5 * LINE * letter, head, **{**plain, "color": look.theme.quiet})
    y = letter * (LINE + GAP)
    # What is left over makes the drawings larger.
    more = (box.height - height_of(rows, c.words, letter)) / len(rows)
    more = min(max(more, 0.0), 1.5 * letter)
    for row in rows:
        tall = _row_height(row, c.words, letter) * letter + more
        axes.hlines(y, 0, box.width, colors=look.theme.faint, linewidth=0.5)
        middle = y + tall / 2
        axes.text(0, middle, row.number, fontweight="bold", **{**plain, "color": color})
        place = (at_drawing + c.drawing / 2, middle)
        draw_parts(axes, e, row.first, place, min(0.9 * tall, 0.94 * c.drawing), sheet, color)
        lines = _wrapped(row.text, c.words, letter)
        words = axes.text(at_words, middle, "\n".join(lines), linespacing=1.15, **plain)
        while words.get_window_extent().width > c.words:
            words.set_fontsize(0.97 * float(words.get_fontsize()))
        if c.share:
            _draw_share(axes, e, row, Box(at_share, middle, c.share, letter), plain)
        if c.ratio:
            axes.text(at_ratio, middle, _ratio(told, row), **plain)
        before, after = (float(v) for v in e.trajectory.values[[row.first, row.last + 1]])
        axes.text(at_value, middle, rounded(after) + (" ↑" if after > before else ""), **plain)
        y += tall
    return rows[-1].last


def canvas(sheet: Sheet, box: Box, label: str) -> Axes:
    """Axes without a frame, whose coordinates are pixels from the top left."""
    axes = sheet.axes(box, label)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_axis_off()
    axes.set_xlim(0, box.width)
    axes.set_ylim(box.height, 0)
    return axes


def _draw_share(axes: Axes, e: Explanation, row: Row, box: Box, plain: dict[str, Any]) -> None:
    """The lengths of both parts, of all steps in the row, as a bar and in per cent."""
    steps = slice(row.first, row.last + 1)
    carried, fresh = (float(np.hypot(*part[steps].T).sum()) for part in (e.carried, e.fresh))
    if not 0 < carried + fresh < np.inf:
        return
    share, wide = carried / (carried + fresh), 0.45 * box.width
    for start, part, color in ((0.0, share, CARRIED), (share, 1 - share, FRESH)):
        corner = (box.left + start * wide, box.top - 0.3 * box.height)
        axes.add_patch(Rectangle(corner, part * wide, 0.6 * box.height, color=color, linewidth=0))
    axes.text(box.left + wide + 0.3 * box.height, box.top, percent(share, 0), **plain)


def _ratio(told: Sequence[Told], row: Row) -> str:
    """ "5.7 : 1"; a dash where it is not known."""
    known = [told[k].ratio for k in range(row.first, row.last + 1) if np.isfinite(told[k].ratio)]
    if not known:
        return "–"
    texts = [f"{rounded(r, 2)} : 1" if abs(r) >= 1 else f"1 : {rounded(1 / r, 2)}" for r in known]
    # Of several steps that of the first, as in the drawing.
    return texts[0] if len(set(texts)) == 1 else f"{texts[0]} …"


def draw_parts(
    axes: Axes, e: Explanation, k: int, middle: tuple[float, float], side: float, sheet: Sheet,
    color: str,
) -> None:  # fmt: skip
    """Step k as arrows in a square of that side, scaled to the step: angles are true."""
    slope, carried, fresh = e.gradients[k], e.carried[k], e.fresh[k]
    size = max(float(np.hypot(*v)) for v in (carried, fresh, carried + fresh))
    if not 0 < size < np.inf:
        return
    steep = float(np.hypot(*slope))
    down = -slope / steep * 0.6 * size if 0 < steep < np.inf else np.zeros(2)
    corners = np.array([np.zeros(2), down, carried, carried + fresh])
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = side / float((high - low).max())

    def place(v: Real) -> Real:
        # Pixels go down.
        return np.asarray(middle + scale * (v - (low + high) / 2) * [1, -1])

    unit = sheet.unit / 13.5
    here = np.zeros(2)
    for begin, by, ink, width, z in (
        (here, down, sheet.look.theme.quiet, 0.9, 3), (here, carried, CARRIED, 1.5, 5),
        (carried, fresh, FRESH, 1.5, 5), (here, carried + fresh, color, 1.8, 6),
    ):  # fmt: skip
        arrow(axes, place(begin), place(begin + by), ink, width * unit, z)


def arrow(
    axes: Axes, a: Real, b: Real, color: str, width: float, zorder: float, alpha: float = 1.0
) -> None:
    """An arrow whose head is no longer than half of it; nothing where it would be a speck."""
    ends = axes.transData.transform([a, b])
    length = float(np.hypot(*(ends[1] - ends[0]))) * 72 / DPI
    if not length > 0.7:
        return
    axes.add_patch(FancyArrowPatch(
        tuple(a), tuple(b), arrowstyle="-|>", mutation_scale=min(5.5 * width, 1.25 * length),
        color=color, linewidth=min(width, 0.35 * length), shrinkA=0, shrinkB=0, alpha=alpha,
        zorder=zorder, joinstyle="miter",
    ))  # fmt: skip
