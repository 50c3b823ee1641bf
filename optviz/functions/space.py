"""A function of n coordinates: one of a family, or a Python function of one array.

Pictures see it through a plane (`slices.py`); everything that computes takes it as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.compiled import jit
from optviz.functions.base import SLIPS, Function
from optviz.functions.families import MAX_N, Member, is_family, read
from optviz.functions.pointwise import STEP, Both, differences, number_at
from optviz.shared.checks import check_whole
from optviz.shared.modules import imported
from optviz.shared.text import rounded

Real = NDArray[np.float64]

#: Points that a search begins at, and evaluations that it may take in all.
SEARCHES, MAX_EVALUATIONS = 9, 200_000


@dataclass(frozen=True)
class SpaceFunction(Function):
    """A function of n coordinates that optimizers can walk on.

    A point is one array: `f(p)` of shape (..., n) gives values of shape (...), and `f.gradient(p)`
    has the shape of p. Make one with `optviz.function("rosenbrock:n=10")` or
    `optviz.function(my_f, n=10)`.

    Attributes
    ----------
    name, formula, source
        As of a `Function`; the formula is the text that makes it again.
    bounds : n pairs
    start : n numbers
    minima : ndarray (k, n)
        Those of the literature; of a Python function the best one that a search found.

    Examples
    --------
    >>> import numpy as np, optviz as ov
    >>> f = ov.function("rosenbrock:n=10")
    >>> f(np.ones(10)), f.gradient(np.zeros(10))[:2].tolist(), f.minimum
    (0.0, [-2.0, -2.0], 0.0)
    """

    member: Member | None = None
    #: A function of one array (n,), and its gradient or None.
    _value: Callable[[Any], Any] | None = field(default=None, repr=False)
    _slope: Callable[[Any], Any] | None = field(default=None, repr=False)

    @property
    def n(self) -> int:
        """The number of coordinates of its points."""
        return len(self.bounds)

    @property
    def is_plane(self) -> bool:
        """It is not: pictures see it through a plane."""
        return False

    def __repr__(self) -> str:
        """In one line."""
        return f"<{self.name}, a function of {self.n} coordinates>"

    # -- values ------------------------------------------------------------------------------

    def _rows(self, *p: ArrayLike) -> Real:
        """Points (..., n) as rows (k, n)."""
        points = np.asarray(p[0] if len(p) == 1 else 0, dtype=float)
        if points.ndim == 0 or points.shape[-1] != self.n:
            raise ValueError(
                f"{self.name} takes points of {self.n} coordinates in one array of shape "
                f"(..., {self.n}), not {points.shape or len(p)}: a plane through it, a function "
                "of x and y, is ov.slice(f, origin, u, v)"
            )
        return np.ascontiguousarray(points.reshape(-1, self.n))

    def __call__(self, *p: ArrayLike) -> Any:
        """f at points (..., n); nan where it is not defined."""
        values = self.values_along(self._rows(*p)).reshape(np.shape(p[0])[:-1])
        return values if values.ndim else float(values)

    def gradient(self, *p: ArrayLike) -> Real:
        """∇f at points (..., n), in their shape."""
        rows = self._rows(*p)
        slopes = np.empty((self.n, len(rows)))
        with np.errstate(all="ignore"):
            self.gradient_kernel()(np.ascontiguousarray(rows.T), slopes)
        return np.ascontiguousarray(slopes.T).reshape(np.shape(p[0]))

    def hessian(self, p: ArrayLike) -> Real:  # type: ignore[override]
        """The second derivatives at one point (n,), by central differences of the gradient."""
        (place,) = self._rows(np.asarray(p, dtype=float)[None])
        steps = np.diag(STEP * np.maximum(1, np.abs(place)))
        ahead, behind = self.gradient(place + steps), self.gradient(place - steps)
        found = (ahead - behind) / (2 * np.diag(steps)[:, None])
        return np.asarray((found + found.T) / 2)

    def gradient_kernel(self, dtype: Any = np.float64) -> Callable[[Any, Any], None]:
        """`kernel(points (n, m), gradient (n, m))`."""
        return self._slopes if self.member is None else self.member.kernel("gradient", dtype)

    def value_kernel(self) -> Callable[[Any, Any], None]:
        """`kernel(path (k, n), values (k,))`."""
        return self._values if self.member is None else self.member.kernel("value")

    def _values(self, path: Any, values: Any) -> None:
        for k, row in enumerate(path):
            values[k] = number_at(self._value, row)

    def _slopes(self, points: Any, gradient: Any) -> None:
        for k in range(points.shape[1]):
            place = np.array(points[:, k], dtype=float)
            if self._slope is None:
                gradient[:, k] = differences(self._value, place)
                continue
            try:
                gradient[:, k] = self._slope(place)
            except SLIPS:
                raise
            except Exception:
                gradient[:, k] = np.nan  # outside the domain

    @property
    def is_compiled(self) -> bool:
        """Whether the kernel can be handed to compiled loops."""
        return self.member is not None and not jit.jit_disabled()

    @property
    def is_total(self) -> bool:
        """Whether the gradient is nowhere finite where f has no value."""
        return self.member is not None

    # -- what is known of it -----------------------------------------------------------------

    @property
    def arguments(self) -> str:
        """Its arguments in a title."""
        return r"x_1, \ldots, x_{" + str(self.n) + "}"

    @property
    def latex(self) -> str:
        """The formula for a title, as Matplotlib typesets it."""
        if self.member is not None:
            return self.member.family.formula
        return r"\mathrm{" + self.name.replace("_", r"\_") + "}(x)"

    @functools.cached_property
    def minima(self) -> Real:
        """Every known global minimum inside the bounds, shape (k, n)."""
        known = _searched(self) if self.member is None else self.member.minima(self.n)
        return known[self.contains(known)]

    @functools.cached_property
    def minimum(self) -> float | None:
        """f*; None if there is none, or none was found."""
        if not len(self.minima):
            return None
        if self.member is not None and self.member.family.lowest is not None:
            return self.n * self.member.family.lowest
        return float(np.min(self(self.minima)))

    @property
    def is_searched(self) -> bool:
        """Whether f* was found numerically, and not in the literature."""
        return self.member is None and self.minimum is not None

    @property
    def is_constant(self) -> bool:
        """Whether it is the same at twenty points of the bounds."""
        values = self(_scattered(self, 20))
        return bool(np.isfinite(values).all() and np.ptp(values) == 0)

    @property
    def diagonal(self) -> float:
        """The length of the bounds' diagonal."""
        low, high = np.array(self.bounds).T
        return float(np.linalg.norm(high - low))

    def check_start(self, start: Sequence[float]) -> Any:
        """`start` as n floats inside the bounds, where f is defined.

        Raises
        ------
        ValueError
            If it is not.
        """
        try:
            place = np.array([float(v) for v in start])
        except (TypeError, ValueError):
            place = np.zeros(0)
        if place.shape != (self.n,):
            raise ValueError(
                f"start must be {self.n} numbers on {self.name}, not {np.shape(start) or start!r}: "
                "two numbers are a point of a plane, such as ov.slice(f, origin, u, v)"
            )
        wrong = np.flatnonzero(~np.array([low <= v <= high for v, (low, high) in zip(
            place, self.bounds, strict=True)]))  # fmt: skip
        if wrong.size:
            k = int(wrong[0])
            low, high = self.bounds[k]
            raise ValueError(
                f"start lies outside {self.name}'s domain: coordinate {k + 1} is "
                f"{rounded(place[k], 6)}, and goes from {rounded(low)} to {rounded(high)}"
            )
        if not np.isfinite(self(place)):
            raise ValueError(f"{self.name} has no value at start {_short(place)}")
        return tuple(float(v) for v in place)


