"""Where a network changes its mind: its answer over the plane of two features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optviz.data import load_classes
from optviz.nn.judgement import Judgement
from optviz.shared.table import Table, Tabular
from optviz.shared.text import percent
from optviz.studies.networked import OnOneNetwork
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from optviz.render.sheet import Sheet

Real = NDArray[np.float64]

#: Below this the network is in doubt.
SURE = 0.9


@dataclass(frozen=True, repr=False, eq=False)
class Boundary(Tabular):
    """What a network answers on a grid.

    Attributes
    ----------
    judgement : Judgement
    x, y : ndarray (n,)
        The grid, in the units of the data.
    probabilities : ndarray (n, n, classes)
        Rows are y.
    """

    judgement: Judgement
    x: Real
    y: Real
    probabilities: Real

    @property
    def study(self) -> Any:
        """The settings that made it; a picture is drawn from them."""
        return self.judgement.study

    def table(self) -> Table:
        """A row for each point of the grid: the likeliest class, and how likely it is."""
        x, y = (places.ravel() for places in np.meshgrid(self.x, self.y))
        flat = self.probabilities.reshape(len(x), -1)
        names = np.array(self.judgement.shares.test.classes)
        columns = {"x": x, "y": y, "class": names[flat.argmax(axis=1)],
                   "probability": flat.max(axis=1)}  # fmt: skip
        return Table(columns, ("y", "x"), f"Boundary on {self.judgement.training.data.name}")

    def summary(self) -> Table:
        """How many of the test are right."""
        return self.judgement.summary()

    def validation_answers(self) -> NDArray[np.int64]:
        """What the network takes the validation points for."""
        shares = self.judgement.shares
        inputs = shares.scale(shares.validation).x
        network = self.judgement.training.network
        return np.asarray(network.predict_proba(inputs).argmax(axis=1))


class BoundaryStudy(OnOneNetwork):
    """A network is trained on two features, and asked everywhere in their plane.

    The ground is the probability of the likeliest class, the line where two are equally likely.
    Small dots were trained on; ringed ones are for validation, with a cross where it is wrong.
    """

    natural = (860, 720)
    examples = ("boundary", "boundary --data spirals:n=600,arms=3 --epochs 200")

    data: Annotated[
        str, *OnOneNetwork.model_fields["data"].metadata,
        Field(description="A data set with two features: its name, NAME:key=value, or a file."),
    ] = "moons"  # fmt: skip
    grid: Annotated[int, Field(ge=20, le=1000, description="Points along each side.")] = 240

    def run(self, progress: Progress | None = None) -> Boundary:
        """The network's answers on a grid around all samples.

        Raises
        ------
        ValueError
            If the data have more or fewer than two features.
        """
        whole = load_classes(self.data)
        if whole.inputs != 2 or whole.is_sparse:
            raise ValueError(
                f"a boundary needs two features, and {whole.name} has {whole.inputs:,}: optviz "
                f"confusion --data {self.data} shows its mistakes"
            )
        judged = self.judged(progress)
        low, high = (np.asarray(end, float) for end in (whole.x.min(axis=0), whole.x.max(axis=0)))
        margin = 0.08 * np.where(high > low, high - low, 1.0)
        x, y = (np.linspace(a, b, self.grid)
                for a, b in zip(low - margin, high + margin, strict=True))  # fmt: skip
        places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        asked = judged.training.network.predict_proba(judged.shares.scale(places))
        return Boundary(judged, x, y, np.asarray(asked, float).reshape(len(y), len(x), -1))

    def finding(self, result: Boundary) -> str:
        """How many validation points lie on the wrong side, and where the network is in doubt."""
        if told := self.lost(result.judgement):
            return told
        labels = result.judgement.shares.validation.y
        wrong = int(np.count_nonzero(result.validation_answers() != labels))
        doubt = float((result.probabilities.max(axis=-1) < SURE).mean())
        score = result.judgement.training.test_accuracy[0, -1]
        return (f"{wrong} of {len(labels)} validation points on the wrong side; below "
                f"{100 * SURE:.0f} % sure over {percent(doubt, 0)} of the picture; test "
                f"{percent(score)}")  # fmt: skip

    def draw(self, result: Boundary, sheet: Sheet) -> None:  # type: ignore[override]
        """Ground, line, and points."""
        from matplotlib.lines import Line2D

        from optviz.render.ground import draw_ground, hues

        look, judged = sheet.look, result.judgement
        names = judged.shares.test.classes
        colors = hues(len(names))
        ink, paper = look.theme.ink, look.theme.paper
        size = look.unit / 13.5
        points: dict[str, Any] = {"linestyle": "", "marker": "o", "markeredgecolor": paper}
        sheet.legend([
            *(Line2D([], [], color=hue, markersize=6 * size, label=f"class {name}", **points)
              for name, hue in zip(names, colors, strict=True)),
            Line2D([], [], linestyle="", marker="o", markersize=6 * size, color=look.theme.quiet,
                   markeredgecolor=ink, label="validation"),
            Line2D([], [], linestyle="", marker="x", markersize=6 * size, color=ink,
                   label="on the wrong side"),
        ])  # fmt: skip
        sheet.heading(f"Where a network changes its mind on {judged.training.data.name}")
        axes = sheet.axes(sheet.free(), "map")
        draw_ground(axes, result.x, result.y, result.probabilities, colors, look)
        train, held = judged.shares.train, judged.shares.validation
        wrong = result.validation_answers() != held.y
        for k, hue in enumerate(colors):
            axes.plot(*train.x[train.y == k].T, "o", color=hue, markersize=3 * size, alpha=0.75,
                      markeredgecolor=paper, markeredgewidth=0.4, zorder=4)  # fmt: skip
            axes.plot(*held.x[held.y == k].T, "o", color=hue, markersize=6 * size,
                      markeredgecolor=ink, markeredgewidth=1.1, zorder=5)  # fmt: skip
        axes.plot(*held.x[wrong].T, "x", color=ink, markersize=7 * size, markeredgewidth=1.6,
                  zorder=6)  # fmt: skip
        axes.set_xlabel("feature 1", labelpad=1)
        axes.set_ylabel("feature 2", labelpad=1)
        sheet.small_print([
            "ground: colour of the likeliest class, paler the less likely; line: two are equal",
            "small dots: trained on", *self.small_print(judged),
        ])  # fmt: skip
