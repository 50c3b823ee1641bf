"""What the suite says of scores, against published examples, brute force and simulated stores."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from optviz.bench import statistics
from optviz.bench.curves import Curves
from optviz.bench.scores import chosen, relative, score, times_to

# Demšar (2006), table 6: the accuracies of four classifiers on fourteen data sets.
ACCURACY = np.array([
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.975, 0.975], [0.957, 0.978, 0.946, 0.970],
])  # fmt: skip


def test_ranks_of_demsar() -> None:
    """Table 6 prints the mean ranks (one pair that is equal in the printed digits is not in the
    paper), section 3.2.4 the critical differences; no pair is told apart at 5 %."""
    found = statistics.rank(-ACCURACY[:, :, None])
    np.testing.assert_allclose(found.ranks, [3.143, 2.0, 2.893, 1.964], atol=0.5 / 14 + 5e-4)
    assert found.apart == pytest.approx(1.25, abs=0.005)
    assert statistics.critical_difference(4, 14, 0.1) == pytest.approx(1.12, abs=0.005)
    assert sorted(found.best()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("count", "q"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031),
     (9, 3.102), (10, 3.164)],
)  # fmt: skip
def test_nemenyi_of_demsars_table_5(count: int, q: float) -> None:
    blocks = 31
    wanted = q * np.sqrt(count * (count + 1) / (6 * blocks))
    assert statistics.critical_difference(count, blocks) == pytest.approx(wanted, rel=4e-4)


def test_friedman_is_that_of_the_ranks() -> None:
    """χ² from ranks by hand, with the correction for ties (Conover, 1999)."""
    from scipy.stats import chi2, rankdata

    ranks = rankdata(-ACCURACY, axis=1)
    n, k = ranks.shape
    spread = ((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum()
    wanted = (k - 1) * spread / ((ranks**2).sum() - n * k * (k + 1) ** 2 / 4)
    found = statistics.friedman(-ACCURACY[:, :, None])
    assert found == pytest.approx(chi2.sf(wanted, k - 1), rel=1e-9)


def test_holm_by_hand() -> None:
    """As R's p.adjust(c(0.01, 0.04, 0.03, 0.02), "holm")."""
    found = statistics.holm(np.array([0.01, 0.04, 0.03, 0.02]))
    np.testing.assert_allclose(found, [0.04, 0.06, 0.06, 0.06])


def test_pairs_are_wilcoxons_with_holm() -> None:
    from scipy.stats import wilcoxon

    found = statistics.wilcoxon_holm(-ACCURACY[:, :, None])
    raw = sorted(
        (wilcoxon(ACCURACY[:, i], ACCURACY[:, j]).pvalue, i, j)
        for i, j in itertools.combinations(range(4), 2)
    )
    highest = 0.0
    for k, (p, i, j) in enumerate(raw):
        highest = max(highest, min(1, p * (6 - k)))
        assert found[i, j] == found[j, i] == pytest.approx(highest)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=7))
def test_expected_best_of_all_subsets(values: list[float]) -> None:
    found = statistics.expected_best(np.array(values))
    for k in range(1, len(values) + 1):
        subsets = itertools.combinations(values, k)
        wanted = np.mean([min(subset) for subset in subsets])
        assert found[k - 1] == pytest.approx(wanted, abs=1e-9)


def test_improvement_by_counting() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (3, 2, 5)).astype(float)
    found = statistics.improvement(scores)
    won = [np.mean([(a < b) + 0.5 * (a == b) for a in of[0] for b in of[1]]) for of in scores]
    assert found[0, 1] == pytest.approx(np.mean(won))
    assert found[1, 0] == pytest.approx(1 - np.mean(won))


def test_profiles_by_hand() -> None:
    """Dolan and Moré: two solvers, three problems; Moré and Wild: per n + 1 evaluations."""
    times = np.array([[10, 20.0], [30, 15], [np.inf, 40]])
    found = statistics.performance_profile(times, np.array([1.0, 2.0, 100.0]))
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3, 2 / 3], [2 / 3, 1, 1]])
    found = statistics.data_profile(times, np.array([1, 4, 9]), np.array([3.0, 4.0, 10.0]))
    np.testing.assert_allclose(found, [[0, 0, 2 / 3], [1 / 3, 2 / 3, 1]])


