"""What it helps to learn from images that are shifted, turned, mirrored, or noisy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import Dataset, count_for_training, load_classes, min_max
from optviz.data.augmentation import CHANGES, change, changed
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.training import fit
from optviz.runs.entry import Entry
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import percent
from optviz.studies.on_data import OnData
from optviz.studies.settings import Learner, Seed, Sizes, Words
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

NONE = "as they are"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A7A00", "#626EFE")
#: How many samples are shown of each change, beside the image itself.
SHOWN = 7


@dataclass(frozen=True, repr=False, eq=False)
class Augmented(Tabular):
    """Networks that differ in what they were shown.

    Attributes
    ----------
    names : tuple of str
        "as they are" first.
    pictures : ndarray (names, SHOWN, height, width)
        What the first sample becomes.
    errors : ndarray (names, runs)
        Of the test after training, on images as they are.
    curves : ndarray (names, runs, epochs)
        The same after each epoch.
    samples, tested : int
    study
        The settings that made it.
    """

    names: tuple[str, ...]
    pictures: Real
    errors: Real
    curves: Real
    samples: int
    tested: int
    study: Any = field(repr=False)

    def gains(self) -> Real:
        """By how much each change lowers the error, run by run: (names, runs)."""
        return np.asarray(self.errors[0] - self.errors)

    def helps(self) -> NDArray[np.bool_]:
        """Which changes lower the error in every run."""
        return np.asarray((self.gains() > 0).all(axis=1))

    def harms(self) -> NDArray[np.bool_]:
        """Which changes raise it in every run."""
        return np.asarray((self.gains() < 0).all(axis=1))

    def table(self) -> Table:
        """A row for each change, run and epoch."""
        names, runs, epochs = self.curves.shape
        columns = {
            "change": np.repeat(self.names, runs * epochs),
            "run": np.tile(np.repeat(np.arange(runs), epochs), names),
            "epoch": np.tile(np.arange(1, epochs + 1), names * runs), "error": self.curves.ravel(),
        }  # fmt: skip
        return Table(columns, ("change", "run", "epoch"), "error of the test")

    def summary(self) -> Table:
        """The median error of each."""
        columns = {"change": np.array(self.names), "error": np.median(self.errors, axis=1)}
        return Table(columns, title="error of the test, median over the runs")


class AugmentStudy(OnData):
    """Does it help to learn from images that are shifted, turned, mirrored, or noisy?

    The same network learns from a few images as they are, or from changed ones, drawn anew in
    each epoch; the test is on images as they are. What helps depends on the task: a mirrored digit
    is none.
    """

    natural = (1100, 620)
    examples = (
        "augment", "augment --changes rotate:30,shift+rotate --samples 100",
        "augment --data mnist-5k --changes shift:2,rotate,flip",
    )  # fmt: skip

    changes: Annotated[
        Words,
        Field(description="NAME or NAME:AMOUNT of shift, rotate, flip, noise; + for both."),
    ] = ("shift", "rotate", "flip", "noise", "shift+rotate")
    samples: Annotated[
        int | None,
        Field(ge=10, le=10**6, description="For training; 200, or half of smaller data."),
    ] = None
    hidden: Annotated[Sizes, Field(description="Sizes of the hidden layers.")] = (100,)
    activation: Annotated[str, Field(description="Such as relu, tanh or sigmoid.")] = "relu"
    optimizer: Learner = "adam:lr=0.003"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 80
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 50
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 5
    seed: Seed = 0

    @field_validator("changes")
    @classmethod
    def _known(cls, changes: tuple[str, ...]) -> tuple[str, ...]:
        if not 1 <= len(changes) <= len(COLORS):
            raise ValueError(f"give one to {len(COLORS)} changes")
        for text in changes:
            for part in text.split("+"):
                change(part)
        return tuple(dict.fromkeys(changes))

    @field_validator("hidden")
    @classmethod
    def _has_sizes(cls, hidden: tuple[int, ...] | None) -> tuple[int, ...]:
        if not hidden:
            raise ValueError("hidden layers need sizes, such as 100")
        return hidden

    def run(self, progress: Progress | None = None) -> Augmented:
        """Train on each kind of images, and test on images as they are.

        Raises
        ------
        ValueError
            If the data are no images, or too few.
        """
        whole = load_classes(self.data)
        if whole.image is None:
            raise ValueError(f"{whole.name} has no images to change: try digits")
        samples = count_for_training(whole, self.samples, 200)
        kinds: list[list[tuple[str, float]]] = [
            [],
            *([change(part) for part in text.split("+")] for text in self.changes),
        ]
        curves = np.empty((len(kinds), self.runs, self.epochs))
        pictures = np.empty((len(kinds), SHOWN, *whole.image))
        for run in range(self.runs):
            train, test = self._shares(whole, samples, run)
            images = train.x.reshape(-1, *whole.image).astype(float)
            for k, kind in enumerate(kinds):
                if not run:
                    rng = np.random.default_rng([self.seed or 0, k, 3])
                    pictures[k] = changed(np.repeat(images[:1], SHOWN, axis=0), kind, rng)
                for epoch, error in enumerate(self._train(train, images, test, kind, run)):
                    curves[k, run, epoch] = error
                if progress is not None:
                    progress(run * len(kinds) + k + 1, self.runs * len(kinds), "training")
        return Augmented((NONE, *self.changes), pictures, curves[:, :, -1], curves, samples,
                         len(whole) - samples, self)  # fmt: skip

    def _shares(self, whole: Dataset, samples: int, run: int) -> tuple[Dataset, Dataset]:
        rng = np.random.default_rng([self.seed or 0, run, 2])
        train, test = whole.split(1 - samples / len(whole), rng=rng)
        scale = min_max(train, together=True)
        return scale(train), scale(test)

    def _train(self, train: Dataset, images: Real, test: Dataset, kind: Any, run: int) -> Any:
        """The error of the test after each epoch; the same network and batches for each kind."""
        seed, entry = self.seed or 0, self.optimizer
        made: Entry = entry
        sizes = (train.inputs, *(self.hidden or ()), train.n_classes)
        network: Network = MLP(sizes, activation=self.activation, batch_norm=False,
                               rng=np.random.default_rng([seed, run, 0]))  # fmt: skip
        optimizer, batches = made.optimizer.fresh(), np.random.default_rng([seed, run, 1])
        drawn = np.random.default_rng([seed, run, 3])
        for _ in range(self.epochs):
            x = changed(images, kind, drawn).reshape(len(images), -1).astype(np.float32)
            fit(network, x, train.y, optimizer, epochs=1, batch_size=self.batch_size, rng=batches,
                hints=False)  # fmt: skip
            yield 1 - network.evaluate(test.x, test.y)[1]

    def finding(self, result: Augmented) -> str:
        """The error as they are, and what lowers or raises it in every run."""
        errors = np.median(result.errors, axis=1)
        told = f"Error on {result.samples} images as they are {percent(errors[0])}"
        parts = []
        for which, word in ((result.helps(), "lower"), (result.harms(), "higher")):
            if which.any():
                named = ", ".join(f"{result.names[k]} {percent(errors[k])}"
                                  for k in np.flatnonzero(which))  # fmt: skip
                parts.append(f"{word} in {'every run' if self.runs > 1 else 'this run'}: {named}")
        undecided = ~(result.helps() | result.harms())
        undecided[0] = False
        if undecided.any():
            parts.append(f"undecided: {', '.join(np.array(result.names)[undecided])}")
        return "; ".join([told, *parts])

    def draw(self, result: Augmented, sheet: Sheet) -> None:  # type: ignore[override]
        """A row of pictures for each change, and the errors."""
        from optviz.render.layout import Box

        look, unit, count = sheet.look, sheet.unit, len(result.names)
        colors = [look.theme.quiet, *COLORS]
        sheet.heading(f"Images changed in training on {self.data_name}")
        box = sheet.free(left=0.9, below=3.4)
        tall = box.height / count
        size = min(tall - 0.5 * unit, (0.42 * box.width - 7.5 * unit) / SHOWN - 0.3 * unit)
        grey = "gray" if look.theme.is_dark else "gray_r"
        for k, name in enumerate(result.names):
            top = box.top + k * tall + (tall - size) / 2
            for j in range(SHOWN):
                place = Box(box.left + 7.5 * unit + j * (size + 0.3 * unit), top, size, size)
                axes = sheet.figure.add_axes(place.fraction(sheet.width, sheet.height),
                                             label=f"{name} {j + 1}")  # fmt: skip
                axes.imshow(result.pictures[k, j], cmap=grey, vmin=0, vmax=1)
                axes.set_axis_off()
            sheet.figure.text(
                (box.left + 7.0 * unit) / sheet.width, 1 - (top + size / 2) / sheet.height,
                name.replace("+", "\n+ "),
                ha="right", va="center", fontsize=0.95 * look.font, color=colors[k],
                parse_math=False,
            )  # fmt: skip
        left = box.left + 7.5 * unit + SHOWN * (size + 0.3 * unit) + 1.0 * unit
        middle = 0.22 * box.width
        self._draw_errors(sheet.axes(Box(left, box.top, middle, box.height), "errors"), result,
                          colors, look)  # fmt: skip
        right = left + middle + 5.0 * unit
        self._draw_curves(sheet.axes(Box(right, box.top + 1.2 * unit, box.right - right,
                                         box.height - 1.2 * unit), "curves"), result, colors,
                          look)  # fmt: skip
        self._small_print(sheet, result)

    def _draw_errors(self, axes: Axes, result: Augmented, colors: list[str], look: Any) -> None:
        """A dot for each run, and a line at the median, level with the pictures."""
        for k, errors in enumerate(result.errors):
            axes.plot(100 * errors, np.full(errors.size, k), "o", color=colors[k], alpha=0.6,
                      markersize=0.35 * look.font, markeredgewidth=0)  # fmt: skip
            axes.plot([100 * np.median(errors)] * 2, [k - 0.22, k + 0.22], color=colors[k],
                      linewidth=2.4, solid_capstyle="butt")  # fmt: skip
        axes.axvline(100 * np.median(result.errors[0]), color=look.theme.faint, zorder=0.5)
        axes.set_ylim(len(result.names) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(left=0)
        axes.set_xlabel("error of the test, %", labelpad=2)

    def _draw_curves(self, axes: Axes, result: Augmented, colors: list[str], look: Any) -> None:
        from optviz.render.learning import draw_curve, finish

        for k, runs in enumerate(result.curves):
            median, low, high = 100 * quantiles(runs, [0.5, 0.1, 0.9])
            draw_curve(axes, [median, low, high] if self.runs > 1 else median, colors[k], look,
                       marker="", width=1.4)  # fmt: skip
        axes.set_ylim(bottom=0)
        finish(axes, "error of the test, %", look)

    def _small_print(self, sheet: Sheet, result: Augmented) -> None:
        from optviz.render.style import described

        entry: Entry = self.optimizer
        amounts = dict(change(part) for text in self.changes for part in text.split("+"))
        hidden = "-".join(map(str, self.hidden or ()))
        sheet.small_print([
            ", ".join(f"{name} up to {amount:g} {CHANGES[name][2]}" if name in ("shift", "rotate")
                      else f"{name} {amount:g} {CHANGES[name][2]}"
                      for name, amount in amounts.items()),
            "changed anew in each epoch, test as they are",
            f"{result.samples:,} samples for training, {result.tested:,} for the test",
            f"hidden layers {hidden}, {self.activation}", described(entry.optimizer, []),
            f"{self.epochs} epochs, batches of {self.batch_size}",
            f"dots: runs, lines: median of {self.runs}, band from 10 % to 90 %"
            if self.runs > 1 else "", f"seed {self.seed}",
        ])  # fmt: skip
