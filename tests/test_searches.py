"""Polyak's rate, line searches, Newton and conjugate gradients: beside the maths and SciPy."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import cg

import optviz as ov
from optviz.runs.descend import ground_of
from tests.catalogue import WALKERS

PLACES = st.tuples(st.floats(-4, 4), st.floats(-4, 4))


def himmelblau(p: Any) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian by hand."""
    x, y = p
    a, b = x * x + y - 11, x + y * y - 7
    slope = np.array([4 * x * a + 2 * b, 2 * a + 4 * y * b])
    hessian = np.array([[12 * x * x + 4 * y - 42, 4 * (x + y)],
                        [4 * (x + y), 12 * y * y + 4 * x - 26]])  # fmt: skip
    return a * a + b * b, slope, hessian


def rates(t: ov.Trajectory) -> list[float]:
    """Of a path along gradients, the rate of each step."""
    out = []
    for p, q in zip(t.points[:-1], t.points[1:], strict=True):
        _, g, _ = himmelblau(p)
        along = (p - q) @ g / (g @ g)
        np.testing.assert_allclose(p - along * g, q, rtol=1e-9, atol=1e-12)
        out.append(along)
    return out


@settings(max_examples=25)
@given(PLACES, st.floats(0.1, 1.9))
def test_polyaks_rate_is_made_of_what_is_left(start: Any, factor: float) -> None:
    t = ov.minimize("himmelblau", ov.Polyak(factor=factor), start=start, steps=30)
    p = np.array(start)
    for q in t.points[1:]:
        f, g, _ = himmelblau(p)
        np.testing.assert_allclose(q, p - factor * f / (g @ g) * g, rtol=1e-8, atol=1e-10)
        p = q


@settings(max_examples=25)
@given(PLACES, st.floats(0.01, 3), st.floats(0, 0.5), st.sampled_from([0.3, 0.5, 0.9]))
def test_armijos_rate_is_the_first_that_falls_enough(
    start: Any, lr: float, c1: float, shrink: float
) -> None:
    t = ov.minimize("himmelblau", ov.Armijo(lr=lr, c1=c1, shrink=shrink), start=start, steps=15)
    for p, rate in zip(t.points, rates(t), strict=False):
        f, g, _ = himmelblau(p)
        if rate == 0 or f < 1e-9:
            continue  # what is left is rounding
        k = round(np.log(rate / lr) / np.log(shrink))
        assert rate == pytest.approx(lr * shrink**k, rel=1e-6)
        assert himmelblau(p - rate * g)[0] <= f - c1 * rate * (g @ g) + 1e-9 * f
        if k:
            longer = rate / shrink
            assert himmelblau(p - longer * g)[0] > f - c1 * longer * (g @ g) - 1e-9 * f


@settings(max_examples=25)
@given(PLACES, st.sampled_from([(1e-4, 0.9), (1e-4, 0.1), (0.2, 0.4)]))
def test_wolfes_conditions_hold_after_every_step(start: Any, shares: tuple[float, float]) -> None:
    c1, c2 = shares
    t = ov.minimize("himmelblau", ov.Wolfe(c1=c1, c2=c2), start=start, steps=15)
    for p, rate in zip(t.points, rates(t), strict=False):
        f, g, _ = himmelblau(p)
        if rate == 0 or f < 1e-9:
            continue
        value, slope, _ = himmelblau(p - rate * g)
        assert value <= f - c1 * rate * (g @ g) + 1e-9 * f
        assert abs(slope @ g) <= c2 * (g @ g) * (1 + 1e-7)


@settings(max_examples=25)
@given(PLACES)
def test_newtons_step_solves_the_parabola(start: Any) -> None:
    t = ov.minimize("himmelblau", "newton:damped=false", start=start, steps=6)
    p = np.array(start)
    for q in t.points[1:]:
        _, g, hessian = himmelblau(p)
        if np.linalg.cond(hessian) > 1e5:
            return
        np.testing.assert_allclose(q, p - np.linalg.inv(hessian) @ g, rtol=1e-8, atol=1e-9)
        p = q
    damped = ov.minimize("himmelblau", "newton", start=start, steps=60)
    assert (np.diff(damped.values) <= 1e-12 * damped.values[:-1]).all(), "it never goes up"
    assert damped.values[-1] < 1e-12, "all its minima are 0, and it stops at nothing else"


