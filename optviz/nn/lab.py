"""The lab's convolutional network, and how its runs are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from optviz.data import Dataset, load_classes, min_max
from optviz.nn.images import Conv2D, Flatten, MaxPool2D
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.network import Network
from optviz.nn.records import History
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer

#: Window of both convolutions, and of both pools.
WINDOW, POOL = 3, 2
#: The lab's epochs, on a data set as large as its own; a small one gets as many as make about so
#: many steps.
EPOCHS, LARGE, STEPS = 5, 10_000, 450
#: Of MNIST's own files: 60,000 for training, 10,000 for the test.
MNIST, TRAINED = 70_000, 60_000
#: What layers begin with that no variant changes: Keras's own.
USUAL = "glorot_uniform"


@dataclass(frozen=True)
class Variant:
    """What a run of the lab changes: the optimizer, the activation of both convolutions, the first
    one's initialiser, and whether batch normalisation stands before the activations."""

    optimizer: Optimizer
    activation: str = "relu"
    init: str = USUAL
    batch_norm: bool = False


@dataclass(frozen=True)
class Lab:
    """The task: data, sizes, and how it is trained.

    Attributes
    ----------
    data
        Text for `data.load`; a set of images.
    filters
        Of both convolutions.
    units
        Of the dense layer.
    epochs
        None for `EPOCHS`, or as many as make about `STEPS` steps where the data are few.
    seed
        Run k has the seed (seed, k): of the split, of first weights and of batches.
    """

    data: str
    filters: tuple[int, int]
    units: int
    dropout: float
    epochs: int | None
    batch_size: int
    seed: int

    def shares(self, run: int) -> tuple[Dataset, Dataset]:
        """For training and validation, scaled to 0 … 1: of MNIST's 70,000 its own, else 80 and
        20 %.

        Raises
        ------
        ValueError
            If the data are no images.
        """
        whole = load_classes(self.data)
        if whole.image is None:
            raise ValueError(
                f"{whole.name} has no images, and a convolution needs them: try digits"
            )
        if is_own_mnist(whole):
            order = np.arange(MNIST)
            train, held_out = whole.take(order[:TRAINED]), whole.take(order[TRAINED:])
        else:
            train, held_out = whole.split(0.2, rng=np.random.default_rng([self.seed, run, 2]))
        scale = min_max(train, together=True)
        return scale(train), scale(held_out)

    def epochs_of(self, samples: int) -> int:
        """How many epochs so many samples for training get."""
        if self.epochs is not None:
            return self.epochs
        per_epoch = -(-samples // self.batch_size)
        return EPOCHS if samples >= LARGE else max(EPOCHS, round(STEPS / per_epoch))

    def network(self, train: Dataset, variant: Variant, run: int) -> Network:
        """The network before training, from the same random numbers whatever the variant."""
        assert train.image is not None
        image = (*train.image, 1)
        return Network(image, self.layers(train, variant), loss="softmax",
                       rng=np.random.default_rng([self.seed, run, 0]))  # fmt: skip

    def layers(self, train: Dataset, variant: Variant) -> list[Layer]:
        """Twice convolution and pool, then two dense layers."""
        assert train.image is not None
        padding, out = padding_of(train.image), []
        for filters, init in zip(self.filters, (variant.init, USUAL), strict=True):
            out += [
                Conv2D(filters, WINDOW, padding=padding, init=init),
                *([BatchNorm()] if variant.batch_norm else []),
                Activation(variant.activation), MaxPool2D(POOL),
            ]  # fmt: skip
        return [
            *out, Flatten(), Dense(self.units, init=USUAL), Activation("relu"),
            *([Dropout(self.dropout)] if self.dropout else []), Dense(train.n_classes, init=USUAL),
        ]  # fmt: skip

    def train(
        self, variant: Variant, run: int,
        progress: Callable[[int, int, float, float], None] | None = None,
    ) -> tuple[Network, History]:  # fmt: skip
        """Train on the same batches whatever the variant."""
        train, held_out = self.shares(run)
        network = self.network(train, variant, run)
        history = fit(
            network, train.x, train.y, variant.optimizer.fresh(), hints=False, progress=progress,
            epochs=self.epochs_of(len(train)), batch_size=self.batch_size,
            validation=(held_out.x, held_out.y), rng=np.random.default_rng([self.seed, run, 1]),
        )  # fmt: skip
        return network, history


def is_own_mnist(data: Any) -> bool:
    """Whether these are all of MNIST's files, in their order."""
    return data.name == "mnist" and len(data) == MNIST


def padding_of(image: tuple[int, int]) -> str:
    """The lab's "valid" where two convolutions and pools leave something of an image, else "same".

    >>> padding_of((28, 28)), padding_of((8, 8))
    ('valid', 'same')
    """
    left = min(image)
    for _ in range(2):
        left = (left - WINDOW + 1) // POOL
    return "valid" if left >= 1 else "same"
