"""Operators that move elements: RESHAPE to STRIDED_SLICE, and SHAPE, which only names them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.tflite.context import (
    EXPORT_STATIC,
    Context,
    require_same_quantization,
)
from whit.converter.importers.tflite.reader import FileOperator
from whit.converter.importers.tflite.strided import Spec, resolve
from whit.converter.ir import DType, Quantization, Tensor
from whit.converter.ops.operator import normalized_axis


def reshape(context: Context, op: FileOperator) -> None:
    """Shape from the input, else the option, else what the file declares: the first that fits.

    Converters have left wrong shapes in each of these places.
    """
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    given = context.optional_input(op, 1)
    candidates: list[Sequence[int]] = []
    if given is not None and given.data is not None and len(given.shape) == 1:
        candidates.append([int(size) for size in given.data])
    candidates += [op.options["NewShape"], context.output_tensor(op).shape]
    for candidate in candidates:
        shape = _fitting(candidate, x.elements)
        if shape is not None:
            context.convert(op, "reshape", [x.name], shape=shape)
            return
    raise RefusedError(f"no shape it names holds {x.elements} elements", EXPORT_STATIC)


def squeeze(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    rank = len(x.shape)
    axes = {normalized_axis(a, rank) for a in op.options["SqueezeDims"]} or set(range(rank))
    if op.options["SqueezeDims"] and any(x.shape[a] != 1 for a in axes):
        raise RefusedError(f"axes {sorted(axes)} of {x.shape} are not all 1", EXPORT_STATIC)
    shape = tuple(n for i, n in enumerate(x.shape) if not (i in axes and n == 1))
    context.convert(op, "reshape", [x.name], shape=shape)


def expand_dims(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    axis = normalized_axis(context.integer(op, 1, "axis"), len(x.shape) + 1)
    context.convert(op, "reshape", [x.name], shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def transpose(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    context.convert(op, "transpose", [x.name], perm=context.integers(op, 1, "permutation"))


def concatenation(context: Context, op: FileOperator) -> None:
    inputs = [context.input(op, i) for i in range(len(op.inputs))]
    require_same_quantization(context, op, *inputs)
    if context.activation(op) != "none":
        raise RefusedError("it has a fused activation, which TFLite's kernels ignore or refuse",
                           "use an activation of its own")
    context.convert(op, "concat", [x.name for x in inputs], axis=op.options["Axis"])


def pack(context: Context, op: FileOperator) -> None:
    inputs = [context.input(op, i) for i in range(len(op.inputs))]
    require_same_quantization(context, op, *inputs)
    rank = len(inputs[0].shape) + 1 if inputs else 1
    axis = normalized_axis(op.options["Axis"], rank)
    parts = [
        context.step(op, "reshape", x, f"part_{i}", shape=(*x.shape[:axis], 1, *x.shape[axis:]))
        for i, x in enumerate(inputs)
    ]
    context.convert(op, "concat", [part.name for part in parts], axis=axis)


def unpack(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    axis = normalized_axis(op.options["Axis"], len(x.shape))
    if len(op.outputs) != x.shape[axis]:
        raise RefusedError(f"{len(op.outputs)} outputs for {x.shape[axis]} elements along axis "
                           f"{axis}", EXPORT_STATIC)
    parts = [context.fresh(f"{context.names[index]}_part") for index in op.outputs]
    quantization: list[Quantization | None] = [x.quantization] * len(parts)
    context.add("split", [x.name], parts, quantization, axis=axis, sizes=(1,) * len(parts))
    for position, part in enumerate(parts):
        context.add("reshape", [part], [context.output(op, position)], [x.quantization],
                    shape=(*x.shape[:axis], *x.shape[axis + 1 :]))


def split(context: Context, op: FileOperator) -> None:
    x, pieces = context.input(op, 1), len(op.outputs)
    axis = normalized_axis(context.integer(op, 0, "axis"), len(x.shape))
    if not pieces or x.shape[axis] % pieces:
        raise RefusedError(f"{x.shape[axis]} elements in {pieces} equal pieces", EXPORT_STATIC)
    _split(context, op, x, axis, (x.shape[axis] // pieces,) * pieces)


def split_v(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    sizes = context.integers(op, 1, "list of sizes")
    axis = normalized_axis(context.integer(op, 2, "axis"), len(x.shape))
    if sizes.count(-1) == 1:
        rest = x.shape[axis] - sum(size for size in sizes if size != -1)
        sizes = tuple(rest if size == -1 else size for size in sizes)
    if len(sizes) != len(op.outputs):
        raise RefusedError(f"{len(sizes)} sizes for {len(op.outputs)} outputs", EXPORT_STATIC)
    _split(context, op, x, axis, sizes)


def _split(
    context: Context, op: FileOperator, x: Tensor, axis: int, sizes: tuple[int, ...]
) -> None:
    require_same_quantization(context, op, x)
    context.convert(op, "split", [x.name], axis=axis, sizes=sizes)


def strided_slice(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    spec = Spec(
        context.integers(op, 1, "begin"), context.integers(op, 2, "end"),
        context.integers(op, 3, "strides"), op.options["BeginMask"], op.options["EndMask"],
        op.options["EllipsisMask"], op.options["NewAxisMask"], op.options["ShrinkAxisMask"],
        bool(op.options["Offset"]),
    )
    try:
        window = resolve(spec, x.shape)
    except ValueError as error:
        raise RefusedError(str(error), EXPORT_STATIC) from error
    if not window.reshaped:
        context.convert(op, "slice", [x.name], begin=window.begin, size=window.size,
                        step=window.step)
        return
    if window.size != x.shape or any(step < 0 for step in window.step):
        x = context.step(op, "slice", x, "window", begin=window.begin, size=window.size,
                         step=window.step)
    context.convert(op, "reshape", [x.name], shape=window.shape)


def slice_(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    begin, size = context.integers(op, 1, "begin"), context.integers(op, 2, "size")
    if not len(begin) == len(size) == len(x.shape):
        raise RefusedError(f"begin {begin} and size {size} on rank {len(x.shape)}", EXPORT_STATIC)
    size = tuple(
        extent - b if n == -1 else n for b, n, extent in zip(begin, size, x.shape, strict=True))
    context.convert(op, "slice", [x.name], begin=begin, size=size, step=(1,) * len(begin))


def pad(context: Context, op: FileOperator) -> None:
    x = context.input(op, 0)
    require_same_quantization(context, op, x)
    flat = context.integers(op, 1, "list of paddings")
    if len(flat) != 2 * len(x.shape):
        raise RefusedError(f"{len(flat)} paddings for rank {len(x.shape)}", EXPORT_STATIC)
    value = 0.0
    if len(op.inputs) > 2:
        constant = context.input(op, 2)
        if constant.data is None or constant.elements != 1:
            raise RefusedError("its value is not one constant number", EXPORT_STATIC)
        require_same_quantization(context, op, constant)
        value = float(constant.data.reshape(()))
        if constant.quantization is not None:
            value -= float(constant.quantization.zero_point[0])
            value *= float(constant.quantization.scale[0])
    context.convert(op, "pad", [x.name], paddings=tuple(zip(flat[::2], flat[1::2], strict=True)),
                    value=value)


def shape(context: Context, op: FileOperator) -> None:
    dtype = context.output_tensor(op).dtype
    if dtype not in (DType.INT32, DType.INT64):
        raise RefusedError("its output is no integer", "use int32")
    context.constant(context.output(op), np.array(context.input(op, 0).shape, dtype.numpy))


def resize(operator: str) -> Callable[[Context, FileOperator], None]:
    """TFLite's nearest rounds up at half where corners or centers align, else down."""

    def convert(context: Context, op: FileOperator) -> None:
        x = context.input(op, 0)
        require_same_quantization(context, op, x)
        corners, half = op.options["AlignCorners"], op.options["HalfPixelCenters"]
        if corners and half:
            raise RefusedError("align_corners and half_pixel_centers are both set", "set one")
        size = context.integers(op, 1, "size")
        modes = {"coordinates": "align_corners" if corners else "half_pixel" if half
                 else "asymmetric"}
        if operator == "resize_nearest":
            modes["rounding"] = "round_half_up" if corners or half else "floor"
        context.convert(op, operator, [x.name], size=size, **modes)

    return convert


def _fitting(shape: Sequence[int], elements: int) -> tuple[int, ...] | None:
    """`shape` with its -1 replaced, None where it does not hold `elements`."""
    known = math.prod(size for size in shape if size != -1)
    if list(shape).count(-1) > 1 or known < 0 or any(size < -1 for size in shape):
        return None
    if -1 in shape:
        if not known or elements % known:
            return None
        return tuple(elements // known if size == -1 else size for size in shape)
    return tuple(shape) if known == elements else None
