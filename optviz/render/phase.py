"""The picture of a phase diagram: measured convergence rates, and theory where there is one."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from optviz.functions import quadratic
from optviz.render import compose, layout, output, style
from optviz.render.layout import AXIS, TOP, Box
from optviz.render.spec import Spec
from optviz.render.style import Look
from optviz.runs.axis import Axis
from optviz.shared.text import rounded
from optviz.studies.phase import PhaseDiagram

SIZE = (960, 640)
#: Where one colour ends and the next begins: the nearer to 1, the slower, and the finer.
LEVELS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
#: From fast to slow, on a light and on a dark page.
RAMPS = {"light": ("#08306B", "#E3EEF8"), "dark": ("#CFE5FF", "#14243A")}
THEORY, CRITICAL, BEST = "#D55E00", "#7A4FA3", "#E69F00"


def phase_figure(
    p: PhaseDiagram, *, size: tuple[int, int] | None = None, theme: str = "light"
) -> Figure:
    """Colours for the measured rate; lines and a ring for what theory says of a quadratic."""
    width, height = compose.check_size(size) if size else SIZE
    figure, look = compose.sheet(width, height, theme)
    unit = look.unit
    axes, bar = figure.add_axes((0, 0, 1, 1)), figure.add_axes((0, 0, 1, 1))
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
    _finish(axes, p, look)
    rows = compose.draw_legend(figure, handles, look)
    left, right, top = (AXIS + 1.2) * unit, 8.0 * unit, (TOP + 0.6) * unit
    bottom = (AXIS - 0.6 + layout.bottom_of(rows)) * unit
    box = Box(left, top, width - left - right, height - top - bottom)
    compose.check_room(box, size or SIZE, unit)
    axes.set_position(box.fraction(width, height))
    beside = Box(left + box.width + 1.4 * unit, top, 0.9 * unit, box.height)
    bar.set_position(beside.fraction(width, height))
    _label_bar(bar, box.height / unit, look)
    heading = f"{style.heading(p.function, [p.sweep.optimizer])}: how fast it converges"
    compose.write_texts(figure, p.function, heading, _choices(p), look)
    spec = Spec.of_sweeps("phase", [p.sweep], [""], [p.x, p.y], size=size, theme=theme)
    setattr(figure, output.SPEC, spec)
    return figure


def _unstable(look: Look) -> str:
    return "#3A3F46" if look.theme.name != "dark" else "#000000"


def _draw_rates(axes: Axes, bar: Axes, p: PhaseDiagram, look: Look) -> None:
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


def _finish(axes: Axes, p: PhaseDiagram, look: Look) -> None:
    compose.quiet(axes, look)
    axes.set_xlim(float(_edges(p.x)[0]), float(_edges(p.x)[-1]))
    axes.set_ylim(float(_edges(p.y)[0]), float(_edges(p.y)[-1]))
    axes.set_xlabel(p.x.name)
    axes.set_ylabel(p.y.name)


def _choices(p: PhaseDiagram) -> str:
    s = p.sweep
    others = style.optimizer_text(s.optimizer, [], without=(p.x.name, p.y.name))
    return " · ".join([
        f"{others}: {p.x.count} × {p.y.count} settings, {len(s.starts)} starts around "
        f"{style.point_text(s.starts[0])}",
        f"at most {s.steps:,} steps",
        "factor by which ‖∇f‖ shrinks a step, over the second half of the way (in powers of ten)",
        f"{s.optimizer.convention} convention",
    ])  # fmt: skip
