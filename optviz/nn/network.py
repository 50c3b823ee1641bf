"""Networks: a sequence of layers over one flat vector of parameters, and a loss."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.data.dataset import is_sparse
from optviz.nn.fusion import stages
from optviz.nn.kernels import add_penalty, kernel
from optviz.nn.layers import LAYERS, BatchNorm, Dense, Dropout, Layer
from optviz.nn.losses import Loss, loss_named
from optviz.shared.archive import read_archive, write_archive
from optviz.shared.checks import as_array, as_real, check_count, check_whole, generator
from optviz.shared.text import listed

if TYPE_CHECKING:
    from optviz.nn.training import History
    from optviz.optimizers.base import Optimizer

Array = NDArray[Any]

#: Rows that are evaluated at a time.
EVALUATION_BATCH = 1024


class Network:
    """Layers in a row.

    All parameters lie in one flat vector, those that decay first, so that an optimizer steps them
    in one call; each layer has named views into it.

    Parameters
    ----------
    inputs : int
        Numbers in a sample.
    layers : sequence of Layer
        At least one; each layer object belongs to one network.
    loss : str or Loss
        "softmax", "binary" or "mse".
    l1, l2 : float or mapping, ≥ 0
        Penalties λ₁ Σ|θ| + λ₂/2 Σθ² on weights; or by kind of parameter, such as
        `{"W": 1e-4, "b": 1e-5}` (kinds: W, b, gamma, beta).
    dtype
        float32 or float64.
    rng
        Seed or generator of the first weights and of dropout.

    Attributes
    ----------
    parameters, gradients : ndarray (p,)
        The flat vectors.
    decaying : int
        So many parameters at the beginning of the vector decay (the weights).

    Examples
    --------
    >>> import optviz as ov
    >>> from optviz.nn import Activation, Dense, Network
    >>> net = Network(2, [Dense(20), Activation("tanh"), Dense(1)], loss="binary")
    >>> net.parameters.shape, net.layers[0].params["W"].shape
    ((81,), (2, 20))
    """

    def __init__(
        self,
        inputs: int,
        layers: Sequence[Layer],
        *,
        loss: str | Loss = "softmax",
        l1: float | Mapping[str, float] = 0.0,
        l2: float | Mapping[str, float] = 0.0,
        dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:
        self.layers = tuple(layers)
        self.loss_function = loss_named(loss)
        self.dtype = _real_type(dtype)
        check_count("inputs", inputs)
        if not self.layers or not all(isinstance(layer, Layer) for layer in self.layers):
            raise ValueError("a network needs layers, such as [Dense(10)]")
        if len(set(map(id, self.layers))) < len(self.layers):
            raise ValueError("a layer stands in the network twice: make one for each place")
        if any(layer.is_taken for layer in self.layers):
            raise ValueError("a layer belongs to another network: make one for each")
        self.inputs = int(inputs)
        self.l1, self.l2 = (self._penalties(name, v) for name, v in (("l1", l1), ("l2", l2)))
        self._build(generator(rng))
        self._add_penalty = kernel(add_penalty, "rvffv", self.dtype)

    def _build(self, rng: np.random.Generator) -> None:
        """First values of all parameters, then the flat vectors with views for the layers."""
        size = self.inputs
        first: list[tuple[Layer, str, Array]] = []
        for layer in self.layers:
            first += [(layer, name, v) for name, v in layer.build(size, self.dtype, rng).items()]
            size = layer.outputs
        self.outputs = size
        if isinstance(self.layers[0], Dense):
            self.layers[0].is_first = True
        first.sort(key=lambda item: item[1] not in item[0].decays)
        self.decaying = sum(v.size for layer, name, v in first if name in layer.decays)
        count = sum(values.size for _, _, values in first)
        self.parameters = np.empty(count, self.dtype)
        self.gradients = np.zeros(count, self.dtype)
        self._parts: dict[tuple[Layer, str], slice] = {}
        at = 0
        for layer, name, values in first:
            part = self._parts[layer, name] = slice(at, at + values.size)
            layer.params[name] = self.parameters[part].reshape(values.shape)
            layer.grads[name] = self.gradients[part].reshape(values.shape)
            layer.params[name][...] = values
            at += values.size
        for layer in self.layers:
            layer.is_taken = True
        #: What the training passes go through.
        self.stages = stages(self.layers)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each layer: `1 dense`, `1 batchnorm`, `1 relu`, `2 dense`, …

        A second one of a kind after the same dense layer is `1 relu 2`.
        """
        number, seen, out = 0, Counter[str](), []
        for layer in self.layers:
            number += isinstance(layer, Dense)
            name = f"{number} {layer.kind}"
            seen[name] += 1
            out.append(name if seen[name] == 1 else f"{name} {seen[name]}")
        return tuple(out)

    def views(self, vector: Array | None = None) -> dict[str, Array]:
        """The parameters (or another flat vector of that size) by layer and name.

        >>> from optviz.nn import MLP
        >>> sorted(MLP((2, 3, 1), loss="mse").views())
        ['1 dense/W', '1 dense/b', '2 dense/W', '2 dense/b']
        """
        vector = self.parameters if vector is None else vector
        return {
            f"{name}/{key}": vector[self._parts[layer, key]].reshape(theta.shape)
            for name, layer in zip(self.names, self.layers, strict=True)
            for key, theta in layer.params.items()
        }

    # -- passes ------------------------------------------------------------------------------

    # A network that diverges says so by its loss, not by a warning for each product.
    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: Array, training: bool = False) -> Array:
        """The outputs (n, outputs) of a batch; overwritten in the next pass."""
        for stage in self.stages if training else self.layers:
            x = stage.forward(x, training)
        return x

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, dy: Array) -> None:
        """Fill `gradients` from the loss's gradient at the outputs (overwritten)."""
        gradient: Array | None = dy
        for stage in reversed(self.stages):
            gradient = stage.backward(gradient)

    def step_gradient(self, x: Array, targets: Array) -> tuple[float, Array]:
        """Loss with penalties and outputs of a prepared training batch; fills `gradients`."""
        outputs = self.forward(x, training=True)
        dy = self.layers[-1].buffer("gradient", *outputs.shape)
        loss = self.loss_function(outputs, targets, dy)
        self.backward(dy)
        return loss + self._penalize(), outputs

    def gradient(self, x: ArrayLike, y: ArrayLike) -> Array:
        """The gradient of the loss (with penalties) by all parameters, in training: (p,).

        Batch normalisation uses the batch's moments, dropout a new mask.
        """
        inputs = self.batch(self.check_inputs(x), slice(None))
        self.step_gradient(inputs, self.check_targets(y, inputs.shape[0]))
        return self.gradients.copy()

    def _penalize(self) -> float:
        """Add the penalties' gradients; what the penalties add to the loss."""
        total = 0.0
        for layer in self.layers if self.l1 or self.l2 else ():
            for name, theta in layer.params.items():
                l1, l2 = self.l1.get(name, 0.0), self.l2.get(name, 0.0)
                if l1 or l2:
                    total += self._add_penalty(theta.ravel(), l1, l2, layer.grads[name].ravel())
        return total

    # -- evaluation --------------------------------------------------------------------------

    def outputs_of(self, x: ArrayLike) -> Array:
        """The outputs (n, outputs) of all rows of x at evaluation, in batches of 1,024."""
        return self._outputs(self.check_inputs(x))

    def _outputs(self, inputs: Any) -> Array:
        out = np.empty((inputs.shape[0], self.outputs), self.dtype)
        for part in _slices(inputs.shape[0]):
            out[part] = self.forward(self.batch(inputs, part))
        return out

    def predict(self, x: ArrayLike) -> Array:
        """A class for each row (softmax, binary), or the outputs (mse)."""
        return self.loss_function.predictions(self.outputs_of(x))

    def predict_proba(self, x: ArrayLike, samples: int = 0) -> Array:
        """Probabilities (n, outputs); with `samples`, the mean over so many dropout masks."""
        check_whole("samples", samples, 0)
        if not samples:
            return self.loss_function.probabilities(self.outputs_of(x))
        dropouts = [layer for layer in self.layers if isinstance(layer, Dropout)]
        if not dropouts:
            raise ValueError("samples ask for dropout, and this network has none")
        inputs = self.check_inputs(x)
        try:
            for layer in dropouts:
                layer.sampling = True
            total = sum(
                self.loss_function.probabilities(self._outputs(inputs)) for _ in range(samples)
            )
        finally:
            for layer in dropouts:
                layer.sampling = False
        return np.asarray(total / samples)

    def loss(self, x: ArrayLike, y: ArrayLike) -> float:
        """The mean loss at evaluation, without penalties."""
        return self.evaluate(x, y)[0]

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
        """Mean loss (without penalties) and accuracy (nan for a regression) at evaluation."""
        inputs = self.check_inputs(x)
        return self.measure(inputs, self.check_targets(y, inputs.shape[0]))

    def measure(self, inputs: Any, targets: Array) -> tuple[float, float]:
        """`evaluate` for data that were checked before, as training sees them in each epoch."""
        loss, correct = 0.0, 0
        for part in _slices(inputs.shape[0]):
            outputs = self.forward(self.batch(inputs, part))
            scratch = self.layers[-1].buffer("gradient", *outputs.shape)
            loss += self.loss_function(outputs, targets[part], scratch) * len(outputs)
            correct += self.loss_function.correct(outputs, targets[part])
        count = inputs.shape[0]
        has_metric = bool(self.loss_function.metric)
        return loss / count, correct / count if has_metric else float("nan")

    def activations(self, x: ArrayLike, training: bool = False) -> dict[str, Array]:
        """The output of each layer for a batch, by the layer's name; copies."""
        values = self.batch(self.check_inputs(x), slice(None))
        out = {}
        for name, layer in zip(self.names, self.layers, strict=True):
            values = layer.forward(values, training)
            out[name] = values.copy()
        return out

    # -- input -------------------------------------------------------------------------------

    def check_inputs(self, x: ArrayLike) -> Any:
        """`x` as a matrix (n, inputs), dense or CSR; numbers of other types stay as they are.

        Raises
        ------
        ValueError
            If it has another shape, no rows, or holds no finite numbers.
        """
        matrix: Any = x
        if is_sparse(x):
            matrix = matrix.tocsr()
            if not isinstance(self.layers[0], Dense):
                raise ValueError("sparse x needs a Dense layer first")
        else:
            matrix = as_array("x", x)
        if matrix.dtype.kind not in "iubf":
            raise ValueError(f"x must be numbers, not {matrix.dtype}")
        if matrix.ndim != 2 or matrix.shape[1] != self.inputs:
            raise ValueError(f"x must have the shape (n, {self.inputs}), not {matrix.shape}")
        if not matrix.shape[0]:
            raise ValueError("x has no rows")
        self._check_finite(matrix.data if is_sparse(x) else matrix)
        return matrix

    def _check_finite(self, numbers: Array) -> None:
        if numbers.dtype.kind != "f" or not numbers.size:
            return
        with np.errstate(all="ignore"):
            flat = numbers.ravel().astype(self.dtype, copy=False)
            if np.isfinite(np.dot(flat, flat)):
                return  # the fastest way to say yes; large numbers overflow, and are looked at
        # The extremes are nan if any number is, and make no copy.
        low, high = float(numbers.min()), float(numbers.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("x must be finite: it holds nan or inf")
        largest, limit = max(-low, high), float(np.finfo(self.dtype).max)
        if largest > limit:
            raise ValueError(f"x holds {largest:g}, which is beyond {self.dtype}")

    def check_targets(self, y: ArrayLike, rows: int) -> Array:
        """`y` as the loss wants it, with as many rows as x."""
        targets = self.loss_function.targets(y, self.outputs, self.dtype)
        if len(targets) != rows:
            raise ValueError(f"x has {rows} rows and y has {len(targets)}")
        return targets

    def batch(self, x: Any, rows: Any) -> Any:
        """Those rows of x in the network's type."""
        part = x[rows]
        if isinstance(part, np.ndarray):
            return np.ascontiguousarray(part, self.dtype)
        return part.astype(self.dtype, copy=False)

    # -- keeping -----------------------------------------------------------------------------

    def fit(self, x: ArrayLike, y: ArrayLike, optimizer: Optimizer, **options: Any) -> History:
        """Train; see `training.fit` for the options.

        >>> import numpy as np, optviz as ov
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> net = ov.nn.MLP((2, 20, 2), rng=0)
        >>> history = net.fit(x, (x[:, 0] > 0).astype(int), ov.Adam(lr=0.05), epochs=5, rng=0)
        >>> history.epochs, bool(history.accuracy[-1] > 0.95)
        (5, True)
        """
        from optviz.nn.training import fit

        return fit(self, x, y, optimizer, **options)

    def averages(self) -> dict[str, Array]:
        """What training gathers besides parameters: running averages, dropout's counts."""
        return {
            f"{k}/{name}": array
            for k, layer in enumerate(self.layers)
            for name, array in layer.averages.items()
        }

    def state(self) -> dict[str, Array]:
        """All that training changes: `parameters` and `averages/…`; the arrays themselves."""
        averages = {f"averages/{name}": array for name, array in self.averages().items()}
        return {"parameters": self.parameters, **averages}

    def spec(self) -> dict[str, Any]:
        """The architecture as JSON data."""
        return {
            "inputs": self.inputs,
            "layers": [_plain(layer.spec()) for layer in self.layers],
            "loss": self.loss_function.name,
            "l1": self.l1,
            "l2": self.l2,
            "dtype": self.dtype.name,
        }

    def save(self, path: str | Path) -> Path:
        """Write architecture and parameters to an `.npz` (no pickle); `Network.load` reads it."""
        return write_archive(path, self.state(), {"kind": "network", **self.spec()})

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """A network that `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged or none of ours; nothing in it is executed.
        """
        arrays, spec = read_archive(path, "network")
        try:
            inputs, layers = int(spec["inputs"]), _layers(spec["layers"])
            # Before anything is made: a few bytes could ask for all of the memory.
            if _count(inputs, layers) != arrays["parameters"].size:
                raise ValueError(
                    f"its {arrays['parameters'].size:,} parameters are not its layers'"
                )
            made = cls.from_spec(spec)
            made.restore(arrays)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"{Path(path).name} is damaged: {error}") from None
        return made

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Network:
        """A network of the architecture that `spec` returned, with new parameters."""
        return cls(
            int(spec["inputs"]), _layers(spec["layers"]), loss=str(spec["loss"]), l1=spec["l1"],
            l2=spec["l2"], dtype=str(spec["dtype"]), rng=0,
        )  # fmt: skip

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `state` returned, if all of it fits."""
        self.check_state(arrays)
        for name, array in self.state().items():
            array[...] = arrays[name]

    def check_state(self, arrays: Mapping[str, Array]) -> None:
        """Refuse what `restore` could not take over.

        Raises
        ------
        ValueError
            If an array is missing, or of another shape or type.
        """
        for name, array in self.state().items():
            if name not in arrays:
                raise ValueError(f"{name} is missing")
            if arrays[name].shape != array.shape or arrays[name].dtype != array.dtype:
                raise ValueError(f"{name} has another shape or type")

    def _penalties(self, name: str, value: float | Mapping[str, float]) -> dict[str, float]:
        by_kind = dict(value) if isinstance(value, Mapping) else {"W": value}
        kinds = {"W", "b", "gamma", "beta"}
        if unknown := by_kind.keys() - kinds:
            raise ValueError(f"{name} has no kind {listed(sorted(unknown))}; there are W, b, "
                             "gamma, beta")  # fmt: skip
        for kind, size in by_kind.items():
            if not 0 <= as_real(size) < np.inf:
                raise ValueError(f"{name} of {kind} must be a number ≥ 0, not {size!r}")
        return {kind: float(size) for kind, size in by_kind.items() if size}


def _real_type(dtype: Any) -> np.dtype[Any]:
    for real in (np.dtype("float32"), np.dtype("float64")):
        with contextlib.suppress(TypeError):
            if np.dtype(dtype) == real:
                return real
    raise ValueError(f"dtype must be float32 or float64, not {dtype!r}")


def _layers(entries: Iterable[Mapping[str, Any]]) -> list[Layer]:
    """The layers of a specification."""
    layers = []
    for entry in entries:
        settings = dict(entry)
        layers.append(LAYERS[str(settings.pop("layer"))](**settings))
    return layers


def _count(inputs: int, layers: Iterable[Layer]) -> int:
    """How many parameters such a network has."""
    count, size = 0, inputs
    for layer in layers:
        if isinstance(layer, Dense):
            count += (size + layer.bias) * layer.units
            size = layer.units
        elif isinstance(layer, BatchNorm):
            count += 2 * size
    return count


def _slices(rows: int) -> Iterator[slice]:
    for first in range(0, rows, EVALUATION_BATCH):
        yield slice(first, first + EVALUATION_BATCH)


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's specification if it is JSON data."""
    if any(isinstance(value, Callable) for value in spec.values()):  # type: ignore[arg-type]
        raise ValueError("a network with a Python function as init cannot be kept in a file")
    return dict(spec)
