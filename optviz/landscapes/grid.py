"""The loss on a grid of a plane, fast: the first layer is linear in the plane's coordinates.

In the plane P + a U + b V the first dense layer makes x P + a x U + b x V of the data: three
products serve the whole grid, and what is left at each point begins with the layer's outputs. A row
of the grid is the work of one thread, with BLAS at one. Within a row the samples pass in chunks
that stay in a processor's cache while a goes along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import threads
from optviz.landscapes.directions import Plane
from optviz.landscapes.lifting import lifting_kernel
from optviz.landscapes.twin import twin
from optviz.nn import kernels
from optviz.nn.activations import forward_kernel
from optviz.nn.kernels import kernel
from optviz.nn.layers import Activation, BatchNorm, Dense, Dropout
from optviz.nn.network import Network

Array = NDArray[Any]
Real = NDArray[np.float64]

#: Bytes of one layer's outputs for a chunk of samples, and its least number of rows.
CHUNK, LEAST = 2**19, 128


def losses_on(
    network: Network, x: Any, y: Any, plane: Plane, a: Real, b: Real, *,
    recompute: bool = False, progress: Callable[[int, int], None] | None = None,
) -> Real:  # fmt: skip
    """The mean loss of the data at origin + a u + b v: (len(b), len(a)).

    Rows are computed from the middle outwards. An interrupt (Ctrl-C) leaves those that are not
    done nan: what is there then lies around the middle.

    Parameters
    ----------
    recompute
        Whether batch normalisation takes the moments of the data at each point, instead of the
        network's moving averages.
    progress
        `progress(done, total)` in rows.
    """
    out = np.full((len(b), len(a)), np.nan)
    order = sorted(range(len(b)), key=lambda k: abs(2 * k - len(b) + 1))
    with threads.one_blas_thread():
        row = _worker(network, x, y, plane, recompute)
        jobs = [threads.thread_pool().submit(row, a, float(b[k]), out[k]) for k in order]
        _wait(jobs, progress)
    return out


def losses_at(network: Network, x: Any, y: Any, rows: Any, *, recompute: bool = False) -> Real:
    """The mean loss of the data with each row of parameters itself: (k,)."""
    made, targets = twin(network), network.check_targets(y, np.shape(x)[0])
    inputs = network.check_inputs(x)
    out = np.empty(len(rows))
    with np.errstate(over="ignore", invalid="ignore"):
        for k, vector in enumerate(rows):
            made.parameters[...] = vector
            if recompute:
                out[k] = _loss_of(made, made.batch(inputs, slice(None)), targets, recompute)
            else:
                out[k] = made.measure(inputs, targets)[0]
    return out


def _wait(jobs: Sequence[Future[None]], progress: Callable[[int, int], None] | None) -> None:
    """Until all are done, or nobody wants more."""
    try:
        for k, job in enumerate(jobs):
            job.result()
            if progress is not None:
                progress(k + 1, len(jobs))
    except KeyboardInterrupt:
        for job in jobs:
            job.cancel()
        for job in jobs:
            if not job.cancelled():
                job.result()


def _worker(
    network: Network, x: Any, y: Any, plane: Plane, recompute: bool
) -> Callable[[Real, float, Real], None]:
    """What computes a row: (a, b, out)."""
    inputs = network.check_inputs(x)
    targets = network.check_targets(y, inputs.shape[0])
    # Dropout drops nothing at evaluation. Not with isinstance: a subclass may do something else.
    layers = [layer for layer in network.layers if type(layer) is not Dropout]
    is_known = all(type(layer) in (Dense, BatchNorm, Activation) for layer in layers)
    if is_known and layers and isinstance(layers[0], Dense):
        return _Lifted(network, inputs, targets, plane, recompute).row
    return _Moved(network, inputs, targets, plane, recompute).row


class _Lifted:
    """Dense layers, batch normalisation and activations: the loss from the first layer's outputs.

    What all threads share is not written to.
    """

    def __init__(
        self, network: Network, x: Any, targets: Array, plane: Plane, recompute: bool
    ) -> None:
        self.loss, self.targets, self.dtype = network.loss_function, targets, network.dtype
        self.recompute = recompute
        named = [(name, layer) for name, layer in zip(network.names, network.layers, strict=True)
                 if type(layer) is not Dropout]  # fmt: skip
        (first, _), *self.rest = named
        vectors = [np.asarray(v, self.dtype) for v in (plane.origin, plane.u, plane.v)]
        views = [network.views(vector) for vector in vectors]
        batch = network.batch(x, slice(None))
        #: Of the first layer, and all other parameters, for origin, u and v.
        self.first = [self._product(batch, v, first) for v in views]
        keys = [key for key in views[0] if not key.startswith(f"{first}/")]
        none = np.zeros(0, self.dtype)
        self.others = [np.concatenate([none, *(v[key].ravel() for key in keys)]) for v in views]
        self.places, at = {}, 0
        for key in keys:
            shape = views[0][key].shape
            self.places[key] = (slice(at, at + views[0][key].size), shape)
            at += views[0][key].size
        self.add_row = kernel(kernels.add_row, "mv", self.dtype)
        self.normalize = kernel(kernels.normalize, "mssvvfm", self.dtype)
        self.moments = kernel(kernels.moments, "mffssss", self.dtype)
        self.activate = {layer.name: forward_kernel(layer.name, self.dtype.name)
                         for _, layer in self.rest if isinstance(layer, Activation)}  # fmt: skip
        self.lift = None
        if self.rest and isinstance(self.rest[0][1], Activation):
            self.lift = lifting_kernel(self.rest[0][1].name, self.dtype.name)
        self.rows = self._chunk()

    def _product(self, x: Any, views: dict[str, Array], first: str) -> Array:
        made = np.asarray(x @ views[f"{first}/W"], self.dtype)
        return made + views[f"{first}/b"] if f"{first}/b" in views else made

    def _chunk(self) -> int:
        """Samples that pass at a time: all, if moments are taken of all."""
        count, units = (int(n) for n in self.first[0].shape)
        if self.recompute and any(isinstance(layer, BatchNorm) for _, layer in self.rest):
            return count
        widest = max([units, *(layer.outputs for _, layer in self.rest)])
        return min(count, max(LEAST, CHUNK // (widest * int(self.dtype.itemsize))))

    def row(self, a: Real, b: float, out: Real) -> None:
        """The losses of a row of the grid."""
        place = _Place(self)
        origin, u, v = self.others
        line = origin + self.dtype.type(b) * v
        count, total = len(self.targets), np.zeros(len(a))
        with np.errstate(over="ignore", invalid="ignore"):
            for begin in range(0, count, self.rows):
                part = slice(begin, begin + self.rows)
                base = self.first[0][part] + self.dtype.type(b) * self.first[2][part]
                along, targets = self.first[1][part], self.targets[part]
                for k, value in enumerate(a):
                    np.multiply(u, self.dtype.type(value), out=place.others)
                    np.add(place.others, line, out=place.others)
                    total[k] += place.loss(base, along, float(value), targets) * len(base)
        out[:] = total / count


class _Place:
    """One thread's point of the plane: parameters behind the first layer, and arrays to fill."""

    def __init__(self, shared: _Lifted) -> None:
        self.shared = shared
        self.others = np.empty_like(shared.others[0])
        self.views = {key: self.others[part].reshape(shape)
                      for key, (part, shape) in shared.places.items()}  # fmt: skip
        self.buffers: dict[tuple[int, int], Array] = {}
        self.scratch = np.zeros((4, max([1, *(layer.outputs for _, layer in shared.rest)])))

    def loss(self, base: Array, along: Array, a: float, targets: Array) -> float:
        """The mean loss of a chunk, from what the first layer makes of it."""
        shared, rest = self.shared, self.shared.rest
        z = self._buffer(-1, len(base), base.shape[1])
        if shared.lift is not None:
            activation: Any = rest[0][1]
            shared.lift(base.ravel(), along.ravel(), a, z.ravel(), activation.alpha)
            rest = rest[1:]
        else:
            np.multiply(along, shared.dtype.type(a), out=z)
            np.add(z, base, out=z)
        for k, (name, layer) in enumerate(rest):
            z = self._through(k, name, layer, z)
        return float(shared.loss(z, targets, self._buffer(-2, *z.shape)))

    def _through(self, k: int, name: str, layer: Any, z: Array) -> Array:
        """What a layer makes of z."""
        shared = self.shared
        y = self._buffer(k, len(z), layer.outputs)
        if isinstance(layer, Dense):
            np.matmul(z, self.views[f"{name}/W"], out=y)
            if layer.bias:
                shared.add_row(y, self.views[f"{name}/b"])
        elif isinstance(layer, Activation):
            shared.activate[layer.name](z.ravel(), y.ravel(), layer.alpha)
        else:
            mean, variance = layer.averages["mean"], layer.averages["variance"]
            if shared.recompute:
                mean, variance, average, spread = self.scratch[:, : z.shape[1]]
                shared.moments(z, 0.0, 1.0, mean, variance, average, spread)
            gamma, beta = self.views[f"{name}/gamma"], self.views[f"{name}/beta"]
            shared.normalize(z, mean, variance, gamma, beta, layer.eps, y)
        return y

    def _buffer(self, k: int, rows: int, columns: int) -> Array:
        """An array for the outputs of the k-th layer: chunks are of one size but for the last."""
        if (k, rows) not in self.buffers:
            self.buffers[k, rows] = np.empty((rows, columns), self.shared.dtype)
        return self.buffers[k, rows]


