"""The film of a race: paths grow on one map, on panels, or on the surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from optviz.runs.trajectory import MAX_STEPS
from optviz.studies.race import Race, RaceStudy, is_several
from optviz.studies.settings import Counts, Option
from optviz.studies.study import Filmed, Progress

if TYPE_CHECKING:
    from optviz.render.animate import Animation
    from optviz.render.surface import SurfaceFilm

#: About so many frames show a run, however long it is; a surface is drawn anew for each.
FRAMES, SURFACE_FRAMES = 200, 66


class AnimateStudy(RaceStudy, Filmed):
    """Paths that grow, with their curves beside them: GIF, MP4, WebM, WebP, APNG or HTML."""

    natural = (960, 518)
    counterpart = "plot"
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("levels", "on a map", lambda s: s.view == "contour", "leave --surface out"),
        Counts("layout", "on a map", lambda s: s.view == "contour", "leave --surface out"),
        Counts("layout", "for several paths", is_several,
               "name two optimizers, or leave it out"),
        Counts("turn", "for a surface", lambda s: s.view == "surface",
               'add --surface (view="surface" in Python)'),
        Counts("steps_per_frame", "without a duration", lambda s: s.duration is None,
               "a duration chooses the steps a frame"),
        Counts("fps", "for a film", lambda s: s.frame is None, "leave frame out"),
        *RaceStudy.counts,
    )  # fmt: skip
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
        return Race(*self.seen(self.paths(progress)), study=self)

    def pace(self, result: Race) -> tuple[int, int]:
        """Frames a second, and steps a frame: more steps, or fewer frames, to last a duration."""
        last = max(len(t.points) - 1 for t in result.trajectories)
        if self.duration is not None:
            last = max(1, min(last, self._film(result, self.fps, last).still))
            per_frame = max(1, round(last / (self.duration * self.fps)))
            frames = -(-last // per_frame)
            return min(self.fps, max(1, round(frames / self.duration))), per_frame
        usual = FRAMES if self.view == "contour" else SURFACE_FRAMES
        return self.fps, self.steps_per_frame or max(1, -(-last // usual))

    def film(self, result: Race) -> Animation | SurfaceFilm:
        """The paths on the map, or on the surface."""
        return self._film(result, *self.pace(result))

    def _film(self, result: Race, fps: int, per_frame: int) -> Animation | SurfaceFilm:
        from optviz.render.animate import Animation
        from optviz.render.surface import SurfaceFilm

        if self.view == "surface":
            return SurfaceFilm(self, result, fps, per_frame, self.turn)
        return Animation(self, result, fps, per_frame, self.layout, self.levels)
