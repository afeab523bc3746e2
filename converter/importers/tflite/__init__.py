"""TFLite models: float32, int8, int8 with uint8 inputs and outputs, and streaming ones."""

from __future__ import annotations

from pathlib import Path

from whit.converter.errors import InputError
from whit.converter.importers.tflite.model import import_model
from whit.converter.importers.tflite.reader import read
from whit.converter.ir import Graph
from whit.converter.tflite_schema import FILE_IDENTIFIER

FORMAT = "TFLite (.tflite)"


def matches(head: bytes, path: Path) -> bool:
    """Whether a file is TFLite: by its identifier, or by its name where that is damaged."""
    return head[4:8] == FILE_IDENTIFIER or path.suffix == ".tflite"


def load(path: Path) -> Graph:
    """The graph of a .tflite file; ModelError or UnsupportedError where there is none."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the model: {error.strerror or error}") from error
    return load_bytes(data, str(path))


def load_bytes(data: bytes, source: str = "model.tflite") -> Graph:
    """The graph of a .tflite file's bytes; `source` is what errors call it.

    Tensors keep the file's names; of equal ones, the later get a number.
    """
    return import_model(read(data, source))
