"""Numbers out: what a table says is what the result holds, in every form, and every file is
whole."""

from __future__ import annotations

import csv
import functools
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import optviz as ov
from optviz.functions.stationary import stationary_points
from optviz.optimizers.state_text import read_state, state_text
from optviz.runs.basins import OUTCOMES, WITHOUT
from optviz.runs.race import Paths
from optviz.shared.spec import SpecError
from optviz.shared.table import Table, Tabular
from optviz.studies.files import read_study
from tests.catalogue import RULES
from tests.test_studies import NAMES, small

MADE: dict[str, Callable[[], Any]] = {
    "trajectory": lambda: ov.minimize("beale", ov.Adam(lr=0.1), steps=7),
    "left": lambda: ov.minimize("x*y", ov.SGD(lr=1.0), start=(1, 1), steps=9),
    "race": lambda: ov.race("bowl", ["sgd:lr=0.5", "sgd:lr=1.5", "lion:lr=0.1,steps=3"], steps=9),
    "ensemble": lambda: ov.ensemble("bowl", ov.SGD(lr=0.3), runs=5, noise=0.5, steps=6),
    "band": lambda: made("ensemble").band,
    "sweep": lambda: ov.sweep("bowl", ov.SGD(), over={"lr": [1.1, 0.5, 0.9]}, steps=2000, runs=2,
                              noise=1e-9),
    "tuning": lambda: ov.tune("bowl", ov.SGD(), steps=20),
    "explanation": lambda: ov.explain("bowl", ov.Adam(lr=0.5), steps=3),
    "basins": lambda: ov.basins("himmelblau", ["adam:lr=0.3", "sgd:lr=0.1"], size=(9, 7), steps=50),
    "sensitivity": lambda: ov.sensitivity("beale", ["sgd", "adam"], steps=20, starts=5),
    "phase": lambda: ov.phase("bowl", "momentum", "lr=0.1,2,9", "momentum=0,0.9,7", steps=40),
    "training": lambda: ov.nn.compare(
        "moons:n=80", ["sgd:lr=0.1", "adam"], epochs=2, layers=(2, 4, 2), runs=2, l2=0.1
    ),
    "history": lambda: made("training").histories[0][0],
    "activations": lambda: ov.study("activations").run(),
    "init-histograms": lambda: ov.study("init-histograms", units=9, samples=20).run(),
    "first steps": lambda: ov.study("plot", optimizers="sgd:lr=0.1", view="steps").run(),
    "function alone": lambda: ov.study("plot", on="beale").run(),
}  # fmt: skip


@functools.cache
def made(name: str) -> Any:
    return MADE[name]()


def same(a: Any, b: np.ndarray) -> bool:
    """Equal to the bit, nan as nan."""
    a = np.asarray(a)
    return bool(np.array_equal(a, b, equal_nan=b.dtype.kind == "f"))


@pytest.mark.parametrize("name", list(MADE))
def test_every_form_holds_the_same_numbers(name: str, tmp_path: Path) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    result = made(name)
    table = ov.table(result)
    assert len(table) > 0
    (tmp_path / "plain.csv").write_text(result.to_csv())
    forms = [
        result.to_dict(), result.to_pandas(), result.to_polars(),
        polars.read_csv(tmp_path / "plain.csv", infer_schema_length=None),
        polars.read_csv(
            table.save(tmp_path / "a.csv"), comment_prefix="#", infer_schema_length=None
        ),
        polars.read_parquet(table.save(tmp_path / "a.parquet")),
    ]  # fmt: skip
    for form in forms:
        assert list(form if isinstance(form, dict) else form.columns) == list(table.columns)
        for column, values in table.columns.items():
            found = form[column]
            if values.dtype.kind == "f":  # a column of empty cells has no type of its own
                found = np.array([np.nan if v is None else v for v in found], values.dtype)
            assert same(found, values), column
    read = pandas.read_csv(tmp_path / "a.csv", comment="#")
    for column, values in table.columns.items():
        if values.dtype.kind == "f":  # pandas before 3 may miss the last bit
            np.testing.assert_allclose(read[column], values, rtol=1e-15, atol=1e-300)
        else:
            assert same(read[column], values)
    (tmp_path / "a.json").write_text("the one before")
    told = json.loads(table.save(tmp_path / "a.json").read_text())
    assert told["about"] == json.loads(json.dumps(table.about))
    for column, values in table.columns.items():
        is_told = np.isfinite(values) if values.dtype.kind == "f" else np.full(len(values), True)
        assert [v is not None for v in told["columns"][column]] == is_told.tolist()
        assert same([v for v in told["columns"][column] if v is not None], values[is_told])


