"""The benchmarks measure what they say: no time is asserted here."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optviz as ov
from benchmarks import report, rounds
from benchmarks.floor_engine import floor, roots_and_divisions
from benchmarks.remote import EngineError, Worker
from benchmarks.suite_peers import PROBLEMS, copy_of, marks, next_mark
from benchmarks.task import OURS, ROOT
from benchmarks.tasks import TASKS
from tests import tiny_tasks


def benchmark(path: Path, *options: str) -> tuple[dict[str, Any] | None, str]:
    """`pytest benchmarks` in a process of its own: the run that it writes, and what it says."""
    # pytest-benchmark measures nothing under xdist, which tells its children by these.
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider",
         f"--benchmark-json={path}", *options],
        cwd=ROOT, env={**env, "COLUMNS": "300"}, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    return json.loads(path.read_text()) if path.exists() else None, done.stdout + done.stderr


def tiny(path: Path, task: str, *options: str) -> tuple[dict[str, Any] | None, str]:
    return benchmark(path, "--tasks-from=tests.tiny_tasks", f"--task={task}", *options)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run, said = tiny(tmp_path_factory.mktemp("good") / "run.json", "good", "--rounds=2")
    assert run is not None, said
    assert "3 passed" in said
    return run


@pytest.fixture
def raw(good: dict[str, Any]) -> dict[str, list[float]]:
    """The seconds of each engine, round by round."""
    return {e["params"]["engine"]: e["stats"]["data"] for e in good["benchmarks"]}


@pytest.mark.slow
def test_an_entry_says_what_it_is(good: dict[str, Any], raw: dict[str, list[float]]) -> None:
    assert list(raw) == [OURS, "course", "sums (bare)"]
    assert {len(seconds) for seconds in raw.values()} == {2}
    about = good["benchmarks"][1]["extra_info"]
    assert good["benchmarks"][1]["group"] == about["task"] == "good"
    assert (about["engine"], about["unit"], about["goal"]) == ("course", "step", 2.0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", about["date"])
    assert {"Python", "numpy", "numba"} <= set(about["versions"])
    assert set(good["machine_info"]) == set(about["machine"]) == {"cpu", "cores", "system"}


@pytest.mark.slow
def test_ratios_are_taken_within_rounds(
    good: dict[str, Any], raw: dict[str, list[float]]
) -> None:  # fmt: skip
    shown = [line for line in report.table(good).splitlines() if "×" in line]
    assert len(shown) == 2
    for line, engine in zip(shown, ("course", "sums (bare)"), strict=True):
        # Of two rounds the median is the middle, and the quartiles lie halfway to it.
        low, high = sorted(np.divide(raw[engine], raw[OURS]).tolist())
        middle, quarter = (low + high) / 2, (high - low) / 4
        said = re.search(r"\*\*([\d.,]+) ×\*\* \(([\d.,]+)–([\d.,]+)\)", line)
        assert said is not None
        numbers = [float(text.replace(",", "")) for text in said.groups()]
        # The table has three digits.
        expected = [middle, middle - quarter, middle + quarter]
        assert numbers == pytest.approx(expected, rel=0.006, abs=0.005)
    assert f"{sum(raw[OURS]) / 2 * 1e6:.3g} µs" in shown[0]
    assert "≥ 2.00 ×" in shown[0]
    assert shown[1].endswith("|  |")


@pytest.mark.slow
def test_an_engine_alone_is_measured_beside_ours(tmp_path: Path) -> None:
    run, said = tiny(tmp_path / "run.json", "good", "--rounds=1", "-k", "course")
    assert run is not None, said
    (entry,) = run["benchmarks"]
    assert entry["extra_info"]["ratio"]["median"] > 0


@pytest.mark.slow
def test_an_engine_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    run, said = tiny(tmp_path / "run.json", "other")
    assert "other, course computes something else than optviz" in said
    assert run is not None
    assert [e["params"]["engine"] for e in run["benchmarks"]] == [OURS]


@pytest.mark.slow
def test_a_worker_that_dies_is_told_in_a_line_and_leaves_the_others_alone(tmp_path: Path) -> None:
    run, said = tiny(tmp_path / "run.json", "failing", "--rounds=2")
    lines = said.splitlines()
    assert (
        "failing, missing ended (exit code 1) while being set up: "
        "ModuleNotFoundError: No module named 'peer'"
    ) in lines
    assert "failing, dying died (SIGABRT) while being timed: out of luck" in lines
    assert run is not None
    assert [e["params"]["engine"] for e in run["benchmarks"]] == [OURS, "course"]


@pytest.mark.slow
def test_a_worker_that_hangs_is_given_up() -> None:
    message = r"^hanging, hanging gave no answer within 2 s while being set up: .*$"
    with pytest.raises(EngineError, match=message):
        Worker("tests.tiny_tasks", "hanging", "hanging", timeout=2)


@pytest.mark.slow
def test_without_ours_there_is_nothing_to_compare(tmp_path: Path) -> None:
    run, said = tiny(tmp_path / "run.json", "without ours")
    assert run is None
    assert said.count("without ours, optviz ended (exit code 1)") >= 2  # both tests say so
    assert "INTERNALERROR" not in said


@pytest.mark.slow
def test_unknown_tasks_and_rounds_are_refused_in_a_line(tmp_path: Path) -> None:
    _, said = tiny(tmp_path / "run.json", "nowhere")
    assert "no task is called nowhere; there are good, other" in said
    _, said = tiny(tmp_path / "run.json", "good", "--rounds=0")
    assert "--rounds must be at least 1, not 0" in said


class Called:
    """A worker that only notes that it was asked."""

    result = None

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name, self.calls = name, calls

    def seconds(self) -> float:
        self.calls.append(self.name)
        return 1.0


def test_the_engines_take_turns() -> None:
    calls: list[str] = []
    out = rounds.Measurement(tiny_tasks.TASKS["good"])
    workers = {name: Called(name, calls) for name in "abc"}
    for number in range(4):
        rounds.one_round(number, workers, out)
    assert "".join(calls) == "abc" + "bca" + "cab" + "abc"
    assert {name: len(seconds) for name, seconds in out.seconds.items()} == {"a": 4, "b": 4, "c": 4}


def entry(task: str, engine: str, date: str) -> dict[str, Any]:
    return {"group": task, "extra_info": {"engine": engine, "date": date}}


def run_of(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"machine_info": {}, "commit_info": {"branch": "b"}, "datetime": "", "version": "",
            "benchmarks": list(entries)}  # fmt: skip


def test_a_task_measured_again_replaces_all_its_entries() -> None:
    kept = run_of(entry("b", OURS, "old"), entry("b", "peer", "old"), entry("c", OURS, "old"),
                  entry("gone", OURS, "old"))  # fmt: skip
    new = run_of(entry("b", OURS, "new"), entry("a", OURS, "new"))
    merged = report.merge(kept, new, ["a", "b", "c"])
    assert merged["benchmarks"] == [
        entry("a", OURS, "new"), entry("b", OURS, "new"), entry("c", OURS, "old"),
    ]  # fmt: skip
    assert report.merge(None, new, ["b"])["benchmarks"] == [entry("b", OURS, "new")]


def test_the_readme_keeps_what_is_around_the_table() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.renewed(page, "new")
    assert once == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"
    assert report.renewed(once, "new") == once
    readme = (ROOT / "README.md").read_text()
    assert readme.count(report.BEGIN) == readme.count(report.END) == 1


def test_every_goal_is_of_an_engine() -> None:
    for name, task in TASKS.items():
        assert next(iter(task.engines)) == OURS, name
        assert set(task.goals) <= set(task.engines) - {OURS}, name
        assert set(task.per_call_of) <= set(task.engines), name


def test_the_floor_does_all_square_roots_and_divisions() -> None:
    values, factors = np.array([1.5, 1.75, 1.9]), np.array([2.0, 2.2, 2.5])
    expected = values.copy()
    for _ in range(7):
        expected = factors / expected**0.5
    roots_and_divisions(values, factors, 7)  # as Python
    np.testing.assert_allclose(values, expected, rtol=1e-15)
    _, result = floor(2_000, 20)()
    assert result() is None  # compares the compiled ones, bit for bit


@pytest.mark.parametrize("text", PROBLEMS)
def test_the_functions_of_other_suites_are_ours(text: str) -> None:
    f, copy = ov.function(text), copy_of(text, 3)
    x = copy.turn @ copy.start + copy.shift
    slope = f.gradient(*x) if f.is_plane else f.gradient(x)
    value, gradient = copy.both(copy.start)
    assert (
        value == copy.value(copy.start) == pytest.approx(f(*x) if f.is_plane else f(x), rel=1e-12)
    )
    np.testing.assert_array_equal(gradient, copy.gradient(copy.start))
    np.testing.assert_allclose(gradient, copy.turn.T @ slope, rtol=1e-9)


def test_other_suites_are_sampled_at_our_marks() -> None:
    found = [0]
    while found[-1] < marks()[-1]:
        found.append(next_mark(found[-1]))
    assert found == marks()
    assert next_mark(found[-1]) == found[-1]


@pytest.mark.peers
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("optimagic", "benchopt"))),
    reason="optimagic and benchopt are not installed (extra `suites`)",
)
def test_other_suites_run_as_ours_does(tmp_path: Path) -> None:
    run, said = benchmark(tmp_path / "run.json", "--task=bench-suite", "--rounds=1")
    assert run is not None, said
    assert [e["params"]["engine"] for e in run["benchmarks"]] == list(TASKS["bench-suite"].engines)


@pytest.mark.peers
def test_peers_update_as_we_do(tmp_path: Path) -> None:
    run, said = benchmark(tmp_path / "run.json", "--task=update-dict", "--rounds=1")
    assert run is not None, said
    assert [e["params"]["engine"] for e in run["benchmarks"]] == list(TASKS["update-dict"].engines)
