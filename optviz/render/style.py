"""How optviz looks: strokes, marks, and the words that stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from optviz.functions.catalogue import Function
from optviz.optimizers.base import Optimizer, Setting
from optviz.optimizers.foreign import Foreign
from optviz.optimizers.schedules import Schedule
from optviz.optimizers.wrappers import OWNERS
from optviz.render.theme import Theme, hex_of, shade
from optviz.runs.trajectory import Trajectory
from optviz.runs.tuning import most_tuned_steps
from optviz.shared.text import readable, rounded

#: For optimizers that a user wrote.
OWN_COLORS = ("#7A7A00", "#B0005B", "#008B8B", "#6B6B6B")
#: The second cue: a mark per line in one picture, in this order.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "<", ">", "d", "8", "*")
Dash = Literal["-", "none"] | tuple[float, tuple[float, ...]]
#: Several runs of one optimizer share its colour and differ in their dashes.
DASHES: tuple[Dash, ...] = (
    "-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2, 2, 2, 2, 2)),
)  # fmt: skip


NO_NOISE, FROM = "no noise", "from"


@dataclass(frozen=True)
class Unknown:
    """In an optimizer's place, for a path of points: nothing is known but its label."""

    label: str
    color: str = ""
    convention: str = ""
    rate_name: str = ""
    hyper: Mapping[str, Setting] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Never that of an optimizer, whose colour is its own."""
        return f"points: {self.label}"


Who = Optimizer | Unknown


def who(t: Trajectory) -> Who:
    """The optimizer that made a path, or what stands for it."""
    return Unknown(t.label) if t.optimizer is None else t.optimizer


def called(o: Who) -> str:
    """Its name in titles and legends."""
    return o.label if isinstance(o, Unknown) else type(o).__name__


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
    optimizers = [who(t) for t in trajectories]
    if not with_paths:
        return strokes_of(optimizers, theme, [described(who(t), [t.remark])
                                              for t in trajectories])  # fmt: skip
    differ = [texts for texts in _conditions(trajectories) if len(set(texts)) > 1]
    own = list(zip(*differ, strict=True)) or [()] * len(trajectories)
    traits = [{**_traits(who(t)), "start": point_text((t.whole or t).start),
               "steps": "" if t.optimizer is None else f"{t.steps:,} steps"}
              for t in trajectories]  # fmt: skip
    labels = [
        legend_text(t, notes, _differing(_twins(k, optimizers), traits))
        for k, (t, notes) in enumerate(zip(trajectories, own, strict=True))
    ]
    drawn = _strokes(optimizers, theme, labels, traits)
    return [
        replace(stroke, name=stroke.name if t.optimizer is None else t.label or stroke.name,
                color=hex_of(t.color) if t.color else stroke.color)
        for t, stroke in zip(trajectories, drawn, strict=True)
    ]  # fmt: skip


def strokes_of(optimizers: Sequence[Who], theme: Theme, labels: Sequence[str] = ()) -> list[Stroke]:
    """The same for optimizers; without `labels` the legend texts are their short names."""
    return _strokes(optimizers, theme, labels, [_traits(o) for o in optimizers])


def _strokes(
    optimizers: Sequence[Who], theme: Theme, labels: Sequence[str],
    traits: Sequence[Mapping[str, str | float]],
) -> list[Stroke]:  # fmt: skip
    own: dict[str, str] = {}
    out = []
    for k, (o, name) in enumerate(zip(optimizers, _names(optimizers, traits), strict=True)):
        color = (
            theme.optimizers.get(o.name)
            or o.color
            or own.setdefault(o.name, OWN_COLORS[len(own) % len(OWN_COLORS)])
        )
        twins = _twins(k, optimizers)
        share = _order(twins, traits).index(k) / max(len(twins) - 1, 1)
        out.append(
            Stroke(
                shade(color, share, theme), DASHES[twins.index(k) % len(DASHES)],
                MARKERS[k % len(MARKERS)], name, labels[k] if labels else "",
            )
        )  # fmt: skip
    return out


def _traits(o: Who) -> dict[str, str | float]:
    """What may tell an optimizer from its like: its convention and its settings; of settings that
    every optimizer may have those that are told."""
    settings = {name: setting_text(value) if isinstance(value, Schedule | bool) else float(value)
                for name, value in o.hyper.items()
                if name not in OWNERS or name in o.told}  # fmt: skip
    return {"convention": o.convention, **settings}


def _twins(k: int, optimizers: Sequence[Who]) -> list[int]:
    """Where the runs of the k-th one's kind stand, itself among them."""
    return [j for j, other in enumerate(optimizers) if other.name == optimizers[k].name]


