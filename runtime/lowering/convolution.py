"""conv2d, depthwise_conv2d, fully_connected: folded biases, multipliers, weights as kernels read
them. docs/arithmetic.md has the formulas."""

from __future__ import annotations

from math import prod

import numpy as np

from whit.converter.fixed_point import quantize_multipliers, wrap
from whit.converter.ir import DType, Graph, Node, Tensor
from whit.runtime.lowering.common import (
    check_work,
    clamp_range,
    float_clamp_range,
    kernel_dtype,
    operand,
    output,
    scale_and_zero_point,
    weight_scales,
    window_params,
)
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall, Operand, Params

BIAS_TOLERANCE = 0.02
"""How far a bias scale may be from input scale * weight scale, in output steps: TFLM's limit."""


@lowers("conv2d")
def lower_conv2d(graph: Graph, node: Node) -> list[KernelCall]:
    x, weights, y = operand(graph, node, 0), _weights(graph, node), output(graph, node)
    channels, groups = x.shape[3], node["groups"]
    depthwise = groups == channels == y.shape[3]
    params = window_params(node, x, y, weights.shape[1:3])
    check_work(y, prod(weights.shape[1:]))
    if kernel_dtype(x, weights, y) is DType.FLOAT32:
        params |= {"in_c": channels, "out_c": y.shape[3], "groups": groups}
        return [_float_call(graph, node, params)]
    assert weights.data is not None
    tables, stage = _output_stage(graph, node, weights.data, channel_axis=0)
    if depthwise and channels > 1:
        # [O,KH,KW,1]: one filter a channel, which its own kernel does faster.
        return [_depthwise(x, weights.data[..., 0].transpose(1, 2, 0), tables, y, params | stage)]
    return [_grouped(x, weights.data, tables, y, params | stage, groups)]


@lowers("depthwise_conv2d")
def lower_depthwise_conv2d(graph: Graph, node: Node) -> list[KernelCall]:
    x, weights, y = operand(graph, node, 0), _weights(graph, node), output(graph, node)
    channels = x.shape[3]
    params = window_params(node, x, y, weights.shape[1:3])
    check_work(y, prod(weights.shape[1:3]))
    if kernel_dtype(x, weights, y) is DType.FLOAT32:
        params |= {"in_c": channels, "multiplier": y.shape[3] // channels}
        return [_float_call(graph, node, params)]
    assert weights.data is not None
    tables, stage = _output_stage(graph, node, weights.data, channel_axis=3)
    if y.shape[3] == channels:
        return [_depthwise(x, weights.data[0], tables, y, params | stage)]
    # Output channel o reads input o // M: groups of M filters.
    filters = weights.data.transpose(3, 1, 2, 0)
    return [_grouped(x, filters, tables, y, params | stage, channels)]


@lowers("fully_connected")
def lower_fully_connected(graph: Graph, node: Node) -> list[KernelCall]:
    x, weights, y = operand(graph, node, 0), _weights(graph, node), output(graph, node)
    columns = x.shape[-1]
    check_work(y, columns)
    params: Params = {
        "rows": x.elements // columns, "in_c": columns, "out_c": y.shape[-1],
    }
    if kernel_dtype(x, weights, y) is DType.FLOAT32:
        return [_float_call(graph, node, params)]
    assert weights.data is not None
    tables, stage = _output_stage(graph, node, weights.data, channel_axis=0)
    del stage["input_zero_point"]
    return [
        KernelCall("fully_connected_s8", (x.name, weights.name, *tables, y.name), params | stage)
    ]


def _float_call(
    graph: Graph, node: Node, params: Params
) -> KernelCall:
    low, high = float_clamp_range(node["activation"])
    operands = (node.inputs[0], node.inputs[1], _bias(graph, node), node.outputs[0])
    clamps = {"clamp_min": low, "clamp_max": high}
    return KernelCall(f"{node.op}_f32", operands, params | clamps)


def _depthwise(
    x: Tensor,
    filters: np.ndarray,
    tables: tuple[np.ndarray, ...],
    y: Tensor,
    params: Params,
) -> KernelCall:
    """filters: [KH,KW,C]."""
    operands: tuple[Operand, ...] = (x.name, np.ascontiguousarray(filters), *tables, y.name)
    return KernelCall("depthwise_conv2d_s8", operands, params | {"channels": x.shape[3]})


def _grouped(
    x: Tensor,
    filters: np.ndarray,
    tables: tuple[np.ndarray, ...],
    y: Tensor,
    params: Params,
    groups: int,
) -> KernelCall:
    """filters: [O,KH,KW,C/groups]."""
    operands: tuple[Operand, ...] = (x.name, np.ascontiguousarray(filters), *tables, y.name)
    sizes = {"in_c": x.shape[3], "out_c": y.shape[3], "groups": groups}
    return KernelCall("conv2d_s8", operands, params | sizes)


def _weights(graph: Graph, node: Node) -> Tensor:
    weights = operand(graph, node, 1)
    if weights.data is None:
        raise LoweringError(
            f"weights '{weights.name}' are computed at run time", "make them constants"
        )
    return weights


def _bias(graph: Graph, node: Node) -> str | None:
    """The name of the constant bias, None where there is none."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return None
    bias = operand(graph, node, 2)
    if bias.data is None:
        raise LoweringError(f"bias '{bias.name}' is computed at run time", "make it a constant")
    return bias.name


def _output_stage(
    graph: Graph, node: Node, weights: np.ndarray, channel_axis: int
) -> tuple[tuple[np.ndarray, ...], Params]:
    """(folded bias, multipliers, shifts), and the parameters all three operators share."""
    x, y = operand(graph, node, 0), output(graph, node)
    x_scale, x_zero_point = scale_and_zero_point(x)
    y_scale, y_zero_point = scale_and_zero_point(y)
    scales = weight_scales(operand(graph, node, 1), channel_axis)
    products = np.float64(x_scale) * scales.astype(np.float64)
    others = tuple(a for a in range(weights.ndim) if a != channel_axis)
    channel_sums = weights.sum(axis=others, dtype=np.int64)
    bias = np.zeros(channel_sums.shape, np.int64)
    name = _bias(graph, node)
    if name is not None:
        _check_bias_scale(graph.tensors[name], products, np.float64(y_scale))
        bias = graph.data(name).astype(np.int64).reshape(-1)
    folded = wrap(bias - x_zero_point * channel_sums).astype(np.int32)
    multipliers, shifts = quantize_multipliers(products / np.float64(y_scale))
    low, high = clamp_range(y, node["activation"])
    return (folded, multipliers, shifts), {
        "count": multipliers.size,
        "input_zero_point": x_zero_point,
        "output_zero_point": y_zero_point,
        "clamp_min": low,
        "clamp_max": high,
    }


def _check_bias_scale(bias: Tensor, products: np.ndarray, y_scale: np.float64) -> None:
    quantization = bias.quantization
    if quantization is None:
        return
    if quantization.zero_point.any():
        raise LoweringError(
            f"bias '{bias.name}' has a zero point other than 0", "quantize the bias symmetrically"
        )
    if quantization.scale.size not in (1, products.size) and products.size != 1:
        raise LoweringError(
            f"bias '{bias.name}' has {quantization.scale.size} scales, the weights {products.size}",
            "quantize the bias with input scale * weight scale",
        )
    error = np.abs(quantization.scale.astype(np.float64) - products) / y_scale
    if not (error <= BIAS_TOLERANCE).all():
        raise LoweringError(
            f"the scale of bias '{bias.name}' is not input scale * weight scale",
            "quantize the bias with that product",
        )
