"""The folder where generated sources and machine code are kept from one run to the next.

Everything in it may be deleted at any time, shared by several processes, or damaged: what cannot
be read is made again.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path


@functools.cache
def cache_folder() -> Path:
    """The folder of generated and compiled code; a temporary one if the usual, or a folder in it,
    is not writable (as after a first run by another user).

    `OPTVIZ_CACHE_DIR` overrides the platform's usual place.
    """
    import platformdirs

    usual = os.environ.get("OPTVIZ_CACHE_DIR") or platformdirs.user_cache_dir("optviz", False)
    try:
        folder = Path(usual)
        folder.mkdir(parents=True, exist_ok=True)
        for kept in (folder, folder / "sources", folder / "numba", *folder.glob("numba/*/")):
            if kept.exists():
                with tempfile.TemporaryFile(dir=kept):
                    pass
        return folder
    except OSError:
        temporary = Path(tempfile.mkdtemp(prefix="optviz-cache-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return temporary
