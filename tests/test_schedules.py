"""Schedules: shapes, text form, and the rate that reaches the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optviz as ov
from optviz.optimizers.schedules import (
    Constant,
    Cosine,
    Exponential,
    LinearWarmup,
    OneCycle,
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
