"""Constant folding: compute nodes whose inputs are all constant with the catalogue's meaning.

Arithmetic is folded on unquantized tensors only: what it gives on stored int8 numbers is the
kernels' business. Operators that only move elements fold on stored numbers as well.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whit.converter.ir import Graph, Node, Quantization, Tensor
from whit.converter.ops import OPERATORS

MOVEMENT = frozenset({"reshape", "transpose", "concat", "split", "slice", "pad"})


def dequantized(data: np.ndarray, quantization: Quantization) -> np.ndarray:
    """scale * (stored - zero_point) in float32, per tensor or per channel."""
    shape = [1] * data.ndim
    if not quantization.is_per_tensor and quantization.axis is not None:
        shape[quantization.axis] = -1
        scale = quantization.scale.reshape(shape)
        zero_point = quantization.zero_point.reshape(shape)
    else:
        scale, zero_point = quantization.scale[0], quantization.zero_point[0]
    return ((data.astype(np.int32) - zero_point).astype(np.float32) * scale).astype(np.float32)


def _moved(
    node: Node, inputs: list[Tensor], output: Quantization | None
) -> list[np.ndarray] | None:
    """Outputs of an operator that moves stored numbers; None where it would have to compute."""
    if any(t.quantization is None or not t.quantization.is_per_tensor for t in inputs):
        return None
    if any(t.quantization != output for t in inputs) or output is None:
        return None
    evaluate = OPERATORS[node.op].evaluate
    assert evaluate is not None
    arrays = [t.data for t in inputs if t.data is not None]
    if node.op == "pad":
        info = np.iinfo(inputs[0].dtype.numpy)
        stored = round(node["value"] / float(output.scale[0])) + int(output.zero_point[0])
        value = min(max(stored, info.min), info.max)
        node = replace(node, attributes={**node.attributes, "value": value})
    return evaluate(node, arrays)


def _evaluate(graph: Graph, node: Node) -> list[np.ndarray] | None:
    if any(name == "" for name in node.inputs):
        return None
    inputs = [graph.tensors[name] for name in node.inputs]
    arrays = [t.data for t in inputs if t.data is not None]
    if len(arrays) != len(inputs):
        return None
    if node.op == "dequantize" and inputs[0].quantization is not None:
        return [dequantized(arrays[0], inputs[0].quantization)]
    evaluate = OPERATORS[node.op].evaluate
    if evaluate is None:
        return None
    quantizations = [graph.tensors[name].quantization for name in node.outputs]
    if all(t.quantization is None for t in inputs) and not any(quantizations):
        return evaluate(node, arrays)
    if node.op not in MOVEMENT or any(q != quantizations[0] for q in quantizations):
        return None
    return _moved(node, inputs, quantizations[0])


def fold_constants(graph: Graph) -> Graph:
    result = graph.copy()
    kept = graph.kept()
    nodes: list[Node] = []
    for node in graph.nodes:
        folded = None if kept.intersection(node.outputs) else _evaluate(result, node)
        if folded is None:
            nodes.append(node)
            continue
        for name, data in zip(node.outputs, folded, strict=True):
            tensor = result.tensors[name]
            data = np.ascontiguousarray(data, tensor.dtype.numpy).reshape(tensor.shape)
            result.add(replace(tensor, data=data))
    if len(nodes) == len(graph.nodes):
        return graph
    result.nodes = nodes
    return result
