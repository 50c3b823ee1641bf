"""Hyperparameters: a default that knows its range, and the range that sweeps go over.

>>> share(0.9), share(0.9).expected, share(0.9).sweep
(0.9, 'a number in [0, 1)', (0.0, 0.99, False))
>>> share(0.9).checked("beta1 must be", 1.5)
Traceback (most recent call last):
    ...
ValueError: beta1 must be a number in [0, 1), not 1.5
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


class Hyper(float):
    """The default of a hyperparameter, a plain number otherwise.

    Attributes
    ----------
    expected : str
        Its range in words.
    low, high, excluded : float
        Its range: `low` ≤ value ≤ `high`, but not `excluded` (nan for none).
    sweep : (low, high, log) or None
        What a sweep over it goes over unless told.
    is_flag : bool
        Whether it is True or False.
    is_whole : bool
        Whether it counts something.
    """

    def __new__(cls, default: float, *_: Any, **__: Any) -> Hyper:
        return super().__new__(cls, default)

    def __init__(
        self, default: float, expected: str = "a finite number", low: float = -math.inf,
        high: float = math.inf, excluded: float = math.nan,
        sweep: tuple[float, float, bool] | None = None, is_flag: bool = False,
        is_whole: bool = False,
    ) -> None:  # fmt: skip
        self.expected, self.low, self.high, self.excluded = expected, low, high, excluded
        self.sweep, self.is_flag, self.is_whole = sweep, is_flag, is_whole

    def with_default(self, default: float) -> Hyper:
        """The same with another default."""
        return Hyper(default, **vars(self))

    def checked(self, must_be: str, value: Any) -> float | bool:
        """`value` as a float, or as a bool for a flag.

        Raises
        ------
        ValueError
            If it is out of range; the message begins with `must_be`.
        """
        is_flag = isinstance(value, bool | np.bool_)
        try:
            number = math.nan if is_flag and not self.is_flag else float(value)
        except (TypeError, ValueError):
            number = math.nan
        fits = self.low <= number <= self.high and number != self.excluded
        fits = number in (0, 1) if self.is_flag else fits and math.isfinite(number)
        fits = fits and (number.is_integer() or not self.is_whole)
        if not fits:
            raise ValueError(f"{must_be} {self.expected}, not {value!r}")
        return bool(value) if self.is_flag else number


def positive(default: float) -> Hyper:
    """A number > 0, such as a rate."""
    return Hyper(default, "a positive number", low=0, excluded=0)


def share(default: float) -> Hyper:
    """A number in [0, 1), such as what a running mean keeps; the longer it is, the finer sweeps."""
    largest = 0.99 if default <= 0.9 else 0.999
    return Hyper(default, "a number in [0, 1)", 0, 1, excluded=1, sweep=(0.0, largest, False))


def amount(default: float, *sweep: float) -> Hyper:
    """A number ≥ 0; sweeps, if it has two ends for them, are log-spaced where the first is > 0."""
    ends = (sweep[0], sweep[1], sweep[0] > 0) if sweep else None
    return Hyper(default, "a number ≥ 0", low=0, sweep=ends)


def counted(default: float) -> Hyper:
    """A number of steps."""
    return Hyper(default, "a whole number ≥ 1", low=1, is_whole=True)


def tiny(default: float) -> Hyper:
    """What keeps a divisor away from zero."""
    return amount(default, 1e-10, 1.0)


def at_most_zero(default: float) -> Hyper:
    """A number ≤ 0."""
    return Hyper(default, "a number ≤ 0", high=0)


def ranges_of(tables: Iterable[Mapping[str, Any]], rate: str = "lr") -> dict[str, Hyper]:
    """The range of each hyperparameter in the defaults of some conventions.

    It is given once, in any of them, and holds for that name in all. A name that never has one
    takes any finite number; the `rate` a positive one; a bool True or False.
    """
    ranges: dict[str, Hyper] = {}
    for name, default in (item for table in tables for item in table.items()):
        if isinstance(default, Hyper):
            ranges[name] = default
        elif isinstance(default, bool):
            ranges[name] = Hyper(default, "True or False", is_flag=True)
        else:
            ranges.setdefault(name, positive(1) if name == rate else Hyper(0))
    return ranges
