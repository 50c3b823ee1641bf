"""`optviz doctor`: what is installed, where things are kept, and in words what is wrong."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

#: What each extra brings that is used here, by the names of modules.
EXTRAS = {
    "explore": ("websockets",), "notebook": ("anywidget",), "distributed": ("distributed",),
    "docs": ("sphinx", "furo"),
    "peers": ("torch", "jax", "optax", "keras"), "test": ("pytest", "hypothesis"),
    "browser": ("selenium",),
}  # fmt: skip
#: Optional libraries that are no extra of ours: what they are good for.
ALSO = {
    "pandas": "tables", "polars": "tables", "xarray": "tables", "sympy": "functions from SymPy",
    "IPython": "notebooks",
}  # fmt: skip


def report() -> tuple[list[str], list[str]]:
    """What there is, and what is wrong."""
    import optviz

    lines = [
        f"optviz {optviz.__version__} in {Path(optviz.__file__).parent}",
        f"python {platform.python_version()} ({sys.executable}) on {platform.system()} "
        f"{platform.machine()}",
        *(f"{name} {found}" for name, found, _ in _required()),
        "",
        *_places(),
        "",
        *_extras(),
    ]  # fmt: skip
    return lines, [text for check in (_old, _cache, _compiler, _films) for text in check()]


def _required() -> Iterator[tuple[str, str, str]]:
    """Each dependency, the version that is there, and the least that is wanted."""
    for line in requires("optviz") or ():
        if "extra ==" in line:
            continue
        name, _, least = re.match(r"([\w.-]+)(\[.*\])?>=([\w.]+)", line).groups()  # type: ignore[union-attr]
        try:
            yield name, version(name), least
        except PackageNotFoundError:
            yield name, "is missing", least


def _old() -> Iterator[str]:
    for name, found, least in _required():
        if found == "is missing":
            yield f"{name} is missing: pip install '{name}>={least}'"
        elif _numbers(found) < _numbers(least):
            yield f"{name} {found} is older than {least}: pip install -U '{name}>={least}'"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _places() -> list[str]:
    from optviz.compiled.cache import cache_folder
    from optviz.compiled.threads import thread_count

    folder = cache_folder()
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    told = "OPTVIZ_THREADS" if os.environ.get("OPTVIZ_THREADS", "").isdigit() else "all there are"
    return [
        f"cache: {folder} ({size / 1e6:.1f} MB; may be deleted at any time)",
        f"threads: {thread_count()} ({told})",
    ]


def _extras() -> list[str]:
    rows = []
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if not _is_there(name)]
        state = (
            "here" if not missing else f"lacks {', '.join(missing)}: pip install 'optviz[{extra}]'"
        )
        rows.append(f"extra {extra}: {state}")
    here = [f"{name} ({use})" for name, use in ALSO.items() if _is_there(name)]
    return [*rows, f"also here: {', '.join(here) or 'nothing'}"]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _cache() -> Iterator[str]:
    import platformdirs

    from optviz.compiled.cache import cache_folder

    usual = os.environ.get("OPTVIZ_CACHE_DIR") or platformdirs.user_cache_dir("optviz", False)
    if cache_folder() != Path(usual):
        yield (
            f"the cache folder {usual} cannot be written: everything is compiled anew in each "
            "process; make it writable, or set OPTVIZ_CACHE_DIR to a folder that is"
        )


def _compiler() -> Iterator[str]:
    from optviz.compiled import jit

    if jit.jit_disabled():
        yield "NUMBA_DISABLE_JIT is set: kernels are plain Python, some hundred times slower"
        return
    import optviz as ov

    try:
        t = ov.minimize("bowl", ov.SGD(lr=0.5), steps=2)
    except Exception as error:  # whatever it is, it is what is wrong
        yield f"nothing can be compiled: {type(error).__name__}: {error}"
        return
    if abs(t.points[-1, 0] - -7 * 0.95**2) > 1e-12:
        yield "compiled code computes wrong numbers: delete the cache folder, and try again"


def _films() -> Iterator[str]:
    try:
        from av.codec import Codec

        Codec("libx264", "w")
    except Exception as error:
        yield f"MP4 cannot be written ({type(error).__name__}: {error}): use .gif, .webp or .png"
