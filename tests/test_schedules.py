"""Schedules: shapes, text form, and the rate that reaches the kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.optimizers.schedules import (
    KINDS,
    Constant,
    Cosine,
    Exponential,
    LinearWarmup,
    OneCycle,
    Schedule,
    Step,
    parse_schedule,
)  # fmt: skip

ALL = [
    Constant(0.1), Step(0.4, 3, 0.1), Exponential(0.3, 0.9), Cosine(0.2, 30, 0.01),
    LinearWarmup(5, Cosine(0.2, 20)), OneCycle(0.3, 40),
]  # fmt: skip


@pytest.mark.parametrize("schedule", ALL, ids=str)
def test_arrays_and_numbers_agree(schedule) -> None:
    t = np.arange(60)
    np.testing.assert_allclose(schedule(t), [schedule(int(k)) for k in t], rtol=1e-15)
    assert np.all(schedule(t) >= 0)


# -- against plain formulas -------------------------------------------------------------------

RATE, SHARE, COUNT = st.floats(1e-6, 10), st.floats(0, 1), st.integers(1, 40)
PLAIN = st.one_of(
    st.tuples(st.just("constant"), RATE),
    st.tuples(st.just("step"), RATE, COUNT, SHARE),
    st.tuples(st.just("exponential"), RATE, SHARE),
    st.tuples(st.just("cosine"), RATE, COUNT, st.floats(0, 10)),
    st.tuples(st.just("onecycle"), RATE, st.integers(2, 40), SHARE, st.floats(1, 100),
              st.floats(1, 1e5)),
)  # fmt: skip
DRAWN = st.one_of(PLAIN, st.tuples(st.just("linearwarmup"), COUNT, PLAIN))


def made(words: tuple) -> Schedule:
    kind, *rest = words
    return KINDS[kind](*(made(w) if isinstance(w, tuple) else w for w in rest))


def by_formula(words: tuple, t: int) -> float:
    """The rate of step t, case by case."""
    match words:
        case "constant", rate:
            return rate
        case "step", rate, every, factor:
            for _ in range(t // every):
                rate *= factor
            return rate
        case "exponential", rate, factor:
            return rate * math.pow(factor, t)
        case "cosine", rate, steps, final:
            return final if t >= steps else final + (rate - final) * half_cosine(t / steps)
        case "linearwarmup", steps, then:
            return by_formula(then, 0) * t / steps if t < steps else by_formula(then, t - steps)
        case "onecycle", rate, steps, rise, start_div, final_div:
            # As PyTorch's OneCycleLR: up until the step rise·steps − 1, down until the last, and
            # there it stays.
            peak, last = rise * steps - 1, steps - 1
            start, t = rate / start_div, min(t, last)
            if t <= peak:
                return start + (rate - start) * (1 - half_cosine(t / peak if peak else 1))
            end = start / final_div
            return end + (rate - end) * half_cosine((t - peak) / (last - peak))
    raise AssertionError(words)


def half_cosine(share: float) -> float:
    """1 at 0, 0 at 1."""
    return math.cos(math.pi * share / 2) ** 2


@settings(max_examples=200)
@given(DRAWN)
def test_a_schedule_is_its_formula(words: tuple) -> None:
    """From the first step to far beyond the last."""
    schedule = made(words)
    wanted = [by_formula(words, t) for t in range(100)]
    np.testing.assert_allclose(schedule(np.arange(100)), wanted, rtol=1e-9, atol=1e-14)
    known_by = by_formula(words[2], 0) if words[0] == "linearwarmup" else wanted[0]
    assert schedule.first() == pytest.approx(known_by, rel=1e-12)


def test_defaults_are_those_written_down() -> None:
    """PyTorch's for OneCycleLR (pct_start, div_factor, final_div_factor); the others are ours."""
    assert Step(1, 2) == Step(1, 2, 0.5)
    assert Exponential(1) == Exponential(1, 0.99)
    assert Cosine(1, 2) == Cosine(1, 2, 0.0)
    assert OneCycle(1, 2) == OneCycle(1, 2, 0.3, 25, 1e4)


@given(DRAWN, st.floats(1e-3, 1e3))
def test_scaling_multiplies_every_rate(words: tuple, factor: float) -> None:
    """The floor too: a schedule keeps its form."""
    schedule, t = made(words), np.arange(60)
    np.testing.assert_allclose(
        schedule.scaled(factor)(t), factor * schedule(t), rtol=1e-9, atol=1e-12
    )
    assert schedule.scaled(1) == schedule


def descent(rates: list[float], start: tuple[float, float]) -> list[float]:
    """Plain gradient descent on x²/20 + y²."""
    x, y = start
    for rate in rates:
        x, y = x - rate * x / 10, y - rate * 2 * y
    return [x, y]


