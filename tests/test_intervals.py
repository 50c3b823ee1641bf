"""Interval arithmetic: what it says of a box holds at each of its points, and is not idle."""

from __future__ import annotations

import random

import mpmath
import numpy as np
import pytest

import optviz as ov
from optviz.functions.formula import FUNCTIONS, FormulaError, parse
from optviz.functions.graph import Derived, Graph
from optviz.functions.intervals import Enclosure, product
from tests import fuzz


def enclosure(text: str, low, high) -> tuple[Derived, Enclosure]:
    derived = parse(text).derived
    corners = (np.array(corner, dtype=float).reshape(2, -1) for corner in (low, high))
    return derived, Enclosure(derived.graph, *corners)


def exact_node(graph: Graph, root: int, x: float, y: float) -> mpmath.mpf:
    """A node's value by mpmath, one operation after another; `OutsideError` where it has none."""
    named = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "abs": "fabs"}
    values: dict[int, mpmath.mpf] = {}
    for k in graph.parts([root]):
        op, args, value = graph.nodes[k]
        a = [values[n] for n in args]
        try:
            if value is not None or op in ("x", "y"):
                new = mpmath.mpf({"x": x, "y": y}.get(op, value))
            elif op in ("Add", "Sub", "Mult", "Div", "Pow"):
                new = {"Add": lambda p, q: p + q, "Sub": lambda p, q: p - q,
                       "Mult": lambda p, q: p * q, "Div": lambda p, q: p / q,
                       "Pow": lambda p, q: p**q}[op](*a)  # fmt: skip
            elif op == "USub":
                new = -a[0]
            elif op == "IsZero":
                new = mpmath.mpf(a[0] == 0)
            else:
                new = getattr(mpmath, named.get(op, op))(a[0])
        except (ZeroDivisionError, ValueError, OverflowError):
            raise fuzz.OutsideError from None
        if isinstance(new, mpmath.mpc) or not abs(new) < mpmath.mpf(10) ** 250:
            raise fuzz.OutsideError
        values[k] = new
    return values[root]


@pytest.mark.parametrize("seed", range(4))
def test_values_and_derivatives_lie_inside(seed: int) -> None:
    """Of random formulas over random boxes, at random points, at corners and at zero."""
    rng = random.Random(seed)
    compared = bounded = 0
    for _ in range(150):
        try:
            derived = parse(fuzz.random_formula(rng, rng.choice((3, 5, 8)))).derived
        except FormulaError:
            continue
        size = rng.choice((0.0, 1e-9, 1e-3, 0.3, 4.0))
        low = np.array([rng.choice((0.0, -1.0, rng.uniform(-3, 3))) for _ in "xy"])
        high = low + size * np.array([rng.random(), rng.random()])
        over = Enclosure(derived.graph, low[:, None], high[:, None])
        nodes = (derived.value, *derived.gradient, *derived.hessian)
        places = [rng.choice((low, high, rng.random() * (high - low) + low)) for _ in range(3)]
        for x, y in [*places, np.clip(0.0, low, high)]:
            with mpmath.workdps(60):
                for k in nodes:
                    bottom, top = over.of(k)
                    assert bottom[0] <= top[0]
                    try:
                        value = exact_node(derived.graph, k, float(x), float(y))
                    except fuzz.OutsideError:
                        continue
                    assert mpmath.mpf(bottom[0]) <= value <= mpmath.mpf(top[0])
                    compared += 1
                    bounded += np.isfinite(bottom[0]) and np.isfinite(top[0])
    assert compared > 1000
    assert bounded > 0.7 * compared


OTHERS = ("x**2", "x**3", "x**(-1)", "x**(-2)", "x**0.5", "x**(-1.5)", "2**x", "x**6", "1/x", "-x",
          "3 - x", "x/4")  # fmt: skip


