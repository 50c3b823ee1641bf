"""Rules that sum over all arrays, and rules that average: beside the libraries of their authors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.optimizers.rule import RuleError

SHAPES = {"W": (4, 3), "b": (3,), "V": (3, 2)}


def problem(steps: int) -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    rng = np.random.default_rng(4)
    start = {key: rng.normal(size=shape) for key, shape in SHAPES.items()}
    return start, [
        {key: rng.normal(size=shape) + x for (key, shape), x in zip(
            SHAPES.items(), start.values(), strict=True)} for _ in range(steps)
    ]  # fmt: skip


def ours(optimizer: ov.Optimizer, steps: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    start, gradients = problem(steps)
    params = {key: x.copy() for key, x in start.items()}
    for g in gradients:
        optimizer.update(params, g)
    return params, optimizer.evaluation(params)


def theirs(make: Any, steps: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What PyTorch's kind of optimizer makes of it, in training and to be evaluated."""
    import torch

    start, gradients = problem(steps)
    params = {key: torch.nn.Parameter(torch.tensor(x)) for key, x in start.items()}
    optimizer = make(list(params.values()))
    if hasattr(optimizer, "train"):
        optimizer.train()
    for grads in gradients:
        for key, x in params.items():
            x.grad = torch.tensor(grads[key])
        optimizer.step()
    trained = {key: x.detach().numpy().copy() for key, x in params.items()}
    if hasattr(optimizer, "eval"):
        optimizer.eval()
    return trained, {key: x.detach().numpy().copy() for key, x in params.items()}


def alike(found: Any, wanted: Any) -> None:
    for key in SHAPES:
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-9, atol=1e-11)


@pytest.mark.peers
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_schedule_free_rules_are_their_authors(decay: float) -> None:
    import schedulefree

    found = ours(ov.ScheduleFree(lr=0.3, beta=0.8, weight_decay=decay), 60)
    wanted = theirs(lambda p: schedulefree.SGDScheduleFree(
        p, lr=0.3, momentum=0.8, weight_decay=decay, foreach=False), 60)  # fmt: skip
    alike(found[0], wanted[0])
    alike(found[1], wanted[1])
    found = ours(ov.ScheduleFreeAdamW(lr=0.1, beta1=0.8, beta2=0.95, weight_decay=decay), 60)
    wanted = theirs(lambda p: schedulefree.AdamWScheduleFree(
        p, lr=0.1, betas=(0.8, 0.95), weight_decay=decay, foreach=False), 60)  # fmt: skip
    alike(found[0], wanted[0])
    alike(found[1], wanted[1])


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("decay", [0.0, 0.001])
def test_prodigy_is_its_authors_over_several_arrays(decay: float) -> None:
    import prodigyopt

    found, _ = ours(ov.Prodigy(weight_decay=decay, d_coef=0.7), 18)
    wanted, _ = theirs(lambda p: prodigyopt.Prodigy(
        p, weight_decay=decay, d_coef=0.7), 18)  # fmt: skip
    start, _ = problem(1)
    assert np.abs(found["W"] - start["W"]).max() > 0.01, "it has found a rate"
    alike(found, wanted)


@pytest.mark.parametrize("text", ["prodigy", "sgd:lr=0.1,clip_norm=0.5", "lamb:lr=0.1,clip_norm=1"])
def test_a_grand_total_is_over_all_arrays(text: str) -> None:
    """The same arrays in one: what sums over all of them does not see where one ends."""
    optimizer = ov.parse_optimizer(text)
    found, _ = ours(optimizer, 30)
    start, gradients = problem(30)
    if not optimizer.sums_each_array:
        whole = {"all": np.concatenate([x.ravel() for x in start.values()])}
        other = optimizer.fresh()
        for g in gradients:
            other.update(whole, {"all": np.concatenate([a.ravel() for a in g.values()])})
        flat = np.concatenate([x.ravel() for x in found.values()])
        np.testing.assert_allclose(flat, whole["all"], rtol=1e-10)
    apart = {key: x.copy() for key, x in start.items()}
    others = {key: optimizer.fresh() for key in SHAPES}
    for g in gradients:
        for key, other in others.items():
            other.update({key: apart[key]}, {key: g[key]})
    assert any(np.abs(found[key] - apart[key]).max() > 1e-6 for key in SHAPES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arrays_are_summed_in_chunks(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=1_600_000).astype(dtype) for _ in range(2))
    params = {
        "a": x.copy(),
        "b": x[:5].copy(),
        "c": np.asfortranarray(x[:6].reshape(2, 3)).copy("F"),
    }
    slopes = {"a": g, "b": g[:5], "c": g[:6].reshape(2, 3).copy("F")}
    ov.SGD(lr=0.5, clip_norm=3.0).update(params, slopes)
    norm = np.sqrt(sum(float(np.sum(s.astype(float) ** 2)) for s in slopes.values()))
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    for key, first in (("a", x), ("b", x[:5]), ("c", x[:6].reshape(2, 3))):
        wanted = first - 0.5 * 3 / norm * slopes[key].astype(float)
        np.testing.assert_allclose(params[key], wanted, atol=tolerance)


