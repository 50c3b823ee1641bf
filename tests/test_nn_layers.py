"""Layers, losses, penalties and initialisers: values and gradients against formulas and PyTorch.

The compiled kernels take no complex numbers, so `tests/reference/layers.py` has the same
mathematics in plain NumPy: its values are compared with ours, and its complex-step derivative with
our gradients.
"""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import sparse, stats

from optviz import nn
from optviz.nn import Activation, BatchNorm, Dense, Dropout, Network
from optviz.nn.activations import ACTIVATIONS, ALPHAS
from optviz.nn.fusion import Fused, stages
from optviz.nn.initializers import INITIALIZERS, initializer
from optviz.nn.layers import Layer
from optviz.nn.losses import LOSSES, loss_named
from tests.reference import layers as paper

needs_torch = [
    pytest.mark.peers,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None, reason="torch is not installed (extra `peers`)"
    ),
]
CLOSE: dict[str, Any] = {"atol": 1e-12, "rtol": 1e-11}
PLACES = (False, "before", "after", "logits")


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference as a share of the largest number."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def built(layer: Layer, inputs: int, dtype: Any = np.float64) -> Layer:
    """A layer on its own, with parameters."""
    for name, values in layer.build(inputs, dtype, np.random.default_rng(0)).items():
        layer.params[name], layer.grads[name] = values, np.zeros_like(values)
    return layer


