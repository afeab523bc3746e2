"""Operators with a sliding window: their explicit padding as SAME, VALID or a PAD before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tflite

from whit.converter.errors import RefusedError
from whit.converter.exporters.tflite.emitter import Emitter
from whit.converter.ir import DType, Node, Tensor
from whit.converter.ops.convolution import same_padding
from whit.converter.tflite_schema import FUSED

Pads = Sequence[tuple[int, int]]


def conv2d(to: Emitter, node: Node) -> None:
    kernel = to.input(node, 1).shape[1:3]
    source, padding = _padded(to, node, kernel, node["dilations"])
    to.emit("CONV_2D", [source, *to.weights_and_bias(node)], [to.tensor(node.outputs[0])],
            "Conv2DOptions", **_window(node, padding), **_dilations(node))


def depthwise_conv2d(to: Emitter, node: Node) -> None:
    x, weights = to.input(node, 0), to.input(node, 1)
    source, padding = _padded(to, node, weights.shape[1:3], node["dilations"])
    to.emit("DEPTHWISE_CONV_2D", [source, *to.weights_and_bias(node)],
            [to.tensor(node.outputs[0])], "DepthwiseConv2DOptions", **_window(node, padding),
            **_dilations(node), DepthMultiplier=weights.shape[3] // x.shape[3])


def max_pool(to: Emitter, node: Node) -> None:
    source, padding = _padded(to, node, node["kernel"], (1, 1), lowest=True)
    _pool(to, node, "MAX_POOL_2D", source, padding)


def average_pool(to: Emitter, node: Node) -> None:
    if not node["count_include_pad"] and tflite_padding(to, node, node["kernel"], (1, 1)) is None:
        raise RefusedError(
            f"TFLite has no average pooling with padding {node['padding']} that it does not count",
            "use padding that TFLite's SAME gives, or count_include_pad",
        )
    source, padding = _padded(to, node, node["kernel"], (1, 1),
                              always=node["count_include_pad"])
    _pool(to, node, "AVERAGE_POOL_2D", source, padding)


def _pool(to: Emitter, node: Node, operator: str, source: int, padding: int) -> None:
    to.emit(operator, [source], [to.tensor(node.outputs[0])], "Pool2DOptions",
            **_window(node, padding), FilterHeight=node["kernel"][0],
            FilterWidth=node["kernel"][1])


def _window(node: Node, padding: int) -> dict[str, int]:
    return {
        "Padding": padding,
        "StrideH": node["strides"][0],
        "StrideW": node["strides"][1],
        "FusedActivationFunction": FUSED[node["activation"]],
    }


def _dilations(node: Node) -> dict[str, int]:
    return {"DilationHFactor": node["dilations"][0], "DilationWFactor": node["dilations"][1]}


def tflite_padding(
    to: Emitter, node: Node, kernel: Sequence[int], dilations: Sequence[int]
) -> int | None:
    """VALID or SAME where that means the node's padding, else None.

    Only what lies before the first window counts; behind the last one, the output's size does.
    """
    sizes, extents = to.input(node, 0).shape[1:3], to.output(node).shape[1:3]
    before = [pad[0] for pad in node["padding"]]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    strides = node["strides"]
    if before == [0, 0] and all(
        (extent - 1) * stride + span <= size
        for extent, stride, span, size in zip(extents, strides, reach, sizes, strict=True)
    ):
        return int(tflite.Padding.VALID)
    same = [
        same_padding(size, k, stride, dilation)[0]
        for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    if before == same and all(
        extent == -(-size // stride)
        for extent, stride, size in zip(extents, strides, sizes, strict=True)
    ):
        return int(tflite.Padding.SAME)
    return None


def _padded(
    to: Emitter,
    node: Node,
    kernel: Sequence[int],
    dilations: Sequence[int],
    lowest: bool = False,
    always: bool = False,
) -> tuple[int, int]:
    """(input, padding) of a window operator, after a PAD where TFLite's padding cannot say it.

    lowest: pad with the least value there is, which a maximum ignores, instead of zero.
    always: padding counts as data, so any of it needs a PAD.
    """
    x = to.input(node, 0)
    source = to.tensor(x.name)
    pads: Pads = node["padding"]
    padding = tflite_padding(to, node, kernel, dilations)
    needless = not any(map(any, pads))
    if padding is not None and (needless or not always):
        return source, padding
    shape = (x.shape[0], *(n + sum(p) for n, p in zip(x.shape[1:3], pads, strict=True)), x.shape[3])
    padded = to.temporary(f"{node.outputs[0]}_padded", x, shape)
    value = _lowest(x) if lowest else None
    to.pad(source, padded, ((0, 0), *pads, (0, 0)), value, x)
    return padded, int(tflite.Padding.VALID)


def _lowest(x: Tensor) -> np.ndarray:
    dtype = x.dtype.numpy
    least = np.finfo(dtype).min if x.dtype is DType.FLOAT32 else np.iinfo(dtype).min
    return np.array(least, dtype)
