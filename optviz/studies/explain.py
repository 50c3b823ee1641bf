"""An optimizer taken apart, step by step: what was carried over, and what the gradient added."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field, model_validator

from optviz.functions.base import Function
from optviz.optimizers.base import Optimizer
from optviz.runs.explanation import MAX_STEPS, Explanation, take_apart
from optviz.runs.narration import NONE
from optviz.runs.race import race
from optviz.shared.text import percent, rounded
from optviz.studies.settings import Counts, Fps, Noise, OneEntry, Seed, Start, seed_of
from optviz.studies.study import Drawn, Filmed, OnFunction, Progress

if TYPE_CHECKING:
    from optviz.render.explain import ExplainFilm
    from optviz.render.sheet import Sheet


class ExplainStudy(OnFunction, Drawn, Filmed):
    """Each step as arrows and a sentence: −∇f, what was carried over, what this gradient added.

    The part carried over is what a zero gradient would have done from the same state. A still
    shows all steps, a film (-o adam.gif) one part after the other.
    """

    natural = (1280, 660)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("seed", "with noise", lambda s: s.noise or s.optimizer.own.get("noise"),
               "add --noise 0.1 (noise=0.1 in Python)"),
        Counts("fps", "for a film", lambda s: s.frame is None, "leave frame out"),
        Counts("dpi", "for a picture that is no film's frame", lambda s: s.frame is None,
               "leave frame out"),
    )  # fmt: skip
    examples = ("explain momentum --on bowl --steps 12", "explain adam -o adam-explained.gif")

    optimizer: OneEntry = "adam"  # type: ignore[assignment]
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS, description="Steps to explain.")] = 12
    start: Start = None
    noise: Noise = 0.0
    seed: Seed = 0
    fps: Fps = 2

    @model_validator(mode="after")
    def _same_noise(self) -> ExplainStudy:
        if self.noise and self.seed is None:
            raise ValueError("an explanation with noise needs a seed: its parts share the noise")
        return self

    def run(self, progress: Progress | None = None) -> Explanation:
        """One path, and each of its steps made twice."""
        (t,) = race(
            self.f, [self.optimizer], start=self.f.start, steps=self.steps, noise=self.noise,
            rng=self.seed, progress=progress,
        )  # fmt: skip
        return dataclasses.replace(take_apart(t), study=self)

    def finding(self, result: Explanation) -> str:
        """How much of the way was carried over, and how far apart the coordinates' rates were."""
        steps = np.linalg.norm(np.diff(result.trajectory.points, axis=0), axis=1)
        if not len(steps):
            return "The first step diverged"
        carried = float(np.linalg.norm(result.carried, axis=1).sum())
        fresh = float(np.linalg.norm(result.fresh, axis=1).sum())
        share = carried / (carried + fresh) if carried + fresh > 0 else 0.0
        rates = np.abs(result.rates)
        seen = np.isfinite(rates).all(axis=1) & (rates > 0).all(axis=1)
        apart = ""
        if seen.any():
            ratio = float(np.max(rates[seen].max(axis=1) / rates[seen].min(axis=1)))
            apart = f"; the coordinates' rates differ by up to × {rounded(ratio)}"
            if ratio < 1 + 1e-6:
                apart = "; both coordinates have the same rate"
        what = f"{percent(share, 0)} of the displacements were carried over"
        return f"{what if share > NONE else 'Nothing was carried over'}{apart}"

    def draw(self, result: Explanation, sheet: Sheet) -> None:  # type: ignore[override]
        """All steps at once."""
        from optviz.render.explain import draw_explanation

        draw_explanation(sheet, result)

    def film(self, result: Explanation) -> ExplainFilm:
        """One part after the other."""
        from optviz.render.explain import ExplainFilm

        return ExplainFilm(self, result, self.fps)


def explain(
    f: str | Function,
    optimizer: str | Optimizer,
    *,
    start: tuple[float, float] | None = None,
    steps: int = 12,
    noise: float = 0.0,
    rng: int | None = None,
) -> Explanation:
    """Run an optimizer and take each of its steps apart.

    Parameters
    ----------
    f, optimizer, start, noise, rng
        As for `minimize`.
    steps : int
        At most 60: nobody reads more.

    Raises
    ------
    ValueError
        As `minimize`, and for too many steps.

    Examples
    --------
    >>> import optviz as ov
    >>> e = ov.explain("bowl", ov.Momentum(lr=0.1, momentum=0.5), start=(-7, 2), steps=2)
    >>> e.carried[1].round(3), e.fresh[1].round(3)  # half of the last step, and −0.1 of ∇f
    (array([ 0.035, -0.2  ]), array([ 0.069, -0.32 ]))
    """
    seed = seed_of(rng)
    if noise and seed is None:
        seed = int(np.random.default_rng().integers(2**63 - 1))  # the parts need the same noise
    made = ExplainStudy.checked(optimizer=optimizer, on=f, start=start, steps=steps, noise=noise,
                        seed=0 if seed is None else seed)  # fmt: skip
    return made.run()
