"""What is done to data before training: scaling, one-hot labels, words as ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optviz.data.dataset import CHUNK, Dataset, is_sparse
from optviz.shared.checks import check_number, check_range, check_whole, whole_numbers

Real = NDArray[np.float64]
Samples = TypeVar("Samples", Dataset, NDArray[Any])


@dataclass(frozen=True, eq=False)
class Scaling:
    """x ↦ low + (x − shift)/scale, column by column: found on one array, applied to any.

    Attributes
    ----------
    shift, scale : ndarray (inputs,) of float64
        What is taken off each column, and by what the rest is divided (never 0).
    low : float
        What is added.
    """

    shift: Real
    scale: Real
    low: float = 0.0

    def __repr__(self) -> str:
        return f"<Scaling of {len(self.shift)} columns>"

    def __call__(self, data: Samples, dtype: DTypeLike = np.float32) -> Samples:
        """Scale a data set or an array.

        Parameters
        ----------
        data : Dataset or ndarray (n, inputs)
            What to scale. It is left as it is.
        dtype
            float32 or float64, the type of the result. All is computed in float64.

        Raises
        ------
        ValueError
            If the number of columns is another, `data` is sparse, or the result overflows.

        Examples
        --------
        >>> scale = standardize(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> scale(np.array([[2.0, 5.0], [4.0, 6.0]]))
        array([[0., 0.],
               [2., 1.]], dtype=float32)
        """
        if isinstance(data, Dataset):
            return dataclasses.replace(data, x=self._scaled(data.x, dtype))
        return self._scaled(data, dtype)

    def _scaled(self, data: Any, dtype: DTypeLike) -> NDArray[Any]:
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {np.dtype(dtype)}")
        x = _matrix(data)
        if x.shape[1] != self.shift.size:
            raise ValueError(f"fitted to {self.shift.size} columns, and the data have {x.shape[1]}")
        result = np.empty(x.shape, dtype=dtype)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # refused below
            for rows in _chunks(x):
                result[rows] = self.low + (x[rows] - self.shift) / self.scale
                if not np.isfinite(result[rows]).all():
                    raise ValueError(f"a scaled number is not finite in {result.dtype}")
        return result


def count_for_training(data: Dataset, samples: int | None, usual: int) -> int:
    """How many samples train, and the rest tests: so many; else the usual number, or half of the
    data where that is more than six tenths of them.

    Raises
    ------
    ValueError
        If none would be left for the test.

    Examples
    --------
    >>> count_for_training(Dataset("mine", np.ones((90, 2)), [0, 1] * 45), None, 1000)
    45
    """
    if samples is None:
        return usual if usual <= 0.6 * len(data) else len(data) // 2
    if not samples < len(data):
        raise ValueError(
            f"samples must be fewer than {data.name}'s {len(data):,}: some are for the test"
        )
    return samples


def standardize(data: Dataset | ArrayLike) -> Scaling:
    """The scaling that gives each column of `data` mean 0 and deviation 1.

    (x − μ)/σ with σ² the mean of (x − μ)². Find it on the training data and apply it to the test
    data too. A constant column becomes 0.

    Parameters
    ----------
    data : Dataset or array_like (n, inputs)
        What to measure.

    Returns
    -------
    Scaling
        To be called with a data set or an array.

    Raises
    ------
    ValueError
        If `data` is sparse (zeros would not stay zeros), empty, or not finite.

    Examples
    --------
    >>> x = np.array([[1.0, 7.0], [3.0, 7.0], [5.0, 7.0]])
    >>> standardize(x)(x).T.round(3)
    array([[-1.225,  0.   ,  1.225],
           [ 0.   ,  0.   ,  0.   ]], dtype=float32)
    """
    x = _matrix(data)
    low, high = _extremes(x)
    spread = np.where(high > low, high - low, 1.0)
    # In units of the spread, so that no square over- or underflows; a constant column is exactly 0.
    mean = sum(((x[rows] - low) / spread).sum(axis=0) for rows in _chunks(x)) / len(x)
    squares = sum((((x[rows] - low) / spread - mean) ** 2).sum(axis=0) for rows in _chunks(x))
    deviation = np.sqrt(squares / len(x)) * spread
    return Scaling(low + mean * spread, np.where(deviation > 0, deviation, 1.0))


def min_max(
    data: Dataset | ArrayLike, low: float = 0.0, high: float = 1.0, *, together: bool = False
) -> Scaling:
    """The scaling that takes the smallest number of each column to `low`, the largest to `high`.

    Parameters
    ----------
    data : Dataset or array_like (n, inputs)
        What to measure. A constant column goes to `low`. Other data may come out beyond the ends.
    low, high : float
        The ends, low < high.
    together : bool
        Whether one scale serves all columns, as the grey of an image asks for.

    Returns
    -------
    Scaling
        To be called with a data set or an array.

    Raises
    ------
    ValueError
        If `data` is sparse, empty or not finite, or the ends are in the wrong order.

    Examples
    --------
    >>> from optviz.nn import data
    >>> digits = data.load("digits")
    >>> x = min_max(digits, together=True)(digits).x
    >>> x.min(), x.max(), x.dtype
    (np.float32(0.0), np.float32(1.0), dtype('float32'))
    """
    check_number("low", low, -1e30, 1e30)
    check_number("high", high, -1e30, 1e30)
    if not low < high:
        raise ValueError(f"low must lie below high, not at {low!r} and {high!r}")
    smallest, largest = _extremes(_matrix(data))
    if together:
        smallest, largest = (
            np.full_like(smallest, smallest.min()),
            np.full_like(largest, largest.max()),
        )
    spread = np.where(largest > smallest, largest - smallest, 1.0)
    return Scaling(smallest, spread / (high - low), float(low))


def one_hot(labels: ArrayLike, classes: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """A row for each label with a 1 in its column and 0 elsewhere.

    Parameters
    ----------
    labels : array_like (n,) of int
        From 0 to classes − 1.
    classes : int
        How many there are, ≥ 1.
    dtype
        The type of the result.

    Returns
    -------
    ndarray (n, classes)

    Raises
    ------
    ValueError
        If a label is out of range.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    check_whole("classes", classes, 1)
    y = whole_numbers(labels, "labels")
    check_range(y, classes, "label")
    rows = np.zeros((len(y), classes), dtype=dtype)
    rows[np.arange(len(y)), y] = 1
    return rows


def vectorize_sequences(sequences: Iterable[Sequence[int]], dimension: int = 10_000) -> Any:
    """Which words each text has: a 1 in the columns of its numbers, 0 elsewhere.

    Parameters
    ----------
    sequences : iterable of sequences of int
        The numbers of the words of each text, from 0 to dimension − 1; repeats count once.
    dimension : int
        How many columns there are.

    Returns
    -------
    scipy.sparse.csr_matrix (n, dimension) of uint8
        A byte and an index for each 1: 15 MB for 25,000 reviews. `.toarray()` on a batch of
        rows gives what a network eats; all of them as float64 would take 2 GB.

    Raises
    ------
    ValueError
        If a number is out of range, or something is no whole number.

    Examples
    --------
    >>> vectorize_sequences([[3, 1, 3], [], [0]], 4).toarray()
    array([[0, 1, 0, 1],
           [0, 0, 0, 0],
           [1, 0, 0, 0]], dtype=uint8)
    """
    rows = [whole_numbers(row, f"sequence {k}") for k, row in enumerate(sequences)]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    return multi_hot(np.concatenate(rows) if rows else np.zeros(0, np.int64), lengths, dimension)


def multi_hot(words: NDArray[Any], lengths: NDArray[np.int64], dimension: int) -> Any:
    """`vectorize_sequences` of sequences that lie one after another in one array.

    Parameters
    ----------
    words : ndarray (sum of lengths,) of int
        All numbers in a row.
    lengths : ndarray (n,) of int64
        How many belong to each text.
    dimension : int
        How many columns there are.
    """
    from scipy import sparse

    check_whole("dimension", dimension, 1)
    if words.size and (words.min() < 0 or words.max() >= dimension):
        wrong = int(words.min()) if words.min() < 0 else int(words.max())
        raise ValueError(f"the number {wrong} of a word is out of range: dimension is {dimension}")
    ends = np.concatenate([[0], np.cumsum(lengths)])
    columns, counts = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    start = 0
    while start < len(lengths):
        # As many texts as fit in a chunk, at least one.
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] + CHUNK, side="right")) - 1)
        text = np.repeat(np.arange(stop - start), lengths[start:stop])
        # np.unique goes by hashing, which takes ten times as long here.
        seen = np.sort(text * dimension + words[ends[start] : ends[stop]])
        seen = seen[np.diff(seen, prepend=-1) > 0]
        columns.append((seen % dimension).astype(np.int32))
        counts.append(np.bincount(seen // dimension, minlength=stop - start))
        start = stop
    indices = np.concatenate(columns)
    pointers = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    ones = np.ones(indices.size, dtype=np.uint8)
    return sparse.csr_matrix((ones, indices, pointers), shape=(len(lengths), dimension))


def _matrix(data: Any) -> NDArray[Any]:
    """The array of features, or why there is none."""
    x = data.x if isinstance(data, Dataset) else data
    if is_sparse(x):
        raise ValueError(
            "scaling would fill a sparse matrix up: ones and zeros need none, or take .dense()"
        )
    try:
        x = np.asarray(x)
    except ValueError:
        raise ValueError(
            "data must be numbers (samples, features), in rows of one length"
        ) from None
    if x.ndim != 2 or 0 in x.shape or x.dtype.kind not in "fiub":
        raise ValueError(f"data must be numbers (samples, features), not {x.dtype} {x.shape}")
    return x


def _extremes(x: NDArray[Any]) -> tuple[Real, Real]:
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
        finite = np.isfinite(high - low)
    if not finite.all():
        column = int(np.flatnonzero(~finite)[0])
        raise ValueError(f"column {column} holds numbers that are not finite or too large")
    return low, high


def _chunks(x: NDArray[Any]) -> list[slice]:
    rows = max(1, CHUNK // x.shape[1])
    return [slice(start, start + rows) for start in range(0, len(x), rows)]
