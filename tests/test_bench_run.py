"""Runs of suites: the same cells however they are done, whatever interrupts them."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.bench import clusters, running, suite, work
from optviz.bench.exports import compare, export
from optviz.bench.problems import problem
from optviz.bench.scores import score
from optviz.bench.store import Store, StoreError, pack, unpack
from tests.processes import interruptible

PROBLEMS = ("bowl", "rosenbrock:n=4~gaussian=0.1", "net:moons:n=120~hidden=4")
SMALL = ov.bench.Suite("small", PROBLEMS, ("sgd", "adam", "adam:lr=0.1"), configurations=5,
                       tuning_seeds=2, seeds=4, steps=40, epochs=2)  # fmt: skip
#: 3 problems × (2 × 5 × 2 + 3 × 4) cells.
CELLS = 96


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which SMALL is done, undisturbed."""
    path = tmp_path_factory.mktemp("whole") / "whole.sqlite"
    found = ov.bench.run(SMALL, path, workers=1)
    assert (found.total, found.done, found.failed) == (CELLS, CELLS, 0)
    return path


def exported(store: Path, to: Path) -> bytes:
    return export(store, to.with_suffix(".jsonl")).read_bytes()


def test_a_cell_is_what_the_problem_gives(whole: Path, tmp_path: Path) -> None:
    results = ov.bench.load(whole)
    assert results.scores.shape == (3, 3, 4)
    for p, text in enumerate(PROBLEMS):
        for o, name in enumerate(SMALL.optimizers):
            optimizer = ov.optimizers[name.partition(":")[0]]()
            chosen = results.chosen[p][o] or {"lr": 0.1}
            budget = 2 if text.startswith("net") else 40
            (curves,) = problem(text).runs(optimizer, [chosen], range(4), budget)
            np.testing.assert_allclose(results.scores[p, o], score(curves, "area"), rtol=1e-5)
            np.testing.assert_allclose(results.curves[p][o], curves.values, rtol=1e-6)


def test_the_configuration_is_the_best_on_the_tuning_seeds(whole: Path) -> None:
    results = ov.bench.load(whole)
    for p, text in enumerate(PROBLEMS):
        made = problem(text)
        for o, name in enumerate(("sgd", "adam")):
            tried = results.tried[p][o]
            budget = 2 if made.unit == "epochs" else 40
            found = made.runs(ov.optimizers[name](), list(tried), range(10**6, 10**6 + 2), budget)
            means = [score(c, "area").mean() for c in found]
            np.testing.assert_allclose(results.tuning[p][o], means, rtol=1e-5)
            assert results.chosen[p][o] == tried[int(np.argmin(means))]
        assert results.tried[p][0] == results.tried[p][1], "the same points for all"
        assert len(results.tuning[p][2]) == 0, "a rate that is given is not tuned"


