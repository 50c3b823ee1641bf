"""sin, cos, exp, log, sinh, cosh and tanh that LLVM can vectorise inside a kernel's loop.

Numba's own call the C library once a number: 3 to 8 ns each, where these take about 1 ns in a
loop over a block of points. So they branch nowhere (both sides are computed, one is selected),
call nothing and shift bits instead of looking into tables.

Accuracy is that of float64, at most 2 ulp, with edge cases as NumPy's (±0, ±inf, nan, subnormal
numbers); tests/test_vecmath.py measures it against mpmath. sin and cos hold it up to |x| = 1e5.
Beyond, the error is that of x moved by about an ulp. From 1e12 (2^40) on that is a visible part
of a turn, and x counts as 0. The results stay finite and within [−1, 1] everywhere.

Two things keep this true under the kernels' "contract", which may or may not fuse a·b + c:
products that must be exact are exact (a few leading bits of a constant times a small whole
number), so that it makes no difference there; and signs of zero are copied as bits, which no
flag touches.

The constants are fits of our own, made by tests/reference/fit_vecmath.py. The reduction in parts
is Cody and Waite, *Software Manual for the Elementary Functions* (1980); the arrangement of `log`
is that of FreeBSD's `e_log.c`.

The module imports Numba, so only kernels import it: `formula.Expression.kernels`.
"""

from __future__ import annotations

from typing import Any

from numpy import float64, inf, int64, nan

from optviz.compiled.jit import inlined


@inlined
def _bits(x: Any) -> Any:
    return float64(x).view(int64)


@inlined
def _real(bits: Any) -> Any:
    return int64(bits).view(float64)


#: 1.5·2^52: a sum with it is rounded to a whole number, which its low bits then hold.
ROUND = 6755399441055744.0
SIGN_BIT = -(2**63)

# -- sin, cos -------------------------------------------------------------------------------

INV_PI = 0.3183098861837907
#: π in parts. The first two have 36 bits: their products with up to 2^17 halves are exact.
PI1, PI2, PI3 = 3.1415926535846666, 5.1266883031679116e-12, 2.1125998133974855e-23
#: Beyond this a multiple of π is not known to four digits.
TOO_LARGE = 2.0**40


@inlined
def _phase(x: Any) -> Any:
    """|x|, or 0 where that is too large; nan for ±inf."""
    a = abs(float64(x))
    return a if a < TOO_LARGE else a - a


@inlined
def _less_multiple(a: Any, n: Any) -> Any:
    """a − nπ. The first difference is exact; near a zero of sin or cos, so is the second."""
    return ((a - n * PI1) - n * PI2) - n * PI3


@inlined
def _sine(r: Any) -> Any:
    """sin(r) for |r| ≤ π/2: r + r³ times a polynomial in r²."""
    z = r * r
    p = 2.7138501137555006e-15
    p = p * z - 7.642342509748402e-13
    p = p * z + 1.6058917077186548e-10
    p = p * z - 2.5052106481968767e-08
    p = p * z + 2.7557319207711023e-06
    p = p * z - 0.00019841269841195674
    p = p * z + 0.00833333333333318
    p = p * z - 0.16666666666666666
    s = r + r * z * p
    # The last bit may be wrong, but a sine is never beyond 1.
    s = 1.0 if s > 1.0 else s
    return -1.0 if s < -1.0 else s


@inlined
def sin(x: Any) -> Any:
    """Sine: sin(nπ + r) = (−1)ⁿ sin(r)."""
    a = _phase(x)
    rounded = a * INV_PI + ROUND
    s = _sine(_less_multiple(a, rounded - ROUND))
    sign = (_bits(rounded) << 63) ^ (_bits(x) & SIGN_BIT)
    return _real(_bits(s) ^ sign)


@inlined
def cos(x: Any) -> Any:
    """Cosine: cos((n + ½)π + r) = −(−1)ⁿ sin(r)."""
    a = _phase(x)
    rounded = (a * INV_PI - 0.5) + ROUND
    s = _sine(_less_multiple(a, (rounded - ROUND) + 0.5))
    return _real(_bits(s) ^ ((_bits(rounded) + 1) << 63))


# -- exp ------------------------------------------------------------------------------------

INV_LN2 = 1.4426950408889634
#: ln 2 in two parts; products of the first (36 bits) with exponents are exact.
LN2_HIGH, LN2_LOW = 0.6931471805582987, 1.6465949582897082e-12


@inlined
def _exponent(x: Any) -> Any:
    """`ROUND` + k, where 2^k is the power of 2 nearest to exp(x)."""
    return x * INV_LN2 + ROUND


@inlined
def _mantissa(x: Any, exponent: Any) -> Any:
    """exp(x)/2^k = exp(r), |r| ≤ ln(2)/2: 1 + r + r² times a polynomial."""
    k = exponent - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 2.5105421026898544e-08
    p = p * r + 2.7618694019278264e-07
    p = p * r + 2.7557254801642484e-06
    p = p * r + 2.4801525065622984e-05
    p = p * r + 0.00019841269875426533
    p = p * r + 0.0013888888913816619
    p = p * r + 0.008333333333325893
    p = p * r + 0.04166666666663547
    p = p * r + 0.1666666666666667
    p = p * r + 0.5
    return 1.0 + (r + r * r * p)


