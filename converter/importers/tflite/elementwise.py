"""Arithmetic, activations, and the boundary between real and stored numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.tflite.context import (
    Context,
    require_same_quantization,
)
from whit.converter.importers.tflite.reader import FileOperator
from whit.converter.ir import DType, Tensor
from whit.converter.ops.elementwise import broadcast_shape

Conversion = Callable[[Context, FileOperator], None]


def binary(operator: str) -> Conversion:
    def convert(context: Context, op: FileOperator) -> None:
        a, b = context.input(op, 0), context.input(op, 1)
        context.convert(op, operator, [a.name, b.name], activation=context.activation(op))

    return convert


def unary(operator: str, **attributes: float | None) -> Conversion:
    def convert(context: Context, op: FileOperator) -> None:
        context.convert(op, operator, [context.input(op, 0).name], **attributes)

    return convert


def softmax(context: Context, op: FileOperator) -> None:
    context.convert(op, "softmax", [context.input(op, 0).name], beta=float(op.options["Beta"]))


def leaky_relu(context: Context, op: FileOperator) -> None:
    context.convert(op, "leaky_relu", [context.input(op, 0).name],
                    alpha=float(op.options["Alpha"]))


def prelu(context: Context, op: FileOperator) -> None:
    x, alpha = context.input(op, 0), context.input(op, 1)
    if alpha.data is None:
        raise RefusedError("its slopes are computed at run time", "make them constant")
    context.convert(op, "prelu", [x.name, alpha.name])


def bound(side: str) -> Conversion:
    """MINIMUM or MAXIMUM with a constant: one side of a clip."""

    def convert(context: Context, op: FileOperator) -> None:
        x, limit = context.input(op, 0), context.input(op, 1)
        if x.data is not None:
            x, limit = limit, x
        if limit.data is None or x.data is not None:
            raise RefusedError("neither input is constant, or both are",
                               "use it to limit a tensor to a constant")
        values = np.unique(_real(limit))
        if values.size != 1 or broadcast_shape(x, limit) != x.shape:
            raise RefusedError("its constant is not one number", "use one limit for all elements")
        require_same_quantization(context, op, x, limit)
        context.convert(op, "clip", [x.name], **{side: float(values[0])})

    return convert


def quantize(context: Context, op: FileOperator) -> None:
    y = context.output_tensor(op)
    if y.dtype not in (DType.INT8, DType.UINT8) or y.quantization is None:
        raise RefusedError(f"its output is {y.type}", "quantize to int8")
    context.convert(op, "quantize", [context.input(op, 0).name], dtype=y.dtype.value)


def dequantize(context: Context, op: FileOperator) -> None:
    """Constants become float32 weights here; float16 ones are float32 since they were read."""
    x = context.input(op, 0)
    if x.data is not None:
        context.constant(context.output(op), _real(x).astype(np.float32))
    else:
        context.convert(op, "dequantize", [x.name])


def cast(context: Context, op: FileOperator) -> None:
    y = context.output_tensor(op)
    x = context.input(op, 0)
    if x.data is None or y.dtype not in (DType.INT32, DType.INT64, DType.BOOL):
        raise RefusedError(f"conversion from {x.dtype.value} to {y.type} at run time",
                           "use QUANTIZE and DEQUANTIZE")
    context.convert(op, "cast", [x.name], dtype=y.dtype.value)


def _real(tensor: Tensor) -> np.ndarray:
    """The real numbers that constant `tensor` stands for: float64 where it is quantized."""
    assert tensor.data is not None
    if tensor.quantization is None:
        return tensor.data
    shape = [1] * len(tensor.shape)
    if tensor.quantization.axis is not None:
        shape[tensor.quantization.axis] = -1
    elif shape:
        shape = [1]
    scale = tensor.quantization.scale.astype(np.float64).reshape(shape)
    return (tensor.data.astype(np.float64) - tensor.quantization.zero_point.reshape(shape)) * scale
