"""Graph validity: run after every pass, so a broken rewrite is caught where it happened."""

from __future__ import annotations

from collections.abc import Sequence

from whit.converter.errors import ModelError
from whit.converter.ir import DType, Graph, Node, Tensor
from whit.converter.ops import OPERATORS, OperatorError
from whit.converter.ops.operator import Inferred

QUANTIZED_TYPES = (DType.INT8, DType.UINT8, DType.INT16)


def with_defaults(op: str, attributes: dict[str, object]) -> dict[str, object]:
    """`attributes` with the catalogue's defaults filled in; OperatorError where they are wrong."""
    operator = OPERATORS.get(op)
    if operator is None:
        raise OperatorError(f"'{op}' is not in the operator catalogue")
    unknown = sorted(set(attributes) - set(operator.attributes))
    if unknown:
        raise OperatorError(f"unknown attribute '{unknown[0]}'")
    full = dict(attributes)
    for name, spec in operator.attributes.items():
        if name not in full:
            if spec.required:
                raise OperatorError(f"attribute '{name}' is missing")
            full[name] = spec.default
        if not spec.valid(full[name]):
            raise OperatorError(f"attribute '{name}' is {full[name]!r}, expected {spec.text}")
    return full


def infer(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    """Shapes and types of a node's outputs; OperatorError where the node breaks the rules."""
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise OperatorError(f"'{node.op}' is not in the operator catalogue")
    least, most = operator.inputs
    if len(inputs) < least or (most is not None and len(inputs) > most):
        raise OperatorError(f"{len(inputs)} inputs, expected {least} to {most or 'any number'}")
    return operator.infer(node, inputs)


def check(graph: Graph, after: str = "import") -> Graph:
    """Return `graph` if it is valid; ModelError naming the node and the pass `after` otherwise."""

    def fail(message: str) -> None:
        raise ModelError(f"{graph.source or graph.name}: invalid graph after {after}: {message}")

    known = {name for name, tensor in graph.tensors.items() if tensor.is_constant}
    for name in [*graph.inputs, *(state.input for state in graph.states)]:
        if name not in graph.tensors:
            fail(f"input '{name}' has no tensor")
        if name in known:
            fail(f"'{name}' is produced twice")
        known.add(name)
    for name, tensor in graph.tensors.items():
        if name != tensor.name:
            fail(f"tensor '{tensor.name}' is filed under '{name}'")
        if any(size <= 0 for size in tensor.shape):
            fail(f"tensor '{name}' has shape {tensor.shape}")
        if tensor.data is not None and (
            tensor.data.shape != tensor.shape or DType.of(tensor.data) is not tensor.dtype
        ):
            fail(f"data of '{name}' does not match its shape and type")
        if tensor.dtype is DType.FLOAT32 and tensor.quantization is not None:
            fail(f"float tensor '{name}' carries a quantization")
    seen_nodes: set[str] = set()
    for node in graph.nodes:
        if node.name in seen_nodes:
            fail(f"two nodes are called '{node.name}'")
        seen_nodes.add(node.name)
        try:
            _check_node(graph, node, known)
        except OperatorError as error:
            fail(f"{node.op} '{node.name}': {error}")
        known.update(node.outputs)
    for name in [*graph.outputs, *(state.output for state in graph.states)]:
        if name not in known:
            fail(f"output '{name}' is never produced")
    for state in graph.states:
        source, target = graph.tensors[state.output], graph.tensors[state.input]
        if (source.shape, source.dtype) != (target.shape, target.dtype):
            fail(f"state '{state.input}' and its update '{state.output}' differ in shape or type")
        if state.initial.shape != target.shape:
            fail(f"initial value of state '{state.input}' has shape {state.initial.shape}")
    return graph


def _check_node(graph: Graph, node: Node, known: set[str]) -> None:
    inputs: list[Tensor | None] = []
    for name in node.inputs:
        if name and name not in known:
            raise OperatorError(f"input '{name}' is read before it is produced")
        inputs.append(graph.tensors[name] if name else None)
    if with_defaults(node.op, node.attributes) != node.attributes:
        raise OperatorError("attributes lack their defaults (build nodes with build.make_node)")
    inferred = infer(node, inputs)
    if len(inferred) != len(node.outputs):
        raise OperatorError(f"{len(node.outputs)} outputs, expected {len(inferred)}")
    for name, (shape, dtype) in zip(node.outputs, inferred, strict=True):
        tensor = graph.tensors.get(name)
        if tensor is None:
            raise OperatorError(f"output '{name}' has no tensor")
        if name in known:
            raise OperatorError(f"output '{name}' is produced twice")
        if (tensor.shape, tensor.dtype) != (shape, dtype):
            raise OperatorError(
                f"output '{name}' is {tensor.dtype.value}{list(tensor.shape)}, "
                f"the operator gives {dtype.value}{list(shape)}"
            )
        if dtype in QUANTIZED_TYPES and tensor.quantization is None:
            raise OperatorError(f"output '{name}' is {dtype.value} without a quantization")
