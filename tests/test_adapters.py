"""Optimizers of other libraries: their paths are those of the library alone, to the bit."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from scipy.optimize import minimize as scipy_minimize

import optviz as ov
from optviz.adapters import making
from optviz.adapters.from_keras import keras_here
from optviz.adapters.from_scipy import METHODS
from optviz.optimizers.foreign import READERS, Foreign
from optviz.optimizers.parse import optimizer_text, parse_optimizer

FUNCTIONS = ["beale", "rosenbrock:n=5"]


def slope_of(f: Any) -> Any:
    return (lambda p: f.gradient(*p)) if f.is_plane else f.gradient


# -- the course's classes, and functions ----------------------------------------------------------


class Momentum:
    """As the course writes it."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr, self.momentum = lr, momentum
        self.v: Any = None

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> None:
        if self.v is None:
            self.v = {key: np.zeros_like(value) for key, value in params.items()}
        for key in params:
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]


@pytest.mark.parametrize("on", FUNCTIONS)
@pytest.mark.parametrize("given", [Momentum, Momentum(lr=0.02)], ids=["class", "object"])
def test_a_class_of_the_course_goes_where_ours_go(on: str, given: Any) -> None:
    made = ov.adapters.callable(given, **({"lr": 0.02} if given is Momentum else {}))
    t = ov.minimize(on, made, steps=40)
    wanted = ov.minimize(on, ov.Momentum(lr=0.02), steps=40)
    np.testing.assert_allclose(t.points, wanted.points, rtol=1e-12)
    again = ov.minimize(on, made, steps=40)
    np.testing.assert_array_equal(t.points, again.points, "each run begins anew")
    assert made.lr == 0.02
    assert "Momentum" in repr(made)


def test_a_function_is_one_that_keeps_nothing() -> None:
    def descend(params: dict[str, Any], grads: dict[str, Any]) -> None:
        params["x"] -= 0.3 * grads["x"]

    t = ov.minimize("bowl", ov.adapters.callable(descend), steps=9)
    wanted = ov.minimize("bowl", ov.SGD(lr=0.3), steps=9).points
    np.testing.assert_allclose(t.points, wanted, rtol=1e-14)


def test_sweeps_tuning_and_ensembles_take_a_slower_way_to_the_same_place() -> None:
    mine, ours = ov.adapters.callable(Momentum), ov.Momentum()
    starts = np.random.default_rng(0).uniform(-2, 2, (6, 2))
    found, wanted = (
        ov.sweep("himmelblau", o, starts, over={"lr": [0.001, 0.01, 0.5]}, steps=120, tol=1e-5)
        for o in (mine, ours)
    )
    np.testing.assert_array_equal(found.outcome, wanted.outcome)
    np.testing.assert_array_equal(found.steps_taken, wanted.steps_taken)
    np.testing.assert_array_equal(found.basin, wanted.basin)
    np.testing.assert_allclose(found.final, wanted.final, rtol=1e-6, atol=1e-9)
    noisy = [ov.sweep("bowl", o, starts, steps=30, noise=0.1, runs=3, rng=1).final
             for o in (mine, ours)]  # fmt: skip
    np.testing.assert_allclose(*noisy, rtol=1e-9)
    space = [ov.sweep("sphere:n=4", o, np.ones((3, 4)), steps=20).final for o in (mine, ours)]
    np.testing.assert_allclose(*space, rtol=1e-9)
    best = [ov.tune("bowl", o, steps=20, budget=11, starts=3).best.lr for o in (mine, ours)]
    assert best[0] == best[1]


def test_a_run_of_scipys_depends_on_its_version_and_on_what_was_given() -> None:
    loose, strict = ov.adapters.scipy("BFGS"), ov.adapters.scipy("BFGS", norm=np.inf)
    assert version("scipy") in loose.kernel_source()
    assert loose.kernel_source() != ov.adapters.scipy("CG").kernel_source()
    assert strict.fixed
    assert strict.kernel_source() != loose.kernel_source()


def test_a_slow_sweep_tells_its_progress_while_it_goes() -> None:
    calls, heard, told = itertools.count(), threading.Event(), []

    def slow(params: dict[str, Any], grads: dict[str, Any]) -> None:
        # The second start waits until somebody has heard of the first.
        if next(calls) == 3:
            heard.wait(60)
        params["x"] -= 0.1 * grads["x"]

    def progress(done: int, of: int) -> None:
        told.append((done, of))
        heard.set()

    ov.sweep("bowl", ov.adapters.callable(slow), np.ones((6, 2)), steps=3, progress=progress)
    assert told[0] == (1, 6)
    assert told[-1] == (6, 6)


