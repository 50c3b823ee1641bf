"""The sums of the families in n dimensions, and their gradients, for the compiler.

`NAME_value(path (k, n), values (k,))` and `NAME_gradient(points (n, m), gradient (n, m))`, both in
float64 whatever the type of the arrays; coordinates are the outer loop of gradients, so that LLVM
vectorises over a block of points. The formulas, as they were published, stand in `families.py`.
Loaded by `families.py` as a generated module only.
"""

from __future__ import annotations

import numpy as np
from numpy import float64

from optviz.compiled.jit import inlined
from optviz.compiled.splitmix import GAMMA, MIX_1, MIX_2, SHIFT_1, SHIFT_2, SHIFT_3
from optviz.compiled.vecmath import cos, exp, log, sin

#: What a text may set; `families.py` writes its number here.
CONDITION = 100.0
#: Layers of the linear network.
LAYERS = 3
#: Of what is fitted to data, for each coordinate; `regressions.py` has the same data as arrays.
SAMPLES = 5
#: The weight of ½|x|² in the logistic regression.
RIDGE = 0.01


def sphere_value(path, values):  # type: ignore[no-untyped-def]
    for k in range(path.shape[0]):
        total = 0.0
        for i in range(path.shape[1]):
            total += path[k, i] * path[k, i]
        values[k] = total


def sphere_gradient(points, gradient):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        for k in range(points.shape[1]):
            gradient[i, k] = 2.0 * float64(points[i, k])


def quadratic_value(path, values):  # type: ignore[no-untyped-def]
    n = path.shape[1]
    for k in range(path.shape[0]):
        total = 0.0
        for i in range(n):
            total += CONDITION ** (i / (n - 1)) * path[k, i] * path[k, i]
        values[k] = 0.5 * total


def quadratic_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n = points.shape[0]
    for i in range(n):
        # At each call anew: of a large block nobody sees it.
        curvature = CONDITION ** (i / (n - 1))
        for k in range(points.shape[1]):
            gradient[i, k] = curvature * float64(points[i, k])


def rosenbrock_value(path, values):  # type: ignore[no-untyped-def]
    for k in range(path.shape[0]):
        total = 0.0
        for i in range(path.shape[1] - 1):
            off = path[k, i + 1] - path[k, i] * path[k, i]
            total += 100.0 * off * off + (1.0 - path[k, i]) * (1.0 - path[k, i])
        values[k] = total


def rosenbrock_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    for i in range(n):
        for k in range(m):
            x, slope = float64(points[i, k]), 0.0
            if i < n - 1:
                slope = -400.0 * x * (float64(points[i + 1, k]) - x * x) - 2.0 * (1.0 - x)
            if i > 0:
                before = float64(points[i - 1, k])
                slope += 200.0 * (x - before * before)
            gradient[i, k] = slope


def rastrigin_value(path, values):  # type: ignore[no-untyped-def]
    for k in range(path.shape[0]):
        total = 0.0
        for i in range(path.shape[1]):
            x = path[k, i]
            total += 10.0 + (x * x - 10.0 * cos(2.0 * np.pi * x))
        values[k] = total


def rastrigin_gradient(points, gradient):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        for k in range(points.shape[1]):
            x = float64(points[i, k])
            gradient[i, k] = 2.0 * x + 20.0 * np.pi * sin(2.0 * np.pi * x)


def ackley_value(path, values):  # type: ignore[no-untyped-def]
    n = path.shape[1]
    for k in range(path.shape[0]):
        squares, waves = 0.0, 0.0
        for i in range(n):
            squares += path[k, i] * path[k, i]
            waves += cos(2.0 * np.pi * path[k, i])
        values[k] = (20.0 - 20.0 * exp(-0.2 * np.sqrt(squares / n))) + (np.e - exp(waves / n))


def ackley_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    far, near = np.zeros(m), np.zeros(m)
    for i in range(n):
        for k in range(m):
            x = float64(points[i, k])
            far[k] += x * x
            near[k] += cos(2.0 * np.pi * x)
    for k in range(m):
        radius = np.sqrt(far[k] / n)
        # At the very centre the cone has no slope; 0 is the one between its sides.
        far[k] = 4.0 * exp(-0.2 * radius) / (n * radius) if radius > 0.0 else 0.0
        near[k] = exp(near[k] / n) * 2.0 * np.pi / n
    for i in range(n):
        for k in range(m):
            x = float64(points[i, k])
            gradient[i, k] = far[k] * x + near[k] * sin(2.0 * np.pi * x)


def styblinski_tang_value(path, values):  # type: ignore[no-untyped-def]
    for k in range(path.shape[0]):
        total = 0.0
        for i in range(path.shape[1]):
            x = path[k, i]
            total += ((x * x - 16.0) * x + 5.0) * x
        values[k] = 0.5 * total


def styblinski_tang_gradient(points, gradient):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        for k in range(points.shape[1]):
            x = float64(points[i, k])
            gradient[i, k] = (2.0 * x * x - 16.0) * x + 2.5