def _differing(twins: Sequence[int], traits: Sequence[Mapping[str, str | float]]) -> list[str]:
    """The traits in which runs of one optimizer differ; a convention alone, for it changes all."""
    known = dict.fromkeys(name for j in twins for name in traits[j])
    names = [name for name in known if len({traits[j].get(name, "") for j in twins}) > 1]
    return ["convention"] if "convention" in names else names


def _order(twins: Sequence[int], traits: Sequence[Mapping[str, str | float]]) -> list[int]:
    """From the full hue to the palest: by the one number in which they differ, largest first."""
    match _differing(twins, traits):
        case [name] if all(isinstance(traits[j].get(name), float) for j in twins):
            return sorted(twins, key=lambda j: -float(traits[j][name]))
    return list(twins)


def _names(optimizers: Sequence[Who], traits: Sequence[Mapping[str, str | float]]) -> list[str]:
    """Short names, with what tells runs of one optimizer apart: "Adam", "SGD 0.3", "lr = 0.3".

    Where all are runs of one optimizer, which the title names, that alone.
    """
    names = []
    for k, o in enumerate(optimizers):
        differing = _differing(_twins(k, optimizers), traits)
        # What stands around some of them is told of these alone.
        around = [key for key in differing if key in OWNERS]
        differing = [key for key in differing if key not in around or key in traits[k]]
        is_alone = len({other.name for other in optimizers}) == 1 and (
            bool(around) or differing not in ([], ["convention"])
        )
        # Of more than two the legend tells all.
        shown = [_trait_text(key, traits[k][key], is_alone, o.rate_name) for key in differing[:2]]
        told = ", ".join([*shown, *(["…"] if len(differing) > 2 else [])])
        told = told or ("plain" if around else "")
        names.append(told if is_alone else f"{called(o)} {told}".rstrip())
    return names


def spoken(stroke: Stroke, t: Trajectory) -> str:
    """A path's name in a sentence: "SGD with lr = 0.3", "SGD from (3, 4)"."""
    kind = called(who(t))
    if t.label and t.optimizer is not None:
        return stroke.name
    if stroke.name.startswith(kind):
        rest = stroke.name.removeprefix(kind)
        return f"{kind} with{rest}" if " = " in rest else stroke.name
    return f"{kind} {'with ' if ' = ' in stroke.name else ''}{stroke.name}"


def _trait_text(key: str, value: str | float, is_alone: bool, rate: str) -> str:
    text = value if isinstance(value, str) else setting_text(value)
    match key:
        case "start":
            return f"from {text}"
        case "convention" | "steps":
            return text
        case _ if key == rate and not is_alone:
            return text
    return f"{key} = {text}"


def legend_text(t: Trajectory, notes: Sequence[str] = (), always: Sequence[str] = ()) -> str:
    """The path's label, its optimizer with its rate, whatever is not the default and the settings
    `always` told; where it left, or ended before its last step, if it did."""
    gone = t.exit_words() or t.end_words()
    told = described(who(t), [t.remark], [*notes, gone], always=always)
    return f"{t.label}: {told}" if t.label and t.optimizer is not None else told


def _conditions(trajectories: Sequence[Trajectory]) -> list[list[str]]:
    """Start, steps, tolerance, box and noise in words: each a list with a text for each path."""
    noisy = any(t.noise for t in trajectories)  # whether a path of points was, nobody knows
    return [
        [f"{FROM} {point_text((t.whole or t).start)}" for t in trajectories],
        [f"{t.steps:,} step{'s' if t.steps > 1 else ''}" for t in trajectories],
        [f"ends where ‖∇f‖ ≤ {rounded(t.tol)}" if t.tol else "" for t in trajectories],
        ["kept inside the bounds" if t.box else "" for t in trajectories],
        [
            "" if noisy and t.optimizer is None else noise_text(t.noise, t.seed) or NO_NOISE
            for t in trajectories
        ],
    ]


def described(
    o: Who, remarks: Sequence[str], more: Sequence[str] = (), without: Sequence[str] = (),
    always: Sequence[str] = (),
) -> str:  # fmt: skip
    """ "Adam  lr = 0.3 (best of 61, torch)": the rate, what is no default, and `always`."""
    parts = [f"{name} = {setting_text(value)}" for name, value in o.hyper.items()
             if name in (*o.told, *always) and name not in without]  # fmt: skip
    convention = [] if o.convention in ("book", "") else [o.convention]
    if isinstance(o, Foreign):
        parts += [f"{name} = {value!r}"[:40] for name, value in o.fixed.items()]
    notes = [note for note in (*remarks, *convention, *more) if note]
    text = "  ".join(part for part in (called(o), ", ".join(parts)) if part)
    return f"{text} ({', '.join(notes)})" if notes else text


