"""Optimizers of ours in PyTorch's and JAX's programs."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest

import optviz as ov
from tests.catalogue import RULES

pytestmark = pytest.mark.peers

#: The rules that PyTorch has, by its own class and settings.
THEIRS = {
    "sgd": ("SGD", {}), "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}), "adagrad": ("Adagrad", {}),
    "rmsprop": ("RMSprop", {}), "adam": ("Adam", {}), "amsgrad": ("Adam", {"amsgrad": True}),
    "adamw": ("AdamW", {}), "adadelta": ("Adadelta", {}), "adamax": ("Adamax", {}),
    "nadam": ("NAdam", {}), "radam": ("RAdam", {}),
}  # fmt: skip


@pytest.fixture
def default_dtype(dtype: str) -> Any:
    """That of the test, in which PyTorch's NAdam keeps a product."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    yield
    torch.set_default_dtype(before)


def network(dtype: Any) -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).to(
        dtype
    )


def trained(model: Any, optimizer: Any, steps: int = 30, scheduler: Any = None) -> list[np.ndarray]:
    import torch

    rng = np.random.default_rng(0)
    dtype = next(model.parameters()).dtype
    x, y = (torch.tensor(rng.normal(size=(16, n)), dtype=dtype) for n in (5, 1))
    for _ in range(steps):
        optimizer.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return [p.detach().numpy().copy() for p in model.parameters()]


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("default_dtype")
def test_ours_train_a_module_as_pytorchs_do(name: str, dtype: str) -> None:
    import torch

    kind, settings = THEIRS[name]
    real = getattr(torch, dtype)
    a, b = network(real), network(real)
    mine = ov.adapters.as_torch(a.parameters(), ov.optimizers[name](lr=0.01, convention="torch"))
    theirs = getattr(torch.optim, kind)(b.parameters(), lr=0.01, **settings)
    for p, q in zip(trained(a, mine), trained(b, theirs), strict=True):
        tolerance = 2e-4 if dtype == "float32" else 1e-10
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", RULES)
def test_each_of_ours_does_what_it_does_in_numpy(name: str) -> None:
    import torch

    model, optimizer = network(torch.float64), ov.optimizers[name](lr=0.003)
    params = {f"{k}": p.detach().numpy().copy() for k, p in enumerate(model.parameters())}
    mine, plain = ov.adapters.as_torch(model.parameters(), optimizer), optimizer.fresh()
    for _ in range(12):
        mine.zero_grad()
        (model(torch.ones(3, 5, dtype=torch.float64)) ** 2).sum().backward()
        grads = {f"{k}": p.grad.numpy().copy() for k, p in enumerate(model.parameters())}
        plain.update(params, grads)
        mine.step()
        for k, p in enumerate(model.parameters()):
            np.testing.assert_array_equal(p.detach().numpy(), params[f"{k}"])


def test_memory_is_shared_and_closures_are_called() -> None:
    import torch

    x = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    place = x.data_ptr()
    mine = ov.adapters.as_torch([x], "sgd:lr=0.25")

    def closure() -> Any:
        mine.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    assert mine.step(closure).item() == 13.0
    assert x.data_ptr() == place
    assert x.tolist() == [1.5, -1.0]
    # A transposed parameter is stepped in place too.
    matrix = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
    matrix.grad = torch.ones(3, 2)
    ov.adapters.as_torch([matrix], "sgd:lr=1").step()
    assert matrix.tolist() == [[-1.0, 2.0], [0.0, 3.0], [1.0, 4.0]]


def test_groups_and_schedulers_are_pytorchs() -> None:
    import torch

    ends = []
    rule = ov.Momentum(lr=0.1, convention="torch")
    for make in (lambda groups: ov.adapters.as_torch(groups, rule),
                 lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9)):  # fmt: skip
        model = network(torch.float64)
        first, _, last = model
        optimizer = make([{"params": first.parameters(), "lr": 0.01},
                          {"params": last.parameters(), "momentum": 0.5}])  # fmt: skip
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
        ends.append(trained(model, optimizer, 20, scheduler))
    for p, q in zip(*ends, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["adam", "radam", "sgd", "ftrl"])
@pytest.mark.parametrize("way", ["state_dict", "file", "deepcopy"])
def test_it_goes_on_to_the_bit(name: str, way: str) -> None:
    import torch

    rule = ov.optimizers[name](lr=ov.schedules.Step(0.01, every=4))
    whole = network(torch.float32)
    trained(whole, optimizer := ov.adapters.as_torch(whole.parameters(), rule), 9)
    if way == "deepcopy":
        model, mine = copy.deepcopy((whole, optimizer))
    else:
        model = copy.deepcopy(whole)
        saved = optimizer.state_dict()
        if way == "file":
            file = io.BytesIO()
            torch.save(saved, file)
            file.seek(0)
            saved = torch.load(file, weights_only=True)
        mine = ov.adapters.as_torch(model.parameters(), rule)
        mine.load_state_dict(saved)
    for p, q in zip(trained(whole, optimizer, 9), trained(model, mine, 9), strict=True):
        np.testing.assert_array_equal(p, q)


