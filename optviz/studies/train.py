"""Training a network, or comparing optimizers on it: loss and accuracy by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer

from optviz.nn.comparison import Setup, Training, compare
from optviz.nn.training import History
from optviz.optimizers.base import Optimizer
from optviz.render.output import check_target
from optviz.runs.entry import Entry
from optviz.shared.text import percent, rounded
from optviz.studies.networked import OnNetwork
from optviz.studies.settings import Entries, NoPaths, Option
from optviz.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from optviz.render.sheet import Sheet
    from optviz.render.style import Look, Stroke


def _read_path(value: Any) -> Path | None:
    if value is not None and not isinstance(value, str | Path):
        raise ValueError(f"this must be a path, not {value!r}")
    return None if value is None else Path(value)


#: What a file may not say: paths are the user's own.
Place = Annotated[
    Path | None, BeforeValidator(_read_path),
    PlainSerializer(lambda path: None if path is None else str(path)),
]  # fmt: skip


class TrainStudy(OnNetwork):
    """A network is trained, and its losses and accuracies are drawn; or optimizers are compared.

    Training is solid, validation dashed, both of the data alone; what l1 and l2 add is a thin
    dotted line of its own. Of several runs the median and a band. Of the data, 20 % are kept for
    the test and 15 % of the rest for validation.
    """

    natural = (960, 520)
    examples = (
        "train",
        "train --data digits --optimizer sgd:lr=0.1 --optimizer adagrad --runs 5",
    )

    optimizers: Annotated[
        Entries,
        NoPaths,
        Option("OPTIMIZER", completes="optimizers", name="--optimizer", many=True),
        Field(
            description="NAME or NAME:key=value; without lr= the convention's own default rate, "
            "which nothing tunes; several are compared."
        ),
    ] = ("adam:lr=0.001",)  # type: ignore[assignment]
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 1
    checkpoint: Annotated[
        Place, Field(exclude=True, description="An .npz to go on from after a break.")
    ] = None
    save: Annotated[Place, Field(exclude=True, description="An .npz for the last network.")] = None

    @classmethod
    def of(cls, t: Training) -> TrainStudy:
        """The study that makes a comparison again."""
        setup = {name: getattr(t.setup, name) for name in Setup.__dataclass_fields__}
        return cls.model_construct(**{
            **cls().settings(), **setup, "optimizers": tuple(Entry.read(o) for o in t.optimizers),
        })  # fmt: skip

    def run(self, progress: Progress | None = None) -> Training:
        """Every optimizer, every run; a single one tells a line an epoch."""
        if self.save is not None:
            check_target(self.save, [".npz"])
        say = getattr(progress, "say", None)
        table = _EpochTable(say) if say and len(self.optimizers) * self.runs == 1 else None
        made = compare(
            self.data, [entry.optimizer for entry in self.optimizers], checkpoint=self.checkpoint,
            progress=None if progress is None else _with_loss(progress),
            on_epoch=None if table is None else table.epoch, **self.shared,
        )  # fmt: skip
        if say is not None:
            for line in summary(made):
                say(line)
        if self.save is not None:
            made.network.save(self.save)
        return made

    def finding(self, result: Training) -> str:
        """The median test accuracy of each optimizer, the best first."""
        from optviz.render.style import strokes_of
        from optviz.render.theme import THEMES

        names = [s.name for s in strokes_of(result.optimizers, THEMES["light"])]
        medians = np.median(result.test_accuracy, axis=1)
        if not np.isfinite(medians).all():
            return ""
        order = sorted(range(len(names)), key=lambda k: (-medians[k], k))
        many = result.test_accuracy.shape[1]
        runs = f", median of {many} runs" if many > 1 else ""
        lost = [f" ({n} of {many} diverged)" if n else "" for n in result.diverged.sum(axis=1)]
        parts = [f"{names[k]} {percent(medians[k])}{lost[k]}" for k in order]
        return f"Accuracy in the test{runs}: {', '.join(parts)}"

    def draw(self, result: Training, sheet: Sheet) -> None:  # type: ignore[override]
        """Loss (log axis) and accuracy."""
        from optviz.render import style
        from optviz.render.learning import finish

        t, look = result, sheet.look
        strokes = style.strokes_of(t.optimizers, look.theme)
        sheet.legend(_handles(t, strokes, sheet))
        has_accuracy = bool(t.network.loss_function.metric)
        names = ["loss", "accuracy"] if has_accuracy else ["loss"]
        for name, axes in zip(names, sheet.grid(1, len(names), left=6.0), strict=True):
            axes.set_label(name)
            top = _top(t, name)
            for j, stroke in enumerate(strokes):
                _draw(axes, t, j, name, stroke, look, top)
            told = "loss of the data, and penalty" if name == "loss" and has_penalty(t) else name
            finish(axes, told, look, is_accuracy=name == "accuracy")
        network = "-".join(map(str, t.setup.layers))
        title = f"{style.heading_of([type(o).__name__ for o in t.optimizers])} on {t.data.name}"
        sheet.heading(title, f"{network} network, {t.setup.activation}")
        sheet.small_print([*_choices(t), *_unfinished(t, [s.name for s in strokes])])


def _unfinished(t: Training, names: list[str]) -> list[str]:
    """Which runs did not go all the way, and how the curves take them."""
    runs = t.setup.runs
    out = []
    for what, which, how in (
        ("diverged", t.diverged, "as infinite losses"),
        (
            "stopped early",
            t.stopped_early,
            "only while they trained; curves end where most had stopped",
        ),
    ):
        counts = zip(names, which.sum(axis=1), strict=True)
        told = [f"{n} of {runs} of {name}" if runs > 1 else name for name, n in counts if n]
        taken = f", which count {how}" if runs > 1 else ""
        out += [f"{what}: {', '.join(told)}{taken}"] if told else []
    return out


def _range_of(counts: list[int]) -> str:
    """ "12", or "12 to 30"."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


