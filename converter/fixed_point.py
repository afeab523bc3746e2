"""The integer arithmetic of runtime/include/whit/fixed_point.h, for numpy: the one Python mirror.

Folding, interval analysis, table generation and tests use these functions; a test compares them
with the C and with exact rational arithmetic. Numbers are int64 arrays (or ints) holding int32
values, and so are results: nothing rounds through floating point and nothing depends on numpy's
own overflow. docs/arithmetic.md specifies the functions.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Integers = npt.ArrayLike

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def wrap(x: Integers) -> np.ndarray:
    """The int32 value that `x`, any int64, has in its low 32 bits: whit_wrap."""
    return ((np.asarray(x, np.int64) + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def doubling_high_mul(a: Integers, b: Integers) -> np.ndarray:
    """round(a * b / 2^31), ties up, saturated: whit_doubling_high_mul.

    gemmlowp's SaturatingRoundingDoublingHighMul.
    """
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + (1 << 30)) >> 31, INT32_MAX)


def rounding_shift_right(x: Integers, exponent: Integers) -> np.ndarray:
    """round(x / 2^exponent), ties away from zero, exponent in [0, 31]: whit_rounding_shift_right.

    gemmlowp's RoundingDivideByPOT.
    """
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    half = (np.int64(1) << exponent) >> 1
    return np.sign(x) * ((np.abs(x) + half) >> exponent)


def requantize(x: Integers, multiplier: Integers, shift: Integers) -> np.ndarray:
    """x * multiplier * 2^(shift - 31): whit_requantize, TFLM's MultiplyByQuantizedMultiplier.

    multiplier: Q0.31, not negative; shift in [-31, 30], positive to the left; that shift wraps.
    """
    shift = np.asarray(shift, np.int64)
    shifted = wrap(np.asarray(x, np.int64) << np.maximum(shift, 0))
    return rounding_shift_right(doubling_high_mul(shifted, multiplier), np.maximum(-shift, 0))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) nearest to `real` >= 0: real = multiplier * 2^(shift - 31).

    TFLM's QuantizeMultiplier: multiplier in [2^30, 2^31), or 0 where `real` is 0 or below
    2^-32. Above 2^30, where TFLM shifts beyond what C defines, it saturates at shift 30.
    Raises ValueError for a number that is negative or not finite.
    """
    if not (math.isfinite(real) and real >= 0):
        raise ValueError(f"{real} is not a multiplier")
    if real == 0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier >> 1, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return INT32_MAX, 30
    return multiplier, shift


def quantize_multipliers(reals: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """quantize_multiplier of each: multipliers int32 [n] and shifts int8 [n]."""
    pairs = [quantize_multiplier(float(real)) for real in np.asarray(reals, np.float64).ravel()]
    multipliers, shifts = zip(*pairs, strict=True)
    return np.array(multipliers, np.int32), np.array(shifts, np.int8)


def stored_value(real: float, scale: np.float32, zero_point: int) -> int:
    """round(real / scale) + zero_point, unclamped; the division in float32, as TFLM has it.

    Ties round away from zero. OverflowError where the quotient is beyond 32 bits.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        quotient = float(np.float32(real) / np.float32(scale))
    if not -(2.0**31) <= quotient <= 2.0**31:
        raise OverflowError(f"{real:g} at a scale of {scale:g} is beyond 32 bits")
    magnitude = int(np.floor(abs(quotient) + 0.5))
    return (magnitude if quotient >= 0 else -magnitude) + zero_point
