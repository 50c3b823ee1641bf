"""Loss landscapes: against the network itself, NumPy's SVD, plain differences and PyTorch."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import PathPatch
from scipy import sparse

import optviz as ov
from optviz.compiled import threads
from optviz.landscapes import analytic, curvature, grid
from optviz.landscapes.curvature import (
    evaluation_gradient,
    hessian_product,
    largest_curvatures,
)
from optviz.landscapes.directions import filter_normalised, principal_plane, random_plane
from optviz.landscapes.twin import twin
from optviz.landscapes.words import finding
from optviz.nn import Activation, BatchNorm, Dense, Dropout, Network
from optviz.nn.activations import ACTIVATIONS
from optviz.nn.losses import SoftmaxCrossEntropy
from tests.pictures import clashes, words_of
from tests.processes import interruptible


def task(batch_norm: bool = False, dropout: float = 0.0, **settings: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = ov.nn.MLP((3, 7, 5, 2), batch_norm=batch_norm, dropout=dropout, rng=1,
                    **{"activation": "tanh", **settings})  # fmt: skip
    return net, x, y


def trained(**settings: Any) -> tuple[Any, Any, Any, Any]:
    net, x, y = task(**settings)
    history = net.fit(x, y, ov.Adam(lr=0.02), epochs=6, batch_size=20, record=("parameters",),
                      rng=0, hints=False)  # fmt: skip
    return net, x, y, history


def clone(net: Any) -> Any:
    made = Network.from_spec(net.spec())
    made.restore({name: array.copy() for name, array in net.state().items()})
    return made


def by_hand(net: Any, x: Any, y: Any, vector: np.ndarray) -> float:
    """The loss of another network whose parameters are set."""
    other = twin(net)
    other.parameters[...] = vector
    return other.loss(x, y)


CELLS = ((0, 0), (4, 6), (2, 3), (1, 5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_norm", [False, True, "after", "logits"])
@pytest.mark.parametrize("directions", ["random", "pca"])
def test_each_cell_is_the_loss_of_a_network_with_those_parameters(
    batch_norm: Any, directions: str, dtype: str
) -> None:
    net, x, y, history = trained(batch_norm=batch_norm, dropout=0.2, l2=0.1, dtype=dtype)
    before = {name: array.copy() for name, array in net.state().items()}
    land = ov.landscape(net, x, y, directions=directions, path=history, size=(7, 5), rng=3)
    for name, array in net.state().items():
        np.testing.assert_array_equal(array, before[name])
    plane = (random_plane(net, np.random.default_rng(3)) if directions == "random" else
             principal_plane(history.records["parameters"], net.parameters))  # fmt: skip
    for row, column in CELLS:
        vector = plane.origin + land.a[column] * plane.u + land.b[row] * plane.v
        exact = 1e-11 if dtype == "float64" else 3e-6
        assert land.loss[row, column] == pytest.approx(by_hand(net, x, y, vector), rel=exact)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_and_loss(activation: str) -> None:
    rng = np.random.default_rng(5)
    x, names = rng.normal(size=(40, 4)), list(ACTIVATIONS)
    loss = ("softmax", "binary", "mse")[names.index(activation) % 3]
    y = {"softmax": np.eye(3)[rng.integers(0, 3, 40)], "binary": rng.integers(0, 2, (40, 3)),
         "mse": rng.normal(size=(40, 3))}[loss]  # fmt: skip
    net = ov.nn.MLP((4, 6, 5, 3), activation=activation, loss=loss, dtype="float64", rng=2)
    land = ov.landscape(net, sparse.csr_matrix(x), y, size=(7, 5), rng=3)
    plane = random_plane(net, np.random.default_rng(3))
    for row, column in CELLS:
        vector = plane.origin + land.a[column] * plane.u + land.b[row] * plane.v
        assert land.loss[row, column] == pytest.approx(by_hand(net, x, y, vector), rel=1e-11)


def test_a_network_of_one_layer() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    net = ov.nn.MLP((4, 3), dtype="float64", rng=0)
    land = ov.landscape(net, x, y, size=(5, 3))
    assert land.loss[1, 2] == pytest.approx(net.loss(x, y), rel=1e-12)
    assert land.sizes == (4, 3)


@pytest.mark.parametrize("recompute", [False, True])
def test_chunks_of_samples_change_nothing(recompute: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, y, _ = trained(batch_norm=True, dtype="float64")
    whole = ov.landscape(net, x, y, size=(5, 4), recompute=recompute)
    monkeypatch.setattr(grid, "CHUNK", 1)
    monkeypatch.setattr(grid, "LEAST", 7)
    parts = ov.landscape(net, x, y, size=(5, 4), recompute=recompute)
    np.testing.assert_allclose(parts.loss, whole.loss, rtol=1e-12)


def test_batch_normalisation_can_be_recomputed_at_each_point() -> None:
    net, x, y, _ = trained(batch_norm=True)
    land = ov.landscape(net, x, y, size=(3, 3), recompute=True)
    frozen = ov.landscape(net, x, y, size=(3, 3))
    # At the centre: the whole data as one batch of training.
    scores = clone(net).activations(x, training=True)["3 dense"]
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    wanted = -log_p[np.arange(len(y)), y].mean()
    assert land.loss[1, 1] == pytest.approx(wanted, rel=1e-5)
    assert frozen.loss[1, 1] == pytest.approx(net.loss(x, y), rel=1e-6)
    assert abs(land.loss - frozen.loss).max() > 1e-3


def test_directions_have_the_norms_of_filters() -> None:
    net, *_ = task(batch_norm=True)
    direction = filter_normalised(net, np.random.default_rng(0))
    own, moved = net.views(), net.views(direction)
    for name, part in moved.items():
        if name.endswith("/W"):
            np.testing.assert_allclose(np.linalg.norm(part, axis=0),
                                       np.linalg.norm(own[name], axis=0), rtol=1e-6)  # fmt: skip
        else:
            assert not part.any(), f"{name} has no filter"


def test_the_plane_of_a_path_is_that_of_its_singular_vectors() -> None:
    net, x, y, history = trained()
    points = history.records["parameters"].astype(float)
    land = ov.landscape(net, x, y, directions="pca", path=history, size=(3, 3))
    _, sizes, ways = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(land.explained, sizes[:2] ** 2 / np.sum(sizes**2), rtol=1e-6)
    # The plane lies through the network, where the path ends.
    off = points - net.parameters
    places = off @ ways[:2].T
    np.testing.assert_allclose(np.abs(land.path), np.abs(places), atol=1e-5)
    residual = np.linalg.norm(off - places @ ways[:2], axis=1)
    np.testing.assert_allclose(land.residual, residual, atol=1e-5)
    assert land.residual[-1] < 1e-6
    np.testing.assert_allclose(land.path_losses[0][-1], net.loss(x, y), rtol=1e-6)
    assert land.unit == pytest.approx(1)
    assert [f"PC {k}, {100 * v:.3g} % of the variance"
            for k, v in enumerate(land.explained, 1)] == list(land.axes)  # fmt: skip
    # Both coordinates and the distance make up the whole distance from the network.
    whole = np.hypot(np.linalg.norm(land.path, axis=1), land.residual)
    np.testing.assert_allclose(whole, np.linalg.norm(off, axis=1), atol=1e-5)


def test_of_several_paths_the_plane_lies_through_their_mean() -> None:
    net, x, y, history = trained()
    first = history.records["parameters"].astype(float)
    second = first[::-1] + np.linspace(0, 1, len(first))[:, None] ** 2
    land = ov.landscape(net, x, y, directions="pca", path={"a": first, "b": second}, size=(3, 3))
    assert land.labels == ("a", "b")
    np.testing.assert_allclose(np.vstack(land.paths).mean(axis=0), 0, atol=1e-9)
    both = np.vstack([first, second])
    off = both - both.mean(axis=0)
    _, _, ways = np.linalg.svd(off, full_matrices=False)
    lost = np.linalg.norm(off - off @ ways[:2].T @ ways[:2], axis=1)
    np.testing.assert_allclose(np.concatenate(land.residuals), lost, atol=1e-6)
    # What is not explained is what lies off the plane.
    rest = np.sum(np.concatenate(land.residuals) ** 2) / np.sum(off**2)
    assert land.explained.sum() == pytest.approx(1 - rest, abs=1e-9)


def test_random_directions_show_hardly_anything_of_a_path() -> None:
    net, x, y, history = trained()
    land = ov.landscape(net, x, y, path=history, size=(3, 3), rng=3)
    points = history.records["parameters"].astype(float)
    plane = random_plane(net, np.random.default_rng(3))
    q, _ = np.linalg.qr(np.column_stack([plane.u, plane.v]))
    off = points - points.mean(axis=0)
    np.testing.assert_allclose(land.explained, np.sum((off @ q) ** 2, axis=0) / np.sum(off**2))
    assert land.explained.sum() < 0.5
    assert "% of the variance" in land.axes[0]
    assert land.unit == pytest.approx(np.linalg.norm(plane.v))
    away = points - net.parameters
    residual = np.linalg.norm(away - away @ q @ q.T, axis=1)
    np.testing.assert_allclose(land.residual, residual, atol=1e-6)


def test_a_straight_path_has_one_component() -> None:
    net, x, y = task()
    steps = np.arange(5.0)[:, None] * np.linspace(-1, 1, net.parameters.size)
    land = ov.landscape(net, x, y, directions="pca", path=net.parameters + steps, size=(3, 3))
    np.testing.assert_allclose(land.explained, [1, 0], atol=1e-9)
    np.testing.assert_allclose(land.residual, 0, atol=1e-5)
    assert np.isfinite(land.loss).all()


@pytest.mark.parametrize("size", [(5, 3), (51, 2), (8, 4)])
def test_a_line_ends_at_both_networks(size: tuple[int, int]) -> None:
    net, x, y, _ = trained(dtype="float64")
    other, *_ = task(dtype="float64", init="xavier")
    land = ov.landscape(net, x, y, directions="line", to=other, size=size, path=None)
    (first,), (last,) = (np.flatnonzero(land.a == end) for end in (0, 1))
    assert np.ptp(np.diff(land.a)) < 1e-12
    assert land.profile[first] == pytest.approx(net.loss(x, y), rel=1e-12)
    assert land.profile[last] == pytest.approx(other.loss(x, y), rel=1e-10)
    middle = (first + last) // 2
    between = (1 - land.a[middle]) * net.parameters + land.a[middle] * other.parameters
    assert land.profile[middle] == pytest.approx(by_hand(net, x, y, between), rel=1e-10)
    if size[1] % 2:
        np.testing.assert_allclose(land.loss[size[1] // 2], land.profile, rtol=1e-10)
    assert land.unit == pytest.approx(np.linalg.norm(net.parameters - other.parameters))
    assert np.isnan(land.explained).all()


def test_a_path_that_is_lost_lays_no_plane() -> None:
    net, x, y, history = trained()
    rows = history.records["parameters"].astype(float)
    far = rows + np.linspace(0, 1e6, len(rows))[:, None] * np.random.default_rng(0).normal(
        size=rows.shape[1])  # fmt: skip
    gone = rows.copy()
    gone[3:] = np.nan
    land = ov.landscape(net, x, y, directions="pca", path={"a": rows, "far": far, "gone": gone},
                        size=(3, 3), curvature=True)  # fmt: skip
    assert land.lost == (False, True, True)
    assert [len(path) for path in land.paths] == [18, 18, 3]
    assert np.abs(land.a).max() < 100
    assert np.isfinite(land.curvature[:, 0]).tolist() == [True, False, False]
    alone = ov.landscape(net, x, y, directions="pca", path=far, size=(3, 3))
    assert alone.lost == (True,)
    assert np.isfinite(alone.a).all()


def test_the_same_bits_on_one_thread_and_on_three(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, y, _ = trained()
    found = []
    for count in ("1", "3"):
        monkeypatch.setenv("OPTVIZ_THREADS", count)
        threads.thread_pool.cache_clear()
        found.append(ov.landscape(net, x, y, size=(9, 8)).loss)
    threads.thread_pool.cache_clear()
    np.testing.assert_array_equal(*found)


def test_an_interrupt_leaves_what_is_done_around_the_middle() -> None:
    net, x, y, _ = trained()

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    land = ov.landscape(net, x, y, size=(5, 400), progress=stop)
    assert np.isfinite(land.loss[199:201]).all()
    assert 0 < land.share_done < 1
    done = np.flatnonzero(np.isfinite(land.loss).all(axis=1))
    assert len(done) == np.ptp(done) + 1, "rows that lie side by side"
    assert land.share_done == len(done) / 400
    whole = ov.landscape(net, x, y, size=(5, 400)).loss
    np.testing.assert_array_equal(land.loss[done], whole[done])


# -- curvature ----------------------------------------------------------------------------------


def second_difference(net: Any, x: Any, y: Any, v: np.ndarray, loss: Any) -> float:
    """vᵀ H v from losses alone, which know no gradient."""
    step, at = 1e-4, net.parameters.copy()
    ahead, here, behind = (loss(at + k * step * v) for k in (1, 0, -1))
    net.parameters[...] = at
    return float((ahead - 2 * here + behind) / step**2)


@pytest.mark.parametrize("batch_norm", [False, True, "after"])
@pytest.mark.parametrize("recompute", [False, True])
def test_products_with_the_hessian_are_those_of_losses(batch_norm: Any, recompute: bool) -> None:
    net, x, y, _ = trained(batch_norm=batch_norm, dropout=0.3, dtype="float64")
    product = hessian_product(net, x, y, recompute=recompute)

    def loss(vector: np.ndarray) -> float:
        return float(grid.losses_at(net, x, y, vector[None], recompute=recompute)[0])

    rng = np.random.default_rng(0)
    for _ in range(3):
        v = rng.normal(size=net.parameters.size)
        assert v @ product(v) == pytest.approx(second_difference(net, x, y, v, loss), rel=1e-4)
    whole = np.column_stack([product(row) for row in np.eye(v.size)])
    np.testing.assert_allclose(whole, whole.T, atol=1e-12 * np.abs(whole).max())
    found = largest_curvatures(net, x, y, 3, recompute=recompute)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(whole)[:-4:-1], rtol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_complex_step_is_that_of_differences_of_gradients(activation: str) -> None:
    """The layers' own gradients know nothing of complex numbers."""
    rng = np.random.default_rng(5)
    x, loss = rng.normal(size=(40, 4)), ("softmax", "binary", "mse")[len(activation) % 3]
    y = {"softmax": rng.integers(0, 3, 40), "binary": rng.integers(0, 2, (40, 3)),
         "mse": rng.normal(size=(40, 3))}[loss]  # fmt: skip
    net = ov.nn.MLP((4, 6, 5, 3), activation=activation, batch_norm=True, loss=loss,
                    dtype="float64", rng=2)  # fmt: skip
    net.parameters += rng.normal(scale=0.2, size=net.parameters.size)  # away from kinks at 0
    here = analytic.Gradient(net, x, y)(net.parameters.copy())
    np.testing.assert_allclose(here, evaluation_gradient(twin(net), x, y), atol=1e-13)
    v = rng.normal(size=net.parameters.size)
    exact = hessian_product(net, x, y)(v)
    np.testing.assert_allclose(exact, curvature._differences(twin(net), x, y)(v), rtol=1e-4,
                               atol=1e-7 * np.abs(exact).max())  # fmt: skip


