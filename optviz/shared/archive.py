"""Arrays and their specification in one `.npz`: whole or absent, and without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.checks import as_path
from optviz.shared.files import replacing
from optviz.shared.npz import NpzFile

SPEC = "spec"


def write_archive(path: str | Path, arrays: Mapping[str, Any], spec: Mapping[str, Any]) -> Path:
    """Write numeric arrays and a specification (JSON data) to `path`, in one step.

    Raises
    ------
    ValueError
        If `path` does not end in .npz.
    OSError
        If it cannot be written.
    """
    target = as_path("the file", path)
    if target.suffix != ".npz":
        raise ValueError(f"name the file with .npz, not {target.name!r}")
    text = np.array(json.dumps(spec))
    with replacing(target) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **{SPEC: text, **arrays})
    return target


def read_archive(path: str | Path, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the specification of a file that `write_archive` made.

    Parameters
    ----------
    kind
        What the specification's "kind" must be.

    Raises
    ------
    ValueError
        If it is another file, damaged, or holds pickled objects (which are not executed).
    OSError
        If it cannot be read.
    """
    path = as_path("the file", path)
    try:
        with NpzFile(path) as file:
            found = {name: file.array(name) for name in file.keys}
        spec = json.loads(str(found.pop(SPEC)))
    except (ValueError, KeyError, RecursionError) as error:
        why = "it has no specification" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path.name} is no {kind} of optviz: {why[:200]}") from None
    if not isinstance(spec, dict) or spec.get("kind") != kind:
        raise ValueError(f"{path.name} is no {kind} of optviz")
    return found, spec
