"""Maps of basins: the hue is the minimum that a start reached, the shade the steps it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from optviz.optimizers.walker import Walker
from optviz.render import style
from optviz.render.layout import AXIS, Box
from optviz.render.sheet import Sheet
from optviz.render.style import Look
from optviz.render.theme import Theme
from optviz.runs.basins import WITHOUT, Basins
from optviz.shared.text import labels, listed, percent, rounded

#: One for each minimum, in this order: distinct for the colour-blind, and told apart from black.
HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
#: The rest of the minima, all in one.
OTHER = "#8D99A6"
SHADES = 64
#: How much of its hue is left in the lightest shade, and of its light in the deepest.
FAST, SLOW = 0.45, 0.62
#: More saddles than this are not marked: they would hide what they lie in.
MAX_SADDLES = 60
#: Starts for each pixel of the layout: at the usual dpi of 200 a start is a pixel.
STARTS_PER_PIXEL = 2
COLUMNS = 3


def draw_maps(sheet: Sheet, b: Basins) -> None:
    """A map for each optimizer, and below it the shares."""
    figure, colors = sheet.figure, sheet.look.theme
    kinds, maps = pixels(b, colors)
    place = _Place.of(b, len(kinds), sheet.top)
    sheet.resize(place.width, place.height, place.unit)
    strokes = style.strokes_of([s.optimizer for s in b.sweeps], colors)
    fast, slow = _range_of_steps(b)
    (x0, x1), (y0, y1) = b.function.bounds
    for k, (s, remark) in enumerate(zip(b.sweeps, b.remarks, strict=True)):
        axes = sheet.axes(place.map(k), "map")
        axes.imshow(maps[k], origin="lower", extent=(x0, x1, y0, y1), interpolation="nearest",
                    aspect="auto")  # fmt: skip
        _draw_marks(axes, b, sheet.look)
        axes.set_title(
            style.described(s.optimizer, [remark]),
            loc="left",
            fontsize=sheet.look.font,
            pad=4,
            color=strokes[k].color,
        )
        axes.set_xlabel("x", labelpad=1)
        axes.set_ylabel("y", labelpad=1)
        _write_shares(figure, place, k, kinds, sheet.look)
    _draw_bar(figure, place, fast, slow, sheet.look)
    heading = style.heading(b.function, [s.optimizer for s in b.sweeps])
    sheet.heading(f"{heading}: where each start goes", style.formula(b.function))
    sheet.small_print(_choices(b), lines=3)


def pixels(b: Basins, colors: Theme) -> tuple[list[Kind], list[NDArray[np.uint8]]]:
    """What may become of a start; and for each optimizer a map of colours (rows, columns, 3), from
    the lowest y up."""
    kinds, index = _kinds(b, colors)
    fast, slow = _range_of_steps(b)
    table = _table(kinds, colors)
    shades = np.log(np.clip(b.steps_taken, fast, slow) / fast) / np.log(slow / fast)
    return kinds, [
        table[index[k], (shade * (SHADES - 1)).astype(np.uint8)] for k, shade in enumerate(shades)
    ]


@dataclass(frozen=True)
class Kind:
    """What may become of a start: a row of the legend."""

    name: str
    color: str
    share: NDArray[np.float64]
    is_reached: bool


@dataclass(frozen=True)
class _Place:
    """Where the parts of the picture stand, in pixels of the layout."""

    width: float
    height: float
    unit: float
    top: float
    side: tuple[float, float]
    count: int
    columns: int
    rows_of_shares: int

    @classmethod
    def of(cls, b: Basins, kinds: int, top: float) -> _Place:
        # Small maps grow, so that their titles and shares fit.
        scale = max(1 / STARTS_PER_PIXEL, 300 / b.size[0])
        w, h = b.size[0] * scale, b.size[1] * scale
        count = len(b.sweeps)
        columns = 2 if count == 4 else min(count, COLUMNS)
        unit = float(np.clip(0.031 * w, 11, 40))
        share_rows = -(-kinds // 2)
        cell = h + (AXIS + 1.9 + 1.5 * share_rows) * unit
        return cls(
            round(columns * (w + AXIS * unit) + 7.5 * unit),
            round((top - 0.2) * unit + -(-count // columns) * cell + 3.4 * unit),
            unit, top, (w, h), count, columns, share_rows,
        )  # fmt: skip

    def map(self, k: int) -> Box:
        """The k-th map, on whole pixels; a last row that is not full stands in the middle."""
        row, column = divmod(k, self.columns)
        missing = max(0, (row + 1) * self.columns - self.count)
        w, h = self.side
        pitch = h + (AXIS + 1.9 + 1.5 * self.rows_of_shares) * self.unit
        left = AXIS * self.unit + (column + missing / 2) * (w + AXIS * self.unit)
        return Box(round(left), round((self.top + 1.7) * self.unit + row * pitch), w, h)


def _kinds(b: Basins, colors: Theme) -> tuple[list[Kind], NDArray[np.uint8]]:
    """What the starts became, the most frequent minima first, and its number for each pixel."""
    shares = b.shares()
    minima, negligible = b.minima, 1e-9 * float(np.ptp(b.function.bounds))
    count, known = len(minima), len(b.function.minima)
    # Global minima first, then the local ones by the number of starts that end there.
    local = sorted(range(known, count), key=lambda k: -float(shares[:, k].sum()))
    order = [k for k in [*range(known), *local] if k < known or shares[:, k].any()]
    kinds = []
    number = np.zeros(count + len(WITHOUT), np.uint8)
    for place, k in enumerate(order[: len(HUES)]):
        name = style.point_text([0.0 if abs(v) < negligible else v for v in minima[k]])
        name += "" if k < known else "  local"
        kinds.append(Kind(name, HUES[place], shares[:, k], True))
        number[k] = place
    if rest := order[len(HUES) :]:
        number[rest] = len(kinds)
        name = f"{len(rest)} more {'minima' if any(k < known for k in rest) else 'local minima'}"
        kinds.append(Kind(name, OTHER, shares[:, rest].sum(axis=1), True))
    is_dark = colors.name == "dark"
    for at, (name, color) in enumerate((
        ("not converged", colors.faint),
        ("converged outside", "#7E6BA8" if is_dark else "#B7A8D6"),
        ("converged elsewhere", "#8A7A55" if is_dark else "#D9CBA3"),
        ("diverged", "#000000" if is_dark else colors.ink),
    ), count):  # fmt: skip
        if shares[:, at].any():
            number[at] = len(kinds)
            kinds.append(Kind(name, color, shares[:, at], False))
    return kinds, number[np.where(b.reached >= 0, b.reached, count - 1 - b.reached)]


def _table(kinds: Sequence[Kind], colors: Theme) -> NDArray[np.uint8]:
    """The colour of each kind (first axis) at each shade, from fast to slow."""
    shade = np.linspace(0, 1, SHADES)[:, None]
    out = np.empty((len(kinds), SHADES, 3))
    for k, kind in enumerate(kinds):
        hue = np.array(to_rgb(kind.color))
        # Fast is light, slow is deep; what was not reached has no speed.
        fast, slow = FAST * hue + 1 - FAST, SLOW * hue
        out[k] = fast + shade * (slow - fast) if kind.is_reached else hue
    return np.round(255 * out).astype(np.uint8)


def _range_of_steps(b: Basins) -> tuple[float, float]:
    """The steps at the ends of the shades, the same for all maps."""
    taken = b.steps_taken[b.reached >= 0]
    if not taken.size:
        return 1.0, float(max(2, b.sweeps[0].steps))
    # A sample: all of a million steps would have to be sorted.
    low, high = np.quantile(taken[:: max(1, taken.size // 50_000)], [0.01, 0.99])
    low = max(float(low), 1.0)
    return low, max(float(high), 1.2 * low)


def _draw_marks(axes: Axes, b: Basins, look: Look) -> None:
    """Stars for global minima, rings for local ones, crosses for saddles; the axes' zero lines."""
    known = len(b.function.minima)
    ink, paper = look.theme.ink, "#FFFFFF"
    (x0, x1), (y0, y1) = b.function.bounds
    if x0 < 0 < x1:
        axes.axvline(0, color=paper, linewidth=0.6, alpha=0.6)
    if y0 < 0 < y1:
        axes.axhline(0, color=paper, linewidth=0.6, alpha=0.6)
    size = 9 if len(b.minima) + len(b.stationary.saddles) < 40 else 4
    local, saddles = b.minima[known:], b.stationary.saddles
    saddles = saddles if len(saddles) <= MAX_SADDLES else saddles[:0]
    axes.plot(*saddles.T, "x", color="#000000", markersize=0.75 * size, markeredgewidth=2.4,
              linestyle="", zorder=6)  # fmt: skip
    axes.plot(*saddles.T, "x", color=paper, markersize=0.65 * size, markeredgewidth=1.1,
              linestyle="", zorder=6.1)  # fmt: skip
    axes.plot(*local.T, "o", markersize=0.6 * size, markerfacecolor=paper,
              markeredgecolor="#000000", markeredgewidth=0.8, linestyle="", zorder=7)  # fmt: skip
    axes.plot(*b.function.minima.T, "*", markersize=1.3 * size, markerfacecolor=look.theme.star,
              markeredgecolor="#000000", markeredgewidth=0.8, linestyle="", zorder=8,
              clip_on=False)  # fmt: skip
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.tick_params(colors=ink)


