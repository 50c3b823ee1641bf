"""Networks: a sequence of layers over one flat vector of parameters, and a loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from optviz.nn import storage
from optviz.nn.layer import Layer
from optviz.nn.model import Model
from optviz.nn.records import History
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer


class Network(Model):
    """Layers in a row.

    All parameters lie in one flat vector, those that decay first, so that an optimizer steps them
    in one call; each layer has named views into it.

    Parameters
    ----------
    inputs : int
        Numbers in a sample.
    layers : sequence of Layer
        At least one; each layer object belongs to one network.
    loss : str or Loss
        "softmax", "binary" or "mse".
    l1, l2 : float or mapping, ≥ 0
        Penalties λ₁ Σ|θ| + λ₂/2 Σθ² on weights; or by kind of parameter, such as
        `{"W": 1e-4, "b": 1e-5}` (kinds: W, b, gamma, beta, and those of
        your own layers).
    dtype
        float32 or float64.
    rng
        Seed or generator of the first weights and of dropout.

    Attributes
    ----------
    parameters, gradients : ndarray (p,)
        The flat vectors.
    decaying : int
        So many parameters at the beginning of the vector decay (the weights).

    Examples
    --------
    >>> import optviz as ov
    >>> from optviz.nn import Activation, Dense, Network
    >>> net = Network(2, [Dense(20), Activation("tanh"), Dense(1)], loss="binary")
    >>> net.parameters.shape, net.layers[0].params["W"].shape
    ((81,), (2, 20))
    """

    def fit(
        self, x: ArrayLike, y: ArrayLike, optimizer: str | Optimizer, **options: Any
    ) -> History:
        """Train; see `training.fit` for the options.

        >>> import numpy as np, optviz as ov
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> net = ov.nn.MLP((2, 20, 2), rng=0)
        >>> history = net.fit(x, (x[:, 0] > 0).astype(int), ov.Adam(lr=0.05), epochs=5, rng=0)
        >>> history.epochs, bool(history.accuracy[-1] > 0.95)
        (5, True)
        """
        return fit(self, x, y, optimizer, **options)

    def spec(self) -> dict[str, Any]:
        """The architecture as JSON data."""
        return storage.spec_of(self)

    def save(self, path: str | Path) -> Path:
        """Write architecture and parameters to an `.npz` (no pickle); `Network.load` reads it."""
        return storage.save(self, path)

    @classmethod
    def load(cls, path: str | Path, layers: Iterable[type[Layer]] = ()) -> Network:
        """A network that `save` wrote.

        Parameters
        ----------
        layers
            The classes of your own layers in it, such as `[Scale]`: no class is made but these
            and the built-in ones.

        Raises
        ------
        ValueError
            If the file is damaged, none of ours, or has a layer of another class; nothing in it
            is executed.
        """
        return storage.load(cls, path, layers)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], layers: Iterable[type[Layer]] = ()) -> Network:
        """A network of the architecture that `spec` returned, with new parameters."""
        return storage.made(cls, spec, storage.layers_of(spec, storage.known(layers)))