def test_what_it_did_is_explained_as_far_as_it_can_be_seen() -> None:
    found, wanted = (ov.explain("beale", o, steps=12)
                     for o in (ov.adapters.callable(Momentum), ov.Momentum()))  # fmt: skip
    for name in ("gradients", "carried", "fresh"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-8,
                                   atol=1e-12)  # fmt: skip
    assert found.slots == ()
    assert found.states.shape == (len(found.gradients) + 1, 0, 2)


@pytest.mark.parametrize(
    ("given", "settings", "said"),
    [
        (3, {}, "is no function update"),
        (Momentum, {"rate": 1}, "Momentum has no 'rate'; it has lr, momentum"),
        (Momentum(), {"lr": 1}, "settings are for a class"),
        (int, {}, "has no method update"),
    ],
)
def test_what_is_no_optimizer_has_a_line(given: Any, settings: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ov.adapters.callable(given, **settings)


# -- SciPy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", FUNCTIONS)
@pytest.mark.parametrize("method", [*METHODS, "Nelder-Mead", "Powell"])
def test_a_method_of_scipy_goes_its_own_way(on: str, method: str) -> None:
    f = ov.function(on)
    points = [np.array(f.start)]
    scipy_minimize(
        (lambda p: f(*p)) if f.is_plane else f, np.array(f.start), method=method,
        jac=slope_of(f) if method in METHODS else None,
        options={} if method == "TNC" else {"maxiter": 25},
        callback=lambda x, *_: points.append(np.array(x)),
    )  # fmt: skip
    t = ov.minimize(on, ov.adapters.scipy(method), steps=25)
    np.testing.assert_array_equal(t.points, np.array(points)[:26])
    assert (t.converged_at is not None) == (len(points) < 26)  # converged
    assert optimizer_text(parse_optimizer(f"scipy:{method}")) == f"scipy:{method}"


def test_options_of_a_method_are_its_settings() -> None:
    made = ov.adapters.scipy("BFGS", gtol=1e-2)
    short, long = (ov.minimize("beale", o, steps=100) for o in (made, ov.adapters.scipy("BFGS")))
    assert len(short.points) < len(long.points)
    assert optimizer_text(made) == "scipy:BFGS:gtol=0.01"
    assert parse_optimizer("scipy:BFGS:gtol=0.01").gtol == 0.01


def test_a_walker_sweeps_and_runs_in_the_suite(tmp_path: Path) -> None:
    starts = np.random.default_rng(0).uniform(-4, 4, (12, 2))
    s = ov.sweep("himmelblau", ov.adapters.scipy("BFGS"), starts, steps=200)
    assert (s.outcome == 1).all()
    assert set(np.unique(s.basin)) <= {0, 1, 2, 3}
    for k in (0, 7):
        t = ov.minimize("himmelblau", ov.adapters.scipy("BFGS"), start=starts[k], steps=200)
        np.testing.assert_array_equal(s.final[k], t.points[-1])
        assert s.steps_taken[k] == len(t.points) - 1
    suite = ov.bench.Suite("walk", ["rosenbrock:n=4"], ["scipy:BFGS", "adam"], configurations=4,
                           tuning_seeds=2, seeds=5, steps=120)  # fmt: skip
    assert ov.bench.run(suite, tmp_path / "r.sqlite", workers=1).failed == 0
    results = ov.bench.load(tmp_path / "r.sqlite")
    assert results.curves[0][0][:, -1].max() < 1e-9, "BFGS is there after 120 evaluations"
    assert results.rank().ranks.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scipy:BFG", "did you mean 'BFGS'"),
        ("scipy", "say which of its optimizers, as in scipy:BFGS"),
        ("scipy:BFGS:gtoll=1", "did you mean 'gtol'"),
        ("scipy:BFGS:maxiter=3", "give steps"),
        ("scipy:dogleg", "no more than a gradient"),
    ],
)
def test_slips_in_a_methods_text_have_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_optimizer(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"noise": 0.1, "rng": 0}, "makes its own way"), ({"tol": 0.1}, "makes its own way"),
     ({"box": True}, "makes its own way")],
)  # fmt: skip
def test_a_walker_refuses_what_it_could_not_do(settings: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ov.minimize("bowl", ov.adapters.scipy("BFGS"), steps=5, **settings)
    with pytest.raises(ValueError, match="no gradient by which"):
        ov.explain("bowl", ov.adapters.scipy("BFGS"), steps=5)


# -- PyTorch, optax, Keras -------------------------------------------------------------------------


def torch_alone(make: Any, f: Any, steps: int) -> np.ndarray:
    import torch

    slope = slope_of(f)
    x = torch.nn.Parameter(torch.tensor(f.start, dtype=torch.float64))
    optimizer = make([x])
    points = [x.detach().numpy().copy()]
    for _ in range(steps):
        x.grad = torch.from_numpy(slope(points[-1]))
        optimizer.step()
        points.append(x.detach().numpy().copy())
    return np.array(points)


@pytest.mark.peers
@pytest.mark.parametrize("on", FUNCTIONS)
@pytest.mark.parametrize(
    ("name", "settings"),
    [("SGD", {"lr": 0.001, "momentum": 0.9, "nesterov": True}), ("Adam", {"lr": 0.1}),
     ("AdamW", {"lr": 0.1, "betas": (0.8, 0.9)}), ("NAdam", {"lr": 0.1}), ("Rprop", {"lr": 0.05}),
     ("ASGD", {"lr": 0.001}), ("Adafactor", {"lr": 0.05}), ("RMSprop", {"lr": 0.01})],
)  # fmt: skip
def test_paths_are_pytorchs_own(on: str, name: str, settings: Any) -> None:
    import torch

    f, kind = ov.function(on), getattr(torch.optim, name)
    wanted = torch_alone(lambda params: kind(params, **settings), f, 30)
    for made in (ov.adapters.torch(kind, **settings),
                 ov.adapters.torch(lambda params: kind(params, **settings))):  # fmt: skip
        np.testing.assert_array_equal(ov.minimize(f, made, steps=30).points, wanted)
    if "betas" not in settings:
        text = optimizer_text(ov.adapters.torch(kind, **settings))
        assert text.startswith(f"torch:{name}:lr=")
        again = ov.minimize(f, text, steps=30)
        np.testing.assert_array_equal(again.points, wanted)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["adam", "sgd", "adabelief", "lion", "noisy_sgd", "yogi", "rprop"])
