"""What holds of every study, over the catalogue: one class, and all that comes from it."""

from __future__ import annotations

import dataclasses
import html
import itertools
import json
import os
import shlex
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import optviz as ov
from optviz.cli.app import app
from optviz.cli.commands import settings_of, study_command
from optviz.render import output
from optviz.shared.spec import SpecError
from optviz.studies import files
from optviz.studies.catalogue import LISTED
from optviz.studies.lookup import studies
from optviz.studies.study import Drawn, Filmed, Study, _end, expected, kind_of, option_of
from tests.pictures import clashes, words_of

NAMES = list(LISTED)
SAMPLES = Path(__file__).parent / "reference" / "studies.jsonl"

#: Small, with as many settings as a picture can have that are not the default.
SMALL: dict[str, list[dict[str, Any]]] = {
    "animate": [
        {"optimizers": ["sgd:lr=0.3", "adam:lr=0.5,start=(3,1)"], "steps": 12, "theme": "dark",
         "steps_per_frame": 4, "fps": 9, "tol": 0.001, "box": True, "noise": 0.1, "seed": 3},
        {"optimizers": "momentum", "on": "x**2/3 + y**4", "bounds": "-3,3,-2,2", "steps": 6,
         "view": "surface", "turn": 20, "size": (360, 260), "duration": 0.5, "fps": 6},
    ],
    "plot": [
        {"optimizers": ["adam", "adam:lr=0.5,steps=9"], "on": "beale", "steps": 15,
         "curve": "distance", "start": (1, 2), "sensitivity": True, "dpi": 60, "theme": "print"},
        {"optimizers": ["sgd:lr=0.3", "lion:lr=0.2"], "noise": 0.4, "runs": 5, "steps": 10,
         "layout": "panels", "size": "800x600", "tune": False, "view": "field"},
        {"optimizers": ["sgd:lr=0.1", "adam:lr=0.3"], "view": "steps"},
        {"on": "sin(x)*cos(y) + x**2/10", "view": "surface"},
    ],
    "explain": [{"optimizer": "adam:lr=0.5", "steps": 4, "noise": 0.2, "seed": 5, "fps": 3}],
    "schedules": [{"schedules": "constant,onecycle", "optimizer": "momentum:momentum=0.5",
                   "lr": 0.1, "on": "beale", "steps": 12, "noise": 0.2, "runs": 3, "start": "1,2",
                   "theme": "dark"}],
    "basins": [{"optimizers": ["adam", "sgd:lr=0.01"], "size": "30x24", "steps": 60, "tol": 1e-3,
                "noise": 0.1, "seed": 2, "theme": "dark"}],
    "sensitivity": [{"optimizers": ["sgd", "adam:beta1=0.8"], "rates": "0.01,3,9", "starts": 4,
                     "steps": 20, "start": "3,1", "noise": 0.1, "seed": 7}],
    "phase": [{"optimizer": "rmsprop:decay=0.9", "on": "beale", "x": "lr=0.001,1,log,9",
               "y": ov.Axis("decay", 0, 0.9, 7), "steps": 30, "start": (2, 1)}],
    "activations": [{"activations": "gelu,elu,tanh", "limit": 3.5, "theme": "dark"}],
    "vanishing": [
        {"data": "moons:n=60", "activations": "tanh", "inits": "he", "depth": 3, "units": 5,
         "steps": 3, "optimizer": "sgd:lr=0.2", "batch_size": 16, "fps": 5},
        {"data": "moons:n=60", "activations": "tanh,relu", "inits": "xavier,he", "depth": 4,
         "units": 8, "theme": "dark"},
    ],
    "hidden-units": [{"data": "blobs:n=90,centers=3", "hidden": "4,3", "activation": "relu",
                      "epochs": 3, "batch_size": 20, "l2": 0.01, "fps": 5, "theme": "dark"}],
    "scaling": [{"data": "moons:n=90", "hidden": "5", "activation": "relu", "epochs": 2,
                 "optimizer": "adam:lr=0.01", "runs": 2, "seed": 3}],
    "init-histograms": [{"activation": "relu", "inits": "he,normal:std=0.02", "layers": 2,
                         "units": 20, "samples": 50, "seed": 4}],
    "init-training": [{"data": "moons:n=120", "inits": "he,zeros", "layers": "2,6,6,2", "epochs": 2,
                       "runs": 2, "activation": "tanh", "theme": "dark"}],
    "lab-inits": [{"filters": "2,3", "units": 5, "epochs": 1, "batch_size": 400, "runs": 1,
                   "theme": "dark"}],
    "lab-optimizers": [{"filters": "2,2", "units": 4, "epochs": 2, "batch_size": 500, "runs": 2,
                        "dropout": 0.0, "optimizers": ["sgd:lr=0.1", "adam:convention=keras"]}],
    "covariate-shift": [{"data": "blobs:n=120,centers=3", "samples": 60, "layers": 2, "units": 6,
                         "activation": "tanh", "epochs": 3, "batch_size": 20, "seed": 2}],
    "bn-grid": [{"data": "moons:n=80", "samples": 50, "layers": 2, "units": 5, "epochs": 3,
                 "batch_size": 10, "scales": 3, "smallest": 0.1, "theme": "dark"}],
    "bn-rates": [{"data": "moons:n=80", "samples": 50, "layers": 2, "units": 5, "epochs": 2,
                  "batch_size": 10, "rates": 4, "lowest": 0.01, "runs": 2, "optimizer": "adam"}],
    "bn-inference": [{"data": "blobs:n=90,centers=3", "samples": 40, "layers": 1, "units": 6,
                      "epochs": 2, "batch_size": 10, "largest": 20, "runs": 2}],
    "fit": [{"units": "1,3,9", "samples": 12, "steps": 30, "runs": 2, "noise": 0.1,
             "theme": "dark"}],
    "regularise": [{"data": "blobs:n=150,centers=3", "remedies": "small,l2,batch_norm",
                    "hidden": "8", "small": "2", "epochs": 3, "batch_size": 30, "runs": 2,
                    "optimizer": "adam:lr=0.01", "seed": 3}],
    "landscape": [
        {"data": "moons:n=120", "optimizers": ["sgd:lr=0.1", "adam:lr=0.02"], "layers": "2,6,2",
         "epochs": 3, "grid": "9x7", "samples": 50, "fps": 5},
        {"data": "blobs:n=90,centers=3", "optimizers": "momentum:lr=0.05", "layers": "2,5,3",
         "epochs": 2, "grid": "8x8", "directions": "random", "reach": 0.5, "batch_norm": True,
         "recompute": False, "curvature": False, "theme": "dark"},
        {"data": "moons:n=90", "optimizers": ["sgd:lr=0.2", "adam:lr=0.02"], "layers": "2,4,2",
         "epochs": 2, "grid": "7x6", "directions": "line", "view": "surface", "fps": 4},
    ],
    "few-samples": [{"data": "moons:n=90", "sizes": "20,40", "layers": 1, "units": 6, "epochs": 2,
                     "batch_size": 10, "runs": 2, "theme": "dark"}],
    "dropout-masks": [{"data": "moons:n=90", "hidden": "6,4", "dropout": 0.3, "epochs": 3,
                       "batch_size": 16, "runs": 2, "activation": "tanh", "fps": 4}],
    "boundaries": [{"data": "moons:n=150,noise=0.2", "samples": 60, "l2s": "0,0.1",
                    "keep_probs": "1,0.7", "hidden": "5", "epochs": 3, "fps": 5, "theme": "dark"}],
    "augment": [{"changes": "shift,rotate:20+noise:0.3", "samples": 60, "hidden": "8", "epochs": 2,
                 "runs": 2, "seed": 4}],
    "early-stopping": [{"data": "moons:n=120,noise=0.4", "layers": "2,12,2", "epochs": 9,
                        "batch_size": 16, "patience": 2, "optimizer": "adam:lr=0.05", "seed": 1}],
    "conv": [{"filters": "3,4", "units": 6, "epochs": 1, "batch_size": 300, "count": 2,
              "window": 1, "activation": "tanh", "theme": "dark"}],
    "train": [{"data": "moons:n=120", "optimizers": ["sgd:lr=0.1", "adam"], "layers": "2,8,2",
               "epochs": 2, "runs": 2, "batch_norm": False, "patience": 3, "l2": 0.01}],
    "confusion": [{"data": "blobs:n=150,centers=4", "optimizer": "sgd:lr=0.1", "layers": "2,8,4",
                   "epochs": 2, "theme": "dark", "seed": 3}],
    "mistakes": [{"optimizer": "sgd:lr=0.1", "layers": "64,10", "epochs": 1, "count": 7}],
    "boundary": [{"data": "spirals:n=120,arms=3", "optimizer": "adam:lr=0.01", "layers": "2,16,3",
                  "epochs": 3, "grid": 40, "batch_norm": False, "l2": 0.001}],
}  # fmt: skip
CASES = [pytest.param(name, k, id=f"{name}-{k}") for name in NAMES for k in range(len(SMALL[name]))]


