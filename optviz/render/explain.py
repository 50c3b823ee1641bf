"""An explanation drawn: each step as arrows on the map and as a line of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from optviz.functions.base import Bounds, Function
from optviz.render import contour, paths, style
from optviz.render.film import Film, Pixels
from optviz.render.layout import AXIS, Box
from optviz.render.sheet import DPI, Sheet
from optviz.render.style import Stroke
from optviz.runs.explanation import Explanation
from optviz.shared.text import rounded

Real = NDArray[np.float64]

#: The parts of a step, in the order in which a film shows them.
PARTS = ("−∇f", "carried over", "this gradient's part", "the step")
CARRIED, FRESH = "#8E6BBF", "#C28A00"


def draw_explanation(sheet: Sheet, e: Explanation) -> None:
    """All steps in one picture.

    Left the map: at each point a thin arrow along −∇f (direction only), the part of the step
    that was carried over, the part that this gradient added, and an ellipse whose half axes are
    the rates of the two coordinates. Right the numbers.
    """
    stage = _Stage(e, sheet)
    for k in range(len(e.gradients)):
        stage.draw_step(k, len(PARTS))
    stage.write_rows(range(len(e.gradients)), len(PARTS))
    stage.finish()


@dataclass(frozen=True)
class ExplainFilm(Film):
    """The same, one part after the other."""

    def __len__(self) -> int:
        """Each part of each step is a frame."""
        return len(PARTS) * len(self.result.gradients)

    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame."""

        def draw(k: int) -> Pixels:
            # Two frames a second: a whole redraw is fast enough.
            sheet = self.study.sheet(self.result)
            stage = _Stage(self.result, sheet)
            step, part = divmod(k, len(PARTS))
            for earlier in range(step):
                stage.draw_step(earlier, len(PARTS), faded=True)
            stage.draw_step(step, part + 1)
            stage.write_rows([step], part + 1)
            stage.finish()
            sheet.canvas.draw()
            return np.asarray(sheet.canvas.buffer_rgba())

        return draw