def function_of_space(
    f: Any, n: Any, bounds: Any, start: Any, gradient: Callable[[Any], Any] | None, check: bool
) -> SpaceFunction:
    """What `optviz.function` makes in n dimensions."""
    check = check and not isinstance(f, SpaceFunction)
    if isinstance(f, str) and (is_family(f) or n is None):
        member, count, ends = read(f)
        made = of_member(member, count)
        if ends != member.family.bounds:
            made = _placed(_within(made, ends))
    elif isinstance(f, SpaceFunction):
        made = f
    else:
        check_whole("n", n, 2, MAX_N)
        name, place = getattr(f, "__name__", "f").strip("<>"), ""
        if isinstance(f, str) and not (
            ":" in f and f.replace(".", "").replace(":", "").isidentifier()
        ):
            raise ValueError(
                f"{f!r}: with n, a function is a Python function of one array, or a family such "
                f"as rosenbrock:n={n}"
            )
        if isinstance(f, str):
            module, _, name = f.partition(":")
            place = f
            f, found = imported(module, name, "function")
            gradient = gradient or getattr(found, f"{name}_gradient", None)
        if not callable(f) or isinstance(f, Function):
            raise ValueError(f"n is for a Python function of one array, not for {f!r:.60}")
        place = place or f"{getattr(f, '__module__', 'python')}:{name}"
        made = of_python(f, gradient, int(n), name, place)
        gradient = None
    if gradient is not None or (n is not None and n != made.n):
        what = "its gradient" if gradient is not None else f"its n, {made.n}"
        raise ValueError(f"{made.name} knows {what}: it is given with a Python function only")
    if bounds is not None:
        made = _within(made, bounds)
    if start is None:
        is_new = made._value is not None and made is not f
        return _checked(_placed(made) if is_new or bounds is not None else made, check)
    return _checked(replace(made, start=made.check_start(start)), check)


