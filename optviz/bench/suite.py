"""Suites: which problems, which optimizers, how they are tuned and on how many seeds tried.

A suite is a small TOML file, or one of `SUITES`. From it follow tasks (a problem and an optimizer)
and their cells; nothing here runs anything.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from optviz.bench.curves import LEARNING, Problem
from optviz.bench.problems import problem
from optviz.optimizers import optimizers as catalogue
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import name_and_settings, optimizer_text, parse_optimizer
from optviz.optimizers.schedules import Schedule, parse_schedule
from optviz.shared.checks import check_whole
from optviz.shared.settings import split_outside_brackets
from optviz.shared.text import did_you_mean, listed

#: It changes when cells that were measured before would come out otherwise.
FORMAT = 1
#: Seeds that tune begin here: those that evaluate are 0, 1, … below it.
TUNING = 1_000_000
#: What is to become small; see `results.py`.
OBJECTIVES = ("area", "final", "time")
#: Names of the suites of the package, in `suites/`.
SUITES = ("quick", "plane", "ndim", "learning", "full")
MOST_CELLS = 100_000_000
#: Hyperparameters of one optimizer.
MOST_TUNED = 16


@dataclass(frozen=True)
class Suite:
    """What runs; every field is a line of the TOML file.

    Attributes
    ----------
    name
    problems, optimizers
        Texts; see `problem` and `optviz.adam:lr=0.1`. A rate that is given is not tuned.
    tune
        "rate" alone, or "all" hyperparameters with a range for sweeps.
    configurations
        That each optimizer may try on each problem.
    tuning_seeds, seeds
        On which each configuration is tried, and on which the best one is evaluated.
    steps, epochs
        Of functions, and of networks.
    objective
        By which the best configuration is chosen: "area", "final" or "time".
    target
        For "time": how small the relative value must become.
    schedule
        Of rates that are tuned: "constant", or the text of a schedule of rate 1, in which `steps`
        stands for the budget's gradient evaluations, such as "cosine(1,steps)".
    """

    name: str
    problems: tuple[str, ...]
    optimizers: tuple[str, ...]
    tune: Literal["rate", "all"] = "rate"
    configurations: int = 30
    tuning_seeds: int = 3
    seeds: int = 10
    steps: int = 500
    epochs: int = 20
    objective: Literal["area", "final", "time"] = "area"
    target: float = 1e-3
    schedule: str = "constant"

    def __post_init__(self) -> None:
        if self.optimizers in ("all", ("all",), ["all"]):
            made = tuple(name for name, kind in catalogue.items() if kind.is_compiled)
            object.__setattr__(self, "optimizers", made)
        for name in ("problems", "optimizers"):
            texts = getattr(self, name)
            if not isinstance(texts, list | tuple):
                raise ValueError(f"suite {self.name}: {name} must be a list of texts")
            if not texts:
                raise ValueError(f"suite {self.name}: {name} is empty")
            if not all(isinstance(text, str) for text in texts):
                raise ValueError(f"suite {self.name}: {name} must be texts")
            texts = tuple(text.strip() for text in texts)
            if twice := [text for text in dict.fromkeys(texts) if texts.count(text) > 1]:
                raise ValueError(f"suite {self.name}: {name} has {listed(twice)} twice")
            object.__setattr__(self, name, texts)
        for name, most in (("configurations", 10_000), ("tuning_seeds", 10_000),
                           ("seeds", TUNING), ("steps", 10**7), ("epochs", 10**5)):  # fmt: skip
            check_whole(f"suite {self.name}: {name}", getattr(self, name), 1, most)
        for name, known in (("tune", ("rate", "all")), ("objective", OBJECTIVES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"suite {self.name}: {name} must be one of {listed(known)}, not "
                    f"{getattr(self, name)!r}"
                )
        if not isinstance(self.target, int | float) or not 0 < self.target < 1:
            raise ValueError(f"suite {self.name}: target must be a number between 0 and 1")
        schedule_for(self.schedule, 100)
        for text in self.optimizers:
            _check_optimizer(text)
        self._refuse_twins("problems", {text: problem(text).same_as() for text in self.problems})
        self._refuse_twins("optimizers", {
            text: (optimizer_text(optimizer_of(text)), _has_rate(text)) for text in self.optimizers
        })  # fmt: skip
        if self.cells > MOST_CELLS:
            raise ValueError(f"suite {self.name} has {self.cells:,} cells, above {MOST_CELLS:,}")

    def _refuse_twins(self, name: str, known_by: Mapping[str, Any]) -> None:
        """One thing in two spellings would count twice."""
        first: dict[Any, str] = {}
        for text, what in known_by.items():
            if (other := first.setdefault(what, text)) != text:
                raise ValueError(
                    f"suite {self.name}: {name} has the same twice, as {other} and as {text}"
                )

    @property
    def cells(self) -> int:
        """How many there are at most."""
        each = [
            len(configurations(self, text)) * self.tuning_seeds * (not is_fixed(self, text))
            + self.seeds for text in self.optimizers
        ]  # fmt: skip
        return len(self.problems) * sum(each)

    def tasks(self) -> list[tuple[str, str]]:
        """Problem and optimizer of each task; long ones, which learn, first."""
        order = sorted(self.problems, key=lambda text: LEARNING not in problem(text).classes)
        return [(p, o) for p in order for o in self.optimizers]

    def budget(self, on: Problem) -> int:
        """Steps or epochs."""
        return self.epochs if on.unit == "epochs" else self.steps

    def digest(self) -> str:
        """Four letters that tell it from other suites."""
        return _digest(dataclasses.replace(self, name="").to_json())[:4]

    def to_json(self) -> str:
        """All of it as text, for the store."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Suite:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


