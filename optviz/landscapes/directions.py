"""Planes through the space of a network's parameters, and what of a path lies in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.model import Model
from optviz.shared.principal import principal

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """origin + a u + b v, where u and v are of one length.

    Attributes
    ----------
    origin, u, v : ndarray (p,)
        A point of parameters, and two directions.
    axes
        What a and b are, in a few words.
    """

    origin: Real
    u: Real
    v: Real
    axes: tuple[str, str]

    @property
    def unit(self) -> float:
        """The length of a step of 1 along u, in the units of the parameters."""
        return float(np.linalg.norm(self.u))

    def project(self, points: Any) -> Real:
        """The places (k, 2) that are nearest to points (k, p)."""
        basis = np.stack([self.u, self.v])
        off = np.asarray(points, dtype=float) - self.origin
        return np.asarray(np.linalg.solve(basis @ basis.T, basis @ off.T).T)

    def at(self, places: Any) -> Real:
        """The parameters (k, p) at places (k, 2)."""
        return np.asarray(self.origin + np.asarray(places) @ np.stack([self.u, self.v]))

    def residual(self, points: Any) -> Real:
        """How far points (k, p) lie off the plane: (k,)."""
        on = self.at(self.project(points))
        return np.asarray(np.linalg.norm(np.asarray(points, dtype=float) - on, axis=1))

    def explained(self, points: Any) -> Real:
        """The shares of the variance of points (k, p) along u, and along what v adds to it: (2,).

        Both together are what the plane shows; nan for points that are all one.
        """
        off = np.asarray(points, dtype=float)
        off = off - off.mean(axis=0)
        total = float(np.sum(off**2))
        if not total > 0:
            return np.full(2, np.nan)
        first = self.u / np.linalg.norm(self.u)
        second = self.v - (self.v @ first) * first
        second = second / np.linalg.norm(second)
        return np.array([float(np.sum((off @ way) ** 2)) / total for way in (first, second)])


def filter_normalised(network: Model, rng: np.random.Generator) -> Real:
    """A Gaussian direction with the norms of the network's filters.

    The weights into each unit (a column of W) get the norm that they have in the network; what has
    no filters (biases, batch normalisation) does not move. Li et al., "Visualizing the Loss
    Landscape of Neural Nets", NeurIPS 2018, section 4.
    """
    direction = rng.normal(size=network.parameters.size)
    parts, own = network.views(direction), network.views()
    for name, part in parts.items():
        if part.ndim < 2:
            part[...] = 0.0
            continue
        axes = tuple(range(part.ndim - 1))
        norms = np.sqrt(np.sum(np.square(own[name], dtype=float), axis=axes))
        found = np.sqrt(np.sum(part**2, axis=axes))
        np.multiply(part, norms / np.where(found > 0, found, 1.0), out=part)
    return direction


def random_plane(network: Model, rng: np.random.Generator) -> Plane:
    """Through the network's parameters, along two filter-normalised directions.

    Raises
    ------
    ValueError
        If all weights are zero: then nothing moves.
    """
    u, v = filter_normalised(network, rng), filter_normalised(network, rng)
    if not u.any():
        raise ValueError(
            "directions: all filters of this network are zero, and so are directions that have "
            "their norms"
        )
    names = ("random direction 1 (filter norms)", "random direction 2 (filter norms)")
    return Plane(np.asarray(network.parameters, dtype=float), u, v, names)


def principal_plane(points: Any, origin: Any) -> Plane:
    """Along the first two principal components of points (k, p), through `origin`.

    Components are of length 1, so that a and b are distances.

    Raises
    ------
    ValueError
        If all points are one.
    """
    path = np.asarray(points, dtype=float)
    spread = float(np.ptp(path, axis=0).max())
    if not 0 < spread < np.inf:
        raise ValueError("the path does not move, or is no path of finite numbers: no plane of it")
    (u, v), _ = principal(path)
    return Plane(np.asarray(origin, float), u, v, ("PC 1", "PC 2"))


def line_between(first: Any, second: Any, rng: np.random.Generator) -> Plane:
    """Through two networks of one shape, at a = 0 and a = 1; b goes in a random direction across,
    as long as the line.

    Raises
    ------
    ValueError
        If they have the same parameters.
    """
    start, end = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    u = end - start
    length = float(np.linalg.norm(u))
    if not length > 0:
        raise ValueError("the two networks have the same parameters: there is no line between them")
    drawn: Real = rng.normal(size=u.size)
    across = np.asarray(drawn - (drawn @ u) / length**2 * u)
    v = np.asarray(across * (length / np.linalg.norm(across)))
    return Plane(start, u, v, ("from the first (0) to the second (1)", "across, at random"))
