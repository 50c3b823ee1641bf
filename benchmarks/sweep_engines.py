"""Engines for many runs at once: starts on a plane, Adam with lr 0.01 in torch's convention."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.task import Engine, nothing

STARTS, STEPS, LR = 100_000, 200, 0.01
#: Compared with the peers: the ends of every thousandth start.
CHECKED = slice(None, None, STARTS // 100)


def starts(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 2, (count, 2))


def sweep_optviz(name: str, count: int = STARTS, steps: int = STEPS, threads: int = 2) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        os.environ["OPTVIZ_THREADS"] = str(threads)
        import optviz as ov

        places = starts(count)
        optimizer = ov.Adam(lr=LR, convention="torch")

        def work() -> Any:
            return ov.sweep(name, optimizer, places, steps=steps, tol=0, early_leaving=False)

        return work, lambda: work().final[: STARTS : STARTS // 100][:10].tolist()

    return engine


def rosenbrock(x: Any, y: Any, cos: Any, exp: Any, sqrt: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def rastrigin(x: Any, y: Any, cos: Any, exp: Any, sqrt: Any) -> Any:
    return 20 + x**2 - 10 * cos(2 * np.pi * x) + y**2 - 10 * cos(2 * np.pi * y)


def ackley(x: Any, y: Any, cos: Any, exp: Any, sqrt: Any) -> Any:
    slope = -20 * exp(-0.2 * sqrt(0.5 * (x**2 + y**2)))
    return slope - exp(0.5 * (cos(2 * np.pi * x) + cos(2 * np.pi * y))) + np.e + 20


def himmelblau(x: Any, y: Any, cos: Any, exp: Any, sqrt: Any) -> Any:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def beale(x: Any, y: Any, cos: Any, exp: Any, sqrt: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


FUNCTIONS = {f.__name__: f for f in (rosenbrock, rastrigin, ackley, himmelblau, beale)}


def sweep_jax(name: str) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        os.environ["JAX_ENABLE_X64"] = "1"
        import jax
        import jax.numpy as jnp

        gradient = jax.grad(lambda p: FUNCTIONS[name](*p, jnp.cos, jnp.exp, jnp.sqrt))

        def step(carry: Any, t: Any) -> Any:
            x, m, v, power1, power2 = carry
            g = gradient(x)
            power1, power2 = power1 * 0.9, power2 * 0.999
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            x = x - LR * (m / (1 - power1)) / (jnp.sqrt(v / (1 - power2)) + 1e-8)
            return (x, m, v, power1, power2), None

        @jax.jit
        @jax.vmap
        def run(x: Any) -> Any:
            carry = (x, jnp.zeros(2), jnp.zeros(2), 1.0, 1.0)
            return jax.lax.scan(step, carry, None, length=STEPS)[0][0]

        places = jnp.asarray(starts(STARTS))

        def work() -> Any:
            return run(places).block_until_ready()

        return work, lambda: np.asarray(work())[CHECKED][:10].tolist()

    return engine


def sweep_torch(name: str) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch

        def work() -> Any:
            x = torch.tensor(starts(STARTS), requires_grad=True)
            optimizer = torch.optim.Adam([x], lr=LR)
            for _ in range(STEPS):
                optimizer.zero_grad(set_to_none=True)
                FUNCTIONS[name](x[:, 0], x[:, 1], torch.cos, torch.exp, torch.sqrt).sum().backward()
                optimizer.step()
            return x.detach().numpy()

        return work, lambda: work()[CHECKED][:10].tolist()

    return engine


def basins_optviz(
    early_leaving: bool,
) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import optviz as ov

        axis = (np.arange(1000) + 0.5) / 100 - 5
        places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

        def work() -> Any:
            return ov.sweep("himmelblau", ov.Adam(lr=0.1), places, steps=1000, tol=1e-6,
                            early_leaving=early_leaving)  # fmt: skip

        # The pixels of each minimum in each row.
        return work, lambda: np.array(
            [(work().basin.reshape(1000, 1000) == k).sum(axis=1) for k in range(4)]
        ).tolist()

    return engine


def basins_compute() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """What the command of the basins computes: the same starts, with the rate that it tunes."""
    import optviz as ov

    (made,) = ov.basins("himmelblau", "adam", size=(1000, 1000)).sweeps

    def work() -> Any:
        return ov.sweep(made.function, made.optimizer, made.starts, steps=made.steps, tol=made.tol)

    return work, nothing
