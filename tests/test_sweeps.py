"""A million runs at once are the same runs: as `minimize`, on any threads, in any blocks."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.compiled import jit, sources, splitmix
from optviz.compiled import threads as threads_module
from optviz.optimizers import base
from optviz.runs import block, chunks
from optviz.runs.axis import Axis, parse_axis
from optviz.runs.sweep import CONVERGED, DIVERGED, UNFINISHED, Sweep, sweep
from tests.catalogue import RULES
from tests.processes import PEAK, interruptible

FIELDS = ("final", "values", "steps_taken", "outcome", "basin")
#: Plain Python kernels are a hundred times slower: fewer functions, starts and draws.
FEW = jit.jit_disabled()
FUNCTIONS = ["beale"] if FEW else ["bowl", "rosenbrock", "himmelblau", "rastrigin", "eggholder"]

needs_jit = pytest.mark.skipif(FEW, reason="too slow without a compiler")


def starts_of(f: str, count: int) -> np.ndarray:
    (x0, x1), (y0, y1) = ov.function(f).bounds
    return np.random.default_rng(1).uniform([x0, y0], [x1, y1], (count, 2))


def assert_same(a: Sweep, b: Sweep) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def assert_agrees(s: Sweep, k: tuple[int, ...], t: ov.Trajectory) -> None:
    """The k-th run of a sweep is the path `t`, to the bit."""
    taken, outcome = int(s.steps_taken[k]), int(s.outcome[k])
    if t.diverged_at is not None:
        assert (outcome, taken) == (DIVERGED, t.diverged_at)
        assert np.isnan(s.final[k]).all()
        assert (s.values[k], s.basin[k]) == (np.inf, -1)
    else:
        is_done = t.converged_at is not None
        assert outcome == (CONVERGED if is_done else UNFINISHED)
        assert taken == (t.converged_at if is_done else t.steps)
        np.testing.assert_array_equal(s.final[k], t.points[-1])
        assert s.values[k] == t.values[-1]


# -- the same runs as minimize --------------------------------------------------------------


@pytest.mark.parametrize("name", list(RULES))
def test_ends_are_the_last_points_of_minimize_to_the_bit(name: str) -> None:
    """Every convention, functions on which runs converge, wander and diverge."""
    for convention in ov.optimizers[name]().conventions:
        optimizer = ov.optimizers[name](lr=0.05, convention=convention)
        for f in FUNCTIONS:
            starts = starts_of(f, 2 if FEW else 5)
            s = sweep(f, optimizer, starts, steps=60, tol=1e-2)
            for k, start in enumerate(starts):
                t = ov.minimize(f, optimizer, start=start, steps=60, tol=1e-2)
                assert_agrees(s, (k,), t)


@pytest.mark.parametrize("lr", [0.2, 2.0, 25.0, 1e100, 1e200])
@pytest.mark.parametrize("f", ["bowl", "rosenbrock", "exp(x) + y**2", "x + y"])
def test_runs_diverge_at_the_step_where_minimize_says(f: str, lr: float) -> None:
    starts = starts_of(f, 3)
    s = sweep(f, ov.SGD(lr=lr), starts, steps=400, tol=1e-5)
    for k, start in enumerate(starts):
        t = ov.minimize(f, ov.SGD(lr=lr), start=start, steps=400, tol=1e-5)
        assert_agrees(s, (k,), t)


def test_functions_that_are_not_defined_everywhere() -> None:
    """The slope 1/x of a logarithm goes on where it has no value: those runs are lost there."""
    starts = np.array([[0.5, 1.0], [3.0, -2.0], [0.01, 0.0]])
    for f in ("log(x) + y**2", "(x - log(x))**2 + y**2", "sqrt(x) + y**2", "x*log(x) + y**4"):
        s = sweep(f, ov.SGD(lr=0.3), starts, steps=30)
        for k, start in enumerate(starts):
            t = ov.minimize(f, ov.SGD(lr=0.3), start=start, steps=30, tol=1e-6)
            assert_agrees(s, (k,), t)
        undefined = sweep(f, ov.SGD(lr=0.3), [[-1, 2], [2, 1]], steps=30)
        assert undefined.outcome[0] == DIVERGED
        assert undefined.steps_taken[0] == 0
        assert np.isnan(undefined.final[0]).all()


@pytest.mark.parametrize(
    "schedule",
    [
        ov.schedules.Cosine(0.4, 30),
        ov.schedules.OneCycle(0.5, 50),
        ov.schedules.LinearWarmup(10, ov.schedules.Step(0.3, every=15)),
    ],
    ids=str,
)
def test_schedules_with_and_without_a_sweep_of_the_rate(schedule) -> None:
    starts = starts_of("bowl", 2)
    fixed = sweep("bowl", ov.Momentum(lr=schedule), starts, steps=50, tol=1e-3)
    rates = [0.01, 0.25]
    swept = sweep("bowl", ov.Momentum(lr=schedule), starts, over={"lr": rates}, steps=50, tol=1e-3)
    for k, start in enumerate(starts):
        t = ov.minimize("bowl", ov.Momentum(lr=schedule), start=start, steps=50, tol=1e-3)
        assert_agrees(fixed, (k,), t)
        for row, rate in enumerate(rates):
            lr = schedule.scaled(rate / schedule.first())
            t = ov.minimize("bowl", ov.Momentum(lr=lr), start=start, steps=50, tol=1e-3)
            # Scaled after the schedule is evaluated, not before: the last bit may differ.
            np.testing.assert_allclose(swept.final[row, k], t.points[-1], rtol=1e-9, atol=1e-12)
            assert swept.steps_taken[row, k] == (t.converged_at or 50)


def test_a_warm_up_is_known_by_the_rate_where_it_ends() -> None:
    """It begins with 0, by which nothing can be scaled."""
    warm = ov.SGD(lr=ov.schedules.LinearWarmup(10, ov.schedules.Constant(0.5)))
    s = sweep("bowl", warm, over={"lr": [0.1, 0.5]}, steps=50)
    np.testing.assert_array_equal(s.final[1, 0], sweep("bowl", warm, steps=50).final[0])
    assert (s.outcome == UNFINISHED).all()
    assert 1e-3 < ov.tune("bowl", warm, steps=50).best.lr.first() < 10
    with pytest.raises(ValueError, match="begins with 0 cannot be scaled"):
        sweep("bowl", ov.SGD(lr=ov.schedules.Constant(0.0)), over={"lr": [0.1]})


def test_two_hyperparameters_in_their_order() -> None:
    over = {"beta1": [0.0, 0.5, 0.9], "lr": Axis("lr", 0.01, 1, 4, log=True)}
    s = sweep("beale", ov.Adam(), over=over, steps=40, tol=0.0)
    assert s.final.shape == (3, 4, 1, 2)
    assert list(s.over) == ["beta1", "lr"]
    for i, beta1 in enumerate(s.over["beta1"]):
        for j, lr in enumerate(s.over["lr"]):
            t = ov.minimize("beale", ov.Adam(lr=float(lr), beta1=float(beta1)), steps=40)
            assert_agrees(s, (i, j, 0), t)


def test_a_hyperparameter_that_fills_a_slot() -> None:
    optimizer = ov.AdaGrad(lr=0.5, convention="keras")
    name, values = "initial_accumulator", [0.0, 0.1, 50.0]
    s = sweep("bowl", optimizer, over={name: values}, steps=20, tol=0.0)
    for k, value in enumerate(values):
        t = ov.minimize("bowl", optimizer.fresh(**{name: value}), steps=20)
        assert_agrees(s, (k, 0), t)
    assert len(np.unique(s.final[:, 0, 0])) == 3


def test_its_own_state_is_neither_read_nor_changed() -> None:
    used, params = ov.Adam(lr=0.1), {"w": np.ones(3)}
    used.update(params, {"w": np.ones(3)})
    before = used.state_dict()
    assert_same(sweep("bowl", used, steps=30), sweep("bowl", ov.Adam(lr=0.1), steps=30))
    assert used.state_dict().keys() == before.keys()
    np.testing.assert_array_equal(used.state_dict()["w/m"], before["w/m"])


def test_python_functions_and_single_points() -> None:
    s = sweep(lambda x, y: (x - 1) ** 2 + 2 * y**2, ov.SGD(lr=0.2), [3, -2], steps=100, tol=1e-6)
    assert s.outcome.tolist() == [CONVERGED]
    np.testing.assert_allclose(s.final, [[1, 0]], atol=1e-6)
    assert s.basin.tolist() == [0]
    halves = sweep(lambda x, y: np.sqrt(x) + y * y, ov.SGD(lr=1.5), [[4, 1], [-4, 1]], steps=20)
    assert halves.outcome.tolist() == [DIVERGED, DIVERGED]
    assert halves.steps_taken[1] == 0


# -- the greatest slopes on the way ---------------------------------------------------------


WINDOWS = (1, 2, 3, 7, 20, 41)


def slopes_met(t: ov.Trajectory, taken: int) -> np.ndarray:
    """The greatest |∂f/∂xᵢ| in each window, 0 where the run had ended, by a plain loop."""
    points = t.points[: taken + 1] if taken < 60 else t.points[:60]
    with np.errstate(all="ignore"):
        slopes = np.abs(t.function.gradient(*points.T)).max(axis=0)
    all_steps = np.zeros(60)
    all_steps[: len(slopes)] = slopes
    return np.maximum.reduceat(all_steps, np.array(WINDOWS) - 1)


def assert_peaks(found: np.ndarray, expected: np.ndarray) -> None:
    """A gradient of many points at once may round otherwise (a·b + c in one)."""
    np.testing.assert_array_equal(found == 0, expected == 0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "lion", "rmsprop", "adadelta"])
@pytest.mark.parametrize("tol", [0.0, 0.3])
def test_peaks_are_the_greatest_slopes_of_minimize(name: str, tol: float) -> None:
    """Of runs that stay, converge and diverge, over two hyperparameters."""
    other = {"sgd": {}, "momentum": {"momentum": [0.0, 0.9]}, "adam": {"beta1": [0.0, 0.9]}}
    over = {"lr": [0.003, 0.02, 0.6], **other.get(name, {})}
    for f in FUNCTIONS[:3]:
        starts = starts_of(f, 2 if FEW else 6)
        optimizer = ov.optimizers[name]()
        s = sweep(f, optimizer, starts, over=over, steps=60, tol=tol, windows=WINDOWS)
        assert s.peaks is not None
        assert s.peaks.shape == (*s.values.shape, len(WINDOWS))
        assert_same(s, sweep(f, optimizer, starts, over=over, steps=60, tol=tol))
        for index in np.ndindex(s.values.shape):
            chosen = {key: over[key][i] for key, i in zip(over, index[:-1], strict=True)}
            with np.errstate(all="ignore"):
                t = ov.minimize(f, optimizer.fresh(**chosen), start=starts[index[-1]], steps=60,
                                tol=tol)  # fmt: skip
            if t.diverged_at is None:
                expected = slopes_met(t, int(s.steps_taken[index]))
                assert_peaks(s.peaks[index], expected)
            else:
                ended = np.array(WINDOWS) > t.diverged_at + 1
                assert not s.peaks[index][ended].any()


@needs_jit
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_peaks_stay_with_their_run_when_others_leave(noise: float) -> None:
    """Blocks of 256 close up as runs converge and diverge; noise is no slope of f."""
    starts = starts_of("himmelblau", 700)
    options = {"steps": 60, "tol": 0.5, "noise": noise, "rng": 4, "windows": WINDOWS}
    s = sweep("himmelblau", ov.Momentum(lr=0.012), starts, **options)
    assert len(np.unique(s.steps_taken)) > 20
    assert s.diverged.any()
    for k in range(0, 700, 23):
        short = sweep("himmelblau", ov.Momentum(lr=0.012), starts[: k + 1], **options)
        np.testing.assert_array_equal(short.peaks[k], s.peaks[k])
        if not (noise or s.diverged[k]):
            t = ov.minimize("himmelblau", ov.Momentum(lr=0.012), start=starts[k], steps=60, tol=0.5)
            assert_peaks(s.peaks[k], slopes_met(t, int(s.steps_taken[k])))
    if noise:
        first = np.abs(s.function.gradient(*starts.T)).max(axis=0)
        assert_peaks(s.peaks[:, 0], first)


def test_peaks_without_leaving_early_and_of_one_window() -> None:
    starts = starts_of("beale", 3)
    s = sweep("beale", ov.SGD(lr=1e-5), starts, steps=60, tol=1e3, early_leaving=False,
              windows=WINDOWS)  # fmt: skip
    one = sweep("beale", ov.SGD(lr=1e-5), starts, steps=60, tol=1e3, early_leaving=False,
                windows=[1])  # fmt: skip
    for k, start in enumerate(starts):
        t = ov.minimize("beale", ov.SGD(lr=1e-5), start=start, steps=60)
        assert_peaks(s.peaks[k], slopes_met(t, 60))
    np.testing.assert_array_equal(one.peaks[:, 0], s.peaks.max(axis=1))
    assert sweep("beale", ov.SGD(), steps=2).peaks is None


@pytest.mark.parametrize("windows", [[2, 3], [0, 1], [1, 1], [1, 5, 4], [[1, 2]], [1, 3, 3]])
def test_windows_that_do_not_rise_from_1_are_refused(windows) -> None:
    with pytest.raises(
        ValueError, match=r"^windows must be steps that rise from 1, not "
    ) as refused:
        sweep("bowl", ov.SGD(), steps=9, windows=windows)
    assert "\n" not in str(refused.value)


# -- the same numbers however the work is divided -------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_run_does_not_depend_on_its_neighbours(noise: float) -> None:
    """Nor on who left before it: runs converge and diverge one by one."""
    starts = starts_of("himmelblau", 12 if FEW else 300)
    options = {"steps": 60 if FEW else 200, "tol": 9.0 if FEW else 0.1, "noise": noise, "rng": 4}
    s = sweep("himmelblau", ov.Momentum(lr=0.012), starts, **options)
    assert len(np.unique(s.steps_taken)) > (3 if FEW else 20)
    for k in range(0, len(starts), 3 if FEW else 37):
        if not noise:
            alone = sweep("himmelblau", ov.Momentum(lr=0.012), starts[k : k + 1], **options)
            np.testing.assert_array_equal(alone.final[0], s.final[k])
            assert alone.steps_taken[0] == s.steps_taken[k]
        # Noise goes by the number of the start: the last one of a shorter list.
        short = sweep("himmelblau", ov.Momentum(lr=0.012), starts[: k + 1], **options)
        np.testing.assert_array_equal(short.final, s.final[: k + 1])


@pytest.mark.parametrize("options", [{}, {"noise": 0.2, "runs": 3, "rng": 9}])
def test_the_same_numbers_in_chunks_and_on_threads_of_any_number(monkeypatch, options) -> None:
    starts = starts_of("himmelblau", 7 if FEW else 700)
    over = {"lr": [0.003, 0.01, 0.02], "momentum": [0.5, 0.9]}

    def run() -> Sweep:
        return sweep("himmelblau", ov.Momentum(), starts, over=over, steps=30, **options)

    whole = run()
    monkeypatch.setattr(chunks, "CHUNK", 1.0)
    for threads in (1, 3, 16):
        with ThreadPoolExecutor(threads) as pool:
            monkeypatch.setattr(threads_module, "thread_pool", lambda pool=pool: pool)
            assert_same(run(), whole)


@pytest.fixture
def plain_python(monkeypatch) -> Iterator[Callable[[], None]]:
    """What makes every kernel plain Python; an optimizer's are kept, and must be forgotten."""

    def switch() -> None:
        base._kernel.cache_clear()
        monkeypatch.setattr(jit, "compiled", lambda function, *_: function)

    yield switch
    base._kernel.cache_clear()


