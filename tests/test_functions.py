"""The catalogue against independent derivatives, and functions of one's own."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

import optviz as ov
from optviz.cli import lists
from optviz.compiled import cache, sources
from optviz.functions.catalogue import Function
from optviz.render import style
from tests import fuzz
from tests.test_sweeps import assert_agrees

NAMES = list(ov.functions)
#: Where the gradient does not exist: a cone's tip, an edge of the domain.
NOT_SMOOTH = {"ackley", "bukin6", "eggholder"}


def points(f: Function, count: int = 40) -> np.ndarray:
    low, high = np.array(f.bounds).T
    return np.random.default_rng(4).uniform(low, high, (count, 2))


@pytest.mark.parametrize("name", NAMES)
def test_gradient_and_hessian_against_mpmath(name: str) -> None:
    f = ov.functions[name]
    for x, y in points(f, 6):
        expected = fuzz.exact_derivatives(f.expression.tree, x, y)
        found = fuzz.all_derivatives(f, x, y)
        assert found[0] == pytest.approx(expected[0], rel=1e-12)
        scale = np.maximum(1, abs(expected[0]) + np.abs(expected))
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(NAMES) - NOT_SMOOTH - {"schwefel"}))
def test_gradient_against_the_complex_step(name: str) -> None:
    f = ov.functions[name]
    if "abs" in f.formula:
        pytest.skip("abs is not analytic; mpmath checks this one")
    x, y = points(f).T
    h = 1e-30
    by_x, by_y = np.imag(f(x + 1j * h, y)) / h, np.imag(f(x, y + 1j * h)) / h
    dx, dy = f.gradient(x, y)
    scale = 1 + np.abs(f(x, y))
    np.testing.assert_allclose(dx / scale, by_x / scale, atol=1e-11, rtol=1e-11)
    np.testing.assert_allclose(dy / scale, by_y / scale, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_listed_minima_are_minima(name: str) -> None:
    f = ov.functions[name]
    (x0, x1), (y0, y1) = f.bounds
    for x, y in f.minima:
        assert x0 <= x <= x1
        assert y0 <= y <= y1
        assert f(x, y) == pytest.approx(f.minimum, abs=1e-10)
        if name not in NOT_SMOOTH:
            np.testing.assert_allclose(f.gradient(x, y), 0, atol=1e-10)
            assert np.all(np.linalg.eigvalsh(f.hessian(x, y)) >= -1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lower_on_a_fine_grid(name: str) -> None:
    f = ov.functions[name]
    if f.minimum is None:
        assert name in {"saddle", "monkey-saddle"}
        return
    (x0, x1), (y0, y1) = f.bounds
    z = f(np.linspace(x0, x1, 1001)[:, None], np.linspace(y0, y1, 1001)[None, :])
    assert z.min() >= f.minimum - 1e-10
    if name == "bukin6":
        return  # its whole valley is as low as the grid can tell
    # And no global minimum is missing: the lowest points all lie near a listed one.
    low = np.argwhere(z <= np.quantile(z, 1e-5))
    xs, ys = x0 + low[:, 0] * (x1 - x0) / 1000, y0 + low[:, 1] * (y1 - y0) / 1000
    away = np.min(np.hypot(xs[:, None] - f.minima[:, 0], ys[:, None] - f.minima[:, 1]), axis=1)
    assert np.all(away < 0.12 * max(x1 - x0, y1 - y0))


#: f* from the literature, to the digits that the survey papers print.
KNOWN = {
    "six-hump-camel": -1.0316, "goldstein-price": 3, "styblinski-tang": -78.3323, "easom": -1,
    "mccormick": -1.9133, "branin": 0.397887, "eggholder": -959.6407,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_minimum_is_the_literatures(name: str) -> None:
    f = ov.functions[name]
    if f.minimum is not None:
        assert f.minimum == pytest.approx(KNOWN.get(name, 0.0), abs=1.5e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_minimum_of_0_is_0(name: str) -> None:
    """Not what rounding has left of it, such as Ackley's −4e-16."""
    f = ov.functions[name]
    if f.minimum is not None and KNOWN.get(name, 0) == 0:
        assert f.minimum == 0
    (shown,) = (row[3] for row in lists._functions()[1] if row[0] == name)
    if f.minimum:
        assert float(shown.replace("−", "-")) == pytest.approx(KNOWN[name], abs=6e-4)
    else:
        assert shown == ("none" if f.minimum is None else "0")


