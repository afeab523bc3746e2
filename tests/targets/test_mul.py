"""mul_s8 against TFLM: every pair of stored values."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.exact import accepted, assert_exact
from tests.targets.test_add import EVERY, SHAPES, call_of
from tests.targets.test_add import make as make_sum
from whit.converter.ir import Graph, Quantization


def make(seed: int, a: tuple[int, ...], b: tuple[int, ...]) -> Graph:
    graph, draw = make_sum("mul", seed, a, b)
    scales = [float(graph.tensors[name].quantization.scale[0]) for name in "ab"]  # type: ignore[union-attr]
    out = graph.tensors["output"].quantization
    assert out is not None
    spread = scales[0] * scales[1] * 128 * float(np.exp(draw.random.uniform(-1, 1)))
    object.__setattr__(
        graph.tensors["output"], "quantization",
        Quantization.per_tensor(spread, int(out.zero_point[0])),
    )
    return graph


@pytest.mark.parametrize("seed", range(24))
def test_every_pair(seed: int) -> None:
    graph = make(seed, (256, 1), (1, 256))
    assert_exact(graph, [{"a": EVERY.reshape(256, 1), "b": EVERY.reshape(1, 256)}])


@pytest.mark.parametrize("ratio", [1e-6, 1e-3, 300.0, 1e5])
def test_output_scales_far_from_the_product(ratio: float) -> None:
    """Shifts to the left beyond 32 bits included: they wrap, as the reference's do."""
    graph = make(3, (256, 1), (1, 256))
    out = graph.tensors["output"].quantization
    assert out is not None
    scaled = Quantization(out.scale * np.float32(ratio), out.zero_point)
    object.__setattr__(graph.tensors["output"], "quantization", scaled)
    assert_exact(graph, [{"a": EVERY.reshape(256, 1), "b": EVERY.reshape(1, 256)}])


@pytest.mark.parametrize("a, b", SHAPES)
def test_broadcasting_between_guards_and_in_place(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    graph = make(1, a, b)
    random = np.random.default_rng(4)
    data = [random.integers(-128, 128, shape).astype(np.int8) for shape in (a, b)]
    assert_exact(graph, [{"a": data[0], "b": data[1]}])
    call = call_of(graph, *data)
    expected = call.run()
    for operand, shape in enumerate((a, b)):
        if shape == expected.shape:
            np.testing.assert_array_equal(call.run_overlapped(operand), expected)


def test_validation() -> None:
    graph = make(2, (3, 1, 5), (3, 4, 1))
    call = call_of(graph, np.zeros((3, 1, 5), np.int8), np.zeros((3, 4, 1), np.int8))
    assert not accepted(call, [
        {"rank": 0}, {"rank": 7}, {"dims": (3, 4, 0)}, {"dims": (3, 400, 5)},
        {"a_strides": (5, 0, -1)}, {"a_strides": (5000, 0, 1)}, {"b_strides": (2**30, 1, 0)},
        {"output_shift": 31}, {"output_shift": -32}, {"output_multiplier": -1},
        {"a_zero_point": 128}, {"b_zero_point": -129}, {"output_zero_point": 500},
        {"clamp_min": -200}, {"clamp_max": 128}, {"clamp_min": 2, "clamp_max": 1},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
