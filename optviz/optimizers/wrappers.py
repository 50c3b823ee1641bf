"""Settings that every optimizer takes: clipping of the gradient, Lookahead, averages of weights.

A wrapper is written in a rule's language, `before` the rule for the gradient or `after` it for the
new parameter, and its first setting turns it on: `adam:lr=0.1,clip_norm=1`. What comes out is one
program, which becomes one kernel; without a wrapper nothing changes.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from numpy import sqrt

from optviz.optimizers.hyper import Hyper, counted, positive, share
from optviz.optimizers.rule import Program, RuleError, grand_total, program_of


def clip_norm(x, g, clip_norm):
    """Pascanu, Mikolov and Bengio (2013), On the Difficulty of Training Recurrent Neural Networks,
    algorithm 1; the norm is that of all arrays together."""
    norm = sqrt(grand_total(g**2))
    return g * (clip_norm / norm if norm > clip_norm else 1)


def lookahead(x, fast, slow, lookahead, slow_step, t):
    """Zhang et al. (2019), Lookahead Optimizer: k Steps Forward, 1 Step Back, algorithm 1."""
    slow = x if t == 1 else slow
    together = t % lookahead == 0
    slow = slow + slow_step * (fast - slow) if together else slow
    return (slow if together else fast), slow


def ema(x, new, average, ema, t):
    """Polyak and Juditsky (1992), with weights that fade; it begins after the first step."""
    return new, (new if t == 1 else average + (1 - ema) * (new - average))


def swa(x, new, average, swa, t):
    """Izmailov et al. (2018), Averaging Weights Leads to Wider Optima, algorithm 1."""
    count = max(t - swa + 1, 1)
    return new, average + (new - average) / count if count > 1 else new


@dataclass(frozen=True)
class Wrapper:
    """What stands around a rule.

    Attributes
    ----------
    settings
        Its hyperparameters; the first has no default, and turns it on.
    before, after
        The new gradient from (x, g, …); or the new parameter and the slots from (x, new, slots …).
    """

    settings: Mapping[str, Hyper]
    before: Callable[..., Any] | None = None
    after: Callable[..., Any] | None = None

    @functools.cached_property
    def slots(self) -> tuple[str, ...]:
        """The rows of state that `after` wants."""
        if self.after is None:
            return ()
        return program_of(self.after, tuple(self.settings)).arguments.slots


#: In the order in which they are applied.
WRAPPERS: Mapping[str, Wrapper] = MappingProxyType({
    "clip_norm": Wrapper({"clip_norm": positive(1.0)}, before=clip_norm),
    "lookahead": Wrapper(
        {"lookahead": counted(5), "slow_step": share(0.5)}, after=lookahead
    ),
    "ema": Wrapper({"ema": share(0.99)}, after=ema),
    "swa": Wrapper({"swa": counted(100)}, after=swa),
})  # fmt: skip
#: Every setting of a wrapper, and which it belongs to.
OWNERS: Mapping[str, str] = {
    setting: name for name, wrapper in WRAPPERS.items() for setting in wrapper.settings
}
#: The slot of an average, which is what a run has come to.
AVERAGE = "average"


def wrapped(program: Program, names: Collection[str]) -> Program:
    """The program with wrappers around it, each with its settings in the program's `hyper`.

    Raises
    ------
    RuleError
        If the program has a slot of the name that a wrapper wants.
    """
    for name, wrapper in WRAPPERS.items():
        if name in names:
            around = wrapper.before or wrapper.after
            assert around is not None
            part = _fitted(program_of(around, tuple(wrapper.settings)), name, program)
            program = (_before if wrapper.before else _after)(program, part)
    return program


def slots_of(names: Collection[str]) -> tuple[str, ...]:
    """The rows of state of wrappers, in the order in which they are applied."""
    return tuple(slot for name in WRAPPERS if name in names for slot in WRAPPERS[name].slots)


def apply_before(names: Collection[str], hyper: Mapping[str, Any], x: Any, g: Any) -> Any:
    """The gradient that wrappers leave, of one array, in plain Python: for steps that are made by
    others."""
    for name, wrapper in WRAPPERS.items():
        if name in names and wrapper.before:
            g = wrapper.before(x, g, **{k: hyper[k] for k in wrapper.settings})
    return g


def apply_after(
    names: Collection[str], hyper: Mapping[str, Any], x: Any, new: Any, state: Any, t: int
) -> Any:
    """The same of the new parameter; the rows of `state` (slots, n) are changed."""
    row = 0
    for name, wrapper in WRAPPERS.items():
        if name in names and wrapper.after:
            rows = slice(row, row := row + len(wrapper.slots))
            settings = {k: hyper[k] for k in wrapper.settings}
            new, *slots = wrapper.after(x, new, *state[rows].copy(), **settings, t=t)
            state[rows] = slots
    return new


def _fitted(part: Program, name: str, program: Program) -> Program:
    """The wrapper's program with names that meet none of the other's."""
    if twice := set(part.arguments.slots) & set(program.arguments.slots):
        raise RuleError(f"{program.name} has a slot {twice.pop()!r}, and so has {name}")
    ours = {part.arguments.x: program.arguments.x}
    if WRAPPERS[name].before:
        ours[part.arguments.g] = program.arguments.g
    kept = {*part.hyper, *part.arguments.slots, "t"}

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            if node.id in ours:
                return ast.Name(ours[node.id])
            is_ours = node.id not in kept and (node.id in local or node.id == part.arguments.g)
            return ast.Name(f"{name}_{node.id}") if is_ours else node

    local = {
        node.id for statement in part.statements for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }  # fmt: skip
    statements, result = (
        tuple(Rename().visit(copy.deepcopy(node)) for node in nodes)
        for nodes in (part.statements, part.result)
    )
    g = ours.get(part.arguments.g, f"{name}_{part.arguments.g}")
    return replace(part, arguments=replace(part.arguments, g=g), statements=statements,
                   result=result)  # fmt: skip


def _before(program: Program, part: Program) -> Program:
    """First the gradient is changed, then the rule has it."""
    (gradient,) = part.result
    first = (*part.statements, ast.Assign([ast.Name(program.arguments.g)], gradient))
    return _joined(program, part, (*first, *program.statements), program.result)


def _after(program: Program, part: Program) -> Program:
    """First the rule makes the new parameter, then it is changed."""
    moved, *slots = program.result
    then = (ast.Assign([ast.Name(part.arguments.g)], moved), *part.statements)
    x, *more = part.result
    return _joined(program, part, (*program.statements, *then), (x, *slots, *more))


def _joined(
    program: Program, part: Program, statements: tuple[Any, ...], result: tuple[Any, ...]
) -> Program:
    ours, its = program.arguments, part.arguments
    arguments = replace(
        ours, hyper=(*ours.hyper, *its.hyper), slots=(*ours.slots, *its.slots),
        uses_t=ours.uses_t or its.uses_t,
    )  # fmt: skip
    return replace(program, arguments=arguments, statements=statements, result=result,
                   constants={**part.constants, **program.constants})  # fmt: skip
