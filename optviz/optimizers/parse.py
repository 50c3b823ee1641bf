"""Optimizers from text: `NAME` or `NAME:key=value,key=value`.

One of a user's own is `module:Class`, as a function is `module:function`, with its settings behind
another colon: `mine:QHM:lr=0.1`. Reading such a text imports the module; a specification that
nobody vouches for may not hold one (`names_class`).
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

from optviz.optimizers.base import Optimizer, Setting
from optviz.optimizers.catalogue import optimizers
from optviz.optimizers.foreign import READERS, Foreign
from optviz.optimizers.schedules import KINDS as SCHEDULES
from optviz.optimizers.schedules import parse_schedule
from optviz.optimizers.walker import Walker
from optviz.shared.modules import imported
from optviz.shared.settings import parse_number, parse_settings
from optviz.shared.text import did_you_mean, listed

#: What a path may have of its own in the text of a race (see `runs/entry.py`).
OF_PATH = ("start", "steps", "noise", "seed", "tol", "box")


#: How optimizers of other libraries are named.
EXAMPLES = {
    "torch": "torch:Adam:lr=0.1", "optax": "optax:adam:learning_rate=0.1", "scipy": "scipy:BFGS",
    "keras": "keras:Adam:learning_rate=0.1",
}  # fmt: skip

#: A module, a class in it, and what follows.
_CLASS = re.compile(r"\s*([A-Za-z_][\w.]*):([A-Za-z_]\w*)\s*(?::|$)")


def parse_optimizer(text: str, *, own: bool = True) -> Optimizer:
    """An optimizer from `NAME` or `NAME:key=value,key=value`.

    Values are numbers, `true`, `false` or a schedule; `convention=torch` is a key too. `NAME` may
    be `module:Class`, whose module is imported, unless `own` is False.

    Raises
    ------
    ValueError
        If the name or a key is unknown, or a value does not fit.

    Examples
    --------
    >>> parse_optimizer("adam:lr=0.3,beta1=0.95")
    Adam(lr=0.3, beta1=0.95)
    >>> parse_optimizer("sgd:lr=cosine(0.1,200)").lr(200)
    0.0
    """
    if not isinstance(text, str):
        raise ValueError(f'an optimizer\'s text is such as "adam:lr=0.3", not {text!r:.60}')
    if len(text) > 1000:
        raise ValueError("an optimizer is at most 1000 characters long")
    name, settings = name_and_settings(text)
    kind: Any = optimizers.get(re.sub(r"[-_ ]", "", name.lower()))
    if library := names_library(text):
        kind = _foreign(library, name)
    elif kind is None and names_class(text) and own:
        kind = _class(name)
    if kind is None and name.startswith("own."):
        raise ValueError(
            f"no optimizer is called {name!r}: it was made in Python, by what no text can say"
        )
    if kind is None:
        hint = _other_words(text) or did_you_mean(name.strip(), optimizers)
        raise ValueError(
            f"no optimizer is called {name!r}{hint}; there are {listed(optimizers)}, and your own "
            "as module:Class"
        )
    texts = parse_settings(name, settings)
    if of_path := [key for key in OF_PATH if key in texts]:
        raise ValueError(
            f"{name}: {of_path[0]} is of a path and not of an optimizer, and there is none of its "
            f"own here: leave it out, or give {of_path[0]}= beside the optimizer"
        )
    values: dict[str, Any] = {
        key: text if key == "convention" else _setting(f"{name}: {key}", text)
        for key, text in texts.items()
    }
    made: Optimizer = kind(**values)
    return made


def names_class(text: str) -> bool:
    """Whether a text asks for a class in a module, which reading it would import.

    >>> names_class("mine:QHM:lr=0.1"), names_class("adam:lr=0.1"), names_class("adam")
    (True, False, False)
    """
    found = _CLASS.match(text)
    return found is not None and found[1].lower() not in (*optimizers, *READERS)


def names_library(text: str) -> str:
    """The library of which a text names an optimizer; "" if it does not.

    >>> names_library("torch:Adam:lr=0.1"), names_library("scipy:L-BFGS-B"), names_library("adam")
    ('torch', 'scipy', '')
    """
    name = text.partition(":")[0].strip().lower()
    return name if name in READERS else ""


def name_and_settings(text: str) -> tuple[str, str]:
    """The two parts of an optimizer's text.

    >>> name_and_settings("adam:lr=0.1"), name_and_settings("mine:QHM:lr=0.1")
    (('adam', 'lr=0.1'), ('mine:QHM', 'lr=0.1'))
    """
    if names_class(text) or names_library(text):
        module, _, rest = text.partition(":")
        kind, _, settings = rest.partition(":")
        return f"{module}:{kind}".strip(), settings
    name, _, settings = text.partition(":")
    return name, settings


def _class(name: str) -> type[Optimizer]:
    """A class of the user's."""
    module, _, attribute = name.partition(":")

    def is_optimizer(value: object) -> bool:
        return isinstance(value, type) and issubclass(value, Optimizer)

    kind: type[Optimizer] = imported(module.strip(), attribute, "optimizer", is_optimizer)[0]
    return kind


