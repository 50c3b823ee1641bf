"""The activations and their slopes for complex arrays, from the same lines as the kernels.

A formula for one real number becomes one for arrays: `a if c else b` is `where(c, a, b)`, and of
what is compared the real parts count. The text is a module in the cache, as the kernels' texts are.
"""

from __future__ import annotations

import ast
import functools
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import sources
from optviz.nn.activations import ACTIVATIONS, Formula

Numbers = NDArray[Any]

#: Beyond, exp is infinite, and no number that has an imaginary part.
LARGEST = 700.0


def activated(name: str, x: Numbers, alpha: float) -> tuple[Numbers, Numbers]:
    """h(x) and h′(x); pieces are told by real parts."""
    y, slope = _module(name).activated(x, np.ones_like(x), np.zeros_like(x), alpha)
    return y, slope


@functools.cache
def _module(name: str) -> ModuleType:
    text = module_source(ACTIVATIONS[name])
    return sources.source_module(f"analytic_{name}", text, lambda: text)


def module_source(formula: Formula) -> str:
    """The text of a module with the function `activated(x, one, zero, alpha)`."""
    shared = [f"    s = {_vectorised(formula.s)}"] if formula.s else []
    return "\n".join([
        f"from {__name__} import exp, log, tanh, erf, real, where, lower, higher, size",
        "",
        "",
        "def activated(x, one, zero, alpha):",
        *shared,
        f"    y = {_vectorised(formula.value)}",
        f"    return y, {_vectorised(formula.slope)}",
        "",
    ])  # fmt: skip


def _vectorised(text: str) -> str:
    tree = _Vectorised().visit(ast.parse(text, mode="eval"))
    return ast.unparse(ast.fix_missing_locations(tree))


class _Vectorised(ast.NodeTransformer):
    #: What Python's own functions of numbers are called here.
    NAMES = {"min": "lower", "max": "higher", "abs": "size"}

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return ast.Call(ast.Name("where", ast.Load()), [node.test, node.body, node.orelse], [])

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        sides = (node.left, *node.comparators)
        reals: list[ast.expr] = [ast.Call(ast.Name("real", ast.Load()), [s], []) for s in sides]
        left, *others = reals
        return ast.Compare(left, node.ops, others)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.NAMES.get(node.id, node.id), node.ctx)


# -- what the formulas call -----------------------------------------------------------------------

log, tanh, real, where = np.log, np.tanh, np.real, np.where


def exp(z: Numbers) -> Numbers:
    """e to the z, without overflow."""
    return np.asarray(np.exp(np.where(z.real > LARGEST, LARGEST, z)))


def erf(z: Numbers) -> Numbers:
    """The error function, as SciPy continues it into the plane."""
    from scipy.special import erf as continued

    return np.asarray(continued(z))


def lower(a: Numbers, b: Numbers) -> Numbers:
    """The one whose real part is less."""
    return np.where(a.real < b.real, a, b)


def higher(a: Numbers, b: Numbers) -> Numbers:
    """The one whose real part is greater."""
    return np.where(a.real > b.real, a, b)


def size(a: Numbers) -> Numbers:
    """±a, so that its real part is not negative."""
    return np.where(a.real < 0, -a, a)
