"""An explanation drawn: each step as arrows on the map, and in a sentence beside it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from optviz.functions.base import Bounds, Function
from optviz.render import contour, paths, steps, style
from optviz.render.film import Film, Pixels
from optviz.render.layout import AXIS, Box
from optviz.render.sheet import DPI, Sheet
from optviz.render.steps import CARRIED, FRESH, arrow
from optviz.render.style import Stroke
from optviz.runs.explanation import Explanation
from optviz.runs.narration import narrate
from optviz.shared.text import rounded

Real = NDArray[np.float64]

#: The parts of a step, in the order in which a film shows them.
PARTS = ("−∇f", "carried over", "this gradient's part", "the step")
#: Room for the equation below the heading, in units.
EQUATION = 2.2


def draw_explanation(sheet: Sheet, e: Explanation) -> None:
    """All steps in one picture: left the map, right a row for each."""
    told = narrate(e)
    if sheet.is_natural:
        # Heading, equation, legend and small print come on top; see `_places`.
        _, sheet.rows = sheet.legend_shape(_labels(e))
        around = (sheet.top + EQUATION + sheet.bottom + 1) * sheet.unit
        rows = steps.needed(told, _places(sheet, e)[1].width, sheet.unit)
        sheet.resize(sheet.width, max(sheet.height, rows + around))
    stage = _Stage(e, sheet)
    for k in range(len(e.gradients)):
        stage.draw_step(k, len(PARTS))
    last = steps.draw_rows(sheet, e, told, stage.words, stage.stroke.color)
    stage.number_steps()
    stage.draw_curve()
    missing = [] if last + 1 == len(told) else [f"no room for steps from {last + 2} on"]
    stage.finish(["drawings beside the sentences: each step in a scale of its own", *missing])


@dataclass(frozen=True, repr=False)
class ExplainFilm(Film):
    """The same, one part after the other."""

    def __len__(self) -> int:
        """Each part of each step is a frame."""
        return len(PARTS) * len(self.result.gradients)

    def drawer(self) -> Callable[[int], Pixels]:
        """A function that draws the k-th frame."""
        told = narrate(self.result)

        def draw(k: int) -> Pixels:
            # Two frames a second: a whole redraw is fast enough.
            sheet = self.study.sheet(self.result)
            stage = _Stage(self.result, sheet)
            step, part = divmod(k, len(PARTS))
            for earlier in range(step):
                stage.draw_step(earlier, len(PARTS), faded=True)
            stage.draw_step(step, part + 1)
            stage.write_step(step, part + 1, told[step].text)
            stage.finish()
            if self.edit is not None:
                self.edit(sheet.figure)
            sheet.canvas.draw()
            return np.asarray(sheet.canvas.buffer_rgba())

        return draw


class _Stage:
    """The figure: a map zoomed to the path on the left (or above), words on the right (below)."""

    def __init__(self, e: Explanation, sheet: Sheet) -> None:
        self.e, self.sheet, self.look = e, sheet, sheet.look
        t, f = e.trajectory, e.trajectory.function
        self.stroke: Stroke = style.strokes([t], self.look.theme)[0]
        colors = (self.look.theme.quiet, self.stroke.color, CARRIED, FRESH)
        sheet.legend([sheet.handle(*entry) for entry in zip(_labels(e), colors, strict=False)])
        place, self.words, self.below = _places(sheet, e)
        self.view = _view(e, place.width / place.height)
        self.axes: Axes = sheet.axes(place, "map")
        near = _within(f, self.view)
        contour.draw_ground(self.axes, near, contour.ground(near), self.look)

    def draw_step(self, k: int, parts: int, *, faded: bool = False) -> None:
        """The first `parts` parts of step k as arrows."""
        e, theme, scale = self.e, self.look.theme, self.sheet.unit / 13.5
        x, new = e.trajectory.points[k], e.trajectory.points[k + 1]
        alpha = 0.35 if faded else 1.0
        if not faded:
            slope, size = e.gradients[k], float(np.hypot(*e.gradients[k]))
            if 0 < size < np.inf:
                span = self.view[0][1] - self.view[0][0]
                tip = x - slope / size * 0.07 * span
                arrow(self.axes, x, tip, theme.quiet, 0.9 * scale, 4)
            if parts >= 2 and e.carried[k].any():
                arrow(self.axes, x, x + e.carried[k], CARRIED, 1.4 * scale, 6)
            if parts >= 3:
                arrow(self.axes, x + e.carried[k], new, FRESH, 1.4 * scale, 6)
        if parts >= 4:
            arrow(self.axes, x, new, self.stroke.color, 1.9 * scale, 7, alpha)
        self.axes.plot(*x, "o", color=self.stroke.color, markersize=3.4 * scale, zorder=8,
                       alpha=alpha, markeredgecolor=theme.paper, markeredgewidth=0.5)  # fmt: skip

    def number_steps(self) -> None:
        """The number of each step beside its arrow, where there is room for it."""
        font, taken = 0.68 * self.look.font, np.zeros((0, 2))
        (x0, x1), (y0, y1) = self.view
        for k in range(len(self.e.gradients)):
            ends = self.axes.transData.transform(self.e.trajectory.points[k : k + 2])
            step = ends[1] - ends[0]
            length = float(np.hypot(*step))
            if not 0 < length < np.inf:
                continue
            away = np.array([-step[1], step[0]]) / length * 0.95 * self.look.unit
            place = ends.mean(axis=0) + away
            x, y = self.axes.transData.inverted().transform(place)
            near = taken.size and np.hypot(*(taken - place).T).min() < 1.5 * font * DPI / 72
            if near or not (x0 < x < x1 and y0 < y < y1):
                continue
            taken = np.vstack([taken, place])
            self.axes.annotate(f"{k + 1}", (x, y), fontsize=font, color=self.look.theme.ink,
                               ha="center", va="center", zorder=9)  # fmt: skip

    def draw_curve(self) -> None:
        """f after each step below the map, if there is room."""
        if self.below is None:
            return
        f, values = self.e.trajectory.function, self.e.trajectory.values
        axes = self.sheet.axes(self.below, "curve")
        gaps = values - (f.minimum if f.minimum is not None else np.inf)
        # Two decades are what it takes for a log axis to have its labels.
        is_log = bool((gaps > 0).all() and gaps.max() > 100 * gaps.min())
        axes.plot(gaps if is_log else values, color=self.stroke.color, marker="o",
                  markersize=0.22 * self.look.unit, linewidth=0.1 * self.look.unit)  # fmt: skip
        axes.set_yscale("log" if is_log else "linear")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("step", labelpad=1)
        axes.set_title("f − f*" if is_log else "f", loc="left", fontsize=0.9 * self.look.font,
                       color=self.look.theme.ink, pad=4)  # fmt: skip

    def write_step(self, k: int, parts: int, sentence: str) -> None:
        """One step in a film: its sentence, and the numbers of the parts that are shown."""
        theme, box, unit = self.look.theme, self.words, self.sheet.unit
        axes = steps.canvas(self.sheet, box, "steps")
        count = len(self.e.gradients)
        axes.text(0, 0.4 * unit, f"Step {k + 1} of {count}", va="top", fontweight="bold",
                  fontsize=1.15 * self.look.font, color=self.stroke.color)  # fmt: skip
        wide = max(12, int(box.width / (0.6 * unit)))
        axes.text(0, 2.4 * unit, "\n".join(textwrap.wrap(sentence, wide)), va="top",
                  fontsize=1.05 * self.look.font, color=theme.ink, linespacing=1.3)  # fmt: skip
        rows = _numbers(self.e, k, parts)
        top = (2.4 + 1.5 * 4) * unit
        pitch = min(1.7 * unit, (box.height - top) / (len(_numbers(self.e, k, len(PARTS))) + 1))
        size = min(0.95 * self.look.font, 0.62 * pitch * 72 / DPI)
        columns = np.array([0.0, 17.0, 23.5]) * min(unit, box.width / 24)
        for name, x in zip(("x", "y"), columns[1:], strict=True):
            axes.text(x, top, name, ha="right", va="center", fontsize=size, color=theme.quiet)
        for row, (label, pair, color) in enumerate(rows, start=1):
            ink = {"": theme.ink, "step": self.stroke.color}.get(color, color)
            y = top + row * pitch
            axes.text(0, y, label, va="center", fontsize=size, color=ink)
            for x, text in zip(columns[1:], pair, strict=True):
                axes.text(x, y, text, ha="right", va="center", fontsize=size, color=ink)

    def finish(self, remarks: Sequence[str] = ()) -> None:
        """Title, equation, marks on top, small print."""
        e, look, sheet = self.e, self.look, self.sheet
        t, f = e.trajectory, e.trajectory.function
        (x0, x1), (y0, y1) = self.view
        # A star is not clipped: those beyond the map would stand among the words.
        seen = tuple((float(x), float(y)) for x, y in f.minima if x0 <= x <= x1 and y0 <= y <= y1)
        if seen:
            contour.draw_minima(self.axes, dataclasses.replace(f, _minima=seen), look)
        paths.draw_start(self.axes, t.start, look)
        self.axes.xaxis.set_major_locator(MaxNLocator(5))
        self.axes.set_xlim(x0, x1)
        self.axes.set_ylim(y0, y1)
        sheet.heading(f"{style.title(f, [t])}, step by step", style.formula(f))
        equation = t.optimizer.equation if t.optimizer else ""
        words = f"{equation or 'a rule of your own'}     [{self.stroke.label}]"
        line = sheet.figure.text(
            0.9 * look.unit / sheet.width, 1 - (sheet.top - 0.3) * look.unit / sheet.height, words,
            va="top", fontsize=look.font, color=self.stroke.color,
        )  # fmt: skip
        while line.get_window_extent().width > sheet.width - 1.8 * look.unit:
            line.set_fontsize(0.97 * float(line.get_fontsize()))
        notes = [f"f = {rounded(float(t.values[0]))} at the start"]
        if e.carried.any():
            notes += ["carried over: what a zero gradient would have done from the same state; "
                      "in % of the lengths of both parts"]  # fmt: skip
        sheet.small_print(style.choices(f, [t], [*notes, *remarks]))


def _labels(e: Explanation) -> tuple[str, ...]:
    """The legend: without a part carried over, the step is all this gradient's."""
    slope = "−(∇f + noise)" if e.trajectory.noise else PARTS[0]
    return f"{slope} (direction)", PARTS[3], *(PARTS[1:3] if e.carried.any() else ())


