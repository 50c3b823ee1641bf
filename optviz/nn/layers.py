"""Layers: each takes a batch forward, and the loss's gradient backward.

A layer keeps what its backward pass needs until then, in arrays that are made once for each size
of batch. What it returns is such an array: it is overwritten in the next pass.

The conventions of batch normalisation (`convention=`): `book` is *Deep Learning from Scratch*,
where momentum is what the running averages keep; `torch` and `keras` are those libraries.

| | momentum | epsilon | variance that is averaged |
|---|---|---|---|
| book | 0.9, the share that is kept | 1e-6 | the batch's |
| torch | 0.1, the share that is new | 1e-5 | the batch's · n/(n − 1) |
| keras | 0.99, the share that is kept | 1e-3 | the batch's |

The averages begin at mean 0 and variance 1 in all three. There `book` is not the book's code,
whose variance begins at 0.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import splitmix
from optviz.compiled.jit import jit_disabled
from optviz.compiled.threads import is_blas_held, side_by_side
from optviz.nn import kernels
from optviz.nn.activations import ALPHAS, backward_kernel, check_activation, forward_kernel
from optviz.nn.initializers import Initializer, initializer
from optviz.nn.kernels import kernel
from optviz.nn.layer import Layer, Shape
from optviz.shared.checks import as_real, check_count
from optviz.shared.text import listed

Array = NDArray[Any]

#: So many numbers are worth a second thread; into so many parts those of images are divided.
LARGE, PARTS = 1 << 18, 4

#: Up to so many multiplications, a product's loops are quicker than a call of BLAS.
SMALL = 8192


def is_small(rows: int, inputs: int, units: int) -> bool:
    """Whether a dense layer computes such a batch in loops of its own."""
    return rows * inputs * units <= SMALL and not jit_disabled()


@functools.cache
def small_products(dtype: Any) -> tuple[Callable[..., Any], ...]:
    """y = x W + b; dW and db; dx: compiled."""
    module = kernels.small_kernels()
    return (
        kernel(module.affine, "mmvm", dtype),
        kernel(module.affine_slopes, "mmmv", dtype),
        kernel(module.affine_back, "mmm", dtype),
    )


class Dense(Layer):
    """y = x W + b.

    Parameters
    ----------
    units : int
        The number of outputs.
    init
        How W begins (see `initializers.initializer`).
    bias : bool
        Whether there is a b, which begins at zero.
    """

    decays = frozenset({"W"})
    takes_sparse = True

    def __init__(self, units: int, init: str | float | Initializer = "he", bias: bool = True):
        super().__init__()
        check_count("units", units)
        self.units, self.init, self.bias = int(units), init, bool(bias)
        initializer(init)  # refuses what it does not know

    def shapes(self, inputs: int) -> dict[str, Shape]:
        """W (inputs, units) and b (units,)."""
        shapes: dict[str, Shape] = {"W": (inputs, self.units)}
        return shapes | {"b": (self.units,)} if self.bias else shapes

    def outputs_of(self, inputs: int) -> int:
        """`units`."""
        return self.units

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """W as `init` says, and b = 0."""
        super().build(inputs, dtype, rng)
        weights = np.asarray(initializer(self.init)(rng, inputs, self.units), dtype)
        if weights.shape != (inputs, self.units):
            raise ValueError(f"init gave {weights.shape} instead of {(inputs, self.units)}")
        self._add_row = kernel(kernels.add_row, "mv", dtype)
        self._sum_rows = kernel(kernels.sum_rows, "mv", dtype)
        self._no_bias = np.zeros(0, dtype)
        return {"W": weights, "b": np.zeros(self.units, dtype)} if self.bias else {"W": weights}

    def forward(self, x: Array, training: bool) -> Array:
        """Rows of x, dense or sparse (CSR), times W."""
        self._x = x
        y = self.buffer("y", x.shape[0], self.units)
        if self._is_small(x):
            affine, _, _ = small_products(self.dtype)
            affine(x, self.params["W"], self.params.get("b", self._no_bias), y)
            return y
        if isinstance(x, np.ndarray):
            np.matmul(x, self.params["W"], out=y)
        else:
            y[...] = x @ self.params["W"]
        if self.bias:
            self._add_row(y, self.params["b"])
        return y

    def backward(self, dy: Array) -> Array | None:
        """dW = xᵀ dy, db = Σ dy, dx = dy Wᵀ."""
        if self._is_small(self._x):
            _, slopes, back = small_products(self.dtype)
            slopes(self._x, dy, self.grads["W"], self.grads.get("b", self._no_bias))
            if self.is_first:
                return None
            dx = self.buffer("dx", len(dy), self.inputs)
            back(dy, self.params["W"], dx)
            return dx
        if self.bias:
            self._sum_rows(dy, self.grads["b"])
        if self.is_first:
            self._weigh(dy)
            return None
        dx = self.buffer("dx", len(dy), self.inputs)
        products = [
            functools.partial(self._weigh, dy),
            functools.partial(np.matmul, dy, self.params["W"].T, out=dx),
        ]
        if is_blas_held() and self.params["W"].size > LARGE:  # beside layers with threads
            side_by_side(products)
        else:
            for product in products:
                product()
        return dx

    def _is_small(self, x: Any) -> bool:
        return isinstance(x, np.ndarray) and is_small(len(x), self.inputs, self.units)

    def _weigh(self, dy: Array) -> None:
        if isinstance(self._x, np.ndarray):
            np.matmul(self._x.T, dy, out=self.grads["W"])
        else:
            self.grads["W"][...] = self._x.T @ dy


class BatchNorm(Layer):
    """y = γ (x − μ)/√(σ² + ε) + β: with the batch's μ and σ² in training, else the averages.

    Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithms 1 and 2.

    Parameters
    ----------
    momentum : float, optional
        In [0, 1]: what the averages keep in each step (`book`, `keras`) or take over (`torch`).
    eps : float ≥ 0, optional
        Added to the variance.
    convention : str
        "book", "torch" or "keras": defaults, momentum and variance as in the module's table.

    Notes
    -----
    The running variance begins at 1, as in both libraries; in the book's code it begins at 0, so
    that after k steps it is too small there by the factor 1 − momentumᵏ.
    """

    #: momentum, eps
    DEFAULTS: ClassVar[dict[str, tuple[float, float]]] = {
        "book": (0.9, 1e-6), "torch": (0.1, 1e-5), "keras": (0.99, 1e-3),
    }  # fmt: skip

    def __init__(
        self, momentum: float | None = None, eps: float | None = None, convention: str = "book"
    ):
        super().__init__()
        if convention not in self.DEFAULTS:
            raise ValueError(
                f"BatchNorm has no convention {convention!r}; it has {listed(self.DEFAULTS)}"
            )
        usual = self.DEFAULTS[convention]
        self.momentum = usual[0] if momentum is None else as_real(momentum)
        self.eps = usual[1] if eps is None else as_real(eps)
        self.convention = convention
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"BatchNorm: momentum must lie in [0, 1], not {momentum!r}")
        if not 0 <= self.eps < np.inf:
            raise ValueError(f"BatchNorm: eps must be a number ≥ 0, not {eps!r}")

    def shapes(self, inputs: int) -> dict[str, Shape]:
        """γ and β, both (inputs,)."""
        return {"gamma": (inputs,), "beta": (inputs,)}

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """γ = 1 and β = 0."""
        super().build(inputs, dtype, rng)
        self.averages = {"mean": np.zeros(inputs), "variance": np.ones(inputs)}
        self._mean, self._variance = np.empty(inputs), np.empty(inputs)
        self._moments = kernel(kernels.moments, "mffssss", dtype)
        self._normalize = kernel(kernels.normalize, "mssvvfm", dtype)
        self._backward = kernel(kernels.normalize_backward, "mssvfmvv", dtype)
        return {"gamma": np.ones(inputs, dtype), "beta": np.zeros(inputs, dtype)}

    def forward(self, x: Array, training: bool) -> Array:
        """Normalised with the batch's moments, or with the averages."""
        y = self.buffer("y", *x.shape)
        mean, variance = self.averages["mean"], self.averages["variance"]
        if training:
            self._x = x
            self.gather(x)
            mean, variance = self._mean, self._variance
        gamma, beta = self.params["gamma"], self.params["beta"]
        self._normalize(x, mean, variance, gamma, beta, self.eps, y)
        return y

    def gather(self, x: Array) -> None:
        """The moments of a training batch, which the running averages take up."""
        n = len(x)
        new = self.momentum if self.convention == "torch" else 1 - self.momentum
        unbiased = n / (n - 1) if self.convention == "torch" and n > 1 else 1.0
        self._moments(x, new, unbiased, self._mean, self._variance, self.averages["mean"],
                      self.averages["variance"])  # fmt: skip

    def settings(self) -> tuple[Any, ...]:
        """What normalises the last training batch: μ, σ², γ, β, ε."""
        return self._mean, self._variance, self.params["gamma"], self.params["beta"], self.eps

    def backward(self, dy: Array) -> Array:
        """Through the batch's moments too."""
        self._backward(self._x, self._mean, self._variance, self.params["gamma"], self.eps, dy,
                       self.grads["gamma"], self.grads["beta"])  # fmt: skip
        return dy