def small(name: str, k: int = 0, **changes: Any) -> Study:
    return ov.study(name, **{**SMALL[name][k], **changes})


def suffix_of(study: Study) -> str:
    return ".png" if isinstance(study, Drawn) else ".gif"


def read_back(study: Study) -> Study:
    """The study that its command line makes."""
    words = shlex.split(study.command())
    assert words[:2] == ["optviz", study.name]
    command = study_command(study.name)
    context = command.make_context(study.name, words[2:])
    given = settings_of(type(study), context.params)
    return type(study)(**given).refuse_idle(given)


def without_idle(study: Study) -> Study:
    """The study with the defaults of what changes nothing in it: no command line tells that."""
    told = {k: v for k, v in study.settings().items() if k not in study.idle()}
    return type(study)(**told)


def test_every_study_has_a_small_case() -> None:
    assert SMALL.keys() == LISTED.keys()
    for name, entry in LISTED.items():
        assert studies[name].name == name
        assert studies[name].__doc__
        assert entry.summary.endswith(".")


@pytest.mark.parametrize(("name", "k"), CASES)
def test_replays_to_the_same_bytes(name: str, k: int, tmp_path: Path) -> None:
    study = small(name, k)
    path = ov.save(study, tmp_path / f"a{suffix_of(study)}")
    assert files.read_study(path) == study
    assert ov.replay(path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("name", "k"), CASES)
