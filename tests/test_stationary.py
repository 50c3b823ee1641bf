"""Minima and saddles are all found, each against a computation of its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, root
from scipy.spatial import cKDTree

import optviz as ov
from optviz.functions.base import Function
from optviz.functions.proof import zeros_of_gradient
from optviz.functions.stationary import stationary_points


def assert_same_points(found, expected, tol: float) -> None:
    found, expected = (np.reshape(points, (-1, 2)) for points in (found, expected))
    assert len(found) == len(expected)
    if len(found):
        distance, partner = cKDTree(found).query(expected)
        assert distance.max() < tol
        assert len(set(partner)) == len(found)


def all_round(f: Function, point, radius: float) -> np.ndarray:
    """f on a circle, less f at its middle."""
    angles = np.linspace(0, 2 * np.pi, 400)
    x, y = point
    return f(x + radius * np.cos(angles), y + radius * np.sin(angles)) - f(x, y)


# -- separable functions: by one variable ---------------------------------------------------

#: h where f(x, y) = h(x) + h(y), but for a constant, its slope, and where that has a kink.
SEPARABLE = {
    "rastrigin": (lambda t: t**2 - 10 * np.cos(2 * np.pi * t),
                  lambda t: 2 * t + 20 * np.pi * np.sin(2 * np.pi * t), None),
    "styblinski-tang": (lambda t: (t**4 - 16 * t**2 + 5 * t) / 2,
                        lambda t: 2 * t**3 - 16 * t + 2.5, None),
    "schwefel": (lambda t: -t * np.sin(np.sqrt(abs(t))),
                 lambda t: -np.sin(np.sqrt(abs(t))) - np.sqrt(abs(t)) * np.cos(np.sqrt(abs(t))) / 2,
                 0.0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("rastrigin", None),
        ("rastrigin", ((-1.3, 6.2), (-2.7, 0.4))),
        ("styblinski-tang", None),
        ("styblinski-tang", ((-10, 10), (-7, 9))),
        ("schwefel", None),
        ("schwefel", ((-1000, 900), (-30, 700))),
    ],
)
def test_separable_functions_have_all_pairs_of_turning_points(name: str, bounds) -> None:
    h, slope, kink = SEPARABLE[name]
    f = ov.function(name, bounds=bounds)
    turning = []
    for low, high in f.bounds:
        grid = np.linspace(low, high, 20_010)
        places = [brentq(slope, a, b, xtol=1e-13)
                  for a, b in itertools.pairwise(grid) if slope(a) * slope(b) < 0]  # fmt: skip
        places = [t for t in places if kink is None or abs(t - kink) > 1e-6]
        step = 1e-4 * (high - low)
        rises = [h(t - step) > h(t) < h(t + step) for t in places]
        turning.append((
            [t for t, lowest in zip(places, rises, strict=True) if lowest],
            [t for t, lowest in zip(places, rises, strict=True) if not lowest],
        ))  # fmt: skip
    (x_low, x_high), (y_low, y_high) = turning
    found = stationary_points(f)
    assert found.is_complete
    size = f.bounds[0][1] - f.bounds[0][0]
    assert_same_points(found.minima, list(itertools.product(x_low, y_low)), 1e-9 * size)
    saddles = [*itertools.product(x_low, y_high), *itertools.product(x_high, y_low)]
    assert_same_points(found.saddles, saddles, 1e-9 * size)
    if (name, bounds) == ("schwefel", None):
        # Inflections were taken for minima, and those with this coordinate were missed.
        assert np.any(np.abs(found.minima - 5.239199) < 1e-6)


# -- by a fine grid -------------------------------------------------------------------------


def dents(f: Function, count: int = 801) -> np.ndarray:
    """The local minima of a grid, each polished by SciPy and kept if it stayed near."""
    # It goes on a little beyond the bounds, near which there may be minima.
    low, high = np.array(f.bounds).T
    more = 0.01 * (high - low)
    x, y = np.linspace(low - more, high + more, count).T
    z = f(x[:, None], y[None, :])
    inner, n = z[1:-1, 1:-1], count - 1
    around = [z[i : n + i - 1, j : n + j - 1] for i in range(3) for j in range(3) if i * j != 1]
    out = np.empty((0, 2))
    for i, j in np.argwhere(np.all([inner <= a for a in around], axis=0)) + 1:
        start = np.array([x[i], y[j]])
        solved = root(lambda p: f.gradient(*p), start, jac=lambda p: f.hessian(*p), tol=1e-13).x
        # Of a slanted valley a grid sees dents that are none.
        is_minimum = np.linalg.eigvalsh(f.hessian(*solved))[0] > 0
        is_inside = np.all((low <= solved) & (solved <= high))
        is_here = is_inside and np.abs(solved - start).max() < 0.04
        if is_minimum and is_here and not near(solved, out):
            out = np.vstack([out, solved])
    return out


def near(point, others) -> bool:
    return bool(len(others)) and bool(np.hypot(*(others - point).T).min() < 1e-6)


def test_levy13_has_all_1179_minima() -> None:
    """The outermost are so shallow that a grid passes over them; Newton's method does not."""
    f = ov.function("levy13")
    found = stationary_points(f)
    assert found.is_complete
    side = np.linspace(-10.01, 10.01, 500)
    p = np.stack(np.meshgrid(side, side)).reshape(2, -1)
    for _ in range(12):
        slope, hessian = f.gradient(*p), np.moveaxis(f.hessian(*p), 2, 0)
        with np.errstate(all="ignore"):
            p = p - np.linalg.solve(hessian, slope.T[:, :, None])[:, :, 0].T
    p = p[:, (np.abs(p).max(axis=0) <= 10) & (np.hypot(*f.gradient(*p)) < 1e-9)]
    p = p[:, np.linalg.eigvalsh(np.moveaxis(f.hessian(*p), 2, 0))[:, 0] > 0]
    expected = np.unique(p.T.round(7), axis=0)
    assert len(expected) == 1179
    assert_same_points(found.minima, expected, 1e-6)


