"""The outside of a worker: a process that is asked over pipes, and watched."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

from benchmarks.task import ROOT

#: Pools of all engines have as many threads.
THREADS = 2
#: A thread's spinning ends within it; see `worker.seconds_per_call`.
PAUSE, AT_LEAST = 0.3, 0.06


class EngineError(Exception):
    """An engine that cannot be measured; one line that says why, and all its standard error."""

    def __init__(self, line: str, stderr: str = "") -> None:
        super().__init__(line)
        self.stderr = stderr


class Worker:
    """One engine in a warm process of its own, which lives until `close`.

    Thread pools of two libraries in one process spoil both.
    """

    def __init__(self, module: str, task: str, engine: str, timeout: float) -> None:
        self.name, self.timeout = f"{task}, {engine}", timeout
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  (see `close`)
        self._too_late = False
        # A session of its own: what it started itself can be ended with it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module, task, engine],
            cwd=ROOT, env=environment(), text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr,
        )  # fmt: skip
        try:
            self.result = self._answer("being set up")["result"]
        except BaseException:
            self.close()
            raise

    def seconds(self) -> float:
        """One measurement: seconds for a unit of work."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: no answer will come
            print(json.dumps({"pause": PAUSE, "at_least": AT_LEAST}), file=self._process.stdin)
            self._process.stdin.flush()
        return float(self._answer("being timed")["seconds"])

    def close(self) -> None:
        """End the process, gently if it hears."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # half a question to one that died
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            process.wait()
        process.stdout.close()
        self._stderr.close()

    def _answer(self, doing: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = threading.Timer(self.timeout, self._kill_late)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise self._error(doing)
        return dict(json.loads(line))

    def _error(self, doing: str) -> EngineError:
        """Why there was no answer."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            code = self._process.wait()
        self._stderr.seek(0)
        stderr = self._stderr.read().strip()
        what = f"died ({signal.Signals(-code).name})" if code < 0 else f"ended (exit code {code})"
        if self._too_late:
            what = f"gave no answer within {self.timeout:g} s"
        last = stderr.splitlines()[-1].strip() if stderr else "nothing on its standard error"
        return EngineError(f"{self.name} {what} while {doing}: {last}", stderr)

    def _kill_late(self) -> None:
        self._too_late = True
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """As many threads for everybody, and this very optviz in every process."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    pools = ("OPTVIZ_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads = dict.fromkeys(pools, str(THREADS))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **threads}
