"""Quantize/dequantize islands: a float operator between them becomes the int8 operator.

The QDQ form of ONNX says with which scales and zero points an operator's int8 version computes.
Scales, zero points and integer weights stay what they are; the rounding is that of the int8
kernels, so results may differ from the float islands' by one step. That makes it part of reading a
QDQ model, not of optimizing a graph. What has no faithful int8 version stays a float island.

What moves elements is first taken out of the islands, which changes no bit: a dequantize sinks
below it, a quantize rises above it.
"""

from __future__ import annotations

from dataclasses import replace

from whit.converter.build import fresh_node_name, make_node
from whit.converter.ir import DType, Graph, Node, Quantization, Tensor
from whit.converter.rewrites.dead_code import remove_dead_code
from whit.converter.rewrites.edit import only_reader
from whit.converter.rewrites.islands import convert_island, source_of

BEFORE = ".before_"
"""Between a tensor's name and the operator that a quantize has risen above."""

_SINK = frozenset({"reshape", "transpose", "slice", "split", "max_pool2d", "resize_nearest", "pad"})
_RISE = frozenset({"reshape", "transpose", "slice", "clip"})


def _per_tensor(tensor: Tensor) -> Quantization | None:
    quantization = tensor.quantization
    if tensor.dtype is not DType.INT8 or quantization is None or not quantization.is_per_tensor:
        return None
    return quantization


def _sinks(node: Node, quantization: Quantization) -> bool:
    """Whether `node` does to stored numbers just what it does to the real ones."""
    if node.op == "pad":
        steps = node["value"] / float(quantization.scale[0])
        return steps == 0 or (
            abs(steps) < 256
            and steps == round(steps)
            and -128 <= steps + int(quantization.zero_point[0]) <= 127
        )
    return node.op in _SINK and node.attributes.get("activation", "none") == "none"


def _sink_one(graph: Graph) -> bool:
    """dequantize -> move becomes move -> dequantize."""
    makers = graph.producers()
    for index, node in enumerate(graph.nodes):
        maker = makers.get(node.inputs[0]) if node.op in _SINK else None
        if maker is None or maker.op != "dequantize":
            continue
        stored = graph.tensors[maker.inputs[0]]
        quantization = _per_tensor(stored)
        if quantization is None or stored.is_constant or not _sinks(node, quantization):
            continue
        outputs = []
        dequantizes = []
        for name in node.outputs:
            inner = graph.fresh(f"{name}_int8")
            graph.add(replace(
                graph.tensors[name], name=inner, dtype=DType.INT8, quantization=quantization
            ))
            outputs.append(inner)
            dequantizes.append(make_node(
                "dequantize", fresh_node_name(f"{name}_dequantize", graph), [inner], [name]
            ))
        moved = replace(node, inputs=(stored.name, *node.inputs[1:]), outputs=tuple(outputs))
        graph.nodes[index : index + 1] = [moved, *dequantizes]
        return True
    return False


def _rise_one(graph: Graph) -> bool:
    """move -> quantize becomes quantize -> move."""
    makers, readers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        if node.op != "quantize" or _per_tensor(graph.tensors[node.outputs[0]]) is None:
            continue
        maker = makers.get(node.inputs[0])
        if maker is None or maker.op not in _RISE:
            continue
        if graph.tensors[node.inputs[0]].dtype is not DType.FLOAT32:
            continue
        if only_reader(graph, node.inputs[0], readers) is None:
            continue
        source = graph.tensors[maker.inputs[0]]
        target = graph.tensors[node.outputs[0]]
        inner = graph.fresh(f"{target.name}{BEFORE}{maker.op}")
        graph.add(replace(target, name=inner, shape=source.shape))
        index = graph.nodes.index(maker)
        graph.nodes.remove(node)
        del graph.tensors[node.inputs[0]]
        graph.nodes[index : index + 1] = [
            replace(node, inputs=(source.name,), outputs=(inner,)),
            replace(maker, inputs=(inner,), outputs=node.outputs),
        ]
        return True
    return False


def _join_one(graph: Graph) -> bool:
    """dequantize -> quantize becomes one quantize from int8 to int8."""
    makers = graph.producers()
    for index, node in enumerate(graph.nodes):
        if node.op != "quantize" or graph.tensors[node.inputs[0]].dtype is not DType.FLOAT32:
            continue
        stored = source_of(graph, makers, node.inputs[0])
        if stored is not None and not stored.is_constant:
            graph.nodes[index] = replace(node, inputs=(stored.name,))
            return True
    return False


def _share_one(graph: Graph) -> bool:
    """Two equal quantizes of one tensor become one."""
    for first, readers in graph.consumers().items():
        quantizes = [n for n in readers if n.op == "quantize" and n.inputs[0] == first]
        kept = graph.kept()
        for other in quantizes[1:]:
            a, b = graph.tensors[quantizes[0].outputs[0]], graph.tensors[other.outputs[0]]
            if a.quantization != b.quantization or a.dtype is not b.dtype or b.name in kept:
                continue
            graph.nodes = [
                replace(n, inputs=tuple(a.name if i == b.name else i for i in n.inputs))
                for n in graph.nodes
                if n is not other
            ]
            del graph.tensors[b.name]
            return True
    return False


def make_islands_int8(graph: Graph) -> Graph:
    result = graph.copy()
    changed = False
    while any(
        step(result) for step in (_share_one, _sink_one, _rise_one, _join_one, convert_island)
    ):
        changed = True
    return remove_dead_code(result) if changed else graph
