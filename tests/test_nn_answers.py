"""What a network says: labels in words, hints, its mistakes, its boundary, its history."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.nn import MLP, TrainingHint, data
from optviz.nn.comparison import compare
from optviz.nn.judgement import judge
from tests.pictures import clashes, part_of, parts_of, words_of

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 2))
CLASS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


# -- labels in words ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.array, list, lambda words: np.array(words, dtype=object)])
def test_words_train_as_their_numbers_do(kind: Any) -> None:
    names = ("cat", "dog", "eel")
    words = kind([names[k] for k in CLASS])
    nets = [MLP((2, 8, 3), rng=0) for _ in range(2)]
    for net, y in zip(nets, (words, CLASS), strict=True):
        net.fit(X, y, ov.Adam(lr=0.01), epochs=3, validation=(X, y), rng=0)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    assert nets[0].classes == names
    answers = nets[0].predict(X)
    assert list(answers) == [names[k] for k in nets[1].predict(X)]
    assert nets[0].evaluate(X, words) == nets[1].evaluate(X, CLASS)


@given(st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=5, unique=True))
@settings(max_examples=20, deadline=None)
def test_any_words_come_back(names: list[str]) -> None:
    net = MLP((2, len(names)), rng=0)
    net.fit(X[: len(names)], names, ov.SGD(lr=0.1), epochs=1, rng=0)
    assert set(net.classes) == set(names)
    assert set(net.predict(X).tolist()) <= set(net.classes)


def test_one_output_answers_in_words_too() -> None:
    words = np.where(X[:, 0] > 0, "yes", "no")
    net = MLP((2, 8, 1), loss="binary", rng=0)
    net.fit(X, words, ov.Adam(lr=0.05), epochs=20, rng=0)
    assert net.classes == ("no", "yes")
    assert np.mean(net.predict(X) == words) > 0.9


def test_words_are_kept_in_the_file(tmp_path: Path) -> None:
    net = MLP((2, 3), rng=0)
    net.fit(X, [("a", "b", "c")[k] for k in CLASS], ov.SGD(lr=0.1), epochs=2, rng=0)
    for load in (MLP.load, ov.nn.Network.load):
        again = load(net.save(tmp_path / "net.npz"))
        assert again.classes == ("a", "b", "c")
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert "classes" not in MLP((2, 3), rng=0).spec()


@pytest.mark.parametrize(("y", "says"), [
    (["a"] * 60 + ["b"] * 60, "the words a, b are not the 3 classes"),
    (["a", "b", "c", "d"] * 30, "the words a, b, c, d are not the 3 classes"),
    ([1, "b", "c"] * 40, "whole labels"),
])  # fmt: skip
def test_words_that_do_not_fit_change_nothing(y: Any, says: str) -> None:
    net = MLP((2, 3), rng=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=says):
        net.fit(X, np.array(y, dtype=object), ov.SGD())
    assert net.classes == ()
    with pytest.raises(ValueError, match="no class is called 'cta' \\(did you mean 'cat'"):
        net.fit(X, ["cat", "dog", "eel"] * 40, ov.SGD(), validation=(X[:1], ["cta"]))
    assert net.classes == ()
    np.testing.assert_array_equal(net.parameters, before)


def test_named_classes_may_be_missing_from_the_data() -> None:
    net = MLP((2, 3), rng=0)
    net.classes = ("cat", "dog", "eel")
    net.fit(X, np.where(X[:, 0] > 0, "cat", "eel"), ov.SGD(lr=0.1), epochs=1, rng=0)
    assert set(net.predict(X)) <= {"cat", "dog", "eel"}
    with pytest.raises(ValueError, match="y must be numbers for the loss mse"):
        MLP((2, 1), loss="mse").fit(X, ["a", "b"] * 60, ov.SGD())


def test_a_table_with_words_gives_them_back(tmp_path: Path) -> None:
    file = tmp_path / "pets.csv"
    rows = [f"{a},{b},{('cat', 'dog')[int(a > 0)]}" for a, b in X]
    file.write_text("\n".join(["length,width,kind", *rows]))
    t = compare(str(file), "adam:lr=0.01", layers=(2, 8, 2), epochs=3)
    assert set(t.network.predict(X)) <= {"cat", "dog"}
    assert compare("moons:n=60", "sgd", layers=(2, 2), epochs=1).network.classes == ()


# -- a network's file -----------------------------------------------------------------------


def test_an_mlp_is_a_network_and_reads_any(tmp_path: Path) -> None:
    net = MLP((4, 5, 2), batch_norm=True, dropout=0.1, rng=3)
    assert isinstance(net, ov.nn.Network)
    for wrote in (net, ov.nn.Network(4, [ov.nn.Dense(2)], rng=1)):
        again = MLP.load(wrote.save(tmp_path / "net.npz"))
        np.testing.assert_array_equal(again.parameters, wrote.parameters)
        assert MLP.from_spec(wrote.spec()).names == wrote.names == again.names


# -- hints ----------------------------------------------------------------------------------


def hints_of(net: Any, x: Any, y: Any, lr: float = 0.01, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(x, y, ov.SGD(lr=lr), epochs=2, rng=0, **options)
    assert all(w.category is TrainingHint and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize(("factor", "says"), [
    (1.0, False), (5.0, False), (0.1, False), (255.0, True), (1e-5, True),
])  # fmt: skip
def test_inputs_far_from_unit_scale_are_told(factor: float, says: bool) -> None:
    x = np.random.default_rng(1).uniform(-1, 1, size=(80, 4)) * factor
    y = (x[:, 0] > 0).astype(int)
    told = hints_of(MLP((4, 5, 2), rng=0), x, y, lr=1e-6)
    assert [s for s in told if "unit scale" in s] == told
    assert len(told) == says
    if says:
        size = float(re.search(r"root mean square ([\d.e−]+)", told[0])[1].replace("−", "-"))  # type: ignore[index]
        assert size == pytest.approx(np.sqrt((x**2).mean()), rel=0.01)
        # What it says to do does it; a normalisation behind the first layer makes it needless.
        scaled = data.standardize(x)(x)
        assert hints_of(MLP((4, 5, 2), rng=0), scaled, y) == []
        assert hints_of(MLP((4, 5, 2), batch_norm=True, rng=0), x, y, lr=1e-6) == []
        assert hints_of(MLP((4, 5, 2), rng=0), x, y, lr=1e-6, hints=False) == []


def test_sparse_and_empty_and_constant_inputs_are_no_fault() -> None:
    words = data.load("text:n=60")
    assert hints_of(MLP((words.inputs, 2), rng=0), words.x, words.y) == []
    assert hints_of(MLP((3, 2), rng=0), np.zeros((20, 3)), np.arange(20) % 2) == []
    assert hints_of(MLP((3, 2), rng=0), np.ones((20, 3)), np.arange(20) % 2) == []


@pytest.mark.parametrize(("loss", "lr", "says"), [
    ("softmax", 0.1, None), ("softmax", 10.0, "came to nothing"), ("mse", 0.01, None),
    ("mse", 30.0, "diverged"),
])  # fmt: skip
def test_training_that_fails_is_told(loss: str, lr: float, says: str | None) -> None:
    outputs, y = (3, CLASS) if loss == "softmax" else (1, X[:, 0])
    net = MLP((2, 12, outputs), loss=loss, rng=0)
    told = hints_of(net, X, y, lr=lr, batch_size=8)
    assert (not told) if says is None else (len(told) == 1 and says in told[0])
    if says == "came to nothing":
        end, guess = (float(v) for v in re.findall(r"(?:at|costs) ([\d.e+]+)", told[0]))
        assert end > 100 * guess
        assert guess == pytest.approx(np.log(3), rel=0.05)


def test_a_comparison_tells_each_optimizer_once() -> None:
    with pytest.warns(TrainingHint) as caught:
        compare("moons:n=120", ["sgd:lr=1e30", "sgd:lr=0.1"], layers=(2, 8, 2), epochs=2, runs=2,
                batch_norm=False)  # fmt: skip
    (one,) = caught
    assert str(one.message).startswith("SGD(lr=1e+30): training")


def test_the_command_line_hints_in_one_line(tmp_path: Path) -> None:
    words = ["train", "--data", "moons:n=80", "--layers", "2,4,2", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "optviz", *words, "--no-batch-norm", "--optimizer", "sgd:lr=1e30",
         "--optimizer", "sgd:lr=0.1", "-o", "a.png"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "compiling" not in line]
    assert len(told) == 1
    assert told[0].startswith("optviz: SGD(lr=1e+30): training")


# -- a history ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["classes", "numbers", "alone"])
def test_a_history_draws_itself(case: str) -> None:
    loss, y, outputs = ("mse", X[:, 0], 1) if case == "numbers" else ("softmax", CLASS, 3)
    net = MLP((2, 8, outputs), loss=loss, l2=0.01, rng=0)
    seen = None if case == "alone" else (X, y)
    h = net.fit(X, y, ov.Adam(lr=0.01), epochs=6, validation=seen, rng=0)
    figure = h.plot(theme="dark", size=(800, 500))
    assert clashes(figure) == []
    drawn = [line.get_ydata() for line in part_of(figure, "loss").lines]
    expected = [h.loss, *([] if seen is None else [h.validation_loss]), h.penalty]
    for line, values in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(line, values)
    assert bool(parts_of(figure, "accuracy")) == (case != "numbers")
    assert f"epoch {int(np.argmin(h.loss if seen is None else h.validation_loss)) + 1}" in words_of(
        figure
    )
    assert len(ov.plot(h).axes) == len(figure.axes)


# -- studies --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged() -> Any:
    return judge(compare("digits", "sgd:lr=0.05", layers=(64, 10), epochs=2, seed=4))


def test_answers_are_those_of_the_test_share(judged: Any) -> None:
    score = judged.training.test_accuracy[0, 0]
    assert np.mean(judged.answers == judged.labels) == score
    counts = judged.confusion()
    for i in range(10):
        for j in range(10):
            both = sum(
                a == i and b == j for a, b in zip(judged.labels, judged.answers, strict=True)
            )
            assert counts[i, j] == both
    # The same split as by hand.
    test = data.load("digits").split(0.2, rng=np.random.default_rng([4, 0, 2]))[1]
    np.testing.assert_array_equal(judged.shares.test.x, test.x)


def test_confusion_shows_and_tells_its_counts(judged: Any) -> None:
    study = ov.study("confusion", layers=(64, 10), optimizer="sgd:lr=0.05", epochs=2, seed=4)
    counts = judged.confusion()
    figure = study.draw(judged)
    told = {tuple(map(int, reversed(t.get_position()))): t.get_text()
            for t in part_of(figure, "table").texts}  # fmt: skip
    assert told == {(i, j): f"{counts[i, j]}" for i, j in np.argwhere(counts)}
    true, taken, n, of, right, count = map(int, re.findall(r"\d+", study.finding(judged)))
    wrong = counts - np.diag(np.diag(counts))
    assert counts[true, taken] == n == wrong.max()
    assert (of, right, count) == (counts[true].sum(), np.trace(counts), 359)


def test_mistakes_are_shown_with_the_surest_first(judged: Any) -> None:
    study = ov.study("mistakes", layers=(64, 10), optimizer="sgd:lr=0.05", epochs=2, count=7)
    figure = study.draw(judged)
    wrong = np.flatnonzero(judged.answers != judged.labels)
    sure = judged.probabilities[wrong].max(axis=1)
    pictures = figure.axes
    assert len(pictures) == min(7, len(wrong))
    for axes, k in zip(pictures, wrong[np.argsort(-sure, kind="stable")], strict=False):
        assert axes.get_label() == f"sample {k}"
        np.testing.assert_array_equal(
            np.asarray(axes.images[0].get_array()).ravel(), judged.shares.test.x[k]
        )
        answer, truth = re.findall(r"\d+", axes.get_title())[:2]
        assert (int(answer), int(truth)) == (judged.answers[k], judged.labels[k])
    assert study.finding(judged).startswith(f"{len(wrong)} of 359 are wrong")


def test_data_without_pictures_or_plane_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="moons has no pictures to show: optviz boundary"):
        ov.study("mistakes", data="moons").run()
    with pytest.raises(ValueError, match="blobs has no pictures to show: optviz confusion"):
        ov.study("mistakes", data="blobs:n=60,inputs=3").run()
    with pytest.raises(ValueError, match="a boundary needs two features, and digits has 64"):
        ov.study("boundary", data="digits").run()


def test_a_boundary_is_what_the_network_answers() -> None:
    study = ov.study("boundary", data="moons:n=200", layers=(2, 16, 2), epochs=4, grid=30)
    result = study.run()
    shares, net = result.judgement.shares, result.judgement.training.network
    mean, std = shares.train.x.mean(axis=0), shares.train.x.std(axis=0)
    for row, column in ((0, 0), (7, 21), (29, 29)):
        place = (np.array([result.x[column], result.y[row]]) - mean) / std
        np.testing.assert_allclose(
            result.probabilities[row, column], net.predict_proba(place[None])[0], atol=1e-5
        )
    held = shares.validation
    wrong = net.predict((held.x - mean) / std) != held.y
    told = [float(v) for v in re.findall(r"[\d.]+", study.finding(result))]
    assert told[:2] == [wrong.sum(), len(held)]
    assert told[3] == round(100 * np.mean(result.probabilities.max(axis=-1) < 0.9))
    axes = part_of(study.draw(result), "map")
    drawn = np.concatenate([np.asarray(line.get_xydata()) for line in axes.lines])
    assert len(drawn) == len(shares.train) + len(held) + wrong.sum()
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    assert ((drawn >= (x0, y0)) & (drawn <= (x1, y1))).all()


@pytest.mark.peers
def test_scores_and_shares_are_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
    from sklearn.model_selection import train_test_split

    study = ov.study("confusion", epochs=4, seed=3)
    result = study.run()
    np.testing.assert_array_equal(
        result.confusion(), confusion_matrix(result.labels, result.answers)
    )
    score = accuracy_score(result.labels, result.answers)
    assert result.training.test_accuracy[0, 0] == pytest.approx(score)
    network, shares = result.training.network, result.shares
    held = shares.scale(shares.validation)
    loss = network.evaluate(held.x, held.y)[0]
    shares_of_classes = network.predict_proba(held.x).astype(float)
    shares_of_classes /= shares_of_classes.sum(axis=1, keepdims=True)  # float32 sums to 1 nearly
    wanted = log_loss(held.y, shares_of_classes, labels=range(10))
    assert loss == pytest.approx(wanted, rel=1e-5)
    # The same stratified shares to one sample a class.
    whole = result.training.data
    for size, share in ((0.2, shares.test), (0.15, shares.validation)):
        y = whole.y if size == 0.2 else np.concatenate([shares.train.y, shares.validation.y])
        _, theirs = train_test_split(y, test_size=size, stratify=y, random_state=0)
        assert np.abs(np.bincount(share.y) - np.bincount(theirs)).max() <= 1
        assert abs(len(share) - len(theirs)) <= 1
