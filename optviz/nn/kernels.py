"""Loops of the layers over batches (rows, columns), for the compiler.

All are written for arrays in C order, whose inner loop runs over columns: that is what LLVM
vectorises, and sums over a batch are then sums of rows. They are taken in float64. Each loop runs
in one thread, so that its numbers do not depend on the number of threads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from optviz.compiled import jit, sources

_TYPES = {
    "m": "real[:, ::1]", "v": "real[::1]", "s": "float64[::1]", "f": "float64", "k": "uint32",
    "l": "int64[::1]",
}  # fmt: skip


def kernel(function: Callable[..., Any], layout: str, dtype: Any) -> Callable[..., Any]:
    """`function` compiled for arguments as `layout` says."""
    return silent(jit.compiled(function, takes(layout), dtype))


def takes(layout: str) -> str:
    """What a kernel takes (see `signatures.py`), from one letter for each argument.

    m: a matrix; v: a vector; s: a vector of float64; f: a float64; k: a uint32; l: a vector of
    int64; r in the first place: it returns a float64.

    >>> takes("rml")
    'float64(real[:, ::1], int64[::1])'
    """
    returned = "float64" if layout[0] == "r" else "void"
    return f"{returned}({', '.join(_TYPES[letter] for letter in layout.removeprefix('r'))})"


def silent(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that does not warn of overflow when it runs in plain Python: compiled, none does."""
    return np.errstate(all="ignore")(function) if jit.jit_disabled() else function


@functools.cache
def small_kernels() -> ModuleType:
    """`small_kernels.py`, whose functions call each other."""
    return sources.with_vecmath("nn/small_kernels.py")


# -- dense ----------------------------------------------------------------------------------


def add_row(z, row):  # type: ignore[no-untyped-def]
    """Add a row to each row of z."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] += row[j]


def sum_rows(z, total):  # type: ignore[no-untyped-def]
    """The sum of z's rows."""
    sums = np.zeros(z.shape[1])
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            sums[j] += z[i, j]
    total[:] = sums


# -- batch normalisation --------------------------------------------------------------------


def moments(x, new, unbiased, mean, variance, average, spread):  # type: ignore[no-untyped-def]
    """Mean and (biased) variance of each column, in two passes; their running averages move on.

    Of what is averaged, the share `new` is taken over; the variance is multiplied by `unbiased`
    before.
    """
    n, d = x.shape
    mean[:] = 0.0
    variance[:] = 0.0
    # Four rows at a time: the sums are read and written less often.
    whole = n - n % 4
    for i in range(0, whole, 4):
        for j in range(d):
            a, b = np.float64(x[i, j]), np.float64(x[i + 1, j])
            mean[j] += (a + b) + (np.float64(x[i + 2, j]) + np.float64(x[i + 3, j]))
    for i in range(whole, n):
        for j in range(d):
            mean[j] += x[i, j]
    for j in range(d):
        mean[j] /= n
    for i in range(0, whole, 4):
        for j in range(d):
            a, b = x[i, j] - mean[j], x[i + 1, j] - mean[j]
            c, e = x[i + 2, j] - mean[j], x[i + 3, j] - mean[j]
            variance[j] += (a * a + b * b) + (c * c + e * e)
    for i in range(whole, n):
        for j in range(d):
            variance[j] += (x[i, j] - mean[j]) ** 2
    for j in range(d):
        variance[j] /= n
        average[j] += new * (mean[j] - average[j])
        spread[j] += new * (unbiased * variance[j] - spread[j])


def normalize(x, mean, variance, gamma, beta, eps, y):  # type: ignore[no-untyped-def]
    """y = γ (x − μ)/√(σ² + ε) + β."""
    n, d = x.shape
    center = np.empty(d, x.dtype)
    scale = np.empty(d, x.dtype)
    for j in range(d):
        center[j] = mean[j]
        scale[j] = gamma[j] / np.sqrt(variance[j] + eps)
    for i in range(n):
        for j in range(d):
            y[i, j] = (x[i, j] - center[j]) * scale[j] + beta[j]


def normalize_backward(x, mean, variance, gamma, eps, dy, dgamma, dbeta):  # type: ignore[no-untyped-def]
    """Through the batch's own mean and variance; dy becomes dx.

    With x̂ = (x − μ)/√(σ² + ε): dγ = Σ dy x̂, dβ = Σ dy, and
    dx = γ/√(σ² + ε) (dy − dβ/n − x̂ dγ/n). Ioffe and Szegedy, ICML 2015, section 3.
    """
    n, d = x.shape
    center = np.empty(d, x.dtype)
    spread = np.empty(d, x.dtype)
    sums = np.zeros(d)
    products = np.zeros(d)
    for j in range(d):
        center[j] = mean[j]
        spread[j] = 1.0 / np.sqrt(variance[j] + eps)
    for i in range(n):
        for j in range(d):
            sums[j] += dy[i, j]
            products[j] += dy[i, j] * ((x[i, j] - center[j]) * spread[j])
    dbeta[:] = sums
    dgamma[:] = products
    shift = np.empty(d, x.dtype)
    slope = np.empty(d, x.dtype)
    for j in range(d):
        shift[j] = sums[j] / n
        slope[j] = products[j] / n * spread[j]
        spread[j] *= gamma[j]
    for i in range(n):
        for j in range(d):
            dy[i, j] = (dy[i, j] - shift[j] - (x[i, j] - center[j]) * slope[j]) * spread[j]


# -- dropout --------------------------------------------------------------------------------

# A hash of 32 bits with little bias (Wellons, "Prospecting for hash functions", 2018): the mask
# depends on the key and on the place in the batch only, is made in vector registers, and is made
# again in the backward pass instead of being kept.
SPREAD, MIX_1, MIX_2 = np.uint32(0x9E3779B9), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
SHIFT_16, SHIFT_15 = np.uint32(16), np.uint32(15)

#: The lines that make `h` from the place INDEX, for loops that are put together (`fusion.py`).
HASH = (
    "h = np.uint32(np.uint32(INDEX) * SPREAD) ^ key",
    "h = np.uint32((h ^ (h >> SHIFT_16)) * MIX_1)",
    "h = np.uint32((h ^ (h >> SHIFT_15)) * MIX_2)",
    "h = h ^ (h >> SHIFT_16)",
)


def drop(x, key, rate, y):  # type: ignore[no-untyped-def]
    """y = x/(1 − rate), or 0 with probability `rate`."""
    limit = np.uint32(rate * 4294967296.0)
    keep = x.dtype.type(1.0 / (1.0 - rate))
    zero = x.dtype.type(0.0)
    for i in range(x.size):
        h = np.uint32(np.uint32(i) * SPREAD) ^ key
        h = np.uint32((h ^ (h >> SHIFT_16)) * MIX_1)
        h = np.uint32((h ^ (h >> SHIFT_15)) * MIX_2)
        h = h ^ (h >> SHIFT_16)
        y[i] = x[i] * (keep if h >= limit else zero)


# -- answers ----------------------------------------------------------------------------------


def count_correct(outputs, labels):  # type: ignore[no-untyped-def]
    """In how many rows the (first) largest output is at the label."""
    correct = 0.0
    for i in range(outputs.shape[0]):
        best = 0
        for j in range(1, outputs.shape[1]):
            if outputs[i, j] > outputs[i, best]:
                best = j
        correct += best == labels[i]
    return correct
