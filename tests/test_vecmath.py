"""The vectorised functions against mpmath, compiled as kernels are and as plain Python."""

from __future__ import annotations

import ast
import functools
import math
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.compiled import jit, sources, vecmath
from optviz.compiled.signatures import signature
from optviz.functions import derive, formula
from optviz.functions.base import GRADIENT
from tests.reference.fit_vecmath import fits

NAMES = sorted(derive.VECTORISED)
INF, NAN = math.inf, math.nan
TINY, SUBNORMAL = 2.0**-1022, 5e-324

needs_jit = pytest.mark.skipif(jit.jit_disabled(), reason="NUMBA_DISABLE_JIT is set")


def _over_a_block(name: str) -> Callable[[np.ndarray, np.ndarray], None]:
    function = getattr(vecmath, name)

    def block(a, out):
        for i in range(a.shape[0]):
            out[i] = function(a[i])

    return block


@functools.cache
def _kernel(name: str):
    """A loop over a block, compiled under the flags of the package's kernels."""
    block = _over_a_block(name)
    if jit.jit_disabled():
        return block
    from numba import float64, njit, void

    options = {"nogil": True, "error_model": "numpy", "fastmath": set(jit.FASTMATH)}
    return njit(void(float64[::1], float64[::1]), **options)(block)


def apply(name: str, values) -> np.ndarray:
    a = np.array(values, dtype=float)
    out = np.empty_like(a)
    with np.errstate(all="ignore"):
        _kernel(name)(a, out)
    return out


# -- accuracy -------------------------------------------------------------------------------


