"""What results, studies and tables show of themselves in a notebook.

Imported when one asks (see `DISPLAY` in `shared/table.py`): results do not know their pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optviz.landscapes.landscape import Landscape
from optviz.render import charts, notebook
from optviz.runs.paths import Paths
from optviz.runs.trajectory import Trajectory
from optviz.shared.table import Table, Tabular
from optviz.studies.race import Race
from optviz.studies.shown import plot, study_of
from optviz.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def html_of(shown: Any) -> str:
    """A small picture and a table; of a study its settings, of a table its first rows."""
    if isinstance(shown, Table):
        return notebook.table_html(shown)
    if isinstance(shown, Study):
        return notebook.table_html(settings_table(shown), rows=100)
    assert isinstance(shown, Tabular)
    picture = picture_of(shown)
    above = "" if picture is None else notebook.figure_html(picture)
    return f"<div>{above}{notebook.table_html(shown.summary())}</div>"


def picture_of(result: Tabular) -> Figure | None:
    """A picture of a result; None where there is nothing that can be drawn."""
    draw = charts.chart_of(result)
    try:
        if draw is not None:
            sheet = charts.small_sheet()
            draw(sheet, result)
            return sheet.figure
        if isinstance(result, Race):
            return plot(result.trajectories, on=result.function)
        if isinstance(result, Trajectory | Paths):
            return plot(result) if result else None
        has_picture = study_of(result) is not None or isinstance(result, Landscape)
        return plot(result) if has_picture else None
    except ValueError:  # paths on two functions, say: the table shows them all the same
        return None


def settings_table(study: Study) -> Table:
    """Every setting of a study, as its command takes it."""
    texts = {name: value for name, value in study.texts().items() if value is not None}
    columns = {
        "setting": np.array(list(texts)),
        "value": np.array([
            ", ".join(v) if isinstance(v, list) else str(v) for v in texts.values()
        ]),
    }  # fmt: skip
    return Table(columns, title=study.command())
