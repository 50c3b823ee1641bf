"""The pictures of a report by their names, each drawn from `Results` on a sheet of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from optviz.bench import curve_pictures as runs
from optviz.bench import rank_pictures as ranks
from optviz.bench.results import Results

#: None where a suite has nothing to show.
PICTURES: Mapping[str, Callable[[Results, str], Figure | None]] = {
    "ranking": ranks.ranking, "critical": ranks.critical, "curves": runs.curves, "ecdf": runs.ecdf,
    "profile": runs.profile, "improvement": ranks.improvement, "tunability": runs.tunability,
    "budgets": ranks.budgets,
}  # fmt: skip
