"""Studies by name: a class is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from optviz.shared.text import did_you_mean, listed
from optviz.studies.catalogue import LISTED
from optviz.studies.study import Study, option_of


class _Studies(Mapping[str, type[Study]]):
    """The classes by name: importing one is left until it is asked for."""

    def __getitem__(self, name: str) -> type[Study]:
        module, _, attribute = LISTED[name].home.partition(":")
        found: type[Study] = getattr(importlib.import_module(f"optviz.studies.{module}"), attribute)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(LISTED)

    def __len__(self) -> int:
        return len(LISTED)


studies: Mapping[str, type[Study]] = _Studies()


def study(name: str, **settings: Any) -> Study:
    """A study by the name of its command, with settings as keywords.

    Parameters
    ----------
    name
        One of `optviz list studies`.
    **settings
        All that `optviz NAME --help` lists, by the same names with `_` for `-`.

    Raises
    ------
    ValueError
        If the name or a setting is unknown, or a value is out of its range.

    Examples
    --------
    >>> import optviz as ov
    >>> s = ov.study("init-histograms", activation="tanh", seed=0)
    >>> r = s.run()
    >>> r.outputs.shape  # initialisers, layers, inputs × units
    (4, 5, 100000)
    >>> ov.study("phase", optimizer="momentum", steps=0)
    Traceback (most recent call last):
        ...
    ValueError: steps must be a whole number from 1 to 10,000,000, not 0
    """
    if not isinstance(name, str) or name not in LISTED:
        hint = did_you_mean(str(name), LISTED)
        raise ValueError(f"no study is called {name!r}{hint}; there are {listed(LISTED)}")
    given = by_field(studies[name], settings)
    return studies[name](**given).refuse_idle(given)


def by_field(cls: type[Study], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names of fields, where they have those of the command's options: `surface`
    of `--surface`, `optimizer` of a repeated `--optimizer`."""
    given = dict(settings)
    for field_name, field in cls.model_fields.items():
        option = option_of(field)
        for value, flag in option.flags:
            key = flag.removeprefix("--").replace("-", "_")
            if key in cls.model_fields or given.get(key) is not True:
                continue
            del given[key]
            if field_name in given:
                raise ValueError(f"{key} and {field_name} say the same: give one of them")
            given[field_name] = value
        key = (option.name or "").removeprefix("--").replace("-", "_")
        if key in given and key not in cls.model_fields:
            if field_name in given:
                raise ValueError(f"{key} and {field_name} say the same: give one of them")
            given[field_name] = given.pop(key)
    return given
