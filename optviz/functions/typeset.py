"""Checked formulas as LaTeX, in the order that was typed."""

from __future__ import annotations

import ast
import math
import re

from optviz.shared.text import number

#: What a formula may call, and how its application is typeset.
FUNCTIONS: dict[str, str] = {
    "abs": r"\left|{}\right|",
    "sqrt": r"\sqrt{{{}}}",
    "exp": r"e^{{{}}}",
    "log": r"\ln\left({}\right)",
    "sin": r"\sin\left({}\right)",
    "cos": r"\cos\left({}\right)",
    "tan": r"\tan\left({}\right)",
    "arcsin": r"\arcsin\left({}\right)",
    "arccos": r"\arccos\left({}\right)",
    "arctan": r"\arctan\left({}\right)",
    "sinh": r"\sinh\left({}\right)",
    "cosh": r"\cosh\left({}\right)",
    "tanh": r"\tanh\left({}\right)",
    "sign": r"\mathrm{{sign}}\left({}\right)",
}

#: Names that stand for numbers.
CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e, "tau": math.tau, "τ": math.tau}


#: Functions whose power wants a word on what is raised: those with a name before their argument.
_NAMED = set(FUNCTIONS) - {"abs", "exp"}

_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)


def typeset(node: ast.expr) -> str:
    """LaTeX that Matplotlib's own typesetter can set."""
    return _term(node)[0]


def _term(node: ast.expr) -> tuple[str, int]:
    """LaTeX in the order that was typed, and how strongly its outermost operator binds."""
    match node:
        case ast.Constant(value):
            return _number(float(value))  # type: ignore[arg-type]
        case ast.Name(name):
            return name, _ATOM
        case ast.UnaryOp(_, operand):
            return f"-{_unsigned(_bracketed(operand, _PRODUCT))}", _SIGN
        case ast.Call(ast.Name(name), [argument]):
            inner = _term(argument)[0]
            return FUNCTIONS[name].format(inner), _POWER if name == "exp" else _ATOM
        case ast.BinOp(left, ast.Div(), right):
            return rf"\frac{{{_term(left)[0]}}}{{{_term(right)[0]}}}", _PRODUCT
        case ast.BinOp(ast.Call(ast.Name(name)) as base, ast.Pow(), right) if name in _NAMED:
            return _power_of(base, right), _POWER
        case ast.BinOp(left, ast.Pow(), right):
            return f"{_bracketed(left, _ATOM)}^{{{_term(right)[0]}}}", _POWER
        case ast.BinOp(left, ast.Mult(), right):
            a, b = _bracketed(left, _PRODUCT), _unsigned(_bracketed(right, _PRODUCT))
            return f"{a}{_between(a, b)}{b}", _PRODUCT
        case ast.BinOp(left, op, right):
            sign = "+" if isinstance(op, ast.Add) else "-"
            right_text = _unsigned(_bracketed(right, _PRODUCT if sign == "-" else _SUM))
            return f"{_term(left)[0]} {sign} {right_text}", _SUM
    raise AssertionError(ast.dump(node))


def _power_of(base: ast.Call, exponent: ast.expr) -> str:
    """A power of a function: behind its bracket it could be read as that of the argument.

    sin²(3πx) for whole powers; brackets around all of it for the others: sin⁻¹ is an inverse.
    """
    text, power = _term(base)[0], _term(exponent)[0]
    name, bracket, argument = text.partition(r"\left(")
    if power.isdigit() and base.func.id != "sqrt":  # type: ignore[attr-defined]
        return f"{name}^{{{power}}}{bracket}{argument}"
    return rf"\left({text}\right)^{{{power}}}"


def _bracketed(node: ast.expr, strength: int) -> str:
    text, own = _term(node)
    is_fraction = text.startswith(r"\frac") and own == _PRODUCT
    if own < strength or (is_fraction and strength == _ATOM):
        return rf"\left({text}\right)"
    return text


def _unsigned(text: str) -> str:
    """In brackets behind another sign."""
    return rf"\left({text}\right)" if text.startswith("-") else text


def _between(a: str, b: str) -> str:
    """The sign of a product: none where juxtaposition reads well, as in 2x or 100(y − x).

    2½ would be a sum.
    """
    if b[0].isdigit() or b.startswith(r"\frac"):
        return r"\cdot "
    if re.search(r"\\[a-z]+$", a):
        return " "
    return r"\," if re.match(r"\\(sin|cos|tan|arc|ln|sqrt|mathrm)", b) else ""


def _number(value: float) -> tuple[str, int]:
    """All its digits, as it was typed."""
    for name, symbol in (("pi", r"\pi"), ("e", "e"), ("tau", r"\tau")):
        if value == CONSTANTS[name]:
            return symbol, _ATOM
    mantissa, exponential, power = number(value).partition("e")
    if exponential:
        return rf"{mantissa}\cdot 10^{{{int(power)}}}", _PRODUCT
    return mantissa, _SIGN if value < 0 else _ATOM
