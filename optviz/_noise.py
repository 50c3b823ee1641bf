"""Gaussian noise on gradients that depends on the run and the step only.

Each run has a key; the numbers of step t are a hash of key and t (SplitMix64: Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", 2014), so that it makes no difference
which thread computes a run, in which block, or beside which others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The increment and the two multipliers of SplitMix64.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
#: A uint64 without its last bits is a float64 in [0, 1).
TO_53_BITS, UNIT = np.uint64(11), 2.0**-53


def perturb(keys, t, deviation, gradient):  # type: ignore[no-untyped-def]
    """Add to `gradient` (2 n,) the noise of step `t` (from 1) of the runs with these keys (n,)."""
    n = keys.size
    first = np.uint64(2) * np.uint64(t)
    for i in range(n):
        z = keys[i] + first * GAMMA
        z = (z ^ (z >> SHIFT_1)) * MIX_1
        z = (z ^ (z >> SHIFT_2)) * MIX_2
        u = np.float64((z ^ (z >> SHIFT_3)) >> TO_53_BITS) * UNIT
        z = keys[i] + first * GAMMA + GAMMA
        z = (z ^ (z >> SHIFT_1)) * MIX_1
        z = (z ^ (z >> SHIFT_2)) * MIX_2
        v = np.float64((z ^ (z >> SHIFT_3)) >> TO_53_BITS) * UNIT
        # Box and Muller, 1958; 1 − u is never zero.
        radius = deviation * np.sqrt(-2.0 * np.log(1.0 - u))
        angle = 2.0 * np.pi * v
        gradient[i] += radius * np.cos(angle)
        gradient[n + i] += radius * np.sin(angle)


def keys(seed: int, starts: NDArray[np.int64], repeats: int) -> NDArray[np.uint64]:
    """One key for each repetition of each start, shape (len(starts) · repeats,)."""
    with np.errstate(over="ignore"):
        by_start = _mixed(_mixed(np.uint64(seed) + GAMMA) + starts.astype(np.uint64) * GAMMA)
        repetition = np.arange(1, repeats + 1, dtype=np.uint64) * GAMMA
        return _mixed(by_start[:, None] + repetition[None, :]).ravel()


def _mixed(z: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    z = (z ^ (z >> SHIFT_1)) * MIX_1
    z = (z ^ (z >> SHIFT_2)) * MIX_2
    return np.asarray(z ^ (z >> SHIFT_3))
