"""Checked formulas as modules for the compiler: value, gradient, Hessian, kernels.

Each formula has two modules, one for NumPy and one for Numba: evaluating a function must not
import a compiler. SymPy differentiates; it is imported here only, when a formula is seen for the
first time on a machine.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from optviz.functions.typeset import FUNCTIONS

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def constant_value(node: ast.expr) -> float | None:
    """The value of a part without x and y (nan if it has none), else None."""
    match node:
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.UnaryOp(_, operand):
            inner = constant_value(operand)
            return None if inner is None else -inner
        case ast.BinOp(left, op, right):
            a, b = constant_value(left), constant_value(right)
            if a is None or b is None:
                return None
            try:
                result = OPERATORS[type(op)](a, b)
            except (ZeroDivisionError, OverflowError):
                return math.nan
            return result if isinstance(result, float) else math.nan
        case ast.Call(ast.Name(name), [argument]):
            inner = constant_value(argument)
            return None if inner is None else _call_constant(name, inner)
    return None


def _call_constant(name: str, value: float) -> float:
    import numpy as np

    with np.errstate(all="ignore"):
        return float(getattr(np, name)(value))


#: Gives a constant the shape of the points.
_FLAT = " + 0 * x"


#: What kernels take from `vecmath`, because LLVM can vectorise it; the rest is NumPy's.
VECTORISED = frozenset({"cos", "cosh", "exp", "log", "sin", "sinh", "tanh"})


def module_source(tree: ast.expr, canonical: str) -> str:
    """The text of the module for NumPy: `value`, `gradient`, `hessian` of arrays."""
    import sympy

    x, y = sympy.symbols("x y")
    dx, dy = _gradient(tree)
    second = [dx.diff(x), dx.diff(y), dy.diff(y)]
    has_shape = any(isinstance(node, ast.Name) and node.id in "xy" for node in ast.walk(tree))
    return "\n".join([
        _heading(canonical),
        "",
        f"from numpy import {', '.join(_names())}",
        "",
        "",
        "def value(x, y):",
        f"    return {ast.unparse(tree)}" + ("" if has_shape else _FLAT),
        "",
        "",
        "def gradient(x, y):",
        *_indented(_statements([dx, dy], ["dx", "dy"]), 1),
        "    return dx, dy",
        "",
        "",
        "def hessian(x, y):",
        *_indented(_statements(second, ["dxx", "dxy", "dyy"]), 1),
        "    return dxx, dxy, dyy",
        "",
    ])  # fmt: skip


def kernels_source(tree: ast.expr, canonical: str) -> str:
    """The text of the module for Numba: `value_kernel` and `gradient_kernel`.

    They compute in float64, whatever the type of their arrays.
    """
    plain = [name for name in _names() if name not in VECTORISED]
    return "\n".join([
        _heading(canonical),
        "",
        f"from numpy import {', '.join(sorted(['float64', *plain]))}",
        "",
        f"from optviz.compiled.vecmath import {', '.join(sorted(VECTORISED))}",
        "",
        "",
        "def value_kernel(_path, _values):",
        "    for _i in range(_path.shape[0]):",
        "        x = float64(_path[_i, 0])",
        "        y = float64(_path[_i, 1])",
        f"        _values[_i] = {ast.unparse(tree)}",
        "",
        "",
        "def gradient_kernel(_points, _gradient):",
        "    for _i in range(_points.shape[1]):",
        "        x = float64(_points[0, _i])",
        "        y = float64(_points[1, _i])",
        *_indented(_statements(_gradient(tree), ["dx", "dy"]), 2),
        "        _gradient[0, _i] = dx",
        "        _gradient[1, _i] = dy",
        "",
    ])  # fmt: skip


def _heading(canonical: str) -> str:
    return f'"""{canonical}\n\nMade by optviz from a checked formula; safe to delete."""'


def _names() -> list[str]:
    """The functions that a module imports; `abs` is Python's own."""
    return sorted(name for name in FUNCTIONS if name != "abs")


def _gradient(tree: ast.expr) -> list[Any]:
    """∂f/∂x and ∂f/∂y."""
    import sympy

    variables = sympy.symbols("x y")
    built = _to_sympy(tree, dict(zip("xy", variables, strict=True)))
    return [built.diff(v) for v in variables]


