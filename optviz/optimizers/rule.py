"""From an update rule as it stands in a paper to the source of its compiled kernel.

A rule is a plain function of one coordinate::

    def rule(x, g, m, lr, momentum):
        m = momentum * m - lr * g
        return x + m, m

Its arguments say what it needs: the parameter and its gradient first, then, in any order and by
name, hyperparameters, state slots (here `m`), `t` (the step, from 1) and powers such as `beta1_t`
(beta1 to the t, kept as a running product: a power costs 20-40 ns a step, a product nothing).
It returns the new parameter and the new slots in the order of its arguments.

Because a rule sees one coordinate only, the same kernel serves a network's flat parameter vector
and a block of a thousand independent starts. The two exceptions are `total(…)`, the sum of an
expression over all coordinates of an array, as in `sqrt(total(g**2))`, and `grand_total(…)`, the
same over all arrays of a model: a loop before the others sums, in float64, terms of the array's
type; who steps several runs or arrays gives them to the kernel one by one. Of a grand total there
are three kernels: `step` for an array that is alone, and for one among others `sums`, which adds
what is this array's, and `step_among`, which finds the sums behind its settings.

Everything in it that is the same for all coordinates is computed once, in float64, before the loop,
and rounded to the parameter's type there: so the loop of a float32 kernel is float32 throughout,
and 1 − β₂ keeps its digits.

A program is a rule that was read; `wrappers.py` puts others around it.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: A kernel: x, its gradient, the state (slots, n), the settings and running powers, and t.
STEP = "void(real[::1], real[::1], real[:, ::1], float64[::1], int64)"
#: The kernel of grand totals, which also takes where to add them.
SUMS = "void(real[::1], real[::1], real[:, ::1], float64[::1], int64, float64[::1])"
#: What a rule may call, all of them functions of NumPy or builtins that Numba knows.
FUNCTIONS = {
    "abs", "arctan", "copysign", "cos", "cosh", "exp", "expm1", "hypot", "log", "log1p",
    "max", "min", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
}  # fmt: skip
_BUILTIN = {"abs", "max", "min"}
#: What other functions are in a rule.
INSTEAD = {
    "where": "a if test else b", "maximum": "max(a, b)", "minimum": "min(a, b)",
    "clip": "min(max(a, low), high)", "square": "a**2", "power": "a**b", "absolute": "abs(a)",
    "fabs": "abs(a)", "pow": "a**b", "sigmoid": "1 / (1 + exp(-a))", "reciprocal": "1 / a",
}  # fmt: skip
#: What looks at all coordinates at once (`max` and `min` too, if they are given one thing only).
OVER_ALL = {
    "norm", "sum", "mean", "dot", "vdot", "std", "var", "median", "prod", "any", "all", "argmax",
    "argmin", "cumsum", "sort", "max", "min", "amax", "amin", "len",
}  # fmt: skip
_NO_OTHER = (
    "a rule sees one coordinate; what it needs of all of them it sums by total(…): the norm is "
    "sqrt(total(g**2)), the mean total(g) / total(1), a product of two total(g * m) (of one "
    "coordinate, the norm is abs(g))"
)
#: What is summed over all coordinates of an array, and over those of all arrays.
TOTAL, GRAND_TOTAL = "total", "grand_total"
_STATEMENTS: dict[type[ast.stmt], str] = {
    ast.If: "a rule has no `if` block: write `m = a if test else b`, which asks each coordinate",
    ast.For: "a rule has no loop: write its turns one below the other",
    ast.While: "a rule has no loop: write its turns one below the other",
}
_POWER = "_t"


class RuleError(ValueError):
    """A rule that cannot be made into a kernel; the message names the rule and the line."""


@dataclass(frozen=True)
class Arguments:
    """What a rule's argument names mean."""

    x: str
    g: str
    hyper: tuple[str, ...]
    powers: tuple[str, ...]
    slots: tuple[str, ...]
    uses_t: bool


