"""What a rival is: something that opens a model and runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from whit.converter.errors import WhitError
from whit.converter.exporters import tflite
from whit.converter.ir import Graph
from whit.converter.rewrites import optimize
from whit.converter.tflite_schema import FILE_IDENTIFIER


class UnavailableError(Exception):
    """A rival that cannot take part; the message says why and what would help."""


class Runner(Protocol):
    """An opened model. `feed` and `outputs` follow the order of the model file's interface."""

    description: str

    def feed(self, inputs: Sequence[np.ndarray]) -> None: ...

    def invoke(self) -> None:
        """Run once on what was fed: the call that is timed."""

    def outputs(self) -> list[np.ndarray]: ...


@dataclass(frozen=True)
class Rival:
    """name: as --against takes it; install: the command that gets it."""

    name: str
    install: str
    open: Callable[[Subject], Runner]


@dataclass(frozen=True)
class Subject:
    """The model that everyone runs: its file, and its graph as imported, None for a .whit."""

    path: Path
    graph: Graph | None

    @cached_property
    def is_tflite(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(8)[4:] == FILE_IDENTIFIER

    @property
    def origin(self) -> str:
        """What a rival that reads TFLite gets: said where it is not the file itself."""
        return "" if self.is_tflite else ", model exported to .tflite by whit"

    @cached_property
    def as_tflite(self) -> bytes:
        """The model as a .tflite file: itself, or exported. Raises UnavailableError."""
        if self.is_tflite:
            return self.path.read_bytes()
        if self.graph is None:
            raise UnavailableError("a .whit program runs on whit only; give the model it came from")
        try:
            return tflite.export(optimize(self.graph))
        except WhitError as error:
            raise UnavailableError(f"the model cannot be exported to .tflite: {error}") from error


def missing(install: str) -> UnavailableError:
    return UnavailableError(f"not installed; get it with: {install}")
