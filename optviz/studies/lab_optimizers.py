"""The lab's network with four optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from optviz.nn.lab import Variant
from optviz.studies.lab import LabRuns, OnLab
from optviz.studies.settings import Entries, NoPaths, Option

if TYPE_CHECKING:
    from optviz.render.style import Look


class LabOptimizersStudy(OnLab):
    """Which optimizer trains the lab's convolutional network best at its default rate?

    Keras's conventions and default rates, unless others are given: rates that were chosen for
    other tasks say as much of the rates as of the optimizers, so give rates of your own, or tune
    them with `sensitivity`.
    """

    examples = (
        "lab-optimizers",
        "lab-optimizers --optimizer adam:lr=0.003 --optimizer sgd:lr=0.3 --runs 1",
    )

    optimizers: Annotated[
        Entries,
        NoPaths,
        Option("OPTIMIZER", completes="optimizers", name="--optimizer", many=True),
        Field(description="NAME or NAME:key=value; without lr= the convention's own rate."),
    ] = ("adam:convention=keras", "sgd:convention=keras", "rmsprop:convention=keras",
         "adagrad:convention=keras")  # type: ignore[assignment]  # fmt: skip

    def variants(self) -> dict[str, Variant]:
        """A run for each."""
        from optviz.render.style import described

        out: dict[str, Variant] = {}
        for entry in self.optimizers:
            label = described(entry.optimizer, []).replace("  ", " ")
            out[label if label not in out else f"{label} ({len(out) + 1})"] = Variant(
                entry.optimizer
            )
        return out

    def colors(self, look: Look) -> list[str]:
        """Those that the optimizers have everywhere."""
        from optviz.render import style

        optimizers = [entry.optimizer for entry in self.optimizers]
        return [stroke.color for stroke in style.strokes_of(optimizers, look.theme)]

    def _title(self, result: LabRuns) -> str:
        return f"Optimizers on the lab's network and {self.data_name}"
