"""softmax over the last axis."""

from __future__ import annotations

import numpy as np

from whit.converter.fixed_point import INT32_MAX, doubling_high_mul, quantize_multiplier
from whit.converter.fixed_point_functions import exp_of_negative
from whit.converter.ir import DType, Graph, Node
from whit.runtime.lowering.common import kernel_dtype, operand, output, scale_and_zero_point
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall, Params

INTEGER_BITS = 5
"""Of the exponential's argument: Q5.26."""


@lowers("softmax")
def lower_softmax(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    columns = x.shape[-1]
    params: Params = {
        "rows": x.elements // columns, "columns": columns,
    }
    if kernel_dtype(x, y) is DType.FLOAT32:
        params["beta"] = node["beta"]
        return [KernelCall("softmax_f32", (x.name, y.name), params)]
    scale, zero_point = scale_and_zero_point(y)
    if scale != np.float32(1 / 256) or zero_point != -128:
        raise LoweringError(
            f"its int8 output has scale {scale:.9g} and zero point {zero_point}",
            "quantize the output with scale 1/256 and zero point -128",
        )
    x_scale, _ = scale_and_zero_point(x)
    return [
        KernelCall("softmax_s8", (x.name, exponentials(node["beta"], x_scale), y.name), params)
    ]


def exponentials(beta: float, scale: np.float32) -> np.ndarray:
    """exp(-beta * scale * d) for d in [0, 255], int32 [256] in Q0.31: those of TFLM's int8 softmax.

    Differences beyond what Q5.26 holds count as 0. LoweringError where beta * scale is no
    positive number of at least 2^-26.
    """
    product = float(np.float32(beta)) * float(scale) * (1 << (31 - INTEGER_BITS))
    if not product > 1:
        raise LoweringError(
            f"beta * input scale is {product / (1 << (31 - INTEGER_BITS)):.3g}",
            "quantize the input with a scale that spreads the probabilities",
        )
    multiplier, shift = quantize_multiplier(min(product, float(INT32_MAX)))
    largest = (((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift
    differences = np.arange(256, dtype=np.int64)
    kept = np.minimum(differences, largest)
    table = exp_of_negative(doubling_high_mul(-kept << shift, multiplier), INTEGER_BITS)
    return np.where(differences <= largest, table, 0).astype(np.int32)
