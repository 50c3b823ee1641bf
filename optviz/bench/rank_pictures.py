"""Pictures of ranks: who is best, how sure that is, and what it hangs on."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from optviz.bench import statistics
from optviz.bench.drawing import colors_of, done, objective_of, panels_of, room
from optviz.bench.results import TARGETS, Results
from optviz.bench.scores import relative
from optviz.render.ends import draw_ends
from optviz.render.sheet import Sheet
from optviz.shared.text import counted, listed, rounded

Real = NDArray[np.float64]


def finding(results: Results) -> str:
    """Who is best, and who is not told apart from the best."""
    found, status = results.rank(), results.status
    best = [results.optimizers[k] for k in found.best()]
    rest = len(results.optimizers) - len(best)
    so_far = f"So far {status.done:,} of {status.total:,} runs. " if status.left else ""
    if found.problems < len(results.problems):
        so_far += f"On {found.problems} of {counted(len(results.problems), 'problem')}: "
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
    colors = colors_of(results, look.theme)
    box = sheet.free(left=room(results), right=1.0, below=3.2, above=1.0)
    wide = box.width / len(classes)
    for k, name in enumerate(classes):
        place = type(box)(box.left + k * wide, box.top, wide - 1.2 * sheet.unit, box.height)
        axes = sheet.axes(place, name or "all")
        found = results.rank(name)
        axes.axvspan(found.ranks.min(), found.ranks.min() + found.apart, color=look.theme.faint,
                     alpha=0.35, linewidth=0, zorder=0)  # fmt: skip
        for row, o in enumerate(order):
            axes.plot([found.wide_low[o], found.wide_high[o]], [row, row], color=colors[o],
                      linewidth=0.07 * look.font, solid_capstyle="butt",
                      label="problems")  # fmt: skip
            axes.plot([found.low[o], found.high[o]], [row, row], color=colors[o],
                      linewidth=0.28 * look.font, solid_capstyle="butt", label="seeds")  # fmt: skip
            axes.plot(found.ranks[o], row, "o", color=colors[o], markersize=0.5 * look.font,
                      markeredgecolor=look.theme.paper)  # fmt: skip
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_xlim(0.7, max(count, 2) + 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
        axes.set_xlabel("mean rank", labelpad=1)
        names = [results.optimizers[o] for o in order] if not k else []
        axes.set_yticks(range(count) if not k else [], names)
        axes.tick_params(axis="y", length=0)
        axes.set_title(f"{name or 'all'}\nn = {found.blocks:,}", loc="left", pad=4,
                       fontsize=0.9 * look.font, color=look.theme.ink)  # fmt: skip
    sheet.small_print([
        f"suite {results.suite.name}", objective_of(results),
        "rank within a problem and a seed, 1 is best; n: how many of these; a problem may be in "
        "several classes",
        "thick lines: 95 % intervals for other seeds of the same problems (rescaled bootstrap)",
        "thin ones: for other problems of the kind (Student's t; three are needed)",
        "shaded: not told apart from the best at 5 % (Nemenyi)",
    ])  # fmt: skip
    return done(sheet)


def critical(results: Results, theme: str = "light") -> Figure | None:
    """The critical-difference diagram: who is told apart over problems."""
    found = statistics.critical(results.scores)
    if found is None:
        return None
    count = len(results.optimizers)
    order = np.argsort(found.ranks, kind="stable")
    rows, bars = -(-count // 2), len(found.groups)
    sheet = Sheet((1000, 190 + 26 * rows + 12 * bars), theme, "")
    sheet.heading("Who is told apart over problems")
    look, colors = sheet.look, colors_of(results, sheet.look.theme)
    wide = room(results) + 3.0  # for the rank beside the name
    axes = sheet.axes(sheet.free(left=wide, right=wide, above=2.6, below=0.4), "critical")
    axes.set_xlim(1, count)
    axes.xaxis.tick_top()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bars * 0.5 + rows + 1.0, 0)
    axes.set_yticks([])
    for side in ("left", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_color(look.theme.quiet)
    for k, group in enumerate(found.groups):
        ends = found.ranks[[group[0], group[-1]]]
        axes.plot(ends, [0.5 + 0.5 * k] * 2, color=look.theme.ink, linewidth=0.3 * look.font,
                  solid_capstyle="butt", label="group")  # fmt: skip
    for place, o in enumerate(order):
        is_left = place < rows
        level = bars * 0.5 + 1 + (place if is_left else count - 1 - place)
        rank, edge = found.ranks[o], 1 if is_left else count
        axes.plot([rank, rank, edge], [0, level, level], color=colors[o], label="optimizer",
                  linewidth=0.09 * look.font, clip_on=False)  # fmt: skip
        axes.annotate(f"{results.optimizers[o]}  {rounded(float(rank))}" if is_left else
                      f"{rounded(float(rank))}  {results.optimizers[o]}", (edge, level),
                      (-4 if is_left else 4, 0), textcoords="offset points", va="center",
                      ha="right" if is_left else "left", fontsize=0.85 * look.font,
                      color=look.theme.ink)  # fmt: skip
    sheet.small_print([
        f"mean rank over {found.problems} problems, seeds averaged, 1 is best",
        f"joined by a bar: not told apart at 5 %, less than {rounded(found.apart)} apart "
        "(Nemenyi; Demšar 2006)",
    ])  # fmt: skip
    return done(sheet)


def improvement(results: Results, theme: str = "light") -> Figure | None:
    """Probability that the row is better than the column."""
    if len(results.optimizers) < 2:
        return None
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
    wide = room(results)
    box = sheet.free(left=wide, right=1.5, below=0.75 * wide + 1)
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
    return done(sheet)


def budgets(results: Results, theme: str = "light") -> Figure | None:
    """Mean ranks if the budget, the target, or the number of configurations had been another."""
    if len(results.optimizers) < 2:
        return None
    panels: list[tuple[str, Real, Callable[[float], Real], bool]] = [
        ("share of the budget", np.geomspace(0.05, 1, 15), lambda v: ranks_at(results, v), True),
        ("target", np.logspace(-1, -8, 15), lambda v: ranks_to(results, v), True),
        ("configurations", _counts(results), lambda v: ranks_of(results, int(v)), False),
    ]  # fmt: skip
    panels = [panel for panel in panels if len(panel[1])]
    sheet = Sheet((1200, 480), theme, "")
    look = sheet.look
    colors = colors_of(results, look.theme)
    sheet.heading("How the ranking hangs on budget, target and tuning")
    places = panels_of(sheet, [f"by {name}" for name, *_ in panels], room(results), 4.0)
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
    return done(sheet)


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
