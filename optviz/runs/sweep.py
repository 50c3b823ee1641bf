"""A million runs at once: many starts, many hyperparameters, or both.

Only the ends are kept, not the paths. `chunks.py` divides the work, `block.py` does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.functions.catalogue import Function, function, function_text, names_python
from optviz.functions.space import SpaceFunction
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import as_optimizer, is_of_catalogue, parse_optimizer
from optviz.optimizers.wrappers import OWNERS, WRAPPERS
from optviz.runs.axis import Axis
from optviz.runs.block import CONVERGED, DIVERGED, UNFINISHED
from optviz.runs.chunks import Job
from optviz.runs.descend import scheduled_rates
from optviz.shared.archive import read_archive, write_archive
from optviz.shared.checks import check_amounts, check_memory, check_seed, check_steps, check_whole
from optviz.shared.table import Table, Tabular, row, words
from optviz.shared.text import did_you_mean, listed

__all__ = ["CONVERGED", "DIVERGED", "UNFINISHED", "Sweep", "check_memory", "check_seed", "sweep"]

Real = NDArray[np.float64]

#: How a run ended, in words.
OUTCOMES = {CONVERGED: "converged", UNFINISHED: "unfinished", DIVERGED: "diverged"}


@dataclass(frozen=True, repr=False, eq=False)
class Sweep(Tabular):
    """The ends of many runs.

    Arrays have the shape of the grid: one axis for each entry of `over`, then the starts, then
    the repetitions if there are several.

    Attributes
    ----------
    final : ndarray (..., 2)
        The last point of each run, nan if it diverged.
    values : ndarray (...)
        f there, inf if it diverged.
    steps_taken : ndarray (...) of int32
        Steps until the run converged, diverged (its point or its value was not finite, as in
        `minimize`) or ran out of steps.
    outcome : ndarray (...) of int8
        `CONVERGED` (1), `UNFINISHED` (0) or `DIVERGED` (−1).
    basin : ndarray (...) of int16
        The index into `function.minima` of the minimum that was reached, −1 for none.
    starts : ndarray (n, 2)
    over : dict
        The values of each hyperparameter that was swept.
    function, optimizer
        What ran on what.
    steps, tol, noise, seed
        As given.
    peaks : ndarray (..., windows) or None
        The largest absolute ∂f/∂xᵢ that a run met in each window of the steps, 0 where it had
        ended.
    left : ndarray (...) of int32 or None
        The step with which a run left the function's bounds for the first time; 0 if it stayed.
    """

    final: NDArray[Any]
    values: Real
    steps_taken: NDArray[np.int32]
    outcome: NDArray[np.int8]
    basin: NDArray[np.int16]
    starts: NDArray[Any]
    over: Mapping[str, Real]
    function: Function
    optimizer: Optimizer
    steps: int
    tol: float
    noise: float = 0.0
    seed: int | None = None
    peaks: Real | None = None
    left: NDArray[np.int32] | None = None

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Which runs overflowed."""
        return np.asarray(self.outcome == DIVERGED)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Which runs left because the norm of the gradient had fallen to `tol`."""
        return np.asarray(self.outcome == CONVERGED)

    def save(self, path: str | Path) -> Path:
        """Write all to an `.npz`, with what made it inside; `Sweep.load` reads it.

        Raises
        ------
        ValueError
            If the file is not named .npz, or the function or optimizer is one of your own in
            Python, which a file cannot hold.
        """
        f = self.function
        own = f._python is not None or (isinstance(f, SpaceFunction) and f.member is None)
        if own or not is_of_catalogue(self.optimizer):
            raise ValueError(
                "a file can hold functions that are formulas and optimizers of the catalogue; "
                "keep the arrays of others with numpy.savez"
            )
        spec = {
            "kind": "sweep",
            "function": function_text(self.function),
            "bounds": self.function.bounds,
            "start": self.function.start,
            "optimizer": self.optimizer.spec(),
            "over": list(self.over),
            **{name: getattr(self, name) for name in _NUMBERS},
        }
        arrays = {name: getattr(self, name) for name in _TYPES}
        values = {f"over/{name}": values for name, values in self.over.items()}
        return write_archive(path, {**arrays, **values}, spec)

    @classmethod
    def load(cls, path: str | Path) -> Sweep:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged or none of ours; nothing in it is executed.
        """
        arrays, spec = read_archive(path, "sweep")
        try:
            bounds: Any = tuple((low, high) for low, high in spec["bounds"])
            for name in ("function", "optimizer"):
                if not isinstance(spec[name], str):
                    raise ValueError(f"{name} must be a text")
            if names_python(spec["function"]):
                raise ValueError("its function is one in Python, and no file imports a module")
            f = function(spec["function"], bounds=bounds, start=spec["start"])
            over = {str(name): arrays[f"over/{name}"] for name in spec["over"]}
            fields: dict[str, Any] = {name: arrays[name] for name in _TYPES}
            fields |= {name: spec[name] for name in _NUMBERS}
            made = cls(
                **fields,
                over=over,
                function=f,
                optimizer=parse_optimizer(spec["optimizer"], own=False),
            )
            _check_loaded(made)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{Path(path).name} is damaged: {error}") from None
        return made

    def columns(self) -> dict[str, NDArray[Any]]:
        """One row for each run: hyperparameters, start, end, value, steps, outcome (a word), basin;
        and the step with which it left the bounds, if that was looked at."""
        shape = self.values.shape
        place = np.indices(shape, dtype=np.int32).reshape(len(shape), -1)
        columns: dict[str, NDArray[Any]] = {
            name: values[place[k]] for k, (name, values) in enumerate(self.over.items())
        }
        starts = self.starts[place[len(self.over)]]
        n = self.function.n
        axes = ["x", "y"] if self.function.is_plane else [f"x{k + 1}" for k in range(n)]
        columns["start"] = place[len(self.over)]
        columns |= {f"start_{axis}": starts[:, k] for k, axis in enumerate(axes)}
        if len(shape) > len(self.over) + 1:
            columns["run"] = place[-1]
        final = self.final.reshape(-1, n)
        columns |= {axis: final[:, k] for k, axis in enumerate(axes)}
        columns |= {"value": self.values.ravel(), "steps": self.steps_taken.ravel()}
        columns["outcome"] = words(self.outcome.ravel(), OUTCOMES)
        columns["basin"] = self.basin.ravel()
        if self.left is not None:
            columns["left_at"] = self.left.ravel()
        return columns

    def table(self) -> Table:
        """`columns`, told apart by hyperparameters, start and repetition."""
        columns = self.columns()
        index = (*self.over, "start", *(["run"] if "run" in columns else []))
        about = {
            "function": self.function.formula, "bounds": self.function.bounds,
            "optimizer": self.optimizer.spec(), "over": list(self.over),
            **{name: getattr(self, name) for name in _NUMBERS},
        }  # fmt: skip
        return Table(columns, index, self._title, about)

    def summary(self) -> Table:
        """How many runs there were, and how they ended."""
        counts = {name: int((self.outcome == code).sum()) for code, name in OUTCOMES.items()}
        return Table(row(runs=self.outcome.size, **counts), title=self._title)

    @property
    def _title(self) -> str:
        over = f" over {' and '.join(self.over)}" if self.over else ""
        return f"{self.optimizer!r} on {self.function.name}{over}"


