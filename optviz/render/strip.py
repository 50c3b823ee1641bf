"""How far optimizers get with each rate: what the scan's own picture and the strip below paths
share."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from optviz.render.frame import STRIP, Frame
from optviz.render.layout import AXIS, Box

Real = NDArray[np.float64]

#: Below this share of the first f − f* all is rounding.
FLOOR = 1e-20


class Scan(Protocol):
    """What is drawn of a scan: rates (r,), gaps (optimizers, 3, r), and where runs began."""

    @property
    def rates(self) -> Real:
        """The rates."""

    @property
    def gaps(self) -> Real:
        """Quantiles of the last f − f*."""

    @property
    def first_gap(self) -> float:
        """The median of the first f − f*."""


def draw_strip(frame: Frame, s: Scan) -> None:
    """Below a picture of paths: the medians over all rates, and the rate that each path has."""
    sheet, look, unit = frame.sheet, frame.look, frame.look.unit
    bottom = sheet.bottom + AXIS - 0.8
    tall = STRIP - AXIS
    box = Box((AXIS + 1.2) * unit, sheet.height - (bottom + tall) * unit,
              sheet.width - 12 * unit, tall * unit)  # fmt: skip
    axes = sheet.axes(box, "strip")
    for k, (t, stroke) in enumerate(zip(frame.trajectories, frame.strokes, strict=True)):
        median = clipped(s, s.gaps[k, 1])
        axes.plot(s.rates, median, color=stroke.color, linewidth=1.4)
        assert t.optimizer is not None  # a study of other rates has refused it
        schedule = t.optimizer.schedule
        own = t.optimizer.hyper_vector()[list(t.optimizer.hyper).index(t.optimizer.rate_name)]
        rate = float(own if schedule is None else schedule.first())
        # A mark where the rate was tried: between two rates nobody knows.
        tried = np.flatnonzero(np.isclose(s.rates, rate, rtol=1e-9, atol=0.0))
        axes.axvline(rate, color=stroke.color, linewidth=0.8, linestyle=(0, (3, 2)))
        if tried.size and np.isfinite(median[tried[0]]):
            axes.plot(rate, median[tried[0]], stroke.marker, color=stroke.color, markersize=6,
                      markeredgecolor=look.theme.paper, zorder=5)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.axhline(scale(s), color=look.theme.quiet, linewidth=0.7, linestyle=(0, (1, 2)))
    axes.set_ylim(0.3 * lowest(s, 1), 10 * scale(s))
    axes.set_xlim(s.rates[0], s.rates[-1])
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.set_xlabel("learning rate (dashed: the path's own)", labelpad=1)
    axes.set_ylabel("last f − f*", labelpad=1)


def clipped(s: Scan, gaps: Any) -> Real:
    """Gaps above the floor; nan where runs diverged, so that a line ends there."""
    shown = np.maximum(gaps, FLOOR * scale(s))
    return np.where(shown <= ceiling(s), shown, np.nan)


def ceiling(s: Scan) -> float:
    """The top of the picture: two powers of ten above where runs began."""
    return 100 * scale(s)


def scale(s: Scan) -> float:
    """Where runs began; 1 if they began at the lowest value."""
    return s.first_gap if s.first_gap > 0 else 1.0


def lowest(s: Scan, quantile: int) -> float:
    """The lowest that is drawn of a quantile; where runs began, if all of them diverged."""
    drawn = [clipped(s, row) for row in s.gaps[:, quantile]]
    return float(np.nanmin(np.append(drawn, scale(s))))
