"""What a problem of the suite is, and what its runs keep."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import optviz
from optviz.optimizers.base import Optimizer
from optviz.shared.text import listed

Real = NDArray[np.float64]

#: Classes of problems, as a report puts them together.
SMOOTH, ILL, MULTI, OWN, NOISY, LEARNING = (
    "smooth", "ill-conditioned", "multimodal", "own", "noisy", "learning",
)  # fmt: skip
CLASSES = (SMOOTH, ILL, MULTI, OWN, NOISY, LEARNING)

#: What runs of networks keep besides.
CHANNELS = ("training loss", "validation accuracy")


@dataclass(frozen=True)
class Curves:
    """What cells keep: one row a run.

    Attributes
    ----------
    marks : ndarray (m,) of int64
        Gradient evaluations.
    values, best : ndarray (runs, m)
        What is to become small, relative to what it was before the first step (functions: f − f*;
        networks: the validation loss, relative to that of guessing), and its lowest so far; inf
        once a run has diverged.
    extra : ndarray (runs, channels, m)
        `CHANNELS` of networks; nothing of functions.
    """

    marks: NDArray[np.int64]
    values: Real
    best: Real
    extra: Real


def joined(parts: Sequence[Any]) -> Curves:
    """The runs of several in one, which have the same marks."""
    return Curves(parts[0].marks, *(
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("values", "best", "extra")))  # fmt: skip


class Problem:
    """What an optimizer is tried on; see `problem`.

    Attributes
    ----------
    text
        What `problem` makes it from again.
    classes
        Those of `CLASSES` that it belongs to.
    source
        Where it is from.
    """

    #: What a run counts in: "steps" of functions, "epochs" of networks.
    unit: ClassVar[str] = "steps"

    text: str
    classes: tuple[str, ...]
    source: str

    def identity(self) -> str:
        """Everything that its results depend on, besides the optimizer, seed and budget."""
        raise NotImplementedError

    def same_as(self) -> Any:
        """What another text of the same problem has too."""
        return self.text

    def rates(self) -> tuple[float, float]:
        """The lowest and the highest rate that is tried."""
        raise NotImplementedError

    def evaluations(self, budget: int) -> int:
        """How many gradients a budget has: of steps as many."""
        return budget

    def runs(
        self, optimizer: Optimizer, settings: Sequence[dict[str, Any]], seeds: Sequence[int],
        budget: int,
    ) -> list[Curves]:  # fmt: skip
        """For each of the settings the runs of all seeds."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<problem {self.text}: {listed(self.classes)}>"


@functools.cache
def text_of(path: str) -> str:
    """A file of the package, by which what it computes is known."""
    return (Path(optviz.__file__).parent / path).read_text(encoding="utf-8")


def texts_of(folder: str) -> list[str]:
    """All files of a folder."""
    where = Path(optviz.__file__).parent
    return [text_of(str(p.relative_to(where))) for p in sorted((where / folder).glob("*.py"))]
