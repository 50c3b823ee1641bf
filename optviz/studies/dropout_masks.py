"""What dropout does: thinned networks, their vote, and how alike hidden units become."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import Dataset, load_classes, min_max, standardize
from optviz.nn.layers import Activation, Dropout
from optviz.nn.masks import correlations, votes
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.training import fit
from optviz.runs.entry import Entry
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import percent
from optviz.studies.on_data import OnData
from optviz.studies.settings import Counts, Learner, Seed, Sizes
from optviz.studies.study import Filmed, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.layout import Box
    from optviz.render.moving import Moving
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

#: Of how many masks the vote is told.
VOTES = tuple(2**k for k in range(9))
#: Frames of the film: the first mini-batches.
FRAMES = 40
WITH, WITHOUT = "#0072B2", "#D55E00"
DASHED = (0, (4, 1.6))
#: Units of a layer that can be told apart in the picture.
MOST_UNITS = 40


@dataclass(frozen=True, repr=False, eq=False)
class DropoutMasks(Tabular):
    """Networks with dropout and without.

    Attributes
    ----------
    masks : tuple of ndarray (frames, units) of bool
        For each hidden layer the units that the first sample of a mini-batch kept, batch by batch
        from the first, in the first run.
    weights : tuple of ndarray (frames, inputs, units)
        Of each layer after that batch; of the first layer the root of the sum of squares over the
        inputs, with a single row.
    steps : ndarray (frames,)
    votes : ndarray (v,)
        Over how many masks probabilities are averaged.
    voted : ndarray (runs, v)
        Share of the test that the average has right.
    apart : ndarray (runs, v)
        Root mean square, over samples and classes, of the average less the scaled network's
        probabilities.
    scaled, plain : ndarray (runs,)
        Share of the test that the scaled network (all units, as at evaluation) has right, and the
        one that was trained without dropout.
    alike : tuple of ndarray
        With dropout and without: absolute correlations over the test of all pairs of units of the
        last hidden layer, of all runs; units that are constant there have none.
    means : ndarray (2, runs)
        Their means in each run.
    classes : int
    study
        The settings that made it.
    """

    masks: tuple[NDArray[np.bool_], ...]
    weights: tuple[Real, ...]
    steps: NDArray[np.int64]
    votes: NDArray[np.int64]
    voted: Real
    apart: Real
    scaled: Real
    plain: Real
    alike: tuple[Real, Real]
    means: Real
    classes: int
    study: Any = field(repr=False)

    def table(self) -> Table:
        """A row for each run and number of masks."""
        runs, count = self.voted.shape
        columns = {
            "run": np.repeat(np.arange(runs), count), "masks": np.tile(self.votes, runs),
            "accuracy": self.voted.ravel(), "apart": self.apart.ravel(),
            "scaled": np.repeat(self.scaled, count), "without": np.repeat(self.plain, count),
        }  # fmt: skip
        return Table(columns, ("run", "masks"), "votes of thinned networks")

    def summary(self) -> Table:
        """Of each number of masks the medians over the runs."""
        columns = {"masks": self.votes, "accuracy": np.median(self.voted, axis=0),
                   "apart": np.median(self.apart, axis=0)}  # fmt: skip
        return Table(columns, title=f"the scaled network: {np.median(self.scaled):.1%}")


class DropoutMasksStudy(OnData, Filmed):
    """What does dropout do to a network?

    At the left a thinned network: the units that one sample of a mini-batch kept (a film shows
    batch after batch). At the right how well such networks vote: the mean of their probabilities
    beside the one network that evaluation takes for it, with all units and scaled (Srivastava et
    al., 2014); and how alike units of the last hidden layer answer, with dropout and without.
    """

    natural = (1100, 600)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("dpi", "for a picture that is no film's frame", lambda s: s.frame is None,
               "leave frame out"),
    )  # fmt: skip
    examples = (
        "dropout-masks", "dropout-masks --dropout 0.2 --hidden 30,30", "dropout-masks -o masks.gif",
    )  # fmt: skip

    hidden: Annotated[Sizes, Field(description="Sizes of the hidden layers.")] = (24, 16)
    dropout: Annotated[float, Field(gt=0, lt=1, description="The share that is dropped.")] = 0.5
    activation: Annotated[str, Field(description="Such as tanh, relu or sigmoid.")] = "relu"
    optimizer: Learner = "adam:lr=0.005"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 40
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 64
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 3
    seed: Seed = 0

    @field_validator("hidden")
    @classmethod
    def _can_be_drawn(cls, hidden: tuple[int, ...] | None) -> tuple[int, ...]:
        if not hidden or len(hidden) > 4 or max(hidden) > MOST_UNITS or min(hidden) < 2:
            raise ValueError(f"hidden must be one to 4 sizes from 2 to {MOST_UNITS}, such as 24,16")
        return hidden

    def run(self, progress: Progress | None = None) -> DropoutMasks:
        """Train with dropout and without, let thinned networks vote, and compare units."""
        whole = load_classes(self.data)
        voted, apart, scaled, plain = [], [], [], []
        alike: tuple[list[Real], list[Real]] = ([], [])
        for run in range(self.runs):
            train, test = self._shares(whole, run)
            for k, rate in enumerate((self.dropout, 0.0)):
                told = None
                if progress is not None:
                    at = 2 * run + k
                    told = lambda done, of, loss, _, at=at: progress(  # noqa: E731
                        at * of + done, 2 * self.runs * of, f"training  loss {loss:.3g}"
                    )
                network, seen = self._train(train, rate, run, told)
                if not run and rate:
                    first = seen
                alike[k].append(correlations(self._last_units(network, test.x)))
                if not rate:
                    plain.append(network.evaluate(test.x, test.y)[1])
                    continue
                shares = network.predict_proba(test.x).astype(float)
                scaled.append(float((shares.argmax(axis=1) == test.y).mean()))
                means = votes(network, test.x, VOTES)
                voted.append([float((m.argmax(axis=1) == test.y).mean()) for m in means])
                apart.append([float(np.sqrt(np.mean((m - shares) ** 2))) for m in means])
        masks, weights, steps = first
        return DropoutMasks(
            masks, weights, steps, np.array(VOTES), np.array(voted), np.array(apart),
            np.array(scaled), np.array(plain), (np.concatenate(alike[0]), np.concatenate(alike[1])),
            np.array([[float(np.mean(a)) if a.size else np.nan for a in part] for part in alike]),
            whole.n_classes, self,
        )  # fmt: skip

    def _shares(self, whole: Dataset, run: int) -> tuple[Dataset, Dataset]:
        train, test = whole.split(0.2, rng=np.random.default_rng([self.seed or 0, run, 2]))
        if whole.is_sparse:
            return train, test
        scale = standardize(train) if whole.image is None else min_max(train, together=True)
        return scale(train), scale(test)

    def _train(self, train: Dataset, rate: float, run: int, progress: Any) -> tuple[Network, Any]:
        """The trained network; masks, weights and steps of its first mini-batches."""
        seed, entry = self.seed or 0, self.optimizer
        optimizer: Entry = entry
        sizes = (train.inputs, *(self.hidden or ()), train.n_classes)
        network = MLP(sizes, activation=self.activation, batch_norm=False, dropout=rate,
                      rng=np.random.default_rng([seed, run, 0]))  # fmt: skip
        layers = [layer for layer in network.layers if isinstance(layer, Dropout)]
        masks: list[list[Any]] = [[] for _ in layers]
        weights: list[list[Real]] = [[] for _ in sizes[1:]]
        steps: list[int] = []

        def after(done: int, total: int, loss: float, lr: float) -> None:
            if len(steps) < FRAMES and rate:
                steps.append(done)
                rows = min(self.batch_size, len(train))
                for kept, layer in zip(masks, layers, strict=True):
                    kept.append(layer.kept(rows)[0])
                own = [v for name, v in network.views().items() if name.endswith("/W")]
                of_inputs = np.sqrt(np.sum(own[0].astype(float) ** 2, axis=0, keepdims=True))
                for kept, w in zip(weights, [of_inputs, *own[1:]], strict=True):
                    kept.append(w.astype(float))
            if progress is not None:
                progress(done, total, loss, lr)

        fit(network, train.x, train.y, optimizer.optimizer.fresh(), epochs=self.epochs, hints=False,
            batch_size=self.batch_size, rng=np.random.default_rng([seed, run, 1]),
            progress=after)  # fmt: skip
        return network, (tuple(np.array(m) for m in masks), tuple(np.array(w) for w in weights),
                         np.array(steps, dtype=np.int64))  # fmt: skip

    @staticmethod
    def _last_units(network: Network, x: Any) -> Any:
        """What the last hidden layer answers at evaluation: (samples, units)."""
        made = network.activations(x)
        names = [name for name, layer in zip(network.names, network.layers, strict=True)
                 if isinstance(layer, Activation)]  # fmt: skip
        return made[names[-1]]

    def finding(self, result: DropoutMasks) -> str:
        """The vote beside the scaled network and one mask, and how alike units are."""
        voted, (with_, without) = np.median(result.voted, axis=0), np.median(result.means, axis=1)
        told = (f"Right in the test: one mask {percent(voted[0])}, {result.votes[-1]} voting "
                f"{percent(voted[-1])}, scaled network "
                f"{percent(float(np.median(result.scaled)))}")  # fmt: skip
        if not with_ < without:
            return (f"{told}; dropout makes units no less alike: mean |correlation| {with_:.2f}, "
                    f"without {without:.2f}")  # fmt: skip
        return f"{told}; mean |correlation| of units {with_:.2f}, without dropout {without:.2f}"

    def draw(self, result: DropoutMasks, sheet: Sheet) -> None:  # type: ignore[override]
        """The thinned network of the first mini-batch, votes, and correlations."""
        self._compose(result, sheet)[1](0)

    def film(self, result: DropoutMasks) -> Moving:
        """One thinned network after another."""
        from optviz.render.moving import Moving, with_counter

        def build(sheet: Sheet) -> Any:
            moving, pose = self._compose(result, sheet)
            return with_counter(sheet, moving, pose, lambda k: (
                f"mini-batch {result.steps[k]:,}"
            ))  # fmt: skip

        return Moving(self, result, self.fps, count=len(result.steps), build=build)

    def _compose(self, result: DropoutMasks, sheet: Sheet) -> tuple[list[Any], Any]:
        from optviz.render.layout import Box

        look, unit = sheet.look, sheet.unit
        sheet.legend([
            sheet.handle("with dropout", WITH), sheet.handle("without", WITHOUT),
            sheet.handle("the scaled network", look.theme.ink, "", DASHED),
        ])  # fmt: skip
        sheet.heading(f"Dropout of {self.dropout:g} on {self.data_name}")
        box = sheet.free(left=0.9, below=0.6)
        network, panels = self._places(box, unit)
        moving, pose = self._draw_network(sheet, result, network)
        left, top = panels.left + 5.0 * unit, panels.top
        half, tall = (panels.right - left - 6.0 * unit) / 2, (panels.height - 7.6 * unit) / 2
        self._draw_votes(sheet.axes(Box(left, top, half, tall), "votes"), result, look)
        self._draw_apart(
            sheet.axes(Box(panels.right - half, top, half, tall), "apart"), result, look
        )
        below = Box(left, top + tall + 5.4 * unit, panels.right - left, tall)
        self._draw_alike(sheet.axes(below, "alike"), result, look)
        self._small_print(sheet)
        return moving, pose

    @staticmethod
    def _places(box: Box, unit: float) -> tuple[Box, Box]:
        """The network and the panels, side by side or, on a tall page, one above the other."""
        from optviz.render.layout import Box

        top, tall = box.top + 1.4 * unit, box.height - 1.4 * unit
        if box.width > box.height:
            wide = 0.36 * box.width
            return (Box(box.left, top, wide, tall),
                    Box(box.left + wide, top, box.width - wide, tall))  # fmt: skip
        below = 0.5 * tall
        return (Box(box.left, top, box.width, below - 2.0 * unit),
                Box(box.left, top + below, box.width, tall - below))  # fmt: skip

    def _draw_network(self, sheet: Sheet, result: DropoutMasks, box: Any) -> tuple[list[Any], Any]:
        """Units as circles, inputs as one; what moves, and what shows the k-th mask."""
        from optviz.render import graph
        from optviz.render.layout import Box

        look, top = sheet.look, box.top - 1.4 * sheet.unit  # with the names of layers
        sizes = (1, *(self.hidden or ()), result.classes)
        places = graph.columns(box, sizes, 1.6 * sheet.unit)
        over = graph.ground(sheet, Box(box.left, top, box.width, box.below - top))
        edges = [graph.draw_edges(over, a, b, sheet.unit)
                 for a, b in itertools.pairwise(places)]  # fmt: skip
        dots = []
        for layer, column in enumerate(places):
            at = np.array([(b.left + b.width / 2, b.top + b.height / 2) for b in column])
            area = (column[0].width * 72 / sheet.figure.dpi) ** 2
            dots.append(over.scatter(at[:, 0], at[:, 1], s=area, linewidths=1.0, zorder=3,
                                     edgecolors=look.theme.ink))  # fmt: skip
            told = ("inputs", *(f"layer {k}" for k in range(1, len(sizes) - 1)), "classes")[layer]
            over.text(at[0, 0], box.top - 0.4 * sheet.unit, told, ha="center", va="bottom",
                      fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip
        heaviest = [float(np.abs(w).max(initial=1e-12)) for w in result.weights]

        def pose(k: int) -> None:
            alive = [np.ones(1, bool), *(m[k] for m in result.masks),
                     np.ones(result.classes, bool)]  # fmt: skip
            for one, weights, before, after, largest in zip(
                edges, result.weights, alive[:-1], alive[1:], heaviest, strict=True
            ):
                one.pose(weights[k], largest, before[:, None] & after)
            for dot, units in zip(dots, alive, strict=True):
                dot.set_facecolor([look.theme.ink if on else look.theme.paper for on in units])
                dot.set_edgecolor([look.theme.ink if on else look.theme.faint for on in units])

        return [*(one.lines for one in edges), *dots], pose

    def _draw_votes(self, axes: Axes, result: DropoutMasks, look: Any) -> None:
        from optviz.render.learning import draw_curve, finish

        curve = quantiles(result.voted, [0.5, 0.1, 0.9])
        draw_curve(axes, curve if self.runs > 1 else curve[0], WITH, look, x=VOTES)
        for values, color, dash in ((result.scaled, look.theme.ink, DASHED),
                                    (result.plain, WITHOUT, "-")):  # fmt: skip
            axes.axhline(float(np.median(values)), color=color, linestyle=dash, linewidth=1.3)
        _count_masks(axes)
        finish(axes, "right in the test", look, is_accuracy=True, label="masks that vote")

    def _draw_apart(self, axes: Axes, result: DropoutMasks, look: Any) -> None:
        from optviz.render.learning import draw_curve, finish

        curve = quantiles(result.apart, [0.5, 0.1, 0.9])
        draw_curve(axes, curve if self.runs > 1 else curve[0], WITH, look, x=VOTES)
        _count_masks(axes)
        axes.set_ylim(bottom=0)
        finish(axes, "vote less scaled network", look, label="masks that vote")

    def _draw_alike(self, axes: Axes, result: DropoutMasks, look: Any) -> None:
        bins = np.linspace(0, 1, 26).tolist()
        means = np.median(result.means, axis=1)
        for values, mean, color in zip(result.alike, means, (WITH, WITHOUT), strict=True):
            if not values.size:
                continue
            share = np.full(values.size, 1 / values.size)
            axes.hist(values, bins, weights=share, histtype="stepfilled", color=color, alpha=0.18)
            axes.hist(values, bins, weights=share, histtype="step", color=color, linewidth=1.6)
            axes.axvline(mean, color=color, linewidth=1.2, linestyle=DASHED)
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_xlabel("absolute correlation of two units of the last hidden layer", labelpad=2)
        axes.set_title(
            "pairs of units", loc="left", fontsize=look.font, color=look.theme.ink, pad=5
        )
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)

    def _small_print(self, sheet: Sheet) -> None:
        from optviz.render.style import described

        entry: Entry = self.optimizer
        sheet.small_print([
            "network: the units that the first sample of a mini-batch keeps; edges: weights, of "
            "the inputs the root of their sum of squares",
            "vote: mean of probabilities", "less: root mean square over samples and classes",
            "dashed: means" + (", their median over the runs" if self.runs > 1 else ""),
            f"{self.activation}, he", described(entry.optimizer, []),
            f"{self.epochs} epochs, batches of {self.batch_size}", "20 % of the data for the test",
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip


def _count_masks(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(VOTES, [str(count) for count in VOTES])
