"""What studies share that train networks on two features."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from optviz.nn.activations import check_activation
from optviz.nn.initializers import initializer
from optviz.nn.plane import OnPlane
from optviz.runs.entry import Entry
from optviz.studies.on_data import OnData
from optviz.studies.settings import Learner, Seed, Sizes

#: Units of a layer, and hidden layers, that can be told apart in a picture.
MOST_UNITS, MOST_LAYERS = 64, 6


class OnPlaneStudy(OnData):
    """A study of a network on two features."""

    data: Annotated[
        str, *OnData.model_fields["data"].metadata,
        Field(description="A data set with two features: its name, NAME:key=value, or a file."),
    ] = "moons"  # fmt: skip
    hidden: Annotated[Sizes, Field(description="Sizes of the hidden layers.")] = (6, 4)
    activation: Annotated[str, Field(description="Such as tanh, relu or sigmoid.")] = "tanh"
    init: Annotated[str, Field(description="Such as xavier, he or normal:std=0.5.")] = "xavier"
    optimizer: Learner = "adam:lr=0.01"  # type: ignore[assignment]
    epochs: Annotated[int, Field(ge=1, le=10**5, description="Epochs.")] = 100
    batch_size: Annotated[int, Field(ge=1, le=10**6, description="Samples in a batch.")] = 32
    seed: Seed = 0

    _known_activation = field_validator("activation")(check_activation)

    @field_validator("init")
    @classmethod
    def _known_init(cls, init: str) -> str:
        initializer(init)
        return init

    @field_validator("hidden")
    @classmethod
    def _can_be_drawn(cls, hidden: tuple[int, ...] | None) -> tuple[int, ...]:
        if not hidden or len(hidden) > MOST_LAYERS or max(hidden) > MOST_UNITS:
            raise ValueError(
                f"hidden must be one to {MOST_LAYERS} sizes up to {MOST_UNITS}, such as 6,4"
            )
        return hidden

    @property
    def given(self) -> tuple[str, ...]:
        """The features that the network is given."""
        return ("x", "y")

    @property
    def task(self) -> OnPlane:
        """Data, sizes, and how it is trained."""
        return OnPlane(self.data, self.hidden or (), self.activation, self.init, self.epochs,
                       self.batch_size, self.seed or 0, features=self.given)  # fmt: skip

    def choices(self, samples: int) -> list[str]:
        """How the network came to be, for the small print."""
        from optviz.render.style import described

        entry: Entry = self.optimizer
        return [
            f"{self.data}, {samples:,} samples for training, the rest for the test",
            f"{self.activation}, {self.init}", described(entry.optimizer, []),
            f"{self.epochs} epochs, batches of {self.batch_size}", f"seed {self.seed}",
        ]  # fmt: skip

    @staticmethod
    def told(progress: Any, k: int = 0, count: int = 1) -> Any:
        """A network's progress as the k-th of so many."""
        if progress is None:
            return None
        return lambda done, total, loss, _: progress(
            k * total + done, count * total, f"training  loss {loss:.3g}"
        )
