"""Threads for compiled work: how many, and the pool that all share."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor


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
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="optviz")


# A forked child inherits a pool without its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=thread_pool.cache_clear)
