"""Where maps and curves stand in a picture: boxes in pixels, y downwards from the top left."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
class Page:
    """What there is to fill.

    Attributes
    ----------
    width, height
        Of the whole sheet, in pixels.
    top, bottom
        What heading, legend and small print take, in units.
    unit
        The size of the base font in pixels.
    names
        Room right of a curve for the names of its lines, in units; 0 for no curve.
    """

    width: float
    height: float
    top: float
    bottom: float
    unit: float
    names: float = 6.6

    @property
    def free(self) -> float:
        """The height between heading and legend, in pixels."""
        return self.height - (self.top + self.bottom) * self.unit


@dataclass(frozen=True)
class Places:
    """The boxes of maps, of the colour bar of a single map, and of the curve."""

    maps: tuple[Box, ...]
    bar: Box | None
    curve: Box | None


AXIS = 4.4  # room for tick labels and the name of an axis
BAR = 5.8  # the colour bar with its labels
TITLE = 1.9  # a panel's name
#: A curve beside panels, or below them, takes this share of the page.
CURVE = 0.34


def natural_height(
    width: float, aspect: float, around: float, unit: float, *, panels: int, with_curve: bool
) -> int:
    """The height at which maps leave no empty strip; `around` is what the rest takes, in units."""
    if panels > 1:
        columns = int(np.ceil(np.sqrt(panels)))
        rows = -(-panels // columns)
        across = width * (1 - CURVE if with_curve else 1)
        cell = (across / columns - AXIS * unit) / aspect + (AXIS + TITLE) * unit
        return _even(min(rows * cell, 0.75 * width) + around * unit)
    across = width - (2 * AXIS + BAR + 9.0) * unit
    map_width = 0.56 * across if with_curve else 0.8 * width
    tall = min(max(map_width / aspect, 0.22 * width), 0.55 * width)
    return _even(tall + (around + AXIS) * unit)


def _even(height: float) -> int:
    """A whole number of pixels that every encoder takes."""
    return 2 * round(height / 2)


def arrange(page: Page, aspect: float) -> Places:
    """One map of the given aspect (width : height) as large as it gets, with its curve beside it
    or below it."""
    unit, width = page.unit, page.width
    top, axis, bar, names = (v * unit for v in (page.top, AXIS, BAR, page.names))
    free = page.free - axis
    if not page.names:
        w, h = _fit(width - axis - bar - 1.5 * unit, free, aspect)
        left = axis + max(0.0, (width - axis - bar - w - 1.5 * unit) / 2)
        return _with_bar(Box(left, top, w, h), None, unit)
    across = width - 2 * axis - bar - names - 1.5 * unit
    beside = _fit(0.56 * across, free, aspect)
    above = _fit(width - axis - bar - unit, free - axis - 7 * unit, aspect)
    if beside[0] * beside[1] >= 0.7 * above[0] * above[1]:
        w, h = beside
        middle = top + (free - h) / 2
        left = axis + w + bar + axis + 0.5 * unit
        curve = Box(left, middle, width - left - names, max(h, min(free, 0.6 * w)))
        return _with_bar(Box(axis, middle, w, h), curve, unit)
    w, h = above
    curve_top = top + h + axis
    curve = Box(axis + unit, curve_top, width - axis - unit - names, top + free - curve_top)
    return _with_bar(Box(axis, top, w, h), curve, unit)


def _with_bar(map_box: Box, curve: Box | None, unit: float) -> Places:
    bar = Box(map_box.left + map_box.width + unit, map_box.top, 0.8 * unit, map_box.height)
    return Places((map_box,), bar, curve)


def _fit(width: float, height: float, aspect: float) -> tuple[float, float]:
    """The largest size with this aspect in a rectangle."""
    width, height = max(width, 10.0), max(height, 10.0)
    return (width, width / aspect) if width / aspect <= height else (height * aspect, height)


def grid(page: Page, count: int, aspect: float) -> Places:
    """Equal maps for small multiples in reading order, and one curve beside or below all."""
    tries = [
        _grid(page, count, columns, aspect, beside)
        for beside in ((True, False) if page.names else (False,))
        for columns in range(1, count + 1)
    ]
    # Large maps, but none at the price of a curve that cannot be read.
    least = 6 * page.unit
    readable = [
        places for places in tries
        if places.curve is None or min(places.curve.width, places.curve.height) >= least
    ]  # fmt: skip
    if not readable:
        # Too small a page for both: the maps go first.
        return grid(replace(page, names=0.0), count, aspect)
    return max(readable, key=lambda places: places.maps[0].width)


def _grid(page: Page, count: int, columns: int, aspect: float, beside: bool) -> Places:
    """So many columns of maps; the curve beside them, or below."""
    unit, rows = page.unit, -(-count // columns)
    axis, title = AXIS * unit, TITLE * unit
    share = CURVE if page.names else 0.0
    across = page.width * (1 - share if beside else 1) - unit
    down = page.free * (1 if beside else 1 - share)
    w, h = _fit(across / columns - axis, down / rows - axis - title, aspect)
    # What is left over is spread between the maps.
    step = w + axis + min((across - columns * (w + axis)) / columns, 4 * unit)
    pitch = h + axis + title + min((down - rows * (h + axis + title)) / rows, 3 * unit)
    lead = (across - columns * step) / 2 + (step - w - axis) / 2 + axis
    top = page.top * unit + title + (down - rows * pitch) / 2
    maps = tuple(
        Box(lead + (k % columns) * step, top + (k // columns) * pitch, w, h) for k in range(count)
    )
    if not page.names:
        return Places(maps, None, None)
    right = page.width - page.names * unit
    if beside:
        left = across + axis + 1.5 * unit
        return Places(maps, None, Box(left, top, right - left, (rows - 1) * pitch + h))
    low = page.top * unit + down + title
    tall = page.free - down - title - axis
    return Places(maps, None, Box(axis + unit, low, right - axis - unit, tall))
