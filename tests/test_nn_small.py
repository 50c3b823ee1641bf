"""The loop over the batches of a small network: what it makes is what batch after batch makes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.compiled.jit import jit_disabled
from optviz.nn import Activation, BatchNorm, Dense, Dropout, Layer, Network
from optviz.nn import run as run_module
from optviz.nn.activations import ACTIVATIONS
from optviz.nn.records import Records
from optviz.nn.run import Run
from optviz.nn.training import begin
from optviz.optimizers.parse import parse_optimizer
from tests.catalogue import ELEMENTWISE

pytestmark = pytest.mark.skipif(jit_disabled(), reason="without a compiler there is no loop")


@pytest.fixture(autouse=True, scope="module")
def _in_the_loop_from_the_first():
    """A second batch is enough: the first begins the optimizer's states."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "FEWEST", 1)
        yield


def data_for(loss: str, outputs: int, n: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    if loss == "softmax":
        return x, rng.integers(0, outputs, n)
    if loss == "soft":
        return x, rng.dirichlet(np.ones(outputs), n)
    if loss == "binary":
        return x, rng.integers(0, 2, (n, outputs)).astype(float)
    return x, rng.normal(size=(n, outputs))


def both(make: Any, x: Any, y: Any, optimizer: str, epochs: int = 3, record: int = 0,
         batch_size: int = 8) -> tuple[Run, Run]:  # fmt: skip
    """Two runs of one network: as it is trained, and batch after batch in Python."""
    runs = []
    for k in range(2):
        run = begin(make(), x, y, parse_optimizer(optimizer), batch_size=batch_size, rng=1,
                    validation=(x[:7], y[:7]))  # fmt: skip
        if record:
            names = ("loss", "rate", "parameters", "gradient_norms", "activations")
            run.records = Records(run.network, names, record, run.x)
        if k:
            run.small = None
        for _ in range(epochs):
            run.epoch()
        runs.append(run)
    assert_same(*runs)
    return runs[0], runs[1]


def assert_same(one: Run, other: Run) -> None:
    """To the bit, in everything that a user, a checkpoint or a next epoch could see."""
    np.testing.assert_array_equal(one.network.parameters, other.network.parameters)
    np.testing.assert_array_equal(one.network.gradients, other.network.gradients)
    assert (one.steps, one.best_epoch) == (other.steps, other.best_epoch)
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_equal(one.optimizer.state_dict(), other.optimizer.state_dict())
    np.testing.assert_equal(one.records.arrays(), other.records.arrays())


@settings(max_examples=60, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 9), max_size=3), activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["softmax", "soft", "binary", "mse"]), outputs=st.integers(1, 4),
    dtype=st.sampled_from(["float32", "float64"]), bias=st.booleans(), n=st.integers(1, 40),
    batch_size=st.integers(1, 45), record=st.integers(0, 5),
    penalties=st.tuples(*[st.sampled_from([0.0, 0.01, {"b": 0.1}, {"W": 0.02, "b": 0.3}])] * 2),
    optimizer=st.sampled_from(["sgd:lr=0.1", "adam:lr=0.01", "adamw:lr=0.02",
                               "momentum:lr=cosine(0.1, 10)", "sgd:lr=0.05,ema=0.9"]),
)  # fmt: skip
def test_the_loop_makes_what_python_makes(
    hidden, activation, loss, outputs, dtype, bias, n, batch_size, record, penalties, optimizer
) -> None:
    def make() -> Network:
        layers: list[Layer] = []
        for units in hidden:
            layers += [Dense(units, bias=bias), Activation(activation)]
        kind = "softmax" if loss == "soft" else loss
        return Network(2, [*layers, Dense(outputs)], loss=kind, dtype=dtype, rng=0,
                       l1=penalties[0], l2=penalties[1])  # fmt: skip

    x, y = data_for(loss, outputs, n)
    loop, _ = both(make, x, y, optimizer, record=record, batch_size=batch_size)
    assert loop.states_for_loop() is not None


def plain(**settings: Any) -> Network:
    return Network(2, [Dense(4), Activation("tanh"), Dense(3)], rng=0, **settings)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_rule_steps_in_the_loop(name: str) -> None:
    x, y = data_for("softmax", 3, 30)
    for text in (name, f"{name}:lookahead=3" if ELEMENTWISE[name].comes_to else f"{name}:ema=0.5"):
        loop, _ = both(plain, x, y, text)
        assert loop.states_for_loop() is not None


