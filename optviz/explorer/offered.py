"""What a page can offer: optimizers with the range of each setting, functions, colours."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from optviz.data import datasets, made_here
from optviz.functions import functions
from optviz.functions.base import Function
from optviz.nn.activations import ACTIVATIONS
from optviz.nn.initializers import INITIALIZERS
from optviz.nn.plane import FEATURES
from optviz.optimizers import optimizers
from optviz.optimizers.base import Optimizer
from optviz.optimizers.hyper import Hyper
from optviz.optimizers.walker import Walker
from optviz.render.curves import CURVES
from optviz.render.graph import NEGATIVE, POSITIVE
from optviz.render.theme import THEMES, Theme
from optviz.runs.tuning import USUAL
from optviz.studies.hidden_units import HiddenUnitsStudy
from optviz.studies.landscape import LandscapeStudy
from optviz.studies.on_plane import MOST_LAYERS, MOST_UNITS

#: Data sets of the plane, all made here.
DATA = ("circles", "xor", "blobs", "spirals", "moons")
#: A setting without a range for sweeps: so many times its default, down and up.
AROUND = 100.0
#: Of settings that count something, at least so far.
MOST = 20


def offered() -> dict[str, Any]:
    """All of it, as JSON has it."""
    return {
        "optimizers": {name: _optimizer(kind) for name, kind in optimizers.items()},
        "functions": {name: _function(f) for name, f in functions.items()},
        "curves": {name: {"title": title, "axis": axis} for name, (title, axis) in CURVES.items()},
        "themes": {name: _theme(theme) for name, theme in THEMES.items()},
        "network": _network(),
    }


def _optimizer(kind: type[Optimizer]) -> dict[str, Any]:
    return {
        "title": kind.__name__,
        "summary": inspect.cleandoc(kind.__doc__ or "").partition("\n")[0],
        "equation": kind.equation,
        "rate": kind.rate_name,
        # What makes its own way takes no noise.
        "walks": issubclass(kind, Walker),
        "conventions": {
            name: {key: slider(hyper, key == kind.rate_name) for key, hyper in table.items()}
            for name, table in ((c, kind.hyperparameters(c)) for c in kind.defaults)
        },
    }


def slider(hyper: Hyper, is_rate: bool = False) -> dict[str, Any]:
    """What a slider for a hyperparameter goes over, by its declared range.

    `scale` is "flag", "whole", "linear", "log", or "share" for what a running mean keeps: evenly
    spaced in the logarithm of 1 − β, so that 0.9, 0.99 and 0.999 are equally far apart. With `zero`
    a logarithmic one has 0 at its beginning.

    >>> from optviz.optimizers.hyper import positive, share
    >>> slider(share(0.999))["scale"], slider(positive(0.1), is_rate=True)["low"]
    ('share', 0.0001)
    """
    default = float(hyper)
    told: dict[str, Any] = {"default": default, "expected": hyper.expected}
    if hyper.is_flag:
        return {**told, "default": bool(default), "scale": "flag"}
    if hyper.is_whole:
        return {**told, "scale": "whole", "low": 1, "high": max(MOST, 4 * default)}
    if is_rate:
        return {**told, "scale": "log", "low": 10 ** USUAL[0], "high": 10 ** USUAL[1]}
    if hyper.low == 0 and hyper.high == hyper.excluded == 1:
        return {**told, "scale": "share", "low": 0.0, "high": max(0.9999, default)}
    if hyper.sweep is not None:
        low, high, log = hyper.sweep
        told |= {"zero": True} if log and hyper.low <= 0 else {}
        low = min(low, default) if default > 0 or not log else low
        return {**told, "scale": "log" if log else "linear", "low": low, "high": max(high, default)}
    if default > 0:
        return {**told, "scale": "log", "low": default / AROUND, "high": default * AROUND}
    low = max(hyper.low, default - 1) if hyper.low > -float("inf") else default - 1
    return {**told, "scale": "linear", "low": low, "high": min(hyper.high, default + 1)}


def _network() -> dict[str, Any]:
    """What the settings of `hidden-units` may be."""
    return {
        "data": {name: {"noise": inspect.signature(datasets[name]).parameters["noise"].default}
                 for name in DATA},
        "features": list(FEATURES), "activations": list(ACTIVATIONS), "inits": list(INITIALIZERS),
        "defaults": HiddenUnitsStudy().texts(), "units": MOST_UNITS, "layers": MOST_LAYERS,
        "positive": POSITIVE, "negative": NEGATIVE,
        "losses": LandscapeStudy().texts(),
        "sets": made_here(),
    }  # fmt: skip


def _function(f: Function) -> dict[str, Any]:
    return {"title": f.title, "formula": f.formula, "bounds": f.bounds, "start": f.start}


def _theme(theme: Theme) -> Mapping[str, Any]:
    return {
        "paper": theme.paper, "ink": theme.ink, "quiet": theme.quiet, "faint": theme.faint,
        "isoline": theme.isoline, "star": theme.star, "surface": theme.surface,
        "optimizers": dict(theme.optimizers), "dark": theme.is_dark,
    }  # fmt: skip