def _write_shares(figure: Figure, place: _Place, k: int, kinds: Sequence[Kind], look: Look) -> None:
    """Under a map: a swatch, a name and a share for each kind, in two columns."""
    box, unit = place.map(k), place.unit
    w, h = place.width, place.height
    for row, kind in enumerate(kinds):
        column, line = divmod(row, place.rows_of_shares)
        left = box.left + column * 0.52 * box.width
        middle = box.top + box.height + (AXIS - 0.6 + 1.5 * line) * unit
        figure.add_artist(
            Rectangle((left / w, 1 - (middle + 0.4 * unit) / h), 0.8 * unit / w, 0.8 * unit / h,
                      color=kind.color, transform=figure.transFigure)
        )  # fmt: skip
        share = percent(kind.share[k]) if kind.share[k] else "–"
        figure.text((left + 1.2 * unit) / w, 1 - middle / h, f"{share:>7}  {kind.name}",
                    va="center", fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip


def _draw_bar(figure: Figure, place: _Place, fast: float, slow: float, look: Look) -> None:
    """Grey from light to dark: the steps."""
    last, unit = place.map(place.columns - 1), place.unit
    box = Box(last.left + last.width + 1.2 * unit, last.top, 0.8 * unit, last.height)
    bar = figure.add_axes(box.fraction(place.width, place.height), label="bar")
    hue = np.array(to_rgb(OTHER))
    shade = np.linspace(0, 1, SHADES)[:, None]
    fast_end, slow_end = FAST * hue + 1 - FAST, SLOW * hue
    ramp = (fast_end + shade * (slow_end - fast_end))[:, None]
    bar.imshow(ramp, origin="lower", aspect="auto", extent=(0, 1, np.log(fast), np.log(slow)))
    # Whole steps only, as round as they may be.
    ticks = np.unique([round(float(f"{v:.2g}")) for v in np.geomspace(fast, slow, 6)])
    ticks = ticks[(ticks >= fast) & (ticks <= slow)]
    bar.set_yticks(np.log(ticks), labels(ticks))
    bar.set_ylim(np.log(fast), np.log(slow))
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.tick_params(length=2, labelsize=0.8 * look.font, colors=look.theme.quiet)
    bar.text(0, 1 + 0.5 * unit / box.height, "steps", transform=bar.transAxes,
             fontsize=0.8 * look.font, color=look.theme.quiet)  # fmt: skip
    for spine in bar.spines.values():
        spine.set_color(look.theme.faint)


def _choices(b: Basins) -> list[str]:
    s = b.sweeps[0]
    (w, h), f = b.size, b.function
    parts = [
        f"each pixel a start ({w:,} × {h:,})",
        f"at most {s.steps:,} steps",
        f"done when ‖∇f‖ ≤ {s.tol:g}" if s.tol else "all steps made",
        "★ minimum, ○ local minimum, × saddle",
    ]
    walkers = [style.called(one.optimizer) for one in b.sweeps if isinstance(one.optimizer, Walker)]
    if walkers:
        whose = "its" if len(walkers) == 1 else "their"
        parts.append(f"{listed(dict.fromkeys(walkers))}: done by tests of {whose} own")
    if len(b.stationary.saddles) > MAX_SADDLES:
        parts[3] = f"★ minimum, ○ local minimum, {len(b.stationary.saddles)} saddles not marked"
    parts.append(style.noise_text(s.noise, s.seed))
    if tuned := [remark for remark in b.remarks if remark.startswith("best of")]:
        parts.append(style.tuning_text(f, tuned[0], s.steps, s.noise) + " near the start")
    if not b.stationary.is_complete:
        parts.append("there may be more minima and saddles")
    if f.minimum is not None and f.is_searched:
        parts.append(f"f* = {rounded(f.minimum, 4)} found numerically")
    return parts
