"""What every layer is: a step of a network, built in or your own."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.shared.text import listed

Array = NDArray[Any]
Shape = tuple[int, ...]

#: Sizes of batches change seldom: a training batch, the last of an epoch, one for evaluation.
MAX_BUFFERS = 16


class Layer:
    """One step of a network, from `inputs` numbers a sample to `outputs`.

    A layer of your own has `forward` and `backward`. If it has parameters, it also says their
    `shapes` and where they begin (`build`); if it makes another number of outputs, `outputs_of`
    says how many. Its arguments stay its attributes, by the same names: so it is saved, and
    `Network.load(path, layers=[Scale])` makes it again. Batches, and what it returns, are arrays
    in C order of the network's type.

    Attributes
    ----------
    inputs, outputs : int
        Numbers in a sample before and after the layer, once it is built.
    params, grads : dict
        The parameters and their gradients by name: views into the network's flat vectors.
    averages : dict
        What training gathers without a gradient (running means and variances); saved too.

    Examples
    --------
    >>> import optviz as ov
    >>> class Scale(ov.nn.Layer):
    ...     def __init__(self, start=1.0):
    ...         super().__init__()
    ...         self.start = start
    ...     def shapes(self, inputs):
    ...         return {"a": (inputs,)}
    ...     def build(self, inputs, dtype, rng):
    ...         super().build(inputs, dtype, rng)
    ...         return {"a": np.full(inputs, self.start)}
    ...     def forward(self, x, training):
    ...         self._x = x
    ...         return np.multiply(x, self.params["a"], out=self.buffer("y", *x.shape))
    ...     def backward(self, dy):
    ...         self.grads["a"][...] = (dy * self._x).sum(axis=0)
    ...         return np.multiply(dy, self.params["a"], out=dy)
    >>> net = ov.nn.Network(2, [Scale(3.0), ov.nn.Dense(1)], loss="mse", rng=0)
    >>> net.activations([[1.0, -2.0]])["0 scale"]
    array([[ 3., -6.]], dtype=float32)
    """

    #: Which parameters decay unless told: weights do, biases and batch normalisation do not.
    #: Layers with some are numbered (see `Network.names`).
    decays: ClassVar[frozenset[str]] = frozenset()
    #: Whether `forward` takes sparse batches (CSR), as the first layer.
    takes_sparse: ClassVar[bool] = False
    #: Whether training draws random numbers; `sampling` then has evaluation draw them too.
    is_random: ClassVar[bool] = False
    #: Whether it works on threads of its own.
    has_threads: ClassVar[bool] = False
    #: Height and width of images whose pixels are the rows of its batches, and their channels the
    #: columns; None where a row is a sample. The network says so before it builds the layer.
    image: tuple[int, int] | None = None

    inputs: int
    outputs: int
    dtype: Any

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.averages: dict[str, Array] = {}
        #: Whether a network has it: another would take its parameters away.
        self.is_taken = False
        #: The first layer of a network needs no gradient at its input.
        self.is_first = False
        #: Monte-Carlo: Gal and Ghahramani, ICML 2016.
        self.sampling = False
        self._buffers: dict[tuple[Any, ...], Array] = {}

    @property
    def kind(self) -> str:
        """The name of the class in lower case."""
        return type(self).__name__.lower()

    def shapes(self, inputs: int) -> dict[str, Shape]:
        """The shapes of the parameters that it would have, by name."""
        return {}

    def outputs_of(self, inputs: int) -> int:
        """How many outputs it would make of so many inputs."""
        return inputs

    def image_of(self, image: tuple[int, int] | None) -> tuple[int, int] | None:
        """Height and width of what it makes of such images: the same, unless it says otherwise."""
        return image

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """Fix the sizes; the first values of the parameters, by name."""
        self.inputs, self.outputs = inputs, self.outputs_of(inputs)
        self.dtype = np.dtype(dtype)
        return {}

    def forward(self, x: Array, training: bool) -> Array:
        """The layer's output (n, outputs) for a batch (n, inputs)."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array | None:
        """From the gradient at the output (overwritten) to that at the input; fills `grads`."""
        raise NotImplementedError

    def spec(self) -> dict[str, Any]:
        """What makes this layer again: its class and arguments."""
        name, arguments = type(self).__name__, inspect.signature(type(self)).parameters
        if missing := [argument for argument in arguments if not hasattr(self, argument)]:
            raise ValueError(f"a {name} must keep its arguments as attributes: {listed(missing)}")
        return {"layer": name, **{argument: getattr(self, argument) for argument in arguments}}

    def __repr__(self) -> str:
        _, *settings = self.spec().items()
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings)})"

    def buffer(self, name: str, *shape: int) -> Array:
        """An array that is made once for each name and shape."""
        key = (name, *shape)
        if key not in self._buffers:
            if len(self._buffers) > MAX_BUFFERS:
                self._buffers.clear()
            self._buffers[key] = np.empty(shape, self.dtype)
        return self._buffers[key]
