"""int8 graphs written as .tflite: TFLM and LiteRT run them, and the float graph agrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import oracles
from tests.int8_operators import X, Y, delay_line, int8_graphs
from tests.support import constant, int8_tensor, noise
from tests.tflite_files import evaluate
from whit.converter.build import add_node
from whit.converter.errors import UnsupportedError
from whit.converter.exporters import tflite
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import DType, Graph, Quantization, Tensor


def real(array: np.ndarray, quantization: Quantization | None) -> np.ndarray:
    assert quantization is not None
    shape = [1] * array.ndim
    if quantization.axis is not None:
        shape[quantization.axis] = -1
    return ((array.astype(np.float64) - quantization.zero_point.reshape(shape))
            * quantization.scale.reshape(shape)).astype(np.float32)


def as_float(graph: Graph) -> Graph:
    """The same operators on real numbers."""
    result = graph.copy()
    for name, tensor in graph.tensors.items():
        scale = tensor.quantization or Quantization.per_channel(
            graph.tensors["w"].quantization.scale * X.scale, 0)  # type: ignore[union-attr]
        data = None if tensor.data is None else real(tensor.data, scale)
        result.tensors[name] = Tensor(name, tensor.shape, DType.FLOAT32, data)
    if graph.nodes[0].op == "quantize":  # of a float: rounding without rescaling
        result.nodes = [replace(graph.nodes[0], op="clip", attributes={"min": None, "max": None})]
    return result


@pytest.mark.parametrize("name, graph, steps", [pytest.param(*g, id=g[0]) for g in int8_graphs()])
def test_int8_is_the_float_operator_rounded(name: str, graph: Graph, steps: float) -> None:
    inputs = noise(graph, count=3)
    floats = [{n: real(v, graph.tensors[n].quantization) for n, v in each.items()}
              for each in inputs]
    expected = oracles.litert(tflite.export(as_float(graph)), floats)
    scale, zero = (float(v[0]) for v in (
        graph.tensors["output"].quantization.scale,  # type: ignore[union-attr]
        graph.tensors["output"].quantization.zero_point))  # type: ignore[union-attr]
    model = tflite.export(graph)
    for run in (oracles.tflm, oracles.litert):
        for got, wanted in zip(run(model, inputs), expected, strict=True):
            stored = np.clip(wanted["output"] / scale + zero, -128, 127)
            assert np.abs(got["output"] - stored).max() <= steps + 1e-3
    if name != "clip rescaling":  # written as three operators
        again = load_bytes(model)
        assert [n.op for n in again.nodes][-1] == graph.nodes[0].op
        assert again.tensors["output"].quantization == graph.tensors["output"].quantization


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
def test_states_become_variables(dtype: DType) -> None:
    """Shifting registers: one state's next value is another's current one."""
    graph = delay_line(dtype)
    model = tflite.export(graph)
    inputs = noise(graph, count=6)
    again = load_bytes(model)
    assert [(s.input, s.output) for s in again.states] == [("older", "old"), ("old", "x")]
    for run in (oracles.tflm, oracles.litert):
        for theirs, ours in zip(run(model, inputs), evaluate(graph, inputs), strict=True):
            for name in graph.outputs:
                np.testing.assert_array_equal(theirs[name], ours[name])


def test_everything_that_tflite_cannot_say_is_told_at_once() -> None:
    graph = Graph("odd", inputs=["x"], outputs=["c", "d"])
    graph.add(int8_tensor("x", 1, 4, 4, 2))
    add_node(graph, "sigmoid", "a", ["x"], ["a"], Y)
    add_node(graph, "average_pool2d", "b", ["a"], ["b"], Y, kernel=(3, 3), padding=((2, 0), (0, 0)))
    add_node(graph, "resize_nearest", "c", ["b"], ["c"], Y, size=(7, 7), coordinates="half_pixel")
    add_node(graph, "concat", "d", ["x", "a"], ["d"], Y, axis=3)
    with pytest.raises(UnsupportedError) as caught:
        tflite.export(graph)
    assert [r.node for r in caught.value.refusals] == ["a", "b", "c", "d"]
    assert all(r.reason and r.remedy for r in caught.value.refusals)


def test_equal_constants_are_stored_once() -> None:
    graph = Graph("twice", inputs=["x"], outputs=["z"])
    graph.add(Tensor("x", (1, 512), DType.FLOAT32))
    data = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    for name in "vw":
        graph.add(constant(name, data))
    add_node(graph, "fully_connected", "y", ["x", "v"], ["y"])
    add_node(graph, "fully_connected", "z", ["y", "w"], ["z"])
    model = tflite.export(graph)
    assert data.nbytes < len(model) < data.nbytes + 4096
    given = np.ones((1, 512), np.float32)
    np.testing.assert_allclose(
        oracles.litert(model, [given])[0]["z"], given @ data.T @ data.T, rtol=1e-3, atol=1e-3)


def test_signature_names_inputs_and_outputs() -> None:
    graph = delay_line(DType.FLOAT32)
    interpreter = oracles.litert_interpreter(tflite.export(graph))
    signature = interpreter.get_signature_list()["serving_default"]
    assert signature == {"inputs": ["x"], "outputs": ["both", "copy"]}
