"""ONNX models: float32, and int8 as QDQ or QLinear operators; opset 7 and later.

An ONNX graph is NCHW. Each spatial operator is imported as transpose, NHWC operator, transpose
back, and the layout pass cancels the transposes before the graph is handed out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from whit.converter.importers.onnx.recognize import is_onnx
from whit.converter.ir import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

FORMAT = "ONNX"

# The onnx package takes long to import, so only who reads an ONNX model does it.


def matches(head: bytes, path: Path) -> bool:
    return path.suffix.lower() == ".onnx" or is_onnx(head)


def load(path: Path) -> Graph:
    """The graph of an ONNX file.

    Raises InputError where it cannot be read, ModelError where it is damaged, UnsupportedError
    naming everything in it that whit does not support.
    """
    from whit.converter.importers.onnx.reader import read

    return load_model(read(path), str(path))


def load_model(model: ModelProto, source: str = "model.onnx") -> Graph:
    """The graph of an ONNX model in memory; `source` is what errors call it. Raises as `load`."""
    from whit.converter.importers.onnx.importer import import_model

    return import_model(model, source)


__all__ = ["FORMAT", "load", "load_model", "matches"]
