"""Every number that the runs take: what is none is refused in one line that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import optviz as ov

HUGE = 10**400
NOT_WHOLE = [True, 2.5, 3.0, float("nan"), float("inf"), "3", None, 0, -1, HUGE, [3], 1j]
NOT_AMOUNTS = [True, float("nan"), float("inf"), "0.1", None, -1, -0.5, HUGE, [0.1], 1j]
NOT_POINTS = [True, 2.5, "12", ("1", "2"), (True, 0), (None, 0), (1,), (1, 2, 3), (HUGE, 0),
              (float("nan"), 0), {}, (1j, 0)]  # fmt: skip
NOT_GENERATORS = [True, 2.5, float("nan"), "3", -1, 1j]
NOT_SEEDS = [*NOT_GENERATORS, None, HUGE, [3], np.random.default_rng(0)]
NOT_TABLES = [True, "ab", None, [["1", "2"]], [[True, False]], [[None, 0]], [[1j, 0]], [[HUGE, 0]]]
NOT_VALUES = [True, 0.1, "0.1", None, ["0.1"], [None], [float("nan")], [1j], [True], [HUGE],
              [[0.1]]]  # fmt: skip

CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "minimize": (ov.minimize, {"optimizer": ov.SGD(lr=0.1)}),
    "race": (ov.race, {"optimizers": ["sgd:lr=0.1", "adam"]}),
    "ensemble": (ov.ensemble, {"optimizer": ov.SGD(lr=0.1), "runs": 2, "noise": 0.1}),
    "tune": (ov.tune, {"optimizer": ov.SGD(lr=0.1)}),
    "sweep": (ov.sweep, {"optimizer": ov.SGD(lr=0.1)}),
}
WRONG = {
    "minimize": {"start": NOT_POINTS, "steps": NOT_WHOLE, "noise": NOT_AMOUNTS,
                 "rng": NOT_GENERATORS, "tol": NOT_AMOUNTS},
    "race": {"start": NOT_POINTS, "steps": NOT_WHOLE, "noise": NOT_AMOUNTS,
             "rng": NOT_GENERATORS, "runs": NOT_WHOLE},
    "ensemble": {"start": NOT_POINTS, "steps": NOT_WHOLE, "noise": [*NOT_AMOUNTS, 0],
                 "rng": NOT_SEEDS, "runs": [*NOT_WHOLE, 1, 1001]},
    "tune": {"start": NOT_POINTS, "steps": NOT_WHOLE, "budget": [*NOT_WHOLE, 1],
             "starts": NOT_WHOLE, "rng": NOT_GENERATORS},
    "sweep": {"starts": NOT_TABLES[1:2] + NOT_TABLES[3:], "steps": NOT_WHOLE, "tol": NOT_AMOUNTS,
              "noise": NOT_AMOUNTS, "runs": NOT_WHOLE, "rng": NOT_SEEDS,
              "dtype": [True, 2.5, "int32", None, float("nan")]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "name"), [(call, name) for call, wrong in WRONG.items() for name in wrong]
)
def test_what_is_no_such_number_is_refused_by_name(call: str, name: str) -> None:
    function, given = CALLS[call]
    for value in WRONG[call][name]:
        with pytest.raises(ValueError, match=name) as refused:
            function("bowl", **{**given, name: value})
        message = str(refused.value)
        assert "\n" not in message
        assert "must" in message or "give" in message or "lies outside" in message, message
        # The value itself stands there (of an array, the row that is at fault).
        is_table = name == "starts" and call == "sweep"
        assert is_table or repr(value) in message or str(value) in message, message


@pytest.mark.parametrize("values", NOT_VALUES, ids=repr)
def test_swept_values_that_are_none_are_refused_by_name(values: Any) -> None:
    with pytest.raises(ValueError, match="lr must be") as refused:
        ov.sweep("bowl", ov.SGD(), over={"lr": values})
    assert "\n" not in str(refused.value)


def test_numbers_of_numpy_are_numbers() -> None:
    t = ov.minimize("bowl", ov.SGD(lr=np.float32(0.5)), start=np.array([1, 2]), steps=np.int8(3),
                    noise=np.float64(0.1), rng=np.uint8(3), tol=np.int64(0))  # fmt: skip
    assert (t.steps, t.seed, type(t.steps)) == (3, 3, int)
    over = {"centered": [True, False]}
    s = ov.sweep("bowl", ov.RMSProp(convention="torch"), over=over, runs=np.int64(2), steps=2)
    assert s.final.shape == (2, 1, 2, 2)
