"""A graph as text, to look at and to compare between passes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from whit.converter.ir import Graph, Quantization, Tensor


def dump(graph: Graph) -> str:
    """One line a node: outputs = op(inputs) attributes; interface and states first."""
    return "\n".join(_lines(graph)) + "\n"


def describe(tensor: Tensor) -> str:
    """Type, shape and quantization: `int8[1,49,10,1] 0.58*(q-83)`."""
    text = f"{tensor.dtype.value}[{','.join(map(str, tensor.shape))}]"
    return text + (f" {_quantization(tensor.quantization)}" if tensor.quantization else "")


def _lines(graph: Graph) -> Iterator[str]:
    yield f"graph {graph.name}"
    for kind, names in (("input", graph.inputs), ("output", graph.outputs)):
        for name in names:
            yield f"{kind} {name}: {describe(graph.tensors[name])}"
    for state in graph.states:
        tensor = graph.tensors[state.input]
        yield f"state {state.input} <- {state.output}: {describe(tensor)}"
    for node in graph.nodes:
        inputs = ", ".join(_input(graph, name) for name in node.inputs)
        attributes = "".join(f" {k}={v}" for k, v in node.attributes.items())
        outputs = ", ".join(f"{n}: {describe(graph.tensors[n])}" for n in node.outputs)
        yield f"{outputs} = {node.op}({inputs}){attributes}"


def _input(graph: Graph, name: str) -> str:
    if not name:
        return "-"
    tensor = graph.tensors[name]
    if tensor.data is None:
        return name
    if tensor.elements <= 4:
        return f"{name}={np.array2string(tensor.data.reshape(-1), separator=',')}"
    return f"{name} {describe(tensor)}"


def _quantization(quantization: Quantization) -> str:
    if not quantization.is_per_tensor:
        low, high = float(quantization.scale.min()), float(quantization.scale.max())
        return f"{low:.4g}..{high:.4g}*q by axis {quantization.axis}"
    zero = int(quantization.zero_point[0])
    scale = float(quantization.scale[0])
    return f"{scale:.6g}*q" if zero == 0 else f"{scale:.6g}*(q{-zero:+d})"
