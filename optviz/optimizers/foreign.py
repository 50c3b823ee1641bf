"""Optimizers of other libraries: steps are made by them, one array at a time.

What they are made from stands in `optviz/adapters`; here is what all of them share. A class is made
for each, whose hyperparameters are the numbers that its library takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

import optviz
from optviz.optimizers.base import Optimizer, Setting
from optviz.optimizers.rule import Arguments
from optviz.optimizers.schedules import Schedule

Array = NDArray[Any]

#: What a text begins with, and the module that reads the rest.
READERS: Mapping[str, str] = {
    "torch": "optviz.adapters.from_torch", "optax": "optviz.adapters.from_optax",
    "keras": "optviz.adapters.from_keras", "scipy": "optviz.adapters.from_scipy",
}  # fmt: skip


class Stepper(Protocol):
    """One run: it has the state, and makes a step from any place."""

    def step(self, x: Array, g: Array, rate: float | None) -> Array:
        """The place after x, where the gradient is g; `rate` is that of the step, if there is
        one."""

    def copy(self) -> Stepper:
        """Another that goes on from here by itself."""


class Foreign(Optimizer):
    """An optimizer of another library.

    A subclass says how a run begins. It has no rule of one coordinate: loops over it are plain
    Python, and of its state nothing is told.
    """

    is_compiled: ClassVar[bool] = False
    #: Where it is from: "torch 2.13.0"; "" for somebody's own.
    library: ClassVar[str] = ""
    #: Its text without settings, such as "torch:Adam"; "" if only Python can make it.
    origin: ClassVar[str] = ""
    #: What else was given that is no number: it is the same in all of the class.
    fixed: ClassVar[Mapping[str, Any]] = {}
    #: Settings whose default is a whole number, which the library may count with.
    whole: ClassVar[frozenset[str]] = frozenset()
    rules: ClassVar[Mapping[str, Any]] = {"": None}

    def __init__(self, *args: Setting, convention: str = "", **settings: Setting) -> None:
        super().__init__(*args, convention=convention, **settings)

    def begin(self, x: Array, settings: dict[str, Any]) -> Stepper:
        """A run from x."""
        raise NotImplementedError

    # -- as other optimizers ------------------------------------------------------------------

    def __reduce__(self) -> Any:
        if not self.origin:
            raise TypeError(f"{type(self).__name__} was made in Python: no text makes it again")
        return optviz.parse_optimizer, (self.spec(),)

    @property
    def name(self) -> str:
        """Its text without settings."""
        return self.origin or f"own.{type(self).__name__}"

    @property
    def _arguments(self) -> Arguments:
        """There is no rule: neither slots that anybody could see, nor running powers."""
        return Arguments("x", "g", tuple(self._hyper), (), (), False)

    @property
    def is_elementwise(self) -> bool:
        """Nobody knows."""
        return False

    def kernel_source(self) -> str:
        """What a run depends on besides the settings: the library, and what was given."""
        return f"{self.library} {self.name} {sorted(self.fixed.items())!r}"

    def settings(self, hyper: Array) -> dict[str, Any]:
        """The settings by name from their vector, of the types that the library wants."""
        defaults = self.defaults[self.convention]
        out: dict[str, Any] = dict(zip(self._hyper, hyper.tolist(), strict=True))
        for name, value in out.items():
            if isinstance(defaults[name], bool):
                out[name] = bool(value)
            elif name in self.whole and value.is_integer():
                out[name] = int(value)
        return out

    def kernel(
        self, dtype: Any = np.float64, fastmath: frozenset[str] | None = None
    ) -> Callable[..., Any]:
        """The step of one run at a time, in plain Python, which begins anew where t is 1."""
        run: Stepper | None = None
        place = list(self._hyper).index(self.rate_name) if self.rate_name in self._hyper else None

        def step(x: Array, grad: Array, state: Array, hyper: Array, t: int) -> None:
            nonlocal run
            if t == 1 or run is None:
                run = self.begin(x.copy(), self.settings(hyper))
            x[:] = run.step(x, grad.copy(), None if place is None else float(hyper[place]))

        return step

    def update(
        self, params: Mapping[str, Array], grads: Mapping[str, Any], undecayed: Iterable[str] = ()
    ) -> None:
        """One step, in place, of every array in `params`, each by a run of its own.

        A decay of the library's own falls on all of them, whatever is `undecayed`.
        """
        if params.keys() != grads.keys():
            raise ValueError("params and grads have different keys")
        hyper = self.hyper_vector()
        rate = self._hyper.get(self.rate_name)
        rate = rate(self._steps) if isinstance(rate, Schedule) else rate
        runs: dict[str, Any] = self._states
        for key, x in params.items():
            if key not in runs:
                runs[key] = self.begin(x.copy(), self.settings(hyper))
            g = np.array(grads[key], dtype=x.dtype)
            x[...] = runs[key].step(np.array(x), g, None if rate is None else float(rate))
        self._steps += 1

    def state_dict(self) -> dict[str, Any]:
        """There is none."""
        raise ValueError(
            f"{type(self).__name__} has no state_dict here: its state is not seen, so that no "
            "checkpoint can be written"
        )


class Walker(Foreign):
    """One that has the loop itself, and evaluates the function wherever it likes."""

    def walk(
        self, value: Callable[[Array], float], slope: Callable[[Array], Array], x: Array, steps: int
    ) -> tuple[Array, NDArray[np.int64]]:
        """The points (k + 1, n) from x on, k at most `steps`; and for each how many evaluations had
        been made, of the function or of its gradient, whichever are more."""
        raise NotImplementedError

    def kernel(self, *_: Any, **__: Any) -> Callable[..., Any]:
        """There is none: a step is not made of a gradient alone."""
        raise ValueError(self._why_not())

    def update(self, *_: Any, **__: Any) -> None:
        """There is none."""
        raise ValueError(self._why_not())

    def _why_not(self) -> str:
        return (f"{self.name} evaluates the function within its steps: here a step is made of one "
                "gradient")  # fmt: skip
