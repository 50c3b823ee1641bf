"""The quiet ground that paths walk on: isolines, colour bar, minima, gradient arrows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from optviz.functions.catalogue import Function
from optviz.render.layout import Box
from optviz.render.style import Look
from optviz.render.theme import Theme
from optviz.shared.text import labels

Real = NDArray[np.float64]

#: Points of the grid along the longer side.
GRID = 320
LEVELS = 14
#: Characters of a number beside the bar.
LONGEST = 8


@dataclass(frozen=True)
class Ground:
    """A function's values on a grid that covers its bounds, and the levels of its isolines.

    The levels are log-spaced in f − lowest, or evenly spaced where there is no f*. `lowest` is f*
    unless the grid goes below it.
    """

    x: Real
    y: Real
    z: Real
    lowest: float
    levels: Real

    @property
    def edges(self) -> Real:
        """The ends of the bands of colour: the levels, and below them what holds the lowest."""
        return np.concatenate([[self.lowest - 1e-9 * (1 + abs(self.lowest))], self.levels])

    def colors(self, theme: Theme) -> Real:
        """The colour (r, g, b, a) of each band."""
        hue = LinearSegmentedColormap.from_list("ground", theme.ground)
        return np.asarray(hue(np.linspace(0, 1, len(self.levels))))


def ground(f: Function, grid: int = GRID, count: int | None = None) -> Ground:
    """Sample `f` for a picture, with about so many levels."""
    count = LEVELS if count is None else count
    (x0, x1), (y0, y1) = f.bounds
    longer = max(x1 - x0, y1 - y0)
    nx, ny = (max(32, round(grid * side / longer)) for side in (x1 - x0, y1 - y0))
    x, y = np.linspace(x0, x1, nx), np.linspace(y0, y1, ny)
    z = np.asarray(f(x[None, :], y[:, None]), dtype=float)
    z = np.ma.masked_invalid(z)
    if z.count() == 0:
        raise ValueError(f"{f.name} has no finite value inside its bounds: choose other bounds")
    if f.minimum is None:
        # Nothing to be near to: evenly spaced levels show a slope or a saddle as it is.
        lowest, highest = float(z.min()), float(z.max())
        levels = np.linspace(lowest, highest if highest > lowest else lowest + 1, count + 2)[1:]
        return Ground(x, y, z, lowest, _rising(levels, lowest))
    # Below f* by rounding only, it is f*.
    found = float(z.min())
    lowest = f.minimum if found >= f.minimum - 1e-12 * (1 + abs(f.minimum)) else found
    levels = _levels(np.asarray(z.compressed()), lowest, count)
    return Ground(x, y, z, lowest, _rising(levels, lowest))


def _rising(levels: Real, lowest: float) -> Real:
    """Levels that differ as numbers: far from zero close ones round to the same."""
    distinct = np.unique(levels[levels > lowest])
    if len(distinct) < 2:
        return np.asarray(lowest + (1 + abs(lowest)) * np.array([1e-6, 1.0]))
    return distinct


def _levels(z: Real, lowest: float, count: int) -> Real:
    """Levels of f: log-spaced distances from the lowest value, each of which meets the grid."""
    gap = np.sort(z - lowest)
    high = gap[-1]
    if not high > 0:
        return np.array([lowest, lowest + 1.0])
    # The innermost isoline encloses about a thousandth of the picture, but the ratio of the
    # levels stays within what one eye can order.
    low = max(gap[len(gap) // 1000], high * 1e-6)
    levels = np.geomspace(low if low < high else high / 10, high, count + 1)
    return np.asarray(lowest + levels)


def draw_ground(axes: Axes, f: Function, g: Ground, look: Look) -> None:
    """Fill, isolines and limits, equal in both directions."""
    axes.contourf(g.x, g.y, g.z, levels=g.edges, colors=g.colors(look.theme), zorder=1)
    axes.contour(
        g.x, g.y, g.z, levels=g.levels[:-1], colors=look.theme.isoline, linewidths=0.6, zorder=1.1,
        negative_linestyles="solid",
    )  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlim(*f.bounds[0])
    axes.set_ylim(*f.bounds[1])
    axes.set_xlabel(f.axes[0], labelpad=1)
    axes.set_ylabel(f.axes[1], labelpad=1)


def draw_bar(figure: Figure, box: Box, f: Function, g: Ground, look: Look) -> None:
    """The colour bar: log-spaced in f − f*, labelled in f."""
    width, height = figure.get_size_inches() * figure.dpi
    bar = figure.add_axes(box.fraction(width, height), label="bar")
    count = len(g.levels) - 1
    shades = g.colors(look.theme)[1:, None, :]
    bar.imshow(shades, origin="lower", aspect="auto", extent=(0, 1, 0, count))
    shown = list(range(0, count + 1, max(1, round(count / max(2, box.height / (3.2 * look.unit))))))
    texts, name = bar_texts(g.levels[shown], f, g)
    bar.set_yticks(shown, texts)
    bar.hlines(range(count), 0, 1, colors=look.theme.isoline, linewidths=0.6)
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.tick_params(length=2, labelsize=0.8 * look.font, colors=look.theme.quiet)
    bar.text(
        0, -1.7 * look.unit / box.height, name, transform=bar.transAxes,
        fontsize=0.7 * look.font, color=look.theme.quiet, va="top", linespacing=1.1,
    )  # fmt: skip
    for spine in bar.spines.values():
        spine.set_color(look.theme.faint)


def lowest_name(f: Function, g: Ground) -> str:
    """What `g.lowest` is: f*, or the lowest value on the grid."""
    return "f*" if g.lowest == f.minimum else "lowest"


def bar_texts(levels: Real, f: Function, g: Ground) -> tuple[list[str], str]:
    """The numbers of the bar's ticks, and what they and the levels are."""
    lowest = lowest_name(f, g)
    spacing = "evenly\nspaced" if f.minimum is None else f"log\nin f − {lowest}"
    texts = labels(levels)
    if max(map(len, texts)) <= LONGEST:
        return texts, f"f, levels {spacing}"
    # Far from zero f itself would take more digits than there is room for.
    return labels(levels - g.lowest), f"f − {lowest}, levels\n{spacing.split(maxsplit=1)[0]} spaced"


