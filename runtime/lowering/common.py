"""What the lowerings share: quantization accessors, clamp ranges, collapsing of loop nests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whit.converter import fixed_point
from whit.converter.ir import DType, Graph, Node, Tensor
from whit.converter.ops.operator import ACTIVATIONS
from whit.runtime.kernel_table import defines
from whit.runtime.lowering.registry import LoweringError
from whit.targets.kernel_call import Params

MAX_DIMS = defines("whit.h")["WHIT_MAX_DIMS"]
MAX_WORK_BITS = defines("kernel.h")["WHIT_MAX_WORK_BITS"]
UINT16_MAX = 0xFFFF


def operand(graph: Graph, node: Node, index: int) -> Tensor:
    """The tensor a node reads at `index`, which must be there."""
    return graph.tensors[node.inputs[index]]


def output(graph: Graph, node: Node, index: int = 0) -> Tensor:
    return graph.tensors[node.outputs[index]]


def kernel_dtype(*tensors: Tensor) -> DType:
    """The one type, float32 or int8, that all `tensors` have; LoweringError otherwise."""
    types = {tensor.dtype for tensor in tensors}
    if len(types) == 1 and types <= {DType.FLOAT32, DType.INT8}:
        return tensors[0].dtype
    found = ", ".join(f"'{tensor.name}' is {tensor.dtype.value}" for tensor in tensors)
    raise LoweringError(
        f"has no kernel for these types: {found}", "make all of them float32, or all of them int8"
    )


def scale_and_zero_point(tensor: Tensor) -> tuple[np.float32, int]:
    """The per-tensor quantization of `tensor`; LoweringError where it has none or a bad one."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale.size == 0:
        raise LoweringError(f"'{tensor.name}' is {tensor.dtype.value} without a quantization")
    if not quantization.is_per_tensor:
        raise LoweringError(
            f"'{tensor.name}' is quantized per channel", "quantize it with one scale"
        )
    _check_scales(tensor, quantization.scale)
    zero_point = int(quantization.zero_point[0])
    if tensor.dtype in (DType.INT8, DType.UINT8):
        info = np.iinfo(tensor.dtype.numpy)
        if not info.min <= zero_point <= info.max:
            raise LoweringError(
                f"'{tensor.name}' has zero point {zero_point}, outside {tensor.dtype.value}",
                f"requantize it with a zero point in [{info.min}, {info.max}]",
            )
    return np.float32(quantization.scale[0]), zero_point


def weight_scales(weights: Tensor, channel_axis: int) -> np.ndarray:
    """Scales of symmetric int8 weights, float32 [1] or [channels along `channel_axis`].

    LoweringError where a zero point is not 0, or the scales run along another axis.
    """
    quantization = weights.quantization
    if quantization is None or quantization.scale.size == 0:
        raise LoweringError(f"weights '{weights.name}' have no quantization")
    if quantization.zero_point.any():
        raise LoweringError(
            f"weights '{weights.name}' have a zero point other than 0",
            "quantize the weights symmetrically",
        )
    _check_scales(weights, quantization.scale)
    channels = weights.shape[channel_axis]
    axis = quantization.axis
    if not quantization.is_per_tensor and (
        axis is None
        or axis % len(weights.shape) != channel_axis
        or quantization.scale.size != channels
    ):
        raise LoweringError(
            f"weights '{weights.name}' have {quantization.scale.size} scales along axis {axis}",
            f"quantize them per tensor or along axis {channel_axis}, of {channels}",
        )
    return quantization.scale.astype(np.float32).reshape(-1)


def _check_scales(tensor: Tensor, scale: np.ndarray) -> None:
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise LoweringError(
            f"'{tensor.name}' has a scale that is not a positive number", "requantize the model"
        )


def clamp_range(tensor: Tensor, activation: str = "none") -> tuple[int, int]:
    """Stored values that `tensor`, int8 or uint8, can take after a fused activation.

    TFLM's CalculateActivationRangeQuantized: bounds are divided by the scale in float32 and
    rounded to nearest, ties away from zero.
    """
    scale, zero_point = scale_and_zero_point(tensor)
    info = np.iinfo(tensor.dtype.numpy)
    low, high = ACTIVATIONS[activation]
    least = info.min if low is None else max(info.min, stored_value(low, scale, zero_point))
    most = info.max if high is None else min(info.max, stored_value(high, scale, zero_point))
    return int(least), int(most)


