"""Optimizers from text: `NAME` or `NAME:key=value,key=value`."""

from __future__ import annotations

from typing import Any

from optviz.optimizers.base import Optimizer, Setting
from optviz.optimizers.catalogue import optimizers
from optviz.optimizers.schedules import KINDS as SCHEDULES
from optviz.optimizers.schedules import parse_schedule
from optviz.shared.settings import parse_number, parse_settings, split_outside_brackets
from optviz.shared.text import did_you_mean, listed


def parse_optimizer(text: str) -> Optimizer:
    """An optimizer from `NAME` or `NAME:key=value,key=value`.

    Values are numbers, `true`, `false` or a schedule; `convention=torch` is a key too.

    Raises
    ------
    ValueError
        If the name or a key is unknown, or a value does not fit.

    Examples
    --------
    >>> parse_optimizer("adam:lr=0.3,beta1=0.95")
    Adam(lr=0.3, beta1=0.95)
    >>> parse_optimizer("sgd:lr=cosine(0.1,200)").lr(200)
    0.0
    """
    if len(text) > 1000:
        raise ValueError("an optimizer is at most 1000 characters long")
    name, _, settings = text.partition(":")
    kind = optimizers.get(name.strip().lower())
    if kind is None:
        hint = did_you_mean(name.strip(), optimizers)
        raise ValueError(f"no optimizer is called {name!r}{hint}; there are {listed(optimizers)}")
    texts = parse_settings(name, settings)
    values: dict[str, Any] = {
        key: text if key == "convention" else _setting(f"{name}: {key}", text)
        for key, text in texts.items()
    }
    return kind(**values)


def check_optimizer(optimizer: object) -> None:
    """Refuse what is no optimizer, such as its name or its class.

    Raises
    ------
    ValueError
        With what would do.
    """
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be one such as ov.Adam(lr=0.1), not {optimizer!r}")


def is_of_catalogue(optimizer: Optimizer) -> bool:
    """Whether its name makes it again: not so for a user's own class, whatever it is called."""
    return optimizers.get(optimizer.name) is type(optimizer)


def names_rate(text: str) -> bool:
    """Whether the text of an optimizer gives its rate.

    >>> names_rate("adam:lr=0.3"), names_rate("adam:beta1=0.8")
    (True, False)
    """
    settings = split_outside_brackets(text.partition(":")[2])
    return any(part.partition("=")[0].strip() == "lr" for part in settings)


def _setting(what: str, text: str) -> Setting:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if "(" in text or text.lower() in SCHEDULES:
        return parse_schedule(text)
    return parse_number(what, text)
