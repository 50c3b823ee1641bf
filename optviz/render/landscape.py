"""A loss landscape on paper: map or surface with its paths, and what the plane does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from optviz.landscapes.landscape import Landscape
from optviz.landscapes.words import finding
from optviz.render import layout, style
from optviz.render.ends import draw_ends
from optviz.render.landscape_ground import draw_ground, draw_surface, mark_ends
from optviz.render.layout import AXIS, Box
from optviz.render.sheet import Sheet
from optviz.render.style import Look, Stroke
from optviz.render.theme import theme_of
from optviz.render.ticks import Labels
from optviz.shared.text import counted, percent, rounded

Real = NDArray[np.float64]

SIZE = (1100, 620)
#: What is drawn, of a landscape that no study made.
PLANES = {
    "pca": "on the plane of the principal components of its path",
    "random": "on the plane of two random directions with the norms of its filters",
    "line": "on a plane through two networks",
}
#: Whose colours paths have that are nobody's.
PALETTE = ("adam", "momentum", "adagrad", "rmsprop", "sgd")
#: A band around a path that is wider than this share of the map would hide it.
WIDEST = 0.25
#: Corners of a circle, and circles from one point of a path to the next.
CORNERS, BETWEEN = 72, 3
#: Of the loss at a point's place on the plane, beside that of the point itself.
DOTTED: style.Dash = (0, (1, 1.5))
#: Marks along a path.
MARKS = 8
#: Room between two curves, and the least height of one, in units.
GAP, LEAST = 4.8, 5.0
#: Width over height of the place of a surface.
ASPECT_OF_SURFACE = 1.35


@dataclass(frozen=True)
class Walker:
    """What moves of one path: line and head on the map, its band, and dots on the curves."""

    artists: tuple[Artist, ...]
    points: Real
    halves: Real | None
    heights: Real | None
    dots: tuple[tuple[Line2D, Real, Real], ...]

    def pose(self, k: int) -> None:
        """Show the path up to its k-th point."""
        line, head, *band = self.artists
        shown = self.points[: k + 1]
        for artist, points in ((line, shown), (head, shown[-1:])):
            if self.heights is None:
                artist.set_data(*points.T)  # type: ignore[attr-defined]
            else:
                z = self.heights[: k + 1][-len(points) :]
                artist.set_data_3d(*points.T, z)  # type: ignore[attr-defined]
        if band and self.halves is not None:
            band[0].set_path(tube(shown, self.halves[: k + 1]))  # type: ignore[attr-defined]
        for dot, x, y in self.dots:
            at = min(k, len(x) - 1)
            dot.set_data(x[at : at + 1], y[at : at + 1])


def draw_landscape(
    sheet: Sheet, land: Landscape, strokes: Sequence[Stroke], words: tuple[str, str], *,
    view: str = "contour", ends: tuple[str, str] = ("first", "second"), is_film: bool = False,
) -> tuple[list[Walker], list[str]]:  # fmt: skip
    """Heading (the two `words`), legend, map or surface, and curves beside it; what moves in a
    film, and remarks for the small print."""
    places = _places(sheet, land, strokes, view, words)
    (main,), curves = places.maps, _split(places, sheet.unit)
    remarks: list[str] = []
    if view == "surface":
        axes, height = draw_surface(sheet, land, main, ends)
        halves: list[Real | None] = [None] * len(land.paths)
        remarks.append("height: log₁₀ of the loss, paths at the loss of their places on it")
    else:
        axes, height = sheet.axes(main, "map"), None
        draw_ground(axes, land, sheet, places.bar, ends)
        halves = [_half_widths(land, residual) for residual in land.residuals]
        if land.paths:
            remarks.append(_band_words(halves))
    side = [
        sheet.axes(box, name) for box, name in zip(curves, _names(land), strict=False)
    ]  # fmt: skip
    for one in side:
        _draw_side(one, land, strokes, sheet.look, ends)
    walkers = [_walker(axes, side, land, k, stroke, halves[k], height, sheet.look, is_film)
               for k, stroke in enumerate(strokes)]  # fmt: skip
    if land.directions == "line" and height is None:
        mark_ends(axes, ends, sheet.look)
    if any(one.get_label() == "loss" for one in side):
        remarks.append("loss: the network's own, dotted: of its place on the plane")
    if land.share_done < 1:
        remarks.append(f"cut short: {percent(land.share_done, 0)} of the grid computed")
    return walkers, [remark for remark in remarks if remark]


def draw_alone(
    land: Landscape, size: tuple[int, int] | None, theme: str, view: str = "contour"
) -> Figure:
    """The picture of a landscape that no study made: it says nothing of the data."""
    look = theme_of(theme)
    colors = [look.optimizers[name] for name in PALETTE]
    strokes = [
        Stroke(colors[k % len(colors)], style.DASHES[k // len(colors) % len(style.DASHES)],
               style.MARKERS[k % len(style.MARKERS)], label, label)
        for k, label in enumerate(land.labels)
    ]  # fmt: skip
    sheet = Sheet(size or SIZE, theme, finding(land, land.labels), size is None)
    network = f"a {'-'.join(map(str, land.sizes))} network" if land.samples else (
        counted(land.sizes[0], "traced parameter"))  # fmt: skip
    words = (f"The loss of {network}", PLANES[land.directions])
    _, remarks = draw_landscape(sheet, land, strokes, words, view=view)
    sheet.small_print([
        f"{land.loss.shape[1]} × {land.loss.shape[0]} points",
        f"loss: mean of {land.samples:,} samples, without penalties" if land.samples else
        "loss: the function that was given",
        f"1 on an axis is {rounded(land.unit)} in the parameters, as are distances",
        "curvature: largest eigenvalue of the Hessian" if np.isfinite(land.curvature).any() else "",
        *remarks,
    ])  # fmt: skip
    sheet.finish()
    return sheet.figure


# -- places -------------------------------------------------------------------------------------


def _places(
    sheet: Sheet, land: Landscape, strokes: Sequence[Stroke], view: str, words: tuple[str, str]
) -> layout.Places:
    """Map, bar, and the room of the curves, below the heading; a natural page becomes as high as
    that takes."""
    shape = float((land.a[-1] - land.a[0]) / (land.b[-1] - land.b[0]))
    if view == "surface":
        shape = ASPECT_OF_SURFACE
    has_curve, handles = bool(_names(land)), [sheet.handle(s.label, s.color, s.marker)
                                              for s in strokes]  # fmt: skip
    _, sheet.rows = sheet.legend_shape([s.label for s in strokes])
    sheet.has_below = bool(sheet.subtitle or words[1])
    if sheet.is_natural:
        height = layout.natural_height(sheet.width, shape, sheet.top + sheet.bottom, sheet.unit,
                                       panels=1, with_curve=has_curve)  # fmt: skip
        sheet.resize(sheet.width, height)
    sheet.heading(*words)
    sheet.legend(handles)
    names = 2.4 + 0.62 * max((len(s.name) for s in strokes), default=0)
    page = layout.Page(sheet.width, sheet.height, sheet.top, sheet.bottom, sheet.unit,
                       names if has_curve else 0.0, is_natural=sheet.is_natural)  # fmt: skip
    return layout.arrange(page, shape)


def _names(land: Landscape) -> list[str]:
    """The curves beside the map, the one that matters most first."""
    line = ["line"] if len(land.profile) else []
    of_paths = ["distance", *([] if line else ["loss"])] if land.paths else []
    return [*line, *of_paths]


def _split(places: layout.Places, unit: float) -> list[Box]:
    """Two curves above each other, or side by side below the map; one, where two have no room."""
    box, main = places.curve, places.maps[0]
    if box is None:
        return []
    gap = GAP * unit
    if box.top > main.below:
        wide = (box.width - (AXIS + 7) * unit) / 2
        if wide < 9 * unit:
            return [box]
        return [Box(box.left, box.top, wide, box.height),
                Box(box.right - wide, box.top, wide, box.height)]  # fmt: skip
    tall = (box.height - gap) / 2
    if tall < LEAST * unit:
        return [box]
    return [Box(box.left, box.top, box.width, tall),
            Box(box.left, box.top + tall + gap, box.width, tall)]  # fmt: skip


# -- paths --------------------------------------------------------------------------------------


def _half_widths(land: Landscape, residual: Real) -> Real | None:
    """How far a path lies off the plane, in the axes' units; None if that would hide the map."""
    half = residual / land.unit
    widest = max(land.a[-1] - land.a[0], land.b[-1] - land.b[0])
    return half if float(half.max(initial=0.0)) <= WIDEST * widest else None


