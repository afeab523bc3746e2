"""ONNX Runtime's CPU provider on one thread, inputs and outputs bound ahead of the run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whit.cli.rivals.rival import Rival, Subject, UnavailableError, missing

INSTALL = "pip install onnxruntime"


class _OnnxRuntime:
    def __init__(self, subject: Subject):
        try:
            import onnxruntime
        except ImportError:
            raise missing(INSTALL) from None
        if subject.is_tflite or subject.graph is None:
            raise UnavailableError("reads .onnx files only; give the model in that format")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(subject.path), options, ["CPUExecutionProvider"]
            )
        # ONNX Runtime's own exceptions share no base but Exception.
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnavailableError(f"refuses the model: {reason}") from error
        self._binding = self._session.io_binding()
        self.description = f"onnxruntime {onnxruntime.__version__}, CPU provider"

    def feed(self, inputs: Sequence[np.ndarray]) -> None:
        for wanted, array in zip(self._session.get_inputs(), inputs, strict=True):
            self._binding.bind_cpu_input(wanted.name, np.ascontiguousarray(array))
        for produced in self._session.get_outputs():
            self._binding.bind_output(produced.name)

    def invoke(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> list[np.ndarray]:
        return list(self._binding.copy_outputs_to_cpu())


RIVAL = Rival("onnxruntime", INSTALL, _OnnxRuntime)
