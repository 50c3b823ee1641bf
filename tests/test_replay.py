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
from optviz.shared.spec import SpecError
from optviz.studies.files import from_json, read_study, replay

FILMS = [".gif", ".mp4", ".webm", ".webp", ".apng"]


@pytest.fixture(scope="module")
def runs() -> list[ov.Trajectory]:
    specs = ["sgd:lr=0.01", "adam:beta1=0.8,convention=torch", "momentum:lr=cosine(0.002,30)"]
    return ov.race("beale", specs, steps=30, noise=0.01, rng=5)


@pytest.mark.parametrize("suffix", list(output.STILL))
def test_still_pictures_come_back_as_the_same_bytes(runs, tmp_path: Path, suffix: str) -> None:
    path = ov.save(ov.plot(runs, theme="dark"), tmp_path / f"a{suffix}", dpi=90)
    again = replay(path)
    assert again == tmp_path / f"a-again{suffix}"
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", [
    pytest.param(suffix, marks=[] if suffix in (".gif", ".mp4") else pytest.mark.slow)
    for suffix in FILMS
])  # fmt: skip
def test_films_come_back_as_the_same_bytes(runs, tmp_path: Path, suffix: str) -> None:
    film = ov.animate(runs, size=(401, 301), fps=20, theme="print", layout="panels")
    path = film.save(tmp_path / f"a{suffix}")
    again = replay(path, tmp_path / f"b{suffix}")
    if suffix != ".mp4":
        assert again.read_bytes() == path.read_bytes()
        return
    # x264 makes some blocks of the same frames otherwise, about once in a hundred films.
    assert read_study(again) == read_study(path)
    one, other = decoded(path), decoded(again)
    assert one.shape == other.shape
    assert np.abs(one - other).max() <= 16


def decoded(path: Path) -> np.ndarray:
    """The frames of a film (n, height, width, 3)."""
    import av

    with av.open(str(path)) as file:
        return np.array([f.to_ndarray(format="rgb24") for f in file.decode(video=0)], dtype=int)


@pytest.mark.parametrize("view", ["surface", "field"])
def test_views_and_functions_alone_come_back(tmp_path: Path, view: str) -> None:
    path = ov.save(ov.plot([], on="x^2 - x*y + y²", view=view), tmp_path / "a.png")
    assert replay(path, tmp_path / "b.png").read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_explanations_come_back(tmp_path: Path) -> None:
    e = ov.explain("bowl", ov.Adam(lr=0.5), steps=3)
    still = ov.save(ov.plot(e, theme="dark"), tmp_path / "a.svg")
    film = ov.animate(e, size=(640, 400)).save(tmp_path / "a.gif")
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
    path = ov.save(figure, tmp_path / f"a{suffix}", dpi=80)
    study = read_study(path)
    assert study.name == ("sensitivity" if kind == "rates" else kind)
    assert from_json(study.to_json()) == study
    assert replay(path).read_bytes() == path.read_bytes()


def test_a_strip_of_sensitivities_comes_back(tmp_path: Path) -> None:
    paths = ov.race("bowl", ["sgd:lr=0.1", "adam"], steps=20, start=(3, 1))
    scan = ov.sensitivity("bowl", [t.optimizer for t in paths], steps=20, start=(3, 1))
    path = ov.save(ov.plot(paths, strip=scan), tmp_path / "a.png", dpi=60)
    assert read_study(path).sensitivity
    assert replay(path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("f", "changes", "says"),
    [
        ("beale", {}, "on is 'beale'"),
        ("bowl", {"start": (-3, 1)}, "start is"),
        ("bowl", {"steps": 21}, "steps is 21"),
        ("bowl", {"starts": 7}, "starts is 7"),
        ("bowl", {"rng": 3}, "seed is 3"),
        ("bowl", {"noise": 0.5}, "noise is 0.5"),
    ],
)
def test_a_strip_of_other_runs_is_refused(f: str, changes: dict[str, object], says: str) -> None:
    """A replay would draw the paths' own."""
    paths = ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.3"], steps=20, start=(3, 1))
    settings = {"start": (3, 1), "steps": 20, **changes}
    strip = ov.sensitivity(f, [t.optimizer for t in paths], **settings)
    with pytest.raises(ValueError, match=f"the strip is of other runs: its {says}"):
        ov.plot(paths, strip=strip)
    with pytest.raises(ValueError, match="its optimizers is"):
        ov.plot(paths[:1], strip=ov.sensitivity("bowl", "adam", start=(3, 1), steps=20))


