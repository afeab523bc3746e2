"""transpose, slice, split, concat, pad: strided copies with as few loop levels as possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whit.converter.check import QUANTIZED_TYPES
from whit.converter.ir import DType, Graph, Node, Tensor
from whit.converter.ops.operator import normalized_axis
from whit.runtime.lowering.common import (
    collapse,
    contiguous_strides,
    operand,
    output,
    scale_and_zero_point,
    stored_value,
)
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall


def strided_copy(
    x: Tensor,
    y: Tensor,
    dims: Sequence[int],
    x_strides: Sequence[int],
    y_strides: Sequence[int],
    x_offset: int = 0,
    y_offset: int = 0,
) -> KernelCall:
    """The call that copies a box of `dims` from x to y; strides and offsets in elements."""
    nest = collapse(dims, x_strides, y_strides)
    return KernelCall(
        "copy_any",
        (x.name, y.name),
        {
            "element_bytes": x.dtype.size,
            "rank": nest.rank,
            "dims": nest.dims,
            "x_offset": x_offset,
            "x_strides": nest.strides[0],
            "y_offset": y_offset,
            "y_strides": nest.strides[1],
        },
    )


def check_same_quantization(x: Tensor, y: Tensor) -> None:
    """Moving bytes keeps their meaning only where both tensors have the same quantization."""
    if x.dtype in QUANTIZED_TYPES and x.quantization != y.quantization:
        raise LoweringError(
            f"'{x.name}' and '{y.name}' have different quantizations, and moving data does not "
            "convert it",
            f"put a quantize between '{x.name}' and this operator, or give both one quantization",
        )


def _offset(index: Sequence[int], strides: Sequence[int]) -> int:
    return sum(i * stride for i, stride in zip(index, strides, strict=True))


@lowers("transpose")
def transpose(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    check_same_quantization(x, y)
    strides = contiguous_strides(x.shape)
    permuted = [strides[axis] for axis in node["perm"]]
    return [strided_copy(x, y, y.shape, permuted, contiguous_strides(y.shape))]


@lowers("slice")
def slice_(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    check_same_quantization(x, y)
    strides = contiguous_strides(x.shape)
    steps = [stride * step for stride, step in zip(strides, node["step"], strict=True)]
    start = _offset(node["begin"], strides)
    return [strided_copy(x, y, y.shape, steps, contiguous_strides(y.shape), x_offset=start)]


@lowers("split")
def split(graph: Graph, node: Node) -> list[KernelCall]:
    x = operand(graph, node, 0)
    axis = normalized_axis(node["axis"], len(x.shape))
    strides = contiguous_strides(x.shape)
    calls, start = [], 0
    for name in node.outputs:
        y = graph.tensors[name]
        check_same_quantization(x, y)
        inner = contiguous_strides(y.shape)
        calls.append(strided_copy(x, y, y.shape, strides, inner, x_offset=start * strides[axis]))
        start += y.shape[axis]
    return calls


@lowers("concat")
def concat(graph: Graph, node: Node) -> list[KernelCall]:
    y = output(graph, node)
    axis = normalized_axis(node["axis"], len(y.shape))
    strides = contiguous_strides(y.shape)
    calls, start = [], 0
    for name in node.inputs:
        x = graph.tensors[name]
        check_same_quantization(x, y)
        inner = contiguous_strides(x.shape)
        calls.append(strided_copy(x, y, x.shape, inner, strides, y_offset=start * strides[axis]))
        start += x.shape[axis]
    return calls


@lowers("pad")
def pad(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    check_same_quantization(x, y)
    strides = contiguous_strides(y.shape)
    start = _offset([before for before, _ in node["paddings"]], strides)
    copy = strided_copy(x, y, x.shape, contiguous_strides(x.shape), strides, y_offset=start)
    if x.shape == y.shape:
        return [copy]
    fill = {
        "element_bytes": y.dtype.size,
        "count": y.elements,
        "value": _stored(float(node["value"]), y),
    }
    return [KernelCall("fill_any", (y.name,), fill), copy]


def _stored(value: float, tensor: Tensor) -> int:
    """The bits of `value` as an element of `tensor`: in its quantization, or as they are."""
    if tensor.dtype is DType.FLOAT32:
        return int(np.float32(value).view(np.int32))
    if tensor.dtype in QUANTIZED_TYPES:
        scale, zero_point = scale_and_zero_point(tensor)
        info = np.iinfo(tensor.dtype.numpy)
        return int(np.clip(stored_value(value, scale, zero_point), info.min, info.max))
    if not -(2**31) <= value < 2**31 or value != int(value):
        raise LoweringError(
            f"cannot pad {tensor.dtype.value} with {value:g}", "pad with a 32-bit integer"
        )
    return int(value)