def test_what_a_study_found_shows_itself(name: str, k: int) -> None:
    """`ov.plot` and `ov.animate` of a result draw what its study draws."""
    study = small(name, k)
    result = study.run()
    if isinstance(study, Drawn):
        figure, wanted = ov.plot(result), study.draw(result)
        assert [t.get_text() for t in figure.texts] == [t.get_text() for t in wanted.texts]
        assert type(getattr(figure, output.STUDY)) is type(study)
    else:
        with pytest.raises(ValueError, match=r"moves: film it with animate"):
            ov.plot(result)
    if isinstance(study, Filmed) and not getattr(study, "steps", True):
        with pytest.raises(ValueError, match="a film needs steps of training: add --steps 60"):
            ov.animate(result)
    elif isinstance(study, Filmed):
        assert ov.animate(result).specification() == study.film(result).specification()
    else:
        with pytest.raises(ValueError, match=r"does not move: draw it with plot"):
            ov.animate(result)


@pytest.mark.parametrize(("name", "k"), CASES)
def test_axes_are_named_in_reading_order_and_log_ones_have_two_numbers(name: str, k: int) -> None:
    study = small(name, k)
    if not isinstance(study, Drawn):
        film = study.film(study.run())
        seen: list[Any] = []
        dataclasses.replace(film, edit=seen.append).frame(0)
        (figure,) = seen
    else:
        figure = study.draw(study.run())
    names = [axes.get_label() for axes in figure.axes]
    assert all(names)
    own = [name for name in names if name not in ("map", "bar")]
    assert len(set(own)) == len(own)
    assert "map" not in names or names[0] == "map"
    places = [axes.get_position() for axes in figure.axes if axes.get_label() != "bar"]
    assert names[len(places) :] == ["bar"] * (len(names) - len(places))
    # One after the other as they are read: in a row, or below.
    for a, b in itertools.pairwise(places):
        assert b.x0 >= a.x0 - 1e-9 or b.y1 <= a.y0 + 1e-9
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            shown = axis.get_tick_params().get("labelbottom", True)
            if axis.get_scale() == "log" and shown:
                assert numbers_of(axis) >= 2


