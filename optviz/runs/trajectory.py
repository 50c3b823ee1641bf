"""The loop: an optimizer walks on a function, and every point is kept."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function, function
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import as_optimizer
from optviz.runs.descend import NO_NOISE, record, scheduled_rates
from optviz.shared.checks import (
    MAX_STEPS,
    as_point,
    as_points,
    as_values,
    check_amounts,
    check_flag,
    check_memory,
    check_steps,
    generator,
    parse_point,
)  # fmt: skip
from optviz.shared.table import Table, Tabular, row

__all__ = [
    "MAX_STEPS", "Band", "Trajectory", "check_amounts", "check_steps",
    "minimize", "parse_point", "same_function",
]  # fmt: skip

Real = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Band(Tabular):
    """Many noisy runs behind a median path.

    Attributes
    ----------
    paths : ndarray (runs, n, 2)
        All runs as far as the median path goes; nan after a run ended.
    values : ndarray (3, n)
        The 10 %, 50 % and 90 % quantiles of f over the runs; one that diverged counts as infinite.
    """

    paths: Real
    values: Real

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return len(self.paths)

    @property
    def diverged(self) -> int:
        """How many of them diverged, as far as the median path goes."""
        return int(np.isnan(self.paths[:, -1, 0]).sum())

    def table(self) -> Table:
        """A row for each point of each run, as long as it had not diverged."""
        run, step = np.nonzero(~np.isnan(self.paths[:, :, 0]))
        places = coordinates(self.paths[run, step])
        return Table({"run": run, "step": step, **places}, ("run", "step"), f"{self.runs} runs")

    def summary(self) -> Table:
        """The runs, their steps, and how many diverged."""
        told = row(runs=self.runs, steps=self.paths.shape[1] - 1, diverged=self.diverged)
        return Table(told, title="noisy runs")


@dataclass(frozen=True, repr=False, eq=False)
class Trajectory(Tabular):
    """A recorded path.

    Attributes
    ----------
    points : ndarray (recorded + 1, 2)
        The start and the point after each step; `recorded` is `steps` unless the run ended
        early. All of them are finite. In n dimensions (recorded + 1, n).
    diverged_at : int or None
        The first step whose point or value was not finite; recording ended before it.
    converged_at : int or None
        The step at which the gradient's norm fell to `tol`; recording ended with it.
    function, optimizer
        What ran on what (the optimizer without state; None if the path came from elsewhere).
    steps : int
        The steps asked for.
    band
        The noisy runs of which `points` are the median at each step, coordinate by coordinate.
    noise, seed, tol, box
        As given to `minimize` (a generator instead of a seed is not remembered).
    """

    points: Real
    function: Function
    optimizer: Optimizer | None
    steps: int
    diverged_at: int | None = None
    converged_at: int | None = None
    noise: float = 0.0
    seed: int | None = None
    tol: float = 0.0
    box: bool = False
    #: The runs behind it, if this is the median of several.
    band: Band | None = field(default=None, compare=False)
    #: A remark for legends, such as "best of 61".
    remark: str = field(default="", compare=False)
    #: Its name in pictures instead of the optimizer's, and its colour ("#0072B2", "teal").
    label: str = field(default="", compare=False)
    color: str = field(default="", compare=False)
    #: The path in n dimensions that this one, in a plane, is the view of.
    whole: Trajectory | None = field(default=None, compare=False)

    #: f along the path as somebody else recorded it.
    given: Real | None = field(default=None, repr=False, compare=False)
    #: Of f or its gradient, where a step is not made of one gradient; 0 where it is.
    evaluations: int = field(default=0, compare=False)

    @classmethod
    def from_points(
        cls, points: Any, *, on: Any, label: str = "path", values: Any = None
    ) -> Trajectory:
        """A path from elsewhere, such as a loop in PyTorch, for every picture.

        Parameters
        ----------
        points : (steps + 1, 2), or (steps + 1, n)
            The start and the point after each step: an array, lists or tensors. The path ends, as
            diverged, before the first that is not finite.
        on : str, callable or Function
            What it walked on (see `optviz.function`).
        label : str
            Its name in pictures.
        values : (steps + 1,), optional
            f at each point as it was recorded; computed unless given.

        Returns
        -------
        Trajectory
            Its `optimizer` is None. A picture of it cannot be made again from its file, which
            does not hold the points.

        Raises
        ------
        ValueError
            If the points are no such table, the start is no point of the function's domain, the
            values are not as many, or the label is no text.

        Examples
        --------
        >>> import optviz as ov
        >>> t = ov.Trajectory.from_points([(-7, 2), (-5, 1), (-4, 0)], on="bowl", label="mine")
        >>> t.steps, t.values.tolist()
        (2, [6.45, 2.25, 0.8])
        """
        f = function(on)
        path = as_points(points, f.n)
        if not (isinstance(label, str) and label.strip() and label.isprintable()):
            raise ValueError(f"label must be a text that names the path, not {label!r:.60}")
        f.check_start(path[0])
        given = None if values is None else as_values(values, len(path))
        along = f.values_along(path) if given is None else given
        lost = np.flatnonzero(~(np.isfinite(path).all(axis=1) & np.isfinite(along)))
        end = int(lost[0]) if lost.size else None
        if end == 0:
            raise ValueError(f"values must begin with a finite number, not {along[0]}")
        return cls(path[:end], f, None, len(path) - 1, end, label=label.strip(),
                   given=None if given is None else given[:end])  # fmt: skip

    @functools.cached_property
    def values(self) -> Real:
        """f along the path, shape (recorded + 1,); of a view, along the whole path."""
        if self.whole is not None:
            return self.whole.values
        return self.function.values_along(self.points) if self.given is None else self.given

    @property
    def start(self) -> Any:
        """Where it began, as many numbers as f has coordinates."""
        return tuple(float(v) for v in self.points[0])

    @property
    def made_by(self) -> str:
        """The optimizer's text; of a path of points, its label."""
        return self.label if self.optimizer is None else self.optimizer.spec()

    def left_at(self) -> int | None:
        """The first step outside the function's bounds, or that diverged; None if it stayed."""
        if self.whole is not None:
            return self.whole.left_at()
        outside = np.flatnonzero(~self.function.contains(self.points))
        return int(outside[0]) if outside.size else self.diverged_at

    @property
    def is_lost_inside(self) -> bool:
        """Whether it ended within the bounds, where f has no value: it has not left them."""
        if self.whole is not None:
            return self.whole.is_lost_inside
        inside = bool(self.function.contains(self.points).all())
        return self.diverged_at is not None and inside

    def exit_words(self) -> str:
        """ "left at step 41", or "no value at step 41"; nothing if it stayed."""
        step = self.left_at()
        if step is None:
            return ""
        return f"{'no value' if self.is_lost_inside else 'left'} at step {step}"

    def end_words(self) -> str:
        """ "ended at step 7", if it was done before its last step; nothing else."""
        return "" if self.converged_at is None else f"ended at step {self.converged_at:,}"

    @property
    def outcome(self) -> str:
        """What became of it: "diverged", "left" the function's bounds, "converged" (see `tol`), or
        "unfinished": it made all its steps."""
        if self.diverged_at is not None:
            return "diverged"
        if self.left_at() is not None:
            return "left"
        return "unfinished" if self.converged_at is None else "converged"

    def table(self) -> Table:
        """A row for each point: its step, place, f there, and f − f* (nan without an f*).

        Of several runs these are the medians, and three more columns have the quantiles of f over
        the runs; `band.table()` has the runs themselves.
        """
        if self.whole is not None:
            return self.whole.table()
        lowest = np.nan if self.function.minimum is None else self.function.minimum
        columns = {"step": np.arange(len(self.points)), **coordinates(self.points)}
        columns |= {"value": self.values, "gap": self.values - lowest}
        if self.band is not None:
            names = ("value_10", "value_50", "value_90")
            columns |= dict(zip(names, self.band.values, strict=True))
        about = {
            "function": self.function.formula, "bounds": self.function.bounds,
            "optimizer": self.made_by, "steps": self.steps, "outcome": self.outcome,
            "noise": self.noise, "seed": self.seed, "tol": self.tol, "box": self.box,
        }  # fmt: skip
        return Table(columns, ("step",), self._title, about)

    def summary(self) -> Table:
        """Where it ended, and how."""
        if self.whole is not None:
            return self.whole.summary()
        last = {name: values[-1:] for name, values in coordinates(self.points).items()}
        ends = {"steps": np.array([len(self.points) - 1]), **last, "f": self.values[-1:]}
        return Table({**ends, "outcome": np.array([self.outcome])}, title=self._title)

    @property
    def _title(self) -> str:
        return f"{self.optimizer or self.label!r} on {self.function.name}"


