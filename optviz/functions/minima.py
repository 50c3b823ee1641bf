"""The lowest points of a function inside its bounds.

A lowest point counts if it is stationary, or a kink, or lies where the function's own domain ends.
On the edge of the bounds it counts if it would be one without them: where a function falls on, out
of the picture, it has no minimum.

Of a formula they are proven by intervals: nothing in the bounds lies lower than f* (in a valley or
a kink: by more than a millionth of what f spans), and minima are said to be equally low only if
rounding alone parts them. Where this cannot be told, there is none. Only of Python functions, and
where intervals see no bound at all, as of x·log(x) at 0, they are the polished dents of a grid.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optviz.functions.proof import Zeros, distinct, lowest_on_edges, value_at, zeros_of_gradient

if TYPE_CHECKING:
    from optviz.functions.base import Function, Point

Real = NDArray[np.float64]

#: How far apart two values may be, as a share of what f spans, that differ by rounding only.
ROUNDING = 1e-14
#: How well f* must be enclosed, as such a share, where it lies in a kink or a valley.
BRACKET = 1e-6
#: At most so many places are polished.
MAX_POLISHED = 16
#: So often a search begins anew with the lowest value that was found.
MAX_SEARCHES = 6
#: Of more open boxes than this it is not asked which of them hang together.
MAX_CLUSTERED = 4096
GRID = 161
#: A value that is larger is none that rounding alone parts from 0.
TELLING = 1e-6


def search_minima(f: Function) -> tuple[Point, ...]:
    """The global minima of `f`; where one of them is known, with the known digits.

    Examples
    --------
    >>> import optviz as ov
    >>> search_minima(ov.function("(x**2 - 4)**2 + y**2"))
    ((-2.0, 0.0), (2.0, 0.0))
    >>> search_minima(ov.function("x**2 + y"))
    ()
    """
    # A Python function may not be the same the next time.
    return _search(f) if f._python is None else _search.__wrapped__(f)


@functools.lru_cache(maxsize=64)
def _search(f: Function) -> tuple[Point, ...]:
    if is_constant(f):
        return ()  # nowhere is lower than elsewhere
    found = _proven(f) if f._python is None else None
    points = _dents(f) if found is None else found
    if not _hold(f, points):
        return ()
    diagonal = f.diagonal
    known = [p for p in f._known if any(math.dist(p, q) < 1e-6 * diagonal for q in points)]
    rest = [p for p in points if all(math.dist(p, q) >= 1e-6 * diagonal for q in known)]
    # What is 0 but for rounding is 0, without a sign.
    tidy = [(x if abs(x) > ROUNDING * diagonal else 0.0, y if abs(y) > ROUNDING * diagonal else 0.0)
            for x, y in rest]  # fmt: skip
    return (*known, *sorted(tidy))


def is_zero(f: Function, point: Real) -> bool:
    """Whether the value of a formula at a point, which is rounded too, cannot be told from 0."""
    if f._python is not None:
        return False
    low, high = value_at(f, point[None, :])
    # Where f is not defined an enclosure holds all numbers, and tells nothing.
    return bool(low[0] <= 0 <= high[0] and abs(f(*point)) < TELLING)


def _hold(f: Function, points: list[Point]) -> bool:
    """Whether f has values at the points and beside them, and none on a grid that is lower.

    Intervals hold what f would be if it were defined: of log(x) they see no bound at its pole, and
    x**x has values at −1 and −2, but none between them.
    """
    if not points:
        return True
    here, grid = np.array(points, dtype=float), _coarse(f)
    values = np.asarray(f(*here.T))
    step = 1e-7 * np.ptp(np.array(f.bounds), axis=1)
    beside = [f(*(here + step * np.array(way)).T) for way in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    if not (np.isfinite(values).all() and np.isfinite(beside).any(axis=0).all()):
        return False
    return bool(values.max() <= grid.min(initial=np.inf) + BRACKET * _span(f))


def _proven(f: Function) -> list[Point] | None:
    """The minima; None if intervals see no bound."""
    edge, span = lowest_on_edges(f), _span(f)
    known = np.array(f._known, dtype=float).reshape(-1, 2)
    known = known[f.contains(known)]
    below = float(np.min(value_at(f, known)[1], initial=edge))
    for _ in range(MAX_SEARCHES):
        zeros = zeros_of_gradient(f, below)
        points = zeros.points
        low, high = value_at(f, points)
        if zeros.low.size:
            if _has_pole(f, zeros, span):
                return []
            rough = _polished_boxes(f, zeros, span)
            rough = np.vstack([known, *(p for p in rough if not _falls_on(f, p, span))])
            top = np.asarray(f(*rough.T))
            points, slack = np.vstack([points, rough]), ROUNDING * span
            low, high = np.append(low, top - slack), np.append(high, top + slack)
        lowest = float(high.min(initial=np.inf))
        is_told = not zeros.low.size or lowest <= zeros.bound + BRACKET * span
        if is_told or not lowest < below:
            break
        below = lowest
    if edge < low.min(initial=np.inf):
        return []
    if not is_told:
        return None if zeros.bound == -np.inf else []
    return _told(f, points[low <= lowest])


def _span(f: Function) -> float:
    """How far the values on a coarse grid are apart, but for the highest; or how large they are."""
    z = _coarse(f)
    return max(float(np.quantile(z, 0.9) - z.min()), float(np.abs(z).min())) if z.size else 0.0


def is_constant(f: Function) -> bool:
    """Whether f is the same everywhere: a formula by its derivatives, a Python function on a
    grid."""
    if f._python is None:
        return f.expression.derived.is_constant
    corner = (low for low, _ in f.bounds)
    if f(*corner) != f(*f.start):
        return False
    z = _coarse(f)
    return bool(z.size and np.ptp(z) == 0)


def _coarse(f: Function) -> Real:
    x, y = (np.linspace(*side, 33) for side in f.bounds)
    z: Real = np.asarray(f(x[:, None], y[None, :]))
    return z[np.isfinite(z)]


def _has_pole(f: Function, zeros: Zeros, span: float) -> bool:
    """Whether f is without a bound in an open box, and far below what it is elsewhere."""
    if zeros.bound > -np.inf:
        return False
    values = np.concatenate([f(*corner.T) for corner in _corners(zeros)])
    seen = values[np.isfinite(values)]
    return bool(seen.min(initial=np.inf) < _coarse(f).min(initial=np.inf) - span)


def _corners(zeros: Zeros) -> list[Real]:
    """The four corners of the open boxes, each (m, 2)."""
    (x0, y0), (x1, y1) = zeros.low, zeros.high
    return [np.stack([x, y], axis=1) for x in (x0, x1) for y in (y0, y1)]


def _polished_boxes(f: Function, zeros: Zeros, span: float) -> Real:
    """A low point for each heap of open boxes; the nearest to the middle of the picture of many."""
    middle = np.mean(f.bounds, axis=1)
    corners = _corners(zeros)
    values = np.array([np.nan_to_num(f(*c.T), nan=np.inf) for c in corners])
    found = []
    heaps = clusters(zeros.low, zeros.high)
    heaps.sort(key=lambda boxes: float(values[:, boxes].min()))
    for boxes in heaps[:MAX_POLISHED]:
        places, heights = np.vstack([c[boxes] for c in corners]), values[:, boxes].ravel()
        lowest = places[heights <= heights.min() + ROUNDING * span]
        start = lowest[np.argmin(np.hypot(*(lowest - middle).T))]
        # A simplex as large as the heap is wide.
        extent = np.ptp(places, axis=0) / np.ptp(f.bounds, axis=1)
        share = float(np.clip(extent.max() / 4, 1e-8, 0.01))
        found.append(min(start, _polished(f, start, share), key=lambda p: float(f(*p))))
    return distinct(np.array(found), f.bounds, 1e-7)


def _falls_on(f: Function, point: Real, span: float) -> bool:
    """Whether a point lies on the bounds, nearly, and f goes on to fall beyond them."""
    low, high = np.array(f.bounds).T
    more = 0.01 * (high - low)
    if np.all((point > low + 0.1 * more) & (point < high - 0.1 * more)):
        return False
    (x0, y0), (x1, y1) = (low - more).tolist(), (high + more).tolist()
    beyond = _polished(replace(f, bounds=((x0, x1), (y0, y1))), point, 1e-3)
    return bool(f(*beyond) < f(*point) - ROUNDING * span)


def lowest_point(f: Function, low: Real, high: Real) -> Real:
    """The lowest point that a search from the middle of a small box finds; the middle if none is
    near."""
    middle = (low + high) / 2
    found = _polished(f, middle, 1e-7)
    is_near = np.all(np.abs(found - middle) <= 1e-6 * np.ptp(f.bounds, axis=1) + high - low)
    return found if is_near and f(*found) < f(*middle) else middle


def clusters(low: Real, high: Real) -> list[NDArray[np.intp]]:
    """The indices of boxes that hang together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = low.shape[1]
    if count > MAX_CLUSTERED or not count:
        return [np.arange(count)] * bool(count)
    size = (high - low).max(axis=1)[:, None]
    tree = cKDTree(((low + high) / 2 / size).T)
    i, j = tree.query_pairs(2.5, p=np.inf, output_type="ndarray").T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(count, count))
    number, label = connected_components(graph, directed=False)
    return [np.flatnonzero(label == k) for k in range(number)]


