"""Signals through deep networks: against plain NumPy, PyTorch and mean-field theory."""

from __future__ import annotations

import re

import numpy as np
import pytest

import optviz as ov
from optviz.nn.depth import deep_network, mean_field, measure, weight_variances


def samples(n: int = 40, inputs: int = 6, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, inputs)), rng.integers(0, classes, n)


def test_signals_are_those_of_plain_backpropagation() -> None:
    x, y = samples()
    net = deep_network(6, 3, 4, 7, "tanh", "xavier", 1)
    found, views = measure(net, x, y), net.views()
    weights = [views[f"{k} dense/W"] for k in range(1, 6)]
    taken, h = [], x
    for w in weights[:-1]:
        taken.append(h @ w)
        h = np.tanh(taken[-1])
    scores = h @ weights[-1]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    delta = (p - np.eye(3)[y]) @ weights[-1].T * (1 - h**2)
    back = [delta]
    for z, w in zip(taken[-2::-1], weights[-2:0:-1], strict=True):
        back.append(back[-1] @ w.T * (1 - np.tanh(z) ** 2))
    np.testing.assert_allclose(found.forward, [np.mean(z**2) for z in taken], rtol=1e-12)
    np.testing.assert_allclose(found.backward, [np.sqrt(np.mean(d**2)) for d in back[::-1]],
                               rtol=1e-10)  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_gradients_are_those_of_torch(activation: str) -> None:
    torch = pytest.importorskip("torch")
    x, y = samples()
    net = deep_network(6, 3, 3, 9, activation, "he", 2)
    found, views, h, taken = measure(net, x, y), net.views(), torch.tensor(x), []
    for k in range(1, 4):
        taken.append(h @ torch.tensor(views[f"{k} dense/W"]))
        taken[-1].requires_grad_() if k == 1 else taken[-1].retain_grad()
        h = getattr(torch, activation)(taken[-1])
    loss = torch.nn.functional.cross_entropy(h @ torch.tensor(views["4 dense/W"]),
                                             torch.tensor(y), reduction="sum")  # fmt: skip
    loss.backward()
    np.testing.assert_allclose(found.backward, [float(z.grad.pow(2).mean().sqrt()) for z in taken],
                               rtol=1e-10)  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "init"),
    [("tanh", "xavier"), ("relu", "he"),
     *(pytest.param(*pair, marks=pytest.mark.slow) for pair in (
         ("tanh", "he"), ("relu", "xavier"), ("sigmoid", "xavier"), ("linear", "normal:std=0.03")
     ))],
)  # fmt: skip
def test_theory_holds_at_width_1000(activation: str, init: str) -> None:
    """A network of N units strays from the prediction by about √(5 l/N) in layer l if it is of
    ReLU (Hanin and Rolnick, NeurIPS 2018), less else: the mean of eight by a third of that."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(100, 1000)), rng.integers(0, 10, 100)
    forward, backward, predicted = [], [], []
    for _ in range(8):
        net = deep_network(1000, 10, 6, 1000, activation, init, rng)
        found = measure(net, x, y)
        theory = mean_field(activation, weight_variances(net), found.forward[0])
        forward.append(found.forward)
        backward.append((found.backward / found.backward[-1]) ** 2)
        predicted.append([theory.forward, theory.backward(1.0) ** 2])
    wanted = np.mean(predicted, axis=0)
    np.testing.assert_allclose(np.mean(forward, axis=0), wanted[0], rtol=0.12)
    np.testing.assert_allclose(np.mean(backward, axis=0), wanted[1], rtol=0.12)


def test_laws_of_the_mean_field() -> None:
    # Xavier halves a ReLU network's mean square in each layer; the sigmoid's slope is at most 1/4.
    halved = mean_field("relu", np.ones(5), 1.0)
    np.testing.assert_allclose(halved.forward, 0.5 ** np.arange(5), rtol=1e-6)
    np.testing.assert_allclose(halved.chi, 0.5, rtol=1e-6)
    assert (mean_field("sigmoid", np.ones(5), 1.0).chi <= 1 / 16).all()
    # Where tanh is a line, both are those of linear layers.
    np.testing.assert_allclose(mean_field("tanh", np.full(3, 0.81), 1e-8).chi, 0.81, rtol=1e-6)
    linear = mean_field("linear", np.array([2.0, 3.0, 5.0]), 1.0)
    np.testing.assert_allclose(linear.forward, [1, 3, 15], rtol=1e-9)
    np.testing.assert_allclose(linear.backward(1.0), np.sqrt([15, 5, 1]), rtol=1e-9)


def test_the_finding_counts_what_fades() -> None:
    study = ov.study("vanishing", activations="sigmoid,relu", depth=20, units=50)
    result = study.run()
    shrink = result.backward[:, :, 0, 0] / result.backward[:, :, 0, -1]
    told = study.finding(result)
    vanish = int((shrink < 1e-3).sum())
    assert re.search(rf"layers: {vanish} of 8 vanish", told)
    names = [f"{a} {b}" for a in result.activations for b in result.inits]
    best = min(range(8), key=lambda k: abs(np.log(shrink.ravel()[k])))
    assert f"best kept by {names[best]}," in told
    frame = result.to_pandas()
    part = frame[(frame["activation"] == "relu") & (frame["init"] == "he")]
    assert part["backward"].iloc[0] / part["backward"].iloc[-1] == shrink[1, 2]


def test_training_is_looked_at_as_it_goes() -> None:
    study = ov.study("vanishing", activations="tanh", inits="he", depth=3, units=9, steps=7,
                     data="moons:n=120", batch_size=20)  # fmt: skip
    result = study.run()
    assert result.steps.tolist() == list(range(8))
    net = deep_network(2, 2, 3, 9, "tanh", "he", np.random.default_rng([0, 0]))
    x, y, _ = study._samples()
    net.fit(x, y, ov.SGD(lr=0.1), batch_size=20, epochs=1, rng=np.random.default_rng([0, 1]),
            hints=False)  # fmt: skip
    assert -(-len(y) // 20) >= 3
    again = deep_network(2, 2, 3, 9, "tanh", "he", np.random.default_rng([0, 0]))
    np.testing.assert_array_equal(result.forward[0, 0, 0], measure(again, x, y).forward)
    assert (np.diff(result.forward[0, 0, :, -1]) != 0).all(), "it learns"
    if len(y) == 20 * 7:
        np.testing.assert_allclose(result.forward[0, 0, -1], measure(net, x, y).forward)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"activations": "sigmoidd"}, "did you mean 'sigmoid'"),
        ({"inits": "hee"}, "did you mean 'he'"),
        ({"activations": "tanh,relu,elu,selu,gelu"}, "one to four activations"),
        ({"frame": 3}, "a frame of a film needs steps of training"),
        ({"depth": 1}, "depth must be"),
    ],
)  # fmt: skip
def test_bad_settings(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.study("vanishing", **settings)


# -- first weights and training --------------------------------------------------------------------


def test_from_a_constant_units_stay_equal_and_from_zero_nothing_moves() -> None:
    study = ov.study("init-training", data="blobs:n=200,centers=3", layers=(2, 9, 8, 7, 3),
                     epochs=4, runs=2, inits="he,zeros,constant:value=0.1")  # fmt: skip
    result = study.run()
    assert result.ranks[1].tolist() == [0, 0, 0, 0]
    assert result.ranks[2].max() == 1
    # All columns of a layer are one column, to the bit.
    views = result.variants.trainings[2].network.views()
    for k in (1, 2, 3):
        columns = views[f"{k} dense/W"]
        np.testing.assert_array_equal(columns, np.repeat(columns[:, :1], columns.shape[1], axis=1))
    assert (result.ranks[0, 1:3] > 3).all()
    assert "units stay equal from zeros, constant:value=0.1" in study.finding(result)


def test_init_training_tells_the_last_accuracies() -> None:
    study = ov.study("init-training", data="moons:n=200", layers=(2, 8, 2), epochs=3, runs=3,
                     inits="xavier,normal:std=0.001")  # fmt: skip
    result = study.run()
    frame = result.to_pandas()
    last = frame[frame["epoch"] == 3].groupby("variant")["validation_accuracy"].median()
    told = dict(re.findall(r"(xavier|normal:std=0.001) (\d+) %", study.finding(result)))
    assert {k: int(v) for k, v in told.items()} == {k: round(100 * v) for k, v in last.items()}
    # The same as one comparison by hand, whose batches they share.
    again = ov.nn.compare("moons:n=200", "sgd:lr=0.1", layers=(2, 8, 2), epochs=3, runs=3,
                          batch_norm=False, dropout=0.0, init="xavier")  # fmt: skip
    np.testing.assert_array_equal(again.histories[0][1].loss,
                                  result.variants.trainings[0].histories[0][1].loss)  # fmt: skip
