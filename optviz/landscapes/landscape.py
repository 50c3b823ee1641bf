"""A network's loss on a plane, with paths on it and what the plane does not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.adapters.trace import Recorder, Trace
from optviz.landscapes.curvature import largest_curvatures
from optviz.landscapes.directions import Plane, line_between, principal_plane, random_plane
from optviz.landscapes.grid import losses_at, losses_on
from optviz.landscapes.twin import twin
from optviz.nn.layers import Dense
from optviz.nn.network import Network
from optviz.nn.records import History
from optviz.shared.checks import as_real, check_whole, generator, one_number
from optviz.shared.table import Table, Tabular
from optviz.shared.text import counted, listed

Real = NDArray[np.float64]

#: Around paths, as a share of their width, and the least share of it that the other side gets.
MARGIN, NARROWEST = 0.2, 0.7
#: How far random directions and lines are followed, and how far across a line, by that.
REACH, ACROSS = 1.0, 0.7
#: A path that ends so many times as high as it began is lost: no plane is laid through it.
LOST = 10.0
#: Eigenvalues of the Hessian at each end.
EIGENVALUES = 2


@dataclass(frozen=True, repr=False, eq=False)
class Landscape(Tabular):
    """The loss on origin + a u + b v.

    Attributes
    ----------
    directions : str
        "random", "pca" or "line".
    a, b : ndarray (columns,), (rows,)
    loss : ndarray (rows, columns)
        nan where the work was cut short.
    axes
        What a and b are, with the shares of the paths' variance along them.
    unit : float
        The length of a step of 1 along either axis, in the units of the parameters.
    labels
        What each path is called.
    paths : tuple of ndarray (k, 2)
        Where each path lies on the plane.
    residuals : tuple of ndarray (k,)
        How far its points lie off the plane, in the units of the parameters.
    steps : tuple of ndarray (k,)
        After which steps of training they were.
    path_losses, plane_losses : tuple of ndarray (k,)
        The loss of the points themselves, and of their places on the plane, which the map shows.
    lost : tuple of bool
        Which paths came to no number (they end before), or end ten times as high as they began:
        the plane and the grid's ends are chosen without them, unless all are.
    explained : ndarray (2,)
        The shares of the paths' variance (about their mean) that a and b show; nan without paths.
    curvature : ndarray (paths, 2)
        The two largest eigenvalues of the Hessian where each path ends; nan if not asked for.
    profile : ndarray (columns,)
        Along a line between two networks, the loss at b = 0; empty for other planes.
    samples : int
        The loss is the mean over so many; 0 where the loss is somebody's own function.
    sizes : tuple of int
        Of the network: inputs, and what each dense layer makes.
    available : int or None
        Of how many the samples are some, where a study knows.
    study
        The settings that made it, if a study did; a picture is drawn from them.
    """

    directions: str
    a: Real
    b: Real
    loss: Real
    axes: tuple[str, str]
    unit: float
    labels: tuple[str, ...]
    paths: tuple[Real, ...]
    residuals: tuple[Real, ...]
    steps: tuple[NDArray[np.int64], ...]
    path_losses: tuple[Real, ...]
    plane_losses: tuple[Real, ...]
    lost: tuple[bool, ...]
    explained: Real
    curvature: Real
    profile: Real
    samples: int
    sizes: tuple[int, ...]
    available: int | None = None
    study: Any = field(default=None, repr=False)

    @property
    def path(self) -> Real:
        """The first path on the plane: (k, 2)."""
        return self.paths[0] if self.paths else np.zeros((0, 2))

    @property
    def residual(self) -> Real:
        """How far the points of the first path lie off the plane: (k,)."""
        return self.residuals[0] if self.residuals else np.zeros(0)

    @property
    def share_done(self) -> float:
        """The share of the grid that was computed; what overflowed there counts."""
        return float((~np.isnan(self.loss).all(axis=1)).mean())

    def table(self) -> Table:
        """A row for each point of the grid."""
        a, b = (places.ravel() for places in np.meshgrid(self.a, self.b))
        return Table({"a": a, "b": b, "loss": self.loss.ravel()}, ("b", "a"), "loss on a plane")

    def summary(self) -> Table:
        """Of each path: its last loss, how far off the plane it ends, and the curvature there."""
        if not self.labels:
            told = {"points": np.array([self.loss.size]), "lowest": np.array([self._lowest()])}
            return Table(told, title="loss on a plane of parameters")
        columns = {
            "path": np.array(self.labels), "loss": np.array([v[-1] for v in self.path_losses]),
            "off the plane": np.array([r[-1] for r in self.residuals]),
            "curvature": self.curvature[:, 0],
        }  # fmt: skip
        return Table(columns, title="loss on a plane of parameters")

    def _lowest(self) -> float:
        """On the grid, as far as it was computed."""
        seen = self.loss[np.isfinite(self.loss)]
        return float(seen.min()) if seen.size else float("nan")


def landscape(
    network: Network | Recorder,
    x: Any,
    y: ArrayLike | None = None,
    *,
    directions: str = "random",
    path: Any = None,
    to: Network | None = None,
    size: tuple[int, int] = (51, 51),
    reach: float = REACH,
    recompute: bool = False,
    curvature: bool = False,
    rng: Any = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Landscape:
    """The loss of a network on a plane through its parameters; of a trace, on that of its path.

    Parameters
    ----------
    network
        A trace of all parameters (`ov.trace(…, keep="all")`, of anybody's model), and then `x` is a
        function without arguments that gives the loss with the parameters as they stand; only
        `size` and `progress` go with it. Or a network: its parameters are the plane's origin (but
        see `directions`); it stays as it is.
    x, y
        The data; the loss is their mean, without penalties, in evaluation.
    directions
        "random": two filter-normalised Gaussian directions (Li et al., NeurIPS 2018); "pca": the
        principal components of the path; "line": towards `to`, and across. The plane lies through
        the network; through the mean of all points if there are several paths to be shown by their
        components, of which none is nearer to it than the others by choice.
    path : History, array (k, p), or mapping of them by label
        Parameters along training: a history of `fit(..., record=("parameters",))`, or rows.
    to
        Another network of the same shape, at a = 1.
    size : (columns, rows)
        Points of the grid, 2 to 1,001 each.
    reach : float > 0
        Random directions are followed from −reach to reach; lines about from −reach/2 to
        1 + reach/2, so that both networks are points of the grid, and across by 0.7 reach.
    recompute
        Whether batch normalisation takes the moments of the data at each point, instead of the
        network's moving averages.
    curvature
        Whether to compute the largest eigenvalues of the Hessian at the ends of paths.
    rng
        Seed or generator of random directions.
    progress
        `progress(done, total)` in rows; an interrupt there leaves the rest of the grid nan.

    Raises
    ------
    ValueError
        If the directions need a path or a network that is missing, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np, optviz as ov
    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> net = ov.nn.MLP((2, 8, 2), rng=0)
    >>> history = net.fit(x, y, ov.Adam(lr=0.05), epochs=4, record=("parameters",), rng=0)
    >>> land = ov.landscape(net, x, y, directions="pca", path=history, size=(9, 7))
    >>> land.loss.shape, land.path.shape, bool(land.explained.sum() <= 1 + 1e-9)
    ((7, 9), (4, 2), True)
    >>> [axes.get_label() for axes in ov.plot(land).axes]
    ['map', 'distance', 'loss', 'bar']
    """
    for name, value in zip(("columns", "rows"), size, strict=True):
        check_whole(f"size: {name}", value, 2, 1001)
    if isinstance(network, Recorder | Trace):
        if isinstance(network, Trace):
            raise ValueError(
                "the landscape of a trace needs the parameters themselves: give what `ov.trace` "
                "returned, not its `found`"
            )
        others = {
            "y": y is not None, "directions": directions not in ("random", "pca"),
            "path": path is not None, "to": to is not None, "reach": reach != REACH,
            "recompute": recompute, "curvature": curvature, "rng": rng != 0,
        }  # fmt: skip
        if given := [name for name, is_given in others.items() if is_given]:
            raise ValueError(
                f"the landscape of a trace takes its loss, size and progress, not {listed(given)}: "
                "its plane is that of its path"
            )
        return landscape_of_trace(network, x, size, progress)
    if not isinstance(network, Network):
        raise ValueError(
            "landscape takes a network of optviz, or a trace of anybody's model made with "
            f'ov.trace(model, keep="all"), not {type(network).__name__}'
        )
    if not 0 < as_real(reach) < 1e6:
        raise ValueError(f"reach must be a positive number, not {reach!r}")
    points, steps, cut = _paths(network, path)
    along = [losses_at(network, x, y, rows, recompute=recompute) for rows in points.values()]
    lost = [is_cut or not (np.isfinite(losses).all() and losses[-1] <= LOST * losses[0])
            for is_cut, losses in zip(cut, along, strict=True)]  # fmt: skip
    whole = [rows for rows, is_lost in zip(points.values(), lost, strict=True)
             if not is_lost or all(lost)]  # fmt: skip
    plane = _plane(network, directions, whole, to, generator(rng, "rng"))
    a, b = _axes(plane, directions, whole, size, float(reach))
    shares = plane.explained(np.vstack(whole)) if whole else np.full(2, np.nan)
    loss = losses_on(network, x, y, plane, a, b, recompute=recompute, progress=progress)
    profile = np.zeros(0)
    if directions == "line":
        profile = losses_on(network, x, y, plane, a, np.zeros(1), recompute=recompute)[0]
    ends = np.full((len(points), EIGENVALUES), np.nan)
    for k, rows in enumerate(points.values()) if curvature else ():
        if not lost[k]:
            ends[k] = _curvature_at(network, x, y, rows[-1], recompute)
    places = [plane.project(rows) for rows in points.values()]
    shown = (losses_at(network, x, y, plane.at(where), recompute=recompute) for where in places)
    return Landscape(
        directions, a, b, loss, _named(plane, shares), plane.unit, tuple(points), tuple(places),
        tuple(plane.residual(rows) for rows in points.values()), tuple(steps), tuple(along),
        tuple(shown), tuple(lost), shares, ends, profile, int(np.shape(x)[0]), _sizes(network),
    )  # fmt: skip


def landscape_of_trace(
    recorder: Recorder, loss: Callable[[], Any], size: tuple[int, int],
    progress: Callable[[int, int], None] | None = None,
) -> Landscape:  # fmt: skip
    """The loss on the plane of a trace's principal components, through its last point.

    The parameters are put to each point of the grid, and at the end to where they were.

    Raises
    ------
    ValueError
        If the trace has not kept all parameters, went nowhere or diverged, or `loss` is no
        function.
    """
    trace = recorder.found
    if trace.kept != "all":
        raise ValueError(
            f'a landscape needs all parameters: trace(…, keep="all"), not {trace.kept}'
        )
    if not callable(loss):
        raise ValueError(
            f"loss must be a function without arguments that gives a number, not {loss!r:.40}"
        )
    if trace.finite < len(trace.steps):
        raise ValueError("this trace diverged: there is no plane through its last point")
    points = trace.points.astype(float)
    if len(points) < 3:
        raise ValueError(
            f"this trace has {counted(len(points), 'point')}, and a plane needs 3: make more steps"
        )
    if not trace.moved.any():
        raise ValueError("this trace went nowhere: it has no plane")
    plane = principal_plane(points, points[-1])
    a, b = _axes(plane, "pca", [points], size, REACH)
    shares, places = plane.explained(points), plane.project(points)
    held, ends = recorder.held, np.cumsum([array.size for array in recorder.held.read()])[:-1]
    kept, grid = held.copy(), np.full((len(b), len(a)), np.nan)

    def at(row: Real) -> float:
        held.write(np.split(row, ends))
        return one_number("loss()", loss())

    try:
        along, shown = (np.array([at(row) for row in rows]) for rows in (points, plane.at(places)))
        for k, y in enumerate(b):
            grid[k] = [at(row) for row in plane.at(np.column_stack([a, np.full(len(a), y)]))]
            if progress is not None:
                progress(k + 1, len(b))
    finally:
        held.write(kept)
    return Landscape(
        "pca", a, b, grid, _named(plane, shares), plane.unit, ("path",), (places,),
        (plane.residual(points),), (trace.steps,), (along,), (shown,), (False,), shares,
        np.full((1, EIGENVALUES), np.nan), np.zeros(0), 0, (trace.parameters,),
    )  # fmt: skip


def _named(plane: Plane, shares: Real) -> tuple[str, str]:
    """The axes with the shares of the paths' variance, if there are paths."""
    told = [f", {100 * share:.3g} % of the variance" if np.isfinite(share) else ""
            for share in shares]  # fmt: skip
    return f"{plane.axes[0]}{told[0]}", f"{plane.axes[1]}{told[1]}"


