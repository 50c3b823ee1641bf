"""Problems of the suite: their runs against plain loops, their classes, their texts."""

from __future__ import annotations

import numpy as np
import pytest

import optviz as ov
from optviz.bench.curves import CLASSES
from optviz.bench.on_functions import MULTIMODAL
from optviz.bench.problems import problem
from optviz.bench.scores import relative
from optviz.bench.suite import SUITES, read_suite
from optviz.compiled import jit
from optviz.functions.stationary import stationary_points
from optviz.runs.trials import Copies, copies, marks_of, run_trials

needs_jit = pytest.mark.skipif(jit.jit_disabled(), reason="too slow without a compiler")


def plain(f: ov.Function, optimizer: ov.Optimizer, made: Copies, k: int, steps: int) -> np.ndarray:
    """The values of one copy, by `update` and the function itself."""
    z, turn, shift = made.starts[k].copy(), made.turns[k], made.shifts[k]
    params, values = {"z": z}, []
    optimizer = optimizer.fresh()
    for _ in range(steps + 1):
        x = turn @ params["z"] + shift
        values.append(float(f(*x) if f.is_plane else f(x)))
        slope = f.gradient(*x) if f.is_plane else f.gradient(x)
        optimizer.update(params, {"z": turn.T @ slope})
    return np.array(values)


