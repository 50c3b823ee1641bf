"""The same optimizers in PyTorch, Keras and Optax: each case runs 200 given gradients.

Needs the extra `peers`. `python -m tests.reference.record` keeps what comes out in `paths.npz`,
so that the comparison also runs where the libraries are missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STEPS = 200


@dataclass(frozen=True)
class Case:
    """One optimizer in one convention, with the same settings for both sides."""

    convention: str
    name: str
    ours: dict[str, Any]
    theirs: dict[str, Any] = field(default_factory=dict)
    peer: str = ""
    variant: str = "defaults"

    @property
    def id(self) -> str:
        return f"{self.convention}-{self.name}-{self.variant}"


def start() -> np.ndarray:
    return np.random.default_rng(1).normal(size=7)


def gradients() -> np.ndarray:
    """200 gradients of very different sizes; a few components are exactly zero."""
    rng = np.random.default_rng(2)
    g = rng.normal(size=(STEPS, 7)) * np.logspace(-3, 2, 7)
    g[:40:5, 3] = 0.0
    return g


def _case(convention, name, peer, ours=None, theirs=None, variant="defaults"):
    return Case(convention, name, ours or {}, theirs or {}, peer, variant)


def _torch_cases() -> list[Case]:
    lr = {"lr": 0.1}
    b = {"ours": {"beta1": 0.8, "beta2": 0.95, "eps": 1e-5, **lr},
         "theirs": {"betas": (0.8, 0.95), "eps": 1e-5, **lr}, "variant": "settings"}  # fmt: skip
    rms = {"lr": 0.05, "momentum": 0.7}
    out = [
        _case("torch", "sgd", "SGD"),
        _case("torch", "sgd", "SGD", lr, lr, "lr"),
        _case("torch", "momentum", "SGD", {}, {"momentum": 0.9}),
        _case("torch", "momentum", "SGD", {"momentum": 0.5, **lr}, {"momentum": 0.5, **lr}, "mu"),
        _case("torch", "nesterov", "SGD", {}, {"momentum": 0.9, "nesterov": True}),
        _case("torch", "adagrad", "Adagrad"),
        _case("torch", "adagrad", "Adagrad", {"lr_decay": 0.02, "initial_accumulator": 0.3, **lr},
              {"lr_decay": 0.02, "initial_accumulator_value": 0.3, **lr}, "options"),
        _case("torch", "rmsprop", "RMSprop"),
        _case("torch", "rmsprop", "RMSprop", {"decay": 0.9, **rms}, {"alpha": 0.9, **rms}, "mu"),
        _case("torch", "rmsprop", "RMSprop", {"centered": True}, {"centered": True}, "centered"),
        _case("torch", "rmsprop", "RMSprop", {"centered": True, **rms},
              {"centered": True, **rms}, "centered-mu"),
        _case("torch", "adadelta", "Adadelta"),
        _case("torch", "adadelta", "Adadelta", {"decay": 0.7, "eps": 1e-4, **lr},
              {"rho": 0.7, "eps": 1e-4, **lr}, "settings"),
    ]  # fmt: skip
    for name, peer in (("adam", "Adam"), ("adamax", "Adamax"), ("nadam", "NAdam"),
                       ("adamw", "AdamW"), ("radam", "RAdam")):  # fmt: skip
        out += [_case("torch", name, peer), _case("torch", name, peer, **b)]
    amsgrad = {**b, "theirs": {**b["theirs"], "amsgrad": True}}
    out += [
        _case("torch", "amsgrad", "Adam", {}, {"amsgrad": True}),
        _case("torch", "amsgrad", "Adam", **amsgrad),
        _case("torch", "adamw", "AdamW", {"weight_decay": 0.3, **lr},
              {"weight_decay": 0.3, **lr}, "decay"),
        _case("torch", "nadam", "NAdam", {"momentum_decay": 0.02}, {"momentum_decay": 0.02}, "psi"),
        _case("torch", "radam", "RAdam", {"beta2": 0.9}, {"betas": (0.9, 0.9)}, "early"),
    ]  # fmt: skip
    return out


def _keras_cases() -> list[Case]:
    ours = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "lr": 0.1}
    theirs = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5, "learning_rate": 0.1}
    rms = ({"decay": 0.8, "momentum": 0.7, "lr": 0.05},
           {"rho": 0.8, "momentum": 0.7, "learning_rate": 0.05})  # fmt: skip
    out = [
        _case("keras", "sgd", "SGD"),
        _case("keras", "momentum", "SGD", {}, {"momentum": 0.9}),
        _case("keras", "nesterov", "SGD", {"lr": 0.05}, {"learning_rate": 0.05, "momentum": 0.9,
                                                       "nesterov": True}),
        _case("keras", "adagrad", "Adagrad"),
        _case("keras", "adagrad", "Adagrad", {"initial_accumulator": 0.5, "lr": 0.1},
              {"initial_accumulator_value": 0.5, "learning_rate": 0.1}, "options"),
        _case("keras", "rmsprop", "RMSprop"),
        _case("keras", "rmsprop", "RMSprop", *rms, "mu"),
        _case("keras", "rmsprop", "RMSprop", {"centered": True}, {"centered": True}, "centered"),
        _case("keras", "rmsprop", "RMSprop", {"centered": True, **rms[0]},
              {"centered": True, **rms[1]}, "centered-mu"),
        _case("keras", "adadelta", "Adadelta", {"lr": 1.0}, {"learning_rate": 1.0}),
        _case("keras", "amsgrad", "Adam", {}, {"amsgrad": True}),
        _case("keras", "amsgrad", "Adam", ours, {**theirs, "amsgrad": True}, "settings"),
        _case("keras", "lion", "Lion"),
        _case("keras", "lion", "Lion", {"beta1": 0.7, "beta2": 0.8, "lr": 0.1},
              {"beta_1": 0.7, "beta_2": 0.8, "learning_rate": 0.1}, "settings"),
        _case("keras", "ftrl", "Ftrl", {"lr": 0.1}, {"learning_rate": 0.1}),
        _case("keras", "ftrl", "Ftrl",
              {"lr": 0.2, "lr_power": -0.6, "l1": 0.3, "l2": 0.2, "beta": 0.5,
               "l2_shrinkage": 0.01, "initial_accumulator": 0.2},
              {"learning_rate": 0.2, "learning_rate_power": -0.6,
               "l1_regularization_strength": 0.3, "l2_regularization_strength": 0.2, "beta": 0.5,
               "l2_shrinkage_regularization_strength": 0.01, "initial_accumulator_value": 0.2},
              "options"),
    ]  # fmt: skip
    for name, peer in (("adam", "Adam"), ("adamax", "Adamax"), ("nadam", "Nadam"),
                       ("adamw", "AdamW")):  # fmt: skip
        out += [_case("keras", name, peer), _case("keras", name, peer, ours, theirs, "settings")]
    return out


def _optax_cases() -> list[Case]:
    lr = 0.1
    b = ({"beta1": 0.8, "beta2": 0.95, "eps": 1e-5}, {"b1": 0.8, "b2": 0.95, "eps": 1e-5})
    out = [
        _case("optax", "sgd", "sgd"),
        _case("optax", "momentum", "sgd", {}, {"momentum": 0.9}),
        _case("optax", "nesterov", "sgd", {}, {"momentum": 0.9, "nesterov": True}),
        _case("optax", "adagrad", "adagrad"),
        _case("optax", "adagrad", "adagrad", {"initial_accumulator": 0.0},
              {"initial_accumulator_value": 0.0}, "from-zero"),
        _case("optax", "rmsprop", "rmsprop"),
        _case("optax", "rmsprop", "rmsprop", {"momentum": 0.7, "decay": 0.8},
              {"momentum": 0.7, "decay": 0.8}, "mu"),
        _case("optax", "rmsprop", "rmsprop", {"centered": True}, {"centered": True}, "centered"),
        _case("optax", "adadelta", "adadelta"),
        _case("optax", "lion", "lion"),
        _case("optax", "lion", "lion", {"beta1": 0.7, "beta2": 0.8, "weight_decay": 0.1},
              {"b1": 0.7, "b2": 0.8, "weight_decay": 0.1}, "settings"),
        _case("optax", "adamw", "adamw", {"weight_decay": 0.3}, {"weight_decay": 0.3}, "decay"),
        _case("optax", "radam", "radam", {"beta2": 0.9}, {"b2": 0.9}, "early"),
        _case("optax", "adan", "adan"),
        _case("optax", "adan", "adan",
              {"beta1": 0.8, "beta2": 0.7, "beta3": 0.9, "eps": 1e-5, "eps_root": 1e-3,
               "weight_decay": 0.2},
              {"b1": 0.8, "b2": 0.7, "b3": 0.9, "eps": 1e-5, "eps_root": 1e-3,
               "weight_decay": 0.2}, "settings"),
        _case("optax", "lars", "lars", {"trust": 0.1}, {"trust_coefficient": 0.1}),
        _case("optax", "lars", "lars", {"trust": 0.1, "momentum": 0.5, "weight_decay": 0.2},
              {"trust_coefficient": 0.1, "momentum": 0.5, "weight_decay": 0.2}, "settings"),
        _case("optax", "lamb", "lamb"),
        _case("optax", "lamb", "lamb", {**b[0], "weight_decay": 0.2},
              {**b[1], "weight_decay": 0.2}, "settings"),
    ]  # fmt: skip
    for name in ("adam", "adamax", "nadam", "amsgrad", "adamw", "radam"):
        out += [_case("optax", name, name), _case("optax", name, name, *b, "settings")]
    # Optax has no default rate, so every case gives one.
    return [
        Case(c.convention, c.name, {"lr": lr, **c.ours}, {"learning_rate": lr, **c.theirs},
             c.peer, c.variant)
        for c in out
    ]  # fmt: skip


CASES = [*_torch_cases(), *_keras_cases(), *_optax_cases()]


def run_peer(case: Case) -> np.ndarray:
    """The path of the library's own optimizer, shape (201, 7)."""
    return {"torch": _run_torch, "keras": _run_keras, "optax": _run_optax}[case.convention](case)


