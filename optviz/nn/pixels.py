"""Which pixels an answer hangs on: by covering them, and by the slope of the class's score."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.layers import Dropout
from optviz.nn.network import Network

Real = NDArray[np.float64]


def covered(network: Network, images: Any, classes: Any, window: int, cover: float = 0.0) -> Real:
    """The probability of a class where a square around each pixel is covered.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014),
    section 4.2.

    Parameters
    ----------
    network
        For images, with probabilities.
    images : array (n, height, width)
    classes : array (n,)
        Whose probability is told.
    window : int
        Side of the square, an odd number; what lies beyond the edge of an image is not there.
    cover
        What the square is filled with.

    Returns
    -------
    ndarray (n, height, width)
    """
    images, reach = np.asarray(images), window // 2
    out = np.empty(images.shape)
    for row, column in itertools.product(*(range(n) for n in images.shape[1:])):
        hidden = images.copy()
        hidden[:, max(0, row - reach) : row + reach + 1,
               max(0, column - reach) : column + reach + 1] = cover  # fmt: skip
        shares = network.predict_proba(hidden)
        out[:, row, column] = shares[np.arange(len(images)), classes]
    return out


def slopes(network: Network, images: Any, classes: Any) -> Real:
    """The derivative of a class's score (before softmax) by each pixel, at evaluation.

    Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2014), section 3. Not
    for networks with batch normalisation, whose way back is that of training.

    Returns
    -------
    ndarray (n, height, width)
    """
    inputs = network.batch(network.check_inputs(images), slice(None))
    layers, first = network.layers, network.layers[0]
    values = network.enter(inputs)
    try:
        # The first layer computes no gradient at its input unless it is asked.
        first.is_first = False
        for layer in layers:
            values = layer.forward(values, False)
        back: Any = np.zeros_like(values)
        back[np.arange(len(back)), classes] = 1.0
        for layer in reversed(layers):
            back = back if isinstance(layer, Dropout) else layer.backward(back)
    finally:
        first.is_first = True
    return np.array(back, dtype=float).reshape(np.shape(images))