@inlined
def _power_of_two(exponent: Any, bias: Any) -> Any:
    """2^(k + bias − 1023): the low bits of `ROUND` + k, moved to where a float has its exponent."""
    return _real((_bits(exponent) << 52) + (bias << 52))


@inlined
def exp(x: Any) -> Any:
    """Exponential function. It overflows to inf and underflows by way of subnormal numbers."""
    x = float64(x)
    x = 710.0 if x > 710.0 else x
    x = -750.0 if x < -750.0 else x
    exponent = _exponent(x)
    # 2^k itself may be too large or too small for a float: it is multiplied in two steps.
    is_small = x < -700.0
    bias = 1023 + 100 if is_small else 1023 - 1
    rest = 2.0**-100 if is_small else 2.0
    return _mantissa(x, exponent) * _power_of_two(exponent, bias) * rest


# -- log ------------------------------------------------------------------------------------

SMALLEST_NORMAL = 2.0**-1022
MANTISSA_BITS = 2**52 - 1
#: The bits of √½ (rounded up to a few leading ones), and how far they lie below those of 1.
ROOT_BITS = 0x3FE6A09F << 32
BELOW_ONE = (0x3FF << 52) - ROOT_BITS
#: 2^52: whole numbers below it are its low bits, which converts them without a conversion.
WHOLE = 4503599627370496.0
WHOLE_BITS = 0x433 << 52


@inlined
def log(x: Any) -> Any:
    """Natural logarithm: −inf at 0, nan below.

    x = 2^k (1 + f) with 1 + f between √½ and √2. With s = f/(2 + f), ln(1 + f) = 2s + s R(s²),
    and 2s = f − s f is written such that the large part f stays exact.
    """
    x = float64(x)
    is_subnormal = x < SMALLEST_NORMAL
    scaled = x * 2.0**54 if is_subnormal else x
    offset = 1023.0 + 54.0 if is_subnormal else 1023.0
    shifted = _bits(scaled) + BELOW_ONE
    # Without the sign, so that LLVM sees a shift of zeros, which every processor vectorises.
    k = _real(((shifted & ~SIGN_BIT) >> 52) | WHOLE_BITS) - (WHOLE + offset)
    f = _real((shifted & MANTISSA_BITS) + ROOT_BITS) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 0.14600717991055454
    p = p * z + 0.15333233595418463
    p = p * z + 0.18182833199278864
    p = p * z + 0.22222212128517124
    p = p * z + 0.2857142861738289
    p = p * z + 0.39999999999931396
    p = p * z + 0.6666666666666666
    half = 0.5 * f * f
    result = k * LN2_HIGH - ((half - (s * (half + z * p) + k * LN2_LOW)) - f)
    result = result if x < inf else x  # inf and nan
    outside = -inf if x == 0.0 else nan
    return float64(outside if x <= 0.0 else result)


# -- hyperbolic functions -------------------------------------------------------------------


@inlined
def _half_exp(a: Any) -> Any:
    """exp(a)/2 for a ≥ 0, which is finite a little further than exp(a)."""
    a = 711.0 if a > 711.0 else a
    exponent = _exponent(a)
    return _mantissa(a, exponent) * _power_of_two(exponent, 1023 - 2) * 2.0


@inlined
def cosh(x: Any) -> Any:
    """Hyperbolic cosine: h + 1/(4h) with h = exp(|x|)/2."""
    h = _half_exp(abs(float64(x)))
    return h + 0.25 / h


@inlined
def sinh(x: Any) -> Any:
    """Hyperbolic sine: h − 1/(4h), and x + x³ times a polynomial in x² below 1."""
    a = abs(float64(x))
    h = _half_exp(a)
    z = a * a
    p = 7.716098049884679e-13
    p = p * z + 1.6058657453834518e-10
    p = p * z + 2.5052105469443237e-08
    p = p * z + 2.75573192647714e-06
    p = p * z + 0.00019841269841110005
    p = p * z + 0.008333333333333567
    p = p * z + 0.16666666666666666
    small = a + a * z * p
    large = h - 0.25 / h
    result = small if a < 1.0 else large
    return _real(_bits(result) | (_bits(x) & SIGN_BIT))


@inlined
def tanh(x: Any) -> Any:
    """Hyperbolic tangent: 1 − 2/(exp(2|x|) + 1), and x + x³ p(x²)/q(x²) below 9/16."""
    a = abs(float64(x))
    double = 40.0 if a > 20.0 else 2.0 * a
    exponent = _exponent(double)
    e = _mantissa(double, exponent) * _power_of_two(exponent, 1023)
    z = a * a
    p = -0.00019929618499594005
    p = p * z - 0.020501465565699636
    p = p * z - 0.3333333333333333
    q = 0.0002066602742421401
    q = q * z + 0.0232948853291102
    q = q * z + 0.4615043966970977
    q = q * z + 1.0
    # One division serves both.
    is_small = a < 0.5625
    start = a if is_small else 1.0
    above = a * z * p if is_small else -2.0
    below = q if is_small else e + 1.0
    return _real(_bits(start + above / below) | (_bits(x) & SIGN_BIT))
