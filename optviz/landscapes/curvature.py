"""How sharply the loss is curved: the largest eigenvalues of its Hessian, by Lanczos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.landscapes.analytic import Gradient, is_analytic
from optviz.landscapes.twin import twin
from optviz.nn.layers import BatchNorm, Dropout
from optviz.nn.network import Network

Real = NDArray[np.float64]
Product = Callable[[Real], Real]

#: Of the imaginary part: nothing is subtracted, so it may be as small as it likes.
TINY = 1e-30
#: Of central differences of gradients, beside the length of the parameters.
STEP = float(np.cbrt(np.finfo(float).eps))
#: How exact the eigenvalues are, relative to the largest.
TOLERANCE = 1e-6


def hessian_product(network: Network, x: Any, y: Any, *, recompute: bool = False) -> Product:
    """v ↦ H v for the Hessian of the mean loss in evaluation, without penalties, in float64.

    Exact, by the complex step on the gradient (`analytic.py`). A network with layers or a loss of
    somebody's own has no gradient in complex numbers: there central differences of its gradients.

    Parameters
    ----------
    recompute
        Whether batch normalisation takes the moments of the data, which then are part of the
        loss; else its averages are constants. Not for layers of one's own.
    """
    if not is_analytic(network):
        return _differences(twin(network, "float64"), x, y)
    gradient, at = Gradient(network, x, y, recompute), network.parameters.astype(float)

    def product(vector: Real) -> Real:
        v = np.asarray(vector, dtype=float).ravel()
        longest = float(np.abs(v).max(initial=0.0))
        if not longest > 0:
            return np.zeros_like(v)
        step = TINY / longest
        return np.asarray(gradient(at + 1j * step * v).imag / step)

    return product


def largest_curvatures(
    network: Network, x: Any, y: Any, count: int = 2, *, recompute: bool = False, rng: Any = 0
) -> Real:
    """The algebraically largest eigenvalues of the Hessian, the first the largest: (count,).

    By Lanczos (ARPACK through SciPy) on products with the Hessian; nan for what did not converge,
    and for more than there are parameters.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    size, product = network.parameters.size, hessian_product(network, x, y, recompute=recompute)
    out = np.full(count, np.nan)
    if size <= count + 1:
        whole = np.column_stack([product(row) for row in np.eye(size)])
        found = np.linalg.eigvalsh((whole + whole.T) / 2)
    else:
        operator = LinearOperator((size, size), matvec=product, dtype=float)
        start = np.random.default_rng(rng).normal(size=size)
        try:
            found = eigsh(operator, k=count, which="LA", v0=start, tol=TOLERANCE,
                          return_eigenvectors=False)  # fmt: skip
        except ArpackNoConvergence as error:
            found = np.asarray(error.eigenvalues, float)
    found = np.sort(found)[::-1][:count]
    out[: len(found)] = found
    return out


def _differences(network: Network, x: Any, y: Any) -> Product:
    """The same by central differences; the network is of float64, and ours to move."""
    at = network.parameters.copy()

    def product(vector: Real) -> Real:
        v = np.asarray(vector, dtype=float).ravel()
        length = float(np.linalg.norm(v))
        if not length > 0:
            return np.zeros_like(v)
        step = STEP * max(1.0, float(np.linalg.norm(at))) / length
        network.parameters[...] = at + step * v
        ahead = evaluation_gradient(network, x, y)
        network.parameters[...] = at - step * v
        return np.asarray((ahead - evaluation_gradient(network, x, y)) / (2 * step))

    return product


def evaluation_gradient(network: Network, x: Any, y: Any) -> Real:
    """The gradient of the mean loss by the layers themselves, with the averages as constants."""
    targets = network.check_targets(y, np.shape(x)[0])
    values = network.enter(network.batch(network.check_inputs(x), slice(None)))
    taken = []
    for layer in network.layers:
        taken.append(values.copy() if isinstance(layer, BatchNorm) else None)
        values = layer.forward(values, False)
    gradient: Any = np.empty_like(values)
    network.loss_function(values, targets, gradient)
    for layer, inputs in zip(reversed(network.layers), reversed(taken), strict=True):
        if isinstance(layer, Dropout):
            continue
        if isinstance(layer, BatchNorm):
            gradient = _through_averages(layer, inputs, gradient)
        else:
            gradient = layer.backward(gradient)
    return np.array(network.gradients, dtype=float)


def _through_averages(layer: BatchNorm, x: Any, dy: Any) -> Any:
    """Back through batch normalisation whose moments are constants."""
    mean, variance = layer.averages["mean"], layer.averages["variance"]
    scale = 1 / np.sqrt(variance + layer.eps)
    layer.grads["gamma"][...] = (dy * (x - mean) * scale).sum(axis=0)
    layer.grads["beta"][...] = dy.sum(axis=0)
    return np.ascontiguousarray(dy * (layer.params["gamma"] * scale))
