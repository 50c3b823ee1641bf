"""Training a network, or comparing optimizers on it: loss and accuracy by epoch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from optviz.data import is_made_here
from optviz.nn.comparison import Setup, Training, compare
from optviz.nn.training import History
from optviz.optimizers.base import Optimizer
from optviz.render.output import check_target
from optviz.runs.entry import Entry
from optviz.shared.spec import SpecError
from optviz.shared.text import rounded
from optviz.studies.settings import Entries, Option, Seed, Sizes
from optviz.studies.study import Drawn, Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from optviz.render import style
    from optviz.render.sheet import Sheet
    from optviz.render.style import Look, Stroke

MAX_LAYERS, MAX_WEIGHTS = 50, 20_000_000
VALIDATION: style.Dash = (0, (4, 1.6))
PENALTY: style.Dash = (0, (1, 1.5))


def _read_path(value: Any) -> Path | None:
    if value is not None and not isinstance(value, str | Path):
        raise ValueError(f"this must be a path, not {value!r}")
    return None if value is None else Path(value)


#: What a file may not say: paths are the user's own.
Place = Annotated[
    Path | None, BeforeValidator(_read_path),
    PlainSerializer(lambda path: None if path is None else str(path)),
]  # fmt: skip


class TrainStudy(Drawn):
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

    data: Annotated[
        str, Option("DATA", completes="data"),
        Field(description="A data set's name, NAME:key=value, or a file."),
    ] = "digits"  # fmt: skip
    optimizers: Annotated[
        Entries,
        Option("OPTIMIZER", completes="optimizers", name="--optimizer", many=True),
        Field(
            description="NAME or NAME:key=value; without lr= the convention's own default rate, "
            "which nothing tunes; several are compared."
        ),
    ] = ("adam:lr=0.001",)  # type: ignore[assignment]
    layers: Annotated[
        Sizes, Field(description="All sizes; two hidden layers of 100 unless given.")
    ] = None
    activation: Annotated[str, Field(description="Such as relu, tanh or sigmoid.")] = "relu"
    batch_norm: Annotated[bool, Field(description="Before each activation.")] = True
    dropout: Annotated[float, Field(ge=0, lt=1, description="The share that is dropped.")] = 0.2
    init: Annotated[str, Field(description="Such as he, xavier, orthogonal, normal:std=0.01.")] = (
        "he"
    )
    l1: Annotated[float, Field(ge=0, description="Penalty on the sum of absolute weights.")] = 0.0
    l2: Annotated[float, Field(ge=0, description="Penalty on half the sum of squares.")] = 0.0
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled decay of the weights.")] = 0.0
    epochs: Annotated[int, Field(ge=1, le=10**6, description="Epochs, at most.")] = 30
    batch_size: Annotated[int, Field(ge=1, le=10**7, description="Samples in a batch.")] = 64
    patience: Annotated[
        int | None,
        Field(ge=1, le=10**6, description="Stop after so many epochs without progress."),
    ] = None
    runs: Annotated[int, Field(ge=1, le=1000, description="Repetitions: medians and bands.")] = 1
    seed: Seed = 0
    checkpoint: Annotated[
        Place, Field(exclude=True, description="An .npz to go on from after a break.")
    ] = None
    save: Annotated[Place, Field(exclude=True, description="An .npz for the last network.")] = None

    @model_validator(mode="after")
    def _fits(self) -> TrainStudy:
        sizes = self.layers or ()
        # Each weight takes about 30 bytes while it is trained.
        weights = sum(a * b for a, b in pairwise(sizes))
        if len(sizes) > MAX_LAYERS or weights > MAX_WEIGHTS:
            raise ValueError(f"layers may be at most {MAX_LAYERS} with {MAX_WEIGHTS:,} weights")
        return self

    @classmethod
    def from_data(cls, data: Any) -> TrainStudy:
        """As every study; a specification may name no files."""
        text = data.get("data", "digits")
        if isinstance(text, str) and not is_made_here(text):
            raise SpecError(
                f"data {text!r} is neither built in nor generated: only such data are replayed"
            )
        if data.get("checkpoint") or data.get("save"):
            raise SpecError("a specification names no files: checkpoint and save are not for it")
        made = super().from_data(data)
        assert isinstance(made, TrainStudy)
        return made

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
        settings = self.settings()
        shared = {name: settings[name] for name in Setup.__dataclass_fields__ if name != "data"}
        made = compare(
            self.data, [entry.optimizer for entry in self.optimizers], checkpoint=self.checkpoint,
            progress=None if progress is None else _with_loss(progress),
            on_epoch=None if table is None else table.epoch, **shared,
        )  # fmt: skip
        if say is not None:
            for line in summary(made):
                say(line)
        if self.save is not None:
            made.network.save(self.save)
        return made

    def finding(self, result: Training) -> str:
        """The median test accuracy of each optimizer, the best first."""
        from optviz.render.style import THEMES, strokes_of

        names = [s.name for s in strokes_of(result.optimizers, THEMES["light"])]
        medians = np.median(result.test_accuracy, axis=1)
        if not np.isfinite(medians).all():
            return ""
        order = sorted(range(len(names)), key=lambda k: (-medians[k], k))
        many = result.test_accuracy.shape[1]
        runs = f", median of {many} runs" if many > 1 else ""
        lost = [f" ({n} of {many} diverged)" if n else "" for n in result.diverged.sum(axis=1)]
        parts = [f"{names[k]} {100 * medians[k]:.1f} %{lost[k]}" for k in order]
        return f"Accuracy in the test{runs}: {', '.join(parts)}"

    def draw(self, result: Training, sheet: Sheet) -> None:  # type: ignore[override]
        """Loss (log axis) and accuracy."""
        from optviz.render import style

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
            _finish(axes, told, look)
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

    handles = []
    for k, (o, stroke) in enumerate(zip(t.optimizers, strokes, strict=True)):
        scores = t.test_accuracy[k]
        is_told = np.isfinite(scores).all()
        score = f"   test {100 * np.median(scores):.1f} %" if is_told else ""
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
    size = look.unit / 13.5
    for kind, dash in (("", "-"), ("validation_", VALIDATION)):
        median, low, high = t.curves(k, f"{kind}{name}")
        epochs = np.arange(1, len(median) + 1)
        if t.setup.runs > 1:
            # A band that diverged runs take to infinity goes to the top.
            axes.fill_between(epochs, low, np.where(np.isposinf(high), top, high),
                              color=stroke.color, alpha=0.12, linewidth=0)  # fmt: skip
        every = max(1, len(epochs) // 8)
        axes.plot(epochs, median, color=stroke.color, linestyle=dash, linewidth=1.7 * size,
                  marker=stroke.marker, markevery=every, markersize=4 * size,
                  markeredgecolor=look.theme.paper, markeredgewidth=0.5)  # fmt: skip
    if name == "loss" and has_penalty(t):
        median = t.curves(k, "penalty")[0]
        axes.plot(np.arange(1, len(median) + 1), median, color=stroke.color, linestyle=PENALTY,
                  linewidth=0.9 * size)  # fmt: skip


def _top(t: Training, name: str) -> float:
    """The highest that is drawn of a curve."""
    curves = [t.curves(k, f"{kind}{name}").ravel()
              for k in range(len(t.optimizers)) for kind in ("", "validation_")]  # fmt: skip
    drawn = np.concatenate(curves)
    return float(drawn[np.isfinite(drawn)].max(initial=1e-300))


def _finish(axes: Axes, name: str, look: Look) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.grid(axis="y", color=look.theme.faint, linewidth=0.5)
    axes.set_xlabel("epoch", labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_title(name, loc="left", fontsize=look.font, color=look.theme.ink, pad=5)
    if name != "accuracy":
        axes.set_yscale("log")
        axes.tick_params(which="minor", length=2, colors=look.theme.quiet,
                         labelsize=0.75 * look.font)  # fmt: skip
    else:
        axes.set_ylim(top=min(1.005, axes.get_ylim()[1]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


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
