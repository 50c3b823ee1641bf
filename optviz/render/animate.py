"""Paths that grow, with their curves beside them.

The background is drawn once. For each frame it is put back, the moving artists are drawn on it,
and the canvas' buffer goes to the encoder: no second render, no file per frame, no growing list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from optviz.render import contour, curves, html, output, paths
from optviz.render.film import Film, Pixels
from optviz.render.frame import Frame, compose
from optviz.render.still import remark_of, steps_shown, still_from
from optviz.runs.trajectory import Trajectory
from optviz.shared.checks import as_path
from optviz.shared.files import write_atomically

#: The newest share of the frames whose path is not faded.
TRAIL_FRAMES = 12
#: The size of a path's head in points.
HEAD = 7.5


@dataclass(frozen=True, repr=False)
class Animation(Film):
    """A film of trajectories; `save` writes it.

    Attributes
    ----------
    study, result, fps
        As for every film; the result has `function` and `trajectories`.
    steps_per_frame
        The same for all paths.
    layout
        "race" or "panels".
    levels
        Of the ground; the usual number if None.
    """

    steps_per_frame: int
    layout: str = "race"
    levels: int | None = None

    @property
    def trajectories(self) -> tuple[Trajectory, ...]:
        """What it shows."""
        shown: tuple[Trajectory, ...] = self.result.trajectories
        return shown

    @property
    def steps_shown(self) -> list[int]:
        """The step at which each frame stands; the last is the longest path's end."""
        last = max(len(t.points) - 1 for t in self.trajectories)
        return steps_shown(last, self.steps_per_frame, self.still)

    @functools.cached_property
    def still(self) -> int:
        """The step from which on nothing moves; frames after it are left out but for the last."""
        return still_from(self.trajectories, self.pixels())

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.steps_shown)

    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame."""
        stage, steps = Stage(self), self.steps_shown
        return lambda k: stage.draw(steps[k])

    def formats(self) -> list[str]:
        """The suffixes that `save` knows: those of every film, and .html."""
        return [*super().formats(), ".html"]

    def save(
        self, path: str | Path, *, frame: int | str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Path:  # fmt: skip
        """Write the film; .html is one page that works offline, the others are as for any film.

        Parameters, returns and errors are those of `Film.save`.
        """
        if frame is not None or as_path("the file", path).suffix.lower() != ".html":
            return super().save(path, frame=frame, progress=progress)
        target = output.check_target(path, self.formats())
        stage, last = Stage(self), self.steps_shown[-1]
        for artist in stage.added:
            artist.set_animated(False)
        stage.canvas.draw()
        text = html.page(stage.frame, last=last, trail=stage.trail, spec=self.specification())
        write_atomically(target, text.encode())
        return target


class Stage:
    """The figure of a film: a background that stays, and actors that move."""

    def __init__(self, film: Animation) -> None:
        runs = film.trajectories
        f = runs[0].function
        per_frame = film.steps_per_frame
        remark = f"{per_frame} step{'s' if per_frame > 1 else ''} a frame"
        cut = remark_of(film.steps_shown, per_frame, film.still)
        self.sheet = film.study.sheet(film.result)
        self.frame: Frame = compose(
            self.sheet,
            f,
            runs,
            panels=film.layout == "panels",
            with_marks=False,
            remarks=[remark, cut],
            levels=film.levels,
        )
        self.trail = TRAIL_FRAMES * per_frame
        self.last = film.steps_shown[-1]
        self.actors = [
            _Actor(self.frame, k, self.trail) for k in range(len(self.frame.trajectories))
        ]
        self.sheet.finish()
        self.added, above = self._edited(film.edit)
        self.on_top: list[tuple[Axes, Artist]] = []
        for k, axes in enumerate(self.frame.maps):
            here = runs if len(self.frame.maps) == 1 else runs[k : k + 1]
            for start in dict.fromkeys(t.start for t in here):
                self.on_top.append((axes, paths.draw_start(axes, start, self.frame.look)))
            for star in contour.draw_minima(axes, f, self.frame.look):
                self.on_top.append((axes, star))  # type: ignore[arg-type]
        self.names: list[Text] = []
        if self.frame.curve is not None:
            self.names = curves.draw_names(
                self.frame.curve, "gap", f, runs, self.frame.strokes, self.frame.look
            )
        self.counter = self._counter()
        within = [a for actor in self.actors for a in actor.artists]
        self.moving = [*within, *self.on_top, *above]
        #: What is drawn last: the figure's own, and the names beside the curve.
        loose = [a for a in self.added if all(a is not artist for _, artist in above)]
        self.last_drawn: list[Artist] = [*self.names, *loose, self.counter]
        for artist in (*(a for _, a in self.moving), *self.last_drawn):
            artist.set_animated(True)
        self.canvas = self.sheet.canvas
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.sheet.figure.bbox)

    def _edited(
        self, edit: Callable[[Figure], object] | None
    ) -> tuple[list[Artist], list[tuple[Axes, Artist]]]:
        """What an edit added above the paths, which each frame must draw again: all of it, and
        what belongs to axes. The rest of it is in the background."""
        if edit is None:
            return [], []
        figure, lowest = self.sheet.figure, min(
            artist.get_zorder() for actor in self.actors for _, artist in actor.artists
        )  # fmt: skip
        known = {id(a) for axes in figure.axes for a in axes.get_children()}
        known |= {id(a) for a in figure.get_children()}
        edit(figure)
        above = [
            (axes, a) for axes in figure.axes if id(axes) in known for a in axes.get_children()
            if id(a) not in known and a.get_zorder() >= lowest
        ]  # fmt: skip
        loose = [a for a in figure.get_children() if id(a) not in known]
        return [*(a for _, a in above), *loose], above

    def _counter(self) -> Text:
        look = self.sheet.look
        return self.sheet.figure.text(
            0.988, 1 - 0.95 * look.unit / self.sheet.height, "", ha="right", va="top",
            fontsize=look.font, color=look.theme.quiet,
        )  # fmt: skip

    def pose(self, step: int) -> None:
        """Put every actor where it is at `step`."""
        for actor in self.actors:
            actor.pose(step)
        self.counter.set_text(f"step {step:,} of {self.last:,}")
        for text in self.names:
            text.set_visible(step == self.last)

    def draw(self, step: int) -> Pixels:
        """The frame at `step`, drawn over the kept background."""
        self.pose(step)
        self.canvas.restore_region(self.background)
        for axes, artist in sorted(self.moving, key=lambda pair: pair[1].get_zorder()):
            axes.draw_artist(artist)
        for artist in self.last_drawn:
            self.sheet.figure.draw_artist(artist)
        return np.asarray(self.canvas.buffer_rgba())

    def redraw(self, step: int) -> Pixels:
        """The same frame by a full redraw: what `draw` must equal to the bit (for tests)."""
        self.pose(step)
        artists = [*(artist for _, artist in self.moving), *self.last_drawn]
        for artist in artists:
            artist.set_animated(False)
        self.canvas.draw()
        for artist in artists:
            artist.set_animated(True)
        return np.array(self.canvas.buffer_rgba())


class _Actor:
    """One trajectory's moving artists: faded past, fresh trail, head, and its curve."""

    def __init__(self, frame: Frame, k: int, trail: int) -> None:
        t, stroke = frame.trajectories[k], frame.strokes[k]
        axes, look = frame.map_of(k), frame.look
        self.points = paths.shown_points(t)
        self.left = t.left_at()
        self.trail = trail
        self.axes, self.function = axes, frame.function
        self.size = max(paths.UNDER_STAR, paths.end_sizes(frame)[k])
        line = {"color": stroke.color, "linestyle": stroke.dash, "solid_capstyle": "round"}
        self.past = self._line(axes, linewidth=1.5, alpha=0.38, zorder=5, **line)
        self.fresh = self._line(axes, linewidth=2.2, zorder=5.5, **line)
        self.head = self._line(
            axes, marker=stroke.marker, markersize=HEAD, color=stroke.color, zorder=9,
            markeredgecolor=look.theme.paper, markeredgewidth=1.0, clip_on=False,
        )  # fmt: skip
        self.stroke = stroke
        self.artists: list[tuple[Axes, Artist]] = [
            (axes, self.past), (axes, self.fresh), (axes, self.head),
        ]  # fmt: skip
        self.runs = None if t.band is None else t.band.paths
        if self.runs is not None:
            self.lines = paths.draw_runs(axes, stroke)
            self.artists.append((axes, self.lines))
        self.heights: NDArray[np.float64] | None = None
        self.rows: NDArray[np.float64] | None = None
        beside = frame.curve
        if beside is not None:
            self.heights = curves.series("gap", frame.function, t)[0]
            self.curve = self._line(beside, linewidth=1.5, zorder=4, **line)
            self.dot = self._line(
                beside, marker=stroke.marker, markersize=6, color=stroke.color, zorder=5,
                markeredgecolor=look.theme.paper, markeredgewidth=0.8,
            )  # fmt: skip
            self.artists += [(beside, self.curve), (beside, self.dot)]
            for rows in curves.bands("gap", frame.function, t):
                self.rows, self.band = rows, curves.draw_band(beside, stroke)
                self.artists.append((beside, self.band))

    @staticmethod
    def _line(axes: Axes, **options: Any) -> Line2D:
        (line,) = axes.plot([], [], **options)
        return line

    def pose(self, step: int) -> None:
        shown = self.points[: step + 1]
        fresh = max(0, len(shown) - 1 - self.trail)
        gone = step + 1 - len(self.points)
        if gone > 0 and self.left is None:
            gone = 0  # it arrived; it stays where it is
        fresh = min(fresh + max(gone, 0), len(shown) - 1)
        self.past.set_data(*shown[: fresh + 1].T)
        self.fresh.set_data(*shown[fresh:].T)
        has_left = self.left is not None and step >= self.left
        self.head.set_data(*shown[-1:].T)
        self.head.set_marker("X" if has_left else self.stroke.marker)
        is_under = paths.star_at(self.axes, self.function, shown[-1]) is not None
        self.head.set_markersize(self.size if is_under and not has_left else HEAD)
        if self.runs is not None:
            self.lines.set_segments(list(self.runs[:, : step + 1]))
        if self.rows is not None:
            self.band.set_verts([curves.band_outline(self.rows, step + 1)])
        if self.heights is not None:
            y = self.heights[: step + 1]
            x = np.arange(len(y))
            self.curve.set_data(x, y)
            self.dot.set_data(x[-1:], y[-1:])
