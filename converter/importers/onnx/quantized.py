"""Quantized models: QuantizeLinear, DequantizeLinear, and QLinear operators in terms of them.

Activations become int8: of uint8 numbers and zero points 128 is subtracted, which changes neither
the real numbers nor a bit of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx.helper

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.values import Constant, OnnxNode
from whit.converter.ir import Quantization

UNSIGNED_SHIFT = 128
MOVING = frozenset({
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Pad", "MaxPool",
    "GlobalMaxPool", "Identity", "Concat", "Gather", "DepthToSpace", "SpaceToDepth", "Resize",
})
"""ONNX operators whose integer output has the quantization of their first input."""


def _parameters(
    ctx: Context, node: OnnxNode, rank: int, shift: int
) -> Quantization:
    """Scale and zero point of inputs 1 and 2, the zero point `shift` lower."""
    scale = ctx.array(node, 1, "the scale")
    zero_point = (
        ctx.array(node, 2, "the zero point") if node.has(2) else np.zeros(scale.shape, np.int8)
    )
    if node.get("block_size", 0):
        raise RefusedError("quantization in blocks", "quantize per tensor or per channel")
    if scale.dtype != np.float32 or not (np.isfinite(scale).all() and (scale > 0).all()):
        raise RefusedError(
            "its scales are not positive float32 numbers", "quantize the model again"
        )
    if scale.size != zero_point.size:
        raise RefusedError("scales and zero points differ in number", "quantize the model again")
    zero = zero_point.reshape(-1).astype(np.int32) - shift
    axis: int | None = None
    if scale.size > 1:
        axis = int(node.get("axis", 1))
        if not -rank <= axis < rank:
            raise RefusedError(f"axis {axis} is outside rank {rank}", "quantize the model again")
        axis %= rank
    return Quantization(scale.reshape(-1).astype(np.float32), zero, axis)


def quantize_linear(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    stored = np.dtype(np.uint8)
    if node.has(2):
        stored = ctx.array(node, 2, "the zero point").dtype
    elif node.get("output_dtype", 0):
        stored = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(int(node.get("output_dtype"))))
    if stored not in (np.int8, np.uint8):
        raise RefusedError(f"it quantizes to {stored}", "quantize activations to int8 or uint8")
    shift = UNSIGNED_SHIFT if stored == np.uint8 else 0
    quantization = _parameters(ctx, node, len(x.shape), shift)
    if not quantization.is_per_tensor:
        raise RefusedError("activations quantized per channel", "quantize activations per tensor")
    ctx.add("quantize", node, [x.name], node.outputs[0], quantization, dtype="int8")
    ctx.define(node.outputs[0])
    if shift:
        ctx.unsigned.add(node.outputs[0])


def dequantize_linear(ctx: Context, node: OnnxNode) -> None:
    name, output = node.inputs[0], node.outputs[0]
    if ctx.is_constant(name):
        ctx.constants[output] = _dequantized_constant(ctx, node)
        return
    x = ctx.tensor(name)
    shift = UNSIGNED_SHIFT if name in ctx.unsigned else 0
    quantization = _parameters(ctx, node, len(x.shape), shift)
    if x.quantization != quantization:
        raise RefusedError(
            "its scale or zero point is not what its input was quantized with",
            "use the same parameters, or insert a DequantizeLinear and QuantizeLinear pair",
        )
    ctx.add("dequantize", node, [x.name], output)
    ctx.define(output)


def _dequantized_constant(ctx: Context, node: OnnxNode) -> Constant:
    data = ctx.constants[node.inputs[0]].data
    if data.dtype not in (np.int8, np.uint8, np.int32):
        raise RefusedError(f"constants stored as {data.dtype}", "quantize weights to 8 bits")
    shift = UNSIGNED_SHIFT if data.dtype == np.uint8 else 0
    quantization = _parameters(ctx, node, data.ndim, shift)
    axis = quantization.axis
    if axis is not None and data.shape[axis] != quantization.scale.size:
        raise RefusedError("its scales do not fit its axis", "quantize the model again")
    if shift:
        data = (data.astype(np.int16) - shift).astype(np.int8)
    return Constant(data, quantization, node.inputs[0])


@dataclass(frozen=True)
class _QLinear:
    """A QLinear operator: the plain one, where its (x, scale, zero point) inputs start, where the
    output's (scale, zero point) do, and where an int32 bias is."""

    op: str
    operands: tuple[int, ...]
    result: int
    bias: int | None = None


