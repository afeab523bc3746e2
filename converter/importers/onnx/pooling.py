"""Pooling and ReduceMean."""

from __future__ import annotations

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.values import OnnxNode
from whit.converter.importers.onnx.windows import window

_SPATIAL_ONLY = "replace it by one without"


def _refuse_dilations(dilations: tuple[int, int]) -> None:
    if dilations != (1, 1):
        raise RefusedError("a dilated pooling window", _SPATIAL_ONLY)


def max_pool(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    if any(node.outputs[1:]):
        raise RefusedError("its second output, the indices, is used", "replace MaxUnpool by Resize")
    place = window(node, x.shape)
    _refuse_dilations(place.dilations)
    source = ctx.to_nhwc(node, node.inputs[0])
    result = ctx.move(
        "max_pool2d", node, source, ctx.internal(node.outputs[0], "nhwc"),
        kernel=place.kernel, strides=place.strides, padding=place.overhung,
    )
    ctx.from_nhwc(node, result, node.outputs[0], len(x.shape))


def average_pool(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    place = window(node, x.shape)
    _refuse_dilations(place.dilations)
    source = ctx.to_nhwc(node, node.inputs[0])
    include = bool(node.get("count_include_pad", 0))
    padding = place.overhung
    if include and place.overhang != (0, 0):
        # The divisor counts the padding but not the overhang: pad first, then count real elements.
        source = ctx.move(
            "pad", node, source, ctx.fresh(f"{source}.padded"),
            paddings=((0, 0), *place.padding, (0, 0)),
        )
        include = False
        padding = ((0, place.overhang[0]), (0, place.overhang[1]))
    result = ctx.add(
        "average_pool2d", node, [source], ctx.internal(node.outputs[0], "nhwc"),
        kernel=place.kernel, strides=place.strides, padding=padding, count_include_pad=include,
    )
    ctx.from_nhwc(node, result, node.outputs[0], len(x.shape))


def global_max_pool(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    source = ctx.to_nhwc(node, node.inputs[0])
    _, height, width, _ = ctx.graph.tensors[source].shape
    result = ctx.move(
        "max_pool2d", node, source, ctx.internal(node.outputs[0], "nhwc"),
        kernel=(height, width), strides=(1, 1), padding=((0, 0), (0, 0)),
    )
    ctx.from_nhwc(node, result, node.outputs[0], len(x.shape))


def _mean(
    ctx: Context, node: OnnxNode, axes: tuple[int, ...], keepdims: bool
) -> None:
    """The mean keeps its axes, so that it takes any layout; a reshape drops them."""
    x = ctx.number(node.inputs[0])
    rank, output = len(x.shape), node.outputs[0]
    if any(not -rank <= axis < rank for axis in axes):
        raise RefusedError(f"axes {axes} are outside rank {rank}", "export the model again")
    axes = tuple(sorted({axis % rank for axis in axes}))
    if keepdims:
        ctx.add("mean", node, [x.name], output, axes=axes, keepdims=True)
    else:
        kept = ctx.add("mean", node, [x.name], ctx.internal(output, "kept"), axes=axes)
        shape = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
        ctx.move("reshape", node, kept, output, shape=shape)
    ctx.define(output)


def global_average_pool(ctx: Context, node: OnnxNode) -> None:
    rank = len(ctx.shape(node.inputs[0]))
    if rank < 3:
        raise RefusedError(f"its input has rank {rank}", "export the model again")
    _mean(ctx, node, tuple(range(2, rank)), True)


def reduce_mean(ctx: Context, node: OnnxNode) -> None:
    axes: tuple[int, ...] = ()
    if node.has(1):
        axes = ctx.ints(node, 1, "the list of axes")
    elif node.get("axes") is not None:
        axes = node.ints("axes")
    if not axes:
        if node.get("noop_with_empty_axes", 0):
            ctx.same(node)
            return
        axes = tuple(range(len(ctx.shape(node.inputs[0]))))
    _mean(ctx, node, axes, bool(node.get("keepdims", 1)))


OPERATORS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalMaxPool": global_max_pool,
    "GlobalAveragePool": global_average_pool,
    "ReduceMean": reduce_mean,
}
