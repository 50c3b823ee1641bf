"""Symbolic derivatives of checked formulas, on a graph in which equal parts stand once.

A computer algebra system is not asked: it expands (3x)^50 into whole numbers of 80 digits, takes
minutes over cosh((x+y)^64), and simplifies the domain away, so that a gradient goes on where its
function ends. Here a derivative has a few operations for each of the formula's, whatever those
are, and it is made of the formula's own parts.

Where a derivative does not exist or cannot be held: at a kink, a vertical tangent and the edge of
a power's domain the slope is finite (see `_slope`); a power of a negative base with an exponent
that contains x or y has nan, even where the value happens to exist; and where a part overflows
though the whole does not, as in exp(-exp(exp(x))), 0 times infinity is nan too.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

#: The operators by the names of their nodes in Python's grammar.
OPERATORS: dict[str, Callable[[float, float], float]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "Pow": operator.pow,
}

#: A sum: how often it holds each node. The empty one is zero.
Form = dict[int, float]


def constant_value(node: ast.expr) -> float | None:
    """The value of a part without x and y (nan if it has none), else None."""
    match node:
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.UnaryOp(_, operand):
            inner = constant_value(operand)
            return None if inner is None else -inner
        case ast.BinOp(left, op, right):
            a, b = constant_value(left), constant_value(right)
            return None if a is None or b is None else _folded(type(op).__name__, a, b)
        case ast.Call(ast.Name(name), [argument]):
            inner = constant_value(argument)
            return None if inner is None else _folded(name, inner)
    return None


def _folded(op: str, *values: float) -> float:
    """An operator or a function applied to numbers; nan where it has no real value."""
    import numpy as np

    if op == "USub":
        return -values[0]
    if op == "IsZero":
        return float(values[0] == 0)
    if op not in OPERATORS:
        with np.errstate(all="ignore"):
            return float(getattr(np, op)(*values))
    try:
        result = OPERATORS[op](*values)
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return result if isinstance(result, float) else math.nan


class Node(NamedTuple):
    """An operation: a name of Python's grammar or of a function, "x", "y", "number", "IsZero"."""

    op: str
    args: tuple[int, ...] = ()
    value: float | None = None


@dataclass(frozen=True)
class Derived:
    """A formula's graph, with the nodes of its value and of its derivatives.

    Attributes
    ----------
    value
        f.
    gradient
        ∂f/∂x, ∂f/∂y.
    hessian
        ∂²f/∂x², ∂²f/∂x∂y, ∂²f/∂y².
    is_total
        Whether the gradient is nowhere finite where f is not.
    """

    graph: Graph
    value: int
    gradient: tuple[int, int]
    hessian: tuple[int, int, int]
    is_total: bool

    @property
    def is_constant(self) -> bool:
        """Whether both derivatives are 0 as formulas.

        >>> [derived(ast.parse(text, mode="eval").body).is_constant for text in ("3", "x*0", "x")]
        [True, True, False]
        """
        zero = Node("number", value=0.0)
        return all(self.graph.nodes[k] == zero for k in self.gradient)


def derived(tree: ast.expr) -> Derived:
    """The first and second derivatives of a checked tree.

    Raises
    ------
    OverflowError
        If one of their constants is too large for a float.

    Examples
    --------
    >>> made = derived(ast.parse("log(x) + y**2", mode="eval").body)
    >>> made.graph.nodes[made.gradient[0]].op, made.is_total
    ('Div', False)
    """
    graph = Graph()
    root = graph.add(tree)
    dx, dy = graph.gradient(root)
    (dxx, dxy), (_, dyy) = graph.gradient(dx), graph.gradient(dy)
    return Derived(graph, root, (dx, dy), (dxx, dxy, dyy), graph.is_total(root, (dx, dy)))


