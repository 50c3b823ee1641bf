"""Where the gradient of a function vanishes: minima, global and local, and saddle points."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function
from optviz.functions.minima import clusters, lowest_point
from optviz.functions.proof import distinct, newton_step, zeros_of_gradient

Real = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Where nothing is proven, Newton's method starts from this many points along each axis.
GRID = 61
ITERATIONS = 40
#: What proof leaves open is a point if it is no larger than this share of the bounds.
POINT = 1e-4
#: "All round" a point is a circle of this radius, as a share of the bounds' diagonal.
ROUND = 3e-4


@dataclass(frozen=True)
class StationaryPoints:
    """The stationary points inside a function's bounds.

    Attributes
    ----------
    minima : ndarray (k, 2)
        The global minima as in `Function.minima`, then local ones from the lowest up.
    saddles : ndarray (s, 2)
    is_complete : bool
        Whether every minimum and saddle inside the bounds is proven to be listed whose Hessian is
        regular, that is of two curvatures that are not zero. Points where the Hessian is singular,
        or that are kinks, are then known too, each to 1e-4 of the bounds, and are listed where f
        is higher all round. Lowest points on the bounds, where f's own domain ends and where it
        jumps count only if they are global.
    """

    minima: Real
    saddles: Real
    is_complete: bool

    def __repr__(self) -> str:
        proven = "all there are" if self.is_complete else "there may be more"
        return (
            f"<StationaryPoints: minima {len(self.minima)}, saddles {len(self.saddles)}: {proven}>"
        )


def stationary_points(f: Function) -> StationaryPoints:
    """Minima and saddles of `f`: proven for a formula, by Newton's method for a Python function.

    Examples
    --------
    >>> import optviz as ov
    >>> found = stationary_points(ov.function("himmelblau"))
    >>> found.minima.shape, found.saddles.shape, found.is_complete
    ((4, 2), (4, 2), True)
    """
    # A Python function may not be the same the next time.
    return _found(f) if f._python is None else _found.__wrapped__(f)


@functools.lru_cache(maxsize=64)
def _found(f: Function) -> StationaryPoints:
    nothing = np.empty((0, 2))
    minima, saddles, is_complete = _proven(f) if f._python is None else (nothing, nothing, False)
    if not is_complete:
        more_minima, more_saddles = _by_newton(f)
        minima = distinct(np.vstack([minima, more_minima]), f.bounds, 1e-6)
        saddles = distinct(np.vstack([saddles, more_saddles]), f.bounds, 1e-6)
    local = minima[~_is_near(minima, f.minima, 1e-6 * f.diagonal)]
    # The lowest first; what differs by rounding alone, which no two processors share, by its place.
    values = [float(f"{value:.9g}") for value in f(*local.T)]
    local = local[np.lexsort((*local.T[::-1], values))]
    result = StationaryPoints(np.vstack([f.minima, local]), saddles, is_complete)
    for shared in (result.minima, result.saddles):
        shared.flags.writeable = False
    return result


def _proven(f: Function) -> tuple[Real, Real, bool]:
    """Minima, saddles, and whether these are all."""
    zeros = zeros_of_gradient(f)
    points = zeros.points[np.lexsort(zeros.points.T)]
    # The proof has shown that the Hessian is regular: its determinant has a sign.
    (a, b), (_, d) = f.hessian(*points.T)
    is_regular = a * d - b * b > 0
    found, is_complete = [points[is_regular & (a + d > 0)]], True
    for boxes in clusters(zeros.low, zeros.high):
        low, high = zeros.low[:, boxes], zeros.high[:, boxes]
        low, high = low.min(axis=1), high.max(axis=1)
        if np.any(high - low > POINT * np.ptp(np.array(f.bounds), axis=1)):
            is_complete = False
            continue
        around = np.hypot(*(high - low))
        if _is_near((low + high)[None, :] / 2, f.minima, around + 1e-6 * f.diagonal)[0]:
            continue
        point = lowest_point(f, low, high)
        is_higher, is_lower = _round(f, point[None, :])
        if is_higher[0]:
            found.append(point[None, :])
        is_complete &= bool(is_higher[0] or is_lower[0])
    return np.vstack(found), points[~is_regular], is_complete


def _round(f: Function, points: Real) -> tuple[Mask, Mask]:
    """Whether f is higher than at each point (n, 2) all round it; whether it is lower somewhere."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    circle = ROUND * f.diagonal * np.stack([np.cos(angles), np.sin(angles)])
    values = np.asarray(f(*(points.T[:, :, None] + circle[:, None, :])))
    lowest, value = np.nan_to_num(values, nan=np.inf).min(axis=1), np.asarray(f(*points.T))
    return lowest > value, lowest < value


def _is_near(points: Real, others: Real, radius: float) -> Mask:
    if not len(others):
        return np.zeros(len(points), dtype=bool)
    distances = np.linalg.norm(points[:, None] - others, axis=2)
    return np.asarray(distances.min(axis=1) <= radius)


def _by_newton(f: Function) -> tuple[Real, Real]:
    """Minima and saddles by Newton's method from a grid, checked on all sides."""
    points = _zeros_from_grid(f)
    curvatures = np.linalg.eigvalsh(np.moveaxis(f.hessian(*points.T), 2, 0))
    flat = 1e-8 * np.abs(curvatures).max(axis=1)
    is_higher, is_lower = _round(f, points)
    is_minimum = (curvatures[:, 0] > flat) & is_higher
    is_saddle = (curvatures[:, 0] < -flat) & (curvatures[:, 1] > flat) & is_lower
    return points[is_minimum], points[is_saddle]


def _zeros_from_grid(f: Function) -> Real:
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
    return distinct(points[arrived & f.contains(points)], f.bounds, 1e-6)


def _newton_step(f: Function, points: Real) -> Real:
    """The step from each point (n, 2); zero where H is singular and ∇f is zero."""
    step = newton_step(f, points.T).T
    step[(f.gradient(*points.T) == 0).all(axis=0)] = 0
    return np.where(np.isfinite(step), step, np.inf)
