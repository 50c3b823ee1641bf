"""Numbers of axes: a log axis has at least two, or nobody knows its scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, Formatter, Locator, LogLocator, MaxNLocator

from optviz.shared.text import labels


class Labels(Formatter):
    """Numbers that differ where the ticks do."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """All numbers of an axis."""
        return labels(values)

    def __call__(self, value: float, pos: int | None = None) -> str:
        """One of them, alone."""
        return labels([value])[0]


def label_log(axis: Axis) -> None:
    """Other numbers for a log axis with fewer than two decades that have one: all decades, or of
    each 1, 2 and 5, or evenly spaced ones.

    Matplotlib writes what lies between as 6 × 10⁻¹, which is wider than the room beside an axis.
    """
    if axis.get_scale() != "log" or labelled(axis) >= 2:
        return
    low, high = sorted(axis.get_view_interval())
    decades = 10.0 ** np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1)
    axis.set_minor_locator(FixedLocator([]))
    if len(decades) > 1:
        axis.set_major_locator(FixedLocator(list(decades[:: max(1, len(decades) // 3)])))
        return
    finer: list[Locator] = [LogLocator(subs=(1, 2, 5)), *(MaxNLocator(n) for n in range(2, 9))]
    axis.set_major_formatter(Labels())
    for locator in finer:
        axis.set_major_locator(locator)
        if labelled(axis) >= 2:
            return


def labelled(axis: Axis) -> int:
    """How many major ticks within the axis have a number."""
    low, high = sorted(axis.get_view_interval())
    places = axis.get_majorticklocs()
    texts = axis.get_major_formatter().format_ticks(list(places))
    return sum(bool(t) and low <= p <= high for p, t in zip(places, texts, strict=True))
