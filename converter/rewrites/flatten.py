"""Flattening: a transpose before a flatten and a fully connected layer goes into its weights.

An NCHW network flattens channels first; its NHWC translation would have to transpose the last
feature map, where permuting the columns of the weights once does the same for nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whit.converter.ir import Graph, Node


def flattened_from(shape: tuple[int, ...], flat: tuple[int, ...]) -> int | None:
    """From which axis of `shape` on a reshape to `flat` joins all axes into its last one."""
    lead = len(flat) - 1
    if lead < 0 or len(shape) < lead or shape[:lead] != flat[:lead]:
        return None
    return lead


def weights_absorb(graph: Graph, name: str, readers: dict[str, list[Node]]) -> bool:
    """Whether the last axis of `name` may be permuted freely: only weights ever see it."""
    if name in graph.kept():
        return False
    for reader in readers.get(name, []):
        if reader.op == "concat":
            rank = len(graph.tensors[name].shape)
            if reader["axis"] % rank != rank - 1 or reader.inputs.count(name) != 1:
                return False
            if not weights_absorb(graph, reader.outputs[0], readers):
                return False
        else:
            dense = reader.op == "fully_connected" and reader.inputs[0] == name
            if not dense or not graph.tensors[reader.inputs[1]].is_constant:
                return False
    return bool(readers.get(name))


def absorbs(graph: Graph, node: Node, readers: dict[str, list[Node]]) -> bool:
    """Whether `node` is a flatten before which a permutation of what it joins costs nothing."""
    if node.op != "reshape":
        return False
    shape, flat = graph.tensors[node.inputs[0]].shape, graph.tensors[node.outputs[0]].shape
    return flattened_from(shape, flat) is not None and weights_absorb(
        graph, node.outputs[0], readers
    )


def _permute_columns(
    graph: Graph, name: str, order: np.ndarray, start: int, readers: dict[str, list[Node]]
) -> None:
    """Column start + i of every weight matrix reading `name` becomes column start + order[i]."""
    for reader in readers[name]:
        if reader.op == "concat":
            before = reader.inputs[: reader.inputs.index(name)]
            offset = sum(graph.tensors[other].shape[-1] for other in before)
            _permute_columns(graph, reader.outputs[0], order, start + offset, readers)
            continue
        # An earlier permutation may have replaced this reader: look it up by name.
        index = next(i for i, node in enumerate(graph.nodes) if node.name == reader.name)
        current = graph.nodes[index]
        weights = graph.tensors[current.inputs[1]]
        data = graph.data(weights.name).copy()
        data[:, start : start + order.size] = data[:, start + order]
        permuted = graph.constant(weights.name, data, weights.quantization)
        graph.nodes[index] = replace(
            current, inputs=(current.inputs[0], permuted.name, *current.inputs[2:])
        )


def absorb_transposes(graph: Graph) -> Graph:
    makers, readers = graph.producers(), graph.consumers()
    result = graph.copy()
    changed = False
    for node in graph.nodes:
        transpose = makers.get(node.inputs[0]) if node.op == "reshape" else None
        if transpose is None or transpose.op != "transpose":
            continue
        x = graph.tensors[transpose.inputs[0]]
        shape, flat = graph.tensors[node.inputs[0]].shape, graph.tensors[node.outputs[0]].shape
        lead = flattened_from(shape, flat)
        perm = transpose["perm"]
        if lead is None or list(perm[:lead]) != list(range(lead)):
            continue
        if not absorbs(graph, node, readers):
            continue
        # Element i of the transposed block is element source[i] of the untransposed one, so the
        # untransposed element j meets the column of i = inverse[j].
        block = np.arange(x.elements // int(np.prod(shape[:lead]))).reshape(x.shape[lead:])
        source = block.transpose([axis - lead for axis in perm[lead:]]).reshape(-1)
        _permute_columns(result, node.outputs[0], np.argsort(source), 0, readers)
        index = next(i for i, other in enumerate(result.nodes) if other.name == node.name)
        result.nodes[index] = replace(result.nodes[index], inputs=(x.name,))
        changed = True
    return result if changed else graph
