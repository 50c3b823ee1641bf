"""What every film has: frames, a rate, a specification, and a way into a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optviz.render import encode, metadata, output
from optviz.shared.files import replacing

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Pixels = NDArray[np.uint8]

HOLD_SECONDS = 2.0


class Recipe(Protocol):
    """What made a picture: a study."""

    def to_json(self) -> str:
        """Everything that makes it again, as text."""

    def sheet(self, result: Any) -> Sheet:
        """An empty sheet for it."""


@dataclass(frozen=True)
class Film(ABC):
    """Frames that `save` writes; a subclass draws them.

    Attributes
    ----------
    study
        What makes this film again.
    result
        What it shows.
    fps
        Frames a second.
    """

    study: Recipe
    result: Any
    fps: int

    @abstractmethod
    def __len__(self) -> int:
        """The number of frames."""

    @abstractmethod
    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame, RGBA (height, width, 4), over the one before."""

    def formats(self) -> list[str]:
        """The suffixes that `save` knows."""
        return list(encode.FORMATS)

    def frames(self) -> Iterator[Pixels]:
        """Each frame; valid until the next is asked for."""
        draw = self.drawer()
        for k in range(len(self)):
            yield draw(k)

    def save(self, path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
        """Write the film; the suffix chooses .gif, .mp4, .webm, .webp, .apng (or .png).

        The file is complete or not there: an interrupt leaves the old one. The last frame is
        held for two seconds. The specification travels inside.

        Parameters
        ----------
        path
            Where to; the folder must exist.
        progress
            Called with the frames done and in all.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError
            For an unknown suffix or a missing folder.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import optviz as ov, tempfile
        >>> t = ov.minimize("bowl", ov.Adam(lr=0.5), steps=5)
        >>> ov.animate(t, size=(320, 240)).save(tempfile.mkdtemp() + "/adam.gif").suffix
        '.gif'
        """
        target = output.check_target(path, self.formats())
        draw, count, text = self.drawer(), len(self), self.study.to_json()
        # The palette needs every colour: those of the middle (faded trails) and of the end.
        samples = [draw(k).copy() for k in (count // 2, count - 1)]
        height, width = samples[0].shape[:2]
        with replacing(target) as temporary:
            with encode.open_writer(
                temporary, (width, height), self.fps, samples, hold=HOLD_SECONDS, comment=text
            ) as writer:
                for k in range(count):
                    writer.add(draw(k))
                    if progress is not None:
                        progress(k + 1, count)
            metadata.embed(temporary, text)
        return target
