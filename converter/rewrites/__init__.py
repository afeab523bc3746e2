"""Rewrites: passes Graph -> Graph that keep what a graph computes and make it cheaper.

Every pass leaves its argument alone, keeps the names of inputs, outputs and states, and does not
change a bit of an int8 result. Float results change only by re-association (batch-norm folding).
"""

from __future__ import annotations

from collections.abc import Callable

from whit.converter.check import check
from whit.converter.ir import Graph
from whit.converter.rewrites.activation_fusion import fuse_activations
from whit.converter.rewrites.batch_norm import fold_batch_norm
from whit.converter.rewrites.constant_folding import fold_constants
from whit.converter.rewrites.dead_code import remove_dead_code
from whit.converter.rewrites.flatten import absorb_transposes
from whit.converter.rewrites.identity import remove_identities
from whit.converter.rewrites.layout import assign_layouts
from whit.converter.rewrites.pad_fusion import fuse_pads
from whit.converter.rewrites.reshapes import simplify_reshapes

Pass = Callable[[Graph], Graph]

LAYOUT_PASSES: list[tuple[str, Pass]] = [
    ("dead code", remove_dead_code),
    ("constant folding", fold_constants),
    ("identity", remove_identities),
    ("reshapes", simplify_reshapes),
    ("layout", assign_layouts),
    ("flatten", absorb_transposes),
]
"""What an importer of NCHW models runs to leave no stray transposes."""

PASSES: list[tuple[str, Pass]] = [
    *LAYOUT_PASSES,
    ("batch norm", fold_batch_norm),
    ("activation fusion", fuse_activations),
    ("pad fusion", fuse_pads),
]

_MOST_ROUNDS = 20


def run(graph: Graph, passes: list[tuple[str, Pass]]) -> Graph:
    """Run `passes` in order, again and again until none changes the graph, checking after each.

    A pass that has nothing to do returns its argument itself.
    """
    for _ in range(_MOST_ROUNDS):
        before = graph
        for name, function in passes:
            rewritten = function(graph)
            if rewritten is not graph:
                graph = check(rewritten, after=name)
        if graph is before:
            break
    return graph


def optimize(graph: Graph) -> Graph:
    """`graph` after all passes; it may be `graph` itself where there was nothing to do."""
    return run(graph, PASSES)


__all__ = ["LAYOUT_PASSES", "PASSES", "Pass", "optimize", "run"]
