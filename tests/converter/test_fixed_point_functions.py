"""exp, logistic and tanh in fixed point, against the real functions.

That their bits are gemmlowp's shows in the tests of the lookup and softmax kernels, against TFLM.
"""

from __future__ import annotations

import numpy as np
import pytest

from whit.converter.fixed_point_functions import (
    INT32_MAX,
    exp_of_negative,
    logistic,
    one_over_one_plus,
    tanh,
)

Q31 = 2.0**31


def _arguments(integer_bits: int) -> np.ndarray:
    random = np.random.default_rng(integer_bits)
    ends = np.array([-(1 << 31) + 1, -1, 0, 1, INT32_MAX])
    return np.concatenate([random.integers(-(1 << 31) + 1, 1 << 31, 20000), ends])


@pytest.mark.parametrize("integer_bits", [0, 3, 4, 5])
def test_exp(integer_bits: int) -> None:
    a = -np.abs(_arguments(integer_bits))
    real = np.exp(a / 2.0 ** (31 - integer_bits))
    # The series drops (1/8)^5 / 5! = 2.5e-7 and what follows.
    assert np.abs(exp_of_negative(a, integer_bits) / Q31 - real).max() < 5e-7


@pytest.mark.parametrize("integer_bits", [3, 4])
def test_logistic_and_tanh(integer_bits: int) -> None:
    a = _arguments(integer_bits)
    real = a / 2.0 ** (31 - integer_bits)
    assert np.abs(logistic(a, integer_bits) / Q31 - 1 / (1 + np.exp(-real))).max() < 1e-6
    assert np.abs(tanh(a, integer_bits) / Q31 - np.tanh(real)).max() < 1e-6
    assert logistic(np.array(0), integer_bits) == 1 << 30
    assert tanh(np.array(0), integer_bits) == 0


def test_reciprocal() -> None:
    a = np.abs(_arguments(0))
    assert np.abs(one_over_one_plus(a) / Q31 - 1 / (1 + a / Q31)).max() < 1e-7
