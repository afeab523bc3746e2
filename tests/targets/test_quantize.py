"""quantize_f32_x8 and dequantize_x8_f32 against TFLM, and where TFLM is undefined."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles import litert, tflm
from tests.support import float_tensor, int8_tensor, one_operator
from tests.targets.harness import Call, call
from whit.converter.exporters import tflite
from whit.converter.ir import DType, Quantization, Tensor
from whit.runtime.session import Session

PARAMETERS = [(0.1, 0), (1 / 256, -128), (0.0173, 55), (3.7, 127), (2.0**-10, -3)]


def _reals(scale: float, zero_point: int) -> np.ndarray:
    """Ties, their neighbours, the ends of the range and noise."""
    ties = (np.arange(-150, 150) + 0.5).astype(np.float32) * np.float32(scale)
    near = np.concatenate([ties, np.nextafter(ties, np.float32(np.inf)),
                           np.nextafter(ties, np.float32(-np.inf))])
    noise = np.random.default_rng(0).normal(0, 100 * scale, 1200).astype(np.float32)
    extremes = np.array([0.0, -0.0, 1e-42, 1e5 * scale, -1e5 * scale], np.float32)
    return np.concatenate([near, noise, extremes]).astype(np.float32)


@pytest.mark.parametrize(("scale", "zero_point"), PARAMETERS)
def test_quantize_is_tflms(scale: float, zero_point: int) -> None:
    x = _reals(scale, zero_point)
    graph = one_operator("quantize", [float_tensor("x", 1, x.size)],
                         quantization=Quantization.per_tensor(scale, zero_point), dtype="int8")
    given = {"x": x.reshape(1, -1)}
    (expected,) = tflm(tflite.export(graph), [given])
    result = Session(graph, optimize=False).run(given)["output"]
    np.testing.assert_array_equal(result, next(iter(expected.values())))


@pytest.mark.parametrize(("scale", "zero_point"), PARAMETERS)
def test_quantize_uint8_is_litert_reference(scale: float, zero_point: int) -> None:
    x = _reals(scale, zero_point)
    quantization = Quantization.per_tensor(scale, zero_point + 128)
    graph = one_operator("quantize", [float_tensor("x", 1, x.size)],
                         quantization=quantization, dtype="uint8")
    given = {"x": x.reshape(1, -1)}
    (expected,) = litert(tflite.export(graph), [given])
    result = Session(graph, optimize=False).run(given)["output"]
    np.testing.assert_array_equal(result, next(iter(expected.values())))


@pytest.mark.parametrize(("scale", "zero_point"), PARAMETERS)
def test_dequantize(scale: float, zero_point: int) -> None:
    stored = np.arange(256, dtype=np.uint8).reshape(1, 256)
    signed = int8_tensor("x", 1, 256, scale=scale, zero_point=zero_point)
    graph = one_operator("dequantize", [signed])
    given = {"x": stored.view(np.int8)}
    (expected,) = tflm(tflite.export(graph), [given])
    result = Session(graph, optimize=False).run(given)["output"]
    np.testing.assert_array_equal(result, next(iter(expected.values())))
    unsigned = Tensor("x", (1, 256), DType.UINT8, None,
                      Quantization.per_tensor(scale, zero_point + 128))
    session = Session(one_operator("dequantize", [unsigned]), optimize=False)
    real = np.float32(scale) * (stored.astype(np.float32) - (zero_point + 128))
    np.testing.assert_array_equal(session.run({"x": stored})["output"], real)


def test_beyond_integers() -> None:
    """Where the reference converts floats that no int32 holds, whit saturates; NaN is 0."""
    x = np.array([np.inf, -np.inf, np.nan, 3e38, -3e38, 1e9, -1e9], np.float32)
    y = call("quantize_f32_x8", [x], (x.shape, np.int8), count=7, scale=1e-3, zero_point=5)
    np.testing.assert_array_equal(y, [127, -128, 5, 127, -128, 127, -128])
    y = call("quantize_f32_x8", [x], (x.shape, np.uint8), count=7, scale=1e-30, zero_point=200,
             is_unsigned=1)
    np.testing.assert_array_equal(y, [255, 0, 200, 255, 0, 255, 0])


def test_overlap() -> None:
    random = np.random.default_rng(1)
    x = random.normal(0, 1, 501).astype(np.float32)
    params = {"count": 501, "scale": 0.05, "zero_point": 3}
    quantize = Call("quantize_f32_x8", [x], (x.shape, np.int8), params)
    np.testing.assert_array_equal(quantize.run_overlapped(0), quantize.run())
    stored = random.integers(-128, 128, 501).astype(np.int8)
    back = Call("dequantize_x8_f32", [stored], (x.shape, np.float32), params)
    np.testing.assert_array_equal(back.run_overlapped(0), back.run())
    with np.testing.assert_raises(AssertionError):
        np.testing.assert_array_equal(back.run_overlapped(0, closer=1), back.run())


@pytest.mark.parametrize("change", [
    {"scale": 0.0}, {"scale": -1.0}, {"scale": float("nan")}, {"scale": float("inf")},
    {"zero_point": 128}, {"zero_point": -129}, {"is_unsigned": 2}, {"is_unsigned": 1},
    {"count": 0}, {"count": 1 << 28},
])
def test_validation(change: dict[str, float]) -> None:
    params = {"count": 4, "scale": 0.1, "zero_point": -1, **change}
    x = np.zeros(4, np.float32)
    assert not Call("quantize_f32_x8", [x], (x.shape, np.int8), params).valid()