def levy_value(path, values):  # type: ignore[no-untyped-def]
    n = path.shape[1]
    for k in range(path.shape[0]):
        w = 1.0 + (path[k, 0] - 1.0) / 4.0
        total = sin(np.pi * w) ** 2
        for i in range(n - 1):
            w = 1.0 + (path[k, i] - 1.0) / 4.0
            total += (w - 1.0) ** 2 * (1.0 + 10.0 * sin(np.pi * w + 1.0) ** 2)
        w = 1.0 + (path[k, n - 1] - 1.0) / 4.0
        values[k] = total + (w - 1.0) ** 2 * (1.0 + sin(2.0 * np.pi * w) ** 2)


def levy_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    for i in range(n):
        for k in range(m):
            w = 1.0 + (float64(points[i, k]) - 1.0) / 4.0
            if i < n - 1:
                s, c = sin(np.pi * w + 1.0), cos(np.pi * w + 1.0)
                slope = 2.0 * (w - 1.0) * (1.0 + 10.0 * s * s)
                slope += (w - 1.0) ** 2 * 20.0 * np.pi * s * c
            else:
                s, c = sin(2.0 * np.pi * w), cos(2.0 * np.pi * w)
                slope = 2.0 * (w - 1.0) * (1.0 + s * s) + (w - 1.0) ** 2 * 4.0 * np.pi * s * c
            if i == 0:
                slope += np.pi * sin(2.0 * np.pi * w)
            gradient[i, k] = slope / 4.0


def zakharov_value(path, values):  # type: ignore[no-untyped-def]
    for k in range(path.shape[0]):
        squares, weighted = 0.0, 0.0
        for i in range(path.shape[1]):
            squares += path[k, i] * path[k, i]
            weighted += 0.5 * (i + 1) * path[k, i]
        values[k] = squares + weighted**2 + weighted**4


def zakharov_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    weighted = np.zeros(m)
    for i in range(n):
        for k in range(m):
            weighted[k] += 0.5 * (i + 1) * float64(points[i, k])
    for k in range(m):
        weighted[k] = 2.0 * weighted[k] + 4.0 * weighted[k] ** 3
    for i in range(n):
        for k in range(m):
            gradient[i, k] = 2.0 * float64(points[i, k]) + weighted[k] * 0.5 * (i + 1)


def dixon_price_value(path, values):  # type: ignore[no-untyped-def]
    for k in range(path.shape[0]):
        total = (path[k, 0] - 1.0) * (path[k, 0] - 1.0)
        for i in range(1, path.shape[1]):
            off = 2.0 * path[k, i] * path[k, i] - path[k, i - 1]
            total += (i + 1) * off * off
        values[k] = total


def dixon_price_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    for i in range(n):
        for k in range(m):
            x = float64(points[i, k])
            if i == 0:
                slope = 2.0 * (x - 1.0)
            else:
                slope = (i + 1) * 8.0 * x * (2.0 * x * x - float64(points[i - 1, k]))
            if i < n - 1:
                after = float64(points[i + 1, k])
                slope -= (i + 2) * 2.0 * (2.0 * after * after - x)
            gradient[i, k] = slope


def linear_network_value(path, values):  # type: ignore[no-untyped-def]
    count = path.shape[1] // LAYERS
    size = int(np.sqrt(count) + 0.5)
    for p in range(path.shape[0]):
        product = _chain(path[p], size, 0, LAYERS)
        total = 0.0
        for a in range(size):
            for b in range(size):
                off = product[a, b] - _wanted(a, b, size)
                total += off * off
        values[p] = 0.5 * total


def linear_network_gradient(points, gradient):  # type: ignore[no-untyped-def]
    count = points.shape[0] // LAYERS
    size = int(np.sqrt(count) + 0.5)
    for p in range(points.shape[1]):
        weights = np.empty(points.shape[0])
        for i in range(weights.size):
            weights[i] = float64(points[i, p])
        off = _chain(weights, size, 0, LAYERS)
        for a in range(size):
            for b in range(size):
                off[a, b] -= _wanted(a, b, size)
        for layer in range(LAYERS):
            # The product is L W R in W = W_layer: its slope is Lᵀ (product − A) Rᵀ.
            left = _chain(weights, size, layer + 1, LAYERS)
            right = _chain(weights, size, 0, layer)
            for a in range(size):
                for b in range(size):
                    total = 0.0
                    for c in range(size):
                        for d in range(size):
                            total += left[c, a] * off[c, d] * right[b, d]
                    gradient[layer * count + a * size + b, p] = total


@inlined
def _wanted(a, b, size):  # type: ignore[no-untyped-def]
    """The map that is to be learned: diagonal, from 1 down to 1 by the condition."""
    return CONDITION ** (-a / max(size - 1, 1)) if a == b else 0.0


