"""What is said of scores: pure functions of arrays, each with its source.

Scores have the shape (problems, optimizers, seeds); lower is better, nan is missing. A block is a
problem and a seed: all optimizers begin there at the same place and meet the same noise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

#: Of intervals and tests.
LEVEL = 0.05
RESAMPLES = 2000


@dataclass(frozen=True)
class Ranking:
    """The mean rank of each optimizer over the blocks; 1 is best.

    Attributes
    ----------
    ranks : ndarray (optimizers,)
        The mean over problems of the mean over seeds of the rank within the block; equal scores
        share the mean of their ranks.
    low, high : ndarray (optimizers,)
        95 % interval for other seeds of the same problems, by `rescaled_bootstrap`.
    wide_low, wide_high : ndarray (optimizers,)
        95 % interval for other problems of the kind: `over_problems`; nan with fewer than three.
    apart : float
        Mean ranks that differ by less are not told apart (Nemenyi's critical difference at 5 %).
    blocks, problems : int
        How many there were.
    """

    ranks: Real
    low: Real
    high: Real
    wide_low: Real
    wide_high: Real
    apart: float
    blocks: int
    problems: int

    def best(self) -> NDArray[np.int64]:
        """All that are not told apart from the lowest mean rank, the lowest first."""
        order = np.argsort(self.ranks, kind="stable")
        return np.asarray(order[self.ranks[order] - self.ranks.min() <= self.apart])


def block_ranks(scores: Real) -> Real:
    """The rank of each optimizer in each block, ties shared; nan in blocks that lack one."""
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=1)
    missing = np.isnan(scores).any(axis=1, keepdims=True)
    return np.where(missing, np.nan, ranks)


def rank(scores: Real, rng: int = 0) -> Ranking:
    """The ranking of optimizers.

    Raises
    ------
    ValueError
        If no block has all optimizers.
    """
    ranks = _full_ranks(scores)
    low, high = rescaled_bootstrap(ranks, rng)
    blocks = int((~np.isnan(ranks[:, 0])).sum())
    apart = critical_difference(scores.shape[1], blocks)
    wide = over_problems(np.nanmean(ranks, axis=2))
    return Ranking(_mean(ranks), low, high, *wide, apart, blocks, len(ranks))


def mean_ranks(scores: Real) -> Real:
    """`Ranking.ranks` alone, (optimizers,); nan where no block has all optimizers."""
    if not (~np.isnan(scores).any(axis=1)).any():
        return np.full(scores.shape[1], np.nan)
    return _mean(_full_ranks(scores))


def _full_ranks(scores: Real) -> Real:
    """The ranks in blocks, of problems where a seed has all optimizers."""
    ranks = block_ranks(scores)
    some = (~np.isnan(ranks[:, 0])).any(axis=1)
    if not some.any():
        raise ValueError(
            "no problem and seed has a score of every optimizer: optviz bench status tells what is "
            "left and what failed; run and retry go on"
        )
    return np.asarray(ranks[some])


def _mean(ranks: Real) -> Real:
    return np.asarray(np.nanmean(np.nanmean(ranks, axis=2), axis=0))


def over_problems(ranks: Real, level: float = LEVEL) -> tuple[Real, Real]:
    """An interval for the mean over other problems of the kind, of which these are a sample:
    Student's t, `ranks` (problems, optimizers), within the ranks that there are."""
    from scipy.stats import t

    count, optimizers = ranks.shape
    if count < 3:
        return np.full(optimizers, np.nan), np.full(optimizers, np.nan)
    half = t.ppf(1 - level / 2, count - 1) * ranks.std(axis=0, ddof=1) / np.sqrt(count)
    means = ranks.mean(axis=0)
    return np.clip(means - half, 1, optimizers), np.clip(means + half, 1, optimizers)


def rescaled_bootstrap(values: Real, rng: int = 0, level: float = LEVEL) -> tuple[Real, Real]:
    """An interval for the mean over problems of the mean over seeds, (optimizers,) each: of n seeds
    n − 1 are drawn, within each problem, so that the variance has no bias (Rao and Wu, 1988).

    One seed tells nothing of others: the interval is nan then.
    """
    problems, optimizers, _ = values.shape
    random = np.random.default_rng(rng)
    totals = np.zeros((RESAMPLES, optimizers))
    for of_problem in values:
        known = of_problem[:, ~np.isnan(of_problem).any(axis=0)]
        count = known.shape[1]
        if count < 2:
            return np.full(optimizers, np.nan), np.full(optimizers, np.nan)
        drawn = random.multinomial(count - 1, np.full(count, 1 / count), RESAMPLES)
        totals += drawn @ known.T / (count - 1)
    low, high = np.quantile(totals / problems, [level / 2, 1 - level / 2], axis=0)
    return np.asarray(low), np.asarray(high)


@functools.cache
def critical_difference(optimizers: int, blocks: int, level: float = LEVEL) -> float:
    """Nemenyi's: q √(k (k + 1) / (6 N)), q the studentised range over √2 (Demšar, 2006, eq. 4)."""
    from scipy.stats import studentized_range

    if optimizers < 2:
        return 0.0
    q = studentized_range.ppf(1 - level, optimizers, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(optimizers * (optimizers + 1) / (6 * blocks)))


@dataclass(frozen=True)
class Critical:
    """What a critical-difference diagram shows (Demšar, 2006, section 3.2.4).

    Attributes
    ----------
    ranks : ndarray (optimizers,)
        The mean over problems of the rank within the problem, seeds averaged.
    apart : float
        Nemenyi's critical difference for so many problems.
    groups : tuple of tuple of int
        Those within `apart` of each other, the best first: the largest such groups, of at least
        two.
    problems : int
    """

    ranks: Real
    apart: float
    groups: tuple[tuple[int, ...], ...]
    problems: int


def critical(scores: Real, level: float = LEVEL) -> Critical | None:
    """Which optimizers are told apart over problems; None with fewer than three of them or of
    problems, where the test says nothing."""
    from scipy.stats import rankdata

    means = _means(scores)
    if means.shape[1] < 3 or len(means) < 3:
        return None
    ranks = rankdata(means, axis=1).mean(axis=0)
    apart = critical_difference(means.shape[1], len(means), level)
    return Critical(ranks, apart, groups_within(ranks, apart), len(means))


def groups_within(ranks: Real, apart: float) -> tuple[tuple[int, ...], ...]:
    """The largest groups of at least two whose ranks differ by at most `apart`."""
    order = np.argsort(ranks, kind="stable")
    out, last = [], -1
    for first in range(len(order)):
        reach = int(np.searchsorted(ranks[order], ranks[order[first]] + apart, side="right")) - 1
        if reach > max(first, last):
            out.append(tuple(order[first : reach + 1].tolist()))
            last = reach
    return tuple(out)


def friedman(scores: Real) -> float:
    """The probability of ranks that differ so much, if none were better (Friedman, 1937), over
    problems: seeds are averaged. nan with fewer than three optimizers or problems."""
    from scipy.stats import friedmanchisquare

    means = _means(scores)
    if means.shape[1] < 3 or len(means) < 3:
        return float("nan")
    if np.ptp(means, axis=1).max() == 0:
        return 1.0
    return float(friedmanchisquare(*means.T).pvalue)


def wilcoxon_holm(scores: Real) -> Real:
    """p of each pair over problems, by Wilcoxon's signed ranks with Holm's correction
    (Demšar, 2006, section 3.2.2): (optimizers, optimizers), symmetric, 1 on the diagonal."""
    from scipy.stats import wilcoxon

    means, count = _means(scores), scores.shape[1]
    pairs = [(i, j) for i in range(count) for j in range(i)]
    raw = []
    for i, j in pairs:
        differences = means[:, i] - means[:, j]
        raw.append(float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0)
    out = np.ones((count, count))
    for (i, j), p in zip(pairs, holm(np.array(raw)), strict=True):
        out[i, j] = out[j, i] = p
    return out


def holm(values: Real) -> Real:
    """Adjusted p (Holm, 1979): the k-th smallest of m times m − k + 1, never falling."""
    order = np.argsort(values, kind="stable")
    count = len(values)
    raised = np.minimum(1, np.maximum.accumulate(values[order] * (count - np.arange(count))))
    out = np.empty(count)
    out[order] = raised
    return out


def improvement(scores: Real) -> Real:
    """P(row is better than column) for a problem and two seeds at random, ties counting half
    (Agarwal et al., 2021): (optimizers, optimizers)."""
    count = scores.shape[1]
    out = np.full((count, count), 0.5)
    for i in range(count):
        for j in range(count):
            if i != j:
                a, b = scores[:, i, :, None], scores[:, j, None, :]
                won = np.where(np.isnan(a) | np.isnan(b), np.nan, (a < b) + 0.5 * (a == b))
                won = won[~np.isnan(won).all(axis=(1, 2))]
                out[i, j] = np.nanmean(won, axis=(1, 2)).mean() if len(won) else np.nan
    return out


def interquartile_mean(scores: Real, rng: int = 0) -> tuple[Real, Real, Real]:
    """The mean of the middle half of all runs, (optimizers,), and a 95 % interval by a bootstrap
    stratified by problem (Agarwal et al., 2021)."""
    random = np.random.default_rng(rng)
    problems, _, seeds = scores.shape
    drawn = random.integers(0, seeds, (RESAMPLES // 4, problems, 1, seeds))
    found = np.array([_middle(np.take_along_axis(scores, d, axis=2)) for d in drawn])
    low, high = np.quantile(found, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return _middle(scores), np.asarray(low), np.asarray(high)


def _middle(scores: Real) -> Real:
    """The mean of what is left of each optimizer without a quarter at both ends; nan left out."""
    flat = np.sort(np.moveaxis(scores, 1, 0).reshape(scores.shape[1], -1), axis=1)
    counts = (~np.isnan(flat)).sum(axis=1)  # nan stands last
    cut = counts // 4
    return np.array([row[c : n - c].mean() if n else np.nan
                     for row, n, c in zip(flat, counts, cut, strict=True)])  # fmt: skip


def expected_best(scores: Real) -> Real:
    """The expected lowest of k of n scores drawn without replacement, for k = 1 … n: (n,).

    Σ_i s_(i) C(n − i, k − 1) / C(n, k), the unbiased estimate from all of them (in place of Dodge
    et al., 2019, who draw with replacement).
    """
    return np.asarray(_lowest_of(len(scores)) @ np.sort(scores))


@functools.cache
def _lowest_of(n: int) -> Real:
    """The probability that the lowest of k is the i-th of n: (k, i), both from 1."""
    out = np.zeros((n, n))
    for k in range(1, n + 1):
        p = k / n
        for i in range(n - k + 1):
            out[k - 1, i] = p
            p *= (n - i - k) / (n - i - 1) if n - i - 1 > 0 else 0.0
    return out


def ecdf(times: Real, at: Real) -> Real:
    """The share of times that are at most each of `at`; inf is never (Hansen et al., 2022)."""
    flat = np.sort(times[~np.isnan(times)].ravel())
    return np.searchsorted(flat, at, side="right") / max(len(flat), 1)


def performance_profile(times: Real, at: Real) -> Real:
    """For each optimizer the share of blocks that it solves within `at` times the evaluations of
    the quickest (Dolan and Moré, 2002): `times` (blocks, optimizers), result (optimizers, at)."""
    quickest = np.min(times, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(np.isinf(times), np.inf, times / quickest)
    return np.asarray((ratios[:, :, None] <= at).mean(axis=0))


def data_profile(times: Real, dimensions: Real, at: Real) -> Real:
    """For each optimizer the share of blocks that it solves within `at` times n + 1 evaluations
    (Moré and Wild, 2009)."""
    return np.asarray(((times / (dimensions + 1)[:, None])[:, :, None] <= at).mean(axis=0))


def _means(scores: Real) -> Real:
    """Of the seeds, where a problem has all optimizers."""
    missing = np.isnan(scores).all(axis=2)
    known = scores[~np.any(missing, axis=1)]
    return np.asarray(np.nanmean(known, axis=2))
