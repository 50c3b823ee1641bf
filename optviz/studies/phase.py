"""Phase diagrams: how fast an optimizer converges, over any two of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optviz.functions import quadratic
from optviz.functions.base import Function
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis, parse_axis
from optviz.runs.sweep import Sweep, part_of, sweep
from optviz.runs.tuning import jittered_starts, rates_to_try
from optviz.shared.text import listed, rounded
from optviz.studies.settings import AxisSetting, OneEntry, Start, Steps
from optviz.studies.study import Drawn, OnFunction, Progress

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look

Real = NDArray[np.float64]

SIZE = (200, 150)
STARTS = 4
#: The rate is measured while the gradient falls from the root of this share to this share.
DEPTH, DEEPEST = 1e-10, 1e-140


#: Where one colour ends and the next begins: the nearer to 1, the slower, and the finer.
LEVELS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
#: From fast to slow, on a light and on a dark page.
RAMPS = {"light": ("#08306B", "#E3EEF8"), "dark": ("#CFE5FF", "#14243A")}
THEORY, CRITICAL, BEST = "#D55E00", "#7A4FA3", "#E69F00"


@dataclass(frozen=True)
class PhaseDiagram:
    """The measured convergence rate over two hyperparameters.

    Attributes
    ----------
    rates : ndarray (y.count, x.count)
        The factor by which the norm of the gradient shrinks a step in the long run; inf where
        any start diverged.
    x, y : Axis
        What was swept.
    sweep : Sweep
        The longer of the two sweeps behind it, over y and x.
    study
        What made it.
    """

    rates: Real
    x: Axis
    y: Axis
    sweep: Sweep
    study: PhaseStudy = field(repr=False, compare=False)

    @property
    def function(self) -> Function:
        """The function."""
        return self.sweep.function

    @property
    def best(self) -> tuple[float, float, float]:
        """The point with the lowest rate, and the rate: x, y, rate."""
        row, column = np.unravel_index(np.argmin(self.rates), self.rates.shape)
        return (
            float(self.x.values[column]), float(self.y.values[row]), float(self.rates[row, column])
        )  # fmt: skip


class PhaseStudy(OnFunction, Drawn):
    """The measured rate over two hyperparameters; for momentum on a quadratic, with the theory.

    The rate is the factor by which the gradient's norm shrinks a step, taken from the second half
    of each run (in powers of ten), so that the way to the minimum's neighbourhood does not count:
    (‖g_b‖/‖g_a‖)^(1/(b − a)), the geometric mean over four starts.
    """

    natural = (960, 640)
    examples = ("phase momentum --on bowl --x lr --y momentum",)

    optimizer: OneEntry = "momentum"  # type: ignore[assignment]
    x: Annotated[AxisSetting, Field(description="What varies across.")] = "lr"
    y: Annotated[AxisSetting, Field(description="The same: what varies upwards.")] = "momentum"
    steps: Steps = 1000
    start: Start = None

    def run(self, progress: Progress | None = None) -> PhaseDiagram:
        """Two sweeps over both settings, to the middle of the way and to its end."""
        f, optimizer, steps = self.f, self.optimizer.optimizer, self.steps
        x, y = (
            parse_axis(text, count) if "=" in text else default_axis(f, optimizer, text, count)
            for text, count in zip((self.x, self.y), SIZE, strict=True)
        )
        if x.name == y.name:
            raise ValueError(f"x and y must be two hyperparameters, not {x.name} twice")
        starts = jittered_starts(f, f.start, STARTS, 0)
        first = float(np.median(np.hypot(*f.gradient(*starts.T))))
        depth = _depth(f, first)
        ends = [
            sweep(f, optimizer, starts, over={y.name: y, x.name: x}, steps=count, tol=tol * first,
                  progress=part_of(progress, part, 2))
            for part, tol, count in ((0, depth**0.5, max(1, steps // 2)), (1, depth, steps))
        ]  # fmt: skip
        return PhaseDiagram(_rates(f, *ends), x, y, ends[1], self)

    def finding(self, result: PhaseDiagram) -> str:
        """The fastest of the settings, and how many converge at all."""
        p = result
        converge = float(np.mean(p.rates < 1))
        x, y, rate = p.best
        if not rate < 1:
            return "None of the settings converges"
        return (
            f"{100 * converge:.0f} % of {p.rates.size:,} settings converge; the fastest, "
            f"{p.x.name} = {rounded(x)}, {p.y.name} = {rounded(y)}, by {rounded(rate)} a step"
        )

    def draw(self, result: PhaseDiagram, sheet: Sheet) -> None:  # type: ignore[override]
        """Colours for the measured rate; lines and a ring for what theory says of a quadratic."""
        from matplotlib.patches import Patch

        from optviz.render import style
        from optviz.render.layout import AXIS, Box

        p, look, unit = result, sheet.look, sheet.unit
        axes = sheet.figure.add_axes((0, 0, 1, 1), label="map")
        bar = sheet.figure.add_axes((0, 0, 1, 1), label="bar")
        _draw_rates(axes, bar, p, look)
        handles: list[Artist] = [Patch(color=_unstable(look), label="does not converge")]
        x, y, rate = p.best
        if rate < 1:
            handles += axes.plot(
                x, y, "o", markersize=8, markerfacecolor="none", markeredgecolor=BEST,
                markeredgewidth=2, linestyle="", zorder=7,
                label=f"best: {p.x.name} = {rounded(x, 4)}, {p.y.name} = {rounded(y, 4)}, "
                      f"rate {rounded(rate, 4)}",
            )  # fmt: skip
        handles += _draw_theory(axes, p)
        _finish(axes, p)
        sheet.legend(handles)
        box = sheet.free(left=AXIS + 1.2, right=8.0)
        sheet.place(axes, box)
        beside = Box(box.left + box.width + 1.4 * unit, box.top + 1.4 * unit, 0.9 * unit,
                     box.height - 1.4 * unit)  # fmt: skip
        bar.set_position(beside.fraction(sheet.width, sheet.height))
        _label_bar(bar, beside.height / unit, look)
        heading = style.heading(p.function, [p.sweep.optimizer])
        sheet.heading(f"{heading}: how fast it converges", style.formula(p.function))
        sheet.small_print(_choices(p))


def phase(
    f: str | Function,
    optimizer: str | Optimizer,
    x: str | Axis = "lr",
    y: str | Axis = "momentum",
    *,
    start: Sequence[float] | None = None,
    steps: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> PhaseDiagram:
    """Measure how fast an optimizer converges, for each pair of two hyperparameters.

    The rate is taken from the second half of each run (in powers of ten), so that the way to the
    minimum's neighbourhood does not count: (‖g_b‖/‖g_a‖)^(1/(b − a)), the geometric mean over
    four starts.

    Parameters
    ----------
    f, start, steps, progress
        As for `sweep`; runs end sooner where they converge.
    optimizer
        Or text such as "momentum"; what is not swept stays.
    x, y
        The two hyperparameters: names, `"lr=0.01,2"`, or `Axis("lr", 0.01, 2, 200)`.

    Examples
    --------
    >>> import optviz as ov
    >>> p = ov.phase("bowl", "momentum", ov.Axis("lr", 0.1, 2, 20), ov.Axis("momentum", 0, 0.9, 10))
    >>> p.rates.shape, [round(v, 1) for v in p.best]
    ((10, 20), [1.3, 0.4, 0.7])
    """
    made = PhaseStudy.checked(optimizer=optimizer, on=f, x=x, y=y, start=start, steps=steps)
    return made.run(progress)


def _depth(f: Function, first: float) -> float:
    """How far the gradient can fall before it is rounding only."""
    if not len(f.minima):
        return DEPTH
    around = f.minima + np.spacing(f.minima)
    floor = float(np.max(np.hypot(*f.gradient(*around.T))))
    return DEPTH if not np.isfinite(floor) else max(min(DEPTH, 1e4 * floor / first), DEEPEST)


def _rates(f: Function, near: Sweep, far: Sweep) -> Real:
    with np.errstate(all="ignore"):
        norms = [np.hypot(*f.gradient(s.final[..., 0], s.final[..., 1])) for s in (near, far)]
        steps = far.steps_taken - near.steps_taken
        # No step between: the minimum was hit exactly.
        logs = np.where(steps > 0, np.log(norms[1] / norms[0]) / np.maximum(steps, 1), -np.inf)
        rates = np.exp(logs.mean(axis=-1))
    return np.asarray(np.where(far.diverged.any(axis=-1) | np.isnan(rates), np.inf, rates))


def default_axis(f: Function, optimizer: Optimizer, name: str, count: int) -> Axis:
    """The usual range of a hyperparameter; that of `lr` ends where a quadratic turns unstable.

    Raises
    ------
    ValueError
        If the optimizer has no such hyperparameter, or it has no usual range.
    """
    if name not in optimizer.hyper:
        known = listed(optimizer.hyper)
        raise ValueError(f"{type(optimizer).__name__} has no {name!r}; it has {known}")
    if name == "lr":
        spectrum = quadratic.eigenvalues(f)
        if spectrum is not None and optimizer.name in ("sgd", "momentum", "nesterov"):
            high = 4.2 / spectrum[1]
            return Axis(name, high / count, high, count)
        rates = rates_to_try(f, 2)
        return Axis(name, float(rates[0]), float(rates[1]), count, log=True)
    usual = optimizer.hyperparameters(optimizer.convention)[name].sweep
    if usual is None:
        raise ValueError(f"{name} has no usual range: give one, such as {name}=0.1,1")
    low, high, log = usual
    return Axis(name, low, high, count, log)


def _unstable(look: Look) -> str:
    return "#3A3F46" if look.theme.name != "dark" else "#000000"


def _draw_rates(axes: Axes, bar: Axes, p: PhaseDiagram, look: Look) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    ramp = LinearSegmentedColormap.from_list(
        "rates", RAMPS["dark" if look.theme.name == "dark" else "light"]
    ).with_extremes(over=_unstable(look))
    norm = BoundaryNorm(LEVELS, ramp.N)
    rates = np.where(p.rates < 1, p.rates, 2.0)
    axes.pcolormesh(_edges(p.x), _edges(p.y), rates, cmap=ramp, norm=norm, rasterized=True)
    axes.set_xscale("log" if p.x.log else "linear")
    axes.set_yscale("log" if p.y.log else "linear")
    # One step of the bar for each level, whatever its width.
    middles = (np.array(LEVELS[:-1]) + LEVELS[1:]) / 2
    bar.imshow(ramp(norm(middles))[:, None], origin="lower", aspect="auto",
               extent=(0, 1, 0, len(LEVELS) - 1))  # fmt: skip
    bar.set_xticks([])


def _label_bar(bar: Axes, tall: float, look: Look) -> None:
    """As many numbers as stand above each other in so many units."""
    last = len(LEVELS) - 1
    shown = range(last, -1, -int(np.ceil(last / tall)))[::-1]
    bar.set_yticks(shown, [f"{LEVELS[k]:g}" for k in shown])
    bar.yaxis.tick_right()
    bar.tick_params(length=2, labelsize=0.8 * look.font, colors=look.theme.quiet)
    bar.set_title("factor\na step", fontsize=0.8 * look.font, color=look.theme.quiet, loc="left",
                  pad=0.6 * look.font)  # fmt: skip
    for spine in bar.spines.values():
        spine.set_color(look.theme.faint)


def _edges(axis: Axis) -> np.ndarray:
    """The borders of the cells around an axis' values."""
    values = np.log(axis.values) if axis.log else axis.values
    half = (values[1] - values[0]) / 2
    edges = np.append(values - half, values[-1] + half)
    return np.asarray(np.exp(edges) if axis.log else edges)