def test_a_small_minimum_is_not_0() -> None:
    for least in (1e-6, 1e-12, -1e-12, 1e-200):
        f = ov.function(f"x**2 + y**2 + {least}")
        assert f.minimum == least
    assert ov.function("exp(-(x**2 + y**2)) + x**2 + y**2").minimum == 1
    assert ov.function("abs(x - 1/3)*7 + abs(y - 0.1)").minimum == 0


@pytest.mark.parametrize("name", NAMES)
def test_kernels_equal_the_numpy_functions(name: str) -> None:
    f = ov.functions[name]
    p = np.ascontiguousarray(points(f, 37).T)
    g = np.empty_like(p)
    f.gradient_kernel()(p, g)
    expected = f.gradient(*p)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(g, expected, rtol=1e-12, atol=1e-13 * scale)
    values = f.values_along(np.ascontiguousarray(p.T))
    np.testing.assert_allclose(values, f(*p), rtol=1e-12, atol=1e-13 * np.abs(f(*p)).max())


@pytest.mark.parametrize("name", NAMES)
def test_catalogue_entries_are_complete(name: str) -> None:
    f = ov.functions[name]
    assert f.name == name
    assert f.title
    assert f.source != "yours"
    assert f.check_start(f.start) == tuple(map(float, f.start))
    assert f.gradient(*f.start).shape == (2,)
    # A start on a stationary point would show nothing.
    assert np.linalg.norm(f.gradient(*f.start)) > 1e-3
    assert not any(np.allclose(f.start, m) for m in f.minima)


def test_broadcasting() -> None:
    f = ov.function("beale")
    x, y = np.linspace(0, 1, 5)[:, None], np.linspace(0, 1, 4)[None, :]
    assert f(x, y).shape == (5, 4)
    assert f.gradient(x, y).shape == (2, 5, 4)
    assert f.hessian(x, y).shape == (2, 2, 5, 4)
    assert isinstance(f(1, 2), float)
    constant = ov.function("3")
    assert constant(x, y).shape == (5, 4)
    assert constant.hessian(x, y).shape == (2, 2, 5, 4)
    only_x = ov.function("x**2")
    np.testing.assert_array_equal(only_x.gradient(2, np.zeros(3))[1], np.zeros(3))


def test_formula_and_catalogue_go_the_same_way() -> None:
    mine, theirs = ov.function("x^2/20 + y²"), ov.function("bowl")
    assert mine.expression.module() is theirs.expression.module()
    np.testing.assert_allclose(mine.minima, [[0, 0]], atol=1e-9)
    assert mine.minimum == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("name", ["himmelblau", "branin", "six-hump-camel", "ackley", "mccormick"])
def test_minima_of_a_formula_are_found(name: str) -> None:
    known = ov.functions[name]
    mine = ov.function(f"{known.formula} + 0", bounds=known.bounds)
    assert mine._minima is None
    order = np.lexsort(mine.minima.round(4).T)
    expected = known.minima[np.lexsort(known.minima.round(4).T)]
    np.testing.assert_allclose(mine.minima[order], expected, atol=1e-6)


@pytest.mark.parametrize("tilt", [1e-13, 1e-12, 1e-9, 1e-5, 1e-4, 1e-2, -1e-5, -1e-13])
def test_of_two_dents_the_lower_one_is_global_however_near_they_are(tilt: float) -> None:
    f = ov.function(f"(x**2 - 4)**2 + y**2 + {tilt!r}*x")
    turning = np.roots([4, 0, -16, tilt]).real
    (lowest,) = turning[np.argsort((turning**2 - 4) ** 2 + tilt * turning)[:1]]
    np.testing.assert_allclose(f.minima, [[lowest, 0]], atol=1e-7)
    assert f.minimum == pytest.approx((lowest**2 - 4) ** 2 + tilt * lowest, rel=1e-9)
    assert len(ov.function("(x**2 - 4)**2 + y**2").minima) == 2


@pytest.mark.parametrize(
    "bounds",
    [
        ((0, 4), (-3, 3)),
        ((-4, 0), (-3, 3)),
        ((-4, 4), (0, 3)),
        ((-4, 4), (-3, 0)),
        ((0, 4), (0, 3)),
    ],
)
def test_a_minimum_on_a_new_bound_is_kept(bounds) -> None:
    f = ov.function("sphere", bounds=bounds)
    assert f._minima == ((0, 0),)
    np.testing.assert_array_equal(f.minima, [[0, 0]])
    beyond = ov.function("himmelblau", bounds=((3, 5), (-5, 2)))
    np.testing.assert_array_equal(beyond.minima, ov.functions["himmelblau"].minima[[0, 3]])