def arguments_of(rule: Callable[..., Any], hyper: Collection[str]) -> Arguments:
    """Sort the arguments of `rule` into hyperparameters, running powers and state slots.

    Raises
    ------
    RuleError
        If there are fewer than two arguments.
    """
    names = list(inspect.signature(rule).parameters)
    if len(names) < 2:
        raise RuleError(f"{rule.__qualname__}: a rule takes at least a parameter and its gradient")
    x, g, *rest = names
    powers = tuple(n for n in rest if n.endswith(_POWER) and n.removesuffix(_POWER) in hyper)
    return Arguments(
        x=x,
        g=g,
        hyper=tuple(n for n in rest if n in hyper),
        powers=powers,
        slots=tuple(n for n in rest if n not in hyper and n not in powers and n != "t"),
        uses_t="t" in rest,
    )


@dataclass(frozen=True, eq=False)
class Program:
    """A rule that was read: its statements, and what it returns, the new parameter first."""

    name: str
    hyper: tuple[str, ...]
    arguments: Arguments
    statements: tuple[ast.stmt, ...]
    result: tuple[ast.expr, ...]
    #: The numbers that it reads from around it.
    constants: Mapping[str, float]

    @functools.cached_property
    def totals(self) -> int:
        """How many sums over an array it asks for."""
        return self._count(TOTAL)

    @functools.cached_property
    def grand_totals(self) -> int:
        """How many sums over all arrays."""
        return self._count(GRAND_TOTAL)

    def _count(self, name: str) -> int:
        return sum(
            isinstance(part, ast.Call) and _which_total(part) == name
            for node in (*self.statements, *self.result) for part in ast.walk(node)
        )  # fmt: skip


def program_of(rule: Callable[..., Any], hyper: tuple[str, ...]) -> Program:
    """Read a rule.

    Parameters
    ----------
    rule
        The update of one coordinate; assignments, arithmetic, conditional expressions, numeric
        constants, the functions in `FUNCTIONS`, and totals.
    hyper
        The names of the hyperparameters, in the order of the kernel's `hyper` vector; the
        running powers that the rule asks for follow them there.

    Raises
    ------
    RuleError
        If the rule's source cannot be found or it does not return what its arguments ask for.
    """
    arguments = arguments_of(rule, hyper)
    statements, result = _body(rule)
    if len(result) != 1 + len(arguments.slots):
        expected = ", ".join(["the new parameter", *arguments.slots])
        raise RuleError(
            f"{rule.__qualname__} returns {len(result)} value(s), but its arguments ask for "
            f"{1 + len(arguments.slots)}: {expected} (is a hyperparameter misspelt?)"
        )
    return Program(
        rule.__qualname__, hyper, arguments, tuple(statements), tuple(result), _constants(rule)
    )


def kernel_source(program: Program) -> str:
    """The text of a module whose `step` applies the program to each coordinate.

    Raises
    ------
    RuleError
        If it holds anything that a rule may not.
    """
    kernels = ["step"] + (["sums", "step_among"] if program.grand_totals else [])
    texts, called = [], {"sqrt"}
    for kernel in kernels:
        hoist = _Hoist(program, kernel)
        texts += ["", "", *_kernel_lines(program, kernel, hoist)]
        called |= hoist.called - _BUILTIN
    return "\n".join([
        f'"""{program.name}, made by optviz from the rule; safe to delete."""',
        "",
        f"from numpy import {', '.join(sorted(called))}",
        *texts,
        "",
    ])  # fmt: skip


