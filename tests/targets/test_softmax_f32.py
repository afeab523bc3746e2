"""softmax_f32 against float64."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.harness import Call


def make(x: np.ndarray, beta: float, **change: float) -> Call:
    params = {"rows": x.shape[0], "columns": x.shape[1], "beta": beta, **change}
    return Call("softmax_f32", [x], (x.shape, np.float32), params)


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("shape", [(1, 1), (3, 10), (2, 1000)])
@pytest.mark.parametrize("spread", [1.0, 40.0])
def test_definition(shape: tuple[int, int], beta: float, spread: float) -> None:
    x = np.random.default_rng(0).normal(5, spread, shape).astype(np.float32)
    exponent = (x.astype(np.float64) - x.max(1, keepdims=True)) * beta
    expected = np.exp(exponent) / np.exp(exponent).sum(1, keepdims=True)
    call = make(x, beta)
    # An error of half a unit in x - max, at most 2^-17 here, is a relative error of the result.
    np.testing.assert_allclose(call.run(), expected, rtol=2e-5, atol=1e-37)
    np.testing.assert_array_equal(call.run_overlapped(0), call.run())


def test_one_infinity_wins_and_nan_stays_in_its_row() -> None:
    x = np.array([[1, -np.inf, 3], [np.nan, 0, 1], [3e38, -3e38, 0]], np.float32)
    y = make(x, 1.0).run()
    np.testing.assert_allclose(y[0], [1 / (1 + np.e**2), 0, 1 / (1 + np.e**-2)], rtol=1e-6)
    assert np.isnan(y[1]).all()
    np.testing.assert_array_equal(y[2], [1, 0, 0])


@pytest.mark.parametrize("change", [{"rows": 0}, {"columns": -1}, {"rows": 2**28}])
def test_validation(change: dict[str, int]) -> None:
    assert not make(np.ones((2, 3), np.float32), 1.0, **change).valid()
