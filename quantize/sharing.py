"""Which tensors must share one quantization, and the range each must cover.

Operators that only move, select or average stored numbers need the parameters of input and
output to be equal; a state is the same memory before and after a run. The groups follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from whit.converter.ir import Graph, Node, Quantization
from whit.converter.ops import ACTIVATIONS
from whit.converter.ops.quantization import FIXED_OUTPUT
from whit.quantize.parameters import Range

_SHARING = frozenset(
    {
        "average_pool2d",
        "max_pool2d",
        "reshape",
        "transpose",
        "concat",
        "slice",
        "split",
        "pad",
        "resize_nearest",
        "resize_bilinear",
        "clip",
    }
)


def shares(node: Node) -> bool:
    """Whether inputs and outputs of `node` must have the same parameters.

    A relu by itself may rescale (TFLite's RELU does), any other clip works on one grid.
    """
    is_relu = node.op == "clip" and (node["min"], node["max"]) == (0, None)
    return node.op in _SHARING and not is_relu


class Groups:
    """Tensors by the group that shares parameters; disjoint sets."""

    def __init__(self, graph: Graph):
        self._parent: dict[str, str] = {}
        for node in graph.nodes:
            if shares(node):
                self._join([*node.inputs, *node.outputs])
        for state in graph.states:
            self._join([state.input, state.output])

    def find(self, name: str) -> str:
        """The tensor that stands for the group of `name`."""
        while (parent := self._parent.get(name, name)) != name:
            self._parent[name] = self._parent.get(parent, parent)
            name = parent
        return name

    def _join(self, names: Iterable[str]) -> None:
        first, *others = (self.find(name) for name in names if name)
        for other in others:
            if self.find(other) != self.find(first):
                self._parent[self.find(other)] = self.find(first)


def group_ranges(graph: Graph, seen: Mapping[str, Range], groups: Groups) -> dict[str, Range]:
    """The range each group must cover, by its representative."""
    readers = graph.consumers()
    kept = graph.kept() | set(graph.inputs)
    ranges: dict[str, Range] = {}

    def cover(name: str, values: Range) -> None:
        group = groups.find(name)
        ranges[group] = ranges[group] | values if group in ranges else values

    for name, values in seen.items():
        bounds = [_clamped_to(node) for node in readers.get(name, [])]
        if name not in kept and bounds and all(bound is not None for bound in bounds):
            low = min(bound[0] for bound in bounds if bound)
            high = max(bound[1] for bound in bounds if bound)
            values = Range(min(max(values.low, low), 0.0), max(min(values.high, high), 0.0))
        cover(name, values)
    for node in graph.nodes:
        for name in node.inputs if shares(node) else ():
            if graph.tensors[name].is_constant:
                cover(name, Range.of(graph.data(name)))
    for state in graph.states:
        cover(state.input, Range.of(state.initial))
    return ranges


def _clamped_to(node: Node) -> tuple[float, float] | None:
    """(low, high) where `node` clamps its input's values, so that none beyond need be stored."""
    if node.op == "clip":
        low, high = node["min"], node["max"]
    elif node.op == "max_pool2d":
        low, high = ACTIVATIONS[node["activation"]]
    else:
        return None
    return (-np.inf if low is None else low, np.inf if high is None else high)


def fixed_parameters(
    graph: Graph, groups: Groups, ranges: Mapping[str, Range]
) -> dict[str, Quantization]:
    """Groups that take the fixed parameters of an operator among them, where these cover all.

    Elsewhere the operator's output has to be requantized for its readers.
    """
    wanted: dict[str, list[Quantization]] = {}
    for node in graph.nodes:
        if node.op in FIXED_OUTPUT:
            wanted.setdefault(groups.find(node.outputs[0]), []).append(FIXED_OUTPUT[node.op])
    chosen = {}
    for group, candidates in wanted.items():
        first = candidates[0]
        scale, zero_point = float(first.scale[0]), int(first.zero_point[0])
        low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
        values = ranges[group]
        # The last step is missing by design: 1.0 is stored as 127.
        fits = low - scale <= values.low and values.high <= high + scale
        if fits and all(other == first for other in candidates):
            chosen[group] = first
    return chosen
