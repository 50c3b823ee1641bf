"""Functions as problems: each seed a shifted and turned copy, with a start and noise of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optviz.bench.curves import ILL, MULTI, NOISY, OWN, SMOOTH, Curves, Problem, text_of
from optviz.functions.catalogue import Function, function, functions, names_python
from optviz.functions.families import FAMILIES, is_family
from optviz.functions.space import SpaceFunction
from optviz.optimizers.base import Optimizer
from optviz.runs.trials import NOISES, copies, marks_of, run_trials, slopes
from optviz.runs.tuning import USUAL, width_of
from optviz.shared.modules import imported
from optviz.shared.settings import parse_number
from optviz.shared.text import did_you_mean, listed

#: Functions with more than one local minimum inside their bounds (computed again in the tests).
MULTIMODAL = frozenset({
    "himmelblau", "rastrigin", "ackley", "three-hump-camel", "six-hump-camel", "goldstein-price",
    "styblinski-tang", "levy13", "easom", "mccormick", "branin", "freudenstein-roth", "eggholder",
    "schwefel", "griewank", "levy",
})  # fmt: skip
#: Of functions of one's own, beside noise.
OPTIONS = ("n", "low", "high", "minimum")
#: Curvatures at a minimum that differ by this factor make a function ill-conditioned.
CONDITION = 100.0


@dataclass(frozen=True, repr=False)
class OnFunction(Problem):
    """A function with a known minimum; each seed a copy, shifted and turned."""

    text: str
    f: Function
    #: f*, or what f never falls below.
    lowest: float
    noise: tuple[str, float] = ("none", 0.0)

    @property
    def is_own(self) -> bool:
        """Whether it is a Python function of the user's."""
        return names_python(self.text.partition("~")[0])

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the function is like, and whether there is noise."""
        if self.is_own:  # of which nobody knows what it is like
            return (OWN, *([NOISY] if self.noise[1] else []))
        name = self.text.partition("~")[0].partition(":")[0]
        found = [MULTI] if name in MULTIMODAL else []
        found += [ILL] if _condition(self.text.partition("~")[0]) >= CONDITION else []
        return (*(found or [SMOOTH]), *([NOISY] if self.noise[1] else []))

    @property
    def source(self) -> str:  # type: ignore[override]
        """The function's."""
        return self.f.source or "your own"

    def identity(self) -> str:
        """The formula, its bounds, and the text of the loop and of families, or of the module that
        a function of one's own stands in."""
        member = self.f.member if isinstance(self.f, SpaceFunction) else None
        kernels = "" if member is None else text_of("functions/family_kernels.py")
        if self.is_own:
            kernels = _module_text(self.text.partition("~")[0])
        return "\n".join([
            self.text, self.f.formula, repr(self.f.bounds), repr(self.lowest), repr(self.noise),
            kernels, text_of("runs/trials.py"), text_of("compiled/noise.py"),
        ])  # fmt: skip

    def same_as(self) -> Any:
        """What another text of the same problem has too."""
        return self.f.formula, self.f.bounds, self.lowest, self.noise

    def rates(self) -> tuple[float, float]:
        """Six powers of ten, wider functions higher ones."""
        low, high = (10.0**power * width_of(self.f) for power in USUAL)
        return low, high

    def runs(
        self, optimizer: Optimizer, settings: Sequence[dict[str, Any]], seeds: Sequence[int],
        budget: int,
    ) -> list[Curves]:  # fmt: skip
        """All seeds together in the compiled loop."""
        made = copies(self.f, seeds)
        kind, size = self.noise
        if kind in ("gaussian", "heavy"):
            size *= self._typical_slope()
        found = run_trials(self.f, optimizer, settings, made, budget, (kind, size), self.lowest)
        first = np.maximum(found.values[:, :, :1] - self.lowest, 1e-300)
        with np.errstate(invalid="ignore"):
            values, best = ((part - self.lowest) / first for part in (found.values, found.best))
        marks, nothing = marks_of(budget), np.zeros((len(seeds), 0, len(marks_of(budget))))
        return [
            Curves(marks, np.maximum(v, 0.0), np.maximum(b, 0.0), nothing)
            for v, b in zip(values, best, strict=True)
        ]

    def _typical_slope(self) -> float:
        """Noise is measured by the root mean square of the gradient's components where runs of a
        hundred seeds of their own start: the median."""
        made = copies(self.f, range(100), root=1)
        places = np.einsum("kij,kj->ki", made.turns, made.starts) + made.shifts
        return float(np.median(np.sqrt(np.mean(np.square(slopes(self.f, places)), axis=1))))


