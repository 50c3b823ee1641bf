"""Our rules against the libraries whose conventions they name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import optviz as ov
from tests.reference.peers import CASES, Case, gradients, run_peer, start

RECORDED = np.load(Path(__file__).parent / "reference" / "paths.npz", allow_pickle=False)
CLOSE = {"atol": 1e-12, "rtol": 1e-11}


def ours(case: Case) -> np.ndarray:
    optimizer = ov.optimizers[case.name](convention=case.convention, **case.ours)
    x = {"x": start()}
    path = [start()]
    for g in gradients():
        optimizer.update(x, {"x": g})
        path.append(x["x"].copy())
    return np.array(path)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_recorded_path(case: Case) -> None:
    np.testing.assert_allclose(ours(case)[::10], RECORDED[case.id], **CLOSE)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_live_path(case: Case) -> None:
    module = {"torch": "torch", "keras": "keras", "optax": "optax"}[case.convention]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed (extra `peers`)")
    np.testing.assert_allclose(ours(case), run_peer(case), **CLOSE)


def test_every_convention_of_every_optimizer_has_a_case() -> None:
    have = {(case.name, case.convention) for case in CASES}
    need = {
        (name, convention)
        for name, kind in ov.optimizers.items()
        for convention in kind.defaults
        if convention != "book"
    }
    assert need == have


def test_a_wrong_formula_would_be_seen() -> None:
    """The comparison is sharp: other conventions' paths differ by far more than it allows."""
    case = next(c for c in CASES if c.id == "torch-adam-defaults")
    book = Case("book", "adam", case.ours)
    assert np.abs(ours(book)[::10] - RECORDED[case.id]).max() > 1e-8
