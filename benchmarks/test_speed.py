"""`pytest benchmarks`: every engine of every task, measured in rounds, told by pytest-benchmark.

Nothing here asserts a time: a test fails if an engine fails or computes something else.
"""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from benchmarks.machine import describe, versions
from benchmarks.rounds import Measurement, quartiles
from benchmarks.task import OURS, Task


class ReplayedClock:
    """Hands pytest-benchmark the seconds that were measured inside the worker."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def begin(self) -> None:
        # From nought, so that no digit is lost in the difference.
        self._now = 0.0

    def pass_by(self, seconds: float) -> None:
        self._now = seconds


clock = ReplayedClock()


@pytest.mark.benchmark(timer=clock.now)
def test_speed(task: str, engine: str, measurement: Measurement, benchmark: Any) -> None:
    seconds = measurement.seconds[engine]
    rounds = iter(seconds)
    benchmark.group = task
    benchmark.extra_info.update(about(measurement.task, task, engine))
    if engine != OURS:
        benchmark.extra_info["ratio"] = quartiles(measurement.ratios(engine))
    benchmark.pedantic(
        lambda: clock.pass_by(next(rounds)), setup=clock.begin, rounds=len(seconds)
    )  # fmt: skip


def about(task: Task, name: str, engine: str) -> dict[str, Any]:
    """What a stored entry says of itself, so that it can stand beside others of another day."""
    return {
        "task": name,
        "engine": engine,
        "title": task.title,
        "unit": task.unit,
        "goal": task.goals.get(engine),
        "date": datetime.date.today().isoformat(),
        "machine": describe(),
        "versions": versions(),
    }
