"""The short way to a network: dense layers with activations between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optviz.nn.initializers import Initializer
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.losses import Loss
from optviz.nn.network import Network
from optviz.shared.checks import is_whole
from optviz.shared.text import listed


class MLP(Network):
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

    Examples
    --------
    >>> net = MLP((64, 100, 10), batch_norm=True, dropout=0.3, rng=0)
    >>> net.names
    ('1 dense', '1 batchnorm', '1 relu', '1 dropout', '2 dense')
    """

    def __init__(
        self,
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
    ) -> None:
        layers = _layers(sizes, activation, batch_norm, dropout, init, convention)
        inputs, *_ = sizes
        super().__init__(inputs, layers, loss=loss, l1=l1, l2=l2, dtype=dtype, rng=rng)

    # A file says which layers there are, not how they came together.

    @classmethod
    def load(cls, path: str | Path, layers: Iterable[type[Layer]] = ()) -> Network:
        """What `Network.load` reads: a network of any layers, whichever class wrote it.

        >>> import tempfile
        >>> path = MLP((2, 3, 1), loss="mse", rng=0).save(tempfile.mkdtemp() + "/net.npz")
        >>> MLP.load(path).names
        ('1 dense', '1 relu', '2 dense')
        """
        return Network.load(path, layers)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], layers: Iterable[type[Layer]] = ()) -> Network:
        """What `Network.from_spec` makes."""
        return Network.from_spec(spec, layers)


def _layers(
    sizes: Sequence[int], activation: str, batch_norm: bool | str, dropout: float,
    init: str | float | Initializer, convention: str,
) -> list[Layer]:  # fmt: skip
    numbers = list(sizes) if isinstance(sizes, Iterable) else []
    if len(numbers) < 2 or not all(is_whole(n) and n >= 1 for n in numbers):
        raise ValueError(f"sizes must be at least two whole numbers ≥ 1, not {sizes!r}")
    places = (False, True, "before", "after", "logits")
    if batch_norm not in places:
        raise ValueError(f"batch_norm must be one of {listed(places)}, not {batch_norm!r}")
    # Refuse what is out of range or unknown, whether or not a layer will have it.
    Dropout(dropout), Activation(activation), BatchNorm(convention=convention)
    _, *hidden, outputs = numbers
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
    return layers
