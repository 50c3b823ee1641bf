"""Training: batches, schedules, stopping, records, checkpoints, comparisons and their picture."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from scipy import sparse

import optviz as ov
from optviz.data.dataset import Dataset
from optviz.nn import MLP, Activation, BatchNorm, Dense, Network, TrainingHint, compare, data
from optviz.nn.comparison import Setup, Training
from optviz.nn.records import COLUMNS
from optviz.optimizers.parse import parse_optimizer
from optviz.render import output, theme
from optviz.shared.archive import read_archive, write_archive
from optviz.shared.spec import SpecError
from optviz.studies.files import from_json, read_study
from optviz.studies.train import TrainStudy
from tests.pictures import legend_of, part_of


def problem(n: int = 50, seed: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int) + (x[:, 2] > 1)


def small(**settings: Any) -> Network:
    return MLP((4, 8, 3), **{"batch_norm": True, "dropout": 0.3, "rng": 0, **settings})


# -- batches ----------------------------------------------------------------------------------


class Watch(Network):
    """Notes the rows that it is trained on: the first feature is the row's number."""

    def step_gradient(self, x: Any, targets: Any) -> Any:
        self.__dict__.setdefault("seen", []).append(np.asarray(x)[:, 0].astype(int).tolist())
        return super().step_gradient(x, targets)


@pytest.mark.parametrize(("n", "batch_size"), [(17, 4), (16, 4), (5, 100), (7, 1), (1, 1)])
def test_every_row_once_an_epoch(n: int, batch_size: int) -> None:
    """In batches of the size asked for, the last one smaller (of one row too, with normalisation);
    in another order each epoch."""
    net = Watch(2, [Dense(5), BatchNorm(), Activation("relu"), Dense(3)], rng=0)
    x = np.column_stack([np.arange(n), np.ones(n)])
    history = net.fit(x, np.arange(n) % 3, ov.SGD(lr=1e-6), epochs=3, batch_size=batch_size, rng=0)
    per_epoch = -(-n // batch_size)
    epochs = [net.seen[k * per_epoch : (k + 1) * per_epoch] for k in range(3)]
    orders = [list(itertools.chain(*epoch)) for epoch in epochs]
    assert all(sorted(order) == list(range(n)) for order in orders)
    for epoch in epochs:
        assert [len(b) for b in epoch] == [min(batch_size, n - k) for k in range(0, n, batch_size)]
    assert n < 5 or len({tuple(order) for order in orders}) == 3
    assert history.steps == 3 * per_epoch == len(net.seen)
    assert np.isfinite(net.parameters).all()


def test_the_history_is_that_of_the_batches() -> None:
    """A mean over rows, not over batches; a loop by hand gives the same numbers."""
    x, y = problem(50)
    net, twin = (small(dtype=float, l2=0.1, dropout=0.0) for _ in range(2))
    optimizer, mine = ov.Momentum(lr=0.1), ov.Momentum(lr=0.1)
    history = net.fit(x, y, optimizer, epochs=2, batch_size=16, validation=(x[:9], y[:9]), rng=5)
    rng = np.random.default_rng(5)
    for epoch in range(2):
        order, loss, penalty, correct = rng.permutation(50), 0.0, 0.0, 0
        for first in range(0, 50, 16):
            rows = order[first : first + 16]
            squares = sum((twin.views()[f"{k} dense/W"] ** 2).sum() for k in (1, 2))
            value, cost, outputs = twin.step_gradient(x[rows], y[rows].astype(np.int64))
            z = np.exp(outputs)
            by_hand = [-np.log(z[i, y[row]] / z[i].sum()) for i, row in enumerate(rows)]
            np.testing.assert_allclose([value, cost], [np.mean(by_hand), 0.1 / 2 * squares])
            loss += value * len(rows)
            penalty += cost * len(rows)
            correct += int((outputs.argmax(axis=1) == y[rows]).sum())
            mine.update({"all": twin.parameters}, {"all": twin.gradients})
        np.testing.assert_allclose(history.loss[epoch], loss / 50, rtol=1e-13)
        np.testing.assert_allclose(history.penalty[epoch], penalty / 50, rtol=1e-13)
        assert history.accuracy[epoch] == correct / 50
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    found = (history.validation_loss[-1], history.validation_accuracy[-1])
    assert found == twin.evaluate(x[:9], y[:9])


@pytest.mark.parametrize("form", ["float64", "float32", "uint8", "int64", "csr", "csr uint8"])
def test_kinds_of_input_train_alike(form: str) -> None:
    x = np.random.default_rng(6).integers(0, 5, (60, 4)).astype(np.uint8)
    y = (x[:, 0] > 2).astype(int)
    given: Any = sparse.csr_matrix(x.astype(np.float32)) if form == "csr" else x
    given = sparse.csr_matrix(x) if form == "csr uint8" else given
    given = given if form.startswith("csr") else x.astype(form)
    nets = [MLP((4, 8, 2), batch_norm=True, rng=0) for _ in range(2)]
    history = [net.fit(z, y, ov.Adam(lr=0.01), epochs=5, batch_size=16, rng=0, validation=(z, y))
               for net, z in zip(nets, (given, x.astype(np.float32)), strict=True)]  # fmt: skip
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, atol=2e-5)
    np.testing.assert_allclose(history[0].loss, history[1].loss, atol=1e-5)
    if not form.startswith("csr"):
        np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)


def test_kinds_of_targets_train() -> None:
    x, y = problem(200)
    labels, one_hot = (MLP((4, 8, 3), dtype=float, rng=0) for _ in range(2))
    labels.fit(x, y, ov.Adam(), epochs=3, rng=0)
    history = one_hot.fit(x, np.eye(3)[y], ov.Adam(), epochs=3, rng=0)
    np.testing.assert_allclose(labels.parameters, one_hot.parameters, rtol=1e-9, atol=1e-12)
    assert 0 <= history.accuracy[-1] <= 1
    line = x @ [1.0, -2, 0.5, 0] + 3
    regression = MLP((4, 1), loss="mse", rng=0)
    history = regression.fit(x, line, ov.Adam(lr=0.1), epochs=60, validation=(x, line), rng=0)
    assert history.loss[-1] < 1e-3 < history.loss[0]
    assert np.isnan(history.accuracy).all()
    assert np.isnan(history.validation_accuracy).all()
    np.testing.assert_allclose(regression.layers[0].params["W"][:, 0], [1, -2, 0.5, 0], atol=0.05)
    assert regression.predict(x).shape == (200, 1)
    yes = MLP((4, 8, 1), loss="binary", rng=0)
    history = yes.fit(x, line > 3, ov.Adam(lr=0.05), epochs=20, rng=0)
    assert history.accuracy[-1] > 0.95
    assert yes.predict(x).shape == (200,)
    assert np.mean(yes.predict(x) == (line > 3)) > 0.95


