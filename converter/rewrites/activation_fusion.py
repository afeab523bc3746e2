"""Activation fusion: a clip after an operator becomes that operator's activation attribute."""

from __future__ import annotations

from dataclasses import replace

from whit.converter.ir import Graph, Node
from whit.converter.ops import ACTIVATIONS, OPERATORS
from whit.converter.rewrites.edit import only_reader


def composed(activation: str, low: float | None, high: float | None) -> str | None:
    """The activation equal to `activation` followed by a clamp to (low, high), if there is one."""
    first_low, first_high = ACTIVATIONS[activation]
    lows = [bound for bound in (first_low, low) if bound is not None]
    highs = [bound for bound in (first_high, high) if bound is not None]
    both = (max(lows, default=None), min(highs, default=None))
    if both[0] is not None and both[1] is not None and both[0] > both[1]:
        return None
    return next((name for name, bounds in ACTIVATIONS.items() if bounds == both), None)


def fuse_activations(graph: Graph) -> Graph:
    """For int8, both tensors must share one quantization: then both clamps are on the same grid."""
    readers = graph.consumers()
    producers = graph.producers()
    replaced: dict[str, Node] = {}
    removed: set[str] = set()
    dropped: set[str] = set()
    for clip in graph.nodes:
        source = producers.get(clip.inputs[0]) if clip.op == "clip" else None
        if source is None:
            continue
        source = replaced.get(source.name, source)
        if "activation" not in OPERATORS[source.op].attributes or len(source.outputs) != 1:
            continue
        between = clip.inputs[0]
        x, y = graph.tensors[between], graph.tensors[clip.outputs[0]]
        if only_reader(graph, between, readers) is None or x.quantization != y.quantization:
            continue
        activation = composed(source["activation"], clip["min"], clip["max"])
        if activation is None:
            continue
        fused = replace(
            source,
            outputs=clip.outputs,
            attributes={**source.attributes, "activation": activation},
        )
        replaced[source.name] = fused
        producers[clip.outputs[0]] = fused
        removed.add(clip.name)
        dropped.add(between)
    if not removed:
        return graph
    result = graph.copy()
    result.nodes = [
        replaced.get(node.name, node) for node in graph.nodes if node.name not in removed
    ]
    for name in dropped:
        del result.tensors[name]
    return result