def read_suite(text: str | Path | Suite) -> Suite:
    """A suite by its name, from its TOML file, or as it is.

    Raises
    ------
    ValueError
        If there is none, or a line of the file is wrong: one line says which.

    Examples
    --------
    >>> read_suite("quick").objective
    'area'
    """
    if isinstance(text, Suite):
        return text
    path = Path(text)
    if path.suffix != ".toml":
        if str(text) not in SUITES:
            hint = did_you_mean(str(text), SUITES)
            raise ValueError(
                f"no suite is called {str(text)[:40]!r}{hint}; there are {listed(SUITES)}, or a "
                "file of your own that ends in .toml"
            )
        written = (files("optviz.bench") / "suites" / f"{text}.toml").read_text(encoding="utf-8")
        return _from_toml(str(text), written)
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ValueError(f"{path}: cannot be read: {why}") from None
    return _from_toml(path.stem, written)


def _from_toml(name: str, written: str) -> Suite:
    try:
        data = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"suite {name}: {error}") from None
    known = [f.name for f in dataclasses.fields(Suite)]
    for key in data:
        if key not in known:
            raise ValueError(f"suite {name} has no {key!r}{did_you_mean(key, known)}; it has "
                             f"{listed(known)}")  # fmt: skip
    data.setdefault("name", name)
    if missing := {"problems", "optimizers"} - data.keys():
        raise ValueError(f"suite {name} lacks {listed(sorted(missing))}")
    try:
        return Suite(**data)
    except TypeError as error:
        raise ValueError(f"suite {name}: {error}") from None


@functools.lru_cache(maxsize=1024)
def schedule_for(text: str, steps: int) -> Schedule | None:
    """The schedule of a suite for so many steps, with rate 1; None for a constant rate.

    Raises
    ------
    ValueError
        If it is none, or its rate is another.

    Examples
    --------
    >>> schedule_for("cosine(1,steps)", 200)
    Cosine(rate=1.0, steps=200, final=0.0)
    """
    if text == "constant":
        return None
    if not isinstance(text, str):
        raise ValueError(f"schedule must be constant or such as cosine(1,steps), not {text!r}")
    try:
        made = parse_schedule(re.sub(r"\bsteps\b", str(steps), text))
    except ValueError as error:
        raise ValueError(f"{error} (the word steps stands for the budget)") from None
    if made.first() != 1:
        raise ValueError(
            f"schedule {text!r}: its rate must be 1, which is multiplied by each rate that is "
            "tried: cosine(1,steps)"
        )
    made.scaled(2.0)
    return made


def made_of(cell: Cell) -> dict[str, Any]:
    """What `Optimizer.fresh` takes of a cell: its settings, the rate with its schedule."""
    out: dict[str, Any] = dict(cell.settings)
    name = optimizer_of(cell.optimizer).rate_name
    if cell.schedule != "constant" and name in out:
        out[name] = parse_schedule(cell.schedule).scaled(out[name])
    return out


def _check_optimizer(text: str) -> None:
    """Refuse what is no optimizer, and what has no rule: before anything runs."""
    try:
        parse_optimizer(text).kernel_source()
    except AttributeError as error:
        raise ValueError(
            f"{text}: is no optimizer with `defaults` and a `rule` ({error}); an __init__ of its "
            "own must call that of Optimizer"
        ) from None


@functools.cache
def optimizer_of(text: str) -> Optimizer:
    """The optimizer of a text, to be asked and copied, never stepped."""
    return parse_optimizer(text)


# -- configurations ----------------------------------------------------------------------------


