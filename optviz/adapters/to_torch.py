"""Optimizers of ours in PyTorch's programs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import library, of_ours
from optviz.optimizers.base import Optimizer
from optviz.optimizers.schedules import Schedule
from optviz.optimizers.state import ArrayState, step_together
from optviz.shared.text import listed

Array = NDArray[Any]

#: In a state: the weights, while averages are in their place.
TRAINED = "trained"


def adapted(params: Iterable[Any], optimizer: str | Optimizer) -> Any:
    """What `optviz.adapters.as_torch` returns."""
    library("torch")
    return _kind()(params, of_ours(optimizer, "PyTorch"))


@functools.cache
def _kind() -> Any:
    """The class, which derives from PyTorch's: made when PyTorch is there."""
    import torch

    class OptvizOptimizer(torch.optim.Optimizer):  # type: ignore[misc]
        """An optimizer of optviz; parameters are stepped where they lie, on the CPU."""

        def __init__(self, params: Any, optimizer: Optimizer) -> None:
            self.optimizer = optimizer
            self._arrays: dict[Any, ArrayState] = {}
            self._steps = 0
            self._trained: dict[Any, Any] = {}
            usual = {name: v.first() if isinstance(v, Schedule) else v
                     for name, v in optimizer.hyper.items()}  # fmt: skip
            super().__init__(params, usual)

        def add_param_group(self, param_group: dict[str, Any]) -> None:
            """A group with settings of its own; those that do not fit are refused."""
            super().add_param_group(param_group)
            group = self.param_groups[-1]
            try:
                self.optimizer.fresh(**{name: group[name] for name in self.optimizer.hyper})
                for p in group["params"]:
                    _check(p)
            except ValueError:
                self.param_groups.pop()
                raise

        @torch.no_grad()  # type: ignore[untyped-decorator]
        def step(self, closure: Callable[[], Any] | None = None) -> Any:
            """One step of every parameter that has a gradient."""
            if self._trained:
                raise ValueError("the parameters are averages since eval(): call train() to go on")
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            schedule, work = self.optimizer.schedule, []
            has_begun = bool(self._arrays)
            for group in self.param_groups:
                if schedule is not None:
                    group[self.optimizer.rate_name] = float(schedule(self._steps))
                self._check_rate(group)
                for p in group["params"] if has_begun else ():
                    if p.grad is not None and p not in self._arrays:
                        self.optimizer.check_latecomer(f"a parameter {tuple(p.shape)}", True)
                hyper = [float(group[name]) for name in self.optimizer.hyper]
                work += [self._prepared(p, hyper) for p in group["params"] if p.grad is not None]
            step_together(work)
            self._steps += 1
            return loss

        def _check_rate(self, group: Mapping[str, Any]) -> None:
            """A scheduler may set a rate to 0, which stands still, but not to what is no number."""
            rate = group.get(self.optimizer.rate_name, 1.0)
            if not 0 <= rate < math.inf or (rate == 0 and self.optimizer.divides_by_rate):
                above = "> 0 (its rule divides by it)" if self.optimizer.divides_by_rate else "≥ 0"
                raise ValueError(
                    f"{type(self.optimizer).__name__}: {self.optimizer.rate_name} must be a finite "
                    f"number {above}, not {rate!r}"
                )

        def _prepared(self, p: Any, hyper: list[float]) -> tuple[ArrayState, Array, Array]:
            if p.grad.is_sparse:
                raise ValueError("optviz steps along dense gradients, and this one is sparse")
            x, g = p.detach().numpy(), p.grad.detach().numpy()
            state = self._arrays.get(p)
            if state is None:
                state = self._arrays[p] = ArrayState(self.optimizer, "p", x)
            state.hyper[: len(hyper)] = hyper
            return state, x, state.checked_gradient("p", x, g)

        @torch.no_grad()  # type: ignore[untyped-decorator]
        def eval(self) -> None:
            """Put the averages that `ema`, `swa` and some rules keep in the parameters' place;
            `train` brings these back. Nothing happens without an average."""
            row = self.optimizer.shown_slot
            if row >= 0 and not self._trained:
                self._trained = {p: p.detach().clone() for p in self._arrays}
                for p, state in self._arrays.items():
                    p.copy_(torch.from_numpy(state.slot_array(row)))

        @torch.no_grad()  # type: ignore[untyped-decorator]
        def train(self) -> None:
            """Go on where `eval` stopped."""
            for p, values in self._trained.items():
                p.copy_(values)
            self._trained = {}

        # Files hold what PyTorch's own do: tensors by parameter.

        def state_dict(self) -> dict[str, Any]:
            """As PyTorch's: `state` with the slots of each parameter, and `param_groups`."""
            for p, state in self._arrays.items():
                arrays = map(torch.from_numpy, state.slot_arrays())
                slots = dict(zip(self.optimizer.slots, arrays, strict=True))
                # As numbers: PyTorch casts tensors to the type of the parameter.
                powers = state.hyper[len(self.optimizer.hyper) :].tolist()
                self.state[p] = {"t": state.t, "powers": powers, **slots}
                if p in self._trained:  # between eval() and train()
                    self.state[p][TRAINED] = self._trained[p]
            out: dict[str, Any] = super().state_dict()
            return {**out, "steps": self._steps, "kind": self.optimizer._kind()}

        def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
            """Go on from what `state_dict` returned; nothing changes if it does not fit."""
            given = dict(state_dict)
            steps, kind = given.pop("steps", None), given.pop("kind", None)
            if steps is None or kind is None:
                raise ValueError("this is no state_dict of an optimizer of optviz")
            if kind != self.optimizer._kind():
                name = type(self.optimizer).__name__
                raise ValueError(f"{name}: this is the state of another optimizer or convention")
            self._check_fits(given)
            super().load_state_dict(given)
            self._trained = {p: entry.pop(TRAINED) for p, entry in self.state.items()
                             if TRAINED in entry}  # fmt: skip
            arrays = {
                p: ArrayState.loaded(self.optimizer, "p", {
                    name: np.array(value.numpy() if torch.is_tensor(value) else value)
                    for name, value in entry.items()})
                for p, entry in self.state.items()
            }  # fmt: skip
            self._arrays, self._steps = arrays, int(steps)

        def _check_fits(self, given: Mapping[str, Any]) -> None:
            """Whether a state's slots and settings are this optimizer's, its shapes the model's."""
            name, wanted = type(self.optimizer).__name__, {"t", "powers", *self.optimizer.slots}
            for group in given["param_groups"]:
                if odd := set(self.optimizer.hyper) - group.keys():
                    raise ValueError(
                        f"{name}: this state has no {listed(sorted(odd))}: was it made with the "
                        "same settings around the rule?"
                    )
            mine = [p for group in self.param_groups for p in group["params"]]
            theirs = [k for group in given["param_groups"] for k in group["params"]]
            for k, p in zip(theirs, mine, strict=False):
                entry = given["state"].get(k, {})
                if entry and entry.keys() - {TRAINED} != wanted:
                    has, here = listed(sorted(entry)), listed(sorted(wanted))
                    raise ValueError(f"{name}: this state has {has}, and here are {here}")
                for slot in self.optimizer.slots if entry else ():
                    if entry[slot].shape != p.shape:
                        raise ValueError(
                            f"{name}: parameter {k} was {tuple(entry[slot].shape)}, and is "
                            f"{tuple(p.shape)} here: is it another model's?"
                        )

        def __reduce__(self) -> Any:
            # The class is made when PyTorch is there: a file names what makes it.
            return _again, (self.optimizer, self.param_groups, self.state_dict())

        def __repr__(self) -> str:
            return f"as_torch({self.optimizer!r})\n{super().__repr__()}"

    return OptvizOptimizer


def _again(optimizer: Optimizer, groups: Any, saved: dict[str, Any]) -> Any:
    """A copy, or what a pickle was of: the groups hold their settings and parameters."""
    made = _kind()(groups, optimizer)
    made.load_state_dict(saved)
    return made


def _check(p: Any) -> None:
    import torch

    if p.dtype not in (torch.float32, torch.float64) or p.device.type != "cpu":
        raise ValueError(
            f"optviz steps float32 and float64 parameters on the CPU, not {p.dtype} on {p.device}"
        )
