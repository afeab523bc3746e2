"""add, sub, mul with broadcasting."""

from __future__ import annotations

import numpy as np

from whit.converter.fixed_point import quantize_multiplier
from whit.converter.ir import DType, Graph, Node
from whit.runtime.lowering.common import (
    broadcast,
    clamp_range,
    float_clamp_range,
    kernel_dtype,
    operand,
    output,
    scale_and_zero_point,
)
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall, Number, Params

LEFT_SHIFT = 20
"""Fraction bits that the operands of a sum get before they are scaled down."""


@lowers("add", "sub", "mul")
def lower_binary(graph: Graph, node: Node) -> list[KernelCall]:
    a, b, y = operand(graph, node, 0), operand(graph, node, 1), output(graph, node)
    nest = broadcast(y.shape, a.shape, b.shape)
    params: Params = {
        "rank": nest.rank,
        "dims": nest.dims,
        "a_strides": nest.strides[0],
        "b_strides": nest.strides[1],
    }
    operands = (a.name, b.name, y.name)
    if kernel_dtype(a, b, y) is DType.FLOAT32:
        low, high = float_clamp_range(node["activation"])
        params |= {"clamp_min": low, "clamp_max": high}
        return [KernelCall(f"{node.op}_f32", operands, params)]
    (a_scale, a_zero), (b_scale, b_zero), (y_scale, y_zero) = map(scale_and_zero_point, (a, b, y))
    least, most = clamp_range(y, node["activation"])
    params |= {
        "a_zero_point": a_zero,
        "b_zero_point": b_zero,
        "output_zero_point": y_zero,
        "clamp_min": least,
        "clamp_max": most,
    }
    if node.op == "mul":
        real = np.float64(a_scale) * np.float64(b_scale) / np.float64(y_scale)
        multiplier, shift = quantize_multiplier(float(real))
        params |= {"output_multiplier": multiplier, "output_shift": shift}
        return [KernelCall("mul_s8", operands, params)]
    params |= _sum_params(node.op, a_scale, b_scale, y_scale)
    return [KernelCall("add_s8", operands, params)]


def _sum_params(
    op: str, a_scale: np.float32, b_scale: np.float32, y_scale: np.float32
) -> dict[str, Number]:
    """Multipliers that bring a and b to twice the larger of their scales, and the sum to y's."""
    common = 2 * np.float64(max(a_scale, b_scale))
    ratios = {
        "a": np.float64(a_scale) / common,
        "b": np.float64(b_scale) / common,
        "output": common / ((1 << LEFT_SHIFT) * np.float64(y_scale)),
    }
    params: dict[str, Number] = {"left_shift": LEFT_SHIFT, "subtract": int(op == "sub")}
    for name, ratio in ratios.items():
        multiplier, shift = quantize_multiplier(float(ratio))
        if shift > 0:
            raise LoweringError(
                f"its operands are {float(common / y_scale):.3g} times coarser than its output",
                "requantize the output with a larger scale",
            )
        params |= {f"{name}_multiplier": multiplier, f"{name}_shift": shift}
    return params
