"""The problems of the suite: a text names one, and its seed draws start, copy, noise, data order.

`beale`, `rosenbrock:n=10`, `ackley:n=20~gaussian=0.1` are functions, each seed a copy that is
shifted and turned; `mine:valley~n=10~minimum=0` is one of your own; `net:digits~hidden=32` is a
network, with `hidden=none` logistic regression. What follows `~` are the problem's options.
"""

from __future__ import annotations

import functools

from optviz.bench.curves import Problem
from optviz.bench.on_functions import on_function
from optviz.bench.on_networks import KINDS, on_network


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
    made = on_network if name.partition(":")[0] in KINDS else on_function
    return made(text.strip(), name, given)
