"""What studies of deep networks on a few samples share, those of batch normalisation above all."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from optviz.nn.activations import check_activation
from optviz.nn.deep import Deep
from optviz.optimizers.base import Optimizer
from optviz.runs.entry import Entry
from optviz.studies.on_data import OnData
from optviz.studies.settings import Learner, Seed

#: Without and with.
NAMES = ("without", "with batch norm")


class OnDeepNetwork(OnData):
    """A study that trains deep networks on a few samples."""

    layers: Annotated[int, Field(ge=1, le=30, description="Hidden layers.")] = 5
    units: Annotated[int, Field(ge=2, le=2000, description="Units of each.")] = 100
    activation: Annotated[str, Field(description="Such as relu, tanh or sigmoid.")] = "relu"
    optimizer: Learner = "sgd:lr=0.01"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 20
    batch_size: Annotated[int, Field(ge=2, le=10**6, description="Samples in a batch.")] = 100
    seed: Seed = 0

    _known_activation = field_validator("activation")(check_activation)

    def deep_with(self, samples: int | None) -> Deep:
        """The task, with so many samples for training."""
        return Deep(self.data, samples, self.layers, self.units, self.activation,
                    self.epochs, self.batch_size, self.seed or 0)  # fmt: skip

    @property
    def made(self) -> Optimizer:
        """The optimizer."""
        entry: Entry = self.optimizer
        return entry.optimizer

    def choices(self, trained: int) -> list[str]:
        """How the networks came to be, for the small print."""
        from optviz.render.style import described

        return [
            f"{trained:,} samples of {self.data_name}",
            f"{self.layers} hidden layers of {self.units}, {self.activation}",
            described(self.made, []), f"{self.epochs} epochs, batches of {self.batch_size}",
        ]  # fmt: skip


class OnBatchNorm(OnDeepNetwork):
    """A study of deep networks with batch normalisation and without."""

    samples: Annotated[
        int | None,
        Field(ge=10, le=10**6, description="For training; 1,000, or half of smaller data."),
    ] = None

    @property
    def deep(self) -> Deep:
        """The task."""
        return self.deep_with(self.samples)


def hues(theme: Any) -> tuple[str, str]:
    """The colours of without and with."""
    return theme.quiet, "#0072B2"
