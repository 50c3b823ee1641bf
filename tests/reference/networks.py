"""The same network and the same training in PyTorch, in float64.

`python -m tests.reference.networks` (needs the extra `peers`) keeps the runs in `networks.npz`, so
that the comparison also runs where PyTorch is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("networks.npz")
STEPS, BATCH = 100, 16
#: After so many steps the parameters are compared.
SEEN = (1, 10, 50, 100)
#: By our name: settings of ours, PyTorch's class and its settings.
OPTIMIZERS: dict[str, tuple[dict[str, float], str, dict[str, Any]]] = {
    "sgd": ({"lr": 0.1}, "SGD", {"lr": 0.1}),
    "momentum": ({"lr": 0.05}, "SGD", {"lr": 0.05, "momentum": 0.9}),
    "adagrad": ({"lr": 0.05}, "Adagrad", {"lr": 0.05}),
    "rmsprop": ({"lr": 0.005}, "RMSprop", {"lr": 0.005}),
    "adam": ({"lr": 0.01}, "Adam", {"lr": 0.01}),
}


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20)
    x = rng.normal(size=(200, 6))
    return x, (np.abs(x[:, 0] * x[:, 1]) > 0.4) + (x[:, 2] > 0.5).astype(np.int64)


def batches() -> np.ndarray:
    """The rows of each step: (100, 16)."""
    return np.random.default_rng(21).integers(0, 200, (STEPS, BATCH))


def first_values(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Where the parameters begin, by our names."""
    rng = np.random.default_rng(22)
    return {
        name: rng.normal(1.0 if name.endswith("gamma") else 0.0, 0.3, shapes[name])
        for name in sorted(shapes)
    }


def torch_model(network: Any, values: dict[str, np.ndarray]) -> tuple[Any, dict[str, Any]]:
    """Our network's layers in PyTorch with those parameters, and its parameters by our names."""
    import torch

    kinds = {"relu": "ReLU", "gelu": "GELU", "tanh": "Tanh", "sigmoid": "Sigmoid", "elu": "ELU",
             "silu": "SiLU", "selu": "SELU", "softplus": "Softplus", "leaky_relu": "LeakyReLU",
             "linear": "Identity"}  # fmt: skip
    layers, named, size = [], {}, network.inputs
    for name, layer in zip(network.names, network.layers, strict=True):
        match type(layer).__name__:
            case "Dense":
                made = torch.nn.Linear(size, layer.units, layer.bias, dtype=torch.float64)
                named[f"{name}/W"] = made.weight
                if layer.bias:
                    named[f"{name}/b"] = made.bias
                size = layer.units
            case "BatchNorm":
                made = torch.nn.BatchNorm1d(
                    size, layer.eps, layer.momentum, dtype=torch.float64
                )  # fmt: skip
                named[f"{name}/gamma"], named[f"{name}/beta"] = made.weight, made.bias
            case "Activation":
                made = getattr(torch.nn, kinds[layer.name])()
        layers.append(made)
    for name, parameter in named.items():
        parameter.data = torch.tensor(values[name].T.copy())
    return torch.nn.Sequential(*layers), named


def torch_run(network: Any, name: str) -> dict[str, np.ndarray]:
    """Parameters and running averages along 100 steps, by our names and the step."""
    import torch

    shapes = {key: view.shape for key, view in network.views().items()}
    model, named = torch_model(network, first_values(shapes))
    _, kind, settings = OPTIMIZERS[name]
    optimizer = getattr(torch.optim, kind)(model.parameters(), **settings)
    x, y = (torch.tensor(array) for array in data())
    out = {}
    for step, rows in enumerate(batches(), 1):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
        if step in SEEN:
            out |= {f"{name}/{step}/{k}": p.detach().numpy().T.copy() for k, p in named.items()}
    norms = [layer for layer in model if hasattr(layer, "running_mean")]
    for k, norm in enumerate(norms):
        out[f"{name}/mean{k}"] = norm.running_mean.numpy().copy()
        out[f"{name}/variance{k}"] = norm.running_var.numpy().copy()
    return out


def our_network() -> Any:
    from optviz.nn import Activation, BatchNorm, Dense, Network

    # No b before a normalisation: its gradient would be rounding alone, which Adam makes large.
    return Network(6, [
        Dense(8, bias=False), BatchNorm(convention="torch"), Activation("relu"),
        Dense(7, bias=False), BatchNorm(convention="torch"), Activation("gelu"), Dense(3),
    ], dtype=np.float64, rng=0)  # fmt: skip


def main() -> None:
    import torch

    runs = {}
    for name in OPTIMIZERS:
        runs |= torch_run(our_network(), name)
    np.savez_compressed(FILE, **runs, versions=np.array(f"torch {torch.__version__}"))
    print(f"{len(OPTIMIZERS)} runs, {FILE.stat().st_size:,} bytes in {FILE}")


if __name__ == "__main__":
    main()
