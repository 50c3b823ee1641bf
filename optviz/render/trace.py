"""A traced training drawn: the plane of its parameters, and the loss beside it."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from optviz.adapters.trace import Trace
from optviz.render.learning import draw_curve, finish
from optviz.render.sheet import Sheet
from optviz.shared.text import percent, rounded

SIZE = (960, 520)


def draw_trace(trace: Trace, size: tuple[int, int] | None, theme: str) -> Figure:
    """The path in the plane of its principal components; loss and rate by step, if they were told.

    Raises
    ------
    ValueError
        If no step was made.
    """
    if len(trace.steps) < 2:
        raise ValueError("this trace has no step: there is nothing to draw")
    sheet = Sheet(size or SIZE, theme, finding(trace), size is None)
    look, color = sheet.look, sheet.look.theme.optimizers["momentum"]
    flat, shares = trace.plane()
    flat = flat[: trace.finite]
    if len(flat) < 2:
        raise ValueError("this trace diverged at once: there is nothing to draw")
    sheet.heading(trace.title)
    curves = [name for name in ("loss", "rate") if not np.isnan(getattr(trace, name)).all()]
    plane, *others = sheet.grid(1, 1 + len(curves), left=6.0)
    pieces = np.stack([flat[:-1], flat[1:]], axis=1)
    plane.add_collection(LineCollection(
        list(pieces), colors=color, linewidths=1.7 * look.unit / 13.5,
        alpha=np.linspace(0.25, 1.0, len(pieces)).tolist()))  # fmt: skip
    plane.plot(*flat[0], "o", mfc="none", mec=look.theme.ink, markersize=0.7 * look.font)
    plane.plot(*flat[-1], "s", color=color, markersize=0.5 * look.font)
    plane.autoscale_view()
    plane.set_aspect("equal", "datalim")
    plane.set_xlabel(f"PC 1 ({100 * shares[0]:.3g} %)", labelpad=2)
    plane.set_ylabel(f"PC 2 ({100 * shares[1]:.3g} %)", labelpad=2)
    plane.set_label("plane")
    plane.set_title("parameters", loc="left", fontsize=look.font, color=look.theme.ink, pad=5)
    for axes, name in zip(others, curves, strict=True):
        axes.set_label(name)
        draw_curve(axes, getattr(trace, name), color, look, x=trace.steps, marker="")
        finish(axes, name, look, label="step")
    what = {"all": "all parameters", "projection": f"a random projection to "
            f"{trace.points.shape[1]} dimensions, which keeps distances"}  # fmt: skip
    sheet.small_print([
        f"{len(trace.steps):,} steps kept, evenly spaced but for the last",
        what.get(trace.kept, trace.kept),
        "plane of the principal components, with their shares of the variance",
        "ring: start, square: end",
    ])  # fmt: skip
    return sheet.figure


def finding(trace: Trace) -> str:
    """How far it went, and how much of that the plane shows."""
    if trace.finite < len(trace.steps):
        at = int(trace.steps[trace.finite])
        return f"Diverged: parameters are no numbers at step {at:,}; the plane shows them before"
    told = f"Moved {rounded(float(trace.moved[-1]))} from the start"
    loss = trace.loss[~np.isnan(trace.loss)]
    if len(loss):
        told += f"; loss {rounded(float(loss[0]))} → {rounded(float(loss[-1]))}"
    return f"{told}; the plane has {percent(float(trace.plane()[1].sum()))} of the variance"
