"""Other processes for tests: one that hears Ctrl-C, and what one needed of memory."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

#: Python text for the most memory that the process has held, in bytes. `ru_maxrss` will not do: a
#: child begins with its parent's. Where there is no /proc it has to.
PEAK = """
import os, resource, sys
if os.path.exists("/proc/self/status"):
    status = open("/proc/self/status").read()
    peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
print(peak)
"""


def interruptible(command: list[str], **options: Any) -> subprocess.Popen[str]:
    """A process that SIGINT reaches, even where the tests run in the background and ignore it."""
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=_listen, **options,  # noqa: PLW1509  (no thread has a lock that it needs)
    )  # fmt: skip


def _listen() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
