"""Learning curves over the scale of first weights, with batch normalisation and without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optviz.nn.normalisation import BOTH
from optviz.shared.table import Table, Tabular
from optviz.shared.text import rounded
from optviz.studies.normalised import NAMES, OnBatchNorm, hues
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class NormGrid(Tabular):
    """Training accuracy of networks that begin with weights of different scales.

    Attributes
    ----------
    scales : ndarray (n,)
        The standard deviations of first weights.
    accuracy : ndarray (2, n, epochs)
        Of all training samples at the end of each epoch, without and with batch normalisation.
    samples : int
        How many there are for training.
    study
        The settings that made it.
    """

    scales: Real
    accuracy: Real
    samples: int
    study: Any = field(repr=False)

    def table(self) -> Table:
        """A row for each network and epoch."""
        _, count, epochs = self.accuracy.shape
        columns = {
            "batch_norm": np.repeat(BOTH, count * epochs),
            "scale": np.tile(np.repeat(self.scales, epochs), 2),
            "epoch": np.tile(np.arange(1, epochs + 1), 2 * count),
            "accuracy": self.accuracy.ravel(),
        }
        return Table(columns, ("batch_norm", "scale", "epoch"), self._title)

    def summary(self) -> Table:
        """The best accuracy of each scale."""
        best = self.accuracy.max(axis=2)
        return Table({"scale": self.scales, NAMES[0]: best[0], NAMES[1]: best[1]},
                     title=self._title)  # fmt: skip

    def reached(self, target: float) -> NDArray[np.int64]:
        """How many scales reach an accuracy in any epoch, without and with."""
        return np.asarray((self.accuracy.max(axis=2) >= target).sum(axis=1))

    @property
    def _title(self) -> str:
        return f"training accuracy from {len(self.scales)} scales of first weights"


class BnGridStudy(OnBatchNorm):
    """Does batch normalisation make a network independent of the scale of its first weights?

    For each scale two networks begin with the same weights, one with batch normalisation before
    each activation, and see the same batches (*Deep Learning from Scratch*, section 6.3).
    """

    natural = (960, 860)
    examples = ("bn-grid", "bn-grid --optimizer adam:lr=0.001 --activation sigmoid")

    scales: Annotated[int, Field(ge=1, le=36, description="How many scales.")] = 16
    largest: Annotated[float, Field(gt=0, le=100, description="The largest.")] = 1.0
    smallest: Annotated[float, Field(gt=0, le=100, description="The smallest.")] = 1e-4
    target: Annotated[
        float, Field(gt=0, le=1, description="The accuracy that the finding counts.")
    ] = 0.95

    @model_validator(mode="after")
    def _ordered(self) -> BnGridStudy:
        if self.smallest > self.largest:
            raise ValueError("smallest must not be above largest")
        return self

    def run(self, progress: Progress | None = None) -> NormGrid:
        """Two networks for each scale."""
        train, _ = self.deep.shares(0)
        scales = np.geomspace(self.largest, self.smallest, self.scales)
        accuracy = np.empty((2, len(scales), self.epochs))
        for k, scale in enumerate(scales):
            for j, has_norm in enumerate(BOTH):
                network = self.deep.network(train, 0, f"normal:std={float(scale)!r}", has_norm)
                history = self.deep.train(network, train, 0, self.made)
                accuracy[j, k] = history.validation_accuracy
            if progress is not None:
                progress(k + 1, len(scales), f"scale {rounded(float(scale))}")
        return NormGrid(scales, accuracy, len(train), self)

    def finding(self, result: NormGrid) -> str:
        """How many scales reach the target."""
        without, with_norm = result.reached(self.target)
        return (f"With batch norm {with_norm} of {len(result.scales)} scales reach "
                f"{100 * self.target:g} %, without {without}")  # fmt: skip

    def draw(self, result: NormGrid, sheet: Sheet) -> None:  # type: ignore[override]
        """A panel for each scale."""
        from optviz.render.learning import draw_curve

        look, count = sheet.look, len(result.scales)
        colors = hues(look.theme)
        sheet.legend([sheet.handle(name, color) for name, color in zip(
            reversed(NAMES), reversed(colors), strict=True)])  # fmt: skip
        sheet.heading(f"Training accuracy, {count} scales of first weights")
        columns = int(np.ceil(np.sqrt(count)))
        rows = -(-count // columns)
        panels = sheet.grid(rows, columns, left=3.4, title=1.6, below=1.3)
        for k, axes in enumerate(panels):
            if k >= count:
                axes.remove()
                continue
            axes.set_label(f"scale {k + 1}")
            for j, color in enumerate(colors):
                draw_curve(axes, result.accuracy[j, k], color, look, marker="", width=2.0)
            axes.axhline(self.target, color=look.theme.faint, linewidth=0.8, zorder=0.5)
            axes.set_ylim(0, 1.03)
            axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
            axes.set_xlim(1, max(2, self.epochs))
            axes.set_xticks([1, self.epochs] if self.epochs > 1 else [1])
            axes.set_title(f"std {rounded(float(result.scales[k]), 2)}", loc="left", pad=3,
                           fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip
            axes.tick_params(labelleft=k % columns == 0, labelbottom=k + columns >= count,
                             labelsize=0.8 * look.font)  # fmt: skip
        sheet.small_print([
            *self.choices(result.samples), "x: epoch; accuracy of all training samples at its end, "
            "with moving averages", f"line: {100 * self.target:g} %",
            "same first weights and batches with and without", f"seed {self.seed}",
        ])  # fmt: skip
