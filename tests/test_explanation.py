"""What a rule did, read off its kernel."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.render.explain import PARTS
from optviz.render.steps import rows_of
from optviz.runs.narration import narrate
from optviz.shared.text import rounded
from tests.catalogue import PLACED
from tests.pictures import clashes, part_of, words_of
from tests.test_optimizers import Tug


@pytest.mark.parametrize("name", list(PLACED))
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
    # One scale in both directions: angles are true.
    frame = map_.get_window_extent()
    assert (x1 - x0) / (y1 - y0) == pytest.approx(frame.width / frame.height)
    # A row for each step: its number, its sentence, and f after it.
    points = ov.minimize(name, ov.Adam(lr=lr), steps=8).points
    told = narrate(e)
    words = [t.get_text().replace("\n", " ") for t in part_of(figure, "steps").texts]
    assert [w for w in words if w in {str(k) for k in range(1, 9)}][: len(points) - 1]
    values = ov.function(name)(*points.T)
    for k, step in enumerate(told):
        assert step.text in words
        value = rounded(float(values[k + 1])) + (" ↑" if values[k + 1] > values[k] else "")
        assert value in words
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


# -- in words -------------------------------------------------------------------------------


def degrees(a: np.ndarray, b: np.ndarray) -> float:
    """By complex numbers, the sign as the map shows it: positive to the left."""
    return float(np.degrees(np.angle(complex(*b) / complex(*a))))


def parts_by_update(make, chosen, e):
    """Each step as (x, g, carried, fresh): by the optimizer's own loop, along the same points."""
    t = e.trajectory
    noises = np.random.default_rng(4).normal(0, t.noise, (t.steps, 2)) if t.noise else [0.0] * 99
    optimizer, here = make(**chosen), {"x": np.zeros(2)}
    for k, x in enumerate(t.points[:-1]):
        # Put back on the path: a chaotic one would take the last bits far away.
        here["x"][:], g = x, t.function.gradient(*x) + noises[k]
        coasting, other = {"x": x.copy()}, make(**chosen)
        other.load_state_dict(optimizer.state_dict())
        with np.errstate(all="ignore"):
            other.update(coasting, {"x": np.zeros(2)})
            carried = np.nan_to_num(coasting["x"] - x)
            optimizer.update(here, {"x": g})
        np.testing.assert_allclose(here["x"], t.points[k + 1], rtol=1e-9, atol=1e-9)
        yield x, g, carried, here["x"] - x - carried


SLACK = 1e-6


def check_where(words: str, f, x, g) -> None:
    """Across or along: by second differences of f on a turn around the point."""
    turns = np.radians(np.arange(0.0, 180.0, 0.5))
    h = 1e-4 * max(1.0, np.abs(x).max())
    around = np.array([np.cos(turns), np.sin(turns)])
    ahead, behind = (f(*(x[:, None] + s * h * around)) for s in (1, -1))
    bends = (ahead - 2 * f(*x) + behind) / h**2
    across = around[:, int(np.argmax(bends))]
    off = abs(degrees(across, g))
    off = min(off, 180 - off)
    assert bends.max() > 3.9 * abs(bends.min())
    assert off <= 21 if "steep side" in words else off >= 69