@pytest.mark.parametrize("name", NAMES)
def test_in_a_part_of_its_domain_a_function_keeps_its_minima(name: str) -> None:
    """Those on the new bounds too: in each quarter that has a minimum at a corner."""
    whole = ov.functions[name]
    (x0, x1), (y0, y1) = whole.bounds
    for x, y in whole.minima:
        for side in itertools.product(*[
            [(a, b) for a, b in ((low, v), (v, high)) if b - a > 0.1]
            for v, (low, high) in ((x, (x0, x1)), (y, (y0, y1)))
        ]):  # fmt: skip
            f = ov.function(name, bounds=side)
            inside = [p for p in whole.minima.tolist()
                      if all(a <= v <= b for v, (a, b) in zip(p, side, strict=True))]  # fmt: skip
            assert [x, y] in inside
            np.testing.assert_array_equal(f.minima, inside)
            assert f.minimum == pytest.approx(whole.minimum, abs=1e-12)
            assert not f.is_searched
    assert not whole.is_searched


def lowest_outside(f: Function) -> tuple[float, bool]:
    """The lowest value on a fine grid, polished by SciPy, and on finer edges; is it on these?"""
    low, high = np.array(f.bounds).T
    x, y = np.linspace(low, high, 401).T
    z = f(x[:, None], y[None, :])
    best = []
    for k in np.argpartition(z, 3, axis=None)[:3]:
        i, j = np.unravel_index(k, z.shape)
        step = np.where([i > 200, j > 200], -0.003, 0.003) * (high - low)
        start = np.array([x[i], y[j]])
        simplex = start + np.array([(0, 0), (step[0], 0), (0, step[1])])
        options = {"initial_simplex": simplex, "xatol": 1e-10, "fatol": 1e-13}
        best.append(minimize(lambda p: f(*p), start, method="Nelder-Mead", bounds=f.bounds,
                             options=options))  # fmt: skip
    t = np.linspace(0, 1, 20_001)
    (x, y), (w, h) = low, high - low
    edges = [(x + t * w, y), (x + t * w, y + h), (x, y + t * h), (x + w, y + t * h)]
    edge = min(f(*side).min() for side in edges)
    lowest = min(best, key=lambda r: r.fun)
    is_near = (np.abs(lowest.x - [low, high]) < 1e-6 * (high - low)).any()
    return min(edge, lowest.fun), bool(is_near or edge < lowest.fun)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_in_other_bounds_nothing_lies_below_the_minimum(name: str) -> None:
    """And there is none only if f falls on beyond them."""
    low, high = np.array(ov.functions[name].bounds, dtype=float).T
    middle, half = (low + high) / 2, (high - low) / 2
    for scale, shift in ((1.5, 0), (2, 0), (3, 0), (2, -1), (0.5, 0.8)):
        ends = np.stack([middle + (shift - scale) * half, middle + (shift + scale) * half], axis=1)
        f = ov.function(name, bounds=tuple(map(tuple, ends.tolist())))
        lowest, is_on_edge = lowest_outside(f)
        if f.minimum is None:
            assert is_on_edge
            continue
        rounding = 1e-9 * max(1, abs(f.minimum))
        assert lowest >= f.minimum - rounding
        if name != "bukin6":  # along its valley nothing finds the way
            assert lowest <= f.minimum + rounding
        assert ((f.minima >= ends[:, 0]) & (f.minima <= ends[:, 1])).all()
        np.testing.assert_allclose(f(*f.minima.T), f.minimum, atol=rounding)
        if scale > 1:
            assert f.is_searched


def test_wider_bounds_have_more_minima_and_the_known_digits() -> None:
    known = ov.functions["branin"].minima
    f = ov.function("branin", bounds=((-5, 20), (0, 20)))
    np.testing.assert_array_equal(f.minima[:3], known)
    np.testing.assert_allclose(f.minima[3:], [[5 * np.pi, 12.875]], rtol=1e-14)
    assert f.is_searched
    # From there back to the literature's.
    again = ov.function(f, bounds=ov.functions["branin"].bounds)
    np.testing.assert_array_equal(again.minima, known)
    assert not again.is_searched
    for name in ("himmelblau", "levy13", "ackley", "bukin6", "easom"):
        (x0, x1), (y0, y1) = ov.functions[name].bounds
        wide = ov.function(name, bounds=((x0 - 0.3, x1 + 0.2), (y0 - 0.1, y1)))
        np.testing.assert_array_equal(wide.minima, ov.functions[name].minima)
        assert wide.minimum == ov.functions[name].minimum
    # Schwefel's: the next turning point of each variable, on either side.
    beyond = ov.function("schwefel", bounds=((-1000, 1000), (-1000, 1000)))
    turning = brentq(lambda t: np.tan(np.sqrt(t)) + np.sqrt(t) / 2, 892, 900, xtol=1e-12)
    np.testing.assert_allclose(beyond.minima, [[-turning, -turning]], rtol=1e-12)


