"""resize_nearest and resize_bilinear, and the one place that says which pixels they read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whit.converter.ir import Node, Tensor
from whit.converter.ops.operator import (
    Inferred,
    Operator,
    choice,
    positive_ints,
    register,
    require,
    tensor,
)

COORDINATES = ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
ROUNDINGS = ("floor", "ceil", "round_half_up", "round_half_down")


def source_positions(size: int, output: int, coordinates: str) -> np.ndarray:
    """Real source coordinate of each output position, float32 [output].

    The names are ONNX Resize's coordinate_transformation_mode; TFLite's default is asymmetric.
    float32 arithmetic, as TFLite's reference does it, decides ties the same way.
    """
    index = np.arange(output, dtype=np.float32)
    if coordinates == "align_corners" and output > 1:
        return index * (np.float32(size - 1) / np.float32(output - 1))
    scale = np.float32(size) / np.float32(output)
    if coordinates == "half_pixel":
        return (index + np.float32(0.5)) * scale - np.float32(0.5)
    if coordinates == "pytorch_half_pixel":
        if output == 1:
            return np.zeros(1, np.float32)
        return (index + np.float32(0.5)) * scale - np.float32(0.5)
    return index * scale


def _infer_resize(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    require(len(x.shape) == 4, "input must have rank 4")
    return [((x.shape[0], *node["size"], x.shape[3]), x.dtype)]


_RESIZE = {"size": positive_ints(2), "coordinates": choice(COORDINATES, "asymmetric")}

register(Operator(
    "resize_nearest", (1, 1), _infer_resize, {**_RESIZE, "rounding": choice(ROUNDINGS, "floor")},
    doc="x [N,H,W,C] -> [N,*size,C], each pixel a copy of its nearest",
))
register(Operator(
    "resize_bilinear", (1, 1), _infer_resize, _RESIZE,
    lambda node, inputs, outputs: 4 * outputs[0].elements,
    doc="x [N,H,W,C] -> [N,*size,C], interpolated between the four neighbours",
))
