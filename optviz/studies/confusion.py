"""Which classes a network takes for which: a table of its answers in the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optviz.nn.judgement import Judgement
from optviz.studies.networked import OnOneNetwork
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

#: Of more classes only the colours are shown.
MOST_NUMBERS = 26


class ConfusionStudy(OnOneNetwork):
    """A network is trained, and its answers in the test are counted: a row for each true class.

    The shades of a row are shares of its class; what is right lies on the diagonal.
    """

    natural = (680, 740)
    examples = ("confusion", "confusion --data digits --optimizer sgd:lr=0.01 --epochs 5")

    def run(self, progress: Progress | None = None) -> Judgement:
        """The network's answers on the test share."""
        return self.judged(progress)

    def finding(self, result: Judgement) -> str:
        """How many are right, and the commonest mistake."""
        if told := self.lost(result):
            return told
        counts, names = result.confusion(), result.shares.test.classes
        right, count = int(np.trace(counts)), int(counts.sum())
        told = f"{right:,} of {count:,} are right"
        wrong = counts - np.diag(np.diag(counts))
        if not wrong.any():
            return f"All {count:,} of the test are right"
        true, taken = np.unravel_index(int(wrong.argmax()), wrong.shape)
        return (f"Most often {names[true]} is taken for {names[taken]}: {wrong[true, taken]:,} of "
                f"{counts[true].sum():,}; {told}")  # fmt: skip

    def draw(self, result: Judgement, sheet: Sheet) -> None:  # type: ignore[override]
        """The table."""
        from matplotlib.colors import LinearSegmentedColormap

        from optviz.render.layout import Box

        counts, names, look = result.confusion(), result.shares.test.classes, sheet.look
        sheet.heading(f"What is taken for what on {result.training.data.name}")
        box = sheet.free(left=2.2 + 0.62 * max(map(len, names)))
        side = min(box.width, box.height)
        axes = sheet.axes(Box(box.left, box.top, side, side), "table")
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        hue = LinearSegmentedColormap.from_list("share", [look.theme.paper, "#0072B2"])
        # Rare mistakes are seen: the root of a share.
        axes.imshow(np.sqrt(share), cmap=hue, vmin=0, vmax=1)
        k = len(names)
        every = range(0, k, max(1, k // 26))
        size = min(0.85 * look.font, 0.5 * side / k * 0.72)
        for row, column in np.argwhere(counts) if k <= MOST_NUMBERS else ():
            dark = share[row, column] > 0.3
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center",
                      fontsize=size, color="#FFFFFF" if dark else look.theme.ink)  # fmt: skip
        long = max(map(len, names)) > 3
        turned: dict[str, Any] = {"rotation": 45, "ha": "right"} if long else {}
        letters, told = min(size * 1.2, look.font), [names[j] for j in every]
        axes.set_xticks(every, told, fontsize=letters, **turned)
        axes.set_yticks(every, told, fontsize=letters)
        axes.tick_params(length=0)
        axes.set_xlabel("answer of the network", fontsize=0.9 * look.font)
        axes.set_ylabel("true class", fontsize=0.9 * look.font)
        sheet.small_print([
            f"{counts.sum():,} samples of the test; shades: root of the share of a row",
            *self.small_print(result),
        ])  # fmt: skip
