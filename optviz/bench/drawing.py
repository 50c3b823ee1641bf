"""What the pictures of a report share: room for names, colours, the objective in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from optviz.bench.results import Results
from optviz.optimizers.parse import parse_optimizer
from optviz.render.output import SHOWS
from optviz.render.sheet import Sheet
from optviz.render.style import strokes_of
from optviz.shared.text import rounded

Real = NDArray[np.float64]


def room(results: Results) -> float:
    """For the names of the optimizers beside axes, in units."""
    return 2.0 + 0.62 * max(map(len, results.optimizers))


def panels_of(sheet: Sheet, names: Sequence[str], right: float, gap: float = 5.0) -> list[Axes]:
    """Axes side by side, with room for the names at the ends of the last one's lines."""
    box, look = sheet.free(left=4.4, right=right, above=1.2), sheet.look
    between = gap * sheet.unit
    wide = (box.width - between * (len(names) - 1)) / len(names)
    out = []
    for k, name in enumerate(names):
        place = type(box)(box.left + k * (wide + between), box.top, wide, box.height)
        out.append(sheet.axes(place, name))
        out[-1].set_title(name, loc="left", fontsize=0.9 * look.font, pad=4, color=look.theme.ink)
    return out


def colors_of(results: Results, theme: Any) -> list[str]:
    """One for each optimizer."""
    return [s.color for s in strokes_of([parse_optimizer(t) for t in results.optimizers], theme)]


def objective_of(results: Results) -> str:
    """What a score is."""
    told = {
        "area": "score: mean of log₁₀ of the relative value over all evaluations",
        "final": "score: log₁₀ of the relative value at the end",
        "time": f"score: log₁₀ of the evaluations to {rounded(results.suite.target)} of the first "
        "value, ten times the budget for never",
    }
    return told[results.suite.objective]


def done(sheet: Sheet) -> Figure:
    """The finished figure, which knows in words what it shows."""
    sheet.finish()
    (title, *_) = (text.get_text() for text in sheet.figure.texts)
    setattr(sheet.figure, SHOWS, sheet.finding or title)
    return sheet.figure
