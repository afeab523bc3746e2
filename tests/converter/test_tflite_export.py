"""Graphs written as .tflite run in LiteRT and TFLM and compute what the operator means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import oracles
from tests.float_operators import Reference, defined_graphs, normal, other_graphs
from tests.support import constant, float_tensor, noise, one_operator
from tests.tflite_files import evaluate
from whit.converter.errors import UnsupportedError
from whit.converter.exporters import tflite
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import Graph
from whit.converter.ops import OPERATORS

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


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


@pytest.mark.parametrize("graph", [pytest.param(g, id=n) for n, g in defined_graphs()])
def test_operator_means_what_the_catalogue_says(graph: Graph) -> None:
    node = graph.nodes[0]
    evaluate = OPERATORS[node.op].evaluate
    assert evaluate is not None
    inputs = noise(graph, count=2)
    model = tflite.export(graph)
    for run in (oracles.litert, oracles.tflm):
        for given, got in zip(inputs, run(model, inputs), strict=True):
            wanted = evaluate(node, [given[i] for i in node.inputs])
            for output, array in zip(graph.outputs, wanted, strict=True):
                np.testing.assert_allclose(got[output], array, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("graph", [
    pytest.param(g, id=n) for n, g in defined_graphs() if n != "cast"])
def test_import_of_export_means_the_same(graph: Graph) -> None:
    inputs = noise(graph, count=2)
    again = load_bytes(tflite.export(graph))
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)
    for ours, theirs in zip(evaluate(again, inputs), evaluate(graph, inputs), strict=True):
        for name in graph.outputs:
            np.testing.assert_array_equal(ours[name], theirs[name])
            assert again.tensors[name].quantization == graph.tensors[name].quantization


@pytest.mark.parametrize("graph, reference", [
    pytest.param(g, r, id=n) for n, g, r in other_graphs()])
def test_operator_means_its_definition(graph: Graph, reference: Reference) -> None:
    inputs = noise(graph, count=2)
    model = tflite.export(graph)
    for run in (oracles.litert, oracles.tflm):
        for given, got in zip(inputs, run(model, inputs), strict=True):
            np.testing.assert_allclose(got["output"], reference(given), atol=2e-6)
