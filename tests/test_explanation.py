"""What a rule did, read off its kernel."""

from __future__ import annotations

import numpy as np
import pytest

import optviz as ov
from optviz.render.explain import PARTS, ExplainFilm, explain_figure
from tests.test_optimizers import Tug


@pytest.mark.parametrize("name", list(ov.optimizers))
def test_the_parts_add_up_to_the_step(name: str) -> None:
    e = ov.explain("bowl", ov.optimizers[name](lr=0.1), steps=10, noise=0.01, rng=2)
    t = ov.minimize("bowl", ov.optimizers[name](lr=0.1), steps=10, noise=0.01, rng=2)
    np.testing.assert_array_equal(e.trajectory.points, t.points)
    np.testing.assert_allclose(t.points[:-1] + e.carried + e.fresh, t.points[1:], atol=1e-14)
    assert e.states.shape == (11, len(e.slots), 2)
    assert np.isfinite(e.carried).all()


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
    words = " ".join(text.get_text() for text in explain_figure(e).texts)
    assert "a rule of your own" in words
    assert "carried over" in words


def test_the_film_shows_each_part_of_each_step() -> None:
    film = ExplainFilm(ov.explain("bowl", ov.Adam(lr=0.5), steps=3), size=(640, 400))
    frames = [frame.copy() for frame in film.frames()]
    assert len(frames) == len(film) == 3 * len(PARTS)
    assert all(not np.array_equal(a, b) for a, b in zip(frames[1:], frames, strict=False))


@pytest.mark.parametrize("name", ["easom", "rosenbrock", "eggholder", "saddle"])
@pytest.mark.parametrize("lr", [0.01, 50.0])
def test_any_path_can_be_drawn(name: str, lr: float) -> None:
    explain_figure(ov.explain(name, ov.Adam(lr=lr), steps=8)).canvas.draw()


def test_too_many_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 60 steps"):
        ov.explain("bowl", ov.SGD(), steps=61)


def test_noise_without_a_seed_is_the_same_in_path_and_parts() -> None:
    e = ov.explain("bowl", ov.SGD(lr=0.3), steps=5, noise=1.0)
    np.testing.assert_allclose(e.rates, 0.3)
