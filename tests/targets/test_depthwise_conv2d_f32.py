"""depthwise_conv2d_f32 against its definition in float64: a grouped convolution."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.harness import Call
from tests.targets.test_conv2d_f32 import conv2d

CASES = [
    # in_h, in_w, in_c, multiplier, kernel, strides, dilations, padding
    (5, 6, 4, 1, (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))),
    (7, 4, 1, 8, (10, 4), (2, 2), (1, 1), ((4, 5), (1, 1))),
    (9, 8, 3, 2, (3, 2), (2, 3), (2, 3), ((2, 1), (0, 3))),
    (3, 3, 5, 1, (2, 2), (1, 1), (1, 1), ((3, 3), (4, 0))),
]


def make(case: tuple, with_bias: bool, **change: float) -> tuple[Call, np.ndarray]:
    height, width, in_c, multiplier, kernel, strides, dilations, padding = case
    random = np.random.default_rng(0)
    out_c = in_c * multiplier
    x = random.normal(0, 1, (2, height, width, in_c)).astype(np.float32)
    w = random.normal(0, 1, (*kernel, out_c)).astype(np.float32)
    bias = random.normal(0, 1, out_c).astype(np.float32) if with_bias else None
    expected = conv2d(x, w.transpose(2, 0, 1)[..., None], strides, dilations, padding, in_c)
    expected = np.clip(expected + (0 if bias is None else bias), -2.0, 3.0)
    params = {
        "batch": 2, "in_h": height, "in_w": width, "in_c": in_c, "out_h": expected.shape[1],
        "out_w": expected.shape[2], "multiplier": multiplier, "kernel_h": kernel[0],
        "kernel_w": kernel[1], "stride_h": strides[0], "stride_w": strides[1],
        "dilation_h": dilations[0], "dilation_w": dilations[1], "pad_top": padding[0][0],
        "pad_left": padding[1][0], "clamp_min": -2.0, "clamp_max": 3.0, **change,
    }
    call = Call("depthwise_conv2d_f32", [x, w, bias], (expected.shape, np.float32), params)
    return call, expected


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_definition(case: tuple, with_bias: bool) -> None:
    call, expected = make(case, with_bias)
    np.testing.assert_allclose(call.run(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("change", [
    {"multiplier": 0}, {"multiplier": 2}, {"stride_w": 0}, {"dilation_h": 0}, {"kernel_h": 40},
    {"in_c": 5}, {"out_h": 6}, {"in_h": 50}, {"batch": 0}, {"out_w": 2**31 - 1},
])
def test_validation(change: dict[str, int]) -> None:
    good, _ = make(CASES[0], True)
    ends = {"arena_bytes": good.end("i", "o"), "constant_bytes": good.end("c")}
    assert good.valid(**ends)
    assert not make(CASES[0], True, **change)[0].valid(**ends)
