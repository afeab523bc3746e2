"""Making nodes: the one way importers and rewrites add an operator to a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whit.converter.check import infer, with_defaults
from whit.converter.ir import Graph, Node, Quantization, Tensor, numbered
from whit.converter.ops import OperatorError


def make_node(
    op: str, name: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
) -> Node:
    """A node with the catalogue's defaults filled in; OperatorError where attributes are wrong."""
    return Node(name, op, tuple(inputs), tuple(outputs), with_defaults(op, attributes))


def add_node(
    graph: Graph,
    op: str,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    quantization: Quantization | Sequence[Quantization | None] | None = None,
    **attributes: Any,
) -> Node:
    """Append a node and the tensors it produces, shapes and types inferred.

    Node names are made unique with a number. Raises OperatorError.
    """
    node = make_node(op, fresh_node_name(name, graph), inputs, outputs, **attributes)
    inferred = infer(node, [graph.tensors[i] if i else None for i in inputs])
    if len(inferred) != len(outputs):
        raise OperatorError(f"{len(outputs)} outputs, expected {len(inferred)}")
    per_output = (
        [quantization] * len(inferred)
        if quantization is None or isinstance(quantization, Quantization)
        else list(quantization)
    )
    for output, (shape, dtype), quant in zip(outputs, inferred, per_output, strict=True):
        graph.add(Tensor(output, shape, dtype, None, quant))
    graph.nodes.append(node)
    return node


def fresh_node_name(name: str, *graphs: Graph) -> str:
    """`name` if no node of `graphs` bears it, else `name` with the first free number.

    A rewrite that inserts nodes while it copies the others names both the old and the new graph.
    """
    return numbered(name, {node.name for graph in graphs for node in graph.nodes})
