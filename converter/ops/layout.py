"""Operators that move elements without computing: reshape, transpose, concat, split, slice, pad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whit.converter.ir import Node, Tensor
from whit.converter.ops.operator import (
    Attribute,
    Inferred,
    Operator,
    integer,
    ints,
    normalized_axis,
    paddings,
    real,
    register,
    require,
    tensor,
)


def _infer_reshape(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, shape = tensor(inputs, 0), node["shape"]
    require(all(size >= 0 for size in shape), f"shape {shape} is not explicit")
    require(int(np.prod(shape, dtype=np.int64)) == x.elements,
            f"{x.elements} elements do not fit shape {shape}")
    return [(shape, x.dtype)]


def _infer_transpose(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, perm = tensor(inputs, 0), node["perm"]
    require(sorted(perm) == list(range(len(x.shape))),
            f"perm {perm} does not permute rank {len(x.shape)}")
    return [(tuple(x.shape[i] for i in perm), x.dtype)]


def _infer_concat(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    tensors = [tensor(inputs, i) for i in range(len(inputs))]
    first = tensors[0]
    axis = normalized_axis(node["axis"], len(first.shape))
    for other in tensors[1:]:
        require(other.dtype is first.dtype, "inputs differ in type")
        require(len(other.shape) == len(first.shape) and all(
            a == b for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True))
            if i != axis), f"shapes {first.shape} and {other.shape} differ off axis {axis}")
    total = sum(t.shape[axis] for t in tensors)
    return [((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)]


def _infer_split(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    axis = normalized_axis(node["axis"], len(x.shape))
    sizes = node["sizes"]
    require(sum(sizes) == x.shape[axis], f"sizes {sizes} do not add up to {x.shape[axis]}")
    return [((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes]


def slices(node: Node, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The numpy index of a `slice` node: begin, size and step are explicit and in range."""
    begin, size, step = node["begin"], node["size"], node["step"]
    require(len(begin) == len(size) == len(step) == len(shape),
            "begin, size and step must have one entry per axis")
    index = []
    for b, n, s, extent in zip(begin, size, step, shape, strict=True):
        last = b + (n - 1) * s
        require(s != 0 and n >= 1 and 0 <= b < extent and 0 <= last < extent,
                f"slice begin {b}, size {n}, step {s} leaves an axis of {extent}")
        stop = last + (1 if s > 0 else -1)
        index.append(slice(b, stop if stop >= 0 else None, s))
    return tuple(index)


def _infer_slice(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    slices(node, x.shape)
    return [(node["size"], x.dtype)]


def _infer_pad(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, pads = tensor(inputs, 0), node["paddings"]
    require(len(pads) == len(x.shape), f"{len(pads)} paddings for rank {len(x.shape)}")
    return [(tuple(b + n + a for n, (b, a) in zip(x.shape, pads, strict=True)), x.dtype)]


def _evaluate_split(node: Node, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return np.split(arrays[0], np.cumsum(node["sizes"])[:-1].tolist(), axis=node["axis"])


register(Operator(
    "reshape", (1, 1), _infer_reshape, {"shape": ints()},
    evaluate=lambda node, arrays: [arrays[0].reshape(node["shape"])],
    doc="same elements in the same order; shape is explicit",
))
register(Operator(
    "transpose", (1, 1), _infer_transpose, {"perm": ints()},
    evaluate=lambda node, arrays: [np.ascontiguousarray(arrays[0].transpose(node["perm"]))],
    doc="output axis i is input axis perm[i]",
))
register(Operator(
    "concat", (1, None), _infer_concat, {"axis": integer()},
    evaluate=lambda node, arrays: [np.concatenate(arrays, axis=node["axis"])],
    doc="inputs joined along `axis`; int8 inputs share the output's quantization",
))
register(Operator(
    "split", (1, 1), _infer_split, {
        "axis": integer(),
        "sizes": Attribute("positive integers", lambda v: isinstance(v, tuple) and all(
            isinstance(i, int) and i > 0 for i in v)),
    }, evaluate=_evaluate_split, doc="consecutive pieces of `sizes` along `axis`",
))
register(Operator(
    "slice", (1, 1), _infer_slice, {"begin": ints(), "size": ints(), "step": ints()},
    evaluate=lambda node, arrays: [
        np.ascontiguousarray(arrays[0][slices(node, arrays[0].shape)])],
    doc="element i of axis a is input begin[a] + i * step[a], i < size[a]; step may be negative",
))
register(Operator(
    "pad", (1, 1), _infer_pad, {"paddings": paddings(), "value": real(0.0)},
    evaluate=lambda node, arrays: [
        np.pad(arrays[0], node["paddings"], constant_values=node["value"])],
    doc="constant padding; `value` is a real number, stored in the tensor's quantization",
))
