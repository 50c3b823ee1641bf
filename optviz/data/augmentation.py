"""Images made anew: shifted, turned, mirrored, with noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.text import did_you_mean, listed

Real = NDArray[np.float64]
#: (images (n, height, width), amount, rng) to other images.
Change = Callable[[Real, float, np.random.Generator], Real]


def shifted(images: Real, amount: float, rng: np.random.Generator) -> Real:
    """Each by up to `amount` whole pixels down or up and across; what comes in is 0."""
    reach = int(amount)
    out = np.zeros_like(images)
    height, width = images.shape[1:]
    moves = rng.integers(-reach, reach + 1, (len(images), 2))
    for image, target, (down, across) in zip(images, out, moves, strict=True):
        rows, columns = _overlap(height, down), _overlap(width, across)
        target[rows[1], columns[1]] = image[rows[0], columns[0]]
    return out


def _overlap(size: int, move: int) -> tuple[slice, slice]:
    """What is left of a side that moves, before and after."""
    return slice(max(0, -move), min(size, size - move)), slice(max(0, move), min(size, size + move))


def turned(images: Real, amount: float, rng: np.random.Generator) -> Real:
    """Each about its middle by up to `amount` degrees either way, bilinear; what comes in is 0."""
    from scipy.ndimage import rotate

    angles = rng.uniform(-amount, amount, len(images))
    return np.stack([
        rotate(image, angle, reshape=False, order=1, mode="constant")
        for image, angle in zip(images, angles, strict=True)
    ])  # fmt: skip


def mirrored(images: Real, amount: float, rng: np.random.Generator) -> Real:
    """Left and right change places, for the share `amount` of them."""
    chosen = rng.random(len(images)) < amount
    return np.where(chosen[:, None, None], images[:, :, ::-1], images)


def noisy(images: Real, amount: float, rng: np.random.Generator) -> Real:
    """With Gaussian noise of the standard deviation `amount` on each pixel."""
    return np.asarray(images + amount * rng.normal(size=images.shape))


#: By name: the change, its usual amount, and what that is.
CHANGES: dict[str, tuple[Change, float, str]] = {
    "shift": (shifted, 1.0, "pixels"),
    "rotate": (turned, 15.0, "°"),
    "flip": (mirrored, 0.5, "of them"),
    "noise": (noisy, 0.2, "of the range"),
}


def change(text: str) -> tuple[str, float]:
    """The name and the amount of `NAME` or `NAME:AMOUNT`.

    Raises
    ------
    ValueError
        If there is no such change, or the amount is no positive number.

    Examples
    --------
    >>> change("rotate"), change("shift:2")
    (('rotate', 15.0), ('shift', 2.0))
    """
    name, _, given = text.partition(":")
    if name not in CHANGES:
        raise ValueError(f"no change is called {name!r}{did_you_mean(name, CHANGES)}; there are "
                         f"{listed(CHANGES)}")  # fmt: skip
    if not given:
        return name, CHANGES[name][1]
    try:
        amount = float(given)
    except ValueError:
        amount = float("nan")
    if not 0 < amount < 1000 or (name == "shift" and amount != int(amount)):
        what = "a whole number > 0" if name == "shift" else "a number > 0"
        raise ValueError(f"the amount of {name} must be {what}, not {given!r}")
    return name, amount


def changed(images: Any, changes: list[tuple[str, float]], rng: np.random.Generator) -> Real:
    """Images (n, height, width) with all these changes, one after the other."""
    out = np.asarray(images, dtype=float)
    for name, amount in changes:
        out = CHANGES[name][0](out, amount, rng)
    return out
