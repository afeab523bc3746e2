"""mean_s8 against TFLM, bit for bit."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tests.support import one_operator
from tests.targets.exact import Draw, accepted, assert_exact, kernel_call
from whit.converter.ir import Graph, Quantization

AXES = [axes for count in (1, 2, 3, 4) for axes in combinations(range(4), count)]


def make(seed: int, axes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Graph, Draw]:
    draw = Draw(seed)
    x = draw.input(*shape)
    assert x.quantization is not None
    # Means of noise are near its middle: a finer output scale spreads them.
    scale = float(x.quantization.scale[0]) * float(np.exp(draw.random.uniform(-3, 1)))
    out = Quantization.per_tensor(scale, draw.zero_point())
    return one_operator("mean", [x], quantization=out, axes=axes, keepdims=bool(seed % 2)), draw


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("seed", range(2))
def test_every_set_of_axes(seed: int, axes: tuple[int, ...]) -> None:
    graph, draw = make(seed, axes, (2, 3, 5, 7))
    assert_exact(graph, [{"x": draw.data(2, 3, 5, 7)} for _ in range(3)])


@pytest.mark.parametrize("seed", range(16))
def test_global_pooling(seed: int) -> None:
    """Counts that are and are not powers of two, where rounding of the divisor shows."""
    draw = Draw(seed)
    shape = (1, draw.integer(1, 16), draw.integer(1, 16), draw.integer(1, 33))
    graph, draw = make(seed, (1, 2), shape)
    assert_exact(graph, [{"x": draw.data(*shape)} for _ in range(4)])


@pytest.mark.parametrize("ratio", [2.0**-33, 2.0**-31, 1e-9, 2.0**-20, 2.0**20])
def test_extreme_ratios_of_scales(ratio: float) -> None:
    draw = Draw(0)
    x = draw.input(1, 7, 9, 3)
    assert x.quantization is not None
    out = Quantization.per_tensor(float(x.quantization.scale[0]) / ratio, 5)
    graph = one_operator("mean", [x], quantization=out, axes=(1, 2))
    assert_exact(graph, [{"x": draw.data(1, 7, 9, 3)} for _ in range(2)])


@pytest.mark.parametrize("axes", AXES)
def test_between_guards_and_over_its_input(axes: tuple[int, ...]) -> None:
    graph, draw = make(1, axes, (2, 3, 5, 7))
    call = kernel_call(graph, draw.data(2, 3, 5, 7))
    expected = call.run()
    if axes[0] == 0 or axes in [(3,), (2, 3), (1, 2, 3), (1, 2), (1,), (2,), (1, 3)]:
        np.testing.assert_array_equal(call.run_overlapped(0), expected)


def test_validation() -> None:
    graph, draw = make(0, (1, 2), (2, 3, 5, 7))
    call = kernel_call(graph, draw.data(2, 3, 5, 7))
    assert not accepted(call, [
        {"kept": (0, 1, 1, 1, 2, 7)}, {"kept": (1, 1, 1, 1, 2, 700)},
        {"kept_strides": (0, 0, 0, 0, 105, 200)}, {"kept_strides": (0, 0, 0, 0, -105, 1)},
        {"reduced": (1, 1, 1, 1, 1, 160)}, {"reduced": (1, 1, 1, 1, 1, -1)},
        {"reduced": (2**15, 2**15, 1, 1, 1, 15)}, {"reduced_strides": (0, 0, 0, 0, 0, 80)},
        {"reduced_strides": (0, 0, 0, 0, 0, -1)}, {"multiplier": -1}, {"shift": 31},
        {"shift": -32}, {"output_zero_point": 128},
        {"reduced": (1000, 1, 1, 1, 1, 15), "reduced_strides": (0, 0, 0, 0, 0, 7)},
    ])
    assert not call.valid(arena_bytes=call.end("i", "o") - 1)