def test_a_state_goes_on_to_the_bit() -> None:
    start, gradients = problem(20)
    whole, half = ({key: x.copy() for key, x in start.items()} for _ in range(2))
    one, first = ov.Prodigy(), ov.Prodigy()
    for g in gradients:
        one.update(whole, g)
    for g in gradients[:9]:
        first.update(half, g)
    second = ov.Prodigy()
    second.load_state_json(first.state_json())
    for g in gradients[9:]:
        second.update(half, g)
    for key in SHAPES:
        np.testing.assert_array_equal(half[key], whole[key])


class Nested(ov.Optimizer):
    """A sum over all arrays of what hangs on one."""

    defaults = {"lr": 0.1}

    @staticmethod
    def rule(x, g, lr):
        scale = np.sqrt(ov.grand_total(g**2))
        return x - lr * g / (scale + ov.grand_total(abs(g) / scale))


def test_sums_in_one_pass_may_not_hang_on_each_other() -> None:
    with pytest.raises(RuleError, match="may not hang on another such sum"):
        Nested().kernel_source()
    with pytest.raises(ValueError, match="Prodigy sums over all arrays itself, and cannot have"):
        ov.Prodigy(clip_norm=1.0)


@pytest.mark.parametrize("name", ["lars", "lamb", "prodigy", "barzilaiborwein"])
@pytest.mark.parametrize("on", ["himmelblau", "rosenbrock:n=4"])
def test_runs_of_a_sweep_do_not_see_each_other(name: str, on: str) -> None:
    f = ov.function(on)
    starts = np.random.default_rng(1).uniform(-2, 2, (9, f.n))
    s = ov.sweep(f, name, starts, over={"lr": [0.01, 0.5]}, steps=12)
    for row, rate in enumerate((0.01, 0.5)):
        for k in (0, 4, 8):
            t = ov.minimize(f, ov.optimizers[name](lr=rate), start=starts[k], steps=12)
            wanted = t.points[-1] if t.diverged_at is None else np.nan
            np.testing.assert_allclose(s.final[row, k], wanted, rtol=1e-9)


def test_barzilai_and_borwein_by_hand() -> None:
    f = ov.function("quadratic:n=20,condition=100")
    for short in (False, True):
        t = ov.minimize(f, ov.BarzilaiBorwein(lr=0.01, short=short), steps=120)
        assert t.values[-1] < 1e-8 < ov.minimize(f, "sgd:lr=0.0198", steps=120).values[-1]
        for k in range(1, 10):
            s = t.points[k] - t.points[k - 1]
            y = f.gradient(t.points[k]) - f.gradient(t.points[k - 1])
            rate = (s @ y) / (y @ y) if short else (s @ s) / (s @ y)
            wanted = t.points[k] - rate * f.gradient(t.points[k])
            np.testing.assert_allclose(t.points[k + 1], wanted, rtol=1e-7, atol=1e-10)


def test_where_a_gradient_is_constant_the_rate_is_the_given_one() -> None:
    f = ov.function("x + 2*y", bounds=((-5, 5), (-5, 5)))
    for short in (False, True):
        t = ov.minimize(f, ov.BarzilaiBorwein(lr=0.1, short=short), start=(1, 1), steps=4)
        steps = np.arange(5)[:, None] * [0.1, 0.2]
        np.testing.assert_allclose(t.points, [1, 1] - steps, rtol=1e-12)


def test_trust_is_given_to_small_arrays_too_and_none_to_those_of_zeros() -> None:
    # Norms of a half: weights (0.3, 0.4), gradient (0, 0.5).
    settings = {"lr": 0.1, "convention": "optax", "momentum": 0.0, "weight_decay": 0.0}
    x = {"w": np.array([0.3, 0.4]), "zero": np.zeros(2)}
    ov.LARS(**settings).update(x, {"w": np.array([0, 0.5]), "zero": np.array([0, 0.5])})
    np.testing.assert_allclose(x["w"], [0.3, 0.4 - 0.1 * 0.001 * 0.5], rtol=1e-12)
    np.testing.assert_allclose(x["zero"], [0, -0.05], rtol=1e-12)


