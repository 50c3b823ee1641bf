"""Basins of attraction, the stationary points in them, and their picture."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import optviz as ov
from optviz.compiled import jit
from optviz.functions.stationary import StationaryPoints, stationary_points
from optviz.render.theme import theme_of
from optviz.runs.basins import ELSEWHERE, LOST, OUTSIDE, UNFINISHED, WITHOUT, axes_of
from tests.pictures import clashes, words_of

FIVE = ["sgd:lr=0.01", "momentum:lr=0.005", "nesterov:lr=0.005", "adam:lr=0.1",
        "rmsprop:lr=0.05,decay=0.9,convention=torch"]  # fmt: skip
needs_jit = pytest.mark.skipif(jit.jit_disabled(), reason="too slow without a compiler")


# -- stationary points ----------------------------------------------------------------------

#: Himmelblau (1972), as tabulated to six places; the maximum (−0.270845, −0.923039) is neither.
KNOWN = {
    "himmelblau": (
        [(3, 2), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)],
        [(-0.127961, -1.953715), (-3.073026, -0.081353), (3.385154, 0.073852),
         (0.086678, 2.884255)],
    ),
    "three-hump-camel": (
        [(0, 0), (1.747552, -0.873776), (-1.747552, 0.873776)],
        [(1.070542, -0.535271), (-1.070542, 0.535271)],
    ),
    # Dixon and Szegő (1978): two global minima, four local ones.
    "six-hump-camel": (
        [(0.089842, -0.712656), (-0.089842, 0.712656), (1.703607, -0.796084),
         (-1.703607, 0.796084), (1.607105, 0.568651), (-1.607105, -0.568651)],
        [(0, 0), (1.109205, -0.768268), (-1.109205, 0.768268), (1.296070, 0.605084),
         (-1.296070, -0.605084), (1.638068, 0.228674), (-1.638068, -0.228674)],
    ),
    "bowl": ([(0, 0)], []),
    "saddle": ([], [(0, 0)]),
    # Their minima are kinks, or lie on the edge.
    "bukin6": ([(-10, 1)], []),
    "x + y": ([], []),
}  # fmt: skip


def as_set(points) -> set[tuple[float, float]]:
    return {(round(float(x), 5) + 0.0, round(float(y), 5) + 0.0) for x, y in points}


@pytest.mark.parametrize("name", list(KNOWN))
def test_stationary_points_are_those_of_the_literature(name: str) -> None:
    f = ov.function(name)
    found = stationary_points(f)
    for got, known in zip((found.minima, found.saddles), KNOWN[name], strict=True):
        assert got.shape == (len(known), 2)
        for point in known:
            assert np.hypot(*(got - point).T).min() < 2e-6
    if name != "bukin6":
        for points in (found.minima, found.saddles):
            assert (np.hypot(*f.gradient(*points.T)) < 1e-8).all()
    np.testing.assert_array_equal(found.minima[: len(f.minima)], f.minima)
    assert (np.diff(f(*found.minima[len(f.minima) :].T)) >= 0).all()


@pytest.mark.parametrize("name", ["rastrigin", "styblinski-tang", "branin", "griewank"])
def test_stationary_points_have_no_gradient_and_are_what_they_are_called(name: str) -> None:
    f = ov.function(name)
    found = stationary_points(f)
    (x0, x1), (y0, y1) = f.bounds
    for points, sign in ((found.minima, 1), (found.saddles, -1)):
        assert len(points) >= 2
        # The scale of rounding: Branin's third minimum is known to so many digits only.
        assert (np.hypot(*f.gradient(*points.T)) < 1e-8 * (x1 - x0)).all()
        low, high = np.linalg.eigvalsh(np.moveaxis(f.hessian(*points.T), 2, 0)).T
        assert (high > 0).all()
        assert (sign * low > 0).all()
        assert ((points >= [x0, y0]) & (points <= [x1, y1])).all()


# -- the map --------------------------------------------------------------------------------


def test_each_pixel_is_a_run_of_minimize() -> None:
    b = ov.basins("himmelblau", ["sgd:lr=0.02", "adam:lr=0.3"], size=(12, 9), steps=60, tol=1e-3)
    x = -5 + (np.arange(12) + 0.5) * 10 / 12
    y = -5 + (np.arange(9) + 0.5) * 10 / 9
    assert b.reached.shape == b.steps_taken.shape == (2, 9, 12)
    f, minima = ov.function("himmelblau"), ov.function("himmelblau").minima
    for k, s in enumerate(b.sweeps):
        for row, column in [(0, 0), (8, 11), (4, 7), (2, 10), (6, 3), (8, 0)]:
            t = ov.minimize(f, s.optimizer, start=(x[column], y[row]), steps=60, tol=1e-3)
            if t.diverged_at is not None:
                assert b.reached[k, row, column] == LOST
                continue
            assert b.steps_taken[k, row, column] == (t.converged_at or 60)
            away = np.hypot(*(minima - t.points[-1]).T)
            expected = int(away.argmin()) if away.min() < 0.01 * np.hypot(10, 10) else UNFINISHED
            assert b.reached[k, row, column] == expected


@needs_jit
def test_shares_are_counts_and_sum_to_1() -> None:
    b = ov.basins("six-hump-camel", [*FIVE, "sgd:lr=0.05"], size=(60, 40), steps=150)
    shares = b.shares()
    assert shares.shape == (6, 6 + 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    for k, reached in enumerate(b.reached):
        for index in range(6):
            assert shares[k, index] == (reached == index).mean()
        for column, kind in zip(range(-4, 0), WITHOUT, strict=True):
            assert shares[k, column] == (reached == kind).mean()
    assert shares[5, -1] > 0.1
    # Local minima catch runs too.
    assert (shares[0, 2:6] > 0.05).all()


@needs_jit
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("griewank", "momentum:lr=1"), ("ackley", "sgd:lr=0.05"), ("schwefel", "sgd:lr=2"),
     ("levy13", "momentum:lr=0.001"), ("saddle", "sgd:lr=0.1"), ("six-hump-camel", "sgd:lr=0.02"),
     ("x**4 - y**2 + y**4", "sgd:lr=0.1")],
)  # fmt: skip
def test_what_became_of_each_start(name: str, optimizer: str) -> None:
    """By plain loops: converged or not, inside or outside, and whether f is higher all round."""
    b = ov.basins(name, optimizer, size=(40, 40), steps=2000)
    f, s = b.function, b.sweeps[0]
    (x0, x1), (y0, y1) = f.bounds
    diagonal = np.hypot(x1 - x0, y1 - y0)
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    seen = set()
    for run, kind in enumerate(b.reached.ravel().tolist()):
        x, y = s.final[run]
        seen.add(min(kind, 0))
        if s.diverged[run]:
            assert kind == LOST
        elif not s.converged[run]:
            assert kind in (UNFINISHED, *range(len(b.minima)))
        elif not (x0 <= x <= x1 and y0 <= y <= y1):
            assert kind == OUTSIDE or np.hypot(*(b.minima[kind] - (x, y))) < 0.01 * diagonal
        else:
            r = 1e-3 * diagonal
            is_minimum = (f(x + r * np.cos(angles), y + r * np.sin(angles)) > f(x, y)).all()
            assert (kind >= 0) == is_minimum or kind == ELSEWHERE
            if kind >= 0:
                assert np.hypot(*(b.minima[kind] - (x, y))) < 1e-3 * diagonal
    assert UNFINISHED not in seen or not s.converged.all()
    expected = {"griewank": OUTSIDE, "saddle": None}.get(name, 0)
    assert expected is None or expected in seen


@needs_jit
def test_minima_that_runs_find_are_listed() -> None:
    """Of a Python function the list may miss some: what runs converge to is added."""

    def ripples(x, y):
        return np.sin(9 * x) ** 2 + 3 * np.sin(9 * y) ** 2 + (x * x + y * y) / 50

    f = ov.function(ripples, bounds=((-1, 1), (-1, 1)))
    b = ov.basins(f, "sgd:lr=0.004", size=(12, 12), steps=1500, tol=1e-5)
    assert not b.stationary.is_complete
    ends = b.sweeps[0].final[b.sweeps[0].converged]
    ends = ends[(np.abs(ends) <= 1).all(axis=1)]
    assert len(ends) > 30
    # As if the search had found one of them only.
    short = StationaryPoints(b.stationary.minima[:1], np.zeros((0, 2)), False)
    for b in (b, dataclasses.replace(b, stationary=short)):  # noqa: B020
        for end in ends:
            assert np.hypot(*(b.minima - end).T).min() < 1e-2
        assert (b.reached[0][b.sweeps[0].converged.reshape(12, 12)] != ELSEWHERE).all()
    assert len(b.found) > 4
    assert "there may be more minima and saddles" in words_of(ov.plot(b))


@needs_jit
def test_a_symmetric_function_has_symmetric_basins() -> None:
    b = ov.basins("six-hump-camel", "sgd:lr=0.01", size=(80, 60))
    opposite = {UNFINISHED: UNFINISHED, LOST: LOST}
    minima = b.stationary.minima
    for k, point in enumerate(minima):
        opposite[k] = int(np.hypot(*(minima + point).T).argmin())
    turned = np.vectorize(opposite.get)(b.reached[0, ::-1, ::-1])
    np.testing.assert_array_equal(turned, b.reached[0])
    mirrored = ov.basins("(x**2 - 1)**2 + y**2", "adam:lr=0.05", size=(50, 30))
    left, right = (mirrored.stationary.minima[:, 0].argsort()).tolist()
    assert (mirrored.reached[0, :, :25] == left).all()
    assert (mirrored.reached[0, :, 25:] == right).all()


@needs_jit
@pytest.mark.parametrize("name", ["himmelblau", "six-hump-camel", "styblinski-tang", "branin"])
def test_with_small_steps_each_minimum_lies_in_its_own_basin(name: str) -> None:
    b = ov.basins(name, "sgd:lr=0.002", size=(200, 200), steps=20000, tol=1e-4)
    (x0, x1), (y0, y1) = b.function.bounds
    for k, (x, y) in enumerate(b.stationary.minima):
        column, row = int(200 * (x - x0) / (x1 - x0)), int(200 * (y - y0) / (y1 - y0))
        assert b.reached[0, row, column] == k


def test_text_without_a_rate_is_tuned_and_says_so() -> None:
    b = ov.basins("bowl", ["adam", "sgd:lr=0.1", ov.Momentum(lr=0.2)], size=(4, 3), steps=30)
    assert b.remarks == ("best of 61", "", "")
    assert b.sweeps[0].optimizer.lr == ov.tune("bowl", ov.Adam(), steps=30).best.lr


def test_the_usual_size_follows_the_bounds() -> None:
    x, y = axes_of(ov.function("bowl"), None)
    assert (x.count, y.count) == (800, 500)
    assert (x.low, x.high, y.low, y.high) == (-8, 8, -5, 5)


def test_noise_and_progress() -> None:
    seen: list[tuple[int, int]] = []
    a, b, c = (
        ov.basins("himmelblau", ["sgd:lr=0.01", "adam:lr=0.1"], size=(6, 6), steps=20, noise=5,
                  rng=seed, progress=lambda *done: seen.append(done))
        for seed in (1, 1, 2)
    )  # fmt: skip
    np.testing.assert_array_equal(a.sweeps[0].final, b.sweeps[0].final)
    assert not np.array_equal(a.sweeps[0].final, c.sweeps[0].final)
    assert seen == [(36, 72), (72, 72)] * 3


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"optimizers": []}, "at least one optimizer"),
        ({"optimizers": ["adm"]}, "did you mean 'adam'"),
        ({"f": "himelblau"}, "did you mean 'himmelblau'"),
        ({"size": (0, 5)}, "x takes from 2 to 100,000 values, not 0"),
        ({"size": (5, 1)}, "y takes from 2"),
        ({"size": (5.5, 3)}, r"size must be WIDTHxHEIGHT in pixels.*not \(5\.5, 3\)"),
        ({"size": 5}, "size must be WIDTHxHEIGHT in pixels.*not 5"),
        ({"size": (100_000, 100_000)}, "runs take .* at most"),
        ({"steps": 0}, "steps must be"),
        ({"tol": -1}, "tol must be"),
        ({"noise": -1}, "noise must be"),
        ({"rng": "abc"}, "rng must be"),
    ],
)
def test_refusals(kwargs, says: str) -> None:
    given = {"f": "bowl", "optimizers": "sgd:lr=0.1", "size": (4, 4), **kwargs}
    with pytest.raises(ValueError, match=says):
        ov.basins(**given)


# -- the picture ----------------------------------------------------------------------------


def shares_in(figure) -> list[tuple[float, str]]:
    """The shares as they are written, with the names beside them."""
    found = []
    for text in figure.texts:
        if match := re.fullmatch(r" *([\d.]+ %|–) +(.*)", text.get_text()):
            share = match[1]
            found.append((0.0 if share == "–" else float(share[:-2]), match[2]))
    return found


@needs_jit
def test_the_picture_says_what_it_shows() -> None:
    specs = ["adam:lr=0.1", "sgd:lr=0.05"]
    b = ov.basins("three-hump-camel", specs, size=(60, 60), steps=60)
    figure = ov.plot(b)
    first, second, bar = figure.axes
    assert [a.get_title(loc="left") for a in (first, second)] == ["Adam  lr = 0.1",
                                                                  "SGD  lr = 0.05"]  # fmt: skip
    assert (first.get_xlabel(), first.get_ylabel()) == ("x", "y")
    assert first.get_xlim() == second.get_xlim() == (-5, 5)
    assert bar.texts[0].get_text() == "steps"
    written = shares_in(figure)
    assert [name for _, name in written[:2]] == ["(0, 0)", "(−1.75, 0.874)  local"]
    half = len(written) // 2
    for part, shares in ((written[:half], b.shares()[0]), (written[half:], b.shares()[1])):
        assert sum(share for share, _ in part) == pytest.approx(100, abs=0.3)
        assert part[0][0] == pytest.approx(100 * shares[0], abs=0.051)
        assert {name: share for share, name in part}["diverged"] == pytest.approx(
            100 * shares[-1], abs=0.051)  # fmt: skip
    words = words_of(figure)
    for said in ("Adam and SGD on Three-hump camel: where each start goes", "60 × 60",
                 "at most 60 steps", "done when ‖∇f‖ ≤ 1e-06", "○ local minimum"):  # fmt: skip
        assert said in words


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_pixels_have_the_hue_of_what_was_reached(theme: str) -> None:
    b = ov.basins("himmelblau", "momentum:lr=0.02", size=(60, 40), steps=70, tol=0.05)
    figure = ov.plot(b, theme=theme)
    (image,) = figure.axes[0].images
    pixels, reached = np.asarray(image.get_array()) / 255, b.reached[0]
    assert pixels.shape == (40, 60, 3)
    assert image.origin == "lower"
    assert image.get_extent() == [-5, 5, -5, 5]
    assert {UNFINISHED, LOST, 0} <= set(reached.ravel().tolist())
    faint = to_rgb(theme_of(theme).faint)
    unfinished = pixels[reached == UNFINISHED]
    np.testing.assert_allclose(unfinished, np.tile(faint, (len(unfinished), 1)), atol=0.003)
    assert len(np.unique(pixels[reached == LOST], axis=0)) == 1
    for k, color in enumerate(("#0072B2", "#E69F00", "#009E73", "#CC79A7")):
        hue = np.array(to_rgb(color))
        # The quicker the lighter, and no colour of another minimum.
        mine, taken = pixels[reached == k], b.steps_taken[0][reached == k]
        for pixel in mine:
            assert (pixel.argmax(), pixel.argmin()) == (hue.argmax(), hue.argmin())
        light = mine.sum(axis=1)[np.argsort(taken, kind="stable")]
        assert (np.diff(light) <= 1e-9).all()


@needs_jit
@pytest.mark.parametrize(
    ("size", "count", "theme"),
    [
        *((size, 1, "light") for size in ((60, 60), (200, 50), (50, 200))),
        *((size, 5, "print") for size in ((60, 60), (200, 50), (50, 200))),
        ((60, 60), 2, "dark"),
        ((1000, 1000), 2, "dark"),
    ],
)
def test_nothing_overlaps_or_leaves_the_page(size, count: int, theme: str) -> None:
    b = ov.basins("six-hump-camel", FIVE[:count], size=size, steps=30)
    assert clashes(ov.plot(b, theme=theme)) == []


@pytest.mark.parametrize("f", ["rastrigin", "eggholder", "saddle", "x + y", "log(x) + y**2"])
def test_awkward_functions_make_pictures(f: str) -> None:
    b = ov.basins(f, "sgd:lr=0.01", size=(20, 16), steps=30)
    figure = ov.plot(b)
    assert clashes(figure) == []
    assert sum(share for share, _ in shares_in(figure)) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("size", [(60, 60), (200, 50), (50, 200), (100, 75)])
def test_no_choice_is_left_out_of_the_small_print(size) -> None:
    b = ov.basins("x**2/3 + y**4", "adam", size=size, steps=20, noise=0.1)
    words = " ".join(ov.plot(b).texts[-1].get_text().split())
    assert words.startswith("each pixel a start")
    assert "gradient noise σ = 0.1, seed 0" in words
    assert words.endswith("f* = 0 found numerically")


def test_another_size_is_refused() -> None:
    b = ov.basins("bowl", "sgd:lr=0.1", size=(8, 6), steps=5)
    with pytest.raises(ValueError, match="these basins have 8x6 starts"):
        ov.plot(b, size=(800, 600))
    assert ov.plot(b, size=(8, 6)).axes


@pytest.mark.parametrize(("count", "rows"), [(3, [3]), (4, [2, 2]), (5, [3, 2])])
def test_a_last_row_of_maps_stands_in_the_middle(count: int, rows: list[int]) -> None:
    optimizers = [f"sgd:lr=0.0{k}" for k in range(1, count + 1)]
    figure = ov.plot(ov.basins("bowl", optimizers, size=(8, 6), steps=5))
    boxes = [axes.get_position() for axes in figure.axes if axes.get_label() == "map"]
    tops = sorted({round(box.y1, 3) for box in boxes}, reverse=True)
    lines = [[box for box in boxes if round(box.y1, 3) == top] for top in tops]
    assert [len(line) for line in lines] == rows
    middles = [(line[0].x0 + line[-1].x1) / 2 for line in lines]
    assert middles == pytest.approx([middles[0]] * len(rows), abs=2e-3)
    assert clashes(figure) == []
