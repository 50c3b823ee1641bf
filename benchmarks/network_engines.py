"""Engines that train networks: the same sizes, the same first weights, the same batches.

What is compared before timing is the loss of ten steps without dropout (its masks differ between
engines by nature); what is timed has it.
"""

from __future__ import annotations

import itertools
import os
import resource
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.task import Engine, nothing

SIZES, SAMPLES, DROPOUT = (784, 300, 100, 10), 20_000, 0.3
CHECKED_STEPS = 10
TINY_STEPS = 2000
TEXT_SIZES, TEXT_SAMPLES, TEXT_BATCH = (10_000, 16, 16, 1), 25_000, 512


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, SIZES[0])).astype(np.float32)
    return x, rng.integers(0, SIZES[-1], SAMPLES)


def first_weights(sizes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [
        (rng.normal(size=(a, b)) * np.sqrt(2 / a)).astype(np.float32)
        for a, b in itertools.pairwise(sizes)
    ]


def batches(batch: int) -> Iterator[slice]:
    return (slice(k * batch, (k + 1) * batch) for k in range(CHECKED_STEPS))


# -- 784-300-100-10 -----------------------------------------------------------------------------


def optviz_network(batch_norm: bool, dropout: float) -> Any:
    import optviz as ov

    net = ov.nn.MLP(SIZES, batch_norm=batch_norm, dropout=dropout, convention="torch", rng=0)
    dense = [layer for layer in net.layers if isinstance(layer, ov.nn.Dense)]
    for layer, weights in zip(dense, first_weights(SIZES), strict=True):
        layer.params["W"][...] = weights
    return net


def train_optviz(batch: int, batch_norm: bool = True, dropout: float = DROPOUT) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import optviz as ov

        x, y = samples()
        net, optimizer = optviz_network(batch_norm, dropout), ov.Adam(convention="torch")

        def work() -> Any:
            return net.fit(x, y, optimizer, epochs=1, batch_size=batch, rng=0)

        def result() -> Any:
            plain, adam, losses = optviz_network(batch_norm, 0.0), ov.Adam(convention="torch"), []
            for rows in batches(batch):
                losses.append(plain.step_gradient(x[rows], y[rows])[0])
                adam.update({"p": plain.parameters}, {"p": plain.gradients})
            return losses

        return work, result

    return engine


def torch_network(sizes: tuple[int, ...], batch_norm: bool, dropout: float, last: Any) -> Any:
    import torch
    from torch import nn

    layers: list[Any] = []
    weights = first_weights(sizes)
    for k, (a, b) in enumerate(itertools.pairwise(sizes)):
        is_last = k == len(sizes) - 2
        linear = nn.Linear(a, b, bias=is_last or not batch_norm)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weights[k].T))
            if linear.bias is not None:
                linear.bias.zero_()
        layers.append(linear)
        if not is_last:
            layers += [nn.BatchNorm1d(b)] if batch_norm else []
            layers.append(nn.ReLU() if last is None else last())
            layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers)


def train_torch(batch: int, compiled: bool = False) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch

        torch.set_num_threads(2)
        x, y = (torch.tensor(a) for a in samples())
        loss_of = torch.nn.CrossEntropyLoss()

        def step(net: Any, optimizer: Any, rows: Any) -> Any:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            return loss

        net = torch_network(SIZES, True, DROPOUT, None)
        optimizer = torch.optim.Adam(net.parameters(), fused=True)
        model = torch.compile(net) if compiled else net

        def work() -> None:
            order = torch.randperm(SAMPLES)
            for first in range(0, SAMPLES, batch):
                step(model, optimizer, order[first : first + batch])

        def result() -> Any:
            plain = torch_network(SIZES, True, 0.0, None)
            adam = torch.optim.Adam(plain.parameters(), fused=True)
            return [float(step(plain, adam, rows)) for rows in batches(batch)]

        return work, result

    return engine


def train_keras(batch: int) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        os.environ["KERAS_BACKEND"] = "jax"
        import keras
        from keras import layers

        x, y = samples()

        def build(dropout: float) -> Any:
            stack: list[Any] = [keras.Input((SIZES[0],))]
            for units in SIZES[1:-1]:
                stack += [
                    layers.Dense(units, use_bias=False),
                    # torch's convention, for the same losses.
                    layers.BatchNormalization(epsilon=1e-5, momentum=0.9),
                    layers.ReLU(),
                ]
                stack += [layers.Dropout(dropout)] if dropout else []
            net = keras.Sequential([*stack, layers.Dense(SIZES[-1])])
            dense = [layer for layer in net.layers if isinstance(layer, layers.Dense)]
            for layer, weights in zip(dense, first_weights(SIZES), strict=True):
                layer.set_weights([weights, *layer.get_weights()[1:]])
            net.compile(
                optimizer=keras.optimizers.Adam(0.001, epsilon=1e-8),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            )
            return net

        net = build(DROPOUT)

        def work() -> None:
            net.fit(x, y, batch_size=batch, epochs=1, verbose=0)

        def result() -> Any:
            plain = build(0.0)
            return [float(plain.train_on_batch(x[rows], y[rows])) for rows in batches(batch)]

        return work, result

    return engine


