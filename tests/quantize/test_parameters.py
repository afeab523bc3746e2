"""Scales and zero points, from the specification's equation real = scale * (stored - zero)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.converter.ir import DType, Quantization
from whit.quantize.parameters import (
    Range,
    activation_quantization,
    bias_quantization,
    stored,
    weight_quantization,
)

_REAL = st.floats(-1e6, 1e6, allow_nan=False, width=32)


def real(values: np.ndarray, quantization: Quantization) -> np.ndarray:
    scale = quantization.scale.astype(np.float64)
    return scale * (values.astype(np.int64) - quantization.zero_point)


@given(st.lists(_REAL, min_size=1, max_size=20))
def test_activations_cover_their_range_to_half_a_step(values: list[float]) -> None:
    array = np.array(values, np.float64)
    quantization = activation_quantization(Range.of(array))
    step = float(quantization.scale[0])
    error = np.abs(real(stored(array, quantization, DType.INT8), quantization) - array)
    # Half a step of rounding, and up to half a step that the zero point's rounding cuts off.
    assert error.max() <= step * (1 + 1e-6)
    assert -128 <= int(quantization.zero_point[0]) <= 127


@given(_REAL, _REAL)
def test_zero_is_exact(low: float, high: float) -> None:
    quantization = activation_quantization(Range.of(np.array([low, high])))
    zero = stored(np.zeros(1), quantization, DType.INT8)
    assert real(zero, quantization)[0] == 0.0


@given(st.floats(2**-10, 2**20, width=32))
def test_nonnegative_range_uses_every_code(high: float) -> None:
    quantization = activation_quantization(Range(0.0, high))
    ends = stored(np.array([0.0, high]), quantization, DType.INT8)
    assert ends.tolist() == [-128, 127]


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-1.0, 1.0), (0.0, 1.0)])
def test_bounds_of_fused_activations_are_on_the_grid(low: float, high: float) -> None:
    quantization = activation_quantization(Range(low, high))
    bounds = np.array([low, high])
    got = real(stored(bounds, quantization, DType.INT8), quantization)
    np.testing.assert_allclose(got, bounds, rtol=1e-7)


def test_range_of_zeros_and_tiny_ranges_get_usable_scales() -> None:
    for high in (0.0, 1e-40, 1e-30):
        quantization = activation_quantization(Range(0.0, high))
        product = np.float32(quantization.scale[0] * quantization.scale[0])
        assert product >= np.finfo(np.float32).tiny


def test_least_scale_keeps_zero_exact_and_the_range_covered() -> None:
    quantization = activation_quantization(Range(-0.1, 0.3), least_scale=0.5)
    assert float(quantization.scale[0]) == 0.5
    ends = real(stored(np.array([-0.1, 0.0, 0.3]), quantization, DType.INT8), quantization)
    assert np.abs(ends - [-0.1, 0.0, 0.3]).max() <= 0.5


@pytest.mark.parametrize("axis", [0, 3])
def test_weights_use_the_full_symmetric_range_of_every_channel(axis: int) -> None:
    random = np.random.default_rng(3)
    weights = random.normal(size=(5, 3, 3, 4)).astype(np.float32)
    quantization = weight_quantization(weights, None, axis, 0.1, 0.0)
    codes = stored(weights, quantization, DType.INT8).astype(int)
    others = tuple(i for i in range(4) if i != axis)
    assert (np.abs(codes).max(axis=others) == 127).all()
    assert quantization.scale.size == weights.shape[axis]
    assert not quantization.zero_point.any()


def test_a_bias_too_large_for_its_scale_raises_the_weights_scale() -> None:
    weights = np.full((2, 4), 1e-8, np.float32)
    bias = np.array([1000.0, 1e-7], np.float32)
    quantization = weight_quantization(weights, bias, 0, 0.01, 0.0)
    biases = bias_quantization(np.float32(0.01), quantization)
    codes = stored(bias, biases, DType.INT32).astype(np.int64)
    assert np.abs(codes).max() <= 2**30 + 2**8
    np.testing.assert_allclose(codes * biases.scale.astype(np.float64), bias, rtol=1e-3)


def test_a_channel_without_weights_keeps_its_bias_precise() -> None:
    weights = np.array([[0.0, 0.0], [0.5, -0.25]], np.float32)
    bias = np.array([0.123, 0.0], np.float32)
    quantization = weight_quantization(weights, bias, 0, 0.02, 0.0)
    biases = bias_quantization(np.float32(0.02), quantization)
    codes = stored(bias, biases, DType.INT32)
    assert abs(codes[0] * float(biases.scale[0]) - 0.123) <= 0.5 * float(biases.scale[0])
    assert float(biases.scale[0]) < 1e-4


def test_ties_round_away_from_zero_and_ends_saturate() -> None:
    quantization = Quantization.per_tensor(1.0, 0)
    values = np.array([0.5, -0.5, 1.5, -2.5, 300.0, -300.0])
    assert stored(values, quantization, DType.INT8).tolist() == [1, -1, 2, -3, 127, -128]
