"""clip, sigmoid, tanh, leaky_relu, prelu: float32 kernels, and tables of 256 entries for int8.

int8 tables hold what TFLM's reference kernels compute. Where TFLM fixes the output quantization
(`FIXED_OUTPUT`) and a model has another one, the table holds the real function, rounded to nearest.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from whit.converter.fixed_point import quantize_multiplier, requantize, rounding_shift_right
from whit.converter.fixed_point_functions import logistic, tanh
from whit.converter.ir import DType, Graph, Node, Tensor
from whit.converter.ops.quantization import FIXED_OUTPUT
from whit.runtime.lowering.common import (
    broadcast,
    kernel_dtype,
    operand,
    output,
    scale_and_zero_point,
    stored_value,
)
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall, Params

INPUT_INTEGER_BITS = 4
"""Integer bits of the argument of TFLM's fixed-point logistic and tanh."""


def stored_values(dtype: DType) -> np.ndarray:
    """The value of each byte, 0 to 255, as a stored `dtype`: int64 [256]."""
    return np.arange(256, dtype=np.uint8).view(dtype.numpy).astype(np.int64)


def lookup_call(x: Tensor, y: Tensor, stored: np.ndarray) -> KernelCall:
    """y = stored[x], saturated; `stored` is int64 [256] in the order of `stored_values`."""
    info = np.iinfo(y.dtype.numpy)
    table = np.clip(stored, info.min, info.max).astype(y.dtype.numpy)
    return KernelCall("lookup_x8", (x.name, table, y.name), {"count": x.elements})


def requantized(x: Tensor, y: Tensor, real_multiplier: float) -> np.ndarray:
    """Every stored x, less its zero point, times `real_multiplier`, plus y's zero point."""
    _, x_zero = scale_and_zero_point(x)
    _, y_zero = scale_and_zero_point(y)
    centred = stored_values(x.dtype) - x_zero
    return requantize(centred, *quantize_multiplier(real_multiplier)) + y_zero


def scale_ratio(x: Tensor, y: Tensor) -> float:
    """Scale of x over scale of y, in double."""
    return float(scale_and_zero_point(x)[0]) / float(scale_and_zero_point(y)[0])


