"""Optimizers of PyTorch as ours."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import class_of, is_kind, library, named, numbers, theirs, told, tried
from optviz.optimizers.foreign import Foreign, Stepper

Array = NDArray[Any]


class TorchRun:
    """A parameter, and the optimizer that steps it."""

    def __init__(self, make: Callable[[list[Any]], Any], x: Array) -> None:
        import torch

        self.parameter = torch.nn.Parameter(torch.from_numpy(x))
        self.optimizer = make([self.parameter])
        #: What was asked for last: an optimizer may change its own rate meanwhile.
        self.rate: float | None = self.optimizer.param_groups[0].get("lr")

    def step(self, x: Array, g: Array, rate: float | None) -> Array:
        """The place after x."""
        import torch

        with torch.no_grad():
            self.parameter.copy_(torch.from_numpy(x.copy()))
        self.parameter.grad = torch.from_numpy(g)
        if rate is not None and rate != self.rate:
            self.rate = rate
            for group in self.optimizer.param_groups:
                group["lr"] = rate
        self.optimizer.step()
        return np.array(self.parameter.detach().numpy())

    def copy(self) -> TorchRun:
        """Another that goes on by itself."""
        return copy.deepcopy(self)


class Torch(Foreign):
    """One of PyTorch's; see `optviz.adapters.torch`."""

    library: ClassVar[str] = "torch"
    #: A class that is made from parameters and settings, or a function of the parameters.
    make: ClassVar[Any] = None

    def begin(self, x: Array, settings: dict[str, Any]) -> Stepper:
        """A parameter and its optimizer."""
        if not isinstance(self.make, type):
            return TorchRun(self.make, x)
        return TorchRun(lambda params: self.make(params, **{**self.fixed, **settings}), x)


def adapted(optimizer: Any, settings: Mapping[str, Any]) -> Foreign:
    """What `optviz.adapters.torch` returns."""
    torch = library("torch")
    base = torch.optim.Optimizer
    if isinstance(optimizer, str):
        optimizer = named("torch.optim", torch.optim, optimizer, is_kind(base))
    if isinstance(optimizer, base):
        raise ValueError(
            f"{type(optimizer).__name__} has parameters already: give its class and settings, as "
            "in ov.adapters.torch(torch.optim.Adam, lr=0.1), or a function of the parameters"
        )
    is_class = is_kind(base)(optimizer)
    if not is_class and not callable(optimizer):
        raise ValueError(f"torch optimizer must be a class such as torch.optim.Adam, not "
                         f"{optimizer!r:.60}")  # fmt: skip
    parameter = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    made = tried("torch", optimizer, [parameter], **theirs(settings, optimizer))
    if not isinstance(made, base):
        raise ValueError(f"torch: {optimizer!r:.60} makes no torch.optim.Optimizer")
    kind = type(made).__name__
    closure = inspect.signature(type(made).step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise ValueError(
            f"torch's {kind} evaluates the function within its step: try scipy:L-BFGS-B"
        )
    parameter.grad = torch.zeros_like(parameter)
    tried(f"torch's {kind} makes no step along a gradient", made.step)
    more: dict[str, Any] = {
        "make": optimizer if is_class else staticmethod(optimizer),
        "library": told("torch"),
    }
    if not is_class:
        rate = {"lr": made.param_groups[0]["lr"]} if "lr" in made.param_groups[0] else {}
        return class_of(Torch, f"Torch{kind}", settings, rate="lr", numbers=rate, **more)
    is_theirs = getattr(torch.optim, optimizer.__name__, None) is optimizer
    return class_of(Torch, f"Torch{kind}", settings, rate="lr", numbers=numbers(optimizer),
                    origin=f"torch:{optimizer.__name__}" if is_theirs else "", **more)  # fmt: skip
