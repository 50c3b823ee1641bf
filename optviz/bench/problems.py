"""The problems of the suite: a text names one, and its seed draws start, copy, noise, data order.

`beale`, `rosenbrock:n=10`, `ackley:n=20~gaussian=0.1` are functions, each seed a copy that is
shifted and turned; `net:digits~hidden=32` is a network, with `hidden=none` logistic regression.
What follows `~` are the problem's options.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import optviz
from optviz.data import load_classes
from optviz.functions.catalogue import Function, function, functions, names_python
from optviz.functions.families import FAMILIES, is_family
from optviz.functions.space import SpaceFunction
from optviz.nn.comparison import Setup, first_network, shares_of
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer
from optviz.runs.trials import NOISES, copies, marks_of, run_trials, slopes
from optviz.runs.tuning import USUAL, width_of
from optviz.shared.checks import check_whole
from optviz.shared.settings import parse_number, parse_whole
from optviz.shared.text import did_you_mean, listed

Real = NDArray[np.float64]

#: Classes of problems, as a report puts them together.
SMOOTH, ILL, MULTI, NOISY, LEARNING = (
    "smooth", "ill-conditioned", "multimodal", "noisy", "learning",
)  # fmt: skip
CLASSES = (SMOOTH, ILL, MULTI, NOISY, LEARNING)
#: Functions with more than one local minimum inside their bounds (computed again in the tests).
MULTIMODAL = frozenset({
    "himmelblau", "rastrigin", "ackley", "three-hump-camel", "six-hump-camel", "goldstein-price",
    "styblinski-tang", "levy13", "easom", "mccormick", "branin", "freudenstein-roth", "eggholder",
    "schwefel", "griewank", "levy",
})  # fmt: skip
#: Curvatures at a minimum that differ by this factor make a function ill-conditioned.
CONDITION = 100.0
#: Runs of a network keep so much at each epoch; a loss below this share of guessing is rounding.
CHANNELS = ("validation loss", "training loss", "validation accuracy")


@dataclass(frozen=True)
class Curves:
    """What cells keep: one row a run.

    Attributes
    ----------
    marks : ndarray (m,) of int64
        Gradient evaluations.
    values, best : ndarray (runs, m)
        What is to become small, relative to what it was before the first step (functions: f − f*;
        networks: the validation loss, relative to that of guessing), and its lowest so far; inf
        once a run has diverged.
    extra : ndarray (runs, channels, m)
        Of networks the training loss and the validation accuracy.
    """

    marks: NDArray[np.int64]
    values: Real
    best: Real
    extra: Real


def joined(parts: Sequence[Any]) -> Curves:
    """The runs of several in one, which have the same marks."""
    return Curves(parts[0].marks, *(
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("values", "best", "extra")))  # fmt: skip


class Problem:
    """What an optimizer is tried on; see `problem`.

    Attributes
    ----------
    text
        What `problem` makes it from again.
    classes
        Those of `CLASSES` that it belongs to.
    source
        Where it is from.
    """

    #: What a run counts in: "steps" of functions, "epochs" of networks.
    unit: ClassVar[str] = "steps"

    text: str
    classes: tuple[str, ...]
    source: str

    def identity(self) -> str:
        """Everything that its results depend on, besides the optimizer, seed and budget."""
        raise NotImplementedError

    def rates(self) -> tuple[float, float]:
        """The lowest and the highest rate that is tried."""
        raise NotImplementedError

    def runs(
        self, optimizer: Optimizer, settings: Sequence[dict[str, float]], seeds: Sequence[int],
        budget: int,
    ) -> list[Curves]:  # fmt: skip
        """For each of the settings the runs of all seeds."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<problem {self.text}: {listed(self.classes)}>"