def _within(f: SpaceFunction, bounds: Any) -> SpaceFunction:
    """In other bounds, which its text tells if they are the same for all coordinates."""
    pairs = _as_bounds(bounds, f.n)
    if f.member is None:
        return replace(f, bounds=pairs)
    text = f.member.text(f.n, pairs[0])
    # Nothing reads a text that ends so.
    text = text if len(set(pairs)) == 1 else f"{f.member.text(f.n)},bounds"
    return replace(f, bounds=pairs, name=text, formula=text)


def _as_bounds(bounds: Any, n: int) -> Any:
    try:
        pairs = np.asarray(bounds, dtype=float)
        return tuple((float(a), float(b)) for a, b in np.broadcast_to(pairs, (n, 2)))
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds must be {n} pairs (low, high), or one for all, not {bounds!r:.60}"
        ) from None


def _placed(f: SpaceFunction) -> SpaceFunction:
    """With a start in the bounds; of one's own off the centre, which is often a minimum."""
    low, high = np.array(f.bounds).T
    if f.member is not None:
        return replace(f, start=cast("Any", tuple(np.clip(f.start, low, high).tolist())))
    places = [low + np.resize(pair, f.n) * (high - low) for pair in ((0.1, 0.8), (0.7, 0.4))]
    start = next((p for p in places if np.isfinite(f(p))), places[0])
    return replace(f, start=cast("Any", tuple(start.tolist())))


def _checked(f: SpaceFunction, check: bool) -> SpaceFunction:
    if check:
        check_slope(f)
    return f


def of_member(member: Member, n: int) -> SpaceFunction:
    """A family in n dimensions."""
    family = member.family
    return SpaceFunction(
        member.text(n), member.text(n), bounds=_every(family.bounds, n),
        start=cast("Any", tuple(float(v) for v in np.resize(family.start, n))),
        source=family.source, title=f"{family.title} in {n} dimensions", member=member,
    )  # fmt: skip


def of_python(
    f: Callable[[Any], Any], slope: Callable[[Any], Any] | None, n: int, name: str, place: str
) -> SpaceFunction:
    """A Python function of one array, which gives its value, or that and its gradient.

    Raises
    ------
    ValueError
        If it fails, or gives something else.
    """
    made = SpaceFunction(name, place, bounds=_every((-5.0, 5.0), n), start=cast("Any", (0.0,) * n),
                         title=f"{name} in {n} dimensions", _value=f, _slope=slope)  # fmt: skip
    try:
        given = f(np.full(n, 0.5))
    except ArithmeticError:
        given = 0.0  # that place lies outside its domain
    except (Exception, SystemExit) as error:
        # Whatever the user's code raises is an answer about that code.
        raise ValueError(
            f"{name}(p) fails for p of {n} coordinates: {type(error).__name__}: {error}"
        ) from None
    if isinstance(given, tuple) and len(given) == 2 and slope is None:
        both = Both(f)
        made, given = replace(made, _value=both.value, _slope=both.slope), given[0]
    if given is None or np.shape(given) != () or not np.isreal(given):
        raise ValueError(
            f"{name}(p) must give one number for an array of {n} coordinates, or that and the "
            f"gradient, not {_what(given)}: a function of the plane, f(x, y), goes without n"
        )
    return made


