"""The work of a sweep: chunks of runs that threads take one after the other.

A chunk takes a fraction of a second, so that progress can be told and Ctrl-C obeyed; what becomes
of a run does not depend on its chunk.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit, sources, splitmix, threads
from optviz.functions.catalogue import Function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.walker import Walker
from optviz.runs import block, space_block
from optviz.runs.block import CONVERGED, DIVERGED, UNFINISHED
from optviz.runs.descend import record

Real = NDArray[np.float64]

#: Steps of runs in one chunk of work: about a tenth of a second.
CHUNK = 1e8
#: And at least: a few milliseconds.
LEAST_CHUNK = 2e6
#: A run has reached a minimum within this share of the diagonal of the bounds (less where minima
#: lie closer together).
CAPTURE = 0.01
#: A gradient whose norm has this square makes f itself be looked at: not far below overflow.
LONG = 1e280
#: Up to so many minima are compared with each point; of more there is a tree.
FEW = 32
NO_KEYS = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Job:
    """A checked sweep: n runs under each of c combinations of hyperparameters."""

    f: Function
    optimizer: Optimizer
    places: NDArray[Any]
    hypers: Real
    initial: Real
    scheduled: Real
    steps: int
    tol: float
    noise: float
    repeats: int
    seed: int
    early_leaving: bool
    #: The window of each step, for `Ends.peaks`; empty for none.
    window: NDArray[np.int32]
    #: The bounds that runs may leave, for `Ends.left`; no rows for none.
    limits: Real

    def run(self, progress: Callable[[int, int], None] | None) -> Ends:
        """Do all the work in chunks on all threads."""
        windows = int(self.window[-1]) + 1 if len(self.window) else 0
        runs = len(self.places) * self.repeats
        ends = Ends.empty(len(self.hypers), runs, self.places.dtype, windows, self.f.n)
        stop = np.zeros(1, np.uint8)
        # Others' libraries are not made for several threads, and would not be quicker in them.
        is_ours = self.optimizer.is_compiled
        pool = threads.thread_pool() if is_ours else ThreadPoolExecutor(1)
        # Here and not in the threads: they would each load kernels and search for minima.
        chunk = functools.partial(self.chunk, self.kernels(), capture_radius(self.f), stop)
        waiting: set[Future[int]] = set()
        total, done = ends.values.size, 0
        try:
            for part in self.parts():
                place = ends.part(*self.lanes(*part))
                waiting.add(pool.submit(chunk, place, *part))
            while waiting:
                finished, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
                done += sum(future.result() for future in finished)
                if progress is not None and finished:
                    progress(done, total)
        finally:
            # After Ctrl-C the threads end within a step.
            stop[0] = 1
            for future in waiting:
                future.cancel()
            if not is_ours:
                pool.shutdown()
        return ends

    def kernels(self) -> tuple[Any, ...]:
        """The loop, and the kernels that it takes as pointers."""
        real = self.places.dtype
        noise = sources.with_vecmath("compiled/noise.py", "compiled/splitmix.py")
        perturb = jit.compiled(noise.perturb, noise.PERTURB, real)
        loop: Callable[..., None] = block.descend_blocks
        if not self.f.is_plane:
            loop = space_block.descend_space_blocks
        if self.f.is_compiled and self.optimizer.is_compiled:
            takes = block.DESCEND_BLOCKS.replace("PERTURB", noise.PERTURB)
            loop = jit.compiled(loop, takes, real)
        # A division by estimate rounds otherwise in a vector than beside it: with it, the last bits
        # of a float32 run would depend on its place in the block.
        is_walker = isinstance(self.optimizer, Walker)
        step = None if is_walker else self.optimizer.kernel(real, jit.FASTMATH)
        return loop, step, self.f.gradient_kernel(real), self.f.value_kernel(), perturb

    def parts(self) -> Iterator[tuple[slice, slice]]:
        """The combinations and the starts of each chunk."""
        if not self.optimizer.is_compiled:
            for row in range(len(self.hypers)):
                for first in range(len(self.places)):
                    yield slice(row, row + 1), slice(first, first + 1)
            return
        # Several chunks for each thread, so that none waits long for the last; but to begin one
        # takes Python a sixth of a millisecond.
        total, count = len(self.hypers) * len(self.places) * self.repeats, threads.thread_count()
        work = self.steps * max(1, self.f.n // 2)
        runs = max(total / (8 * count), min(LEAST_CHUNK / work, total / count))
        runs = min(runs, CHUNK / work, 2**16)
        # As many for each thread.
        runs = total / (count * math.ceil(total / (count * runs)))
        width = block.WIDTH if self.f.is_plane else max(1, space_block.COORDINATES // self.f.n)
        runs = max(math.ceil(runs), width) // self.repeats
        wide = min(len(self.places), max(1, -(-runs // width)) * width)
        tall = max(1, runs // wide)
        for row in range(0, len(self.hypers), tall):
            for first in range(0, len(self.places), wide):
                yield slice(row, row + tall), slice(first, first + wide)

    def lanes(self, rows: slice, starts: slice) -> tuple[slice, slice]:
        """Where the results of a part lie: each start has `repeats` runs."""
        return rows, slice(starts.start * self.repeats, starts.stop * self.repeats)

    def chunk(
        self, kernels: tuple[Any, ...], radius: float, stop: NDArray[np.uint8],
        ends: Ends, rows: slice, starts: slice,
    ) -> int:  # fmt: skip
        """Some of the runs, in this thread; the number of runs done."""
        loop, *pointers = kernels
        numbers = np.arange(starts.start, min(starts.stop, len(self.places)))
        keys = splitmix.keys(self.seed, numbers, self.repeats) if self.noise else NO_KEYS
        least = self.tol**2 if self.tol > 0 else -1.0
        longest = LONG if self.f.is_total else -1.0
        places = np.repeat(self.places[starts], self.repeats, axis=0)
        shown = self.optimizer.shown_slot
        bounds = np.array([self.steps, least, self.early_leaving, self.noise, longest, shown])
        with np.errstate(all="ignore"):
            for lanes in self.together(len(places)):
                mine = place = ends.part(slice(None), lanes)
                if isinstance(self.optimizer, Walker):
                    self.walk(self.optimizer, places[lanes], rows, mine)
                    continue
                if not self.optimizer.is_elementwise:  # the loop wants arrays in one piece
                    mine = ends.like(len(places[lanes]))
                loop(
                    *pointers, places[lanes], keys[lanes], self.initial[rows], self.hypers[rows],
                    self.scheduled[rows], bounds, self.window, stop, mine.final, mine.steps,
                    mine.outcomes, mine.peaks, self.limits, mine.left,
                )  # fmt: skip
                if mine is not place:
                    place.take(mine)
            if not stop[0]:
                ends.judge(self.f, radius)
        return ends.values.size

    def together(self, count: int) -> list[slice]:
        """Which runs of a chunk step together: all, or each by itself where an optimizer sees
        them as one array."""
        if self.optimizer.is_elementwise:
            return [slice(None)]
        return [slice(k, k + 1) for k in range(count)]

    def walk(self, optimizer: Walker, start: Real, rows: slice, ends: Ends) -> None:
        """One run of an optimizer that has the loop itself."""
        names = list(optimizer.hyper)
        (hyper,) = self.hypers[rows]
        one = optimizer.fresh(**dict(zip(names, hyper.tolist(), strict=True)))
        points, last = record(self.f, one, start, hyper[None], self.steps)
        count = abs(int(last[0]))
        ends.final[0] = points[:, count] if last[0] >= 0 else np.nan
        ends.steps[0] = count
        ended = CONVERGED if count < self.steps else UNFINISHED
        ends.outcomes[0] = ended if last[0] >= 0 else DIVERGED
        if len(self.limits):
            path = points[0, : count + (last[0] >= 0)]
            outside = ((path < self.limits[:, 0]) | (path > self.limits[:, 1])).any(axis=1)
            ends.left[0] = int(outside.argmax())


@dataclass(frozen=True)
class Ends:
    """Where runs ended; all arrays begin with (combinations, runs)."""

    final: NDArray[Any]
    steps: NDArray[np.int32]
    outcomes: NDArray[np.int8]
    values: Real
    basin: NDArray[np.int16]
    peaks: Real
    left: NDArray[np.int32]

    @classmethod
    def empty(cls, rows: int, runs: int, real: Any, windows: int, n: int = 2) -> Ends:
        shape = rows, runs
        return cls(
            np.empty((*shape, n), real), np.empty(shape, np.int32), np.empty(shape, np.int8),
            np.empty(shape), np.empty(shape, np.int16), np.zeros((*shape, windows)),
            np.zeros(shape, np.int32),
        )  # fmt: skip

    def part(self, rows: slice, runs: slice) -> Ends:
        return Ends(*(getattr(self, field.name)[rows, runs] for field in fields(self)))

    def like(self, runs: int) -> Ends:
        """Others for so many runs, to be filled."""
        return Ends.empty(len(self.steps), runs, self.final.dtype, self.peaks.shape[-1],
                          self.final.shape[-1])  # fmt: skip

    def take(self, other: Ends) -> None:
        """What stands in others."""
        for field in fields(self):
            getattr(self, field.name)[...] = getattr(other, field.name)

    def judge(self, f: Function, radius: float) -> None:
        """Fill in values and basins; a run that ended where f has no value diverged."""
        points = self.final.reshape(-1, f.n).astype(float)
        self.values[...] = f.values_along(points).reshape(self.values.shape)
        lost = (self.outcomes == DIVERGED) | ~np.isfinite(self.values)
        self.outcomes[lost] = DIVERGED
        self.values[lost] = np.inf
        self.final[lost] = np.nan
        self.basin[...] = nearest(points, f.minima, radius).reshape(self.basin.shape)
        self.basin[lost] = -1


def nearest(points: Real, minima: Real, radius: float) -> NDArray[np.int16]:
    """The index of the nearest minimum within `radius` of each point (n, 2), −1 if there is none;
    of one that is not finite too."""
    if len(minima) > FEW:
        from scipy.spatial import KDTree

        far, near = KDTree(minima).query(
            np.where(np.isfinite(points), points, 1e300), distance_upper_bound=radius
        )
        return np.where(np.isfinite(far), near, -1).astype(np.int16)
    best = np.full(len(points), radius**2)
    index = np.full(len(points), -1, np.int16)
    for k, (x, *others) in enumerate(minima):
        with np.errstate(over="ignore"):
            distance = (points[:, 0] - x) ** 2
            for axis, place in enumerate(others, start=1):
                distance += (points[:, axis] - place) ** 2
        closer = distance <= best
        index[closer] = k
        best[closer] = distance[closer]
    return index


def capture_radius(f: Function, minima: Real | None = None) -> float:
    """How near a run must end to a minimum to have reached it."""
    minima = f.minima if minima is None else minima
    radius = CAPTURE * f.diagonal
    if len(minima) > 1:
        apart = np.linalg.norm(minima[:, None] - minima[None], axis=2)
        radius = min(radius, 0.4 * float(apart[apart > 0].min()))
    return radius
