"""Where pictures go: suffixes and folders are checked before work, files are whole or absent."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from optviz.render.metadata import savefig_options
from optviz.shared.checks import as_path, check_whole
from optviz.shared.files import replacing
from optviz.shared.text import did_you_mean

# Checks come before work: they do not wait for Matplotlib's import.
if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: The attribute of a figure that holds the study that made it.
STUDY = "optviz_study"
#: That of a figure which holds in words what it shows.
SHOWS = "optviz_shows"

#: Of a file's name, in bytes: what common file systems take, less the temporary name's part.
MAX_NAME = 230
#: Still formats by suffix.
STILL = {".png": "PNG", ".svg": "SVG", ".pdf": "PDF", ".jpg": "JPEG", ".jpeg": "JPEG"}


def check_target(path: str | Path, formats: Iterable[str]) -> Path:
    """`path` as a Path whose suffix is known and whose folder can be written.

    Raises
    ------
    ValueError
        For an unknown suffix, a missing folder, or a folder in the file's place.
    OSError
        If the folder is read-only.
    """
    target = as_path("the file", path)
    known = ", ".join(formats)
    formats = list(formats)
    if target.suffix.lower() not in formats:
        hint = did_you_mean(target.suffix, formats) if target.suffix else ""
        what = f"the file type {target.suffix!r}" if target.suffix else "a file without a suffix"
        raise ValueError(f"{what} is not known here{hint}: name the file with one of {known}")
    if len(target.name.encode()) > MAX_NAME:
        raise ValueError(f"the file's name has more than {MAX_NAME} bytes: choose a shorter one")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: name a file in it, such as {target / 'adam.gif'}")
    if not target.parent.is_dir():
        raise ValueError(f"the folder {target.parent} does not exist: create it first")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(
            errno.EACCES,
            f"the folder {target.parent.absolute()} is read-only: choose another with -o",
        )
    return target


def save_figure(figure: Figure, path: str | Path, *, dpi: int, spec: str = "") -> Path:
    """Write a still picture in one step, with its specification inside; the suffix of `path`
    chooses PNG, SVG, PDF or JPG.

    Raises
    ------
    ValueError, OSError
        As `check_target`.
    """
    import matplotlib as mpl

    target = check_target(path, STILL)
    check_whole("dpi", dpi, 20, 600)
    suffix = target.suffix.lower()
    with replacing(target) as temporary, mpl.rc_context({"svg.hashsalt": "optviz"}):
        kind = suffix.removeprefix(".")
        figure.savefig(
            temporary,
            format=kind,
            dpi=dpi,
            **savefig_options(suffix, spec, getattr(figure, SHOWS, "")),
        )
    return target
