"""conv2d_f32 against its definition in float64."""

from __future__ import annotations

import numpy as np
import pytest

from tests.targets.harness import Call

INFINITE = {"clamp_min": -np.inf, "clamp_max": np.inf}
CASES = [
    # in_h, in_w, in_c, out_c, kernel, strides, dilations, padding, groups
    (5, 6, 3, 4, (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)), 1),
    (7, 4, 1, 5, (2, 3), (2, 1), (1, 1), ((0, 1), (2, 2)), 1),
    (6, 6, 8, 7, (1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), 1),
    (9, 8, 4, 6, (3, 2), (2, 3), (2, 3), ((2, 1), (0, 3)), 2),
    (4, 4, 6, 9, (3, 3), (1, 2), (1, 1), ((1, 1), (1, 1)), 3),
    (3, 3, 5, 2, (2, 2), (1, 1), (1, 1), ((3, 3), (4, 0)), 1),
    (1, 40, 2, 3, (1, 10), (1, 2), (1, 1), ((0, 0), (4, 5)), 1),
]


def conv2d(x: np.ndarray, w: np.ndarray, strides: tuple[int, int], dilations: tuple[int, int],
           padding: tuple[tuple[int, int], tuple[int, int]], groups: int) -> np.ndarray:
    """The definition, in float64: x [N,H,W,C], w [O,KH,KW,C/groups]."""
    x = np.pad(x.astype(np.float64), ((0, 0), *padding, (0, 0)))
    out, kernel_h, kernel_w, depth = w.shape
    rows = (x.shape[1] - (kernel_h - 1) * dilations[0] - 1) // strides[0] + 1
    columns = (x.shape[2] - (kernel_w - 1) * dilations[1] - 1) // strides[1] + 1
    y = np.zeros((x.shape[0], rows, columns, out))
    for o in range(out):
        first = o // (out // groups) * depth
        for i in range(kernel_h):
            for j in range(kernel_w):
                top, left = i * dilations[0], j * dilations[1]
                taps = x[:, top : top + rows * strides[0] : strides[0],
                         left : left + columns * strides[1] : strides[1], first : first + depth]
                y[..., o] += (taps[:, :rows, :columns] * w[o, i, j].astype(np.float64)).sum(-1)
    return y


def make(case: tuple, with_bias: bool, limits: dict[str, float]) -> tuple[Call, np.ndarray]:
    height, width, in_c, out_c, kernel, strides, dilations, padding, groups = case
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (2, height, width, in_c)).astype(np.float32)
    w = random.normal(0, 1, (out_c, *kernel, in_c // groups)).astype(np.float32)
    bias = random.normal(0, 1, out_c).astype(np.float32) if with_bias else None
    expected = conv2d(x, w, strides, dilations, padding, groups) + (0 if bias is None else bias)
    expected = np.clip(expected, limits["clamp_min"], limits["clamp_max"])
    params = {
        "batch": 2, "in_h": height, "in_w": width, "in_c": in_c, "out_h": expected.shape[1],
        "out_w": expected.shape[2], "out_c": out_c, "kernel_h": kernel[0], "kernel_w": kernel[1],
        "stride_h": strides[0], "stride_w": strides[1], "dilation_h": dilations[0],
        "dilation_w": dilations[1], "pad_top": padding[0][0], "pad_left": padding[1][0],
        "groups": groups, **limits,
    }
    return Call("conv2d_f32", [x, w, bias], (expected.shape, np.float32), params), expected


@pytest.mark.parametrize("limits", [INFINITE, {"clamp_min": 0.0, "clamp_max": 6.0}])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_definition(case: tuple, with_bias: bool, limits: dict[str, float]) -> None:
    call, expected = make(case, with_bias, limits)
    np.testing.assert_allclose(call.run(), expected, rtol=1e-5, atol=1e-5)


def test_nan_stays_in_its_window() -> None:
    case = (5, 5, 2, 3, (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)), 1)
    call, expected = make(case, True, INFINITE)
    x = call.arrays[0]
    assert x is not None
    x[0, 0, 0, 0] = np.nan
    again = Call("conv2d_f32", [x, *call.arrays[1:3]], (expected.shape, np.float32), {
        "batch": 2, "in_h": 5, "in_w": 5, "in_c": 2, "out_h": 5, "out_w": 5, "out_c": 3,
        "kernel_h": 3, "kernel_w": 3, "stride_h": 1, "stride_w": 1, "dilation_h": 1,
        "dilation_w": 1, "pad_top": 1, "pad_left": 1, "groups": 1, **INFINITE})
    lost = np.isnan(again.run())
    assert lost[0, :2, :2].all() and lost.sum() == 2 * 2 * 3


@pytest.mark.parametrize("change", [
    {"groups": 0}, {"groups": 2}, {"stride_h": 0}, {"dilation_w": 0}, {"kernel_h": 0},
    {"in_c": 4}, {"out_h": 6}, {"out_w": 2**30}, {"in_h": 50}, {"out_c": 5}, {"batch": -2},
    {"batch": 2**31 - 1}, {"kernel_w": 65535}, {"stride_h": 65535, "out_h": 2**20},
])
def test_validation(change: dict[str, int]) -> None:
    case = (5, 6, 3, 4, (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)), 1)
    call, expected = make(case, True, INFINITE)
    params = {
        "batch": 2, "in_h": 5, "in_w": 6, "in_c": 3, "out_h": 5, "out_w": 6, "out_c": 4,
        "kernel_h": 3, "kernel_w": 3, "stride_h": 1, "stride_w": 1, "dilation_h": 1,
        "dilation_w": 1, "pad_top": 1, "pad_left": 1, "groups": 1, **INFINITE,
    }
    inputs = call.arrays[:3]
    good = Call("conv2d_f32", inputs, (expected.shape, np.float32), params)
    # Each region ends with its last operand.
    ends = {"arena_bytes": good.end("i", "o"), "constant_bytes": good.end("c")}
    assert good.valid(**ends)
    bad = Call("conv2d_f32", inputs, (expected.shape, np.float32), {**params, **change})
    assert not bad.valid(**ends)
