"""What a page begins with, and what it can show."""

from __future__ import annotations

from optviz.studies.plot import PlotStudy

#: The three that one compares first.
USUAL = ("sgd:lr=0.9", "momentum:lr=0.1", "adam:lr=0.3")
#: What is shown at most: beyond, a picture or a film does better.
MAX_STEPS, MAX_PATHS = 20_000, 24


def check(study: PlotStudy) -> None:
    """Whether the page can show it.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if study.steps > MAX_STEPS:
        raise ValueError(
            f"this page shows up to {MAX_STEPS:,} steps, not {study.steps:,}: `optviz plot` "
            "shows more"
        )
    paths = len(study.optimizers) * max(1, len(study.start or ()))
    if paths > MAX_PATHS:
        raise ValueError(f"this page shows up to {MAX_PATHS} paths, not {paths}")
    if not study.f.is_plane:
        raise ValueError(
            f"{study.f.name} has {study.f.n} coordinates, and this page shows a plane: "
            f"`{study.command()}` shows it"
        )
