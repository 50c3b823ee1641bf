"""The course's experiment: one data set, one network, several optimizers, several runs of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data.dataset import Dataset
from optviz.nn import data as datasets
from optviz.nn.hints import divergence_hint, warn
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.records import History, curves
from optviz.nn.training import fit
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import as_optimizer
from optviz.runs.race import several
from optviz.shared.checks import check_amounts, check_whole, is_whole
from optviz.shared.table import Table, Tabular, stacked

Real = NDArray[np.float64]

#: Shares of the data: the rest trains.
TEST, VALIDATION = 0.2, 0.15
HIDDEN = (100, 100)


@dataclass(frozen=True)
class Setup:
    """What all runs of a comparison share; see `compare`."""

    data: str
    layers: tuple[int, ...]
    epochs: int = 30
    batch_size: int = 64
    activation: str = "relu"
    batch_norm: bool = True
    dropout: float = 0.2
    init: str = "he"
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    patience: int | None = None
    runs: int = 1
    seed: int = 0


@dataclass(frozen=True, repr=False, eq=False)
class Training(Tabular):
    """What `compare` found.

    Attributes
    ----------
    setup : Setup
    data : Dataset
        Without its samples' order: the whole set.
    optimizers
        Those compared.
    histories
        For each optimizer, its runs.
    test_accuracy : ndarray (optimizers, runs)
        Of the network at the end of each run (of the best epoch, with patience).
    network : Network
        That of the last run.
    """

    setup: Setup
    data: Dataset
    optimizers: tuple[Optimizer, ...]
    histories: tuple[tuple[History, ...], ...]
    test_accuracy: Real
    network: Network

    def curves(self, k: int, name: str) -> Real:
        """The median, and the 10 % and 90 % quantiles, of a history over the runs: (3, epochs).

        A run that diverged counts to the end: with infinite losses, and with the accuracy that it
        was left with. One that stopped early has no values beyond its end; where fewer than half
        of the runs go on, those left are no sample of all, and there is nan.
        """
        return curves(self.histories[k], name)

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Which runs ended with a loss that is no finite number: (optimizers, runs)."""
        return np.array([[run.diverged for run in runs] for runs in self.histories])

    @property
    def stopped_early(self) -> NDArray[np.bool_]:
        """Which runs patience ended before they diverged: (optimizers, runs)."""
        stopped = np.array([[run.stopped_early for run in runs] for runs in self.histories])
        return np.asarray(stopped & ~self.diverged)

    def table(self) -> Table:
        """A row for each optimizer, run and epoch; a run's test accuracy and outcome stand in each
        of its rows."""
        flat = [history for runs in self.histories for history in runs]
        lengths = [history.epochs for history in flat]
        runs = range(self.setup.runs)
        columns = stacked(
            [history.table() for history in flat],
            optimizer=[o.spec() for o in self.optimizers for _ in runs],
            run=[run for _ in self.optimizers for run in runs],
        )
        columns["test_accuracy"] = np.repeat(self.test_accuracy.ravel(), lengths)
        columns["outcome"] = np.repeat([history.outcome for history in flat], lengths)
        about = dataclasses.asdict(self.setup)
        return Table(columns, ("optimizer", "run", "epoch"), self._title, about)

    def summary(self) -> Table:
        """For each optimizer the median accuracy in the test, and how many runs diverged."""
        columns = {
            "optimizer": np.array([o.spec() for o in self.optimizers]),
            "test accuracy": np.array([f"{v:.1%}" for v in np.median(self.test_accuracy, axis=1)]),
            "epochs": np.array([max(h.epochs for h in runs) for runs in self.histories]),
            "diverged": self.diverged.sum(axis=1),
        }
        return Table(columns, title=self._title)

    @property
    def _title(self) -> str:
        return f"{self.data.name}, {self.setup.runs} run{'s' * (self.setup.runs > 1)} each"


def compare(
    data: str | Dataset = "digits",
    optimizers: str | Optimizer | Sequence[str | Optimizer] = "adam",
    *,
    layers: Sequence[int] | None = None,
    runs: int = 1,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int, float, float], None] | None = None,
    on_epoch: Callable[[Optimizer, History], None] | None = None,
    **settings: Any,
) -> Training:
    """Train the same network with each optimizer, from the same first weights on the same batches.

    Of the data, 20 % are kept for the test and 15 % of the rest for validation, stratified.
    Features are scaled as the training share says (images together, others one by one; sparse
    ones not at all).

    Parameters
    ----------
    data
        A Dataset, or text for `data.load`: a name such as "digits", or a file.
    optimizers
        One or several, or text such as "adam:lr=0.001"; without a rate, the convention's own.
    layers : sequence of int, optional
        All sizes, inputs and outputs included: (64, 100, 100, 10). Two hidden layers of 100
        unless given.
    runs : int ≥ 1
        Repetitions that differ in split, weights and batches.
    seed : int
        Run k has the seed (seed, k).
    checkpoint
        For one optimizer and one run: see `fit`.
    progress, on_epoch
        Called after each step, and after each epoch.
    settings
        The rest of `Setup`: epochs, batch_size, activation, batch_norm, dropout, init, l1, l2,
        weight_decay, patience.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.nn.compare("moons:n=400", ["sgd:lr=0.1", "adam:lr=0.01"], epochs=3, layers=(2, 8, 2))
    >>> t.test_accuracy.shape, t.curves(0, "loss").shape
    ((2, 1), (3, 3))
    """
    whole = datasets.load_classes(data)
    made = tuple(as_optimizer(o).fresh() for o in several(optimizers, "a comparison"))
    sizes = _sizes(whole, layers)
    setup = _setup(data, whole, sizes, settings, runs, seed)
    if checkpoint is not None and (len(made) > 1 or runs > 1):
        raise ValueError("a checkpoint is for one optimizer and one run")
    histories, scores = [], np.empty((len(made), runs))
    hinted = [""] * len(made)
    for k, optimizer in enumerate(made):
        of_this = []
        for run in range(runs):
            network, train, validation, test = _begin(whole, setup, run)
            history = fit(
                network, train.x, train.y, optimizer.fresh(), epochs=setup.epochs,
                batch_size=setup.batch_size, validation=(validation.x, validation.y),
                patience=setup.patience, weight_decay=setup.weight_decay, checkpoint=checkpoint,
                rng=np.random.default_rng([seed, run, 1]), progress=progress, hints=False,
                callbacks=[] if on_epoch is None else [_watch(on_epoch, optimizer)],
            )  # fmt: skip
            of_this.append(history)
            scores[k, run] = network.evaluate(test.x, test.y)[1]
            # What is said of one run is true of that run; the others are in the picture.
            if (text := divergence_hint(network, train.y, history, True)) and not hinted[k]:
                hinted[k] = f"{optimizer!r}: {text}"
        histories.append(tuple(of_this))
    for text in filter(None, hinted):
        warn(text)
    if not is_numbered(whole.classes):
        network.classes = whole.classes
    return Training(setup, whole, made, tuple(histories), scores, network)


