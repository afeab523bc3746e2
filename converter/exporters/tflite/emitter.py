"""What converting a node needs: tensor indices, constants, and the operators emitted so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite

from whit.converter import fixed_point
from whit.converter.exporters.tflite.model_file import (
    TENSOR_TYPES,
    ModelFile,
    OperatorRecord,
    Subgraph,
    TensorRecord,
)
from whit.converter.ir import DType, Graph, Node, Quantization, Tensor, numbered

_VERSIONS: dict[str, tuple[int, int]] = {
    "CONV_2D": (1, 3), "DEPTHWISE_CONV_2D": (2, 3), "FULLY_CONNECTED": (1, 4),
    "ADD": (1, 2), "SUB": (1, 2), "MUL": (1, 2), "MAXIMUM": (1, 2), "MINIMUM": (1, 2),
    "AVERAGE_POOL_2D": (1, 2), "MAX_POOL_2D": (1, 2), "MEAN": (1, 2),
    "RELU": (1, 2), "RELU6": (1, 2), "LOGISTIC": (1, 2), "TANH": (1, 2), "SOFTMAX": (1, 2),
    "LEAKY_RELU": (1, 2), "TRANSPOSE": (1, 2), "CONCATENATION": (1, 2), "SPLIT": (1, 2),
    "SPLIT_V": (1, 2), "STRIDED_SLICE": (1, 2), "SLICE": (1, 2), "PAD": (1, 2), "PADV2": (1, 2),
    "QUANTIZE": (1, 2), "DEQUANTIZE": (1, 2),
    "RESIZE_NEAREST_NEIGHBOR": (3, 3), "RESIZE_BILINEAR": (3, 3),
}
"""The least operator version that covers what is emitted: (float32, int8); 1 where not listed."""


class Emitter:
    """Collects one subgraph: tensors by the graph's names, operators in order."""

    def __init__(self, graph: Graph, file: ModelFile, name: str = "main"):
        self.graph = graph
        self.file = file
        self.subgraph = Subgraph(name)
        file.subgraphs.append(self.subgraph)
        self._index: dict[str, int] = {}
        self._constants: dict[tuple[Any, ...], int] = {}
        self._names = set(graph.tensors)

    def tensor(self, name: str) -> int:
        """The index of a tensor of the graph."""
        if name not in self._index:
            self._index[name] = self.record(self.graph.tensors[name])
        return self._index[name]

    def record(self, tensor: Tensor) -> int:
        """The index of a tensor added under exactly this name."""
        buffer = 0 if tensor.data is None else self.file.buffer(tensor.data)
        return self.subgraph.add(TensorRecord(
            tensor.name, tensor.shape, TENSOR_TYPES[tensor.dtype], buffer, tensor.quantization
        ))

    def constant(
        self, name: str, data: Any, dtype: Any = np.int32, quantization: Quantization | None = None
    ) -> int:
        """The index of a constant that the graph does not have; an equal one is used again."""
        array = np.array(data, dtype)
        key: tuple[Any, ...] = (array.tobytes(), array.shape, array.dtype.str)
        if quantization is not None:
            key += (quantization.scale.tobytes(), quantization.zero_point.tobytes())
        if key not in self._constants:
            self._constants[key] = self.record(
                Tensor(self._fresh(name), array.shape, DType.of(array), array, quantization)
            )
        return self._constants[key]

    def temporary(self, name: str, like: Tensor, shape: tuple[int, ...] | None = None) -> int:
        """The index of a tensor computed on the way, of the type and quantization of `like`."""
        return self.record(Tensor(
            self._fresh(name), like.shape if shape is None else shape, like.dtype, None,
            like.quantization,
        ))

    def resource(self, name: str) -> int:
        """The index of a variable's handle."""
        return self.subgraph.add(TensorRecord(self._fresh(name), (), tflite.TensorType.RESOURCE))

    def emit(
        self,
        operator: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options_type: str = "",
        **options: Any,
    ) -> None:
        quantized = any(
            self.subgraph.tensors[i].type in (TENSOR_TYPES[DType.INT8], TENSOR_TYPES[DType.UINT8])
            for i in inputs if i >= 0
        )
        version = _VERSIONS.get(operator, (1, 1))[quantized]
        self.subgraph.operators.append(OperatorRecord(
            operator, version, tuple(inputs), tuple(outputs), options_type, options
        ))

    def pad(
        self,
        source: int,
        target: int,
        paddings: Sequence[tuple[int, int]],
        value: np.ndarray | None,
        like: Tensor,
    ) -> None:
        """PAD with (real) zero where `value` is None, else PADV2 with that stored value."""
        name = self.subgraph.tensors[target].name
        inputs = [source, self.constant(f"{name}_paddings", paddings)]
        if value is None:
            self.emit("PAD", inputs, [target], "PadOptions")
            return
        constant = self.constant(
            f"{name}_value", value.reshape(1), like.dtype.numpy, like.quantization
        )
        self.emit("PADV2", [*inputs, constant], [target], "PadV2Options")

    def weights_and_bias(self, node: Node) -> list[int]:
        """Indices of a node's weights and bias.

        TFLite wants an int32 bias to carry scale input * weights; one without gets it. A layer
        without a bias gets one of zeros: some of TFLite's kernels insist on it.
        """
        x, weights = self.input(node, 0), self.input(node, 1)
        indices = [self.tensor(weights.name)]
        name = node.inputs[2] if len(node.inputs) > 2 else ""
        bias = self.graph.tensors[name] if name else None
        if bias is not None and (bias.data is None or bias.quantization is not None):
            return [*indices, self.tensor(name)]
        if bias is not None and bias.data is not None:
            data = bias.data
        else:
            data = np.zeros(self.output(node).shape[-1], np.float32)
            name = f"{node.outputs[0]}_bias"
        if x.quantization is None or weights.quantization is None:
            return [*indices, self.tensor(name) if bias else self.constant(name, data, data.dtype)]
        scales = Quantization.per_channel(x.quantization.scale * weights.quantization.scale, 0)
        return [*indices, self.constant(name, data, np.int32, scales)]

    def input(self, node: Node, index: int) -> Tensor:
        return self.graph.tensors[node.inputs[index]]

    def output(self, node: Node, index: int = 0) -> Tensor:
        return self.graph.tensors[node.outputs[index]]

    def _fresh(self, name: str) -> str:
        fresh = numbered(name, self._names)
        self._names.add(fresh)
        return fresh


def stored_value(value: float, tensor: Tensor) -> np.ndarray:
    """A real number as an element of `tensor`: quantized and saturated where that is quantized."""
    if tensor.quantization is None or tensor.dtype is DType.FLOAT32:
        return np.array(value, tensor.dtype.numpy)
    info = np.iinfo(tensor.dtype.numpy)
    scale, zero_point = tensor.quantization.scale[0], int(tensor.quantization.zero_point[0])
    try:
        stored = fixed_point.stored_value(value, scale, zero_point)
    except OverflowError:
        stored = int(info.max if value > 0 else info.min)
    return np.array(min(max(stored, info.min), info.max), tensor.dtype.numpy)