@pytest.mark.parametrize("width", [1, 7, 64])
def test_the_same_numbers_in_blocks_of_any_width(monkeypatch, plain_python, width: int) -> None:
    """The loop as plain Python, which reads the width anew."""
    starts = starts_of("beale", 20)
    kwargs = {"steps": 12, "tol": 0.5, "noise": 0.1, "rng": 2}
    plain_python()
    with np.errstate(all="ignore"):
        whole = sweep("beale", ov.Adam(lr=0.1), starts, **kwargs)
        monkeypatch.setattr(block, "WIDTH", width)
        assert_same(sweep("beale", ov.Adam(lr=0.1), starts, **kwargs), whole)


def test_compiled_loop_equals_its_python(plain_python) -> None:
    starts = starts_of("beale", 10)
    kwargs = {"steps": 15, "tol": 0.5, "noise": 0.1, "rng": 2}
    fast = sweep("beale", ov.Adam(lr=0.1), starts, **kwargs)
    plain_python()
    slow = sweep("beale", ov.Adam(lr=0.1), starts, **kwargs)
    # Contractions (a·b + c in one rounding) and NumPy's logarithm.
    np.testing.assert_allclose(fast.final, slow.final, rtol=1e-11)
    np.testing.assert_array_equal(fast.steps_taken, slow.steps_taken)


