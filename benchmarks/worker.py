"""The inside of a worker: one engine of one task, in a process of its own.

Run by `remote.py` as `python -m benchmarks.worker MODULE TASK ENGINE`. When the engine is warm it
writes its result as a line of JSON; then each line that it reads asks for one measurement, and it
answers with the seconds. It ends where its input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def main(module: str, task_name: str, engine_name: str) -> None:
    answers = _private_output()

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    task = importlib.import_module(module).TASKS[task_name]
    work, result = task.engines[engine_name]()
    for _ in range(task.warm_calls):
        work()
    answer(result=result())
    for line in sys.stdin:
        answer(seconds=seconds_per_call(work, **json.loads(line)) / task.units(engine_name))


def seconds_per_call(work: Callable[[], Any], pause: float, at_least: float) -> float:
    """Time calls for `at_least` seconds, one call if that takes longer."""
    time.sleep(pause)  # threads of the engine before, here or elsewhere, may still spin
    work()  # and caches hold what it left
    calls, began = 0, time.perf_counter()
    while True:
        work()
        calls += 1
        if (spent := time.perf_counter() - began) >= at_least:
            return spent / calls


def _private_output() -> Any:
    """What was standard output; a library that prints writes to standard error from now on."""
    mine = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return mine


if __name__ == "__main__":
    main(*sys.argv[1:])
