"""Train the digits model in numpy and write it as ONNX: python examples/digits/train.py

Convolution, depthwise-separable block, pooling, residual block, dense: what small vision
models are made of. The graph is laid out as PyTorch exports one: NCHW, Conv and Gemm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from data import Split, load
from layers import (
    Conv,
    Dense,
    Depthwise,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Residual,
    Sequence,
)
from onnx import TensorProto, helper, numpy_helper

MODEL = Path(__file__).with_name("digits.onnx")
SEED = 1
EPOCHS = 60
BATCH = 64
PEAK_RATE = 4e-3
WEIGHT_DECAY = 1e-2


def model(random: np.random.Generator) -> Sequence:
    """x [N,1,8,8] -> logits [N,10]."""
    return Sequence(
        Conv(random, 1, 24, 3),
        Relu(),
        Depthwise(random, 24),
        Relu(),
        Conv(random, 24, 48, 1),
        Relu(),
        MaxPool(),
        Residual(Depthwise(random, 48), Relu(), Conv(random, 48, 48, 1)),
        Relu(),
        MaxPool(),
        Flatten(),
        Dense(random, 48 * 2 * 2, 10),
    )


def train(net: Sequence, data: Split, random: np.random.Generator) -> None:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), one-cycle cosine rate."""
    layers = [layer for layer in net.leaves() if layer.parameters]
    moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in la.parameters] for la in layers]
    steps = EPOCHS * (len(data.y) // BATCH)
    step = 0
    for epoch in range(EPOCHS):
        order = random.permutation(len(data.y))
        total = 0.0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            logits = net.forward(_shifted(data.x[batch], random))
            probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            truth = np.arange(BATCH), data.y[batch]
            total -= float(np.log(probabilities[truth] + 1e-9).sum())
            probabilities[truth] -= 1.0
            net.backward(probabilities / BATCH)
            step += 1
            rate = PEAK_RATE * min(step / (0.1 * steps), 0.5 * (1 + np.cos(np.pi * step / steps)))
            for layer, moment in zip(layers, moments, strict=True):
                _adam(layer, moment, step, rate)
        print(f"epoch {epoch + 1:2}: loss {total / len(order):.4f}")


def _shifted(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Half of the images moved by up to a pixel each way: more handwriting than was collected."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifts = random.integers(0, 3, (2, len(x)))
    shifts[:, random.random(len(x)) < 0.5] = 1
    rows, columns = shifts[:, :, None, None]
    image = np.arange(len(x))[:, None, None]
    return padded[image, 0, rows + np.arange(8)[:, None], columns + np.arange(8)][:, None]


def _adam(
    layer: Layer, moments: list[tuple[np.ndarray, np.ndarray]], step: int, rate: float
) -> None:
    pairs = zip(layer.parameters, layer.gradients, moments, strict=True)
    for parameter, gradient, (first, second) in pairs:
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient * gradient - second)
        direction = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        decay = WEIGHT_DECAY * parameter if parameter.ndim > 1 else 0.0
        parameter -= (rate * (direction + decay)).astype(np.float32)


class _Exporter:
    """Layers to ONNX nodes, named as PyTorch names them."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, layer: Layer, x: str) -> str:
        """Append `layer` reading `x`; returns the name of its output."""
        if isinstance(layer, Sequence):
            y = x
            for inner in layer.layers:
                y = self.add(inner, y)
            return self._node("Add", [y, x]) if isinstance(layer, Residual) else y
        if isinstance(layer, (Conv, Depthwise)):
            pad = layer.kernel // 2
            return self._node(
                "Conv",
                [x, *self._parameters(layer)],
                kernel_shape=[layer.kernel] * 2,
                pads=[pad] * 4,
                strides=[1, 1],
                dilations=[1, 1],
                group=layer.groups,
            )
        if isinstance(layer, Relu):
            return self._node("Relu", [x])
        if isinstance(layer, MaxPool):
            return self._node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
        if isinstance(layer, Flatten):
            return self._node("Flatten", [x], axis=1)
        if isinstance(layer, Dense):
            return self._node("Gemm", [x, *self._parameters(layer)], transB=1)
        raise TypeError(type(layer).__name__)

    def _node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        name = f"/{op}_{sum(node.op_type == op for node in self.nodes)}"
        self.nodes.append(
            helper.make_node(op, inputs, [f"{name}_output_0"], name=name, **attributes)
        )
        return f"{name}_output_0"

    def _parameters(self, layer: Layer) -> list[str]:
        number = len(self.weights) // 2
        names = [f"layers.{number}.weight", f"layers.{number}.bias"]
        for name, value in zip(names, layer.parameters, strict=True):
            self.weights.append(numpy_helper.from_array(value.astype(np.float32), name))
        return names


def export(net: Sequence) -> onnx.ModelProto:
    """The trained network as a checked ONNX model: input "image" [1,1,8,8], output "logits"."""
    exporter = _Exporter()
    exporter.add(net, "image")
    exporter.nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        exporter.nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        exporter.weights,
    )
    proto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="whit-examples-digits"
    )
    proto.ir_version = 8
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main() -> None:
    training, test = load()
    random = np.random.default_rng(SEED)
    net = model(random)
    train(net, training, random)
    for name, split in (("training", training), ("test", test)):
        accuracy = (net.forward(split.x).argmax(axis=1) == split.y).mean()
        print(f"{name} accuracy {accuracy:.2%} of {len(split.y)}")
    data = export(net).SerializeToString()
    MODEL.write_bytes(data)
    print(f"{MODEL.name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