def test_paths_are_optaxs_own(name: str) -> None:
    import jax
    import jax.numpy as jnp
    import optax

    f, make = ov.function("rosenbrock:n=5"), getattr(optax, name)
    settings = {"key": 0} if name == "noisy_sgd" else {}
    with jax.enable_x64(True):
        transformation = make(0.002, **settings)
        place = jnp.asarray(np.array(f.start))
        state, wanted = transformation.init(place), [np.array(place)]
        for _ in range(20):
            updates, state = transformation.update(
                jnp.asarray(f.gradient(wanted[-1])), state, place
            )
            place = optax.apply_updates(place, updates)
            wanted.append(np.array(place))
    for made in (ov.adapters.optax(make, learning_rate=0.002, **settings),
                 ov.adapters.optax(make(0.002, **settings))):  # fmt: skip
        t = ov.minimize(f, made, steps=20)
        assert t.points.dtype == np.float64
        np.testing.assert_array_equal(t.points, wanted)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.parametrize("name", ["Adam", "SGD", "Adagrad", "Ftrl", "Lion", "Nadam"])
def test_paths_are_kerass_own(name: str) -> None:
    keras = keras_here()
    f, kind = ov.function("beale"), getattr(keras.optimizers, name)
    variable = keras.Variable(np.array(f.start), dtype="float64")
    optimizer = kind(0.004)
    optimizer.build([variable])
    wanted = [np.array(f.start)]
    for _ in range(20):
        gradient = keras.ops.convert_to_tensor(f.gradient(*wanted[-1]))
        optimizer.apply([gradient], [variable])
        wanted.append(np.array(keras.ops.convert_to_numpy(variable.value)))
    for made in (ov.adapters.keras(kind(0.004)), ov.adapters.keras(name, learning_rate=0.004)):
        np.testing.assert_array_equal(ov.minimize(f, made, steps=20).points, wanted)
        assert optimizer_text(made) == f"keras:{name}:learning_rate=0.004"


