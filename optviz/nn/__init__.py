"""Small neural networks in NumPy: data, layers, training.

>>> from optviz.nn import data
>>> data.load("digits").x.shape
(1797, 64)
"""
