"""Networks that tell apart points of a plane: how they are trained, and what they answer in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data import Dataset, count_for_training, load_classes, standardize
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.records import History
from optviz.nn.run import Run
from optviz.nn.training import begin, fit
from optviz.optimizers.base import Optimizer

Real = NDArray[np.float64]

#: What a network may be given of a point's standardised coordinates.
FEATURES: Mapping[str, Callable[[Real, Real], Real]] = MappingProxyType({
    "x": lambda x, y: x, "y": lambda x, y: y, "x2": lambda x, y: x**2, "y2": lambda x, y: y**2,
    "xy": lambda x, y: x * y, "sinx": lambda x, y: np.sin(np.pi * x),
    "siny": lambda x, y: np.sin(np.pi * y),
})  # fmt: skip
#: The share of the data for the test, and the room around the data, as a share of their width.
TEST, MARGIN = 0.2, 0.08


@dataclass(frozen=True)
class OnPlane:
    """The task: data with two features, hidden layers, and how they are trained.

    Attributes
    ----------
    data
        Text for `data.load`.
    hidden
        Sizes of hidden layers.
    samples, usual
        For training, and what it is if not given: 80 % of the data if None. The rest is for the
        test.
    seed
        Of the split, of first weights and of batches.
    features
        What the network is given of each point, by the names of `FEATURES`.
    """

    data: str
    hidden: tuple[int, ...]
    activation: str
    init: str
    epochs: int
    batch_size: int
    seed: int
    samples: int | None = None
    usual: int | None = None
    features: tuple[str, ...] = ("x", "y")

    def shares(self) -> tuple[Dataset, Dataset]:
        """For training and test, in the units of the data.

        Raises
        ------
        ValueError
            If there are more or fewer than two features.
        """
        whole = load_classes(self.data)
        if whole.inputs != 2 or whole.is_sparse:
            raise ValueError(
                f"a plane needs two features, and {whole.name} has {whole.inputs:,}: try moons, "
                "circles or spirals"
            )
        test = TEST
        if self.usual is not None:
            test = 1 - count_for_training(whole, self.samples, self.usual) / len(whole)
        return whole.split(test, rng=np.random.default_rng([self.seed, 2]))

    def inputs(self, train: Dataset, points: Any) -> Any:
        """What the network is given of points (n, 2) in the units of the data: (n, features)."""
        scaled = np.asarray(standardize(train)(points))
        if self.features == ("x", "y"):
            return scaled
        x, y = scaled.T
        return np.column_stack([FEATURES[name](x, y) for name in self.features])

    def network(self, train: Dataset, **settings: Any) -> Network:
        """Before training; from the same random numbers whatever the settings."""
        sizes = (len(self.features), *self.hidden, train.n_classes)
        return MLP(sizes, activation=self.activation, init=self.init,
                   rng=np.random.default_rng([self.seed, 0]), **settings)  # fmt: skip

    def begin(self, network: Network, optimizer: Optimizer) -> Run:
        """The training that `train` makes, before its first epoch: as many as one likes follow."""
        train, test = self.shares()
        x, held_out = (self.inputs(train, share.x) for share in (train, test))
        return begin(network, x, train.y, optimizer.fresh(), batch_size=self.batch_size,
                     validation=(held_out, test.y),
                     rng=np.random.default_rng([self.seed, 1]))  # fmt: skip

    def train(
        self, network: Network, optimizer: Optimizer, frames: int = 0,
        progress: Callable[[int, int, float, float], None] | None = None, **options: Any,
    ) -> tuple[History, Real, NDArray[np.int64]]:  # fmt: skip
        """Train on standardised features.

        Parameters
        ----------
        frames
            About so many times the parameters are kept, beside the first and the last; 0 for
            these two alone.

        Returns
        -------
        history
            Its validation is the test share.
        parameters : ndarray (k, p)
        steps : ndarray (k,)
            After which they were.
        """
        train, test = self.shares()
        inputs, held_out = (self.inputs(train, share.x) for share in (train, test))
        first = network.parameters.copy()
        total = self.epochs * -(-len(train) // self.batch_size)

        def told(_: Any, history: History) -> None:
            # Not after each step: those of small networks are made together.
            if progress is not None:
                progress(history.steps, total, float(history.loss[-1]), float(history.rate[-1]))

        every = max(1, round(total / frames)) if frames else total
        history = fit(
            network, inputs, train.y, optimizer.fresh(), epochs=self.epochs, hints=False,
            batch_size=self.batch_size, validation=(held_out, test.y), callbacks=[told],
            record=("parameters",), record_every=every,
            rng=np.random.default_rng([self.seed, 1]), **options,
        )  # fmt: skip
        kept, after = history.records["parameters"], history.records["step"]
        rows, steps = np.vstack([first[None], kept]), np.concatenate([[0], after])
        if steps[-1] < history.steps:
            rows = np.vstack([rows, network.parameters[None]])
            steps = np.append(steps, history.steps)
        return history, rows.astype(float), steps.astype(np.int64)

    def axes(self, points: int) -> tuple[Real, Real]:
        """So many places along each side, around all data, in their units."""
        x = np.vstack([share.x for share in self.shares()]).astype(float)
        low, high = x.min(axis=0), x.max(axis=0)
        margin = MARGIN * np.where(high > low, high - low, 1.0)
        first, second = (np.linspace(a, b, points)
                         for a, b in zip(low - margin, high + margin, strict=True))  # fmt: skip
        return first, second

    def places(self, x: Real, y: Real) -> Any:
        """The grid's points as the network takes them: (len(y) · len(x), 2)."""
        train, _ = self.shares()
        return self.inputs(train, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
