"""Archives of arrays (`.npz`), read with distrust.

Nothing is believed that a header says until the file is seen to hold it, no array is allocated
before that, and no pickle is ever opened: it could run code.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.text import did_you_mean, listed

#: Deflate cannot pack tighter than 1032 : 1: what claims more is damaged, or a trap.
TIGHTEST = 1032
#: So much may be packed as tightly as that (zeros are); all that goes beyond it, 200 : 1 at most.
FREE_BYTES, USUAL = 1 << 30, 200

_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class DamagedError(ValueError):
    """The file is no archive, or does not hold what it says."""


class PickledError(ValueError):
    """An array holds pickled Python objects."""


class NpzFile:
    """An archive of arrays. Use as a context manager; `keys` tells what is in it.

    Raises
    ------
    DamagedError
        If the file is no archive, or claims to hold more than it can.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        try:
            self._zip = zipfile.ZipFile(self._file)
        except Exception:  # whatever zipfile says to garbage
            raise DamagedError("is no .npz archive, or is cut short") from None
        size = self._file.seek(0, 2)
        most = min(TIGHTEST * size, max(FREE_BYTES, USUAL * size))
        # Members may share their bytes: the sum counts.
        if (claimed := sum(info.file_size for info in self._zip.infolist())) > most:
            raise DamagedError(f"claims to hold {claimed:,} bytes in {size:,}: damaged, or a trap")
        names = self._zip.namelist()
        self.keys = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]

    def __enter__(self) -> NpzFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def array(self, key: str) -> NDArray[Any]:
        """The array of that name.

        Raises
        ------
        ValueError
            If there is none of that name, or no room for it.
        PickledError
            If it holds pickled objects.
        DamagedError
            If the file does not hold what its header says.
        """
        if key not in self.keys:
            hint = did_you_mean(key, self.keys)
            raise ValueError(f"has no array {key!r}{hint}: it has {listed(self.keys) or 'none'}")
        try:
            return self._read(self._zip.getinfo(f"{key}.npy"))
        except PickledError:
            raise PickledError(
                f"the array {key!r} holds pickled Python objects, which could run any code and "
                "are not opened"
            ) from None
        except MemoryError:
            raise ValueError(f"the array {key!r} does not fit into the memory") from None
        except Exception:  # whatever zip, zlib and the header's parser say to garbage
            raise DamagedError(f"the array {key!r} is damaged") from None

    def _read(self, info: zipfile.ZipInfo) -> NDArray[Any]:
        with self._zip.open(info) as file:
            version = np.lib.format.read_magic(file)
            shape, _, dtype = _HEADER[version](file)
            if dtype.hasobject:
                raise PickledError
            if math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
                raise ValueError
            file.seek(0)
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array
