"""ONNX models in the style that PyTorch exports, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class OnnxBuilder:
    """Nodes in order; every method returns the name of the value it adds."""

    def __init__(self, *shape: int | str, seed: int = 0, opset: int = 13):
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        self.count = 0

    def constant(self, data: Any) -> str:
        self.count += 1
        name = f"c{self.count}"
        self.initializers.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def weights(self, *shape: int) -> str:
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        return self.constant(self.rng.normal(0, scale, shape).astype(np.float32))

    def values(self, *shape: int, low: float = -0.5, high: float = 0.5) -> str:
        return self.constant(self.rng.uniform(low, high, shape).astype(np.float32))

    def add(self, op: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        names = []
        for _ in range(outputs):
            self.count += 1
            names.append(f"t{self.count}")
        self.nodes.append(helper.make_node(op, inputs, names, f"n{self.count}", **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x: str, cin: int, cout: int, *kernel: int, **attributes: Any) -> str:
        groups = attributes.get("group", 1)
        inputs = [x, self.weights(cout, cin // groups, *kernel), self.values(cout)]
        return self.add("Conv", inputs, kernel_shape=kernel, **attributes)

    def batch_norm(self, x: str, channels: int) -> str:
        return self.add("BatchNormalization", [
            x, self.values(channels, low=0.5, high=1.5), self.values(channels),
            self.values(channels), self.values(channels, low=0.5, high=1.5),
        ])

    def linear(self, x: str, columns: int, rows: int) -> str:
        return self.add(
            "Gemm", [x, self.weights(rows, columns), self.values(rows)], transB=1
        )

    def model(self, *outputs: str) -> onnx.ModelProto:
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", [self.input], infos, self.initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model)
        del inferred.graph.value_info[:]
        return inferred

    def op(self, op: str, *inputs: str, **attributes: Any) -> onnx.ModelProto:
        """A model of one operator."""
        return self.model(self.add(op, inputs, **attributes))


def plain_cnn() -> onnx.ModelProto:
    """Conv, batch norm, ReLU, max pooling, flatten, two linear layers."""
    b = OnnxBuilder("batch", 3, 12, 12)
    y = b.add("Relu", [b.batch_norm(b.conv("x", 3, 8, 3, 3, pads=[1, 1, 1, 1]), 8)])
    y = b.add("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
    y = b.add("Relu", [b.batch_norm(b.conv(y, 8, 12, 3, 3), 12)])
    y = b.add("Flatten", [b.add("Dropout", [y])])
    y = b.add("Relu", [b.linear(y, 12 * 16, 10)])
    return b.model(b.add("Softmax", [b.linear(y, 10, 4)], axis=1))


def residual_cnn() -> onnx.ModelProto:
    """ResNet blocks: a strided shortcut, an identity shortcut, global pooling."""
    b = OnnxBuilder(1, 3, 16, 16, seed=1)
    stem = b.add("Relu", [b.conv("x", 3, 8, 3, 3, pads=[1, 1, 1, 1])])
    y = b.add("Relu", [b.conv(stem, 8, 16, 3, 3, pads=[1, 1, 1, 1], strides=[2, 2])])
    y = b.conv(y, 16, 16, 3, 3, pads=[1, 1, 1, 1])
    y = b.add("Relu", [b.add("Add", [y, b.conv(stem, 8, 16, 1, 1, strides=[2, 2])])])
    z = b.conv(b.add("Relu", [b.conv(y, 16, 16, 1, 1)]), 16, 16, 3, 3, pads=[1, 1, 1, 1])
    y = b.add("Relu", [b.add("Add", [y, z])])
    y = b.add("Flatten", [b.add("GlobalAveragePool", [y])])
    return b.model(b.linear(y, 16, 5))


def mobile_cnn() -> onnx.ModelProto:
    """MobileNet: depthwise with asymmetric pads, ReLU6, squeeze and excite, ReduceMean."""
    b = OnnxBuilder(1, 3, 16, 16, seed=2)
    low, high = b.constant(np.float32(0)), b.constant(np.float32(6))
    y = b.conv("x", 3, 8, 3, 3, pads=[0, 0, 1, 1], strides=[2, 2])
    y = b.add("Clip", [b.batch_norm(y, 8), low, high])
    y = b.conv(y, 8, 8, 3, 3, group=8, pads=[1, 1, 1, 1])
    y = b.add("Clip", [b.batch_norm(y, 8), low, high])
    gate = b.add("Relu", [b.conv(b.add("GlobalAveragePool", [y]), 8, 4, 1, 1)])
    gate = b.add("Sigmoid", [b.conv(gate, 4, 8, 1, 1)])
    y = b.conv(b.add("Mul", [y, gate]), 8, 16, 1, 1)
    y = b.add("ReduceMean", [y], axes=[2, 3], keepdims=0)
    return b.model(b.linear(y, 16, 6))


def inception_cnn() -> onnx.ModelProto:
    """Branches joined by Concat, ceil-mode and average pooling, groups and dilations."""
    b = OnnxBuilder(1, 4, 15, 15, seed=3)
    left = b.add("Relu", [b.conv("x", 4, 6, 1, 1)])
    right = b.add("Relu", [b.conv("x", 4, 8, 3, 3, group=2, pads=[2, 2, 2, 2], dilations=[2, 2])])
    pool = b.add("AveragePool", ["x"], kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    y = b.add("Concat", [left, right, b.add("LeakyRelu", [pool], alpha=0.1)], axis=1)
    y = b.add("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    first, second = b.add("Split", [y, b.constant(np.array([10, 8], np.int64))], 2, axis=1)
    y = b.add("PRelu", [b.conv(first, 10, 8, 3, 3, auto_pad="SAME_UPPER"), b.values(8, 1, 1)])
    y = b.add("Add", [y, second])
    # x.view(x.size(0), -1) as PyTorch writes it: the shape is computed.
    batch = b.add("Gather", [b.add("Shape", [y]), b.constant(np.int64(0))], axis=0)
    batch = b.add("Unsqueeze", [batch, b.constant(np.array([0], np.int64))])
    shape = b.add("Concat", [batch, b.constant(np.array([-1], np.int64))], axis=0)
    return b.model(b.linear(b.add("Reshape", [y, shape]), 8 * 64, 7))


def sound_cnn() -> onnx.ModelProto:
    """1-D convolutions with batch norm, pooling and a residual connection."""
    b = OnnxBuilder(1, 5, 40, seed=4)
    y = b.add("Relu", [b.batch_norm(b.conv("x", 5, 8, 5, pads=[2, 2]), 8)])
    y = b.add("MaxPool", [y], kernel_shape=[2], strides=[2])
    z = b.add("Relu", [b.batch_norm(b.conv(y, 8, 8, 3, pads=[2, 0], group=8), 8)])
    y = b.add("Add", [y, b.conv(z, 8, 8, 1)])
    y = b.add("AveragePool", [y], kernel_shape=[4], strides=[4])
    return b.model(b.linear(b.add("Flatten", [y]), 40, 3))


def two_headed_cnn() -> onnx.ModelProto:
    """Flattened branches that meet in one linear layer, and a second output of the feature map."""
    b = OnnxBuilder(1, 2, 8, 8, seed=5)
    y = b.add("Tanh", [b.conv("x", 2, 4, 3, 3)])
    left = b.add("Flatten", [b.conv(y, 4, 3, 3, 3)])
    right = b.add("Flatten", [b.add("MaxPool", [y], kernel_shape=[3, 3], strides=[3, 3])])
    joined = b.add("Concat", [left, right], axis=1)
    up = b.add("Resize", [y, "", b.constant(np.array([1, 1, 2, 2], np.float32))], mode="nearest",
               coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return b.model(b.linear(joined, 48 + 16, 5), b.conv(up, 4, 1, 1, 1))


NETS = {
    "plain": plain_cnn,
    "residual": residual_cnn,
    "mobile": mobile_cnn,
    "inception": inception_cnn,
    "sound": sound_cnn,
    "two_headed": two_headed_cnn,
}
