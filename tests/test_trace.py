"""Traces of anybody's training loops: what is kept is what was, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

import optviz as ov


def descended(steps: int, **how: Any) -> tuple[Any, list[np.ndarray]]:
    """A trace of plain descent in two arrays, and all that it could have kept."""
    params = {"w": np.array([[3.0, -2.0], [0.5, 1.0]]), "b": np.array([4.0])}
    every = [np.concatenate([v.ravel() for v in params.values()])]
    with ov.trace(params, **how) as t:
        for k in range(steps):
            for array in params.values():
                array[:] = array * (0.9 + 0.001 * (k % 7))
            every.append(np.concatenate([v.ravel() for v in params.values()]))
            t.step(loss=k + 1, rate=0.1 / (k + 1))
    return t, every


@given(st.integers(0, 400), st.integers(3, 40))
@settings(deadline=None, max_examples=60)
def test_what_is_kept_is_what_was_there(steps: int, most: int) -> None:
    t, every = descended(steps, keep="all", most=most)
    assert len(t.steps) <= most
    assert t.steps[0] == 0
    assert t.steps[-1] == steps
    apart = np.diff(t.steps)
    if len(apart) > 1:
        assert (apart[:-1] == apart[0]).all(), "evenly spaced"
        assert apart[-1] <= 2 * apart[0]
    assert len(t.steps) == steps + 1 or len(t.steps) >= most // 2
    np.testing.assert_array_equal(t.points, np.array(every, np.float32)[t.steps])
    np.testing.assert_array_equal(t.loss[1:], t.steps[1:], "that of the step")
    np.testing.assert_allclose(t.rate[1:], 0.1 / t.steps[1:])
    assert np.isnan(t.loss[0])
    np.testing.assert_allclose(t.moved, np.linalg.norm(t.points - t.points[0], axis=1), rtol=1e-5)


def test_some_parameters_by_name() -> None:
    t, every = descended(5, keep=["b"])
    assert t.points.shape == (6, 1)
    np.testing.assert_allclose(t.points[:, 0], [row[4] for row in every], rtol=1e-6)
    assert t.kept == "b"


def test_a_projection_keeps_distances() -> None:
    rng = np.random.default_rng(0)
    places = np.cumsum(rng.normal(size=(40, 30_000)), axis=0).astype(np.float32)
    params = {"w": places[0].copy()}
    with ov.trace(params) as t:
        for place in places[1:]:
            params["w"][:] = place
            t.step()
    true = np.linalg.norm(places - places[0], axis=1)
    np.testing.assert_allclose(t.moved[1:], true[1:], rtol=0.2)
    assert abs(np.log(t.moved[1:] / true[1:]).mean()) < 0.05


def test_each_parameter_goes_to_one_place_with_a_sign() -> None:
    params = {"w": np.zeros(7), "b": np.zeros(7)}
    with ov.trace(params, dimensions=5) as t:
        for array in params.values():
            for k in range(7):
                params["w"][:] = params["b"][:] = 0
                array[k] = 1
                t.step()
    assert (np.abs(t.points[1:]).sum(axis=1) == 1).all()
    assert np.abs(t.points[1:]).argmax(axis=1).tolist() == 2 * [0, 1, 2, 3, 4, 0, 1]
    assert set(t.points[1:].sum(axis=1)) == {-1, 1}


def test_the_plane_is_that_of_the_singular_vectors() -> None:
    t, _ = descended(60, keep="all")
    flat, shares = t.plane()
    centred = t.points.astype(float) - t.points.astype(float).mean(axis=0)
    values = np.linalg.eigvalsh(np.cov(centred.T))[::-1]
    np.testing.assert_allclose(shares, values[:2] / values.sum(), atol=1e-9)
    np.testing.assert_allclose(flat[-1], 0, atol=1e-12)
    variance = np.var(flat, axis=0).sum() / centred.var(axis=0).sum()
    assert variance == pytest.approx(shares.sum(), abs=1e-6)


def test_its_picture_says_what_it_holds() -> None:
    t, _ = descended(60, keep="all")
    figure = ov.plot(t)
    axes = {a.get_label(): a for a in figure.axes}
    assert list(axes) == ["plane", "loss", "rate"]
    _, shares = t.plane()
    assert axes["plane"].get_xlabel() == f"PC 1 ({100 * shares[0]:.3g} %)"
    (line,) = axes["loss"].lines
    np.testing.assert_array_equal(line.get_xdata(), t.steps)
    np.testing.assert_array_equal(line.get_ydata(), t.loss)
    ends = [line.get_xydata()[0] for line in axes["plane"].lines]
    np.testing.assert_allclose(ends, t.plane()[0][[0, -1]])
    without, _ = descended(3)
    assert len(ov.plot(without.found).axes) == 3
    assert len(t.to_dict()["step"]) == 61


@pytest.mark.parametrize(
    ("what", "how", "said"),
    [
        (3, {}, "not 3"),
        ({}, {}, "dict has no parameters: there is nothing to see"),
        ([np.zeros(3)], {}, "trace takes a PyTorch module"),
        ({"w": np.zeros(3)}, {"keep": "v"}, "no parameter is called 'v'"),
        ({"w": np.zeros(3)}, {"most": 2}, "most must be a whole number from 3"),
        ({"w": np.zeros(10**6)}, {"keep": "all"}, r"take 4.0 GB: keep their projection"),
    ],
)
def test_slips_have_a_line(what: Any, how: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ov.trace(what, **how)


def test_within_the_loop_there_is_no_trace_yet() -> None:
    params = {"w": np.zeros(2)}
    with ov.trace(params) as t, pytest.raises(ValueError, match="when its `with` block has ended"):
        _ = t.points
    with pytest.raises(ValueError, match="no step"):
        ov.plot(t)


@pytest.mark.peers
@pytest.mark.parametrize("first", [True, False])
def test_pytorchs_steps_are_seen_by_themselves(first: bool) -> None:
    import torch

    torch.manual_seed(0)
    model, other = torch.nn.Linear(4, 3), torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    theirs = torch.optim.SGD(other.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4)
    every, losses = [torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()], []
    with ov.trace(model, keep="all") as t:
        for _ in range(10):
            optimizer.zero_grad()
            loss = (model(torch.ones(5, 4)) ** 2).mean()
            loss.backward()
            losses.append(float(loss.detach()))
            if first:
                t.tell(loss.detach())
            optimizer.step()
            if not first:
                t.tell(loss.detach())
            scheduler.step()
            theirs.step()  # of others nothing is kept
            vector = torch.nn.utils.parameters_to_vector(model.parameters())
            every.append(vector.detach().numpy())
    optimizer.step()  # nor afterwards
    assert t.steps.tolist() == list(range(11))
    np.testing.assert_array_equal(t.points, every)
    np.testing.assert_allclose(t.loss[1:], losses)
    np.testing.assert_allclose(t.rate[1:], [0.1] * 4 + [0.01] * 4 + [0.001] * 2)


@pytest.mark.peers
def test_of_a_keras_model_and_of_a_network_of_ours() -> None:
    from optviz.adapters.from_keras import keras_here

    keras = keras_here()
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    with ov.trace(model, keep="all") as t:
        for v in model.trainable_variables:
            v.assign(v * 0 + 1)
        t.step()
    assert t.points.shape == (2, 8)
    assert (t.points[1] == 1).all()
    net = ov.nn.MLP((2, 3, 2), rng=0)
    with ov.trace(net, keep="all") as t:
        net.fit(np.ones((4, 2)), [0, 1, 0, 1], "sgd:lr=0.1", epochs=3, rng=0,
                callbacks=[lambda net, history: t.step(history.loss[-1])])  # fmt: skip
    np.testing.assert_array_equal(t.points[-1], net.parameters)
    assert len(t.loss) == 4


def test_what_diverged_is_drawn_as_far_as_it_went() -> None:
    params = {"w": np.array([1.0, -2.0])}
    with ov.trace(params, keep="all") as t, np.errstate(over="ignore"):
        for k in range(12):
            params["w"] *= 1e6 if k > 4 else 0.9
            t.step()
    assert t.finite < 13
    assert np.isnan(t.plane()[0][-1]).all()
    figure = ov.plot(t)
    told = " ".join(text.get_text() for text in figure.texts)
    assert f"no numbers at step {t.steps[t.finite]}" in told
    with pytest.raises(ValueError, match="one `with` block"), t:
        pass
    with pytest.raises(ValueError, match="keep is empty"):
        ov.trace(params, keep=[])


@pytest.mark.peers
def test_of_several_groups_and_optimizers_each_step_counts_once() -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    first, last = (torch.optim.SGD([{"params": torch.nn.Linear(1, 1).parameters()},
                                    {"params": part.parameters(), "lr": lr}], lr=0.5)
                   for part, lr in zip(model, (0.1, 0.2), strict=True))  # fmt: skip
    with ov.trace(model, keep="all") as t:
        for _ in range(4):
            loss = model(torch.ones(2, 3)).sum()
            loss.backward()
            first.step()
            last.step()
            t.tell(loss)
        with pytest.raises(ValueError, match="seen by themselves"):
            t.step()
    assert t.steps.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(t.rate[1:], 0.1)
    assert not np.isnan(t.loss[1:]).any()
    with ov.trace(model, keep="all") as t:
        model.double()
        loss = model(torch.ones(2, 3, dtype=torch.float64)).sum()
        torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert t.points.dtype == np.float32


# -- the landscape ------------------------------------------------------------------------------


def test_the_landscape_of_a_trace_is_the_loss_on_its_plane() -> None:
    scale = np.array([1.0, 4.0, 0.5, 9.0])
    params = {"a": np.array([2.0, -1.0]), "b": np.array([[3.0], [1.0]])}

    def loss() -> float:
        return float(scale @ np.concatenate([params["a"], params["b"].ravel()]) ** 2)

    def slopes() -> dict[str, np.ndarray]:
        g = 2 * scale * np.concatenate([params["a"], params["b"].ravel()])
        return {"a": g[:2], "b": g[2:, None]}

    optimizer = ov.Adam(lr=0.1)
    with ov.trace(params, keep="all") as t:
        for _ in range(40):
            optimizer.update(params, slopes())
            t.step(loss())
    ends = {key: x.copy() for key, x in params.items()}
    told: list[tuple[int, int]] = []
    land = ov.landscape(t, loss, size=(9, 7), progress=lambda k, n: told.append((k, n)))
    assert land.loss.shape == (7, 9)
    assert told[-1] == (7, 7)
    for key, x in ends.items():
        np.testing.assert_array_equal(params[key], x)
    # Every point of the grid, from the components of NumPy's own decomposition.
    points = t.points.astype(float)
    off = points - points.mean(axis=0)
    _, _, ways = np.linalg.svd(off, full_matrices=False)
    ways *= -np.sign(ways @ off[0])[:, None]
    for v, row in zip(land.b, land.loss, strict=True):
        for u, found in zip(land.a, row, strict=True):
            place = points[-1] + u * ways[0]
            place = place + v * ways[1]
            assert found == pytest.approx(scale @ place**2, rel=1e-9)
    np.testing.assert_allclose(land.path_losses[0], (points**2) @ scale, rtol=1e-9)
    np.testing.assert_array_equal(land.steps[0], np.arange(41))
    off = points - points[-1]
    beside = off - off @ ways[:2].T @ ways[:2]
    np.testing.assert_allclose(land.residual, np.linalg.norm(beside, axis=1), atol=1e-9)
    figure = ov.plot(land)
    told_ = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "4 traced parameters" in told_
    assert "loss: the function that was given" in told_


def test_a_landscape_that_fails_leaves_the_parameters() -> None:
    params = {"w": np.array([1.0, 2.0, 3.0])}
    with ov.trace(params, keep="all") as t:
        for _ in range(5):
            params["w"] *= [0.9, 0.8, 0.7]
            t.step()
    before = params["w"].copy()
    calls = iter(range(12))

    def loss() -> float:
        return 1.0 / (11 - next(calls))

    with pytest.raises(ZeroDivisionError):
        ov.landscape(t, loss, size=(5, 5))
    np.testing.assert_array_equal(params["w"], before)


def test_what_has_no_landscape_has_a_line() -> None:
    params = {"w": np.array([1.0, 2.0, 3.0])}
    with ov.trace(params) as t:
        for _ in range(5):
            params["w"] *= 0.9
            t.step()
    with pytest.raises(ValueError, match='needs all parameters: trace\\(…, keep="all"\\)'):
        ov.landscape(t, lambda: 0.0)
    with ov.trace(params, keep="all") as t:
        for _ in range(5):
            t.step()
    with pytest.raises(ValueError, match="went nowhere"):
        ov.landscape(t, lambda: 0.0)
    with pytest.raises(ValueError, match="loss must be a function without arguments"):
        ov.landscape(t, 3.0)
    for extra, label in (({"y": [1.0]}, "y"), ({"directions": "line"}, "directions"),
                           ({"reach": 2.0}, "reach"), ({"rng": 1}, "rng")):  # fmt: skip
        with pytest.raises(ValueError, match=f"takes its loss, size and progress, not {label}:"):
            ov.landscape(t, lambda: 0.0, **extra)


@pytest.mark.peers
def test_the_landscape_of_a_module_and_of_a_keras_model() -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1, dtype=torch.float64)
    x = torch.randn(30, 3, dtype=torch.float64)

    def loss() -> Any:
        return ((model(x) - 1) ** 2).mean()

    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    with ov.trace(model, keep="all") as t:
        for _ in range(20):
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
            t.tell(value)
    before = [p.detach().clone() for p in model.parameters()]
    land = ov.landscape(t, loss, size=(5, 5))
    for p, kept in zip(model.parameters(), before, strict=True):
        assert torch.equal(p, kept)
    # The point itself, not its place on the plane; what was told is of the step before.
    np.testing.assert_allclose(land.path_losses[0][:-1], t.loss[1:], rtol=1e-5)
    from optviz.adapters.from_keras import keras_here, values_of

    keras = keras_here()
    net = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    with ov.trace(net, keep="all") as t:
        for k in range(4):
            for v in net.trainable_variables:
                v.assign(v * 0.5 + 0.1 * k)
            t.step()
    numbers = values_of(net.trainable_variables)
    land = ov.landscape(
        t, lambda: sum(float(np.sum(w**2)) for w in values_of(net.trainable_variables)), size=(4, 4)
    )
    for w, kept in zip(values_of(net.trainable_variables), numbers, strict=True):
        np.testing.assert_array_equal(w, kept)
    np.testing.assert_allclose(land.path_losses[0], np.square(t.points).sum(axis=1), rtol=1e-5)


def test_the_last_point_is_what_the_block_ends_with() -> None:
    params = {"w": np.zeros(1)}
    for steps in (6, 7):  # a step that is kept, and one that is not
        params["w"][:] = 0
        with ov.trace(params, keep="all", most=5) as t:
            for _ in range(steps):
                params["w"] -= 1
                t.step()
            params["w"] -= 0.5
        assert t.points[-1, 0] == -steps - 0.5
        assert t.steps[-1] == steps


def test_slips_around_a_trace_have_a_line() -> None:
    params = {"w": np.zeros(3)}
    t = ov.trace(params, keep=["w", "w"])
    assert "0 steps so far" in repr(t)
    with pytest.raises(ValueError, match="within the `with` block"):
        t.step()
    with t:
        for wrong in ("x", None, np.zeros(2)):
            with pytest.raises(ValueError, match="loss must be one number"):
                t.step(loss=wrong) if wrong is not None else t.tell(wrong)
    assert t.points.shape[1] == 3  # w once
    with ov.trace(params, keep="all") as other:
        params["v"] = np.zeros(2)
        with pytest.raises(ValueError, match="were 3 numbers in 1 arrays and are 5 in 2"):
            other.step()
        del params["v"]
    assert "<table" in t._repr_html_()
    with pytest.raises(ValueError, match="within the `with` block"):
        t.tell(1.0)
    with pytest.raises(ValueError, match="keep must be projection, all, or names"):
        ov.trace(params, keep=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="curve is for paths"):
        ov.plot(t, curve="step")
    with pytest.raises(ValueError, match="the landscape of a trace needs the parameters"):
        ov.landscape(t.found, lambda: 0.0)
    with pytest.raises(ValueError, match="landscape takes a network of optviz"):
        ov.landscape(3, lambda: 0.0)  # type: ignore[arg-type]


def test_a_landscape_wants_one_number() -> None:
    params = {"w": np.ones(2)}
    with ov.trace(params, keep="all") as t:
        for _ in range(4):
            params["w"] *= np.array([0.5, 0.8])
            t.step()
    for wrong in ("a", None, np.zeros(2)):
        with pytest.raises(ValueError, match=r"loss\(\) must be one number"):
            ov.landscape(t, lambda wrong=wrong: wrong)
    np.testing.assert_allclose(params["w"], [0.5**4, 0.8**4])