@pytest.mark.slow
@needs_jit
def test_1_and_16_threads_in_processes_of_their_own(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np, optviz as ov\n"
        "starts = np.random.default_rng(0).uniform(-4, 4, (70_000, 2))\n"
        "s = ov.sweep('himmelblau', ov.Adam(lr=0.1), starts, steps=20, noise=0.1, rng=3)\n"
        "sys.stdout.buffer.write(s.final.tobytes() + s.steps_taken.tobytes())"
    )
    outputs = [
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "OPTVIZ_THREADS": n},
                       capture_output=True, check=True).stdout
        for n in ("1", "16")
    ]  # fmt: skip
    assert len(outputs[0]) == 70_000 * 20
    assert outputs[0] == outputs[1]


# -- noise ----------------------------------------------------------------------------------


def test_noise_is_gaussian_and_uncorrelated() -> None:
    """Mean, deviation, tails, the two coordinates, and consecutive steps: 5 standard errors."""
    n, steps, sigma = (200, 20, 0.7) if FEW else (100_000, 20, 0.7)
    keys = splitmix.keys(5, np.arange(n), 1)
    noise = sources.with_vecmath("compiled/noise.py")
    kernel = jit.compiled(noise.perturb, noise.PERTURB)
    draws = np.zeros((steps, 2, n))
    with np.errstate(over="ignore"):
        for t in range(1, steps + 1):
            kernel(keys, t, sigma, draws[t - 1].reshape(-1))
    z, count = draws / sigma, draws.size
    assert abs(z.mean()) < 5 / np.sqrt(count)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((z**3).mean()) < 5 * np.sqrt(15 / count)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / count)
    for a, b in (
        (z[:, 0], z[:, 1]),
        (z[:-1, 0], z[1:, 0]),
        (z[:-1, 1], z[1:, 0]),
        (z[..., :-1], z[..., 1:]),
        (z[:, 0] ** 2 - 1, z[:, 1] ** 2 - 1),
    ):
        scale = a.std() * b.std()
        assert abs((a * b).mean()) < 5 * scale / np.sqrt(a.size)


