"""Paths in n dimensions as they are seen in a plane, and how much of them is seen there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optviz.functions.slices import Slice, coordinate_name, plane
from optviz.functions.space import SpaceFunction
from optviz.runs.trajectory import Trajectory
from optviz.shared.principal import principal
from optviz.shared.text import rounded

Real = NDArray[np.float64]

#: Around the paths, as a share of their width; and how flat a picture may be.
MARGIN, FLATTEST = 0.15, 0.4


def parse_plane(text: str, n: int) -> tuple[int, int] | None:
    """Two coordinates, counted from 0, from "1,2", which counts from 1; None from "pca".

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> parse_plane("1,3", 10), parse_plane("pca", 10)
    ((0, 2), None)
    """
    if text.strip().lower() == "pca":
        return None
    try:
        i, j = (int(part) for part in text.split(","))
    except ValueError:
        i = j = 0
    if i == j or not (1 <= i <= n and 1 <= j <= n):
        raise ValueError(
            f"plane must be pca, or two coordinates from 1 to {n} such as 1,2, not {text!r:.40}"
        )
    return i - 1, j - 1


def seen(trajectories: Sequence[Trajectory], which: str = "pca") -> tuple[Slice, list[Trajectory]]:
    """The plane of two coordinates or of the paths' principal components, and the paths on it.

    Principal components (Pearson, 1901) are those of all points of all paths, as far as they lie
    in the bounds; their shares of the variance stand at the axes. How far the paths lie off the
    plane is part of its note.

    Examples
    --------
    >>> import optviz as ov
    >>> f, (t,) = seen([ov.minimize("sphere:n=5", ov.SGD(lr=0.1), steps=30)], "1,2")
    >>> f.axes, t.points.shape, t.whole.points.shape
    (('x₁', 'x₂'), (31, 2), (31, 5))
    """
    whole = trajectories[0].function
    assert isinstance(whole, SpaceFunction)
    parts = [t.points[: _stay(t)] for t in trajectories]
    points = np.vstack(parts)
    pair = parse_plane(which, whole.n)
    if pair is None:
        origin = points.mean(axis=0)
        (u, v), shares = principal(points)
        axes = tuple(f"PC {k + 1} ({100 * share:.3g} %)" for k, share in enumerate(shares))
        what = "plane of the paths' principal components (PC) with their shares of the variance"
    else:
        u, v = np.eye(whole.n)[list(pair)]
        origin = parts[0][-1] * (1 - u - v)
        axes = tuple(coordinate_name(k) for k in pair)
        what = f"plane of {axes[0]} and {axes[1]} through the first path's end"
    bounds = _bounds((points - origin) @ np.stack([u, v]).T)
    made = plane(whole, origin, u, v, bounds=bounds, axes=(axes[0], axes[1]), shown=True)
    off = max(float(made.distance(part).max()) for part in parts)
    note = f"{what}; paths lie up to {rounded(off, 2)} off it"
    if len(whole.minima) and not len(made.minima):
        note += f", and the minimum {rounded(float(made.distance(whole.minima).min()), 2)}"
    made = dataclasses.replace(made, note=note, start=tuple(made.project(points[0]).tolist()))
    return made, [_on(made, t) for t in trajectories]


def _stay(t: Trajectory) -> int:
    """How many points lie in the bounds before one does not; at least the start."""
    left = t.left_at()
    return len(t.points) if left is None else max(1, min(left, len(t.points)))


def _bounds(places: Real) -> tuple[tuple[float, float], tuple[float, float]]:
    """A box around places (k, 2) with a margin, not too flat."""
    low, high = places.min(axis=0), places.max(axis=0)
    middle, sides = (low + high) / 2, (high - low) * (1 + 2 * MARGIN)
    largest = float(sides.max()) or 1.0
    half = np.maximum(sides, FLATTEST * largest) / 2
    (x0, y0), (x1, y1) = middle - half, middle + half
    return (float(x0), float(x1)), (float(y0), float(y1))


def _on(f: Slice, t: Trajectory) -> Trajectory:
    """The path on the plane, which still knows the whole one."""
    band = t.band
    if band is not None:
        band = dataclasses.replace(band, paths=f.project(band.paths))
    return dataclasses.replace(t, points=f.project(t.points), function=f, band=band, whole=t)
