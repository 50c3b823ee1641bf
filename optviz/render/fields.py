"""Reading a specification that nobody vouches for: one check for each type of field."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from optviz.shared.text import listed

MAX_JSON = 200_000
MAX_RUNS = 100


class SpecError(ValueError):
    """A specification that was refused; the message names the field."""


def read_json(text: str) -> dict[str, Any]:
    """A specification's text as data, unchecked.

    Raises
    ------
    SpecError
        If it is no specification at all.
    """
    if len(text) > MAX_JSON:
        raise SpecError(f"a specification has at most {MAX_JSON:,} characters")
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"this is no JSON: {error}") from None
    if not isinstance(data, dict) or "optviz" not in data:
        raise SpecError("this is no specification of optviz")
    return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def check_text(name: str, value: Any, longest: int) -> str:
    """A printable text."""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise SpecError(f"{name} must be a text of at most {longest} characters")
    return value


def one_of(known: Sequence[str]) -> Any:
    """A check for one of some words."""

    def check(name: str, value: Any) -> str:
        if value not in known:
            raise SpecError(f"{name} must be one of {listed(known)}")
        return str(value)

    return check


def whole(low: int, high: int) -> Any:
    """A check for a whole number in a range."""

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SpecError(f"{name} must be a whole number from {low} to {high}")
        return value

    return check


def check_real(name: str, value: Any) -> float:
    """A finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and abs(value) <= 1e100 and math.isfinite(value)):
        raise SpecError(f"{name} must be a finite number")
    return float(value)


def check_flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise SpecError(f"{name} must be true or false")
    return value


def pair(name: str, value: Any, check: Any) -> tuple[Any, Any]:
    """Two of a kind."""
    if not isinstance(value, list) or len(value) != 2:
        raise SpecError(f"{name} must be a pair")
    return check(name, value[0]), check(name, value[1])


def check_size(name: str, value: Any) -> tuple[int, int] | None:
    """Width and height in pixels, or nothing."""
    return None if value is None else pair(name, value, whole(1, 7680))