@pytest.mark.parametrize("text", ["beale", "ackley", "rosenbrock:n=7", "levy:n=4"])
@pytest.mark.parametrize(
    "optimizer", ["sgd:lr=1e-4", "adam:lr=0.03", "ftrl:lr=0.1", "radam:lr=1e-4"]
)
def test_trials_are_those_of_a_plain_loop(text: str, optimizer: str) -> None:
    f, made = ov.function(text), copies(ov.function(text), range(3))
    one = ov.optimizers[optimizer.partition(":")[0]](lr=float(optimizer.partition("=")[2]))
    found = run_trials(f, one, [{}], made, 60)
    for k in range(3):
        wanted = plain(f, one, made, k, 60)
        np.testing.assert_allclose(found.values[0, k], wanted, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(found.best[0, k], np.minimum.accumulate(wanted), rtol=1e-7,
                                   atol=1e-12)  # fmt: skip


def test_a_copy_is_shifted_and_turned_and_knows_no_other() -> None:
    f = ov.function("rosenbrock:n=5")
    made, alone = copies(f, range(4)), copies(f, [2])
    for name in ("starts", "turns", "shifts", "keys"):
        np.testing.assert_array_equal(getattr(made, name)[2], getattr(alone, name)[0])
    for turn in made.turns:
        np.testing.assert_allclose(turn @ turn.T, np.eye(5), atol=1e-12)
    x = np.einsum("kij,kj->ki", made.turns, made.starts) + made.shifts
    assert f.contains(x).all()
    assert len(np.unique(made.starts[:, 0])) == 4


def test_plain_descent_does_not_see_the_rotation() -> None:
    """Gradient descent's values are the same on every turned copy from the same place."""
    f = ov.function("rosenbrock")
    made = copies(f, range(2))
    x = np.array([-1.0, 1.0])
    starts = np.array([(x - s) @ t for t, s in zip(made.turns, made.shifts, strict=True)])
    made = Copies(starts, made.turns, made.shifts, made.keys)
    found = run_trials(f, ov.SGD(lr=1e-3), [{}], made, 100).values[0]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    other = run_trials(f, ov.Adam(lr=0.1), [{}], made, 100).values[0]
    assert not np.allclose(other[0], other[1], rtol=1e-2), "Adam does"


def test_settings_are_tried_alike_alone_and_together() -> None:
    f = ov.function("himmelblau")
    rates = [{"lr": r} for r in (0.001, 0.01, 0.1)]
    together = run_trials(f, ov.Adam(), rates, copies(f, range(300)), 40, ("gaussian", 0.5))
    for k in (0, 1, 299):
        alone = run_trials(f, ov.Adam(), rates[1:2], copies(f, [k]), 40, ("gaussian", 0.5))
        np.testing.assert_array_equal(alone.values[0, 0], together.values[1, k])


def test_divergence_is_inf_from_its_step_on() -> None:
    f = ov.function("sphere:n=3")
    found = run_trials(f, ov.SGD(), [{"lr": 1e200}, {"lr": 0.1}], copies(f, [0]), 20)
    assert found.ends[0, 0] == 1
    assert np.isfinite(found.values[0, 0, 0])
    assert np.isinf(found.values[0, 0, 1:]).all()
    assert np.isinf(found.best[0, 0, 1:]).all()
    assert found.ends[1, 0] == 0


@needs_jit
@pytest.mark.parametrize(("kind", "size"), [("gaussian", 2.0), ("heavy", 1.0)])
def test_noise_has_the_law_that_is_told(kind: str, size: float) -> None:
    """Steps of SGD with rate 1 on a flat place are the noise itself."""
    from scipy.stats import kstest

    f = ov.function("sphere:n=2")
    made = copies(f, range(4000))
    count = len(made.starts)
    flat = Copies(np.zeros((count, 2)), np.tile(np.eye(2), (count, 1, 1)), np.zeros((count, 2)),
                  made.keys)  # fmt: skip
    found = run_trials(f, ov.SGD(lr=1.0), [{}], flat, 1, (kind, size)).values[0, :, 1]
    # f is the square of the distance: of the sum of two squares of noise.
    rng = np.random.default_rng(0)
    wanted = rng.normal(0, size, (200_000, 2)) if kind == "gaussian" else \
        size * rng.standard_t(2, (200_000, 2))  # fmt: skip
    assert kstest(found, (wanted**2).sum(axis=1)).pvalue > 1e-3


def test_multiplicative_noise_is_a_factor() -> None:
    f = ov.function("sphere:n=2")
    found = run_trials(f, ov.SGD(lr=0.1), [{}], copies(f, range(500)), 1, ("multiplicative", 0.3))
    plain = run_trials(f, ov.SGD(lr=0.1), [{}], copies(f, range(500)), 1)
    assert np.median(found.values[0, :, 1] / plain.values[0, :, 1]) == pytest.approx(1, abs=0.05)
    assert np.std(found.values[0, :, 1] / plain.values[0, :, 1]) > 0.05


def test_marks_are_the_first_steps_and_then_spaced() -> None:
    assert marks_of(5).tolist() == [0, 1, 2, 3, 4, 5]
    marks = marks_of(10_000)
    assert marks[0] == 0
    assert marks[-1] == 10_000
    assert (np.diff(marks) > 0).all()
    assert len(marks) <= 102
    late = marks[marks > 100]
    assert (late[1:] / late[:-1]).max() < 1.12


# -- problems -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in ov.functions if ov.functions[n].minimum is not None])
def test_multimodal_functions_are_those_with_several_minima(name: str) -> None:
    assert (len(stationary_points(ov.functions[name]).minima) > 1) == (name in MULTIMODAL)


def test_the_problems_of_our_suites_have_classes_and_a_known_minimum() -> None:
    for suite in SUITES:
        for text in read_suite(suite).problems:
            made = problem(text)
            assert made.classes
            assert set(made.classes) <= set(CLASSES)
            assert made.source
            assert made.rates()[0] < made.rates()[1]


def test_without_hidden_layers_it_is_logistic_regression() -> None:
    """The lowest loss is that of the model, however it is found: of scipy's."""
    from scipy.optimize import minimize

    made = problem("net:blobs:n=200,noise=3,centers=2~hidden=none~batch=200")
    (curves,) = made.runs(ov.Adam(), [{"lr": 0.1}], [0], 300)
    data = ov.data.load("blobs:n=200,noise=3,centers=2")
    setup = ov.nn.comparison.Setup("", (2, 2), seed=0)
    shares = ov.nn.comparison.shares_of(data, setup, 0)
    x, y = shares.scale(shares.train).x.astype(float), shares.train.y

    def loss(w: np.ndarray) -> float:
        return float(np.logaddexp(0, -(2 * y - 1) * (x @ w[:2] + w[2])).mean())

    assert curves.extra[0, 0, -1] == pytest.approx(minimize(loss, np.zeros(3)).fun, abs=1e-4)


def test_a_network_of_the_suite_learns() -> None:
    made = problem("net:moons:n=300,noise=0.1~hidden=16")
    (good, bad) = made.runs(ov.Adam(), [{"lr": 0.01}, {"lr": 1e-9}], range(2), 10)
    assert good.values[:, 0] == pytest.approx(bad.values[:, 0])
    assert relative(good.values)[:, -1].max() < -0.3
    assert np.ptp(bad.values) < 1
    assert good.marks.tolist() == [7 * k for k in range(11)]
    losses = good.extra[:, 0]
    assert (losses[:, -1] < losses[:, 0]).all()
    assert (good.extra[:, 1, -1] > 0.8).all()


OWN = """
import numpy as np

calls = 0
sizes = np.arange(1.0, 7.0)

def valley(x):
    global calls
    calls += 1
    return 0.5 * float(sizes @ (x - 1) ** 2) + 3, sizes * (x - 1)

def saucer(x, y):
    return x**2 + 9 * y**2

def nothing(x):
    sizes @ x
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a module of the user's, and returns its name."""

    def write(name: str, text: str = OWN) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    problem.cache_clear()
    return write


@pytest.mark.parametrize("noise", ["", "~gaussian=0.3"])
def test_a_problem_of_ones_own_runs_as_a_formula_does(own, noise: str) -> None:
    name = own(f"own_{len(noise)}")
    mine = problem(f"{name}:valley~n=6~minimum=3~low=-4~high=4{noise}")
    assert mine.classes[0] == "own"
    (curves,) = mine.runs(ov.Adam(), [{"lr": 0.03}], range(4), 50)
    assert curves.values.shape == (4, 51)
    made = copies(mine.f, range(4))
    if not noise:
        for k in range(4):
            wanted = plain(mine.f, ov.Adam(lr=0.03), made, k, 50) - 3
            np.testing.assert_allclose(curves.values[k], wanted / wanted[0], rtol=1e-9)
    # A formula of the plane in Python, beside the one that is compiled.
    saucer = problem(f"{name}:saucer~minimum=0{noise}")
    formula = problem(f"x**2 + 9*y**2{noise}")
    parts = [p.runs(ov.Adam(), [{"lr": 0.03}], range(4), 50)[0].values for p in (saucer, formula)]
    np.testing.assert_allclose(*parts, rtol=1e-7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("valley~n=6~minimum=5", "it is 3 at .*, below its minimum=5"),
        ("saucer~minimum=0.5", "below its minimum=0.5"),
        ("valley~n=6~minimum=nan", "minimum must be a finite number"),
        ("valley~n=6~minimum=-inf", "minimum must be a finite number"),
        ("nothing~n=6~minimum=0", "must give one number .* not None"),
        ("saucer~n=6~minimum=0", "fails for p of 6 coordinates"),
        ("valley~minimum=3", "add ~n=10"),
    ],
)
def test_slips_in_problems_of_ones_own_have_a_line(own, text: str, said: str) -> None:
    name = own(f"own_slip_{abs(hash(text))}")
    with pytest.raises(ValueError, match=said):
        problem(f"{name}:{text}")


