"""The function as a surface in three dimensions, with paths lying on it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D
from numpy.typing import NDArray

from optviz.functions.catalogue import Function
from optviz.render import contour, style
from optviz.render.film import Film, Pixels
from optviz.render.frame import handles_of, write_words
from optviz.render.paths import END, shown_points
from optviz.render.sheet import Sheet
from optviz.render.still import remark_of, steps_shown, still_from
from optviz.render.style import Look, Stroke
from optviz.runs.trajectory import Trajectory

Real = NDArray[np.float64]

#: Above this ratio of largest to median height the walls hide everything: heights are logs.
STEEP = 12.0
#: Points along the longer side.
SURFACE_GRID = 90
ELEVATION, AZIMUTH = 34.0, -58.0


def draw_surface(
    figure: Figure,
    rectangle: tuple[float, float, float, float],
    f: Function,
    trajectories: Sequence[Trajectory],
    strokes: Sequence[Stroke],
    look: Look,
) -> tuple[Axes3D, list[Walker], str]:
    """The axes, the paths, and a remark for the small print if heights are logarithmic."""
    axes: Axes3D = figure.add_axes(
        rectangle, projection="3d", computed_zorder=False, facecolor=look.theme.paper, label="map"
    )
    g, height, name, is_steep = relief(f)
    x, y = np.meshgrid(g.x, g.y)
    colors = LinearSegmentedColormap.from_list("surface", look.theme.surface)
    axes.plot_surface(
        x, y, height(g.z), cmap=colors, rstride=1, cstride=1, linewidth=0, antialiased=True,
        alpha=0.95, zorder=1,
    )  # fmt: skip
    axes.contour(x, y, height(g.z), levels=height(g.levels[:-1]), colors=look.theme.isoline,
                 linewidths=0.6, zorder=2)  # fmt: skip
    walkers = [
        Walker(axes, t, stroke, height, look)
        for t, stroke in zip(trajectories, strokes, strict=True)
    ]
    for start in dict.fromkeys(t.start for t in trajectories):
        axes.plot(*[[v] for v in start], height(np.asarray([f(*start)])), "o", markersize=9,
                  markerfacecolor="none", markeredgecolor=look.theme.ink, zorder=8)  # fmt: skip
    if len(f.minima):
        axes.plot(*f.minima.T, height(np.asarray(f(*f.minima.T))), "*", markersize=11,
                  markerfacecolor=look.theme.star, markeredgecolor=look.theme.ink,
                  markeredgewidth=0.7, zorder=7.5)  # fmt: skip
    _finish(axes, f, look, name)
    return axes, walkers, f"height is {name}" if is_steep else ""


def relief(f: Function) -> tuple[contour.Ground, Callable[[Real], Real], str, bool]:
    """The grid of a surface, what makes heights of f, what they are called, and whether they are
    logarithmic: where walls would hide everything."""
    g = contour.ground(f, SURFACE_GRID)
    gap = g.z - g.lowest
    is_steep = float(gap.max()) > STEEP * max(
        float(np.nanmedian(np.ma.filled(gap, np.nan))), 1e-300
    )

    def height(z: Real) -> Real:
        return np.asarray(np.log10(1 + np.maximum(z - g.lowest, 0)) if is_steep else z)

    logs = f"log₁₀(1 + f − {contour.lowest_name(f, g)})"
    return g, height, logs if is_steep else "f(x, y)", is_steep


def _finish(axes: Axes3D, f: Function, look: Look, name: str) -> None:
    """View, panes, labels."""
    (x0, x1), (y0, y1) = f.bounds
    dress(axes, (x1 - x0, y1 - y0), look)
    axes.set_xlabel(f.axes[0], labelpad=-4)
    axes.set_ylabel(f.axes[1], labelpad=-4)
    axes.set_zlabel(name, labelpad=-2)


def dress(axes: Axes3D, sides: tuple[float, float], look: Look, zoom: float = 1.2) -> None:
    """The look from above on a ground with these sides, without panes."""
    longer = max(sides)
    axes.set_box_aspect((sides[0] / longer, sides[1] / longer, 0.55), zoom=zoom)
    axes.view_init(elev=ELEVATION, azim=AZIMUTH)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color(look.theme.quiet)
        axis._axinfo["grid"].update(color=look.theme.faint, linewidth=0.6)
        axis.label.set_size(0.9 * look.font)
        axis.label.set_color(look.theme.ink)
    axes.tick_params(labelsize=0.8 * look.font, colors=look.theme.quiet, pad=-1)


class Walker:
    """One path on the surface: halo, line and head, up to any of its points."""

    def __init__(
        self,
        axes: Axes3D,
        t: Trajectory,
        stroke: Stroke,
        height: Callable[[Real], Real],
        look: Look,
    ) -> None:

        self.function = t.function

        def lifted(places: Real) -> Real:
            return np.column_stack([places, height(np.asarray(t.function(*places.T)))])

        self.points = lifted(shown_points(t))
        self.runs: list[Real] = [] if t.band is None else [
            lifted(_inside(run, t.function)) for run in t.band.paths
        ]  # fmt: skip
        self.thin = Line3DCollection([], colors=stroke.color, linewidths=0.6, alpha=0.3, zorder=3)
        if self.runs:
            axes.add_collection3d(self.thin, autolim=False)
        (self.halo,) = axes.plot([], [], [], color=look.theme.paper, linewidth=3.2, zorder=4)
        (self.line,) = axes.plot([], [], [], color=stroke.color, linestyle=stroke.dash,
                                 linewidth=1.8, zorder=5)  # fmt: skip
        (self.head,) = axes.plot([], [], [], stroke.marker, color=stroke.color, markersize=6,
                                 markeredgecolor=look.theme.paper, zorder=7)  # fmt: skip
        self.pose(len(self.points))

    def is_near_star(self, x: float, y: float) -> bool:
        """Whether a minimum's star would cover a mark."""
        sides = np.ptp(self.function.bounds, axis=1)
        away = np.abs(self.function.minima - (x, y)) / sides
        return bool((away.max(axis=1, initial=0) < 0.01).any())

    def pose(self, step: int) -> None:
        """Show the path up to `step`."""
        if self.runs:
            self.thin.set_segments([run[: step + 1] for run in self.runs])
        shown = self.points[: step + 1]
        x, y = shown[-1, :2]
        self.head.set_markersize(END + 7 * self.is_near_star(x, y))
        for artist, points in ((self.halo, shown), (self.line, shown), (self.head, shown[-1:])):
            artist.set_data_3d(*points.T)


