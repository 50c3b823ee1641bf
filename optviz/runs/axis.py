"""What is swept: values of a hyperparameter, or a coordinate of a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.shared.settings import parse_whole

Real = NDArray[np.float64]

#: Values of one axis.
MAX_COUNT = 100_000


@dataclass(frozen=True)
class Axis:
    """Evenly or log-spaced values of a hyperparameter (or of a coordinate, in pictures).

    Examples
    --------
    >>> Axis("lr", 0.01, 1, 3, log=True).values
    array([0.01, 0.1 , 1.  ])
    """

    name: str
    low: float
    high: float
    count: int
    log: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f'an axis begins with a name, such as "lr", not {self.name!r}')
        ends = self.low, self.high
        are_numbers = all(isinstance(v, int | float | np.number) for v in ends)
        if not (are_numbers and all(map(math.isfinite, ends)) and self.low < self.high):
            raise ValueError(
                f"{self.name} must range over two rising numbers, not {self.low!r}, {self.high!r}"
            )
        if not (isinstance(self.count, int | np.integer) and 2 <= self.count <= MAX_COUNT):
            raise ValueError(
                f"{self.name} takes from 2 to {MAX_COUNT:,} values, not {self.count!r}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"{self.name} on a log axis must be positive, not {self.low}")
        # A specification reads the same whether an end was given as 1 or as 1.0.
        for name, kind in (("low", float), ("high", float), ("count", int), ("log", bool)):
            object.__setattr__(self, name, kind(getattr(self, name)))

    @property
    def values(self) -> Real:
        """The values, (count,)."""
        if self.log:
            # The ends as they were given: a power of a logarithm may miss them by a bit.
            values = np.geomspace(self.low, self.high, self.count)
        else:
            values = np.linspace(self.low, self.high, self.count)
        return np.asarray(values)


def parse_axis(text: str, count: int) -> Axis:
    """An axis from `NAME=LOW,HIGH`, with `,log` and the number of its values if that is not
    `count`.

    >>> parse_axis("lr=0.01,2", 100)
    Axis(name='lr', low=0.01, high=2.0, count=100, log=False)
    >>> parse_axis("lr=0.01,2,log,50", 100).count
    50
    """
    name, _, range_ = text.partition("=")
    low, high, *rest = [*(part.strip() for part in range_.replace("−", "-").split(",")), ""]
    log = rest[:1] == ["log"]
    rest = [part for part in rest[log:] if part]
    try:
        ends = float(low), float(high)
        (count,) = (parse_whole(part) for part in rest or [str(count)])
    except ValueError:
        raise ValueError(f"an axis is NAME=LOW,HIGH[,log][,COUNT], not {text!r}") from None
    return Axis(name.strip(), *ends, count, log)
