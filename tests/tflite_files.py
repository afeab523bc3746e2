""".tflite files written record by record, and graphs run by their meaning in the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tflite

from whit.converter.exporters.tflite.model_file import (
    ModelFile,
    OperatorRecord,
    Subgraph,
    TensorRecord,
)
from whit.converter.ir import Graph, Quantization
from whit.converter.ops import OPERATORS


class File:
    """A model in the making; tensors are told by index."""

    def __init__(self) -> None:
        self.file = ModelFile("test")
        self.main = self.subgraph("main")

    def subgraph(self, name: str) -> Subgraph:
        self.file.subgraphs.append(Subgraph(name))
        return self.file.subgraphs[-1]

    def tensor(
        self, name: str, shape: Sequence[int] = (), kind: str = "FLOAT32",
        data: np.ndarray | None = None, quantization: Quantization | None = None,
        subgraph: Subgraph | None = None,
    ) -> int:
        buffer = 0 if data is None else self.file.buffer(data)
        return (subgraph or self.main).add(TensorRecord(
            name, tuple(shape), getattr(tflite.TensorType, kind), buffer, quantization))

    def constant(
        self, name: str, data: Any, dtype: Any = np.int32, quantization: Quantization | None = None,
        subgraph: Subgraph | None = None,
    ) -> int:
        array = np.array(data, dtype)
        return self.tensor(
            name, array.shape, array.dtype.name.upper(), array, quantization, subgraph)

    def op(
        self, operator: str, inputs: Sequence[int], outputs: Sequence[int], options_type: str = "",
        **options: Any,
    ) -> None:
        """An operator; `subgraph` among the options says of which, else it is of the main one."""
        (options.pop("subgraph", None) or self.main).operators.append(OperatorRecord(
            operator, 1, tuple(inputs), tuple(outputs), options_type, options))

    def bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        self.main.inputs, self.main.outputs = list(inputs), list(outputs)
        return self.file.serialize()


def evaluate(graph: Graph, inputs: Iterable[Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    """Run a graph of operators that the catalogue defines in numpy, states carried over."""
    carried = {state.input: state.initial for state in graph.states}
    results = []
    for given in inputs:
        values = {n: t.data for n, t in graph.tensors.items() if t.data is not None}
        values |= {**given, **carried}
        for node in graph.nodes:
            meaning = OPERATORS[node.op].evaluate
            assert meaning is not None, node.op
            outputs = meaning(node, [values[name] for name in node.inputs])
            values |= dict(zip(node.outputs, outputs, strict=True))
        carried = {state.input: values[state.output] for state in graph.states}
        results.append({name: values[name] for name in graph.outputs})
    return results
