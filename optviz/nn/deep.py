"""Networks for a few samples: equal hidden layers, and how they are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from optviz.data import count_for_training, load_classes, min_max, standardize
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.records import History
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer

#: Samples for training unless given.
USUAL = 1000


@dataclass(frozen=True)
class Deep:
    """A deep network's task: a few samples, equal hidden layers, and how it is trained.

    Attributes
    ----------
    data
        Text for `data.load`.
    samples
        For training, 1,000 or half of smaller data if None; the rest is for the test.
    layers, units
        Hidden layers, and the units of each.
    seed
        Run k has the seed (seed, k): of the samples, of first weights and of batches.
    """

    data: str
    samples: int | None
    layers: int
    units: int
    activation: str
    epochs: int
    batch_size: int
    seed: int

    def shares(self, run: int) -> tuple[Any, Any]:
        """The samples for training and the rest, scaled as the first say; drawn anew each run.

        Raises
        ------
        ValueError
            If there are not more samples than for training.
        """
        whole = load_classes(self.data)
        samples = count_for_training(whole, self.samples, USUAL)
        rng = np.random.default_rng([self.seed, run, 2])
        train, test = whole.split(1 - samples / len(whole), rng=rng)
        if whole.is_sparse:
            return train, test
        is_image = whole.image is not None
        scale = min_max(train, together=True) if is_image else standardize(train)
        return scale(train), scale(test)

    def network(
        self, train: Any, run: int, init: str, batch_norm: bool = False, **settings: Any
    ) -> Network:
        """The network before training, from the same random numbers whatever else is set."""
        sizes = (train.inputs, *[self.units] * self.layers, train.n_classes)
        rng = np.random.default_rng([self.seed, run, 0])
        return MLP(sizes, activation=self.activation, batch_norm=batch_norm, init=init,
                   rng=rng, **settings)  # fmt: skip

    def train(
        self, network: Network, train: Any, run: int, optimizer: Optimizer,
        after_step: Callable[[int], None] | None = None, **options: Any,
    ) -> History:  # fmt: skip
        """Train on the same batches whatever the network; `validation_accuracy` is that of all
        training samples at the end of each epoch, with the moving averages."""
        told = None if after_step is None else lambda done, total, loss, rate: after_step(done)
        return fit(
            network, train.x, train.y, optimizer.fresh(), epochs=self.epochs,
            batch_size=self.batch_size, validation=(train.x, train.y), hints=False,
            rng=np.random.default_rng([self.seed, run, 1]), progress=told, **options,
        )  # fmt: skip
