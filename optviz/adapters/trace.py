"""`trace`: what a training loop of anybody's did with its parameters, in bounded memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit
from optviz.compiled.splitmix import hashed
from optviz.shared.checks import check_whole, one_number
from optviz.shared.principal import principal
from optviz.shared.table import Table, Tabular, html_of
from optviz.shared.text import counted, did_you_mean, listed

Array = NDArray[Any]
Real = NDArray[np.float64]

#: Numbers of a step that a projection keeps, and steps that are kept at most.
DIMENSIONS, MOST = 256, 1000
#: All parameters of so many steps may take so many bytes.
MAX_BYTES = 2_000_000_000


@dataclass(frozen=True, repr=False, eq=False)
class Trace(Tabular):
    """What was kept of a training.

    Attributes
    ----------
    steps : ndarray (k,) of int64
        The steps that were kept, evenly spaced, 0 (before the first) and the last among them.
    points : ndarray (k, d) of float32
        The parameters there, one behind the other, or their projection.
    loss, rate : ndarray (k,)
        Those of the steps, as they were told; nan for none.
    parameters : int
        How many there are.
    kept : str
        "all", "projection", or the names.
    """

    steps: NDArray[np.int64]
    points: Array
    loss: Real
    rate: Real
    parameters: int
    kept: str

    @property
    def moved(self) -> Real:
        """How far each point lies from the first, (k,); of a projection an estimate."""
        with np.errstate(invalid="ignore", over="ignore"):
            off = self.points.astype(float) - self.points[0]
            return np.asarray(np.linalg.norm(off, axis=1))

    def plane(self) -> tuple[Real, Real]:
        """The points in the plane of their first two principal components, (k, 2), from the last
        finite one, nan for those beyond; and the shares of the variance that the two explain."""
        points = self.points[: self.finite]
        off = (points - points[-1]).astype(float)
        ways, shares = principal(off)
        out = np.full((len(self.points), 2), np.nan)
        out[: len(off)] = off @ ways.T
        return out, shares

    @property
    def finite(self) -> int:
        """How many of the points, from the first on, are finite: less than all have diverged."""
        good = np.isfinite(self.points).all(axis=1)
        return max(1, int(np.logical_and.accumulate(good).sum()))

    def table(self) -> Table:
        """A row for each step that was kept."""
        flat, _ = self.plane()
        columns = {"step": self.steps, "loss": self.loss, "rate": self.rate, "moved": self.moved,
                   "pc1": flat[:, 0], "pc2": flat[:, 1]}  # fmt: skip
        return Table(columns, ("step",), self.title)

    def summary(self) -> Table:
        """What came out of it."""
        told = {"steps": self.steps[-1], "kept": len(self.steps), "loss": self.loss[-1],
                "moved": self.moved[-1]}  # fmt: skip
        return Table({k: np.array([v]) for k, v in told.items()}, title=self.title)

    @property
    def title(self) -> str:
        """How many steps of how many parameters."""
        return (f"{counted(int(self.steps[-1]), 'step')} of "
                f"{counted(self.parameters, 'parameter')}")  # fmt: skip


class Recorder:
    """A trace while it is made; see `trace`.

    Attributes
    ----------
    count : int
        Steps so far.
    held : Held
        The parameters themselves.
    """

    def __init__(self, held: Held, kept: str, dimensions: int | None, most: int) -> None:
        self.held, self._read, self._kept, self._watch = held, held.read, kept, held.watch
        arrays = held.read()
        self._sizes = [a.size for a in arrays]
        self._parameters = sum(self._sizes)
        self._signs = None if dimensions is None else [
            _signs(a.size, k) for k, a in enumerate(arrays)]  # fmt: skip
        width = self._parameters if dimensions is None else dimensions
        if 4 * width * most > MAX_BYTES:
            raise ValueError(
                f"{most:,} steps of {width:,} parameters take {4e-9 * width * most:.1f} GB: keep "
                "their projection, or fewer steps (most=)"
            )
        self._points = np.empty((most, width), np.float32)
        self._told = np.full((most, 2), np.nan)
        self._at: list[int] = []
        self._stride, self.count = 1, 0
        #: Loss and rate of the step to come, and of the last one.
        self._pending = self._last = (np.nan, np.nan)
        self._is_before: bool | None = None
        self._is_open = False
        self._stop: Callable[[], None] | None = None
        self._found: Trace | None = None

    def __enter__(self) -> Recorder:
        if self._at:
            raise ValueError("a trace is of one `with` block: make another")
        self._keep()
        self._is_open = True
        if self._watch is not None:
            self._stop = self._watch(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None
        self._is_open = False
        # The last point is what the block ends with: of two optimizers the second may have stepped.
        if self._at[-1] == self.count or len(self._at) == len(self._points):
            self._at.pop()  # its place is for the last
        self._pending = self._last
        self._keep()
        k = len(self._at)
        loss, rate = self._told[:k].T.copy()
        self._found = Trace(np.array(self._at), self._points[:k].copy(), loss, rate,
                            self._parameters, self._kept)  # fmt: skip

    def step(self, loss: Any = None, rate: float | None = None) -> None:
        """Say that a step has been made; PyTorch's are seen by themselves.

        Parameters
        ----------
        loss
            That of the step: a number, or a tensor with one.
        rate
            Its learning rate.
        """
        if not self._is_open:
            raise ValueError("steps are told within the `with` block of a trace")
        if self._stop is not None:
            raise ValueError(
                "steps of PyTorch's optimizers are seen by themselves: say the loss by t.tell(loss)"
            )
        self._made(loss, rate)

    def _made(self, loss: Any = None, rate: float | None = None) -> None:
        self.count += 1
        if loss is not None or rate is not None:
            loss = self._pending[0] if loss is None else one_number("loss", loss)
            self._pending = (loss, np.nan if rate is None else one_number("rate", rate))
        if self.count % self._stride == 0:
            if len(self._at) == len(self._points):
                self._thin()
            if self.count % self._stride == 0:
                self._keep()
        self._last, self._pending = self._pending, (np.nan, np.nan)

    def tell(self, loss: Any) -> None:
        """Say the loss of a step that is seen by itself: before each, or after each."""
        if not self._is_open:
            raise ValueError("losses are told within the `with` block of a trace")
        if self._is_before is None:
            self._is_before = self.count == 0
        value = one_number("loss", loss)
        if self._is_before:
            self._pending = (value, np.nan)
            return
        self._last = (value, self._last[1])
        if self._at[-1] == self.count:
            self._told[len(self._at) - 1, 0] = value

    @np.errstate(over="ignore", invalid="ignore")  # what diverges is told by the numbers
    def _keep(self) -> None:
        row = self._points[len(self._at)]
        arrays = self._read()
        if (sizes := [a.size for a in arrays]) != self._sizes:
            raise ValueError(
                f"the parameters were {sum(self._sizes):,} numbers in {len(self._sizes)} arrays "
                f"and are {sum(sizes):,} in {len(sizes)}: a trace is of parameters that stay"
            )
        if self._signs is None:
            np.concatenate([a.reshape(-1) for a in arrays], out=row, casting="same_kind")
        else:
            row[:] = 0.0
            for a, signs in zip(arrays, self._signs, strict=True):
                _project()(np.ascontiguousarray(a, np.float32).reshape(-1), signs, row)
        self._told[len(self._at)] = self._pending
        self._at.append(self.count)

    def _thin(self) -> None:
        """Every second one stays, and from now on every second one is kept."""
        half = len(self._at[::2])
        self._points[:half], self._told[:half] = self._points[::2], self._told[::2]
        self._at, self._stride = self._at[::2], 2 * self._stride

    # What was found, once the loop is over.

    @property
    def found(self) -> Trace:
        """The trace.

        Raises
        ------
        ValueError
            Within the loop.
        """
        if self._found is None:
            raise ValueError("the trace is there when its `with` block has ended")
        return self._found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.found, name)

    def __repr__(self) -> str:
        return f"<trace: {self.count:,} steps so far>" if self._found is None else repr(self._found)

    def _repr_html_(self) -> str:
        return html_of(self) if self._found is None else self._found._repr_html_()


def trace(
    what: Any, *, keep: str | Sequence[str] = "projection", most: int = MOST,
    dimensions: int = DIMENSIONS,
) -> Recorder:  # fmt: skip
    """Record what a training loop does with its parameters.

    Parameters
    ----------
    what
        A PyTorch module or its parameters: its optimizers' steps are seen through PyTorch's own
        hook. Or a dict of NumPy arrays, a Keras model, or a network of ours: then the loop says
        `t.step(loss, rate)` after each step. PyTorch's losses are told by `t.tell(loss)`.
    keep
        "projection": random sums of the parameters (each is added to one of `dimensions` numbers
        with a random sign), which keep distances; "all" parameters; or the names of some.
        Between the steps of the first optimizer that is seen the points are those after its own;
        the last is what the block ends with.
    most : int ≥ 3
        Steps that are kept: of more every second one is dropped, again and again, so that the
        first, the last and even spacing stay, and memory is bounded.
    dimensions : int ≥ 2
        Of a projection.

    Returns
    -------
    Recorder
        A context manager; afterwards it is what `Trace` says.

    Raises
    ------
    ValueError
        If these are no parameters, a name is unknown, or they would not fit into memory.

    Examples
    --------
    >>> import numpy as np, optviz as ov
    >>> params, optimizer = {"w": np.array([3.0, -2.0])}, ov.SGD(lr=0.1)
    >>> with ov.trace(params) as t:
    ...     for _ in range(20):
    ...         optimizer.update(params, {"w": 2 * params["w"]})
    ...         t.step(loss=float(params["w"] @ params["w"]), rate=0.1)
    >>> t.steps[-1], t.points.shape, bool(t.loss[-1] < t.loss[1])
    (np.int64(20), (21, 256), True)
    """
    check_whole("most", most, 3, 10**7)
    check_whole("dimensions", dimensions, 2, 10**6)
    held = _held(what)
    names = held.names
    if keep not in ("projection", "all"):
        if not isinstance(keep, str | int | Iterable):
            raise ValueError(f"keep must be projection, all, or names of parameters, not {keep!r}")
        wanted = [keep] if isinstance(keep, str | int) else list(dict.fromkeys(keep))
        if not wanted:
            raise ValueError("keep is empty: give names of parameters, all, or projection")
        for name in wanted:
            if name not in names:
                raise ValueError(
                    f"no parameter is called {name!r}{did_you_mean(str(name), names)}; there are "
                    f"{listed(names)}, or all, projection"
                )
        places = [names.index(name) for name in wanted]
        some = replace(held, read=lambda: [held.read()[k] for k in places])
        return Recorder(some, ", ".join(wanted), None, most)
    return Recorder(held, keep, dimensions if keep == "projection" else None, most)


@dataclass(frozen=True)
class Held:
    """The parameters that are traced, wherever they live.

    Attributes
    ----------
    names
        One for each array.
    read
        The arrays as they are; of tensors in float32.
    copy, write
        Copies in their own type, and what puts such, or arrays of other types, in their place.
    watch
        What sees steps by itself, if anything does.
    """

    names: list[str]
    read: Callable[[], Sequence[Array]]
    copy: Callable[[], Sequence[Any]]
    write: Callable[[Sequence[Any]], None]
    watch: Callable[[Recorder], Any] | None = None


def _held(what: Any) -> Held:
    """What holds the parameters of a module, a model, a network or a dict."""
    if isinstance(what, Mapping) and what and all(isinstance(v, np.ndarray) for v in what.values()):
        return _held_arrays(list(map(str, what)), lambda: list(what.values()))
    if isinstance(getattr(what, "parameters", None), np.ndarray):  # a network of ours
        return _held_arrays(["parameters"], lambda: [what.parameters])
    if hasattr(what, "trainable_variables"):
        return _held_variables(list(what.trainable_variables))
    tensors = dict(what.named_parameters()) if hasattr(what, "named_parameters") else None
    if tensors == {} or (isinstance(what, Mapping) and not what):
        raise ValueError(f"trace: {type(what).__name__} has no parameters: there is nothing to see")
    if hasattr(what, "detach"):
        tensors = {"0": what}
    if tensors is None and isinstance(what, Iterable) and not isinstance(what, str | np.ndarray):
        tensors = {f"{k}": p for k, p in enumerate(what)}
    if not tensors or not all(hasattr(p, "detach") for p in tensors.values()):
        is_plain = type(what).__module__ == "builtins"
        raise ValueError(
            "trace takes a PyTorch module or its parameters, a dict of NumPy arrays, a Keras model "
            f"or a network of optviz, not {repr(what)[:40] if is_plain else type(what).__name__}"
        )
    if len({id(p) for p in tensors.values()}) < len(tensors):
        raise ValueError("trace: a parameter is given twice")
    return _held_tensors(tensors)


def _held_variables(variables: list[Any]) -> Held:
    """Those of a Keras model."""
    from optviz.adapters.from_keras import values_of

    def read() -> Sequence[Array]:
        return values_of(variables)

    def write(values: Sequence[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value.reshape(variable.shape))

    return Held([v.path for v in variables], read, read, write)


def _held_tensors(tensors: Mapping[str, Any]) -> Held:
    """Those of PyTorch, whose steps are seen by themselves."""
    views = [_View(p) for p in tensors.values()]

    def write(values: Sequence[Any]) -> None:
        import torch

        with torch.no_grad():
            for tensor, value in zip(tensors.values(), values, strict=True):
                tensor.copy_(torch.as_tensor(value).reshape(tensor.shape))

    return Held(list(tensors), lambda: [view.read() for view in views],
                lambda: [p.detach().clone() for p in tensors.values()], write,
                _watcher(tensors.values()))  # fmt: skip


def _held_arrays(names: list[str], arrays: Callable[[], Sequence[Array]]) -> Held:
    def write(values: Sequence[Any]) -> None:
        for array, value in zip(arrays(), values, strict=True):
            array[...] = value.reshape(array.shape)

    return Held(names, arrays, lambda: [a.copy() for a in arrays()], write)


class _View:
    """A tensor's numbers as an array of float32, which shares its memory where it can."""

    def __init__(self, tensor: Any) -> None:
        self.tensor, self.place, self.array = tensor, 0, np.zeros(0, np.float32)

    def read(self) -> Array:
        if self.tensor.data_ptr() != self.place:  # it may be given other numbers, or another type
            plain = self.tensor.detach().float().cpu()
            self.array = plain.numpy()
            self.place = plain.data_ptr() if plain.data_ptr() == self.tensor.data_ptr() else -1
        return self.array


