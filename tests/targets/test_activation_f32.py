"""clip, sigmoid, tanh, leaky_relu and prelu in float32 against float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.targets.harness import Call, call


def _every_magnitude() -> np.ndarray:
    """Finite floats of every exponent and both signs, 400,000 of them, and the special ones."""
    random = np.random.default_rng(0)
    bits = random.integers(0, 1 << 32, 200_000, dtype=np.uint64).astype(np.uint32)
    x = np.concatenate([bits.view(np.float32), np.linspace(-110, 110, 200_001, dtype=np.float32),
                        np.array([0.0, -0.0, 88.72283, 88.7229, -103.9, -104.1], np.float32)])
    return x[np.isfinite(x)]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1.0, e) / (1.0 + e)


@pytest.mark.parametrize(("kernel", "function"), [("sigmoid_f32", _sigmoid), ("tanh_f32", np.tanh)])
def test_within_three_units_in_the_last_place(
    kernel: str, function: Callable[[np.ndarray], np.ndarray]
) -> None:
    x = _every_magnitude()
    y = call(kernel, [x], (x.shape, np.float32), count=x.size)
    expected = function(x.astype(np.float64))
    unit = np.spacing(np.abs(expected.astype(np.float32))).astype(np.float64)
    assert (np.abs(y - expected) / unit).max() < 3


@pytest.mark.parametrize(("kernel", "limits"), [("sigmoid_f32", (0, 1)), ("tanh_f32", (-1, 1))])
def test_special_values(kernel: str, limits: tuple[int, int]) -> None:
    x = np.array([-np.inf, np.inf, np.nan], np.float32)
    y = call(kernel, [x], (x.shape, np.float32), count=3)
    np.testing.assert_array_equal(y, [*limits, np.nan])


def test_clip_and_leaky_relu() -> None:
    x = np.random.default_rng(1).normal(0, 3, 999).astype(np.float32)
    clip = Call("clip_f32", [x], (x.shape, np.float32), {"count": 999, "min": -1.5, "max": 2.0})
    np.testing.assert_array_equal(clip.run(), np.clip(x, np.float32(-1.5), np.float32(2)))
    leaky = Call("leaky_relu_f32", [x], (x.shape, np.float32), {"count": 999, "alpha": 0.1})
    expected = np.where(x < 0, x * np.float32(0.1), x)
    np.testing.assert_array_equal(leaky.run(), expected)
    np.testing.assert_array_equal(leaky.run_overlapped(0), expected)


def test_prelu() -> None:
    random = np.random.default_rng(2)
    x = random.normal(0, 3, (4, 5, 3)).astype(np.float32)
    alpha = random.normal(0, 1, (5, 1)).astype(np.float32)
    prelu = Call("prelu_f32", [x, alpha], (x.shape, np.float32),
                 {"rank": 3, "dims": x.shape, "alpha_strides": (0, 1, 0)})
    expected = np.where(x < 0, x * alpha, x)
    np.testing.assert_array_equal(prelu.run(), expected)
    np.testing.assert_array_equal(prelu.run_overlapped(0), expected)
    bad = Call("prelu_f32", [x, alpha], (x.shape, np.float32),
               {"rank": 3, "dims": x.shape, "alpha_strides": (0, 500, 0)})
    assert not bad.valid()


@pytest.mark.parametrize("kernel", ["clip_f32", "sigmoid_f32", "tanh_f32", "leaky_relu_f32"])
@pytest.mark.parametrize("count", [0, -1, 200, 1 << 30])
def test_validation(kernel: str, count: int) -> None:
    x = np.ones(4, np.float32)
    assert not Call(kernel, [x], (x.shape, np.float32), {"count": count}).valid()
