"""Networks: gradients of the whole, the flat vector, evaluation, files, and what is refused."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import optviz as ov
from optviz.nn import MLP, Activation, BatchNorm, Dense, Dropout, Layer, Network
from optviz.nn.activations import ACTIVATIONS
from optviz.optimizers.parse import parse_optimizer
from optviz.shared.archive import read_archive, write_archive
from tests.catalogue import RULES
from tests.processes import PEAK
from tests.reference import layers as paper
from tests.reference import networks

RECORDED = np.load(networks.FILE, allow_pickle=False)
CLOSE: dict[str, Any] = {"atol": 1e-12, "rtol": 1e-11}
PLACES = (False, "before", "after", "logits")
HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed (extra `peers`)")


def problem(loss: str = "softmax", n: int = 9, seed: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    targets = {
        "softmax": rng.integers(0, 3, n),
        "one-hot": np.eye(3)[rng.integers(0, 3, n)],
        "binary": rng.integers(0, 2, (n, 3)),
        "mse": rng.normal(size=(n, 3)),
    }
    return x, targets[loss]


def stirred(network: Network, seed: int = 31) -> Network:
    """All parameters different from where they begin: no zeros and ones that would hide a fault."""
    rng = np.random.default_rng(seed)
    network.parameters += rng.normal(scale=0.2, size=network.parameters.size)
    return network


def gradients_agree(network: Network, x: Any, y: np.ndarray) -> tuple[float, float]:
    """Ours against complex step and central differences: the largest differences, relative.

    The masks of dropout are those of one pass, made again each time.
    """
    drops = {
        name: layer
        for name, layer in zip(network.names, network.layers, strict=True)
        if isinstance(layer, Dropout)
    }
    rows, targets = network.check_inputs(x), network.check_targets(y, x.shape[0])
    theta = network.parameters.copy()

    def value(vector: np.ndarray) -> float:
        network.parameters[:] = vector
        for layer in drops.values():
            layer.averages["passes"][:] = 7
        return sum(network.step_gradient(rows, targets)[:2])

    ours = value(theta)
    gradient = network.gradients.copy()
    sizes = {}
    for name, layer in zip(network.names, network.layers, strict=True):
        sizes[name] = (x.shape[0], layer.outputs)
    masks = {
        name: paper.dropout_mask(layer._key, layer.rate, sizes[name])
        for name, layer in drops.items()
    }
    dense = x.toarray() if sparse.issparse(x) else x

    def on_paper(vector: np.ndarray) -> Any:
        return paper.loss(network, network.views(vector), dense, np.asarray(y), masks)

    np.testing.assert_allclose(ours, on_paper(theta), rtol=1e-12)
    exact = paper.complex_step(on_paper, theta)
    difference = paper.central_difference(value, theta)
    network.parameters[:] = theta
    scale = np.abs(exact).max()
    return np.abs(gradient - exact).max() / scale, np.abs(gradient - difference).max() / scale


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_whole_networks(activation: str, place: str | bool) -> None:
    net = stirred(MLP((4, 6, 5, 3), activation=activation, batch_norm=place, dtype=float, rng=1))
    by_complex_step, by_difference = gradients_agree(net, *problem())
    assert by_complex_step < 1e-12
    assert by_difference < 1e-7


@pytest.mark.parametrize("loss", ["softmax", "one-hot", "binary", "mse"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("penalty", [{}, {"l1": 0.02, "l2": 0.3}, {
    "l1": {"W": 0.01, "b": 0.02, "gamma": 0.03, "beta": 0.04},
    "l2": {"b": 0.1, "gamma": 0.2, "beta": 0.3},
}], ids=["plain", "weights", "by kind"])  # fmt: skip
def test_gradients_with_dropout_and_penalties(loss: str, place: Any, penalty: Any) -> None:
    name = "softmax" if loss == "one-hot" else loss
    net = MLP((4, 6, 5, 3), activation="tanh", batch_norm=place, dropout=0.3, loss=name,
              dtype=float, rng=2, **penalty)  # fmt: skip
    by_complex_step, by_difference = gradients_agree(stirred(net), *problem(loss))
    assert by_complex_step < 1e-12
    assert by_difference < 1e-7


def test_gradients_of_unusual_networks() -> None:
    """Layers in any order: first a normalisation, an activation, a dropout; several at the end."""
    rows = [
        [BatchNorm(eps=0.1), Dense(3)],
        [Activation("tanh"), Dense(4), Dense(3), Activation("sigmoid")],
        [Dropout(0.2), Dense(3), BatchNorm(), BatchNorm(eps=0.5)],
        [Dense(3, bias=False), Dropout(0.4)],
        [BatchNorm(), Activation("gelu"), Dropout(0.3), Dense(5), Activation("silu"), Dropout(0.1),
         Dropout(0.2), Dense(3)],
    ]  # fmt: skip
    for k, row in enumerate(rows):
        net = stirred(Network(4, row, loss="mse", dtype=np.float64, rng=k))
        by_complex_step, by_difference = gradients_agree(net, *problem("mse", n=12))
        assert by_complex_step < 1e-12, k
        assert by_difference < 1e-7, k


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.coo_matrix])
def test_sparse_input_is_dense_input(form: Any) -> None:
    x, y = problem(n=20)
    x = np.where(x > 0.3, x, 0)
    nets = [stirred(MLP((4, 6, 3), batch_norm=True, dtype=float, rng=3)) for _ in range(2)]
    np.testing.assert_allclose(nets[0].gradient(form(x), y), nets[1].gradient(x, y), **CLOSE)
    np.testing.assert_allclose(nets[0].predict_proba(form(x)), nets[1].predict_proba(x), rtol=1e-12)
    assert max(gradients_agree(nets[0], sparse.csr_matrix(x), y)) < 1e-7
    assert gradients_agree(nets[0], sparse.csr_matrix(x), y)[0] < 1e-12


@pytest.mark.parametrize("place", PLACES)
def test_float32_is_close_to_float64(place: Any) -> None:
    x, y = problem(n=64)
    found = []
    for dtype in (np.float32, np.float64):
        net = MLP((4, 20, 20, 3), batch_norm=place, dropout=0.3, l2=0.01, dtype=dtype, rng=4)
        found.append(net.gradient(x, y))
        assert net.gradient(x, y).dtype == dtype
    assert np.abs(found[0] - found[1]).max() < 2e-5 * np.abs(found[1]).max()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float16, ">f8"])
def test_numbers_of_other_types(dtype: Any) -> None:
    x = np.random.default_rng(5).integers(0, 2, (30, 4)).astype(dtype)
    for row in ([Dense(3)], [BatchNorm(), Dense(3)]):
        specs = [layer.spec() for layer in row]
        net = Network(4, row, rng=0)
        y = np.arange(30) % 3
        wanted = net.gradient(x.astype(np.float32), y)
        np.testing.assert_array_equal(net.gradient(x, y), wanted)
        np.testing.assert_array_equal(net.gradient(np.asfortranarray(x)[::1], y), wanted)
        np.testing.assert_array_equal(net.predict(x.tolist()), net.predict(x))
        assert [layer.spec() for layer in net.layers] == specs


# -- your own layers --------------------------------------------------------------------------


class Scale(Layer):
    """y = a x, with an a for each number."""

    decays = frozenset({"a"})

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.start = start

    def shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        return {"a": (inputs,)}

    def build(self, inputs: int, dtype: Any, rng: Any) -> dict[str, np.ndarray]:
        super().build(inputs, dtype, rng)
        self.averages = {"seen": np.zeros(1)}
        return {"a": np.full(inputs, self.start)}

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        self._x = x
        self.averages["seen"] += training * len(x)
        return np.multiply(x, self.params["a"], out=self.buffer("y", *x.shape))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.grads["a"][...] = (dy * self._x).sum(axis=0)
        return np.multiply(dy, self.params["a"], out=dy)


class Pairs(Layer):
    """y = x₁x₂, x₃x₄, …: half as many outputs, and no parameters."""

    def outputs_of(self, inputs: int) -> int:
        return inputs // 2

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        self._x = x
        return np.ascontiguousarray(x[:, ::2] * x[:, 1::2])

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = self.buffer("dx", *self._x.shape)
        dx[:, ::2], dx[:, 1::2] = dy * self._x[:, 1::2], dy * self._x[:, ::2]
        return dx


class Doubled(Activation):
    """Twice the activation: what is fused must not take it for one."""

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        return np.multiply(2, super().forward(x, training), out=self.buffer("two", *x.shape))

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return 2 * super().backward(dy)


OWN = [Scale, Pairs, Doubled]


def own_network(dtype: Any = float, **options: Any) -> Network:
    row = [Scale(0.5), Dense(8), BatchNorm(), Doubled("tanh"), Dropout(0.0), Pairs(), Scale(),
           Dense(3)]  # fmt: skip
    return stirred(Network(4, row, dtype=dtype, rng=0, **options))


def test_networks_with_own_layers_have_the_right_gradient() -> None:
    x, y = problem()
    net = own_network(l2=0.1, l1={"a": 0.2})
    found, theta = net.gradient(x, y), net.parameters.copy()

    def value(vector: np.ndarray) -> float:
        net.parameters[:] = vector
        return sum(net.step_gradient(x, y)[:2])

    wanted = paper.central_difference(value, theta)
    net.parameters[:] = theta
    assert np.abs(found - wanted).max() < 1e-7 * np.abs(wanted).max()
    assert net.names == ("1 scale", "2 dense", "2 batchnorm", "2 tanh", "2 dropout", "2 pairs",
                         "3 scale", "4 dense")  # fmt: skip
    weights = [name for name in net.views() if name.endswith(("/W", "/a"))]
    assert net.decaying == sum(net.views()[name].size for name in weights)
    # A number is the penalty of all weights, own ones too; nothing own is fused.
    weighty = sum((net.views()[name] ** 2).sum() for name in weights)
    bare = own_network(l1={"a": 0.2}).step_gradient(x, y)[1]
    np.testing.assert_allclose(net.step_gradient(x, y)[1] - bare, 0.05 * weighty)
    one_by_one = list(net.activations(x, training=True).values())
    np.testing.assert_allclose(net.forward(x, training=True), one_by_one[-1], **CLOSE)


def test_own_layers_train_are_saved_and_come_back(tmp_path: Path) -> None:
    x, y = problem(n=60)
    net, whole, parts = own_network("float32"), own_network("float32"), own_network("float32")
    history = net.fit(x, y, ov.Adam(lr=0.01), epochs=20, batch_size=16, rng=0)
    assert history.loss[-1] < 0.8 * history.loss[0]
    again = Network.load(net.save(tmp_path / "a.npz"), layers=OWN)
    np.testing.assert_array_equal(again.outputs_of(x), net.outputs_of(x))
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in net.layers]
    assert again.layers[0].averages["seen"] == [1200]
    assert again.spec() == net.spec()
    # And from a checkpoint, which is of a network that is there.
    whole.fit(x, y, ov.Adam(), epochs=4, rng=0)
    for epochs in (2, 4):
        parts = own_network("float32")
        parts.fit(x, y, ov.Adam(), epochs=epochs, rng=0, checkpoint=tmp_path / "c.npz")
    np.testing.assert_array_equal(parts.parameters, whole.parameters)


def test_layers_that_are_not_known_are_refused(tmp_path: Path) -> None:
    """By name: a class is never looked for anywhere but in what was given."""
    path = own_network().save(tmp_path / "a.npz")
    says = (
        r"a\.npz: its layer 'Scale' is none of Dense, BatchNorm, Activation, Dropout, Conv2D, "
        r"MaxPool2D, AveragePool2D, Flatten: if it is "
        r"your own, give its class, as in Network\.load\(path, layers=\[Scale\]\)$"
    )
    with pytest.raises(ValueError, match=says):
        Network.load(path)
    with pytest.raises(ValueError, match=r"its layer 'Doubled' is none of .*, Scale: if"):
        Network.load(path, layers=[Scale])
    for wrong in (Scale(), [Scale()], ["Scale"], [int], None):
        with pytest.raises(ValueError, match="layers must be classes of your own layers, not"):
            Network.load(path, layers=wrong)  # type: ignore[arg-type]
    other = type("Dense", (Scale,), {})
    with pytest.raises(ValueError, match="layers has two classes Dense"):
        Network.load(path, layers=[other])
    with pytest.raises(ValueError, match="with your own Dense cannot be kept in a file"):
        Network(2, [other()]).save(tmp_path / "b.npz")
    # The sizes of own layers are held against the file as well, before they are made.
    arrays, spec = read_archive(path, "network")
    write_archive(path, arrays, {**spec, "inputs": 10**15})
    assert "parameters are not its layers'" in refused(path, layers=OWN)
    for odd in ({"start": "x"}, {"begin": 1.0}):
        layers = [{"layer": "Scale", **odd}, *spec["layers"][1:]]
        write_archive(path, arrays, {**spec, "layers": layers})
        refused(path, layers=OWN)


def test_layers_that_contradict_themselves() -> None:
    class Forgetful(Scale):
        def build(self, inputs: int, dtype: Any, rng: Any) -> dict[str, np.ndarray]:
            return {k: v[:-1] for k, v in super().build(inputs, dtype, rng).items()}

    with pytest.raises(ValueError, match=r"builds .*\(3,\).*shapes are .*\(4,\)"):
        Network(4, [Forgetful(2.0)])
    layer = Scale(2.0)
    del layer.start
    with pytest.raises(ValueError, match="a Scale must keep its arguments as attributes: start"):
        layer.spec()


# -- PyTorch ----------------------------------------------------------------------------------


@pytest.mark.peers
@needs_torch
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("activation", ["relu", "gelu", "softplus", "tanh"])
def test_gradients_are_torchs(activation: str, place: Any) -> None:
    import torch

    net = stirred(MLP((4, 6, 5, 3), activation=activation, batch_norm=place, convention="torch",
                      dtype=float, rng=6))  # fmt: skip
    model, named = networks.torch_model(net, net.views())
    x, y = problem(n=15)
    loss = torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y))
    loss.backward()
    net.gradient(x, y)
    mine = net.views(net.gradients)
    assert mine.keys() == named.keys()
    for name, parameter in named.items():
        np.testing.assert_allclose(mine[name], parameter.grad.numpy().T, **CLOSE, err_msg=name)
    model.eval()
    theirs = model(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(net.outputs_of(x), theirs, **CLOSE)


def our_run(name: str) -> dict[str, np.ndarray]:
    net = networks.our_network()
    for key, values in networks.first_values({k: v.shape for k, v in net.views().items()}).items():
        net.views()[key][...] = values
    optimizer = ov.optimizers[name](convention="torch", **networks.OPTIMIZERS[name][0])
    x, y = networks.data()
    out = {}
    for step, rows in enumerate(networks.batches(), 1):
        gradient = net.gradient(x[rows], y[rows])
        optimizer.update({"all": net.parameters}, {"all": gradient})
        if step in networks.SEEN:
            out |= {f"{name}/{step}/{k}": v.copy() for k, v in net.views().items()}
    norms = [layer for layer in net.layers if isinstance(layer, BatchNorm)]
    for k, norm in enumerate(norms):
        out |= {f"{name}/{key}{k}": norm.averages[key] for key in ("mean", "variance")}
    return out


@pytest.mark.parametrize("name", networks.OPTIMIZERS)
def test_a_hundred_steps_are_torchs(name: str) -> None:
    """Recorded; the parameters moved far more than the bound."""
    mine = our_run(name)
    assert mine.keys() == {key for key in RECORDED.files if key.split("/")[0] == name}
    for key, values in mine.items():
        np.testing.assert_allclose(values, RECORDED[key], rtol=0, atol=1e-9, err_msg=key)
    assert np.abs(mine[f"{name}/100/1 dense/W"] - mine[f"{name}/1/1 dense/W"]).max() > 0.03


@pytest.mark.peers
@needs_torch
@pytest.mark.parametrize("name", networks.OPTIMIZERS)
def test_a_hundred_steps_are_torchs_live(name: str) -> None:
    theirs = networks.torch_run(networks.our_network(), name)
    for key, values in our_run(name).items():
        np.testing.assert_allclose(values, theirs[key], rtol=0, atol=1e-9, err_msg=key)


# -- the flat vector --------------------------------------------------------------------------


def test_views_are_the_flat_vector() -> None:
    net = MLP((4, 6, 5, 3), batch_norm="after", rng=0)
    views, slopes = net.views(), net.views(net.gradients)
    assert sum(view.size for view in views.values()) == net.parameters.size
    for k, (name, view) in enumerate(views.items()):
        assert np.shares_memory(view, net.parameters)
        assert np.shares_memory(slopes[name], net.gradients)
        view[...] = k
    weights = {k for k, name in enumerate(views) if name.endswith("/W")}
    assert set(net.parameters[: net.decaying]) == weights
    assert set(net.parameters[net.decaying :]) == set(range(len(views))) - weights
    number, key = net.names.index("2 dense"), "2 dense/W"
    assert np.shares_memory(net.layers[number].params["W"], views[key])
    net.parameters[:] = 0
    assert not any(view.any() for view in views.values())


def test_layers_of_a_kind_have_different_names() -> None:
    """With the same name, one's parameters would hide the other's."""
    net = Network(2, [BatchNorm(), BatchNorm(), Dense(3), Dropout(0.1), Dropout(0.2)])
    assert net.names == ("0 batchnorm", "0 batchnorm 2", "1 dense", "1 dropout", "1 dropout 2")
    assert sum(view.size for view in net.views().values()) == net.parameters.size == 17
    assert len(net.activations(np.ones((2, 2)))) == 5


@pytest.mark.parametrize("name", RULES)
def test_any_optimizer_steps_it(name: str) -> None:
    x, y = problem(n=40)
    net = MLP((4, 8, 3), batch_norm=True, rng=0)
    before = net.parameters.copy()
    history = net.fit(x, y, ov.optimizers[name](), epochs=2, batch_size=16, rng=0)
    assert np.isfinite(net.parameters).all()
    assert not np.array_equal(net.parameters, before)
    assert history.steps == 6


class SignMomentum(ov.Optimizer):
    """A user's own."""

    defaults = {"lr": 0.01, "beta": 0.9, "weight_decay": 0.0}

    @staticmethod
    def rule(x, g, m, lr, beta, weight_decay):
        m = beta * m + (1 - beta) * g
        return x - lr * (np.sign(m) + weight_decay * x), m