def test_damped_newton_makes_its_hessian_positive() -> None:
    start = (0.5, -0.5)  # between the four minima, f curves down in both directions
    _, g, hessian = himmelblau(start)
    values, vectors = np.linalg.eigh(hessian)
    assert values[1] < 0
    shifted = vectors @ np.diag(values + 1e-3 * abs(values).max() - values[0]) @ vectors.T
    way = -np.linalg.solve(shifted, g)
    t = ov.minimize("himmelblau", "newton", start=start, steps=1)
    step = t.points[1] - t.points[0]
    share = np.log2(np.linalg.norm(way) / np.linalg.norm(step))
    assert share == pytest.approx(round(share), abs=1e-6), "halved so many times"
    np.testing.assert_allclose(step * 2 ** round(share), way, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 7, 30])
def test_conjugate_gradients_are_scipys_on_a_quadratic(n: int) -> None:
    f = ov.function(f"quadratic:n={n},condition=50")
    zero = np.zeros(n)
    matrix = np.column_stack([f.gradient(e) - f.gradient(zero) for e in np.eye(n)])
    start = np.random.default_rng(0).normal(size=n)
    theirs = [start]
    cg(matrix, -np.asarray(f.gradient(zero)), x0=start, rtol=1e-14, maxiter=n,
       callback=lambda x: theirs.append(x.copy()))  # fmt: skip
    t = ov.minimize(f, ov.ConjugateGradient(), start=start, steps=n)
    for ours, wanted in zip(t.points, theirs, strict=False):
        np.testing.assert_allclose(ours, wanted, atol=1e-6 * np.abs(start).max())
    assert t.values[-1] - f.minimum < 1e-10 * t.values[0]
    assert ov.minimize(f, "armijo", start=start, steps=n).values[-1] > 1e3 * t.values[-1]


@settings(max_examples=20)
@given(PLACES)
def test_directions_follow_polak_and_ribiere(start: Any) -> None:
    t = ov.minimize("himmelblau", ov.ConjugateGradient(), start=start, steps=8)
    p, before = None, None
    for k, place in enumerate(t.points[:-1]):
        f, g, hessian = himmelblau(place)
        step = t.points[k + 1] - place
        if f < 1e-8 or not np.any(step):
            return
        beta = 0.0 if before is None else max(0.0, g @ (g - before) / (before @ before))
        p = -g if p is None else -g + beta * p
        p = p if g @ p < 0 else -g
        rate = step @ p / (p @ p)
        np.testing.assert_allclose(step, rate * p, rtol=1e-5, atol=1e-9)
        curve = p @ hessian @ p
        first = -(g @ p) / curve if curve > 0 else 1.0
        share = np.log2(first / rate)
        assert share == pytest.approx(round(share), abs=1e-4)
        before = g


@pytest.mark.parametrize("name", WALKERS)
def test_evaluations_are_counted(name: str) -> None:
    f = ov.function("beale")
    ground = ground_of(f)
    calls = {"value": 0, "slope": 0, "curvature": 0}

    def counting(what: str) -> Any:
        made = getattr(ground, what)

        def call(x: np.ndarray) -> Any:
            calls[what] += 1
            return made(x)

        return call

    seen = [(name_, counting(name_)) for name_ in calls]
    for name_, call in seen:
        setattr(ground, name_, call)
    points, counts = ov.optimizers[name]().walk(ground, np.array([1.0, 1.5]), 12)
    assert len(points) == len(counts) > 6
    assert (np.diff(counts) > 0).all()
    wanted = max(calls["value"], calls["slope"] + 2 * calls["curvature"])
    # Who ends has looked once more, and found it flat.
    assert counts[-1] == wanted - (len(points) < 13)


