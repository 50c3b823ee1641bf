"""One parser of `key=value`: the same words wherever settings are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import optviz as ov
from optviz.data import load
from optviz.nn.initializers import initializer
from optviz.shared.settings import parse_settings
from optviz.shared.spec import SpecError
from optviz.studies.files import from_json
from optviz.studies.lookup import studies

DOORS: list[tuple[Callable[[str], Any], str, str]] = [
    (ov.parse_optimizer, "adam", "lr=0.1"),
    (load, "moons", "n=50"),
    (initializer, "normal", "std=0.5"),
]


@pytest.mark.parametrize(("door", "name", "setting"), DOORS)
def test_every_door_refuses_in_the_same_words(door, name: str, setting: str) -> None:
    key = setting.partition("=")[0]
    assert door(f"{name}: {setting.replace('=', ' = ')} ") is not None
    for text, says in (
        (key, rf"{name}: write settings as key=value, not '{key}'"),
        (f"{setting},", rf"{name}: write settings as key=value, not ''"),
        (f"{setting},{setting}", f"{name}: {key} is given twice"),
        (f"{key}=x", rf"{key} must be a number|{key} must be a whole number"),
        ("zzz=1", "no (setting )?'zzz'"),
    ):
        with pytest.raises(ValueError, match=says) as refused:
            door(f"{name}:{text}")
        assert "\n" not in str(refused.value)


def test_a_near_key_is_suggested() -> None:
    with pytest.raises(ValueError, match=r"'nois' \(did you mean 'noise'\?\): it takes n, noise"):
        load("moons:nois=1")


KEYS = st.from_regex("[a-z]{1,6}", fullmatch=True)
VALUES = st.from_regex(r"[a-z0-9.]{0,5}(\([0-9,]{0,5}\))?", fullmatch=True)


@given(st.dictionaries(KEYS, VALUES))
def test_settings_read_back(values: dict[str, str]) -> None:
    text = ", ".join(f"{key} = {value}" for key, value in values.items())
    assert parse_settings("x", text) == values


#: For each setting values on either side of its range, as numbers that nobody reads from the code.
RANGES = [
    ("plot", "steps", (1, 10_000_000), (0, 10_000_001)),
    ("plot", "noise", (0.0,), (-1e-9,)),
    ("plot", "tol", (0.0,), (-1e-9,)),
    ("plot", "runs", (1, 1000), (0, 1001)),
    ("plot", "seed", (0, 2**63 - 1), (-1, 2**63)),
    ("plot", "dpi", (20, 600), (19, 601)),
    ("plot", "levels", (2, 60), (1, 61)),
    ("plot", "font", (0.5, 3), (0.49, 3.01)),
    ("plot", "size", ("320x240", "7680x4320"), ("319x240", "320x239", "7681x4320", "7680x4321")),
    ("plot", "start", ("1,2", (1, 2), None), ("1,2,3", "1", "inf,1", "nan,0", (1, 2, 3), "a,b")),
    ("plot", "bounds", ("-9,9,-9,9",), ("1,2,3", "0,0,1,1", "0,inf,0,1", "2,1,0,1")),
    ("animate", "fps", (1, 100), (0, 101)),
    ("animate", "steps_per_frame", (1, 10_000_000), (0,)),
    ("animate", "turn", (-360, 360), (-361, 361)),
    ("animate", "duration", (1e-3, 3600), (0, 3601)),
    ("sensitivity", "starts", (1, 10_000), (0, 10_001)),
    ("train", "l1", (0.0,), (-1e-9,)),
    ("train", "l2", (0.0,), (-1e-9,)),
    ("train", "dropout", (0.0, 0.99), (-0.01, 1.0)),
    ("train", "epochs", (1,), (0,)),
    ("init-histograms", "layers", (1,), (0,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "setting", "inside", "outside"), RANGES)
def test_ranges_of_settings(name: str, setting: str, inside: tuple, outside: tuple) -> None:
    for value in inside:
        studies[name](**{setting: value})
    for value in outside:
        with pytest.raises(ValueError, match=setting):
            studies[name](**{setting: value})


def test_a_path_s_own_settings_are_read_from_text() -> None:
    (t,) = ov.race("bowl", "sgd:lr=3,box=true,steps=7,start=(1,2),tol=0", steps=3)
    assert (t.box, t.steps, t.start) == (True, 7, (1.0, 2.0))
    assert not ov.race("bowl", "sgd:lr=0.1,box=false", steps=3, box=True)[0].box
    for text, says in (("box=maybe", "true or false"), ("steps=2.5", "a whole number"),
                       ("start=3", "a point such as"), ("noise=x", "a number")):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            ov.race("bowl", f"sgd:{text}", steps=3)


def test_a_specification_of_training_names_no_file() -> None:
    for name, value in (("checkpoint", "a.npz"), ("save", "a.npz"), ("data", "mine.csv")):
        data = {**json.loads(ov.study("train").to_json()), name: value}
        with pytest.raises(SpecError, match=r"names no files|neither built in nor generated"):
            from_json(json.dumps(data))


def test_nobody_is_tuned_from_nowhere() -> None:
    with pytest.raises(ValueError, match="starts must be"):
        ov.tune("bowl", ov.SGD(), steps=3, starts=0)
