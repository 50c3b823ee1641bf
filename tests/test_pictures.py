"""What stands in a picture is read back and computed from the raw result by another way."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import optviz as ov
from optviz.render import theme
from optviz.runs.narration import narrate
from optviz.runs.trajectory import Trajectory
from optviz.shared.text import labels
from tests.pictures import legend_of, part_of, parts_of, words_of

#: What fails is told as it is: to make it small hundreds of pictures would be drawn.
UNSHRUNK = (Phase.explicit, Phase.generate)
#: Every kind of landscape: narrow, flat, with several minima, without any, far from zero.
FUNCTIONS = ("bowl", "beale", "rosenbrock", "himmelblau", "saddle", "x**4/40 + y**2 + x*y/9 + 1000")
NUMBER = re.compile(r"−?[\d.]+(e[−\d]+)?( ↑)?")
RATES = {"sgd": 0.01, "momentum": 0.002, "adagrad": 0.4, "rmsprop": 0.05, "adam": 0.1, "lion": 0.03}


def told(text: str) -> tuple[float, float]:
    """The number in a label, and half a unit of its last digit."""
    mantissa, _, power = text.replace("−", "-").replace(",", "").partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa) * 10 ** int(power or 0), 0.5 * 10.0 ** (int(power or 0) - decimals)


def says(text: str, value: float) -> bool:
    """Whether a number for reading is that value, as exactly as it says."""
    number, half = told(text)
    return abs(number - value) <= half * (1 + 1e-6) + 1e-12 * abs(value)


def color_of(name: str) -> str:
    return theme.THEMES["light"].optimizers[name]


# -- numbers of an axis ---------------------------------------------------------------------

REAL = st.floats(-1e12, 1e12, allow_subnormal=False)
NEAR = st.tuples(REAL, st.floats(1e-9, 1e3), st.lists(st.floats(0, 10), max_size=8)).map(
    lambda t: [t[0] + t[1] * share for share in t[2]]
)


@given(st.one_of(st.lists(REAL, max_size=10), NEAR))
@example([7, 7.3, 7.5, 7.8])
@example([1.0, 1.0 + 2**-52, 1.0 + 2**-51])
@example([0.0, -0.0, 1e-300, -1e300])
def test_labels_are_the_numbers_and_differ_where_they_do(values: list[float]) -> None:
    texts = labels(values)
    assert len(texts) == len(values)
    for text, value in zip(texts, values, strict=True):
        number, half = told(text)
        assert abs(number - value) <= half * (1 + 1e-9) + 4e-16 * abs(value)
    assert len(set(texts)) == len(set(values))


# -- the ground and its bar -----------------------------------------------------------------


#: Of every kind one; all others are among the slow ones.
QUICK = ("bowl", "beale", "himmelblau", "eggholder")


@pytest.mark.parametrize(
    "f", [*(pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
            for name in ov.functions),
          "x + y", "1000000 + x**2 + y**2", "1e-9*(x**2 + y**2)", "7 + x**2/99"]
)  # fmt: skip
def test_the_bar_tells_the_value_of_every_shade(f: str) -> None:
    """From a pixel to its shade on the bar, to the numbers beside it, to f at the pixel."""
    figure = ov.plot([], on=f, size=(900, 620))
    figure.canvas.draw()
    map_, bar, g = part_of(figure, "map"), part_of(figure, "bar"), ov.function(f)
    texts = [tick.get_text() for tick in bar.get_yticklabels()]
    places, numbers = bar.get_yticks(), [told(text) for text in texts]
    assert len(set(texts)) == len(texts) >= 3
    name = bar.texts[0].get_text()
    assert ("log" in name) == (g.minimum is not None)
    base = 0.0 if name.startswith("f,") else float(g.minimum or 0.0)
    shades = np.round(255 * bar.images[0].get_array()[:, 0, :3]).astype(int)
    pixels = np.array(figure.canvas.buffer_rgba())[..., :3].astype(int)
    rng, seen, right = np.random.default_rng(0), 0, 0
    for _ in range(1500):
        x, y = (rng.uniform(low, high) for low, high in g.bounds)
        across, up = map_.transData.transform((x, y))
        column, row = int(across), len(pixels) - 1 - int(up)
        around = pixels[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
        shade = np.flatnonzero((np.abs(shades - around[0]) <= 0).all(axis=1))
        if np.any(around != around[0]) or len(shade) != 1:
            continue  # an isoline, a star, or below the first level
        above = int(np.searchsorted(places, shade[0], side="right"))
        (low, half), (high, more) = numbers[above - 1], numbers[min(above, len(numbers) - 1)]
        seen += 1
        value = float(g(x, y)) - base
        right += low - half <= value <= high + more or above == len(numbers)
    assert seen > 50
    assert right >= 0.98 * seen
    # Neighbouring shades are told apart, so a bar that is shifted by one is seen.
    assert len(np.unique(shades, axis=0)) == len(shades)


@pytest.mark.parametrize("f", ["beale", "saddle", "goldstein-price", "eggholder"])
def test_fills_isolines_and_bar_have_the_same_levels(f: str) -> None:
    figure = ov.plot([], on=f)
    filled, lines = part_of(figure, "map").collections[:2]
    bar = part_of(figure, "bar")
    rows = bar.images[0].get_array()[:, 0]
    # Below the first number there is one shade more; the last line is the edge of the picture.
    np.testing.assert_allclose(filled.levels[1:-1], lines.levels)
    np.testing.assert_allclose(filled.get_facecolor()[1:], rows)
    assert bar.get_ylim() == (0, len(rows))
    for tick in bar.yaxis.get_major_ticks():
        assert says(tick.label2.get_text(), filled.levels[1:][round(tick.get_loc())])


def test_the_bar_of_steps_has_whole_distinct_steps() -> None:
    # One step from everywhere; 1 to 3; hundreds.
    for f, entry in (("sphere", "sgd:lr=0.5"), ("sphere", "sgd:lr=0.4999"), ("bowl", "sgd:lr=0.3")):
        bar = part_of(ov.plot(ov.basins(f, entry, size=(24, 24))), "bar")
        texts = [tick.get_text() for tick in bar.get_yticklabels()]
        assert len(set(texts)) == len(texts) >= 1
        for text, at in zip(texts, bar.get_yticks(), strict=True):
            assert float(text.replace(",", "")) == pytest.approx(np.exp(at), rel=1e-9)


def test_a_curve_in_less_than_a_decade_has_numbers_that_differ() -> None:
    axes = part_of(ov.plot(ov.minimize("bowl", ov.SGD(lr=1e-7), steps=40)), "curve")
    axes.figure.canvas.draw()  # type: ignore[union-attr]
    low, high = axes.get_ylim()
    ticks = zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    shown = [(text.get_text(), at) for text, at in ticks if low <= at <= high]
    assert len({text for text, _ in shown}) == len(shown) >= 2
    assert all(says(text, at) for text, at in shown)


# -- a race ---------------------------------------------------------------------------------


def xy(line: Line2D) -> np.ndarray:
    return np.column_stack(line.get_data())


def left_at(t: Trajectory) -> int | None:
    for k, point in enumerate(t.points):
        if not all(low <= v <= high for v, (low, high) in zip(point, t.function.bounds,
                                                             strict=True)):  # fmt: skip
            return k
    return t.diverged_at


def curve_of(kind: str, t: Trajectory) -> list[np.ndarray]:
    """What a curve must show at each visible step, written out."""
    n = len(t.points) if left_at(t) is None else left_at(t)
    f, points = t.function, [tuple(map(float, p)) for p in t.points[:n]]
    pairs = list(zip(points[1:], points, strict=False))
    if kind == "gap":
        return [np.array([float(f(*p)) - (f.minimum or 0.0) for p in points])]
    if kind == "distance":
        return [np.array([min(np.hypot(*(p - m)) for m in f.minima) for p in points])]
    if kind == "gradient":
        return [np.array([np.hypot(*f.gradient(*p)) for p in points])]
    if kind == "step":
        return [np.array([np.hypot(a[0] - b[0], a[1] - b[1]) for a, b in pairs])]
    return [np.array([abs((a[i] - b[i]) / f.gradient(*b)[i]) for a, b in pairs]) for i in (0, 1)]


RACES = st.fixed_dictionaries({
    "f": st.sampled_from(FUNCTIONS),
    "names": st.lists(st.sampled_from(sorted(RATES)), min_size=1, max_size=3, unique=True),
    "factor": st.sampled_from([1.0, 1.0, 40.0]),
    "steps": st.integers(2, 70),
    "at": st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)),
    "layout": st.sampled_from(["race", "panels"]),
    "kind": st.sampled_from(["gap", "distance", "gradient", "step", "rate"]),
    "view": st.sampled_from(["contour", "field"]),
}).filter(lambda race: race["layout"] == "race" or len(race["names"]) > 1)  # fmt: skip


@settings(max_examples=16, phases=UNSHRUNK, report_multiple_bugs=False)
@given(RACES)
@example({"f": "himmelblau", "names": ["adam", "sgd"], "factor": 1.0, "steps": 30, "at": (0.3, 0.4),
          "layout": "race", "kind": "distance", "view": "contour"})  # fmt: skip
@example({"f": "beale", "names": ["sgd", "adam"], "factor": 40.0, "steps": 40, "at": (0.3, 0.9),
          "layout": "panels", "kind": "gap", "view": "field"})  # fmt: skip
def test_every_artist_of_a_race_is_what_happened(race: dict[str, Any]) -> None:
    f = ov.function(race["f"])
    start = tuple(low + share * (high - low) for share, (low, high) in zip(race["at"], f.bounds,
                                                                          strict=True))  # fmt: skip
    kind = race["kind"] if len(f.minima) else "gap"
    runs = [ov.minimize(f, ov.optimizers[name](lr=race["factor"] * RATES[name]), start=start,
                        steps=race["steps"]) for name in race["names"]]  # fmt: skip
    figure = ov.plot(runs, layout=race["layout"], curve=kind, view=race["view"])
    curve, maps = part_of(figure, "curve"), parts_of(figure, "map")
    assert len(maps) == (len(runs) if race["layout"] == "panels" else 1)
    words = words_of(figure)
    every = 1 if "a mark every step" in words else int(re.findall(r"every (\d+) steps", words)[0])
    at = re.findall(r"start \((.*?), (.*?)\)", words)[0]
    assert all(says(text, v) for text, v in zip(at, start, strict=True))
    assert f"{race['steps']} steps" in words
    for k, t in enumerate(runs):
        map_ = maps[k if len(maps) > 1 else 0]
        assert (map_.get_xlim(), map_.get_ylim()) == f.bounds
        check_path(map_, t, every)
        check_curve(curve, kind, t, every)
        check_words(figure, t, legend_of(figure)[k])
        stars = [xy(line) for line in map_.lines if line.get_marker() == "*"]
        assert len(stars) == bool(len(f.minima))
        np.testing.assert_array_equal(np.concatenate([*stars, np.zeros((0, 2))]), f.minima)


def check_path(map_: Axes, t: Trajectory, every: int) -> None:
    """Line, marks, start and end."""
    mine = [ln for ln in map_.lines if ln.get_color() == color_of(t.optimizer.name)]
    (line,) = [ln for ln in mine if isinstance(ln.get_markevery(), list)]
    (end,) = [ln for ln in mine if ln.get_markevery() is None]
    left, drawn = left_at(t), xy(line)
    n = len(t.points) if left is None else left
    np.testing.assert_array_equal(drawn[:n], t.points[:n])
    assert list(line.get_markevery()) == list(range(0, n, every))
    assert (end.get_marker() == "X") == (left is not None)
    np.testing.assert_array_equal(xy(end), drawn[-1:])
    if left is not None and left < len(t.points):
        # On the edge, where the step that left crosses it.
        assert len(drawn) == n + 1
        (x0, x1), (y0, y1) = t.function.bounds
        edges = [drawn[-1, 0] - x0, x1 - drawn[-1, 0], drawn[-1, 1] - y0, y1 - drawn[-1, 1]]
        assert min(edges) == pytest.approx(0, abs=1e-6 * (x1 - x0 + y1 - y0))
        way, step = drawn[-1] - t.points[n - 1], t.points[n] - t.points[n - 1]
        turned = way[0] * step[1] - way[1] * step[0]
        assert abs(turned) <= 1e-9 * np.hypot(*way) * np.hypot(*step) + 1e-300
        assert way @ step >= 0
    rings = [ln for ln in map_.lines if ln.get_marker() == "o" and ln.get_fillstyle() == "full"
             and ln.get_markerfacecolor() == "none"]  # fmt: skip
    assert any(np.array_equal(xy(ring), [t.start]) for ring in rings)


def check_curve(curve: Axes, kind: str, t: Trajectory, every: int) -> None:
    """Heights, marks, and the name at the end of the line."""
    color = color_of(t.optimizer.name)
    lines = [line for line in curve.lines if line.get_color() == color]
    expected = curve_of(kind, t)
    assert len(lines) == len(expected)
    is_log = curve.get_yscale() == "log"
    for line, y in zip(lines, expected, strict=True):
        steps, drawn = line.get_data()
        np.testing.assert_array_equal(steps, np.arange(len(y)))
        seen = np.isfinite(y) & ((y > 1e-16) | (not is_log))
        # The loop's kernel may add products before it rounds.
        scale = 1 + float(np.abs(t.function(*t.start))) if kind == "gap" else 0.0
        np.testing.assert_allclose(drawn[seen], y[seen], rtol=1e-7, atol=1e-14 * scale)
        assert line.get_markevery() == every
    assert is_log == (kind != "gap" or t.function.minimum is not None)
    low, high = curve.get_ylim()
    if left_at(t) is None and np.isfinite(expected[0][-1:]).all() and expected[0].size:
        (name,) = [text for text in curve.texts if text.get_color() == color]
        assert name.get_text().startswith(type(t.optimizer).__name__)
        (_, height) = curve.transAxes.transform(name.xy)  # type: ignore[attr-defined]
        last = np.clip(expected[0][-1], low, high)
        (_, wanted) = curve.transData.transform((0, last))
        assert height == pytest.approx(wanted, abs=0.5)


def check_words(figure: Figure, t: Trajectory, legend: str) -> None:
    """Rate in the legend, and the step at which a path left."""
    assert legend.startswith(type(t.optimizer).__name__)
    assert says(re.findall(r"lr = ([^ ,]+)", legend)[0], t.optimizer.lr)
    left, found = left_at(t), re.findall(r"left at step (\d+)", legend)
    assert found == ([] if left is None else [str(left)])


def test_conditions_of_a_path_alone_stand_in_its_legend() -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1,steps=9", "adam:lr=0.2,noise=0.3,seed=4", "lion:lr=0.01"],
                   steps=20, tol=0.01, box=True)  # fmt: skip
    figure = ov.plot(runs)
    words, (sgd, adam, lion, *_) = words_of(figure), legend_of(figure)
    assert "ends where ‖∇f‖ ≤ 0.01" in words
    assert "kept inside the bounds" in words
    assert "σ" not in words
    assert "20 steps" not in words
    assert ("9 steps" in sgd, "no noise" in sgd) == (True, True)
    assert ("20 steps" in adam, "σ = 0.3, seed 4" in adam) == (True, True)
    assert ("20 steps" in lion, "no noise" in lion) == (True, True)


@settings(max_examples=5, phases=UNSHRUNK, report_multiple_bugs=False)
@given(st.integers(3, 12), st.integers(0, 99), st.floats(0.1, 1.0), st.integers(3, 30))
def test_the_band_of_noisy_runs_is_what_the_small_print_says(
    count: int, seed: int, noise: float, steps: int
) -> None:
    f, optimizer = ov.function("bowl"), ov.SGD(lr=0.3)
    figure = ov.plot(ov.ensemble(f, optimizer, runs=count, noise=noise, rng=seed, steps=steps))
    values = np.array([
        [float(f(*p)) - f.minimum for p in
         ov.minimize(f, optimizer, noise=noise, steps=steps,
                     rng=np.random.default_rng([seed, k])).points]
        for k in range(count)
    ])  # fmt: skip
    runs, low, high = re.findall(
        r"median of (\d+) runs, band from (\d+) % to (\d+) %", words_of(figure)
    )[0]
    assert int(runs) == count
    curve = part_of(figure, "curve")
    (line,) = [ln for ln in curve.lines if ln.get_color() == color_of("sgd")]
    np.testing.assert_allclose(line.get_ydata(), np.median(values, axis=0), rtol=1e-9)
    (band,) = curve.collections
    corners = band.get_paths()[0].vertices
    for share in (low, high):
        edge = np.quantile(values, int(share) / 100, axis=0)
        for k in range(steps + 1):
            near = corners[corners[:, 0] == k, 1]
            assert np.abs(near / edge[k] - 1).min() < 1e-9
    seed_told = re.findall(r"σ = (\S+), seed (\d+)", words_of(figure))[0]
    assert says(seed_told[0], noise)
    assert int(seed_told[1]) == seed


def test_the_choice_of_a_rate_is_told_as_it_was_measured() -> None:
    """Curves, bands, the legend's rate and gap: eleven starts, so that every quantile is a run."""
    f = ov.function("bowl")
    s = ov.sensitivity(f, ["sgd", "adam"], rates=ov.Axis("lr", 0.01, 1, 7, log=True), starts=11,
                       steps=30)  # fmt: skip
    figure = ov.plot(s)
    axes = part_of(figure, "curves")
    low, high = map(int, re.findall(r"band from (\d+) % to (\d+) %", words_of(figure))[0])
    for k, name in enumerate(("sgd", "adam")):
        gaps = np.array([
            sorted(float(ov.minimize(f, ov.optimizers[name](lr=rate), start=tuple(start),
                                     steps=30).values[-1] - f.minimum)
                   for start in s.sweeps[k].starts)
            for rate in np.geomspace(0.01, 1, 7)
        ])  # fmt: skip
        (line,) = [ln for ln in axes.lines if ln.get_color() == color_of(name) and
                   len(ln.get_xdata()) == 7]  # fmt: skip
        np.testing.assert_allclose(line.get_xdata(), np.geomspace(0.01, 1, 7))
        np.testing.assert_allclose(line.get_ydata(), gaps[:, 5], rtol=1e-7)
        corners = axes.collections[k].get_paths()[0].vertices
        for rate, row in zip(s.rates, gaps, strict=True):
            near = corners[np.isclose(corners[:, 0], rate), 1]
            for share in (low, high):
                assert np.abs(near / row[share // 10] - 1).min() < 1e-7
        rate, gap = re.findall(r"lr = (\S+): f − f\* = (\S+)", legend_of(figure)[k])[0]
        best = int(np.argmin(gaps[:, 5]))
        assert says(rate, s.rates[best])
        assert says(gap, gaps[best, 5])


def test_the_strip_marks_what_was_tried_and_nothing_between() -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.2345"], steps=15)
    figure = ov.study("plot", optimizers=["sgd:lr=0.1", "adam:lr=0.2345"], steps=15,
                      sensitivity=True)  # fmt: skip
    result = figure.run()
    axes = part_of(figure.draw(result), "strip")  # type: ignore[attr-defined]
    for k, (t, name) in enumerate(zip(runs, ("sgd", "adam"), strict=True)):
        mine = [ln for ln in axes.lines if ln.get_color() == color_of(name)]
        (dashed,) = [ln for ln in mine if list(ln.get_xdata()) == [t.optimizer.lr] * 2]
        assert list(dashed.get_ydata()) == [0, 1]
        marks = [xy(ln)[0] for ln in mine if len(ln.get_xdata()) == 1]
        if t.optimizer.lr == 0.1:
            (at,) = np.flatnonzero(np.isclose(result.strip.rates, 0.1))
            np.testing.assert_allclose(marks, [[0.1, result.strip.gaps[k, 1, at]]])
        else:
            assert marks == []


@pytest.mark.parametrize("f", ["rosenbrock", "himmelblau", "bowl", "saddle"])
def test_heights_of_a_surface_are_what_its_axis_says(f: str) -> None:
    t = ov.minimize(f, ov.Adam(lr=0.05), steps=12)
    figure = ov.plot(t, view="surface")
    (axes,) = figure.axes
    name = axes.get_zlabel()  # type: ignore[attr-defined]
    values = np.array([float(t.function(*p)) for p in t.points])
    is_log = name != "f(x, y)"
    assert name == ("log₁₀(1 + f − f*)" if is_log else "f(x, y)")
    assert ("height is log₁₀(1 + f − f*)" in words_of(figure)) == is_log
    wanted = np.log10(1 + values - t.function.minimum) if is_log else values
    (path,) = [ln for ln in axes.lines if ln.get_color() == color_of("adam") and
               len(ln.get_data_3d()[0]) > 1]  # type: ignore[attr-defined]  # fmt: skip
    np.testing.assert_allclose(np.array(path.get_data_3d()).T,  # type: ignore[attr-defined]
                               np.column_stack([t.points, wanted]), atol=1e-12)  # fmt: skip
    corners = np.reshape(axes.collections[0]._faces, (-1, 3)).T  # type: ignore[attr-defined]
    at = np.asarray(t.function(corners[0], corners[1]))
    at = np.log10(1 + np.maximum(at - t.function.minimum, 0)) if is_log else at
    np.testing.assert_allclose(corners[2], at, atol=1e-9)


@pytest.mark.parametrize("rate", [0.001, 0.02])
def test_arrows_are_the_first_steps_by_the_factor_that_is_told(rate: float) -> None:
    f = ov.function("beale")
    figure = ov.plot([ov.minimize(f, ov.SGD(lr=rate), steps=1)], view="steps")
    map_ = part_of(figure, "map")
    # No path is drawn, and nothing is said of one.
    assert "start" not in legend_of(figure)
    assert re.findall(r"start \(|\d step", words_of(figure)) == []
    (arrows,) = [c for c in map_.collections if hasattr(c, "U")]
    drawn = np.column_stack([arrows.U, arrows.V])
    steps = np.array([-rate * f.gradient(*p) for p in arrows.XY])
    title = map_.get_title(loc="left") + map_.get_title(loc="right")
    factor = re.findall(r"arrows × ([\d.e−]+)", title)
    ratio = np.hypot(*drawn.T) / np.hypot(*steps.T)
    usual = np.median(ratio)
    assert says(factor[0], usual) if factor else usual == pytest.approx(1)
    cut = int((ratio < usual * (1 - 1e-9)).sum())
    assert re.findall(r"(\d+) cut short", title) == ([str(cut)] if cut else [])
    np.testing.assert_allclose(drawn, ratio[:, None] * steps, rtol=1e-9)


# -- an explanation -------------------------------------------------------------------------


@settings(max_examples=4, phases=UNSHRUNK, report_multiple_bugs=False)
@given(st.floats(0.01, 0.3), st.floats(0.1, 0.95), st.integers(2, 9), st.sampled_from([0.0, 0.5]))
def test_an_explanation_says_what_momentum_did(
    lr: float, m: float, steps: int, noise: float
) -> None:
    f = ov.function("bowl")
    e = ov.explain(f, ov.Momentum(lr=lr, momentum=m), steps=steps, noise=noise, rng=3)
    figure = ov.plot(e)
    noises = (
        np.random.default_rng(3).normal(0, noise, (steps, 2)) if noise else np.zeros((steps, 2))
    )
    words = [text.get_text() for text in part_of(figure, "steps").texts]
    arrows = {
        tuple(map(tuple, patch._posA_posB)): patch.get_edgecolor()
        for patch in part_of(figure, "map").patches
    }
    x, v = np.array(f.start), np.zeros(2)
    shares = [text for text in words if re.fullmatch(r"\d+ %", text)]
    for k in range(steps):
        g = f.gradient(*x) + noises[k]
        carried, fresh = m * v, -lr * g
        share = np.hypot(*carried) / (np.hypot(*carried) + np.hypot(*fresh))
        assert abs(float(shares[k].removesuffix(" %")) - 100 * share) <= 0.5 + 1e-9
        v = carried + fresh
        value = f(*(x + v))
        assert any(says(text.removesuffix(" ↑"), value) for text in words if NUMBER.fullmatch(text))
        span = np.ptp(part_of(figure, "map").get_xlim())
        assert np.hypot(*v) < span / 200 or any(
            np.allclose(a, x) and np.allclose(b, x + v)
            and np.allclose(color, to_rgba(color_of("momentum")))
            for (a, b), color in arrows.items())  # fmt: skip
        x = x + v
    assert ("−(∇f + noise) (direction)" in legend_of(figure)) == (noise > 0)
    assert "momentum = " in words_of(figure) or m == 0.9


def test_a_rate_without_a_gradient_is_not_told() -> None:
    """On the axis of a bowl one component of the gradient is zero: 0/0 is no rate of 0."""
    e = ov.explain("sphere", ov.AdaGrad(lr=0.1), start=(1.0, 0.0), steps=2)
    words = [t.get_text() for t in part_of(ov.plot(e), "steps").texts]
    assert "rates x : y" not in words
    # Where the other steps have rates to compare, there is a dash.
    e = ov.explain("bowl", ov.Lion(lr=0.5), steps=3)
    words = [t.get_text() for t in part_of(ov.plot(e), "steps").texts]
    assert words.count("–") == int(np.isnan([t.ratio for t in narrate(e)]).sum()) > 0


# -- networks -------------------------------------------------------------------------------


def spans(axes: Axes) -> list[tuple[float, float]]:
    """What is shaded: from where to where."""
    paths = [path for c in axes.collections for path in c.get_paths()]
    return [(p.vertices[:, 0].min(), p.vertices[:, 0].max()) for p in paths]


@pytest.mark.parametrize("limit", [2.0, 6.0])
def test_activations_are_their_formulas(limit: float) -> None:
    known = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "tanh": np.tanh,
        "softplus": lambda x: np.log(1 + np.exp(x)),
        "relu": lambda x: np.where(x > 0, x, 0),
    }
    study = ov.study("activations", activations=",".join(known), limit=limit)
    figure = study.draw(study.run())  # type: ignore[attr-defined]
    for k, (name, h) in enumerate(known.items()):
        value, slope = figure.axes[2 * k : 2 * k + 2]
        assert value.get_title(loc="left") == name
        x, y = value.lines[0].get_data()
        assert (x[0], x[-1]) == (-limit, limit)
        np.testing.assert_allclose(y, h(x), atol=1e-12)
        dx = slope.lines[0].get_ydata()
        middle = np.abs(x) > 1e-3  # a kink at 0 has no slope
        rise = (h(x + 1e-6) - h(x - 1e-6)) / 2e-6
        np.testing.assert_allclose(dx[middle], rise[middle], atol=1e-8)
        most = re.findall(r"at most (\S+)", slope.get_title(loc="left"))[0]
        assert says(most, np.abs(dx).max())
        low = np.abs(dx) < 0.05 * np.abs(dx).max()
        shaded = np.zeros(len(x), bool)
        for a, b in spans(slope):
            shaded |= (a <= x) & (x <= b)
        np.testing.assert_array_equal(shaded, low)


def test_histograms_are_those_of_the_outputs() -> None:
    study = ov.study("init-histograms", activation="tanh", units=20, samples=80, layers=3)
    result = study.run()
    figure = study.draw(result)  # type: ignore[attr-defined]
    panels = iter(figure.axes)
    for k, init in enumerate(study.inits):  # type: ignore[attr-defined]
        ends = result.outputs[k].min(), result.outputs[k].max()
        for layer in range(3):
            axes, values = next(panels), np.sort(result.outputs[k, layer])
            edges = np.linspace(*ends, 41)
            below = np.searchsorted(values, edges, side="left")
            below[-1] = len(values)
            shares = 100 * np.diff(below) / len(values)
            (stairs,) = axes.patches
            drawn, places, _ = stairs.get_data()
            np.testing.assert_allclose(drawn, shares, atol=0.13)
            assert sum(drawn) == pytest.approx(100)
            np.testing.assert_allclose(places, edges, atol=1e-12)
            above, _, title = axes.get_title(loc="left").partition("\n")
            assert above == (f"{init}, %" if layer == 0 else "")
            mean = sum(values) / len(values)
            spread = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
            number, std = re.findall(r"layer (\d+) +std (\S+)", title)[0]
            assert int(number) == layer + 1
            assert says(std, spread)
