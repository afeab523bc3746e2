"""exp, logistic and tanh in 32-bit fixed point, as gemmlowp's fixedpoint.h computes them.

TFLM's int8 LOGISTIC, TANH and SOFTMAX are defined by these functions; whit evaluates them on the
desktop only, to fill tables. Numbers are int64 arrays holding int32 values; Qm.n has m integer
and n fractional bits beside the sign, m + n = 31. Source: github.com/google/gemmlowp,
fixedpoint/fixedpoint.h.
"""

from __future__ import annotations

import numpy as np

from whit.converter.fixed_point import doubling_high_mul, rounding_shift_right

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
ONE_Q0 = INT32_MAX
"""1 in Q0.31, where it saturates."""


def _shift_left(x: np.ndarray, exponent: int) -> np.ndarray:
    """x * 2^exponent, saturating: a change to fewer integer bits."""
    return np.clip(x << exponent, INT32_MIN, INT32_MAX)


def _exp_near_zero(a: np.ndarray) -> np.ndarray:
    """exp(a) for a in [-1/4, 0), both Q0.31: a Taylor series about -1/8."""
    exp_minus_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = doubling_high_mul(x, x)
    x3 = doubling_high_mul(x2, x)
    x4 = doubling_high_mul(x2, x2)
    cubic = doubling_high_mul(rounding_shift_right(x4, 2) + x3, np.int64(third)) + x2
    return exp_minus_eighth + doubling_high_mul(
        np.int64(exp_minus_eighth), x + rounding_shift_right(cubic, 1)
    )


def exp_of_negative(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """exp(a), Q0.31, for a <= 0 in Qm.n with m = integer_bits, at most 5."""
    a = np.asarray(a, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    below_quarter = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_shift_left(below_quarter, integer_bits))
    remainder = below_quarter - a
    # exp(-2^e), Q0.31, for each bit e of what is left.
    factors = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535,
               3: 720401, 4: 242}
    for exponent, factor in factors.items():
        if exponent < integer_bits:
            bit = (remainder >> (fraction_bits + exponent)) & 1
            result = np.where(bit == 1, doubling_high_mul(result, np.int64(factor)), result)
    return np.where(a == 0, ONE_Q0, result)


def _half_reciprocal(a: np.ndarray) -> np.ndarray:
    """2 / (1 + a), Q2.29, for a in [0, 1], Q0.31: three Newton steps."""
    denominator = (a + ONE_Q0 + 1) // 2
    x = 1515870810 + doubling_high_mul(denominator, np.int64(-1010580540))
    for _ in range(3):
        error = (1 << 29) - doubling_high_mul(denominator, x)
        x = x + _shift_left(doubling_high_mul(x, error), 2)
    return x


def one_over_one_plus(a: np.ndarray) -> np.ndarray:
    """1 / (1 + a) for a in [0, 1], both Q0.31."""
    return _shift_left(_half_reciprocal(a), 1)


def logistic(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """1 / (1 + exp(-a)), Q0.31, for a in Qm.n with m = integer_bits."""
    a = np.asarray(a, np.int64)
    positive = one_over_one_plus(exp_of_negative(-np.abs(a), integer_bits))
    result = np.where(a > 0, positive, ONE_Q0 - positive)
    return np.where(a == 0, 1 << 30, result)


def tanh(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """tanh(a), Q0.31, for a in Qm.n with m = integer_bits."""
    a = np.asarray(a, np.int64)
    # tanh(a) = (1 - e) / (1 + e), e = exp(-2a): the same bits with one integer bit more are 2a.
    reciprocal = _half_reciprocal(exp_of_negative(-np.abs(a), integer_bits + 1))
    magnitude = _shift_left(reciprocal - (1 << 29), 2)
    return np.where(a == 0, 0, np.where(a < 0, -magnitude, magnitude))
