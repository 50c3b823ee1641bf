"""Convolution and pooling against SciPy, plain loops and PyTorch, and in networks as any layer."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import optviz as ov
from optviz.landscapes.curvature import hessian_product
from optviz.landscapes.twin import twin
from optviz.nn import (
    Activation,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    Network,
    images,
)
from optviz.nn.initializers import INITIALIZERS, initializer
from optviz.nn.model import EVALUATION_BATCH

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed (extra `peers`)"
)
#: Height and width, window, strides, channels.
GRID = [
    ((7, 6), (3, 3), (1, 1), 2), ((7, 6), (3, 2), (2, 1), 1), ((5, 5), (5, 5), (1, 1), 3),
    ((8, 9), (1, 1), (3, 2), 2), ((6, 7), (2, 4), (2, 3), 1), ((4, 4), (2, 2), (2, 2), 4),
    ((9, 5), (4, 3), (3, 3), 2), ((3, 3), (3, 3), (4, 4), 1),
]  # fmt: skip


def stood(layer: Layer, image: tuple[int, int], channels: int, dtype: Any = np.float64) -> Layer:
    """A layer on its own, between images."""
    layer.image = image
    for name, values in layer.build(channels, dtype, np.random.default_rng(3)).items():
        layer.params[name], layer.grads[name] = values, np.zeros_like(values)
    return layer


def crossed(layer: Layer, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of images, and of a gradient on its way back, both (n, h, w, c)."""
    y = layer.forward(np.ascontiguousarray(x).reshape(-1, x.shape[-1]), True).copy()
    dx: Any = layer.backward(np.ascontiguousarray(dy).reshape(y.shape).copy())
    return y.reshape(dy.shape), dx.reshape(x.shape).copy()


def padded(x: np.ndarray, window: Any, strides: Any, padding: str, filled: float) -> np.ndarray:
    """Images with what "same" puts around them, as TensorFlow's documentation says."""
    if padding == "valid":
        return x
    sides = [(0, 0)]
    for size, span, stride in zip(x.shape[1:3], window, strides, strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + span - size, 0)
        sides.append((total // 2, total - total // 2))
    return np.pad(x, [*sides, (0, 0)], constant_values=filled)


def windows(x: np.ndarray, window: Any, strides: Any, padding: str, filled: float) -> np.ndarray:
    """(n, out h, out w, c, window h, window w)."""
    around = padded(x, window, strides, padding, filled)
    seen = np.lib.stride_tricks.sliding_window_view(around, window, (1, 2))
    return seen[:, :: strides[0], :: strides[1]]


def drawn(image: tuple[int, int], channels: int, n: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, *image, channels))


@pytest.mark.parametrize("padding", images.PADDINGS)
@pytest.mark.parametrize("case", GRID)
def test_convolution_is_scipys_correlation(case: Any, padding: str) -> None:
    image, window, strides, channels = case
    layer: Any = stood(Conv2D(3, window, strides, padding, init=0.5), image, channels)
    layer.params["b"][...] = [0.1, -0.2, 0.3]
    x = drawn(image, channels)
    around = padded(x, window, strides, padding, 0.0)
    wanted = np.stack([
        sum(
            signal.correlate(sample[..., c], layer.params["W"][..., c, k], mode="valid")
            for c in range(channels)
        )[:: strides[0], :: strides[1]]
        + layer.params["b"][k]
        for sample, k in itertools.product(around, range(3))
    ])  # fmt: skip
    wanted = wanted.reshape(len(x), 3, *wanted.shape[1:]).transpose(0, 2, 3, 1)
    y, _ = crossed(layer, x, np.zeros_like(wanted))
    np.testing.assert_allclose(y, wanted, atol=1e-13)
    assert (layer.image_of(image), layer.outputs) == (wanted.shape[1:3], 3)


@pytest.mark.parametrize("padding", images.PADDINGS)
@pytest.mark.parametrize("case", GRID)
@pytest.mark.parametrize("kind", [MaxPool2D, AveragePool2D])
def test_pools_are_those_of_windows(kind: Any, case: Any, padding: str) -> None:
    image, window, strides, channels = case
    x = drawn(image, channels)
    filled = windows(x, window, strides, padding, np.nan)
    reduced = (np.nanmax if kind is MaxPool2D else np.nanmean)(filled, axis=(-2, -1))
    layer = stood(kind(window, strides, padding), image, channels)
    y, _ = crossed(layer, x, np.zeros_like(reduced))
    np.testing.assert_allclose(y, reduced, atol=1e-14)


@pytest.mark.parametrize("padding", images.PADDINGS)
@pytest.mark.parametrize("case", GRID)
@pytest.mark.parametrize("kind", ["conv", "max", "average"])
def test_gradients_are_differences(kind: str, case: Any, padding: str) -> None:
    """All three are linear, or linear in pieces: a difference is exact but for rounding."""
    image, window, strides, channels = case
    made: dict[str, Any] = {
        "conv": lambda: Conv2D(2, window, strides, padding),
        "max": lambda: MaxPool2D(window, strides, padding),
        "average": lambda: AveragePool2D(window, strides, padding),
    }
    layer = stood(made[kind](), image, channels)
    x = drawn(image, channels)
    shape = (len(x), *layer.image_of(image), layer.outputs)  # type: ignore[misc]
    dy, way = (np.random.default_rng(k).normal(size=shape) for k in (5, 6))
    _, dx = crossed(layer, x, dy)
    grads = {name: grad.copy() for name, grad in layer.grads.items()}
    rng, h = np.random.default_rng(7), 1e-4
    way = rng.normal(size=x.shape)
    ahead, behind = (crossed(layer, x + sign * h * way, dy)[0] for sign in (1, -1))
    assert np.sum(dx * way) == pytest.approx(np.sum(dy * (ahead - behind)) / (2 * h), rel=1e-8)
    for name, grad in grads.items():
        way, at = rng.normal(size=grad.shape), layer.params[name].copy()
        values = []
        for sign in (1, -1):
            layer.params[name][...] = at + sign * h * way
            values.append(crossed(layer, x, dy)[0])
        layer.params[name][...] = at
        slope = np.sum(dy * (values[0] - values[1])) / (2 * h)
        assert np.sum(grad * way) == pytest.approx(slope, rel=1e-8), name


def torch_pad(x: Any, window: Any, strides: Any, padding: str, filled: float) -> Any:
    import torch

    if padding == "valid":
        return x
    sides: list[int] = []
    for size, span, stride in zip(x.shape[:1:-1], window[::-1], strides[::-1], strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + span - size, 0)
        sides += [total // 2, total - total // 2]
    return torch.nn.functional.pad(x, sides, value=filled)


SHAPES = st.tuples(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)), st.integers(1, 3),
)  # fmt: skip


