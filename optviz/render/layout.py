"""Where things stand in a picture: rectangles in pixels, y downwards from the top left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    width: float
    height: float

    def fraction(self, width: float, height: float) -> tuple[float, float, float, float]:
        """(left, bottom, width, height) as shares of a figure of that size."""
        bottom = height - self.top - self.height
        return self.left / width, bottom / height, self.width / width, self.height / height


@dataclass(frozen=True)
class Layout:
    """The rectangles of a picture with a map and, perhaps, a curve.

    `unit` is the size of the base font in pixels; margins are multiples of it.
    """

    map: Box
    bar: Box
    curve: Box | None
    unit: float


AXIS = 4.4  # room for tick labels and the name of an axis
BAR = 5.8  # the colour bar with its labels
TOP = 5.0  # title and formula
CURVE = 0.36  # the height of a panel's curve, as a share of its width


def bottom_of(legend_rows: int) -> float:
    """Room for the legend and the small print."""
    return 1.75 * legend_rows + 2.6


def natural_height(
    width: float, aspect: float, bottom: float, unit: float, *, panels: int, with_curve: bool
) -> int:
    """The height at which the maps leave no empty strip; `bottom` is in units (`bottom_of`)."""
    around = (TOP + bottom + AXIS) * unit
    if panels > 1:
        columns = int(np.ceil(np.sqrt(panels)))
        rows = -(-panels // columns)
        map_height = (width / columns - AXIS * unit) / aspect
        map_height = min(map_height, 0.8 * width / rows)
        cell = map_height + (AXIS + 1.9) * unit
        if with_curve:
            cell += CURVE * map_height * aspect + (AXIS + 1.9) * unit
        return _even(rows * cell + around - AXIS * unit)
    across = width - (2 * AXIS + BAR + 9.0) * unit
    map_width = 0.56 * across if with_curve else 0.8 * width
    return _even(min(max(map_width / aspect, 0.22 * width), 0.55 * width) + around)


def _even(height: float) -> int:
    """A whole number of pixels that every encoder takes."""
    return 2 * round(height / 2)


def arrange(
    width: float,
    height: float,
    aspect: float,
    bottom: float,
    unit: float,
    *,
    names: float = 6.6,
    with_curve: bool = True,
) -> Layout:
    """Place a map of the given aspect (width : height) as large as it gets, beside or above
    its curve; `names` is the room right of the curve in units."""
    top, bottom = TOP * unit, bottom * unit
    axis, bar, names = AXIS * unit, BAR * unit, names * unit
    free_height = height - top - bottom - axis
    if not with_curve:
        w, h = _fit(width - axis - bar - 1.5 * unit, free_height, aspect)
        left = axis + max(0.0, (width - axis - bar - w - 1.5 * unit) / 2)
        return Layout(Box(left, top, w, h), Box(left + w + unit, top, 0.8 * unit, h), None, unit)
    across = width - 2 * axis - bar - names - 1.5 * unit
    beside = _fit(0.56 * across, free_height, aspect)
    above = _fit(width - axis - bar - unit, free_height - axis - 7 * unit, aspect)
    if beside[0] * beside[1] >= 0.7 * above[0] * above[1]:
        w, h = beside
        middle = top + (free_height - h) / 2
        map_box = Box(axis, middle, w, h)
        left = axis + w + bar + axis + 0.5 * unit
        curve = Box(left, middle, width - left - names, max(h, min(free_height, 0.6 * w)))
    else:
        w, h = above
        map_box = Box(axis, top, w, h)
        curve_top = top + h + axis
        curve = Box(
            axis + unit, curve_top, width - axis - unit - names, height - bottom - axis - curve_top
        )
    return Layout(map_box, Box(map_box.left + w + unit, map_box.top, 0.8 * unit, h), curve, unit)


def _fit(width: float, height: float, aspect: float) -> tuple[float, float]:
    """The largest size with this aspect in a rectangle."""
    width, height = max(width, 10.0), max(height, 10.0)
    return (width, width / aspect) if width / aspect <= height else (height * aspect, height)


def grid(
    width: float,
    height: float,
    count: int,
    aspect: float,
    bottom: float,
    unit: float,
    *,
    with_curve: bool = False,
) -> tuple[list[Box], list[Box]]:
    """Equal maps for small multiples in reading order, and the curves below them (or none)."""
    top, bottom = (TOP - 0.6) * unit, bottom * unit
    # Powers of ten beside a curve are wider than the numbers beside a map.
    axis, gap = (AXIS + (0.9 if with_curve else 0.0)) * unit, 1.9 * unit
    maps: list[Box] = []
    curves: list[Box] = []
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        across = (width - unit) / columns - axis
        cell = (height - top - bottom) / rows - axis - gap
        # A curve takes a good third of the width in height, and its own axis.
        free = (cell - axis - gap) / (1 + CURVE * aspect) if with_curve else cell
        w, h = _fit(across, free, aspect)
        if maps and w * h <= maps[0].width * maps[0].height:
            continue
        below = CURVE * w if with_curve else 0.0
        pitch = h + axis + gap + (below + axis + gap if with_curve else 0.0)
        lead = max(0.0, (width - columns * (w + axis) - unit) / 2)
        maps = [
            Box(
                lead + axis + (k % columns) * (w + axis), top + gap + (k // columns) * pitch, w, h
            )
            for k in range(count)
        ]  # fmt: skip
        curves = [Box(m.left, m.top + h + axis + gap, w, below) for m in maps if with_curve]
    return maps, curves