def test_noise_depends_on_seed_start_and_repetition_only() -> None:
    flat = {"f": "0*x", "optimizer": ov.SGD(lr=1.0), "steps": 5, "noise": 1.0, "tol": 0.0}
    s = sweep(starts=np.zeros((6, 2)), runs=4, rng=1, **flat)
    assert s.final.shape == (6, 4, 2)
    assert s.seed == 1
    assert len(np.unique(s.final)) == s.final.size
    assert_same(sweep(starts=np.zeros((6, 2)), runs=4, rng=1, **flat), s)
    np.testing.assert_array_equal(
        sweep(starts=np.zeros((3, 2)), runs=2, rng=1, **flat).final, s.final[:3, :2]
    )
    other = sweep(starts=np.zeros((6, 2)), runs=4, rng=2, **flat)
    assert not np.intersect1d(other.final, s.final).size
    # Runs under several rates meet the same noise, so that they can be compared.
    rates = sweep(starts=np.zeros((6, 2)), over={"lr": [1.0, 2.0]}, runs=4, rng=1, **flat)
    np.testing.assert_array_equal(rates.final[0], s.final)
    np.testing.assert_allclose(rates.final[1], 2 * s.final, rtol=1e-12)


def test_noise_has_the_size_asked_for_in_runs() -> None:
    n = 50 if FEW else 20_000
    s = sweep("0*x", ov.SGD(lr=1.0), np.zeros((n, 2)), steps=16, noise=0.5, rng=0, tol=0.0)
    # A sum of 16 draws has four times the deviation.
    assert s.final.std() == pytest.approx(2.0, rel=5 / np.sqrt(4 * n))


def test_convergence_is_judged_by_the_gradient_without_noise() -> None:
    s = sweep("bowl", ov.SGD(lr=0.5), [[0.0, 0.0], [5.0, 1.0]], steps=50, noise=0.1, tol=1e-9)
    assert s.outcome.tolist() == [CONVERGED, UNFINISHED]
    assert s.steps_taken.tolist() == [0, 50]


# -- leaving early, types, edges ------------------------------------------------------------


def test_leaving_early_changes_no_basin() -> None:
    f = ov.function("himmelblau")
    starts = starts_of("himmelblau", 20 if FEW else 500)
    options = {"steps": 90 if FEW else 400, "tol": 0.3 if FEW else 1e-4}
    early = sweep(f, ov.Momentum(lr=0.01), starts, **options)
    late = sweep(f, ov.Momentum(lr=0.01), starts, early_leaving=False, **options)
    done = early.converged
    assert done.sum() > (1 if FEW else 300)
    assert (np.hypot(*f.gradient(*early.final[done].T)) <= options["tol"]).all()
    assert (late.steps_taken == options["steps"]).all()
    assert not late.converged.any()
    np.testing.assert_array_equal(early.basin[done], late.basin[done])
    np.testing.assert_array_equal(early.diverged, late.diverged)
    going = ~done & ~early.diverged
    np.testing.assert_array_equal(early.final[going], late.final[going])


