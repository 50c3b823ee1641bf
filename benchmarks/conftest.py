"""One test for each engine of each task; a task is measured once, for all its engines."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.machine import describe
from benchmarks.remote import EngineError
from benchmarks.rounds import Measurement, measure
from benchmarks.task import OURS, Task


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks", "optviz and its peers")
    group.addoption("--rounds", type=int, help="rounds of each task (default: what the task says)")
    group.addoption("--task", action="append", help="measure this task alone; may be repeated")
    group.addoption("--tasks-from", default="benchmarks.tasks", help="the module that has TASKS")
    group.addoption(
        "--worker-timeout", type=float, default=900, help="seconds until an engine is given up"
    )


def pytest_configure(config: pytest.Config) -> None:
    rounds, tasks = config.getoption("--rounds"), tasks_of(config)
    if rounds is not None and rounds < 1:
        raise pytest.UsageError(f"--rounds must be at least 1, not {rounds}")
    for name in config.getoption("--task") or ():
        if name not in tasks:
            raise pytest.UsageError(f"no task is called {name}; there are {', '.join(tasks)}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish() -> Iterator[None]:
    """Where every engine failed, pytest-benchmark warns that it has nothing to save; as an error
    that warning would hide why."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Not saving anything")
        return (yield)


def tasks_of(config: pytest.Config) -> dict[str, Task]:
    return dict(importlib.import_module(config.getoption("--tasks-from")).TASKS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        tasks = tasks_of(metafunc.config)
        chosen = metafunc.config.getoption("--task") or tasks
        pairs = [(name, engine) for name in chosen for engine in tasks[name].engines]
        metafunc.parametrize(("task", "engine"), pairs, ids=[f"{t}-{e}" for t, e in pairs])


@pytest.fixture(scope="session")
def measured() -> dict[str, Measurement | EngineError]:
    return {}


@pytest.fixture
def measurement(
    request: pytest.FixtureRequest, task: str, engine: str, measured: dict[str, Any]
) -> Measurement:
    """The measurement of a task, of all its engines that were selected, and of ours."""
    if task not in measured:
        measured[task] = _measure(request, task)
    found = measured[task]
    error = found if isinstance(found, EngineError) else found.failures.get(engine)
    if error is not None:
        request.node.add_report_section("setup", "stderr of the worker", error.stderr)
        pytest.fail(str(error), pytrace=False)
    return found


def _measure(request: pytest.FixtureRequest, task: str) -> Measurement | EngineError:
    option = request.config.getoption
    selected = [p.callspec.params for p in request.session.items if hasattr(p, "callspec")]
    engines = dict.fromkeys([OURS, *(p["engine"] for p in selected if p.get("task") == task)])
    try:
        return measure(
            option("--tasks-from"), task, list(engines), option("--rounds"),
            option("--worker-timeout"),
        )  # fmt: skip
    except EngineError as error:
        return error


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Keep of the machine what bears on speed: a stored run is public."""
    machine_info.clear()
    machine_info.update(describe())
