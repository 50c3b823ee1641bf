"""Small pieces of text that messages, specifications and pictures share."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable


def listed(names: Iterable[object]) -> str:
    """Names in a row: `a, b, c`."""
    return ", ".join(str(name) for name in names)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'adam'?)`, or nothing if nothing is near."""
    as_written = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), list(as_written), n=1, cutoff=0.6)
    return f" (did you mean {as_written[near[0]]!r}?)" if near else ""


def counted(count: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "step"), counted(1200, "step")
    ('1 step', '1,200 steps')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def percent(share: float, digits: int = 1) -> str:
    """A share for reading: 0 and 100 % are said only where it is none or all.

    >>> percent(0.256), percent(0.5, 0), percent(0.9999), percent(0.0001), percent(1.0, 0)
    ('25.6 %', '50 %', '> 99.9 %', '< 0.1 %', '100 %')
    """
    least = 10.0**-digits
    written = f"{100 * share:.{digits}f}"
    if 0 < share < 1 and float(written) in (0, 100):
        return f"> {100 - least:.{digits}f} %" if share > 0.5 else f"< {least:g} %"
    return f"{written} %"


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


def labels(values: Iterable[float]) -> list[str]:
    """The numbers of one axis for reading: none is less exact than its last digit says, and two
    are alike only where the values are.

    All have the same decimals where that takes few digits, else the same number of digits.

    >>> labels([7, 7.3, 7.5, 7.8]), labels([0.002, 30, 12345])
    (['7.0', '7.3', '7.5', '7.8'], ['0.002', '30', '1.2e4'])
    """
    numbers = [float(value) + 0.0 for value in values]  # without −0
    sizes = [abs(value) for value in numbers if value] or [1.0]
    tries = [[_with_digits(value, digits) for value in numbers] for digits in range(2, 18)]
    whole = all(value.is_integer() for value in numbers)
    if min(sizes) >= 1e-3 and max(sizes) < min(1e3 * min(sizes), 1e6 if whole else 1e4):
        # Two digits of the smallest.
        needed = max(0, 1 - math.floor(math.log10(min(sizes))))
        least = 0 if whole else needed
        even = [[f"{v:,.{places}f}" for v in numbers] for places in range(least, needed + 5)]
        tries = even + tries
    texts = next(texts for texts in tries if len(set(texts)) == len(set(numbers)))
    return [text.replace("-", "−") for text in texts]


def _with_digits(value: float, digits: int) -> str:
    """So many significant digits, or all before the point; with a power of ten where it is far."""
    written = f"{value:.{digits - 1}e}"
    mantissa, _, power = written.partition("e")
    plain = 1e6 if float(written) == value else 1e4
    if value and not 1e-3 <= abs(value) < plain:
        return f"{_short(mantissa)}e{int(power)}"
    before = math.floor(math.log10(abs(value))) + 1 if value else digits
    return _short(f"{value:,.{max(digits - before, 0)}f}")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def readable(formula: str) -> str:
    """A formula for reading in a line of text.

    >>> readable("2*x**2 + y**10")
    '2·x² + y**10'
    """
    raised = str.maketrans("23456789", "²³⁴⁵⁶⁷⁸⁹")
    formula = re.sub(r"(?:\*\*|\^)([2-9])(?![\d.])", lambda m: m[1].translate(raised), formula)
    return re.sub(r"(?<!\*)\*(?!\*)", "·", formula)
