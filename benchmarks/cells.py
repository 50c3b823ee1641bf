"""What many cells cost the suite itself: `python -m benchmarks.cells 1000000`.

The coordinator, the store and the report are the real ones; the workers answer at once with curves
that were measured before. So the time is all overhead, and the bytes are those of real curves.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import optviz as ov
from optviz.bench.problems import problem
from optviz.bench.store import Measured, pack
from optviz.bench.work import Job

#: Of the suite `plane`, and the seeds on which each configuration is tried.
TASKS, SEEDS = 23 * 14, (3, 10)


class Answers:
    """An executor whose workers have the results already."""

    def __init__(self, suite: ov.bench.Suite) -> None:
        optimizer = ov.Adam()
        self.blobs: dict[str, list[bytes]] = {}
        for text in suite.problems:
            (curves,) = problem(text).runs(optimizer, [{"lr": 0.01}], range(50), suite.steps)
            self.blobs[text] = [pack(curves, k) for k in range(50)]

    def submit(self, _: Callable[..., Any], job: Job) -> Future[Any]:
        """The job's cells, done."""
        blobs = self.blobs[job.problem]
        cells = [cell for row in job.cells for cell in row]
        done: Future[Any] = Future()
        done.set_result([Measured(c, blobs[k % 50], None, 1e-3) for k, c in enumerate(cells)])
        return done


def main(count: int) -> None:
    """Run, report and tell."""
    plane = ov.bench.read_suite("plane")
    tuning, evaluation = SEEDS
    each = max(1, round((count / TASKS - evaluation) / tuning))
    suite = ov.bench.Suite("cells", plane.problems, plane.optimizers, configurations=each)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "cells.sqlite"
        answers: Any = Answers(suite)
        begun = time.perf_counter()
        done = ov.bench.run(suite, store, executor=answers).done
        spent = time.perf_counter() - begun
        size = store.stat().st_size
        print(f"{done:,} cells: {spent:.0f} s in the coordinator, {1e3 * spent / done:.2f} ms and "
              f"{size / done:.0f} bytes a cell, {size / 1e6:,.0f} MB", flush=True)  # fmt: skip
        begun = time.perf_counter()
        ov.bench.report(store).save(Path(folder) / "report.html")
        spent = time.perf_counter() - begun
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"its report: {spent:.0f} s; {memory:,.0f} MB of memory at most, both together")


if __name__ == "__main__":
    main(int(sys.argv[1]))
