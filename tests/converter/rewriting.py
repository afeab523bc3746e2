"""What the tests of rewrites share: building a graph, and comparing it with its rewritten self."""

from __future__ import annotations

from typing import Any

import numpy as np

import whit
from tests import oracles
from tests.support import noise
from whit.converter.build import add_node
from whit.converter.check import check
from whit.converter.exporters import tflite as exporter
from whit.converter.ir import DType, Graph, Quantization, Tensor
from whit.converter.rewrites import optimize

RANDOM = np.random.default_rng(17)


def weights(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


class Net:
    """A graph built node by node; `add` returns the output's name."""

    def __init__(self, *inputs: Tensor):
        self.graph = Graph("net")
        for tensor in inputs:
            self.graph.add(tensor)
            self.graph.inputs.append(tensor.name)

    def constant(self, data: Any, quantization: Quantization | None = None) -> str:
        return self.graph.constant("c", np.asarray(data), quantization).name

    def add(self, op: str, *inputs: str, to: Quantization | None = None, **attributes: Any) -> str:
        name = self.graph.fresh("t")
        add_node(self.graph, op, f"{op}_node", inputs, [name], to, **attributes)
        return name

    def finish(self, *outputs: str) -> Graph:
        self.graph.outputs = list(outputs)
        return check(self.graph)


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def computes_the_same(graph: Graph, tolerance: float = 1e-6) -> Graph:
    """Optimize, compare with LiteRT running the graph as it was, and return the result.

    Also: the argument is left alone, and inputs and outputs keep names and shapes.
    """
    model = exporter.export(graph)
    before = (list(graph.nodes), dict(graph.tensors))
    optimized = optimize(graph)
    assert before == (graph.nodes, graph.tensors)
    assert (optimized.inputs, optimized.outputs) == (graph.inputs, graph.outputs)
    for name in (*graph.inputs, *graph.outputs):
        assert optimized.tensors[name].shape == graph.tensors[name].shape
    session = whit.Session(optimized, optimize=False)
    exact = any(t.dtype is DType.INT8 for t in graph.tensors.values())
    for inputs in noise(graph, count=3):
        theirs = (oracles.tflm if exact else oracles.litert)(model, [inputs])[0]
        ours = session.run(inputs)
        for name in graph.outputs:
            if exact:
                np.testing.assert_array_equal(ours[name], theirs[name])
            else:
                span = max(1.0, float(np.abs(theirs[name]).max()))
                np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance * span)
    return optimized
