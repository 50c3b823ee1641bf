"""Who takes part in a race, in one text: an optimizer, and what its path has of its own.

`adam:lr=0.3,start=(1,2),steps=50` is Adam with its rate, from a start and for a number of steps
that differ from those of the others. The keys of a path are those of `OWN`; all others are the
optimizer's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import (
    check_optimizer,
    is_of_catalogue,
    names_rate,
    parse_optimizer,
)
from optviz.runs.trajectory import Trajectory
from optviz.shared.checks import parse_point
from optviz.shared.settings import parse_settings, split_outside_brackets
from optviz.shared.text import number


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


#: The settings that a path may have of its own: how each is read, and what it must be.
OWN: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "start": (parse_point, "a point such as (1,2)"),
    "steps": (int, "a whole number"),
    "noise": (float, "a number"),
    "seed": (int, "a whole number"),
    "tol": (float, "a number"),
    "box": (_flag, "true or false"),
    "remark": (str, "a text"),
}


@dataclass(frozen=True)
class Entry:
    """An optimizer in a race.

    Attributes
    ----------
    text
        What makes it again. One of a user's own class begins with "own." and makes nothing.
    optimizer
        Without state.
    is_tuned
        Whether its rate is left to `tune`.
    own
        What its path has of its own, by the keys of `OWN`.
    """

    text: str
    optimizer: Optimizer = field(compare=False)
    is_tuned: bool
    own: Mapping[str, Any] = field(default_factory=dict, compare=False)

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
        name, _, settings = item.partition(":")
        texts = parse_settings(name, settings)
        of_path = {key: _own_value(name, key, texts.pop(key)) for key in OWN if key in texts}
        rest = ",".join(f"{key}={value}" for key, value in texts.items())
        described = f"{name}:{rest}" if rest else name
        optimizer = parse_optimizer(described)
        tuned = not names_rate(described)
        text = optimizer_text(optimizer)
        if tuned:  # `spec` always tells the rate; here it is left open
            text = without_rate(text)
        return cls(_joined(text, of_path), optimizer, tuned, of_path)

    @classmethod
    def of(cls, t: Trajectory, common: Mapping[str, Any]) -> Entry:
        """What makes a trajectory again beside others, with which it shares `common`."""
        mine = {"start": t.start, "steps": t.steps, "noise": t.noise, "seed": t.seed, "tol": t.tol,
                "box": t.box, "remark": t.remark}  # fmt: skip
        own = {key: value for key, value in mine.items()
               if value is not None and value != common.get(key)}  # fmt: skip
        return cls(_joined(optimizer_text(t.optimizer), own), t.optimizer, False, own)


def _own_value(name: str, key: str, text: str) -> Any:
    reader, what = OWN[key]
    try:
        return reader(text)
    except ValueError:
        raise ValueError(f"{name}: {key} must be {what}, not {text!r}") from None


def optimizer_text(optimizer: Optimizer) -> str:
    """The optimizer's text; a user's own class never passes for one of the catalogue."""
    text = optimizer.spec()
    return text if is_of_catalogue(optimizer) else f"own.{text}"


def without_rate(text: str) -> str:
    """An optimizer's text with its rate left open."""
    name, _, settings = text.partition(":")
    rest = [part for part in split_outside_brackets(settings) if not part.startswith("lr=")]
    return f"{name}:{','.join(rest)}" if rest else name


def _joined(text: str, own: Mapping[str, Any]) -> str:
    """The optimizer's text with the path's own settings behind it."""
    parts = [f"{key}={_value_text(value)}" for key, value in own.items()]
    if not parts:
        return text
    return f"{text}{',' if ':' in text else ':'}{','.join(parts)}"


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({','.join(number(v) for v in value)})"
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if isinstance(value, float) else str(value)