def test_a_users_own_optimizer_steps_it() -> None:
    x, y = problem(n=40)
    for decay in (0.0, 0.5):
        net, twin = (MLP((4, 8, 3), dtype=float, rng=0) for _ in range(2))
        net.fit(x, y, SignMomentum(weight_decay=decay), epochs=1, batch_size=40, rng=0)
        sign = np.sign(twin.gradient(x, y))
        wanted = twin.parameters - 0.01 * sign
        wanted[: twin.decaying] -= 0.01 * decay * twin.parameters[: twin.decaying]
        np.testing.assert_allclose(net.parameters, wanted, atol=1e-15)


def test_adamw_decays_weights_only_and_goes_on() -> None:
    """Its own decay falls on weights; on the rest it is Adam, also in a second call of fit."""
    x, y = problem(n=40)
    nets = [MLP((4, 8, 3), batch_norm="after", dtype=float, rng=0) for _ in range(3)]
    made = [ov.AdamW(lr=0.01, weight_decay=0.5), ov.AdamW(lr=0.01, weight_decay=0.5)]
    for _ in range(2):
        nets[0].fit(x, y, made[0], epochs=1, batch_size=40, rng=0)
    nets[1].fit(x, y, made[1], epochs=2, batch_size=40, rng=0)
    # The order of the rows differs, the batch does not.
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-9, atol=1e-12)
    assert made[0].steps == 2
    one = MLP((4, 8, 3), batch_norm="after", dtype=float, rng=0)
    begin, count = one.parameters.copy(), one.decaying
    one.fit(x, y, ov.AdamW(lr=0.01, weight_decay=0.5), epochs=1, batch_size=40, rng=0)
    nets[2].fit(x, y, ov.Adam(lr=0.01), epochs=1, batch_size=40, rng=0)
    moved = one.parameters - nets[2].parameters
    np.testing.assert_allclose(moved[:count], -0.01 * 0.5 * begin[:count], atol=1e-14)
    np.testing.assert_array_equal(moved[count:], 0)
    # A rate that a callback changes is that of both parts.
    gentle = ov.AdamW(lr=0.01)
    net = MLP((4, 8, 3), dtype=float, rng=0)

    def stop_moving(network: Network, history: Any) -> None:
        gentle.lr = 1e-30
        frozen.append(network.parameters.copy())

    frozen: list[np.ndarray] = []
    net.fit(x, y, gentle, epochs=3, callbacks=[stop_moving], rng=0)
    np.testing.assert_array_equal(frozen[0], frozen[2])


