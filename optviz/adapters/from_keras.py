"""Optimizers of Keras 3 as ours."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import (
    class_of,
    is_kind,
    is_number,
    library,
    named,
    numbers,
    theirs,
    told,
    tried,
)
from optviz.optimizers.foreign import Foreign, Stepper
from optviz.optimizers.wrappers import OWNERS

Array = NDArray[Any]

RATE = "learning_rate"


@contextmanager
def _quiet() -> Iterator[None]:
    """On PyTorch, Keras asks for numbers in a way that NumPy deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class KerasRun:
    """A variable, and the optimizer that steps it, in Keras's backend."""

    def __init__(self, kind: Any, config: Mapping[str, Any], x: Array) -> None:
        import keras

        self.kind, self.config, self.start = kind, dict(config), x
        self.variable = keras.Variable(x, dtype=x.dtype.name)
        self.optimizer = kind.from_config(self.config)
        self.optimizer.build([self.variable])

    def step(self, x: Array, g: Array, rate: float | None) -> Array:
        """The place after x."""
        import keras

        with _quiet():
            self.variable.assign(x)
            if rate is not None and self.config.get(RATE) != rate:
                self.config[RATE] = rate
                self.optimizer.learning_rate = rate
            self.optimizer.apply([keras.ops.convert_to_tensor(g)], [self.variable])
            return values_of([self.variable])[0]

    def copy(self) -> KerasRun:
        """Another that goes on by itself."""
        other = KerasRun(self.kind, self.config, self.start)
        pairs = zip(self.optimizer.variables, other.optimizer.variables, strict=True)
        for mine, its in pairs:
            its.assign(mine)
        return other


class Keras(Foreign):
    """One of Keras's; see `optviz.adapters.keras`."""

    library: ClassVar[str] = "keras"
    kind: ClassVar[Any] = None
    config: ClassVar[Mapping[str, Any]] = {}

    def begin(self, x: Array, settings: dict[str, Any]) -> Stepper:
        """A variable and its optimizer."""
        return KerasRun(self.kind, {**self.config, **settings}, x)


@_quiet()
def values_of(variables: Sequence[Any]) -> list[Array]:
    """What variables hold."""
    import keras

    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in variables]


def keras_here() -> Any:
    """Keras, on another backend where TensorFlow is the one it would take and is not there."""
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ:
        there = [name for name in ("tensorflow", "torch", "jax") if find_spec(name) is not None]
        if there and _configured() == "tensorflow":
            os.environ["KERAS_BACKEND"] = there[0]
    return library("keras")


def _configured() -> str:
    """What the file of Keras's own settings says, which Keras writes if there is none."""
    try:
        text = (Path.home() / ".keras" / "keras.json").read_text(encoding="utf-8")
        return str(json.loads(text).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


@_quiet()
def adapted(optimizer: Any, settings: Mapping[str, Any]) -> Foreign:
    """What `optviz.adapters.keras` returns."""
    keras = keras_here()
    base = keras.optimizers.Optimizer

    if isinstance(optimizer, str):
        optimizer = named("keras.optimizers", keras.optimizers, optimizer, is_kind(base))
    if is_kind(base)(optimizer):
        made = tried("keras", optimizer, **theirs(settings, optimizer))
    elif theirs(settings, None) or not isinstance(optimizer, base):
        raise ValueError(f"keras: {optimizer!r:.60} is no optimizer, or has its settings already")
    else:
        made = optimizer
    kind, config = type(made), made.get_config()
    # Keras keeps a rate in float32, and says it as such.
    if isinstance(config.get(RATE), float):
        config[RATE] = float(f"{config[RATE]:.7g}")
    own = {k: v for k, v in numbers(kind).items() if is_number(config.get(k))}
    given = {**{k: v for k, v in settings.items() if k in OWNERS}, **{k: config[k] for k in own}}
    origin = f"keras:{kind.__name__}" if _is_plain(keras, made, own) else ""
    return class_of(Keras, f"Keras{kind.__name__}", given, rate=RATE, numbers=own, origin=origin,
                     library=f"{told('keras')} on {keras.backend.backend()}", kind=kind,
                     config=config)  # fmt: skip


def _is_plain(keras: Any, made: Any, own: Mapping[str, Any]) -> bool:
    """Whether it is one of Keras's own, and what is no number in it is as usual: a text says all of
    it then. Backends make classes of their own, so that the name alone counts."""
    theirs = getattr(keras.optimizers, type(made).__name__, None)
    if theirs is None or not isinstance(made, type(theirs())):
        return False
    a, b = ({k: v for k, v in o.get_config().items() if k not in own and k != "name"}
            for o in (made, theirs()))  # fmt: skip
    return a == b
