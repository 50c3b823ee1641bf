"""Measure and report: `python -m benchmarks [TASK ...] [--rounds N] [--readme]`.

Runs `pytest benchmarks`, puts what it measured into `results.json` in the place of the same
tasks' older entries, and prints the table of all that is kept there. `--table` measures nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.report import Run, merge, renewed, table
from benchmarks.task import ROOT
from benchmarks.tasks import TASKS

HERE = Path(__file__).parent
RESULTS, README = HERE / "results.json", ROOT / "README.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--rounds", type=int, help="of each task (default: what the task says)")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    parser.add_argument("--readme", action="store_true", help="renew the table in README.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"no task is called {', '.join(unknown)}; there are {', '.join(TASKS)}")
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else None
    code = 0
    if not arguments.table:
        run, code = measured(arguments.tasks, arguments.rounds)
        if run is not None:
            kept = merge(kept, run, TASKS)
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    if kept is None:
        parser.error("nothing is measured yet")
    text = table(kept)
    print(text)
    if arguments.readme:
        README.write_text(renewed(README.read_text(), text))
    return code


def measured(tasks: list[str], rounds: int | None) -> tuple[Run | None, int]:
    """A run of pytest-benchmark, None if no engine could be measured, and its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        options = [f"--task={name}" for name in tasks]
        options += [] if rounds is None else [f"--rounds={rounds}"]
        # In this process: it hears Ctrl-C itself, and still writes what it has.
        code = pytest.main([str(HERE), "-v", f"--benchmark-json={path}", *options])
        return json.loads(path.read_text()) if path.exists() else None, int(code)


if __name__ == "__main__":
    sys.exit(main())
