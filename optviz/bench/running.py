"""`run`: the cells of a suite that are not in the store yet, on this machine or on many.

Only this process writes. A task is a problem and an optimizer: first its configurations on the
tuning seeds, then the best of them on the others.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.bench.curves import joined
from optviz.bench.problems import problem
from optviz.bench.scores import chosen, score
from optviz.bench.store import Measured, Store
from optviz.bench.suite import (
    TUNING,
    Cell,
    Suite,
    cells_of,
    configurations,
    is_fixed,
    optimizer_of,
    read_suite,
    settings,
)
from optviz.bench.work import Job, work
from optviz.compiled.threads import thread_count
from optviz.shared.checks import check_whole

#: Seconds between two looks at what other processes have done, and between signs of life.
LOOK, SIGN = 0.5, 20.0
#: Jobs that wait at the workers, for each of them; and how many of them somebody else's executor
#: may have, which does not tell.
AHEAD, ELSEWHERE = 2, 128

Progress = Callable[[int, int, str], None]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Status:
    """How far a suite is.

    Attributes
    ----------
    total, done, failed : int
        Cells: in all, at the end without an error, and with one.
    """

    total: int
    done: int
    failed: int

    @property
    def left(self) -> int:
        """Cells that are not there yet."""
        return self.total - self.done - self.failed


def run(
    suite: str | Path | Suite, store: str | Path = "results.sqlite", *,
    executor: Executor | None = None, workers: int | None = None, progress: Progress | None = None,
) -> Status:  # fmt: skip
    """Measure what is missing.

    Parameters
    ----------
    suite
        Its name, its TOML file, or a `Suite`.
    store
        The file; made if there is none.
    executor
        Any `concurrent.futures.Executor`, such as Dask's; otherwise processes on this machine.
    workers
        How many of these; one for each processor unless given. Twice as many jobs are handed out
        at a time; to somebody else's executor 256 unless given.
    progress
        Called with the cells done, in all, and a text.

    Returns
    -------
    Status

    Examples
    --------
    >>> import optviz as ov, tempfile
    >>> suite = ov.bench.Suite("mine", ["bowl"], ["sgd", "adam"], seeds=3, steps=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     status = ov.bench.run(suite, folder + "/r.sqlite", workers=1)
    >>> status.left, status.failed
    (0, 0)
    """
    suite = read_suite(suite)
    count = thread_count() if workers is None else workers
    check_whole("workers", count, 1, 4096)
    with Store(store, make=True) as opened:
        opened.remember(suite)
        plan = Plan(suite, opened)
        now = plan.status()
        if not now.left:
            return now
        with _pool(executor, count, workers) as (pool, width):
            _Coordinator(plan, pool, width, progress, now).go()
        return plan.status()


def status(suite: str | Path | Suite, store: str | Path) -> Status:
    """How far a suite is in a store."""
    with Store(store) as opened:
        return Plan(read_suite(suite), opened).status()


@contextmanager
def _pool(executor: Executor | None, count: int, asked: int | None) -> Iterator[tuple[Any, int]]:
    if executor is not None:
        yield executor, asked or ELSEWHERE
    elif count == 1:
        yield _Here(), 1
    else:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(count, context, initializer=_begin)
        try:
            yield pool, count
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """In a worker: one thread each, and Ctrl-C is for the process that coordinates."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OPTVIZ_THREADS"] = "1"
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """A worker whose coordinator was killed has nobody to work for."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


class _Here:
    """An executor of this very thread."""

    def submit(self, do: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(do(*args))
        return done


class Plan:
    """What is to be done for each task, as the store stands."""

    def __init__(self, suite: Suite, store: Store) -> None:
        self.suite, self.store = suite, store

    def tuning(self, on: str, text: str) -> list[list[Cell]]:
        """A row of cells for each configuration."""
        if is_fixed(self.suite, text):
            return []
        seeds = range(TUNING, TUNING + self.suite.tuning_seeds)
        return [self._cells(on, text, c, seeds) for c in configurations(self.suite, text)]

    def _cells(self, on: str, text: str, configuration: Any, seeds: Any) -> list[Cell]:
        made = problem(on)
        values = settings(made, optimizer_of(text), configuration)
        budget = self.suite.budget(made)
        return cells_of(made, text, values, seeds, budget, self.suite.schedule)

    def evaluation(self, on: str, text: str, known: dict[str, bool]) -> list[Cell] | None:
        """The cells of the best configuration; None while it is not known, and nothing if none
        came to an end."""
        rows = self.tuning(on, text)
        if any(cell.key not in known for row in rows for cell in row):
            return None
        return self.best_of(on, text, self.scores(rows))

    def scores(self, rows: Sequence[Sequence[Cell]]) -> Real:
        """Of cells in rows, nan for what failed or is not there."""
        keys = [cell.key for row in rows for cell in row]
        found = self.store.curves(keys)
        there = [key for key in keys if found.get(key) is not None]
        out = dict.fromkeys(keys, np.nan)
        if there:
            whole = joined([found[key] for key in there])
            scores = score(whole, self.suite.objective, self.suite.target)
            out.update(zip(there, scores.tolist(), strict=True))
        return np.array([[out[cell.key] for cell in row] for row in rows])

    def best_of(self, on: str, text: str, scores: Real) -> list[Cell]:
        """The cells of the configuration with the best of these scores; of an optimizer that is not
        tuned those of its own settings."""
        best: Any = ()
        if len(scores):
            if np.isnan(scores).all():
                return []
            best = configurations(self.suite, text)[chosen(scores)]
        return self._cells(on, text, best, range(self.suite.seeds))

    def missing(self, on: str, text: str) -> list[Job]:
        """The next jobs of a task; none if it is done."""
        known = self.store.known(on, text)
        rows = [row for row in self.tuning(on, text) if any(c.key not in known for c in row)]
        if not rows:
            cells = self.evaluation(on, text, known) or []
            rows = [cells] if any(cell.key not in known for cell in cells) else []
        if not rows:
            return []
        # Networks take their time: a setting a job. What is compiled takes all at once.
        one = problem(on).unit == "epochs"
        parts = [[row] for row in rows] if one else [rows]
        return [Job(on, text, tuple(tuple(row) for row in part)) for part in parts]

    def status(self) -> Status:
        """Counted in the store."""
        total = done = failed = 0
        for on, text in self.suite.tasks():
            known = self.store.known(on, text)
            rows = self.tuning(on, text)
            cells = [cell for row in rows for cell in row]
            evaluated = self.evaluation(on, text, known)
            total += len(cells) + (self.suite.seeds if evaluated is None else len(evaluated))
            for cell in [*cells, *(evaluated or [])]:
                if cell.key in known:
                    done, failed = done + known[cell.key], failed + (not known[cell.key])
        return Status(total, done, failed)


class _Coordinator:
    """Hands jobs to the executor, and writes what comes back."""

    def __init__(
        self, plan: Plan, pool: Any, width: int, progress: Progress | None, now: Status
    ) -> None:
        self.plan, self.pool, self.width, self.progress = plan, pool, width, progress
        self.waiting: deque[tuple[str, str]] = deque(plan.suite.tasks())
        self.jobs: deque[Job] = deque()
        self.going: dict[Future[Any], Job] = {}
        #: Of a task, the jobs that are not written yet.
        self.open: dict[tuple[str, str], int] = {}
        self.held: list[tuple[str, str]] = []
        self.now = now
        self.signed = time.monotonic()

    def go(self) -> None:
        """Until nothing is left."""
        try:
            while self.waiting or self.jobs or self.going or self.held:
                self._fill()
                self._collect()
                self._sign()
        except BaseException:
            for future in self.going:
                future.cancel()
            self.plan.store.give_up()
            raise

    def _fill(self) -> None:
        """Enough jobs for all workers."""
        while len(self.going) < AHEAD * self.width:
            if self.jobs:
                job = self.jobs.popleft()
                self.going[self.pool.submit(work, job)] = job
            elif self.waiting:
                self._take(*self.waiting.popleft())
            else:
                return

    def _take(self, on: str, text: str) -> None:
        """Claim a task and queue its jobs."""
        if not self.plan.missing(on, text):
            return
        if not self.plan.store.claim(_name(on, text)):
            self.held.append((on, text))
            return
        # Asked again: another process may have done it between the two.
        self._queue(on, text)

    def _queue(self, on: str, text: str) -> None:
        jobs = self.plan.missing(on, text)
        if not jobs:
            self.plan.store.write([], _name(on, text))
            return
        self.open[on, text] = len(jobs)
        self.jobs.extend(jobs)

    def _collect(self) -> None:
        if not self.going:
            if self.held:
                time.sleep(LOOK)
                self.waiting.extend(self.held)
                self.held.clear()
            return
        done, _ = wait(self.going, timeout=LOOK, return_when=FIRST_COMPLETED)
        for future in done:
            job = self.going.pop(future)
            self._written(job, future.result())

    def _written(self, job: Job, measured: list[Measured]) -> None:
        self.plan.store.write(measured)
        task = (job.problem, job.optimizer)
        self.open[task] -= 1
        if not self.open[task]:
            del self.open[task]
            self._queue(*task)
        if self.progress is not None:
            bad = sum(m.error is not None for m in measured)
            now = self.now
            self.now = Status(now.total, now.done + len(measured) - bad, now.failed + bad)
            self.progress(self.now.done + self.now.failed, now.total,
                          f"{job.optimizer} on {job.problem}")  # fmt: skip

    def _sign(self) -> None:
        if time.monotonic() - self.signed > SIGN:
            self.plan.store.still_here()
            self.signed = time.monotonic()


def _name(on: str, text: str) -> str:
    return f"{on}\n{text}"
