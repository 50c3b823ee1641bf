"""Who takes part in a race, in one text: an optimizer, and what its path has of its own.

`adam:lr=0.3,start=(1,2),steps=50` is Adam with its rate, from a start and for a number of steps
that differ from those of the others. The keys of a path are those of `OWN`; all others are the
optimizer's. A key with several values, `adam:lr=0.3,beta1=0,0.5,0.9`, is several entries.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optviz.functions.catalogue import functions
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import (
    check_optimizer,
    name_and_settings,
    optimizer_text,
    parse_optimizer,
)
from optviz.runs.trajectory import Trajectory
from optviz.shared.checks import parse_point
from optviz.shared.settings import (
    parse_settings,
    parse_whole,
    quoted,
    split_outside_brackets,
)
from optviz.shared.text import number


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


#: The settings that a path may have of its own: how each is read, and what it must be.
OWN: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "start": (parse_point, "a point such as (1,2)"),
    "steps": (parse_whole, "a whole number"),
    "noise": (float, "a number"),
    "seed": (parse_whole, "a whole number"),
    "tol": (float, "a number"),
    "box": (_flag, "true or false"),
    "remark": (str, "a text"),
    "label": (str, "a text"),
    "color": (str, "a colour"),
}
#: What a path is called that no optimizer made, in the place of the optimizer's name.
POINTS = "points"
#: As many entries may stand in one text.
MAX_VARIATIONS = 20


@dataclass(frozen=True)
class Entry:
    """An optimizer in a race.

    Attributes
    ----------
    text
        What makes it again (see `optimizer_text`).
    runner
        The optimizer without state; None for a path of points.
    is_tuned
        Whether its rate is left to `tune`.
    own
        What its path has of its own, by the keys of `OWN`.
    """

    text: str
    runner: Optimizer | None = field(compare=False)
    is_tuned: bool
    own: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer.

        Raises
        ------
        ValueError
            If there is none, so that nobody can run it.
        """
        if self.runner is None:
            raise ValueError(_no_way_back(self.text))
        return self.runner

    @classmethod
    def read(cls, item: Any) -> Entry:
        """An entry from its text, or from an optimizer.

        >>> Entry.read("adam:lr=0.30,start=(1, 2)").text
        'adam:lr=0.3,start=(1,2)'
        >>> Entry.read("adam").is_tuned
        True
        """
        if isinstance(item, Entry):
            return item
        if not isinstance(item, str):
            check_optimizer(item)
            return cls(optimizer_text(item), item.fresh(), False)
        name, settings = name_and_settings(item)
        if name == POINTS:
            raise ValueError(_no_way_back(item))
        if name.strip().lower() in functions:
            raise ValueError(f"{name} is a function and no optimizer: give it as --on {name}")
        texts = parse_settings(name, settings)
        of_path = {key: _own_value(name, key, texts.pop(key)) for key in OWN if key in texts}
        rest = ",".join(f"{key}={value}" for key, value in texts.items())
        described = f"{name}:{rest}" if rest else name
        optimizer = parse_optimizer(described)
        rate = optimizer.rate_name
        tuned = rate in optimizer.hyper and rate not in texts
        text = optimizer_text(optimizer)
        if tuned:  # `spec` always tells the rate; here it is left open
            text = without_rate(text, rate)
        return cls(_joined(text, of_path), optimizer, tuned, of_path)

    @classmethod
    def read_all(cls, given: Any) -> tuple[Entry, ...]:
        """One item that `read` takes or several, and each variation of a text.

        >>> [entry.text for entry in Entry.read_all("sgd:lr=0.1,0.3")]
        ['sgd:lr=0.1', 'sgd:lr=0.3']
        """
        is_one = isinstance(given, str) or not isinstance(given, Iterable)
        items = [given] if is_one else list(given)
        return tuple(
            cls.read(each)
            for item in items for each in (variations(item) if isinstance(item, str) else [item])
        )  # fmt: skip

    @classmethod
    def of(cls, t: Trajectory, common: Mapping[str, Any]) -> Entry:
        """What makes a trajectory again beside others, with which it shares `common`."""
        mine = {"start": t.start, "steps": t.steps, "noise": t.noise, "seed": t.seed, "tol": t.tol,
                "box": t.box, "remark": t.remark or None, "label": t.label or None,
                "color": t.color or None}  # fmt: skip
        own = {key: value for key, value in mine.items()
               if value is not None and value != common.get(key)}  # fmt: skip
        text = POINTS if t.optimizer is None else optimizer_text(t.optimizer)
        return cls(_joined(text, own), t.optimizer, False, own)


