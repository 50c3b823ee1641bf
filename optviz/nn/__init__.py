"""Small neural networks in NumPy: data, layers, training.

>>> from optviz.nn import data
>>> data.load("digits").x.shape
(1797, 64)
"""

from optviz import data
from optviz.nn.comparison import Training, compare
from optviz.nn.hints import TrainingHint
from optviz.nn.images import AveragePool2D, Conv2D, Flatten, MaxPool2D
from optviz.nn.layer import Layer
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.mlp import MLP
from optviz.nn.network import Network
from optviz.nn.records import History
from optviz.nn.training import fit

__all__ = [
    "MLP",
    "Activation",
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "History",
    "Layer",
    "MaxPool2D",
    "Network",
    "Training",
    "TrainingHint",
    "compare",
    "data",
    "fit",
]  # fmt: skip
