"""Phase diagrams: how fast an optimizer converges, over any two of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optviz.functions import quadratic
from optviz.functions.base import Function
from optviz.optimizers.base import Optimizer
from optviz.runs.axis import Axis, parse_axis
from optviz.runs.convergence import CONVERGES, DIVERGES, RETURNS, UNTOLD, long_run, window_begins
from optviz.runs.sweep import Sweep, part_of, sweep
from optviz.runs.tuning import jittered_starts, rates_to_try
from optviz.shared.table import Table, Tabular, row, words
from optviz.shared.text import listed, percent, rounded
from optviz.studies.settings import AxisSetting, Counts, NoPaths, OneEntry, Start, Steps
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
#: A slope means something while it is this many times what rounding makes of it; where no minimum
#: is known, while it is above this share of the first.
ABOVE_ROUNDING, SHARE = 100.0, 1e-10
#: Slopes end here anyway: an optimizer squares them.
LEAST = 1e-150
#: A sample of so many settings across and down that converge is followed for so many times the
#: steps: Adam may fall for thousands of steps, and then return.
SAMPLE, LONGER, LONGEST = (12, 9), 40, 1_000_000
#: Their steps are linear in the gradient, so that a quadratic has a rate, and the minimum's place
#: does not matter.
LINEAR = ("sgd", "momentum", "nesterov")

#: Where one colour ends and the next begins: the nearer to 1, the slower, and the finer.
LEVELS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
#: From fast to slow, on a light and on a dark page.
RAMPS = {"light": ("#08306B", "#E3EEF8"), "dark": ("#CFE5FF", "#14243A")}
BEST = "#E69F00"


#: What becomes of a setting, in words.
OUTCOMES = {CONVERGES: "converges", RETURNS: "returns", DIVERGES: "diverges", UNTOLD: "untold"}


@dataclass(frozen=True, repr=False, eq=False)
class PhaseDiagram(Tabular):
    """The measured convergence rate over two hyperparameters.

    Attributes
    ----------
    rates : ndarray (y.count, x.count)
        The factor by which the largest slope shrinks a step in the long run, of the slowest of
        the starts; inf where any of them diverged, nan where any of them returns or is not told.
    outcomes : ndarray (y.count, x.count) of int8
        `CONVERGES`, `RETURNS`, `DIVERGES` or `UNTOLD` of `runs/convergence.py`, of the worst of
        the starts.
    x, y : Axis
        What was swept.
    sweep : Sweep
        The runs, over y and x; of a shifted quadratic in coordinates about its minimum.
    followed : (int, int, int)
        How many of the settings that converge were followed further, for how many steps, and how
        many of them did not converge then.
    function
        The function.
    study
        What made it.
    """

    rates: Real
    outcomes: NDArray[np.int8]
    x: Axis
    y: Axis
    sweep: Sweep
    followed: tuple[int, int, int]
    function: Function
    study: PhaseStudy = field(repr=False, compare=False)

    @property
    def best(self) -> tuple[float, float, float]:
        """The setting that converges fastest, and its rate: x, y, rate; rate nan if none does."""
        rates = np.where(self.outcomes == CONVERGES, self.rates, np.inf)
        row, column = np.unravel_index(np.argmin(rates), rates.shape)
        rate = float(rates[row, column])
        return (
            float(self.x.values[column]), float(self.y.values[row]),
            rate if np.isfinite(rate) else np.nan,
        )  # fmt: skip

    def at_edge(self) -> str:
        """The axis at whose end the fastest setting lies, though a faster one may lie beyond."""
        x, y, rate = self.best
        for axis, value in ((self.x, x), (self.y, y)):
            if rate < 1 and value in (axis.values[0], axis.values[-1]) and value != 0:
                return axis.name
        return ""

    def table(self) -> Table:
        """A row for each setting: the factor a step, and what becomes of its slowest run."""
        up, across = np.meshgrid(self.y.values, self.x.values, indexing="ij")
        columns = {
            self.y.name: up.ravel(), self.x.name: across.ravel(), "factor": self.rates.ravel(),
            "outcome": words(self.outcomes.ravel(), OUTCOMES),
        }  # fmt: skip
        about = {"function": self.function.formula, "optimizer": self.sweep.optimizer.spec()}
        return Table(columns, (self.y.name, self.x.name), self._title, about)

    def summary(self) -> Table:
        """How many settings converge, and the fastest."""
        x, y, rate = self.best
        converge = int((self.outcomes == CONVERGES).sum())
        told: dict[str, float] = {"settings": self.rates.size, "converge": converge}
        if rate < 1:
            told |= {self.x.name: x, self.y.name: y, "factor": rate}
        return Table(row(**told), title=self._title)

    @property
    def _title(self) -> str:
        kind = type(self.sweep.optimizer).__name__
        return f"{kind} on {self.function.name} over {self.x.name} and {self.y.name}"


class PhaseStudy(OnFunction, Drawn):
    """The measured rate over two hyperparameters; for momentum on a quadratic, with the theory.

    The rate is the factor by which the largest slope still to come shrinks a step, over the second
    half of its way (in powers of ten), so that the way to the minimum's neighbourhood does not
    count; of four starts, the slowest. What rises again, or goes on swinging, does not converge.
    """

    natural = (960, 640)
    counts: ClassVar[tuple[Counts, ...]] = (
        Counts("start bounds", "where the way matters",
               lambda s: not _is_linear(s.f, s.optimizer.optimizer),
               "of sgd, momentum and nesterov on a quadratic every start is as good; leave it out"),
    )  # fmt: skip
    examples = ("phase momentum --on bowl --x lr --y momentum",)

    optimizer: Annotated[OneEntry, NoPaths] = "momentum"  # type: ignore[assignment]
    x: Annotated[AxisSetting, Field(description="What varies across.")] = "lr"
    y: Annotated[AxisSetting, Field(description="The same: what varies upwards.")] = "momentum"
    steps: Steps = 1000
    start: Start = None

    def run(self, progress: Progress | None = None) -> PhaseDiagram:
        """A sweep over both settings, and a longer one over a sample of those that converge."""
        f, optimizer = self.f, self.optimizer.optimizer
        x, y = (
            parse_axis(text, count) if "=" in text else default_axis(f, optimizer, text, count)
            for text, count in zip((self.x, self.y), SIZE, strict=True)
        )
        if x.name == y.name:
            raise ValueError(f"x and y must be two hyperparameters, not {x.name} twice")
        g, starts = f, jittered_starts(f, f.start, STARTS, 0)
        if _is_linear(f, optimizer):
            # Every start with equal slopes along both modes is as good as any other.
            g, center = quadratic.centred(f)
            slow, fast = quadratic.modes(f) * max(1.0, float(np.hypot(*(f.start - center))))
            starts = np.array([slow + fast, slow - fast])

        floor = _floor(g, starts)

        def measured(across: Real, upwards: Real, steps: int, part: int) -> tuple[Sweep, Real, Any]:
            begins = window_begins(steps)
            s = sweep(
                g, optimizer, starts, over={y.name: upwards, x.name: across}, steps=steps, tol=0.0,
                windows=begins, progress=part_of(progress, part, 2),
            )  # fmt: skip
            return s, *_worst(s, begins, floor)

        found, rates, outcomes = measured(x.values, y.values, self.steps, 0)
        followed = (0, 0, 0)
        sample = np.ix_(*(_spread(n, k) for n, k in zip(rates.shape, SAMPLE[::-1], strict=True)))
        chosen = outcomes[sample] == CONVERGES
        longer = min(LONGER * self.steps, LONGEST)
        if chosen.any() and longer > self.steps:
            rows, columns = (index.ravel() for index in sample)
            later = measured(x.values[columns], y.values[rows], longer, 1)[2][chosen]
            followed = (int(chosen.sum()), longer, int(np.isin(later, (RETURNS, DIVERGES)).sum()))
        return PhaseDiagram(rates, outcomes, x, y, found, followed, f, self)

    def finding(self, result: PhaseDiagram) -> str:
        """The fastest of the settings, and how many converge at all."""
        p = result
        converge = float(np.mean(p.outcomes == CONVERGES))
        x, y, rate = p.best
        within = f"in {p.sweep.steps:,} steps"
        if not rate < 1:
            return f"None of {p.rates.size:,} settings converges {within}"
        followed, longer, lost = p.followed
        later = f"; of {followed} followed for {longer:,}, {lost} do not" if lost else ""
        edge = f" (at the edge of {p.at_edge()})" if p.at_edge() else ""
        return (
            f"{percent(converge, 0)} of {p.rates.size:,} settings converge {within}{later}; the "
            f"fastest, {p.x.name} = {rounded(x)}, {p.y.name} = {rounded(y)}{edge}, by "
            f"{rounded(rate)} a step"
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
        handles: list[Artist] = [
            Patch(color=color, label=label)
            for outcome, (color, label) in _other_colors(look).items()
            if (p.outcomes == outcome).any()
        ]
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

    The rate is the factor by which the largest slope still to come, M, shrinks a step:
    (M_b/M_a)^(1/(b − a)) over the second half of its way (in powers of ten), so that the way to
    the minimum's neighbourhood does not count; of four starts, the slowest. It is judged by what
    comes last (see `runs/convergence.py`): what rises again, or goes on swinging, has no rate.

    Parameters
    ----------
    f, start, steps, progress
        As for `sweep`.
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
    return made.refuse_idle([] if start is None else ["start"]).run(progress)


def _is_linear(f: Function, optimizer: Optimizer) -> bool:
    """Whether a step multiplies the distance to the minimum by a matrix."""
    return optimizer.name in LINEAR and quadratic.eigenvalues(f) is not None


def _floor(f: Function, starts: Real) -> float:
    """Below it a slope is what rounding leaves of the place of the minimum."""
    if not len(f.minima):
        return SHARE * float(np.median(np.abs(f.gradient(*starts.T)).max(axis=0)))
    beside = f.minima + np.where(f.minima == 0, 0, np.spacing(f.minima))
    slopes = np.abs(f.gradient(*beside.T))
    return max(LEAST, ABOVE_ROUNDING * float(np.max(slopes[np.isfinite(slopes)], initial=0)))


def _worst(s: Sweep, begins: Sequence[int], floor: float) -> tuple[Real, NDArray[np.int8]]:
    """For each setting the rate and the outcome of the worst of its starts."""
    assert s.peaks is not None
    rates, outcomes = long_run(np.nan_to_num(s.peaks, nan=np.inf), begins, floor)
    outcomes[s.diverged] = DIVERGES
    worst = np.full(outcomes.shape[:-1], CONVERGES, np.int8)
    for outcome in (UNTOLD, RETURNS, DIVERGES):
        worst[(outcomes == outcome).any(axis=-1)] = outcome
    rates = np.where(worst == CONVERGES, rates.max(axis=-1), np.nan)
    return np.where(worst == DIVERGES, np.inf, rates), worst


def _spread(count: int, wanted: int) -> NDArray[np.intp]:
    """Evenly spread indices."""
    return np.unique(np.round(np.linspace(0, count - 1, wanted)).astype(np.intp))


def default_axis(f: Function, optimizer: Optimizer, name: str, count: int) -> Axis:
    """The usual range of a hyperparameter; that of `lr` ends where a quadratic turns unstable.

    Raises
    ------
    ValueError
        If the optimizer has no such hyperparameter, or it has no usual range.
    """
    if name not in optimizer.hyper:
        known = listed(optimizer.hyper)
        kind = type(optimizer).__name__
        raise ValueError(f"{kind} has no {name!r}; it has {known}: choose two of them as x and y")
    if name == optimizer.rate_name:
        spectrum = quadratic.eigenvalues(f)
        if spectrum is not None and optimizer.name in LINEAR:
            high = 4.2 / spectrum[1]
            return Axis(name, high / count, high, count)
        rates = rates_to_try(f, 2)
        return Axis(name, float(rates[0]), float(rates[1]), count, log=True)
    usual = optimizer.declared[name].sweep
    if usual is None:
        raise ValueError(f"{name} has no usual range: give one, such as {name}=0.1,1")
    low, high, log = usual
    return Axis(name, low, high, count, log)


def _other_colors(look: Look) -> dict[int, tuple[str, str]]:
    """The colours of settings that have no rate, and what they mean."""
    is_dark = look.theme.name == "dark"
    return {
        DIVERGES: ("#000000" if is_dark else "#3A3F46", "diverges"),
        RETURNS: ("#A6701F" if is_dark else "#E3B778", "returns or goes on swinging"),
        UNTOLD: ("#4B4B4B" if is_dark else "#C8C8C8", "too slow or too unsteady to tell"),
    }


def _draw_rates(axes: Axes, bar: Axes, p: PhaseDiagram, look: Look) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, to_rgba

    ramp = LinearSegmentedColormap.from_list(
        "rates", RAMPS["dark" if look.theme.name == "dark" else "light"]
    )
    norm = BoundaryNorm(LEVELS, ramp.N)
    colors = ramp(norm(np.nan_to_num(p.rates, posinf=0.0)))
    for outcome, (color, _) in _other_colors(look).items():
        colors[p.outcomes == outcome] = to_rgba(color)
    axes.pcolormesh(_edges(p.x), _edges(p.y), colors, rasterized=True)
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
    """Theory's lines, for momentum on a quadratic over its two hyperparameters."""
    from optviz.render.theory import draw_momentum

    spectrum = quadratic.eigenvalues(p.function)
    names = (p.x.name, p.y.name)
    if spectrum is None or p.sweep.optimizer.name != "momentum" or set(names) != {"lr", "momentum"}:
        return []
    return draw_momentum(axes, spectrum, is_swapped=names[0] == "momentum")


