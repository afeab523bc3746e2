"""Pad fusion: a spatial pad becomes the explicit padding of the window operator that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from whit.converter.ir import Graph, Node, Tensor

Pads = tuple[tuple[int, int], ...]


def _is_nonnegative(graph: Graph, name: str, producer: Node | None) -> bool:
    """Whether every value of the tensor is provably >= 0."""
    tensor = graph.tensors[name]
    if tensor.quantization is not None:
        return bool(tensor.quantization.zero_point[0] == np.iinfo(tensor.dtype.numpy).min)
    if producer is None:
        return False
    if producer.op == "clip":
        return producer["min"] is not None and producer["min"] >= 0
    return producer.attributes.get("activation") in ("relu", "relu6")


def _pads_with_zero(pad: Node, x: Tensor) -> bool:
    """A real value that rounds to the zero point is the zero point: kernels pad with just that."""
    if x.quantization is None:
        return bool(pad["value"] == 0)
    return round(pad["value"] / float(x.quantization.scale[0])) == 0


def _fused(
    graph: Graph, pad: Node, node: Node, makers: Mapping[str, Node]
) -> dict[str, Any] | None:
    """The attributes of `node` with `pad` taken in; None where that would change a result."""
    if node.op not in ("conv2d", "depthwise_conv2d", "average_pool2d", "max_pool2d"):
        return None
    pads: Pads = pad["paddings"]
    x, y = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    if node.inputs[0] != y.name or pads[0] != (0, 0) or pads[3] != (0, 0):
        return None
    if x.quantization != y.quantization:
        return None
    own: Pads = node["padding"]
    padding = tuple((o[0] + p[0], o[1] + p[1]) for o, p in zip(own, pads[1:3], strict=True))
    changed: dict[str, Any] = {"padding": padding}
    if "kernel" in node.attributes and any(
        max(p) >= size for p, size in zip(padding, node["kernel"], strict=True)
    ):
        return None
    if node.op == "max_pool2d":
        lowest = pad["value"] == -np.inf and x.quantization is None
        zero = _pads_with_zero(pad, x) and _is_nonnegative(
            graph, x.name, makers.get(x.name)
        )
        return {**node.attributes, **changed} if lowest or zero else None
    if not _pads_with_zero(pad, x):
        return None
    if node.op == "average_pool2d":
        # The explicit pad counts in the divisor; the operator's own padding only by attribute.
        if any(before or after for before, after in own) and not node["count_include_pad"]:
            return None
        changed["count_include_pad"] = True
    return {**node.attributes, **changed}


def fuse_pads(graph: Graph) -> Graph:
    """The pad itself is left to dead-code removal: others may read it."""
    makers = graph.producers()
    result = graph.copy()
    for index, node in enumerate(graph.nodes):
        pad = makers.get(node.inputs[0]) if node.inputs else None
        if pad is None or pad.op != "pad" or len(pad["paddings"]) != 4:
            continue
        attributes = _fused(graph, pad, node, makers)
        if attributes is not None:
            result.nodes[index] = replace(
                node, inputs=(pad.inputs[0], *node.inputs[1:]), attributes=attributes
            )
    if all(a is b for a, b in zip(result.nodes, graph.nodes, strict=True)):
        return graph
    return result
