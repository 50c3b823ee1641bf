"""The activation of base + a u in one pass: what a layer makes of a line through its parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from optviz.compiled import sources
from optviz.nn.activations import ACTIVATIONS, Formula
from optviz.nn.kernels import kernel


def lifting_kernel(name: str, dtype: Any) -> Callable[..., None]:
    """`kernel(base (n,), u (n,), a, y (n,), alpha)`: y = h(base + a u)."""
    return kernel(_module(name).lifted, "vvfvf", dtype)


@functools.cache
def _module(name: str) -> ModuleType:
    text = module_source(ACTIVATIONS[name])
    return sources.source_module(f"lifted_{name}", text + sources.vecmath_text(), lambda: text)


def module_source(formula: Formula) -> str:
    """The text of a module with the kernel."""
    shared = [f"        s = {formula.s}"] if formula.s else []
    return "\n".join([
        "from math import erf",
        "",
        "from optviz.compiled.vecmath import exp, log, tanh",
        "",
        "",
        "def lifted(base_, u_, a_, y_, alpha_):",
        "    one, zero = base_.dtype.type(1), base_.dtype.type(0)",
        "    a, alpha = base_.dtype.type(a_), base_.dtype.type(alpha_)",
        "    for i in range(base_.size):",
        "        x = base_[i] + a * u_[i]",
        *shared,
        f"        y_[i] = {formula.value}",
        "",
    ])  # fmt: skip
