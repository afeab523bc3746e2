"""converter/fixed_point.py against exact rational arithmetic and against the C header."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import ceil, floor, frexp

import numpy as np
import pytest

from whit.converter import fixed_point as fp
from whit.runtime.paths import include_directory

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
HARNESS = """
#include <stddef.h>
#include "whit/fixed_point.h"
void high_mul(const int32_t *a, const int32_t *b, const int32_t *c, int32_t *y, size_t n) {
  (void)c;
  for (size_t i = 0; i < n; i++) y[i] = whit_doubling_high_mul(a[i], b[i]);
}
void shift_right(const int32_t *a, const int32_t *b, const int32_t *c, int32_t *y, size_t n) {
  (void)c;
  for (size_t i = 0; i < n; i++) y[i] = whit_rounding_shift_right(a[i], b[i]);
}
void requantize(const int32_t *a, const int32_t *b, const int32_t *c, int32_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = whit_requantize(a[i], b[i], c[i]);
}
void add(const int32_t *a, const int32_t *b, const int32_t *c, int32_t *y, size_t n) {
  (void)c;
  for (size_t i = 0; i < n; i++) y[i] = whit_add_wrap(a[i], b[i]);
}
"""


def structured() -> np.ndarray:
    """Every power of two and its neighbours, both signs, the ends, and small numbers."""
    values = set(range(-9, 10)) | {INT32_MIN, INT32_MIN + 1, INT32_MAX, INT32_MAX - 1}
    for bit in range(31):
        for step in (-2, -1, 0, 1, 2):
            values |= {(1 << bit) + step, -(1 << bit) + step, 3 * (1 << max(bit - 2, 0)) + step}
    return np.array(sorted(v for v in values if INT32_MIN <= v <= INT32_MAX), np.int64)


@pytest.fixture(scope="module")
def c_function(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., np.ndarray]:
    """c_function(name, a, b, c): the header's function, compiled with UBSan trapping."""
    cc = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if cc is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("fixed_point")
    (folder / "harness.c").write_text(HARNESS)
    subprocess.run(
        [cc, "-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-shared", "-fPIC",
         "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error",
         "-I", str(include_directory()), str(folder / "harness.c"), "-o", str(folder / "h.so")],
        check=True,
    )
    library = ctypes.CDLL(str(folder / "h.so"))

    def call(name: str, *arguments: np.ndarray) -> np.ndarray:
        arrays = [np.ascontiguousarray(a, np.int32) for a in np.broadcast_arrays(*arguments)]
        arrays += [arrays[-1]] * (3 - len(arrays))
        y = np.zeros_like(arrays[0])
        getattr(library, name)(
            *(ctypes.c_void_p(a.ctypes.data) for a in (*arrays, y)), ctypes.c_size_t(y.size)
        )
        return y.astype(np.int64)

    return call


def nearest(value: Fraction, ties: str) -> int:
    if value - floor(value) == Fraction(1, 2):
        up = ties == "up" or (ties == "away" and value > 0)
        return ceil(value) if up else floor(value)
    return floor(value + Fraction(1, 2))


def test_against_rational_arithmetic() -> None:
    """The definitions of docs/arithmetic.md, evaluated exactly."""
    random = np.random.default_rng(1)
    values = [int(v) for v in structured()]
    values += [int(v) for v in random.integers(INT32_MIN, INT32_MAX, 100, endpoint=True)]
    for a in values:
        for exponent in range(32):
            expected = nearest(Fraction(a, 1 << exponent), "away")
            assert int(fp.rounding_shift_right(a, exponent)) == expected
    pairs = random.permutation(list(product(values, values)))[:20000]
    pairs = np.concatenate([pairs, [(INT32_MIN, INT32_MIN), (1 << 30, 1), (-(1 << 30), 1)]])
    results = fp.doubling_high_mul(pairs[:, 0], pairs[:, 1])
    for (a, b), result in zip(pairs.tolist(), results.tolist(), strict=True):
        assert result == min(nearest(Fraction(a * b, 1 << 31), "up"), INT32_MAX)


