"""What is done against over-fitting, beside the network as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import load_classes
from optviz.nn.variants import Variants, train_variants
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular
from optviz.shared.text import counted, did_you_mean, listed, percent
from optviz.studies.on_data import OnData
from optviz.studies.settings import Learner, Seed, Sizes, Words
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

Real = NDArray[np.float64]

ORIGINAL = "original"
#: A validation loss that ends less than this above its lowest shows no over-fitting.
RISE = 0.01
#: What may be tried, and its colour.
REMEDIES = {
    "small": "#0072B2", "large": "#D55E00", "l1": "#7A7A00", "l2": "#009E73",
    "dropout": "#CC79A7", "batch_norm": "#626EFE",
}  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class Regularised(Tabular):
    """Networks that differ from the first in one thing.

    Attributes
    ----------
    variants : Variants
        The original, then each remedy.
    seconds : ndarray (variants,)
        What training took; no part of the picture, which is the same each time.
    study
        The settings that made it.
    """

    variants: Variants
    seconds: Real
    study: Any = field(repr=False)

    def validation(self, k: int) -> Real:
        """The median validation loss by epoch of a variant."""
        return np.asarray(self.variants.curves(k, "validation_loss")[0])

    def lowest(self) -> tuple[Real, NDArray[np.int64]]:
        """The lowest of each median curve, and its epoch from 1."""
        curves = [self.validation(k) for k in range(len(self.variants.labels))]
        epochs = np.array([int(np.argmin(np.nan_to_num(c, nan=np.inf))) for c in curves])
        return np.array([c[e] for c, e in zip(curves, epochs, strict=True)]), epochs + 1

    def rises(self) -> Real:
        """The last of each median curve by its lowest, less 1."""
        last = np.array([self.validation(k)[-1] for k in range(len(self.variants.labels))])
        return np.asarray(last / self.lowest()[0] - 1)

    def table(self) -> Table:
        """A row for each variant, run and epoch."""
        return self.variants.table()

    def summary(self) -> Table:
        """The lowest validation loss, its epoch, and how far it rises after it."""
        lowest, epochs = self.lowest()
        columns = {"variant": np.array(self.variants.labels), "lowest": lowest, "epoch": epochs,
                   "rise": self.rises(), "test": np.median(self.variants.test_accuracy, axis=1),
                   "seconds": self.seconds}  # fmt: skip
        return Table(columns, title=f"over-fitting on {self.variants.trainings[0].data.name}")


class RegulariseStudy(OnData):
    """What helps against over-fitting?

    One network and what may be done to it: fewer units, more units, L1, L2, dropout, batch
    normalisation; the validation loss of each beside the original's (Chollet, *Deep Learning with
    Python*, section 4.4). All begin afresh, on the same batches. A binary task has two outputs
    here, which is the same model as one with a sigmoid.
    """

    natural = (960, 640)
    examples = (
        "regularise",
        "regularise --data digits --hidden 300,100 --remedies dropout,batch_norm --dropout 0.3 "
        "--optimizer adam --batch-size 64",
    )

    data: Annotated[
        str, *OnData.model_fields["data"].metadata,
        Field(description=OnData.model_fields["data"].description),
    ] = "text:n=12000"  # fmt: skip
    remedies: Annotated[Words, Field(description=f"Of {', '.join(REMEDIES)}.")] = (
        "small", "large", "l1", "l2", "dropout",
    )  # fmt: skip
    hidden: Annotated[Sizes, Field(description="Hidden layers of the original.")] = (16, 16)
    small: Annotated[Sizes, Field(description="Of the small one.")] = (4, 4)
    large: Annotated[Sizes, Field(description="Of the large one.")] = (256, 256)
    l1: Annotated[float, Field(ge=0, description="Penalty on absolute weights.")] = 0.0001
    l2: Annotated[
        float, Field(ge=0, description="Penalty on squares of weights, as Keras writes it.")
    ] = 0.001
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.5
    optimizer: Learner = "rmsprop:convention=keras,lr=0.001"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 20
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 512
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 1
    seed: Seed = 0

    @field_validator("hidden", "small", "large")
    @classmethod
    def _has_sizes(cls, sizes: tuple[int, ...] | None) -> tuple[int, ...]:
        if not sizes:
            raise ValueError("hidden layers need sizes, such as 16,16")
        return sizes

    @field_validator("remedies")
    @classmethod
    def _known(cls, remedies: tuple[str, ...]) -> tuple[str, ...]:
        if not remedies:
            raise ValueError(f"give at least one of {listed(REMEDIES)}")
        for name in remedies:
            if name not in REMEDIES:
                hint = did_you_mean(name, REMEDIES)
                raise ValueError(f"there is no remedy {name!r}{hint}; it has {listed(REMEDIES)}")
        return tuple(dict.fromkeys(remedies))

    def run(self, progress: Progress | None = None) -> Regularised:
        """Train the original, and each variant."""
        whole = load_classes(self.data)

        def sizes(hidden: Any) -> tuple[int, ...]:
            return (whole.inputs, *(hidden or ()), whole.n_classes)

        changes: dict[str, dict[str, Any]] = {
            "small": {"layers": sizes(self.small)}, "large": {"layers": sizes(self.large)},
            # Ours is λ/2 Σθ², Keras's λ Σθ².
            "l1": {"l1": self.l1}, "l2": {"l2": 2 * self.l2}, "dropout": {"dropout": self.dropout},
            "batch_norm": {"batch_norm": True},
        }  # fmt: skip
        entry: Entry = self.optimizer
        parts, seconds, names = [], [], (ORIGINAL, *self.remedies)
        for k, name in enumerate(names):
            begun = time.perf_counter()
            told = None
            if progress is not None:
                told = lambda done, total, what, k=k: progress(  # noqa: E731
                    k * total + done, len(names) * total, what
                )
            parts.append(train_variants(
                self.data, {name: changes.get(name, {})}, entry.optimizer, progress=told,
                layers=sizes(self.hidden), epochs=self.epochs, batch_size=self.batch_size,
                batch_norm=False, dropout=0.0, runs=self.runs, seed=self.seed or 0,
            ))  # fmt: skip
            seconds.append(time.perf_counter() - begun)
        found = Variants(names, tuple(part.trainings[0] for part in parts))
        made = Regularised(found, np.array(seconds), self)
        if (say := getattr(progress, "say", None)) is not None:
            for line in made.summary().lines(len(names) + 2):
                say(line)
        return made

    def finding(self, result: Regularised) -> str:
        """Whose validation loss gets lowest, and whose rises least after it."""
        lowest, epochs = result.lowest()
        rises, names = result.rises(), result.variants.labels
        best = int(np.nanargmin(lowest))
        least = int(np.nanargmin(rises))
        told = (f"Lowest validation loss: {names[best]}, {lowest[best]:.3f} in epoch "
                f"{epochs[best]}")  # fmt: skip
        if rises[0] < RISE:
            return f"{told}; the original does not over-fit in {counted(self.epochs, 'epoch')}"
        return (f"{told}; by the end {names[0]} rises by {percent(rises[0], 0)}, {names[least]} by "
                f"{percent(rises[least], 0)}")  # fmt: skip

    def draw(self, result: Regularised, sheet: Sheet) -> None:  # type: ignore[override]
        """A panel for each remedy, with the original in each."""
        look, t = sheet.look, result.variants.trainings[0]
        count = len(self.remedies)
        columns = count if count <= 3 else -(-count // 2)
        if sheet.is_natural and count <= 3:
            sheet.resize(sheet.width, 460)
        ink = look.theme.quiet
        sheet.legend([sheet.handle("validation", ink), _training(sheet, ink),
                      sheet.handle(f"{ORIGINAL}, validation", ink, "", GRAY)])  # fmt: skip
        sheet.heading(f"Against over-fitting on {t.data.name}")
        rows = -(-count // columns)
        panels = sheet.grid(rows, columns, left=3.9, title=2.0, below=2.4)
        top, low = self._range(result)
        for k, axes in enumerate(panels):
            if k >= count:
                axes.remove()
                continue
            self._panel(axes, result, k + 1, look)
            axes.set_ylim(low, top)
            if k + columns >= count:
                axes.set_xlabel("epoch", labelpad=1)
        from optviz.render.style import described

        entry: Entry = self.optimizer
        sheet.small_print([
            f"{'-'.join(map(str, t.setup.layers))} network",
            described(entry.optimizer, []), f"{self.epochs} epochs, batches of {self.batch_size}",
            f"{len(t.data):,} samples, 20 % for the test, 15 % of the rest for validation",
            "all begin afresh", "training curves are shown down to the axis",
            "loss of the data, without penalties; rings: lowest",
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip

    def _panel(self, axes: Axes, result: Regularised, k: int, look: Look) -> None:
        from matplotlib.ticker import MaxNLocator

        from optviz.render.learning import draw_curve

        name = result.variants.labels[k]
        axes.set_label(name)
        color, ink = REMEDIES[name], look.theme.quiet
        draw_curve(axes, result.validation(0), ink, look, marker="", dash=GRAY)
        for kind, width in (("loss", 0.8), ("validation_loss", 2.0)):
            curve = result.variants.curves(k, kind)
            draw_curve(axes, curve if self.runs > 1 else curve[0], color, look, marker="",
                       width=width)  # fmt: skip
        lowest, epochs = result.lowest()
        for j, hue in ((0, ink), (k, color)):
            axes.plot(epochs[j], lowest[j], "o", markerfacecolor="none", markeredgecolor=hue,
                      markersize=0.7 * look.font, markeredgewidth=1.3)  # fmt: skip
        axes.set_yscale("log")
        axes.set_xlim(1, max(2, self.epochs))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_title(f"{self._told(name)}: {lowest[k]:.3f}", loc="left", pad=4, color=color,
                       fontsize=0.9 * look.font)  # fmt: skip

    def _told(self, name: str) -> str:
        """A remedy with its number."""
        sizes = {"small": self.small, "large": self.large}
        if name in sizes:
            return f"{name} {'-'.join(map(str, sizes[name] or ()))}"
        return {"l1": f"L1 {self.l1:g}", "l2": f"L2 {self.l2:g}", "dropout": f"dropout "
                f"{self.dropout:g}", "batch_norm": "batch norm"}[name]  # fmt: skip

    @staticmethod
    def _range(result: Regularised) -> tuple[float, float]:
        """The losses that all panels show: of validation, and a decade below."""
        seen = np.concatenate([result.validation(k) for k in range(len(result.variants.labels))])
        seen = seen[np.isfinite(seen) & (seen > 0)]
        if not seen.size:
            return 1.0, 0.1
        return 1.15 * float(seen.max()), float(seen.min()) / 8


#: The original's line.
GRAY = (0, (1.5, 1.5))


def _training(sheet: Sheet, color: str) -> Any:
    line = sheet.handle("training", color)
    line.set_linewidth(0.5 * line.get_linewidth())
    return line