def check_slope(f: SpaceFunction, points: int = 5) -> None:
    """Compare a gradient of the user's with differences along random directions.

    Raises
    ------
    ValueError
        If its shape is wrong, or it disagrees at most of the points.
    """
    if f._slope is None:
        return
    rng = np.random.default_rng(0)
    wrong, seen = [], 0
    for place in _scattered(f, points):
        try:
            given = np.asarray(f._slope(place.copy()), dtype=float)
        except SLIPS:
            raise
        except Exception:
            continue  # no slope there
        if given.shape != (f.n,):
            raise ValueError(
                f"the gradient must give {f.n} numbers, as many as a point has, not "
                f"{_what(given)} at {_short(place)}"
            )
        way = rng.normal(size=f.n)
        way *= STEP * max(1.0, float(np.abs(place).max())) / np.linalg.norm(way)
        found = number_at(f._value, place + way) - number_at(f._value, place - way)
        told = 2 * float(given @ way)
        if np.isfinite(found) and np.isfinite(told):
            seen += 1
            size = 2 * float(np.linalg.norm(given) * np.linalg.norm(way))
            if abs(found - told) > 1e-3 * (abs(found) + size) + 1e-12:
                wrong.append((place, told / found if found else np.inf))
    if 2 * len(wrong) > seen:
        place, ratio = wrong[0]
        raise ValueError(
            f"the gradient of {f.name} is wrong at {_short(place)}: along one direction it gives "
            f"{rounded(ratio)} times what differences of f do (check=False takes it as it is)"
        )


def _scattered(f: SpaceFunction, count: int) -> Real:
    """Points all over the bounds, always the same."""
    low, high = np.array(f.bounds).T
    return np.asarray(low + np.random.default_rng(0).random((count, f.n)) * (high - low))


def lowest_of_many(f: SpaceFunction, count: int = 2000) -> float:
    """The lowest of f at many points of the bounds and at its start."""
    values = f(np.vstack([_scattered(f, count), np.array([f.start])]))
    return float(np.nanmin(np.where(np.isfinite(values), values, np.nan)))


def _searched(f: SpaceFunction) -> Real:
    """The best place that L-BFGS-B finds from several, if it lies inside: nothing is proven."""
    from scipy.optimize import minimize

    cost = 1 if f._slope is not None else 2 * f.n + 1
    each = max(20, MAX_EVALUATIONS // (SEARCHES * cost))
    found = [
        minimize(
            lambda p: (float(np.nan_to_num(f(p), nan=1e300)), np.nan_to_num(f.gradient(p))),
            place, jac=True, method="L-BFGS-B", bounds=f.bounds,
            options={"maxfun": each, "maxiter": each, "ftol": 1e-15, "gtol": 1e-9},
        )
        for place in np.vstack([np.array([f.start]), _scattered(f, SEARCHES - 1)])
    ]  # fmt: skip
    best = min(found, key=lambda result: float(result.fun))
    low, high = np.array(f.bounds).T
    is_inside = np.all((best.x > low) & (best.x < high))
    return np.array([best.x]) if is_inside and best.success else np.zeros((0, f.n))


def _every(pair: tuple[float, float], n: int) -> Any:
    return (tuple(float(v) for v in pair),) * n


def _short(place: Real) -> str:
    """A point for a message, cut if it is long."""
    shown = ", ".join(rounded(v) for v in place[:4])
    return f"({shown}, …)" if len(place) > 4 else f"({shown})"


def _what(given: Any) -> str:
    shape = np.shape(given)
    return f"an array of shape {shape}" if shape else repr(given)[:40]
