"""The plane: paths on a function, the ground below them, and what stands beside.

What a page sends are the settings of `plot`, and they are checked as those of a file that nobody
vouches for. What it gets is what `plot` would draw, as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from contourpy import FillType, LineType, contour_generator
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from optviz.explorer.usual import check
from optviz.functions.base import Function
from optviz.functions.catalogue import function_text
from optviz.optimizers.foreign import Foreign
from optviz.optimizers.schedules import Schedule
from optviz.render import curves, style
from optviz.render.basins import pixels
from optviz.render.contour import bar_texts, field, ground
from optviz.render.paths import shown_points
from optviz.render.surface import relief
from optviz.render.theme import THEMES, Theme
from optviz.runs.explanation import take_apart_from
from optviz.runs.trajectory import Trajectory
from optviz.shared.text import readable
from optviz.studies.basins import BasinsStudy
from optviz.studies.plot import PlotStudy
from optviz.studies.race import Race
from optviz.studies.sensitivity import SensitivityStudy

Real = NDArray[np.float64]
Answer = tuple[dict[str, Any], dict[str, NDArray[Any]]]

#: Points of the ground's grid along its longer side: isolines are smooth at the size of a screen.
GRID = 240
#: Starts of basins along the longer side.
BASINS = 240


class Plane:
    """What one page sees: it is asked with settings, and remembers what the page has."""

    def __init__(self) -> None:
        self.race: Race | None = None
        self._sent: Any = None

    def show(self, settings: Mapping[str, Any]) -> Answer:
        """Paths and curves; the ground too, if it is another than was sent before."""
        study = _study(settings)
        theme = THEMES.get(study.theme, THEMES["light"])
        race = study.run()
        self.race = race
        f, runs = race.function, race.trajectories
        kind = study.curve if study.curve != "none" else "gap"
        arrays: dict[str, NDArray[Any]] = {}
        strokes = style.strokes(runs, theme)
        told = []
        for k, (t, stroke) in enumerate(zip(runs, strokes, strict=True)):
            told.append(_run(t, stroke))
            arrays[f"path{k}"] = shown_points(t)
            for j, rows in enumerate(curves.rows_of(kind, f, t)):
                arrays[f"curve{k}.{j}"] = rows
            if t.band is not None:
                arrays[f"runs{k}"] = t.band.paths
        head = {
            "runs": told, "curve": kind, "finding": study.finding(race),
            "title": style.title(f, runs), "choices": style.choices(f, runs),
            "settings": study.texts(), "steps": max((t.steps for t in runs), default=study.steps),
            "command": study.command(),
        }  # fmt: skip
        key = (function_text(study.on), f.bounds, study.theme, study.levels, study.view)
        if key != self._sent:
            ground_told, ground_arrays = _ground(f, study.levels, theme, study.view == "field")
            head["ground"] = ground_told
            arrays |= ground_arrays
            self._sent = key
        return head, arrays

    def step(self, run: int, step: int) -> Answer:
        """What the optimizer did in a step of a path: the step *to* the point of this number."""
        if self.race is None or not 0 <= run < len(self.race.trajectories):
            raise ValueError(f"there is no path {run}")
        t = self.race.trajectories[run]
        last = len(t.points) - 1
        if not 1 <= step <= last:
            raise ValueError(f"this path has the steps 1 to {last}, not {step}")
        if t.band is not None:
            raise ValueError("a median of several runs has no steps of its own: take runs = 1")
        e = take_apart_from(t, step - 1, step)
        return {
            "run": run, "step": step, "from": t.points[step - 1], "to": t.points[step],
            "value": float(t.values[step]), "before": float(t.values[step - 1]),
            "gradient": e.gradients[0], "carried": e.carried[0], "fresh": e.fresh[0],
            "rates": e.rates[0], "sentence": e.sentences[0],
            "slots": {name: e.states[1, k] for k, name in enumerate(e.slots)},
        }, {}  # fmt: skip

    def surface(self, settings: Mapping[str, Any]) -> Answer:
        """The function as a surface, with the paths lying on it; its heights are those of
        `plot --surface`."""
        study = _study(settings)
        theme = THEMES.get(study.theme, THEMES["light"])
        race = study.run()
        f = race.function
        g, height, name, _ = relief(f)
        arrays: dict[str, NDArray[Any]] = {
            "heights": np.ma.filled(height(g.z), np.nan).astype(float),
            "minima": _lifted(np.array(f.minima, dtype=float).reshape(-1, 2), f, height),
        }
        for k, t in enumerate(race.trajectories):
            arrays[f"path{k}"] = _lifted(shown_points(t), f, height)
        return {
            "bounds": f.bounds, "axes": [*f.axes, name], "colors": theme.surface,
            "star": theme.star, "runs": [
                _run(t, stroke) for t, stroke in
                zip(race.trajectories, style.strokes(race.trajectories, theme), strict=True)
            ],
        }, arrays  # fmt: skip

    def forget(self) -> None:
        """The page has nothing: it has been opened again."""
        self._sent = None


def basins(settings: Mapping[str, Any], run: int, progress: Callable[..., None]) -> Answer:
    """The basins of one of the optimizers, as an image (rows, columns, 3) from the top down."""
    study = _study(settings)
    theme = THEMES.get(study.theme, THEMES["light"])
    f = study.f
    (x0, x1), (y0, y1) = f.bounds
    longer = max(x1 - x0, y1 - y0)
    size = tuple(max(2, round(BASINS * side / longer)) for side in (x1 - x0, y1 - y0))
    if not 0 <= run < len(study.optimizers):
        raise ValueError(f"there is no path {run}")
    entry = study.optimizers[run]
    made = BasinsStudy.checked(
        optimizers=(entry.text,), on=study.on, bounds=study.bounds, size=size, steps=study.steps,
        noise=study.noise, seed=study.seed or 0,
    )  # fmt: skip
    found = made.run(progress)
    kinds, maps = pixels(found, theme)
    return {
        "run": run, "optimizer": entry.text, "finding": made.finding(found),
        "command": made.command(),
        "kinds": [{"name": k.name, "color": k.color, "share": k.share[0]} for k in kinds],
    }, {"image": maps[0][::-1]}  # fmt: skip


def sensitivity(settings: Mapping[str, Any], progress: Callable[..., None]) -> Answer:
    """What other rates would have come to, for each optimizer."""
    study = _study(settings)
    texts = [e.text for e in study.optimizers if e.runner and e.runner.rate_name in e.runner.hyper]
    if not texts:
        raise ValueError("none of these optimizers has a rate")
    made = SensitivityStudy.checked(
        optimizers=texts, on=study.on, bounds=study.bounds, start=study.f.start,
        steps=min(study.steps, 1000), noise=study.noise, seed=study.seed or 0,
    )  # fmt: skip
    found = made.run(progress)
    theme = THEMES.get(study.theme, THEMES["light"])
    strokes = style.strokes_of([s.optimizer for s in found.sweeps], theme)
    return {
        "finding": made.finding(found), "command": made.command(), "first": found.first_gap,
        "steps": made.steps, "runs": [
            {"name": s.name, "color": s.color, "marker": s.marker, "text": text,
             "best": found.rates[found.best(k)] if found.works(k).any() else None}
            for k, (s, text) in enumerate(zip(strokes, texts, strict=True))
        ],
    }, {"rates": found.rates, "gaps": found.gaps}  # fmt: skip


def _study(settings: Mapping[str, Any]) -> PlotStudy:
    study = PlotStudy.from_data(settings)
    check(study)
    return study


def _run(t: Trajectory, stroke: style.Stroke) -> dict[str, Any]:
    """Who made a path, and how it is drawn."""
    optimizer = t.optimizer
    assert optimizer is not None
    dash = [] if isinstance(stroke.dash, str) else list(stroke.dash[1])
    is_ours = not isinstance(optimizer, Foreign)
    return {
        "optimizer": optimizer.name, "convention": optimizer.convention, "ours": is_ours,
        "hyper": {name: str(value) if isinstance(value, Schedule) else value
                  for name, value in optimizer.hyper.items()},
        "remark": t.remark, "start": t.start, "name": stroke.name, "label": stroke.label,
        "color": stroke.color, "dash": dash, "marker": stroke.marker, "left": t.left_at(),
        "outcome": t.outcome, "recorded": len(t.points), "spec": optimizer.spec(),
    }  # fmt: skip


def _lifted(points: Real, f: Function, height: Callable[[Real], Real]) -> Real:
    """Points (n, 2) with their heights, (n, 3)."""
    return np.column_stack([points, height(np.asarray(f(*points.T), dtype=float))])


def _ground(
    f: Function, levels: int | None, theme: Theme, with_field: bool
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Bands of colour, each the outline of all that is above its lower edge: painted one over the
    other they leave no seams. Points are shares of the bounds."""
    g = ground(f, GRID, levels)
    low, high = np.array(f.bounds).T
    surface = contour_generator(
        (g.x - low[0]) / (high - low)[0], (g.y - low[1]) / (high - low)[1], g.z,
        fill_type=FillType.ChunkCombinedOffset, line_type=LineType.ChunkCombinedOffset,
    )  # fmt: skip
    arrays: dict[str, NDArray[Any]] = {}
    outlines: dict[str, Any] = {
        **{f"band{k}": surface.filled(edge, np.inf) for k, edge in enumerate(g.edges[:-1])},
        **{f"line{k}": surface.lines(level) for k, level in enumerate(g.levels[:-1])},
    }
    for name, ((points,), (offsets,)) in outlines.items():
        if points is not None:  # a level that the grid does not meet
            arrays[name] = points.astype(np.float32)
            arrays[f"{name}.at"] = offsets.astype(np.uint32)
    arrays["minima"] = np.array(f.minima, dtype=float).reshape(-1, 2)
    if with_field:
        arrays["places"], arrays["arrows"] = field(f)
    texts, name = bar_texts(g.levels, f, g)
    return {
        "function": function_text(f), "bounds": f.bounds, "axes": f.axes, "latex": f.latex,
        "formula": f.formula, "readable": readable(f.formula), "title": f.title or f.name,
        "minimum": f.minimum,
        "colors": [to_hex(c) for c in g.colors(theme)], "labels": texts, "bar": name,
        "isoline": theme.isoline, "star": theme.star, "bands": len(g.levels),
    }, arrays  # fmt: skip
