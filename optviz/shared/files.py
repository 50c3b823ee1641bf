"""Files that are whole or not there: written under a temporary name, then moved into place."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what a killed process leaves stays there
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, moved onto it when the block ends without an exception.

    Whatever interrupts the block (Ctrl-C and a full disk too) leaves the old file as it was and
    no litter; what a process leaves that is killed outright, the next one for this path clears.
    The temporary name keeps the suffix, because writers choose a format by it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist: create it first")
    # With the name of the computer: on a disk that several share, locks may hold on one only.
    prefix = f".{path.stem}-{zlib.crc32(platform.node().encode()):08x}-"
    _clear_litter(path, prefix)
    handle, temporary = _locked_file(path, prefix)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _locked_file(path: Path, prefix: str) -> tuple[int, Path]:
    """A new file that is locked as long as its handle is open: however the process ends."""
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        # Another process may take it for litter before it is locked: then a new one is made.
        if _lock(handle) is not False and os.path.exists(name):
            return handle, Path(name)
        os.close(handle)


def _clear_litter(path: Path, prefix: str) -> None:
    """Delete temporary files for `path` that no living process has locked."""
    # `mkstemp` puts eight characters between.
    for litter in path.parent.glob(f"{escape(prefix)}{'?' * 8}{escape(path.suffix)}"):
        with contextlib.suppress(OSError), litter.open("rb+") as file:
            if _lock(file.fileno()):
                litter.unlink()


def _lock(handle: int) -> bool | None:
    """Whether nobody else had locked the file; None if files cannot be locked here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step as seen by other processes."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _umask() -> int:
    # There is no way to read the mask but to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