@pytest.mark.parametrize("name", ["mccormick", "eggholder", "styblinski-tang", "himmelblau"])
def test_a_minimum_on_the_bounds_is_one_only_if_it_is_stationary(name: str) -> None:
    f = ov.functions[name]
    x, y = f.minima[0]
    (x0, x1), (y0, y1) = f.bounds
    if name != "eggholder":
        assert ov.function(name, bounds=((x + 0.01, x + 0.02), (y, y1))).minimum is None
        on_edge = ov.function(f.formula + " + 0", bounds=((x, x + 0.3), (y - 0.2, y + 0.2)))
        np.testing.assert_allclose(on_edge.minima, [[x, y]], atol=1e-9)
        assert on_edge.is_searched
    else:
        # The literature's counts, though f falls on beyond it; as a formula of one's own not.
        assert f.minimum == pytest.approx(-959.6406627)
        assert ov.function(f.formula + " + 0", bounds=f.bounds).minimum is None
        assert ov.function(name, bounds=((x0, x1 + 1), (y0, y1 + 1))).minimum is None


def test_a_kink_on_the_bounds_is_a_minimum_if_it_is_one_without_them() -> None:
    bukin = "100*sqrt(abs(y - 0.01*x**2)) + 0.01*abs(x + 10)"
    for text, bounds, minima in (
        ("abs(x) + y**2", ((0, 3), (-1, 2)), [(0, 0)]),
        ("abs(x) + abs(y) - x/10", ((-3, 0), (0, 2)), [(0, 0)]),
        ("abs(x + y) + x/10", ((0, 3), (-2, 2)), []),
        ("abs(y) + x/10", ((0, 3), (-2, 2)), []),
        (bukin, ((-9, -5), (-3, 3)), []),
    ):
        f = ov.function(text, bounds=bounds)
        np.testing.assert_allclose(f.minima, np.reshape(minima, (-1, 2)), atol=1e-9)


def test_minima_beyond_new_bounds_are_gone() -> None:
    f = ov.function("himmelblau", bounds=((0, 5), (0, 5)))
    np.testing.assert_array_equal(f.minima, [[3, 2]])
    assert ov.function("sphere", bounds=((1e-9, 4), (-3, 3))).minimum != 0


#: Formulas with a half width of their bounds, f* and the number of global minima, from the
#: literature: Jamil and Yang (2013), and the closed form where there is one.
HELD_OUT = [
    ("x**2 + 2*y**2 - 0.3*cos(3*pi*x)*cos(4*pi*y) + 0.3", 10, 0, 1),
    ("(x - 1)**2 + (y - 1)**2 - x*y", 6, -2, 1),
    ("sin(x)*exp((1 - cos(y))**2) + cos(y)*exp((1 - sin(x))**2) + (x - y)**2", 6.28,
     -106.764536749, 2),
    ("100*(y - x**3)**2 + (1 - x)**2", 10, 0, 1),
    ("-abs(sin(x)*cos(y)*exp(abs(1 - sqrt(x**2 + y**2)/pi)))", 10, -19.2085025679, 4),
    ("-0.0001*(abs(sin(x)*sin(y)*exp(abs(100 - sqrt(x**2 + y**2)/pi))) + 1)**0.1", 10,
     -2.06261187082, 4),
    ("-(1 + cos(12*sqrt(x**2 + y**2)))/(0.5*(x**2 + y**2) + 2)", 5.12, -1, 1),
    ("0.5 + (cos(sin(abs(x**2 - y**2)))**2 - 0.5)/(1 + 0.001*(x**2 + y**2))**2", 10,
     0.292578632036, 4),
    ("*".join("(" + "+".join(f"{i}*cos({i + 1}*{v} + {i})" for i in range(1, 6)) + ")"
              for v in "xy"), 10, -186.730908831, 18),
    ("1e5*x**2 + y**2 - (x**2 + y**2)**2 + 1e-5*(x**2 + y**2)**4", 20, -24776.5183423, 2),
    ("x**4 + 4*x**3 + 4*x**2 + y**2", 5, 0, 2),
    ("(x**2 + y**2 - 2*x)**2 + 0.25*x", 5, -0.00379123722047, 1),
    ("x**4 - 8*x**2 + y**4 - 8*y**2 + x*y", 4, -36.125, 2),
    ("x*log(x) + y*log(y) + (x - y)**2", 3, -2 / np.e, 1),
    ("sqrt(x) + y**2", 3, 0, 1),
    ("abs(x) + abs(y) + abs(x)*abs(y)", 10, 0, 1),
    ("cos(x)*sin(y) - x/(y**2 + 1)", 1, None, 0),  # falls on
    ("x*y*exp(-x**2 - y**2)", 3, -0.5 / np.e, 2),
    ("x - 2*sign(x + 1)", 3, None, 0),  # a jump whose lowest value is not taken
]  # fmt: skip