#: The arrays of a sweep, and the types that each may have.
_TYPES = {
    "final": ("float64", "float32"), "values": ("float64",), "steps_taken": ("int32",),
    "outcome": ("int8",), "basin": ("int16",), "starts": ("float64", "float32"),
}  # fmt: skip
_NUMBERS = ("steps", "tol", "noise", "seed")


def _check_loaded(s: Sweep) -> None:
    """Refuse arrays that do not fit each other, and numbers that are none."""
    check_steps(s.steps)
    check_amounts(noise=s.noise, tol=s.tol)
    if not (s.seed is None or isinstance(s.seed, int)):
        raise ValueError(f"seed must be a whole number, not {s.seed!r}")
    for name, types in _TYPES.items():
        if (found := getattr(s, name).dtype.name) not in types:
            raise ValueError(f"{name} must have the type {types[0]}, not {found}")
    lengths = [len(v) for v in s.over.values() if v.ndim == 1 and v.dtype == np.float64]
    grid = (*lengths, len(s.starts)) if s.starts.ndim == 2 else ()
    shape = s.values.shape
    fits = (
        len(lengths) == len(s.over) and s.starts.shape[1:] == (s.function.n,)
        and s.final.shape == (*shape, s.function.n)
        and shape[: len(grid)] == grid and len(grid) <= len(shape) <= len(grid) + 1
        and all(getattr(s, name).shape == shape for name in ("steps_taken", "outcome", "basin"))
    )  # fmt: skip
    if not fits:
        raise ValueError("its arrays do not fit each other")


