"""Paths and curves in axes that somebody else made, and nothing beyond those axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes

from optviz.functions.base import Function
from optviz.render import contour, curves, paths, style
from optviz.render.frame import mark_interval
from optviz.render.style import Look
from optviz.render.theme import theme_of
from optviz.runs.trajectory import Trajectory

#: What may stand in axes of one's own.
PARTS = ("map", "curve")


def parts_of(axes: object) -> dict[str, Axes]:
    """Axes by part; axes alone are for the map.

    Raises
    ------
    ValueError
        If they are neither.
    """
    given = {"map": axes} if isinstance(axes, Axes) else axes
    if not isinstance(given, Mapping) or not given or any(
        part not in PARTS or not isinstance(a, Axes) for part, a in given.items()
    ):  # fmt: skip
        raise ValueError(
            f"axes must be Matplotlib's Axes, or {{'map': axes, 'curve': axes}}, not {axes!r:.60}"
        )
    return dict(given)


def draw_into(
    axes: Mapping[str, Axes], f: Function, runs: Sequence[Trajectory], *, kind: str | None,
    theme: str, font: float, levels: int | None, with_field: bool,
) -> None:  # fmt: skip
    """The map and the curve, each if it has axes; letters as rcParams["font.size"] says.

    Lines are labelled, so that `axes.legend()` works; title and legend are left to the owner.
    """
    points = font * float(mpl.rcParams["font.size"])
    strokes = style.strokes(runs, theme_of(theme))
    every = mark_interval(max((t.steps for t in runs), default=0))
    for part, here in axes.items():
        look = Look(theme_of(theme), points, points * here.figure.dpi / 72)
        if part == "map":
            contour.draw_ground(here, f, contour.ground(f, count=levels), look)
            if with_field:
                contour.draw_field(here, f, look)
            for t, stroke in zip(runs, strokes, strict=True):
                *_, line = paths.draw_path(here, t, stroke, every, look)
                line.set_label(stroke.label)
                paths.draw_end(here, t, stroke, look)
                paths.draw_start(here, t.start, look)
            contour.draw_minima(here, f, look)
        elif kind is not None:
            curves.draw_axes(here, kind, f, runs, look)
            here.set_title("", loc="left")
            for t, stroke in zip(runs, strokes, strict=True):
                curves.draw_line(here, kind, f, t, stroke, every, look)
                here.lines[-1].set_label(stroke.label)
