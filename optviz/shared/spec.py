"""Specifications as text that nobody vouches for."""

from __future__ import annotations

import json
from typing import Any

MAX_JSON = 200_000


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
