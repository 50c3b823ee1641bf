"""Planes through n dimensions, and paths that are seen in them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.runs.views import seen
from optviz.shared.principal import principal
from optviz.studies.files import read_study, replay
from optviz.studies.study import SpecError

F = ov.function("rosenbrock:n=6")


def paths():
    return ov.race(F, ["adam:lr=0.05", "momentum:lr=0.0003"], steps=60)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_slice_is_the_function_on_its_plane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    origin, u, v = rng.uniform(-1, 1, (3, 6))
    g = ov.slice(F, origin, u, v)
    x, y = rng.uniform(-1, 1, (2, 3, 4))
    places = origin + x[..., None] * u + y[..., None] * v
    np.testing.assert_allclose(g(x, y), F(places), rtol=1e-12)
    np.testing.assert_allclose(g.gradient(x, y), [F.gradient(places) @ u, F.gradient(places) @ v])
    # The plane is nearest where its projection says, whatever the angle of u and v.
    point = rng.normal(size=6)
    a, b = g.project(point)
    foot = origin + a * u + b * v
    np.testing.assert_allclose([(point - foot) @ u, (point - foot) @ v], 0, atol=1e-8)
    assert g.distance(point) == pytest.approx(np.linalg.norm(point - foot))
    assert g.project(origin + 0.3 * u - 0.2 * v) == pytest.approx([0.3, -0.2])


def test_two_coordinates_are_axes_themselves() -> None:
    g = ov.slice("rosenbrock:n=6", np.ones(6), 2, 4)
    p = np.ones(6)
    p[2], p[4] = 0.5, -1.5
    assert g(0.5, -1.5) == F(p)
    assert g.axes == ("x₃", "x₅")
    np.testing.assert_allclose(g.minima, [[1, 1]], atol=1e-6)
    t = ov.minimize(g, "adam:lr=0.1", steps=400)
    assert t.values[-1] < 0.01 * t.values[0]
    assert ov.plot(t).axes[0].get_xlabel() == "x₃"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ov.slice("bowl", None, 0, 1), "a function of n coordinates"),
        (lambda: ov.slice(F, None, 0, 0), "two directions"),
        (lambda: ov.slice(F, None, 0, 6), "a coordinate from 0 to 5"),
        (lambda: ov.slice(F, (1, 2), 0, 1), "origin must be 6 finite numbers"),
        (lambda: ov.slice(F, None, np.ones(5), 1), "u must be 6 finite numbers"),
        (lambda: ov.basins(F, "adam"), "has 6 coordinates: .*ov.slice"),
        (lambda: ov.sensitivity(F, "adam"), "has 6 coordinates: .*ov.slice"),
        (lambda: ov.explain(F, ov.Adam()), "has 6 coordinates: .*ov.slice"),
        (lambda: ov.plot([], on=F), "alone has no plane"),
        (lambda: ov.plot(paths(), plane="1,7"), "two coordinates from 1 to 6"),
        (lambda: ov.plot(paths(), plane="tsne"), "plane must be pca"),
        (lambda: ov.plot(paths(), view="steps"), "first steps are for functions of the plane"),
        (lambda: ov.plot(paths(), curve="rate"), "a line for x and one for y"),
        (lambda: ov.plot(ov.minimize("bowl", "adam"), plane="1,2"), "counts only in n dimensions"),
    ],
)
def test_what_a_plane_cannot_show_is_told(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_principal_components_are_those_of_the_covariance() -> None:
    runs = paths()
    g, views = seen(runs)
    points = np.vstack([t.points for t in runs])
    variances = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    shares = 100 * variances / variances.sum()
    assert g.axes == (f"PC 1 ({shares[0]:.3g} %)", f"PC 2 ({shares[1]:.3g} %)")
    places = np.vstack([t.points for t in views])
    np.testing.assert_allclose(np.cov(places.T), np.diag(variances[:2]), atol=1e-8)
    # What is not seen of a point is its distance: Pythagoras.
    centred = points - points.mean(axis=0)
    off = np.sqrt((centred**2).sum(axis=1) - (places**2).sum(axis=1))
    assert f"paths lie up to {off.max():.2g} off it" in g.note
    assert g.contains(places).all()
    assert g.start[0] < 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 7))
def test_a_path_is_seen_from_one_side_however_its_coordinates_are_named(seed, k, n) -> None:
    points = np.random.default_rng(seed).normal(size=(k, n)).cumsum(axis=0)
    ways, shares = principal(points)
    assume(shares[0] - shares[1] > 1e-3 or k == 1)
    if n > 1:
        np.testing.assert_allclose(ways @ ways.T, np.eye(2), atol=1e-9)
    # Mirrored coordinates in another order: the same places.
    order = np.arange(n)[::-1]
    mirrored, _ = principal(-points[:, order])
    for way, other, share in zip(ways, mirrored, shares, strict=True):
        if share > 1e-3:
            there, here = -points[:, order] @ other, points @ way
            np.testing.assert_allclose(there - there.mean(), here - here.mean(), atol=1e-6)
            assert here[0] - here.mean() <= np.ptp(here) / 10


def test_a_path_of_one_line_or_one_point_has_a_plane() -> None:
    t = ov.minimize("sphere:n=4", "sgd:lr=0.1", steps=20)
    g, _ = seen([t])
    assert g.axes[0] == "PC 1 (100 %)"
    assert ov.plot(t)
    one = dataclasses.replace(t, points=t.points[:1], diverged_at=1)
    assert seen([one])[0].bounds


def test_a_picture_tells_of_the_whole_path() -> None:
    runs = paths()
    for plane in ("pca", "1,2"):
        figure = ov.plot(runs, plane=plane)
        by_label = {axes.get_label(): axes for axes in figure.axes}
        g, views = seen(runs, plane)
        for t, line in zip(runs, views, strict=True):
            curve = t.values - F.minimum
            assert any(np.array_equal(drawn.get_ydata(), curve)
                       for drawn in by_label["curve"].lines)  # fmt: skip
            assert any(len(drawn.get_xdata()) == len(t.points)
                       and np.allclose(np.column_stack(drawn.get_data()), line.points)
                       for drawn in by_label["map"].lines)  # fmt: skip
        words = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
        assert "10 dimensions" not in words
        assert "Rosenbrock in 6 dimensions" in words
        assert f"{g.note.split(';')[1].strip()}" in words
        assert "start (−1.2, 1, −1.2, …)" in words
    assert by_label["map"].get_xlabel() == "x₁"
    for kind in ("distance", "gradient", "step"):
        assert ov.plot(runs, curve=kind)
    # The minimum is a star where it lies in the plane, and nowhere else.
    assert not len(seen(runs, "1,2")[0].minima)
    end = dataclasses.replace(runs[0], points=np.vstack([np.ones(6), 0.9 * np.ones(6)])[::-1])
    np.testing.assert_allclose(seen([end], "1,2")[0].minima, [[1, 1]])


def test_pictures_of_n_dimensions_are_made_again(tmp_path) -> None:
    for name, settings_ in {
        "a": {"optimizers": ["adam:lr=0.1", "sgd"], "on": "quadratic:n=5,condition=30"},
        "b": {"optimizers": "adam:lr=0.1", "on": "levy:n=3", "plane": "1,3", "steps": 20},
        "c": {"optimizers": "sgd:lr=0.01", "on": "sphere:n=3", "start": (1, 2, 3), "noise": 0.3,
              "runs": 5, "seed": 3},
    }.items():  # fmt: skip
        path = ov.save(ov.study("plot", dpi=40, **settings_), tmp_path / f"{name}.png")
        again = replay(path)
        assert again.read_bytes() == path.read_bytes()
        assert "--on" in read_study(path).command()
    film = ov.animate(ov.minimize("sphere:n=3", "adam:lr=0.5", start=(1, 2, 3), steps=5))
    path = film.save(tmp_path / "a.gif")
    assert replay(path).read_bytes() == path.read_bytes()
    mine = ov.function(lambda p: (p**2).sum(), n=3)
    plane = ov.slice(F, None, 0, 1)
    for f in (mine, plane):
        path = ov.save(
            ov.plot(ov.minimize(f, "adam:lr=0.5", steps=5)), tmp_path / "own.png", dpi=40
        )
        with pytest.raises(SpecError, match="Python function"):
            replay(path)


def test_other_bounds_travel(tmp_path) -> None:
    f = ov.function("sphere:n=3", bounds=(-1, 2))
    assert ov.function(f.formula).bounds == f.bounds == ((-1.0, 2.0),) * 3
    uneven = ov.function("sphere:n=3", bounds=((-1, 2), (-1, 2), (-1, 3)))
    path = ov.save(ov.plot(ov.minimize(uneven, "adam:lr=0.5", steps=5)), tmp_path / "a.png", dpi=40)
    with pytest.raises(SpecError, match="bounds"):
        replay(path)


def test_bands_and_surfaces_are_seen_too() -> None:
    t = ov.ensemble("sphere:n=4", "sgd:lr=0.1", runs=5, noise=0.2, steps=10)
    g, (view,) = seen([t])
    assert view.band is not None
    np.testing.assert_allclose(view.band.paths, g.project(t.band.paths))
    assert ov.plot(t)
    assert ov.plot(t, view="surface")
    figure = ov.plot(t, view="field", layout="race")
    assert figure.axes[0].get_xlabel().startswith("PC 1")


def test_a_path_from_elsewhere_in_n_dimensions_is_seen_too() -> None:
    t = ov.minimize(F, "adam:lr=0.05", steps=30)
    mine = ov.Trajectory.from_points(t.points, on=F, label="mine")
    np.testing.assert_array_equal(mine.values, t.values)
    figure = ov.plot([t, mine], plane="1,2")
    words = " ".join(text.get_text() for text in figure.texts)
    assert "Adam and mine on Rosenbrock in 6 dimensions" in words
    with pytest.raises(ValueError, match="a row of 6 coordinates"):
        ov.Trajectory.from_points(t.points[:, :2], on=F)
    rows = ov.Trajectory.from_points(t.points, on=F, label="mine").to_dict()
    assert "x6" in str(rows)


def test_tables_of_a_view_are_those_of_the_whole_path() -> None:
    study = ov.study("plot", optimizers="adam:lr=0.1", on="sphere:n=3", steps=5)
    result = study.run()
    columns = result.table().columns
    assert {"x1", "x2", "x3"} <= set(columns)
    np.testing.assert_array_equal(columns["value"], result.trajectories[0].whole.values)
