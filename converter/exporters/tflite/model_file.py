"""A .tflite file as plain records, and their serialization (TFLite schema version 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from whit.converter.ir import DType, Quantization
from whit.converter.tflite_schema import FILE_IDENTIFIER, SCHEMA_VERSION

_DATA_ALIGNMENT = 16  # what the schema asks of buffers, so that weights can be read in place
_LARGEST_OLD_CODE = 127  # operators up to here are also written where old readers look

TENSOR_TYPES: dict[DType, int] = {d: getattr(tflite.TensorType, d.name) for d in DType}


@dataclass(frozen=True)
class TensorRecord:
    name: str
    shape: tuple[int, ...]
    type: int
    buffer: int = 0
    quantization: Quantization | None = None


@dataclass(frozen=True)
class OperatorRecord:
    """inputs: tensor indices, -1 for one that is absent; options: fields by schema name."""

    operator: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Subgraph:
    name: str
    tensors: list[TensorRecord] = field(default_factory=list)
    operators: list[OperatorRecord] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def add(self, tensor: TensorRecord) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


@dataclass
class ModelFile:
    """Subgraphs and the constant data they share; the first subgraph is the model."""

    description: str
    subgraphs: list[Subgraph] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    _known: dict[bytes, int] = field(default_factory=dict)

    def buffer(self, data: np.ndarray) -> int:
        """The index of a buffer that holds `data`, little-endian; equal data is stored once."""
        raw = data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes()
        if raw not in self._known:
            self._known[raw] = len(self.buffers)
            self.buffers.append(raw)
        return self._known[raw]

    def serialize(self) -> bytes:
        builder = flatbuffers.Builder(sum(map(len, self.buffers)) + 4096)
        codes: dict[tuple[str, int], int] = {}
        for subgraph in self.subgraphs:
            for record in subgraph.operators:
                codes.setdefault((record.operator, record.version), len(codes))
        fields = {
            "Version": SCHEMA_VERSION,
            "Description": builder.CreateString(self.description),
            "Buffers": _offsets(
                builder, tflite.ModelStartBuffersVector, [_buffer(builder, b) for b in self.buffers]
            ),
            "Subgraphs": _offsets(
                builder,
                tflite.ModelStartSubgraphsVector,
                [_subgraph(builder, subgraph, codes) for subgraph in self.subgraphs],
            ),
            "OperatorCodes": _offsets(
                builder,
                tflite.ModelStartOperatorCodesVector,
                [_operator_code(builder, name, version) for name, version in codes],
            ),
            "SignatureDefs": _offsets(
                builder,
                tflite.ModelStartSignatureDefsVector,
                [_signature(builder, self.subgraphs[0])],
            ),
        }
        builder.Finish(_table(builder, "Model", fields), FILE_IDENTIFIER)
        return bytes(builder.Output())


def _table(builder: Any, kind: str, fields: Mapping[str, Any]) -> int:
    """A table of the schema; its strings and vectors must have been created before."""
    getattr(tflite, f"{kind}Start")(builder)
    for name, value in fields.items():
        getattr(tflite, f"{kind}Add{name}")(builder, value)
    return int(getattr(tflite, f"{kind}End")(builder))


def _offsets(builder: Any, start: Callable[[Any, int], Any], offsets: Sequence[int]) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _numbers(builder: Any, values: Iterable[Any], dtype: Any) -> int:
    return int(builder.CreateNumpyVector(np.array(list(values), dtype)))


def _buffer(builder: Any, data: bytes) -> int:
    if not data:
        return _table(builder, "Buffer", {})
    builder.StartVector(1, len(data), _DATA_ALIGNMENT)
    builder.head = builder.head - len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return _table(builder, "Buffer", {"Data": builder.EndVector()})


def _operator_code(builder: Any, name: str, version: int) -> int:
    code = getattr(tflite.BuiltinOperator, name)
    return _table(builder, "OperatorCode", {
        "DeprecatedBuiltinCode": min(code, _LARGEST_OLD_CODE),
        "Version": version,
        "BuiltinCode": code,
    })


def _subgraph(builder: Any, subgraph: Subgraph, codes: Mapping[tuple[str, int], int]) -> int:
    tensors = [_tensor(builder, tensor) for tensor in subgraph.tensors]
    operators = [
        _operator(builder, record, codes[record.operator, record.version])
        for record in subgraph.operators
    ]
    return _table(builder, "SubGraph", {
        "Tensors": _offsets(builder, tflite.SubGraphStartTensorsVector, tensors),
        "Inputs": _numbers(builder, subgraph.inputs, np.int32),
        "Outputs": _numbers(builder, subgraph.outputs, np.int32),
        "Operators": _offsets(builder, tflite.SubGraphStartOperatorsVector, operators),
        "Name": builder.CreateString(subgraph.name),
    })


def _tensor(builder: Any, tensor: TensorRecord) -> int:
    fields = {
        "Shape": _numbers(builder, tensor.shape, np.int32),
        "Type": tensor.type,
        "Buffer": tensor.buffer,
        "Name": builder.CreateString(tensor.name),
        "HasRank": True,
    }
    if tensor.quantization is not None:
        fields["Quantization"] = _table(builder, "QuantizationParameters", {
            "Scale": _numbers(builder, tensor.quantization.scale, np.float32),
            "ZeroPoint": _numbers(builder, tensor.quantization.zero_point, np.int64),
            "QuantizedDimension": tensor.quantization.axis or 0,
        })
    return _table(builder, "Tensor", fields)


def _operator(builder: Any, record: OperatorRecord, code: int) -> int:
    fields = {
        "OpcodeIndex": code,
        "Inputs": _numbers(builder, record.inputs, np.int32),
        "Outputs": _numbers(builder, record.outputs, np.int32),
    }
    if record.options_type:
        options: dict[str, Any] = {}
        for name, value in record.options.items():
            if isinstance(value, str):
                options[name] = builder.CreateString(value)
            elif isinstance(value, tuple):
                options[name] = _numbers(builder, value, np.int32)
            else:
                options[name] = value
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, record.options_type)
        fields["BuiltinOptions"] = _table(builder, record.options_type, options)
    return _table(builder, "Operator", fields)


def _signature(builder: Any, subgraph: Subgraph) -> int:
    """The signature TensorFlow's converter gives a model, so that tools find inputs by name."""

    def entries(start: Callable[[Any, int], Any], indices: Sequence[int]) -> int:
        maps = [
            _table(builder, "TensorMap", {
                "Name": builder.CreateString(subgraph.tensors[index].name), "TensorIndex": index,
            })
            for index in indices
        ]
        return _offsets(builder, start, maps)

    return _table(builder, "SignatureDef", {
        "Inputs": entries(tflite.SignatureDefStartInputsVector, subgraph.inputs),
        "Outputs": entries(tflite.SignatureDefStartOutputsVector, subgraph.outputs),
        "SignatureKey": builder.CreateString("serving_default"),
        "SubgraphIndex": 0,
    })
