"""Frames into files: GIF and MP4 by PyAV, one frame in memory at a time.

Scenes know nothing of encoding, and a writer nothing of scenes: it gets RGBA arrays.
"""

from __future__ import annotations

import fractions
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

#: Animation formats by suffix, and what they are called in messages.
FORMATS = {".gif": "GIF", ".mp4": "MP4 (H.264)"}


class Writer(Protocol):
    """Takes frames in order."""

    def add(self, frame: Pixels, repeats: int = 1) -> None:
        """Append a frame (height, width, 4), shown for `repeats` frame times."""


@contextmanager
def open_writer(
    path: Path, size: tuple[int, int], fps: int, samples: Iterable[Pixels]
) -> Iterator[Writer]:
    """A writer for the format that the suffix of `path` names.

    Parameters
    ----------
    path
        Where the bytes go; the caller moves it into place.
    size
        Width and height of every frame.
    fps
        Frames a second.
    samples
        A few frames that hold every colour (a GIF has one palette for all).
    """
    import av

    kind = {".gif": _GifWriter, ".mp4": _Mp4Writer}[path.suffix.lower()]
    with av.open(str(path), "w", options=dict(kind.container)) as container:
        writer = kind(container, size, fps, samples)
        yield writer
        writer.finish()


class _StreamWriter:
    container: dict[str, str] = {}
    codec = ""
    pixels = ""

    def __init__(
        self, container: Any, size: tuple[int, int], fps: int, samples: Iterable[Pixels]
    ) -> None:
        self.file = container
        self.stream = container.add_stream(self.codec, rate=fps)
        self.stream.width, self.stream.height = size
        self.stream.pix_fmt = self.pixels
        self.time_base = fractions.Fraction(1, fps)
        self.count = 0
        self.last: Any = None

    def encode(self, frame: Any, repeats: int) -> None:
        frame.pts, frame.time_base = self.count, self.time_base
        for packet in self.stream.encode(frame):
            self.file.mux(packet)
        self.count += repeats

    def finish(self) -> None:
        for packet in self.stream.encode():
            self.file.mux(packet)


class _Mp4Writer(_StreamWriter):
    """H.264 in the pixel format that every player takes; it wants even sides."""

    container = {"movflags": "faststart"}
    codec = "libx264"
    pixels = "yuv420p"

    def __init__(
        self, container: Any, size: tuple[int, int], fps: int, samples: Iterable[Pixels]
    ) -> None:
        super().__init__(container, (size[0] + size[0] % 2, size[1] + size[1] % 2), fps, samples)
        self.stream.options = {"crf": "18", "preset": "veryfast", "tune": "animation"}

    def add(self, frame: Pixels, repeats: int = 1) -> None:
        import av

        rgb = frame[..., :3]
        odd = frame.shape[0] % 2, frame.shape[1] % 2
        if any(odd):
            rgb = np.pad(rgb, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        # A film has no long frames; a still one costs next to nothing.
        for _ in range(repeats):
            self.encode(picture, 1)


class _GifWriter(_StreamWriter):
    """One palette for all frames and no dithering: flat colours stay flat, files small."""

    codec = "gif"
    pixels = "pal8"

    def __init__(
        self, container: Any, size: tuple[int, int], fps: int, samples: Iterable[Pixels]
    ) -> None:
        super().__init__(container, size, fps, samples)
        self.palette, self.lookup = _palette(samples)
        self.hold = 1

    def add(self, frame: Pixels, repeats: int = 1) -> None:
        import av

        rgb = frame[..., :3] >> 3
        code = (rgb[..., 0].astype(np.uint16) << 10) | (rgb[..., 1].astype(np.uint16) << 5)
        code |= rgb[..., 2]
        picture = av.VideoFrame.from_ndarray((self.lookup[code], self.palette), format="pal8")
        self.encode(picture, repeats)


def _palette(samples: Iterable[Pixels]) -> tuple[Pixels, Pixels]:
    """256 colours (ARGB) for the samples, and the nearest of them for each 15-bit colour."""
    from PIL import Image

    stack = np.concatenate([sample[..., :3] for sample in samples])
    image = Image.fromarray(np.ascontiguousarray(stack))
    reduced = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colors = np.array(reduced.getpalette(), dtype=np.uint8).reshape(-1, 3)
    axis = (np.arange(32) << 3) | 4
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    lookup = _nearest(cube, colors.astype(np.int32))
    palette = np.full((256, 4), 255, dtype=np.uint8)
    palette[: len(colors), 1:] = colors
    return palette, lookup


def _nearest(points: NDArray[Any], colors: NDArray[Any]) -> Pixels:
    # |p − c|² without |p|², which is the same for every colour.
    scores = points.astype(np.float32) @ (-2 * colors.T.astype(np.float32))
    scores += (colors.astype(np.float32) ** 2).sum(axis=1)
    return np.asarray(scores.argmin(axis=1), dtype=np.uint8)
