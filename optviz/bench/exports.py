"""Cells out of a store: rows for other programs, in the order of their keys, the same bytes each
time; and two stores beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.bench.curves import Curves
from optviz.bench.results import load
from optviz.bench.scores import score
from optviz.bench.statistics import rescaled_bootstrap
from optviz.bench.store import Store
from optviz.bench.suite import TUNING
from optviz.render.output import check_target
from optviz.shared.files import replacing
from optviz.shared.table import Table
from optviz.shared.text import listed

Real = NDArray[np.float64]

FORMATS = (".csv", ".jsonl", ".parquet")
#: What two suites must have in common for their scores to be compared.
MUST_AGREE = ("objective", "target", "steps", "epochs", "configurations", "tuning_seeds", "tune",
              "schedule")  # fmt: skip


def export(store: str | Path, path: str | Path, times: bool = False) -> Path:
    """Every cell as a row: .csv and .parquet with its scores, .jsonl with its curves too.

    Seconds, which are never the same, are left out unless `times` asks for them.

    Raises
    ------
    ValueError
        For another suffix, or a file that is no store.
    """
    target = check_target(path, FORMATS)
    with Store(store) as opened:
        if target.suffix.lower() == ".jsonl":
            with replacing(target) as temporary, temporary.open("w", encoding="utf-8") as out:
                for row in _rows(opened, times):
                    out.write(json.dumps(row) + "\n")
            return target
        rows = [{k: v for k, v in row.items() if k not in CURVES} for row in _rows(opened, times)]
    if not rows:
        raise ValueError(f"{store}: there are no cells to export")
    columns = {name: np.array([_filled(name, row[name]) for row in rows]) for name in rows[0]}
    return Table(columns, ("key",), "cells").save(target)


#: What a row of .jsonl has besides; the last two of networks only, null for others.
CURVES = ("marks", "values", "best", "training_loss", "accuracy")


def _rows(store: Store, times: bool) -> Iterator[dict[str, Any]]:
    for row in store.rows(times):
        curves = row.pop("curves")
        row["phase"] = "tuning" if row["seed"] >= TUNING else "evaluation"
        none = curves is None
        row["area"] = None if none else float(score(curves, "area")[0])
        row["final"] = None if none else float(score(curves, "final")[0])
        row["diverged"] = None if none else bool(np.isinf(curves.values[0, -1]))
        parts = [] if none else map(_numbers, _curves(curves))
        yield row | dict.fromkeys(CURVES) | dict(zip(CURVES, parts, strict=False))


def _curves(curves: Curves) -> list[Real]:
    return [curves.marks, curves.values[0], np.minimum.accumulate(curves.best[0]), *curves.extra[0]]


def _numbers(part: Real) -> list[float | None]:
    return [v if np.isfinite(v) else None for v in part.tolist()]


def _filled(name: str, value: Any) -> Any:
    if value is None:
        return "" if name == "error" else np.nan
    return float(value) if isinstance(value, bool) else value


@dataclass(frozen=True)
class Change:
    """What became of an optimizer on a problem from one store to another.

    Attributes
    ----------
    difference, low, high : float
        Of the mean scores, second less first, with a 95 % interval over the seeds; negative is
        better. Where the runs are the same to rounding, 0.
    """

    problem: str
    optimizer: str
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Better, worse, or not told apart."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "not told apart"


def compare(first: str | Path, second: str | Path, suite: Any = None) -> list[Change]:
    """Problem by problem and optimizer by optimizer, what is in both; a seed with itself.

    Raises
    ------
    ValueError
        If they have no problem and optimizer in common.
    """
    a, b = load(first, suite), load(second, suite)
    for name in MUST_AGREE:
        old, new = (getattr(r.suite, name) for r in (a, b))
        if old != new:
            raise ValueError(
                f"{first} and {second} cannot be compared: {name} is {old} in the one and {new} in "
                "the other"
            )
    out = []
    for problem in a.problems:
        for optimizer in a.optimizers:
            if problem not in b.problems or optimizer not in b.optimizers:
                continue
            old, new = (r.scores[r.problems.index(problem), r.optimizers.index(optimizer)]
                        for r in (a, b))  # fmt: skip
            count = min(len(old), len(new))
            apart = new[:count] - old[:count]
            apart = np.where(np.abs(apart) < 1e-9, 0.0, apart)
            known = apart[~np.isnan(apart)]
            if len(known):
                low, high = rescaled_bootstrap(known[None, None, :])
                out.append(Change(problem, optimizer, float(known.mean()), *(
                    float(np.nan_to_num(v[0])) for v in (low, high))))  # fmt: skip
    if not out:
        raise ValueError(
            f"the stores have no problem and optimizer in common: {listed(a.problems[:3])} … and "
            f"{listed(b.problems[:3])} …"
        )
    return out