def test_settings_that_are_changed_between_epochs_count() -> None:
    x, y = data_for("softmax", 3, 30)
    runs = both(plain, x, y, "adamw:lr=0.01,weight_decay=0.5")
    for run in runs:
        run.optimizer.lr = 0.1  # type: ignore[misc]
        run.epoch()
    assert_same(*runs)


def test_a_run_that_diverges_is_the_same() -> None:
    x, y = data_for("mse", 3, 30)
    loop, _ = both(lambda: plain(loss="mse"), x, y, "sgd:lr=1e30", epochs=4)
    assert loop.history().diverged


@pytest.mark.parametrize("text", ["sgd:lr=0.1", "adamw:lr=0.01", "momentum:lr=0.1"])
def test_an_optimizer_that_was_kept_goes_on(text: str) -> None:
    x, y = data_for("softmax", 3, 30)
    whole, _ = both(plain, x, y, text, epochs=4)
    half, _ = both(plain, x, y, text, epochs=2)
    kept = half.optimizer.state_dict()
    half.optimizer = parse_optimizer(text)
    half.optimizer.load_state_dict(kept)
    for _ in range(2):
        half.epoch()
    assert_same(half, whole)


class Own(Network):
    """Does something of its own."""

    def step_gradient(self, x: Any, targets: Any) -> Any:
        return super().step_gradient(x, targets)


class OwnRule(ov.SGD):
    """Does something of its own too."""

    def update(self, *args: Any, **options: Any) -> None:
        super().update(*args, **options)


TANH = Activation("tanh")


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(4), Activation("tanh"), Dropout(0.5), Dense(3)],
        [Dense(4), BatchNorm(), Activation("tanh"), Dense(3)],
        [Dense(4), Activation("tanh"), Dense(4), Activation("relu"), Dense(3)],
        [Dense(4), Dense(3)],
        [Activation("tanh"), Dense(3)],
        [Dense(3), Activation("tanh")],
        [Dense(600), Activation("tanh"), Dense(3)],
    ],
    ids=str,
)
def test_what_the_loop_does_not_know_is_trained_batch_by_batch(layers: list[Layer]) -> None:
    x, y = data_for("softmax", 3, 20)
    run = begin(Network(2, layers, rng=0), x, y, "sgd")
    assert run.small is None
    run.epoch()


def test_who_computes_otherwise_is_asked_for_each_batch() -> None:
    x, y = data_for("softmax", 3, 20)
    own = Own(2, [Dense(4), Activation("tanh"), Dense(3)], rng=0)
    assert begin(own, x, y, "sgd").small is None
    for optimizer, changes in itertools.product(
        [OwnRule(), ov.SGD(clip_norm=1.0), parse_optimizer("lamb"), ov.SGD()],
        [{}, {"clip_norm": 1.0}, {"weight_decay": 0.1}, {"progress": print}],
    ):
        run = begin(plain(), x, y, optimizer.fresh(), batch_size=5)
        for key, value in changes.items():
            setattr(run, key, value if key != "progress" else lambda *_: None)
        run.epoch()
        is_plain = type(optimizer) is ov.SGD and optimizer.is_elementwise and not changes
        assert (run.states_for_loop() is not None) == is_plain, (optimizer, changes)


def test_few_batches_are_not_worth_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "FEWEST", 6)
    calls: list[int] = []
    batches = Run.batches

    def counted(self: Run, rows: Any, *args: Any) -> int:
        calls.append(len(rows))
        return batches(self, rows, *args)

    monkeypatch.setattr(Run, "batches", counted)
    x, y = data_for("softmax", 3, 40)
    both(plain, x, y, "sgd:lr=0.1", batch_size=8)
    assert calls == []
    both(plain, x, y, "sgd:lr=0.1", batch_size=4, epochs=2)
    assert calls == [36, 40]  # the first batch begins the optimizer's states
    calls.clear()
    both(plain, x, y, "sgd:lr=0.1", batch_size=2, epochs=1, record=8)
    # 20 batches, one alone, then to every eighth step as far as six are left.
    assert calls == [14, 16]
