"""Tasks for the tests of `benchmarks`: small work, and engines that go wrong."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from benchmarks.task import OURS, Engine, Task

STEPS = 30


def ours() -> Any:
    import optviz as ov

    def path() -> Any:
        return ov.minimize("x**2/20 + y**2", ov.Momentum(lr=0.1), start=(-4, 2), steps=STEPS).points

    return path, lambda: path().tolist()


def course(lr: float) -> Engine:
    def engine() -> Any:
        from tests.reference.book import Momentum

        print("a library that is chatty on standard output")

        def path() -> Any:
            optimizer, p = Momentum(lr=lr), {"p": np.array([-4.0, 2.0])}
            points = [p["p"].copy()]
            for _ in range(STEPS):
                optimizer.update(p, {"p": np.array([0.1, 2.0]) * p["p"]})
                points.append(p["p"].copy())
            return np.array(points)

        return path, lambda: path().tolist()

    return engine


def nothing_to_compare() -> Any:
    return lambda: np.zeros(1000).sum(), lambda: None


def missing() -> Any:
    raise ModuleNotFoundError("No module named 'peer'")


def dying() -> Any:
    """Sets up, and dies with the first measurement."""
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        if len(calls) > 1:
            print("out of luck", file=sys.stderr, flush=True)
            os.abort()

    return work, lambda: None


def hanging() -> Any:
    time.sleep(3600)


TASKS = {
    "good": Task(
        "a short path",
        {OURS: ours, "course": course(0.1), "sums (bare)": nothing_to_compare},
        {"course": 2.0},
        unit="step",
        per_call=STEPS,
        per_call_of={"sums (bare)": 1000},
        rounds=3,
    ),
    "other": Task("another rate", {OURS: ours, "course": course(0.2)}, {}, rounds=1),
    "failing": Task(
        "engines that fail",
        {OURS: ours, "missing": missing, "dying": dying, "course": course(0.1)},
        {},
    ),
    "hanging": Task("an engine that hangs", {OURS: ours, "hanging": hanging}, {}, rounds=1),
    "without ours": Task("ours fails", {OURS: missing, "course": course(0.1)}, {}, rounds=1),
}