class Activation(Layer):
    """y = h(x), number by number.

    Parameters
    ----------
    name : str
        One of `activations.ACTIVATIONS`.
    alpha : float, optional
        The slope of a leaky ReLU below zero (0.01), the depth of an ELU (1).
    """

    def __init__(self, name: str, alpha: float | None = None):
        super().__init__()
        self.name = check_activation(name)
        self.alpha = ALPHAS.get(name, 0.0) if alpha is None else as_real(alpha)
        if not np.isfinite(self.alpha):
            raise ValueError(f"alpha must be a finite number, not {alpha!r}")

    @property
    def kind(self) -> str:
        """The activation's name."""
        return self.name

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """No parameters."""
        self._forward = forward_kernel(self.name, np.dtype(dtype).name)
        self._backward = backward_kernel(self.name, np.dtype(dtype).name)
        return super().build(inputs, dtype, rng)

    def forward(self, x: Array, training: bool) -> Array:
        """h(x)."""
        self._x, self._y = x, self.buffer("y", *x.shape)
        self._in_parts(self._forward, x, self._y)
        return self._y

    def backward(self, dy: Array) -> Array:
        """dy h′(x)."""
        # Not into dy itself: LLVM vectorises loops over arrays that do not overlap.
        dx = self.buffer("dx", *dy.shape)
        self._in_parts(self._backward, self._x, self._y, dy, dx)
        return dx

    def _in_parts(self, loop: Callable[..., None], *arrays: Array) -> None:
        """Number by number; many images in parts side by side, as the layers around them are."""
        flat, size = [array.ravel() for array in arrays], arrays[0].size
        if self.image is None or size < LARGE:
            loop(*flat, self.alpha)
            return
        ends = [size * k // PARTS for k in range(PARTS + 1)]
        side_by_side([
            functools.partial(loop, *(array[a:b] for array in flat), self.alpha)
            for a, b in itertools.pairwise(ends)
        ])  # fmt: skip


class Dropout(Layer):
    """y = 0 with probability `rate`, else x/(1 − rate), while training; y = x at evaluation.

    "Inverted": the expectation is x in both. Srivastava et al., JMLR 15 (2014); section 10 there.

    Parameters
    ----------
    rate : float
        The probability that a number is dropped, in [0, 1).
    keep : float, optional
        The same said the other way: the probability that it stays, in (0, 1].
    """

    is_random = True

    def __init__(self, rate: float | None = None, keep: float | None = None):
        super().__init__()
        if (rate is None) == (keep is None):
            raise ValueError("Dropout takes rate (the share that is dropped) or keep, one of them")
        if keep is not None and not 0 < as_real(keep) <= 1:
            raise ValueError(f"Dropout: keep must lie in (0, 1], not {keep!r}")
        self.rate = as_real(rate) if rate is not None else 1 - as_real(keep)
        if not 0 <= self.rate < 1:
            raise ValueError(f"Dropout: rate must lie in [0, 1), not {rate!r}")

    def spec(self) -> dict[str, Any]:
        """Its class and rate."""
        return {"layer": type(self).__name__, "rate": self.rate}

    def build(self, inputs: int, dtype: Any, rng: np.random.Generator) -> dict[str, Array]:
        """No parameters, but a key for its masks."""
        # The key is this layer's own; the count of passes makes each mask another one.
        self.averages = {
            "key": rng.integers(0, 2**32, 1, dtype=np.uint32),
            "passes": np.zeros(1, np.uint32),
        }
        self._drop = kernel(kernels.drop, "vkfv", dtype)
        return super().build(inputs, dtype, rng)

    def forward(self, x: Array, training: bool) -> Array:
        """A new mask in each pass."""
        if self.rate == 0 or not (training or self.sampling):
            return x
        self.advance()
        y = self.buffer("y", *x.shape)
        self._mask(x, y)
        return y

    def backward(self, dy: Array) -> Array:
        """The same mask."""
        if self.rate == 0:
            return dy
        dx = self.buffer("dx", *dy.shape)
        self._mask(dy, dx)
        return dx

    def advance(self) -> None:
        """On to the next mask."""
        self.averages["passes"] += np.uint32(1)
        which = int(self.averages["key"][0]) << 32 | int(self.averages["passes"][0])
        self._key = np.uint32(splitmix.nth(which) >> 32)

    def settings(self) -> tuple[Any, ...]:
        """What makes the mask of the last pass: its key, and the rate."""
        return self._key, self.rate

    def kept(self, rows: int) -> NDArray[np.bool_]:
        """Which units the last pass through so many rows kept: (rows, units)."""
        ones, y = (
            np.ones((rows, self.inputs), self.dtype),
            np.empty((rows, self.inputs), self.dtype),
        )
        self._mask(ones, y)
        return np.asarray(y > 0)

    def _mask(self, x: Array, y: Array) -> None:
        self._drop(x.ravel(), self._key, self.rate, y.ravel())
