"""The same network once more, to be moved about while the one that was given stays as it is."""

from __future__ import annotations

from typing import Any

from optviz.nn.network import Network


def twin(network: Network, dtype: Any = None) -> Network:
    """A network of the same layers, parameters and averages, in another type if that is given.

    Layers of one's own and initialisers that are functions are no obstacle: nothing goes through
    a file.
    """
    layers = []
    for layer in network.layers:
        settings = {key: value for key, value in layer.spec().items() if key != "layer"}
        layers.append(type(layer)(**settings))
    made = Network(
        network.sample, layers, loss=network.loss_function,
        dtype=network.dtype if dtype is None else dtype, rng=0,
    )  # fmt: skip
    made.classes = network.classes
    for name, array in network.state().items():
        made.state()[name][...] = array
    return made
