"""Networks that differ in one thing, trained on the same data: several runs of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data.dataset import Dataset
from optviz.nn.comparison import Training, compare
from optviz.optimizers.base import Optimizer
from optviz.shared.table import Table, Tabular, stacked

Real = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Variants(Tabular):
    """What `train_variants` found.

    Attributes
    ----------
    labels
        What each variant is called.
    trainings : tuple of Training
        Each with one optimizer; runs of one number share split, first weights (where shapes and
        initialiser are the same) and batches.
    study
        The settings that made it, if a study did; a picture is drawn from them.
    """

    labels: tuple[str, ...]
    trainings: tuple[Training, ...]
    study: Any = field(default=None, repr=False)

    def curves(self, k: int, name: str) -> Real:
        """Median, 10 % and 90 % quantiles over the runs of variant k: see `Training.curves`."""
        return self.trainings[k].curves(0, name)

    @property
    def test_accuracy(self) -> Real:
        """(variants, runs)."""
        return np.concatenate([t.test_accuracy for t in self.trainings])

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Which runs ended with a loss that is no finite number: (variants, runs)."""
        return np.concatenate([t.diverged for t in self.trainings])

    def table(self) -> Table:
        """A row for each variant, run and epoch."""
        tables = [t.table() for t in self.trainings]
        columns = stacked(tables, variant=self.labels)
        return Table(columns, ("variant", "run", "epoch"), self.trainings[0].data.name)

    def summary(self) -> Table:
        """For each variant the median accuracy in the test, and how many runs diverged."""
        columns = {
            "variant": np.array(self.labels),
            "test accuracy": np.array([f"{v:.1%}" for v in np.median(self.test_accuracy, axis=1)]),
            "diverged": self.diverged.sum(axis=1),
        }
        return Table(columns, title=self.trainings[0].data.name)


def train_variants(
    data: str | Dataset,
    variants: Mapping[str, Mapping[str, Any]],
    optimizer: str | Optimizer = "adam",
    *,
    progress: Callable[[int, int, str], None] | None = None,
    **shared: Any,
) -> Variants:
    """Train a network for each variant.

    Parameters
    ----------
    data, shared
        As `compare` takes them; `runs` and `seed` among them.
    variants
        By label what is different: settings of `compare`, or "optimizer".
    optimizer
        Of the variants that name none.
    progress
        `progress(done, total, what)`, in thousandths of all variants.

    Examples
    --------
    >>> import optviz as ov
    >>> found = train_variants("moons:n=200", {"no dropout": {}, "dropout": {"dropout": 0.5}},
    ...                        "adam:lr=0.01", layers=(2, 16, 2), epochs=2, runs=2, seed=0)
    >>> found.labels, found.test_accuracy.shape, found.curves(1, "loss").shape
    (('no dropout', 'dropout'), (2, 2), (3, 2))
    """
    trainings = []
    for k, (label, changes) in enumerate(variants.items()):
        settings = {**shared, **changes}
        made = settings.pop("optimizer", optimizer)
        told = None if progress is None else _share_of(progress, k, len(variants), label, settings)
        trainings.append(compare(data, made, progress=told, **settings))
    return Variants(tuple(variants), tuple(trainings))


def _share_of(
    progress: Callable[[int, int, str], None], k: int, count: int, label: str,
    settings: Mapping[str, Any],
) -> Callable[[int, int, float, float], None]:  # fmt: skip
    """Tell of the k-th of all variants; each of its runs counts anew."""
    runs, run, before = int(settings.get("runs", 1)), 0, 0

    def told(done: int, total: int, loss: float, rate: float) -> None:
        nonlocal run, before
        run += done < before
        before = done
        share = (k + (run + done / total) / runs) / count
        progress(round(1000 * share), 1000, f"{label}  loss {loss:.3g}  rate {rate:.3g}")

    return told
