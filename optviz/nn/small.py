"""Batches of a small network in one compiled loop.

To compute a batch of a network such as 2-4-2 takes less than a microsecond, and to go from kernel
to kernel in Python fifty. Here the way is compiled too: the loop calls, by pointer, the kernels
that the layers, the loss and the optimizer call in Python, on the same batches in the same order,
so that what comes out is the same to the bit.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit
from optviz.nn.activations import backward_kernel, forward_kernel
from optviz.nn.kernels import small_kernels, takes
from optviz.nn.layers import Activation, Dense, is_small
from optviz.nn.losses import LOSSES
from optviz.nn.model import Model
from optviz.optimizers.base import Optimizer
from optviz.optimizers.rule import STEP
from optviz.optimizers.state import ArrayState

Array = NDArray[Any]

#: Of labels, or of rows of numbers.
TARGETS = {"l": "int64[::1]", "m": "real[:, ::1]"}


@functools.cache
def _loop(targets: str, dtype: str) -> Callable[..., None]:
    pointers = [takes(layout) for layout in ("vvf", "vvvvf", f"rm{targets}m")]
    arrays = (
        f"real[:, ::1], {TARGETS[targets]}, int64, int64[::1], int64[:, ::1], float64, "
        "float64[:, ::1], real[:, ::1], real[::1], real[::1], int64, real[:, ::1], float64[::1], "
        "real[:, ::1], float64[::1], int64, int64, float64[::1], float64[::1], float64[::1]"
    )
    kind = f"void({arrays}, {', '.join(pointers)}, {STEP})"
    return jit.compiled(small_kernels().batches, kind, dtype)


@dataclass(frozen=True)
class SmallNetwork:
    """What the loop is given of a network: the arrays, and the kernels that it calls."""

    network: Model
    batch_size: int
    sizes: NDArray[np.int64]
    places: NDArray[np.int64]
    penalties: NDArray[np.float64]
    activation: Activation | None

    @classmethod
    def of(cls, network: Model, batch_size: int) -> SmallNetwork | None:
        """A network of dense layers with one activation between them, if each of its products is
        small; None of another, which may compute something else in each of its methods."""
        dense, between = network.layers[::2], network.layers[1::2]
        if len(dense) != len(between) + 1 or jit.jit_disabled():
            return None
        plain = all(type(layer) is Dense for layer in dense) and all(
            type(layer) is Activation for layer in between
        )
        one_kind = len({(a.name, a.alpha) for a in between if isinstance(a, Activation)}) <= 1
        same = all(
            getattr(type(network), name) is getattr(Model, name)
            for name in ("step_gradient", "forward", "backward")
        )
        if not (plain and one_kind and same and type(network.loss_function) in LOSSES.values()):
            return None
        sizes = [network.inputs, *(layer.outputs for layer in dense)]
        if not all(is_small(batch_size, a, b) for a, b in itertools.pairwise(sizes)):
            return None
        places = [[network.place(layer, name) for name in ("W", "b")] for layer in dense]
        kinds = [penalty.get(name, 0.0) for name in ("W", "b")
                 for penalty in (network.l1, network.l2)]  # fmt: skip
        first = between[0] if between else None
        assert first is None or isinstance(first, Activation)
        return cls(network, batch_size, np.array(sizes), np.array(places),
                   np.array([kinds] * len(dense)), first)  # fmt: skip

    def train(
        self, x: Array, targets: Array, optimizer: Optimizer, states: list[ArrayState],
        rates: Array, told: Array,
    ) -> Array:  # fmt: skip
        """A step for each batch of the rows, in their order; the outputs of all rows before it.

        `rates` are those of the steps if the optimizer has a schedule, else none; of each batch,
        loss and penalty go to a column of `told`.
        """
        net, dtype = self.network, self.network.dtype
        outputs = np.empty((len(x), net.outputs), dtype)
        # A network of one layer gets an activation that is never called.
        between = Activation("relu") if self.activation is None else self.activation
        first, second = states[0], states[-1]
        cut = net.parameters.size if len(states) == 1 else net.decaying
        rate_at = list(optimizer.hyper).index(optimizer.rate_name) if len(rates) else -1
        _loop("l" if targets.ndim == 1 else "m", dtype.name)(
            x, targets, self.batch_size, self.sizes, self.places, between.alpha, self.penalties,
            outputs, net.parameters, net.gradients, cut, first.chunks[0], first.hyper,
            second.chunks[0], second.hyper, first.t, rate_at, rates, *told,
            forward_kernel(between.name, dtype.name), backward_kernel(between.name, dtype.name),
            net.loss_function.kernel(targets, dtype), optimizer.kernel(dtype),
        )  # fmt: skip
        return outputs
