"""The loop: an optimizer walks on a function, and every point is kept."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz import _jit
from optviz._text import listed
from optviz.base import Optimizer
from optviz.functions import Function, function

Real = NDArray[np.float64]

#: All points are kept: this many take 160 MB.
MAX_STEPS = 10_000_000


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
    noise, seed
        As given to `minimize`.
    """

    points: Real
    function: Function
    optimizer: Optimizer
    steps: int
    diverged_at: int | None = None
    converged_at: int | None = None
    noise: float = 0.0
    seed: int | None = None
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
        (x0, x1), (y0, y1) = self.function.bounds
        x, y = self.points.T
        outside = np.flatnonzero((x < x0) | (x > x1) | (y < y0) | (y > y1))
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
    1025
    """
    f = function(f)
    _check(steps, noise, tol)
    origin = f.check_start(f.start if start is None else start)
    schedule = optimizer.schedule
    rates = np.zeros(0) if schedule is None else np.asarray(schedule(np.arange(steps)), float)
    random = np.random.default_rng(rng)
    noises = random.normal(0.0, noise, (steps, 2)) if noise else np.zeros((0, 2))
    hyper = optimizer.hyper_vector()
    # `descend` writes scheduled rates to hyper[0].
    if schedule is not None and next(iter(optimizer.hyper)) != "lr":
        raise ValueError(f"{optimizer!r}: a scheduled lr must be the first hyperparameter")
    limits = np.array(f.bounds if box else [[-np.inf, np.inf]] * 2, dtype=float)
    points = np.empty((steps + 1, 2))
    loop = _jit.compiled(descend, _jit.descend_signature) if f.is_compiled else descend
    with np.errstate(all="ignore"):
        end = loop(
            optimizer.kernel(), f.gradient_kernel(), np.array(origin),
            optimizer.initial_state(2), hyper, rates, noises, float(tol), limits, points,
        )  # fmt: skip
    reached, diverged_at, converged_at = abs(end), None, None
    if end < 0:
        diverged_at = reached
        points = points[:reached].copy()
    elif reached < steps:
        converged_at = reached
        points = points[: reached + 1].copy()
    t = Trajectory(
        points, f, optimizer.fresh(), steps, diverged_at, converged_at, float(noise),
        rng if isinstance(rng, int) else None,
    )  # fmt: skip
    return _before_infinite_values(t)


def _check(steps: int, noise: float, tol: float) -> None:
    is_whole = isinstance(steps, int | np.integer) and not isinstance(steps, bool)
    if not (is_whole and 1 <= steps <= MAX_STEPS):
        raise ValueError(f"steps must be a whole number from 1 to {MAX_STEPS:,}, not {steps!r}")
    for name, value in (("noise", noise), ("tol", tol)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a number ≥ 0, not {value!r}")


def _before_infinite_values(t: Trajectory) -> Trajectory:
    """End the path before the first point at which f has no finite value."""
    infinite = np.flatnonzero(~np.isfinite(t.values))
    if not infinite.size:
        return t
    first = int(infinite[0])
    return Trajectory(
        t.points[:first].copy(), t.function, t.optimizer, t.steps, first, None, t.noise, t.seed
    )


def descend(  # type: ignore[no-untyped-def]
    step, gradient, start, state, hyper, rates, noises, tol, limits, points
):
    """The compiled loop: fill `points` and return the last step, negative if it diverged.

    `step` and `gradient` are function pointers (see `_jit.descend_signature`); `rates` and
    `noises` have no rows when there are none.
    """
    steps = points.shape[0] - 1
    place = np.empty((2, 1))
    slope = np.empty((2, 1))
    x = place.reshape(2)
    g = slope.reshape(2)
    x[0], x[1] = start[0], start[1]
    points[0, 0], points[0, 1] = x[0], x[1]
    for t in range(1, steps + 1):
        gradient(place, slope)
        if tol > 0.0 and g[0] * g[0] + g[1] * g[1] <= tol * tol:
            return t - 1
        if noises.shape[0] > 0:
            g[0] += noises[t - 1, 0]
            g[1] += noises[t - 1, 1]
        if rates.shape[0] > 0:
            hyper[0] = rates[t - 1]
        step(x, g, state, hyper, t)
        if not (np.isfinite(x[0]) and np.isfinite(x[1])):
            return -t
        for axis in range(2):
            x[axis] = min(max(x[axis], limits[axis, 0]), limits[axis, 1])
            points[t, axis] = x[axis]
    return steps


def parse_point(text: str, name: str = "start") -> tuple[float, float]:
    """Two numbers from `x,y`.

    >>> parse_point("-7, 2")
    (-7.0, 2.0)
    """
    parts = text.replace("−", "-").strip("() ").split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        raise ValueError(f"{name} must be two numbers x,y, not {text!r}") from None
    return x, y


def same_function(trajectories: Sequence[Trajectory]) -> Function:
    """The function that all paths ran on.

    Raises
    ------
    ValueError
        If there is no path, or they ran on different ones.
    """
    if not trajectories:
        raise ValueError("there is no trajectory to show: give at least one")
    names = {t.function.formula for t in trajectories}
    if len(names) > 1:
        raise ValueError(f"one picture shows one function, not {listed(sorted(names))}")
    return trajectories[0].function
