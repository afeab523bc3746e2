"""How fine an output's scale may be, given its inputs.

A range seen in calibration can be far narrower than the noise of the numbers it is computed from
(a difference of nearly equal tensors, a layer that is always off). Following it would need
multipliers beyond what the kernels hold and would resolve nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from whit.converter.ir import Graph, Node
from whit.converter.ops.convolution import CHANNEL_AXIS
from whit.quantize.parameters import Range, activation_quantization

_FINER = 16
"""Rescaling: an output step this many times finer than the input's shows only its rounding."""

Scales = Callable[[str], float]


def least_output_scale(graph: Graph, node: Node, scale: Scales) -> float:
    """The finest useful scale of the output of `node`, whose inputs have `scale(name)`."""
    if node.op in CHANNEL_AXIS:
        weights = graph.data(node.inputs[1])
        return scale(node.inputs[0]) * float(np.abs(weights).max()) / 127
    if node.op == "mul":
        return scale(node.inputs[0]) * scale(node.inputs[1])
    if node.op in ("add", "sub"):
        return max(scale(name) for name in node.inputs) / _FINER
    if node.op == "mean":
        count = graph.tensors[node.inputs[0]].elements / graph.tensors[node.outputs[0]].elements
        return scale(node.inputs[0]) / (_FINER * float(np.sqrt(count)))
    if node.op in ("clip", "leaky_relu", "prelu"):
        return scale(node.inputs[0]) / _FINER
    return 0.0


def constant_scales(graph: Graph) -> Mapping[str, float]:
    """The scale each constant operand would have by itself."""
    return {
        name: float(activation_quantization(Range.of(tensor.data)).scale[0])
        for name, tensor in graph.tensors.items()
        if tensor.data is not None and tensor.data.dtype == np.float32
    }
