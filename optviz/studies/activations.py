"""Activation functions beside their derivatives: where they saturate, and how steep they get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn.activations import ALPHAS, backward_kernel, check_activation, forward_kernel
from optviz.shared.table import Table, Tabular
from optviz.shared.text import listed, rounded
from optviz.studies.settings import Words
from optviz.studies.study import Drawn, Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

POINTS = 1201
#: Where the slope is below this share of the greatest, a unit hardly learns: it is saturated.
SATURATED = 0.05
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#5A2503", "#626EFE")


@dataclass(frozen=True, repr=False, eq=False)
class Activations(Tabular):
    """Activations h on a range of inputs.

    Attributes
    ----------
    x : ndarray (n,)
        Inputs, symmetric about 0.
    values, slopes : ndarray (activations, n)
        h(x) and h′(x).
    names : tuple of str
        What they are called.
    study
        What made it.
    """

    x: Real
    values: Real
    slopes: Real
    names: tuple[str, ...]
    study: Any = field(repr=False, compare=False)

    def saturated(self) -> NDArray[np.bool_]:
        """Where the slope is below a twentieth of the greatest on this range."""
        size = np.abs(self.slopes)
        return np.asarray(size < SATURATED * size.max(axis=1, keepdims=True))

    def zero_centred(self) -> NDArray[np.bool_]:
        """Which have h(−x) = −h(x), so that symmetric inputs give outputs with mean 0."""
        return np.asarray(np.abs(self.values + self.values[:, ::-1]).max(axis=1) <= 1e-12)

    def table(self) -> Table:
        """A row for each activation and input: h, h′, and whether it is saturated there."""
        columns = {
            "activation": np.repeat(self.names, len(self.x)),
            "x": np.tile(self.x, len(self.names)), "value": self.values.ravel(),
            "slope": self.slopes.ravel(), "saturated": self.saturated().ravel(),
        }  # fmt: skip
        return Table(columns, ("activation", "x"), "Activations")

    def summary(self) -> Table:
        """The greatest slope of each, and which are centred on zero."""
        steepest = self.slopes[range(len(self.names)), np.abs(self.slopes).argmax(axis=1)]
        columns = {"activation": np.array(self.names), "greatest slope": steepest,
                   "zero-centred": self.zero_centred()}  # fmt: skip
        return Table(columns, title=f"inputs from {rounded(self.x[0])} to {rounded(self.x[-1])}")


class ActivationsStudy(Drawn):
    """Each activation and its derivative, side by side.

    Shaded: saturated, where the derivative is below a twentieth of its greatest value, which is
    marked. A product of many such derivatives is what reaches the first layers of a deep network.
    """

    natural = (960, 560)
    examples = ("activations", "activations --activations sigmoid,elu,gelu,softplus")

    activations: Annotated[Words, Field(description="Which, such as sigmoid,tanh,relu,gelu.")] = (
        "sigmoid", "tanh", "relu", "leaky_relu",
    )  # fmt: skip
    limit: Annotated[float, Field(gt=0, le=100, description="Inputs from −limit to limit.")] = 6.0

    @field_validator("activations")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("give at least one activation")
        return tuple(dict.fromkeys(check_activation(name.strip()) for name in names))

    def run(self, progress: Progress | None = None) -> Activations:
        """Values and slopes, by the kernels that networks train with."""
        x = np.linspace(-self.limit, self.limit, POINTS)
        values, slopes = np.empty((2, len(self.activations), POINTS))
        for name, y, dx in zip(self.activations, values, slopes, strict=True):
            alpha = ALPHAS.get(name, 0.0)
            forward_kernel(name, "float64")(x, y, alpha)
            backward_kernel(name, "float64")(x, y, np.ones(POINTS), dx, alpha)
        return Activations(x, values, slopes, self.activations, self)

    def finding(self, result: Activations) -> str:
        """The greatest slopes, and which are centred on zero."""
        steepest = np.abs(result.slopes).max(axis=1)
        parts = [f"{n} {rounded(s)}" for n, s in zip(self.activations, steepest, strict=True)]
        is_centred = zip(self.activations, result.zero_centred(), strict=True)
        centred = [name for name, is_so in is_centred if is_so]
        return f"Greatest slope: {listed(parts)}; zero-centred: {listed(centred) or 'none'}"

    def draw(self, result: Activations, sheet: Sheet) -> None:  # type: ignore[override]
        """Two panels for each activation, two activations a row."""
        theme, font = sheet.look.theme, sheet.look.font
        rows = -(-len(self.activations) // 2)
        if sheet.is_natural and rows != 2:
            sheet.resize(sheet.width, 200 + 180 * rows)
        sheet.heading("Activations and their derivatives")
        panels = sheet.grid(rows, 4, left=3.6, below=2.2)
        for k, (name, saturated) in enumerate(
            zip(self.activations, result.saturated(), strict=True)
        ):
            steepest = result.slopes[k, np.argmax(np.abs(result.slopes[k]))]
            of_slope = f"slope, at most {rounded(steepest)}"
            for label, what, y, axes in (
                (name, name, result.values[k], panels[2 * k]),
                (f"{name}'", of_slope, result.slopes[k], panels[2 * k + 1]),
            ):
                axes.set_label(label)
                axes.set_title(what, loc="left", fontsize=0.95 * font, color=theme.ink, pad=4)
                axes.plot(result.x, y, color=COLORS[k % len(COLORS)], linewidth=1.8, zorder=3)
                axes.fill_between(
                    result.x, 0, 1, where=saturated, transform=axes.get_xaxis_transform(),
                    color=theme.quiet, alpha=0.16, linewidth=0, zorder=1,
                )  # fmt: skip
                axes.axhline(0, color=theme.faint, linewidth=0.8, zorder=0.5)
                axes.set_xlim(-self.limit, self.limit)
            panels[2 * k + 1].axhline(steepest, color=theme.quiet, linewidth=0.8, linestyle=":")
        for axes in panels[2 * len(self.activations) :]:
            axes.remove()
        sheet.small_print([
            f"inputs from −{rounded(self.limit)} to {rounded(self.limit)}",
            f"shaded: saturated, |h′| below {100 * SATURATED:g} % of its greatest value",
            *(f"{n}: α = {rounded(ALPHAS[n])}" for n in self.activations if n in ALPHAS),
        ])  # fmt: skip
