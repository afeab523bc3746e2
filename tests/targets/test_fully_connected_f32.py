"""fully_connected_f32 against a float64 matrix product."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.harness import Call


def make(
    rows: int, in_c: int, out_c: int, with_bias: bool, /, **change: float
) -> tuple[Call, np.ndarray]:
    random = np.random.default_rng(rows * 100 + in_c)
    x = random.normal(0, 1, (rows, in_c)).astype(np.float32)
    w = random.normal(0, 1, (out_c, in_c)).astype(np.float32)
    bias = random.normal(0, 1, out_c).astype(np.float32) if with_bias else None
    expected = x.astype(np.float64) @ w.T.astype(np.float64) + (0 if bias is None else bias)
    params = {"rows": rows, "in_c": in_c, "out_c": out_c, "clamp_min": -1.0, "clamp_max": 4.0,
              **change}
    call = Call("fully_connected_f32", [x, w, bias], (expected.shape, np.float32), params)
    return call, np.clip(expected, -1.0, 4.0)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("out_c", [1, 3, 4, 10])
@pytest.mark.parametrize(("rows", "in_c"), [(1, 1), (3, 7), (2, 64), (1, 515)])
def test_definition(rows: int, in_c: int, out_c: int, with_bias: bool) -> None:
    call, expected = make(rows, in_c, out_c, with_bias)
    np.testing.assert_allclose(call.run(), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("change", [{"rows": 0}, {"in_c": 100}, {"out_c": 6}, {"in_c": -1},
                                    {"rows": 2**31 - 1}])
def test_validation(change: dict[str, int]) -> None:
    good, _ = make(2, 8, 5, True)
    ends = {"arena_bytes": good.end("i", "o"), "constant_bytes": good.end("c")}
    assert good.valid(**ends)
    assert not make(2, 8, 5, True, **change)[0].valid(**ends)
