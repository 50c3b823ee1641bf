"""Layers for images: convolution, pooling, and the way back to rows of numbers.

Images are (height, width, channels), as in Keras. Between these layers a batch is a matrix with a
row for each pixel, (n · height · width, channels): batch normalisation, activations and dropout
take it as any other, and normalise over channels. `Flatten` makes a row of each image again; both
are the same numbers in the same order.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled.threads import side_by_side
from optviz.nn import image_kernels, kernels
from optviz.nn.initializers import Initializer, initializer
from optviz.nn.kernels import kernel
from optviz.nn.layer import Layer, Shape
from optviz.shared.checks import is_whole

Array = NDArray[Any]
Pair = tuple[int, int]

PADDINGS = ("valid", "same")
#: Numbers that are spread out at a time, with what comes of them: they stay in a processor's cache.
AT_ONCE = 1 << 18
#: A batch is done in so many groups of images, side by side where it has more numbers than `ALONE`.
#: The groups are the same on any number of threads, and so are the results to the bit.
GROUPS, ALONE = 4, 1 << 16


def _pair(name: str, given: Any) -> Pair:
    """A whole number for both directions, or two."""
    pair = (given, given) if is_whole(given) else given
    try:
        down, across = pair
    except (TypeError, ValueError):
        down = across = None
    if not (is_whole(down) and is_whole(across) and down >= 1 and across >= 1):
        raise ValueError(f"{name} must be a whole number ≥ 1, or two, not {given!r}")
    return int(down), int(across)


class _Windows(Layer):
    """What convolution and pooling share: a window that moves over images."""

    has_threads = True

    def _check(self, window: Pair, strides: Pair, padding: str) -> None:
        self._window, self._strides = window, strides
        if padding not in PADDINGS:
            raise ValueError(f"padding must be {' or '.join(PADDINGS)}, not {padding!r}")
        self.padding = padding

    def image_of(self, image: Pair | None) -> Pair:
        """The height and width of what it makes of images of such a height and width.

        Raises
        ------
        ValueError
            If there are no images, or they are smaller than the window.
        """
        name = type(self).__name__
        if image is None:
            raise ValueError(
                f"{name} needs images: give the network's inputs as (height, width, channels)"
            )
        if self.padding == "same":
            return (-(-image[0] // self._strides[0]), -(-image[1] // self._strides[1]))
        out = [
            (size - window) // stride + 1
            for size, window, stride in zip(image, self._window, self._strides, strict=True)
        ]
        if min(image[0] - self._window[0], image[1] - self._window[1]) < 0:
            raise ValueError(
                f"{name}: images of {image[0]} × {image[1]} are smaller than its window of "
                f"{self._window[0]} × {self._window[1]}"
            )
        return out[0], out[1]

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """Fix the sizes."""
        assert self.image is not None
        self._out = self.image_of(self.image)
        before = [0, 0]
        if self.padding == "same":
            before = [
                max((out - 1) * stride + window - size, 0) // 2
                for out, stride, window, size in zip(
                    self._out, self._strides, self._window, self.image, strict=True
                )
            ]
        self._sizes = np.array(
            [*self.image, *self._window, *self._strides, *before, *self._out], dtype=np.int64
        )
        return super().build(inputs, dtype, rng)

    @property
    def pixels(self) -> Pair:
        """Of an image before and after."""
        assert self.image is not None
        return math.prod(self.image), math.prod(self._out)

    def _in_groups(self, rows: int, work: Callable[[int, slice, slice], None], each: int) -> None:
        """`work(group, rows before, rows after)` for a few groups of images; `each` is how many
        numbers an image is."""
        before, after = self.pixels
        count = rows // before
        ends = [count * k // GROUPS for k in range(GROUPS + 1)]
        jobs = [
            functools.partial(work, k, slice(a * before, b * before), slice(a * after, b * after))
            for k, (a, b) in enumerate(itertools.pairwise(ends)) if a < b
        ]  # fmt: skip
        if count * each > ALONE:
            side_by_side(jobs)
            return
        for job in jobs:
            job()


class Conv2D(_Windows):
    """y = x ∗ W + b, a cross-correlation over height and width, as everywhere.

    Parameters
    ----------
    filters : int
        Channels of what comes out.
    kernel : int or (int, int)
        Height and width of the window.
    strides : int or (int, int)
        Steps down and across.
    padding : str
        "valid": windows lie within the image; "same": zeros are put around it, so that with
        strides of 1 it keeps its size (the odd one goes below and right, as in Keras).
    init
        How W begins; its fans are those of a window.
    bias : bool
        Whether there is a b, which begins at zero.

    Examples
    --------
    >>> import optviz as ov
    >>> from optviz.nn import Activation, Conv2D, Dense, Flatten, MaxPool2D, Network
    >>> net = Network((8, 8, 1), [Conv2D(4), Activation("relu"), MaxPool2D(2), Flatten(),
    ...                           Dense(10)], rng=0)
    >>> net.layers[0].params["W"].shape, [layer.outputs for layer in net.layers]
    ((3, 3, 1, 4), [4, 4, 4, 36, 10])
    """

    decays = frozenset({"W"})

    def __init__(
        self, filters: int, kernel: int | Pair = 3, strides: int | Pair = 1,
        padding: str = "valid", init: str | float | Initializer = "he", bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if not is_whole(filters) or filters < 1:
            raise ValueError(f"filters must be a whole number ≥ 1, not {filters!r}")
        self.filters, self.init, self.bias = int(filters), init, bool(bias)
        self.kernel, self.strides = _pair("kernel", kernel), _pair("strides", strides)
        self._check(self.kernel, self.strides, padding)
        initializer(init)  # refuses what it does not know

    def shapes(self, inputs: int) -> dict[str, Shape]:
        """W (height, width, channels, filters) and b (filters,)."""
        shapes: dict[str, Shape] = {"W": (*self.kernel, inputs, self.filters)}
        return shapes | {"b": (self.filters,)} if self.bias else shapes

    def outputs_of(self, inputs: int) -> int:
        """`filters`."""
        return self.filters

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """W as `init` says, and b = 0."""
        super().build(inputs, dtype, rng)
        area = math.prod(self.kernel)
        # The fans count the window; of the columns that an initialiser makes, as many as filters.
        drawn = np.asarray(initializer(self.init)(rng, area * inputs, area * self.filters), dtype)
        weights = np.ascontiguousarray(drawn[:, : self.filters]).reshape(
            *self.kernel, inputs, self.filters
        )
        self._few = max(1, AT_ONCE // (self.pixels[1] * (area * inputs + self.filters)))
        self._spread = kernel(image_kernels.spread, "mlm", dtype)
        self._gather = kernel(image_kernels.gather, "mlm", dtype)
        self._add_row = kernel(kernels.add_row, "mv", dtype)
        self._sum_rows = kernel(kernels.sum_rows, "mv", dtype)
        return {"W": weights, "b": np.zeros(self.filters, dtype)} if self.bias else {"W": weights}

    def forward(self, x: Array, training: bool) -> Array:
        """A few images at a time: spread out, then one matrix product."""
        self._x = x
        before, after = self.pixels
        y = self.buffer("y", len(x) // before * after, self.filters)
        flat = self.params["W"].reshape(-1, self.filters)
        spread = self.buffer("cols", GROUPS, self._few * after, len(flat))

        def work(group: int, rows: slice, places: slice) -> None:
            for part, place, cols in self._parts(rows, places, spread[group]):
                self._spread(x[part], self._sizes, cols)
                np.matmul(cols, flat, out=y[place])
                if self.bias:  # while the place is still in the cache
                    self._add_row(y[place], self.params["b"])

        self._in_groups(len(x), work, after * flat.size)
        return y

    def backward(self, dy: Array) -> Array | None:
        """dW = Σ colsᵀ dy, db = Σ dy, and dx gathered from dy Wᵀ."""
        x, (_, after) = self._x, self.pixels
        flat = self.params["W"].reshape(-1, self.filters)
        spread = self.buffer("cols", GROUPS, self._few * after, len(flat))
        sums, one = (self.buffer(name, GROUPS, *flat.shape) for name in ("sums of dW", "dW"))
        sums[...] = 0.0
        biases = self.buffer("sums of db", GROUPS, self.filters)
        biases[...] = 0.0
        dx = None if self.is_first else self.buffer("dx", *x.shape)

        def work(group: int, rows: slice, places: slice) -> None:
            for part, place, cols in self._parts(rows, places, spread[group]):
                self._spread(x[part], self._sizes, cols)
                sums[group] += np.matmul(cols.T, dy[place], out=one[group])
                if dx is not None:
                    # The columns have served: their place takes their gradients.
                    np.matmul(dy[place], flat.T, out=cols)
                    self._gather(cols, self._sizes, dx[part])
            if self.bias:
                self._sum_rows(dy[places], biases[group])

        self._in_groups(len(x), work, after * flat.size)
        np.sum(sums, axis=0, out=self.grads["W"].reshape(-1, self.filters))
        if self.bias:
            np.sum(biases, axis=0, out=self.grads["b"])
        return dx

    def _parts(
        self, rows: slice, places: slice, spread: Array
    ) -> Iterator[tuple[slice, slice, Array]]:
        """The rows of a few images each, before and after, and room for their columns."""
        before, after = self.pixels
        for first in range(0, (rows.stop - rows.start) // before, self._few):
            a, b = rows.start + first * before, places.start + first * after
            part = slice(a, min(a + self._few * before, rows.stop))
            place = slice(b, min(b + self._few * after, places.stop))
            yield part, place, spread[: place.stop - place.start]


class _Pool(_Windows):
    def __init__(
        self, size: int | Pair = 2, strides: int | Pair | None = None, padding: str = "valid"
    ) -> None:
        super().__init__()
        self.size = _pair("size", size)
        self.strides = self.size if strides is None else _pair("strides", strides)
        self._check(self.size, self.strides, padding)

    def _rows(self, x: Array) -> int:
        before, after = self.pixels
        return len(x) // before * after


class MaxPool2D(_Pool):
    """The largest of each window, channel by channel.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), optional
        Steps down and across; windows beside each other unless given.
    padding : str
        "valid" or "same"; what is padded is never the largest.
    """

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """No parameters."""
        super().build(inputs, dtype, rng)
        self._pool = kernel(image_kernels.max_pool, "mlml", dtype)
        self._back = kernel(image_kernels.max_back, "mlm", dtype)
        self._which: dict[int, NDArray[np.int64]] = {}
        return {}

    def forward(self, x: Array, training: bool) -> Array:
        """And where it was."""
        self._shape = x.shape
        y = self.buffer("y", self._rows(x), self.inputs)
        if self._which.get(y.size) is None:
            self._which = {y.size: np.empty(y.size, np.int64)}
        which = self._which[y.size]

        def work(_: int, rows: slice, places: slice) -> None:
            here = slice(places.start * self.inputs, places.stop * self.inputs)
            self._pool(x[rows], self._sizes, y[places], which[here])

        self._in_groups(len(x), work, x.shape[1] * self.pixels[0])
        return y

    def backward(self, dy: Array) -> Array:
        """The gradient goes where the largest was."""
        dx, which = self.buffer("dx", *self._shape), self._which[dy.size]

        def work(_: int, rows: slice, places: slice) -> None:
            here = slice(places.start * self.inputs, places.stop * self.inputs)
            self._back(dy[places], which[here], dx[rows])

        self._in_groups(len(dx), work, dx.shape[1] * self.pixels[0])
        return dx


class AveragePool2D(_Pool):
    """The mean of each window, channel by channel; what is padded does not count.

    Parameters are those of `MaxPool2D`.
    """

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """No parameters."""
        super().build(inputs, dtype, rng)
        self._pool = kernel(image_kernels.average_pool, "mlm", dtype)
        self._back = kernel(image_kernels.average_back, "mlm", dtype)
        return {}

    def forward(self, x: Array, training: bool) -> Array:
        """The mean of each window."""
        self._shape = x.shape
        y = self.buffer("y", self._rows(x), self.inputs)
        self._in_groups(
            len(x), lambda _, rows, places: self._pool(x[rows], self._sizes, y[places]),
            x.shape[1] * self.pixels[0],
        )  # fmt: skip
        return y

    def backward(self, dy: Array) -> Array:
        """Equal shares."""
        dx = self.buffer("dx", *self._shape)
        self._in_groups(
            len(dx), lambda _, rows, places: self._back(dy[places], self._sizes, dx[rows]),
            dx.shape[1] * self.pixels[0],
        )  # fmt: skip
        return dx


class Flatten(Layer):
    """A row of numbers for each image: height, width, channels, in this order."""

    def outputs_of(self, inputs: int) -> int:
        """Height · width · channels."""
        if self.image is None:
            raise ValueError("Flatten needs images: give the network's inputs as "
                             "(height, width, channels)")  # fmt: skip
        return math.prod(self.image) * inputs

    def image_of(self, image: Pair | None) -> None:
        """No images any more."""

    def forward(self, x: Array, training: bool) -> Array:
        """The same numbers."""
        return x.reshape(-1, self.outputs)

    def backward(self, dy: Array) -> Array:
        """The same numbers."""
        return dy.reshape(-1, self.inputs)
