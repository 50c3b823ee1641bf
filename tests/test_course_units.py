"""The course's studies of units: hidden ones, dropout's masks, boundaries, scaling; what they
tell, computed a second way."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

import optviz as ov
from optviz.data import load, min_max, standardize
from optviz.nn import Activation, Dense, Dropout, Network
from optviz.nn.masks import correlations
from optviz.studies.hidden_units import _told_apart

# -- hidden units -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def units() -> Any:
    study = ov.study("hidden-units", data="blobs:n=200,centers=3", hidden=(5, 3), epochs=8, seed=1)
    return study, study.run()


def test_a_units_threshold_is_kolmogorov_and_smirnovs(units: Any) -> None:
    study, result = units
    inputs = standardize(study.task.shares()[0])(result.samples)
    made = result.network.activations(inputs)
    best = []
    for name, told in zip(("1 tanh", "2 tanh"), result.told_apart, strict=True):
        for unit, found in zip(made[name].T, told, strict=True):
            own = [result.labels == k for k in range(3)]
            distances = [stats.ks_2samp(unit[k], unit[~k]).statistic for k in own]
            assert found == pytest.approx((1 + max(distances)) / 2, abs=1e-12)
        best.append(100 * told.max())
    told = study.finding(result)
    assert f"{best[0]:.0f} % in layer 1, {best[1]:.0f} % in layer 2" in told
    _, test = study.task.shares()
    scaled = standardize(study.task.shares()[0])(test)
    right = (result.network.predict(scaled.x) == test.y).mean()
    assert told.endswith(f"right for {100 * right:.0f} % of the test")


def test_one_threshold_sees_ties_and_nothing() -> None:
    labels = np.array([0, 0, 1, 1])
    assert _told_apart(np.array([1.0, 2, 3, 4]), labels) == 1.0
    assert _told_apart(np.ones(4), labels) == 0.5
    assert _told_apart(np.array([1.0, 2, 1, 2]), labels) == 0.5
    assert _told_apart(np.array([1.0, np.nan, 1, 2]), labels) == 0.5


def test_units_are_what_the_network_answers(units: Any) -> None:
    study, result = units
    net, scale = result.network, standardize(study.task.shares()[0])
    i, j = 7, 31
    place = scale(np.array([[result.x[j], result.y[i]]]))
    made = net.activations(place)
    np.testing.assert_allclose(result.maps[0][-1, i, j], made["1 tanh"][0], atol=1e-6)
    np.testing.assert_allclose(result.maps[1][-1, i, j], made["2 tanh"][0], atol=1e-6)
    np.testing.assert_allclose(result.maps[2][-1, i, j], net.predict_proba(place)[0], atol=1e-6)
    np.testing.assert_array_equal(result.weights[1][-1], net.views()["2 dense/W"])
    assert result.steps[0] == 0
    assert result.steps[-1] == 8 * 5
    figure = study.draw(result)
    widths = figure.axes[0].collections[1].get_linewidths()
    shares = np.abs(result.weights[1][-1]).ravel()
    np.testing.assert_allclose(np.divide(widths, max(widths)), shares / shares.max(), rtol=1e-6)


def test_a_film_of_units_shows_each_frame(units: Any) -> None:
    study, result = units
    film = study.film(result)
    assert len(film) == len(result.steps)
    assert (film.frame(0) != film.frame(len(film) - 1)).any()
    drawer = film.drawer()
    late = drawer(len(film) - 1).copy()
    drawer(0)
    np.testing.assert_array_equal(drawer(len(film) - 1), late)


# -- dropout ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def masks() -> Any:
    study = ov.study("dropout-masks", hidden=(12, 8), dropout=0.4, epochs=3, runs=2)
    return study, study.run()


def test_dropout_tells_votes_and_correlations(masks: Any) -> None:
    study, result = masks
    voted, scaled = np.median(result.voted, axis=0), np.median(result.scaled)
    told = study.finding(result)
    one, many = 100 * voted[0], 100 * voted[-1]
    assert told.startswith(f"Right in the test: one mask {one:.1f} %, 256 voting {many:.1f} %, "
                           f"scaled network {100 * scaled:.1f} %")  # fmt: skip
    means = np.median(result.means, axis=1)
    assert ("no less alike" in told) == (means[0] >= means[1])
    assert f"|correlation| {means[0]:.2f}" in told or f"of units {means[0]:.2f}" in told


def test_the_network_and_its_vote_are_made_again(masks: Any) -> None:
    """The first run, by hand."""
    _, result = masks
    whole = load("digits")
    train, test = whole.split(0.2, rng=np.random.default_rng([0, 0, 2]))
    scale = min_max(train, together=True)
    x, held = scale(train), scale(test)
    net = ov.nn.MLP((64, 12, 8, 10), dropout=0.4, rng=np.random.default_rng([0, 0, 0]))
    net.fit(x.x, x.y, ov.Adam(lr=0.005), epochs=3, batch_size=64, hints=False,
            rng=np.random.default_rng([0, 0, 1]))  # fmt: skip
    shares = net.predict_proba(held.x)
    assert result.scaled[0] == pytest.approx((shares.argmax(axis=1) == held.y).mean())
    units = net.activations(held.x)["2 relu"].astype(float)
    units = units[:, units.std(axis=0) > 0]
    pairs = [abs(stats.pearsonr(a, b).statistic) for a, b in itertools.combinations(units.T, 2)]
    np.testing.assert_allclose(np.sort(correlations(units)), np.sort(pairs), atol=1e-12)
    assert result.means[0, 0] == pytest.approx(np.mean(pairs))
    many = net.predict_proba(held.x, samples=256)
    # Other masks: the vote of so many differs little.
    assert np.sqrt(np.mean((many - shares) ** 2)) == pytest.approx(result.apart[0, -1], rel=0.1)


def test_masks_keep_their_share_and_are_those_of_the_pass() -> None:
    layer = Dropout(0.3)
    net = Network(50, [layer, Dense(2)], rng=0)
    x = np.random.default_rng(0).uniform(1, 2, (400, 50)).astype(np.float32)
    net.forward(x, training=True)
    kept = layer.kept(400)
    np.testing.assert_array_equal(layer.buffer("y", 400, 50) > 0, kept)
    assert kept.mean() == pytest.approx(0.7, abs=0.01)


def test_masks_in_the_study_are_those_of_training(masks: Any) -> None:
    """Where a unit was dropped for the whole batch its weights stand still: here, batch of one."""
    study = ov.study("dropout-masks", data="moons:n=90", hidden=(6, 4), epochs=1, batch_size=1,
                     runs=1, optimizer="sgd:lr=0.1", activation="tanh")  # fmt: skip
    result = study.run()
    assert len(result.steps) == 40
    count = 0
    for step in range(1, 40):
        for layer in (0, 1):
            moved = (result.weights[layer + 1][step] != result.weights[layer + 1][step - 1]).any(1)
            assert not moved[~result.masks[layer][step]].any()
            count += moved.sum()
    assert count > 0.3 * sum(kept[1:].sum() for kept in result.masks)


def test_the_weight_scaling_rule_is_exact_for_one_layer() -> None:
    """The normalised geometric mean over all masks is the scaled network: Goodfellow et al., Deep
    Learning, section 7.12."""
    net = Network(6, [Dropout(0.5), Dense(3)], dtype="float64", rng=0)
    x = np.random.default_rng(0).normal(size=(4, 6))
    w, b = net.layers[1].params["W"], net.layers[1].params["b"]
    logs = []
    for mask in itertools.product((0, 1), repeat=6):
        scores = (2 * x * mask) @ w + b  # what is kept is doubled
        logs.append(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))
    mean = np.exp(np.mean(logs, axis=0))
    np.testing.assert_allclose(mean / mean.sum(axis=1, keepdims=True), net.predict_proba(x),
                               rtol=1e-12)  # fmt: skip


def test_constant_units_have_no_correlation() -> None:
    assert correlations(np.ones((5, 3))).size == 0
    alike = correlations(np.array([[1.0, 2, 5], [2, 4, 5], [3, 6, 5]]))
    np.testing.assert_allclose(alike, [1.0])


# -- boundaries ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def boundaries() -> Any:
    study = ov.study("boundaries", data="moons:n=400,noise=0.3", samples=60, l2s="0,0.2",
                     keep_probs="1,0.7", hidden=(12,), epochs=30, seed=2)  # fmt: skip
    return study, study.run()


def test_boundaries_tell_the_best_unless_it_is_chance(boundaries: Any) -> None:
    study, result = boundaries
    frame = result.to_pandas()
    last = frame[frame.epoch == 30].set_index(["l2", "keep_prob"])["validation_accuracy"]
    best, top = last.idxmax(), last.max()
    told = study.finding(result)
    assert told.startswith(f"Best in the test: λ = {best[0]:g}, keep_prob = {best[1]:g}, "
                           f"{100 * top:.0f} %")  # fmt: skip
    chance = 2 * np.sqrt(2 * top * (1 - top) / 340)
    assert result.chance() == pytest.approx(chance)
    if best == (0.0, 1.0):
        assert told.endswith("no stronger pair is better")
    else:
        assert ("no more than chance" in told) == (top - last[0.0, 1.0] <= chance)


def test_boundaries_are_those_of_the_networks(boundaries: Any) -> None:
    _, result = boundaries
    whole = load("moons:n=400,noise=0.3")
    train, test = whole.split(340 / 400, rng=np.random.default_rng([2, 2]))
    scale = standardize(train)
    net = ov.nn.MLP((2, 12, 2), l2=0.2, dropout=0.3, rng=np.random.default_rng([2, 0]))
    net.fit(scale(train).x, train.y, ov.Adam(lr=0.01), epochs=30, batch_size=32, hints=False,
            rng=np.random.default_rng([2, 1]))  # fmt: skip
    assert result.accuracy()[1, 1, 1] == net.evaluate(scale(test).x, test.y)[1]
    i, j = 11, 43
    shares = net.predict_proba(scale(np.array([[result.x[j], result.y[i]]])))[0]
    np.testing.assert_allclose(result.probabilities[1, 1, -1, i, j], shares, atol=1e-6)


# -- scaling ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scaled() -> Any:
    study = ov.study("scaling", hidden=(8,), epochs=2, runs=2)
    return study, study.run()


def test_scaling_tells_accuracies_and_conditions(scaled: Any) -> None:
    study, result = scaled
    frame = result.to_pandas()
    last = frame[frame.epoch == 2].groupby("scaling")["validation_accuracy"].median()
    told = study.finding(result)
    for name, value in last.items():
        assert f"{name} {100 * value:.1f} %" in told
    # Of softmax at zero weights: H = p (1 − p) E[x xᵀ] for one class's weights, p = 1/10.
    train, _ = load("digits").split(0.2, rng=np.random.default_rng([0, 0, 2]))
    spread = train.x.astype(float).std(axis=0)
    varying = np.argsort(-spread, kind="stable")[: (spread > 0).sum()]
    assert result.inputs == (varying[0], varying[3 * len(varying) // 4])
    for k, x in enumerate((train.x.astype(float), min_max(train, together=True)(train).x,
                           standardize(train)(train).x)):  # fmt: skip
        two = x[:500, list(result.inputs)].astype(float)
        low, high = np.linalg.eigvalsh(two.T @ two)
        assert result.condition[k] == pytest.approx(high / low, rel=1e-6)
        assert f"{result.condition[k]:,.0f}" in told or f"{result.condition[k]:.1f}" in told
        curvature = 0.09 * high / 500
        assert result.reach[k] == pytest.approx(np.sqrt(2 * np.log(10) / curvature), rel=1e-6)


def test_maps_of_scaling_are_losses_of_softmax(scaled: Any) -> None:
    _, result = scaled
    train, _ = load("digits").split(0.2, rng=np.random.default_rng([0, 0, 2]))
    x, y = standardize(train)(train).x[:500].astype(float), train.y[:500]
    row, column = 5, 33
    at = np.linspace(-result.reach[2], result.reach[2], 41)
    scores = np.zeros((500, 10))
    scores[:, 0] = x[:, result.inputs[0]] * at[column] + x[:, result.inputs[1]] * at[row]
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    assert result.loss[2, row, column] == pytest.approx(-log_p[np.arange(500), y].mean(), rel=1e-9)


def test_gradients_of_scaling_are_the_networks(scaled: Any) -> None:
    _, result = scaled
    train, _ = load("digits").split(0.2, rng=np.random.default_rng([0, 0, 2]))
    x, y = standardize(train)(train).x[:500], train.y[:500]
    net = ov.nn.MLP((64, 8, 10), activation="tanh", init="xavier", dtype="float64",
                    rng=np.random.default_rng([0, 0, 0]))  # fmt: skip
    assert isinstance(net.layers[1], Activation)
    w, h, values = net.views()["1 dense/W"], 1e-6, []
    for sign in (1, -1):
        w[3, 2] += sign * h
        values.append(net.loss(x, y))
        w[3, 2] -= sign * h
    gradient = net.views(net.gradient(x, y))["1 dense/W"]
    assert gradient[3, 2] == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-5)
    assert result.gradients[2, 0] == pytest.approx(np.sqrt(np.mean(gradient**2)), rel=1e-9)


@pytest.mark.parametrize(("name", "given", "told"), [
    ("hidden-units", {"data": "digits"}, "a plane needs two features, and digits has 64"),
    ("hidden-units", {"hidden": "65"}, "hidden must be one to 6 sizes up to 64"),
    ("hidden-units", {"init": "hee"}, "init 'hee' is not known"),
    ("boundaries", {"keep_probs": "0.5,0"}, "keep_probs must lie in (0, 1]"),
    ("boundaries", {"l2s": "-1"}, "l2s must be numbers ≥ 0"),
    ("boundaries", {"l2s": "a"}, "l2s must be numbers such as 0,0.01"),
    ("boundaries", {"l2s": "0,1,2,3,4"}, "give one to 4 l2s"),
    ("boundaries", {"samples": 2000}, "samples must be fewer than circles's 2,000"),
    ("dropout-masks", {"hidden": "1"}, "hidden must be one to 4 sizes from 2 to 40"),
    ("dropout-masks", {"dropout": 0}, "dropout must be a number above 0 and below 1"),
    ("scaling", {"data": "text:n=60"}, "is sparse"),
    ("scaling", {"hidden": ""}, "hidden must be sizes"),
])  # fmt: skip
def test_refusals(name: str, given: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        ov.study(name, **given).run()
