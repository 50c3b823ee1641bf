"""Networks that tell apart points of a plane: how they are trained, and what they answer in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data import Dataset, count_for_training, load_classes, standardize
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.records import History
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer

Real = NDArray[np.float64]

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

    def network(self, train: Dataset, **settings: Any) -> Network:
        """Before training; from the same random numbers whatever the settings."""
        sizes = (2, *self.hidden, train.n_classes)
        return MLP(sizes, activation=self.activation, batch_norm=False, init=self.init,
                   rng=np.random.default_rng([self.seed, 0]), **settings)  # fmt: skip

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
        scale = standardize(train)
        inputs, held_out = scale(train), scale(test)
        first = network.parameters.copy()
        total = self.epochs * -(-len(train) // self.batch_size)
        every = max(1, round(total / frames)) if frames else total
        history = fit(
            network, inputs.x, inputs.y, optimizer.fresh(), epochs=self.epochs, hints=False,
            batch_size=self.batch_size, validation=(held_out.x, held_out.y), progress=progress,
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
        return standardize(train)(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
