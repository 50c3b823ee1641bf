"""Networks in files: the architecture as JSON data, all that training changes as arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from optviz.nn.images import AveragePool2D, Conv2D, Flatten, MaxPool2D
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.model import Model
from optviz.nn.shapes import input_shape, parameter_shapes
from optviz.shared.archive import read_archive, write_archive
from optviz.shared.text import listed

Kind = TypeVar("Kind", bound=Model)

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (Dense, BatchNorm, Activation, Dropout, Conv2D, MaxPool2D, AveragePool2D, Flatten)
}


class UnknownLayerError(ValueError):
    """A specification names a layer that is neither built in nor among those given."""


def spec_of(network: Model) -> dict[str, Any]:
    """The architecture as JSON data.

    Raises
    ------
    ValueError
        If a layer's settings are no such data.
    """
    return {
        "inputs": network.sample,
        "layers": [_layer_spec(layer) for layer in network.layers],
        "loss": network.loss_function.name,
        "l1": network.l1,
        "l2": network.l2,
        "dtype": network.dtype.name,
        # Files from before have no such entry, and checkpoints are known by what stands here.
        **({"classes": list(network.classes)} if network.classes else {}),
    }


def save(network: Model, path: str | Path) -> Path:
    """Write `spec_of` and `state` to an `.npz`."""
    return write_archive(path, network.state(), {"kind": "network", **spec_of(network)})


def load(kind: type[Kind], path: str | Path, own: Iterable[type[Layer]]) -> Kind:
    """A network of class `kind` from a file that `save` wrote; see `Network.load`."""
    kinds = known(own)
    arrays, spec = read_archive(path, "network")
    try:
        layers = layers_of(spec, kinds)
        # Before anything is made: a few bytes could ask for all of the memory.
        shapes = parameter_shapes(input_shape(_plain(spec["inputs"])), layers)
        count = sum(math.prod(shape) for one in shapes for shape in one.values())
        if count != arrays["parameters"].size:
            raise ValueError(f"its {arrays['parameters'].size:,} parameters are not its layers'")
        network = made(kind, spec, layers)
        network.restore(arrays)
    except UnknownLayerError as error:
        raise ValueError(f"{Path(path).name}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{Path(path).name} is damaged: {error}") from None
    return network


def made(kind: type[Kind], spec: Mapping[str, Any], layers: Sequence[Layer]) -> Kind:
    """A network of that architecture and those layers, with new parameters."""
    network = kind(
        _plain(spec["inputs"]), layers, loss=str(spec["loss"]), l1=spec["l1"], l2=spec["l2"],
        dtype=str(spec["dtype"]), rng=0,
    )  # fmt: skip
    network.classes = spec.get("classes", ())
    return network


def _plain(inputs: Any) -> Any:
    """A number, or the numbers of a shape; whole ones that a file wrote otherwise too."""
    return tuple(inputs) if isinstance(inputs, list) else int(inputs)


def layers_of(spec: Mapping[str, Any], kinds: Mapping[str, type[Layer]]) -> list[Layer]:
    """The layers of a specification, each of a class in `kinds`."""
    layers = []
    for entry in spec["layers"]:
        settings = dict(entry)
        name = str(settings.pop("layer"))
        if name not in kinds:
            raise UnknownLayerError(
                f"its layer {name[:40]!r} is none of {listed(kinds)}: if it is your own, give its "
                "class, as in Network.load(path, layers=[Scale])"
            )
        layers.append(kinds[name](**settings))
    return layers


def known(own: Iterable[type[Layer]]) -> dict[str, type[Layer]]:
    """The classes of layers by their names: the built-in ones and those given."""
    kinds = dict(LAYERS)
    for kind in own if isinstance(own, Iterable) else [own]:
        if not (isinstance(kind, type) and issubclass(kind, Layer)):
            raise ValueError(f"layers must be classes of your own layers, not {kind!r}")
        if kinds.setdefault(kind.__name__, kind) is not kind:
            raise ValueError(f"layers has two classes {kind.__name__}: give one another name")
    return kinds


def _layer_spec(layer: Layer) -> dict[str, Any]:
    name, spec = type(layer).__name__, layer.spec()
    if LAYERS.get(name, type(layer)) is not type(layer):
        raise ValueError(f"a network with your own {name} cannot be kept in a file: rename it")
    for setting, value in spec.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            what = "Python function" if callable(value) else type(value).__name__
            raise ValueError(
                f"a network with a {what} as {setting} cannot be kept in a file"
            ) from None
    return spec