def numbers_of(axis: Any) -> int:
    """How many ticks with a text stand within an axis, as drawn."""
    axis.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return sum(low <= tick.get_loc() <= high and bool(tick.label1.get_text() or
               tick.label2.get_text()) for tick in ticks)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_replays_in_another_process_on_one_thread(name: str, tmp_path: Path) -> None:
    study = small(name)
    path = ov.save(study, tmp_path / f"a{suffix_of(study)}")
    subprocess.run(
        [sys.executable, "-m", "optviz", "replay", path.name, "-o", f"b{path.suffix}"],
        cwd=tmp_path, check=True, env={**os.environ, "OPTVIZ_THREADS": "1"},
    )  # fmt: skip
    assert (tmp_path / f"b{path.suffix}").read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_a_still_that_can_move_replays_as_either(tmp_path: Path) -> None:
    study = small("explain")
    assert isinstance(study, Drawn | Filmed)
    for suffix in (".svg", ".gif"):
        path = ov.save(study, tmp_path / f"a{suffix}")
        assert ov.replay(path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("name", "k"), CASES)
def test_text_and_command_line_read_back_equal(name: str, k: int) -> None:
    study = small(name, k)
    assert files.from_json(study.to_json()) == study
    assert study.to_json().isascii()
    assert read_back(study) == without_idle(study)


