"""A picture's frame: title, formula, maps, curve, legend and small print, without the paths.

`plot` adds whole paths to it, `animate` adds growing ones.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from optviz.functions.catalogue import Function
from optviz.render import contour, curves, layout, style
from optviz.render.style import Look, Stroke
from optviz.runs.trajectory import Trajectory

Real = NDArray[np.float64]

#: The usual width in pixels at dpi 100; still pictures are written at twice that.
WIDTH = 960
DPI = 100
#: Room for a strip of sensitivities below the maps, in units.
STRIP = 9.6
MIN_SIZE, MAX_SIZE = (320, 240), (7680, 4320)


@dataclass(frozen=True)
class Frame:
    """A composed figure and where its parts are."""

    figure: Figure
    function: Function
    trajectories: tuple[Trajectory, ...]
    strokes: tuple[Stroke, ...]
    maps: tuple[Axes, ...]
    #: None, one for all, or one for each.
    curves: tuple[Axes, ...]
    every: int
    look: Look
    legend_rows: int

    def map_of(self, k: int) -> Axes:
        """The map on which the k-th trajectory is drawn."""
        return self.maps[k] if len(self.maps) > 1 else self.maps[0]

    def curve_of(self, k: int) -> Axes | None:
        """The axes of the k-th trajectory's curve."""
        if not self.curves:
            return None
        return self.curves[k] if len(self.curves) > 1 else self.curves[0]


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """`size` in whole pixels.

    Raises
    ------
    ValueError
        If it is too small to read or too large to hold.
    """
    width, height = (int(v) for v in size)
    fits = MIN_SIZE[0] <= width <= MAX_SIZE[0] and MIN_SIZE[1] <= height <= MAX_SIZE[1]
    if not fits:
        raise ValueError(
            f"size must lie between {MIN_SIZE[0]}x{MIN_SIZE[1]} and {MAX_SIZE[0]}x{MAX_SIZE[1]} "
            f"pixels, not {width}x{height}"
        )
    return width, height


def check_room(box: layout.Box, size: tuple[int, int], unit: float) -> None:
    """Refuse a size at which legend and small print leave no room for a map or curve.

    Raises
    ------
    ValueError
        With a height or a width that would do.
    """
    least = 5 * unit
    if box.width >= least and box.height >= least:
        return
    # The margins grow with the font, and that with the root of the area.
    wide, tall = (v + 1.5 * max(0.0, least - has) for v, has in zip(
        size, (box.width, box.height), strict=True))  # fmt: skip
    raise ValueError(
        f"size {size[0]}x{size[1]} leaves no room for the picture: "
        f"give about {10 * round(wide / 10)}x{10 * round(tall / 10)}"
    )


def compose(
    f: Function,
    trajectories: Sequence[Trajectory],
    *,
    size: tuple[int, int] | None = None,
    panels: bool = False,
    curve_kind: str | None = "gap",
    with_field: bool = False,
    with_marks: bool = True,
    theme: str = "light",
    remarks: Sequence[str] = (),
    with_strip: bool = False,
) -> Frame:
    """Everything but the paths."""
    count = len(trajectories) if panels else 1
    with_curve = curve_kind is not None and bool(trajectories)
    figure, strokes, rows, look = begin(
        f, trajectories, size, theme, panels=count, with_curve=with_curve,
        below=STRIP if with_strip else 0.0,
    )  # fmt: skip
    unit = look.unit
    width, height = figure.get_size_inches() * DPI
    bottom = layout.bottom_of(rows) + (STRIP if with_strip else 0.0)
    every = mark_interval(max((t.steps for t in trajectories), default=0))
    ground = contour.ground(f)
    (x0, x1), (y0, y1) = f.bounds
    aspect = (x1 - x0) / (y1 - y0)
    curve_boxes: list[layout.Box] = []
    if count > 1:
        boxes, curve_boxes = layout.grid(
            width, height, count, aspect, bottom, unit, with_curve=with_curve
        )
    else:
        names = 2.4 + 0.62 * max((len(s.name) for s in strokes), default=0)
        placed = layout.arrange(
            width, height, aspect, bottom, unit, names=names, with_curve=with_curve
        )
        boxes = [placed.map]
        contour.draw_bar(figure, placed.bar, f, ground, look)
        curve_boxes = [] if placed.curve is None else [placed.curve]
    if with_strip:
        check_room(boxes[0], (round(width), round(height)), unit)
    curve_axes = [figure.add_axes(box.fraction(width, height)) for box in curve_boxes]
    maps = [figure.add_axes(box.fraction(width, height)) for box in boxes]
    for axes in maps:
        contour.draw_ground(axes, f, ground, look)
        if with_field:
            contour.draw_field(axes, f, look)
    remarks = list(remarks)
    for axes in curve_axes:
        note = curves.draw_axes(axes, curve_kind or "gap", f, trajectories, look)
        remarks += [note] if note and note not in remarks else []
    if trajectories and with_marks:
        remarks.insert(0, f"a mark every {every} steps" if every > 1 else "a mark every step")
    if len(maps) > 1:
        for axes, stroke in zip(maps, strokes, strict=True):
            axes.set_title(stroke.name, loc="left", fontsize=look.font, color=stroke.color, pad=3)
    for axes in [*maps, *curve_axes]:
        quiet(axes, look)
    write_texts(
        figure, f, style.title(f, trajectories), style.choices(f, trajectories, remarks), look
    )
    return Frame(
        figure, f, tuple(trajectories), tuple(strokes), tuple(maps), tuple(curve_axes), every, look,
        rows,
    )  # fmt: skip


