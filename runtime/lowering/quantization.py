"""quantize, dequantize: between float32, int8 and uint8, and between two quantizations."""

from __future__ import annotations

from whit.converter.ir import DType, Graph, Node, Tensor
from whit.runtime.lowering.activation import lookup_call, requantized, scale_ratio
from whit.runtime.lowering.common import operand, output, scale_and_zero_point
from whit.runtime.lowering.layout import strided_copy
from whit.runtime.lowering.registry import LoweringError, lowers
from whit.targets.kernel_call import KernelCall

BYTES = (DType.INT8, DType.UINT8)


@lowers("quantize")
def quantize(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    if y.dtype not in BYTES or x.dtype not in (DType.FLOAT32, *BYTES):
        raise _no_kernel(x, y)
    if x.dtype is DType.FLOAT32:
        return [_boundary("quantize_f32_x8", x, y, y)]
    if x.dtype is y.dtype and x.quantization == y.quantization:
        return [strided_copy(x, y, (x.elements,), (1,), (1,))]
    return [lookup_call(x, y, requantized(x, y, scale_ratio(x, y)))]


@lowers("dequantize")
def dequantize(graph: Graph, node: Node) -> list[KernelCall]:
    x, y = operand(graph, node, 0), output(graph, node)
    if x.dtype not in BYTES:
        raise _no_kernel(x, y)
    return [_boundary("dequantize_x8_f32", x, y, x)]


def _boundary(kernel: str, x: Tensor, y: Tensor, stored: Tensor) -> KernelCall:
    scale, zero_point = scale_and_zero_point(stored)
    params = {
        "count": x.elements,
        "scale": float(scale),
        "zero_point": zero_point,
        "is_unsigned": int(stored.dtype is DType.UINT8),
    }
    return KernelCall(kernel, (x.name, y.name), params)


def _no_kernel(x: Tensor, y: Tensor) -> LoweringError:
    return LoweringError(
        f"converts {x.dtype.value} to {y.dtype.value}", "use float32, int8 or uint8 on both sides"
    )