@pytest.mark.parametrize(
    ("name", "minima", "saddles"),
    [
        ("himmelblau", 4, 4), ("six-hump-camel", 6, 7), ("three-hump-camel", 3, 2),
        ("griewank", 17, 24), ("branin", 3, 2), ("goldstein-price", 4, 4), ("mccormick", 2, 1),
        ("beale", 1, 2), ("rosenbrock", 1, 0), ("saddle", 0, 1), ("monkey-saddle", 0, 0),
        ("ackley", 121, 220),
    ],
)  # fmt: skip
def test_counts(name: str, minima: int, saddles: int) -> None:
    f = ov.function(name)
    found = stationary_points(f)
    assert found.is_complete
    assert (len(found.minima), len(found.saddles)) == (minima, saddles)
    polished = dents(f) if name != "ackley" else np.empty((0, 2))
    if len(polished):
        assert_same_points(found.minima, polished, 1e-7)
    diagonal = np.hypot(*np.ptp(f.bounds, axis=1))
    for point in found.minima:
        assert all_round(f, point, 1e-3 * diagonal).min() > 0
    for point in found.saddles:
        height = all_round(f, point, 1e-3 * diagonal)
        assert height.min() < 0 < height.max()


@pytest.mark.parametrize("name", sorted(ov.functions))
def test_of_the_catalogue_only_what_has_kinks_along_curves_may_be_incomplete(name: str) -> None:
    assert stationary_points(ov.functions[name]).is_complete == (
        name not in ("eggholder", "bukin6")
    )


# -- by the winding number ------------------------------------------------------------------


def winding(f: Function, count: int = 4000) -> int:
    """How often the gradient turns along the edge of the bounds: minima and maxima less saddles."""
    (x0, x1), (y0, y1) = f.bounds
    t = np.linspace(0, 1, count, endpoint=False)
    x = np.concatenate([x0 + (x1 - x0) * t, x1 + 0 * t, x1 - (x1 - x0) * t, x0 + 0 * t])
    y = np.concatenate([y0 + 0 * t, y0 + (y1 - y0) * t, y1 + 0 * t, y1 - (y1 - y0) * t])
    angle = np.arctan2(*f.gradient(x, y)[::-1])
    turns = np.diff(np.append(angle, angle[0]))
    turns -= 2 * np.pi * np.round(turns / (2 * np.pi))
    assume(np.abs(turns).max() < 1)
    return round(turns.sum() / (2 * np.pi))


@settings(max_examples=40)
@given(
    st.lists(st.integers(-40, 40), min_size=10, max_size=10),
    st.sampled_from(["", "sin(2*x - y)", "exp(x*y/9)*cos(3*y)", "x*cos(y + x**2/5)"]),
)
def test_zeros_of_random_gradients_have_the_index_of_the_edge(factors, wave: str) -> None:
    powers = [(i, j) for i in range(4) for j in range(4 - i)]
    terms = [f"{c / 10}*x**{i}*y**{j}" for c, (i, j) in zip(factors, powers, strict=True) if c]
    f = ov.function("+".join([*terms, wave] if wave else terms) or "x", bounds=((-3, 2.9), (-2, 3)))
    zeros = zeros_of_gradient(f)
    assume(not zeros.low.size)
    index = winding(f)
    (a, b), (_, d) = f.hessian(*zeros.points.T)
    assert np.sign(a * d - b * b).sum() == index


# -- planted points -------------------------------------------------------------------------

ROOTS = st.lists(st.integers(-11, 11), min_size=1, max_size=4, unique=True)