def test_without_a_tolerance_none_converges() -> None:
    s = sweep("bowl", ov.SGD(lr=0.5), [[0.0, 0.0], [4.0, 1.0]], steps=3, tol=0.0)
    assert s.outcome.tolist() == [UNFINISHED, UNFINISHED]
    assert s.steps_taken.tolist() == [3, 3]
    assert s.basin.tolist() == [0, -1]
    at_rest = sweep("bowl", ov.SGD(lr=0.5), [0.0, 0.0], steps=3)
    assert (at_rest.outcome[0], at_rest.steps_taken[0], at_rest.values[0]) == (CONVERGED, 0, 0.0)


def test_steps_of_one_and_starts_outside_the_bounds() -> None:
    s = sweep("bowl", ov.SGD(lr=0.1), [[100.0, -100.0]], steps=1)
    np.testing.assert_array_equal(s.final[0], [99.0, -80.0])
    assert s.starts.tolist() == [[100.0, -100.0]]


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "lion"])
def test_float32_is_float32_and_near_float64(name: str) -> None:
    optimizer = ov.optimizers[name](lr=0.05)
    starts = starts_of("bowl", 10)
    single = sweep("bowl", optimizer, starts, steps=100, tol=0.0, dtype="float32")
    double = sweep("bowl", optimizer, starts, steps=100, tol=0.0)
    assert single.final.dtype == single.starts.dtype == np.float32
    assert double.final.dtype == np.float64
    assert not np.array_equal(single.final, double.final)
    np.testing.assert_allclose(single.final, double.final, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "nadam"])
def test_a_float32_run_does_not_depend_on_its_neighbours_either(name: str) -> None:
    optimizer = ov.optimizers[name](lr=0.05)
    starts = starts_of("bowl", 40)
    options = {"steps": 60, "tol": 0.0, "dtype": "float32"}
    s = sweep("bowl", optimizer, starts, **options)
    for k in range(0, 40, 4):
        alone = sweep("bowl", optimizer, starts[k], **options)
        np.testing.assert_array_equal(alone.final[0], s.final[k])


def test_float32_diverges_where_float32_ends() -> None:
    s = sweep("bowl", ov.SGD(lr=3.0), [[1.0, 1.0]], steps=2000, dtype=np.float32)
    # |1 − 2·3|^k passes 3.4e38 with k = 56; float64 goes on to 1e154.
    assert (s.outcome[0], s.steps_taken[0]) == (DIVERGED, 56)
    assert sweep("bowl", ov.SGD(lr=3.0), [[1.0, 1.0]], steps=2000).steps_taken[0] == 221


def test_the_nearest_minimum_counts() -> None:
    minima = np.array([[0.0, 0.0], [1.0, 0.0]])
    points = np.array([[0.1, 0], [0.35, 0], [0.95, 0.1], [np.inf, 0], [0.5, 0.5]])
    assert chunks.nearest(points, minima, 0.4).tolist() == [0, 0, 1, -1, -1]
    near = ov.function("(x**2 - 0.0025)**2 + y**2")
    assert len(near.minima) == 2
    assert chunks.capture_radius(near) == pytest.approx(0.4 * 0.1, rel=1e-3)
    assert chunks.capture_radius(ov.function("bowl")) == pytest.approx(0.01 * np.hypot(16, 10))


# -- progress and stopping ------------------------------------------------------------------


