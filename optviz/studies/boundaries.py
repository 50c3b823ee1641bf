"""What L2 and dropout make of a decision boundary: a map for each pair of strengths."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn.plane import OnPlane
from optviz.nn.records import History
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular, stacked
from optviz.shared.text import percent
from optviz.studies.on_plane import OnPlaneStudy
from optviz.studies.settings import Counts, Numbers, Sizes
from optviz.studies.study import Filmed, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.moving import Moving
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

FRAMES, POINTS = 40, 60
#: Lines of cost: a colour for each penalty, a dash for each share that is kept.
COLORS = ("#7A7A00", "#626EFE", "#CC79A7", "#009E73")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.6)), (0, (1, 1.5)), (0, (4, 1, 1, 1)))


@dataclass(frozen=True, repr=False, eq=False)
class Boundaries(Tabular):
    """Networks that differ in penalty and dropout alone.

    Attributes
    ----------
    l2s, keeps : tuple of float
    histories : tuple of tuple of History
        For each penalty, for each share that is kept; validation is the test.
    x, y : ndarray (n,)
        The grid, in the units of the data.
    steps : ndarray (frames,)
    probabilities : ndarray (l2s, keeps, frames, n, n, classes)
        Rows are y.
    samples, labels : ndarray (k, 2), (k,)
        Those of training.
    classes : tuple of str
    tested : int
        Samples in the test.
    study
        The settings that made it.
    """

    l2s: tuple[float, ...]
    keeps: tuple[float, ...]
    histories: tuple[tuple[History, ...], ...]
    x: Real
    y: Real
    steps: NDArray[np.int64]
    probabilities: Real
    samples: Real
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    tested: int
    study: Any = field(repr=False)

    def accuracy(self) -> Real:
        """At the end, at evaluation, on training as the last epoch's batches and in the test:
        (2, l2s, keeps)."""
        return np.array([
            [[getattr(h, name)[-1] for h in row] for row in self.histories]
            for name in ("accuracy", "validation_accuracy")
        ])  # fmt: skip

    def chance(self) -> float:
        """By how much two accuracies in the test may differ by chance: two standard errors of a
        difference, at the highest accuracy."""
        best = float(np.nanmax(self.accuracy()[1]))
        return 2 * float(np.sqrt(2 * best * (1 - best) / self.tested))

    def table(self) -> Table:
        """A row for each network and epoch."""
        flat = [h for row in self.histories for h in row]
        pairs = list(itertools.product(self.l2s, self.keeps))
        columns = stacked([h.table() for h in flat], l2=[a for a, _ in pairs],
                          keep_prob=[b for _, b in pairs])  # fmt: skip
        return Table(columns, ("l2", "keep_prob", "epoch"), "penalties and dropout")

    def summary(self) -> Table:
        """Of each network the accuracies at the end."""
        pairs = np.array(list(itertools.product(self.l2s, self.keeps)))
        train, test = (part.ravel() for part in self.accuracy())
        columns = {"l2": pairs[:, 0], "keep_prob": pairs[:, 1], "training": train, "test": test}
        return Table(columns, title="penalties and dropout")


class BoundariesStudy(OnPlaneStudy, Filmed):
    """What do L2 and dropout make of a decision boundary on noisy data?

    The same network is trained from the same weights for each pair of a penalty and of the share
    of units that dropout keeps (1 keeps all, which is no dropout). Below each other: heavier
    penalties; side by side: more dropout; at the right the cost that training sees, penalty
    included.
    """

    natural = (1100, 720)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("dpi", "for a picture that is no film's frame", lambda s: s.frame is None,
               "leave frame out"),
    )  # fmt: skip
    examples = (
        "boundaries",
        "boundaries --l2s 0,0.03 --keep-probs 1,0.8 --data spirals:n=900,noise=0.05",
        "boundaries -o boundaries.gif",
    )

    data: Annotated[
        str, *OnPlaneStudy.model_fields["data"].metadata,
        Field(description=OnPlaneStudy.model_fields["data"].description),
    ] = "circles:n=2000,noise=0.15"  # fmt: skip
    samples: Annotated[
        int | None,
        Field(ge=10, le=10**6, description="For training; 100, or half of smaller data."),
    ] = None
    l2s: Annotated[Numbers, Field(description="Penalties on half the sum of squares.")] = (
        0.0, 0.003, 0.01,
    )  # fmt: skip
    keep_probs: Annotated[Numbers, Field(description="Shares of units that dropout keeps.")] = (
        1.0, 0.86, 0.6,
    )  # fmt: skip
    hidden: Annotated[Sizes, Field(description="Sizes of the hidden layers.")] = (20, 3)
    activation: Annotated[str, Field(description="Such as tanh, relu or sigmoid.")] = "relu"
    init: Annotated[str, Field(description="Such as xavier, he or normal:std=0.5.")] = "he"
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 600

    @field_validator("l2s", "keep_probs")
    @classmethod
    def _few(cls, values: tuple[float, ...], info: Any) -> tuple[float, ...]:
        if not 1 <= len(values) <= len(COLORS):
            raise ValueError(f"give one to {len(COLORS)} {info.field_name}")
        return tuple(dict.fromkeys(values))

    @field_validator("l2s")
    @classmethod
    def _penalties(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) < 0 or not np.isfinite(values).all():
            raise ValueError("l2s must be numbers ≥ 0")
        return values

    @field_validator("keep_probs")
    @classmethod
    def _shares(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) <= 0 or max(values) > 1:
            raise ValueError("keep_probs must lie in (0, 1]; 1 keeps all")
        return values

    @property
    def task(self) -> OnPlane:
        """As of every such study, with so many samples."""
        return dataclasses.replace(super().task, samples=self.samples, usual=100)

    def run(self, progress: Progress | None = None) -> Boundaries:
        """Train a network for each pair, and ask it everywhere as training goes on."""
        task, entry = self.task, self.optimizer
        optimizer: Entry = entry
        train, held_out = task.shares()
        x, y = task.axes(POINTS)
        places, pairs = task.places(x, y), list(itertools.product(self.l2s, self.keep_probs))
        found, histories = [], []
        for k, (l2, keep) in enumerate(pairs):
            network = task.network(train, l2=l2, dropout=1 - keep)
            history, rows, steps = task.train(
                network, optimizer.optimizer, FRAMES, self.told(progress, k, len(pairs))
            )
            histories.append(history)
            answers = np.empty((len(rows), len(y), len(x), train.n_classes))
            for frame, row in zip(answers, rows, strict=True):
                network.parameters[...] = row
                with np.errstate(all="ignore"):
                    frame[...] = network.predict_proba(places).reshape(frame.shape)
            # A run that diverged has fewer frames: its last one stays.
            found.append((answers, steps))
        steps = max((after for _, after in found), key=len)
        probabilities = np.array([
            np.concatenate([a, np.repeat(a[-1:], len(steps) - len(a), axis=0)]) for a, _ in found
        ])  # fmt: skip
        columns = len(self.keep_probs)
        return Boundaries(
            self.l2s, self.keep_probs,
            tuple(tuple(histories[k : k + columns]) for k in range(0, len(pairs), columns)),
            x, y, steps, probabilities.reshape(len(self.l2s), columns, *probabilities.shape[1:]),
            np.asarray(train.x, float), train.y, train.classes, len(held_out), self,
        )  # fmt: skip

    def finding(self, result: Boundaries) -> str:
        """The best in the test, beside the network with the least of both."""
        train, test = result.accuracy()
        i, j = np.unravel_index(int(np.nanargmax(test)), test.shape)
        best = int(i), int(j)
        plain = (int(np.argmin(result.l2s)), int(np.argmax(result.keeps)))
        told = (f"Best in the test: {self._pair(*best)}, {percent(test[best], 0)} (training "
                f"{percent(train[best], 0)})")  # fmt: skip
        if best == plain:
            return f"{told}: no stronger pair is better"
        beside = (f"{self._pair(*plain)}: {percent(test[plain], 0)} (training "
                  f"{percent(train[plain], 0)})")  # fmt: skip
        if test[best] - test[plain] <= result.chance():
            return f"{told}; by no more than chance better than {beside}"
        return f"{told}; {beside}"

    def _pair(self, i: Any, j: Any) -> str:
        return f"λ = {self.l2s[i]:g}, keep_prob = {self.keep_probs[j]:g}"

    def draw(self, result: Boundaries, sheet: Sheet) -> None:  # type: ignore[override]
        """The maps at the end of training, and the cost beside them."""
        self._compose(result, sheet)

    def film(self, result: Boundaries) -> Moving:
        """The maps while the networks train."""
        from optviz.render.moving import Moving, with_counter

        def build(sheet: Sheet) -> Any:
            moving, pose = self._compose(result, sheet, is_film=True)
            return with_counter(sheet, moving, pose, lambda k: (
                f"step {result.steps[k]:,} of {result.steps[-1]:,}"
            ))  # fmt: skip

        return Moving(self, result, self.fps, count=len(result.steps), build=build)

    def _compose(
        self, result: Boundaries, sheet: Sheet, is_film: bool = False
    ) -> tuple[list[Any], Any]:
        from optviz.render.ground import draw_ground, ground_of, hues
        from optviz.render.layout import Box

        look, unit = sheet.look, sheet.unit
        colors, rows, columns = hues(len(result.classes)), len(self.l2s), len(self.keep_probs)
        sheet.legend([sheet.handle(f"class {name}", color, "o", "none")
                      for name, color in zip(result.classes, colors, strict=True)])  # fmt: skip
        sheet.heading(f"Decision boundaries with L2 and dropout on {self.data_name}")
        box = sheet.free(left=2.4, below=1.0, above=1.0)  # above: keep_prob, once
        aside = 0.27 * box.width
        wide = (box.width - aside - 4.4 * unit) / columns
        tall = box.height / rows
        images, points = [], []
        for i, j in itertools.product(range(rows), range(columns)):
            place = Box(box.left + j * wide + 0.5 * unit, box.top + i * tall + 1.7 * unit,
                        wide - 0.8 * unit, tall - 2.2 * unit)  # fmt: skip
            axes = sheet.axes(place, self._pair(i, j))
            images.append(draw_ground(axes, result.x, result.y, result.probabilities[i, j, -1],
                                      colors, look, with_lines=not is_film))  # fmt: skip
            points += self._dress(axes, result, i, j, colors, look)
        cost = sheet.axes(Box(box.right - aside, box.top + 1.7 * unit, aside,
                              box.height - 5.0 * unit), "cost")  # fmt: skip
        self._draw_cost(cost, result, look)
        self._small_print(sheet, result)

        def pose(k: int) -> None:
            flat = result.probabilities.reshape(-1, *result.probabilities.shape[2:])
            for image, frames in zip(images, flat, strict=True):
                image.set_data(ground_of(frames[k], colors, look.theme.paper))

        return [*images, *points], pose

    def _dress(
        self, axes: Axes, result: Boundaries, i: int, j: int, colors: list[str], look: Any
    ) -> list[Any]:
        """Samples, title and names of a map; the samples."""
        axes.set_xticks([])
        axes.set_yticks([])
        points: list[Any] = []
        for k, color in enumerate(colors):
            points += axes.plot(*result.samples[result.labels == k].T, "o", color=color,
                                markersize=0.24 * look.font, zorder=4,
                                markeredgecolor=look.theme.paper, markeredgewidth=0.3)  # fmt: skip
        axes.set_xlim(result.x[0], result.x[-1])
        axes.set_ylim(result.y[0], result.y[-1])
        train, test = (100 * part[i, j] for part in result.accuracy())
        head = f"keep_prob = {self.keep_probs[j]:g}\n" if not i else ""
        axes.set_title(f"{head}{train:.0f} %, test {test:.0f} %", loc="left", pad=3,
                       fontsize=0.8 * look.font, color=look.theme.ink)  # fmt: skip
        if not j:
            axes.set_ylabel(f"λ = {self.l2s[i]:g}", labelpad=3, fontsize=0.9 * look.font,
                            color=look.theme.ink)  # fmt: skip
        return points

    def _draw_cost(self, axes: Axes, result: Boundaries, look: Any) -> None:
        from matplotlib.lines import Line2D

        from optviz.render.learning import draw_curve, finish

        for i, j in itertools.product(range(len(self.l2s)), range(len(self.keep_probs))):
            history = result.histories[i][j]
            draw_curve(axes, history.loss + history.penalty, COLORS[i], look, dash=DASHES[j],
                       marker="", width=1.0)  # fmt: skip
        finish(axes, "cost in training", look)
        ink = look.theme.quiet
        axes.legend(
            handles=[
                *(Line2D([], [], color=COLORS[i], label=f"λ = {l2:g}")
                  for i, l2 in enumerate(self.l2s)),
                *(Line2D([], [], color=ink, linestyle=DASHES[j], label=f"keep_prob = {keep:g}")
                  for j, keep in enumerate(self.keep_probs)),
            ],
            fontsize=0.75 * look.font, labelcolor=look.theme.ink, frameon=False,
            loc="upper right", ncols=2, columnspacing=1.0, handlelength=1.8,
        )  # fmt: skip

    def _small_print(self, sheet: Sheet, result: Boundaries) -> None:
        sizes = "-".join(map(str, (2, *(self.hidden or ()), len(result.classes))))
        sheet.small_print([
            "numbers: accuracy in the last epoch of training (with dropout), and of the test "
            f"({result.tested:,} samples: {100 * result.chance():.1f} points may be chance)",
            f"{sizes} network", "ground: colour of the likeliest class, paler the less likely",
            "λ/2 Σw² is added to the loss", *self.choices(len(result.samples)),
        ])  # fmt: skip
