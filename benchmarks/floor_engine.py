"""What the processor allows: the square roots and divisions of Adam, and nothing else.

Each step of Adam takes one square root and one division for each coordinate, in double. They are
the slowest of its operations and cannot overlap with each other: a sweep can at best be hidden
behind them.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.remote import THREADS
from benchmarks.task import Engine

#: Coordinates that are stepped together: they stay in the first cache, as in a sweep.
BLOCK = 512
CHECKED = 1000


def roots_and_divisions(values: Any, factors: Any, steps: int) -> None:
    """Step each value to factor : √value, `steps` times.

    Each step needs the value of the one before, and the loop is compiled without liberties
    (`fastmath`), so nothing can be left out, taken together or done ahead; `floor` compares the
    ends. Values stay between 1.5 and 2, with all their digits: no processor has a short cut.
    """
    for first in range(0, values.size, BLOCK):
        x, c = values[first : first + BLOCK], factors[first : first + BLOCK]
        for _ in range(steps):
            for i in range(x.size):
                x[i] = c[i] / np.sqrt(x[i])


def compiled() -> Any:
    import numba

    # error_model: Python's check for a division by zero would stand in the way of vectors.
    make = numba.njit("void(float64[::1], float64[::1], int64)", nogil=True, error_model="numpy")
    return make(roots_and_divisions)


def floor(starts: int, steps: int) -> Engine:
    """As many as Adam takes for so many starts of two coordinates, on as many threads."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        kernel = compiled()
        rng = np.random.default_rng(0)
        first = rng.uniform(1.5, 2.0, 2 * starts)
        factors = rng.uniform(2.0, 2.5, 2 * starts)
        values = first.copy()
        pieces = np.array_split(np.arange(2 * starts), 8 * THREADS)
        slices = [slice(piece[0], piece[-1] + 1) for piece in pieces]
        pool = concurrent.futures.ThreadPoolExecutor(THREADS)

        def work() -> None:
            values[:] = first
            list(pool.map(lambda s: kernel(values[s], factors[s], steps), slices))

        def result() -> None:
            work()
            x = first[:CHECKED].copy()
            for _ in range(steps):
                x = factors[:CHECKED] / np.sqrt(x)
            if not np.array_equal(x, values[:CHECKED]):
                raise RuntimeError("the square roots and divisions were not all done")

        return work, result

    return engine
