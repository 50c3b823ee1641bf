"""From the runs that pytest-benchmark writes to the table that the README shows."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.task import OURS

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"

#: A run as `--benchmark-json` writes it.
Run = dict[str, Any]


def merge(kept: Run | None, run: Run, tasks: Iterable[str]) -> Run:
    """Put the tasks of a new run in the place of their old entries, in the order of `tasks`.

    A task is replaced with all its engines: a ratio is of one run. The rest of what
    pytest-benchmark tells of a run, such as the branch, belongs to no entry and is left out.
    """
    new = {entry["group"] for entry in run["benchmarks"]}
    old = [] if kept is None else [e for e in kept["benchmarks"] if e["group"] not in new]
    order = {name: k for k, name in enumerate(tasks)}
    entries = [e for e in [*old, *run["benchmarks"]] if e["group"] in order]
    return {
        "machine_info": run["machine_info"],
        "commit_info": {},
        "benchmarks": sorted(entries, key=lambda e: order[e["group"]]),
        "datetime": run["datetime"],
        "version": run["version"],
    }


def table(run: Run) -> str:
    """The README's table and what stands below it."""
    lines = ["| | optviz | peer | ratio (quartiles) | goal |", "|---|--:|--:|--:|--:|"]
    by_task: dict[str, list[dict[str, Any]]] = {}
    for entry in run["benchmarks"]:
        by_task.setdefault(entry["group"], []).append(entry)
    for entries in by_task.values():
        ours = next((e for e in entries if e["extra_info"]["engine"] == OURS), None)
        peers = [e for e in entries if e is not ours]
        if ours is not None:
            lines += rows(ours, peers)
    return "\n".join([*lines, "", environment(run)])


def rows(ours: dict[str, Any], peers: list[dict[str, Any]]) -> list[str]:
    """A task's rows: one for each peer, ours in the first."""
    about = ours["extra_info"]
    unit = "" if about["unit"] == "call" else f" (per {about['unit']})"
    first = (about["title"] + unit, readable(median_seconds(ours)))
    lines = []
    for peer in peers:
        ratio, goal = peer["extra_info"]["ratio"], peer["extra_info"]["goal"]
        spread = f"{number(ratio['q1'])}–{number(ratio['q3'])}"
        lines.append(
            f"| {first[0]} | {first[1]} | {peer['extra_info']['engine']} "
            f"{readable(median_seconds(peer))} | **{number(ratio['median'])} ×** ({spread}) | "
            f"{'' if goal is None else f'≥ {number(goal)} ×'} |"
        )
        first = ("", "")
    return lines


def median_seconds(entry: dict[str, Any]) -> float:
    return statistics.median(entry["stats"]["data"])


def readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def number(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}" if ratio >= 10 else f"{ratio:.2f}"


def environment(run: Run) -> str:
    """Where, with what and when it was measured, and how."""
    about = [entry["extra_info"] for entry in run["benchmarks"]]
    machines = [f"{m['cpu']}, {m['cores']} cores, {m['system']}" for m in _each(about, "machine")]
    versions = [", ".join(f"{k} {v}" for k, v in w.items()) for w in _each(about, "versions")]
    dates = sorted({a["date"] for a in about})
    return (
        f"{' and '.join(machines)}; {' and '.join(versions)}; {', '.join(dates)}. Each engine "
        "runs warm in a process of its own, its results compared first; rounds take the engines "
        "in turn, a ratio is the peer's time over ours within a round, and the table has the "
        "medians of the rounds, with the quartiles of the ratios. "
        "`python -m benchmarks --readme` renews it."
    )


def _each(about: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """The different values, in the order in which they come."""
    different: list[dict[str, Any]] = []
    for entry in about:
        if entry[key] not in different:
            different.append(entry[key])
    return different


def renewed(page: str, text: str) -> str:
    """The page with `text` between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
