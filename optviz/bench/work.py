"""What a worker does: some settings of an optimizer on a problem, all seeds; it writes nothing."""

from __future__ import annotations

import dataclasses
import functools
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from optviz.bench.problems import problem
from optviz.bench.store import Measured, pack
from optviz.bench.suite import Cell, made_of
from optviz.compiled.threads import one_blas_thread
from optviz.optimizers.parse import parse_optimizer


@dataclass(frozen=True)
class Job:
    """Cells of one problem, optimizer and budget, for a worker: a row for each setting."""

    problem: str
    optimizer: str
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def count(self) -> int:
        """Cells."""
        return sum(len(row) for row in self.cells)


def work(job: Job) -> list[Measured]:
    """Run a job; a setting that raises is tried seed by seed, and what raises is kept as such."""
    _warm(job.problem, job.optimizer, job.cells[0][0])
    begun = time.perf_counter()
    try:
        found = _measure(job.cells)
    except Exception:
        if job.count == 1:
            raise
        return [m for row in job.cells for cell in row for m in _alone(cell)]
    each = (time.perf_counter() - begun) / job.count
    return [Measured(cell, blob, None, each) for cell, blob in found]


@functools.lru_cache(maxsize=4096)
def _warm(on: str, text: str, cell: Cell) -> None:
    """Load and compile what a task needs, so that its first cells take no longer than others."""
    with suppress(Exception):  # which the cells themselves will raise
        _measure(((dataclasses.replace(cell, budget=1),),))


def _alone(cell: Cell) -> list[Measured]:
    begun = time.perf_counter()
    try:
        ((_, blob),) = _measure(((cell,),))
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return [Measured(cell, None, said, time.perf_counter() - begun)]
    return [Measured(cell, blob, None, time.perf_counter() - begun)]


def _measure(rows: Sequence[Sequence[Cell]]) -> list[tuple[Cell, bytes]]:
    first = rows[0][0]
    optimizer = parse_optimizer(first.optimizer)
    seeds = [cell.seed for cell in rows[0]]
    with one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divergence is a result
        found = problem(first.problem).runs(
            optimizer, [made_of(row[0]) for row in rows], seeds, first.budget
        )
    return [
        (cell, pack(curves, k))
        for row, curves in zip(rows, found, strict=True) for k, cell in enumerate(row)
    ]  # fmt: skip
