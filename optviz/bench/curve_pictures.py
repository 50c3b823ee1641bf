"""Pictures of runs: how far, how soon, how often, and what tuning brings."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from optviz.bench import statistics
from optviz.bench.drawing import colors_of, done, objective_of, panels_of, room
from optviz.bench.on_functions import OnFunction
from optviz.bench.problems import problem
from optviz.bench.results import TARGETS, Results
from optviz.bench.scores import relative
from optviz.optimizers.parse import parse_optimizer
from optviz.render.ends import draw_ends
from optviz.render.learning import draw_curve
from optviz.render.sheet import Sheet
from optviz.shared.quantiles import quantiles
from optviz.shared.text import counted, rounded

Real = NDArray[np.float64]

#: Curves of so many problems are drawn at most; the table has all.
MOST_PANELS = 48
#: With more optimizers nobody could tell their bands apart.
MOST_BANDS = 6


def curves(results: Results, theme: str = "light") -> Figure:
    """A panel for each problem: the median over seeds with the quartiles, of tuned optimizers."""
    shown = range(min(len(results.problems), MOST_PANELS))
    columns = 4 if len(shown) > 3 else len(shown)
    rows = -(-len(shown) // columns)
    sheet = Sheet((1200, 600), theme, "")
    sheet.resize(1200, 150 + 210 * rows, 15)
    look = sheet.look
    colors = colors_of(results, look.theme)
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
        "guessing", f"median of {counted(results.suite.seeds, 'seed')}",
        "band: quartiles" if has_bands else "",
        f"{more} problems more in the table" if more else "",
        "x: evaluations; the value before the first stands left of 1",
    ])  # fmt: skip
    return done(sheet)


def ecdf(results: Results, theme: str = "light") -> Figure | None:
    """The share of problems, seeds and targets that are reached, on functions (as COCO's)."""
    on_functions = ~results.of_class("learning")
    if not on_functions.any():
        return None
    sheet = Sheet((860, 520), theme, "")
    look = sheet.look
    colors = colors_of(results, look.theme)
    sheet.heading("Targets reached, functions")
    axes = sheet.axes(sheet.free(left=4.4, right=room(results), above=0.4), "ecdf")
    at = np.unique(np.rint(np.geomspace(1, results.suite.steps, 200)))
    ends = []
    for o, color in enumerate(colors):
        share = statistics.ecdf(results.times[on_functions, o], at)
        axes.plot(at, share, color=color, linewidth=1.8 * look.unit / 13.5)
        ends.append((results.optimizers[o], color, float(at[-1]), float(share[-1])))
    axes.set_xscale("log")
    axes.set_xlim(1, max(at[-1], 2))
    axes.set_ylim(0, 1)
    axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.set_xlabel("evaluations of the gradient", labelpad=2)
    draw_ends(axes, ends, look)
    sheet.small_print([
        f"{counted(int(on_functions.sum()), 'function')} × "
        f"{counted(results.suite.seeds, 'seed')} × {len(TARGETS)} targets from 1 to 1e−8 of the "
        "first f − f*", "by the lowest f so far",
    ])  # fmt: skip
    return done(sheet)


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
    colors = colors_of(results, look.theme)
    sheet.heading(f"Functions brought to {rounded(results.suite.target)} of the first f − f*")
    left, right = panels_of(sheet, ("performance profile", "data profile"), room(results))
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
    return done(sheet)


def _dimensions(text: str) -> int:
    found = problem(text)
    return found.f.n if isinstance(found, OnFunction) else 0


def tunability(results: Results, theme: str = "light") -> Figure | None:
    """What tuning brings: the expected best of k configurations; and how wide the valley is."""
    tuned = [o for o in range(len(results.optimizers))
             if all(len(row[o]) > 1 for row in results.tuning)]  # fmt: skip
    if not tuned:
        return None
    sheet = Sheet((1100, 480), theme, "")
    look = sheet.look
    colors = colors_of(results, look.theme)
    sheet.heading("What tuning brings, and how exact the rate must be")
    left, right = panels_of(sheet, ("expected best of so many", "with each rate"), room(results))
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
        objective_of(results),
        f"tuning seeds: {results.suite.tuning_seeds}, other ones than those of the ranking",
        "expected best: unbiased, of all configurations (after Dodge et al. 2019)",
    ])  # fmt: skip
    return done(sheet)


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
