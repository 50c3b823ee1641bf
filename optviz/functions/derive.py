"""Checked formulas as modules for the compiler: value, gradient, Hessian, kernels.

Each formula has two modules, one for NumPy and one for Numba: evaluating a function must not
import a compiler.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

from optviz.functions.graph import Derived, Graph
from optviz.functions.typeset import FUNCTIONS

#: Gives a constant the shape of the points.
_FLAT = " + 0 * x"
#: Deeper expressions are cut: Python's parser and Numba's walk them with a function call a level.
_MAX_DEPTH = 20

#: What kernels take from `vecmath`, because LLVM can vectorise it; the rest is NumPy's.
VECTORISED = frozenset({"cos", "cosh", "exp", "log", "sin", "sinh", "tanh"})


def module_source(f: Derived, canonical: str) -> str:
    """The text of the module for NumPy: `value`, `gradient`, `hessian` of arrays."""
    return "\n".join([
        _heading(canonical),
        "",
        f"from numpy import {', '.join(_names())}",
        "",
        "",
        "def value(x, y):",
        *_statements(f.graph, {"f": f.value}, 1),
        "    return f",
        "",
        "",
        "def gradient(x, y):",
        *_statements(f.graph, dict(zip(["dx", "dy"], f.gradient, strict=True)), 1),
        "    return dx, dy",
        "",
        "",
        "def hessian(x, y):",
        *_statements(f.graph, dict(zip(["dxx", "dxy", "dyy"], f.hessian, strict=True)), 1),
        "    return dxx, dxy, dyy",
        "",
    ])  # fmt: skip


def kernels_source(f: Derived, canonical: str) -> str:
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
        *_statements(f.graph, {"f": f.value}, 2),
        "        _values[_i] = f",
        "",
        "",
        "def gradient_kernel(_points, _gradient):",
        "    for _i in range(_points.shape[1]):",
        "        x = float64(_points[0, _i])",
        "        y = float64(_points[1, _i])",
        *_statements(f.graph, dict(zip(["dx", "dy"], f.gradient, strict=True)), 2),
        "        _gradient[0, _i] = dx",
        "        _gradient[1, _i] = dy",
        "",
    ])  # fmt: skip


def _heading(canonical: str) -> str:
    return f'"""{canonical}\n\nMade by optviz from a checked formula; safe to delete."""'


def _names() -> list[str]:
    """The functions that a module imports; `abs` is Python's own."""
    return sorted(name for name in FUNCTIONS if name != "abs")


def _statements(graph: Graph, targets: dict[str, int], levels: int) -> list[str]:
    """Assignments of nodes to the targets; what is used twice has a name of its own."""
    parts = graph.parts(targets.values())
    uses = Counter(targets.values())
    for k in parts:
        uses.update(graph.nodes[k].args)
    texts: dict[int, ast.expr] = {}
    depths: dict[int, int] = {}
    lines = []
    for k in parts:
        op, args, value = graph.nodes[k]
        texts[k] = _text(op, [texts[a] for a in args], value)
        depths[k] = 1 + max((depths[a] for a in args), default=0)
        if args and (uses[k] > 1 or depths[k] > _MAX_DEPTH):
            lines.append(f"c{k} = {ast.unparse(texts[k])}")
            texts[k], depths[k] = ast.Name(f"c{k}"), 1
    has_shape = {k: bool(set(graph.variables) & set(graph.parts([k]))) for k in targets.values()}
    lines += [f"{target} = {ast.unparse(texts[k])}" + ("" if has_shape[k] else _FLAT)
              for target, k in targets.items()]  # fmt: skip
    return ["    " * levels + line for line in lines]


def _text(op: str, args: Sequence[ast.expr], value: float | None) -> ast.expr:
    if value is not None:
        # Powers by whole numbers become products: so whole numbers are written as such.
        is_whole = value.is_integer() and abs(value) < 1e6
        return ast.Constant(int(value) if is_whole else value)
    match op, args:
        case "x" | "y", _:
            return ast.Name(op)
        case "USub", [operand]:
            return ast.UnaryOp(ast.USub(), operand)
        case "IsZero", [operand]:
            return ast.Compare(operand, [ast.Eq()], [ast.Constant(0)])
        case "Pow", [base, ast.Constant(int() as exponent)] if exponent < 0:
            positive = _text("Pow", [base, ast.Constant(-exponent)], None)
            return ast.BinOp(ast.Constant(1), ast.Div(), positive)
        case _, [left, right]:
            operator: ast.operator = getattr(ast, op)()
            return ast.BinOp(left, operator, right)
    return ast.Call(ast.Name(op), list(args), [])
