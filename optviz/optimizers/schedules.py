"""Learning-rate schedules: the rate as a function of the step.

A schedule stands wherever a rate is taken: `Adam(lr=Cosine(0.1, steps=200))`, or on the command
line `adam:lr=cosine(0.1,200)`. Steps count from 0: `schedule(0)` is the rate of the first step.
All of them take arrays of steps too. Any function of the step stands there as well.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from optviz.shared.checks import as_real
from optviz.shared.settings import parse_whole, split_outside_brackets
from optviz.shared.text import did_you_mean, listed, number


@dataclass(frozen=True)
class Schedule:
    """The common part: checks of the fields, and the text form."""

    #: Fields that are factors or shares, in [0, 1].
    shares: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "then":
                if not isinstance(value, Schedule):
                    raise self._error(field.name, "a schedule", value)
            elif field.name in ("steps", "every"):
                if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                    raise self._error(field.name, "a whole number of steps ≥ 1", value)
            elif field.name in self.shares:
                if not 0 <= as_real(value) <= 1:
                    raise self._error(field.name, "a number in [0, 1]", value)
            elif not (math.isfinite(as_real(value)) and value >= 0):
                raise self._error(field.name, "a number ≥ 0", value)

    def _error(self, name: str, expected: str, value: object) -> ValueError:
        return ValueError(f"{type(self).__name__}: {name} must be {expected}, not {value!r}")

    def __call__(self, step: Any) -> Any:
        """The rate at `step` (an int or an array of them, from 0)."""
        raise NotImplementedError

    def first(self) -> float:
        """The rate by which the schedule is known: that of step 0, or where a warm-up ends."""
        return float(self(0))

    def scaled(self, factor: float) -> Schedule:
        """The same shape with all rates multiplied by `factor`, the final one too.

        So tuning and sweeps change how fast a schedule goes, and not its form.

        >>> Cosine(0.1, steps=30, final=0.02).scaled(2)
        Cosine(rate=0.2, steps=30, final=0.04)
        """
        changes = {
            f.name: getattr(self, f.name) * factor
            for f in dataclasses.fields(self)
            if f.name in ("rate", "final")
        }
        if not changes:
            raise ValueError(
                f"{type(self).__name__} cannot be scaled, and so not be tuned or swept: give it a "
                "field rate, or a method scaled(factor)"
            )
        return dataclasses.replace(self, **changes)

    def __str__(self) -> str:
        values = (getattr(self, f.name) for f in dataclasses.fields(self))
        texts = (str(v) if isinstance(v, Schedule) else number(v) for v in values)
        return f"{type(self).__name__.lower()}({','.join(texts)})"


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout.

    >>> Constant(0.1)(7)
    0.1
    """

    rate: float

    def __call__(self, step: Any) -> Any:
        return self.rate + 0.0 * np.asarray(step) if np.ndim(step) else self.rate


@dataclass(frozen=True)
class Step(Schedule):
    """The rate times `factor` after each `every` steps: η·γ^⌊t/k⌋.

    >>> [Step(1.0, every=2)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rate: float
    every: int
    factor: float = 0.5
    shares = ("factor",)

    def __call__(self, step: Any) -> Any:
        return self.rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """The rate times `factor` at each step: η·γᵗ.

    >>> Exponential(0.5, factor=0.9)(2)
    0.405
    """

    rate: float
    factor: float = 0.99
    shares = ("factor",)

    def __call__(self, step: Any) -> Any:
        return self.rate * self.factor**step


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from `rate` to `final` within `steps`, then `final`.

    η_f + (η − η_f)(1 + cos(πt/T))/2: Loshchilov and Hutter (2017), SGDR, equation 5.

    >>> [round(Cosine(1.0, steps=4)(t), 3) for t in (0, 2, 4, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """

    rate: float
    steps: int
    final: float = 0.0

    def __call__(self, step: Any) -> Any:
        done = np.minimum(step, self.steps) / self.steps
        rate = self.final + (self.rate - self.final) * (1 + np.cos(np.pi * done)) / 2
        return rate if np.ndim(step) else float(rate)


