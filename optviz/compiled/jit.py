"""All that is known of Numba: signatures, compilation on first use, and the two disk caches.

Compiled code reaches disk in two layers. A *source module* is Python text made from a formula
or an update rule; it lies in the cache folder under the hash of what it was made from. Numba's
own cache of machine code lies in the same folder. Both may be deleted at any time, shared by
several processes, or damaged: what cannot be read is made again.

Numba is imported inside functions only, because the import takes 0.3 s and `optviz --help`
does not need it.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from optviz.shared.files import write_atomically

#: No "nnan" and no "ninf": with them `isfinite` may lie, and divergence must be seen.
FASTMATH = frozenset({"contract", "nsz", "arcp"})

#: A float32 update divides by estimate and one Newton step (a third faster, 2 ulp), which LLVM
#: does under "ninf" only. Update kernels do not ask `isfinite`; what overflows becomes nan there.
FASTMATH_FLOAT32 = FASTMATH | {"ninf"}

HERE = Path(__file__).parent.parent
#: By its path, as to import it would import Numba.
VECMATH = HERE / "compiled" / "vecmath.py"

_lock = threading.RLock()


def jit_disabled() -> bool:
    """Whether the user asked for plain Python kernels (`NUMBA_DISABLE_JIT=1`)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


@functools.cache
def cache_folder() -> Path:
    """The folder of generated and compiled code; a temporary one if the usual is not writable.

    `OPTVIZ_CACHE_DIR` overrides the platform's usual place.
    """
    import platformdirs

    usual = os.environ.get("OPTVIZ_CACHE_DIR") or platformdirs.user_cache_dir("optviz", False)
    try:
        folder = Path(usual)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        temporary = Path(tempfile.mkdtemp(prefix="optviz-cache-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return temporary


def is_cold() -> bool:
    """Whether nothing has been compiled on this machine yet (so that a first run can say so)."""
    return not jit_disabled() and next(cache_folder().glob("numba/**/*.nbi"), None) is None


# -- generated source -----------------------------------------------------------------------


def source_module(name: str, key: str, build: Callable[[], str]) -> ModuleType:
    """The module whose text `build()` returns, built once per machine and `key`.

    Parameters
    ----------
    name
        A readable prefix of the file's name (letters, digits, underscores).
    key
        What the text is made from, the generator included; it decides the file.
    build
        Returns the text. It is not called when the file lies there already and is whole.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    return _load_source_module(f"{name}_{digest}", build)


def with_vecmath(path: str, *constants_from: str) -> ModuleType:
    """The module in `path` (from the package's folder), whose kernels call `vecmath`.

    It is loaded as a generated module: Numba's cache would not notice that a function changed
    which its kernels call. As the text of `vecmath` decides the file's name, the cache meets a
    file that it has not seen; so does the text of files that constants are imported from.
    """
    text, *others = ((HERE / p).read_text(encoding="utf-8") for p in (path, *constants_from))
    key = "".join([text, vecmath_text(), *others])
    return source_module(Path(path).stem.strip("_"), key, lambda: text)


def vecmath_text() -> str:
    """The text of `vecmath.py`: part of the key of every module whose kernels call it."""
    return VECMATH.read_text(encoding="utf-8")


_modules: dict[str, ModuleType] = {}


def _load_source_module(stem: str, build: Callable[[], str]) -> ModuleType:
    with _lock:
        if stem not in _modules:
            path = cache_folder() / "sources" / f"{stem}.py"
            if not _is_whole(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, _sealed(build()).encode())
            _modules[stem] = _import_file(f"optviz_generated_{stem}", path)
        return _modules[stem]


def _sealed(text: str) -> str:
    """The text with a last line by which a truncated or altered file is noticed."""
    return f"{text}\n# sha256 {hashlib.sha256(text.encode()).hexdigest()}\n"


def _is_whole(path: Path) -> bool:
    try:
        text, _, _ = path.read_text().rpartition("\n# sha256 ")
        return path.read_text() == _sealed(text)
    except (OSError, UnicodeDecodeError):
        return False


def _import_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Numba's cache finds a function's module again by its name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# -- signatures -----------------------------------------------------------------------------


@functools.cache
def step_signature(dtype: str = "float64") -> Any:
    """An optimizer's kernel: `void(x, grad, state (slots, n), hyper, t)`; all contiguous."""
    from numba import float64, from_dtype, int64, void
    from numpy import dtype as as_dtype

    real = from_dtype(as_dtype(dtype))
    return void(real[::1], real[::1], real[:, ::1], float64[::1], int64)


@functools.cache
def gradient_signature(dtype: str = "float64") -> Any:
    """A function's kernel: `void(points (2, n), gradient (2, n))` over a block of points."""
    from numba import from_dtype, void
    from numpy import dtype as as_dtype

    real = from_dtype(as_dtype(dtype))
    return void(real[:, ::1], real[:, ::1])


@functools.cache
def index_signature() -> Any:
    """Colours to palette indices: `void(rgba (n, 4), table, indices (n,))`, all uint8."""
    from numba import uint8, void

    return void(uint8[:, ::1], uint8[::1], uint8[::1])


@functools.cache
def value_signature() -> Any:
    """A function's values along a path: `void(points (n, 2), values (n,))`."""
    from numba import float64, void

    return void(float64[:, ::1], float64[::1])


@functools.cache
def descend_signature() -> Any:
    """The recorded loop of `trajectory.py`, which takes both kernels as function pointers.

    Pointers, not dispatchers: the loop is then compiled once per machine, not once per
    optimizer, function and process.
    """
    from numba import float64, int64, types, void

    step, gradient = types.FunctionType(step_signature()), types.FunctionType(gradient_signature())
    vector, matrix, cube = float64[::1], float64[:, ::1], float64[:, :, ::1]
    return void(
        step, gradient, matrix, matrix, matrix, vector, matrix, float64, matrix, cube, int64[::1]
    )


@functools.cache
def blocks_signature(dtype: str = "float64") -> Any:
    """The loop of `block.py`, which takes all kernels as function pointers too."""
    from numba import float64, from_dtype, int8, int32, types, uint8, uint64, void
    from numpy import dtype as as_dtype

    real = from_dtype(as_dtype(dtype))
    step = types.FunctionType(step_signature(dtype))
    gradient = types.FunctionType(gradient_signature(dtype))
    value = types.FunctionType(value_signature())
    perturb = types.FunctionType(noise_signature(dtype))
    rows = float64[:, ::1]
    return void(
        step, gradient, value, perturb, real[:, ::1], uint64[::1], rows, rows, rows, float64[::1],
        uint8[::1], real[:, :, ::1], int32[:, ::1], int8[:, ::1],
    )  # fmt: skip


@functools.cache
def noise_signature(dtype: str = "float64") -> Any:
    """Gaussian noise: `void(keys (n,), t, deviation, gradient (2 n,))`, added in place."""
    from numba import float64, from_dtype, int64, uint64, void
    from numpy import dtype as as_dtype

    return void(uint64[::1], int64, float64, from_dtype(as_dtype(dtype))[::1])


# -- compilation ----------------------------------------------------------------------------


def compiled(
    function: Callable[..., Any],
    signature: Callable[[], Any],
    fastmath: frozenset[str] = FASTMATH,
) -> Callable[..., Any]:
    """`function` compiled for the signature that `signature()` returns, by way of the disk cache.

    The function must not call compiled functions of another file: Numba's cache would not notice
    that they changed. The exception is `vecmath` in generated source modules: its text is part of
    their keys (`formula.Expression.kernels`), so that a change of it makes new files. With
    `NUMBA_DISABLE_JIT=1` the function is returned as it is.
    """
    if jit_disabled():
        return function
    with _lock:
        return _compile(function, signature(), fastmath)


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
    function: Callable[..., Any], signature: Any, fastmath: frozenset[str]
) -> Callable[..., Any]:
    from numba import njit

    options = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
    folder = cache_folder() / "numba"
    with _numba_keeps(folder):
        try:
            kernel: Callable[..., Any] = njit(signature, cache=True, **options)(function)
        except Exception:
            # A damaged cache (a disk that was full, a process that was killed, another version's
            # pickle) may raise nearly anything. If the function itself is at fault, the second
            # attempt raises again and says why.
            _forget(folder, function)
            kernel = njit(signature, **options)(function)
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
    """Delete the machine code that is kept of a function, and of what it may call."""
    stem = Path(function.__code__.co_filename).stem
    for pattern in (f"*/{stem}.{function.__name__}-*", "*/vecmath.*"):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


# -- threads --------------------------------------------------------------------------------


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
