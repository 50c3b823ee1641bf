"""What scaling of the inputs makes of the loss, of gradients, and of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import Dataset, load_classes, min_max, standardize
from optviz.landscapes.curvature import hessian_product
from optviz.landscapes.directions import Plane
from optviz.landscapes.grid import losses_on
from optviz.nn.activations import check_activation
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.records import History, curves
from optviz.nn.training import fit
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular, stacked
from optviz.shared.text import percent
from optviz.studies.on_data import OnData
from optviz.studies.settings import Learner, Seed, Sizes
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

RAW, RANGE, STANDARD = "raw", "to 0 … 1", "standardised"
NAMES = (RAW, RANGE, STANDARD)
COLORS = ("#D55E00", "#0072B2", "#009E73")
#: Points along each side of a map; its edge along the steepest way is so many times as high as its
#: middle, were the loss a quadratic.
POINTS, HIGHER = 41, 2.0
#: Samples that the maps and gradients are of, at most.
PROBE = 500


@dataclass(frozen=True, repr=False, eq=False)
class Scaled(Tabular):
    """The same network on inputs that are scaled in three ways.

    Attributes
    ----------
    histories : tuple of tuple of History
        For raw, to 0 … 1 and standardised inputs, the runs.
    inputs : (int, int)
        The feature that varies most in the raw data, and the one that three quarters of all vary
        more than: the maps are of their weights.
    reach : ndarray (3,)
        How far each map goes to each side.
    loss : ndarray (3, n, n)
        Of a linear model (softmax), in its first class's weights for both inputs; all else is 0.
        Rows are the second weight.
    condition : ndarray (3,)
        The larger eigenvalue of the Hessian in these two weights by the smaller, in the middle of
        the map; nan if that is not positive.
    gradients : ndarray (3, layers)
        Root mean square of the loss's gradient by each layer's weights before training, in the
        first run.
    study
        The settings that made it.
    """

    histories: tuple[tuple[History, ...], ...]
    inputs: tuple[int, int]
    reach: Real
    loss: Real
    condition: Real
    gradients: Real
    study: Any = field(repr=False)

    def accuracy(self) -> Real:
        """In the test after the last epoch, the median over the runs: (3,)."""
        return np.array([
            float(np.median([h.validation_accuracy[-1] for h in runs])) for runs in self.histories
        ])  # fmt: skip

    def lost(self) -> list[int]:
        """How many runs diverged, of each."""
        return [sum(h.diverged for h in runs) for runs in self.histories]

    def table(self) -> Table:
        """A row for each scaling, run and epoch."""
        flat = [h for runs in self.histories for h in runs]
        runs = range(len(self.histories[0]))
        columns = stacked([h.table() for h in flat], scaling=[n for n in NAMES for _ in runs],
                          run=[run for _ in NAMES for run in runs])  # fmt: skip
        return Table(columns, ("scaling", "run", "epoch"), "inputs scaled in three ways")

    def summary(self) -> Table:
        """Of each the accuracy, the condition, and the first layer's gradient."""
        columns = {"scaling": np.array(NAMES), "test": self.accuracy(),
                   "condition": self.condition, "first gradient": self.gradients[:, 0],
                   "diverged": np.array(self.lost())}  # fmt: skip
        return Table(columns, title="inputs scaled in three ways")


