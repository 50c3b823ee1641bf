"""Data sets drawn from a seed: shapes in the plane, and a stand-in for film reviews."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.data.dataset import Dataset
from optviz.data.preparation import multi_hot
from optviz.shared.checks import check_number, check_whole, generator
from optviz.shared.text import number

Real = NDArray[np.float64]

#: The most numbers a generated set may hold: 400 MB of float32.
MAX_NUMBERS = 100_000_000

#: Half of all texts lie between 2/3 and 3/2 of the usual length.
_LENGTH_SPREAD = 0.6
#: How much the word frequencies of the two classes differ, as a deviation of their logarithm.
_TILT = 0.5
#: The mean share of a text's words that speak for its class, and its deviation over the texts:
#: about one text in twenty says more against its class than for it, as real reviews do.
_OWN_SHARE, _OWN_SPREAD = 0.71, 0.13


def moons(n: int = 1000, noise: float = 0.1, rng: Any = 0) -> Dataset:
    """Two half-circles that reach into each other.

    (cos t, sin t) and (1 − cos t, ½ − sin t), t in [0, π].

    Parameters
    ----------
    n : int
        Points, ≥ 2.
    noise : float
        Deviation of the normal noise on both coordinates, ≥ 0.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> moons(n=500, noise=0.2, rng=3)
    <moons: 500 × 2 float32, 2 classes>
    """
    random, recipe = _begin("moons", n, 2, rng, noise=noise)
    upper, lower = (np.linspace(0, np.pi, size) for size in _sizes(n, 2))
    points = [
        np.stack([np.cos(upper), np.sin(upper)], axis=1),
        np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], axis=1),
    ]
    return _plane("moons", points, noise, random, recipe)


def circles(n: int = 1000, noise: float = 0.05, factor: float = 0.5, rng: Any = 0) -> Dataset:
    """A circle of radius 1 and one of radius `factor` inside it.

    Parameters
    ----------
    n : int
        Points, ≥ 2.
    noise : float
        Deviation of the normal noise on both coordinates, ≥ 0.
    factor : float
        Radius of the inner circle, 0 to 1.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> circles(n=300, factor=0.3)
    <circles: 300 × 2 float32, 2 classes>
    """
    check_number("circles: factor", factor, 0, 1)
    random, recipe = _begin("circles", n, 2, rng, noise=noise, factor=factor)
    points = []
    for radius, size in zip((1.0, factor), _sizes(n, 2), strict=True):
        angle = np.linspace(0, 2 * np.pi, size, endpoint=False)
        points.append(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return _plane("circles", points, noise, random, recipe)


def xor(n: int = 1000, noise: float = 0.05, rng: Any = 0) -> Dataset:
    """Four squares round the origin, those of a diagonal in one class: the sign of x·y.

    No line tells them apart (Minsky and Papert, 1969). Points lie from 0.1 to 1 from both axes.

    Parameters
    ----------
    n : int
        Points, ≥ 2.
    noise : float
        Deviation of the normal noise on both coordinates, ≥ 0.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> xor(n=300)
    <xor: 300 × 2 float32, 2 classes>
    """
    random, recipe = _begin("xor", n, 2, rng, noise=noise)
    points = []
    for sign, size in zip((1.0, -1.0), _sizes(n, 2), strict=True):
        side = random.choice((-1.0, 1.0), size)
        x, y = random.uniform(0.1, 1.0, (2, size))
        points.append(np.stack([side * x, sign * side * y], axis=1))
    return _plane("xor", points, noise, random, recipe)


def spirals(
    n: int = 1000, arms: int = 2, noise: float = 0.02, turns: float = 1.0, rng: Any = 0
) -> Dataset:
    """Spiral arms from the centre to radius 1, a class each.

    t·(cos φ, sin φ) with φ = 2π(turns·t + arm/arms), t in (0, 1].

    Parameters
    ----------
    n : int
        Points, at least one an arm.
    arms : int
        How many arms, 2 to 20.
    noise : float
        Deviation of the normal noise on both coordinates, ≥ 0.
    turns : float
        How often an arm goes round, 0 to 10.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> spirals(n=300, arms=3, turns=0.7)
    <spirals: 300 × 2 float32, 3 classes>
    """
    check_whole("spirals: arms", arms, 2, 20)
    check_number("spirals: turns", turns, 0, 10)
    random, recipe = _begin("spirals", n, 2, rng, arms, arms=arms, noise=noise, turns=turns)
    points = []
    for arm, size in enumerate(_sizes(n, arms)):
        t = np.arange(1, size + 1) / size
        angle = 2 * np.pi * (turns * t + arm / arms)
        points.append(t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return _plane("spirals", points, noise, random, recipe)


def blobs(
    n: int = 1000, centers: int = 3, noise: float = 1.0, inputs: int = 2, rng: Any = 0
) -> Dataset:
    """Normal clouds round centres drawn from [−6, 6] in each coordinate, a class each.

    Parameters
    ----------
    n : int
        Points, ≥ 2 and at least one a cloud.
    centers : int
        How many clouds, 1 to 100.
    noise : float
        Deviation of a cloud in each coordinate, ≥ 0.
    inputs : int
        Coordinates of a point, 1 to 10,000.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> blobs(n=400, centers=4, inputs=3)
    <blobs: 400 × 3 float32, 4 classes>
    """
    check_whole("blobs: centers", centers, 1, 100)
    check_whole("blobs: inputs", inputs, 1, 10_000)
    random, recipe = _begin(
        "blobs", n, inputs, rng, centers, centers=centers, noise=noise, inputs=inputs
    )
    places = random.uniform(-6, 6, (centers, inputs))
    points = [
        np.broadcast_to(place, (size, inputs))
        for place, size in zip(places, _sizes(n, centers), strict=True)
    ]
    return _plane("blobs", points, noise, random, recipe)


def text(n: int = 25_000, words: int = 10_000, length: int = 180, rng: Any = 0) -> Dataset:
    """Which words each of many short texts has: a stand-in for the film reviews of IMDB.

    The k-th word has a frequency near 1/(k + 2.7) (Zipf and Mandelbrot), tilted one way in
    positive and the other way in negative speech. A text speaks mostly, not always, for its
    class. As with the reviews, a small network gets 85 to 90 % right, and more layers get no
    more.

    Parameters
    ----------
    n : int
        Texts, ≥ 2.
    words : int
        How many different words there are, 10 to 1,000,000: the columns.
    length : int
        Words of a usual text, 1 to 10,000.
    rng
        Seed or generator (`np.random.default_rng(rng)`).

    Returns
    -------
    Dataset
        With `x` a CSR matrix of uint8 ones, 15 MB as it stands. `.dense()` takes 250 MB.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> reviews = text(n=100, words=1000)
    >>> reviews, reviews.classes
    (<text: 100 × 1,000 uint8, 2 classes>, ('negative', 'positive'))
    """
    check_whole("text: words", words, 10, 1_000_000)
    check_whole("text: length", length, 1, 10_000)
    random, recipe = _begin("text", n, length, rng, words=words, length=length)
    tilt = random.normal(0, _TILT, words)
    # Negative and positive speech: cumulated frequencies to draw from.
    speech = [np.cumsum(np.exp(sign * tilt) / (np.arange(words) + 2.7)) for sign in (-1, 1)]
    y = random.permutation(np.repeat([0, 1], _sizes(n, 2)))
    lengths = np.exp(random.normal(math.log(length), _LENGTH_SPREAD, n)).astype(np.int64) + 1
    own = random.normal(_OWN_SHARE, _OWN_SPREAD, n).clip(0, 1)
    positive = np.where(y == 1, own, 1 - own)
    drawn = [
        _draw_words(random, speech, np.repeat(positive[part], lengths[part]))
        for part in (slice(first, first + 1000) for first in range(0, n, 1000))
    ]
    x = multi_hot(np.concatenate(drawn), lengths, words)
    return Dataset("text", x, y, ("negative", "positive"), source=recipe)


def _draw_words(
    random: np.random.Generator, speech: list[Real], positive: Real
) -> NDArray[np.int32]:
    """A word for each place, from positive speech with the probability given there."""
    words = np.empty(positive.size, dtype=np.int32)
    kind = random.random(positive.size) < positive
    for speaks, cumulated in zip((~kind, kind), speech, strict=True):
        # Short of the last sum, so that rounding cannot draw the word after the last one.
        u = random.random(np.count_nonzero(speaks)) * np.nextafter(cumulated[-1], 0)
        words[speaks] = np.searchsorted(cumulated, u, side="right")
    return words


def _begin(
    name: str, n: int, width: int, rng: Any, classes: int = 2, **settings: float
) -> tuple[np.random.Generator, str]:
    """The random generator, and the line that says how to make the set again."""
    check_whole(f"{name}: n", n, max(classes, 2), MAX_NUMBERS // width)
    check_number(f"{name}: noise", settings.get("noise", 0.0), 0, 1e6)
    texts = [f"n={n}", *(f"{key}={number(value)}" for key, value in settings.items())]
    if isinstance(rng, int | np.integer):
        texts.append(f"seed={rng}")
    return generator(rng), f"generated: {name}:{','.join(texts)}"


def _sizes(n: int, classes: int) -> list[int]:
    """n in equal parts; the first ones take what is left over."""
    return [n // classes + (k < n % classes) for k in range(classes)]


def _plane(
    name: str, points: list[Real], noise: float, random: np.random.Generator, source: str
) -> Dataset:
    """The points of each class, noise on them, in a random order."""
    y = np.repeat(np.arange(len(points)), [len(p) for p in points])
    x = np.concatenate(points).astype(np.float32)
    if noise:
        x += noise * random.standard_normal(x.shape, dtype=np.float32)
    order = random.permutation(len(y))
    classes = tuple(str(k) for k in range(len(points)))
    return Dataset(name, x[order], y[order], classes, source=source)
