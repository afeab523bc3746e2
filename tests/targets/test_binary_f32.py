"""add_f32, sub_f32, mul_f32: numpy's float32 arithmetic, broadcast."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.targets.harness import Call
from whit.runtime.lowering.common import broadcast

KERNELS = [("add_f32", np.add), ("sub_f32", np.subtract), ("mul_f32", np.multiply)]
SHAPES = [
    ((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3, 4, 5), (5,)), ((1,), (3, 4)), ((2, 1, 4, 1), (3, 1, 5)),
    ((7,), (7,)), ((1, 1), (1, 1)), ((4, 1, 3), (4, 2, 1)),
]


def make(kernel: str, a: np.ndarray, b: np.ndarray, **change: object) -> Call:
    shape = np.broadcast_shapes(a.shape, b.shape)
    nest = broadcast(shape, a.shape, b.shape)
    params = {
        "rank": nest.rank, "dims": nest.dims, "a_strides": nest.strides[0],
        "b_strides": nest.strides[1], "clamp_min": -1.0, "clamp_max": 2.0, **change,
    }
    return Call(kernel, [a, b], (shape, np.float32), params)


@pytest.mark.parametrize(("kernel", "function"), KERNELS)
@pytest.mark.parametrize(("first", "second"), SHAPES)
def test_broadcast(
    kernel: str,
    function: Callable[..., np.ndarray],
    first: tuple[int, ...],
    second: tuple[int, ...],
) -> None:
    random = np.random.default_rng(0)
    a = random.normal(0, 1, first).astype(np.float32)
    b = random.normal(0, 1, second).astype(np.float32)
    call = make(kernel, a, b)
    expected = np.clip(function(a, b), np.float32(-1), np.float32(2))
    np.testing.assert_array_equal(call.run(), expected)
    for operand, array in ((0, a), (1, b)):
        if array.shape == expected.shape:
            np.testing.assert_array_equal(call.run_overlapped(operand), expected)


def test_lag_of_broadcast_operands() -> None:
    """An operand repeated along the last axis is read in order; along the first, it is not."""
    a = np.random.default_rng(0).normal(0, 1, (3, 1)).astype(np.float32)
    b = np.random.default_rng(1).normal(0, 1, (3, 4)).astype(np.float32)
    call = make("add_f32", a, b)
    np.testing.assert_array_equal(call.run_overlapped(0), call.run())
    with pytest.raises(AssertionError, match="may not overlap"):
        make("add_f32", b[:1], b).run_overlapped(0)


@pytest.mark.parametrize("change", [
    {"rank": 0}, {"rank": 7}, {"dims": (0,)}, {"dims": (100,)}, {"a_strides": (-1,)},
    {"b_strides": (2**31 - 1,)}, {"dims": (2**31 - 1,)},
])
def test_validation(change: dict[str, object]) -> None:
    a = np.ones(12, np.float32)
    good = make("mul_f32", a, a)
    ends = {"arena_bytes": good.end("i", "o")}
    assert good.valid(**ends)
    assert not make("mul_f32", a, a, **change).valid(**ends)
