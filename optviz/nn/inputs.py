"""What a network may be given: a matrix of finite numbers, dense or sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.data.dataset import is_sparse
from optviz.shared.checks import as_array


def checked_inputs(x: ArrayLike, width: int, dtype: np.dtype[Any], takes_sparse: bool) -> Any:
    """`x` as a matrix (n, width), dense or CSR; numbers of other types stay as they are.

    Raises
    ------
    ValueError
        If it has another shape, no rows, is sparse and must not be, or holds no numbers that are
        finite in the type.
    """
    matrix: Any = x
    if is_sparse(x):
        matrix = matrix.tocsr()
        if not takes_sparse:
            raise ValueError("sparse x needs a Dense layer first")
    else:
        matrix = as_array("x", x)
    if matrix.dtype.kind not in "iubf":
        raise ValueError(f"x must be numbers, not {matrix.dtype}")
    if matrix.ndim != 2 or matrix.shape[1] != width:
        raise ValueError(f"x must have the shape (n, {width}), not {matrix.shape}")
    if not matrix.shape[0]:
        raise ValueError("x has no rows")
    _check_finite(matrix.data if is_sparse(x) else matrix, dtype)
    return matrix


def _check_finite(numbers: NDArray[Any], dtype: np.dtype[Any]) -> None:
    if numbers.dtype.kind != "f" or not numbers.size:
        return
    with np.errstate(all="ignore"):
        flat = numbers.ravel().astype(dtype, copy=False)
        if np.isfinite(np.dot(flat, flat)):
            return  # the fastest way to say yes; large numbers overflow, and are looked at
    # The extremes are nan if any number is, and make no copy.
    low, high = float(numbers.min()), float(numbers.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("x must be finite: it holds nan or inf")
    largest, limit = max(-low, high), float(np.finfo(dtype).max)
    if largest > limit:
        raise ValueError(f"x holds {largest:g}, which is beyond {dtype}")