@dataclass(frozen=True)
class LinearWarmup(Schedule):
    """A straight rise from 0 over `steps`, then another schedule, which starts at its step 0.

    >>> [LinearWarmup(4, Constant(0.8))(t) for t in range(6)]
    [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 0.8]
    """

    steps: int
    then: Schedule

    def __call__(self, step: Any) -> Any:
        rising = self.then(0) * (np.asarray(step) / self.steps)
        after = self.then(np.maximum(np.asarray(step) - self.steps, 0))
        rate = np.where(np.asarray(step) < self.steps, rising, after)
        return rate if np.ndim(step) else float(rate)

    def first(self) -> float:
        return self.then.first()

    def scaled(self, factor: float) -> Schedule:
        return dataclasses.replace(self, then=self.then.scaled(factor))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Half a cosine up from rate/`start_div` to `rate`, then one down to the start/`final_div`.

    Smith and Topin (2018), Super-Convergence, in the cosine form that PyTorch uses. The rise
    takes the share `rise` of `steps`.

    >>> [round(OneCycle(1.0, steps=11)(t), 4) for t in (0, 2, 10)]
    [0.04, 0.9603, 0.0]
    """

    rate: float
    steps: int
    rise: float = 0.3
    start_div: float = 25.0
    final_div: float = 1e4
    shares = ("rise",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("start_div", "final_div"):
            if getattr(self, name) < 1:
                raise self._error(name, "a number ≥ 1", getattr(self, name))

    def __call__(self, step: Any) -> Any:
        start, end = self.rate / self.start_div, self.rate / self.start_div / self.final_div
        last = max(self.steps - 1, 1)
        peak = self.rise * self.steps - 1
        t = np.minimum(step, last).astype(float) if np.ndim(step) else float(min(step, last))
        up = np.clip(t / peak, 0, 1) if peak > 0 else 1.0
        down = np.clip((t - peak) / (last - peak), 0, 1) if last > peak else 1.0
        rising = self.rate + (start - self.rate) * (1 + np.cos(np.pi * up)) / 2
        falling = end + (self.rate - end) * (1 + np.cos(np.pi * down)) / 2
        rate = np.where(t <= peak, rising, falling)
        return rate if np.ndim(step) else float(rate)


@dataclass(frozen=True)
class Own(Schedule):
    """Any function of the step, times `factor`: `SGD(lr=lambda t: 0.1 / (1 + t))` makes one.

    It is asked for one step at a time, so that it may hold `if`. It has no text: what it made
    cannot be made again from a file.

    >>> Own(lambda t: 0.5 if t < 10 else 0.05)(np.array([0, 9, 10]))
    array([0.5 , 0.5 , 0.05])
    """

    function: Callable[[int], float]
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise self._error("function", "a function of the step", self.function)
        self(0)

    def __call__(self, step: Any) -> Any:
        if np.ndim(step):
            steps = np.asarray(step)
            return np.array([self(int(k)) for k in steps.ravel()], float).reshape(steps.shape)
        try:
            given: Any = self.function(int(step))
        except Exception as error:
            # Whatever the user's code raises is an answer about that code.
            why = f"{type(error).__name__}: {error}"
            raise ValueError(f"the schedule {self} fails at step {step}: {why}") from None
        rate = as_real(given.item() if getattr(given, "shape", None) == () else given)
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(
                f"the schedule {self} must give a number ≥ 0 for each step, not {given!r:.40} at "
                f"step {step}"
            )
        return self.factor * rate

    def scaled(self, factor: float) -> Schedule:
        return Own(self.function, self.factor * factor)

    def __str__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        name = name if name.isidentifier() else "rate"
        return f"{name}(t)" if self.factor == 1 else f"{self.factor:.4g}*{name}(t)"


KINDS: dict[str, type[Schedule]] = {
    kind.__name__.lower(): kind
    for kind in (Constant, Step, Exponential, Cosine, LinearWarmup, OneCycle)
}


def parse_schedule(text: str) -> Schedule:
    """A schedule from its text form: `cosine(0.1,200)`, `linearwarmup(20,constant(0.1))`.

    Raises
    ------
    ValueError
        If the name is unknown, brackets do not match, or the arguments do not fit.
    """
    name, bracket, rest = text.strip().partition("(")
    kind = KINDS.get(name.strip().lower())
    if kind is None:
        is_own = text.strip().endswith("(t)")
        own = ": a function of the step is given in Python only" if is_own else ""
        hint = own or did_you_mean(name, KINDS)
        raise ValueError(f"no schedule is called {name!r}{hint}; there are {listed(KINDS)}")
    if not bracket or not rest.endswith(")"):
        raise ValueError(f"schedule {text!r}: write it as {name}(…) with closed brackets")
    fields = dataclasses.fields(kind)
    texts = split_outside_brackets(rest[:-1])
    if len(texts) > len(fields):
        raise ValueError(f"schedule {text!r}: {name} takes {listed(f.name for f in fields)}")
    values: dict[str, Any] = {}
    for field, argument in zip(fields, texts, strict=False):
        values[field.name] = _argument(field.name, argument)
    needed = [f.name for f in fields if f.default is dataclasses.MISSING]
    if missing := [name for name in needed if name not in values]:
        raise ValueError(f"schedule {text!r} lacks {listed(missing)}")
    return kind(**values)


def _argument(name: str, text: str) -> float | int | Schedule:
    if name == "then":
        return parse_schedule(text)
    try:
        return parse_whole(text) if name in ("steps", "every") else float(text)
    except ValueError:
        what = "a whole number" if name in ("steps", "every") else "a number"
        raise ValueError(f"schedule: {name} must be {what}, not {text.strip()!r}") from None
