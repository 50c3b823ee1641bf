"""Data for small networks: one door to sets that are built in, generated, or read from files.

>>> from optviz import data
>>> train, test = data.load("moons:n=500,noise=0.2,seed=3").split(test=0.2)
>>> scale = data.standardize(train)
>>> scale(train).x.std(axis=0).round(3)
array([1., 1.], dtype=float32)
"""

from optviz.data.catalogue import (
    datasets,
    is_made_here,
    load,
    load_classes,
    load_numbers,
    made_here,
)
from optviz.data.dataset import Dataset
from optviz.data.generators import blobs, circles, moons, spirals, text, xor
from optviz.data.loaders import csv, digits, fashion_mnist, images, imdb, mnist, npz
from optviz.data.preparation import (
    Scaling,
    count_for_training,
    min_max,
    one_hot,
    standardize,
    vectorize_sequences,
)

__all__ = [
    "Dataset",
    "Scaling",
    "blobs",
    "circles",
    "count_for_training",
    "csv",
    "datasets",
    "digits",
    "fashion_mnist",
    "images",
    "imdb",
    "is_made_here",
    "load",
    "load_classes",
    "load_numbers",
    "made_here",
    "min_max",
    "mnist",
    "moons",
    "npz",
    "one_hot",
    "spirals",
    "standardize",
    "text",
    "vectorize_sequences",
    "xor",
]
