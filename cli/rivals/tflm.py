"""TensorFlow Lite Micro on the desktop: the PyPI package, which links the reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from whit.cli.rivals.rival import Rival, Subject, UnavailableError, missing

INSTALL = "pip install tflite-micro"
_ARENA_BYTES = 64 << 20


class _Tflm:
    def __init__(self, subject: Subject):
        try:
            from tflite_micro.python.tflite_micro import runtime
        except ImportError:
            raise missing(INSTALL) from None
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                subject.as_tflite, arena_size=_ARENA_BYTES
            )
        except (ValueError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnavailableError(f"refuses the model: {reason}") from error
        self._output_count = len(subject.graph.outputs) if subject.graph else 1
        self._fed: list[np.ndarray] = []
        self.description = f"tflite-micro {version('tflite-micro')}, reference kernels"
        self.description += subject.origin

    def feed(self, inputs: Sequence[np.ndarray]) -> None:
        self._fed = list(inputs)
        try:
            self._copy_in()
        except (ValueError, RuntimeError) as error:
            raise UnavailableError(f"takes other inputs: {error}") from error

    def invoke(self) -> None:
        self._copy_in()  # a run may overwrite its input
        self._interpreter.invoke()

    def _copy_in(self) -> None:
        for index, array in enumerate(self._fed):
            self._interpreter.set_input(array, index)

    def outputs(self) -> list[np.ndarray]:
        return [self._interpreter.get_output(index) for index in range(self._output_count)]


RIVAL = Rival("tflm", INSTALL, _Tflm)
