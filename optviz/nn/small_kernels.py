"""Products of small matrices, penalties, and the loop over the batches of a small network.

For the compiler; loaded by `sources.with_vecmath` only, as the loop calls the others by being one
with them. To call a library's product takes longer than to compute a small one.
"""

from __future__ import annotations

import numpy as np

from optviz.compiled.jit import inlined


def affine(x, weights, bias, y):  # type: ignore[no-untyped-def]
    """y = x W + b; a bias of no numbers is none."""
    for i in range(x.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = bias[j] if bias.size else 0.0
        for k in range(x.shape[1]):
            a = x[i, k]
            for j in range(y.shape[1]):
                y[i, j] += a * weights[k, j]


def affine_slopes(x, dy, dweights, dbias):  # type: ignore[no-untyped-def]
    """dW = xᵀ dy, db = Σ dy."""
    dweights[:] = 0.0
    dbias[:] = 0.0
    for i in range(x.shape[0]):
        for j in range(dbias.size):
            dbias[j] += dy[i, j]
        for k in range(x.shape[1]):
            a = x[i, k]
            for j in range(dy.shape[1]):
                dweights[k, j] += a * dy[i, j]


def affine_back(dy, weights, dx):  # type: ignore[no-untyped-def]
    """dx = dy Wᵀ."""
    for i in range(dy.shape[0]):
        for k in range(dx.shape[1]):
            total = dx.dtype.type(0.0)
            for j in range(dy.shape[1]):
                total += dy[i, j] * weights[k, j]
            dx[i, k] = total


def add_penalty(theta, l1, l2, gradient):  # type: ignore[no-untyped-def]
    """Add the gradient of l1 Σ|θ| + l2/2 Σθ²; returns the penalty."""
    a, b = theta.dtype.type(l1), theta.dtype.type(l2)
    total = 0.0
    for i in range(theta.size):
        x = theta[i]
        gradient[i] += a * np.sign(x) + b * x
        total += l1 * abs(x) + 0.5 * l2 * x * x
    return total


_affine = inlined(affine)
_affine_slopes = inlined(affine_slopes)
_affine_back = inlined(affine_back)
_add_penalty = inlined(add_penalty)


def batches(  # type: ignore[no-untyped-def]
    x, targets, size, sizes, places, alpha, penalties, outputs, parameters, gradients, cut,
    state, hyper, others_state, others_hyper, taken, rate_at, rates, losses, costs,
    forward, backward, loss, step,
):  # fmt: skip
    """Train on the rows of x and targets in their order, `size` at a time.

    `sizes` are those of the layers with the inputs first; `places` (layers, 2) is where weights
    and biases begin in `parameters`, −1 without biases, and `penalties` (layers, 4) the l1 and l2
    of both. The optimizer steps the first `cut` parameters with the first state and the others
    with the second; it has `taken` so many steps, and its rate stands at `rate_at` (−1: it has no
    schedule). Of each batch, the loss goes to `losses` and what penalties add to it to `costs`.
    """
    depth, count, widest = len(sizes) - 1, x.shape[0], sizes.max()
    most = min(size, count)
    # Of each layer the products z and the activations y, and two of the gradients on their way.
    z_, y_ = np.empty((depth, most * widest), x.dtype), np.empty((depth, most * widest), x.dtype)
    dz, dy = np.empty(most * widest, x.dtype), np.empty(most * widest, x.dtype)
    nothing = np.empty(0, x.dtype)
    for turn, first in enumerate(range(0, count, size)):
        last = min(first + size, count)
        rows = last - first
        for k in range(depth):
            inputs, units = sizes[k], sizes[k + 1]
            w, b = places[k]
            weights = parameters[w : w + inputs * units].reshape(inputs, units)
            bias = parameters[b : b + units] if b >= 0 else nothing
            z = z_[k, : rows * units]
            below = x[first:last] if k == 0 else y_[k - 1, : rows * inputs].reshape(rows, inputs)
            _affine(below, weights, bias, z.reshape(rows, units))
            if k < depth - 1:
                forward(z, y_[k, : rows * units], alpha)
        answers = z_[depth - 1, : rows * units].reshape(rows, units)
        outputs[first:last] = answers
        change = dz[: rows * units].reshape(rows, units)
        value = loss(answers, targets[first:last], change)
        for k in range(depth - 1, -1, -1):
            inputs, units = sizes[k], sizes[k + 1]
            w, b = places[k]
            below = x[first:last] if k == 0 else y_[k - 1, : rows * inputs].reshape(rows, inputs)
            _affine_slopes(
                below, change, gradients[w : w + inputs * units].reshape(inputs, units),
                gradients[b : b + units] if b >= 0 else nothing,
            )  # fmt: skip
            if k > 0:
                weights = parameters[w : w + inputs * units].reshape(inputs, units)
                through, flat = dy[: rows * inputs], dz[: rows * inputs]
                _affine_back(change, weights, through.reshape(rows, inputs))
                z, y = z_[k - 1, : rows * inputs], y_[k - 1, : rows * inputs]
                backward(z, y, through, flat, alpha)
                change = flat.reshape(rows, inputs)
        penalty = 0.0
        for k in range(depth):
            lengths = sizes[k] * sizes[k + 1], sizes[k + 1]
            for kind in range(2):
                at, l1, l2 = places[k, kind], penalties[k, 2 * kind], penalties[k, 2 * kind + 1]
                if at >= 0 and (l1 > 0 or l2 > 0):
                    part = slice(at, at + lengths[kind])
                    penalty += _add_penalty(parameters[part], l1, l2, gradients[part])
        if rate_at >= 0:
            hyper[rate_at] = rates[turn]
            if len(others_hyper):
                others_hyper[rate_at] = rates[turn]
        t = taken + turn + 1
        step(parameters[:cut], gradients[:cut], state, hyper, t)
        if cut < parameters.size:
            step(parameters[cut:], gradients[cut:], others_state, others_hyper, t)
        losses[turn], costs[turn] = value, penalty
