"""Answers as bytes: a head in JSON, then arrays as they lie in memory.

A page reads the arrays in place: four bytes hold the length of the head, which names each array's
type, shape and offset behind it; every array begins at a multiple of eight.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What a page can view without a copy.
TYPES = ("float64", "float32", "uint32", "int32", "uint8")
ALIGN = 8


def packed(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """A head, whose numbers may be nan or infinite (`null` then), and arrays by name.

    Raises
    ------
    ValueError
        If an array is of another type than `TYPES`.

    >>> packed({"id": 1})[4:]
    b'{"id": 1, "arrays": {}}     '
    """
    parts, places, at = [], {}, 0
    for name, array in (arrays or {}).items():
        if array.dtype.name not in TYPES:
            raise ValueError(f"{name} is of {array.dtype}: a page reads {', '.join(TYPES)}")
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        places[name] = [array.dtype.name, list(array.shape), at]
        data += b"\0" * (-len(data) % ALIGN)
        parts.append(data)
        at += len(data)
    text = json.dumps(_plain({**told, "arrays": places}), allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % ALIGN)
    return b"".join([struct.pack("<I", len(text)), text, *parts])


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The head, without its description of the arrays, and the arrays.

    >>> told, arrays = unpacked(packed({"id": 1}, {"x": np.arange(3.0)}))
    >>> told, arrays["x"]
    ({'id': 1}, array([0., 1., 2.]))
    """
    told, length, arrays = head(data), _length(data), {}
    for name, (kind, shape, at) in told.pop("arrays").items():
        count = math.prod(shape)
        arrays[name] = np.frombuffer(data, f"<{np.dtype(kind).str[1:]}", count, 4 + length + at)
        arrays[name] = arrays[name].reshape(shape)
    return told, arrays


def head(data: bytes) -> dict[str, Any]:
    """The head alone."""
    told: dict[str, Any] = json.loads(data[4 : 4 + _length(data)])
    return told


def _length(data: bytes) -> int:
    return int.from_bytes(data[:4], "little")


def _plain(value: Any) -> Any:
    """What JSON holds."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case np.generic() | np.ndarray():
            return _plain(value.tolist())
        case bool() | None | int() | str():
            return value
        case float():
            # Not as the subclass that a hyperparameter's default is.
            return float(value) if math.isfinite(value) else None
    return str(value)
