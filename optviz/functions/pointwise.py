"""Python functions of one array, a point at a time: the value, the slope, or both in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.base import SLIPS

Real = NDArray[np.float64]

#: Of central differences: the error is smallest near the cube root of the rounding error.
STEP = float(np.cbrt(np.finfo(float).eps))
#: Points whose values and slopes are kept: at least those of a block of runs.
KEPT = 1024


def number_at(f: Callable[[Any], Any] | None, place: Real) -> float:
    """f at one point; nan where it has no value."""
    assert f is not None
    try:
        return float(f(place.copy()))  # a copy: f may work in place
    except SLIPS:
        raise
    except Exception:
        return float("nan")


def differences(f: Callable[[Any], Any] | None, place: Real) -> Real:
    """The gradient by central differences, 2 n evaluations."""
    out = np.empty(len(place))
    for k, step in enumerate(STEP * np.maximum(1, np.abs(place))):
        ahead, behind = place.copy(), place.copy()
        ahead[k] += step
        behind[k] -= step
        out[k] = (number_at(f, ahead) - number_at(f, behind)) / (ahead[k] - behind[k])
    return out


class Both:
    """A function that gives value and gradient together, as two: called once a point."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        @functools.lru_cache(maxsize=KEPT)
        def at(place: bytes) -> tuple[float, Real]:
            value, slope = f(np.frombuffer(place).copy())
            return value, np.array(slope, dtype=float)

        self._at = at

    def value(self, place: Real) -> float:
        """f at a point (n,)."""
        return self._at(place.tobytes())[0]

    def slope(self, place: Real) -> Real:
        """The gradient at a point (n,)."""
        return self._at(place.tobytes())[1].copy()
