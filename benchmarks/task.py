"""What a task is: engines that do the same work, ours among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: The name of our engine in every task; peers are compared with it.
OURS = "optviz"

#: Sets up and returns (work, result): `work()` is timed, `result()` is compared with ours.
Engine = Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]


def nothing() -> None:
    """The result of an engine that has nothing to compare, such as bare matrix products."""


def uncompared(engine: Engine) -> Engine:
    """The same engine where its result cannot be ours, such as of other starts."""

    def bare() -> tuple[Callable[[], Any], Callable[[], Any]]:
        work, _ = engine()
        return work, nothing

    return bare


@dataclass(frozen=True)
class Task:
    """Engines that do the same work; ours is called "optviz"."""

    title: str
    engines: dict[str, Engine]
    #: The least ratio (peer's time : ours) that we mean to reach, by engine.
    goals: dict[str, float]
    #: What a time is told for: "step", "sample", and how many of them one call does.
    unit: str = "call"
    per_call: int = 1
    #: The same for engines that do another number of them.
    per_call_of: dict[str, int] = field(default_factory=dict)
    #: Unless told otherwise; works of half a minute get fewer.
    rounds: int = 15
    #: Before results are compared.
    warm_calls: int = 1
    #: Peers' results must be this close to ours (relative and absolute).
    tolerance: float = 1e-9

    def units(self, engine: str) -> int:
        """How many units one call of an engine does."""
        return self.per_call_of.get(engine, self.per_call)
