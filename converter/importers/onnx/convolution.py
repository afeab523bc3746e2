"""Conv, Gemm and MatMul: the operators with weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.values import Constant, OnnxNode
from whit.converter.importers.onnx.windows import window

_OHWI = (0, 2, 3, 1)
_1HWO = (1, 2, 3, 0)


def _weights(ctx: Context, node: OnnxNode, what: str) -> Constant:
    weights = ctx.constant(node, 1, what)
    if weights.quantization is not None and weights.quantization.zero_point.any():
        raise RefusedError(
            f"{what} '{node.inputs[1]}' are quantized with a zero point",
            "quantize weights symmetrically (signed with zero point 0, unsigned with 128)",
        )
    return weights


def conv(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    weights = _weights(ctx, node, "the weights")
    rank = len(x.shape)
    place = window(node, x.shape, weights.shape[2:])
    if weights.data.ndim != rank or place.kernel[-(rank - 2):] != weights.shape[2:]:
        raise RefusedError(
            f"weights {weights.shape} do not fit its kernel_shape and input", "export it again"
        )
    if rank == 3:
        weights = weights.expanded(2)
    groups = int(node.get("group", 1))
    depthwise = groups > 1 and groups == x.shape[1] and weights.shape[1] == 1
    laid = weights.transposed(_1HWO if depthwise else _OHWI)
    inputs = [ctx.to_nhwc(node, node.inputs[0]), ctx.add_constant(node.inputs[1], laid)]
    if node.has(2):
        bias = ctx.constant(node, 2, "the bias")
        inputs.append(ctx.add_constant(node.inputs[2], bias))
    output = node.outputs[0]
    attributes: dict[str, Any] = {
        "strides": place.strides, "dilations": place.dilations, "padding": place.padding,
    }
    if not depthwise:
        attributes["groups"] = groups
    op = "depthwise_conv2d" if depthwise else "conv2d"
    result = ctx.add(op, node, inputs, ctx.internal(output, "nhwc"), **attributes)
    ctx.from_nhwc(node, result, output, rank)


def _fully_connected(
    ctx: Context, node: OnnxNode, x: str, weights: Constant, bias: Constant | None, output: str
) -> str:
    """x [..., K] times weights [O, K] transposed."""
    inputs = [x, ctx.add_constant(node.inputs[1], weights)]
    if bias is not None:
        inputs.append(ctx.add_constant(node.inputs[2], bias))
    return ctx.add("fully_connected", node, inputs, output)


def _is_bias(value: Constant, outputs: int) -> bool:
    """Whether a Gemm's C is one number per column, and not per row."""
    return value.data.size == outputs and (value.data.ndim == 0 or value.shape[-1] == outputs)


def gemm(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0]).name
    weights = _weights(ctx, node, "the matrix B")
    if weights.data.ndim != 2 or len(ctx.shape(node.inputs[0])) != 2:
        raise RefusedError("its matrices do not have rank 2", "export it as MatMul and Add")
    if node.get("transA", 0):
        x = ctx.move("transpose", node, x, ctx.fresh(f"{node.inputs[0]}.t"), perm=(1, 0))
    if not node.get("transB", 0):
        weights = weights.transposed((1, 0))
    weights = weights.scaled(float(node.get("alpha", 1.0)))
    output, beta = node.outputs[0], float(node.get("beta", 1.0))
    bias: Constant | None = None
    addend: str | None = None
    if node.has(2) and beta != 0:
        outputs = weights.shape[0]
        if ctx.is_constant(node.inputs[2]):
            value = ctx.constants[node.inputs[2]].scaled(beta)
            if _is_bias(value, outputs) and (value.quantization is None or value.data.ndim == 1):
                bias = replace(value, data=value.data.reshape(-1))
            elif value.data.size == 1 and value.quantization is None:
                bias = Constant(np.full(outputs, value.data.reshape(-1)[0], value.data.dtype))
            else:
                addend = ctx.add_constant(node.inputs[2], value)
        else:
            addend = ctx.number(node.inputs[2]).name
            if beta != 1:
                value = Constant(np.array([beta], np.float32))
                factor = ctx.add_constant(f"{node.name}.beta", value)
                addend = ctx.add("mul", node, [addend, factor], ctx.fresh(f"{addend}.scaled"))
    if addend is None:
        _fully_connected(ctx, node, x, weights, bias, output)
    else:
        product = ctx.fresh(f"{output}.product")
        _fully_connected(ctx, node, x, weights, None, product)
        ctx.add("add", node, [product, addend], output)
    ctx.define(output)


def matmul(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    weights = _weights(ctx, node, "the second matrix")
    while weights.data.ndim > 2 and weights.shape[0] == 1 and weights.quantization is None:
        weights = Constant(weights.data[0])
    if weights.data.ndim not in (1, 2):
        raise RefusedError(
            f"its second matrix is a batch of shape {weights.shape}",
            "split it into one MatMul per matrix",
        )
    output = node.outputs[0]
    if weights.data.ndim == 2:
        _fully_connected(ctx, node, x.name, weights.transposed((1, 0)), None, output)
    elif len(x.shape) == 1:
        raise RefusedError("it multiplies two vectors", "write it as Mul and ReduceSum")
    else:
        column = ctx.fresh(f"{output}.column")
        _fully_connected(ctx, node, x.name, weights.expanded(0), None, column)
        ctx.move("reshape", node, column, output, shape=x.shape[:-1])
    ctx.define(output)


OPERATORS = {"Conv": conv, "Gemm": gemm, "MatMul": matmul}