def test_progress_rises_to_the_total(monkeypatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 1.0)
    seen: list[tuple[int, int]] = []
    starts = starts_of("bowl", 1000)
    sweep("bowl", ov.SGD(lr=0.1), starts, over={"lr": [0.1, 0.2]}, runs=2, steps=2,
          progress=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert seen[-1] == (4000, 4000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {4000}


@needs_jit
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.slow
def test_an_exception_in_the_callback_ends_the_sweep_at_once(error) -> None:
    starts = np.tile([3.0, 1.0], (2_000_000, 1))
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        raise error

    def endless(progress=None) -> None:
        sweep("rastrigin", ov.SGD(lr=1e-9), starts, steps=100_000, tol=0.0, progress=progress)

    began = time.monotonic()
    with pytest.raises(error):
        endless(stop)
    assert len(calls) == 1
    # All of it would take minutes.
    assert time.monotonic() - began < 3
    began = time.monotonic()
    assert sweep("bowl", ov.SGD(lr=0.5), steps=300).outcome.tolist() == [CONVERGED]
    assert time.monotonic() - began < 2


@needs_jit
@pytest.mark.parametrize("after", [0.05, 0.4])
@pytest.mark.slow
def test_ctrl_c_ends_a_huge_sweep_soon(after: float) -> None:
    """While the work is still being handed out, and later."""
    program = (
        "import numpy as np, optviz as ov\n"
        "ov.sweep('rastrigin', ov.Adam(lr=0.1), steps=2)\n"
        "print('ready', flush=True)\n"
        "ov.sweep('rastrigin', ov.Adam(lr=0.1), np.ones((4_000_000, 2)), steps=1_000_000, tol=0.0)"
    )
    process = interruptible([sys.executable, "-c", program])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    try:
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert time.monotonic() - began < 3
    assert errors.rstrip().endswith("KeyboardInterrupt")


# -- memory ---------------------------------------------------------------------------------


@pytest.mark.slow
@needs_jit
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_8_million_starts_stay_under_a_gigabyte() -> None:
    program = (
        "import numpy as np, optviz as ov\n"
        "starts = np.random.default_rng(0).uniform(-4, 4, (8_000_000, 2))\n"
        "s = ov.sweep('himmelblau', ov.SGD(lr=0.01), starts, steps=5)\n"
        f"assert s.final.shape == (8_000_000, 2)\n{PEAK}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert int(done.stdout) < 1e9


def test_too_many_runs_are_refused_before_anything_is_allocated(monkeypatch) -> None:
    import psutil

    free = type("Memory", (), {"available": 1_000_000_000})
    monkeypatch.setattr(psutil, "virtual_memory", free)
    huge = np.broadcast_to(np.zeros(2), (10**12, 2))
    began = time.monotonic()
    for kwargs in ({"starts": huge}, {"runs": 10**12}, {"starts": huge, "dtype": "float32"}):
        with pytest.raises(ValueError, match="at most 12,500,000 fit"):
            sweep("bowl", ov.SGD(), **kwargs)
    with pytest.raises(ValueError, match=r"take 64\.0 GB and 0\.8 GB are free"):
        sweep("bowl", ov.SGD(), over={"lr": [0.1, 0.2]}, runs=5 * 10**8)
    scheduled = ov.SGD(lr=ov.schedules.Cosine(0.1, 9))
    with pytest.raises(ValueError, match="at most 10 fit"):
        sweep("bowl", scheduled, over={"lr": Axis("lr", 0.1, 1, 11)}, steps=10**7)
    assert time.monotonic() - began < 5


# -- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"starts": []}, "starts is empty"),
        ({"starts": np.zeros((0, 2))}, "starts is empty"),
        ({"starts": [1, 2, 3]}, r"starts must have the shape \(n, 2\), not \(3,\)"),
        ({"starts": np.zeros((4, 3))}, r"not \(4, 3\)"),
        ({"starts": np.zeros((2, 2, 2))}, r"not \(2, 2, 2\)"),
        ({"starts": 3.0}, r"not \(\)"),
        ({"starts": [[0, 0], [0, np.nan]]}, r"starts must be finite.* row 1 is \[0.0, nan\]"),
        ({"starts": [[0, np.inf]]}, "starts must be finite"),
        ({"starts": [[1e300, 0]], "dtype": "float32"}, r"finite \(float32\)"),
        ({"starts": "abc"}, "starts must be numbers"),
        ({"starts": [["1", "2"]]}, "starts must be numbers"),
        ({"starts": [[1], [1, 2]]}, "starts must be numbers"),
        ({"starts": [[1j, 2]]}, "starts must be numbers"),
        ({"over": {"momentums": [1]}}, "has no 'momentums' .did you mean 'momentum'.*lr, momentum"),
        ({"over": {"beta1": [1]}}, "Momentum has no 'beta1'"),
        ({"over": {"lr": [0.1, -1]}}, "lr must be a positive number, not -1.0"),
        ({"over": {"momentum": [0.5, 1.0]}}, r"momentum must be a number in \[0, 1\)"),
        ({"over": {"lr": [np.nan]}}, "lr must be a positive number"),
        ({"over": {"lr": []}}, "over: lr must be a list of numbers"),
        ({"over": {"lr": [[1, 2]]}}, "over: lr must be a list of numbers"),
        ({"over": {"lr": "fast"}}, "over: lr must be a list of numbers, not 'fast'"),
        ({"over": {"lr": 0.1}}, "over: lr must be a list of numbers"),
        ({"over": ["lr"]}, "over must be a mapping"),
        ({"over": {"lr": [1], "a": [1], "b": [1]}}, "one or two hyperparameters, not 3"),
        ({"dtype": "int32"}, "dtype must be float64 or float32, not 'int32'"),
        ({"dtype": "no such"}, "dtype must be"),
        ({"dtype": None}, "dtype must be"),
        ({"steps": 0}, "steps must be a whole number from 1"),
        ({"steps": 1.5}, "steps must be"),
        ({"steps": 10**9}, "to 10,000,000"),
        ({"noise": -1}, "noise must be a number ≥ 0, not -1"),
        ({"noise": np.nan}, "noise must be"),
        ({"tol": -1e-9}, "tol must be a number ≥ 0"),
        ({"runs": 0}, "runs must be a whole number from 1 to .*, not 0"),
        ({"runs": 2.0}, "runs must be"),
        ({"rng": "abc"}, "rng must be a whole number from 0"),
        ({"rng": np.random.default_rng(0)}, "rng must be a whole number"),
        ({"rng": None}, "rng must be a whole number"),
        ({"rng": 2**70}, "rng must be a whole number"),
        ({"optimizer": "adm"}, "did you mean"),
        ({"f": "rosenbrok"}, "did you mean 'rosenbrock'"),
    ],
)
def test_refusals_name_the_argument_in_one_line(kwargs, says: str) -> None:
    given = {"f": "bowl", "optimizer": ov.Momentum(lr=0.1), **kwargs}

    def never(done: int, total: int) -> None:
        raise AssertionError("it ran")

    with pytest.raises(ValueError, match=says) as refused:
        sweep(**given, progress=never)
    assert "\n" not in str(refused.value)


def test_a_scheduled_rate_must_come_first() -> None:
    class Odd(ov.SGD):
        defaults = {"book": {"wait": 1.0, "lr": 0.1}}

        @staticmethod
        def rule(x, g, wait, lr):
            return x - lr * g

    with pytest.raises(ValueError, match="a scheduled lr must be the first"):
        sweep("bowl", Odd(lr=ov.schedules.Cosine(0.1, 9)))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("lr", 2, 1, 3), "two rising numbers, not 2, 1"),
        (("lr", 1, 1, 3), "two rising numbers"),
        (("lr", 0, np.inf, 3), "two rising numbers"),
        (("lr", "a", 1, 3), "two rising numbers, not 'a', 1"),
        (("lr", 0, 1, 3, True), "on a log axis must be positive, not 0"),
        (("lr", 0, 1, 1), "from 2 to 100,000 values, not 1"),
        (("lr", 0, 1, 2.5), "from 2 to 100,000 values, not 2.5"),
        (("lr", 0, 1, "3"), "values, not '3'"),
        (("lr", 0, 1, 10**6), "values, not 1000000"),
    ],
)
def test_axes_refuse(args, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Axis(*args)


@pytest.mark.parametrize(
    "text", ["lr", "lr=1", "lr=1,2,3,4", "lr=1,2,3.5", "lr=a,b", "lr=1,2,log,log"]
)
def test_axes_in_words_refuse(text: str) -> None:
    with pytest.raises(ValueError, match="an axis is NAME=LOW,HIGH"):
        parse_axis(text, 5)


@given(low=st.floats(1e-12, 1e6), factor=st.floats(1.001, 1e9), count=st.integers(2, 300))
def test_axes_keep_their_ends(low: float, factor: float, count: int) -> None:
    for log in (False, True):
        axis = Axis("lr", low, low * factor, count, log)
        values = axis.values
        assert (values[0], values[-1], len(values)) == (low, low * factor, count)
        assert (np.diff(values) > 0).all()
        steps = np.diff(np.log(values) if log else values)
        np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)
        text = f"lr={low!r},{low * factor!r}{',log' if log else ''}"
        assert parse_axis(text, count) == axis


