"""The catalogue of test functions, one line of maths each, and `function`, which makes more.

Value, gradient, Hessian, typeset title and compiled kernel all come from the line of maths, by
way of `formula.py`. Domains and minima are those of the literature unless a comment says why not.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.autograd import differentiated
from optviz.functions.base import SLIPS, Bounds, Function, PythonFunction
from optviz.functions.families import FAMILIES, is_family
from optviz.functions.formula import FormulaError, parse
from optviz.functions.grid import is_table, natural_bounds, spline
from optviz.functions.slope import check_gradient
from optviz.functions.space import SpaceFunction, function_of_space
from optviz.functions.symbolic import is_symbolic, of_sympy
from optviz.functions.typeset import FUNCTIONS
from optviz.shared.modules import imported
from optviz.shared.text import did_you_mean, listed

__all__ = ["Bounds", "Function", "function", "functions"]


def function(
    f: str | Function | Callable[..., Any] | NDArray[Any],
    *,
    bounds: Bounds | None = None,
    start: Sequence[float] | None = None,
    gradient: Callable[..., Any] | str | None = None,
    n: int | None = None,
    check: bool = True,
) -> Function:
    """A test function from a name, a formula, Python, SymPy or values; in the plane, or in n.

    Parameters
    ----------
    f
        A name in `optviz.functions`; a formula in x and y such as "sin(x)*cos(y) + x**2/10" (see
        `functions/formula.py` for what it may hold); "module:function"; a callable; a family in n
        dimensions such as "rosenbrock:n=10" or "quadratic:n=50,condition=1e4" (see
        `functions/families.py`); a SymPy expression, in the plane if it has at most two symbols
        (x and y, or the first and the second by name); values on an even grid, an array (rows,
        columns) with a row for each y, through which a cubic spline goes; or a Function, which is
        returned as it is.
    bounds : ((x0, x1), (y0, y1)), optional
        Another domain than the catalogue's; a formula's is [−5, 5] × [−5, 5], a grid's its columns
        and rows counted from 0. In n dimensions n pairs, or one for all.
    start : (x, y), optional
        Another default start; in n dimensions n numbers.
    gradient : callable or str, optional
        For a Python function: (x, y) to (∂f/∂x, ∂f/∂y); with `n`, an array (n,) to one; or "jax" or
        "torch", if it is written in that library's functions and shall be differentiated by it.
        Central differences stand in for it.
    n : int, optional
        For a Python function of one array of n coordinates instead of x and y.
    check : bool
        Compare the gradient with differences at a few points of the bounds.

    Raises
    ------
    ValueError
        If the name or formula cannot be understood, the start lies outside the bounds, or the
        gradient disagrees with f at most of the points.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.function("x**2/20 + y**2").hessian(0, 0)
    array([[0.1, 0. ],
           [0. , 2. ]])
    >>> ov.function(lambda x, y: x**2 + y**2).gradient(1.0, 2.0).round(6)
    array([2., 4.])
    >>> ov.function(lambda p: (p**2).sum(), n=4).gradient([1, 2, 3, 4]).round(6)
    array([2., 4., 6., 8.])
    >>> ov.function(np.add.outer(np.arange(5) ** 2, np.arange(5) ** 2))(1.5, 2.0)
    6.25
    """
    if isinstance(gradient, str):
        if not callable(f) or isinstance(f, Function):
            raise ValueError(f"gradient={gradient!r} is for a Python function, not for {f!r:.60}")
        value, gradient = differentiated(f, gradient)
        f = functools.update_wrapper(value, f)
    if is_symbolic(f):
        if gradient is not None:
            raise ValueError("a SymPy expression knows its gradient: leave gradient out")
        f, gradient, n = of_sympy(f, n)
    if n is not None or isinstance(f, SpaceFunction) or (isinstance(f, str) and is_family(f)):
        return function_of_space(f, n, bounds, start, gradient, check)
    if is_table(f):
        f = np.asarray(f)
    if isinstance(f, np.ndarray):
        if gradient is not None:
            raise ValueError("a spline through values knows its gradient: leave gradient out")
        bounds = natural_bounds(f) if bounds is None else _as_bounds(bounds)
        return _within(_of_values(f, bounds), None, start)
    made = _made(f, gradient)
    if gradient is not None and (made._python is None or made is f):
        raise ValueError(f"{made.name} knows its gradient: give one only with a Python function")
    made = _within(made, bounds, start)
    python = made._python
    # Of a Function that somebody made before, the gradient was checked then, or was not to be.
    is_new = not isinstance(f, Function)
    if check and is_new and python is not None and python.derivative is not None:
        check_gradient(made, python.derivative)
    return made


def _within(made: Function, bounds: Bounds | None, start: Sequence[float] | None) -> Function:
    """The same function in other bounds, and from another start."""
    bounds = None if bounds is None else _as_bounds(bounds)
    bounds = None if bounds == made.bounds else bounds
    if bounds is None and start is None:
        return made
    changes: dict[str, Any] = {}
    if bounds is not None:
        changes["bounds"] = bounds
        changes |= _minima_within(functions.get(function_text(made), made), changes["bounds"])
    changed = replace(made, **changes)
    if start is None and made.source == "yours":
        return with_own_start(changed)
    if start is None:
        x, y = (min(max(v, low), high) for v, (low, high) in zip(
            changed.start, changed.bounds, strict=True))  # fmt: skip
        return replace(changed, start=(x, y))
    return replace(changed, start=changed.check_start(start))


def _as_bounds(bounds: Any) -> Bounds:
    try:
        (x0, x1), (y0, y1) = bounds
        return (float(x0), float(x1)), (float(y0), float(y1))
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds must be two pairs ((x0, x1), (y0, y1)), not {bounds!r:.60}"
        ) from None


def _minima_within(home: Function, bounds: Bounds) -> dict[str, Any]:
    """What is known of a function's minima in other bounds.

    Only in a part of its own, and only if a global minimum lies in that, are all of them known.
    """
    known = home._minima or ()
    box = list(zip(home.bounds, bounds, strict=True))
    inside = tuple(
        p for p in known if all(a <= v <= b for v, (a, b) in zip(p, bounds, strict=True))
    )
    is_part = all(a <= low and high <= b for (a, b), (low, high) in box)
    return {"_minima": inside if inside and is_part else None, "_known": known}


def function_text(f: Function) -> str:
    """What `function` makes `f` from again (but for its bounds): its name, or its formula."""
    known = functions.get(f.name)
    return f.name if known is not None and known.formula == f.formula else f.formula


def _made(f: Any, gradient: Callable[[Any, Any], Any] | None) -> Function:
    if isinstance(f, Function):
        return f
    if callable(f):
        name = getattr(f, "__name__", "f").strip("<>")
        # With a colon, so that it is never taken for a name of the catalogue or a formula.
        place = f"{getattr(f, '__module__', 'python')}:{getattr(f, '__qualname__', name)}"
        return with_own_start(Function(name, place, _python=PythonFunction(f, gradient)))
    if not isinstance(f, str):
        raise ValueError(f"a function is a name, a formula, a callable or an array, not {f!r}")
    key = f.strip().lower().replace("_", "-").replace(" ", "-")
    if key in functions:
        return functions[key]
    module, _, attribute = f.strip().partition(":")
    if names_python(f):
        return _imported(module, attribute, gradient)
    if key in FAMILIES:
        raise ValueError(
            f"{key} has any number of dimensions: say how many, as in {FAMILIES[key].example}"
        )
    if module.endswith(".py"):
        place = f"{Path(module).stem}:{attribute or 'function'}"
        raise ValueError(f"{f!r}: a Python function is named without .py, as {place}")
    is_word = key.replace("-", "").isalnum() and not set(key) & set("0123456789") and len(key) > 3
    if is_word and key.split("-")[0] not in FUNCTIONS:
        # A word, not a formula: most likely a misspelt name.
        hint = did_you_mean(key, functions)
        raise ValueError(f"no function is called {f!r}{hint}; there are {listed(functions)}")
    if attribute.strip().lower().startswith("n=") and module.strip().lower() in functions:
        raise ValueError(
            f"{module.strip()} is a function of two coordinates and takes no n=; in n dimensions "
            f"there are {listed(FAMILIES)}"
        )
    try:
        expression = parse(f)
    except FormulaError as error:
        hint = did_you_mean(key, functions)
        raise ValueError(f"{f[:60]!r} is no known function{hint}: {error}") from None
    return with_own_start(Function(expression.text.strip(), expression.text.strip()))


def _of_values(values: NDArray[Any], bounds: Bounds) -> Function:
    """The spline through values on a grid."""
    Function("grid", "", bounds)  # which refuses bounds that are none
    f = Function("grid", "values:grid", bounds, title="a grid of values",
                 _python=PythonFunction(*spline(values, bounds)))  # fmt: skip
    if np.ptp(np.asarray(values, float)) == 0:
        raise ValueError("values on a grid are all one number: there is no way down")
    return with_own_start(f)


def names_python(text: str) -> bool:
    """Whether a text asks for a function in a module, which reading it would import.

    >>> names_python("mine:f"), names_python("rosenbrock:n=10"), names_python("x**2")
    (True, False, False)
    """
    module, colon, attribute = text.strip().partition(":")
    return bool(colon) and attribute.isidentifier() and module.replace(".", "").isidentifier()


def with_own_start(f: Function) -> Function:
    """A function of the user's with a start off the centre (which is often a minimum)."""
    try:
        value = f(0.5, 0.5) if f._python is None else f._python.function(0.5, 0.5)
        if np.asarray(value).dtype.kind not in "fiub":
            raise TypeError(f"it gives {value!r:.40} at (0.5, 0.5), and must give a real number")
    except ArithmeticError:
        pass  # that place lies outside its domain
    except (Exception, SystemExit) as error:
        # Whatever the user's code raises is an answer about that code.
        what = f"{f.formula}(x, y) fails: {type(error).__name__}: {error}"
        raise ValueError(what + _of_one_array(f)) from None
    low, high = np.array(f.bounds).T
    shares = np.array(list(itertools.product((0.1, 0.9, 0.3, 0.7), (0.8, 0.2, 0.6))))
    places = low + shares * (high - low)
    try:
        slopes = np.linalg.norm(f.gradient(*places.T), axis=0)
    except SLIPS:
        return f  # `check_gradient` says what is wrong with it
    seen = np.flatnonzero(np.isfinite(f(*places.T)) & np.isfinite(slopes))
    if not seen.size:
        return f  # `check_start` will say that it has no value there
    # Neither on a plateau nor on the steepest wall: the place with the median slope.
    x, y = places[seen[np.argsort(slopes[seen], kind="stable")[seen.size // 2]]]
    return replace(f, start=(float(x), float(y)))


def _of_one_array(f: Function) -> str:
    """A hint, if a function of the plane was given that takes one argument."""
    try:
        inspect.signature(f._python.function if f._python else f).bind(0.0, 0.0)
    except TypeError:
        return "; of one array of n coordinates it is ov.function(f, n=10)"
    except ValueError:
        pass  # without a signature
    return ""


def _imported(module: str, attribute: str, gradient: Callable[[Any, Any], Any] | None) -> Function:
    f, found = imported(module, attribute, "function")
    gradient = gradient or getattr(found, f"{attribute}_gradient", None)
    python = PythonFunction(f, gradient)
    return with_own_start(Function(attribute, f"{module}:{attribute}", _python=python))


# -- the catalogue --------------------------------------------------------------------------

_SCHWEFEL = 420.96874635998202731
_BRANIN_C = "(y - 5.1/(4*pi**2)*x**2 + 5/pi*x - 6)**2"
_SURVEY = "Jamil and Yang (2013), A Literature Survey of Benchmark Functions"

_CATALOGUE = (
    Function(
        "bowl", "x**2/20 + y**2", ((-8, 8), (-5, 5)), (-7, 2),
        "Saitoh (2016), Deep Learning from Scratch, equation 6.2", "Bowl", ((0, 0),),
    ),
    Function(
        "sphere", "x**2 + y**2", ((-5, 5), (-5, 5)), (-4, 3),
        "De Jong (1975), F1", "Sphere", ((0, 0),),
    ),
    Function(
        "rosenbrock", "(1 - x)**2 + 100*(y - x**2)**2", ((-2, 2), (-1, 3)), (-1.2, 1),
        "Rosenbrock (1960)", "Rosenbrock", ((1, 1),),
    ),
    Function(
        "beale", "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2",
        ((-4.5, 4.5), (-4.5, 4.5)), (1, 1.5), "Beale (1958)", "Beale", ((3, 0.5),),
    ),
    Function(
        "himmelblau", "(x**2 + y - 11)**2 + (x + y**2 - 7)**2", ((-5, 5), (-5, 5)), (0, 0),
        "Himmelblau (1972)", "Himmelblau",
        (
            (3, 2),
            (-2.8051180869527448531, 3.1313125182505729658),
            (-3.7793102533777468919, -3.2831859912861694123),
            (3.5844283403304917449, -1.8481265269644035535),
        ),
    ),
    Function(
        "rastrigin", "20 + x**2 - 10*cos(2*pi*x) + y**2 - 10*cos(2*pi*y)",
        ((-5.12, 5.12), (-5.12, 5.12)), (-3.3, 2.7), "Rastrigin (1974)", "Rastrigin", ((0, 0),),
    ),
    Function(
        # Usually drawn on ±32.768, where the ripples can no longer be told apart.
        "ackley", "20 + e - 20*exp(-0.2*sqrt((x**2 + y**2)/2))"
        " - exp((cos(2*pi*x) + cos(2*pi*y))/2)",
        ((-5, 5), (-5, 5)), (-3.4, 2.6), "Ackley (1987)", "Ackley", ((0, 0),),
    ),
    Function(
        "three-hump-camel", "2*x**2 - 1.05*x**4 + x**6/6 + x*y + y**2", ((-5, 5), (-5, 5)),
        (-2, 3), _SURVEY, "Three-hump camel", ((0, 0),),
    ),
    Function(
        "six-hump-camel", "(4 - 2.1*x**2 + x**4/3)*x**2 + x*y + (4*y**2 - 4)*y**2",
        ((-3, 3), (-2, 2)), (-2.2, 1.4), "Dixon and Szegő (1978)", "Six-hump camel",
        (
            (0.089842013100318062422, -0.7126564030207396334),
            (-0.089842013100318062422, 0.7126564030207396334),
        ),
    ),
    Function(
        "booth", "(x + 2*y - 7)**2 + (2*x + y - 5)**2", ((-10, 10), (-10, 10)), (-8, -6),
        _SURVEY, "Booth", ((1, 3),),
    ),
    Function(
        "matyas", "0.26*(x**2 + y**2) - 0.48*x*y", ((-10, 10), (-10, 10)), (-8, 3),
        _SURVEY, "Matyas", ((0, 0),),
    ),
    Function(
        "goldstein-price",
        "(1 + (x + y + 1)**2*(19 - 14*x + 3*x**2 - 14*y + 6*x*y + 3*y**2))"
        "*(30 + (2*x - 3*y)**2*(18 - 32*x + 12*x**2 + 48*y - 36*x*y + 27*y**2))",
        ((-2, 2), (-2, 2)), (-1.6, 0.8), "Goldstein and Price (1971)", "Goldstein–Price",
        ((0, -1),),
    ),
    Function(
        "styblinski-tang", "(x**4 - 16*x**2 + 5*x + y**4 - 16*y**2 + 5*y)/2",
        ((-5, 5), (-5, 5)), (4, -0.5), "Styblinski and Tang (1990)", "Styblinski–Tang",
        ((-2.9035340277711770951, -2.9035340277711770951),),
    ),
    Function(
        "levy13",
        "sin(3*pi*x)**2 + (x - 1)**2*(1 + sin(3*pi*y)**2) + (y - 1)**2*(1 + sin(2*pi*y)**2)",
        ((-10, 10), (-10, 10)), (-7, 6), "Lévy and Montalvo (1985)", "Lévy 13", ((1, 1),),
    ),
    Function(
        # On its usual ±100 the only dent is smaller than a start marker.
        "easom", "-cos(x)*cos(y)*exp(-(x - pi)**2 - (y - pi)**2)", ((-1, 7), (-1, 7)),
        (1.6, 4.4), "Easom (1990)", "Easom", ((math.pi, math.pi),),
    ),
    Function(
        "mccormick", "sin(x + y) + (x - y)**2 - 1.5*x + 2.5*y + 1", ((-1.5, 4), (-3, 4)),
        (3, 3.5), "McCormick (1976)", "McCormick",
        ((-0.54719755119659774615, -1.5471975511965977462),),
    ),
    Function(
        "branin", f"{_BRANIN_C} + 10*(1 - 1/(8*pi))*cos(x) + 10", ((-5, 10), (0, 15)), (-1, 13),
        "Branin (1972); Dixon and Szegő (1978)", "Branin",
        ((-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)),
    ),
    Function(
        "freudenstein-roth", "(-13 + x + ((5 - y)*y - 2)*y)**2 + (-29 + x + ((y + 1)*y - 14)*y)**2",
        ((-10, 20), (-6, 7)), (0.5, -2), "Freudenstein and Roth (1963)", "Freudenstein–Roth",
        ((5, 4),),
    ),
    Function(
        # The minimum lies on the edge of the domain and is not stationary.
        "eggholder",
        "-(y + 47)*sin(sqrt(abs(x/2 + y + 47))) - x*sin(sqrt(abs(x - (y + 47))))",
        ((-512, 512), (-512, 512)), (0, 0), "Whitley et al. (1996)", "Eggholder",
        ((512, 404.23180511375781093),),
    ),
    Function(
        "bukin6", "100*sqrt(abs(y - 0.01*x**2)) + 0.01*abs(x + 10)", ((-15, -5), (-3, 3)),
        (-7, 2), "Bukin (1997)", "Bukin 6", ((-10, 1),),
    ),
    Function(
        "schwefel", "837.96577454486741254 - x*sin(sqrt(abs(x))) - y*sin(sqrt(abs(y)))",
        ((-500, 500), (-500, 500)), (-200, 150), "Schwefel (1981)", "Schwefel",
        ((_SCHWEFEL, _SCHWEFEL),),
    ),
    Function(
        # On its usual ±600 it looks like a plain bowl.
        "griewank", "(x**2 + y**2)/4000 - cos(x)*cos(y/sqrt(2)) + 1", ((-10, 10), (-10, 10)),
        (-7.5, 4), "Griewank (1981)", "Griewank", ((0, 0),),
    ),
    Function(
        "zakharov", "x**2 + y**2 + (0.5*x + y)**2 + (0.5*x + y)**4", ((-5, 10), (-5, 10)),
        (8, 6), _SURVEY, "Zakharov", ((0, 0),),
    ),
    Function(
        "saddle", "x**2 - y**2", ((-2, 2), (-2, 2)), (-1.5, 0.001), "any textbook", "Saddle", (),
    ),
    Function(
        "monkey-saddle", "x**3 - 3*x*y**2", ((-2, 2), (-2, 2)), (1.2, 0.4),
        "Hilbert and Cohn-Vossen (1932), §29", "Monkey saddle", (),
    ),
)  # fmt: skip

#: Every test function by name.
functions: dict[str, Function] = {f.name: f for f in _CATALOGUE}
