"""int8 graphs written as .tflite: TFLM and LiteRT run them, and the float graph agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import oracles
from tests.support import constant, int8_tensor, noise, one_operator
from tests.tflite_files import evaluate
from whit.converter.build import add_node
from whit.converter.errors import UnsupportedError
from whit.converter.exporters import tflite
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import DType, Graph, Quantization, State, Tensor

RANDOM = np.random.default_rng(11)
X = Quantization.per_tensor(0.03, -7)
Y = Quantization.per_tensor(0.05, 9)
PADS = ((1, 0), (2, 1))


def x(*shape: int, name: str = "x", quantization: Quantization = X) -> Tensor:
    return Tensor(name, shape, DType.INT8, None, quantization)


def weights(*shape: int, axis: int) -> Tensor:
    scale = RANDOM.uniform(0.004, 0.01, shape[axis])
    return constant("w", RANDOM.integers(-127, 128, shape).astype(np.int8),
                    Quantization.per_channel(scale, axis))


def bias(w: Tensor, axis: int, explicit: bool = True) -> Tensor:
    assert w.quantization is not None
    scale = Quantization.per_channel(w.quantization.scale * X.scale, 0)
    data = RANDOM.integers(-3000, 3000, w.shape[axis]).astype(np.int32)
    return constant("b", data, scale if explicit else None)


def graphs() -> list[tuple[str, Graph, float]]:
    """(name, graph, tolerance in steps of the output)."""
    one, image = one_operator, x(1, 6, 7, 4)
    conv, depth, dense = (weights(3, 3, 2, 4, axis=0), weights(1, 3, 2, 4, axis=3),
                          weights(5, 4, axis=0))
    other = x(1, 1, 7, 4, name="y", quantization=Quantization.per_tensor(0.02, 30))
    slopes = constant("a", RANDOM.integers(-127, 128, (1, 1, 4)).astype(np.int8),
                      Quantization.per_tensor(0.01))
    kernel: dict[str, Any] = {"kernel": (2, 3), "strides": (2, 1)}
    return [
        ("conv2d", one("conv2d", [image, conv, bias(conv, 0)], quantization=Y, padding=PADS,
                       activation="relu"), 1),
        ("conv2d groups", one("conv2d", [x(1, 6, 7, 12), conv, bias(conv, 0)], quantization=Y,
                              padding=PADS, groups=3), 1),
        ("conv2d bias without scale", one("conv2d", [image, conv, bias(conv, 0, False)],
                                          quantization=Y, padding=((0, 0), (0, 0))), 1),
        ("depthwise", one("depthwise_conv2d", [image, depth, bias(depth, 3)], quantization=Y,
                          padding=PADS, strides=(2, 2), activation="relu6"), 1),
        ("dense", one("fully_connected", [x(3, 4), dense, bias(dense, 0)], quantization=Y), 1),
        ("add", one("add", [image, other], quantization=Y), 1),
        ("sub", one("sub", [image, other], quantization=Y, activation="relu"), 1),
        ("mul", one("mul", [image, other], quantization=Y), 1),
        ("average", one("average_pool2d", [image], quantization=X, padding=((0, 0), (1, 1)),
                        **kernel), 1),
        ("average counting", one("average_pool2d", [image], quantization=X,
                                 padding=((1, 0), (2, 1)), count_include_pad=True, **kernel), 1),
        ("max", one("max_pool2d", [image], quantization=X, padding=((1, 0), (2, 1)), **kernel), 0),
        ("mean", one("mean", [image], quantization=Y, axes=(1, 2), keepdims=False), 1),
        ("relu", one("clip", [image], quantization=Y, min=0.0), 1),
        ("relu6", one("clip", [image], quantization=Y, min=0.0, max=6.0), 1),
        ("clip", one("clip", [image], quantization=X, min=-1.0, max=1.0), 1),
        ("clip rescaling", one("clip", [image], quantization=Y, min=-1.0, max=1.0), 1),
        ("sigmoid", one("sigmoid", [image], quantization=Quantization.per_tensor(1 / 256, -128)),
         1),
        ("tanh", one("tanh", [image], quantization=Quantization.per_tensor(1 / 128, 0)), 1),
        ("softmax", one("softmax", [image], quantization=Quantization.per_tensor(1 / 256, -128)),
         2),
        ("leaky_relu", one("leaky_relu", [image], quantization=Y, alpha=0.1), 1),
        ("prelu", one("prelu", [image, slopes], quantization=Y), 1),
        ("nearest", one("resize_nearest", [image], quantization=X, size=(9, 5)), 0),
        ("bilinear", one("resize_bilinear", [image], quantization=X, size=(9, 5),
                         coordinates="half_pixel"), 1),
        ("pad", one("pad", [image], quantization=X, paddings=((0, 0), *PADS, (0, 2))), 0),
        ("pad with", one("pad", [image], quantization=X, paddings=((0, 0), *PADS, (0, 2)),
                         value=-1.5), 0.5),
        ("requantize", one("quantize", [image], quantization=Y, dtype="int8"), 1),
    ]


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


@pytest.mark.parametrize("name, graph, steps", [pytest.param(*g, id=g[0]) for g in graphs()])
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


def delay_line(dtype: DType) -> Graph:
    """Two states: the sum of all inputs, and the input before the last."""
    quantization = None if dtype is DType.FLOAT32 else Quantization.per_tensor(1.0, 2)
    graph = Graph("delay")
    for name in ("x", "older", "old"):
        graph.add(Tensor(name, (1, 3), dtype, None, quantization))
    graph.inputs = ["x"]
    add_node(graph, "concat", "both", ["older", "x"], ["both"], quantization, axis=0)
    add_node(graph, "reshape", "copy", ["old"], ["copy"], quantization, shape=(1, 3))
    graph.outputs = ["both", "copy"]
    start = np.arange(3, dtype=dtype.numpy).reshape(1, 3)
    graph.states = [State("older", "old", start), State("old", "x", start + 5)]
    return graph


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