#: The size of a minimum's star, in points.
STAR = 12.0


def draw_minima(axes: Axes, f: Function, look: Look, size: float = STAR) -> list[object]:
    """A star at each global minimum; the artists, so that animations can redraw them on top."""
    if not len(f.minima):
        return []
    return list(
        axes.plot(
            *f.minima.T, "*", markersize=size, markerfacecolor=look.theme.star,
            markeredgecolor=look.theme.ink, markeredgewidth=0.8, zorder=9.2, clip_on=False,
        )
    )  # fmt: skip


def draw_arrows(
    axes: Axes, places: Real, steps: Real, spacing: float, color: str
) -> tuple[float, int]:
    """Arrows along `steps`; if some are longer than the grid, all shrink by the factor returned.

    Also returned: how many are longer still, and keep their direction only.
    """
    seen = np.all(np.isfinite(steps), axis=1)
    places, steps = places[seen], steps[seen]
    lengths = np.linalg.norm(steps, axis=1)
    usual = float(np.quantile(lengths, 0.85)) if lengths.size else 0.0
    factor = min(1.0, spacing / usual) if usual > 0 else 1.0
    share = np.minimum(1, 2 * spacing / np.maximum(lengths * factor, 1e-300))
    shown = steps * factor * share[:, None]
    axes.quiver(
        *places.T, *shown.T, angles="xy", scale_units="xy", scale=1, zorder=3, color=color,
        width=0.003, headwidth=4, headlength=5, headaxislength=4.5, minlength=0.3,
    )  # fmt: skip
    return factor, int((share < 1).sum())


def draw_field(axes: Axes, f: Function, look: Look) -> None:
    """Arrows along −gradient, their lengths as the cube roots of the gradient's."""
    places, arrows = field(f)
    if not len(places):
        return
    axes.quiver(
        *places.T, *arrows.T, angles="xy", scale_units="xy", scale=1, pivot="mid", zorder=2,
        color=look.theme.quiet, width=0.0022, headwidth=4.5, headlength=5.5, headaxislength=5,
    )  # fmt: skip


def field(f: Function, count: int = 21) -> tuple[Real, Real]:
    """The middles (n, 2) of arrows along −gradient, and the arrows (n, 2)."""
    (x0, x1), (y0, y1) = f.bounds
    longer = max(x1 - x0, y1 - y0)
    spacing = longer / count
    # Spread over the picture with half a spacing to each edge.
    nx, ny = (max(3, round((side) / spacing)) for side in (x1 - x0, y1 - y0))
    x = x0 + (np.arange(nx) + 0.5) * (x1 - x0) / nx
    y = y0 + (np.arange(ny) + 0.5) * (y1 - y0) / ny
    xs, ys = (a.ravel() for a in np.meshgrid(x, y))
    downhill = -f.gradient(xs, ys)
    size = np.hypot(*downhill)
    seen = np.isfinite(size) & (size > 0)
    xs, ys, downhill, size = xs[seen], ys[seen], downhill[:, seen], size[seen]
    # The length is the cube root of the gradient's: a tenfold gradient is about twice as long.
    length = 0.95 * spacing * np.cbrt(size / size.max(initial=0))
    return np.column_stack([xs, ys]), (downhill / size * length).T
