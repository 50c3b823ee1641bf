"""What a convolutional network sees: its filters, its feature maps, and which pixels matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn.lab import Lab, Variant, padding_of
from optviz.nn.network import Network
from optviz.nn.pixels import covered, slopes
from optviz.nn.records import History
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular
from optviz.shared.text import percent
from optviz.studies.on_data import OnData
from optviz.studies.settings import Learner, Seed, Sizes
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.layout import Box
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

#: Below this share of what it was, a probability has fallen.
FALLEN = 0.5


@dataclass(frozen=True, repr=False, eq=False)
class Seen(Tabular):
    """A trained network, and what becomes of some pictures in it.

    Attributes
    ----------
    network, history
    filters : ndarray (height, width, filters)
        Of the first convolution.
    pictures : ndarray (n, height, width)
        Of validation, one of each class in turn, scaled to 0 … 1.
    names, answers : tuple of str
        Their classes, and what the network says.
    probability : ndarray (n,)
        Of the right class.
    covered : ndarray (n, height, width)
        Of the right class, where the square around a pixel is covered.
    slopes : ndarray (n, height, width)
        Of the right class's score by each pixel.
    maps : tuple of ndarray (n, height, width, filters)
        What both convolutions make of the pictures, after their activation.
    samples : int
        For training.
    study
        The settings that made it.
    """

    network: Network
    history: History
    filters: Real
    pictures: Real
    names: tuple[str, ...]
    answers: tuple[str, ...]
    probability: Real
    covered: Real
    slopes: Real
    maps: tuple[Real, ...]
    samples: int
    study: Any = field(repr=False)

    def lowest(self) -> Real:
        """The right class's probability with the square covered that it hangs on most: (n,)."""
        return np.asarray(self.covered.min(axis=(1, 2)))

    def dead(self) -> list[int]:
        """Of each convolution, how many maps are zero everywhere in all pictures."""
        return [int((~maps.any(axis=(0, 1, 2))).sum()) for maps in self.maps]

    def table(self) -> Table:
        """A row for each pixel of each picture."""
        count, height, width = self.pictures.shape
        picture, row, column = (axis.ravel() for axis in np.indices(self.pictures.shape))
        columns = {
            "picture": picture, "class": np.repeat(self.names, height * width), "row": row,
            "column": column, "value": self.pictures.ravel(), "covered": self.covered.ravel(),
            "slope": self.slopes.ravel(),
        }  # fmt: skip
        return Table(columns, ("picture", "row", "column"), f"which pixels of {count} matter")

    def summary(self) -> Table:
        """Of each picture the answer, and what covering does."""
        columns = {"class": np.array(self.names), "answer": np.array(self.answers),
                   "probability": self.probability, "covered": self.lowest()}  # fmt: skip
        return Table(columns, title="probability of the right class, whole and covered")


