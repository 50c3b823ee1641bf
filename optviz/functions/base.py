"""A function of the plane: from a line of maths, or from plain Python.

The catalogue is in `functions.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.compiled import jit
from optviz.functions.formula import Expression, parse
from optviz.shared.text import rounded

Bounds = tuple[tuple[float, float], tuple[float, float]]
Point = tuple[float, float]
Real = NDArray[np.float64]

#: The kernels: points (2, n) and their gradient (2, n); a path (n, 2) and the values (n,) along it.
GRADIENT, VALUE = "void(real[:, ::1], real[:, ::1])", "void(float64[:, ::1], float64[::1])"
#: Beyond this nothing can be drawn.
MAX_BOUND = 1e100
#: Characters of a name and formula that a terminal shows.
MAX_REPR = 150
DEFAULT_BOUNDS: Bounds = ((-5.0, 5.0), (-5.0, 5.0))


@dataclass(frozen=True)
class Function:
    """A function of the plane that optimizers can walk on.

    Calls broadcast over arrays: `f(x, y)`. Make one with `optviz.function`.

    Attributes
    ----------
    name : str
        The name in the catalogue, or the formula.
    formula : str
        The line of maths, or `module:function` for a Python function.
    bounds : ((x0, x1), (y0, y1))
        The domain: starts lie in it, pictures show it.
    start : (x, y)
        Where paths begin unless told.
    source : str
        Where the function comes from.

    Examples
    --------
    >>> import optviz as ov
    >>> f = ov.function("beale")
    >>> f(3.0, 0.5), f.minimum
    (0.0, 0.0)
    >>> f.gradient([0.0, 1.0], [0.0, 0.0])
    array([[-12.75,  -6.75],
           [  0.  ,   1.  ]])
    """

    name: str
    formula: str
    bounds: Bounds = DEFAULT_BOUNDS
    start: Point = (0.0, 0.0)
    source: str = "yours"
    title: str = ""
    #: All global minima inside the bounds, if they are known ...
    _minima: tuple[Point, ...] | None = None
    #: ... and those whose digits are, in case a search arrives there.
    _known: tuple[Point, ...] = ()
    _python: PythonFunction | None = field(default=None, repr=False)
    #: What x and y are, and what a picture must say of the plane.
    axes: tuple[str, str] = ("x", "y")
    note: str = ""

    def __post_init__(self) -> None:
        names = "xy" if self.is_plane else [f"coordinate {k + 1}" for k in range(self.n)]
        for axis, (low, high) in zip(names, self.bounds, strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"bounds of {axis} must be two rising numbers, not {low}, {high}")
            largest = max(abs(low), abs(high))
            if largest > MAX_BOUND or high - low < max(1e-9 * largest, 1 / MAX_BOUND):
                raise ValueError(f"bounds of {axis} are too wide or too narrow: {low}, {high}")

    @property
    def n(self) -> int:
        """The number of coordinates of its points: two, but for a `SpaceFunction`."""
        return 2

    @property
    def is_plane(self) -> bool:
        """Whether it is called as f(x, y), and can be drawn."""
        return True

    def __repr__(self) -> str:
        """In one line, and no longer than that, whatever the formula."""
        (x0, x1), (y0, y1) = ([rounded(end) for end in side] for side in self.bounds)
        formula = "" if self.formula == self.name else f": {self.formula}"
        told = f"{self.name}{formula}"
        told = told if len(told) <= MAX_REPR else f"{told[: MAX_REPR - 1]}…"
        return f"<{told} on [{x0}, {x1}] × [{y0}, {y1}]>"

    # -- values ------------------------------------------------------------------------------

    @functools.cached_property
    def expression(self) -> Expression:
        """The checked formula (a Python function has none)."""
        return parse(self.formula)

    def _evaluate(self, what: str, x: ArrayLike, y: ArrayLike) -> Any:
        arrays = [np.asarray(v) for v in (x, y)]
        kind = complex if any(a.dtype.kind == "c" for a in arrays) else float
        xs, ys = np.broadcast_arrays(*[a.astype(kind) for a in arrays])
        source = self._python or _module(self.formula)
        with np.errstate(all="ignore"):
            return getattr(source, what)(xs, ys)

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Any:
        """f(x, y), in the shape that x and y broadcast to; nan where f is not defined."""
        value = self._evaluate("value", x, y)
        return value if np.ndim(value) else value.item() if hasattr(value, "item") else value

    def gradient(self, x: ArrayLike, y: ArrayLike) -> Real:
        """∇f, shape (2, ...)."""
        return np.stack(self._evaluate("gradient", x, y))

    def hessian(self, x: ArrayLike, y: ArrayLike) -> Real:
        """The second derivatives, shape (2, 2, ...)."""
        dxx, dxy, dyy = self._evaluate("hessian", x, y)
        return np.stack([np.stack([dxx, dxy]), np.stack([dxy, dyy])])

    def gradient_kernel(self, dtype: Any = np.float64) -> Callable[[Any, Any], None]:
        """`kernel(points (2, n), gradient (2, n))`, compiled unless it is a Python function.

        The arithmetic is float64 whatever the type of the arrays.
        """
        if self._python is not None:
            return self._python.gradient_kernel
        return jit.compiled(_kernels(self.formula).gradient_kernel, GRADIENT, dtype)

    def value_kernel(self) -> Callable[[Any, Any], None]:
        """`kernel(path (n, 2), values (n,))`, compiled where that is possible."""
        if self.is_compiled:
            return jit.compiled(_kernels(self.formula).value_kernel, VALUE)

        def kernel(path: Any, values: Any) -> None:
            values[...] = self(path[:, 0], path[:, 1])

        return kernel

    def values_along(self, path: Real) -> Real:
        """f at each row of `path` (n, 2), compiled where that is possible."""
        values = np.empty(len(path))
        with np.errstate(all="ignore"):  # without the compiler NumPy would warn
            self.value_kernel()(np.ascontiguousarray(path), values)
        return values

    @property
    def is_compiled(self) -> bool:
        """Whether the kernel can be handed to compiled loops."""
        return self._python is None and not jit.jit_disabled()

    @property
    def is_total(self) -> bool:
        """Whether the gradient is nowhere finite where f has no value.

        A logarithm's slope 1/x goes on where it ends; so may a derivative of one's own.
        """
        return self._python is None and self.expression.is_total

    # -- what is known of it -----------------------------------------------------------------

    @property
    def arguments(self) -> str:
        """Its arguments in a title."""
        return "x, y"

    @property
    def latex(self) -> str:
        """The formula for a title, as Matplotlib typesets it."""
        if self._python is not None:
            return r"\mathrm{" + self.name.replace("_", r"\_") + "}(x, y)"
        latex: str = self.expression.latex
        return latex

    @functools.cached_property
    def minima(self) -> Real:
        """Every global minimum inside the bounds, shape (k, 2); (0, 2) if there is none.

        Those of a formula of one's own, and of the catalogue's in other bounds, are searched for
        (see `functions/minima.py`).
        """
        # Here and not above: the search evaluates a Function, and imports this file.
        from optviz.functions.minima import search_minima

        points = self._minima if self._minima is not None else search_minima(self)
        return np.array(points, dtype=float).reshape(-1, 2)

    @functools.cached_property
    def minimum(self) -> float | None:
        """f*, the value at the minima; None if there is no lowest value.

        It is 0 if it cannot be told from 0 by a computation that rounds: Ackley's is, though its
        terms sum up to −4e-16.
        """
        from optviz.functions.minima import is_zero

        if not len(self.minima):
            return None
        values = self(*self.minima.T)
        lowest = int(np.argmin(values))
        return 0.0 if is_zero(self, self.minima[lowest]) else float(values[lowest])

    @property
    def is_searched(self) -> bool:
        """Whether f* was found numerically, and not in the literature."""
        return self._minima is None and self.minimum is not None

    @property
    def is_constant(self) -> bool:
        """Whether it is the same everywhere, so that there is nothing to go down."""
        from optviz.functions.minima import is_constant

        return is_constant(self)

    @property
    def diagonal(self) -> float:
        """The length of the bounds' diagonal."""
        (x0, x1), (y0, y1) = self.bounds
        return math.hypot(x1 - x0, y1 - y0)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which of the points (..., 2) lie in the bounds, edges included; one that is nan does not.

        >>> import optviz as ov
        >>> ov.function("bowl").contains([(8, 0), (0, 5.1)]).tolist()
        [True, False]
        """
        low, high = np.array(self.bounds).T
        places = np.asarray(points)
        return np.asarray(np.all((places >= low) & (places <= high), axis=-1))

    def check_start(self, start: Sequence[float]) -> Point:
        """`start` as two floats inside the bounds, where f is defined.

        Raises
        ------
        ValueError
            If it is not.
        """
        try:
            x, y = (float(v) for v in start)
        except (TypeError, ValueError):
            raise ValueError(f"start must be two numbers, not {start!r}") from None
        (x0, x1), (y0, y1) = self.bounds
        if not (x0 <= x <= x1 and y0 <= y <= y1):
            raise ValueError(
                f"start ({rounded(x, 6)}, {rounded(y, 6)}) lies outside {self.name}'s domain "
                f"[{rounded(x0)}, {rounded(x1)}] × [{rounded(y0)}, {rounded(y1)}]: give --bounds "
                "(in Python a function with bounds=) that hold it"
            )
        if not np.isfinite(self(x, y)):
            raise ValueError(
                f"{self.name} has no value at start ({rounded(x, 6)}, {rounded(y, 6)})"
            )
        return x, y


# To find a module again by its content reads files and hashes them, at each call of a function.


@functools.lru_cache(maxsize=256)
def _module(formula: str) -> ModuleType:
    return parse(formula).module()


@functools.lru_cache(maxsize=256)
def _kernels(formula: str) -> ModuleType:
    return parse(formula).kernels()


#: What a Python function raises because it was written wrongly, wherever it is asked. All else may
#: be a place without a value, as `math.log(-1)`, `1 / 0`, or a point that a table does not have.
SLIPS = (TypeError, NameError, AttributeError, ImportError, NotImplementedError)


@dataclass(frozen=True)
class PythonFunction:
    """A plain Python function with the same methods as a generated module."""

    function: Callable[[Any, Any], Any]
    derivative: Callable[[Any, Any], Any] | None = None

    def value(self, x: Any, y: Any) -> Any:
        # Copies: a function that works in place must not move the optimizer's point.
        try:
            values = np.asarray(self.function(x.copy(), y.copy()), dtype=x.dtype)
            if values.shape == x.shape:
                return values
        except Exception:
            pass  # written for single numbers, or not defined everywhere: one by one
        return self._each(self.function, x, y, ())

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        if self.derivative is not None:
            both = self._each(self.derivative, x, y, (2,))
            return both[..., 0], both[..., 1]
        # Central differences: the error is smallest near the cube root of the rounding error.
        hx, hy = (np.cbrt(np.finfo(float).eps) * np.maximum(1, np.abs(v)) for v in (x, y))
        return (
            (self.value(x + hx, y) - self.value(x - hx, y)) / (2 * hx),
            (self.value(x, y + hy) - self.value(x, y - hy)) / (2 * hy),
        )

    def hessian(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        hx, hy = (np.finfo(float).eps ** 0.25 * np.maximum(1, np.abs(v)) for v in (x, y))
        right, left = self.gradient(x + hx, y), self.gradient(x - hx, y)
        above, below = self.gradient(x, y + hy), self.gradient(x, y - hy)
        dxx, dyy = (right[0] - left[0]) / (2 * hx), (above[1] - below[1]) / (2 * hy)
        return dxx, ((right[1] - left[1]) / hx + (above[0] - below[0]) / hy) / 4, dyy

    def gradient_kernel(self, points: Real, gradient: Real) -> None:
        with np.errstate(all="ignore"):
            gradient[0], gradient[1] = self.gradient(points[0], points[1])

    def _each(self, function: Callable[..., Any], x: Any, y: Any, shape: tuple[int, ...]) -> Any:
        out = np.empty((*x.shape, *shape), dtype=x.dtype)
        for index in np.ndindex(x.shape):
            try:
                out[index] = function(x[index].item(), y[index].item())
            except SLIPS:
                raise
            except Exception:
                out[index] = np.nan  # outside the domain, as log(-1)
        return out
