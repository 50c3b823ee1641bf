"""What is kept of a training run: its history by epochs, and records by steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.model import Model

Array = NDArray[Any]
Real = NDArray[np.float64]

#: What a history has of each epoch.
COLUMNS = ("loss", "penalty", "accuracy", "validation_loss", "validation_accuracy", "rate")
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

    @property
    def diverged(self) -> bool:
        """Whether the last loss, in training or in validation, is no finite number."""
        kept = [
            self.loss,
            *([] if np.isnan(self.validation_loss).all() else [self.validation_loss]),
        ]
        return any(not np.isfinite(losses[-1]) for losses in kept if len(losses))


class Records:
    """What is kept along the way."""

    def __init__(self, network: Model, names: tuple[str, ...], every: int, x: Any) -> None:
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
