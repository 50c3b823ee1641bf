"""A race's sheet without the paths: maps on the ground of the function, curve, legend, words.

A still adds whole paths to it, a film growing ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from optviz.functions.base import Function
from optviz.render import contour, curves, layout, style
from optviz.render.sheet import SMALL_PRINT, Sheet
from optviz.render.style import Look, Stroke
from optviz.runs.trajectory import Trajectory

#: Room for a strip of sensitivities below the maps, in units.
STRIP = 9.6


@dataclass(frozen=True)
class Frame:
    """A composed sheet and where its parts are."""

    sheet: Sheet
    function: Function
    trajectories: tuple[Trajectory, ...]
    strokes: tuple[Stroke, ...]
    maps: tuple[Axes, ...]
    #: The axes of the curves, which all share; None for none.
    curve: Axes | None
    every: int

    @property
    def look(self) -> Look:
        """Theme, font and unit."""
        return self.sheet.look

    def map_of(self, k: int) -> Axes:
        """The map on which the k-th trajectory is drawn."""
        return self.maps[k] if len(self.maps) > 1 else self.maps[0]


def compose(
    sheet: Sheet,
    f: Function,
    trajectories: Sequence[Trajectory],
    *,
    panels: bool = False,
    curve_kind: str | None = "gap",
    with_field: bool = False,
    with_marks: bool = True,
    remarks: Sequence[str] = (),
    with_strip: bool = False,
    with_paths: bool = True,
    levels: int | None = None,
) -> Frame:
    """Everything but the paths; without any to come, no word of them either."""
    count = len(trajectories) if panels else 1
    with_curve = curve_kind is not None and bool(trajectories)
    strokes = style.strokes(trajectories, sheet.look.theme, with_paths)
    below = STRIP if with_strip else 0.0
    handles = handles_of(f, trajectories if with_paths else (), strokes, sheet)
    entries = [str(handle.get_label()) for handle in handles]
    if sheet.is_natural:
        _, sheet.rows = sheet.legend_shape(entries)
        height = layout.natural_height(
            sheet.width, aspect(f), sheet.top + sheet.bottom + below, sheet.unit, panels=count,
            with_curve=with_curve,
        )  # fmt: skip
        sheet.resize(sheet.width, height)
    every = mark_interval(max((t.steps for t in trajectories), default=0))
    ground = contour.ground(f, count=levels)
    names = 2.4 + 0.62 * max((len(s.name) for s in strokes), default=0)
    page = layout.Page(
        sheet.width, sheet.height, sheet.top, SMALL_PRINT + below, sheet.unit,
        names if with_curve else 0.0, lambda width: sheet.legend_shape(entries, width)[1],
        max(map(sheet.legend_entry, entries), default=0.0), sheet.is_natural,
    )  # fmt: skip
    placed = layout.grid(page, count, aspect(f)) if count > 1 else layout.arrange(page, aspect(f))
    sheet.legend(handles, placed.legend)
    maps = [sheet.axes(box, "map") for box in placed.maps]
    bottom = maps[-1].get_position().y0
    curve = None if placed.curve is None else sheet.axes(placed.curve, "curve")
    for axes, (has_x, has_y) in zip(maps, placed.outer, strict=True):
        contour.draw_ground(axes, f, ground, sheet.look)
        if len(maps) > 1:
            _share_axes(axes, has_x, has_y, axes.get_position().y0 < bottom + 1e-9, sheet.look)
        if with_field:
            contour.draw_field(axes, f, sheet.look)
    remarks = list(remarks)
    if curve is not None:
        note = curves.draw_axes(curve, curve_kind or "gap", f, trajectories, sheet.look)
        remarks += [note] if note else []
    if placed.bar is not None:
        contour.draw_bar(sheet.figure, placed.bar, f, ground, sheet.look)
    if trajectories and with_marks:
        remarks.insert(0, f"a mark every {every} steps" if every > 1 else "a mark every step")
    if len(maps) > 1:
        for axes, stroke in zip(maps, strokes, strict=True):
            name_panel(axes, stroke, sheet.look)
    write_words(sheet, f, trajectories, remarks, with_paths, curve is not None)
    return Frame(sheet, f, tuple(trajectories), tuple(strokes), tuple(maps), curve, every)


def name_panel(axes: Axes, stroke: Stroke, look: Look, remark: str = "") -> None:
    """The name of the one whose panel it is."""
    axes.set_title(f"{stroke.name}{remark}", loc="left", fontsize=look.font, color=stroke.color,
                   pad=3, parse_math=False)  # fmt: skip


def _share_axes(axes: Axes, has_x: bool, has_y: bool, is_last: bool, look: Look) -> None:
    """Numbers on the outer axes of panels only, and no more than have room; names with them, that
    of x in the last row alone."""
    box = axes.get_window_extent()
    sides = ((axes.xaxis, box.width, has_x, is_last), (axes.yaxis, box.height, has_y, has_y))
    for axis, side, has_numbers, has_name in sides:
        most = int(np.clip(side / (3.2 * look.unit), 2, 7))
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 4, 5, 8, 10]))
        if not has_numbers:
            axis.set_tick_params(labelbottom=False, labelleft=False)
        if not has_name:
            axis.set_label_text("")


def write_words(
    sheet: Sheet, f: Function, trajectories: Sequence[Trajectory], remarks: Sequence[str],
    with_paths: bool = True, with_band: bool = True,
) -> None:  # fmt: skip
    """Title, formula and small print."""
    sheet.heading(style.title(f, trajectories), style.formula(f))
    sheet.small_print(style.choices(f, trajectories, remarks, with_paths, with_band))


def aspect(f: Function) -> float:
    """The width of the bounds over their height."""
    (x0, x1), (y0, y1) = f.bounds
    return (x1 - x0) / (y1 - y0)


def mark_interval(steps: int) -> int:
    """Each step while they are few, then 3, 5 or 9 times a power of five, for about a dozen marks.

    Odd: every second point of a zigzag lies on the same side of its valley.
    """
    return 1 if steps <= FEW else next(n for n in _ODD if n >= steps / 15)


#: Of so many steps each has its mark.
FEW = 30
_ODD: list[int] = sorted(m * 5**k for m in (1, 3, 9) for k in range(12))


def handles_of(
    f: Function, trajectories: Sequence[Trajectory], strokes: Sequence[Stroke], sheet: Sheet
) -> list[Line2D]:
    """The legend's entries."""
    theme = sheet.look.theme
    handles = [sheet.handle(s.label, s.color, s.marker, s.dash) for s in strokes]
    if trajectories:
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=7, label="start",
                              markerfacecolor="none", markeredgecolor=theme.ink))  # fmt: skip
    if len(f.minima):
        name = "minimum" if len(f.minima) == 1 else "minima"
        handles.append(Line2D([], [], linestyle="", marker="*", markersize=9, label=name,
                              markerfacecolor=theme.star, markeredgecolor=theme.ink,
                              markeredgewidth=0.7))  # fmt: skip
    return handles
