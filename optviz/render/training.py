"""The picture of training: loss and accuracy by epoch, for one or several optimizers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from optviz.nn.comparison import Training
from optviz.render import compose, layout, output, style
from optviz.render.layout import AXIS, Box
from optviz.render.style import Look, Stroke
from optviz.render.train_spec import TrainSpec
from optviz.shared.text import rounded

SIZE = (960, 520)
#: The base font, in pixels, at that size.
USUAL = 13.5
NO_BREAK = "\N{NO-BREAK SPACE}"
#: Room for the title and the line below it.
TOP = 6.2
VALIDATION: style.Dash = (0, (4, 1.6))


def training_figure(
    t: Training, *, size: tuple[int, int] | None = None, theme: str = "light"
) -> Figure:
    """Loss (log axis) and accuracy: training solid, validation dashed, bands over several runs."""
    width, height = compose.check_size(size) if size else SIZE
    figure, look = compose.sheet(width, height, theme)
    unit = look.unit
    strokes = style.strokes_of(t.optimizers, look.theme)
    rows = compose.draw_legend(figure, _handles(t, strokes, look), look)
    has_accuracy = bool(t.network.loss_function.metric)
    names = ["loss", "accuracy"] if has_accuracy else ["loss"]
    bottom = layout.bottom_of(rows) + AXIS - 0.4
    across = (width - 1.5 * unit) / len(names)
    for k, name in enumerate(names):
        left = k * across + (AXIS + 1.6) * unit
        box = Box(left, TOP * unit, across - (AXIS + 2.6) * unit,
                  height - (TOP + bottom) * unit)  # fmt: skip
        axes = figure.add_axes(box.fraction(width, height))
        for j, stroke in enumerate(strokes):
            _draw(axes, t, j, name, stroke, look)
        _finish(axes, t, name, look)
    title = f"{style.heading_of([type(o).__name__ for o in t.optimizers])} on {t.data.name}"
    network = "-".join(map(str, t.setup.layers))
    compose.write_heading(figure, title, f"{network} network, {t.setup.activation}", look)
    compose.write_choices(figure, _choices(t), look)
    setattr(figure, output.SPEC, TrainSpec.of(t, theme=theme, size=size))
    return figure


def _handles(t: Training, strokes: list[Stroke], look: Look) -> list[Line2D]:
    handles, size = [], look.unit / USUAL
    for k, (o, stroke) in enumerate(zip(t.optimizers, strokes, strict=True)):
        scores = t.test_accuracy[k]
        score = ""
        if np.isfinite(scores).all():
            score = f"   test {100 * np.median(scores):.1f} %"
        handles.append(
            Line2D([], [], color=stroke.color, marker=stroke.marker, linewidth=1.7 * size,
                   markersize=5 * size, label=f"{style.optimizer_text(o, [])}{score}")
        )  # fmt: skip
    ink = look.theme.quiet
    handles.append(Line2D([], [], color=ink, linewidth=1.7 * size, label="training"))
    handles.append(Line2D([], [], color=ink, linewidth=1.7 * size, linestyle=VALIDATION,
                          label="validation"))  # fmt: skip
    return handles


def _draw(axes: Axes, t: Training, k: int, name: str, stroke: Stroke, look: Look) -> None:
    size = look.unit / USUAL
    for kind, dash in (("", "-"), ("validation_", VALIDATION)):
        median, low, high = t.curves(k, f"{kind}{name}")
        epochs = np.arange(1, len(median) + 1)
        if t.setup.runs > 1:
            axes.fill_between(epochs, low, high, color=stroke.color, alpha=0.12, linewidth=0)
        every = max(1, len(epochs) // 8)
        axes.plot(epochs, median, color=stroke.color, linestyle=dash, linewidth=1.7 * size,
                  marker=stroke.marker, markevery=every, markersize=4 * size,
                  markeredgecolor=look.theme.paper, markeredgewidth=0.5)  # fmt: skip


def _finish(axes: Axes, t: Training, name: str, look: Look) -> None:
    compose.quiet(axes, look)
    axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
    axes.set_xlabel("epoch", labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_title(name, loc="left", fontsize=look.font, color=look.theme.ink, pad=5)
    if name == "loss":
        axes.set_yscale("log")
        axes.tick_params(which="minor", length=2, colors=look.theme.quiet,
                         labelsize=0.75 * look.font)  # fmt: skip
    else:
        axes.set_ylim(top=min(1.005, axes.get_ylim()[1]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def _choices(t: Training) -> str:
    s = t.setup
    parts = [
        f"{len(t.data):,} samples, 20 % for the test, 15 % of the rest for validation",
        f"batches of {s.batch_size}",
        "batch normalisation" if s.batch_norm else "no batch normalisation",
        f"dropout {rounded(s.dropout)}" if s.dropout else "no dropout",
        f"init {s.init}",
    ]
    parts += [f"{name}{NO_BREAK}={NO_BREAK}{rounded(value)}" for name, value in (
        ("l1", s.l1), ("l2", s.l2), ("weight decay", s.weight_decay)) if value]  # fmt: skip
    parts += [f"patience {s.patience}, best epoch kept"] if s.patience else []
    parts += [f"median of {s.runs} runs, band from 10 % to 90 %"] if s.runs > 1 else []
    return f"{NO_BREAK}· ".join([*parts, f"seed {s.seed}"])
