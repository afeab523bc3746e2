"""int8 tables of unary operators: all 256 inputs, bit for bit what TFLM computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracles import tflm
from tests.support import constant, int8_tensor, one_operator
from tests.targets.harness import Call, call
from whit.converter.exporters import tflite
from whit.converter.ir import Graph, Quantization
from whit.runtime.session import Session

EVERY_BYTE = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
SIGMOID = Quantization.per_tensor(1 / 256, -128)
TANH = Quantization.per_tensor(1 / 128, 0)


def quantizations(seed: int, count: int) -> list[tuple[float, int, float, int]]:
    """Random (scale, zero point) of inputs and outputs, scales over four decades."""
    random = np.random.default_rng(seed)
    scales = np.exp(random.uniform(np.log(1e-4), np.log(2), count))
    ratios = np.exp(random.uniform(-3, 3, count))
    zeros = random.integers(-128, 128, (count, 2))
    return [
        (float(s), int(z), float(np.float32(s * r)), int(z2))
        for s, r, (z, z2) in zip(scales, ratios, zeros, strict=True)
    ]


def check_with_tflm(graph: Graph) -> None:
    (expected,) = tflm(tflite.export(graph), [{"x": EVERY_BYTE}])
    result = Session(graph, optimize=False).run({"x": EVERY_BYTE})
    np.testing.assert_array_equal(result["output"], next(iter(expected.values())))


def unary(
    op: str, scale: float, zero_point: int, quantization: Quantization, **attributes: Any
) -> Graph:
    x = int8_tensor("x", *EVERY_BYTE.shape, scale=scale, zero_point=zero_point)
    return one_operator(op, [x], quantization=quantization, **attributes)


@pytest.mark.parametrize(("scale", "zero_point", "_s", "_z"), quantizations(1, 16))
def test_sigmoid_and_tanh(scale: float, zero_point: int, _s: float, _z: int) -> None:
    check_with_tflm(unary("sigmoid", scale, zero_point, SIGMOID))
    check_with_tflm(unary("tanh", scale, zero_point, TANH))


@pytest.mark.parametrize(("scale", "zero_point", "out_scale", "out_zero"), quantizations(2, 16))
def test_relu_requantizes(scale: float, zero_point: int, out_scale: float, out_zero: int) -> None:
    out = Quantization.per_tensor(out_scale, out_zero)
    check_with_tflm(unary("clip", scale, zero_point, out, min=0.0))


@pytest.mark.parametrize(("scale", "zero_point", "_s", "_z"), quantizations(3, 12))
def test_relu6_clamps(scale: float, zero_point: int, _s: float, _z: int) -> None:
    same = Quantization.per_tensor(scale, zero_point)
    check_with_tflm(unary("clip", scale, zero_point, same, min=0.0, max=6.0))
    check_with_tflm(unary("clip", scale, zero_point, same, min=0.0))


@pytest.mark.parametrize("alpha", [0.2, 1.7, -0.3])
@pytest.mark.parametrize(("scale", "zero_point", "out_scale", "out_zero"), quantizations(4, 8))
def test_leaky_relu(
    alpha: float, scale: float, zero_point: int, out_scale: float, out_zero: int
) -> None:
    out = Quantization.per_tensor(out_scale, out_zero)
    check_with_tflm(unary("leaky_relu", scale, zero_point, out, alpha=alpha))


@pytest.mark.parametrize(("scale", "zero_point", "out_scale", "out_zero"), quantizations(5, 16))
def test_requantize(scale: float, zero_point: int, out_scale: float, out_zero: int) -> None:
    out = Quantization.per_tensor(out_scale, out_zero)
    check_with_tflm(unary("quantize", scale, zero_point, out, dtype="int8"))
    unsigned = Quantization.per_tensor(out_scale, out_zero + 128)
    check_with_tflm(unary("quantize", scale, zero_point, unsigned, dtype="uint8"))


@pytest.mark.parametrize(("scale", "zero_point", "out_scale", "out_zero"), quantizations(6, 8))
def test_prelu_of_one_slope(scale: float, zero_point: int, out_scale: float, out_zero: int) -> None:
    alpha = constant(
        "alpha", np.full((1, 1, 1), 90, np.int8), Quantization.per_tensor(0.004, -17)
    )
    x = int8_tensor("x", *EVERY_BYTE.shape, scale=scale, zero_point=zero_point)
    out = Quantization.per_tensor(out_scale, out_zero)
    check_with_tflm(one_operator("prelu", [x, alpha], quantization=out))


@pytest.mark.parametrize(("op", "function"), [("tanh", np.tanh),
                                              ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))])
def test_unusual_output_quantization(op: str, function: Any) -> None:
    """Where TFLM's fixed output quantization is not used: the real function, rounded."""
    scale, zero_point = np.float32(0.017), 11
    graph = unary(op, 0.06, -9, Quantization.per_tensor(float(scale), zero_point))
    result = Session(graph, optimize=False).run({"x": EVERY_BYTE})["output"]
    real = float(np.float32(0.06)) * (EVERY_BYTE.astype(np.float64) + 9)
    expected = np.round(function(real) / float(scale)) + zero_point
    np.testing.assert_array_equal(result, np.clip(expected, -128, 127))


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (None, 0.5), (-3e38, 3e38), (float("-inf"), 2.0)])
def test_clip_bounds(bounds: tuple[float | None, float | None]) -> None:
    low, high = bounds
    graph = unary("clip", 0.05, 3, Quantization.per_tensor(0.05, 3), min=low, max=high)
    result = Session(graph, optimize=False).run({"x": EVERY_BYTE})["output"]
    stored = EVERY_BYTE.astype(np.int64)
    least = -128 if low is None or low < -100 else round(low / 0.05) + 3
    most = 127 if high is None or high > 100 else round(high / 0.05) + 3
    np.testing.assert_array_equal(result, np.clip(stored, max(least, -128), min(most, 127)))


def test_kernel_in_place_and_limits() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, 777).astype(np.uint8)
    table = random.permutation(256).astype(np.uint8)
    lookup = Call("lookup_x8", [x, table], (x.shape, np.uint8), {"count": x.size})
    np.testing.assert_array_equal(lookup.run(), table[x])
    np.testing.assert_array_equal(lookup.run_overlapped(0), table[x])
    np.testing.assert_array_equal(
        call("lookup_x8", [x, table], ((1,), np.uint8), count=1), table[x[:1]]
    )
    for count in (0, -1, 100000):
        assert not Call("lookup_x8", [x, table], (x.shape, np.uint8), {"count": count}).valid()
    short = Call("lookup_x8", [x, table], (x.shape, np.uint8), {"count": 777})
    assert not short.valid(constant_bytes=64 + 255)