def test_a_function_that_gives_both_is_called_once_a_point(own) -> None:
    import importlib

    name = own("own_calls")
    mine = problem(f"{name}:valley~n=6~minimum=3")
    module = importlib.import_module(name)
    module.calls = 0
    mine.runs(ov.SGD(), [{"lr": 0.01}], range(3), 40)
    # At the start and at steps 0 to 40; once more where f is asked for the gradient alone.
    assert module.calls <= 3 * 42


def test_a_problem_of_ones_own_is_known_by_its_text(own) -> None:
    texts = [OWN, OWN.replace("(x - 1)", "(x - 2)")]
    known = [problem(f"{own(f'own_text_{k}', t)}:valley~n=6~minimum=3").identity()
             .replace(f"own_text_{k}", "") for k, t in enumerate(texts)]  # fmt: skip
    assert known[0] != known[1]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("fit:friedman:n=400,noise=0.5~hidden=16", 0.03),
        ("net:text:n=600,words=300,length=60~hidden=16-16", 0.03),
        pytest.param("net:digits~conv=4~hidden=16~batch=128", 0.01, marks=needs_jit),
    ],
)
def test_numbers_texts_and_images_are_learned(text: str, rate: float) -> None:
    made = problem(text)
    (good, still) = made.runs(ov.Adam(), [{"lr": rate}, {"lr": 1e-12}], range(2), 6)
    assert made.classes == ("learning",)
    assert good.values[:, 0] == pytest.approx(still.values[:, 0])
    assert np.ptp(still.values, axis=1).max() < 1e-4
    assert (good.best[:, -1] < 0.85).all()
    assert (good.extra[:, 0, -1] < good.extra[:, 0, 0]).all()
    assert made.evaluations(6) == good.marks[-1]
    assert np.isnan(good.extra[:, 1]).all() == text.startswith("fit:")
    again = made.runs(ov.Adam(), [{"lr": rate}], [1], 6)[0]
    np.testing.assert_array_equal(again.values[0], good.values[1])


