"""conv2d, depthwise_conv2d, fully_connected: the operators with weights."""

from __future__ import annotations

from collections.abc import Sequence

from whit.converter.ir import DType, Node, Tensor
from whit.converter.ops.operator import (
    ACTIVATION,
    Inferred,
    Operator,
    integer,
    optional,
    paddings,
    positive_ints,
    register,
    require,
    tensor,
)

CHANNEL_AXIS = {"conv2d": 0, "depthwise_conv2d": 3, "fully_connected": 0}
"""The operators with weights, and the axis of the weights that is the output channel."""


def window_extent(size: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int]) -> int:
    """Output positions of a sliding window along one axis: the one formula for all of them."""
    span = size + pad[0] + pad[1] - ((kernel - 1) * dilation + 1)
    require(span >= 0, f"a window of {(kernel - 1) * dilation + 1} is larger than its padded input "
                       f"of {size + pad[0] + pad[1]}")
    return span // stride + 1


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding that gives ceil(size / stride) positions: TFLite's SAME, ONNX's SAME_UPPER."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _spatial(node: Node, x: Tensor, kernel: tuple[int, int]) -> tuple[int, int]:
    pads = node["padding"]
    height, width = (
        window_extent(x.shape[1 + i], kernel[i], node["strides"][i], node["dilations"][i], pads[i])
        for i in (0, 1)
    )
    return height, width


def _check_bias(bias: Tensor | None, channels: int, quantized: bool) -> None:
    if bias is None:
        return
    require(bias.elements == channels, f"bias has {bias.elements} elements for {channels} channels")
    wanted = DType.INT32 if quantized else DType.FLOAT32
    require(bias.dtype is wanted, f"bias is {bias.dtype.value}, expected {wanted.value}")


def _check_weights(x: Tensor, weights: Tensor) -> None:
    require(x.dtype is weights.dtype and x.dtype in (DType.FLOAT32, DType.INT8),
            f"input is {x.dtype.value} and weights {weights.dtype.value}; both must be float32 or "
            "both int8")
    if weights.quantization is not None:
        require(not weights.quantization.zero_point.any(), "weights have a zero point other than 0")


def _infer_conv2d(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, w = tensor(inputs, 0), tensor(inputs, 1)
    require(len(x.shape) == 4 and len(w.shape) == 4, "input and weights must have rank 4")
    _check_weights(x, w)
    groups = node["groups"]
    require(w.shape[0] % groups == 0, f"{w.shape[0]} output channels in {groups} groups")
    require(x.shape[3] == w.shape[3] * groups,
            f"input has {x.shape[3]} channels, weights expect {w.shape[3] * groups}")
    _check_bias(optional(inputs, 2), w.shape[0], x.dtype is not DType.FLOAT32)
    height, width = _spatial(node, x, (w.shape[1], w.shape[2]))
    return [((x.shape[0], height, width, w.shape[0]), x.dtype)]


def _infer_depthwise(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, w = tensor(inputs, 0), tensor(inputs, 1)
    require(len(x.shape) == 4 and len(w.shape) == 4, "input and weights must have rank 4")
    _check_weights(x, w)
    require(w.shape[0] == 1 and w.shape[3] % x.shape[3] == 0,
            f"weights {w.shape} do not fit {x.shape[3]} channels")
    _check_bias(optional(inputs, 2), w.shape[3], x.dtype is not DType.FLOAT32)
    height, width = _spatial(node, x, (w.shape[1], w.shape[2]))
    return [((x.shape[0], height, width, w.shape[3]), x.dtype)]


def _infer_fully_connected(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, w = tensor(inputs, 0), tensor(inputs, 1)
    require(len(x.shape) >= 1 and len(w.shape) == 2, "weights must have rank 2, input at least 1")
    _check_weights(x, w)
    require(x.shape[-1] == w.shape[1], f"input has {x.shape[-1]} columns, weights {w.shape[1]}")
    _check_bias(optional(inputs, 2), w.shape[0], x.dtype is not DType.FLOAT32)
    return [((*x.shape[:-1], w.shape[0]), x.dtype)]


def _conv_macs(node: Node, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> int:
    w = tensor(inputs, 1)
    return outputs[0].elements * w.shape[1] * w.shape[2] * w.shape[3]


def _depthwise_macs(node: Node, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> int:
    w = tensor(inputs, 1)
    return outputs[0].elements * w.shape[1] * w.shape[2]


def _dense_macs(node: Node, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> int:
    return outputs[0].elements * tensor(inputs, 1).shape[1]


_WINDOW = {
    "strides": positive_ints(2, (1, 1)),
    "dilations": positive_ints(2, (1, 1)),
    "padding": paddings(2),
    "activation": ACTIVATION,
}

register(Operator(
    "conv2d", (2, 3), _infer_conv2d, {**_WINDOW, "groups": integer(1)}, _conv_macs,
    doc="x [N,H,W,C], weights [O,KH,KW,C/groups], bias [O] or absent -> [N,OH,OW,O]",
))
register(Operator(
    "depthwise_conv2d", (2, 3), _infer_depthwise, _WINDOW, _depthwise_macs,
    doc="x [N,H,W,C], weights [1,KH,KW,C*M], bias [C*M]: output channel o reads input o // M",
))
register(Operator(
    "fully_connected", (2, 3), _infer_fully_connected, {"activation": ACTIVATION}, _dense_macs,
    doc="x [..., K], weights [O,K], bias [O] or absent -> [..., O]",
))
