"""Titles are read back by a reader that refuses what could be taken for something else."""

from __future__ import annotations

import random
import re

import mpmath
import numpy as np
import pytest

import optviz as ov
from optviz.functions.catalogue import Function
from optviz.functions.formula import FormulaError, parse
from tests import fuzz

TOKEN = re.compile(r"\\left[(|]|\\right[)|]|\\mathrm\{sign\}|\\[a-z]+|\\,|\d+(?:\.\d+)?|[-+xye^{}]")
NAMED = ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")
NAMES = {"ln": "log", "mathrm{sign}": "sign"} | dict(zip(NAMED, NAMED, strict=True))


class Reader:
    """LaTeX as a mathematician reads it: a value, or an error where two readings are possible."""

    def __init__(self, latex: str, x: float, y: float) -> None:
        self.tokens = TOKEN.findall(latex)
        assert "".join(self.tokens) == latex.replace(" ", "")
        self.known = {"x": mpmath.mpf(x), "y": mpmath.mpf(y), "e": mpmath.mpf(np.e),
                      r"\pi": mpmath.mpf(np.pi), r"\tau": mpmath.mpf(2 * np.pi)}  # fmt: skip

    def value(self) -> mpmath.mpf:
        read = self.sum()
        assert not self.tokens
        return read

    def next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, wanted: str = "") -> str:
        token = self.tokens.pop(0)
        assert token == (wanted or token), (token, wanted)
        return token

    def sum(self) -> mpmath.mpf:
        sign = -1 if self.next() == "-" else 1
        if sign < 0:
            self.take()
        total = sign * self.product()
        while self.next() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            total += sign * self.product()
        return total

    def product(self) -> mpmath.mpf:
        # Two signs in a row are none: a factor cannot begin with one.
        total, before = self.factor()
        while self.next() and self.next() not in ("+", "-", "}", r"\right)", r"\right|"):
            is_told = self.next() == r"\cdot"
            if self.next() in (r"\cdot", r"\,"):
                self.take()
            factor, first = self.factor()
            # 2 3 is 23, and 2½ is a sum.
            assert is_told or not first[0].isdigit(), "two numbers beside each other"
            assert is_told or not (before[0].isdigit() and first == r"\frac"), "a mixed fraction"
            total, before = total * factor, first
        return total

    def factor(self) -> tuple[mpmath.mpf, str]:
        first = self.take()
        if first[0].isdigit():
            value = mpmath.mpf(first)
        elif first in self.known:
            value = self.known[first]
        elif first == r"\frac":
            value = self.group() / self.group()
            assert self.next() != "^", "the power of a numerator?"
        elif first == r"\sqrt":
            value = mpmath.sqrt(self.group())
            assert self.next() != "^", "inside or outside of the root?"
        elif first in (r"\left(", r"\left|"):
            value = self.bracket(first)
        else:
            return self.function(NAMES[first[1:]]), first
        return self.raised(value), first

    def function(self, name: str) -> mpmath.mpf:
        power = None
        if self.next() == "^":
            self.take()
            power = self.group()
            assert power >= 0, "an inverse function?"
        value = fuzz._function(name, self.bracket(self.take(r"\left(")))
        assert self.next() != "^", "the power of the argument or of the function?"
        return value if power is None else value**power

    def bracket(self, opened: str) -> mpmath.mpf:
        value = self.sum()
        self.take(r"\right)" if opened == r"\left(" else r"\right|")
        return value if opened == r"\left(" else abs(value)

    def group(self) -> mpmath.mpf:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def raised(self, base: mpmath.mpf) -> mpmath.mpf:
        if self.next() != "^":
            return base
        self.take()
        value = base ** self.group()
        assert self.next() != "^", "a power of a power?"
        return value


def agrees(f: Function, latex: str, rng: random.Random, points: int = 3) -> int:
    """At how many random points the title was compared."""
    compared = 0
    for _ in range(3 * points):
        (x0, x1), (y0, y1) = f.bounds
        x, y = rng.uniform(x0, x1), rng.uniform(y0, y1)
        try:
            expected = fuzz.exact(f.expression.tree, mpmath.mpf(x), mpmath.mpf(y))
            read = Reader(latex, x, y).value()
        except fuzz.OutsideError:
            continue
        assert abs(read - expected) <= 1e-10 * (1 + abs(expected)), (latex, x, y)
        compared += 1
    return compared


@pytest.mark.parametrize("name", list(ov.functions))
def test_the_title_of_each_function_is_read_as_the_function(name: str) -> None:
    f = ov.functions[name]
    assert agrees(f, f.latex, random.Random(0))
    x, y = f.start
    assert float(Reader(f.latex, x, y).value()) == pytest.approx(float(f(x, y)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_titles_of_random_formulas_are_read_as_the_formulas(seed: int) -> None:
    rng = random.Random(seed)
    compared = 0
    for size in (3, 5, 8, 11) * 40:
        text = fuzz.random_formula(rng, size)
        try:
            parsed = parse(text)
            f = Function(text, parsed.text, bounds=((-3, 3), (-3, 3)))
        except FormulaError:
            continue
        compared += agrees(f, parsed.latex, rng, 1) > 0
    assert compared > 60


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("sin(3*pi*x)**2*y", r"\sin^{2}\left(3\pi x\right)y"),
        ("sin(x)**-1", r"\left(\sin\left(x\right)\right)^{-1}"),
        ("sqrt(2*(x + 1))**2", r"\left(\sqrt{2\left(x + 1\right)}\right)^{2}"),
        ("2*(1/3)*x", r"2\cdot \frac{1}{3}x"),
        ("(1e-7)**2*x", r"\left(1\cdot 10^{-7}\right)^{2}x"),
        ("-(-x)", r"-\left(-x\right)"),
        ("1.23456789*x", "1.23456789x"),
    ],
)
def test_what_could_be_read_twice_is_written_out(text: str, latex: str) -> None:
    assert parse(text).latex == latex


@pytest.mark.parametrize("latex", [
    r"\sin\left(3\pi x\right)^{2}", r"\sqrt{x}^{2}", r"2\frac{1}{3}", "x^{2}^{3}", "--x", "2 3",
    r"\sin^{-1}\left(x\right)",
])  # fmt: skip
def test_the_reader_refuses_what_has_two_readings(latex: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        Reader(latex, 0.5, 0.5).value()
