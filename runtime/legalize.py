"""What every program needs, whatever the optimization level, before lowering."""

from __future__ import annotations

from dataclasses import replace

from whit.converter.build import add_node
from whit.converter.ir import Graph
from whit.runtime.storage import roots


def detach_outputs(graph: Graph) -> Graph:
    """Copy outputs that are a state's old value: its memory holds the new one after the run."""
    root = roots(graph)
    old = {root[state.input] for state in graph.states}
    affected = [name for name in dict.fromkeys(graph.outputs) if root[name] in old]
    if not affected:
        return graph
    graph = graph.copy()
    for name in affected:
        tensor = graph.tensors[name]
        # The copy takes the output's name, which is the interface; the value gets a new one.
        value = graph.fresh(f"{name}_value")
        _rename(graph, name, value)
        add_node(
            graph,
            "slice",
            f"{name}_copy",
            [value],
            [name],
            tensor.quantization,
            begin=(0,) * len(tensor.shape),
            size=tensor.shape,
            step=(1,) * len(tensor.shape),
        )
    return graph


def _rename(graph: Graph, name: str, new: str) -> None:
    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if n == name else n for n in names)

    graph.tensors[new] = replace(graph.tensors.pop(name), name=new)
    graph.nodes = [
        replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs))
        for node in graph.nodes
    ]
    graph.states = [
        replace(
            state,
            input=new if state.input == name else state.input,
            output=new if state.output == name else state.output,
        )
        for state in graph.states
    ]
