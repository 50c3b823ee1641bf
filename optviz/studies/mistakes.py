"""The worst mistakes of a network, as pictures: those of which it was surest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from optviz.data import load_classes
from optviz.nn.judgement import Judgement
from optviz.shared.text import percent
from optviz.studies.networked import OnOneNetwork
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

#: Room for the words above a picture, in units.
WORDS = 2.2


class MistakesStudy(OnOneNetwork):
    """A network is trained, and the pictures of the test that it gets wrong are shown.

    In front stands what it was surest of.
    """

    natural = (960, 640)
    examples = ("mistakes", "mistakes --count 40 --optimizer sgd:lr=0.01 --epochs 5")

    count: Annotated[int, Field(ge=1, le=100, description="Pictures, at most.")] = 18

    def run(self, progress: Progress | None = None) -> Judgement:
        """The network's answers on the test share.

        Raises
        ------
        ValueError
            If the data are no pictures.
        """
        whole = load_classes(self.data)
        if whole.image is None:
            other = "boundary" if whole.inputs == 2 else "confusion"
            raise ValueError(
                f"{whole.name} has no pictures to show: optviz {other} --data {self.data} shows "
                "what is wrong there"
            )
        return self.judged(progress)

    def finding(self, result: Judgement) -> str:
        """How many are wrong, and the worst."""
        if told := self.lost(result):
            return told
        wrong, names = result.mistakes(), result.shares.test.classes
        count = len(result.labels)
        if not len(wrong):
            return f"All {count:,} of the test are right"
        k = wrong[0]
        sure, true = result.probabilities[k].max(), names[result.labels[k]]
        return (f"{len(wrong):,} of {count:,} are wrong; surest of all: {names[result.answers[k]]} "
                f"for {true}, by {_percent(sure)}")  # fmt: skip

    def draw(self, result: Judgement, sheet: Sheet) -> None:  # type: ignore[override]
        """A grid of pictures, each with the answer and the truth."""
        look, names, test = sheet.look, result.shares.test.classes, result.shares.test
        sheet.heading(f"The worst mistakes on {result.training.data.name}")
        shown = result.mistakes()[: self.count]
        if len(shown):
            columns = _columns(len(shown), sheet)
            rows, letters = -(-len(shown) // columns), _size(look.font, columns)
            for axes, k in zip(sheet.grid(rows, columns, left=0.8, title=WORDS, below=0.4), shown,
                               strict=False):  # fmt: skip
                axes.set_label(f"sample {k}")
                assert test.image is not None
                axes.imshow(test.x[k].reshape(test.image), cmap="gray_r")
                axes.set_xticks([])
                axes.set_yticks([])
                axes.set_axis_off()
                told = f"{names[result.answers[k]]} for {names[result.labels[k]]}"
                told += f"\n{_percent(result.probabilities[k].max())}"
                axes.set_title(told, pad=3, fontsize=letters, color=look.theme.ink)
            for axes in sheet.figure.axes[len(shown) :]:
                axes.remove()
        sheet.small_print([
            f"{len(shown)} of {len(result.mistakes())} mistakes in the test, the surest first: "
            "answer for true class, and its probability", *self.small_print(result),
        ])  # fmt: skip


def _columns(count: int, sheet: Sheet) -> int:
    """As many as make the pictures largest."""
    box = sheet.free(left=0, right=1.2, below=0)

    def side(columns: int) -> float:
        rows = -(-count // columns)
        tall = box.height / rows - (WORDS + 0.4) * sheet.unit
        return min(box.width / columns - 1.6 * sheet.unit, tall)

    return max(range(1, count + 1), key=side)


def _size(font: float, columns: int) -> float:
    return float(font * np.clip(7 / columns, 0.5, 0.9))


def _percent(share: float) -> str:
    """A probability: softmax is never certain, though float32 may round it so."""
    return percent(min(share, 0.99999))