@pytest.mark.parametrize("optimizer", ["sgd:lr=0.1", "adam:lr=0.01", "sgd:lr=exponential(0.1,0.5)"])
def test_decoupled_decay_is_its_formula(optimizer: str) -> None:
    x, y = problem(n=40)
    net, twin = (MLP((4, 8, 3), dtype=float, rng=0) for _ in range(2))
    first, second = parse_optimizer(optimizer), parse_optimizer(optimizer)
    net.fit(x, y, first, epochs=3, batch_size=40, weight_decay=0.2, rng=0)
    rates = [first.lr if first.schedule is None else first.schedule(k) for k in range(3)]
    for rate in rates:
        gradient = twin.gradient(x, y)
        twin.parameters[: twin.decaying] *= 1 - rate * 0.2
        second.update({"all": twin.parameters}, {"all": gradient})
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-9, atol=1e-12)


def test_l2_adds_its_share_to_the_gradient() -> None:
    x, y = problem(n=40)
    bare = MLP((4, 8, 3), dtype=float, rng=0)
    net = MLP((4, 8, 3), dtype=float, rng=0, l1=0.1, l2={"W": 0.3, "b": 0.7})
    stirred(bare), stirred(net)
    extra = net.views(net.gradient(x, y) - bare.gradient(x, y))
    for name, theta in net.views().items():
        is_weight = name.endswith("W")
        wanted = (0.3 * theta + 0.1 * np.sign(theta)) if is_weight else 0.7 * theta
        np.testing.assert_allclose(extra[name], wanted, atol=1e-14)
    # The loss of evaluation has no penalties in it.
    assert net.loss(x, y) == bare.loss(x, y)


