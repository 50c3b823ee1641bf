"""Films of anything whose axes stay: a background drawn once, and a few artists that move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.text import Text

from optviz.render.film import Film, Pixels
from optviz.render.sheet import Sheet

#: Draws the whole picture on a sheet; what moves, lowest first, and what poses it for a frame.
Build = Callable[[Sheet], tuple[Sequence[Artist], Callable[[int], None]]]


@dataclass(frozen=True, repr=False)
class Moving(Film):
    """A film of `count` frames that `build` sets up.

    What an `edit` adds lies in the background, below what moves.
    """

    count: int
    build: Build

    def __len__(self) -> int:
        """The number of frames."""
        return self.count

    def drawer(self) -> Callable[[int], Pixels]:
        """Restores the background and draws what moves over it."""
        sheet = self.study.sheet(self.result)
        if sheet.finding:
            sheet.finding = f"At the end: {sheet.finding}"  # which the first frames do not show
        moving, pose = self.build(sheet)
        sheet.finish()
        if self.edit is not None:
            self.edit(sheet.figure)
        for artist in moving:
            artist.set_animated(True)
        canvas: Any = sheet.canvas
        canvas.draw()
        background = canvas.copy_from_bbox(sheet.figure.bbox)

        def draw(k: int) -> Pixels:
            pose(k)
            canvas.restore_region(background)
            for artist in moving:
                (artist.axes or sheet.figure).draw_artist(artist)
            return np.asarray(canvas.buffer_rgba())

        return draw


def with_counter(
    sheet: Sheet, moving: Sequence[Artist], pose: Callable[[int], None], tell: Callable[[int], str]
) -> tuple[Sequence[Artist], Callable[[int], None]]:
    """What moves, and what poses it, with a text in the corner that tells of the frame."""
    text = counter(sheet)

    def posed(k: int) -> None:
        pose(k)
        text.set_text(tell(k))

    return [*moving, text], posed


def counter(sheet: Sheet) -> Text:
    """A text in the upper right corner, to tell of the step."""
    return sheet.figure.text(
        1 - 0.9 * sheet.unit / sheet.width, 1 - 0.8 * sheet.unit / sheet.height, "", ha="right",
        va="top", fontsize=sheet.look.font, color=sheet.look.theme.quiet,
    )  # fmt: skip