def test_a_schedule_goes_over_the_whole_budget(whole: Path, tmp_path: Path) -> None:
    planned = dataclasses.replace(SMALL, name="cosine", schedule="cosine(1,steps)")
    path = tmp_path / "cosine.sqlite"
    ov.bench.run(planned, path, workers=1)
    results, constant = ov.bench.load(path), ov.bench.load(whole)
    for p, text in enumerate(PROBLEMS):
        steps = 40 if not text.startswith("net") else 2 * -(-82 // 32)
        rate = results.chosen[p][1]["lr"]
        made = ov.Adam(lr=ov.schedules.Cosine(rate, steps=steps))
        budget = 2 if text.startswith("net") else 40
        (curves,) = problem(text).runs(made, [{}], range(4), budget)
        assert curves.marks[-1] == steps
        np.testing.assert_allclose(results.curves[p][1], curves.values, rtol=1e-6)
        # A rate that is given stands as it is given; its cells are those of the other suite.
        np.testing.assert_array_equal(results.curves[p][2], constant.curves[p][2])
    with Store(path) as store:
        keys = {row["key"] for row in store.rows()}
    with Store(whole) as store:
        assert len(keys & {row["key"] for row in store.rows()}) == 3 * 4
    assert "by the schedule cosine(1,steps)" in ov.bench.report(path).protocol()


def test_another_spelling_of_what_is_done_is_done(whole: Path, tmp_path: Path) -> None:
    """Cells are known by what they are: no text makes them twice, or waits for them for ever."""
    spelled = dataclasses.replace(SMALL, name="spelled", optimizers=("sgd", "adam:beta1=0.9"))
    copied = tmp_path / "copy.sqlite"
    copied.write_bytes(whole.read_bytes())
    before = ov.bench.status(spelled, copied)
    assert (before.total, before.left) == (84, 0)
    assert ov.bench.run(spelled, copied, workers=1).done == 84
    results = ov.bench.load(copied, "spelled")
    np.testing.assert_array_equal(results.scores[:, 1], ov.bench.load(copied, "small").scores[:, 1])


@pytest.mark.parametrize(
    ("problems", "optimizers", "said"),
    [
        (["bowl"], ["adam", "adam:beta1=0.9"], "the same twice, as adam and as adam:beta1=0.9"),
        (["bowl"], ["sgd:lr=0.1", "sgd: lr=0.10"], "the same twice"),
        (["bowl"], ["adam", "adam:convention=book"], "the same twice"),
        (
            ["quadratic:n=4,condition=1e3", "quadratic:condition=1000,n=4"],
            ["sgd"],
            "the same twice",
        ),
        (["net:moons~hidden=8", "net:moons~hidden=8~batch=32"], ["sgd"], "the same twice"),
        (["bowl", "bowl"], ["sgd"], "has bowl twice"),
        ([], ["sgd"], "problems is empty"),
    ],
)
def test_one_thing_in_two_spellings_is_refused(problems: Any, optimizers: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ov.bench.Suite("twins", problems, optimizers)
    ov.bench.Suite("no-twins", ["bowl", "bowl~gaussian=0.1"], ["sgd", "sgd:lr=0.01", "adam"])


def test_tuning_seeds_and_evaluation_seeds_never_meet(whole: Path) -> None:
    with Store(whole) as store:
        rows = list(store.rows())
    tuned = {row["seed"] for row in rows if row["seed"] >= suite.TUNING}
    assert len(tuned) == 2
    assert {row["seed"] for row in rows} - tuned == set(range(4))
    with pytest.raises(ValueError, match="seeds"):
        ov.bench.Suite("s", ["bowl"], ["sgd"], seeds=suite.TUNING + 1)


def test_two_processes_or_threads_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    wanted = exported(whole, tmp_path / "a")
    ov.bench.run(SMALL, tmp_path / "two.sqlite", workers=2)
    assert exported(tmp_path / "two.sqlite", tmp_path / "b") == wanted
    with ThreadPoolExecutor(3) as pool:
        ov.bench.run(SMALL, tmp_path / "three.sqlite", executor=pool)
    assert exported(tmp_path / "three.sqlite", tmp_path / "c") == wanted


def test_what_is_done_is_not_done_again(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "copy.sqlite"
    path.write_bytes(whole.read_bytes())
    monkeypatch.setattr(running, "work", lambda job: pytest.fail("nothing is left"))
    assert ov.bench.run(SMALL, path, workers=1).left == 0
    monkeypatch.undo()
    with Store(path) as store:
        assert store.forget(optimizer="sgd") == 42
    jobs: list[Any] = []
    monkeypatch.setattr(running, "work", lambda job: jobs.append(job) or work.work(job))
    ov.bench.run(SMALL, path, workers=1)
    assert {job.optimizer for job in jobs} == {"sgd"}
    assert exported(path, tmp_path / "a") == exported(whole, tmp_path / "b")


def test_a_rule_that_changes_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = problem("bowl")
    cell = suite.cells_of(made, "adam", {"lr": 0.1}, [0], 40)[0]
    assert suite.cells_of(made, "adam", {"lr": 0.1}, [0], 40)[0].key == cell.key
    other = suite.cells_of(made, "sgd", {"lr": 0.1}, [0], 40)[0].key
    others = [
        suite.cells_of(made, "adam", {"lr": 0.2}, [0], 40)[0].key,
        suite.cells_of(made, "adam", {"lr": 0.1}, [1], 40)[0].key,
        suite.cells_of(made, "adam", {"lr": 0.1}, [0], 41)[0].key,
        suite.cells_of(made, "adam:convention=torch", {"lr": 0.1}, [0], 40)[0].key,
        suite.cells_of(problem("bowl~gaussian=0.1"), "adam", {"lr": 0.1}, [0], 40)[0].key,
    ]
    assert len({cell.key, *others}) == 6
    for cache in (suite._identity, suite._rule):
        cache.cache_clear()
    monkeypatch.setattr(ov.Adam, "kernel_source", lambda self: "another rule")
    assert suite.cells_of(made, "adam", {"lr": 0.1}, [0], 40)[0].key != cell.key
    assert suite.cells_of(made, "sgd", {"lr": 0.1}, [0], 40)[0].key == other, "untouched"
    for cache in (suite._identity, suite._rule):
        cache.cache_clear()


def test_a_cell_that_raises_is_kept_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(problem("bowl"))
    usual = kind.runs

    def breaks(self: Any, optimizer: Any, settings: Any, seeds: Any, budget: int) -> Any:
        if self.text == "bowl" and 3 in seeds:
            raise RuntimeError("no luck\nat all")
        return usual(self, optimizer, settings, seeds, budget)

    path = tmp_path / "r.sqlite"
    monkeypatch.setattr(kind, "runs", breaks)
    found = ov.bench.run(SMALL, path, workers=1)
    assert (found.failed, found.left) == (3, 0)
    results = ov.bench.load(path)
    assert np.isnan(results.scores[0, :, 3]).all()
    assert np.isfinite(results.scores[0, :, :3]).all()
    with Store(path) as store:
        assert store.errors() == [
            ("bowl", name, 1, "RuntimeError: no luck") for name in sorted(SMALL.optimizers)
        ]
    monkeypatch.undo()
    assert ov.bench.run(SMALL, path, workers=1).failed == 3, "not by itself"
    with Store(path) as store:
        assert store.forget(failed=True) == 3
    assert ov.bench.run(SMALL, path, workers=1).failed == 0


# -- what interrupts ------------------------------------------------------------------------------

RUN = """
import sys, optviz as ov
from tests.test_bench_run import SMALL
ov.bench.run(SMALL, sys.argv[1], workers=1)
"""


def started(path: Path, program: str = RUN) -> subprocess.Popen[bytes]:
    root = Path(__file__).parent.parent
    return subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=root,
                            env={**os.environ, "PYTHONPATH": str(root)},
                            stderr=subprocess.PIPE)  # fmt: skip


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(
    whole: Path, tmp_path: Path
) -> None:
    """A hundred times, in one process that is restarted: each is killed some milliseconds after
    its first cell or before."""
    path, random_ = tmp_path / "killed.sqlite", random.Random(0)
    program = """
import os, random, signal, sys, threading, time
from tests.test_bench_run import SMALL
import optviz as ov
from optviz.bench.store import Store
path, seed, kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for k in range(kills):  # children share the imports: a fork each
    child = os.fork()
    if not child:
        try:
            ov.bench.run(SMALL, path, workers=1)
        finally:
            os._exit(0)
    time.sleep(random.Random(seed + k).uniform(0.0, 0.12))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with Store(path, make=True) as store:
        if store.count()[0] > 80:
            store.forget(optimizer="adam")
            store.forget(optimizer="sgd")
"""
    root = Path(__file__).parent.parent
    subprocess.run(
        [sys.executable, "-c", program, str(path), str(random_.randrange(10**6)), "100"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=True, timeout=300,
    )  # fmt: skip
    assert ov.bench.run(SMALL, path, workers=1).left == 0
    assert exported(path, tmp_path / "a") == exported(whole, tmp_path / "b")
    left = {p.name for p in tmp_path.iterdir()} - {"killed.sqlite", "a.jsonl", "b.jsonl"}
    assert not left


@pytest.mark.slow
def test_two_runs_share_a_store_and_do_nothing_twice(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite"
    program = RUN.replace("ov.bench.run", """
import optviz.bench.running as running
usual = running.work
def told(job):
    print(job.problem, job.optimizer, job.cells[0][0].key, len(job.cells), file=sys.stderr)
    return usual(job)
running.work = told
ov.bench.run""")  # fmt: skip
    children = [started(path, program) for _ in range(2)]
    said = [child.communicate()[1].decode().splitlines() for child in children]
    assert all(child.returncode == 0 for child in children), said
    jobs = [line for lines in said for line in lines]
    assert len(jobs) == len(set(jobs)), "nothing twice"
    assert exported(path, tmp_path / "a") == exported(whole, tmp_path / "b")


@pytest.mark.peers
def test_dask_with_a_worker_that_is_killed_gives_the_same_bytes(
    whole: Path, tmp_path: Path
) -> None:
    """A real scheduler and two worker processes on this machine, one of which dies halfway."""
    distributed = pytest.importorskip("distributed")
    jobs = [0]
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster, distributed.Client(cluster) as client:  # fmt: skip

        def progress(done: int, total: int, text: str) -> None:
            jobs[0] += 1
            if jobs[0] == 3:
                worker = next(iter(cluster.workers.values()))
                os.kill(worker.process.pid, signal.SIGKILL)

        path = tmp_path / "dask.sqlite"
        found = ov.bench.run(SMALL, path, executor=client.get_executor(pure=False),
                             progress=progress)  # fmt: skip
    assert jobs[0] > 5
    assert (found.left, found.failed) == (0, 0)
    assert exported(path, tmp_path / "a") == exported(whole, tmp_path / "b")


@pytest.mark.peers
def test_the_script_for_a_cluster_runs_on_one_machine(tmp_path: Path) -> None:
    """That of the page, with a small suite and without what starts a command on each machine."""
    pytest.importorskip("distributed")
    root = Path(__file__).parent.parent
    page = (root / "docs" / "bench.md").read_text()
    (script,) = (part for part in page.split("```") if "dask scheduler" in part)
    smaller = "quick --steps 40 --epochs 2 --seeds 2 --configurations 3 --name small"
    script = script.removeprefix("sh").replace("srun ", "").replace("run quick", f"run {smaller}")
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        check=False, env={**os.environ, "PATH": paths, "PYTHONPATH": str(root)},
    )  # fmt: skip
    asked = dataclasses.replace(ov.bench.read_suite("quick"), name="small", steps=40, epochs=2,
                                seeds=2, configurations=3)  # fmt: skip
    told = f"{asked.cells} of {asked.cells} cells in results.sqlite"
    assert told in done.stdout, done.stderr[-2000:]
    assert ov.bench.run(asked, tmp_path / "here.sqlite", workers=1).done == asked.cells
    assert exported(tmp_path / "results.sqlite", tmp_path / "a") == exported(
        tmp_path / "here.sqlite", tmp_path / "b"
    )


@pytest.mark.peers
@pytest.mark.parametrize(
    ("where", "said"),
    [("gone.json", "no scheduler has written it"), ("tcp://127.0.0.1:9", "no scheduler answers")],
)
def test_a_scheduler_that_is_not_there_has_a_line(
    where: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(clusters, "PATIENCE", 0.5)
    with pytest.raises(ValueError, match=said), clusters.dask_executor(where):
        pass


@pytest.mark.slow
def test_ctrl_c_writes_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    child = interruptible(
        [sys.executable, "-m", "optviz", "bench", "run", "ndim", "--store", str(path)],
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists():
            try:
                with Store(path) as store:
                    if store.count()[0]:
                        break
            except StoreError:
                pass
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: the workers hear it too
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert said == f"optviz: interrupted: what is done is in {path}; the same command goes on\n"
    with Store(path) as store:
        assert store.count()[0] > 0
        assert store._rows("SELECT count(*) FROM claims") == [(0,)]


def test_a_claim_of_a_process_that_is_dead_counts_no_more(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with Store(path, make=True) as store:
        assert store.claim("task")
        store._db.execute("UPDATE claims SET pid = 2147483646")
        assert store.claim("task"), "nobody has this number"
        store._db.execute("UPDATE claims SET host = 'elsewhere'")
        assert not store.claim("task"), "a machine that was seen just now"
        store._db.execute("UPDATE claims SET seen = seen - 1e4")
        assert store.claim("task")


# -- files ----------------------------------------------------------------------------------------


def test_files_that_are_no_stores_have_a_line(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough to look like one\n" * 50)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    newer = tmp_path / "newer.sqlite"
    with Store(newer, make=True):
        pass
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    for path, said in ((text, "damaged, or no store"), (other, "is no store of optviz bench"),
                       (newer, "version 99"), (tmp_path / "gone", "no such store")):  # fmt: skip
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(StoreError, match=said):
            ov.bench.load(path)
        if before is not None:
            with pytest.raises(StoreError, match=said):
                ov.bench.run(SMALL, path, workers=1)
            assert path.read_bytes() == before


def test_a_damaged_cell_is_named(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    path.write_bytes(whole.read_bytes())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE cells SET curves = X'00' WHERE seed = 0")
    with pytest.raises(StoreError, match=r"the cell [0-9a-f]{32} is damaged"):
        ov.bench.load(path)


def test_curves_come_back_from_their_bytes() -> None:
    (curves,) = problem("net:moons:n=120~hidden=4").runs(ov.Adam(), [{"lr": 0.01}], [0, 1], 3)
    for run in (0, 1):
        found = unpack(pack(curves, run))
        np.testing.assert_array_equal(found.marks, curves.marks)
        np.testing.assert_allclose(found.values[0], curves.values[run], rtol=1e-6)
        np.testing.assert_allclose(found.extra[0], curves.extra[run], rtol=1e-6)
    for blob in (b"", b"x", pack(curves, 0)[:-3]):
        with pytest.raises(ValueError, match="no curves"):
            unpack(blob)


def test_stores_are_merged_unless_they_contradict(whole: Path, tmp_path: Path) -> None:
    parts = []
    for name in SMALL.optimizers:
        one = ov.bench.Suite(**{**vars(SMALL), "name": name, "optimizers": (name,)})
        parts.append(tmp_path / f"{len(parts)}.sqlite")
        ov.bench.run(one, parts[-1], workers=1)
    found = ov.bench.merge([*parts, whole], tmp_path / "all.sqlite")
    assert (found["cells"], found["differ"]) == (CELLS, 0)
    assert exported(tmp_path / "all.sqlite", tmp_path / "a") == exported(whole, tmp_path / "b")
    with Store(parts[0]) as store:
        (key, blob), *_ = store._rows("SELECT key, curves FROM cells ORDER BY key")
        curves = unpack(blob)
        for factor, name in ((1 + 3e-7, "near"), (1.01, "far")):
            other = tmp_path / f"{name}.sqlite"
            other.write_bytes(parts[0].read_bytes())
            changed = type(curves)(curves.marks, factor * curves.values, curves.best, curves.extra)
            with sqlite3.connect(other) as db:
                db.execute("UPDATE cells SET curves = ? WHERE key = ?", (pack(changed, 0), key))
    found = ov.bench.merge([parts[0], tmp_path / "near.sqlite"], tmp_path / "near2.sqlite")
    assert found["differ"] == 1
    with pytest.raises(StoreError, match="differ by more than 1e-06"):
        ov.bench.merge([parts[0], tmp_path / "far.sqlite"], tmp_path / "far2.sqlite")
    assert not (tmp_path / "far2.sqlite").exists()
    with pytest.raises(ValueError, match="is there already"):
        ov.bench.merge(parts, whole)


def test_two_stores_are_compared(whole: Path, tmp_path: Path) -> None:
    same = compare(whole, whole)
    assert {change.verdict for change in same} == {"not told apart"}
    assert all(change.difference == 0 for change in same)
    path = tmp_path / "worse.sqlite"
    path.write_bytes(whole.read_bytes())
    with Store(path) as store:
        rows = store._rows("SELECT key, curves FROM cells WHERE optimizer = 'adam' AND seed < 10 "
                           "AND problem = 'bowl'")  # fmt: skip
        for key, blob in rows:
            c = unpack(blob)
            worse = pack(type(c)(c.marks, 10 * c.values, c.best, c.extra), 0)
            store._db.execute("UPDATE cells SET curves = ? WHERE key = ?", (worse, key))
    (change,) = [c for c in compare(whole, path) if c.verdict != "not told apart"]
    assert (change.problem, change.optimizer, change.verdict) == ("bowl", "adam", "worse")
    assert 0 < change.difference <= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("problems = ['bowl']", "lacks optimizers"),
        ("problems = ['bowl']\noptimizers = ['sgd']\nsedes = 3", "did you mean 'seeds'"),
        ("problems = ['bowl'\n", "suite mine: "),
        ("problems = 'bowl'\noptimizers = ['sgd']", "problems must be a list"),
        ("problems = ['bowl']\noptimizers = ['sdg']", "sdg"),
        ("problems = ['bowl']\noptimizers = ['sgd']\nseeds = 0", "seeds must be a whole number"),
        ("problems = ['bowl']\noptimizers = ['sgd']\nobjective = 'best'", "one of area, final"),
        ("problems = ['bowl']\noptimizers = ['sgd']\ntarget = 2", "between 0 and 1"),
        ("problems = [3]\noptimizers = ['sgd']", "problems must be texts"),
    ],
)
def test_malformed_suites_have_a_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        ov.bench.read_suite(path)


def test_a_suite_that_is_unknown_is_answered() -> None:
    with pytest.raises(ValueError, match="did you mean 'quick'"):
        ov.bench.read_suite("quik")
    with pytest.raises(ValueError, match="cannot be read"):
        ov.bench.read_suite("gone.toml")
