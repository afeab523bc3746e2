"""Dead code: drop nodes and tensors that no output and no state depends on."""

from __future__ import annotations

from whit.converter.ir import Graph, Node


def remove_dead_code(graph: Graph) -> Graph:
    needed = graph.kept()
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        nodes.append(node)
        needed.update(name for name in node.inputs if name)
    nodes.reverse()
    # A needed node keeps all its outputs, also those that nobody reads.
    needed.update(name for node in nodes for name in node.outputs)
    needed.update(graph.inputs)
    needed.update(state.input for state in graph.states)
    if len(nodes) == len(graph.nodes) and needed.issuperset(graph.tensors):
        return graph
    result = graph.copy()
    result.nodes = nodes
    result.tensors = {name: t for name, t in graph.tensors.items() if name in needed}
    return result
