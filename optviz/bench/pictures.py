"""The pictures of a report, each drawn from `Results` on a sheet of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from optviz.bench import statistics
from optviz.bench.on_functions import OnFunction
from optviz.bench.problems import problem
from optviz.bench.results import TARGETS, Results
from optviz.bench.scores import relative
from optviz.optimizers.parse import parse_optimizer
from optviz.render.ends import draw_ends
from optviz.render.learning import draw_curve
from optviz.render.output import SHOWS
from optviz.render.sheet import Sheet
from optviz.render.style import strokes_of
from optviz.shared.quantiles import quantiles
from optviz.shared.text import counted, listed, rounded

Real = NDArray[np.float64]

#: Curves of so many problems are drawn at most; the table has all.
MOST_PANELS = 48
#: With more optimizers nobody could tell their bands apart.
MOST_BANDS = 6


def finding(results: Results) -> str:
    """Who is best, and who is not told apart from the best."""
    found, status = results.rank(), results.status
    best = [results.optimizers[k] for k in found.best()]
    rest = len(results.optimizers) - len(best)
    so_far = f"So far {status.done:,} of {status.total:,} runs. " if status.left else ""
    return so_far + _told(results, found, best, rest)


def _told(results: Results, found: statistics.Ranking, best: list[str], rest: int) -> str:
    if len(results.optimizers) == 1:
        return f"{best[0]} alone: there is nothing to compare"
    if not rest:
        return f"None of {counted(len(best), 'optimizer')} is told apart from the best"
    if len(best) == 1:
        return f"{best[0]} is best, at a mean rank of {rounded(float(found.ranks.min()))}"
    return (f"Best: {best[0]}, mean rank {rounded(float(found.ranks.min()))}; not told apart from "
            f"it: {listed(best[1:])}")  # fmt: skip


def ranking(results: Results, theme: str = "light") -> Figure:
    """Mean ranks with their intervals over all blocks, and in each class of problems."""
    classes: list[str | None] = [None, *results.classes()]
    count = len(results.optimizers)
    sheet = Sheet((1100, 150 + 26 * count), theme, finding(results))
    sheet.heading("Mean rank by class of problems")
    look = sheet.look
    order = np.argsort(results.rank().ranks, kind="stable")
    colors = _colors(results, look.theme)
    box = sheet.free(left=_room(results), right=1.0, below=3.2, above=1.0)
    wide = box.width / len(classes)
    for k, name in enumerate(classes):
        place = type(box)(box.left + k * wide, box.top, wide - 1.2 * sheet.unit, box.height)
        axes = sheet.axes(place, name or "all")
        found = results.rank(name)
        axes.axvspan(found.ranks.min(), found.ranks.min() + found.apart, color=look.theme.faint,
                     alpha=0.35, linewidth=0, zorder=0)  # fmt: skip
        for row, o in enumerate(order):
            axes.plot([found.low[o], found.high[o]], [row, row], color=colors[o],
                      linewidth=0.18 * look.font, solid_capstyle="butt")  # fmt: skip
            axes.plot(found.ranks[o], row, "o", color=colors[o], markersize=0.5 * look.font,
                      markeredgecolor=look.theme.paper)  # fmt: skip
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_xlim(0.7, max(count, 2) + 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
        axes.set_xlabel("mean rank", labelpad=1)
        names = [results.optimizers[o] for o in order] if not k else []
        axes.set_yticks(range(count) if not k else [], names)
        axes.tick_params(axis="y", length=0)
        axes.set_title(f"{name or 'all'}, n = {found.blocks:,}", loc="left", pad=4,
                       fontsize=0.9 * look.font, color=look.theme.ink)  # fmt: skip
    sheet.small_print([
        f"suite {results.suite.name}", _objective(results),
        "rank within a problem and a seed, 1 is best; n: how many of these",
        "lines: 95 % intervals for other seeds of the same problems (rescaled bootstrap)",
        "shaded: not told apart from the best at 5 % (Nemenyi)",
    ])  # fmt: skip
    return _done(sheet)


def curves(results: Results, theme: str = "light") -> Figure:
    """A panel for each problem: the median over seeds with the quartiles, of tuned optimizers."""
    shown = range(min(len(results.problems), MOST_PANELS))
    columns = 4 if len(shown) > 3 else len(shown)
    rows = -(-len(shown) // columns)
    sheet = Sheet((1200, 600), theme, "")
    sheet.resize(1200, 150 + 210 * rows, 15)
    look = sheet.look
    colors = _colors(results, look.theme)
    has_bands = len(colors) <= MOST_BANDS
    sheet.legend([sheet.handle(name, c) for name, c in zip(
        results.optimizers, colors, strict=True)])  # fmt: skip
    sheet.heading("How far, after how many evaluations of the gradient")
    panels = sheet.grid(rows, columns, left=3.4, title=2.4, below=2.6)
    for axes in panels[len(shown) :]:
        axes.remove()
    for p, axes in zip(shown, panels, strict=False):
        axes.set_label(results.problems[p])
        marks = np.maximum(results.marks[p], 0.7)
        for o, color in enumerate(colors):
            values = results.curves[p][o]
            known = values[~np.isnan(values).any(axis=1)]
            if known.size:
                levels = 10.0 ** quantiles(relative(known), [0.5, 0.25, 0.75])
                shown_levels = levels if has_bands else levels[0]
                draw_curve(axes, shown_levels, color, look, x=marks, marker="")
        if axes.lines:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.minorticks_off()  # of so many panels they take seconds
        axes.set_title(results.problems[p], loc="left", fontsize=0.75 * look.font, pad=4,
                       color=look.theme.ink)  # fmt: skip
    more = len(results.problems) - len(shown)
    sheet.small_print([
        "relative to the first value: functions f − f*, networks the validation loss by that of "
        "guessing", f"median of {results.suite.seeds} seeds",
        "band: quartiles" if has_bands else "",
        f"{more} problems more in the table" if more else "",
        "x: evaluations; the value before the first stands left of 1",
    ])  # fmt: skip
    return _done(sheet)


def ecdf(results: Results, theme: str = "light") -> Figure | None:
    """The share of problems, seeds and targets that are reached, on functions (as COCO's)."""
    on_functions = ~results.of_class("learning")
    if not on_functions.any():
        return None
    sheet = Sheet((860, 520), theme, "")
    look = sheet.look
    colors = _colors(results, look.theme)
    sheet.heading("Targets reached, functions")
    axes = sheet.axes(sheet.free(left=4.4, right=_room(results), above=0.4), "ecdf")
    at = np.unique(np.rint(np.geomspace(1, results.suite.steps, 200)))
    ends = []
    for o, color in enumerate(colors):
        share = statistics.ecdf(results.times[on_functions, o], at)
        axes.plot(at, share, color=color, linewidth=1.8 * look.unit / 13.5)
        ends.append((results.optimizers[o], color, float(at[-1]), float(share[-1])))
    axes.set_xscale("log")
    axes.set_xlim(1, at[-1])
    axes.set_ylim(0, 1)
    axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.set_xlabel("evaluations of the gradient", labelpad=2)
    draw_ends(axes, ends, look)
    sheet.small_print([
        f"{int(on_functions.sum())} functions × {results.suite.seeds} seeds × {len(TARGETS)} "
        "targets from 1 to 1e−8 of the first f − f*", "by the lowest f so far",
    ])  # fmt: skip
    return _done(sheet)


def profile(results: Results, theme: str = "light") -> Figure | None:
    """At one target the performance profile of Dolan and Moré, and the data profile of Moré and
    Wild beside it."""
    on_functions = np.flatnonzero(~results.of_class("learning"))
    blocks = np.moveaxis(results.reached[on_functions], 1, 2)
    sizes = np.array([_dimensions(results.problems[p]) for p in on_functions])
    sizes = np.repeat(sizes, blocks.shape[1]) if len(on_functions) else sizes
    blocks = blocks.reshape(-1, len(results.optimizers))
    known = ~np.isnan(blocks).any(axis=1)
    if not known.any():
        return None
    blocks, sizes = np.maximum(blocks[known], 1.0), sizes[known]
    sheet = Sheet((1100, 480), theme, "")
    look = sheet.look
    colors = _colors(results, look.theme)
    sheet.heading(f"Functions brought to {rounded(results.suite.target)} of the first f − f*")
    left, right = _panels(sheet, ("performance profile", "data profile"), _room(results))
    ratios, groups = np.geomspace(1, 100, 200), np.geomspace(1, results.suite.steps / 3, 200)
    ends = []
    for axes, x, shares, label in (
        (left, ratios, statistics.performance_profile(blocks, ratios),
         "times the evaluations of the quickest"),
        (right, groups, statistics.data_profile(blocks, sizes, groups),
         "evaluations by the dimensions + 1"),
    ):  # fmt: skip
        for o, color in enumerate(colors):
            axes.plot(x, shares[o], color=color, linewidth=1.8 * look.unit / 13.5,
                      drawstyle="steps-post")  # fmt: skip
        ends = [(results.optimizers[o], color, float(x[-1]), float(shares[o, -1]))
                for o, color in enumerate(colors)]  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(0, 1)
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_xlabel(label, labelpad=2)
    draw_ends(right, ends, look)
    several = len(results.optimizers) > 2
    sheet.small_print([
        f"share of {len(blocks):,} functions and seeds",
        "left Dolan and Moré 2002, right Moré and Wild 2009",
        "left, with more than two, only who is quickest and who leads is sure: the order of the "
        "others may change when one is left out (Gould and Scott 2016)" if several else "",
    ])  # fmt: skip
    return _done(sheet)


def _dimensions(text: str) -> int:
    found = problem(text)
    return found.f.n if isinstance(found, OnFunction) else 0


def _room(results: Results) -> float:
    """For the names of the optimizers beside axes, in units."""
    return 2.0 + 0.62 * max(map(len, results.optimizers))


def _panels(sheet: Sheet, names: Sequence[str], right: float, gap: float = 5.0) -> list[Axes]:
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


def tunability(results: Results, theme: str = "light") -> Figure | None:
    """What tuning brings: the expected best of k configurations; and how wide the valley is."""
    tuned = [o for o in range(len(results.optimizers))
             if all(len(row[o]) > 1 for row in results.tuning)]  # fmt: skip
    if not tuned:
        return None
    sheet = Sheet((1100, 480), theme, "")
    look = sheet.look
    colors = _colors(results, look.theme)
    sheet.heading("What tuning brings, and how exact the rate must be")
    left, right = _panels(sheet, ("expected best of so many", "with each rate"), _room(results))
    ends = []
    for o in tuned:
        best = _lowest(results)
        regrets = np.array([
            statistics.expected_best(row[o]) - low for row, low in zip(
                results.tuning, best, strict=True) if not np.isnan(row[o]).any()
        ])  # fmt: skip
        if not len(regrets):
            continue
        mean = regrets.mean(axis=0)
        left.plot(np.arange(1, len(mean) + 1), mean, color=colors[o],
                  linewidth=1.8 * look.unit / 13.5)  # fmt: skip
        powers, valley = _valley(results, o)
        right.plot(powers, valley, color=colors[o], linewidth=1.8 * look.unit / 13.5)
        ends.append((results.optimizers[o], colors[o], float(powers[-1]), float(valley[-1])))
    left.set_xlabel("configurations tried", labelpad=2)
    right.set_xlabel("powers of ten above the lowest rate tried", labelpad=2)
    for axes in (left, right):
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_ylim(bottom=0)
    draw_ends(right, ends, look)
    sheet.small_print([
        "y: score above the best configuration of any optimizer, mean over problems",
        _objective(results),
        f"tuning seeds: {results.suite.tuning_seeds}, other ones than those of the ranking",
        "expected best: unbiased, of all configurations (after Dodge et al. 2019)",
    ])  # fmt: skip
    return _done(sheet)


def improvement(results: Results, theme: str = "light") -> Figure:
    """Probability that the row is better than the column."""
    found = statistics.improvement(results.scores)
    count = len(results.optimizers)
    order = np.argsort(results.rank().ranks, kind="stable")
    found = found[np.ix_(order, order)]
    names = [results.optimizers[o] for o in order]
    side = max(520, 180 + 34 * count)
    sheet = Sheet((side + 160, side), theme, "")
    sheet.resize(side + 160, side, 13)
    look = sheet.look
    sheet.heading("How often the row is better than the column")
    room = _room(results)
    box = sheet.free(left=room, right=1.5, below=0.75 * room + 1)
    axes = sheet.axes(box, "improvement")
    axes.imshow(found, cmap="RdBu", vmin=0, vmax=1, aspect="auto", alpha=0.75)
    for i in range(count):
        for j in range(count):
            if i != j:
                is_deep = abs(found[i, j] - 0.5) > 0.35
                axes.text(j, i, f"{100 * found[i, j]:.0f}", ha="center", va="center",
                          fontsize=0.75 * look.font,
                          color="#FFFFFF" if is_deep else "#1F2328")  # fmt: skip
    axes.set_xticks(range(count), names, rotation=45, ha="right")
    axes.set_yticks(range(count), names)
    axes.tick_params(length=0)
    sheet.small_print([
        "percent; a problem and a seed of each at random, equal scores counting half "
        "(probability of improvement, Agarwal et al. 2021)",
    ])  # fmt: skip
    return _done(sheet)


def budgets(results: Results, theme: str = "light") -> Figure:
    """Mean ranks if the budget, the target, or the number of configurations had been another."""
    panels: list[tuple[str, Real, Callable[[float], Real], bool]] = [
        ("share of the budget", np.geomspace(0.05, 1, 15), lambda v: ranks_at(results, v), True),
        ("target", np.logspace(-1, -8, 15), lambda v: ranks_to(results, v), True),
        ("configurations", _counts(results), lambda v: ranks_of(results, int(v)), False),
    ]  # fmt: skip
    panels = [panel for panel in panels if len(panel[1])]
    sheet = Sheet((1200, 480), theme, "")
    look = sheet.look
    colors = _colors(results, look.theme)
    sheet.heading("How the ranking hangs on budget, target and tuning")
    places = _panels(sheet, [f"by {name}" for name, *_ in panels], _room(results), 4.0)
    for axes, (name, values, ranks_by, is_log) in zip(places, panels, strict=True):
        ranks = np.array([ranks_by(value) for value in values])
        for o, color in enumerate(colors):
            axes.plot(values, ranks[:, o], color=color, linewidth=1.8 * look.unit / 13.5)
        ends = [(results.optimizers[o], colors[o], float(values[-1]), float(ranks[-1, o]))
                for o in range(len(colors))]  # fmt: skip
        if is_log:
            axes.set_xscale("log")
        axes.set_xlim(values[0], values[-1])
        axes.set_ylim(len(colors) + 0.2, 0.8)
        axes.set_xlabel(name, labelpad=2)
        if axes is places[-1]:
            draw_ends(axes, ends, look)
    sheet.small_print([
        "y: mean rank", "budget: by the value at the last step of the smaller one",
        "target: functions, by the evaluations to it, relative to the first f − f*",
        "configurations: by the expected lowest tuning score of so many, on the tuning seeds"
        if len(panels) > 2 else "",
        "the configurations of the others are those tuned for the whole budget",
    ])  # fmt: skip
    return _done(sheet)


def _counts(results: Results) -> Real:
    """1 … the number of configurations, where all optimizers were tuned."""
    least = min(len(part) for row in results.tuning for part in row)
    return np.arange(1.0, least + 1) if least > 1 else np.zeros(0)


def ranks_to(results: Results, target: float) -> Real:
    """The mean rank of each optimizer by the evaluations to a target, on functions; those that
    never reach it share the last places. Without functions nan."""
    at = int(np.argmin(np.abs(np.log10(TARGETS) - np.log10(target))))
    times = results.times[~results.of_class("learning"), :, :, at]
    return statistics.mean_ranks(np.where(np.isinf(times), 1e300, times))


def ranks_of(results: Results, count: int) -> Real:
    """The mean rank of each optimizer over problems, by the expected lowest tuning score of so many
    configurations."""
    return statistics.mean_ranks(_expected(results)[:, :, count - 1, None])


@functools.lru_cache(maxsize=4)
def _expected(results: Results) -> Real:
    """The expected lowest tuning score, (problems, optimizers, configurations)."""
    return np.array([[statistics.expected_best(part) for part in row] for row in results.tuning])


def ranks_at(results: Results, share: float) -> Real:
    """The mean rank of each optimizer by the values at a share of the budget."""
    scores = np.full_like(results.scores, np.nan)
    for p, (marks, values) in enumerate(zip(results.marks, results.curves, strict=True)):
        if len(marks):
            k = max(int(np.searchsorted(marks, share * marks[-1], side="right")) - 1, 0)
            scores[p] = np.where(np.isnan(values[:, :, k]), np.nan, relative(values[:, :, k]))
    return statistics.mean_ranks(scores)


#: By the names of their files in a report.
PICTURES: Mapping[str, Callable[[Results, str], Figure | None]] = {
    "ranking": ranking, "curves": curves, "ecdf": ecdf, "profile": profile,
    "improvement": improvement, "tunability": tunability, "budgets": budgets,
}  # fmt: skip


def _colors(results: Results, theme: Any) -> list[str]:
    return [s.color for s in strokes_of([parse_optimizer(t) for t in results.optimizers], theme)]


def _objective(results: Results) -> str:
    told = {
        "area": "score: mean of log₁₀ of the relative value over all evaluations",
        "final": "score: log₁₀ of the relative value at the end",
        "time": f"score: log₁₀ of the evaluations to {rounded(results.suite.target)} of the first "
        "value, ten times the budget for never",
    }
    return told[results.suite.objective]


def _lowest(results: Results) -> Real:
    """Of each problem the best mean score of any configuration."""
    return np.array([
        min((float(np.nanmin(part)) for part in row if len(part) and not np.isnan(part).all()),
            default=np.nan) for row in results.tuning
    ])  # fmt: skip


def _valley(results: Results, o: int) -> tuple[Real, Real]:
    """The mean over problems of the score above the best, by the rate above the lowest."""
    powers, name = np.linspace(0, 6, 61), parse_optimizer(results.optimizers[o]).rate_name
    rows = []
    for p, low in enumerate(_lowest(results)):
        tried, found = results.tried[p][o], results.tuning[p][o]
        rates = np.array([t.get(name, np.nan) for t in tried])
        if np.isnan(rates).any() or np.isnan(found).any():
            continue
        at = np.log10(rates / problem(results.problems[p]).rates()[0])
        order = np.argsort(at)
        rows.append(np.interp(powers, at[order], found[order] - low))
    return powers, np.mean(rows, axis=0) if rows else np.full(61, np.nan)


def _done(sheet: Sheet) -> Figure:
    sheet.finish()
    (title, *_) = (text.get_text() for text in sheet.figure.texts)
    setattr(sheet.figure, SHOWS, sheet.finding or title)
    return sheet.figure
