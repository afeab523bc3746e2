"""Reshapes: merge consecutive ones, and move them below element-wise operators.

A reshape costs nothing at run time, but it hides an activation or a batch norm from the layer
before it, and a transpose from its inverse.
"""

from __future__ import annotations

from dataclasses import replace

from whit.converter.build import make_node
from whit.converter.ir import Graph, Node, Tensor
from whit.converter.ops import ELEMENTWISE, OPERATORS
from whit.converter.rewrites.edit import only_reader, rename_reads

_UNARY = frozenset(op for op in ELEMENTWISE if OPERATORS[op].inputs == (1, 1))


def _merge(graph: Graph) -> bool:
    makers = graph.producers()
    changed = False
    for index, node in enumerate(graph.nodes):
        before = makers.get(node.inputs[0]) if node.op == "reshape" else None
        if before is not None and before.op == "reshape":
            merged = replace(node, inputs=before.inputs)
            graph.nodes[index] = merged
            makers[node.outputs[0]] = merged
            changed = True
    return changed


def _constant_before(graph: Graph, name: str, source: Tensor, target: Tensor) -> str | None:
    """A constant that does to `source` what constant `name` does to its reshape `target`."""
    constant = graph.tensors[name]
    data = constant.data
    if data is None or (constant.quantization and not constant.quantization.is_per_tensor):
        return None
    if data.size == 1:
        shape: tuple[int, ...] = (1,) * min(data.ndim, len(source.shape))
    elif data.size == data.shape[-1] and source.shape[-1:] == target.shape[-1:]:
        shape = (data.size,)
    elif data.size == source.elements:
        shape = source.shape
    else:
        return None
    if shape == data.shape:
        return name
    return graph.constant(name, data.reshape(shape), constant.quantization).name


def _swap(graph: Graph, reshape: Node, reader: Node) -> bool:
    """reshape -> reader becomes reader -> reshape."""
    source = graph.tensors[reshape.inputs[0]]
    middle = graph.tensors[reshape.outputs[0]]
    target = graph.tensors[reader.outputs[0]]
    if target.shape != middle.shape or not all(
        t.quantization is None or t.quantization.is_per_tensor for t in (middle, target)
    ):
        return False
    inputs = [source.name if name == middle.name else name for name in reader.inputs]
    if reader.op in ELEMENTWISE - _UNARY:
        position = reader.inputs.index(middle.name)
        if reader.op == "prelu" and position == 1:
            return False
        constant = _constant_before(graph, reader.inputs[1 - position], source, middle)
        if constant is None:
            return False
        inputs[1 - position] = constant
    elif reader.op not in _UNARY:
        return False
    # The computed tensor keeps the reader's name unless that is an output's, shape and all.
    index = graph.nodes.index(reader)
    if target.name in graph.kept():
        computed, reshaped = graph.fresh(f"{target.name}_unshaped"), target.name
    else:
        computed, reshaped = target.name, graph.fresh(f"{target.name}_reshaped")
        rename_reads(graph, {computed: reshaped})
    graph.add(replace(target, name=computed, shape=source.shape))
    graph.add(replace(target, name=reshaped))
    graph.nodes[index] = replace(reader, inputs=tuple(inputs), outputs=(computed,))
    graph.nodes.insert(
        index + 1,
        make_node("reshape", reshape.name, [computed], [reshaped], shape=target.shape),
    )
    graph.nodes.remove(reshape)
    del graph.tensors[middle.name]
    return True


def _sink_one(graph: Graph) -> bool:
    readers = graph.consumers()
    for reshape in graph.nodes:
        if reshape.op != "reshape":
            continue
        reader = only_reader(graph, reshape.outputs[0], readers)
        if reader is not None and _swap(graph, reshape, reader):
            return True
    return False


def simplify_reshapes(graph: Graph) -> Graph:
    result = graph.copy()
    changed = False
    while _sink_one(result):
        changed = True
    changed |= _merge(result)
    return result if changed else graph
