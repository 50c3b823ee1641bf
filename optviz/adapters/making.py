"""What the adapters share: a class for each foreign optimizer, and the search for libraries."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import ModuleType
from typing import Any

from optviz.optimizers.base import Optimizer
from optviz.optimizers.foreign import Foreign
from optviz.optimizers.hyper import positive
from optviz.optimizers.parse import as_optimizer
from optviz.optimizers.walker import Walker
from optviz.optimizers.wrappers import OWNERS
from optviz.shared.text import did_you_mean, listed


def library(name: str) -> ModuleType:
    """A library by its module, or one line that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if getattr(error, "name", name) not in (name, None):
            raise ValueError(f"{name} cannot be imported: {error}") from None
        raise ValueError(f"{name} is not installed: pip install {name}") from None


def told(name: str) -> str:
    """A library with its version."""
    return f"{name} {version(name)}"


def named(what: str, home: Any, name: str, fits: Any) -> Any:
    """What is called so in a module; upper and lower case are the same.

    Raises
    ------
    ValueError
        With what there is.
    """
    known = {key.lower(): key for key, value in vars(home).items()
             if not key.startswith("_") and fits(value)}  # fmt: skip
    if name.lower() not in known:
        hint = did_you_mean(name, known.values())
        raise ValueError(f"{what} has no {name!r}{hint}; it has {listed(sorted(known.values()))}")
    return getattr(home, known[name.lower()])


def theirs(settings: Mapping[str, Any], make: Any) -> dict[str, Any]:
    """The settings without those that every optimizer has here, unless the library has them too."""
    own = _parameters(make) if callable(make) else ()
    names = [p.name for p in own]
    return {k: v for k, v in settings.items() if k not in OWNERS or k in names}


def of_ours(optimizer: str | Optimizer, whose: str) -> Optimizer:
    """A fresh optimizer of ours, to be put into a library's program.

    Raises
    ------
    ValueError
        If it is another library's, or walks by itself.
    """
    made = as_optimizer(optimizer)
    if isinstance(made, Walker):
        made.kernel()  # which says why there is none
    if isinstance(made, Foreign):
        raise ValueError(f"{made.name} is no optimizer of ours: {whose}'s go there as they are")
    return made.fresh()


def is_kind(base: type) -> Callable[[Any], bool]:
    """Whether something is a class of a library's optimizers, and not what they all derive from."""
    return lambda value: isinstance(value, type) and issubclass(value, base) and value is not base


def tried(who: str, make: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """What is made of settings; what the library says of them, in one line."""
    try:
        return make(*args, **settings)
    except Exception as error:
        told = f"{who}: {type(error).__name__}: {error}"
        if unknown := [key for key in settings if f"argument {key!r}" in str(error)]:
            takes = [p.name for p in _parameters(make) if p.name not in ("self", "params")]
            told = f"{who} has no {unknown[0]!r}{did_you_mean(unknown[0], takes)}; it has "
            told += listed(takes)
        raise ValueError(told) from None


def numbers(make: Any) -> dict[str, float | bool]:
    """What a class or function takes that is a number or a flag unless told."""
    return {p.name: p.default for p in _parameters(make) if is_number(p.default)}


def _parameters(make: Any) -> tuple[inspect.Parameter, ...]:
    """What a class or function takes; one in C tells nothing."""
    try:
        return tuple(inspect.signature(make).parameters.values())
    except (TypeError, ValueError):
        return ()


def plain_number(value: Any) -> Any:
    """A number of NumPy, PyTorch or JAX as Python's; all else as it is."""
    if isinstance(value, bool | int | float) or getattr(value, "ndim", None) != 0:
        return value
    try:
        return value.item()
    except (AttributeError, TypeError, ValueError):
        return value


def is_number(value: Any) -> bool:
    """Whether it is a flag or a finite number."""
    return isinstance(value, bool | int | float) and math.isfinite(value)


def class_of(
    base: type[Foreign], name: str, settings: Mapping[str, Any], *, rate: str,
    numbers: Mapping[str, float | bool], origin: str = "", **more: Any,
) -> Foreign:  # fmt: skip
    """An optimizer of a class of its own.

    Its hyperparameters are `numbers`, with the library's defaults, and what else is a number in
    `settings`, the rate first; what is none is `fixed`, and no text can tell it.
    """
    plain = {k: plain_number(v) for k, v in settings.items()}
    around = {k: plain.pop(k) for k in OWNERS if k in plain and k not in numbers}
    given = {k: v for k, v in plain.items() if is_number(v)}
    fixed = {k: v for k, v in settings.items() if k not in given and k not in around}
    usual = {**given, **{k: v for k, v in numbers.items() if k not in fixed}}
    whole = frozenset(k for k, v in usual.items() if isinstance(v, int))
    defaults = {k: v if isinstance(v, bool) else float(v) for k, v in usual.items()}
    if rate in defaults:
        defaults = {rate: positive(defaults.pop(rate)), **defaults}
    more.setdefault("equation", f"{more.get('library') or 'your own'}: its state is not seen")
    cls: type[Foreign] = type(re.sub(r"\W", "", name), (base,), {
        "defaults": {"": defaults}, "rate_name": rate, "fixed": fixed, "whole": whole,
        "origin": "" if fixed else origin, "__module__": base.__module__, **more,
    })  # fmt: skip
    return cls(**given, **around)
