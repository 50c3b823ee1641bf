"""Families of test functions in n dimensions, by texts such as `rosenbrock:n=10`.

Formulas, domains and minima are those of the source named beside each. The sums that are compiled
stand in `family_kernels.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.compiled import jit, sources
from optviz.functions.regressions import LARGEST, logistic_minimum, outliers_minimum
from optviz.shared.checks import check_number, check_whole
from optviz.shared.settings import parse_number, parse_settings, parse_whole
from optviz.shared.text import listed, number

Real = NDArray[np.float64]

#: Of one point of a path; a thousand of them take 8 GB.
MAX_N = 1_000_000
#: What a text may set of the bounds of every coordinate.
ENDS = ("low", "high")
GRADIENT, VALUE = "void(real[:, ::1], real[:, ::1])", "void(float64[:, ::1], float64[::1])"


Minima = Callable[[int, Mapping[str, float]], Real]


def _at(value: float) -> Minima:
    """One minimum, the same in each coordinate."""
    return lambda n, _: np.full((1, n), value)


def _found(search: Callable[[int], Real]) -> Minima:
    """The minimum of a convex function, as Newton's method finds it, once."""
    kept = functools.cache(search)
    return lambda n, _: kept(n)


def _dixon_price(n: int, _: Mapping[str, float]) -> Real:
    """xᵢ = 2^(−(2ⁱ − 2)/2ⁱ); the last coordinate with either sign, for only its square counts."""
    place = 2.0 ** (2.0 ** (1.0 - np.arange(1, n + 1)) - 1.0)
    other = place.copy()
    other[-1] *= -1
    return np.array([place, other])


def _linear_network(n: int, settings: Mapping[str, float]) -> Real:
    """The first layer does it all and the others nothing: one of a continuum of minima."""
    size = _width(n)
    first = np.diag(settings["condition"] ** (-np.arange(size) / max(size - 1, 1)))
    return np.concatenate([m.ravel() for m in (first, np.eye(size), np.eye(size))])[None]


