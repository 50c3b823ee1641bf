"""One engine on one task, in a process of its own: prints the best time and the result."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.tasks import TASKS, UPDATES


def main(task_name: str, engine_name: str) -> None:
    task = TASKS[task_name]
    work, result = task.engines[engine_name]()
    # The warm-up: also the updates after which results are compared.
    for _ in range(UPDATES if task_name.startswith("update") else 1):
        work()
    outcome = result()
    best = float("inf")
    for _ in range(task.repeats):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    print(json.dumps({"seconds": best / task.units.get(engine_name, 1), "result": outcome}))


if __name__ == "__main__":
    main(*sys.argv[1:])
