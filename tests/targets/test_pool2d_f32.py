"""average_pool2d_f32 and max_pool2d_f32 against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.targets.harness import Call

CASES = [
    # in_h, in_w, channels, kernel, strides, padding
    (6, 6, 3, (2, 2), (2, 2), ((0, 0), (0, 0))),
    (5, 7, 4, (3, 3), (2, 2), ((1, 1), (1, 1))),
    (4, 9, 1, (3, 4), (1, 3), ((2, 1), (3, 2))),
    (5, 4, 7, (5, 4), (1, 1), ((0, 0), (0, 0))),
]


def windows(case: tuple, x: np.ndarray, fill: float) -> np.ndarray:
    """[N, OH, OW, KH, KW, C]: padding reads as `fill`."""
    _, _, _, kernel, strides, padding = case
    padded = np.pad(x.astype(np.float64), ((0, 0), *padding, (0, 0)), constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel, (1, 2))
    return views[:, :: strides[0], :: strides[1]].transpose(0, 1, 2, 4, 5, 3)


def make(kernel_name: str, case: tuple, shape: tuple[int, ...], x: np.ndarray,
         include: bool = False, **change: Any) -> Call:
    height, width, channels, kernel, strides, padding = case
    params = {
        "batch": 2, "in_h": height, "in_w": width, "channels": channels, "out_h": shape[1],
        "out_w": shape[2], "kernel_h": kernel[0], "kernel_w": kernel[1], "stride_h": strides[0],
        "stride_w": strides[1], "pad_top": padding[0][0], "pad_left": padding[1][0],
        "pad_bottom": padding[0][1], "pad_right": padding[1][1], "clamp_min": -0.9,
        "clamp_max": np.inf, "count_include_pad": int(include), **change,
    }
    return Call(kernel_name, [x], (shape, np.float32), params)


def samples(case: tuple) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (2, *case[:3])).astype(np.float32)


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_average(case: tuple, include: bool) -> None:
    x = samples(case)
    taps = windows(case, x, np.nan)
    with np.errstate(invalid="ignore"):
        mean = np.nan_to_num(taps).mean((3, 4)) if include else np.nanmean(taps, (3, 4))
    y = make("average_pool2d_f32", case, mean.shape, x, include).run()
    np.testing.assert_allclose(y, np.maximum(mean, -0.9), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_max(case: tuple) -> None:
    x = samples(case)
    peak = windows(case, x, -np.inf).max((3, 4))
    y = make("max_pool2d_f32", case, peak.shape, x).run()
    np.testing.assert_array_equal(y, np.maximum(peak, np.float32(-0.9)).astype(np.float32))


@pytest.mark.parametrize("kernel", ["average_pool2d_f32", "max_pool2d_f32"])
@pytest.mark.parametrize("change", [
    {"kernel_h": 0}, {"stride_w": 0}, {"in_h": 60}, {"out_h": 30}, {"channels": 0},
    {"batch": 2**30}, {"stride_h": 65535, "out_h": 2**14},
])
def test_validation(kernel: str, change: dict[str, Any]) -> None:
    x = samples(CASES[0])
    good = make(kernel, CASES[0], (2, 3, 3, 3), x)
    ends = {"arena_bytes": good.end("i", "o")}
    assert good.valid(**ends)
    assert not make(kernel, CASES[0], (2, 3, 3, 3), x, **change).valid(**ends)
