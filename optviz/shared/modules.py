"""What a user has in a module of their own, by its name in text: `module:function`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from optviz.shared.text import did_you_mean


def imported(
    module: str, attribute: str, what: str, fits: Callable[[Any], object] = callable
) -> tuple[Any, ModuleType]:
    """`attribute` of a module that is imported, from the working directory too; and the module.

    Raises
    ------
    ValueError
        If the module cannot be imported, or has no `what` of that name.

    Examples
    --------
    >>> imported("math", "sqrt", "function")[0](9)
    3.0
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        # Whatever the user's code raises is an answer about that code.
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"the module {module!r} cannot be imported: {why}") from None
    value = getattr(found, attribute, None)
    if not fits(value):
        hint = did_you_mean(attribute, [name for name, v in vars(found).items() if fits(v)])
        raise ValueError(f"{module} has no {what} {attribute!r}{hint}")
    return value, found
