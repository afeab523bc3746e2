"""Rebuild a graph whose tensors lie in the orders that `layout` has chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from whit.converter.build import add_node, fresh_node_name
from whit.converter.ir import Graph, Node, Quantization, Tensor, numbered
from whit.converter.rewrites.permutation import Order, applied, carried, core, identity


class Orders(Protocol):
    """The chosen order of each node's outputs, by node name; which nodes were free to choose."""

    order: dict[str, Order]

    def is_free(self, node: Node) -> bool: ...


def _reordered(quantization: Quantization | None, order: Order) -> Quantization | None:
    if quantization is None or quantization.axis is None or quantization.is_per_tensor:
        return quantization
    return replace(quantization, axis=order.index(quantization.axis))


def _attributes(node: Node, order: Order) -> dict[str, Any]:
    """The attributes that name axes, for a node that computes in `order`."""
    changed = dict(node.attributes)
    rank = len(order)
    match node.op:
        case "concat" | "split":
            changed["axis"] = order.index(node["axis"] % rank)
        case "slice":
            for name in ("begin", "size", "step"):
                changed[name] = tuple(node[name][axis] for axis in order)
        case "pad":
            changed["paddings"] = tuple(node["paddings"][axis] for axis in order)
        case "mean":
            changed["axes"] = tuple(sorted(order.index(axis % rank) for axis in node["axes"]))
    return changed


class Relayout:
    """One rebuilding of `graph`; what stays unsettled between two orders becomes a transpose."""

    def __init__(self, graph: Graph, orders: Orders):
        self.graph = graph
        self.orders = orders
        self.kept = graph.kept()
        self.result = Graph(
            graph.name, [], {}, list(graph.inputs), list(graph.outputs), list(graph.states),
            graph.source,
        )
        self.stored: dict[str, tuple[str, Order]] = {}
        self.moved: dict[tuple[str, Order], str] = {}

    def build(self) -> Graph:
        for name in [*self.graph.inputs, *(state.input for state in self.graph.states)]:
            tensor = self.graph.tensors[name]
            self._place(tensor, name, identity(len(tensor.shape)))
        for tensor in self.graph.tensors.values():
            if tensor.is_constant:
                self.result.add(tensor)
        for node in self.graph.nodes:
            order = self.orders.order[node.name]
            if node.op == "transpose":
                self._transpose(node, order)
            elif node.op == "reshape":
                self._reshape(node, order)
            else:
                self._compute(node, order)
            for name in self.kept.intersection(node.outputs):
                self._deliver(name)
        return self.result

    def _fresh(self, name: str) -> str:
        """A tensor name that neither graph bears."""
        return numbered(name, self.graph.tensors, self.result.tensors)

    def _place(self, tensor: Tensor, name: str, order: Order) -> None:
        self.stored[tensor.name] = (name, order)
        if name not in self.result.tensors:
            self.result.add(replace(
                tensor, name=name, shape=applied(order, tensor.shape),
                quantization=_reordered(tensor.quantization, order),
            ))

    def _constant(self, tensor: Tensor, order: Order) -> str:
        """The constant as an operand of an operator that computes in `order`."""
        assert tensor.data is not None
        missing = len(order) - len(tensor.shape)
        if order == identity(len(order)) or (tensor.elements == 1 and missing >= 0):
            return tensor.name
        key = (tensor.name, order)
        if key not in self.moved:
            data = tensor.data.reshape((1,) * missing + tensor.shape).transpose(order)
            quantization = tensor.quantization
            if quantization is not None and quantization.axis is not None and missing:
                quantization = replace(quantization, axis=quantization.axis + missing)
            name = self._fresh(tensor.name)
            moved = np.ascontiguousarray(data).reshape(data.shape)
            self.result.add(Tensor(
                name, tuple(data.shape), tensor.dtype, moved, _reordered(quantization, order)
            ))
            self.moved[key] = name
        return self.moved[key]

    def _read(self, name: str, order: Order | None) -> str:
        """The name under which tensor `name` can be read in `order` (None: as it is declared)."""
        tensor = self.graph.tensors[name]
        if tensor.is_constant:
            return name if order is None else self._constant(tensor, order)
        order = identity(len(tensor.shape)) if order is None else order
        source, have = self.stored[name]
        if have == order:
            return source
        key = (name, order)
        if key not in self.moved:
            moved = self._fresh(f"{name}_transposed")
            self._convert(tensor, source, have, order, moved)
            self.moved[key] = moved
        return self.moved[key]

    def _convert(self, tensor: Tensor, source: str, have: Order, order: Order, name: str) -> None:
        """Add the reshape or transpose that makes `name` of what lies in `source`."""
        quantization = _reordered(tensor.quantization, order)
        node = fresh_node_name(name, self.graph, self.result)
        if core(have, tensor.shape) == core(order, tensor.shape):
            shape = applied(order, tensor.shape)
            add_node(self.result, "reshape", node, [source], [name], quantization, shape=shape)
        else:
            perm = tuple(have.index(axis) for axis in order)
            add_node(self.result, "transpose", node, [source], [name], quantization, perm=perm)

    def _deliver(self, name: str) -> None:
        """Give an output of the graph its own name, shape and order."""
        source, have = self.stored[name]
        if source == name:
            return
        tensor = self.graph.tensors[name]
        order = identity(len(tensor.shape))
        self._convert(tensor, source, have, order, name)
        self.moved[(name, order)] = name

    def _transpose(self, node: Node, order: Order) -> None:
        name = node.outputs[0]
        source = self._read(node.inputs[0], tuple(node["perm"][axis] for axis in order))
        self.stored[name] = (source, order)

    def _reshape(self, node: Node, order: Order) -> None:
        x, y = self.graph.tensors[node.inputs[0]], self.graph.tensors[node.outputs[0]]
        back = carried(order, y.shape, x.shape)
        if back is None:
            back, order = identity(len(x.shape)), identity(len(y.shape))
        # Where the input lies in that order but for axes of 1, this reshape sees to those too.
        stored = self.stored.get(x.name)
        if stored is not None and core(stored[1], x.shape) == core(back, x.shape):
            source = stored[0]
        else:
            source = self._read(x.name, back)
        shape = applied(order, y.shape)
        if self.result.tensors[source].shape == shape and not x.is_constant:
            self.stored[y.name] = (source, order)
            return
        plain = order == identity(len(order))
        name = self._fresh(f"{y.name}_laid") if y.name in self.kept and not plain else y.name
        add_node(self.result, "reshape", node.name, [source], [name],
                 _reordered(y.quantization, order), shape=shape)
        self.stored[y.name] = (name, order)

    def _compute(self, node: Node, order: Order) -> None:
        free = self.orders.is_free(node)
        inputs = [self._read(name, order if free else None) if name else "" for name in node.inputs]
        outputs = []
        for output in node.outputs:
            plain = order == identity(len(order))
            name = self._fresh(f"{output}_laid") if output in self.kept and not plain else output
            self._place(self.graph.tensors[output], name, order)
            outputs.append(name)
        attributes = _attributes(node, order) if free else node.attributes
        self.result.nodes.append(replace(
            node, inputs=tuple(inputs), outputs=tuple(outputs), attributes=attributes
        ))