@lowers("clip")
def clip(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    low = -math.inf if node["min"] is None else float(node["min"])
    high = math.inf if node["max"] is None else float(node["max"])
    if kernel_dtype(x, y) is DType.FLOAT32:
        return [_float_call("clip_f32", x, y, min=low, max=high)]
    if x.quantization == y.quantization:
        stored = stored_values(x.dtype)
    else:
        stored = requantized(x, y, scale_ratio(x, y))
    return [lookup_call(x, y, np.minimum(np.maximum(stored, _bound(low, y)), _bound(high, y)))]


def _bound(real: float, tensor: Tensor) -> int:
    """A clip bound as a stored value, saturated: bounds like 3e38 stand for an open side."""
    scale, zero_point = scale_and_zero_point(tensor)
    info = np.iinfo(tensor.dtype.numpy)
    if abs(real) > float(scale) * (1 << 16):
        return int(info.max if real > 0 else info.min)
    return int(np.clip(stored_value(real, scale, zero_point), info.min, info.max))


@lowers("sigmoid")
def sigmoid(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    if kernel_dtype(x, y) is DType.FLOAT32:
        return [_float_call("sigmoid_f32", x, y)]
    if y.quantization != FIXED_OUTPUT["sigmoid"]:
        return [lookup_call(x, y, _rounded(x, y, lambda real: 0.5 + 0.5 * np.tanh(0.5 * real)))]
    return [lookup_call(x, y, _saturating(x, logistic, 23, -128))]


@lowers("tanh")
def tanh_(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    if kernel_dtype(x, y) is DType.FLOAT32:
        return [_float_call("tanh_f32", x, y)]
    if y.quantization != FIXED_OUTPUT["tanh"]:
        return [lookup_call(x, y, _rounded(x, y, np.tanh))]
    return [lookup_call(x, y, _saturating(x, tanh, 24, 0))]


def _saturating(
    x: Tensor,
    function: Callable[[np.ndarray, int], np.ndarray],
    drop_bits: int,
    zero_point: int,
) -> np.ndarray:
    """TFLM's int8 LOGISTIC and TANH: x in Q4.27, the function in Q0.31, less `drop_bits`.

    Inputs beyond the largest that Q4.27 holds saturate.
    """
    scale, x_zero = scale_and_zero_point(x)
    real_multiplier = float(scale) * (1 << (31 - INPUT_INTEGER_BITS))
    _, shift = math.frexp(real_multiplier)
    largest = ((1 << INPUT_INTEGER_BITS) - 1) << (31 - INPUT_INTEGER_BITS)
    radius = math.floor(math.ldexp(largest, -shift))
    centred = stored_values(x.dtype) - x_zero
    inside = np.clip(centred, -radius, radius)
    argument = requantize(inside, *quantize_multiplier(real_multiplier))
    result = rounding_shift_right(function(argument, INPUT_INTEGER_BITS), drop_bits) + zero_point
    return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, result))


def _rounded(x: Tensor, y: Tensor, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """round(function(real x) / y's scale) + y's zero point, for every stored x."""
    x_scale, x_zero = scale_and_zero_point(x)
    y_scale, y_zero = scale_and_zero_point(y)
    real = float(x_scale) * (stored_values(x.dtype) - x_zero)
    quotient = function(real) / float(y_scale)
    rounded = np.sign(quotient) * np.floor(np.abs(quotient) + 0.5)
    return np.clip(rounded, -(2**31), 2**31).astype(np.int64) + y_zero


@lowers("leaky_relu")
def leaky_relu(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    if kernel_dtype(x, y) is DType.FLOAT32:
        return [_float_call("leaky_relu_f32", x, y, alpha=float(node["alpha"]))]
    (x_scale, x_zero), (y_scale, y_zero) = scale_and_zero_point(x), scale_and_zero_point(y)
    # The sign of alpha is taken out and put back.
    slope = float(x_scale) * float(np.float32(node["alpha"])) / float(y_scale)
    positive = requantized(x, y, scale_ratio(x, y))
    negative = requantized(x, y, abs(slope)) - y_zero
    if slope < 0:
        negative = -negative
    return [lookup_call(x, y, np.where(stored_values(x.dtype) >= x_zero, positive,
                                       negative + y_zero))]


@lowers("prelu")
def prelu(graph: Graph, node: Node) -> list[KernelCall]:
    x, alpha, y = operand(graph, node, 0), operand(graph, node, 1), output(graph, node)
    nest = broadcast(y.shape, alpha.shape)
    params: Params = {
        "rank": nest.rank,
        "dims": nest.dims,
        "alpha_strides": nest.strides[0],
    }
    if kernel_dtype(x, alpha, y) is DType.FLOAT32:
        return [KernelCall("prelu_f32", (x.name, alpha.name, y.name), params)]
    scales = [float(scale_and_zero_point(t)[0]) for t in (x, alpha, y)]
    positive = quantize_multiplier(scales[0] / scales[2])
    negative = quantize_multiplier(scales[0] * scales[1] / scales[2])
    zero_points = [scale_and_zero_point(t)[1] for t in (x, alpha, y)]
    if alpha.data is not None and alpha.elements == 1:
        centred = stored_values(x.dtype) - zero_points[0]
        slope = int(alpha.data.reshape(-1)[0]) - zero_points[1]
        stored = np.where(
            centred >= 0, requantize(centred, *positive), requantize(centred * slope, *negative)
        )
        return [lookup_call(x, y, stored + zero_points[2])]
    params |= {
        "positive_multiplier": positive[0],
        "positive_shift": positive[1],
        "negative_multiplier": negative[0],
        "negative_shift": negative[1],
        "input_zero_point": zero_points[0],
        "alpha_zero_point": zero_points[1],
        "output_zero_point": zero_points[2],
    }
    return [KernelCall("prelu_s8", (x.name, alpha.name, y.name), params)]


def _float_call(kernel: str, x: Tensor, y: Tensor, **params: float) -> KernelCall:
    if any(math.isnan(value) for value in params.values()):
        raise LoweringError("has a parameter that is not a number", "correct the model")
    return KernelCall(kernel, (x.name, y.name), {"count": x.elements, **params})
