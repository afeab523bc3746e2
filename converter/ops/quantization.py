"""quantize and dequantize: the boundary between real and stored numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whit.converter.ir import DType, Node, Quantization, Tensor
from whit.converter.ops.operator import Attribute, Inferred, Operator, register, require, tensor

FIXED_OUTPUT = {
    "sigmoid": Quantization.per_tensor(1 / 256, -128),
    "softmax": Quantization.per_tensor(1 / 256, -128),
    "tanh": Quantization.per_tensor(1 / 128, 0),
}
"""The int8 output quantization that TFLite's specification fixes for an operator."""


def _infer_quantize(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    return [(tensor(inputs, 0).shape, DType(node["dtype"]))]


def _infer_dequantize(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    require(x.quantization is not None, f"input '{x.name}' is not quantized")
    return [(x.shape, DType.FLOAT32)]


def _infer_cast(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    return [(tensor(inputs, 0).shape, DType(node["dtype"]))]


_DTYPE = Attribute("a type name", lambda v: v in {d.value for d in DType})

register(Operator(
    "quantize", (1, 1), _infer_quantize, {"dtype": _DTYPE},
    elementwise=True,
    doc="float or quantized -> the output tensor's quantization, as TFLite QUANTIZE",
))
register(Operator(
    "dequantize", (1, 1), _infer_dequantize,
    elementwise=True, doc="scale * (stored - zero point), float32",
))
register(Operator(
    "cast", (1, 1), _infer_cast, {"dtype": _DTYPE},
    evaluate=lambda node, arrays: [arrays[0].astype(np.dtype(node["dtype"]))],
    elementwise=True, doc="C conversion between types; folded at import, not executed",
))
