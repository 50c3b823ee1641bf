"""Where maps, curve and legend stand in a picture: boxes in pixels, y downwards from the top left.

Maps keep their shape, so that a page of another shape has room left over. What is tried here are
the few ways to give that room to the curve and the legend; the one with the largest maps wins.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
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

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width

    @property
    def below(self) -> float:
        """Where it ends, downwards."""
        return self.top + self.height


@dataclass(frozen=True)
class Page:
    """What there is to fill.

    Attributes
    ----------
    width, height
        Of the whole sheet, in pixels.
    top, bottom
        What heading and small print take, in units; with the legend, unless `rows` tells of it.
    unit
        The size of the base font in pixels.
    names
        Room right of a curve for the names of its lines, in units; 0 for no curve.
    rows
        How many rows a legend takes in a width in pixels; None where the legend's place is not
        to be chosen here.
    narrow
        The width of its widest entry.
    is_natural
        Whether the height is that of `natural_height`: then a map is as wide as foreseen.
    """

    width: float
    height: float
    top: float
    bottom: float
    unit: float
    names: float = 6.6
    rows: Callable[[float], int] | None = None
    narrow: float = 0.0
    is_natural: bool = False

    def free(self, with_legend: bool = True) -> float:
        """The height between heading and small print, in pixels; or above the legend there."""
        legend = ROW * self.rows(self.width) if with_legend and self.rows else 0.0
        return self.height - (self.top + self.bottom + legend) * self.unit

    def legend(self, left: float, top: float, width: float) -> Box | None:
        """The legend at a place; None if it is too wide."""
        rows = self.rows(width) if self.rows else 0
        fits = rows and width >= self.narrow
        return Box(left, top, width, ROW * rows * self.unit) if fits else None


@dataclass(frozen=True)
class Places:
    """The boxes of maps, of the colour bar of a single map, of the curve, and of the legend.

    Attributes
    ----------
    legend
        None for its usual place above the small print.
    outer
        For each map whether it has the numbers of the x axis, and of the y axis: maps that share
        them have them once.
    """

    maps: tuple[Box, ...]
    bar: Box | None
    curve: Box | None
    legend: Box | None = None
    outer: tuple[tuple[bool, bool], ...] = ((True, True),)


AXIS = 4.4  # room for tick labels and the name of an axis
BAR = 5.8  # the colour bar with its labels
TITLE = 1.9  # a panel's name
NUMBERS = 1.9  # the numbers of an axis
ROW = 1.75  # of a legend
GAP = 1.7  # between panels that share the numbers of their axes
#: A curve beside panels, or below them, takes this share of the page.
CURVE = 0.34
#: A map beside its curve takes this share of their room at most; on a page whose height was
#: chosen for it, and on any other.
MAP, WIDE_MAP = 0.56, 0.68


def natural_height(
    width: float, aspect: float, around: float, unit: float, *, panels: int, with_curve: bool
) -> int:
    """The height at which maps leave no empty strip; `around` is what the rest takes, in units."""
    if panels > 1:
        columns = int(np.ceil(np.sqrt(panels)))
        rows = -(-panels // columns)
        in_hole = rows * columns > panels
        across = width * (1 - CURVE if with_curve and not in_hole else 1)
        row = _panel_width(across, columns, unit) / aspect + (TITLE + _between(in_hole)) * unit
        tall = rows * row + (AXIS - _between(in_hole)) * unit
        return _even(min(tall, 0.75 * width) + around * unit)
    across = width - (2 * AXIS + BAR + 9.0) * unit
    map_width = MAP * across if with_curve else 0.8 * width
    tall = min(max(map_width / aspect, 0.22 * width), 0.55 * width)
    return _even(tall + (around + AXIS) * unit)


def _even(height: float) -> int:
    """A whole number of pixels that every encoder takes."""
    return 2 * round(height / 2)


def _fit(width: float, height: float, aspect: float) -> tuple[float, float]:
    """The largest size with this aspect in a rectangle."""
    width, height = max(width, 10.0), max(height, 10.0)
    return (width, width / aspect) if width / aspect <= height else (height * aspect, height)


# -- one map ----------------------------------------------------------------------------------


def arrange(page: Page, aspect: float) -> Places:
    """One map of the given aspect (width : height) as large as it gets, with its curve beside it
    or below it."""
    with_legend = [False, *([True] if page.rows and not page.is_natural else [])]
    if not page.names:
        tries = [_alone(page, aspect, beside) for beside in with_legend]
    else:
        tries = [_beside(page, aspect, below) for below in with_legend]
        tries.append(_above(page, aspect))
    found = [places for places in tries if places is not None]
    # The first that is nearly the largest: a curve beside a map is read more easily.
    enough = (0.7 if page.is_natural else 0.85) * max(_area(places) for places in found)
    return next(places for places in found if _area(places) >= enough)


def _area(places: Places) -> float:
    return places.maps[0].width * places.maps[0].height


def _alone(page: Page, aspect: float, beside: bool) -> Places | None:
    """A map with its bar in the middle, and the legend below, or to the right of both."""
    unit, axis, bar = page.unit, AXIS * page.unit, BAR * page.unit
    free = page.free(not beside) - axis
    column = page.narrow if beside else 0.0
    w, h = _fit(page.width - axis - bar - column - 1.5 * unit, free, aspect)
    left = axis + max(0.0, (page.width - axis - bar - column - w - 1.5 * unit) / 2)
    map_box = Box(left, page.top * unit, w, h)
    if beside:
        legend = page.legend(map_box.right + bar + unit, map_box.top, column)
        fits = legend is not None and legend.height <= free
    else:
        # On a tall page it follows the map.
        legend = None if page.is_natural else page.legend(0.0, map_box.below + axis, page.width)
        fits = True
    return _with_bar(map_box, None, unit, legend) if fits else None


def _beside(page: Page, aspect: float, legend_below: bool) -> Places | None:
    """A map, and beside it its curve, which has the legend below it if that is wanted."""
    unit, axis, bar = page.unit, AXIS * page.unit, BAR * page.unit
    names = page.names * unit
    free = page.free(not legend_below) - axis
    across = page.width - 2 * axis - bar - names - 1.5 * unit
    w, h = _fit((MAP if page.is_natural else WIDE_MAP) * across, free, aspect)
    left = axis + w + bar + axis + 0.5 * unit
    if not legend_below:
        top = page.top * unit + (free - h) / 2
        tall = max(h, min(free, 0.6 * w))
        curve = Box(left, top, page.width - left - names, tall)
        return _with_bar(Box(axis, top, w, h), curve, unit)
    map_box = Box(axis, page.top * unit, w, h)
    legend = page.legend(left - axis, 0.0, page.width - left + axis)
    if legend is None or (tall := free - axis - legend.height) < 7 * unit:
        return None
    curve = Box(left, map_box.top, page.width - left - names, min(tall, h))
    return _with_bar(map_box, curve, unit, replace(legend, top=curve.below + axis))


def _above(page: Page, aspect: float) -> Places:
    """A map above its curve."""
    unit, axis, bar = page.unit, AXIS * page.unit, BAR * page.unit
    top, free = page.top * unit, page.free() - axis
    w, h = _fit(page.width - axis - bar - unit, free - axis - 7 * unit, aspect)
    curve_top = top + h + axis
    curve = Box(axis + unit, curve_top, page.width - axis - unit - page.names * unit,
                top + free - curve_top)  # fmt: skip
    return _with_bar(Box(axis, top, w, h), curve, unit)


def _with_bar(map_box: Box, curve: Box | None, unit: float, legend: Box | None = None) -> Places:
    bar = Box(map_box.right + unit, map_box.top, 0.8 * unit, map_box.height)
    return Places((map_box,), bar, curve, legend)


# -- panels -----------------------------------------------------------------------------------


def grid(page: Page, count: int, aspect: float) -> Places:
    """Equal maps for small multiples in reading order, which share their axes, and one curve
    beside or below all, or where a last row that is not full leaves room."""
    ways = [(curve, False) for curve in (("beside", "below", "hole") if page.names else ("none",))]
    if page.rows and not page.is_natural:
        ways.append(("beside" if page.names else "none", True))
    tries = [
        _Grid(page, count, columns, aspect, curve, beside).places()
        for columns, (curve, beside) in itertools.product(range(1, count + 1), ways)
    ]
    # Large maps, but none at the price of a curve that cannot be read.
    least = 6 * page.unit
    readable = [
        places for places in tries if places is not None
        and (places.curve is None or min(places.curve.width, places.curve.height) >= least)
    ]  # fmt: skip
    if not readable:
        # Too small a page for both: the maps go first.
        return grid(replace(page, names=0.0), count, aspect)
    enough = 0.85 * max(places.maps[0].width for places in readable)
    return max((p for p in readable if p.maps[0].width >= enough), key=_filled)


def _filled(places: Places) -> float:
    """The area of all that has a place of its own."""
    others = [box for box in (places.curve, places.legend) if box is not None]
    return sum(box.width * box.height for box in (*places.maps, *others))


def _panel_width(across: float, columns: int, unit: float) -> float:
    """Of each of the panels in a row that have the numbers of y once."""
    return (across - (AXIS + 1 + (columns - 1) * GAP) * unit) / columns


def _between(is_open: bool) -> float:
    """Room below a row of panels that is not the last, in units: for numbers, if the row below it
    is not full."""
    return NUMBERS if is_open else 0.6


@dataclass(frozen=True)
class _Grid:
    """So many columns of maps; the curve "beside" them, "below", in the "hole" or "none"; and the
    legend below all, or beside the maps as well."""

    page: Page
    count: int
    columns: int
    aspect: float
    curve: str
    with_legend: bool = False

    def places(self) -> Places | None:
        """The boxes; None where there is no such place for the curve."""
        page, unit, rows = self.page, self.page.unit, self.rows
        last = self.count - (rows - 1) * self.columns
        if (self.curve == "hole" and not self.is_open) or 2 * last < self.columns:
            return None
        across = page.width * (1 - CURVE if self.curve == "beside" else 1)
        if self.with_legend and self.curve == "none":
            across -= page.narrow
        free = page.free(not self.with_legend) * (1 - CURVE if self.curve == "below" else 1)
        down = free - AXIS * unit - (rows - 1) * _between(self.is_open) * unit
        w, h = _fit(_panel_width(across, self.columns, unit), down / rows - TITLE * unit,
                    self.aspect)  # fmt: skip
        # What is left over is spread between the maps, and around them all.
        spare = across - (AXIS + 1) * unit - self.columns * w - (self.columns - 1) * GAP * unit
        step = w + GAP * unit + min(spare / self.columns, 3 * unit)
        pitch = h + (TITLE + _between(self.is_open)) * unit
        more = down - rows * (h + TITLE * unit)
        pitch += min(more / rows, 3 * unit)
        wide, tall = (self.columns - 1) * step + w, (rows - 1) * pitch + h
        lead = AXIS * unit
        if self.curve != "beside":
            lead += max(0.0, (across - (AXIS + 1) * unit - wide) / 2)
        top = (page.top + TITLE) * unit
        top += max(0.0, (free - (AXIS + TITLE) * unit - tall) / 2)
        # A last row that nothing fills stands in the middle.
        is_filled = self.curve == "hole"
        shift = 0.0 if is_filled else (self.columns - last) * step / 2
        maps = tuple(
            Box(lead + k % self.columns * step + (shift if k // self.columns == rows - 1 else 0.0),
                top + k // self.columns * pitch, w, h) for k in range(self.count)
        )  # fmt: skip
        curve, outer = self._curve(maps), self._outer(is_filled)
        if not self.with_legend:
            return Places(maps, None, curve, None, outer)
        left = max(box.right for box in maps) + unit
        legend = page.legend(left, maps[0].top, page.width - left)
        if legend is None or maps[0].top + legend.height > maps[-1].below:
            return None
        if curve is not None:
            legend = replace(legend, top=maps[-1].below + AXIS * unit - legend.height)
            curve = replace(curve, height=legend.top - AXIS * unit - curve.top)
        return Places(maps, None, curve, legend, outer)

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def is_open(self) -> bool:
        """Whether the last row is not full."""
        return self.rows * self.columns > self.count

    def _curve(self, maps: tuple[Box, ...]) -> Box | None:
        page, unit, last = self.page, self.page.unit, maps[-1]
        right = page.width - page.names * unit
        match self.curve:
            case "none":
                return None
            case "beside":
                left = max(box.right for box in maps) + (AXIS + 2.5) * unit
                return Box(left, maps[0].top, right - left, last.below - maps[0].top)
            case "hole":
                left = last.right + (AXIS + 1.2) * unit
                return Box(left, last.top, right - left, last.height)
        top = last.below + (AXIS + TITLE) * unit
        left = (AXIS + 1) * unit
        end = (page.top * unit) + page.free() - AXIS * unit
        return Box(left, top, right - left, end - top)

    def _outer(self, is_filled: bool) -> tuple[tuple[bool, bool], ...]:
        """Who has the numbers of x (whoever has nobody right below), and those of y."""
        is_centred = self.is_open and not is_filled
        first = (self.rows - 2) * self.columns if is_centred else self.count - self.columns
        return tuple((k >= first, k % self.columns == 0) for k in range(self.count))