# -- evaluation -------------------------------------------------------------------------------


def test_evaluation_is_the_formula_and_leaves_no_trace() -> None:
    x, y = problem(n=2500)
    net = stirred(MLP((4, 9, 3), batch_norm=True, dropout=0.5, dtype=float, rng=0))
    for _ in range(5):
        net.gradient(x[:100], y[:100])
    state = {k: v.copy() for k, v in net.averages().items()}
    z = net.outputs_of(x)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss, accuracy = net.evaluate(x, y)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(2500), y]).mean(), rtol=1e-12)
    assert accuracy == np.mean(net.predict(x) == y) == np.mean(p.argmax(axis=1) == y)
    np.testing.assert_allclose(net.predict_proba(x), p, rtol=1e-12)
    for name, value in net.averages().items():
        np.testing.assert_array_equal(value, state[name])
    # Batches of evaluation do not matter.
    np.testing.assert_allclose(net.outputs_of(x[:7]), z[:7], rtol=1e-12)
    assert net.activations(x)["2 dense"].tobytes() == net.activations(x)["2 dense"].tobytes()


def test_several_answers_are_right_if_all_of_them_are() -> None:
    x, y = problem("binary", n=200)
    net = MLP((4, 9, 3), activation="tanh", loss="binary", dtype=float, rng=0)
    right = net.predict(x) == y
    share = right.all(axis=1).mean()
    assert 0.05 < share < right.mean() - 0.2 < right.any(axis=1).mean() - 0.4
    assert net.evaluate(x, y)[1] == share
    history = net.fit(x, y, ov.SGD(lr=1e-30), epochs=1, validation=(x, y), batch_size=64, rng=0)
    assert history.accuracy[0] == history.validation_accuracy[0] == share