def _draw_theory(axes: Axes, p: PhaseDiagram) -> list[Line2D]:
    """The border of stability, the critical lines and the optimum, for momentum on a quadratic."""
    spectrum = quadratic.eigenvalues(p.function)
    names = (p.x.name, p.y.name)
    if spectrum is None or p.sweep.optimizer.name != "momentum" or set(names) != {"lr", "momentum"}:
        return []
    flip = -1 if names[0] == "momentum" else 1

    def draw(lr: np.ndarray, momentum: np.ndarray, style: str, **options: object) -> Line2D:
        (line,) = axes.plot(*(lr, momentum)[::flip], style, **options)  # type: ignore[arg-type]
        return line

    beta = np.linspace(0, 1, 200)
    lines = [draw(quadratic.largest_rate(beta, spectrum), beta, "-", color=THEORY, linewidth=1.8,
                  label="theory: stable below αλ = 2 + 2β")]  # fmt: skip
    for eigenvalue, dash in zip(spectrum, ("--", ":"), strict=True):
        alpha = np.linspace(0, 4 / eigenvalue, 2000)[1:]
        label = f"theory: β = (1 − √(αλ))² for λ = {rounded(eigenvalue)}"
        lines.append(draw(alpha, quadratic.critical_momentum(alpha, eigenvalue), dash,
                          color=CRITICAL, linewidth=1.4, label=label))  # fmt: skip
    best_lr, best_momentum, rate = quadratic.optimum(spectrum)
    label = (f"theory: α* = {rounded(best_lr, 4)}, β* = {rounded(best_momentum, 4)}, "
             f"rate {rounded(rate, 4)}")  # fmt: skip
    place = np.array([best_lr]), np.array([best_momentum])
    lines.append(draw(*place, "+", color=THEORY, markersize=11,
                      markeredgewidth=2, zorder=8, label=label))  # fmt: skip
    return lines


def _finish(axes: Axes, p: PhaseDiagram) -> None:
    axes.set_xlim(float(_edges(p.x)[0]), float(_edges(p.x)[-1]))
    axes.set_ylim(float(_edges(p.y)[0]), float(_edges(p.y)[-1]))
    axes.set_xlabel(p.x.name)
    axes.set_ylabel(p.y.name)


def _choices(p: PhaseDiagram) -> list[str]:
    from optviz.render import style

    s = p.sweep
    others = style.described(s.optimizer, [], without=(p.x.name, p.y.name))
    return [
        f"{others}: {p.x.count} × {p.y.count} settings, {len(s.starts)} starts around "
        f"{style.point_text(s.starts[0])}",
        f"at most {s.steps:,} steps",
        "factor by which ‖∇f‖ shrinks a step, over the second half of the way (in powers of ten)",
        style.conventions_text([s.optimizer]),
    ]
