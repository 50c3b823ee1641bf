"""Where the gradient of a formula vanishes, with proof: branch and bound over boxes.

The bounds are cut into ever smaller boxes. A box is done with

1. if its intervals show that the gradient vanishes nowhere in it, or
2. if Krawczyk's operator K(B) = c − Y∇f(c) + (I − YH(B))(B − c), with the inverse Y of the Hessian
   at the middle c, lies inside B: then just one zero of the gradient lies in B, and all matrices of
   H(B) are regular, so that the determinant's sign there is that at c.

What is still open when boxes are as small as they get holds a kink, or a point where the Hessian
is singular. Source: Krawczyk (1969); Neumaier, "Interval Methods for Systems of Equations" (1990),
theorem 5.1.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optviz.functions.graph import Derived
from optviz.functions.intervals import EPS, Enclosure, Interval, added, product

if TYPE_CHECKING:
    from optviz.functions.base import Bounds, Function

Real = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Boxes are halved this often along each axis at most, ...
LEVELS = 26
#: ... and given up if there are more than so many at once, or after so many operations in all.
MAX_BOXES, MAX_WORK = 60_000, 30_000_000
#: The same for the pieces of edges.
EDGE_LEVELS, MAX_PIECES = 45, 2000
#: Krawczyk's operator sees this much more on each side: a zero on the seam of boxes is inside.
MARGIN = 0.1
#: Boxes along each axis to begin with.
FIRST = 8


@dataclass(frozen=True)
class Zeros:
    """What a search has proven.

    Attributes
    ----------
    points : (n, 2)
        The zeros of the gradient with a regular Hessian, to rounding.
    low, high : (2, m)
        The boxes that are still open.
    bound : float
        No value in an open box is lower.
    """

    points: Real
    low: Real
    high: Real
    bound: float = -np.inf


def zeros_of_gradient(f: Function, below: float | None = None) -> Zeros:
    """All zeros of the gradient of a formula inside its bounds, or those that may be the lowest.

    Parameters
    ----------
    f : Function
        Made from a formula.
    below : float, optional
        If given, boxes are dropped in which f is nowhere as low as this, or as another value that
        the search meets. And a box that f's domain ends in stays open, as its lowest point need
        not be stationary.

    Returns
    -------
    Zeros
        Nothing is missing: each zero (with `below`: each lowest point of f that does not lie on
        the bounds) is one of the points, or lies in one of the open boxes.
    """
    derived, lowest = f.expression.derived, np.inf if below is None else below
    low, high = first_boxes(f.bounds)
    size = len(derived.graph.parts([derived.value, *derived.gradient, *derived.hessian]))
    points, work, bound = np.empty((0, 2)), 0, -np.inf
    for level in range(LEVELS):
        work += size * low.shape[1]
        over = Enclosure(derived.graph, low, high)
        values = over.of(derived.value)
        kept, ends = ~over.is_empty, ~over.is_defined
        slopes = [over.of(k) for k in derived.gradient]
        is_flat = np.all([(a <= 0) & (b >= 0) for a, b in slopes], axis=0)
        kept &= is_flat | ends if below is not None else is_flat
        if below is not None:
            bottom, top = _by_slopes(derived, low, high, slopes)
            bottom = np.where(ends, values[0], np.maximum(bottom, values[0]))
            lowest = min(lowest, float(np.min(top, initial=np.inf)))
            kept &= bottom <= lowest
            bound = float(np.min(bottom[kept], initial=np.inf))
        low, high = low[:, kept], high[:, kept]
        found, done = _krawczyk(f, low, high)
        points = np.vstack([points, found])
        low, high = low[:, ~done], high[:, ~done]
        count = 4 * low.shape[1]
        is_over = count > MAX_BOXES or work + size * count > MAX_WORK
        if not count or is_over or level == LEVELS - 1:
            break
        low, high = quartered(low, high)
    return Zeros(distinct(points, f.bounds), low, high, bound)


def first_boxes(bounds: Bounds) -> tuple[Real, Real]:
    """The bounds as a few boxes."""
    edges = [np.linspace(a, b, FIRST + 1) for a, b in bounds]
    corners = [np.meshgrid(*(e[cut] for e in edges)) for cut in (np.s_[:-1], np.s_[1:])]
    low, high = (np.array([axis.ravel() for axis in corner]) for corner in corners)
    return low, high


def quartered(low: Real, high: Real) -> tuple[Real, Real]:
    """Each box as four."""
    middle = (low + high) / 2
    halves = (low, middle), (middle, high)
    lows = [np.stack([i[0][0], j[0][1]]) for i in halves for j in halves]
    highs = [np.stack([i[1][0], j[1][1]]) for i in halves for j in halves]
    return np.hstack(lows), np.hstack(highs)


def lowest_on_edges(f: Function) -> float:
    """An upper bound of the lowest value on the edges of a formula's bounds, as low as may be."""
    derived, (xs, ys) = f.expression.derived, f.bounds
    lowest = float(value_at(f, np.array([(x, y) for x in xs for y in ys]))[1].min())
    sides = [((xs[0], y), (xs[1], y)) for y in ys] + [((x, ys[0]), (x, ys[1])) for x in xs]
    low, high = np.array(sides, dtype=float).transpose(1, 2, 0)
    for _ in range(EDGE_LEVELS):
        middle = (low + high) / 2
        low, high = np.hstack([low, middle]), np.hstack([middle, high])
        over = Enclosure(derived.graph, low, high)
        values, kept = over.of(derived.value), ~over.is_empty
        ends, slopes = ~over.is_defined, [over.of(k) for k in derived.gradient]
        bottom, top = _by_slopes(derived, low, high, slopes)
        lowest = min(lowest, float(np.min(top, initial=np.inf)))
        kept &= np.where(ends, values[0], np.maximum(bottom, values[0])) <= lowest
        low, high = low[:, kept], high[:, kept]
        if low.shape[1] > MAX_PIECES:
            break
    return lowest


