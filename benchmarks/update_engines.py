"""Engines that update a dict of float32 arrays in place: Adam with lr 0.001."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.task import Engine

LR = 0.001
HUNDRED, TEN_MILLION = {"w": (100_000,)}, {"w": (10_000_000,)}


SMALL = {"W1": (20, 20), "b1": (20,), "W2": (20, 30), "b2": (30,), "W3": (30, 20), "b3": (20,),
         "W4": (20, 16), "b4": (10,)}  # fmt: skip
#: Before results are compared.
UPDATES = 5


def arrays(shapes: dict[str, tuple[int, ...]]) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    params = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    grads = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    return params, grads


def some(params: dict[str, Any]) -> list[float]:
    return [float(v) for key in sorted(params) for v in np.asarray(params[key]).reshape(-1)[:5]]


def update_optviz(shapes: dict[str, tuple[int, ...]]) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import optviz as ov

        params, grads = arrays(shapes)
        optimizer = ov.Adam(lr=LR, convention="torch")
        return lambda: optimizer.update(params, grads), lambda: some(params)

    return engine


def update_torch(shapes: dict[str, tuple[int, ...]], fused: bool) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch

        torch.set_num_threads(2)
        params, grads = arrays(shapes)
        tensors = {k: torch.nn.Parameter(torch.tensor(v)) for k, v in params.items()}
        for k, p in tensors.items():
            p.grad = torch.tensor(grads[k])
        options = {"fused": True} if fused else {}
        optimizer = torch.optim.Adam(tensors.values(), lr=LR, **options)
        return optimizer.step, lambda: some({k: v.detach().numpy() for k, v in tensors.items()})

    return engine


def update_optax(shapes: dict[str, tuple[int, ...]]) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import jax
        import optax

        params, grads = (
            {k: jax.numpy.asarray(v) for k, v in tree.items()} for tree in arrays(shapes)
        )
        optimizer = optax.adam(LR)

        def one(params: Any, state: Any, grads: Any) -> Any:
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        step = jax.jit(one, donate_argnums=(0, 1))
        held = [params, optimizer.init(params)]

        def work() -> None:
            held[:] = jax.block_until_ready(step(*held, grads))

        return work, lambda: some(held[0])

    return engine
