"""One int8 graph for each operator, and how far its float original may be from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support import constant, one_operator
from whit.converter.build import add_node
from whit.converter.ir import DType, Graph, Quantization, State, Tensor

RANDOM = np.random.default_rng(11)
X = Quantization.per_tensor(0.03, -7)
Y = Quantization.per_tensor(0.05, 9)
PADS = ((1, 0), (2, 1))


def x(*shape: int, name: str = "x", quantization: Quantization = X) -> Tensor:
    return Tensor(name, shape, DType.INT8, None, quantization)


def weights(*shape: int, axis: int) -> Tensor:
    scale = RANDOM.uniform(0.004, 0.01, shape[axis])
    return constant("w", RANDOM.integers(-127, 128, shape).astype(np.int8),
                    Quantization.per_channel(scale, axis))


def bias(w: Tensor, axis: int, explicit: bool = True) -> Tensor:
    assert w.quantization is not None
    scale = Quantization.per_channel(w.quantization.scale * X.scale, 0)
    data = RANDOM.integers(-3000, 3000, w.shape[axis]).astype(np.int32)
    return constant("b", data, scale if explicit else None)


def int8_graphs() -> list[tuple[str, Graph, float]]:
    """(name, graph, tolerance in steps of the output)."""
    one, image = one_operator, x(1, 6, 7, 4)
    conv, depth, dense = (weights(3, 3, 2, 4, axis=0), weights(1, 3, 2, 4, axis=3),
                          weights(5, 4, axis=0))
    other = x(1, 1, 7, 4, name="y", quantization=Quantization.per_tensor(0.02, 30))
    slopes = constant("a", RANDOM.integers(-127, 128, (1, 1, 4)).astype(np.int8),
                      Quantization.per_tensor(0.01))
    kernel: dict[str, Any] = {"kernel": (2, 3), "strides": (2, 1)}
    return [
        ("conv2d", one("conv2d", [image, conv, bias(conv, 0)], quantization=Y, padding=PADS,
                       activation="relu"), 1),
        ("conv2d groups", one("conv2d", [x(1, 6, 7, 12), conv, bias(conv, 0)], quantization=Y,
                              padding=PADS, groups=3), 1),
        ("conv2d bias without scale", one("conv2d", [image, conv, bias(conv, 0, False)],
                                          quantization=Y, padding=((0, 0), (0, 0))), 1),
        ("depthwise", one("depthwise_conv2d", [image, depth, bias(depth, 3)], quantization=Y,
                          padding=PADS, strides=(2, 2), activation="relu6"), 1),
        ("dense", one("fully_connected", [x(3, 4), dense, bias(dense, 0)], quantization=Y), 1),
        ("add", one("add", [image, other], quantization=Y), 1),
        ("sub", one("sub", [image, other], quantization=Y, activation="relu"), 1),
        ("mul", one("mul", [image, other], quantization=Y), 1),
        ("average", one("average_pool2d", [image], quantization=X, padding=((0, 0), (1, 1)),
                        **kernel), 1),
        ("average counting", one("average_pool2d", [image], quantization=X,
                                 padding=((1, 0), (2, 1)), count_include_pad=True, **kernel), 1),
        ("max", one("max_pool2d", [image], quantization=X, padding=((1, 0), (2, 1)), **kernel), 0),
        ("mean", one("mean", [image], quantization=Y, axes=(1, 2), keepdims=False), 1),
        ("relu", one("clip", [image], quantization=Y, min=0.0), 1),
        ("relu6", one("clip", [image], quantization=Y, min=0.0, max=6.0), 1),
        ("clip", one("clip", [image], quantization=X, min=-1.0, max=1.0), 1),
        ("clip rescaling", one("clip", [image], quantization=Y, min=-1.0, max=1.0), 1),
        ("sigmoid", one("sigmoid", [image], quantization=Quantization.per_tensor(1 / 256, -128)),
         1),
        ("tanh", one("tanh", [image], quantization=Quantization.per_tensor(1 / 128, 0)), 1),
        ("softmax", one("softmax", [image], quantization=Quantization.per_tensor(1 / 256, -128)),
         2),
        ("leaky_relu", one("leaky_relu", [image], quantization=Y, alpha=0.1), 1),
        ("prelu", one("prelu", [image, slopes], quantization=Y), 1),
        ("nearest", one("resize_nearest", [image], quantization=X, size=(9, 5)), 0),
        ("bilinear", one("resize_bilinear", [image], quantization=X, size=(9, 5),
                         coordinates="half_pixel"), 1),
        ("pad", one("pad", [image], quantization=X, paddings=((0, 0), *PADS, (0, 2))), 0),
        ("pad with", one("pad", [image], quantization=X, paddings=((0, 0), *PADS, (0, 2)),
                         value=-1.5), 0.5),
        ("requantize", one("quantize", [image], quantization=Y, dtype="int8"), 1),
    ]


def delay_line(dtype: DType) -> Graph:
    """Two states: the sum of all inputs, and the input before the last."""
    quantization = None if dtype is DType.FLOAT32 else Quantization.per_tensor(1.0, 2)
    graph = Graph("delay")
    for name in ("x", "older", "old"):
        graph.add(Tensor(name, (1, 3), dtype, None, quantization))
    graph.inputs = ["x"]
    add_node(graph, "concat", "both", ["older", "x"], ["both"], quantization, axis=0)
    add_node(graph, "reshape", "copy", ["old"], ["copy"], quantization, shape=(1, 3))
    graph.outputs = ["both", "copy"]
    start = np.arange(3, dtype=dtype.numpy).reshape(1, 3)
    graph.states = [State("older", "old", start), State("old", "x", start + 5)]
    return graph