def train_sklearn(batch: int) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import warnings

        from sklearn.neural_network import MLPClassifier

        warnings.simplefilter("ignore")  # it does not converge in one epoch, as it should not
        x, y = samples()
        net = MLPClassifier(SIZES[1:-1], batch_size=batch, max_iter=1, alpha=0.0)

        def work() -> Any:
            return net.fit(x, y)

        # Its first weights cannot be set before it begins: there is nothing to compare.
        return work, nothing

    return engine


def matrix_products(batch: int) -> Engine:
    """The floor: the products of an epoch of training, and nothing else."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        rng = np.random.default_rng(0)
        weights = first_weights(SIZES)
        inputs = [rng.normal(size=(batch, n)).astype(np.float32) for n in SIZES[:-1]]
        outputs = [np.empty((batch, n), np.float32) for n in SIZES[1:]]
        gradients = [np.empty_like(w) for w in weights]
        back = [np.empty_like(x) for x in inputs]

        def work() -> None:
            for _ in range(-(-SAMPLES // batch)):
                for x, w, z in zip(inputs, weights, outputs, strict=True):
                    np.matmul(x, w, out=z)
                for k in reversed(range(len(weights))):
                    np.matmul(inputs[k].T, outputs[k], out=gradients[k])
                    if k:
                        np.matmul(outputs[k], weights[k].T, out=back[k])

        return work, nothing

    return engine


# -- the network of the decision boundary -------------------------------------------------------

TINY = (2, 20, 3, 1)


def tiny_data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.float32)


def tiny_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    x, y = tiny_data()

    def fit() -> Any:
        net = ov.nn.MLP(TINY, activation="tanh", loss="binary", rng=0)
        dense = [layer for layer in net.layers if isinstance(layer, ov.nn.Dense)]
        for layer, weights in zip(dense, first_weights(TINY), strict=True):
            layer.params["W"][...] = weights
        optimizer = ov.Adam(lr=0.01, convention="torch")
        return net.fit(x, y, optimizer, epochs=TINY_STEPS, batch_size=200, rng=0)

    return fit, lambda: fit().loss[:CHECKED_STEPS].tolist()


def tiny_torch() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    torch.set_num_threads(2)
    x, y = (torch.tensor(a) for a in tiny_data())

    def fit() -> Any:
        net = torch_network(TINY, False, 0.0, torch.nn.Tanh)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
        loss_of, losses = torch.nn.BCEWithLogitsLoss(), []
        for _ in range(TINY_STEPS):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(net(x)[:, 0], y)
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        return losses

    return fit, lambda: fit()[:CHECKED_STEPS]


# -- the text network ---------------------------------------------------------------------------


def text_data() -> Any:
    import optviz as ov

    return ov.nn.data.text(TEXT_SAMPLES, TEXT_SIZES[0], rng=0)


def text_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    words = text_data()

    def network() -> Any:
        net = ov.nn.MLP(TEXT_SIZES, loss="binary", rng=0)
        dense = [layer for layer in net.layers if isinstance(layer, ov.nn.Dense)]
        for layer, weights in zip(dense, first_weights(TEXT_SIZES), strict=True):
            layer.params["W"][...] = weights
        return net

    net, optimizer = network(), ov.RMSProp(lr=0.001)

    def work() -> Any:
        return net.fit(words.x, words.y, optimizer, epochs=1, batch_size=TEXT_BATCH, rng=0)

    def result() -> Any:
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if megabytes > 1000:
            raise SystemExit(f"the text network took {megabytes:.0f} MB")
        plain, losses = network(), []
        adam = ov.Adam(convention="torch")
        for rows in batches(TEXT_BATCH):
            x, y = plain.batch(words.x, rows), words.y[rows].astype(np.float32)[:, None]
            losses.append(plain.step_gradient(x, y)[0])
            adam.update({"p": plain.parameters}, {"p": plain.gradients})
        return losses

    return work, result


def text_torch() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    torch.set_num_threads(2)
    words = text_data()
    x = torch.tensor(words.x.toarray())  # uint8: in float32 it would be a gigabyte
    y = torch.tensor(words.y, dtype=torch.float32)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def step(net: Any, optimizer: Any, rows: Any) -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(net(x[rows].float())[:, 0], y[rows])
        loss.backward()
        optimizer.step()
        return loss

    net = torch_network(TEXT_SIZES, False, 0.0, None)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.001)

    def work() -> None:
        order = torch.randperm(TEXT_SAMPLES)
        for first in range(0, TEXT_SAMPLES, TEXT_BATCH):
            step(net, optimizer, order[first : first + TEXT_BATCH])

    def result() -> Any:
        plain = torch_network(TEXT_SIZES, False, 0.0, None)
        adam = torch.optim.Adam(plain.parameters())
        return [float(step(plain, adam, rows)) for rows in batches(TEXT_BATCH)]

    return work, result
