"""What samples and layers are shaped like, before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from optviz.nn.layer import Layer, Shape
from optviz.shared.checks import check_count, is_whole


def input_shape(inputs: Any) -> tuple[int, ...]:
    """(inputs,), or (height, width, channels).

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(inputs, tuple | list):
        if len(inputs) != 3 or not all(is_whole(n) and n >= 1 for n in inputs):
            raise ValueError(
                "inputs must be a whole number ≥ 1, or (height, width, channels) of images, not "
                f"{inputs!r}"
            )
        return tuple(int(n) for n in inputs)
    check_count("inputs", inputs)
    return (int(inputs),)


def parameter_shapes(shape: Sequence[int], layers: Iterable[Layer]) -> list[dict[str, Shape]]:
    """The shapes of the parameters of each layer, before anything is made; each is told of the
    images that it gets.

    Raises
    ------
    ValueError
        If a layer cannot take what comes before it, or images are left at the end.
    """
    shapes, inputs = [], shape[-1]
    image = (shape[0], shape[1]) if len(shape) == 3 else None
    for layer in layers:
        layer.image = image
        image = layer.image_of(image)
        shapes.append(layer.shapes(inputs))
        inputs = layer.outputs_of(inputs)
    if image is not None:
        raise ValueError("the network ends with images: add Flatten() before the last Dense")
    return shapes


def sizes_of(layer: Layer) -> str:
    """What a layer makes of a sample, in a table."""
    image = layer.image_of(layer.image)
    return ", ".join(map(str, (*(image or ()), layer.outputs)))
