"""How high a learning rate may be, with batch normalisation and without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from optviz.nn.normalisation import BOTH
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import rounded
from optviz.studies.normalised import NAMES, OnBatchNorm, hues
from optviz.studies.settings import Counts, Learner
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class NormRates(Tabular):
    """Training accuracy at the end, over learning rates.

    Attributes
    ----------
    rates : ndarray (n,)
    accuracy : ndarray (2, n, runs)
        Of all training samples after the last epoch, without and with batch normalisation.
    samples : int
        How many there are for training.
    study
        The settings that made it.
    """

    rates: Real
    accuracy: Real
    samples: int
    study: Any = field(repr=False)

    def curves(self) -> Real:
        """Median, 10 % and 90 % quantiles over the runs: (2, 3, n)."""
        return np.array([quantiles(part.T, [0.5, 0.1, 0.9]) for part in self.accuracy])

    def largest(self, target: float) -> list[float | None]:
        """The largest rate whose median reaches an accuracy, without and with; None for none."""
        medians = np.median(self.accuracy, axis=2)
        reached = [self.rates[row >= target] for row in medians]
        return [float(rates.max()) if rates.size else None for rates in reached]

    def table(self) -> Table:
        """A row for each network."""
        _, count, runs = self.accuracy.shape
        columns = {
            "batch_norm": np.repeat(BOTH, count * runs),
            "rate": np.tile(np.repeat(self.rates, runs), 2),
            "run": np.tile(np.arange(runs), 2 * count), "accuracy": self.accuracy.ravel(),
        }  # fmt: skip
        return Table(columns, ("batch_norm", "rate", "run"), self._title)

    def summary(self) -> Table:
        """The median of each rate."""
        medians = np.median(self.accuracy, axis=2)
        return Table({"rate": self.rates, NAMES[0]: medians[0], NAMES[1]: medians[1]},
                     title=self._title)  # fmt: skip

    @property
    def _title(self) -> str:
        return f"training accuracy over {len(self.rates)} rates"


class BnRatesStudy(OnBatchNorm):
    """How much larger may the learning rate be with batch normalisation?

    For each rate networks are trained with and without, from the same first weights on the same
    batches; what counts is the accuracy on all training samples at the end.
    """

    natural = (860, 560)
    examples = ("bn-rates", "bn-rates --optimizer momentum --init normal:std=0.05 --runs 5")
    counts = (
        Counts("rates", "above one", lambda s: s.lowest < s.highest,
               "let highest be above lowest"),
    )  # fmt: skip

    optimizer: Annotated[Learner, Field(description="NAME or NAME:key=value, without a rate.")] = (
        "sgd"  # type: ignore[assignment]
    )
    init: Annotated[str, Field(description="Such as he, xavier, normal:std=0.01.")] = "he"
    rates: Annotated[int, Field(ge=1, le=100, description="How many rates.")] = 13
    lowest: Annotated[float, Field(gt=0, le=1e6, description="The lowest.")] = 1e-4
    highest: Annotated[float, Field(gt=0, le=1e6, description="The highest.")] = 100.0
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 3
    target: Annotated[
        float, Field(gt=0, le=1, description="The accuracy that counts as learned.")
    ] = 0.9

    @field_validator("init")
    @classmethod
    def _known_init(cls, init: str) -> str:
        from optviz.nn.initializers import initializer

        initializer(init)
        return init

    @model_validator(mode="after")
    def _ordered(self) -> BnRatesStudy:
        if self.lowest > self.highest:
            raise ValueError("lowest must not be above highest")
        if not self.optimizer.is_tuned:
            raise ValueError("optimizer: leave the rate out, which goes from lowest to highest")
        return self

    def run(self, progress: Progress | None = None) -> NormRates:
        """Two networks for each rate and run."""
        rates = np.geomspace(self.lowest, self.highest, self.rates)
        accuracy = np.empty((2, len(rates), self.runs))
        samples = 0
        for run in range(self.runs):
            train, _ = self.deep.shares(run)
            samples = len(train)
            for k, rate in enumerate(rates):
                optimizer = self.made.fresh()
                setattr(optimizer, optimizer.rate_name, float(rate))
                for j, has_norm in enumerate(BOTH):
                    network = self.deep.network(train, run, self.init, has_norm)
                    history = self.deep.train(network, train, run, optimizer)
                    accuracy[j, k, run] = history.validation_accuracy[-1]
                if progress is not None:
                    progress(run * len(rates) + k + 1, self.runs * len(rates),
                             f"rate {rounded(float(rate))}")  # fmt: skip
        return NormRates(rates, accuracy, samples, self)

    def finding(self, result: NormRates) -> str:
        """The largest rates that still learn."""
        without, with_norm = result.largest(self.target)
        told = [
            "none" if rate is None else f"{'≥ ' if rate == result.rates[-1] else ''}"
            f"{rounded(rate, 2)}" for rate in (with_norm, without)
        ]  # fmt: skip
        return (f"Largest rate whose median reaches {100 * self.target:g} %: {told[0]} with batch "
                f"norm, {told[1]} without")  # fmt: skip

    def draw(self, result: NormRates, sheet: Sheet) -> None:  # type: ignore[override]
        """Two curves over a log axis."""
        from optviz.render.ends import draw_ends
        from optviz.render.learning import draw_curve

        look = sheet.look
        sheet.heading("Accuracy after training, by learning rate")
        axes = sheet.axes(sheet.free(left=5.0, right=9.0, above=1.6), "accuracy")
        axes.set_xscale("log")
        colors, curves = hues(look.theme), result.curves()
        for color, curve in zip(colors, curves, strict=True):
            draw_curve(axes, curve if self.runs > 1 else curve[0], color, look, x=result.rates)
        axes.axhline(self.target, color=look.theme.faint, linewidth=0.9, zorder=0.5)
        axes.set_ylim(0, 1.03)
        axes.set_xlim(result.rates[0], max(result.rates[-1], 1.01 * result.rates[0]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_xlabel("learning rate", labelpad=2)
        axes.set_title("accuracy of all training samples", loc="left", fontsize=look.font, pad=5,
                       color=look.theme.quiet)  # fmt: skip
        draw_ends(axes, [
            (name, color, float(result.rates[-1]), float(curve[0, -1]))
            for name, color, curve in zip(NAMES, colors, curves, strict=True)
        ], look)  # fmt: skip
        sheet.small_print([
            *self.choices(result.samples)[:2], f"{type(self.made).__name__}",
            f"init {self.init}", f"{self.epochs} epochs, batches of {self.batch_size}",
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"line: {100 * self.target:g} %", f"seed {self.seed}",
        ])  # fmt: skip