@pytest.mark.parametrize(("text", "half", "lowest", "count"), HELD_OUT)
def test_minima_of_functions_held_out(text: str, half: float, lowest, count: int) -> None:
    f = ov.function(text, bounds=((-half, half), (-half, half)))
    assert len(f.minima) == count
    assert f.minimum == (None if lowest is None else pytest.approx(lowest, rel=1e-10, abs=1e-12))
    if "log" not in text and "sqrt(x)" not in text:
        # The same as a Python function: what a grid sees, polished.
        mine = ov.function(f.__call__, bounds=f.bounds)
        if lowest is not None and count < 16 and "0.0001" not in text:
            assert mine.minimum == pytest.approx(lowest, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("tilt", [1e-9, -1e-6, 1e-3, 0])
def test_near_ties_of_a_python_function_are_none(tilt: float) -> None:
    f = ov.function(lambda x, y: (x**2 - 4) ** 2 + (y - 1) ** 2 + tilt * x + 1e3)
    assert len(f.minima) == (2 if tilt == 0 else 1)
    assert tilt == 0 or np.sign(f.minima[0, 0]) == -np.sign(tilt)


@given(st.lists(st.integers(-9, 9), min_size=16, max_size=16), st.booleans())
def test_derivatives_of_python_functions(factors, has_gradient: bool) -> None:
    """Polynomials with mixed terms; NumPy's own derivatives."""
    c = np.reshape(factors, (4, 4)) / 4.0
    polynomial = np.polynomial.polynomial

    def derivative(i: int, j: int, x, y):
        return polynomial.polyval2d(x, y, polynomial.polyder(polynomial.polyder(c, i), j, axis=1))

    def slope(x, y):
        return derivative(1, 0, x, y), derivative(0, 1, x, y)

    f = ov.function(lambda x, y: polynomial.polyval2d(x, y, c),
                    gradient=slope if has_gradient else None)  # fmt: skip
    x, y = np.array([0.3, -1.7, 2.2]), np.array([1.1, 0.4, -2.5])
    scale = 1 + np.abs(c).sum() * 3**6
    np.testing.assert_allclose(f.gradient(x, y) / scale, np.array(slope(x, y)) / scale, atol=1e-9)
    expected = [[derivative(2, 0, x, y), derivative(1, 1, x, y)],
                [derivative(1, 1, x, y), derivative(0, 2, x, y)]]  # fmt: skip
    tolerance = 1e-8 if has_gradient else 1e-5
    np.testing.assert_allclose(f.hessian(x, y) / scale, np.array(expected) / scale, atol=tolerance)
    assert np.abs(f.hessian(x, y)[0, 1] - expected[0][1]).max() < 1e-4 * scale


def wrong_gradients(right):
    """What goes wrong in a gradient, by how: each of two numbers from those that are right."""
    return {
        "negative": lambda x, y: tuple(-v for v in right(x, y)),
        "swapped": lambda x, y: right(x, y)[::-1],
        "half": lambda x, y: (right(x, y)[0] / 2, right(x, y)[1]),
        "a tenth lost": lambda x, y: (right(x, y)[0], 0.9 * right(x, y)[1]),
        "no number": lambda x, y: (float("nan"), right(x, y)[1]),
        "one of two": lambda x, y: right(x, y)[:1],
        "one number": lambda x, y: right(x, y)[0],
        "three": lambda x, y: (*right(x, y), 0.0),
        "one argument": lambda p: right(*p),
        "nothing": lambda x, y: None,
    }


@pytest.mark.parametrize("how", wrong_gradients(None))
@pytest.mark.parametrize("name", ["beale", "bowl", "himmelblau", "ackley", "rastrigin"])
def test_a_wrong_gradient_is_seen_and_the_right_one_is_not(name: str, how: str) -> None:
    g = ov.functions[name]

    def right(x, y):
        return tuple(g.gradient(x, y))

    assert ov.function(g.__call__, bounds=g.bounds, gradient=right).bounds == g.bounds
    wrong = wrong_gradients(right)[how]
    with pytest.raises(ValueError, match=r"^gradient gave .* at \(.*\), finite differences") as e:
        ov.function(g.__call__, bounds=g.bounds, gradient=wrong)
    assert "\n" not in str(e.value)
    assert "check=False" in str(e.value)
    ov.function(g.__call__, bounds=g.bounds, gradient=wrong, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_s_own_gradients_pass_the_check(name: str) -> None:
    g = ov.functions[name]
    ov.function(g.__call__, bounds=g.bounds, gradient=g.gradient)


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda x, y: abs(x) + abs(y), lambda x, y: (np.sign(x), np.sign(y))),
        (lambda x, y: max(x, y, 0.0), lambda x, y: (x > max(y, 0), y >= max(x, 0))),
        (lambda x, y: math.log(x) ** 2 + math.sqrt(y),
         lambda x, y: (2 * math.log(x) / x, 0.5 / math.sqrt(y))),
        (lambda x, y: x / 0, lambda x, y: (0.0, 0.0)),
        (lambda x, y: 3.0, lambda x, y: (0.0, 0.0)),
        (lambda x, y: np.floor(x), lambda x, y: [0, 0]),
        (lambda x, y: float(np.float32(x * x + 20 * y * y)), lambda x, y: (2 * x, 40 * y)),
        (lambda x, y: x * x + y * y + 1e-3 * np.sin(1e9 * x), lambda x, y: (2 * x, 2 * y)),
        (lambda x, y: 1e9 + x * x + 1e-4 * y * y, lambda x, y: np.array([2 * x, 2e-4 * y])),
    ],
    ids=["abs", "max", "partly undefined", "undefined", "flat", "steps", "float32", "noise",
         "offset"],
)  # fmt: skip
def test_kinks_holes_and_rounding_are_no_wrong_gradient(f, gradient) -> None:
    ov.function(f, gradient=gradient)


