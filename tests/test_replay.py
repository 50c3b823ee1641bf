"""Every picture carries what made it, and can be made again; a hostile one is refused."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optviz as ov
from optviz.render import encode, metadata, output
from optviz.render.explain import ExplainFilm, explain_figure
from optviz.render.spec import Run, Spec, SpecError
from optviz.studies.remake import make, read_spec, replay

FILMS = [".gif", ".mp4", ".webm", ".webp", ".apng"]


@pytest.fixture(scope="module")
def runs() -> list[ov.Trajectory]:
    specs = ["sgd:lr=0.01", "adam:beta1=0.8,convention=torch", "momentum:lr=cosine(0.002,30)"]
    return ov.race("beale", specs, steps=30, noise=0.01, rng=5)


@pytest.mark.parametrize("suffix", list(output.STILL))
def test_still_pictures_come_back_as_the_same_bytes(runs, tmp_path: Path, suffix: str) -> None:
    path = output.save(ov.plot(runs, theme="dark"), tmp_path / f"a{suffix}", dpi=90)
    again = replay(path)
    assert again == tmp_path / f"a-again{suffix}"
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", FILMS)
def test_films_come_back_as_the_same_bytes(runs, tmp_path: Path, suffix: str) -> None:
    film = ov.animate(runs, size=(401, 301), fps=20, theme="print", layout="panels")
    path = film.save(tmp_path / f"a{suffix}")
    assert replay(path, tmp_path / f"b{suffix}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("view", ["surface", "field"])
def test_views_and_functions_alone_come_back(tmp_path: Path, view: str) -> None:
    path = output.save(ov.plot([], on="x^2 - x*y + y²", view=view), tmp_path / "a.png")
    assert replay(path, tmp_path / "b.png").read_bytes() == path.read_bytes()


def test_explanations_come_back(tmp_path: Path) -> None:
    e = ov.explain("bowl", ov.Adam(lr=0.5), steps=3)
    still = output.save(explain_figure(e, theme="dark"), tmp_path / "a.svg")
    film = ExplainFilm(e, size=(640, 400)).save(tmp_path / "a.gif")
    turning = ov.animate(
        ov.minimize("bowl", ov.Adam(lr=0.5), steps=4), view="surface", turn=30, size=(400, 300)
    ).save(tmp_path / "t.gif")
    for path in (still, film, turning):
        assert replay(path).read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def swept() -> dict[str, object]:
    """What sweeps make pictures of, small, with whatever a specification may hold."""
    f = ov.function("x**2/3 + y**4 - x*y", bounds=((-2, 3), (-1, 2)), start=(1, 1.5))
    optimizers = ["adam", "momentum:lr=cosine(0.05,30),convention=torch"]
    return {
        "basins": ov.basins(f, optimizers, size=(24, 16), steps=40, tol=1e-3, noise=0.1, rng=7),
        "sensitivity": ov.sensitivity(f, optimizers, steps=20, starts=5, noise=0.1, rng=7),
        "rates": ov.sensitivity("bowl", "sgd", rates=ov.Axis("lr", 0.1, 3, 9), start=(3, 1),
                                steps=20, starts=5),
        "phase": ov.phase(f, "rmsprop:decay=0.9", ov.Axis("lr", 1e-3, 1, 12, log=True),
                          ov.Axis("decay", 0, 0.99, 9), start=(2, -0.5), steps=60),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "theme", "suffix"),
    [
        ("basins", "light", ".png"),
        ("basins", "dark", ".svg"),
        ("sensitivity", "print", ".png"),
        ("rates", "light", ".pdf"),
        ("phase", "dark", ".png"),
        ("phase", "light", ".jpg"),
    ],
)
def test_pictures_of_sweeps_come_back(swept, tmp_path: Path, kind, theme, suffix) -> None:
    size = None if kind == "basins" else (700, 500)
    figure = ov.plot(swept[kind], theme=theme, size=size)
    path = output.save(figure, tmp_path / f"a{suffix}", dpi=80)
    spec = read_spec(path)
    assert spec.kind == ("sensitivity" if kind == "rates" else kind)
    assert Spec.from_json(spec.to_json()) == spec
    assert replay(path).read_bytes() == path.read_bytes()


def test_a_strip_of_sensitivities_comes_back(tmp_path: Path) -> None:
    from optviz.studies.sensitivity import strip_of

    paths = ov.race("bowl", ["sgd:lr=0.1", "adam"], steps=20, start=(3, 1))
    path = output.save(ov.plot(paths, strip=strip_of(paths)), tmp_path / "a.png", dpi=60)
    assert read_spec(path).sensitivity
    assert replay(path).read_bytes() == path.read_bytes()


def test_commands_make_the_pictures_of_sweeps_again(swept, run, tmp_path: Path) -> None:
    for kind in ("basins", "sensitivity", "phase"):
        path = output.save(ov.plot(swept[kind]), tmp_path / f"{kind}.png", dpi=60)
        words = shlex.split(read_spec(path).command())
        assert words[:2] == ["optviz", kind]
        done = run(*words[1:], "--dpi", "60", "-o", "b.png")
        assert done.returncode == 0, done.stderr
        a, b = read_spec(path), read_spec(tmp_path / "b.png")
        # The command line gives axes no counts, and legends no remark on a tuned rate.
        keep = ("kind", "function", "bounds", "theme", "size")
        assert all(getattr(a, name) == getattr(b, name) for name in keep)
        for mine, theirs in zip(a.runs, b.runs, strict=True):
            # A map of all starts has no start of its own.
            names = {"optimizer", "start", "steps", "noise", "seed", "runs"}
            for name in names - ({"start"} if kind == "basins" else set()):
                assert getattr(mine, name) == getattr(theirs, name), (kind, name)
        for mine, theirs in zip(a.grid, b.grid, strict=True):
            assert (mine.name, mine.low, mine.high, mine.log) == (
                theirs.name, theirs.low, theirs.high, theirs.log)  # fmt: skip


def test_the_path_is_the_same_to_the_bit(runs, tmp_path: Path) -> None:
    spec = read_spec(ov.animate(runs, size=(400, 300)).save(tmp_path / "a.gif"))
    film = make(spec)
    assert isinstance(film, ov.Animation)
    for mine, theirs in zip(runs, film.trajectories, strict=True):
        np.testing.assert_array_equal(mine.points, theirs.points)
        assert mine.remark == theirs.remark


def test_the_command_line_makes_the_same_picture(run, tmp_path: Path) -> None:
    done = run("plot", "sgd:lr=0.3", "adam", "--on", "x**2/3 + y**4", "--start=1,-2", "--noise",
               "0.1", "--seed", "4", "--steps", "20", "--theme", "dark", "-o", "a.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = run("spec", "a.png").stdout.splitlines()
    assert json.loads(printed[0])["function"] == "x**2/3 + y**4"
    words = shlex.split(printed[1])
    assert run(*words[1:], "-o", "b.png").returncode == 0
    # The rate was tuned then and is given now: the legend says less, the paths are the same.
    a, b = read_spec(tmp_path / "a.png"), read_spec(tmp_path / "b.png")
    assert [r.optimizer for r in a.runs] == [r.optimizer for r in b.runs]
    assert run("replay", "a.png", "-o", "c.png").stdout == "c.png\n"
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_json_round_trips(runs) -> None:
    spec = ov.animate(runs, size=(640, 480)).spec()
    assert Spec.from_json(spec.to_json()) == spec
    assert spec.to_json().isascii()


# -- what is refused ------------------------------------------------------------------------

AXIS = {"name": "lr", "low": 0.1, "high": 1.0, "count": 5, "log": False}
OTHER = {**AXIS, "name": "momentum", "high": 0.9}

GOOD = Spec("plot", "bowl", ((-8.0, 8.0), (-5.0, 5.0)), (Run("sgd:lr=0.1", (-7.0, 2.0), 5),))


def broken(**changes: object) -> str:
    return json.dumps({**json.loads(GOOD.to_json()), **changes})


def broken_run(**changes: object) -> str:
    data = json.loads(GOOD.to_json())
    data["runs"][0].update(changes)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("[1]", "no specification"),
        ("{}", "no specification"),
        ("[" * 100_000, "no JSON|at most"),
        (" " * 300_000, "at most"),
        ('{"optviz": "1", "kind": NaN}', "NaN is not allowed"),
        (broken(extra=1), "unknown field extra"),
        (broken(kind="exec"), "kind must be one of"),
        (broken(function="os:system"), "is a Python function"),
        (broken(function="x" * 2000), "at most 1000"),
        (broken(function=3), "function must be a text"),
        (broken(bounds=[[0, 1]]), "bounds must be a pair"),
        (broken(bounds=[[0, "1"], [0, 1]]), "bounds must be a finite number"),
        (broken(size=[10**9, 10]), "size must be a whole number"),
        (broken(dpi=100000), "dpi must be"),
        (broken(fps=-1), "fps must be"),
        (broken(curve=1), "curve must be one of gap"),
        (broken(theme="../x"), "theme must be one of"),
        (broken(runs={}), "runs must be a list"),
        (broken(runs=[3]), r"runs\[0\] must be an object"),
        (broken(runs=json.loads(GOOD.to_json())["runs"] * 200), "at most 100"),
        (broken(grid=3), "grid must be a list of at most two axes"),
        (broken(grid=[AXIS] * 3), "grid must be a list of at most two axes"),
        (broken(grid=[{}]), r"grid\[0\] must be an object with name, low, high, count, log"),
        (broken(grid=[{**AXIS, "code": 1}]), r"grid\[0\] must be an object"),
        (broken(grid=[{**AXIS, "name": 1}]), r"grid\[0\].name must be a text"),
        (broken(grid=[{**AXIS, "count": 10**9}]), r"grid\[0\].count must be a whole number"),
        (broken(grid=[{**AXIS, "low": 2.0}]), r"grid\[0\]: lr must range over two rising"),
        (broken(grid=[{**AXIS, "low": 0.0, "log": True}]), r"grid\[0\]: lr on a log axis"),
        (broken(grid=[{**AXIS, "log": 1}]), r"grid\[0\].log must be true or false"),
        (broken(sensitivity=1), "sensitivity must be true or false"),
        (broken_run(runs=0), "runs must be a whole number"),
        (broken_run(steps=10**9), "steps must be a whole number"),
        (broken_run(steps=True), "steps must be a whole number"),
        (broken_run(seed=-1), "seed must be"),
        (broken_run(code="import os"), "unknown field code"),
        (broken_run(remark="x" * 200), "remark must be"),
        (broken_run(start=[1]), "start must be a pair"),
        ('{"optviz": "1"}', "it lacks"),
    ],
)
def test_bad_specifications_are_refused(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        Spec.from_json(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (broken(function="__import__('os')"), "not a function|known function"),
        (broken(function="9**9**9**9"), "beyond 64"),
        (broken_run(optimizer="rm -rf"), "no optimizer"),
        (broken_run(optimizer="sgd:lr=-1"), "lr must be"),
        (broken_run(start=[99, 99]), "outside"),
        (broken_run(noise=0.1, seed=None), "no seed"),
        (broken(bounds=[[1, 0], [0, 1]]), "rising"),
        (broken(size=[1, 1]), "size must lie"),
        (broken(kind="animate"), "needs fps"),
        (broken(kind="explain", runs=[]), "one run"),
        (broken(runs=[]) and broken(kind="animate", runs=[], fps=5), "at least one"),
        (broken(kind="basins"), "axes and runs do not make a picture of the kind basins"),
        (broken(kind="basins", runs=[]), "basins needs at least one run"),
        (broken(kind="basins", grid=[AXIS]), "axes and runs do not make"),
        (broken(kind="sensitivity", grid=[AXIS, OTHER]), "axes and runs do not make"),
        (broken(kind="sensitivity", grid=[OTHER]), "rates must be an Axis"),
        (broken(kind="phase", grid=[AXIS, AXIS]), "not lr twice"),
        (broken(kind="phase", grid=[AXIS, OTHER]), "SGD has no 'momentum'"),
        (broken(kind="phase", grid=[AXIS, OTHER], runs=[]), "phase needs at least one run"),
        (
            broken(kind="phase", grid=[AXIS, OTHER], runs=json.loads(GOOD.to_json())["runs"] * 2),
            "axes and runs do not make",
        ),
        (
            broken(kind="basins", grid=[{**AXIS, "count": 100_000}, {**OTHER, "count": 100_000}]),
            "at most",
        ),
        (
            broken(
                kind="sensitivity",
                size=[320, 240],
                runs=[
                    {"optimizer": name, "start": [-7, 2], "steps": 2}
                    for name in ("sgd", "adam", "lion", "radam", "adagrad")
                ],
            ),
            "leaves no room",
        ),
    ],
)
def test_sound_json_with_bad_contents_is_refused_when_made(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(Spec.from_json(text))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["optviz", "kind", "function", "bounds", "runs", "size", "x"]), inner),
    max_leaves=12,
))  # fmt: skip
def test_any_json_is_a_specification_or_an_error(data) -> None:
    with contextlib.suppress(SpecError):
        Spec.from_json(json.dumps(data))


@pytest.mark.parametrize("suffix", [*output.STILL, *FILMS, ".html"])
@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "none"])
def test_files_that_are_no_pictures_are_refused(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"a{suffix}"
    if damage == "cut" and suffix != ".html":
        t = ov.minimize("bowl", ov.SGD(lr=0.1), steps=3)
        if suffix in output.STILL:
            output.save(ov.plot(t, size=(320, 240)), path, dpi=50)
        else:
            ov.animate(t, size=(320, 240)).save(path)
        path.write_bytes(path.read_bytes()[:60])
    elif damage == "none" and suffix == ".png":
        from PIL import Image

        Image.new("RGB", (3, 3)).save(path)
    else:
        path.write_bytes(b"" if damage == "empty" else b"\x00\xff garbage" * 30)
    with pytest.raises(SpecError):
        read_spec(path)


def test_command_line_refuses_with_one_line(run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "a.txt").write_text("no picture")
    for args in (("spec", "a.png"), ("replay", "a.png"), ("spec", "a.txt"), ("replay", "no.png")):
        done = run(*args)
        assert done.returncode in (1, 2)
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


def test_hostile_text_in_a_file_is_only_text(tmp_path: Path) -> None:
    path = ov.animate(ov.minimize("bowl", ov.SGD(lr=0.1), steps=2), size=(320, 240)).save(
        tmp_path / "a.gif"
    )
    data = path.read_bytes()
    start = data.index(b"\x21\xfe")
    end = data.index(b"\x00", start + 3) + 1
    bare = data[:start] + data[end:]
    path.write_bytes(bare)
    metadata.embed(path, '{"optviz": "1", "kind": "plot", "__reduce__": "os.system"}')
    with pytest.raises(SpecError, match="unknown field __reduce__"):
        read_spec(path)
    path.write_bytes(bare)
    metadata.embed(path, "x" * 250_000)
    with pytest.raises(SpecError, match="at most"):
        read_spec(path)


def test_every_film_format_has_a_place_for_the_specification() -> None:
    assert set(encode.FORMATS) <= set(metadata._READERS)
    assert set(output.STILL) <= set(metadata._READERS)


def test_basins_of_a_catalogue_function_replay_to_the_same_bytes(tmp_path: Path) -> None:
    """Its start and bounds are whole numbers, which JSON tells from floats."""
    original = ov.save(ov.plot(ov.basins("himmelblau", "adam:lr=0.3", size=(30, 30))),
                       tmp_path / "b.png", dpi=50)  # fmt: skip
    assert ov.replay(original).read_bytes() == original.read_bytes()