def _finish(axes: Axes, p: PhaseDiagram) -> None:
    axes.set_xlim(float(_edges(p.x)[0]), float(_edges(p.x)[-1]))
    axes.set_ylim(float(_edges(p.y)[0]), float(_edges(p.y)[-1]))
    axes.set_xlabel(p.x.name)
    axes.set_ylabel(p.y.name)


def _choices(p: PhaseDiagram) -> list[str]:
    from optviz.render import style

    s = p.sweep
    others = style.described(s.optimizer, [], without=(p.x.name, p.y.name))
    starts = f"{len(s.starts)} starts around {style.point_text(p.function.start)}"
    if _is_linear(p.function, s.optimizer):
        starts = "2 starts with the same slope along both eigenvectors"
    return [
        f"{others}: {p.x.count} × {p.y.count} settings, {starts}",
        f"{s.steps:,} steps",
        "factor by which the largest slope still to come shrinks a step, over the second half of "
        "its way (in powers of ten), of the slowest start",
        *_later_text(p),
        style.conventions_text([s.optimizer]),
    ]


def _later_text(p: PhaseDiagram) -> list[str]:
    """What became later of settings that converge."""
    followed, longer, lost = p.followed
    if not followed:
        return []
    how_many = f"{lost} did not converge" if lost else "none returned"
    return [f"{followed} of those that converge followed for {longer:,} steps: {how_many}"]