@pytest.mark.peers
@needs_torch
@given(case=SHAPES, kind=st.sampled_from(["conv", "max", "average"]),
       padding=st.sampled_from(images.PADDINGS), few=st.booleans())  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_layers_are_torchs(case: Any, kind: str, padding: str, few: bool) -> None:
    """Forward and backward within 1e-10 in float64, a few images at a time or all."""
    import torch

    image, window, strides, channels = case
    if padding == "valid" and any(w > s for w, s in zip(window, image, strict=True)):
        return
    made: dict[str, Any] = {
        "conv": lambda: Conv2D(3, window, strides, padding),
        "max": lambda: MaxPool2D(window, strides, padding),
        "average": lambda: AveragePool2D(window, strides, padding),
    }
    layer: Any = stood(made[kind](), image, channels)
    if kind == "conv" and few:
        layer._few = 2
    x = drawn(image, channels, n=5)
    given_x = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    if kind == "conv":
        weights = torch.tensor(layer.params["W"].transpose(3, 2, 0, 1).copy(), requires_grad=True)
        theirs = torch.nn.functional.conv2d(
            torch_pad(given_x, window, strides, padding, 0.0), weights, stride=strides
        )
    elif kind == "max":
        theirs = torch.nn.functional.max_pool2d(
            torch_pad(given_x, window, strides, padding, -torch.inf), window, strides
        )
    else:
        around = torch_pad(given_x, window, strides, padding, 0.0)
        ones = torch_pad(torch.ones_like(given_x), window, strides, padding, 0.0)
        pool = torch.nn.functional.avg_pool2d
        theirs = pool(around, window, strides) / pool(ones, window, strides)
    dy = np.random.default_rng(2).normal(size=theirs.shape)
    theirs.backward(torch.tensor(dy))
    y, dx = crossed(layer, x, dy.transpose(0, 2, 3, 1))
    close: dict[str, Any] = {"atol": 1e-10, "rtol": 1e-10}
    np.testing.assert_allclose(y, theirs.detach().numpy().transpose(0, 2, 3, 1), **close)
    np.testing.assert_allclose(dx, given_x.grad.numpy().transpose(0, 2, 3, 1), **close)
    if kind == "conv":
        np.testing.assert_allclose(
            layer.grads["W"], weights.grad.numpy().transpose(2, 3, 1, 0), **close
        )
        np.testing.assert_allclose(layer.grads["b"], dy.sum(axis=(0, 2, 3)), **close)


