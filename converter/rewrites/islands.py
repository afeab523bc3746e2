"""One quantize/dequantize island: the int8 node for a float node, where there is a faithful one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whit.converter.build import fresh_node_name, make_node
from whit.converter.ir import DType, Graph, Node, Quantization, Tensor
from whit.converter.ops.convolution import CHANNEL_AXIS
from whit.converter.ops.quantization import FIXED_OUTPUT
from whit.converter.rewrites.constant_folding import dequantized

_INT32 = np.iinfo(np.int32)


@dataclass
class _Plan:
    """The node to put in a float node's place, and what its output is quantized with.

    before: nodes that its inputs need. Where the quantization is not the island's own, a
    quantize follows.
    """

    op: str
    inputs: list[str]
    attributes: Mapping[str, Any]
    quantization: Quantization
    before: list[Node]


def source_of(graph: Graph, makers: Mapping[str, Node], name: str) -> Tensor | None:
    """The int8 tensor that `name` dequantizes, if it is one quantized per tensor."""
    maker = makers.get(name)
    if maker is None or maker.op != "dequantize":
        return None
    stored = graph.tensors[maker.inputs[0]]
    quantization = stored.quantization
    if stored.dtype is not DType.INT8 or quantization is None or not quantization.is_per_tensor:
        return None
    return stored


def _sources(graph: Graph, makers: Mapping[str, Node], names: Sequence[str]) -> list[Tensor] | None:
    found = [source_of(graph, makers, name) for name in names]
    return None if None in found else [tensor for tensor in found if tensor is not None]


def _coarse_enough(wanted: Quantization, own: Quantization) -> bool:
    """Whether rounding to `own` first leaves the result within a step of `wanted`."""
    return float(wanted.scale[0]) >= 0.5 * float(own.scale[0])


def _bias(
    graph: Graph, makers: Mapping[str, Node], name: str, scale: np.ndarray, axis: int | None
) -> str | None:
    """An int32 constant of scale `scale` for the float bias `name`; None where it has no value."""
    maker = makers.get(name)
    stored = graph.tensors[maker.inputs[0]] if maker and maker.op == "dequantize" else None
    quantization = Quantization(scale, np.zeros(scale.shape, np.int32), axis)
    if stored is not None and stored.data is not None and stored.quantization is not None:
        given = stored.quantization
        same = stored.dtype is DType.INT32 and not given.zero_point.any() and np.allclose(
            np.broadcast_to(given.scale, (stored.elements,)),
            np.broadcast_to(scale, (stored.elements,)), rtol=1e-5, atol=0,
        )
        if same:
            return graph.constant(stored.name, stored.data, quantization).name
        real = dequantized(stored.data, given)
    elif graph.tensors[name].data is not None:
        real = graph.data(name)
    else:
        return None
    steps = np.rint(real.astype(np.float64).reshape(-1) / scale.astype(np.float64))
    data = np.clip(steps, _INT32.min, _INT32.max).astype(np.int32)
    return graph.constant(f"{name}_int32", data, quantization).name


def _layer(
    graph: Graph, makers: Mapping[str, Node], node: Node, wanted: Quantization
) -> _Plan | None:
    """conv2d, depthwise_conv2d and fully_connected."""
    x = source_of(graph, makers, node.inputs[0])
    maker = makers.get(node.inputs[1])
    if x is None or maker is None or maker.op != "dequantize" or x.quantization is None:
        return None
    weights = graph.tensors[maker.inputs[0]]
    given = weights.quantization
    if not weights.is_constant or weights.dtype is not DType.INT8 or given is None:
        return None
    per_channel = given.axis == CHANNEL_AXIS[node.op]
    if given.zero_point.any() or not (given.is_per_tensor or per_channel):
        return None
    inputs = [x.name, weights.name]
    if len(node.inputs) > 2 and node.inputs[2]:
        scale = (x.quantization.scale * given.scale).astype(np.float32)
        bias = _bias(graph, makers, node.inputs[2], scale, None if given.is_per_tensor else 0)
        if bias is None:
            return None
        inputs.append(bias)
    return _Plan(node.op, inputs, node.attributes, wanted, [])


def _arithmetic(
    graph: Graph, makers: Mapping[str, Node], node: Node, wanted: Quantization
) -> _Plan | None:
    """Operators that rescale from any input quantization to any output quantization."""
    sources = _sources(graph, makers, node.inputs)
    if sources is None:
        return None
    return _Plan(node.op, [t.name for t in sources], node.attributes, wanted, [])


def _fixed_output(
    graph: Graph, makers: Mapping[str, Node], node: Node, wanted: Quantization
) -> _Plan | None:
    own = FIXED_OUTPUT[node.op]
    plan = _arithmetic(graph, makers, node, own)
    return plan if _coarse_enough(wanted, own) else None


def _same_quantization(
    graph: Graph, makers: Mapping[str, Node], node: Node, wanted: Quantization
) -> _Plan | None:
    """Operators whose int8 version has one quantization for input and output."""
    x = source_of(graph, makers, node.inputs[0])
    if x is None or x.quantization is None or not _coarse_enough(wanted, x.quantization):
        return None
    return _Plan(node.op, [x.name], node.attributes, x.quantization, [])


def _average(
    graph: Graph, makers: Mapping[str, Node], node: Node, wanted: Quantization
) -> _Plan | None:
    """Average pooling keeps the quantization; a mean or a depthwise convolution can change it."""
    x = source_of(graph, makers, node.inputs[0])
    if x is None or x.quantization is None:
        return None
    if x.quantization == wanted:
        return _Plan(node.op, [x.name], node.attributes, wanted, [])
    padded = any(before or after for before, after in node["padding"])
    if node["kernel"] == x.shape[1:3] and not padded and node["activation"] == "none":
        return _Plan("mean", [x.name], {"axes": (1, 2), "keepdims": True}, wanted, [])
    if _coarse_enough(wanted, x.quantization) or (padded and not node["count_include_pad"]):
        return _same_quantization(graph, makers, node, wanted)
    height, width = node["kernel"]
    weights = graph.constant(
        f"{node.outputs[0]}_ones", np.ones((1, height, width, x.shape[3]), np.int8),
        Quantization.per_tensor(1 / (height * width)),
    )
    attributes = {
        "strides": node["strides"], "dilations": (1, 1), "padding": node["padding"],
        "activation": node["activation"],
    }
    return _Plan("depthwise_conv2d", [x.name, weights.name], attributes, wanted, [])


def _alike(
    graph: Graph, makers: Mapping[str, Node], node: Node, wanted: Quantization
) -> _Plan | None:
    """concat and pad: their inputs are brought to the output's quantization first."""
    sources = _sources(graph, makers, node.inputs)
    if sources is None:
        return None
    names, before = [], []
    for tensor in sources:
        name = tensor.name
        if tensor.quantization != wanted:
            name = graph.fresh(f"{tensor.name}_requantized")
            graph.add(replace(tensor, name=name, data=None, quantization=wanted))
            before.append(make_node(
                "quantize", fresh_node_name(name, graph), [tensor.name], [name], dtype="int8"
            ))
        names.append(name)
    return _Plan(node.op, names, node.attributes, wanted, before)


