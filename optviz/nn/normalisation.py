"""The three statistics of batch normalisation: a batch's own, averages, the whole set's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.layers import BatchNorm
from optviz.nn.network import Network

Real = NDArray[np.float64]

#: Without, and with: the first axis of all results.
BOTH = (False, True)


def outputs_in_training(network: Network, x: Any) -> dict[str, NDArray[Any]]:
    """The outputs of each layer when the rows of x are one batch of training: batch normalisation
    takes their own moments. Nothing in the network changes."""
    before = {name: array.copy() for name, array in network.state().items()}
    try:
        return network.activations(x, training=True)
    finally:
        network.restore(before)


def correct_by_own_batch(network: Network, x: Any, y: Any, size: int) -> int:
    """How many answers are right if batches of so many rows are normalised by themselves.

    Rows beyond the last whole batch are left out.
    """
    last = network.names[-1]
    right = 0
    for k in range(0, len(y) - len(y) % size, size):
        scores = outputs_in_training(network, x[k : k + size])[last]
        right += int((scores.argmax(axis=1) == y[k : k + size]).sum())
    return right


def take_population(network: Network, x: Any) -> None:
    """Put the moments of all rows of x in the place of the moving averages, layer by layer.

    Ioffe and Szegedy (2015), algorithm 2, line 10, with one batch that is the whole set (and so
    without m/(m − 1), which is next to 1).
    """
    values = network.enter(network.batch(network.check_inputs(x), slice(None)))
    for layer in network.layers:
        if isinstance(layer, BatchNorm):
            layer.averages["mean"][...] = values.mean(axis=0, dtype=float)
            layer.averages["variance"][...] = values.var(axis=0, dtype=float)
        values = layer.forward(values, False).copy()
