"""The loop: an optimizer walks on a function, and every point is kept."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit
from optviz.functions.base import GRADIENT
from optviz.functions.catalogue import Function, function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import check_optimizer
from optviz.optimizers.rule import STEP
from optviz.shared.checks import (
    MAX_STEPS,
    as_point,
    check_amounts,
    check_steps,
    generator,
    parse_point,
)  # fmt: skip

__all__ = [
    "MAX_STEPS", "Band", "Trajectory", "check_amounts", "check_optimizer", "check_steps",
    "minimize", "parse_point", "record", "same_function",
]  # fmt: skip

Real = NDArray[np.float64]

NO_RATES: Real = np.zeros(0)
NO_NOISE: Real = np.zeros((0, 2))
NO_BOX: Real = np.zeros((0, 2))


@dataclass(frozen=True)
class Band:
    """Many noisy runs behind a median path.

    Attributes
    ----------
    paths : ndarray (runs, n, 2)
        All runs as far as the median path goes; nan after a run ended.
    values : ndarray (3, n)
        The 10 %, 50 % and 90 % quantiles of f over the runs; one that diverged counts as infinite.
    """

    paths: Real
    values: Real

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return len(self.paths)

    @property
    def diverged(self) -> int:
        """How many of them diverged, as far as the median path goes."""
        return int(np.isnan(self.paths[:, -1, 0]).sum())


@dataclass(frozen=True)
class Trajectory:
    """A recorded path.

    Attributes
    ----------
    points : ndarray (recorded + 1, 2)
        The start and the point after each step; `recorded` is `steps` unless the run ended
        early. All of them are finite.
    diverged_at : int or None
        The first step whose point or value was not finite; recording ended before it.
    converged_at : int or None
        The step at which the gradient's norm fell to `tol`; recording ended with it.
    function, optimizer
        What ran on what (the optimizer without state).
    steps : int
        The steps asked for.
    band
        The noisy runs of which `points` are the median at each step, coordinate by coordinate.
    noise, seed, tol, box
        As given to `minimize` (a generator instead of a seed is not remembered).
    """

    points: Real
    function: Function
    optimizer: Optimizer
    steps: int
    diverged_at: int | None = None
    converged_at: int | None = None
    noise: float = 0.0
    seed: int | None = None
    tol: float = 0.0
    box: bool = False
    #: The runs behind it, if this is the median of several.
    band: Band | None = field(default=None, compare=False)
    #: A remark for legends, such as "best of 61".
    remark: str = field(default="", compare=False)

    @functools.cached_property
    def values(self) -> Real:
        """f along the path, shape (recorded + 1,)."""
        return self.function.values_along(self.points)

    @property
    def start(self) -> tuple[float, float]:
        """Where it began."""
        return float(self.points[0, 0]), float(self.points[0, 1])

    def left_at(self) -> int | None:
        """The first step outside the function's bounds, or that diverged; None if it stayed."""
        outside = np.flatnonzero(~self.function.contains(self.points))
        return int(outside[0]) if outside.size else self.diverged_at


def minimize(
    f: str | Function,
    optimizer: Optimizer,
    *,
    start: Sequence[float] | None = None,
    steps: int = 100,
    noise: float = 0.0,
    rng: Any = None,
    tol: float = 0.0,
    box: bool = False,
) -> Trajectory:
    """Run an optimizer on a function and record every point.

    Parameters
    ----------
    f
        A Function, a name or a formula (see `optviz.function`).
    optimizer
        Its settings are used; its own state is neither read nor changed.
    start : (x, y), optional
        Inside the function's bounds; the function's own start unless given.
    steps : int
        From 1 to 10,000,000.
    noise : float ≥ 0
        The standard deviation of Gaussian noise on each component of each gradient.
    rng
        Seed or generator of the noise (`np.random.default_rng(rng)`).
    tol : float ≥ 0
        Stop when the norm of the (noiseless) gradient is at most this.
    box : bool
        Project each point back onto the function's bounds.

    Returns
    -------
    Trajectory
        A run that overflows is a result too: it ends there, with `diverged_at`.

    Raises
    ------
    ValueError
        For an argument outside its range; the message names it.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("bowl", ov.Momentum(lr=0.1), start=(-7, 2), steps=30)
    >>> t.points.shape, t.diverged_at
    ((31, 2), None)
    >>> ov.minimize("bowl", ov.SGD(lr=1.5), steps=5000).diverged_at
    511
    """
    f = function(f)
    check_optimizer(optimizer)
    steps = check_steps(steps)
    check_amounts(noise=noise, tol=tol)
    origin = start_on(f, start)
    noises = NO_NOISE
    if noise or rng is not None:
        noises = generator(rng, "rng").normal(0.0, noise, (steps if noise else 0, 2))
    block, ends = record(
        f, optimizer, np.array([origin]), optimizer.hyper_vector()[None], steps,
        scheduled=scheduled_rates(optimizer, steps), noises=noises, tol=float(tol), box=box,
    )  # fmt: skip
    end, points = int(ends[0]), block[0]
    diverged_at = -end if end < 0 else None
    converged_at = end if 0 <= end < steps else None
    if diverged_at is not None:
        points = points[:diverged_at].copy()
    elif converged_at is not None:
        points = points[: end + 1].copy()
    t = Trajectory(
        points, f, optimizer.fresh(), steps, diverged_at, converged_at, float(noise),
        int(rng) if isinstance(rng, int | np.integer) else None, float(tol), bool(box),
    )  # fmt: skip
    return _before_infinite_values(t)