def test_a_run_that_averages_shows_the_average_and_judges_by_it() -> None:
    t = ov.minimize("bowl", ov.ScheduleFree(lr=0.9), steps=50)
    z = y = mean = np.array(t.points[0])
    for k in range(1, 51):
        z = z - 0.9 * np.array(ov.function("bowl").gradient(*y))
        mean = mean + (z - mean) / k
        y = 0.1 * z + 0.9 * mean
        np.testing.assert_allclose(t.points[k], mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(t.values, ov.function("bowl")(*t.points.T), rtol=1e-12)


@pytest.mark.parametrize("on", ["bowl", "quadratic:n=5,condition=20"])
@pytest.mark.parametrize(
    "text", ["schedulefree:lr=0.4", "sgd:lr=0.05,ema=0.9", "adam:lr=0.2,swa=300"]
)
def test_an_average_converges_where_its_own_gradient_is_small(text: str, on: str) -> None:
    f, optimizer = ov.function(on), ov.parse_optimizer(text)
    starts = np.random.default_rng(0).uniform(-3, 3, (5, f.n))
    s = ov.sweep(f, optimizer, starts, steps=20_000, tol=1e-2)
    for k, start in enumerate(starts):
        t = ov.minimize(f, optimizer, start=start, steps=20_000, tol=1e-2)
        assert s.steps_taken[k] == len(t.points) - 1 < 20_000
        np.testing.assert_allclose(s.final[k], t.points[-1], rtol=1e-9, atol=1e-12)
        slopes = [np.linalg.norm(f.gradient(*p) if f.is_plane else f.gradient(p)) for p in t.points]
        assert slopes[-1] <= 1e-2 < min(slopes[:-1]), "it stops at the first such point"


def test_what_is_no_number_is_seen_and_does_not_stop_the_others() -> None:
    optimizer = ov.Prodigy(d0=0.01)
    params = {"a": np.ones(3), "b": np.ones(2)}
    for _ in range(20):
        optimizer.update(params, {key: x.copy() for key, x in params.items()})
    optimizer.update(params, {"a": np.array([np.nan, 1, 1]), "b": np.ones(2)})
    assert np.isnan(params["a"][0])
    before = {key: x.copy() for key, x in params.items()}
    optimizer.update(params, {key: np.ones_like(x) for key, x in params.items()})
    assert (params["b"] != before["b"]).all()
    assert (params["a"][1:] != before["a"][1:]).all()


def test_an_array_that_comes_late_is_refused_where_sums_are_remembered() -> None:
    for optimizer in (ov.Prodigy(), ov.BarzilaiBorwein(lr=0.1)):
        params = {"a": np.ones(3)}
        optimizer.update(params, {"a": np.ones(3)})
        before = params["a"].copy()
        params["b"] = np.ones(2)
        with pytest.raises(ValueError, match=r"params\['b'\] appears after the first step"):
            optimizer.update(params, {"a": np.ones(3), "b": np.ones(2)})
        np.testing.assert_array_equal(params["a"], before)
    params = {"a": np.ones(3)}
    clipped = ov.Adam(clip_norm=1.0)  # its sums are of one step
    clipped.update(params, {"a": np.ones(3)})
    clipped.update({**params, "b": np.ones(2)}, {"a": np.ones(3), "b": np.ones(2)})


def test_barzilai_and_borwein_see_one_theta_however_it_is_cut() -> None:
    matrix, start = np.array([[3.0, 2.9], [2.9, 3.0]]), np.array([1.0, -2.0])
    whole, parts = {"x": start.copy()}, {"a": start[:1].copy(), "b": start[1:].copy()}
    one, two = ov.BarzilaiBorwein(lr=0.1), ov.BarzilaiBorwein(lr=0.1)
    for _ in range(40):
        one.update(whole, {"x": matrix @ whole["x"]})
        g = matrix @ np.concatenate([parts["a"], parts["b"]])
        two.update(parts, {"a": g[:1], "b": g[1:]})
    np.testing.assert_allclose(np.concatenate([parts["a"], parts["b"]]), whole["x"], atol=1e-12)
    assert np.abs(whole["x"]).max() < 1e-12