@dataclass(frozen=True, repr=False)
class OnFunction(Problem):
    """A function with a known minimum; each seed a copy, shifted and turned."""

    text: str
    f: Function
    noise: tuple[str, float] = ("none", 0.0)

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the function is like, and whether there is noise."""
        name = self.text.partition("~")[0].partition(":")[0]
        found = [MULTI] if name in MULTIMODAL else []
        found += [ILL] if _condition(self.text.partition("~")[0]) >= CONDITION else []
        return (*(found or [SMOOTH]), *([NOISY] if self.noise[1] else []))

    @property
    def source(self) -> str:  # type: ignore[override]
        """The function's."""
        return self.f.source

    def identity(self) -> str:
        """The formula, its bounds, and the text of the loop and of families."""
        member = self.f.member if isinstance(self.f, SpaceFunction) else None
        kernels = "" if member is None else _text("functions/family_kernels.py")
        return "\n".join([
            self.text, self.f.formula, repr(self.f.bounds), repr(self.f.minimum), repr(self.noise),
            kernels, _text("runs/trials.py"), _text("compiled/noise.py"),
        ])  # fmt: skip

    def rates(self) -> tuple[float, float]:
        """Six powers of ten, wider functions higher ones."""
        low, high = (10.0**power * width_of(self.f) for power in USUAL)
        return low, high

    def runs(
        self, optimizer: Optimizer, settings: Sequence[dict[str, float]], seeds: Sequence[int],
        budget: int,
    ) -> list[Curves]:  # fmt: skip
        """All seeds together in the compiled loop."""
        made = copies(self.f, seeds)
        kind, size = self.noise
        if kind in ("gaussian", "heavy"):
            size *= self._typical_slope()
        found = run_trials(self.f, optimizer, settings, made, budget, (kind, size))
        lowest = self.f.minimum
        assert lowest is not None
        first = np.maximum(found.values[:, :, :1] - lowest, 1e-300)
        with np.errstate(invalid="ignore"):
            values, best = ((part - lowest) / first for part in (found.values, found.best))
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


