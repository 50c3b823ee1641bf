"""Paths from elsewhere: what `Trajectory.from_points` takes, and every picture of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

import optviz as ov
from optviz.cli.app import main
from optviz.render import style, theme
from optviz.shared.spec import SpecError
from optviz.studies import files
from optviz.studies.plot import strip_study
from tests.pictures import clashes, legend_of, part_of, words_of

ADAM = ov.minimize("beale", ov.Adam(lr=0.1), steps=30)
MINE = ov.Trajectory.from_points(ADAM.points, on="beale", label="mine")


# -- what it takes ----------------------------------------------------------------------------


@given(arrays(float, st.tuples(st.integers(2, 40), st.just(2)), elements=st.floats(-4, 4)))
def test_points_are_kept_and_valued(points: np.ndarray) -> None:
    t = ov.Trajectory.from_points(points, on="beale", label="mine")
    np.testing.assert_array_equal(t.points, points)
    np.testing.assert_array_equal(t.values, ov.function("beale").values_along(points))
    assert (t.steps, t.optimizer, t.label, t.diverged_at) == (len(points) - 1, None, "mine", None)
    assert not np.shares_memory(t.points, points)  # somebody's loop goes on with its array


@pytest.mark.slow
def test_tensors_with_a_gradient_are_points() -> None:
    torch = pytest.importorskip("torch", reason="its tensors are what is read")
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    optimizer, seen, losses = torch.optim.SGD([x], lr=0.1), [], []
    for _ in range(5):
        loss = (x**2).sum()
        seen.append(x * 1)
        losses.append(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t = ov.Trajectory.from_points(seen, on="sphere", values=losses)
    ours = ov.minimize("sphere", ov.SGD(lr=0.1), start=(-1, 2), steps=4)
    np.testing.assert_allclose(t.points, ours.points, rtol=1e-6)
    np.testing.assert_allclose(t.values, ours.values, rtol=1e-6)


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_path_ends_before_what_is_not_finite(lost: int) -> None:
    points = ADAM.points[:6].copy()
    points[lost:] = np.nan
    t = ov.Trajectory.from_points(points, on="beale")
    assert (t.diverged_at, len(t.points), t.steps) == (lost, lost, 5)
    values = np.where(np.arange(6) < lost, 1.0, np.inf)
    t = ov.Trajectory.from_points(ADAM.points[:6], on="beale", values=values)
    assert (t.diverged_at, t.values.tolist()) == (lost, [1.0] * lost)
    assert isinstance(ov.plot(t), Figure)


@pytest.mark.parametrize(
    ("points", "more", "says"),
    [
        ([(1, 2)], {}, "points must be a table with a row x, y .* not of shape (1, 2)"),
        (np.zeros((2, 9)), {}, "not of shape (2, 9)"),
        ([1, 2, 3], {}, "not of shape (3,)"),
        ([(1, 2), (3,)], {}, "points must be a table of numbers, not [(1, 2), (3,)]"),
        ("abc", {}, "points must be a table of numbers, not 'abc'"),
        ([(9, 9), (1, 1)], {}, "start (9, 9) lies outside beale's domain"),
        ([(np.nan, 1), (1, 1)], {}, "lies outside beale's domain"),
        (
            MINE.points,
            {"values": [1, 2]},
            "one number for each of the 31 points, not of shape (2,)",
        ),
        (MINE.points, {"values": [np.nan] * 31}, "values must begin with a finite number, not nan"),
        (MINE.points, {"label": " "}, "label must be a text that names the path, not ' '"),
        (MINE.points, {"label": 3}, "label must be a text that names the path, not 3"),
    ],
)
def test_what_is_no_path_is_told_in_one_line(points, more, says: str) -> None:
    pattern = ".*".join(map(_escaped, says.split(" .* ")))
    with pytest.raises(ValueError, match=pattern) as e:
        ov.Trajectory.from_points(points, on="beale", **more)
    assert "\n" not in str(e.value)


def _escaped(text: str) -> str:
    return text.replace("(", r"\(").replace(")", r"\)").replace("[", r"\[").replace("]", r"\]")


# -- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [{}, {"view": "field"}, {"view": "surface"}, {"layout": "panels"}, {"theme": "dark"},
     *({"curve": kind} for kind in ("distance", "gradient", "step", "rate", "none"))],
)  # fmt: skip
def test_every_still_shows_it_under_its_label_alone(how) -> None:
    figure = ov.plot([ADAM, MINE], **how)
    assert words_of(figure).startswith("Adam and mine on Beale")
    assert any(text.startswith("mine") for text in legend_of(figure))
    alone = {key: value for key, value in how.items() if key != "layout"}
    figure = ov.plot(MINE, **alone)
    said = words_of(figure)
    assert said.startswith("mine on Beale")
    assert "convention" not in said
    assert "NoneType" not in said + "".join(legend_of(figure))
    assert clashes(figure) == []


def test_its_line_is_the_line_of_the_optimizer_in_a_colour_of_its_own() -> None:
    adam, mine = (
        {line.get_color(): line.get_ydata() for line in part_of(ov.plot(t), "curve").lines}
        for t in (ADAM, MINE)
    )
    assert style.OWN_COLORS[0] in mine
    assert style.OWN_COLORS[0] not in adam
    ours = adam[theme.THEMES["light"].optimizers["adam"]]
    np.testing.assert_array_equal(mine[style.OWN_COLORS[0]], ours)


def test_a_label_that_is_an_optimizer_s_name_is_not_taken_for_it() -> None:
    t = ov.Trajectory.from_points(MINE.points, on="beale", label="adam")
    adam, other = style.strokes([ADAM, t], theme.THEMES["light"])
    assert (adam.name, other.name) == ("Adam", "adam")
    assert (other.color, other.dash) == (style.OWN_COLORS[0], "-")


def test_paths_of_one_label_are_told_apart_by_their_starts() -> None:
    other = ov.Trajectory.from_points(MINE.points[5:], on="beale", label="mine")
    names = [s.name for s in style.strokes([ADAM, MINE, other], theme.THEMES["light"])]
    starts = [style.point_text(t.start) for t in (MINE, other)]
    assert names == ["Adam", *(f"mine from {start}" for start in starts)]


def test_of_noise_nothing_is_said_that_nobody_knows() -> None:
    noisy = ov.minimize("beale", ov.SGD(lr=0.01), steps=30, noise=0.1, rng=1)
    quiet, beside = (style.strokes([t, MINE], theme.THEMES["light"]) for t in (ADAM, noisy))
    assert [s.label for s in quiet] == ["Adam  lr = 0.1", "mine"]
    assert [s.label for s in beside] == ["SGD  lr = 0.01 (gradient noise σ = 0.1, seed 1)", "mine"]


def test_four_paths_are_no_four_optimizers() -> None:
    runs = [ov.Trajectory.from_points(MINE.points, on="beale", label=c) for c in "abc"]
    assert style.title(MINE.function, [ADAM, *runs]) == "Four paths on Beale"


def test_given_values_are_its_curve_and_said_to_be_given() -> None:
    values = np.linspace(9, 1, 31)
    t = ov.Trajectory.from_points(MINE.points, on="beale", label="mine", values=values)
    figure = ov.plot(t)
    assert any(np.array_equal(line.get_ydata(), values) for line in part_of(figure, "curve").lines)
    assert "f along mine as given" in words_of(figure)
    assert "mine is at f − f* = 1 after 30 steps" in words_of(figure)


def test_axes_of_one_s_own_and_films_show_it(tmp_path: Path) -> None:
    axes = Figure().subplots(1, 2)
    ov.plot(MINE, axes={"map": axes[0], "curve": axes[1]})
    assert "mine" in [line.get_label() for line in axes[1].lines]
    ov.animate(MINE, view="surface", steps_per_frame=30).save(tmp_path / "a.gif")
    page = ov.animate([ADAM, MINE], layout="panels").save(tmp_path / "a.html").read_text()
    assert '"name":"mine"' in page
    assert "<title>Adam and mine on Beale" in page


# -- what cannot be done ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "label"),
    [(".png", "a, b=(1) 'c'"), (".svg", "Größe: $x$"), (".gif", "mine"), (".html", "</title>")],
)
def test_its_picture_cannot_be_made_again_and_says_so(
    tmp_path: Path, suffix: str, label: str, monkeypatch, capsys
) -> None:
    path = tmp_path / f"mine{suffix}"
    t = ov.Trajectory.from_points(MINE.points[:4], on="beale", label=label)
    runs = [ADAM, t]
    ov.save(ov.plot(runs) if suffix in (".png", ".svg") else ov.animate(runs), path)
    with pytest.raises(SpecError) as e:
        files.read_study(path)
    assert str(e.value) == (
        f"{label!r} is a path of points from elsewhere: its picture cannot be made again"
    )
    for command in ("spec", "replay"):
        monkeypatch.setattr("sys.argv", ["optviz", command, str(path)])
        with pytest.raises(SystemExit) as left:
            main()
        out, line = capsys.readouterr()
        assert (left.value.code, out, line.count("\n")) == (2, "", 1)
        assert line.rstrip().endswith("its picture cannot be made again")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_nobody_runs_it(tmp_path: Path) -> None:
    from optviz.render import output

    study = getattr(ov.plot([ADAM, MINE]), output.STUDY)
    assert json.loads(study.to_json())["optimizers"][1].startswith("points:")
    with pytest.raises(ValueError, match="cannot be made again"):
        study.run()
    for how, says in (({"view": "steps"}, "first steps"),):
        with pytest.raises(
            ValueError, match=f"{says} needs the optimizer of each path, and 'mine'"
        ):
            ov.plot([ADAM, MINE], **how)
    with pytest.raises(ValueError, match="other rates needs the optimizer of each path"):
        strip_study([ADAM, MINE])