def loss_of_row(loss: str, z: list[float], y: Any) -> float:
    if loss == "mse":
        return sum((a - b) ** 2 for a, b in zip(z, y, strict=True)) / len(z)
    if loss == "binary":
        each = [math.log(1 + math.exp(a)) - a * b for a, b in zip(z, y, strict=True)]
        return sum(each) / len(z)
    total = math.log(sum(math.exp(a) for a in z))
    return sum(share * (total - a) for share, a in zip(y, z, strict=True))


def is_right(loss: str, z: list[float], y: Any) -> bool:
    """Classes: the largest output is at the likeliest class; yes or no: every one of them right."""
    if loss == "binary":
        wrong = [a for a, b in zip(z, y, strict=True) if (1 / (1 + math.exp(-a)) > 0.5) != b]
        return not wrong
    best = {k for k in range(len(z)) if z[k] == max(z)}
    return min(best) == list(y).index(max(y))


def outputs_at_evaluation(net: Network, x: np.ndarray) -> list[list[float]]:
    """Of dense, batch norm, relu, dense: with the running averages, by their formula."""
    view, seen = net.views(), net.averages()
    h = (x @ view["1 dense/W"] - seen["1/mean"]) / np.sqrt(seen["1/variance"] + net.layers[1].eps)
    h = np.maximum(view["1 batchnorm/gamma"] * h + view["1 batchnorm/beta"], 0)
    return list((h @ view["2 dense/W"] + view["2 dense/b"]).tolist())


