"""The activation functions, one line of maths each, and the kernels that are made from them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from optviz.compiled import sources
from optviz.nn.kernels import kernel
from optviz.shared.text import did_you_mean, listed


@dataclass(frozen=True)
class Formula:
    """An activation y = h(x) and its slope.

    Attributes
    ----------
    value : str
        h(x); may use `s`, and `alpha` if there is one.
    slope : str
        h′(x) in terms of x, y, s and alpha, whichever is cheapest.
    s : str
        A part that value and slope share.
    source : str
        Where it comes from.
    """

    value: str
    slope: str
    s: str = ""
    source: str = ""


_LOGISTIC = "1 / (1 + exp(-x))"

#: Written for the compiler and for readers alike; nothing here comes from a user.
ACTIVATIONS: dict[str, Formula] = {
    "linear": Formula("x", "one"),
    "sigmoid": Formula("s", "y * (one - y)", s=_LOGISTIC),
    "tanh": Formula("tanh(x)", "one - y * y"),
    "relu": Formula(
        "zero if x <= zero else x", "one if x > zero else zero",  # nan stays nan: it must be seen
        source="Nair and Hinton, ICML 2010",
    ),
    "leaky_relu": Formula(
        "x if x > zero else alpha * x", "one if x > zero else alpha",
        source="Maas, Hannun and Ng, ICML 2013",
    ),
    "elu": Formula(
        "x if x > zero else alpha * (exp(min(x, zero)) - one)",
        "one if x > zero else y + alpha",
        source="Clevert, Unterthiner and Hochreiter, ICLR 2016",
    ),
    "selu": Formula(
        "1.0507009873554805 * (x if x > zero else 1.6732632423543772 * (exp(min(x, zero)) - one))",
        "1.0507009873554805 * one if x > zero else y + 1.7580993408473766",
        source="Klambauer et al., NIPS 2017",
    ),
    "softplus": Formula(
        "max(x, zero) + log(1 + exp(-abs(x)))", "s", s=_LOGISTIC,
        source="Dugas et al., NIPS 2000",
    ),
    "silu": Formula(
        "x * s", "s * (1 + x * (1 - s))", s=_LOGISTIC,
        source="Elfwing, Uchibe and Doya, Neural Networks 107 (2018)",
    ),
    "gelu": Formula(
        "x * s", "s + x * exp(-0.5 * x * x) * 0.3989422804014327",
        s="0.5 * (1 + erf(x * 0.7071067811865476))",
        source="Hendrycks and Gimpel (2016); exact, by the error function",
    ),
}  # fmt: skip

#: Other names.
ALIASES = {"swish": "silu"}

#: The default of `alpha` where there is one.
ALPHAS = {"leaky_relu": 0.01, "elu": 1.0}


def check_activation(name: str) -> str:
    """The name of an activation, if there is such a one.

    Raises
    ------
    ValueError
        With those that there are.
    """
    name = ALIASES.get(name, name)
    if name not in ACTIVATIONS:
        hint = did_you_mean(str(name), ACTIVATIONS)
        raise ValueError(f"activation {name!r} is not known{hint}; there are {listed(ACTIVATIONS)}")
    return name


def forward_kernel(name: str, dtype: Any) -> Callable[..., None]:
    """`kernel(x (n,), y (n,), alpha)`: y = h(x)."""
    return kernel(_module(name).forward, "vvf", dtype)


def backward_kernel(name: str, dtype: Any) -> Callable[..., None]:
    """`kernel(x (n,), y (n,), dy (n,), dx (n,), alpha)`: dx = dy h′(x)."""
    return kernel(_module(name).backward, "vvvvf", dtype)


@functools.cache
def _module(name: str) -> ModuleType:
    text = module_source(ACTIVATIONS[name])
    return sources.source_module(f"activation_{name}", text + sources.vecmath_text(), lambda: text)


def module_source(formula: Formula) -> str:
    """The text of a module with the two kernels of an activation.

    `one`, `zero` and `alpha` have the type of the arrays, so that a loop over float32 stays
    float32 unless it calls a function (those compute in float64, and so does what follows).
    """
    shared = [f"        s = {formula.s}"] if formula.s else []
    prologue = [
        "    one, zero = x_.dtype.type(1), x_.dtype.type(0)",
        "    alpha = x_.dtype.type(alpha_)",
    ]
    return "\n".join([
        "from math import erf",
        "",
        "from optviz.compiled.vecmath import exp, log, tanh",
        "",
        "",
        "def forward(x_, y_, alpha_):",
        *prologue,
        "    for i in range(x_.size):",
        "        x = x_[i]",
        *shared,
        f"        y_[i] = {formula.value}",
        "",
        "",
        "def backward(x_, y_, dy_, dx_, alpha_):",
        *prologue,
        "    for i in range(x_.size):",
        "        x = x_[i]",
        "        y = y_[i]",
        *shared,
        f"        dx_[i] = dy_[i] * ({formula.slope})",
        "",
    ])  # fmt: skip
