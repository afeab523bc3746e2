"""LiteRT (formerly TensorFlow Lite) as it comes: optimized kernels, XNNPACK, one thread."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from whit.cli.rivals.rival import Rival, Subject, UnavailableError, missing

INSTALL = "pip install ai-edge-litert"


class _LiteRt:
    def __init__(self, subject: Subject):
        package, name = _package()
        try:
            self._interpreter = package.Interpreter(
                model_content=subject.as_tflite, num_threads=1
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UnavailableError(f"refuses the model: {_first_line(error)}") from error
        self._inputs = [d["index"] for d in self._interpreter.get_input_details()]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]
        self.invoke = self._interpreter.invoke
        self.description = f"{name} {version(name)}, XNNPACK{subject.origin}"

    def feed(self, inputs: Sequence[np.ndarray]) -> None:
        try:
            for index, array in zip(self._inputs, inputs, strict=True):
                self._interpreter.set_tensor(index, array)
        except ValueError as error:
            raise UnavailableError(f"takes other inputs: {_first_line(error)}") from error

    def outputs(self) -> list[np.ndarray]:
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _package() -> tuple[Any, str]:
    try:
        from ai_edge_litert import interpreter

        return interpreter, "ai-edge-litert"
    except ImportError:
        pass
    try:
        from tflite_runtime import interpreter as older

        return older, "tflite-runtime"
    except ImportError:
        raise missing(INSTALL) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


RIVAL = Rival("litert", INSTALL, _LiteRt)