def test_ecdf_by_hand() -> None:
    times = np.array([[1.0, 5.0, np.inf], [2.0, np.inf, np.nan]])
    np.testing.assert_allclose(statistics.ecdf(times, np.array([1, 2, 4, 5])), [0.2, 0.4, 0.4, 0.6])


def test_interquartile_mean_of_eight() -> None:
    scores = np.array([[[1.0, 2, 3, 100]], [[-50, 4, 5, 6.0]]])
    found, low, high = statistics.interquartile_mean(scores)
    assert found[0] == pytest.approx(np.mean([2, 3, 4, 5]))
    assert low[0] <= found[0] <= high[0]


# -- simulated stores ---------------------------------------------------------------------------


@pytest.mark.parametrize(("problems", "seeds"), [(8, 5), (20, 10)])
def test_copies_of_one_optimizer_are_not_told_apart(problems: int, seeds: int) -> None:
    """Ten names of the same: at most about one store in twenty says otherwise."""
    told = 0
    for k in range(200):
        rng = np.random.default_rng([k, problems])
        shared = rng.normal(size=(problems, 1, seeds))
        scores = shared + rng.standard_t(3, size=(problems, 10, seeds))
        told += len(statistics.rank(scores).best()) < 10
    assert told <= 18, "99 % of the time, if 5 % are told apart"


@pytest.mark.slow
def test_intervals_hold_the_truth() -> None:
    """Of 1,000 stores with optimizers that differ; the truth from many blocks more."""
    rng = np.random.default_rng(0)
    problems, optimizers, seeds = 8, 5, 10
    level = rng.normal(size=(problems, optimizers, 1))
    spread = rng.uniform(0.3, 2, size=(problems, optimizers, 1))

    def drawn(rng: np.random.Generator, count: int) -> np.ndarray:
        shared = 0.5 * rng.normal(size=(problems, 1, count))
        return level + shared + spread * rng.normal(size=(problems, optimizers, count))

    truth = statistics.block_ranks(drawn(rng, 40_000)).mean(axis=(0, 2))
    held = []
    for k in range(1000):
        found = statistics.rank(drawn(np.random.default_rng([k, 1]), seeds), rng=k)
        held.append((found.low <= truth) & (truth <= found.high))
    assert 0.93 <= np.mean(held) <= 0.97


def test_a_planted_better_one_is_found() -> None:
    for k in range(50):
        rng = np.random.default_rng(k)
        scores = rng.normal(size=(10, 6, 8))
        scores[:, 3] -= 1.5
        found = statistics.rank(scores)
        assert found.best().tolist() == [3]
        assert found.high[3] < found.low[np.arange(6) != 3].min()


def test_ranks_share_ties_and_leave_out_blocks_that_lack_one() -> None:
    scores = np.array([[[1.0, 1.0], [1.0, np.nan], [2.0, 0.0]]])
    found = statistics.rank(scores)
    assert found.ranks.tolist() == [1.5, 1.5, 3.0]
    assert found.blocks == 1
    with pytest.raises(ValueError, match="no problem and seed"):
        statistics.rank(np.full((2, 2, 2), np.nan))


# -- scores -------------------------------------------------------------------------------------


def curves(values: list[float], marks: list[int]) -> Curves:
    row = np.array([values], dtype=float)
    return Curves(np.array(marks), row, np.minimum.accumulate(row, axis=1), np.zeros((1, 0, 3)))


def test_scores_by_hand() -> None:
    c = curves([1, 0.1, 0.001, np.inf], [0, 1, 3, 10])
    # −1 once, −3 twice, and ten times the first value (1) for the seven after the divergence.
    assert score(c, "area")[0] == pytest.approx((-1 - 3 * 2 + 1 * 7) / 10)
    assert score(c, "final")[0] == 1
    assert score(c, "time", 0.01)[0] == pytest.approx(np.log10(3))
    assert score(c, "time", 1e-4)[0] == pytest.approx(2), "ten times the budget"
    assert times_to(c, np.array([1, 0.5, 1e-9]))[0].tolist() == [0, 1, np.inf]