@pytest.mark.parametrize("name", list(MADE))
def test_xarray_has_each_row_at_its_index(name: str) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed")
    table = ov.table(made(name))
    grid = made(name).to_xarray()
    assert grid.sizes == {key: len(np.unique(table.columns[key])) for key in table.index}
    rows = table.to_dict()
    for key in table.index:  # as they came, rising or not
        assert grid[key].values.tolist() == list(dict.fromkeys(rows[key]))
    for k in range(0, len(table), max(1, len(table) // 30)):
        cell = grid.sel({key: rows[key][k] for key in table.index})
        for column in rows.keys() - set(table.index):
            assert same(cell[column].values, np.asarray(rows[column][k])), column
    # What no row fills is nan.
    for column, values in table.columns.items():
        if column not in table.index and values.dtype.kind == "f":
            filled = np.count_nonzero(~np.isnan(grid[column].values))
            assert filled == np.count_nonzero(~np.isnan(values))


def test_rows_that_the_index_does_not_tell_apart_stand_in_a_row() -> None:
    pytest.importorskip("xarray", reason="xarray is not installed")
    twice = ov.sensitivity("bowl", ["sgd", "sgd"], steps=5, starts=2).to_xarray()
    assert dict(twice.sizes) == {"row": 2 * 61}


FLOATS = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
WORDS = st.text(
    st.sampled_from(',"\n#; ') | st.characters(codec="utf-8", exclude_characters="\x00\r"),
    max_size=9,
)


@given(
    data=st.data(),
    rows=st.integers(0, 9),
    names=st.lists(WORDS.filter(bool), min_size=1, max_size=4, unique=True),
)
def test_csv_reads_back_to_the_bit(data: st.DataObject, rows: int, names: list[str]) -> None:
    kinds = {
        "f8": hnp.arrays(float, rows, elements=FLOATS),
        "f4": hnp.arrays(np.float32, rows),
        "i8": hnp.arrays(np.int64, rows),
        "b": hnp.arrays(bool, rows),
        "U": st.lists(WORDS, min_size=rows, max_size=rows).map(lambda v: np.array(v, "U9")),
    }
    columns = {name: data.draw(kinds[data.draw(st.sampled_from(list(kinds)))]) for name in names}
    table = Table(columns, about={"a": "line\nand a # and «quotes»"})
    for comment in (False, True):
        text = str(table.to_csv(comment=comment))
        if comment:
            first, _, text = text.partition("\n")
            assert json.loads(first.removeprefix("# optviz ")) == table.about
        head, *cells = csv.reader(io.StringIO(text, newline=""), strict=True)
        # A row of one empty cell is an empty line.
        cells = [row or [""] for row in cells]
        assert head == names
        assert len(cells) == rows
        for texts, values in zip(zip(*cells, strict=True), columns.values(), strict=False):
            if values.dtype.kind == "f":
                read = np.array([float(t or "nan") for t in texts]).astype(values.dtype)
                assert same(read, values)
                assert (np.signbit(read) == np.signbit(values))[~np.isnan(values)].all()
            elif values.dtype.kind == "b":
                assert [t == "true" for t in texts] == values.tolist()
            else:
                assert list(texts) == [str(v) for v in values.tolist()]


def test_texts_of_a_csv_are_quoted_where_they_must_be() -> None:
    texts = ['"', '"a"', 'a"b', ",", "a\nb", "# no comment", " x ", "", "f − f*"]
    read = csv.reader(io.StringIO(str(Table({"a,b": np.array(texts)}).to_csv()), newline=""))
    assert [row or [""] for row in read] == [["a,b"], *([text] for text in texts)]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one length, not a \(2,\), b \(3,\)"):
        Table({"a": np.zeros(2), "b": np.zeros(3)})


# -- what they say ---------------------------------------------------------------------------


@given(lr=st.floats(0.01, 1.3), steps=st.integers(1, 900), tol=st.sampled_from([0.0, 1e-3]))
@settings(max_examples=40)
def test_the_outcome_of_a_path_by_another_way(lr: float, steps: int, tol: float) -> None:
    """On ½(3x² + y²) gradient descent multiplies x by 1 − 3·lr and y by 1 − lr."""
    f = ov.function("1.5*x**2 + y**2/2", bounds=((-4, 4), (-4, 4)))
    t = ov.minimize(f, ov.SGD(lr=lr), start=(1.0, 2.0), steps=steps, tol=tol)
    x, y = (1 - 3 * lr), (1 - lr)
    with np.errstate(over="ignore"):
        k = np.arange(steps + 1)
        path = np.stack([np.power(x, k), 2 * np.power(y, k)], axis=1)
        slopes = np.hypot(3 * path[:, 0], path[:, 1])
    arrived = slopes[:-1] <= tol
    if abs(x) > 1 and np.abs(path[:, 0]).max() > 1e155:
        assert t.outcome == "diverged"  # f overflows
    elif np.abs(path).max() > 4.0000001:
        assert t.outcome == "left"
    elif np.abs(np.abs(path).max() - 4) > 1e-6 and tol and arrived.any():
        assert t.outcome == "converged"
    elif np.abs(np.abs(path).max() - 4) > 1e-6:
        assert t.outcome == "unfinished"
    columns = t.table().columns
    assert columns["step"].tolist() == list(range(len(t.points)))
    np.testing.assert_allclose(
        columns["gap"], 1.5 * columns["x"] ** 2 + columns["y"] ** 2 / 2, rtol=1e-12, atol=1e-300
    )


def test_a_race_keeps_its_paths_apart() -> None:
    runs = made("race")
    assert isinstance(runs, list)
    assert isinstance(runs, Paths)
    frame = runs.to_pandas()
    for number, part in frame.groupby("path"):
        t = runs[number]
        assert set(part["optimizer"]) == {t.optimizer.spec()}
        assert set(part["outcome"]) == {t.outcome}
        np.testing.assert_array_equal(part[["x", "y"]], t.points)
    assert ov.table(list(runs)).to_csv() == runs.to_csv()
    assert {t.outcome for t in runs} == {"unfinished", "left"}


def test_a_band_is_in_the_table_of_its_median() -> None:
    t = made("ensemble")
    runs = t.band.to_pandas()
    runs["value"] = t.function(runs["x"].to_numpy(), runs["y"].to_numpy())
    quantiles = runs.groupby("step")["value"].quantile([0.1, 0.5, 0.9]).unstack()
    found = t.to_pandas()[["value_10", "value_50", "value_90"]]
    np.testing.assert_allclose(found, quantiles, rtol=1e-12)
    medians = runs.groupby("step")[["x", "y"]].median()
    np.testing.assert_allclose(t.to_pandas()[["x", "y"]], medians, rtol=1e-12)


def test_outcomes_of_a_sweep_are_words() -> None:
    s = made("sweep")
    frame = s.to_pandas()
    assert frame.groupby("lr")["outcome"].unique().map(list).to_dict() == {
        0.5: ["converged"], 0.9: ["converged"], 1.1: ["diverged"]}  # fmt: skip
    assert (frame["outcome"] == "diverged").to_numpy().tolist() == s.diverged.ravel().tolist()


def test_basins_add_up_to_their_shares() -> None:
    b = made("basins")
    frame, shares = b.to_pandas(), b.shares()
    for k, (_, part) in enumerate(frame.groupby("optimizer", sort=False)):
        counts = part["minimum"].value_counts(normalize=True)
        for minimum in range(len(b.minima)):
            assert counts.get(minimum, 0) == pytest.approx(shares[k, minimum])
        outcomes = part["outcome"].value_counts(normalize=True)
        for column, code in zip(range(-len(WITHOUT), 0), WITHOUT, strict=True):
            assert outcomes.get(OUTCOMES[code], 0) == pytest.approx(shares[k, column])
        reached = part[part["minimum"] >= 0]
        away = np.hypot(*(reached[["x", "y"]].to_numpy() - b.minima[reached["minimum"]]).T)
        assert (away < 0.01 * b.function.diagonal).all()


def test_an_explanation_adds_up_to_its_steps() -> None:
    e = made("explanation")
    frame = e.to_pandas()
    steps = np.diff(e.trajectory.points, axis=0)
    for k, axis in enumerate("xy"):
        parts = frame[f"carried_{axis}"] + frame[f"fresh_{axis}"]
        np.testing.assert_allclose(parts, steps[:, k])
        rate = -frame[f"fresh_{axis}"] / frame[f"gradient_{axis}"]
        np.testing.assert_allclose(frame[f"rate_{axis}"], rate)
        assert (frame[f"v_{axis}"] > 0).all()


def test_sensitivity_and_training_say_what_their_arrays_say() -> None:
    s = made("sensitivity")
    for (_, part), gaps in zip(s.to_pandas().groupby("optimizer", sort=False), s.gaps, strict=True):
        np.testing.assert_array_equal(part[["gap_10", "gap_50", "gap_90"]], gaps.T)
        assert part["best"].sum() == 1
    t = made("training")
    frame = t.to_pandas()
    for (optimizer, run), part in frame.groupby(["optimizer", "run"], sort=False):
        k = [o.spec() for o in t.optimizers].index(optimizer)
        np.testing.assert_array_equal(part["loss"], t.histories[k][run].loss)
        assert part["test_accuracy"].unique() == [t.test_accuracy[k, run]]


def test_bars_of_histograms_hold_all_outputs() -> None:
    r = made("init-histograms")
    frame = r.to_pandas()
    sums = frame.groupby(["init", "layer"])["share"].sum()
    np.testing.assert_allclose(sums, 1)
    middle = (frame["low"] + frame["high"]) / 2
    second = (frame["share"] * middle**2).groupby([frame["init"], frame["layer"]]).sum()
    first = (frame["share"] * middle).groupby([frame["init"], frame["layer"]]).sum()
    told = frame.groupby(["init", "layer"])["spread"].first()
    np.testing.assert_allclose(np.sqrt(second - first**2), told, rtol=0.05)


# -- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_study_writes_numbers_that_know_it(name: str, tmp_path: Path) -> None:
    study = small(name)
    table = study.table(study.run())
    assert len(table) > 0
    for suffix in (".csv", ".json", ".parquet"):
        path = table.save(tmp_path / f"a{suffix}")
        assert read_study(path) == study
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.slow
def test_the_command_line_writes_what_the_picture_shows(run: Any, tmp_path: Path) -> None:
    words = ["sgd:lr=0.5", "--steps", "5", "-o", "a.png", "--dpi", "50"]
    done = run("plot", *words, "--numbers", "a.csv", "--numbers", "a.json")
    assert done.stdout.splitlines()[1:] == ["a.csv", "a.json", "a.png"]
    (_, head, *rows) = (tmp_path / "a.csv").read_text().splitlines()
    t = ov.minimize("bowl", ov.SGD(lr=0.5), steps=5)
    assert head == "path,optimizer,step,x,y,value,gap,outcome"
    assert [row.split(",")[3:5] for row in rows] == [
        [repr(v) for v in p] for p in t.points.tolist()
    ]
    told = run("spec", "a.csv").stdout
    assert told == run("spec", "a.json").stdout == run("spec", "a.png").stdout
    assert run("replay", "a.csv", "-o", "b.png").returncode == 0
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("a.xlsx", "name the file with one of .csv, .json, .parquet"),
        pytest.param("nowhere/a.csv", "the folder nowhere does not exist", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_runs(
    run: Any, tmp_path: Path, file: str, why: str
) -> None:
    done = run("plot", "sgd", "--numbers", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["pandas", "polars", "xarray"])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setitem(sys.modules, form, None)
    with pytest.raises(ValueError, match=f"^{form} is not installed: pip install {form}$"):
        getattr(made("trajectory"), f"to_{form}")()
    assert made("trajectory").to_csv().startswith("step,x,y,value,gap\n0,")
    if form == "polars":
        with pytest.raises(ValueError, match="polars is not installed"):
            made("trajectory").table().save("a.parquet")


def test_a_full_disk_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # fmt: skip
    table = made("trajectory").table()
    for suffix in (".csv", ".json", ".parquet"):
        path = tmp_path / f"a{suffix}"
        path.write_text("before")

        def fail(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("optviz.shared.files.os.replace", fail)
            with pytest.raises(OSError, match="No space"):
                table.save(path)
        assert path.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.json", "a.parquet"]


@pytest.mark.parametrize("data", [b"", b"x,y\n1,2\n", b"# optviz {broken\n", b"\xff\xfe", b"[1]"])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_files_of_others_carry_no_specification(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with pytest.raises(SpecError) as refused:
        read_study(path)
    assert "\n" not in str(refused.value)


def test_no_results_are_no_table() -> None:
    for wrong in (3, "adam", [1], None, np.zeros(3)):
        with pytest.raises(ValueError, match="a table is made of a result or of trajectories"):
            ov.table(wrong)


# -- what a terminal shows -------------------------------------------------------------------

SHOWN: dict[str, Callable[[], Any]] = {
    **MADE,
    "table": lambda: ov.table(made("trajectory")),
    "optimizer": lambda: ov.parse_optimizer("adam:lr=cosine(0.1,200),convention=torch"),
    "function": lambda: ov.function("goldstein-price"),
    "own function": lambda: ov.function(lambda x, y: x**2 + y**2),
    "minima": lambda: stationary_points(ov.function("himmelblau")),
    "data set": lambda: ov.nn.data.load("digits"),
    "scaling": lambda: ov.nn.data.standardize(np.random.default_rng(0).normal(size=(9, 64))),
    "network": lambda: ov.nn.MLP((64, 20, 20, 10), batch_norm=True, rng=0),
    "film": lambda: ov.animate(made("trajectory")),
    "surface film": lambda: ov.animate(made("trajectory"), view="surface"),
    "explained film": lambda: ov.animate(made("explanation")),
    "study": lambda: ov.study("train", optimizers=["sgd:lr=0.1", "adam"]),
    "axis": lambda: ov.Axis("lr", 0.1, 1, 9),
}


@pytest.mark.parametrize("name", list(SHOWN))
def test_a_terminal_shows_one_to_five_lines(name: str) -> None:
    told = repr(SHOWN[name]())
    assert 1 <= len(told.splitlines()) <= 5
    assert max(map(len, told.splitlines())) <= 200
    assert "array(" not in told
    assert " object at 0x" not in told


@given(rows=st.integers(0, 12), most=st.integers(4, 9))
def test_a_long_table_says_how_much_is_left_out(rows: int, most: int) -> None:
    lines = Table({"k": np.arange(rows)}, title="numbers").lines(most)
    assert len(lines) <= most
    shown = [line for line in lines[2:] if "more" not in line]
    left = [int(line.split()[1]) for line in lines if "more" in line]
    assert len(shown) + sum(left) == rows
    assert (rows + 2 <= most) == (not left)


def test_every_result_is_a_table_and_stands_in_lists_and_sets() -> None:
    results = [made(name) for name in MADE]
    for k, (name, result) in enumerate(zip(MADE, results, strict=True)):
        assert isinstance(result, Tabular), name
        # To compare arrays would ask for the truth of an array.
        assert results.index(result) == k
    alone = [result for result in results if not isinstance(result, list)]
    assert len({*alone, *alone}) == len(alone) >= len(MADE) - 1


# -- an optimizer's state --------------------------------------------------------------------

CASES = [(name, convention) for name, cls in RULES.items() for convention in cls.defaults]


@given(
    case=st.sampled_from(CASES),
    kind=st.sampled_from([np.float32, np.float64]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    seed=st.integers(0, 2**32),
    steps=st.integers(0, 3),
    data=st.data(),
)
@settings(max_examples=80)
def test_a_state_goes_to_json_and_back(
    case: tuple[str, str], kind: Any, shape: tuple[int, ...], seed: int, steps: int, data: Any
) -> None:
    name, convention = case
    rng = np.random.default_rng(seed)
    opt = ov.optimizers[name](convention=convention)
    params = {"w": rng.normal(size=shape).astype(kind), "a/b": rng.normal(size=3)}
    wild = data.draw(hnp.arrays(kind, shape))  # nan, infinity, −0, subnormal
    with np.errstate(all="ignore"):
        for k in range(steps):
            opt.update(params, {"w": wild if k == 0 else rng.normal(size=shape).astype(kind),
                                "a/b": rng.normal(size=3)})  # fmt: skip
    text = opt.state_json()
    assert text.isascii()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = ov.optimizers[name](convention=convention)
    again.load_state_json(text)
    before, after = opt.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    for key, value in before.items():
        bits = [np.asarray(v).tobytes() for v in (value, after[key])]
        assert bits[0] == bits[1], key
        assert np.asarray(value).dtype == np.asarray(after[key]).dtype
    copies = [{key: x.copy() for key, x in params.items()} for _ in range(2)]
    gradient = {key: rng.normal(size=x.shape).astype(x.dtype) for key, x in params.items()}
    with np.errstate(all="ignore"):
        for one, its in zip((opt, again), copies, strict=True):
            one.update(its, gradient)
    for key in params:
        assert copies[0][key].tobytes() == copies[1][key].tobytes()


@given(st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["kind", "steps", "hyper/lr", "w/t", "w/v", "w/powers", "dtype", "shape", "base64"]),
        inner, max_size=4), max_leaves=8))  # fmt: skip
def test_any_json_is_loaded_or_refused_in_a_line(value: Any) -> None:
    opt = ov.Momentum()
    state = opt.state_dict()
    given_ = {**state, **value} if isinstance(value, dict) else value
    try:
        opt.load_state_json(json.dumps(given_))
    except ValueError as error:
        assert "\n" not in str(error)
        assert str(opt.state_dict()) == str(state)


def test_damaged_states_are_named() -> None:
    with pytest.raises(ValueError, match="this is no state of an optimizer"):
        ov.Adam().load_state_json("{")
    text = state_text({"w/v": np.zeros(3), "w/t": math.inf})
    assert read_state(text)["w/t"] == math.inf
    for wrong in (("float64", "object"), ("[3]", "[4]"), ("AAAA", "!")):
        with pytest.raises(ValueError, match="array 'w/v' is damaged"):
            read_state(text.replace(*wrong))


def test_tables_cost_no_import() -> None:
    """Nothing of pandas, polars, xarray or Matplotlib is imported until a form asks for it."""
    program = (
        "import sys, optviz as ov\n"
        "t = ov.race('bowl', ['sgd:lr=0.5'], steps=5)\n"
        "repr(t), t.to_csv(), t.table().to_json()\n"
        "print([m for m in ('pandas', 'polars', 'xarray', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
