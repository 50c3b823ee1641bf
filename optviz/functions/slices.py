"""A plane through a function of n coordinates: a function of x and y that can be drawn."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.functions.base import Bounds, Function, PythonFunction
from optviz.functions.catalogue import function, with_own_start
from optviz.functions.space import SpaceFunction

Real = NDArray[np.float64]

#: Numbers in memory at once while a plane is computed.
AT_ONCE = 4_000_000


@dataclass(frozen=True, repr=False)
class Slice(Function):
    """The plane origin + x u + y v through a function of n coordinates.

    Attributes
    ----------
    space
        The whole function.
    origin, u, v : ndarray (n,)
    axes
        What x and y are.
    note
        What a picture must say of the plane.
    shown : bool
        Whether it is the view of a path: then f* and its minima are those of the whole, as far as
        they lie in the plane, and not the plane's own.
    """

    space: SpaceFunction | None = None
    origin: Any = field(default=None, compare=False, repr=False)
    u: Any = field(default=None, compare=False, repr=False)
    v: Any = field(default=None, compare=False, repr=False)
    shown: bool = False

    @property
    def whole(self) -> SpaceFunction:
        """The function that it is a plane of."""
        assert self.space is not None
        return self.space

    @property
    def arguments(self) -> str:
        """Its arguments in a title: those of the whole, whose path is seen."""
        return self.whole.arguments if self.shown else "x, y"

    @property
    def latex(self) -> str:
        """The formula of the whole, whose path is seen; or the plane's name."""
        name = self.name.replace("_", r"\_").replace(" ", r"\ ")
        return self.whole.latex if self.shown else r"\mathrm{" + name + "}"

    def project(self, points: ArrayLike) -> Real:
        """The places (..., 2) on the plane that are nearest to points (..., n)."""
        return np.asarray((np.asarray(points) - self.origin) @ np.linalg.pinv(
            np.stack([self.u, self.v])))  # fmt: skip

    def distance(self, points: ArrayLike) -> Real:
        """How far points (..., n) lie off the plane."""
        on = self.origin + self.project(points) @ np.stack([self.u, self.v])
        return np.asarray(np.linalg.norm(np.asarray(points) - on, axis=-1))

    @functools.cached_property
    def minima(self) -> Real:
        """The plane's own; or those of the whole that lie in it (to a thousandth of its sides)."""
        if not self.shown:
            return super().minima
        known = self.whole.minima
        near = known[self.distance(known) <= 1e-3 * self.diagonal]
        places = self.project(near).reshape(-1, 2)
        return places[self.contains(places)]

    @functools.cached_property
    def minimum(self) -> float | None:
        """The plane's own f*, or that of the whole."""
        return self.whole.minimum if self.shown else super().minimum

    @property
    def is_searched(self) -> bool:
        """Whether f* was found numerically, and not in the literature."""
        return self.whole.is_searched if self.shown else super().is_searched

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to go down."""
        return self.whole.is_constant if self.shown else super().is_constant


def slice(
    f: str | SpaceFunction, origin: ArrayLike | None, u: ArrayLike, v: ArrayLike, *,
    bounds: Bounds | None = None, start: Sequence[float] | None = None,
) -> Slice:  # fmt: skip
    """The plane origin + x u + y v through a function of n coordinates, as a function of x and y.

    Parameters
    ----------
    f
        A function of n coordinates, or its text such as "rosenbrock:n=10".
    origin : (n,)
        A point of the plane; the centre of the bounds if None.
    u, v : (n,) or int
        Two directions; or the numbers of two coordinates, from 0: then x and y are these
        coordinates themselves, and `origin` gives the others.
    bounds : ((x0, x1), (y0, y1)), optional
        As far as lines along u and v from the origin stay in f's bounds, unless given.
    start : (x, y), optional
        Where paths on the plane begin unless told.

    Raises
    ------
    ValueError
        If shapes do not fit, or u and v lie on one line.

    Examples
    --------
    >>> import numpy as np, optviz as ov
    >>> g = ov.slice("rosenbrock:n=10", np.ones(10), 0, 1)
    >>> g(1.0, 1.0), g.axes, g.bounds
    (0.0, ('x₁', 'x₂'), ((-2.048, 2.048), (-2.048, 2.048)))
    """
    whole = function(f) if isinstance(f, str) else f
    if not isinstance(whole, SpaceFunction):
        raise ValueError(
            f"slice takes a function of n coordinates such as rosenbrock:n=10, not {whole!r:.60}"
        )
    low, high = np.array(whole.bounds).T
    place = _vector("origin", (low + high) / 2 if origin is None else origin, whole.n)
    ways, names = [], ["x", "y"]
    for k, (name, way) in enumerate((("u", u), ("v", v))):
        if np.ndim(way) == 0:
            axis = _coordinate(name, way, whole.n)
            place[axis] = 0.0
            names[k] = coordinate_name(axis)
            ways.append(np.eye(whole.n)[axis])
        else:
            ways.append(_vector(name, way, whole.n))
    if np.linalg.matrix_rank(np.stack(ways)) < 2:
        raise ValueError("u and v must be two directions that lie on no line")
    box = bounds or tuple(_reach(place, way, low, high) for way in ways)
    made = plane(whole, place, *ways, bounds=box, axes=(names[0], names[1]))
    placed: Slice = with_own_start(made)  # type: ignore[assignment]
    return placed if start is None else function(placed, start=start)  # type: ignore[return-value]


def plane(
    whole: SpaceFunction, origin: Real, u: Real, v: Real, *, bounds: Any, axes: tuple[str, str],
    note: str = "", shown: bool = False,
) -> Slice:  # fmt: skip
    """The same without checks."""

    def points(x: Any, y: Any) -> Real:
        x, y = np.broadcast_arrays(x, y)
        return np.asarray(origin + x[..., None] * u + y[..., None] * v)

    def value(x: Any, y: Any) -> Any:
        x, y = np.broadcast_arrays(x, y)
        flat_x, flat_y = x.ravel(), y.ravel()
        rows = max(1, AT_ONCE // whole.n)
        parts = [whole(points(flat_x[k : k + rows], flat_y[k : k + rows]))
                 for k in range(0, flat_x.size, rows)]  # fmt: skip
        return np.concatenate(parts).reshape(x.shape)

    def slope(x: float, y: float) -> tuple[float, float]:
        found = whole.gradient(origin + x * u + y * v)
        return float(found @ u), float(found @ v)

    # Two colons: never taken for a name, a formula or a function in a module.
    return Slice(
        f"a plane of {whole.name}", f"{whole.formula}::plane", bounds,
        title=whole.title if shown else f"a plane of {whole.title}",
        _python=PythonFunction(value, slope), space=whole, origin=origin, u=u, v=v, axes=axes,
        note=note, shown=shown,
    )  # fmt: skip


def coordinate_name(axis: int) -> str:
    """The name of a coordinate, which is numbered from 0 in Python: x₁, x₂, …"""
    return "x" + str(axis + 1).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _vector(name: str, given: ArrayLike, n: int) -> Real:
    try:
        vector = np.array(given, dtype=float)
    except (TypeError, ValueError):
        vector = np.zeros(0)
    if vector.shape != (n,) or not np.isfinite(vector).all():
        raise ValueError(f"{name} must be {n} finite numbers, not of shape {np.shape(given)}")
    return vector


def _coordinate(name: str, given: Any, n: int) -> int:
    if not isinstance(given, int | np.integer) or isinstance(given, bool) or not 0 <= given < n:
        raise ValueError(
            f"{name} must be {n} numbers, or the number of a coordinate from 0 to {n - 1}, not "
            f"{given!r}"
        )
    return int(given)


def _reach(place: Real, way: Real, low: Real, high: Real) -> tuple[float, float]:
    """From where to where place + t way lies in the bounds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.sort([(low - place) / way, (high - place) / way], axis=0)
    moving = way != 0
    first, last = float(ends[0][moving].max()), float(ends[1][moving].min())
    return (first, last) if first < last else (-1.0, 1.0)
