"""Operators that move elements or change shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.values import Constant, OnnxNode
from whit.converter.ir import DType

_AGAIN = "export the model again"
_MOST_RUNS = 16


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise RefusedError(f"axis {axis} is outside rank {rank}", _AGAIN)
    return axis % rank


def _reshape_to(ctx: Context, node: OnnxNode, shape: tuple[int, ...]) -> None:
    x = ctx.tensor(node.inputs[0])
    if any(size == 0 for size in shape):
        raise RefusedError(f"its result {shape} has no elements", "remove the empty tensor")
    ctx.move("reshape", node, x.name, node.outputs[0], shape=shape)
    ctx.define(node.outputs[0])


def reshape(ctx: Context, node: OnnxNode) -> None:
    x = ctx.shape(node.inputs[0])
    wanted = list(ctx.ints(node, 1, "the shape"))
    for axis, size in enumerate(wanted):
        if size == 0 and not node.get("allowzero", 0):
            if axis >= len(x):
                raise RefusedError(f"shape {tuple(wanted)} copies an axis {axis} of {x}", _AGAIN)
            wanted[axis] = x[axis]
    if wanted.count(-1) == 1:
        known = int(np.prod([size for size in wanted if size != -1], dtype=np.int64))
        elements = int(np.prod(x, dtype=np.int64))
        if known <= 0 or elements % known:
            raise RefusedError(f"{elements} elements do not fit shape {tuple(wanted)}", _AGAIN)
        wanted[wanted.index(-1)] = elements // known
    _reshape_to(ctx, node, tuple(wanted))


def flatten(ctx: Context, node: OnnxNode) -> None:
    x = ctx.shape(node.inputs[0])
    axis = int(node.get("axis", 1))
    if not -len(x) <= axis <= len(x):
        raise RefusedError(f"axis {axis} is outside rank {len(x)}", _AGAIN)
    axis = axis % len(x) if axis < 0 else axis
    rows = int(np.prod(x[:axis], dtype=np.int64))
    columns = int(np.prod(x[axis:], dtype=np.int64))
    _reshape_to(ctx, node, (rows, columns))


def _listed_axes(ctx: Context, node: OnnxNode) -> tuple[int, ...] | None:
    """Axes given as input (opset 13) or attribute; None where neither is there."""
    if node.has(1):
        return ctx.ints(node, 1, "the list of axes")
    return node.ints("axes") if node.get("axes") is not None else None


def squeeze(ctx: Context, node: OnnxNode) -> None:
    x = ctx.shape(node.inputs[0])
    axes = _listed_axes(ctx, node)
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(x) if size == 1)
    dropped = {_axis(axis, len(x)) for axis in axes}
    if any(x[axis] != 1 for axis in dropped):
        raise RefusedError(f"axes {axes} of {x} are not all of size 1", _AGAIN)
    _reshape_to(ctx, node, tuple(size for axis, size in enumerate(x) if axis not in dropped))


def unsqueeze(ctx: Context, node: OnnxNode) -> None:
    x = list(ctx.shape(node.inputs[0]))
    axes = _listed_axes(ctx, node) or ()
    rank = len(x) + len(axes)
    for axis in sorted(_axis(axis, rank) for axis in axes):
        x.insert(axis, 1)
    _reshape_to(ctx, node, tuple(x))


def transpose(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    perm = node.ints("perm", tuple(reversed(range(len(x.shape)))))
    ctx.move("transpose", node, x.name, node.outputs[0], perm=perm)
    ctx.define(node.outputs[0])


def concat(ctx: Context, node: OnnxNode) -> None:
    tensors = [ctx.tensor(name) for name in node.inputs]
    if any(t.quantization != tensors[0].quantization for t in tensors):
        raise RefusedError(
            "its integer inputs have different scales or zero points",
            "dequantize them before and quantize the result",
        )
    ctx.add(
        "concat", node, [t.name for t in tensors], node.outputs[0], tensors[0].quantization,
        axis=_axis(int(node.get("axis", 1)), len(tensors[0].shape)),
    )
    ctx.define(node.outputs[0])


def split(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    axis = _axis(int(node.get("axis", 0)), len(x.shape))
    extent, count = x.shape[axis], len(node.outputs)
    if node.has(1):
        sizes = ctx.ints(node, 1, "the list of sizes")
    elif node.get("split") is not None:
        sizes = node.ints("split")
    else:
        count = int(node.get("num_outputs", count))
        each = -(-extent // max(count, 1))
        sizes = (*(each,) * (count - 1), extent - each * (count - 1))
    if len(sizes) != len(node.outputs) or any(size <= 0 for size in sizes):
        raise RefusedError(f"it splits {extent} into {sizes}", "remove the empty pieces")
    names = [name or ctx.fresh(f"{node.name}.unused") for name in node.outputs]
    ctx.add_many("split", node, [x.name], names, x.quantization, axis=axis, sizes=sizes)
    for name in node.outputs:
        ctx.define(name)


def slice_(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    rank = len(x.shape)
    if node.get("starts") is not None:
        starts, ends = node.ints("starts"), node.ints("ends")
        axes = node.ints("axes", tuple(range(len(starts))))
        steps: tuple[int, ...] = (1,) * len(starts)
    else:
        starts, ends = ctx.ints(node, 1, "the starts"), ctx.ints(node, 2, "the ends")
        axes = ctx.ints(node, 3, "the axes") if node.has(3) else tuple(range(len(starts)))
        steps = ctx.ints(node, 4, "the steps") if node.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise RefusedError("its starts, ends, axes and steps do not fit one another", _AGAIN)
    begin, size, step = [0] * rank, list(x.shape), [1] * rank
    for start, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        at = _axis(axis, rank)
        picked = range(*slice(start, _open_end(end, stride, x.shape[at]), stride).indices(
            x.shape[at]
        ))
        if not len(picked):
            raise RefusedError(f"it takes nothing of axis {at}", "remove the empty tensor")
        begin[at], size[at], step[at] = picked[0], len(picked), stride if len(picked) > 1 else 1
    ctx.move("slice", node, x.name, node.outputs[0],
             begin=tuple(begin), size=tuple(size), step=tuple(step))
    ctx.define(node.outputs[0])


def _open_end(end: int, step: int, extent: int) -> int | None:
    """Python's end of a slice: going down, an end before the first element is None, not -1."""
    return None if step < 0 and end < -extent else end


