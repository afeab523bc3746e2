"""Layout: choose how every tensor lies in memory so that transposes cancel.

Every operator that does not care for its axes' order (element-wise, concat, pad, slice, mean ...)
is free to compute in any order of axes; windows, matrices, and the graph's interface are not. The
pass gives each free node an order, transposes become mere relations between orders, and what
the orders of a producer and a reader leave unsettled is transposed. Orders start as what arrives
from above and improve by sweeps that keep whatever moves fewer bytes.
"""

from __future__ import annotations

from dataclasses import replace

from whit.converter.build import add_node, fresh_node_name
from whit.converter.ir import Graph, Node
from whit.converter.ops import ELEMENTWISE
from whit.converter.rewrites.flatten import absorbs
from whit.converter.rewrites.permutation import Order, carried, core, identity, inverse
from whit.converter.rewrites.relayout import Relayout

_FREE = ELEMENTWISE | {"concat", "split", "slice", "pad", "mean", "softmax"}
_SWEEPS = 4
_TRANSPOSE_OVERHEAD = 64
"""What one more transpose costs apart from the bytes it moves, in bytes."""


class _Orders:
    """An order for every node's outputs, and what an assignment costs."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.readers = graph.consumers()
        self.makers = graph.producers()
        self.kept = graph.kept()
        self.bytes = {name: tensor.bytes for name, tensor in graph.tensors.items()}
        self.order: dict[str, Order] = {}
        for node in graph.nodes:
            self.order[node.name] = identity(self.rank(node))
        self.absorbed = {
            node.name for node in graph.nodes if absorbs(graph, node, self.readers)
        }

    def rank(self, node: Node) -> int:
        return len(self.graph.tensors[node.outputs[0]].shape)

    def is_free(self, node: Node) -> bool:
        if node.op in ("transpose", "reshape"):
            return True
        if node.op == "mean":
            return bool(node["keepdims"])
        return node.op in _FREE

    def allows(self, node: Node, order: Order) -> bool:
        if node.op == "softmax":
            return order[-1] == len(order) - 1
        if self.is_free(node) and node.name not in self.absorbed:
            return True
        return order == identity(len(order))

    def of(self, name: str) -> Order:
        maker = self.makers.get(name)
        if maker is None:
            return identity(len(self.graph.tensors[name].shape))
        return self.order[maker.name]

    def demand(self, node: Node, name: str) -> Order | None:
        """The order in which `node` reads tensor `name`; None where it takes any."""
        tensor, order = self.graph.tensors[name], self.order[node.name]
        if tensor.is_constant:
            return None
        if node.op == "transpose":
            return tuple(node["perm"][axis] for axis in order)
        if node.op == "reshape":
            if node.name in self.absorbed:
                have, lead = self.of(name), identity(len(order) - 1)
                return have if have[: len(lead)] == lead else identity(len(have))
            back = carried(order, self.graph.tensors[node.outputs[0]].shape, tensor.shape)
            return back if back is not None else identity(len(tensor.shape))
        return order if self.is_free(node) else identity(len(tensor.shape))

    def cost_of(self, name: str) -> float:
        """Bytes moved to give every reader of `name` its order."""
        tensor = self.graph.tensors[name]
        if tensor.is_constant:
            return 0.0
        have = self.of(name)
        demands = {self.demand(reader, name) for reader in self.readers.get(name, [])}
        if name in self.kept:
            demands.add(identity(len(have)))
        cores = {core(d, tensor.shape) for d in demands if d is not None}
        cores.discard(core(have, tensor.shape))
        clutter = 0.01 * sum(d is not None and d != have for d in demands)
        return len(cores) * (self.bytes[name] + _TRANSPOSE_OVERHEAD) + clutter

    def breaks(self, node: Node) -> float:
        """What a reshape costs whose order does not carry over to its input."""
        if node.op != "reshape" or node.name in self.absorbed:
            return 0.0
        source, target = self.graph.tensors[node.inputs[0]], self.graph.tensors[node.outputs[0]]
        if carried(self.order[node.name], target.shape, source.shape) is not None:
            return 0.0
        return float(self.bytes[target.name] + _TRANSPOSE_OVERHEAD)

    def cost_around(self, node: Node) -> float:
        names = dict.fromkeys([*(n for n in node.inputs if n), *node.outputs])
        return sum(self.cost_of(name) for name in names) + self.breaks(node)

    def total(self) -> float:
        tensors = [t.name for t in self.graph.activations()]
        return sum(map(self.cost_of, tensors)) + sum(map(self.breaks, self.graph.nodes))

    def from_inputs(self, node: Node) -> list[Order]:
        """Orders in which the node could take its inputs as they lie."""
        found: list[Order] = []
        shape = self.graph.tensors[node.outputs[0]].shape
        for name in node.inputs:
            if not name or self.graph.tensors[name].is_constant:
                continue
            have = self.of(name)
            if node.op == "transpose":
                back = inverse(node["perm"])
                found.append(tuple(back[axis] for axis in have))
            elif node.op == "reshape":
                order = carried(have, self.graph.tensors[name].shape, shape)
                if order is not None:
                    found.append(order)
            else:
                found.append(have)
        return found

    def from_readers(self, node: Node) -> list[Order]:
        demands = [
            self.demand(reader, name) for name in node.outputs
            for reader in self.readers.get(name, [])
        ]
        if self.kept.intersection(node.outputs):
            demands.append(identity(self.rank(node)))
        return [demand for demand in demands if demand is not None]

    def choose(self, node: Node, candidates: list[Order]) -> None:
        """Take the cheapest candidate; the first wins a tie."""
        best: tuple[float, Order] | None = None
        for order in dict.fromkeys([*candidates, identity(self.rank(node))]):
            if not self.allows(node, order):
                continue
            self.order[node.name] = order
            cost = self.cost_around(node)
            if best is None or cost < best[0] - 1e-6:
                best = (cost, order)
        assert best is not None
        self.order[node.name] = best[1]

    def settle(self) -> None:
        free = [node for node in self.graph.nodes if self.is_free(node)]
        best = (self.total(), dict(self.order))
        for node in free:
            for order in self.from_inputs(node):
                if self.allows(node, order):
                    self.order[node.name] = order
                    break
        for _ in range(_SWEEPS):
            previous = best[0]
            for node in reversed(free):
                self.choose(node, [*self.from_readers(node), *self.from_inputs(node)])
            best = min(best, (self.total(), dict(self.order)), key=lambda pair: pair[0])
            for node in free:
                self.choose(node, [*self.from_inputs(node), *self.from_readers(node)])
            best = min(best, (self.total(), dict(self.order)), key=lambda pair: pair[0])
            if best[0] == previous:
                break
        self.order = best[1]


def _same_ranks(graph: Graph) -> Graph:
    """Give every computed operand of a broadcast the rank of the result, by a reshape."""
    result = graph.copy()
    result.nodes = []
    for node in graph.nodes:
        rank = len(graph.tensors[node.outputs[0]].shape) if node.outputs else 0
        inputs = list(node.inputs)
        if node.op in ("add", "sub", "mul", "prelu"):
            for i, name in enumerate(inputs):
                tensor = graph.tensors[name]
                missing = rank - len(tensor.shape)
                if tensor.is_constant or missing == 0:
                    continue
                full = result.fresh(f"{name}_expanded")
                add_node(
                    result, "reshape", fresh_node_name(full, graph, result), [name], [full],
                    tensor.quantization, shape=(1,) * missing + tensor.shape,
                )
                inputs[i] = full
        result.nodes.append(replace(node, inputs=tuple(inputs)))
    return result


def moved_bytes(graph: Graph) -> tuple[int, int]:
    """(bytes that transposes move, how many nodes only rearrange): what the pass makes smaller.

    A transpose that weights will absorb moves nothing.
    """
    readers = graph.consumers()
    total = count = 0
    for node in graph.nodes:
        count += node.op in ("transpose", "reshape")
        if node.op != "transpose":
            continue
        tensor = graph.tensors[node.inputs[0]]
        order = core(node["perm"], tensor.shape)
        if order == tuple(sorted(order)):
            total += 1  # it should be a reshape
        elif not all(
            absorbs(graph, reader, readers) for reader in readers.get(node.outputs[0], [])
        ):
            total += tensor.bytes + _TRANSPOSE_OVERHEAD
    return total, count


def assign_layouts(graph: Graph) -> Graph:
    if all(node.op != "transpose" for node in graph.nodes):
        return graph
    ranked = _same_ranks(graph)
    orders = _Orders(ranked)
    orders.settle()
    result = Relayout(ranked, orders).build()
    return result if moved_bytes(result) < moved_bytes(graph) else graph