def value_at(f: Function, points: Real) -> Interval:
    """Between what a formula's values at points (n, 2) lie; infinity where one may be nan.

    The points too are known to rounding only, which is that of the bounds.
    """
    derived, slack = f.expression.derived, 4 * EPS * np.abs(f.bounds).max(axis=1)[:, None]
    at = Enclosure(derived.graph, points.T - slack, points.T + slack)
    low, high = at.of(derived.value)
    return low, np.where(at.is_defined, high, np.inf)


def _by_slopes(
    derived: Derived, low: Real, high: Real, slopes: list[Interval]
) -> tuple[Real, Real]:
    """A lower bound in each box by f(B) ⊂ f(c) + ∇f(B)(B − c), and f(c) as an upper one."""
    middle = (low + high) / 2
    at = Enclosure(derived.graph, middle, middle)
    value = at.of(derived.value)
    total = value
    for slope, c, a, b in zip(slopes, middle, low, high, strict=True):
        total = added(total, product(slope, added((a, b), (-c, -c))))
    return total[0], np.where(at.is_defined, value[1], np.inf)


def _krawczyk(f: Function, low: Real, high: Real) -> tuple[Real, Mask]:
    """The zeros that are proven, polished, and which of the boxes are done."""
    derived, middle = f.expression.derived, (low + high) / 2
    half = (0.5 + MARGIN) * (high - low)
    wide = np.stack([middle - half, middle + half])
    over, at = Enclosure(derived.graph, *wide), Enclosure(derived.graph, middle, middle)
    (a, b, d), g = ([over.of(k) for k in derived.hessian], [at.of(k) for k in derived.gradient])
    for k in derived.gradient:
        over.of(k)
    with np.errstate(all="ignore"):
        p, q, r = ((v[0] + v[1]) / 2 for v in (a, b, d))
        determinant = p * r - q * q
        inverse = np.array([[r, -q], [-q, p]]) / determinant
    usable = over.is_smooth & np.isfinite(inverse).all(axis=(0, 1)) & (determinant != 0)
    inverse = np.where(usable, inverse, 0.0)
    away = added((wide[0], wide[1]), (-middle, -middle))
    inside, outside = usable.copy(), np.zeros_like(usable)
    for i in range(2):
        total = _minus(_dot(inverse[i], g))
        columns = _dot(inverse[i], [a, b]), _dot(inverse[i], [b, d])
        for j, column in enumerate(columns):
            one = np.full_like(p, float(i == j))
            total = added(
                total, product(added((one, one), _minus(column)), (away[0][j], away[1][j]))
            )
        total = added(total, (middle[i], middle[i]))
        inside &= (total[0] > wide[0, i]) & (total[1] < wide[1, i])
        outside |= usable & ((total[1] < low[i]) | (total[0] > high[i]))
    points, arrived = _polished(f, wide[:, :, inside])
    proven = inside.copy()
    proven[inside] = arrived
    return _inside(points[arrived], f.bounds), proven | outside


def _dot(row: Real, column: list[Interval]) -> Interval:
    return added(*(product((y, y), v) for y, v in zip(row, column, strict=True)))


def _minus(a: Interval) -> Interval:
    return -a[1], -a[0]


def newton_step(f: Function, points: Real) -> Real:
    """H⁻¹∇f at points (2, n), by Cramer's rule; not finite where H is singular."""
    (gx, gy), ((a, b), (_, d)) = f.gradient(*points), f.hessian(*points)
    with np.errstate(all="ignore"):
        return np.asarray(np.array([d * gx - b * gy, a * gy - b * gx]) / (a * d - b * b))


def _polished(f: Function, box: Real) -> tuple[Real, Mask]:
    """Newton's method inside boxes (2, 2, n) that hold one zero each; whether it has arrived."""
    best = box.mean(axis=0)
    if not best.size:
        return best.T, np.zeros(0, dtype=bool)
    slope = np.hypot(*f.gradient(*best))
    for _ in range(12):
        step = newton_step(f, best)
        new = np.clip(best - np.nan_to_num(step), box[0], box[1])
        flatter = np.hypot(*f.gradient(*new)) < slope
        if not flatter.any():
            break
        best = np.where(flatter, new, best)
        slope = np.hypot(*f.gradient(*best))
    size = (box[1] - box[0]).max(axis=0)
    return best.T, np.hypot(*np.nan_to_num(step)) < 1e-6 * size + 1e-12 * np.abs(best).max(axis=0)


def _inside(points: Real, bounds: Bounds) -> Real:
    """Those in the bounds, to rounding."""
    low, high = np.array(bounds, dtype=float).T
    slack = 1e-13 * (np.maximum(np.abs(low), np.abs(high)) + high - low)
    kept = np.all((points >= low - slack) & (points <= high + slack), axis=1)
    return np.clip(points[kept], low, high)


def distinct(points: Real, bounds: Bounds, share: float = 1e-9) -> Real:
    """Points without those that lie within a share of the diagonal of an earlier one."""
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return points
    radius = share * float(np.hypot(*np.ptp(np.array(bounds, dtype=float), axis=1)))
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    return np.delete(points, np.unique(pairs.max(axis=1, initial=0)) if len(pairs) else [], axis=0)
