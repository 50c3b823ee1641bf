"""The picture of a sensitivity scan: final f − f* against the rate, and the strip of it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from optviz.render import compose, layout, output, style
from optviz.render.compose import Frame
from optviz.render.layout import AXIS, TOP, Box
from optviz.render.spec import Spec
from optviz.render.style import Look, Stroke
from optviz.shared.text import rounded
from optviz.studies.sensitivity import Sensitivity

SIZE = (960, 600)
#: Below this share of the first f − f* all is rounding.
FLOOR = 1e-20


def sensitivity_figure(
    s: Sensitivity, *, size: tuple[int, int] | None = None, theme: str = "light"
) -> Figure:
    """Medians and bands over the rates, and for each optimizer the stable region and the best."""
    width, height = compose.check_size(size) if size else SIZE
    figure, look = compose.sheet(width, height, theme)
    unit = look.unit
    strokes = style.strokes_of([sweep.optimizer for sweep in s.sweeps], look.theme)
    count = len(s.sweeps)
    handles = [
        Line2D([], [], color=stroke.color, marker=stroke.marker, linewidth=1.8, markersize=5,
               label=f"{stroke.name}  {_best_text(s, k)}")
        for k, stroke in enumerate(strokes)
    ]  # fmt: skip
    rows = compose.draw_legend(figure, handles, look)
    left, right = (AXIS + 2.2) * unit, 1.5 * unit
    bars = 1.5 * count * unit
    bottom = (1.2 + AXIS) * unit + layout.bottom_of(rows) * unit + bars
    box = Box(left, TOP * unit, width - left - right, height - TOP * unit - bottom)
    compose.check_room(box, size or SIZE, unit)
    axes = figure.add_axes(box.fraction(width, height))
    below = Box(left, box.top + box.height + 1.2 * unit, box.width, bars)
    strip = figure.add_axes(below.fraction(width, height), sharex=axes)
    for k, stroke in enumerate(strokes):
        _draw_curve(axes, s, k, stroke)
        _draw_stable(strip, s, k, count, stroke, look)
    _finish(axes, strip, s, look, box.height / unit)
    heading = f"{style.heading(s.function, [x.optimizer for x in s.sweeps])}: the choice of a rate"
    compose.write_texts(figure, s.function, heading, _choices(s), look)
    grid = [] if s.axis is None else [s.axis]
    spec = Spec.of_sweeps("sensitivity", s.sweeps, [""] * count, grid, size=size, theme=theme)
    setattr(figure, output.SPEC, spec)
    return figure


def _best_text(s: Sensitivity, k: int) -> str:
    if not s.works(k).any():
        return "no rate works"
    best = s.best(k)
    return f"best lr = {rounded(s.rates[best])}: f − f* = {rounded(s.gaps[k, 1, best], 2)}"


def draw_strip(frame: Frame, s: Sensitivity) -> None:
    """Below a picture of paths: the medians over all rates, and the rate that each path has."""
    look, unit = frame.look, frame.look.unit
    width, height = frame.figure.get_size_inches() * compose.DPI
    bottom = layout.bottom_of(frame.legend_rows) + AXIS - 0.8
    tall = compose.STRIP - AXIS
    box = Box((AXIS + 1.2) * unit, height - (bottom + tall) * unit, width - 12 * unit, tall * unit)
    axes = frame.figure.add_axes(box.fraction(width, height))
    for k, (t, stroke) in enumerate(zip(frame.trajectories, frame.strokes, strict=True)):
        median = _clipped(s, s.gaps[k, 1])
        axes.plot(s.rates, median, color=stroke.color, linewidth=1.4)
        schedule = t.optimizer.schedule
        rate = float(t.optimizer.lr if schedule is None else schedule.first())
        height_there = np.interp(np.log(rate), np.log(s.rates), np.nan_to_num(median, nan=np.inf))
        axes.axvline(rate, color=stroke.color, linewidth=0.8, linestyle=(0, (3, 2)))
        if np.isfinite(height_there):
            axes.plot(rate, height_there, stroke.marker, color=stroke.color, markersize=6,
                      markeredgecolor=look.theme.paper, zorder=5)  # fmt: skip
    compose.quiet(axes, look)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.axhline(_scale(s), color=look.theme.quiet, linewidth=0.7, linestyle=(0, (1, 2)))
    axes.set_ylim(0.3 * _lowest(s, 1), 10 * _scale(s))
    axes.set_xlim(s.rates[0], s.rates[-1])
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.set_xlabel("learning rate (dashed: the path's own)", labelpad=1)
    axes.set_ylabel("last f − f*", labelpad=1)


def _draw_curve(axes: Axes, s: Sensitivity, k: int, stroke: Stroke) -> None:
    median = _clipped(s, s.gaps[k, 1])
    low, high = (np.clip(s.gaps[k, row], FLOOR * _scale(s), 10 * _ceiling(s)) for row in (0, 2))
    axes.fill_between(s.rates, low, high, color=stroke.color, alpha=0.13, linewidth=0)
    axes.plot(s.rates, median, color=stroke.color, linewidth=1.8)
    if not s.works(k).any():
        return
    best = s.best(k)
    axes.plot(s.rates[best], median[best], stroke.marker, color=stroke.color, markersize=8,
              markeredgecolor=axes.get_facecolor(), zorder=6, clip_on=False)  # fmt: skip


def _clipped(s: Sensitivity, gaps: np.ndarray) -> np.ndarray:
    """Gaps above the floor; nan where runs diverged, so that a line ends there."""
    shown = np.maximum(gaps, FLOOR * _scale(s))
    return np.where(shown <= _ceiling(s), shown, np.nan)


def _ceiling(s: Sensitivity) -> float:
    """The top of the picture: two powers of ten above where runs began."""
    return 100 * _scale(s)


def _scale(s: Sensitivity) -> float:
    """Where runs began; 1 if they began at the lowest value."""
    return s.first_gap if s.first_gap > 0 else 1.0


def _lowest(s: Sensitivity, quantile: int) -> float:
    """The lowest that is drawn of a quantile; where runs began, if all of them diverged."""
    drawn = [_clipped(s, row) for row in s.gaps[:, quantile]]
    return float(np.nanmin(np.append(drawn, _scale(s))))


def _draw_stable(
    strip: Axes, s: Sensitivity, k: int, count: int, stroke: Stroke, look: Look
) -> None:
    """Bars over the rates that work, with a mark at the best."""
    works = s.works(k)
    half = np.sqrt(s.rates[1] / s.rates[0])
    starts = np.flatnonzero(works & ~np.append(False, works[:-1]))
    ends = np.flatnonzero(works & ~np.append(works[1:], False))
    y = count - 1 - k
    strip.plot(s.rates[[0, -1]], [y, y], color=look.theme.faint, linewidth=0.8, zorder=1)
    strip.hlines(np.full(len(starts), y), s.rates[starts] / half, s.rates[ends] * half,
                 colors=stroke.color, linewidth=5, zorder=2)  # fmt: skip
    if not works.any():
        return
    strip.plot(s.rates[s.best(k)], y, stroke.marker, color=stroke.color, markersize=7,
               markeredgecolor=look.theme.paper, zorder=3)  # fmt: skip


def _finish(axes: Axes, strip: Axes, s: Sensitivity, look: Look, tall: float) -> None:
    """Scales, limits and labels; `tall` is the height of the curves in units."""
    for each in (axes, strip):
        compose.quiet(each, look)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.3 * _lowest(s, 0), _ceiling(s))
    axes.set_xlim(s.rates[0], s.rates[-1])
    if s.first_gap > 0:
        axes.axhline(s.first_gap, color=look.theme.quiet, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate("where the runs began", (s.rates[0], s.first_gap), (4, 3), va="bottom",
                      textcoords="offset points", fontsize=0.8 * look.font,
                      color=look.theme.quiet)  # fmt: skip
    axes.grid(axis="both", color=look.theme.faint, linewidth=0.5)
    steps = f" after {s.sweeps[0].steps:,} steps"
    axes.set_ylabel("f − f*" + (steps if tall >= 13 else ""))
    axes.tick_params(labelbottom=False)
    axes.minorticks_off()
    strip.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(numticks=int(np.clip(tall / 2, 2, 9))))
    strip.set_ylim(-0.7, len(s.sweeps) - 0.3)
    strip.set_yticks([len(s.sweeps) / 2 - 0.5], ["works"])
    strip.tick_params(axis="y", length=0)
    strip.set_xlabel("learning rate", fontsize=0.9 * look.font)
    strip.grid(axis="x", color=look.theme.faint, linewidth=0.5)


def _choices(s: Sensitivity) -> str:
    first = s.sweeps[0]
    conventions = list(dict.fromkeys(sweep.optimizer.convention for sweep in s.sweeps))
    parts = [
        f"{len(s.rates)} rates × {len(first.starts)} starts within 5 % of the bounds around "
        f"{style.point_text(first.starts[0])}",
        "median, band from 10 % to 90 %",
        f"{first.steps:,} steps",
        "works: at least nine of ten runs end no higher than they began",
        f"{', '.join(conventions)} convention{'s' if len(conventions) > 1 else ''}",
    ]
    if first.noise:
        parts.append(f"gradient noise σ = {rounded(first.noise)}, seed {first.seed}")
    if s.function.minimum is None:
        parts.append("f* is the lowest value on a grid")
    return " · ".join(parts)
