"""How optviz looks: colours, marks, and the words that stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from optviz.functions.catalogue import Function
from optviz.optimizers.base import Optimizer, Setting
from optviz.optimizers.schedules import Schedule
from optviz.runs.trajectory import Trajectory
from optviz.runs.tuning import most_tuned_steps
from optviz.shared.text import readable, rounded

#: For optimizers that a user wrote.
OWN_COLORS = ("#7A7A00", "#B0005B", "#008B8B", "#6B6B6B")
#: The second cue: a mark per line in one picture, in this order.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "<", ">", "d", "8", "*")
Dash = Literal["-"] | tuple[float, tuple[float, ...]]
#: Several runs of one optimizer share its colour and differ in their dashes.
DASHES: tuple[Dash, ...] = (
    "-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2, 2, 2, 2, 2)),
)  # fmt: skip


@dataclass(frozen=True)
class Theme:
    """The colours of a picture."""

    name: str
    paper: str
    ink: str
    quiet: str
    faint: str
    #: From the lowest value to the highest: one quiet hue.
    ground: tuple[str, str]
    surface: tuple[str, str]
    isoline: str
    star: str
    #: One per optimizer, everywhere. Every pair is at least ΔE 15 apart for normal, deutan and
    #: protan vision alike (a test measures it).
    optimizers: Mapping[str, str]


_ON_WHITE = {
    "sgd": "#000000",
    "momentum": "#0072B2",
    "adagrad": "#009E73",
    "rmsprop": "#CC79A7",
    "adam": "#D55E00",
    "nesterov": "#52B8FC",
    "adadelta": "#5CC569",
    "adamax": "#5A2503",
    "nadam": "#626EFE",
    "amsgrad": "#5C1258",
    "adamw": "#A4542E",
    "radam": "#1515F1",
    "lion": "#623741",
    "ftrl": "#370697",
}
_ON_BLACK = {
    "sgd": "#F2F2F2",
    "momentum": "#4DA3FF",
    "adagrad": "#1FC99A",
    "rmsprop": "#F09BD0",
    "adam": "#FF7A2E",
    "nesterov": "#FDE462",
    "adadelta": "#A1FD96",
    "adamax": "#AD5940",
    "nadam": "#7936F7",
    "amsgrad": "#BF079F",
    "adamw": "#BB4206",
    "radam": "#FBEC06",
    "lion": "#8D5267",
    "ftrl": "#7545CF",
}

NO_NOISE = "no noise"

THEMES = {
    "light": Theme(
        "light", "#FFFFFF", "#1F2328", "#6A737D", "#D6DCE2", ("#DCE6F0", "#FBFCFD"),
        ("#C4D6E8", "#F4F7FA"), "#9FB2C4", "#FFC83D", _ON_WHITE,
    ),
    "dark": Theme(
        "dark", "#0D1117", "#E6EDF3", "#9AA5B1", "#2A323C", ("#22334A", "#10161E"),
        ("#2B4261", "#182230"), "#41566F", "#FFD666", _ON_BLACK,
    ),
    # For paper: no grey behind the paths, darker lines.
    "print": Theme(
        "print", "#FFFFFF", "#000000", "#333333", "#CCCCCC", ("#FFFFFF", "#FFFFFF"),
        ("#E4E4E4", "#FAFAFA"), "#8C8C8C", "#FFFFFF", _ON_WHITE,
    ),
}  # fmt: skip


def theme(name: str) -> Theme:
    """The theme of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)}, not {name!r}")
    return THEMES[name]


@dataclass(frozen=True)
class Look:
    """A theme, and the base font in points and in pixels."""

    theme: Theme
    font: float
    unit: float


@dataclass(frozen=True)
class Stroke:
    """How one trajectory is drawn."""

    color: str
    dash: Dash
    marker: str
    name: str
    label: str


