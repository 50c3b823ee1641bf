"""What the command line prints: progress, the file that was written, one line of refusal."""

from __future__ import annotations

import importlib
import io
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from optviz.shared.hint import Hint


class Progress:
    """What a study tells while it runs: a bar on standard error once a second has gone by, and
    lines on standard output."""

    def __init__(self, what: str) -> None:
        self.what, self.began = what, time.monotonic()
        self.bar: Any = None
        self.is_shown = sys.stderr.isatty()

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """So much of all is done; `text` may say more than the bar does."""
        if not self.is_shown:
            return
        if self.bar is None and time.monotonic() - self.began > 1.0:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self.bar = Bar(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=total)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total, description=text or self.what)

    def say(self, line: str) -> None:
        """A line of a study's own."""
        print(line, flush=True)


@contextmanager
def show_progress(what: str, quiet: bool) -> Iterator[Progress | None]:
    """A `Progress`, or None if nothing is to be printed; `what` stands before the bar."""
    if quiet:
        yield None
        return
    progress = Progress(what)
    try:
        yield progress
    finally:
        if progress.bar is not None:
            progress.bar.stop()


@contextmanager
def hints(quiet: bool) -> Iterator[None]:
    """Show what optviz hints at (its own warnings) as one line each on standard error."""

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, Hint):
            usual(message, category, *where, **more)
        elif not quiet:
            print(f"optviz: {message}", file=sys.stderr)

    usual = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always", Hint)
        warnings.showwarning = show
        yield


def import_meanwhile(module: str) -> None:
    """Import what will be needed next while compiled code runs, which leaves Python free."""

    def fetch() -> None:
        # What fails here fails again where it is needed, and is told there.
        with suppress(Exception):
            importlib.import_module(module)

    threading.Thread(target=fetch, daemon=True).start()


def say_what_can_be_said() -> None:
    """A terminal or a pipe that cannot show a letter shows a question mark in its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def say_written(path: Path, quiet: bool, show: bool) -> None:
    if not quiet:
        print(path)
    if show:
        import click

        click.launch(str(path))


def refuse(message: str, code: int = 2) -> NoReturn:
    # One line, and nothing that a terminal would obey.
    plain = "".join(c if c.isprintable() else " " for c in message)
    print(f"optviz: {' '.join(plain.split())}", file=sys.stderr)
    sys.exit(code)