@settings(max_examples=30)
@given(
    loss=st.sampled_from(["softmax", "one-hot", "smoothed", "binary", "mse"]),
    n=st.integers(1, 40), outputs=st.integers(1, 4), batch=st.integers(1, 15),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_losses_and_metrics_row_by_row(
    loss: str, n: int, outputs: int, batch: int, seed: int
) -> None:
    """What `evaluate`, `predict` and the history say, from the outputs with plain loops."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    kind = "softmax" if loss in ("one-hot", "smoothed") else loss
    net = stirred(MLP((3, 5, outputs), loss=kind, batch_norm=True, dtype=float, rng=seed), seed)
    rows: Any
    if loss == "binary":
        y: Any = (rows := rng.integers(0, 2, (n, outputs)))
    elif loss == "mse":
        y = rows = rng.normal(size=(n, outputs))
    elif loss == "smoothed":
        y = rows = rng.dirichlet(np.ones(outputs), n)
    else:
        labels = rng.integers(0, outputs, n)
        rows = np.eye(outputs)[labels]
        y = labels if loss == "softmax" else rows
    z = net.outputs_of(x).tolist()
    value = sum(loss_of_row(kind, a, b) for a, b in zip(z, rows.tolist(), strict=True)) / n
    right = [is_right(kind, a, b) for a, b in zip(z, rows.tolist(), strict=True)]
    accuracy = math.nan if kind == "mse" else sum(right) / n
    found = net.evaluate(x, y)
    np.testing.assert_allclose(found, (value, accuracy), rtol=1e-10, atol=1e-12)
    assert net.loss(x, y) == found[0]
    for a, told in zip(z, net.predict(x).reshape(n, -1).tolist(), strict=True):
        if kind == "softmax":
            assert told == [a.index(max(a))]
        else:
            assert told == (a if kind == "mse" else [int(one > 0) for one in a])
    # Of an epoch: means over rows (not batches) in training, at evaluation in validation.
    history = net.fit(x, y, ov.SGD(lr=1e-300), epochs=1, batch_size=batch, validation=(x, y),
                      rng=seed)  # fmt: skip
    z = outputs_at_evaluation(net, x)
    value = sum(loss_of_row(kind, a, b) for a, b in zip(z, rows.tolist(), strict=True)) / n
    assert history.validation_loss[0] == pytest.approx(value, rel=1e-9, abs=1e-12)
    if kind != "mse":
        right = [is_right(kind, a, b) for a, b in zip(z, rows.tolist(), strict=True)]
        assert history.validation_accuracy[0] == pytest.approx(sum(right) / n)
    order, sums = np.random.default_rng(seed).permutation(n), [0.0, 0.0]
    for first in range(0, n, batch):
        part = order[first : first + batch]
        for a, b in zip(net.forward(x[part], training=True).tolist(), rows[part].tolist(),
                        strict=True):  # fmt: skip
            sums[0] += loss_of_row(kind, a, b)
            sums[1] += kind != "mse" and is_right(kind, a, b)
    np.testing.assert_allclose(history.loss, sums[0] / n, rtol=1e-9, atol=1e-12)
    if kind != "mse":
        assert history.accuracy[0] == pytest.approx(sums[1] / n)


def test_monte_carlo_passes_approach_the_mean_over_masks() -> None:
    """With 6 hidden units all 64 masks can be gone through: the exact mean."""
    x = problem(n=5)[0]
    net = MLP((4, 6, 3), dropout=0.5, dtype=float, rng=0)
    net.parameters *= 3
    hidden = np.maximum(x @ net.layers[0].params["W"] + net.layers[0].params["b"], 0)
    last = net.layers[-1].params
    exact = np.zeros((5, 3))
    for k in range(64):
        mask = 2.0 * np.array([k >> j & 1 for j in range(6)])
        z = (hidden * mask) @ last["W"] + last["b"]
        exact += np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) / 64
    few, many = (np.abs(net.predict_proba(x, samples=s) - exact).max() for s in (20, 5000))
    assert many < 5 * 0.5 / np.sqrt(5000) < 0.04
    assert many < few
    assert np.abs(net.predict_proba(x) - exact).max() > 0.04  # one pass without masks is not it
    np.testing.assert_array_equal(net.predict_proba(x), net.predict_proba(x))


def test_training_goes_on_after_monte_carlo_passes() -> None:
    """In a callback: masks are new, running averages untouched, and the run can be repeated."""
    x, y = problem(n=60)

    def run(samples: int) -> tuple[Network, Any]:
        net = MLP((4, 8, 3), batch_norm=True, dropout=0.4, rng=0)
        look = [lambda n, _: n.predict_proba(x, samples=samples)] if samples else []
        return net, net.fit(x, y, ov.Adam(), epochs=3, batch_size=20, callbacks=look, rng=0)

    (a, first), (b, second), (c, _) = run(3), run(3), run(0)
    np.testing.assert_array_equal(a.parameters, b.parameters)
    np.testing.assert_array_equal(first.loss, second.loss)
    assert np.isfinite(a.parameters).all()
    assert not np.array_equal(a.parameters, c.parameters)
    assert not any(getattr(layer, "sampling", False) for layer in a.layers)
    # An error in the middle leaves no layer sampling.
    with pytest.raises(ValueError, match="must be finite"):
        a.predict_proba(np.full((2, 4), np.nan), samples=2)
    assert not any(getattr(layer, "sampling", False) for layer in a.layers)


# -- files ------------------------------------------------------------------------------------


def kept() -> Network:
    net = MLP((4, 6, 3), batch_norm="after", dropout=0.2, activation="elu", l2=0.1, rng=0)
    net.fit(*problem(n=50), ov.Adam(), epochs=1, rng=0)
    return net


def test_saved_networks_come_back_to_the_bit(tmp_path: Path) -> None:
    x, _ = problem(n=30)
    for k, net in enumerate([
        kept(), MLP((4, 3), dtype=float, rng=1), MLP((4, 5, 1), loss="binary", batch_norm=True),
        Network(4, [Dense(2, "normal:std=0.1", False), Activation("elu", 0.3)], loss="mse",
                l1={"W": 0.1, "b": 0.2}),
    ]):  # fmt: skip
        path = net.save(tmp_path / f"{k}.npz")
        again = Network.load(path)
        np.testing.assert_array_equal(again.outputs_of(x), net.outputs_of(x))
        assert (again.spec(), again.parameters.dtype) == (net.spec(), net.parameters.dtype)
        assert again.save(tmp_path / "again.npz").read_bytes() == path.read_bytes()
        for name, value in net.averages().items():
            np.testing.assert_array_equal(again.averages()[name], value)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "0.npz", "1.npz", "2.npz", "3.npz", "again.npz"
    ]  # fmt: skip


def test_training_goes_on_after_loading(tmp_path: Path) -> None:
    x, y = problem(n=50)
    net = kept()
    again = Network.load(net.save(tmp_path / "a.npz"))
    for one in (net, again):
        one.fit(x, y, ov.Adam(), epochs=2, rng=3)
    np.testing.assert_array_equal(net.parameters, again.parameters)


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["OPTVIZ_TEST_BOMB"],)


@pytest.fixture
def bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "exploded"
    monkeypatch.setenv("OPTVIZ_TEST_BOMB", str(place))
    return place


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(ValueError, match=path.name) as caught:
        Network.load(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_pickles_are_refused_unopened(tmp_path: Path, bomb: Path) -> None:
    path = tmp_path / "a.npz"
    sound = dict(np.load(kept().save(path)))
    path.write_bytes(pickle.dumps(Bomb()))
    refused(path)
    for name in ("parameters", "spec", "extra"):
        np.savez(path, **{**sound, name: np.array([Bomb()], dtype=object)})
        refused(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("spec.npy", pickle.dumps(Bomb()))
        file.writestr("parameters.npy", pickle.dumps(Bomb()))
    refused(path)
    assert not bomb.exists()
    # It would have gone off:
    pickle.loads(pickle.dumps(Bomb()))
    assert bomb.exists()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """Cut anywhere, or any byte changed: refused in one line, or the same network."""
    path, net = tmp_path / "a.npz", kept()
    sound = net.save(path).read_bytes()
    for length in [0, 1, 4, *range(5, len(sound), len(sound) // 60)]:
        path.write_bytes(sound[:length])
        refused(path)
    same = 0
    for place in range(0, len(sound), max(1, len(sound) // 400)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        try:
            again = Network.load(path)
        except (ValueError, NotImplementedError) as error:
            assert type(error) is ValueError
            assert "\n" not in str(error)
        else:
            same += 1  # a time stamp, for instance
            np.testing.assert_array_equal(again.parameters, net.parameters)
    assert same < 150
    path.write_bytes(b"")
    refused(path)
    np.save(tmp_path / "b", np.ones(3))
    (tmp_path / "b.npy").rename(path)
    refused(path)
    np.savez(path, x=np.ones(3))
    assert "no network" in refused(path)
    write_archive(path, {"a": np.ones(2)}, {"kind": "checkpoint"})
    assert "no network" in refused(path)
    with pytest.raises(OSError, match="No such file"):
        Network.load(tmp_path / "none.npz")


def respecified(path: Path, **changes: Any) -> Path:
    net = kept()
    arrays = {"parameters": net.parameters}
    arrays |= {f"averages/{k}": v for k, v in net.averages().items()}
    return write_archive(path, arrays, {"kind": "network", **net.spec(), **changes})


DENSE = {"layer": "Dense", "units": 3, "init": "he", "bias": True}


@pytest.mark.parametrize("changes", [
    {"inputs": 5}, {"inputs": "x"}, {"inputs": 1e400}, {"inputs": None}, {"inputs": -4},
    {"inputs": 10**12}, {"inputs": 10**400},
    {"layers": []}, {"layers": None}, {"layers": [1]}, {"layers": ["Dense"]}, {"layers": 3},
    {"layers": [{"layer": "os.system"}]}, {"layers": [{"layer": "Layer"}]}, {"layers": [{}]},
    {"layers": [{**DENSE, "units": 10**6}, {**DENSE, "units": 10**6}]},
    {"layers": [{**DENSE, "units": 10**400}]}, {"layers": [{**DENSE, "extra": 1}]},
    {"layers": [{**DENSE, "init": "normal:std=x"}]}, {"layers": [{**DENSE, "init": ["he"]}]},
    {"layers": [DENSE]}, {"layers": [{"layer": "Activation", "name": ["relu"]}]},
    {"layers": [{"layer": "Activation", "name": "relu", "alpha": "x"}]},
    {"loss": "x"}, {"loss": None}, {"dtype": "float64"}, {"dtype": "object"}, {"dtype": "x"},
    {"l1": None}, {"l1": {"W": -1}}, {"l1": {"X": 1}}, {"l2": {"W": "x"}}, {"l2": [1]},
])  # fmt: skip
def test_absurd_specifications_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    refused(respecified(tmp_path / "a.npz", **changes))


def test_nothing_large_is_made_before_it_is_refused(tmp_path: Path) -> None:
    """In a process that may take 1.5 GB more: sizes in a specification, in a header, in a zip."""
    wide = [{**DENSE, "units": 40_000}, {**DENSE, "units": 40_000}, {**DENSE, "units": 3}]
    respecified(tmp_path / "spec.npz", layers=wide)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
    )
    spec = io.BytesIO()
    np.save(spec, np.array(json.dumps({"kind": "network", **kept().spec()})))
    with zipfile.ZipFile(tmp_path / "header.npz", "w") as file:
        file.writestr("spec.npy", spec.getvalue())
        file.writestr("parameters.npy", header.getvalue() + bytes(100))
    program = (
        "import resource, sys\n"
        "from optviz.nn import Network, MLP\n"
        "MLP((4, 3))\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 1_500_000_000,) * 2)\n"
        "for name in sys.argv[1:]:\n"
        "    try: Network.load(name)\n"
        "    except ValueError as error: print(error)\n"
        f"{PEAK}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "spec.npz", "header.npz"], cwd=tmp_path, text=True,
        capture_output=True, check=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    first, second, most = done.stdout.splitlines()
    assert first.startswith("spec.npz is damaged: its 63 parameters are not its layers'")
    assert second.startswith("header.npz is no network")
    assert int(most) < 700e6


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    own = Network(2, [Dense(3, lambda rng, i, o: np.zeros((i, o)))])
    with pytest.raises(ValueError, match="Python function as init"):
        own.save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="a ndarray as start cannot be kept"):
        Network(2, [Scale(np.ones(2))]).save(tmp_path / "a.npz")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"name the file with \.npz"):
        kept().save(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="no does not exist: create it first"):
        kept().save(tmp_path / "no" / "a.npz")
    assert list(tmp_path.iterdir()) == []


# -- what is refused --------------------------------------------------------------------------

TAKEN = Dense(3)
Network(2, [TAKEN])


@pytest.mark.parametrize(("make", "says"), [
    (lambda: MLP((4,)), "sizes must be at least two whole numbers ≥ 1"),
    (lambda: MLP(4), "sizes must be"),
    (lambda: MLP((4, 0, 3)), "sizes must be"),
    (lambda: MLP((4, 2.5, 3)), "sizes must be"),
    (lambda: MLP((True, 3)), "sizes must be"),
    (lambda: MLP("64"), "sizes must be"),
    (lambda: MLP((4, 3), activation="rleu"), "did you mean 'relu'"),
    (lambda: MLP((4, 3), batch_norm="befor"), "batch_norm must be one of"),
    (lambda: MLP((4, 3), dropout=1), "rate must lie"),
    (lambda: MLP((4, 3), init="hee"), "did you mean 'he'"),
    (lambda: MLP((4, 3), loss="sofmax"), "did you mean 'softmax'"),
    (lambda: MLP((4, 3), l1=-1), "l1 of W must be a number ≥ 0, not -1"),
    (lambda: MLP((4, 3), l2="x"), "l2 of W must be"),
    (lambda: MLP((4, 3), l2={"V": 1}), "l2 has no kind V"),
    (lambda: MLP((4, 3), l2={"W": float("nan")}), "l2 of W must be"),
    (lambda: MLP((4, 3), dtype="float16"), "dtype must be float32 or float64"),
    (lambda: MLP((4, 3), dtype="x"), "dtype must be"),
    (lambda: MLP((4, 3), rng="x"), "seed must be a whole number"),
    (lambda: MLP((4, 3), rng=-1), "seed must be a whole number"),
    (lambda: MLP((4, 3), convention="tf"), "it has book, torch, keras"),
    (lambda: Network(0, [Dense(3)]), "inputs must be a whole number"),
    (lambda: Network(2.0, [Dense(3)]), "inputs must be"),
    (lambda: Network(2, []), "a network needs layers"),
    (lambda: Network(2, [Dense]), "a network needs layers"),
    (lambda: Network(2, [TAKEN]), "belongs to another network"),
    (lambda: Network(3, [layer := Dense(3), layer]), "stands in the network twice"),
])  # fmt: skip
def test_what_networks_refuse(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_refused_network_leaves_its_layers_free() -> None:
    layer = Dense(3)
    for bad in ({"l1": -1}, {"loss": "x"}, {"dtype": "x"}, {"rng": "x"}):
        with pytest.raises(ValueError, match=r"l1|loss|dtype|seed"):
            Network(2, [layer], **bad)
    Network(2, [layer])


X, Y = problem(n=6)
BAD_DATA = [
    (X[:, :3], Y, r"x must have the shape \(n, 4\), not \(6, 3\)"),
    (X[0], Y, "x must have the shape"), (X[None], Y, "x must have the shape"),
    (3.0, Y, "x must have the shape"), (X[:0], Y[:0], "x has no rows"),
    ([[1, 2, 3, 4], [1]], [0, 1], "rows differ in length"),
    (np.where(X > 1, np.nan, X), Y, "x must be finite"),
    (np.where(X > 1, np.inf, X), Y, "x must be finite"),
    (np.array([[np.inf, -np.inf, 0, 0]] * 6), Y, "x must be finite"),
    (np.full((6, 4), 1e300), Y, r"x holds 1e\+300, which is beyond float32"),
    (X.astype(complex), Y, "x must be numbers, not complex128"),
    (X.astype(object), Y, "x must be numbers, not object"),
    (X.astype(str), Y, "x must be numbers"), (None, Y, "x must be numbers"),
    (sparse.csr_matrix(X.astype(complex)), Y, "x must be numbers"),
    (sparse.csr_matrix(np.where(X > 1, np.nan, X)), Y, "x must be finite"),
    (sparse.csr_matrix(X[:, :3]), Y, "x must have the shape"),
    (X, Y[:5], "x has 6 rows and y has 5"), (X, [], "y must be whole labels|x has 6 rows"),
    (X, [0, 1, 2, 3, 0, 0], "labels must lie between 0 and 2 .* not between 0 and 3"),
    (X, [0, 1, -1, 0, 0, 0], "labels must lie"), (X, Y.astype(float), "whole labels"),
    (X, ["a"] * 6, "words"), (X, np.ones((6, 3)), "probabilities that sum to 1"),
    (X, np.eye(4)[Y], "whole labels"), (X, np.full((6, 3), np.nan), "probabilities"),
    (X, np.array([[2, -1, 0]] * 6), "probabilities"), (X, Y[:, None], "whole labels"),
    (X, None, "whole labels"), (X, [[1, 0, 0], [1]], "rows differ in length"),
    (X, [0, 1, 2, 10**30, 0, 0], "whole labels|labels must"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(BAD_DATA)))
def test_data_that_do_not_fit_are_refused(k: int) -> None:
    x, y, says = BAD_DATA[k]
    net = MLP((4, 5, 3), batch_norm=True, dropout=0.2, rng=0)
    before = net.parameters.copy(), {k: v.copy() for k, v in net.averages().items()}
    optimizer = ov.Adam()
    calls = [
        lambda: net.fit(x, y, optimizer),
        lambda: net.fit(X, Y, optimizer, validation=(x, y)),
        lambda: net.gradient(x, y),
        lambda: net.evaluate(x, y),
    ]
    if "x " in says and "y" not in says:
        calls += [lambda: net.predict(x), lambda: net.predict_proba(x, samples=2)]
    for call in calls:
        with pytest.raises(ValueError, match=says) as caught:
            call()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 250
    np.testing.assert_array_equal(net.parameters, before[0])
    for name, value in net.averages().items():
        np.testing.assert_array_equal(value, before[1][name])
    assert optimizer.steps == 0


@pytest.mark.parametrize(("loss", "y", "says"), [
    ("binary", [0, 1, 2], "between 0 and 1"), ("binary", [0.5, -0.1, 0], "between 0 and 1"),
    ("binary", [0, np.nan, 1], "y must be finite"), ("mse", [1, np.inf, 2], "y must be finite"),
    ("mse", [[1, 2], [3, 4], [5, 6]], r"shape \(n, 1\)"), ("mse", ["a", "b", "c"], "y must be num"),
    ("mse", [1e300, 0, 0], "y must be finite"),
])  # fmt: skip
def test_numbers_that_do_not_fit_are_refused(loss: str, y: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MLP((4, 1), loss=loss).fit(X[:3], y, ov.SGD())


def test_sparse_rows_need_a_dense_layer() -> None:
    with pytest.raises(ValueError, match="needs a Dense layer first"):
        Network(4, [BatchNorm(), Dense(3)]).predict(sparse.csr_matrix(X))


@pytest.mark.parametrize("samples", [-1, 1.5, "x", True])
def test_samples_are_a_whole_number(samples: Any) -> None:
    with pytest.raises(ValueError, match="samples must be a whole number"):
        MLP((4, 5, 3), dropout=0.5).predict_proba(X, samples=samples)


def test_samples_need_dropout() -> None:
    with pytest.raises(ValueError, match="samples ask for dropout"):
        MLP((4, 5, 3)).predict_proba(X, samples=3)
