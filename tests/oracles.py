"""Other people's runtimes, to compare with: TFLM (bits), LiteRT and ONNX Runtime (reals).

Each takes a model and a list of inputs (a mapping by tensor name, a list in the model's order, or
one array), runs them one after another in one interpreter, so that streaming models keep their
state, and returns one mapping of outputs by tensor name per input. A test is skipped where the
package is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.support import as_mapping
from whit.converter.ir import DType

Inputs = Mapping[str, np.ndarray] | Sequence[np.ndarray] | np.ndarray
Outputs = list[dict[str, np.ndarray]]


class Tflm:
    """A tflite-micro interpreter: reference kernels, one model, any number of runs."""

    def __init__(self, model: bytes, all_tensors: bool = False, arena: int | None = None):
        runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
        schema = pytest.importorskip("tflite")
        self._graph = schema.Model.GetRootAs(model, 0).Subgraphs(0)
        self.names = _unique_names(self._graph)
        self.inputs = [self.names[i] for i in self._graph.InputsAsNumpy()]
        self.outputs = [self.names[i] for i in self._graph.OutputsAsNumpy()]
        self._taps = _computed(self._graph, schema.TensorType) if all_tensors else None
        config = runtime.InterpreterConfig
        mode = config.kPreserveAllTensors if all_tensors else config.kAllocationRecording
        size = arena or 20 * len(model) + (32 << 20 if all_tensors else 8 << 20)
        self._interpreter: Any = None
        self._make: Callable[[], Any] = lambda: runtime.Interpreter.from_bytes(
            model, arena_size=size, intrepreter_config=mode
        )
        self.reset()

    def reset(self) -> None:
        """Back to the state of a fresh interpreter (TFLM's own reset skips CALL_ONCE)."""
        self._interpreter = self._make()

    def run(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Outputs by name; with all_tensors, every tensor an operator computed as well."""
        given = as_mapping(inputs, self.inputs)
        for index, name in enumerate(self.inputs):
            self._interpreter.set_input(np.ascontiguousarray(given[name]), index)
        self._interpreter.invoke()
        results = {}
        for index in self._taps or ():
            tensor = self._interpreter.GetTensor(index, 0)
            results[self.names[index]] = tensor["tensor_data"]
        for index, name in enumerate(self.outputs):
            results[name] = self._interpreter.get_output(index)
        return results


def tflm(model: bytes, inputs: Iterable[Inputs], all_tensors: bool = False) -> Outputs:
    """What TFLM's reference kernels compute, run after run.

    all_tensors adds every tensor that an operator of the main graph computes, named as in the
    file; a name borne twice gets a number, as the importer gives it.
    """
    interpreter = Tflm(model, all_tensors)
    return [interpreter.run(each) for each in inputs]


def litert(model: bytes, inputs: Iterable[Inputs], reference: bool = True) -> Outputs:
    """What LiteRT computes: its reference kernels, or those it takes by default (XNNPACK)."""
    interpreter = litert_interpreter(model, reference)
    interpreter.allocate_tensors()
    details = {d["name"]: d["index"] for d in interpreter.get_input_details()}
    results = []
    for each in inputs:
        for name, value in as_mapping(each, list(details)).items():
            interpreter.set_tensor(details[name], value)
        interpreter.invoke()
        results.append({
            d["name"]: interpreter.get_tensor(d["index"]).copy()
            for d in interpreter.get_output_details()
        })
    return results


def litert_interpreter(model: bytes, reference: bool = True, **options: Any) -> Any:
    """An `Interpreter` of ai-edge-litert, or of tflite-runtime where that is what is installed."""
    try:
        from ai_edge_litert import interpreter as package
    except ImportError:
        package = pytest.importorskip("tflite_runtime.interpreter")
    resolver = (
        package.OpResolverType.BUILTIN_REF if reference else package.OpResolverType.AUTO
    )
    return package.Interpreter(
        model_content=model, experimental_op_resolver_type=resolver, num_threads=1, **options
    )


def onnxruntime(model: bytes | Any, inputs: Iterable[Inputs]) -> Outputs:
    """What ONNX Runtime computes on the CPU; `model` is a file's bytes or a path."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(
        model if isinstance(model, bytes) else str(model), options, ["CPUExecutionProvider"]
    )
    names = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]
    return [
        dict(zip(outputs, session.run(outputs, as_mapping(each, names)), strict=True))
        for each in inputs
    ]


def _unique_names(graph: Any) -> list[str]:
    names: list[str] = []
    for index in range(graph.TensorsLength()):
        name = wanted = (graph.Tensors(index).Name() or b"").decode() or f"tensor_{index}"
        number = 0
        while name in names:
            number += 1
            name = f"{wanted}_{number}"
        names.append(name)
    return names


def _computed(graph: Any, types: Any) -> list[int]:
    readable = {getattr(types, dtype.name) for dtype in DType}
    return [
        int(index)
        for position in range(graph.OperatorsLength())
        if graph.Operators(position).OutputsLength()
        for index in graph.Operators(position).OutputsAsNumpy()
        if graph.Tensors(int(index)).Type() in readable
    ]
