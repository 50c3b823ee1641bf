"""Text -> checked expression -> value, gradient, Hessian, typeset title and compiled kernel.

A formula is untrusted. It is parsed by Python's own parser and then walked node by node against
the short list below; nothing else gets further. It never reaches `eval`, `exec` or SymPy's string
parser: SymPy sees an expression that this module builds, and the module that is written for the
compiler is printed from that expression, not from the text.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from optviz import _jit
from optviz._text import did_you_mean, listed

MAX_LENGTH = 1000
MAX_NODES = 250
MAX_DEPTH = 40
#: A constant exponent beyond this is a slip or an attack, and no picture shows it.
MAX_EXPONENT = 64
#: x**y**x and the like: derivatives double in size with each storey.
MAX_VARIABLE_POWERS = 2

#: What a formula may call: the name, and how its application is typeset.
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
_ALIASES = {"ln": "log", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sgn": "sign"}
CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e, "tau": math.tau, "τ": math.tau}

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SIGNS = {"^": "**", "·": "*", "×": "*", "−": "-", "÷": "/"}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


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

    def module(self) -> ModuleType:
        """The generated module: `value`, `gradient`, `hessian` for arrays; two kernels.

        It is made once per machine and kept on disk; only then is SymPy imported.
        """
        key = f"{_generator()}\n{self.canonical}"
        return _jit.source_module("formula", key, lambda: _module_source(self))


@functools.cache
def _generator() -> str:
    """What the generated text depends on besides the formula: this file."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


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
    >>> parse("9**9**9**9")
    Traceback (most recent call last):
        ...
    optviz.formula.FormulaError: the exponent 387420489 is beyond 64, at column 7: 9**9**⟪HERE⟫9**9
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula has at most {MAX_LENGTH} characters", text, MAX_LENGTH)
    source, origin = _plain(text)
    _check_brackets(text)

    def refuse(what: str, node: ast.AST | int) -> FormulaError:
        column = node if isinstance(node, int) else getattr(node, "col_offset", 0)
        # Python counts columns in UTF-8 bytes.
        column = len(source.encode()[:column].decode(errors="ignore"))
        return FormulaError(what, text, origin[min(column, len(origin) - 1)])

    if not source.strip():
        raise FormulaError("the formula is empty", text, 0)
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
    return Expression(text, ast.unparse(checked), _latex(checked)[0], checked)


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
        if depth > MAX_DEPTH:
            raise self.refuse(f"the formula nests deeper than {MAX_DEPTH}", node)
        match node:
            case ast.Constant(value):
                return self.number(node, value)
            case ast.Name(name):
                return self.name(node, name)
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.check(operand, depth + 1)
            case ast.UnaryOp(ast.USub(), operand):
                return self.at(node, ast.UnaryOp(ast.USub(), self.check(operand, depth + 1)))
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
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
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            exponent = _constant(node.right)
            if exponent is None:
                towers = sum(
                    isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)
                    and _constant(n.right) is None
                    for n in ast.walk(node)
                )  # fmt: skip
                if towers > MAX_VARIABLE_POWERS:
                    raise self.refuse("too many powers of powers", place)
            elif abs(exponent) > MAX_EXPONENT:
                what = f"the exponent {exponent:.15g} is beyond {MAX_EXPONENT}"
                raise self.refuse(what, place)
        value = _constant(node)
        if value is not None and not (math.isfinite(value) and abs(value) <= 1e100):
            raise self.refuse("this part has no finite value", place)
        return node


def _constant(node: ast.expr) -> float | None:
    """The value of a part without x and y (nan if it has none), else None."""
    match node:
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.UnaryOp(_, operand):
            inner = _constant(operand)
            return None if inner is None else -inner
        case ast.BinOp(left, op, right):
            a, b = _constant(left), _constant(right)
            if a is None or b is None:
                return None
            try:
                result = _OPERATORS[type(op)](a, b)
            except (ZeroDivisionError, OverflowError):
                return math.nan
            return result if isinstance(result, float) else math.nan
        case ast.Call(ast.Name(name), [argument]):
            inner = _constant(argument)
            return None if inner is None else _call_constant(name, inner)
    return None


def _call_constant(name: str, value: float) -> float:
    import numpy as np

    with np.errstate(all="ignore"):
        return float(getattr(np, name)(value))


# -- typesetting ----------------------------------------------------------------------------

_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)


