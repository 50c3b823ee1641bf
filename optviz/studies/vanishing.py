"""Vanishing and exploding gradients: signals through deep networks, measured and predicted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from optviz.data import load_classes
from optviz.nn.activations import check_activation
from optviz.nn.comparison import Setup, shares_of
from optviz.nn.depth import deep_network, mean_field, measure, weight_variances
from optviz.nn.initializers import initializer
from optviz.nn.training import fit
from optviz.optimizers.parse import as_optimizer
from optviz.shared.table import Table, Tabular
from optviz.shared.text import counted, listed, rounded
from optviz.studies.on_data import OnData
from optviz.studies.settings import Counts, Learner, Seed, Words
from optviz.studies.study import Filmed, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optviz.render.moving import Moving
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A7A00", "#5A2503")
#: A factor by which signals have grown or shrunk beyond use.
TOO_FAR = 1e3
#: Samples that pass, and frames of a film at most.
PROBE, FRAMES = 256, 60
MIN, MAX = 1e-150, 1e150


@dataclass(frozen=True, repr=False, eq=False)
class Vanishing(Tabular):
    """Signals by layer, for each activation and initialiser.

    Attributes
    ----------
    activations, inits : tuple of str
    forward : ndarray (activations, inits, steps, depth)
        The mean square of what each activation takes in, over samples and units.
    backward : ndarray (activations, inits, steps, depth)
        The root mean square of the gradient of a sample's loss by it.
    predicted : ndarray (2, activations, inits, depth)
        Both by mean-field theory, before training: forward from the first layer's, backward
        from the last layer's as it was measured.
    steps : ndarray (k,)
        After which steps of training; the first is 0.
    study
        The settings that made it.
    """

    activations: tuple[str, ...]
    inits: tuple[str, ...]
    forward: Real
    backward: Real
    predicted: Real
    steps: NDArray[np.int64]
    study: Any = field(repr=False)

    def shrink(self, look: int = -1) -> Real:
        """The gradient in the first layer by that in the last, at one of `steps`:
        (activations, inits)."""
        backward = self.backward[:, :, look]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(backward[..., 0] / backward[..., -1])

    def table(self) -> Table:
        """A row for each network, step and layer."""
        a, b, k, depth = self.forward.shape
        columns = {
            "activation": np.repeat(self.activations, b * k * depth),
            "init": np.tile(np.repeat(self.inits, k * depth), a),
            "step": np.tile(np.repeat(self.steps, depth), a * b),
            "layer": np.tile(np.arange(1, depth + 1), a * b * k),
            "forward": self.forward.ravel(), "backward": self.backward.ravel(),
        }  # fmt: skip
        for name, values in zip(("forward", "backward"), self.predicted, strict=True):
            columns[f"{name}_predicted"] = np.repeat(values[:, :, None], k, axis=2).ravel()
        return Table(columns, ("activation", "init", "step", "layer"), self._title)

    def summary(self) -> Table:
        """The gradient in the first layer by that in the last."""
        columns: dict[str, Any] = {"activation": np.array(self.activations)}
        columns |= {init: self.shrink()[:, k] for k, init in enumerate(self.inits)}
        return Table(columns, title=self._title)

    @property
    def _title(self) -> str:
        return f"signals through {self.forward.shape[-1]} layers"


class VanishingStudy(OnData, Filmed):
    """Do signals reach the other end of a deep network, and does the gradient come back?

    Above: the mean square of what each layer's activation takes in. Below: the gradient by it, in
    parts of the last layer's. Lines are measured, dots predicted by mean-field theory (Poole et
    al., 2016; Schoenholz et al., 2017) from the spread of the weights. A film shows both while the
    network trains.
    """

    natural = (960, 640)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("optimizer", "with steps of training", lambda s: s.steps > 0, "add --steps 60"),
        Counts("batch_size", "with steps of training", lambda s: s.steps > 0, "add --steps 60"),
        Counts("dpi", "for a picture that is no film's frame", lambda s: s.frame is None,
               "leave frame out"),
    )  # fmt: skip
    examples = (
        "vanishing",
        "vanishing --activations linear --inits normal:std=0.09,normal:std=0.1,normal:std=0.11",
        "vanishing --steps 60 -o vanishing.gif",
    )

    activations: Annotated[Words, Field(description="A column each.")] = (
        "sigmoid", "tanh", "relu",
    )  # fmt: skip
    inits: Annotated[Words, Field(description="Initialisers, a line each.")] = (
        "normal:std=0.05", "xavier", "he", "normal:std=0.2",
    )  # fmt: skip
    depth: Annotated[int, Field(ge=2, le=100, description="Hidden layers.")] = 50
    units: Annotated[int, Field(ge=2, le=2000, description="Units of each.")] = 100
    steps: Annotated[
        int, Field(ge=0, le=100_000, description="Steps of training before the picture is drawn.")
    ] = 0
    optimizer: Learner = "sgd:lr=0.1"  # type: ignore[assignment]
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 64
    seed: Seed = 0

    @field_validator("activations")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not 1 <= len(names) <= 4:
            raise ValueError("give one to four activations")
        return tuple(dict.fromkeys(check_activation(name) for name in names))

    @field_validator("inits")
    @classmethod
    def _known_inits(cls, inits: tuple[str, ...]) -> tuple[str, ...]:
        if not 1 <= len(inits) <= len(COLORS):
            raise ValueError(f"give one to {len(COLORS)} initialisers")
        for init in inits:
            initializer(init)
        return tuple(dict.fromkeys(inits))

    @model_validator(mode="after")
    def _films_move(self) -> VanishingStudy:
        if self.frame is not None and not self.steps:
            raise ValueError("a frame of a film needs steps of training: add --steps 60")
        return self

    def run(self, progress: Progress | None = None) -> Vanishing:
        """Measure each network before training, and along it."""
        x, y, classes = self._samples()
        looks = np.unique(np.linspace(0, self.steps, min(self.steps, FRAMES) + 1).astype(int))
        shape = (len(self.activations), len(self.inits))
        forward, backward = np.empty((2, *shape, len(looks), self.depth))
        predicted = np.empty((2, *shape, self.depth))
        for place in np.ndindex(shape):
            i, j = place
            network = deep_network(
                x.shape[1], classes, self.depth, self.units, self.activations[i], self.inits[j],
                np.random.default_rng([self.seed or 0, 0]),
            )  # fmt: skip
            before = measure(network, x[:PROBE], y[:PROBE])
            theory = mean_field(self.activations[i], weight_variances(network), before.forward[0])
            predicted[0, i, j] = theory.forward
            predicted[1, i, j] = theory.backward(before.backward[-1])
            for k, signals in enumerate(self._along(network, x, y, looks, before)):
                forward[i, j, k], backward[i, j, k] = signals.forward, signals.backward
            if progress is not None:
                progress(i * shape[1] + j + 1, shape[0] * shape[1], "networks")
        return Vanishing(self.activations, self.inits, forward, backward, predicted, looks, self)

    def _samples(self) -> tuple[Any, Any, int]:
        """The training share, scaled."""
        whole = load_classes(self.data)
        if whole.is_sparse:
            raise ValueError("data must be dense here, such as digits or moons")
        setup = Setup(self.data, (whole.inputs, whole.n_classes), seed=self.seed or 0)
        shares = shares_of(whole, setup, 0)
        train = shares.scale(shares.train)
        return train.x, train.y, whole.n_classes

    def _along(self, network: Any, x: Any, y: Any, looks: Any, before: Any) -> Any:
        """The signals before training, and at each look along it."""
        found = [before]
        if not self.steps:
            return found
        wanted = set(looks.tolist())

        def look(done: int, total: int, loss: float, rate: float) -> None:
            if done in wanted and done <= self.steps:
                with np.errstate(all="ignore"):
                    found.append(measure(network, x[:PROBE], y[:PROBE]))

        entry: Any = self.optimizer
        epochs = -(-self.steps * self.batch_size // len(y)) + 1
        fit(network, x, y, as_optimizer(entry.optimizer).fresh(), epochs=epochs,
            batch_size=self.batch_size, rng=np.random.default_rng([self.seed or 0, 1]),
            progress=look, hints=False,
            callbacks=[lambda net, history: history.steps >= self.steps])  # fmt: skip
        return found

    def finding(self, result: Vanishing) -> str:
        """Which gradients vanish, which explode; after the training, if there is one."""
        shrink = result.shrink()
        names = [f"{a} {b}" for a in result.activations for b in result.inits]
        parts = [
            f"{count} of {len(names)} {what}"
            for what, count in (("vanish", int((~(shrink >= 1 / TOO_FAR)).sum())),
                                ("explode", int((shrink > TOO_FAR).sum()))) if count
        ]  # fmt: skip
        kept = np.abs(np.log10(np.clip(np.nan_to_num(shrink), 1e-300, 1e300))).ravel()
        best = int(np.argmin(kept))
        change = rounded(float(shrink.ravel()[best]), 2)
        when = f" after {counted(self.steps, 'step')}" if self.steps else ""
        told = listed(parts) or "all stay of use"
        return (f"Gradients through {self.depth} layers{when}: {told}; "
                f"best kept by {names[best]}, first layer by last {change}")  # fmt: skip

    def draw(self, result: Vanishing, sheet: Sheet) -> None:  # type: ignore[override]
        """A column for each activation."""
        self._compose(result, sheet, len(result.steps) - 1)

    def is_page(self) -> bool:
        """No page: the film alone."""
        return False

    def film(self, result: Vanishing) -> Moving:
        """The measured lines while the network trains."""
        from optviz.render.moving import Moving

        if len(result.steps) < 2:
            raise ValueError("a film needs steps of training: add --steps 60 (steps=60 in Python)")

        def build(sheet: Sheet) -> Any:
            lines, text = self._compose(result, sheet, 0, is_film=True)

            def pose(k: int) -> None:
                for (i, j, kind), line in lines.items():
                    line.set_ydata(_shown(result, kind, i, j, k))
                text.set_text(f"step {result.steps[k]:,} of {result.steps[-1]:,}")

            return [*lines.values(), text], pose

        return Moving(self, result, self.fps, count=len(result.steps), build=build)

    def _compose(self, result: Vanishing, sheet: Sheet, k: int, is_film: bool = False) -> Any:
        from matplotlib.ticker import MaxNLocator

        look, rows = sheet.look, ("forward", "backward")
        inits = [sheet.handle(init, color) for init, color in zip(
            result.inits, COLORS, strict=False)]  # fmt: skip
        theory = sheet.handle("predicted at the start", look.theme.quiet, "o")
        theory.set_linestyle("none")
        sheet.legend([*inits, theory])
        sheet.heading(f"Signals through {self.depth} layers of {self.units} units")
        panels = sheet.grid(2, len(result.activations), left=4.2, title=2.0, below=2.6)
        lines: dict[tuple[int, int, str], Any] = {}
        for r, kind in enumerate(rows):
            for i, name in enumerate(result.activations):
                axes = panels[r * len(result.activations) + i]
                axes.set_label(f"{kind}, {name}")
                for j, color in enumerate(COLORS[: len(result.inits)]):
                    lines[i, j, kind] = self._draw(axes, result, kind, i, j, k, color, look)
                told = "mean square of inputs" if kind == "forward" else "gradient by last layer's"
                axes.set_title(f"{name}: {told}" if i == 0 else name, loc="left", pad=4,
                               fontsize=0.85 * look.font, color=look.theme.ink)  # fmt: skip
                axes.set_yscale("log")
                axes.set_xlim(1, self.depth)
                axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
                axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
                if r:
                    axes.set_xlabel("layer", labelpad=1)
            self._share(
                result, kind, panels[r * len(result.activations) :][: len(result.activations)]
            )
        sheet.small_print([
            f"{PROBE} samples of {self.data_name}, biases 0 at the start",
            "predicted from the mean square of each layer's weights",
            self._trained(), f"seed {self.seed}",
        ])  # fmt: skip
        if not is_film:
            return lines, None
        from optviz.render.moving import counter

        return lines, counter(sheet)

    def _trained(self) -> str:
        if not self.steps:
            return "before training"
        from optviz.render.style import described

        entry: Any = self.optimizer
        return (
            f"{described(entry.optimizer, [])}, {self.steps:,} steps, batches of {self.batch_size}"
        )

    @staticmethod
    def _draw(axes: Axes, result: Vanishing, kind: str, i: int, j: int, k: int, color: str,
              look: Any) -> Any:  # fmt: skip
        layers = np.arange(1, result.forward.shape[-1] + 1)
        size, every = look.unit / 13.5, max(1, len(layers) // 10)
        axes.plot(layers, _predicted(result, kind, i, j), linestyle="none", marker="o",
                  markevery=every, markersize=4.2 * size, color=color, alpha=0.75,
                  markeredgecolor=look.theme.paper, markeredgewidth=0.5)  # fmt: skip
        (line,) = axes.plot(layers, _shown(result, kind, i, j, k), color=color,
                            linewidth=1.7 * size)  # fmt: skip
        return line

    @staticmethod
    def _share(result: Vanishing, kind: str, panels: list[Axes]) -> None:
        """One scale for a row: of all before training, and of what comes later unless it is far
        away, as that of a network that diverges."""
        values = [
            _shown(result, kind, i, j, k)
            for i in range(len(result.activations)) for j in range(len(result.inits))
            for k in range(len(result.steps))
        ]  # fmt: skip
        seen, before = np.concatenate(values), np.concatenate(values[:: len(result.steps)])
        seen, before = seen[np.isfinite(seen)], before[np.isfinite(before)]
        if before.size:
            seen = np.clip(seen, before.min() / TOO_FAR**2, before.max() * TOO_FAR**2)
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.1, 10.0)
        for axes in panels:
            axes.set_ylim(low / 3, high * 3)


def _shown(result: Vanishing, kind: str, i: int, j: int, k: int) -> Real:
    """A measured line; the gradient in parts of the last layer's. nan where it is no number."""
    values = getattr(result, kind)[i, j, k]
    with np.errstate(all="ignore"):
        values = values / values[-1] if kind == "backward" else values
    return np.where((values > MIN) & (values < MAX), values, np.nan)


def _predicted(result: Vanishing, kind: str, i: int, j: int) -> Real:
    values = result.predicted[("forward", "backward").index(kind), i, j]
    with np.errstate(all="ignore"):
        values = values / values[-1] if kind == "backward" else values
    return np.where((values > MIN) & (values < MAX), values, np.nan)
