"""Data movement: what numpy does, for every type, in as few copies and runs as possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracles import tflm
from tests.support import constant, float_tensor, int8_tensor, noise, one_operator
from whit.converter.errors import UnsupportedError
from whit.converter.exporters import tflite
from whit.converter.ir import DType, Graph, Quantization, Tensor
from whit.converter.ops import OPERATORS
from whit.runtime.lowering import lower
from whit.runtime.session import Session

SAME = Quantization.per_tensor(0.05, 3)
CASES: list[tuple[str, tuple[int, ...], int, dict[str, Any]]] = [
    ("transpose", (2, 3, 4, 5), 1, {"perm": (0, 3, 1, 2)}),
    ("transpose", (2, 3, 4, 5), 1, {"perm": (3, 1, 2, 0)}),
    ("transpose", (1, 6, 7, 1), 1, {"perm": (0, 2, 1, 3)}),
    ("transpose", (2, 2, 2, 3, 2, 2), 1, {"perm": (2, 0, 4, 1, 3, 5)}),
    ("slice", (3, 4, 5), 1, {"begin": (2, 0, 1), "size": (3, 2, 2), "step": (-1, 2, 2)}),
    ("slice", (4, 6), 1, {"begin": (1, 0), "size": (2, 6), "step": (1, 1)}),
    ("split", (3, 4, 5), 3, {"axis": 1, "sizes": (1, 2, 1)}),
    ("split", (3, 4, 5), 2, {"axis": -1, "sizes": (2, 3)}),
]


def tensor(dtype: DType, *shape: int) -> Tensor:
    quantized = dtype in (DType.INT8, DType.UINT8, DType.INT16)
    return Tensor("x", shape, dtype, None, SAME if quantized else None)


@pytest.mark.parametrize("dtype", list(DType), ids=lambda d: d.value)
@pytest.mark.parametrize(("op", "shape", "outputs", "attributes"), CASES)
def test_numpy_agrees(
    op: str, shape: tuple[int, ...], outputs: int, attributes: dict[str, Any], dtype: DType
) -> None:
    x = tensor(dtype, *shape)
    graph = one_operator(op, [x], outputs=outputs, quantization=x.quantization, **attributes)
    (given,) = noise(graph, 1)
    result = Session(graph, optimize=False).run(given)
    evaluate = OPERATORS[op].evaluate
    assert evaluate is not None
    for value, expected in zip(
        result.values(), evaluate(graph.nodes[0], [given["x"]]), strict=True
    ):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_concat_of_inputs_a_constant_and_a_repeat(axis: int) -> None:
    a = int8_tensor("a", 2, 3, 4)
    b = constant("b", np.arange(24, dtype=np.int8).reshape(2, 3, 4), SAME)
    graph = one_operator("concat", [a, b, a], quantization=SAME, axis=axis)
    (given,) = noise(graph)
    result = Session(graph, optimize=False).run(given)["output"]
    expected = np.concatenate([given["a"], b.data, given["a"]], axis)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(("dtype", "value", "stored"), [
    (DType.FLOAT32, -1.5, -1.5), (DType.INT8, 0.0, 3), (DType.INT8, -0.26, -2),
    (DType.INT8, 1e6, 127), (DType.UINT8, -99.0, 0), (DType.INT16, 10.0, 203),
    (DType.INT32, -7.0, -7), (DType.INT64, -7.0, -7), (DType.BOOL, 1.0, True),
])
def test_pad_value(dtype: DType, value: float, stored: float) -> None:
    x = tensor(dtype, 2, 3)
    graph = one_operator("pad", [x], quantization=x.quantization,
                         paddings=((0, 1), (2, 0)), value=value)
    (given,) = noise(graph)
    result = Session(graph, optimize=False).run(given)["output"]
    expected = np.full((3, 5), stored, dtype.numpy)
    expected[:2, 2:] = given["x"]
    np.testing.assert_array_equal(result, expected)


def test_pad_is_tflms() -> None:
    graph = one_operator("pad", [int8_tensor("x", 1, 4, 5, 2)], quantization=SAME,
                         paddings=((0, 0), (1, 2), (0, 3), (1, 1)))
    inputs = noise(graph, 0, 2)
    session = Session(graph, optimize=False)
    for given, expected in zip(inputs, tflm(tflite.export(graph), inputs), strict=True):
        np.testing.assert_array_equal(
            session.run(given)["output"], next(iter(expected.values()))
        )


def calls(graph: Graph) -> list[tuple[str, dict[str, Any]]]:
    return [(call.kernel, dict(call.params)) for layer in lower(graph) for call in layer]


def test_loops_are_merged() -> None:
    x = float_tensor("x", 2, 8, 8, 16)
    ((_, channels),) = calls(one_operator("slice", [x], begin=(0, 0, 0, 4), size=(2, 8, 8, 8),
                                          step=(1, 1, 1, 1)))
    assert channels["dims"] == (128, 8)
    ((_, rows),) = calls(one_operator("slice", [x], begin=(1, 2, 0, 0), size=(1, 3, 8, 16),
                                      step=(1, 1, 1, 1)))
    assert (rows["rank"], rows["dims"], rows["x_offset"]) == (1, (384,), 1280)
    ((_, swapped),) = calls(one_operator("transpose", [x], perm=(0, 3, 1, 2)))
    assert swapped["dims"] == (2, 16, 64)


def test_pad_of_nothing_fills_nothing() -> None:
    graph = one_operator("pad", [float_tensor("x", 2, 3)], paddings=((0, 0), (0, 0)))
    assert [kernel for kernel, _ in calls(graph)] == ["copy_any"]


@pytest.mark.parametrize(("op", "attributes"), [
    ("transpose", {"perm": (1, 0)}), ("concat", {"axis": 0}),
    ("pad", {"paddings": ((1, 0), (0, 0))}),
    ("slice", {"begin": (0, 0), "size": (1, 2), "step": (1, 1)}),
])
def test_moving_does_not_requantize(op: str, attributes: dict[str, Any]) -> None:
    graph = one_operator(op, [int8_tensor("x", 2, 3)],
                         quantization=Quantization.per_tensor(0.1, 3), **attributes)
    with pytest.raises(UnsupportedError, match=r"different quantizations.*put a quantize"):
        lower(graph)


def test_a_box_of_too_many_axes_is_refused() -> None:
    graph = one_operator("transpose", [float_tensor("x", *(2,) * 7)], perm=(6, 5, 4, 3, 2, 1, 0))
    with pytest.raises(UnsupportedError, match="7 axes"):
        lower(graph)
