"""Films as people use them: single frames, edits by hand, bands of noisy runs, no idle frames."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

import optviz as ov
from optviz.cli.app import app
from optviz.render import metadata
from optviz.render.animate import Stage
from optviz.render.still import STILL, still_from
from optviz.studies import files
from tests.pictures import part_of, words_of
from tests.test_studies import SMALL, small

SIZE = (320, 240)


def film_of(steps: int = 6, **more: Any) -> Any:
    return ov.animate(ov.minimize("bowl", ov.Adam(lr=0.5), steps=steps), size=SIZE, **more)


# -- single frames --------------------------------------------------------------------------


@pytest.mark.slow
def test_frames_are_arrays_of_their_own() -> None:
    film = film_of()
    kept = list(film.frames())
    assert len(kept) == len(film) == 7
    for k, drawn in enumerate(film.frames()):
        np.testing.assert_array_equal(kept[k], drawn)
        np.testing.assert_array_equal(film.frame(k), drawn)
        np.testing.assert_array_equal(film.frame(k - 7), drawn)
    np.testing.assert_array_equal(film.frame("last"), kept[-1])
    assert not np.array_equal(kept[0], kept[-1])


@pytest.mark.parametrize("k", [7, -8, "first", 1.5, True, None, "1e9"])
def test_a_frame_that_is_not_there_is_refused(k: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frame must be a whole number from −7 to 6, or last"):
        film_of().frame(k)
    if k is not None:
        with pytest.raises(ValueError, match="frame must be a whole number"):
            film_of().save(tmp_path / "a.png", frame=k)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("view", ["contour", "surface"])
def test_one_frame_is_a_still_that_can_be_made_again(
    suffix: str, view: str, tmp_path: Path
) -> None:
    film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.5), steps=5), size=SIZE, view=view)
    path = film.save(tmp_path / f"a{suffix}", frame=-2)
    with Image.open(path) as image:
        assert image.size == SIZE
        assert getattr(image, "n_frames", 1) == 1
        if suffix == ".png":
            np.testing.assert_array_equal(np.asarray(image), film.frame(-2)[..., :3])
    assert "--frame -2" in files.read_study(path).command().replace("=", " ")
    assert ov.replay(path).read_bytes() == path.read_bytes()
    with pytest.raises(ValueError, match=r"\.gif"):
        film.save(tmp_path / "b.gif", frame=0)


@pytest.mark.parametrize(
    ("name", "frame"), [("animate", "last"), ("explain", "3"), ("animate", "0")]
)
def test_the_command_line_writes_a_frame(name: str, frame: str, tmp_path: Path) -> None:
    chosen = {k: v for k, v in SMALL[name][0].items() if k != "fps"}  # a still has no rate
    study = ov.study(name, **chosen, frame=frame)
    words = shlex.split(study.command())[1:]
    path = tmp_path / "x.png"
    outcome = CliRunner().invoke(app, [*words, "-q", "-o", str(path)])
    assert outcome.exit_code == 0, outcome.output
    film = study.film(study.run())  # type: ignore[attr-defined]
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), film.frame(frame)[..., :3])
    assert files.read_study(path) == study


@pytest.mark.parametrize("words", ["--frame 99 -o x.png", "--frame two -o x.png",
                                   "--frame 1 -o x.gif", "--frame 1 --fps 9 -o x.png"])  # fmt: skip
def test_a_wrong_frame_is_told_in_a_line(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(app, ["animate", "adam:lr=0.1", "--steps", "5", "-q",
                                       *words.split()])  # fmt: skip
    assert outcome.exit_code != 0
    assert not list(tmp_path.iterdir())
    assert isinstance(outcome.exception, ValueError)
    assert "frame" in str(outcome.exception) or ".png" in str(outcome.exception)


# -- edits ----------------------------------------------------------------------------------


def edited(figure: Any) -> None:
    map_ = figure.axes[0]
    assert map_.get_label() == "map"
    map_.text(-7, -4, "by hand", zorder=2)
    map_.axvspan(-3, -1, color="teal", zorder=20)  # above the paths
    figure.text(0.5, 0.5, "over all", fontsize=20)
    figure.axes[1].set_title("renamed", loc="left")


@pytest.mark.parametrize("layout", [pytest.param("race", marks=pytest.mark.slow), "panels"])
def test_an_edit_is_in_every_frame_and_blits_to_the_bit(layout: str) -> None:
    runs = ov.race("bowl", ["sgd:lr=0.3", "adam:lr=0.5"], steps=3)
    plain, film = (ov.animate(runs, size=(480, 340), layout=layout, edit=edit)
                   for edit in (None, edited))  # fmt: skip
    stage = Stage(film)
    for k in range(len(film)):
        drawn = stage.draw(k).copy()
        np.testing.assert_array_equal(drawn, stage.redraw(k))
        assert (drawn != plain.frame(k)).any(axis=2).sum() > 300
        np.testing.assert_array_equal(drawn, film.frame(k))


@pytest.mark.parametrize("view", ["contour", pytest.param("surface", marks=pytest.mark.slow)])
def test_an_edited_film_says_so(view: str, tmp_path: Path) -> None:
    runs = [ov.minimize("bowl", ov.Adam(lr=0.5), steps=3)]
    seen: list[Any] = []
    film = ov.animate(runs, size=SIZE, view=view, edit=seen.append)
    names = ["a.gif", "b.png", "c.mp4"] + (["d.html"] if view == "contour" else [])
    for name in names:
        path = film.save(tmp_path / name, frame=1 if name == "b.png" else None)
        assert files.is_edited(path)
        assert json.loads(metadata.read(path))["edited"] is True
        assert files.read_study(path).name == "animate"
    assert seen
    assert not files.is_edited(ov.animate(runs, size=SIZE).save(tmp_path / "e.gif"))
    with pytest.warns(UserWarning, match=r"a\.gif was edited by hand: .* without the edit"):
        ov.replay(tmp_path / "a.gif")
    outcome = CliRunner().invoke(app, ["spec", str(tmp_path / "a.gif")])
    assert outcome.exit_code == 0
    assert "edited by hand" in outcome.output


def test_an_explanations_film_takes_an_edit() -> None:
    study = small("explain")
    film = study.film(study.run())  # type: ignore[attr-defined]
    changed = dataclasses.replace(film, edit=lambda figure: figure.set_facecolor("teal"))
    assert (changed.frame(1)[0, 0] == [0, 128, 128, 255]).all()
    assert (film.frame(1)[0, 0] != changed.frame(1)[0, 0]).any()


# -- bands ----------------------------------------------------------------------------------


@settings(max_examples=5, phases=(Phase.explicit, Phase.generate), deadline=None)
@given(st.integers(3, 9), st.floats(0.1, 2.0), st.integers(0, 99), st.sampled_from([0.3, 1.2]))
def test_a_film_shows_the_band_up_to_its_step(
    runs: int, noise: float, seed: int, lr: float
) -> None:
    t = ov.ensemble("bowl", ov.SGD(lr=lr), runs=runs, noise=noise, rng=seed, steps=12)
    film = ov.animate(t, size=(480, 340), steps_per_frame=1)
    stage = Stage(film)
    map_, curve = part_of(stage.sheet.figure, "map"), part_of(stage.sheet.figure, "curve")
    still = part_of(ov.plot(t, size=(480, 340)), "curve")
    for step in (0, 5, film.steps_shown[-1]):
        np.testing.assert_array_equal(stage.draw(step).copy(), stage.redraw(step))
        (thin,) = [c for c in map_.collections if c.get_zorder() == 3.5]
        drawn = thin.get_segments()
        for k, path in enumerate(t.band.paths[:, : step + 1]):
            known = path[np.isfinite(path[:, 0])]
            np.testing.assert_array_equal(drawn[k][np.isfinite(drawn[k][:, 0])], known)
        (band,) = curve.collections
        outline = band.get_paths()[0].vertices[:-1]  # it is closed
        low, high = np.split(outline, 2)
        high = high[::-1]
        np.testing.assert_array_equal(low[:, 0], high[:, 0])
        assert low[-1, 0] <= step
        for x, below, above in zip(low[:, 0], low[:, 1], high[:, 1], strict=True):
            gaps = np.sort(gaps_at(t, int(x)))
            assert gaps[0] * (1 - 1e-9) <= below <= above <= max(gaps[-1], 1e150) * (1 + 1e-9)
    (whole,) = still.collections
    np.testing.assert_allclose(whole.get_paths()[0].vertices, band.get_paths()[0].vertices)


def gaps_at(t: Any, step: int) -> Any:
    values = np.array([float(t.function(*path[step])) for path in t.band.paths])
    return np.where(np.isnan(values), np.inf, np.maximum(values - t.function.minimum, 1e-17))


def test_a_surface_shows_the_runs_that_it_names() -> None:
    t = ov.ensemble("bowl", ov.SGD(lr=0.3), runs=5, noise=0.5, rng=1, steps=9)
    figure = ov.plot(t, view="surface")
    words = words_of(figure)
    assert "median of 5 runs, thin lines: the runs" in words
    assert "band" not in words
    (thin,) = [
        c for c in part_of(figure, "map").collections if len(getattr(c, "_segments3d", ())) == 5
    ]
    for run, path in zip(thin._segments3d, t.band.paths, strict=True):
        np.testing.assert_array_equal(run[:, :2], path)
        np.testing.assert_allclose(run[:, 2], t.function(*path.T))
    # Without a curve there is no band either.
    assert "band" not in words_of(ov.plot(t, curve=False))
    assert "band from 10 % to 90 %" in words_of(ov.plot(t))


def test_a_page_has_the_runs_and_their_band(tmp_path: Path) -> None:
    t = ov.ensemble("bowl", ov.SGD(lr=0.3), runs=4, noise=0.5, rng=1, steps=9)
    text = ov.animate(t, size=SIZE).save(tmp_path / "a.html").read_text()
    data = json.loads(re.findall(r'id="optviz-data">(.*?)</script>', text, re.DOTALL)[0])
    (run,) = data["runs"]
    assert [len(path) for path in run["runs"]] == [10] * 4
    assert len(run["band"]) == 20


# -- frames in which nothing moves ----------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizers", "on", "steps", "is_cut"),
    [
        (["sgd:lr=0.45"], "sphere", 300, True),  # at the floor of rounding soon
        (["sgd:lr=0.3", "momentum:lr=0.02"], "beale", 400, None),  # both leave
        (["adam:lr=0.1"], "beale", 60, False),
        (["sgd:lr=0.45", "adam:lr=0.01"], "sphere", 300, False),  # one still walks
    ],
)
def test_frames_in_which_nothing_moves_are_left_out(
    optimizers: list[str], on: str, steps: int, is_cut: bool | None
) -> None:
    runs = ov.race(on, optimizers, steps=steps)
    film = ov.animate(runs, size=(480, 340), steps_per_frame=3)
    last = max(len(t.points) - 1 for t in runs)
    shown, still = film.steps_shown, film.still
    every = sorted({*range(0, last + 1, 3), last})
    assert shown == sorted(set(shown))
    assert set(shown) <= set(every)
    assert {0, last} <= set(shown)
    stage = Stage(film)
    words = words_of(stage.sheet.figure)
    cut = sorted(set(every) - set(shown))
    assert (f"still from step {still:,} on" in words) == bool(cut)
    if is_cut is not None:
        assert bool(cut) == is_cut
    stage.pose(shown[-1])
    ends = positions(stage)
    for step in cut:
        assert step >= still
        stage.pose(step)
        for k, (now, end) in enumerate(zip(positions(stage), ends, strict=True)):
            across, up = np.abs(now - end)
            assert up <= STILL
            assert k % 2 or across <= STILL  # a curve goes on to the right


def positions(stage: Stage) -> list[Any]:
    """Of heads and dots, in pixels."""
    out = []
    for actor in stage.actors:
        for line, axes in ((actor.head, stage.frame.maps[0]), (actor.dot, stage.frame.curve)):
            out.append(axes.transData.transform(np.column_stack(line.get_data()))[-1])
    return out


def test_a_camera_that_turns_leaves_nothing_out() -> None:
    t = ov.minimize("sphere", ov.SGD(lr=0.45), steps=60)
    turned, fixed = (ov.animate(t, view="surface", turn=turn, size=SIZE) for turn in (30.0, 0.0))
    assert turned.steps_shown == list(range(61))
    assert len(fixed) < 61
    assert still_from([t], SIZE, with_curve=False) == fixed.still <= still_from([t], SIZE)


def test_a_duration_is_that_of_the_frames_that_are_left() -> None:
    study = ov.study("animate", optimizers="sgd:lr=0.45", on="sphere", steps=300, duration=1.0)
    film = study.film(study.run())
    # Less the first, which is the start, and the last, which is held.
    assert (len(film) - 2) / film.fps == pytest.approx(1.0, rel=0.2)
    assert film.still < 150
