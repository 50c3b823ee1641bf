"""One parser of `key=value`: the same words wherever settings are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import optviz as ov
from optviz.data import load
from optviz.nn.initializers import initializer
from optviz.shared.settings import parse_settings

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
