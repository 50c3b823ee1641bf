"""Functions as other libraries give them: SymPy's expressions, values on a grid, autograd."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import gamma

import optviz as ov

X, Y, U, V = sympy.symbols("x y u v")


# -- SymPy ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "symbols"),
    [
        (X**2 / 20 + Y**2, (X, Y)),
        (sympy.exp(-U) * sympy.Abs(V) + sympy.E * U / 3 + 0.1 * V, (U, V)),
        (sympy.asin(U / 9) + sympy.log(V + 7) + sympy.pi, (U, V)),
        (sympy.sqrt(X + 6) - sympy.Rational(1, 3) * sympy.tanh(Y), (X, Y)),
        (1.2345678901234567 * X + X * sympy.sign(Y), (X, Y)),
        (sympy.Symbol("x2") ** 2 + sympy.Symbol("x10"), sympy.symbols("x2 x10")),
        # Swapped names: both are replaced at once.
        (sympy.Symbol("x") ** 2 + 3 * sympy.Symbol("a"), sympy.symbols("a x")),
    ],
    ids=str,
)
def test_an_expression_is_a_formula(expression, symbols) -> None:
    f = ov.function(expression)
    assert f.is_compiled or f._python is None
    for place in ((0.5, 1.5), (-2.0, 3.0)):
        at = dict(zip(symbols, place, strict=True))
        assert f(*place) == pytest.approx(float(expression.evalf(30, subs=at)), rel=1e-13)
        real = {s: sympy.Symbol(s.name, real=True) for s in symbols}
        slopes = [float(expression.subs(real).diff(r).subs(dict(zip(
            real.values(), place, strict=True))).evalf(30)) for r in real.values()]  # fmt: skip
        np.testing.assert_allclose(f.gradient(*place), slopes, rtol=1e-12)
    assert ov.function(f.formula)(0.5, 1.5) == f(0.5, 1.5), "its text makes it again"


def test_what_no_formula_holds_goes_through_numpy() -> None:
    x2 = sympy.Symbol("x2")
    f = ov.function(sympy.Symbol("x1") ** 2 + sympy.gamma(x2 + 8), bounds=((-1, 1), (-1, 1)))
    assert f(0.5, 1.0) == pytest.approx(0.25 + gamma(9.0), rel=1e-14)
    slope = float(sympy.gamma(x2 + 8).diff(x2).subs(x2, 1).evalf())
    np.testing.assert_allclose(f.gradient(0.5, 1.0), [1.0, slope], rtol=1e-12)
    g = ov.function(sympy.Piecewise((X**2, X > 0), (Y**2, True)))
    assert (g(2.0, 3.0), g(-2.0, 3.0), g.gradient(-2.0, 3.0).tolist()) == (4.0, 9.0, [0.0, 6.0])
    assert ov.minimize(g, ov.SGD(lr=0.1), start=(1, 1), steps=3).points[-1].tolist() == (
        pytest.approx([0.512, 1.0]))  # fmt: skip
    alone = ov.function(sympy.besselj(0, X))
    assert (alone(0.0, 3.0), alone.gradient(0.0, 3.0).tolist()) == (1.0, [0.0, 0.0])


def test_what_numpy_does_knows_that_numbers_are_real() -> None:
    f = ov.function(sympy.Abs(X) * sympy.gamma(2 + sympy.Abs(Y)))
    assert f.gradient(-2.0, 0.0)[0] == -1.0


def test_more_symbols_are_coordinates_in_natural_order() -> None:
    names = sympy.symbols("x1:12")
    f = ov.function(sum((k + 1) * s**2 for k, s in enumerate(names)))
    p = np.arange(11.0)
    assert (f.n, f(p)) == (11, sum((k + 1) * k**2 for k in range(11)))
    assert f.gradient(p).tolist() == [2 * (k + 1) * k for k in range(11)]
    assert ov.function(X**2 + Y**2, n=2)([3.0, 4.0]) == 25.0
    assert ov.minimize(f, ov.SGD(lr=0.02), steps=5).points.shape == (6, 11)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ov.function(X + sympy.I), "an expression of real numbers, not x"),
        (lambda: ov.function(sympy.Eq(X, 1)), "an expression of real numbers"),
        (lambda: ov.function(sympy.Matrix([X])), "an expression of real numbers"),
        (lambda: ov.function(X + sympy.oo), "an expression of real numbers"),
        (lambda: ov.function(X + sympy.Symbol("x", positive=True)), "two symbols .* called x"),
        (lambda: ov.function(X + Y, n=5), "has 2 symbols, and n is 5"),
        (lambda: ov.function(X + Y, gradient=lambda x, y: (1, 1)), "knows its gradient"),
        (lambda: ov.function(X + Y, start=(9, 9)), "outside"),
    ],
)  # fmt: skip
def test_expressions_that_are_none(call, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_nobody_imports_sympy_to_find_out() -> None:
    code = (
        "import sys, optviz as ov; ov.function(lambda x, y: x); assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- values on a grid ---------------------------------------------------------------------------


@given(
    st.lists(st.floats(-3, 3), min_size=16, max_size=16),
    st.integers(4, 9), st.integers(4, 9), st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_the_spline_is_exact_for_cubics(numbers, rows: int, columns: int, s: float, t: float):
    """A not-a-knot spline reproduces cubic polynomials, and their slopes with them."""
    assume(any(numbers[1:]))  # values that are all one number are refused
    c = np.array(numbers).reshape(4, 4)
    bounds = ((-1.0, 2.0), (0.5, 1.5))
    xs, ys = np.linspace(-1, 2, columns), np.linspace(0.5, 1.5, rows)
    f = ov.function(np.polynomial.polynomial.polygrid2d(xs, ys, c).T, bounds=bounds)
    x, y = -1 + 3 * s, 0.5 + t
    poly = np.polynomial.polynomial
    assert f(x, y) == pytest.approx(poly.polyval2d(x, y, c), rel=1e-9, abs=1e-8)
    slopes = [poly.polyval2d(x, y, poly.polyder(c, axis=axis)) for axis in (0, 1)]
    np.testing.assert_allclose(f.gradient(x, y), slopes, rtol=1e-8, atol=1e-7)


def test_a_row_has_one_y_and_outside_is_nothing() -> None:
    z = np.arange(12.0).reshape(3, 4)  # rises by 1 along x, by 4 along y
    f = ov.function(z)
    assert f.bounds == ((0.0, 3.0), (0.0, 2.0))
    assert (f(2, 1), f.gradient(1.5, 0.5).round(12).tolist()) == (pytest.approx(6.0), [1.0, 4.0])
    np.testing.assert_allclose(f(*np.meshgrid(np.arange(4), np.arange(3))), z, atol=1e-12)
    assert np.isnan(f(3.1, 1)), "no value is made up outside the grid"
    assert np.isnan(f.gradient(1, -0.1)).all()
    t = ov.minimize(f, ov.SGD(lr=0.5), start=(2, 1), steps=9)
    assert (t.outcome, len(t.points)) == ("diverged", 1), "it walks off the grid"


def test_a_grid_is_drawn_and_its_minimum_found() -> None:
    x, y = np.linspace(-5, 5, 41), np.linspace(-5, 5, 31)
    f = ov.function(x**2 / 20 + (y[:, None] - 1) ** 2, bounds=((-5, 5), (-5, 5)))
    np.testing.assert_allclose(f.minima, [[0, 1]], atol=1e-6)
    figure = ov.plot(ov.minimize(f, ov.Adam(lr=0.3), steps=20))
    assert figure.get_axes()[0].get_label() == "map"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros(5), r"of at least 2 × 2, a row for each y, not of shape \(5,\)"),
        (np.zeros((1, 5)), "at least 2 × 2"),
        (np.array([["a", "b"], ["c", "d"]]), "at least 2 × 2"),
        (np.array([[0.0, np.nan], [1.0, 2.0]]), "must be finite"),
    ],
)  # fmt: skip
def test_grids_that_are_none(values, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.function(values)
    with pytest.raises(ValueError, match=r"two pairs|must be two rising"):
        ov.function(np.zeros((3, 3)), bounds=((1, 0), 3))
    with pytest.raises(ValueError, match="leave gradient out"):
        ov.function(np.zeros((3, 3)), gradient=lambda x, y: (0, 0))


# -- automatic differentiation ------------------------------------------------------------------


def test_a_library_that_is_none() -> None:
    with pytest.raises(ValueError, match="'jax' or 'torch' for automatic differentiation"):
        ov.function(lambda x, y: x * y, gradient="tensorflow")
    with pytest.raises(ValueError, match="is for a Python function, not for 'bowl'"):
        ov.function("bowl", gradient="jax")


def test_a_library_that_is_missing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ValueError, match="pip install jax"):
        ov.function(lambda x, y: x * y, gradient="jax")


@pytest.mark.peers
@pytest.mark.parametrize("library", ["jax", "torch"])
def test_a_library_differentiates(library: str) -> None:
    m = pytest.importorskip("jax.numpy" if library == "jax" else "torch")

    def waves(x, y):
        return m.sin(x) * y**2

    f = ov.function(waves, gradient=library)
    assert f(0.3, 2.0) == pytest.approx(np.sin(0.3) * 4, rel=1e-15), "in float64"
    np.testing.assert_allclose(f.gradient(0.3, 2.0), [np.cos(0.3) * 4, np.sin(0.3) * 4], rtol=1e-15)
    assert (f.name, f(np.zeros((2, 3)), np.ones((2, 3))).shape) == ("waves", (2, 3))

    g = ov.function(lambda p: (p**2).sum() * p[0], n=4, gradient=library)
    np.testing.assert_allclose(g.gradient([1.0, 2, 3, 4]), [32, 4, 6, 8], rtol=1e-15)

    def bent(x, y):
        return x**2 if x > 0 else x * x + 3 * x

    h = ov.function(bent, gradient=library)
    assert h.gradient([1.0, -1.0], [5.0, 5.0]).tolist() == [[2.0, 1.0], [0.0, 0.0]]
