"""Optimizers: invariants of the rules, the dict update, state, settings, text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import optviz as ov
from optviz.optimizers.hyper import amount, share
from optviz.optimizers.parse import parse_optimizer
from tests.catalogue import ELEMENTWISE, RULES
from tests.reference import book

NAMES = list(RULES)
ALL = [(name, convention) for name, kind in RULES.items() for convention in kind.defaults]
ALONE = [(name, convention) for name, convention in ALL if name in ELEMENTWISE]


def make(name: str, convention: str = "book", **settings: float) -> ov.Optimizer:
    return ov.optimizers[name](convention=convention, **settings)


def steps(optimizer: ov.Optimizer, x: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        optimizer.update({"x": x}, {"x": rng.normal(size=x.shape).astype(x.dtype)})
    return x


# -- against the course ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"])
def test_book_convention_is_the_course_class_step_for_step(name: str) -> None:
    theirs, mine = getattr(book, name)(lr=0.1), getattr(ov, name)(lr=0.1)
    rng = np.random.default_rng(0)
    a = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
    b = {key: value.copy() for key, value in a.items()}
    for _ in range(300):
        g = {key: rng.normal(size=value.shape) for key, value in a.items()}
        theirs.update(a, g)
        mine.update(b, g)
        for key, value in a.items():
            np.testing.assert_allclose(b[key], value, rtol=1e-13, atol=1e-14)


# -- invariants -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "convention"), ALL)
def test_twice_as_long_a_run_begins_with_the_run(name: str, convention: str) -> None:
    optimizer = make(name, convention)
    short = ov.minimize("beale", optimizer, steps=40)
    long = ov.minimize("beale", optimizer, steps=80)
    np.testing.assert_array_equal(long.points[:41], short.points)


@pytest.mark.parametrize(("name", "convention"), ALL)
def test_trajectory_and_dict_update_are_the_same_to_the_bit(name: str, convention: str) -> None:
    optimizer = make(name, convention)
    t = ov.minimize("bowl", optimizer, steps=60)
    gradient, g = t.function.gradient_kernel(), np.empty((2, 1))
    x = {"x": np.array(t.start)}
    for k in range(60):
        gradient(x["x"].reshape(2, 1), g)
        optimizer.update(x, {"x": g.reshape(2)})
        np.testing.assert_array_equal(optimizer.evaluation(x)["x"], t.points[k + 1])


@pytest.mark.parametrize(("name", "convention"), ALONE)
def test_coordinates_do_not_see_each_other(name: str, convention: str) -> None:
    """A rule is per coordinate: each entry moves as it would alone, in any array."""
    together = steps(make(name, convention), np.linspace(-1, 1, 33), 30)
    rng = np.random.default_rng(0)
    gradients = np.array([rng.normal(size=33) for _ in range(30)])
    for k in (0, 7, 32):
        alone, optimizer = np.linspace(-1, 1, 33)[k : k + 1].copy(), make(name, convention)
        for g in gradients:
            optimizer.update({"x": alone}, {"x": g[k : k + 1]})
        assert alone[0] == together[k]


@pytest.mark.parametrize(("name", "convention"), ALONE)
def test_kernel_equals_its_rule_in_plain_numpy(name: str, convention: str) -> None:
    """The rule, called with whole arrays, is the reference for the kernel made from it."""
    optimizer = make(name, convention)
    signature = optimizer._arguments
    x, n = np.linspace(-2, 2, 11), 11
    mine = x.copy()
    state = dict(zip(signature.slots, optimizer.initial_state(n), strict=True))
    rng = np.random.default_rng(3)
    scalar_max = {"max": np.maximum, "abs": np.abs}
    rule = optimizer.rule
    rule = type(rule)(rule.__code__, {**rule.__globals__, **scalar_max}, rule.__name__)
    for t in range(1, 25):
        g = rng.normal(size=n)
        powers = {p: optimizer.hyper[p[:-2]] ** t for p in signature.powers}
        for k in range(n):
            shared = {**{h: optimizer.hyper[h] for h in signature.hyper}, **powers}
            shared |= {"t": t} if signature.uses_t else {}
            slots = {s: state[s][k] for s in signature.slots}
            result = rule(x[k], g[k], **slots, **shared)
            new = result if isinstance(result, tuple) else (result,)
            x[k] = new[0]
            for s, value in zip(signature.slots, new[1:], strict=True):
                state[s][k] = value
        optimizer.update({"x": mine}, {"x": g})
        np.testing.assert_allclose(mine, x, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["adam", "adamax", "amsgrad"])
def test_adam_moves_its_rate_a_step_under_a_constant_gradient(name: str) -> None:
    x, optimizer = np.zeros(3), make(name, lr=0.01, eps=0.0)
    for t in range(1, 200):
        optimizer.update({"x": x}, {"x": np.array([1e-3, 1.0, -50.0])})
        np.testing.assert_allclose(x, 0.01 * t * np.array([-1, -1, 1]), rtol=1e-10)


@given(angle=st.floats(0, 6.3), name=st.sampled_from(["sgd", "momentum", "nesterov"]))
def test_gradient_descent_rotates_with_the_function(angle: float, name: str) -> None:
    c, s = np.cos(angle), np.sin(angle)
    turn, hessian = np.array([[c, -s], [s, c]]), np.diag([0.1, 2.0])
    plain, turned = np.array([-3.0, 1.5]), turn @ np.array([-3.0, 1.5])
    a, b = make(name, lr=0.2), make(name, lr=0.2)
    for _ in range(30):
        a.update({"x": plain}, {"x": hessian @ plain})
        b.update({"x": turned}, {"x": turn @ hessian @ turn.T @ turned})
    np.testing.assert_allclose(turned, turn @ plain, rtol=1e-9, atol=1e-12)


@given(scale=st.floats(1e-3, 1e3), name=st.sampled_from(["adagrad", "rmsprop", "adam", "lion"]))
def test_adaptive_steps_ignore_the_scale_of_the_gradient(scale: float, name: str) -> None:
    settings = {} if name == "lion" else {"eps": 0.0}
    a, b = np.ones(4), np.ones(4)
    one, other = make(name, **settings), make(name, **settings)
    rng = np.random.default_rng(5)
    for _ in range(20):
        g = rng.normal(size=4)
        one.update({"x": a}, {"x": g})
        other.update({"x": b}, {"x": scale * g})
    np.testing.assert_allclose(a, b, rtol=1e-9)


# -- arrays of any kind ---------------------------------------------------------------------


@given(
    array=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        elements=st.floats(-100, 100, width=32),
    ),
    name=st.sampled_from(NAMES),
)
def test_any_shape_and_type_equals_the_flat_vector(array: np.ndarray, name: str) -> None:
    x, flat = np.array(array), np.array(array).reshape(-1).copy()
    g = np.cos(np.arange(x.size)).astype(x.dtype)
    a, b = make(name), make(name)
    for _ in range(3):
        a.update({"x": x}, {"x": g.reshape(x.shape)})
        b.update({"x": flat}, {"x": g})
    np.testing.assert_array_equal(x.reshape(-1), flat)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::2],
        lambda a: a[:, 1:3],
        lambda a: a.T,
        lambda a: a[::-1, ::2],
        np.asfortranarray,
        lambda a: a.transpose(1, 0)[1:],
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_non_contiguous_arrays_are_updated_in_place(view, dtype) -> None:
    base = np.arange(24, dtype=dtype).reshape(6, 4)
    x = view(base)
    copy = np.ascontiguousarray(x)
    g = np.sin(np.arange(x.size)).astype(dtype).reshape(x.shape)
    a, b = ov.Adam(lr=0.1), ov.Adam(lr=0.1)
    for _ in range(3):
        a.update({"x": x}, {"x": g})
        b.update({"x": copy}, {"x": g})
    np.testing.assert_array_equal(x, copy)


@pytest.mark.parametrize(("name", "convention"), ALL)
def test_float32_is_as_close_as_float32_can_be(name: str, convention: str) -> None:
    exact = steps(make(name, convention), np.linspace(-1, 1, 50), 100)
    single = steps(make(name, convention), np.linspace(-1, 1, 50).astype(np.float32), 100)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arrays_step_on_threads_with_the_same_result(monkeypatch, dtype) -> None:
    import optviz.optimizers.state

    x = np.linspace(-1, 1, 1003).astype(dtype)
    a = steps(ov.Adam(), x.copy(), 5)
    monkeypatch.setattr(optviz.optimizers.state, "PARALLEL_SIZE", 100)
    monkeypatch.setenv("OPTVIZ_THREADS", "3")
    optimizer = ov.Adam()
    b = steps(optimizer, x.copy(), 5)
    assert len(optimizer._states["x"].chunks) == 3
    np.testing.assert_array_equal(a, b)
    assert optimizer.state_dict()["x/m"].shape == (1003,)


def test_a_parameter_seen_later_gets_fresh_state() -> None:
    optimizer, a, late = ov.Adam(lr=0.1), np.zeros(2), np.zeros(2)
    for _ in range(5):
        optimizer.update({"a": a}, {"a": np.ones(2)})
    optimizer.update({"a": a, "late": late}, {"a": np.ones(2), "late": np.ones(2)})
    np.testing.assert_allclose(late, -0.1, rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "grads", "says"),
    [
        ({"w": np.zeros(3)}, {}, "different keys"),
        ({}, {"w": np.zeros(3)}, "different keys"),
        ({"w": np.zeros(3)}, {"w": np.zeros(4)}, "shape"),
        ({"w": np.zeros(3, dtype=int)}, {"w": np.zeros(3)}, "float32 or float64"),
        ({"w": [0.0]}, {"w": np.zeros(1)}, "float32 or float64 array, not list"),
        ({"w": np.zeros(3)}, {"w": np.zeros(3, dtype=complex)}, "real numbers"),
        ({"w": np.broadcast_to(0.0, 3)}, {"w": np.zeros(3)}, "read-only"),
        ({0: np.zeros(3)}, {0: np.zeros(3)}, "keys are texts"),
        ({"hyper": np.zeros(3)}, {"hyper": np.zeros(3)}, "other than 'hyper'"),
    ],
)
def test_bad_arrays_are_refused(params, grads, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.Adam().update(params, grads)


def test_a_refused_update_changes_nothing() -> None:
    optimizer = ov.Momentum(lr=0.1)
    good, other = np.zeros(2), np.zeros(3)
    optimizer.update({"a": good, "b": other}, {"a": np.ones(2), "b": np.ones(3)})
    before = good.copy(), optimizer.state_dict()
    with pytest.raises(ValueError, match=r"was float64 \(3,\) and is now float64 \(4,\)"):
        optimizer.update({"a": good, "b": np.zeros(4)}, {"a": np.ones(2), "b": np.ones(4)})
    with pytest.raises(ValueError, match="now float32"):
        optimizer.update(
            {"a": good, "b": other.astype(np.float32)}, {"a": np.ones(2), "b": np.ones(3)}
        )
    np.testing.assert_array_equal(good, before[0])
    after = optimizer.state_dict()
    assert all(np.array_equal(after[key], before[1][key]) for key in after)


# -- state ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "convention"), ALL)
def test_state_dict_resumes_to_the_bit(name: str, convention: str, tmp_path) -> None:
    one, x = make(name, convention), {"W": np.ones((2, 3)), "b": np.zeros(3, np.float32)}
    rng = np.random.default_rng(0)
    gradients = [{k: rng.normal(size=v.shape).astype(v.dtype) for k, v in x.items()}
                 for _ in range(20)]  # fmt: skip
    for g in gradients[:9]:
        one.update(x, g)
    np.savez(tmp_path / "state.npz", **one.state_dict())
    copy = {key: value.copy() for key, value in x.items()}
    other = make(name, convention)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as saved:
        other.load_state_dict(dict(saved))
    for g in gradients[9:]:
        one.update(x, g)
        other.update(copy, g)
    for key, value in x.items():
        np.testing.assert_array_equal(copy[key], value)


def test_state_dict_holds_copies_and_settings() -> None:
    optimizer = ov.Adam(lr=0.3)
    optimizer.lr = 0.2
    x = np.zeros(2)
    optimizer.update({"x": x}, {"x": np.ones(2)})
    state = optimizer.state_dict()
    state["x/m"][:] = 99
    assert optimizer.state_dict()["x/m"].max() < 1
    fresh = ov.Adam()
    fresh.load_state_dict(optimizer.state_dict())
    assert fresh.lr == 0.2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("steps"), "no 'steps'"),
        (lambda d: d.pop("x/m"), "lacks m"),
        (lambda d: d.update({"x/velocity": np.zeros(2)}), "no state 'x/velocity'"),
        (lambda d: d.update({"hyper/momentum": 0.9}), "no state 'hyper/momentum'"),
        (lambda d: d.update({"hyper/lr": -1.0}), "lr must be a positive number"),
        (lambda d: d.update(ov.AdamW().state_dict()), "another optimizer or convention"),
        (lambda d: d.update(ov.Adam(convention="torch").state_dict()), "another optimizer"),
        (lambda d: d.update(steps=-5), "steps must be a whole number"),
        (lambda d: d.update({"x/t": 1.5}), "x/t must be a whole number"),
        (lambda d: d.update({"x/powers": np.ones(5)}), "5 powers"),
        (lambda d: d.update({"x/m": np.zeros(3)}), "different shapes"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change, says: str) -> None:
    optimizer = ov.Adam()
    optimizer.update({"x": np.zeros(2)}, {"x": np.ones(2)})
    state = optimizer.state_dict()
    change(state)
    with pytest.raises(ValueError, match=says):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict()["steps"] == 1


# -- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: ov.Adam(lr=-1), "Adam: lr must be a positive number, not -1"),
        (lambda: ov.Adam(lr=0), "lr must be a positive"),
        (lambda: ov.Adam(lr=float("nan")), "lr must be a positive"),
        (lambda: ov.Adam(lr=float("inf")), "lr must be a positive"),
        (lambda: ov.Adam(lr="fast"), "lr must be a positive number, not 'fast'"),
        (lambda: ov.Adam(beta1=1.0), r"beta1 must be a number in \[0, 1\), not 1.0"),
        (lambda: ov.Adam(beta2=-0.1), "beta2"),
        (lambda: ov.Adam(eps=-1e-9), "eps must be a number ≥ 0"),
        (lambda: ov.Momentum(momentum=1), "momentum must be"),
        (lambda: ov.RMSProp(centered=True), "has no 'centered'"),
        (lambda: ov.RMSProp(convention="torch", centered=2), "centered must be True or False"),
        (lambda: ov.Adam(beta3=0.1), r"has no 'beta3' \(did you mean 'beta"),
        (lambda: ov.Adam(0.1, lr=0.1), "lr is given twice"),
        (lambda: ov.SGD(0.1, 0.2), "at most 1"),
        (lambda: ov.Lion(convention="torch"), "no convention 'torch'; it has book, keras, optax"),
        (lambda: ov.FTRL(lr_power=0.5, convention="keras"), "lr_power must be a number ≤ 0"),
        (lambda: ov.Adam(beta1=ov.schedules.Constant(0.9)), "only lr can be a schedule"),
    ],
)
def test_bad_settings_are_refused_when_made(build, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        build()


def test_settings_are_attributes_that_can_change_in_a_loop() -> None:
    optimizer, x = ov.SGD(lr=1.0), np.zeros(1)
    for _ in range(3):
        optimizer.update({"x": x}, {"x": np.ones(1)})
        optimizer.lr *= 0.5
    assert x[0] == -1.75
    with pytest.raises(ValueError, match="positive"):
        optimizer.lr = -1
    assert optimizer.lr == 0.125
    with pytest.raises(AttributeError):
        _ = optimizer.momentum


@pytest.mark.parametrize(("name", "convention"), ALL)
def test_text_form_round_trips(name: str, convention: str) -> None:
    optimizer = make(name, convention, lr=0.123456789012345)
    again = parse_optimizer(optimizer.spec())
    assert type(again) is type(optimizer)
    assert again.hyper == optimizer.hyper
    assert again.convention == convention


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("adm", "did you mean 'adam'"),
        ("adam:lr", "key=value"),
        ("adam:lr=", "must be a number"),
        ("adam:lr=0.1,lr=0.2", "given twice"),
        ("adam:rate=1", "no 'rate'"),
        ("adam:lr=cosin(1,2)", "did you mean 'cosine'"),
        ("adam:lr=cosine(1", "a bracket is not closed"),
        ("adam:lr=cosine(1)", "lacks steps"),
        ("adam:lr=cosine(1,2.5)", "steps must be a whole number"),
        ("adam:lr=cosine(1,0)", "steps must be a whole number"),
        ("adam:" + "lr=1," * 500, "at most 1000"),
        ("", "no optimizer"),
    ],
)
def test_bad_text_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_optimizer(text)


@given(st.text(max_size=60))
def test_any_text_is_an_optimizer_or_a_value_error(text: str) -> None:
    try:
        parse_optimizer(text)
    except ValueError as error:
        assert "\n" not in str(error) or "\n" in text


def test_text_forms_by_hand() -> None:
    """The rate always, other settings where they are not the default; any case of letters."""
    assert ov.Adam().spec() == "adam:lr=0.001"
    assert ov.Adam(beta1=0.8, eps=1e-7).spec() == "adam:lr=0.001,beta1=0.8"
    assert parse_optimizer(" ADAM : lr=0.5").hyper == ov.Adam(lr=0.5).hyper
    torch = parse_optimizer("rmsprop:centered=True,convention=torch")
    assert torch.centered is True
    assert torch.spec() == "rmsprop:lr=0.01,centered=true,convention=torch"
    assert parse_optimizer("rmsprop:centered=TRUE,convention=torch").centered is True
    with pytest.raises(ValueError, match="write it as cosine"):
        parse_optimizer("adam:lr=cosine")


def test_what_sweeps_go_over_by_hand() -> None:
    sweeps = {(name, key): h.sweep for name, kind in ov.optimizers.items()
              for key, h in kind.hyperparameters().items()}  # fmt: skip
    assert sweeps["momentum", "momentum"] == sweeps["adam", "beta1"] == (0.0, 0.99, False)
    assert sweeps["adam", "beta2"] == sweeps["rmsprop", "decay"] == (0.0, 0.999, False)
    assert sweeps["adam", "eps"] == sweeps["adadelta", "eps"] == (1e-10, 1.0, True)
    assert sweeps["adamw", "weight_decay"] == (1e-5, 1, True)
    assert sweeps["ftrl", "beta"] == (0, 0.99, False)
    assert sweeps["sgd", "lr"] is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
def test_gradients_of_any_type_keep_their_digits(dtype: type) -> None:
    g = np.array([1 / 3, 3, 200]).astype(dtype)
    x = np.zeros(3)
    ov.SGD(lr=1.0).update({"x": x}, {"x": g})
    np.testing.assert_array_equal(x, -g.astype(float))


# -- a user's own ---------------------------------------------------------------------------


class Tug(ov.Optimizer):
    defaults = {"lr": 0.1, "beta": 0.5, "pull": 0.0}

    @staticmethod
    def rule(x, g, m, lr, beta, pull):
        m = beta * m + (1 - beta) * g
        return x - lr * (np.sign(m) + pull * x), m


def test_a_users_own_rule_works_everywhere() -> None:
    x = {"w": np.array([[1.0, -2.0]]), "v": np.ones(3, np.float32)}
    optimizer = Tug(lr=0.5)
    optimizer.update(x, {"w": np.array([[3.0, -3.0]]), "v": np.zeros(3)})
    np.testing.assert_array_equal(x["w"], [[0.5, -1.5]])
    t = ov.minimize("bowl", optimizer, steps=20)
    assert t.values[-1] < t.values[0]
    assert ov.plot(t).axes
    assert next(iter(ov.animate(t).frames())).ndim == 3
    assert repr(optimizer) == "Tug(lr=0.5)"
    assert optimizer.slots == ("m",)
    state = optimizer.state_dict()
    Tug().load_state_dict(state)
    with pytest.raises(ValueError, match=r"Tug in the book convention has no 'bta'"):
        Tug(bta=1)


class Ranged(Tug):
    defaults = {
        "book": {"lr": 0.1, "beta": share(0.5), "pull": 0.0},
        "torch": {"lr": 0.2, "beta": 0.25, "pull": amount(0, 0.1, 1), "flip": False},
    }


def test_ranges_are_declared_once_and_hold_in_every_convention() -> None:
    for convention in Ranged.defaults:
        for name, says in (("lr", "a positive number"), ("beta", r"a number in \[0, 1\)"),
                           ("pull", "a number ≥ 0")):  # fmt: skip
            with pytest.raises(ValueError, match=f"Ranged: {name} must be {says}, not -1"):
                Ranged(**{name: -1}, convention=convention)
    with pytest.raises(ValueError, match=r"flip must be True or False, not 0\.5"):
        Ranged(flip=0.5, convention="torch")
    assert Ranged(flip=1, convention="torch").flip is True
    found = Ranged.hyperparameters("torch")
    assert found == {"lr": 0.2, "beta": 0.25, "pull": 0.0, "flip": 0}
    assert [h.sweep for h in found.values()] == [None, (0, 0.99, False), (0.1, 1, True), None]
    # Plain numbers have no range but for the rate.
    assert Tug(beta=-3, pull=-2).hyper == {"lr": 0.1, "beta": -3, "pull": -2}
    with pytest.raises(ValueError, match="Tug: beta must be a finite number, not nan"):
        Tug(beta=np.nan)
    assert all(type(v) in (float, bool) for v in Ranged(convention="torch").hyper.values())


@pytest.mark.parametrize(("name", "convention"), ALL)
def test_defaults_and_ends_of_sweeps_lie_in_their_range(name: str, convention: str) -> None:
    for key, hyper in ov.optimizers[name].hyperparameters(convention).items():
        assert key == "lr" or hyper.is_flag or hyper.expected != "a finite number"
        for value in (hyper, *(hyper.sweep or ())[:2]):
            assert make(name, convention, **{key: value}).hyper[key] == value


def test_a_users_own_rule_has_its_docstring_signature() -> None:
    import inspect

    assert str(inspect.signature(Tug)) == "(lr=0.1, beta=0.5, pull=0.0, *, convention='book')"


def test_trajectories_do_not_touch_the_optimizer() -> None:
    optimizer = ov.Adam(lr=0.1)
    optimizer.update({"x": np.zeros(2)}, {"x": np.ones(2)})
    before = optimizer.state_dict()
    t = ov.minimize("bowl", optimizer, steps=5)
    after = optimizer.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert t.optimizer.state_dict()["steps"] == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        t.steps = 3
