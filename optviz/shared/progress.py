"""A bar for a Python call's `progress`: in a notebook, or on a terminal."""

from __future__ import annotations

import html
import importlib
import sys
import time
from typing import Any

#: Seconds between two pictures of a bar, and letters of one on a terminal.
PAUSE, WIDE = 0.1, 30


class Progress:
    """What any `progress=` takes: a bar in a notebook or on a terminal, and nothing elsewhere.

    Parameters
    ----------
    what
        What stands beside it.

    Examples
    --------
    >>> import optviz as ov
    >>> s = ov.sweep("bowl", ov.SGD(lr=0.1), steps=50, progress=ov.Progress("sweeping"))
    """

    def __init__(self, what: str = "running") -> None:
        self.what, self.shown_at = what, -PAUSE
        # Whoever runs in a notebook has imported it.
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        self.is_notebook = hasattr(shell, "kernel")
        self.handle: Any = None

    def __call__(self, done: int, total: int, *_: Any) -> None:
        """So much of all is done (what else a call tells is not shown)."""
        now = time.monotonic()
        if done < total and now - self.shown_at < PAUSE:
            return
        self.shown_at = now
        if self.is_notebook:
            self._show_html(done, total)
        elif sys.stderr.isatty():
            bar = "█" * (WIDE * done // total)
            end = "\n" if done >= total else ""
            print(f"\r{self.what} {bar:░<{WIDE}} {done:,} of {total:,}", end=end, file=sys.stderr)

    def _show_html(self, done: int, total: int) -> None:
        display = importlib.import_module("IPython.display")
        page = display.HTML(
            f'{html.escape(self.what)} <progress value="{done}" max="{total}"></progress> '
            f"{done:,} of {total:,}"
        )
        if self.handle is None:
            self.handle = display.display(page, display_id=True)
        else:
            self.handle.update(page)
