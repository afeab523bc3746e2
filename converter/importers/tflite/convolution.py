"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, the pools and MEAN."""

from __future__ import annotations

from collections.abc import Sequence

import tflite

from whit.converter.errors import RefusedError
from whit.converter.importers.tflite.context import (
    Context,
    require_same_quantization,
)
from whit.converter.importers.tflite.reader import FileOperator
from whit.converter.ir import DType, Tensor
from whit.converter.ops.convolution import same_padding

Pads = tuple[tuple[int, int], tuple[int, int]]


def conv2d(context: Context, op: FileOperator) -> None:
    x, weights, inputs = _operands(context, op)
    if len(weights.shape) != 4 or len(x.shape) != 4 or not weights.elements or (
            x.shape[3] % weights.shape[3]):
        raise RefusedError(f"weights {weights.shape} do not fit input {x.shape}",
                           "export the model again")
    strides, dilations = _strides(op), _dilations(op)
    context.convert(
        op, "conv2d", inputs, strides=strides, dilations=dilations,
        padding=_padding(op, x, weights.shape[1:3], strides, dilations),
        activation=context.activation(op), groups=x.shape[3] // weights.shape[3],
    )


def depthwise_conv2d(context: Context, op: FileOperator) -> None:
    x, weights, inputs = _operands(context, op)
    if len(weights.shape) != 4 or len(x.shape) != 4 or not weights.elements:
        raise RefusedError(f"weights {weights.shape} do not fit input {x.shape}",
                           "export the model again")
    strides, dilations = _strides(op), _dilations(op)
    context.convert(
        op, "depthwise_conv2d", inputs, strides=strides, dilations=dilations,
        padding=_padding(op, x, weights.shape[1:3], strides, dilations),
        activation=context.activation(op),
    )


def fully_connected(context: Context, op: FileOperator) -> None:
    """TFLite flattens all but the last axis of the weights' size, unless keep_num_dims."""
    x, weights, inputs = _operands(context, op)
    if op.options["WeightsFormat"] != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise RefusedError("its weights are shuffled for one processor",
                           "convert the model without it")
    columns = weights.shape[-1] if len(weights.shape) == 2 else 0
    if not columns or x.elements % columns:
        raise RefusedError(f"weights {weights.shape} do not fit input {x.shape}",
                           "export the model again")
    if not op.options["KeepNumDims"] and x.shape != (x.elements // columns, columns):
        x = context.step(op, "reshape", x, "flat", shape=(x.elements // columns, columns))
    context.convert(op, "fully_connected", [x.name, *inputs[1:]],
                    activation=context.activation(op))


def average_pool(context: Context, op: FileOperator) -> None:
    _pool(context, op, "average_pool2d")


def max_pool(context: Context, op: FileOperator) -> None:
    _pool(context, op, "max_pool2d")


def mean(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    context.convert(op, "mean", [x.name], axes=context.integers(op, 1, "list of axes"),
                    keepdims=bool(op.options["KeepDims"]))


def _pool(context: Context, op: FileOperator, operator: str) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    kernel = (op.options["FilterHeight"], op.options["FilterWidth"])
    strides = _strides(op)
    if len(x.shape) != 4 or min(kernel) < 1:
        raise RefusedError(f"a window of {kernel} on shape {x.shape}", "export the model again")
    context.convert(op, operator, [x.name], kernel=kernel, strides=strides,
                    padding=_padding(op, x, kernel, strides, (1, 1)),
                    activation=context.activation(op))


def _operands(context: Context, op: FileOperator) -> tuple[Tensor, Tensor, list[str]]:
    """Input, weights and the names of all operands; refuses mixtures of types."""
    x, weights, bias = (
        context.input(op, 0), context.input(op, 1), context.optional_input(op, 2))
    if x.dtype is DType.FLOAT32 and weights.dtype is not DType.FLOAT32:
        raise RefusedError(
            f"its weights are {weights.dtype.value} and its input is float32 (dynamic range)",
            "convert the model with full integer quantization, or without quantization",
        )
    if weights.quantization is not None and weights.quantization.zero_point.any():
        raise RefusedError("its weights have a zero point other than 0",
                           "quantize the weights symmetrically")
    if bias is not None and bias.dtype is DType.INT64:
        raise RefusedError("its bias is int64, of 16-bit quantization",
                           "convert the model with int8 activations")
    return x, weights, [x.name, weights.name, *([bias.name] if bias else [])]


def _strides(op: FileOperator) -> tuple[int, int]:
    strides = (op.options["StrideH"], op.options["StrideW"])
    if min(strides) < 1:
        raise RefusedError(f"strides {strides}", "export the model again")
    return strides


def _dilations(op: FileOperator) -> tuple[int, int]:
    dilations = (op.options["DilationHFactor"], op.options["DilationWFactor"])
    if min(dilations) < 1:
        raise RefusedError(f"dilations {dilations}", "export the model again")
    return dilations


def _padding(
    op: FileOperator,
    x: Tensor,
    kernel: Sequence[int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> Pads:
    if op.options["Padding"] == tflite.Padding.VALID:
        return (0, 0), (0, 0)
    top_bottom, left_right = (
        same_padding(size, k, stride, dilation)
        for size, k, stride, dilation in zip(x.shape[1:3], kernel, strides, dilations, strict=True)
    )
    return top_bottom, left_right