def _latex(node: ast.expr) -> tuple[str, int]:
    """LaTeX in the order that was typed, and how strongly its outermost operator binds."""
    match node:
        case ast.Constant(value):
            return _latex_number(float(value)), _ATOM  # type: ignore[arg-type]
        case ast.Name(name):
            return name, _ATOM
        case ast.UnaryOp(_, operand):
            return f"-{_bracketed(operand, _PRODUCT)}", _SIGN
        case ast.Call(ast.Name(name), [argument]):
            inner = _latex(argument)[0]
            return FUNCTIONS[name].format(inner), _POWER if name == "exp" else _ATOM
        case ast.BinOp(left, ast.Div(), right):
            return rf"\frac{{{_latex(left)[0]}}}{{{_latex(right)[0]}}}", _PRODUCT
        case ast.BinOp(left, ast.Pow(), right):
            return f"{_bracketed(left, _ATOM)}^{{{_latex(right)[0]}}}", _POWER
        case ast.BinOp(left, ast.Mult(), right):
            a, b = _bracketed(left, _PRODUCT), _bracketed(right, _PRODUCT)
            b = rf"\left({b}\right)" if b.startswith("-") else b
            return f"{a}{_between(a, b)}{b}", _PRODUCT
        case ast.BinOp(left, op, right):
            sign = "+" if isinstance(op, ast.Add) else "-"
            right_text = _bracketed(right, _PRODUCT if sign == "-" else _SUM)
            if right_text.startswith("-"):
                right_text = rf"\left({right_text}\right)"
            return f"{_latex(left)[0]} {sign} {right_text}", _SUM
    raise AssertionError(ast.dump(node))


def _bracketed(node: ast.expr, strength: int) -> str:
    text, own = _latex(node)
    is_fraction = text.startswith(r"\frac") and own == _PRODUCT
    if own < strength or (is_fraction and strength == _ATOM):
        return rf"\left({text}\right)"
    return text


def _between(a: str, b: str) -> str:
    """The sign of a product: none where juxtaposition reads well, as in 2x or 100(y − x)."""
    if b[0].isdigit() or (b.startswith(r"\frac") and not a[-1].isdigit()):
        return r"\cdot "
    if re.search(r"\\[a-z]+$", a):
        return " "
    return r"\," if re.match(r"\\(sin|cos|tan|arc|ln|sqrt|mathrm|frac)", b) else ""


def _latex_number(value: float) -> str:
    for name, symbol in (("pi", r"\pi"), ("e", "e"), ("tau", r"\tau")):
        if value == CONSTANTS[name]:
            return symbol
    text = f"{value:.6g}"
    mantissa, exponential, power = text.partition("e")
    return rf"{mantissa}\cdot 10^{{{int(power)}}}" if exponential else mantissa


# -- derivatives and the module for the compiler --------------------------------------------

#: Gives a constant the shape of the points.
_FLAT = " + 0 * x"


def _module_source(expression: Expression) -> str:
    """The text of the generated module; the only place that needs SymPy."""
    import sympy

    tree = expression.tree
    x, y = variables = sympy.symbols("x y")
    built = _to_sympy(tree, dict(zip("xy", variables, strict=True)))
    first = [built.diff(v) for v in variables]
    second = [first[0].diff(x), first[0].diff(y), first[1].diff(y)]
    body_of_gradient = _statements(first, ["dx", "dy"])
    used = sorted(name for name in FUNCTIONS if name != "abs")
    has_shape = any(isinstance(node, ast.Name) and node.id in "xy" for node in ast.walk(tree))
    return "\n".join([
        f'"""{expression.canonical}\n\nMade by optviz from a checked formula; safe to delete."""',
        "",
        f"from numpy import {', '.join(used)}",
        "",
        "",
        "def value(x, y):",
        f"    return {ast.unparse(tree)}" + ("" if has_shape else _FLAT),
        "",
        "",
        "def gradient(x, y):",
        *_indented(body_of_gradient, 1),
        "    return dx, dy",
        "",
        "",
        "def hessian(x, y):",
        *_indented(_statements(second, ["dxx", "dxy", "dyy"]), 1),
        "    return dxx, dxy, dyy",
        "",
        "",
        "def value_kernel(_path, _values):",
        "    for _i in range(_path.shape[0]):",
        "        x = _path[_i, 0]",
        "        y = _path[_i, 1]",
        f"        _values[_i] = {ast.unparse(tree)}",
        "",
        "",
        "def gradient_kernel(_points, _gradient):",
        "    for _i in range(_points.shape[1]):",
        "        x = _points[0, _i]",
        "        y = _points[1, _i]",
        *_indented(body_of_gradient, 2),
        "        _gradient[0, _i] = dx",
        "        _gradient[1, _i] = dy",
        "",
    ])  # fmt: skip


