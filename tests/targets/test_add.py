"""add_s8, which also subtracts, against TFLM: every pair of stored values."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import int8_tensor, one_operator
from tests.targets.exact import Draw, accepted, assert_exact
from tests.targets.harness import Call
from whit.converter.ir import Graph, Quantization
from whit.runtime.lowering import lower

EVERY = np.arange(-128, 128, dtype=np.int8)
SHAPES = [
    ((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3, 4, 5), (5,)), ((2, 3, 4, 5), (1, 1, 1, 1)),
    ((3, 1, 5), (3, 4, 1)), ((1, 3, 1, 5), (2, 1, 4, 1)), ((4, 5), (2, 1, 1, 5)), ((1,), (1,)),
    ((7, 1), (1, 9)), ((2, 3, 4), (3, 1)),
]


def make(op: str, seed: int, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[Graph, Draw]:
    draw = Draw(seed)
    scales = np.exp(draw.random.uniform(-4, 0, 2))
    y_scale = float(scales.max() * np.exp(draw.random.uniform(-1.5, 1)))
    inputs = [
        int8_tensor(name, *shape, scale=float(scale), zero_point=draw.zero_point())
        for name, shape, scale in zip("ab", (a, b), scales, strict=True)
    ]
    out = Quantization.per_tensor(y_scale, draw.zero_point())
    return one_operator(op, inputs, quantization=out, activation=draw.activation()), draw


@pytest.mark.parametrize("op", ["add", "sub"])
@pytest.mark.parametrize("seed", range(24))
def test_every_pair(op: str, seed: int) -> None:
    graph, _ = make(op, seed, (256, 1), (1, 256))
    assert_exact(graph, [{"a": EVERY.reshape(256, 1), "b": EVERY.reshape(1, 256)}])


@pytest.mark.parametrize("op", ["add", "sub"])
@pytest.mark.parametrize("a, b", SHAPES)
def test_broadcasting(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    graph, draw = make(op, 1, a, b)
    assert_exact(graph, [{"a": draw.data(*a), "b": draw.data(*b)} for _ in range(2)])


@pytest.mark.parametrize("op", ["add", "sub"])
@pytest.mark.parametrize("ratio", [1e-9, 1e-4, 1.0, 1e4])
def test_scales_far_apart(op: str, ratio: float) -> None:
    a = int8_tensor("a", 256, 1, scale=0.1, zero_point=-128)
    b = int8_tensor("b", 1, 256, scale=0.1 * ratio, zero_point=127)
    out = Quantization.per_tensor(0.15 * max(1.0, ratio), -3)
    graph = one_operator(op, [a, b], quantization=out)
    assert_exact(graph, [{"a": EVERY.reshape(256, 1), "b": EVERY.reshape(1, 256)}])


def test_the_same_tensor_twice() -> None:
    a = int8_tensor("a", 256, scale=0.1, zero_point=-7)
    graph = one_operator("add", [a, a], quantization=Quantization.per_tensor(0.2, 3))
    assert_exact(graph, [{"a": EVERY}])


def call_of(graph: Graph, a: np.ndarray, b: np.ndarray) -> Call:
    ((call,),) = lower(graph)
    return Call(call.kernel, [a, b], (graph.tensors["output"].shape, np.int8), call.params)


@pytest.mark.parametrize("a, b", SHAPES)
def test_between_guards_and_in_place(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    graph, draw = make("add", 2, a, b)
    call = call_of(graph, draw.data(*a), draw.data(*b))
    expected = call.run()
    for operand, shape in ((0, a), (1, b)):
        if shape == expected.shape:
            np.testing.assert_array_equal(call.run_overlapped(operand), expected)


def test_validation() -> None:
    graph, draw = make("add", 2, (3, 1, 5), (3, 4, 1))
    call = call_of(graph, draw.data(3, 1, 5), draw.data(3, 4, 1))
    assert not accepted(call, [
        {"rank": 0}, {"rank": 7}, {"rank": -1}, {"dims": (3, 4, 0)}, {"dims": (3, 400, 5)},
        {"dims": (2**15, 2**15, 4)}, {"a_strides": (5, 0, -1)}, {"a_strides": (5000, 0, 1)},
        {"b_strides": (2**30, 1, 0)}, {"left_shift": 23}, {"a_shift": 1}, {"b_shift": -32},
        {"output_shift": 5}, {"a_multiplier": -1}, {"b_multiplier": -5}, {"output_multiplier": -1},
        {"a_zero_point": 128}, {"b_zero_point": -129}, {"output_zero_point": 500},
        {"clamp_min": -200}, {"clamp_max": 128}, {"clamp_min": 2, "clamp_max": 1}, {"subtract": 2},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
