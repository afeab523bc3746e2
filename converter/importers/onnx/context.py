"""The graph under construction, and what an operator's import function may do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from whit.converter.build import add_node
from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.values import Constant, OnnxNode
from whit.converter.ir import DType, Graph, Quantization, Tensor, numbered
from whit.converter.rewrites.permutation import inverse

NHWC = (0, 2, 3, 1)
_CONSTANT_REMEDY = "make it an initializer, or simplify the model (for example with onnxsim)"


class Context:
    """ONNX values by name: constants in `constants`, computed ones as tensors of `graph`.

    aliases: tensors of the importer's own making -> the ONNX value they are, in another layout.
    unsigned: values that are uint8 in the model; their tensors are int8, 128 lower.
    """

    def __init__(self, graph: Graph, opset: int, names: set[str]):
        self.graph = graph
        self.opset = opset
        self.names = names
        self.constants: dict[str, Constant] = {}
        self.tensors: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.unsigned: set[str] = set()
        self._operands: dict[str, str] = {}

    def unsigned_shift(self, name: str) -> int:
        """How much lower the tensor of `name` is than the model's number: 128 where it is uint8."""
        return 128 if name in self.unsigned else 0

    # Reading values

    def knows(self, name: str) -> bool:
        return name in self.constants or name in self.tensors

    def is_constant(self, name: str) -> bool:
        return name in self.constants

    def shape(self, name: str) -> tuple[int, ...]:
        if name in self.constants:
            return self.constants[name].shape
        return self.graph.tensors[self.tensors[name]].shape

    def array(self, node: OnnxNode, index: int, what: str) -> np.ndarray:
        """The numbers of a constant input, called `what` in the refusal where it is not one."""
        return self.constant(node, index, what).values()

    def constant(self, node: OnnxNode, index: int, what: str) -> Constant:
        name = node.inputs[index]
        if name not in self.constants:
            raise RefusedError(f"{what} '{name}' is computed at run time", _CONSTANT_REMEDY)
        return self.constants[name]

    def ints(self, node: OnnxNode, index: int, what: str) -> tuple[int, ...]:
        return tuple(int(i) for i in self.array(node, index, what).reshape(-1))

    def tensor(self, name: str) -> Tensor:
        """The tensor of a value of any type; constants are added to the graph."""
        if name in self.tensors:
            return self.graph.tensors[self.tensors[name]]
        if name not in self._operands:
            self._operands[name] = self.add_constant(name, self.constants[name])
        return self.graph.tensors[self._operands[name]]

    def number(self, name: str) -> Tensor:
        """The tensor of a float32 value; RefusedError where it is of another type."""
        tensor = self.tensor(name)
        if tensor.dtype is not DType.FLOAT32:
            raise RefusedError(
                f"'{name}' is {tensor.dtype.value}, not float32",
                "export the model in float32, or quantized as QDQ or QLinear operators",
            )
        return tensor

    def add_constant(self, name: str, value: Constant) -> str:
        """A constant tensor; where quantized, the float32 tensor that dequantizes it."""
        if value.data.dtype.name not in {dtype.value for dtype in DType}:
            raise RefusedError(f"'{name}' is {value.data.dtype}", "export the model in float32")
        if value.data.size == 0:
            raise RefusedError(f"'{name}' has no elements", "remove the empty tensor")
        # No computed value can bear an initializer's name, so its first tensor may.
        own = value.stored or name
        if own not in self.constants or own in self.graph.tensors:
            own = self.fresh(own)
        stored = self.graph.constant(own, value.data, value.quantization)
        if value.quantization is None:
            return stored.name
        output = self.fresh(f"{name}_real")
        add_node(self.graph, "dequantize", output, [stored.name], [output])
        return output

    # Adding nodes

    def fresh(self, name: str) -> str:
        """A tensor name that no ONNX value and no tensor bears."""
        return numbered(name, self.graph.tensors, self.names)

    def reserve(self, name: str) -> str:
        """A new name for an ONNX value of the importer's own."""
        name = self.fresh(name)
        self.names.add(name)
        return name

    def internal(self, output: str, suffix: str) -> str:
        """A name for a tensor that is ONNX value `output` but for its layout."""
        name = self.fresh(f"{output}.{suffix}")
        self.aliases[name] = output
        return name

    def add(
        self, op: str, node: OnnxNode, inputs: Sequence[str], output: str,
        quantization: Quantization | None = None, **attributes: Any,
    ) -> str:
        """Add a node and return `output`; attributes as the catalogue names them."""
        add_node(self.graph, op, node.name, inputs, [output], quantization, **attributes)
        return output

    def add_many(
        self, op: str, node: OnnxNode, inputs: Sequence[str], outputs: Sequence[str],
        quantization: Quantization | None = None, **attributes: Any,
    ) -> None:
        add_node(self.graph, op, node.name, inputs, outputs, quantization, **attributes)

    def define(self, name: str, tensor: str | None = None) -> None:
        """Say which tensor is ONNX value `name`: the one of that name if not told."""
        if name:
            self.tensors[name] = tensor or name

    def move(
        self, op: str, node: OnnxNode, source: str, output: str, **attributes: Any
    ) -> str:
        """Add an operator that only moves elements: the output is quantized as the input."""
        return self.add(
            op, node, [source], output, self.graph.tensors[source].quantization, **attributes
        )

    def same(self, node: OnnxNode) -> None:
        """Make the node's first output its first input: a reshape that identity removal drops."""
        name = node.inputs[0]
        if name in self.constants:
            self.constants[node.outputs[0]] = self.constants[name]
            return
        tensor = self.tensor(name)
        self.move("reshape", node, tensor.name, node.outputs[0], shape=tensor.shape)
        self.define(node.outputs[0])

    # Layout

    def to_nhwc(self, node: OnnxNode, name: str) -> str:
        """Value `name` [N,C,H,W] as [N,H,W,C]; [N,C,L] as [N,1,L,C]."""
        tensor = self.tensor(name)
        node = replace(node, name=f"{node.name}_layout")
        if len(tensor.shape) == 4:
            moved = self.fresh(f"{name}.nhwc")
            return self.move("transpose", node, tensor.name, moved, perm=NHWC)
        if len(tensor.shape) == 3:
            turned = self.move(
                "transpose", node, tensor.name, self.fresh(f"{name}.nwc"), perm=(0, 2, 1)
            )
            n, c, length = tensor.shape
            return self.move(
                "reshape", node, turned, self.fresh(f"{name}.nhwc"), shape=(n, 1, length, c)
            )
        raise RefusedError(
            f"its input has rank {len(tensor.shape)}", "only 1-D and 2-D spatial operators exist"
        )

    def from_nhwc(self, node: OnnxNode, source: str, output: str, rank: int) -> None:
        """Make ONNX value `output` of rank 3 or 4 from `source`, the inverse of `to_nhwc`."""
        node = replace(node, name=f"{node.name}_layout")
        if rank == 3:
            n, _, width, c = self.graph.tensors[source].shape
            source = self.move(
                "reshape", node, source, self.internal(output, "nwc"), shape=(n, width, c)
            )
            self.move("transpose", node, source, output, perm=(0, 2, 1))
        else:
            self.move("transpose", node, source, output, perm=inverse(NHWC))
        self.define(output)