def check_how(words: str, g, carried, fresh) -> None:
    a, b, step = np.hypot(*carried), np.hypot(*fresh), carried + fresh
    if "does not move" in words:
        assert a == b == 0
    elif words.startswith("straight"):
        assert a <= 1e-6 * b * (1 + SLACK)
        assert abs(degrees(-g, fresh)) <= 1 + SLACK
    elif "alone" in words:
        assert b <= 1e-6 * a * (1 + SLACK)
    elif turned := re.search(r"turned (\d+)° from downhill towards (.), which has ([\d.e+]+) "
                             r"times (.)'s rate", words):  # fmt: skip
        assert a <= 1e-6 * b * (1 + SLACK)
        assert abs(abs(degrees(-g, fresh)) - int(turned[1])) <= 0.5 + SLACK
        one, other = ("xy".index(turned[k]) for k in (2, 4))
        rates = -fresh / g
        assert rates[one] / rates[other] == pytest.approx(float(turned[3]), rel=0.06)
        assert abs(fresh[one] / fresh[other]) > abs(g[one] / g[other])
    elif turned := re.search(r"the step is turned (\d+)° from −", words):
        assert abs(abs(degrees(-g, fresh)) - int(turned[1])) <= 0.5 + SLACK
    elif "adds to it" in words:
        assert abs(degrees(carried, fresh)) <= 30 + SLACK
    elif "brakes" in words:
        assert abs(degrees(carried, fresh)) >= 150 - SLACK
        assert b < a
        assert step @ carried > 0
    elif "turns it back" in words:
        assert abs(degrees(carried, fresh)) >= 150 - SLACK
        assert b >= a
    else:
        turned = re.search(r"turns it (less than 1|\d+)° to the (left|right)", words)
        assert turned, words
        angle = degrees(carried, step)
        assert (angle > 0) == (turned[2] == "left")
        if turned[1].isdigit():
            assert abs(abs(angle) - int(turned[1])) <= 0.5 + SLACK
        else:
            assert abs(angle) < 0.5 + SLACK


def check_ending(words: str, f, x, new) -> None:
    """By the values along the line from x to the new point."""
    line = f(*(x[:, None] + (new - x)[:, None] * np.linspace(0, 1, 4001)))
    start, end = line[0], line[-1]
    tiny = 1e-12 * np.abs(line).max()
    slopes, step = f.gradient(*np.array([x, new]).T), new - x
    lengths = np.hypot(*slopes), np.hypot(*step)
    begins, ends = (step / max(lengths[1], 1e-300)) @ (slopes / np.maximum(lengths[0], 1e-300))
    is_level = lengths[1] < 1e-4 or abs(begins) <= 0.02 or abs(ends) <= 1e-3
    if "over a rise" in words:
        assert line.max() >= max(start, end) - tiny
        assert abs(end - start) <= tiny
    elif "lower place" in words:
        assert line.max() >= start - tiny
        assert end <= start
    elif "uphill" in words:
        assert end > start
        assert line[1] >= start - tiny
    elif "ridge" not in words:
        # Just before its end it still falls, or rises again.
        rise = end - f(*(x + (1 - 1e-5) * (new - x)))
        assert rise > -tiny if "dip" in words else rise < tiny or is_level
    if "dip" in words:
        assert line.min() <= min(start, end) + tiny
        assert (end - start > tiny) == ("f rises" in words or "ridge" in words)
        if "ridge" in words:
            assert line.max() >= end - tiny


@pytest.mark.parametrize("name", list(PLACED))
@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    st.sampled_from(["bowl", "rosenbrock", "beale", "himmelblau", "saddle", "rastrigin"]),
    st.floats(-4, 0.5), st.sampled_from([0.0, 0.0, 0.3]),
    st.fixed_dictionaries({}, optional={
        "momentum": st.floats(0, 0.95), "beta1": st.floats(0, 0.95), "decay": st.floats(0.1, 0.99),
        "weight_decay": st.floats(0, 0.5),
    }),
)  # fmt: skip
def test_what_each_sentence_says_is_true(name, where, power, noise, own) -> None:
    make, f = ov.optimizers[name], ov.function(where)
    known = make.hyperparameters()
    chosen = {"lr": 10.0**power, **{k: v for k, v in own.items() if k in known}}
    e = ov.explain(f, make(**chosen), steps=12, noise=noise, rng=4)
    told = narrate(e)
    steps = parts_by_update(make, chosen, e)
    for k, (t, (x, g, carried, fresh)) in enumerate(zip(told, steps, strict=True)):
        sentence = t.text.removesuffix(".").replace(t.text[0], t.text[0].lower(), 1)
        if noise:
            assert "−∇f" not in sentence
        _, _, rest = sentence.rpartition("; ")
        if "valley" in sentence or "steep side" in sentence:
            check_where(sentence, f, x, g)
        check_how(rest, g, carried, fresh)
        check_ending(rest, f, x, e.trajectory.points[k + 1])
        both = np.hypot(*carried), np.hypot(*fresh)
        if sum(both):
            assert t.share == pytest.approx(both[0] / sum(both), rel=1e-6, abs=1e-12)
        if "omentum" in rest:
            assert k > 0
            assert chosen.get("momentum", chosen.get("beta1", 1)) > 0
        if "decay" in rest:
            assert chosen.get("weight_decay", known.get("weight_decay", 0)) > 0


