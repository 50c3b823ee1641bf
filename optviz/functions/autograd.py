"""Gradients by the automatic differentiation of JAX or PyTorch, for functions written in it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["LIBRARIES", "differentiated"]

LIBRARIES = ("jax", "torch")

#: Takes numbers or arrays of NumPy: x and y, or one point.
OfArrays = Callable[..., Any]


def differentiated(f: Callable[..., Any], library: str) -> tuple[OfArrays, OfArrays]:
    """f and its gradient for NumPy's float64 numbers and arrays.

    Parameters
    ----------
    f
        Of x and y, or of one array, written in the library's functions.
    library
        "jax" or "torch".

    Raises
    ------
    ValueError
        If there is no such library, or it is not installed.
    """
    if library not in LIBRARIES:
        raise ValueError(
            f"gradient is a function, or {' or '.join(map(repr, LIBRARIES))} for automatic "
            f"differentiation, not {library!r}"
        )
    try:
        importlib.import_module(library)
    except ImportError:
        raise ValueError(
            f"gradient={library!r} needs a library that is missing: pip install {library}"
        ) from None
    return _by_jax(f) if library == "jax" else _by_torch(f)


def _by_jax(f: Callable[..., Any]) -> tuple[OfArrays, OfArrays]:
    import jax

    # Before JAX 0.8 it stood elsewhere.
    wide: Any = getattr(jax, "enable_x64", None)
    if wide is None:
        wide = jax.experimental.enable_x64
    compiled: dict[int, Callable[..., Any]] = {}

    def value(*place: Any) -> Any:
        with wide(True):
            return np.asarray(f(*place), dtype=float)[()]

    def gradient(*place: Any) -> Any:
        count = len(place)
        with wide(True):
            plain = jax.grad(f, argnums=tuple(range(count)))
            inputs = [np.asarray(v, dtype=float) for v in place]
            try:
                found = compiled.setdefault(count, jax.jit(plain))(*inputs)
            except jax.errors.JAXTypeError:
                # A Python `if` on a value cannot be traced; it can be differentiated as it runs.
                compiled[count] = plain
                found = plain(*inputs)
            slopes = [np.asarray(slope, dtype=float) for slope in found]
        return slopes[0] if count == 1 else np.stack(slopes)

    return value, gradient


def _by_torch(f: Callable[..., Any]) -> tuple[OfArrays, OfArrays]:
    import torch

    def value(*place: Any) -> Any:
        with torch.no_grad():
            out = f(*(torch.tensor(v, dtype=torch.float64) for v in place))
        return np.asarray(out, dtype=float)[()]

    def gradient(*place: Any) -> Any:
        inputs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in place]
        found = torch.autograd.grad(f(*inputs), inputs, allow_unused=True)
        slopes = [
            np.zeros_like(v, dtype=float) if slope is None else slope.numpy()
            for v, slope in zip(place, found, strict=True)
        ]
        return slopes[0] if len(place) == 1 else np.stack(slopes)

    return value, gradient