def test_a_regression_is_relative_to_the_mean_of_what_trains() -> None:
    """Least squares without hidden layers, in NumPy."""
    from optviz.data.regression import friedman

    made = problem("fit:friedman:n=300,noise=2,seed=3~hidden=none~batch=195")
    (curves,) = made.runs(ov.SGD(), [{"lr": 0.2}], [0], 400)
    x, y = friedman(n=300, noise=2, rng=3)
    order = np.random.default_rng([0, 0, 2]).permutation(300)
    train, held = order[:195], order[195:240]
    full = np.c_[x, np.ones(300)]
    w = np.linalg.lstsq(full[train], y[train], rcond=None)[0]
    wanted = np.square(full[held] @ w - y[held]).mean()
    guess = np.square(y[held] - y[train].mean()).mean()
    assert curves.values[0, -1] == pytest.approx(wanted / guess, rel=1e-3)
    trained = np.square(full[train] @ w - y[train]).mean() / y[train].var()
    assert curves.extra[0, 0, -1] == pytest.approx(trained, rel=1e-3)


def test_friedmans_numbers_are_the_published_formula() -> None:
    from optviz.data.regression import friedman

    x, y = friedman(n=20, noise=0.0, rng=1)
    for row, value in zip(x, y, strict=True):
        a, b, c, d, e, *_ = row
        wanted = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
        assert value == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("beal", "did you mean 'beale'"),
        ("saddle", "has no known minimum"),
        ("beale~noise=1", "are gaussian, heavy, multiplicative, with one noise at most"),
        ("beale~minimum=1", "are gaussian, heavy, multiplicative, with one noise at most"),
        ("beale~gaussian=1~heavy=1", "with one noise at most"),
        ("math:sqrt~n=4", "add ~minimum=0"),
        ("math:sqrt~n=4~minimum=0", "fails for p of 4 coordinates"),
        ("math:sqrt~n=1.5~minimum=0", "n must be a whole number"),
        ("math:sqrt~n=4~minimum=0~low=3~high=2", "low must lie below high"),
        ("beale~gaussian", "option=value"),
        ("beale~gaussian=1~gaussian=2", "option=value"),
        ("beale~gaussian=x", "must be a number"),
        ("beale~gaussian=-1", "noise must be a number ≥ 0"),
        ("net:digit", "no data set is called 'digit'"),
        ("net:digits~layers=3", "it has hidden, batch, conv"),
        ("net:moons~conv=8", "moons has no images, and conv needs them"),
        ("net:digits~conv=8-8-8-8", "of an image of 8 × 8 3 convolutions leave nothing"),
        ("fit:friedmann", "did you mean 'friedman'"),
        ("fit:friedman~conv=8", "it has hidden, batch"),
        ("fit:friedman:n=5", "n must be a whole number from 10"),
        ("net:digits~hidden=a", "sizes must be whole numbers"),
        ("net:digits~hidden=0", "a size must be a whole number from 1"),
        ("rosenbrock:n=1", "n must be"),
    ],
)
def test_wrong_problems_have_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        problem(text)


def test_who_leaves_for_where_f_is_below_its_minimum_is_lost() -> None:
    """Eggholder is lower outside its bounds than inside: nobody wins by a leap there."""
    f = ov.function("eggholder")
    made = copies(f, range(300))
    found = run_trials(f, ov.SGD(), [{"lr": 100.0}], made, 1).values[0]
    for k in range(300):
        z = made.starts[k] - 100 * made.turns[k].T @ f.gradient(
            *(made.turns[k] @ made.starts[k] + made.shifts[k])
        )
        wanted = float(f(*(made.turns[k] @ z + made.shifts[k])))
        if wanted < f.minimum:
            assert np.isinf(found[k, 1])
        else:
            assert found[k, 1] == pytest.approx(wanted, rel=1e-6)
    assert 5 < np.isinf(found[:, 1]).sum() < 295
