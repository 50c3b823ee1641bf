"""Where pictures go: suffixes and folders are checked before work, files are whole or absent."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from optviz._files import replacing
from optviz._text import did_you_mean

#: Still formats by suffix.
STILL = {".png": "PNG", ".svg": "SVG", ".pdf": "PDF"}


def check_target(path: str | Path, formats: Mapping[str, str]) -> Path:
    """`path` as a Path whose suffix is known and whose folder can be written.

    Raises
    ------
    ValueError
        For an unknown suffix, a missing folder, or a folder in the file's place.
    OSError
        If the folder is read-only.
    """
    target = Path(path)
    known = ", ".join(formats)
    if target.suffix.lower() not in formats:
        hint = did_you_mean(target.suffix, formats) if target.suffix else ""
        what = f"the file type {target.suffix!r}" if target.suffix else "a file without a suffix"
        raise ValueError(f"{what} is not known here{hint}: name the file with one of {known}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: name a file in it, such as {target / 'adam.gif'}")
    if not target.parent.is_dir():
        raise ValueError(f"the folder {target.parent} does not exist: create it first")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(
            errno.EACCES, "the folder is read-only: choose another with -o", str(target.parent)
        )
    return target


def save_figure(figure: Figure, path: str | Path, *, dpi: float = 200) -> Path:
    """Write a still picture in one step; the suffix of `path` chooses PNG, SVG or PDF.

    Raises
    ------
    ValueError, OSError
        As `check_target`.
    """
    target = check_target(path, STILL)
    kind = target.suffix.lower().removeprefix(".")
    # Neither SVG nor PDF needs a date, and without it the same picture is the same file.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with replacing(target) as temporary:
        figure.savefig(temporary, format=kind, dpi=dpi, metadata=metadata)
    return target
