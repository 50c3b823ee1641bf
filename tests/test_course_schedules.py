"""Schedules of the rate: what they are, and what is said of them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.studies.schedules import HUES, schedule_of


@pytest.mark.parametrize("name", HUES)
@pytest.mark.parametrize("steps", [1, 2, 30, 101])
def test_each_peaks_at_the_largest_rate(name: str, steps: int) -> None:
    rates = [float(schedule_of(name, 0.7, steps)(t)) for t in range(steps)]
    if steps >= 30:
        assert max(rates) == pytest.approx(0.7, rel=0.02)
    assert min(rates) >= 0
    assert max(rates) <= 0.7 * (1 + 1e-12)
    if steps == 101 and name in ("exponential", "cosine", "warmup", "onecycle"):
        assert rates[-1] < 0.02 * 0.7


def test_the_median_runs_a_second_way() -> None:
    study = ov.study("schedules", schedules="constant,cosine", steps=40, runs=9, noise=0.5, lr=0.6)
    result = study.run()
    told = dict(re.findall(r"(constant|cosine) ([\d.]+)", study.finding(result)))
    f = ov.function("bowl")
    for name in ("constant", "cosine"):
        ends = []
        for run in range(9):
            noise = np.random.default_rng([0, run]).normal(0, 0.5, (40, 2))
            p = np.array(f.start)
            for t in range(40):
                rate = 0.6 if name == "constant" else 0.3 * (1 + np.cos(np.pi * t / 40))
                p = p - rate * (f.gradient(*p) + noise[t])
            ends.append(f(*p))
        assert float(told[name]) == float(f"{np.median(ends):.2g}")
    assert float(told["cosine"]) < float(told["constant"]), "the lesson"


def test_paths_that_leave_are_told_and_drop_out_of_the_scale() -> None:
    study = ov.study("schedules", schedules="constant,exponential", lr=1.08, steps=60, noise=0.1,
                     runs=5)  # fmt: skip
    result = study.run()
    told = study.finding(result)
    left = [name for name, t in zip(result.names, result.trajectories, strict=True)
            if np.abs(t.points[:, 1]).max() > 5]  # fmt: skip
    assert left == ["constant"]
    assert told.endswith("; left the picture: constant")
    loss = next(axes for axes in study.draw(result).axes if axes.get_label() == "loss")
    assert len(loss.lines) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"schedules": "cosin"}, "no schedule 'cosin'.*did you mean 'cosine'"),
        ({"optimizer": "sgd:lr=0.1"}, "leave the rate out"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"noise": 0}, "noise must be"),
        ({"runs": 1}, "runs must be"),
    ],
)
def test_bad_settings(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.study("schedules", **settings)
