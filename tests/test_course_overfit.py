"""Over-fitting and what is done against it: findings a second way, and what variants share."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import optviz as ov


@pytest.fixture(scope="module")
def regularised() -> Any:
    study = ov.study("regularise", data="moons:n=120,noise=0.5", hidden=(40,), small=(3,),
                     remedies="small,l2,dropout", epochs=30, batch_size=16, runs=3,
                     optimizer="adam:lr=0.03", l2=0.01)  # fmt: skip
    return study, study.run()


def test_regularise_tells_the_lowest_and_the_rise(regularised: Any) -> None:
    study, result = regularised
    frame = result.to_pandas()
    medians = frame.groupby(["variant", "epoch"])["validation_loss"].median().unstack()
    lowest, rise = medians.min(axis=1), medians[30] / medians.min(axis=1) - 1
    best, least = lowest.idxmin(), rise.idxmin()
    told = study.finding(result)
    assert told.startswith(f"Lowest validation loss: {best}, {lowest[best]:.3f} in epoch "
                           f"{medians.loc[best].idxmin()};")  # fmt: skip
    assert told.endswith(f"original rises by {100 * rise['original']:.0f} %, {least} by "
                         f"{100 * rise[least]:.0f} %")  # fmt: skip


def test_no_overfitting_is_said() -> None:
    study = ov.study("regularise", data="blobs:n=150,centers=2", hidden=(4,), remedies="l2",
                     epochs=2, optimizer="sgd:lr=0.01")  # fmt: skip
    assert study.finding(study.run()).endswith("; the original does not over-fit in 2 epochs")


def test_variants_differ_in_one_thing(regularised: Any) -> None:
    """The original and L2 begin with the same weights and see the same batches."""
    _, result = regularised
    setups = {label: t.setup for label, t in zip(
        result.variants.labels, result.variants.trainings, strict=True)}  # fmt: skip
    assert setups["l2"].l2 == 0.02, "ours is half of Keras's"
    assert (setups["small"].layers, setups["original"].layers) == ((2, 3, 2), (2, 40, 2))
    assert setups["dropout"].dropout == 0.5
    by_hand = ov.nn.compare("moons:n=120,noise=0.5", "adam:lr=0.03", layers=(2, 40, 2),
                            epochs=30, batch_size=16, batch_norm=False, dropout=0.0, runs=3,
                            l2=0.02)  # fmt: skip
    found = result.variants.trainings[2].histories[0][1]
    np.testing.assert_array_equal(by_hand.histories[0][1].loss, found.loss)


def test_regularise_draws_what_it_found(regularised: Any) -> None:
    study, result = regularised
    figure = study.draw(result)
    names = [axes.get_label() for axes in figure.axes]
    assert names == ["small", "l2", "dropout"]
    for k, axes in enumerate(figure.axes, start=1):
        original, _, mine = axes.lines[:3]
        np.testing.assert_array_equal(original.get_ydata(), result.validation(0))
        np.testing.assert_array_equal(mine.get_ydata(), result.validation(k))
        assert f"{result.lowest()[0][k]:.3f}" in axes.get_title(loc="left")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"remedies": "drop"}, "there is no remedy 'drop'.*did you mean 'dropout'"),
        ({"remedies": ()}, "at least one of"),
        ({"runs": 0}, "runs must be"),
        ({"dropout": 1.0}, "dropout must be"),
    ],
)
def test_remedies_that_are_none(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.study("regularise", **settings)


# -- few samples ----------------------------------------------------------------------------------


def test_few_samples_tells_the_gaps() -> None:
    study = ov.study("few-samples", sizes=(30, 200), layers=2, units=20, epochs=60, runs=3,
                     batch_size=10, dropout=0.2)  # fmt: skip
    result = study.run()
    frame = result.to_pandas()
    frame["gap"] = 100 * (frame["training"] - frame["test"])
    gaps = frame.groupby(["samples", "against"])["gap"].median()
    best = frame[frame["samples"] == 30].groupby("against", sort=False)["test"].median()
    told = study.finding(result)
    small, large = (f"{gaps[size, 'nothing']:.0f}" for size in (30, 200))
    assert told.startswith(f"Gap on 30 samples: {small} points ({large} on 200), with ")
    for name in ("weight decay", "dropout"):
        assert f"{name} {gaps[30, name]:.0f}" in told
    assert told.endswith(f"best in the test: {best.idxmax()}, {100 * best.max():.0f} %")
    assert gaps[30, "nothing"] > gaps[200, "nothing"], "the lesson"


def test_samples_are_drawn_anew_each_run_and_the_rest_is_for_the_test() -> None:
    deep = ov.study("few-samples").deep_with(1000)
    (a, rest), (b, _) = (deep.shares(run) for run in (0, 1))
    assert len(a) + len(rest) == 1797
    assert not np.array_equal(a.x, b.x)
    wanted = len(a) * np.bincount(np.append(a.y, rest.y)) / 1797
    assert np.abs(np.bincount(a.y) - wanted).max() <= 1, "stratified"


# -- early stopping --------------------------------------------------------------------------


def test_early_stopping_is_the_beginning_of_the_whole() -> None:
    study = ov.study("early-stopping", data="moons:n=200,noise=0.5", layers=(2, 60, 2), epochs=40,
                     batch_size=16, patience=4, optimizer="adam:lr=0.05", l2=0.0)  # fmt: skip
    result = study.run()
    stopped, whole = result.stopped.histories[0][0], result.whole.histories[0][0]
    assert stopped.epochs < whole.epochs == 40
    np.testing.assert_array_equal(stopped.validation_loss, whole.validation_loss[: stopped.epochs])
    best = int(np.argmin(stopped.validation_loss)) + 1
    assert (result.best_epoch, result.last_epoch) == (best, best + 4)
    # The weights of the best epoch: the same training, cut there.
    cut = ov.nn.compare("moons:n=200,noise=0.5", "adam:lr=0.05", layers=(2, 60, 2), epochs=best,
                        batch_size=16, batch_norm=False, dropout=0.0)  # fmt: skip
    assert result.test[0] == cut.test_accuracy[0, 0]
    told = study.finding(result)
    assert told.startswith(f"Best epoch {best}, stopped after {best + 4}; test: "
                           f"{100 * cut.test_accuracy[0, 0]:.1f} %")  # fmt: skip
    assert told.endswith(f"{100 * result.whole.test_accuracy[0, 0]:.1f} % after epoch 40")


def test_who_was_not_stopped_is_told() -> None:
    study = ov.study("early-stopping", data="blobs:n=90,centers=2", layers=(2, 3, 2), epochs=4,
                     patience=50, optimizer="sgd:lr=0.01")  # fmt: skip
    assert study.finding(study.run()).startswith("Not stopped in 4 epochs; best epoch ")


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("few-samples", {"sizes": (5, 20)}, "from 10 to 1,000,000"),
        ("few-samples", {"sizes": "20,x"}, "sizes"),
        ("early-stopping", {"patience": 0}, "patience must be"),
    ],
)
def test_bad_settings(name: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.study(name, **settings)


# -- capacity -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fits() -> Any:
    study = ov.study("fit", units=(1, 4, 40), samples=20, steps=600, runs=3)
    return study, study.run()


def test_errors_are_those_of_networks_made_by_hand(fits: Any) -> None:
    """Regression: the same samples, weights and steps, through our own loop over `update`."""
    _, result = fits
    rng = np.random.default_rng([0, 1, 0])
    x, test_x = rng.uniform(0, 1, (20, 1)), rng.uniform(0, 1, (2000, 1))
    y = np.sin(2 * np.pi * x) + 0.25 * rng.normal(size=x.shape)
    test_y = np.sin(2 * np.pi * test_x) + 0.25 * rng.normal(size=test_x.shape)
    draw = np.random.default_rng([0, 1, 2])
    p = {"w": draw.normal(size=(1, 4)) * 3 / x.std(axis=0)[:, None]}
    p["b"] = -(p["w"] * x[draw.integers(0, 20, 4)].T).sum(axis=0)
    first = ov.nn.MLP((1, 4, 1), activation="tanh", init="xavier", loss="mse", dtype="float64",
                      rng=np.random.default_rng([0, 1, 1])).views()  # fmt: skip
    p["v"], p["c"] = first["2 dense/W"].copy(), first["2 dense/b"].copy()
    optimizer = ov.Adam(lr=0.02)
    scale = _scale_of_mse()
    for _ in range(600):
        h = np.tanh(x @ p["w"] + p["b"])
        d = scale * (h @ p["v"] + p["c"] - y) / len(x)
        dh = d @ p["v"].T * (1 - h**2)
        optimizer.update(p, {"w": x.T @ dh, "b": dh.sum(axis=0), "v": h.T @ d, "c": d.sum(axis=0)})
    for part, (places, wanted) in enumerate(((x, y), (test_x, test_y))):
        found = np.tanh(places @ p["w"] + p["b"]) @ p["v"] + p["c"]
        rms = np.sqrt(np.mean((found - wanted) ** 2))
        assert result.errors[0, part, 1, 1] == pytest.approx(rms, rel=1e-6)


def _scale_of_mse() -> float:
    """The factor of (found − wanted) in the loss's gradient."""
    net = ov.nn.MLP((1, 1), loss="mse", dtype="float64", rng=0)
    net.parameters[...] = (0.0, 3.0)
    return float(net.gradient([[1.0]], [[1.0]])[-1]) / 2.0


def test_fit_tells_the_best_capacity(fits: Any) -> None:
    study, result = fits
    told = study.finding(result)
    frame = result.to_pandas()
    medians = frame.groupby(["task", "units"])["test"].median()
    for task, words in (("regression", "{:.2g}"), ("classification", "{:.1%}")):
        best = medians[task].idxmin()
        error = words.format(medians[task, best]).replace("%", " %")
        assert f"{best} units {error}" in told.partition(f"{task}, ")[2].partition(";")[0]
        runs = frame[frame.task == task].pivot(index="run", columns="units", values="test")
        over = f"(worse in {(runs[40] > runs[best]).sum()} of 3 runs)"
        assert ("no over-fitting" if best == 40 else over) in told.partition(f"{task}, ")[2]
    assert result.errors[0, 0, -1].mean() < result.errors[0, 0, 0].mean(), "more units fit better"
    figure = study.draw(result)
    shown = [
        axes.get_label() for axes in figure.axes if axes.get_label().startswith("regression, ")
    ]
    assert [int(n) for n in re.findall(r"\d+", " ".join(shown))] == [1, 4, 40]
