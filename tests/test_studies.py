"""What holds of every study, over the catalogue: one class, and all that comes from it."""

from __future__ import annotations

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

import optviz as ov
from optviz.cli.commands import settings_of, study_command
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
        {"optimizers": ["sgd:lr=0.1", "adam:lr=0.3"], "view": "steps", "steps": 5},
        {"on": "sin(x)*cos(y) + x**2/10", "view": "surface"},
    ],
    "explain": [{"optimizer": "adam:lr=0.5", "steps": 4, "noise": 0.2, "seed": 5, "fps": 3}],
    "basins": [{"optimizers": ["adam", "sgd:lr=0.01"], "size": "30x24", "steps": 60, "tol": 1e-3,
                "noise": 0.1, "seed": 2, "theme": "dark"}],
    "sensitivity": [{"optimizers": ["sgd", "adam:beta1=0.8"], "rates": "0.01,3,9", "starts": 4,
                     "steps": 20, "start": "3,1", "noise": 0.1, "seed": 7}],
    "phase": [{"optimizer": "rmsprop:decay=0.9", "on": "beale", "x": "lr=0.001,1,log,9",
               "y": ov.Axis("decay", 0, 0.9, 7), "steps": 30, "start": (2, 1)}],
    "activations": [{"activations": "gelu,elu,tanh", "limit": 3.5, "theme": "dark"}],
    "init-histograms": [{"activation": "relu", "inits": "he,normal:std=0.02", "layers": 2,
                         "units": 20, "samples": 50, "seed": 4}],
    "train": [{"data": "moons:n=120", "optimizers": ["sgd:lr=0.1", "adam"], "layers": "2,8,2",
               "epochs": 2, "runs": 2, "batch_norm": False, "patience": 3, "l2": 0.01}],
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
    return type(study)(**settings_of(type(study), context.params))


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
    assert read_back(study) == study


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "optimizers": st.lists(st.sampled_from(
        ["sgd", "adam:lr=0.3", "rmsprop:decay=0.8", "momentum:lr=cosine(0.1,50),start=(1,-2)",
         "adam:lr=0.01,convention=torch,steps=7,remark=my own", "lion:noise=0.1,seed=4"]),
        min_size=1, max_size=3),
    "optimizer": st.sampled_from(["momentum", "adam:lr=0.3", "nesterov:momentum=0.5"]),
    "on": st.sampled_from(["bowl", "beale", "x^2 + y**4 - x*y", "abs(x) + y²"]),
    "bounds": st.sampled_from([None, "-4,4,-3,3", ((-4, 4.5), (-2.25, 3))]),
    "start": st.sampled_from([None, "1,-2", (0.1, 1e-7), "-1.5,2"]),
    "rates": st.sampled_from([None, "0.01,2", "1e-05,3,12", ov.Axis("lr", 0.1, 2.0, 7)]),
    "x": st.sampled_from(["lr", "lr=0.01,2", ov.Axis("lr", 0.01, 1.0, 9, log=True)]),
    "y": st.sampled_from(["momentum", "momentum=0,0.95,5"]),
    "activations": st.sampled_from(["relu", ("tanh", "gelu")]),
    "inits": st.sampled_from(["he", ("normal:std=0.5", "orthogonal")]),
    "activation": st.sampled_from(["relu", "tanh"]),
    "layers": st.sampled_from([None, "64,20,10", (64, 10)]),
    "init": st.sampled_from(["he", "normal:std=0.01"]),
    "data": st.sampled_from(["digits", "moons:n=100,noise=0.2"]),
    "size": st.sampled_from([None, "640x480", (333, 444)]),
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
            own = (
                "layers of histograms"
                if (name, field_name) == ("init-histograms", "layers")
                else ""
            )
            chosen[field_name] = data.draw(values_of(own or field_name, field))
    try:
        study = cls(**chosen)
    except ValueError as error:
        # Settings that do not go together: one line that says so.
        assert "\n" not in str(error)
        return
    assert files.from_json(study.to_json()) == study
    assert read_back(study) == study, study.command()


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
def test_help_names_every_setting(name: str, run) -> None:
    text = run(name, "--help").stdout
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
    pytest.param(size, theme, marks=[pytest.mark.slow] if size and theme != "light" else [])
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


def test_a_saved_study_is_what_it_draws(tmp_path: Path) -> None:
    study = small("init-histograms")
    result = study.run()
    drawn = ov.save(study.draw(result), tmp_path / "a.png")  # type: ignore[attr-defined]
    assert drawn.read_bytes() == ov.save(study, tmp_path / "b.png").read_bytes()
