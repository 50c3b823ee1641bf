"""Phase diagrams against the theory of momentum on a quadratic, and their picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb

import optviz as ov
from optviz.compiled import jit
from optviz.functions import quadratic
from optviz.render import output
from optviz.runs.convergence import CONVERGES, DIVERGES, RETURNS, UNTOLD, window_begins
from optviz.runs.tuning import jittered_starts
from optviz.studies import phase as phase_module
from tests.pictures import clashes, legend_of, part_of, words_of

BOWL = (0.1, 2.0)
ROTATED = "x**2 + x*y + 2*y**2"
needs_jit = pytest.mark.skipif(jit.jit_disabled(), reason="too slow without a compiler")

rates = st.floats(1e-6, 20)
momenta = st.floats(0, 0.999)
spectra = st.lists(st.floats(1e-4, 100), min_size=1, max_size=3)


# -- theory ---------------------------------------------------------------------------------


def matrices(lr: float, momentum: float, spectrum: list[float]) -> list[np.ndarray]:
    """θₜ₊₁ = (1 + β − αλ) θₜ − β θₜ₋₁, for each eigenvalue."""
    return [np.array([[1 + momentum - lr * v, -momentum], [1, 0]]) for v in spectrum]


@given(lr=rates, momentum=momenta, spectrum=spectra)
def test_the_rate_is_the_spectral_radius(lr: float, momentum: float, spectrum) -> None:
    radius = max(np.abs(np.linalg.eigvals(m)).max() for m in matrices(lr, momentum, spectrum))
    # Double roots are found to half the digits only.
    found = quadratic.convergence_rate(lr, momentum, spectrum)
    assert float(found) == pytest.approx(radius, rel=1e-6, abs=1e-7)


@given(lr=rates, momentum=momenta, spectrum=spectra)
def test_stable_exactly_below_the_border(lr: float, momentum: float, spectrum) -> None:
    border = float(quadratic.largest_rate(momentum, spectrum))
    assert border == pytest.approx((2 + 2 * momentum) / max(spectrum))
    if abs(lr / border - 1) > 1e-6:
        is_stable = bool(quadratic.convergence_rate(lr, momentum, spectrum) < 1)
        assert is_stable == (lr < border)


@given(lr=rates, momentum=momenta)
def test_the_critical_line_parts_creeping_from_oscillating(lr: float, momentum: float) -> None:
    """On it both roots are √β; above it they are complex."""
    critical = float(quadratic.critical_momentum(lr, 0.5))
    if critical < 1:
        rate = float(quadratic.convergence_rate(lr, critical, [0.5]))
        assert rate == pytest.approx(np.sqrt(critical), abs=1e-6)
    if momentum > critical + 1e-9:
        roots = np.linalg.eigvals(matrices(lr, momentum, [0.5])[0])
        assert abs(roots.imag).max() > 0
        assert float(quadratic.convergence_rate(lr, momentum, [0.5])) == np.sqrt(momentum)


def test_the_optimum_is_polyaks_and_nothing_beats_it() -> None:
    lr, momentum, rate = quadratic.optimum(BOWL)
    assert lr == pytest.approx(1.3358147468, abs=1e-10)
    assert momentum == pytest.approx(0.4026054842, abs=1e-10)
    assert rate == pytest.approx(0.6345120047, abs=1e-10)
    there = quadratic.convergence_rate(lr, momentum, BOWL)
    assert float(there) == pytest.approx(rate, abs=1e-7)
    grid = np.meshgrid(np.linspace(0.001, 4, 801), np.linspace(0, 0.999, 601))
    assert quadratic.convergence_rate(*grid, BOWL).min() >= rate
    near = np.meshgrid(lr * np.linspace(0.99, 1.01, 201), momentum * np.linspace(0.99, 1.01, 201))
    assert quadratic.convergence_rate(*near, BOWL).min() >= rate - 1e-8


@given(spectrum=st.tuples(st.floats(1e-3, 1), st.floats(1, 1e3)))
def test_the_best_rate_without_momentum(spectrum) -> None:
    condition = spectrum[1] / spectrum[0]
    best = 2 / sum(spectrum)
    rate = float(quadratic.convergence_rate(best, 0.0, spectrum))
    assert rate == pytest.approx((condition - 1) / (condition + 1), abs=1e-12)
    others = quadratic.convergence_rate(best * np.array([0.9, 1.1]), 0.0, spectrum)
    assert (others > rate).all()
    assert quadratic.optimum(spectrum)[2] <= rate + 1e-12


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        ("bowl", BOWL),
        (ROTATED, tuple(3 + np.array([-1, 1]) * np.sqrt(2))),
        ("3*(x - 1)**2 + (y + 2)**2 + 7*x", (2, 6)),
        ("rosenbrock", None),
        ("saddle", None),
        ("x + y", None),
        ("log(x) + y**2", None),
    ],
)
def test_what_is_quadratic(f: str, expected) -> None:
    found = quadratic.eigenvalues(ov.function(f))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-12))


# -- measured -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diagram() -> ov.PhaseDiagram:
    x, y = ov.Axis("lr", 0.03, 2.1, 70), ov.Axis("momentum", 0, 0.98, 50)
    return ov.phase("bowl", "momentum", x, y)


def step_matrices(name: str, lr: np.ndarray, momentum: np.ndarray, eigenvalue: float) -> np.ndarray:
    """What a step makes of the distance along an eigenvector and of its velocity, or of the
    distance before: (..., 2, 2)."""
    moved, one = lr * eigenvalue, np.ones_like(lr)
    if name == "nesterov":
        rows = ((1 - (1 + momentum) * moved, momentum**2), (-moved, momentum))
    else:
        rows = ((1 + momentum - moved, -momentum), (one, 0 * one))
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def radius(p: ov.PhaseDiagram, spectrum) -> np.ndarray:
    """The spectral radius of a step for each setting."""
    grid = np.meshgrid(p.x.values, p.y.values)
    settings = dict(zip((p.x.name, p.y.name), grid, strict=True))
    matrices = [step_matrices(p.sweep.optimizer.name, settings["lr"], settings["momentum"], v)
                for v in spectrum]  # fmt: skip
    return np.abs(np.linalg.eigvals(np.array(matrices))).max(axis=(0, -1))


def assert_measured_is_exact(p: ov.PhaseDiagram, spectrum) -> None:
    """A few percent remain of the first half of the way and of nearly double roots, where t·ρᵗ is
    no pure power."""
    theory = radius(p, spectrum)
    is_stable, is_told, diverges = theory < 1, p.outcomes == CONVERGES, p.outcomes == DIVERGES
    near = np.abs(theory - 1) < 0.01
    assert not (is_told & ~is_stable).any()
    np.testing.assert_array_equal(diverges[~near], ~is_stable[~near])
    assert not (diverges & is_stable).any()
    assert not (p.outcomes == RETURNS).any()
    assert (p.outcomes[is_stable] == UNTOLD).mean() < 0.03
    errors = np.abs(np.log(p.rates[is_told]) / np.log(theory[is_told]) - 1)
    assert errors.max() < 0.07
    assert np.median(errors) < 0.01
    np.testing.assert_array_equal(np.isinf(p.rates), diverges)
    np.testing.assert_array_equal(np.isnan(p.rates), p.outcomes == UNTOLD)


def quadratic_text(seed: int, condition: float, *, shift: float) -> tuple[str, np.ndarray]:
    """A rotated, shifted quadratic of any size, and its eigenvalues."""
    draw = np.random.default_rng(seed)
    low, turn = 10 ** draw.uniform(-2, 1), draw.uniform(0, np.pi)
    u = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    (a, b), (_, d) = (u.T * [low, condition * low] @ u).tolist()
    cx, cy = draw.uniform(-shift, shift, 2).tolist() if shift else (0.0, 0.0)
    x, y = f"(x - {cx!r})", f"(y - {cy!r})"
    return f"{a / 2!r}*{x}**2 + {b!r}*{x}*{y} + {d / 2!r}*{y}**2", np.array([1, condition]) * low


def test_a_centred_quadratic_is_the_same_about_its_minimum() -> None:
    for seed, condition in enumerate((1.0, 7.0, 200.0, 2.0, 3.0, 50.0, 10.0, 30.0)):
        text, spectrum = quadratic_text(seed, condition, shift=5)
        f = ov.function(text)
        g, center = quadratic.centred(f)
        np.testing.assert_allclose(f.gradient(*center), 0, atol=1e-11 * spectrum[1])
        x, y = np.random.default_rng(seed).uniform(-3, 3, (2, 20))
        values = f(x + center[0], y + center[1]) - f(*center)
        np.testing.assert_allclose(g(x, y), values, rtol=1e-9, atol=1e-12 * spectrum[1])
        assert not g.gradient(0.0, 0.0).any()
        for mode, eigenvalue in zip(quadratic.modes(f), spectrum, strict=True):
            slopes = f.gradient(*(center + mode))
            np.testing.assert_allclose(slopes, eigenvalue * mode, rtol=1e-8, atol=1e-10)
            assert np.hypot(*slopes) == pytest.approx(spectrum[0], rel=1e-8)
    with pytest.raises(ValueError, match="rosenbrock is no quadratic with a minimum"):
        quadratic.centred(ov.function("rosenbrock"))


@needs_jit
@pytest.mark.parametrize("name", ["momentum", "nesterov"])
@pytest.mark.parametrize(
    ("condition", "shift"),
    [(1, 0), (4, 0.01), (20, 100), (100, 1e4), (200, 5)],
)
def test_measured_rates_are_the_spectral_radius(name: str, condition: float, shift: float) -> None:
    """The row without momentum is plain gradient descent."""
    text, spectrum = quadratic_text(int(10 * condition), condition, shift=shift)
    high = 4.2 / spectrum[1]
    x, y = ov.Axis("lr", high / 40, high, 40), ov.Axis("momentum", 0, 0.98, 25)
    p = ov.phase(text, name, x, y)
    assert_measured_is_exact(p, spectrum)
    followed, longer, lost = p.followed
    assert followed > 0
    assert (longer, lost) == (40_000, 0)
    if condition == 20:
        turned = ov.phase(text, name, y, x)
        np.testing.assert_array_equal(turned.rates, p.rates.T)
        np.testing.assert_array_equal(turned.outcomes, p.outcomes.T)


@needs_jit
def test_measured_rates_are_the_exact_ones(diagram) -> None:
    assert_measured_is_exact(diagram, BOWL)
    lr, momentum, rate = diagram.best
    row = np.flatnonzero(diagram.y.values == momentum)[0]
    column = np.flatnonzero(diagram.x.values == lr)[0]
    assert diagram.rates[row, column] == rate == np.nanmin(diagram.rates)
    assert abs(lr - 1.336) < 0.1
    assert abs(momentum - 0.4026) < 0.04
    optimum = quadratic.optimum(BOWL)[2]
    assert optimum < rate < optimum + 0.02
    assert diagram.at_edge() == ""


def test_plain_gradient_descent_shrinks_by_its_rate() -> None:
    """Without momentum, in one direction: |1 − αλ|."""
    x, y = ov.Axis("lr", 0.1, 0.9, 9), ov.Axis("momentum", 0.0, 0.1, 2)
    p = ov.phase("x**2 + y**2", "momentum", x, y, steps=60)
    np.testing.assert_allclose(p.rates[0], np.abs(1 - 2 * x.values), atol=1e-12)
    lr, momentum, rate = p.best
    assert (lr, momentum) == (0.5, 0)
    assert rate < 1e-12


@pytest.mark.slow
@needs_jit
def test_where_the_start_lies_on_an_eigenvector() -> None:
    """Booth's start has no part of one of the modes."""
    _, _, rate = ov.phase("booth", "momentum").best
    optimum = quadratic.optimum(quadratic.eigenvalues(ov.function("booth")))[2]
    assert optimum == pytest.approx(0.5)
    assert optimum <= rate < optimum + 0.01


