"""Optimizers race on a function: paths on its contours, as a still (`plot`) or a film (`animate`).

The same still shows panels, a surface, a field, first steps, noise bands, a strip of other rates,
or the function alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optviz.functions.base import Function
from optviz.runs.entry import Entry, without_rate
from optviz.runs.race import first_steps, race
from optviz.runs.trajectory import MAX_STEPS, Trajectory, same_function
from optviz.shared.text import listed, rounded
from optviz.studies.sensitivity import Sensitivity, SensitivityStudy
from optviz.studies.settings import Entries, Noise, Option, Seed, Start, Steps
from optviz.studies.study import Drawn, Filmed, OnFunction, Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optviz.render.animate import Animation
    from optviz.render.sheet import Sheet
    from optviz.render.surface import SurfaceFilm

Real = NDArray[np.float64]

#: Of f − f*: rounding hides what lies below.
ROUNDING = 1e-16
#: About so many frames show a run, however long it is; a surface is drawn anew for each.
FRAMES, SURFACE_FRAMES = 200, 66
#: Arrows along the longer side of a picture of first steps.
STEPS_GRID = 15

CurveKind = Literal["gap", "distance", "gradient", "step", "rate", "none"]


@dataclass(frozen=True)
class Race:
    """What a race shows.

    Attributes
    ----------
    trajectories
        One for each optimizer; none for the function alone.
    strip : Sensitivity or None
        What other rates would have done.
    first_steps
        For each optimizer places (n, 2) and first steps (n, 2), if they are shown.
    """

    function: Function
    trajectories: tuple[Trajectory, ...]
    strip: Sensitivity | None = None
    first_steps: tuple[tuple[Real, Real], ...] = ()


class _RaceStudy(OnFunction):
    """What still and film share."""

    optimizers: Entries = ("adam",)  # type: ignore[assignment]
    steps: Steps = 100
    start: Start = None
    noise: Noise = 0.0
    seed: Seed = 0
    tol: Annotated[float, Field(ge=0, description="Stop where the gradient's norm is this.")] = 0.0
    box: Annotated[bool, Field(description="Keep paths inside the bounds.")] = False
    tune: Annotated[bool, Field(description="Tune every rate, also those that are given.")] = False
    runs: Annotated[int, Field(ge=1, le=1000, description="With noise: the median of so many.")] = 1
    layout: Annotated[Literal["race", "panels"], Field(description="One map, or one for each.")] = (
        "race"
    )

    @classmethod
    def of(cls, trajectories: Sequence[Trajectory], f: Function, **look: Any) -> Any:
        """The study that makes these trajectories again."""
        if not trajectories:
            return cls.checked(optimizers=(), on=f, **look)
        first = trajectories[0]
        common = {"start": first.start, "steps": first.steps, "noise": first.noise,
                  "seed": first.seed, "tol": first.tol, "box": first.box}  # fmt: skip
        if not first.noise:
            common["seed"] = 0
        runs = 1 if first.band is None else first.band.runs
        entries = tuple(
            Entry.of(t if t.noise else dataclasses.replace(t, seed=None), common)
            for t in trajectories
        )
        return cls.checked(optimizers=entries, on=f, runs=runs, **common, **look)

    def paths(self, progress: Progress | None) -> tuple[Trajectory, ...]:
        """Run everybody."""
        return tuple(race(
            self.f, self.optimizers, start=self.start, steps=self.steps, noise=self.noise,
            rng=self.seed, runs=self.runs, tuned=self.tune, tol=self.tol, box=self.box,
            progress=progress,
        ))  # fmt: skip

    def finding(self, result: Race) -> str:
        """Who is lowest at the end, among those that stayed in the picture."""
        from optviz.render.style import THEMES, strokes

        f, runs = result.function, result.trajectories
        if not runs:
            return _lowest_point(f)
        names = [stroke.name for stroke in strokes(runs, THEMES["light"])]
        if result.first_steps:
            lengths = [np.median(np.hypot(*moves.T)) for _, moves in result.first_steps]
            parts = [f"{n} {rounded(v, 2)}" for n, v in zip(names, lengths, strict=True)]
            return f"Median length of the first step: {listed(parts)}"
        ends = {name: end_value(t) for name, t in zip(names, runs, strict=True)
                if t.left_at() is None}  # fmt: skip
        gone = len(runs) - len(ends)
        left = f"; {gone} of {len(runs)} left the picture" if gone and len(runs) > 1 else ""
        if not ends:
            who = names[0] if len(runs) == 1 else "Every path"
            first = "" if len(runs) == 1 else "the first "
            return f"{who} left the picture, {first}at step {min(t.left_at() or 0 for t in runs):,}"
        # Below rounding all are alike.
        floor = -np.inf if f.minimum is None else f.minimum + ROUNDING
        lowest = max(min(ends.values()), floor)
        best = [name for name, value in ends.items() if value <= lowest]
        what = _gap_text(f, lowest)
        steps = {t.steps for t in runs}
        when = f" after {steps.pop():,} steps" if len(steps) == 1 else ""
        if len(runs) == 1:
            return f"{best[0]} is at {what}{when}"
        who, verb = (best[0], "is lowest") if len(best) == 1 else (
            f"{listed(best[:-1])} and {best[-1]}", "are equally low")  # fmt: skip
        return f"{who} {verb}{when}: {what}{left}"


def end_value(t: Trajectory) -> float:
    """f at the end of a path; of noisy runs, the median of their values there."""
    return float(t.values[-1] if t.band is None else t.band.values[1][-1])


def _gap_text(f: Function, value: float) -> str:
    if f.minimum is None:
        return f"f = {rounded(value)}"
    gap = value - f.minimum
    return f"f − f* = {rounded(gap, 2)}" if gap > ROUNDING else "f − f* below 1e−16"


def _lowest_point(f: Function) -> str:
    from optviz.render.style import point_text

    if f.minimum is None:
        return "No lowest value inside the bounds"
    count = len(f.minima)
    where = f"at {point_text(f.minima[0])}" if count == 1 else f"at {count} points"
    return f"The lowest value, {rounded(f.minimum, 4)}, is reached {where}"


class PlotStudy(_RaceStudy, Drawn):
    """Paths of optimizers on the contours of a function, and the curve of f − f* beside them.

    Without an optimizer, the function alone.
    """

    natural = (960, 518)
    examples = (
        "plot sgd adam --on rosenbrock",
        'plot --on "sin(x)*cos(y) + x**2/10" --surface -o hills.png',
        "plot adam:lr=0.1 adam:lr=0.5 --on beale --curve distance",
    )

    optimizers: Entries = ()
    view: Annotated[
        Literal["contour", "surface", "field", "steps"],
        Option(flags=(("surface", "--surface"), ("field", "--field"), ("steps", "--first-steps"))),
        Field(description="Three dimensions; arrows along −∇f; the first step from everywhere."),
    ] = "contour"
    curve: Annotated[CurveKind, Field(description="What stands beside the map.")] = "gap"
    sensitivity: Annotated[
        bool, Field(description="With a strip: what other rates would have done.")
    ] = False

    @model_validator(mode="after")
    def _goes_together(self) -> PlotStudy:
        if self.sensitivity and self.view not in ("contour", "field"):
            raise ValueError(
                f"a strip of sensitivities goes with contour or field, not {self.view}"
            )
        if self.view == "steps" and not self.optimizers:
            raise ValueError("first steps need at least one optimizer")
        if self.curve == "distance" and not len(self.f.minima):
            raise ValueError(f"{self.f.name} has no minimum to measure a distance to")
        return self

    def run(self, progress: Progress | None = None) -> Race:
        """Run everybody, and what stands beside."""
        return self.result_of(self.paths(progress), progress)

    def result_of(
        self, runs: Sequence[Trajectory], progress: Progress | None = None,
        strip: Sensitivity | None = None,
    ) -> Race:  # fmt: skip
        """The race of paths that have been run."""
        steps: tuple[tuple[Real, Real], ...] = ()
        if self.view == "steps":
            steps = tuple(first_steps(self.f, t.optimizer, STEPS_GRID) for t in runs)
        if self.sensitivity and runs and strip is None:
            strip = strip_study(runs).run(progress)
        return Race(self.f, tuple(runs), strip, steps)

    def draw(self, result: Race, sheet: Sheet) -> None:  # type: ignore[override]
        """One of the four views."""
        from optviz.render import curves, stills, surface

        f, runs = result.function, result.trajectories
        kind = curves.check_kind(self.curve, f)
        if self.view == "steps":
            stills.draw_first_steps(sheet, f, runs, result.first_steps, STEPS_GRID)
        elif self.view == "surface":
            surface.draw_picture(sheet, f, runs)
        else:
            stills.draw_maps(
                sheet, f, runs, with_field=self.view == "field", panels=self.layout == "panels",
                kind=kind, strip=result.strip,
            )  # fmt: skip


class AnimateStudy(_RaceStudy, Filmed):
    """Paths that grow, with their curves beside them: GIF, MP4, WebM, WebP, APNG or HTML."""

    natural = (960, 518)
    examples = (
        "animate adam",
        "animate adam:lr=0.3 momentum:lr=0.1 --on beale --steps 200 -o race.mp4",
        "animate adam --on rosenbrock --surface --turn 60 --steps 60",
    )

    view: Annotated[
        Literal["contour", "surface"], Option(flags=(("surface", "--surface"),)),
        Field(description="In three dimensions."),
    ] = "contour"  # fmt: skip
    turn: Annotated[float, Field(ge=-360, le=360, description="Degrees that the camera turns.")] = (
        0.0
    )
    steps_per_frame: Annotated[
        int | None,
        Field(ge=1, le=MAX_STEPS, description="The same for all; about 200 frames unless given."),
    ] = None
    duration: Annotated[
        float | None,
        Field(gt=0, le=3600, description="Seconds, without the last frame's hold."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _turns_a_surface(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return {**settings, "view": "surface"} if settings.get("turn") not in (
            None, 0, 0.0, "0") else settings  # fmt: skip

    @model_validator(mode="after")
    def _has_somebody(self) -> AnimateStudy:
        if not self.optimizers:
            raise ValueError("a film needs at least one optimizer")
        return self

    def is_page(self) -> bool:
        """A map can be a page; a surface cannot."""
        return self.view == "contour"

    def run(self, progress: Progress | None = None) -> Race:
        """Run everybody."""
        return Race(self.f, self.paths(progress))

    def pace(self, result: Race) -> tuple[int, int]:
        """Frames a second, and steps a frame: more steps, or fewer frames, to last a duration."""
        last = max(len(t.points) - 1 for t in result.trajectories)
        if self.duration is not None:
            per_frame = max(1, round(last / (self.duration * self.fps)))
            frames = -(-last // per_frame)
            return min(self.fps, max(1, round(frames / self.duration))), per_frame
        usual = FRAMES if self.view == "contour" else SURFACE_FRAMES
        return self.fps, self.steps_per_frame or max(1, -(-last // usual))

    def film(self, result: Race) -> Animation | SurfaceFilm:
        """The paths on the map, or on the surface."""
        from optviz.render.animate import Animation
        from optviz.render.surface import SurfaceFilm

        fps, per_frame = self.pace(result)
        if self.view == "surface":
            return SurfaceFilm(self, result, fps, per_frame, self.turn)
        return Animation(self, result, fps, per_frame, self.layout)


def strip_study(runs: Sequence[Trajectory]) -> SensitivityStudy:
    """What other rates would have done, for the strip below a picture of paths."""
    first = runs[0]
    return SensitivityStudy.checked(
        optimizers=[t.optimizer for t in runs], on=first.function, start=first.start,
        steps=first.steps, noise=first.noise, seed=(first.seed or 0) if first.noise else 0,
    )  # fmt: skip


def plot(
    trajectories: Any,
    *,
    on: str | Function | None = None,
    view: str = "contour",
    layout: str = "race",
    curve: str | bool = True,
    strip: Sensitivity | None = None,
    size: tuple[int, int] | None = None,
    theme: str | None = None,
) -> Figure:
    """Draw paths on the contours of their function, with the curve of f − f* beside them.

    Parameters
    ----------
    trajectories
        What `minimize` returned, one or several on the same function; none if `on` is given.
        Or what another study found (`explain`, `basins`, `sensitivity`, `phase`, `nn.compare`):
        then only `size` and `theme` count.
    on
        The function to show when there is no trajectory.
    view : str
        "contour"; "field" adds arrows along −∇f; "steps" shows the first step that each
        optimizer would take from each point of a grid; "surface" is three-dimensional.
    layout : str
        "race": all paths in one map; "panels": a map for each, with equal axes.
    curve : str or bool
        What stands beside a map: "gap" (f − f*, also True), "distance" to the nearest minimum,
        "gradient" and "step" for the norms, "rate" for step over gradient in each coordinate,
        "none" (also False).
    strip : Sensitivity, optional
        What `sensitivity` returned for the same optimizers in the same order, on the same
        function, start and steps: how far they get with other rates, as a strip below.
    size : (int, int), optional
        Width and height in pixels, at 100 dots per inch; 960 wide, and as high as the function
        is, unless given.
    theme : str, optional
        "light", "dark" or "print"; light, or the study's own, unless given.

    Returns
    -------
    matplotlib.figure.Figure
        `figure.savefig("adam.png", dpi=200)`, or `optviz.save(figure, "adam.png")`.

    Raises
    ------
    ValueError
        If there is nothing to draw, the paths ran on different functions, or an argument is
        unknown.

    Examples
    --------
    >>> import optviz as ov
    >>> figure = ov.plot(ov.minimize("bowl", ov.Adam(lr=0.3), steps=30))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['x', 'step', '']
    """
    if (study := study_of(trajectories)) is not None:
        shown: Figure = study.model_copy(update=_look(study, size, theme)).draw(trajectories)
        return shown
    runs = _paths_of(trajectories)
    from optviz.functions.catalogue import function

    f = function(on) if on is not None and not runs else same_function(runs)
    kind = {True: "gap", False: "none"}.get(curve, curve) if isinstance(curve, bool) else curve
    made = PlotStudy.of(
        runs, f, view=view, layout=layout, curve=kind, size=size, theme=theme or "light",
        sensitivity=strip is not None,
    )  # fmt: skip
    if strip is not None:
        _check_strip(strip, runs)
    figure: Figure = made.draw(made.result_of(runs, strip=strip))
    return figure


def animate(
    trajectories: Any,
    *,
    size: tuple[int, int] | None = None,
    fps: int | None = None,
    steps_per_frame: int | None = None,
    layout: str = "race",
    theme: str | None = None,
    view: str = "contour",
    turn: float = 0.0,
) -> Any:
    """A film of one or several paths on the same function.

    Parameters
    ----------
    trajectories
        What `minimize` returned; or what `explain` returned: then only `size`, `fps` and `theme`
        count.
    size : (int, int), optional
        Width and height in pixels; the natural size of a still picture unless given.
    fps : int
        Frames a second, 1 to 100; 25 unless given (2 for an explanation).
    steps_per_frame : int, optional
        The same for all paths; as many as make about 200 frames unless given.
    layout : str
        "race" or "panels", as for `plot`.
    theme : str, optional
        "light", "dark" or "print"; light, or the study's own, unless given.
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
    look = {} if fps is None else {"fps": fps}
    if (study := study_of(trajectories)) is not None:
        if not isinstance(study, Filmed):
            raise ValueError(f"{study.name} does not move: draw it with plot")
        changed = type(study)(**{**study.settings(), **_look(study, size, theme), **look})
        return changed.film(trajectories)
    runs = _paths_of(trajectories)
    f = same_function(runs)
    made = AnimateStudy.of(
        runs, f, size=size, steps_per_frame=steps_per_frame, layout=layout, theme=theme or "light",
        view=view,
        turn=turn, **look,
    )  # fmt: skip
    return made.film(Race(f, tuple(runs)))