def cross(layer: Layer, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Output and input gradient in training; copies, as layers write over their own arrays."""
    y = layer.forward(x, True).copy()
    dx = layer.backward(dy.copy())
    return y, None if dx is None else dx.copy()


# -- each layer -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_its_slope(name: str) -> None:
    rng = np.random.default_rng(1)
    x, dy = rng.normal(scale=3, size=(40, 6)), rng.normal(size=(40, 6))
    alpha = ALPHAS.get(name, 0.0) and 0.3
    y, dx = cross(built(Activation(name, alpha), 6), x, dy)
    formula = paper.ACTIVATIONS[name]
    np.testing.assert_allclose(y, formula(x, alpha), rtol=1e-13, atol=1e-15)
    slope = formula(x + 1j * paper.H, alpha).imag / paper.H
    np.testing.assert_allclose(dx, dy * slope, rtol=1e-12, atol=1e-14)
    h = 1e-5
    difference = (formula(x + h, alpha) - formula(x - h, alpha)) / (2 * h)
    np.testing.assert_allclose(dx, dy * difference, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_far_out_are_finite(name: str, dtype: Any) -> None:
    x = np.array([[-1e30, -1e4, -800, -90, -40, 0, 40, 90, 800, 1e4, 1e30]], dtype)
    y, dx = cross(built(Activation(name), x.size, dtype), x, np.ones_like(x))
    left, right = {
        "linear": (-1e30, 1e30),
        "leaky_relu": (-1e28, 1e30),
        "selu": (-1.7580993408473766, 1.0507009873554805e30),
    }.get(name, (None, 1e30))
    left = {"tanh": -1, "elu": -1}.get(name, 0) if left is None else left
    right = 1 if name in ("tanh", "sigmoid") else right
    np.testing.assert_allclose([y[0, 0], y[0, -1]], np.array([left, right], dtype), rtol=1e-6)
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    assert np.all(np.diff(y[0, 5:]) >= 0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_diverged_network_stays_visible(name: str) -> None:
    """nan goes in, nan comes out: no rectifier may turn it into a sound zero."""
    x = np.array([[np.nan, 1.0, -1.0]])
    y = built(Activation(name), 3).forward(x, True)
    assert np.isnan(y[0, 0])
    assert np.isfinite(y[0, 1:]).all()


def test_activation_gradients_in_float32_are_those_of_float64() -> None:
    rng = np.random.default_rng(2)
    x, dy = rng.normal(scale=3, size=(50, 4)), rng.normal(size=(50, 4))
    for name in ACTIVATIONS:
        exact = cross(built(Activation(name), 4), x, dy)
        found = cross(
            built(Activation(name), 4, np.float32), x.astype(np.float32), dy.astype(np.float32)
        )
        for mine, theirs in zip(found, exact, strict=True):
            assert mine.dtype == np.float32
            np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["dense", "dense without b", "norm"])
def test_layers_with_parameters(kind: str) -> None:
    """By input and by every parameter, against the complex step and central differences."""
    rng = np.random.default_rng(3)
    x, n, d = rng.normal(2, 3, size=(9, 4)), 9, 4
    layer = built(BatchNorm(eps=0.1) if kind == "norm" else Dense(3, bias=kind == "dense"), d)
    for values in layer.params.values():
        values[...] = rng.normal(size=values.shape)
    dy = rng.normal(size=(n, layer.outputs))

    def value(x: np.ndarray, p: dict[str, np.ndarray]) -> Any:
        if kind == "norm":
            return (dy * paper.batch_norm(x, p["gamma"], p["beta"], 0.1)).sum()
        return (dy * (x @ p["W"] + p.get("b", 0))).sum()

    y, dx = cross(layer, x, dy)
    np.testing.assert_allclose((dy * y).sum(), value(x, layer.params), **CLOSE)
    for step, limit in ((paper.complex_step, 1e-12), (paper.central_difference, 1e-7)):
        wanted = step(lambda v: value(v.reshape(n, d), layer.params), x.ravel())
        assert relative(dx.ravel(), wanted) < limit
        for name, theta in layer.params.items():
            wanted = step(
                lambda v, k=name, like=theta: value(x, {**layer.params, k: v.reshape(like.shape)}),
                theta.ravel(),
            )
            assert relative(layer.grads[name].ravel(), wanted) < limit


# -- batch normalisation ----------------------------------------------------------------------

#: momentum (share that is kept), epsilon, the factor of the batch's variance for n = 8.
CONVENTIONS = {"book": (0.9, 1e-6, 1), "torch": (0.9, 1e-5, 8 / 7), "keras": (0.99, 1e-3, 1)}


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_averages_follow_their_convention(convention: str, dtype: Any) -> None:
    kept, eps, factor = CONVENTIONS[convention]
    layer = built(BatchNorm(convention=convention), 5, dtype)
    mean, variance = np.zeros(5), np.ones(5)
    rng = np.random.default_rng(4)
    for _ in range(30):
        x = rng.normal(3, 2, size=(8, 5)).astype(dtype)
        layer.forward(x, True)
        mean = kept * mean + (1 - kept) * x.mean(axis=0, dtype=float)
        variance = kept * variance + (1 - kept) * factor * x.var(axis=0, dtype=float)
    np.testing.assert_allclose(layer.averages["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(layer.averages["variance"], variance, rtol=1e-12)
    y = layer.forward(x, False)
    wanted = (x - mean) / np.sqrt(variance + eps)
    np.testing.assert_allclose(y, wanted, rtol=1e-12 if dtype is np.float64 else 1e-4, atol=1e-6)
    # Evaluation gathers nothing.
    np.testing.assert_allclose(layer.averages["mean"], mean, rtol=1e-12)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_batch_of_one_is_normalised_to_beta(convention: str) -> None:
    layer = built(BatchNorm(convention=convention), 3)
    layer.params["beta"][...] = [1, 2, 3]
    y, dx = cross(layer, np.array([[5.0, -1e6, 0]]), np.ones((1, 3)))
    np.testing.assert_array_equal(y, [[1, 2, 3]])
    np.testing.assert_array_equal(dx, np.zeros((1, 3)))
    assert np.isfinite(layer.averages["variance"]).all()


def test_normalisation_far_from_zero() -> None:
    """Two passes: the variance of numbers near 1e8 is not lost."""
    x = 1e8 + np.random.default_rng(5).normal(size=(1000, 2))
    y = built(BatchNorm(), 2).forward(x, True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-5)


# -- dropout ----------------------------------------------------------------------------------


def masks(layer: Dropout, count: int, n: int, d: int) -> np.ndarray:
    """What the layer makes of ones, in so many passes."""
    ones = np.ones((n, d))
    return np.array([layer.forward(ones, True).copy() for _ in range(count)])


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.3, 0.5, 0.9, 0.999])
def test_the_share_that_is_kept_and_the_expectation(rate: float) -> None:
    y = masks(built(Dropout(rate), 1000), 10, 100, 1000)
    kept, n = float((y != 0).mean()), y.size
    assert n == 1e6
    assert abs(kept - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / n)
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / n)
    assert set(np.unique(y)) == {0.0, 1 / (1 - rate)}


def test_masks_are_independent_of_each_other() -> None:
    """Between passes, layers, rows, columns and neighbours: no correlation beyond chance."""
    a, b = (built(Dropout(0.5), 256) for _ in range(2))
    b.averages["key"] = np.random.default_rng(99).integers(0, 2**32, 1, dtype=np.uint32)
    first, second = masks(a, 40, 128, 256) - 1, masks(b, 40, 128, 256) - 1
    assert np.abs(np.mean(first * second)) < 5 / np.sqrt(first.size)
    n = first[0].size
    passes = first.reshape(40, -1) @ first.reshape(40, -1).T / n
    limit = 5.5 / np.sqrt(n)  # 780 pairs
    assert np.abs(passes - np.eye(40)).max() < limit
    layers = first.reshape(40, -1) @ second.reshape(40, -1).T / n
    assert np.abs(layers).max() < limit
    for lag, axis in itertools.product((1, 2, 3, 7, 64), (1, 2)):
        both = np.take(first, range(first.shape[axis] - lag), axis) * np.take(
            first, range(lag, first.shape[axis]), axis
        )
        assert np.abs(both.mean()) < 5 / np.sqrt(both.size), (lag, axis)
    # The share of each place over many passes, as a chi-square.
    places = masks(built(Dropout(0.3), 50), 400, 20, 50) != 0
    square = ((places.sum(axis=0) - 280) ** 2 / (400 * 0.21)).sum()
    assert stats.chi2.sf(square, 1000) > 1e-6
    assert stats.chi2.cdf(square, 1000) > 1e-6


def test_masks_follow_the_hash_on_paper() -> None:
    layer = built(Dropout(0.3), 7)
    for _ in range(3):
        y = layer.forward(np.ones((5, 7)), True)
        np.testing.assert_array_equal(y, paper.dropout_mask(layer._key, 0.3, (5, 7)))


def test_dropout_backward_has_the_same_mask() -> None:
    layer = built(Dropout(0.4), 30)
    x, dy = np.random.default_rng(6).normal(size=(2, 20, 30))
    y, dx = cross(layer, x, dy)
    np.testing.assert_allclose(dx, dy * (y / x), rtol=1e-12)


def test_dropout_at_evaluation_and_in_other_words() -> None:
    x = np.random.default_rng(7).normal(size=(4, 3))
    assert built(Dropout(0.5), 3).forward(x, False) is x
    assert built(Dropout(0.0), 3).forward(x, True) is x
    assert Dropout(keep=0.75).rate == Dropout(0.25).rate
    assert Dropout(keep=1).rate == 0
    np.testing.assert_array_equal(
        masks(built(Dropout(keep=0.75), 9), 3, 9, 9), masks(built(Dropout(0.25), 9), 3, 9, 9)
    )


# -- fused stages -----------------------------------------------------------------------------


#: A kernel is compiled for each: the quick tests see a few.
QUICK = ("linear", "relu", "sigmoid")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in ACTIVATIONS
])  # fmt: skip
def test_a_fused_stage_is_its_layers_one_by_one(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(8)
    x, dy = rng.normal(1, 2, size=(2, 33, 21)).astype(dtype)
    for norm, drop in ((True, True), (True, False), (False, True)):
        sets = []
        for _ in range(2):
            row = [BatchNorm(convention="torch")] if norm else []
            row += [Activation(name, 0.2), *([Dropout(0.4)] if drop else [])]
            for layer in row:
                built(layer, 21, dtype)
            if norm:
                row[0].params["gamma"][...] = np.linspace(-1, 2, 21)
                row[0].params["beta"][...] = np.linspace(1, -1, 21)
            sets.append(row)
        alone, together = sets
        (stage,) = stages(together)
        assert isinstance(stage, Fused)
        for _ in range(3):  # the second pass has another mask, and averages of two
            y = x
            for layer in alone:
                y = layer.forward(y, True)
            dx = dy.copy()
            for layer in reversed(alone):
                dx = layer.backward(dx)
            close = {"rtol": 1e-12, "atol": 1e-13} if dtype is np.float64 else {"atol": 3e-5}
            np.testing.assert_allclose(stage.forward(x, True), y, **close)
            np.testing.assert_allclose(stage.backward(dy.copy()), dx, **close)
            for a, b in zip(alone, together, strict=True):
                for key, value in a.averages.items():
                    np.testing.assert_array_equal(b.averages[key], value)
                for key, value in a.grads.items():
                    scale = 1 if dtype is np.float64 else 30
                    wider = {k: scale * v for k, v in close.items()}
                    np.testing.assert_allclose(b.grads[key], value, **wider, err_msg=key)


def test_what_is_fused() -> None:
    def kinds(*layers: Layer) -> list[str]:
        for layer in layers:
            built(layer, 3)
        return [type(stage).__name__ for stage in stages(layers)]

    relu, norm = lambda: Activation("relu"), BatchNorm
    assert kinds(norm(), relu(), Dropout(0.5), norm(), relu()) == ["Fused", "Fused"]
    assert kinds(relu(), norm(), Dropout(0.5)) == ["Activation", "BatchNorm", "Dropout"]
    assert kinds(relu(), Dropout(0.5), relu()) == ["Fused", "Activation"]
    assert kinds(norm(), norm(), relu(), Dropout(0.0)) == ["BatchNorm", "Fused"]


# -- losses -----------------------------------------------------------------------------------


def loss_cases(rng: np.random.Generator, n: int = 7) -> list[tuple[str, np.ndarray, np.ndarray]]:
    labels = rng.integers(0, 5, n)
    soft = rng.dirichlet(np.ones(5), n)
    return [
        ("softmax", rng.normal(0, 3, (n, 5)), labels),
        ("softmax", rng.normal(0, 3, (n, 5)), np.eye(5)[labels]),
        ("softmax", rng.normal(0, 3, (n, 5)), soft),
        ("binary", rng.normal(0, 3, (n, 1)), rng.integers(0, 2, n)),
        ("binary", rng.normal(0, 3, (n, 4)), rng.uniform(size=(n, 4))),
        ("mse", rng.normal(0, 3, (n, 1)), rng.normal(size=n)),
        ("mse", rng.normal(0, 3, (n, 4)), rng.normal(size=(n, 4))),
    ]


def computed(
    name: str, z: np.ndarray, y: np.ndarray, dtype: Any = np.float64
) -> tuple[float, np.ndarray]:
    kind = loss_named(name)
    z = np.ascontiguousarray(z, dtype)
    gradient = np.full_like(z, np.nan)
    return kind(z, kind.targets(y, z.shape[1], dtype), gradient), gradient


@pytest.mark.parametrize("k", range(7))
def test_losses_and_their_gradients(k: int) -> None:
    name, z, y = loss_cases(np.random.default_rng(9))[k]
    value, gradient = computed(name, z, y)
    formula = paper.LOSSES[name]
    np.testing.assert_allclose(value, formula(z, y), rtol=1e-13)
    for step, limit in ((paper.complex_step, 1e-12), (paper.central_difference, 1e-7)):
        wanted = step(lambda v: formula(v.reshape(z.shape), y), z.ravel())
        assert relative(gradient.ravel(), wanted) < limit
    half, gradient_32 = computed(name, z, y, np.float32)
    assert gradient_32.dtype == np.float32
    np.testing.assert_allclose(half, value, rtol=1e-5)
    np.testing.assert_allclose(gradient_32, gradient, rtol=1e-4, atol=1e-6)


def exact_loss(name: str, z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """With as many digits as it takes."""
    with mpmath.workdps(60):
        exp, log = mpmath.exp, mpmath.log
        rows = [[mpmath.mpf(float(v)) for v in row] for row in z]
        n = len(rows)
        total, gradient = mpmath.mpf(0), []
        for row, target in zip(rows, y, strict=True):
            if name == "softmax":
                t = [mpmath.mpf(float(v)) for v in target]
                top = max(row)
                weight = sum(exp(v - top) for v in row)
                total += sum(a * (log(weight) + top - v) for a, v in zip(t, row, strict=True)) / n
                gradient.append([float((exp(v - top) / weight - a) / n)
                                 for a, v in zip(t, row, strict=True)])  # fmt: skip
            elif name == "binary":
                t = [mpmath.mpf(float(v)) for v in np.atleast_1d(target)]
                m = n * len(row)
                total += (
                    sum(
                        max(v, 0) - v * a + log(1 + exp(-abs(v)))
                        for a, v in zip(t, row, strict=True)
                    )
                    / m
                )
                gradient.append([float((1 / (1 + exp(-v)) - a) / m)
                                 for a, v in zip(t, row, strict=True)])  # fmt: skip
        return float(total), np.array(gradient)


@pytest.mark.parametrize(("size", "dtype"), [
    (1e4, np.float32), (1e4, np.float64), (1e30, np.float64), (40.0, np.float64),
])  # fmt: skip
@pytest.mark.parametrize("form", ["labels", "one-hot", "smoothed", "binary"])
def test_losses_of_huge_logits(form: str, size: float, dtype: Any) -> None:
    """Finite and right: also where only the difference of two huge numbers counts."""
    rows = [[size, -size, 0], [size, size, -size], [-size, -size, -size], [0, -size, size]]
    z = np.repeat(np.array(rows), 3, axis=0)
    labels = np.tile([0, 1, 2], 4)
    targets = {"one-hot": np.eye(3)[labels], "smoothed": 0.7 * np.eye(3)[labels] + 0.1,
               "binary": np.eye(3)[labels], "labels": labels}[form]  # fmt: skip
    name = "binary" if form == "binary" else "softmax"
    value, gradient = computed(name, z, targets, dtype)
    dense = np.eye(3)[labels] if form == "labels" else targets
    wanted, slopes = exact_loss(name, z, dense.astype(dtype))
    few = 1e-6 if dtype is np.float32 else 1e-13
    np.testing.assert_allclose(value, wanted, rtol=few)
    np.testing.assert_allclose(gradient, slopes, rtol=10 * few, atol=few)
    # Without the rows that are wrong by `size`, what is left is small and must still be right.
    for row in range(len(z)):
        value, _ = computed(name, z[row : row + 1], targets[row : row + 1], dtype)
        wanted, _ = exact_loss(name, z[row : row + 1], dense[row : row + 1].astype(dtype))
        np.testing.assert_allclose(value, wanted, rtol=few, atol=few)


def test_huge_outputs_of_a_regression() -> None:
    for size, dtype in ((1e4, np.float32), (1e30, np.float64)):
        value, gradient = computed("mse", [[size], [-size]], [-size, -size], dtype)
        np.testing.assert_allclose(value, 2 * size**2, rtol=1e-6)
        np.testing.assert_allclose(gradient, [[2 * size], [0]], rtol=1e-6)


def test_probabilities_and_answers() -> None:
    z = np.array([[1e4, -1e4, 0], [0, 0, 0], [-1e30, 1e30, 1e30]])
    np.testing.assert_allclose(
        LOSSES["softmax"]().probabilities(z), [[1, 0, 0], [1 / 3] * 3, [0, 0.5, 0.5]]
    )
    np.testing.assert_allclose(
        LOSSES["binary"]().probabilities(z), [[1, 0, 0.5], [0.5] * 3, [0, 1, 1]]
    )
    assert LOSSES["binary"]().predictions(np.array([[-3.0], [2.0]])).tolist() == [0, 1]
    assert LOSSES["mse"]().predictions(z) is z


# -- initialisers -----------------------------------------------------------------------------

VARIANCES = {
    "xavier": lambda i, o: 2 / (i + o), "xavier_normal": lambda i, o: 2 / (i + o),
    "xavier_uniform": lambda i, o: 2 / (i + o), "glorot_normal": lambda i, o: 2 / (i + o),
    "glorot_uniform": lambda i, o: 2 / (i + o), "he": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i, "he_uniform": lambda i, o: 2 / i,
    "lecun": lambda i, o: 1 / i, "lecun_normal": lambda i, o: 1 / i,
    "lecun_uniform": lambda i, o: 1 / i, "random_uniform": lambda i, o: 0.05**2 / 3,
    "normal": lambda i, o: 1e-4, "normal:std=0.3": lambda i, o: 0.09,
    "uniform": lambda i, o: 0.05**2 / 3, "uniform:limit=0.6": lambda i, o: 0.12,
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANCES)
def test_initialisers_have_their_moments(name: str) -> None:
    i, o = 400, 250
    w = initializer(name)(np.random.default_rng(10), i, o)
    assert w.shape == (i, o)
    variance = VARIANCES[name](i, o)
    n = w.size
    assert abs(w.mean()) < 5 * np.sqrt(variance / n)
    kurtosis = 1.8 if "uniform" in name else 3.0  # fourth moment over the variance squared
    assert abs(w.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / n)
    if "uniform" in name:
        assert np.abs(w).max() <= np.sqrt(3 * variance)
        assert np.abs(w).max() > 0.999 * np.sqrt(3 * variance)
    else:
        assert np.abs(w).max() > 3.5 * np.sqrt(variance)


def test_the_rest_of_the_initialisers() -> None:
    rng = np.random.default_rng(11)
    assert not initializer("zeros")(rng, 3, 4).any()
    assert (initializer("constant:value=-0.5")(rng, 3, 4) == -0.5).all()
    for shape in ((30, 30), (50, 20), (20, 50)):
        w = initializer("orthogonal")(rng, *shape)
        gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
        np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-13)
    # Uniform over all of them: without the signs, an entry's mean would not be 0.
    corner = np.array([initializer("orthogonal")(rng, 2, 2)[0, 0] for _ in range(2000)])
    assert abs(corner.mean()) < 5 * np.sqrt(0.5 / 2000)
    assert initializer(0.2)(np.random.default_rng(0), 900, 100).std() == pytest.approx(0.2, 0.02)
    np.testing.assert_array_equal(
        initializer(0.2)(np.random.default_rng(0), 3, 2),
        initializer("normal:std=0.2")(np.random.default_rng(0), 3, 2),
    )
    own = Network(2, [Dense(3, lambda rng, i, o: np.full((i, o), 7.0))])
    assert (own.parameters[:6] == 7).all()
    assert set(VARIANCES) | {"zeros", "constant", "orthogonal"} >= INITIALIZERS.keys()


@pytest.mark.parametrize(("init", "says"), [
    ("hee", "did you mean 'he'"), ("he:std=1", "takes no settings"),
    ("normal:limit=1", "no setting 'limit': it takes std"),
    ("normal:std=x", "std must be a number ≥ 0, not 'x'"),
    ("normal:std=-1", "std must be"), ("uniform:limit=inf", "limit must be"),
    ("normal:std", "write settings as key=value"),
    (-0.1, "std must be"), (float("nan"), "std must be"),
    (None, "not known"), (True, "not known"), ("", "not known"),
])  # fmt: skip
def test_what_initialisers_refuse(init: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Dense(3, init)


def test_an_initialiser_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"init gave \(3, 2\) instead of \(2, 3\)"):
        Network(2, [Dense(3, lambda rng, i, o: np.zeros((o, i)))])


# -- what layers refuse -----------------------------------------------------------------------


@pytest.mark.parametrize(("make", "says"), [
    (lambda: Dense(0), "units must be a whole number ≥ 1, not 0"),
    (lambda: Dense(2.5), "units must be"),
    (lambda: Dense(True), "units must be"),
    (lambda: Dense("3"), "units must be"),
    (lambda: Activation("rulu"), "did you mean 'relu'"),
    (lambda: Activation("elu", float("inf")), "alpha must be"),
    (lambda: Activation("elu", "x"), "alpha must be"),
    (lambda: Dropout(1.0), r"rate must lie in \[0, 1\), not 1.0"),
    (lambda: Dropout(-0.1), "rate must lie"),
    (lambda: Dropout(float("nan")), "rate must lie"),
    (lambda: Dropout("x"), "rate must lie"),
    (lambda: Dropout(keep=0), "keep must lie"),
    (lambda: Dropout(keep="x"), "keep must lie"),
    (lambda: Dropout(0.5, keep=0.5), "one of them"),
    (Dropout, "one of them"),
    (lambda: BatchNorm(convention="tf"), "it has book, torch, keras"),
    (lambda: BatchNorm(momentum=1.5), "momentum must lie"),
    (lambda: BatchNorm(momentum="x"), "momentum must lie"),
    (lambda: BatchNorm(eps=-1), "eps must be"),
    (lambda: BatchNorm(eps=float("nan")), "eps must be"),
])  # fmt: skip
def test_what_layers_refuse(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_layers_read_as_they_are_written() -> None:
    assert repr(Dense(3)) == "Dense(units=3, init='he', bias=True)"
    assert repr(Dropout(keep=0.75)) == "Dropout(rate=0.25)"
    assert (
        eval(repr(BatchNorm(convention="torch")), vars(nn)).spec()
        == BatchNorm(convention="torch").spec()
    )


# -- PyTorch ----------------------------------------------------------------------------------

TORCH = {
    "linear": "Identity", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "ReLU",
    "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "softplus": "Softplus",
    "silu": "SiLU", "gelu": "GELU",
}  # fmt: skip


class TestTorch:
    pytestmark = needs_torch

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_activation(self, name: str) -> None:
        import torch

        rng = np.random.default_rng(12)
        x, dy = rng.normal(scale=4, size=(60, 5)), rng.normal(size=(60, 5))
        theirs = torch.tensor(x, requires_grad=True)
        out = getattr(torch.nn, TORCH[name])()(theirs)
        out.backward(torch.tensor(dy))
        y, dx = cross(built(Activation(name), 5), x, dy)
        # Theirs has no log1p-like tail above its threshold of 20: 2e-9.
        close = {"atol": 3e-9, "rtol": 1e-11} if name == "softplus" else CLOSE
        np.testing.assert_allclose(y, out.detach().numpy(), **close)
        np.testing.assert_allclose(dx, theirs.grad.numpy(), **close)

    @pytest.mark.parametrize("k", range(7))
    def test_loss(self, k: int) -> None:
        import torch

        name, z, y = loss_cases(np.random.default_rng(13), 11)[k]
        theirs = torch.tensor(z, requires_grad=True)
        if name == "softmax":
            value = torch.nn.functional.cross_entropy(theirs, torch.tensor(y))
        else:
            kinds = {"binary": "binary_cross_entropy_with_logits", "mse": "mse_loss"}
            target = torch.tensor(y, dtype=torch.float64).reshape(z.shape)
            value = getattr(torch.nn.functional, kinds[name])(theirs, target)
        value.backward()
        mine, gradient = computed(name, z, y)
        np.testing.assert_allclose(mine, value.item(), **CLOSE)
        np.testing.assert_allclose(gradient, theirs.grad.numpy(), **CLOSE)

    @pytest.mark.parametrize("settings", [{}, {"momentum": 0.3, "eps": 0.02}])
    def test_batch_norm(self, settings: dict[str, float]) -> None:
        import torch

        rng = np.random.default_rng(14)
        mine = built(BatchNorm(convention="torch", **settings), 6)
        theirs = torch.nn.BatchNorm1d(6, dtype=torch.float64, **settings)
        gamma, beta = rng.normal(size=(2, 6))
        mine.params["gamma"][...], mine.params["beta"][...] = gamma, beta
        theirs.weight.data, theirs.bias.data = torch.tensor(gamma), torch.tensor(beta)
        for n in (20, 7, 2):
            x, dy = rng.normal(3, 2, size=(2, n, 6))
            leaf = torch.tensor(x, requires_grad=True)
            theirs.zero_grad()
            out = theirs(leaf)
            out.backward(torch.tensor(dy))
            y, dx = cross(mine, x, dy)
            np.testing.assert_allclose(y, out.detach().numpy(), **CLOSE)
            np.testing.assert_allclose(dx, leaf.grad.numpy(), **CLOSE)
            np.testing.assert_allclose(mine.grads["gamma"], theirs.weight.grad.numpy(), **CLOSE)
            np.testing.assert_allclose(mine.grads["beta"], theirs.bias.grad.numpy(), **CLOSE)
            np.testing.assert_allclose(mine.averages["mean"], theirs.running_mean, **CLOSE)
            np.testing.assert_allclose(mine.averages["variance"], theirs.running_var, **CLOSE)
        theirs.eval()
        x = rng.normal(size=(9, 6))
        np.testing.assert_allclose(
            mine.forward(x, False), theirs(torch.tensor(x)).detach().numpy(), **CLOSE
        )

    def test_dense(self) -> None:
        import torch

        rng = np.random.default_rng(15)
        mine, theirs = built(Dense(4), 6), torch.nn.Linear(6, 4, dtype=torch.float64)
        theirs.weight.data = torch.tensor(mine.params["W"].T.copy())
        theirs.bias.data[...] = 0
        x, dy = rng.normal(size=(8, 6)), rng.normal(size=(8, 4))
        leaf = torch.tensor(x, requires_grad=True)
        out = theirs(leaf)
        out.backward(torch.tensor(dy))
        y, dx = cross(mine, x, dy)
        np.testing.assert_allclose(y, out.detach().numpy(), **CLOSE)
        np.testing.assert_allclose(dx, leaf.grad.numpy(), **CLOSE)
        np.testing.assert_allclose(mine.grads["W"], theirs.weight.grad.numpy().T, **CLOSE)
        np.testing.assert_allclose(mine.grads["b"], theirs.bias.grad.numpy(), **CLOSE)


def test_sparse_rows_through_a_dense_layer() -> None:
    rng = np.random.default_rng(16)
    x = np.where(rng.uniform(size=(12, 8)) < 0.3, rng.normal(size=(12, 8)), 0)
    dy = rng.normal(size=(12, 3))
    found = []
    for given in (x, sparse.csr_matrix(x), sparse.csr_array(x)):
        layer = built(Dense(3), 8)
        layer.is_first = True
        y, dx = cross(layer, given, dy)
        assert dx is None
        found.append((y, layer.grads["W"].copy(), layer.grads["b"].copy()))
    for mine in found[1:]:
        for a, b in zip(mine, found[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)
