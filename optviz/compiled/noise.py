"""Gaussian noise on gradients that depends on the run and the step only.

Each run has a key; the numbers of step t are a hash of key and t (SplitMix64: Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", 2014), so that it makes no difference
which thread computes a run, in which block, or beside which others. Loaded by
`sources.with_vecmath` only.
"""

from __future__ import annotations

import numpy as np

from optviz.compiled.splitmix import GAMMA, MIX_1, MIX_2, SHIFT_1, SHIFT_2, SHIFT_3
from optviz.compiled.vecmath import cos, log, sin

#: What `perturb` takes.
PERTURB = "void(uint64[::1], int64, float64, real[::1])"
#: A uint64 without its last bits is a float64 in [0, 1).
TO_53_BITS, UNIT = np.uint64(11), 2.0**-53


def perturb(keys, t, deviation, gradient):  # type: ignore[no-untyped-def]
    """Add to `gradient` the noise of step `t` (from 1) of the runs with these keys (n,).

    It holds the first coordinate of all, then the second, and so on; two at a time share a radius.
    """
    n = keys.size
    pairs = (gradient.size // n + 1) // 2
    for pair in range(pairs):
        first = np.uint64(2) * np.uint64(t * pairs + pair)
        has_second = (2 * pair + 2) * n <= gradient.size
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
            radius = deviation * np.sqrt(-2.0 * log(1.0 - u))
            angle = 2.0 * np.pi * v
            gradient[2 * pair * n + i] += radius * cos(angle)
            if has_second:
                gradient[(2 * pair + 1) * n + i] += radius * sin(angle)