def _watch(
    on_epoch: Callable[[Optimizer, History], None], optimizer: Optimizer
) -> Callable[[Network, History], None]:
    return lambda _, history: on_epoch(optimizer, history)


def _setup(
    data: str | Dataset, whole: Dataset, sizes: tuple[int, ...], settings: dict[str, Any],
    runs: int, seed: int,
) -> Setup:  # fmt: skip
    """The checked settings; a network is made once, so that what it refuses is refused now."""
    check_whole("runs", runs, 1)
    check_whole("seed", seed, 0, 2**63)
    known = {f.name for f in dataclasses.fields(Setup)} - {"data", "layers", "runs", "seed"}
    if unknown := settings.keys() - known:
        raise ValueError(
            f"compare has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    # A data set that was handed over may have been changed: it never passes for the one of
    # its name, which is what a picture would be made of again.
    text = data if isinstance(data, str) else f"own.{whole.name}"
    setup = Setup(text, sizes, runs=int(runs), seed=int(seed), **_plain(settings))
    first_network(setup, 0)
    return setup


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as text, numbers and flags, which a picture's specification can keep."""
    out = dict(settings)
    for name, value in settings.items():
        if name in ("epochs", "batch_size") or (name == "patience" and value is not None):
            check_whole(name, value, 1)
            out[name] = int(value)
        elif name in ("dropout", "l1", "l2", "weight_decay"):
            check_amounts(**{name: value})
            out[name] = float(value)
        elif name == "batch_norm" and not isinstance(value, bool):
            raise ValueError(f"batch_norm must be True or False here, not {value!r}")
        elif name in ("activation", "init") and not isinstance(value, str):
            raise ValueError(f"{name} must be a text here, such as 'he', not {value!r}")
    return out


def _sizes(whole: Dataset, layers: Sequence[int] | None) -> tuple[int, ...]:
    if layers is None:
        return (whole.inputs, *HIDDEN, whole.n_classes)
    if not isinstance(layers, Iterable):
        raise ValueError(f"layers must be sizes such as 64,100,100,10, not {layers!r}")
    sizes = tuple(int(n) if is_whole(n) else n for n in layers)
    if len(sizes) < 2 or sizes[0] != whole.inputs or sizes[-1] != whole.n_classes:
        hidden = ",".join(map(str, sizes[1:-1] or HIDDEN))
        raise ValueError(
            f"{whole.name} has {whole.inputs} inputs and {whole.n_classes} classes: layers must "
            f"be such as {whole.inputs},{hidden},{whole.n_classes}"
        )
    return sizes


def first_network(setup: Setup, run: int) -> Network:
    """The network that a run begins with."""
    return MLP(
        setup.layers, activation=setup.activation, batch_norm=setup.batch_norm,
        dropout=setup.dropout, init=setup.init, l1=setup.l1, l2=setup.l2,
        rng=np.random.default_rng([setup.seed, run, 0]),
    )  # fmt: skip


def is_numbered(classes: Sequence[str]) -> bool:
    """Whether the names of the classes are their numbers."""
    return tuple(classes) == tuple(map(str, range(len(classes))))


@dataclass(frozen=True)
class Shares:
    """The three shares of the data for one run, as they are, and how they are scaled."""

    train: Dataset
    validation: Dataset
    test: Dataset
    scale: Callable[[Any], Any]


def shares_of(whole: Dataset, setup: Setup, run: int) -> Shares:
    """What the network of a run was trained on, judged by, and tested on."""
    rest, test = whole.split(TEST, rng=np.random.default_rng([setup.seed, run, 2]))
    train, validation = rest.split(VALIDATION, rng=np.random.default_rng([setup.seed, run, 3]))
    if whole.is_sparse:
        return Shares(train, validation, test, lambda data: data)
    is_image = whole.image is not None
    scale = datasets.min_max(train, together=True) if is_image else datasets.standardize(train)
    return Shares(train, validation, test, scale)


def _begin(whole: Dataset, setup: Setup, run: int) -> tuple[Network, Dataset, Dataset, Dataset]:
    """The network and the three shares of the data, scaled, for one run."""
    shares = shares_of(whole, setup, run)
    parts = (shares.scale(part) for part in (shares.train, shares.validation, shares.test))
    return (first_network(setup, run), *parts)
