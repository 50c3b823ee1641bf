"""`animate`: paths that grow, with their curves beside them.

The background is drawn once. For each frame it is put back, the moving artists are drawn on it,
and the canvas' buffer goes to the encoder: no second render, no file per frame, no growing list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from optviz.render import compose, contour, curves, html, output, paths, style
from optviz.render.compose import Frame
from optviz.render.film import Film, Pixels
from optviz.render.spec import Spec
from optviz.render.surface import SurfaceFilm
from optviz.runs.trajectory import Trajectory, same_function
from optviz.shared.files import write_atomically

#: About so many frames show a run, however long it is.
FRAMES = 200
#: The newest share of the frames whose path is not faded.
TRAIL_FRAMES = 12


@dataclass(frozen=True)
class Animation(Film):
    """A film of trajectories; `save` writes it.

    Attributes
    ----------
    trajectories
        What it shows.
    size
        Width and height in pixels, or None for the natural ones.
    fps
        Frames a second.
    steps_per_frame
        The same for all paths.
    layout
        "race" or "panels".
    theme
        "light", "dark" or "print".
    """

    trajectories: tuple[Trajectory, ...]
    size: tuple[int, int] | None
    fps: int
    steps_per_frame: int
    layout: str = "race"
    theme: str = "light"

    @property
    def steps_shown(self) -> list[int]:
        """The step at which each frame stands; the last is the longest path's end."""
        last = max(len(t.points) - 1 for t in self.trajectories)
        steps = list(range(0, last + 1, self.steps_per_frame))
        return steps if steps[-1] == last else [*steps, last]

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.steps_shown)

    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame."""
        stage, steps = _Stage(self), self.steps_shown
        return lambda k: stage.draw(steps[k])

    def formats(self) -> list[str]:
        """The suffixes that `save` knows: those of every film, and .html."""
        return [*super().formats(), ".html"]

    def save(self, path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
        """Write the film; .html is one page that works offline, the others are as for any film.

        Parameters, returns and errors are those of `Film.save`.
        """
        if Path(path).suffix.lower() != ".html":
            return super().save(path, progress=progress)
        target = output.check_target(path, self.formats())
        stage, last = _Stage(self), self.steps_shown[-1]
        stage.canvas.draw()
        text = html.page(
            stage.frame, stage.frame.figure, last=last, trail=stage.trail,
            spec=self.spec().to_json(),
        )  # fmt: skip
        write_atomically(target, text.encode())
        return target

    def spec(self) -> Spec:
        """Everything that makes this film again."""
        return Spec.of(
            "animate", self.trajectories, size=self.size, fps=self.fps, layout=self.layout,
            steps_per_frame=self.steps_per_frame, theme=self.theme,
        )  # fmt: skip


def lasting(film: Animation | SurfaceFilm, seconds: float) -> Animation | SurfaceFilm:
    """The same film in so many seconds: more steps a frame, or fewer frames a second.

    Raises
    ------
    ValueError
        If `seconds` is not a positive number.
    """
    if not 0 < seconds <= 3600:
        raise ValueError(f"duration must lie between 0 and 3600 seconds, not {seconds!r}")
    last = max(len(t.points) - 1 for t in film.trajectories)
    per_frame = max(1, round(last / (seconds * film.fps)))
    frames = -(-last // per_frame)
    fps = min(film.fps, max(1, round(frames / seconds)))
    return dataclasses.replace(film, steps_per_frame=per_frame, fps=fps)


def animate(
    trajectories: Trajectory | Sequence[Trajectory],
    *,
    size: tuple[int, int] | None = None,
    fps: int = 25,
    steps_per_frame: int | None = None,
    layout: str = "race",
    theme: str = "light",
    view: str = "contour",
    turn: float = 0.0,
) -> Animation | SurfaceFilm:
    """A film of one or several paths on the same function.

    Parameters
    ----------
    trajectories
        What `minimize` returned.
    size : (int, int), optional
        Width and height in pixels; the natural size of a still picture unless given.
    fps : int
        Frames a second, 1 to 100.
    steps_per_frame : int, optional
        The same for all paths; as many as make about 200 frames unless given.
    layout : str
        "race" or "panels", as for `plot`.
    theme : str
        "light", "dark" or "print".
    view : str
        "contour", or "surface" in three dimensions.
    turn : float
        Degrees that the camera turns around a surface, −360 to 360.

    Raises
    ------
    ValueError
        If there is no trajectory, or an argument is outside its range.

    Examples
    --------
    >>> import optviz as ov
    >>> film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.5), steps=50))
    >>> len(film.steps_shown)
    51
    """
    runs = [trajectories] if isinstance(trajectories, Trajectory) else list(trajectories)
    same_function(runs)
    if layout not in ("race", "panels"):
        raise ValueError(f"layout must be race or panels, not {layout!r}")
    if not (isinstance(fps, int) and 1 <= fps <= 100):
        raise ValueError(f"fps must lie between 1 and 100, not {fps!r}")
    if size is not None:
        size = compose.check_size(size)
    longest = max(len(t.points) - 1 for t in runs)
    if steps_per_frame is None:
        # A surface is drawn anew for each frame.
        frames = FRAMES if view == "contour" else FRAMES // 3
        steps_per_frame = max(1, -(-longest // frames))
    if not (isinstance(steps_per_frame, int) and steps_per_frame >= 1):
        raise ValueError(f"steps_per_frame must be a whole number ≥ 1, not {steps_per_frame!r}")
    style.theme(theme)
    if view not in ("contour", "surface"):
        raise ValueError(f"view must be contour or surface, not {view!r}")
    if not -360 <= turn <= 360:
        raise ValueError(f"turn must lie between −360 and 360 degrees, not {turn!r}")
    if view == "surface":
        return SurfaceFilm(tuple(runs), size, fps, steps_per_frame, theme, float(turn))
    return Animation(tuple(runs), size, fps, steps_per_frame, layout, theme)


class _Stage:
    """The figure of a film: a background that stays, and actors that move."""

    def __init__(self, film: Animation) -> None:
        runs = film.trajectories
        f = runs[0].function
        per_frame = film.steps_per_frame
        remark = f"{per_frame} step{'s' if per_frame > 1 else ''} a frame"
        self.frame: Frame = compose.compose(
            f,
            runs,
            size=film.size,
            panels=film.layout == "panels",
            with_marks=False,
            theme=film.theme,
            remarks=[remark],
        )
        self.trail = TRAIL_FRAMES * per_frame
        self.last = film.steps_shown[-1]
        self.actors = [
            _Actor(self.frame, k, self.trail) for k in range(len(self.frame.trajectories))
        ]
        self.on_top: list[tuple[Axes, Artist]] = []
        for k, axes in enumerate(self.frame.maps):
            here = runs if len(self.frame.maps) == 1 else runs[k : k + 1]
            for start in dict.fromkeys(t.start for t in here):
                self.on_top.append((axes, paths.draw_start(axes, start, self.frame.look)))
            for star in contour.draw_minima(axes, f, self.frame.look):
                self.on_top.append((axes, star))  # type: ignore[arg-type]
        self.names: list[Text] = []
        if len(self.frame.curves) == 1:
            self.names = curves.draw_names(
                self.frame.curves[0], "gap", f, runs, self.frame.strokes, self.frame.look
            )
        self.counter = self._counter()
        self.moving = [*(a for actor in self.actors for a in actor.artists), *self.on_top]
        for _, artist in self.moving:
            artist.set_animated(True)
        for text in [*self.names, self.counter]:
            text.set_animated(True)
        canvas = self.frame.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)
        self.canvas = canvas
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.frame.figure.bbox)

    def _counter(self) -> Text:
        figure = self.frame.figure
        _, height = figure.get_size_inches() * figure.dpi
        look = self.frame.look
        return figure.text(
            0.988, 1 - 0.95 * look.unit / height, "", ha="right", va="top", fontsize=look.font,
            color=look.theme.quiet,
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
        for text in self.names:
            self.frame.figure.draw_artist(text)
        self.frame.figure.draw_artist(self.counter)
        return np.asarray(self.canvas.buffer_rgba())

    def redraw(self, step: int) -> Pixels:
        """The same frame by a full redraw: what `draw` must equal to the bit (for tests)."""
        self.pose(step)
        artists = [artist for _, artist in self.moving] + [*self.names, self.counter]
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
        line = {"color": stroke.color, "linestyle": stroke.dash, "solid_capstyle": "round"}
        self.past = self._line(axes, linewidth=1.5, alpha=0.38, zorder=5, **line)
        self.fresh = self._line(axes, linewidth=2.2, zorder=5.5, **line)
        self.head = self._line(
            axes, marker=stroke.marker, markersize=7.5, color=stroke.color, zorder=9,
            markeredgecolor=look.theme.paper, markeredgewidth=1.0, clip_on=False,
        )  # fmt: skip
        self.stroke = stroke
        self.artists: list[tuple[Axes, Line2D]] = [
            (axes, self.past), (axes, self.fresh), (axes, self.head),
        ]  # fmt: skip
        self.heights: NDArray[np.float64] | None = None
        beside = frame.curve_of(k)
        if beside is not None:
            self.heights = curves.series("gap", frame.function, t)[0]
            self.curve = self._line(beside, linewidth=1.5, zorder=4, **line)
            self.dot = self._line(
                beside, marker=stroke.marker, markersize=6, color=stroke.color, zorder=5,
                markeredgecolor=look.theme.paper, markeredgewidth=0.8,
            )  # fmt: skip
            self.artists += [(beside, self.curve), (beside, self.dot)]

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
        if self.heights is not None:
            y = self.heights[: step + 1]
            x = np.arange(len(y))
            self.curve.set_data(x, y)
            self.dot.set_data(x[-1:], y[-1:])
