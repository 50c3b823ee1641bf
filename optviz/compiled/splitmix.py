"""Seeds for many independent streams of random numbers.

SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The increment and the two multipliers of SplitMix64.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)


def keys(seed: int, starts: NDArray[np.int64], repeats: int) -> NDArray[np.uint64]:
    """One key for each repetition of each start, shape (len(starts) · repeats,)."""
    with np.errstate(over="ignore"):
        by_start = _mixed(_mixed(np.uint64(seed) + GAMMA) + starts.astype(np.uint64) * GAMMA)
        repetition = np.arange(1, repeats + 1, dtype=np.uint64) * GAMMA
        return _mixed(by_start[:, None] + repetition[None, :]).ravel()


def nth(n: int) -> int:
    """The n-th number of the stream that begins at 0."""
    return int(hashed(np.asarray(n, dtype=np.uint64)))


def hashed(n: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """For each n the n-th number of the stream that begins at 0."""
    with np.errstate(over="ignore"):
        return _mixed(n * GAMMA)


def uniform(n: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The same as numbers in [0, 1)."""
    return np.asarray(hashed(n) >> np.uint64(11)) * 2.0**-53


def _mixed(z: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    z = (z ^ (z >> SHIFT_1)) * MIX_1
    z = (z ^ (z >> SHIFT_2)) * MIX_2
    return np.asarray(z ^ (z >> SHIFT_3))
