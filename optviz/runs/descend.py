"""The compiled loops of single paths, in the plane and in n dimensions, and how they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit
from optviz.functions.base import GRADIENT, Function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.rule import STEP
from optviz.optimizers.walker import Ground, Walker
from optviz.shared.checks import as_real

__all__ = ["descend", "record", "scheduled_rates"]

Real = NDArray[np.float64]

NO_RATES: Real = np.zeros(0)
NO_NOISE: Real = np.zeros((0, 2))
NO_BOX: Real = np.zeros((0, 2))
NO_COUNTS: NDArray[np.int64] = np.zeros(0, np.int64)


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
    evaluations: NDArray[np.int64] = NO_COUNTS,
) -> tuple[Real, NDArray[np.int64]]:
    """The recorded loop for several runs of one kernel, without checks.

    Parameters
    ----------
    starts, hypers
        (n, 2) and (n, k): where each run starts, and its `hyper_vector`.
    scheduled, noises
        (steps,) and (steps, 2), shared by all runs; empty for none.
    evaluations
        (n,), to be filled with those that a walker makes.

    Returns
    -------
    points : ndarray (n, steps + 1, 2)
        Meaningful up to each run's end.
    ends : ndarray (n,)
        The last step of each run; −t if step t diverged.
    """
    if isinstance(optimizer, Walker):
        if len(scheduled) or len(noises) or tol or box:
            raise ValueError(
                f"{optimizer.name} makes its own way: noise, tol, box and schedules are not for it"
            )
        return _walked(f, optimizer, starts, steps, evaluations)
    limits = np.array(f.bounds, dtype=float) if box else NO_BOX
    points = np.empty((len(starts), steps + 1, f.n))
    ends = np.empty(len(starts), dtype=np.int64)
    loop: Callable[..., None] = descend if f.is_plane else descend_space
    if f.is_compiled and optimizer.is_compiled:
        loop = jit.compiled(loop, DESCEND)
    gradient = f.gradient_kernel() if optimizer.is_compiled else plain_gradient(f)
    with np.errstate(all="ignore"):
        loop(
            optimizer.kernel(), gradient, np.ascontiguousarray(starts, dtype=float),
            optimizer.initial_state(f.n), np.array(hypers, dtype=float, order="C"), scheduled,
            noises, tol, limits, optimizer.shown_slot, points, ends,
        )  # fmt: skip
    return points, ends


def _walked(
    f: Function, optimizer: Walker, starts: Real, steps: int, evaluations: NDArray[np.int64]
) -> tuple[Real, NDArray[np.int64]]:
    """The same of optimizers that have the loop; where one ends by itself it has converged."""
    points = np.empty((len(starts), steps + 1, f.n))
    ends = np.full(len(starts), steps, dtype=np.int64)
    for run, start in enumerate(starts):
        found, counts = optimizer.walk(ground_of(f), np.array(start, dtype=float), steps)
        evaluations[run : run + 1] = counts[-1]
        count = int(np.logical_and.accumulate(np.isfinite(found).all(axis=1)).sum())
        points[run, :count] = found[:count]
        ends[run] = count - 1 if count == len(found) else -count
    return points, ends


def ground_of(f: Function, turn: Real | None = None, shift: Real = NO_RATES) -> Ground:
    """What a walker walks on; with `turn` (n, n) and `shift` (n,) a copy that sees z of
    x = turn z + shift."""
    value, slope = plain_function(f)
    space: Any = f

    def curvature(p: Real) -> Real:
        return np.asarray(f.hessian(*p) if f.is_plane else space.hessian(p))

    if turn is None:
        return Ground(value, slope, curvature, f.minimum)

    def place(z: Real) -> Real:
        return np.asarray(turn @ z + shift)

    return Ground(
        lambda z: value(place(z)), lambda z: turn.T @ slope(place(z)),
        lambda z: turn.T @ curvature(place(z)) @ turn, f.minimum,
    )  # fmt: skip


def plain_function(f: Function) -> tuple[Callable[[Real], float], Callable[[Real], Real]]:
    """f and its gradient at one point (n,), as others want them; in the plane those of `f(x, y)`
    and `f.gradient(x, y)`, which the compiled kernels equal but for the last bit."""
    if not f.is_plane:
        space: Any = f
        return space, space.gradient
    return (lambda p: float(f(*p))), (lambda p: f.gradient(*p))


def plain_gradient(f: Function) -> Callable[[Real, Real], None]:
    """The same as a kernel, for points (n, m)."""
    if not f.is_plane:
        return f.gradient_kernel()

    def gradient(points: Real, out: Real) -> None:
        out[:] = f.gradient(*points)

    return gradient


def scheduled_rates(optimizer: Optimizer, steps: int) -> Real:
    """The rate of each step (steps,), for the compiled loops; empty without a schedule.

    Raises
    ------
    ValueError
        If the rate is not the first hyperparameter, to which the loops write it.
    """
    if optimizer.schedule is None:
        return NO_RATES
    if next(iter(optimizer.hyper)) != (rate := optimizer.rate_name):
        raise ValueError(f"{optimizer!r}: a scheduled {rate} must be the first hyperparameter")
    schedule = optimizer.schedule
    try:
        rates = np.asarray(schedule(np.arange(steps)), float)
    except (TypeError, ValueError):
        rates = NO_RATES
    if rates.shape != (steps,):  # a user's own that knows single steps only
        rates = np.array([as_real(schedule(step)) for step in range(steps)])
    if wrong := np.flatnonzero(~np.isfinite(rates)).tolist():
        raise ValueError(f"{schedule} gives no rate at step {wrong[0]}, but {schedule(wrong[0])!r}")
    return rates


DESCEND = f"""void(
    {STEP}, {GRADIENT}, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1],
    float64[:, ::1], float64, float64[:, ::1], int64, float64[:, :, ::1], int64[::1]
)"""


def descend(  # type: ignore[no-untyped-def]
    step, gradient, starts, initial, hypers, scheduled, noises, tol, limits, shown, points, ends
):
    """The compiled loop: fill `points` (n, steps + 1, 2) and `ends` (n,); see `record`.

    `step` and `gradient` are function pointers (see `DESCEND`); `initial` is the state before the
    first step, and `shown` the slot of what a run has come to, by which it is judged, where that is
    not its place (−1: it is). What a run does without (scheduled, noises, limits) has no rows: a
    clamp to infinity would cost a tenth of the step.
    """
    steps = points.shape[1] - 1
    place = np.empty((2, 1))
    slope = np.empty((2, 1))
    spot = np.empty((2, 1))
    judged = np.empty((2, 1))
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
            if tol > 0.0:
                d = g
                if shown >= 0:
                    spot[0, 0], spot[1, 0] = path[t - 1, 0], path[t - 1, 1]
                    gradient(spot, judged)
                    d = judged.reshape(2)
                if d[0] * d[0] + d[1] * d[1] <= tol * tol:
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
            if shown < 0:
                path[t, 0], path[t, 1] = x[0], x[1]
            else:
                path[t, 0], path[t, 1] = state[shown, 0], state[shown, 1]


def descend_space(  # type: ignore[no-untyped-def]
    step, gradient, starts, initial, hypers, scheduled, noises, tol, limits, shown, points, ends
):
    """The same in n dimensions: kernels go over the coordinates, `points` is (runs, steps + 1, n).

    A loop of its own: in the plane, two coordinates that stand there by name take less time.
    """
    steps = points.shape[1] - 1
    n = points.shape[2]
    place = np.empty((n, 1))
    slope = np.empty((n, 1))
    spot = np.empty((n, 1))
    judged = np.empty((n, 1))
    x = place.reshape(n)
    g = slope.reshape(n)
    for run in range(points.shape[0]):
        state = initial.copy()
        hyper = hypers[run]
        path = points[run]
        x[:] = starts[run]
        path[0] = starts[run]
        ends[run] = steps
        for t in range(1, steps + 1):
            gradient(place, slope)
            if tol > 0.0:
                d = g
                if shown >= 0:
                    spot[:, 0] = path[t - 1]
                    gradient(spot, judged)
                    d = judged.reshape(n)
                square = 0.0
                for axis in range(n):
                    square += d[axis] * d[axis]
                if square <= tol * tol:
                    ends[run] = t - 1
                    break
            if noises.shape[0] > 0:
                for axis in range(n):
                    g[axis] += noises[t - 1, axis]
            if scheduled.shape[0] > 0:
                hyper[0] = scheduled[t - 1]
            step(x, g, state, hyper, t)
            is_finite = True
            for axis in range(n):
                is_finite &= np.isfinite(x[axis])
            if not is_finite:
                ends[run] = -t
                break
            if limits.shape[0] > 0:
                for axis in range(n):
                    x[axis] = min(max(x[axis], limits[axis, 0]), limits[axis, 1])
            if shown < 0:
                path[t] = x
            else:
                path[t] = state[shown]
