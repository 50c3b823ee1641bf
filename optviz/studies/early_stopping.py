"""When to stop: the validation loss, its best epoch, and the weights that are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optviz.nn.comparison import Training, compare
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular
from optviz.shared.text import percent
from optviz.studies.networked import OnOneNetwork
from optviz.studies.settings import Learner, Sizes
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

COLOR, STOP = "#0072B2", "#D55E00"


@dataclass(frozen=True, repr=False, eq=False)
class EarlyStopping(Tabular):
    """One training that was stopped, and the same one that went on.

    Attributes
    ----------
    stopped, whole : Training
        With patience, and without: the same weights and batches, so that the first is the
        beginning of the second.
    study
        The settings that made it.
    """

    stopped: Training
    whole: Training
    study: Any = field(repr=False)

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept, from 1."""
        return self.stopped.histories[0][0].best_epoch

    @property
    def last_epoch(self) -> int:
        """The epoch after which training stopped."""
        return self.stopped.histories[0][0].epochs

    @property
    def test(self) -> tuple[float, float]:
        """Test accuracy with the weights that are kept, and with those of the very last epoch."""
        return float(self.stopped.test_accuracy[0, 0]), float(self.whole.test_accuracy[0, 0])

    def table(self) -> Table:
        """A row for each epoch of the whole training."""
        table = self.whole.histories[0][0].table()
        stopped = table.columns["epoch"] > self.last_epoch
        return Table({**table.columns, "after_the_stop": stopped}, ("epoch",), "Early stopping")

    def summary(self) -> Table:
        """The epochs and both accuracies."""
        columns = {"best epoch": np.array([self.best_epoch]), "stopped after": np.array([
            self.last_epoch]), "test, kept": np.array([self.test[0]]),
            "test, last": np.array([self.test[1]])}  # fmt: skip
        return Table(columns, title=f"early stopping on {self.whole.data.name}")


class EarlyStoppingStudy(OnOneNetwork):
    """When should training stop, and what is lost by going on?

    Training stops when the validation loss has not fallen for `patience` epochs, and the weights of
    the best epoch are kept. Pale: the same training as it would have gone on.
    """

    natural = (960, 520)
    examples = ("early-stopping", "early-stopping --l2 0 --patience 5")

    data: Annotated[
        str, *OnOneNetwork.model_fields["data"].metadata,
        Field(description="A data set's name, NAME:key=value, or a file."),
    ] = "text:n=4000"  # fmt: skip
    layers: Annotated[
        Sizes,
        Field(description="All sizes; two hidden layers of 16 unless given."),
    ] = None
    optimizer: Learner = "rmsprop:convention=keras,lr=0.0002"  # type: ignore[assignment]
    batch_norm: Annotated[bool, Field(description="Before each activation.")] = False
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.0
    l2: Annotated[float, Field(ge=0, description="Penalty on half the sum of squares.")] = 0.001
    epochs: Annotated[int, Field(ge=1, le=10**6, description="Epochs, at most.")] = 80
    batch_size: Annotated[int, Field(ge=1, le=10**7, description="Samples in a batch.")] = 256
    patience: Annotated[
        int | None, Field(ge=1, le=10**6, description="Epochs without progress before the stop.")
    ] = 20

    def run(self, progress: Progress | None = None) -> EarlyStopping:
        """Train twice: to the stop, and to the end."""
        from optviz.data import load_classes

        if self.patience is None:
            raise ValueError("patience must be a number of epochs here")
        whole = load_classes(self.data)
        sizes = self.layers or (whole.inputs, 16, 16, whole.n_classes)
        entry: Entry = self.optimizer
        found = []
        for k, patience in enumerate((self.patience, None)):
            told = None
            if progress is not None:
                told = lambda done, total, loss, rate, k=k: progress(  # noqa: E731
                    k * total + done, 2 * total, f"training  loss {loss:.3g}"
                )
            settings = {**self.shared, "layers": sizes, "patience": patience}
            found.append(compare(self.data, entry.optimizer, progress=told, **settings))
        return EarlyStopping(found[0], found[1], self)

    def finding(self, result: EarlyStopping) -> str:
        """The epochs, and what each set of weights gets right in the test."""
        kept, last = (f"{percent(share)}" for share in result.test)
        epochs = result.whole.histories[0][0].epochs
        if result.last_epoch == epochs and not result.stopped.stopped_early.any():
            told = f"Not stopped in {epochs} epochs; best epoch {result.best_epoch}"
        else:
            told = f"Best epoch {result.best_epoch}, stopped after {result.last_epoch}"
        return f"{told}; test: {kept} with the weights that are kept, {last} after epoch {epochs}"

    def draw(self, result: EarlyStopping, sheet: Sheet) -> None:  # type: ignore[override]
        """Loss and accuracy; the best epoch, and the stop."""
        from optviz.render.learning import VALIDATION, draw_curve, finish
        from optviz.render.style import described

        look, history = sheet.look, result.whole.histories[0][0]
        sheet.legend([
            sheet.handle("training", COLOR), sheet.handle("validation", COLOR, "", VALIDATION),
            sheet.handle("if it had gone on", look.theme.quiet),
        ])  # fmt: skip
        sheet.heading(f"Early stopping on {result.whole.data.name}")
        stop = result.last_epoch
        for name, axes in zip(("loss", "accuracy"), sheet.grid(1, 2, left=5.0), strict=True):
            axes.set_label(name)
            for kind, dash in (("", "-"), ("validation_", VALIDATION)):
                curve = getattr(history, f"{kind}{name}")
                draw_curve(axes, curve, look.theme.quiet, look, dash=dash, marker="", width=1.0)
                draw_curve(axes, curve[:stop], COLOR, look, dash=dash, marker="", width=2.2)
            best = getattr(history, f"validation_{name}")[result.best_epoch - 1]
            axes.plot(
                result.best_epoch, best, "o", markersize=0.75 * look.font, zorder=6,
                markerfacecolor="none", markeredgecolor=STOP, markeredgewidth=1.6,
            )  # fmt: skip
            if result.stopped.stopped_early.any():
                axes.axvspan(result.best_epoch, stop, color=STOP, alpha=0.08, linewidth=0)
                axes.axvline(stop, color=STOP, linewidth=1.0, linestyle=":")
            finish(axes, name, look, is_accuracy=name == "accuracy")
        t = result.stopped
        entry: Entry = self.optimizer
        sheet.small_print([
            f"ring: the best epoch; shaded: {self.patience} epochs without progress",
            f"{'-'.join(map(str, t.setup.layers))} network", described(entry.optimizer, []),
            f"l2 = {self.l2:g}" if self.l2 else "", f"batches of {self.batch_size}",
            f"{len(t.data):,} samples, 20 % for the test, 15 % of the rest for validation",
            "loss of the data, without penalties", f"seed {self.seed}",
        ])  # fmt: skip