class _EpochTable:
    """A line for each epoch of a single run."""

    HEAD = f"{'epoch':>5}  {'loss':>8}  {'accuracy':>8}  {'val. loss':>9}  {'val. acc.':>9}  rate"

    def __init__(self, say: Any) -> None:
        self.say, self.lines = say, 0

    def epoch(self, optimizer: Optimizer, history: History) -> None:
        if not self.lines:
            self.say(self.HEAD)
        self.lines += 1
        self.say(
            f"{history.epochs:>5}  {history.loss[-1]:>8.4f}  {history.accuracy[-1]:>8.2%}  "
            f"{history.validation_loss[-1]:>9.4f}  {history.validation_accuracy[-1]:>9.2%}  "
            f"{history.rate[-1]:.3g}"
        )


def summary(made: Training) -> list[str]:
    """How each optimizer did in the test."""
    width = max(len(o.spec()) for o in made.optimizers)
    lines = []
    for o, scores, histories in zip(
        made.optimizers, made.test_accuracy, made.histories, strict=True
    ):
        epochs = _range_of([history.epochs for history in histories])
        spread = f" (from {scores.min():.2%} to {scores.max():.2%})" if len(scores) > 1 else ""
        lines.append(
            f"{o.spec():<{width}}  test accuracy {np.median(scores):.2%}{spread}, {epochs} epochs"
        )
    return lines


def _with_loss(progress: Progress) -> Any:
    return lambda done, total, loss, rate: progress(
        done, total, f"training  loss {loss:.3g}  rate {rate:.3g}"
    )


def _handles(t: Training, strokes: list[Stroke], sheet: Sheet) -> list[Line2D]:
    from optviz.render import style
    from optviz.render.learning import PENALTY, VALIDATION

    handles = []
    for k, (o, stroke) in enumerate(zip(t.optimizers, strokes, strict=True)):
        scores = t.test_accuracy[k]
        is_told = np.isfinite(scores).all()
        score = f"   test {percent(np.median(scores))}" if is_told else ""
        text = f"{style.described(o, [])}{score}"
        handles.append(sheet.handle(text, stroke.color, stroke.marker))
    ink = sheet.look.theme.quiet
    penalty = [sheet.handle("penalty", ink, "", PENALTY)] if has_penalty(t) else []
    return [
        *handles,
        sheet.handle("training", ink),
        sheet.handle("validation", ink, "", VALIDATION),
        *penalty,
    ]


def has_penalty(t: Training) -> bool:
    """Whether its networks pay for their weights."""
    return bool(t.setup.l1 or t.setup.l2)


def _draw(
    axes: Axes, t: Training, k: int, name: str, stroke: Stroke, look: Look, top: float
) -> None:
    from optviz.render.learning import PENALTY, VALIDATION, draw_curve

    for kind, dash in (("", "-"), ("validation_", VALIDATION)):
        curve = t.curves(k, f"{kind}{name}")
        draw_curve(axes, curve if t.setup.runs > 1 else curve[0], stroke.color, look, dash=dash,
                   marker=stroke.marker, top=top)  # fmt: skip
    if name == "loss" and has_penalty(t):
        draw_curve(axes, t.curves(k, "penalty")[0], stroke.color, look, dash=PENALTY, marker="",
                   width=0.9)  # fmt: skip


def _top(t: Training, name: str) -> float:
    """The highest that is drawn of a curve."""
    curves = [t.curves(k, f"{kind}{name}").ravel()
              for k in range(len(t.optimizers)) for kind in ("", "validation_")]  # fmt: skip
    drawn = np.concatenate(curves)
    return float(drawn[np.isfinite(drawn)].max(initial=1e-300))


def _choices(t: Training) -> list[str]:
    s = t.setup
    parts = [
        f"{len(t.data):,} samples, 20 % for the test, 15 % of the rest for validation",
        f"batches of {s.batch_size}",
        "batch normalisation" if s.batch_norm else "no batch normalisation",
        f"dropout {rounded(s.dropout)}" if s.dropout else "no dropout",
        f"init {s.init}",
    ]
    parts += [f"{name} = {rounded(value)}" for name, value in (
        ("l1", s.l1), ("l2", s.l2), ("weight decay", s.weight_decay)) if value]  # fmt: skip
    masks = ", with dropout" if s.dropout else ""
    parts.append(f"training: mean over the epoch's batches{masks}")
    parts += [f"patience {s.patience}, best epoch kept"] if s.patience else []
    parts += [f"median of {s.runs} runs, band from 10 % to 90 %"] if s.runs > 1 else []
    return [*parts, f"seed {s.seed}"]
