"""What a picture says under its title, from the raw result by another way."""

from __future__ import annotations

import re

import numpy as np
import pytest

import optviz as ov


def numbers(text: str) -> list[float]:
    """The numbers in a finding, with signs and powers of ten."""
    text = text.replace("−", "-").replace("f - f*", "gap").replace(",", "")
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def close(a: float, b: float, digits: int) -> bool:
    return float(f"{a:.{digits}g}") == float(f"{b:.{digits}g}")


@pytest.mark.parametrize("seed", range(6))
def test_races(seed: int) -> None:
    """The lowest at the end among those that stayed, by a plain loop."""
    draw = np.random.default_rng(seed)
    names, rates = ("sgd", "momentum", "adam", "rmsprop"), 10.0 ** draw.uniform(-3, 0.3, 4)
    entries = [f"{name}:lr={rate:.3g}" for name, rate in zip(names, rates, strict=True)]
    study = ov.study("plot", optimizers=entries, on=["beale", "bowl"][seed % 2], steps=60)
    result = study.run()
    best, where, gone = np.inf, "", 0
    (x0, x1), (y0, y1) = study.f.bounds
    for t in result.trajectories:
        x, y = t.points[:, 0], t.points[:, 1]
        if len(t.points) < 61 or not ((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)).all():
            gone += 1
        elif study.f(x[-1], y[-1]) < best:
            best, where = float(study.f(x[-1], y[-1])), type(t.optimizer).__name__
    finding = study.finding(result)
    if gone == 4:
        assert finding.startswith("Every path left the picture, the first at step ")
        return
    assert finding.startswith(f"{where} is lowest after 60 steps: "), finding
    assert ("left the picture" in finding) == bool(gone)
    told = numbers(finding)
    assert told[0] == 60
    assert close(told[1], best - study.f.minimum, 2)
    assert not gone or told[2:] == [gone, 4]


def test_paths_that_end_alike_are_told_together() -> None:
    study = ov.study("plot", optimizers=["sgd:lr=0.3", "sgd:lr=0.3,convention=torch"], steps=20)
    assert "SGD book and SGD torch are equally low after 20 steps" in study.finding(study.run())
    far = ov.study("plot", optimizers=["sgd:lr=0.5", "momentum:lr=0.4,momentum=0.1"],
                   on="sphere", steps=400)  # fmt: skip
    assert far.finding(far.run()).endswith("f − f* below 1e−16")


def test_noisy_races_tell_the_median() -> None:
    study = ov.study("plot", optimizers="sgd:lr=0.3", noise=0.5, runs=21, steps=30)
    ends = [study.f(*t.points[-1]) for t in (
        ov.minimize("bowl", ov.SGD(lr=0.3), steps=30, noise=0.5,
                    rng=np.random.default_rng([0, k])) for k in range(21))]  # fmt: skip
    assert close(numbers(study.finding(study.run()))[0], float(np.median(ends)), 2)


def test_first_steps_tell_their_median_length() -> None:
    study = ov.study("plot", optimizers=["sgd:lr=0.1", "adam:lr=0.4"], view="steps")
    result = study.run()
    told = numbers(study.finding(result))
    for value, (places, moves) in zip(told, result.first_steps, strict=True):
        slopes = [study.f.gradient(*p) for p in places]
        lengths = [0.1 * np.hypot(*g) for g in slopes] if value is told[0] else [
            np.hypot(*m) for m in moves]  # fmt: skip
        assert close(value, float(np.median(lengths)), 2)


def test_functions_alone() -> None:
    for name, says in (("bowl", "is reached at (0, 0)"), ("himmelblau", "is reached at 4 points"),
                       ("saddle", "No lowest value inside the bounds")):  # fmt: skip
        study = ov.study("plot", on=name)
        assert says in study.finding(study.run())


def test_basins() -> None:
    study = ov.study("basins", optimizers=["adam:lr=0.3", "sgd:lr=0.02"], on="six-hump-camel",
                     size="40x30")  # fmt: skip
    result = study.run()
    told = numbers(study.finding(result))
    for share, s in zip(told, result.sweeps, strict=True):
        away = np.linalg.norm(s.final[:, None] - result.function.minima, axis=2).min(axis=1)
        assert share == round(100 * float(np.mean(away < 0.05)), 1)


def test_basins_without_a_global_minimum_tell_any() -> None:
    """A slope with a dent: f falls without end in x, but for a local minimum near 0."""
    study = ov.study("basins", optimizers="sgd:lr=0.05", on="x**3/3 - x + y**2", size="30x20",
                     steps=500)  # fmt: skip
    result = study.run()
    assert not len(result.function.minima)
    (s,) = result.sweeps
    near = np.linalg.norm(s.final - (1.0, 0.0), axis=1) < 1e-3
    assert 0.1 < near.mean() < 0.95
    told = study.finding(result)
    assert numbers(told) == [round(100 * float(near.mean()), 1)]
    assert "a local minimum" in told


