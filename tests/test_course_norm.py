"""Batch normalisation's studies against plain NumPy, PyTorch, and what they say themselves."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.nn.deep import Deep
from optviz.nn.normalisation import (
    correct_by_own_batch,
    outputs_in_training,
    take_population,
)
from optviz.optimizers.parse import as_optimizer

TASK = Deep("digits", 300, 2, 20, "relu", 3, 50, 4)


def trained(batch_norm: bool = True) -> tuple[Any, Any, Any]:
    train, test = TASK.shares(0)
    network = TASK.network(train, 0, "he", batch_norm)
    TASK.train(network, train, 0, as_optimizer("sgd:lr=0.1"))
    return network, train, test


def by_hand(network: Any, x: Any, moments: Any) -> Any:
    """The outputs of Dense, BatchNorm, ReLU in NumPy; `moments(k, z)` gives mean and variance."""
    views = network.views()
    values, k = np.asarray(x, float), 0
    for name in network.names:
        _, kind = name.split()
        if kind == "dense":
            values = values @ views[f"{name}/W"].astype(float)
            values = values + views.get(f"{name}/b", 0.0)
        elif kind == "batchnorm":
            mean, variance = moments(k, values)
            values = (values - mean) / np.sqrt(variance + 1e-6)
            values = values * views[f"{name}/gamma"] + views[f"{name}/beta"]
            k += 1
        else:
            values = np.maximum(values, 0)
    return values


def test_a_batch_is_normalised_by_itself_and_nothing_changes() -> None:
    network, train, _ = trained()
    before = {name: array.copy() for name, array in network.state().items()}
    found = outputs_in_training(network, train.x[:40])[network.names[-1]]
    wanted = by_hand(network, train.x[:40], lambda _, z: (z.mean(axis=0), z.var(axis=0)))
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    for name, array in network.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_batch_of_one_is_its_own_mean() -> None:
    """Every sample becomes beta: the network says the same of all of them."""
    network, _, test = trained()
    scores = [outputs_in_training(network, test.x[k : k + 1])[network.names[-1]] for k in range(9)]
    for one in scores[1:]:
        np.testing.assert_array_equal(one, scores[0])
    answer = int(scores[0].argmax())
    assert correct_by_own_batch(network, test.x, test.y, 1) == int((test.y == answer).sum())


def test_own_batches_are_counted_without_the_rest() -> None:
    network, _, test = trained()
    size, right = 32, 0
    for k in range(len(test) // size):
        rows = slice(k * size, (k + 1) * size)
        scores = by_hand(network, test.x[rows], lambda _, z: (z.mean(axis=0), z.var(axis=0)))
        right += int((scores.argmax(axis=1) == test.y[rows]).sum())
    assert abs(correct_by_own_batch(network, test.x, test.y, size) - right) <= 1


def test_the_population_is_the_whole_training_set() -> None:
    network, train, test = trained()
    seen: list[Any] = []

    def moments(k: int, z: Any) -> Any:
        if k == len(seen):
            seen.append((z.mean(axis=0), z.var(axis=0)))
        return seen[k]

    by_hand(network, train.x, moments)
    take_population(network, train.x)
    wanted = by_hand(network, test.x, moments)
    np.testing.assert_allclose(network.outputs_of(np.asarray(test.x, np.float32)), wanted,
                               atol=2e-4)  # fmt: skip


def test_both_networks_begin_with_the_same_weights() -> None:
    train, _ = TASK.shares(1)
    a, b = (TASK.network(train, 1, "normal:std=0.3", has).views() for has in (False, True))
    for k in (1, 2, 3):
        np.testing.assert_array_equal(a[f"{k} dense/W"], b[f"{k} dense/W"])
    assert abs(a["2 dense/W"].std() - 0.3) < 0.04


def test_more_samples_than_there_are() -> None:
    with pytest.raises(ValueError, match="samples must be fewer than moons's 50: some are for the"):
        ov.study("bn-grid", data="moons:n=50", samples=50).run()


# -- what they say -------------------------------------------------------------------------------


def test_bn_grid_counts_the_scales_that_reach() -> None:
    study = ov.study("bn-grid", samples=300, layers=3, units=30, epochs=8, scales=5,
                     optimizer="sgd:lr=0.1", target=0.9, batch_size=50)  # fmt: skip
    result = study.run()
    train, _ = study.deep.shares(0)
    reached = []
    for has_norm in (False, True):
        count = 0
        for scale in np.geomspace(1, 1e-4, 5):
            net = ov.nn.MLP((64, 30, 30, 30, 10), batch_norm=has_norm, init=f"normal:std={scale}",
                            rng=np.random.default_rng([0, 0, 0]))  # fmt: skip
            best = 0.0
            optimizer, rng = ov.SGD(lr=0.1), np.random.default_rng([0, 0, 1])
            for _ in range(8):
                net.fit(train.x, train.y, optimizer, epochs=1, batch_size=50, rng=rng, hints=False)
                best = max(best, float((net.predict(train.x) == train.y).mean()))
            count += best >= 0.9
        reached.append(count)
    told = [int(n) for n in re.findall(r"\d+", study.finding(result))]
    assert told == [reached[1], 5, 90, reached[0]]
    assert reached[1] > reached[0], "the lesson"


def test_bn_rates_tells_the_largest_rate_that_learns() -> None:
    study = ov.study("bn-rates", samples=300, layers=4, units=30, epochs=6, rates=5, lowest=1e-3,
                     highest=10, runs=2, batch_size=50)  # fmt: skip
    result = study.run()
    frame = result.to_pandas()
    medians = frame.groupby(["batch_norm", "rate"])["accuracy"].median()
    largest = [max((rate for rate, v in medians[has].items() if v >= 0.9), default=None)
               for has in (True, False)]  # fmt: skip
    told = study.finding(result)
    for rate, words in zip(largest, ("with batch", "without"), strict=True):
        number = "none" if rate is None else f"{rate:.2g}"
        assert f"{number} {words}" in told, (told, largest)


def test_nothing_learned_is_said() -> None:
    study = ov.study("bn-rates", samples=60, layers=1, units=4, epochs=1, rates=2, lowest=1e-6,
                     highest=1e-5, runs=1, target=1.0, batch_size=30)  # fmt: skip
    assert "reaches 100 %: none with batch norm, none without" in study.finding(study.run())


def test_a_rate_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="leave the rate out, which goes from lowest to highest"):
        ov.study("bn-rates", optimizer="sgd:lr=0.1")


def test_covariate_shift_tells_how_far_medians_wander() -> None:
    study = ov.study("covariate-shift", samples=200, layers=2, units=9, epochs=6, batch_size=50)
    result = study.run()
    drifts = np.empty((2, 2, 9))
    for j in range(2):
        for layer in range(2):
            for unit in range(9):
                low, middle, high = result.percentiles[j, layer, :, :, unit].T
                drifts[j, layer, unit] = (middle.max() - middle.min()) / np.mean(high - low)
    medians = np.median(np.median(drifts, axis=2), axis=1)
    told = [float(n) for n in re.findall(r"\d+\.?\d*", study.finding(result))]
    assert told == [float(f"{v:.2g}") for v in medians]
    # An odd number of units: the typical one is the one in the middle.
    for j in range(2):
        for layer in range(2):
            assert drifts[j, layer, result.typical()[j, layer]] == np.median(drifts[j, layer])


def test_percentiles_are_those_of_the_first_step() -> None:
    """Before any step: the layer's sums, and normalised by the probe itself."""
    study = ov.study("covariate-shift", samples=200, layers=2, units=9, epochs=1, batch_size=50,
                     activation="tanh")  # fmt: skip
    result = study.run()
    train, _ = study.deep.shares(0)
    x = np.asarray(train.x[:256], float)
    z = x @ study.deep.network(train, 0, "xavier", False).views()["1 dense/W"].astype(float)
    np.testing.assert_allclose(result.percentiles[0, 0, 0], np.percentile(z, [15, 50, 85], axis=0),
                               atol=1e-5)  # fmt: skip
    normed = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-6)
    np.testing.assert_allclose(result.percentiles[1, 0, 0],
                               np.percentile(normed, [15, 50, 85], axis=0), atol=1e-4)  # fmt: skip


