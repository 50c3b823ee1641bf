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
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optviz.bench.plan import Status, Task, status_of
from optviz.bench.store import Measured, Store
from optviz.bench.suite import Suite, read_suite
from optviz.bench.work import Job, work
from optviz.compiled.threads import thread_count
from optviz.shared.checks import check_whole

#: Seconds between two looks at what other processes have done, and between signs of life.
LOOK, SIGN = 0.5, 20.0
#: Jobs that wait at the workers, for each of them; and how many of them somebody else's executor
#: may have, which does not tell.
AHEAD, ELSEWHERE = 2, 128

Progress = Callable[[int, int, str], None]


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
        now = status_of(suite, opened)
        if not now.left:
            return now
        with _pool(executor, count, workers) as (pool, width):
            _Coordinator(suite, opened, pool, width, progress, now).go()
        return status_of(suite, opened)


def status(suite: str | Path | Suite, store: str | Path) -> Status:
    """How far a suite is in a store."""
    with Store(store) as opened:
        return status_of(read_suite(suite), opened)


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
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


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


class _Coordinator:
    """Hands jobs to the executor, and writes what comes back."""

    def __init__(
        self, suite: Suite, store: Store, pool: Any, width: int, progress: Progress | None,
        now: Status,
    ) -> None:  # fmt: skip
        self.suite, self.store = suite, store
        self.pool, self.width, self.progress = pool, width, progress
        self.waiting: deque[tuple[str, str]] = deque(suite.tasks())
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
            self.store.give_up()
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
        if not self._jobs(on, text):
            return
        if not self.store.claim(_name(on, text)):
            self.held.append((on, text))
            return
        # Asked again: another process may have done it between the two.
        self._queue(on, text)

    def _jobs(self, on: str, text: str) -> list[Job]:
        return Task(self.suite, self.store, on, text).jobs()

    def _queue(self, on: str, text: str) -> None:
        jobs = self._jobs(on, text)
        if not jobs:
            self.store.write([], _name(on, text))
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
        self.store.write(measured)
        task = (job.problem, job.optimizer)
        self.open[task] -= 1
        if not self.open[task]:
            del self.open[task]
            self._queue(*task)
        if self.progress is not None:
            bad = sum(m.error is not None for m in measured)
            self.now += Status(0, len(measured) - bad, bad)
            self.progress(self.now.done + self.now.failed, self.now.total,
                          f"{job.optimizer} on {job.problem}")  # fmt: skip

    def _sign(self) -> None:
        if time.monotonic() - self.signed > SIGN:
            self.store.still_here()
            self.signed = time.monotonic()


def _name(on: str, text: str) -> str:
    return f"{on}\n{text}"