def _indented(lines: list[str], levels: int) -> list[str]:
    return ["    " * levels + line for line in lines]


def _to_sympy(node: ast.expr, names: dict[str, Any]) -> Any:
    """A SymPy expression, built node by node from a checked tree."""
    import sympy

    value = constant_value(node)
    if value is not None:
        # Constants are folded to float64 here: SymPy's exact arithmetic could take forever.
        is_small = value.is_integer() and abs(value) < 1e6
        return sympy.Integer(int(value)) if is_small else sympy.Float(value, 17)
    match node:
        case ast.Name(name):
            return names[name]
        case ast.UnaryOp(_, operand):
            return -_to_sympy(operand, names)
        case ast.Call(ast.Name(name), [argument]):
            return _sympy_function(name)(_to_sympy(argument, names))
        case ast.BinOp(left, op, right):
            a, b = _to_sympy(left, names), _to_sympy(right, names)
            if isinstance(op, ast.Div):
                return a / b
            return OPERATORS[type(op)](a, b)
    raise AssertionError(ast.dump(node))


def _sympy_function(name: str) -> Any:
    import sympy

    # SymPy's own Abs, sign and sqrt carry complex analysis and Dirac deltas along. On the plane
    # d|u| = sign(u) du, d sign(u) = 0 and d√u = du/(2√u), but for a set of measure zero; there
    # `rsqrt` is finite, so that a path which hits the tip of a cone exactly stays on it.
    half = sympy.Rational(1, 2)
    derivatives: dict[str, Callable[[Any], Any]] = {
        "abs": lambda u: _sympy_function("sign")(u),  # noqa: PLW0108  (it must be late)
        "sign": lambda u: sympy.Integer(0),
        "sqrt": lambda u: half * _sympy_function("rsqrt")(u),
        "rsqrt": lambda u: -half * _sympy_function("rsqrt")(u) ** 3,
    }
    if name in derivatives:
        methods = {"fdiff": lambda self, argindex=1: derivatives[name](self.args[0])}
        return type(name, (sympy.Function,), methods)
    known = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
    return getattr(sympy, known.get(name, name))


def _statements(expressions: list[Any], targets: list[str]) -> list[str]:
    """Assignments of the expressions to the targets, with common parts computed once."""
    import sympy

    printer = _printer()
    names = (sympy.Symbol(f"c{k}") for k in range(10**6))
    common, reduced = sympy.cse(expressions, symbols=names, order="none")
    lines = [f"{name} = {printer.doprint(part)}" for name, part in common]
    for target, part in zip(targets, reduced, strict=True):
        # A derivative that is constant must still have the shape of x.
        suffix = "" if part.free_symbols else _FLAT
        lines.append(f"{target} = {printer.doprint(part)}{suffix}")
    return lines


def _printer() -> Any:
    from sympy.printing.pycode import PythonCodePrinter

    plain = {name: name for name in FUNCTIONS}
    plain |= {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}

    class Printer(PythonCodePrinter):  # type: ignore[misc]
        """Plain names for functions (the module imports them), floats to the last bit."""

        def _print_Float(self, value: Any) -> str:  # noqa: N802
            return repr(float(value))

        def _print_abs(self, call: Any) -> str:
            return f"abs({self._print(call.args[0])})"

        def _print_sign(self, call: Any) -> str:
            return f"sign({self._print(call.args[0])})"

        def _print_sqrt(self, call: Any) -> str:
            return f"sqrt({self._print(call.args[0])})"

        def _print_rsqrt(self, call: Any) -> str:
            inner = self._print(call.args[0])
            return f"(1.0/(sqrt({inner}) + (({inner}) == 0)))"

        def _print_Pow(self, power: Any, **_: Any) -> str:  # noqa: N802
            base = self.parenthesize(power.base, 100)
            if power.exp.is_Integer:
                exponent = abs(int(power.exp))
                text = base if exponent == 1 else f"{base}**{exponent}"
                return f"(1.0/{text})" if power.exp < 0 else text
            return f"{base}**({self._print(power.exp)})"

    return Printer({"user_functions": plain, "fully_qualified_modules": False})
