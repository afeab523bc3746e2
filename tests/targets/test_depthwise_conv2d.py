"""depthwise_conv2d_s8, and depthwise layers that run as grouped convolutions, against TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import one_operator
from tests.targets.exact import Draw, accepted, assert_exact, kernel_call
from whit.converter.ir import Graph, Quantization


def random_graph(seed: int, multiplier: int = 1) -> tuple[Graph, Draw]:
    draw = Draw(seed)
    kernel = (draw.integer(1, 5), draw.integer(1, 5))
    dilations = (draw.integer(1, 3), draw.integer(1, 3)) if seed % 3 == 0 else (1, 1)
    channels = draw.integer(1, 33)
    height = (kernel[0] - 1) * dilations[0] + draw.integer(1, 7)
    width = (kernel[1] - 1) * dilations[1] + draw.integer(1, 7)
    pads = [[draw.integer(0, 2) for _ in range(2)] if seed % 2 else [0, 0] for _ in range(2)]
    x = draw.input(draw.integer(1, 2), height, width, channels)
    weights = draw.weights((1, *kernel, channels * multiplier), 3)
    stride = draw.integer(1, 3)
    graph = one_operator(
        "depthwise_conv2d", [x, weights, draw.bias(x, weights, 3)],
        quantization=draw.output(x, weights, kernel[0] * kernel[1]), strides=(stride, stride),
        dilations=dilations, padding=(tuple(pads[0]), tuple(pads[1])),
        activation=draw.activation(),
    )
    return graph, draw


@pytest.mark.parametrize("seed", range(40))
def test_random_layers(seed: int) -> None:
    graph, draw = random_graph(seed)
    shape = graph.tensors["x"].shape
    assert_exact(graph, [{"x": draw.data(*shape)} for _ in range(3)])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("multiplier", [2, 7])
def test_several_filters_a_channel(seed: int, multiplier: int) -> None:
    graph, draw = random_graph(100 + seed, multiplier)
    shape = graph.tensors["x"].shape
    assert_exact(graph, [{"x": draw.data(*shape)} for _ in range(2)])


@pytest.mark.parametrize("seed", range(20))
def test_between_guards_and_over_its_input(seed: int) -> None:
    graph, draw = random_graph(seed)
    call = kernel_call(graph, draw.data(*graph.tensors["x"].shape))
    expected = call.run()
    np.testing.assert_array_equal(call.run_overlapped(0), expected)


def test_lag_is_a_window_not_an_image() -> None:
    """3x3 on 20x10x16: the output may start a row and two pixels below the input."""
    draw = Draw(0)
    x = draw.input(1, 20, 10, 16)
    weights = draw.weights((1, 3, 3, 16), 3)
    graph = one_operator("depthwise_conv2d", [x, weights, None], padding=((1, 1), (1, 1)),
                         quantization=draw.output(x, weights, 9))
    call = kernel_call(graph, draw.data(1, 20, 10, 16))
    np.testing.assert_array_equal(call.run_overlapped(0), call.run())
    assert not np.array_equal(call.run_overlapped(0, closer=24), call.run())


def test_validation() -> None:
    draw = Draw(1)
    x = draw.input(1, 6, 5, 7)
    weights = draw.weights((1, 3, 3, 7), 3)
    graph = one_operator("depthwise_conv2d", [x, weights, None], padding=((1, 1), (1, 1)),
                         quantization=Quantization.per_tensor(1.0))
    call = kernel_call(graph, draw.data(1, 6, 5, 7))
    assert not accepted(call, [
        {"stride_h": 0}, {"stride_w": 0}, {"dilation_h": 0}, {"dilation_w": 0}, {"kernel_h": 0},
        {"kernel_w": 40000}, {"batch": 0}, {"batch": 2}, {"batch": 2**31 - 1}, {"in_h": 700},
        {"in_w": -5}, {"channels": 2**30}, {"channels": 70}, {"channels": 0}, {"out_h": 800},
        {"out_w": 2**30}, {"count": 0}, {"count": 5}, {"clamp_min": -129}, {"clamp_max": 128},
        {"clamp_min": 5, "clamp_max": 4}, {"input_zero_point": 128}, {"output_zero_point": -129},
        {"dilation_h": 65535, "kernel_h": 65535},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
    assert not call.valid(constant_bytes=call.end("c") - 1)