@pytest.mark.slow
def test_the_seed_of_the_starts_is_kept_without_noise(run, tmp_path: Path) -> None:
    """It moves the starts of a scan, noise or not."""
    for seed in ("7", "8"):
        done = run("sensitivity", "adam", "--on", "beale", "--seed", seed, "-o", f"{seed}.png",
                   "--dpi", "60")  # fmt: skip
        assert done.returncode == 0, done.stderr
        path = tmp_path / f"{seed}.png"
        assert replay(path).read_bytes() == path.read_bytes()
    first, second = (read_study(tmp_path / f"{seed}.png").run() for seed in (7, 8))
    assert (first.sweeps[0].starts[1:] != second.sweeps[0].starts[1:]).all()


@pytest.mark.slow
def test_commands_make_the_pictures_of_sweeps_again(swept, run, tmp_path: Path) -> None:
    for kind in ("basins", "sensitivity", "phase"):
        path = ov.save(ov.plot(swept[kind]), tmp_path / f"{kind}.png", dpi=60)
        words = shlex.split(read_study(path).command())
        assert words[:2] == ["optviz", kind]
        done = run(*words[1:], "-o", "b.png")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "b.png").read_bytes() == path.read_bytes()


def test_the_path_is_the_same_to_the_bit(runs, tmp_path: Path) -> None:
    study = read_study(ov.animate(runs, size=(400, 300)).save(tmp_path / "a.gif"))
    for mine, theirs in zip(runs, study.run().trajectories, strict=True):
        np.testing.assert_array_equal(mine.points, theirs.points)
        assert mine.remark == theirs.remark


