"""The ground of a landscape's picture: a map of the loss, or a surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from optviz.landscapes.landscape import Landscape
from optviz.render import surface
from optviz.render.layout import AXIS, Box
from optviz.render.sheet import Sheet
from optviz.render.style import Look
from optviz.shared.text import labels

Real = NDArray[np.float64]

LEVELS = 14
#: Of the losses that are shown: a landscape's walls are high.
SHOWN = 0.97
#: Numbers along each axis of a surface, at most.
TICKS = 5
#: A surface that is more tilted is seen from below its slope, turned by so many degrees.
TILTED, ASIDE = 0.1, 32.0


def _levels(land: Landscape) -> Real:
    """Of isolines: evenly spaced in the logarithm."""
    seen = land.loss[np.isfinite(land.loss) & (land.loss > 0)]
    low, high = (float(seen.min()), float(np.quantile(seen, SHOWN))) if seen.size else (0.1, 1.0)
    return np.asarray(np.geomspace(low, max(high, 1.05 * low), LEVELS))


def _clipped(land: Landscape, levels: Real) -> Any:
    """The loss for drawing: what is not computed is masked, what overflowed is high."""
    high = np.where(np.isnan(land.loss), 0, np.minimum(land.loss, 10 * levels[-1]))
    return np.ma.masked_array(np.maximum(high, levels[0]), np.isnan(land.loss))


def draw_ground(
    axes: Axes, land: Landscape, sheet: Sheet, beside: Box | None, ends: tuple[str, str]
) -> None:
    """Pale shades of the loss, isolines, and the bar that tells them."""
    look, levels = sheet.look, _levels(land)
    pale = LinearSegmentedColormap.from_list("pale", list(look.theme.ground))
    shown = _clipped(land, levels)
    filled = axes.contourf(land.a, land.b, shown, levels, cmap=pale, extend="max", norm="log",
                           zorder=0)  # fmt: skip
    axes.contour(land.a, land.b, shown, levels, colors=look.theme.isoline, linewidths=0.7, zorder=1)
    axes.set_aspect("equal")
    axes.set_xlim(land.a[0], land.a[-1])
    axes.set_ylim(land.b[0], land.b[-1])
    _name_axes(axes, land, look, ends)
    if beside is None:
        return
    bar: Axes = sheet.figure.add_axes(beside.fraction(sheet.width, sheet.height), label="bar")
    scale: Any = sheet.figure.colorbar(filled, cax=bar)
    ticks = levels[::2]
    scale.set_ticks(ticks, labels=labels(ticks))
    bar.minorticks_off()
    bar.tick_params(labelsize=0.8 * look.font, colors=look.theme.quiet, length=2)
    scale.outline.set_visible(False)
    bar.set_title("loss", loc="left", fontsize=0.85 * look.font, color=look.theme.quiet, pad=4)


def _name_axes(axes: Any, land: Landscape, look: Look, ends: tuple[str, str]) -> None:
    """What the axes are, in letters that fit beside them."""
    box = axes.get_window_extent()
    sides = ((axes.xaxis, box.width, 2.0), (axes.yaxis, box.height, 1.0))
    for told, (axis, side, pad) in zip(land.axes, sides, strict=True):
        name = _with_ends(told, ends)
        size = min(0.9 * look.font, 72 / 100 * 1.06 * side / (0.56 * len(name)))
        axis.set_label_text(name, fontsize=max(size, 0.5 * look.font))
        axis.labelpad = pad


def _with_ends(name: str, ends: tuple[str, str]) -> str:
    """An axis' name with those of the two networks."""
    return name.replace("the first", ends[0]).replace("the second", ends[1])


def mark_ends(axes: Axes, ends: tuple[str, str], look: Look) -> None:
    """The two networks of a line, and the line."""
    axes.plot([0, 1], [0, 0], color=look.theme.ink, linewidth=0.9, linestyle=(0, (4, 2)), zorder=4)
    for x, name in zip((0, 1), ends, strict=True):
        axes.plot([x], [0], "o", color=look.theme.ink, markersize=0.4 * look.font, zorder=4.5)
        axes.annotate(name, (x, 0), xytext=(0, 0.6 * look.font), textcoords="offset points",
                      ha="center", va="bottom", fontsize=0.9 * look.font, color=look.theme.ink,
                      zorder=8, parse_math=False)  # fmt: skip


