"""Threads for compiled work: how many, and the pool that all share."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

#: How the names of the pool's threads begin.
PREFIX = "optviz"


def thread_count() -> int:
    """Threads for compiled work: the processors this process may use, or `OPTVIZ_THREADS`."""
    told = os.environ.get("OPTVIZ_THREADS", "")
    if told.isdigit():
        return max(1, int(told))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def thread_pool() -> ThreadPoolExecutor:
    """The shared pool. Kernels release the GIL, so plain threads are enough, and safe to nest."""
    return ThreadPoolExecutor(thread_count(), thread_name_prefix=PREFIX)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS stays in the thread that calls it, for work that has threads of its own.

    Threads of both kinds would wait for each other: that takes thirty times as long. It holds for
    the whole process meanwhile.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _libraries() -> Any:
    """To look for them takes a millisecond."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def side_by_side(jobs: Sequence[Callable[[], None]]) -> None:
    """Do all jobs, on the pool's threads and this one; each with BLAS at one thread.

    Within a job of the pool they are done one after the other: it would wait for a thread that it
    holds itself.
    """
    inside = threading.current_thread().name.startswith(PREFIX)
    if inside or thread_count() < 2 or len(jobs) < 2:
        for job in jobs:
            job()
        return
    with one_blas_thread():
        others = [thread_pool().submit(job) for job in jobs[1:]]
        try:
            jobs[0]()
        finally:
            for other in others:
                other.result()


# A forked child inherits a pool without its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=thread_pool.cache_clear)