def test_what_does_not_fit_has_a_line() -> None:
    import torch

    half = torch.nn.Parameter(torch.zeros(2, dtype=torch.float16))
    good = torch.nn.Parameter(torch.zeros(2))
    for params, optimizer, said in (
        ([half], "adam", "float32 and float64 parameters on the CPU, not torch.float16"),
        ([good], "adm", "did you mean 'adam'"),
        ([{"params": [good], "lr": -1.0}], "adam", "lr must be a positive number"),
        ([good], "torch:Adam", "is no optimizer of ours"),
    ):
        with pytest.raises(ValueError, match=said):
            ov.adapters.as_torch(params, optimizer)
    mine = ov.adapters.as_torch([good], "adam")
    with pytest.raises(ValueError, match="no state_dict of an optimizer of optviz"):
        mine.load_state_dict(torch.optim.Adam([good]).state_dict())
    assert "Adam(lr=0.001)" in repr(mine)


# -- optax ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "amsgrad", "lion", "radam", "nadam"])
@pytest.mark.parametrize("jitted", [False, True])
def test_ours_in_jax_do_what_optaxs_do(name: str, jitted: bool) -> None:
    import jax
    import jax.numpy as jnp
    import optax

    theirs = {"sgd": optax.sgd(0.01), "momentum": optax.sgd(0.01, momentum=0.9),
              "adam": optax.adam(0.01), "amsgrad": optax.amsgrad(0.01), "lion": optax.lion(0.01),
              "radam": optax.radam(0.01), "nadam": optax.nadam(0.01)}[name]  # fmt: skip
    mine = ov.adapters.as_optax(ov.optimizers[name](lr=0.01, convention="optax"))

    def loss(p: Any) -> Any:
        return jnp.sum((p["w"] @ jnp.arange(3.0) - 1) ** 2) + jnp.sum(p["b"] ** 4)

    with jax.enable_x64(True):
        ends = []
        for transformation in (mine, theirs):
            params = {"w": jnp.full((2, 3), 0.3), "b": jnp.array([0.7, -0.2])}
            state = transformation.init(params)

            def one(params: Any, state: Any, transformation: Any = transformation) -> Any:
                updates, state = transformation.update(jax.grad(loss)(params), state, params)
                return optax.apply_updates(params, updates), state

            step = jax.jit(one) if jitted else one
            for _ in range(25):
                params, state = step(params, state)
            ends.append(params)
    for key in ("w", "b"):
        np.testing.assert_allclose(ends[0][key], ends[1][key], rtol=1e-10, atol=1e-12)


def test_in_float32_and_under_vmap_each_is_as_alone() -> None:
    import jax
    import jax.numpy as jnp

    mine = ov.adapters.as_optax(ov.Adam(lr=ov.schedules.Step(0.1, every=2)))

    def run(x: Any) -> Any:
        state = mine.init(x)
        for _ in range(5):
            updates, state = mine.update(2 * x, state, x)
            x = x + updates
        return x

    starts = jnp.array([[1.0, -2.0], [0.5, 3.0]], dtype=jnp.float32)
    together = jax.vmap(run)(starts)
    assert together.dtype == jnp.float32
    for k in range(2):
        np.testing.assert_allclose(together[k], run(starts[k]), rtol=1e-6)
        params, plain = {"x": np.array(starts[k])}, ov.Adam(lr=ov.schedules.Step(0.1, every=2))
        for _ in range(5):
            plain.update(params, {"x": 2 * params["x"]})
        np.testing.assert_allclose(together[k], params["x"], rtol=1e-5)
    with pytest.raises(ValueError, match=r"update\(grads, state, params\)"):
        mine.update(starts, mine.init(starts))
    with pytest.raises(ValueError, match="float32 and float64 arrays, not int32"):
        mine.init(jnp.arange(3))


def test_gradients_of_other_shapes_and_groups_that_do_not_fit_are_refused() -> None:
    import jax.numpy as jnp
    import torch

    mine = ov.adapters.as_optax("adam:lr=0.1")
    for shape in (1, 3):
        with pytest.raises(ValueError, match="a gradient has the shape"):
            mine.update(jnp.ones(shape), mine.init(jnp.ones(2)), jnp.ones(2))
    with pytest.raises(ValueError, match="optviz steps arrays, not"):
        mine.init({"a": 1.0})
    assert mine.update({}, mine.init({}), {})[0] == {}
    optimizer = ov.adapters.as_torch([torch.nn.Parameter(torch.zeros(2))], "adam")
    with pytest.raises(ValueError, match="float16"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2).half())]})
    assert len(optimizer.param_groups) == 1
