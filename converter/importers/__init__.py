"""Reading trained models: `load(path)` recognizes the format by content and imports it.

To add a format, add a module or folder with `matches` and `load` here, and one line to IMPORTERS.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from whit.converter.errors import InputError, ModelError
from whit.converter.importers import onnx, tflite
from whit.converter.ir import Graph

_HEAD = 4096


class Importer(Protocol):
    """FORMAT: what the format is called; matches(first bytes, path); load(path) -> Graph."""

    FORMAT: str

    def matches(self, head: bytes, path: Path) -> bool: ...

    def load(self, path: Path) -> Graph: ...


IMPORTERS: tuple[Importer, ...] = (
    tflite,
    onnx,
)


def load(path: str | os.PathLike[str]) -> Graph:
    """The graph of a model file of any format whit understands.

    Raises InputError where the file cannot be read, ModelError where it is damaged or of no known
    format, UnsupportedError where it holds something whit has not.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot read the model: {error.strerror or error}") from error
    for importer in IMPORTERS:
        if importer.matches(head, path):
            return importer.load(path)
    known = ", ".join(importer.FORMAT for importer in IMPORTERS)
    raise ModelError(f"{path}: not a model of a format that whit reads ({known})")
