"""The specification of a picture of training: what `nn.compare` was told, and how it is shown."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import optviz
from optviz.nn.comparison import Setup, Training
from optviz.render.fields import (
    MAX_RUNS,
    SpecError,
    check_flag,
    check_real,
    check_size,
    check_text,
    one_of,
    whole,
)  # fmt: skip
from optviz.render.spec import optimizer_text
from optviz.render.style import THEMES
from optviz.shared.text import listed, number

KIND = "train"
MAX_LAYERS, MAX_WEIGHTS = 50, 20_000_000


@dataclass(frozen=True)
class TrainSpec:
    """A comparison and its look; `Spec` is the same for paths.

    Attributes
    ----------
    setup : Setup
    optimizers
        As text.
    theme, size, dpi
        As for `plot`.
    """

    setup: Setup
    optimizers: tuple[str, ...]
    theme: str = "light"
    size: tuple[int, int] | None = None
    dpi: int = 200
    version: str = optviz.__version__
    #: A still picture.
    fps: int = 0

    @classmethod
    def of(cls, t: Training, *, theme: str, size: tuple[int, int] | None) -> TrainSpec:
        """The specification of a picture of `t`."""
        texts = tuple(optimizer_text(o) for o in t.optimizers)
        return cls(t.setup, texts, theme, size)

    def to_json(self) -> str:
        """ASCII JSON in one line."""
        return json.dumps({
            "optviz": self.version, "kind": KIND, **dataclasses.asdict(self.setup),
            "optimizers": self.optimizers, "theme": self.theme, "size": self.size, "dpi": self.dpi,
        })  # fmt: skip

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> TrainSpec:
        """Check what `read_json` read.

        Raises
        ------
        SpecError
            If anything in it is not what it should be.
        """
        entries = dict(data)
        version = check_text("optviz", entries.pop("optviz"), 40)
        entries.pop("kind")
        if unknown := entries.keys() - _CHECKS.keys():
            raise SpecError(f"unknown field {listed(sorted(unknown))}")
        if missing := {"data", "layers", "optimizers"} - entries.keys():
            raise SpecError(f"it lacks {listed(sorted(missing))}")
        checked = {name: _CHECKS[name](name, value) for name, value in entries.items()}
        rest = {name: checked.pop(name) for name in _LOOK & checked.keys()}
        return cls(Setup(**checked), **rest, version=version)

    def command(self) -> str:
        """The command line that makes the picture."""
        s, usual = self.setup, Setup("", ())
        words = ["optviz", KIND, "--data", s.data, "--layers", ",".join(map(str, s.layers))]
        for optimizer in self.optimizers:
            words += ["--optimizer", optimizer]
        for name in ("epochs", "batch_size", "activation", "dropout", "init", "l1", "l2",
                     "weight_decay", "patience", "runs", "seed"):  # fmt: skip
            value = getattr(s, name)
            if value != getattr(usual, name):
                text = number(value) if isinstance(value, float) else str(value)
                words += [f"--{name.replace('_', '-')}", text]
        words += [] if s.batch_norm else ["--no-batch-norm"]
        words += ["--theme", self.theme] if self.theme != "light" else []
        words += ["--size", f"{self.size[0]}x{self.size[1]}"] if self.size else []
        words += ["--dpi", str(self.dpi)] if self.dpi != 200 else []
        return shlex.join(words)


def _data(name: str, value: Any) -> str:
    """A data set that is built in or generated: a specification may not name files."""
    from optviz.data.catalogue import is_made_here

    text = check_text(name, value, 200)
    if not is_made_here(text):
        raise SpecError(
            f"{name} {text!r} is neither built in nor generated: only such data are replayed"
        )
    return text


def _layers(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not 2 <= len(value) <= MAX_LAYERS:
        raise SpecError(f"{name} must be a list of 2 to {MAX_LAYERS} sizes")
    sizes = tuple(whole(1, 100_000)(name, size) for size in value)
    # Each weight takes about 30 bytes while it is trained.
    if sum(a * b for a, b in pairwise(sizes)) > MAX_WEIGHTS:
        raise SpecError(f"{name} may have at most {MAX_WEIGHTS:,} weights")
    return sizes


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_RUNS:
        raise SpecError(f"{name} must be a list of 1 to {MAX_RUNS} texts")
    return tuple(check_text(name, entry, 1000) for entry in value)


def _patience(name: str, value: Any) -> int | None:
    return None if value is None else int(whole(1, 10**6)(name, value))


_LOOK = {"optimizers", "theme", "size", "dpi"}
_CHECKS: Mapping[str, Any] = {
    "data": _data,
    "layers": _layers,
    "epochs": whole(1, 10**6),
    "batch_size": whole(1, 10**7),
    "activation": lambda n, v: check_text(n, v, 40),
    "batch_norm": check_flag,
    "dropout": check_real,
    "init": lambda n, v: check_text(n, v, 100),
    "l1": check_real,
    "l2": check_real,
    "weight_decay": check_real,
    "patience": _patience,
    "runs": whole(1, 1000),
    "seed": whole(0, 2**63),
    "optimizers": _texts,
    "theme": one_of(tuple(THEMES)),
    "size": check_size,
    "dpi": whole(20, 600),
}