def _foreign(library: str, name: str) -> Any:
    """What makes an optimizer of another library from settings."""
    method = name.partition(":")[2].strip()
    if not method:
        raise ValueError(f"{library}: say which of its optimizers, as in {EXAMPLES[library]}")
    reader = importlib.import_module(READERS[library])
    return lambda **settings: reader.adapted(method, settings)


def _other_words(text: str) -> str:
    """What a text is that names no optimizer, but something that stands near one."""
    _, equals, _ = text.partition("=")
    if equals and ":" not in text:
        return f": a setting stands behind its optimizer in one word, such as adam:{text.strip()}"
    parts = [part.strip() for part in text.lower().split(",")]
    if len(parts) > 1 and all(part.partition(":")[0] in optimizers for part in parts):
        return f": several are words of their own, {' '.join(parts)}"
    return ""


def check_optimizer(optimizer: object) -> None:
    """Refuse what is no optimizer, such as its name or its class.

    Raises
    ------
    ValueError
        With what would do.
    """
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be one such as ov.Adam(lr=0.1), not {optimizer!r}")


def as_optimizer(item: str | Optimizer) -> Optimizer:
    """The optimizer, or the one that a text such as "adam:lr=0.3" describes; without a rate in
    the text, it is the default one.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(item, str):
        return parse_optimizer(item)
    check_optimizer(item)
    return item


def check_rate(optimizer: Optimizer) -> None:
    """See that the optimizer has a rate that can be chosen.

    Raises
    ------
    ValueError
        With how it is declared.
    """
    if (rate := optimizer.rate_name) not in optimizer.hyper:
        kind = type(optimizer).__name__
        if isinstance(optimizer, Foreign | Walker):
            raise ValueError(f"{kind} has no learning rate that could be tuned or swept")
        raise ValueError(
            f"{kind} has no {rate!r} that could be tuned; if its rate is another of its settings "
            f'({listed(optimizer.hyper)}), say so in the class: rate_name = "…"'
        )


def optimizer_text(optimizer: Optimizer) -> str:
    """The text that makes the optimizer again: one of a user's own never passes for one of the
    catalogue, and begins with "own.", which nothing reads, if no module has it."""
    text, kind = optimizer.spec(), type(optimizer)
    if is_of_catalogue(optimizer) or isinstance(optimizer, Foreign):
        return text
    home, name = kind.__module__, kind.__name__
    is_found = getattr(sys.modules.get(home), name, None) is kind and home != "__main__"
    return f"{home}:{name}{text.removeprefix(optimizer.name)}" if is_found else f"own.{text}"


def is_of_catalogue(optimizer: Optimizer) -> bool:
    """Whether its name makes it again: not so for a user's own class, whatever it is called."""
    return optimizers.get(optimizer.name) is type(optimizer)


def _setting(what: str, text: str) -> Setting:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if "(" in text or text.lower() in SCHEDULES:
        return parse_schedule(text)
    return parse_number(what, text)
