"""The loss of a network around the paths of optimizers: a surface with paths on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.render.theme import THEMES
from optviz.studies.landscape import LandscapeStudy

Answer = tuple[dict[str, Any], dict[str, NDArray[Any]]]

#: What a page waits for: longer trainings and finer grids are for `optviz landscape`.
MAX_EPOCHS, MAX_POINTS, MAX_PATHS = 60, 81, 6


def landscape(settings: Mapping[str, Any], progress: Callable[..., None]) -> Answer:
    """Train, and compute the grid; heights are log₁₀ of the loss, as the picture's levels are."""
    study = LandscapeStudy.from_data(settings)
    if study.epochs > MAX_EPOCHS or max(study.grid) > MAX_POINTS:  # type: ignore[arg-type]
        raise ValueError(
            f"this page computes up to {MAX_EPOCHS} epochs and {MAX_POINTS} points a side: "
            "`optviz landscape` computes more"
        )
    if len(study.optimizers) > MAX_PATHS:
        raise ValueError(f"this page shows up to {MAX_PATHS} paths, not {len(study.optimizers)}")
    found = study.run(progress)
    theme = THEMES.get(study.theme, THEMES["light"])
    strokes = study.strokes(theme)
    a, b = found.a, found.b
    with np.errstate(all="ignore"):
        arrays: dict[str, NDArray[Any]] = {"heights": _heights(found.loss)}
        for k, (place, losses) in enumerate(zip(found.paths, found.plane_losses, strict=True)):
            arrays[f"path{k}"] = np.column_stack([place, _heights(losses)])
    return {
        "bounds": [[a[0], a[-1]], [b[0], b[-1]]], "axes": [*found.axes, "log₁₀ of the loss"],
        "colors": theme.surface, "star": theme.star, "finding": study.finding(found),
        "command": study.command(), "settings": study.texts(), "runs": [
            {"name": s.name, "optimizer": entry.optimizer.name, "color": s.color,
             "marker": s.marker, "residual": float(r[-1]), "lost": bool(lost), "steps": after}
            for entry, s, r, lost, after in zip(
                study.optimizers, strokes, found.residuals, found.lost, found.steps, strict=True)
        ],
    }, arrays  # fmt: skip


def _heights(losses: Any) -> NDArray[np.float64]:
    """No number where there is none."""
    logs = np.log10(np.asarray(losses, float))
    return np.where(np.isfinite(logs), logs, np.nan)