def _told(f: Function, points: Real) -> list[Point]:
    """Lowest points; one of them stands for all in a valley of equal depth."""
    best = [(float(x), float(y)) for x, y in points]
    if len(best) > 3 and all(_is_flat(f, point) for point in best):
        middle = np.mean(f.bounds, axis=1)
        return [min(best, key=lambda p: math.dist(p, middle))]
    return best


def _dents(f: Function) -> list[Point]:
    """The lowest points of a grid, polished."""
    (x0, x1), (y0, y1) = f.bounds
    xs, ys = np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID)
    z = np.asarray(f(xs[:, None], ys[None, :]))
    z = np.where(np.isfinite(z), z, np.inf)
    inner, n = z[1:-1, 1:-1], GRID - 1
    around = [z[i : n + i - 1, j : n + j - 1] for i in range(3) for j in range(3) if i * j != 1]
    dents = np.argwhere(np.all([inner <= a for a in around], axis=0) & np.isfinite(inner)) + 1
    dents = dents[np.argsort(z[tuple(dents.T)], kind="stable")][:MAX_POLISHED]
    if not len(dents):
        return []
    points = distinct(np.array([_polished(f, (xs[i], ys[j]), 0.01) for i, j in dents]),
                      f.bounds, 1e-4)  # fmt: skip
    values = np.asarray(f(*points.T))
    lowest, span = float(values.min()), _span(f)
    if z.min() < lowest - ROUNDING * span:
        return []  # it falls on, out of the picture
    if lowest < z.min() - max(span, 1e-300):
        return []  # a pole: far below anything that the grid has seen
    # What rounds at a minimum is about as large as f is there, or nearby.
    near = points[values.argmin()] + 0.01 * np.array([(x1 - x0, 0), (0, y1 - y0)])
    terms = min(span, abs(lowest) + float(np.nan_to_num(np.ptp([lowest, *f(*near.T)]), nan=span)))
    return _told(f, points[values <= lowest + ROUNDING * terms])