@pytest.mark.peers
@pytest.mark.parametrize("text", ["torch:Adam", "optax:adam", "keras:Adam"])
def test_others_race_beside_ours_and_are_tuned(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ov.race("bowl", [text, "adam"], steps=15)
    assert [len(t.points) for t in paths] == [16, 16]
    assert paths[0].remark == paths[1].remark == "best of 61"
    picture = ov.save(ov.study("plot", optimizers=[f"{text}:{paths[0].optimizer.rate_name}=0.3"],
                               on="beale", steps=20), tmp_path / "p.svg")  # fmt: skip
    library = text.partition(":")[0]
    assert version(library) in ov.study("plot", optimizers=[text]).to_json()
    again = ov.replay(picture, tmp_path / "again.svg")
    assert again.read_bytes() == picture.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(making, "version", lambda name: "0.1")
        old = ov.save(ov.study("plot", optimizers=[text], on="beale", steps=5),
                      tmp_path / "old.svg")  # fmt: skip
    with pytest.warns(UserWarning, match=f"was made with {library} 0.1"):
        ov.replay(old, tmp_path / "b.svg")


@pytest.mark.peers
@pytest.mark.parametrize("text", ["torch:Adam:lr=0.01", "optax:adam:learning_rate=0.01"])
def test_others_train_our_networks(text: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    ends = []
    for optimizer in (text, "adam:lr=0.01,convention=torch"):
        net = ov.nn.MLP((4, 6, 2), rng=0)
        net.fit(x, y, optimizer, epochs=4, batch_size=20, rng=0)
        ends.append(net.parameters.copy())
    np.testing.assert_allclose(*ends, atol=2e-5)
    suite = ov.bench.Suite("nets", ["net:moons:n=120~hidden=4", "beale"], [text, "adam:lr=0.01"],
                           seeds=2, epochs=2, steps=20)  # fmt: skip
    assert ov.bench.run(suite, tmp_path / "r.sqlite", workers=1).failed == 0


@pytest.mark.peers
def test_a_schedule_is_obeyed_by_all() -> None:
    rates = ov.schedules.Step(0.2, every=5)
    ours = ov.minimize("bowl", ov.SGD(lr=rates), steps=20).points
    for made in (ov.adapters.torch("SGD", lr=0.2), ov.adapters.optax("sgd", learning_rate=0.2),
                 ov.adapters.keras("SGD", learning_rate=0.2)):  # fmt: skip
        t = ov.minimize("bowl", made.fresh(**{made.rate_name: rates}), steps=20)
        np.testing.assert_allclose(t.points, ours, rtol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torch:Adma", "did you mean 'Adamax'"),
        ("torch:LBFGS", "try scipy:L-BFGS-B"),
        ("torch:Adam:rl=1", "torch has no 'rl'; it has lr, betas"),
        ("torch:Adam:lr=-1", "Invalid learning rate"),
        ("optax:adma", "did you mean 'adamax'"),
        ("optax:adam:lr=1", "optax: adam has no 'lr'; it has learning_rate"),
        ("keras:Adma", "did you mean"),
        ("keras:Adam:lr=1", "lr"),
    ],
)
def test_slips_in_others_texts_have_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_optimizer(text)


def test_without_the_library_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "optax", "keras"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ValueError, match=f"{name} is not installed.*pip install {name}"):
            parse_optimizer(f"{name}:Adam")


