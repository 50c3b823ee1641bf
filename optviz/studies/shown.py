"""The calls `plot` and `animate`: of paths, of what a study found, into axes of one's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optviz.functions.base import Function
from optviz.functions.catalogue import function
from optviz.optimizers import optimizers
from optviz.optimizers.base import Optimizer
from optviz.runs.entry import without_rate
from optviz.runs.paths import Paths
from optviz.runs.trajectory import Trajectory, same_function
from optviz.shared.text import listed
from optviz.studies.animate import AnimateStudy
from optviz.studies.plot import PlotStudy, strip_study
from optviz.studies.race import Race
from optviz.studies.sensitivity import Sensitivity, SensitivityStudy
from optviz.studies.study import Drawn, Filmed, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: What may be chosen when a picture is drawn of what has been run.
LOOK = ("size", "theme", "title", "subtitle", "font", "levels", "transparent", "dpi", "plane",
        "fps", "duration")  # fmt: skip


def plot(
    trajectories: Any,
    *,
    on: str | Function | None = None,
    view: str = "contour",
    layout: str = "race",
    curve: str | bool = True,
    strip: Sensitivity | None = None,
    size: tuple[int, int] | None = None,
    theme: str | None = None,
    axes: Any = None,
    **look: Any,
) -> Figure:
    """Draw paths on the contours of their function, with the curve of f − f* beside them.

    Parameters
    ----------
    trajectories
        What `minimize` returned, one or several on the same function; none if `on` is given.
        Or what another study found (`explain`, `basins`, `sensitivity`, `phase`, `nn.compare`), or
        a `landscape`: then only `size` and `theme` count (and `view` for a landscape).
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
        What `sensitivity` returned for the same optimizers in the same order, on the same
        function, start and steps: how far they get with other rates, as a strip below.
    size : (int, int), optional
        Width and height in pixels, at 100 dots per inch; 960 wide, and as high as the function
        is, unless given.
    theme : str, optional
        "light", "dark", "print" or a file of colours; light, or the study's own, unless given.
    axes : matplotlib.axes.Axes or dict, optional
        Draw into axes of your own, and change nothing else of their figure: the map, or
        `{"map": ..., "curve": ...}`, either or both. Letters have rcParams' font size, times
        `font`; on a sheet of ours they follow from its size, times `font`.
    **look
        `title` and `subtitle` instead of the picture's own; `font`, 0.5 to 3, for letters so many
        times as large; `transparent`; `levels`, the isolines of the ground, 2 to 60.

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
    ['x', 'step', '']
    """
    if axes is not None:
        return _into(axes, trajectories, on=on, view=view, layout=layout, curve=curve, strip=strip,
                     size=size, theme=theme, **look)  # fmt: skip
    if (drawn := _without_study(trajectories, size, theme, view)) is not None:
        chosen = {"on": on is not None, "layout": layout != "race", "strip": strip is not None,
                 "curve": curve != "gap" and curve is not True,
                 **{name: value is not None for name, value in look.items()}}  # fmt: skip
        if others := [name for name, is_given in chosen.items() if is_given]:
            raise ValueError(
                f"{listed(others)} is for paths and what studies found: of a "
                f"{type(trajectories).__name__} size and theme alone are chosen"
            )
        return drawn
    if (study := study_of(trajectories)) is not None:
        if not isinstance(study, Drawn):
            raise ValueError(f"{study.name} moves: film it with animate")
        _refuse_with_result(
            study, on=on, view=view != "contour" or None, strip=strip,
            layout=layout != "race" or None, curve=curve is not True or None,
        )  # fmt: skip
        _only_look(type(study), look)
        given = {"size": size, "theme": theme, **look}
        shown: Figure = study.model_copy(update=_look(study, given)).draw(trajectories)
        return shown
    _only_look(PlotStudy, look)
    runs = _paths_of(trajectories)
    f = function(on) if on is not None and not runs else same_function(runs)
    if on is not None and runs:
        _check_on(on, f)
    if strip is not None and not runs:
        raise ValueError("strip counts only with trajectories: a function alone has no rates")
    made = PlotStudy.of(
        runs, f, view=view, layout=layout, curve=_curve_kind(curve), size=size,
        theme=theme or "light", sensitivity=strip is not None, **look,
    ).refuse_idle(["view", "layout", *(["curve"] if curve is not True else []), "sensitivity",
                   *look])  # fmt: skip
    if strip is not None:
        _check_strip(strip, runs)
    figure: Figure = made.draw(made.result_of(runs, strip=strip))
    return figure


def animate(
    trajectories: Any,
    *,
    size: tuple[int, int] | None = None,
    fps: int | None = None,
    steps_per_frame: int | None = None,
    layout: str = "race",
    theme: str | None = None,
    view: str = "contour",
    turn: float = 0.0,
    edit: Callable[[Figure], object] | None = None,
    **look: Any,
) -> Any:
    """A film of one or several paths on the same function.

    Parameters
    ----------
    trajectories
        What `minimize` returned; or what `explain` returned: then only `size`, `fps` and `theme`
        count.
    size : (int, int), optional
        Width and height in pixels; the natural size of a still picture unless given.
    fps : int
        Frames a second, 1 to 100; 25 unless given (2 for an explanation).
    steps_per_frame : int, optional
        The same for all paths; as many as make about 200 frames unless given.
    layout : str
        "race" or "panels", as for `plot`.
    theme : str, optional
        "light", "dark" or "print"; light, or the study's own, unless given.
    view : str
        "contour", or "surface" in three dimensions.
    turn : float
        Degrees that the camera turns around a surface, −360 to 360.
    edit : callable, optional
        Called with the film's Matplotlib figure before its first frame is drawn, to change it.
        The specification inside the film says that there was an edit, and makes it without.
    **look
        `title`, `subtitle`, `font` and `levels`, as for `plot`.

    Raises
    ------
    ValueError
        If there is no trajectory, or an argument is outside its range.

    Examples
    --------
    >>> import optviz as ov
    >>> film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.5), steps=50))
    >>> len(film.steps_shown)
    51
    """
    if edit is not None and not callable(edit):
        raise ValueError(f"edit must be a function of the figure, not {edit!r:.60}")
    look |= {} if fps is None else {"fps": fps}
    if (study := study_of(trajectories)) is not None:
        if not isinstance(study, Filmed):
            raise ValueError(f"{study.name} does not move: draw it with plot")
        _refuse_with_result(
            study, steps_per_frame=steps_per_frame, turn=turn or None,
            layout=layout != "race" or None, view=view != "contour" or None,
        )  # fmt: skip
        _only_look(type(study), look)
        changed = study.model_copy(update=_look(study, {"size": size, "theme": theme, **look}))
        return dataclasses.replace(changed.film(trajectories), edit=edit)
    _only_look(AnimateStudy, look)
    runs = _paths_of(trajectories)
    f = same_function(runs)
    made = AnimateStudy.of(
        runs, f, size=size, steps_per_frame=steps_per_frame, layout=layout, theme=theme or "light",
        view=view, turn=turn, **look,
    ).refuse_idle(["steps_per_frame", "layout", "turn", *look])  # fmt: skip
    return dataclasses.replace(made.film(Race(*made.seen(runs))), edit=edit)


def _curve_kind(curve: str | bool) -> str:
    return {True: "gap", False: "none"}[curve] if isinstance(curve, bool) else curve


def _into(
    axes: Any, trajectories: Any, *, on: Any, view: str, curve: str | bool, theme: str | None,
    levels: int | None = None, font: float = 1.0, **others: Any,
) -> Figure:  # fmt: skip
    """Draw into somebody's axes; what belongs to a sheet of ours is refused."""
    from optviz.functions.catalogue import function
    from optviz.render.curves import check_kind
    from optviz.render.inset import draw_into, parts_of

    for name, value in others.items():
        if value is not None and (name, value) != ("layout", "race"):
            raise ValueError(f"{name} is for a picture of ours: axes have that of their figure")
    if view not in ("contour", "field"):
        raise ValueError(f"view must be contour or field in axes of your own, not {view!r}")
    if (study := study_of(trajectories)) is not None:
        raise ValueError(f"axes= takes paths: a picture of {study.name} has panels of its own")
    parts, runs = parts_of(axes), _paths_of(trajectories)
    f = function(on) if on is not None and not runs else same_function(runs)
    study = PlotStudy.of(runs, f, view=view, curve=_curve_kind(curve), theme=theme or "light",
                         levels=levels, font=font)  # fmt: skip
    f, runs = study.seen(runs)
    draw_into(
        parts, f, runs, kind=check_kind(study.curve, f), theme=study.theme, font=study.font,
        levels=study.levels, with_field=view == "field",
    )  # fmt: skip
    figure: Any = next(iter(parts.values())).figure
    return figure  # type: ignore[no-any-return]


