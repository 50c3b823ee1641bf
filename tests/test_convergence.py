"""What becomes of a run, told from its slopes: runs whose fate is known by their making."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from optviz.runs.convergence import (
    CONVERGES,
    DIVERGES,
    RETURNS,
    SETTLED,
    UNTOLD,
    long_run,
    window_begins,
)

FLOOR = 1e-14
lengths = st.sampled_from([200, 1000, 5000])
seeds = st.integers(0, 10**6)
scales = st.floats(1e-3, 1e3)


def peaks_of(slopes: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The greatest slope in each window of the steps."""
    begins = list(window_begins(len(slopes)))
    return np.maximum.reduceat(slopes, np.array(begins) - 1), begins


def told(slopes: np.ndarray, floor: float = FLOOR) -> tuple[float, int]:
    rate, outcome = long_run(*peaks_of(slopes), floor)
    return float(rate), int(outcome)


def powers(steps: int, decades: float) -> tuple[np.ndarray, float]:
    """A power that falls by so many powers of ten, and its factor a step."""
    rate = 10 ** (-decades / steps)
    return rate ** np.arange(steps), rate


@given(steps=st.integers(1, 100_000))
def test_windows_rise_from_1_and_the_last_is_a_tenth(steps: int) -> None:
    begins = np.array(window_begins(steps))
    assert begins[0] == 1
    assert (np.diff(begins) > 0).all()
    assert begins[-1] <= steps
    assert len(begins) <= 64
    if steps >= 1000:
        assert begins[:5].tolist() == [1, 2, 3, 4, 5]
        assert 0.05 < (steps + 1 - begins[-1]) / steps < 0.2


# -- what converges -------------------------------------------------------------------------


@given(steps=lengths, decades=st.floats(0.1, 1000), scale=scales)
def test_the_rate_of_a_power_is_its_factor(steps: int, decades: float, scale: float) -> None:
    """Below the floor there is rounding only, of any size; the fit ends before."""
    slopes, rate = powers(steps, decades)
    noise = FLOOR * np.random.default_rng(steps).uniform(0, 1, steps)
    found, outcome = told(np.where(scale * slopes < FLOOR, noise, scale * slopes))
    assert outcome == CONVERGES
    assert found == pytest.approx(rate, rel=1e-9)


@given(steps=lengths, decades=st.floats(6, 40), depth=st.floats(0, 0.99),
       turn=st.floats(0.3, 3), begin=st.floats(0, 6))  # fmt: skip
def test_a_bounded_oscillation_changes_the_rate_little(
    steps: int, decades: float, depth: float, turn: float, begin: float
) -> None:
    """As complex roots make it."""
    slopes, rate = powers(steps, decades)
    swing = 1 - depth * np.abs(np.cos(turn * np.arange(steps) + begin))
    found, outcome = told(slopes * swing)
    assert outcome == CONVERGES
    # Of half the way, two ends may be wrong by the swing.
    way = np.log(10) * min(decades, -np.log10(FLOOR)) / 2
    assert abs(np.log(found) / np.log(rate) - 1) < max(0.15, 2 * np.log(1 / (1 - depth)) / way)


@given(steps=lengths, decades=st.floats(1, 10), hit=st.integers(1, 150))
def test_what_hits_the_minimum_has_the_rate_that_it_came_with(
    steps: int, decades: float, hit: int
) -> None:
    slopes, rate = powers(steps, decades * steps / 100)
    slopes[hit:] = 0
    found, outcome = told(slopes)
    assert outcome == CONVERGES
    if hit == 1:
        assert found == 0
    else:
        assert found == pytest.approx(rate, rel=1e-9)


@given(steps=lengths, slow=st.floats(3, 12), fast=st.floats(1.5, 10), share=st.floats(1, 100))
def test_the_slowest_part_sets_the_rate(steps: int, slow: float, fast: float, share: float) -> None:
    """A sum of two powers, of which the slower one is less at first."""
    slopes, rate = powers(steps, slow)
    quick, _ = powers(steps, slow * (1 + fast))
    assume(np.log10(share) < slow / 8)
    found, outcome = told(slopes + share * quick)
    assert outcome == CONVERGES
    assert np.log(found) == pytest.approx(np.log(rate), rel=0.25)


def test_the_first_steps_do_not_count() -> None:
    """Up and down by any factor, before what is left is told."""
    slopes, rate = powers(1000, 10)
    slopes[:30] *= 10 ** np.random.default_rng(2).uniform(-5, 3, 30)
    found, outcome = told(slopes)
    assert outcome == CONVERGES
    assert np.log(found) == pytest.approx(np.log(rate), rel=0.05)


# -- what does not --------------------------------------------------------------------------


@given(
    steps=lengths, decades=st.floats(4, 10), place=st.floats(0.3, 0.85), factor=st.floats(3.3, 12)
)
def test_one_late_spike_and_it_returns(
    steps: int, decades: float, place: float, factor: float
) -> None:
    slopes, _ = powers(steps, decades)
    slopes[int(place * steps)] *= 10**factor
    found, outcome = told(slopes)
    assert (np.isnan(found), outcome) == (True, RETURNS)
    early, _ = powers(steps, decades)
    early[2] = 10.0**factor
    assert 2 / steps < SETTLED
    assert told(early)[1] != RETURNS