@dataclass(frozen=True, repr=False)
class OnNetwork(Problem):
    """A dense network on a data set; a seed draws split, weights and order of the samples."""

    unit: ClassVar[str] = "epochs"

    text: str
    data: str
    hidden: tuple[int, ...] = (32,)
    batch: int = 32

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Networks learn."""
        return (LEARNING,)

    @property
    def source(self) -> str:  # type: ignore[override]
        """The data's."""
        return load_classes(self.data).source

    def identity(self) -> str:
        """The data themselves, and all of the package that trains."""
        data = load_classes(self.data)
        digest = hashlib.sha256(np.ascontiguousarray(data.x).tobytes() + data.y.tobytes())
        return "\n".join([self.text, digest.hexdigest(), *_texts("nn")])

    def rates(self) -> tuple[float, float]:
        """Six powers of ten."""
        return 1e-5, 10.0

    def runs(
        self, optimizer: Optimizer, settings: Sequence[dict[str, float]], seeds: Sequence[int],
        budget: int,
    ) -> list[Curves]:  # fmt: skip
        """One network after the other."""
        whole = load_classes(self.data)
        return [self._runs(whole, optimizer.fresh(**s), seeds, budget) for s in settings]

    def _runs(self, whole: Any, optimizer: Optimizer, seeds: Sequence[int], budget: int) -> Curves:
        sizes = (whole.inputs, *self.hidden, whole.n_classes)
        rows = []
        for seed in seeds:
            setup = Setup(self.data, sizes, budget, self.batch, batch_norm=False, dropout=0.0,
                          seed=seed)  # fmt: skip
            shares = shares_of(whole, setup, 0)
            train, held_out = (shares.scale(s) for s in (shares.train, shares.validation))
            network = first_network(setup, 0)
            first = [network.evaluate(part.x, part.y) for part in (held_out, train)]
            history = fit(network, train.x, train.y, optimizer.fresh(), epochs=budget, hints=False,
                          batch_size=self.batch, validation=(held_out.x, held_out.y),
                          rng=np.random.default_rng([seed, 1]))  # fmt: skip
            rows.append((first, history))
        every = -(-len(train) // self.batch)
        marks = np.arange(budget + 1, dtype=np.int64) * every
        guess = np.log(whole.n_classes)
        values = np.full((len(rows), budget + 1), np.inf)
        extra = np.full((len(rows), 2, budget + 1), np.nan)
        for row, ((held, trained), history) in enumerate(rows):
            count = len(history.validation_loss)
            values[row, 0] = held[0] / guess
            values[row, 1 : count + 1] = np.asarray(history.validation_loss) / guess
            extra[row, :, 0] = trained[0], held[1]
            extra[row, 0, 1 : count + 1] = history.loss
            extra[row, 1, 1 : count + 1] = history.validation_accuracy
        values[np.isnan(values)] = np.inf
        lost = np.logical_or.accumulate(np.isinf(values), axis=1)
        values[lost] = np.inf
        best = np.where(lost, np.inf, np.minimum.accumulate(values, axis=1))
        return Curves(marks, values, best, extra)


@functools.cache
def problem(text: str) -> Problem:
    """A problem from its text.

    Raises
    ------
    ValueError
        If nothing has this name, an option is unknown, or the function has no known minimum.

    Examples
    --------
    >>> problem("rosenbrock:n=10~gaussian=0.1").classes
    ('ill-conditioned', 'noisy')
    >>> problem("net:moons:n=300~hidden=8-8")
    <problem net:moons:n=300~hidden=8-8: learning>
    """
    name, *options = text.strip().split("~")
    given: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or key in given:
            raise ValueError(f"{text!r}: what follows ~ must be one option=value, not {option!r}")
        given[key.strip()] = value.strip()
    return _network(text, name, given) if name.startswith("net:") else _function(text, name, given)


def _network(text: str, name: str, given: Mapping[str, str]) -> OnNetwork:
    if unknown := given.keys() - {"hidden", "batch"}:
        raise ValueError(f"{text!r} has no {listed(sorted(unknown))}; a network has hidden, batch")
    data = name.removeprefix("net:")
    if load_classes(data).is_sparse:
        raise ValueError(f"{text!r}: data must be dense here, such as digits or moons")
    try:
        sizes = given.get("hidden", "32")
        hidden = () if sizes == "none" else tuple(parse_whole(n) for n in sizes.split("-"))
        batch = parse_whole(given.get("batch", "32"))
    except ValueError:
        raise ValueError(
            f"{text!r}: sizes must be whole numbers, such as hidden=32-16, or none"
        ) from None
    for size in (*hidden, batch):
        check_whole(f"{text}: a size", size, 1, 100_000)
    return OnNetwork(text.strip(), data, hidden, batch)


def _function(text: str, name: str, given: Mapping[str, str]) -> OnFunction:
    if len(given) > 1 or given.keys() - set(NOISES[1:]):
        raise ValueError(
            f"{text!r}: a function has one option at most, its noise: {listed(NOISES[1:])}"
        )
    if not is_family(name) and name not in functions and not names_python(name):
        hint = did_you_mean(name, [*functions, *(f"{family}:n=10" for family in FAMILIES)])
        if name.isidentifier() and len(name) > 2:
            raise ValueError(f"no problem is called {name!r}{hint}")
    f = function(name)
    if f.minimum is None:
        raise ValueError(f"{text!r} has no known minimum: nobody could say how far a run is")
    noise = ("none", 0.0)
    for kind, size in given.items():
        noise = (kind, parse_number(f"{text}: {kind}", size))
    if not 0 <= noise[1] < 1e6:
        raise ValueError(f"{text!r}: noise must be a number ≥ 0")
    return OnFunction(text.strip(), f, noise)


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


@functools.cache
def _text(path: str) -> str:
    return (Path(optviz.__file__).parent / path).read_text(encoding="utf-8")


def _texts(folder: str) -> list[str]:
    where = Path(optviz.__file__).parent
    return [_text(str(p.relative_to(where))) for p in sorted((where / folder).glob("*.py"))]
