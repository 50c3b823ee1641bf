"""A training run: its settings, what has happened so far, and what happens in an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data.dataset import is_sparse
from optviz.nn.model import Model
from optviz.nn.records import COLUMNS, History, Records
from optviz.nn.small import SmallNetwork
from optviz.optimizers.base import Optimizer
from optviz.optimizers.state import ArrayState

Array = NDArray[Any]

#: So many batches are worth a call of the compiled loop: to hand its arguments over takes as long
#: as a few of them in Python.
FEWEST = 6


@dataclass(eq=False)
class Run:
    """A training run between epochs: all that a checkpoint must hold is here."""

    network: Model
    optimizer: Optimizer
    x: Any
    targets: Array
    held_out: tuple[Any, Array] | None
    rng: np.random.Generator
    epochs: int
    batch_size: int
    patience: int | None
    restore_best: bool
    weight_decay: float
    clip_norm: float | None
    records: Records
    progress: Callable[[int, int, float, float], None] | None

    steps: int = 0
    #: That of the last step.
    rate: float = math.nan
    #: Of each epoch: loss, penalty, accuracy, those of validation, rate.
    rows: list[tuple[float, ...]] = field(default_factory=list)
    best_loss: float = math.inf
    best_epoch: int = 0
    best: dict[str, Array] = field(default_factory=dict)
    is_stopped: bool = False
    stopped_early: bool = False

    def __post_init__(self) -> None:
        self.parts, self.part_gradients, self.undecayed = _parts(self.network, self.optimizer)
        is_plain = not is_sparse(self.x)
        self.small = SmallNetwork.of(self.network, self.batch_size) if is_plain else None

    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.is_stopped or self.stopped_early or len(self.rows) >= self.epochs

    def epoch(self) -> None:
        """All rows once, then validation."""
        order = self.rng.permutation(len(self.targets))
        n, correct, done = len(order), 0, 0
        # Of each batch loss and penalty.
        told = np.empty((2, -(-n // self.batch_size)))
        while done < n:
            first = done // self.batch_size
            rows = order[done : done + self.batch_size]
            ahead = min(told.shape[1] - first, self.records.until(self.steps))
            states = self.states_for_loop() if ahead >= FEWEST else None
            if states is None:
                *told[:, first], batch_correct = self.gradient(rows)
                self.update(float(told[0, first]))
                correct += batch_correct
            else:
                rows = order[done : done + self.batch_size * ahead]
                correct += self.batches(rows, states, told[:, first:])
            done += len(rows)
        sizes = np.full(told.shape[1], self.batch_size)
        sizes[-1] = n - self.batch_size * (len(sizes) - 1)
        loss, penalty = (told @ sizes).tolist()
        has_metric = bool(self.network.loss_function.metric)
        accuracy = correct / n if has_metric else math.nan
        seen = (math.nan, math.nan)
        with self.averaged():
            if self.held_out is not None:
                seen = self.network.measure(*self.held_out)
            self.rows.append((loss / n, penalty / n, accuracy, *seen, self.rate))
            self.judge(loss / n if self.held_out is None else seen[0])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with what the steps have come to, if that is an average; then as it was."""
        kept = [part.copy() for part in self.parts.values()] if self.has_average else []
        self.take_average()
        try:
            yield
        finally:
            for part, values in zip(self.parts.values(), kept, strict=False):
                part[...] = values

    @property
    def has_average(self) -> bool:
        """Whether the optimizer keeps an average of its weights."""
        return self.optimizer.shown_slot >= 0

    def take_average(self) -> None:
        """Put it in the network's place."""
        if self.has_average:
            for key, values in self.optimizer.evaluation(self.parts).items():
                self.parts[key][...] = values

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, rows: Array) -> tuple[float, float, int]:
        """The gradient of a batch; its loss, penalties and the number of correct answers."""
        targets = self.targets[rows]
        inputs = _gather(self.network, self.x, rows)
        loss, penalty, outputs = self.network.step_gradient(inputs, targets)
        return loss, penalty, self.network.loss_function.correct(outputs, targets)

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
        self.optimizer.update(self.parts, self.part_gradients, undecayed=self.undecayed)
        self.steps += 1
        if self.records.wants(self.steps):
            self.records.take(self.steps, loss, rate)
        if self.progress is not None:
            per_epoch = -(-len(self.targets) // self.batch_size)
            self.progress(self.steps, self.epochs * per_epoch, loss, rate)

    def states_for_loop(self) -> list[ArrayState] | None:
        """What the optimizer remembers, if the batches of a small network may be trained on in a
        loop of their own: nobody looks at each, and nothing is done between."""
        if self.small is None or self.progress or self.clip_norm is not None or self.weight_decay:
            return None
        return self.optimizer.states_for_loop(self.parts, self.undecayed)

    def batches(self, rows: Array, states: list[ArrayState], told: Array) -> int:
        """Batch after batch of these rows, then what is recorded; how many answers were correct.

        Of each, loss and penalty go to a column of `told`.
        """
        assert self.small is not None
        count = -(-len(rows) // self.batch_size)
        schedule, begun = self.optimizer.schedule, self.optimizer.steps
        rates = [] if schedule is None else [float(schedule(begun + k)) for k in range(count)]
        self.rate = rates[-1] if rates else self.rate_of_next_step()
        x, targets = self.network.batch(self.x, rows), self.targets[rows]
        outputs = self.small.train(x, targets, self.optimizer, states, np.array(rates), told)
        self.optimizer.took(count, states)
        self.steps += count
        if self.records.wants(self.steps):
            self.records.take(self.steps, float(told[0, count - 1]), self.rate)
        return self.network.loss_function.correct(outputs, targets)

    def rate_of_next_step(self) -> float:
        """The learning rate that the optimizer will use."""
        schedule = self.optimizer.schedule
        if schedule is not None:
            return float(schedule(self.optimizer.steps))
        return float(getattr(self.optimizer, self.optimizer.rate_name, math.nan))

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
        """End with the best parameters, if they were kept, or with the average of them."""
        self.take_average()
        if self.best:
            self.network.restore(self.best)

    def history(self) -> History:
        """What has happened so far."""
        columns = np.array(self.rows, dtype=float).reshape(-1, len(COLUMNS)).T.copy()
        return History(
            **dict(zip(COLUMNS, columns, strict=True)), best_epoch=self.best_epoch,
            stopped_early=self.stopped_early, steps=self.steps, records=self.records.arrays(),
        )  # fmt: skip


def _parts(
    network: Model, optimizer: Optimizer
) -> tuple[dict[str, Array], dict[str, Array], list[str]]:
    """What the optimizer steps, its gradients, and which parts its own decay of weights passes by:
    all in one, in two where it decays, and array by array where its rule sums over an array."""
    whole, gradients, count = network.parameters, network.gradients, network.decaying
    if optimizer.sums_each_array:
        arrays = [(f"{k} {name}", layer, name) for k, layer in enumerate(network.layers)
                  for name in layer.params]  # fmt: skip
        return (
            {key: layer.params[name] for key, layer, name in arrays},
            {key: layer.grads[name] for key, layer, name in arrays},
            [key for key, layer, name in arrays if name not in layer.decays],
        )
    if "weight_decay" not in optimizer.hyper:
        return {"parameters": whole}, {"parameters": gradients}, []
    return (
        {"weights": whole[:count], "rest": whole[count:]},
        {"weights": gradients[:count], "rest": gradients[count:]}, ["rest"],
    )  # fmt: skip


def _gather(network: Model, x: Any, rows: Array) -> Any:
    """A batch of rows in the network's type."""
    if is_sparse(x):
        return network.batch(x, rows)
    batch = network.layers[0].buffer("batch", len(rows), x.shape[1])
    if x.dtype == network.dtype:
        # "clip" spares a copy for the check of rows that are right anyway.
        return np.take(x, rows, axis=0, out=batch, mode="clip")
    batch[...] = x[rows]
    return batch
