"""The sheet that every picture is drawn on: heading, places for axes, legend, small print.

Lengths are in units, the size of the base font: a picture twice as large is the same picture.
Places are boxes in pixels from the top left (`layout.py` knows where maps and curves go).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from optviz.render import style
from optviz.render.layout import AXIS, ROW, Box
from optviz.render.style import Look
from optviz.render.theme import theme_of
from optviz.render.ticks import label_log

DPI = 100
#: Room for title, finding and the line below them, each in units from the top.
TITLE, FINDING, BELOW, TOP = 0.75, 2.55, 1.75, 5.0
#: A finding whose letters would be smaller than this share has two lines, so far apart.
SMALL, LINE = 0.8, 1.4
#: Room for the small print.
SMALL_PRINT = 2.6


class SheetFigure(Figure):
    """A figure that shows itself in a notebook, though pyplot does not know it.

    Jupyter asks for a bundle first. With Matplotlib's inline backend on or not, that is the one
    picture that is shown: the backend draws at a cell's end what pyplot has registered, and its
    formatter is not asked for a type that is there already.
    """

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from optviz.render.notebook import figure_bundle

        return figure_bundle(self)


class Sheet:
    """An empty figure and the look of what is drawn on it.

    Parameters
    ----------
    size
        Width and height in pixels.
    theme
        "light", "dark" or "print".
    finding
        What the picture shows, in a line under its title, or in two where it is narrow.
    is_natural
        Whether the size is only proposed: a picture may then change its height.
    title, subtitle
        Instead of the heading's own title and of the line below it.
    scale
        Of letters, lines and margins.
    transparent
        Whether there is no paper.

    Attributes
    ----------
    figure, look
        Matplotlib's figure (at 100 dots per inch), and theme, font and unit.
    rows
        Of the legend, once it stands.
    """

    def __init__(
        self, size: tuple[int, int], theme: str, finding: str = "", is_natural: bool = False, *,
        title: str | None = None, subtitle: str | None = None, scale: float = 1.0,
        transparent: bool = False,
    ) -> None:  # fmt: skip
        width, height = size
        # The font grows with the picture.
        unit = scale * float(np.clip(13.5 * np.sqrt(width * height / 5e5), 9, 60))
        self.look = Look(theme_of(theme), unit * 72 / DPI, unit)
        self.finding, self.is_natural, self.rows = finding, is_natural, 0
        self.title, self.subtitle, self.paper = title, subtitle, self.look.theme.paper
        if transparent:
            self.paper = "none"
        #: Room for a line below title and finding is left until a heading has none.
        self.has_below = True
        self.figure = SheetFigure(
            figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=self.paper
        )
        self.canvas = FigureCanvasAgg(self.figure)

    @property
    def width(self) -> float:
        """In pixels."""
        return float(self.figure.get_size_inches()[0] * DPI)

    @property
    def height(self) -> float:
        """In pixels."""
        return float(self.figure.get_size_inches()[1] * DPI)

    @property
    def unit(self) -> float:
        """The base font's size in pixels."""
        return self.look.unit

    @property
    def top(self) -> float:
        """Room for the heading, in units."""
        below = 0.0 if self.has_below else BELOW
        return TOP + self._finding_room - below

    @property
    def bottom(self) -> float:
        """Room for the legend and the small print, in units."""
        return ROW * self.rows + SMALL_PRINT

    def resize(self, width: float, height: float, unit: float | None = None) -> None:
        """Another size in pixels, before anything is drawn."""
        self.figure.set_size_inches(width / DPI, height / DPI)
        if unit is not None:
            self.look = Look(self.look.theme, unit * 72 / DPI, unit)

    # -- places --------------------------------------------------------------------------------

    def free(
        self, left: float = AXIS, right: float = 1.5, below: float = AXIS, above: float = 0.0
    ) -> Box:
        """What heading, legend and small print leave, less margins in units."""
        unit = self.unit
        return Box(
            left * unit, (self.top + above) * unit, self.width - (left + right) * unit,
            self.height - (self.top + above + self.bottom + below - 0.4) * unit,
        )  # fmt: skip

    def grid(
        self, rows: int, columns: int, *, left: float = AXIS, title: float = 2.2, below: float = 3.4
    ) -> list[Axes]:
        """Equal axes in reading order over the free room; the margins of each are in units."""
        box, unit = self.free(left=0.0, right=1.2, below=0.4), self.unit
        across, down = box.width / columns, box.height / rows
        return [
            self.axes(Box(
                column * across + left * unit, box.top + row * down + title * unit,
                across - (left + 0.8) * unit, down - (title + below) * unit,
            ))
            for row in range(rows) for column in range(columns)
        ]  # fmt: skip

    def axes(self, box: Box, label: str = "") -> Axes:
        """Axes in a box, with two thin spines and small ticks.

        Raises
        ------
        ValueError
            If the sheet is too small for anything to be seen there.
        """
        self.check_room(box)
        place = box.fraction(self.width, self.height)
        axes: Axes = self.figure.add_axes(place, label=label)
        quiet(axes, self.look, self.paper)
        return axes

    def finish(self) -> None:
        """What holds of every picture: its axes stand in reading order, the scales of its colours
        last, and log axes have numbers."""
        for axes in self.figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                label_log(axis)
        for bar in [axes for axes in self.figure.axes if axes.get_label() == "bar"]:
            bar.grid(False)
            self.figure.delaxes(bar)
            self.figure.add_axes(bar)

    def place(self, axes: Axes, box: Box) -> None:
        """Move axes that stand already (a legend needs what is drawn, a box the legend's rows)."""
        self.check_room(box)
        axes.set_position(box.fraction(self.width, self.height))
        quiet(axes, self.look, self.paper)

    def check_room(self, box: Box) -> None:
        """Refuse a size at which legend and small print leave no room for a map or curve.

        Raises
        ------
        ValueError
            With a height or a width that would do.
        """
        least = 3 * self.unit
        if box.width >= least and box.height >= least:
            return
        # The margins grow with the font, and that with the root of the area.
        wide, tall = (
            v if has >= least else max(v + 1.5 * (least - has), 1.2 * v)
            for v, has in ((self.width, box.width), (self.height, box.height))
        )
        raise ValueError(
            f"size {self.width:.0f}x{self.height:.0f} leaves no room for the picture: "
            f"give about {10 * round(wide / 10)}x{10 * round(tall / 10)}"
        )

    # -- words ---------------------------------------------------------------------------------

    def heading(self, title: str, below: str = "") -> None:
        """The title, the finding under it, and a line below them, such as a formula.

        A heading without that line comes first: places that follow gain its room.
        """
        title = title if self.title is None else self.title
        is_formula, below = self.subtitle is None, below if self.subtitle is None else self.subtitle
        self.has_below = bool(below)
        theme, font = self.look.theme, self.look.font
        head = self._line(title, TITLE, 1.3 * font, theme.ink, least=0.5, is_plain=True)
        if head is not None:
            head.set_fontweight("bold")
            self._shrink(head, 0.4)
        for k, words in enumerate(self._told()):
            self._line(words, FINDING + LINE * k, font, theme.ink, least=0.45, is_plain=True)
        # A formula too long for one line at a readable size is left to `optviz list functions`.
        self._line(below, FINDING + self._finding_room, font, theme.quiet, least=0.55,
                   is_plain=not is_formula)  # fmt: skip

    @property
    def _finding_room(self) -> float:
        """In units."""
        return BELOW + LINE * (len(self._told()) - 1) if self.finding else 0.0

    def _told(self) -> list[str]:
        """The finding in one line; in two where its letters would be small, broken where the
        longer one is shortest."""
        words = self.finding.split()
        if self._share(self.finding) >= SMALL or len(words) < 2:
            return [self.finding] if words else []
        pairs = [(" ".join(words[:k]), " ".join(words[k:])) for k in range(1, len(words))]
        return list(min(pairs, key=lambda pair: max(map(len, pair))))

    def _share(self, words: str) -> float:
        """Of the font's size, that at which a line fits."""
        line = self.figure.text(0, 0, words, fontsize=self.look.font, parse_math=False)
        wide = _wide(line)
        line.remove()
        return (self.width - 1.8 * self.unit) / max(wide, 1.0)

    def _line(
        self, words: str, at: float, size: float, color: str, least: float, is_plain: bool = False
    ) -> Text | None:
        """A line of the heading, `at` units from the top, in smaller letters if it must be;
        left out if they would be smaller than the share `least`."""
        if not words:
            return None
        line = self.figure.text(
            0.9 * self.unit / self.width, 1 - at * self.unit / self.height, words, va="top",
            fontsize=size, color=color, parse_math=not is_plain,
        )  # fmt: skip
        if not self._shrink(line, least):
            line.remove()
            return None
        return line

    def _shrink(self, line: Text, least: float) -> bool:
        """Smaller letters until the line fits, down to the share `least`; whether it does."""
        room, size = self.width - 1.8 * self.unit, float(line.get_fontsize())
        # More than once: small letters are wider than their size says, for hinting.
        now = size
        while _wide(line) > room and now > least * size:
            now = max(0.97 * now * room / _wide(line), least * size)
            line.set_fontsize(now)
        return _wide(line) <= room

    def handle(self, label: str, color: str, marker: str = "", dash: style.Dash = "-") -> Line2D:
        """An entry of a legend: a line, with a mark if there is one."""
        scale = self.unit / 13.5
        return Line2D(
            [], [], color=color, linestyle=dash, marker=marker, markersize=5 * scale,
            linewidth=1.8 * scale, markeredgecolor=self.look.theme.paper, markeredgewidth=0.5,
            label=label,
        )  # fmt: skip

    def legend(self, handles: Sequence[Artist], place: Box | None = None) -> None:
        """The legend above the small print, in as many rows as it takes (`rows`); or elsewhere."""
        unit, font = self.unit, 0.95 * self.look.font
        width = self.width if place is None else place.width
        columns, rows = self.legend_shape([str(h.get_label()) for h in handles], width)
        if place is None:
            self.rows = rows
            place = Box(0.0, self.height - (ROW * rows + 2.2) * unit, width, 0.0)
        if not handles:
            return
        legend = self.figure.legend(
            handles=handles, loc="upper left", ncols=columns, frameon=False, fontsize=font,
            bbox_to_anchor=(
                (place.left + 0.4 * unit) / self.width, 1 - place.top / self.height
            ),
            borderaxespad=0, columnspacing=1.8, handlelength=2.4, labelcolor=self.look.theme.ink,
        )  # fmt: skip
        texts = legend.get_texts()
        for text in texts:
            text.set_parse_math(False)
        beside = legend.get_window_extent().width - max((_wide(t) for t in texts), default=0)
        for text in texts if columns == 1 else ():
            # A label that is wider than the page gets smaller letters. Hinting rounds their widths.
            size = font
            while _wide(text) > width - beside - unit and size > 0.5 * font:
                size *= 0.96
                text.set_fontsize(size)

    def legend_shape(self, labels: Sequence[str], width: float | None = None) -> tuple[int, int]:
        """Columns and rows that hold the labels in a width in pixels, that of the page."""
        if not labels:
            return 1, 0
        width = self.width if width is None else width
        wide = [self.legend_entry(label) for label in labels]
        columns = next(
            (n for n in range(len(labels), 1, -1)
             if sum(max(part) for part in np.array_split(wide, n)) <= width), 1,
        )  # fmt: skip
        return columns, -(-len(labels) // columns)

    def legend_entry(self, label: str) -> float:
        """About the width of an entry in pixels."""
        return (0.58 * len(label) + 5) * self.unit

    def small_print(self, choices: Sequence[str], lines: int = 2) -> None:
        """Every choice behind the picture, in at most so many lines.

        No choice is left out: what does not fit is written smaller.
        """
        words = " · ".join(choice for choice in choices if choice)
        words = re.sub(r"(?<![\d,.])1 (epoch|step|run)s\b", r"1 \1", words)
        small, room = 0.72 * self.look.font, self.width - 1.8 * self.unit
        note = self.figure.text(
            0.9 * self.unit / self.width, 0.35 * self.unit / self.height, words, va="bottom",
            fontsize=small, color=self.look.theme.quiet, linespacing=1.15,
        )  # fmt: skip
        long = note.get_window_extent().width
        # Hinting makes small texts up to a tenth wider at another dpi; and letters differ in width.
        if long > 0.9 * room:
            for shrunk in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
                characters = max(1, int(0.86 * len(words) * room / long / shrunk))
                wrapped = textwrap.wrap(words, characters, break_long_words=False)
                if len(wrapped) <= lines:
                    break
            note.set_fontsize(shrunk * small)
            note.set_text("\n".join(wrapped))


def quiet(axes: Axes, look: Look, paper: Any) -> None:
    """Two thin spines, small ticks."""
    axes.set_facecolor(paper)
    axes.grid(False)  # whatever the user's own settings are
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(look.theme.quiet)
        axes.spines[side].set_linewidth(0.8)
    axes.tick_params(labelsize=0.85 * look.font, colors=look.theme.quiet, length=3)
    axes.tick_params(which="minor", colors=look.theme.quiet, length=2)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(0.9 * look.font)
        label.set_color(look.theme.ink)


def _wide(text: Text) -> float:
    return float(text.get_window_extent().width)