def draw_surface(
    sheet: Sheet, land: Landscape, place: Box, ends: tuple[str, str]
) -> tuple[Any, Any]:
    """The surface, and what makes a height of a loss."""
    look, levels = sheet.look, _levels(land)
    # Beside tilted axes there is room for a letter; what it means stands below them.
    told = Box(place.left - 0.6 * AXIS * sheet.unit, place.top - sheet.unit,
               place.width + 0.6 * AXIS * sheet.unit, place.height - 0.6 * sheet.unit)  # fmt: skip
    axes: Any = sheet.figure.add_axes(
        told.fraction(sheet.width, sheet.height), projection="3d", computed_zorder=False,
        facecolor="none", label="map",
    )  # fmt: skip
    _tell_axes(sheet, land, told, ends)

    def height(loss: Any) -> Real:
        return np.asarray(np.log10(np.clip(loss, levels[0], 10 * levels[-1])))

    a, b = np.meshgrid(land.a, land.b)
    z = np.where(np.isnan(land.loss), np.nan, height(np.nan_to_num(land.loss, nan=1.0)))
    colors = LinearSegmentedColormap.from_list("surface", look.theme.surface)
    axes.plot_surface(a, b, z, cmap=colors, rstride=1, cstride=1, linewidth=0, antialiased=True,
                      alpha=0.95, zorder=1, vmin=np.nanmin(z), vmax=np.nanmax(z))  # fmt: skip
    axes.contour(a, b, np.ma.masked_invalid(z), levels=height(levels), colors=look.theme.isoline,
                 linewidths=0.6, linestyles="solid", zorder=2)  # fmt: skip
    sides = (land.a[-1] - land.a[0], land.b[-1] - land.b[0])
    surface.dress(axes, (float(sides[0]), float(sides[1])), look, zoom=1.1)
    axes.view_init(elev=surface.ELEVATION, azim=_azimuth(z))
    for axis, name in ((axes.xaxis, "a"), (axes.yaxis, "b"), (axes.zaxis, "log₁₀ loss")):
        axis.set_major_locator(MaxNLocator(TICKS, prune="both"))
        axis.set_label_text(name)
        axis.labelpad = -4 if axis is not axes.zaxis else -2
    return axes, height


def _azimuth(z: Real) -> float:
    """From where most of a surface is seen: from below its slope, a little to the side."""
    rows, columns = np.nonzero(np.isfinite(z))
    across, up = (places / max(1, places.max()) - 0.5 for places in (columns, rows))
    heights = z[rows, columns] - np.mean(z[rows, columns])
    slope = np.array([np.sum(across * heights), np.sum(up * heights)])
    tilt = np.hypot(*slope) / max(float(np.sum(np.abs(heights))), 1e-300)
    if not tilt > TILTED:
        return surface.AZIMUTH
    return float(np.degrees(np.arctan2(-slope[1], -slope[0]))) + ASIDE


def _tell_axes(sheet: Sheet, land: Landscape, box: Box, ends: tuple[str, str]) -> None:
    """What a and b are, below the box."""
    look = sheet.look
    names = [_with_ends(name, ends) for name in land.axes]
    lines = [f"{letter}: {name}" for letter, name in zip("ab", names, strict=True)]
    size = min(0.85 * look.font, 0.72 * box.width / (0.56 * max(map(len, lines))))
    sheet.figure.text(
        box.left / sheet.width + 0.9 * sheet.unit / sheet.width,
        1 - (box.below + 2.0 * sheet.unit) / sheet.height, "\n".join(lines), va="top",
        fontsize=size, color=look.theme.ink, parse_math=False, linespacing=1.2,
    )  # fmt: skip
