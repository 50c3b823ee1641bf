"""What normalises a sample when the network is used: its own batch, averages, the training set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optviz.nn.normalisation import correct_by_own_batch, take_population
from optviz.shared.quantiles import quantiles
from optviz.shared.table import Table, Tabular
from optviz.shared.text import percent
from optviz.studies.normalised import OnBatchNorm
from optviz.studies.settings import Learner
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

OWN, MOVING, WHOLE = "its own batch", "moving averages", "training set"
COLORS = ("#D55E00", "#0072B2", "#009E73")
#: Errors of two statistics that differ by less than this are told as equal.
CLOSE = 0.01


@dataclass(frozen=True, repr=False, eq=False)
class NormInference(Tabular):
    """Errors in the test, by what normalised the samples.

    Attributes
    ----------
    sizes : ndarray (n,)
        Sizes of batches in the test.
    own : ndarray (n, runs)
        The share of wrong answers if each batch is normalised by itself.
    moving, whole : ndarray (runs,)
        With the moving averages of training, and with the moments of the whole training set.
    samples, tested : int
        How many there are for training, and in the test.
    study
        The settings that made it.
    """

    sizes: NDArray[np.int64]
    own: Real
    moving: Real
    whole: Real
    samples: int
    tested: int
    study: Any = field(repr=False)

    def curves(self) -> Real:
        """Median, 10 % and 90 % quantiles over the runs, by size: (3, n)."""
        return np.asarray(quantiles(self.own.T, [0.5, 0.1, 0.9]))

    def enough(self) -> int | None:
        """The smallest size from which on the median error is within a hundredth of that with the
        moving averages; None if there is none."""
        far = np.abs(np.median(self.own, axis=1) - np.median(self.moving)) > CLOSE
        after = int(np.flatnonzero(far)[-1]) + 1 if far.any() else 0
        return int(self.sizes[after]) if after < len(self.sizes) else None

    def table(self) -> Table:
        """A row for each size and run."""
        count, runs = self.own.shape
        columns = {
            "size": np.repeat(self.sizes, runs), "run": np.tile(np.arange(runs), count),
            "own_batch": self.own.ravel(), "moving_averages": np.tile(self.moving, count),
            "training_set": np.tile(self.whole, count),
        }  # fmt: skip
        return Table(columns, ("size", "run"), self._title)

    def summary(self) -> Table:
        """The median error by size."""
        return Table({"size": self.sizes, "error": np.median(self.own, axis=1)}, title=self._title)

    @property
    def _title(self) -> str:
        return "error in the test by what normalises it"


class BnInferenceStudy(OnBatchNorm):
    """Why can a single sample not be normalised by its own batch?

    A trained network answers the test in batches of different sizes, normalised by their own mean
    and variance; beside that with the moving averages of training, and with the mean and variance
    of the whole training set (Ioffe and Szegedy, 2015, algorithm 2). A batch of one is its own
    mean: every sample becomes the same.
    """

    natural = (860, 560)
    examples = ("bn-inference", "bn-inference --layers 2 --runs 5")

    optimizer: Learner = "sgd:lr=0.1"  # type: ignore[assignment]
    largest: Annotated[
        int | None,
        Field(ge=1, le=2**16, description="The largest batch: 256, or less for a small test."),
    ] = None
    runs: Annotated[int, Field(ge=1, le=1000, description="Networks: medians and bands.")] = 5

    @model_validator(mode="after")
    def _is_trained_in_batches(self) -> BnInferenceStudy:
        if self.samples is not None and self.batch_size > self.samples:
            raise ValueError("batch_size must not be above samples")
        return self

    def run(self, progress: Progress | None = None) -> NormInference:
        """Train a network in each run, and test it in every way.

        Raises
        ------
        ValueError
            If the test has fewer samples than the largest batch.
        """
        sizes = np.zeros(0, dtype=np.int64)
        own = np.empty((0, self.runs))
        moving, whole = np.empty(self.runs), np.empty(self.runs)
        for run in range(self.runs):
            train, test = self.deep.shares(run)
            if not run:
                largest = min(256, len(test)) if self.largest is None else self.largest
                sizes = 2 ** np.arange(int(np.log2(largest)) + 1)
                own = np.empty((len(sizes), self.runs))
            if len(test) < sizes[-1]:
                raise ValueError(
                    f"largest must be at most {len(test)}, the samples that are left for the test"
                )
            network = self.deep.network(train, run, "he", True)
            self.deep.train(network, train, run, self.made)
            x = np.asarray(test.x)
            for k, size in enumerate(sizes):
                used = len(test) - len(test) % size
                own[k, run] = 1 - correct_by_own_batch(network, x, test.y, int(size)) / used
            moving[run] = 1 - network.evaluate(x, test.y)[1]
            take_population(network, train.x)
            whole[run] = 1 - network.evaluate(x, test.y)[1]
            if progress is not None:
                progress(run + 1, self.runs, "networks")
        return NormInference(sizes, own, moving, whole, len(train), len(test), self)

    def finding(self, result: NormInference) -> str:
        """What single samples get wrong, and which batch is enough."""
        alone, moving = np.median(result.own[0]), np.median(result.moving)
        size = result.enough()
        near = f"within {100 * CLOSE:g} point of it"
        told = f"batches from {size} on are {near}" if size else f"no batch comes {near}"
        return (f"Single samples normalised by themselves: {percent(alone)} wrong; moving "
                f"averages {percent(moving)}; {told}")  # fmt: skip

    def draw(self, result: NormInference, sheet: Sheet) -> None:  # type: ignore[override]
        """Error over the size of batches; the averages as lines."""
        from optviz.render.ends import draw_ends
        from optviz.render.learning import draw_curve

        look = sheet.look
        sheet.heading("What normalises a sample in use")
        axes = sheet.axes(sheet.free(left=5.0, right=9.6, above=1.6), "error")
        axes.set_xscale("log", base=2)
        curve, last = result.curves(), float(result.sizes[-1])
        flat = [np.full_like(curve, np.median(v)) for v in (result.moving, result.whole)]
        lines = zip((OWN, MOVING, WHOLE), COLORS, (curve, *flat), strict=True)
        ends = []
        for name, color, at in lines:
            several = self.runs > 1 and name == OWN
            # The two lines often lie on each other: both are seen.
            draw_curve(axes, at if several else at[0], color, look, x=result.sizes,
                       dash=(0, (5, 5)) if name == WHOLE else "-",
                       marker="o" if name == OWN else "")  # fmt: skip
            ends.append((name, color, last, float(at[0, -1])))
        axes.set_ylim(0, min(1.0, 1.08 * float(max(curve.max(), np.median(result.moving), 0.01))))
        axes.set_xlim(1, max(2.0, last))
        axes.set_xticks(result.sizes, [f"{size}" for size in result.sizes])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
        axes.set_xlabel("samples in a batch of the test", labelpad=2)
        axes.set_title("wrong answers in the test", loc="left", fontsize=look.font, pad=5,
                       color=look.theme.quiet)  # fmt: skip
        draw_ends(axes, ends, look)
        sheet.small_print([
            *self.choices(result.samples), "init he", f"{result.tested:,} samples in the test, "
            "whole batches of them only",
            f"median of {self.runs} networks, band from 10 % to 90 %" if self.runs > 1 else "",
            f"seed {self.seed}",
        ])  # fmt: skip