def scanned(optimizers: Sequence[Optimizer], strokes: Sequence[Stroke]) -> list[str]:
    """Names where the rate is what is scanned: what else is told of an optimizer belongs to it."""
    return [
        stroke.name if stroke.name != called(o)
        else " ".join(described(o, [], without=(o.rate_name,)).split())
        for o, stroke in zip(optimizers, strokes, strict=True)
    ]  # fmt: skip


def setting_text(value: Setting) -> str:
    """A hyperparameter's value for reading."""
    return str(value) if isinstance(value, Schedule | bool) else rounded(float(value), 6)


def point_text(point: Sequence[float]) -> str:
    """(x, y) for reading; of more than four numbers the first three."""
    shown = [rounded(v) for v in (point if len(point) <= 4 else point[:3])]
    return f"({', '.join([*shown, *(['…'] if len(point) > 4 else [])])})"


def title(f: Function, trajectories: Sequence[Trajectory]) -> str:
    """ "Adam and SGD on Beale"."""
    return heading(f, [who(t) for t in trajectories])


def heading(f: Function, optimizers: Sequence[Who]) -> str:
    """The title of a picture of these optimizers."""
    where = f.title or (f.name if ":" in f.formula else short(f.formula))
    what = "paths" if any(isinstance(o, Unknown) for o in optimizers) else "optimizers"
    names = heading_of([called(o) for o in optimizers], what)
    return f"{names} on {where}" if names else where


def heading_of(optimizers: Sequence[str], what: str = "optimizers") -> str:
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
            return f"{numbers[len(names) - 2]} {what}"
    return f"{len(names)} {what}"


def short(formula: str, longest: int = 40) -> str:
    """A typed formula for a title, cut if it is long: the typeset one stands below.

    >>> short("sin(x)*cos(y) + x**2/10")
    'sin(x)·cos(y) + x²/10'
    """
    formula = readable(formula)
    return formula if len(formula) <= longest else f"{formula[: longest - 2].rstrip()} …"


def formula(f: Function) -> str:
    """f(x, y) = …, typeset."""
    return f"$f({f.arguments}) = {f.latex}$"


def conventions_text(optimizers: Sequence[Who]) -> str:
    """ "book convention", "book, torch conventions", and the versions of others' libraries; nothing
    where there is none."""
    names = list(dict.fromkeys(o.convention for o in optimizers if o.convention))
    plural = "s" if len(names) > 1 else ""
    parts = [f"{', '.join(names)} convention{plural}"] if names else []
    libraries = [o.library for o in optimizers if isinstance(o, Foreign) and o.library]
    return ", ".join([*parts, *dict.fromkeys(libraries)])


def evaluations_text(trajectories: Sequence[Trajectory]) -> str:
    """ "evaluations: Newton 62, Wolfe 77": of those whose steps are not one gradient each."""
    told = {called(who(t)): f"{t.evaluations:,}" for t in trajectories if t.evaluations}
    return "evaluations: " + ", ".join(f"{k} {v}" for k, v in told.items()) if told else ""


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
    with_paths: bool = True, with_band: bool = True,
) -> list[str]:  # fmt: skip
    """The small print: every choice behind the picture; `with_band` if a curve has the runs'."""
    if not trajectories:
        return list(extra)
    t = trajectories[0]
    conventions = conventions_text([who(t) for t in trajectories])
    # Where they differ, each legend text has its own.
    shared = [texts[0] for texts in _conditions(trajectories) if len(set(texts)) == 1]
    of_paths = [text.replace(FROM, "start", 1) for text in shared if text != NO_NOISE]
    parts = [*of_paths, conventions] if with_paths else [conventions]
    if with_paths:
        parts += [f"f along {path.label} as given" for path in trajectories
                  if path.given is not None]  # fmt: skip
    if t.band is not None and with_paths:
        band = ", band from 10 % to 90 %" if with_band else ", thin lines: the runs"
        parts.append(f"median of {t.band.runs} runs{band}")
        if lost := max(t.band.diverged for t in trajectories if t.band is not None):
            parts.append(f"up to {lost} of {t.band.runs} diverged, counted as infinite")
    tuned = [t for t in trajectories if t.remark.startswith("best of")]
    if tuned:
        parts.append(tuning_text(f, tuned[0].remark, max(t.steps for t in tuned), t.noise))
        parts.append(evaluations_text(trajectories))
    if f.minimum is not None and f.is_searched and "f*" not in "".join(extra):
        parts.append(f"f* = {rounded(f.minimum, 4)} found numerically")
    return [part for part in (*parts, f.note, *extra) if part]
