"""conv2d_s8 against TFLM, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import constant, int8_tensor, one_operator
from tests.targets.exact import Draw, accepted, assert_exact, kernel_call
from whit.converter.ir import Graph, Quantization


def random_graph(seed: int) -> tuple[Graph, Draw]:
    draw = Draw(seed)
    kernel = (draw.integer(1, 5), draw.integer(1, 5))
    dilations = (draw.integer(1, 2), draw.integer(1, 2)) if seed % 3 == 0 else (1, 1)
    groups = draw.integer(2, 4) if seed % 4 == 0 else 1
    channels, filters = draw.integer(1, 33 // groups), draw.integer(1, 20 // groups)
    height = (kernel[0] - 1) * dilations[0] + draw.integer(1, 7)
    width = (kernel[1] - 1) * dilations[1] + draw.integer(1, 7)
    pads = [[draw.integer(0, 2) for _ in range(2)] if seed % 2 else [0, 0] for _ in range(2)]
    x = draw.input(draw.integer(1, 2), height, width, channels * groups)
    weights = draw.weights((filters * groups, *kernel, channels), 0)
    graph = one_operator(
        "conv2d", [x, weights, draw.bias(x, weights, 0)],
        quantization=draw.output(x, weights, kernel[0] * kernel[1] * channels),
        strides=(draw.integer(1, 3), draw.integer(1, 3)), dilations=dilations, groups=groups,
        padding=(tuple(pads[0]), tuple(pads[1])), activation=draw.activation(),
    )
    return graph, draw


@pytest.mark.parametrize("seed", range(48))
def test_random_layers(seed: int) -> None:
    graph, draw = random_graph(seed)
    shape = graph.tensors["x"].shape
    assert_exact(graph, [{"x": draw.data(*shape)} for _ in range(3)])


@pytest.mark.parametrize("seed", range(24))
def test_between_guards_and_over_its_input(seed: int) -> None:
    """Writes its output only, reads poisoned scratch never, and overlaps as far as lag() says."""
    graph, draw = random_graph(seed)
    call = kernel_call(graph, draw.data(*graph.tensors["x"].shape))
    expected = call.run()
    np.testing.assert_array_equal(call.run_overlapped(0), expected)


def test_lag_is_tight_for_pointwise_layers() -> None:
    """A 1x1 convolution may start one pixel of output below its input, and no closer."""
    draw = Draw(5)
    x = int8_tensor("x", 1, 6, 5, 8, scale=0.05)
    weights = constant("weights", draw.data(8, 1, 1, 8), Quantization.per_tensor(0.01))
    graph = one_operator("conv2d", [x, weights, None], padding=((0, 0), (0, 0)),
                         quantization=Quantization.per_tensor(0.05))
    call = kernel_call(graph, draw.data(1, 6, 5, 8))
    np.testing.assert_array_equal(call.run_overlapped(0), call.run())
    assert not np.array_equal(call.run_overlapped(0, closer=8), call.run())


def test_sums_at_the_ends_of_int32() -> None:
    """Bias and products that together reach beyond int32 wrap, as the reference's do."""
    x = int8_tensor("x", 1, 1, 1, 4, scale=1.0, zero_point=-128)
    weights = constant("weights", np.full((4, 1, 1, 4), 127, np.int8), Quantization.per_tensor(1.0))
    bias = constant("bias", np.array([2**31 - 1, -(2**31), 2**31 - 4 * 255 * 127, 0], np.int32),
                    Quantization.per_tensor(1.0))
    graph = one_operator("conv2d", [x, weights, bias], padding=((0, 0), (0, 0)),
                         quantization=Quantization.per_tensor(2.0**24))
    seen = assert_exact(graph, [{"x": np.full((1, 1, 1, 4), v, np.int8)} for v in (-128, 0, 127)])
    assert seen.min() < -100 and seen.max() > 100


@pytest.mark.parametrize(
    "height, width, kernel", [(20, 1, (3, 1)), (1, 20, (1, 5)), (9, 4, (2, 4))]
)
def test_one_dimensional(height: int, width: int, kernel: tuple[int, int]) -> None:
    """Windows that are one piece of the input are read where they lie, without scratch."""
    draw = Draw(height)
    x = draw.input(1, height, width, 6)
    weights = draw.weights((5, *kernel, 6), 0)
    graph = one_operator("conv2d", [x, weights, draw.bias(x, weights, 0)],
                         padding=((0, 0), (0, 0)), strides=(2, 1),
                         quantization=draw.output(x, weights, kernel[0] * kernel[1] * 6))
    data = draw.data(1, height, width, 6)
    assert kernel_call(graph, data).scratch == 0
    assert_exact(graph, [{"x": data}])


def test_one_filter_and_channel_a_group_is_depthwise() -> None:
    draw = Draw(2)
    x = draw.input(1, 6, 5, 7)
    weights = draw.weights((7, 3, 2, 1), 0)
    graph = one_operator("conv2d", [x, weights, draw.bias(x, weights, 0)], groups=7,
                         padding=((1, 1), (0, 1)), quantization=draw.output(x, weights, 6))
    data = draw.data(1, 6, 5, 7)
    assert kernel_call(graph, data).kernel == "depthwise_conv2d_s8"
    assert_exact(graph, [{"x": data}])


def test_validation() -> None:
    draw = Draw(1)
    x = draw.input(1, 6, 5, 4)
    weights = draw.weights((6, 3, 3, 2), 0)
    graph = one_operator("conv2d", [x, weights, None], padding=((1, 1), (1, 1)), groups=2,
                         quantization=Quantization.per_tensor(1.0))
    call = kernel_call(graph, draw.data(1, 6, 5, 4))
    assert not accepted(call, [
        {"groups": 0}, {"groups": -1}, {"groups": 3}, {"groups": 4}, {"stride_h": 0},
        {"stride_w": 0}, {"dilation_h": 0}, {"dilation_w": 0}, {"kernel_h": 0}, {"kernel_w": 40000},
        {"batch": 0}, {"batch": 2}, {"batch": 2**31 - 1}, {"in_h": 700}, {"in_w": -5},
        {"in_c": 2**30}, {"out_h": 800}, {"out_w": 2**30}, {"out_c": 2**31 - 2},
        {"out_c": 6000}, {"count": 0}, {"count": 5}, {"count": 2**31 - 1}, {"clamp_min": -129},
        {"clamp_max": 128}, {"clamp_min": 5, "clamp_max": 4}, {"input_zero_point": 128},
        {"output_zero_point": -129}, {"stride_h": 65535, "out_h": 2**20, "out_w": 1, "out_c": 2},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
    assert not call.valid(constant_bytes=call.end("c") - 1)
