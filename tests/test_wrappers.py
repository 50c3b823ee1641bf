"""Settings that every optimizer takes: clipping, Lookahead, averages."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

import optviz as ov
from optviz.optimizers.rule import RuleError
from optviz.optimizers.wrappers import OWNERS, WRAPPERS
from tests.catalogue import RULES

GIVEN = {"clip_norm": 0.7, "lookahead": 3, "slow_step": 0.4, "ema": 0.8, "swa": 4}


def path(optimizer: ov.Optimizer, gradients: np.ndarray, start: np.ndarray) -> list[np.ndarray]:
    params, out = {"x": start.copy()}, []
    for g in gradients:
        optimizer.update(params, {"x": g})
        out.append(params["x"].copy())
    return out


def by_hand(kind: Any, gradients: np.ndarray, start: np.ndarray, **around: Any) -> tuple[Any, Any]:
    """Places and averages of an optimizer with wrappers, from one without, in plain NumPy."""
    optimizer, x, slow = kind(), start.copy(), start.copy()
    average, shown, places = start.copy(), [], []
    for t, g in enumerate(gradients, 1):
        norm = np.linalg.norm(g)
        shorter = min(1.0, around.get("clip_norm", np.inf) / norm)
        optimizer.update({"x": x}, {"x": g * shorter})
        if "lookahead" in around and t % around["lookahead"] == 0:
            slow = slow + around.get("slow_step", 0.5) * (x - slow)
            x[...] = slow
        if "ema" in around:
            share = around["ema"] if t > 1 else 0.0
            average = share * average + (1 - share) * x
        if "swa" in around:
            average = np.mean([*places[around["swa"] - 1 :], x], axis=0)
        places.append(x.copy())
        shown.append(average.copy() if {"ema", "swa"} & around.keys() else x.copy())
    return places, shown


@pytest.mark.parametrize("name", [name for name in RULES if name != "prodigy"])
@pytest.mark.parametrize(
    "settings_",
    [("clip_norm",), ("lookahead", "slow_step"), ("lookahead",), ("ema",), ("swa",),
     ("clip_norm", "lookahead", "ema")],
)  # fmt: skip
def test_around_every_rule_is_what_a_loop_around_it_does(name: str, settings_: Any) -> None:
    kind, around = ov.optimizers[name], {key: GIVEN[key] for key in settings_}
    if kind.comes_to and {"ema", "swa"} & around.keys():
        with pytest.raises(ValueError, match=r"an average of its own: leave (ema|swa) out"):
            kind(**around)
        return
    if name == "barzilaiborwein" and "clip_norm" in around:
        with pytest.raises(ValueError, match="BarzilaiBorwein sums over all arrays itself"):
            kind(**around)
        return
    rng = np.random.default_rng(0)
    gradients, start = rng.normal(size=(25, 3)), rng.normal(size=3)
    optimizer = kind(**around)
    found = path(optimizer, gradients, start)
    places, shown = by_hand(kind, gradients, start, **around)
    np.testing.assert_allclose(found, places, rtol=1e-9, atol=1e-12)
    if not kind.comes_to:
        np.testing.assert_allclose(optimizer.evaluation({"x": found[-1]})["x"], shown[-1],
                                   rtol=1e-9, atol=1e-12)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 10), st.integers(1, 9), st.floats(0, 0.99), st.integers(1, 40),
       st.sampled_from([0, 1, 2]), st.integers(0, 9))  # fmt: skip
def test_a_path_shows_what_a_loop_comes_to(
    norm: float, every: int, share: float, first: int, which: int, seed: int
) -> None:
    around: dict[str, Any] = {"clip_norm": norm, "lookahead": every}
    around |= [{}, {"ema": share}, {"swa": first}][which]
    f = ov.function("himmelblau")
    t = ov.minimize(f, ov.Momentum(lr=0.01, **around), steps=30)
    other, x, shown = ov.Momentum(lr=0.01, **around), {"x": np.array(f.start, float)}, []
    for _ in range(30):
        other.update(x, {"x": f.gradient(*x["x"])})
        shown.append(other.evaluation(x)["x"])
    np.testing.assert_allclose(t.points[1:], shown, rtol=1e-9)
    s = ov.sweep(f, ov.Momentum(lr=0.01, **around), np.array([f.start] * 2), steps=30)
    np.testing.assert_allclose(s.final[1], shown[-1], rtol=1e-9)


def test_nothing_around_is_nothing_new() -> None:
    for kind in RULES.values():
        for convention in kind.defaults:
            plain, wide = kind(convention=convention), kind(convention=convention, lookahead=9)
            assert not set(OWNERS) & set(plain.hyper)
            assert "slow" not in plain.kernel_source().replace("slower", "")
            assert "slow_step" in wide.kernel_source()


def test_texts_and_states_go_both_ways() -> None:
    for keys in itertools.combinations(WRAPPERS, 2):
        if set(keys) == {"ema", "swa"}:
            continue
        o = ov.Adam(lr=0.1, **{key: GIVEN[key] for key in keys})
        again = ov.parse_optimizer(o.spec())
        assert again.spec() == o.spec()
        assert again.kernel_source() == o.kernel_source()
        params = {"w": np.ones(3)}
        for _ in range(5):
            o.update(params, {"w": params["w"]})
        again.load_state_json(o.state_json())
        more = {"w": params["w"].copy()}
        o.update(params, {"w": np.ones(3)})
        again.update(more, {"w": np.ones(3)})
        np.testing.assert_array_equal(params["w"], more["w"])
    assert ov.Adam(lookahead=5).spec() == "adam:lr=0.001,lookahead=5"
    assert ov.Adam(lookahead=5, slow_step=0.8).spec() == "adam:lr=0.001,lookahead=5,slow_step=0.8"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("adam:ema=0.9,swa=3", "ema and swa are two averages: give one of them"),
        ("adam:slow_step=0.2", "slow_step goes with lookahead=, which is missing"),
        ("adam:lookahead=1.5", "lookahead must be a whole number ≥ 1, not 1.5"),
        ("adam:lookahead=0", "lookahead must be a whole number ≥ 1, not 0"),
        ("adam:clip_norm=0", "clip_norm must be a positive number, not 0"),
        ("adam:ema=1", r"ema must be a number in \[0, 1\), not 1"),
        ("adam:clipnorm=1", r"\(did you mean 'clip_norm'\?\)"),
        ("newton:ema=0.9", "Newton makes its own way: ema is not for it"),
    ],
)
def test_wrong_ones_have_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        ov.parse_optimizer(text)
    assert "\n" not in str(caught.value)


class Slowly(ov.Optimizer):
    """One with a slot of a wrapper's name, and a setting of one's."""

    defaults = {"lr": 0.1, "ema": 0.5}

    @staticmethod
    def rule(x, g, slow, lr, ema):
        slow = ema * slow + g
        return x - lr * slow, slow


def test_a_users_own_names_come_first() -> None:
    assert Slowly(ema=0.25).slots == ("slow",)
    t = ov.minimize("sphere", Slowly(ema=0.0, lr=0.25), start=(1, 2), steps=1)
    np.testing.assert_allclose(t.points[-1], (0.5, 1))
    with pytest.raises(RuleError, match="has a slot 'slow', and so has lookahead"):
        ov.minimize("sphere", Slowly(lookahead=2), steps=1)


def test_a_network_is_evaluated_with_the_average_and_ends_with_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    net, plain = (ov.nn.MLP((3, 8, 2), rng=0) for _ in range(2))
    h = net.fit(x, y, ov.SGD(lr=0.3, swa=4), epochs=6, batch_size=20, validation=(x, y), rng=1)
    taken: list[np.ndarray] = []

    class Takes(ov.Optimizer):
        defaults = {"lr": 0.3}
        rule = ov.SGD.descent

        def update(self, params: Any, *args: Any, **kwargs: Any) -> None:
            super().update(params, *args, **kwargs)
            taken.append(np.concatenate([p.ravel() for p in params.values()]))

    plain.fit(x, y, Takes(), epochs=6, batch_size=20, rng=1)
    np.testing.assert_allclose(net.parameters, np.mean(taken[3:], axis=0), rtol=1e-4, atol=1e-6)
    assert h.validation_loss[-1] == pytest.approx(net.evaluate(x, y)[0], rel=1e-6)
    # Gradients are clipped over all of the network, as `fit`'s own clipping does.
    one, two = (ov.nn.MLP((3, 8, 2), rng=0) for _ in range(2))
    one.fit(x, y, ov.AdamW(lr=0.1, clip_norm=0.05), epochs=2, batch_size=20, rng=1)
    two.fit(x, y, ov.AdamW(lr=0.1), epochs=2, batch_size=20, rng=1, clip_norm=0.05)
    np.testing.assert_allclose(one.parameters, two.parameters, rtol=1e-4, atol=1e-6)


def test_what_it_shows_is_said() -> None:
    runs = [ov.minimize("bowl", ov.SGD(lr=0.5, **more)) for more in ({}, {"ema": 0.9})]
    texts = [text.get_text() for text in ov.plot(runs).findobj(Text)]
    assert any("ema = 0.9" in text for text in texts)
    assert "plain" in texts
    with pytest.raises(ValueError, match="shows averages, and steps from where"):
        ov.explain("bowl", ov.SGD(lr=0.5, ema=0.9), steps=5)


# -- outside references -------------------------------------------------------------------------


@pytest.mark.peers
def test_averages_are_pytorchs() -> None:
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    x = np.random.default_rng(0).normal(size=(40, 3))
    for text, make, first in (
        ("ema=0.9", {"multi_avg_fn": get_ema_multi_avg_fn(0.9)}, 1), ("swa=8", {}, 8)
    ):  # fmt: skip
        model = torch.nn.Linear(3, 1, dtype=torch.float64)
        params = {k: p.detach().numpy().copy() for k, p in model.named_parameters()}
        theirs, averaged = torch.optim.SGD(model.parameters(), lr=0.1), AveragedModel(model, **make)
        ours = ov.parse_optimizer(f"sgd:lr=0.1,{text}")
        for t in range(1, 21):
            theirs.zero_grad()
            (model(torch.tensor(x)) ** 2).mean().backward()
            grads = {k: p.grad.numpy().copy() for k, p in model.named_parameters()}
            theirs.step()
            ours.update(params, grads)
            if t >= first:
                averaged.update_parameters(model)
        found = ours.evaluation(params)
        for key, value in averaged.module.named_parameters():
            np.testing.assert_allclose(found[key], value.detach().numpy(), rtol=1e-12)


@pytest.mark.peers
def test_clipping_and_lookahead_are_optaxs() -> None:
    import jax
    import jax.numpy as jnp
    import optax

    rng = np.random.default_rng(3)
    start = {"a": rng.normal(size=(4, 5)), "b": rng.normal(size=5)}
    grads = [{key: rng.normal(size=x.shape) for key, x in start.items()} for _ in range(30)]
    with jax.enable_x64(True):
        makes = (
            optax.chain(optax.clip_by_global_norm(0.7), optax.adam(0.03)),
            optax.lookahead(optax.adam(0.03), sync_period=4, slow_step_size=0.3),
        )
        texts = "clip_norm=0.7", "lookahead=4,slow_step=0.3"
        for make, text in zip(makes, texts, strict=True):
            params = {key: x.copy() for key, x in start.items()}
            ours = ov.parse_optimizer(f"adam:lr=0.03,convention=optax,{text}")
            place = {key: jnp.asarray(x) for key, x in start.items()}
            is_two = "lookahead" in text
            place = optax.LookaheadParams.init_synced(place) if is_two else place
            state = make.init(place)
            for g in grads:
                given_ = {key: jnp.asarray(x) for key, x in g.items()}
                updates, state = make.update(given_, state, place)
                place = optax.apply_updates(place, updates)
                ours.update(params, g)
            for key, value in (place.fast if is_two else place).items():
                np.testing.assert_allclose(params[key], value, rtol=1e-10, atol=1e-13)


@pytest.mark.peers
@pytest.mark.parametrize("text", ["torch:Adam:lr=0.1", "optax:adam:learning_rate=0.1"])
def test_around_optimizers_of_others(text: str) -> None:
    around = "clip_norm=0.7,lookahead=3,slow_step=0.4,ema=0.8"
    found = ov.minimize("beale", ov.parse_optimizer(f"{text},{around}"), steps=40)
    wanted = ov.minimize("beale", ov.parse_optimizer(f"adam:convention=torch,lr=0.1,{around}"),
                         steps=40)  # fmt: skip
    np.testing.assert_allclose(found.points, wanted.points, rtol=1e-9)
    assert found.optimizer.spec() == f"{text},{around}"
    rng = np.random.default_rng(0)
    shapes = {"W": (3, 2), "b": (2,)}
    params = [{key: np.ones(shape) for key, shape in shapes.items()} for _ in range(2)]
    pair = found.optimizer.fresh(), wanted.optimizer.fresh()
    for _ in range(12):
        grads = {key: rng.normal(size=shape) for key, shape in shapes.items()}
        for optimizer, p in zip(pair, params, strict=True):
            optimizer.update(p, grads)
    ends = [o.evaluation(p) for o, p in zip(pair, params, strict=True)]
    for key in shapes:
        np.testing.assert_allclose(params[0][key], params[1][key], rtol=1e-9)
        np.testing.assert_allclose(ends[0][key], ends[1][key], rtol=1e-9)


@pytest.mark.peers
def test_a_module_is_evaluated_with_the_average() -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1, dtype=torch.float64)
    x, points = torch.randn(20, 3, dtype=torch.float64), []
    optimizer = ov.adapters.as_torch(model.parameters(), "sgd:lr=0.1,swa=1,clip_norm=0.3")
    for _ in range(8):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()
        points.append(model.weight.detach().numpy().copy())
    optimizer.eval()
    np.testing.assert_allclose(model.weight.detach().numpy(), np.mean(points, axis=0), rtol=1e-12)
    with pytest.raises(ValueError, match=r"call train\(\) to go on"):
        optimizer.step()
    optimizer.train()
    np.testing.assert_array_equal(model.weight.detach().numpy(), points[-1])


@pytest.mark.parametrize("around", [{"lookahead": 5}, {"ema": 0.9}, {"swa": 2}])
def test_an_array_that_comes_late_has_steps_of_its_own(around: Any) -> None:
    """As ours, an optimizer in Python: what stands around it counts the array's own steps."""

    def step(params: Any, grads: Any) -> None:
        for key in params:
            params[key] -= 0.1 * grads[key]

    found = []
    for optimizer in (ov.adapters.callable(step).fresh(**around), ov.SGD(lr=0.1, **around)):
        params = {"a": np.full(1, 10.0)}
        for k in range(10):
            if k == 4:
                params["b"] = np.full(1, 10.0)
            optimizer.update(params, {key: np.ones(1) for key in params})
        found.append([*params.values(), *optimizer.evaluation(params).values()])
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_what_stands_around_can_be_swept() -> None:
    swept = ov.sweep("bowl", "adam:lr=0.1", over={"ema": [0.1, 0.5]}, steps=30, tol=0)
    for k, share in enumerate((0.1, 0.5)):
        t = ov.minimize("bowl", ov.Adam(lr=0.1, ema=share), steps=30)
        np.testing.assert_allclose(swept.final[k, 0], t.points[-1], rtol=1e-12)
    with pytest.raises(ValueError, match="slow_step goes with lookahead="):
        ov.sweep("bowl", "adam", over={"slow_step": [0.1, 0.5]})


