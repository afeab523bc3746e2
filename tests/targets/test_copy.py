"""copy_any against numpy's own indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.targets.harness import Call, call

DTYPES = (np.uint8, np.int16, np.float32, np.int64)


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("perm", [(0, 1, 2, 3), (3, 1, 0, 2), (0, 3, 1, 2), (1, 0, 2, 3)])
def test_transpose(dtype: Any, perm: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).integers(0, 100, (3, 4, 5, 2)).astype(dtype)
    strides = _strides(x.shape)
    expected = x.transpose(perm)
    y = call(
        "copy_any", [x], (expected.shape, dtype), element_bytes=x.itemsize, rank=4,
        dims=expected.shape, x_strides=tuple(strides[i] for i in perm),
        y_strides=_strides(expected.shape),
    )
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_negative_strides_and_offsets(dtype: Any) -> None:
    x = np.arange(60).astype(dtype).reshape(5, 12)
    expected = np.zeros((4, 9), dtype)
    expected[1:, 2:8] = x[4:1:-1, 11:5:-1]
    sized = {"element_bytes": x.itemsize, "rank": 2, "dims": (3, 6)}
    copy = Call(
        "copy_any", [x], ((4, 9), dtype),
        {**sized, "x_offset": 59, "x_strides": (-12, -1), "y_offset": 11, "y_strides": (9, 1)},
    )
    y = copy.run()
    np.testing.assert_array_equal(y[1:, 2:8], expected[1:, 2:8])
    untouched = np.ones((4, 9), bool)
    untouched[1:, 2:8] = False
    assert (y[untouched].view(np.uint8) == 0xA5).all()


@pytest.mark.parametrize("inner", [1, 3])
@pytest.mark.parametrize("begin", [0, 2, 5])
def test_overlap_as_far_as_lag_allows(inner: int, begin: int) -> None:
    """A slice, and a copy into a wider tensor, over their own input."""
    x = np.random.default_rng(2).integers(0, 256, (6, 9, inner)).astype(np.uint8)
    part = Call(
        "copy_any", [x], ((6, 4, inner), np.uint8),
        {"element_bytes": 1, "rank": 2, "dims": (6, 4 * inner), "x_offset": begin * inner,
         "x_strides": (9 * inner, 1), "y_strides": (4 * inner, 1)},
    )
    np.testing.assert_array_equal(part.run_overlapped(0), x[:, begin : begin + 4])
    steps = Call(
        "copy_any", [x], ((6, 3, inner), np.uint8),
        {"element_bytes": 1, "rank": 3, "dims": (6, 3, inner), "x_offset": 0,
         "x_strides": (9 * inner, 3 * inner, 1), "y_strides": (3 * inner, inner, 1)},
    )
    np.testing.assert_array_equal(steps.run_overlapped(0), x[:, ::3])
    wider = Call(
        "copy_any", [x], ((6, 14, inner), np.uint8),
        {"element_bytes": 1, "rank": 2, "dims": (6, 9 * inner), "x_strides": (9 * inner, 1),
         "y_offset": begin * inner, "y_strides": (14 * inner, 1)},
    )
    np.testing.assert_array_equal(wider.run_overlapped(0)[:, begin : begin + 9], x)


def test_lag_is_tight() -> None:
    """One byte closer than lag allows, and the result is wrong: the formula gives nothing away."""
    x = np.arange(54, dtype=np.uint8).reshape(6, 9)
    wider = Call(
        "copy_any", [x], ((6, 14), np.uint8),
        {"element_bytes": 1, "rank": 2, "dims": (6, 9), "x_strides": (9, 1), "y_strides": (14, 1)},
    )
    np.testing.assert_array_equal(wider.run_overlapped(0)[:, :9], x)
    assert not np.array_equal(wider.run_overlapped(0, closer=1)[:, :9], x)


@pytest.mark.parametrize(
    "change",
    [
        {"rank": 0}, {"rank": 7}, {"element_bytes": 3}, {"dims": (4, 0)}, {"dims": (-1, 3)},
        {"x_offset": -1}, {"x_offset": 81}, {"y_offset": 1}, {"x_strides": (60, 1)},
        {"x_strides": (2**30, 1)}, {"y_strides": (-3, 1)}, {"y_strides": (2**31 - 1, 1)},
        {"dims": (2**16, 2**16), "x_strides": (0, 0), "y_strides": (0, 0)},
    ],
)  # fmt: skip
def test_refuses_what_would_leave_its_operands(change: dict[str, object]) -> None:
    good = {"element_bytes": 1, "rank": 2, "dims": (4, 3), "x_strides": (3, 1), "y_strides": (3, 1)}
    x = np.zeros(12, np.uint8)
    call_ = Call("copy_any", [x], ((12,), np.uint8), good)
    # The regions end with their operands.
    ends = {"arena_bytes": 64 + 16 + 64 + 12}
    assert call_.valid(**ends)
    assert not Call("copy_any", [x], ((12,), np.uint8), {**good, **change}).valid(**ends)
