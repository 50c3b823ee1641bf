"""Formulas: what is understood, how it is typeset, and that nothing else gets through."""

from __future__ import annotations

import builtins
import string
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import optviz as ov
from optviz.functions import formula
from optviz.functions.derive import module_source
from optviz.functions.formula import FormulaError, parse


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x^2/20 + y^2", "x ** 2 / 20 + y ** 2"),
        ("x²/20 + y²", "x ** 2 / 20 + y ** 2"),
        ("2·x × y − 1", "2 * x * y - 1"),
        ("x⁻¹", None),
        ("x¹²", "x ** 12"),
        ("  -x ", "-x"),
        ("+x", "x"),
        ("ln(x)", "log(x)"),
        ("π*x", "3.141592653589793 * x"),
        ("2^-1*x", "2 ** (-1) * x"),
        ("asin(x)+acos(y)", "arcsin(x) + arccos(y)"),
    ],
)
def test_spellings(text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(FormulaError):
            parse(text)
    else:
        assert parse(text).canonical == canonical


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("__import__('os').system('true')", 1, "only functions by name|dots"),
        ("x.__class__", 1, "dots are for decimals"),
        ("().__class__.__bases__", 1, "dots"),
        ("x + open('f')", 5, "'open' is not a function"),
        ("[x for x in (1,)]", 1, "no listcomp"),
        ("{1: x}", 1, "no dict"),
        ("lambda: x", 1, "no lambda"),
        ("x if y else 1", 1, "no ifexp"),
        ("x < y", 1, "no compare"),
        ("x and y", 1, "no boolop"),
        ("not x", 1, "no unaryop"),
        ("~x", 1, "no unaryop"),
        ("'x'", 1, "numbers, x, y and functions"),
        ("b'x'", 1, "numbers, x, y and functions"),
        ("f'{x}'", 1, "no joinedstr"),
        ("True", 1, "numbers, x, y and functions"),
        ("...", 1, "numbers, x, y and functions"),
        ("1j*x", 1, "numbers, x, y and functions"),
        ("(yield x)", 1, "not a formula|no yield"),
        ("(x := 1)", 1, "no namedexpr"),
        ("x; y", 2, "not a formula"),
        ("x[0]", 1, "no subscript"),
        ("*x", 1, "not a formula"),
        ("x // y", 1, "operators are"),
        ("x % y", 1, "operators are"),
        ("x @ y", 1, "operators are"),
        ("x | y", 1, "operators are"),
        ("sin(x, y)", 1, "takes one argument"),
        ("sin(*x)", 5, "no starred"),
        ("sin(x=1)", 1, "takes one argument"),
        ("sin", 1, "needs an argument"),
        ("sinn(x)", 1, "did you mean 'sin'"),
        ("3(x)", 1, "products need"),
        ("2x", 2, "products need"),
        ("z + 1", 1, "variables are x and y"),
        ("9**9**9**9", 4, "beyond 64"),
        ("2**999999999", 4, "beyond 64"),
        ("x**65", 4, "beyond 64"),
        ("(9**60)**60*x", 1, "no finite value"),
        ("1e300*x", 1, "too large"),
        ("9" * 400 + "*x", 1, "too large"),
        ("1/0", 3, "no finite value"),
        ("log(0)*x", 1, "no finite value"),
        ("x**y**x**y", 4, "powers of powers"),
        ("(x", 1, "never closed"),
        ("x)", 2, "never opened"),
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ("x\x00y", 1, "not text|not a formula"),
    ],
)
def test_everything_else_is_refused_with_its_place(text: str, column: int, says: str) -> None:
    with pytest.raises(FormulaError, match=says) as caught:
        parse(text)
    if column > 1:
        assert caught.value.column + 1 >= column - 1


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "x" + ")" * 10_000,
        "x+" * 500_000 + "x",
        "-" * 900 + "x",
        "sin(" * 200 + "x" + ")" * 200,
        "x**" * 300 + "x",
        "x*" * 400 + "x",
        "9**" * 200 + "9",
        "[" * 900,
        "x" * 1_000_000,
    ],
    ids=["brackets", "megabyte", "signs", "calls", "tower", "product", "nines", "square", "word"],
)
def test_bombs_are_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400
    # Not a benchmark: a bomb that goes off takes minutes or all memory.
    assert time.perf_counter() - began < 5


def test_the_worst_formula_allowed_still_compiles_in_reasonable_time() -> None:
    worst = "+".join(f"sin(x**{k}*cos(y*exp(x/{k})))" for k in range(2, 18))
    began = time.perf_counter()
    f = ov.function("x**y**x + " + worst[: worst.rfind("+")])
    assert np.isfinite(f.hessian(0.3, 0.4)).all()
    assert time.perf_counter() - began < 60


