"""Over-fitting on few samples, and how the gap closes with more of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import load_classes
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import listed, percent
from optviz.studies.normalised import OnDeepNetwork
from optviz.studies.settings import Learner, Sizes
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

Real = NDArray[np.float64]

#: Samples for training unless given.
USUAL = (50, 100, 200, 300, 500, 1000)
NONE, DECAY, DROPPED = "nothing", "weight decay", "dropout"
HUES = {NONE: "#5A5A5A", DECAY: "#009E73", DROPPED: "#CC79A7"}


@dataclass(frozen=True, repr=False, eq=False)
class FewSamples(Tabular):
    """Accuracies at the end of training, by the number of samples.

    Attributes
    ----------
    sizes : ndarray (n,)
        Samples for training.
    names : tuple of str
        What was done against over-fitting.
    accuracy : ndarray (2, names, n, runs)
        In training (at evaluation) and in the test, after the last epoch.
    study
        The settings that made it.
    """

    sizes: NDArray[np.int64]
    names: tuple[str, ...]
    accuracy: Real
    study: Any = field(repr=False)

    def gaps(self) -> Real:
        """Training less test accuracy, the median over the runs: (names, n)."""
        return np.asarray(np.median(self.accuracy[0] - self.accuracy[1], axis=-1))

    def table(self) -> Table:
        """A row for each network."""
        count, sizes, runs = self.accuracy.shape[1:]
        columns = {
            "against": np.repeat(self.names, sizes * runs),
            "samples": np.tile(np.repeat(self.sizes, runs), count),
            "run": np.tile(np.arange(runs), count * sizes),
            "training": self.accuracy[0].ravel(), "test": self.accuracy[1].ravel(),
        }  # fmt: skip
        return Table(columns, ("against", "samples", "run"), "over-fitting by samples")

    def summary(self) -> Table:
        """The gap of each."""
        columns = {"samples": self.sizes,
                   **{f"gap, {name}": row for name, row in zip(
                       self.names, self.gaps(), strict=True)}}  # fmt: skip
        return Table(columns, title="training less test accuracy")


class FewSamplesStudy(OnDeepNetwork):
    """How far do training and test accuracy part on few samples, and what closes the gap?

    A deep network learns from a few samples, as it is, with weight decay, and with dropout
    (*Deep Learning from Scratch*, section 6.4: 300 samples); the rest of the data is for the test.
    """

    natural = (960, 520)
    examples = ("few-samples", "few-samples --sizes 50,300 --dropout 0.2 --runs 5")

    sizes: Annotated[
        Sizes,
        Field(description="For training: 50 to 1,000, or 1/8, 1/4 and 1/2 of smaller data."),
    ] = None
    optimizer: Learner = "adam:lr=0.001"  # type: ignore[assignment]
    layers: Annotated[int, Field(ge=1, le=30, description="Hidden layers.")] = 3
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 60
    batch_size: Annotated[int, Field(ge=2, le=10**6, description="Samples in a batch.")] = 50
    weight_decay: Annotated[
        float, Field(ge=0, description="Decoupled: weights shrink by rate × this in each step.")
    ] = 3.0
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.3
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 3

    @field_validator("sizes")
    @classmethod
    def _rising(cls, sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if sizes is None:
            return None
        if not sizes or min(sizes) < 10 or max(sizes) > 10**6:
            raise ValueError("sizes must be numbers of samples from 10 to 1,000,000")
        return tuple(sorted(set(sizes)))

    def run(self, progress: Progress | None = None) -> FewSamples:
        """Three networks for each size and run."""
        remedies: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            NONE: ({}, {}),
            DECAY: ({}, {"weight_decay": self.weight_decay}),
            DROPPED: ({"dropout": self.dropout}, {}),
        }
        sizes = self.sizes or _usual(len(load_classes(self.data)))
        accuracy = np.empty((2, len(remedies), len(sizes), self.runs))
        total = self.runs * len(sizes)
        for k, size in enumerate(sizes):
            deep = self.deep_with(size)
            for run in range(self.runs):
                train, test = deep.shares(run)
                for j, (settings, options) in enumerate(remedies.values()):
                    network = deep.network(train, run, "he", **settings)
                    deep.train(network, train, run, self.made, **options)
                    for part, data in enumerate((train, test)):
                        accuracy[part, j, k, run] = network.evaluate(data.x, data.y)[1]
                if progress is not None:
                    progress(k * self.runs + run + 1, total, f"{size} samples")
        return FewSamples(np.array(sizes), tuple(remedies), accuracy, self)

    def finding(self, result: FewSamples) -> str:
        """The gaps at the smallest and at the largest number of samples."""
        gaps, test = result.gaps(), np.median(result.accuracy[1], axis=-1)
        best = int(test[:, 0].argmax())
        told = listed(f"{name} {100 * gap:.0f}" for name, gap in zip(
            result.names[1:], gaps[1:, 0], strict=True))  # fmt: skip
        more = f" ({100 * gaps[0, -1]:.0f} on {result.sizes[-1]:,})" if len(gaps[0]) > 1 else ""
        return (f"Gap on {result.sizes[0]} samples: {100 * gaps[0, 0]:.0f} points{more}, with "
                f"{told}; best in the test: {result.names[best]}, "
                f"{percent(test[best, 0], 0)}")  # fmt: skip

    def draw(self, result: FewSamples, sheet: Sheet) -> None:  # type: ignore[override]
        """Accuracies by samples, and the gap between them."""
        from optviz.render.learning import VALIDATION

        look = sheet.look
        sheet.legend([
            *(sheet.handle(name, HUES[name], "o") for name in result.names),
            sheet.handle("training", look.theme.quiet),
            sheet.handle("test", look.theme.quiet, "", VALIDATION),
        ])  # fmt: skip
        sheet.heading(f"Few samples of {self.data_name}")
        left, right = sheet.grid(1, 2, left=5.2)
        left.set_label("accuracy")
        right.set_label("gap")
        self._draw_accuracy(left, result, look)
        for name, gap in zip(result.names, result.gaps(), strict=True):
            right.plot(result.sizes, gap, color=HUES[name], marker="o", linewidth=1.8,
                       markersize=0.4 * look.font, markeredgecolor=look.theme.paper)  # fmt: skip
        right.axhline(0, color=look.theme.faint, linewidth=0.8, zorder=0.5)
        for axes, title in ((left, "accuracy after training"), (right, "training less test")):
            axes.set_xscale("log")
            axes.set_xticks(result.sizes, [f"{n:,}" for n in result.sizes])
            axes.minorticks_off()
            axes.set_xlabel("samples for training", labelpad=2)
            axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
            axes.set_title(title, loc="left", fontsize=look.font, color=look.theme.ink, pad=5)
        sheet.small_print([
            *self.choices(0)[1:], "init he",
            f"weight decay {self.weight_decay:g}, dropout {self.dropout:g}",
            "the rest of the data is for the test",
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip

    def _draw_accuracy(self, axes: Axes, result: FewSamples, look: Look) -> None:
        from optviz.render.learning import VALIDATION, draw_curve

        for j, name in enumerate(result.names):
            for part, dash in ((0, "-"), (1, VALIDATION)):
                curve = quantiles(result.accuracy[part, j].T, [0.5, 0.1, 0.9])
                draw_curve(axes, curve if self.runs > 1 else curve[0], HUES[name], look,
                           x=result.sizes, dash=dash)  # fmt: skip
        axes.set_ylim(top=1.01)


def _usual(count: int) -> tuple[int, ...]:
    """Numbers of samples for training that leave four tenths of so many for the test; of few, an
    eighth, a quarter and a half."""
    sizes = tuple(size for size in USUAL if size <= 0.6 * count)
    return sizes if len(sizes) > 2 else tuple(sorted({max(count // k, 2) for k in (8, 4, 2)}))
