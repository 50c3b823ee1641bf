"""The flat vector of a network's parameters, and the passes through its layers."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.data.labels import is_words, places
from optviz.nn.fusion import stages
from optviz.nn.inputs import checked_inputs
from optviz.nn.kernels import kernel, small_kernels
from optviz.nn.layer import Layer, Shape
from optviz.nn.losses import Loss, loss_named
from optviz.nn.shapes import input_shape, parameter_shapes, sizes_of
from optviz.shared.checks import as_real, check_whole, generator
from optviz.shared.table import Table, html_of
from optviz.shared.text import listed

Array = NDArray[Any]

#: Rows that are evaluated at a time; fewer, where a layer would make more numbers of them.
EVALUATION_BATCH, EVALUATED = 1024, 1 << 22
#: Kinds of parameters that penalties may name, whether or not a network has them.
KINDS = ("W", "b", "gamma", "beta")


class Model:
    """What computes in a `Network`; see there. It knows neither training nor files."""

    def __init__(
        self,
        inputs: int | tuple[int, int, int],
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
        _check_layers(self.layers)
        #: (inputs,), or height, width and channels of a sample.
        self.shape = input_shape(inputs)
        self.inputs = math.prod(self.shape)
        self._classes: tuple[str, ...] = ()
        shapes = parameter_shapes(self.shape, self.layers)
        kinds = dict.fromkeys((*KINDS, *(name for one in shapes for name in one)))
        weights = {"W"}.union(*(layer.decays for layer in self.layers))
        self.l1, self.l2 = (
            _penalties(name, v, weights, kinds) for name, v in (("l1", l1), ("l2", l2))
        )
        self._build(shapes, generator(rng))
        self._add_penalty = kernel(small_kernels().add_penalty, "rvffv", self.dtype)

    def _build(self, shapes: Sequence[Mapping[str, Shape]], rng: np.random.Generator) -> None:
        """First values of all parameters, then the flat vectors with views for the layers."""
        self.outputs = self.shape[-1]
        first: list[tuple[Layer, str, Array]] = []
        for layer, wanted in zip(self.layers, shapes, strict=True):
            built = layer.build(self.outputs, self.dtype, rng)
            if (found := {name: v.shape for name, v in built.items()}) != wanted:
                raise ValueError(f"{layer!r} builds {found}, and says that its shapes are {wanted}")
            first += [(layer, name, v) for name, v in built.items()]
            self.outputs = layer.outputs
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

    def place(self, layer: Layer, name: str) -> int:
        """Where a parameter begins in the flat vectors; −1 if the layer has none of that name."""
        part = self._parts.get((layer, name))
        return -1 if part is None else int(part.start)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each layer: `1 dense`, `1 batchnorm`, `1 relu`, `2 dense`, …

        Each layer with weights begins the next number. A second one of a kind with the same
        number is `1 relu 2`.
        """
        number, seen, out = 0, Counter[str](), []
        for layer in self.layers:
            number += bool(layer.decays)
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

    @property
    def sample(self) -> int | tuple[int, int, int]:
        """What it was made for: the number of inputs, or height, width and channels."""
        return self.inputs if len(self.shape) == 1 else self.shape  # type: ignore[return-value]

    def summary(self) -> Table:
        """Its layers: what each makes of a batch, and how many parameters it has.

        >>> from optviz.nn import MLP
        >>> print(MLP((64, 20, 10), dropout=0.2).summary())
        MLP 64 → 10: 1,510 parameters, float32, loss softmax
        layer      output   parameters
        1 dense    (n, 20)  1,300
        1 relu     (n, 20)  0
        1 dropout  (n, 20)  0
        2 dense    (n, 10)  210
        """
        columns = {
            "layer": np.array(self.names),
            "output": np.array([f"(n, {sizes_of(layer)})" for layer in self.layers]),
            "parameters": np.array([
                sum(theta.size for theta in layer.params.values()) for layer in self.layers
            ]),
        }  # fmt: skip
        return Table(columns, title=self._told())

    def _told(self) -> str:
        sizes = f"{' × '.join(map(str, self.shape))} → {self.outputs}"
        loss = self.loss_function.name
        return (f"{type(self).__name__} {sizes}: {self.parameters.size:,} parameters, "
                f"{np.dtype(self.dtype).name}, loss {loss}")  # fmt: skip

    def __repr__(self) -> str:
        return f"<{self._told()}, {len(self.layers)} layers>"

    def _repr_html_(self) -> str:
        return html_of(self.summary())

    # -- labels in words ---------------------------------------------------------------------

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of the outputs; none where labels are numbers.

        Training with labels in words takes them from there, in the order of the alphabet.
        """
        return self._classes

    @classes.setter
    def classes(self, names: Iterable[str]) -> None:
        known = tuple(str(name) for name in names)
        # One output answers yes or no.
        wanted = 2 if self.loss_function.name == "binary" and self.outputs == 1 else self.outputs
        if known and not self.loss_function.metric:
            raise ValueError("y must be numbers for the loss mse, not words: give loss='softmax'")
        if known and (len(known) != wanted or len(set(known)) < wanted):
            raise ValueError(
                f"the words {listed(known[:8])} are not the {wanted} classes of this network: make "
                "as many outputs, or name all classes first (network.classes = ...)"
            )
        self._classes = known

    # -- passes ------------------------------------------------------------------------------

    # A network that diverges says so by its loss, not by a warning for each product.
    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: Array, training: bool = False) -> Array:
        """The outputs (n, outputs) of a batch; overwritten in the next pass."""
        x = self.enter(x)
        for stage in self.stages if training else self.layers:
            x = stage.forward(x, training)
        return x

    def enter(self, x: Array) -> Array:
        """A batch (n, inputs) as the first layer takes it: of images, a row for each pixel."""
        return x if len(self.shape) == 1 else x.reshape(-1, self.shape[-1])

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, dy: Array) -> None:
        """Fill `gradients` from the loss's gradient at the outputs (overwritten)."""
        gradient: Array | None = dy
        for stage in reversed(self.stages):
            gradient = stage.backward(gradient)

    def step_gradient(self, x: Array, targets: Array) -> tuple[float, float, Array]:
        """Loss, penalties and outputs of a prepared training batch; fills `gradients`.

        The gradient is that of the sum of both.
        """
        outputs = self.forward(x, training=True)
        dy = self.layers[-1].buffer("gradient", *outputs.shape)
        loss = self.loss_function(outputs, targets, dy)
        self.backward(dy)
        return loss, self._penalize(), outputs

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
        for part in self._slices(inputs.shape[0]):
            out[part] = self.forward(self.batch(inputs, part))
        return out

    def predict(self, x: ArrayLike) -> Array:
        """A class for each row (softmax, binary), or the outputs (mse).

        After training on labels in words, the words.
        """
        answers = self.loss_function.predictions(self.outputs_of(x))
        return np.array(self.classes)[answers] if self.classes else answers

    def predict_proba(self, x: ArrayLike, samples: int = 0) -> Array:
        """Probabilities (n, outputs); with `samples`, the mean over so many dropout masks."""
        check_whole("samples", samples, 0)
        if not samples:
            return self.loss_function.probabilities(self.outputs_of(x))
        random = [layer for layer in self.layers if layer.is_random]
        if not random:
            raise ValueError("samples ask for dropout, and this network has none")
        inputs = self.check_inputs(x)
        try:
            for layer in random:
                layer.sampling = True
            total = sum(
                self.loss_function.probabilities(self._outputs(inputs)) for _ in range(samples)
            )
        finally:
            for layer in random:
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
        for part in self._slices(inputs.shape[0]):
            outputs = self.forward(self.batch(inputs, part))
            scratch = self.layers[-1].buffer("gradient", *outputs.shape)
            loss += self.loss_function(outputs, targets[part], scratch) * len(outputs)
            correct += self.loss_function.correct(outputs, targets[part])
        count = inputs.shape[0]
        has_metric = bool(self.loss_function.metric)
        return loss / count, correct / count if has_metric else float("nan")

    def activations(self, x: ArrayLike, training: bool = False) -> dict[str, Array]:
        """The output of each layer for a batch, by the layer's name; copies.

        Those of layers for images are (n, height, width, channels).
        """
        inputs = self.batch(self.check_inputs(x), slice(None))
        values, count = self.enter(inputs), inputs.shape[0]
        out = {}
        for name, layer in zip(self.names, self.layers, strict=True):
            values = layer.forward(values, training)
            image = layer.image_of(layer.image)
            shape = values.shape if image is None else (count, *image, layer.outputs)
            out[name] = values.reshape(shape).copy()
        return out

    def _slices(self, rows: int) -> Iterator[slice]:
        """Parts of the rows for evaluation; images are large."""
        made = (math.prod(layer.image_of(layer.image) or ()) * layer.outputs
                for layer in self.layers)  # fmt: skip
        count = max(1, min(EVALUATION_BATCH, EVALUATED // max(made)))
        for first in range(0, rows, count):
            yield slice(first, first + count)

    # -- input -------------------------------------------------------------------------------

    def check_inputs(self, x: ArrayLike) -> Any:
        """`x` as a matrix (n, inputs), dense or CSR; numbers of other types stay as they are.

        A network for images takes (n, height, width, channels) too, and (n, height, width) of a
        single channel.

        Raises
        ------
        ValueError
            If it has another shape, no rows, or holds no finite numbers.
        """
        if len(self.shape) == 3 and np.ndim(x) in (3, 4):
            images = np.asarray(x)
            sample = images.shape[1:] if images.ndim == 4 else (*images.shape[1:], 1)
            if sample != self.shape:
                told = ", ".join(map(str, self.shape))
                raise ValueError(f"x must have the shape (n, {told}), not {images.shape}")
            x = images.reshape(len(images), -1)
        return checked_inputs(x, self.inputs, self.dtype, self.layers[0].takes_sparse)

    def check_targets(self, y: ArrayLike, rows: int) -> Array:
        """`y` as the loss wants it, with as many rows as x."""
        if is_words(y):
            if not self.classes:
                raise ValueError("y is in words, and this network was trained on numbers")
            words: Any = y
            y = places(words, self.classes)
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

    # -- state --------------------------------------------------------------------------------

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


def _check_layers(layers: Sequence[Any]) -> None:
    if not layers or not all(isinstance(layer, Layer) for layer in layers):
        raise ValueError("a network needs layers, such as [Dense(10)]")
    if len(set(map(id, layers))) < len(layers):
        raise ValueError("a layer stands in the network twice: make one for each place")
    if any(layer.is_taken for layer in layers):
        raise ValueError("a layer belongs to another network: make one for each")


def _penalties(
    name: str, value: float | Mapping[str, float], weights: Iterable[str], kinds: Iterable[str]
) -> dict[str, float]:
    """What each kind of parameter costs; a number is for weights."""
    by_kind = dict(value) if isinstance(value, Mapping) else dict.fromkeys(sorted(weights), value)
    if unknown := by_kind.keys() - kinds:
        raise ValueError(f"{name} has no kind {listed(sorted(unknown))}; there are {listed(kinds)}")
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
