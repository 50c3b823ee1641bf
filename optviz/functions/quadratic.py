"""What theory says of gradient descent with momentum on a quadratic function.

Along each eigenvector of the Hessian, with eigenvalue λ, a step with rate α and momentum β
multiplies (θₜ, θₜ₋₁) by a matrix whose eigenvalues are the roots of

    z² − (1 + β − αλ) z + β = 0.

The largest of their moduli over all λ is the factor by which the distance to the minimum shrinks
a step in the long run. Source: Polyak, "Some methods of speeding up the convergence of iteration
methods" (1964); in this form Goh, "Why momentum really works" (2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.functions.catalogue import Function, function

Real = NDArray[np.float64]


def eigenvalues(f: Function) -> tuple[float, float] | None:
    """The eigenvalues of the Hessian, rising, if it is the same everywhere and positive.

    >>> import optviz as ov
    >>> eigenvalues(ov.function("bowl")), eigenvalues(ov.function("rosenbrock"))
    ((0.1, 2.0), None)
    """
    (x0, x1), (y0, y1) = f.bounds
    x, y = np.meshgrid(np.linspace(x0, x1, 7), np.linspace(y0, y1, 7))
    hessians = np.moveaxis(f.hessian(x.ravel(), y.ravel()), 2, 0)
    if not np.all(np.isfinite(hessians)) or np.ptp(hessians, axis=0).max() > 0:
        return None
    low, high = np.linalg.eigvalsh(hessians[0])
    return (float(low), float(high)) if low > 0 else None


def centred(f: Function) -> tuple[Function, Real]:
    """A quadratic in coordinates about its minimum, and where that is: (g, c) with
    g(x, y) = f(x + c₁, y + c₂) − f*.

    There the distance to the minimum can fall to 1e-300; in f's own coordinates rounding ends it
    at 1e-16 times |c|.

    Raises
    ------
    ValueError
        If `eigenvalues` has none for f.

    Examples
    --------
    >>> import optviz as ov
    >>> g, center = centred(ov.function("(x - 1)**2/20 + (y + 2)**2"))
    >>> g.formula, center.tolist()
    ('0.05*x**2 + 0.0*x*y + 1.0*y**2', [1.0, -2.0])
    """
    if eigenvalues(f) is None:
        raise ValueError(f"{f.name} is no quadratic with a minimum")
    hessian = f.hessian(0.0, 0.0)
    center = np.asarray(-np.linalg.solve(hessian, f.gradient(0.0, 0.0)), dtype=np.float64)
    if not center.any():
        return f, center
    (a, b), (_, d) = (hessian / 2).tolist()
    sign = "-" if b < 0 else "+"
    return function(f"{a!r}*x**2 {sign} {2 * abs(b)!r}*x*y + {d!r}*y**2"), center


def modes(f: Function) -> Real:
    """Steps along the two eigenvectors of a quadratic's Hessian that change its slope equally:
    rows of a (2, 2) array, the one of the smaller eigenvalue, with length 1, first.

    >>> import optviz as ov
    >>> modes(ov.function("4*x**2 + y**2")).tolist()
    [[0.0, 1.0], [0.25, 0.0]]
    """
    values, vectors = np.linalg.eigh(f.hessian(0.0, 0.0))
    return np.asarray(vectors.T * (values[0] / values)[:, None])


def convergence_rate(lr: ArrayLike, momentum: ArrayLike, spectrum: ArrayLike) -> Real:
    """The factor a step by which the distance to the minimum shrinks; above 1 it grows.

    Parameters
    ----------
    lr, momentum
        α and β, arrays that broadcast. β = 0 is plain gradient descent.
    spectrum : (k,)
        The eigenvalues of the Hessian.

    Examples
    --------
    >>> convergence_rate([1.0, 1.1], 0.0, [0.1, 2.0])
    array([1. , 1.2])
    """
    alpha, beta = np.broadcast_arrays(np.asarray(lr, float), np.asarray(momentum, float))
    largest = np.zeros(alpha.shape)
    for eigenvalue in np.asarray(spectrum, float):
        half = (1 + beta - alpha * eigenvalue) / 2
        under_root = half**2 - beta
        real = np.abs(half) + np.sqrt(np.maximum(under_root, 0))
        # Complex roots come in pairs with the product β.
        largest = np.maximum(largest, np.where(under_root >= 0, real, np.sqrt(beta)))
    return largest


def largest_rate(momentum: ArrayLike, spectrum: ArrayLike) -> Real:
    """The rate below which the method is stable: 0 < αλ < 2 + 2β for every λ."""
    return np.asarray((2 + 2 * np.asarray(momentum, float)) / np.max(spectrum))


def critical_momentum(lr: ArrayLike, eigenvalue: float) -> Real:
    """β = (1 − √(αλ))²: with less, a coordinate creeps; with more, it oscillates."""
    return np.asarray((1 - np.sqrt(np.asarray(lr, float) * eigenvalue)) ** 2)


def optimum(spectrum: ArrayLike) -> tuple[float, float, float]:
    """The best rate, the best momentum, and the convergence rate that they reach together.

    >>> [round(v, 10) for v in optimum([0.1, 2.0])]
    [1.3358147468, 0.4026054842, 0.6345120047]
    """
    roots = np.sqrt(np.asarray(spectrum, float))
    low, high = float(roots.min()), float(roots.max())
    rate = (high - low) / (high + low)
    return 4 / (low + high) ** 2, rate**2, rate
