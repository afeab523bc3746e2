"""average_pool2d_s8, max_pool2d_s8 against TFLM, and against the definition where it has none."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from tests.support import int8_tensor, one_operator
from tests.targets.exact import Draw, accepted, assert_exact, kernel_call
from whit.converter.ir import Graph
from whit.converter.ops.convolution import same_padding

OPERATORS = ("average_pool2d", "max_pool2d")


def random_graph(op: str, seed: int, same: bool = True) -> tuple[Graph, Draw]:
    draw = Draw(seed)
    kernel = (draw.integer(1, 6), draw.integer(1, 6))
    strides = (draw.integer(1, 3), draw.integer(1, 3))
    size = (kernel[0] + draw.integer(0, 6), kernel[1] + draw.integer(0, 6))
    if same:
        padding = tuple(same_padding(*each) for each in zip(size, kernel, strides, strict=True))
    else:
        padding = tuple((draw.integer(0, k - 1), draw.integer(0, k - 1)) for k in kernel)
    x = draw.input(draw.integer(1, 2), *size, draw.integer(1, 19))
    graph = one_operator(op, [x], quantization=x.quantization, kernel=kernel, strides=strides,
                         padding=padding, activation=draw.activation())
    return graph, draw


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("op", OPERATORS)
def test_random_layers(op: str, seed: int) -> None:
    graph, draw = random_graph(op, seed, same=seed % 2 == 0 or op == "max_pool2d")
    node = graph.nodes[0]
    if seed % 2 and op == "average_pool2d":
        node.attributes["padding"] = ((0, 0), (0, 0))
        x = graph.tensors["x"]
        graph = one_operator(op, [x], quantization=x.quantization, **node.attributes)
    shape = graph.tensors["x"].shape
    assert_exact(graph, [{"x": draw.data(*shape)} for _ in range(3)])


def definition(x: np.ndarray, graph: Graph, zero_point: int) -> np.ndarray:
    """Averages over padded windows in exact rationals, ties away from zero."""
    node, y = graph.nodes[0], graph.tensors["output"]
    (top, bottom), (left, right) = node["padding"]
    pads = ((0, 0), (top, bottom), (left, right), (0, 0))
    values = np.pad(x.astype(int), pads, constant_values=zero_point)
    inside = np.pad(np.ones(x.shape, int), pads)
    result = np.zeros(y.shape, int)
    for n, i, j, c in np.ndindex(*y.shape):
        window = (n, slice(i * node["strides"][0], i * node["strides"][0] + node["kernel"][0]),
                  slice(j * node["strides"][1], j * node["strides"][1] + node["kernel"][1]), c)
        weights = np.ones_like(inside[window]) if node["count_include_pad"] else inside[window]
        mean = Fraction(int((values[window] * weights).sum()), int(weights.sum()))
        result[n, i, j, c] = floor(abs(mean) + Fraction(1, 2)) * (1 if mean >= 0 else -1)
    return result


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_any_padding(seed: int, include: bool) -> None:
    draw = Draw(seed)
    kernel = (draw.integer(1, 4), draw.integer(1, 4))
    padding = tuple((draw.integer(0, k - 1), draw.integer(0, k - 1)) for k in kernel)
    x = int8_tensor("x", 1, 5, 6, 3, zero_point=draw.zero_point())
    graph = one_operator("average_pool2d", [x], quantization=x.quantization, kernel=kernel,
                         strides=(draw.integer(1, 2), draw.integer(1, 3)), padding=padding,
                         count_include_pad=include)
    data = draw.data(1, 5, 6, 3)
    assert x.quantization is not None
    expected = definition(data, graph, int(x.quantization.zero_point[0]))
    np.testing.assert_array_equal(kernel_call(graph, data).run(), expected)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("op", OPERATORS)
def test_between_guards_and_over_its_input(op: str, seed: int) -> None:
    graph, draw = random_graph(op, seed, same=False)
    call = kernel_call(graph, draw.data(*graph.tensors["x"].shape))
    expected = call.run()
    np.testing.assert_array_equal(call.run_overlapped(0), expected)


@pytest.mark.parametrize("op", OPERATORS)
def test_validation(op: str) -> None:
    x = int8_tensor("x", 1, 6, 5, 7)
    graph = one_operator(op, [x], quantization=x.quantization, kernel=(3, 3),
                         padding=((1, 1), (1, 1)))
    call = kernel_call(graph, Draw(0).data(1, 6, 5, 7))
    assert not accepted(call, [
        {"stride_h": 0}, {"stride_w": 0}, {"kernel_h": 0}, {"kernel_w": 0}, {"batch": 0},
        {"batch": 2}, {"in_h": 700}, {"in_w": -5}, {"channels": 0}, {"channels": 2**30},
        {"out_h": 800}, {"out_w": 2**30}, {"clamp_min": -129}, {"clamp_max": 128},
        {"clamp_min": 5, "clamp_max": 4}, {"pad_top": 3}, {"pad_left": 3}, {"stride_h": 2},
        {"stride_w": 40}, {"kernel_h": 65535, "kernel_w": 65535},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