@given(st.lists(st.floats(allow_nan=True).map(abs), min_size=1, max_size=5))
def test_relative_values_stay_between_their_ends(values: list[float]) -> None:
    logs = relative(np.array(values))
    assert ((logs >= -12) & (logs <= 1)).all()


def test_the_best_configuration_is_the_one_that_always_works() -> None:
    scores = np.array([[-9.0, np.nan], [-1.0, -2.0], [-2.0, -1.0], [0.0, 0.0]])
    assert chosen(scores) == 1


# -- over problems -------------------------------------------------------------------------------


def test_groups_of_the_published_example() -> None:
    """Demšar (2006), section 3.2.5: four classifiers on 14 data sets, by Nemenyi's test at 10 %."""
    ranks = np.array([3.143, 2.000, 2.893, 1.964])
    apart = statistics.critical_difference(4, 14, 0.1)
    assert apart == pytest.approx(1.12, abs=0.005)
    # "C4.5 is worse than C4.5+m and C4.5+m+cf; of the others the data do not tell."
    assert statistics.groups_within(ranks, apart) == ((3, 1, 2), (2, 0))
    assert statistics.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert statistics.groups_within(ranks, 1.25) == ((3, 1, 2, 0),)


@given(st.integers(3, 7), st.integers(3, 30), st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_groups_are_who_scipys_distribution_does_not_tell_apart(
    count: int, problems: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(problems, count, 3)) + np.linspace(0, 2, count)[None, :, None]
    found = statistics.critical(scores)
    assert found is not None
    ranks = stats.rankdata(scores.mean(axis=2), axis=1).mean(axis=0)
    np.testing.assert_allclose(found.ranks, ranks)
    spread = np.sqrt(count * (count + 1) / (12 * problems))
    together = [set(group) for group in found.groups]
    for i in range(count):
        for j in range(i):
            p = stats.studentized_range.sf(abs(ranks[i] - ranks[j]) / spread, count, np.inf)
            if abs(p - 0.05) > 1e-6:
                assert (p > 0.05) == any({i, j} <= group for group in together)
    assert all(not a <= b for a in together for b in together if a is not b), "the largest ones"


def test_few_problems_or_optimizers_tell_nothing_of_others() -> None:
    rng = np.random.default_rng(0)
    assert statistics.critical(rng.normal(size=(2, 5, 4))) is None
    assert statistics.critical(rng.normal(size=(9, 2, 4))) is None
    found = statistics.rank(rng.normal(size=(2, 5, 4)))
    assert np.isnan(found.wide_low).all()


def test_intervals_for_other_problems_hold_the_truth() -> None:
    """Problems are drawn on which optimizers are good or bad: 95 % hold the mean of them all."""
    rng = np.random.default_rng(5)
    count, optimizers = 12, 4
    quality = np.array([0.0, 0.4, 0.8, 1.2])

    def drawn(problems: int) -> np.ndarray:
        own = quality + rng.normal(size=(problems, optimizers))
        return own[:, :, None] + 0.5 * rng.normal(size=(problems, optimizers, 3))

    truth = statistics.mean_ranks(drawn(60_000))
    held = np.zeros(optimizers)
    for _ in range(1000):
        ranks = statistics.block_ranks(drawn(count)).mean(axis=2)
        low, high = statistics.over_problems(ranks)
        held += (low <= truth) & (truth <= high)
        wanted = stats.t.interval(0.95, count - 1, ranks.mean(axis=0), stats.sem(ranks, axis=0))
        np.testing.assert_allclose(low, np.maximum(wanted[0], 1), rtol=1e-9)
        np.testing.assert_allclose(high, np.minimum(wanted[1], optimizers), rtol=1e-9)
    assert (held >= 930).all(), held
    assert (held <= 970).all(), held
