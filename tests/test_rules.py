"""Each rule of the book convention against its paper, in plain numbers; all defaults by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.optimizers.schedules import Exponential
from tests.reference import papers

CLOSE = {"rtol": 1e-10, "atol": 1e-12}

SHARES = st.floats(0, 0.9999)
#: What hyperparameters are drawn from, by name; rates are schedules as often as numbers.
DRAWN = {
    "lr": st.floats(1e-4, 2), "momentum": SHARES, "decay": SHARES, "beta1": SHARES,
    "beta2": SHARES, "eps": st.floats(-10, 0).map(lambda k: 10.0**k),
    "momentum_decay": st.floats(0, 1), "weight_decay": st.floats(0, 1), "beta": st.floats(0, 3),
    "l1": st.floats(0, 3), "l2": st.floats(0, 3), "beta3": SHARES, "trust": st.floats(1e-4, 1),
    "d0": st.floats(-8, -1).map(lambda k: 10.0**k), "d_coef": st.floats(0.1, 3),
    "short": st.booleans(),
}  # fmt: skip
#: The same of one rule: what grows under gradients that lead nowhere says nothing.
DRAWN_OF = {
    **{(name, "lr"): st.floats(0.001, 0.1) for name in ("lars", "lamb")},
    ("schedulefree", "beta"): SHARES,
    ("prodigy", "lr"): st.floats(0.01, 0.5),
    ("prodigy", "weight_decay"): st.floats(0, 0.01),
    ("prodigy", "d_coef"): st.floats(0.1, 1),
}
RULES = [*papers.RULES, *papers.WHOLE]


def ours(name: str, start: np.ndarray, gradients: np.ndarray, **hyper: object) -> np.ndarray:
    optimizer, x = ov.optimizers[name](**hyper), start.copy()
    path = [start]
    for g in gradients:
        optimizer.update({"x": x}, {"x": g})
        path.append(x.copy())
    return np.array(path)


def theirs(name: str, start: np.ndarray, gradients: np.ndarray, **hyper: object) -> np.ndarray:
    if name in papers.WHOLE:
        return np.array(papers.whole_path(name, start, gradients, **hyper))
    paths = [papers.path(name, float(x), map(float, column), **hyper)
             for x, column in zip(start, gradients.T, strict=True)]  # fmt: skip
    return np.array(paths).T


def problem(seed: int, steps: int, width: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of very different sizes, some of them 0, whose sizes fall off now and then."""
    rng = np.random.default_rng(seed)
    g = rng.normal(size=(steps, width)) * np.logspace(-2, 1, width)
    g *= np.where(np.arange(steps) // 7 % 3 == 1, 0.01, 1.0)[:, None]
    g[rng.uniform(size=g.shape) < 0.1] = 0.0
    return rng.normal(size=width), g


def test_every_rule_has_its_paper() -> None:
    assert set(RULES) == {name for name, kind in ov.optimizers.items() if kind.is_compiled}


@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 10**6), steps=st.integers(1, 60))
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_its_papers(name: str, data: st.DataObject, seed: int, steps: int) -> None:
    names = ov.optimizers[name].defaults["book"]
    hyper = {key: data.draw(DRAWN_OF.get((name, key), DRAWN.get(key)), key) for key in names}
    start, gradients = problem(seed, steps)
    np.testing.assert_allclose(
        ours(name, start, gradients, **hyper), theirs(name, start, gradients, **hyper), **CLOSE
    )


@pytest.mark.parametrize("name", RULES)
def test_a_long_run_with_the_usual_settings(name: str) -> None:
    """400 steps, beyond warm-ups and thresholds; the rate falls, which tells velocities apart."""
    start, gradients = problem(7, 400)
    usual = {key: float(value) for key, value in DEFAULTS[name, "book"].items()}
    for lr in (usual["lr"], 0.3):
        hyper = {**usual, "lr": lr}
        found = ours(name, start, gradients, **{**hyper, "lr": Exponential(lr, 0.99)})
        wanted = theirs(name, start, gradients, **{**hyper, "lr": lambda k, lr=lr: lr * 0.99**k})
        np.testing.assert_allclose(found, wanted, **CLOSE)


@pytest.mark.parametrize("name", RULES)
def test_every_hyperparameter_matters(name: str) -> None:
    """What the comparison rests on: the reference moves with each of them."""
    start, gradients = problem(1, 40)
    usual = {key: float(value) for key, value in DEFAULTS[name, "book"].items()}
    path = theirs(name, start, gradients, **usual)
    for key, value in usual.items():
        other = {**usual, key: 0.5 * value + (0.1 if key != "eps" else 1e-3)}
        assert np.abs(theirs(name, start, gradients, **other) - path).max() > 1e-9, key


# -- defaults -----------------------------------------------------------------------------------