def strokes(
    trajectories: Sequence[Trajectory], theme: Theme, with_paths: bool = True
) -> list[Stroke]:
    """Colour, dash, mark, short name and legend text of each trajectory, or of who ran it only."""
    if not with_paths:
        texts = [described(t.optimizer, [t.remark]) for t in trajectories]
        return strokes_of([t.optimizer for t in trajectories], theme, texts)
    differ = [texts for texts in _conditions(trajectories) if len(set(texts)) > 1]
    own = list(zip(*differ, strict=True)) or [()] * len(trajectories)
    labels = [legend_text(t, notes) for t, notes in zip(trajectories, own, strict=True)]
    return strokes_of([t.optimizer for t in trajectories], theme, labels)


def strokes_of(
    optimizers: Sequence[Optimizer], theme: Theme, labels: Sequence[str] = ()
) -> list[Stroke]:
    """The same for optimizers; without `labels` the legend texts are their short names."""
    seen: dict[str, int] = {}
    own: dict[str, str] = {}
    out = []
    for k, o in enumerate(optimizers):
        key = o.name
        color = (
            theme.optimizers.get(key)
            or o.color
            or own.setdefault(key, OWN_COLORS[len(own) % len(OWN_COLORS)])
        )
        again = seen[key] = seen.get(key, -1) + 1
        twins = sum(other.name == key for other in optimizers)
        out.append(
            Stroke(
                shade(color, again / max(twins - 1, 1), theme),
                DASHES[again % len(DASHES)],
                MARKERS[k % len(MARKERS)],
                type(o).__name__,
                labels[k] if labels else "",
            )
        )
    return _with_distinct_names(optimizers, out)


