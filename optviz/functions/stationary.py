"""Where the gradient of a function vanishes: minima, global and local, and saddle points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function

Real = NDArray[np.float64]

#: Newton's method starts from this many points along each axis.
GRID = 61
ITERATIONS = 40


@dataclass(frozen=True)
class StationaryPoints:
    """The stationary points inside a function's bounds.

    Attributes
    ----------
    minima : ndarray (k, 2)
        The global minima as in `Function.minima`, then local ones from the lowest up.
    saddles : ndarray (s, 2)
    """

    minima: Real
    saddles: Real


def stationary_points(f: Function) -> StationaryPoints:
    """Minima and saddles of `f` by Newton's method from a grid.

    A stationary point that is neither (a maximum, a singular Hessian) or that has no gradient
    (a kink) is not found, unless it is one of the function's known global minima.

    Examples
    --------
    >>> import optviz as ov
    >>> found = stationary_points(ov.function("himmelblau"))
    >>> found.minima.shape, found.saddles.shape
    ((4, 2), (4, 2))
    """
    points = _zeros_of_gradient(f)
    hessians = np.moveaxis(f.hessian(*points.T), 2, 0)
    curvatures = np.linalg.eigvalsh(hessians)
    flat = 1e-8 * np.abs(curvatures).max(axis=1)
    minima = points[curvatures[:, 0] > flat]
    saddles = points[(curvatures[:, 0] < -flat) & (curvatures[:, 1] > flat)]
    minima = minima[np.argsort(f(*minima.T), kind="stable")]
    (x0, x1), (y0, y1) = f.bounds
    return StationaryPoints(_distinct(np.vstack([f.minima, minima]), np.hypot(x1 - x0, y1 - y0)),
                            saddles)  # fmt: skip


def _zeros_of_gradient(f: Function) -> Real:
    (x0, x1), (y0, y1) = f.bounds
    size = np.array([x1 - x0, y1 - y0])
    x, y = np.meshgrid(np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    with np.errstate(all="ignore"):
        for _ in range(ITERATIONS):
            step = _newton_step(f, points)
            # A step across half the picture would end near some other point.
            step *= np.minimum(1, 0.05 / np.abs(step / size).max(axis=1, keepdims=True))
            points = points - step
            inside = np.all(np.abs(points - [(x0 + x1) / 2, (y0 + y1) / 2]) <= 0.6 * size, axis=1)
            points = points[inside]
        step = _newton_step(f, points)
    arrived = np.all(np.abs(step) <= 1e-9 * size, axis=1)
    inside = np.all((points >= [x0, y0]) & (points <= [x1, y1]), axis=1)
    return _distinct(points[arrived & inside], float(np.hypot(*size)))


def _newton_step(f: Function, points: Real) -> Real:
    """H⁻¹∇f at each point (n, 2), by Cramer's rule; zero where H is singular and ∇f is zero."""
    gx, gy = f.gradient(*points.T)
    (a, b), (_, d) = f.hessian(*points.T)
    determinant = a * d - b * b
    step = np.stack([d * gx - b * gy, a * gy - b * gx], axis=1) / determinant[:, None]
    step[(gx == 0) & (gy == 0)] = 0
    return np.where(np.isfinite(step), step, np.inf)


def _distinct(points: Real, diagonal: float) -> Real:
    """The first of each cluster of points that lie within a millionth of the diagonal."""
    kept = np.empty((0, 2))
    for point in points:
        if not np.any(np.hypot(*(kept - point).T) <= 1e-6 * diagonal):
            kept = np.vstack([kept, point])
    return kept
