"""The lab's five runs: what activation and first weights make of a convolutional network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optviz.nn.lab import Variant
from optviz.optimizers import optimizers
from optviz.studies.lab import LabRuns, OnLab

#: Optimizer, activation, initialiser, batch normalisation; and the validation loss and accuracy
#: that the course printed after epoch 5.
LAB = {
    "SGD, sigmoid, random_uniform": ("sgd", "sigmoid", "random_uniform", False, 2.3010, 0.1135),
    "SGD, sigmoid, glorot_normal": ("sgd", "sigmoid", "glorot_normal", False, 2.3010, 0.1135),
    "SGD, batch norm, sigmoid, glorot_normal":
        ("sgd", "sigmoid", "glorot_normal", True, np.nan, np.nan),
    "SGD, ReLU, random_uniform": ("sgd", "relu", "random_uniform", False, 0.1005, 0.9691),
    "SGD, ReLU, he_uniform": ("sgd", "relu", "he_uniform", False, 0.0680, 0.9787),
    "Adam, ReLU, he_uniform": ("adam", "relu", "he_uniform", False, 0.0331, 0.9989),
}  # fmt: skip


class LabInitsStudy(OnLab):
    """What do activation and first weights make of a convolutional network?

    The course's lab: five runs that change the activation of both convolutions, the first one's
    initialiser, and at last the optimizer, all at Keras's default rates; and a sixth, the lesson's
    cure, batch normalisation before the sigmoid. On all of MNIST (`--data mnist:FOLDER:part=all`)
    the table has what the course printed beside it.
    """

    examples = ("lab-inits", "lab-inits --data mnist-5k --runs 1")

    def variants(self) -> dict[str, Variant]:
        """The lab's runs."""
        return {
            label: Variant(optimizers[name](convention="keras"), activation, init, norm)
            for label, (name, activation, init, norm, *_) in LAB.items()
        }

    def printed(self) -> NDArray[np.float64]:
        """The course's numbers; it had no batch normalisation."""
        return np.array([row[-2:] for row in LAB.values()])

    def _title(self, result: LabRuns) -> str:
        return f"Activation and first weights of the lab's network on {self.data_name}"

    def _remarks(self, result: LabRuns) -> list[str]:
        doubt = ("the course's 0.9989 for Adam is as printed there; the epochs before it, up to "
                 "0.9924, make it unlikely")  # fmt: skip
        return ["Keras's default rates", "the initialiser is the first convolution's, all else "
                "glorot_uniform", doubt if len(result.course) else ""]  # fmt: skip
