"""Losses: what the last layer's outputs are compared with, and how."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.compiled import sources
from optviz.nn.kernels import count_correct, kernel
from optviz.shared.checks import as_array
from optviz.shared.text import did_you_mean, listed

Array = NDArray[Any]


class Loss:
    """A loss with its gradient; subclasses say what targets they take.

    Targets are prepared once (`targets`), then `__call__` gives the mean loss of a batch and
    writes the gradient.
    """

    name: ClassVar[str]
    #: What a correct answer is: "accuracy", or nothing for a regression.
    metric: ClassVar[str] = "accuracy"

    def targets(self, y: ArrayLike, outputs: int, dtype: Any) -> Array:
        """`y` in the form that the loss computes with.

        Raises
        ------
        ValueError
            If it cannot be a target of a network with so many outputs.
        """
        raise NotImplementedError

    def kernel(self, targets: Array, dtype: Any) -> Callable[..., float]:
        """The compiled loss for such targets, `kernel(outputs, targets, gradient)`."""
        raise NotImplementedError

    def __call__(self, outputs: Array, targets: Array, gradient: Array) -> float:
        """The mean loss of a batch; `gradient` (n, outputs) is filled."""
        return float(self.kernel(targets, outputs.dtype)(outputs, targets, gradient))

    def probabilities(self, outputs: Array) -> Array:
        """What the outputs say in probabilities (or the outputs themselves)."""
        return outputs

    def predictions(self, outputs: Array) -> Array:
        """The answer for each row: a class, or the outputs themselves."""
        return outputs

    def correct(self, outputs: Array, targets: Array) -> int:
        """How many rows are answered correctly."""
        return 0


class SoftmaxCrossEntropy(Loss):
    """log Σ exp(z) − z[label], for classes; labels are integers, or rows of probabilities."""

    name = "softmax"

    def targets(self, y: ArrayLike, outputs: int, dtype: Any) -> Array:
        """Integer labels (n,), or rows (n, outputs) such as one-hot, each summing to 1."""
        array = as_array("y", y)
        if array.ndim == 1 and array.dtype.kind in "iub":
            if array.size and not 0 <= array.min() <= array.max() < outputs:
                raise ValueError(
                    f"labels must lie between 0 and {outputs - 1} (the network has {outputs} "
                    f"outputs), not between {array.min()} and {array.max()}"
                )
            return np.ascontiguousarray(array, np.int64)
        if array.ndim == 2 and array.shape[1] == outputs and array.dtype.kind in "iubf":
            rows = np.ascontiguousarray(array, dtype)
            if not np.allclose(rows.sum(axis=1), 1, atol=1e-3) or rows.min(initial=0) < 0:
                raise ValueError("each row of y must be probabilities that sum to 1 (one-hot)")
            return rows
        raise ValueError(
            f"y must be whole labels of shape (n,) or rows of shape (n, {outputs}), not "
            f"{array.dtype} of shape {array.shape}"
        )

    def kernel(self, targets: Array, dtype: Any) -> Callable[..., float]:
        """The mean over rows, of labels or of rows of probabilities."""
        if targets.ndim == 1:
            return _loss_kernel("softmax_cross_entropy", "rmlm", dtype)
        return _loss_kernel("soft_cross_entropy", "rmmm", dtype)

    @np.errstate(invalid="ignore")
    def probabilities(self, outputs: Array) -> Array:
        """The softmax of each row."""
        power = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(power / power.sum(axis=1, keepdims=True))

    def predictions(self, outputs: Array) -> Array:
        """The class with the largest output."""
        return np.asarray(outputs.argmax(axis=1))

    def correct(self, outputs: Array, targets: Array) -> int:
        """Rows whose largest output is the target's class."""
        labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
        return int(_counter(outputs.dtype)(outputs, labels))


class _Columns(Loss):
    """Losses that compare outputs and targets number by number."""

    def targets(self, y: ArrayLike, outputs: int, dtype: Any) -> Array:
        """Numbers of shape (n, outputs), or (n,) for one output."""
        array = as_array("y", y)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != outputs or array.dtype.kind not in "iubf":
            raise ValueError(
                f"y must be numbers of shape (n, {outputs}), not {array.dtype} of shape "
                f"{np.shape(y)}"
            )
        with np.errstate(over="ignore"):  # becomes inf, and is refused
            rows = np.ascontiguousarray(array, dtype)
        if not np.isfinite(rows).all():
            raise ValueError("y must be finite")
        return rows


class BinaryCrossEntropy(_Columns):
    """max(z, 0) − z t + log(1 + exp(−|z|)), for yes and no; targets between 0 and 1."""

    name = "binary"

    def targets(self, y: ArrayLike, outputs: int, dtype: Any) -> Array:
        """Numbers from 0 to 1 of shape (n, outputs), or (n,) for one output."""
        rows = super().targets(y, outputs, dtype)
        if rows.size and not 0 <= rows.min() <= rows.max() <= 1:
            raise ValueError("y must lie between 0 and 1 for a binary loss")
        return rows

    def kernel(self, targets: Array, dtype: Any) -> Callable[..., float]:
        """The mean over all elements."""
        return _loss_kernel("binary_cross_entropy", "rmmm", dtype)

    @np.errstate(invalid="ignore")
    def probabilities(self, outputs: Array) -> Array:
        """The logistic function of each output."""
        power = np.exp(-np.abs(outputs))
        return np.asarray(np.where(outputs >= 0, 1, power) / (1 + power))

    def predictions(self, outputs: Array) -> Array:
        """0 or 1; (n,) for one output."""
        answers = (outputs > 0).astype(np.int64)
        return answers[:, 0] if answers.shape[1] == 1 else answers

    def correct(self, outputs: Array, targets: Array) -> int:
        """Rows of which all outputs are on the right side."""
        return int(np.count_nonzero(((outputs > 0) == (targets > 0.5)).all(axis=1)))


class MeanSquaredError(_Columns):
    """(z − t)², for numbers."""

    name = "mse"
    metric = ""

    def kernel(self, targets: Array, dtype: Any) -> Callable[..., float]:
        """The mean over all elements."""
        return _loss_kernel("mean_squared_error", "rmmm", dtype)


LOSSES: dict[str, type[Loss]] = {
    kind.name: kind for kind in (SoftmaxCrossEntropy, BinaryCrossEntropy, MeanSquaredError)
}


def loss_named(name: str | Loss) -> Loss:
    """The loss of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if isinstance(name, Loss):
        return name
    if name not in LOSSES:
        hint = did_you_mean(str(name), LOSSES)
        raise ValueError(f"loss {name!r} is not known{hint}; there are {listed(LOSSES)}")
    return LOSSES[name]()


@functools.cache
def _loss_kernel(name: str, layout: str, dtype: np.dtype[Any]) -> Callable[..., float]:
    return kernel(getattr(sources.with_vecmath("nn/loss_kernels.py"), name), layout, dtype)


@functools.cache
def _counter(dtype: np.dtype[Any]) -> Any:
    return kernel(count_correct, "rml", dtype)
