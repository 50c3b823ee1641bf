"""What a trained network answers on data that it has not been trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.comparison import Shares, Training, shares_of
from optviz.shared.table import Table, Tabular, row

Real = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, repr=False, eq=False)
class Judgement(Tabular):
    """The answers of a comparison's last network on the test share of its data.

    Attributes
    ----------
    training : Training
    shares : Shares
        The data for training, validation and test, not scaled.
    probabilities : ndarray (n, classes)
        What the network says of each sample of the test.
    study
        The settings that made it, if a study did; a picture is drawn from them.
    """

    training: Training
    shares: Shares
    probabilities: Real
    study: Any = field(default=None, repr=False)

    @property
    def labels(self) -> Labels:
        """The true classes: (n,)."""
        return self.shares.test.y

    @property
    def answers(self) -> Labels:
        """The classes that the network takes them for: (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    def table(self) -> Table:
        """A row for each sample of the test: its class, the answer, and how sure that was."""
        names = np.array(self.shares.test.classes)
        columns = {
            "sample": np.arange(len(self.labels)), "class": names[self.labels],
            "answer": names[self.answers], "probability": self.probabilities.max(axis=1),
        }  # fmt: skip
        return Table(columns, ("sample",), f"Answers on {self.training.data.name}")

    def summary(self) -> Table:
        """How many are right."""
        right = int((self.answers == self.labels).sum())
        told = row(samples=len(self.labels), right=right)
        return Table(told, title=f"Answers on {self.training.data.name}")

    def confusion(self) -> Labels:
        """How many of each class (rows) are taken for each class (columns)."""
        k = len(self.shares.test.classes)
        counts = np.bincount(self.labels * k + self.answers, minlength=k * k)
        return np.asarray(counts.reshape(k, k))

    def mistakes(self) -> Labels:
        """The samples that are taken for another class: the one that it is surest of first."""
        wrong = np.flatnonzero(self.answers != self.labels)
        sure = self.probabilities[wrong].max(axis=1)
        return np.asarray(wrong[np.argsort(-sure, kind="stable")])


def judge(training: Training) -> Judgement:
    """The answers of the network that a comparison ended with."""
    shares = shares_of(training.data, training.setup, training.setup.runs - 1)
    probabilities = training.network.predict_proba(shares.scale(shares.test).x)
    return Judgement(training, shares, np.asarray(probabilities, dtype=float))
