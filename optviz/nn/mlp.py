"""The short way to a network: dense layers with activations between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from optviz.nn.initializers import Initializer
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.losses import Loss
from optviz.nn.network import Network
from optviz.shared.checks import is_whole
from optviz.shared.text import listed


def MLP(  # noqa: N802  (a network is made of it: it reads like a class)
    sizes: Sequence[int],
    *,
    activation: str = "relu",
    batch_norm: bool | str = False,
    dropout: float = 0.0,
    init: str | float | Initializer = "he",
    loss: str | Loss = "softmax",
    l1: float | Mapping[str, float] = 0.0,
    l2: float | Mapping[str, float] = 0.0,
    convention: str = "book",
    dtype: Any = np.float32,
    rng: Any = None,
) -> Network:
    """A multilayer perceptron: dense layers with activations between them.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of inputs, of units of each hidden layer, and of outputs: (784, 300, 100, 10).
    activation : str
        See `activations.ACTIVATIONS`.
    batch_norm : bool or str
        True or "before": batch normalisation between each hidden layer and its activation;
        "after": after the activation; "logits": before it, and on the outputs as well.
    dropout : float
        The share of each hidden layer's outputs that is dropped in training, in [0, 1).
    init, loss, l1, l2, dtype, rng
        As for `Dense` and `Network`.
    convention : str
        Of the batch normalisation: "book" (but its running variance begins at 1, not at 0),
        "torch" or "keras".

    Returns
    -------
    Network

    Examples
    --------
    >>> net = MLP((64, 100, 10), batch_norm=True, dropout=0.3, rng=0)
    >>> net.names
    ('1 dense', '1 batchnorm', '1 relu', '1 dropout', '2 dense')
    """
    numbers = list(sizes) if isinstance(sizes, Iterable) else []
    if len(numbers) < 2 or not all(is_whole(n) and n >= 1 for n in numbers):
        raise ValueError(f"sizes must be at least two whole numbers ≥ 1, not {sizes!r}")
    places = (False, True, "before", "after", "logits")
    if batch_norm not in places:
        raise ValueError(f"batch_norm must be one of {listed(places)}, not {batch_norm!r}")
    # Refuse what is out of range or unknown, whether or not a layer will have it.
    Dropout(dropout), Activation(activation), BatchNorm(convention=convention)
    inputs, *hidden, outputs = numbers
    layers: list[Layer] = []
    is_normed = batch_norm in (True, "before", "logits")
    for units in hidden:
        # The β of a normalisation that follows takes the place of b.
        layers.append(Dense(units, init, bias=not is_normed))
        if is_normed:
            layers.append(BatchNorm(convention=convention))
        layers.append(Activation(activation))
        if batch_norm == "after":
            layers.append(BatchNorm(convention=convention))
        if dropout:
            layers.append(Dropout(dropout))
    layers.append(Dense(outputs, init, bias=batch_norm != "logits"))
    if batch_norm == "logits":
        layers.append(BatchNorm(convention=convention))
    return Network(inputs, layers, loss=loss, l1=l1, l2=l2, dtype=dtype, rng=rng)