def _places(sheet: Sheet, e: Explanation) -> tuple[Box, Box, Box | None]:
    """The boxes of the map, of the words, and of a curve below the map if there is room."""
    unit, width, height = sheet.unit, sheet.width, sheet.height
    _, rows = sheet.legend_shape(_labels(e))
    top = (sheet.top + EQUATION) * unit
    left, bottom = AXIS * unit, (1.75 * rows + 2.6) * unit
    room = height - top - bottom
    is_tall = height > 1.05 * width and not sheet.is_natural
    if is_tall:
        side = min(0.4 * room, width - left - unit)
        below = top + side + 3.6 * unit
        return (
            Box(left, top, width - left - unit, side),
            Box(0.9 * unit, below, width - 1.8 * unit, height - bottom - below - 0.4 * unit), None,
        )  # fmt: skip
    wide = 0.37 * width - left
    side = min(room - 3.4 * unit, wide)
    across = left + wide + 1.6 * unit
    words = Box(across, top - 0.4 * unit, width - across - 0.6 * unit, room)
    spare = room - side - 8.5 * unit
    if spare <= 4 * unit:
        return Box(left, top, wide, min(room - 3.4 * unit, 1.4 * wide)), words, None
    curve = Box(left, top + side + 5.4 * unit, wide, min(spare, 0.6 * wide))
    return Box(left, top, wide, side), words, curve