@pytest.mark.parametrize("name", [name for name in NAMES if "data" in studies[name].model_fields])
def test_a_specification_reads_no_files(name: str) -> None:
    """It may come from a stranger's picture."""
    told = json.loads(small(name).to_json())
    for data in ("own.csv", "mnist:/etc", "../../x.npz"):
        with pytest.raises(SpecError, match="neither built in nor generated"):
            files.from_json(json.dumps({**told, "data": data}))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "frame": st.sampled_from(["0", "7", "-3", "last"]),
    "optimizers": st.lists(st.sampled_from(
        ["sgd", "adam:lr=0.3", "rmsprop:decay=0.8", "momentum:lr=cosine(0.1,50),start=(1,-2)",
         "adam:lr=0.01,convention=torch,steps=7,remark=my own", "lion:noise=0.1,seed=4",
         'adam:lr=0.2,label="a, ""b"" = (c",color=teal', "ftrl:lr=0.1,0.2,start=(1,2),(0,1)"]),
        min_size=1, max_size=3),
    "optimizer without a rate": st.sampled_from(["sgd", "momentum:momentum=0.5"]),
    "optimizer": st.sampled_from(["momentum", "adam:lr=0.3", "nesterov:momentum=0.5"]),
    "on": st.sampled_from(["bowl", "beale", "x^2 + y**4 - x*y", "abs(x) + y²"]),
    "bounds": st.sampled_from([None, "-4,4,-3,3", ((-4, 4.5), (-2.25, 3))]),
    "start": st.sampled_from([None, "1,-2", (0.1, 1e-7), "-1.5,2"]),
    "starts of a race": st.sampled_from([None, "-1.5,2", ["1,-2", (0.1, 1e-7)], [(-1, 2)]]),
    "rates": st.sampled_from([None, "0.01,2", "1e-05,3,12", ov.Axis("lr", 0.1, 2.0, 7)]),
    "x": st.sampled_from(["lr", "lr=0.01,2", ov.Axis("lr", 0.01, 1.0, 9, log=True)]),
    "y": st.sampled_from(["momentum", "momentum=0,0.95,5"]),
    "activations": st.sampled_from(["relu", ("tanh", "gelu")]),
    "inits": st.sampled_from(["he", ("normal:std=0.5", "orthogonal")]),
    "activation": st.sampled_from(["relu", "tanh"]),
    "layers": st.sampled_from([None, "64,20,10", (64, 10)]),
    "init": st.sampled_from(["he", "normal:std=0.01"]),
    "data": st.sampled_from(["digits", "moons:n=100,noise=0.2"]),
    "plane": st.sampled_from(["pca", "1,2"]),
    "sizes": st.sampled_from(["20,40", (300, 10)]),
    "schedules": st.sampled_from(["cosine", ("step", "warmup")]),
    "units of fits": st.sampled_from(["1,3", (2, 16)]),
    "grid": st.sampled_from(["9x7", (20, 31)]),
    "features": st.sampled_from(["x,y", "x2,y2,xy", ("sinx",)]),
    "remedies": st.sampled_from(["dropout", ("small", "l1", "batch_norm")]),
    "filters": st.sampled_from(["2,3", (8, 16)]),
    "changes": st.sampled_from(["shift", ("rotate:20+noise:0.3", "flip:0.2")]),
    "l2s": st.sampled_from(["0,0.01", (0.5,)]),
    "keep_probs": st.sampled_from(["1", (0.9, 0.5)]),
    **dict.fromkeys(["hidden", "small", "large"], st.sampled_from([None, "20", (30, 10)])),
    "size": st.sampled_from([None, "640x480", (333, 444)]),
    "title": st.sampled_from([None, "", "costs $5, -o x.png", "ü — \"quoted\""]),
    "subtitle": st.sampled_from([None, "--help"]),
    "theme": st.sampled_from(["light", "dark", "print", '{"paper": "ivory"}',
                              '{"base": "dark", "optimizers": {"adam": "teal"}}']),
}  # fmt: skip


def values_of(name: str, field: Any) -> st.SearchStrategy[Any]:
    """Any value of a field: from its type and its range, or from the table."""
    kind = kind_of(field)
    if kind is bool:
        return st.booleans()
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if kind in (int, float):
        low = _end(field, "ge") if _end(field, "gt") is None else _end(field, "gt") + 0.5
        high = _end(field, "le") if _end(field, "lt") is None else _end(field, "lt") - 0.1
        if kind is int:
            return st.integers(low or 0, min(high or 10**6, 10**6))
        return st.floats(low or 0, min(high or 1e6, 1e6))
    return VALUES[name]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=25)
def test_any_study_reads_back_equal(name: str, data: st.DataObject) -> None:
    cls = studies[name]
    chosen = {}
    for field_name, field in cls.model_fields.items():
        if not field.exclude and data.draw(st.booleans()):
            own = {
                ("init-histograms", "layers"): "layers of histograms",
                ("fit", "units"): "units of fits",
                ("schedules", "optimizer"): "optimizer without a rate",
                ("plot", "start"): "starts of a race", ("animate", "start"): "starts of a race",
            }.get((name, field_name))  # fmt: skip
            chosen[field_name] = data.draw(values_of(own or field_name, field))
    try:
        study = cls(**chosen)
    except ValueError as error:
        # Settings that do not go together: one line that says so.
        assert "\n" not in str(error)
        return
    assert files.from_json(study.to_json()) == study
    assert read_back(study) == without_idle(study), study.command()


