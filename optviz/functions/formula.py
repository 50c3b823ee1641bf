"""Text -> checked expression -> value, gradient, Hessian, typeset title and compiled kernel.

A formula is untrusted. It is parsed by Python's own parser and then walked node by node against
the short list below; nothing else gets further. It never reaches `eval` or `exec`: the module that
is written for the compiler is printed from a graph of its operations, not from the text.
"""

from __future__ import annotations

import ast
import functools
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from optviz.compiled import sources
from optviz.functions import derive, graph
from optviz.functions.graph import OPERATORS, Derived, constant_value
from optviz.functions.slips import slip
from optviz.functions.typeset import CONSTANTS, FUNCTIONS, typeset
from optviz.shared.text import did_you_mean, listed

MAX_LENGTH = 1000
MAX_NODES = 250
MAX_DEPTH = 40
#: A constant exponent beyond this is a slip or an attack, and no picture shows it.
MAX_EXPONENT = 64
#: x**y**x and the like: nothing can be seen of a higher tower.
MAX_VARIABLE_POWERS = 2

_ALIASES = {"ln": "log", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sgn": "sign"}

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SIGNS = {"^": "**", "·": "*", "×": "*", "−": "-", "÷": "/"}


class FormulaError(ValueError):
    """A formula that was refused; the message points at the place."""

    def __init__(self, what: str, text: str, column: int) -> None:
        # A window around the place: a long formula does not fill the terminal.
        start = max(0, column - 40)
        window = text[start : column + 40]
        super().__init__(f"{what}, at column {column + 1}: {window[: column - start]}⟪HERE⟫"
                         f"{window[column - start :]}")  # fmt: skip
        self.column = column


@dataclass(frozen=True)
class Expression:
    """A formula that has passed every check.

    Attributes
    ----------
    text
        What the user typed.
    canonical
        The same in one spelling: operators as Python writes them, constants by value.
    latex
        For titles; Matplotlib's own typesetter is enough for it.
    """

    text: str
    canonical: str
    latex: str
    tree: ast.expr

    @functools.cached_property
    def derived(self) -> Derived:
        """Its first and second derivatives."""
        return graph.derived(self.tree)

    @property
    def is_total(self) -> bool:
        """Whether the gradient is nowhere finite where the formula has no value.

        >>> [parse(text).is_total for text in ("sqrt(x)", "ln(x)", "x*ln(x)")]
        [True, False, True]
        """
        return self.derived.is_total

    def module(self) -> ModuleType:
        """The generated module for NumPy: `value`, `gradient`, `hessian` of arrays."""
        return self._made("formula", derive.module_source)

    def kernels(self) -> ModuleType:
        """The generated module for Numba: `value_kernel` and `gradient_kernel`.

        Apart from `module`, because it imports Numba, which takes 0.3 s.
        """
        return self._made("kernels", derive.kernels_source, sources.vecmath_text())

    def _made(
        self, name: str, write: Callable[[Derived, str], str], called: str = ""
    ) -> ModuleType:
        key = f"{self.canonical}\n{_generator()}\n{called}"
        return sources.source_module(name, key, lambda: write(self.derived, self.canonical))


@functools.cache
def _generator() -> str:
    """What generated text depends on besides the formula: the generator's own source."""
    files = [Path(str(module.__file__)) for module in (graph, derive)]
    return "".join(file.read_text(encoding="utf-8") for file in files)


def parse(text: str) -> Expression:
    """Check a formula in x and y.

    Raises
    ------
    FormulaError
        For anything but numbers, x, y, `CONSTANTS`, `FUNCTIONS`, + - * / ** and brackets, and
        for what would take forever: towers of powers, deep nesting, megabytes.

    Examples
    --------
    >>> parse("sin(x)·y² + x^2/10").canonical
    'sin(x) * y ** 2 + x ** 2 / 10'
    >>> parse("x**99")
    Traceback (most recent call last):
        ...
    optviz.functions.formula.FormulaError: the exponent 99 is beyond 64, at column 4: x**⟪HERE⟫99
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula has at most {MAX_LENGTH} characters", text, MAX_LENGTH)
    try:
        return _parsed(text)
    except FormulaError:
        if usual := slip(text, [*FUNCTIONS, *_ALIASES], CONSTANTS):
            raise FormulaError(usual[0], text, usual[1]) from None
        raise


def _parsed(text: str) -> Expression:
    source, origin = _plain(text)
    _check_brackets(text)

    def refuse(what: str, node: ast.AST | int) -> FormulaError:
        column = node if isinstance(node, int) else getattr(node, "col_offset", 0)
        # Python counts columns in UTF-8 bytes.
        column = len(source.encode()[:column].decode(errors="ignore"))
        return FormulaError(what, text, origin[min(column, len(origin) - 1)])

    if not source.strip():
        raise FormulaError("the formula is empty", text, 0)
    if foreign := re.search(r"#|\b0[xXbBoO]", source):
        # Python's remarks, and its other numbers: 0x10 is 16 there, and hardly 0·x10 here.
        raise refuse("this is not a formula", len(source[: foreign.start()].encode()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source.strip(), mode="eval").body
    except SyntaxError as error:
        column = max(0, (error.offset or 1) - 1)
        position = origin[min(column, len(origin) - 1)]
        raise FormulaError("this is not a formula (products need *)", text, position) from None
    except (RecursionError, MemoryError):
        raise FormulaError("the formula is nested too deeply", text, 0) from None
    except ValueError:
        raise FormulaError("this is not text of a formula", text, 0) from None
    checked = _Checker(refuse).check(tree)
    expression = Expression(text, ast.unparse(checked), typeset(checked), checked)
    try:
        expression.derived  # noqa: B018  (so that it is known to have derivatives)
    except OverflowError as error:
        raise FormulaError(str(error), text, 0) from None
    return expression


def _plain(text: str) -> tuple[str, list[int]]:
    """Python's spelling of a formula, and for each of its characters the column it came from."""
    out, origin = "", []
    position = 0
    lead = len(text) - len(text.lstrip())
    for match in re.finditer(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+|.", text.strip(), re.DOTALL):
        piece = match.group()
        if piece[0] in "⁰¹²³⁴⁵⁶⁷⁸⁹":
            new = f"**{piece.translate(_SUPERSCRIPTS)}"
        elif piece == "^" or piece in _SIGNS:
            new = _SIGNS[piece]
        else:
            new = " " if piece.isspace() else piece
        out += new
        origin += [lead + match.start()] * len(new)
        position = lead + match.end()
    return out, [*origin, position]


def _check_brackets(text: str) -> None:
    """Refuse deep nesting and stray brackets before Python's parser sees them."""
    open_at: list[int] = []
    for column, character in enumerate(text):
        if character == "(":
            open_at.append(column)
            if len(open_at) > MAX_DEPTH:
                raise FormulaError(f"brackets nest deeper than {MAX_DEPTH}", text, column)
        elif character == ")":
            if not open_at:
                raise FormulaError("this bracket was never opened", text, column)
            open_at.pop()
    if open_at:
        raise FormulaError("this bracket is never closed", text, open_at[-1])


class _Checker:
    """Rebuilds a parsed formula from allowed nodes only."""

    def __init__(self, refuse: Callable[[str, ast.AST], FormulaError]) -> None:
        self.refuse = refuse
        self.nodes = 0

    def check(self, node: ast.expr, depth: int = 0) -> ast.expr:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refuse(f"the formula has more than {MAX_NODES} parts", node)
        if depth > MAX_NODES - 20:
            raise self.refuse("the formula nests too deeply", node)
        match node:
            case ast.Constant(value):
                return self.number(node, value)
            case ast.Name(name):
                return self.name(node, name)
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.check(operand, depth + 1)
            case ast.UnaryOp(ast.USub(), operand):
                return self.at(node, ast.UnaryOp(ast.USub(), self.check(operand, depth + 1)))
            case ast.BinOp(left, op, right) if type(op).__name__ in OPERATORS:
                sides = self.check(left, depth + 1), self.check(right, depth + 1)
                return self.finite(self.at(node, ast.BinOp(sides[0], op, sides[1])), right)
            case ast.Call(func=ast.Name(name), args=[argument], keywords=[]):
                known = self.function(node, name)
                call = ast.Call(ast.Name(known), [self.check(argument, depth + 1)], [])
                return self.finite(self.at(node, call), node)
            case ast.Call(func=ast.Name(name), args=args):
                self.function(node, name)
                raise self.refuse(f"{name} takes one argument, not {len(args)}", node)
            case ast.Call():
                raise self.refuse("only functions by name can be called (products need *)", node)
            case ast.Attribute():
                raise self.refuse("dots are for decimals only", node)
            case ast.BinOp():
                raise self.refuse("the operators are + - * / ^ and **", node)
            case _:
                kind = type(node).__name__.lower()
                raise self.refuse(f"a formula has numbers, x, y and functions, no {kind}", node)

    def at(self, old: ast.AST, new: ast.expr) -> ast.expr:
        return ast.copy_location(new, old)

    def number(self, node: ast.expr, value: object) -> ast.expr:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse("a formula has numbers, x, y and functions only", node)
        if not abs(value) <= 1e100:  # an int may be too large to become a float
            raise self.refuse("this number is too large", node)
        return self.at(node, ast.Constant(value))

    def name(self, node: ast.expr, name: str) -> ast.expr:
        if name in ("x", "y"):
            return self.at(node, ast.Name(name))
        if name in CONSTANTS:
            return self.at(node, ast.Constant(CONSTANTS[name]))
        if name in FUNCTIONS or name in _ALIASES:
            raise self.refuse(f"{name} needs an argument in brackets", node)
        hint = did_you_mean(name, [*FUNCTIONS, *CONSTANTS]) or "; the variables are x and y"
        raise self.refuse(f"{name!r} is not known{hint}", node)

    def function(self, node: ast.AST, name: str) -> str:
        known = _ALIASES.get(name, name)
        if known not in FUNCTIONS:
            hint = did_you_mean(name, FUNCTIONS) or f"; there are {listed(FUNCTIONS)}"
            raise self.refuse(f"{name!r} is not a function here{hint}", node)
        return known

    def finite(self, node: ast.expr, place: ast.AST) -> ast.expr:
        """Refuse constant parts that are no number, and powers that would never end."""
        match node:
            case ast.BinOp(_, ast.Div(), right) if constant_value(right) == 0:
                raise self.refuse("this divides by zero", place)
            case ast.BinOp(_, ast.Pow()):
                self.power(node, place)
        value = constant_value(node)
        if value is not None and not (math.isfinite(value) and abs(value) <= 1e100):
            raise self.refuse("this part has no finite value", place)
        return node

    def power(self, node: ast.BinOp, place: ast.AST) -> None:
        """Refuse a power that would never end, or that is one of a wrong base."""
        base, exponent = constant_value(node.left), constant_value(node.right)
        if exponent is not None:
            if abs(exponent) > MAX_EXPONENT:
                what = f"the exponent {exponent:.15g} is beyond {MAX_EXPONENT}"
                raise self.refuse(what, place)
            return
        if base is not None and base <= 0:
            what = f"the base {base:.15g} of a variable power must be positive"
            raise self.refuse(what, node)
        towers = sum(
            isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)
            and constant_value(n.right) is None
            for n in ast.walk(node)
        )  # fmt: skip
        if towers > MAX_VARIABLE_POWERS:
            raise self.refuse("too many powers of powers", place)
