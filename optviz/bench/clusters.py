"""Work on other machines: Dask's executor, which is one of `concurrent.futures`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager


@contextmanager
def dask_executor(scheduler: str | None = None, workers: int | None = None) -> Iterator[Executor]:
    """An executor of the cluster behind a scheduler's address, or of a local one.

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
    try:
        client = Client(scheduler, timeout=10)
    except OSError as error:
        raise ValueError(f"no scheduler answers at {scheduler}: {error}") from None
    with client:
        yield client.get_executor(pure=False)