class ConvStudy(OnData):
    """What does a convolutional network see, and which pixels does its answer hang on?

    Above, the windows of the first convolution. Below, pictures that it was not trained on: how
    likely the right class is where a square is covered (Zeiler and Fergus, 2014), the slope of its
    score by each pixel (Simonyan et al., 2014), and what both convolutions make of them.
    """

    natural = (1100, 830)
    examples = ("conv", "conv --filters 8,16 --count 3", "conv --data mnist-5k --epochs 3")

    filters: Annotated[Sizes, Field(description="Of both convolutions.")] = (32, 64)
    units: Annotated[int, Field(ge=1, le=10_000, description="Of the dense layer.")] = 128
    activation: Annotated[str, Field(description="Of both convolutions.")] = "relu"
    init: Annotated[str, Field(description="Of the first convolution.")] = "he_uniform"
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.2
    optimizer: Learner = "adam:lr=0.001"  # type: ignore[assignment]
    epochs: Annotated[
        int | None,
        Field(ge=1, le=10**5, description="Epochs; 5, or about 450 steps of small data."),
    ] = None  # fmt: skip
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 100
    count: Annotated[int, Field(ge=1, le=8, description="Pictures that are shown.")] = 5
    window: Annotated[int, Field(ge=1, le=31, description="Side of the square that covers.")] = 3
    seed: Seed = 0

    @field_validator("filters")
    @classmethod
    def _two(cls, filters: tuple[int, ...] | None) -> tuple[int, ...]:
        if filters is None or len(filters) != 2 or max(filters) > 128:
            raise ValueError("filters must be two numbers up to 128, such as 32,64")
        return filters

    @field_validator("window")
    @classmethod
    def _has_a_middle(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(
                f"window must be an odd number: it has a pixel in its middle: {window}"
            )
        return window

    @property
    def task(self) -> Lab:
        """Data, sizes, and how it is trained."""
        first, second = self.filters or (32, 64)
        return Lab(self.data, (first, second), self.units, self.dropout, self.epochs,
                   self.batch_size, self.seed or 0)  # fmt: skip

    def run(self, progress: Progress | None = None) -> Seen:
        """Train, and look."""
        entry: Entry = self.optimizer
        told = None
        if progress is not None:
            told = lambda done, total, loss, _: progress(done, total, f"loss {loss:.3g}")  # noqa: E731
        task, variant = self.task, Variant(entry.optimizer, self.activation, self.init)
        smallest = min(task.shares(0)[1].image or (self.window,))
        if self.window > smallest:
            raise ValueError(
                f"window must be at most {smallest}, the images' smaller side, not {self.window}"
            )
        network, history = task.train(variant, 0, told)
        train, held_out = task.shares(0)
        assert held_out.image is not None
        chosen = _one_of_each(held_out.y, self.count)
        pictures = held_out.x[chosen].reshape(-1, *held_out.image)
        labels, names = held_out.y[chosen], held_out.classes
        shares = network.predict_proba(pictures)
        made = network.activations(pictures)
        maps = [values for name, values in made.items() if name.endswith(f" {self.activation}")]
        return Seen(
            network, history, np.array(network.views()["1 conv2d/W"][:, :, 0], dtype=float),
            np.array(pictures, dtype=float), tuple(names[k] for k in labels),
            tuple(names[k] for k in shares.argmax(axis=1)),
            np.array(shares[np.arange(len(labels)), labels], dtype=float),
            covered(network, pictures, labels, self.window), slopes(network, pictures, labels),
            tuple(maps[:2]), len(train), self,
        )  # fmt: skip

    def finding(self, result: Seen) -> str:
        """How good it is, and what covering does."""
        if result.history.diverged:
            return "Training diverged: there is nothing to see"
        lowest, whole = result.lowest(), result.probability
        fallen = int((lowest < FALLEN * whole).sum())
        accuracy = result.history.validation_accuracy[-1]
        told = (f"{percent(accuracy)} right in validation; a covered square of {self.window} × "
                f"{self.window} pixels halves the right class's probability in {fallen} of "
                f"{len(lowest)} pictures")  # fmt: skip
        dead = result.dead()[0]
        return f"{told}; {dead} of {result.filters.shape[2]} first filters never answer" if dead \
            else told  # fmt: skip

    def draw(self, result: Seen, sheet: Sheet) -> None:  # type: ignore[override]
        """Filters in a row, then a row for each picture."""
        from optviz.render.layout import Box

        if sheet.is_natural:
            sheet.resize(sheet.width, 300 + 106 * len(result.pictures))
        sheet.heading(f"What a convolutional network sees on {self.data_name}")
        box, unit, look = sheet.free(left=0.9, right=0.9, below=0.4), sheet.unit, sheet.look
        strip = _mosaic(result.filters)
        tall = min(4.2 * unit, box.width * strip.shape[0] / strip.shape[1])
        top = box.top + 1.5 * unit
        axes = sheet.axes(
            Box(box.left, top, tall * strip.shape[1] / strip.shape[0], tall), "filters"
        )
        largest = float(np.abs(result.filters).max(initial=1e-12))
        _show(axes, strip, look, "RdBu_r", -largest, largest)
        _title(
            axes,
            f"windows of the first convolution, −{largest:.2g} blue to {largest:.2g} red",
            look,
        )
        top += tall + 2.6 * unit
        first = [_mosaic(result.maps[k][0].astype(float)) for k in (0, 1)]
        aspects = [1.0, 1.0, 1.0, *(m.shape[1] / m.shape[0] for m in first)]
        count, gap = len(result.pictures), 0.9 * unit
        height = min((box.below - top - (count - 1) * gap) / count,
                     (box.width - 5.2 * unit - 4 * gap) / sum(aspects))  # fmt: skip
        for k in range(count):
            left, places = box.left + 5.2 * unit, []
            for aspect in aspects:
                places.append(Box(left, top + k * (height + gap), aspect * height, height))
                left += aspect * height + gap
            self._row(sheet, result, k, places)
        sheet.small_print(self._choices(result))

    def _row(self, sheet: Sheet, result: Seen, k: int, places: list[Box]) -> None:
        """A picture, what covering does, slopes, and both mosaics of maps."""
        look, color = sheet.look, "gray" if sheet.look.theme.is_dark else "gray_r"
        steep = float(np.abs(result.slopes[k]).max(initial=1e-12))
        shown: list[tuple[str, Any, str, float, float]] = [
            ("picture", result.pictures[k], color, 0.0, 1.0),
            ("covered", result.covered[k], "viridis", 0.0, 1.0),
            ("slope", result.slopes[k], "RdBu_r", -steep, steep),
        ]  # fmt: skip
        for which, name in ((0, "maps 1"), (1, "maps 2")):
            maps = result.maps[which][k].astype(float)
            low, high = min(0.0, float(maps.min())), max(float(maps.max()), 1e-12)
            shown.append((name, _mosaic(maps), color, low, high))
        titles = ("", "covered", "slope", "first convolution",
                  "second convolution")  # fmt: skip
        for (name, values, colors, low, high), place, title in zip(
            shown, places, titles, strict=True
        ):
            axes = sheet.axes(place, f"{name} of {k + 1}")
            _show(axes, values, look, colors, low, high)
            if not k:
                _title(axes, title, look)
            if name == "picture":
                told, true = result.answers[k], result.names[k]
                told = told if told == true else f"{told} for {true}"
                told += f"\n{result.probability[k]:.3f}"
                axes.text(-0.12, 0.5, told, ha="right", va="center", transform=axes.transAxes,
                          fontsize=0.85 * look.font, color=look.theme.ink,
                          parse_math=False)  # fmt: skip

    def _choices(self, result: Seen) -> list[str]:
        from optviz.render.style import described

        entry: Entry = self.optimizer
        first, second = self.filters or ()
        image = result.pictures.shape[1:]
        return [
            "left: answer, and probability of the right class",
            "covered: its probability, 0 purple to 1 yellow, with a square of "
            f"{self.window} × {self.window} pixels set to 0",
            "slope: of its score by each pixel, blue negative, each picture by its own largest",
            "maps: after the activation, each row of pictures by its largest",
            f"Conv {first}, pool, Conv {second}, pool, Dense {self.units}, {self.activation}",
            f"padding {padding_of(image)}",
            described(entry.optimizer, []), f"{result.history.epochs} epochs, batches of "
            f"{self.batch_size}", f"{result.samples:,} samples for training, 20 % for validation",
            f"seed {self.seed}",
        ]  # fmt: skip


def _one_of_each(labels: Any, count: int) -> NDArray[np.int64]:
    """Places of so many samples: the first of each class in turn, then the second, …"""
    seen: dict[int, int] = {}
    turns = []
    for label in labels.tolist():
        seen[label] = seen.get(label, -1) + 1
        turns.append(seen[label])
    return np.lexsort((labels, turns))[:count]


def _mosaic(maps: Real) -> Real:
    """Maps (height, width, n) in a few rows, with lines of nan between them."""
    height, width, count = maps.shape
    rows = 4 if count >= 32 else 2 if count >= 8 else 1
    columns = -(-count // rows)
    out = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for k in range(count):
        row, column = divmod(k, columns)
        top, left = row * (height + 1), column * (width + 1)
        out[top : top + height, left : left + width] = maps[..., k]
    return out


def _show(axes: Axes, values: Real, look: Any, colors: str, low: float, high: float) -> None:
    from matplotlib import colormaps

    # The lines between maps are seen among greys, and are paper among colours.
    between = look.theme.faint if colors.startswith("gray") else look.theme.paper
    cmap = colormaps[colors].with_extremes(bad=between)
    axes.imshow(values, cmap=cmap, vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_axis_off()


def _title(axes: Axes, text: str, look: Any) -> None:
    axes.set_title(text, loc="left", fontsize=0.85 * look.font, color=look.theme.ink, pad=3,
                   parse_math=False)  # fmt: skip
