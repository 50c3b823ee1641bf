"""The store: one SQLite file that holds every cell that was measured, and nothing else does.

Cells are written in transactions; a process that is killed leaves a journal that the next one rolls
back. Several processes may work on one store: a task is claimed before it is done.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from optviz.bench.curves import Curves
from optviz.bench.suite import Cell, Suite
from optviz.shared.files import replacing
from optviz.shared.text import did_you_mean

#: Of the file; a store with another number is not touched.
VERSION = 1
APPLICATION = 0x6F707462  # "optb"
#: Seconds that a claim of another machine holds without a sign of life.
HOLDS = 120.0
#: Cells whose value differs by no more than this share agree, on two machines.
TOLERANCE = 1e-6

TABLES = """
CREATE TABLE cells (
    key TEXT PRIMARY KEY, problem TEXT NOT NULL, optimizer TEXT NOT NULL, settings TEXT NOT NULL,
    seed INTEGER NOT NULL, budget INTEGER NOT NULL, error TEXT, curves BLOB
) WITHOUT ROWID;
CREATE INDEX by_task ON cells (problem, optimizer);
CREATE TABLE times (key TEXT PRIMARY KEY, seconds REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE suites (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE claims (
    task TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, born REAL NOT NULL,
    seen REAL NOT NULL
) WITHOUT ROWID;
"""


class StoreError(ValueError):
    """A file is no store, or one that cannot be used."""


@dataclass(frozen=True)
class Measured:
    """A cell and what came of it: curves of one run, or an error."""

    cell: Cell
    curves: bytes | None
    error: str | None
    seconds: float


class Store:
    """An open store; use it as a context manager.

    Parameters
    ----------
    path
        Made if there is none and `make` says so.

    Raises
    ------
    StoreError
        If the file is none of ours, damaged, newer, or missing.
    """

    def __init__(self, path: str | Path, make: bool = False) -> None:
        self.path = Path(path)
        if not make and not self.path.exists():
            raise StoreError(f"{self.path}: there is no such store")
        with self._plainly():
            self._db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._begin(make)

    def _begin(self, make: bool) -> None:
        db = self._db
        (mark,), (version,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        if (mark, version) == (APPLICATION, VERSION):
            return
        if mark == APPLICATION:
            raise StoreError(
                f"{self.path}: is a store of version {version}, and this optviz reads {VERSION}: "
                + ("a newer optviz wrote it" if version > VERSION else "it is too old")
            )
        if not make or mark or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{self.path}: is no store of optviz bench")
        with self.changing():
            # Another process may have made it meanwhile.
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """SQLite's complaints in our words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            said = str(error)
            if "readonly" in said or "unable to open" in said:
                raise PermissionError(
                    13, f"{self.path} cannot be written: name another store"
                ) from None
            if "disk is full" in said or "disk I/O" in said:
                raise OSError(28, f"{self.path}: {said}: nothing that was written before is lost"
                              ) from None  # fmt: skip
            if "locked" in said:
                raise StoreError(f"{self.path}: another process holds it; try again") from None
            raise StoreError(f"{self.path}: is damaged, or no store of optviz bench ({said})"
                             ) from None  # fmt: skip

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is written as a whole, or not at all."""
        with self._plainly():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._plainly():
            return self._db.execute(query, tuple(values)).fetchall()

    # -- cells ---------------------------------------------------------------------------------

    def known(self, keys: Iterable[str]) -> dict[str, bool]:
        """Which cells are there, and whether they came to an end without an error: by their keys,
        for another text may have measured them."""
        return {key: bool(good) for key, good in self._of_keys("error IS NULL", keys)}

    def _of_keys(self, what: str, keys: Iterable[str]) -> Iterator[tuple[str, Any]]:
        wanted = list(keys)
        for at in range(0, len(wanted), 500):
            part = wanted[at : at + 500]
            marks = ",".join("?" * len(part))
            yield from self._rows(f"SELECT key, {what} FROM cells WHERE key IN ({marks})", part)

    def curves(self, keys: Iterable[str]) -> dict[str, Curves | None]:
        """What came of cells, of those that are known; None for an error."""
        return {key: None if blob is None else self._unpacked(key, blob)
                for key, blob in self._of_keys("curves", keys)}  # fmt: skip

    def _unpacked(self, key: str, blob: bytes) -> Curves:
        try:
            return unpack(blob)
        except ValueError:
            raise StoreError(f"{self.path}: the cell {key} is damaged: forget it, and run again"
                             ) from None  # fmt: skip

    def write(self, measured: Iterable[Measured], claim: str | None = None) -> int:
        """Write cells that are not there yet, and give up the claim; how many were new."""
        with self.changing() as db:
            new = 0
            for m in measured:
                c = m.cell
                done = db.execute(
                    "INSERT OR IGNORE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (c.key, c.problem, c.optimizer, settings_text(c), c.seed, c.budget, m.error,
                     m.curves),
                )  # fmt: skip
                new += done.rowcount
                db.execute("INSERT OR REPLACE INTO times VALUES (?, ?)", (c.key, m.seconds))
            if claim is not None:
                db.execute("DELETE FROM claims WHERE task = ?", (claim,))
            return new

    def forget(self, *, optimizer: str | None = None, problem: str | None = None,
               failed: bool = False) -> int:  # fmt: skip
        """Remove cells; how many there were."""
        parts = [("optimizer = ?", optimizer), ("problem = ?", problem)]
        where = " AND ".join(
            [text for text, value in parts if value is not None]
            + (["error IS NOT NULL"] if failed else [])
        )
        values = [value for _, value in parts if value is not None]
        if not where:
            raise ValueError("say what to forget: an optimizer, a problem, or what failed")
        with self.changing() as db:
            db.execute(f"DELETE FROM times WHERE key IN (SELECT key FROM cells WHERE {where})",
                       values)  # fmt: skip
            count = int(db.execute(f"DELETE FROM cells WHERE {where}", values).rowcount)
        for what, given in (("optimizer", optimizer), ("problem", problem)):
            if given is not None and not count:
                known = [name for (name,) in self._rows(f"SELECT DISTINCT {what} FROM cells")]
                if given not in known:
                    raise StoreError(f"{self.path} has no cells of the {what} {given!r}"
                                     f"{did_you_mean(given, known)}")  # fmt: skip
        return count

    def rows(self, times: bool = False) -> Iterator[dict[str, Any]]:
        """Every cell in the order of its key: what it is, and its error or curves."""
        names = ["key", "problem", "optimizer", "settings", "seed", "budget", "error"]
        join = "LEFT JOIN times USING (key)" if times else ""
        with self._plainly():
            found = self._db.execute(
                f"SELECT {', '.join(names)}, curves{', seconds' if times else ''} FROM cells "
                f"{join} ORDER BY key"
            )
            for row in found:
                out = dict(zip(names, row, strict=False))
                blob = row[len(names)]
                out["curves"] = None if blob is None else self._unpacked(out["key"], blob)
                if times:
                    out["seconds"] = row[-1]
                yield out

    def count(self) -> tuple[int, int]:
        """How many cells there are, and how many of them failed."""
        ((cells, failed),) = self._rows("SELECT count(*), count(error) FROM cells")
        return int(cells), int(failed)

    def errors(self) -> list[tuple[str, str, int, str]]:
        """Problem, optimizer, how many cells failed, and the first error."""
        return [(p, o, int(n), str(e)) for p, o, n, e in self._rows(
            "SELECT problem, optimizer, count(*), min(error) FROM cells WHERE error IS NOT NULL "
            "GROUP BY problem, optimizer ORDER BY problem, optimizer")]  # fmt: skip

    def seconds(self) -> dict[tuple[str, str], float]:
        """For each problem and optimizer the median seconds of a cell: a first one compiles."""
        found: dict[tuple[str, str], list[float]] = {}
        for p, o, spent in self._rows(
            "SELECT problem, optimizer, seconds FROM cells JOIN times USING (key)"
        ):
            found.setdefault((p, o), []).append(spent)
        return {task: float(np.median(spent)) for task, spent in found.items()}

    # -- suites --------------------------------------------------------------------------------

    def remember(self, suite: Suite) -> None:
        """Keep a suite by its name, so that a report knows what was asked.

        Raises
        ------
        StoreError
            If another suite has this name here.
        """
        with self.changing() as db:
            db.execute("INSERT OR IGNORE INTO suites VALUES (?, ?)", (suite.name, suite.to_json()))
        (kept,) = (s for s in self.suites() if s.name == suite.name)
        if kept != suite:
            raise StoreError(
                f"{self.path} has another suite called {suite.name}: give this one a name of its "
                "own, or another store"
            )

    def suites(self) -> list[Suite]:
        """All that were run here."""
        return [Suite.from_json(text) for (text,) in self._rows(
            "SELECT text FROM suites ORDER BY name")]  # fmt: skip

    # -- claims --------------------------------------------------------------------------------

    def claim(self, task: str) -> bool:
        """Take a task for this process, unless a living one has it."""
        me = (socket.gethostname(), os.getpid(), psutil.Process().create_time())
        with self.changing() as db:
            row = db.execute("SELECT host, pid, born, seen FROM claims WHERE task = ?",
                             (task,)).fetchone()  # fmt: skip
            if row is not None and row[:3] != me and _lives(*row):
                return False
            db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
                       (task, *me, time.time()))  # fmt: skip
            return True

    def still_here(self) -> None:
        """A sign of life, for machines that cannot see this process."""
        with self.changing() as db:
            db.execute("UPDATE claims SET seen = ? WHERE host = ? AND pid = ?",
                       (time.time(), socket.gethostname(), os.getpid()))  # fmt: skip

    def give_up(self) -> None:
        """Leave all claims of this process."""
        with self.changing() as db:
            db.execute("DELETE FROM claims WHERE host = ? AND pid = ?",
                       (socket.gethostname(), os.getpid()))  # fmt: skip


def _lives(host: str, pid: int, born: float, seen: float) -> bool:
    if host != socket.gethostname():
        return time.time() - seen < HOLDS
    try:
        return bool(abs(psutil.Process(pid).create_time() - born) < 1.0)
    except psutil.Error:
        return False


def settings_text(cell: Cell) -> str:
    """The settings of a cell in a line, and the schedule of its rate if that is not constant."""
    parts = [f"{name}={value!r}" for name, value in cell.settings]
    scheduled = [] if cell.schedule == "constant" else [f"schedule={cell.schedule}"]
    return ",".join([*parts, *scheduled])


# -- curves as bytes ---------------------------------------------------------------------------


def pack(curves: Curves, run: int) -> bytes:
    """One run's curves: float32 is enough for a share, and half the size."""
    rows = np.vstack([curves.values[run], curves.best[run], *curves.extra[run]])
    head = np.array([len(rows), len(curves.marks)], dtype="<i4").tobytes()
    with np.errstate(over="ignore"):
        body = curves.marks.astype("<i8").tobytes() + rows.astype("<f4").tobytes()
    return zlib.compress(head + body, 6)


def unpack(blob: bytes) -> Curves:
    """What `pack` wrote, with one run.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        data = zlib.decompress(blob)
        rows, count = np.frombuffer(data, "<i4", 2).tolist()
        if rows < 2 or count < 1 or len(data) != 8 + 8 * count + 4 * rows * count:
            raise ValueError("sizes")
        marks: NDArray[np.int64] = np.frombuffer(data, "<i8", count, 8).astype(np.int64)
        values = np.frombuffer(data, "<f4", rows * count, 8 + 8 * count).reshape(rows, count)
    except (zlib.error, ValueError) as error:
        raise ValueError(f"no curves: {error}") from None
    values = values.astype(np.float64)
    return Curves(marks, values[None, 0], values[None, 1], values[None, 2:])


# -- two stores --------------------------------------------------------------------------------


def merge(paths: Iterable[str | Path], output: str | Path) -> Mapping[str, int]:
    """All cells of several stores in a new one; of cells in two of them, the first's.

    Returns
    -------
    dict
        "cells" in the new store, and how many were in two stores and "differ" in the last digits.

    Raises
    ------
    StoreError
        If two differ by more than `TOLERANCE`: nothing is written then.
    """
    target = Path(output)
    if target.exists():
        raise ValueError(f"{target}: is there already")
    differ = 0
    with replacing(target) as made, Store(made, make=True) as out:
        for path in paths:
            with Store(path) as store:
                differ += _pour(store, out, Path(path))
                for suite in store.suites():
                    out.remember(suite)
        cells, _ = out.count()
    return {"cells": cells, "differ": differ}


def _pour(store: Store, out: Store, path: Path) -> int:
    differ, batch = 0, []
    seconds = dict(store._rows("SELECT key, seconds FROM times"))
    for row in store._rows("SELECT * FROM cells ORDER BY key"):
        key, blob = row[0], row[7]
        here = out._rows("SELECT curves FROM cells WHERE key = ?", (key,))
        if not here:
            batch.append((row, seconds.get(key)))
        elif here[0][0] != blob and (here[0][0] is None) == (blob is None):
            a, b = (unpack(part).values for part in (here[0][0], blob))
            if not np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                with np.errstate(invalid="ignore"):  # both are inf where both diverged
                    at = int(np.argmax(np.abs(np.nan_to_num(a - b))))
                raise StoreError(
                    f"{path}: {row[1]}, {row[2]}:{row[3]}, seed {row[4]} has {b.flat[at]:.9g} "
                    f"where another store has {a.flat[at]:.9g}: they differ by more than "
                    f"{TOLERANCE:g}"
                )
            differ += 1
    with out.changing() as db:
        for row, spent in batch:
            db.execute("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            if spent is not None:
                db.execute("INSERT INTO times VALUES (?, ?)", (row[0], spent))
    return differ