def bounds_of(name: str) -> list[tuple[str, Any]]:
    """Values just outside the range of each number."""
    out: list[tuple[str, Any]] = []
    for field_name, field in studies[name].model_fields.items():
        kind = kind_of(field)
        if kind not in (int, float):
            continue
        for end, away in (("ge", -1), ("gt", -1), ("le", 1), ("lt", 1)):
            if (limit := _end(field, end)) is not None:
                out.append(
                    (field_name, kind(limit + away * (1 if kind is int else 0.5 + abs(limit))))
                )
    return out


@pytest.mark.parametrize("name", NAMES)
def test_every_bound_is_refused_with_the_same_words_on_all_sides(name: str) -> None:
    cls = studies[name]
    assert bounds_of(name)
    for field_name, value in bounds_of(name):
        with pytest.raises(ValueError, match=field_name) as from_python:
            cls(**{field_name: value})
        data = {**json.loads(cls().to_json()), field_name: value}
        with pytest.raises(SpecError) as from_json:
            files.from_json(json.dumps(data))
        flag = f"--{field_name.replace('_', '-')}={value}"
        context = study_command(name).make_context(name, [flag])
        with pytest.raises(ValueError, match=field_name) as from_words:
            cls(**settings_of(cls, context.params))
        told = {str(error.value) for error in (from_python, from_json, from_words)}
        assert len(told) == 1, told
        assert expected(cls.model_fields[field_name]) in told.pop()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_types_are_refused_in_one_line(name: str) -> None:
    for field_name, field in studies[name].model_fields.items():
        for value in (object(), [object()], {"a": 1}, b"x", "\x1b[31m"):
            if field_name == "data" and isinstance(value, str):
                continue
            with pytest.raises(ValueError, match=r".") as refused:
                studies[name](**{field_name: value})
            assert "\n" not in str(refused.value), field_name
        if kind_of(field) in (int, float):
            for value in (True, "many", float("nan"), float("inf")):
                with pytest.raises(ValueError, match=field_name):
                    studies[name](**{field_name: value})


def test_unknown_studies_and_settings_have_a_hint() -> None:
    with pytest.raises(ValueError, match="did you mean 'basins'"):
        ov.study("basin")
    with pytest.raises(ValueError, match=r"plot has no 'stpes' \(did you mean 'steps'\?\)"):
        ov.study("plot", stpes=3)
    with pytest.raises(KeyError):
        studies["nothing"]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_frozen(name: str) -> None:
    study = studies[name]()
    with pytest.raises(ValueError, match="frozen"):
        study.theme = "dark"  # type: ignore[misc]
    assert study.theme == "light"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_bare_command_works(name: str, run, tmp_path: Path) -> None:
    done = run(name, *(["--epochs", "2"] if name == "train" else []))
    assert done.returncode == 0, done.stderr
    *told, written = done.stdout.splitlines()
    assert (tmp_path / written).stat().st_size > 2000
    study = files.read_study(tmp_path / written)
    assert study.name == name
    # The finding is the last that is told, and stands in the picture.
    assert told[-1]


