"""Work on other machines: Dask's executor, which is one of `concurrent.futures`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Seconds until a scheduler must have answered, or written its file: both begin in one script.
PATIENCE = 30.0


@contextmanager
def dask_executor(scheduler: str | None = None, workers: int | None = None) -> Iterator[Executor]:
    """An executor of the cluster of a scheduler, by its address or by the file (.json) that it
    writes; or of a local one.

    Raises
    ------
    ValueError
        If Dask is not installed, or nobody answers at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ValueError("Dask is not installed: pip install 'optviz[distributed]'") from None
    if scheduler is None:
        with LocalCluster(n_workers=workers or 2, threads_per_worker=1, dashboard_address=None
                          ) as cluster, Client(cluster) as client:  # fmt: skip
            yield client.get_executor(pure=False)
        return
    where: dict[str, Any] = {"address": scheduler}
    if scheduler.endswith(".json"):
        _await(Path(scheduler))
        where = {"scheduler_file": scheduler}
    try:
        client = Client(**where, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise ValueError(f"no scheduler answers at {scheduler}: {error}") from None
    with client:
        yield client.get_executor(pure=False)


def _await(file: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not file.exists():
        if time.monotonic() > until:
            raise ValueError(f"{file}: no scheduler has written it in {PATIENCE:.0f} s")
        time.sleep(0.1)
