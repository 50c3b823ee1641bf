"""What a landscape shows, in one line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optviz.landscapes.landscape import Landscape
from optviz.shared.text import listed, rounded

#: A loss that rises by less than this share of the higher end is no barrier.
BARRIER = 0.01


def finding(land: Landscape, names: Sequence[str]) -> str:
    """What the plane shows of the paths, what lies on it, and how sharp the ends are."""
    parts = {"pca": _of_paths, "random": _around, "line": _between}[land.directions](land, names)
    if np.isfinite(land.curvature).any():
        sharp = listed(
            f"{name} {rounded(float(value), 2)}"
            for name, value in zip(names, land.curvature[:, 0], strict=True) if np.isfinite(value)
        )  # fmt: skip
        parts.append(f"curvature there: {sharp}" if land.directions == "pca" else
                     f"curvature at the end{'s' * (len(names) > 1)}: {sharp}")  # fmt: skip
    if any(land.lost):
        gone = [name for name, is_lost in zip(names, land.lost, strict=True) if is_lost]
        parts.append(f"{listed(gone)} got lost")
    return "; ".join(parts)


def _shown(land: Landscape) -> str:
    share = 100 * float(land.explained.sum())
    whose = "path's" if len(land.paths) == 1 else "paths'"
    return f"the plane shows {rounded(share)} % of the {whose} variance"


def _of_paths(land: Landscape, names: Sequence[str]) -> list[str]:
    """Of principal components: the share that they show, and how far off it the ends are."""
    off = [rounded(float(r[-1]), 2) for r in land.residuals]
    if len(off) == 1:
        far = rounded(float(land.residual.max()), 2)
        return [_capital(_shown(land)), f"the path lies off it by up to {far}, at its end {off[0]}"]
    ends = listed(f"{name} {value}" for name, value in zip(names, off, strict=True))
    return [_capital(_shown(land)), f"ends lie off it by {ends}"]


def _around(land: Landscape, _: Sequence[str]) -> list[str]:
    """Of random directions: how far the loss rises towards the edge of the grid."""
    edge = np.concatenate([land.loss[0], land.loss[-1], land.loss[1:-1, 0], land.loss[1:-1, -1]])
    middle = _nearest(land)
    told = f"Loss {rounded(middle)} in the middle"
    if not np.isnan(edge).any():
        told += f", {rounded(float(np.median(edge)))} at the edge (median)"
    return [told, _shown(land)] if np.isfinite(land.explained).all() else [told]


def _nearest(land: Landscape) -> float:
    """The loss of the grid's point that is nearest to the network."""
    row, column = int(np.abs(land.b).argmin()), int(np.abs(land.a).argmin())
    return float(land.loss[row, column])


def _between(land: Landscape, _: Sequence[str]) -> list[str]:
    """Of a line: the barrier, the highest loss between both ends above the higher one."""
    inside = (land.a >= 0) & (land.a <= 1)
    on, where = land.profile[inside], land.a[inside]
    first, last, top = float(on[0]), float(on[-1]), int(np.argmax(on))
    ends = f"loss {rounded(first)} at one end and {rounded(last)} at the other"
    higher = max(first, last)
    if not on[top] > (1 + BARRIER) * higher:
        return [f"No barrier on the line: {ends}"]
    return [f"On the line the loss rises to {rounded(float(on[top]))} at {rounded(where[top], 2)}: "
            f"{ends}"]  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
