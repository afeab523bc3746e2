"""fully_connected_s8 against TFLM, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import constant, int8_tensor, one_operator
from tests.targets.exact import Draw, accepted, assert_exact, kernel_call
from whit.converter.fixed_point import quantize_multiplier, requantize
from whit.converter.ir import Graph, Quantization


def random_graph(seed: int) -> tuple[Graph, Draw]:
    draw = Draw(seed)
    columns, channels = draw.integer(1, 70), draw.integer(1, 20)
    x = draw.input(draw.integer(1, 4), columns)
    weights = draw.weights((channels, columns), 0)
    graph = one_operator(
        "fully_connected", [x, weights, draw.bias(x, weights, 0)],
        quantization=draw.output(x, weights, columns), activation=draw.activation(),
    )
    return graph, draw


@pytest.mark.parametrize("seed", range(32))
def test_random_layers(seed: int) -> None:
    graph, draw = random_graph(seed)
    shape = graph.tensors["x"].shape
    assert_exact(graph, [{"x": draw.data(*shape)} for _ in range(3)])


@pytest.mark.parametrize("seed", range(10))
def test_last_bits_of_the_multiplier(seed: int) -> None:
    """Sums at which a product of scales rounded to float32 would give another output."""
    random = np.random.default_rng(seed)
    exact = rounded = (0, 0)
    while exact == rounded:
        x_scale, w_scale = (np.float32(s) for s in random.uniform(0.001, 0.1, 2))
        y_scale = np.float32(x_scale * w_scale * 1e7)
        exact, rounded = (
            quantize_multiplier(float(product / np.float64(y_scale)))
            for product in (
                np.float64(x_scale) * np.float64(w_scale), np.float64(x_scale * w_scale)
            )
        )
    centres = (np.arange(-120, 120)[:, None] + 0.5) * 1e7
    sums = (centres.astype(np.int64) + np.arange(-200, 200)).ravel()
    sums = sums[requantize(sums, *exact) != requantize(sums, *rounded)][::7].astype(np.int32)
    assert sums.size > 20
    x = int8_tensor("x", 1, 1, scale=float(x_scale), zero_point=0)
    weights = constant("weights", np.ones((sums.size, 1), np.int8),
                       Quantization.per_tensor(float(w_scale)))
    bias = constant("bias", sums, Quantization.per_tensor(float(x_scale * w_scale)))
    graph = one_operator("fully_connected", [x, weights, bias],
                         quantization=Quantization.per_tensor(float(y_scale)))
    assert_exact(graph, [{"x": np.zeros((1, 1), np.int8)}])


@pytest.mark.parametrize("seed", range(12))
def test_between_guards_and_over_its_input(seed: int) -> None:
    graph, draw = random_graph(seed)
    call = kernel_call(graph, draw.data(*graph.tensors["x"].shape))
    expected = call.run()
    np.testing.assert_array_equal(call.run_overlapped(0), expected)


def test_validation() -> None:
    draw = Draw(1)
    x = draw.input(2, 9)
    weights = draw.weights((5, 9), 0)
    graph = one_operator("fully_connected", [x, weights, None],
                         quantization=Quantization.per_tensor(1.0))
    call = kernel_call(graph, draw.data(2, 9))
    assert not accepted(call, [
        {"rows": 0}, {"rows": 60}, {"rows": 2**31 - 1}, {"in_c": 0}, {"in_c": -9}, {"in_c": 90},
        {"out_c": 0}, {"out_c": 2**30}, {"out_c": 90}, {"count": 0}, {"count": 4},
        {"clamp_min": -129}, {"clamp_max": 128}, {"clamp_min": 1, "clamp_max": 0},
        {"output_zero_point": 200},
    ])
    for operand, bad in ((3, -1), (4, 31), (4, -32)):
        array = call.arrays[operand]
        assert array is not None
        place = call.places[operand]
        assert place is not None
        wrong = array.copy()
        wrong[-1] = bad
        memory = call.memory[place[0]].bytes[place[1] : place[1] + array.nbytes]
        memory[:] = np.frombuffer(wrong.tobytes(), np.uint8)
        assert not call.valid(), (operand, bad)
        memory[:] = np.frombuffer(array.tobytes(), np.uint8)
    assert call.valid()
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
    assert not call.valid(constant_bytes=call.end("c") - 1)