class _Stage:
    """The figure: a map zoomed to the path on the left, text on the right."""

    def __init__(self, e: Explanation, sheet: Sheet) -> None:
        self.e = e
        t, f = e.trajectory, e.trajectory.function
        self.sheet, self.figure, self.look = sheet, sheet.figure, sheet.look
        width, height, unit = sheet.width, sheet.height, sheet.unit
        self.stroke: Stroke = style.strokes([t], self.look.theme)[0]
        #: Heading and equation take so many units.
        self.top = sheet.top + 2.2
        top, bottom, left = self.top * unit, 7.0 * unit, AXIS * unit
        is_tall = height > 1.05 * width
        # Numbers beside the map, or below it on a tall page.
        room = height - top - bottom
        side = min(0.5 * room, width - 2 * left) if is_tall else min(room, 0.46 * width)
        self.axes: Axes = sheet.axes(Box(left, top, side, side), "map")
        across, down = (left, top + side + 4 * unit) if is_tall else (left + side + 1.6 * unit, top)
        self.words = Box(across, down, width - across - unit, height - down - 4 * unit)
        self.view = _view(e)
        near = _within(f, self.view)
        contour.draw_ground(self.axes, near, contour.ground(near), self.look)
        self.font = self.look.font

    def draw_step(self, k: int, parts: int, *, faded: bool = False) -> None:
        """The first `parts` parts of step k as arrows."""
        e, theme = self.e, self.look.theme
        x, new = e.trajectory.points[k], e.trajectory.points[k + 1]
        alpha = 0.35 if faded else 1.0
        span = self.view[0][1] - self.view[0][0]
        if not faded:
            self._ellipse(k, span)
            slope = e.gradients[k]
            if np.any(slope):
                self._arrow(x, -slope / np.linalg.norm(slope) * 0.09 * span, theme.quiet, 1.0, 4)
            if parts >= 2 and np.any(e.carried[k]):
                self._arrow(x, e.carried[k], CARRIED, 1.8, 6)
            if parts >= 3:
                self._arrow(x + e.carried[k], e.fresh[k], FRESH, 1.8, 6)
        if parts >= 4:
            self._arrow(x, new - x, self.stroke.color, 2.2, 7, alpha)
        self.axes.plot(*x, "o", color=self.stroke.color, markersize=4, zorder=8, alpha=alpha,
                       markeredgecolor=theme.paper, markeredgewidth=0.6)  # fmt: skip

    def _arrow(
        self, at: Real, by: Real, color: str, width: float, zorder: float, alpha: float = 1.0
    ) -> None:
        self.axes.annotate(
            "", xy=tuple(at + by), xytext=tuple(at), zorder=zorder, annotation_clip=True,
            arrowprops={"arrowstyle": "-|>,head_width=0.22,head_length=0.45", "color": color,
                        "linewidth": width, "shrinkA": 0, "shrinkB": 0, "alpha": alpha},
        )  # fmt: skip

    def _ellipse(self, k: int, span: float) -> None:
        """Half axes in the ratio of the two rates, the largest of the run always the same."""
        rates = np.abs(np.nan_to_num(self.e.rates))
        largest = rates.max()
        if not largest > 0:
            return
        a, b = 2 * 0.06 * span * np.sqrt(rates[k] / largest)
        self.axes.add_patch(
            Ellipse(tuple(self.e.trajectory.points[k]), a, b, facecolor=self.look.theme.quiet,
                    edgecolor=self.look.theme.quiet, alpha=0.16, zorder=3)
        )  # fmt: skip

    def write_rows(self, steps: Sequence[int] | range, parts: int) -> None:
        """The numbers: a line for each step, or all of one step."""
        theme, font, box = self.look.theme, self.font, self.words
        lines = _one_step(self.e, steps[0], parts) if len(steps) == 1 else _table(self.e, steps)
        small = font * (1.15 if len(steps) == 1 else 0.82)
        # A monospaced letter is 0.602 of its size wide; hinting adds up to a tenth.
        longest = max(len(text) for text, _ in lines)
        small = min(small, box.width / (0.66 * longest) * 72 / DPI)
        pitch = min(small * 2.1 * DPI / 72, box.height / max(len(lines), 1))
        for row, (text, color) in enumerate(lines):
            self.figure.text(
                box.left / self.sheet.width, 1 - (box.top + row * pitch) / self.sheet.height, text,
                va="top", fontsize=small, family="monospace",
                color={"": theme.ink, "step": self.stroke.color}.get(color, color),
            )  # fmt: skip

    def finish(self) -> None:
        """Title, equation, marks on top, legend, small print."""
        e, look = self.e, self.look
        t, f = e.trajectory, e.trajectory.function
        sheet, width, height = self.sheet, self.sheet.width, self.sheet.height
        unit, font = look.unit, look.font
        left = 0.9 * unit / width
        (x0, x1), (y0, y1) = self.view
        inside = [m for m in f.minima if x0 <= m[0] <= x1 and y0 <= m[1] <= y1]
        if inside:
            contour.draw_minima(self.axes, f, look)
        paths.draw_start(self.axes, t.start, look)
        self.axes.set_xlim(x0, x1)
        self.axes.set_ylim(y0, y1)
        sheet.heading(f"{style.title(f, [t])}, step by step", style.formula(f))
        self.figure.text(left, 1 - (sheet.top - 0.3) * unit / height,
                         f"{t.optimizer.equation or 'a rule of your own'}     "
                         f"[{self.stroke.label}]", va="top", fontsize=font,
                         color=self.stroke.color)  # fmt: skip
        colors = (look.theme.quiet, CARRIED, FRESH, self.stroke.color)
        slope = "−(∇f + noise)" if t.noise else PARTS[0]
        entries = [*zip((f"→ {slope} (direction)", *(f"→ {p}" for p in PARTS[1:])), colors,
                        strict=True),
                   ("● half axes: √ of each coordinate's rate", look.theme.quiet)]  # fmt: skip
        placed, x, row = [], left, 0
        for text, color in entries:
            label = self.figure.text(0, 0, text, va="bottom", fontsize=0.95 * font, color=color)
            wide = label.get_window_extent().width / width
            if x > left and x + wide > 1 - left:
                x, row = left, row + 1
            placed.append((label, x, row))
            x += wide + 1.6 * unit / width
        for label, x, k in placed:
            label.set_position((x, (2.2 + 1.7 * (row - k)) * unit / height))
        note = "carried over: what a zero gradient would have done from the same state"
        sheet.small_print(style.choices(f, [t], [note]))