class ScalingStudy(OnData):
    """What does it matter how the inputs are scaled?

    The same network, from the same first weights and with the same rate, on inputs as they are, by
    their range to 0 … 1, and with mean 0 and deviation 1. Above: the loss in two weights of one
    unit, where a long valley says that no rate suits both. Below: how large the gradient of each
    layer is before training, and the curves.
    """

    natural = (1000, 720)
    examples = ("scaling", "scaling --optimizer adam:lr=0.01", "scaling --data moons --hidden 16")

    hidden: Annotated[Sizes, Field(description="Sizes of the hidden layers.")] = (50, 50)
    activation: Annotated[str, Field(description="Such as relu, tanh or sigmoid.")] = "tanh"
    optimizer: Learner = "sgd:lr=0.1"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 20
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 64
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 3
    seed: Seed = 0

    _known_activation = field_validator("activation")(check_activation)

    @field_validator("hidden")
    @classmethod
    def _has_sizes(cls, hidden: tuple[int, ...] | None) -> tuple[int, ...]:
        if not hidden:
            raise ValueError("hidden layers need sizes, such as 50,50")
        return hidden

    def run(self, progress: Progress | None = None) -> Scaled:
        """Train on each, and map the loss around the first weights.

        Raises
        ------
        ValueError
            If the data are sparse, or have fewer than two features that vary.
        """
        whole = load_classes(self.data)
        if whole.is_sparse:
            raise ValueError(f"{whole.name} is sparse: ones and zeros have no other scale")
        entry: Entry = self.optimizer
        histories: list[list[History]] = [[] for _ in NAMES]
        for run in range(self.runs):
            for k, (train, test) in enumerate(self._shares(whole, run)):
                told = None
                if progress is not None:
                    at = run * len(NAMES) + k
                    told = lambda done, of, loss, _, at=at: progress(  # noqa: E731
                        at * of + done, self.runs * len(NAMES) * of, f"training  loss {loss:.3g}"
                    )
                rng = np.random.default_rng([self.seed or 0, run, 1])
                histories[k].append(fit(
                    self._network(train, run), train.x, train.y, entry.optimizer.fresh(),
                    epochs=self.epochs, batch_size=self.batch_size, hints=False, progress=told,
                    validation=(test.x, test.y), rng=rng,
                ))  # fmt: skip
        return self._mapped(whole, histories)

    def _shares(self, whole: Dataset, run: int) -> list[tuple[Dataset, Dataset]]:
        """Training and test, scaled in each way as the first say."""
        train, test = whole.split(0.2, rng=np.random.default_rng([self.seed or 0, run, 2]))
        ranged = min_max(train, together=train.image is not None)
        standard = standardize(train)
        return [(train, test), (ranged(train), ranged(test)), (standard(train), standard(test))]

    def _network(self, train: Dataset, run: int, dtype: str = "float32") -> Network:
        sizes = (train.inputs, *(self.hidden or ()), train.n_classes)
        return MLP(sizes, activation=self.activation, batch_norm=False, init="xavier", dtype=dtype,
                   rng=np.random.default_rng([self.seed or 0, run, 0]))  # fmt: skip

    def _mapped(self, whole: Dataset, histories: list[list[History]]) -> Scaled:
        """Maps, conditions and gradients before training, in the first run."""
        shares = [train for train, _ in self._shares(whole, 0)]
        spread = np.asarray(shares[0].x, float).std(axis=0)
        order = np.argsort(-spread, kind="stable")
        order = order[spread[order] > 0]
        if len(order) < 2:
            raise ValueError(f"{whole.name} has fewer than two features that vary")
        inputs = int(order[0]), int(order[max(1, 3 * len(order) // 4)])
        maps = [self._map(train, inputs) for train in shares]
        reach, losses, condition = (np.array(part) for part in zip(*maps, strict=True))
        return Scaled(tuple(map(tuple, histories)), inputs, reach, losses, condition,
                      np.array([self._gradients(train) for train in shares]), self)  # fmt: skip

    @staticmethod
    def _map(train: Dataset, inputs: tuple[int, int]) -> tuple[float, Real, float]:
        """Of a linear model in two weights: how far, the losses, and the condition."""
        network = MLP((train.inputs, train.n_classes), init="zeros", dtype="float64", rng=0)
        x, y = np.asarray(train.x[:PROBE], float), train.y[:PROBE]
        ways = np.zeros((2, network.parameters.size))
        for way, feature in zip(ways, inputs, strict=True):
            network.views(way)["1 dense/W"][feature, 0] = 1.0
        product = hessian_product(network, x, y)
        curved = np.array([[a @ product(b) for b in ways] for a in ways])
        low, high = np.linalg.eigvalsh((curved + curved.T) / 2)
        reach = float(np.sqrt(2 * (HIGHER - 1) * network.loss(x, y) / max(high, 1e-12)))
        places = np.linspace(-reach, reach, POINTS)
        plane = Plane(network.parameters.copy(), ways[0], ways[1], ("a", "b"))
        condition = high / low if low > 1e-12 * high else np.nan
        return reach, losses_on(network, x, y, plane, places, places), condition

    def _gradients(self, train: Dataset) -> list[float]:
        """Root mean square of the gradient by each layer's weights before training."""
        network = self._network(train, 0, "float64")
        gradient = network.gradient(np.asarray(train.x[:PROBE], float), train.y[:PROBE])
        return [float(np.sqrt(np.mean(part**2))) for name, part in network.views(gradient).items()
                if name.endswith("/W")]  # fmt: skip

    def finding(self, result: Scaled) -> str:
        """Accuracies, and how long the valley is."""
        parts = []
        for name, accuracy, lost in zip(NAMES, result.accuracy(), result.lost(), strict=True):
            gone = f" ({lost} of {self.runs} diverged)" if lost else ""
            parts.append(f"{name} {percent(accuracy)}{gone}")
        told = f"Right in the test: {', '.join(parts)}"
        known = ", ".join(_condition(value) for value in result.condition)
        return f"{told}; condition in two weights {known}"

    def draw(self, result: Scaled, sheet: Sheet) -> None:  # type: ignore[override]
        """Maps above; gradients and curves below."""
        from optviz.render.layout import Box

        look, unit = sheet.look, sheet.unit
        sheet.legend([sheet.handle(name, color, "o")
                      for name, color in zip(NAMES, COLORS, strict=True)])  # fmt: skip
        sheet.heading(f"How inputs are scaled on {self.data_name}")
        box = sheet.free(left=0.9, below=3.4)
        wide = box.width / 3
        side = min(wide - 5.6 * unit, 0.52 * box.height)
        for k in range(3):
            place = Box(box.left + k * wide + 4.4 * unit, box.top + 2.4 * unit, side, side)
            self._draw_map(sheet.axes(place, f"map {NAMES[k]}"), result, k, look)
        top = box.top + side + 8.0 * unit
        half = (box.width - 10.0 * unit) / 2
        tall = box.below - top
        left = Box(box.left + 4.4 * unit, top, half, tall)
        self._draw_gradients(sheet.axes(left, "gradients"), result, look)
        right = Box(box.right - half, top, half, tall)
        self._draw_curves(sheet.axes(right, "curves"), result, look)
        self._small_print(sheet, result)

    @staticmethod
    def _draw_map(axes: Axes, result: Scaled, k: int, look: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.ticker import MaxNLocator

        at = np.linspace(-result.reach[k], result.reach[k], POINTS)
        loss = result.loss[k]
        levels = np.geomspace(loss.min(), max(loss.max(), 1.001 * loss.min()), 14)
        ground = LinearSegmentedColormap.from_list("ground", look.theme.ground)
        axes.contourf(at, at, loss, levels=levels, cmap=ground, extend="both", zorder=1)
        axes.contour(at, at, loss, levels=levels, colors=look.theme.isoline, linewidths=0.7,
                     zorder=2)  # fmt: skip
        axes.plot(0, 0, "o", markerfacecolor="none", markeredgecolor=look.theme.ink, zorder=3,
                  markersize=0.7 * look.font)  # fmt: skip
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        told = f"{NAMES[k]}\ncondition {_condition(result.condition[k])}"
        axes.set_title(told, loc="left", fontsize=0.9 * look.font, pad=4, color=COLORS[k])
        axes.set_xlabel(f"weight of input {result.inputs[0] + 1}", labelpad=1)
        if not k:
            axes.set_ylabel(f"weight of input {result.inputs[1] + 1}", labelpad=0)

    @staticmethod
    def _draw_gradients(axes: Axes, result: Scaled, look: Any) -> None:
        from optviz.render.learning import finish

        layers = np.arange(1, result.gradients.shape[1] + 1)
        for row, color in zip(result.gradients, COLORS, strict=True):
            axes.plot(layers, row, color=color, marker="o", linewidth=1.6,
                      markersize=0.42 * look.font, markeredgecolor=look.theme.paper)  # fmt: skip
        axes.set_yscale("log")
        finish(axes, "gradient before training", look, label="layer")

    def _draw_curves(self, axes: Axes, result: Scaled, look: Any) -> None:
        from optviz.render.learning import draw_curve, finish

        for runs, color in zip(result.histories, COLORS, strict=True):
            curve = curves(runs, "loss")
            top = 2 * float(np.max(curve, initial=0.0, where=np.isfinite(curve)))
            draw_curve(axes, curve if self.runs > 1 else curve[0], color, look, top=top)
        finish(axes, "training loss", look)

    def _small_print(self, sheet: Sheet, result: Scaled) -> None:
        from optviz.render.style import described

        entry: Entry = self.optimizer
        sheet.small_print([
            "maps: loss of a linear model around 0, in its first class's weights for the input "
            "that varies most and one that three quarters vary more than, each to its own scale",
            "condition: larger curvature by the smaller, in the middle",
            "gradient: root mean square over a layer's weights",
            f"hidden layers {'-'.join(map(str, self.hidden or ()))}, {self.activation}, xavier",
            described(entry.optimizer, []), f"{self.epochs} epochs, batches of {self.batch_size}",
            "20 % of the data for the test",
            f"median of {self.runs} runs, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip


def _condition(value: Any) -> str:
    if not np.isfinite(value):
        return "not told"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