def test_nothing_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a formula reached eval or sympify")

    import sympy

    parsed = parse("exp(sin(x)) * abs(y) ** 1.5 / 7 - sqrt(x*y)")
    monkeypatch.setattr(builtins, "eval", never)
    monkeypatch.setattr(sympy, "parse_expr", never)
    monkeypatch.setattr(sympy.parsing.sympy_parser, "parse_expr", never)
    text = module_source(parsed.tree, parsed.canonical)
    assert "dx" in text


ATOMS = st.sampled_from(["x", "y", "2", "0.5", "pi", "e", "3"])


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(list("+-*/")), inner).map(
            lambda t: f"({t[0]}{t[1]}{t[2]})"
        ),
        st.tuples(st.sampled_from(sorted(formula.FUNCTIONS)), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(inner, st.sampled_from("23")).map(lambda t: f"({t[0]})^{t[1]}"),
        inner.map(lambda t: f"-{t}"),
    )


FORMULAS = st.recursive(ATOMS, _grow, max_leaves=6)


@given(text=FORMULAS, x=st.floats(0.1, 2), y=st.floats(0.1, 2))
def test_random_formulas_equal_mpmath(text: str, x: float, y: float) -> None:
    """Value and typeset title of anything that passes; mpmath is the outside reference."""
    import mpmath

    try:
        parsed = parse(text)
    except FormulaError:
        return
    value = _python_value(parsed.tree, x, y)
    names = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "abs": "fabs"}
    scope = {name: getattr(mpmath, names.get(name, name)) for name in formula.FUNCTIONS}
    try:
        exact = _evaluate(parsed.tree, {"x": mpmath.mpf(x), "y": mpmath.mpf(y), **scope})
    except (ZeroDivisionError, ValueError, OverflowError):
        return
    if isinstance(exact, mpmath.mpc) or not np.isfinite(value) or abs(exact) > 1e12:
        return
    assert value == pytest.approx(float(exact), rel=1e-6, abs=1e-6)


def _python_value(tree, x: float, y: float) -> float:
    with np.errstate(all="ignore"):
        scope = {name: getattr(np, name) for name in formula.FUNCTIONS}
        return float(_evaluate(tree, {"x": np.float64(x), "y": np.float64(y), **scope}))


def _evaluate(node, scope):
    """A walk of the checked tree, independent of the generated module."""
    import ast
    import operator

    operators = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
                 ast.Div: operator.truediv, ast.Pow: operator.pow}  # fmt: skip
    match node:
        case ast.Constant(value):
            return value * (scope["x"] * 0 + 1)
        case ast.Name(name):
            return scope[name]
        case ast.UnaryOp(_, operand):
            return -_evaluate(operand, scope)
        case ast.BinOp(left, op, ast.Constant(int() as power)) if isinstance(op, ast.Pow):
            return _evaluate(left, scope) ** power
        case ast.BinOp(left, op, right):
            return operators[type(op)](_evaluate(left, scope), _evaluate(right, scope))
        case ast.Call(ast.Name(name), [argument]):
            return scope[name](_evaluate(argument, scope))
    raise AssertionError(node)


@given(FORMULAS)
def test_every_title_can_be_typeset(text: str) -> None:
    from matplotlib.mathtext import MathTextParser

    try:
        latex = parse(text).latex
    except FormulaError:
        return
    MathTextParser("agg").parse(f"${latex}$")


@given(st.text(max_size=80))
@example("x" + "\u0300" * 50)
@example("\ud800")
@example("𝐱 + 𝐲")
@example("ｘ")
def test_any_text_is_a_formula_or_a_formula_error(text: str) -> None:
    try:
        parse(text)
    except FormulaError as error:
        assert 0 <= error.column <= len(text)


@given(st.text(alphabet=string.digits + "xyesincopqrtab+-*/^()., _²³π", max_size=50))
def test_near_formulas_are_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse(text)
    except FormulaError:
        return
    assert parse(parsed.canonical).canonical == parsed.canonical


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x**2/20 + y**2", r"\frac{x^{2}}{20} + y^{2}"),
        ("(1 - x)^2 + 100*(y - x^2)^2",
         r"\left(1 - x\right)^{2} + 100\left(y - x^{2}\right)^{2}"),
        ("-(x+y)*sin(x)", r"-\left(x + y\right)\,\sin\left(x\right)"),
        ("2*pi*x", r"2\pi x"),
        ("x - (y - 1)", r"x - \left(y - 1\right)"),
        ("x*(-y)", r"x\left(-y\right)"),
        ("(x/2)**2", r"\left(\frac{x}{2}\right)^{2}"),
        ("exp(-x)", "e^{-x}"),
        ("3*2*x", r"3\cdot 2x"),
        ("abs(x)", r"\left|x\right|"),
    ],
)  # fmt: skip
def test_titles(text: str, latex: str) -> None:
    assert parse(text).latex == latex


def test_the_message_points_at_the_place() -> None:
    with pytest.raises(FormulaError, match="⟪HERE⟫sinn") as caught:
        parse("x² + π*sinn(y)")
    assert caught.value.column == 7