@needs_jit
def test_the_place_of_the_minimum_does_not_matter(diagram) -> None:
    """In coordinates of its own a shifted bowl has five decades only, which rounding leaves."""
    p = ov.phase("(x - 1)**2/20 + (y - 1)**2", "momentum", diagram.x, diagram.y)
    np.testing.assert_array_equal(p.outcomes, diagram.outcomes)
    is_told = p.outcomes == CONVERGES
    np.testing.assert_allclose(p.rates[is_told], diagram.rates[is_told], rtol=0.01)
    assert p.best == pytest.approx(diagram.best, rel=0.01)


def test_the_edge_is_told_where_a_faster_setting_may_lie_beyond() -> None:
    x, y = ov.Axis("lr", 0.1, 0.5, 5), ov.Axis("momentum", 0, 0.3, 4)
    p = ov.phase("bowl", "momentum", x, y, steps=200)
    assert p.best[0] == 0.5
    assert p.at_edge() == "lr"
    assert "lr = 0.5, momentum = 0.3 (at the edge of lr), by" in p.study.finding(p)
    none = ov.phase("bowl", "momentum", "lr=5,9,3", y, steps=200)
    assert np.isnan(none.best[2])
    assert none.at_edge() == ""
    assert none.study.finding(none) == "None of 12 settings converges in 200 steps"


