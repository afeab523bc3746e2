"""Resize and Upsample: nearest and linear, along the spatial axes."""

from __future__ import annotations

import math

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.values import OnnxNode
from whit.converter.ops.resize import COORDINATES

_ROUNDINGS = {
    "round_prefer_floor": "round_half_down",
    "round_prefer_ceil": "round_half_up",
    "floor": "floor",
    "ceil": "ceil",
}
_REMEDY = "use nearest or linear with asymmetric, half_pixel or align_corners coordinates"


def _resized(
    ctx: Context, node: OnnxNode, size: tuple[int, ...], mode: str, coordinates: str, nearest: str
) -> None:
    shape = ctx.shape(node.inputs[0])
    if len(shape) not in (3, 4) or tuple(size[:2]) != tuple(shape[:2]):
        raise RefusedError(f"it resizes {shape} to {size}", "resize the spatial axes only")
    # Where input and output are one pixel wide, every mode copies it.
    attributes = {"size": (1, size[2]) if len(size) == 3 else tuple(size[2:])}
    if coordinates not in COORDINATES:
        raise RefusedError(f"coordinates '{coordinates}'", _REMEDY)
    source = ctx.to_nhwc(node, node.inputs[0])
    output = ctx.internal(node.outputs[0], "nhwc")
    if mode == "nearest":
        if nearest not in _ROUNDINGS:
            raise RefusedError(f"nearest_mode '{nearest}'", _REMEDY)
        ctx.move("resize_nearest", node, source, output, coordinates=coordinates,
                 rounding=_ROUNDINGS[nearest], **attributes)
    elif mode in ("linear", "bilinear"):
        ctx.move(
            "resize_bilinear", node, source, output, coordinates=coordinates, **attributes
        )
    else:
        raise RefusedError(f"mode '{mode}'", _REMEDY)
    ctx.from_nhwc(node, output, node.outputs[0], len(shape))


def _scaled_size(shape: tuple[int, ...], scales: np.ndarray) -> tuple[int, ...]:
    """Output extents; RefusedError where a scale is not the exact ratio of the extents.

    ONNX maps coordinates with the scale it is given, the catalogue with the ratio of the extents.
    """
    if len(scales) != len(shape) or (scales <= 0).any() or not np.isfinite(scales).all():
        raise RefusedError(f"scales {scales.tolist()} do not fit {shape}", "export the model again")
    size = tuple(math.floor(n * float(s)) for n, s in zip(shape, scales, strict=True))
    for before, after, scale in zip(shape, size, scales, strict=True):
        if after < 1 or abs(after - before * float(scale)) > 1e-4:
            raise RefusedError(
                f"scale {float(scale):g} of an axis of {before} is no whole number of pixels",
                "resize to explicit sizes",
            )
    return size


def resize(ctx: Context, node: OnnxNode) -> None:
    shape = ctx.shape(node.inputs[0])
    if node.get("antialias", 0):
        raise RefusedError("antialias", "resize without it")
    if node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise RefusedError("keep_aspect_ratio_policy", "resize to explicit sizes")
    axes = node.ints("axes", tuple(range(len(shape))))
    axes = tuple(axis % len(shape) for axis in axes)
    # Opset 10: (X, scales); later (X, roi, scales, sizes).
    at = 1 if ctx.opset < 11 else 2
    scales = ctx.array(node, at, "the list of scales") if node.has(at) else np.zeros(0)
    full = list(shape)
    if scales.size:
        every = np.ones(len(shape))
        every[list(axes)] = scales
        full = list(_scaled_size(shape, every))
    elif node.has(3):
        for axis, size in zip(axes, ctx.ints(node, 3, "the list of sizes"), strict=True):
            full[axis] = size
    default = "asymmetric" if ctx.opset < 11 else "half_pixel"
    nearest = "floor" if ctx.opset < 11 else "round_prefer_floor"
    _resized(
        ctx, node, tuple(full), node.get("mode", "nearest"),
        node.get("coordinate_transformation_mode", default), node.get("nearest_mode", nearest),
    )


def upsample(ctx: Context, node: OnnxNode) -> None:
    shape = ctx.shape(node.inputs[0])
    scales = (
        ctx.array(node, 1, "the list of scales") if node.has(1) else np.array(node.get("scales"))
    )
    size = _scaled_size(shape, scales)
    _resized(ctx, node, size, node.get("mode", "nearest"), "asymmetric", "floor")


OPERATORS = {"Resize": resize, "Upsample": upsample}
