"""Small pieces of text that messages, specifications and pictures share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def listed(names: Iterable[object]) -> str:
    """Names in a row: `a, b, c`."""
    return ", ".join(str(name) for name in names)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'adam'?)`, or nothing if nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def number(value: float) -> str:
    """The shortest text that reads back as the same float64, without a trailing `.0`.

    >>> number(0.1), number(2.0), number(1e-08)
    ('0.1', '2', '1e-08')
    """
    return repr(float(value)).removesuffix(".0")


def rounded(value: float, digits: int = 3) -> str:
    """A number for reading, with a true minus sign.

    >>> rounded(0.123456), rounded(-2.0)
    ('0.123', '−2')
    """
    return f"{value:.{digits}g}".replace("-", "−")


def readable(formula: str) -> str:
    """A formula for reading in a line of text.

    >>> readable("2*x**2 + y**10")
    '2·x² + y**10'
    """
    raised = str.maketrans("23456789", "²³⁴⁵⁶⁷⁸⁹")
    formula = re.sub(r"(?:\*\*|\^)([2-9])(?![\d.])", lambda m: m[1].translate(raised), formula)
    return re.sub(r"(?<!\*)\*(?!\*)", "·", formula)