def _view(e: Explanation, shape: float) -> Bounds:
    """Around the path and its arrows, at least a twentieth of the bounds wide.

    Both directions have the same scale; `shape` is the width over the height.
    """
    points = paths.shown_points(e.trajectory)
    tips = e.trajectory.points[:-1] + e.carried
    (bx0, bx1), (by0, by1) = e.trajectory.function.bounds
    seen = np.vstack([points, tips[np.all(np.isfinite(tips), axis=1)]])
    seen = np.clip(seen, (bx0, by0), (bx1, by1))
    low, high = seen.min(axis=0), seen.max(axis=0)
    wide, tall = high - low
    half = 0.58 * max(float(wide / shape), float(tall), 0.05 * (bx1 - bx0))
    cx, cy = (float(v) for v in (low + high) / 2)
    return (cx - half * shape, cx + half * shape), (cy - half, cy + half)


def _within(f: Function, view: Bounds) -> Function:
    """The same function on another part of the plane, with the minima that are known of it."""
    known = tuple((float(x), float(y)) for x, y in f.minima)
    return dataclasses.replace(f, bounds=view, _minima=known)


def _numbers(e: Explanation, k: int, parts: int) -> list[tuple[str, tuple[str, str], str]]:
    """The parts of a step as far as they are shown: name, x and y, colour."""
    x, new, noisy = e.trajectory.points[k], e.trajectory.points[k + 1], bool(e.trajectory.noise)
    rows = [("θ before", x, ""), ("∇f + noise" if noisy else "∇f", e.gradients[k], "")]
    for row, slot in enumerate(e.slots):
        rows.append((f"{slot} before", e.states[k, row], ""))
    if parts >= 2:
        rows.append((PARTS[1], e.carried[k], CARRIED))
    if parts >= 3:
        rows += [(f"{slot} after", e.states[k + 1, row], "") for row, slot in enumerate(e.slots)]
        rows += [("rates", e.rates[k], ""), (PARTS[2], e.fresh[k], FRESH)]
    if parts >= 4:
        rows += [(PARTS[3], new - x, "step"), ("θ after", new, "")]
    return [(name, (_told(pair[0]), _told(pair[1])), color) for name, pair, color in rows]


def _told(value: float) -> str:
    """A number for reading; a dash for a rate where there was no gradient."""
    return rounded(float(value), 4) if np.isfinite(value) else "–"
