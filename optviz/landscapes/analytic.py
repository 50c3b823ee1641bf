"""The gradient of a network's loss in numbers of any kind, complex ones too.

Layers compute in compiled loops over real numbers. The derivative of a gradient along a direction
v, the Hessian's product with v, is exact (to rounding, without a step to choose) if the gradient is
taken at θ + i h v: its imaginary part by h is Hv for any tiny h, for nothing is subtracted. This is
Pearlmutter's R-operator ("Fast exact multiplication by the Hessian", 1994), left to complex
arithmetic. So the layers' formulas stand here once more, in NumPy; activations come from the lines
that the layers' own kernels are made of (`analytic_activations.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.landscapes.analytic_activations import activated, exp
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy
from optviz.nn.network import Network

Numbers = NDArray[Any]
#: What a layer returns: its outputs, and how the gradient comes back through it, which fills the
#: parameters' gradients on its way.
Passed = tuple[Numbers, Callable[[Numbers], Any]]

#: Not with isinstance: a subclass may compute something else.
LAYERS: tuple[type[Layer], ...] = (Dense, BatchNorm, Activation, Dropout)


def is_analytic(network: Network) -> bool:
    """Whether all of a network is known here; it may have layers or a loss of somebody's own."""
    return (all(type(layer) in LAYERS for layer in network.layers)
            and type(network.loss_function) in _SLOPES)  # fmt: skip


class Gradient:
    """The gradient of the mean loss in evaluation, without penalties, as a function of θ.

    Parameters
    ----------
    recompute
        Whether batch normalisation takes the moments of the data, and the gradient goes through
        them; else its averages are constants.
    """

    def __init__(self, network: Network, x: Any, y: Any, recompute: bool = False) -> None:
        inputs = network.check_inputs(x)
        self.network, self.recompute = network, recompute
        self.x = inputs.astype(float)
        self.targets = network.check_targets(y, inputs.shape[0])
        self.slope = _SLOPES[type(network.loss_function)]

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, vector: Numbers) -> Numbers:
        """dL/dθ at a vector (p,) of real or complex numbers."""
        gradient = np.zeros_like(vector)
        given, found = self.network.views(vector), self.network.views(gradient)
        values, ways = self.x, []
        for name, layer in zip(self.network.names, self.network.layers, strict=True):
            params, grads = (
                {key: views[f"{name}/{key}"] for key in layer.params} for views in (given, found)
            )
            values, way = self._through(layer, values, params, grads)
            ways.append(way)
        back = self.slope(values, self.targets)
        for way in reversed(ways):
            back = way(back)
        return gradient

    def _through(self, layer: Any, x: Any, params: dict[str, Numbers], grads: Any) -> Passed:
        if isinstance(layer, Dense):
            return _dense(layer, x, params, grads)
        if isinstance(layer, BatchNorm):
            return _batch_norm(layer, x, params, grads, self.recompute)
        if isinstance(layer, Activation):
            y, slope = activated(layer.name, x, layer.alpha)
            return y, lambda dy: dy * slope
        return x, lambda dy: dy  # dropout keeps all at evaluation


def _times(a: Any, b: Numbers) -> Numbers:
    """a b: the data are real, and large."""
    if np.iscomplexobj(b) and not np.iscomplexobj(a):
        return np.asarray((a @ b.real) + 1j * (a @ b.imag))
    return np.asarray(a @ b)


def _dense(layer: Any, x: Any, params: dict[str, Numbers], grads: dict[str, Numbers]) -> Passed:
    """y = x W + b; dW = xᵀ dy, db = Σ dy, dx = dy Wᵀ."""
    y = _times(x, params["W"])
    if layer.bias:
        y = y + params["b"]

    def back(dy: Numbers) -> Any:
        grads["W"][...] = _times(x.T, dy)
        if layer.bias:
            grads["b"][...] = dy.sum(axis=0)
        return None if layer.is_first else dy @ params["W"].T

    return y, back


def _batch_norm(
    layer: Any, x: Numbers, params: dict[str, Numbers], grads: dict[str, Numbers], recompute: bool
) -> Passed:
    """y = γ x̂ + β with x̂ = (x − μ)/√(σ² + ε). Ioffe and Szegedy, ICML 2015, section 3."""
    mean, variance = layer.averages["mean"], layer.averages["variance"]
    if recompute:
        mean = x.mean(axis=0)
        variance = ((x - mean) ** 2).mean(axis=0)
    scale = (variance + layer.eps) ** -0.5
    hat, gamma = (x - mean) * scale, params["gamma"]

    def back(dy: Numbers) -> Numbers:
        grads["beta"][...] = sums = dy.sum(axis=0)
        grads["gamma"][...] = products = (dy * hat).sum(axis=0)
        if recompute:
            dy = dy - (sums + hat * products) / len(hat)
        return np.asarray(dy * (gamma * scale))

    return gamma * hat + params["beta"], back


# -- losses: their gradients at the outputs -----------------------------------------------------


def _softmax(outputs: Numbers, targets: Numbers) -> Numbers:
    power = np.exp(outputs - outputs.real.max(axis=1, keepdims=True))
    shares = power / power.sum(axis=1, keepdims=True)
    if targets.ndim == 1:
        shares[np.arange(len(targets)), targets] -= 1
    else:
        shares = shares * targets.sum(axis=1, keepdims=True) - targets
    return np.asarray(shares / len(outputs))


def _binary(outputs: Numbers, targets: Numbers) -> Numbers:
    return np.asarray((1 / (1 + exp(-outputs)) - targets) / outputs.size)


def _squares(outputs: Numbers, targets: Numbers) -> Numbers:
    return np.asarray(2 * (outputs - targets) / outputs.size)


_SLOPES: dict[type, Callable[[Numbers, Numbers], Numbers]] = {
    SoftmaxCrossEntropy: _softmax, BinaryCrossEntropy: _binary, MeanSquaredError: _squares,
}  # fmt: skip
