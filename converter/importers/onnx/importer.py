"""The import itself: nodes in order, refusals collected, layouts settled at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.shape_inference

from whit.converter.build import add_node
from whit.converter.check import check
from whit.converter.errors import ModelError, Refusal, RefusedError, UnsupportedError, WhitError
from whit.converter.importers.onnx import (
    convolution,
    elementwise,
    pooling,
    quantized,
    resize,
    shape,
)
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.folding import fold, foldable
from whit.converter.importers.onnx.reader import checked, default_opset
from whit.converter.importers.onnx.values import Constant, OnnxNode
from whit.converter.ir import DType, Graph, Quantization, Tensor
from whit.converter.ops import OperatorError
from whit.converter.rewrites import LAYOUT_PASSES, run
from whit.converter.rewrites.edit import rename_tensors
from whit.converter.rewrites.quantize_dequantize import BEFORE, make_islands_int8

Handler = Callable[[Context, OnnxNode], None]

OPERATORS: dict[str, Handler] = {
    **convolution.OPERATORS,
    **elementwise.OPERATORS,
    **pooling.OPERATORS,
    **quantized.OPERATORS,
    **resize.OPERATORS,
    **shape.OPERATORS,
}

_DOMAINS = ("", "ai.onnx", "com.microsoft")
_STATIC = ("Shape", "Size")  # constants whatever the input holds
_FIX_SHAPE = (
    "fix it with 'python -m onnxruntime.tools.make_dynamic_shape_fixed' or export static shapes"
)


def import_model(model: onnx.ModelProto, source: str) -> Graph:
    """The graph of an ONNX model, whose external data is loaded already.

    source: what errors call it. Raises ModelError where it is damaged, UnsupportedError naming
    everything that whit does not support.
    """
    model = checked(model, source)
    try:
        return _Import(model, source).run()
    except WhitError:
        raise
    # What the checker lets through can still break anything: sizes, types, references.
    except Exception as error:
        raise ModelError(f"{source}: damaged ONNX model ({_brief(error)})") from error


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


class _Import:
    def __init__(self, model: onnx.ModelProto, source: str):
        self.model = model
        self.source = source
        self.refusals: list[Refusal] = []
        proto = model.graph
        graph = Graph(proto.name or "model", source=source)
        names = {name for node in proto.node for name in (*node.input, *node.output)}
        names.update(value.name for value in (*proto.input, *proto.output, *proto.initializer))
        self.ctx = Context(graph, default_opset(model), names)
        self.graph = graph
        self.varying: set[str] = set()  # values that depend on the input: no folding helps there
        self._inferred: dict[str, tuple[int, ...]] | None = None

    def run(self) -> Graph:
        proto = self.model.graph
        if proto.sparse_initializer:
            raise ModelError(f"{self.source}: sparse initializers; store the weights dense")
        self._initializers(proto)
        self._inputs(proto)
        self._nodes(proto.node)
        if not self.refusals:
            self._outputs(proto)
        if self.refusals:
            raise UnsupportedError(self.source, self.refusals)
        graph = check(self.graph)
        if any(node.op == "quantize" for node in graph.nodes):
            graph = check(make_islands_int8(graph), after="quantize dequantize")
        return check(self._named(run(graph, LAYOUT_PASSES)), after="naming")

    def _refuse(self, node: str, operator: str, refused: RefusedError | OperatorError) -> None:
        remedy = getattr(refused, "remedy", "export the model without it")
        self.refusals.append(Refusal(node, operator, str(refused), remedy))

    def _initializers(self, proto: onnx.GraphProto) -> None:
        for tensor in proto.initializer:
            self.ctx.constants[tensor.name] = Constant(onnx.numpy_helper.to_array(tensor))

    def _inputs(self, proto: onnx.GraphProto) -> None:
        nodes = [OnnxNode.of(node) for node in proto.node]
        # Scales may be Constant nodes as well as initializers.
        constants = dict(self.ctx.constants)
        for node in nodes:
            if node.op == "Constant" and "value" in node.attributes:
                constants[node.outputs[0]] = Constant(
                    onnx.numpy_helper.to_array(node.attributes["value"])
                )
        for value in proto.input:
            if value.name in self.ctx.constants:
                continue
            try:
                self._input(value, nodes, constants)
            except RefusedError as refused:
                self._refuse(value.name, "input", refused)
            self.varying.add(value.name)

    def _input(
        self, value: onnx.ValueInfoProto, nodes: Sequence[OnnxNode], constants: dict[str, Constant]
    ) -> None:
        tensor_type = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor_type.HasField("shape"):
            raise RefusedError("it is no tensor of a known shape", _FIX_SHAPE)
        extents: list[int] = []
        for axis, dim in enumerate(tensor_type.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value > 0:
                extents.append(dim.dim_value)
            elif axis == 0 and not dim.dim_value:
                extents.append(1)
                dim.dim_value = 1
            else:
                name = f"'{dim.dim_param}'" if dim.dim_param else str(dim.dim_value or "?")
                raise RefusedError(f"its dimension {axis} ({name}) is not fixed", _FIX_SHAPE)
        if not extents and tensor_type.shape.dim:
            raise RefusedError("its shape is empty", _FIX_SHAPE)
        kind = tensor_type.elem_type
        types = {1: DType.FLOAT32, 2: DType.UINT8, 3: DType.INT8}
        if kind not in types:
            known = onnx.TensorProto.DataType.Name(kind) if kind else "untyped"
            raise RefusedError(f"it is {known.lower()}", "use float32, int8 or uint8 inputs")
        dtype, name = types[kind], value.name
        quantization: Quantization | None = None
        if dtype is not DType.FLOAT32:
            found = quantized.input_parameters(name, nodes, constants)
            scale, zero = found if found is not None else (np.ones(1), np.zeros(1))
            quantization = Quantization.per_tensor(float(scale[0]), int(zero[0]))
        self.graph.add(Tensor(name, tuple(extents), dtype, None, quantization))
        self.graph.inputs.append(name)
        if dtype is DType.UINT8:
            assert quantization is not None
            signed = Quantization.per_tensor(
                float(quantization.scale[0]),
                int(quantization.zero_point[0]) - quantized.UNSIGNED_SHIFT,
            )
            inner = self.ctx.fresh(f"{name}_int8")
            add_node(self.graph, "quantize", inner, [name], [inner], signed, dtype="int8")
            self.ctx.define(name, inner)
            self.ctx.unsigned.add(name)
        else:
            self.ctx.define(name)

    def _nodes(self, nodes: Sequence[onnx.NodeProto]) -> None:
        for proto in nodes:
            node = OnnxNode.of(proto)
            refusals = len(self.refusals)
            try:
                self._node(proto, node)
            except (RefusedError, OperatorError) as refused:
                self._refuse(node.name, node.op, refused)
            except WhitError:
                raise
            except Exception as error:
                raise ModelError(
                    f"{self.source}: {node.op} '{node.name}' is malformed ({_brief(error)})"
                ) from error
            if len(self.refusals) > refusals:
                self._assume(node)
            if node.op not in _STATIC and not self.varying.isdisjoint(node.inputs):
                self.varying.update(name for name in node.outputs if name)

    def _node(self, proto: onnx.NodeProto, node: OnnxNode) -> None:
        present = [name for name in node.inputs if name]
        if node.op == "If" and node.inputs[0] in self.ctx.constants:
            self._branch(node)
            return
        known = node.domain in _DOMAINS and (
            node.op in OPERATORS or node.op in _STATIC or quantized.is_qlinear(node)
        )
        constant = all(name in self.ctx.constants for name in present)
        if constant and foldable(proto) and node.op != "DequantizeLinear":
            self._fold(proto, node)
        elif not all(self.ctx.knows(name) for name in present):
            # Something before it was refused; what can be said of this one alone is said.
            if not known and not (foldable(proto) and self.varying.isdisjoint(present)):
                raise self._unknown(node)
            self._assume(node)
        elif node.op in _STATIC:
            self._extent(node)
        elif not known:
            raise self._unknown(node)
        elif quantized.is_qlinear(node):
            for part in quantized.expanded(self.ctx, node):
                OPERATORS[part.op](self.ctx, part)
        else:
            self._handle(node)

    def _handle(self, node: OnnxNode) -> None:
        if node.op in ("Transpose", "Identity") and node.inputs[0] in self.ctx.constants:
            value = self.ctx.constants[node.inputs[0]]
            reverse = tuple(reversed(range(value.data.ndim)))
            perm = node.ints("perm", reverse) if node.op == "Transpose" else reverse[::-1]
            self.ctx.constants[node.outputs[0]] = value.transposed(perm)
            return
        OPERATORS[node.op](self.ctx, node)
        if node.op in quantized.MOVING and node.inputs[0] in self.ctx.unsigned:
            self.ctx.unsigned.update(node.outputs)

    def _unknown(self, node: OnnxNode) -> RefusedError:
        name = f"{node.domain}.{node.op}" if node.domain else node.op
        return RefusedError(
            f"whit has no operator {name}",
            "replace it by supported operators, or leave it out of the model",
        )

    def _fold(self, proto: onnx.NodeProto, node: OnnxNode) -> None:
        values = [self.ctx.constants[name].values() if name else None for name in node.inputs]
        outputs = fold(proto, values, self.ctx.opset)
        for name, data in zip(node.outputs, outputs, strict=True):
            if name:
                self.ctx.constants[name] = Constant(data)

    def _extent(self, node: OnnxNode) -> None:
        """Shape and Size of a computed value are constants, as all shapes are static."""
        extents = np.array(self.ctx.shape(node.inputs[0]), np.int64)
        if node.op == "Size":
            data = np.array(np.prod(extents), np.int64)
        else:
            data = extents[slice(node.get("start", 0), node.get("end"))]
        self.ctx.constants[node.outputs[0]] = Constant(data)

    def _branch(self, node: OnnxNode) -> None:
        """An If whose condition is known: the branch it takes, in place."""
        taken = bool(self.ctx.constants[node.inputs[0]].data.reshape(-1)[0])
        branch = node.attributes["then_branch" if taken else "else_branch"]
        inner = {name for part in branch.node for name in (*part.input, *part.output)}
        self.ctx.names.update(inner)
        self._initializers(branch)
        self._nodes(branch.node)
        for output, value in zip(node.outputs, branch.output, strict=True):
            if self.ctx.knows(value.name):
                self.ctx.same(OnnxNode(node.name, "Identity", "", (value.name,), (output,)))

    def _assume(self, node: OnnxNode) -> None:
        """Go on after a refusal with the shapes that ONNX infers, to find what else is wrong."""
        if self._inferred is None:
            self._inferred = {}
            try:
                model = onnx.shape_inference.infer_shapes(self.model)
            except Exception:  # best effort: without shapes, less is reported at once
                model = onnx.ModelProto()
            for value in model.graph.value_info:
                kind = value.type.tensor_type
                dims = kind.shape.dim
                if kind.HasField("shape") and all(dim.dim_value > 0 for dim in dims):
                    self._inferred[value.name] = tuple(dim.dim_value for dim in dims)
        for name in node.outputs:
            extents = self._inferred.get(name)
            if name and extents is not None and not self.ctx.knows(name):
                self.graph.add(Tensor(name, extents, DType.FLOAT32))
                self.ctx.define(name)

    def _outputs(self, proto: onnx.GraphProto) -> None:
        ctx, graph = self.ctx, self.graph
        for value in proto.output:
            name = value.name
            try:
                if name in ctx.constants or name not in ctx.tensors:
                    raise RefusedError(
                        "it does not depend on the input", "leave it out of the model"
                    )
                tensor = graph.tensors[ctx.tensors[name]]
                if name in ctx.unsigned and tensor.name == name:
                    self._unsigned_output(tensor)
                graph.outputs.append(name)
            except RefusedError as refused:
                self._refuse(name, "output", refused)

    def _unsigned_output(self, tensor: Tensor) -> None:
        """Convert an int8 tensor to the uint8 output that the model declares."""
        assert tensor.quantization is not None
        inner = self.ctx.fresh(f"{tensor.name}_int8")
        rename_tensors(self.graph, {tensor.name: inner})
        zero_point = tensor.quantization.zero_point + quantized.UNSIGNED_SHIFT
        add_node(
            self.graph, "quantize", f"{tensor.name}_uint8", [inner], [tensor.name],
            replace(tensor.quantization, zero_point=zero_point), dtype="uint8",
        )

    def _named(self, graph: Graph) -> Graph:
        """Give tensors that are an ONNX value in another layout that value's name."""
        aliases = dict(self.ctx.aliases)
        for tensor in graph.tensors:
            base = tensor
            while base.endswith((f"{BEFORE}transpose", f"{BEFORE}reshape")):
                base = base[: base.rindex(BEFORE)]
            if base != tensor:
                aliases[tensor] = base
        names: dict[str, str] = {}
        for tensor, value in aliases.items():
            taken = value in graph.tensors or value in names.values()
            if tensor in graph.tensors and not taken:
                names[tensor] = value
        graph = graph.copy()
        rename_tensors(graph, names)
        return graph
