"""Training: shuffled mini-batches, validation, early stopping, records and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.data.dataset import is_sparse
from optviz.nn.checkpoint import Checkpoint
from optviz.nn.network import Network
from optviz.optimizers.base import Optimizer
from optviz.runs.trajectory import check_amounts, check_optimizer
from optviz.shared.checks import as_real, check_count, generator
from optviz.shared.text import did_you_mean, listed

Array = NDArray[Any]
Real = NDArray[np.float64]

#: What can be recorded at every so many steps.
RECORDS = ("loss", "rate", "gradient_norms", "parameters", "activations")
#: Rows of x whose activations are recorded.
PROBE = 256


@dataclass(frozen=True)
class History:
    """What happened, epoch by epoch.

    Attributes
    ----------
    loss, accuracy : ndarray (epochs,)
        Means over the epoch's batches as they were trained on (dropout and penalties included);
        accuracy is nan for a regression.
    validation_loss, validation_accuracy : ndarray (epochs,)
        At the end of each epoch; nan without validation data.
    rate : ndarray (epochs,)
        The learning rate of the epoch's last step.
    best_epoch : int
        The epoch (from 1) with the lowest validation loss (training loss without validation);
        0 if it was never a number.
    stopped_early : bool
        Whether patience ran out.
    steps : int
        Steps made in all.
    records : dict
        What `record` asked for, each with the recorded steps in front: "step" (k,), "loss" (k,),
        "rate" (k,), "gradient_norms" (k, layers), "parameters" (k, p), and for "activations" one
        array (k, rows, units) for each layer.
    """

    loss: Real
    accuracy: Real
    validation_loss: Real
    validation_accuracy: Real
    rate: Real
    best_epoch: int
    stopped_early: bool
    steps: int
    records: Mapping[str, Array] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.loss)


def fit(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    optimizer: Optimizer,
    *,
    epochs: int = 5,
    batch_size: int = 128,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    patience: int | None = None,
    restore_best: bool = True,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    record: Sequence[str] = (),
    record_every: int = 1,
    callbacks: Iterable[Callable[[Network, History], Any]] = (),
    progress: Callable[[int, int, float, float], None] | None = None,
    checkpoint: str | Path | None = None,
    rng: Any = None,
) -> History:
    """Train a network in place.

    Parameters
    ----------
    network
        Its parameters are changed, by one call of the optimizer's kernel a step.
    x : array or CSR matrix (n, inputs)
    y
        Targets as the network's loss wants them.
    optimizer
        Steps on with the state that it has. A `weight_decay` of its own falls on the weights
        only (see `Network`): biases and batch normalisation do not decay.
    epochs, batch_size : int ≥ 1
        Each epoch uses every row once, in a new order; the last batch may be smaller.
    validation : (x, y), optional
        Evaluated after each epoch.
    patience : int, optional
        Stop when the validation loss has not fallen for so many epochs.
    restore_best : bool
        With patience: end with the parameters of the best epoch.
    weight_decay : float ≥ 0
        Decoupled (Loshchilov and Hutter, ICLR 2019): weights shrink by rate · weight_decay of
        themselves in each step, whatever the optimizer.
    clip_norm : float > 0, optional
        A gradient whose norm is larger is scaled to it.
    record, record_every
        Which of `RECORDS` to keep, after every so many steps. Activations are those of the first
        256 rows of x, at evaluation.
    callbacks
        Called with the network and the history so far after each epoch; one that returns True
        ends the training.
    progress
        Called after each step with steps done, steps in all, loss and rate.
    checkpoint
        A file (.npz) written after each epoch, in one step. If it exists, training goes on from
        it, and ends as it would have without a break. It must be of the same run.
    rng
        Seed or generator of the order of the rows.

    Raises
    ------
    ValueError
        For arguments out of range, data that do not fit, or another run's checkpoint; nothing has
        been changed then.
    """
    inputs, targets = _prepared(network, x, y)
    held_out = None if validation is None else _held_out(network, validation)
    check_optimizer(optimizer)
    record = (record,) if isinstance(record, str) else record
    _check(epochs, batch_size, patience, weight_decay, clip_norm, record, record_every, held_out)
    run = Run(
        network, optimizer, inputs, targets, held_out, generator(rng), int(epochs),
        int(batch_size), patience, restore_best, float(weight_decay), clip_norm,
        Records(network, tuple(record), int(record_every), inputs), progress,
    )  # fmt: skip
    file = None if checkpoint is None else Checkpoint(Path(checkpoint), run)
    if file is not None:
        file.resume()
    while not run.is_over():
        run.epoch()
        stops = [callback(network, run.history()) for callback in callbacks]
        run.is_stopped |= any(isinstance(stop, bool | np.bool_) and bool(stop) for stop in stops)
        if file is not None:
            file.write()
    run.finish()
    return run.history()


class Run:
    """A training run between epochs: all that a checkpoint must hold is here."""

    def __init__(
        self, network: Network, optimizer: Optimizer, x: Any, targets: Array,
        held_out: tuple[Any, Array] | None, rng: np.random.Generator, epochs: int, batch_size: int,
        patience: int | None, restore_best: bool, weight_decay: float, clip_norm: float | None,
        records: Records, progress: Callable[[int, int, float, float], None] | None,
    ) -> None:  # fmt: skip
        self.network, self.x, self.targets, self.held_out = network, x, targets, held_out
        self.rng, self.epochs, self.batch_size = rng, epochs, batch_size
        self.patience, self.restore_best = patience, restore_best
        self.weight_decay, self.clip_norm = weight_decay, clip_norm
        self.records, self.progress = records, progress
        self.parts, self.part_gradients = _parts(network, optimizer)
        self.optimizer = optimizer
        self.steps = 0
        #: That of the last step.
        self.rate = math.nan
        self.rows: list[tuple[float, ...]] = []
        self.best_loss, self.best_epoch = math.inf, 0
        self.best: dict[str, Array] = {}
        self.is_stopped = self.stopped_early = False

    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.is_stopped or self.stopped_early or len(self.rows) >= self.epochs

    def epoch(self) -> None:
        """All rows once, then validation."""
        order = self.rng.permutation(len(self.targets))
        loss, correct = 0.0, 0
        parts = [order[k : k + self.batch_size] for k in range(0, len(order), self.batch_size)]
        for rows in parts:
            batch_loss, batch_correct = self.gradient(rows)
            self.update(batch_loss)
            loss += batch_loss * len(rows)
            correct += batch_correct
        n = len(order)
        has_metric = bool(self.network.loss_function.metric)
        accuracy = correct / n if has_metric else math.nan
        seen = (math.nan, math.nan)
        if self.held_out is not None:
            seen = self.network.measure(*self.held_out)
        self.rows.append((loss / n, accuracy, *seen, self.rate))
        self.judge(loss / n if self.held_out is None else seen[0])

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, rows: Array) -> tuple[float, int]:
        """The gradient of a batch; its loss and the number of correct answers."""
        targets = self.targets[rows]
        inputs = _gather(self.network, self.x, rows)
        loss, outputs = self.network.step_gradient(inputs, targets)
        return loss, self.network.loss_function.correct(outputs, targets)

    @np.errstate(over="ignore", invalid="ignore")
    def update(self, loss: float) -> None:
        """Clipping, decay, the optimizer's step, records."""
        network, gradients = self.network, self.network.gradients
        if self.clip_norm is not None:
            norm = float(np.sqrt(np.dot(gradients, gradients)))
            if norm > self.clip_norm:
                gradients *= self.clip_norm / norm
        rate = self.rate = self.rate_of_next_step()
        if self.weight_decay:
            network.parameters[: network.decaying] *= 1 - rate * self.weight_decay
        self.optimizer.update(self.parts, self.part_gradients, undecayed=("rest",))
        self.steps += 1
        if self.records.wants(self.steps):
            self.records.take(self.steps, loss, rate)
        if self.progress is not None:
            per_epoch = -(-len(self.targets) // self.batch_size)
            self.progress(self.steps, self.epochs * per_epoch, loss, rate)

    def rate_of_next_step(self) -> float:
        """The learning rate that the optimizer will use."""
        schedule = self.optimizer.schedule
        if schedule is not None:
            return float(schedule(self.optimizer.steps))
        return float(getattr(self.optimizer, "lr", math.nan))

    def judge(self, loss: float) -> None:
        """Early stopping: keep the best parameters, count the epochs without progress."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, len(self.rows)
            if self.patience is not None and self.restore_best:
                self.best = self.state()
        elif self.patience is not None and len(self.rows) - self.best_epoch >= self.patience:
            self.stopped_early = True

    def state(self) -> dict[str, Array]:
        """A copy of what training has made of the network."""
        return {name: array.copy() for name, array in self.network.state().items()}

    def finish(self) -> None:
        """End with the best parameters, if they were kept."""
        if self.best:
            self.network.restore(self.best)

    def history(self) -> History:
        """What has happened so far."""
        columns = np.array(self.rows, dtype=float).reshape(-1, 5).T.copy()
        loss, accuracy, validation_loss, validation_accuracy, rate = columns
        return History(
            loss, accuracy, validation_loss, validation_accuracy, rate, self.best_epoch,
            self.stopped_early, self.steps, self.records.arrays(),
        )  # fmt: skip


def _parts(network: Network, optimizer: Optimizer) -> tuple[dict[str, Array], dict[str, Array]]:
    """What the optimizer steps, and its gradients: in two parts if it decays weights itself."""
    whole, gradients, count = network.parameters, network.gradients, network.decaying
    if "weight_decay" not in optimizer.hyper:
        return {"parameters": whole}, {"parameters": gradients}
    return (
        {"weights": whole[:count], "rest": whole[count:]},
        {"weights": gradients[:count], "rest": gradients[count:]},
    )


def _gather(network: Network, x: Any, rows: Array) -> Any:
    """A batch of rows in the network's type."""
    if is_sparse(x):
        return network.batch(x, rows)
    batch = network.layers[0].buffer("batch", len(rows), x.shape[1])
    if x.dtype == network.dtype:
        # "clip" spares a copy for the check of rows that are right anyway.
        return np.take(x, rows, axis=0, out=batch, mode="clip")
    batch[...] = x[rows]
    return batch


def _prepared(network: Network, x: ArrayLike, y: ArrayLike) -> tuple[Any, Array]:
    inputs = network.check_inputs(x)
    targets = network.check_targets(y, inputs.shape[0])
    if not is_sparse(inputs) and inputs.dtype.kind == "f":
        inputs = np.ascontiguousarray(inputs, network.dtype)
    return inputs, targets


def _held_out(network: Network, validation: Any) -> tuple[Any, Array]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ValueError("validation must be a pair (x, y)")
    try:
        return _prepared(network, *validation)
    except ValueError as error:
        raise ValueError(f"validation: {error}") from None


# -- records ----------------------------------------------------------------------------------


class Records:
    """What is kept along the way."""

    def __init__(self, network: Network, names: tuple[str, ...], every: int, x: Any) -> None:
        self.network, self.names, self.every = network, names, every
        self.probe = network.batch(x, slice(0, PROBE)) if "activations" in names else None
        self.kept: dict[str, list[Any]] = {}

    def wants(self, step: int) -> bool:
        """Whether anything is kept of this step."""
        return bool(self.names) and step % self.every == 0

    def take(self, step: int, loss: float, rate: float) -> None:
        """Keep what was asked for."""
        network = self.network
        found: dict[str, Any] = {"step": step}
        found |= {k: v for k, v in (("loss", loss), ("rate", rate)) if k in self.names}
        if "gradient_norms" in self.names:
            found["gradient_norms"] = [
                math.sqrt(sum(float(np.vdot(g, g)) for g in layer.grads.values()))
                for layer in network.layers
            ]
        if "parameters" in self.names:
            found["parameters"] = network.parameters.copy()
        if self.probe is not None:
            found |= {f"activations/{k}": v for k, v in network.activations(self.probe).items()}
        for name, value in found.items():
            self.kept.setdefault(name, []).append(value)

    def arrays(self) -> dict[str, Array]:
        """What was kept, by name."""
        return {name: np.array(values) for name, values in self.kept.items()}


# -- checks -----------------------------------------------------------------------------------


def _check(
    epochs: int, batch_size: int, patience: int | None, weight_decay: float,
    clip_norm: float | None, record: Sequence[str], record_every: int, held_out: object,
) -> None:  # fmt: skip
    wholes = {"epochs": epochs, "batch_size": batch_size, "record_every": record_every}
    if patience is not None:
        wholes["patience"] = patience
    for name, value in wholes.items():
        check_count(name, value)
    if patience is not None and held_out is None:
        raise ValueError("patience needs validation data: give validation=(x, y)")
    check_amounts(weight_decay=weight_decay)
    if clip_norm is not None and not as_real(clip_norm) > 0:
        raise ValueError(f"clip_norm must be a number > 0, not {clip_norm!r}")
    if unknown := [name for name in record if name not in RECORDS]:
        hint = did_you_mean(str(unknown[0]), RECORDS)
        raise ValueError(f"record has no {listed(unknown)}{hint}; there are {listed(RECORDS)}")