class Graph:
    """Nodes by number, each after its arguments, none twice; numbers are folded at once.

    Examples
    --------
    >>> graph = Graph()
    >>> root = graph.add(ast.parse("x*y + sin(x*y)", mode="eval").body)
    >>> [node.op for node in graph.nodes[3:]]
    ['Mult', 'sin', 'Add']
    >>> dx, dy = graph.gradient(root)
    >>> [graph.nodes[k].op for k in graph.parts([dx])]
    ['x', 'y', 'Mult', 'cos', 'Mult', 'Add']
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        #: Nodes that are a·x + b·y + c as such sums, None for others.
        self._lines: list[Form | None] = []
        self.one = 0
        self.variables = 1, 2
        self.number(1.0), self.node("x"), self.node("y")

    # -- building ----------------------------------------------------------------------------

    def add(self, tree: ast.expr) -> int:
        """The node of a checked tree."""
        value = constant_value(tree)
        if value is not None:
            return self.number(value)
        match tree:
            case ast.Name(name):
                return self.node(name)
            case ast.UnaryOp(_, operand):
                return self.node("USub", self.add(operand))
            case ast.Call(ast.Name(name), [argument]):
                return self.node(name, self.add(argument))
            case ast.BinOp(left, op, right):
                return self.node(type(op).__name__, self.add(left), self.add(right))
        raise AssertionError(ast.dump(tree))

    def node(self, op: str, *args: int) -> int:
        """The number of an operation's node, which is made if there is none."""
        values = [value for a in args if (value := self.nodes[a].value) is not None]
        if args and len(values) == len(args):
            return self.number(_folded(op, *values))
        swapped = self._numbers.get(Node(op, args[::-1])) if op in ("Add", "Mult") else None
        return self._kept(Node(op, args)) if swapped is None else swapped

    def number(self, value: float) -> int:
        """The node of a number."""
        if not math.isfinite(value):
            raise OverflowError("a derivative of this has a constant too large for a float")
        return self._kept(Node("number", (), value))

    def _kept(self, node: Node) -> int:
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
            self._lines.append(self._line(len(self._lines)))
        return self._numbers[node]

    def parts(self, roots: Iterable[int]) -> list[int]:
        """All nodes that the roots are made of, each after its arguments."""
        found = set(roots)
        for k in range(max(found), -1, -1):
            if k in found:
                found.update(self.nodes[k].args)
        return sorted(found)

    # -- sums --------------------------------------------------------------------------------

    def form(self, k: int) -> Form:
        """A node as a sum of one term, its factor in front."""
        op, args, value = self.nodes[k]
        if value is not None:
            return {self.one: value} if value else {}
        if op == "USub":
            return _scaled(self.form(args[0]), -1)
        if op == "Div" and (number := self.nodes[args[1]].value) is not None:
            return _scaled(self.form(args[0]), 1 / number)
        if op == "Mult":
            for factor, other in (args, args[::-1]):
                if (number := self.nodes[factor].value) is not None:
                    return _scaled(self.form(other), number)
        return {k: 1.0}

    def times(self, f: Form, g: Form) -> Form:
        """The product of two sums, a sum of one term unless one of them is a number."""
        f, g = self._gathered(f), self._gathered(g)
        for one, other in ((f, g), (g, f)):
            if one.keys() <= {self.one}:
                return _scaled(other, one.get(self.one, 0.0))
        (a, p), (b, q) = self._single(f), self._single(g)
        return {self.node("Mult", p, q): a * b}

    def sum(self, f: Form) -> int:
        """The node of a sum."""
        f = self._gathered(f)
        if not f:
            return self.number(0.0)
        factor, k = self._single(f)
        return self._term(k, factor)

    def _single(self, f: Form) -> tuple[float, int]:
        """A sum as a factor and a node."""
        if len(f) == 1:
            ((k, c),) = f.items()
            return c, k
        sizes = {abs(c) for c in f.values()}
        factor = sizes.pop() if len(sizes) == 1 else 1.0
        # Positive terms first, which spares a sign.
        (k, c), *rest = sorted(f.items(), key=lambda item: item[1] < 0)
        total = self._term(k, c / factor)
        for k, c in rest:
            total = self.node("Sub" if c < 0 else "Add", total, self._term(k, abs(c / factor)))
        return factor, total

    def _term(self, k: int, c: float) -> int:
        if c == 1:
            return k
        return self.node("USub", k) if c == -1 else self.node("Mult", self.number(c), k)

    def _gathered(self, f: Form) -> Form:
        """A sum in which all terms of the kind a·x + b·y + c have become one.

        Also where it holds but one of them: of a sum of two products, the compiler may fuse the
        one in a loop over many points and the other in that over one, which differ in the last bit.
        """
        lines = {k: line for k in f if k != self.one and (line := self._lines[k]) is not None}
        if not lines or len(f) == 1:
            return f
        total: Form = {}
        for k, line in lines.items():
            total = _added(total, _scaled(line, f[k]))
        return _added(total, {k: c for k, c in f.items() if k not in lines})

    def _line(self, k: int) -> Form | None:
        op, args, _ = self.nodes[k]
        if op in ("Add", "Sub"):
            a, b = (self._lines[n] for n in args)
            return None if a is None or b is None else _added(a, _scaled(b, _SIGNS[op]))
        form = self.form(k)
        if form.keys() <= {self.one, *self.variables}:
            return form
        ((inner, factor),) = form.items()
        line = None if inner == k else self._lines[inner]
        return None if line is None else _scaled(line, factor)

    # -- derivatives -------------------------------------------------------------------------

    def gradient(self, root: int) -> tuple[int, int]:
        """∂/∂x and ∂/∂y of a node."""
        x, y = (self._along(root, variable) for variable in self.variables)
        return x, y

    def _along(self, root: int, variable: int) -> int:
        slopes: dict[int, Form] = {variable: {self.one: 1.0}}
        for k in self.parts([root]):
            for argument, partial in self._partials(k):
                more = self.times(partial, slopes.get(argument, {}))
                slopes[k] = _added(slopes.get(k, {}), more)
        return self.sum(slopes.get(root, {}))

    def _partials(self, k: int) -> list[tuple[int, Form]]:
        """The derivatives of a node by each of its arguments that is no number."""
        op, args, _ = self.nodes[k]
        if not args or op in ("sign", "IsZero"):
            return []
        a, b = args[0], args[-1]
        match op:
            case "Add" | "Sub":
                rules = [{self.one: 1.0}, {self.one: _SIGNS[op]}]
            case "USub":
                rules = [{self.one: -1.0}]
            case "Mult":
                rules = [self.form(b), self.form(a)]
            case "Div":
                inverse = self._inverse(b)
                rules = [inverse, _scaled(self.times(inverse, self.form(k)), -1)]
            case "Pow":
                rules = [self._by_base(k, a, b), self._by_exponent(k, a, b)]
            case _:
                rules = [self._slope(op, a, k)]
        return [(argument, rule) for argument, rule in zip(args, rules, strict=True)
                if self.nodes[argument].value is None]  # fmt: skip

    def _slope(self, op: str, u: int, k: int) -> Form:
        """The derivative of a function by its argument u; k is its value.

        On the plane d|u| = sign(u) du and d sign(u) = 0, but for a set of measure zero. There,
        and where roots and arcs have a vertical tangent, the slope is finite, so that a path
        which hits the tip of a cone exactly stays on it.
        """
        match op:
            case "exp":
                return {k: 1.0}
            case "log":
                return self._inverse(u)
            case "sqrt":
                return _scaled(self._inverse(self.node("Add", k, self.node("IsZero", u))), 0.5)
            case "arcsin" | "arccos":
                root, product = self._arc_root(u)
                inverse = self._inverse(self.node("Add", root, self.node("IsZero", product)))
                return _scaled(inverse, 1 if op == "arcsin" else -1)
            case "arctan":
                return self._inverse(self.sum({self.one: 1.0, self._square(u): 1.0}))
            case "tan" | "tanh":
                return {self.one: 1.0, self._square(k): 1.0 if op == "tan" else -1.0}
            case "cos":
                return {self.node("sin", u): -1.0}
        return {self.node({"abs": "sign", "sin": "cos", **_HYPERBOLIC}[op], u): 1.0}

    def _inverse(self, k: int) -> Form:
        """1/k as a node of its own: ∂/∂x and ∂/∂y share the division."""
        return self.form(self.node("Div", self.one, k))

    def _square(self, k: int) -> int:
        return self.node("Pow", k, self.number(2.0))

    def _arc_root(self, u: int) -> tuple[int, int]:
        """√(1 − u²) and what is under the root."""
        product = self.node("Mult", self.node("Sub", self.one, u), self.node("Add", self.one, u))
        return self.node("sqrt", product), product

    def _guarded(self, u: int) -> int:
        """u, but 1 where it is 0."""
        return self.node("Add", u, self.node("IsZero", u))

    def _by_base(self, k: int, base: int, exponent: int) -> Form:
        n = self.nodes[exponent].value
        if n is not None and n.is_integer() and n >= 0:
            lower = {0: self.one, 1: self.one, 2: base}.get(int(n))
            lower = self.node("Pow", base, self.number(n - 1)) if lower is None else lower
            return _scaled(self.form(lower), n)
        # u^v/u instead of u^(v−1) spares a power.
        divisor = base if n is not None and n < 0 else self._guarded(base)
        return self.times(self.times(self.form(exponent), self.form(k)), self._inverse(divisor))

    def _by_exponent(self, k: int, base: int, exponent: int) -> Form:
        if self.nodes[exponent].value is not None:
            return {}
        return self.times(self.form(self.node("log", self._guarded(base))), self.form(k))

    def is_total(self, root: int, slopes: tuple[int, int]) -> bool:
        """Whether the gradient has no finite value wherever the node has none.

        So it is if each part that may have none returns in the gradient, or another that has none
        in the same places: nan spreads. A logarithm's slope 1/x goes on where it ends; what `sign`
        or a difference hides leaves no trace; and a plane's slope is the same at infinity.
        """
        kept = set(self.parts(slopes))
        return all(self._companion(k) in kept for k in self.parts([root]) if self._is_partial(k))

    def _is_partial(self, k: int) -> bool:
        op, args, _ = self.nodes[k]
        if op in ("Div", "Pow"):
            # By a variable, or with an exponent that is not 0, 1, 2, ...
            n = self.nodes[args[1]].value
            return n is None or (op == "Pow" and not (n >= 0 and n.is_integer()))
        return op in ("x", "y", "log", "sqrt", "arcsin", "arccos", "exp", "sinh", "cosh")

    def _companion(self, k: int) -> int:
        op, args, _ = self.nodes[k]
        if op in ("arcsin", "arccos"):
            return self._arc_root(args[0])[0]
        return self.node(_HYPERBOLIC[op], *args) if op in _HYPERBOLIC else k


_SIGNS = {"Add": 1.0, "Sub": -1.0}
#: Each is the other's derivative.
_HYPERBOLIC = {"sinh": "cosh", "cosh": "sinh"}


def _added(f: Form, g: Form) -> Form:
    total = {**f, **{k: f.get(k, 0.0) + c for k, c in g.items()}}
    return {k: c for k, c in total.items() if c}


def _scaled(f: Form, factor: float) -> Form:
    return {k: c * factor for k, c in f.items() if c * factor}
