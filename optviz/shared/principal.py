"""The first two principal components of points: the plane that shows most of a path."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def principal(points: Any) -> tuple[Real, Real]:
    """Two orthonormal directions (2, n) for points (k, n), and their shares of the variance.

    Of each direction, the first point that is at least a tenth as far out as the farthest has a
    negative place: a path begins at the left, or below. (By the largest entry of a direction the
    sign would be rounding's, and so the processor's: entries of mirrored coordinates tie.) Points
    that lie on one line, or are one, leave a direction free: then it is drawn, from a fixed seed.
    With n = 1 the second is zero.

    Examples
    --------
    >>> ways, shares = principal([[3.0, 0.0], [2.0, 0.1], [0.0, 0.0]])
    >>> ways.round(2)
    array([[-1.  , -0.01],
           [-0.01,  1.  ]])
    >>> shares.round(4)
    array([0.9986, 0.0014])
    """
    off = np.asarray(points, dtype=float)
    off = off - off.mean(axis=0)
    _, sizes, found = np.linalg.svd(off, full_matrices=False)
    total = float(np.square(sizes).sum())
    ways, shares = np.empty((2, off.shape[1])), np.zeros(2)
    for k in range(2):
        # What is smaller, beside the largest, is rounding.
        if k < len(sizes) and sizes[k] > 1e-7 * sizes[0]:
            ways[k], shares[k] = _begun_below(found[k], off), sizes[k] ** 2 / total
        else:
            ways[k] = _across(ways[:k])
    return ways, shares


def _begun_below(way: Real, off: Real) -> Real:
    along = off @ way
    first = along[(np.abs(along) >= np.abs(along).max() / 10).argmax()]
    return -way if first > 0 else way


def _across(ways: Real) -> Real:
    """A unit vector across those (k, n) that there are."""
    if len(ways) >= ways.shape[1]:
        return np.zeros(ways.shape[1])
    drawn = np.random.default_rng(len(ways)).normal(size=ways.shape[1])
    across = drawn - ways.T @ (ways @ drawn)
    return np.asarray(across / np.linalg.norm(across))
