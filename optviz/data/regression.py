"""Numbers to be fitted, drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.checks import check_number, check_whole
from optviz.shared.settings import parse_number, parse_settings, parse_whole
from optviz.shared.text import did_you_mean

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
    random = np.random.default_rng(rng)
    x = random.random((n, 10))
    a, b, c, d, e = x.T[:5]
    y = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    return x, y + noise * random.normal(size=n)


def regression(text: str) -> tuple[Real, Real]:
    """Features (n, k) and numbers (n,) from a text: `friedman:n=500,noise=0.5,seed=1`.

    Raises
    ------
    ValueError
        If there is no such set, or a setting is wrong.
    """
    name, _, settings = text.partition(":")
    if name.strip().lower() != "friedman":
        hint = did_you_mean(name, ["friedman"])
        raise ValueError(f"no numbers to fit are called {name!r}{hint}; there are friedman")
    texts = parse_settings("friedman", settings, known=["n", "noise", "seed"])
    try:
        n, seed = parse_whole(texts.get("n", "1000")), parse_whole(texts.get("seed", "0"))
    except ValueError:
        raise ValueError(f"{text!r}: n and seed must be whole numbers") from None
    check_whole("friedman: seed", seed, 0, 2**63 - 1)
    return friedman(n, parse_number("friedman: noise", texts.get("noise", "1")), seed)
