"""Batch normalisation, activation and dropout in one pass over a batch, where they stand in a row.

Layers say what is computed; this says it in fewer loops. Between two matrix products a batch is
read and written once on the way forward and twice on the way back, instead of three and four
times: at the sizes of small networks, memory and calls cost more than the arithmetic. Activations
and masks come from the lines that the layers' own kernels are made of; the normalisation is written
here once more, around them, and a test holds both to the same result.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import sources
from optviz.nn import kernels
from optviz.nn.activations import ACTIVATIONS
from optviz.nn.kernels import HASH, kernel
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dropout

Array = NDArray[Any]

#: What the lines of `HASH` are made with.
CONSTANTS = ("MIX_1", "MIX_2", "SHIFT_15", "SHIFT_16", "SPREAD")
#: What is fused where it stands in a row; the longest first.
ROWS: tuple[tuple[type[Layer], ...], ...] = (
    (BatchNorm, Activation, Dropout), (BatchNorm, Activation), (Activation, Dropout),
)  # fmt: skip


def stages(layers: Sequence[Layer]) -> list[Any]:
    """The layers with every run of batch normalisation, activation and dropout as one stage.

    >>> from optviz.nn import Activation, BatchNorm, Dense, Dropout, Network
    >>> net = Network(2, [Dense(3), BatchNorm(), Activation("relu"), Dropout(0.5), Dense(1)])
    >>> [type(stage).__name__ for stage in stages(net.layers)]
    ['Dense', 'Fused', 'Dense']
    """
    out: list[Any] = []
    rest = list(layers)
    while rest:
        # Not with isinstance: a subclass may compute something else.
        kinds = tuple(map(type, rest))
        row = next((row for row in ROWS if kinds[: len(row)] == row), None)
        if row is None:
            out.append(rest.pop(0))
            continue
        found: dict[type[Layer], Any] = dict(zip(row, rest, strict=False))
        out.append(Fused(found.get(BatchNorm), found[Activation], found.get(Dropout)))
        del rest[: len(row)]
    return out


class Fused:
    """Training passes of an activation with what stands before and after it."""

    def __init__(
        self, norm: BatchNorm | None, activation: Activation, dropout: Dropout | None
    ) -> None:
        if dropout is not None and dropout.rate == 0:
            dropout = None
        self.norm, self.activation, self.dropout = norm, activation, dropout
        module = _module(norm is not None, activation.name, dropout is not None)
        dtype = activation.dtype
        self._forward = kernel(module.forward, "mssvvfkffm", dtype)
        self._backward = kernel(module.backward, "mmssvvfkffmvv", dtype)
        none = np.zeros(0)
        self._no_norm = (none, none, none.astype(dtype), none.astype(dtype), 0.0)
        self._no_slopes = (none.astype(dtype), none.astype(dtype))

    def forward(self, x: Array, training: bool) -> Array:
        """The output of the last of the layers, in training."""
        self._x = x
        if self.norm is not None:
            self.norm.gather(x)
        if self.dropout is not None:
            self.dropout.advance()
        y = self.activation.buffer("fused", *x.shape)
        self._forward(x, *self._settings(), y)
        return y

    def backward(self, dy: Array) -> Array:
        """The gradient at the input of the first of the layers."""
        dx = self.activation.buffer("fused dx", *dy.shape)
        slopes = self._no_slopes
        if self.norm is not None:
            slopes = self.norm.grads["gamma"], self.norm.grads["beta"]
        self._backward(self._x, dy, *self._settings(), dx, *slopes)
        return dx

    def _settings(self) -> tuple[Any, ...]:
        norm = self._no_norm if self.norm is None else self.norm.settings()
        mask = (np.uint32(0), 0.0) if self.dropout is None else self.dropout.settings()
        return (*norm, *mask, self.activation.alpha)


@functools.cache
def _module(with_norm: bool, activation: str, with_dropout: bool) -> ModuleType:
    text = module_source(with_norm, activation, with_dropout)
    constants = "".join(f"{name}={getattr(kernels, name)} " for name in CONSTANTS)
    key = text + constants + sources.vecmath_text()
    return sources.source_module(f"fused_{activation}", key, lambda: text)


def module_source(with_norm: bool, activation: str, with_dropout: bool) -> str:
    """The text of a module with `forward` and `backward`.

    Backward, the input of the activation is computed again from the layer's input: that is
    cheaper than to read it. First dβ and dγ are summed, then they are taken out.
    """
    prologue, value, mask, kept = _shared_lines(with_norm, activation, with_dropout)
    forward = [*prologue, *EVERY, *_inner([*value, *mask, f"y_[i, j] = y * {kept}"])]
    slope = f"dx = dy_[i, j] * {kept} * ({ACTIVATIONS[activation].slope})"
    backward = [*EVERY, *_inner([*value, *mask, slope, "dx_[i, j] = dx"])]
    if with_norm:
        backward = ["sums = np.zeros(d)", "products = np.zeros(d)", *backward, *NORM_BACKWARD]
    backward = [*prologue, *backward]
    arguments = "mean, variance, gamma, beta, eps, key, rate, alpha_"
    return "\n".join([
        "import numpy as np",
        "from math import erf",
        "",
        "from optviz.compiled.vecmath import exp, log, tanh",
        f"from optviz.nn.kernels import {', '.join(CONSTANTS)}",
        "",
        "",
        f"def forward(z_, {arguments}, y_):",
        *[f"    {line}" for line in forward],
        "",
        "",
        f"def backward(z_, dy_, {arguments}, dx_, dgamma, dbeta):",
        *[f"    {line}" for line in backward],
        "",
    ])  # fmt: skip


def _shared_lines(
    with_norm: bool, activation: str, with_dropout: bool
) -> tuple[list[str], list[str], list[str], str]:
    """What both passes begin with; y of a number; its mask `h`; the factor that the mask makes."""
    formula = ACTIVATIONS[activation]
    prologue = [
        "real = z_.dtype.type",
        "n, d = z_.shape",
        "one, zero, alpha = real(1), real(0), real(alpha_)",
    ]
    value = ["x = z_[i, j]"]
    if with_norm:
        prologue += NORM_PROLOGUE
        value = ["x = (z_[i, j] - center[j]) * scale[j] + beta[j]"]
    value += [f"s = {formula.s}"] if formula.s else []
    value += [f"y = {formula.value}"]
    if not with_dropout:
        return prologue, value, [], "one"
    prologue += ["limit = np.uint32(rate * 4294967296.0)", "keep = real(1.0 / (1.0 - rate))"]
    mask = [line.replace("INDEX", "(i * d + j)") for line in HASH]
    return prologue, value, mask, "(keep if h >= limit else zero)"


def _inner(lines: Sequence[str]) -> list[str]:
    return [f"        {line}" for line in lines]


EVERY = ("for i in range(n):", "    for j in range(d):")

NORM_PROLOGUE = (
    "center = np.empty(d, z_.dtype)",
    "spread = np.empty(d, z_.dtype)",
    "scale = np.empty(d, z_.dtype)",
    "for j in range(d):",
    "    center[j] = mean[j]",
    "    spread[j] = 1.0 / np.sqrt(variance[j] + eps)",
    "    scale[j] = gamma[j] / np.sqrt(variance[j] + eps)",
)

#: Within the loop over all numbers, the sums; then those sums are taken out.
NORM_BACKWARD = (
    *_inner(["sums[j] += dx", "products[j] += dx * ((z_[i, j] - center[j]) * spread[j])"]),
    "dbeta[:] = sums",
    "dgamma[:] = products",
    "shift = np.empty(d, z_.dtype)",
    "slope = np.empty(d, z_.dtype)",
    "for j in range(d):",
    "    shift[j] = sums[j] / n",
    "    slope[j] = products[j] / n * spread[j]",
    *EVERY,
    *_inner([
        "through = dx_[i, j] - shift[j] - (z_[i, j] - center[j]) * slope[j]",
        "dx_[i, j] = through * scale[j]",
    ]),
)  # fmt: skip