@pytest.mark.parametrize("name", WALKERS)
@pytest.mark.parametrize("on", ["himmelblau", "rosenbrock:n=4", "log(x**2 + y**2 + 1)"])
def test_they_go_wherever_paths_go(name: str, on: str) -> None:
    f = ov.function(on)
    starts = np.random.default_rng(2).uniform(-2, 2, (4, f.n))
    s = ov.sweep(f, name, starts, steps=50)
    for k, start in enumerate(starts):
        t = ov.minimize(f, name, start=start, steps=50)
        np.testing.assert_array_equal(s.final[k], t.points[-1])
        assert s.steps_taken[k] == len(t.points) - 1
    assert ov.parse_optimizer(ov.optimizers[name]().spec()).spec() == ov.optimizers[name]().spec()


def test_what_is_not_for_them_has_a_line() -> None:
    with pytest.raises(ValueError, match="is made of f\\*, and this function's is not known"):
        ov.minimize("x**3 + sin(9*x*y)", ov.Polyak(), steps=5)
    with pytest.raises(ValueError, match=r"c2 must be larger than c1 = 0\.5, not 0\.2"):
        ov.Wolfe(c1=0.5, c2=0.2)
    with pytest.raises(ValueError, match="makes its own way: noise"):
        ov.minimize("bowl", ov.Newton(), noise=0.1)
    net = ov.nn.MLP((2, 3, 2), rng=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="newton evaluates the function within its steps"):
        net.fit(np.zeros((4, 2)), np.array([0, 1, 0, 1]), ov.Newton(), epochs=1)
    np.testing.assert_array_equal(net.parameters, before)
    with pytest.raises(ValueError, match="Newton has no learning rate"):
        ov.tune("bowl", ov.Newton())
    with pytest.raises(ValueError, match="newton evaluates the function"):
        ov.explain("bowl", ov.Newton(), steps=3)


def test_flat_ground_ends_a_search_and_a_wall_leaves_it_where_it_is() -> None:
    t = ov.minimize("bowl", ov.Newton(), start=(0.0, 0.0), steps=5)
    assert len(t.points) == 1

    # f has no value below 0: no step downhill from the edge is short enough.
    def wall(x: float, y: float) -> float:
        return x if x >= 0 else float("nan")

    f = ov.function(wall, gradient=lambda x, y: (1.0, 0.0))
    t = ov.minimize(f, ov.Armijo(), start=(0.0, 1.0), steps=5)
    np.testing.assert_array_equal(t.points, [(0.0, 1.0)] * 6)
    flat = ov.minimize("x**4 + 0*y", "newton:damped=false", start=(1, 1), steps=5)
    assert flat.diverged_at == 1, "the Hessian is singular"


def test_the_tuned_rate_of_armijo_is_a_rate_like_others() -> None:
    found = ov.tune("rosenbrock", ov.Armijo(), steps=40)
    assert found.best.lr in found.rates


def test_their_pictures_say_what_they_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "optviz", "plot", "newton", "conjugate-gradient", "armijo:lr=1",
         "--on", "beale", "--steps", "20", "-o", "a.png"],
        capture_output=True, text=True, check=False, cwd=__import__("tempfile").mkdtemp(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.peers
def test_polyaks_steps_are_optaxs() -> None:
    import jax
    import jax.numpy as jnp
    import optax

    with jax.enable_x64(True):
        rule = optax.polyak_sgd(max_learning_rate=1e9)
        x = jnp.asarray([1.0, 1.5])
        state = rule.init(x)
        f = jax.jit(lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2)
        t = ov.minimize("himmelblau", ov.Polyak(), start=(1.0, 1.5), steps=30)
        for place in t.points[1:]:
            updates, state = rule.update(jax.grad(f)(x), state, x, value=f(x))
            x = optax.apply_updates(x, updates)
            np.testing.assert_allclose(place, x, rtol=1e-10)
