"""What users get without saying a word: defaults and ranges of every setting, functions, rules.

`tests/reference/defaults.json` has them all. A difference is a change that users notice: make it on
purpose, by `python -m tests.test_defaults`, and tell of it in the changelog.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import optviz as ov
from optviz.data import datasets
from optviz.functions.families import FAMILIES
from optviz.studies.lookup import studies

FILE = Path(__file__).parent / "reference" / "defaults.json"


def told() -> dict[str, Any]:
    """Everything as JSON has it."""
    return json.loads(json.dumps({
        "studies": {name: fields_of(studies[name]) for name in studies},
        "functions": {
            name: [f.formula, f.bounds, f.start, [[round(v, 9) for v in p] for p in f.minima]]
            for name, f in ov.functions.items()
        },
        "families": {name: [f.bounds, f.start, dict(f.settings), f.largest]
                     for name, f in FAMILIES.items()},
        "optimizers": {
            name: {c: {h: [float(v), v.expected, v.sweep]
                       for h, v in kind.hyperparameters(c).items()} for c in kind.defaults}
            for name, kind in ov.optimizers.items()
        },
        "data": {name: defaults_of(make) for name, make in datasets.items()},
        "calls": {name: defaults_of(getattr(ov, name)) for name in (
            "minimize", "sweep", "tune", "race", "ensemble", "explain", "basins", "sensitivity",
            "phase", "landscape", "plot", "animate", "trace")},
        "suite": {f.name: f.default for f in ov.bench.Suite.__dataclass_fields__.values()
                  if isinstance(f.default, int | float | str)},
    }, default=str))  # fmt: skip


def fields_of(kind: Any) -> dict[str, Any]:
    """Of each setting the default, and the numbers that bound it."""
    return {
        name: [repr(field.default)[:200], [str(m) for m in field.metadata if " at 0x" not in str(m)
                                           and hasattr(m, "__slots__")]]
        for name, field in kind.model_fields.items()
    }  # fmt: skip


def defaults_of(call: Any) -> dict[str, str]:
    return {p.name: repr(p.default) for p in inspect.signature(call).parameters.values()
            if p.default is not p.empty}  # fmt: skip


@pytest.mark.parametrize(
    "part", ["studies", "functions", "families", "optimizers", "data", "calls", "suite"]
)
def test_what_is_not_said_is_what_it_was(part: str) -> None:
    known, now = json.loads(FILE.read_text(encoding="utf-8"))[part], told()[part]
    assert known.keys() == now.keys()
    for name, value in known.items():
        assert now[name] == value, f"{part}: {name}"


def lines(parts: dict[str, Any]) -> str:
    """JSON with a line for each name, so that a difference can be read."""
    out = []
    for part, entries in parts.items():
        rows = [
            f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in entries.items()
        ]
        out.append(f" {json.dumps(part)}: {{\n" + ",\n".join(rows) + "\n }")
    return "{\n" + ",\n".join(out) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(lines(told()), encoding="utf-8")