def _polished(f: Function, start: Real | Point, share: float) -> Real:
    """The minimum nearby: a simplex, whose size is a share of the bounds, then Newton's method."""
    from scipy.optimize import minimize

    size = share * np.ptp(np.array(f.bounds), axis=1)
    # Towards the middle: there is nothing beyond the edge.
    step = np.where(np.asarray(start) > np.mean(f.bounds, axis=1), -size, size)
    simplex = np.asarray(start) + np.array([(0, 0), (step[0], 0), (0, step[1])])
    options = {"xatol": 1e-13, "fatol": 1e-15, "maxiter": 800, "initial_simplex": simplex}
    result = minimize(lambda p: float(np.nan_to_num(f(*p), nan=np.inf)), start,
                      method="Nelder-Mead", bounds=f.bounds, options=options)  # fmt: skip
    return _newton(f, result.x)


def _is_flat(f: Function, point: Point) -> bool:
    """Whether the Hessian is singular there, so that the minimum is not isolated."""
    hessian = f.hessian(*point)
    scale = float(np.abs(hessian).max())
    return not np.all(np.isfinite(hessian)) or abs(np.linalg.det(hessian)) <= 1e-8 * scale**2


def _newton(f: Function, point: Real) -> Real:
    """A few Newton steps, as far as they lower the gradient (a kink has none: it stays)."""
    best = point
    low, high = np.array(f.bounds).T
    for _ in range(4):
        gradient, hessian = f.gradient(*best), f.hessian(*best)
        if not (np.all(np.isfinite(hessian)) and np.linalg.det(hessian) > 0):
            break
        new = np.clip(best - np.linalg.solve(hessian, gradient), low, high)
        if not np.linalg.norm(f.gradient(*new)) < np.linalg.norm(gradient):
            break
        best = new
    return best
