"""Checkpoints: a training run goes on where it was broken off, to the bit."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data.dataset import is_sparse
from optviz.nn.records import COLUMNS
from optviz.nn.run import Run
from optviz.nn.storage import spec_of
from optviz.shared.archive import read_archive, write_archive
from optviz.shared.text import listed

Array = NDArray[Any]


#: What a run is known by, and what else it has come to, each in one value.
SETTINGS = ("batch_size", "patience", "restore_best", "weight_decay", "clip_norm")
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "steps": int, "best_loss": float, "best_epoch": int, "is_stopped": bool, "stopped_early": bool,
}  # fmt: skip


class Checkpoint:
    """A file from which a run goes on to the bit; written whole, after each epoch."""

    def __init__(self, path: Path, run: Run) -> None:
        if path.suffix != ".npz":
            raise ValueError(f"checkpoint must be named .npz, not {path.name!r}")
        # A folder that is not there, or not for us, is told before the first epoch.
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        self.path, self.run = path, run
        # Taken before the first step, so that a run is known by how it begins.
        self.identity = self._identity()

    def _identity(self) -> dict[str, Any]:
        """What two runs must share to be the same."""
        run = self.run
        return {
            "network": spec_of(run.network),
            "optimizer": run.optimizer.spec(),
            "begins": _checksum(*run.state().values(), *run.optimizer.state_dict().values()),
            "data": _checksum(run.x, run.targets),
            "validation": _checksum(*run.held_out) if run.held_out is not None else None,
            "rng": _checksum(np.frombuffer(_rng_text(run.rng).encode(), np.uint8)),
            **{name: getattr(run, name) for name in SETTINGS},
            "records": [*run.records.names, run.records.every],
        }

    def write(self) -> None:
        """All that the run is now."""
        run = self.run
        arrays: dict[str, Any] = {**run.state(), "rows": np.array(run.rows)}
        arrays |= {f"optimizer/{name}": v for name, v in run.optimizer.state_dict().items()}
        arrays |= {f"best/{name}": array for name, array in run.best.items()}
        arrays |= {f"records/{name}": array for name, array in run.records.arrays().items()}
        spec = {
            "kind": "checkpoint", "identity": self.identity, "rng": _rng_text(run.rng),
            **{name: getattr(run, name) for name in NUMBERS},
        }  # fmt: skip
        write_archive(self.path, arrays, spec)

    def resume(self) -> None:
        """Take over what the file holds, if there is one."""
        if not self.path.exists():
            return
        arrays, spec = read_archive(self.path, "checkpoint")
        # By way of JSON, as the file has it (tuples have become lists).
        mine, found = json.loads(json.dumps(self.identity)), spec.get("identity")
        if not isinstance(found, dict):
            raise ValueError(f"the checkpoint {self.path} is damaged: it has no identity")
        if differ := [name for name in mine if found.get(name) != mine[name]]:
            raise ValueError(
                f"the checkpoint {self.path} is of another run ({listed(differ)} differ): "
                "delete it, or give another file"
            )
        self._bring_up_to_date(arrays)
        try:
            self._take_over(arrays, spec)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            why = " ".join(str(error).split())  # it may show an array, in rows
            raise ValueError(f"the checkpoint {self.path} is damaged: {why[:200]}") from None

    def _bring_up_to_date(self, arrays: dict[str, Array]) -> None:
        """Epochs of the first format: their loss held the penalties, which had no column."""
        rows = arrays.get("rows", np.empty(0))
        if rows.ndim == 2 and rows.shape[1] == len(COLUMNS) - 1:
            if self.run.network.l1 or self.run.network.l2:
                raise ValueError(
                    f"the checkpoint {self.path} is of an earlier optviz, whose training loss "
                    "held the penalties: delete it, or give another file"
                )
            arrays["rows"] = np.insert(rows, COLUMNS.index("penalty"), 0, axis=1)

    def _take_over(self, arrays: dict[str, Array], spec: Mapping[str, Any]) -> None:
        """Read all of it, and only then change anything."""
        run = self.run
        rows = [tuple(map(float, row)) for row in arrays["rows"]]
        numbers = {name: kind(spec[name]) for name, kind in NUMBERS.items()}
        best = _part(arrays, "best/")
        for state in (arrays, best) if best else (arrays,):
            run.network.check_state(state)
        if not rows or any(len(row) != len(COLUMNS) for row in rows):
            raise ValueError(f"its epochs are not rows of {len(COLUMNS)} numbers")
        state = _part(arrays, "optimizer/")
        trial = run.optimizer.fresh()
        trial.load_state_dict(state)
        if missing := [name for name in run.parts if f"{name}/t" not in state]:
            raise ValueError(f"the optimizer has no state of {listed(missing)}")
        # A step elsewhere shows whether the state fits.
        trial.update({k: v.copy() for k, v in run.parts.items()}, run.part_gradients)
        bits = json.loads(spec["rng"])
        type(run.rng.bit_generator)().state = bits
        # -- from here on nothing fails
        run.optimizer.load_state_dict(state)
        run.rng.bit_generator.state = bits
        run.network.restore(arrays)
        run.rows, run.best = rows, best
        for name, value in numbers.items():
            setattr(run, name, value)
        run.records.kept = {k: list(v) for k, v in _part(arrays, "records/").items()}


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _checksum(*arrays: Any) -> int:
    total = 0
    for array in arrays:
        parts = (array.data, array.indices, array.indptr) if is_sparse(array) else (array,)
        for part in map(np.ascontiguousarray, parts):
            total = zlib.crc32(f"{part.dtype}{part.shape}".encode(), total)
            total = zlib.crc32(part.reshape(-1).view(np.uint8).data, total)
    return total


def _rng_text(rng: np.random.Generator) -> str:
    state = rng.bit_generator.state
    return json.dumps(state, default=lambda array: array.tolist())
