"""What a suite found, as arrays: scores, curves, what was chosen, and the ranking."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.bench.curves import CHANNELS, CLASSES, joined
from optviz.bench.plan import Status, Task
from optviz.bench.problems import problem
from optviz.bench.scores import score, times_to
from optviz.bench.statistics import Ranking, rank
from optviz.bench.store import Store, StoreError
from optviz.bench.suite import Suite, read_suite
from optviz.shared.table import Table, Tabular
from optviz.shared.text import did_you_mean, listed

Real = NDArray[np.float64]

#: COCO's targets, relative to the first value: 51 from 1 to 1e-8.
TARGETS = np.logspace(0, -8, 51)


@dataclass(frozen=True, repr=False, eq=False)
class Results(Tabular):
    """A suite's runs.

    Attributes
    ----------
    suite
    problems, optimizers : tuple of str
    scores : ndarray (problems, optimizers, seeds)
        By the suite's objective, lower is better; nan for what failed or is not there yet.
    chosen : tuple of tuple of dict
        The settings that were evaluated, [problem][optimizer]; empty if none were tuned.
    tuning : tuple of tuple of ndarray
        The mean score of each configuration over its tuning seeds, [problem][optimizer] (c,).
    tried : tuple of tuple of tuple of dict
        The settings of these configurations.
    marks : tuple of ndarray (m,)
        Of each problem, the evaluations at which its curves are kept.
    curves : tuple of ndarray (optimizers, seeds, m)
        Of each problem the relative values, inf from where a run diverged.
    times : ndarray (problems, optimizers, seeds, targets)
        Evaluations until the lowest value so far is at most each of `TARGETS`; inf for never.
    reached : ndarray (problems, optimizers, seeds)
        The same for the suite's own target.
    status : Status
        How many cells there are to be, and how many are.
    accuracy : ndarray (problems, optimizers, seeds)
        Of networks that tell classes apart, in validation at the end; nan elsewhere.
    diverged, failed : ndarray (problems, optimizers) of int
        Runs of the evaluation that diverged or left (see `runs.trials.Trials`), and cells of both
        phases that raised an error.
    seconds : ndarray (problems, optimizers)
        Of all cells of both phases, the median of one; nan if they are not known.
    """

    suite: Suite
    problems: tuple[str, ...]
    optimizers: tuple[str, ...]
    scores: Real
    chosen: tuple[tuple[dict[str, float], ...], ...]
    tuning: tuple[tuple[Real, ...], ...]
    tried: tuple[tuple[tuple[dict[str, float], ...], ...], ...]
    marks: tuple[NDArray[np.int64], ...]
    curves: tuple[Real, ...]
    times: Real
    reached: Real
    accuracy: Real
    status: Status
    diverged: NDArray[np.int64]
    failed: NDArray[np.int64]
    seconds: Real

    def __repr__(self) -> str:
        """In one line."""
        p, o, s = self.scores.shape
        return f"<results of {self.suite.name}: {p} problems × {o} optimizers × {s} seeds>"

    def of_class(self, name: str) -> NDArray[np.bool_]:
        """Which problems belong to a class, (problems,)."""
        return np.array([name in problem(text).classes for text in self.problems])

    def classes(self) -> list[str]:
        """The classes that have a problem here, with a seed that has a score of every optimizer."""
        missing = np.isnan(self.scores).any(axis=1)
        known = ~np.all(missing, axis=1)
        return [name for name in CLASSES if (self.of_class(name) & known).any()]

    def rank(self, of: str | None = None) -> Ranking:
        """The ranking over all problems, or over a class of them."""
        return _rank(self, of)

    def table(self) -> Table:
        """A row for each run of the evaluation."""
        p, o, s = self.scores.shape
        chosen = [[_text(settings) for settings in row] for row in self.chosen]
        columns = {
            "problem": np.repeat(self.problems, o * s),
            "optimizer": np.tile(np.repeat(self.optimizers, s), p),
            "seed": np.tile(np.arange(s), p * o),
            "settings": np.repeat(np.array(chosen).ravel(), s),
            "score": self.scores.ravel(),
        }  # fmt: skip
        return Table(columns, ("problem", "optimizer", "seed"), f"suite {self.suite.name}")

    def summary(self) -> Table:
        """The mean ranks, the best first."""
        found = self.rank()
        order = np.argsort(found.ranks, kind="stable")
        best = set(found.best().tolist())
        columns = {
            "optimizer": np.array(self.optimizers)[order], "mean rank": found.ranks[order],
            "low": found.low[order], "high": found.high[order],
            "low, other problems": found.wide_low[order],
            "high, other problems": found.wide_high[order],
            "not told apart from the best": np.array([int(k) in best for k in order]),
        }  # fmt: skip
        return Table(columns, title=f"suite {self.suite.name}, {found.blocks} blocks")


@functools.lru_cache(maxsize=16)
def _rank(results: Results, of: str | None) -> Ranking:
    scores = results.scores
    return rank(scores if of is None else scores[results.of_class(of)])


def load(store: str | Path, suite: str | Path | Suite | None = None) -> Results:
    """The results of a suite in a store; the only one there unless named.

    Raises
    ------
    ValueError
        If the store has several suites, none, or not this one.
    """
    with Store(store) as opened:
        known = opened.suites()
        if suite is None:
            if len(known) != 1:
                names = ", ".join(s.name for s in known) or "none"
                raise StoreError(f"{opened.path} has several suites, or none: name one of {names}")
            suite = known[0]
        elif isinstance(suite, str) and not suite.endswith(".toml"):
            there = [s.name for s in known]
            if suite not in there:
                hint = did_you_mean(suite, there)
                raise StoreError(f"{opened.path} has no suite {suite!r}{hint}; it has "
                                 f"{listed(there) or 'none'}")  # fmt: skip
            suite = known[there.index(suite)]
        return _read(opened, read_suite(suite))


def _read(store: Store, suite: Suite) -> Results:
    spent = store.seconds()
    rows: list[list[_Found]] = [
        [_found(Task(suite, store, on, text)) for text in suite.optimizers] for on in suite.problems
    ]

    def array(of: Callable[[_Found], Any]) -> Any:
        return np.array([[of(found) for found in row] for row in rows])

    def each(of: Callable[[_Found], Any]) -> Any:
        return tuple(tuple(of(found) for found in row) for row in rows)

    # Of a problem of which nothing is there the curves have no marks.
    marks = tuple(max((f.marks for f in row), key=len) for row in rows)
    curves = tuple(
        np.array([f.values if len(f.marks) else np.full((suite.seeds, len(m)), np.nan)
                  for f in row]) for row, m in zip(rows, marks, strict=True)
    )  # fmt: skip
    seconds = [[spent.get((p, o), np.nan) for o in suite.optimizers] for p in suite.problems]
    status = sum((f.status for row in rows for f in row), Status(0, 0, 0))
    return Results(
        suite, suite.problems, suite.optimizers, chosen=each(lambda f: f.chosen),
        tuning=each(lambda f: f.tuning), tried=each(lambda f: f.tried), marks=marks, curves=curves,
        status=status, failed=array(lambda f: f.status.failed), seconds=np.array(seconds),
        scores=array(lambda f: f.scores), times=array(lambda f: f.times),
        reached=array(lambda f: f.reached), accuracy=array(lambda f: f.accuracy),
        diverged=array(lambda f: f.diverged),
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """What a task found: the parts of `Results` for one problem and optimizer."""

    status: Status
    chosen: dict[str, float]
    tuning: Real
    tried: tuple[dict[str, float], ...]
    marks: NDArray[np.int64]
    values: Real
    scores: Real
    times: Real
    reached: Real
    accuracy: Real
    diverged: int


def _found(task: Task) -> _Found:
    suite, cells = task.suite, task.evaluation or []
    runs = task.store.curves(cell.key for cell in cells)
    there = [s for s, cell in enumerate(cells) if runs.get(cell.key) is not None]
    marks, values = np.zeros(0, np.int64), np.full((suite.seeds, 0), np.nan)
    scores, reached, accuracy = np.full((3, suite.seeds), np.nan)
    times = np.full((suite.seeds, len(TARGETS)), np.nan)
    if there:
        one = joined([runs[cells[s].key] for s in there])
        marks, values = one.marks, np.full((suite.seeds, len(one.marks)), np.nan)
        values[there] = one.values
        scores[there] = score(one, suite.objective, suite.target)
        times[there] = times_to(one, TARGETS)
        reached[there] = times_to(one, np.array([suite.target]))[:, 0]
        if one.extra.shape[1] == len(CHANNELS):
            accuracy[there] = one.extra[:, CHANNELS.index("validation accuracy"), -1]
    tuned = task.scores.mean(axis=1) if len(task.tuning) else np.zeros(0)
    return _Found(
        status=task.status, chosen=dict(cells[0].settings) if cells else {}, tuning=tuned,
        tried=tuple(dict(row[0].settings) for row in task.tuning), marks=marks, values=values,
        scores=scores, times=times, reached=reached, accuracy=accuracy,
        diverged=int(np.isinf(values[there][:, -1:]).sum()),
    )  # fmt: skip


def _text(chosen: dict[str, float]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in chosen.items())