def record(
    f: Function,
    optimizer: Optimizer,
    starts: Real,
    hypers: Real,
    steps: int,
    *,
    scheduled: Real = NO_RATES,
    noises: Real = NO_NOISE,
    tol: float = 0.0,
    box: bool = False,
) -> tuple[Real, NDArray[np.int64]]:
    """The recorded loop for several runs of one kernel, without checks.

    Parameters
    ----------
    starts, hypers
        (n, 2) and (n, k): where each run starts, and its `hyper_vector`.
    scheduled, noises
        (steps,) and (steps, 2), shared by all runs; empty for none.

    Returns
    -------
    points : ndarray (n, steps + 1, 2)
        Meaningful up to each run's end.
    ends : ndarray (n,)
        The last step of each run; −t if step t diverged.
    """
    limits = np.array(f.bounds, dtype=float) if box else NO_BOX
    points = np.empty((len(starts), steps + 1, 2))
    ends = np.empty(len(starts), dtype=np.int64)
    loop: Callable[..., None] = descend
    if f.is_compiled:
        loop = jit.compiled(descend, DESCEND)
    with np.errstate(all="ignore"):
        loop(
            optimizer.kernel(), f.gradient_kernel(), np.ascontiguousarray(starts, dtype=float),
            optimizer.initial_state(2), np.array(hypers, dtype=float, order="C"), scheduled, noises,
            tol, limits, points, ends,
        )  # fmt: skip
    return points, ends


def start_on(f: Function, start: Sequence[float] | None) -> tuple[float, float]:
    """The function's own start, or the given one if it is one of its points.

    Raises
    ------
    ValueError
        If it is not.
    """
    return f.check_start(f.start if start is None else as_point("start", start))


def scheduled_rates(optimizer: Optimizer, steps: int) -> Real:
    """The rate of each step (steps,), for the compiled loops; empty without a schedule.

    Raises
    ------
    ValueError
        If the rate is not the first hyperparameter, to which the loops write it.
    """
    if optimizer.schedule is None:
        return NO_RATES
    if next(iter(optimizer.hyper)) != "lr":
        raise ValueError(f"{optimizer!r}: a scheduled lr must be the first hyperparameter")
    return np.asarray(optimizer.schedule(np.arange(steps)), float)


def _before_infinite_values(t: Trajectory) -> Trajectory:
    """End the path before the first point at which f has no finite value."""
    infinite = np.flatnonzero(~np.isfinite(t.values))
    if not infinite.size:
        return t
    first = int(infinite[0])
    return dataclasses.replace(
        t, points=t.points[:first].copy(), diverged_at=first, converged_at=None
    )


DESCEND = f"""void(
    {STEP}, {GRADIENT}, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1],
    float64[:, ::1], float64, float64[:, ::1], float64[:, :, ::1], int64[::1]
)"""


def descend(  # type: ignore[no-untyped-def]
    step, gradient, starts, initial, hypers, scheduled, noises, tol, limits, points, ends
):
    """The compiled loop: fill `points` (n, steps + 1, 2) and `ends` (n,); see `record`.

    `step` and `gradient` are function pointers (see `DESCEND`); `initial` is the
    state before the first step. What a run does without (scheduled, noises, limits) has no rows:
    a clamp to infinity would cost a tenth of the step.
    """
    steps = points.shape[1] - 1
    place = np.empty((2, 1))
    slope = np.empty((2, 1))
    x = place.reshape(2)
    g = slope.reshape(2)
    for run in range(points.shape[0]):
        state = initial.copy()
        hyper = hypers[run]
        path = points[run]
        for axis in range(2):
            x[axis] = path[0, axis] = starts[run, axis]
        ends[run] = steps
        for t in range(1, steps + 1):
            gradient(place, slope)
            if tol > 0.0 and g[0] * g[0] + g[1] * g[1] <= tol * tol:
                ends[run] = t - 1
                break
            if noises.shape[0] > 0:
                g[0] += noises[t - 1, 0]
                g[1] += noises[t - 1, 1]
            if scheduled.shape[0] > 0:
                hyper[0] = scheduled[t - 1]
            step(x, g, state, hyper, t)
            if not (np.isfinite(x[0]) and np.isfinite(x[1])):
                ends[run] = -t
                break
            if limits.shape[0] > 0:
                for axis in range(2):
                    x[axis] = min(max(x[axis], limits[axis, 0]), limits[axis, 1])
            path[t, 0], path[t, 1] = x[0], x[1]


def same_function(trajectories: Sequence[Trajectory]) -> Function:
    """The function that all paths ran on.

    Raises
    ------
    ValueError
        If there is no path, or they ran on different ones.
    """
    if not trajectories:
        raise ValueError("there is no trajectory to show: give at least one")
    first = trajectories[0].function
    for f in (t.function for t in trajectories[1:]):
        if (f.formula, f.bounds, f._python) != (first.formula, first.bounds, first._python):
            raise ValueError(
                f"one picture shows one function in one domain, not {first.name} and {f.name}"
            )
    return trajectories[0].function
