"""A film as one HTML file that works offline: play, pause, scrub, step, point.

The background is the picture itself without its paths; the paths travel as coordinates, in
pixels of the picture, and `player.html` draws them.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from optviz.render import curves, paths, style
from optviz.render.frame import Frame
from optviz.render.sheet import DPI
from optviz.shared.text import rounded

Real = NDArray[np.float64]

#: Seconds of a run at normal speed, within these bounds.
SHORTEST, LONGEST = 4.0, 12.0


def page(frame: Frame, *, last: int, trail: int, spec: str) -> str:
    """The text of the page.

    Parameters
    ----------
    frame
        The composed picture; its moving artists must be animated, so that they stay out of the
        background.
    last, trail
        The last step, and how many steps stay unfaded.
    spec
        The specification as JSON.
    """
    figure, width, height = frame.sheet.figure, frame.sheet.width, frame.sheet.height
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=2 * DPI, pil_kwargs={"optimize": True})
    data = {
        "width": round(width),
        "height": round(height),
        "last": last,
        "trail": trail,
        "rate": last / float(np.clip(last / 25, SHORTEST, LONGEST)),
        "paper": frame.look.theme.paper,
        "runs": [_run(frame, k, height) for k in range(len(frame.trajectories))],
    }
    theme = frame.look.theme
    template = files("optviz.render").joinpath("player.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=html.escape(style.title(frame.function, frame.trajectories)),
        width=round(width), paper=theme.paper, ink=theme.ink, quiet=theme.quiet,
        faint=theme.faint, image=base64.b64encode(picture.getvalue()).decode(),
        spec=_json(spec), data=_json(json.dumps(data, separators=(",", ":"))),
    )  # fmt: skip


def _json(text: str) -> str:
    """JSON that cannot end its script element."""
    return text.replace("<", "\\u003c")


def _run(frame: Frame, k: int, height: float) -> Mapping[str, Any]:
    t, stroke, axes = frame.trajectories[k], frame.strokes[k], frame.map_of(k)
    points = paths.shown_points(t)
    curve: list[list[float]] = []
    band: list[list[float]] = []
    thin = [] if t.band is None else [run[np.isfinite(run[:, 0])] for run in t.band.paths]
    beside = frame.curve
    if beside is not None:
        y = curves.series("gap", frame.function, t)[0]
        curve = _pixels(beside, np.column_stack([np.arange(len(y)), y]), height)
        for rows in curves.bands("gap", frame.function, t):
            outline = curves.band_outline(rows, rows.shape[1])
            band = _pixels(beside, outline, height)
    dash = [] if isinstance(stroke.dash, str) else [1.7 * v for v in stroke.dash[1]]
    return {
        "name": stroke.name,
        "color": stroke.color,
        "dash": dash,
        "marker": stroke.marker,
        "left": t.left_at(),
        "clip": _clip(axes, height),
        "curveClip": None if beside is None else _clip(beside, height),
        "path": _pixels(axes, points, height),
        "curve": curve,
        "runs": [_pixels(axes, run, height) for run in thin],
        "band": band,
        "values": [
            [rounded(float(v), 5) for v in row]
            for row in np.column_stack([t.points, t.values])[: len(points)]
        ],
    }


def _pixels(axes: Axes, points: Real, height: float) -> list[list[float]]:
    """Data coordinates as pixels from the top left, to a tenth."""
    pixels = np.round(axes.transData.transform(points), 1)
    return [[float(x), round(height - float(y), 1)] for x, y in pixels]


def _clip(axes: Axes, height: float) -> list[float]:
    box = axes.get_window_extent()
    # A mark's width more, so that heads at the edge are whole.
    return [box.x0 - 2, height - box.y1 - 2, box.width + 4, box.height + 4]
