"""Numbers to be fitted, drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.checks import check_number, check_whole, generator

Real = NDArray[np.float64]

SOURCE = "Friedman (1991), Multivariate Adaptive Regression Splines, the first of his functions"


def friedman(n: int = 1000, noise: float = 1.0, rng: Any = 0) -> tuple[Real, Real]:
    """Ten features, of which five count.

    y = 10 sin(π x₁ x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ + noise · ξ, x uniform in [0, 1].

    Parameters
    ----------
    n : int
        Samples, ≥ 10.
    noise : float
        The deviation of the noise, ≥ 0.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Returns
    -------
    x : ndarray (n, 10)
    y : ndarray (n,)

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> x, y = friedman(n=50, noise=0.0)
    >>> x.shape, y.shape
    ((50, 10), (50,))
    """
    check_whole("friedman: n", n, 10, 1_000_000)
    check_number("friedman: noise", noise, 0, 1e6)
    random = generator(rng, "rng")
    x = random.random((n, 10))
    a, b, c, d, e = x.T[:5]
    y = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    return x, y + noise * random.normal(size=n)