def test_paths_that_differ_in_everything_come_back(tmp_path: Path) -> None:
    f = ov.function("beale", bounds=((-3, 4), (-3, 3)))
    runs = [
        ov.minimize(f, ov.SGD(lr=0.01), start=(1, 2), steps=9, box=True),
        ov.minimize(f, ov.Adam(lr=0.3), start=(-1, 0.5), steps=30, tol=0.01),
        ov.minimize(f, ov.Momentum(lr=0.01), start=(2, 2), steps=12, noise=0.2, rng=9),
    ]
    path = ov.save(ov.plot(runs), tmp_path / "a.png", dpi=60)
    for mine, theirs in zip(runs, read_study(path).run().trajectories, strict=True):
        np.testing.assert_array_equal(mine.points, theirs.points)
        for name in ("start", "steps", "noise", "tol", "box", "converged_at", "diverged_at"):
            assert getattr(mine, name) == getattr(theirs, name), name
    assert replay(path).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_the_command_line_makes_the_same_picture(run, tmp_path: Path) -> None:
    done = run("plot", "sgd:lr=0.3", "adam", "--on", "x**2/3 + y**4", "--start=1,-2", "--noise",
               "0.1", "--seed", "4", "--steps", "20", "--theme", "dark", "--tol", "0.01", "--box",
               "-o", "a.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = run("spec", "a.png").stdout.splitlines()
    assert json.loads(printed[0])["on"] == "x**2/3 + y**4"
    words = shlex.split(printed[1])
    assert run(*words[1:], "-o", "b.png").returncode == 0
    assert run("replay", "a.png", "-o", "c.png").stdout == "c.png\n"
    original = (tmp_path / "a.png").read_bytes()
    assert [(tmp_path / f"{name}.png").read_bytes() == original for name in "bc"] == [True, True]


# -- what is refused ------------------------------------------------------------------------

GOOD = json.loads(ov.study("plot", optimizers="sgd:lr=0.1", steps=5).to_json())


def broken(of: str = "plot", /, **changes: object) -> str:
    good = GOOD if of == "plot" else json.loads(ov.study(of).to_json())
    return json.dumps({**good, **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("[1]", "no specification"),
        ("{}", "no specification"),
        ("[" * 100_000, "no JSON|at most"),
        (" " * 300_000, "at most"),
        ('{"optviz": "1", "study": NaN}', "NaN is not allowed"),
        (broken(extra=1), "unknown field 'extra'"),
        (broken(stpes=1), r"unknown field 'stpes' \(did you mean 'steps'\?\)"),
        (broken(study="exec"), "no study is called 'exec'"),
        (broken(study=["plot"]), "no study is called"),
        (broken(format="1"), "has the format '1'"),
        (broken(format=None), "before files had a format number"),
        (broken(on="os:system"), "is a Python function"),
        (broken(on="x" * 2000), "at most 1,000"),
        (broken(on=3), "on must be a text"),
        (broken(on="bo\x1b[1mwl"), "on must be a text"),
        (broken(on=["bowl", "x"]), "function"),
        (broken(bounds="0,1"), "bounds must be four numbers"),
        (broken(bounds=[[0, "1"], [0, 1]]), "bounds must be a text"),
        (broken(bounds="1,0,0,1"), "rising"),
        (broken(bounds="0,inf,0,1"), "bounds must be"),
        (broken(size="1000000000x10"), "size must lie"),
        (broken(size="1x1"), "size must lie"),
        (broken(size=[800, 600]), "size must be a text"),
        (broken(dpi=100000), "dpi must be a whole number from 20 to 600, not 100000"),
        (broken(dpi="200"), "dpi must be a whole number"),
        (broken(dpi=True), "dpi must be a whole number"),
        (broken(curve=1), "curve must be a text"),
        (broken(curve="gradients"), "curve must be one of gap"),
        (broken(theme="../x"), "theme must be one of light, dark, print"),
        (broken(optimizers={}), "optimizers must be a text"),
        (broken(optimizers=[3]), "optimizers must be a text"),
        (broken(optimizers=["sgd"] * 200), "at most 100"),
        (broken(optimizers=["rm -rf"]), "no optimizer"),
        (broken(optimizers=["own.mine:lr=1"]), "no optimizer"),
        (broken(optimizers=["sgd:lr=-1"]), "lr must be"),
        (broken(optimizers=["sgd:steps=x"]), "steps must be a whole number, not 'x'"),
        (broken(optimizers=["sgd:start=1"]), "start must be"),
        (broken(optimizers=["sgd:tol=1,tol=2"]), "tol is given twice"),
        (broken(start="99,99"), "outside"),
        (broken(start="1"), "start must be two numbers"),
        (broken(runs=0), "runs must be a whole number"),
        (broken(steps=10**9), "steps must be a whole number"),
        (broken(steps=5.5), "steps must be a whole number"),
        (broken(steps=True), "steps must be a whole number"),
        (broken(seed=-1), "seed must be"),
        (broken(sensitivity=1), "sensitivity must be true or false"),
        (broken(on="__import__('os')"), "not a function|known function"),
        (broken(on="9**9**9**9"), "beyond 64"),
        (broken("animate", fps=-1), "fps must be"),
        (broken("animate", optimizers=[]), "at least one optimizer"),
        (broken("explain", optimizer=None), "optimizer"),
        (broken("explain", steps=61), "steps must be a whole number from 1 to 60, not 61"),
        (broken("basins", optimizers=[]), "basins needs at least one optimizer"),
        (broken("basins", size="100001x5"), "x takes from 2 to 100,000 values"),
        (broken("sensitivity", rates="1"), "LOW,HIGH"),
        (broken("sensitivity", rates="2,1"), "rising"),
        (broken("sensitivity", rates="0,1"), "positive"),
        (broken("phase", x="lr=1"), "LOW,HIGH"),
        (broken("phase", x="lr=0.1,1,5,7"), "LOW,HIGH"),
        (broken("train", data="own.csv"), "neither built in nor generated"),
        (broken("train", data="mnist:folder"), "neither built in nor generated"),
        (broken("train", save="x.npz"), "names no files"),
        (broken("train", checkpoint="x.npz"), "names no files"),
        (broken("train", layers="64,100000000,10"), "layers may be at most"),
        (broken("activations", activations="rulu"), "did you mean 'relu'"),
        (broken("init-histograms", inits="hee"), "did you mean 'he'"),
    ],
)
def test_bad_specifications_are_refused(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        from_json(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (broken("phase", y="lr"), "not lr twice"),
        (broken("phase", y="lr=0.1,1"), "not lr twice"),
        (broken("phase", optimizer="sgd:lr=0.1"), "SGD has no 'momentum'"),
        (broken("basins", size="100000x100000"), "at most"),
        (broken("train", layers="63,10"), "layers must be such as 64,100,100,10"),
        (broken("train", activation="rulu"), "did you mean 'relu'"),
    ],
)
def test_sound_settings_that_do_not_fit_are_refused_when_run(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_json(text).run()


def test_noise_without_a_seed_is_no_path_to_be_made_again(tmp_path: Path) -> None:
    t = ov.minimize("bowl", ov.SGD(lr=0.1), steps=5, noise=0.1, rng=np.random.default_rng(1))
    path = ov.save(ov.plot(t), tmp_path / "a.png", dpi=50)
    with pytest.raises(SpecError, match="no seed"):
        replay(path)


def test_ones_own_functions_and_optimizers_cannot_be_replayed(tmp_path: Path) -> None:
    class Mine(ov.Optimizer):
        defaults = {"lr": 0.1}

        @staticmethod
        def rule(x, g, lr):
            return x - lr * g

    own = ov.function(lambda x, y: x**2 + y**2)
    for f, optimizer in (("bowl", Mine()), (own, ov.SGD(lr=0.1))):
        t = ov.minimize(f, optimizer, steps=5)
        path = ov.save(ov.plot(t), tmp_path / "a.png", dpi=50)
        with pytest.raises(
            SpecError, match=r"no optimizer is called 'own\.mine'|Python (function|class)"
        ):
            replay(path)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["on", "bounds", "optimizers", "size", "steps", "x"]), inner),
    max_leaves=12,
))  # fmt: skip
def test_any_json_is_a_study_or_an_error(data) -> None:
    with contextlib.suppress(SpecError):
        from_json(json.dumps(data))
    if isinstance(data, dict):
        with contextlib.suppress(SpecError):
            from_json(json.dumps({"optviz": "1", "format": 1, "study": "plot", **data}))


