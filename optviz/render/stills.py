"""Whole paths on maps, and first steps: the stills of a race."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optviz.functions.base import Function
from optviz.render import contour, curves, paths
from optviz.render.frame import compose, name_panel
from optviz.render.sheet import Sheet
from optviz.render.strip import draw_strip
from optviz.runs.trajectory import Trajectory
from optviz.shared.text import rounded

if TYPE_CHECKING:
    from optviz.studies.sensitivity import Sensitivity

Real = NDArray[np.float64]


def draw_maps(
    sheet: Sheet,
    f: Function,
    runs: Sequence[Trajectory],
    *,
    with_field: bool,
    panels: bool,
    kind: str | None,
    strip: Sensitivity | None,
    levels: int | None = None,
) -> None:
    """Every path on the map, or each on its own, with its curve; perhaps a strip below."""
    frame = compose(
        sheet, f, runs, panels=panels, curve_kind=kind, with_field=with_field,
        with_strip=strip is not None, levels=levels,
        remarks=["arrows along −∇f, length ∝ ∛‖∇f‖"] if with_field else [],
    )  # fmt: skip
    sizes = paths.end_sizes(frame)
    for k, (t, stroke) in enumerate(zip(runs, frame.strokes, strict=True)):
        axes = frame.map_of(k)
        paths.draw_path(axes, t, stroke, frame.every, frame.look)
        paths.draw_end(axes, t, stroke, frame.look, sizes[k])
        paths.draw_start(axes, t.start, frame.look)
        if frame.curve is not None and kind is not None:
            curves.draw_line(frame.curve, kind, f, t, stroke, frame.every, frame.look)
    paths.draw_exit_texts(frame)
    paths.draw_names(frame)
    for axes in frame.maps:
        contour.draw_minima(axes, f, frame.look)
    if strip is not None:
        draw_strip(frame, strip)
    if frame.curve is not None and kind is not None:
        curves.draw_names(frame.curve, kind, f, runs, frame.strokes, frame.look)


def draw_first_steps(
    sheet: Sheet,
    f: Function,
    runs: Sequence[Trajectory],
    steps: Sequence[tuple[Real, Real]],
    count: int,
) -> None:
    """For each optimizer a map with the first step from each point of a grid."""
    frame = compose(
        sheet, f, runs, panels=True, curve_kind=None, with_marks=False, with_paths=False,
        remarks=["arrows: the first step from each point, scaled where a panel says so"],
    )  # fmt: skip
    spacing = max(high - low for low, high in f.bounds) / count
    for k, (stroke, (places, moves)) in enumerate(zip(frame.strokes, steps, strict=True)):
        axes = frame.map_of(k)
        factor, cut = contour.draw_arrows(axes, places, moves, spacing, stroke.color)
        notes = [f"arrows × {rounded(factor, 2)}"] if factor < 1 else []
        notes += [f"{cut} cut short"] if cut else []
        if len(runs) > 1:
            name_panel(axes, stroke, frame.look, f"   ({', '.join(notes)})" if notes else "")
        else:  # the title names it, and beside the formula on the left there is room
            axes.set_title(", ".join(notes), loc="right", fontsize=frame.look.font, pad=3,
                           color=frame.look.theme.quiet)  # fmt: skip
        contour.draw_minima(axes, f, frame.look)