# -- files and tables -----------------------------------------------------------------------


@settings(max_examples=15)
@given(
    n=st.integers(1, 4), runs=st.integers(1, 3), axes=st.integers(0, 2),
    dtype=st.sampled_from(["float64", "float32"]), seed=st.integers(0, 2**63 - 1),
    f=st.sampled_from(["beale", "x**2/3 + y**4", "saddle"]),
    lr=st.sampled_from([0.1, 1e9, ov.schedules.Cosine(0.1, 9)]),
)  # fmt: skip
def test_files_come_back_equal(tmp_path_factory, n, runs, axes, dtype, seed, f, lr) -> None:
    over = dict(list({"lr": [0.1, 0.2], "beta1": [0.0, 0.5, 0.9]}.items())[:axes])
    g = ov.function(f, bounds=((-3, 4), (-2, 5)), start=(1, 2))
    s = sweep(g, ov.Adam(lr=lr, convention="torch"), starts_of("bowl", n), over=over, steps=3,
              runs=runs, noise=0.1, rng=seed, dtype=dtype)  # fmt: skip
    path = s.save(tmp_path_factory.mktemp("s") / "a.npz")
    t = Sweep.load(path)
    assert_same(t, s)
    assert t.final.dtype == s.final.dtype
    assert (t.steps, t.tol, t.noise, t.seed) == (s.steps, s.tol, s.noise, s.seed)
    np.testing.assert_array_equal(t.starts, s.starts)
    assert list(t.over) == list(s.over)
    assert all(np.array_equal(t.over[name], s.over[name]) for name in over)
    assert repr(t.optimizer) == repr(s.optimizer)
    assert (t.function.formula, t.function.bounds) == (g.formula, g.bounds)
    assert t.function.start == g.start
    np.testing.assert_array_equal(t.function.minima, g.minima)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    s = sweep("beale", ov.Adam(lr=0.1), starts_of("beale", 4), over={"lr": [0.1, 0.2]}, steps=3)
    return s.save(tmp_path_factory.mktemp("saved") / "s.npz")


def rewritten(saved: Path, path: Path, spec=None, **changes) -> Path:
    """A copy with other arrays, and another specification."""
    with np.load(saved) as file:
        arrays = {name: file[name] for name in file.files}
    data = json.loads(str(arrays["spec"]))
    arrays["spec"] = np.array(json.dumps({**data, **(spec or {})}))
    arrays |= changes
    np.savez(path, allow_pickle=True, **{k: v for k, v in arrays.items() if v is not None})
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"kind": "landscape"}},
        {"spec": {"function": "os:system"}},
        {"spec": {"function": 3}},
        {"spec": {"function": "9**9**9"}},
        {"spec": {"optimizer": "adm"}},
        {"spec": {"optimizer": "adam:lr=-1"}},
        {"spec": {"bounds": [[1, 0], [0, 1]]}},
        {"spec": {"bounds": None}},
        {"spec": {"over": ["beta1"]}},
        {"spec": {"over": 3}},
        {"spec": {"steps": "many"}},
        {"spec": {"tol": None}},
        {"spec": {"seed": [1]}},
        {"final": None},
        {"starts": None},
        {"over/lr": None},
        {"final": np.zeros((2, 3, 2))},
        {"final": np.zeros((2, 4, 3))},
        {"final": np.zeros((2, 4, 2), complex)},
        {"values": np.zeros((2, 3))},
        {"values": np.array([["a"] * 4] * 2)},
        {"steps_taken": np.zeros(8, np.int32)},
        {"outcome": np.zeros((4, 2), np.int8)},
        {"basin": np.float64(3)},
        {"starts": np.zeros((5, 2))},
        {"starts": np.zeros((4, 3))},
        {"starts": np.float64(3)},
        {"over/lr": np.zeros((2, 2))},
        {"over/lr": np.float64(3)},
    ],
    ids=repr,
)
def test_damaged_files_are_refused_in_one_line(saved: Path, tmp_path: Path, changes) -> None:
    path = rewritten(saved, tmp_path / "a.npz", **changes)
    with pytest.raises(ValueError, match=r"a\.npz is (damaged|no sweep)") as refused:
        Sweep.load(path)
    assert "\n" not in str(refused.value)


