"""The still of a race: paths on contours, panels, a surface, first steps; or a function alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optviz.optimizers.base import Optimizer
from optviz.runs.race import first_steps
from optviz.runs.trajectory import Trajectory
from optviz.studies.race import Race, RaceStudy, is_several, is_tuned
from optviz.studies.sensitivity import Sensitivity, SensitivityStudy
from optviz.studies.settings import Counts, Entries, Option
from optviz.studies.study import Drawn, Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

#: Arrows along the longer side of a picture of first steps.
STEPS_GRID = 15

CurveKind = Literal["gap", "distance", "gradient", "step", "rate", "none"]


class PlotStudy(RaceStudy, Drawn):
    """Paths of optimizers on the contours of a function, and the curve of f − f* beside them.

    Without an optimizer, the function alone.
    """

    natural = (960, 518)
    counterpart = "animate"
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("steps start noise seed tol box tune runs layout sensitivity",
               "with optimizers", lambda s: s.optimizers, "name one, such as adam"),
        Counts("curve", "with optimizers", lambda s: s.optimizers, "name one, such as adam",
               idle="none"),
        Counts("levels", "on maps", lambda s: s.view in ("contour", "field"), "leave the view out"),
        Counts("layout", "on maps", lambda s: s.view in ("contour", "field"), "leave the view out"),
        Counts("curve", "beside maps", lambda s: s.view in ("contour", "field"),
               "leave the view out", idle="none"),
        Counts("seed tol box runs", "for whole paths", lambda s: s.view != "steps",
               "first steps have none"),
        Counts("steps start noise", "for whole paths, and where a rate is tuned",
               lambda s: s.view != "steps" or is_tuned(s), "first steps begin everywhere"),
        Counts("layout", "for several paths", is_several,
               "name two optimizers, or leave it out"),
        *RaceStudy.counts,
    )  # fmt: skip
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
        if not self.f.is_plane and (self.view == "steps" or self.sensitivity):
            what = "first steps" if self.view == "steps" else "a strip of sensitivities"
            raise ValueError(f"{what} are for functions of the plane, not for {self.f.name}")
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
            steps = tuple(first_steps(self.f, o, STEPS_GRID)
                          for o in _optimizers_of(runs, "a view of first steps"))  # fmt: skip
        if self.sensitivity and runs and strip is None:
            strip = strip_study(runs).run(progress)
        return Race(*self.seen(runs), strip, steps, self)

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
                kind=kind, strip=result.strip, levels=self.levels,
            )  # fmt: skip


def _optimizers_of(runs: Sequence[Trajectory], what: str) -> list[Optimizer]:
    """Who made the paths, where they are to run again.

    Raises
    ------
    ValueError
        If one of the paths came as points.
    """
    found = [t.optimizer for t in runs if t.optimizer is not None]
    if len(found) < len(runs):
        label = next(t.label for t in runs if t.optimizer is None)
        raise ValueError(f"{what} needs the optimizer of each path, and {label!r} came as points")
    return found


def strip_study(runs: Sequence[Trajectory]) -> SensitivityStudy:
    """What other rates would have done, for the strip below a picture of paths."""
    first = runs[0]
    return SensitivityStudy.checked(
        optimizers=_optimizers_of(runs, "a strip of other rates"), on=first.function,
        start=first.start, steps=first.steps, noise=first.noise,
        seed=(first.seed or 0) if first.noise else 0,
    )  # fmt: skip