def _no_way_back(text: str) -> str:
    label = parse_settings(POINTS, text.partition(":")[2]).get("label", POINTS)
    return f"{label!r} is a path of points from elsewhere: its picture cannot be made again"


def variations(text: str) -> list[str]:
    """The texts of every combination, where keys have several values.

    Raises
    ------
    ValueError
        If there are more than `MAX_VARIATIONS`.

    >>> variations("adam:beta1=0,0.9,start=(1,2),(3,4)")[:2]
    ['adam:beta1=0,start=(1,2)', 'adam:beta1=0,start=(3,4)']
    >>> variations("adam")
    ['adam']
    """
    name, settings = name_and_settings(text)
    values: list[list[str]] = []
    for part in split_outside_brackets(settings):
        key = values[-1][0].partition("=")[0] if values else ""
        if "=" in part or not key:
            values.append([part])
        else:
            values[-1].append(f"{key}={part.strip()}")
    combined = [",".join(parts) for parts in itertools.product(*values)]
    if len(combined) > MAX_VARIATIONS:
        raise ValueError(
            f"{name} stands here in {len(combined)} variations: give at most {MAX_VARIATIONS}"
        )
    return [f"{name}:{rest}" for rest in combined] if settings else [text]


def varied(given: Any, values: Any) -> list[Entry]:
    """Each optimizer with each value of a setting, written "beta1=0,0.5,0.9".

    Raises
    ------
    ValueError
        If `values` are not such a text, or an optimizer's text has the setting already.

    >>> [entry.text for entry in varied("sgd", "lr=0.1,0.3")]
    ['sgd:lr=0.1', 'sgd:lr=0.3']
    """
    key = values.partition("=")[0].strip() if isinstance(values, str) else ""
    if not key or not values.partition("=")[2].strip():
        raise ValueError(
            f"vary must be KEY=VALUE,VALUE,… such as lr=0.1,0.3, not {str(values)[:40]!r}"
        )
    out: list[Entry] = []
    for entry in Entry.read_all(given):
        if any(part.strip().startswith(f"{key}=") for part in _settings(entry.text)):
            raise ValueError(f"{entry.text} has its {key} already: leave it to vary")
        out += Entry.read_all(_with(entry.text, values))
    if not out:
        raise ValueError("vary needs at least one optimizer")
    return out


def _settings(text: str) -> list[str]:
    return split_outside_brackets(name_and_settings(text)[1])


def _own_value(name: str, key: str, text: str) -> Any:
    reader, what = OWN[key]
    try:
        return reader(text)
    except ValueError:
        raise ValueError(f"{name}: {key} must be {what}, not {text!r}") from None


def without_rate(text: str, rate: str = "lr") -> str:
    """An optimizer's text with its rate left open."""
    name = name_and_settings(text)[0]
    rest = [part for part in _settings(text) if not part.startswith(f"{rate}=")]
    return f"{name}:{','.join(rest)}" if rest else name


def _joined(text: str, own: Mapping[str, Any]) -> str:
    """The optimizer's text with the path's own settings behind it."""
    parts = [f"{key}={_value_text(value)}" for key, value in own.items()]
    return _with(text, ",".join(parts)) if parts else text


def _with(text: str, settings: str) -> str:
    """An optimizer's text with more settings."""
    return f"{text}{',' if name_and_settings(text)[1] else ':'}{settings}"


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({','.join(number(v) for v in value)})"
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if isinstance(value, float) else quoted(str(value))
