"""Optimizers of other libraries: steps are made by them, one array at a time.

What they are made from stands in `optviz/adapters`; here is what all of them share. A class is made
for each, whose hyperparameters are the numbers that its library takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

import optviz
from optviz.optimizers import wrappers
from optviz.optimizers.base import Optimizer, Setting
from optviz.optimizers.rule import Arguments
from optviz.optimizers.schedules import Schedule
from optviz.optimizers.state import check_pairs, check_parameter, checked_gradient, known_keys
from optviz.optimizers.wrappers import apply_after, apply_before, slots_of

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
    #: What it does with a whole array, nobody knows.
    sums_each_array, grand_totals = True, 0

    def __init__(self, *args: Setting, convention: str = "", **settings: Setting) -> None:
        super().__init__(*args, convention=convention, **settings)

    def begin(self, x: Array, settings: dict[str, Any]) -> Stepper:
        """A run from x."""
        raise NotImplementedError

    # -- as other optimizers ------------------------------------------------------------------

    def __reduce__(self) -> Any:
        if not self.origin:
            raise TypeError(f"{type(self).__name__} was made in Python: no text makes it again")
        if self._steps:
            raise TypeError(
                f"{self.origin} has made steps, and its state is not seen: pickle it before, or "
                "pickle its fresh()"
            )
        return optviz.parse_optimizer, (self.spec(),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Foreign:
        out: Any = self.fresh()
        runs: dict[str, Any] = self._states
        out._states = {
            key: [run.copy(), state.copy(), steps] for key, (run, state, steps) in runs.items()
        }
        out._steps = self._steps
        return out  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """Its text without settings."""
        return self.origin or f"own.{type(self).__name__}"

    @property
    def _arguments(self) -> Arguments:
        """There is no rule: no slots that anybody could see but those of wrappers, and no running
        powers."""
        return Arguments("x", "g", tuple(self._hyper), (), slots_of(self._wrappers), False)

    def kernel_source(self) -> str:
        """What a run depends on besides the settings: the library, and what was given."""
        around = inspect.getsource(wrappers) if self._wrappers else ""
        return f"{self.library} {self.name} {sorted(self.fixed.items())!r}{around}"

    def settings(self, hyper: Array) -> dict[str, Any]:
        """The settings by name from their vector, of the types that the library wants."""
        defaults = self.defaults[self.convention]
        found = zip(self._hyper, hyper.tolist(), strict=True)
        out: dict[str, Any] = {name: value for name, value in found if name in defaults}
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
            given = dict(zip(self._hyper, hyper.tolist(), strict=True))
            g = apply_before(self._wrappers, given, x, grad.copy())
            new = run.step(x, g, None if place is None else float(hyper[place]))
            x[:] = apply_after(self._wrappers, given, x.copy(), new, state, t)

        return step

    def update(
        self, params: Mapping[str, Array], grads: Mapping[str, Any], undecayed: Iterable[str] = ()
    ) -> None:
        """One step, in place, of every array in `params`, each by a run of its own.

        A decay of the library's own falls on all of them, whatever is `undecayed`.
        """
        check_pairs(params, grads)
        known_keys(undecayed, params)
        for key, x in params.items():
            check_parameter(key, x)
        slopes = {key: checked_gradient(key, x, grads[key]).copy() for key, x in params.items()}
        hyper = self.hyper_vector()
        rate = self._hyper.get(self.rate_name)
        rate = rate(self._steps) if isinstance(rate, Schedule) else rate
        runs: dict[str, Any] = self._states
        if slopes and any(wrappers.WRAPPERS[name].before for name in self._wrappers):
            whole = np.concatenate([np.ravel(g) for g in slopes.values()])
            whole = apply_before(self._wrappers, self._hyper, None, whole)
            parts = np.split(whole, np.cumsum([g.size for g in slopes.values()])[:-1])
            slopes = {key: part.reshape(slopes[key].shape).astype(slopes[key].dtype)
                      for key, part in zip(slopes, parts, strict=True)}  # fmt: skip
        for key, x in params.items():
            if key not in runs:
                state = np.zeros((len(self.slots), *np.shape(x)), x.dtype)
                runs[key] = [self.begin(x.copy(), self.settings(hyper)), state, 0]
            run, state, steps = runs[key]
            new = run.step(np.array(x), slopes[key], None if rate is None else float(rate))
            # An array has steps of its own: it may have come later than the others.
            x[...] = apply_after(self._wrappers, self._hyper, np.array(x), new, state, steps + 1)
            runs[key][2] = steps + 1
        self._steps += 1

    def _shown(self, key: str, row: int) -> Array:
        runs: dict[str, Any] = self._states
        return np.array(runs[key][1][row])

    def state_dict(self) -> dict[str, Any]:
        """There is none."""
        raise ValueError(
            f"{type(self).__name__} has no state_dict here: its state is not seen, so that no "
            "checkpoint can be written"
        )
