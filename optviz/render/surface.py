"""The function as a surface in three dimensions, with paths lying on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.axes3d import Axes3D
from numpy.typing import NDArray

from optviz.functions import Function
from optviz.render import contour
from optviz.render.paths import shown_points
from optviz.render.style import Look, Stroke
from optviz.trajectory import Trajectory

Real = NDArray[np.float64]

#: Above this ratio of largest to median height the walls hide everything: heights are logs.
STEEP = 12.0


def draw_surface(
    figure: Figure,
    rectangle: tuple[float, float, float, float],
    f: Function,
    trajectories: Sequence[Trajectory],
    strokes: Sequence[Stroke],
    look: Look,
) -> tuple[Axes, str]:
    """The axes, and a remark for the small print if heights are logarithmic."""
    axes: Axes3D = figure.add_axes(rectangle, projection="3d", computed_zorder=False)
    g = contour.ground(f, 90)
    gap = g.z - g.lowest
    is_steep = float(gap.max()) > STEEP * max(
        float(np.nanmedian(np.ma.filled(gap, np.nan))), 1e-300
    )

    def height(z: Real) -> Real:
        return np.asarray(np.log10(1 + np.maximum(z - g.lowest, 0)) if is_steep else z)

    x, y = np.meshgrid(g.x, g.y)
    colors = LinearSegmentedColormap.from_list("surface", look.theme.surface)
    axes.plot_surface(
        x, y, height(g.z), cmap=colors, rstride=1, cstride=1, linewidth=0, antialiased=True,
        alpha=0.95, zorder=1,
    )  # fmt: skip
    axes.contour(x, y, height(g.z), levels=height(g.levels[:-1]), colors=look.theme.isoline,
                 linewidths=0.6, zorder=2)  # fmt: skip
    for t, stroke in zip(trajectories, strokes, strict=True):
        points = shown_points(t)
        z = height(np.asarray(f(*points.T)))
        axes.plot(*points.T, z, color=look.theme.paper, linewidth=3.2, zorder=4)
        axes.plot(*points.T, z, color=stroke.color, linestyle=stroke.dash, linewidth=1.8,
                  zorder=5)  # fmt: skip
        axes.plot(*points[-1:].T, z[-1:], stroke.marker, color=stroke.color, markersize=6,
                  markeredgecolor=look.theme.paper, zorder=7)  # fmt: skip
    for start in dict.fromkeys(t.start for t in trajectories):
        axes.plot(*[[v] for v in start], height(np.asarray([f(*start)])), "o", markersize=9,
                  markerfacecolor="none", markeredgecolor=look.theme.ink, zorder=8)  # fmt: skip
    if len(f.minima):
        axes.plot(*f.minima.T, height(np.asarray(f(*f.minima.T))), "*", markersize=11,
                  markerfacecolor=look.theme.star, markeredgecolor=look.theme.ink,
                  markeredgewidth=0.7,
                  zorder=6)  # fmt: skip
    (x0, x1), (y0, y1) = f.bounds
    longer = max(x1 - x0, y1 - y0)
    axes.set_box_aspect(((x1 - x0) / longer, (y1 - y0) / longer, 0.55), zoom=1.2)
    axes.view_init(elev=34, azim=-58)
    axes.set_xlabel("x", labelpad=-4)
    axes.set_ylabel("y", labelpad=-4)
    axes.set_zlabel("log₁₀(1 + f − f*)" if is_steep else "f(x, y)", labelpad=-2)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color(look.theme.quiet)
        axis._axinfo["grid"].update(color=look.theme.faint, linewidth=0.6)
        axis.label.set_size(0.9 * look.font)
        axis.label.set_color(look.theme.ink)
    axes.tick_params(labelsize=0.8 * look.font, colors=look.theme.quiet, pad=-1)
    return axes, "height is log₁₀(1 + f − f*)" if is_steep else ""
