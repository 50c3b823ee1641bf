"""First weights and what becomes of activations: histograms, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optviz.nn import Activation, Dense, Network
from optviz.nn.activations import check_activation
from optviz.nn.initializers import initializer
from optviz.shared.table import Table, Tabular
from optviz.shared.text import listed, percent, rounded
from optviz.studies.settings import Seed, Words
from optviz.studies.study import Drawn, Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

#: The ends at which an activation saturates; others have none.
ENDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0,)}
NEAR, BINS = 0.05, 40


@dataclass(frozen=True, repr=False, eq=False)
class InitHistograms(Tabular):
    """The outputs of every layer under every initialiser.

    Attributes
    ----------
    outputs : ndarray (initialisers, layers, inputs × units)
    inits : tuple of str
        The initialisers.
    study
        What made it.
    """

    outputs: NDArray[np.float64]
    inits: tuple[str, ...]
    study: Any = field(repr=False, compare=False)

    def near_ends(self, activation: str) -> NDArray[np.float64]:
        """The share of outputs within 0.05 of an end of the activation: (initialisers, layers)."""
        ends = np.array(ENDS.get(activation, ()))
        away = np.abs(self.outputs[..., None] - ends).min(axis=-1, initial=np.inf)
        return np.asarray((away <= NEAR).mean(axis=-1))

    def spread(self) -> NDArray[np.float64]:
        """The standard deviation of outputs: (initialisers, layers)."""
        return np.asarray(self.outputs.std(axis=-1))

    def bins(self, k: int) -> tuple[float, float]:
        """The ends of the histograms of the k-th initialiser, equal for all its layers."""
        return float(self.outputs[k].min()), float(self.outputs[k].max())

    def table(self) -> Table:
        """A row for each bar: its ends, its share of the outputs, and their spread."""
        count, layers = self.outputs.shape[:2]
        ends = np.array([np.histogram_bin_edges([], BINS, self.bins(k)) for k in range(count)])
        share = np.array([
            [np.histogram(v, BINS, self.bins(k))[0] / v.size for v in self.outputs[k]]
            for k in range(count)
        ])  # fmt: skip
        columns = {
            "init": np.repeat(self.inits, layers * BINS),
            "layer": np.tile(np.repeat(np.arange(1, layers + 1), BINS), count),
            "bar": np.tile(np.arange(BINS), count * layers),
            "low": np.repeat(ends[:, None, :-1], layers, axis=1).ravel(),
            "high": np.repeat(ends[:, None, 1:], layers, axis=1).ravel(),
            "share": share.ravel(), "spread": np.repeat(self.spread().ravel(), BINS),
        }  # fmt: skip
        return Table(columns, ("init", "layer", "bar"), self._title)

    def summary(self) -> Table:
        """The spread of the first and of the last layer."""
        spread = self.spread()
        columns = {"init": np.array(self.inits), "spread of layer 1": spread[:, 0],
                   f"of layer {spread.shape[1]}": spread[:, -1]}  # fmt: skip
        return Table(columns, title=self._title)

    @property
    def _title(self) -> str:
        return f"outputs of {self.outputs.shape[1]} layers of first weights"


class InitHistogramsStudy(Drawn):
    """Gaussian inputs pass through layers whose weights have just been drawn.

    Too large, and every unit saturates; too small, and all units say the same; in between
    (Xavier for sigmoid and tanh, He for rectifiers) the spread is kept from layer to layer.
    """

    natural = (960, 680)
    examples = ("init-histograms", "init-histograms --activation relu --inits normal:std=0.01,he")

    activation: Annotated[str, Field(description="Such as sigmoid, tanh or relu.")] = "sigmoid"
    inits: Annotated[Words, Field(description="Initialisers, one a row.")] = (
        "normal:std=1", "normal:std=0.01", "xavier", "he",
    )  # fmt: skip
    layers: Annotated[int, Field(ge=1, le=12, description="Layers.")] = 5
    units: Annotated[int, Field(ge=1, le=2000, description="Units of each layer.")] = 100
    samples: Annotated[int, Field(ge=2, le=100_000, description="Gaussian inputs.")] = 1000
    seed: Seed = 0

    @field_validator("inits")
    @classmethod
    def _known(cls, inits: tuple[str, ...]) -> tuple[str, ...]:
        if not inits:
            raise ValueError("give at least one initialiser")
        for init in inits:
            initializer(init)
        return inits

    _known_activation = field_validator("activation")(check_activation)

    def run(self, progress: Progress | None = None) -> InitHistograms:
        """The same inputs, and weights from the same random numbers, for each initialiser."""
        seed = self.seed or 0
        x = np.random.default_rng([seed, 0]).normal(size=(self.samples, self.units))
        outputs = np.empty((len(self.inits), self.layers, self.samples * self.units))
        for k, init in enumerate(self.inits):
            layers = [
                layer
                for _ in range(self.layers)
                for layer in (Dense(self.units, init, bias=False), Activation(self.activation))
            ]
            net = Network(self.units, layers, dtype="float64", rng=np.random.default_rng([seed, 1]))
            for row, values in zip(
                outputs[k], list(net.activations(x).values())[1::2], strict=True
            ):
                row[:] = values.ravel()
            if progress is not None:
                progress(k + 1, len(self.inits))
        return InitHistograms(outputs, self.inits, self)

    def finding(self, result: InitHistograms) -> str:
        """Of the last layer: who saturates most, and whose outputs are most alike."""
        near, spread = result.near_ends(self.activation)[:, -1], result.spread()[:, -1]
        narrow, worst = int(spread.argmin()), int(near.argmax())
        alike = f"{self.inits[narrow]} spreads least, by {rounded(spread[narrow], 2)}"
        if self.activation not in ENDS:
            return f"Layer {self.layers}: {alike}"
        ends = listed(rounded(end) for end in ENDS[self.activation]).replace(", ", " or ")
        return (f"Layer {self.layers}: with {self.inits[worst]}, {percent(near[worst], 0)} of "
                f"outputs within {NEAR} of {ends}; {alike}")  # fmt: skip

    def draw(self, result: InitHistograms, sheet: Sheet) -> None:  # type: ignore[override]
        """A row for each initialiser, a column for each layer; equal axes in a row."""
        look, ink, spread = sheet.look, sheet.look.theme.ink, result.spread()
        sheet.heading(f"Activations after {self.layers} layers of first weights: {self.activation}")
        panels = iter(sheet.grid(len(self.inits), self.layers, left=3.0, title=2.9, below=1.9))
        for k, init in enumerate(self.inits):
            low, high = result.bins(k)
            for layer in range(self.layers):
                axes, values = next(panels), result.outputs[k, layer]
                axes.set_label(f"{init}, layer {layer + 1}")
                counts, edges = np.histogram(values, BINS, (low, high))
                # One artist: a bar each would take longer than all the rest.
                axes.stairs(100 / values.size * counts, edges, fill=True, color="#0072B2")
                axes.set_ylim(0, 105 / values.size * counts.max())
                above = f"{init}, %" if layer == 0 else ""
                title = f"{above}\nlayer {layer + 1}   std {rounded(spread[k, layer], 2)}"
                axes.set_title(title, loc="left", fontsize=0.8 * look.font, pad=3, color=ink)
        sheet.small_print([
            f"{self.samples:,} Gaussian inputs through {self.layers} layers of {self.units} units, "
            "without biases", f"share of outputs in each of {BINS} bins",
            "the same random numbers for every initialiser", f"seed {self.seed}",
        ])  # fmt: skip