def _view(e: Explanation) -> Bounds:
    """A square around the path and its arrows, at least a twentieth of the bounds wide."""
    points = paths.shown_points(e.trajectory)
    tips = e.trajectory.points[:-1] + e.carried
    (bx0, bx1), (by0, by1) = e.trajectory.function.bounds
    seen = np.vstack([points, tips[np.all(np.isfinite(tips), axis=1)]])
    seen = np.clip(seen, (bx0, by0), (bx1, by1))
    low, high = seen.min(axis=0), seen.max(axis=0)
    half = 0.6 * max(float((high - low).max()), 0.05 * (bx1 - bx0))
    (cx, cy) = (low + high) / 2
    return (float(cx - half), float(cx + half)), (float(cy - half), float(cy + half))


def _within(f: Function, view: Bounds) -> Function:
    """The same function on another part of the plane, with the minima that are known of it."""
    known = tuple((float(x), float(y)) for x, y in f.minima)
    return dataclasses.replace(f, bounds=view, _minima=known)


def _pair(values: Real, digits: int = 3) -> str:
    """Two numbers for reading; a dash for a rate where there was no gradient."""
    one, two = (f"{rounded(float(v), digits) if np.isfinite(v) else '–':>8}" for v in values)
    return f"({one}, {two})"


def _table(e: Explanation, steps: Sequence[int] | range) -> list[tuple[str, str]]:
    slope = "∇f + noise" if e.trajectory.noise else "∇f"
    head = f"{'step':>4} {slope:^20} {'carried over':^20} {'+ this gradient':^20} {'rates':^20}"
    rows = [(head, "")]
    for k in steps:
        rows.append((
            f"{k + 1:>4} {_pair(e.gradients[k])} {_pair(e.carried[k])} {_pair(e.fresh[k])} "
            f"{_pair(e.rates[k])}", "",
        ))  # fmt: skip
    return rows


def _one_step(e: Explanation, k: int, parts: int) -> list[tuple[str, str]]:
    x, new = e.trajectory.points[k], e.trajectory.points[k + 1]
    lines = [
        (f"step {k + 1} of {len(e.gradients)}", ""),
        (f"{'θ':<22}{_pair(x, 4)}", ""),
        (f"{'∇f + noise' if e.trajectory.noise else '∇f':<22}{_pair(e.gradients[k], 4)}", ""),
    ]
    for row, slot in enumerate(e.slots):
        before, after = e.states[k, row], e.states[k + 1, row]
        lines.append((f"{slot + ' before':<22}{_pair(before, 4)}", ""))
        if parts >= 3:
            lines.append((f"{slot + ' after':<22}{_pair(after, 4)}", ""))
    if parts >= 2:
        lines.append((f"{'carried over':<22}{_pair(e.carried[k], 4)}", CARRIED))
    if parts >= 3:
        lines.append((f"{'rates':<22}{_pair(e.rates[k], 4)}", ""))
        lines.append((f"{'+ this gradient':<22}{_pair(e.fresh[k], 4)}", FRESH))
    if parts >= 4:
        lines.append((f"{'= the step':<22}{_pair(new - x, 4)}", "step"))
        lines.append((f"{'new θ':<22}{_pair(new, 4)}", ""))
        lines.append((f"{'f':<22} {rounded(float(e.trajectory.values[k]), 4)} → "
                      f"{rounded(float(e.trajectory.values[k + 1]), 4)}", ""))  # fmt: skip
    return lines
