"""What each step of an explanation did, in a sentence: every clause is a claim about its numbers.

Three clauses at most. Where downhill leads: down the steep side of a valley or along it, as the
curvatures of f say. How the step came about: from the part that was carried over and the part that
this gradient added. And how it ended: past the lowest point on its line, or uphill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optviz.optimizers.base import Optimizer
from optviz.runs.explanation import Explanation
from optviz.shared.text import rounded

Real = NDArray[np.float64]

#: A part below this share of the other is none.
NONE = 1e-6
#: A valley is one where f curves so many times more across than along.
VALLEY = 4.0
#: Degrees: downhill is across or along a valley, a direction is straight, two parts agree.
STEEP, STRAIGHT, SAME = 20.0, 1.0, 30.0
#: A step is level if it is so near to a right angle with the gradient (a cosine).
LEVEL = 0.01
#: A change of f by less than this share of it is rounding; a step of less than this share of the
#: point is one that can make such a change only.
BITS, TINY = 1e-12, 1e-5
#: Of the slope along a step, what may be left at a dip.
DIP = 1e-4


@dataclass(frozen=True)
class Told:
    """One step in words.

    Attributes
    ----------
    text
        The sentence.
    kind
        The same without its numbers: steps of one kind did the same.
    outline
        Only how the step came about.
    share
        What was carried over, of the lengths of both parts; nan for a step of length 0.
    ratio
        x's rate over y's, where both are known and not 0; nan elsewhere.
    """

    text: str
    kind: str
    outline: str
    share: float
    ratio: float


def narrate(e: Explanation) -> tuple[Told, ...]:
    """A sentence for each step."""
    f, points = e.trajectory.function, e.trajectory.points
    with np.errstate(all="ignore"):
        # Without the noise that a gradient may have had: these are claims about f.
        slopes = np.asarray(f.gradient(*points.T), dtype=float).T
        bends = np.moveaxis(np.asarray(f.hessian(*points.T), dtype=float), -1, 0)
        return tuple(_told(e, k, slopes, bends[k]) for k in range(len(e.gradients)))


def _told(e: Explanation, k: int, slopes: Real, bend: Real) -> Told:
    g, carried, fresh = e.gradients[k], e.carried[k], e.fresh[k]
    lengths = float(np.hypot(*carried)), float(np.hypot(*fresh))
    share = lengths[0] / sum(lengths) if 0 < sum(lengths) < np.inf else np.nan
    rates = e.rates[k]
    ratio = float(rates[0] / rates[1]) if np.isfinite(rates).all() and rates.all() else np.nan
    assert e.trajectory.optimizer is not None  # `take_apart` had one
    noun = "−(∇f + noise)" if e.trajectory.noise else "−∇f"
    where = _where(g, bend)
    if lengths[0] > NONE * lengths[1]:
        how = _carried_on(carrier(e.trajectory.optimizer, e.first + k), carried, fresh)
    else:
        how = _fresh_only(noun, where, g, fresh, ratio)
    ends = _ending(e, k, slopes) if sum(lengths) else ""
    # What goes straight downhill says itself where that is.
    is_told = where and not how[0].startswith("Straight")
    texts = [f"{noun} points {where}; {how_}" if is_told else how_ for how_ in how]
    text, kind = (f"{t[:1].upper()}{t[1:]}{ends}." for t in texts)
    return Told(text, kind, f"{how[1][:1].upper()}{how[1][1:]}.", share, ratio)


def carrier(o: Optimizer, k: int) -> str:
    """What a step without a gradient would be due to, as the settings' names say; k from 0."""
    known = {"momentum": ("momentum", "beta1"), "decay": ("weight_decay",)}
    has = [
        words for words, names in known.items()
        # Before the first step there is no momentum yet.
        if any(o.hyper.get(name) for name in names) and (k or words == "decay")
    ]  # fmt: skip
    return " and ".join(has) or ("its memory" if k else "the rule itself")


def _where(g: Real, bend: Real) -> str:
    """Whether downhill lies across a valley or along it; nothing where there is none."""
    if not (np.isfinite(bend).all() and np.isfinite(g).all() and g.any()):
        return ""
    curves, axes = np.linalg.eigh(bend)
    if not curves[1] > VALLEY * abs(curves[0]):
        return ""
    off = angle(g, axes[:, 1])
    off = min(off, 180 - off)
    if off <= STEEP:
        return "down the steep side"
    return "along the valley" if off >= 90 - STEEP else ""


