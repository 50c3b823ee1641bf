"""What every film has: frames, a rate, a specification, and a way into a file."""

from __future__ import annotations

import dataclasses
import json
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optviz.render import encode, metadata, output
from optviz.shared.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optviz.render.sheet import Sheet

Pixels = NDArray[np.uint8]

HOLD_SECONDS = 2.0
#: What one frame of a film is written as.
ONE_FRAME = (".png", ".jpg", ".jpeg")


class Recipe(Protocol):
    """What made a picture: a study."""

    def to_json(self) -> str:
        """Everything that makes it again, as text."""

    def finding(self, result: Any) -> str:
        """What it shows, in a line."""

    def sheet(self, result: Any) -> Sheet:
        """An empty sheet for it."""

    def model_copy(self, *, update: Mapping[str, Any]) -> Recipe:
        """The same with other settings."""


@dataclass(frozen=True, repr=False)
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
    edit
        Called with the figure before it is drawn, to change it by hand. What the specification
        makes again is the film without the changes, and it says that there were some.
    """

    study: Recipe
    result: Any
    fps: int
    edit: Callable[[Figure], object] | None = field(default=None, kw_only=True, compare=False)

    def __repr__(self) -> str:
        seconds = len(self) / self.fps
        return f'<{type(self).__name__}: {len(self):,} frames, {seconds:.3g} s: .save("film.mp4")>'

    def _repr_html_(self) -> str:
        """A player, in a notebook."""
        from optviz.render.notebook import film_html

        return film_html(self)

    @abstractmethod
    def __len__(self) -> int:
        """The number of frames."""

    @abstractmethod
    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame, RGBA (height, width, 4), over the one before."""

    def pixels(self) -> tuple[int, int]:
        """About the width and height of the sheet; at least its size, if that is natural."""
        sheet = self.study.sheet(self.result)
        return round(sheet.width), round(max(sheet.height, sheet.width))

    def formats(self) -> list[str]:
        """The suffixes that `save` knows."""
        return list(encode.FORMATS)

    def frames(self) -> Iterator[Pixels]:
        """Each frame, RGBA (height, width, 4), an array of its own."""
        draw = self.drawer()
        for k in range(len(self)):
            yield draw(k).copy()

    def frame(self, k: int | str = "last") -> Pixels:
        """One frame, RGBA (height, width, 4).

        Parameters
        ----------
        k
            From 0; a negative one counts from the end, and "last" is the last.

        Raises
        ------
        ValueError
            If the film has no such frame.

        Examples
        --------
        >>> import optviz as ov
        >>> film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.5), steps=5), size=(320, 240))
        >>> film.frame("last").shape
        (240, 320, 4)
        """
        return self.drawer()(self.index(k)).copy()

    def index(self, k: int | str) -> int:
        """The number of a frame, from 0.

        Raises
        ------
        ValueError
            If the film has no such frame.
        """
        try:
            number = -1 if k == "last" else operator.index(int(k) if isinstance(k, str) else k)
        except (TypeError, ValueError):
            number = len(self)
        if isinstance(k, bool) or not -len(self) <= number < len(self):
            raise ValueError(
                f"frame must be a whole number from −{len(self):,} to {len(self) - 1:,}, or last, "
                f"not {k!r:.40}"
            )
        return number % len(self)

    def specification(self) -> str:
        """What makes this film again, as text; and whether its figure was edited by hand."""
        text = self.study.to_json()
        return text if self.edit is None else json.dumps({**json.loads(text), "edited": True})

    def _save_frame(self, path: str | Path, k: int | str) -> Path:
        from PIL import Image

        target = output.check_target(path, ONE_FRAME)
        image = Image.fromarray(self.frame(k)).convert("RGB")
        study = self.study.model_copy(update={"frame": str(k)})
        text = dataclasses.replace(self, study=study).specification()
        with replacing(target) as temporary:
            image.save(
                temporary,
                **metadata.image_options(target.suffix.lower(), text, study.finding(self.result)),
            )
        return target

    def save(
        self, path: str | Path, *, frame: int | str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Path:  # fmt: skip
        """Write the film; the suffix chooses .gif, .mp4, .webm, .webp, .apng (or .png).

        The file is complete or not there: an interrupt leaves the old one. The last frame is
        held for two seconds. The specification travels inside.

        Parameters
        ----------
        path
            Where to; the folder must exist.
        frame
            Only this one, as a still (.png or .jpg): as for `frame`.
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
        if frame is not None:
            return self._save_frame(path, frame)
        target = output.check_target(path, self.formats())
        draw, count, text = self.drawer(), len(self), self.specification()
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