# -- networks ---------------------------------------------------------------------------------


def network(dtype: Any = np.float64, rng: Any = 0, **settings: Any) -> Network:
    """The shape of the lab's, small."""
    return Network((8, 8, 2), [
        Conv2D(4, 3, init="he"), BatchNorm(), Activation("relu"), MaxPool2D(2),
        Conv2D(6, 2, padding="same", init="he"), Activation("tanh"), AveragePool2D(2, 1), Flatten(),
        Dense(9), Activation("relu"), Dense(3),
    ], dtype=dtype, rng=rng, **settings)  # fmt: skip


def task(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    y = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 8, 8, 2))
    x[np.arange(n), y * 2, 1:7, 0] += 2
    return x, y


@pytest.mark.parametrize("penalties", [{}, {"l1": 1e-3}, {"l2": {"W": 0.1, "b": 0.01}}])
def test_the_whole_gradient_is_a_difference(penalties: dict[str, Any]) -> None:
    net, (x, y) = network(**penalties), task()
    inputs, targets = net.batch(net.check_inputs(x), slice(None)), net.check_targets(y, len(x))
    gradient = net.gradient(x, y)
    rng, h = np.random.default_rng(1), 1e-6
    at = net.parameters.copy()
    for _ in range(5):
        way, values = rng.normal(size=at.size), []
        for sign in (1, -1):
            net.parameters[...] = at + sign * h * way
            values.append(sum(net.step_gradient(inputs, targets)[:2]))
        net.parameters[...] = at
        assert gradient @ way == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6)


def torch_twin(net: Network) -> Any:
    """The network of `network()` in PyTorch, with the same parameters."""
    import torch

    class Rows(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)

    wide = {"dtype": torch.float64}
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, **wide), torch.nn.BatchNorm2d(4, momentum=0.1, eps=1e-5, **wide),
        torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.ZeroPad2d((0, 1, 0, 1)),
        torch.nn.Conv2d(4, 6, 2, **wide), torch.nn.Tanh(), torch.nn.AvgPool2d(2, 1), Rows(),
        torch.nn.Linear(24, 9, **wide), torch.nn.ReLU(), torch.nn.Linear(9, 3, **wide),
    )  # fmt: skip
    for ours, theirs in zip(parameters_of(net), model.parameters(), strict=True):
        theirs.data = torch.tensor(turned(ours))
    return model


def parameters_of(net: Network) -> list[np.ndarray]:
    return [values for layer in net.layers for values in layer.params.values()]


def turned(values: np.ndarray) -> np.ndarray:
    """Ours as PyTorch lays it out."""
    return np.ascontiguousarray(values.transpose(3, 2, 0, 1) if values.ndim == 4 else values.T)


@pytest.mark.peers
@needs_torch
def test_training_is_torchs() -> None:
    """The same weights and batches: losses, parameters and running statistics after an epoch."""
    import torch

    net, (x, y) = network(), task(60)
    assert net.layers[1].spec()["convention"] == "book"
    for layer in net.layers:
        if isinstance(layer, BatchNorm):
            layer.momentum, layer.eps = 0.9, 1e-5
    model = torch_twin(net)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    ours, losses = ov.Adam(lr=0.01, convention="torch"), []
    wide = torch.tensor(x.transpose(0, 3, 1, 2).copy())
    for part in (slice(0, 20), slice(20, 40), slice(40, 60)):
        loss, _, _ = net.step_gradient(
            net.batch(net.check_inputs(x[part]), slice(None)), net.check_targets(y[part], 20)
        )
        ours.update({"θ": net.parameters}, {"θ": net.gradients})
        optimizer.zero_grad()
        theirs = torch.nn.functional.cross_entropy(model(wide[part]), torch.tensor(y[part]))
        theirs.backward()
        optimizer.step()
        losses.append((loss, theirs.item()))
    np.testing.assert_allclose(*np.transpose(losses), rtol=1e-10)
    for found, wanted in zip(parameters_of(net), model.parameters(), strict=True):
        np.testing.assert_allclose(turned(found), wanted.detach().numpy(), atol=1e-9)
    norm: Any = model[1]
    np.testing.assert_allclose(net.layers[1].averages["mean"], norm.running_mean, atol=1e-10)