def test_files_that_are_none_of_ours_are_refused(saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    middle = bytearray(data)
    middle[len(data) // 2] ^= 0xFF
    np.save(tmp_path / "one.npy", np.zeros(3))
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    other = {"empty": b"", "half": data[: len(data) // 2], "text": b"no zip at all " * 9,
             "npy": (tmp_path / "one.npy").read_bytes(), "zip": empty.getvalue(),
             "flipped": bytes(middle)}  # fmt: skip
    for name, content in other.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}\.npz is (damaged|no sweep)"):
            Sweep.load(path)
    with pytest.raises(FileNotFoundError):
        Sweep.load(tmp_path / "missing.npz")


def test_a_flipped_byte_anywhere_is_noticed_or_does_not_matter(saved: Path, tmp_path: Path) -> None:
    whole, data = Sweep.load(saved), saved.read_bytes()
    path = tmp_path / "a.npz"
    for place in range(0, len(data), 17):
        damaged = bytearray(data)
        damaged[place] ^= 0x5A
        path.write_bytes(damaged)
        try:
            found = Sweep.load(path)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert_same(found, whole)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["final", "starts", "over/lr", "spec"])
def test_a_pickle_in_a_file_is_not_executed(saved: Path, tmp_path: Path, name: str) -> None:
    hostile = np.array([Attack(tmp_path / "pwned")], dtype=object)
    path = rewritten(saved, tmp_path / "a.npz", **{name: hostile} if name != "spec" else {})
    if name == "spec":
        np.savez(path, allow_pickle=True, spec=hostile)
    with pytest.raises(ValueError, match=r"a\.npz is"):
        Sweep.load(path)
    assert not (tmp_path / "pwned").exists()
    np.load(path, allow_pickle=True)[name]
    assert (tmp_path / "pwned").exists(), "the attack works where pickles are allowed"


@pytest.mark.parametrize(("key", "name"), [("function", "f"), ("optimizer", "Mine")])
def test_a_file_imports_no_module(
    saved: Path, tmp_path: Path, monkeypatch, key: str, name: str
) -> None:
    (tmp_path / f"owned_{name}.py").write_text(
        "import pathlib, optviz\npathlib.Path('pwned').touch()\n"
        "def f(x, y): return x * x + y * y\nclass Mine(optviz.SGD): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    path = rewritten(saved, tmp_path / "a.npz", spec={key: f"owned_{name}:{name}"})
    with pytest.raises(ValueError, match=r"a\.npz is damaged"):
        Sweep.load(path)
    assert not (tmp_path / "pwned").exists()
    ov.function(f"owned_{name}:f")
    assert (tmp_path / "pwned").exists(), "the module is one that can be imported"


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    class Mine(ov.SGD):
        pass

    python = sweep(lambda x, y: x * x + y * y, ov.SGD(lr=0.1), [1, 1], steps=2)
    mine = sweep("bowl", Mine(lr=0.1), steps=2)
    for s in (python, mine):
        with pytest.raises(ValueError, match="a file can hold functions that are formulas"):
            s.save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"name the file with \.npz, not 'a\.csv'"):
        sweep("bowl", ov.SGD(lr=0.1), steps=2).save(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_whole_or_as_it_was(saved: Path, tmp_path: Path, monkeypatch) -> None:
    s = Sweep.load(saved)
    path = s.save(tmp_path / "a.npz")
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        Path(str(args[0])).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    for target in (path, tmp_path / "b.npz"):
        with pytest.raises(OSError, match="No space"):
            s.save(target)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    assert path.read_bytes() == before
    monkeypatch.undo()
    (tmp_path / "locked").mkdir(mode=0o500)
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path / "locked"
    with pytest.raises(OSError):  # noqa: PT011  (which one depends on the machine)
        s.save(folder / "a.npz")
    assert list((tmp_path / "locked").iterdir()) == []


def test_columns_have_a_row_for_each_run() -> None:
    over = {"lr": [0.1, 0.2, 1e200], "momentum": [0.5, 0.9]}
    starts = starts_of("bowl", 4)
    s = sweep("bowl", ov.Momentum(), starts, over=over, steps=5, noise=0.1, runs=2)
    columns = s.columns()
    told = {CONVERGED: "converged", UNFINISHED: "unfinished", DIVERGED: "diverged"}
    assert list(columns) == ["lr", "momentum", "start", "start_x", "start_y", "run", "x", "y",
                             "value", "steps", "outcome", "basin"]  # fmt: skip
    assert {len(column) for column in columns.values()} == {3 * 2 * 4 * 2}
    assert all(column.ndim == 1 for column in columns.values())
    for row, index in enumerate(np.ndindex(3, 2, 4, 2)):
        i, j, k, run = index
        got = [column[row] for column in columns.values()]
        assert got.pop(-2) == told[s.outcome[index]]
        np.testing.assert_array_equal(got, [
            over["lr"][i], over["momentum"][j], k, *starts[k], run, *s.final[index],
            s.values[index], s.steps_taken[index], s.basin[index],
        ])  # fmt: skip
    plain = sweep("bowl", ov.SGD(lr=0.1), starts, steps=5).columns()
    assert list(plain)[:3] == ["start", "start_x", "start_y"]
    assert "run" not in plain


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_tables(package: str) -> None:
    table = pytest.importorskip(package, reason=f"{package} is not installed")
    s = sweep("bowl", ov.SGD(lr=0.1), starts_of("bowl", 3), steps=5)
    made = getattr(s, f"to_{package}")()
    assert isinstance(made, table.DataFrame)
    assert list(made.columns) == list(s.columns())
    np.testing.assert_array_equal(np.asarray(made["x"]), s.final[:, 0])


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_table_package_is_one_clear_line(monkeypatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    s = sweep("bowl", ov.SGD(lr=0.1), steps=2)
    with pytest.raises(ValueError, match=f"^{package} is not installed: pip install {package}$"):
        getattr(s, f"to_{package}")()
