"""What the command line prints: progress, the file that was written, one line of refusal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer


@contextmanager
def show_progress(what: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A callback that shows a bar on standard error once a second has gone by."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    began = time.monotonic()
    shown: dict[str, Any] = {}

    def update(done: int, total: int) -> None:
        if not shown and time.monotonic() - began > 1.0:
            from rich.console import Console
            from rich.progress import Progress

            shown["bar"] = Progress(console=Console(stderr=True), transient=True)
            shown["bar"].start()
            shown["task"] = shown["bar"].add_task(what, total=total)
        if shown:
            shown["bar"].update(shown["task"], completed=done)

    try:
        yield update
    finally:
        if shown:
            shown["bar"].stop()


def say_written(path: Path, quiet: bool, show: bool) -> None:
    if not quiet:
        print(path)
    if show:
        typer.launch(str(path))


def refuse(message: str, code: int = 2) -> NoReturn:
    print(f"optviz: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