def _kernel_lines(program: Program, kernel: str, hoist: _Hoist) -> list[str]:
    """The lines of one of the functions."""
    arguments, hyper = program.arguments, program.hyper
    # What is read is changed on the way: each kernel takes it afresh.
    for statement in copy.deepcopy(program.statements):
        hoist.loop += hoist.statement(statement)
    new = [ast.unparse(hoist.expression(value)) for value in copy.deepcopy(program.result)]
    prologue = [f"{name} = _hyper[{hyper.index(name)}]" for name in arguments.hyper]
    prologue += ["t = float(_t)"] if arguments.uses_t else []
    for k, power in enumerate(arguments.powers, start=len(hyper)):
        base = hyper.index(power.removesuffix(_POWER))
        prologue += [
            f"{power} = _hyper[{k}] * _hyper[{base}]",
            # Products below the normal range would make every further step slow.
            f"{power} = {power} if {power} > 1e-300 else 0.0",
        ]
        # The step keeps the product; who sums before it must leave it.
        prologue += [] if kernel == "sums" else [f"_hyper[{k}] = {power}"]
    targets = ["_x[_i]", *(f"_state[{row}, _i]" for row in range(len(arguments.slots)))]
    # All new values are computed before the first is stored, as in the rule's return.
    writes = [f"_new{k} = {value}" for k, value in enumerate(new)]
    writes += [f"{target} = _new{k}" for k, target in enumerate(targets)]
    lines = hoist.reads + hoist.loop + writes
    loop = ["for _i in range(_x.size):", *(f"    {line}" for line in lines)]
    end = [f"_out[{k}] += {name}" for k, name in enumerate(hoist.grand)]
    body = prologue + hoist.prologue + (end if kernel == "sums" else loop)
    given = "_x, _grad, _state, _hyper, _t" + (", _out" if kernel == "sums" else "")
    return [f"def {kernel}({given}):", "    _real = _x.dtype.type",
            *(f"    {line}" for line in body)]  # fmt: skip


def _reads(arguments: Arguments) -> list[str]:
    """The lines that fetch what a rule sees of a coordinate."""
    return [
        f"{arguments.x} = _x[_i]", f"{arguments.g} = _grad[_i]",
        *(f"{slot} = _state[{row}, _i]" for row, slot in enumerate(arguments.slots)),
    ]  # fmt: skip


def _body(rule: Callable[..., Any]) -> tuple[list[ast.stmt], list[ast.expr]]:
    """The statements of a rule before its return, and the returned values."""
    try:
        source = textwrap.dedent(inspect.getsource(rule))
    except (OSError, TypeError):
        raise RuleError(
            f"the source of {rule.__qualname__} cannot be read: define it in a file or a notebook"
        ) from None
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise RuleError(f"{rule.__qualname__}: a rule is written with def")
    statements = definition.body
    if ast.get_docstring(definition) is not None:
        statements = statements[1:]
    if not statements or not isinstance(statements[-1], ast.Return) or not statements[-1].value:
        raise RuleError(f"{rule.__qualname__}: a rule ends with a return of the new values")
    value = statements[-1].value
    if isinstance(value, ast.Constant) and value.value is None:
        raise RuleError(f"{rule.__qualname__}: a rule returns the new values, not None")
    return statements[:-1], value.elts if isinstance(value, ast.Tuple) else [value]


