"""Numbers out: columns of equal length, and every form that is made of them.

A result says what its columns are (`Tabular.table`) and, in a few rows, what came out of it
(`Tabular.summary`); libraries, files and what a terminal shows follow from that, and are here once.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.files import replacing
from optviz.shared.text import listed, rounded

Column = NDArray[Any]

#: What stands before the specification in the first line of a CSV file.
COMMENT = "# optviz "
#: Rows that are turned into text at a time, and lines that a terminal shows of a table.
BLOCK, REPR_LINES, PRINTED_LINES = 50_000, 5, 60
#: What draws a result for a notebook. It stands above everything that computes and below nothing
#: that may be imported here, so it is named, and imported when a notebook asks: what computes
#: imports no Matplotlib, and `import optviz` waits for none.
DISPLAY = "optviz.studies.display"


@dataclass(frozen=True, repr=False)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    columns : mapping
        Arrays (rows,) of numbers, flags or words by name.
    index : tuple of str
        The columns that tell rows apart: the dimensions of `to_xarray`.
    title : str
        What it is about, in a few words.
    about : mapping
        What made it, as JSON data; the specification, if a study did.

    Examples
    --------
    >>> import optviz as ov
    >>> table = ov.minimize("bowl", ov.SGD(lr=0.5), steps=2).table()
    >>> print(table)
    SGD(lr=0.5) on bowl
    step  x      y  value  gap
    0     −7     2  6.45   6.45
    1     −6.65  0  2.21   2.21
    2     −6.32  0  2      2
    >>> table.columns["x"].shape
    (3,)
    """

    columns: Mapping[str, Column]
    index: tuple[str, ...] = ()
    title: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = {name: np.asarray(values) for name, values in self.columns.items()}
        if len({array.shape for array in arrays.values()}) > 1 or any(
            array.ndim != 1 for array in arrays.values()
        ):
            shapes = listed(f"{name} {array.shape}" for name, array in arrays.items())
            raise ValueError(f"columns must be rows of one length, not {shapes}")
        object.__setattr__(self, "columns", arrays)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    # -- for other libraries -----------------------------------------------------------------

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as lists of Python's numbers, flags and texts."""
        return {name: values.tolist() for name, values in self.columns.items()}

    def to_pandas(self) -> Any:
        """A pandas DataFrame, with `about` in its `attrs`."""
        frame = imported("pandas").DataFrame(dict(self.columns))
        frame.attrs = dict(self.about)
        return frame

    def to_polars(self) -> Any:
        """A polars DataFrame."""
        return imported("polars").DataFrame(dict(self.columns))

    def to_xarray(self) -> Any:
        """An xarray Dataset with a dimension for each column of `index`.

        Where there is no row, numbers are nan and words empty. Rows that `index` does not tell
        apart (an optimizer that was compared twice) stand along the one dimension "row".
        """
        xarray = imported("xarray")
        values, places = {}, []
        for name in self.index:
            found, first, inverse = np.unique(
                self.columns[name], return_index=True, return_inverse=True
            )
            order = np.argsort(first)  # as they came, which may be downwards
            values[name] = found[order]
            places.append(np.argsort(order)[inverse])
        shape = tuple(map(len, values.values()))
        is_told_apart = bool(shape) and len(np.unique(np.ravel_multi_index(places, shape))) == len(
            self
        )
        if not is_told_apart:
            rows = {name: ("row", column) for name, column in self.columns.items()}
            return xarray.Dataset(rows, attrs=self._attributes())
        data = {
            name: (self.index, _spread(column, tuple(places), shape))
            for name, column in self.columns.items()
            if name not in self.index
        }
        return xarray.Dataset(data, coords=values, attrs=self._attributes())

    def _attributes(self) -> dict[str, Any]:
        """`about` as netCDF can keep it: in one text."""
        return {"optviz": json.dumps(self.about)} if self.about else {}

    # -- files -------------------------------------------------------------------------------

    def to_csv(self, path: str | Path | None = None, *, comment: bool = False) -> str | Path:
        """CSV: a line of names, then a line for each row; numbers read back to the bit.

        Parameters
        ----------
        path
            Where to write; without, the text is returned.
        comment
            Begin with a line `# optviz {...}` that holds `about`; `pandas.read_csv(path,
            comment="#")` and `polars.read_csv(path, comment_prefix="#")` skip it.
        """
        if path is None:
            return "".join(self._csv(comment))
        target = Path(path)
        with replacing(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as f:
            f.writelines(self._csv(comment))
        return target

    def _csv(self, comment: bool) -> Iterator[str]:
        if comment and self.about:
            yield f"{COMMENT}{json.dumps(self.about)}\n"
        yield f"{','.join(map(_cell, self.columns))}\n"
        for begin in range(0, len(self), BLOCK):
            texts = [_texts(values[begin : begin + BLOCK]) for values in self.columns.values()]
            yield "".join(f"{','.join(row)}\n" for row in zip(*texts, strict=True))

    def to_json(self) -> str:
        """JSON: {"about": {...}, "columns": {name: [...]}}, with null for what is not finite."""
        columns = {}
        for name, values in self.columns.items():
            columns[name] = values.tolist()
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                columns[name] = [v if np.isfinite(v) else None for v in columns[name]]
        return json.dumps({"about": self.about, "columns": columns}, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write a file, whole or not at all, with what made it inside.

        Parameters
        ----------
        path
            Named .csv (whose first line is a comment, see `to_csv`), .json (see `to_json`) or
            .parquet (needs polars; `about` is under "optviz" in the metadata).

        Raises
        ------
        ValueError
            For another suffix, or without polars.
        OSError
            If it cannot be written.
        """
        target = check_suffix(path)
        if target.suffix.lower() == ".csv":
            self.to_csv(target, comment=True)
            return target
        frame = self.to_polars() if target.suffix.lower() == ".parquet" else None
        with replacing(target) as temporary:
            if frame is None:
                temporary.write_text(self.to_json(), encoding="utf-8")
            else:
                frame.write_parquet(temporary, metadata={"optviz": json.dumps(self.about)})
        return target

    # -- to read -----------------------------------------------------------------------------

    def cells(self, most: int) -> tuple[list[list[str]], int]:
        """The names and the first rows as texts, and how many rows are left out, so that all take
        at most so many lines."""
        shown = len(self) if len(self) < most else max(most - 2, 0)
        columns = [[_read(v) for v in values[:shown].tolist()] for values in self.columns.values()]
        rows = map(list, zip(*columns, strict=True))
        return [list(self.columns), *rows], len(self) - shown

    def lines(self, most: int) -> list[str]:
        """Title, names and rows in columns, in at most so many lines."""
        title = [self.title] if self.title else []
        rows, left_out = self.cells(most - len(title))
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        aligned = ["  ".join(map(str.ljust, cells, wide)).rstrip() for cells in rows]
        return [*title, *aligned, *([f"… {left_out:,} more"] if left_out else [])]

    def __str__(self) -> str:
        return "\n".join(self.lines(PRINTED_LINES))

    def __repr__(self) -> str:
        return "\n".join(self.lines(REPR_LINES))

    def _repr_html_(self) -> str:
        return html_of(self)


class Tabular:
    """A result that becomes a table; a subclass says which (`table`), and `summary`."""

    def table(self) -> Table:
        """All its numbers, in rows."""
        raise NotImplementedError

    def summary(self) -> Table:
        """What came out, in a row, or one for each of what was compared."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns of `table` as lists."""
        return self.table().to_dict()

    def to_csv(self, path: str | Path | None = None) -> str | Path:
        """`table` as CSV: its text, or the file if there is a path."""
        return self.table().to_csv(path)

    def to_pandas(self) -> Any:
        """`table` as a pandas DataFrame (pandas must be installed)."""
        return self.table().to_pandas()

    def to_polars(self) -> Any:
        """`table` as a polars DataFrame (polars must be installed)."""
        return self.table().to_polars()

    def to_xarray(self) -> Any:
        """`table` as an xarray Dataset (xarray must be installed), a dimension for each index."""
        return self.table().to_xarray()

    def __repr__(self) -> str:
        """One line for one row, a few for several: arrays are no reading matter."""
        summary, kind = self.summary(), type(self).__name__
        if len(summary) != 1:
            return "\n".join([f"<{kind}: {summary.title}>", *summary.lines(REPR_LINES)[1:]])
        (names, texts), _ = summary.cells(2)
        told = ", ".join(f"{name} {text}" for name, text in zip(names, texts, strict=True))
        return f"<{kind}: {summary.title}: {told}>"

    def _repr_html_(self) -> str:
        return html_of(self)


def html_of(shown: Any) -> str:
    """What a notebook shows: a small picture and a table."""
    text: str = importlib.import_module(DISPLAY).html_of(shown)
    return text


def stacked(tables: Sequence[Table], **first: Sequence[Any]) -> dict[str, Column]:
    """Columns of several tables below each other, behind columns with one value for each of them.

    A number that a table does not have is nan there.

    >>> a, b = Table({"x": np.array([1.0, 2.0])}), Table({"x": np.array([3.0])})
    >>> {k: v.tolist() for k, v in stacked([a, b], who=["me", "you"]).items()}
    {'who': ['me', 'me', 'you'], 'x': [1.0, 2.0, 3.0]}
    """
    lengths = [len(table) for table in tables]
    out = {name: np.repeat(np.asarray(values), lengths) for name, values in first.items()}
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        parts = [table.columns.get(name, np.full(len(table), np.nan)) for table in tables]
        out[name] = np.concatenate(parts) if parts else np.zeros(0)
    return out


def words(values: Column, known: Mapping[int, str]) -> Column:
    """Codes as words.

    >>> words(np.array([1, -1]), {1: "converged", -1: "diverged"}).tolist()
    ['converged', 'diverged']
    """
    codes = sorted(known)
    return np.array([known[code] for code in codes])[np.searchsorted(codes, values)]


def row(**values: Any) -> dict[str, Column]:
    """The columns of one row; a name's "_" is written as a space."""
    return {name.replace("_", " "): np.array([value]) for name, value in values.items()}


def imported(package: str) -> Any:
    """An optional library.

    Raises
    ------
    ValueError
        If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ValueError(f"{package} is not installed: pip install {package}") from None


#: What `save` writes, and what each needs.
SUFFIXES = {".csv": "", ".json": "", ".parquet": "polars"}


def check_suffix(path: str | Path) -> Path:
    """The path, if `Table.save` can write such a file.

    Raises
    ------
    ValueError
        If its suffix is unknown, or the library that writes it is missing.
    """
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise ValueError(f"numbers go into {listed(SUFFIXES)}, not {target.name!r}")
    if package := SUFFIXES[target.suffix.lower()]:
        imported(package)
    return target


def _spread(column: Column, places: tuple[Column, ...], shape: tuple[int, ...]) -> Column:
    """A column over its grid; whole numbers become real ones where a place is empty."""
    is_full = len(column) == int(np.prod(shape))
    kind = column.dtype
    if not is_full and kind.kind in "iub":
        kind = np.dtype(float)
    out = np.full(shape, "" if kind.kind == "U" else np.nan if kind.kind == "f" else 0, kind)
    out[places] = column
    return out


def _texts(values: Column) -> Iterable[str]:
    """The cells of a part of a column: the shortest texts that read back to the same bits."""
    if values.dtype == np.float64:
        return ["" if math.isnan(v) else repr(v) for v in values.tolist()]
    if values.dtype.kind == "f":
        return ["" if np.isnan(v) else str(v) for v in values]
    if values.dtype.kind == "b":
        return ["true" if v else "false" for v in values.tolist()]
    if values.dtype.kind in "iu":
        return map(str, values.tolist())
    return map(_cell, values.tolist())


def _cell(text: Any) -> str:
    """A text in CSV, in quotes where it must be."""
    words = str(text)
    return '"' + words.replace('"', '""') + '"' if set(words) & set(',"\n\r#') else words


def _read(value: Any) -> str:
    """A value for reading."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        return "–" if math.isnan(value) else rounded(value).replace("inf", "∞")
    return str(value)
