"""Quantiles over runs, some of which failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantiles(table: NDArray[Any], shares: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles along the first axis, where an infinite value counts and nan is no value.

    Between two values they are interpolated, as by NumPy; beside an infinite one they are infinite
    (`numpy.quantile` says nan there). Without any value they are nan.

    >>> quantiles(np.array([1.0, 2.0, np.inf, np.nan]), [0.25, 0.5, 0.75])
    array([1.5, 2. , inf])
    """
    ordered = np.sort(np.asarray(table, dtype=float), axis=0)  # nan last
    last = np.maximum(np.count_nonzero(~np.isnan(ordered), axis=0) - 1, 0)
    out = []
    for share in shares:
        at = share * last
        below = np.floor(at).astype(int)
        low, high = (
            np.take_along_axis(ordered, place[None], axis=0)[0]
            for place in (below, np.minimum(below + (at > below), last))
        )
        with np.errstate(invalid="ignore"):
            out.append(np.where(low == high, low, low + (at - below) * (high - low)))
    return np.array(out)