def test_only_minima_inside_the_map_are_marked() -> None:
    e = ov.explain("himmelblau", ov.Nadam(lr=0.95), steps=6)
    map_ = part_of(ov.plot(e), "map")
    (x0, x1), (y0, y1) = map_.get_xlim(), map_.get_ylim()
    stars = [line.get_xydata() for line in map_.lines if line.get_marker() == "*"]
    inside = [m for m in e.trajectory.function.minima if x0 <= m[0] <= x1 and y0 <= m[1] <= y1]
    assert 0 < len(inside) < 4
    np.testing.assert_array_equal(np.concatenate(stars), inside)


def test_the_lesson_of_momentum_on_the_bowl() -> None:
    told = narrate(ov.explain("bowl", ov.Momentum(lr=0.1), steps=12))
    assert told[0].text == "Straight down the steep side."
    assert told[1].text == (
        "−∇f points down the steep side; momentum carries it on, the gradient adds to it."
    )
    assert told[4].text == "Momentum carries it on, the gradient turns it 9° to the left, uphill."


@pytest.mark.parametrize("level", [0, 1, 2])
def test_rows_share_what_steps_have_in_common(level: int) -> None:
    told = narrate(ov.explain("bowl", ov.Adam(lr=0.5), steps=40))
    rows = rows_of(told, level)
    assert [k for row in rows for k in range(row.first, row.last + 1)] == list(range(40))
    for row in rows:
        said = {(t.text, t.kind, t.outline)[level] for t in told[row.first : row.last + 1]}
        assert len(said) == 1
        assert row.text == (said.pop() if row.last > row.first else told[row.first].text)


def test_columns_that_would_tell_nothing_are_left_out() -> None:
    for optimizer, has in ((ov.SGD(lr=0.3), ()), (ov.Momentum(lr=0.1), ("carried over",)),
                           (ov.AdaGrad(lr=1.5), ("rates x : y",))):  # fmt: skip
        figure = ov.plot(ov.explain("bowl", optimizer, steps=5))
        words = [t.get_text() for t in part_of(figure, "steps").texts]
        for head in ("carried over", "rates x : y"):
            assert (head in words) == (head in has)


@pytest.mark.parametrize(
    ("steps", "size"),
    [(1, None), (20, None), (60, (800, 600)), (12, (720, 900))],
)
def test_every_step_has_its_row_or_the_picture_says_so(steps, size) -> None:
    e = ov.explain("rosenbrock", ov.Momentum(lr=0.0006), steps=steps)
    figure = ov.plot(e) if size is None else ov.plot(e, size=size)
    assert clashes(figure) == []
    words = [t.get_text() for t in part_of(figure, "steps").texts]
    last = max(int(w.rpartition("–")[2]) for w in words if re.fullmatch(r"(\d+–)?\d+", w))
    missing = re.search(r"no room for steps from (\d+) on", words_of(figure).replace("\n", " "))
    assert last == (int(missing[1]) - 1 if missing else steps)
    # Nothing hangs over the foot or the edge of the rows.
    axes = part_of(figure, "steps")
    frame = axes.get_window_extent()
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.y0 >= frame.y0 - 2
        assert box.x1 <= frame.x1 + 2
