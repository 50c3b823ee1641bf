"""The compiled loop behind `sweep`: blocks of runs that step together and leave one by one.

A kernel call on about 256 points costs no more a point than the arithmetic does (a call through a
pointer takes some 50 ns), and LLVM vectorises both kernels over them; all that a block needs, with
Adam's state 28 kB, stays in the first-level cache.
"""

from __future__ import annotations

import numpy as np

from optviz.functions.base import GRADIENT, VALUE
from optviz.optimizers.rule import STEP

#: Runs that step together.
WIDTH = 256
#: How a run ended.
UNFINISHED, CONVERGED, DIVERGED = 0, 1, -1

#: What the loop takes; `PERTURB` is that of `noise.py`, whose import would compile it.
DESCEND_BLOCKS = f"""void(
    {STEP}, {GRADIENT}, {VALUE}, PERTURB, real[:, ::1], uint64[::1], float64[:, ::1],
    float64[:, ::1], float64[:, ::1], float64[::1], int32[::1], uint8[::1], real[:, :, ::1],
    int32[:, ::1], int8[:, ::1], float64[:, :, ::1], float64[:, ::1], int32[:, ::1]
)"""


def descend_blocks(  # type: ignore[no-untyped-def]  # noqa: PLR0915  (a helper would be a call)
    step, gradient, value, perturb, starts, keys, initial, hypers, scheduled, bounds, window, stop,
    final, ends, outcomes, peaks, limits, left
):  # fmt: skip
    """Run every start under every row of `hypers`; fills `final`, `ends`, `outcomes`, `peaks`.

    Parameters
    ----------
    step, gradient, value, perturb
        Function pointers (see `DESCEND_BLOCKS`).
    starts : (n, 2)
    keys : (n,)
        The seed of each run's noise; empty for none.
    initial : (c, slots)
        The value that each slot begins with.
    hypers : (c, k)
    scheduled : (c, steps)
        The rate of each step; no rows without a schedule.
    bounds : (6,)
        The number of steps, the square of the gradient's norm at which a run has converged (a
        negative number: never), 1 if runs leave early, the noise's standard deviation, the
        square of the gradient's norm beyond which f is looked at (a negative number: always), and
        the slot of what a run has come to, where that is not its place (a negative number: it is).
    window : (steps,)
        The window that each step belongs to; empty if there are none.
    stop : (1,)
        Set to 1 by another thread, it ends the loop after the current step.
    final : (c, n, 2), ends : (c, n), outcomes : (c, n)
    peaks : (c, n, windows)
        The largest component of the gradient that a run still in the race met in each window;
        the caller has filled it with zeros.
    limits : (2, 2)
        The lowest and highest x, and y; no rows for none.
    left : (c, n)
        The first step after which a run was outside the limits; 0 if it stayed.
    """
    steps = int(bounds[0])
    least = bounds[1]
    leaving = bounds[2] > 0.0
    largest = bounds[4]
    shown = int(bounds[5])
    slots = initial.shape[1]
    places = np.empty(2 * WIDTH, starts.dtype)
    slopes = np.empty(2 * WIDTH, starts.dtype)
    judged = np.empty(2 * WIDTH, starts.dtype)
    states = np.empty(slots * 2 * WIDTH, starts.dtype)
    who = np.empty(WIDTH, np.int64)
    seeds = np.empty(WIDTH, np.uint64)
    spots = np.empty(2 * WIDTH)
    heights = np.empty(WIDTH)
    tops = np.zeros(WIDTH)
    noisy = keys.size > 0
    windowed = window.size > 0
    outside = np.zeros(WIDTH, np.int64)
    limited = limits.shape[0] > 0
    # 1 while a run is in the race. Whole numbers: LLVM may not reorder a sum of floats.
    alive = np.empty(WIDTH, np.int64)
    for row in range(hypers.shape[0]):
        for first in range(0, starts.shape[0], WIDTH):
            hyper = hypers[row].copy()
            m = min(WIDTH, starts.shape[0] - first)
            gone = 0
            for i in range(m):
                places[i], places[m + i] = starts[first + i, 0], starts[first + i, 1]
                who[i] = first + i
                if noisy:
                    seeds[i] = keys[first + i]
                alive[i] = 1
                outside[i] = 0
            for slot in range(slots):
                states[slot * 2 * m : (slot + 1) * 2 * m] = initial[row, slot]
            x, g = places[: 2 * m], slopes[: 2 * m]
            state = states[: slots * 2 * m].reshape(slots, 2 * m)
            for t in range(1, steps + 1):
                gradient(x.reshape(2, m), g.reshape(2, m))
                # Where a run is shown, and the slope there: by it a run is judged.
                y, slope = x, g
                if shown >= 0 and (leaving or windowed):
                    y = x if t == 1 else state[shown]
                    slope = judged[: 2 * m]
                    gradient(y.reshape(2, m), slope.reshape(2, m))
                if windowed:
                    if t == 1 or window[t - 1] != window[t - 2]:
                        tops[:m] = 0.0
                    for i in range(m):
                        tops[i] = max(tops[i], abs(slope[i]), abs(slope[m + i]))
                    if t == steps or window[t] != window[t - 1]:
                        for i in range(m):
                            if alive[i] > 0:
                                peaks[row, who[i], window[t - 1]] = tops[i]
                if leaving:
                    staying = 0
                    for i in range(m):
                        norm = slope[i] * slope[i] + slope[m + i] * slope[m + i]
                        staying += alive[i] if least < norm <= largest else 0
                    if staying < m - gone:
                        odd = False
                        for i in range(m):
                            norm = slope[i] * slope[i] + slope[m + i] * slope[m + i]
                            odd |= alive[i] > 0 and not norm <= largest
                        if odd:
                            # A long gradient is no divergence yet: as in `minimize`, a run is lost
                            # where its point or its value is not finite.
                            for i in range(m):
                                spots[2 * i], spots[2 * i + 1] = y[i], y[m + i]
                            value(spots[: 2 * m].reshape(m, 2), heights[:m])
                        for i in range(m):
                            norm = slope[i] * slope[i] + slope[m + i] * slope[m + i]
                            lost = odd and not (
                                np.isfinite(x[i]) and np.isfinite(x[m + i])
                                and np.isfinite(heights[i])
                            )  # fmt: skip
                            if alive[i] > 0 and (lost or norm <= least):
                                alive[i] = 0
                                gone += 1
                                if windowed:
                                    peaks[row, who[i], window[t - 1]] = tops[i]
                                final[row, who[i], 0] = y[i]
                                final[row, who[i], 1] = y[m + i]
                                ends[row, who[i]] = t - 1
                                outcomes[row, who[i]] = DIVERGED if lost else CONVERGED
                        if gone == m:
                            break
                    if 4 * gone > m:
                        # Who is left moves together: in place, as no target lies behind a source
                        # that is still to be read.
                        kept = 0
                        for start in range(0, 2 * m, m):
                            for i in range(m):
                                if alive[i] > 0:
                                    places[kept] = places[start + i]
                                    slopes[kept] = slopes[start + i]
                                    kept += 1
                        kept = 0
                        for start in range(0, slots * 2 * m, m):
                            for i in range(m):
                                if alive[i] > 0:
                                    states[kept] = states[start + i]
                                    kept += 1
                        kept = 0
                        for i in range(m):
                            if alive[i] > 0:
                                who[kept], seeds[kept], tops[kept] = who[i], seeds[i], tops[i]
                                outside[kept] = outside[i]
                                kept += 1
                        alive[:kept] = 1
                        m, gone = kept, 0
                        x, g = places[: 2 * m], slopes[: 2 * m]
                        state = states[: slots * 2 * m].reshape(slots, 2 * m)
                if noisy:
                    perturb(seeds[:m], t, bounds[3], g)
                if scheduled.shape[0] > 0:
                    hyper[0] = scheduled[row, t - 1]
                step(x, g, state, hyper, t)
                if limited:
                    y = x if shown < 0 else state[shown]
                    for i in range(m):
                        is_inside = (
                            limits[0, 0] <= y[i] <= limits[0, 1]
                            and limits[1, 0] <= y[m + i] <= limits[1, 1]
                        )
                        if outside[i] == 0 and not is_inside:
                            outside[i] = t
                if stop[0] != 0:
                    return
            y = x if shown < 0 else state[shown]
            for i in range(m):
                if alive[i] > 0:
                    final[row, who[i], 0], final[row, who[i], 1] = y[i], y[m + i]
                    ends[row, who[i]] = steps
                    if limited:
                        left[row, who[i]] = outside[i]
                    is_finite = np.isfinite(x[i]) and np.isfinite(x[m + i])
                    outcomes[row, who[i]] = UNFINISHED if is_finite else DIVERGED
