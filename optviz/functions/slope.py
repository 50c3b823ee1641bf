"""Whether a gradient that somebody wrote is that of their function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.base import Function
from optviz.shared.text import rounded

__all__ = ["check_gradient"]

Real = NDArray[np.float64]

#: Points to compare at (an odd number has a majority), and to look for them among.
POINTS, CANDIDATES = 7, 28
#: Of the plane's most evenly spread sequence (Roberts' R2): powers of the plastic number.
SPREAD = np.array([0.7548776662466927, 0.5698402909980532])
#: Half widths of the differences, as shares of the domain's. How far the two are apart tells how
#: far either can be trusted: where f is rounded to float32, has noise, a kink or fast waves.
NARROW, WIDE = 1e-5, 1e-3
#: Of a component, and of the whole gradient: differences of one's own may be less exact than these.
CLOSE, CLOSE_TO_ALL = 1e-2, 1e-5


def check_gradient(f: Function, gradient: Callable[[Any, Any], Any]) -> None:
    """Compare a gradient with central differences of `f` at a few points of its domain.

    A point at which f has no value, or none beside it, tells nothing.

    Raises
    ------
    ValueError
        If it disagrees at most of them: one may lie on a kink.

    Examples
    --------
    >>> import optviz as ov
    >>> f = ov.function(lambda x, y: x**2 + y**2)
    >>> check_gradient(f, lambda x, y: (2 * x, 2 * y))
    >>> check_gradient(f, lambda x, y: (x, y))
    Traceback (most recent call last):
    ValueError: gradient gave (2.5, 0.684) at (2.5, 0.684), finite differences of f give \
(5, 1.37) (7 of 7 points disagree; check=False if it is meant so)
    """
    points, differences, slack = _differences(f)
    wrong = []
    for (x, y), wanted, off in zip(points.tolist(), differences, slack, strict=True):
        given, told = _given(gradient, x, y)
        if given is None or not np.all(np.abs(given - wanted) <= off):
            wrong.append((f"({rounded(x)}, {rounded(y)})", told, wanted))
    if 2 * len(wrong) <= len(points):
        return
    place, told, wanted = wrong[0]
    raise ValueError(
        f"gradient gave {told} at {place}, finite differences of f give {_pair(wanted)} "
        f"({len(wrong)} of {len(points)} points disagree; check=False if it is meant so)"
    )


def _differences(f: Function) -> tuple[Real, Real, Real]:
    """Points (n, 2) beside which f has values, its differences there, and how far they may err."""
    low, high = np.array(f.bounds).T
    shares = np.arange(1, CANDIDATES + 1)[:, None] * SPREAD % 1
    # A little inside, so that no difference reaches over the edge.
    points = low + (high - low) * (0.01 + 0.98 * shares)
    here = f(*points.T)
    points, here = points[np.isfinite(here)][:POINTS], here[np.isfinite(here)][:POINTS]
    narrow, wide = (_central(f, points, share * (high - low)) for share in (NARROW, WIDE))
    rounding = 8 * np.finfo(float).eps * np.abs(here[:, None]) / (NARROW * (high - low))
    with np.errstate(invalid="ignore"):
        whole = np.hypot(*narrow.T)[:, None]
        slack = 2 * np.abs(wide - narrow) + rounding + CLOSE * np.abs(narrow) + CLOSE_TO_ALL * whole
    known = np.isfinite(slack).all(axis=1)
    return points[known], narrow[known], slack[known]


def _central(f: Function, points: Real, half: Real) -> Real:
    """Central differences of f at each point, (n, 2)."""
    with np.errstate(all="ignore"):
        return np.stack([
            (f(*(points + step).T) - f(*(points - step).T)) / (2 * step.sum())
            for step in np.diag(half)
        ], axis=1)  # fmt: skip


def _given(gradient: Callable[[Any, Any], Any], x: float, y: float) -> tuple[Real | None, str]:
    """What a gradient gave, None if that is not two numbers, and in words."""
    try:
        out = gradient(x, y)
        values = np.asarray(out, dtype=float)
    except Exception as error:
        return None, f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
    if values.shape != (2,):
        what = f"numbers of shape {values.shape}" if values.ndim else str(out)[:40]
        return None, f"{what}, not (∂f/∂x, ∂f/∂y),"
    return values, _pair(values)


def _pair(values: Real) -> str:
    return f"({', '.join(rounded(float(v)) for v in values)})"