@pytest.mark.parametrize("name", [*FUNCTIONS, *OTHERS])
def test_a_single_operation_has_its_exact_range(name: str) -> None:
    """No wider than what a thousand points see, on boxes with crests, poles and kinks or not."""
    text = f"{name}(x)" if name in FUNCTIONS else name
    rng = np.random.default_rng(7)
    low = rng.uniform(-4, 4, 400)
    high = low + 10 ** rng.uniform(-3, 0.9, 400)
    derived, over = enclosure(text, [low, 0 * low], [high, 0 * low])
    bottom, top = over.of(derived.value)
    points = low + np.linspace(0, 1, 1001)[:, None] * (high - low)
    values = ov.function(text)(points, 0.0)
    usable = over.is_defined
    assert usable.sum() > 40
    assert (bottom <= values.min(axis=0))[usable].all()
    assert (top >= values.max(axis=0))[usable].all()
    # Between two points the range goes on by no more than a step's worth.
    step = np.abs(np.diff(values, axis=0)).max(axis=0) + 1e-14 * np.abs(values).max(axis=0)
    assert (values.min(axis=0) - bottom <= step)[usable].all()
    assert (top - values.max(axis=0) <= step)[usable].all()
    # Where there is a value at some points only, it is not called defined, nor empty.
    partly = np.isfinite(values).any(axis=0) & ~np.isfinite(values).all(axis=0)
    assert not (over.is_defined & partly).any()
    assert not (over.is_empty & np.isfinite(values).any(axis=0)).any()


@pytest.mark.parametrize(
    ("text", "low", "high", "is_defined", "is_smooth", "is_empty"),
    [
        ("sqrt(x)", (1, 0), (2, 1), True, True, False),
        ("sqrt(x)", (-1, 0), (2, 1), False, False, False),
        ("sqrt(x)", (-2, 0), (-1, 1), False, False, True),
        ("log(y)", (0, 0), (1, 1), False, False, False),
        ("log(y)", (0, -1), (1, 0), False, False, True),
        ("arcsin(x)", (-1, 0), (1, 1), True, False, False),
        ("arccos(x)", (-0.5, 0), (0.5, 1), True, True, False),
        ("arccos(x)", (1.5, 0), (2, 1), False, False, True),
        ("abs(x)", (-1, 0), (1, 1), True, False, False),
        ("abs(x)", (1, 0), (2, 1), True, True, False),
        ("sign(x)", (-1, 0), (1, 1), False, False, False),
        ("1/x", (-1, 0), (1, 1), False, False, False),
        ("x**1.5", (0, 0), (1, 1), True, False, False),
        ("x**1.5", (-2, 0), (-1, 1), False, False, True),
        ("tan(x)", (1, 0), (2, 1), False, False, False),
        ("tan(x)", (-1.5, 0), (1.5, 1), True, True, False),
        ("x**y", (-1, 1), (1, 2), False, False, False),
    ],
)
def test_where_a_function_ends_and_bends(
    text: str, low, high, is_defined, is_smooth, is_empty
) -> None:
    derived, over = enclosure(text, low, high)
    over.of(derived.value)
    told = (over.is_defined[0], over.is_smooth[0], over.is_empty[0])
    assert told == (is_defined, is_smooth, is_empty)


def test_a_kink_has_all_slopes_between_those_of_its_sides() -> None:
    derived, over = enclosure("3*abs(x) + sqrt(abs(y))", (-0.1, -0.1), (0.2, 0.3))
    (bottom, top), across = (over.of(k) for k in derived.gradient)
    assert bottom == pytest.approx(-3)
    assert top == pytest.approx(3)
    assert (across[0][0], across[1][0]) == (-np.inf, np.inf)


def test_a_square_is_never_negative_and_a_product_is_rounded_outward() -> None:
    derived, over = enclosure("(x - y)*(x - y) + (x + y)**4", (-1, -1), (1, 1))
    assert over.of(derived.value)[0][0] >= 0
    third, tenth = (np.array([1 / 3]),) * 2, (np.array([0.1]),) * 2
    low, high = product(third, tenth)
    exact = mpmath.mpf(1 / 3) * mpmath.mpf(0.1)
    assert mpmath.mpf(low[0]) < exact < mpmath.mpf(high[0])
    assert high[0] - low[0] <= 4 * np.spacing(1 / 30)
