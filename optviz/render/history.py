"""One training drawn: loss and accuracy by epoch. It says nothing of a network that it has not."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from optviz.nn.records import History
from optviz.render.learning import VALIDATION, draw_curve, finish
from optviz.render.sheet import Sheet
from optviz.shared.text import percent, rounded

SIZE = (960, 520)


def draw_history(history: History, size: tuple[int, int] | None, theme: str) -> Figure:
    """Training solid, validation dashed; a mark at the best epoch.

    Raises
    ------
    ValueError
        If there is no epoch.
    """
    if not history.epochs:
        raise ValueError("this history has no epoch: there is nothing to draw")
    sheet = Sheet(size or SIZE, theme, finding(history), size is None)
    look, color = sheet.look, sheet.look.theme.optimizers["momentum"]
    has_validation = not np.isnan(history.validation_loss).all()
    handles = [sheet.handle("training", color, "o")]
    handles += [sheet.handle("validation", color, "o", VALIDATION)] if has_validation else []
    handles += [sheet.handle("penalty", look.theme.quiet)] if history.penalty.any() else []
    sheet.legend(handles)
    sheet.heading(f"Training, {history.epochs:,} epochs")
    names = ["loss", *([] if np.isnan(history.accuracy).all() else ["accuracy"])]
    for name, axes in zip(names, sheet.grid(1, len(names), left=6.0), strict=True):
        axes.set_label(name)
        for kind, dash in (("", "-"), *([("validation_", VALIDATION)] if has_validation else [])):
            draw_curve(axes, getattr(history, f"{kind}{name}"), color, look, dash=dash)
        if name == "loss" and history.penalty.any():
            draw_curve(axes, history.penalty, look.theme.quiet, look)
        finish(axes, name, look, is_accuracy=name == "accuracy")
    sheet.small_print(_words(history))
    return sheet.figure


def finding(history: History) -> str:
    """Where training ended, and which epoch was best."""
    if history.diverged:
        return "Training diverged"
    parts = []
    if np.isfinite(history.validation_accuracy[-1]):
        parts.append(f"validation accuracy {percent(history.validation_accuracy[-1])}")
    elif np.isfinite(history.accuracy[-1]):
        parts.append(f"training accuracy {percent(history.accuracy[-1])}")
    else:
        parts.append(f"training loss {rounded(float(history.loss[-1]))}")
    if history.best_epoch:
        parts.append(f"lowest loss in epoch {history.best_epoch:,}")
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}"


def _words(history: History) -> list[str]:
    return [
        f"{history.steps:,} steps", f"rate {rounded(float(history.rate[-1]))} at the end",
        "stopped early" if history.stopped_early else "",
        "training: mean over the epoch's batches",
        "validation: at the end of each epoch"
        if not np.isnan(history.validation_loss).all() else "",
    ]  # fmt: skip