@inlined
def _chain(weights, size, first, last):  # type: ignore[no-untyped-def]
    """W_(last − 1) ⋯ W_first, of layers that lie one behind the other."""
    product = np.eye(size)
    for layer in range(first, last):
        begin = layer * size * size
        new = np.zeros((size, size))
        for a in range(size):
            for c in range(size):
                weight = weights[begin + a * size + c]
                for b in range(size):
                    new[a, b] += weight * product[c, b]
        product = new
    return product


def outliers_value(path, values):  # type: ignore[no-untyped-def]
    m, n = path.shape
    row, offs, points = np.empty(n), np.empty(m), np.ascontiguousarray(path.T)
    values[:] = 0.0
    for sample in range(SAMPLES * n):
        mean = _draw_row(sample, row)
        target = mean + _error(sample)
        _products(points, row, offs)
        for k in range(m):
            off = offs[k] - target
            values[k] += np.sqrt(1.0 + off * off) - 1.0
    for k in range(m):
        values[k] /= SAMPLES * n


def outliers_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    row, offs, total = np.empty(n), np.empty(m), np.zeros((n, m))
    for sample in range(SAMPLES * n):
        mean = _draw_row(sample, row)
        target = mean + _error(sample)
        _products(points, row, offs)
        for k in range(m):
            off = offs[k] - target
            offs[k] = off / np.sqrt(1.0 + off * off)
        for i in range(n):
            for k in range(m):
                total[i, k] += row[i] * offs[k]
    for i in range(n):
        for k in range(m):
            gradient[i, k] = total[i, k] / (SAMPLES * n)


def logistic_value(path, values):  # type: ignore[no-untyped-def]
    m, n = path.shape
    row, offs, points = np.empty(n), np.empty(m), np.ascontiguousarray(path.T)
    values[:] = 0.0
    for sample in range(SAMPLES * n):
        sign = _sign(sample, _draw_row(sample, row), n)
        _products(points, row, offs)
        for k in range(m):
            margin = sign * offs[k]
            values[k] += max(-margin, 0.0) + log(1.0 + exp(-abs(margin)))
    for k in range(m):
        squares = 0.0
        for i in range(n):
            squares += path[k, i] * path[k, i]
        values[k] = values[k] / (SAMPLES * n) + 0.5 * RIDGE * squares


def logistic_gradient(points, gradient):  # type: ignore[no-untyped-def]
    n, m = points.shape
    row, offs, total = np.empty(n), np.empty(m), np.zeros((n, m))
    for sample in range(SAMPLES * n):
        sign = _sign(sample, _draw_row(sample, row), n)
        _products(points, row, offs)
        for k in range(m):
            offs[k] = -sign / (1.0 + exp(sign * offs[k]))
        for i in range(n):
            for k in range(m):
                total[i, k] += row[i] * offs[k]
    for i in range(n):
        for k in range(m):
            gradient[i, k] = total[i, k] / (SAMPLES * n) + RIDGE * float64(points[i, k])


@inlined
def _products(points, row, out):  # type: ignore[no-untyped-def]
    """The inner products of a row with points (n, m)."""
    out[:] = 0.0
    for i in range(row.size):
        for k in range(out.size):
            out[k] += row[i] * float64(points[i, k])


@inlined
def _bits(sample, column):  # type: ignore[no-untyped-def]
    """A hash of the two (SplitMix64), drawn anew at each call, for a whole block."""
    z = (np.uint64(sample) * np.uint64(2**20) + np.uint64(column)) * GAMMA
    z = (z ^ (z >> SHIFT_1)) * MIX_1
    z = (z ^ (z >> SHIFT_2)) * MIX_2
    return z ^ (z >> SHIFT_3)


@inlined
def _draw(sample, column):  # type: ignore[no-untyped-def]
    """In [0, 1)."""
    return float64(_bits(sample, column) >> np.uint64(11)) * 2.0**-53


@inlined
def _draw_row(sample, row):  # type: ignore[no-untyped-def]
    """The features of a sample, uniform with variance 1; returns their sum. A hash has four."""
    total = 0.0
    for column in range((row.size + 3) // 4):
        bits = _bits(sample, column)
        for i in range(4 * column, min(4 * column + 4, row.size)):
            row[i] = np.sqrt(12.0) * (float64(bits & np.uint64(0xFFFF)) * 2.0**-16 - 0.5)
            bits = bits >> np.uint64(16)
            total += row[i]
    return total


@inlined
def _error(sample):  # type: ignore[no-untyped-def]
    """What a target is off from the sum of the features: every tenth is an outlier, up to 20."""
    usual = 0.2 * (_draw(sample, 2**20 - 1) - 0.5)
    return usual + (20.0 * _draw(sample, 2**20 - 2) if sample % 10 == 0 else 0.0)


@inlined
def _sign(sample, total, n):  # type: ignore[no-untyped-def]
    """The class of a sample: 1 with the probability σ(3 total / √n), or −1."""
    share = 1.0 / (1.0 + exp(-3.0 * total / np.sqrt(n)))
    return 1.0 if _draw(sample, 2**20 - 3) < share else -1.0
