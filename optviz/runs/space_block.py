"""The loop behind `sweep` in n dimensions: blocks of runs, as many as their coordinates allow.

It takes what `block.descend_blocks` takes, so that `chunks.py` need not know which it has; but no
windows and no limits, which pictures of the plane ask for. Runs that are done stay in their block,
and step on without being looked at, until all of it are.
"""

from __future__ import annotations

import numpy as np

from optviz.runs.block import CONVERGED, DIVERGED, UNFINISHED

#: Coordinates that step together.
COORDINATES = 512


def descend_space_blocks(  # type: ignore[no-untyped-def]  # noqa: PLR0915  (as in block.py)
    step, gradient, value, perturb, starts, keys, initial, hypers, scheduled, bounds, window, stop,
    final, ends, outcomes, peaks, limits, left
):  # fmt: skip
    """Run every start (k, n) under every row of `hypers`; see `block.descend_blocks`."""
    steps, least, leaving, largest = int(bounds[0]), bounds[1], bounds[2] > 0.0, bounds[4]
    shown = int(bounds[5])
    count, n = starts.shape
    width = max(1, COORDINATES // n)
    slots = initial.shape[1]
    for row in range(hypers.shape[0]):
        for first in range(0, count, width):
            hyper = hypers[row].copy()
            m = min(width, count - first)
            x, g = np.empty(n * m, starts.dtype), np.empty(n * m, starts.dtype)
            # Where the runs are shown, and the slope there: by it they are judged.
            spot, slope = x, g
            if shown >= 0:
                spot, slope = np.empty(n * m, starts.dtype), np.empty(n * m, starts.dtype)
            state = np.empty((slots, n * m), starts.dtype)
            path, heights = np.empty((m, n)), np.empty(m)
            seeds, norms = keys[first : first + m], np.empty(m)
            for slot in range(slots):
                state[slot] = initial[row, slot]
            for axis in range(n):
                for i in range(m):
                    x[axis * m + i] = starts[first + i, axis]
            going = np.ones(m, np.int64)
            ends[row, first : first + m] = steps
            outcomes[row, first : first + m] = UNFINISHED
            for t in range(1, steps + 1):
                gradient(x.reshape(n, m), g.reshape(n, m))
                if leaving:
                    if shown >= 0:
                        spot[:] = x if t == 1 else state[shown]
                        gradient(spot.reshape(n, m), slope.reshape(n, m))
                    norms[:] = 0.0
                    for axis in range(n):
                        for i in range(m):
                            norms[i] += slope[axis * m + i] * slope[axis * m + i]
                    odd = False
                    for i in range(m):
                        odd |= going[i] > 0 and not norms[i] <= largest
                    if odd:
                        for axis in range(n):
                            for i in range(m):
                                path[i, axis] = spot[axis * m + i]
                        value(path, heights)
                    left_over = 0
                    for i in range(m):
                        lost = odd and not np.isfinite(heights[i])
                        if odd:
                            for axis in range(n):
                                lost |= not np.isfinite(x[axis * m + i])
                        if going[i] > 0 and (lost or norms[i] <= least):
                            going[i] = 0
                            for axis in range(n):
                                final[row, first + i, axis] = spot[axis * m + i]
                            ends[row, first + i] = t - 1
                            outcomes[row, first + i] = DIVERGED if lost else CONVERGED
                        left_over += going[i]
                    if left_over == 0:
                        break
                if keys.size > 0:
                    perturb(seeds, t, bounds[3], g)
                if scheduled.shape[0] > 0:
                    hyper[0] = scheduled[row, t - 1]
                step(x, g, state, hyper, t)
                if stop[0] != 0:
                    return
            y = x if shown < 0 else state[shown]
            for i in range(m):
                if going[i] > 0:
                    for axis in range(n):
                        final[row, first + i, axis] = y[axis * m + i]
                        if not np.isfinite(x[axis * m + i]):
                            outcomes[row, first + i] = DIVERGED