def _sizes(network: Network) -> tuple[int, ...]:
    made = [layer.outputs for layer in network.layers if isinstance(layer, Dense)]
    return (network.inputs, *made)


def _paths(
    network: Network, path: Any
) -> tuple[dict[str, Real], list[NDArray[np.int64]], list[bool]]:
    """Rows of parameters by label, the steps that they were after, and which did not go on to
    the end in finite numbers."""
    given = {} if path is None else path if isinstance(path, Mapping) else {"path": path}
    points, steps, cut = {}, [], []
    for label, item in given.items():
        if isinstance(item, History):
            if "parameters" not in item.records:
                raise ValueError(
                    'path: this history has no parameters: fit with record=("parameters",)'
                )
            rows, after = item.records["parameters"], item.records["step"]
        else:
            rows = np.asarray(item)
            after = np.arange(len(rows)) if rows.ndim else rows
        if rows.ndim != 2 or rows.shape[1] != network.parameters.size or not len(rows):
            raise ValueError(
                f"path: {label} must be rows of {network.parameters.size} parameters, not of shape "
                f"{rows.shape}"
            )
        finite = np.isfinite(rows).all(axis=1)
        stop = len(rows) if finite.all() else int(np.argmin(finite))
        if not stop:
            raise ValueError(f"path: {label} begins with numbers that are not finite")
        points[str(label)] = np.asarray(rows[:stop], dtype=float)
        steps.append(np.asarray(after[:stop], dtype=np.int64))
        cut.append(stop < len(rows))
    return points, steps, cut


