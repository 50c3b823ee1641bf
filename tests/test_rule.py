"""From a rule to its kernel: what is hoisted, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import optviz as ov
from optviz.optimizers.rule import RuleError, kernel_source, program_of

HALF = 0.5


def source(rule, *hyper: str) -> str:
    return kernel_source(program_of(rule, hyper))


def test_shared_parts_stand_before_the_loop() -> None:
    def rule(x, g, m, lr, beta, beta_t):
        m = beta * m + (1 - beta) * g
        rate = lr / (1 - beta_t)
        return x - HALF * rate * m, m

    before, loop = source(rule, "lr", "beta").split("for _i in")
    assert "_real(1 - beta)" in before
    assert "rate = lr / (1 - beta_t)" in before
    assert "_real(0.5 * rate)" in before
    assert "1 - " not in loop
    assert "_hyper" not in loop


def test_constants_and_module_functions_are_understood() -> None:
    three = 3

    class Odd(ov.Optimizer):
        defaults = {"lr": 0.1}

        @staticmethod
        def rule(x, g, lr):
            return x - lr * np.tanh(three * g) + math.sqrt(0.0) * abs(g)

    x = np.zeros(2)
    Odd().update({"x": x}, {"x": np.array([1.0, -2.0])})
    np.testing.assert_allclose(x, -0.1 * np.tanh([3.0, -6.0]))


def _loop(x, g, lr):
    for _ in range(3):
        x = x - lr * g
    return x


def _branch(x, g, lr):
    if g > 0:
        x = x - lr
    return x


def _with(x, g, lr):
    with np.errstate():
        d = lr * g
    return x - d


def _where(x, g, lr):
    return x - lr * np.where(g > 0, 1.0, -1.0)


def _clip(x, g, lr):
    return x - lr * np.clip(g, -1.0, 1.0)


def _norm(x, g, lr):
    return x - lr * g / np.linalg.norm(g)


def _mean(x, g, lr):
    return x - lr * g.mean()


def _largest(x, g, lr):
    return x - lr * g / np.max(abs(g))


def _product(x, g, lr):
    return x - lr * (g @ g)


def _call(x, g, lr):
    return x - lr * print(g)


def _method(x, g, lr):
    return x - lr * g.real


def _index(x, g, lr):
    return x - lr * g[0]


def _unknown(x, g, lr):
    return x - rate * g  # noqa: F821


def _count(x, g, m, lr):
    return x - lr * g


def _no_return(x, g, lr):
    x = x - lr * g


def _two_targets(x, g, lr):
    a, b = g, lr
    return x - a * b


def _one_argument(x):
    return x


def _shared_to_own(x, g, lr):
    lr = lr * g
    return x - lr


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (_loop, "no loop"),
        (_branch, "m = a if test else b"),
        (_with, "assignments and one return"),
        (_call, "a rule may call"),
        (_where, "write `a if test else b`"),
        (_clip, r"write `min\(max\(a, low\), high\)`"),
        (_norm, r"the norm is sqrt\(total\(g\*\*2\)\)"),
        (_mean, r"the mean total\(g\) / total\(1\)"),
        (_largest, "sees one coordinate"),
        (_product, "sees one coordinate"),
        (_method, "not part of a rule's language"),
        (_index, "not part of a rule's language"),
        (_unknown, "'rate' is neither"),
        (_count, "returns 1 value"),
        (_no_return, "ends with a return"),
        (_two_targets, "one name at a time"),
        (_one_argument, "at least a parameter and its gradient"),
        (_shared_to_own, "'lr' is the same for all"),
        (eval("lambda x, g, lr: x - lr * g"), "cannot be read|written with def"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(rule, says: str) -> None:
    with pytest.raises(RuleError, match=says):
        source(rule, "lr")


def test_the_source_of_a_kernel_can_be_read() -> None:
    text = ov.Adam().kernel_source()
    compile(text, "kernel", "exec")
    assert "def step(_x, _grad, _state, _hyper, _t):" in text


class Twice(ov.Optimizer):
    """A name that is the same for all coordinates changes its value between two uses."""

    defaults = {"lr": 0.5}

    @staticmethod
    def rule(x, g, lr):
        rate = lr * 2
        y = x - (rate + 1) * g
        rate = rate * 10
        return y - (rate + 1) * g


def test_a_shared_name_may_change_its_value() -> None:
    x = np.zeros(1)
    Twice().update({"x": x}, {"x": np.ones(1)})
    assert x[0] == -(2 + 11)