def _without_study(result: Any, size: Any, theme: str | None, view: str) -> Figure | None:
    """The picture of what no study can make again (a training's history, a trace, a network's
    landscape, a tuning, a sweep); None for all else."""
    from optviz.adapters.trace import Recorder, Trace
    from optviz.landscapes import Landscape
    from optviz.nn.records import History
    from optviz.render import charts
    from optviz.studies.settings import check_size

    if isinstance(result, Trace | Recorder):
        from optviz.render.trace import draw_trace

        found = result if isinstance(result, Trace) else result.found
        return draw_trace(found, check_size(size), theme or "light")
    if isinstance(result, History):
        from optviz.render.history import draw_history

        return draw_history(result, check_size(size), theme or "light")
    if isinstance(result, Landscape) and result.study is None:
        from optviz.render.landscape import draw_alone

        if view not in ("contour", "surface"):
            raise ValueError(f"view must be contour or surface for a landscape, not {view!r:.40}")
        return draw_alone(result, check_size(size), theme or "light", view)
    if (draw := charts.chart_of(result)) is not None:
        sheet = charts.small_sheet(check_size(size), theme or "light")
        draw(sheet, result)
        sheet.finish()
        return sheet.figure
    return None


def study_of(result: Any) -> Any:
    """The study that made a result; None for trajectories."""
    from optviz.nn.comparison import Training

    if isinstance(result, Training):
        from optviz.studies.train import TrainStudy

        return TrainStudy.of(result)
    return getattr(result, "study", None)


