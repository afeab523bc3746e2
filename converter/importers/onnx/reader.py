"""Reading and checking an ONNX file, its external data included."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.checker
import onnx.inliner
from google.protobuf.message import DecodeError

from whit.converter.errors import InputError, ModelError

LEAST_OPSET = 7


def read(path: Path) -> onnx.ModelProto:
    """The checked model in `path`, its external data loaded.

    Raises InputError where a file cannot be read, ModelError where one is damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the model: {error.strerror or error}") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: damaged, or not an ONNX model") from error
    _load_external_data(model, path)
    return model


def checked(model: onnx.ModelProto, source: str) -> onnx.ModelProto:
    """A copy of `model`, local functions inlined, if it keeps ONNX's rules; else ModelError."""
    original, model = model, onnx.ModelProto()
    model.CopyFrom(original)
    if not model.HasField("graph"):
        raise ModelError(f"{source}: holds no graph, so it is damaged or not an ONNX model")
    opset = default_opset(model)
    if opset < LEAST_OPSET:
        raise ModelError(
            f"{source}: ONNX opset {opset} is older than {LEAST_OPSET}; convert the model with "
            "onnx.version_converter"
        )
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise ModelError(
            f"{source}: ONNX opset {opset} is newer than {newest}, the latest that the installed "
            "onnx package knows; pip install -U onnx, or export with an older opset"
        )
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            # Tools leave it out, the checker wants it, and the import infers its own.
            output.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
    # The checker raises its own error, and protobuf's and Python's for what it does not foresee.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{source}: breaks ONNX's rules: {reason}") from error
    return model


def default_opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators; 1 where the model does not say."""
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    return int(max(versions, default=1))


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Every tensor stored in a graph, those of attributes and inner graphs included."""
    found = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                found.append(attribute.t)
            found.extend(attribute.tensors)
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                found.extend(_tensors(inner))
    return found


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    folder = path.resolve().parent
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        place = {entry.key: entry.value for entry in tensor.external_data}
        location = place.get("location", "")
        file = (folder / location).resolve()
        if not location or folder not in file.parents:
            raise ModelError(
                f"{path}: the data of tensor '{tensor.name}' lies outside the model's folder, in "
                f"'{location}'; save the model with its data beside it"
            )
        try:
            offset = int(place.get("offset", "0"))
            length = int(place["length"]) if "length" in place else -1
            with file.open("rb") as data:
                data.seek(offset)
                tensor.raw_data = data.read(length)
        except (OSError, ValueError, OverflowError, MemoryError) as error:
            raise ModelError(
                f"{path}: cannot read the data of tensor '{tensor.name}' from '{location}'"
            ) from error
        if length >= 0 and len(tensor.raw_data) != length:
            raise ModelError(f"{path}: the data file '{location}' is too short")
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