@pytest.mark.slow
@settings(max_examples=30)
@given(ROOTS, ROOTS, st.integers(-4, 4), st.booleans())
def test_planted_points_are_found(us, vs, shear: int, is_swapped: bool) -> None:
    """f = P(x + sy) + Q(y), whose slopes vanish where they are told to."""
    u = [0.25 * k + 0.01 for k in sorted(us)]
    v = [0.25 * k - 0.02 for k in sorted(vs)]
    s, (x, y) = shear / 4, ("y", "x") if is_swapped else ("x", "y")
    text = []
    for turning, name in ((u, f"({x} + {s}*{y})"), (v, y)):
        primitive = np.polyint(np.poly(turning))[::-1]
        text += [f"{float(c)!r}*{name}**{k}" for k, c in enumerate(primitive) if k]
    f = ov.function(" + ".join(text), bounds=((-3.3, 3.2), (-3.1, 3.4)))
    low, high = np.array(f.bounds).T
    minima, saddles = [], []
    for (i, a), (j, b) in itertools.product(enumerate(reversed(u)), enumerate(reversed(v))):
        # From the last one back, slopes rise and fall in turn.
        point = np.array([a - s * b, b])[:: -1 if is_swapped else 1]
        assume(np.abs(point - [low, high]).min() > 1e-6)
        if np.all((point > low) & (point < high)):
            if i % 2 == j % 2 == 0:
                minima.append(point)
            elif i % 2 != j % 2:
                saddles.append(point)
    found = stationary_points(f)
    assert found.is_complete
    assert_same_points(found.minima, minima, 1e-6)
    assert_same_points(found.saddles, saddles, 1e-6)


# -- kinks, valleys, Python functions -------------------------------------------------------


def test_kinks_and_singular_points_are_minima_if_f_is_higher_all_round() -> None:
    found = stationary_points(ov.function("abs(abs(x) - 1) + abs(y - 1/3) + x/10"))
    assert found.is_complete
    assert_same_points(found.minima, [(-1, 1 / 3), (1, 1 / 3)], 1e-9)
    two_flat = "(x**2 - 1)**4 + y**4 + x/1000*(x + 1)"
    found = stationary_points(ov.function(two_flat, bounds=((-2, 2), (-2, 2))))
    assert len(found.minima) == 2
    for text in ("x**3 + y**2", "x**3 - 3*x*y**2", "x*abs(x) + y**2", "-(x**4) - y**4"):
        found = stationary_points(ov.function(text))
        assert (len(found.minima), len(found.saddles), found.is_complete) == (0, 0, True)


@pytest.mark.parametrize("text", ["x**2", "(x**2 + y**2 - 4)**2", "abs(x - y)", "bukin6"])
def test_a_list_that_may_lack_something_says_so(text: str) -> None:
    found = stationary_points(ov.function(text))
    assert not found.is_complete
    assert len(found.minima) == 1


def test_what_is_listed_without_proof_is_true() -> None:
    f = ov.function("eggholder")
    found = stationary_points(f)
    local = found.minima[len(f.minima) :]
    assert len(local) > 50
    for point in local:
        assert all_round(f, point, 0.2).min() > 0
    for point in found.saddles:
        height = all_round(f, point, 0.2)
        assert height.min() < 0 < height.max()


def test_a_python_function_has_the_minima_of_its_formula() -> None:
    def camel(x, y):
        return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2

    known = ov.function("six-hump-camel")
    found = stationary_points(ov.function(camel, bounds=known.bounds))
    expected = stationary_points(known)
    assert not found.is_complete
    assert_same_points(found.minima, expected.minima, 1e-5)
    assert_same_points(found.saddles, expected.saddles, 1e-5)


def test_inflections_of_a_python_function_are_no_minima() -> None:
    def schwefel(x, y):
        return -x * np.sin(np.sqrt(abs(x))) - y * np.sin(np.sqrt(abs(y)))

    f = ov.function(schwefel, bounds=((-500, 500), (-500, 500)))
    found = stationary_points(f)
    expected = stationary_points(ov.function("schwefel"))
    for points, true in ((found.minima, expected.minima), (found.saddles, expected.saddles)):
        assert len(points) > 30
        assert cKDTree(true).query(points)[0].max() < 1e-3


def test_a_minimum_on_the_bounds_is_found_once() -> None:
    for bounds in (((-2, 5), (0, 3)), ((-7, -2), (-3, 0)), ((-2, 2), (-1, 1))):
        found = stationary_points(ov.function("(x**2 - 4)**2 + y**2", bounds=bounds))
        inside = [(x, 0) for x in (-2, 2) if bounds[0][0] <= x <= bounds[0][1]]
        assert_same_points(found.minima, inside, 1e-9)
