"""Interval arithmetic on a formula's graph: bounds of a function over whole boxes, many at once.

Every number lies between two floats, which are rounded outward: what an enclosure excludes is
proven not to happen. Source: Moore, Kearfott and Cloud, "Introduction to Interval Analysis" (2009).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optviz.functions.graph import Graph

Real = NDArray[np.float64]
Mask = NDArray[np.bool_]
Interval = tuple[Real, Real]

EPS = float(np.finfo(float).eps)
#: What a product may lose to underflow.
TINY = float(np.finfo(float).tiny)
#: NumPy promises its elementary functions to 4 units in the last place.
ULPS = 5


class Enclosure:
    """The values of a graph's nodes over boxes.

    Derivatives of kinks hold all slopes between those of both sides; of a part without a value on
    a part of a box, what it is on the rest counts.

    Parameters
    ----------
    graph : Graph
        The formula's.
    low, high : (2, n)
        The corners of n boxes.

    Attributes
    ----------
    is_defined, is_smooth, is_empty : ndarray of bool (n,)
        Of what was asked so far: whether it is continuous, and has derivatives of any order, all
        over the box; and whether it has a value nowhere in it.

    Examples
    --------
    >>> from optviz.functions.formula import parse
    >>> made = parse("x**2 + sqrt(y)").derived
    >>> e = Enclosure(made.graph, np.array([[-1.0], [-4.0]]), np.array([[2.0], [9.0]]))
    >>> [v.round(9).tolist() for v in e.of(made.value)], e.is_defined.tolist()
    ([[0.0], [7.0]], [False])
    """

    def __init__(self, graph: Graph, low: Real, high: Real) -> None:
        self.graph, count = graph, low.shape[1]
        self.is_defined = np.ones(count, dtype=bool)
        self.is_smooth = np.ones(count, dtype=bool)
        self.is_empty = np.zeros(count, dtype=bool)
        self._count = count
        self._known: dict[int, Interval] = {
            variable: (low[i], high[i]) for i, variable in enumerate(graph.variables)
        }

    def of(self, root: int) -> Interval:
        """Lower and upper bounds (n,) of a node."""
        with np.errstate(all="ignore"):
            for k in self.graph.parts([root]):
                if k not in self._known:
                    self._known[k] = self._value(k)
        return self._known[root]

    def _value(self, k: int) -> Interval:
        op, args, value = self.graph.nodes[k]
        if value is not None:
            # A decimal, or what has become of several numbers, is rounded itself.
            error = 0.0 if value.is_integer() and abs(value) < 2**53 else 2 * EPS * abs(value)
            ends = np.full(self._count, value)
            return ends - error, ends + error
        a, b = self._known[args[0]], self._known[args[-1]]
        match op:
            case "Add":
                return _outward(a[0] + b[0], a[1] + b[1])
            case "Sub":
                return _outward(a[0] - b[1], a[1] - b[0])
            case "USub":
                return -a[1], -a[0]
            case "Mult":
                return _even_power(a, 2) if args[0] == args[1] else product(a, b)
            case "Div":
                return product(a, self._inverse(b))
            case "Pow":
                return self._power(a, b, self.graph.nodes[args[1]].value)
            case "IsZero":
                self._kink(a)
                is_zero = (a[0] == 0) & (a[1] == 0)
                return is_zero.astype(float), _holds_zero(a).astype(float)
        return self._called(op, a)

    def _called(self, op: str, a: Interval) -> Interval:
        match op:
            case "abs":
                self._kink(a)
                return _least(a), np.maximum(-a[0], a[1])
            case "sign":
                jumps = _holds_zero(a)
                self._outside(jumps, jumps, np.zeros_like(jumps))
                # At a kink on a box's face the slopes of both sides, in the box or not.
                return np.where(jumps, -1.0, np.sign(a[0])), np.where(jumps, 1.0, np.sign(a[1]))
            case "cosh":
                low, high = _outward(np.cosh(_least(a)), np.cosh(np.maximum(-a[0], a[1])), ULPS)
                return np.maximum(low, 1), high
            case "sin":
                return _wave(np.sin, a, 0.5)
            case "cos":
                return _wave(np.cos, a, 0.0)
            case "tan":
                poles = _holds_multiple(a, np.pi, 0.5)
                self._outside(poles, poles, np.zeros_like(poles))
                low, high = _outward(np.tan(a[0]), np.tan(a[1]), ULPS)
                return np.where(poles, -np.inf, low), np.where(poles, np.inf, high)
            case "arccos":
                low, high = self._rising("arccos", (a[1], a[0]), a)
                return np.maximum(low, 0), high
        low, high = self._rising(op, a, a)
        return (np.maximum(low, 0), high) if op in ("exp", "sqrt") else (low, high)

    def _rising(self, op: str, ends: Interval, a: Interval) -> Interval:
        """A function that is lowest at the first of the ends, on the part of `a` in its domain."""
        bottom, top, has_edge = _DOMAINS.get(op, (-np.inf, np.inf, True))
        beyond = (a[0] < bottom) | (a[1] > top) if has_edge else a[0] <= bottom
        empty = (a[1] < bottom) | (a[0] > top) if has_edge else a[1] <= bottom
        if op in _DOMAINS:
            self._outside(beyond, beyond | (a[0] <= bottom) | (a[1] >= top), empty)
        function: Callable[[Real], Real] = getattr(np, op)
        low, high = (function(np.clip(end, bottom, top)) for end in ends)
        return _outward(low, high, ULPS)

    def _power(self, a: Interval, b: Interval, n: float | None) -> Interval:
        if n is not None and n.is_integer():
            if n < 0:
                return self._inverse(self._power(a, b, -n))
            return _even_power(a, int(n)) if n % 2 == 0 else _odd_power(a, int(n))
        # u^v = exp(v log u): monotone in u and in v.
        if n is not None and n > 0:
            self._outside(a[0] < 0, a[0] <= 0, a[1] < 0)
        else:
            # With a whole exponent a negative base may have a power: so it is not called empty.
            empty = a[1] <= 0 if n is not None else np.zeros(self._count, dtype=bool)
            self._outside(a[0] <= 0, a[0] <= 0, empty)
        u = np.maximum(a[0], 0), np.maximum(a[1], 0)
        low, high = _outward(*_extremes([np.power(p, q) for p in u for q in b]), ULPS)
        low = np.maximum(low, 0)
        if n is None:
            return np.where(a[0] <= 0, -np.inf, low), np.where(a[0] <= 0, np.inf, high)
        return low, high

    def _inverse(self, a: Interval) -> Interval:
        zero = _holds_zero(a)
        self._outside(zero, zero, (a[0] == 0) & (a[1] == 0))
        low, high = _outward(1 / a[1], 1 / a[0], tiny=TINY)
        both = zero & (a[0] < 0) & (a[1] > 0)
        low = np.where(both | (zero & (a[1] == 0)), -np.inf, low)
        return low, np.where(both | (zero & (a[0] == 0)), np.inf, high)

    def _outside(self, beyond: Mask, rough: Mask, empty: Mask) -> None:
        self.is_defined &= ~beyond
        self.is_smooth &= ~rough
        self.is_empty |= empty

    def _kink(self, a: Interval) -> None:
        self.is_smooth &= ~_holds_zero(a)


#: Where functions end, and whether they have a value there.
_DOMAINS = {"log": (0.0, np.inf, False), "sqrt": (0.0, np.inf, True),
            "arcsin": (-1.0, 1.0, True), "arccos": (-1.0, 1.0, True)}  # fmt: skip


def product(a: Interval, b: Interval) -> Interval:
    """All products of a number in `a` and one in `b`."""
    # Zero times what is beyond the largest float is zero.
    with np.errstate(invalid="ignore", over="ignore"):
        ends = [np.where((p == 0) | (q == 0), 0.0, p * q) for p in a for q in b]
    return _outward(*_extremes(ends), tiny=TINY)


def added(a: Interval, b: Interval) -> Interval:
    """All sums of a number in `a` and one in `b`."""
    return _outward(a[0] + b[0], a[1] + b[1])


def _outward(low: Real, high: Real, ulps: int = 1, tiny: float = 0.0) -> Interval:
    low = low - np.abs(low) * (ulps * EPS) - tiny
    high = high + np.abs(high) * (ulps * EPS) + tiny
    np.copyto(low, -np.inf, where=np.isnan(low))
    np.copyto(high, np.inf, where=np.isnan(high))
    return low, high


def _extremes(values: list[Real]) -> Interval:
    return functools.reduce(np.minimum, values), functools.reduce(np.maximum, values)


def _holds_zero(a: Interval) -> Mask:
    return (a[0] <= 0) & (a[1] >= 0)


def _least(a: Interval) -> Real:
    """The least absolute value."""
    return np.maximum(np.maximum(a[0], -a[1]), 0)


def _even_power(a: Interval, n: int) -> Interval:
    high = np.maximum(-a[0], a[1])
    low, high = _outward(_least(a) ** n, high**n, ULPS, TINY)
    return np.maximum(low, 0), high


def _odd_power(a: Interval, n: int) -> Interval:
    return _outward(a[0] ** n, a[1] ** n, ULPS, TINY)


def _holds_multiple(a: Interval, period: float, phase: float) -> Mask:
    """Whether (k + phase)·period lies in an interval for a whole k; in doubt it does."""
    low, high = (end / period - phase for end in a)
    low, high = (low - 4 * EPS * (np.abs(low) + 1), high + 4 * EPS * (np.abs(high) + 1))
    return ~(np.ceil(low) > np.floor(high))


def _wave(function: Callable[[Real], Real], a: Interval, phase: float) -> Interval:
    """Sine (its crest at π/2) or cosine (at 0)."""
    low, high = _outward(*_extremes([function(end) for end in a]), ULPS, TINY)
    low = np.where(_holds_multiple(a, 2 * np.pi, phase / 2 + 0.5), -1.0, low)
    high = np.where(_holds_multiple(a, 2 * np.pi, phase / 2), 1.0, high)
    return np.maximum(low, -1), np.minimum(high, 1)
