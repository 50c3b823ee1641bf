"""Threads for compiled work: how many, and the pool that all share."""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

#: How the names of the pool's threads begin.
PREFIX = "optviz"

_lock = threading.Lock()
#: Who holds BLAS at one thread; the first place has what gives its threads back.
_holders: list[Any] = []


def thread_count() -> int:
    """Threads for compiled work: the processors this process may use, or `OPTVIZ_THREADS`.

    Raises
    ------
    ValueError
        If that is no whole number from 1 on.
    """
    if told := os.environ.get("OPTVIZ_THREADS", ""):
        if not (told.isascii() and told.isdigit() and int(told)):
            raise ValueError(f"OPTVIZ_THREADS must be a whole number ≥ 1, not {told!r}")
        return int(told)
    return processor_count()


def processor_count() -> int:
    """The processors this process may use."""
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
    the whole process meanwhile; within itself it does nothing. Hold it as long as work of both
    kinds takes turns: BLAS's threads spin for a while after each of its calls.
    """
    with _lock:
        _holders.append(None if _holders else _libraries().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            first = _holders.pop()
            if not _holders:
                first.restore_original_limits()


def is_blas_held() -> bool:
    """Whether somebody holds BLAS at one thread."""
    return bool(_holders)


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
    left = deque(jobs)

    def take() -> None:
        while True:
            try:
                job = left.popleft()
            except IndexError:
                return
            job()

    with one_blas_thread():
        # As many as there are processors, with this one: a third thread on two would only disturb.
        others = [thread_pool().submit(take) for _ in range(min(thread_count(), len(jobs)) - 1)]
        try:
            take()
        finally:
            for other in others:
                other.result()


# A forked child inherits a pool without its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=thread_pool.cache_clear)
