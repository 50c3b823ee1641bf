"""An optimizer's state as JSON, and back to the bit: nan, infinity and −0 too."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The types that states are made of.
TYPES = ("float32", "float64")


def state_text(state: Mapping[str, Any]) -> str:
    """A flat dict of arrays and numbers as JSON."""
    return json.dumps({key: _plain(value) for key, value in state.items()}, allow_nan=False)


def _plain(value: Any) -> Any:
    """A number as it is (JSON has none that is not finite), an array by its bytes."""
    if isinstance(value, np.ndarray):
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        text = base64.b64encode(little.tobytes()).decode()
        return {"dtype": value.dtype.name, "shape": list(value.shape), "base64": text}
    number = value.item() if isinstance(value, np.generic) else value
    return number if math.isfinite(number) else _plain(np.array(number, float))


def read_state(text: str) -> dict[str, Any]:
    """What `state_text` made a text of.

    Raises
    ------
    ValueError
        If the text is damaged.
    """
    try:
        data = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"this is no state of an optimizer: {str(text)[:40]!r}") from None
    if not isinstance(data, dict):
        raise ValueError(f"a state is a JSON object, not {str(text)[:40]!r}")
    return {key: _array(key, v) if isinstance(v, dict) else v for key, v in data.items()}


def _array(key: str, entry: Mapping[str, Any]) -> NDArray[Any]:
    kind, shape = entry.get("dtype"), entry.get("shape")
    try:
        if kind not in TYPES or not isinstance(shape, list):
            raise ValueError
        little = np.dtype(str(kind)).newbyteorder("<")
        flat = np.frombuffer(base64.b64decode(entry["base64"], validate=True), little)
        # Of its own, in this machine's order of bytes.
        return flat.reshape(shape).astype(np.dtype(str(kind)))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise ValueError(f"the state's array {key!r} is damaged") from None
