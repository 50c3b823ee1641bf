"""Engines that compute a loss landscape: the same network, data, directions and grid.

The peer is what people write: parameters moved point by point, and the network called with them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.network_engines import first_weights, torch_network
from benchmarks.task import Engine

SAMPLES, SIDE = 2000, 51
#: Rows of the grid that the peer computes in a timed call: each point takes as long as any other.
PEER_ROWS = 4
#: Points along each side of the grid that is compared.
COMPARED = 5


def data(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, sizes[0])).astype(np.float32)
    return x, rng.integers(0, sizes[-1], SAMPLES)


def directions(sizes: tuple[int, ...]) -> list[list[np.ndarray]]:
    """Two directions, a matrix for each layer: Gaussian, with the norms of the weights into each
    unit; biases stay."""
    rng = np.random.default_rng(2)
    out = []
    for _ in range(2):
        drawn = [rng.normal(size=w.shape) for w in first_weights(sizes)]
        out.append([
            (d * np.linalg.norm(w, axis=0) / np.linalg.norm(d, axis=0)).astype(np.float32)
            for d, w in zip(drawn, first_weights(sizes), strict=True)
        ])  # fmt: skip
    return out


def places(side: int) -> np.ndarray:
    return np.linspace(-1, 1, side)


def grid_optviz(sizes: tuple[int, ...]) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import optviz as ov
        from optviz.landscapes.directions import Plane
        from optviz.landscapes.grid import losses_on

        x, y = data(sizes)
        net = ov.nn.MLP(sizes, rng=0)

        def vector(matrices: list[np.ndarray]) -> np.ndarray:
            flat = np.zeros_like(net.parameters)
            for name, view in net.views(flat).items():
                if name.endswith("/W"):
                    view[...] = matrices[int(name.split()[0]) - 1]
            return flat

        net.parameters[...] = vector(first_weights(sizes))
        u, v = (vector(matrices).astype(float) for matrices in directions(sizes))
        plane = Plane(net.parameters.astype(float), u, v, ("a", "b"))

        def work(side: int = SIDE) -> Any:
            return losses_on(net, x, y, plane, places(side), places(side))

        return work, lambda: work(COMPARED).tolist()

    return engine


def grid_torch(sizes: tuple[int, ...]) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch
        from torch.func import functional_call

        torch.set_num_threads(2)
        samples, labels = data(sizes)
        x, y = torch.tensor(samples), torch.tensor(labels)
        net = torch_network(sizes, False, 0.0, None)
        loss_of = torch.nn.CrossEntropyLoss()
        origin = {name: p.detach() for name, p in net.named_parameters()}

        def moves(matrices: list[np.ndarray]) -> dict[str, Any]:
            tensors = iter([torch.tensor(np.ascontiguousarray(m.T)) for m in matrices])
            return {name: next(tensors) if name.endswith("weight") else torch.zeros_like(p)
                    for name, p in origin.items()}  # fmt: skip

        u, v = (moves(matrices) for matrices in directions(sizes))

        @torch.no_grad()
        def losses(a: np.ndarray, b: np.ndarray) -> list[list[float]]:
            rows: list[list[float]] = [[] for _ in b]
            for row, (j, i) in enumerate(itertools.product(b, a)):
                moved = {name: p + float(i) * u[name] + float(j) * v[name]
                         for name, p in origin.items()}  # fmt: skip
                rows[row // len(a)].append(float(loss_of(functional_call(net, moved, (x,)), y)))
            return rows

        def work() -> Any:
            return losses(places(SIDE), places(SIDE)[:PEER_ROWS])

        return work, lambda: losses(places(COMPARED), places(COMPARED))

    return engine