def coordinates(points: Real) -> dict[str, Real]:
    """The columns of points (n, d): x and y, or x1, x2, … where there are more than two."""
    d = points.shape[1]
    names = ("x", "y") if d == 2 else [f"x{k + 1}" for k in range(d)]
    return dict(zip(names, points.T, strict=True))


def minimize(
    f: str | Function,
    optimizer: str | Optimizer,
    *,
    start: Sequence[float] | None = None,
    steps: int = 100,
    noise: float = 0.0,
    rng: Any = None,
    tol: float = 0.0,
    box: bool = False,
    label: str = "",
) -> Trajectory:
    """Run an optimizer on a function and record every point.

    Parameters
    ----------
    f
        A Function, a name or a formula (see `optviz.function`), of the plane or in n dimensions.
    optimizer
        Or text such as "adam:lr=0.3" (without a rate, the default one). Its settings are used;
        its own state is neither read nor changed.
    start : (x, y), optional
        Inside the function's bounds, n numbers in n dimensions; the function's own unless given.
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
    label : str
        The path's name in pictures; the optimizer's unless given.

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
    511
    """
    f = function(f)
    optimizer = as_optimizer(optimizer)
    steps = check_steps(steps)
    check_amounts(noise=noise, tol=tol)
    check_flag("box", box)
    if not isinstance(label, str):
        raise ValueError(f"label must be a text that names the path, not {label!r:.60}")
    origin = start_on(f, start)
    if not f.is_plane:
        check_memory(steps + 1, 8 * f.n)
    noises = NO_NOISE
    if noise or rng is not None:
        noises = generator(rng, "rng").normal(0.0, noise, (steps if noise else 0, f.n))
    evaluations = np.zeros(1, np.int64)
    block, ends = record(
        f, optimizer, np.array([origin]), optimizer.hyper_vector()[None], steps,
        scheduled=scheduled_rates(optimizer, steps), noises=noises, tol=float(tol), box=box,
        evaluations=evaluations,
    )  # fmt: skip
    end, points = int(ends[0]), block[0]
    diverged_at = -end if end < 0 else None
    converged_at = end if 0 <= end < steps else None
    if diverged_at is not None:
        points = points[:diverged_at].copy()
    elif converged_at is not None:
        points = points[: end + 1].copy()
    t = Trajectory(
        points, f, optimizer.fresh(), steps, diverged_at, converged_at, float(noise),
        int(rng) if isinstance(rng, int | np.integer) else None, float(tol), bool(box),
        label=label, evaluations=int(evaluations[0]),
    )  # fmt: skip
    return _before_infinite_values(t)


