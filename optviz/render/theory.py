"""What theory says of momentum on a quadratic, as lines over its two hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optviz.functions import quadratic
from optviz.shared.text import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

THEORY, CRITICAL = "#D55E00", "#7A4FA3"


def draw_momentum(
    axes: Axes, spectrum: tuple[float, float], *, is_swapped: bool = False
) -> list[Line2D]:
    """The border of stability, the critical lines and the optimum over the rate (across) and the
    momentum, or the other way round."""
    flip = -1 if is_swapped else 1

    def draw(lr: np.ndarray, momentum: np.ndarray, style: str, **options: object) -> Line2D:
        (line,) = axes.plot(*(lr, momentum)[::flip], style, **options)  # type: ignore[arg-type]
        return line

    beta = np.linspace(0, 1, 200)
    lines = [draw(quadratic.largest_rate(beta, spectrum), beta, "-", color=THEORY, linewidth=1.8,
                  label="theory: stable below αλ = 2 + 2β")]  # fmt: skip
    for eigenvalue, dash in zip(spectrum, ("--", ":"), strict=True):
        alpha = np.linspace(0, 4 / eigenvalue, 2000)[1:]
        label = f"theory: β = (1 − √(αλ))² for λ = {rounded(eigenvalue)}"
        lines.append(draw(alpha, quadratic.critical_momentum(alpha, eigenvalue), dash,
                          color=CRITICAL, linewidth=1.4, label=label))  # fmt: skip
    best_lr, best_momentum, rate = quadratic.optimum(spectrum)
    label = (f"theory: α* = {rounded(best_lr, 4)}, β* = {rounded(best_momentum, 4)}, "
             f"rate {rounded(rate, 4)}")  # fmt: skip
    place = np.array([best_lr]), np.array([best_momentum])
    lines.append(draw(*place, "+", color=THEORY, markersize=11,
                      markeredgewidth=2, zorder=8, label=label))  # fmt: skip
    return lines
