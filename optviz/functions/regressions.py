"""The data that two of the families are fitted to, as arrays, and the minima of these fits.

`family_kernels.py` draws the same numbers, for a block of points at a time. Both functions are
convex, so that the minimum that Newton's method finds is the only one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optviz.compiled.splitmix import hashed, uniform

Real = NDArray[np.float64]

#: As in `family_kernels.py`.
SAMPLES, RIDGE = 5, 0.01
#: Draws of a sample: its features in columns from 0 on, what else there is of it from here down.
COLUMNS = 2**20
LARGEST = 1000


def outliers_data(n: int) -> tuple[Real, Real]:
    """Features (5 n, n), uniform with variance 1, and targets: the sum of a sample's features,
    up to 0.1 off; every tenth is an outlier, up to 20 too high."""
    x, rows = _features(n)
    usual = 0.2 * (uniform(rows + COLUMNS - 1) - 0.5)
    is_outlier = np.arange(len(x)) % 10 == 0
    return x, x.sum(axis=1) + usual + np.where(is_outlier, 20 * uniform(rows + COLUMNS - 2), 0)


def logistic_data(n: int) -> tuple[Real, Real]:
    """Features as of `outliers_data`, and classes ±1: 1 with the probability σ(3 Σ x / √n)."""
    x, rows = _features(n)
    share = 1 / (1 + np.exp(-3 * x.sum(axis=1) / np.sqrt(n)))
    return x, np.where(uniform(rows + COLUMNS - 3) < share, 1.0, -1.0)


def _features(n: int) -> tuple[Real, NDArray[np.uint64]]:
    """With the number that the first column of each sample has; four features share a hash."""
    rows: NDArray[np.uint64] = np.arange(SAMPLES * n, dtype=np.uint64) * np.uint64(COLUMNS)
    columns: NDArray[np.uint64] = np.arange(-(-n // 4), dtype=np.uint64)
    bits = hashed(rows[:, None] + columns)
    parts = [(bits >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)]
    x = np.stack(parts, axis=2).reshape(len(rows), -1)[:, :n] * 2.0**-16
    return np.sqrt(12) * (x - 0.5), rows


def outliers_minimum(n: int) -> Real:
    """Where the mean of √(1 + r²) − 1 over the residuals r is lowest, (1, n)."""
    x, y = outliers_data(n)

    def slope(place: Real) -> Real:
        off = x @ place - y
        return np.asarray(x.T @ (off / np.sqrt(1 + off**2)) / len(x))

    def bend(place: Real) -> Real:
        return np.asarray((x.T / (1 + (x @ place - y) ** 2) ** 1.5) @ x / len(x))

    return _newton(slope, bend, np.ones(n))


def logistic_minimum(n: int) -> Real:
    """Where the mean of log(1 + e^−m) over the margins m, and RIDGE |x|²/2, is lowest, (1, n)."""
    x, y = logistic_data(n)

    def slope(place: Real) -> Real:
        return np.asarray(RIDGE * place - x.T @ (y / (1 + np.exp(y * (x @ place)))) / len(x))

    def bend(place: Real) -> Real:
        share = 1 / (1 + np.exp(y * (x @ place)))
        return np.asarray((x.T * (share * (1 - share))) @ x / len(x) + RIDGE * np.eye(n))

    return _newton(slope, bend, np.zeros(n))


def _newton(slope: Callable[[Real], Real], bend: Callable[[Real], Real], place: Real) -> Real:
    """Newton's method until steps do not make the gradient smaller; the first ones are halved."""
    here = slope(place)
    for _ in range(100):
        step = np.linalg.solve(bend(place), here)
        for _ in range(30):
            there = slope(place - step)
            if np.linalg.norm(there) < np.linalg.norm(here):
                break
            step = step / 2
        else:
            break
        place, here = place - step, there
    return place[None]
