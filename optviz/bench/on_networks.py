"""Networks as problems: a seed draws the split of the data, first weights and order of samples."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from optviz.bench.curves import LEARNING, Curves, Problem, Real, text_of, texts_of
from optviz.data import load_classes, load_numbers
from optviz.data.regression import SOURCE
from optviz.nn.comparison import Setup, first_network, shares_of
from optviz.nn.images import Conv2D, Flatten, MaxPool2D
from optviz.nn.layers import Activation, Dense
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer
from optviz.shared.checks import check_whole
from optviz.shared.settings import parse_whole
from optviz.shared.text import counted, listed

#: What texts begin with: networks that tell classes apart, and such as fit numbers.
KINDS = ("net", "fit")
OPTIONS = {"net": ("hidden", "batch", "conv"), "fit": ("hidden", "batch")}
#: Windows of convolutions, and of the pools behind them.
WINDOW, POOL = 3, 2


@dataclass(frozen=True)
class Begun:
    """A run before its first step: x and y to train and to validate; the loss of guessing."""

    network: Network
    train: tuple[Any, Any]
    held_out: tuple[Any, Any]
    guess: float


@dataclass(frozen=True, repr=False)
class OnNetwork(Problem):
    """A network on a data set with classes."""

    unit: ClassVar[str] = "epochs"

    text: str
    data: str
    hidden: tuple[int, ...] = (32,)
    batch: int = 32
    #: Filters of convolutions in front of the dense layers, on images.
    conv: tuple[int, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Networks learn."""
        return (LEARNING,)

    @property
    def source(self) -> str:  # type: ignore[override]
        """The data's."""
        return load_classes(self.data).source

    def identity(self) -> str:
        """The data themselves, and all of the package that trains."""
        data = load_classes(self.data)
        parts = (data.x.data, data.x.indices) if data.is_sparse else (data.x,)
        return self._identity(*parts, data.y)

    def _identity(self, *arrays: Any) -> str:
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return "\n".join([self.text, digest.hexdigest(), text_of("bench/on_networks.py"),
                          *texts_of("nn")])  # fmt: skip

    def same_as(self) -> Any:
        """What another text of the same problem has too."""
        return type(self), self.data, self.hidden, self.batch, self.conv

    def rates(self) -> tuple[float, float]:
        """Six powers of ten."""
        return 1e-5, 10.0

    def evaluations(self, budget: int) -> int:
        """Batches of so many epochs."""
        return budget * self._every

    @functools.cached_property
    def _every(self) -> int:
        """Batches of an epoch."""
        return int(-(-self._begin(0).train[0].shape[0] // self.batch))

    def runs(
        self, optimizer: Optimizer, settings: Sequence[dict[str, Any]], seeds: Sequence[int],
        budget: int,
    ) -> list[Curves]:  # fmt: skip
        """One network after the other."""
        return [self._runs(optimizer.fresh(**s), seeds, budget) for s in settings]

    def _begin(self, seed: int) -> Begun:
        whole = load_classes(self.data)
        sizes = (whole.inputs, *self.hidden, whole.n_classes)
        setup = Setup(self.data, sizes, 1, self.batch, batch_norm=False, dropout=0.0, seed=seed)
        shares = shares_of(whole, setup, 0)
        train, held_out = (shares.scale(s) for s in (shares.train, shares.validation))
        network = self._images(whole, seed) if self.conv else first_network(setup, 0)
        return Begun(network, (train.x, train.y), (held_out.x, held_out.y),
                     float(np.log(whole.n_classes)))  # fmt: skip

    def _images(self, whole: Any, seed: int) -> Network:
        layers: list[Any] = []
        for filters in self.conv:
            layers += [Conv2D(filters, WINDOW, padding="same"), Activation("relu"), MaxPool2D(POOL)]
        layers.append(Flatten())
        for units in self.hidden:
            layers += [Dense(units), Activation("relu")]
        return Network((*whole.image, 1), [*layers, Dense(whole.n_classes)],
                       rng=np.random.default_rng([seed, 0, 0]))  # fmt: skip

    def _runs(self, optimizer: Optimizer, seeds: Sequence[int], budget: int) -> Curves:
        shape = (len(seeds), budget + 1)
        values, extra = np.full(shape, np.inf), np.full((len(seeds), 2, budget + 1), np.nan)
        for row, seed in enumerate(seeds):
            begun = self._begin(seed)
            held, trained = (begun.network.evaluate(*p) for p in (begun.held_out, begun.train))
            history = fit(begun.network, *begun.train, optimizer.fresh(), epochs=budget,
                          hints=False, batch_size=self.batch, validation=begun.held_out,
                          rng=np.random.default_rng([seed, 1]))  # fmt: skip
            count = len(history.validation_loss)
            values[row, 0] = held[0] / begun.guess
            values[row, 1 : count + 1] = np.asarray(history.validation_loss) / begun.guess
            extra[row, :, 0] = trained[0], held[1]
            extra[row, 0, 1 : count + 1] = history.loss
            extra[row, 1, 1 : count + 1] = history.validation_accuracy
        return _curves(values, extra, self._every)


def _curves(values: Real, extra: Real, every: int) -> Curves:
    """Once a loss is no number, a run is lost."""
    lost = np.logical_or.accumulate(~np.isfinite(values), axis=1)
    values[lost] = np.inf
    best = np.where(lost, np.inf, np.minimum.accumulate(values, axis=1))
    return Curves(np.arange(values.shape[1], dtype=np.int64) * every, values, best, extra)


@dataclass(frozen=True, repr=False)
class OnRegression(OnNetwork):
    """A network that fits numbers, with the squared error."""

    @property
    def source(self) -> str:  # type: ignore[override]
        """The data's."""
        return SOURCE

    def identity(self) -> str:
        """The data themselves, and all of the package that trains."""
        return self._identity(*load_numbers(self.data))

    def _begin(self, seed: int) -> Begun:
        """65 % train, 15 % validate; all is scaled by what trains. Guessing is the mean."""
        x, y = load_numbers(self.data)
        order = np.random.default_rng([seed, 0, 2]).permutation(len(x))
        count = round(0.65 * len(x))
        train, held_out = order[:count], order[count : round(0.8 * len(x))]
        scaled = [((a - a[train].mean(axis=0)) / a[train].std(axis=0)).astype(np.float32)
                  for a in (x, y[:, None])]  # fmt: skip
        network = MLP((x.shape[1], *self.hidden, 1), loss="mse",
                      rng=np.random.default_rng([seed, 0, 0]))  # fmt: skip
        trained, held = (tuple(a[rows] for a in scaled) for rows in (train, held_out))
        guess = float(np.square(held[1], dtype=np.float64).mean())
        return Begun(network, (trained[0], trained[1]), (held[0], held[1]), guess)


def on_network(text: str, name: str, given: Mapping[str, str]) -> OnNetwork:
    """A problem from a text, its name and its options."""
    kind, _, data = name.partition(":")
    if unknown := given.keys() - set(OPTIONS[kind]):
        raise ValueError(
            f"{text!r} has no {listed(sorted(unknown))}; it has {listed(OPTIONS[kind])}"
        )
    hidden, conv = (_sizes(text, given.get(key, usual)) for key, usual in (
        ("hidden", "32"), ("conv", "none")))  # fmt: skip
    (batch,) = _sizes(text, given.get("batch", "32")) or (0,)
    for size in (*hidden, *conv, batch):
        check_whole(f"{text}: a size", size, 1, 100_000)
    if kind == "fit":
        load_numbers(data)
        return OnRegression(text, data, hidden, batch)
    image = load_classes(data).image
    most = 0 if image is None else int(np.log2(min(image)))
    if len(conv) > most:
        raise ValueError(
            f"{text!r}: {data} has no images, and conv needs them" if image is None else
            f"{text!r}: of an image of {image[0]} × {image[1]} {counted(most, 'convolution')} "
            "leave nothing more to pool"
        )  # fmt: skip
    return OnNetwork(text, data, hidden, batch, conv)


def _sizes(text: str, written: str) -> tuple[int, ...]:
    if written == "none":
        return ()
    try:
        return tuple(parse_whole(n) for n in written.split("-"))
    except ValueError:
        raise ValueError(
            f"{text!r}: sizes must be whole numbers, such as hidden=32-16, or none"
        ) from None
