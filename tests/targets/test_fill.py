"""fill_any: every element size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.harness import Call, call


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("value", [0, 1, -1, -128, 127])
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_fill(dtype: type, value: int, count: int) -> None:
    size = np.dtype(dtype).itemsize
    y = call("fill_any", [], ((count,), dtype), element_bytes=size, count=count, value=value)
    np.testing.assert_array_equal(y, np.full(count, value, dtype))


def test_float_bits() -> None:
    bits = int(np.float32(-1.5).view(np.int32))
    y = call("fill_any", [], ((3,), np.float32), element_bytes=4, count=3, value=bits)
    np.testing.assert_array_equal(y, np.full(3, -1.5, np.float32))


@pytest.mark.parametrize("change", [{"element_bytes": 3}, {"count": 0}, {"count": 2**29}])
def test_validation(change: dict[str, int]) -> None:
    params = {"element_bytes": 4, "count": 2, "value": 0, **change}
    assert not Call("fill_any", [], ((2,), np.int32), params).valid()
