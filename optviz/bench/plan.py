"""What a suite still has to do, as its store stands: a task is a problem and an optimizer."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.bench.curves import joined
from optviz.bench.problems import problem
from optviz.bench.scores import chosen, score
from optviz.bench.store import Store
from optviz.bench.suite import (
    TUNING,
    Cell,
    Suite,
    cells_of,
    configurations,
    is_fixed,
    optimizer_of,
    settings,
)
from optviz.bench.work import Job

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Status:
    """How far a suite, or a task of it, is.

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

    def __add__(self, other: Status) -> Status:
        return Status(self.total + other.total, self.done + other.done, self.failed + other.failed)


class Task:
    """First each configuration on the tuning seeds, then the best of them on the others.

    What the store holds is asked once; the task tells of that moment.
    """

    def __init__(self, suite: Suite, store: Store, on: str, text: str) -> None:
        self.suite, self.store, self.on, self.text = suite, store, on, text
        self.known = store.known(cell.key for row in self.tuning for cell in row)

    @functools.cached_property
    def tuning(self) -> list[list[Cell]]:
        """A row of cells for each configuration; nothing where the rate is given."""
        if is_fixed(self.suite, self.text):
            return []
        seeds = range(TUNING, TUNING + self.suite.tuning_seeds)
        return [self._cells(c, seeds) for c in configurations(self.suite, self.text)]

    def _cells(self, configuration: Any, seeds: Sequence[int]) -> list[Cell]:
        made = problem(self.on)
        values = settings(made, optimizer_of(self.text), configuration)
        budget = self.suite.budget(made)
        return cells_of(made, self.text, values, seeds, budget, self.suite.schedule)

    @functools.cached_property
    def scores(self) -> Real:
        """Of the tuning, (configurations, seeds); nan for what failed or is not there."""
        keys = [cell.key for row in self.tuning for cell in row]
        found = self.store.curves(keys)
        there = [key for key in keys if found.get(key) is not None]
        out = dict.fromkeys(keys, np.nan)
        if there:
            whole = joined([found[key] for key in there])
            scores = score(whole, self.suite.objective, self.suite.target)
            out.update(zip(there, scores.tolist(), strict=True))
        return np.array([[out[cell.key] for cell in row] for row in self.tuning])

    @functools.cached_property
    def evaluation(self) -> list[Cell] | None:
        """The cells of the best configuration, or of the settings that were given; None while it is
        not known, and nothing if none came to an end."""
        if any(self._misses(row) for row in self.tuning):
            return None
        best: Any = ()
        if self.tuning:
            if np.isnan(self.scores).all():
                return []
            best = configurations(self.suite, self.text)[chosen(self.scores)]
        cells = self._cells(best, range(self.suite.seeds))
        self.known |= self.store.known(cell.key for cell in cells)
        return cells

    def _misses(self, row: Sequence[Cell]) -> bool:
        return any(cell.key not in self.known for cell in row)

    @property
    def status(self) -> Status:
        """How far it is; while the best is not known, its cells are counted all the same."""
        cells = [cell for row in [*self.tuning, self.evaluation or []] for cell in row]
        ends = [self.known[cell.key] for cell in cells if cell.key in self.known]
        later = self.suite.seeds if self.evaluation is None else 0
        return Status(len(cells) + later, sum(ends), len(ends) - sum(ends))

    def jobs(self) -> list[Job]:
        """The next ones; none if it is done."""
        rows = [row for row in self.tuning if self._misses(row)]
        if not rows and (cells := self.evaluation) and self._misses(cells):
            rows = [cells]
        if not rows:
            return []
        # Networks take their time: a setting a job. What is compiled takes all at once.
        is_slow = problem(self.on).unit == "epochs"
        parts = [[row] for row in rows] if is_slow else [rows]
        return [Job(self.on, self.text, tuple(tuple(row) for row in part)) for part in parts]


def tasks(suite: Suite, store: Store) -> Iterator[Task]:
    """All of a suite, one after the other."""
    for on, text in suite.tasks():
        yield Task(suite, store, on, text)


def status_of(suite: Suite, store: Store) -> Status:
    """How far a suite is, counted in the store."""
    return sum((task.status for task in tasks(suite, store)), Status(0, 0, 0))
