"""A .tflite file read into plain records, every offset, index and size of it checked.

The flatbuffers package reads wherever a damaged file points it. All of that reading happens
inside `read`, which turns whatever goes wrong into a ModelError; the records that come out can be
trusted: indices are in range, constants have the size their shape says, quantizations fit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from whit.converter.errors import ModelError
from whit.converter.importers.tflite.options import OPTIONS
from whit.converter.ir import DType, Quantization
from whit.converter.tflite_schema import FILE_IDENTIFIER, SCHEMA_VERSION

_LARGEST_RANK = 8
_LARGEST_TENSOR = 2**31  # bytes; what TFLite itself can address
_TYPE_NAMES = {v: k for k, v in vars(tflite.TensorType).items() if isinstance(v, int)}
_OPERATOR_NAMES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
_FLOAT16 = "FLOAT16"
_READ_ERRORS = (
    struct.error, IndexError, TypeError, ValueError, OverflowError, AttributeError, KeyError,
)


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor as the file has it; `data` where it is constant (float16 already as float32).

    type: the schema's name of it; dtype: whit's, None where whit has none; open_axes: those whose
    extent the file leaves to the caller, given as 1 in `shape`.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    dtype: DType | None
    data: np.ndarray | None
    quantization: Quantization | None
    is_variable: bool
    is_sparse: bool
    open_axes: tuple[int, ...]


@dataclass(frozen=True)
class FileOperator:
    """inputs: tensor indices, -1 for one that is absent; options: see `options.OPTIONS`."""

    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileSubgraph:
    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class FileModel:
    source: str
    subgraphs: tuple[FileSubgraph, ...]


def read(data: bytes, source: str) -> FileModel:
    """The records of a .tflite file; ModelError where it is damaged."""
    if data[4:8] != FILE_IDENTIFIER:
        raise ModelError(f"{source}: not a TFLite model (identifier {data[4:8]!r} is not TFL3)")
    try:
        return _Reader(data, source).model()
    except _READ_ERRORS as error:
        raise ModelError(f"{source}: damaged TFLite model: {error}") from error


class _Reader:
    def __init__(self, data: bytes, source: str):
        self.data = data
        self.source = source
        self.file = tflite.Model.GetRootAs(data, 0)
        # Honest files store each element once. Without a limit, a small file whose tables all
        # point at one long vector would unfold into gigabytes.
        self.budget = 16 * len(data) + 2**20

    def spend(self, amount: int) -> None:
        self.budget -= amount
        require(self.budget >= 0, "its tables overlap")

    def model(self) -> FileModel:
        version = self.file.Version()
        require(version == SCHEMA_VERSION, f"schema version {version} is not {SCHEMA_VERSION}")
        count = self.length(self.file.SubgraphsLength())
        require(count >= 1, "it has no subgraph")
        codes = [
            self.operator_name(self.file.OperatorCodes(i))
            for i in range(self.length(self.file.OperatorCodesLength()))
        ]
        subgraphs = tuple(self.subgraph(self.file.Subgraphs(i), codes) for i in range(count))
        for subgraph in subgraphs:
            for operator in subgraph.operators:
                init = operator.options.get("InitSubgraphIndex", 0)
                require(0 <= init < count, f"CALL_ONCE calls subgraph {init} of {count}")
        return FileModel(self.source, subgraphs)

    def length(self, count: int) -> int:
        """The length of a vector of offsets, which must fit in the file."""
        require(0 <= count <= len(self.data) // 4, f"a list of {count} entries")
        self.spend(4 * count)
        return count

    def integers(self, length: int, values: Callable[[], Any]) -> tuple[int, ...]:
        """A vector of integers."""
        if not self.length(length):
            return ()
        return tuple(int(value) for value in values())

    def text(self, raw: bytes | None) -> str:
        self.spend(len(raw or b""))
        return (raw or b"").decode("utf-8", "replace")

    def operator_name(self, code: Any) -> str:
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = _OPERATOR_NAMES.get(number, f"operator {number}")
        if name == "CUSTOM":
            return f"custom operator {self.text(code.CustomCode())}"
        return name

    def subgraph(self, table: Any, codes: Sequence[str]) -> FileSubgraph:
        tensors = tuple(
            self.tensor(table.Tensors(i), i) for i in range(self.length(table.TensorsLength()))
        )
        count = len(tensors)
        operators = tuple(
            self.operator(table.Operators(i), codes, count)
            for i in range(self.length(table.OperatorsLength()))
        )
        inputs = self.integers(table.InputsLength(), table.InputsAsNumpy)
        outputs = self.integers(table.OutputsLength(), table.OutputsAsNumpy)
        for index in (*inputs, *outputs):
            require(0 <= index < count, f"input or output {index} of {count} tensors")
        return FileSubgraph(self.text(table.Name()), tensors, operators, inputs, outputs)

    def operator(self, table: Any, codes: Sequence[str], tensors: int) -> FileOperator:
        code = table.OpcodeIndex()
        require(0 <= code < len(codes), f"operator code {code} of {len(codes)}")
        inputs = self.integers(table.InputsLength(), table.InputsAsNumpy)
        outputs = self.integers(table.OutputsLength(), table.OutputsAsNumpy)
        require(all(-1 <= i < tensors for i in inputs) and all(0 <= i < tensors for i in outputs),
                f"{codes[code]} with inputs {inputs} and outputs {outputs} of {tensors} tensors")
        return FileOperator(codes[code], inputs, outputs, self.options(table, codes[code]))

    def options(self, table: Any, operator: str) -> dict[str, Any]:
        kind, fields = OPTIONS.get(operator, ("", ()))
        if not kind:
            return {}
        options = getattr(tflite, kind)()
        union = table.BuiltinOptions()
        if union is None:
            options.Init(_NO_OPTIONS.Bytes, _NO_OPTIONS.Pos)
        else:
            wanted = getattr(tflite.BuiltinOptions, kind)
            require(table.BuiltinOptionsType() == wanted,
                    f"{operator} with options of type {table.BuiltinOptionsType()}")
            options.Init(union.Bytes, union.Pos)
        return {name: self.option(options, name) for name in fields}

    def option(self, options: Any, name: str) -> Any:
        length = getattr(options, f"{name}Length", None)
        if length is not None:
            return self.integers(length(), getattr(options, f"{name}AsNumpy"))
        value = getattr(options, name)()
        return self.text(value) if isinstance(value, (bytes, type(None))) else value

    def tensor(self, table: Any, index: int) -> FileTensor:
        name = self.text(table.Name()) or f"tensor_{index}"
        kind = _TYPE_NAMES.get(table.Type(), f"type {table.Type()}")
        require(table.ShapeLength() <= _LARGEST_RANK, f"'{name}' has rank {table.ShapeLength()}")
        shape = self.integers(table.ShapeLength(), table.ShapeAsNumpy)
        signature = self.integers(table.ShapeSignatureLength(), table.ShapeSignatureAsNumpy)
        declared = signature if len(signature) == len(shape) else shape
        open_axes = tuple(
            axis for axis, size in enumerate(declared) if size == -1 and shape[axis] in (-1, 1)
        )
        shape = tuple(1 if size == -1 else size for size in shape)
        dtype = DType[kind] if kind in DType.__members__ else None
        require(min(shape, default=1) >= 0, f"'{name}' has shape {list(shape)}")
        require(math.prod(shape) * 8 <= _LARGEST_TENSOR, f"'{name}' has shape {list(shape)}")
        data = self.data_of(table, name, shape, kind, dtype)
        return FileTensor(
            name, shape, kind, DType.FLOAT32 if kind == _FLOAT16 and data is not None else dtype,
            data, self.quantization(table.Quantization(), name, shape, dtype),
            bool(table.IsVariable()), table.Sparsity() is not None, open_axes,
        )

    def data_of(
        self, table: Any, name: str, shape: tuple[int, ...], kind: str, dtype: DType | None
    ) -> np.ndarray | None:
        """Constant data as an array of its own, None where the tensor is computed."""
        stored = np.dtype(np.float16) if kind == _FLOAT16 else dtype.numpy if dtype else None
        raw = self.buffer(table.Buffer(), name)
        elements = math.prod(shape)
        if stored is None or (not raw.size and elements) or table.Sparsity() is not None:
            return None
        wanted = elements * stored.itemsize
        require(raw.size == wanted, f"'{name}' holds {raw.size} bytes, its shape needs {wanted}")
        self.spend(raw.size)
        if dtype is DType.BOOL:
            raw = (raw != 0).astype(np.uint8)
        array = np.frombuffer(raw.tobytes(), stored.newbyteorder("<")).reshape(shape)
        return array.astype(np.float32 if kind == _FLOAT16 else stored)

    def buffer(self, index: int, name: str) -> np.ndarray:
        count = self.file.BuffersLength()
        if index == 0 and count == 0:
            return np.empty(0, np.uint8)
        require(0 <= index < count, f"'{name}' is in buffer {index} of {count}")
        table = self.file.Buffers(index)
        if table.DataLength():
            return np.asarray(table.DataAsNumpy(), np.uint8)
        if table.Offset() > 1:  # models beyond 2 GiB keep their data behind the flatbuffer
            end = table.Offset() + table.Size()
            require(end <= len(self.data), f"'{name}' lies beyond the end of the file")
            return np.frombuffer(self.data, np.uint8, table.Size(), table.Offset())
        return np.empty(0, np.uint8)

    def quantization(
        self, table: Any, name: str, shape: tuple[int, ...], dtype: DType | None
    ) -> Quantization | None:
        if table is None or dtype is None or dtype is DType.FLOAT32 or not table.ScaleLength():
            return None
        axis, channels = table.QuantizedDimension(), table.ScaleLength()
        require(channels == 1 or (0 <= axis < len(shape) and channels == shape[axis]),
                f"'{name}' has {channels} scales along axis {axis} of shape {list(shape)}")
        self.length(channels)
        scale = np.array(table.ScaleAsNumpy(), np.float32)
        require(bool(np.isfinite(scale).all() and (scale >= 0).all()), f"scales of '{name}'")
        points = np.zeros(channels, np.int64)
        if table.ZeroPointLength():
            require(table.ZeroPointLength() in (1, channels), f"zero points of '{name}'")
            points[:] = table.ZeroPointAsNumpy()
        limits = np.iinfo(np.int8 if dtype is DType.BOOL else dtype.numpy)
        require(bool((points >= max(limits.min, -(2**31))).all()
                     and (points <= min(limits.max, 2**31 - 1)).all()),
                f"zero points of '{name}'")
        return Quantization(scale, points.astype(np.int32), axis if channels > 1 else None)


def require(condition: bool, message: str) -> None:
    """What is wrong with the file, unless `condition`; `read` adds its name."""
    if not condition:
        raise ValueError(message)


def _empty_table() -> Any:
    """A table without fields: what an operator that leaves its options out means."""
    builder = flatbuffers.Builder(16)
    builder.StartObject(0)
    builder.Finish(builder.EndObject())
    data = bytes(builder.Output())
    return flatbuffers.table.Table(data, flatbuffers.encode.Get(
        flatbuffers.packer.uoffset, data, 0))


_NO_OPTIONS = _empty_table()
