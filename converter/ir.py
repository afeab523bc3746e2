"""The graph: a list of nodes in execution order over named tensors.

Plain data, no behaviour beyond look-ups: rewrites take a `Graph` and give a `Graph`, and
`whit.converter.check` says whether one is valid. Images are NHWC; shapes are static; every
tensor name has exactly one producer (a node, a graph input, a state, or constant data).
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np


class DType(Enum):
    """Element types, named as numpy names them."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.value)

    @property
    def size(self) -> int:
        """Bytes per element."""
        return int(self.numpy.itemsize)

    @classmethod
    def of(cls, array: np.ndarray) -> DType:
        """The type of `array`; ValueError where whit has no such type."""
        return cls(array.dtype.name)


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (stored - zero_point), per tensor or along `axis`.

    scale: float32 [1] or [C]; zero_point: int32, same length; axis: None when per tensor.
    Scales stay float32 because TFLM derives its multipliers from float32 scales.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int | None = None

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int = 0) -> Quantization:
        return cls(np.array([scale], np.float32), np.array([zero_point], np.int32))

    @classmethod
    def per_channel(cls, scale: np.ndarray, axis: int) -> Quantization:
        """Symmetric quantization along `axis`, zero point 0."""
        scale = np.asarray(scale, np.float32).reshape(-1)
        return cls(scale, np.zeros(scale.shape, np.int32), axis)

    @property
    def is_per_tensor(self) -> bool:
        return self.scale.size == 1

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Quantization)
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
            and (self.axis == other.axis or self.is_per_tensor)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named value: `data` is set when it is a constant."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    data: np.ndarray | None = None
    quantization: Quantization | None = None

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.size

    @property
    def is_constant(self) -> bool:
        return self.data is not None


@dataclass(frozen=True, eq=False)
class Node:
    """One operator. `op` names a row of the catalogue (`whit.converter.ops`).

    inputs: tensor names; "" stands for an optional input that is absent.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, attribute: str) -> Any:
        return self.attributes[attribute]


@dataclass(frozen=True, eq=False)
class State:
    """Loop-carried state: `output` of one run is `input` of the next; `initial` is the first."""

    input: str
    output: str
    initial: np.ndarray


@dataclass
class Graph:
    """Nodes in execution order, the tensors they name, and the graph's interface.

    inputs, outputs: tensor names in the model's own order. State tensors are in neither list.
    """

    name: str
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    source: str = ""

    def copy(self) -> Graph:
        """A graph that can be edited without touching this one; tensors and nodes are shared."""
        return replace(
            self,
            nodes=list(self.nodes),
            tensors=dict(self.tensors),
            inputs=list(self.inputs),
            outputs=list(self.outputs),
            states=list(self.states),
        )

    def add(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = tensor
        return tensor

    def constant(
        self, name: str, data: np.ndarray, quantization: Quantization | None = None
    ) -> Tensor:
        """Add a constant under a name not taken yet (`name`, or `name` with a number)."""
        data = np.ascontiguousarray(data).reshape(np.shape(data))
        tensor = Tensor(
            self.fresh(name), tuple(data.shape), DType.of(data), data, quantization
        )
        return self.add(tensor)

    def fresh(self, name: str) -> str:
        """`name` if no tensor bears it, else `name` with the first free number."""
        return numbered(name, self.tensors)

    def data(self, name: str) -> np.ndarray:
        """The constant data of tensor `name`; KeyError or ValueError where there is none."""
        data = self.tensors[name].data
        if data is None:
            raise ValueError(f"tensor '{name}' is not constant")
        return data

    def producers(self) -> dict[str, Node]:
        return {name: node for node in self.nodes for name in node.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """Nodes reading each tensor, in execution order; one entry per node."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                if name:
                    readers.setdefault(name, []).append(node)
        return readers

    def kept(self) -> set[str]:
        """Tensors that must survive any rewrite: outputs and what states carry over."""
        return set(self.outputs) | {state.output for state in self.states}

    def activations(self) -> Iterator[Tensor]:
        """Tensors computed at run time, inputs and states first, then in execution order."""
        for name in [*self.inputs, *(state.input for state in self.states)]:
            yield self.tensors[name]
        for node in self.nodes:
            for name in node.outputs:
                yield self.tensors[name]


def numbered(name: str, *taken: Container[str]) -> str:
    """`name` if none of `taken` has it, else `name` with the first free number."""
    number, candidate = 0, name
    while any(candidate in names for names in taken):
        number += 1
        candidate = f"{name}_{number}"
    return candidate
