"""A read file to a graph: every operator converted, everything unsupported told at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whit.converter.check import check
from whit.converter.errors import ModelError, Refusal, RefusedError, UnsupportedError
from whit.converter.importers.tflite.context import EXPORT_STATIC, Context
from whit.converter.importers.tflite.operators import CONVERSIONS
from whit.converter.importers.tflite.reader import FileModel, FileOperator, FileTensor
from whit.converter.importers.tflite.variables import Variables
from whit.converter.ir import DType, Graph, Tensor
from whit.converter.ops import OperatorError

_TYPES = (
    DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT32, DType.INT64, DType.BOOL,
)
_UINT8_OPERATORS = ("QUANTIZE", "DEQUANTIZE")
_EXPORT_AGAIN = "export the model again"


def import_model(model: FileModel) -> Graph:
    """The graph of the first subgraph; ModelError or UnsupportedError where there is none."""
    return _Import(model).graph()


class _Import:
    def __init__(self, model: FileModel):
        self.model = model
        self.context = Context(
            model.subgraphs[0], Graph(Path(model.source).stem, source=model.source))
        self.variables = Variables(model)
        self.conversions: dict[str, Callable[[Context, FileOperator], None]] = {
            **CONVERSIONS,
            "CALL_ONCE": self.variables.call_once,
            "VAR_HANDLE": self.variables.var_handle,
            "READ_VARIABLE": self.variables.read_variable,
            "ASSIGN_VARIABLE": self.variables.assign_variable,
        }
        self.refusals: list[Refusal] = []
        self.doubtful: set[int] = set()  # tensors that only a refused operator computes

    def graph(self) -> Graph:
        context, graph, subgraph = self.context, self.context.graph, self.context.subgraph
        if not subgraph.operators or not subgraph.outputs:
            raise ModelError(f"{self.model.source}: the model computes nothing")
        for index in subgraph.inputs:
            self.add_input(index)
        for position, op in enumerate(subgraph.operators):
            self.convert(op, position)
        graph.states, refused = self.variables.states(context)
        for name, error in refused:
            self.refuse(name, "READ_VARIABLE", error)
        for index in subgraph.outputs:
            self.add_output(index)
        if self.refusals:
            raise UnsupportedError(self.model.source, self.refusals)
        self.drop_parameters()
        return check(graph)

    def drop_parameters(self) -> None:
        """Forget constants that became attributes: shapes, paddings, axes."""
        graph = self.context.graph
        used = {name for node in graph.nodes for name in (*node.inputs, *node.outputs)}
        used |= {state.input for state in graph.states}
        used |= {*graph.inputs, *graph.outputs}
        graph.tensors = {name: t for name, t in graph.tensors.items() if name in used}

    def add_input(self, index: int) -> None:
        name, tensor = self.context.names[index], self.context.tensor(index)
        reason = _wrong_activation(tensor) or _open_shape(tensor)
        if name in self.context.graph.tensors:
            raise ModelError(f"{self.model.source}: '{name}' is an input twice")
        if reason is not None or tensor.dtype is None:
            self.refuse(name, "input", reason or RefusedError("no type", _EXPORT_AGAIN))
            self.doubtful.add(index)
        self.context.graph.add(_declared(name, tensor))
        self.context.graph.inputs.append(name)

    def add_output(self, index: int) -> None:
        try:
            self.context.graph.outputs.append(self.context.read(index).name)
        except RefusedError as error:
            self.refuse(self.context.names[index], "output", error)

    def convert(self, op: FileOperator, position: int) -> None:
        try:
            if op.operator not in self.conversions:
                raise RefusedError("whit has no such operator",
                                   "replace it in the model, or end the model before it")
            self.check_types(op)
            self.conversions[op.operator](self.context, op)
            self.check_outputs(op)
        except RefusedError as error:
            self.refuse_operator(op, position, error)
        except OperatorError as error:
            # What follows a refused operator may be wrong for that reason alone.
            followed = self.doubtful.intersection(op.inputs)
            self.refuse_operator(
                op, position, None if followed else RefusedError(str(error), _EXPORT_AGAIN))

    def check_types(self, op: FileOperator) -> None:
        """What the catalogue cannot know: types and quantizations of TFLite that whit has not."""
        for index in (*op.inputs, *op.outputs):
            if index < 0 or index in self.variables.handles or op.operator == "VAR_HANDLE":
                continue
            tensor = self.context.tensor(index)
            if tensor.dtype is DType.UINT8 and op.operator not in _UINT8_OPERATORS:
                raise RefusedError(
                    f"'{tensor.name}' is uint8, TFLite's first quantization",
                    "convert the model again with int8 quantization (uint8 is for its inputs and "
                    "outputs only)")
            if tensor.data is None:
                wrong = _wrong_activation(tensor)
                if wrong is not None:
                    raise wrong

    def check_outputs(self, op: FileOperator) -> None:
        """The file's own idea of the outputs must be ours; [] may mean that it has none."""
        for index in op.outputs:
            declared = self.context.tensor(index)
            computed = self.context.graph.tensors.get(self.context.names[index])
            if computed is None:
                continue
            if declared.dtype is not computed.dtype or (
                declared.shape and declared.shape != computed.shape
            ):
                raise RefusedError(
                    f"the file says '{computed.name}' is {declared.type.lower()}"
                    f"{list(declared.shape)}, but it is {computed.dtype.value}"
                    f"{list(computed.shape)}", EXPORT_STATIC)

    def refuse_operator(self, op: FileOperator, position: int, error: RefusedError | None) -> None:
        """Note the refusal and stand in for what the operator computes, to check what follows."""
        indices = [index for index in (*op.outputs, *op.inputs) if index >= 0]
        name = self.context.names[indices[0]] if indices else f"operator {position}"
        if error is not None:
            self.refuse(name, op.operator, error)
        for index in op.outputs:
            self.doubtful.add(index)
            self.context.graph.add(
                _declared(self.context.names[index], self.context.tensor(index)))

    def refuse(self, name: str, operator: str, error: RefusedError) -> None:
        self.refusals.append(error.of(name, operator))


