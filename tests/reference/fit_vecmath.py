"""Fit the constants of compiled/vecmath.py: `python -m tests.reference.fit_vecmath` prints them.

Polynomials are fitted by least squares at Chebyshev nodes in 60 digits, which comes within a
small factor of the best there are. Coefficients are rounded to float64 one after the other, each
time fitting the rest to what is left, so that the rounding of the large ones does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath

Real = Callable[[Any], Any]
#: Fits reach a little beyond their interval: a reduced argument may, by rounding.
MARGIN = "1.0001"


def nodes(low: Any, high: Any, count: int) -> list[Any]:
    turns = [mpmath.mpf(2 * k + 1) / (2 * count) for k in range(count)]
    return [(low + high - (high - low) * mpmath.cos(mpmath.pi * t)) / 2 for t in turns]


def polynomial(
    g: Real, low: Any, high: Any, count: int, first: tuple[float, ...] = ()
) -> list[float]:
    """c with c[0] + c[1] z + ... ≈ g(z), `count` terms, the `first` of them given."""
    at = nodes(low, high, 8 * count)
    c = list(first)
    while len(c) < count:
        basis = mpmath.matrix([[z**k for k in range(len(c), count)] for z in at])
        left = mpmath.matrix([g(z) - sum(ck * z**k for k, ck in enumerate(c)) for z in at])
        c.append(float(mpmath.lu_solve(basis, left)[0]))
    return c


def rational(g: Real, high: Any, top: int, bottom: int) -> list[float]:
    """p and q with p(z)/(1 + q z + ...) ≈ g(z) from 0 to `high`, of these degrees."""
    at = nodes(0, high, top + 1 + bottom)
    rows = [
        [z**k for k in range(top + 1)] + [-g(z) * z**k for k in range(1, bottom + 1)] for z in at
    ]
    return [
        float(c) for c in mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix([g(z) for z in at]))
    ]


def parts(value: Any, bits: int, count: int) -> list[float]:
    """`value` as a sum of `count` floats, all but the last of `bits` bits."""
    out = []
    for _ in range(count - 1):
        unit = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(value, 2)) - bits + 1)
        out.append(float(mpmath.floor(value / unit) * unit))
        value -= out[-1]
    return [*out, float(value)]


def beyond_x(f: Real) -> Real:
    """(f(x) − x)/x³ as a function of z = x²."""
    return lambda z: (f(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1) / z


def fits() -> dict[str, list[float]]:
    with mpmath.workdps(60):
        more = mpmath.mpf(MARGIN)
        pi, ln2, root = +mpmath.pi, mpmath.log(2), mpmath.sqrt(2)
        s_max = (root - 1) / (root + 1)
        return {
            "sin": polynomial(beyond_x(mpmath.sin), 0, (pi / 2) ** 2 * more, 8),
            "exp": polynomial(
                lambda r: (mpmath.exp(r) - 1 - r) / r**2, -ln2 / 2 * more, ln2 / 2 * more, 10,
                first=(1 / 2,),
            ),
            "log": polynomial(
                lambda z: 2 * beyond_x(mpmath.atanh)(z), 0, s_max**2 * more, 7, first=(2 / 3,)
            ),
            "sinh": polynomial(beyond_x(mpmath.sinh), 0, mpmath.mpf(1), 7),
            "tanh": rational(beyond_x(mpmath.tanh), mpmath.mpf(9) ** 2 / 16**2, 2, 3),
            "pi": parts(pi, 36, 3),
            "ln2": parts(ln2, 36, 2),
            "inverses": [float(1 / pi), float(1 / ln2)],
        }  # fmt: skip


if __name__ == "__main__":
    for name, constants in fits().items():
        print(name, *map(repr, constants), sep="\n    ")
