"""Engines that do an experiment of the course: the same networks, first weights and batches.

The peer is the loop that people write. What is compared before timing are losses of a few steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CHECKED_STEPS = 5

# -- bn-grid: 16 scales of first weights, with batch normalisation and without ---------------------

#: One scale whose losses are compared.
SCALE = 0.1


def bn_grid_study() -> Any:
    import optviz as ov

    return ov.study("bn-grid")


def batches(count: int, size: int) -> Iterator[slice]:
    return (slice(k, k + size) for k in range(0, count, size))


def bn_grid_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    study = bn_grid_study()
    train, _ = study.deep.shares(0)

    def result() -> Any:
        losses = []
        for has_norm in (False, True):
            network = study.deep.network(train, 0, f"normal:std={SCALE}", has_norm)
            optimizer = ov.SGD(lr=0.01)
            for rows in list(batches(len(train), study.batch_size))[:CHECKED_STEPS]:
                losses.append(network.step_gradient(train.x[rows], train.y[rows])[0])
                optimizer.update({"p": network.parameters}, {"p": network.gradients})
        return losses

    return study.run, result


def bn_grid_torch() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch
    from torch import nn

    torch.set_num_threads(2)
    study = bn_grid_study()
    train, _ = study.deep.shares(0)
    x, y = torch.tensor(train.x), torch.tensor(train.y)
    loss_of, size = nn.CrossEntropyLoss(), study.batch_size

    def network(first: dict[str, np.ndarray], has_norm: bool) -> Any:
        layers: list[Any] = []
        weights = [w for name, w in first.items() if name.endswith("/W")]
        for k, w in enumerate(weights):
            is_last = k == len(weights) - 1
            linear = nn.Linear(*w.shape, bias=is_last or not has_norm)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(w.T))
                if linear.bias is not None:
                    linear.bias.zero_()
            norm = [nn.BatchNorm1d(w.shape[1], eps=1e-6)] if has_norm else []
            layers += [linear] if is_last else [linear, *norm, nn.ReLU()]
        return nn.Sequential(*layers)

    def step(net: Any, optimizer: Any, rows: Any) -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(net(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        return loss

    def first(scale: float, has_norm: bool) -> dict[str, np.ndarray]:
        made = study.deep.network(train, 0, f"normal:std={scale!r}", has_norm)
        return {name: values.copy() for name, values in made.views().items()}

    scales = np.geomspace(study.largest, study.smallest, study.scales)
    begun = [(first(float(scale), has_norm), has_norm)
             for scale in scales for has_norm in (False, True)]  # fmt: skip

    def work() -> list[list[float]]:
        found = []
        for weights, has_norm in begun:
            net = network(weights, has_norm)
            optimizer, accuracy = torch.optim.SGD(net.parameters(), lr=0.01), []
            for _ in range(study.epochs):
                net.train()
                order = torch.randperm(len(x))
                for rows in batches(len(x), size):
                    step(net, optimizer, order[rows])
                net.eval()
                with torch.no_grad():
                    accuracy.append(float((net(x).argmax(dim=1) == y).float().mean()))
            found.append(accuracy)
        return found

    def result() -> Any:
        losses = []
        for has_norm in (False, True):
            net = network(first(SCALE, has_norm), has_norm)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            for rows in list(batches(len(x), size))[:CHECKED_STEPS]:
                losses.append(float(step(net, optimizer, rows)))
        return losses

    return work, result


# -- regularise: the text network and what is done against over-fitting ---------------------------

EPOCHS = 5


def regularise_study() -> Any:
    import optviz as ov

    return ov.study("regularise", epochs=EPOCHS)


def regularise_data(study: Any) -> tuple[Any, Any]:
    """Training and validation shares, as the study has them in its first run."""
    from optviz.data import load
    from optviz.nn.comparison import Setup, shares_of

    whole = load(study.data)
    shares = shares_of(whole, Setup(study.data, (whole.inputs, 16, 16, 2), seed=0), 0)
    return shares.train, shares.validation


def regularise_first(study: Any, hidden: tuple[int, ...]) -> Any:
    import optviz as ov

    rng = np.random.default_rng([0, 0, 0])
    return ov.nn.MLP((10_000, *hidden, 2), batch_norm=False, rng=rng)


def regularise_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    study = regularise_study()
    train, _ = regularise_data(study)

    def result() -> Any:
        network, losses = regularise_first(study, study.hidden), []
        optimizer = ov.RMSProp(lr=0.001, convention="keras")
        for rows in list(batches(train.x.shape[0], study.batch_size))[:CHECKED_STEPS]:
            losses.append(network.step_gradient(network.batch(train.x, rows), train.y[rows])[0])
            optimizer.update({"p": network.parameters}, {"p": network.gradients})
        return losses

    return study.run, result


def regularise_keras() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Models are built and compiled once: what is timed is their training, from the first weights
    again in each call."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    from keras import layers, regularizers

    study = regularise_study()
    train, held_out = regularise_data(study)
    x, xv = (share.x.toarray().astype(np.float32) for share in (train, held_out))

    def model(hidden: tuple[int, ...], penalty: Any = None, dropout: float = 0.0) -> Any:
        stack: list[Any] = [keras.Input((x.shape[1],))]
        for units in hidden:
            stack.append(layers.Dense(units, activation="relu", kernel_regularizer=penalty))
            stack += [layers.Dropout(dropout)] if dropout else []
        net = keras.Sequential([*stack, layers.Dense(2, kernel_regularizer=penalty)])
        dense = [layer for layer in net.layers if isinstance(layer, layers.Dense)]
        first = regularise_first(study, hidden).views()
        for k, layer in enumerate(dense, 1):
            layer.set_weights([first[f"{k} dense/W"], first[f"{k} dense/b"]])
        net.compile(
            optimizer=keras.optimizers.RMSprop(0.001),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return net

    models = [
        model(study.hidden), model(study.small), model(study.large),
        model(study.hidden, regularizers.L1(study.l1)),
        model(study.hidden, regularizers.L2(study.l2)),
        model(study.hidden, dropout=study.dropout),
    ]  # fmt: skip
    begun = [net.get_weights() for net in models]

    def work() -> None:
        for net, weights in zip(models, begun, strict=True):
            net.set_weights(weights)
            net.fit(x, train.y, batch_size=study.batch_size, epochs=EPOCHS, verbose=0,
                    validation_data=(xv, held_out.y))  # fmt: skip

    def result() -> Any:
        plain = model(study.hidden)
        return [float(plain.train_on_batch(x[rows], train.y[rows])[0])
                for rows in list(batches(len(x), study.batch_size))[:CHECKED_STEPS]]  # fmt: skip

    return work, result
