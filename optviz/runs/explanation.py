"""What a rule did in each step, read off its kernel: no code per optimizer.

Each step is made twice, once as it is and once with a zero gradient from the same state. The
second one is what the optimizer would have done anyway (momentum carried over, weight decay);
the rest is due to this gradient, and its ratio to the gradient is the rate that each coordinate
was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.runs.trajectory import Trajectory

Real = NDArray[np.float64]

MAX_STEPS = 60


@dataclass(frozen=True)
class Explanation:
    """The parts of each step of a trajectory with n recorded steps.

    Attributes
    ----------
    trajectory
        The path itself.
    gradients : ndarray (n, 2)
        ∇f before each step (with its noise, if there was any).
    carried : ndarray (n, 2)
        The displacement that a zero gradient would have made.
    fresh : ndarray (n, 2)
        The rest of the step: what this gradient added.
    rates : ndarray (n, 2)
        −fresh/gradient for each coordinate; nan where the gradient is zero.
    states : ndarray (n + 1, slots, 2)
        The optimizer's slots before the first step and after each.
    study
        What made it, if a study did.
    """

    trajectory: Trajectory
    gradients: Real
    carried: Real
    fresh: Real
    rates: Real
    states: Real
    study: Any = field(default=None, repr=False, compare=False)

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the slots in `states`."""
        return self.trajectory.optimizer.slots


def take_apart(t: Trajectory) -> Explanation:
    """The parts of each step of a trajectory that `minimize` recorded with a seed."""
    if len(t.points) - 1 > MAX_STEPS:
        raise ValueError(f"explain takes 1 to {MAX_STEPS} steps, not {len(t.points) - 1!r}")
    optimizer, n = t.optimizer, len(t.points) - 1
    noises = np.random.default_rng(t.seed).normal(0, t.noise, (t.steps, 2)) if t.noise else None
    schedule, kernel = optimizer.schedule, optimizer.kernel()
    state, hyper = optimizer.initial_state(2), optimizer.hyper_vector()
    states = [state.copy()]
    gradients, carried = np.empty((n, 2)), np.empty((n, 2))
    for k in range(n):
        if schedule is not None:
            hyper[0] = schedule(k)
        gradients[k] = t.function.gradient(*t.points[k])
        if noises is not None:
            gradients[k] += noises[k]
        coasting = t.points[k].copy()
        kernel(coasting, np.zeros(2), state.copy(), hyper.copy(), k + 1)
        carried[k] = coasting - t.points[k]
        kernel(t.points[k].copy(), gradients[k].copy(), state, hyper, k + 1)
        states.append(state.copy())
    # A zero gradient makes 0/0 of some rules (AdaDelta has none carried over then).
    carried = np.where(np.isfinite(carried), carried, 0.0)
    fresh = np.diff(t.points, axis=0) - carried
    rates = np.full((n, 2), np.nan)
    np.divide(-fresh, gradients, out=rates, where=gradients != 0)
    shape = (n + 1, len(optimizer.slots), 2)
    return Explanation(t, gradients, carried, fresh, rates, np.array(states).reshape(shape))
