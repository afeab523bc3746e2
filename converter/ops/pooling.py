"""average_pool2d, max_pool2d, mean: operators that reduce windows or axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whit.converter.ir import Node, Tensor
from whit.converter.ops.convolution import window_extent
from whit.converter.ops.operator import (
    ACTIVATION,
    Inferred,
    Operator,
    flag,
    ints,
    normalized_axis,
    paddings,
    positive_ints,
    register,
    require,
    tensor,
)


def _infer_pool(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    require(len(x.shape) == 4, "input must have rank 4")
    kernel, pads = node["kernel"], node["padding"]
    for size, pad in zip(kernel, pads, strict=True):
        require(pad[0] < size and pad[1] < size, "padding must be smaller than the window")
    extents = tuple(
        window_extent(x.shape[1 + i], kernel[i], node["strides"][i], 1, pads[i]) for i in (0, 1)
    )
    return [((x.shape[0], *extents, x.shape[3]), x.dtype)]


def _pool_macs(node: Node, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> int:
    return outputs[0].elements * node["kernel"][0] * node["kernel"][1]


def reduced_axes(node: Node, rank: int) -> tuple[int, ...]:
    """The axes a reduction works on, sorted, none negative."""
    return tuple(sorted({normalized_axis(axis, rank) for axis in node["axes"]}))


def _infer_mean(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    axes = reduced_axes(node, len(x.shape))
    require(bool(axes), "no axes to reduce")
    if node["keepdims"]:
        shape = tuple(1 if i in axes else size for i, size in enumerate(x.shape))
    else:
        shape = tuple(size for i, size in enumerate(x.shape) if i not in axes)
    return [(shape, x.dtype)]


def _evaluate_mean(node: Node, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    axes = reduced_axes(node, arrays[0].ndim)
    return [arrays[0].mean(axis=axes, keepdims=node["keepdims"], dtype=arrays[0].dtype)]


_POOL = {
    "kernel": positive_ints(2),
    "strides": positive_ints(2, (1, 1)),
    "padding": paddings(2),
    "activation": ACTIVATION,
}

register(Operator(
    "average_pool2d", (1, 1), _infer_pool, {**_POOL, "count_include_pad": flag(False)}, _pool_macs,
    doc="x [N,H,W,C]; divides by the window clipped to the input, or by all of it when "
        "count_include_pad",
))
register(Operator(
    "max_pool2d", (1, 1), _infer_pool, _POOL, _pool_macs,
    doc="x [N,H,W,C]; padding never wins",
))
register(Operator(
    "mean", (1, 1), _infer_mean, {"axes": ints(), "keepdims": flag(True)},
    lambda node, inputs, outputs: tensor(inputs, 0).elements, _evaluate_mean,
    doc="arithmetic mean over `axes`",
))
