"""Small pictures of results that have no study of their own: for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from optviz.nn.records import History
from optviz.render.layout import AXIS
from optviz.render.sheet import Sheet
from optviz.runs.sweep import OUTCOMES, Sweep
from optviz.runs.trajectory import Band
from optviz.runs.tuning import Tuning

SIZE = (640, 380)
#: Room left of axes with a name, in units; from this span on, an axis is logarithmic.
LEFT, WIDE = AXIS + 1.6, 30
#: Points of a sweep that are drawn: the eye cannot tell more apart.
MAX_DRAWN = 20_000
COLORS = {"converged": "#0072B2", "unfinished": "#8C8C8C", "diverged": "#D55E00"}


def small_sheet(size: tuple[int, int] | None = None, theme: str = "light") -> Sheet:
    """An empty sheet for one of these."""
    return Sheet(size or SIZE, theme)


def chart_of(result: Any) -> Callable[[Sheet, Any], None] | None:
    """What draws such a result; None for what is drawn otherwise."""
    charts: Mapping[type, Callable[..., None]] = {
        Tuning: draw_tuning, History: draw_history, Sweep: draw_sweep, Band: draw_band,
    }  # fmt: skip
    return charts.get(type(result))


def draw_tuning(sheet: Sheet, t: Tuning) -> None:
    """The score of each rate, and the best."""
    sheet.heading(f"{t.best!r}, {t.remark}")
    axes = sheet.axes(sheet.free(left=LEFT), "scores")
    axes.plot(t.rates, t.scores, ".-", color="#0072B2", linewidth=1.2)
    best = int(np.argmin(t.scores))
    axes.plot(t.rates[best], t.scores[best], "o", color="#D55E00", markersize=8, zorder=3)
    axes.set_xscale("log")
    axes.set_xlabel("rate")
    axes.set_ylabel("score (lower is better)")


def draw_history(sheet: Sheet, h: History) -> None:
    """Loss and accuracy by epoch; validation dashed."""
    sheet.heading(h.summary().title)
    has_accuracy = not np.isnan(h.accuracy).all()
    names = ["loss", "accuracy"] if has_accuracy else ["loss"]
    has_validation = not np.isnan(h.validation_loss).all()
    validation = [sheet.handle("validation", "#0072B2", "", (0, (4, 1.6)))]
    sheet.legend([sheet.handle("training", "#0072B2"), *(validation if has_validation else [])])
    for name, axes in zip(names, sheet.grid(1, len(names), left=5.0), strict=True):
        axes.set_label(name)
        epochs = np.arange(1, h.epochs + 1)
        axes.plot(epochs, getattr(h, name), ".-", color="#0072B2")
        if has_validation:
            axes.plot(epochs, getattr(h, f"validation_{name}"), ".--", color="#0072B2")
        axes.set_title(name, loc="left", fontsize=sheet.look.font)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if name == "loss":
            _log_if_wide(axes, "y", np.append(h.loss, h.validation_loss))


def draw_band(sheet: Sheet, band: Band) -> None:
    """The median of f, and the band from 10 % to 90 %."""
    sheet.heading(f"{band.runs} noisy runs: f, median and band from 10 % to 90 %")
    axes = sheet.axes(sheet.free(), "curves")
    low, median, high = band.values
    steps = np.arange(len(median))
    top = median[np.isfinite(median)].max(initial=0)
    axes.fill_between(steps, low, np.where(np.isfinite(high), high, top), color="#0072B2",
                      alpha=0.2, linewidth=0)  # fmt: skip
    axes.plot(steps, median, color="#0072B2")
    axes.set_xlabel("step")


def draw_sweep(sheet: Sheet, s: Sweep) -> None:
    """How each run ended: over the hyperparameters, or over the starts."""
    columns = s.columns()
    every = -(-len(columns["value"]) // MAX_DRAWN)
    shown = {name: values[::every] for name, values in columns.items()}
    sheet.heading(s.summary().title)
    seen = [name for name in OUTCOMES.values() if (shown["outcome"] == name).any()]
    sheet.legend([sheet.handle(name, COLORS[name], "o") for name in seen])
    names = list(s.over)
    across, up = {0: ("start_x", "start_y"), 1: (*names, "value"), 2: tuple(names)}[len(names)]
    if every > 1:
        sheet.small_print([f"one run of {every} is drawn"])
    axes = sheet.axes(sheet.free(left=LEFT), "runs")
    for name in seen:
        here = shown["outcome"] == name
        x, y, place = shown[across][here], shown[up][here], axes.transData
        if up == "value" and name == "diverged":  # above all others
            y, place = np.full(len(x), 0.98), axes.get_xaxis_transform()
        axes.plot(x, y, ".", color=COLORS[name], markersize=4, transform=place)
    _scale(axes, "x", s, across)
    _scale(axes, "y", s, up)


def _scale(axes: Axes, side: str, s: Sweep, name: str) -> None:
    """A name, and a log scale for what spans decades."""
    label = {"start_x": "x of the start", "start_y": "y of the start", "value": "f at the end"}
    axes.set(**{f"{side}label": label.get(name, name)})
    if name in s.over or name == "value":
        _log_if_wide(axes, side, s.over.get(name, s.values))


def _log_if_wide(axes: Axes, side: str, values: NDArray[Any]) -> None:
    """A log axis for what spans decades; its small ticks have no numbers."""
    seen = values[np.isfinite(values)]
    if seen.size and seen.min() > 0 and seen.max() > WIDE * seen.min():
        axes.set(**{f"{side}scale": "log"})
        getattr(axes, f"{side}axis").set_minor_formatter(NullFormatter())