def _fresh_only(noun: str, where: str, g: Real, fresh: Real, ratio: float) -> tuple[str, str]:
    """Nothing was carried over: how far from straight downhill."""
    if not fresh.any():
        return ("it does not move",) * 2
    turned = angle(-g, fresh)
    if turned <= STRAIGHT:
        return (f"Straight {where or 'downhill'}",) * 2
    # A larger rate turns the step towards its axis; a negative one turns it elsewhere.
    if ratio > 0:
        axis, other, times = ("x", "y", ratio) if ratio > 1 else ("y", "x", 1 / ratio)
        toward = f"from downhill towards {axis}, which has"
        return (f"the step is turned {turned:.0f}° {toward} {rounded(times, 2)} times {other}'s "
                "rate", f"the step is turned {toward} the higher rate")  # fmt: skip
    return f"the step is turned {turned:.0f}° from {noun}", f"the step is turned from {noun}"


def _carried_on(who: str, carried: Real, fresh: Real) -> tuple[str, str]:
    """How the two parts go together."""
    some = "carry" if " and " in who else "carries"
    if np.hypot(*fresh) <= NONE * np.hypot(*carried):
        return (f"{who} alone {some} it on, this gradient changes nothing",) * 2
    between = angle(carried, fresh)
    if between <= SAME:
        return (f"{who} {some} it on, the gradient adds to it",) * 2
    if between >= 180 - SAME:
        if np.hypot(*fresh) < np.hypot(*carried):
            return (f"{who} {some} it on, the gradient brakes",) * 2
        return (f"the gradient turns it back against {who}",) * 2
    step = carried + fresh
    side = "left" if carried[0] * step[1] - carried[1] * step[0] > 0 else "right"
    start = f"{who} {some} it on, the gradient turns it"
    turned = angle(carried, step)
    told = f"{turned:.0f}°" if turned >= 0.5 else "less than 1°"
    return f"{start} {told} to the {side}", f"{start} to the {side}"


def _ending(e: Explanation, k: int, slopes: Real) -> str:
    """Where f falls and rises along the step: a claim about its line, by the slopes at its ends."""
    points = e.trajectory.points[k : k + 2]
    step = points[1] - points[0]
    before, after = (float(v) for v in e.trajectory.values[k : k + 2])
    begins, ends = (_cosine(slopes[j], step) for j in (k, k + 1))
    rounding = BITS * (abs(before) + abs(after))
    rises, falls = after - before > rounding, before - after > rounding
    # A step that changes nothing but the last bits of f has arrived: its slopes tell nothing.
    has_arrived = not (rises or falls) and np.hypot(*step) <= TINY * (1 + np.hypot(*points[0]))
    if has_arrived or abs(begins) <= LEVEL:
        return ""
    if not np.isfinite([begins, ends, before, after]).all():
        return ""
    if begins > 0 and not rises:
        return ", first uphill and then to a lower place" if falls else ", over a rise"
    if begins > 0:
        return ", uphill"
    # An end that is the dip itself, but for a ten-thousandth of the way, is past nothing.
    along = -slopes[k] @ step, slopes[k + 1] @ step
    if ends > 0 and along[1] <= DIP * along[0]:
        return ""
    if ends > 0:
        return ", so far past the dip that f rises" if rises else ", past the dip"
    return ", past a dip and over a ridge" if rises else ""


def angle(a: Real, b: Real) -> float:
    """Between two directions, in degrees from 0 to 180."""
    a, b = _direction(a), _direction(b)
    # Not the arc cosine, which loses half of the digits of small angles.
    return float(np.degrees(np.arctan2(abs(a[0] * b[1] - a[1] * b[0]), a @ b)))


def _cosine(a: Real, b: Real) -> float:
    return float(_direction(a) @ _direction(b))


def _direction(a: Real) -> Real:
    """Of length 1, so that no product overflows; zero stays zero."""
    return np.asarray(a / (np.hypot(*a) or 1.0))
