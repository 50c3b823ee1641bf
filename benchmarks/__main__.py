"""Measure and report: `python -m benchmarks [TASK ...] [--readme]`.

Every engine runs in a process of its own, in turn; its figure is the minimum of several warm
runs. `--readme` renews the table in README.md; `results.json` keeps what was measured last, so
that one task can be measured again without the others.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tasks import TASKS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def measure(name: str) -> dict[str, Any]:
    """Times of all engines of a task, after their results were found equal."""
    task = TASKS[name]
    seconds, results = {}, {}
    for engine in task.engines:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.worker", name, engine],
            cwd=HERE.parent, capture_output=True, text=True, check=False,
            env={**os.environ, "OPTVIZ_THREADS": "2", "OMP_NUM_THREADS": "2"},
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{name}, {engine} failed:\n{done.stderr}")
        out = json.loads(done.stdout.splitlines()[-1])
        seconds[engine], results[engine] = out["seconds"], out["result"]
    for engine, result in results.items():
        if not np.allclose(result, results["optviz"], rtol=task.tolerance, atol=task.tolerance):
            raise SystemExit(f"{name}: {engine} computes something else than optviz")
    return {"seconds": seconds, "date": datetime.date.today().isoformat()}


def table(measured: dict[str, Any]) -> str:
    """The README's table."""
    lines = ["| | optviz | peer | ratio | goal |", "|---|--:|--:|--:|--:|"]
    for name, task in TASKS.items():
        if name not in measured:
            continue
        seconds = measured[name]["seconds"]
        for k, engine in enumerate(e for e in task.engines if e != "optviz"):
            ratio, goal = seconds[engine] / seconds["optviz"], task.goals.get(engine)
            first = (task.title, readable(seconds["optviz"])) if k == 0 else ("", "")
            lines.append(
                f"| {first[0]} | {first[1]} | {engine} {readable(seconds[engine])} | "
                f"**{times(ratio)}** | {'' if goal is None else '≥ ' + times(goal)} |"
            )
    return "\n".join([*lines, "", environment(measured)])


def readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.2g} ns"


def times(ratio: float) -> str:
    return (
        f"{ratio:,.0f} ×" if ratio >= 100 else f"{ratio:.3g} ×" if ratio >= 10 else f"{ratio:.2f} ×"
    )


def environment(measured: dict[str, Any]) -> str:
    names = ("numpy", "numba", "matplotlib", "torch", "jax", "optax")
    have = [f"{name} {version(name)}" for name in names if _installed(name)]
    dates = sorted({entry["date"] for entry in measured.values()})
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; Python "
        f"{platform.python_version()}, {', '.join(have)}; {', '.join(dates)}. Ratios are the "
        f"peer's time over ours: minimum of several warm runs, each engine in its own process, "
        f"results compared first. `python -m benchmarks --readme` renews this table."
    )


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        return platform.processor() or platform.machine()


def write_readme(text: str) -> None:
    page = README.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--readme", action="store_true", help="renew the table in README.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"no task is called {', '.join(unknown)}; there are {', '.join(TASKS)}")
    measured = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.tasks or TASKS:
        print(f"measuring {name} …", file=sys.stderr)
        measured[name] = measure(name)
        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    text = table({name: measured[name] for name in TASKS if name in measured})
    print(text)
    if arguments.readme:
        write_readme(text)


if __name__ == "__main__":
    main()
