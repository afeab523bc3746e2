"""Lowering: one node of the graph becomes the kernel calls that compute it.

A module a family registers functions with `@lowers("op")`. A function gets (graph, node) and
returns `KernelCall`s in layout 0, every derived integer already computed; where the node cannot
run it raises `LoweringError` with the reason and a remedy, and the compiler collects them all.
"""

from __future__ import annotations

from collections.abc import Callable

from whit.converter.errors import Refusal, RefusedError, UnsupportedError
from whit.converter.ir import Graph, Node
from whit.targets.kernel_call import KernelCall

Lowering = Callable[[Graph, Node], list[KernelCall]]

_LOWERINGS: dict[str, Lowering] = {}

VIEWS = frozenset({"reshape"})
"""Operators whose output is the input's bytes: they lower to nothing, the plan aliases them."""


class LoweringError(RefusedError):
    """One node that cannot be lowered."""

    def __init__(self, reason: str, remedy: str = "quantize or rewrite the model without it"):
        super().__init__(reason, remedy)


def lowers(*ops: str) -> Callable[[Lowering], Lowering]:
    """Registers the decorated function as what lowers each of `ops`."""

    def add(function: Lowering) -> Lowering:
        for op in ops:
            if op in _LOWERINGS:
                raise ValueError(f"operator '{op}' is lowered twice")
            _LOWERINGS[op] = function
        return function

    return add


def lower(graph: Graph) -> list[list[KernelCall]]:
    """The kernel calls of every node, in order; UnsupportedError naming all that cannot run."""
    calls: list[list[KernelCall]] = []
    refusals: list[Refusal] = []
    for node in graph.nodes:
        if node.op in VIEWS:
            calls.append([])
            continue
        try:
            if node.op not in _LOWERINGS:
                raise LoweringError(
                    "has no kernel", "fold it into constants, or replace it by supported operators"
                )
            calls.append(_LOWERINGS[node.op](graph, node))
        except LoweringError as error:
            refusals.append(error.of(node.name, node.op))
            calls.append([])
    if refusals:
        raise UnsupportedError(graph.source or graph.name, refusals)
    return calls
