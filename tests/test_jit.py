"""The caches: a second process hits them; damage, sharing and read-only folders are survived."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from optviz.compiled import jit

PROGRAM = """
import sys, numpy as np, optviz as ov
from numba.core import compiler
compiled = []
original = compiler.CompilerBase.compile_extra
def counting(self, func):
    compiled.append(func.__qualname__)
    return original(self, func)
compiler.CompilerBase.compile_extra = counting
t = ov.minimize("x**2/20 + y**2 + cos(x)", ov.Adam(lr=0.3), start=(1, 2), steps=50)
print(len(compiled), repr(t.points[-1].tolist()))
"""


def run(cache: Path, program: str = PROGRAM, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "OPTVIZ_CACHE_DIR": str(cache), **env},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    count, _, point = done.stdout.partition(" ")
    return int(count), point


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> tuple[Path, str]:
    cache = tmp_path_factory.mktemp("cache")
    count, point = run(cache)
    assert count > 0
    return cache, point


needs_jit = pytest.mark.skipif(jit.jit_disabled(), reason="NUMBA_DISABLE_JIT is set")


@needs_jit
def test_a_second_process_compiles_nothing(warm) -> None:
    cache, point = warm
    assert run(cache) == (0, point)


def test_without_jit_the_path_is_the_same(warm) -> None:
    cache, point = warm
    count, plain = run(cache, NUMBA_DISABLE_JIT="1")
    assert count == 0
    assert eval_list(plain) == pytest.approx(eval_list(point), rel=1e-12)


def eval_list(text: str) -> list[float]:
    import json

    return list(json.loads(text))


@needs_jit
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage"])
@pytest.mark.slow
def test_damaged_machine_code_is_made_again(tmp_path, damage: str) -> None:
    _, point = run(tmp_path)
    for file in (tmp_path / "numba").rglob("*.nb?"):
        data = file.read_bytes()
        file.write_bytes(
            {"empty": b"", "cut": data[: len(data) // 2], "garbage": b"\x80\x04nonsense" * 9}[
                damage
            ]
        )
    again, same = run(tmp_path)
    assert again > 0
    assert same == point
    assert run(tmp_path)[1] == point


@pytest.mark.slow
def test_damaged_sources_are_made_again(tmp_path) -> None:
    _, point = run(tmp_path)
    for file in (tmp_path / "sources").glob("*.py"):
        file.write_text(file.read_text()[:-200])
    assert run(tmp_path)[1] == point


@pytest.mark.slow
def test_two_processes_at_once_share_a_cold_cache(tmp_path) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        points = {point for _, point in pool.map(lambda _: run(tmp_path), range(3))}
    assert len(points) == 1


@pytest.mark.slow
def test_a_read_only_cache_folder(warm, tmp_path) -> None:
    """The same path, by way of a temporary folder that goes with the process."""
    for name in ("locked", "temporary"):
        (tmp_path / name).mkdir()
    # Root may write to any ordinary folder, but nobody to this one.
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path / "locked"
    (tmp_path / "locked").chmod(0o500)
    program = PROGRAM + (
        "from optviz.compiled.cache import cache_folder\n"
        f"assert str(cache_folder().parent) == {str(tmp_path / 'temporary')!r}\n"
        "assert len(list(cache_folder().glob('sources/*.py'))) >= 2\n"
    )
    count, point = run(folder / "cache", program, TMPDIR=str(tmp_path / "temporary"))
    assert point == warm[1]
    assert count > 0 or jit.jit_disabled()
    assert not (folder / "cache").exists()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
def test_a_cache_that_cannot_be_a_folder(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(tmp_path / "file")[1]
    assert (tmp_path / "file").read_text() == "in the way"


#: Ends like `kill -9` when a function is called for the k-th time: before it, or half-way.
KILLED = {
    "while it compiles": ("numba.core.compiler", "CompilerBase.compile_extra", 2, False),
    "with a source half written": ("pathlib", "Path.write_bytes", 2, True),
    "before a source is in its place": ("os", "replace", 2, False),
    "before machine code is in its place": ("numba.core.caching",
                                            "IndexDataCacheFile._save_data", 2, False),
    "before the index is in its place": ("numba.core.caching",
                                         "IndexDataCacheFile._save_index", 1, False),
}  # fmt: skip
KILLER = """
import importlib, os, signal
module, name, k, half = {how!r}
place = importlib.import_module(module)
*owners, name = name.split(".")
for owner in owners:
    place = getattr(place, owner)
real, calls = getattr(place, name), []
def killing(*args):
    calls.append(1)
    if len(calls) < k:
        return real(*args)
    if half:
        real(args[0], args[1][: len(args[1]) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
setattr(place, name, killing)
"""


@needs_jit
@pytest.mark.parametrize("when", KILLED)
@pytest.mark.slow
def test_a_process_killed_while_compiling_leaves_a_usable_cache(warm, tmp_path, when) -> None:
    """What it left is used or made again: the same path, and then nothing is compiled."""
    process = subprocess.run(
        [sys.executable, "-c", KILLER.format(how=KILLED[when]) + PROGRAM], capture_output=True,
        env={**os.environ, "OPTVIZ_CACHE_DIR": str(tmp_path)}, timeout=200, check=False,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL
    count, point = run(tmp_path)
    assert point == warm[1]
    assert count > 0
    assert run(tmp_path) == (0, point)


def test_import_is_lazy() -> None:
    program = (
        "import sys, optviz, optviz.cli\n"
        "heavy = {'numba', 'matplotlib', 'sympy', 'numpy', 'scipy', 'PIL', 'av', 'llvmlite'}\n"
        "print(len(heavy & set(sys.modules)), 'ok')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.split() == ["0", "ok"]


def test_public_names_are_there() -> None:
    import optviz as ov

    for name in ov.__all__:
        assert getattr(ov, name) is not None
    assert set(ov.__all__) == set(dir(ov))
    with pytest.raises(AttributeError, match="No optviz attribute adam"):
        _ = ov.adam
    assert ov.optimizers["adam"] is ov.Adam
    assert ov.functions["bowl"].formula == "x**2/20 + y**2"
    assert len(ov.optimizers) == 26
    assert dict(ov.optimizers).keys() == set(ov.optimizers)


def test_a_forked_child_gets_its_own_threads() -> None:
    program = (
        "import os, numpy as np, optviz as ov, optviz.optimizers.state as b\n"
        "b.PARALLEL_SIZE = 10\n"
        "o, x = ov.Adam(), {'x': np.zeros(100)}\n"
        "o.update(x, {'x': np.ones(100)})\n"
        "pid = os.fork()\n"
        "o.update(x, {'x': np.ones(100)})\n"
        "if pid == 0: os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 'ok')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "OPTVIZ_THREADS": "2"},
    )  # fmt: skip
    assert done.stdout.split() == ["0", "ok"]