class _Hoist:
    """Splits a rule into what is the same for all coordinates and what belongs in the loop."""

    def __init__(self, program: Program, kernel: str = "step") -> None:
        arguments = program.arguments
        self.program, self.kernel = program, kernel
        self.prologue: list[str] = []
        self.per_coordinate = {arguments.x, arguments.g, *arguments.slots}
        self.shared = {*arguments.hyper, *arguments.powers, *({"t"} if arguments.uses_t else ())}
        self.constants = program.constants
        self.hoisted: dict[str, str] = {}
        self.called: set[str] = set()
        self.reads = _reads(arguments)
        #: The lines for each coordinate so far.
        self.loop: list[str] = []
        self.totals = 0
        #: The names of the sums over all arrays, in their order, and what is made of them.
        self.grand: list[str] = []
        self.of_grand: set[str] = set()

    def statement(self, node: ast.stmt) -> list[str]:
        """The lines that a statement leaves in the loop (none if it is the same for all)."""
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            value: ast.expr = ast.BinOp(ast.Name(node.target.id), node.op, node.value)
            target: ast.expr = node.target
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            value, target = node.value, node.targets[0]
        else:
            what = _STATEMENTS.get(type(node), "a rule holds assignments and one return")
            raise self.error(node, what)
        if not isinstance(target, ast.Name):
            raise self.error(node, "assign to one name at a time")
        if self.hangs_on_grand(value):
            self.of_grand.add(target.id)
        if self.is_shared(value):
            if target.id in self.per_coordinate:
                raise self.error(node, f"{target.id!r} differs between coordinates; use a new name")
            self.prologue.append(f"{target.id} = {ast.unparse(self.checked(value))}")
            self.shared.add(target.id)
            self.hoisted.clear()  # a name may have changed its value
            return []
        if target.id in self.shared:
            raise self.error(node, f"{target.id!r} is the same for all coordinates; use a new name")
        line = f"{target.id} = {ast.unparse(self.expression(value))}"
        self.per_coordinate.add(target.id)
        return [line]

    def is_shared(self, node: ast.AST) -> bool:
        """What is inside a total does not count."""
        if isinstance(node, ast.Call) and _which_total(node):
            return True
        if isinstance(node, ast.Name):
            return node.id not in self.per_coordinate
        return all(self.is_shared(part) for part in ast.iter_child_nodes(node))

    def total(self, call: ast.Call) -> ast.expr:
        """The sum of an expression over all coordinates, as far as they are computed here."""
        if len(call.args) != 1 or call.keywords:
            raise self.error(
                call, f"{ast.unparse(call)!r}: {_which_total(call)} takes one expression"
            )
        name = f"_sum{self.totals}"
        self.totals += 1
        self.shared.add(name)
        if _which_total(call) == GRAND_TOTAL:
            if self.hangs_on_grand(call.args[0]):
                # They are summed in one pass.
                what = "what is summed over all arrays may not hang on another such sum"
                raise self.error(call, f"{ast.unparse(call)!r}: {what}")
            self.grand.append(name)
            if self.kernel == "step_among":
                program = self.program
                place = len(program.hyper) + len(program.arguments.powers) + len(self.grand) - 1
                self.prologue.append(f"{name} = _hyper[{place}]")
                return ast.Name(name)
        inner = ast.unparse(self.expression(call.args[0]))
        lines = [*self.reads, *self.loop, f"{name} += {inner}"]
        self.prologue += [f"{name} = 0.0", "for _i in range(_x.size):",
                          *(f"    {line}" for line in lines)]  # fmt: skip
        return ast.Name(name)

    def hangs_on_grand(self, node: ast.AST) -> bool:
        """Whether a sum over all arrays goes into it."""
        return any(
            (isinstance(part, ast.Call) and _which_total(part) == GRAND_TOTAL)
            or (isinstance(part, ast.Name) and part.id in self.of_grand)
            for part in ast.walk(node)
        )

    def expression(self, node: ast.expr) -> ast.expr:
        """`node` with every largest part that is the same for all coordinates taken out."""
        if self.is_shared(node):
            return self.taken_out(self.checked(node))
        match node:
            case ast.Name():
                return node
            case ast.BinOp(op=ast.MatMult()):
                raise self.error(node, f"{ast.unparse(node)!r}: {_NO_OTHER}")
            case ast.BinOp(left, ast.Pow(), ast.Constant(int())):
                return ast.BinOp(self.expression(left), node.op, node.right)
            case ast.BinOp(left, op, right):
                return ast.BinOp(self.expression(left), op, self.expression(right))
            case ast.UnaryOp(op, operand):
                return ast.UnaryOp(op, self.expression(operand))
            case ast.IfExp(test, body, orelse):
                parts = [self.expression(part) for part in (test, body, orelse)]
                return ast.IfExp(*parts)
            case ast.Compare(left, ops, comparators):
                return ast.Compare(
                    self.expression(left), ops, [self.expression(c) for c in comparators]
                )
            case ast.BoolOp(op, values):
                return ast.BoolOp(op, [self.expression(value) for value in values])
            case ast.Call(args=args):
                name = ast.Name(self.function(node))
                return ast.Call(name, [self.expression(a) for a in args], [])
            case _:
                raise self.error(node, f"{ast.unparse(node)!r} is not part of a rule's language")

    def taken_out(self, node: ast.expr) -> ast.expr:
        text = ast.unparse(node)
        if text not in self.hoisted:
            self.hoisted[text] = name = f"_c{len(self.prologue)}"
            is_truth = isinstance(node, ast.Compare | ast.BoolOp)
            self.prologue.append(f"{name} = {text}" if is_truth else f"{name} = _real({text})")
        return ast.Name(self.hoisted[text])

    def checked(self, node: ast.expr) -> ast.expr:
        """A shared expression with functions and constants under their own names."""
        hoist = self

        class Check(ast.NodeTransformer):
            def visit_Call(self, call: ast.Call) -> ast.expr:
                if _which_total(call):
                    return hoist.total(call)
                return ast.Call(
                    ast.Name(hoist.function(call)), [self.visit(a) for a in call.args], []
                )

            def visit_Name(self, name: ast.Name) -> ast.expr:
                if name.id in hoist.shared:
                    return name
                if name.id in hoist.constants:
                    return ast.Constant(hoist.constants[name.id])
                raise hoist.error(
                    name,
                    f"{name.id!r} is neither an argument, nor assigned before, nor a number",
                )

            def visit_Attribute(self, attribute: ast.Attribute) -> ast.expr:
                raise hoist.error(attribute, f"{ast.unparse(attribute)!r} is not a number")

        result: ast.expr = Check().visit(node)
        return result

    def function(self, call: ast.Call) -> str:
        """The name of a called function: `sqrt`, `np.sqrt` and `math.sqrt` are the same."""
        match call.func:
            case ast.Name(name) | ast.Attribute(value=ast.Name("np" | "numpy" | "math"), attr=name):
                of_all = name in OVER_ALL and len(call.args) < 2
                if name in FUNCTIONS and not call.keywords and not of_all:
                    self.called.add(name)
                    return name
        called = ast.unparse(call.func).rpartition(".")[2]
        what = f"a rule may call {', '.join(sorted(FUNCTIONS))}"
        if called in OVER_ALL:
            what = _NO_OTHER
        elif called in INSTEAD:
            what = f"write `{INSTEAD[called]}` instead"
        raise self.error(call, f"{ast.unparse(call)!r}: {what}")

    def error(self, node: ast.AST, what: str) -> RuleError:
        return RuleError(f"{self.program.name}, line {getattr(node, 'lineno', '?')}: {what}")