_ADAM = {"lr": 0.001, "beta1": 0.9, "beta2": 0.999}  # Kingma and Ba (2015), algorithm 1
#: By hand, from the places named. The libraries' are those of the signatures of torch 2.13,
#: keras 3.15 and optax 0.2.8; optax has no rates, and takes ours.
DEFAULTS: dict[tuple[str, str], dict[str, float]] = {
    # common/optimizer.py of the book's repository (RMSProp's decay is the course's, see there).
    ("sgd", "book"): {"lr": 0.01},
    ("momentum", "book"): {"lr": 0.01, "momentum": 0.9},
    ("nesterov", "book"): {"lr": 0.01, "momentum": 0.9},
    ("adagrad", "book"): {"lr": 0.01, "eps": 1e-7},
    ("rmsprop", "book"): {"lr": 0.01, "decay": 0.95, "eps": 1e-7},
    ("adam", "book"): {**_ADAM, "eps": 1e-7},
    # Zeiler (2012), section 4.1: ε = 1e-6 and ρ = 0.95; no rate, so 1.
    ("adadelta", "book"): {"lr": 1, "decay": 0.95, "eps": 1e-6},
    # Kingma and Ba (2015), algorithm 2: α = 0.002; it has no ε, so the book's.
    ("adamax", "book"): {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7},
    # The rate of Adamax, as all libraries' first versions had; Dozat's 0.96^(t/250).
    ("nadam", "book"): {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7,
                        "momentum_decay": 0.004},
    ("amsgrad", "book"): {**_ADAM, "eps": 1e-7},
    ("adamw", "book"): {**_ADAM, "eps": 1e-7, "weight_decay": 0.01},  # λ: torch's
    ("radam", "book"): {**_ADAM, "eps": 1e-7},
    # Chen et al. (2023), algorithm 2: β₁ = 0.9, β₂ = 0.99; rate: a tenth of Adam's; no decay.
    ("lion", "book"): {"lr": 0.0001, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0},
    # McMahan et al. (2013), section 3.1: β = 1; the rate depends on the data, no penalties.
    ("ftrl", "book"): {"lr": 0.1, "beta": 1, "l1": 0, "l2": 0},
    # Xie et al. (2022), section 4.1: β = (0.02, 0.08, 0.01), shares of what is new; Adam's rate.
    ("adan", "book"): {"lr": 0.001, "beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8,
                       "weight_decay": 0},
    # You, Gitman and Ginsburg (2017): η = 0.001, weight decay 0.0005; the rate is a schedule's.
    ("lars", "book"): {"lr": 1, "momentum": 0.9, "weight_decay": 0.0005, "trust": 0.001},
    # You et al. (2020), section 4: β = (0.9, 0.999), ε = 1e-6, λ = 0.01; Adam's rate.
    ("lamb", "book"): {**_ADAM, "eps": 1e-6, "weight_decay": 0.01},
    # The authors' package: SGD 1.0 and 0.9; AdamW 0.0025.
    ("schedulefree", "book"): {"lr": 1, "beta": 0.9, "weight_decay": 0},
    ("schedulefreeadamw", "book"): {**_ADAM, "lr": 0.0025, "eps": 1e-8, "weight_decay": 0},
    # The authors' package.
    ("prodigy", "book"): {**_ADAM, "lr": 1, "eps": 1e-8, "weight_decay": 0, "d0": 1e-6,
                          "d_coef": 1},
    ("barzilaiborwein", "book"): {"lr": 0.01, "short": 0},  # SGD's rate, for the first step
    # Nocedal and Wright (2006), section 3.1: c₁ = 1e-4, c₂ = 0.9, ρ = ½; a Newton step of 1.
    ("polyak", "book"): {"factor": 1, "flat": 1e-10},
    ("armijo", "book"): {"lr": 1, "c1": 1e-4, "shrink": 0.5, "flat": 1e-10},
    ("wolfe", "book"): {"c1": 1e-4, "c2": 0.9, "flat": 1e-10},
    ("newton", "book"): {"damped": 1, "c1": 1e-4, "flat": 1e-10},
    ("conjugategradient", "book"): {"c1": 1e-4, "flat": 1e-10},
    # torch.optim
    ("sgd", "torch"): {"lr": 0.001},
    ("momentum", "torch"): {"lr": 0.001, "momentum": 0.9},
    ("nesterov", "torch"): {"lr": 0.001, "momentum": 0.9},
    ("adagrad", "torch"): {"lr": 0.01, "eps": 1e-10, "lr_decay": 0, "initial_accumulator": 0},
    ("rmsprop", "torch"): {"lr": 0.01, "decay": 0.99, "eps": 1e-8, "momentum": 0, "centered": 0},
    ("adadelta", "torch"): {"lr": 1, "decay": 0.9, "eps": 1e-6},
    ("adam", "torch"): {**_ADAM, "eps": 1e-8},
    ("adamax", "torch"): {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    ("nadam", "torch"): {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
                         "momentum_decay": 0.004},
    ("amsgrad", "torch"): {**_ADAM, "eps": 1e-8},
    ("adamw", "torch"): {**_ADAM, "eps": 1e-8, "weight_decay": 0.01},
    ("radam", "torch"): {**_ADAM, "eps": 1e-8},
    # keras.optimizers
    ("sgd", "keras"): {"lr": 0.01},
    ("momentum", "keras"): {"lr": 0.01, "momentum": 0.9},
    ("nesterov", "keras"): {"lr": 0.01, "momentum": 0.9},
    ("adagrad", "keras"): {"lr": 0.001, "eps": 1e-7, "initial_accumulator": 0.1},
    ("rmsprop", "keras"): {"lr": 0.001, "decay": 0.9, "eps": 1e-7, "momentum": 0, "centered": 0},
    ("adadelta", "keras"): {"lr": 0.001, "decay": 0.95, "eps": 1e-7},
    ("adam", "keras"): {**_ADAM, "eps": 1e-7},
    ("adamax", "keras"): {**_ADAM, "eps": 1e-7},
    ("nadam", "keras"): {**_ADAM, "eps": 1e-7, "momentum_decay": 1},  # in the formula, 0.96^t
    ("amsgrad", "keras"): {**_ADAM, "eps": 1e-7},
    ("adamw", "keras"): {**_ADAM, "eps": 1e-7, "weight_decay": 0.004},
    ("lion", "keras"): {"lr": 0.001, "beta1": 0.9, "beta2": 0.99},
    ("ftrl", "keras"): {"lr": 0.001, "beta": 0, "l1": 0, "l2": 0, "lr_power": -0.5,
                        "initial_accumulator": 0.1, "l2_shrinkage": 0},
    # optax
    ("sgd", "optax"): {"lr": 0.01},
    ("momentum", "optax"): {"lr": 0.01, "momentum": 0.9},
    ("nesterov", "optax"): {"lr": 0.01, "momentum": 0.9},
    ("adagrad", "optax"): {"lr": 0.01, "eps": 1e-7, "initial_accumulator": 0.1},
    ("rmsprop", "optax"): {"lr": 0.01, "decay": 0.9, "eps": 1e-8, "momentum": 0, "centered": 0},
    ("adadelta", "optax"): {"lr": 1, "decay": 0.9, "eps": 1e-6},
    ("adam", "optax"): {**_ADAM, "eps": 1e-8},
    ("adamax", "optax"): {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    ("nadam", "optax"): {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    ("amsgrad", "optax"): {**_ADAM, "eps": 1e-8},
    ("adamw", "optax"): {**_ADAM, "eps": 1e-8, "weight_decay": 0.0001},
    ("radam", "optax"): {**_ADAM, "eps": 1e-8},
    ("lion", "optax"): {"lr": 0.0001, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.001},
    ("adan", "optax"): {"lr": 0.001, "beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8,
                        "weight_decay": 0, "eps_root": 1e-8},
    ("lars", "optax"): {"lr": 1, "momentum": 0.9, "weight_decay": 0, "trust": 0.001},
    ("lamb", "optax"): {**_ADAM, "eps": 1e-6, "weight_decay": 0},
}  # fmt: skip


def test_defaults_are_those_written_down() -> None:
    found = {
        (name, convention): {key: float(value) for key, value in kind(convention=convention)
                             .hyper.items()}
        for name, kind in ov.optimizers.items() for convention in kind.defaults
    }  # fmt: skip
    assert found == DEFAULTS
    # Settings by position come in that order.
    for (name, convention), values in DEFAULTS.items():
        assert list(ov.optimizers[name].defaults[convention]) == list(values)


# -- what the papers say of themselves ------------------------------------------------------------


def test_radam_begins_to_divide_with_its_fifth_step() -> None:
    """Liu et al. (2020), section 4.2: with β₂ = 0.999, ρₜ > 4 from the fifth step on."""
    scales = (1.0, 1000.0)
    ends = {k: [ours("radam", np.zeros(1), np.full((k, 1), s), lr=1.0, eps=1e-300)[-1, 0]
                for s in scales] for k in range(8)}  # fmt: skip
    steps = np.diff([ends[k] for k in range(8)], axis=0)
    for k, (small, large) in enumerate(steps, 1):
        assert large / small == pytest.approx(1000 if k < 5 else 1, rel=1e-9), k
    # r₅ by hand: ρ∞ = 1999, ρ₅ = 1999 − 10·0.999⁵/(1 − 0.999⁵).
    rho = 1999 - 10 * 0.999**5 / (1 - 0.999**5)
    r = np.sqrt((rho - 4) * (rho - 2) * 1999 / (1995 * 1997 * rho))
    assert steps[4, 0] == pytest.approx(-r, rel=1e-9)
    assert 4 < rho < 5


def test_adam_goes_the_wrong_way_where_amsgrad_does_not() -> None:
    """Reddi, Kale and Kumar (2018), theorem 1: fₜ = Cx if t mod 3 = 1, else −x, on [−1, 1].

    With C = 3, β₁ = 0, β₂ = 1/(1 + C²) and αₜ = α/√t Adam stays at 1; the best is −1.
    """
    ends = {}
    for name in ("adam", "amsgrad"):
        optimizer, x = ov.optimizers[name](lr=0.3, beta1=0.0, beta2=0.1), np.array([1.0])
        for t in range(1, 6001):
            optimizer.lr = 0.3 / np.sqrt(t)
            optimizer.update({"x": x}, {"x": np.array([3.0 if t % 3 == 1 else -1.0])})
            np.clip(x, -1, 1, out=x)
        ends[name] = x[0]
    assert ends["adam"] > 0.9
    assert ends["amsgrad"] == pytest.approx(-1, abs=0.01)


@given(st.floats(-5, 5), st.floats(0.01, 1.5), st.floats(0, 0.95), st.integers(1, 40))
def test_nesterov_is_the_form_that_looks_ahead(x, lr: float, mu: float, steps: int) -> None:
    """Sutskever et al. (2013), equations 3 and 4: v ← μv − ε∇f(θ + μv), θ ← θ + v, on x²/2."""
    mine, theta, v = np.array([x]), x, 0.0
    optimizer = ov.Nesterov(lr=lr, momentum=mu)
    for _ in range(steps):
        optimizer.update({"x": mine}, {"x": mine.copy()})
        v = mu * v - lr * (theta + mu * v)
        theta += v
    np.testing.assert_allclose(mine[0], theta + mu * v, rtol=1e-9, atol=1e-9)


@given(g=st.floats(0.01, 100), sign=st.sampled_from([-1, 1]))
def test_first_steps_by_hand(g: float, sign: int) -> None:
    """From 1 with a rate of 0.1: what a reader computes with pencil and paper."""
    adadelta = np.sqrt(1e-6) / np.sqrt(0.05 * g**2 + 1e-6) * g
    mu = [0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (1, 2)]
    nadam = mu[1] * 0.1 / (1 - mu[0] * mu[1]) + (1 - mu[0]) / (1 - mu[0])
    ftrl = 1 + (sign * g - g / 0.1) / ((1 + g) / 0.1)  # w = −z/((1 + g)/α), z = g − (g/α)·1
    steps = {
        "sgd": 0.1 * g, "momentum": 0.1 * g, "nesterov": 0.19 * g, "adagrad": 0.1,
        "rmsprop": 0.1 / np.sqrt(0.05), "adadelta": 0.1 * adadelta, "adam": 0.1, "adamax": 0.1,
        "nadam": 0.1 * nadam, "amsgrad": 0.1, "radam": 0.1 * g, "lion": 0.1,
    }  # fmt: skip
    for name, step in steps.items():
        x = np.ones(1)
        ov.optimizers[name](lr=0.1, **({"eps": 1e-12} if name in ADDS_EPS else {})).update(
            {"x": x}, {"x": np.array([sign * g])}
        )
        assert x[0] == pytest.approx(1 - sign * step, rel=1e-6, abs=1e-9), name
    for name, moved in (("adamw", sign * 0.1 + 0.1 * 0.01), ("ftrl", ftrl)):
        x = np.ones(1)
        ov.optimizers[name](lr=0.1).update({"x": x}, {"x": np.array([sign * g])})
        assert x[0] == pytest.approx(1 - moved, rel=1e-4), name


ADDS_EPS = ("adagrad", "rmsprop", "adam", "adamax", "nadam", "amsgrad", "radam")


@example(lr=0.1, l1=2.0)
@given(lr=st.floats(0.01, 2), l1=st.floats(0.1, 5))
def test_ftrl_is_zero_until_l1_is_paid(lr: float, l1: float) -> None:
    """From 0 under a gradient of 1: z = t, so that w stays 0 while t ≤ λ₁."""
    x, optimizer = np.zeros(1), ov.FTRL(lr=lr, l1=l1)
    z = n = 0.0
    for _ in range(8):
        z += 1 - (np.sqrt(n + 1) - np.sqrt(n)) / lr * x[0]
        n += 1
        optimizer.update({"x": x}, {"x": np.ones(1)})
        assert (x[0] == 0) == (abs(z) <= l1)
        assert x[0] == pytest.approx(-max(abs(z) - l1, 0) * np.sign(z) / ((1 + np.sqrt(n)) / lr))
