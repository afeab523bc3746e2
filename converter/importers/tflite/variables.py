"""Resource variables, by which streaming models keep state, as loop-carried states.

In the file a variable is read and assigned by operators, in their order; in the graph a state is
what one tensor was at the end of the last run. A read before any assignment gives the state, a
read after one gives what was assigned, and the last assignment of a run is what the next begins
with. Before the first run a variable is what the CALL_ONCE subgraph assigns, else what TFLM
makes it: its tensor's zero point, or 0 where it is not quantized.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.tflite.context import Context, unique_names
from whit.converter.importers.tflite.reader import FileModel, FileOperator, FileTensor
from whit.converter.ir import DType, Quantization, State, Tensor

Key = tuple[str, str]
_LARGEST_STATE = 64 << 20  # bytes; a bound on what a damaged shape can allocate
_KEEP_TYPE = "assign and read one variable with one shape, type and quantization"


class Variables:
    """The variables of a model while its main subgraph is converted, operator by operator."""

    def __init__(self, model: FileModel):
        self.model = model
        self.handles: dict[int, Key] = {}
        self.initial: dict[Key, FileTensor] = {}
        self.read_as: dict[Key, str] = {}  # the tensor that a run begins with
        self.assigned: dict[Key, str] = {}  # what was assigned last in this run

    def var_handle(self, context: Context, op: FileOperator) -> None:
        context.output(op)
        self.handles[op.outputs[0]] = _key(op)

    def call_once(self, context: Context, op: FileOperator) -> None:
        """Note the initial values: the subgraph may only assign constants."""
        if self.read_as or self.assigned:
            raise RefusedError("it runs after a variable was read or assigned",
                               "initialize variables first")
        index = op.options["InitSubgraphIndex"]
        subgraph = self.model.subgraphs[index]
        handles: dict[int, Key] = {}
        for each in subgraph.operators:
            if each.operator == "VAR_HANDLE" and each.outputs:
                handles[each.outputs[0]] = _key(each)
            elif (each.operator == "ASSIGN_VARIABLE" and len(each.inputs) == 2
                  and each.inputs[0] in handles and each.inputs[1] >= 0
                  and subgraph.tensors[each.inputs[1]].data is not None):
                self.initial[handles[each.inputs[0]]] = subgraph.tensors[each.inputs[1]]
            else:
                names = unique_names(subgraph.tensors)
                what = names[each.outputs[0]] if each.outputs else f"of subgraph {index}"
                raise RefusedError(
                    f"the subgraph it calls has {each.operator} '{what}', and whit only takes "
                    "assignments of constants there", "give variables constant initial values")

    def read_variable(self, context: Context, op: FileOperator) -> None:
        key, name = self.key(op), context.output(op)
        declared = context.output_tensor(op)
        current = self.assigned.get(key) or self.read_as.get(key)
        if current is not None:
            self.require_alike(context.graph.tensors[current], declared)
            context.convert(op, "reshape", [current], shape=context.graph.tensors[current].shape)
            return
        if declared.dtype is None:
            raise RefusedError(f"it is of type {declared.type}", "use float32 or int8")
        context.graph.add(Tensor(
            name, declared.shape, declared.dtype, None,
            None if declared.dtype is DType.FLOAT32 else declared.quantization))
        self.read_as[key] = name

    def assign_variable(self, context: Context, op: FileOperator) -> None:
        key, value = self.key(op), context.input(op, 1)
        if key in self.read_as:
            self.require_alike(context.graph.tensors[self.read_as[key]], value)
        self.assigned[key] = value.name

    def key(self, op: FileOperator) -> Key:
        if not op.inputs or op.inputs[0] not in self.handles:
            raise RefusedError("its first input is no handle that VAR_HANDLE made",
                               "export the model again")
        return self.handles[op.inputs[0]]

    def require_alike(self, a: Tensor, b: Tensor | FileTensor) -> None:
        if (a.shape, a.dtype) != (b.shape, b.dtype) or (
            a.dtype is not DType.FLOAT32 and a.quantization != b.quantization
        ):
            raise RefusedError(f"'{a.name}' and '{b.name}' of one variable differ", _KEEP_TYPE)

    def states(self, context: Context) -> tuple[list[State], list[tuple[str, RefusedError]]]:
        """The states, and what is wrong with any: (tensor name, why).

        A variable that is read and never assigned becomes a constant.
        """
        states: list[State] = []
        refused: list[tuple[str, RefusedError]] = []
        for key, name in self.read_as.items():
            tensor = context.graph.tensors[name]
            try:
                initial = self.initial_value(key, tensor)
            except RefusedError as error:
                refused.append((name, error))
                continue
            if key in self.assigned:
                states.append(State(name, self.assigned[key], initial))
            else:  # nothing ever changes it
                context.graph.add(replace(tensor, data=initial))
        return states, refused

    def initial_value(self, key: Key, tensor: Tensor) -> np.ndarray:
        given = self.initial.get(key)
        if given is not None and given.data is not None:
            quantization = given.quantization or tensor.quantization
            if (given.shape, given.dtype) != (tensor.shape, tensor.dtype) or (
                tensor.dtype is not DType.FLOAT32 and quantization != tensor.quantization
            ):
                raise RefusedError(f"'{tensor.name}' and its initial value '{given.name}' differ",
                                   _KEEP_TYPE)
            return given.data
        if tensor.bytes > _LARGEST_STATE:
            raise RefusedError(f"a state of {tensor.bytes} bytes", "use a smaller one")
        return np.full(tensor.shape, _zero(tensor.quantization), tensor.dtype.numpy)


def _key(op: FileOperator) -> Key:
    return op.options["Container"], op.options["SharedName"]


def _zero(quantization: Quantization | None) -> int:
    return 0 if quantization is None else int(quantization.zero_point[0])