# -- what returns ---------------------------------------------------------------------------


def slopes_of(t: ov.Trajectory) -> np.ndarray:
    """The largest |∂f/∂xᵢ| before each step."""
    return np.abs(t.function.gradient(*t.points[:-1].T)).max(axis=0)


def late_slopes(lr: np.ndarray, beta1: np.ndarray, steps: int) -> np.ndarray:
    """The largest slope of Adam on the bowl in the last tenth, of four starts: a plain loop."""
    f = ov.function("bowl")
    x = np.broadcast_to(jittered_starts(f, f.start, 4, 0), (len(lr), 4, 2)).copy()
    m, v, largest = np.zeros_like(x), np.zeros_like(x), np.zeros(len(lr))
    lr, beta1 = lr[:, None, None], beta1[:, None, None]
    for t in range(1, steps + 1):
        g = x * BOWL
        if t > 0.9 * steps:
            largest = np.maximum(largest, np.abs(g).max(axis=(1, 2)))
        m, v = beta1 * m + (1 - beta1) * g, 0.999 * v + 0.001 * g * g
        rate = lr * np.sqrt(1 - 0.999**t) / (1 - beta1**t)
        x = x - rate * m / (np.sqrt(v) + 1e-7)
    return largest


@pytest.mark.slow
@needs_jit
def test_what_adam_does_is_judged_by_what_comes_last(monkeypatch) -> None:
    """It falls by ten powers of ten and jumps back, again and again."""
    monkeypatch.setattr(phase_module, "LONGER", 1)
    x, y = ov.Axis("lr", 1e-3, 30, 27, log=True), ov.Axis("beta1", 0, 0.99, 9)
    p = ov.phase("bowl", "adam", x, y, steps=20_000)
    assert p.followed == (0, 0, 0)
    lr, beta1 = (values.ravel() for values in np.meshgrid(x.values, y.values))
    outcomes, late = p.outcomes.ravel(), late_slopes(lr, beta1, 20_000)
    converge, returns = outcomes == CONVERGES, outcomes == RETURNS
    assert not (outcomes == DIVERGES).any()
    assert (late > 0.01).sum() > 100
    assert ((late > 0.01) & converge).sum() <= 3
    assert converge.sum() > 50
    assert np.median(late[converge]) < 1e-9
    assert np.median(late[returns]) > 1
    assert (late[returns] > 1e-3).mean() > 0.9
    later = late_slopes(lr[converge], beta1[converge], 60_000)
    assert (later > 1e-3).sum() <= 5


