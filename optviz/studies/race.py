"""What the still and the film of a race share: who runs on what, and what came out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optviz.functions.base import Function
from optviz.runs.entry import Entry, varied
from optviz.runs.paths import Paths
from optviz.runs.race import race
from optviz.runs.trajectory import Trajectory
from optviz.runs.views import parse_plane, seen
from optviz.shared.table import Table, Tabular, row, stacked
from optviz.shared.text import counted, listed, rounded
from optviz.studies.sensitivity import Sensitivity
from optviz.studies.settings import Counts, Entries, Noise, Option, Seed, Starts, Steps
from optviz.studies.study import OnFunction, Progress

if TYPE_CHECKING:
    pass

Real = NDArray[np.float64]

#: Of f − f*: rounding hides what lies below.
ROUNDING = 1e-16
#: Ends that differ by less than this share are equally low.
ALIKE = 1e-12
#: Points along each side of a table of a function alone.
TABLE_GRID = 201

#: The course's own comparison: *Deep Learning from Scratch*, section 6.1, and its rates.
COURSE = ("sgd:lr=0.95", "momentum:lr=0.1", "adagrad:lr=1.5", "adam:lr=0.3")


@dataclass(frozen=True, repr=False, eq=False)
class Race(Tabular):
    """What a race shows.

    Attributes
    ----------
    trajectories
        One for each optimizer; none for the function alone.
    strip : Sensitivity or None
        What other rates would have done.
    first_steps
        For each optimizer places (n, 2) and first steps (n, 2), if they are shown.
    study
        The settings that made it, if a study did; a picture is drawn from them.
    """

    function: Function
    trajectories: tuple[Trajectory, ...]
    strip: Sensitivity | None = None
    first_steps: tuple[tuple[Real, Real], ...] = ()
    study: Any = field(default=None, repr=False)

    def table(self) -> Table:
        """All points of all paths; or the first steps; or, of a function alone, f on a grid."""
        optimizers = [t.made_by for t in self.trajectories]
        if self.first_steps:
            parts = [Table({"x": a[:, 0], "y": a[:, 1], "step_x": b[:, 0], "step_y": b[:, 1]})
                     for a, b in self.first_steps]  # fmt: skip
            columns = stacked(parts, path=range(len(parts)), optimizer=optimizers)
            return Table(columns, ("path", "y", "x"), f"First steps on {self.function.name}")
        if optimizers:
            return Paths(self.trajectories).table()
        sides = (np.linspace(*side, TABLE_GRID) for side in self.function.bounds)
        x, y = (places.ravel() for places in np.meshgrid(*sides))
        columns = {"x": x, "y": y, "value": self.function(x, y)}
        return Table(columns, ("y", "x"), self.function.name)

    def summary(self) -> Table:
        """Where each path ended."""
        if self.trajectories:
            return Paths(self.trajectories).summary()
        return Table(row(minima=len(self.function.minima)), title=self.function.name)


def is_noisy(s: Any) -> bool:
    """Whether any path has noise."""
    return bool(s.noise or any(entry.own.get("noise") for entry in s.optimizers))


def is_several(s: Any) -> bool:
    """Whether there are two paths at least."""
    return len(s.optimizers) > 1 or len(s.start or ()) > 1


def is_tuned(s: Any) -> bool:
    """Whether any rate is tuned."""
    return s.tune or any(entry.is_tuned for entry in s.optimizers)


class RaceStudy(OnFunction):
    """What still and film share."""

    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("seed", "with noise", is_noisy, "add --noise 0.1 (noise=0.1 in Python)"),
        Counts("tol box", "for single runs", lambda s: s.runs == 1, "leave --runs out"),
        Counts("plane", "in n dimensions", lambda s: not s.f.is_plane,
               "give --on rosenbrock:n=10 (on= in Python)"),
    )  # fmt: skip
    in_space = True

    optimizers: Entries = ("adam",)  # type: ignore[assignment]
    steps: Steps = 100
    start: Starts = None
    noise: Noise = 0.0
    seed: Seed = 0
    tol: Annotated[float, Field(ge=0, description="Stop where the gradient's norm is this.")] = 0.0
    box: Annotated[bool, Field(description="Keep paths inside the bounds.")] = False
    tune: Annotated[bool, Field(description="Tune every rate, also those that are given.")] = False
    runs: Annotated[int, Field(ge=1, le=1000, description="With noise: the median of so many.")] = 1
    layout: Annotated[Literal["race", "panels"], Field(description="One map, or one for each.")] = (
        "race"
    )
    levels: Annotated[
        int | None, Field(ge=2, le=60, description="Isolines of the ground; 14 unless given.")
    ] = None
    plane: Annotated[
        str, Option("pca|I,J"),
        Field(description="In n dimensions: of the paths' principal components, or of xᵢ and xⱼ."),
    ] = "pca"  # fmt: skip
    vary: Annotated[
        str | None, Option("KEY=V,V,…"),
        Field(exclude=True, description="Each optimizer with each value, as in lr=0.1,0.3."),
    ] = None  # fmt: skip
    preset: Annotated[
        Literal["course"] | None,
        Field(
            exclude=True,
            description="The course's four optimizers with its rates, 30 steps.",
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """A preset and what varies are said at length: a specification has the outcome."""
        out = {name: value for name, value in settings.items() if name not in ("preset", "vary")}
        match settings.get("preset"):
            case None:
                pass
            case "course":
                if out.get("optimizers"):
                    raise ValueError(
                        "the preset course has optimizers of its own: leave the others out"
                    )
                out = {"steps": 30, **out, "optimizers": COURSE}
            case other:
                raise ValueError(f"preset must be course, not {str(other)[:40]!r}")
        if (vary := settings.get("vary")) is not None:
            usual = cls.model_fields["optimizers"].default
            out["optimizers"] = varied(out.get("optimizers", usual), vary)
        return out

    @model_validator(mode="after")
    def _colors_are_known(self) -> RaceStudy:
        if colors := [entry.own["color"] for entry in self.optimizers if "color" in entry.own]:
            from optviz.render.theme import hex_of

            for color in colors:
                hex_of(color)
        return self

    @model_validator(mode="after")
    def _is_seen(self) -> RaceStudy:
        if not self.f.is_plane:
            parse_plane(self.plane, self.f.n)
            if not self.optimizers:
                raise ValueError(
                    f"{self.f.name} alone has no plane: name an optimizer, whose path chooses one, "
                    "or give ov.slice(f, origin, u, v)"
                )
        return self

    def seen(self, runs: Sequence[Trajectory]) -> tuple[Function, tuple[Trajectory, ...]]:
        """What is drawn: paths in n dimensions are seen in a plane."""
        if self.f.is_plane or not runs:
            return self.f, tuple(runs)
        f, views = seen(runs, self.plane)
        return f, tuple(views)

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
        if not self.optimizers:
            return ()
        return tuple(race(
            self.f, self.optimizers, start=self.start, steps=self.steps, noise=self.noise,
            rng=self.seed, runs=self.runs, tuned=self.tune, tol=self.tol, box=self.box,
            progress=progress,
        ))  # fmt: skip

    def finding(self, result: Race) -> str:
        """Who is lowest at the end, among those that stayed in the picture."""
        from optviz.render.style import spoken, strokes
        from optviz.render.theme import THEMES

        f, runs = result.function, result.trajectories
        if not runs:
            return _lowest_point(f)
        drawn = strokes(runs, THEMES["light"])
        names = [spoken(stroke, t) for stroke, t in zip(drawn, runs, strict=True)]
        if result.first_steps:
            lengths = [np.median(np.hypot(*moves.T)) for _, moves in result.first_steps]
            parts = [f"{n} {rounded(v, 2)}" for n, v in zip(names, lengths, strict=True)]
            return f"Median length of the first step: {listed(parts)}"
        ends = [(name, end_value(t)) for name, t in zip(names, runs, strict=True)
                if t.left_at() is None]  # fmt: skip
        gone = [t for t in runs if t.left_at() is not None]
        if not ends:
            who = names[0] if len(runs) == 1 else "Every path"
            first = "" if len(runs) == 1 else "the first "
            step = min(t.left_at() or 0 for t in runs)
            return f"{who} {_gone_text(gone)}, {first}at step {step:,}"
        left = f"; {len(gone)} of {len(runs)} {_gone_text(gone)}" if gone else ""
        # Below rounding all are alike.
        floor = -np.inf if f.minimum is None else f.minimum + ROUNDING
        lowest = max(min(value for _, value in ends), floor)
        # What differs by rounding is alike.
        alike = ALIKE * max(abs(lowest), lowest - (f.minimum or 0.0)) + ROUNDING
        best = [name for name, value in ends if value <= lowest + alike]
        what = _gap_text(f, lowest)
        steps = {t.steps for t in runs}
        count = steps.pop() if len(steps) == 1 else 0
        when = f" after {counted(count, 'step')}" if count else ""
        done = [t.end_words() for t in runs if t.left_at() is None]
        if any(text for text, (name, _) in zip(done, ends, strict=True) if name in best):
            # It made fewer steps; of several, each its own.
            when = f" ({done[[name for name, _ in ends].index(best[0])]})" if len(best) == 1 else ""
        if len(runs) == 1:
            return f"{best[0]} is at {what}{when}"
        who, verb = (best[0], "is lowest") if len(best) == 1 else (
            _all_of(best), "are equally low")  # fmt: skip
        return f"{who} {verb}{when}: {what}{left}"


def _gone_text(gone: Sequence[Trajectory]) -> str:
    """What became of paths that did not stay."""
    inside = sum(t.is_lost_inside for t in gone)
    if inside == len(gone):
        return "came to where f has no value"
    return "left the picture, or came to where f has no value" if inside else "left the picture"


def _all_of(names: Sequence[str]) -> str:
    """Several names in a sentence; of paths that have one name, how many there are."""
    if len(set(names)) == 1:
        return f"{len(names)} paths of {names[0]}"
    return f"{listed(names[:-1])} and {names[-1]}"


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