def test_other_libraries_are_checked_as_ours_and_nothing_is_half_done() -> None:
    def step(params: Any, grads: Any) -> None:
        params["x"] -= grads["x"]

    optimizer = ov.adapters.callable(step)
    params = {"a": np.ones(2), "b": np.ones(2)}
    for grads, said in (
        ({"a": np.ones(2), "b": np.ones(3)}, r"grads\['b'\] has shape \(3,\)"),
        ({"a": np.ones(2), "b": None}, r"grads\['b'\] is None: leave"),
        ({"a": np.ones(2), "b": np.ones(2) * 1j}, r"grads\['b'\] must be of real numbers"),
        ({"a": np.ones(2)}, "'?b'? is in one of them only"),
    ):
        with pytest.raises(ValueError, match=said):
            optimizer.update(params, grads)
        np.testing.assert_array_equal(params["a"], 1)
    with pytest.raises(ValueError, match="must be a dict of arrays"):
        optimizer.update([1], [1])
    with pytest.raises(ValueError, match="must be a float32 or float64 array, not float16"):
        optimizer.update({"a": np.ones(1, np.float16)}, {"a": np.ones(1)})
    with pytest.raises(ValueError, match="undecayed has 'zz'"):
        optimizer.update(params, {"a": np.ones(2), "b": np.ones(2)}, undecayed=["zz"])