def on_function(text: str, name: str, given: Mapping[str, str]) -> OnFunction:
    """A problem from a text, its name and its options."""
    noises = [key for key in given if key in NOISES[1:]]
    known = (*NOISES[1:], *(OPTIONS if names_python(name) else ()))
    if len(noises) > 1 or given.keys() - set(known):
        raise ValueError(
            f"{text!r}: the options of a function are {listed(known)}, with one noise at most"
        )
    if not is_family(name) and name not in functions and not names_python(name):
        hint = did_you_mean(name, [*functions, *(family.example for family in FAMILIES.values())])
        if name.isidentifier() and len(name) > 2:
            raise ValueError(
                f"no problem is called {name!r}{hint}; `optviz bench list` has them all"
            )
    numbers = {key: parse_number(f"{text}: {key}", value) for key, value in given.items()}
    for key, value in numbers.items():
        if not np.isfinite(value):
            raise ValueError(f"{text!r}: {key} must be a finite number, not {value}")
    if names_python(name) and "minimum" not in numbers:
        raise ValueError(f"{text!r}: add ~minimum=0, its lowest value or what it never falls below")
    f = _own(text, name, numbers) if names_python(name) else function(name)
    lowest = numbers.get("minimum", f.minimum)
    if lowest is None:
        raise ValueError(f"{text!r} has no known minimum: nobody could say how far a run is")
    noise = (noises[0], numbers[noises[0]]) if noises else ("none", 0.0)
    if not 0 <= noise[1] < 1e6:
        raise ValueError(f"{text!r}: noise must be a number ≥ 0")
    return OnFunction(text, f, lowest, noise)


def _own(text: str, name: str, numbers: Mapping[str, float]) -> Function:
    """A function of the user's: of the plane, or with n of one array."""
    low, high = numbers.get("low", -5.0), numbers.get("high", 5.0)
    if not low < high:
        raise ValueError(f"{text!r}: low must lie below high")
    n, bounds = numbers.get("n"), (low, high)
    if n is not None and n != int(n):
        raise ValueError(f"{text!r}: n must be a whole number, such as 10")
    try:
        made: Any = function(name, n=None if n is None else int(n),
                             bounds=(bounds, bounds) if n is None else bounds)  # type: ignore[arg-type]  # fmt: skip
    except ValueError as error:
        # What would do in Python is said otherwise here.
        said = str(error).replace(" (check=False takes it as it is)", "")
        raise ValueError(said.replace("it is ov.function(f, n=10)", "add ~n=10")) from None
    _check_lowest(text, made, numbers["minimum"])
    return made  # type: ignore[no-any-return]


def _check_lowest(text: str, f: Any, lowest: float) -> None:
    """Refuse a minimum above values that are soon found: who goes below it counts as lost."""
    from scipy.optimize import minimize

    low, high = np.array(f.bounds).T
    places = low + np.random.default_rng(0).random((200, f.n)) * (high - low)
    values = f(*places.T) if f.is_plane else f(places)
    values = np.where(np.isfinite(values), values, np.inf)
    at, value = places[values.argmin()], float(values.min())
    with np.errstate(all="ignore"):
        found = minimize(lambda p: float(np.nan_to_num(f(*p) if f.is_plane else f(p), nan=1e300)),
                         at, jac=lambda p: np.nan_to_num(f.gradient(*p) if f.is_plane else
                                                         f.gradient(p)),
                         method="L-BFGS-B", bounds=f.bounds,
                         options={"maxfun": 200})  # fmt: skip
    if found.fun < value:
        at, value = found.x, float(found.fun)
    if value < lowest - 1e-9 * max(1.0, abs(lowest)):
        shown = ", ".join(f"{v:.4g}" for v in at[:4]) + (", …" if len(at) > 4 else "")
        raise ValueError(f"{text!r}: it is {value:.6g} at ({shown}), below its minimum={lowest:g}")


def _module_text(place: str) -> str:
    """The source of a module of the user's: its functions are known by it."""
    module, _, name = place.partition(":")
    _, found = imported(module, name, "function")
    try:
        return inspect.getsource(found)
    except (OSError, TypeError):
        raise ValueError(
            f"{module} has no source: a problem is known by the text of its module"
        ) from None


@functools.cache
def _condition(text: str) -> float:
    """The largest curvature at a minimum by the smallest; inf where there is no curvature."""
    f: Any = function(text)
    place = f.minima[0]
    hessian = f.hessian(*place) if f.is_plane else f.hessian(place)
    if not np.isfinite(hessian).all() or not hessian.any():
        return np.inf
    sizes = np.abs(np.linalg.eigvalsh(hessian))
    return float(sizes.max() / max(sizes.min(), 1e-300))
