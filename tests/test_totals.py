"""Rules that sum over an array, against plain NumPy, and beside runs and arrays of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.optimizers.rule import RuleError, kernel_source, program_of, total
from tests.catalogue import RULES


class Normalised(ov.Optimizer):
    """Gradient descent with steps of one length."""

    defaults = {"lr": 0.1}

    @staticmethod
    def rule(x, g, lr):
        return x - lr * g / (np.sqrt(total(g**2)) + 1e-30)


class Centred(ov.Optimizer):
    """Without the mean of the gradient."""

    defaults = {"lr": 0.1}

    @staticmethod
    def rule(x, g, lr):
        return x - lr * (g - ov.total(g) / ov.total(1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 1_600_000])
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


@pytest.mark.parametrize("on", ["himmelblau", "rosenbrock:n=4"])
def test_runs_of_a_sweep_do_not_see_each_other(on: str) -> None:
    f = ov.function(on)
    starts = np.random.default_rng(1).uniform(-2, 2, (37, f.n))
    s = ov.sweep(f, ov.LAMB(), starts, over={"lr": [0.001, 0.02]}, steps=60)
    for row, rate in enumerate((0.001, 0.02)):
        for k in (0, 20, 36):
            t = ov.minimize(f, ov.LAMB(lr=rate), start=starts[k], steps=60)
            np.testing.assert_allclose(s.final[row, k], t.points[-1], rtol=1e-9)


def test_seeds_of_the_suite_do_not_see_each_other() -> None:
    from optviz.bench.problems import problem

    made = problem("rosenbrock:n=3")
    (both,) = made.runs(ov.LAMB(), [{"lr": 0.02}], [0, 1], 30)
    (alone,) = made.runs(ov.LAMB(), [{"lr": 0.02}], [1], 30)
    np.testing.assert_array_equal(both.values[1], alone.values[0])


def test_a_network_is_stepped_array_by_array() -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
    net, other = (ov.nn.MLP((3, 4, 2), rng=0) for _ in range(2))
    net.fit(x, y, ov.LAMB(lr=0.05), epochs=1, batch_size=20, rng=0)
    optimizer, params, grads, plain = ov.LAMB(lr=0.05), {}, {}, []
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
    for name, kind in RULES.items():
        is_whole = kind.__module__.endswith("whole_arrays")
        for convention in kind.defaults:
            assert kind(convention=convention).is_elementwise is not is_whole, name
    source = kernel_source(program_of(Normalised().rule, ("lr",)))
    assert source.count("for _i in range(_x.size):") == 2


def _two(x, g, lr):
    return x - lr * total(g, x)


@pytest.mark.parametrize(
    ("rule", "said"),
    [(_two, "total takes one expression")],
)
def test_what_is_no_total_has_a_line(rule: Any, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        kernel_source(program_of(rule, ("lr", "beta1", "beta2", "eps", "weight_decay")))
