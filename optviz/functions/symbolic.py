"""A SymPy expression as a test function: as a formula of ours, or by SymPy's own derivatives."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from optviz.functions.formula import FormulaError, parse

__all__ = ["is_symbolic", "of_sympy"]


def is_symbolic(f: Any) -> bool:
    """Whether `f` is one of SymPy's objects; SymPy is not imported to find out."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(f, sympy.Basic | sympy.MatrixBase)


def symbols_of(f: Any) -> list[Any]:
    """What an expression depends on: x before y, x2 before x10.

    Raises
    ------
    ValueError
        If it is no expression of real numbers, or two symbols have one name.

    Examples
    --------
    >>> import sympy
    >>> symbols_of(sympy.sympify("x10**2 + x2 + x1"))
    [x1, x2, x10]
    """
    import sympy
    from sympy.core.function import AppliedUndef

    if not isinstance(f, sympy.Expr) or f.has(sympy.I, sympy.oo, sympy.zoo, sympy.nan):
        raise ValueError(f"a SymPy function is an expression of real numbers, not {str(f)[:60]}")
    if unknown := sorted(str(part.func) for part in f.atoms(AppliedUndef)):
        raise ValueError(
            f"the expression has a function {unknown[0]} that SymPy does not know: put its formula "
            "in its place, as with expression.subs"
        )
    found = sorted(f.free_symbols, key=lambda symbol: _natural(symbol.name))
    names = [symbol.name for symbol in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two symbols of the expression are called {twice}")
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """Words by letters, numbers by size."""
    return [(int(part), "") if part.isdigit() else (-1, part)
            for part in re.split(r"(\d+)", name)]  # fmt: skip


def formula_of(f: Any, symbols: Sequence[Any]) -> str | None:
    """Our formula of an expression in at most two symbols, which become x and y unless they are
    called so; None if a formula cannot hold it.

    >>> import sympy
    >>> u, v = sympy.symbols("u v")
    >>> formula_of(sympy.exp(-u) + sympy.Abs(v) / 3, [u, v])
    'abs(y)/3 + exp(-x)'
    """
    import sympy
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]
        """In the words that `formula.py` knows."""

        def _print_Abs(self, expr: Any) -> str:  # noqa: N802
            return f"abs({self._print(expr.args[0])})"

        def _print_Exp1(self, expr: Any) -> str:  # noqa: N802
            return "e"

        def _print_Float(self, expr: Any) -> str:  # noqa: N802
            return repr(float(expr))

    if not {symbol.name for symbol in symbols} <= {"x", "y"}:
        names = sympy.symbols("x y")
        f = f.subs(dict(zip(symbols, names, strict=False)), simultaneous=True)
    text = Printer().doprint(f)
    try:
        parse(text)
    except FormulaError:
        return None
    return str(text)


def by_derivatives(f: Any, symbols: Sequence[Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """f of as many numbers as there are symbols, and its gradient, both by way of NumPy."""
    import sympy

    # Of complex numbers |x| has no derivative.
    real = [sympy.Dummy(real=True) for _ in symbols]
    f, symbols = f.subs(dict(zip(symbols, real, strict=True)), simultaneous=True), real
    value = sympy.lambdify(symbols, f, ["numpy", "scipy"], cse=True)
    slopes = sympy.lambdify(symbols, [sympy.diff(f, s) for s in symbols], ["numpy", "scipy"],
                            cse=True)  # fmt: skip
    return value, lambda *place: np.array([float(slope) for slope in slopes(*place)])


def of_sympy(f: Any, n: int | None) -> tuple[Any, Callable[..., Any] | None, int | None]:
    """What stands for an expression in `optviz.function`: f, its gradient and n.

    Raises
    ------
    ValueError
        If `symbols_of` refuses it, or it has another number of symbols than `n`.
    """
    import sympy

    symbols = symbols_of(f)
    count = len(symbols)
    if n is not None and n != count:
        what = "symbol" if count == 1 else "symbols"
        raise ValueError(f"the expression has {count} {what}, and n is {n}")
    if n is None and count <= 2:
        text = formula_of(f, symbols)
        if text is not None:
            return text, None, None
        place = symbols + [sympy.Dummy() for _ in range(2 - count)]
        value, gradient = by_derivatives(f, place)
    else:
        of_numbers, slopes = by_derivatives(f, symbols)
        n = count

        def value(p: Any) -> Any:
            return of_numbers(*p)

        def gradient(p: Any) -> Any:
            return slopes(*p)

    value.__name__, value.__qualname__, value.__module__ = "f", "f", "sympy"
    return value, gradient, n