# -- the same again ---------------------------------------------------------------------------

PROGRAM = """
import sys, zlib, numpy as np, optviz as ov, optviz.optimizers.state as state
state.PARALLEL_SIZE = 100_000
rng = np.random.default_rng(1)
x, y = rng.normal(size=(700, 900)).astype("f4"), rng.integers(0, 3, 700)
net = ov.nn.MLP((900, 500, 3), batch_norm=True, dropout=0.3, rng=0)
history = net.fit(x, y, ov.Adam(), epochs=2, batch_size=256, validation=(x[:50], y[:50]), rng=2)
print(zlib.crc32(net.parameters.tobytes()), history.loss.tolist(), history.validation_loss.tolist())
"""


def python(program: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    here = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", program, *args], env={**os.environ, "PYTHONPATH": here, **env},
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip


def test_the_same_seed_is_the_same_run_to_the_bit() -> None:
    """Twice here, and in other processes with 1 and with 16 threads for the optimizer (the
    network has more parameters than one thread is told to step)."""
    x, y = problem()
    runs = []
    for _ in range(2):
        net = small()
        history = net.fit(x, y, ov.Adam(), epochs=3, batch_size=16, rng=3)
        runs.append((net.parameters.tobytes(), history.loss.tobytes()))
    assert runs[0] == runs[1]
    other = small()
    other.fit(x, y, ov.Adam(), epochs=3, batch_size=16, rng=4)
    assert other.parameters.tobytes() != runs[0][0]
    outputs = {python(PROGRAM, OPTVIZ_THREADS=threads).stdout for threads in ("1", "16")}
    assert len(outputs) == 1


# -- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [
    "adam:lr=0.02", "sgd:lr=exponential(0.1,0.9)", "adam:lr=onecycle(0.1,12)", "adamw:lr=0.01",
    "adam:lr=cosine(0.1,9)",
])  # fmt: skip
def test_the_rate_in_the_history(optimizer: str) -> None:
    x, y = problem(50)
    made = parse_optimizer(optimizer)
    seen: list[float] = []
    history = small().fit(
        x, y, made, epochs=4, batch_size=16, record=["rate"],
        progress=lambda done, total, loss, rate: seen.append(rate),
    )  # fmt: skip
    rates = [made.schedule(k) if made.schedule is not None else made.lr for k in range(16)]
    np.testing.assert_allclose(seen, rates, rtol=1e-15)
    np.testing.assert_allclose(history.records["rate"], rates, rtol=1e-15)
    np.testing.assert_allclose(history.rate, rates[3::4], rtol=1e-15)