_QLINEAR = {
    "QLinearConv": _QLinear("Conv", (0, 3), 6, 8),
    "QLinearMatMul": _QLinear("MatMul", (0, 3), 6),
    "QGemm": _QLinear("Gemm", (0, 3), 7, 6),
    "QLinearAdd": _QLinear("Add", (0, 3), 6),
    "QLinearMul": _QLinear("Mul", (0, 3), 6),
    "QLinearAveragePool": _QLinear("AveragePool", (0,), 3),
    "QLinearGlobalAveragePool": _QLinear("GlobalAveragePool", (0,), 3),
    "QLinearReduceMean": _QLinear("ReduceMean", (0,), 3),
    "QLinearSigmoid": _QLinear("Sigmoid", (0,), 3),
    "QLinearLeakyRelu": _QLinear("LeakyRelu", (0,), 3),
    "QLinearSoftmax": _QLinear("Softmax", (0,), 3),
}


def is_qlinear(node: OnnxNode) -> bool:
    return node.op in _QLINEAR or node.op == "QLinearConcat"


def _weight_axis(node: OnnxNode) -> int:
    """The axis of per-channel scales of input 3."""
    if node.op == "QLinearConv" or (node.op == "QGemm" and node.get("transB", 0)):
        return 0
    return 1


def expanded(ctx: Context, node: OnnxNode) -> list[OnnxNode]:
    """A QLinear operator as DequantizeLinear, the plain operator and QuantizeLinear."""
    if node.op == "QLinearConcat":
        row = _QLinear("Concat", tuple(range(2, len(node.inputs), 3)), 0)
    else:
        row = _QLINEAR[node.op]
    if node.get("channels_last", 0):
        raise RefusedError("channels_last", "export the model channels first")
    nodes: list[OnnxNode] = []
    reals: list[str] = []

    def dequantize(inputs: Sequence[str], axis: int) -> None:
        real = ctx.reserve(f"{node.name}.input{len(reals)}")
        nodes.append(OnnxNode(
            f"{node.name}_dequantize{len(reals)}", "DequantizeLinear", "", tuple(inputs), (real,),
            {"axis": axis},
        ))
        reals.append(real)

    for at in row.operands:
        dequantize(node.inputs[at : at + 3], _weight_axis(node) if at == 3 else 0)
    if row.bias is not None and node.has(row.bias):
        factors = [ctx.array(node, at + 1, "the scale").reshape(-1) for at in row.operands]
        scale = np.float32(node.get("alpha", 1.0)) * factors[0] * factors[1]
        name = ctx.reserve(f"{node.name}.bias_scale")
        ctx.constants[name] = Constant(scale.astype(np.float32))
        dequantize([node.inputs[row.bias], name], 0)
    attributes = {
        key: value
        for key, value in node.attributes.items()
        if key not in ("channels_last", "opset")
    }
    if node.op == "QLinearSoftmax":
        axis = int(node.get("axis", -1))
        last = axis in (-1, len(ctx.shape(node.inputs[0])) - 1)
        if not last and int(node.get("opset", 13)) < 13 <= ctx.opset:
            raise RefusedError("an axis other than the last", "export it with opset 13 or later")
        attributes["axis"] = axis
    quantizes = node.has(row.result)
    result = ctx.reserve(f"{node.name}.output") if quantizes else node.outputs[0]
    nodes.append(OnnxNode(node.name, row.op, "", tuple(reals), (result,), attributes))
    if quantizes:
        nodes.append(OnnxNode(
            f"{node.name}_quantize", "QuantizeLinear", "",
            (result, *node.inputs[row.result : row.result + 2]), node.outputs,
        ))
    return nodes


def input_parameters(
    name: str, nodes: Sequence[OnnxNode], constants: Mapping[str, Constant]
) -> tuple[np.ndarray, np.ndarray] | None:
    """(scale, zero point) by which the model first reads integer input `name`; None: as it is."""
    same = {name}
    for node in nodes:
        at: int | None = None
        if node.op == "DequantizeLinear" and node.inputs[0] in same:
            at = 0
        elif is_qlinear(node):
            row = _QLINEAR.get(node.op)
            operands = row.operands if row else tuple(range(2, len(node.inputs), 3))
            given = [i for i in operands if i < len(node.inputs)]
            at = next((i for i in given if node.inputs[i] in same), None)
        elif node.op in MOVING and same.intersection(node.inputs):
            same.update(output for output in node.outputs if output)
        if at is None or at + 1 >= len(node.inputs) or node.inputs[at + 1] not in constants:
            continue
        scale = constants[node.inputs[at + 1]].data
        zero = Constant(np.zeros(1, np.int32))
        if at + 2 < len(node.inputs):
            zero = constants.get(node.inputs[at + 2], zero)
        if scale.size == zero.data.size == 1:
            return scale.reshape(-1), zero.data.reshape(-1)
    return None


OPERATORS = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
}
