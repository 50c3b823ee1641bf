"""The loop and the tuning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optviz as ov
from optviz.render import output
from optviz.runs.descend import descend
from optviz.runs.trajectory import MAX_STEPS, parse_point
from tests.catalogue import RULES


def test_gradient_descent_on_a_quadratic_is_a_power() -> None:
    t = ov.minimize("sphere", ov.SGD(lr=0.1), start=(3, -4), steps=50)
    k = np.arange(51)[:, None]
    np.testing.assert_allclose(t.points, np.array([3, -4]) * 0.8**k, rtol=1e-12)
    np.testing.assert_allclose(t.values, 25 * 0.64 ** k[:, 0], rtol=1e-12)
    assert t.start == (3, -4)
    assert (t.steps, t.diverged_at, t.converged_at, t.left_at()) == (50, None, None, None)


@pytest.mark.parametrize("lr", [1.2, 3.0, 1e6, 1e200])
def test_divergence_is_a_result(lr: float) -> None:
    t = ov.minimize("rosenbrock", ov.SGD(lr=lr), steps=2000)
    assert t.diverged_at is not None
    assert len(t.points) == t.diverged_at
    assert np.isfinite(t.points).all()
    assert np.isfinite(t.values).all()


def test_a_path_that_leaves_the_domain_of_a_logarithm_ends_there() -> None:
    t = ov.minimize("log(x) + y**2", ov.SGD(lr=1.0), start=(0.5, 1), steps=20)
    assert t.diverged_at is not None
    assert np.isfinite(t.values).all()


def test_diverged_at_is_the_first_step_that_is_not_finite() -> None:
    t = ov.minimize("sphere", ov.SGD(lr=1e100), start=(1, 0), steps=20)
    # |1 − 2e100|^k passes 1e154, where the square overflows, with k = 2.
    assert t.diverged_at == 2


def test_a_cone_whose_tip_is_hit_exactly_is_no_divergence() -> None:
    t = ov.minimize("sqrt(x**2 + y**2)", ov.SGD(lr=0.5), start=(2, 0), steps=30)
    assert t.diverged_at is None
    np.testing.assert_array_equal(t.points[-1], [0, 0])


def test_tolerance_stops_at_the_first_small_gradient() -> None:
    full = ov.minimize("sphere", ov.SGD(lr=0.1), steps=200)
    t = ov.minimize("sphere", ov.SGD(lr=0.1), steps=200, tol=1e-3)
    norms = np.linalg.norm(2 * full.points, axis=1)
    assert t.converged_at == np.argmax(norms <= 1e-3)
    np.testing.assert_array_equal(t.points, full.points[: t.converged_at + 1])


def test_noise_is_seeded_and_has_the_size_asked_for() -> None:
    calm = ov.minimize("0*x", ov.SGD(lr=1.0), start=(0, 0), steps=20000, noise=0.1, rng=3)
    again = ov.minimize("0*x", ov.SGD(lr=1.0), start=(0, 0), steps=20000, noise=0.1, rng=3)
    other = ov.minimize("0*x", ov.SGD(lr=1.0), start=(0, 0), steps=20000, noise=0.1, rng=4)
    np.testing.assert_array_equal(calm.points, again.points)
    assert not np.array_equal(calm.points, other.points)
    kicks = np.diff(calm.points, axis=0)
    assert kicks.std() == pytest.approx(0.1, rel=0.02)
    assert abs(kicks.mean()) < 0.002
    assert calm.seed == 3


def test_box_projects_every_point() -> None:
    t = ov.minimize("saddle", ov.SGD(lr=0.3), start=(1, 0.5), steps=50, box=True)
    assert np.abs(t.points).max() == 2.0
    assert t.left_at() is None
    assert t.diverged_at is None


def test_left_at_is_the_first_step_outside() -> None:
    t = ov.minimize("saddle", ov.SGD(lr=0.1), start=(1, 0.5), steps=50)
    left = t.left_at()
    assert left is not None
    assert abs(t.points[left, 1]) > 2
    assert np.abs(t.points[:left]).max() <= 2


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"steps": 0}, "steps must be a whole number from 1"),
        ({"steps": -3}, "steps must be"),
        ({"steps": 10**9}, "10,000,000, not 1000000000"),
        ({"steps": 1.5}, "steps must be"),
        ({"steps": True}, "steps must be"),
        ({"noise": -1}, "noise must be a number ≥ 0, not -1"),
        ({"noise": float("nan")}, "noise must be"),
        ({"tol": -1}, "tol must be"),
        ({"start": (99, 0)}, "outside bowl's domain"),
        ({"start": (0,)}, "two numbers"),
        ({"start": ("a", "b")}, "two numbers"),
        ({"start": (float("nan"), 0)}, "two numbers"),
    ],
)
def test_bad_arguments_are_named(kwargs, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.minimize("bowl", ov.SGD(), **kwargs)
    assert MAX_STEPS == 10_000_000


def test_compiled_loop_equals_its_python() -> None:
    """The same function without Numba, on the same kernels."""
    f, optimizer = ov.function("beale"), ov.Adam(lr=0.1)
    t = ov.minimize(f, optimizer, steps=60, noise=0.05, rng=1)
    noises = np.random.default_rng(1).normal(0, 0.05, (60, 2))
    points, ends = np.empty((1, 61, 2)), np.empty(1, dtype=np.int64)
    descend(
        optimizer.kernel(), f.gradient_kernel(), np.array([f.start], dtype=float),
        optimizer.initial_state(2), optimizer.hyper_vector()[None], np.zeros(0), noises, 0.0,
        np.zeros((0, 2)), -1, points, ends,
    )  # fmt: skip
    np.testing.assert_allclose(points[0], t.points, rtol=1e-13)
    assert ends[0] == 60


@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6))
def test_points_read_back(x: float, y: float) -> None:
    assert parse_point(f"{x},{y}") == (x, y)
    assert parse_point(f"({x}, {y})".replace("-", "−")) == (x, y)


# -- tuning ---------------------------------------------------------------------------------


def test_tuned_gradient_descent_is_near_the_theoretical_optimum() -> None:
    """On the bowl α* = 2/(λ₁ + λ₂) = 0.952; a finite budget of steps prefers a little less."""
    found = ov.tune("bowl", ov.SGD(), steps=300)
    assert 0.75 < found.best.lr < 0.96
    assert found.rates.shape == found.scores.shape == (61,)
    assert found.scores[found.rates > 1.0].min() > 0 > found.scores.min()


def test_tuning_is_the_mean_log_gap_of_the_runs_themselves() -> None:
    """One start, one rate by hand: the objective is what the docstring says."""
    found = ov.tune("bowl", ov.Adam(), steps=50, starts=1)
    k = int(np.argmin(found.scores))
    t = ov.minimize("bowl", ov.Adam(lr=found.rates[k]), steps=50)
    gaps = np.log10(np.clip(t.values / t.values[0], 1e-12, None))
    assert found.scores[k] == pytest.approx(gaps.mean(), rel=1e-9)
    assert found.best.lr == found.rates[k]


@pytest.mark.parametrize("name", list(RULES))
def test_every_optimizer_is_tuned_to_something_that_descends(name: str) -> None:
    found = ov.tune("bowl", ov.optimizers[name](), steps=60)
    t = ov.minimize("bowl", found.best, steps=60)
    assert t.values.min() < 0.2 * t.values[0]
    assert t.left_at() is None


def test_tuning_scales_schedules_and_works_without_a_minimum() -> None:
    found = ov.tune("bowl", ov.SGD(lr=ov.schedules.Cosine(1.0, 50)), steps=50)
    assert isinstance(found.best.lr, ov.schedules.Cosine)
    assert np.isfinite(ov.tune("monkey-saddle", ov.Momentum(), steps=50).scores).all()


def test_race_tunes_only_what_names_no_rate() -> None:
    a, b = ov.race("beale", ["adam", "sgd:lr=0.01"], steps=40)
    assert a.remark == "best of 61"
    assert b.remark == ""
    assert b.optimizer.lr == 0.01
    with pytest.raises(ValueError, match="budget"):
        ov.tune("bowl", ov.SGD(), budget=1)


@pytest.mark.parametrize("wrong", [ov.Adam, None])
def test_what_is_no_optimizer_is_refused(wrong) -> None:
    for call in (ov.minimize, ov.tune, ov.explain):
        with pytest.raises(ValueError, match="optimizer must be one such as"):
            call("bowl", wrong)


def test_paths_in_different_domains_are_not_drawn_together() -> None:
    a = ov.minimize("beale", ov.SGD(lr=0.001), steps=2)
    b = ov.minimize(ov.function("beale", bounds=((0, 4), (-1, 2))), ov.SGD(lr=0.001), steps=2)
    c = ov.minimize(lambda x, y: x * x + y * y, ov.SGD(lr=0.1), steps=2)
    d = ov.minimize(lambda x, y: x * x + 2 * y, ov.SGD(lr=0.1), steps=2)
    for pair in ([a, b], [c, d]):
        with pytest.raises(ValueError, match="one picture shows one function"):
            ov.plot(pair)


def test_numpy_seeds_are_remembered() -> None:
    t = ov.minimize("bowl", ov.SGD(lr=0.1), noise=1.0, rng=np.int64(3), steps=2)
    assert t.seed == 3
    assert '"seed": 3' in getattr(ov.plot(t), output.STUDY).to_json()
    with pytest.raises(ValueError, match="runs must be a whole number ≥ 1, not 0"):
        ov.race("bowl", ["sgd"], runs=0)
