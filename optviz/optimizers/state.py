"""One parameter's state: what an optimizer remembers of an array between two updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import threads
from optviz.shared.checks import as_array
from optviz.shared.text import did_you_mean, listed

Array = NDArray[Any]

#: Below this size a second thread costs more to wake than it saves: measured between the steps of a
#: training loop, where threads have gone to sleep.
PARALLEL_SIZE = 1_500_000

NO_SUMS = np.zeros(0)


class Rule(Protocol):
    """What a state needs of its optimizer."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the rows of state."""

    @property
    def sums_each_array(self) -> bool:
        """Whether parts of an array may not step apart."""

    @property
    def grand_totals(self) -> int:
        """How many sums over all arrays it wants."""

    @property
    def hyper(self) -> Mapping[str, Any]:
        """The hyperparameters."""

    def kernel(self, dtype: Any) -> Callable[..., Any]:
        """The compiled step."""

    def kernels_among(self, dtype: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """What adds to sums over all arrays, and the step that is given them."""

    def hyper_vector(self) -> NDArray[np.float64]:
        """The kernel's settings and fresh running powers."""

    def initial_state(self, n: int, dtype: Any) -> Array:
        """The state (slots, n) before the first step."""


class ArrayState:
    """One parameter's state: in chunks, so that large arrays step on several threads.

    Each chunk is contiguous of its own (a kernel on strided state does not vectorise), and the
    result does not depend on the chunks: a rule sees one coordinate. One that sums over the array
    gets it whole.
    """

    def __init__(self, optimizer: Rule, key: str, x: Any) -> None:
        check_parameter(key, x)
        self.optimizer = optimizer
        self.hyper = optimizer.hyper_vector()
        self.t = 0
        self.shape: tuple[int, ...] | None = None
        self._fit(x)

    def _fit(self, x: Array) -> None:
        """Take the shape and type of `x`."""
        self.shape, self.dtype = x.shape, x.dtype
        whole = [(0, x.size)]
        self.grand_totals = self.optimizer.grand_totals
        if self.grand_totals:
            self.sums, self.kernel = self.optimizer.kernels_among(x.dtype)
        else:
            self.kernel = self.optimizer.kernel(x.dtype)
        self.bounds = whole if self.optimizer.sums_each_array else _chunk_bounds(x.size)
        self.chunks = [
            self.optimizer.initial_state(stop - start, x.dtype) for start, stop in self.bounds
        ]

    @classmethod
    def loaded(cls, optimizer: Rule, key: str, entry: Mapping[str, Any]) -> ArrayState:
        arrays = [np.asarray(entry[slot]) for slot in optimizer.slots]
        if len({(a.shape, a.dtype) for a in arrays}) > 1:
            raise ValueError(f"the state of {key!r} has arrays of different shapes or types")
        state = cls(optimizer, key, arrays[0] if arrays else np.zeros(0))
        if not arrays:
            state.shape = None  # a rule without slots: the next parameter seen decides
        for (start, stop), chunk in zip(state.bounds, state.chunks, strict=True):
            for row, array in enumerate(arrays):
                chunk[row] = array.reshape(-1)[start:stop]
        powers = np.asarray(entry["powers"], dtype=np.float64)
        if powers.shape != state.hyper[len(optimizer.hyper) :].shape:
            raise ValueError(f"the state of {key!r} has {powers.size} powers: is it another's?")
        state.hyper[len(optimizer.hyper) :] = powers
        state.t = int(entry["t"])
        return state

    def checked_gradient(self, key: str, x: Array, grad: Any) -> Array:
        if self.shape is None:
            self._fit(x)
        if x.shape != self.shape or x.dtype != self.dtype:
            raise ValueError(
                f"params[{key!r}] was {self.dtype} {self.shape} and is now {x.dtype} {x.shape}; "
                f"use another key or a fresh optimizer"
            )
        return checked_gradient(key, x, grad)

    def add_sums(self, x: Array, grad: Array, out: Array) -> None:
        """Add to the sums over all arrays what the coming step has of this one."""
        flat, slope = np.asarray(x).reshape(-1), np.ascontiguousarray(grad).reshape(-1)
        for (a, b), chunk in zip(self.bounds, self.chunks, strict=True):
            part = np.ascontiguousarray(flat[a:b])
            self.sums(part, slope[a:b], chunk, self.hyper, self.t + 1, out)

    def step(self, x: Array, grad: Array, sums: Array = NO_SUMS) -> None:
        """One step of the array in place; `sums` are those over all arrays, if the rule has any."""
        self.t += 1
        x = np.asarray(x)  # of a matrix the array: a matrix stays two-dimensional whatever is asked
        if x.flags.c_contiguous:
            self._step_flat(x.reshape(-1), np.ascontiguousarray(grad).reshape(-1), sums)
        else:
            flat = x.flatten()
            self._step_flat(flat, np.ascontiguousarray(grad).reshape(-1), sums)
            x[...] = flat.reshape(x.shape)

    def _step_flat(self, x: Array, grad: Array, sums: Array) -> None:
        if len(self.bounds) == 1 and not self.grand_totals:
            self.kernel(x, grad, self.chunks[0], self.hyper, self.t)
            return
        hyper = np.concatenate([self.hyper, sums]) if self.grand_totals else self.hyper
        first, *others = zip(self.bounds, self.chunks, strict=True)
        # Each chunk advances the running powers, so each gets its own copy of them.
        tasks = [(x[a:b], grad[a:b], chunk, hyper.copy(), self.t) for (a, b), chunk in others]
        futures = [threads.thread_pool().submit(self.kernel, *task) for task in tasks]
        (a, b), chunk = first
        self.kernel(x[a:b], grad[a:b], chunk, hyper, self.t)
        for future in futures:
            future.result()
        if hyper is not self.hyper:
            self.hyper[:] = hyper[: len(self.hyper)]

    def slot_arrays(self) -> list[Array]:
        """Each slot as one array in the parameter's shape."""
        return [self.slot_array(row) for row in range(len(self.optimizer.slots))]

    def slot_array(self, row: int) -> Array:
        """One of them."""
        return np.concatenate([chunk[row] for chunk in self.chunks]).reshape(self.shape or ())


def check_parameter(key: Any, x: Any) -> None:
    """Whether an array can be stepped, and its key be kept.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not isinstance(key, str) or key == "hyper":
        raise ValueError(f"params has the key {key!r}: keys are texts other than 'hyper'")
    if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64):
        what = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise ValueError(f"params[{key!r}] must be a float32 or float64 array, not {what}")


def checked_gradient(key: str, x: Array, grad: Any) -> Array:
    """The gradient of an array, in its type.

    Raises
    ------
    ValueError
        If it does not fit, or the array cannot be changed.
    """
    if not x.flags.writeable:
        raise ValueError(f"params[{key!r}] is read-only: give a copy")
    if grad is None or isinstance(grad, str):
        what = (
            "None: leave a parameter without a gradient out of both" if grad is None else "a text"
        )
        raise ValueError(f"grads[{key!r}] is {what}")
    gradient = as_array(f"grads[{key!r}]", grad)
    if gradient.shape != x.shape:
        raise ValueError(f"grads[{key!r}] has shape {gradient.shape}, its parameter {x.shape}")
    if gradient.dtype != x.dtype:
        if gradient.dtype.kind not in "fiu":
            raise ValueError(f"grads[{key!r}] must be of real numbers, not {gradient.dtype}")
        gradient = gradient.astype(x.dtype)
    return gradient


def check_pairs(params: Any, grads: Any) -> None:
    """Whether both are dicts with the same keys.

    Raises
    ------
    ValueError
        If they are not.
    """
    for what, given in (("params", params), ("grads", grads)):
        if not isinstance(given, Mapping):
            raise ValueError(
                f'{what} must be a dict of arrays, such as {{"w": w}}, not {type(given).__name__}'
            )
    if params.keys() != grads.keys():
        odd = listed(sorted(map(str, params.keys() ^ grads.keys())))
        raise ValueError(f"params and grads have different keys: {odd} is in one of them only")


def known_keys(undecayed: Any, params: Mapping[str, Array]) -> frozenset[str]:
    """The keys on which no decay falls: a text or a slip would leave the wrong ones out.

    Raises
    ------
    ValueError
        If they are no keys of `params`.
    """
    is_row = isinstance(undecayed, Iterable) and not isinstance(undecayed, str)
    keys = frozenset(undecayed) if is_row else None
    if keys is None:
        raise ValueError(f'undecayed must be keys of params, such as ["b"], not {undecayed!r}')
    for key in keys - params.keys():
        hint = did_you_mean(str(key), map(str, params))
        raise ValueError(f"undecayed has {key!r}{hint}, and params has {listed(params)}")
    return keys


def step_together(work: Sequence[tuple[ArrayState, Array, Array]]) -> None:
    """One step of several arrays, each with its state and gradient: what a rule sums over all of
    them is summed first."""
    sums = NO_SUMS
    if work and work[0][0].grand_totals:
        sums = np.zeros(work[0][0].grand_totals)
        for state, x, grad in work:
            state.add_sums(x, grad, sums)
    for state, x, grad in work:
        state.step(x, grad, sums)


def _chunk_bounds(size: int) -> list[tuple[int, int]]:
    """Equal parts of a flat array, one a thread.

    They begin at multiples of what a vectorised loop does in one turn: the rest that it does one
    by one, which may round otherwise, is then the same however many threads there are.
    """
    count = threads.thread_count() if size >= PARALLEL_SIZE else 1
    part = -(-size // count)
    part += -part % 64
    starts = range(0, size, part) if size else [0]
    return [(start, min(start + part, size)) for start in starts]
