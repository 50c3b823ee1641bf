"""How weights begin: the distributions of a (fan_in, fan_out) matrix, and their sources."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.settings import parse_settings
from optviz.shared.text import did_you_mean, listed

Weights = NDArray[np.float64]
#: (rng, fan_in, fan_out) to a matrix (fan_in, fan_out).
Initializer = Callable[[np.random.Generator, int, int], Weights]


def zeros(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """All zero: every unit of a layer computes the same for ever."""
    return np.zeros((fan_in, fan_out))


def constant(
    rng: np.random.Generator, fan_in: int, fan_out: int, *, value: float = 0.01
) -> Weights:
    """All the same number."""
    return np.full((fan_in, fan_out), value)


def normal(rng: np.random.Generator, fan_in: int, fan_out: int, *, std: float = 0.01) -> Weights:
    """Gaussian with a given standard deviation."""
    return rng.normal(0.0, std, (fan_in, fan_out))


def uniform(rng: np.random.Generator, fan_in: int, fan_out: int, *, limit: float = 0.05) -> Weights:
    """Uniform between −limit and limit."""
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def xavier_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Variance 2/(fan_in + fan_out). Glorot and Bengio, AISTATS 2010, eq. 12."""
    return normal(rng, fan_in, fan_out, std=float(np.sqrt(2 / (fan_in + fan_out))))


def xavier_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Uniform with variance 2/(fan_in + fan_out). Glorot and Bengio, eq. 16."""
    return uniform(rng, fan_in, fan_out, limit=float(np.sqrt(6 / (fan_in + fan_out))))


def he_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Variance 2/fan_in, for rectifiers. He et al., ICCV 2015, eq. 10."""
    return normal(rng, fan_in, fan_out, std=float(np.sqrt(2 / fan_in)))


def he_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Uniform with variance 2/fan_in."""
    return uniform(rng, fan_in, fan_out, limit=float(np.sqrt(6 / fan_in)))


def lecun_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Variance 1/fan_in. LeCun et al., "Efficient BackProp" (1998), section 4.6."""
    return normal(rng, fan_in, fan_out, std=float(np.sqrt(1 / fan_in)))


def lecun_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """The same variance, evenly spread: within √(3/fan_in)."""
    return uniform(rng, fan_in, fan_out, limit=float(np.sqrt(3 / fan_in)))


def random_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Within ±0.05 whatever the size of the layer: Keras's `random_uniform`."""
    return uniform(rng, fan_in, fan_out, limit=0.05)


def orthogonal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Weights:
    """Orthonormal rows or columns. Saxe, McClelland and Ganguli, ICLR 2014."""
    tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    # With the signs of R's diagonal taken out, Q is uniform over all orthogonal matrices.
    q = q * np.sign(np.diag(r))
    return np.asarray(q if fan_in >= fan_out else q.T)


#: By name; "he" and "xavier" alone are the normal ones.
INITIALIZERS: dict[str, Callable[..., Weights]] = {
    "zeros": zeros,
    "constant": constant,
    "normal": normal,
    "uniform": uniform,
    "xavier": xavier_normal,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "glorot_normal": xavier_normal,
    "glorot_uniform": xavier_uniform,
    "he": he_normal,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun": lecun_normal,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "random_uniform": random_uniform,
    "orthogonal": orthogonal,
}

#: Initialisers with settings, and their names.
_SETTINGS = {"constant": ("value",), "normal": ("std",), "uniform": ("limit",)}


def initializer(init: str | float | Initializer) -> Initializer:
    """An initialiser from a name, `NAME:key=value`, a number or a function.

    Parameters
    ----------
    init
        A name in `INITIALIZERS`, such as "he"; with a setting, such as "normal:std=0.01",
        "uniform:limit=0.1" or "constant:value=0.5"; a number, the standard deviation of a
        Gaussian (as in the course); or a function (rng, fan_in, fan_out) -> (fan_in, fan_out).

    Raises
    ------
    ValueError
        If the name or setting is unknown.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> initializer("he")(rng, 400, 100).std().round(3)
    np.float64(0.071)
    """
    if callable(init):
        return init
    if isinstance(init, int | float | np.number) and not isinstance(init, bool):
        return functools.partial(normal, std=_size("std", init))
    name, _, setting = str(init).partition(":")
    if name not in INITIALIZERS:
        hint = did_you_mean(name, INITIALIZERS)
        raise ValueError(f"init {name!r} is not known{hint}; there are {listed(INITIALIZERS)}")
    texts = parse_settings(f"init {name}", setting, _SETTINGS.get(name, ()))
    numbers = {key: _size(key, text, name) for key, text in texts.items()}
    return functools.partial(INITIALIZERS[name], **numbers) if numbers else INITIALIZERS[name]


def _size(key: str, value: Any, name: str = "normal") -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number) or (number < 0 and name != "constant"):
        raise ValueError(f"init: {key} must be a number ≥ 0, not {value!r}")
    return number