SWEPT = [
    ("cosine", 0.1, 30, 0.02), ("step", 0.4, 7, 0.3), ("exponential", 0.2, 0.95),
    ("linearwarmup", 6, ("cosine", 0.3, 20, 0.1)), ("onecycle", 0.5, 40, 0.3, 25.0, 1e4),
    ("constant", 0.1),
]  # fmt: skip


@pytest.mark.parametrize("words", SWEPT, ids=lambda w: w[0])
def test_a_swept_rate_scales_the_whole_schedule(words: tuple) -> None:
    """The ends of a sweep over lr are those of plain descents with all rates scaled alike."""
    values, start = [0.01, 0.3, 0.9], (-7.0, 2.0)
    s = ov.sweep("bowl", ov.SGD(lr=made(words)), [start], over={"lr": values}, steps=50, tol=0)
    known_by = by_formula(words[2], 0) if words[0] == "linearwarmup" else by_formula(words, 0)
    for k, value in enumerate(values):
        rates = [by_formula(words, t) * value / known_by for t in range(50)]
        np.testing.assert_allclose(s.final[k, 0], descent(rates, start), rtol=1e-10)
        explicit = ov.SGD(lr=made(words).scaled(value / known_by))
        t = ov.minimize("bowl", explicit, start=start, steps=50)
        np.testing.assert_allclose(s.final[k, 0], t.points[-1], rtol=1e-10)


def test_a_tuned_rate_scales_the_whole_schedule() -> None:
    best = ov.tune("bowl", ov.SGD(lr=Cosine(0.1, 30, 0.02)), steps=30).best.lr
    assert (best.steps, best.final) == (30, pytest.approx(best.rate / 5))
    assert best.rate > 0.3


@pytest.mark.parametrize("schedule", ALL, ids=str)
def test_text_form_round_trips(schedule) -> None:
    assert parse_schedule(str(schedule)) == schedule


@pytest.mark.parametrize("schedule", ALL, ids=str)
def test_dict_update_and_trajectory_take_the_same_rates(schedule) -> None:
    t = ov.minimize("sphere", ov.SGD(lr=schedule), start=(1, 2), steps=50)
    x = {"x": np.array([1.0, 2.0])}
    optimizer = ov.SGD(lr=schedule)
    for k in range(50):
        optimizer.update(x, {"x": 2 * x["x"]})
        np.testing.assert_allclose(x["x"], t.points[k + 1], rtol=1e-12)
    factors = t.points[1:, 0] / t.points[:-1, 0]
    np.testing.assert_allclose(1 - factors, 2 * schedule(np.arange(50)), rtol=1e-6, atol=1e-12)


def test_known_values() -> None:
    """Against PyTorch's schedulers of the same names (values printed by 2.13)."""
    one_cycle = OneCycle(1.0, steps=10)
    expected = [0.04, 0.52, 1.0, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893,
                0.38874197806371076, 0.18825834605023698, 0.049519367986526286, 4e-06]  # fmt: skip
    np.testing.assert_allclose(one_cycle(np.arange(10)), expected, rtol=1e-6)
    np.testing.assert_allclose(
        Cosine(1.0, 4)(np.arange(5)), [1, 0.8535533905932737, 0.5, 0.1464466094067262, 0],
        atol=1e-15,
    )  # fmt: skip


@given(steps=st.integers(1, 500), rise=st.floats(0, 1), rate=st.floats(1e-6, 10))
def test_one_cycle_stays_between_its_ends(steps: int, rise: float, rate: float) -> None:
    rates = OneCycle(rate, steps, rise)(np.arange(steps + 5))
    assert np.all(np.isfinite(rates))
    assert rates.max() <= rate * (1 + 1e-12)
    assert rates.min() >= rate / 25 / 1e4 * (1 - 1e-9)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Constant(-1), "rate must be a number ≥ 0"),
        (lambda: Constant(float("nan")), "rate must be"),
        (lambda: Step(0.1, 0), "every must be a whole number"),
        (lambda: Step(0.1, 2, 1.5), r"factor must be a number in \[0, 1\]"),
        (lambda: Cosine(0.1, 2.5), "steps must be a whole number"),
        (lambda: LinearWarmup(3, 0.1), "then must be a schedule"),
        (lambda: OneCycle(0.1, 10, start_div=0.5), "start_div must be a number ≥ 1"),
    ],
)
def test_bad_fields_are_refused(build, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        build()


def test_a_schedule_survives_the_text_form_of_an_optimizer() -> None:
    optimizer = ov.parse_optimizer("adam:lr=linearwarmup(20,cosine(0.1,200)),beta1=0.8")
    assert optimizer.lr == LinearWarmup(20, Cosine(0.1, 200))
    assert ov.parse_optimizer(optimizer.spec()).hyper == optimizer.hyper
