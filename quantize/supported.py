"""What has an int8 form; everything else is refused, all at once."""

from __future__ import annotations

from whit.converter.errors import Refusal, UnsupportedError
from whit.converter.ir import DType, Graph, Node
from whit.converter.ops.convolution import CHANNEL_AXIS

_QUANTIZABLE = frozenset(
    {
        *CHANNEL_AXIS,
        "add",
        "sub",
        "mul",
        "average_pool2d",
        "max_pool2d",
        "mean",
        "clip",
        "sigmoid",
        "tanh",
        "softmax",
        "leaky_relu",
        "prelu",
        "reshape",
        "transpose",
        "concat",
        "split",
        "slice",
        "pad",
        "resize_nearest",
        "resize_bilinear",
    }
)


def refuse_unquantizable(graph: Graph) -> None:
    """UnsupportedError with every node of `graph` that cannot be quantized; nothing if none."""
    refusals = [
        Refusal(
            name,
            "input",
            f"is {graph.tensors[name].dtype.value}",
            "quantization takes float32 models: quantize the model it came from",
        )
        for name in [*graph.inputs, *(state.input for state in graph.states)]
        if graph.tensors[name].dtype is not DType.FLOAT32
    ]
    for node in graph.nodes:
        objection = _objection(graph, node)
        if objection is not None:
            refusals.append(Refusal(node.name, node.op, *objection))
    if refusals:
        raise UnsupportedError(graph.source or graph.name, refusals)


def _objection(graph: Graph, node: Node) -> tuple[str, str] | None:
    """(reason, remedy) where `node` cannot be quantized."""
    if node.op in ("quantize", "dequantize"):
        return "the model is quantized already", "quantize the float model it came from"
    if node.op not in _QUANTIZABLE:
        return "has no int8 form", "replace it, or compute it outside the model"
    for name in (*node.inputs, *node.outputs):
        if name and graph.tensors[name].dtype is not DType.FLOAT32:
            return (
                f"'{name}' is {graph.tensors[name].dtype.value}",
                "only float32 tensors are quantized: compute it outside the model",
            )
    constant_from = 1 if node.op in CHANNEL_AXIS or node.op == "prelu" else len(node.inputs)
    for name in node.inputs[constant_from:]:
        if name and not graph.tensors[name].is_constant:
            return f"'{name}' is not constant", "export the model with constant weights"
    if all(not name or graph.tensors[name].is_constant for name in node.inputs):
        return "has only constant inputs and cannot be folded", "compute it before the export"
    return None
