"""Optimizers that have the loop themselves, and evaluate the function wherever they like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.optimizers.base import Optimizer
from optviz.optimizers.rule import Arguments

Array = NDArray[Any]


@dataclass
class Ground:
    """What a walker walks on.

    Attributes
    ----------
    value, slope, curvature
        f, its gradient (n,) and its Hessian (n, n) at a point (n,).
    lowest
        f*, where it is known.
    values, slopes
        How often f and its gradient have been evaluated; a Hessian counts as n gradients.
    """

    value: Callable[[Array], float]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    lowest: float | None = None
    values: int = 0
    slopes: int = 0

    def f(self, x: Array) -> float:
        """The value at x."""
        self.values += 1
        return float(self.value(x))

    def gradient(self, x: Array) -> Array:
        """∇f at x."""
        self.slopes += 1
        return np.array(self.slope(x), dtype=float)

    def hessian(self, x: Array) -> Array:
        """∇²f at x."""
        self.slopes += len(x)
        return np.array(self.curvature(x), dtype=float)

    @property
    def evaluations(self) -> int:
        """Of the function or of its gradient, whichever are more."""
        return max(self.values, self.slopes)


class Walker(Optimizer):
    """One whose step is not made of a gradient alone."""

    is_compiled: ClassVar[bool] = False
    takes_wrappers: ClassVar[bool] = False
    rules: ClassVar[Any] = {"": None}
    #: Nobody steps parts of an array, or several, for it.
    sums_each_array, grand_totals = True, 0

    def walk(self, ground: Ground, x: Array, steps: int) -> tuple[Array, NDArray[np.int64]]:
        """The points (k + 1, n) from x on, k at most `steps`; and for each how many evaluations had
        been made. Where it ends before, it has converged."""
        raise NotImplementedError

    @property
    def _arguments(self) -> Arguments:
        return Arguments("x", "g", tuple(self._hyper), (), (), False)

    def kernel(self, *_: Any, **__: Any) -> Callable[..., Any]:
        """There is none: a step is not made of a gradient alone."""
        raise ValueError(self._why_not())

    def update(self, *_: Any, **__: Any) -> None:
        """There is none."""
        raise ValueError(self._why_not())

    def _why_not(self) -> str:
        return (f"{self.name} evaluates the function within its steps: here a step is made of one "
                "gradient")  # fmt: skip