def _run_torch(case: Case) -> np.ndarray:
    import torch

    # NAdam keeps a running product in the default type.
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        x = torch.nn.Parameter(torch.tensor(start()))
        optimizer = getattr(torch.optim, case.peer)([x], **case.theirs)
        path = [start()]
        for g in gradients():
            x.grad = torch.tensor(g)
            optimizer.step()
            path.append(x.detach().numpy().copy())
    finally:
        torch.set_default_dtype(before)
    return np.array(path)


def _run_keras(case: Case) -> np.ndarray:
    # Its own NumPy backend is off by 1e-7.
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        x = keras.Variable(start())
        optimizer = getattr(keras.optimizers, case.peer)(**case.theirs)
        path = [start()]
        for g in gradients():
            optimizer.apply([keras.ops.convert_to_tensor(g)], [x])
            path.append(np.array(keras.ops.convert_to_numpy(x.value)))
    finally:
        keras.config.set_floatx(before)
    return np.array(path)


def _run_optax(case: Case) -> np.ndarray:
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    x = jax.numpy.asarray(start())
    optimizer = getattr(optax, case.peer)(**case.theirs)
    state = optimizer.init(x)
    path = [start()]
    for g in gradients():
        updates, state = optimizer.update(jax.numpy.asarray(g), state, x)
        x = optax.apply_updates(x, updates)
        path.append(np.asarray(x))
    return np.array(path)