def test_a_gradient_is_clipped_to_its_norm() -> None:
    x, y = problem(40)
    for limit in (1e-3, 1e3):
        net, twin = (MLP((4, 8, 3), dtype=float, rng=0) for _ in range(2))
        net.fit(x, y, ov.SGD(lr=1.0), epochs=1, batch_size=40, clip_norm=limit, rng=0)
        gradient = twin.gradient(x, y)
        norm = np.linalg.norm(gradient)
        assert 1e-3 < norm < 1e3
        wanted = twin.parameters - gradient * min(1, limit / norm)
        np.testing.assert_allclose(net.parameters, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("restore_best", [True, False])
@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping_is_its_definition(patience: int, restore_best: bool) -> None:
    """By hand: a long run without patience, and its best epoch and end looked up afterwards."""
    x, y = problem(40)
    xv, yv = problem(60, seed=41)
    states: list[tuple[np.ndarray, ...]] = []

    def keep(net: Network, history: Any) -> None:
        states.append((net.parameters.copy(), *(v.copy() for v in net.averages().values())))

    options: dict[str, Any] = {"batch_size": 10, "validation": (xv, yv), "rng": 0}
    free = small().fit(x, y, ov.Adam(lr=0.05), epochs=40, callbacks=[keep], **options)
    losses = free.validation_loss
    best = waited = 0
    for end, loss in enumerate(losses):
        best, waited = (end, 0) if loss < losses[best] or end == 0 else (best, waited + 1)
        if waited == patience:
            break
    assert end < 39, "the example must overfit"
    net = small()
    history = net.fit(x, y, ov.Adam(lr=0.05), epochs=40, patience=patience,
                      restore_best=restore_best, **options)  # fmt: skip
    assert (history.epochs, history.best_epoch, history.stopped_early) == (end + 1, best + 1, True)
    np.testing.assert_array_equal(history.validation_loss, losses[: end + 1])
    wanted = states[best if restore_best else end]
    found = (net.parameters, *net.averages().values())
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not free.stopped_early
    assert free.best_epoch == losses.argmin() + 1


def test_the_best_epoch_is_kept_if_the_epochs_run_out() -> None:
    x, y = problem(40)
    net = small()
    history = net.fit(x, y, ov.Adam(lr=0.1), epochs=30, batch_size=10, validation=problem(60, 41),
                      patience=30, rng=0)  # fmt: skip
    assert not history.stopped_early
    assert history.best_epoch < 30
    assert net.loss(*problem(60, 41)) == history.validation_loss[history.best_epoch - 1]


def test_a_run_that_diverges_is_a_result() -> None:
    x, y = problem(40)
    net = MLP((4, 8, 1), loss="mse", rng=0)
    with pytest.warns(TrainingHint, match="training diverged: the loss is (nan|inf) since epoch"):
        history = net.fit(x, y, ov.SGD(lr=1e6), epochs=12, validation=(x, y), patience=4, rng=0)
    assert not np.isfinite(history.loss[-1])
    assert history.stopped_early
    assert history.epochs <= 8


@pytest.mark.parametrize("stop", [True, np.True_])
def test_callbacks_see_each_epoch_and_may_stop(stop: Any) -> None:
    x, y = problem()
    seen: list[tuple[int, float]] = []

    def watch(net: Network, history: Any) -> Any:
        seen.append((history.epochs, history.loss[-1]))
        return stop if history.epochs == 3 else None

    history = small().fit(x, y, ov.SGD(), epochs=9, callbacks=[watch, lambda n, h: 1], rng=0)
    assert history.epochs == 3
    assert not history.stopped_early
    assert seen == list(zip((1, 2, 3), history.loss, strict=True))


def test_records(tmp_path: Path) -> None:
    x, y = problem(300)
    net = small()
    names = ["loss", "rate", "gradient_norms", "parameters", "activations"]
    kept = []

    def progress(done: int, total: int, loss: float, rate: float) -> None:
        kept.append((done, total, loss, net.parameters.copy(), net.gradients.copy()))

    history = net.fit(x, y, ov.SGD(lr=0.1), epochs=3, batch_size=64, record=names, record_every=4,
                      progress=progress, rng=0)  # fmt: skip
    assert [done for done, *_ in kept] == list(range(1, 16))
    assert {total for _, total, *_ in kept} == {15}
    records = history.records
    assert records["step"].tolist() == [4, 8, 12]
    assert records["gradient_norms"].shape == (3, 5)
    assert records["parameters"].shape == (3, net.parameters.size)
    for row, step in enumerate((4, 8, 12)):
        _, _, loss, parameters, gradients = kept[step - 1]
        assert records["loss"][row] == loss
        np.testing.assert_array_equal(records["parameters"][row], parameters)
        norms = records["gradient_norms"][row]
        np.testing.assert_allclose(np.sum(norms**2), np.sum(gradients**2.0), rtol=1e-5)
        assert norms[2] == norms[3] == 0  # activation and dropout have none
    for name, width in zip(net.names, (8, 8, 8, 8, 3), strict=True):
        assert records[f"activations/{name}"].shape == (3, 256, width)
    # At the last recorded step, by hand.
    net.parameters[:] = records["parameters"][-1]
    dense = x[:256].astype("f4") @ net.layers[0].params["W"]
    np.testing.assert_allclose(records["activations/1 dense"][-1], dense, atol=1e-5)
    plain = small().fit(x, y, ov.SGD(lr=0.1), epochs=3, batch_size=64, rng=0)
    np.testing.assert_array_equal(plain.loss, history.loss)  # watching changes nothing
    assert plain.records == {}
    assert set(small().fit(x, y, ov.SGD(), epochs=1, record="loss").records) == {"step", "loss"}


OPTIONS = [
    ({"epochs": 0}, "epochs must be a whole number ≥ 1, not 0"), ({"epochs": 2.0}, "epochs must"),
    ({"epochs": True}, "epochs must"), ({"epochs": "3"}, "epochs must"),
    ({"batch_size": 0}, "batch_size must be"), ({"batch_size": None}, "batch_size must be"),
    ({"patience": 2}, "patience needs validation data"),
    ({"patience": 0, "validation": problem()}, "patience must be"),
    ({"validation": problem()[0]}, r"validation must be a pair \(x, y\)"),
    ({"validation": (1, 2, 3)}, "validation must be a pair"),
    ({"validation": (problem()[0], [0])}, "validation: x has 50 rows and y has 1"),
    ({"weight_decay": -1}, "weight_decay must be"), ({"weight_decay": "x"}, "weight_decay must"),
    ({"clip_norm": 0}, "clip_norm must be a number > 0"), ({"clip_norm": "x"}, "clip_norm must"),
    ({"clip_norm": float("nan")}, "clip_norm must"), ({"record_every": 0}, "record_every must"),
    ({"record": ["los"]}, r"no los \(did you mean 'loss'\?\)"), ({"rng": "x"}, "seed must"),
    ({"checkpoint": "a.txt"}, r"checkpoint must be named \.npz"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(OPTIONS)))
def test_options_that_are_refused(k: int) -> None:
    options, says = OPTIONS[k]
    net, optimizer = small(), ov.Adam()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=says) as caught:
        net.fit(*problem(), optimizer, **options)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(net.parameters, before)
    assert optimizer.steps == 0


@pytest.mark.parametrize("optimizer", [ov.Adam, None])
def test_only_optimizers_optimize(optimizer: Any) -> None:
    with pytest.raises(ValueError, match="optimizer must be one such as"):
        small().fit(*problem(), optimizer)


# -- checkpoints ------------------------------------------------------------------------------

#: Dropout, batch normalisation, a schedule, Adam, patience, clipping, records: all that has state.
RUN = """
import sys, time, zlib, numpy as np, optviz as ov
from optviz.optimizers.parse import parse_optimizer
rng = np.random.default_rng(1)
x, y = rng.normal(size=(400, 20)), rng.integers(0, 3, 400)
net = ov.nn.MLP((20, 30, 3), batch_norm="after", dropout=0.3, l2=1e-3, rng=0)
history = net.fit(
    x, y, parse_optimizer(sys.argv[2]), epochs=25, batch_size=32,
    validation=(x[:60], y[:60]), patience=20, clip_norm=1.0, record=["loss", "parameters"],
    record_every=7, checkpoint=sys.argv[1] or None, rng=3,
    callbacks=[lambda n, h: (print(h.epochs, flush=True), time.sleep(float(sys.argv[3])))],
)
parts = [net.parameters, *net.averages().values(), history.loss, history.validation_loss,
         history.rate, *history.records.values()]
print("end", *[zlib.crc32(np.ascontiguousarray(a).tobytes()) for a in parts], history.best_epoch)
"""


@pytest.mark.slow
def test_a_killed_run_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    """SIGKILL at random moments, several times; the same command again and again."""
    optimizer = "adam:lr=cosine(0.02,300)"
    whole = python(RUN, "", optimizer, "0").stdout.splitlines()[-1]
    assert whole.startswith("end")
    file, rng, kills, first_epochs = tmp_path / "run.npz", np.random.default_rng(), 0, []
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(file), optimizer, "0.01" if kills < 3 else "0"],
            stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        first_epochs.append(first.split()[0])
        if kills < 3 and not first.startswith("end"):
            time.sleep(rng.uniform(0.03, 0.15))
            process.kill()
            rest = process.communicate()[0]
            if process.returncode == -signal.SIGKILL:
                kills += 1
                continue
        else:
            rest = process.communicate()[0]
        break
    assert kills >= 2
    assert len(set(first_epochs)) > 1, "it must have gone on from the file"
    assert rest.splitlines()[-1] == whole
    # Once more: nothing is left to do, and the end is the same.
    assert python(RUN, str(file), optimizer, "0").stdout.splitlines()[-1] == whole
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


