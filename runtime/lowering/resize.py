"""resize_nearest and resize_bilinear: which pixels each output pixel reads, as tables."""

from __future__ import annotations

import numpy as np

from whit.converter.ir import DType, Graph, Node, Tensor
from whit.converter.ops.resize import source_positions
from whit.runtime.lowering.common import kernel_dtype, operand, output
from whit.runtime.lowering.layout import check_same_quantization
from whit.runtime.lowering.registry import lowers
from whit.targets.kernel_call import KernelCall

FRACTION_BITS = 10
"""Fractional bits of a source position in TFLM's integer ResizeBilinear."""


@lowers("resize_nearest")
def resize_nearest(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    check_same_quantization(x, y)
    rows, columns = (
        _nearest(x.shape[axis], y.shape[axis], node["coordinates"], node["rounding"])
        for axis in (1, 2)
    )
    params = {**_image(x, y), "pixel_bytes": x.shape[3] * x.dtype.size}
    return [KernelCall("resize_nearest_any", (x.name, rows, columns, y.name), params)]


@lowers("resize_bilinear")
def resize_bilinear(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    dtype = kernel_dtype(x, y)
    check_same_quantization(x, y)
    table, kernel = (
        (_bilinear_f32, "resize_bilinear_f32")
        if dtype is DType.FLOAT32
        else (_bilinear_s8, "resize_bilinear_s8")
    )
    rows, columns = (table(x.shape[axis], y.shape[axis], node["coordinates"]) for axis in (1, 2))
    params = {**_image(x, y), "channels": x.shape[3]}
    return [KernelCall(kernel, (x.name, rows, columns, y.name), params)]


def _image(x: Tensor, y: Tensor) -> dict[str, int]:
    return {
        "batch": x.shape[0],
        "in_h": x.shape[1],
        "in_w": x.shape[2],
        "out_h": y.shape[1],
        "out_w": y.shape[2],
    }


def _nearest(size: int, output_size: int, coordinates: str, rounding: str) -> np.ndarray:
    """Source index of each output position, int32 [output_size].

    Rounded in float64, where adding a half to a float32 position is exact.
    """
    position = source_positions(size, output_size, coordinates).astype(np.float64)
    rounded = {
        "floor": np.floor(position),
        "ceil": np.ceil(position),
        "round_half_up": np.floor(position + 0.5),
        "round_half_down": np.ceil(position - 0.5),
    }[rounding]
    return np.clip(rounded, 0, size - 1).astype(np.int32)


def _bilinear_f32(size: int, output_size: int, coordinates: str) -> np.ndarray:
    """Table of resize_bilinear_f32: int32 [output_size, 4], the weights as float32 bits."""
    position = source_positions(size, output_size, coordinates)
    lower = np.clip(np.floor(position), 0, size - 1).astype(np.int32)
    upper = np.clip(np.ceil(position), 0, size - 1).astype(np.int32)
    fraction = position - lower.astype(np.float32)
    weights = np.stack([np.float32(1) - fraction, fraction], axis=1).astype(np.float32)
    return np.concatenate([np.stack([lower, upper], axis=1), weights.view(np.int32)], axis=1)


def _bilinear_s8(size: int, output_size: int, coordinates: str) -> np.ndarray:
    """Table of resize_bilinear_s8: int32 [output_size, 4], weights in units of 2^-10.

    The integer positions of TFLM's ResizeBilinearInteger. Its step is rounded to 10 bits, so that
    a large enlargement can step past the last pixel, where TFLM reads what lies behind
    its input; here the last pixel repeats.
    """
    one = 1 << FRACTION_BITS
    index = np.arange(output_size, dtype=np.int64)
    if coordinates == "align_corners" and output_size > 1:
        step = (one * (size - 1) + (output_size - 1) // 2) // (output_size - 1)
    else:
        step = (one * size + output_size // 2) // output_size
    position = index * step
    if coordinates == "half_pixel" or (coordinates == "pytorch_half_pixel" and output_size > 1):
        position += step // 2 - one // 2
    elif coordinates == "pytorch_half_pixel":
        position[:] = 0
    # Negative positions are above -1, and C's division truncates them to 0.
    lower = np.maximum(position // one, 0)
    upper = np.minimum(np.maximum(position + one - 1, 0) // one, size - 1)
    fraction = np.where(lower < size, position - one * lower, 0)
    lower = np.minimum(lower, size - 1)
    return np.stack([lower, upper, one - fraction, fraction], axis=1).astype(np.int32)