def test_it_learns_and_is_kept(tmp_path: Any) -> None:
    net, (x, y) = network(np.float32), task(300)
    history = net.fit(x, y, ov.Adam(lr=0.01), epochs=6, batch_size=25, rng=0, hints=False)
    assert history.accuracy[-1] > 0.9
    path = net.save(tmp_path / "net.npz")
    again = Network.load(path)
    np.testing.assert_array_equal(again.outputs_of(x), net.outputs_of(x))
    assert again.shape == (8, 8, 2)
    assert json.loads(json.dumps(net.spec())) == json.loads(json.dumps(again.spec()))
    np.testing.assert_array_equal(twin(net).outputs_of(x), net.outputs_of(x))


def test_a_checkpoint_ends_with_the_same_bits(tmp_path: Any) -> None:
    x, y = task(60)
    whole, halves = network(), network()
    options: dict[str, Any] = {"batch_size": 15, "rng": 0, "hints": False}
    whole.fit(x, y, ov.Adam(lr=0.01), epochs=4, **options)
    path = tmp_path / "run.npz"
    halves.fit(x, y, ov.Adam(lr=0.01), epochs=2, checkpoint=path, **options)
    later = network()
    later.fit(x, y, ov.Adam(lr=0.01), epochs=4, checkpoint=path, **options)
    np.testing.assert_array_equal(whole.parameters, later.parameters)


def test_batch_normalisation_is_over_channels() -> None:
    net, (x, _) = network(), task()
    assert net.layers[1].params["gamma"].shape == (4,)
    before, after = (
        net.activations(x, training=True)[name] for name in ("1 conv2d", "1 batchnorm")
    )
    mean, spread = before.mean(axis=(0, 1, 2)), before.std(axis=(0, 1, 2))
    np.testing.assert_allclose(after, (before - mean) / np.sqrt(spread**2 + net.layers[1].eps),
                               atol=1e-6)  # fmt: skip


def test_a_dense_layer_before_flatten_is_a_convolution_of_one_pixel() -> None:
    """As in Keras: it stands on the last axis."""
    ways = [[Dense(5, init="he")], [Conv2D(5, 1, init="he")]]
    nets = [Network((4, 4, 3), [*way, Flatten(), Dense(2)], dtype="float64", rng=0)
            for way in ways]  # fmt: skip
    nets[1].parameters[...] = nets[0].parameters
    x = np.random.default_rng(0).normal(size=(6, 4, 4, 3))
    np.testing.assert_allclose(nets[0].outputs_of(x), nets[1].outputs_of(x), atol=1e-13)


def test_a_layer_of_ones_own_stands_between() -> None:
    class Negative(Layer):
        def forward(self, x: Any, training: bool) -> Any:
            return np.negative(x)

        def backward(self, dy: Any) -> Any:
            return np.negative(dy)

    net = Network((5, 5, 1), [Conv2D(2), Negative(), Flatten(), Dense(2)], rng=0)
    x = np.ones((3, 5, 5, 1))
    made = net.activations(x)
    np.testing.assert_array_equal(made["1 negative"], -made["1 conv2d"])
    assert made["1 negative"].shape == (3, 3, 3, 2)
    assert np.isfinite(net.gradient(x, [0, 1, 0])).all()


def test_rows_images_and_images_without_channels_are_one() -> None:
    net = Network((6, 5, 1), [Conv2D(2), Flatten(), Dense(3)], rng=0)
    x = np.random.default_rng(0).normal(size=(4, 6, 5))
    wanted = net.outputs_of(x)
    np.testing.assert_array_equal(net.outputs_of(x[..., None]), wanted)
    np.testing.assert_array_equal(net.outputs_of(x.reshape(4, -1)), wanted)


def test_evaluation_takes_few_images_at_a_time() -> None:
    net = Network((64, 64, 1), [Conv2D(8, padding="same"), Flatten(), Dense(2)],
                  dtype="float64", rng=0)  # fmt: skip
    parts = [part.stop - part.start for part in net._slices(1000)]
    assert max(parts) * 64 * 64 * 8 <= 1 << 22
    small = Network(4, [Dense(2)], rng=0)
    assert [part.stop for part in small._slices(1500)] == [EVALUATION_BATCH, 2 * EVALUATION_BATCH]
    x = np.random.default_rng(0).normal(size=(150, 64, 64))
    alone = np.concatenate([net.outputs_of(one[None]) for one in x])
    np.testing.assert_allclose(net.outputs_of(x), alone, atol=1e-12)