@pytest.mark.parametrize("name", NAMES)
def test_help_names_every_setting(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    app([name, "--help"], standalone_mode=False)
    text = capsys.readouterr().out
    assert LISTED[name].summary in text.replace("\n  ", " ")
    for field_name, field in studies[name].model_fields.items():
        option = option_of(field)
        if option.flags:
            flags = [flag for _, flag in option.flags]
        elif option.positional:
            flags = [option.metavar]
        else:
            flags = [option.name or f"--{field_name.replace('_', '-')}"]
        for flag in flags:
            assert flag in text, flag


RESULTS: dict[tuple[str, int], Any] = {}


def result_of(name: str, k: int) -> Any:
    """Computed once: the look of a picture does not change what it shows."""
    if (name, k) not in RESULTS:
        RESULTS[name, k] = small(name, k, theme="light").run()
    return RESULTS[name, k]


DRAWN = [case for case in CASES if issubclass(studies[case.values[0]], Drawn)]
SIZES = [None, (800, 600), (1280, 720), (720, 900)]


LOOKS = [
    # Of its own shape, and the narrowest: the others, and other colours, are among the slow ones.
    pytest.param(size, theme, marks=[] if theme == "light" and size in (None, (720, 900)) else
                 [pytest.mark.slow])
    for size in SIZES for theme in ("light", "dark", "print")
]  # fmt: skip


@pytest.mark.parametrize(("size", "theme"), LOOKS, ids=str)
@pytest.mark.parametrize(("name", "k"), DRAWN)
def test_pictures_hold_together_in_every_theme_and_size(name, k, size, theme) -> None:
    result = result_of(name, k)
    changes = {"theme": theme} if name == "basins" else {"theme": theme, "size": size}
    study = small(name, k, **changes)
    figure = study.draw(result)  # type: ignore[attr-defined]
    assert clashes(figure) == []
    assert figure.get_facecolor() != (1, 1, 1, 1) or theme != "dark"
    if study.finding(result):
        assert study.finding(result) in words_of(figure)
    if size is not None and name != "basins":
        assert tuple(figure.get_size_inches() * figure.dpi) == size


def test_stored_files_stay_readable() -> None:
    """One specification of each study, as an earlier optviz wrote it."""
    lines = SAMPLES.read_text().splitlines()
    assert {json.loads(line)["study"] for line in lines} == set(LISTED)
    for line in lines:
        study = files.from_json(line)
        now, then = json.loads(study.to_json()), json.loads(line)
        assert {key: now[key] for key in then if key != "optviz"} == {
            key: value for key, value in then.items() if key != "optviz"
        }


def test_files_from_before_are_refused_in_one_line() -> None:
    old = '{"optviz": "0.1.0", "kind": "plot", "function": "bowl", "runs": []}'
    with pytest.raises(SpecError, match="before files had a format number"):
        files.from_json(old)
    with pytest.raises(SpecError, match="format '99', and this optviz reads 1"):
        files.from_json('{"optviz": "9", "format": 99, "study": "plot"}')


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".svg", ".pdf", ".csv", ".json"])
def test_files_say_in_words_what_they_show(suffix: str, tmp_path: Path) -> None:
    """For those who do not see the picture, and for those who read the numbers."""
    study = small("init-histograms")
    result = study.run()
    found, path = study.finding(result), tmp_path / f"a{suffix}"
    assert found.startswith("Layer 2: ")
    if suffix in (".csv", ".json"):
        text = study.table(result).save(path).read_text()
        about = text.splitlines()[0].partition("# optviz ")[2] if suffix == ".csv" else text
        told = json.loads(about)
        assert (told if suffix == ".csv" else told["about"])["finding"] == found
    else:
        ov.save(study.draw(result), path)  # type: ignore[attr-defined]
        if suffix in (".png", ".jpg"):
            with Image.open(path) as image:
                told = image.info.get("Description") or image.getexif()[0x010E]
                assert told == found
        else:
            within = (
                f"<dc:title>{html.escape(found)}</dc:title>" if suffix == ".svg" else "/Subject"
            )
            assert within in path.read_bytes().decode("latin-1" if suffix == ".pdf" else "utf-8")
    assert files.read_study(path) == study
    shown = study.draw(result)._repr_mimebundle_()[1]["image/png"]  # type: ignore[attr-defined]
    assert shown["alt"] == found


def test_a_saved_study_is_what_it_draws(tmp_path: Path) -> None:
    study = small("init-histograms")
    result = study.run()
    drawn = ov.save(study.draw(result), tmp_path / "a.png")  # type: ignore[attr-defined]
    assert drawn.read_bytes() == ov.save(study, tmp_path / "b.png").read_bytes()
