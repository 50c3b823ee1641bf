"""A picture as lines of text: what its figure tells a renderer to paint, in the order of painting.

    text 1 "Adam on Beale" #1a1a1a 9.75  12 540
    path 1 #0072b2 none 1.50             102 33 480 512 230 250 41

Of a path there are the colours of its edge and face and its width; after a tab the box around its
points in pixels, where they lie in the middle, and how many they are. Paths of one style that
follow each other (ticks, arrows) are one line. Last come the pixels, coarsely: what hides what.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

#: Pixels are told as the mean grey of so many columns and rows.
CELLS = (24, 16)


class Recorder(RendererBase):
    """Paints nothing, and keeps what it is told to paint; measures words as Agg does."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self.width, self.height = (float(v) for v in figure.bbox.size)
        self._measure = RendererAgg(self.width, self.height, figure.dpi)
        #: Of each its style, its points, and numbers that may be a little off elsewhere.
        self.strokes: list[tuple[str, NDArray[np.float64], str]] = []

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.width, self.height

    def points_to_pixels(self, points: Any) -> Any:
        return self._measure.points_to_pixels(points)

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
        return self._measure.get_text_width_height_descent(s, prop, ismath)

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: Any, angle: float,
        ismath: Any = False, mtext: Any = None,
    ) -> None:  # fmt: skip
        turned = f" turned {angle:.0f}" if angle else ""
        words = json.dumps(s, ensure_ascii=False)
        style = f"{colour(gc.get_rgb())} {prop.get_size_in_points():.2f}{turned}"
        self.strokes.append((f"text {words} {style}", np.array([[x, self.height - y]]), ""))

    def draw_path(
        self, gc: GraphicsContextBase, path: Path, transform: Any, rgbFace: Any = None
    ) -> None:
        points = path.transformed(transform).vertices
        dashes = "" if gc.get_dashes()[1] is None else " dashed"
        style = f"{colour(gc.get_rgb(), gc.get_alpha())} {colour(rgbFace)} {gc.get_linewidth():.2f}"
        self.strokes.append((f"path {style}{dashes}", finite(points), ""))

    def draw_path_collection(
        self, gc: Any, master: Any, paths: Any, transforms: Any, offsets: Any, trans: Any,
        faces: Any, edges: Any, *rest: Any, **more: Any,
    ) -> None:  # fmt: skip
        placed = trans.transform(np.ma.filled(np.ma.asarray(offsets, float), np.nan))
        shapes = [p.vertices for p in (master.transform_path(p) for p in paths) if p.vertices.size]
        moves = (
            [Affine2D(t).transform(s) for t, s in zip(transforms, shapes, strict=False)]
            if len(transforms)
            else shapes
        )
        own = np.concatenate(moves) if moves else np.zeros((0, 2))
        points = own if not len(placed) else (own.mean(axis=0) if len(own) else 0) + placed
        self.strokes.append((f"paths {len(paths)}", finite(points), f"{mean(edges)} {mean(faces)}"))

    def draw_quad_mesh(
        self, gc: Any, master: Any, width: int, height: int, coordinates: Any, offsets: Any,
        offsetTrans: Any, facecolors: Any, antialiased: Any, edgecolors: Any,
    ) -> None:  # fmt: skip
        points = master.transform(np.asarray(coordinates, float).reshape(-1, 2))
        self.strokes.append((f"mesh {width}x{height}", points, mean(facecolors)))

    def draw_image(self, gc: Any, x: float, y: float, im: Any, transform: Any = None) -> None:
        rows, columns = im.shape[:2]
        corners = np.array([[x, y], [x + columns, y + rows]])
        self.strokes.append(("image", corners, mean(im.reshape(-1, im.shape[-1]) / 255)))

    def lines(self) -> Iterator[str]:
        """One for all of a style that follow each other."""
        for style, group in itertools.groupby(self.strokes, key=lambda stroke: stroke[0]):
            parts = list(group)
            points = np.concatenate([part[1] for part in parts])
            kind, rest = style.split(" ", 1) if " " in style else (style, "")
            if kind == "text":
                numbers = [*points.ravel()]
            elif len(points):
                box = (points.min(axis=0), points.max(axis=0), points.mean(axis=0))
                numbers = [*np.ravel(box), len(points)]
            else:
                numbers = []
            told = " ".join([f"{v:.0f}" for v in numbers] + [part[2] for part in parts if part[2]])
            yield f"{kind} {len(parts)} {rest}\t{told}"


def colour(value: Any, alpha: float | None = None) -> str:
    if value is None:
        return "none"
    text = to_hex(value, keep_alpha=True)
    has_own = len(value) == 4 and value[3] != 1
    return text if alpha in (None, 1) or has_own else f"{text}*{alpha:g}"


def finite(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[np.isfinite(points).all(axis=1)]


def mean(colours: Any) -> str:
    """Of many colours their mean: red, green, blue and how opaque."""
    values = np.asarray(colours, float)
    values = values.reshape(-1, values.shape[-1]) if values.size else np.full((1, 1), -1.0)
    return " ".join(f"{v:.2f}" for v in values.mean(axis=0))


def grey(pixels: NDArray[np.uint8]) -> list[str]:
    """A coarse picture of `pixels` (height, width, 3 or 4), a line of mean greys a row."""
    values = pixels[..., :3].mean(axis=2)
    rows = np.array_split(values, CELLS[1], axis=0)
    cells = [[part.mean() for part in np.array_split(row, CELLS[0], axis=1)] for row in rows]
    return ["grey\t" + " ".join(f"{v:.0f}" for v in row) for row in cells]


def strokes(figure: Figure) -> list[str]:
    """All that a figure paints, and what it looks like from afar."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    recorder = Recorder(figure)
    figure.draw(recorder)
    return [*recorder.lines(), *grey(np.asarray(canvas.buffer_rgba()))]


def differences(known: Iterable[str], now: Iterable[str], near: float = 1.01) -> list[str]:
    """The lines that say another thing: other words or colours, or numbers further off."""
    old, new = list(known), list(now)
    out = [f"{a}\n  now {b}" for a, b in zip(old, new, strict=False) if not same(a, b, near)]
    if len(old) != len(new):
        out.append(f"{len(old)} lines were there, now {len(new)}")
    return out


def same(a: str, b: str, near: float) -> bool:
    """Whether two lines agree: to the letter, but for the numbers after the tab."""
    (head, _, old), (other, _, new) = a.partition("\t"), b.partition("\t")
    before, after = old.split(), new.split()
    return (
        head == other
        and len(before) == len(after)
        and all(map(close, before, after, [near] * len(after)))
    )


def close(a: str, b: str, near: float) -> bool:
    """Measurements (with an exponent) to a thousandth, shares (with a point) to a fiftieth of the
    whole, pixels and counts to `near` or a hundredth."""
    one, two = float(a), float(b)
    if "e" in a:
        return abs(one - two) <= 1e-3 * abs(one) + 1e-12
    return abs(one - two) <= (0.021 if "." in a else max(near, 0.01 * abs(one)))
