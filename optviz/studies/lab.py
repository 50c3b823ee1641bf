"""What both studies of the lab share: its network, its runs, curves and a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import load
from optviz.nn.lab import Lab, Variant, is_own_mnist, padding_of
from optviz.nn.network import Network
from optviz.nn.records import History, curves
from optviz.shared.table import Table, Tabular, stacked
from optviz.shared.text import counted, percent
from optviz.studies.on_data import OnData
from optviz.studies.settings import Seed, Sizes
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

Real = NDArray[np.float64]

COLORS = ("#626EFE", "#0072B2", "#CC79A7", "#D55E00", "#009E73", "#7A7A00")
#: A network has learnt something if it is better by this than always to say the commonest class.
LEARNT = 0.1
#: What the table has of a run's last epoch.
TOLD = ("loss", "accuracy", "validation_loss", "validation_accuracy")


@dataclass(frozen=True, repr=False, eq=False)
class LabRuns(Tabular):
    """What the lab's network became.

    Attributes
    ----------
    labels : tuple of str
        What each variant is called.
    histories : tuple of tuple of History
        For each variant, its runs.
    commonest : float
        The share of the commonest class in validation, the mean over the runs.
    image, classes, samples
        Height and width, how many classes, and how many samples for training.
    course : ndarray (variants, 2)
        Validation loss and accuracy that the course printed; empty on other data than its own.
    network : Network
        That of the last run.
    study
        The settings that made it.
    """

    labels: tuple[str, ...]
    histories: tuple[tuple[History, ...], ...]
    commonest: float
    image: tuple[int, int]
    classes: int
    samples: int
    course: Real
    network: Network
    study: Any = field(repr=False)

    def curve(self, k: int, name: str) -> Real:
        """Median, 10 % and 90 % quantiles of a history over the runs: see `Training.curves`."""
        return curves(self.histories[k], name)

    def last(self) -> Real:
        """Medians over the runs after the last epoch: (variants, 4), as `TOLD` names them."""
        return np.array([[self.curve(k, name)[0][-1] for name in TOLD]
                         for k in range(len(self.labels))])  # fmt: skip

    def learnt(self) -> NDArray[np.bool_]:
        """Which variants end better, by ten points, than to say the commonest class."""
        return np.asarray(self.last()[:, 3] > self.commonest + LEARNT)

    def table(self) -> Table:
        """A row for each variant, run and epoch."""
        flat = [history for runs in self.histories for history in runs]
        runs = range(len(self.histories[0]))
        columns = stacked([history.table() for history in flat],
                          variant=[label for label in self.labels for _ in runs],
                          run=[run for _ in self.labels for run in runs])  # fmt: skip
        return Table(columns, ("variant", "run", "epoch"), "the lab's runs")

    def summary(self) -> Table:
        """Of each variant the medians after the last epoch."""
        columns: dict[str, Any] = {"variant": np.array(self.labels)}
        columns |= dict(zip(TOLD, self.last().T, strict=True))
        for name, printed in zip(("course: loss", "accuracy there"), self.course.T, strict=False):
            columns[name] = printed
        return Table(columns, title="after the last epoch, medians over the runs")


class OnLab(OnData):
    """A study of the lab's network: convolution, pool, convolution, pool, two dense layers."""

    natural = (1100, 660)

    filters: Annotated[Sizes, Field(description="Of both convolutions.")] = (32, 64)
    units: Annotated[int, Field(ge=1, le=10_000, description="Of the dense layer.")] = 512
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="The share of them that is dropped.")
    ] = 0.2
    epochs: Annotated[
        int | None,
        Field(ge=1, le=10**5, description="Epochs; 5, or about 450 steps of small data."),
    ] = None  # fmt: skip
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 100
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 2
    seed: Seed = 0

    @field_validator("filters")
    @classmethod
    def _two(cls, filters: tuple[int, ...] | None) -> tuple[int, ...]:
        if filters is None or len(filters) != 2 or max(filters) > 1024:
            raise ValueError("filters must be two numbers up to 1024, such as 32,64")
        return filters

    def variants(self) -> dict[str, Variant]:
        """What is compared, by label."""
        raise NotImplementedError

    def colors(self, look: Look) -> list[str]:
        """Of each variant."""
        return [COLORS[k % len(COLORS)] for k in range(len(self.variants()))]

    def printed(self) -> Real:
        """What the course printed of them; empty if it did not."""
        return np.zeros((0, 2))

    @property
    def task(self) -> Lab:
        """Data, sizes, and how it is trained."""
        first, second = self.filters or (32, 64)
        return Lab(self.data, (first, second), self.units, self.dropout, self.epochs,
                   self.batch_size, self.seed or 0)  # fmt: skip

    def run(self, progress: Progress | None = None) -> LabRuns:
        """Train each variant on the same batches from the same random numbers."""
        task, variants = self.task, self.variants()
        shares = [task.shares(run) for run in range(self.runs)]
        histories, total = [], len(variants) * self.runs
        for k, (label, variant) in enumerate(variants.items()):
            of_this = []
            for run in range(self.runs):
                told = None
                if progress is not None:
                    at = k * self.runs + run
                    told = lambda done, of, loss, _, at=at, label=label: progress(  # noqa: E731
                        round(1000 * (at + done / of)), 1000 * total, f"{label}  loss {loss:.3g}"
                    )
                network, history = task.train(variant, run, told)
                of_this.append(history)
            histories.append(tuple(of_this))
        common = [np.bincount(held.y).max() / len(held) for _, held in shares]
        train = shares[0][0]
        assert train.image is not None
        printed = self.printed() if is_own_mnist(load(self.data)) else np.zeros((0, 2))
        return LabRuns(tuple(variants), tuple(histories), float(np.mean(common)), train.image,
                       train.n_classes, len(train), printed, network, self)  # fmt: skip

    def finding(self, result: LabRuns) -> str:
        """Who learns, who does not, and who is best."""
        accuracy, learnt, labels = result.last()[:, 3], result.learnt(), np.array(result.labels)
        after = f"After {counted(result.histories[0][0].epochs, 'epoch')}"
        best = int(np.nanargmax(accuracy))
        told = (f"{after} {learnt.sum()} of {len(labels)} have learnt: best "
                f"{labels[best]}, {percent(accuracy[best])} in validation")  # fmt: skip
        if not learnt.any():
            return (f"{after} none of {len(labels)} has learnt more than the "
                    "commonest class")  # fmt: skip
        if learnt.all():
            worst = int(np.nanargmin(accuracy))
            return f"{told}, last {labels[worst]}, {percent(accuracy[worst])}"
        return f"{told}; not {'; nor '.join(labels[~learnt])}"

    def draw(self, result: LabRuns, sheet: Sheet) -> None:  # type: ignore[override]
        """Loss and validation accuracy by epoch, and a table of the last epoch."""
        from optviz.render.layout import AXIS, Box
        from optviz.render.learning import draw_curve, finish
        from optviz.render.tables import draw_table

        look, count = sheet.look, len(result.labels)
        colors = self.colors(sheet.look)
        sheet.heading(self._title(result))
        free, unit = sheet.free(left=5.2, below=1.0), sheet.unit
        rows = (count + 1) * 1.5 * unit
        tall = free.height - rows - (AXIS + 1.0) * unit
        wide = (free.width - 5.2 * unit) / 2
        places = [Box(left, free.top + 1.2 * unit, wide, tall - 1.2 * unit)
                  for left in (free.left, free.right - wide)]  # fmt: skip
        for place, name, title in zip(
            places, ("loss", "validation_accuracy"), ("training loss", "validation accuracy"),
            strict=True,
        ):  # fmt: skip
            axes = sheet.axes(place, title)
            for k in range(count):
                curve = result.curve(k, name)
                draw_curve(
                    axes, curve if self.runs > 1 else curve[0], COLORS[k % len(COLORS)], look
                )
            finish(axes, title, look, is_accuracy=name.endswith("accuracy"))
        place = Box(0.9 * unit, free.below - rows, sheet.width - 1.8 * unit, rows)
        header = ("", "loss", "accuracy", "validation loss", "accuracy",
                  *(("the course: loss", "accuracy") if len(result.course) else ()))  # fmt: skip
        draw_table(sheet.axes(place, "table"), header, self._rows(result), colors, look)
        sheet.small_print(self._choices(result))

    def _rows(self, result: LabRuns) -> list[list[str]]:
        rows = []
        for k, (label, last) in enumerate(zip(result.labels, result.last(), strict=True)):
            row = [label, *(f"{value:.4f}" for value in last)]
            if len(result.course):
                row += [f"{value:.4f}" for value in result.course[k]]
            rows.append(row)
        return rows

    def _title(self, result: LabRuns) -> str:
        raise NotImplementedError

    def _choices(self, result: LabRuns) -> list[str]:
        first, second = self.filters or ()
        epochs = result.histories[0][0].epochs
        own = len(result.course) > 0
        return [
            f"Conv {first}, pool, Conv {second}, pool, Dense {self.units}, dropout {self.dropout:g}"
            f", Dense {result.classes}; padding {padding_of(result.image)}",
            f"{result.samples:,} images of {result.image[0]} × {result.image[1]} for training",
            "validation: MNIST's test" if own else "20 % of the data for validation",
            f"{epochs} epochs, batches of {self.batch_size}",
            "table: after the last epoch",
            f"learnt: {100 * LEARNT:.0f} points better than to say the commonest class",
            *self._remarks(result),
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ]  # fmt: skip

    def _remarks(self, result: LabRuns) -> list[str]:
        return []