Planner = Callable[[Graph, Mapping[str, Node], Node, Quantization], _Plan | None]

_PLANNERS: dict[str, Planner] = {
    **dict.fromkeys(CHANNEL_AXIS, _layer),
    **dict.fromkeys(("add", "sub", "mul", "mean", "leaky_relu", "prelu"), _arithmetic),
    **dict.fromkeys(FIXED_OUTPUT, _fixed_output),
    "resize_bilinear": _same_quantization,
    "max_pool2d": _same_quantization,
    "average_pool2d": _average,
    **dict.fromkeys(("concat", "pad"), _alike),
}


def _island_end(graph: Graph, node: Node, readers: Mapping[str, list[Node]]) -> Node | None:
    """The one quantize that reads the node's float output, where nothing else does."""
    if len(node.outputs) != 1 or graph.tensors[node.outputs[0]].dtype is not DType.FLOAT32:
        return None
    following = readers.get(node.outputs[0], [])
    if len(following) != 1 or following[0].op != "quantize" or node.outputs[0] in graph.kept():
        return None
    target = graph.tensors[following[0].outputs[0]]
    quantization = target.quantization
    if target.dtype is not DType.INT8 or quantization is None or not quantization.is_per_tensor:
        return None
    return following[0]


def convert_island(graph: Graph) -> bool:
    """Convert the first island that can be, in place; False where there is none."""
    makers, readers = graph.producers(), graph.consumers()
    for index, node in enumerate(graph.nodes):
        end = _island_end(graph, node, readers) if node.op in _PLANNERS else None
        if end is None:
            continue
        target = graph.tensors[end.outputs[0]]
        assert target.quantization is not None
        plan = _PLANNERS[node.op](graph, makers, node, target.quantization)
        if plan is None:
            continue
        output, after = target.name, []
        if plan.quantization != target.quantization:
            output = graph.fresh(f"{node.outputs[0]}_int8")
            graph.add(replace(target, name=output, quantization=plan.quantization))
            after = [replace(end, inputs=(output,))]
        converted = make_node(plan.op, node.name, plan.inputs, [output], **plan.attributes)
        graph.nodes.remove(end)
        at = graph.nodes.index(node)
        assert at == index
        graph.nodes[at : at + 1] = [*plan.before, converted, *after]
        del graph.tensors[node.outputs[0]]
        return True
    return False