def sheet(width: float, height: float, theme: str) -> tuple[Figure, Look]:
    """An empty figure of so many pixels, and the look of what is drawn on it."""
    # The font grows with the picture.
    unit = float(np.clip(13.5 * np.sqrt(width * height / 5e5), 9, 60))
    look = Look(style.theme(theme), unit * 72 / DPI, unit)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=look.theme.paper)
    FigureCanvasAgg(figure)
    return figure, look


def begin(
    f: Function,
    trajectories: Sequence[Trajectory],
    size: tuple[int, int] | None,
    theme: str,
    *,
    panels: int = 1,
    with_curve: bool = True,
    below: float = 0.0,
) -> tuple[Figure, list[Stroke], int, Look]:
    """A figure with its legend; strokes, the legend's rows, and the look.

    `below` is room in units between the maps and the legend.
    """
    width, height = check_size(size) if size else (WIDTH, 0)
    # The font grows with the picture.
    unit = float(np.clip(13.5 * np.sqrt(width * (height or 0.54 * width) / 5e5), 9, 60))
    look = Look(style.theme(theme), unit * 72 / DPI, unit)
    strokes = style.strokes(trajectories, look.theme)
    handles = _handles(f, trajectories, strokes, look)
    labels = [str(handle.get_label()) for handle in handles]
    _, rows = _legend_shape(labels, width, unit)
    if not height:
        (x0, x1), (y0, y1) = f.bounds
        height = layout.natural_height(
            width, (x1 - x0) / (y1 - y0), layout.bottom_of(rows) + below, unit, panels=panels,
            with_curve=with_curve,
        )  # fmt: skip
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=look.theme.paper)
    FigureCanvasAgg(figure)
    draw_legend(figure, handles, look)
    return figure, strokes, rows, look


def draw_legend(figure: Figure, handles: Sequence[Artist], look: Look) -> int:
    """The legend above the small print, in as many rows as it takes; their number."""
    width, height = figure.get_size_inches() * DPI
    columns, rows = _legend_shape([str(h.get_label()) for h in handles], width, look.unit)
    legend = figure.legend(
        handles=handles, loc="upper left", ncols=columns, frameon=False, fontsize=0.95 * look.font,
        bbox_to_anchor=(0.4 * look.unit / width, (1.75 * rows + 2.2) * look.unit / height),
        borderaxespad=0, columnspacing=1.8, handlelength=2.4, labelcolor=look.theme.ink,
    )  # fmt: skip
    texts = legend.get_texts()
    beside = legend.get_window_extent().width - max((_wide(text) for text in texts), default=0)
    for text in texts if columns == 1 else ():
        # A label that is wider than the page gets smaller letters. Hinting rounds their widths.
        size = 0.95 * look.font
        while _wide(text) > width - beside - look.unit and size > 0.5 * look.font:
            size *= 0.96
            text.set_fontsize(size)
    return rows