def is_fixed(suite: Suite, text: str) -> bool:
    """Whether an optimizer came with its rate, or has none, and nothing is left to tune."""
    return suite.tune == "rate" and _has_rate(text)


def _has_rate(text: str) -> bool:
    optimizer = optimizer_of(text)
    is_given = optimizer.rate_name in _given(text)
    return is_given or optimizer.rate_name not in optimizer.hyper


def _given(text: str) -> set[str]:
    """The settings that stand in an optimizer's text."""
    settings = split_outside_brackets(name_and_settings(text)[1])
    return {part.partition("=")[0].strip() for part in settings}


@functools.lru_cache(maxsize=4096)
def configurations(suite: Suite, text: str) -> tuple[tuple[tuple[str, float], ...], ...]:
    """What is tried of an optimizer, in powers of ten of the problem's lowest rate: every
    optimizer has the same points of one scrambled Sobol sequence (Owen, 1998), the first
    coordinate for the rate. `settings` makes rates of them."""
    if is_fixed(suite, text):
        return ((),)
    optimizer = optimizer_of(text)
    given = _given(text)
    known = optimizer.declared
    tuned: dict[str, Any] = {} if _has_rate(text) else {optimizer.rate_name: None}
    if suite.tune == "all":
        tuned |= {name: value.sweep for name, value in known.items()
                  if value.sweep and not value.is_flag and name not in given}  # fmt: skip
    if not tuned:
        return ((),)
    first = 0 if optimizer.rate_name in tuned else 1
    points = _sobol(suite.configurations)[:, first : first + len(tuned)]
    return tuple(
        tuple((name, _placed(float(u), ends)) for (name, ends), u in zip(
            tuned.items(), row, strict=True)) for row in points
    )  # fmt: skip


@functools.cache
def _sobol(count: int) -> Any:
    from scipy.stats import qmc

    whole = 1 << max(0, (count - 1).bit_length())
    return qmc.Sobol(MOST_TUNED, scramble=True, rng=0).random(whole)[:count]


def _placed(u: float, ends: tuple[float, float, bool] | None) -> float:
    if ends is None:
        return u  # a rate: the problem knows its range
    low, high, is_log = ends
    value = low * (high / low) ** u if is_log else low + u * (high - low)
    return float(f"{value:.3g}")


def settings(
    on: Problem, optimizer: Optimizer, configuration: Sequence[tuple[str, float]]
) -> dict[str, float]:
    """The hyperparameters of a configuration on a problem; rates have three digits."""
    low, high = on.rates()
    out = {}
    for name, value in configuration:
        is_rate = name == optimizer.rate_name
        out[name] = float(f"{low * (high / low) ** value:.3g}") if is_rate else value
    return out


# -- cells -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One run: a problem, an optimizer with all its settings, a seed, a budget.

    `schedule` is that of a tuned rate, with rate 1. `key` is a hash of everything that determines
    what comes out: the text of the rule and of the problem too, so that a rule that was changed is
    measured again, and no other.
    """

    problem: str
    optimizer: str
    settings: tuple[tuple[str, float], ...]
    seed: int
    budget: int
    key: str
    schedule: str = "constant"


def cells_of(
    on: Problem, text: str, chosen: Mapping[str, float], seeds: Sequence[int], budget: int,
    schedule: str = "constant",
) -> list[Cell]:  # fmt: skip
    """The cells of one setting; `schedule` as a suite has it."""
    settings = tuple(sorted(chosen.items()))
    if optimizer_of(text).rate_name not in chosen:
        schedule = "constant"
    made = schedule_for(schedule, on.evaluations(budget)) if schedule != "constant" else None
    first = Cell(on.text, text, settings, 0, budget, "", "constant" if made is None else str(made))
    identity = _identity(first)
    return [
        dataclasses.replace(first, seed=seed, key=_digest(identity, str(seed), str(budget)))
        for seed in seeds
    ]


@functools.lru_cache(maxsize=100_000)
def _identity(cell: Cell) -> str:
    optimizer = optimizer_of(cell.optimizer).fresh(**made_of(cell))
    hyper = {name: value if isinstance(value, float | bool) else str(value)
             for name, value in optimizer.hyper.items()}  # fmt: skip
    return _digest(
        str(FORMAT), _problem_identity(cell.problem), _rule(cell.optimizer), json.dumps(hyper),
        json.dumps({slot: str(start) for slot, start in optimizer.initial.items()}),
        optimizer.convention,
    )  # fmt: skip


@functools.cache
def _rule(text: str) -> str:
    """The source of the kernel, which no hyperparameter changes."""
    return optimizer_of(text).kernel_source()


@functools.cache
def _problem_identity(text: str) -> str:
    return _digest(problem(text).identity())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
