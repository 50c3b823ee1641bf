"""`optviz list`: the catalogues as tables."""

from __future__ import annotations

from collections.abc import Iterable

from optviz.shared.text import readable, rounded
from optviz.studies.catalogue import LISTED


def show(what: str) -> None:
    """Print the table of a catalogue."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    columns, rows = {"optimizers": _optimizers, "functions": _functions, "studies": _studies}[
        what
    ]()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False, soft_wrap=False).print(table)


def _optimizers() -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    from optviz.optimizers import optimizers

    rows = []
    for name, kind in optimizers.items():
        o = kind()
        defaults = ", ".join(f"{k}={v:g}" for k, v in o.hyper.items())
        rows.append((name, kind.equation, defaults, ", ".join(o.conventions)))
    return ("name", "rule", "defaults (book)", "conventions"), rows


def _functions() -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    from optviz.functions import functions

    rows = []
    for f in functions.values():
        domain = " × ".join(f"[{rounded(a)}, {rounded(b)}]" for a, b in f.bounds)
        lowest = "none" if f.minimum is None else rounded(f.minimum, 6)
        rows.append((f.name, readable(f.formula), domain, lowest, f.source))
    return ("name", "f(x, y)", "domain", "f*", "source"), rows


def _studies() -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    rows = [(name, entry.chapter, entry.summary) for name, entry in LISTED.items()]
    return ("name", "chapter", "what it shows"), rows
