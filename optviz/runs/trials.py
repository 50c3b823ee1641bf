"""Runs whose values are kept along the way, each on a shifted and turned copy of a function.

The benchmark suite compares optimizers on them: whatever an optimizer makes of the origin or of the
axes, which no copy shares, does not help it. `compiled/noise.py` draws the noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit, sources, splitmix
from optviz.functions.base import Function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.rule import STEP
from optviz.optimizers.walker import Walker
from optviz.runs.descend import ground_of, scheduled_rates

Real = NDArray[np.float64]

#: Kinds of noise on a gradient, in the order of their numbers in the loop.
NOISES = ("none", "gaussian", "heavy", "multiplicative")
#: By so much of it (or of 1) may f lie below its minimum: rounding.
BELOW = 1e-9
#: Coordinates that step together.
COORDINATES = 512


@dataclass(frozen=True)
class Copies:
    """Copies of a function, one for each seed: x = turn z + shift, and the optimizer sees z.

    Attributes
    ----------
    starts : ndarray (k, n)
        In z.
    turns : ndarray (k, n, n)
        Orthogonal.
    shifts : ndarray (k, n)
    keys : ndarray (k,) of uint64
        Of the noise.
    """

    starts: Real
    turns: Real
    shifts: Real
    keys: NDArray[np.uint64]


@dataclass(frozen=True)
class Trials:
    """What became of k copies under c settings, at the steps `marks`.

    Attributes
    ----------
    values, best : ndarray (c, k, marks)
        f at the step, and the lowest f up to it; inf from the step on with which a run was lost.
    ends : ndarray (c, k) of int64
        0, or the step with which a run was lost: f or a coordinate is not finite, or f is below
        its minimum inside the bounds, so that the run has left them.
    """

    values: Real
    best: Real
    ends: NDArray[np.int64]


def copies(f: Function, seeds: Sequence[int], root: int = 0) -> Copies:
    """A start in the inner half of the bounds where f is defined, a random rotation (Haar), and a
    random shift for each seed; nothing depends on the other seeds."""
    low, high = np.array(f.bounds, dtype=float).T
    parts = []
    for seed in seeds:
        rng = np.random.default_rng([root, seed])
        x = _start(f, low, high, rng)
        turn = _rotation(f.n, rng)
        shift = rng.uniform(-1, 1, f.n) * (high - low)
        parts.append(((x - shift) @ turn, turn, shift))
    starts, turns, shifts = (np.array(part) for part in zip(*parts, strict=True))
    keys = np.concatenate([splitmix.keys(root, np.array([s]), 1) for s in seeds])
    return Copies(starts, turns, shifts, keys)


def slopes(f: Any, places: Real) -> Real:
    """∇f at places (k, n), one a row."""
    return np.asarray(f.gradient(*places.T).T if f.is_plane else f.gradient(places))


def _start(f: Function, low: Real, high: Real, rng: np.random.Generator) -> Real:
    for _ in range(1000):
        x = low + (high - low) * rng.uniform(0.05, 0.95, f.n)
        if np.isfinite(f.values_along(x[None])).all() and np.isfinite(slopes(f, x[None])).all():
            return np.asarray(x)
    raise ValueError(f"{f.name} has no value at any of 1,000 points inside its bounds")


def _rotation(n: int, rng: np.random.Generator) -> Real:
    """Uniform over all rotations and reflections: QR of a Gaussian matrix, with signs that make it
    unique (Mezzadri, 2007, How to generate random matrices from the classical compact groups)."""
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    return np.asarray(q * np.sign(np.diag(r)))


def marks_of(steps: int, most: int = 101) -> NDArray[np.int64]:
    """The steps that are kept: the first ones all, then evenly on a log axis, and the last."""
    wanted = np.geomspace(1, steps, most - 1) if steps > most else np.arange(1, steps + 1)
    spaced = np.unique(np.concatenate([[0], np.rint(wanted), [steps]]).astype(np.int64))
    return np.asarray(spaced)


def run_trials(
    f: Function, optimizer: Optimizer, settings: Sequence[dict[str, float]], made: Copies,
    steps: int, noise: tuple[str, float] = ("none", 0.0), lowest: float | None = None,
) -> Trials:  # fmt: skip
    """Run every copy under each of the settings.

    Parameters
    ----------
    settings
        Hyperparameters, as `Optimizer.fresh` takes them; {} for the optimizer's own.
    noise
        Its kind, one of `NOISES`, and its size: the standard deviation of a component for
        "gaussian"; the scale of Student's t with two degrees of freedom for "heavy"; and the
        deviation of the factor 1 + size · ξ for "multiplicative". All settings meet the same.
    lowest
        Runs that go below it are lost; f* unless told.
    """
    marks = marks_of(steps)
    lowest = f.minimum if lowest is None else lowest
    floor = -np.inf if lowest is None else lowest - BELOW * max(1.0, abs(lowest))
    count, shape = len(settings), (len(settings), len(made.starts), len(marks))
    values, best = np.full(shape, np.inf), np.full(shape, np.inf)
    ends = np.zeros(shape[:2], dtype=np.int64)
    kind, size = noise
    if size and isinstance(optimizer, Walker):
        raise ValueError(f"{optimizer.name} makes its own way: there is no noise for it")
    for c in range(count):
        one = optimizer.fresh(**settings[c])
        if isinstance(one, Walker):
            _walk(f, one, made, marks, floor, values[c], best[c], ends[c])
            continue
        loop, *pointers = _kernels(f, one)
        # Who sums over an array takes what steps together for one.
        each = len(made.starts) if one.is_elementwise else 1
        for first in range(0, len(made.starts), each):
            part = slice(first, first + each)
            with np.errstate(all="ignore"):
                loop(
                    *pointers, made.starts[part], made.turns[part], made.shifts[part],
                    made.keys[part], one.initial_state(1)[:, 0].astype(float),
                    one.hyper_vector(), scheduled_rates(one, steps), NOISES.index(kind),
                    float(size), floor, one.shown_slot, marks, values[c, part], best[c, part],
                    ends[c, part],
                )  # fmt: skip
    return Trials(values, best, ends)


def _walk(
    f: Function, optimizer: Walker, made: Copies, marks: NDArray[np.int64], floor: float,
    values: Real, best: Real, ends: NDArray[np.int64],
) -> None:  # fmt: skip
    """The same of optimizers that have the loop: a mark is a number of evaluations, and what
    stands there is the last point that was reached with so many."""
    for k, (start, turn, shift) in enumerate(
        zip(made.starts, made.turns, made.shifts, strict=True)
    ):
        points, counts = optimizer.walk(ground_of(f, turn, shift), start, int(marks[-1]))
        with np.errstate(all="ignore"):
            heights = f.values_along(points @ turn.T + shift)
        good = np.isfinite(heights) & (heights >= floor)
        count = int(np.logical_and.accumulate(good).sum())
        at = np.searchsorted(counts, marks, side="right") - 1
        kept = at < count
        values[k, kept] = heights[at[kept]]
        best[k, kept] = np.minimum.accumulate(heights[:count])[at[kept]]
        ends[k] = 0 if count == len(good) else int(counts[count])


def _kernels(f: Function, optimizer: Optimizer) -> tuple[Callable[..., Any], ...]:
    perturb = jit.compiled(*_noise())
    loop, turn, turn_back = descend_trials, _turned, _turned_back
    if f.is_compiled and optimizer.is_compiled:
        loop = jit.compiled(descend_trials, DESCEND_TRIALS.replace("PERTURB", _noise()[1]))
        turn, turn_back = jit.compiled(turned, TURNED), jit.compiled(turned_back, TURNED_BACK)
    kernels = optimizer.kernel(), f.gradient_kernel(), f.value_kernel(), perturb
    return loop, *kernels, turn, turn_back


@functools.cache
def _noise() -> tuple[Any, str]:
    noise = sources.with_vecmath("compiled/noise.py", "compiled/splitmix.py")
    return noise.perturb, noise.PERTURB.replace("real", "float64")


TURNED = "void(float64[:, :, ::1], float64[:, ::1], float64[::1], float64[:, ::1])"
TURNED_BACK = "void(float64[:, :, ::1], float64[:, ::1], float64[::1])"


def turned(turns, shifts, z, x):  # type: ignore[no-untyped-def]
    """x (n, m) = turns (m, n, n) z + shifts (m, n), where z (n·m,) lies as x does."""
    n, m = x.shape
    for i in range(m):
        for axis in range(n):
            total = shifts[i, axis]
            for other in range(n):
                total += turns[i, axis, other] * z[other * m + i]
            x[axis, i] = total


def turned_back(turns, slope, g):  # type: ignore[no-untyped-def]
    """g (n·m,) = turnsᵀ slope (n, m)."""
    n, m = slope.shape
    for i in range(m):
        for axis in range(n):
            total = 0.0
            for other in range(n):
                total += turns[i, other, axis] * slope[other, i]
            g[axis * m + i] = total


def _turned(turns: Real, shifts: Real, z: Real, x: Real) -> None:
    """`turned` for functions in Python."""
    x[:] = np.einsum("iab,bi->ai", turns, z.reshape(x.shape)) + shifts.T


def _turned_back(turns: Real, slope: Real, g: Real) -> None:
    g[:] = np.einsum("iba,bi->ai", turns, slope).ravel()


DESCEND_TRIALS = f"""void(
    {STEP}, void(float64[:, ::1], float64[:, ::1]), void(float64[:, ::1], float64[::1]), PERTURB,
    {TURNED}, {TURNED_BACK},
    float64[:, ::1], float64[:, :, ::1], float64[:, ::1], uint64[::1], float64[::1], float64[::1],
    float64[::1], int64, float64, float64, int64, int64[::1], float64[:, ::1], float64[:, ::1],
    int64[::1]
)""".replace("real", "float64")


def descend_trials(  # type: ignore[no-untyped-def]  # noqa: PLR0915  (a helper would be a call)
    step, gradient, value, perturb, turn, turn_back, starts, turns, shifts, keys, initial, settings,
    scheduled, kind, size, floor, shown, marks, values, best, ends
):  # fmt: skip
    """The compiled loop: fill `values`, `best` (k, marks) and `ends` (k,); see `run_trials`.

    Coordinates of a block of runs stand as (n, m), those of run i at [:, i].
    """
    count, n = starts.shape
    steps = marks[-1]
    width = max(1, COORDINATES // n)
    for first in range(0, count, width):
        m = min(width, count - first)
        z, g, random = np.empty(n * m), np.empty(n * m), np.empty(n * m)
        x, slope = np.empty((n, m)), np.empty((n, m))
        others = np.empty((2, n * m))
        state = np.empty((initial.size, n * m))
        path, heights, lowest = np.empty((m, n)), np.empty(m), np.full(m, np.inf)
        seeds = keys[first : first + m]
        hyper = settings.copy()
        for slot in range(initial.size):
            state[slot] = initial[slot]
        for axis in range(n):
            for i in range(m):
                z[axis * m + i] = starts[first + i, axis]
        going = np.ones(m, np.int64)
        mark = 0
        for t in range(steps + 1):
            # Where the run is shown, and then where its gradient is taken.
            y = z if shown < 0 or t == 0 else state[shown]
            turn(turns[first : first + m], shifts[first : first + m], y, x)
            path[:] = x.T
            value(path, heights)
            for i in range(m):
                finite = np.isfinite(heights[i]) & (heights[i] >= floor)
                for axis in range(n):
                    finite &= np.isfinite(x[axis, i])
                if going[i] > 0 and not finite:
                    going[i] = 0
                    ends[first + i] = t
                if going[i] > 0:
                    lowest[i] = min(lowest[i], heights[i])
            if t == marks[mark]:
                for i in range(m):
                    if going[i] > 0:
                        values[first + i, mark] = heights[i]
                        best[first + i, mark] = lowest[i]
                mark += 1
            if t == steps or going.sum() == 0:
                break
            if shown >= 0:
                turn(turns[first : first + m], shifts[first : first + m], z, x)
            gradient(x, slope)
            turn_back(turns[first : first + m], slope, g)
            if kind > 0:
                random[:] = 0.0
                perturb(seeds, t + 1, 1.0, random)
            if kind == 1:
                for i in range(n * m):
                    g[i] += size * random[i]
            elif kind == 2:
                # Student's t with two degrees of freedom: ξ over the root of half of χ².
                others[:] = 0.0
                perturb(~seeds, t + 1, 1.0, others[0])
                perturb(seeds ^ (seeds << np.uint64(1)), t + 1, 1.0, others[1])
                for i in range(n * m):
                    half = 0.5 * (others[0, i] * others[0, i] + others[1, i] * others[1, i])
                    g[i] += size * random[i] / np.sqrt(half)
            elif kind == 3:
                for i in range(n * m):
                    g[i] *= 1.0 + size * random[i]
            if scheduled.size > 0:
                hyper[0] = scheduled[t]
            step(z, g, state, hyper, t + 1)
