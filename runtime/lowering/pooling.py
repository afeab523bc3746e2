"""average_pool2d, max_pool2d, mean."""

from __future__ import annotations

from math import prod

import numpy as np

from whit.converter.fixed_point import quantize_multiplier, wrap
from whit.converter.ir import DType, Graph, Node, Tensor
from whit.converter.ops.pooling import reduced_axes
from whit.runtime.lowering.common import (
    MAX_DIMS,
    UINT16_MAX,
    check_work,
    clamp_range,
    collapse,
    contiguous_strides,
    float_clamp_range,
    kernel_dtype,
    operand,
    output,
    scale_and_zero_point,
    window_params,
)
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall, Params

LARGEST_WINDOW = 1 << 23
"""Elements whose sum cannot overflow: what the int8 kernels take."""
SCALE_TOLERANCE = 1e-6
"""By how much the scales of a pool's input and output may differ: TFLM's limit."""


@lowers("average_pool2d", "max_pool2d")
def lower_pool(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    params = window_params(node, x, y, node["kernel"]) | {"channels": x.shape[3]}
    check_work(y, prod(node["kernel"]))
    if node.op == "average_pool2d":
        bottom, right = node["padding"][0][1], node["padding"][1][1]
        if max(bottom, right) > UINT16_MAX:
            raise LoweringError(
                f"has a pad of {max(bottom, right)}; kernels take {UINT16_MAX}",
                "use a smaller window",
            )
        params |= {"count_include_pad": int(node["count_include_pad"])}
        params |= {"pad_bottom": bottom, "pad_right": right}
    if kernel_dtype(x, y) is DType.FLOAT32:
        low, high = float_clamp_range(node["activation"])
        params |= {"clamp_min": low, "clamp_max": high}
        return [KernelCall(f"{node.op}_f32", (x.name, y.name), params)]
    if prod(node["kernel"]) > LARGEST_WINDOW:
        raise LoweringError(
            f"has a window of {prod(node['kernel'])} elements; kernels take {LARGEST_WINDOW}",
            "pool in two steps",
        )
    params["zero_point"] = _same_quantization(x, y)
    least, most = clamp_range(y, node["activation"])
    params |= {"clamp_min": least, "clamp_max": most}
    return [KernelCall(f"{node.op}_s8", (x.name, y.name), params)]


def _same_quantization(x: Tensor, y: Tensor) -> int:
    """The zero point of both; LoweringError where they are quantized differently."""
    (x_scale, x_zero_point), (y_scale, y_zero_point) = map(scale_and_zero_point, (x, y))
    if abs(float(x_scale) - float(y_scale)) > SCALE_TOLERANCE or x_zero_point != y_zero_point:
        raise LoweringError(
            f"'{x.name}' and '{y.name}' differ in scale or zero point",
            "quantize both alike, or requantize after pooling",
        )
    return y_zero_point


@lowers("mean")
def lower_mean(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    axes = reduced_axes(node, len(x.shape))
    strides = contiguous_strides(x.shape)
    params: Params = {}
    for name, chosen in (
        ("kept", [a for a in range(len(x.shape)) if a not in axes]),
        ("reduced", list(axes)),
    ):
        nest = collapse([x.shape[a] for a in chosen], [strides[a] for a in chosen])
        # Unused levels are the outermost, so that the innermost loop is the longest.
        params[name] = (1,) * (MAX_DIMS - nest.rank) + nest.dims
        params[f"{name}_strides"] = (0,) * (MAX_DIMS - nest.rank) + nest.strides[0]
    if kernel_dtype(x, y) is DType.FLOAT32:
        return [KernelCall("mean_f32", (x.name, y.name), params)]
    x_scale, x_zero_point = scale_and_zero_point(x)
    y_scale, y_zero_point = scale_and_zero_point(y)
    count = prod(x.shape[a] for a in axes)
    multiplier, shift = quantize_multiplier(float(np.float64(x_scale) / np.float64(y_scale)))
    # The division joins the multiplier, with as many bits as there is room for.
    room = min(count.bit_length() - 1, 32, 31 + shift)
    params |= {
        "multiplier": (multiplier << room) // count,
        "shift": shift - room,
        "offset": int(wrap(-x_zero_point * count)),
        "output_zero_point": y_zero_point,
    }
    return [KernelCall("mean_s8", (x.name, y.name), params)]