def test_sensitivity() -> None:
    study = ov.study("sensitivity", optimizers=["sgd", "adam", "lion", "rmsprop"], starts=9)
    result = study.run()
    first = study.f(*result.sweeps[0].starts.T)
    counts = {}
    for s in result.sweeps:
        good = [
            sum(v <= f and not gone for v, f, gone in zip(row, first, left, strict=True)) >= 0.9 * 9
            for row, left in zip(s.values, s.left, strict=True)
        ]
        counts[type(s.optimizer).__name__] = sum(good)
    told = re.findall(r"for (\w+) \((\d+)\)", study.finding(result))
    assert [int(n) for _, n in told] == [max(counts.values()), min(counts.values())]
    assert all(counts[name] == int(n) for name, n in told)


def test_phase() -> None:
    study = ov.study("phase", x="lr=0.05,2.1,21", y="momentum=0,0.95,11", steps=300)
    result = study.run()
    share, settings, steps, lr, momentum, rate = numbers(study.finding(result))
    rates = [r if r < 1 else np.inf for r in result.rates.ravel()]
    assert share == round(100 * sum(r < 1 for r in rates) / len(rates))
    assert (settings, steps) == (231, 300)
    k = min(range(231), key=lambda k: rates[k])
    assert close(lr, result.x.values[k % 21], 3)
    assert close(momentum, result.y.values[k // 21], 3)
    assert close(rate, rates[k], 3)


def test_explanations() -> None:
    study = ov.study("explain", optimizer="momentum:lr=0.1", steps=8)
    e = study.run()
    carried = sum(float(np.hypot(*c)) for c in e.carried)
    fresh = sum(0.1 * float(np.hypot(*g)) for g in e.gradients)
    assert numbers(study.finding(e)) == [round(100 * carried / (carried + fresh))]
    assert study.finding(e).endswith("both coordinates have the same rate")
    adam = ov.study("explain", optimizer="adam:lr=0.5", steps=5)
    e = adam.run()
    ratio = max(max(abs(r)) / min(abs(r)) for r in -e.fresh / e.gradients)
    assert close(numbers(adam.finding(e))[1], float(ratio), 3)


def test_training() -> None:
    study = ov.study("train", data="moons:n=200", layers="2,8,2", epochs=3, runs=4,
                     optimizers=["sgd:lr=0.1", "adam:lr=0.01"])  # fmt: skip
    result = study.run()
    middle = [float(np.mean(sorted(scores)[1:3])) for scores in result.test_accuracy]
    assert numbers(study.finding(result)) == [4, *sorted((round(100 * m, 1) for m in middle),
                                                         reverse=True)]  # fmt: skip


def test_activations() -> None:
    study = ov.study("activations", activations="sigmoid,tanh,elu", limit=8)
    finding = study.finding(study.run())
    assert finding == "Greatest slope: sigmoid 0.25, tanh 1, elu 1; zero-centred: tanh"
    r = study.run()
    slope = np.exp(-r.x) / (1 + np.exp(-r.x)) ** 2
    np.testing.assert_allclose(r.slopes[0], slope, atol=1e-15)
    np.testing.assert_array_equal(r.saturated()[0], slope < 0.05 * 0.25)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
def test_init_histograms(activation: str) -> None:
    """The layers by plain matrix products, and the shares counted one by one."""
    study = ov.study("init-histograms", activation=activation, units=30, samples=40, layers=3,
                     inits="normal:std=1,normal:std=0.01")  # fmt: skip
    result = study.run()
    h = {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh,
         "relu": lambda z: np.maximum(z, 0)}.get(activation)  # fmt: skip
    a = np.random.default_rng([0, 0]).normal(size=(40, 30))
    rng = np.random.default_rng([0, 1])
    for layer in range(3 if h else 0):
        a = h(a @ rng.normal(0, 1, (30, 30)))
        np.testing.assert_allclose(result.outputs[0, layer], a.ravel(), atol=1e-12)
    ends = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0,)}.get(activation, ())
    near = [np.mean([any(abs(v - e) <= 0.05 for e in ends) for v in out[-1]])
            for out in result.outputs]  # fmt: skip
    finding = study.finding(result)
    spread = f"{np.std(result.outputs[1, -1]):.2g}".replace("-", "−")
    assert f"spreads least, by {spread}" in finding
    assert "normal:std=0.01 spreads least" in finding
    if ends:
        worst = ("normal:std=1", "normal:std=0.01")[int(np.argmax(near))]
        assert f"with {worst}, {100 * max(near):.0f} % of outputs" in finding
