"""Basins of attraction: from each point of a grid, the minimum that an optimizer reaches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from optviz.functions.base import Function
from optviz.functions.stationary import StationaryPoints, stationary_points
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis
from optviz.runs.chunks import capture_radius
from optviz.runs.race import several
from optviz.runs.sweep import Sweep, check_memory, part_of, sweep
from optviz.runs.tuning import tune
from optviz.shared.text import labels, rounded
from optviz.studies.settings import Entries, Noise, On, Seed, Starts, Steps, Tol, seed_of
from optviz.studies.study import Drawn, OnFunction, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from optviz.render import style
    from optviz.render.layout import Box
    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

#: Starts along the longer side unless told.
SIZE = 800
#: In `Basins.reached`, of runs at no minimum: not converged; converged outside the bounds;
#: converged inside them, at a saddle or where f is flat; diverged.
UNFINISHED, OUTSIDE, ELSEWHERE, LOST = -1, -2, -3, -4
WITHOUT = (UNFINISHED, OUTSIDE, ELSEWHERE, LOST)
#: So many minima that only the runs found are told apart.
MAX_FOUND = 100

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


@dataclass(frozen=True)
class Basins:
    """Where each start of a grid went, for one or several optimizers.

    Attributes
    ----------
    sweeps
        One for each optimizer, over the same starts (row by row, from the lowest y).
    remarks
        For each optimizer, what a legend says of its rate, such as "best of 61".
    size
        Starts across and down.
    stationary
        The minima (global ones first) and saddles inside the bounds.
    study
        What made it.
    """

    sweeps: tuple[Sweep, ...]
    remarks: tuple[str, ...]
    size: tuple[int, int]
    stationary: StationaryPoints
    study: BasinsStudy = field(repr=False, compare=False)

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweeps[0].function

    @property
    def grid(self) -> tuple[Axis, Axis]:
        """The axes, which are divided into pixels."""
        return axes_of(self.function, self.size)

    @functools.cached_property
    def found(self) -> NDArray[np.float64]:
        """Minima at which runs converged and that `stationary` does not list, shape (k, 2)."""
        f, listed = self.function, self.stationary
        radius = capture_radius(f, listed.minima)
        ends = np.concatenate([s.final[s.converged] for s in self.sweeps])
        ends = ends[_inside(f, ends)]
        ends = ends[_nearest(ends, np.vstack([listed.minima, listed.saddles]), radius) < 0]
        kept: list[NDArray[np.float64]] = []
        while len(ends) and len(kept) < MAX_FOUND:
            end = ends[0]
            if np.linalg.eigvalsh(f.hessian(*end))[0] > 0:
                kept.append(end)
            ends = ends[np.hypot(*(ends - end).T) > radius]
        return np.array(kept).reshape(-1, 2)

    @functools.cached_property
    def minima(self) -> NDArray[np.float64]:
        """Those of the function, the other ones listed in `stationary`, and those `found`."""
        return np.vstack([self.stationary.minima, self.found])

    @functools.cached_property
    def reached(self) -> NDArray[np.int16]:
        """For each optimizer and start the index into `minima`, or what became of a run that
        reached none: `UNFINISHED` (−1), `OUTSIDE` (−2), `ELSEWHERE` (−3) or `LOST` (−4). Shape
        (optimizers, h, w).

        A run has reached a minimum if it ended within a hundredth of the bounds' diagonal (less
        where minima lie closer together), and did not converge at a saddle nearer by.
        """
        width, height = self.size
        f, minima = self.function, self.minima
        places = np.vstack([minima, self.stationary.saddles])
        radius = capture_radius(f, minima)
        out = []
        for s in self.sweeps:
            ends = np.nan_to_num(s.final.reshape(-1, 2), nan=np.inf)
            index = _nearest(ends, places, radius)
            # A run that is still on its way may pass a saddle.
            unfinished = (index >= len(minima)) & ~s.converged.ravel()
            index[unfinished] = _nearest(ends[unfinished], minima, radius)
            at_none = (index < 0) | (index >= len(minima))
            gone = np.where(_inside(f, ends), ELSEWHERE, OUTSIDE)
            gone[~s.converged.ravel()] = UNFINISHED
            gone[s.diverged.ravel()] = LOST
            out.append(np.where(at_none, gone, index).reshape(height, width))
        return np.array(out, dtype=np.int16)

    @functools.cached_property
    def steps_taken(self) -> NDArray[np.int32]:
        """Steps until the run converged or ended, shape (optimizers, h, w)."""
        width, height = self.size
        return np.array([s.steps_taken.reshape(height, width) for s in self.sweeps])

    def shares(self) -> NDArray[np.float64]:
        """The share of starts that reached each of `minima`, then of those that did not converge,
        converged outside the bounds, elsewhere inside, and diverged; shape (optimizers,
        minima + 4)."""
        kinds = [*range(len(self.minima)), *WITHOUT]
        return np.array([[np.mean(reached == k) for k in kinds] for reached in self.reached])


class BasinsStudy(OnFunction, Drawn):
    """Runs from each point of a grid: the hue is the minimum reached, the shade the steps taken."""

    examples = ("basins adam momentum --on himmelblau",)

    optimizers: Entries = ("adam", "momentum")  # type: ignore[assignment]
    on: On = "himmelblau"  # type: ignore[assignment]
    steps: Steps = 1000
    tol: Tol = 1e-6
    noise: Noise = 0.0
    seed: Seed = 0
    size: Starts = None

    @model_validator(mode="after")
    def _has_somebody(self) -> BasinsStudy:
        several(self.optimizers, "basins")
        axes_of(self.f, self.size)
        return self

    def run(self, progress: Progress | None = None) -> Basins:
        """A sweep over all starts for each optimizer, tuned first where its rate is open."""
        f, items, seed = self.f, self.optimizers, self.seed or 0
        x, y = axes_of(f, self.size)
        check_memory(x.count * y.count * len(items))
        starts = np.stack(np.meshgrid(_centers(x), _centers(y)), axis=-1).reshape(-1, 2)
        sweeps, remarks = [], []
        for k, entry in enumerate(items):
            optimizer, remark = entry.optimizer, str(entry.own.get("remark", ""))
            if entry.is_tuned:
                found = tune(f, optimizer, steps=self.steps, noise=self.noise)
                optimizer, remark = found.best, found.remark
            remarks.append(remark)
            sweeps.append(
                sweep(f, optimizer, starts, steps=self.steps, tol=self.tol, noise=self.noise,
                      rng=seed, progress=part_of(progress, k, len(items)))
            )  # fmt: skip
        size = (x.count, y.count)
        return Basins(tuple(sweeps), tuple(remarks), size, stationary_points(f), self)

    def finding(self, result: Basins) -> str:
        """The share of starts that reach a global minimum; where there is none, any."""
        from optviz.render.style import THEMES, strokes_of

        names = [s.name for s in strokes_of([x.optimizer for x in result.sweeps], THEMES["light"])]
        known = len(result.function.minima)
        shares = result.shares()[:, : known or -len(WITHOUT)].sum(axis=1)
        what = "a global minimum" if known else "a local minimum"
        parts = [f"{n}: {100 * share:.1f} %" for n, share in zip(names, shares, strict=True)]
        return f"Starts that reach {what}: {', '.join(parts)}"

    def sheet(self, result: Basins) -> Sheet:
        """A sheet that is as large as its maps: `size` counts starts, not pixels."""
        from optviz.render.sheet import Sheet

        return Sheet(self.natural, self.theme, self.finding(result), True)

    def draw(self, result: Basins, sheet: Sheet) -> None:  # type: ignore[override]
        """A map for each optimizer, and below it the shares."""
        from optviz.render import style

        b, figure = result, sheet.figure
        if self.size not in (None, b.size):
            w, h = b.size
            raise ValueError(f"these basins have {w}x{h} starts, a pixel each: size cannot differ")
        colors = sheet.look.theme
        kinds, index = _kinds(b, colors)
        place = _Place.of(b, len(kinds), sheet.top)
        sheet.resize(place.width, place.height, place.unit)
        strokes = style.strokes_of([s.optimizer for s in b.sweeps], colors)
        fast, slow = _range_of_steps(b)
        table = _table(kinds, colors)
        (x0, x1), (y0, y1) = b.function.bounds
        for k, (s, remark) in enumerate(zip(b.sweeps, b.remarks, strict=True)):
            axes = sheet.axes(place.map(k), "map")
            shade = np.log(np.clip(b.steps_taken[k], fast, slow) / fast) / np.log(slow / fast)
            pixels = table[index[k], (shade * (SHADES - 1)).astype(np.uint8)]
            axes.imshow(pixels, origin="lower", extent=(x0, x1, y0, y1), interpolation="nearest",
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


def basins(
    f: str | Function,
    optimizers: str | Optimizer | Sequence[str | Optimizer],
    *,
    size: tuple[int, int] | None = None,
    steps: int = 1000,
    tol: float = 1e-6,
    noise: float = 0.0,
    rng: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Basins:
    """Run optimizers from each point of a grid over the function's bounds.

    Parameters
    ----------
    f, steps, tol, noise, rng, progress
        As for `sweep`.
    optimizers
        One or several, or text such as "adam" or "adam:lr=0.3"; text without a rate gets the one
        that `tune` finds.
    size : (int, int), optional
        Starts across and down, each in the middle of its pixel; 800 along the longer side unless
        given.

    Examples
    --------
    >>> import optviz as ov
    >>> b = ov.basins("(x**2 - 1)**2 + y**2", "sgd:lr=0.005", size=(60, 40))
    >>> b.reached.shape, b.shares().tolist()
    ((1, 40, 60), [[0.5, 0.5, 0.0, 0.0, 0.0, 0.0]])
    """
    made = BasinsStudy.checked(
        optimizers=optimizers, on=f, size=size, steps=steps, tol=tol, noise=noise, seed=seed_of(rng)
    )
    return made.run(progress)


def axes_of(f: Function, size: tuple[int, int] | None) -> tuple[Axis, Axis]:
    """The axes of a grid with `size` points in the function's bounds."""
    (x0, x1), (y0, y1) = f.bounds
    if size is None:
        longer = max(x1 - x0, y1 - y0)
        size = max(2, round(SIZE * (x1 - x0) / longer)), max(2, round(SIZE * (y1 - y0) / longer))
    try:
        width, height = size
    except (TypeError, ValueError):
        raise ValueError(f"size must be two whole numbers, not {size!r}") from None
    return Axis("x", x0, x1, width), Axis("y", y0, y1, height)