def test_a_gradient_is_compared_where_the_function_has_values() -> None:
    with pytest.raises(ValueError, match="gradient gave"):
        ov.function(lambda x, y: math.log(x) + math.sqrt(y), gradient=lambda x, y: (-1 / x, 0.0))


def test_pictures_in_other_bounds_say_that_the_minimum_was_found_numerically() -> None:
    for f, told in (
        (ov.function("branin", bounds=((-5, 20), (0, 20))), "f* = 0.3979 found numerically"),
        (ov.function("x**2 + y**2 + 3"), "f* = 3 found numerically"),
        (ov.function("branin"), ""),
        (ov.function("himmelblau", bounds=((0, 5), (0, 5))), ""),
        (ov.function("eggholder", bounds=((-600, 600), (-600, 600))), ""),
    ):
        (said,) = ["".join(p for p in style.choices(f, [t]) if "f*" in p)
                   for t in [ov.minimize(f, ov.SGD(lr=1e-4), steps=2)]]  # fmt: skip
        assert said == told


def test_a_formula_that_falls_on_has_no_minimum() -> None:
    f = ov.function("x**2 - y**2 + x*y")
    assert f.minimum is None
    assert f.minima.shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rosenbrok", "did you mean 'rosenbrock'"),
        ("himelblau", "did you mean 'himmelblau'"),
        ("nonsense", "no function is called 'nonsense'; there are"),
        ("sin(x", "never closed"),
        ("x*z", "'z' is not known"),
        ("nomodule_q:f", "cannot be imported"),
        ("math:sinn", "did you mean 'sin'"),
        ("os:getcwd", "fails: TypeError"),
        ("log(-x*x-1)", "no value|no finite"),
    ],
)
def test_what_is_no_function_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.minimize(text, ov.SGD(), steps=1)


def test_names_are_forgiving() -> None:
    assert ov.function("Goldstein_Price") is ov.functions["goldstein-price"]
    assert ov.function(" Beale ") is ov.functions["beale"]