def test_few_at_a_time_or_all_at_once_is_the_same() -> None:
    x, y = task()
    found = []
    for few in (1, 7, 1000):
        net = network()
        for layer in net.layers:
            if isinstance(layer, Conv2D):
                layer._few = few
        found.append(net.gradient(x, y))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-9, atol=1e-14)


def test_landscapes_of_images() -> None:
    net, (x, y) = Network((8, 8, 2), [  # smooth: differences of losses see no kinks
        Conv2D(4, 3), BatchNorm(), Activation("tanh"), AveragePool2D(2),
        Conv2D(3, 2, padding="same"), Activation("silu"), Flatten(), Dense(3),
    ], dtype="float64", rng=0), task()  # fmt: skip
    land = ov.landscape(net, x, y, size=(3, 3), rng=1)
    assert land.loss[1, 1] == pytest.approx(net.loss(x, y), rel=1e-10)
    v = np.random.default_rng(0).normal(size=net.parameters.size)
    at, h, values = net.parameters.copy(), 1e-4, []
    for step in (1, 0, -1):
        net.parameters[...] = at + step * h * v
        values.append(net.loss(x, y))
    net.parameters[...] = at
    curved = (values[0] - 2 * values[1] + values[2]) / h**2
    assert v @ hessian_product(net, x, y)(v) == pytest.approx(curved, rel=1e-5)


def test_a_nan_is_seen() -> None:
    for layer in (MaxPool2D(2), AveragePool2D(2), Conv2D(1, 2)):
        x = np.ones((1, 4, 4, 1))
        x[0, 1, 1, 0] = np.nan
        y = stood(layer, (4, 4), 1).forward(x.reshape(-1, 1), False)
        assert np.isnan(y).any()


@pytest.mark.parametrize("name", ["lecun_normal", "lecun_uniform", "random_uniform"])
def test_initialisers(name: str) -> None:
    """Keras: variances 1/fan_in, and ±0.05; a convolution's fans count its window."""
    w = initializer(name)(np.random.default_rng(0), 300, 200)
    variance = 0.05**2 / 3 if name == "random_uniform" else 1 / 300
    assert w.var() == pytest.approx(variance, rel=0.03)
    if name != "lecun_normal":
        assert abs(w).max() <= math.sqrt(3 * variance)
    assert name in INITIALIZERS


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 45), ("xavier", 2 / (45 + 9 * 400))])
def test_the_fans_of_a_convolution_count_its_window(init: str, variance: float) -> None:
    layer = stood(Conv2D(400, 3, init=init), (9, 9), 5)
    assert layer.params["W"].var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Conv2D(0), "filters must be a whole number ≥ 1, not 0"),
        (lambda: Conv2D(2, (3,)), "kernel must be a whole number ≥ 1, or two"),
        (lambda: Conv2D(2, strides=0), "strides must be"),
        (lambda: Conv2D(2, padding="full"), "padding must be valid or same, not 'full'"),
        (lambda: MaxPool2D(True), "size must be"),
        (lambda: Network(16, [Conv2D(2), Flatten(), Dense(2)]), "(height, width, channels)"),
        (lambda: Network(16, [Flatten(), Dense(2)]), "(height, width, channels)"),
        (lambda: Network((4, 4, 1), [Conv2D(2)]), "ends with images: add Flatten()"),
        (lambda: Network((4, 4, 1), [Conv2D(2, 5), Flatten()]), "smaller than its window of 5 × 5"),
        (lambda: Network((4, 4), [Flatten()]), "or (height, width, channels) of images"),
        (lambda: network().outputs_of(np.zeros((3, 8, 8, 1))), "the shape (n, 8, 8, 2)"),
    ],
)  # fmt: skip
def test_refusals(make: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        make()


def test_a_summary_tells_images() -> None:
    told = str(network().summary())
    assert "8 × 8 × 2 → 3" in told
    assert "(n, 6, 6, 4)" in told
    assert "(n, 24)" in told


def test_dropout_and_every_initialiser_stand_in_images() -> None:
    x, y = task()
    for name in INITIALIZERS:
        net = Network((8, 8, 2), [Conv2D(3, init=name), Activation("relu"), Dropout(0.4),
                                  Flatten(), Dense(3)], rng=0)  # fmt: skip
        assert net.layers[0].params["W"].shape == (3, 3, 2, 3)
        assert np.isfinite(net.gradient(x, y)).all(), name
