"""The int8 graph itself: constants stored as integers, nodes over int8 tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Protocol

import numpy as np

from whit.converter.build import add_node
from whit.converter.errors import InputError
from whit.converter.ir import DType, Graph, Node, Quantization, State, Tensor, numbered
from whit.converter.ops.convolution import CHANNEL_AXIS
from whit.converter.ops.quantization import FIXED_OUTPUT
from whit.quantize.parameters import (
    Range,
    activation_quantization,
    bias_quantization,
    stored,
    weight_quantization,
)

Interface = Literal["int8", "float32"]

_SMALLEST_MULTIPLIER = 2.0**-30
"""Input * weights scales this much finer than the output's add nothing that can be seen."""


class Chosen(Protocol):
    def __getitem__(self, name: str) -> Quantization: ...
    def __contains__(self, name: str) -> bool: ...


def int8_graph(
    graph: Graph, parameters: Chosen, inputs: Interface, outputs: Interface, per_channel: bool
) -> Graph:
    """`graph` with int8 tensors of the given parameters; names stay where the interface is int8.

    per_channel: whether fully connected weights have a scale a channel, as convolutions have.
    """
    return _Builder(graph, parameters, inputs, outputs, per_channel).build()


class _Builder:
    def __init__(
        self,
        graph: Graph,
        parameters: Chosen,
        inputs: Interface,
        outputs: Interface,
        per_channel: bool,
    ):
        self.float_graph = graph
        self.parameters = parameters
        self.per_channel = per_channel
        float_inputs = set(graph.inputs) if inputs == "float32" else set()
        self.float_outputs = set(graph.outputs) if outputs == "float32" else set()
        both = float_inputs & self.float_outputs
        if both:
            raise InputError(f"'{min(both)}' is input and output at once; leave it int8")
        self.float_inputs = float_inputs
        self.graph = Graph(
            graph.name,
            inputs=list(graph.inputs),
            outputs=list(graph.outputs),
            source=graph.source,
        )
        # The stored tensor gives its name up to the float one at the interface.
        self.names = {n: graph.fresh(f"{n}_int8") for n in float_inputs | self.float_outputs}
        self._constants: dict[tuple[object, ...], str] = {}

    def build(self) -> Graph:
        source, graph = self.float_graph, self.graph
        for name in [*source.inputs, *(state.input for state in source.states)]:
            tensor = source.tensors[name]
            if name in self.float_inputs:
                graph.add(tensor)
                self._quantize(name, self._name(name), self.parameters[name])
            else:
                graph.add(
                    replace(
                        tensor,
                        name=self._name(name),
                        dtype=DType.INT8,
                        quantization=self.parameters[name],
                    )
                )
        for node in source.nodes:
            self._node(node)
        for name in dict.fromkeys(source.outputs):
            target = self._operand(name)
            if name in self.float_outputs:
                add_node(graph, "dequantize", f"{name}_dequantize", [target], [name])
        graph.states = [self._state(state) for state in source.states]
        return graph

    def _name(self, name: str) -> str:
        return self.names.get(name, name)

    def _quantize(self, source: str, target: str, quantization: Quantization) -> None:
        add_node(
            self.graph,
            "quantize",
            f"{target}_quantize",
            [source],
            [target],
            quantization,
            dtype="int8",
        )

    def _node(self, node: Node) -> None:
        outputs = [self._name(name) for name in node.outputs]
        quantizations = [self.parameters[name] for name in node.outputs]
        if node.op in CHANNEL_AXIS:
            inputs = self._layer_inputs(node)
        else:
            inputs = [self._operand(name) for name in node.inputs]
        fixed = FIXED_OUTPUT.get(node.op)
        if fixed is not None and fixed != quantizations[0]:
            between = self._fresh(f"{outputs[0]}_{node.op}")
            add_node(self.graph, node.op, node.name, inputs, [between], fixed, **node.attributes)
            self._quantize(between, outputs[0], quantizations[0])
            return
        add_node(self.graph, node.op, node.name, inputs, outputs, quantizations, **node.attributes)

    def _operand(self, name: str) -> str:
        if not self.float_graph.tensors[name].is_constant:
            return self._name(name)
        return self._constant(name, self._activation(name), DType.INT8)

    def _activation(self, name: str) -> Quantization:
        """Parameters of a constant used like an activation: its group's, or of its own range."""
        if name in self.parameters:
            return self.parameters[name]
        return activation_quantization(Range.of(self.float_graph.data(name)))

    def _layer_inputs(self, node: Node) -> list[str]:
        x, weights_name, *rest = node.inputs
        axis = CHANNEL_AXIS[node.op]
        weights = self.float_graph.data(weights_name)
        bias_name = rest[0] if rest else ""
        bias = self.float_graph.data(bias_name).reshape(-1) if bias_name else None
        input_scale = self._activation(x).scale[0]
        quantization = weight_quantization(
            weights,
            bias,
            axis,
            float(input_scale),
            float(self.parameters[node.outputs[0]].scale[0]) * _SMALLEST_MULTIPLIER,
            self.per_channel or node.op != "fully_connected",
        )
        inputs = [self._operand(x), self._constant(weights_name, quantization, DType.INT8)]
        if bias_name:
            # A per-tensor layer still has one bias scale.
            scale = bias_quantization(input_scale, quantization)
            inputs.append(self._constant(bias_name, scale, DType.INT32))
        return inputs

    def _constant(self, name: str, quantization: Quantization, dtype: DType) -> str:
        """A constant stored with `quantization`; used again where the same has been stored."""
        key = (name, dtype, quantization.scale.tobytes(), quantization.zero_point.tobytes())
        if key not in self._constants:
            values = self.float_graph.data(name)
            if dtype is DType.INT32:
                values = values.reshape(-1)  # a bias may come as [1,1,1,O]
            data = stored(values, quantization, dtype)
            tensor = Tensor(self._fresh(self._name(name)), data.shape, dtype, data, quantization)
            self._constants[key] = self.graph.add(tensor).name
        return self._constants[key]

    def _fresh(self, name: str) -> str:
        """`name`, unless it or the float graph's tensor of that name is needed for another."""
        return numbered(name, self.graph.tensors, self.float_graph.tensors.keys() - {name})

    def _state(self, state: State) -> State:
        quantization = self.parameters[state.input]
        initial = stored(np.asarray(state.initial, np.float32), quantization, DType.INT8)
        return State(self._name(state.input), self._name(state.output), initial)
