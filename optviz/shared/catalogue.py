"""A module that is also the mapping of what it catalogues.

`optviz.optimizers` is a file with a class for each rule and, by the public contract, a mapping
from name to class. Python binds a submodule to its package's attribute of the same name, so that
one object has to be both.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from optviz.shared.text import did_you_mean

Entry = TypeVar("Entry")


class CatalogueModule(ModuleType, Mapping[str, Entry]):
    """What such a module is, for type checkers: the stub of the package says so."""

    _entries: Mapping[str, Entry]

    # A module is itself, whatever it holds.
    __eq__ = ModuleType.__eq__
    __hash__ = ModuleType.__hash__

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise KeyError(f"{name}{did_you_mean(str(name), self._entries)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def make_catalogue(module_name: str, entries: Mapping[str, Any]) -> None:
    """Let the module of that name answer as the mapping `entries` too."""
    module = sys.modules[module_name]
    module._entries = entries  # type: ignore[attr-defined]
    module.__class__ = CatalogueModule