def _band_words(halves: Sequence[Real | None]) -> str:
    if all(half is None for half in halves):
        return (
            "no bands: paths lie so far off the plane that they would hide the map (see the curve)"
        )
    told = "band: how far a path lies off the plane, to each side, in the axes' units"
    return told if all(half is not None for half in halves) else f"{told} (if the map holds it)"


def tube(points: Real, halves: Real) -> Path:
    """All that lies within so far of a path: one shape, of circles, filled once."""
    fine = np.linspace(0, len(points) - 1, BETWEEN * (len(points) - 1) + 1)
    whole = np.arange(len(points))
    x, y, r = (np.interp(fine, whole, values) for values in (*points.T, halves))
    corners = np.exp(2j * np.pi * np.arange(CORNERS + 1) / CORNERS)
    rings = (x + 1j * y)[:, None] + r[:, None] * corners
    codes = np.full(CORNERS + 1, Path.LINETO, dtype=np.uint8)
    codes[0], codes[-1] = Path.MOVETO, Path.CLOSEPOLY
    vertices = np.column_stack([rings.real.ravel(), rings.imag.ravel()])
    return Path(vertices, np.tile(codes, len(rings)))


def _walker(
    axes: Any, side: Sequence[Axes], land: Landscape, k: int, stroke: Stroke, halves: Real | None,
    height: Any, look: Look, is_film: bool,
) -> Walker:  # fmt: skip
    """One path on the map, where it ends; a film poses it."""
    points = land.paths[k]
    heights = None if height is None else height(land.plane_losses[k])
    given = points.T if heights is None else (*points.T, heights)
    first = [values[:1] for values in given]
    every = max(1, len(points) // MARKS)
    # Somebody's own axes of three dimensions clip nothing: there are no paths beyond the surface.
    line: dict[str, Any] = {"color": stroke.color, "linestyle": stroke.dash, "linewidth": 1.8}
    if heights is None:
        line |= {"marker": stroke.marker, "markevery": every, "markersize": 0.32 * look.font,
                 "markeredgecolor": look.theme.paper, "markeredgewidth": 0.5}  # fmt: skip
    (past,) = axes.plot(*given, zorder=5, **line)
    (head,) = axes.plot(*[values[-1:] for values in given], linestyle="none", zorder=7,
                        marker=stroke.marker, markersize=0.65 * look.font, color=stroke.color,
                        markeredgecolor=look.theme.paper)  # fmt: skip
    axes.plot(*first, "o", markerfacecolor="none", markeredgecolor=look.theme.ink,
              markeredgewidth=1.4, markersize=0.9 * look.font, zorder=6)  # fmt: skip
    artists: list[Artist] = [past, head]
    if halves is not None:
        band = PathPatch(tube(points, halves), facecolor=stroke.color, alpha=0.16, linewidth=0,
                         zorder=3)  # fmt: skip
        axes.add_patch(band)
        artists.append(band)
    dots = []
    for one in side if is_film else ():
        y = {"distance": land.residuals, "loss": land.path_losses}.get(str(one.get_label()))
        if y is None:
            continue
        (dot,) = one.plot([], [], stroke.marker, color=stroke.color, zorder=6,
                          markersize=0.5 * look.font, markeredgecolor=look.theme.paper)  # fmt: skip
        dots.append((dot, np.asarray(land.steps[k], float), y[k]))
    return Walker(tuple(artists), points, halves, heights, tuple(dots))


# -- curves -------------------------------------------------------------------------------------


def _draw_side(
    axes: Axes, land: Landscape, strokes: Sequence[Stroke], look: Look, ends: tuple[str, str]
) -> None:  # fmt: skip
    """One of the curves, which its axes' label names."""
    match axes.get_label():
        case "line":
            _draw_profile(axes, land, look, ends)
        case "distance":
            _draw_curves(axes, land, land.residuals, strokes, look)
            axes.set_title("distance off the plane", loc="left", fontsize=0.95 * look.font,
                           color=look.theme.ink, pad=4)  # fmt: skip
            axes.set_ylim(bottom=0)
        case _:
            for after, row, stroke in zip(land.steps, land.plane_losses, strokes, strict=True):
                axes.plot(after, _finite(row), color=stroke.color, linewidth=1.2, linestyle=DOTTED)
            _draw_curves(axes, land, land.path_losses, strokes, look)
            axes.set_title("loss", loc="left", fontsize=0.95 * look.font, color=look.theme.ink,
                           pad=4)  # fmt: skip


def _draw_curves(
    axes: Axes, land: Landscape, values: Sequence[Real], strokes: Sequence[Stroke], look: Look
) -> None:
    """Lines over the steps of training, with their names at their ends."""
    for after, row, stroke in zip(land.steps, values, strokes, strict=True):
        axes.plot(after, _finite(row), color=stroke.color, linewidth=1.6, linestyle=stroke.dash)
    axes.set_xlim(0, max(1, *(int(after[-1]) for after in land.steps)))
    _scale(axes, look, [row for row, lost in zip(values, land.lost, strict=True)
                        if not lost or all(land.lost)])  # fmt: skip
    axes.set_xlabel("step", labelpad=1)
    draw_ends(axes, [
        (stroke.name, stroke.color, float(after[-1]), float(row[-1]))
        for stroke, after, row in zip(strokes, land.steps, values, strict=True)
    ], look)  # fmt: skip


def _draw_profile(axes: Axes, land: Landscape, look: Look, ends: tuple[str, str]) -> None:
    """The loss along the line, with both networks on it."""
    axes.plot(land.a, _finite(land.profile), color="#0072B2", linewidth=1.6)
    for x in (0, 1):
        y = land.profile[np.abs(land.a - x).argmin()]
        axes.plot([x], [y], "o", color=look.theme.ink, markersize=0.4 * look.font, zorder=5)
        axes.axvline(x, color=look.theme.faint, linewidth=0.8, zorder=0)
    axes.set_xticks([0, 1], [f"{ends[0]}", f"{ends[1]}"], parse_math=False)
    axes.set_xlim(land.a[0], land.a[-1])
    _scale(axes, look, [land.profile])
    axes.set_title("loss on the line", loc="left", fontsize=0.95 * look.font,
                   color=look.theme.ink, pad=4)  # fmt: skip


def _scale(axes: Axes, look: Look, values: Sequence[Real]) -> None:
    """A log axis for what spans a decade, with the ends of what did not get lost."""
    seen = np.concatenate([*values, np.zeros(0)])
    seen = seen[np.isfinite(seen)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
    if low > 0 and high > 4 * low and axes.get_label() != "distance":
        axes.set_yscale("log")
        axes.set_ylim(low / 1.2, 1.2 * high)
        subs = (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(Labels())
        axes.yaxis.set_minor_locator(NullLocator())
        return
    margin = 0.06 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)


def _finite(row: Real) -> Real:
    return np.where(np.isfinite(row), row, np.nan)