def _inside(f: Function, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (n, 2) lie in the function's bounds."""
    low, high = np.array(f.bounds).T
    return np.asarray(np.all((points >= low) & (points <= high), axis=-1))


def _nearest(
    points: NDArray[np.float64], places: NDArray[np.float64], radius: float
) -> NDArray[np.intp]:
    """The index of the nearest place within `radius` of each point (n, 2), −1 if there is none."""
    from scipy.spatial import KDTree

    index = np.full(len(points), -1, np.intp)
    finite = np.isfinite(points).all(axis=1)
    if len(places) and finite.any():
        far, near = KDTree(places).query(points[finite], distance_upper_bound=radius)
        index[finite] = np.where(np.isfinite(far), near, -1)
    return index


def _centers(axis: Axis) -> NDArray[np.float64]:
    """The middles of `count` pixels between the ends."""
    share = (np.arange(axis.count) + 0.5) / axis.count
    return np.asarray(axis.low + share * (axis.high - axis.low))


@dataclass(frozen=True)
class _Kind:
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
    columns: int
    rows_of_shares: int

    @classmethod
    def of(cls, b: Basins, kinds: int, top: float) -> _Place:
        from optviz.render.layout import AXIS

        # Small maps grow, so that their titles and shares fit.
        scale = max(1 / STARTS_PER_PIXEL, 300 / b.size[0])
        w, h = b.size[0] * scale, b.size[1] * scale
        columns = min(len(b.sweeps), COLUMNS)
        unit = float(np.clip(0.031 * w, 11, 40))
        share_rows = -(-kinds // 2)
        cell = h + (AXIS + 1.9 + 1.5 * share_rows) * unit
        return cls(
            round(columns * (w + AXIS * unit) + 7.5 * unit),
            round((top - 0.2) * unit + -(-len(b.sweeps) // columns) * cell + 3.4 * unit),
            unit, top, (w, h), columns, share_rows,
        )  # fmt: skip

    def map(self, k: int) -> Box:
        """The k-th map, on whole pixels."""
        from optviz.render.layout import AXIS, Box

        row, column = divmod(k, self.columns)
        w, h = self.side
        pitch = h + (AXIS + 1.9 + 1.5 * self.rows_of_shares) * self.unit
        left = AXIS * self.unit + column * (w + AXIS * self.unit)
        return Box(round(left), round((self.top + 1.7) * self.unit + row * pitch), w, h)


def _kinds(b: Basins, colors: style.Theme) -> tuple[list[_Kind], NDArray[np.uint8]]:
    """What the starts became, the most frequent minima first, and its number for each pixel."""
    from optviz.render.style import point_text

    shares = b.shares()
    minima, negligible = b.minima, 1e-9 * float(np.ptp(b.function.bounds))
    count, known = len(minima), len(b.function.minima)
    # Global minima first, then the local ones by the number of starts that end there.
    local = sorted(range(known, count), key=lambda k: -float(shares[:, k].sum()))
    order = [k for k in [*range(known), *local] if k < known or shares[:, k].any()]
    kinds = []
    number = np.zeros(count + len(WITHOUT), np.uint8)
    for place, k in enumerate(order[: len(HUES)]):
        name = point_text([0.0 if abs(v) < negligible else v for v in minima[k]])
        name += "" if k < known else "  local"
        kinds.append(_Kind(name, HUES[place], shares[:, k], True))
        number[k] = place
    if rest := order[len(HUES) :]:
        number[rest] = len(kinds)
        name = f"{len(rest)} more {'minima' if any(k < known for k in rest) else 'local minima'}"
        kinds.append(_Kind(name, OTHER, shares[:, rest].sum(axis=1), True))
    is_dark = colors.name == "dark"
    for at, (name, color) in enumerate((
        ("not converged", colors.faint),
        ("converged outside", "#7E6BA8" if is_dark else "#B7A8D6"),
        ("converged elsewhere", "#8A7A55" if is_dark else "#D9CBA3"),
        ("diverged", "#000000" if is_dark else colors.ink),
    ), count):  # fmt: skip
        if shares[:, at].any():
            number[at] = len(kinds)
            kinds.append(_Kind(name, color, shares[:, at], False))
    return kinds, number[np.where(b.reached >= 0, b.reached, count - 1 - b.reached)]


def _table(kinds: Sequence[_Kind], colors: style.Theme) -> NDArray[np.uint8]:
    """The colour of each kind (first axis) at each shade, from fast to slow."""
    from matplotlib.colors import to_rgb

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


def _write_shares(
    figure: Figure, place: _Place, k: int, kinds: Sequence[_Kind], look: Look
) -> None:
    """Under a map: a swatch, a name and a share for each kind, in two columns."""
    from matplotlib.patches import Rectangle

    from optviz.render.layout import AXIS

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
        share = f"{100 * kind.share[k]:.1f} %" if kind.share[k] else "–"
        figure.text((left + 1.2 * unit) / w, 1 - middle / h, f"{share:>7}  {kind.name}",
                    va="center", fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip


def _draw_bar(figure: Figure, place: _Place, fast: float, slow: float, look: Look) -> None:
    """Grey from light to dark: the steps."""
    from matplotlib.colors import to_rgb

    from optviz.render.layout import Box

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
    from optviz.render import style

    s = b.sweeps[0]
    (w, h), f = b.size, b.function
    parts = [
        f"each pixel a start ({w:,} × {h:,})",
        f"at most {s.steps:,} steps",
        f"done when ‖∇f‖ ≤ {s.tol:g}" if s.tol else "all steps made",
        "★ minimum, ○ local minimum, × saddle",
    ]
    if len(b.stationary.saddles) > MAX_SADDLES:
        parts[-1] = f"★ minimum, ○ local minimum, {len(b.stationary.saddles)} saddles not marked"
    parts.append(style.noise_text(s.noise, s.seed))
    if tuned := [remark for remark in b.remarks if remark.startswith("best of")]:
        parts.append(style.tuning_text(f, tuned[0], s.steps, s.noise) + " near the start")
    if not b.stationary.is_complete:
        parts.append("there may be more minima and saddles")
    if f.minimum is not None and f.is_searched:
        parts.append(f"f* = {rounded(f.minimum, 4)} found numerically")
    return parts