def sweep(
    f: str | Function,
    optimizer: str | Optimizer,
    starts: ArrayLike | None = None,
    *,
    over: Mapping[str, ArrayLike | Axis] | None = None,
    steps: int = 500,
    tol: float = 1e-6,
    noise: float = 0.0,
    runs: int = 1,
    rng: int = 0,
    dtype: Any = np.float64,
    early_leaving: bool = True,
    windows: Sequence[int] = (),
    bounded: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Run an optimizer from many starts, or with many hyperparameters, and keep the ends.

    Parameters
    ----------
    f
        A Function, a name or a formula (see `optviz.function`).
    optimizer
        Or text such as "adam:lr=0.3" (without a rate, the default one). Its settings are used;
        its own state is neither read nor changed.
    starts : array (n, 2), optional
        Anywhere in the plane; the function's own start unless given. In k dimensions (n, k).
    over : mapping, optional
        Values of one or two hyperparameters: `{"lr": np.geomspace(1e-3, 1, 61)}`. With a schedule,
        `lr` is the rate of the first step (or where a warm-up ends) and scales all others with
        it, the final rate of a cosine too.
    steps : int
        From 1 to 10,000,000.
    tol : float ≥ 0
        A run has converged when the norm of its (noiseless) gradient is at most this; with 0
        none has, as in `minimize`.
    noise : float ≥ 0
        The standard deviation of Gaussian noise on each component of each gradient.
    runs : int
        Repetitions of each start, which differ by their noise.
    rng : int
        The seed of the noise, below 2⁶³. A run's noise depends on it, on the number of its start
        and on its repetition, and on nothing else.
    dtype
        float64, or float32 for parameters and state (gradients are computed in float64).
    early_leaving : bool
        Whether runs that converged or diverged are done with. If not, all make all steps, and
        none counts as converged.
    windows : sequence of int
        The steps with which windows begin, rising from 1: `Sweep.peaks` keeps the greatest slope
        of each run in each of them.
    bounded : bool
        Whether to keep in `Sweep.left` when runs leave the bounds. (`save` keeps neither.)
    progress
        Called with the number of runs done and in all.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        For arguments out of range, starts that are not (n, 2) finite numbers, unknown
        hyperparameters or values that the optimizer does not take, and for more runs than fit
        into memory; always before any run.

    Examples
    --------
    >>> import numpy as np, optviz as ov
    >>> x, y = np.meshgrid(np.linspace(-4, 4, 50), np.linspace(-4, 4, 50))
    >>> s = ov.sweep("himmelblau", ov.Adam(lr=0.1), np.stack([x.ravel(), y.ravel()], axis=1))
    >>> s.final.shape, np.unique(s.basin).tolist()
    ((2500, 2), [0, 1, 2, 3])
    >>> s = ov.sweep("bowl", ov.SGD(), over={"lr": [0.5, 0.9, 1.1]}, steps=2000)
    >>> s.outcome[:, 0].tolist()
    [1, 1, -1]
    """
    f = function(f)
    optimizer = as_optimizer(optimizer)
    steps = check_steps(steps)
    check_amounts(noise=noise, tol=tol)
    real = _check_dtype(dtype)
    optimizer = _with_wrappers(optimizer, over or {})
    grid = _check_over(optimizer, over or {})
    check_whole("runs", runs, 1, 10**15)
    check_seed(rng)
    combinations = math.prod(len(values) for values in grid.values())
    if optimizer.schedule is not None:
        check_memory(combinations, steps * 8)
    each = combinations * int(runs)
    places = _check_starts(f, f.start if starts is None else starts, real, each)
    if not f.is_plane and (len(windows) or bounded):
        raise ValueError(f"windows and bounded are for functions of the plane, not for {f.name}")
    window = _window_of(windows, steps)
    if len(window):
        check_memory(len(places) * each, 8 * len(windows))
    job = Job(
        f, optimizer, places, *_settings(optimizer, grid, steps), steps, float(tol), float(noise),
        int(runs), int(rng), early_leaving, window,
        np.array(f.bounds if bounded else np.zeros((0, 2)), dtype=float),
    )  # fmt: skip
    ends = job.run(progress)
    shape = [*(len(v) for v in grid.values()), len(places), *([runs] if runs > 1 else [])]
    return Sweep(
        ends.final.reshape(*shape, f.n), ends.values.reshape(shape), ends.steps.reshape(shape),
        ends.outcomes.reshape(shape), ends.basin.reshape(shape), places, grid, f,
        optimizer.fresh(), steps, float(tol), float(noise), int(rng) if noise else None,
        ends.peaks.reshape(*shape, -1) if len(window) else None,
        ends.left.reshape(shape) if bounded else None,
    )  # fmt: skip


def part_of(
    progress: Callable[[int, int], None] | None, k: int, count: int
) -> Callable[[int, int], None] | None:
    """What the k-th of `count` equal sweeps is to report to, so that `progress` hears of all."""
    if progress is None:
        return None
    return lambda done, total: progress(k * total + done, count * total)


# -- checks -----------------------------------------------------------------------------------


def _check_dtype(dtype: Any) -> np.dtype[Any]:
    try:
        real: np.dtype[Any] | None = np.dtype(dtype)
    except TypeError:
        real = None
    if dtype is None or real is None or real.name not in ("float64", "float32"):
        raise ValueError(f"dtype must be float64 or float32, not {dtype!r}")
    return real


def _window_of(windows: Sequence[int], steps: int) -> NDArray[np.int32]:
    """The number of the window of each step (steps,)."""
    begins = np.asarray(windows, dtype=int)
    if not begins.size:
        return np.zeros(0, np.int32)
    if begins.ndim != 1 or begins[0] != 1 or np.any(np.diff(begins) <= 0):
        raise ValueError(f"windows must be steps that rise from 1, not {list(windows)!r:.60}")
    numbers = np.searchsorted(begins, np.arange(1, steps + 1), side="right") - 1
    return np.asarray(numbers, np.int32)


def _check_starts(f: Function, starts: ArrayLike, real: np.dtype[Any], each: int) -> NDArray[Any]:
    """The starts as an array of their own; `each` has so many runs."""
    try:
        given = np.asarray(starts)
        if given.dtype.kind not in "iufO":
            raise TypeError
        given = np.asarray(starts, dtype=float) if given.dtype.kind == "O" else given
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"starts must be numbers in an array of shape (n, {f.n})") from None
    if given.shape == (f.n,):
        given = given[None]
    if not given.size:
        raise ValueError("starts is empty: give at least one point")
    if given.ndim != 2 or given.shape[1] != f.n:
        other = "" if given.ndim != 2 else (
            f": {f.name} is a function of the plane; in n dimensions there are rosenbrock:n=10 and "
            "ov.function(f, n=10)" if f.is_plane else
            f": {f.name} has {f.n} coordinates; a plane through it is ov.slice(f, origin, u, v)"
        )  # fmt: skip
        raise ValueError(f"starts must have the shape (n, {f.n}), not {given.shape}{other}")
    check_memory(len(given) * each, 64 if f.is_plane else 32 + 16 * f.n)
    with np.errstate(over="ignore"):
        places = np.ascontiguousarray(given, dtype=real)
    places = places.copy() if places is starts else places
    bad = np.flatnonzero(~np.isfinite(places).all(axis=1))
    if bad.size:
        row = given[bad[0]].tolist()
        raise ValueError(f"starts must be finite ({real.name}), but row {bad[0]} is {row}")
    return places


def _check_over(optimizer: Optimizer, over: Mapping[str, ArrayLike | Axis]) -> dict[str, Real]:
    """The swept hyperparameters as arrays, each value checked by the optimizer itself."""
    if not isinstance(over, Mapping):
        raise ValueError(f'over must be a mapping such as {{"lr": [0.1, 1]}}, not {over!r}')
    if len(over) > 2:
        raise ValueError(f"over takes one or two hyperparameters, not {len(over)}: {listed(over)}")
    grid = {}
    for name, values in over.items():
        if name not in optimizer.hyper:
            hint = did_you_mean(str(name), optimizer.hyper)
            kind, known = type(optimizer).__name__, listed(optimizer.hyper)
            raise ValueError(f"{kind} has no {name!r}{hint}; it has {known}")
        given = values.values if isinstance(values, Axis) else values
        numbers = _numbers(given, flags=optimizer.declared[name].is_flag)
        if numbers.ndim != 1 or not numbers.size:
            raise ValueError(f"over: {name} must be a list of numbers, not {values!r}")
        for value in numbers:
            # Refuses what is out of range (a scaled schedule has the range of a rate).
            optimizer.fresh(**{name: float(value)})
        grid[name] = numbers
    return grid


def _with_wrappers(optimizer: Optimizer, over: Any) -> Optimizer:
    """The optimizer with those of the settings of all that are swept and that it does not have."""
    names = [name for name in over if name in OWNERS and name not in optimizer.hyper]
    defaults = {name: wrapper.settings[name] for wrapper in WRAPPERS.values()
                for name in wrapper.settings}  # fmt: skip
    return optimizer.fresh(**{name: float(defaults[name]) for name in names})


def _numbers(values: ArrayLike, flags: bool) -> Real:
    """The values in an array of their own, which is empty if they are no numbers (or flags)."""
    try:
        are_numbers = np.asarray(values).dtype.kind in ("biufO" if flags else "iufO")
        return np.array(values if are_numbers else (), dtype=float)
    except (TypeError, ValueError, OverflowError):
        return np.zeros(0)


def _settings(
    optimizer: Optimizer, grid: Mapping[str, Real], steps: int
) -> tuple[Real, Real, Real]:
    """Hyper vector, initial state and rates of each combination of `grid` (last varies fastest)."""
    axes = np.meshgrid(*grid.values(), indexing="ij")
    count = math.prod(len(values) for values in grid.values())
    hypers = np.tile(optimizer.hyper_vector(), (count, 1))
    initial = np.tile(np.asarray(optimizer.initial_state(1)[:, 0], float), (count, 1))
    schedule = optimizer.schedule
    scheduled = np.tile(scheduled_rates(optimizer, steps), (0 if schedule is None else count, 1))
    for name, axis in zip(grid, axes, strict=True):
        column = axis.ravel()
        hypers[:, list(optimizer.hyper).index(name)] = column
        for slot, source in optimizer.initial.items():
            if source == name and slot in optimizer.slots:
                initial[:, optimizer.slots.index(slot)] = column
        if name == optimizer.rate_name and schedule is not None:
            if schedule.first() == 0:
                raise ValueError(
                    f"{optimizer!r}: a schedule that begins with 0 cannot be scaled to a rate"
                )
            scheduled *= column[:, None] / schedule.first()
    return hypers, initial, scheduled
