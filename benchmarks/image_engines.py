"""Engines that train the lab's convolutional network: the same first weights, the same batches.

What is compared before timing is the loss of a few steps without dropout; what is timed has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.task import Engine, nothing

IMAGE, BATCH, STEPS, CHECKED_STEPS, DROPOUT = (28, 28, 1), 100, 20, 4, 0.2
#: Height, width, channels, filters of both convolutions; inputs, outputs of both dense layers.
CONVOLUTIONS, DENSE = ((3, 3, 1, 32), (3, 3, 32, 64)), ((1600, 512), (512, 10))
#: Places of each convolution's window in an image.
PLACES = (26 * 26, 11 * 11)


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * STEPS, *IMAGE)).astype(np.float32)
    return x, rng.integers(0, 10, len(x))


def first_weights() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [
        (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)
        for shape in (*CONVOLUTIONS, *DENSE)
    ]


def batches(count: int) -> Iterator[slice]:
    return (slice(k * BATCH, (k + 1) * BATCH) for k in range(count))


def train_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov
    from optviz.nn import Activation, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Network

    x, y = samples()

    def network(dropout: float) -> Network:
        net = Network(IMAGE, [
            Conv2D(32), Activation("relu"), MaxPool2D(2), Conv2D(64), Activation("relu"),
            MaxPool2D(2), Flatten(), Dense(512), Activation("relu"),
            *([Dropout(dropout)] if dropout else []), Dense(10),
        ], rng=0)  # fmt: skip
        weighted = [layer for layer in net.layers if "W" in layer.params]
        for layer, weights in zip(weighted, first_weights(), strict=True):
            layer.params["W"][...] = weights
        return net

    net, optimizer = network(DROPOUT), ov.Adam(convention="torch")

    def work() -> Any:
        return net.fit(x, y, optimizer, epochs=1, batch_size=BATCH, rng=0)

    def result() -> Any:
        plain, adam, losses = network(0.0), ov.Adam(convention="torch"), []
        for rows in batches(CHECKED_STEPS):
            inputs = x[rows].reshape(BATCH, -1)
            losses.append(plain.step_gradient(inputs, y[rows])[0])
            adam.update({"p": plain.parameters}, {"p": plain.gradients})
        return losses

    return work, result


def train_torch(channels_last: bool) -> Engine:
    """As people write it, or with the memory format that PyTorch's documentation recommends."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch
        from torch import nn

        torch.set_num_threads(2)
        images, labels = samples()
        layout = torch.channels_last if channels_last else torch.contiguous_format
        x = torch.tensor(images.transpose(0, 3, 1, 2)).contiguous(memory_format=layout)
        y, loss_of = torch.tensor(labels), nn.CrossEntropyLoss()

        def network(dropout: float) -> Any:
            net = nn.Sequential(
                nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(),
                nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 512), nn.ReLU(),
                *([nn.Dropout(dropout)] if dropout else []), nn.Linear(512, 10),
            )  # fmt: skip
            weighted = [layer for layer in net if hasattr(layer, "weight")]
            for layer, weights in zip(weighted, first_weights(), strict=True):
                if weights.ndim == 4:
                    turned = weights.transpose(3, 2, 0, 1)
                elif weights.shape[0] == 1600:
                    # It flattens channels first, we last.
                    turned = weights.reshape(5, 5, 64, -1).transpose(3, 2, 0, 1)
                    turned = turned.reshape(len(turned), -1)
                else:
                    turned = weights.T
                with torch.no_grad():
                    layer.weight.copy_(torch.tensor(turned.copy()))
                    layer.bias.zero_()
            return net.to(memory_format=layout)

        def step(net: Any, optimizer: Any, rows: Any) -> Any:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            return loss

        net = network(DROPOUT)
        optimizer = torch.optim.Adam(net.parameters(), fused=True)

        def work() -> None:
            order = torch.randperm(len(x))
            for rows in batches(STEPS):
                step(net, optimizer, order[rows])

        def result() -> Any:
            plain = network(0.0)
            adam = torch.optim.Adam(plain.parameters(), fused=True)
            return [float(step(plain, adam, rows)) for rows in batches(CHECKED_STEPS)]

        return work, result

    return engine


def matrix_products() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The floor: the products of an epoch, of images spread out before, and nothing else."""
    rng = np.random.default_rng(0)
    shapes = [(BATCH * places, h * w * c, filters)
              for places, (h, w, c, filters) in zip(PLACES, CONVOLUTIONS, strict=True)]  # fmt: skip
    shapes += [(BATCH, *sizes) for sizes in DENSE]
    factors = [
        tuple(rng.normal(size=size).astype(np.float32) for size in ((n, a), (a, b), (n, b)))
        for n, a, b in shapes
    ]

    def work() -> None:
        for _ in range(STEPS):
            for k, (x, w, z) in enumerate(factors):
                np.matmul(x, w)
                np.matmul(x.T, z)
                if k:
                    np.matmul(z, w.T)

    return work, nothing
