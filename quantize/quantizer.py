"""Float graph → int8 graph, by the TFLite 8-bit quantization specification."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whit.converter.check import check
from whit.converter.ir import Graph, Quantization
from whit.converter.rewrites import optimize
from whit.quantize.calibrate import Sample, calibrate
from whit.quantize.guards import constant_scales, least_output_scale
from whit.quantize.int8_graph import Interface, int8_graph
from whit.quantize.parameters import Range, activation_quantization
from whit.quantize.sharing import Groups, fixed_parameters, group_ranges
from whit.quantize.supported import refuse_unquantizable

_GUARD_ROUNDS = 3


@dataclass(frozen=True)
class Parameters:
    """Quantization of every tensor computed at run time, and of constants that share one."""

    groups: Groups
    by_group: Mapping[str, Quantization]

    def __getitem__(self, name: str) -> Quantization:
        return self.by_group[self.groups.find(name)]

    def __contains__(self, name: str) -> bool:
        return self.groups.find(name) in self.by_group


def quantize(
    graph: Graph,
    samples: Iterable[Sample],
    *,
    inputs: Interface = "int8",
    outputs: Interface = "int8",
    dense: Literal["per_channel", "per_tensor"] = "per_channel",
    progress: Callable[[int], None] | None = None,
) -> Graph:
    """An int8 graph that computes what the float `graph` does, calibrated on `samples`.

    samples: inputs by name, float32, as the graph takes them; for a streaming model in order.
    inputs, outputs: "int8", with the parameters on the tensor, or "float32", converted inside.
    dense: scales of fully connected weights; "per_tensor" for runtimes from before 2024.
    progress: called with the number of samples done.

    Raises UnsupportedError listing every node that has no int8 form, and InputError where the
    samples do not fit.
    """
    graph = optimize(graph)
    refuse_unquantizable(graph)
    parameters = choose_parameters(graph, calibrate(graph, samples, progress))
    result = int8_graph(graph, parameters, inputs, outputs, dense == "per_channel")
    return check(optimize(result), after="quantization")


def choose_parameters(graph: Graph, seen: Mapping[str, Range]) -> Parameters:
    """Parameters for every tensor of an optimized float graph from the ranges `seen`."""
    groups = Groups(graph)
    ranges = group_ranges(graph, seen, groups)
    fixed = fixed_parameters(graph, groups, ranges)
    chosen = {g: fixed.get(g) or activation_quantization(r) for g, r in ranges.items()}
    constants = constant_scales(graph)

    def scale(name: str) -> float:
        group = groups.find(name)
        return float(chosen[group].scale[0]) if group in chosen else constants[name]

    for _ in range(_GUARD_ROUNDS):  # more than one: loops through states
        changed = False
        for node in graph.nodes:
            group = groups.find(node.outputs[0])
            least = np.float32(least_output_scale(graph, node, scale))
            if group not in fixed and chosen[group].scale[0] < least:
                chosen[group] = activation_quantization(ranges[group], float(least))
                changed = True
        if not changed:
            break
    return Parameters(groups, chosen)
