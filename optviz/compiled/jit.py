"""Compilation on first use, by way of Numba's disk cache in our cache folder.

Numba is imported inside functions only, because the import takes 0.3 s and `optviz --help`
does not need it.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from optviz.compiled.cache import cache_folder
from optviz.compiled.signatures import signature

#: No "nnan" and no "ninf": with them `isfinite` may lie, and divergence must be seen.
FASTMATH = frozenset({"contract", "nsz", "arcp"})

#: A float32 update divides by estimate and one Newton step (a third faster, 2 ulp), which LLVM
#: does under "ninf" only. Update kernels do not ask `isfinite`; what overflows becomes nan there.
FASTMATH_FLOAT32 = FASTMATH | {"ninf"}

_lock = threading.RLock()


def jit_disabled() -> bool:
    """Whether the user asked for plain Python kernels (`NUMBA_DISABLE_JIT=1`)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def is_cold() -> bool:
    """Whether nothing has been compiled on this machine yet (so that a first run can say so)."""
    return not jit_disabled() and next(cache_folder().glob("numba/**/*.nbi"), None) is None


def compiled(
    function: Callable[..., Any],
    takes: str,
    dtype: Any = "float64",
    fastmath: frozenset[str] = FASTMATH,
) -> Callable[..., Any]:
    """`function` compiled for what it `takes` (see `signatures.py`), with `dtype` as `real`.

    The function must not call compiled functions of another file: Numba's cache would not notice
    that they changed. The exception is `vecmath` in generated source modules: its text is part of
    their keys (`formula.Expression.kernels`), so that a change of it makes new files. With
    `NUMBA_DISABLE_JIT=1` the function is returned as it is.
    """
    if jit_disabled():
        return function
    with _lock:
        return _compile(function, takes, np.dtype(dtype).name, fastmath)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled when a kernel calls it, into the kernel; for `vecmath`.

    What is kept on disk spares the next new kernel 0.5 s. The flags are its own: LLVM attaches
    them to instructions, not to the kernel. "nsz" and "arcp" would gain nothing here. With
    `NUMBA_DISABLE_JIT=1` the function is returned as it is.
    """
    if jit_disabled():
        return function
    from numba import njit

    options = {"forceinline": True, "error_model": "numpy", "fastmath": {"contract"}}
    with _lock, _numba_keeps(cache_folder() / "numba"):
        kept: Callable[..., Any] = njit(cache=True, **options)(function)
    return kept


@functools.cache
def _compile(
    function: Callable[..., Any], takes: str, dtype: str, fastmath: frozenset[str]
) -> Callable[..., Any]:
    from numba import njit

    options = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
    kind, folder = signature(takes, dtype), cache_folder() / "numba"
    with _numba_keeps(folder):
        try:
            kernel: Callable[..., Any] = njit(kind, cache=True, **options)(function)
        except Exception:
            # A damaged cache (a disk that was full, a process that was killed, another version's
            # pickle) may raise nearly anything. If the function itself is at fault, the second
            # attempt raises again and says why.
            _forget(folder, function)
            kernel = njit(kind, **options)(function)
    return kernel


@contextmanager
def _numba_keeps(folder: Path) -> Iterator[None]:
    """Numba reads its cache folder when a function is decorated; a user's own comes back after."""
    from numba import config

    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _forget(folder: Path, function: Callable[..., Any]) -> None:
    """Delete the machine code that is kept of a function's file, and of what it may call."""
    stem = Path(function.__code__.co_filename).stem
    for pattern in (f"*/{stem}.*", "*/vecmath.*"):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)