def _plane(
    network: Network, directions: str, paths: list[Real], to: Network | None,
    rng: np.random.Generator,
) -> Plane:  # fmt: skip
    match directions:
        case "random":
            return random_plane(network, rng)
        case "pca":
            if not paths:
                raise ValueError("directions='pca' needs a path: give path=history")
            points = np.vstack(paths)
            origin = points.mean(axis=0) if len(paths) > 1 else network.parameters
            return principal_plane(points, origin)
        case "line":
            if to is None:
                raise ValueError("directions='line' needs another network: give to=")
            if not isinstance(to, Network) or _shapes(to) != _shapes(network):
                raise ValueError("to must be a network of the same layers")
            return line_between(network.parameters, to.parameters, rng)
    raise ValueError(f"directions must be random, pca or line, not {directions!r:.40}")


def _shapes(network: Network) -> list[tuple[str, tuple[int, ...]]]:
    parts = [(name, part.shape) for name, part in network.views().items()]
    return [*((name, ()) for name in network.names), *parts]


def _axes(
    plane: Plane, directions: str, paths: list[Real], size: tuple[int, int], reach: float
) -> tuple[Real, Real]:
    """The grid's coordinates: around the paths, or as far as `reach` says."""
    columns, rows = size
    if directions == "line":
        # Whole steps from one network to the other: both are points of the grid.
        between = max(1, round((columns - 1) / (1 + reach)))
        before, half = (columns - 1 - between) // 2, ACROSS * reach
        return (np.arange(columns) - before) / between, np.linspace(-half, half, rows)
    if directions == "random":
        return np.linspace(-reach, reach, columns), np.linspace(-reach, reach, rows)
    seen = np.vstack([plane.project(points) for points in paths])
    low, high = seen.min(axis=0), seen.max(axis=0)
    middle, span = (low + high) / 2, high - low
    half = np.maximum(span, NARROWEST * span.max()) * (0.5 + MARGIN)
    return (np.linspace(middle[0] - half[0], middle[0] + half[0], columns),
            np.linspace(middle[1] - half[1], middle[1] + half[1], rows))  # fmt: skip


def _curvature_at(network: Network, x: Any, y: Any, row: Real, recompute: bool) -> Real:
    made = twin(network)
    made.parameters[...] = row
    return largest_curvatures(made, x, y, EIGENVALUES, recompute=recompute)
