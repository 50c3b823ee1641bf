"""`plot`: trajectories as one still picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from optviz.functions.catalogue import Function, function
from optviz.nn.comparison import Training
from optviz.render import compose, contour, curves, output, paths, surface
from optviz.render.basins import basins_figure
from optviz.render.explain import explain_figure
from optviz.render.phase import phase_figure
from optviz.render.sensitivity import draw_strip, sensitivity_figure
from optviz.render.spec import LAYOUTS, VIEWS, Spec
from optviz.render.training import training_figure
from optviz.runs.race import first_steps
from optviz.runs.trajectory import Trajectory, same_function
from optviz.shared.text import rounded
from optviz.studies.basins import Basins
from optviz.studies.explain import Explanation
from optviz.studies.phase import PhaseDiagram
from optviz.studies.sensitivity import Sensitivity

#: Results that are drawn by a figure of their own.
Study = Explanation | Basins | Sensitivity | PhaseDiagram | Training
STUDIES: dict[type, Callable[..., Figure]] = {
    Explanation: explain_figure,
    Basins: basins_figure,
    Sensitivity: sensitivity_figure,
    PhaseDiagram: phase_figure,
    Training: training_figure,
}
#: Arrows along the longer side of the picture.
STEPS_GRID = 15


def plot(
    trajectories: Trajectory | Sequence[Trajectory] | Study,
    *,
    on: str | Function | None = None,
    view: str = "contour",
    layout: str = "race",
    curve: str | bool = True,
    strip: Sensitivity | None = None,
    size: tuple[int, int] | None = None,
    theme: str = "light",
) -> Figure:
    """Draw paths on the contours of their function, with the curve of f − f* beside them.

    Parameters
    ----------
    trajectories
        What `minimize` returned, one or several on the same function; none if `on` is given.
        Or what `explain`, `basins`, `sensitivity`, `phase` or `nn.compare` returned: then only
        `size` and `theme` count.
    on
        The function to show when there is no trajectory.
    view : str
        "contour"; "field" adds arrows along −∇f; "steps" shows the first step that each
        optimizer would take from each point of a grid; "surface" is three-dimensional.
    layout : str
        "race": all paths in one map; "panels": a map for each, with equal axes.
    curve : str or bool
        What stands beside a map: "gap" (f − f*, also True), "distance" to the nearest minimum,
        "gradient" and "step" for the norms, "rate" for step over gradient in each coordinate,
        "none" (also False).
    strip : Sensitivity, optional
        What `sensitivity` returned for the same optimizers in the same order: how far they get
        with other rates, as a strip below, with the rates of the paths marked.
    size : (int, int), optional
        Width and height in pixels, at 100 dots per inch; 960 wide, and as high as the function
        is, unless given.
    theme : str
        "light", "dark" or "print".

    Returns
    -------
    matplotlib.figure.Figure
        `figure.savefig("adam.png", dpi=200)`, or `optviz.save(figure, "adam.png")`.

    Raises
    ------
    ValueError
        If there is nothing to draw, the paths ran on different functions, or an argument is
        unknown.

    Examples
    --------
    >>> import optviz as ov
    >>> figure = ov.plot(ov.minimize("bowl", ov.Adam(lr=0.3), steps=30))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['', 'step', 'x']
    """
    for study, figure_of in STUDIES.items():
        if isinstance(trajectories, study):
            return figure_of(trajectories, size=size, theme=theme)
    assert not isinstance(trajectories, Study)
    runs = [trajectories] if isinstance(trajectories, Trajectory) else list(trajectories)
    for name, value, known in (("view", view, VIEWS), ("layout", layout, LAYOUTS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    f = function(on) if on is not None and not runs else same_function(runs)
    kind = curves.check_kind(curve, f)
    _check_strip(strip, view, runs)
    if view == "steps":
        figure = _first_steps(f, runs, size, theme)
    elif view == "surface":
        figure, _, _ = surface.picture(f, runs, size, theme)
    else:
        figure = _maps(f, runs, size, theme, view=view, panels=layout == "panels", kind=kind,
                       strip=strip)  # fmt: skip
    spec = Spec.of(
        "plot", runs, f=f, view=view, layout=layout, curve=kind or "none", size=size, theme=theme,
        sensitivity=strip is not None,
    )  # fmt: skip
    setattr(figure, output.SPEC, spec)  # `optviz.save` puts it into the file
    return figure


def _check_strip(strip: Sensitivity | None, view: str, runs: Sequence[Trajectory]) -> None:
    if strip is None:
        return
    if view not in ("contour", "field"):
        raise ValueError(f"a strip of sensitivities goes with contour or field, not {view}")
    names = [t.optimizer.name for t in runs]
    scanned = [s.optimizer.name for s in strip.sweeps]
    if not runs or names != scanned:
        raise ValueError(f"the strip has {', '.join(scanned)}, the paths {', '.join(names)}")


def _maps(
    f: Function,
    runs: Sequence[Trajectory],
    size: tuple[int, int] | None,
    theme: str,
    *,
    view: str,
    panels: bool,
    kind: str | None,
    strip: Sensitivity | None,
) -> Figure:
    frame = compose.compose(
        f, runs, size=size, panels=panels, curve_kind=kind,
        with_field=view == "field", theme=theme, with_strip=strip is not None,
        remarks=["arrows along −∇f, length ∝ ∛‖∇f‖"] if view == "field" else [],
    )  # fmt: skip
    for k, (t, stroke) in enumerate(zip(runs, frame.strokes, strict=True)):
        axes = frame.map_of(k)
        paths.draw_path(axes, t, stroke, frame.every, frame.look)
        paths.draw_end(axes, t, stroke, frame.look)
        paths.draw_start(axes, t.start, frame.look)
        beside = frame.curve_of(k)
        if beside is not None and kind is not None:
            curves.draw_line(beside, kind, f, t, stroke, frame.every, frame.look)
    paths.draw_exit_texts(frame)
    for axes in frame.maps:
        contour.draw_minima(axes, f, frame.look)
    if strip is not None:
        draw_strip(frame, strip)
    if len(frame.curves) == 1 and kind is not None:
        curves.draw_names(frame.curves[0], kind, f, runs, frame.strokes, frame.look)
    return frame.figure


def _first_steps(
    f: Function, runs: Sequence[Trajectory], size: tuple[int, int] | None, theme: str
) -> Figure:
    same_function(runs)
    frame = compose.compose(
        f, runs, size=size, panels=True, curve_kind=None, with_marks=False, theme=theme,
        remarks=["arrows: the first step from each point, scaled where a panel says so"],
    )  # fmt: skip
    for k, (t, stroke) in enumerate(zip(runs, frame.strokes, strict=True)):
        axes = frame.map_of(k)
        places, steps = first_steps(f, t.optimizer, STEPS_GRID)
        spacing = max(high - low for low, high in f.bounds) / STEPS_GRID
        factor = contour.draw_arrows(axes, places, steps, spacing, stroke.color)
        scale = "" if factor == 1 else f"   (arrows × {rounded(factor, 2)})"
        axes.set_title(f"{stroke.name}{scale}", loc="left", fontsize=frame.look.font,
                       color=stroke.color, pad=3)  # fmt: skip
        contour.draw_minima(axes, f, frame.look)
    return frame.figure