def test_high_mul_is_gemmlowps() -> None:
    """gemmlowp states it as a sign-dependent nudge and a division that truncates."""
    values = [int(v) for v in structured()]
    for a, b in product(values[::3], values):
        nudge = 1 << 30 if a * b >= 0 else 1 - (1 << 30)
        quotient = abs(a * b + nudge) >> 31
        truncated = quotient if a * b + nudge >= 0 else -quotient
        assert int(fp.doubling_high_mul(a, b)) == min(truncated, INT32_MAX)


def test_against_c_on_structured_values(c_function: Callable[..., np.ndarray]) -> None:
    values = structured()
    a, b = values[:, None], values[None, :]
    assert np.array_equal(c_function("high_mul", a, b), fp.doubling_high_mul(a, b))
    assert np.array_equal(c_function("add", a, b), fp.wrap(a + b))
    exponents = np.arange(32)[None, :]
    assert np.array_equal(
        c_function("shift_right", a, exponents), fp.rounding_shift_right(a, exponents)
    )
    multipliers = values[values >= 0][None, :, None]
    shifts = np.arange(-31, 31)[None, None, :]
    assert np.array_equal(
        c_function("requantize", values[:, None, None], multipliers, shifts),
        fp.requantize(values[:, None, None], multipliers, shifts),
    )


def test_against_c_on_random_values(c_function: Callable[..., np.ndarray]) -> None:
    random = np.random.default_rng(2)
    count = 2_000_000
    a, b = random.integers(INT32_MIN, INT32_MAX, (2, count), endpoint=True)
    a >>= random.integers(0, 31, count)
    multiplier = random.integers(0, INT32_MAX, count, endpoint=True)
    shift = random.integers(-31, 30, count, endpoint=True)
    assert np.array_equal(c_function("high_mul", a, b), fp.doubling_high_mul(a, b))
    assert np.array_equal(
        c_function("shift_right", a, shift & 31), fp.rounding_shift_right(a, shift & 31)
    )
    assert np.array_equal(
        c_function("requantize", a, multiplier, shift), fp.requantize(a, multiplier, shift)
    )


def test_quantize_multiplier_is_the_nearest() -> None:
    random = np.random.default_rng(3)
    reals = np.exp2(random.uniform(-31, 29.9, 20000)).tolist()
    reals += [2.0**e for e in range(-31, 30)] + [1 - 2.0**-33, 1 - 2.0**-32, 1 - 2.0**-31]
    for real in reals:
        multiplier, shift = fp.quantize_multiplier(real)
        assert 1 << 30 <= multiplier <= INT32_MAX
        error = abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real))
        assert error <= Fraction(2) ** (frexp(real)[1] - 32)
    assert fp.quantize_multiplier(1 - 2.0**-33) == (1 << 30, 1)


def test_quantize_multiplier_at_its_limits() -> None:
    assert fp.quantize_multiplier(0.0) == (0, 0)
    assert fp.quantize_multiplier(2.0**-32) == (1 << 30, -31)
    assert fp.quantize_multiplier(2.0**-32 * (1 - 2.0**-20)) == (0, 0)
    assert fp.quantize_multiplier(2.0**40) == (INT32_MAX, 30)
    assert fp.requantize(-5, *fp.quantize_multiplier(2.0**-33)) == 0
    for bad in (-0.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not a multiplier"):
            fp.quantize_multiplier(bad)


def test_wrap() -> None:
    assert fp.wrap(2**31) == INT32_MIN
    assert fp.wrap(-(2**31) - 1) == INT32_MAX
    assert fp.wrap(2**40 + 7) == 7
    assert fp.requantize(1 << 20, 1 << 30, 12) == fp.wrap(1 << 32) >> 1
