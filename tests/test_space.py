"""Functions of n coordinates: families against their published sums, walks against plain loops."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize
from scipy.special import expit

import optviz as ov
from optviz.functions.families import FAMILIES
from optviz.functions.regressions import logistic_data, outliers_data
from optviz.functions.space import SpaceFunction
from optviz.shared.spec import SpecError
from optviz.studies.files import from_json


def published(name: str, x: np.ndarray) -> float:
    """The sums as their papers and surveys print them, in plain Python."""
    n = len(x)
    w = [1 + (v - 1) / 4 for v in x]
    s = sum(0.5 * i * v for i, v in enumerate(x, start=1))
    match name:
        case "sphere":
            return sum(v**2 for v in x)
        case "quadratic":
            return 0.5 * sum(100 ** (i / (n - 1)) * v**2 for i, v in enumerate(x))
        case "rosenbrock":
            return sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))
        case "rastrigin":
            return 10 * n + sum(v**2 - 10 * math.cos(2 * math.pi * v) for v in x)
        case "ackley":
            far = math.sqrt(sum(v**2 for v in x) / n)
            near = sum(math.cos(2 * math.pi * v) for v in x) / n
            return -20 * math.exp(-0.2 * far) - math.exp(near) + 20 + math.e
        case "styblinski-tang":
            return sum(v**4 - 16 * v**2 + 5 * v for v in x) / 2
        case "levy":
            middle = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
            last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
            return math.sin(math.pi * w[0]) ** 2 + middle + last
        case "zakharov":
            return sum(v**2 for v in x) + s**2 + s**4
        case "dixon-price":
            rest = sum(i * (2 * x[i - 1] ** 2 - x[i - 2]) ** 2 for i in range(2, n + 1))
            return (x[0] - 1) ** 2 + rest
        case "outliers":
            features, targets = outliers_data(n)
            off = [a @ x - b for a, b in zip(features, targets, strict=True)]
            return sum(math.sqrt(1 + r**2) - 1 for r in off) / len(off)
        case "logistic":
            features, signs = logistic_data(n)
            margins = [y * (a @ x) for a, y in zip(features, signs, strict=True)]
            ridge = 0.005 * sum(v**2 for v in x)
            return sum(np.logaddexp(0, -m) for m in margins) / len(margins) + ridge
        case "linear-network":
            size = math.isqrt(n // 3)
            first, second, third = x.reshape(3, size, size)
            wanted = np.diag(np.geomspace(1, 0.01, size))
            return 0.5 * float(np.square(third @ second @ first - wanted).sum())
    raise AssertionError(f"{name} has no published sum here")


def sizes(name: str) -> list[int]:
    """Numbers of coordinates that a family has."""
    return [3, 12, 27] if name == "linear-network" else [2, 3, 5, 9, 12]


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_families_are_the_published_sums(name: str, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from(sizes(name)))
    f = ov.function(f"{name}:n={n}")
    low, high = f.bounds[0]
    x = np.array(data.draw(st.lists(st.floats(low, high), min_size=n, max_size=n)))
    expected = published(name, x)
    assert f(x) == pytest.approx(expected, rel=1e-12, abs=1e-10)
    # The gradient against differences of the published sum, in steps that suit its size.
    h = 1e-5
    slopes = [
        (published(name, x + h * e) - published(name, x - h * e)) / (2 * h) for e in np.eye(n)
    ]
    scale = 1 + np.abs(slopes).max() + abs(expected)
    if name != "ackley" or np.abs(x).max() > 0.01:  # there the cone has a tip
        np.testing.assert_allclose(f.gradient(x), slopes, atol=2e-5 * scale)


@pytest.mark.parametrize(("name", "n"), [(name, n) for name in FAMILIES for n in sizes(name)])
def test_minima_are_minima(name: str, n: int) -> None:
    f = ov.function(f"{name}:n={n}")
    assert len(f.minima) == (2 if name == "dixon-price" else 1)
    np.testing.assert_allclose(f(f.minima), f.minimum, atol=1e-12 * n)
    np.testing.assert_allclose(f.gradient(f.minima), 0, atol=1e-13 * n)
    near = f.minima[:, None] + 1e-3 * np.random.default_rng(0).normal(size=(50, n))
    assert (f(near) > f.minimum).all()
    assert f.contains(np.array(f.start))
    assert not f.is_searched


@pytest.mark.parametrize("n", [2, 20])
def test_what_is_fitted_to_data_is_as_scipy_fits_it(n: int) -> None:
    features, targets = outliers_data(n)
    assert (np.abs(targets - features.sum(axis=1)) > 0.11).mean() == pytest.approx(0.1, abs=0.05)
    found = least_squares(lambda p: features @ p - targets, np.zeros(n), loss="soft_l1",
                          xtol=1e-15, ftol=1e-15, gtol=1e-15)  # fmt: skip
    f = ov.function(f"outliers:n={n}")
    np.testing.assert_allclose(f.minima[0], found.x, atol=1e-6)
    assert f.minimum == pytest.approx(found.cost / len(targets), rel=1e-12)
    features, signs = logistic_data(n)
    assert 0.4 <= (signs > 0).mean() <= 0.6
    best = minimize(
        lambda p: np.logaddexp(0, -signs * (features @ p)).mean() + 0.005 * p @ p, np.zeros(n),
        jac=lambda p: 0.01 * p - features.T @ (signs * expit(-signs * (features @ p))) / len(signs),
        method="BFGS", options={"gtol": 1e-12},
    )  # fmt: skip
    f = ov.function(f"logistic:n={n}")
    np.testing.assert_allclose(f.minima[0], best.x, atol=1e-7)
    assert f.minimum == pytest.approx(best.fun, rel=1e-13)


def test_sizes_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="three times a square, such as 12, 27, not 20"):
        ov.function("linear-network:n=20")
    with pytest.raises(ValueError, match=r"logistic: n must be a whole number from 2 to 1,000"):
        ov.function("logistic:n=1001")


@pytest.mark.parametrize("name", sorted(set(FAMILIES) & set(ov.functions)))
def test_two_of_n_dimensions_are_the_plane(name: str) -> None:
    plane, space = ov.function(name), ov.function(f"{name}:n=2")
    points = np.random.default_rng(0).uniform(-2, 2, (40, 2))
    np.testing.assert_allclose(space(points), plane(*points.T), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        space.gradient(points), plane.gradient(*points.T).T, rtol=1e-11, atol=1e-11
    )
    for optimizer in ("adam:lr=0.01", "sgd:lr=0.0001"):
        start = points[0]
        a, b = (ov.minimize(f, optimizer, start=start, steps=20).points for f in (plane, space))
        np.testing.assert_allclose(a, b, atol=1e-10)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RAdam", "FTRL"])
def test_a_path_is_what_a_loop_of_updates_makes(kind: str) -> None:
    f = ov.function("rosenbrock:n=6")
    optimizer = ov.optimizers[kind.lower()](lr=0.001)
    t = ov.minimize(f, optimizer, steps=30)
    params, own = {"x": np.array(f.start)}, optimizer.fresh()
    for point in t.points[1:]:
        own.update(params, {"x": f.gradient(params["x"])})
        np.testing.assert_allclose(params["x"], point, rtol=1e-12)
    np.testing.assert_array_equal(t.values, f(t.points))


@pytest.mark.parametrize("text", ["rosenbrock:n=10", "rastrigin:n=7", "quadratic:n=600"])
@pytest.mark.parametrize("optimizer", ["adam:lr=0.05", "sgd:lr=1", "sgd:lr=0.003"])
def test_sweeps_are_many_paths(text: str, optimizer: str) -> None:
    f = ov.function(text)
    starts = np.random.default_rng(1).uniform(-1.5, 1.5, (60, f.n))
    s = ov.sweep(f, optimizer, starts, steps=150, tol=1e-3)
    for k in (0, 31, 59):
        t = ov.minimize(f, optimizer, start=starts[k], steps=150, tol=1e-3)
        assert s.diverged[k] == (t.diverged_at is not None)
        assert s.converged[k] == (t.converged_at is not None)
        assert s.steps_taken[k] == (t.diverged_at or len(t.points) - 1)
        if not s.diverged[k]:
            np.testing.assert_array_equal(s.final[k], t.points[-1])


def test_noise_of_a_sweep_is_independent_in_each_coordinate() -> None:
    # x' = (1 − 2η) x − η ξ: its long-run deviation is η σ / √(1 − (1 − 2η)²).
    s = ov.sweep("sphere:n=5", "sgd:lr=0.1", np.ones((1, 5)), steps=200, noise=0.1, runs=4000,
                 tol=0.0)  # fmt: skip
    ends = s.final.reshape(-1, 5)
    np.testing.assert_allclose(ends.std(axis=0), 0.01 / np.sqrt(1 - 0.64), rtol=0.06)
    correlations = np.corrcoef(ends.T)[~np.eye(5, dtype=bool)]
    assert np.abs(correlations).max() < 0.07


def test_of_a_sweep_in_n_dimensions_tables_and_files_have_all(tmp_path) -> None:
    s = ov.sweep("dixon-price:n=3", "adam", np.array([[1, 1, 1.0], [1, 1, -1.0]]),
                 over={"lr": [0.01, 0.02]}, steps=3000)  # fmt: skip
    assert s.basin.tolist() == [[0, 1], [0, 1]]
    columns = s.columns()
    np.testing.assert_array_equal(columns["x3"], s.final[..., 2].ravel())
    np.testing.assert_array_equal(columns["start_x3"], [1, -1, 1, -1])
    again = ov.Sweep.load(s.save(tmp_path / "s.npz"))
    np.testing.assert_array_equal(again.final, s.final)
    assert again.function.formula == "dixon-price:n=3"


def test_tuning_and_ensembles_go_on_in_n_dimensions() -> None:
    # Gradient descent on a quadratic with curvatures from 1 to 100 is stable below 2/100.
    found = ov.tune("quadratic:n=20,condition=100", ov.SGD(), steps=100).best
    assert 0.01 < found.lr < 0.02
    t = ov.ensemble("sphere:n=4", "sgd:lr=0.1", runs=5, noise=0.1, steps=10)
    assert t.points.shape == (11, 4)
    assert t.band is not None
    np.testing.assert_array_equal(t.points, np.median(t.band.paths, axis=0))
    box = ov.minimize("zakharov:n=3", "sgd:lr=0.01", steps=5, box=True)
    assert box.function.contains(box.points).all()


def test_a_python_function_of_one_array() -> None:
    aim = np.arange(1.0, 6.0) / 2

    def mine(p: np.ndarray) -> float:
        p -= aim  # in place: the optimizer's point must not move
        return float((p**2).sum())

    f = ov.function(mine, n=5)
    g = ov.function(mine, n=5, gradient=lambda p: 2 * (p - aim))
    assert isinstance(f, SpaceFunction)
    p = np.array([0.3, -1, 2, 0, 1])
    np.testing.assert_allclose(f.gradient(p), 2 * (p - aim), rtol=1e-9)
    np.testing.assert_allclose(f.minima, [aim], atol=1e-6)
    assert f.is_searched
    assert f.minimum == pytest.approx(0, abs=1e-9)
    a, b = (ov.minimize(h, "momentum:lr=0.05", steps=40) for h in (f, g))
    np.testing.assert_allclose(a.points, b.points, atol=1e-8)
    np.testing.assert_allclose(f.hessian(p), 2 * np.eye(5), atol=1e-4)
    # What falls on over the edge has no minimum.
    assert ov.function(lambda p: float(p.sum()), n=3).minimum is None
    assert ov.tune(ov.function(lambda p: float(p.sum()), n=3), "sgd", steps=10, budget=11,
                   starts=2).best.lr > 0  # fmt: skip


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ov.function(lambda p: (p**2).sum()), r"ov.function\(f, n=10\)"),
        (lambda: ov.function(lambda p: p, n=3), "must give one number"),
        (lambda: ov.function(lambda x, y: x, n=3), "fails for p of 3 coordinates"),
        (lambda: ov.function(lambda p: p[0], n=1), "n must be a whole number from 2"),
        (lambda: ov.function("bowl", n=3), "a Python function of one array, or a family"),
        (lambda: ov.function("rosenbrock:n=3", n=4), "knows its n, 3"),
        (lambda: ov.function("rosenbrock:n=1"), "n must be a whole number from 2"),
        (lambda: ov.function("rosenbrock:n=two"), "n must be a whole number"),
        (lambda: ov.function("rosenbrock:m=3"), "has no setting 'm'"),
        (lambda: ov.function("quadratic:n=3,condition=0.5"), "condition must be a number from 1"),
        (lambda: ov.function("quadratic:condition=3"), "lacks its number of dimensions"),
        (lambda: ov.function("levy"), "levy:n=10"),
        (lambda: ov.function("sphere:n=3", bounds=((0, 1), (0, 1))), "bounds must be 3 pairs"),
        (lambda: ov.function("sphere:n=3", start=(1, 9, 1)), "coordinate 2 is 9"),
        (lambda: ov.function("sphere:n=3")(1, 2, 3), r"ov.slice\(f, origin, u, v\)"),
        (lambda: ov.function("sphere:n=3")([1, 2]), r"ov.slice\(f, origin, u, v\)"),
        (lambda: ov.minimize("sphere:n=3", "sgd", start=(1, 2)), "a point of a plane"),
        (lambda: ov.minimize("bowl", "sgd", start=(1, 2, 3)), "rosenbrock:n=3"),
        (lambda: ov.sweep("bowl", "sgd", np.ones((4, 3))), "rosenbrock:n=10"),
        (lambda: ov.sweep("sphere:n=3", "sgd", np.ones((4, 2))), "has 3 coordinates"),
        (
            lambda: ov.function(lambda p: (p**2).sum(), n=3, gradient=lambda p: -2 * p),
            "is wrong at .*gives −1 times",
        ),
        (
            lambda: ov.function(lambda p: (p**2).sum(), n=3, gradient=lambda p: p[:2]),
            r"must give 3 numbers.*shape \(2,\)",
        ),
    ],
)
def test_wrong_shapes_say_what_there_is(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_a_gradient_may_be_taken_as_it_is() -> None:
    f = ov.function(lambda p: (p**2).sum(), n=3, gradient=lambda p: -2 * p, check=False)
    assert f.gradient([1.0, 0, 0])[0] == -2
    # Kinks are no mistakes.
    ov.function(lambda p: np.abs(p).sum(), n=3, gradient=np.sign)


def test_no_specification_names_a_function_in_python() -> None:
    text = ov.study("plot").to_json().replace('"on": "bowl"', '"on": "os:system"')
    with pytest.raises(SpecError, match="is a Python function"):
        from_json(text)
