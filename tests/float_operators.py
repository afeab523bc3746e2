"""One float32 graph for each operator, with its meaning in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.support import constant, float_tensor, int8_tensor, one_operator
from whit.converter.ir import Graph, Quantization

RANDOM = np.random.default_rng(7)
Q = Quantization.per_tensor(0.05, 3)
Reference = Callable[[dict[str, np.ndarray]], np.ndarray]


def normal(*shape: int) -> np.ndarray:
    """Random weights."""
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def defined_graphs() -> list[tuple[str, Graph]]:
    """(name, graph) of operators whose numpy meaning the catalogue has."""
    x, y = float_tensor("x", 2, 3, 4), float_tensor("y", 4)
    i8 = int8_tensor("x", 2, 3, 4)
    one = one_operator
    return [
        ("add", one("add", [x, y], activation="relu")),
        ("sub", one("sub", [x, y], activation="relu6")),
        ("mul", one("mul", [x, y], activation="relu_n1_to_1")),
        ("square", one("mul", [x, x])),
        ("relu", one("clip", [x], min=0)),
        ("relu6", one("clip", [x], min=0, max=6)),
        ("relu_n1_to_1", one("clip", [x], min=-1, max=1)),
        ("at most", one("clip", [x], max=0.25)),
        ("identity", one("clip", [x])),
        ("mean", one("mean", [float_tensor("x", 1, 3, 4, 2)], axes=(1, -2), keepdims=False)),
        ("mean kept", one("mean", [float_tensor("x", 1, 3, 4, 2)], axes=(1, 2))),
        ("reshape", one("reshape", [x], shape=(4, 6))),
        ("reshape int8", one("reshape", [i8], shape=(4, 6), quantization=Q)),
        ("transpose", one("transpose", [x], perm=(2, 0, 1))),
        ("transpose int8", one("transpose", [i8], perm=(2, 0, 1), quantization=Q)),
        ("concat", one("concat", [x, float_tensor("z", 2, 1, 4)], axis=1)),
        ("concat int8", one("concat", [i8, int8_tensor("z", 2, 1, 4)], axis=-2, quantization=Q)),
        ("split", one("split", [x], outputs=2, axis=2, sizes=(2, 2))),
        ("split_v", one("split", [i8], outputs=2, axis=2, sizes=(1, 3), quantization=Q)),
        ("slice", one("slice", [x], begin=(0, 1, 2), size=(2, 2, 1), step=(1, 1, 1))),
        ("slice int8", one("slice", [i8], begin=(1, 0, 1), size=(1, 2, 3), step=(1, 1, 1),
                           quantization=Q)),
        ("strided", one("slice", [x], begin=(1, 2, 3), size=(2, 2, 2), step=(-1, -2, -1))),
        ("strided int8", one("slice", [i8], begin=(0, 0, 3), size=(2, 2, 2), step=(1, 2, -2),
                             quantization=Q)),
        ("pad", one("pad", [x], paddings=((0, 0), (1, 2), (0, 1)))),
        ("pad with", one("pad", [x], paddings=((0, 0), (1, 2), (0, 1)), value=2.5)),
        ("cast", one("cast", [x], dtype="int32")),
    ]


def other_graphs() -> list[tuple[str, Graph, Reference]]:
    """(name, graph, its meaning): operators without numpy meaning in the catalogue."""
    x = float_tensor("x", 2, 3, 4)
    weights, bias, alpha = normal(5, 4), normal(5), normal(1, 1, 4)

    def softmax(given: dict[str, np.ndarray]) -> np.ndarray:
        e = np.exp(0.5 * given["x"])
        return e / e.sum(-1, keepdims=True)

    def leaky(slope: float | np.ndarray) -> Reference:
        return lambda given: np.where(given["x"] >= 0, given["x"], slope * given["x"])

    def dense(given: dict[str, np.ndarray]) -> np.ndarray:
        return np.maximum(given["x"] @ weights.T + bias, 0)

    constants = [constant("w", weights), constant("b", bias)]
    image = float_tensor("x", 1, 3, 4, 2)
    one = one_operator
    return [
        ("dense rank 3", one("fully_connected", [x, *constants], activation="relu"), dense),
        ("dense rank 2", one("fully_connected", [float_tensor("x", 3, 4), *constants],
                             activation="relu"), dense),
        ("dense rank 1", one("fully_connected", [float_tensor("x", 4), *constants],
                             activation="relu"), dense),
        ("sigmoid", one("sigmoid", [x]), lambda given: 1 / (1 + np.exp(-given["x"]))),
        ("tanh", one("tanh", [x]), lambda given: np.tanh(given["x"])),
        ("softmax", one("softmax", [x], beta=0.5), softmax),
        ("leaky_relu", one("leaky_relu", [x], alpha=0.1), leaky(0.1)),
        ("prelu", one("prelu", [x, constant("a", alpha)]), leaky(alpha)),
        ("dequantize", one("dequantize", [int8_tensor("x", 2, 3)]),
         lambda given: np.float32(0.05) * (given["x"].astype(np.float32) - 3)),
        ("quantize", one("quantize", [x], dtype="int8", quantization=Q),
         lambda given: np.clip(np.round(given["x"] / np.float32(0.05)) + 3, -128, 127)),
        ("nearest", one("resize_nearest", [image], size=(6, 8)),
         lambda given: given["x"].repeat(2, 1).repeat(2, 2)),
        ("nearest half", one("resize_nearest", [image], size=(6, 2), coordinates="half_pixel",
                             rounding="round_half_up"),
         lambda given: given["x"].repeat(2, 1)[:, :, 1::2]),
        ("bilinear", one("resize_bilinear", [image], size=(5, 4), coordinates="align_corners"),
         lambda given: np.stack([
             given["x"][:, 0], given["x"][:, :2].mean(1), given["x"][:, 1],
             given["x"][:, 1:].mean(1), given["x"][:, 2]], 1)),
    ]
