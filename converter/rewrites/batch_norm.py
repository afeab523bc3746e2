"""Batch-norm folding: mul, add or sub by per-channel constants goes into the layer before it.

Float graphs only: in an int8 graph the product is rounded where the graph says it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whit.converter.ir import DType, Graph, Node
from whit.converter.ops.convolution import CHANNEL_AXIS
from whit.converter.rewrites.edit import only_reader


def _per_channel(data: np.ndarray, channels: int) -> np.ndarray | None:
    """`data` as [channels] where it varies along the last axis at most."""
    if data.size == 1:
        return np.full(channels, data.reshape(-1)[0], np.float32)
    if data.ndim >= 1 and data.size == data.shape[-1] == channels:
        return data.reshape(channels).astype(np.float32)
    return None


def _affine(node: Node, value: str, constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(scale, offset) with node(value) = scale * value + offset, per channel, in float64."""
    c = constant.astype(np.float64)
    one, zero = np.ones_like(c), np.zeros_like(c)
    if node.op == "mul":
        return c, zero
    if node.op == "add":
        return one, c
    return (one, -c) if node.inputs[0] == value else (-one, c)


def _is_layer(graph: Graph, node: Node | None) -> bool:
    return (
        node is not None
        and node.op in CHANNEL_AXIS
        and node["activation"] == "none"
        and graph.tensors[node.outputs[0]].dtype is DType.FLOAT32
        and all(graph.tensors[name].is_constant for name in node.inputs[1:] if name)
    )


def _fold_one(graph: Graph) -> Graph | None:
    producers, readers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        if node.op not in ("mul", "add", "sub"):
            continue
        constants = [name for name in node.inputs if graph.tensors[name].is_constant]
        if len(constants) != 1:
            continue
        value = next(name for name in node.inputs if name != constants[0])
        layer = producers.get(value)
        if layer is None or not _is_layer(graph, layer):
            continue
        if only_reader(graph, value, readers) is None:
            continue
        if graph.tensors[value].shape != graph.tensors[node.outputs[0]].shape:
            continue
        axis = CHANNEL_AXIS[layer.op]
        weights = graph.data(layer.inputs[1])
        constant = _per_channel(graph.data(constants[0]), weights.shape[axis])
        if constant is None:
            continue
        scale, offset = _affine(node, value, constant)
        bias_name = layer.inputs[2] if len(layer.inputs) > 2 else ""
        bias = graph.data(bias_name).reshape(-1) if bias_name else np.zeros(len(scale), np.float32)
        along = [1] * weights.ndim
        along[axis] = -1
        result = graph.copy()
        new_weights = result.tensors[layer.inputs[1]]
        if not (scale == 1).all():
            new_weights = result.constant(
                layer.inputs[1], (weights * scale.reshape(along)).astype(np.float32)
            )
        new_bias = result.constant(
            bias_name or f"{layer.outputs[0]}_bias", (bias * scale + offset).astype(np.float32)
        )
        folded = replace(
            layer,
            inputs=(layer.inputs[0], new_weights.name, new_bias.name),
            outputs=node.outputs,
            attributes={**layer.attributes, "activation": node["activation"]},
        )
        result.nodes = [
            folded if other is layer else other for other in result.nodes if other is not node
        ]
        del result.tensors[value]
        return result
    return None


def fold_batch_norm(graph: Graph) -> Graph:
    while (folded := _fold_one(graph)) is not None:
        graph = folded
    return graph
