"""Source modules: Python text made from a formula or an update rule, kept as a file.

It lies in the cache folder under the hash of what it was made from, so that Numba can cache the
machine code too, and nothing need be derived again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from optviz.compiled.cache import cache_folder
from optviz.shared.files import write_atomically

HERE = Path(__file__).parent.parent
#: By its path, as to import it would import Numba.
VECMATH = HERE / "compiled" / "vecmath.py"

_lock = threading.RLock()


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


@functools.cache
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
