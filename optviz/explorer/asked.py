"""A request as a page sends it: one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Characters of a request.
MAX_REQUEST = 100_000
#: What takes long, and runs beside the rest.
BESIDE = frozenset({"basins", "sensitivity", "swept", "landscape", "file"})


def read(text: str) -> dict[str, Any]:
    """The request; an empty one if it is none."""
    try:
        request = json.loads(text) if len(text) <= MAX_REQUEST else None
    except (ValueError, RecursionError):
        request = None
    return request if isinstance(request, dict) else {}


def number_of(request: Mapping[str, Any]) -> int:
    """What its answer is to be numbered; −1 if it has no number."""
    number = request.get("id")
    return number if isinstance(number, int) and not isinstance(number, bool) else -1


def settings_of(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that it came with.

    Raises
    ------
    ValueError
        If they are no object.
    """
    settings = request.get("settings", {})
    if not isinstance(settings, dict):
        raise ValueError('settings must be an object, such as {"on": "beale"}')
    return settings


def whole(request: Mapping[str, Any], name: str) -> int:
    """One of its numbers.

    Raises
    ------
    ValueError
        If it is missing, or no whole number.
    """
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, not {str(value)[:40]!r}")
    return value
