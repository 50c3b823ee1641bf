"""Rounds in turn: each engine once, in an order that rotates, ratios within the round.

On a machine that others use, engines timed one after the other cannot be compared: what the
machine gives changes from minute to minute. What changes slower than a round falls out of its
ratio, and the median of the rounds' ratios forgets what came in between.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.remote import EngineError, Worker
from benchmarks.task import OURS, Task


class Warm(Protocol):
    """What is asked of a worker here."""

    result: object

    def seconds(self) -> float: ...


@dataclass
class Measurement:
    """The seconds of each engine of a task, round by round; why others have none."""

    task: Task
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, EngineError] = field(default_factory=dict)

    def ratios(self, engine: str) -> list[float]:
        """The engine's time over ours, in each round."""
        return ratios(self.seconds[engine], self.seconds[OURS])


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> list[float]:
    """Of the same rounds."""
    return [b / a for a, b in zip(ours, theirs, strict=True)]


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """The median and the quartiles on both sides of it."""
    q1, median, q3 = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return {"q1": q1, "median": median, "q3": q3}


def measure(
    module: str, name: str, engines: Sequence[str], rounds: int | None, timeout: float
) -> Measurement:
    """Measure engines of a task of `module`, after their results were found equal to ours.

    A peer that fails leaves the others alone; without ours there is nothing to compare.
    """
    task: Task = importlib.import_module(module).TASKS[name]
    out, workers = Measurement(task), {}
    with contextlib.ExitStack() as open_workers:
        for engine in engines:
            with _failing(engine, out):
                worker = Worker(module, name, engine, timeout)
                open_workers.callback(worker.close)
                workers[engine] = worker
        refuse_others(name, workers, out)
        for number in range(rounds or task.rounds):
            one_round(number, workers, out)
    return out


def refuse_others(name: str, workers: dict[str, Warm], out: Measurement) -> None:
    """Take away the workers that compute something else than ours."""
    ours = workers[OURS].result
    for engine, worker in list(workers.items()):
        if worker.result is None or ours is None:
            continue  # such as bare matrix products
        here, there = np.asarray(worker.result), np.asarray(ours)
        close = here.shape == there.shape and np.allclose(
            here, there, rtol=out.task.tolerance, atol=out.task.tolerance
        )
        if not close:
            line = f"{name}, {engine} computes something else than {OURS}"
            out.failures[engine] = EngineError(line, f"{there}\n{here}")
            del workers[engine]


def one_round(number: int, workers: dict[str, Warm], out: Measurement) -> None:
    """Each engine once; the first of this round is the last of the next."""
    names = list(workers)
    shift = number % len(names)
    for engine in names[shift:] + names[:shift]:
        with _failing(engine, out):
            out.seconds.setdefault(engine, []).append(workers[engine].seconds())
    for engine in out.failures:
        workers.pop(engine, None)
        out.seconds.pop(engine, None)


@contextlib.contextmanager
def _failing(engine: str, out: Measurement) -> Iterator[None]:
    """Note an engine's error; ours ends the measurement."""
    try:
        yield
    except EngineError as error:
        if engine == OURS:
            raise
        out.failures[engine] = error
