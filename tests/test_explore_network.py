"""The network of `optviz explore`: what it says is what the study says, and the run is the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.explorer.network import UNIT, swept
from optviz.nn.plane import FEATURES
from tests.test_explore import Page

SMALL: dict[str, Any] = {
    "data": "circles:n=150,noise=0.1", "hidden": "5,3", "batch_size": 16, "seed": 3,
    "optimizer": "adam:lr=0.02",
}  # fmt: skip
KINDS = [
    {}, {"batch_norm": True, "dropout": 0.2}, {"l1": 0.001, "l2": 0.01, "activation": "relu"},
    {"features": "x,y,x2,y2,xy,sinx,siny", "data": "spirals:n=120,arms=3"},
    {"optimizer": "sgd:lr=0.1,ema=0.9"}, {"optimizer": "adam:lr=cosine(0.05,40)"},
]  # fmt: skip


def trained(page: Page, epochs: int, place: int = 0, have: int = 0) -> Any:
    return page.ask("train", place=place, of=1, have=have, epochs=epochs)


@pytest.mark.parametrize("kind", KINDS, ids=[str(k)[:30] for k in KINDS])
def test_after_so_many_epochs_it_is_the_studys_network_to_the_bit(kind: dict[str, Any]) -> None:
    settings = {**SMALL, **kind}
    study = ov.study("hidden-units", **settings, epochs=6)
    result = study.run()
    page = Page()
    page.ask("network", place=0, settings=settings)
    trained(page, 2)
    head, arrays = trained(page, 4, have=2)
    assert (head["epochs"], head["steps"]) == (6, int(result.steps[-1]))
    # Where the answer is an average, the study ends with it; training here goes on without.
    is_average = "ema" in settings["optimizer"]
    for k, w in enumerate(result.weights):
        if not is_average:
            np.testing.assert_array_equal(arrays[f"weights{k}"], w[-1].astype(np.float32))
    history = result.history
    assert arrays["curves"].shape == (4, 5)
    for column, name in ((0, "loss"), (1, "penalty"), (2, "accuracy"), (3, "validation_loss")):
        np.testing.assert_array_equal(arrays["curves"][:, column], getattr(history, name)[2:])
    assert head["accuracy"] == [history.accuracy[-1], history.validation_accuracy[-1]]
    if is_average:
        return
    for k, maps in enumerate(result.maps[:-1]):
        # From −largest to largest of each unit.
        values = maps[-1].reshape(UNIT * UNIT, -1).T
        largest = np.abs(values).max(axis=1, keepdims=True)
        shown = (arrays[f"units{k}"].astype(float) - 128) / 127
        np.testing.assert_allclose(shown, values / largest, atol=0.51 / 127)
    assert sum(arrays["histogram0"]) == pytest.approx(1)


def test_what_is_given_and_answered() -> None:
    page = Page()
    head, arrays = page.ask("network", place=0, settings={**SMALL, "features": "x,xy,sinx"})
    study = ov.study("hidden-units", **{**SMALL, "features": "x,xy,sinx"})
    train, test = study.task.shares()
    np.testing.assert_array_equal(arrays["train"], train.x)
    np.testing.assert_array_equal(arrays["test.y"], test.y)
    assert head["samples"] == len(train) == 120
    assert head["epochs"] == 0
    assert arrays["given"].shape == (3, UNIT * UNIT)
    scaled = (train.x - train.x.mean(axis=0)) / train.x.std(axis=0)
    given = study.task.inputs(train, train.x)
    x, y = scaled.astype(float).T
    for name, found in zip(study.features, given.T, strict=True):
        np.testing.assert_allclose(found, FEATURES[name](x, y), atol=1e-5)
    # The picture of the answer: the colour of the likelier class, from the top down.
    trained(page, 60)
    _, arrays = trained(page, 1)
    ax, ay = study.task.axes(100)
    network, _ = study.begun()
    run = study.task.begin(network, study.optimizer.optimizer)
    for _ in range(61):
        run.epoch()
    chances = network.predict_proba(study.task.places(ax, ay)).reshape(100, 100, 2)[::-1]
    blue = arrays["answer"][..., 2].astype(int) > arrays["answer"][..., 0].astype(int)
    sure = chances.max(axis=-1) > 0.6
    np.testing.assert_array_equal(blue[sure], (chances.argmax(axis=-1) == 0)[sure])


def test_two_places_train_apart() -> None:
    page = Page()
    page.ask("network", place=0, settings=SMALL)
    page.ask("network", place=1, settings={**SMALL, "optimizer": "sgd:lr=0.5"})
    first, one = trained(page, 5, place=0)
    second, two = trained(page, 3, place=1)
    assert (first["epochs"], second["epochs"]) == (5, 3)
    assert not np.array_equal(one["weights0"], two["weights0"])
    again = Page()
    again.ask("network", place=1, settings={**SMALL, "optimizer": "sgd:lr=0.5"})
    np.testing.assert_array_equal(trained(again, 3, place=1)[1]["weights0"], two["weights0"])


def test_the_rate_counts_the_samples() -> None:
    page = Page()
    page.ask("network", place=0, settings=SMALL)
    head, _ = page.ask("train", place=0, of=1, have=0)
    made = page.session._networks._at(0)
    assert head["rate"] == pytest.approx(head["epochs"] * 120 / made.seconds)
    assert 0.015 < made.seconds < 2.0


def test_what_diverges_stops_and_says_so() -> None:
    page = Page()
    page.ask(
        "network", place=0, settings={**SMALL, "activation": "relu", "optimizer": "sgd:lr=1e30"}
    )
    head, _ = trained(page, 50)
    assert head["diverged"] is True
    assert head["epochs"] < 50


@pytest.mark.parametrize(
    ("setting", "values"),
    [("lr", ["0.001", "0.05"]), ("hidden", ["2", "4,4"]), ("batch_norm", ["false", "true"]),
     ("l2", ["0", "0.1"]), ("activation", ["tanh", "relu"])],
)  # fmt: skip
def test_a_sweep_is_so_many_studies(setting: str, values: list[str]) -> None:
    head, arrays = swept(SMALL, setting, values, 4, 2, lambda *_: None)
    assert (head["setting"], head["values"]) == (setting, values)
    for k, value in enumerate(values):
        for seed in range(2):
            own: dict[str, Any] = {setting: value}
            if setting == "lr":
                own = {"optimizer": f"adam:lr={value}"}
            elif setting == "batch_norm":
                own = {setting: value == "true"}
            history = (
                ov.study("hidden-units", **{**SMALL, **own, "seed": seed, "epochs": 4})
                .run()
                .history
            )
            assert arrays["losses"][k, seed] == history.validation_loss[-1]
            assert arrays["accuracy"][k, seed] == history.validation_accuracy[-1]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"ask": "train", "place": 0, "of": 1, "have": 0}, "nothing trains in place 0 yet"),
        ({"ask": "network", "place": 2, "settings": SMALL}, "places 0 to 1"),
        ({"ask": "network", "place": 0, "settings": {"data": "/etc/passwd"}}, "neither built in"),
        ({"ask": "network", "place": 0, "settings": {"hidden": "65"}}, "up to 64"),
        ({"ask": "network", "place": 0, "settings": {"features": "z"}}, "features has no 'z'"),
        ({"ask": "network", "place": 0, "settings": {"features": "x,x"}}, "each once"),
        ({"ask": "network", "place": 0, "settings": {"optimizer": "newton"}},
         "evaluates the function within its steps"),
        ({"ask": "swept", "settings": SMALL, "setting": "lr", "values": [], "epochs": 1,
          "seeds": 1}, "1 to 12 values"),
        ({"ask": "swept", "settings": SMALL, "setting": "lr", "values": ["a"], "epochs": 1,
          "seeds": 1}, "lr"),
        ({"ask": "swept", "settings": SMALL, "setting": "epochz", "values": ["1"], "epochs": 1,
          "seeds": 1}, "no setting 'epochz'"),
        ({"ask": "swept", "settings": SMALL, "setting": "l2", "values": ["1"], "epochs": 9999,
          "seeds": 1}, "from 1 to 2,000 epochs"),
        ({"ask": "swept", "settings": SMALL, "setting": "l2", "values": 3, "epochs": 1, "seeds": 1},
         "a list of texts"),
    ],
)  # fmt: skip
def test_bad_requests_have_a_line(request_: dict[str, Any], why: str) -> None:
    page = Page()
    page.session.receive(json.dumps({"id": 1, **request_}))
    head, _ = page.answer(1)
    assert why in head["error"]
    assert "\n" not in head["error"]


def test_the_page_of_a_network_is_its_studys_command() -> None:
    head, _ = Page().ask("code", view="network", settings={**SMALL, "epochs": 7})
    assert head["command"] == (
        "optviz hidden-units --data circles:n=150,noise=0.1 --hidden 5,3 --optimizer adam:lr=0.02 "
        "--epochs 7 --batch-size 16 --seed 3"
    )
    told, arrays = Page().ask("file", view="network", settings={**SMALL, "epochs": 2}, file="png")
    assert told["name"] == "hidden-units.png"
    assert arrays["data"][:4].tobytes() == b"\x89PNG"
    assert "no page" in Page().ask("file", view="network", settings=SMALL, file="html")[0]["error"]


def test_other_colours_are_no_other_network() -> None:
    page = Page()
    page.ask("network", place=0, settings=SMALL)
    _, light = trained(page, 8)
    head, dark = page.ask("look", place=0, have=8, theme="dark")
    assert head["epochs"] == 8
    assert dark["curves"].shape == (0, 5)
    np.testing.assert_array_equal(light["weights0"], dark["weights0"])
    assert dark["answer"].mean() < light["answer"].mean()
    assert "theme must be one of" in page.ask("look", place=0, have=8, theme="x")[0]["error"]