def test_bounds_and_starts_are_checked() -> None:
    f = ov.function("beale", bounds=((-1, 4), (-1, 1)), start=(0, 0))
    assert f.bounds == ((-1, 4), (-1, 1))
    assert f.start == (0, 0)
    with pytest.raises(ValueError, match="outside beale's domain"):
        ov.function("beale", start=(9, 9))
    with pytest.raises(ValueError, match="two rising numbers"):
        ov.function("beale", bounds=((1, 1), (0, 1)))
    with pytest.raises(ValueError, match="two rising numbers"):
        ov.function("beale", bounds=((0, float("inf")), (0, 1)))
    with pytest.raises(ValueError, match="no value at start"):
        ov.function("log(x)", start=(-1, 0))
    with pytest.raises(ValueError, match="start must be two numbers"):
        ov.function("beale", start=(1, 2, 3))


def test_python_functions(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine_for_test.py").write_text(
        "import math\n"
        "def hill(x, y):\n    return math.sin(x) * y if x > 0 else x**2 + y**2\n"
        "def disc(x, y):\n    return x**2 + 3 * y**2\n"
        "def disc_gradient(x, y):\n    return 2 * x, 6 * y\n"
    )
    monkeypatch.chdir(tmp_path)
    hill, disc = ov.function("mine_for_test:hill"), ov.function("mine_for_test:disc")
    assert hill(1.0, 2.0) == pytest.approx(2 * np.sin(1))
    np.testing.assert_allclose(hill.gradient(1.0, 2.0), [2 * np.cos(1), np.sin(1)], rtol=1e-8)
    np.testing.assert_array_equal(disc.gradient([1.0, 2.0], [3.0, 4.0]), [[2, 4], [18, 24]])
    np.testing.assert_allclose(disc.hessian(1.0, 1.0), [[2, 0], [0, 6]], atol=1e-5)
    a = ov.minimize(disc, ov.Adam(lr=0.1), start=(2, 1), steps=50)
    b = ov.minimize("x**2 + 3*y**2", ov.Adam(lr=0.1), start=(2, 1), steps=50)
    np.testing.assert_allclose(a.points, b.points, atol=1e-9)


def test_a_second_process_takes_what_the_first_has_written(tmp_path) -> None:
    """It generates nothing; and to evaluate a function takes no compiler."""
    code = (
        "import sys, optviz as ov\n"
        "from optviz.functions import derive\n"
        "if len(sys.argv) > 1: derive.module_source = None\n"
        "print(ov.function('x**2 + 7*y**4 + sin(x)').gradient(1, 2)[1])\n"
        "print({'numba', 'sympy'} & set(sys.modules))\n"
    )
    env = {**os.environ, "OPTVIZ_CACHE_DIR": str(tmp_path)}
    for arguments in ([], ["again"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True, text=True, check=True, env=env,
        )  # fmt: skip
        assert done.stdout.split() == ["224.0", "set()"]
        (file,) = (tmp_path / "sources").glob("formula_*.py")
    file.unlink()
    again = [sys.executable, "-c", code, "again"]
    assert subprocess.run(again, capture_output=True, check=False, env=env).returncode == 1


@pytest.mark.parametrize(
    ("function", "second"),
    [
        (lambda x, y: x * y, lambda x, y: (0, 1, 0)),
        (lambda x, y: x**2 * y**3 + 3 * x, lambda x, y: (2 * y**3, 6 * x * y**2, 6 * x**2 * y)),
        (lambda x, y: np.sin(x + 2 * y), lambda x, y: -np.sin(x + 2 * y) * np.array([1, 2, 4])),
    ],
)
def test_second_derivatives_of_python_functions(function, second) -> None:
    for f in (ov.function(function), ov.function(lambda x, y: float(function(x, y)))):
        for x, y in ((0.5, -1.2), (2.0, 0.3), (-40.0, 3.0)):
            dxx, dxy, dyy = second(x, y)
            scale = 1 + np.abs([dxx, dxy, dyy]).max()
            found = f.hessian(x, y) / scale
            np.testing.assert_allclose(found, np.array([[dxx, dxy], [dxy, dyy]]) / scale, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "ln(x) + y**2", "log(x) + y**2", "ln(x)/ln(2) + y**2", "-arccos(x) + y**2",
        "arcsin(x) + y**2", "sqrt(x) + y**2", "x**0.5 + y**2", "x**(-0.5) - x + 2*x**1.5",
        "x**(y + 1)", "1/x + y**2", "tan(x) + y**2", "sign(sqrt(x)) + x + y**2",
        "0*sqrt(x) + x + y**2", "x*ln(x) + y**2",
    ],
)  # fmt: skip
def test_a_sweep_ends_where_minimize_does_if_paths_leave_the_domain(text: str) -> None:
    f = ov.function(text)
    starts = np.array([[0.5, 1.0], [0.9, -0.5], [0.01, 0.25]])
    s = ov.sweep(f, ov.SGD(lr=0.3), starts, steps=40, tol=1e-6)
    for k, start in enumerate(starts):
        t = ov.minimize(f, ov.SGD(lr=0.3), start=start, steps=40, tol=1e-6)
        assert_agrees(s, (k,), t)
    if text.startswith(("l", "sq", "sign", "0")):
        assert (s.outcome == -1).any()


