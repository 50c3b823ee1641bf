"""Arguments seen once at the door, with errors that name them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = NDArray[np.int64]


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number (True is none)."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def as_real(value: Any) -> float:
    """`value` as a float; nan, which every check of a range refuses, if it is no number."""
    is_number = isinstance(value, float | int | np.number) and not isinstance(value, bool)
    try:
        return float(value) if is_number else float("nan")
    except (TypeError, OverflowError):  # a complex number, or a whole one with 400 digits
        return float("nan")


def one_number(what: str, value: Any) -> float:
    """A number, of an array or tensor that holds one too.

    Raises
    ------
    ValueError
        If it is none.

    >>> one_number("loss", [1, 2])
    Traceback (most recent call last):
        ...
    ValueError: loss must be one number, not [1, 2]
    """
    plain = value.detach() if hasattr(value, "detach") else value
    try:
        if isinstance(plain, str | bytes) or plain is None:
            raise TypeError
        return float(plain)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        told = " ".join(repr(value).split())[:60]
        raise ValueError(f"{what} must be one number, not {told}") from None


def as_array(what: str, values: Any) -> NDArray[Any]:
    """`values` as an array.

    Raises
    ------
    ValueError
        If rows differ in length.
    """
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{what} must be a table of numbers: its rows differ in length") from None


def check_whole(what: str, value: Any, low: int, high: int = 2**31 - 1) -> None:
    """See that `value` is a whole number from `low` to `high`."""
    if not (is_whole(value) and low <= value <= high):
        raise ValueError(f"{what} must be a whole number from {low} to {high:,}, not {value!r}")


def as_path(what: str, value: Any) -> Path:
    """`value` as a path."""
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"{what} must be the name of a file, not {value!r:.60}")
    return Path(value)


def check_flag(what: str, value: Any) -> None:
    """See that `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{what} must be True or False, not {value!r}")


def check_count(what: str, value: Any) -> None:
    """See that `value` is a whole number from 1."""
    if not (is_whole(value) and value >= 1):
        raise ValueError(f"{what} must be a whole number ≥ 1, not {value!r}")


def check_number(what: str, value: Any, low: float, high: float) -> None:
    """See that `value` is a number in [low, high]."""
    if not low <= as_real(value) <= high:
        raise ValueError(f"{what} must be a number from {low:g} to {high:g}, not {value!r}")


def generator(rng: Any, what: str = "the seed") -> np.random.Generator:
    """`np.random.default_rng(rng)`, with an error that names the argument."""
    try:
        if isinstance(rng, bool):
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(f"{what} must be a whole number ≥ 0, not {rng!r}") from None


def whole_numbers(values: ArrayLike, what: str) -> Labels:
    """`values` as a row of int64.

    Raises
    ------
    ValueError
        If they are no whole numbers, or not in one row.
    """
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):
        raise ValueError(f"{what} must be one row of whole numbers") from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} must be one row of whole numbers, not of shape {array.shape}")
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind == "f":
        wrong = array[~((np.abs(array) < 2.0**53) & (array == np.floor(array)))]
    elif array.dtype.kind == "u":
        wrong = array[array >= 2**63]
    else:
        wrong = array[: 0 if array.dtype.kind in "ib" else 1]
    if wrong.size:
        raise ValueError(f"{what} must be whole numbers, not {str(wrong[0])[:40]!r}")
    return array.astype(np.int64, copy=False)


def check_range(labels: Labels, classes: int, what: str) -> None:
    """See that all labels lie in [0, classes), or name the first that does not."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        raise ValueError(
            f"{what} {labels[first]} (sample {first}) is out of range: "
            f"with {classes:,} classes they go from 0 to {classes - 1:,}"
        )


#: All points of a path are kept: this many take 160 MB.
MAX_STEPS = 10_000_000


def check_steps(steps: Any) -> int:
    """`steps` if it is a whole number that can be recorded."""
    check_whole("steps", steps, 1, MAX_STEPS)
    return int(steps)


def check_amounts(**amounts: Any) -> None:
    """Refuse what is no finite number ≥ 0, by name."""
    for name, value in amounts.items():
        if not 0 <= as_real(value) < math.inf:
            raise ValueError(f"{name} must be a number ≥ 0, not {value!r}")


def check_seed(rng: Any) -> None:
    """Refuse what is no seed (a generator could not be used again)."""
    if not (is_whole(rng) and 0 <= rng < 2**63):
        raise ValueError(f"rng must be a whole number from 0 to 2**63 − 1, not {rng!r}")


def check_memory(runs: int, bytes_per_run: int = 64) -> None:
    """Refuse more runs than fit into the memory that is free now.

    While a sweep is made, a run takes 64 bytes: its start and everything that is kept of it.
    """
    import psutil

    free = int(0.8 * psutil.virtual_memory().available)
    if runs * bytes_per_run > free:
        raise ValueError(
            f"{runs:,} runs take {runs * bytes_per_run / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            f"free: at most {free // bytes_per_run:,} fit"
        )


def as_point(what: str, value: Any) -> tuple[float, float]:
    """`value` as two finite numbers."""
    try:
        x, y = (as_real(v) for v in value)
    except (TypeError, ValueError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"{what} must be two numbers, not {value!r}")
    return x, y


def as_points(points: Any, n: int = 2) -> NDArray[np.float64]:
    """A copy of `points` as a table of at least two rows of n coordinates.

    >>> as_points([(1, 2), (3, 4)]).shape
    (2, 2)
    """
    path = _floats("points", points)
    if path.ndim != 2 or path.shape[1] != n or not 2 <= len(path) <= MAX_STEPS + 1:
        what = "x, y" if n == 2 else f"of {n} coordinates"
        raise ValueError(
            f"points must be a table with a row {what} for the start and after each step, not of "
            f"shape {path.shape}"
        )
    return path


def as_values(values: Any, count: int) -> NDArray[np.float64]:
    """A copy of `values` as one row of `count` numbers."""
    row = _floats("values", values)
    if row.shape != (count,):
        raise ValueError(
            f"values must be one number for each of the {count:,} points, not of shape {row.shape}"
        )
    return row


def _floats(what: str, values: Any) -> NDArray[np.float64]:
    try:
        return np.array(_detached(values), dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{what} must be a table of numbers, not {values!r:.60}") from None


def _detached(values: Any) -> Any:
    """Tensors of PyTorch, alone or in lists, as arrays: those with a gradient refuse to be."""
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    return [_detached(v) for v in values] if isinstance(values, list | tuple) else values


def parse_point(text: str, what: str = "start") -> Any:
    """Two numbers from `x,y`, or more of them in n dimensions.

    >>> parse_point("-7, 2"), parse_point("(1,2,3)")
    ((-7.0, 2.0), (1.0, 2.0, 3.0))
    """
    parts = text.replace("−", "-").strip("() ").split(",")
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        numbers = ()
    if len(numbers) < 2 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{what} must be two numbers x,y, not {text!r}")
    return numbers