@needs_jit
def test_those_followed_are_counted_by_plain_runs() -> None:
    """Few settings, so that all that converge are followed."""
    x, y = ov.Axis("lr", 0.1, 3, 3, log=True), ov.Axis("beta1", 0.5, 0.95, 3)
    p = ov.phase("bowl", "adam", x, y, steps=1000)
    followed, longer, lost = p.followed
    places = np.argwhere(p.outcomes == CONVERGES)
    assert (followed, longer) == (len(places), 40_000)
    gone = 0
    for row, column in places:
        optimizer = ov.Adam(lr=x.values[column], beta1=y.values[row])
        late = [slopes_of(t)[-4000:].max() for t in
                (ov.minimize("bowl", optimizer, start=start, steps=longer)
                 for start in p.sweep.starts)]  # fmt: skip
        gone += max(late) > 1e-6
    assert 0 < lost == gone
    assert f"of {followed} followed for 40,000, {lost} do not" in p.study.finding(p)
    print_ = words_of(ov.plot(p))
    assert f"{followed} of those that converge followed for 40,000 steps: {lost} did not" in print_


@needs_jit
def test_the_worst_start_counts() -> None:
    """Of two basins, one for each side: a slope that differs, and a start that is lost."""
    text = "(x**2 - 1)**2*(1 + x/3) + y**2"
    x, y = ov.Axis("lr", 0.02, 0.14, 4), ov.Axis("momentum", 0, 0.3, 3)
    p = ov.phase(text, "momentum", x, y, start=(0.05, 1), steps=300)
    assert {t > 0 for t in p.sweep.final[..., 0].ravel()} == {False, True}
    for row, column in np.ndindex(3, 4):
        optimizer = ov.Momentum(lr=x.values[column], momentum=y.values[row])
        shrunk = []
        for start in p.sweep.starts:
            slopes = slopes_of(ov.minimize(text, optimizer, start=start, steps=300))
            k = np.flatnonzero(slopes > 1e-7)[-1]
            shrunk.append((slopes[k] / slopes[k // 2]) ** (1 / (k - k // 2)))
        if p.outcomes[row, column] == CONVERGES:
            assert np.log(p.rates[row, column]) == pytest.approx(np.log(max(shrunk)), rel=0.15)
    assert (p.outcomes == CONVERGES).sum() > 6


def test_the_worst_of_the_starts_is_told() -> None:
    """Two starts under five settings: slopes made up, the worst of the fates and rates named."""
    begins = window_begins(200)
    t = np.array(begins) - 1.0
    fast, slow, back, kept = 0.7**t, 0.9**t, 0.9**t, 0 * t + 1
    back[-5] = 1e3
    pairs = [(fast, slow), (slow, kept), (kept, back), (back, fast), (back, slow)]
    s = ov.sweep("bowl", ov.SGD(), np.ones((2, 2)), over={"lr": [0.1] * 5}, steps=200, tol=0.0)
    outcome = s.outcome.copy()
    outcome[4, 1] = -1
    for order in (slice(None), slice(None, None, -1)):
        peaks = np.array(pairs)[:, order]
        made = dataclasses.replace(s, peaks=peaks, outcome=outcome[:, order])
        rates, worst = phase_module._worst(made, begins, 1e-14)
        assert worst.tolist() == [CONVERGES, UNTOLD, RETURNS, RETURNS, DIVERGES]
        np.testing.assert_allclose(rates, [0.9, np.nan, np.nan, np.nan, np.inf], rtol=1e-9)


# -- axes -----------------------------------------------------------------------------------


def test_axes_have_usual_ranges_or_are_refused() -> None:
    p = ov.phase("beale", "adam", "lr=0.001,1,log", ov.Axis("beta2", 0, 0.9, 2), steps=2)
    assert (p.x.count, p.x.log, p.x.high) == (200, True, 1.0)
    for x, y, says in (
        ("lr", "momentums", "Adam has no 'momentums'"),
        ("lr", "lr", "two hyperparameters, not lr twice"),
        ("lr=2,1", "beta1", "two rising numbers"),
        ("lr=a", "beta1", "an axis is NAME=LOW,HIGH"),
        ("lr", "beta1=0,2", r"beta1 must be a number in \[0, 1\)"),
    ):
        with pytest.raises(ValueError, match=says):
            ov.phase("beale", "adam", x, y)
    with pytest.raises(ValueError, match=r"l1 has no usual range: give one, such as l1=0\.1,1"):
        ov.phase("beale", ov.FTRL(convention="keras"), "lr", "l1")


# -- the picture ----------------------------------------------------------------------------


def assert_colors_tell(shown: np.ndarray, p: ov.PhaseDiagram, figure) -> None:
    """Each cell without a rate has the legend's colour, each other one its step of the bar."""
    handles = dict(zip(legend_of(figure), figure.legends[0].legend_handles, strict=True))
    for outcome, label in ((DIVERGES, "diverges"), (RETURNS, "returns or goes on swinging"),
                           (UNTOLD, "too slow or too unsteady to tell")):  # fmt: skip
        cells = shown[p.outcomes == outcome]
        assert (label in handles) == bool(len(cells))
        if len(cells):
            np.testing.assert_allclose(cells, np.tile(handles[label].get_facecolor()[:3],
                                                      (len(cells), 1)), atol=1e-6)  # fmt: skip
    bar = part_of(figure, "bar")
    steps = np.asarray(bar.images[0].get_array())[:, 0, :3]
    is_told = p.outcomes == CONVERGES
    levels = np.array(phase_module.LEVELS)
    place = np.searchsorted(levels, p.rates[is_told], side="right") - 1
    np.testing.assert_allclose(shown[is_told], steps[place], atol=1e-6)
    for tick, label in zip(bar.get_yticks(), bar.get_yticklabels(), strict=True):
        assert float(label.get_text()) == levels[int(tick)]


@needs_jit
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_cells_have_the_colour_of_the_legend_or_of_the_bar(theme: str) -> None:
    x, y = ov.Axis("lr", 1e-4, 10, 24, log=True), ov.Axis("beta1", 0, 0.95, 8)
    p = ov.phase("bowl", "adam", x, y)
    assert set(np.unique(p.outcomes)) == {UNTOLD, RETURNS, CONVERGES}
    figure = ov.plot(p, theme=theme)
    (mesh,) = [c for c in part_of(figure, "map").collections if isinstance(c, QuadMesh)]
    shown = np.asarray(mesh.get_array())[..., :3]
    assert_colors_tell(shown, p, figure)
    # What has no rate is unlike all that has one.
    bar = np.asarray(part_of(figure, "bar").images[0].get_array())[:, 0, :3]
    for outcome in (UNTOLD, RETURNS):
        other = shown[p.outcomes == outcome][0]
        assert np.abs(bar - other).max(axis=1).min() > 0.05
    assert clashes(figure) == []


@needs_jit
def test_the_picture_shows_the_rates_and_the_theory(diagram) -> None:
    figure = ov.plot(diagram)
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("lr", "momentum")
    (mesh,) = [c for c in axes.collections if isinstance(c, QuadMesh)]
    shown = np.asarray(mesh.get_array())[..., :3]
    assert_colors_tell(shown, diagram, figure)
    labels = legend_of(figure)
    untold = ["too slow or too unsteady to tell"] * bool((diagram.outcomes == UNTOLD).any())
    patches, labels = labels[: 1 + len(untold)], labels[1 + len(untold) :]
    assert patches == ["diverges", *untold]
    assert labels[0].startswith("best: lr = 1.3")
    labels = ["", *labels]
    assert labels[2] == "theory: stable below αλ = 2 + 2β"
    assert labels[-1] == "theory: α* = 1.336, β* = 0.4026, rate 0.6345"
    border = next(line for line in axes.lines if line.get_label() == labels[2])
    lr, momentum = border.get_data()
    np.testing.assert_allclose(np.asarray(lr) * 2, 2 + 2 * np.asarray(momentum))
    words = words_of(figure)
    for said in ("Momentum on Bowl: how fast it converges", "70 × 50 settings",
                 "2 starts with the same slope along both eigenvectors", "1,000 steps",
                 "followed for 40,000 steps: none returned", "book convention"):  # fmt: skip
        assert said in words
    assert bar.get_yticklabels()[-1].get_text() == "1"


@needs_jit
@pytest.mark.parametrize(
    ("size", "theme"),
    [
        (None, "light"),
        (None, "dark"),
        ((400, 300), "print"),
        ((640, 900), "dark"),
        ((1920, 1080), "light"),
    ],
)
def test_nothing_overlaps_or_leaves_the_page(diagram, size, theme: str) -> None:
    assert clashes(ov.plot(diagram, size=size, theme=theme)) == []


def light(color) -> float:
    """CIE L*, from 0 for black to 100 for white."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_every_mark_of_the_legend_can_be_seen(theme: str) -> None:
    p = ov.phase("bowl", "momentum", "lr=0.5,1.5", ov.Axis("momentum", 0, 0.5, 3), steps=60)
    figure = ov.plot(p, theme=theme)
    paper = light(figure.get_facecolor())
    handles = figure.legends[0].legend_handles
    patches = [h for h in handles if hasattr(h, "get_facecolor")]
    marks = handles[len(patches) :]
    assert (len(patches), len(marks)) == (len(set(p.outcomes.ravel()) - {CONVERGES}), 5)
    for patch in patches:
        assert abs(light(patch.get_facecolor()) - paper) > 2
    drawn = {line.get_label(): line for line in part_of(figure, "map").lines}
    for handle, label in zip(marks, legend_of(figure)[len(patches) :], strict=True):
        # What shows of a hollow ring or a cross is its edge.
        is_mark = handle.get_linestyle() == "None"
        assert is_mark == (label[:4] == "best" or "α*" in label)
        color = handle.get_markeredgecolor() if is_mark else handle.get_color()
        assert abs(light(color) - paper) > 22
        mine = drawn[label].get_markeredgecolor() if is_mark else drawn[label].get_color()
        assert color == mine
        assert handle.get_marker() == drawn[label].get_marker()
        assert handle.get_linestyle() == drawn[label].get_linestyle()


def test_no_best_and_no_theory_where_there_are_none() -> None:
    wild = ov.phase("bowl", "momentum", "lr=5,9", ov.Axis("momentum", 0, 0.1, 2), steps=50)
    assert not any(label.startswith("best") for label in legend_of(ov.plot(wild)))
    curved = ov.phase("beale", "adam", "lr=0.1,1", ov.Axis("beta1", 0, 0.9, 2), steps=20)
    assert not any("theory" in label for label in legend_of(ov.plot(curved)))


def test_a_size_too_small_is_refused_with_one_that_does() -> None:
    p = ov.phase("bowl", "momentum", "lr=0.5,1.5", ov.Axis("momentum", 0, 0.5, 3), steps=20)
    with pytest.raises(ValueError, match=r"320x240 leaves no room.*give about 320x290"):
        ov.plot(p, size=(320, 240))
    assert clashes(ov.plot(p, size=(320, 290))) == []


def test_the_specification_holds_the_axes(tmp_path) -> None:
    p = ov.phase("bowl", "momentum", "lr=0.5,1.5,log", ov.Axis("momentum", 0, 0.5, 3), steps=20)
    study = getattr(ov.plot(p), output.STUDY)
    assert study == p.study
    again = study.run()
    assert (again.x, again.y) == (p.x, p.y)
    assert "--x lr=0.5,1.5,log --y momentum=0,0.5,3" in study.command()
