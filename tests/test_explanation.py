"""What a rule did, read off its kernel."""

from __future__ import annotations

import re

import numpy as np
import pytest

import optviz as ov
from optviz.render.explain import PARTS
from tests.pictures import clashes, part_of, words_of
from tests.test_optimizers import Tug


@pytest.mark.parametrize("name", list(ov.optimizers))
def test_the_parts_are_those_of_a_loop_of_ones_own(name: str) -> None:
    """Each step by `update`, once with the gradient, and once without from the same state."""
    make = ov.optimizers[name]
    e = ov.explain("bowl", make(lr=0.1), steps=10, noise=0.01, rng=2)
    t = ov.minimize("bowl", make(lr=0.1), steps=10, noise=0.01, rng=2)
    np.testing.assert_array_equal(e.trajectory.points, t.points)
    f, noise = ov.function("bowl"), np.random.default_rng(2).normal(0, 0.01, (10, 2))
    optimizer, here = make(lr=0.1), {"x": np.array(f.start, dtype=float)}
    for k in range(10):
        g = f.gradient(*here["x"]) + noise[k]
        np.testing.assert_allclose(e.gradients[k], g, rtol=1e-12)
        coasting, other = {"x": here["x"].copy()}, make(lr=0.1)
        other.load_state_dict(optimizer.state_dict())
        # AdaDelta's first step without a gradient is 0/0.
        with np.errstate(invalid="ignore"):
            other.update(coasting, {"x": np.zeros(2)})
        carried = np.nan_to_num(coasting["x"] - here["x"])
        before = here["x"].copy()
        optimizer.update(here, {"x": g})
        fresh = here["x"] - before - carried
        np.testing.assert_allclose(e.carried[k], carried, atol=1e-13)
        np.testing.assert_allclose(e.fresh[k], fresh, atol=1e-13)
        np.testing.assert_allclose(e.rates[k], -fresh / g, rtol=1e-9)
    assert e.states.shape == (11, len(e.slots), 2)


def test_gradient_descent_carries_nothing_and_has_one_rate() -> None:
    e = ov.explain("bowl", ov.SGD(lr=0.3), steps=5)
    np.testing.assert_array_equal(e.carried, 0)
    np.testing.assert_allclose(e.rates, 0.3)


def test_momentum_carries_its_share_of_the_last_step() -> None:
    e = ov.explain("bowl", ov.Momentum(lr=0.1, momentum=0.7), steps=8)
    steps = np.diff(e.trajectory.points, axis=0)
    np.testing.assert_allclose(e.carried[1:], 0.7 * steps[:-1], atol=1e-14)
    np.testing.assert_allclose(e.rates, 0.1)
    np.testing.assert_allclose(e.states[1:, 0], steps, atol=1e-14)


def test_adagrad_divides_by_the_root_of_the_sum() -> None:
    e = ov.explain("bowl", ov.AdaGrad(lr=1.5, eps=0.0), steps=6)
    roots = np.sqrt(np.cumsum(e.gradients**2, axis=0))
    np.testing.assert_allclose(e.rates, 1.5 / roots, rtol=1e-10)


def test_schedules_reach_the_parts() -> None:
    e = ov.explain("sphere", ov.SGD(lr=ov.schedules.Step(0.4, 2)), steps=4)
    np.testing.assert_allclose(e.rates[:, 0], [0.4, 0.4, 0.2, 0.2])


def test_a_users_own_rule_is_explained_and_drawn() -> None:
    e = ov.explain("himmelblau", Tug(lr=0.3), steps=4)
    assert e.slots == ("m",)
    words = words_of(ov.plot(e))
    assert "a rule of your own" in words
    assert "carried over" in words


@pytest.mark.slow
def test_the_film_shows_each_part_of_each_step() -> None:
    film = ov.animate(ov.explain("bowl", ov.Adam(lr=0.5), steps=3), size=(640, 400))
    frames = [frame.copy() for frame in film.frames()]
    assert len(frames) == len(film) == 3 * len(PARTS)
    assert all(not np.array_equal(a, b) for a, b in zip(frames[1:], frames, strict=False))


@pytest.mark.parametrize("name", ["easom", "rosenbrock", "eggholder", "saddle"])
@pytest.mark.parametrize("lr", [0.01, 50.0])
def test_any_path_can_be_drawn(name: str, lr: float) -> None:
    e = ov.explain(name, ov.Adam(lr=lr), steps=8)
    figure = ov.plot(e)
    assert clashes(figure) == []
    map_ = part_of(figure, "map")
    (x0, x1), (y0, y1) = map_.get_xlim(), map_.get_ylim()
    assert np.isfinite([x0, x1, y0, y1]).all()
    assert x1 - x0 == pytest.approx(y1 - y0)
    # A line of numbers for each step, below a head: the path's own, to three digits.
    points = ov.minimize(name, ov.Adam(lr=lr), steps=8).points
    _, *rows = [t.get_text() for t in figure.texts if t.get_fontfamily() == ["monospace"]]
    assert len(rows) == len(points) - 1
    for k, row in enumerate(rows):
        step, *numbers = re.findall(r"[−\d.e+]+|–", row)
        assert int(step) == k + 1
        # Without a gradient nothing can be told of a rate.
        told = np.array([
            np.nan if n == "–" else float(n.replace("−", "-")) for n in numbers
        ]).reshape(4, 2)  # fmt: skip
        slope = ov.function(name).gradient(*points[k])
        np.testing.assert_allclose(told[0], slope, rtol=6e-3)
        moved = points[k + 1] - points[k]
        np.testing.assert_allclose(told[1] + told[2], moved, atol=0.006 * np.nanmax(np.abs(told)))
        # The rest of the step is what the gradient did, at the rate that stands there.
        np.testing.assert_array_equal(np.isnan(told[3]), slope == 0)
        by_rate = np.where(slope == 0, 0, -told[3] * told[0])
        np.testing.assert_allclose(told[2], by_rate, rtol=2e-2, atol=1e-12)
    # A dot where each step begins, and all of it in the picture as far as the function goes.
    dots = [tuple(line.get_xydata()[0]) for line in map_.lines if len(line.get_xydata()) == 1]
    assert {tuple(p) for p in points[:-1]} <= set(dots)
    (bx0, bx1), (by0, by1) = ov.function(name).bounds
    for x, y in points[:-1]:
        if bx0 <= x <= bx1 and by0 <= y <= by1:
            assert x0 < x < x1
            assert y0 < y < y1


def test_too_many_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be a whole number from 1 to 60, not 61"):
        ov.explain("bowl", ov.SGD(), steps=61)


def test_noise_without_a_seed_is_the_same_in_path_and_parts() -> None:
    e = ov.explain("bowl", ov.SGD(lr=0.3), steps=5, noise=1.0)
    np.testing.assert_allclose(e.rates, 0.3)