@pytest.mark.parametrize("suffix", [*output.STILL, *FILMS, ".html"])
@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "none"])
def test_files_that_are_no_pictures_are_refused(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"a{suffix}"
    if damage == "cut" and suffix != ".html":
        t = ov.minimize("bowl", ov.SGD(lr=0.1), steps=3)
        if suffix in output.STILL:
            ov.save(ov.plot(t, size=(320, 240)), path, dpi=50)
        else:
            ov.animate(t, size=(320, 240)).save(path)
        path.write_bytes(path.read_bytes()[:60])
    elif damage == "none" and suffix == ".png":
        from PIL import Image

        Image.new("RGB", (3, 3)).save(path)
    else:
        path.write_bytes(b"" if damage == "empty" else b"\x00\xff garbage" * 30)
    with pytest.raises(SpecError):
        read_study(path)


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
    metadata.embed(path, '{"optviz": "1", "format": 1, "study": "plot", "__reduce__": "os"}')
    with pytest.raises(SpecError, match="unknown field '__reduce__'"):
        read_study(path)
    path.write_bytes(bare)
    metadata.embed(path, "x" * 250_000)
    with pytest.raises(SpecError, match="at most"):
        read_study(path)


def test_every_film_format_has_a_place_for_the_specification() -> None:
    assert set(encode.FORMATS) <= set(metadata._READERS)
    assert set(output.STILL) <= set(metadata._READERS)


def test_basins_of_a_catalogue_function_replay_to_the_same_bytes(tmp_path: Path) -> None:
    """Its start and bounds are whole numbers, which JSON tells from floats."""
    original = ov.save(ov.plot(ov.basins("himmelblau", "adam:lr=0.3", size=(30, 30))),
                       tmp_path / "b.png", dpi=50)  # fmt: skip
    assert ov.replay(original).read_bytes() == original.read_bytes()
