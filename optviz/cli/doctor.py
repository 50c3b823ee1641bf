"""`optviz doctor`: what is installed, where things are kept, and in words what is wrong."""

from __future__ import annotations

import importlib.util
import io
import logging
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

    missing = [name for name, found, _ in _required() if found == "is missing"]
    lines = [
        f"optviz {optviz.__version__} in {Path(optviz.__file__).parent}",
        f"python {platform.python_version()} ({sys.executable}) on {platform.system()} "
        f"{platform.machine()}",
        *(f"{name} {found}" for name, found, _ in _required()),
        "",
        *([] if missing else _places()),
        "",
        *_extras(),
    ]  # fmt: skip
    # What is missing is the cause of whatever else would be found.
    checks = (_old,) if missing else (_old, _cache, _threads, _compiler, _pictures, _films, _words)
    return lines, [text for check in checks for text in check()]


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
    told = "OPTVIZ_THREADS" if os.environ.get("OPTVIZ_THREADS") else "all there are"
    try:
        threads = f"{thread_count()} ({told})"
    except ValueError:
        threads = "unknown"
    return [
        f"cache: {folder} ({size / 1e6:.1f} MB; may be deleted at any time)",
        f"threads: {threads}",
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
            f"the cache folder {usual}, or one in it, cannot be written: everything is compiled "
            "anew in each process; make it writable, or set OPTVIZ_CACHE_DIR to a folder that is"
        )


def _threads() -> Iterator[str]:
    from optviz.compiled.threads import processor_count, thread_count

    try:
        if thread_count() > processor_count():
            yield (
                f"OPTVIZ_THREADS is {thread_count()}, and there are {processor_count()} "
                "processors: more threads only wait for each other"
            )
    except ValueError as error:
        yield str(error)


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


def _pictures() -> Iterator[str]:
    """Whether Matplotlib draws, and what it complains of when it reads its settings."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger("matplotlib").addHandler(handler)
    try:
        import PIL.Image
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure((1, 1))
        figure.text(0.5, 0.5, "η")
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
        PIL.Image.init()
    except Exception as error:
        told = " ".join(str(error).split())[:120]
        yield f"no picture can be drawn ({type(error).__name__}: {told}){_settings_of_matplotlib()}"
        return
    finally:
        logging.getLogger("matplotlib").removeHandler(handler)
    if words := " ".join(said.getvalue().split()):
        yield f"Matplotlib complains of its settings: {words}"


def _settings_of_matplotlib() -> str:
    """What it was told from outside, if anything."""
    names = [name for name in ("MPLBACKEND", "MATPLOTLIBRC", "MPLCONFIGDIR") if name in os.environ]
    found = [f"{name}={os.environ[name]}" for name in names]
    found += ["the matplotlibrc in this folder"] if Path("matplotlibrc").exists() else []
    return f": look at {', '.join(found)}" if found else ""


def _films() -> Iterator[str]:
    try:
        from av.codec import Codec
    except ImportError as error:
        yield f"no film but .html can be written ({error}): pip install --force-reinstall av"
        return
    try:
        Codec("libx264", "w")
    except Exception as error:
        yield f"MP4 cannot be written ({type(error).__name__}: {error}): use .gif, .webp or .png"


def _words() -> Iterator[str]:
    """Signs such as − and ² stand in findings."""
    encoding = (sys.stdout.encoding or "").lower()
    try:
        "−²η".encode(encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        yield f"words are printed in {encoding}, which lacks signs such as minus: set PYTHONUTF8=1"
