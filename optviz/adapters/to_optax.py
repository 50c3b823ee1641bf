"""Optimizers of ours as gradient transformations of optax."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import library, of_ours
from optviz.optimizers.base import Optimizer

Array = NDArray[Any]


class OptvizState(NamedTuple):
    """What a transformation remembers: steps made, and for each array its slots (slots, *shape) and
    the kernel's running powers, float64 as pairs of whole numbers, for JAX may have no float64."""

    count: Any
    slots: Any
    powers: Any


def adapted(optimizer: str | Optimizer) -> Any:
    """What `optviz.adapters.as_optax` returns."""
    optax, jax = library("optax"), library("jax")
    made = of_ours(optimizer, "optax")
    if made.grand_totals:
        instead = "instead of clip_norm put optax.clip_by_global_norm before it"
        raise ValueError(
            f"{made.spec()} sums over all arrays, and a callback sees one"
            f"{': ' + instead if 'clip_norm' in made.hyper else ', so that optax cannot have it'}"
        )
    jnp = jax.numpy

    def init(params: Any) -> OptvizState:
        leaves, tree = jax.tree.flatten(params)
        for leaf in leaves:
            if not hasattr(leaf, "dtype"):
                raise ValueError(f"optviz steps arrays, not {leaf!r:.40}: give jnp.asarray(…)")
            if np.dtype(leaf.dtype) not in (np.float32, np.float64):
                raise ValueError(f"optviz steps float32 and float64 arrays, not {leaf.dtype}")
        slots = [jnp.asarray(made.initial_state(leaf.size, np.dtype(leaf.dtype)).reshape(
            len(made.slots), *leaf.shape)) for leaf in leaves]  # fmt: skip
        powers = [jnp.asarray(_packed(made, made.hyper_vector())) for _ in leaves]
        return OptvizState(jnp.zeros((), jnp.int32), tree.unflatten(slots), tree.unflatten(powers))

    def update(grads: Any, state: OptvizState, params: Any = None) -> tuple[Any, OptvizState]:
        if params is None:
            raise ValueError(
                "a rule of optviz steps from where it is: update(grads, state, params)"
            )
        leaves, tree = jax.tree.flatten(params)
        for x, g in zip(leaves, tree.flatten_up_to(grads), strict=True):
            if jnp.shape(x) != jnp.shape(g):
                raise ValueError(
                    f"a gradient has the shape {jnp.shape(g)}, its parameter {jnp.shape(x)}"
                )
        if not leaves:
            return grads, state
        parts = [
            _step(jax, made, *each, state.count) for each in zip(
                leaves, tree.flatten_up_to(grads), tree.flatten_up_to(state.slots),
                tree.flatten_up_to(state.powers), strict=True)
        ]  # fmt: skip
        updates, slots, powers = (tree.unflatten(part) for part in zip(*parts, strict=True))
        return updates, OptvizState(state.count + 1, slots, powers)

    return optax.GradientTransformation(init, update)


def _step(jax: Any, made: Optimizer, x: Any, g: Any, slots: Any, powers: Any, count: Any) -> Any:
    """The update of one array, by a callback into the compiled kernel."""

    def host(x: Array, g: Array, slots: Array, powers: Array, count: Array) -> tuple[Array, ...]:
        place = np.array(x).reshape(-1)
        state = np.array(slots).reshape(len(made.slots), place.size)
        hyper = made.hyper_vector()
        hyper[len(made.hyper) :] = np.array(powers).view(np.float64).reshape(-1)
        if made.schedule is not None:
            hyper[list(made.hyper).index(made.rate_name)] = made.schedule(int(count))
        gradient = np.array(g, dtype=place.dtype).reshape(-1)
        made.kernel(place.dtype)(place, gradient, state, hyper, int(count) + 1)
        moved = (place.reshape(x.shape) - np.asarray(x)).astype(x.dtype)
        return moved, state.reshape(slots.shape), _packed(made, hyper)

    wanted = tuple(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (x, slots, powers))
    return jax.pure_callback(host, wanted, x, g, slots, powers, count, vmap_method="sequential")


def _packed(made: Optimizer, hyper: Array) -> Array:
    """The running powers at the end of `hyper`, as uint32 (powers, 2)."""
    return np.array(hyper[len(made.hyper) :]).view(np.uint32).reshape(-1, 2)