def test_outputs_that_saturate_have_a_curvature() -> None:
    """exp overflows far out: the product is 0 there, and no nan."""
    x, y = np.full((4, 1), 3000.0), np.array([0, 1, 0, 1])
    for activation in ("sigmoid", "silu", "elu", "softplus", "gelu", "tanh"):
        net = ov.nn.MLP((1, 2, 2), activation=activation, dtype="float64", rng=0)
        for sign in (-1, 1):
            product = hessian_product(net, sign * x, y)
            assert np.isfinite(product(np.ones(net.parameters.size))).all(), activation


@pytest.mark.peers
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_products_with_the_hessian_are_those_of_torch(batch_norm: bool, activation: str) -> None:
    torch = pytest.importorskip("torch")
    net, x, y, _ = trained(batch_norm=batch_norm, dtype="float64", activation=activation)
    bend = getattr(torch.nn.functional, activation)
    shapes = {name: part.shape for name, part in net.views().items()}

    def loss(vector: Any) -> Any:
        h, at = torch.tensor(x), net.views(np.arange(net.parameters.size))
        parts = {name: vector[torch.tensor(at[name].ravel())].reshape(shapes[name])
                 for name in shapes}  # fmt: skip
        for k in (1, 2, 3):
            h = h @ parts[f"{k} dense/W"]
            h = h + parts[f"{k} dense/b"] if f"{k} dense/b" in parts else h
            if k < 3 and batch_norm:
                norm = next(layer for name, layer in zip(net.names, net.layers, strict=True)
                            if name == f"{k} batchnorm")  # fmt: skip
                h = torch.nn.functional.batch_norm(
                    h, None, None, parts[f"{k} batchnorm/gamma"], parts[f"{k} batchnorm/beta"],
                    training=True, eps=norm.eps,
                )  # fmt: skip
            h = bend(h) if k < 3 else h
        return torch.nn.functional.cross_entropy(h, torch.tensor(y))

    flat, rng = torch.tensor(net.parameters.copy()), np.random.default_rng(0)
    product = hessian_product(net, x, y, recompute=True)
    for _ in range(3):
        v = rng.normal(size=flat.numel())
        _, wanted = torch.autograd.functional.hvp(loss, flat, torch.tensor(v))
        np.testing.assert_allclose(product(v), wanted.numpy(), rtol=1e-10, atol=1e-12)
    wanted = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat)).numpy()[:-3:-1]
    found = largest_curvatures(net, x, y, recompute=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, x, y: ov.landscape(n, x, y, directions="pca"), "needs a path"),
        (lambda n, x, y: ov.landscape(n, x, y, directions="line"), "needs another network"),
        (lambda n, x, y: ov.landscape(n, x, y, directions="pcaa"), "random, pca or line"),
        (lambda n, x, y: ov.landscape(n, x, y, size=(1, 5)), "columns must be"),
        (lambda n, x, y: ov.landscape(n, x, y, reach=-1), "reach must be"),
        (lambda n, x, y: ov.landscape(n, x, y, path=np.zeros((3, 4))), "rows of 80 parameters"),
        (lambda n, x, y: ov.landscape(n, x, y[:-1]), "60 rows and y has 59"),
        (lambda n, x, y: ov.landscape(n, x, y, directions="pca", path=n.parameters[None]),
         "does not move"),
        (lambda n, x, y: ov.landscape(n, x, y, directions="line", to=n), "same parameters"),
        (lambda n, x, y: ov.landscape(n, x, y, path=n.fit(x, y, ov.SGD(), epochs=1, hints=False)),
         "has no parameters: fit with record"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call(*task())


def test_a_layer_of_one_s_own_has_a_landscape() -> None:
    class Scale(ov.nn.Layer):
        def __init__(self, by: float = 2.0) -> None:
            super().__init__()
            self.by = by

        def forward(self, x: Any, training: bool) -> Any:
            return x * np.asarray(self.by, x.dtype)

        def backward(self, dy: Any) -> Any:
            return dy * np.asarray(self.by, dy.dtype)

    _, x, y = task()
    layers = [Scale(3.0), Dense(4), BatchNorm(), Activation("relu"), Dropout(0.1), Dense(2)]
    net = Network(3, layers, rng=0)
    land = ov.landscape(net, x, y, size=(3, 3), path=net.parameters[None], curvature=True, rng=1)
    assert land.loss[1, 1] == pytest.approx(net.loss(x, y), rel=1e-6)
    plane = random_plane(net, np.random.default_rng(1))
    corner = plane.origin - plane.u + plane.v
    assert land.loss[2, 0] == pytest.approx(by_hand(net, x, y, corner), rel=1e-6)
    # Without the layer, its factor in the weights: the same network, whose Hessian is exact.
    plain = Network(3, [Dense(4), BatchNorm(), Activation("relu"), Dense(2)], rng=0)
    plain.parameters[...] = net.parameters
    product, own = hessian_product(plain, 3.0 * x, y), hessian_product(net, x, y)
    v = np.random.default_rng(0).normal(size=net.parameters.size)
    np.testing.assert_allclose(own(v), product(v), rtol=1e-3, atol=1e-6)
    assert np.isfinite(land.curvature).all()


def test_what_cannot_be_kept_in_a_file_has_a_landscape_too() -> None:
    class Doubled(SoftmaxCrossEntropy):
        def __call__(self, outputs: Any, targets: Any, gradient: Any) -> float:
            value = 2 * super().__call__(outputs, targets, gradient)
            gradient *= 2
            return value

    _, x, y = task()
    layers = [Dense(4, init=lambda rng, a, b: rng.normal(size=(a, b))), Activation("tanh"),
              Dense(2)]  # fmt: skip
    net = Network(3, layers, loss=Doubled(), dtype="float64", rng=0)
    land = ov.landscape(net, x, y, size=(3, 3), path=net.parameters[None], curvature=True)
    assert land.loss[1, 1] == pytest.approx(net.loss(x, y), rel=1e-12)
    plain = twin(net)
    plain.loss_function = SoftmaxCrossEntropy()
    wanted = largest_curvatures(plain, x, y)
    np.testing.assert_allclose(land.curvature[0], 2 * wanted, rtol=1e-4)


@pytest.mark.parametrize("view", ["contour", "surface"])
@pytest.mark.parametrize("size", [None, pytest.param((800, 600), marks=pytest.mark.slow),
                                  (720, 900)])  # fmt: skip
def test_a_landscape_draws_itself(view: str, size: Any) -> None:
    net, x, y, history = trained()
    other, *_ = task()
    for land in (
        ov.landscape(net, x, y, size=(9, 8)),
        ov.landscape(net, x, y, directions="pca", path=history, size=(9, 8), curvature=True),
        ov.landscape(net, x, y, directions="line", to=other, size=(9, 8)),
    ):
        figure = ov.plot(land, view=view, size=size)
        assert clashes(figure) == []
        assert finding(land, land.labels) in words_of(figure)
    assert "<img" in land._repr_html_()
    with pytest.raises(ValueError, match="view must be contour or surface"):
        ov.plot(land, view="field")


def test_a_grid_that_was_cut_short_shows_what_is_done() -> None:
    net, x, y, history = trained()

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    land = ov.landscape(net, x, y, directions="pca", path=history, size=(9, 300), progress=stop)
    assert f"cut short: {100 * land.share_done:.0f} % of the grid computed" in words_of(
        ov.plot(land)
    )
    assert ov.plot(land, view="surface") is not None


PROGRAM = """
import os, sys, time, optviz as ov

study = ov.study("landscape", data="moons:n=150", layers="2,8,2", epochs=2, grid="9x1001",
                 samples=2000, optimizers="adam", curvature=False)

def tell(done, total, what):
    if what == "grid":
        os.write(1, b"%d\\n" % done)  # at once, or not at all
        time.sleep(0.005)  # a fast machine would be done before the signal is there

ov.save(study, sys.argv[1], progress=tell)
print("written", flush=True)
"""


@pytest.mark.slow
def test_ctrl_c_cuts_the_grid_and_not_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    with interruptible([sys.executable, "-c", PROGRAM, str(path)]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        child.send_signal(signal.SIGINT)
        said = ["1", *child.stdout.read().split()]
        assert child.wait() == 0
    assert said[-1] == "written"
    assert int(said[-2]) < 1001, "the grid was whole before it was cut"
    assert path.stat().st_size > 2000


# -- the study ----------------------------------------------------------------------------------

SMALL = {"data": "moons:n=150", "layers": (2, 8, 2), "epochs": 4, "grid": (7, 5),
         "optimizers": ["sgd:lr=0.2", "adam:lr=0.02"]}  # fmt: skip


def by_course(study: Any, optimizer: Any) -> tuple[Any, np.ndarray, Any]:
    """The network that a study trains, and its path, by the public calls alone."""
    _, train, _ = study._task()
    net = ov.nn.MLP((2, 8, 2), init="he", rng=np.random.default_rng([0, 0, 0]))
    first = net.parameters.copy()
    history = net.fit(train.x, train.y, optimizer, epochs=4, batch_size=64, rng=np.random
                      .default_rng([0, 0, 1]), record=("parameters",), hints=False)  # fmt: skip
    return net, np.vstack([first[None], history.records["parameters"]]).astype(float), train


def test_the_finding_of_paths_a_second_way() -> None:
    study = ov.study("landscape", **SMALL)
    result = study.run()
    told = study.finding(result)
    (first, path, train), (_, other, _) = (
        by_course(study, optimizer) for optimizer in (ov.SGD(lr=0.2), ov.Adam(lr=0.02))
    )
    both = np.vstack([path, other])
    off = both - both.mean(axis=0)
    _, sizes, ways = np.linalg.svd(off, full_matrices=False)
    assert told.startswith(f"The plane shows {100 * np.sum(sizes[:2] ** 2) / np.sum(sizes**2):.3g}")
    last = path[-1] - both.mean(axis=0)
    numbers = re.findall(r"SGD ([\d.e-]+)", told)
    residual = np.linalg.norm(last - ways[:2].T @ (ways[:2] @ last))
    assert float(numbers[0]) == pytest.approx(residual, rel=0.06)
    assert float(numbers[1]) == pytest.approx(largest_curvatures(first, train.x, train.y)[0],
                                              rel=0.06)  # fmt: skip
    np.testing.assert_array_equal(result.steps[0], np.arange(len(path)))
    assert (result.samples, result.available) == (len(train), len(train))
    for k, points in enumerate((path, other)):
        own = [by_hand(first, train.x, train.y, row) for row in points]
        np.testing.assert_allclose(result.path_losses[k], own, rtol=1e-5)


def test_the_finding_of_random_directions_a_second_way() -> None:
    study = ov.study("landscape", **{**SMALL, "directions": "random", "optimizers": "sgd:lr=0.2"})
    result = study.run()
    net, path, train = by_course(study, ov.SGD(lr=0.2))
    plane = random_plane(net, np.random.default_rng(0))
    edge = [by_hand(net, train.x, train.y, plane.origin + a * plane.u + b * plane.v)
            for a in np.linspace(-1, 1, 7) for b in np.linspace(-1, 1, 5)
            if 1 in (abs(a), abs(b))]  # fmt: skip
    told = study.finding(result)
    assert told.startswith(f"Loss {net.loss(train.x, train.y):.3g} in the middle, "
                           f"{np.median(edge):.3g} at the edge (median); ")  # fmt: skip
    assert f"the plane shows {100 * plane.explained(path).sum():.3g} % of the path's" in told


@pytest.mark.parametrize("lr", [0.02, 2.0])
def test_the_finding_of_a_line_a_second_way(lr: float) -> None:
    study = ov.study("landscape", **{**SMALL, "directions": "line",
                                     "optimizers": ["sgd:lr=0.2", f"adam:lr={lr}"]})  # fmt: skip
    result = study.run()
    (first, _, train), (last, _, _) = (
        by_course(study, optimizer) for optimizer in (ov.SGD(lr=0.2), ov.Adam(lr=lr))
    )
    ends = [net.loss(train.x, train.y) for net in (first, last)]
    on = [by_hand(first, train.x, train.y,
                  (1 - a) * first.parameters.astype(float) + a * last.parameters)
          for a in result.a[(result.a >= 0) & (result.a <= 1)]]  # fmt: skip
    told = study.finding(result)
    assert f"loss {ends[0]:.3g} at one end and {ends[1]:.3g} at the other" in told
    if max(on) > 1.01 * max(ends):
        assert told.startswith(f"On the line the loss rises to {max(on):.3g} at ")
    else:
        assert told.startswith("No barrier")


def test_training_that_diverges_is_told() -> None:
    study = ov.study("landscape", **{**SMALL, "optimizers": ["adam:lr=0.02", "sgd:lr=1e9"]})
    result = study.run()
    assert result.lost == (False, True)
    assert study.finding(result).endswith("SGD got lost")
    assert np.abs(result.a).max() < 100
    assert study.draw(result) is not None  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="give lower rates"):
        study.model_copy(update={"directions": "line"}).run()


def test_an_optimizer_may_be_there_twice() -> None:
    study = ov.study("landscape", **{**SMALL, "optimizers": ["sgd:lr=0.2", "sgd:lr=0.2"]})
    result = study.run()
    np.testing.assert_array_equal(*result.paths)
    with pytest.raises(ValueError, match="a line joins the ends of two optimizers"):
        ov.study("landscape", directions="line", optimizers="adam")


def test_the_picture_shows_what_was_found() -> None:
    """Paths, bands and curves are read back from the figure."""
    study = ov.study("landscape", **SMALL)
    result = study.run()
    figure = study.draw(result)  # type: ignore[attr-defined]
    axes = {a.get_label(): a for a in figure.axes}
    assert list(axes) == ["map", "distance", "loss", "bar"]
    lines = {tuple(map(tuple, line.get_xydata())) for line in axes["map"].lines}
    for path in result.paths:
        assert tuple(map(tuple, path)) in lines
    (one, two) = (patch for patch in axes["map"].patches if isinstance(patch, PathPatch))
    for band, path, residual in zip((one, two), result.paths, result.residuals, strict=True):
        vertices = band.get_path().vertices
        # The band's right end: of a circle around a point, as large as the distance off the plane.
        assert vertices[:, 0].max() == pytest.approx((path[:, 0] + residual).max(), rel=1e-6)
    for label, values in (("distance", result.residuals), ("loss", result.path_losses)):
        drawn = [line.get_ydata() for line in axes[label].lines]
        assert all(any(np.array_equal(y, row) for y in drawn) for row in values)
    assert axes["map"].get_xlabel() == result.axes[0]
    assert axes["map"].get_aspect() == 1


def test_bands_are_in_the_units_of_the_axes() -> None:
    """Along random directions 1 is the length of all filters, and no unit of the parameters."""
    net, x, y, history = trained()
    land = ov.landscape(net, x, y, path=history, size=(5, 5), reach=10.0)
    assert land.unit > 2
    (band,) = (p for p in ov.plot(land).axes[0].patches if isinstance(p, PathPatch))
    right = (land.path[:, 0] + land.residual / land.unit).max()
    assert band.get_path().vertices[:, 0].max() == pytest.approx(right, rel=1e-6)
    near = ov.plot(ov.landscape(net, x, y, path=history, size=(5, 5), reach=0.1))
    assert not [p for p in near.axes[0].patches if isinstance(p, PathPatch)]
    assert "no bands: paths lie so far off the plane" in words_of(near)


def test_a_frame_shows_the_paths_up_to_a_step() -> None:
    study = ov.study("landscape", **SMALL)
    result = study.run()
    film = study.film(result)  # type: ignore[attr-defined]
    assert len(film) == max(map(len, result.paths))
    sheet = study.sheet(result)
    moving, pose = film.build(sheet)
    pose(3)
    drawn = {tuple(map(tuple, a.get_xydata())) for a in moving if hasattr(a, "get_xydata")}
    for path, residual, after in zip(result.paths, result.residuals, result.steps, strict=True):
        assert tuple(map(tuple, path[:4])) in drawn
        assert tuple(map(tuple, path[3:4])) in drawn
        assert ((float(after[3]), float(residual[3])),) in drawn
    assert "step 3" in words_of(sheet.figure)


def test_patience_ends_a_path_with_its_best_epoch() -> None:
    study = ov.study("landscape", **{**SMALL, "data": "moons:n=150,noise=0.5", "epochs": 40,
                                     "optimizers": "adam:lr=0.3", "patience": 2})  # fmt: skip
    result = study.run()
    setup, train, held_out = study._task()
    net = ov.nn.MLP((2, 8, 2), init="he", rng=np.random.default_rng([0, 0, 0]))
    history = net.fit(train.x, train.y, ov.Adam(lr=0.3), epochs=40, batch_size=64, patience=2,
                      validation=(held_out.x, held_out.y), rng=np.random.default_rng([0, 0, 1]),
                      hints=False)  # fmt: skip
    assert history.best_epoch < history.epochs
    per_epoch = -(-len(train) // setup.batch_size)
    assert result.steps[0][-1] == history.best_epoch * per_epoch
    assert result.path_losses[0][-1] == pytest.approx(net.loss(train.x, train.y), rel=1e-6)
