"""The ground of a map of answers: the colour of the likeliest class, paler the less likely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.image import AxesImage
from numpy.typing import NDArray

Real = NDArray[np.float64]

HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A7A00", "#52B8FC", "#5A2503", "#626EFE")


def hues(count: int) -> list[str]:
    """Of so many classes."""
    return [HUES[k % len(HUES)] for k in range(count)]


def ground_of(probabilities: Real, colors: Sequence[str], paper: str) -> Real:
    """Colours (rows, columns, 3): from nothing, where all classes are alike, to half of the
    likeliest one's."""
    answers, likely = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    count = probabilities.shape[-1]
    depth = 0.5 * np.clip((likely - 1 / count) / (1 - 1 / count), 0, 1)[..., None]
    depth = np.nan_to_num(depth)
    rgb = np.array([to_rgb(color) for color in colors])[answers]
    return np.asarray(depth * rgb + (1 - depth) * np.array(to_rgb(paper)))


def draw_ground(
    axes: Axes, x: Real, y: Real, probabilities: Real, colors: Sequence[str], look: Any,
    with_lines: bool = True,
) -> AxesImage:  # fmt: skip
    """The ground, and lines where two classes are equally likely."""
    extent = (x[0], x[-1], y[0], y[-1])
    image = axes.imshow(
        ground_of(probabilities, colors, look.theme.paper), origin="lower", extent=extent,
        aspect="auto", interpolation="bilinear", zorder=1,
    )  # fmt: skip
    count = probabilities.shape[-1]
    for k in range(count if count > 2 else 1) if with_lines else ():
        lead = probabilities[..., k] - np.delete(probabilities, k, -1).max(axis=-1)
        if lead.min() < 0 < lead.max():
            axes.contour(x, y, lead, levels=[0], colors=look.theme.ink, linewidths=1.2, zorder=2)
    return image
