"""Several runs beside each other: optimizers from one start, or one optimizer under noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.functions.catalogue import Function, function
from optviz.optimizers.base import Optimizer
from optviz.runs.entry import Entry
from optviz.runs.paths import Paths
from optviz.runs.sweep import sweep
from optviz.runs.trajectory import Band, Trajectory, minimize
from optviz.runs.tuning import tune
from optviz.shared.checks import (
    check_amounts,
    check_count,
    check_seed,
    check_steps,
    check_whole,
    generator,
)  # fmt: skip
from optviz.shared.quantiles import quantiles

Real = NDArray[np.float64]

#: The quantiles of a band.
SHARES = (0.1, 0.5, 0.9)
#: Runs of one ensemble.
MAX_RUNS = 1000


def ensemble(
    f: str | Function,
    optimizer: str | Optimizer,
    *,
    runs: int,
    noise: float,
    rng: int = 0,
    start: Sequence[float] | None = None,
    steps: int = 100,
) -> Trajectory:
    """The median of several noisy runs, with all of them in its `band`.

    Its `points` are the medians, coordinate by coordinate, over the runs that have not diverged;
    they end where half of the runs have. Its band's quantiles count those as infinite.

    Parameters
    ----------
    f, optimizer, start, steps, noise
        As for `minimize`.
    runs : int
        From 2 to 1000.
    rng : int
        The seed; run k draws from `np.random.default_rng([rng, k])`.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.ensemble("bowl", ov.SGD(lr=0.3), runs=20, noise=0.5, steps=30)
    >>> t.points.shape, t.band.paths.shape, t.band.values.shape
    ((31, 2), (20, 31, 2), (3, 31))
    """
    check_whole("runs", runs, 2, MAX_RUNS)
    check_amounts(noise=noise)
    check_seed(rng)
    if not noise > 0:
        raise ValueError(f"several runs differ by their noise: give noise > 0, not {noise!r}")
    steps = check_steps(steps)
    all_runs = [
        minimize(f, optimizer, start=start, steps=steps, noise=noise,
                 rng=np.random.default_rng([rng, k]))
        for k in range(runs)
    ]  # fmt: skip
    # A run that diverged is infinitely bad from there on; where most have, nothing is left to draw.
    paths = np.full((runs, steps + 1, all_runs[0].function.n), np.nan)
    values = np.full((runs, steps + 1), np.inf)
    for k, t in enumerate(all_runs):
        paths[k, : len(t.points)], values[k, : len(t.points)] = t.points, t.values
    going = 2 * np.isfinite(values).sum(axis=0) > runs
    n = int(np.argmin(going)) if not going.all() else steps + 1
    first, band = all_runs[0], Band(paths[:, :n], quantiles(values[:, :n], SHARES))
    return dataclasses.replace(
        first, points=np.nanmedian(band.paths, axis=0), band=band, seed=int(rng),
        diverged_at=n if n <= steps else None, converged_at=None,
    )  # fmt: skip


def race(
    f: str | Function,
    optimizers: str | Optimizer | Entry | Sequence[str | Optimizer | Entry],
    *,
    start: Sequence[float] | Sequence[Sequence[float]] | None = None,
    steps: int = 100,
    noise: float = 0.0,
    rng: Any = None,
    runs: int = 1,
    tuned: bool = False,
    tol: float = 0.0,
    box: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Paths:
    """Several optimizers from one start, each with the rate that it was given or the tuned one.

    Parameters
    ----------
    f, steps, noise, tol, box
        As for `minimize`.
    optimizers
        Optimizers, or text such as "adam", "adam:lr=0.3,start=(1,2)" or, for several rates,
        "adam:lr=0.1,0.3" (see `runs/entry.py`). Text without a rate gets the one that `tune`
        finds from the first start, and the trajectory's remark says so.
    start : (x, y), or several
        Everybody runs from each; the function's own unless given.
    rng
        Seed or generator; the noise is the same for all, drawn from one seed.
    runs : int
        More than 1 makes each trajectory the median of an `ensemble`.
    tuned : bool
        Tune every optimizer, those with a rate as well.
    progress
        Called with the optimizers done and in all.

    Returns
    -------
    Paths
        A list of trajectories that is a table too: `ov.race(...).to_pandas()`.

    Examples
    --------
    >>> import optviz as ov
    >>> [t.remark for t in ov.race("bowl", ["sgd", "adam:lr=0.3"], steps=30)]
    ['best of 61', '']
    >>> [t.start for t in ov.race("bowl", "adam:lr=0.3", start=[(-7, 2), (3, 4)])]
    [(-7.0, 2.0), (3.0, 4.0)]
    """
    f = function(f)
    entries = Entry.read_all(several(optimizers, "a race"))
    check_count("runs", runs)
    check_amounts(noise=noise, tol=tol)
    check_steps(steps)
    if runs > 1 and (tol or box or any({"tol", "box"} & e.own.keys() for e in entries)):
        raise ValueError("tol and box are for single runs: leave them out, or runs at 1")
    if noise or any(item.own.get("noise") for item in entries):
        rng = one_seed(rng)
    starts = several_starts(start)
    common = {"steps": steps, "noise": noise, "seed": rng, "tol": tol, "box": box}
    out = Paths()
    for k, entry in enumerate(entries):
        mine = {**common, **entry.own}
        looks = {key: mine.pop(key, "") for key in ("remark", "label", "color")}
        begins = [mine.pop("start")] if "start" in mine else starts
        optimizer = entry.optimizer
        if tuned or entry.is_tuned:
            found = tune(f, optimizer, start=begins[0], steps=mine["steps"],
                         noise=mine["noise"])  # fmt: skip
            optimizer, looks["remark"] = found.best, found.remark
        for begin in begins:
            t = _run(f, optimizer, begin, runs, mine)
            out.append(dataclasses.replace(t, **looks))
        if progress is not None:
            progress(k + 1, len(entries))
    return out


def _run(f: Function, optimizer: Optimizer, start: Any, runs: int, own: dict[str, Any]) -> Any:
    """One path, or the median of several."""
    settings = {key: value for key, value in own.items() if key != "seed"}
    if runs == 1:
        return minimize(f, optimizer, start=start, rng=own["seed"], **settings)
    # Several runs have neither tolerance nor box.
    steps, noise = own["steps"], own["noise"]
    return ensemble(f, optimizer, runs=runs, rng=own["seed"] or 0, start=start, steps=steps,
                    noise=noise)  # fmt: skip


def several_starts(start: Any) -> list[Any]:
    """One start, none, or several of them, as a list.

    >>> several_starts((1, 2)), several_starts([(1, 2), (3, 4)]), several_starts(None)
    ([(1, 2)], [(1, 2), (3, 4)], [None])
    """
    try:
        rows = list(start)
    except TypeError:
        return [start]
    is_several = bool(rows) and all(np.ndim(row) == 1 for row in rows)
    return rows if is_several else [start]


def one_seed(rng: Any) -> int:
    """A seed for all, from a seed, a generator, or nothing."""
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        generator(rng, "rng")
        return int(rng)
    return int(generator(rng, "rng").integers(2**63))


def several(optimizers: Any, what: str) -> list[Any]:
    """One optimizer, its text, or several of them, as a list.

    Raises
    ------
    ValueError
        If there is none.
    """
    is_one = isinstance(optimizers, str) or not isinstance(optimizers, Iterable)
    items = [optimizers] if is_one else list(optimizers)
    if not items:
        raise ValueError(f"{what} needs at least one optimizer")
    return items


def first_steps(f: Function, optimizer: Optimizer, count: int = 17) -> tuple[Real, Real]:
    """A grid of points in the bounds and the first step from each: two arrays (n, 2)."""
    (x0, x1), (y0, y1) = f.bounds
    spacing = max(x1 - x0, y1 - y0) / count
    x, y = (
        low + (np.arange(n) + 0.5) * (high - low) / n
        for (low, high), n in (
            (axis, max(3, round((axis[1] - axis[0]) / spacing))) for axis in f.bounds
        )
    )
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    taken = sweep(f, optimizer, places, steps=1, tol=0.0)
    seen = ~taken.diverged
    return places[seen], taken.final[seen] - places[seen]
