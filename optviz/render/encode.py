"""Frames into files: GIF and MP4 by PyAV, one frame in memory at a time.

Scenes know nothing of encoding, and a writer nothing of scenes: it gets RGBA arrays.
"""

from __future__ import annotations

import fractions
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit

Pixels = NDArray[np.uint8]


class Writer(Protocol):
    """Takes frames in order."""

    def add(self, frame: Pixels) -> None:
        """Append a frame (height, width, 4)."""


@contextmanager
def open_writer(
    path: Path,
    size: tuple[int, int],
    fps: int,
    samples: Iterable[Pixels],
    *,
    hold: float = 0.0,
    comment: str = "",
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
    hold
        Seconds for which the last frame stays.
    comment
        Text for the file's metadata, where the container has a place for it.
    """
    import av

    kind = FORMATS[path.suffix.lower()]
    options = kind.container_options(hold)
    with av.open(str(path), "w", format=kind.container, options=options) as container:
        if comment:
            container.metadata["comment"] = comment
        writer = kind(container, size, fps, samples)
        try:
            yield writer
            writer.finish(round(hold * fps))
        finally:
            # Nothing may touch the container once it is closed.
            writer.encoder.shutdown(cancel_futures=True)


def padded_size(path: Path, size: tuple[int, int]) -> tuple[int, int]:
    """The size that the format of `path` makes of a size: some take even sides only."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None or not kind.even:
        return size
    return size[0] + size[0] % 2, size[1] + size[1] % 2


class _StreamWriter(Writer):
    container = ""
    codec = ""
    #: The pixel format of the codec; frames arrive as RGBA and are converted on the way.
    pixels = ""
    #: Whether both sides must be even.
    even = False
    codec_options: dict[str, str] = {}

    def __init__(
        self, container: Any, size: tuple[int, int], fps: int, samples: Iterable[Pixels]
    ) -> None:
        self.file = container
        self.stream = container.add_stream(self.codec, rate=fps)
        odd = (size[0] % 2, size[1] % 2) if self.even else (0, 0)
        self.padding = ((0, odd[1]), (0, odd[0]), (0, 0))
        self.stream.width, self.stream.height = size[0] + odd[0], size[1] + odd[1]
        self.stream.pix_fmt = self.pixels
        self.stream.options = dict(self.codec_options)
        self.time_base = fractions.Fraction(1, fps)
        self.count = 0
        # Encoding releases the GIL, so the next frame is drawn meanwhile; few wait, for memory.
        self.encoder = ThreadPoolExecutor(1, thread_name_prefix="optviz-encoder")
        self.waiting: deque[Future[None]] = deque()

    @staticmethod
    def container_options(hold: float) -> dict[str, str]:
        """What the file format is told before the first frame."""
        return {}

    def add(self, frame: Pixels) -> None:
        """Append a frame (height, width, 4)."""
        import av

        if any(odd for _, odd in self.padding):
            frame = np.pad(frame, self.padding, mode="edge")
        self.last = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgba")
        self.encode(self.last)

    def encode(self, frame: Any) -> None:
        if len(self.waiting) > 3:
            self.waiting.popleft().result()
        self.waiting.append(self.encoder.submit(self._encode_now, frame, self.count))
        self.count += 1

    def _encode_now(self, frame: Any, pts: int) -> None:
        # Converted here, not by the encoder on its way: its own conversion is not the same to
        # the bit each time.
        frame = frame.reformat(format=self.pixels)
        frame.pts, frame.time_base = pts, self.time_base
        for packet in self.stream.encode(frame):
            self.file.mux(packet)

    def finish(self, hold: int) -> None:
        """Write what waits; the last frame is held for `hold` more frame times."""
        self.keep_last(hold)
        for future in self.waiting:
            future.result()
        for packet in self.stream.encode():
            self.file.mux(packet)

    def keep_last(self, hold: int) -> None:
        # Players drop the duration of a last frame, so it is shown once more at its end.
        if hold > 1:
            self.count += hold - 2
            self.encode(self.last)


class _Mp4Writer(_StreamWriter):
    """H.264 in the pixel format that every player takes."""

    container, codec, pixels, even = "mp4", "libx264", "yuv420p", True
    codec_options = {"crf": "18", "preset": "veryfast", "tune": "animation"}

    @staticmethod
    def container_options(hold: float) -> dict[str, str]:
        return {"movflags": "faststart"}


class _WebmWriter(_StreamWriter):
    """VP9 at the speed that its authors mean for live pictures."""

    container, codec, pixels, even = "webm", "libvpx-vp9", "yuv420p", True

    @staticmethod
    def container_options(hold: float) -> dict[str, str]:
        return {"fflags": "+bitexact"}  # without it each file gets a random number

    codec_options = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"}


class _WebpWriter(_StreamWriter):
    """Animated WebP, lossy but near enough for thin lines."""

    container, codec, pixels = "webp", "libwebp_anim", "yuv420p"
    codec_options = {"quality": "82", "compression_level": "0"}

    @staticmethod
    def container_options(hold: float) -> dict[str, str]:
        return {"loop": "0"}

    def keep_last(self, hold: int) -> None:
        """As for the others, but libwebp adds the mean duration of all frames to the last one's."""
        if hold > 1:
            n = self.count
            self.count = max(n, round(n * (n - 1 + hold) / (n + 1)))
            self.encode(self.last)


class _ApngWriter(_StreamWriter):
    """Animated PNG: lossless."""

    container, codec, pixels = "apng", "apng", "rgb24"
    codec_options = {"pred": "none", "compression_level": "4"}

    @staticmethod
    def container_options(hold: float) -> dict[str, str]:
        return {"plays": "0", "final_delay": f"{max(1, round(100 * hold))}/100"}

    def keep_last(self, hold: int) -> None:
        """The container has a delay for it."""


class _GifWriter(_StreamWriter):
    """One palette for all frames and no dithering: flat colours stay flat, files small."""

    container, codec, pixels = "gif", "gif", "pal8"

    @staticmethod
    def container_options(hold: float) -> dict[str, str]:
        return {"loop": "0", "final_delay": str(round(100 * hold) or -1)}

    def __init__(
        self, container: Any, size: tuple[int, int], fps: int, samples: Iterable[Pixels]
    ) -> None:
        super().__init__(container, size, fps, samples)
        self.palette, self.table = _palette(samples)
        self.indices = np.empty((size[1], size[0]), dtype=np.uint8)
        self.kernel = jit.compiled(look_up, LOOK_UP)

    def add(self, frame: Pixels) -> None:
        import av

        rgba = np.ascontiguousarray(frame).reshape(-1, 4)
        self.kernel(rgba, self.table, self.indices.reshape(-1))
        picture = av.VideoFrame.from_ndarray((self.indices, self.palette), format="pal8")
        self.encode(picture)

    def keep_last(self, hold: int) -> None:
        """The container has a delay for it."""


#: Pixels (n, 4), the table of colours, and the indices (n,).
LOOK_UP = "void(uint8[:, ::1], uint8[::1], uint8[::1])"


def look_up(rgba, table, indices):  # type: ignore[no-untyped-def]
    """The palette's index for each pixel."""
    for k in range(rgba.shape[0]):
        red, green, blue = np.int64(rgba[k, 0]), np.int64(rgba[k, 1]), np.int64(rgba[k, 2])
        indices[k] = table[(red << 16) | (green << 8) | blue]


def _palette(samples: Iterable[Pixels], exact: int = 128) -> tuple[Pixels, Pixels]:
    """256 colours (ARGB), and the index of the best one for each 24-bit colour.

    The most frequent colours (paper, ground, text, lines) are kept as they are; the rest of the
    palette covers the mixtures at edges.
    """
    from PIL import Image

    stack = np.concatenate([sample[..., :3].reshape(-1, 3) for sample in samples])
    packed = stack.astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    codes, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    colors = np.stack([codes >> 16, (codes >> 8) & 255, codes & 255], axis=1).astype(np.uint8)
    kept, rest = colors[order[:exact]], colors[order[exact:]]
    if len(rest) > 256 - exact:
        image = Image.fromarray(np.ascontiguousarray(rest[None]))
        reduced = image.quantize(256 - exact, method=Image.Quantize.MAXCOVERAGE)
        rest = np.array(reduced.getpalette(), dtype=np.uint8).reshape(-1, 3)
    chosen = np.concatenate([kept, rest])
    # The nearest for the middle of each 15-bit cell, then a kept colour for all of its 18-bit cell,
    # then each for itself: two shades of the ground may share a cell.
    axis = (np.arange(32) << 3) | 4
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    coarse = _nearest(cube.reshape(-1, 3), chosen).reshape(32, 32, 32)
    table = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    for k in range(len(kept) - 1, -1, -1):
        table[tuple(kept[k] >> 2)] = k
    table = table.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    table[tuple(kept.T)] = np.arange(len(kept))
    palette = np.full((256, 4), 255, dtype=np.uint8)
    palette[: len(chosen), 1:] = chosen
    return palette, table.reshape(-1)


def _nearest(points: NDArray[Any], colors: Pixels) -> Pixels:
    # |p − c|² without |p|², which is the same for every colour.
    near = colors.astype(np.float32)
    scores = points.astype(np.float32) @ (-2 * near.T) + (near**2).sum(axis=1)
    return np.asarray(scores.argmin(axis=1), dtype=np.uint8)


#: What writes each kind of film, by suffix; an animated PNG may be called .png too.
FORMATS: dict[str, type[_StreamWriter]] = {
    ".gif": _GifWriter,
    ".mp4": _Mp4Writer,
    ".webm": _WebmWriter,
    ".webp": _WebpWriter,
    ".apng": _ApngWriter,
    ".png": _ApngWriter,
}