def shade(color: str, share: float, theme: Theme) -> str:
    """A colour mixed with the paper's: several runs of one optimizer are shades of its hue.

    >>> shade("#000000", 0.0, THEMES["light"]), shade("#000000", 1.0, THEMES["light"])
    ('#000000', '#8C8C8C')
    """
    ends = [[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (color, theme.paper)]
    mixed = [round(a + 0.55 * share * (b - a)) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{v:02X}" for v in mixed)


def _with_distinct_names(optimizers: Sequence[Optimizer], strokes: list[Stroke]) -> list[Stroke]:
    """Short names, with the setting that tells runs of one optimizer apart."""
    names = [stroke.name for stroke in strokes]
    if len(set(names)) == len(names):
        return strokes
    out = []
    for o, stroke in zip(optimizers, strokes, strict=True):
        name = stroke.name
        if names.count(name) > 1:
            twins = [other for other in optimizers if other.name == o.name]
            conventions = {other.convention for other in twins}
            if len(conventions) == len(twins):
                name = f"{name} {o.convention}"
            else:
                name = f"{name} {setting_text(o.hyper.get('lr', 0.0))}"
        out.append(Stroke(stroke.color, stroke.dash, stroke.marker, name, stroke.label))
    return out


def legend_text(t: Trajectory, notes: Sequence[str] = ()) -> str:
    """The optimizer with its rate and whatever is not the default; where it left, if it did."""
    left = t.left_at()
    gone = "" if left is None else f"left at step {left}"
    return described(t.optimizer, [t.remark], [*notes, gone])


def _conditions(trajectories: Sequence[Trajectory]) -> list[list[str]]:
    """Steps, tolerance, box and noise in words: each a list with one text for each path."""
    return [
        [f"{t.steps:,} step{'s' if t.steps > 1 else ''}" for t in trajectories],
        [f"ends where ‖∇f‖ ≤ {rounded(t.tol)}" if t.tol else "" for t in trajectories],
        ["kept inside the bounds" if t.box else "" for t in trajectories],
        [noise_text(t.noise, t.seed) or NO_NOISE for t in trajectories],
    ]


def described(
    o: Optimizer, remarks: Sequence[str], more: Sequence[str] = (), without: Sequence[str] = ()
) -> str:
    """ "Adam  lr = 0.3 (best of 61, torch)", without the settings named last."""
    defaults = o.defaults[o.convention]
    parts = [f"{name} = {setting_text(value)}" for name, value in o.hyper.items()
             if (name == "lr" or value != defaults[name]) and name not in without]  # fmt: skip
    convention = [] if o.convention == "book" else [o.convention]
    notes = [note for note in (*remarks, *convention, *more) if note]
    text = "  ".join(part for part in (type(o).__name__, ", ".join(parts)) if part)
    return f"{text} ({', '.join(notes)})" if notes else text


def setting_text(value: Setting) -> str:
    """A hyperparameter's value for reading."""
    return str(value) if isinstance(value, Schedule | bool) else rounded(float(value), 6)


def point_text(point: Sequence[float]) -> str:
    """(x, y) for reading."""
    return f"({rounded(point[0])}, {rounded(point[1])})"


def title(f: Function, trajectories: Sequence[Trajectory]) -> str:
    """ "Adam and SGD on Beale"."""
    return heading(f, [t.optimizer for t in trajectories])


def heading(f: Function, optimizers: Sequence[Optimizer]) -> str:
    """The title of a picture of these optimizers."""
    where = f.title or (f.name if ":" in f.formula else short(f.formula))
    names = heading_of([type(o).__name__ for o in optimizers])
    return f"{names} on {where}" if names else where


def heading_of(optimizers: Sequence[str]) -> str:
    """ "Adam and SGD", "Five optimizers"."""
    names = list(dict.fromkeys(optimizers))
    numbers = ("Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    match names:
        case []:
            return ""
        case [one]:
            return one
        case [*first, last] if len(names) <= 3:
            return f"{', '.join(first)} and {last}"
        case _ if len(names) <= 10:
            return f"{numbers[len(names) - 2]} optimizers"
    return f"{len(names)} optimizers"


def short(formula: str, longest: int = 40) -> str:
    """A typed formula for a title, cut if it is long: the typeset one stands below.

    >>> short("sin(x)*cos(y) + x**2/10")
    'sin(x)·cos(y) + x²/10'
    """
    formula = readable(formula)
    return formula if len(formula) <= longest else f"{formula[: longest - 2].rstrip()} …"


def formula(f: Function) -> str:
    """f(x, y) = …, typeset."""
    return f"$f(x, y) = {f.latex}$"


def conventions_text(optimizers: Sequence[Optimizer]) -> str:
    """ "book convention", "book, torch conventions"."""
    names = list(dict.fromkeys(o.convention for o in optimizers))
    return f"{', '.join(names)} convention{'s' if len(names) > 1 else ''}"


def noise_text(noise: float, seed: int | None) -> str:
    """ "gradient noise σ = 0.5, seed 3"; nothing without noise."""
    if not noise:
        return ""
    told = "unseeded" if seed is None else f"seed {seed}"
    return f"gradient noise σ = {rounded(noise)}, {told}"


def tuning_text(f: Function, remark: str, steps: int, noise: float) -> str:
    """What the best of 61 rates is best at."""
    most = most_tuned_steps(f)
    parts = [f"{remark.partition(',')[0]} rates: lowest mean log10(f − f*) of 16 starts"]
    parts += [f"over their first {most:,} steps"] if steps > most else []
    parts += ["with other noise"] if noise else []
    return " ".join(parts)


def choices(
    f: Function, trajectories: Sequence[Trajectory], extra: Sequence[str] = (),
    with_paths: bool = True,
) -> list[str]:  # fmt: skip
    """The small print: every choice behind the picture."""
    if not trajectories:
        return list(extra)
    t = trajectories[0]
    conventions = conventions_text([t.optimizer for t in trajectories])
    starts = list(dict.fromkeys(point_text(t.start) for t in trajectories))
    # Where they differ, each legend text has its own.
    shared = [texts[0] for texts in _conditions(trajectories) if len(set(texts)) == 1]
    of_paths = [f"start {', '.join(starts)}", *(text for text in shared if text != NO_NOISE)]
    parts = [*of_paths, conventions] if with_paths else [conventions]
    if t.band is not None and with_paths:
        parts.append(f"median of {t.band.runs} runs, band from 10 % to 90 %")
        if lost := max(t.band.diverged for t in trajectories if t.band is not None):
            parts.append(f"up to {lost} of {t.band.runs} diverged, counted as infinite")
    tuned = [t for t in trajectories if t.remark.startswith("best of")]
    if tuned:
        parts.append(tuning_text(f, tuned[0].remark, max(t.steps for t in tuned), t.noise))
    if f.minimum is not None and f.is_searched and "f*" not in "".join(extra):
        parts.append(f"f* = {rounded(f.minimum, 4)} found numerically")
    return [*parts, *extra]