def _inside(run: Real, f: Function) -> Real:
    """A run with nan wherever there is no surface to lie on."""
    low, high = np.array(f.bounds).T
    return np.where(np.all((run >= low) & (run <= high), axis=1)[:, None], run, np.nan)


def draw_picture(
    sheet: Sheet, f: Function, trajectories: Sequence[Trajectory], remarks: Sequence[str] = ()
) -> tuple[Axes3D, list[Walker]]:
    """The whole picture: surface, paths, legend, words."""
    strokes = style.strokes(trajectories, sheet.look.theme)
    if sheet.is_natural:
        sheet.resize(sheet.width, 0.625 * sheet.width)
    sheet.legend(handles_of(f, trajectories, strokes, sheet))
    bottom, top = (v * sheet.unit / sheet.height for v in (sheet.bottom, sheet.top))
    box = (0.02, 1.2 * bottom, 0.96, 1 - 1.2 * bottom - 0.85 * top)
    axes, walkers, remark = draw_surface(sheet.figure, box, f, trajectories, strokes, sheet.look)
    write_words(sheet, f, trajectories, [*remarks, remark], with_band=False)
    return axes, walkers


@dataclass(frozen=True, repr=False)
class SurfaceFilm(Film):
    """Paths that grow on the surface while the camera turns by `turn` degrees.

    Attributes
    ----------
    study, result, fps, steps_per_frame
        As for `Animation`.
    turn
        Degrees from the first frame to the last.
    """

    steps_per_frame: int
    turn: float = 0.0

    @functools.cached_property
    def still(self) -> int:
        """The step from which on nothing moves; a camera that turns moves everything."""
        runs = self.result.trajectories
        last = max(len(t.points) - 1 for t in runs)
        return last if self.turn else still_from(runs, self.pixels(), with_curve=False)

    @property
    def steps_shown(self) -> list[int]:
        """The step at which each frame stands; the last is the longest path's end."""
        last = max(len(t.points) - 1 for t in self.result.trajectories)
        return steps_shown(last, self.steps_per_frame, self.still)

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.steps_shown)

    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame; a turned surface must be drawn anew."""
        sheet = self.study.sheet(self.result)
        remark = f"{self.steps_per_frame} step{'s' * (self.steps_per_frame > 1)} a frame"
        steps = self.steps_shown
        cut = remark_of(steps, self.steps_per_frame, self.still)
        axes, walkers = draw_picture(
            sheet, self.result.function, self.result.trajectories, [remark, cut]
        )
        if self.edit is not None:
            self.edit(sheet.figure)

        def draw(k: int) -> Pixels:
            for walker in walkers:
                walker.pose(steps[k])
            axes.view_init(elev=ELEVATION, azim=AZIMUTH + self.turn * k / max(len(self) - 1, 1))
            sheet.canvas.draw()
            return np.asarray(sheet.canvas.buffer_rgba())

        return draw
