"""How the inputs of layers wander while a network learns (internal covariate shift)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn.normalisation import BOTH, outputs_in_training
from optviz.shared.table import Table, Tabular
from optviz.shared.text import rounded
from optviz.studies.normalised import NAMES, OnBatchNorm, hues
from optviz.studies.settings import Learner
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

#: The percentiles of Ioffe and Szegedy's figure 1.
SHARES = (15, 50, 85)
#: Rows that are looked at, and about how many times.
PROBE, LOOKS = 256, 120


@dataclass(frozen=True, repr=False, eq=False)
class CovariateShift(Tabular):
    """Percentiles of what each unit's activation takes in, over the steps of training.

    Attributes
    ----------
    steps : ndarray (k,)
        After which steps.
    percentiles : ndarray (2, layers, k, 3, units)
        The 15th, 50th and 85th over the samples, without and with batch normalisation.
    samples, probe : int
        How many there are for training, and how many of them were looked at.
    study
        The settings that made it.
    """

    steps: NDArray[np.int64]
    percentiles: Real
    samples: int
    probe: int
    study: Any = field(repr=False)

    def drifts(self) -> Real:
        """Over how many of its spreads the median of each unit wanders: (2, layers, units).

        The range of the medians over all steps by the mean distance of the 15th and the 85th
        percentile; infinite for a unit that has no spread and wanders, 0 if it does neither.
        """
        low, middle, high = np.moveaxis(self.percentiles, 3, 0)
        way, spread = np.ptp(middle, axis=2), (high - low).mean(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(way > 0, way / spread, 0.0)

    def typical(self) -> NDArray[np.int64]:
        """The unit whose drift is the median of its layer (the lower of two): (2, layers)."""
        order = np.argsort(self.drifts(), axis=2, kind="stable")
        return np.asarray(order[..., (order.shape[2] - 1) // 2])

    def shown(self) -> Real:
        """The percentiles of the typical units: (2, layers, k, 3)."""
        at = self.typical()[:, :, None, None, None]
        return np.take_along_axis(self.percentiles, at, axis=4)[..., 0]

    def table(self) -> Table:
        """A row for each network, layer and step: the percentiles of its typical unit."""
        shown = self.shown()
        _, layers, looks, _ = shown.shape
        columns = {
            "batch_norm": np.repeat(BOTH, layers * looks),
            "layer": np.tile(np.repeat(np.arange(1, layers + 1), looks), 2),
            "step": np.tile(self.steps, 2 * layers),
            **{f"p{share}": shown[..., k].ravel() for k, share in enumerate(SHARES)},
        }
        return Table(columns, ("batch_norm", "layer", "step"), self._title)

    def summary(self) -> Table:
        """The median drift of each layer."""
        drift = np.median(self.drifts(), axis=2)
        columns = {"layer": np.arange(1, drift.shape[1] + 1), NAMES[0]: drift[0],
                   NAMES[1]: drift[1]}  # fmt: skip
        return Table(columns, title="drift of the median in spreads")

    @property
    def _title(self) -> str:
        return "inputs of activations while a network learns"


class CovariateShiftStudy(OnBatchNorm):
    """How do the inputs of each layer wander while the layers below it learn?

    For a typical unit of each layer the 15th, 50th and 85th percentile of what its activation
    takes in, over the steps of training, with batch normalisation and without (Ioffe and Szegedy,
    2015, figure 1). A unit is typical whose median wanders as far as that of the median unit.
    """

    natural = (960, 760)
    examples = ("covariate-shift", "covariate-shift --activation relu --layers 5")

    layers: Annotated[int, Field(ge=1, le=12, description="Hidden layers.")] = 3
    activation: Annotated[str, Field(description="Such as relu, tanh or sigmoid.")] = "sigmoid"
    optimizer: Learner = "sgd:lr=0.5"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 60
    init: Annotated[str, Field(description="Such as xavier, he, normal:std=0.01.")] = "xavier"

    @field_validator("init")
    @classmethod
    def _known_init(cls, init: str) -> str:
        from optviz.nn.initializers import initializer

        initializer(init)
        return init

    def run(self, progress: Progress | None = None) -> CovariateShift:
        """Train both networks and look at the same samples along the way."""
        train, _ = self.deep.shares(0)
        probe = train.x[:PROBE]
        total = self.epochs * -(-len(train) // self.batch_size)
        every = max(1, total // LOOKS)
        steps = np.arange(0, total + 1, every)
        found = np.empty((2, self.layers, len(steps), len(SHARES), self.units))
        for j, has_norm in enumerate(BOTH):
            network = self.deep.network(train, 0, self.init, has_norm)
            kind = "batchnorm" if has_norm else "dense"

            def look(step: int, j: int = j, network: Any = network, kind: str = kind) -> None:
                if progress is not None and step % 20 == 0:
                    progress(j * total + step, 2 * total, NAMES[j])
                if step % every:
                    return
                outputs = outputs_in_training(network, probe)
                for layer in range(self.layers):
                    values = outputs[f"{layer + 1} {kind}"]
                    found[j, layer, step // every] = np.percentile(values, SHARES, axis=0)

            look(0)
            self.deep.train(network, train, 0, self.made, after_step=look)
        return CovariateShift(steps, found, len(train), len(probe), self)

    def finding(self, result: CovariateShift) -> str:
        """How far the medians wander."""
        without, with_norm = np.median(np.median(result.drifts(), axis=2), axis=1)
        return (f"The median of a typical unit's inputs wanders over {rounded(without, 2)} of its "
                f"spreads without batch norm, over {rounded(with_norm, 2)} with it")  # fmt: skip

    def draw(self, result: CovariateShift, sheet: Sheet) -> None:  # type: ignore[override]
        """A row for each layer; without on the left, with on the right."""
        look, shown = sheet.look, result.shown()
        if sheet.is_natural and self.layers != 3:
            sheet.resize(sheet.width, 220 + 190 * self.layers)
        sheet.heading("What activations take in while the network learns")
        panels = sheet.grid(self.layers, 2, left=4.6, title=1.9, below=2.6)
        for layer in range(self.layers):
            pair = panels[2 * layer : 2 * layer + 2]
            for j, (axes, color) in enumerate(zip(pair, hues(look.theme), strict=True)):
                axes.set_label(f"{NAMES[j]}, layer {layer + 1}")
                low, middle, high = shown[j, layer].T
                axes.fill_between(result.steps, low, high, color=color, alpha=0.18, linewidth=0)
                axes.plot(result.steps, middle, color=color, linewidth=1.8)
                axes.set_xlim(0, max(1, int(result.steps[-1])))
                axes.set_title(f"layer {layer + 1}, {NAMES[j]}", loc="left", pad=4,
                               fontsize=0.9 * look.font, color=look.theme.ink)  # fmt: skip
                axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
                if layer == self.layers - 1:
                    axes.set_xlabel("step", labelpad=2)
            seen = shown[:, layer][np.isfinite(shown[:, layer])]
            if seen.size:
                margin = 0.05 * (np.ptp(seen) or 1.0)
                for axes in pair:
                    axes.set_ylim(seen.min() - margin, seen.max() + margin)
        sheet.small_print([
            *self.choices(result.samples), f"init {self.init}",
            "line: median, band: 15th to 85th percentile of what a typical unit's activation takes "
            f"in, over {result.probe} training samples as one batch", f"seed {self.seed}",
        ])  # fmt: skip