@given(steps=lengths, seed=seeds, low=st.floats(0.02, 0.8), fall=st.floats(0, 5))
def test_what_stays_at_a_height_and_swings_returns(
    steps: int, seed: int, low: float, fall: float
) -> None:
    """A fall first, then heights that change from window to window, and end high."""
    begins = list(window_begins(steps))
    peaks = np.where(np.arange(len(begins), 0, -1) % 2, 1.0, low)
    peaks *= np.random.default_rng(seed).uniform(0.99, 1.0, len(peaks))
    peaks[: len(peaks) // 2] *= 10**fall
    rate, outcome = long_run(peaks, begins, FLOOR)
    assert (np.isnan(rate), int(outcome)) == (True, RETURNS)


@given(steps=lengths, seed=seeds, height=scales)
def test_a_height_that_is_kept_is_not_told(steps: int, seed: int, height: float) -> None:
    """The slope of a long valley, or of a swing that is always the same."""
    slopes = np.full(steps, height)
    assert told(slopes)[1] == UNTOLD
    creeping = height * (1 - 1e-2 * np.arange(steps) / steps)
    assert told(creeping)[1] == UNTOLD
    swings = height * np.random.default_rng(seed).uniform(0.5, 1, steps)
    assert told(swings)[1] in (UNTOLD, RETURNS)


@given(steps=st.sampled_from([1000, 5000]), power=st.floats(0.5, 4))
def test_a_fall_that_becomes_ever_slower_has_no_rate(steps: int, power: float) -> None:
    found, outcome = told((1.0 + np.arange(steps)) ** -power)
    assert (np.isnan(found), outcome) == (True, UNTOLD)


@given(steps=lengths, decades=st.floats(1.2, 200), seed=seeds)
def test_growth_diverges(steps: int, decades: float, seed: int) -> None:
    slopes = 1 / powers(steps, max(decades, 20))[0]
    swing = np.random.default_rng(seed).uniform(0.9, 1, steps)
    assert told(slopes * swing)[1] == DIVERGES


@given(steps=lengths, seed=seeds, count=st.integers(1, 8))
def test_an_infinite_slope_is_no_convergence_where_it_comes_late(
    steps: int, seed: int, count: int
) -> None:
    peaks, begins = peaks_of(powers(steps, 5)[0])
    late = np.flatnonzero(np.array(begins) > 2 * SETTLED * steps)
    peaks[np.random.default_rng(seed).choice(late, count)] = np.inf
    found, outcome = long_run(peaks, begins, FLOOR)
    assert np.isnan(found)
    assert outcome in (RETURNS, DIVERGES)


# -- of any run -----------------------------------------------------------------------------


def anything(seed: int, steps: int, runs: int) -> tuple[np.ndarray, list[int]]:
    """Falls, rises, swings, zeros and infinities in any order."""
    draw, begins = np.random.default_rng(seed), list(window_begins(steps))
    walks = np.cumsum(draw.normal(draw.uniform(-0.7, 0.2, (runs, 1)), draw.uniform(0, 1, (runs, 1)),
                                  (runs, len(begins))), axis=1)  # fmt: skip
    peaks = np.exp(walks)
    odd = draw.uniform(size=peaks.shape)
    peaks[odd < 0.003], peaks[odd > 0.997] = 0, np.inf
    peaks[0], peaks[1] = 0, np.inf
    return peaks, begins


@given(seed=seeds, steps=st.sampled_from([1, 2, 3, 20, 300, 4000]))
def test_only_what_converges_has_a_rate_and_runs_are_told_one_by_one(seed: int, steps: int) -> None:
    peaks, begins = anything(seed, steps, 40)
    rates, outcomes = long_run(peaks, begins, FLOOR)
    assert set(outcomes.tolist()) <= {CONVERGES, RETURNS, DIVERGES, UNTOLD}
    np.testing.assert_array_equal(np.isfinite(rates), outcomes == CONVERGES)
    assert ((rates >= 0) & (rates < 1))[outcomes == CONVERGES].all()
    for k in range(0, 40, 13):
        rate, outcome = long_run(peaks[k], begins, FLOOR)
        np.testing.assert_array_equal((rate, outcome), (rates[k], outcomes[k]))
    grid = long_run(peaks.reshape(5, 8, -1), begins, FLOOR)
    np.testing.assert_array_equal(grid[1].ravel(), outcomes)


@given(seed=seeds, scale=st.floats(1e-30, 1e30))
def test_the_unit_of_slopes_does_not_matter(seed: int, scale: float) -> None:
    peaks, begins = anything(seed, 1000, 40)
    rates, outcomes = long_run(peaks, begins, FLOOR)
    scaled = long_run(scale * peaks, begins, scale * FLOOR)
    np.testing.assert_array_equal(scaled[1], outcomes)
    np.testing.assert_allclose(scaled[0], rates, rtol=1e-9)


@given(seed=seeds, more=st.floats(1, 1e6))
def test_a_run_that_ends_at_its_highest_does_not_converge(seed: int, more: float) -> None:
    peaks, begins = anything(seed, 1000, 40)
    peaks = np.where(np.isfinite(peaks), peaks, 1.0)[1:]
    peaks[:, -1] = more * peaks.max(axis=1)
    assert (long_run(peaks, begins, FLOOR)[1] != CONVERGES).all()
