"""Files of others' formats, read with distrust: IDX, NPZ and CSV become plain arrays.

Nothing is believed that a header says until the file is seen to hold it, no array is allocated
before that, and no pickle is ever opened: it could run code. Each fault is one ValueError line
that names the file, what is wrong with it and what would do.
"""

from __future__ import annotations

import array
import csv
import gzip
import itertools
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared import npz
from optviz.shared.text import did_you_mean, listed

_AGAIN = "download it again"
_PLAIN = "save plain numbers instead (for texts, help(optviz.nn.data.imdb) shows how)"


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Let every error within name the file, and be a ValueError."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except npz.DamagedError as error:
        raise ValueError(f"{path}: {error}: {_AGAIN}") from None
    except npz.PickledError as error:
        raise ValueError(f"{path}: {error}: {_PLAIN}") from None
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, the format of MNIST, plain or gzipped.

    Parameters
    ----------
    path : Path
        The file. Whether it is gzipped is seen by its first bytes.
    dimensions : int
        How many the array has to have: 3 for images, 1 for labels.

    Raises
    ------
    ValueError
        If the file is not that, or is damaged.
    """
    with about(path):
        packed = _is_gzip(path)
        available = path.stat().st_size * (npz.TIGHTEST if packed else 1)
        try:
            with gzip.open(path) if packed else path.open("rb") as file:
                shape = _idx_header(file.read(4 + 4 * dimensions), dimensions)
                size = math.prod(shape)
                # One byte more than there should be, to see that it is not there.
                data = file.read(size + 1) if size <= available else b""
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise ValueError(f"the gzip file is cut short or damaged: {_AGAIN}") from None
        sizes = " × ".join(f"{n:,}" for n in shape)
        if not size:
            raise ValueError(f"is an IDX file of nothing, {sizes}: {_AGAIN}")
        if len(data) != size:
            has = "more" if len(data) > size else f"only {len(data):,}" if data else "far fewer"
            raise ValueError(f"its header promises {sizes} bytes, and it has {has}: {_AGAIN}")
    # A copy, because bytes are read-only and compiled kernels tell such arrays from others.
    return np.frombuffer(data, dtype=np.uint8).reshape(shape).copy()


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if path.suffix == ".gz" and not packed:
        raise ValueError(f"is no gzip file in spite of its name: {_AGAIN}, or drop the .gz")
    return packed


def _idx_header(header: bytes, dimensions: int) -> tuple[int, ...]:
    expected = bytes([0, 0, 0x08, dimensions])
    if header[:4] != expected:
        what = "images" if dimensions == 3 else "labels"
        raise ValueError(
            f"is no IDX file of {what}: it starts with {header[:4].hex() or 'nothing'}, "
            f"not {expected.hex()}: {_AGAIN}, or see that files were not mixed up"
        )
    if len(header) < 4 + 4 * dimensions:
        raise ValueError(f"ends within its header: {_AGAIN}")
    return tuple(int(n) for n in np.frombuffer(header, dtype=">u4", offset=4))


class NpzFile(npz.NpzFile):
    """An archive of samples: errors name the file, and what would do.

    Raises
    ------
    ValueError
        If the file is no archive, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        with about(path):
            super().__init__(path)

    def array(self, key: str) -> NDArray[Any]:
        """The array of that name.

        Raises
        ------
        ValueError
            If there is none of that name, it holds pickled objects or no samples, or is damaged.
        """
        with about(self.path):
            array = super().array(key)
            if array.ndim == 0:
                raise ValueError(f"{key!r} is a single value, not an array of samples")
        return array


def read_csv(
    path: Path, label: str | int | None = None, header: bool | None = None
) -> tuple[NDArray[np.float32], list[str]]:
    """The features and the labels, as they are written, of a table.

    Parameters
    ----------
    path : Path
        UTF-8 text with a sample a line, separated by commas, semicolons or tabs.
    label : str or int, optional
        The column of the labels, by its name or its place (from 0, negative ones from the end);
        the last by default. All others are features.
    header : bool, optional
        Whether the first line holds names. By default it does if a label is given by a name, or
        none of its features is a number.

    Returns
    -------
    x : ndarray (n, features) of float32
    labels : list of str

    Raises
    ------
    ValueError
        If a line does not fit, with its number.
    """
    with about(path):
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                return _table(_csv_lines(file), label, header)
        except UnicodeDecodeError:
            raise ValueError("is no UTF-8 text: save it as CSV in UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"is no CSV file: {error}") from None


def _csv_lines(file: IO[str]) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that is not blank."""
    first = file.readline()
    file.seek(0)
    separator = max(",;\t", key=first.count)
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def _table(
    lines: Iterator[tuple[int, list[str]]], label: str | int | None, header: bool | None
) -> tuple[NDArray[np.float32], list[str]]:
    top, first = next(lines, (0, []))
    width = len(first)
    if width < 2:
        raise ValueError("needs a column of features and one of labels, separated by commas")
    column, named = _label_column(first, label)
    if header is None:
        features = first[:column] + first[column + 1 :]
        header = named or not any(_is_number(cell) for cell in features)
    numbers, labels = array.array("f"), list[str]()
    for line, cells in lines if header else itertools.chain([(top, first)], lines):
        if len(cells) != width:
            raise ValueError(f"line {line} has {len(cells)} cells, and the first line {width}")
        labels.append(cells.pop(column))
        if not labels[-1]:
            raise ValueError(f"line {line} has no label")
        numbers.extend(_floats(line, cells))
    if not labels:
        raise ValueError("has a header and no samples")
    return np.frombuffer(numbers, dtype=np.float32).reshape(-1, width - 1), labels


def _label_column(first: list[str], label: str | int | None) -> tuple[int, bool]:
    """Which column holds the labels, and whether it was found by its name."""
    if label is None:
        return len(first) - 1, False
    try:
        column = int(label)
    except ValueError:
        if label in first:
            return first.index(str(label)), True
        raise ValueError(
            f"has no column {label!r}{did_you_mean(str(label), first)}: "
            f"its first line is {listed(first[:20])}"
        ) from None
    if not -len(first) <= column < len(first):
        raise ValueError(f"has no column {column}: there are {len(first)}, from 0")
    return column % len(first), False


def _floats(line: int, cells: list[str]) -> list[float]:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        wrong = next(cell for cell in cells if not _is_number(cell))
        what = f"has {wrong[:40]!r} where a number should be" if wrong else "lacks a feature"
        raise ValueError(f"line {line} {what}: fill it in or leave the line out") from None
    # 3.4e38 is the largest float32.
    if not all(abs(value) <= 3.4e38 for value in values):
        raise ValueError(f"line {line} has a feature that is not finite, or beyond 3.4e38")
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
