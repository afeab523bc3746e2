"""What converting an operator needs: tensors by name, constants, and the graph being built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from whit.converter.build import add_node
from whit.converter.errors import RefusedError
from whit.converter.importers.tflite.reader import FileOperator, FileSubgraph, FileTensor
from whit.converter.ir import DType, Graph, Quantization, Tensor, numbered
from whit.converter.ops import OPERATORS
from whit.converter.tflite_schema import FUSED

_ACTIVATIONS = {number: name for name, number in FUSED.items()}
_FOLDED_TYPES = (DType.INT32, DType.INT64, DType.BOOL)
_FOLDED_ELEMENTS = 1 << 16
EXPORT_STATIC = "export the model with static shapes and constant parameters"


class Context:
    """Builds the graph of one subgraph; operators name tensors by their index in the file."""

    def __init__(self, subgraph: FileSubgraph, graph: Graph):
        self.subgraph = subgraph
        self.graph = graph
        self.names = unique_names(subgraph.tensors)
        self._taken = set(self.names)

    def tensor(self, index: int) -> FileTensor:
        return self.subgraph.tensors[index]

    def input(self, op: FileOperator, position: int) -> Tensor:
        """The graph's tensor that is the operator's input; RefusedError where it is absent."""
        tensor = self.optional_input(op, position)
        if tensor is None:
            raise RefusedError(f"input {position} is missing", "export the model again")
        return tensor

    def optional_input(self, op: FileOperator, position: int) -> Tensor | None:
        if position >= len(op.inputs) or op.inputs[position] < 0:
            return None
        return self.read(op.inputs[position])

    def read(self, index: int) -> Tensor:
        """A tensor some operator reads: computed before, or constant and added here."""
        name, tensor = self.names[index], self.tensor(index)
        if name not in self.graph.tensors:
            if tensor.is_sparse:
                raise RefusedError(f"'{name}' is stored sparsely",
                                   "convert the model without sparsity")
            if tensor.dtype is None:
                raise RefusedError(f"'{name}' is of type {tensor.type}",
                                   "convert the model to float32 or int8")
            if tensor.data is None:
                raise RefusedError(f"its input '{name}' is computed by no operator before it",
                                   "export the model again")
            quantization = None if tensor.dtype is DType.FLOAT32 else tensor.quantization
            self.graph.add(
                Tensor(name, tensor.shape, tensor.dtype, tensor.data, quantization))
        return self.graph.tensors[name]

    def integers(self, op: FileOperator, position: int, what: str) -> tuple[int, ...]:
        """A constant integer input, flattened."""
        tensor = self.input(op, position)
        if tensor.data is None:
            raise RefusedError(f"its {what} is computed at run time", EXPORT_STATIC)
        if tensor.dtype not in (DType.INT32, DType.INT64):
            raise RefusedError(f"its {what} is of type {tensor.dtype.value}", "use int32")
        return tuple(int(value) for value in tensor.data.reshape(-1))

    def integer(self, op: FileOperator, position: int, what: str) -> int:
        values = self.integers(op, position, what)
        if len(values) != 1:
            raise RefusedError(f"its {what} has {len(values)} elements", "use a single number")
        return values[0]

    def output(self, op: FileOperator, position: int = 0) -> str:
        if position >= len(op.outputs):
            raise RefusedError(f"output {position} is missing", "export the model again")
        return self.names[op.outputs[position]]

    def output_tensor(self, op: FileOperator, position: int = 0) -> FileTensor:
        self.output(op, position)
        return self.tensor(op.outputs[position])

    def activation(self, op: FileOperator) -> str:
        code = op.options["FusedActivationFunction"]
        if code not in _ACTIVATIONS:
            raise RefusedError(f"fused activation {code} is none that TFLite's kernels compute",
                               "use an activation of its own")
        return _ACTIVATIONS[code]

    def fresh(self, name: str) -> str:
        """A name for a tensor that the file does not have."""
        fresh = numbered(name, self._taken)
        self._taken.add(fresh)
        return fresh

    def convert(
        self, op: FileOperator, operator: str, inputs: Sequence[str], **attributes: Any
    ) -> None:
        """One node for the whole operator: it produces all of its outputs."""
        self.output(op)
        self.add(operator, inputs, [self.output(op, i) for i in range(len(op.outputs))],
                 [self.tensor(i).quantization for i in op.outputs], **attributes)

    def step(self, op: FileOperator, operator: str, x: Tensor, suffix: str, **attributes: Any
             ) -> Tensor:
        """A node before the operator's last, moving elements of `x`; gives its output."""
        name = self.fresh(f"{self.output(op)}_{suffix}")
        self.add(operator, [x.name], [name], [x.quantization], **attributes)
        return self.graph.tensors[name]

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        quantizations: Sequence[Quantization | None],
        **attributes: Any,
    ) -> None:
        """A node, or the constants it computes where it is shape arithmetic on constants."""
        for name in outputs:
            if name in self.graph.tensors:
                raise RefusedError(f"'{name}' is produced twice", "export the model again")
        node = add_node(self.graph, operator, outputs[0], inputs, outputs, quantizations,
                        **attributes)
        for name in outputs:
            tensor = self.graph.tensors[name]
            if tensor.dtype is DType.FLOAT32 and tensor.quantization is not None:
                self.graph.add(Tensor(name, tensor.shape, tensor.dtype))
        arrays = [self.graph.tensors[name].data for name in inputs]
        evaluate = OPERATORS[operator].evaluate
        if evaluate is None or any(array is None for array in arrays):
            return
        results = [self.graph.tensors[name] for name in outputs]
        if all(t.dtype in _FOLDED_TYPES and t.elements <= _FOLDED_ELEMENTS for t in results):
            values = evaluate(node, [array for array in arrays if array is not None])
            self.graph.nodes.remove(node)
            for result, value in zip(results, values, strict=True):
                self.constant(result.name, np.asarray(value, result.dtype.numpy))

    def constant(self, name: str, data: np.ndarray) -> None:
        """A constant under exactly this name: what an operator folds to."""
        self.graph.add(Tensor(name, tuple(data.shape), DType.of(data), data))


def unique_names(tensors: Sequence[FileTensor]) -> list[str]:
    """The tensors' names; of equal ones, the later get a number."""
    names: dict[str, None] = {}  # in order, and quick to look up
    for tensor in tensors:
        names[numbered(tensor.name, names)] = None
    return list(names)


def require_same_quantization(context: Context, op: FileOperator, *inputs: Tensor) -> None:
    """Operators that only move int8 elements cannot change what the elements mean."""
    for x in inputs:
        for index in op.outputs:
            y = context.tensor(index)
            if x.dtype in (DType.INT8, DType.UINT8) and y.quantization != x.quantization:
                raise RefusedError(
                    f"its input '{x.name}' and output '{context.names[index]}' differ in "
                    "quantization, and it cannot rescale",
                    "convert the model again with a current converter, or insert a QUANTIZE",
                )