def _ulp(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|y − f(x)| in units of the last place of f(x)."""
    errors = []
    with mpmath.workprec(140):
        exact_of = getattr(mpmath, name)
        for a, b in zip(x.tolist(), y.tolist(), strict=True):
            exact = exact_of(mpmath.mpf(a))
            _, exponent = mpmath.frexp(exact)
            unit = mpmath.ldexp(1, max(exponent - 53, -1074))
            errors.append(float(abs(b - exact) / unit))
    return np.array(errors)


def _signed(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    return values * rng.choice([-1.0, 1.0], values.shape)


def _near_quarters(rng: np.random.Generator, largest: float, count: int) -> np.ndarray:
    """Multiples of π/2 up to `largest`, hit as well as a float can and missed by any distance."""
    k = rng.integers(1, int(largest / (np.pi / 2)), count)
    hits = np.array([float(int(n) * (mpmath.pi / 2)) for n in k])
    misses = hits * (1 + _signed(rng, 2.0 ** -rng.uniform(5, 53, count)))
    return np.concatenate([hits, misses])


def _samples(name: str) -> dict[str, np.ndarray]:
    """Arguments by the range that they lie in."""
    rng = np.random.default_rng(11)
    n = 100 if jit.jit_disabled() else 600

    def up_to(bound: float) -> np.ndarray:
        return rng.uniform(-bound, bound, n)

    tiny = _signed(rng, 10 ** rng.uniform(-323, 0, n))
    match name:
        case "sin" | "cos":
            with mpmath.workdps(40):
                near = _near_quarters(rng, 100, n), _near_quarters(rng, 1e5, n)
            return {"tiny": tiny, "one": up_to(1.6), "hundred": up_to(100), "large": up_to(1e5),
                    "zeros": near[0], "large zeros": near[1]}  # fmt: skip
        case "exp":
            return {"tiny": tiny, "one": up_to(1), "all": up_to(709.7),
                    "subnormal": rng.uniform(-745.2, -708, n)}  # fmt: skip
        case "log":
            return {"all": 10 ** rng.uniform(-308, 308, n), "one": rng.uniform(0.5, 2, n),
                    "near one": 1 + _signed(rng, 10 ** rng.uniform(-15.9, -1, n)),
                    "subnormal": 10 ** rng.uniform(-323, -308, n)}  # fmt: skip
        case "tanh":
            return {"tiny": tiny, "one": up_to(1), "all": up_to(22)}
        case _:
            return {"tiny": tiny, "one": up_to(1), "some": up_to(5), "all": up_to(710.47)}


@pytest.mark.parametrize("name", NAMES)
def test_at_most_2_ulp(name: str) -> None:
    for where, x in _samples(name).items():
        errors = _ulp(name, x, apply(name, x))
        worst = np.argmax(errors)
        assert errors[worst] <= 2, (where, x[worst])


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_phases_err_as_if_the_argument_were_off_by_its_last_bit(name: str) -> None:
    rng = np.random.default_rng(5)
    x = _signed(rng, 10 ** rng.uniform(5, 12, 200))
    with mpmath.workdps(60):
        exact = np.array([float(getattr(mpmath, name)(mpmath.mpf(a))) for a in x.tolist()])
    assert np.all(np.abs(apply(name, x) - exact) <= 1.5 * np.spacing(np.abs(x)) + 1e-15)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_never_beyond_one(name: str) -> None:
    rng = np.random.default_rng(5)
    n = 300 if jit.jit_disabled() else 100_000
    huge = _signed(rng, 10 ** rng.uniform(5, 308.2, n))
    quarters = rng.integers(0, 64, n) * (np.pi / 2) + _signed(rng, 2.0 ** -rng.uniform(1, 50, n))
    values = apply(name, np.concatenate([huge, quarters, [1.7976931348623157e308]]))
    assert np.all(np.abs(values) <= 1)


def test_the_constants_are_the_fits() -> None:
    tree = ast.parse(Path(vecmath.__file__).read_text())
    written = {abs(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant)
               and isinstance(n.value, float)}  # fmt: skip
    fitted = {abs(c) for constants in fits().values() for c in constants}
    assert fitted <= written
    # And no other number of many digits is there.
    assert {c for c in written - fitted if len(repr(c)) > 19} == set()


# -- edges ----------------------------------------------------------------------------------

EDGES = [0.0, -0.0, INF, -INF, NAN, SUBNORMAL, -SUBNORMAL, TINY, -TINY, 1e-310, 1e-20, -1e-20,
         1.0, -1.0, 0.5, 2.0, 709.0, 710.0, -710.0, 709.782712893384, 709.7827128933841,
         710.4758600739439, 710.475860073944, -744.4, -745.13, -745.14, -746.0, 750.0, -1e5,
         800.0, 1e300, -1e300, 1.7976931348623157e308, -1.7976931348623157e308]  # fmt: skip


def _assert_like_numpy(name: str, x: float) -> None:
    (mine,) = apply(name, [x])
    with np.errstate(all="ignore"):
        theirs = getattr(np, name)(np.float64(x))
    if not np.isfinite(theirs) or theirs == 0:
        # To the bit, that is with the sign of zero.
        assert np.isnan(mine) == np.isnan(theirs), (name, x, mine)
        assert np.isnan(theirs) or struct.pack("d", mine) == struct.pack("d", theirs), (name, x)
    elif name in ("sin", "cos") and abs(x) > 1e5:
        assert abs(mine) <= 1
    else:
        # NumPy's own error comes on top.
        assert abs(mine - theirs) <= 3 * np.spacing(abs(theirs)), (name, x, mine)


@pytest.mark.parametrize("name", NAMES)
def test_edge_cases_are_numpys(name: str) -> None:
    for x in EDGES:
        _assert_like_numpy(name, x)
    # In a block they go through the vectors, alone through the rest of the loop.
    alone = np.concatenate([apply(name, [x]) for x in EDGES])
    block = apply(name, EDGES * 16).reshape(16, -1)
    for row in block:
        np.testing.assert_array_equal(row, alone)
        np.testing.assert_array_equal(np.signbit(row[alone == 0]), np.signbit(alone[alone == 0]))


@settings(max_examples=60)
@given(st.floats())
@example(-0.0)
@example(709.7827128933841)
def test_any_float_gives_what_numpy_gives(x: float) -> None:
    for name in NAMES:
        _assert_like_numpy(name, x)


def test_exact_values() -> None:
    assert apply("cos", [0.0, -0.0]).tolist() == [1, 1]
    assert apply("exp", [0.0, -0.0]).tolist() == [1, 1]
    assert apply("log", [1.0]).tobytes() == np.zeros(1).tobytes()
    assert apply("tanh", [40.0, -40.0]).tolist() == [1, -1]
    assert apply("exp", [710.0, -746.0]).tolist() == [INF, 0]
    assert apply("log", [0.0, INF]).tolist() == [-INF, INF]
    for name in ("sin", "tanh", "sinh"):
        assert np.signbit(apply(name, [0.0, -0.0])).tolist() == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_symmetries_hold_to_the_bit(name: str) -> None:
    x = np.random.default_rng(2).uniform(-30, 30, 50)
    if name in ("sin", "sinh", "tanh"):
        np.testing.assert_array_equal(apply(name, -x), -apply(name, x))
    elif name in ("cos", "cosh"):
        np.testing.assert_array_equal(apply(name, -x), apply(name, x))
    else:
        there_and_back = apply("log", apply("exp", x))
        np.testing.assert_allclose(there_and_back, x, atol=1e-15, rtol=1e-15)


@pytest.mark.parametrize("number", [float, np.float64, np.float32, int])
@pytest.mark.parametrize("name", NAMES)
def test_plain_python_takes_any_real_number(name: str, number) -> None:
    plain = getattr(vecmath, name)
    for x in (1, 2, 3):
        with np.errstate(all="ignore"):
            value = plain(number(x))
        assert isinstance(value, float)
        assert value == pytest.approx(getattr(math, name)(x), rel=1e-15)


# -- compilation ----------------------------------------------------------------------------


@needs_jit
@pytest.mark.parametrize("name", NAMES)
def test_loops_are_vectorised(name: str) -> None:
    (llvm,) = _kernel(name).inspect_llvm().values()
    assert _is_vectorised(llvm)


def _is_vectorised(llvm: str) -> bool:
    """Whether the loop works on vectors and calls no library."""
    products = re.search(r"= fmul[a-z ]* <\d+ x double>", llvm)
    return products is not None and not re.search(r"@(sin|cos|exp|log|tanh|sinh|cosh)\(", llvm)


@needs_jit
def test_a_gradient_kernel_is_vectorised() -> None:
    from numba import njit

    source = ov.functions["rastrigin"].expression.kernels().gradient_kernel
    options = {"nogil": True, "error_model": "numpy", "fastmath": set(jit.FASTMATH)}
    (llvm,) = njit(signature(GRADIENT), **options)(source).inspect_llvm().values()
    assert _is_vectorised(llvm)


def test_kernels_compute_in_double() -> None:
    kernel = ov.function("exp(x) + x*y").expression.kernels().gradient_kernel
    points = np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32)
    gradient = np.empty((2, 2))
    kernel(points, gradient)
    x, y = points.astype(float)
    np.testing.assert_allclose(gradient, [np.exp(x) + y, x], rtol=1e-15)


def test_a_changed_file_makes_new_kernels(tmp_path, monkeypatch) -> None:
    expression = formula.parse("sin(x) + cos(y)")
    before, functions = expression.kernels(), expression.module()
    assert Path(vecmath.__file__).samefile(sources.VECMATH)
    changed = tmp_path / "_vecmath.py"
    changed.write_text(sources.VECMATH.read_text() + "# changed\n")
    monkeypatch.setattr(sources, "VECMATH", changed)
    after = expression.kernels()
    assert after.__file__ != before.__file__
    assert Path(after.__file__).read_text() == Path(before.__file__).read_text()
    assert expression.module() is functions


def test_evaluating_a_function_does_not_import_numba() -> None:
    code = (
        "import sys, optviz as ov; f = ov.function('rastrigin'); f(1, 2); f.hessian(1, 2);"
        "f.minima; print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
