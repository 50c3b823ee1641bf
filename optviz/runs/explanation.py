"""What a rule did in each step, read off its kernel: no code per optimizer.

Each step is made twice, once as it is and once with a zero gradient from the same state. The
second one is what the optimizer would have done anyway (momentum carried over, weight decay);
the rest is due to this gradient, and its ratio to the gradient is the rate that each coordinate
was given.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.optimizers.base import Optimizer
from optviz.optimizers.foreign import Foreign
from optviz.optimizers.walker import Walker
from optviz.runs.trajectory import Trajectory, coordinates
from optviz.shared.table import Table, Tabular

Real = NDArray[np.float64]

MAX_STEPS = 60


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Tabular):
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
    first : int
        The number of its first point on the whole path, of which `trajectory` is a part.
    study
        What made it, if a study did.
    """

    trajectory: Trajectory
    gradients: Real
    carried: Real
    fresh: Real
    rates: Real
    states: Real
    first: int = 0
    study: Any = field(default=None, repr=False, compare=False)

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the slots in `states`."""
        optimizer = self.trajectory.optimizer
        return () if optimizer is None else optimizer.slots

    def table(self) -> Table:
        """A row for each step: the point before it, its parts by coordinate, and the slots after
        it ("m_x" is m's of x)."""
        t = self.trajectory
        parts = {"gradient": self.gradients, "carried": self.carried, "fresh": self.fresh,
                 "rate": self.rates}  # fmt: skip
        parts |= {slot: self.states[1:, k] for k, slot in enumerate(self.slots)}
        columns = {
            "step": self.first + np.arange(1, len(self.gradients) + 1),
            **coordinates(t.points[:-1]),
        }
        for name, values in parts.items():
            columns |= {f"{name}_{axis}": v for axis, v in coordinates(values).items()}
        whole = t.table()
        return Table(columns, ("step",), f"Steps of {whole.title}", whole.about)

    def summary(self) -> Table:
        """Where the path ended."""
        return self.trajectory.summary()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What each step did, in words.

        >>> import optviz as ov
        >>> ov.explain("bowl", ov.Momentum(lr=0.1), steps=5).sentences[4]
        'Momentum carries it on, the gradient turns it 9° to the left, uphill.'
        """
        from optviz.runs.narration import narrate

        return tuple(told.text for told in narrate(self))


def take_apart(t: Trajectory) -> Explanation:
    """The parts of each step of a trajectory that `minimize` recorded with a seed."""
    if len(t.points) - 1 > MAX_STEPS:
        raise ValueError(f"explain takes 1 to {MAX_STEPS} steps, not {len(t.points) - 1!r}")
    return take_apart_from(t, 0)


def take_apart_from(t: Trajectory, first: int, last: int | None = None) -> Explanation:
    """The parts of the steps from the point numbered `first` to the one numbered `last`.

    The steps before are made again, for their state: each takes some microseconds.

    Raises
    ------
    ValueError
        If no optimizer made the path, or one whose steps cannot be explained.
    """
    if t.optimizer is None:
        raise ValueError(f"{t.label!r} is a path of points: who made its steps is not known")
    optimizer = t.optimizer
    last = len(t.points) - 1 if last is None else min(last, len(t.points) - 1)
    n = last - first
    if optimizer.shown_slot >= 0:
        raise ValueError(
            f"{optimizer.spec()} shows averages, and steps from where the gradient is taken: "
            "explain is not for it"
        )
    if "lookahead" in optimizer.hyper:
        raise ValueError(
            f"{optimizer.spec()} steps back now and then, which is neither carried over nor this "
            "gradient's: explain is not for it"
        )
    if isinstance(optimizer, Walker):
        raise ValueError(
            f"{optimizer.name} evaluates the function within its steps: there is no gradient by "
            "which one could be explained"
        )
    noises = np.random.default_rng(t.seed).normal(0, t.noise, (t.steps, 2)) if t.noise else None
    run: Any = OurRun(optimizer)
    rate: Any = None  # it stands in the settings
    if isinstance(optimizer, Foreign):
        run = optimizer.begin(t.points[0].copy(), optimizer.settings(optimizer.hyper_vector()))
        rate = optimizer.hyper.get(optimizer.rate_name)
    schedule = optimizer.schedule
    gradients = np.array(t.function.gradient(*t.points[:last].T)).T
    if noises is not None:
        gradients += noises[:last]
    states, carried = [], np.empty((n, 2))
    for k in range(last):
        if schedule is not None:
            rate = schedule(k)
        place = t.points[k].copy()
        if k >= first:
            states.append(_state_of(run))
            carried[k - first] = run.copy().step(place, np.zeros(2), rate) - place
        run.step(place, gradients[k].copy(), rate)
    states.append(_state_of(run))
    # A zero gradient makes 0/0 of some rules (AdaDelta has none carried over then).
    carried = np.where(np.isfinite(carried), carried, 0.0)
    gradients = gradients[first:]
    fresh = np.diff(t.points[first : last + 1], axis=0) - carried
    rates = np.full((n, 2), np.nan)
    np.divide(-fresh, gradients, out=rates, where=gradients != 0)
    shape = (n + 1, len(optimizer.slots), 2)
    part = t if n == len(t.points) - 1 else dataclasses.replace(
        t, points=t.points[first : last + 1], steps=n, diverged_at=None, converged_at=None,
    )  # fmt: skip
    return Explanation(
        part, gradients, carried, fresh, rates, np.array(states).reshape(shape), first
    )


class OurRun:
    """One run of an optimizer of ours, a `Stepper`; its state (slots, 2) can be seen."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.kernel, self.t = optimizer.kernel(), 0
        self.state, self.hyper = optimizer.initial_state(2), optimizer.hyper_vector()

    def step(self, x: Real, g: Real, rate: float | None) -> Real:
        """The place after x."""
        self.t += 1
        if rate is not None:
            self.hyper[0] = rate
        out = x.copy()
        self.kernel(out, g, self.state, self.hyper, self.t)
        return out

    def copy(self) -> OurRun:
        """Another that goes on by itself."""
        other = object.__new__(OurRun)
        other.kernel, other.t = self.kernel, self.t
        other.state, other.hyper = self.state.copy(), self.hyper.copy()
        return other


def _state_of(run: Any) -> Real:
    """What can be seen of a run's state: of another library's nothing."""
    return run.state.copy() if isinstance(run, OurRun) else np.zeros((0, 2))