def study_of(result: Any) -> Any:
    """The study that made a result; None for trajectories."""
    from optviz.nn.comparison import Training

    if isinstance(result, Training):
        from optviz.studies.train import TrainStudy

        return TrainStudy.of(result)
    return getattr(result, "study", None)


def _paths_of(given: Any) -> list[Trajectory]:
    """One path or several as a list."""
    is_row = isinstance(given, Iterable) and not isinstance(given, str)
    runs = list(given) if is_row else [given]
    for item in runs:
        if not isinstance(item, Trajectory):
            raise ValueError(
                "a picture shows trajectories, or what one study found, not "
                f"{type(item).__name__} {str(item)[:40]!r}"
            )
    return runs


def _look(study: Any, size: Any, theme: str | None) -> dict[str, Any]:
    """Size and theme, checked; what was not given is the study's own."""
    given = {name: v for name, v in (("size", size), ("theme", theme)) if v is not None}
    checked = type(study)(**{**study.settings(), **given})
    return {"size": checked.size, "theme": checked.theme}


def _check_strip(strip: Sensitivity, runs: Sequence[Trajectory]) -> None:
    """A strip is drawn again from the paths alone: another one is refused."""
    if not isinstance(strip, Sensitivity):
        raise ValueError(f"strip must be what sensitivity returned, not {strip!r}")
    # A start or bounds that were not given are the function's own.
    wanted, given = (
        {**s.texts(), "start": s.f.start, "bounds": s.f.bounds}
        for s in (strip_study(runs), strip.study)
    )
    names = ("on", "bounds", "start", "steps", "starts", "noise", "rates", "seed")
    differ = [name for name in names if wanted[name] != given[name]]
    if _scanned(strip.study) != _scanned(strip_study(runs)):
        differ.insert(0, "optimizers")
    if differ:
        name = differ[0]
        raise ValueError(
            f"the strip is of other runs: its {name} is {given[name]!r}, the paths' "
            f"{wanted[name]!r}"
        )


def _scanned(study: SensitivityStudy) -> list[str]:
    """Its optimizers: a scan takes the place of a rate, and keeps the shape of a schedule."""
    return [
        without_rate(entry.text) if entry.optimizer.schedule is None else entry.text
        for entry in study.optimizers
    ]
