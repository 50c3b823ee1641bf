"""Engines for one recorded path: Adam with lr 0.001 on Rosenbrock's function."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = 100_000
#: Eager engines take the same time for every step; this many are enough to tell.
EAGER_STEPS = 10_000
CHECKED = (10, 100, 1000, 5000)
LR = 0.001


def path_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    optimizer = ov.Adam(lr=LR, convention="torch")

    def work() -> Any:
        t = ov.minimize("rosenbrock", optimizer, steps=STEPS)
        return t.points, t.values

    return work, lambda: work()[0][list(CHECKED)].tolist()


def path_jax() -> tuple[Callable[[], Any], Callable[[], Any]]:
    os.environ["JAX_ENABLE_X64"] = "1"
    import jax
    import jax.numpy as jnp

    def f(p: Any) -> Any:
        return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2

    value_and_gradient = jax.value_and_grad(f)

    def step(carry: Any, t: Any) -> Any:
        p, m, v, b1, b2 = carry
        value, g = value_and_gradient(p)
        b1, b2 = b1 * 0.9, b2 * 0.999
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        new = p - LR * (m / (1 - b1)) / (jnp.sqrt(v / (1 - b2)) + 1e-8)
        return (new, m, v, b1, b2), (p, value)

    @jax.jit
    def scan(p: Any) -> Any:
        zero = jnp.zeros(2)
        return jax.lax.scan(step, (p, zero, zero, 1.0, 1.0), jnp.arange(STEPS))

    start = jnp.array([-1.2, 1.0])

    def work() -> Any:
        return jax.block_until_ready(scan(start))

    return work, lambda: np.asarray(work()[1][0])[list(CHECKED)].tolist()


def path_torch() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    torch.set_num_threads(1)  # faster than two for tensors of two numbers

    def work() -> Any:
        p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([p], lr=LR)
        points = np.empty((EAGER_STEPS + 1, 2))
        points[0] = p.detach().numpy()
        for t in range(EAGER_STEPS):
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            optimizer.step()
            points[t + 1] = p.detach().numpy()
        return points

    return work, lambda: work()[list(CHECKED)].tolist()


def path_course() -> tuple[Callable[[], Any], Callable[[], Any]]:
    from tests.reference.book import Adam

    def work() -> Any:
        optimizer = Adam(lr=LR)
        params = {"x": np.array(-1.2), "y": np.array(1.0)}
        points = np.empty((EAGER_STEPS + 1, 2))
        points[0] = params["x"], params["y"]
        for t in range(EAGER_STEPS):
            x, y = params["x"], params["y"]
            grads = {"x": -400 * x * (y - x**2) - 2 * (1 - x), "y": 200 * (y - x**2)}
            optimizer.update(params, grads)
            points[t + 1] = params["x"], params["y"]
        return points

    return work, lambda: work()[list(CHECKED)].tolist()
