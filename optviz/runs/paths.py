"""Several trajectories as one table."""

from __future__ import annotations

from typing import Any

import numpy as np

from optviz.runs.trajectory import Trajectory
from optviz.shared.table import Table, Tabular, stacked


class Paths(list[Trajectory], Tabular):
    """A list of trajectories, which is one table.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.race("bowl", ["sgd:lr=0.5", "adam:lr=0.3"], steps=30)
    <Paths: 2 paths on bowl>
    optimizer    steps  f      outcome
    sgd:lr=0.5   30     0.113  unfinished
    adam:lr=0.3  30     0.102  unfinished
    """

    __repr__ = Tabular.__repr__

    def table(self) -> Table:
        """The points of all paths below each other; "path" counts them from 0."""
        tables = [t.table() for t in self]
        columns = stacked(tables, path=range(len(self)), optimizer=[t.made_by for t in self])
        lengths = [len(t.points) for t in self]
        columns["outcome"] = np.repeat([t.outcome for t in self], lengths)
        about = {"paths": [table.about for table in tables]}
        return Table(columns, ("path", "step"), self._title, about)

    def summary(self) -> Table:
        """Where each ended, and how."""
        parts = [t.summary() for t in self]
        ends = stacked(parts, optimizer=[t.made_by for t in self])
        names = ("optimizer", "steps", "f", "outcome")
        return Table({name: ends[name] for name in names if name in ends}, title=self._title)

    @property
    def _title(self) -> str:
        functions = dict.fromkeys(t.function.name for t in self)
        count = f"{len(self)} paths" if len(self) > 1 else "1 path"
        return f"{count} on {' and '.join(functions)}" if self else "no paths"


def table(results: Any) -> Table:
    """All numbers of a result, or of several trajectories.

    Parameters
    ----------
    results
        What `minimize`, `race`, `sweep`, `tune`, `explain`, `basins`, `sensitivity`, `phase`,
        `net.fit` or `nn.compare` returned; or a list of trajectories.

    Returns
    -------
    Table
        With `to_dict`, `to_csv`, `to_json`, `to_pandas`, `to_polars`, `to_xarray` and `save`,
        which writes .csv, .json or .parquet.

    Examples
    --------
    >>> import optviz as ov
    >>> runs = [ov.minimize("bowl", ov.SGD(lr=r), steps=20) for r in (0.1, 0.5)]
    >>> list(ov.table(runs).columns)
    ['path', 'optimizer', 'step', 'x', 'y', 'value', 'gap', 'outcome']
    """
    if isinstance(results, Table):
        return results
    if isinstance(results, Tabular):
        return results.table()
    rows = list(results) if isinstance(results, list | tuple) else [results]
    for item in rows:
        if not isinstance(item, Trajectory):
            raise ValueError(
                f"a table is made of a result or of trajectories, not of {type(item).__name__} "
                f"{str(item)[:40]!r}"
            )
    return Paths(rows).table()
