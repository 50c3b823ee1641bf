"""Networks of growing capacity on few noisy samples: too stiff, right, and too supple."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data import moons
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.training import fit
from optviz.optimizers.catalogue import Adam

Real = NDArray[np.float64]

REGRESSION, CLASSIFICATION = "regression", "classification"
TASKS = (REGRESSION, CLASSIFICATION)
#: The test has so many samples, which no network sees.
TEST = 2000


@dataclass(frozen=True)
class Samples:
    """A task's samples, for training and for the test: (n, inputs) and targets."""

    x: Real
    y: NDArray[Any]
    test_x: Real
    test_y: NDArray[Any]


def truth(x: Real) -> Real:
    """What the samples of the regression are scattered around."""
    return np.asarray(np.sin(2 * np.pi * x))


def samples_of(task: str, n: int, noise: float, seed: int, run: int) -> Samples:
    """Samples drawn anew for each run; those of the test are as noisy as those for training."""
    rng = np.random.default_rng([seed, run, 0])
    if task == REGRESSION:
        x, test_x = rng.uniform(0, 1, (n, 1)), rng.uniform(0, 1, (TEST, 1))
        return Samples(x, truth(x) + noise * rng.normal(size=x.shape), test_x,
                       truth(test_x) + noise * rng.normal(size=test_x.shape))  # fmt: skip
    both = moons(n + TEST, noise=noise, rng=rng)
    order = rng.permutation(len(both))
    x, y = np.asarray(both.x, float)[order], both.y[order]
    return Samples(x[:n], y[:n], x[n:], y[n:])


def trained(task: str, samples: Samples, units: int, steps: int, seed: int, run: int) -> Network:
    """One hidden layer of tanh units, trained by Adam on all samples at once."""
    inputs = samples.x.shape[1]
    is_regression = task == REGRESSION
    network = MLP((inputs, units, 1 if is_regression else 2), activation="tanh", init="xavier",
                  loss="mse" if is_regression else "softmax", dtype="float64",
                  rng=np.random.default_rng([seed, run, 1]))  # fmt: skip
    _spread(network, samples.x, np.random.default_rng([seed, run, 2]))
    fit(network, samples.x, samples.y, Adam(lr=0.02), epochs=steps, batch_size=len(samples.x),
        rng=0, hints=False)  # fmt: skip
    return network


def _spread(network: Network, x: Real, rng: np.random.Generator) -> None:
    """First weights with which each unit bends within the data: through a random sample, over about
    a fifth of the samples' spread. With biases of zero all would bend at the origin."""
    first = network.views()
    weights, biases = first["1 dense/W"], first["1 dense/b"]
    weights[...] = rng.normal(size=weights.shape) * 3.0 / x.std(axis=0)[:, None]
    places = x[rng.integers(0, len(x), weights.shape[1])]
    biases[...] = -np.einsum("ju,uj->u", weights, places)


def errors(task: str, network: Network, samples: Samples) -> tuple[float, float]:
    """Root mean square error, or the share of wrong answers: in training, and in the test."""
    measure: Callable[[Real, Real], float] = rms if task == REGRESSION else wrong
    return (measure(network.predict(samples.x), samples.y),
            measure(network.predict(samples.test_x), samples.test_y))  # fmt: skip


def rms(found: Real, wanted: Real) -> float:
    """The root of the mean square of the differences."""
    return float(np.sqrt(np.mean(np.square(found - wanted))))


def wrong(found: Real, wanted: Real) -> float:
    """The share that differs."""
    return float(np.mean(found != wanted))