def test_bn_inference_tells_errors_and_the_size_that_is_enough() -> None:
    study = ov.study("bn-inference", samples=400, layers=2, units=30, epochs=6, runs=3,
                     batch_size=50, optimizer="sgd:lr=0.2")  # fmt: skip
    result = study.run()
    told = [float(n) for n in re.findall(r"\d+\.?\d*", study.finding(result))]
    own, moving = result.own, np.median(result.moving)
    assert told[:2] == [round(100 * float(np.median(own[0])), 1), round(100 * float(moving), 1)]
    size = None
    for k in reversed(range(len(result.sizes))):
        if abs(np.median(own[k]) - moving) > 0.01:
            break
        size = int(result.sizes[k])
    assert result.enough() == size
    assert (f"from {size} on" in study.finding(result)) == (size is not None)
    assert np.median(own[0]) > 0.8, "a single sample is its own mean"


@pytest.mark.peers
def test_bn_grid_trains_as_torch_does() -> None:
    """The same first weights and batches: one epoch of curves, in float64."""
    torch = pytest.importorskip("torch")
    train, _ = TASK.shares(0)
    x, y = np.asarray(train.x, float), train.y
    for has_norm in (False, True):
        ours = ov.nn.MLP((64, 20, 20, 10), batch_norm=has_norm, init="normal:std=0.1",
                         convention="torch", dtype="float64", rng=3)  # fmt: skip
        layers: list[Any] = []
        for k, (a, b) in enumerate(((64, 20), (20, 20), (20, 10))):
            dense = torch.nn.Linear(a, b, bias=k == 2 or not has_norm, dtype=torch.float64)
            view = ours.views()
            with torch.no_grad():
                dense.weight.copy_(torch.tensor(view[f"{k + 1} dense/W"].T))
                if dense.bias is not None:
                    dense.bias.zero_()
            layers.append(dense)
            if k < 2:
                layers += [torch.nn.BatchNorm1d(b, dtype=torch.float64)] if has_norm else []
                layers.append(torch.nn.ReLU())
        theirs = torch.nn.Sequential(*layers)
        steps = torch.optim.SGD(theirs.parameters(), lr=0.1)
        order = np.random.default_rng(5).permutation(len(y))
        for k in range(0, len(order), 50):
            rows = order[k : k + 50]
            steps.zero_grad()
            loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x[rows])),
                                                     torch.tensor(y[rows]))  # fmt: skip
            loss.backward()
            steps.step()
        ours.fit(x, y, ov.SGD(lr=0.1), epochs=1, batch_size=50, rng=np.random.default_rng(5))
        theirs.eval()
        np.testing.assert_allclose(ours.outputs_of(x), theirs(torch.tensor(x)).detach().numpy(),
                                   atol=1e-9)  # fmt: skip
