"""The loss landscape of a network, with the paths of optimizers on it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from optviz.data import load_classes
from optviz.landscapes.landscape import Landscape, landscape
from optviz.landscapes.words import finding
from optviz.nn.comparison import HIDDEN, Setup, first_network, shares_of
from optviz.nn.network import Network
from optviz.nn.training import fit
from optviz.shared.text import rounded
from optviz.studies.networked import OnNetwork
from optviz.studies.settings import Counts, Entries, GridSize, NoPaths, Option
from optviz.studies.study import Filmed, Progress

if TYPE_CHECKING:
    from optviz.render.landscape import Walker
    from optviz.render.moving import Moving
    from optviz.render.sheet import Sheet
    from optviz.render.style import Stroke

Real = NDArray[np.float64]

#: Points of a path.
POINTS = 80


class LandscapeStudy(OnNetwork, Filmed):
    """What does the loss look like around the paths of optimizers, or between their ends?

    Networks begin with the same weights and are trained by each optimizer on the same batches; the
    loss is drawn on the plane of the paths' principal components, of two random directions with
    the norms of the network's filters (Li et al., 2018), or of the line from the first optimizer's
    end to the last one's. A plane is not the space: the axes tell the share of the variance that
    they show, a band how far each path lies off the plane, and curves that distance and the loss of
    the networks themselves. Ctrl-C cuts the grid short, and draws what is done.
    """

    natural = (1100, 620)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("reach", "for random directions and lines", lambda s: s.directions != "pca",
               "add --directions random"),
        Counts("recompute", "with batch normalisation", lambda s: s.batch_norm,
               "add --batch-norm"),
        Counts("dpi", "for a picture that is no film's frame", lambda s: s.frame is None,
               "leave frame out"),
        *OnNetwork.counts,
    )  # fmt: skip
    examples = (
        "landscape",
        "landscape --directions random --optimizer adam:lr=0.01 --surface",
        "landscape --directions line --optimizer sgd:lr=0.1 --optimizer adam:lr=0.003",
        "landscape -o paths.gif",
    )

    optimizers: Annotated[
        Entries,
        NoPaths,
        Option("OPTIMIZER", completes="optimizers", name="--optimizer", many=True),
        Field(description="NAME or NAME:key=value; several are compared on one plane."),
    ] = ("sgd:lr=0.05", "momentum:lr=0.02", "adam:lr=0.003")  # type: ignore[assignment]
    directions: Annotated[
        Literal["pca", "random", "line"],
        Field(description="Of the plane: the paths' own; random; from one end to another."),
    ] = "pca"
    view: Annotated[
        Literal["contour", "surface"], Option(flags=(("surface", "--surface"),)),
        Field(description="In three dimensions."),
    ] = "contour"  # fmt: skip
    grid: Annotated[GridSize, Option("WxH"), Field(description="Points of the grid.")] = (51, 51)
    reach: Annotated[
        float, Field(gt=0, le=100, description="How far directions are followed, in their lengths.")
    ] = 1.0
    samples: Annotated[
        int, Field(ge=1, le=10**6, description="The loss is of so many training samples at most.")
    ] = 2000
    recompute: Annotated[
        bool,
        Field(description="Batch normalisation by the samples at each point, not by averages."),
    ] = True
    curvature: Annotated[
        bool, Field(description="The Hessian's largest eigenvalue where each path ends.")
    ] = True
    layers: Annotated[
        Any,
        *OnNetwork.model_fields["layers"].metadata,
        Field(description="All sizes; one hidden layer of 50 unless given."),
    ] = None
    batch_norm: Annotated[bool, Field(description="Before each activation.")] = False
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.0
    epochs: Annotated[int, Field(ge=1, le=10**6, description="Epochs.")] = 10

    @field_validator("grid")
    @classmethod
    def _is_a_grid(cls, grid: tuple[int, int] | None) -> tuple[int, int]:
        if grid is None or not all(2 <= n <= 1001 for n in grid):
            raise ValueError("grid must be WIDTHxHEIGHT, 2 to 1001 points each, such as 51x51")
        return grid

    @model_validator(mode="after")
    def _has_ends(self) -> Self:
        if not self.optimizers:
            raise ValueError("a landscape needs at least one optimizer")
        if self.directions == "line" and len(self.optimizers) < 2:
            raise ValueError("a line joins the ends of two optimizers: name two")
        return self

    def run(self, progress: Progress | None = None) -> Landscape:
        """Train with each optimizer, and compute the grid."""
        setup, train, held_out = self._task()
        paths: dict[str, Real] = {}
        networks, steps = [], []
        for k, entry in enumerate(self.optimizers):
            network = first_network(setup, 0)
            rows, after = self._trained(
                network, entry.optimizer, k, setup, train, held_out, progress
            )
            # The same optimizer may be there twice.
            paths[f"{entry.text} ({k + 1})" if entry.text in paths else entry.text] = rows
            networks.append(network)
            steps.append(after)
        found = self._grid(networks, train, paths, progress)
        cut = zip(steps, found.paths, strict=True)
        return dataclasses.replace(
            found, steps=tuple(after[: len(path)] for after, path in cut), available=len(train),
            study=self,
        )  # fmt: skip

    def _trained(
        self, network: Network, optimizer: Any, k: int, setup: Setup, train: Any, held_out: Any,
        progress: Progress | None,
    ) -> tuple[Real, NDArray[np.int64]]:  # fmt: skip
        """Train the network; its parameters along the way, and after which steps.

        With patience the best epoch is the end of the path.
        """
        per_epoch, count = -(-len(train) // setup.batch_size), len(self.optimizers)
        total, patience = setup.epochs * per_epoch, setup.patience
        told = None
        if progress is not None:
            told = lambda done, of, loss, _: progress(  # noqa: E731
                k * of + done, count * of, f"training  loss {loss:.3g}"
            )
        first = network.parameters.copy()
        history = fit(
            network, train.x, train.y, optimizer.fresh(), epochs=setup.epochs,
            batch_size=setup.batch_size, record=("parameters",),
            record_every=max(1, total // POINTS), weight_decay=setup.weight_decay,
            validation=None if patience is None else (held_out.x, held_out.y), patience=patience,
            rng=np.random.default_rng([setup.seed, 0, 1]), progress=told, hints=False,
        )  # fmt: skip
        last = history.steps if patience is None else history.best_epoch * per_epoch
        after = history.records.get("step", np.zeros(0, int))
        kept = history.records.get("parameters", np.zeros((0, first.size)))[after <= last]
        after = np.concatenate([[0], after[after <= last]]).astype(np.int64)
        rows = np.vstack([first[None], kept])
        if after[-1] < last:
            rows, after = np.vstack([rows, network.parameters[None]]), np.append(after, last)
        return rows, after

    def _task(self) -> tuple[Setup, Any, Any]:
        """The setup, and the shares for training and validation, scaled."""
        whole = load_classes(self.data)
        sizes = tuple(self.layers or (whole.inputs, min(HIDDEN[0], 50), whole.n_classes))
        if sizes[0] != whole.inputs or sizes[-1] != whole.n_classes:
            raise ValueError(
                f"{whole.name} has {whole.inputs} inputs and {whole.n_classes} classes: layers "
                f"must be such as {whole.inputs},50,{whole.n_classes}"
            )
        setup = Setup(**{**self.shared, "data": self.data, "layers": sizes, "runs": 1,
                         "seed": self.seed or 0})  # fmt: skip
        shares = shares_of(whole, setup, 0)
        return setup, shares.scale(shares.train), shares.scale(shares.validation)

    def _grid(
        self, networks: list[Network], train: Any, paths: dict[str, Real],
        progress: Progress | None,
    ) -> Landscape:  # fmt: skip
        rows = slice(0, self.samples)
        told = None
        if progress is not None:
            told = lambda done, total: progress(done, total, "grid")  # noqa: E731
        good = [network for network in networks if np.isfinite(network.parameters).all()]
        if len(good) < len(networks) and (self.directions == "line" or not good):
            raise ValueError(
                "training diverged, and there is no end to look around: give lower rates"
            )
        middle, to = (networks[0], networks[-1]) if self.directions == "line" else (good[-1], None)
        grid: Any = self.grid
        return landscape(
            middle, train.x[rows], train.y[rows], directions=self.directions, path=paths, to=to,
            size=grid, reach=self.reach, recompute=self.recompute and self.batch_norm,
            curvature=self.curvature, rng=self.seed or 0, progress=told,
        )  # fmt: skip

    def finding(self, result: Landscape) -> str:
        """What the plane shows, how far off it the paths end, and how sharp the ends are."""
        from optviz.render.theme import THEMES

        return finding(result, [stroke.name for stroke in self.strokes(THEMES["light"])])

    def strokes(self, theme: Any) -> list[Stroke]:
        """How each path is drawn."""
        from optviz.render import style

        optimizers = [entry.optimizer for entry in self.optimizers]
        return style.strokes_of(optimizers, theme, [style.described(o, []) for o in optimizers])

    def draw(self, result: Landscape, sheet: Sheet) -> None:  # type: ignore[override]
        """The map or the surface with all paths, and how far off it they are."""
        self._compose(result, sheet)

    def film(self, result: Landscape) -> Moving:
        """The paths grow."""
        from optviz.render.moving import Moving, counter

        count = max(len(path) for path in result.paths)

        def build(sheet: Sheet) -> Any:
            walkers, text = self._compose(result, sheet, is_film=True), counter(sheet)

            def pose(k: int) -> None:
                for walker in walkers:
                    walker.pose(k)
                step = max(int(after[min(k, len(after) - 1)]) for after in result.steps)
                text.set_text(f"step {step:,}")

            pose(count - 1)
            moving = [artist for w in walkers for artist in (*w.artists, *(d[0] for d in w.dots))]
            return [*sorted(moving, key=lambda artist: artist.get_zorder()), text], pose

        return Moving(self, result, self.fps, count=count, build=build)

    def _compose(self, result: Landscape, sheet: Sheet, is_film: bool = False) -> list[Walker]:
        from optviz.render import style
        from optviz.render.landscape import draw_landscape

        strokes = self.strokes(sheet.look.theme)
        names = [type(entry.optimizer).__name__ for entry in self.optimizers]
        ends = (strokes[0].name, strokes[-1].name)
        what = f"between {ends[0]} and {ends[1]}" if self.directions == "line" else (
            f"around {style.heading_of(names)}")  # fmt: skip
        network = f"{'-'.join(map(str, result.sizes))} network, {self.activation}"
        words = (f"The loss {what} on {self.data_name}", network)
        walkers, remarks = draw_landscape(
            sheet, result, strokes, words, view=self.view, ends=ends, is_film=is_film
        )
        sheet.small_print([*self._choices(result), *remarks])
        return walkers

    def _choices(self, result: Landscape) -> list[str]:
        several = len(result.paths) > 1
        plane = {
            "pca": "plane: principal components of the path"
                   + ("s, through the mean of their points" if several else ", through its end"),
            "random": "plane: random directions with the norms of filters (biases stay), through "
                      "the " + ("last " if several else "") + "end",
            "line": "plane: through the first and the last end, and a random direction across",
        }[self.directions]  # fmt: skip
        norm = "by the samples, anew at each point" if self.recompute else "by the end's averages"
        units = "axes and distances in the units of the parameters"
        if self.directions != "pca":
            units = f"1 on an axis is {rounded(result.unit)} in the parameters, as are distances"
        sharp = "curvature: largest eigenvalue of the Hessian (Lanczos, exact products)"
        return [
            f"{result.loss.shape[1]} × {result.loss.shape[0]} points",
            f"loss: mean of {result.samples:,} of {result.available:,} training samples"
            if result.samples < (result.available or 0) else
            f"loss: mean of all {result.samples:,} training samples",
            "without penalties" if self.l1 or self.l2 else "",
            plane, units,
            f"batch normalisation {norm}" if self.batch_norm else "",
            sharp if self.curvature else "", f"{self.epochs} epochs, batches of {self.batch_size}",
            f"patience {self.patience}: paths end with their best epoch" if self.patience else "",
            f"seed {self.seed}",
        ]  # fmt: skip