def _watcher(tensors: Iterable[Any]) -> Callable[[Recorder], Callable[[], None]]:
    """PyTorch calls a hook of its own after each step of any optimizer."""
    mine = {id(p) for p in tensors}

    def watch(recorder: Recorder) -> Callable[[], None]:
        from torch.optim.optimizer import register_optimizer_step_post_hook

        clock: list[Any] = []

        def stepped(optimizer: Any, *_: Any) -> None:
            group = next((g for g in optimizer.param_groups
                          if any(id(p) in mine for p in g["params"])), None)  # fmt: skip
            if group is None:
                return
            if not clock:
                clock.append(optimizer)
            if optimizer is clock[0]:  # of several the first one counts
                rate = group.get("lr")
                recorder._made(rate=None if rate is None else float(rate))

        handle: Any = register_optimizer_step_post_hook(stepped)
        remove: Callable[[], None] = handle.remove
        return remove

    return watch


def _signs(size: int, k: int) -> NDArray[np.int8]:
    """±1 for each parameter of the k-th array, the same every time."""
    numbers = np.arange(-(-size // 64), dtype=np.uint64) + np.uint64(k << 40)
    bits = np.unpackbits(hashed(numbers).astype("<u8").view(np.uint8))[:size]
    return 2 * bits.astype(np.int8) - 1


PROJECT = "void(float32[::1], int8[::1], float32[::1])"


def project(x, signs, out):  # type: ignore[no-untyped-def]
    """Add each number, with its sign, to the place that is its own modulo the length of `out`."""
    d = out.size
    for first in range(0, x.size, d):
        part, sign = x[first : first + d], signs[first : first + d]  # so that it is vectorised
        for k in range(part.size):
            out[k] += np.float32(sign[k]) * part[k]


@functools.cache
def _project() -> Callable[[Array, Array, Array], None]:
    return jit.compiled(project, PROJECT)
