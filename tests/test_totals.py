"""Rules that sum over an array, against plain NumPy, and beside runs and arrays of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import optviz as ov
from optviz.optimizers.rule import RuleError, kernel_source, total


class Normalised(ov.Optimizer):
    """Gradient descent with steps of one length."""

    defaults = {"lr": 0.1}

    @staticmethod
    def rule(x, g, lr):
        return x - lr * g / (np.sqrt(total(g**2)) + 1e-30)


class Trust(ov.Optimizer):
    """LAMB: You et al. (2020), Large Batch Optimization for Deep Learning, algorithm 2."""

    defaults = {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.01}

    @staticmethod
    def rule(x, g, m, v, lr, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1_t) / (np.sqrt(v / (1 - beta2_t)) + eps) + weight_decay * x
        size = np.sqrt(total(x**2))
        way = np.sqrt(total(r**2))
        trust = size / way if size > 0 and way > 0 else 1
        return x - lr * trust * r, m, v


class BarzilaiBorwein(ov.Optimizer):
    """Barzilai and Borwein (1988), equation 5; the first step has the rate."""

    defaults = {"lr": 0.01}

    @staticmethod
    def rule(x, g, p, q, t, lr):
        along = total((x - p) * (g - q))
        step = total((x - p) ** 2) / along if t > 1 and along > 0 else lr
        return x - step * g, x, g


class Centred(ov.Optimizer):
    """Without the mean of the gradient."""

    defaults = {"lr": 0.1}

    @staticmethod
    def rule(x, g, lr):
        return x - lr * (g - ov.total(g) / ov.total(1))


def trust_by_hand(x: np.ndarray, grads: list[np.ndarray], lr: float) -> np.ndarray:
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + 0.01 * x
        size, way = np.linalg.norm(x), np.linalg.norm(r)
        x = x - lr * (size / way if size > 0 and way > 0 else 1) * r
    return x


@given(hnp.arrays(float, st.integers(1, 12), elements=st.floats(-5, 5)), st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_a_trust_ratio_is_that_of_the_array(x: np.ndarray, steps: int) -> None:
    rng = np.random.default_rng(0)
    grads = [rng.normal(size=x.shape) for _ in range(steps)]
    params, optimizer = {"x": x.copy()}, Trust(lr=0.1)
    for g in grads:
        optimizer.update(params, {"x": g})
    np.testing.assert_allclose(params["x"], trust_by_hand(x, grads, 0.1), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 500_000])
def test_large_arrays_are_summed_whole(dtype: str, size: int) -> None:
    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=size).astype(dtype) for _ in range(2))
    params = {"a": x.copy(), "b": x[:2].copy()}
    Normalised(lr=0.5).update(params, {"a": g, "b": g[:2]})
    for key, n in (("a", size), ("b", 2)):
        slope = g[:n].astype(float)
        wanted = x[:n] - 0.5 * slope / np.linalg.norm(slope)
        atol = 1e-7 if dtype == "float32" else 1e-15
        np.testing.assert_allclose(params[key], wanted, rtol=2e-6, atol=atol)


def test_steps_of_one_length() -> None:
    t = ov.minimize("beale", Normalised(lr=0.05), steps=20)
    np.testing.assert_allclose(np.linalg.norm(np.diff(t.points, axis=0), axis=1), 0.05, rtol=1e-9)


def test_a_mean_is_a_total_by_the_number_of_coordinates() -> None:
    params = {"x": np.array([1.0, 2.0, 6.0])}
    Centred(lr=1.0).update(params, {"x": np.array([3.0, 0.0, 0.0])})
    np.testing.assert_allclose(params["x"], [-1, 3, 7])


def test_barzilai_and_borwein_solve_a_quadratic_soon() -> None:
    f = ov.function("quadratic:n=20,condition=100")
    t = ov.minimize(f, BarzilaiBorwein(lr=0.01), steps=120)
    assert t.values[-1] < 1e-10 < ov.minimize(f, "sgd:lr=0.0198", steps=120).values[-1]
    # Each step by hand.
    for k in range(1, 10):
        s = t.points[k] - t.points[k - 1]
        y = f.gradient(t.points[k]) - f.gradient(t.points[k - 1])
        wanted = t.points[k] - (s @ s) / (s @ y) * f.gradient(t.points[k])
        np.testing.assert_allclose(t.points[k + 1], wanted, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("on", ["himmelblau", "rosenbrock:n=4"])
def test_runs_of_a_sweep_do_not_see_each_other(on: str) -> None:
    f = ov.function(on)
    starts = np.random.default_rng(1).uniform(-2, 2, (37, f.n))
    s = ov.sweep(f, Trust(), starts, over={"lr": [0.001, 0.02]}, steps=60)
    for row, rate in enumerate((0.001, 0.02)):
        for k in (0, 20, 36):
            t = ov.minimize(f, Trust(lr=rate), start=starts[k], steps=60)
            np.testing.assert_allclose(s.final[row, k], t.points[-1], rtol=1e-9)


def test_seeds_of_the_suite_do_not_see_each_other() -> None:
    from optviz.bench.problems import problem

    made = problem("rosenbrock:n=3")
    (both,) = made.runs(Trust(), [{"lr": 0.02}], [0, 1], 30)
    (alone,) = made.runs(Trust(), [{"lr": 0.02}], [1], 30)
    np.testing.assert_array_equal(both.values[1], alone.values[0])


def test_a_network_is_stepped_array_by_array() -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
    net, other = (ov.nn.MLP((3, 4, 2), rng=0) for _ in range(2))
    net.fit(x, y, Trust(lr=0.05), epochs=1, batch_size=20, rng=0)
    optimizer, params, grads, plain = Trust(lr=0.05), {}, {}, []
    order = np.random.default_rng(0).permutation(20)
    other.step_gradient(x[order], other.loss_function.targets(y[order], 2, np.float32))
    for k, layer in enumerate(other.layers):
        for name, value in layer.params.items():
            params[f"{k}{name}"], grads[f"{k}{name}"] = value, layer.grads[name]
            plain += [f"{k}{name}"] if name == "b" else []
    optimizer.update(params, grads, undecayed=plain)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-6)


def test_a_total_from_around_the_rule_is_one_too() -> None:
    from optviz import total as summed_up

    total = summed_up

    class Inner(ov.Optimizer):
        defaults = {"lr": 0.1}

        @staticmethod
        def rule(x, g, lr):
            return x - lr * g / (np.sqrt(total(g**2)) + 1e-30)

    assert not Inner().is_elementwise
    assert ov.Adam().is_elementwise
    t = ov.minimize("beale", Inner(lr=0.05), steps=5)
    np.testing.assert_allclose(np.linalg.norm(np.diff(t.points, axis=0), axis=1), 0.05, rtol=1e-9)


def test_the_others_are_what_they_were() -> None:
    for name, kind in ov.optimizers.items():
        for convention in kind.defaults:
            assert kind(convention=convention).is_elementwise, name
    assert not Trust().is_elementwise
    source = kernel_source(Normalised().rule, ("lr",))
    assert source.count("for _i in range(_x.size):") == 2


def _two(x, g, lr):
    return x - lr * total(g, x)


@pytest.mark.parametrize(
    ("rule", "said"),
    [(_two, "total takes one expression")],
)
def test_what_is_no_total_has_a_line(rule: Any, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        kernel_source(rule, ("lr", "beta1", "beta2", "eps", "weight_decay"))


@pytest.mark.peers
def test_the_trust_ratio_is_optaxs_lamb() -> None:
    import jax
    import jax.numpy as jnp
    import optax

    rng = np.random.default_rng(3)
    x, grads = rng.normal(size=(4, 5)), rng.normal(size=(30, 4, 5))
    params, optimizer = {"x": x.copy()}, Trust(lr=0.03)
    with jax.enable_x64(True):
        lamb = optax.lamb(0.03, weight_decay=0.01)
        place = jnp.asarray(x)
        state = lamb.init(place)
        for g in grads:
            updates, state = lamb.update(jnp.asarray(g), state, place)
            place = optax.apply_updates(place, updates)
            optimizer.update(params, {"x": g})
        np.testing.assert_allclose(params["x"], place, rtol=1e-10)