def test_nothing_of_them_is_imported_before_it_is_used() -> None:
    program = (
        "import sys, optviz as ov; ov.adapters.torch; ov.minimize('bowl', 'adam', steps=3);"
        "print(sorted({'torch', 'jax', 'optax', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_foreign_optimizer_is_no_rule() -> None:
    made = ov.adapters.callable(Momentum)
    assert isinstance(made, Foreign)
    assert set(READERS) == {"torch", "optax", "keras", "scipy"}
    with pytest.raises(ValueError, match="no checkpoint can be written"):
        made.state_dict()
    with pytest.raises(ValueError, match="evaluates the function within its steps"):
        ov.adapters.scipy("BFGS").update({}, {})
    params = {"a": np.ones(3), "b": np.ones((2, 2), np.float32)}
    plain = {key: value.copy() for key, value in params.items()}
    ours = ov.Momentum()
    for _ in range(4):
        made.update(params, {key: 2 * value for key, value in params.items()})
        ours.update(plain, {key: 2 * value for key, value in plain.items()})
    for key, value in params.items():
        np.testing.assert_allclose(value, plain[key], rtol=1e-6)


def test_pictures_say_whose_they_are_and_what_cannot_be_seen() -> None:
    walker, own = ov.adapters.scipy("BFGS"), ov.adapters.callable(Momentum, lr=0.01)

    def words(figure: Any) -> str:
        return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")

    told = words(ov.plot([ov.minimize("beale", o, steps=20) for o in (walker, own, ov.Adam())]))
    assert f"book convention, scipy {version('scipy')}" in told
    told = words(ov.plot(ov.basins("himmelblau", walker, size=(6, 6))))
    assert "ScipyBFGS: done by tests of its own" in told
    told = words(ov.plot(ov.explain("beale", own, steps=4)))
    assert "your own: its state is not seen" in told


class Decaying:
    """A class that lowers its own rate."""

    def __init__(self, lr: float = 0.3) -> None:
        self.lr = lr

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> None:
        for key in params:
            params[key] -= self.lr * grads[key]
        self.lr *= 0.9


def test_who_changes_its_own_rate_may() -> None:
    t = ov.minimize("bowl", ov.adapters.callable(Decaying, lr=0.3), steps=6)
    x, lr = np.array(t.points[0]), 0.3
    for k in range(6):
        x, lr = x - lr * ov.function("bowl").gradient(*x), lr * 0.9
        np.testing.assert_allclose(t.points[k + 1], x, rtol=1e-12, atol=1e-14)
    scheduled = ov.adapters.callable(Momentum).fresh(lr=ov.schedules.Step(0.2, every=2))
    ours = ov.Momentum(lr=ov.schedules.Step(0.2, every=2))
    np.testing.assert_allclose(
        ov.minimize("bowl", scheduled, steps=9).points,
        ov.minimize("bowl", ours, steps=9).points,
        rtol=1e-12,
        atol=1e-14,
    )


def test_numbers_of_any_kind_are_numbers_and_a_method_has_its_object_copied() -> None:
    assert ov.adapters.callable(Momentum, lr=np.float32(0.25)).lr == 0.25
    mine = Momentum()
    made = ov.adapters.callable(mine.update)
    ends = [ov.minimize("bowl", made, steps=5).points for _ in range(2)]
    np.testing.assert_array_equal(*ends)
    assert mine.v is None
    with pytest.raises(ValueError, match="returns something"):
        ov.minimize("bowl", ov.adapters.callable(lambda params, grads: dict(params)), steps=2)


def test_those_with_a_text_are_pickled_and_what_only_python_can_make_says_so() -> None:
    t = pickle.loads(pickle.dumps(ov.minimize("bowl", "scipy:BFGS:gtol=0.01", steps=3)))
    assert t.optimizer.gtol == 0.01
    with pytest.raises(TypeError, match="was made in Python"):
        pickle.dumps(ov.adapters.callable(Momentum))
    with pytest.raises(ValueError, match="was made in Python, by what no text can say"):
        parse_optimizer("own.TorchAdam:lr=0.1")
    with pytest.raises(ValueError, match="ScipyBFGS has no learning rate"):
        ov.tune("beale", "scipy:BFGS")


@pytest.mark.peers
def test_settings_that_are_no_plain_numbers_count() -> None:
    import optax
    import torch

    wanted = ov.minimize("bowl", "torch:Adam:lr=0.25", steps=20).points
    for rate in (np.float32(0.25), torch.tensor(0.25)):
        made = ov.adapters.torch(torch.optim.Adam, lr=rate)
        np.testing.assert_array_equal(ov.minimize("bowl", made, steps=20).points, wanted)
    by_schedule = ov.adapters.optax(optax.adam, learning_rate=optax.constant_schedule(0.25))
    plain = ov.adapters.optax(optax.adam, learning_rate=0.25)
    ends = [ov.minimize("bowl", o, steps=20).points for o in (by_schedule, plain)]
    np.testing.assert_allclose(*ends, rtol=1e-6)
    two = [ov.adapters.torch(torch.optim.Adam, lr=0.1, betas=b) for b in ((0.9, 0.99), (0.1, 0.9))]
    figure = ov.plot([ov.minimize("beale", o, steps=9) for o in two])
    names = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    assert any("betas = (0.9, 0.99)" in name for name in names)

    class Slower(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            for group in self.param_groups:
                group["lr"] *= 0.9

    t = ov.minimize("bowl", ov.adapters.torch(Slower, lr=0.3), steps=6)
    np.testing.assert_array_equal(
        t.points, torch_alone(lambda p: Slower(p, lr=0.3), ov.function("bowl"), 6)
    )