def total(values: Any) -> float:
    """In a rule, the sum of an expression over all coordinates of an array.

    Outside of rules it is the sum of an array, so that a rule can be tried on one.

    >>> import numpy as np
    >>> total(np.array([1.0, 2.0, 4.0]))
    7.0
    """
    return float(np.sum(values))


def grand_total(values: Any) -> float:
    """In a rule, the sum of an expression over all coordinates of all arrays that step together.

    For a path on a function, which is one array, it is `total`; of the parameters of a network,
    each an array of its own, it is the sum over all of them, as in a gradient's whole norm.

    >>> import numpy as np
    >>> grand_total(np.array([1.0, 2.0, 4.0]))
    7.0
    """
    return total(values)


def _which_total(call: ast.Call) -> str:
    """The total that a call asks for; "" if it calls anything else."""
    match call.func:
        case ast.Name(name) | ast.Attribute(value=ast.Name("ov" | "optviz"), attr=name):
            return name if name in (TOTAL, GRAND_TOTAL) else ""
    return ""


def _constants(rule: Callable[..., Any]) -> dict[str, float]:
    """The numbers that a rule reads from its module or from a function around it."""
    closure = inspect.getclosurevars(rule)
    return {
        name: value
        for name, value in {**closure.globals, **closure.nonlocals}.items()
        if isinstance(value, int | float)
    }