class _Moved:
    """Layers of somebody's own, whatever they do: a copy of the network for each thread."""

    def __init__(
        self, network: Network, x: Any, targets: Array, plane: Plane, recompute: bool
    ) -> None:
        self.network, self.x, self.targets = network, x, targets
        self.plane, self.recompute, self.own = plane, recompute, threading.local()

    def row(self, a: Real, b: float, out: Real) -> None:
        """The losses of a row of the grid."""
        if not hasattr(self.own, "network"):
            self.own.network = twin(self.network)
        network, plane = self.own.network, self.plane
        base, found = plane.origin + b * plane.v, np.empty(len(a))
        with np.errstate(over="ignore", invalid="ignore"):
            for k, value in enumerate(a):
                network.parameters[...] = base + value * plane.u
                values = network.batch(self.x, slice(None))
                found[k] = _loss_of(network, values, self.targets, self.recompute)
        out[:] = found


def _loss_of(network: Network, values: Any, targets: Array, recompute: bool) -> float:
    """The mean loss of data as one batch, in evaluation but for batch normalisation's moments."""
    values = network.enter(values)
    for layer in network.layers:
        values = layer.forward(values, recompute and isinstance(layer, BatchNorm))
    gradient = network.layers[-1].buffer("gradient", *values.shape)
    return float(network.loss_function(values, targets, gradient))
