"""Random formulas, and their exact derivatives by high-precision differences.

`python -m tests.fuzz COUNT [SEED] [KERNELS]` looks for formulas whose value, gradient or Hessian
is wrong, longer than the tests do; of the first KERNELS formulas also the compiled kernels.
"""

from __future__ import annotations

import ast
import random
import sys

import mpmath
import numpy as np

from optviz.functions.catalogue import Function
from optviz.functions.formula import FUNCTIONS, FormulaError, parse

ATOMS = ("x", "y", "x", "y", "x", "y", "2", "0.5", "pi", "e", "3", "1", "0", "99999", "0.1")
POWERS = ("2", "3", "0", "1", "-1", "-2", "7", "0.5", "1.5", "-0.5", "(1/3)", "2.0", "x", "y", "30")
#: Kinks, edges of domains and poles are kept this far away; beyond `LARGE` floats overflow.
NEAR, LARGE = 1e-4, 1e100
STEP = mpmath.mpf(10) ** -20


class OutsideError(Exception):
    """There f has no value or is not smooth, or a part of it is beyond what floats can hold."""


def random_formula(rng: random.Random, size: int = 6) -> str:
    if size <= 1 or rng.random() < 0.05:
        return rng.choice(ATOMS)
    kind = rng.random()
    if kind < 0.5:
        left = rng.randrange(1, size)
        a, b = random_formula(rng, left), random_formula(rng, size - left)
        return f"({a}{rng.choice('+-*/')}{b})"
    if kind < 0.75:
        return f"{rng.choice(sorted(FUNCTIONS))}({random_formula(rng, size - 1)})"
    if kind < 0.95:
        return f"({random_formula(rng, size - 1)})**{rng.choice(POWERS)}"
    return f"(-{random_formula(rng, size - 1)})"


def exact(node: ast.expr, x: mpmath.mpf, y: mpmath.mpf) -> mpmath.mpf:
    """The value of a checked tree by mpmath, independent of everything that optviz generates."""
    match node:
        case ast.Constant(value):
            return mpmath.mpf(value)
        case ast.Name(name):
            return {"x": x, "y": y}[name]
        case ast.UnaryOp(_, operand):
            return -exact(operand, x, y)
        case ast.BinOp(left, op, right):
            value = _operation(op, exact(left, x, y), exact(right, x, y))
        case ast.Call(ast.Name(name), [argument]):
            value = _function(name, exact(argument, x, y))
        case _:
            raise AssertionError(node)
    if isinstance(value, mpmath.mpc) or not abs(value) < LARGE or 0 < abs(value) < 1 / LARGE:
        raise OutsideError
    return value


def _operation(op: ast.operator, a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div() if abs(b) > NEAR:
            return a / b
        case ast.Pow() if a > NEAR or (b == int(b) and (b >= 0 or a < -NEAR)):
            if abs(b) * abs(mpmath.log(abs(a) + 1e-30)) < 300:
                return a**b
    raise OutsideError


def _function(name: str, u: mpmath.mpf) -> mpmath.mpf:
    if name in ("exp", "sinh", "cosh") and abs(u) > 250:
        raise OutsideError
    # Of larger numbers `vecmath` promises no sines.
    if name in ("sin", "cos", "tan") and abs(u) > 1e5:
        raise OutsideError
    if name in ("abs", "sign", "sqrt", "log") and abs(u) < NEAR:
        raise OutsideError
    if name in ("arcsin", "arccos") and abs(u) > 1 - NEAR:
        raise OutsideError
    if name == "tan" and abs(mpmath.cos(u)) < NEAR:
        raise OutsideError
    names = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "abs": "fabs"}
    return getattr(mpmath, names.get(name, name))(u)


