"""Values on a grid as a test function: a cubic spline goes through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["is_table", "natural_bounds", "spline"]

Real = NDArray[np.float64]


def spline(values: ArrayLike, bounds: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """f(x, y) through values (rows, columns) that are spread evenly over the bounds, and ∇f.

    A row has one y and rising x, as in Matplotlib's `contour`. Between the points stands the
    tensor product of cubic not-a-knot splines (De Boor, 1962), of lower order where there are
    fewer than four points; outside the bounds there is no value.

    Raises
    ------
    ValueError
        If there are fewer than two rows or columns, or values are no finite numbers.

    Examples
    --------
    >>> f, slope = spline([[0, 1, 4], [1, 2, 5], [4, 5, 8]], ((0, 2), (0, 2)))
    >>> float(f(1.5, 1.0)), slope(1.5, 1.0).round(9).tolist()
    (3.25, [3.0, 2.0])
    """
    from scipy.interpolate import RectBivariateSpline

    z = _checked(values)
    ys, xs = (np.linspace(low, high, count)
              for (low, high), count in zip(reversed(bounds), z.shape, strict=True))  # fmt: skip
    through = RectBivariateSpline(xs, ys, z.T, kx=min(3, len(xs) - 1), ky=min(3, len(ys) - 1), s=0)
    (x0, x1), (y0, y1) = bounds

    def evaluate(x: Any, y: Any, **order: int) -> Any:
        inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
        return np.where(inside, through.ev(x, y, **order), np.nan)

    return (
        lambda x, y: evaluate(*np.broadcast_arrays(x, y)),
        lambda x, y: np.stack([evaluate(x, y, dx=1), evaluate(x, y, dy=1)]),
    )


def is_table(f: Any) -> bool:
    """Whether these are rows of numbers: lists in a list, or a data frame.

    >>> is_table([[1, 2], [3, 4]]), is_table([1, 2]), is_table("bowl")
    (True, False, False)
    """
    is_rows = (
        isinstance(f, list | tuple) and bool(f) and all(isinstance(r, list | tuple) for r in f)
    )
    return is_rows or (hasattr(f, "to_numpy") and getattr(f, "ndim", 2) == 2)


def natural_bounds(values: ArrayLike) -> tuple[tuple[float, float], tuple[float, float]]:
    """Columns and rows counted from 0."""
    rows, columns = _checked(values).shape
    return (0.0, columns - 1.0), (0.0, rows - 1.0)


def _checked(values: ArrayLike) -> Real:
    try:
        given = np.asarray(values)
        z = np.array(given, dtype=float) if given.dtype.kind != "c" else np.zeros(0)
    except (TypeError, ValueError):
        z = np.zeros(0)
    if z.ndim != 2 or min(z.shape) < 2:
        raise ValueError(
            "values on a grid are numbers in an array (rows, columns) of at least 2 × 2, a row for "
            f"each y, not {'complex numbers' if np.iscomplexobj(values) else 'of shape '}"
            f"{'' if np.iscomplexobj(values) else np.shape(values)}"
        )
    if not np.isfinite(z).all():
        raise ValueError("values on a grid must be finite: a spline goes through all of them")
    return z