def test_generated_modules_are_kept_by_content(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPTVIZ_CACHE_DIR", str(tmp_path))
    cache.cache_folder.cache_clear()
    try:
        builds = []

        def build() -> str:
            builds.append(1)
            return "answer = 42"

        monkeypatch.setattr(sources, "_modules", {})
        assert sources.source_module("m", "key", build).answer == 42
        monkeypatch.setattr(sources, "_modules", {})
        assert sources.source_module("m", "key", build).answer == 42
        assert len(builds) == 1
        (file,) = (tmp_path / "sources").glob("m_*.py")
        file.write_text(file.read_text().replace("42", "41"))
        monkeypatch.setattr(sources, "_modules", {})
        assert sources.source_module("m", "key", build).answer == 42
        file.write_bytes(b"\xff\xfe answer")
        monkeypatch.setattr(sources, "_modules", {})
        assert sources.source_module("m", "key", build).answer == 42
        assert len(builds) == 3
    finally:
        cache.cache_folder.cache_clear()


def test_a_function_that_works_in_place_does_not_move_the_point() -> None:
    def in_place(x, y):
        y *= 2
        return x * x + y * y

    t = ov.minimize(in_place, ov.SGD(lr=0.01), start=(1, 1), steps=1)
    np.testing.assert_allclose(t.points[1], [0.98, 0.92], atol=1e-8)


def test_an_own_function_never_passes_for_one_of_the_catalogue(tmp_path) -> None:
    def bowl(x, y):
        return x**4 + y**4 + 3

    path = ov.save(ov.plot(ov.minimize(bowl, ov.SGD(lr=0.001), steps=3)), tmp_path / "a.png")
    with pytest.raises(ValueError, match="Python function"):
        ov.replay(path)

    class Adam(ov.Optimizer):
        defaults = {"lr": 0.1}

        @staticmethod
        def rule(x, g, lr):
            return x - lr * g

    path = ov.save(ov.plot(ov.minimize("bowl", Adam(), steps=3)), tmp_path / "b.png")
    with pytest.raises(ValueError, match="no optimizer is called"):
        ov.replay(path)


@pytest.mark.parametrize(
    "text", ["1/x", "log(x)", "tan(x)*tan(y)", "-1/(x^2+y^2)", "log(x^2+y^2)", "1/(x*y)"]
)
def test_poles_are_no_minima(text: str) -> None:
    assert ov.function(text).minimum is None
    ov.plot([], on=text).canvas.draw()


@pytest.mark.parametrize(
    ("text", "lowest"), [("x^2", 0), ("sin(x)", -1), ("x^2 + 1e9", 1e9), ("abs(x)", 0)]
)
def test_a_valley_of_equal_depth_has_one_minimum_that_stands_for_all(text, lowest) -> None:
    f = ov.function(text)
    assert len(f.minima) <= 3
    assert f.minimum == pytest.approx(lowest, abs=1e-9)
    ov.plot([], on=text).canvas.draw()


def test_partly_defined_python_functions(tmp_path, monkeypatch) -> None:
    import math

    def partial(x, y):
        if x > 2:
            raise KeyError("x too big")
        return math.exp(x * x) + y * y

    f = ov.function(partial)
    assert np.isnan(f(3.0, 0.0))
    assert f(1.0, 0.0) == pytest.approx(math.e)
    ov.plot(ov.minimize(f, ov.SGD(lr=0.01), start=(1, 1), steps=5)).canvas.draw()
    (tmp_path / "broken_for_test.py").write_text("raise SystemExit(4)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cannot be imported: SystemExit"):
        ov.function("broken_for_test:f")


@pytest.mark.parametrize(
    "bounds", [((-1e308, 1e308), (0, 1)), ((0, 1e-300), (0, 1)), ((1e15, 1e15 + 1), (0, 1))]
)
def test_bounds_that_cannot_be_drawn_are_refused(bounds) -> None:
    with pytest.raises(ValueError, match="too wide or too narrow"):
        ov.function("x", bounds=bounds)


def test_the_default_start_lies_in_given_bounds() -> None:
    f = ov.function("log(x - 6) + y**2", bounds=((6, 10), (-2, 2)))
    assert f.check_start(f.start)
