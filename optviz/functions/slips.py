"""What people write for a formula, and how it is written here: a line for each usual slip.

Asked only about texts that are no formula.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection

#: Numbers, names, raised digits, and each other character of its own.
_TOKEN = re.compile(r"(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
                    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
                    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?P<other>\S)")  # fmt: skip


def slip(
    text: str, functions: Collection[str], constants: Collection[str]
) -> tuple[str, int] | None:
    """What to write instead, and the column at which it went wrong; None if nobody knows.

    >>> slip("2x + y", ["sin"], ["pi"])
    ('a product needs its *: write 2*x', 1)
    >>> slip("f(x, y) = x + y", ["sin"], ["pi"])
    ('a formula is the right side alone: write x + y', 8)
    """
    values = {"x", "y", *constants}
    return _equation(text) or _spelling(text) or _product(text, functions, values) or _end(text)


def _equation(text: str) -> tuple[str, int] | None:
    column = text.find("=")
    if column < 0 or text[:column].count("(") != text[:column].count(")"):
        return None
    left, right = text[:column].strip(), text[column:].strip("= ")
    if re.fullmatch(r"[a-wzA-WZ]\w*(\s*\(\s*x\s*,\s*y\s*\))?", left) and right:
        return f"a formula is the right side alone: write {right[:40]}", column
    return "a formula is a function to go down, not an equation: it has no =", column


#: How other languages write things.
_SPELLINGS = (
    (r"\b(?:np|numpy|jnp|torch|tf|math|sp|sympy)(?:\.\w+)*\.(\w+)",
     "functions stand by their name alone: write {1}, not {0}"),
    (r"\|([^|]+)\|", "bars are written out: write abs({1}), not {0}"),
    (r"√\s*(\w+|\([^)]*\))", "roots are written out: write sqrt({1}), not {0}"),
    (r"\b[a-z](?:\[\d\]|_?\d)", "the variables are x and y, not {0}"),
    (r"\blambda\s+x\s*,\s*y\s*:", "a formula is what stands behind the colon, without {0}"),
    (r"#.*", "a formula has no remarks"),
    (r"\b0[xXbBoO]\w*", "numbers are decimal here (products need *), not {0}"),
)  # fmt: skip


def _spelling(text: str) -> tuple[str, int] | None:
    for pattern, says in _SPELLINGS:
        if found := re.search(pattern, text):
            return says.format(found[0], *found.groups()), found.start()
    return None


def _end(text: str) -> tuple[str, int] | None:
    found = re.search(r"[-+*/^·×÷]\s*$", text)
    return None if found is None else ("something is missing behind this", found.start())


def _product(
    text: str, functions: Collection[str], values: Collection[str]
) -> tuple[str, int] | None:
    """A product without its sign, or a function without its brackets."""
    tokens = list(_TOKEN.finditer(text))
    for a, b in itertools.pairwise(tokens):
        begins = b.lastgroup == "number" or b[0] in {*functions, *values, "("}
        if a[0] in functions and b[0] != "(" and begins:
            return f"a function needs brackets: write {a[0]}({b[0]})", b.start()
        ends = a.lastgroup in ("number", "power") or a[0] in values or a[0] == ")"
        if ends and begins:
            before = f"…{a[0]}" if a.lastgroup == "power" or a[0] == ")" else a[0]
            after = f"{b[0]}…" if b[0] == "(" else b[0]
            return f"a product needs its *: write {before}*{after}", b.start()
    for token in tokens:
        if re.fullmatch(r"[xy]{2,4}", token[0]):
            return f"a product needs its *: write {'*'.join(token[0])}", token.start() + 1
    return None