def _paths_of(given: Any) -> list[Trajectory]:
    """One path or several as a list."""
    is_row = isinstance(given, Iterable) and not isinstance(given, str | np.ndarray)
    # A race among others is all of its paths.
    runs = [path for item in (given if is_row else [given])
            for path in (item if isinstance(item, Paths) else [item])]  # fmt: skip
    for item in runs:
        if not isinstance(item, Trajectory):
            what = " ".join(repr(item)[:40].split())
            raise ValueError(
                f"a picture shows trajectories, or what one study found, not {what}{_instead(item)}"
            )
    return runs


def _instead(item: Any) -> str:
    """How what was given is shown."""
    if isinstance(item, Optimizer | type):
        return ': run it first, as ov.plot(ov.race("bowl", optimizer))'
    if isinstance(item, str) and item.partition(":")[0].lower() in optimizers:
        return f': run it first, as ov.plot(ov.race("bowl", {item!r}))'
    if isinstance(item, str | Function):
        return ": a function alone is shown by ov.plot([], on=function)"
    if isinstance(item, np.ndarray | tuple | list):
        return ": points become a path by ov.Trajectory.from_points(points, on=function)"
    return ""


def _only_look(cls: type[Study], look: Iterable[str]) -> None:
    """What has been run is drawn as it ran: a setting of the run would make the file tell of
    another one."""
    for name in look:
        if name in {*cls.model_fields, "preset", "vary"} and name not in LOOK:
            raise ValueError(
                f"{name} is a setting of the run, and this has been run: give it to race, to "
                f"minimize, or to study({cls.name!r})"
            )


def _refuse_with_result(study: Any, **given: Any) -> None:
    """What another study found is drawn as it is."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} is for trajectories: of what {study.name} found, the look alone is chosen"
            )


def _check_on(on: str | Function, f: Function) -> None:
    """A picture shows the function that its paths ran on."""
    wanted = function(on)
    if (wanted.formula, wanted._python) != (f.formula, f._python):
        raise ValueError(
            f"on is {wanted.name}, but the paths ran on {f.name}: leave it out, or run them on "
            f"{wanted.name}"
        )
    if isinstance(on, Function) and on.bounds != f.bounds:
        raise ValueError("on has other bounds than the function of the paths: run them on it")


def _look(study: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Settings of a study's look, checked; what was not given is the study's own."""
    changes = {name: value for name, value in given.items() if value is not None}
    checked = type(study)(**{**study.settings(), **changes})
    return {name: getattr(checked, name) for name in changes}


def _check_strip(strip: Sensitivity, runs: Sequence[Trajectory]) -> None:
    """A strip is drawn again from the paths alone: another one is refused."""
    if not isinstance(strip, Sensitivity):
        raise ValueError(f"strip must be what sensitivity returned, not {strip!r}")
    # A start or bounds that were not given are the function's own.
    own = strip_study(runs)
    wanted, given = (
        {**s.texts(), "start": s.f.start, "bounds": s.f.bounds} for s in (own, strip.study)
    )
    names = ("on", "bounds", "start", "steps", "starts", "noise", "rates", "seed")
    differ = [name for name in names if wanted[name] != given[name]]
    if _scanned(strip.study) != _scanned(own):
        differ.insert(0, "optimizers")
    if differ:
        name = differ[0]
        raise ValueError(
            f"the strip is of other runs: its {name} is {given[name]!r}, the paths' "
            f"{wanted[name]!r}"
        )


def _scanned(study: SensitivityStudy) -> list[str]:
    """Its optimizers: a scan takes the place of a rate, and keeps the shape of a schedule."""
    return [
        without_rate(entry.text, entry.optimizer.rate_name)
        if entry.optimizer.schedule is None
        else entry.text
        for entry in study.optimizers
    ]
