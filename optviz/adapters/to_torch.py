"""Optimizers of ours in PyTorch's programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import library, of_ours
from optviz.optimizers.base import Optimizer
from optviz.optimizers.schedules import Schedule
from optviz.optimizers.state import ArrayState, step_together

Array = NDArray[Any]


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
            for group in self.param_groups:
                if schedule is not None:
                    group[self.optimizer.rate_name] = float(schedule(self._steps))
                hyper = [float(group[name]) for name in self.optimizer.hyper]
                work += [self._prepared(p, hyper) for p in group["params"] if p.grad is not None]
            step_together(work)
            self._steps += 1
            return loss

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
            out: dict[str, Any] = super().state_dict()
            return {**out, "steps": self._steps}

        def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
            """Go on from what `state_dict` returned."""
            given = dict(state_dict)
            steps = given.pop("steps", None)
            if steps is None:
                raise ValueError("this is no state_dict of an optimizer of optviz")
            super().load_state_dict(given)
            arrays = {
                p: ArrayState.loaded(self.optimizer, "p", {
                    name: np.array(value.numpy() if torch.is_tensor(value) else value)
                    for name, value in entry.items()})
                for p, entry in self.state.items()
            }  # fmt: skip
            self._arrays, self._steps = arrays, int(steps)

        def __getstate__(self) -> dict[str, Any]:
            return {"optimizer": self.optimizer, "saved": self.state_dict(),
                    "param_groups": self.param_groups, "defaults": self.defaults}  # fmt: skip

        def __setstate__(self, state: dict[str, Any]) -> None:
            if "saved" not in state:  # as when PyTorch loads a state_dict
                super().__setstate__(state)
                return
            self.__init__(state["param_groups"], state["optimizer"])  # type: ignore[misc]
            self.load_state_dict(state["saved"])

        def __repr__(self) -> str:
            return f"as_torch({self.optimizer!r})\n{super().__repr__()}"

    return OptvizOptimizer


def _check(p: Any) -> None:
    import torch

    if p.dtype not in (torch.float32, torch.float64) or p.device.type != "cpu":
        raise ValueError(
            f"optviz steps float32 and float64 parameters on the CPU, not {p.dtype} on {p.device}"
        )