def _wrong_activation(tensor: FileTensor) -> RefusedError | None:
    """Why whit cannot compute such a tensor at run time; None where it can."""
    if tensor.dtype not in _TYPES:
        return RefusedError(f"'{tensor.name}' is of type {tensor.type.lower()}",
                            "convert the model to float32 or int8")
    if 0 in tensor.shape:
        return RefusedError(f"'{tensor.name}' has the empty shape {list(tensor.shape)}",
                            EXPORT_STATIC)
    if tensor.dtype not in (DType.INT8, DType.UINT8):
        return None
    if tensor.quantization is None:
        return RefusedError(f"'{tensor.name}' is {tensor.dtype.value} without a scale",
                            "quantize the model with a current converter")
    if not tensor.quantization.is_per_tensor or not tensor.quantization.scale.all():
        return RefusedError(f"'{tensor.name}' is computed with a scale per channel, or scale 0",
                            "quantize activations per tensor")
    return None


def _open_shape(tensor: FileTensor) -> RefusedError | None:
    """Why an input's shape is not static; the batch is taken as 1 where it is left open."""
    axes = [axis for axis in tensor.open_axes if axis > 0]
    if not axes:
        return None
    return RefusedError(f"its dimension {axes[0]} is not fixed", EXPORT_STATIC)


def _declared(name: str, tensor: FileTensor) -> Tensor:
    """A graph tensor as the file declares it, valid even where it was refused."""
    dtype = tensor.dtype or DType.FLOAT32
    return Tensor(name, tuple(size or 1 for size in tensor.shape), dtype, None,
                  None if dtype is DType.FLOAT32 else tensor.quantization)
