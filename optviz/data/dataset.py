"""A labelled data set: samples in rows, a class each."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.data.labels import is_words, numbered, places
from optviz.shared.checks import Labels, check_range, generator, whole_numbers

#: Types of features that are kept as they are; all other numbers become float32.
KEPT = (np.uint8, np.float32, np.float64)

#: Arrays are gone through in parts of about this many numbers, so that no second copy stands
#: beside a large one.
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with labels, checked once, so that what uses them need not.

    Attributes
    ----------
    name : str
        What it is called, `digits` for instance.
    x : ndarray or scipy.sparse CSR matrix (n, inputs)
        The features, finite: uint8, float32 or float64 are kept, other numbers become float32.
    y : ndarray (n,) of int64
        The class of each sample, from 0 to `n_classes` − 1; words are numbered.
    classes : tuple of str
        Their names; `0`, `1`, … up to the largest label if none are given.
    image : (height, width) or None
        The shape of a sample, if it is a picture.
    source : str
        Where it is from, in one line.

    Raises
    ------
    ValueError
        If shapes do not fit, a feature is not finite, or a label has no class.

    Examples
    --------
    >>> data = Dataset("mine", x=[[0.5, 1.0], [2.0, 0.0], [1.5, 1.0]], y=[0, 1, 1])
    >>> len(data), data.inputs, data.classes
    (3, 2, ('0', '1'))
    >>> Dataset("mine", [[0.5], [2.0]], ["dog", "cat"]).classes
    ('cat', 'dog')
    """

    name: str
    x: Any
    y: Labels
    classes: tuple[str, ...] = ()
    image: tuple[int, int] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        labels, known = self.y, self.classes
        if is_words(labels):
            words: Any = labels
            labels, known = (places(words, known), known) if known else numbered(words)
        x, y = _features(self.name, self.x), whole_numbers(labels, f"{self.name}: labels")
        if x.shape[0] != len(y):
            raise ValueError(
                f"{self.name}: {x.shape[0]:,} samples and {len(y):,} labels: each needs one"
            )
        names = tuple(str(c) for c in known) or tuple(map(str, range(_top(self.name, y) + 1)))
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: two classes have the same name")
        check_range(y, len(names), f"{self.name}: label")
        if self.image is not None and math.prod(self.image) != x.shape[1]:
            raise ValueError(
                f"{self.name}: {x.shape[1]} features are no {self.image[0]} × {self.image[1]} image"
            )
        for field, value in (("x", x), ("y", y), ("classes", names)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        """In one line: arrays are no reading matter."""
        shape = f"{len(self):,} × {self.inputs:,} {self.x.dtype}"
        return f"<{self.name}: {shape}, {self.n_classes} classes>"

    @property
    def inputs(self) -> int:
        """How many features a sample has."""
        return int(self.x.shape[1])

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def is_sparse(self) -> bool:
        """Whether `x` is a CSR matrix."""
        return is_sparse(self.x)

    def take(self, indices: ArrayLike) -> Dataset:
        """The samples at `indices`, in that order.

        Parameters
        ----------
        indices : array_like (m,) of int, or (n,) of bool
            Places from 0, negative ones from the end; or which samples to keep.

        Raises
        ------
        ValueError
            If there is none, or one lies outside.

        Examples
        --------
        >>> Dataset("mine", [[1.0], [2.0], [3.0]], [0, 1, 0]).take([2, 0]).x.ravel()
        array([3., 1.])
        """
        places = np.asarray(indices)
        if places.dtype == bool and places.shape == self.y.shape:
            places = np.flatnonzero(places)
        if places.ndim != 1 or places.size == 0 or places.dtype.kind not in "iu":
            raise ValueError(f"{self.name}: indices must be whole numbers in a row, at least one")
        low, high = int(places.min()), int(places.max())
        if low < -len(self) or high >= len(self):
            wrong = high if high >= len(self) else low
            raise ValueError(f"{self.name}: there is no sample {wrong}: it has {len(self)}")
        return dataclasses.replace(self, x=self.x[places], y=self.y[places])

    def split(self, test: float = 0.2, rng: Any = 0) -> tuple[Dataset, Dataset]:
        """Two parts, shuffled, with the classes in the same shares as in the whole.

        Every sample is in exactly one of them. Each class is within one sample of its share.

        Parameters
        ----------
        test : float in (0, 1)
            The share of the second part.
        rng
            Seed or generator (`np.random.default_rng(rng)`): the same seed, the same parts.

        Returns
        -------
        (Dataset, Dataset)
            To train on, and to test on. Neither is empty.

        Raises
        ------
        ValueError
            If `test` is no share, or there are fewer than two samples.

        Examples
        --------
        >>> from optviz.nn import data
        >>> [len(part) for part in data.load("digits").split(test=0.2)]
        [1438, 359]
        """
        if not (isinstance(test, float | np.floating) and 0 < test < 1):
            raise ValueError(f"test must be a share between 0 and 1, not {test!r}")
        if len(self) < 2:
            raise ValueError(f"{self.name}: one sample cannot be split in two")
        order = generator(rng).permutation(len(self))
        by_class = order[np.argsort(self.y[order], kind="stable")]
        sizes = np.bincount(self.y, minlength=self.n_classes)
        # Place of each sample within its class: the first few of each go to the test part.
        within = np.arange(len(self)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        in_test = np.zeros(len(self), dtype=bool)
        in_test[by_class] = within < np.repeat(_shares(sizes, test), sizes)
        return self.take(order[~in_test[order]]), self.take(order[in_test[order]])

    def dense(self) -> Dataset:
        """The same with `x` as an ordinary array of the same type (a byte a feature for `text`)."""
        return dataclasses.replace(self, x=self.x.toarray()) if self.is_sparse else self


def is_sparse(x: Any) -> bool:
    """Whether `x` is a matrix of scipy.sparse (without importing it: a tenth of a second)."""
    return hasattr(x, "tocsr")


def _top(name: str, y: Labels) -> int:
    top = int(y.max()) if y.size else 0
    if top >= max(1000, 2 * len(y)):
        raise ValueError(f"{name}: label {top} makes {top + 1:,} classes: number them from 0")
    return max(top, 0)


def _features(name: str, x: Any) -> Any:
    if is_sparse(x):
        x = x.tocsr()
        stored = x.data
    else:
        try:
            x = stored = np.asarray(x)
        except ValueError:  # rows of different lengths
            raise ValueError(f"{name}: all samples need the same number of features") from None
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{name}: x must be (samples, features), at least 1 × 1, not {x.shape}")
    if stored.dtype.kind not in "fiub":
        raise ValueError(f"{name}: features must be numbers, not of type {stored.dtype}")
    kept = stored.dtype.newbyteorder("=")
    if kept not in KEPT:
        kept = np.dtype(np.uint8 if stored.dtype == bool else np.float32)
    with np.errstate(over="ignore"):  # becomes inf, and is refused
        if is_sparse(x):
            x = x.astype(kept, copy=False)
            _check_finite(name, x.data)
        else:
            x = np.asarray(x, dtype=kept, order="C")
            _check_finite(name, x.reshape(-1), x.shape[1])
    return x


def _check_finite(name: str, numbers: NDArray[Any], width: int = 0) -> None:
    if numbers.dtype == np.uint8:
        return
    for start in range(0, numbers.size, CHUNK):
        wrong = np.flatnonzero(~np.isfinite(numbers[start : start + CHUNK]))
        if wrong.size:
            where = f" in sample {(start + int(wrong[0])) // width}" if width else ""
            raise ValueError(f"{name}: a feature{where} is not finite: fill it in or leave it out")


def _shares(sizes: Labels, test: float) -> Labels:
    """How many of each class go to the test part: rounded so that the sum is right too."""
    total = min(max(round(float(sizes.sum()) * test), 1), int(sizes.sum()) - 1)
    exact = sizes * test
    counts: Labels = np.floor(exact).astype(np.int64)
    largest = np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]
    counts[largest] += 1
    return counts
