"""The layers, losses and penalties in plain NumPy, as on paper: slow, and for complex numbers too.

Written after the formulas and not after `optviz.nn`. Only the way forward is here: its derivative
is taken by the complex step, f′(x) = Im f(x + ih)/h, which loses no digits however small h is
(Squire and Trapp, SIAM Review 40, 1998). Comparisons look at real parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray
H = 1e-100


def logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


#: Scale and depth: Klambauer et al. (2017), equation 14.
SELU = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)

ACTIVATIONS: dict[str, Callable[[Array, float], Array]] = {
    "linear": lambda x, a: x + 0,
    "sigmoid": lambda x, a: logistic(x),
    "tanh": lambda x, a: np.tanh(x),
    "relu": lambda x, a: np.where(x.real > 0, x, 0),
    "leaky_relu": lambda x, a: np.where(x.real > 0, x, a * x),
    "elu": lambda x, a: np.where(x.real > 0, x, a * (np.exp(x) - 1)),
    "selu": lambda x, a: SELU[0] * np.where(x.real > 0, x, SELU[1] * (np.exp(x) - 1)),
    "softplus": lambda x, a: np.log(1 + np.exp(x)),
    "silu": lambda x, a: x * logistic(x),
    "gelu": lambda x, a: x * (1 + special.erf(x / np.sqrt(2))) / 2,
}


def batch_norm(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    centred = x - x.mean(axis=0)
    return gamma * centred / np.sqrt((centred * centred).mean(axis=0) + eps) + beta


def dropout_mask(key: int, rate: float, shape: tuple[int, ...]) -> Array:
    """0 or 1/(1 − rate): the hash of 32 bits of each place, in whole numbers without a limit."""
    out = np.empty(int(np.prod(shape)))
    for i in range(out.size):
        h = (i * 0x9E3779B9) % 2**32 ^ int(key)
        h = (h ^ h >> 16) * 0x7FEB352D % 2**32
        h = (h ^ h >> 15) * 0x846CA68B % 2**32
        h ^= h >> 16
        out[i] = 1 / (1 - rate) if h >= int(rate * 2**32) else 0
    return out.reshape(shape)


def log_sum_exp(z: Array) -> Array:
    top = z.real.max(axis=1, keepdims=True)
    return np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]


def softmax_loss(z: Array, y: Array) -> Any:
    rows = np.eye(z.shape[1])[y] if y.ndim == 1 else y
    return np.mean((rows * (log_sum_exp(z)[:, None] - z)).sum(axis=1))


def binary_loss(z: Array, t: Array) -> Any:
    t = t.reshape(z.shape)
    return np.mean(-t * np.log(logistic(z)) - (1 - t) * np.log(1 - logistic(z)))


def mse_loss(z: Array, t: Array) -> Any:
    return np.mean((z - t.reshape(z.shape)) ** 2)


LOSSES = {"softmax": softmax_loss, "binary": binary_loss, "mse": mse_loss}


def penalty(theta: Array, l1: float, l2: float) -> Any:
    return l1 * (np.sign(theta.real) * theta).sum() + l2 / 2 * (theta * theta).sum()


def forward(network: Any, params: Mapping[str, Array], x: Array, masks: Mapping[str, Array]) -> Any:
    """The outputs in training: `params` as `Network.views` names them, a mask a dropout layer."""
    z = np.asarray(x) + 0.0
    for name, layer in zip(network.names, network.layers, strict=True):
        kind = type(layer).__name__
        if kind == "Dense":
            z = z @ params[f"{name}/W"]
            if layer.bias:
                z = z + params[f"{name}/b"]
        elif kind == "BatchNorm":
            z = batch_norm(z, params[f"{name}/gamma"], params[f"{name}/beta"], layer.eps)
        elif kind == "Activation":
            z = ACTIVATIONS[layer.name](z, layer.alpha)
        else:
            z = z * masks[name]
    return z


def loss(network: Any, params: Mapping[str, Array], x: Array, y: Array, masks: Any) -> Any:
    """The loss with its penalties."""
    total = LOSSES[network.loss_function.name](forward(network, params, x, masks), np.asarray(y))
    for name, theta in params.items():
        kind = name.rpartition("/")[2]
        total = total + penalty(theta, network.l1.get(kind, 0.0), network.l2.get(kind, 0.0))
    return total


def complex_step(f: Callable[[Array], Any], x: Array) -> Array:
    """The gradient of a real function of a vector."""
    out = np.empty(x.size)
    for k in range(x.size):
        point = x.astype(complex)
        point[k] += 1j * H
        out[k] = f(point).imag / H
    return out


def central_difference(f: Callable[[Array], float], x: Array, h: float = 1e-5) -> Array:
    """The gradient of a real function of a vector, to about h²."""
    out = np.empty(x.size)
    for k in range(x.size):
        low, high = x.copy(), x.copy()
        low[k] -= h
        high[k] += h
        out[k] = (f(high) - f(low)) / (high[k] - low[k])
    return out
