"""A network as a graph: its units in columns, its weights as edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from optviz.render.layout import Box

Real = NDArray[np.float64]

#: Of positive and negative weights.
POSITIVE, NEGATIVE = "#009E73", "#CC79A7"
#: Width of the heaviest edge, in parts of the base font, and the room between two units.
HEAVIEST, GAP = 0.28, 0.28


def columns(box: Box, sizes: Sequence[int], largest: float) -> list[list[Box]]:
    """A square for each unit, layer by layer; all of one size, each column in the middle."""
    wide = box.width / len(sizes)
    side = min(largest, 0.62 * wide, box.height / (max(sizes) * (1 + GAP)))
    out = []
    for k, count in enumerate(sizes):
        left = box.left + (k + 0.5) * wide - side / 2
        step = side * (1 + GAP)
        top = box.top + (box.height - count * step + GAP * side) / 2
        out.append([Box(left, top + j * step, side, side) for j in range(count)])
    return out


@dataclass(frozen=True)
class Edges:
    """The edges between two columns; row j of `weights` belongs to unit j of the first."""

    lines: LineCollection
    unit: float

    def pose(self, weights: Real, largest: float, alive: Any = True) -> None:
        """Show weights (n, m), the heaviest one of all being `largest`; what is not `alive` is
        left out."""
        share = np.abs(weights.ravel()) / max(largest, 1e-300)
        share = np.where(np.isfinite(share), np.minimum(share, 1), 0)
        shown = share * np.broadcast_to(alive, weights.shape).ravel()
        self.lines.set_linewidth(HEAVIEST * self.unit * shown)
        self.lines.set_color([POSITIVE if w > 0 else NEGATIVE for w in weights.ravel()])


def draw_edges(axes: Axes, first: Sequence[Box], second: Sequence[Box], unit: float) -> Edges:
    """From each unit of a column to each of the next, on axes in pixels downwards."""
    segments = [
        [(a.right, a.top + a.height / 2), (b.left, b.top + b.height / 2)]
        for a in first for b in second
    ]  # fmt: skip
    lines = LineCollection(segments, zorder=1, alpha=0.75, capstyle="round")
    axes.add_collection(lines)
    return Edges(lines, unit)


def ground(sheet: Any, box: Box) -> Axes:
    """Axes for edges below the units, in the sheet's pixels from its top left."""
    axes: Axes = sheet.figure.add_axes(box.fraction(sheet.width, sheet.height), label="network")
    axes.set_xlim(box.left, box.right)
    axes.set_ylim(box.below, box.top)
    axes.set_axis_off()
    return axes