def exact_derivatives(tree: ast.expr, x: float, y: float) -> np.ndarray:
    """f, its gradient and its second derivatives (xx, xy, yy) by central differences."""
    with mpmath.workdps(200):
        h = STEP
        f = {(i, j): exact(tree, mpmath.mpf(x) + i * h, mpmath.mpf(y) + j * h)
             for i in (-1, 0, 1) for j in (-1, 0, 1)}  # fmt: skip
        mixed = f[1, 1] - f[1, -1] - f[-1, 1] + f[-1, -1]
        middle = 2 * f[0, 0]
        return np.array([float(v) for v in (
            f[0, 0], (f[1, 0] - f[-1, 0]) / (2 * h), (f[0, 1] - f[0, -1]) / (2 * h),
            (f[1, 0] - middle + f[-1, 0]) / h**2, mixed / (4 * h**2),
            (f[0, 1] - middle + f[0, -1]) / h**2,
        )])  # fmt: skip


def all_derivatives(f: Function, x: float, y: float) -> np.ndarray:
    hessian = f.hessian(x, y)
    return np.array([f(x, y), *f.gradient(x, y), hessian[0, 0], hessian[0, 1], hessian[1, 1]])


def rounding(f: Function, x: float, y: float) -> np.ndarray:
    """How far the derivatives spread if each operation errs by about 1e-13 of its result."""
    derived = f.expression.derived
    nodes = [derived.value, *derived.gradient, *derived.hessian]
    rng = np.random.default_rng(1)
    parts = derived.graph.parts(nodes)
    values: dict[int, np.ndarray] = {}
    for k in parts:
        op, args, value = derived.graph.nodes[k]
        a = [values[n] for n in args]
        if value is not None or op in ("x", "y"):
            values[k] = np.full(8, value if value is not None else {"x": x, "y": y}[op])
            continue
        named = {"Add": "add", "Sub": "subtract", "Mult": "multiply", "Div": "divide",
                 "Pow": "power", "USub": "negative"}  # fmt: skip
        with np.errstate(all="ignore"):
            new = 1.0 * (a[0] == 0) if op == "IsZero" else getattr(np, named.get(op, op))(*a)
        values[k] = new * (1 + rng.uniform(-1e-13, 1e-13, 8))
    return np.array([np.ptp(values[k]) for k in nodes])


def wrong(text: str, rng: random.Random, kernels: bool = False, points: int = 4) -> str | None:
    """What is wrong with the derivatives of a formula at random points; None if nothing is.

    Returns "refused" or "nowhere" if there was nothing to compare.
    """
    try:
        f = Function(text, parse(text).text)
    except FormulaError:
        return "refused"
    compared = 0
    for _ in range(3 * points):
        x, y = rng.uniform(-3, 3), rng.uniform(-3, 3)
        try:
            expected = exact_derivatives(f.expression.tree, x, y)
        except OutsideError:
            continue
        if not np.all(np.abs(expected) < LARGE):
            continue
        tolerance = 1e-9 * np.abs(expected) + 100 * rounding(f, x, y) + 1e-12
        found = all_derivatives(f, x, y)
        if not np.all(np.abs(found - expected) <= tolerance):
            return f"{text} at {x!r}, {y!r}: {found} is not {expected}"
        if kernels:
            compiled = by_kernels(f, x, y)
            if not np.all(np.abs(compiled - expected[:3]) <= tolerance[:3]):
                return f"kernels of {text} at {x!r}, {y!r}: {compiled} is not {expected[:3]}"
        compared += 1
        if compared == points:
            break
    return None if compared else "nowhere"


def by_kernels(f: Function, x: float, y: float) -> np.ndarray:
    slopes = np.empty((2, 1))
    f.gradient_kernel()(np.array([[x], [y]]), slopes)
    return np.array([f.values_along(np.array([[x, y]]))[0], *slopes[:, 0]])


def main(count: int, seed: int = 0, kernels: int = 0) -> None:
    told: dict[str | None, int] = {}
    rng = random.Random(seed)
    for k in range(count):
        text = random_formula(rng, rng.choice((4, 6, 8, 12)))
        result = wrong(text, rng, k < kernels, points=2)
        known = result in ("refused", "nowhere", None)
        told[result if known else "wrong"] = told.get(result if known else "wrong", 0) + 1
        if not known:
            print(result, flush=True)
        if k % 1000 == 999:
            print(k + 1, "formulas", flush=True)
    print({"compared" if key is None else key: n for key, n in told.items()})


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
