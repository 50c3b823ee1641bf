"""What is kept of a training run: its history by epochs, and records by steps."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import optviz
from optviz.nn.model import Model
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular, row

Array = NDArray[Any]
Real = NDArray[np.float64]

#: What a history has of each epoch.
COLUMNS = ("loss", "penalty", "accuracy", "validation_loss", "validation_accuracy", "rate")
#: What can be recorded at every so many steps.
RECORDS = ("loss", "rate", "gradient_norms", "parameters", "activations")
#: Rows of x whose activations are recorded.
PROBE = 256


@dataclass(frozen=True, repr=False, eq=False)
class History(Tabular):
    """What happened, epoch by epoch.

    Attributes
    ----------
    loss, accuracy : ndarray (epochs,)
        Means over the epoch's rows, each as its batch was trained on: with dropout, the batch's
        moments, and parameters that change from batch to batch. The loss is that of the data,
        without penalties, as in validation; accuracy is nan for a regression.
    penalty : ndarray (epochs,)
        The same mean of what l1 and l2 add; training minimises the sum of both. 0 without them.
    validation_loss, validation_accuracy : ndarray (epochs,)
        At the end of each epoch, at evaluation; nan without validation data.
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
        What `record` asked for, each with the recorded steps in front: "step" (k,), "loss" (k,) of
        the step's batch without penalties, "rate" (k,), "gradient_norms" (k, layers),
        "parameters" (k, p), and for "activations" one array (k, rows, units) for each layer.
    """

    loss: Real
    penalty: Real
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

    def plot(self, *, size: tuple[int, int] | None = None, theme: str | None = None) -> Any:
        """Loss and accuracy by epoch, a Matplotlib figure: the same as `optviz.plot(history)`.

        Parameters
        ----------
        size : (int, int), optional
            Width and height in pixels, at 100 dots per inch.
        theme : str, optional
            "light", "dark" or "print".

        Examples
        --------
        >>> import numpy as np, optviz as ov
        >>> x = np.random.default_rng(0).normal(size=(60, 2))
        >>> net = ov.nn.MLP((2, 4, 2), rng=0)
        >>> history = net.fit(x, (x[:, 0] > 0).astype(int), ov.Adam(lr=0.05), epochs=3, rng=0)
        >>> [axes.get_label() for axes in history.plot().axes]
        ['loss', 'accuracy']
        """
        # By the public name, as a user would: what computes knows nothing that draws.
        return optviz.plot(self, size=size, theme=theme)

    @property
    def diverged(self) -> bool:
        """Whether the last loss, in training or in validation, is no finite number."""
        kept = [
            self.loss,
            *([] if np.isnan(self.validation_loss).all() else [self.validation_loss]),
        ]
        return any(not np.isfinite(losses[-1]) for losses in kept if len(losses))

    @property
    def outcome(self) -> str:
        """ "diverged", "stopped early" (patience ran out) or "finished"."""
        if self.diverged:
            return "diverged"
        return "stopped early" if self.stopped_early else "finished"

    def table(self) -> Table:
        """A row for each epoch. (What was recorded by steps is in `records`.)"""
        columns = {"epoch": np.arange(1, self.epochs + 1)}
        columns |= {name: getattr(self, name) for name in COLUMNS}
        about = {"outcome": self.outcome, "steps": self.steps, "best_epoch": self.best_epoch}
        return Table(columns, ("epoch",), "Training", about)

    def summary(self) -> Table:
        """How far it came: what is told of the last epoch, as far as it was measured."""
        names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
        last = {name.replace("_", " "): getattr(self, name)[-1:] for name in names}
        told = {name: v for name, v in last.items() if len(v) and not np.isnan(v).any()}
        steps = f"{self.epochs} epochs, {self.steps:,} steps"
        return Table({**told, **row(outcome=self.outcome)}, title=steps)


class Records:
    """What is kept along the way."""

    def __init__(self, network: Model, names: tuple[str, ...], every: int, x: Any) -> None:
        self.network, self.names, self.every = network, names, every
        self.probe = network.batch(x, slice(0, PROBE)) if "activations" in names else None
        self.kept: dict[str, list[Any]] = {}

    def wants(self, step: int) -> bool:
        """Whether anything is kept of this step."""
        return bool(self.names) and step % self.every == 0

    def until(self, step: int) -> int:
        """How many steps there are from this one to the next that something is kept of."""
        return self.every - step % self.every if self.names else sys.maxsize

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


def curves(runs: Sequence[History], name: str) -> Real:
    """Median, 10 % and 90 % quantiles of a history over runs: see `Training.curves`."""
    table = np.full((len(runs), max(run.epochs for run in runs)), np.nan)
    for row_, run in zip(table, runs, strict=True):
        row_[: run.epochs] = getattr(run, name)
        if run.diverged and name.endswith(("loss", "penalty")):
            row_[np.isnan(row_)] = np.inf
        elif run.diverged:
            row_[run.epochs :] = row_[run.epochs - 1]
    count = np.count_nonzero(~np.isnan(table), axis=0)
    return np.where(2 * count >= len(runs), quantiles(table, [0.5, 0.1, 0.9]), np.nan)