def _indented(lines: list[str], levels: int) -> list[str]:
    return ["    " * levels + line for line in lines]


def _to_sympy(node: ast.expr, names: dict[str, Any]) -> Any:
    """A SymPy expression, built node by node from a checked tree."""
    import sympy

    value = _constant(node)
    if value is not None:
        # Constants are folded to float64 here: SymPy's exact arithmetic could take forever.
        is_small = value.is_integer() and abs(value) < 1e6
        return sympy.Integer(int(value)) if is_small else sympy.Float(value, 17)
    match node:
        case ast.Name(name):
            return names[name]
        case ast.UnaryOp(_, operand):
            return -_to_sympy(operand, names)
        case ast.Call(ast.Name(name), [argument]):
            return _sympy_function(name)(_to_sympy(argument, names))
        case ast.BinOp(left, op, right):
            a, b = _to_sympy(left, names), _to_sympy(right, names)
            if isinstance(op, ast.Div):
                return a / b
            return _OPERATORS[type(op)](a, b)
    raise AssertionError(ast.dump(node))


def _sympy_function(name: str) -> Any:
    import sympy

    # SymPy's own Abs, sign and sqrt carry complex analysis and Dirac deltas along. On the plane
    # d|u| = sign(u) du, d sign(u) = 0 and d√u = du/(2√u), but for a set of measure zero; there
    # `rsqrt` is finite, so that a path which hits the tip of a cone exactly stays on it.
    half = sympy.Rational(1, 2)
    derivatives: dict[str, Callable[[Any], Any]] = {
        "abs": lambda u: _sympy_function("sign")(u),  # noqa: PLW0108  (it must be late)
        "sign": lambda u: sympy.Integer(0),
        "sqrt": lambda u: half * _sympy_function("rsqrt")(u),
        "rsqrt": lambda u: -half * _sympy_function("rsqrt")(u) ** 3,
    }
    if name in derivatives:
        methods = {"fdiff": lambda self, argindex=1: derivatives[name](self.args[0])}
        return type(name, (sympy.Function,), methods)
    known = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
    return getattr(sympy, known.get(name, name))


def _statements(expressions: list[Any], targets: list[str]) -> list[str]:
    """Assignments of the expressions to the targets, with common parts computed once."""
    import sympy

    printer = _printer()
    names = (sympy.Symbol(f"c{k}") for k in range(10**6))
    common, reduced = sympy.cse(expressions, symbols=names, order="none")
    lines = [f"{name} = {printer.doprint(part)}" for name, part in common]
    for target, part in zip(targets, reduced, strict=True):
        # A derivative that is constant must still have the shape of x.
        suffix = "" if part.free_symbols else _FLAT
        lines.append(f"{target} = {printer.doprint(part)}{suffix}")
    return lines


def _printer() -> Any:
    from sympy.printing.pycode import PythonCodePrinter

    plain = {name: name for name in FUNCTIONS}
    plain |= {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}

    class Printer(PythonCodePrinter):  # type: ignore[misc]
        """Plain names for functions (the module imports them), floats to the last bit."""

        def _print_Float(self, value: Any) -> str:  # noqa: N802
            return repr(float(value))

        def _print_abs(self, call: Any) -> str:
            return f"abs({self._print(call.args[0])})"

        def _print_sign(self, call: Any) -> str:
            return f"sign({self._print(call.args[0])})"

        def _print_sqrt(self, call: Any) -> str:
            return f"sqrt({self._print(call.args[0])})"

        def _print_rsqrt(self, call: Any) -> str:
            inner = self._print(call.args[0])
            return f"(1.0/(sqrt({inner}) + (({inner}) == 0)))"

        def _print_Pow(self, power: Any, **_: Any) -> str:  # noqa: N802
            base = self.parenthesize(power.base, 100)
            if power.exp.is_Integer:
                exponent = abs(int(power.exp))
                text = base if exponent == 1 else f"{base}**{exponent}"
                return f"(1.0/{text})" if power.exp < 0 else text
            return f"{base}**({self._print(power.exp)})"

    return Printer({"user_functions": plain, "fully_qualified_modules": False})
