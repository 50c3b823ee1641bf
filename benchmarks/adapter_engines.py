"""Engines for what stands between us and PyTorch: our rule as its optimizer, and a traced loop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.task import Engine

MILLION, LR = 1_000_000, 0.001
SIZES, BATCH, STEPS = (784, 300, 100, 10), 128, 50


def step_million(make: Callable[[list[Any]], Any]) -> Engine:
    """Steps of one parameter of a million float32 numbers."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch

        torch.set_num_threads(2)
        rng = np.random.default_rng(0)
        p, g = (torch.tensor(rng.normal(size=MILLION).astype(np.float32)) for _ in range(2))
        parameter = torch.nn.Parameter(p)
        parameter.grad = g
        optimizer = make([parameter])
        return optimizer.step, lambda: parameter.detach()[:50].tolist()

    return engine


def ours(params: list[Any]) -> Any:
    import optviz as ov

    return ov.adapters.as_torch(params, ov.Adam(lr=LR, convention="torch"))


def fused(params: list[Any]) -> Any:
    import torch

    return torch.optim.Adam(params, lr=LR, fused=True)


def loop(traced: bool) -> Engine:
    """A training loop in PyTorch, with batch norm and dropout, as it is or within `trace`."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch

        import optviz as ov

        torch.set_num_threads(2)
        torch.manual_seed(0)
        parts: list[Any] = []
        for a, b in pairwise(SIZES[:-1]):
            parts += [torch.nn.Linear(a, b), torch.nn.BatchNorm1d(b), torch.nn.ReLU(),
                      torch.nn.Dropout(0.3)]  # fmt: skip
        model = torch.nn.Sequential(*parts, torch.nn.Linear(*SIZES[-2:]))
        optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
        x, y = torch.randn(BATCH, SIZES[0]), torch.randint(0, SIZES[-1], (BATCH,))

        def steps(count: int, told: Any = None) -> float:
            for _ in range(count):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                if told is not None:
                    told.tell(loss.detach())
            return float(loss.detach())

        def work() -> Any:
            if not traced:
                return steps(STEPS)
            with ov.trace(model) as t:
                return steps(STEPS, t)

        return work, lambda: sum(p.numel() for p in model.parameters())

    return engine
