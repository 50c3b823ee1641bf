"""What thinned networks answer together, and how alike units are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.network import Network

Real = NDArray[np.float64]


def votes(network: Network, x: Any, counts: Sequence[int]) -> list[Real]:
    """Means of probabilities (n, outputs) over the first so many dropout masks, for each count."""
    total, out = np.zeros((len(x), network.outputs)), []
    for k in range(1, max(counts) + 1):
        total += network.predict_proba(x, samples=1)
        if k in counts:
            out.append(total / k)
    return out


def correlations(units: Any) -> Real:
    """The absolute correlations of all pairs of columns that are not constant.

    >>> correlations([[1.0, 2, 7], [2, 4, 7], [3, 6, 7]]).round(9).tolist()
    [1.0]
    """
    values = np.asarray(units, dtype=float)
    values = values[:, np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 0)]
    if values.shape[1] < 2:
        return np.zeros(0)
    pairs = np.triu_indices(values.shape[1], 1)
    return np.asarray(np.minimum(np.abs(np.corrcoef(values.T)[pairs]), 1.0))
