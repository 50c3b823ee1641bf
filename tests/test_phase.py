"""Phase diagrams against the theory of momentum on a quadratic, and their picture."""

from __future__ import annotations

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


def exact(p: ov.PhaseDiagram) -> np.ndarray:
    spectrum = quadratic.eigenvalues(p.function)
    assert spectrum is not None
    return quadratic.convergence_rate(*np.meshgrid(p.x.values, p.y.values), spectrum)


def assert_measured_is_exact(p: ov.PhaseDiagram) -> None:
    theory = exact(p)
    np.testing.assert_array_equal(p.rates >= 1, theory >= 1)
    errors = np.abs(p.rates - theory)[theory < 1]
    assert np.median(errors) < 1e-3
    # The worst are where two roots nearly coincide: t·ρᵗ is no pure power.
    assert errors.max() < 0.015
    optimum = quadratic.optimum(quadratic.eigenvalues(p.function))[2]
    assert optimum < p.rates.min() < optimum + 0.02


@needs_jit
def test_measured_rates_are_the_exact_ones(diagram) -> None:
    assert_measured_is_exact(diagram)
    lr, momentum, rate = diagram.best
    row = np.flatnonzero(diagram.y.values == momentum)[0]
    column = np.flatnonzero(diagram.x.values == lr)[0]
    assert diagram.rates[row, column] == rate == diagram.rates.min()
    assert abs(lr - 1.336) < 0.1
    assert abs(momentum - 0.4026) < 0.04


@needs_jit
def test_a_rotated_hessian_and_axes_the_other_way_round() -> None:
    x, y = ov.Axis("lr", 0.02, 0.95, 40), ov.Axis("momentum", 0, 0.97, 30)
    upright = ov.phase(ROTATED, "momentum", x, y)
    assert_measured_is_exact(upright)
    np.testing.assert_array_equal(ov.phase(ROTATED, "momentum", y, x).rates, upright.rates.T)


def test_plain_gradient_descent_shrinks_by_its_rate() -> None:
    """Without momentum, in one direction: |1 − αλ|."""
    x, y = ov.Axis("lr", 0.1, 1.1, 11), ov.Axis("momentum", 0.0, 0.1, 2)
    p = ov.phase("x**2 + y**2", "momentum", x, y, steps=60)
    np.testing.assert_allclose(p.rates[0], np.abs(1 - 2 * x.values), atol=1e-12)


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


@needs_jit
def test_the_picture_shows_the_rates_and_the_theory(diagram) -> None:
    figure = ov.plot(diagram)
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("lr", "momentum")
    (mesh,) = [c for c in axes.collections if isinstance(c, QuadMesh)]
    shown = np.asarray(mesh.get_array()).reshape(diagram.rates.shape)
    below = diagram.rates < 1
    np.testing.assert_array_equal(shown[below], diagram.rates[below])
    assert (shown[~below] > 1).all()
    labels = legend_of(figure)
    assert labels[0] == "does not converge"
    assert labels[1].startswith("best: lr = 1.26, momentum = 0.42, rate 0.6")
    assert labels[2] == "theory: stable below αλ = 2 + 2β"
    assert labels[-1] == "theory: α* = 1.336, β* = 0.4026, rate 0.6345"
    border = next(line for line in axes.lines if line.get_label() == labels[2])
    lr, momentum = border.get_data()
    np.testing.assert_allclose(np.asarray(lr) * 2, 2 + 2 * np.asarray(momentum))
    words = words_of(figure)
    for said in ("Momentum on Bowl: how fast it converges", "70 × 50 settings", "4 starts",
                 "1,000 steps", "book convention"):  # fmt: skip
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
    unstable, *marks = figure.legends[0].legend_handles
    assert len(marks) == 5
    assert abs(light(unstable.get_facecolor()) - paper) > 2
    drawn = {line.get_label(): line for line in part_of(figure, "map").lines}
    for handle, label in zip(marks, legend_of(figure)[1:], strict=True):
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
