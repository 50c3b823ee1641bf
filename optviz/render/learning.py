"""Learning curves: losses and accuracies by epoch, with bands over runs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from optviz.render import style
from optviz.render.style import Look

#: Of lines beside the solid one for training.
VALIDATION: style.Dash = (0, (4, 1.6))
PENALTY: style.Dash = (0, (1, 1.5))


def draw_curve(
    axes: Axes, curve: ArrayLike, color: str, look: Look, *, x: ArrayLike | None = None,
    dash: style.Dash = "-", marker: str = "o", width: float = 1.7, top: float = np.inf,
) -> None:  # fmt: skip
    """A curve (n,), or median, low and high over runs (3, n), which have a band between them.

    Parameters
    ----------
    x
        Where its points lie; epochs from 1 unless given.
    marker
        About eight along the line; "" for none.
    top
        Where a band ends that runs which diverged take to infinity.
    """
    median, *band = np.atleast_2d(np.asarray(curve, dtype=float))
    at = np.arange(1, len(median) + 1) if x is None else np.asarray(x)
    size = look.unit / 13.5
    if band:
        low, high = band
        axes.fill_between(at, low, np.where(np.isposinf(high), top, high), color=color, alpha=0.12,
                          linewidth=0)  # fmt: skip
    axes.plot(at, np.where(np.isfinite(median), median, np.nan), color=color, linestyle=dash,
              linewidth=width * size, marker=marker, markevery=max(1, len(at) // 8),
              markersize=4 * size, markeredgecolor=look.theme.paper,
              markeredgewidth=0.5)  # fmt: skip


def finish(axes: Axes, title: str, look: Look, *, is_accuracy: bool = False,
           label: str = "epoch") -> None:  # fmt: skip
    """Title, numbers and grid, when all is drawn; a loss that spans decades has a log axis."""
    axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
    axes.set_xlabel(label, labelpad=2)
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_title(title, loc="left", fontsize=look.font, color=look.theme.ink, pad=5)
    if is_accuracy:
        axes.set_ylim(top=min(1.005, axes.get_ylim()[1]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        return
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    drawn = drawn[np.isfinite(drawn)]
    # A loss of exactly 0 has no place on a log axis, and less than a decade has no two labels.
    if drawn.size and drawn.min() > 0 and drawn.max() > 20 * drawn.min():
        axes.set_yscale("log")