def stored_value(real: float, scale: np.float32, zero_point: int) -> int:
    """round(real / scale) + zero_point, unclamped; see `fixed_point.stored_value`."""
    try:
        return fixed_point.stored_value(real, scale, zero_point)
    except OverflowError as error:
        raise LoweringError(str(error), "requantize the model") from error


def float_clamp_range(activation: str) -> tuple[float, float]:
    """(low, high) of a fused activation on float32; open sides are infinite."""
    low, high = ACTIVATIONS[activation]
    return (-np.inf if low is None else low, np.inf if high is None else high)


def window_params(
    node: Node, x: Tensor, y: Tensor, kernel: Sequence[int]
) -> Params:
    """Sizes and window of an operator that slides one over x [N,H,W,C], for its parameters.

    Operators without dilations have no member for them.
    """
    params: Params = {
        "batch": x.shape[0], "in_h": x.shape[1], "in_w": x.shape[2],
        "out_h": y.shape[1], "out_w": y.shape[2],
    }
    (top, _), (left, _) = node["padding"]
    window = {"kernel": tuple(kernel), "stride": node["strides"], "pad": (top, left)}
    names = {"pad": ("pad_top", "pad_left")}
    if "dilations" in node.attributes:
        window["dilation"] = node["dilations"]
    for name, pair in window.items():
        if max(pair) > UINT16_MAX:
            raise LoweringError(
                f"has a {name} of {max(pair)}; kernels take {UINT16_MAX}", "use a smaller window"
            )
        params |= zip(names.get(name, (f"{name}_h", f"{name}_w")), pair, strict=True)
    return params


def check_work(y: Tensor, each: int) -> None:
    """LoweringError where `each` steps an element of y are more than a record may take."""
    if y.elements * each > 1 << MAX_WORK_BITS:
        raise LoweringError(
            f"takes {y.elements * each:.2g} steps; kernels take {1 << MAX_WORK_BITS:.2g}",
            "use a smaller window or fewer channels",
        )


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in elements, of a dense row-major array."""
    strides = [1]
    for extent in reversed(shape[1:]):
        strides.append(strides[-1] * extent)
    return tuple(reversed(strides))[: len(shape)]


def broadcast_strides(shape: Sequence[int], result: Sequence[int]) -> tuple[int, ...]:
    """Strides that walk a dense array of `shape` as if broadcast to `result`; 0 repeats."""
    padded = (1,) * (len(result) - len(shape)) + tuple(shape)
    return tuple(
        0 if extent == 1 else stride
        for extent, stride in zip(padded, contiguous_strides(padded), strict=True)
    )


@dataclass(frozen=True)
class Nest:
    """A loop nest, outermost level first: extents, and the strides of each operand."""

    dims: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def rank(self) -> int:
        return len(self.dims)


def collapse(dims: Sequence[int], *strides: Sequence[int]) -> Nest:
    """The same walk in as few levels as possible, at least one.

    Extents of 1 go; adjacent levels merge where every operand steps through both as through one.
    LoweringError where more than WHIT_MAX_DIMS levels remain.
    """
    levels: list[tuple[int, list[int]]] = []
    for extent, *steps in zip(dims, *strides, strict=True):
        if extent == 1:
            continue
        if levels:
            outer, outer_steps = levels[-1]
            if all(a == b * extent for a, b in zip(outer_steps, steps, strict=True)):
                levels[-1] = (outer * extent, steps)
                continue
        levels.append((extent, steps))
    if not levels:
        levels = [(1, [1] * len(strides))]
    if len(levels) > MAX_DIMS:
        raise LoweringError(
            f"walks {len(levels)} axes that cannot be merged; kernels take {MAX_DIMS}",
            "reshape the tensors to a lower rank",
        )
    return Nest(
        tuple(extent for extent, _ in levels),
        tuple(tuple(steps[i] for _, steps in levels) for i in range(len(strides))),
    )


def broadcast(result: Sequence[int], *shapes: Sequence[int]) -> Nest:
    """The nest that walks dense operands of `shapes` broadcast to a dense `result`."""
    strides = [broadcast_strides(shape, result) for shape in shapes]
    nest = collapse(result, *strides, contiguous_strides(result))
    return Nest(nest.dims, nest.strides[:-1])
