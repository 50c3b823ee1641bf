"""Gradient transformations of optax as optimizers of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import class_of, library, named, numbers, theirs, told, tried
from optviz.optimizers.foreign import Foreign, Stepper

Array = NDArray[Any]

RATE = "learning_rate"
#: optax has no default rate.
USUAL = 0.001


class OptaxRun:
    """The state of a transformation, in the type of the place: float64 here, whatever JAX's own
    setting is."""

    def __init__(self, make: Callable[[float | None], Any], x: Array, rate: float | None) -> None:
        self.make, self.rate, self.transformation = make, rate, make(rate)
        with _double():
            self.state = self.transformation.init(_given(x))

    def step(self, x: Array, g: Array, rate: float | None) -> Array:
        """The place after x."""
        import optax

        if rate != self.rate:
            self.rate, self.transformation = rate, self.make(rate)
        with _double():
            place = _given(x)
            updates, self.state = self.transformation.update(_given(g), self.state, place)
            return np.array(optax.apply_updates(place, updates))

    def copy(self) -> OptaxRun:
        """Another that goes on by itself."""
        other = object.__new__(OptaxRun)
        other.__dict__.update(self.__dict__)  # states are never changed in place
        return other


def _double() -> Any:
    import jax

    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def _given(x: Array) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x)


class Optax(Foreign):
    """One of optax's; see `optviz.adapters.optax`."""

    library: ClassVar[str] = "optax"
    #: What makes a transformation from settings; or a transformation.
    make: ClassVar[Any] = None

    def begin(self, x: Array, settings: dict[str, Any]) -> Stepper:
        """A state before the first step."""
        if not callable(self.make):
            return OptaxRun(lambda _: self.make, x, None)
        given = {**self.fixed, **settings}
        if RATE not in settings:  # or it is a schedule of optax's
            return OptaxRun(lambda _: self.make(**given), x, None)
        return OptaxRun(lambda rate: self.make(**{**given, RATE: rate}), x, given[RATE])


def adapted(transformation: Any, settings: Mapping[str, Any]) -> Foreign:
    """What `optviz.adapters.optax` returns."""
    optax = library("optax")
    if isinstance(transformation, str):
        transformation = named("optax", optax, transformation, _makes_some)
    more: dict[str, Any] = {"library": told("optax")}
    if isinstance(transformation, optax.GradientTransformation):
        if theirs(settings, None):
            raise ValueError(
                "a transformation of optax has its settings already: give what makes it, as in "
                "ov.adapters.optax(optax.adam, learning_rate=0.1)"
            )
        return class_of(
            Optax, "Optax", settings, rate=RATE, numbers={}, make=transformation, **more
        )
    if not callable(transformation):
        raise ValueError(f"optax: {transformation!r:.60} is no GradientTransformation")
    name = getattr(transformation, "__name__", "optax")
    usual = numbers(transformation)
    if RATE in inspect.signature(transformation).parameters:
        usual = {RATE: usual.get(RATE, USUAL), **usual}
    rate = {RATE: usual[RATE]} if RATE in usual else {}
    made = tried(f"optax: {name}", transformation, **{**rate, **theirs(settings, transformation)})
    if not isinstance(made, optax.GradientTransformation):
        raise ValueError(f"optax: {name} makes no GradientTransformation")
    tried(f"optax's {name} makes no step along a gradient", _steps, made)
    origin = f"optax:{name}" if getattr(optax, name, None) is transformation else ""
    return class_of(Optax, f"Optax{name.title()}", settings, rate=RATE, numbers=usual,
                    origin=origin, make=staticmethod(transformation), **more)  # fmt: skip


def _steps(made: Any) -> None:
    """Whether a gradient is all that it needs."""
    place = _given(np.zeros(2, np.float32))
    made.update(place, made.init(place), place)


def _makes_some(value: Any) -> bool:
    """Whether it is one of optax's optimizers: a function that takes a rate first."""
    if not inspect.isfunction(value):
        return False
    parameters = list(inspect.signature(value).parameters)
    return bool(parameters) and parameters[0] == RATE
