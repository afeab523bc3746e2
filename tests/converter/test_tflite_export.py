"""Graphs written as .tflite run in LiteRT and TFLM and compute what the operator means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests import oracles
from tests.support import constant, float_tensor, int8_tensor, noise, one_operator
from tests.tflite_files import evaluate
from whit.converter.errors import UnsupportedError
from whit.converter.exporters import tflite
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import Graph, Quantization
from whit.converter.ops import OPERATORS

RANDOM = np.random.default_rng(7)
Q = Quantization.per_tensor(0.05, 3)
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
Reference = Callable[[dict[str, np.ndarray]], np.ndarray]


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def int8(*shape: int) -> np.ndarray:
    return RANDOM.integers(-127, 128, shape, np.int8, True)


def windows(x: np.ndarray, kernel: Pair, stride: Pair, dilation: Pair, pads: Pads, fill: float
            ) -> np.ndarray:
    """Every window of a padded NHWC image: [N, OH, OW, KH, KW, C]."""
    x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(1, 2))
    view = view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return np.moveaxis(view, 3, 5)


WINDOWS = [
    ((8, 8), (3, 3), (1, 1), (1, 1), ((0, 0), (0, 0))),
    ((8, 8), (3, 3), (2, 2), (1, 1), ((0, 1), (0, 1))),
    ((9, 7), (3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))),
    ((8, 8), (3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))),
    ((9, 9), (3, 3), (1, 1), (2, 2), ((2, 2), (2, 2))),
    ((9, 5), (4, 1), (3, 1), (1, 1), ((3, 0), (0, 0))),
    ((6, 6), (2, 2), (2, 2), (1, 1), ((0, 0), (1, 1))),
]


@pytest.mark.parametrize("size, kernel, strides, dilations, padding", WINDOWS)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d_with_any_padding(
    size: Pair, kernel: Pair, strides: Pair, dilations: Pair, padding: Pads, groups: int
) -> None:
    weights, bias = normal(4, *kernel, 4 // groups), normal(4)
    graph = one_operator(
        "conv2d", [float_tensor("x", 1, *size, 4), constant("w", weights), constant("b", bias)],
        strides=strides, dilations=dilations, padding=padding, groups=groups, activation="relu6",
    )
    inputs = noise(graph)
    view = windows(inputs[0]["x"], kernel, strides, dilations, padding, 0)
    parts = [
        np.einsum("nyxhwc,ohwc->nyxo", v, w)
        for v, w in zip(np.split(view, groups, -1), np.split(weights, groups), strict=True)
    ]
    expected = np.clip(np.concatenate(parts, -1) + bias, 0, 6)
    for run in (oracles.litert, oracles.tflm):
        if run is oracles.tflm and groups > 1:
            continue  # TFLM has grouped convolution in int8 only
        np.testing.assert_allclose(
            run(tflite.export(graph), inputs)[0]["output"], expected, atol=1e-5)


@pytest.mark.parametrize("size, kernel, strides, dilations, padding", WINDOWS)
def test_depthwise_with_any_padding(
    size: Pair, kernel: Pair, strides: Pair, dilations: Pair, padding: Pads
) -> None:
    weights = normal(1, *kernel, 6)
    graph = one_operator(
        "depthwise_conv2d", [float_tensor("x", 1, *size, 3), constant("w", weights)],
        strides=strides, dilations=dilations, padding=padding,
    )
    inputs = noise(graph)
    view = windows(inputs[0]["x"], kernel, strides, dilations, padding, 0)
    expected = np.einsum("nyxhwc,hwc->nyxc", np.repeat(view, 2, -1), weights[0])
    run = oracles.litert(tflite.export(graph), inputs)
    np.testing.assert_allclose(run[0]["output"], expected, atol=1e-5)


@pytest.mark.parametrize("size, kernel, strides, dilations, padding", WINDOWS)
@pytest.mark.parametrize("op", ["max_pool2d", "average_pool2d", "counting"])
def test_pools_with_any_padding(
    op: str, size: Pair, kernel: Pair, strides: Pair, dilations: Pair, padding: Pads
) -> None:
    if dilations != (1, 1):
        pytest.skip("pools have no dilation")
    counting: dict[str, Any] = {"count_include_pad": True} if op == "counting" else {}
    graph = one_operator(
        "average_pool2d" if counting else op, [float_tensor("x", 1, *size, 3)], kernel=kernel,
        strides=strides, padding=padding, **counting,
    )
    inputs = noise(graph)
    fill = -np.inf if op == "max_pool2d" else 0 if counting else np.nan
    view = windows(inputs[0]["x"], kernel, strides, (1, 1), padding, fill)
    reduce = np.max if op == "max_pool2d" else np.nanmean
    expected = reduce(view, axis=(3, 4))
    try:
        model = tflite.export(graph)
    except UnsupportedError as error:
        assert op == "average_pool2d" and "padding" in str(error)
        return
    for run in (oracles.litert, oracles.tflm):
        np.testing.assert_allclose(run(model, inputs)[0]["output"], expected, atol=1e-5)


def cases() -> list[tuple[str, Graph, bool]]:
    """(name, graph of one operator with numpy meaning in the catalogue, TFLM runs it too)."""
    x, y = float_tensor("x", 2, 3, 4), float_tensor("y", 4)
    i8 = int8_tensor("x", 2, 3, 4)
    one = one_operator
    return [
        ("add", one("add", [x, y], activation="relu"), True),
        ("sub", one("sub", [x, y], activation="relu6"), True),
        ("mul", one("mul", [x, y], activation="relu_n1_to_1"), True),
        ("square", one("mul", [x, x]), True),
        ("relu", one("clip", [x], min=0), True),
        ("relu6", one("clip", [x], min=0, max=6), True),
        ("relu_n1_to_1", one("clip", [x], min=-1, max=1), True),
        ("at most", one("clip", [x], max=0.25), True),
        ("identity", one("clip", [x]), True),
        ("mean", one("mean", [float_tensor("x", 1, 3, 4, 2)], axes=(1, -2), keepdims=False), True),
        ("mean kept", one("mean", [float_tensor("x", 1, 3, 4, 2)], axes=(1, 2)), True),
        ("reshape", one("reshape", [x], shape=(4, 6)), True),
        ("reshape int8", one("reshape", [i8], shape=(4, 6), quantization=Q), True),
        ("transpose", one("transpose", [x], perm=(2, 0, 1)), True),
        ("transpose int8", one("transpose", [i8], perm=(2, 0, 1), quantization=Q), True),
        ("concat", one("concat", [x, float_tensor("z", 2, 1, 4)], axis=1), True),
        ("concat int8", one("concat", [i8, int8_tensor("z", 2, 1, 4)], axis=-2, quantization=Q),
         True),
        ("split", one("split", [x], outputs=2, axis=2, sizes=(2, 2)), True),
        ("split_v", one("split", [i8], outputs=2, axis=2, sizes=(1, 3), quantization=Q), True),
        ("slice", one("slice", [x], begin=(0, 1, 2), size=(2, 2, 1), step=(1, 1, 1)), True),
        ("slice int8", one("slice", [i8], begin=(1, 0, 1), size=(1, 2, 3), step=(1, 1, 1),
                           quantization=Q), True),
        ("strided", one("slice", [x], begin=(1, 2, 3), size=(2, 2, 2), step=(-1, -2, -1)), True),
        ("strided int8", one("slice", [i8], begin=(0, 0, 3), size=(2, 2, 2), step=(1, 2, -2),
                             quantization=Q), True),
        ("pad", one("pad", [x], paddings=((0, 0), (1, 2), (0, 1))), True),
        ("pad with", one("pad", [x], paddings=((0, 0), (1, 2), (0, 1)), value=2.5), True),
        ("cast", one("cast", [x], dtype="int32"), True),
    ]


@pytest.mark.parametrize("name, graph, on_tflm", [pytest.param(*c, id=c[0]) for c in cases()])
def test_operator_means_what_the_catalogue_says(name: str, graph: Graph, on_tflm: bool) -> None:
    node = graph.nodes[0]
    evaluate = OPERATORS[node.op].evaluate
    assert evaluate is not None
    inputs = noise(graph, count=2)
    model = tflite.export(graph)
    for run in (oracles.litert, oracles.tflm)[: 1 + on_tflm]:
        for given, got in zip(inputs, run(model, inputs), strict=True):
            wanted = evaluate(node, [given[i] for i in node.inputs])
            for output, array in zip(graph.outputs, wanted, strict=True):
                np.testing.assert_allclose(got[output], array, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("graph", [pytest.param(c[1], id=c[0]) for c in cases() if c[0] != "cast"])
def test_import_of_export_means_the_same(graph: Graph) -> None:
    inputs = noise(graph, count=2)
    again = load_bytes(tflite.export(graph))
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)
    for ours, theirs in zip(evaluate(again, inputs), evaluate(graph, inputs), strict=True):
        for name in graph.outputs:
            np.testing.assert_array_equal(ours[name], theirs[name])
            assert again.tensors[name].quantization == graph.tensors[name].quantization


def more() -> list[tuple[str, Graph, Reference]]:
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


@pytest.mark.parametrize("name, graph, reference", [pytest.param(*c, id=c[0]) for c in more()])
def test_operator_means_its_definition(name: str, graph: Graph, reference: Reference) -> None:
    inputs = noise(graph, count=2)
    model = tflite.export(graph)
    for run in (oracles.litert, oracles.tflm):
        for given, got in zip(inputs, run(model, inputs), strict=True):
            np.testing.assert_allclose(got["output"], reference(given), atol=2e-6)