def pad(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    rank = len(x.shape)
    mode = node.get("mode", "constant")
    if mode != "constant":
        raise RefusedError(f"padding mode '{mode}'", "use constant padding")
    value = float(node.get("value", 0.0))
    if node.get("pads") is not None:
        pads = node.ints("pads")
    else:
        pads = ctx.ints(node, 1, "the pads")
        if node.has(2):
            value = float(ctx.array(node, 2, "the padding value").reshape(-1)[0])
    axes = ctx.ints(node, 3, "the axes") if node.has(3) else tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise RefusedError(f"{len(pads)} pads for {len(axes)} axes", _AGAIN)
    around = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        around[_axis(axis, rank)] = (pads[i], pads[i + len(axes)])
    source = x.name
    if x.quantization is not None:
        # An integer's padding value is a stored number; the catalogue's is real.
        value = _real(ctx, node, x.name, value)
    if any(before < 0 or after < 0 for before, after in around):
        size = tuple(
            n + min(b, 0) + min(a, 0) for n, (b, a) in zip(x.shape, around, strict=True)
        )
        if min(size) <= 0:
            raise RefusedError("it crops everything", "remove the empty tensor")
        source = ctx.move(
            "slice", node, source, ctx.fresh(f"{node.outputs[0]}.cropped"),
            begin=tuple(max(-b, 0) for b, _ in around), size=size, step=(1,) * rank,
        )
    paddings = tuple((max(b, 0), max(a, 0)) for b, a in around)
    ctx.move("pad", node, source, node.outputs[0], paddings=paddings, value=value)
    ctx.define(node.outputs[0])


def _real(ctx: Context, node: OnnxNode, name: str, stored: float) -> float:
    quantization = ctx.graph.tensors[name].quantization
    assert quantization is not None
    unsigned = ctx.unsigned_shift(node.inputs[0])
    return float(quantization.scale[0]) * (stored - unsigned - int(quantization.zero_point[0]))


def same(ctx: Context, node: OnnxNode) -> None:
    ctx.same(node)


def dropout(ctx: Context, node: OnnxNode) -> None:
    training = ctx.array(node, 2, "the training mode").any() if node.has(2) else False
    if training or any(node.outputs[1:]):
        raise RefusedError("it is in training mode, or its mask is used", "export for inference")
    ctx.same(node)


def cast(ctx: Context, node: OnnxNode) -> None:
    x = ctx.tensor(node.inputs[0])
    quantization = x.quantization
    if x.dtype is DType.FLOAT32 and node.get("to") == 1:
        ctx.same(node)
    elif quantization is not None and node.get("to") == 1 and (
        quantization.scale[0] == 1
        and int(quantization.zero_point[0]) == -ctx.unsigned_shift(node.inputs[0])
    ):
        ctx.add("dequantize", node, [x.name], node.outputs[0])
        ctx.define(node.outputs[0])
    else:
        raise RefusedError(f"it converts {x.dtype.value} at run time", "keep activations float32")


def expand(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    wanted = ctx.ints(node, 1, "the shape")
    try:
        shape = tuple(np.broadcast_shapes(x.shape, wanted))
    except ValueError:
        raise RefusedError(f"{x.shape} does not broadcast to {wanted}", _AGAIN) from None
    if shape == x.shape:
        ctx.same(node)
        return
    if int(np.prod(shape, dtype=np.int64)) > 1 << 24:
        raise RefusedError(f"its result {shape} is too large", "broadcast where it is used instead")
    # Adding a zero of the wanted shape repeats the value exactly.
    zero = ctx.add_constant(f"{node.outputs[0]}.zero", Constant(np.zeros(shape, np.float32)))
    ctx.add("add", node, [x.name, zero], node.outputs[0])
    ctx.define(node.outputs[0])


def _runs(indices: list[int]) -> list[tuple[int, int, int]]:
    """`indices` as arithmetic progressions (first, count, step) one after another, greedily."""
    runs: list[tuple[int, int, int]] = []
    for index in indices:
        if runs:
            first, count, step = runs[-1]
            gap = index - (first + (count - 1) * step)
            if gap and (count == 1 or gap == step):
                runs[-1] = (first, count + 1, gap)
                continue
        runs.append((index, 1, 1))
    return runs


def gather(ctx: Context, node: OnnxNode) -> None:
    """Constant indices: slices, joined where they are not evenly spaced."""
    x = ctx.tensor(node.inputs[0])
    axis = _axis(int(node.get("axis", 0)), len(x.shape))
    chosen = ctx.array(node, 1, "the list of indices")
    extent, output = x.shape[axis], node.outputs[0]
    indices = [int(i) for i in chosen.reshape(-1)]
    if not indices or any(not -extent <= i < extent for i in indices):
        raise RefusedError(f"indices {indices[:8]} are outside an axis of {extent}", _AGAIN)
    runs = _runs([i % extent for i in indices])
    if len(runs) > _MOST_RUNS:
        raise RefusedError("its indices are scattered", "reorder the channels when training")
    pieces = []
    for first, count, step in runs:
        begin, size, steps = [0] * len(x.shape), list(x.shape), [1] * len(x.shape)
        begin[axis], size[axis], steps[axis] = first, count, step
        pieces.append(ctx.move(
            "slice", node, x.name, ctx.fresh(f"{output}.picked"),
            begin=tuple(begin), size=tuple(size), step=tuple(steps),
        ))
    picked = pieces[0]
    if len(pieces) > 1:
        joined = ctx.fresh(f"{output}.joined")
        picked = ctx.add("concat", node, pieces, joined, x.quantization, axis=axis)
    shape = (*x.shape[:axis], *chosen.shape, *x.shape[axis + 1 :])
    ctx.move("reshape", node, picked, output, shape=shape)
    ctx.define(output)


def _blocks(first: str) -> Callable[[Context, OnnxNode], None]:
    """DepthToSpace and SpaceToDepth: a reshape, a transpose and a reshape."""

    def handler(ctx: Context, node: OnnxNode) -> None:
        x = ctx.tensor(node.inputs[0])
        block = int(node.get("blocksize", 0))
        if len(x.shape) != 4 or block < 1:
            raise RefusedError(f"blocks of {block} in rank {len(x.shape)}", _AGAIN)
        n, c, h, w = x.shape
        crd = node.get("mode", "DCR") == "CRD"
        if first == "depth":
            apart = (n, c // block**2, block, block, h, w) if crd else (
                n, block, block, c // block**2, h, w)
            perm = (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2)
            joined = (n, c // block**2, h * block, w * block)
        else:
            apart = (n, c, h // block, block, w // block, block)
            perm = (0, 1, 3, 5, 2, 4) if crd else (0, 3, 5, 1, 2, 4)
            joined = (n, c * block**2, h // block, w // block)
        output = node.outputs[0]
        parts = ctx.move("reshape", node, x.name, ctx.fresh(f"{output}.blocks"), shape=apart)
        turned = ctx.move("transpose", node, parts, ctx.fresh(f"{output}.turned"), perm=perm)
        ctx.move("reshape", node, turned, output, shape=joined)
        ctx.define(output)

    return handler


OPERATORS = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Pad": pad,
    "Identity": same,
    "Dropout": dropout,
    "Cast": cast,
    "Expand": expand,
    "Gather": gather,
    "DepthToSpace": _blocks("depth"),
    "SpaceToDepth": _blocks("space"),
}
