"""resize_bilinear_s8 and resize_nearest_any: TFLM bit for bit, and the rounding modes of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracles import tflm
from tests.support import int8_tensor, noise, one_operator
from tests.targets.harness import Call
from whit.converter.exporters import tflite
from whit.converter.ir import Graph, Quantization
from whit.runtime.session import Session

SAME = Quantization.per_tensor(0.05, 3)
SIZES = [((4, 5), (8, 10)), ((7, 3), (5, 4)), ((6, 6), (1, 1)), ((1, 2), (3, 7)), ((5, 5), (13, 3))]
NEAREST_OF_TFLITE = [
    ("asymmetric", "floor"), ("half_pixel", "round_half_up"), ("align_corners", "round_half_up")
]


def _graph(op: str, before: tuple[int, int], after: tuple[int, int], **attributes: Any) -> Graph:
    x = int8_tensor("x", 2, *before, 3, scale=0.05, zero_point=3)
    return one_operator(op, [x], quantization=SAME, size=after, **attributes)


def _check_with_tflm(graph: Graph) -> None:
    inputs = noise(graph, 0, 2)
    session = Session(graph, optimize=False)
    for given, expected in zip(inputs, tflm(tflite.export(graph), inputs), strict=True):
        np.testing.assert_array_equal(
            session.run(given)["output"], next(iter(expected.values()))
        )


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "align_corners"])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_bilinear(before: tuple[int, int], after: tuple[int, int], coordinates: str) -> None:
    _check_with_tflm(_graph("resize_bilinear", before, after, coordinates=coordinates))


@pytest.mark.parametrize(("coordinates", "rounding"), NEAREST_OF_TFLITE)
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_nearest(
    before: tuple[int, int], after: tuple[int, int], coordinates: str, rounding: str
) -> None:
    _check_with_tflm(
        _graph("resize_nearest", before, after, coordinates=coordinates, rounding=rounding)
    )


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "align_corners"])
@pytest.mark.parametrize(
    ("rounding", "name"),
    [("floor", "floor"), ("ceil", "ceil"), ("round_half_up", "round_prefer_ceil"),
     ("round_half_down", "round_prefer_floor")],
)
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_nearest_as_onnx_defines_it(
    before: tuple[int, int], after: tuple[int, int], rounding: str, name: str, coordinates: str
) -> None:
    onnx = pytest.importorskip("onnx")
    evaluator = pytest.importorskip("onnx.reference")
    node = onnx.helper.make_node(
        "Resize", ["x", "", "", "size"], ["y"], mode="nearest", nearest_mode=name,
        coordinate_transformation_mode=coordinates,
    )
    graph = _graph("resize_nearest", before, after, coordinates=coordinates, rounding=rounding)
    (given,) = noise(graph)
    x = given["x"].transpose(0, 3, 1, 2)
    size = np.array([*x.shape[:2], *after], np.int64)
    (expected,) = evaluator.ReferenceEvaluator(node).run(
        None, {"x": x.astype(np.float32), "size": size}
    )
    result = Session(graph, optimize=False).run(given)["output"]
    np.testing.assert_array_equal(result, expected.transpose(0, 2, 3, 1))


def test_large_enlargement_stays_inside() -> None:
    """The reference's rounded step runs past a 3-pixel input here; the last pixel repeats."""
    x = int8_tensor("x", 1, 3, 1, 1, scale=0.05, zero_point=3)
    graph = one_operator("resize_bilinear", [x], quantization=SAME, size=(120, 1))
    given = np.array([-100, 0, 100], np.int8).reshape(1, 3, 1, 1)
    result = Session(graph, optimize=False).run({"x": given})["output"].ravel()
    assert (np.diff(result.astype(int)) >= 0).all() and (result[-3:] == 100).all()


def _bilinear(**change: object) -> Call:
    x = np.arange(12, dtype=np.int8).reshape(2, 3, 2)
    rows = np.array([[0, 1, 512, 512]], np.int32)
    columns = np.array([[2, 2, 1024, 0], [0, 1, 256, 768]], np.int32)
    params = {"batch": 1, "in_h": 2, "in_w": 3, "channels": 2, "out_h": 1, "out_w": 2}
    inputs = {"rows": rows, "columns": columns}
    for name, value in change.items():
        if name in inputs:
            inputs[name] = np.array(value, np.int32)
        else:
            params[name] = value  # type: ignore[assignment]
    return Call("resize_bilinear_s8", [x, *inputs.values()], ((1, 2, 2), np.int8), params)


def test_kernel_and_validation() -> None:
    # Pixel (i, j) holds 6i + 2j and one more; the first output mixes rows of column 2.
    np.testing.assert_array_equal(_bilinear().run(), [[[7, 8], [5, 6]]])
    for change in (
        {"rows": [[0, 2, 512, 512]]}, {"rows": [[-1, 1, 512, 512]]},
        {"columns": [[0, 0, 1024, 0], [3, 0, 1, 1]]}, {"rows": [[0, 1, 2**31 - 1, 0]]},
        {"rows": [[0, 1, -(2**31), 0]]}, {"rows": [[0, 1, 1500, 700]]},
        {"out_w": 3}, {"out_h": 0}, {"in_h": 1}, {"batch": 100}, {"channels": -2},
    ):
        assert not _bilinear(**change).valid(), change


def test_nearest_validation() -> None:
    x = np.arange(6, dtype=np.int8)
    params = {"batch": 1, "in_h": 2, "in_w": 3, "pixel_bytes": 1, "out_h": 1, "out_w": 2}
    for rows, columns, valid in (
        ([1], [0, 2], True), ([2], [0, 2], False), ([1], [0, -1], False), ([1], [3, 0], False)
    ):
        tables = [np.array(rows, np.int32), np.array(columns, np.int32)]
        call = Call("resize_nearest_any", [x, *tables], ((2,), np.int8), params)
        assert call.valid() == valid
