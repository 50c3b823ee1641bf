"""Every study by the name of its command, in chapters: enough for a help, without an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Listed(NamedTuple):
    """A line of the catalogue: enough for `optviz --help`, without an import."""

    home: str
    chapter: str
    summary: str


_PATHS, _SWEEPS, _NETWORKS = "paths on a function", "many runs at once", "networks"

LISTED: Mapping[str, Listed] = {
    "animate": Listed("race:AnimateStudy", _PATHS, "Animate optimizers on a function."),
    "plot": Listed("race:PlotStudy", _PATHS, "Draw paths on a function's contours."),
    "explain": Listed("explain:ExplainStudy", _PATHS, "Take each step of an optimizer apart."),
    "basins": Listed(
        "basins:BasinsStudy", _SWEEPS, "Map which minimum each start reaches, and how fast."
    ),
    "sensitivity": Listed(
        "sensitivity:SensitivityStudy", _SWEEPS, "Show how far optimizers get with each rate."
    ),
    "phase": Listed(
        "phase:PhaseStudy", _SWEEPS, "Map how fast an optimizer converges over two settings."
    ),
    "activations": Listed(
        "activations:ActivationsStudy", _NETWORKS, "Show activations beside their derivatives."
    ),
    "init-histograms": Listed(
        "init_histograms:InitHistogramsStudy", _NETWORKS,
        "Show how the scale of first weights spreads or crushes activations.",
    ),
    "train": Listed(
        "train:TrainStudy", _NETWORKS, "Train a network and draw its curves; or compare optimizers."
    ),
}  # fmt: skip