#: Half of a file, and then: nothing more for the time being, or the end.
WRITE = """
import os, signal, sys
from pathlib import Path
from optviz.shared.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(temporary.name, flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.readline()
    temporary.write_bytes(b"whole")
"""


def writer(file: Path, then: str) -> tuple[subprocess.Popen[str], str]:
    """A process that writes `file`, and the name that it writes under."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(file), then], text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_what_a_killed_process_leaves_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    """By the next one that writes the same file; others that are writing it are let alone."""
    file, living = tmp_path / "a.npz", []
    try:
        for _ in range(2):
            living.append(writer(file, "wait"))
        names = {name for _, name in living}
        for _ in range(3):
            dead, left = writer(file, "die")
            dead.communicate()
            assert dead.returncode == -signal.SIGKILL
            assert {p.name for p in tmp_path.iterdir()} == {*names, left}
        others = [left.replace(".a-", ".b-"), left.replace(".npz", ".png"), left[1:], f"x{left}"]
        for name in others:
            (tmp_path / name).write_bytes(b"another's")
        small().save(file)
        sound = file.read_bytes()
        assert {p.name for p in tmp_path.iterdir()} == {*names, *others, "a.npz"}
        for process, _ in living:
            assert file.read_bytes() == sound
            process.communicate("go on\n")
            assert process.returncode == 0
            assert file.read_bytes() == b"whole"
            file.write_bytes(sound)
        assert {p.name for p in tmp_path.iterdir()} == {*others, "a.npz"}
    finally:
        for process, _ in living:
            process.kill()
            process.wait()


def checkpointed(file: Path, **changes: Any) -> tuple[Network, Any]:
    """A run with changes to network, data or options."""
    x, y = changes.pop("data", None) or problem(60)
    options = {
        "epochs": 3,
        "batch_size": 16,
        "validation": problem(20, 42),
        "rng": 1,
        "patience": 9,
    }
    options |= {k: changes.pop(k) for k in list(changes) if k in options or k in FIT}
    optimizer = changes.pop("optimizer", None) or ov.Adam(lr=0.01)
    net = small(**changes)
    return net, net.fit(x, y, optimizer, checkpoint=file, **options)


def refused_untouched(file: Path) -> str:
    """The line that refuses a file for `checkpointed`'s run, with all that is given as it was.

    All of it would have been changed: the file's state is that of the run's end.
    """
    net, optimizer, rng = small(), ov.Adam(lr=0.01), np.random.default_rng(1)

    def now() -> list[Any]:
        arrays = {**net.state(), **optimizer.state_dict()}
        bits = [(name, np.asarray(array).tobytes()) for name, array in arrays.items()]
        return [bits, rng.bit_generator.state, file.read_bytes()]

    before = now()
    with pytest.raises(ValueError, match=file.name) as caught:
        net.fit(*problem(60), optimizer, epochs=3, batch_size=16, validation=problem(20, 42),
                patience=9, checkpoint=file, rng=rng)  # fmt: skip
    assert now() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    assert "\n" not in str(caught.value)
    return str(caught.value)


FIT = ("weight_decay", "clip_norm", "record", "record_every", "restore_best", "callbacks")


def used() -> ov.Adam:
    optimizer = ov.Adam(lr=0.01)
    small().fit(*problem(60), optimizer, epochs=1, rng=0)
    return optimizer


@pytest.mark.parametrize("changes", [
    {"rng": 2}, {"batch_size": 15}, {"patience": 8}, {"restore_best": False},
    {"weight_decay": 0.1}, {"clip_norm": 1.0}, {"record": ["loss"]}, {"dropout": 0.31},
    {"batch_norm": "after"}, {"activation": "tanh"}, {"l2": 0.1}, {"dtype": float},
    {"optimizer": ov.Adam(lr=0.02)}, {"optimizer": ov.SGD()}, {"optimizer": used()},
    {"data": problem(60, 43)}, {"data": problem(61)}, {"data": (problem(60)[0], problem(60, 9)[1])},
    {"validation": problem(20, 44)}, {"validation": None, "patience": None},
], ids=",".join)  # fmt: skip
def test_the_checkpoint_of_another_run_is_refused(tmp_path: Path, changes: Any) -> None:
    file = tmp_path / "a.npz"
    checkpointed(file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"is of another run .* differ") as caught:
        checkpointed(file, **changes)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("name", ["adamw", "nadam", "ftrl", "sgd", "rmsprop"])
def test_a_checkpoint_goes_on_and_on(tmp_path: Path, name: str) -> None:
    """2 epochs and then 5 are 5 epochs; stopping by a callback is kept too."""
    file, made = tmp_path / "a.npz", ov.optimizers[name]
    checkpointed(file, epochs=2, optimizer=made(lr=0.01))
    once, first = checkpointed(file, epochs=5, optimizer=made(lr=0.01))
    twin, second = checkpointed(tmp_path / "b.npz", epochs=5, optimizer=made(lr=0.01))
    np.testing.assert_array_equal(once.parameters, twin.parameters)
    np.testing.assert_array_equal(first.loss, second.loss)
    assert first.steps == second.steps == 20
    stopped = checkpointed(tmp_path / "c.npz", callbacks=[lambda n, h: h.epochs == 1])[1]
    again = checkpointed(tmp_path / "c.npz", epochs=9)[1]
    assert stopped.epochs == again.epochs == 1


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_any_generator_is_kept(tmp_path: Path, bits: Any) -> None:
    whole = checkpointed(tmp_path / "a.npz", epochs=4, rng=np.random.Generator(bits(5)))[0]
    checkpointed(tmp_path / "b.npz", epochs=2, rng=np.random.Generator(bits(5)))
    parts = checkpointed(tmp_path / "b.npz", epochs=4, rng=np.random.Generator(bits(5)))[0]
    np.testing.assert_array_equal(whole.parameters, parts.parameters)


def test_checkpoints_of_the_first_format(tmp_path: Path) -> None:
    """Their epochs had five numbers, with the penalties in the loss: taken where there are none."""
    file = tmp_path / "a.npz"
    wanted, whole = checkpointed(tmp_path / "b.npz", epochs=4)
    for penalty in ({}, {"l2": 0.1}, {"l1": 0.1}):
        file.unlink(missing_ok=True)
        checkpointed(file, epochs=2, **penalty)
        arrays, spec = read_archive(file, "checkpoint")
        arrays["rows"] = np.delete(arrays["rows"], 1, axis=1)
        write_archive(file, arrays, spec)
        if not penalty:
            net, history = checkpointed(file, epochs=4)
            np.testing.assert_array_equal(net.parameters, wanted.parameters)
            for name in COLUMNS:
                np.testing.assert_array_equal(getattr(history, name), getattr(whole, name))
            continue
        with pytest.raises(
            ValueError, match=r"a\.npz is of an earlier optviz.*: delete it"
        ) as caught:
            checkpointed(file, epochs=4, **penalty)
        assert "\n" not in str(caught.value)


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    """In one line, with network, optimizer and file as they were."""
    file = tmp_path / "a.npz"
    wanted = checkpointed(file)[0].parameters
    sound = file.read_bytes()
    damages = [sound[:n] for n in (0, 1, 30, len(sound) // 2, len(sound) - 1)]
    damages.append(b"\x80\x04N." * 20)
    for damage in damages:
        file.write_bytes(damage)
        refused_untouched(file)
    harmless = 0
    for place in range(0, len(sound), len(sound) // 60):
        file.write_bytes(sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])
        try:
            found = checkpointed(file)[0].parameters
        except ValueError as error:
            assert "a.npz" in str(error)
        else:  # such as a time stamp
            harmless += 1
            np.testing.assert_array_equal(found, wanted)
    assert harmless < 30


ODD = ["rows", "parameters", "optimizer/steps", "optimizer/parameters/m", "optimizer/parameters/t",
       "optimizer/parameters/powers", "best/parameters", "averages/1/mean"]  # fmt: skip
LONGER = [name for name in ODD if name.split("/")[-1] in ("parameters", "m", "powers", "mean")]


@pytest.mark.parametrize(("name", "how"), [
    *itertools.product(ODD, ["missing", "shape", "text"]), *((name, "longer") for name in LONGER),
])  # fmt: skip
def test_checkpoints_with_odd_contents_change_nothing(tmp_path: Path, name: str, how: str) -> None:
    file = tmp_path / "a.npz"
    checkpointed(file)
    arrays, spec = read_archive(file, "checkpoint")
    value = arrays.pop(name)
    if how != "missing":
        odd = {"shape": np.zeros((2, 2)), "text": np.array("text"), "longer": np.append(value, 0)}
        arrays[name] = odd[how].astype(odd[how].dtype if how == "text" else value.dtype)
    write_archive(file, arrays, spec)
    assert "is damaged" in refused_untouched(file)


def test_a_state_of_another_size_changes_nothing(tmp_path: Path) -> None:
    """Its arrays fit each other: only a step shows that they do not fit the parameters."""
    file = tmp_path / "a.npz"
    checkpointed(file)
    arrays, spec = read_archive(file, "checkpoint")
    for slot in "mv":
        key = f"optimizer/parameters/{slot}"
        arrays[key] = np.append(arrays[key], arrays[key][:1])
    write_archive(file, arrays, spec)
    assert "is damaged" in refused_untouched(file)


@pytest.mark.parametrize("changes", [
    {"rng": "x"}, {"rng": "{}"}, {"rng": None}, {"steps": "x"}, {"best_loss": None},
    {"identity": None}, {"best_epoch": 1e400}, {"kind": "network"},
])  # fmt: skip
def test_checkpoints_with_odd_specifications_are_refused(tmp_path: Path, changes: Any) -> None:
    file = tmp_path / "a.npz"
    checkpointed(file)
    arrays, spec = read_archive(file, "checkpoint")
    write_archive(file, arrays, {**spec, **changes})
    refused_untouched(file)


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    net = small()
    before = net.parameters.copy()
    folders = [tmp_path / "none", Path("/proc") if os.geteuid() == 0 else tmp_path / "locked"]
    (tmp_path / "locked").mkdir(mode=0o500)
    for folder in folders:
        with pytest.raises(OSError, match=folder.name):
            net.fit(*problem(), ov.Adam(), checkpoint=folder / "a.npz")
    np.testing.assert_array_equal(net.parameters, before)


# -- comparisons ------------------------------------------------------------------------------


def test_all_optimizers_start_alike_on_the_same_batches() -> None:
    t = compare("moons:n=300", ["sgd:lr=1e-30", "adam:lr=1e-30", "sgd:lr=0.1"], epochs=2,
                layers=(2, 9, 2), runs=2, dropout=0.0, seed=3)  # fmt: skip
    first, second, third = ([h.loss[0] for h in runs] for runs in t.histories)
    np.testing.assert_array_equal(first, second)
    assert first[0] != first[1]
    assert third[0] != first[0]
    again = compare("moons:n=300", "sgd:lr=0.1", epochs=2, layers=(2, 9, 2), runs=2, dropout=0.0,
                    seed=3)  # fmt: skip
    np.testing.assert_array_equal(again.test_accuracy[0], t.test_accuracy[2])


def test_shares_and_scaling_come_from_the_training_part() -> None:
    from optviz.nn.comparison import _begin

    t = compare("digits", "sgd", epochs=1, layers=(64, 5, 10))
    whole = data.load("digits")
    network, train, validation, test = _begin(whole, t.setup, 0)
    assert network.inputs == 64
    assert (len(test), len(validation)) == (359, 216)
    assert len(train) + len(test) + len(validation) == 1797
    assert (train.x.min(), train.x.max()) == (0, 1)
    own = Dataset("own", x=np.random.default_rng(0).normal(5, 9, (300, 3)), y=np.arange(300) % 2)
    _, train, validation, test = _begin(own, dataclasses.replace(t.setup, layers=(3, 2)), 0)
    np.testing.assert_allclose(train.x.mean(axis=0), 0, atol=1e-6)
    assert abs(test.x.mean()) > 1e-4


def test_medians_and_bands() -> None:
    t = compare("moons:n=200", "sgd:lr=0.1", epochs=3, layers=(2, 4, 2), runs=5)
    runs = np.array([h.loss for h in t.histories[0]])
    np.testing.assert_allclose(t.curves(0, "loss"), np.quantile(runs, [0.5, 0.1, 0.9], axis=0))


def quantile_by_hand(values: list[float], share: float) -> float:
    """Between two neighbours in the order, as far as the share says; infinite beside infinity."""
    values, at = sorted(values), share * (len(values) - 1)
    low, high = values[math.floor(at)], values[math.ceil(at)]
    if math.isinf(high):
        return low if at == math.floor(at) else high
    return low + (at - math.floor(at)) * (high - low)


def ended(t: Training, ends: list[tuple[int, bool]]) -> Training:
    """The same with runs that ended after so many epochs: diverged (True), or stopped."""
    runs = []
    for h, (end, is_lost) in zip(t.histories[0], ends, strict=True):
        columns = {name: getattr(h, name)[:end].copy() for name in COLUMNS}
        if is_lost:
            columns["loss"][-1], columns["validation_loss"][-1] = np.nan, np.inf
        runs.append(dataclasses.replace(h, **columns, stopped_early=end < 9))
    return dataclasses.replace(t, histories=(tuple(runs),))


ENDS = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=8)


@given(ENDS)
def test_runs_that_diverge_or_stop_are_counted(ends: list[tuple[int, bool]]) -> None:
    """Epoch by epoch: who diverged is infinitely bad for good, who stopped is gone; the curve ends
    where fewer than half are left."""
    t = ended(pretended(["sgd:lr=0.1"], runs=len(ends), epochs=9), ends)
    for name in COLUMNS:
        found = t.curves(0, name)
        assert found.shape == (3, max(end for end, _ in ends))
        for epoch in range(found.shape[1]):
            values = []
            for h, (end, is_lost) in zip(t.histories[0], ends, strict=True):
                column = getattr(h, name)
                if is_lost and epoch >= end - ("loss" in name):
                    values.append(math.inf if name in COSTS else column[-1])
                elif epoch < end:
                    values.append(column[epoch])
            for k, share in enumerate((0.5, 0.1, 0.9)):
                many = 2 * len(values) >= len(ends)
                wanted = quantile_by_hand(values, share) if many else math.nan
                np.testing.assert_allclose(found[k, epoch], wanted, rtol=1e-12)
    assert t.diverged.tolist() == [[is_lost for _, is_lost in ends]]
    assert t.stopped_early.tolist() == [[end < 9 and not is_lost for end, is_lost in ends]]


COSTS = ("loss", "validation_loss", "penalty")


def test_the_small_print_tells_of_runs_that_ended() -> None:
    t = ended(pretended(["sgd:lr=0.1"], runs=5, epochs=9, patience=2, dropout=0.4),
              [(9, False), (9, True), (4, True), (5, False), (9, False)])  # fmt: skip
    figure = ov.plot(t)
    told = small_print_of(figure)
    assert "diverged: 2 of 5 of SGD, which count as infinite losses" in told
    assert "stopped early: 1 of 5 of SGD, which count only while they trained" in told
    assert "training: mean over the epoch's batches, with dropout ·" in told
    assert "(2 of 5 diverged)" in TrainStudy.of(t).finding(t)
    # The band, whose upper edge is infinite from the fourth epoch on, goes to the top.
    loss = part_of(figure, "loss")
    upper = loss.collections[0].get_paths()[0].vertices
    highest = max(np.max(line.get_ydata()[np.isfinite(line.get_ydata())]) for line in loss.lines)
    assert upper[(upper[:, 0] == 6), 1].max() >= highest
    assert np.isfinite([*loss.get_xlim(), *loss.get_ylim()]).all()
    plain = pretended(["sgd:lr=0.1"], runs=2, dropout=0.0)
    told = small_print_of(ov.plot(plain))
    assert "training: mean over the epoch's batches ·" in told
    assert "diverged" not in told
    assert "stopped" not in told
    one = ended(pretended(["sgd:lr=0.1"], epochs=9), [(4, False)])
    assert "stopped early: SGD" in small_print_of(ov.plot(one))


def small_print_of(figure: Any) -> str:
    words = figure.texts[-1].get_text()
    return " ".join(words.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("penalty", [{"l1": 0.02}, {"l2": 0.5}, {"l1": 0.01, "l2": 0.3}])
def test_training_and_validation_are_losses_of_the_same_kind(penalty: dict[str, float]) -> None:
    """On the same rows, without noise and with a rate of nearly nothing, they are the same; the
    penalty is that of the weights at the end."""
    x, y = problem(48)
    net = small(dropout=0.0, batch_norm=False, dtype=float, **penalty)
    history = net.fit(x, y, ov.SGD(lr=1e-12), epochs=1, batch_size=16, validation=(x, y), rng=0)
    np.testing.assert_allclose(history.loss, history.validation_loss, rtol=1e-9)
    cost = 0.0
    for k in (1, 2):
        for w in net.views()[f"{k} dense/W"].ravel():
            cost += penalty.get("l1", 0) * abs(w) + penalty.get("l2", 0) / 2 * w * w
    np.testing.assert_allclose(history.penalty, cost, rtol=1e-9)
    assert cost > 0.1
    assert small().fit(x, y, ov.SGD(), epochs=2, rng=0).penalty.tolist() == [0, 0]


def test_the_penalty_is_a_thin_line_of_its_own() -> None:
    for settings, has_one in (({}, False), ({"l1": 1e-5}, True), ({"l2": 1e-4}, True)):
        t = pretended(SPECS[:2], runs=3, **settings)
        figure = ov.plot(t)
        loss, accuracy = part_of(figure, "loss"), part_of(figure, "accuracy")
        assert len(loss.lines) == 4 + 2 * has_one
        assert len(accuracy.lines) == 4
        assert ("penalty" in legend_of(figure)) == has_one
        assert ("penalty" in loss.get_title(loc="left")) == has_one
        for k in range(2 * has_one):
            training, _, line = loss.lines[3 * k : 3 * k + 3]
            wanted = np.median([h.penalty for h in t.histories[k]], axis=0)
            np.testing.assert_allclose(line.get_ydata(), wanted)
            assert line.get_color() == training.get_color()
            assert line.get_linewidth() < 0.6 * training.get_linewidth()


@pytest.mark.parametrize(("args", "settings", "says"), [
    (("digts", "adam"), {}, "did you mean 'digits'"),
    (("digits", "adm"), {}, "did you mean 'adam'"), (("digits", []), {}, "at least one"),
    (("digits", [ov.Adam]), {}, "optimizer must be one such as"),
    (("digits", ov.Adam), {}, "optimizer must be one such as"),
    (("digits", "adam"), {"layers": (64, 10, 9)}, "layers must be such as 64,10,10"),
    (("digits", "adam"), {"layers": (64,)}, "layers must be such as"),
    (("digits", "adam"), {"layers": (64, 0, 10)}, "sizes must be"),
    (("digits", "adam"), {"layers": (64, 2.5, 10)}, "sizes must be"),
    (("digits", "adam"), {"runs": 0}, "runs must be"), (("digits", "adam"), {"seed": -1}, "seed"),
    (("digits", "adam"), {"epoch": 3}, "compare has no epoch"),
    (("digits", "adam"), {"epochs": 0}, "epochs must"),
    (("digits", "adam"), {"epochs": 1.5}, "epochs must"),
    (("digits", "adam"), {"batch_size": 0}, "batch_size must"),
    (("digits", "adam"), {"dropout": 1}, "rate must lie"),
    (("digits", "adam"), {"dropout": "x"}, "dropout must be"),
    (("digits", "adam"), {"batch_norm": "after"}, "batch_norm must be True or False"),
    (("digits", "adam"), {"init": 0.01}, "init must be a text"),
    (("digits", "adam"), {"l2": {"W": 1}}, "l2 must be"),
    (("digits", "adam"), {"activation": "rulu"}, "did you mean 'relu'"),
    (("digits", ["adam", "sgd"]), {"checkpoint": "a.npz"}, "one optimizer and one run"),
    (("digits", "adam"), {"checkpoint": "a.npz", "runs": 2}, "one optimizer and one run"),
])  # fmt: skip
def test_comparisons_that_are_refused(args: Any, settings: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        compare(*args, **settings)
    assert "\n" not in str(caught.value)


# -- the picture ------------------------------------------------------------------------------


def history(epochs: int, seed: int, end: float = 0.05) -> Any:
    """Curves such as training leaves, without training."""
    rng = np.random.default_rng(seed)
    fall = np.exp(-np.arange(epochs) / 4) * 2 + end
    loss, seen = fall * rng.uniform(0.9, 1.1, (2, epochs))
    from optviz.nn import History

    return History(loss, 30 * fall, 1 - loss / 4, 1.2 * seen, 1 - seen / 3, np.full(epochs, 0.1),
                   epochs, False, 10 * epochs)  # fmt: skip


LONG = "adam:lr=onecycle(0.0123456,12345),beta1=0.912345,beta2=0.987654,eps=1e-05,convention=torch"
SPECS = ["sgd:lr=0.1", "momentum:lr=0.01", "adagrad:lr=0.012345", "rmsprop:lr=0.0123", LONG]


def pretended(specs: list[str], runs: int = 1, epochs: int = 30, **settings: Any) -> Training:
    sizes = settings.pop("layers", (64, 100, 100, 10))
    setup = Setup("digits", sizes, epochs=epochs, runs=runs, **settings)
    made = tuple(parse_optimizer(spec) for spec in specs)
    rows = tuple(
        tuple(history(epochs, 10 * k + r, 0.02 * (k + 1)) for r in range(runs))
        for k in range(len(made))
    )
    scores = np.random.default_rng(0).uniform(0.9, 0.99, (len(made), runs))
    return Training(setup, data.load("digits"), made, rows, scores, MLP((64, 10), rng=0))


def boxes_of(figure: Any) -> dict[str, Any]:
    """Everything that is drawn, and must not lie on anything else."""
    figure.canvas.draw()
    boxes = {f"axes {k}": axes.get_tightbbox() for k, axes in enumerate(figure.axes)}
    boxes |= {f"text {t.get_text()[:30]!r}": t.get_window_extent() for t in figure.texts}
    boxes["legend"] = figure.legends[0].get_window_extent()
    return boxes


SIZES = [(640, 400), (960, 520), (1600, 900)]
#: Colours move nothing: the other themes are tried with the fullest picture only.
LOOKS = [
    *itertools.product([SPECS[:1], SPECS[:2], SPECS, [LONG], [LONG] * 2], ["light"], SIZES),
    *itertools.product([SPECS], [theme for theme in theme.THEMES if theme != "light"], SIZES),
]


@pytest.mark.parametrize(("specs", "theme", "size"), [
    pytest.param(*look, marks=[] if look[2] == SIZES[0] and look[1] == "light" else
                 pytest.mark.slow)
    for look in LOOKS
], ids=lambda v: str(v)[:24])  # fmt: skip
def test_nothing_overlaps_or_is_cut_off(specs: list[str], theme: str, size: Any) -> None:
    t = pretended(specs, runs=3, weight_decay=0.01, l1=1e-5, l2=1e-4, patience=7,
                  init="xavier_uniform")  # fmt: skip
    figure = ov.plot(t, size=size, theme=theme)
    boxes, page = boxes_of(figure), figure.bbox
    for name, box in boxes.items():
        inside = (box.x0 >= page.x0 - 1 and box.y0 >= page.y0 - 1
                  and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1)  # fmt: skip
        assert inside, (name, box)
    for (name_a, a), (name_b, b) in itertools.combinations(boxes.items(), 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 2 or along < 2, (name_a, name_b, across, along)
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert box.width > 0.3 * size[0]
        assert box.height > 0.24 * size[1]
        labels = [label for label in axes.get_yticklabels() if label.get_text()]
        assert len(labels) >= 2
        spans = sorted((Text.get_window_extent(label) for label in labels), key=lambda b: b.y0)
        for low, high in itertools.pairwise(spans):
            assert high.y0 >= low.y1 - 3


def test_the_picture_shows_the_numbers() -> None:
    t = pretended(SPECS[:2], runs=3)
    figure = ov.plot(t)
    loss, accuracy = figure.axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        curves = [(k, prefix) for k in range(2) for prefix in ("", "validation_")]
        assert len(axes.lines) == len(curves)
        for line, (k, prefix) in zip(axes.lines, curves, strict=True):
            wanted = np.median([getattr(h, prefix + name) for h in t.histories[k]], axis=0)
            np.testing.assert_allclose(line.get_ydata(), wanted)
            np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 31))
            low, high = axes.get_ylim()
            assert low <= wanted.min()
            assert wanted.max() <= high
        assert len({line.get_color() for line in axes.lines}) == 2
        assert len(axes.collections) == 4
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend[0].startswith("SGD  lr = 0.1   test 9")
    assert legend[-2:] == ["training", "validation"]
    assert figure.texts[0].get_text() == "SGD and Momentum on digits"
    small_print = figure.texts[-1].get_text()
    small_print = small_print.replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")
    for words in ("1,797 samples", "batches of 64", "dropout 0.2", "init he", "median of 3 runs",
                  "seed 0"):  # fmt: skip
        assert words in small_print


@pytest.mark.parametrize("change", ["one epoch", "diverged", "all nan", "two values"])
def test_awkward_histories_make_pictures(change: str) -> None:
    t = pretended(SPECS[:2], epochs=1 if change == "one epoch" else 30)
    one = t.histories[0][0]
    if change == "diverged":
        one.loss[3:] = np.nan
        one.validation_loss[2:] = np.inf
    elif change == "all nan":
        for h in (t.histories[0][0], t.histories[1][0]):
            h.loss[:] = h.validation_loss[:] = np.nan
    elif change == "two values":
        one.loss[:] = 1e-12
    figure = ov.plot(t)
    figure.canvas.draw()
    for axes in figure.axes:
        assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()


@pytest.fixture(scope="module")
def trained() -> Training:
    return compare("moons:n=150", ["sgd:lr=0.1", "adam:lr=cosine(0.01,50)"], epochs=2, runs=2,
                   layers=(2, 5, 2), l2=1e-4, patience=2, seed=5)  # fmt: skip


@pytest.mark.parametrize("suffix", list(output.STILL))
def test_pictures_come_back_as_the_same_bytes(
    trained: Training, tmp_path: Path, suffix: str
) -> None:
    path = ov.save(ov.plot(trained, theme="dark"), tmp_path / f"a{suffix}", dpi=70)
    assert ov.replay(path).read_bytes() == path.read_bytes()
    study = read_study(path)
    assert isinstance(study, TrainStudy)
    assert from_json(study.to_json()) == study
    assert study.command() == (
        "optviz train --theme dark --dpi 70 --data moons:n=150 --layers 2,5,2 --l2 0.0001 "
        "--epochs 2 --patience 2 --seed 5 --optimizer sgd:lr=0.1 "
        "--optimizer 'adam:lr=cosine(0.01,50,0)' --runs 2"
    )


def test_a_changed_data_set_is_not_taken_for_the_original(tmp_path: Path) -> None:
    some = data.load("digits").take(range(200))
    t = compare(some, "sgd", epochs=1, layers=(64, 5, 10))
    path = ov.save(ov.plot(t), tmp_path / "a.png", dpi=50)
    with pytest.raises(SpecError, match=r"'own\.digits' is neither built in nor generated"):
        ov.replay(path)


def altered(**changes: Any) -> str:
    made = TrainStudy(data="moons:n=60", layers=(2, 4, 2), epochs=1, optimizers="sgd:lr=0.1")
    sound = made.to_json()
    return json.dumps({**json.loads(sound), **changes})


def test_the_sound_specification_is_made() -> None:
    study = from_json(altered())
    assert study.finding(study.run()).startswith("Accuracy in the test: SGD ")


@pytest.mark.parametrize(("changes", "says"), [
    ({"data": "own.csv"}, "neither built in nor generated"),
    ({"data": "mnist:/etc"}, "neither built in"), ({"data": "../../x.npz"}, "neither built in"),
    ({"data": 3}, "data must be a text"), ({"data": "moons:n=10**9"}, "n must be|number"),
    ({"data": "moons:n=1000000000"}, "n must be a whole number"),
    ({"layers": 2}, "layers must be a text"), ({"layers": [2, 2]}, "layers must be a text"),
    ({"layers": "2"}, "layers must be such as"),
    ({"layers": "2,x"}, "layers must be sizes such as"),
    ({"layers": ",".join(["2"] * 99)}, "layers may be at most 50"),
    ({"layers": "2,-1,2"}, "sizes must be at least two whole numbers ≥ 1"),
    ({"layers": "2,0,2"}, "sizes must be at least two whole numbers ≥ 1"),
    ({"layers": "2,100000000,2"}, "at most 50 with 20,000,000 weights"),
    ({"layers": "2,90000,90000,2"}, "at most 50 with 20,000,000 weights"),
    ({"layers": "3,2"}, "layers must be such as"),
    ({"epochs": 0}, "epochs must be a whole number from 1 to 1,000,000, not 0"),
    ({"epochs": 1.5}, "epochs must be a whole number from 1 to 1,000,000, not 1.5"),
    ({"batch_size": "x"}, "batch_size must be a whole number from 1 to 10,000,000, not 'x'"),
    ({"batch_norm": "after"}, "batch_norm must be true or false"),
    ({"dropout": 1}, "dropout must be a number from 0 to below 1, not 1"),
    ({"dropout": "x"}, "dropout must be a number"), ({"dropout": True}, "dropout must be a number"),
    ({"init": "constant:value=x"}, "value must be"), ({"activation": "x"}, "not known"),
    ({"l1": -1}, "l1 must be a number ≥ 0, not -1"),
    ({"runs": 0}, "runs must be a whole number from 1 to 1,000, not 0"),
    ({"runs": 10**6}, "runs must be a whole number from 1 to 1,000"),
    ({"seed": -1}, "seed must be a whole number from 0"),
    ({"patience": 0}, "patience must be a whole number from 1"),
    ({"optimizers": []}, "at least one optimizer"), ({"optimizers": 3}, "must be a text"),
    ({"optimizers": ["sgdd"]}, "did you mean 'sgd'"), ({"optimizers": [3]}, "must be a text"),
    ({"theme": "../x"}, "theme must be one of"), ({"size": "1x1"}, "size must lie"),
    ({"size": [800, 600]}, "size must be a text"),
    ({"size": "1000000000x1"}, "size must lie"), ({"dpi": 10**6}, "dpi must be"),
    ({"extra": 1}, "unknown field 'extra'"), ({"checkpoint": "/tmp/x.npz"}, "names no files"),
    ({"save": "/tmp/x.npz"}, "names no files"), ({"format": 3}, "has the format '3'"),
    ({"study": "trian"}, "did you mean 'train'"),
])  # fmt: skip
def test_damaged_specifications_are_refused(changes: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_json(altered(**changes)).run()
