"""From ranges of real numbers to scales and zero points.

The TFLite 8-bit quantization specification (ai.google.dev/edge/litert/models/quantization_spec):
real = scale * (stored - zero_point); activations are asymmetric per tensor in [-128, 127];
weights symmetric in [-127, 127], per output channel; biases int32 of scale input * weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whit.converter.ir import DType, Quantization

LEVELS = 255
"""Steps between the least and the greatest int8."""

SMALLEST_SCALE = 2.0**-60
"""Below this, products of two scales leave float32's normal numbers."""

LARGEST_REAL = 1e18
"""Above this, products of two scales overflow float32 where multipliers are derived."""

LARGEST_BIAS = 2**30
"""Leaves the other half of int32 to the sum of products."""


@dataclass(frozen=True)
class Range:
    """The least and the greatest value seen; always includes 0."""

    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> Range:
        return cls(min(float(values.min()), 0.0), max(float(values.max()), 0.0))

    def __or__(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))

    @property
    def width(self) -> float:
        return self.high - self.low


def activation_quantization(values: Range, least_scale: float = 0.0) -> Quantization:
    """Per-tensor int8 parameters that cover `values` and store 0 exactly.

    A range symmetric about 0 gets zero point 0 and both its ends exactly, so that a clamp to
    [-1, 1] clamps there. least_scale: no finer step than this, where a finer one is of no use.
    """
    if values.width == 0.0:
        return Quantization.per_tensor(max(1.0 / LEVELS, least_scale), 0)
    if values.high == -values.low:
        return Quantization.per_tensor(max(values.high / 127, least_scale, SMALLEST_SCALE), 0)
    scale = np.float32(max(values.width / LEVELS, least_scale, SMALLEST_SCALE))
    zero_point = round(-128 - values.low / float(scale))
    return Quantization.per_tensor(float(scale), min(max(zero_point, -128), 127))


def stored(values: np.ndarray, quantization: Quantization, dtype: DType) -> np.ndarray:
    """`values` as integers: rounded to nearest, ties away from zero, and saturated.

    Weights (per channel, or int32 biases) are per `quantization.axis`.
    """
    shape = [1] * values.ndim
    if not quantization.is_per_tensor and quantization.axis is not None:
        shape[quantization.axis] = -1
    scale = quantization.scale.astype(np.float64).reshape(shape if values.ndim else ())
    zero_point = quantization.zero_point.reshape(shape if values.ndim else ())
    ratio = values.astype(np.float64) / scale
    rounded = np.trunc(ratio + np.copysign(0.5, ratio)) + zero_point
    info = np.iinfo(dtype.numpy)
    return np.clip(rounded, info.min, info.max).astype(dtype.numpy)


def weight_quantization(
    weights: np.ndarray,
    bias: np.ndarray | None,
    axis: int,
    input_scale: float,
    least_product: float,
    per_channel: bool = True,
) -> Quantization:
    """Symmetric parameters of a layer's weights, along `axis` or for all of them.

    The scale of a channel rises above max|w| / 127 where its bias would not fit int32 at scale
    input * weights, and where input * weights would fall below `least_product`.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights.astype(np.float64)).max(axis=others)
    if not largest.any():
        largest = np.ones_like(largest)
    # A channel without weights takes the layer's scale: its bias is then as precise as others'.
    largest = np.where(largest == 0.0, largest.max(), largest)
    scale = largest / 127
    if bias is not None:
        scale = np.maximum(scale, np.abs(bias.astype(np.float64)) / (LARGEST_BIAS * input_scale))
    scale = np.maximum(scale, max(least_product / input_scale, SMALLEST_SCALE))
    if not per_channel:
        return Quantization.per_tensor(float(scale.max()))
    return Quantization.per_channel(scale.astype(np.float32), axis)


def bias_quantization(input_scale: np.float32, weights: Quantization) -> Quantization:
    """Scale input * weights, zero point 0, one a channel."""
    return Quantization.per_channel(np.float32(input_scale) * weights.scale, 0)
