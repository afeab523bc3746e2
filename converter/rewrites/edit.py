"""Small edits that passes share; each works in place on a graph the pass has copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whit.converter.ir import Graph, Node, State


def rename_reads(graph: Graph, names: Mapping[str, str]) -> None:
    """Make every node that reads a key of `names` read its value instead."""
    graph.nodes = [
        replace(node, inputs=tuple(names.get(name, name) for name in node.inputs))
        if any(name in names for name in node.inputs)
        else node
        for node in graph.nodes
    ]


def rename_tensors(graph: Graph, names: Mapping[str, str]) -> None:
    """Give tensors new names everywhere; the new names must be free and distinct."""
    graph.nodes = [
        replace(
            node,
            inputs=tuple(names.get(name, name) for name in node.inputs),
            outputs=tuple(names.get(name, name) for name in node.outputs),
        )
        for node in graph.nodes
    ]
    graph.tensors = {
        names.get(key, key): replace(tensor, name=names[key]) if key in names else tensor
        for key, tensor in graph.tensors.items()
    }
    graph.inputs = [names.get(name, name) for name in graph.inputs]
    graph.outputs = [names.get(name, name) for name in graph.outputs]
    graph.states = [
        State(names.get(s.input, s.input), names.get(s.output, s.output), s.initial)
        for s in graph.states
    ]


def bypass(graph: Graph, node: Node) -> bool:
    """Remove `node`, whose one output has the very bytes and shape of its first input.

    False, and nothing done, where both names must stay (an input that is also an output).
    """
    source, target = node.inputs[0], node.outputs[0]
    kept = graph.kept()
    if target not in kept:
        graph.nodes = [other for other in graph.nodes if other is not node]
        del graph.tensors[target]
        rename_reads(graph, {target: source})
        return True
    produced = any(source in other.outputs for other in graph.nodes)
    if not produced or source in kept:
        return False
    graph.nodes = [other for other in graph.nodes if other is not node]
    del graph.tensors[target]
    rename_tensors(graph, {source: target})
    return True


def only_reader(graph: Graph, name: str, readers: Mapping[str, list[Node]]) -> Node | None:
    """The one node that reads `name` (once), where nothing else, no output either, needs it."""
    nodes = readers.get(name, [])
    if len(nodes) != 1 or nodes[0].inputs.count(name) != 1 or name in graph.kept():
        return None
    return nodes[0]