def _wide(text: Text) -> float:
    return float(text.get_window_extent().width)


def mark_interval(steps: int) -> int:
    """1, 2 or 5 times a power of ten, for about a dozen marks."""
    target = max(1.0, steps / 15)
    power = 10 ** int(np.floor(np.log10(target)))
    return next(int(m * power) for m in (1, 2, 5, 10) if m * power >= target)


def quiet(axes: Axes, look: Look) -> None:
    """Two thin spines, small ticks."""
    axes.set_facecolor(look.theme.paper)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(look.theme.quiet)
        axes.spines[side].set_linewidth(0.8)
    axes.tick_params(labelsize=0.85 * look.font, colors=look.theme.quiet, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(0.9 * look.font)
        label.set_color(look.theme.ink)


def _handles(
    f: Function, trajectories: Sequence[Trajectory], strokes: Sequence[Stroke], look: Look
) -> list[Line2D]:
    handles = [
        Line2D([], [], color=s.color, linestyle=s.dash, marker=s.marker, markersize=5,
               linewidth=1.8, markeredgecolor=look.theme.paper, markeredgewidth=0.5, label=s.label)
        for s in strokes
    ]  # fmt: skip
    if trajectories:
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=7, label="start",
                              markerfacecolor="none", markeredgecolor=look.theme.ink))  # fmt: skip
    if len(f.minima):
        name = "minimum" if len(f.minima) == 1 else "minima"
        handles.append(Line2D([], [], linestyle="", marker="*", markersize=9, label=name,
                              markerfacecolor=look.theme.star, markeredgecolor=look.theme.ink,
                              markeredgewidth=0.7))  # fmt: skip
    return handles


def _legend_shape(labels: Sequence[str], width: float, unit: float) -> tuple[int, int]:
    """Columns and rows that hold the labels."""
    if not labels:
        return 1, 0
    widest = max(len(label) for label in labels) * 0.55 * unit + 5 * unit
    columns = int(np.clip(width // widest, 1, len(labels)))
    return columns, -(-len(labels) // columns)


def write_texts(
    figure: Figure, f: Function, title: str, choices: str, look: Look, lines: int = 2
) -> None:
    """Title, formula, small print of at most so many lines."""
    write_heading(figure, title, f"$f(x, y) = {f.latex}$", look)
    write_choices(figure, choices, look, lines)


def write_heading(figure: Figure, title: str, below: str, look: Look) -> None:
    """The title and the line below it, such as a formula."""
    width, height = figure.get_size_inches() * figure.dpi
    font, unit = look.font, look.unit
    left = 0.9 * unit / width
    room = width * (1 - 2 * left)
    head = figure.text(
        left, 1 - 0.75 * unit / height, title, va="top",
        fontsize=1.3 * font, fontweight="bold", color=look.theme.ink,
    )  # fmt: skip
    if (wide := head.get_window_extent().width) > room:
        head.set_fontsize(1.3 * font * 0.98 * room / wide)
    formula = figure.text(
        left, 1 - 2.55 * unit / height, below, va="top", fontsize=font, color=look.theme.quiet
    )
    wide = formula.get_window_extent().width
    if wide > room:
        # A formula too long for one line at a readable size is left to `optviz list functions`.
        small = font * room / wide
        formula.set_fontsize(small) if small >= 0.55 * font else formula.remove()


def write_choices(figure: Figure, choices: str, look: Look, lines: int = 2) -> None:
    """The small print."""
    small = 0.72 * look.font
    width, height = figure.get_size_inches() * figure.dpi
    left = 0.9 * look.unit / width
    room = width * (1 - 2 * left)
    note = figure.text(
        left, 0.35 * look.unit / height, choices, va="bottom", fontsize=small,
        color=look.theme.quiet, linespacing=1.15,
    )  # fmt: skip
    long = note.get_window_extent().width
    # Hinting makes small texts up to a tenth wider at another dpi; and letters differ in width.
    if long > 0.9 * room:
        # No choice is left out: what does not fit is written smaller.
        for shrunk in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
            characters = int(0.86 * len(choices) * room / long / shrunk)
            wrapped = textwrap.wrap(choices, characters, break_long_words=False)
            if len(wrapped) <= lines:
                break
        note.set_fontsize(shrunk * small)
        note.set_text("\n".join(wrapped))
