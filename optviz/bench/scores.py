"""One number for a run: lower is better. What `Curves` holds is relative to the first value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optviz.bench.curves import Curves

Real = NDArray[np.float64]

#: log₁₀ of a relative value is kept between these: below is rounding; a run that is lost counts as
#: ten times its first value to the end, and so does any value above that.
FLOOR, CEILING = -12.0, 1.0
#: A run that never reaches the target counts as if it took so many times the budget.
NEVER = 10.0


def score(curves: Curves, objective: str, target: float = 1e-3) -> Real:
    """The score of each run, (runs,).

    "area": the mean over all evaluations of log₁₀ of the relative value; of what lies between two
    recorded steps, the later one counts. "final": that of the last step. "time": log₁₀ of the
    evaluations until the lowest so far is at most `target`, and of ten times the budget if it
    never is.
    """
    if objective == "time":
        reached = times_to(curves, np.array([target]))[:, 0]
        budget = float(curves.marks[-1])
        return np.asarray(np.log10(np.where(np.isinf(reached), NEVER * budget,
                                            np.maximum(reached, 1.0))))  # fmt: skip
    logs = relative(curves.values)
    if objective == "final" or len(curves.marks) == 1:
        return np.asarray(logs[:, -1])
    return np.asarray(logs[:, 1:] @ np.diff(curves.marks) / curves.marks[-1])


def relative(values: Real) -> Real:
    """log₁₀ between `FLOOR` and `CEILING`."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log10(np.nan_to_num(values, nan=np.inf, posinf=1e300)),
                                  FLOOR, CEILING))  # fmt: skip


def times_to(curves: Curves, targets: Real) -> Real:
    """The evaluations until the lowest so far is at most each target, (runs, targets): to the next
    recorded step; inf for never."""
    best = np.minimum.accumulate(curves.best, axis=1)
    reached = best[:, None, :] <= targets[None, :, None]
    first = reached.argmax(axis=2)
    return np.where(reached.any(axis=2), curves.marks[first].astype(float), np.inf)


def chosen(scores: Real) -> int:
    """The configuration with the lowest mean over its tuning seeds, (configurations, seeds); of
    equal ones the first; missing ones count as worst."""
    means = np.where(np.isnan(scores).any(axis=1), np.inf, scores.mean(axis=1))
    return int(np.argmin(means))
