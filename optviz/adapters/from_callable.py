"""Anything with `update(params, grads)` as an optimizer of ours, such as the course's classes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import class_of, is_number, numbers, theirs, tried
from optviz.optimizers.foreign import Foreign, Stepper

Array = NDArray[Any]


class OwnRun:
    """An object of the user's, which keeps its own state."""

    def __init__(self, owner: Any, update: Callable[..., Any] | None, rate_name: str) -> None:
        self.owner, self.function, self.rate_name = owner, update, rate_name
        #: What was asked for last: a class may change its own rate meanwhile.
        self.rate: float | None = getattr(owner, rate_name, None)

    def step(self, x: Array, g: Array, rate: float | None) -> Array:
        """The place after x."""
        if rate is not None and rate != self.rate and self.owner is not None:
            self.rate = rate
            setattr(self.owner, self.rate_name, rate)
        params = {"x": x.copy()}
        try:
            given = (self.function or self.owner.update)(params, {"x": g})
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise ValueError(
                f"update(params, grads), which gets two dicts of arrays by name: {told}"
            ) from None
        if given is not None:
            raise ValueError(
                "update(params, grads) returns something, which would be lost: it is to change the "
                "arrays in params"
            )
        return np.array(params["x"], dtype=x.dtype)

    def copy(self) -> OwnRun:
        """Another that goes on by itself."""
        other = OwnRun(copy.deepcopy(self.owner), self.function, self.rate_name)
        other.rate = self.rate
        return other


class Own(Foreign):
    """Somebody's own; see `optviz.adapters.callable`."""

    #: A class, an object, or a function.
    kind: ClassVar[Any] = None

    def begin(self, x: Array, settings: dict[str, Any]) -> Stepper:
        """A new object, a copy of one, or the function."""
        if isinstance(self.kind, type):
            return OwnRun(self.kind(**{**self.fixed, **settings}), None, self.rate_name)
        if hasattr(self.kind, "update"):
            owner = copy.deepcopy(self.kind)
            for name, value in settings.items():
                setattr(owner, name, value)
            return OwnRun(owner, None, self.rate_name)
        return OwnRun(None, self.kind, self.rate_name)


def adapted(update: Any, settings: Mapping[str, Any]) -> Foreign:
    """What `optviz.adapters.callable` returns."""
    owner = getattr(update, "__self__", None)
    if owner is not None and getattr(update, "__name__", "") == "update":
        update = owner  # its method: the object is copied for each run
    if isinstance(update, type):
        made = tried(update.__name__, update, **theirs(settings, update))
        if not callable(getattr(made, "update", None)):
            raise ValueError(f"{update.__name__} has no method update(params, grads)")
        return class_of(Own, update.__name__, settings, rate=_rate(made), kind=update,
                        numbers=numbers(update))  # fmt: skip
    if theirs(settings, None):
        raise ValueError(f"settings are for a class, not for {update!r:.60}")
    if callable(getattr(update, "update", None)):
        # Of its numbers the rate alone: a counter is state, and no setting.
        rate = _rate(update)
        own = {k: v for k, v in vars(update).items() if k == rate and is_number(v)}
        return class_of(Own, type(update).__name__, settings, rate=rate, kind=update, numbers=own)
    if not callable(update):
        raise ValueError(f"{update!r:.60} is no function update(params, grads), and has none")
    name = getattr(update, "__name__", "own").strip("<>")
    return class_of(Own, name, settings, rate="lr", kind=staticmethod(update), numbers={})


def _rate(owner: Any) -> str:
    return next((name for name in ("lr", "learning_rate", "eta") if hasattr(owner, name)), "lr")