def start_on(f: Function, start: Sequence[float] | None) -> tuple[float, ...]:
    """The function's own start, or the given one if it is one of its points.

    Raises
    ------
    ValueError
        If it is not.
    """
    if start is None:
        return f.check_start(f.start)
    if f.is_plane and np.ndim(start) == 1 and len(start) > 2:
        n = len(start)
        raise ValueError(
            f"start must be two numbers on {f.name}, a function of the plane, not {start!r:.60}: "
            f"one of {n} coordinates is rosenbrock:n={n}, or ov.function(f, n={n})"
        )
    return f.check_start(as_point("start", start) if f.is_plane else start)


def _before_infinite_values(t: Trajectory) -> Trajectory:
    """End the path before the first point at which f has no finite value."""
    infinite = np.flatnonzero(~np.isfinite(t.values))
    if not infinite.size:
        return t
    first = int(infinite[0])
    return dataclasses.replace(
        t, points=t.points[:first].copy(), diverged_at=first, converged_at=None
    )


def same_function(trajectories: Sequence[Trajectory]) -> Function:
    """The function that all paths ran on.

    Raises
    ------
    ValueError
        If there is no path, or they ran on different ones.
    """
    if not trajectories:
        raise ValueError("there is no trajectory to show: give at least one")
    first = trajectories[0].function
    for f in (t.function for t in trajectories[1:]):
        if _known_by(f) != _known_by(first):
            raise ValueError(
                f"one picture shows one function in one domain, not {first.name} and {f.name}"
            )
    return trajectories[0].function


def _known_by(f: Function) -> tuple[Any, ...]:
    return f.formula, f.bounds, f._python, getattr(f, "_value", None)
