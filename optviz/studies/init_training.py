"""What first weights make of training: loss curves, and whether units ever become different."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn.activations import check_activation
from optviz.nn.comparison import first_network
from optviz.nn.initializers import initializer
from optviz.nn.variants import Variants, train_variants
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular
from optviz.shared.text import listed, percent
from optviz.studies.networked import OnOneNetwork
from optviz.studies.settings import Learner, Sizes, Words
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A7A00", "#5A2503", "#626EFE", "#52B8FC")


@dataclass(frozen=True, repr=False, eq=False)
class InitTraining(Tabular):
    """Networks that differ in their first weights alone.

    Attributes
    ----------
    variants : Variants
        One for each initialiser.
    ranks : ndarray (initialisers, layers)
        Of the last run: the rank of what training changed of each layer's weights, as singular
        values above the largest times the larger side times the rounding error of float32.
    study
        The settings that made it.
    """

    variants: Variants
    ranks: NDArray[np.int64]
    study: Any = field(repr=False)

    def accuracy(self) -> NDArray[np.float64]:
        """The median of the last validation accuracies over the runs, for each initialiser."""
        return np.array([
            np.median([history.validation_accuracy[-1] for history in t.histories[0]])
            for t in self.variants.trainings
        ])  # fmt: skip

    def table(self) -> Table:
        """A row for each initialiser, run and epoch."""
        return self.variants.table()

    def summary(self) -> Table:
        """Accuracy and ranks."""
        columns: dict[str, Any] = {"init": np.array(self.variants.labels),
                                   "validation accuracy": self.accuracy()}  # fmt: skip
        columns |= {f"rank {k + 1}": self.ranks[:, k] for k in range(self.ranks.shape[1])}
        return Table(columns, title="first weights, and the rank of what training changed")


class InitTrainingStudy(OnOneNetwork):
    """What do first weights make of training?

    The same network begins from several initialisers, on the same batches. From zero nothing moves
    but the last biases; from a constant all units of a layer get the same gradient and stay equal
    for ever, which the rank of what training changed of the weights shows: 1.
    """

    natural = (960, 520)
    examples = ("init-training", "init-training --activation sigmoid --inits normal:std=1,xavier")

    inits: Annotated[Words, Field(description="Initialisers, a line each.")] = (
        "normal:std=0.01", "xavier", "he", "zeros", "constant:value=0.05",
    )  # fmt: skip
    layers: Annotated[
        Sizes, Field(description="All sizes; four hidden layers of 50 unless given.")
    ] = None
    optimizer: Learner = "sgd:lr=0.1"  # type: ignore[assignment]
    batch_norm: Annotated[bool, Field(description="Before each activation.")] = False
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.0
    epochs: Annotated[int, Field(ge=1, le=10**6, description="Epochs.")] = 15
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 3

    _known_activation = field_validator("activation")(check_activation)

    @field_validator("inits")
    @classmethod
    def _known(cls, inits: tuple[str, ...]) -> tuple[str, ...]:
        if not 1 <= len(inits) <= len(COLORS):
            raise ValueError(f"give one to {len(COLORS)} initialisers")
        for init in inits:
            initializer(init)
        return tuple(dict.fromkeys(inits))

    def run(self, progress: Progress | None = None) -> InitTraining:
        """Train from each initialiser, and look at what became of the weights."""
        from optviz.data import load_classes

        whole = load_classes(self.data)
        sizes = self.layers or (whole.inputs, 50, 50, 50, 50, whole.n_classes)
        shared = {**self.shared, "layers": sizes}
        shared.pop("init")
        entry: Entry = self.optimizer
        found = train_variants(self.data, {init: {"init": init} for init in self.inits},
                               entry.optimizer, progress=progress, **shared)  # fmt: skip
        ranks = [_ranks(first_network(t.setup, self.runs - 1), t.network) for t in found.trainings]
        return InitTraining(found, np.array(ranks), self)

    def finding(self, result: InitTraining) -> str:
        """Accuracies, the best first, and who never tells its units apart."""
        accuracy = result.accuracy()
        order = np.argsort(-accuracy, kind="stable")
        parts = [f"{self.inits[k]} {percent(accuracy[k], 0)}" for k in order]
        equal = [init for init, ranks in zip(self.inits, result.ranks, strict=True)
                 if ranks.max() <= 1]  # fmt: skip
        same = f"; units stay equal from {listed(equal)}" if equal else ""
        return f"Validation accuracy from {listed(parts)}{same}"

    def draw(self, result: InitTraining, sheet: Sheet) -> None:  # type: ignore[override]
        """Loss by epoch, and ranks by layer."""
        from optviz.render.learning import draw_curve, finish

        look, variants = sheet.look, result.variants
        sheet.legend([sheet.handle(init, color, "o") for init, color in zip(
            self.inits, COLORS, strict=False)])  # fmt: skip
        sheet.heading(f"First weights and training on {variants.trainings[0].data.name}")
        loss, rank = sheet.grid(1, 2, left=5.2)
        loss.set_label("loss")
        for k, color in enumerate(COLORS[: len(self.inits)]):
            curve = variants.curves(k, "loss")
            top = 2 * float(np.max(curve, initial=0.0, where=np.isfinite(curve)))
            draw_curve(loss, curve if self.runs > 1 else curve[0], color, look, top=top)
        finish(loss, "training loss", look)
        self._draw_ranks(rank, result, look)
        t = variants.trainings[0]
        sheet.small_print([
            f"{'-'.join(map(str, t.setup.layers))} network, {self.activation}",
            "batch normalisation" if self.batch_norm else "", *self._trained(),
            "rank: singular values above rounding of float32"
            + (", of the last run" if self.runs > 1 else ""),
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip

    def _trained(self) -> list[str]:
        from optviz.render.style import described

        entry: Entry = self.optimizer
        batches = f"{self.epochs} epochs, batches of {self.batch_size}"
        dropped = f"dropout {self.dropout:g}" if self.dropout else ""
        return [described(entry.optimizer, []), batches, dropped]

    @staticmethod
    def _draw_ranks(axes: Axes, result: InitTraining, look: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        axes.set_label("rank")
        count, layers = result.ranks.shape
        for k in range(count):
            # Lines that lie on each other stand side by side.
            at = np.arange(1, layers + 1) + 0.09 * (k - (count - 1) / 2)
            axes.plot(at, result.ranks[k], color=COLORS[k], marker="o", markersize=0.42 * look.font,
                      linewidth=1.2, markeredgecolor=look.theme.paper)  # fmt: skip
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(-0.2, 1.4 * max(1.0, float(result.ranks.max())))
        ticks = [0, 1, *[t for t in (2, 5, 10, 20, 50, 100, 200, 500) if t <= result.ranks.max()]]
        axes.set_yticks(ticks, [str(t) for t in ticks])
        axes.yaxis.set_minor_locator(MaxNLocator(1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_xlabel("layer", labelpad=2)
        axes.set_title("rank of the change of weights", loc="left", pad=5,
                       fontsize=look.font, color=look.theme.ink)  # fmt: skip


def _ranks(before: Any, after: Any) -> list[int]:
    """The ranks of the changes of all weight matrices; 0 where one is no number."""
    out, first = [], before.views()
    for name, end in after.views().items():
        if name.endswith("/W"):
            change = end.astype(float) - first[name]
            tolerance = max(change.shape) * float(np.finfo(np.float32).eps)
            is_whole = bool(np.isfinite(change).all())
            out.append(int(np.linalg.matrix_rank(change, rtol=tolerance)) if is_whole else 0)
    return out
