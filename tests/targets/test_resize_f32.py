"""resize_bilinear_f32 against LiteRT's reference and ONNX's definition."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles import litert
from tests.support import float_tensor, noise, one_operator
from tests.targets.harness import Call
from whit.converter.exporters import tflite
from whit.runtime.session import Session

SIZES = [((4, 5), (8, 10)), ((7, 3), (5, 4)), ((6, 6), (1, 1)), ((1, 2), (3, 7))]


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "align_corners"])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_litert(before: tuple[int, int], after: tuple[int, int], coordinates: str) -> None:
    graph = one_operator("resize_bilinear", [float_tensor("x", 2, *before, 3)], size=after,
                         coordinates=coordinates)
    (given,) = noise(graph)
    (expected,) = litert(tflite.export(graph), [given])
    result = Session(graph, optimize=False).run(given)["output"]
    np.testing.assert_allclose(result, next(iter(expected.values())), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_onnx(before: tuple[int, int], after: tuple[int, int], coordinates: str) -> None:
    onnx = pytest.importorskip("onnx")
    evaluator = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node("Resize", ["x", "", "", "size"], ["y"], mode="linear",
                                 coordinate_transformation_mode=coordinates)
    graph = one_operator("resize_bilinear", [float_tensor("x", 2, *before, 3)], size=after,
                         coordinates=coordinates)
    (given,) = noise(graph)
    x = given["x"].transpose(0, 3, 1, 2)
    size = np.array([*x.shape[:2], *after], np.int64)
    (expected,) = evaluator.ReferenceEvaluator(node).run(None, {"x": x, "size": size})
    result = Session(graph, optimize=False).run(given)["output"]
    np.testing.assert_allclose(result, expected.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("row", "valid"), [((0, 1), True), ((0, 2), False), ((-1, 0), False)])
def test_validation(row: tuple[int, int], valid: bool) -> None:
    x = np.ones((2, 2, 1), np.float32)
    halves = np.array([0.5, 0.5], np.float32).view(np.int32)
    rows = np.array([[*row, *halves]], np.int32)
    columns = np.array([[0, 1, *halves]], np.int32)
    params = {"batch": 1, "in_h": 2, "in_w": 2, "channels": 1, "out_h": 1, "out_w": 1}
    call = Call("resize_bilinear_f32", [x, rows, columns], ((1, 1, 1), np.float32), params)
    assert call.valid() == valid
