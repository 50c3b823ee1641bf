"""Signals through deep networks: how far values and gradients grow from layer to layer, measured
and as mean-field theory predicts.

Poole et al., "Exponential expressivity in deep neural networks through transient chaos", NIPS 2016
(equation 3); Schoenholz et al., "Deep information propagation", ICLR 2017 (equations 5 and 20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.activations import ALPHAS, backward_kernel, check_activation, forward_kernel
from optviz.nn.layers import Activation, Dense
from optviz.nn.network import Network

Real = NDArray[np.float64]

#: Standard deviations of a Gaussian that the integrals take in, and points of their grid: an even
#: number, so that none lies on the kink at 0.
WIDE, POINTS = 10.0, 8000


def deep_network(
    inputs: int, outputs: int, depth: int, units: int, activation: str, init: str, rng: Any
) -> Network:
    """`depth` hidden layers of equal width and an output layer, all from one initialiser."""
    layers: list[Any] = []
    for _ in range(depth):
        layers += [Dense(units, init), Activation(activation)]
    return Network(inputs, [*layers, Dense(outputs, init)], dtype="float64", rng=rng)


@dataclass(frozen=True)
class Signals:
    """What passes the hidden layers of a network.

    Attributes
    ----------
    forward : ndarray (depth,)
        The mean square of what each activation takes in, over samples and units.
    backward : ndarray (depth,)
        The root mean square, over samples and units, of the gradient of a sample's loss by it.
    """

    forward: Real
    backward: Real


def measure(network: Network, x: Any, y: Any) -> Signals:
    """One pass forward and one back; the network's parameters stay as they are."""
    values = network.batch(network.check_inputs(x), slice(None))
    targets = network.check_targets(y, len(values))
    taken, back = [], []
    for layer in network.layers:
        if isinstance(layer, Activation):
            taken.append(float(np.mean(np.square(values, dtype=float))))
        values = layer.forward(values, False)
    gradient: Any = np.empty_like(values)
    network.loss_function(values, targets, gradient)
    # The loss is the mean over the batch: its gradient by one sample's values is 1/n of the
    # sample's own.
    gradient *= len(values)
    for layer in reversed(network.layers):
        gradient = layer.backward(gradient)
        if isinstance(layer, Activation):
            back.append(float(np.sqrt(np.mean(np.square(gradient, dtype=float)))))
    return Signals(np.array(taken), np.array(back[::-1]))


def weight_variances(network: Network) -> Real:
    """σw² of each hidden layer: inputs times the mean square of its weights, as they are."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)][:-1]
    return np.array([layer.inputs * float(np.mean(np.square(layer.params["W"], dtype=float)))
                     for layer in dense])  # fmt: skip


@dataclass(frozen=True)
class MeanField:
    """What is predicted for wide layers with independent weights and no biases.

    Attributes
    ----------
    forward : ndarray (depth,)
        q of each layer: qˡ = σw² E[φ(√qˡ⁻¹ z)²], z Gaussian; q¹ is taken as measured.
    chi : ndarray (depth,)
        χˡ = σw² E[φ′(√qˡ z)²]: by so much the mean square of the gradient grows on its way from
        layer l + 1 down to layer l.
    """

    forward: Real
    chi: Real

    def backward(self, last: float) -> Real:
        """The root mean square of the gradients, if that of the last layer is `last`."""
        growth = np.append(np.cumprod(self.chi[:-1][::-1])[::-1], 1.0)
        return np.asarray(last * np.sqrt(growth))


def mean_field(activation: str, variances: Any, first: float) -> MeanField:
    """The recursions, for σw² of each layer and the mean square that the first activation takes in.

    Examples
    --------
    He's initialisation keeps both for ReLU:

    >>> found = mean_field("relu", np.full(4, 2.0), 1.0)
    >>> found.forward.round(6).tolist(), found.chi.round(3).tolist()
    ([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0])
    """
    z = np.linspace(-WIDE, WIDE, POINTS)
    weights = np.exp(-(z**2) / 2)
    weights /= weights.sum()
    sizes = np.asarray(variances, dtype=float)
    q, slopes = np.empty((2, len(sizes)))
    last = first
    for k in range(len(sizes)):
        y, slope = _at(activation, np.sqrt(last) * z)
        q[k], slopes[k] = last, weights @ np.square(slope)
        if k + 1 < len(sizes):
            last = float(sizes[k + 1] * (weights @ np.square(y)))
    # The gradient comes down through the weights of the layer above.
    return MeanField(q, np.append(sizes[1:], sizes[-1]) * slopes)


def _at(activation: str, x: Real) -> tuple[Real, Real]:
    """An activation and its slope, by the kernels that networks train with."""
    name = check_activation(activation)
    y, slope, alpha = np.empty_like(x), np.empty_like(x), ALPHAS.get(name, 0.0)
    forward_kernel(name, "float64")(x, y, alpha)
    backward_kernel(name, "float64")(x, y, np.ones_like(x), slope, alpha)
    return y, slope
