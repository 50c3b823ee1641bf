"""What the command line prints: progress, the file that was written, one line of refusal."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from optviz.nn.comparison import Training
    from optviz.nn.training import History
    from optviz.optimizers.base import Optimizer


@contextmanager
def show_progress(
    what: str | Callable[[], str], quiet: bool
) -> Iterator[Callable[[int, int], None] | None]:
    """A callback that shows a bar on standard error once a second has gone by.

    `what` is the text before the bar, or gives it each time.
    """
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
            shown["task"] = shown["bar"].add_task("", total=total)
        if shown:
            text = what if isinstance(what, str) else what()
            shown["bar"].update(shown["task"], completed=done, total=total, description=text)

    try:
        yield update
    finally:
        if shown:
            shown["bar"].stop()


@contextmanager
def show_steps(quiet: bool) -> Iterator[Callable[[int, int, float, float], None] | None]:
    """The same for training: with the loss and the rate of the last step."""
    what = {"text": "training"}
    with show_progress(lambda: what["text"], quiet) as progress:
        if progress is None:
            yield None
            return

        def update(done: int, total: int, loss: float, rate: float) -> None:
            what["text"] = f"training  loss {loss:.3g}  rate {rate:.3g}"
            progress(done, total)

        yield update


def import_meanwhile(module: str) -> None:
    """Import what will be needed next while compiled code runs, which leaves Python free."""
    threading.Thread(target=importlib.import_module, args=(module,), daemon=True).start()


class EpochTable:
    """A line for each epoch of a single run, or for each optimizer of a comparison."""

    HEAD = f"{'epoch':>5}  {'loss':>8}  {'accuracy':>8}  {'val. loss':>9}  {'val. acc.':>9}  rate"

    def __init__(self, runs: int, quiet: bool) -> None:
        self.by_epoch, self.quiet = runs == 1 and not quiet, quiet
        self.lines = 0

    def epoch(self, optimizer: Optimizer, history: History) -> None:
        """Print the last epoch of a single run."""
        if not self.by_epoch:
            return
        if not self.lines:
            print(self.HEAD)
        self.lines += 1
        print(
            f"{history.epochs:>5}  {history.loss[-1]:>8.4f}  {history.accuracy[-1]:>8.2%}  "
            f"{history.validation_loss[-1]:>9.4f}  {history.validation_accuracy[-1]:>9.2%}  "
            f"{history.rate[-1]:.3g}",
            flush=True,
        )

    def end(self, made: Training) -> None:
        """Print how each optimizer did in the test."""
        if self.quiet:
            return
        width = max(len(o.spec()) for o in made.optimizers)
        for o, scores, histories in zip(
            made.optimizers, made.test_accuracy, made.histories, strict=True
        ):
            epochs = sorted(history.epochs for history in histories)
            share = f"{float(sorted(scores)[len(scores) // 2]):.2%}"
            spread = f" (from {scores.min():.2%} to {scores.max():.2%})" if len(scores) > 1 else ""
            print(f"{o.spec():<{width}}  test accuracy {share}{spread}, {epochs[-1]} epochs")


def say_written(path: Path, quiet: bool, show: bool) -> None:
    if not quiet:
        print(path)
    if show:
        typer.launch(str(path))


def refuse(message: str, code: int = 2) -> NoReturn:
    print(f"optviz: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
