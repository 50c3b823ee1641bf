"""What studies that train a network share: the data, the network, and how it is trained."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from optviz.nn.comparison import Setup, Training, compare
from optviz.nn.judgement import Judgement, judge
from optviz.runs.entry import Entry
from optviz.shared.spec import SpecError
from optviz.studies.on_data import OnData
from optviz.studies.settings import Counts, Learner, Seed, Sizes
from optviz.studies.study import Progress

MAX_LAYERS, MAX_WEIGHTS = 50, 20_000_000


class OnNetwork(OnData):
    """A study that trains a dense network on a data set."""

    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("activation batch_norm dropout", "with hidden layers",
               lambda s: s.layers is None or len(s.layers) > 2, "give --layers at least one"),
    )  # fmt: skip

    layers: Annotated[
        Sizes, Field(description="All sizes; two hidden layers of 100 unless given.")
    ] = None
    activation: Annotated[str, Field(description="Such as relu, tanh or sigmoid.")] = "relu"
    batch_norm: Annotated[bool, Field(description="Before each activation.")] = True
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.2
    init: Annotated[str, Field(description="Such as he, xavier, orthogonal, normal:std=0.01.")] = (
        "he"
    )
    l1: Annotated[float, Field(ge=0, description="Penalty on the sum of absolute weights.")] = 0.0
    l2: Annotated[float, Field(ge=0, description="Penalty on half the sum of squares.")] = 0.0
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled decay of the weights.")] = 0.0
    epochs: Annotated[int, Field(ge=1, le=10**6, description="Epochs, at most.")] = 30
    batch_size: Annotated[int, Field(ge=1, le=10**7, description="Samples in a batch.")] = 64
    patience: Annotated[
        int | None,
        Field(ge=1, le=10**6, description="Stop after so many epochs without progress."),
    ] = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        sizes = self.layers or ()
        # Each weight takes about 30 bytes while it is trained.
        weights = sum(a * b for a, b in pairwise(sizes))
        if len(sizes) > MAX_LAYERS or weights > MAX_WEIGHTS:
            raise ValueError(f"layers may be at most {MAX_LAYERS} with {MAX_WEIGHTS:,} weights")
        return self

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """As every study; a specification may name no files."""
        if data.get("checkpoint") or data.get("save"):
            raise SpecError("a specification names no files: checkpoint and save are not for it")
        made = super().from_data(data)
        assert isinstance(made, cls)
        return made

    @property
    def shared(self) -> dict[str, Any]:
        """What `compare` takes besides data and optimizers."""
        settings = self.settings()
        return {name: settings[name] for name in Setup.__dataclass_fields__
                if name != "data" and name in settings}  # fmt: skip


class OnOneNetwork(OnNetwork):
    """A study that trains one network and looks at what it answers.

    `train` with one optimizer and the same settings ends with this network.
    """

    optimizer: Learner = "adam:lr=0.001"  # type: ignore[assignment]

    def judged(self, progress: Progress | None = None) -> Judgement:
        """Train, and judge by the shares of the data."""
        told = None
        if progress is not None:
            told = lambda done, total, loss, rate: progress(  # noqa: E731
                done, total, f"training  loss {loss:.3g}  rate {rate:.3g}"
            )
        entry: Entry = self.optimizer
        made: Training = compare(self.data, [entry.optimizer], progress=told, **self.shared)
        return dataclasses.replace(judge(made), study=self)

    @staticmethod
    def lost(result: Judgement) -> str:
        """What is said of a network that diverged, whose answers say nothing; else nothing."""
        (history,) = result.training.histories[0]
        is_lost = history.diverged or not np.isfinite(result.probabilities).all()
        return f"Training diverged in epoch {history.epochs}: no answer counts" if is_lost else ""

    def small_print(self, result: Judgement) -> list[str]:
        """How the network came to be."""
        from optviz.render.style import described

        t = result.training
        (history,) = t.histories[0]
        network = "-".join(map(str, t.setup.layers))
        return [
            f"{len(t.data):,} samples, 20 % for the test, 15 % of the rest for validation",
            f"{network} network, {t.setup.activation}", described(t.optimizers[0], []),
            f"{history.epochs} epochs, batches of {t.setup.batch_size}",
            "diverged" if history.diverged else "", f"seed {t.setup.seed}",
        ]  # fmt: skip
