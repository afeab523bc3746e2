"""Small graphs of the project's own making that together use every kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.support import constant, float_tensor, int8_tensor
from whit.converter.build import add_node
from whit.converter.ir import Graph, Quantization, State, Tensor

SOFTMAX_QUANTIZATION = Quantization.per_tensor(1 / 256, -128)


class Builder:
    """Adds operators one after another; each returns the name of its output."""

    def __init__(self, name: str, seed: int = 0):
        self.graph = Graph(name)
        self.random = np.random.default_rng(seed)

    def input(self, tensor: Tensor) -> str:
        self.graph.add(tensor)
        self.graph.inputs.append(tensor.name)
        return tensor.name

    def state(self, tensor: Tensor, output: str, initial: np.ndarray) -> None:
        self.graph.states.append(State(tensor.name, output, initial))

    def op(
        self,
        op: str,
        inputs: Sequence[str],
        quantization: Quantization | None = None,
        **attributes: Any,
    ) -> str:
        name = self.graph.fresh(op)
        add_node(self.graph, op, name, inputs, [name], quantization, **attributes)
        return name

    def weights(self, name: str, shape: tuple[int, ...], axis: int | None) -> str:
        """int8 weights over the whole range, -128 included, scales that differ by channel."""
        data = self.random.integers(-128, 128, shape).astype(np.int8)
        if axis is None:
            quantization = Quantization.per_tensor(0.01)
        else:
            quantization = Quantization.per_channel(
                self.random.uniform(0.002, 0.02, shape[axis]), axis
            )
        return self.graph.add(constant(self.graph.fresh(name), data, quantization)).name

    def bias(self, count: int, weights: str, x: str) -> str:
        scale = self.graph.tensors[weights].quantization.scale  # type: ignore[union-attr]
        product = scale * self.graph.tensors[x].quantization.scale[0]  # type: ignore[union-attr]
        data = self.random.integers(-2000, 2000, count).astype(np.int32)
        quantization = Quantization(product, np.zeros(product.shape, np.int32), 0)
        return self.graph.add(constant(self.graph.fresh("bias"), data, quantization)).name

    def floats(self, name: str, *shape: int) -> str:
        data = self.random.normal(0, 0.5, shape).astype(np.float32)
        return self.graph.add(constant(self.graph.fresh(name), data)).name


def q(scale: float, zero_point: int = 0) -> Quantization:
    return Quantization.per_tensor(scale, zero_point)


def int8_network() -> Graph:
    """A streaming int8 classifier: convolutions, residual add, pools, mean, softmax, state."""
    b = Builder("int8_network")
    x = b.input(int8_tensor("x", 1, 5, 4, 3, scale=0.02, zero_point=-5))
    old = b.graph.add(int8_tensor("old", 1, 2, 4, 3, scale=0.02, zero_point=-5))
    joined = b.op("concat", [old.name, x], q(0.02, -5), axis=1)
    new = b.op("slice", [joined], q(0.02, -5), begin=(0, 5, 0, 0), size=(1, 2, 4, 3), step=(1,) * 4)
    b.state(old, new, np.full((1, 2, 4, 3), -5, np.int8))
    w = b.weights("w", (4, 3, 3, 3), 0)
    y = b.op("conv2d", [joined, w, b.bias(4, w, joined)], q(0.05, 3),
             strides=(2, 1), padding=((1, 1), (1, 1)), activation="relu")
    w = b.weights("dw", (1, 3, 3, 4), 3)
    z = b.op("depthwise_conv2d", [y, w, b.bias(4, w, y)], q(0.05, 3),
             padding=((1, 1), (1, 1)), activation="relu6")
    s = b.op("add", [y, z], q(0.1, -20))
    p = b.op("max_pool2d", [s], q(0.1, -20), kernel=(2, 2), padding=((0, 1), (0, 0)))
    p = b.op("average_pool2d", [p], q(0.1, -20), kernel=(2, 1), padding=((1, 0), (0, 0)))
    m = b.op("mean", [p], q(0.08, 4), axes=(1, 2), keepdims=False)
    w = b.weights("fc", (5, 4), None)
    f = b.op("fully_connected", [m, w, b.bias(5, w, m)], q(0.3, 7))
    b.graph.outputs = [b.op("softmax", [f], SOFTMAX_QUANTIZATION)]
    return b.graph


def elementwise_network() -> Graph:
    """float in, int8 inside, float out: broadcasts, tables, resizes, movement."""
    b = Builder("elementwise_network")
    x = b.input(float_tensor("x", 1, 3, 2, 2))
    a = b.op("quantize", [x], q(0.03, 2), dtype="int8")
    c = b.weights("gain", (1, 1, 1, 2), None)
    a = b.op("mul", [a, c], q(0.02, -1))
    a = b.op("sub", [a, b.weights("shift", (1, 1, 2, 1), None)], q(0.05, 0),
             activation="relu_n1_to_1")
    a = b.op("prelu", [a, b.weights("alpha", (1, 1, 2), None)], q(0.04, 1))
    a = b.op("resize_bilinear", [a], q(0.04, 1), size=(4, 5), coordinates="half_pixel")
    a = b.op("resize_nearest", [a], q(0.04, 1), size=(3, 3))
    a = b.op("tanh", [a], q(1 / 128, 0))
    a = b.op("pad", [a], q(1 / 128, 0), paddings=((0, 0), (1, 0), (0, 2), (0, 0)))
    a = b.op("transpose", [a], q(1 / 128, 0), perm=(0, 3, 2, 1))
    a = b.op("slice", [a], q(1 / 128, 0), begin=(0, 1, 4, 0), size=(1, 1, 3, 4), step=(1, 1, -2, 1))
    b.graph.outputs = [b.op("dequantize", [a])]
    return b.graph


def float_network() -> Graph:
    """Every float32 kernel."""
    b = Builder("float_network")
    x = b.input(float_tensor("x", 1, 4, 4, 2))
    y = b.op("conv2d", [x, b.floats("w", 4, 3, 3, 1), b.floats("b", 4)],
             padding=((1, 1), (1, 1)), groups=2, activation="relu")
    y = b.op("depthwise_conv2d", [y, b.floats("dw", 1, 2, 2, 4)], dilations=(2, 1),
             padding=((0, 0), (0, 0)))
    y = b.op("add", [y, b.floats("a", 4)])
    y = b.op("sub", [y, b.floats("s", 1, 3, 1)], activation="relu6")
    y = b.op("mul", [y, b.floats("m", 1)])
    y = b.op("leaky_relu", [y], alpha=0.1)
    y = b.op("prelu", [y, b.floats("p", 4)])
    y = b.op("clip", [y], min=-1.5, max=2.5)
    y = b.op("resize_bilinear", [y], size=(4, 4), coordinates="align_corners")
    y = b.op("max_pool2d", [y], kernel=(2, 2), padding=((1, 0), (0, 1)))
    y = b.op("average_pool2d", [y], kernel=(2, 3), padding=((0, 0), (1, 1)), count_include_pad=True)
    y = b.op("sigmoid", [y])
    y = b.op("tanh", [y])
    y = b.op("mean", [y], axes=(1, 2), keepdims=True)
    y = b.op("fully_connected", [y, b.floats("fc", 3, 4), b.floats("fb", 3)])
    b.graph.outputs = [b.op("softmax", [y])]
    return b.graph


NETWORKS = (int8_network, elementwise_network, float_network)
