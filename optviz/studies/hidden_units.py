"""What each hidden unit of a network tells apart, layer by layer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.data import Dataset
from optviz.nn.network import Network
from optviz.nn.plane import FEATURES
from optviz.nn.records import History
from optviz.runs.entry import Entry
from optviz.shared.table import Table, Tabular
from optviz.shared.text import did_you_mean, listed, percent
from optviz.studies.on_plane import OnPlaneStudy
from optviz.studies.settings import Counts, Option, Words
from optviz.studies.study import Filmed, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.moving import Moving
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

#: Frames of a film, and points along each side of a unit's map.
FRAMES, POINTS = 60, 40


@dataclass(frozen=True, repr=False, eq=False)
class HiddenUnits(Tabular):
    """A network on two features, and what its units answer, as training goes on.

    Attributes
    ----------
    network, history
        At the end.
    steps : ndarray (frames,)
        Of training, 0 first.
    x, y : ndarray (n,)
        The grid, in the units of the data.
    given : ndarray (n, n, features)
        What the network is given there.
    maps : tuple of ndarray (frames, n, n, units)
        What each layer's units answer after the activation, rows are y; at last the probability of
        each class.
    weights : tuple of ndarray (frames, inputs, units)
        Of each layer.
    samples, labels : ndarray (k, 2), (k,)
        Those of training.
    classes : tuple of str
    told_apart : tuple of ndarray (units,)
        For each hidden unit the best that one threshold on it does, at the end, on the samples of
        training: the mean of the shares of one class and of the rest on the right sides (1/2 for
        nothing, 1 for all), for the class that it tells best.
    study
        The settings that made it.
    """

    network: Network
    history: History
    steps: NDArray[np.int64]
    x: Real
    y: Real
    given: Real
    maps: tuple[Real, ...]
    weights: tuple[Real, ...]
    samples: Real
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    told_apart: tuple[Real, ...]
    study: Any = field(repr=False)

    def table(self) -> Table:
        """A row for each point of the grid and unit, at the end."""
        x, y = np.meshgrid(self.x, self.y)
        columns: dict[str, list[Any]] = {"layer": [], "unit": [], "x": [], "y": [], "value": []}
        for layer, maps in enumerate(self.maps):
            for unit in range(maps.shape[-1]):
                columns["layer"].append(np.full(x.size, layer + 1))
                columns["unit"].append(np.full(x.size, unit + 1))
                columns["x"].append(x.ravel())
                columns["y"].append(y.ravel())
                columns["value"].append(maps[-1, :, :, unit].ravel())
        joined = {name: np.concatenate(parts) for name, parts in columns.items()}
        return Table(joined, ("layer", "unit", "y", "x"), "what the units answer")

    def summary(self) -> Table:
        """Of each hidden layer, what its best unit tells apart."""
        columns = {
            "layer": np.arange(1, len(self.told_apart) + 1),
            "units": np.array([len(told) for told in self.told_apart]),
            "best unit": np.array([int(told.argmax()) + 1 for told in self.told_apart]),
            "tells apart": np.array([float(told.max()) for told in self.told_apart]),
        }
        return Table(columns, title="what one threshold on a unit tells apart")


class HiddenUnitsStudy(OnPlaneStudy, Filmed):
    """What does each hidden unit of a network tell apart, layer by layer?

    Each unit is a map of what it answers over the plane of two features, in the order of the
    network: units of the first layer see half-planes, later ones what these make together. Edges
    are weights, the wider the heavier. A film shows all of it while the network trains.
    """

    natural = (1100, 560)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("dpi", "for a picture that is no film's frame", lambda s: s.frame is None,
               "leave frame out"),
    )  # fmt: skip
    examples = (
        "hidden-units",
        "hidden-units --data spirals:n=600,arms=2 --hidden 8,8 --epochs 300",
        "hidden-units -o units.gif",
    )

    features: Annotated[
        Words, Option("x,y,x2,…"),
        Field(description=f"What the network is given of a point: {', '.join(FEATURES)}."),
    ] = ("x", "y")  # fmt: skip
    batch_norm: Annotated[bool, Field(description="Before each activation.")] = False
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.0
    l1: Annotated[float, Field(ge=0, description="Penalty on the sum of absolute weights.")] = 0.0
    l2: Annotated[float, Field(ge=0, description="Penalty on half the sum of squares.")] = 0.0

    @field_validator("features")
    @classmethod
    def _known_features(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in features if name not in FEATURES]:
            hint = did_you_mean(unknown[0], FEATURES)
            raise ValueError(f"features has no {unknown[0]!r}{hint}; there are {listed(FEATURES)}")
        if not features or len(set(features)) < len(features):
            raise ValueError("features must be some of them, each once, such as x,y,xy")
        return features

    @property
    def given(self) -> tuple[str, ...]:
        """The features that the network is given."""
        return self.features

    def begun(self) -> tuple[Network, Dataset]:
        """The network before training, and the data that it will be trained on."""
        train, _ = self.task.shares()
        network = self.task.network(train, batch_norm=self.batch_norm, dropout=self.dropout,
                                    l1=self.l1, l2=self.l2)  # fmt: skip
        return network, train

    def answers(self, network: Network, places: Any) -> list[Real]:
        """What each hidden layer's units answer at places (n, features), and at last the
        probabilities: (n, units) each."""
        with np.errstate(all="ignore"):
            out = [values for name, values in network.activations(places).items()
                   if name.endswith(f" {self.activation}")]  # fmt: skip
            return [np.asarray(v, float) for v in (*out, network.predict_proba(places))]

    def run(self, progress: Progress | None = None) -> HiddenUnits:
        """Train, and ask every unit everywhere."""
        task, entry = self.task, self.optimizer
        network, train = self.begun()
        optimizer: Entry = entry
        history, rows, steps = task.train(network, optimizer.optimizer, FRAMES,
                                          self.told(progress))  # fmt: skip
        x, y = task.axes(POINTS)
        places = task.places(x, y)
        maps: list[list[Real]] = []
        weights: list[list[Real]] = []
        for row in rows:
            network.parameters[...] = row
            maps.append([v.reshape(len(y), len(x), -1) for v in self.answers(network, places)])
            weights.append([np.array(v, float) for name, v in network.views().items()
                            if name.endswith("/W")])  # fmt: skip
        *taken, _ = self.answers(network, task.inputs(train, train.x))
        apart = [np.array([_told_apart(unit, train.y) for unit in values.T]) for values in taken]
        return HiddenUnits(
            network, history, steps, x, y,
            np.asarray(places, float).reshape(len(y), len(x), -1),
            tuple(np.array(v) for v in zip(*maps, strict=True)),
            tuple(np.array(v) for v in zip(*weights, strict=True)), np.asarray(train.x, float),
            train.y, train.classes, tuple(apart), self,
        )  # fmt: skip

    def finding(self, result: HiddenUnits) -> str:
        """What the best unit of each layer tells apart, and the network."""
        if result.history.diverged:
            return f"Training diverged in epoch {result.history.epochs}: no unit counts"
        best = listed(f"{percent(told.max(), 0)} in layer {k}"
                      for k, told in enumerate(result.told_apart, 1))  # fmt: skip
        accuracy = result.history.validation_accuracy[-1]
        return (f"One threshold on its best unit tells a class apart by {best}; the network is "
                f"right for {percent(accuracy, 0)} of the test")  # fmt: skip

    def draw(self, result: HiddenUnits, sheet: Sheet) -> None:  # type: ignore[override]
        """The network as it is at the end."""
        self._compose(result, sheet)[1](len(result.steps) - 1)

    def film(self, result: HiddenUnits) -> Moving:
        """Units, edges and answers while it trains."""
        from optviz.render.moving import Moving, with_counter

        def build(sheet: Sheet) -> Any:
            moving, pose = self._compose(result, sheet)
            return with_counter(sheet, moving, pose, lambda k: (
                f"step {result.steps[k]:,} of {result.steps[-1]:,}"
            ))  # fmt: skip

        return Moving(self, result, self.fps, count=len(result.steps), build=build)

    def _compose(self, result: HiddenUnits, sheet: Sheet) -> tuple[list[Any], Any]:
        """What moves, and what poses it."""
        from optviz.render import graph
        from optviz.render.ground import ground_of, hues
        from optviz.render.layout import Box

        look, unit = sheet.look, sheet.unit
        colors = hues(len(result.classes))
        sheet.legend([
            *(sheet.handle(f"class {name}", color, "o", "none")
              for name, color in zip(result.classes, colors, strict=True)),
            sheet.handle("positive weight", graph.POSITIVE),
            sheet.handle("negative", graph.NEGATIVE),
        ])  # fmt: skip
        sheet.heading(f"What hidden units tell apart on {self.data_name}")
        box = sheet.free(left=0.9, below=0.6)
        side = min(box.height - 3.4 * unit, 0.36 * box.width)
        place = Box(box.right - side, box.top + (box.height - side) / 2, side, side)
        sizes = (len(self.features), *(maps.shape[-1] for maps in result.maps))
        network = Box(box.left, box.top + 1.4 * unit, box.width - side - 3.2 * unit,
                      box.height - 1.4 * unit)  # fmt: skip
        boxes = graph.columns(network, sizes, 7.0 * unit)
        over = graph.ground(sheet, network)
        edges = [graph.draw_edges(over, a, b, unit) for a, b in itertools.pairwise(boxes)]
        images = self._units(sheet, result, boxes)
        ground, points = self._draw_answer(sheet.axes(place, "answer"), result, colors, look)
        heaviest = max(float(np.abs(w[-1]).max()) for w in result.weights)

        def pose(k: int) -> None:
            for one, weights in zip(edges, result.weights, strict=True):
                one.pose(weights[k], heaviest)
            for (layer, j), image in images.items():
                values = result.maps[layer][k, :, :, j]
                if layer < len(result.maps) - 1:
                    image.set_clim(*_range(values))
                image.set_data(values)
            ground.set_data(ground_of(result.maps[-1][k], colors, look.theme.paper))

        self._small_print(sheet, result)
        return [*(one.lines for one in edges), *images.values(), ground, *points], pose

    @staticmethod
    def _draw_answer(axes: Axes, result: HiddenUnits, colors: list[str], look: Any) -> Any:
        """The probability of the likeliest class over the plane, and the samples; both."""
        from optviz.render.ground import draw_ground

        ground = draw_ground(axes, result.x, result.y, result.maps[-1][-1], colors, look,
                             with_lines=False)  # fmt: skip
        for k, color in enumerate(colors):
            axes.plot(*result.samples[result.labels == k].T, "o", color=color, zorder=3,
                      markersize=0.28 * look.font, markeredgecolor=look.theme.paper,
                      markeredgewidth=0.4)  # fmt: skip
        axes.set_title("what the network answers", loc="left", fontsize=0.9 * look.font,
                       color=look.theme.ink, pad=4)  # fmt: skip
        axes.set_xlabel("feature 1", labelpad=1)
        axes.set_ylabel("feature 2", labelpad=1)
        return ground, list(axes.lines)

    @staticmethod
    def _units(sheet: Sheet, result: HiddenUnits, boxes: Any) -> dict[tuple[int, int], Any]:
        """The image of each unit by its layer and place; inputs stand still."""
        from matplotlib.colors import LinearSegmentedColormap

        from optviz.render.ground import hues

        look, extent = sheet.look, (result.x[0], result.x[-1], result.y[0], result.y[-1])
        colors = hues(len(result.classes))
        images = {}
        count = len(result.maps)
        for layer, column in enumerate(boxes):
            titles = ("features", *(f"layer {k + 1}" for k in range(count - 1)), "probability")
            for j, place in enumerate(column):
                name = f"{titles[layer]} {j + 1}"
                axes = sheet.figure.add_axes(place.fraction(sheet.width, sheet.height), label=name)
                values = result.given[..., j] if not layer else result.maps[layer - 1][-1, :, :, j]
                cmap: Any = "RdBu_r"
                low, high = (values.min(), values.max()) if not layer else _range(values)
                if layer == count:
                    cmap = LinearSegmentedColormap.from_list(name, [look.theme.paper, colors[j]])
                    low, high = 0.0, 1.0
                image = axes.imshow(values, origin="lower", extent=extent, aspect="auto", cmap=cmap,
                                    vmin=low, vmax=high, zorder=2)  # fmt: skip
                axes.set_xticks([])
                axes.set_yticks([])
                for spine in axes.spines.values():
                    spine.set_color(look.theme.quiet)
                    spine.set_linewidth(0.8)
                if layer:
                    images[layer - 1, j] = image
                if not j:
                    axes.set_title(titles[layer], fontsize=0.8 * look.font, color=look.theme.ink,
                                   pad=4)  # fmt: skip
        return images

    def _small_print(self, sheet: Sheet, result: HiddenUnits) -> None:
        sheet.small_print([
            "units: red positive, blue negative, white 0, each by its own largest answer",
            "edges: weights, the widest is the heaviest at the end",
            f"features {', '.join(self.features)} of the standardised coordinates"
            if self.features != ("x", "y") else "",
            "batch normalisation" if self.batch_norm else "",
            f"dropout {self.dropout:g}" if self.dropout else "",
            f"L1 {self.l1:g}" if self.l1 else "", f"L2 {self.l2:g}" if self.l2 else "",
            *self.choices(len(result.samples)),
        ])  # fmt: skip


def _range(values: Real) -> tuple[float, float]:
    """Limits of a unit's colours, so that 0 is white."""
    seen = values[np.isfinite(values)]
    largest = float(np.abs(seen).max(initial=1e-12))
    return -largest, largest


def _told_apart(values: Any, labels: NDArray[np.int64]) -> float:
    """The best that one threshold does for one class against the rest: (1 + the largest distance
    of both distribution functions)/2."""
    if not np.isfinite(values).all():
        return 0.5
    order = np.argsort(values, kind="stable")
    ordered, best = np.asarray(values, float)[order], 0.0
    # A threshold lies between values that differ.
    ends = np.append(np.flatnonzero(np.diff(ordered) > 0), len(ordered) - 1)
    for k in range(int(labels.max()) + 1):
        own = (labels == k)[order]
        if 0 < own.sum() < len(own):
            inside, outside = np.cumsum(own) / own.sum(), np.cumsum(~own) / (~own).sum()
            best = max(best, float(np.abs(inside - outside)[ends].max()))
    return (1 + best) / 2
