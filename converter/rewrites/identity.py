"""Identities: remove nodes whose output is their input."""

from __future__ import annotations

import numpy as np

from whit.converter.ir import Graph, Node, Tensor
from whit.converter.rewrites.edit import bypass


def _clips_nothing(node: Node, x: Tensor) -> bool:
    """Whether a clip's bounds lie outside all that its input can hold."""
    low, high = node["min"], node["max"]
    if x.quantization is None or not x.quantization.is_per_tensor:
        return low is None and high is None
    info = np.iinfo(x.dtype.numpy)
    scale, zero_point = float(x.quantization.scale[0]), int(x.quantization.zero_point[0])
    # Half a step of slack: the bounds are rounded to stored numbers when lowered.
    return (low is None or low / scale + zero_point < info.min + 0.25) and (
        high is None or high / scale + zero_point > info.max - 0.25
    )


def is_identity(graph: Graph, node: Node) -> bool:
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]
    if (x.shape, x.dtype) != (y.shape, y.dtype) or x.quantization != y.quantization:
        return False
    match node.op:
        case "reshape" | "cast":
            return True
        case "quantize":
            return x.quantization is not None
        case "transpose":
            return list(node["perm"]) == sorted(node["perm"])
        case "clip":
            return _clips_nothing(node, x)
        case "pad":
            return not any(before or after for before, after in node["paddings"])
        case "slice":
            # Same shape, so a step other than 1 or a shifted start is a mirrored axis.
            return not any(node["begin"])
        case "concat":
            return len(node.inputs) == 1
        case "split":
            return len(node.outputs) == 1
        case "resize_nearest" | "resize_bilinear":
            return True
        case "max_pool2d" | "average_pool2d":
            return node["kernel"] == (1, 1) and node["activation"] == "none"
    return False


def remove_identities(graph: Graph) -> Graph:
    result = graph.copy()
    for node in graph.nodes:
        if not is_identity(graph, node):
            continue
        # Earlier removals may have renamed what this node reads.
        current = next(other for other in result.nodes if other.name == node.name)
        bypass(result, current)
    return graph if len(result.nodes) == len(graph.nodes) else result