def _width(n: int) -> int:
    """Of each of three square layers with n weights together."""
    return math.isqrt(n // 3)


def _three_squares(n: int) -> None:
    """Refuse n that are not those of three square layers."""
    if 3 * _width(n) ** 2 != n:
        size = max(_width(n), 1)
        at = [3 * size**2, 3 * (size + 1) ** 2]
        raise ValueError(
            f"linear-network: n must be three times a square, such as {listed(at)}, not {n}: it "
            "has three square layers"
        )


@dataclass(frozen=True)
class Family:
    """A function of any number of coordinates.

    Attributes
    ----------
    name
        On the command line, and in `family_kernels.py`.
    formula
        For titles, as Matplotlib typesets it.
    bounds
        Of every coordinate.
    start
        The coordinates of the usual start, in turn.
    minima
        The global minima for n coordinates and the settings, shape (k, n): all, or of a continuum
        one.
    lowest
        f* for one coordinate; n times that is f*. None: the value at the minima.
    settings
        What a text may set besides `n`, and its default.
    largest
        n may not be more.
    check
        Raises a ValueError for an n that there is not.
    """

    name: str
    title: str
    formula: str
    bounds: tuple[float, float]
    start: tuple[float, ...]
    source: str
    minima: Minima
    lowest: float | None = 0.0
    settings: Mapping[str, float] = field(default_factory=dict)
    largest: int = MAX_N
    check: Callable[[int], None] = lambda n: None

    @property
    def example(self) -> str:
        """A text of it."""
        return f"{self.name}:n={12 if self.check is _three_squares else 10}"


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "sphere", "Sphere", r"\sum_i x_i^2", (-5.12, 5.12), (-4, 3), "De Jong (1975), F1",
            _at(0.0),
        ),
        Family(
            # The curvatures are the powers of ten (of the condition, in fact) between its ends.
            "quadratic", "Quadratic", r"\frac{1}{2} \sum_i \kappa^{(i-1)/(n-1)} x_i^2", (-5, 5),
            (-4, 3), "Nesterov (2018), Lectures on Convex Optimization", _at(0.0),
            settings={"condition": 100.0},
        ),
        Family(
            # For n from 4 there is a local minimum near (−1, 1, …, 1).
            "rosenbrock", "Rosenbrock", r"\sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2",
            (-2.048, 2.048), (-1.2, 1),
            "Rosenbrock (1960); in n dimensions Shang and Qiu (2006)", _at(1.0),
        ),
        Family(
            "rastrigin", "Rastrigin", r"10 n + \sum_i x_i^2 - 10 \cos(2 \pi x_i)", (-5.12, 5.12),
            (-3.3, 2.7), "Rastrigin (1974); in n dimensions Mühlenbein et al. (1991)", _at(0.0),
        ),
        Family(
            "ackley", "Ackley",
            r"20 - 20 e^{-0.2 \sqrt{\sum_i x_i^2 / n}} + e - e^{\sum_i \cos(2 \pi x_i) / n}",
            (-32.768, 32.768), (-3.4, 2.6), "Ackley (1987); in n dimensions Bäck (1996)", _at(0.0),
        ),
        Family(
            "styblinski-tang", "Styblinski–Tang",
            r"\frac{1}{2} \sum_i x_i^4 - 16 x_i^2 + 5 x_i", (-5, 5), (4, -0.5),
            "Styblinski and Tang (1990)", _at(-2.9035340277711770951), -39.166165703771419281,
        ),
        Family(
            "levy", "Lévy",
            r"\sin^2(\pi w_1) + \sum_{i<n} (w_i - 1)^2 [1 + 10 \sin^2(\pi w_i + 1)]"
            r" + (w_n - 1)^2 [1 + \sin^2(2 \pi w_n)],\ w_i = 1 + (x_i - 1)/4",
            (-10, 10), (-7, 6), "Lévy and Montalvo (1985); Laguna and Martí (2005)", _at(1.0),
        ),
        Family(
            "zakharov", "Zakharov",
            r"\sum_i x_i^2 + (\sum_i i x_i / 2)^2 + (\sum_i i x_i / 2)^4", (-5, 10), (8, 6),
            "Jamil and Yang (2013), A Literature Survey of Benchmark Functions", _at(0.0),
        ),
        Family(
            "dixon-price", "Dixon–Price", r"(x_1 - 1)^2 + \sum_{i>1} i (2 x_i^2 - x_{i-1})^2",
            (-10, 10), (-7, 6), "Dixon and Price (1989)", _dixon_price,
        ),
        Family(
            "outliers", "Least squares with outliers",
            r"\frac{1}{m} \sum_{j=1}^{m} \sqrt{1 + (a_j^\top x - b_j)^2} - 1", (-5, 5), (-4, 3),
            "soft L1 loss of Charbonnier et al. (1994), every tenth target an outlier",
            _found(outliers_minimum), None, largest=LARGEST,
        ),
        Family(
            "logistic", "Logistic regression",
            r"\frac{1}{m} \sum_{j=1}^{m} \log(1 + e^{-y_j a_j^\top x}) + 0.005\,|x|^2", (-5, 5),
            (-4, 3), "Cox (1958), with a ridge", _found(logistic_minimum),
            None, largest=LARGEST,
        ),
        Family(
            # W₂ W₁ in the talk; the third layer makes the origin flatter.
            "linear-network", "Deep linear network",
            r"\frac{1}{2} \Vert W_3 W_2 W_1 - \mathrm{diag}(1 \ldots 1/\kappa) \Vert^2",
            (-1.5, 1.5), (0.8, -0.3, 0.5, 0.9),
            "Saxe, McClelland and Ganguli (2014); Rahimi and Recht, talk at NeurIPS 2017",
            _linear_network, settings={"condition": 100.0}, largest=3000, check=_three_squares,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A family with its settings: compiled values and gradients for every n."""

    family: Family
    settings: tuple[tuple[str, float], ...] = ()

    def text(self, n: int, bounds: tuple[float, float] | None = None) -> str:
        """What `read` takes; other bounds than the family's are those of every coordinate."""
        usual = self.family.settings
        own = [f"{key}={number(v)}" for key, v in self.settings if v != usual[key]]
        if bounds is not None and bounds != self.family.bounds:
            own += [f"{key}={number(v)}" for key, v in zip(("low", "high"), bounds, strict=True)]
        return f"{self.family.name}:{','.join([f'n={n}', *own])}"

    def minima(self, n: int) -> Real:
        """The global minima, shape (k, n)."""
        return self.family.minima(n, dict(self.settings))

    def kernel(self, what: str, dtype: Any = np.float64) -> Callable[..., None]:
        """The "value" or the "gradient" kernel."""
        module = _module(tuple(self.settings))
        name = f"{self.family.name.replace('-', '_')}_{what}"
        return jit.compiled(getattr(module, name), GRADIENT if what == "gradient" else VALUE, dtype)


@functools.cache
def _module(settings: tuple[tuple[str, float], ...]) -> ModuleType:
    """The kernels with these numbers, in a file of their own for Numba's cache."""
    path = sources.HERE / "functions" / "family_kernels.py"
    text = path.read_text(encoding="utf-8")
    constants = (sources.HERE / "compiled" / "splitmix.py").read_text(encoding="utf-8")
    for name, value in settings:
        usual = next(f.settings[name] for f in FAMILIES.values() if name in f.settings)
        text = text.replace(f"{name.upper()} = {usual!r}", f"{name.upper()} = {value!r}")
    key = text + sources.vecmath_text() + constants
    return sources.source_module("families", key, lambda: text)


def is_family(text: str) -> bool:
    """Whether a text is that of a family with its settings.

    >>> is_family("rosenbrock:n=10"), is_family("rosenbrock"), is_family("mine:f")
    (True, False, False)
    """
    name, colon, settings = text.partition(":")
    is_one = bool(colon) and ":" not in settings and not settings.strip().isidentifier()
    return is_one and _name(name) in FAMILIES


def read(text: str) -> tuple[Member, int, tuple[float, float]]:
    """A family, its n and its bounds from `NAME:n=10` or `NAME:n=50,condition=1e4,low=-1,high=1`.

    Raises
    ------
    ValueError
        If a setting is unknown or out of its range, or n is missing.
    """
    name, _, settings = text.partition(":")
    family = FAMILIES[_name(name)]
    texts = parse_settings(family.name, settings, known=["n", *family.settings, *ENDS])
    if "n" not in texts:
        raise ValueError(f"{text!r} lacks its number of dimensions: {family.example}")
    try:
        n = parse_whole(texts.pop("n"))
    except ValueError:
        raise ValueError(f"{text!r}: n must be a whole number, such as 10") from None
    check_whole(f"{family.name}: n", n, 2, family.largest)
    family.check(n)
    low, high = (
        parse_number(f"{family.name}: {key}", texts.pop(key, number(usual)))
        for key, usual in zip(ENDS, family.bounds, strict=True)
    )
    values = {**family.settings}
    for key, value in texts.items():
        values[key] = parse_number(f"{family.name}: {key}", value)
        check_number(f"{family.name}: {key}", values[key], 1, 1e300)
    return Member(family, tuple(values.items())), n, (low, high)


def _name(text: str) -> str:
    return text.strip().lower().replace("_", "-").replace(" ", "-")
