"""Quantized ONNX models of ONNX Runtime's making: the same numbers in, its results to a step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whit
from tests import oracles
from whit.converter.errors import UnsupportedError
from whit.converter.importers import onnx as importer
from whit.converter.ir import DType, Graph

onnx = pytest.importorskip("onnx")
quantization: Any = pytest.importorskip("onnxruntime.quantization")
from tests.converter.onnx_models import NETS, OnnxBuilder  # noqa: E402

FORMS = ["QDQ", "QOperator"]
TYPES = ["QInt8", "QUInt8"]


class Samples(quantization.CalibrationDataReader):
    """Normal noise for input x."""

    def __init__(self, shape: tuple[int, ...]):
        random = np.random.default_rng(11)
        self.samples: Iterator[dict[str, np.ndarray]] = iter(
            [{"x": random.normal(size=shape).astype(np.float32)} for _ in range(8)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.samples, None)


def shape_of(model: Any) -> tuple[int, ...]:
    return tuple(d.dim_value or 1 for d in model.graph.input[0].type.tensor_type.shape.dim)


def quantized(
    model: Any, folder: Path, form: str = "QDQ", activations: str = "QInt8",
    per_channel: bool = True, weights: str = "QInt8", **options: Any
) -> Any:
    """`model` after ONNX Runtime's static quantization."""
    logging.disable(logging.WARNING)
    onnx.save(model, folder / "float.onnx")
    quantization.quantize_static(
        folder / "float.onnx", folder / "int8.onnx", Samples(shape_of(model)),
        quant_format=quantization.QuantFormat[form], per_channel=per_channel,
        activation_type=quantization.QuantType[activations],
        weight_type=quantization.QuantType[weights], extra_options=options,
    )
    logging.disable(logging.NOTSET)
    return onnx.load(folder / "int8.onnx")


def steps_apart(model: Any, optimized: bool, runs: int = 3) -> tuple[Graph, float]:
    """The imported graph, and the largest difference from ONNX Runtime in output steps."""
    graph = importer.load_model(model)
    session = whit.Session(graph, optimize=optimized)
    makers = graph.producers()
    random = np.random.default_rng(5)
    worst = 0.0
    for _ in range(runs):
        shape = graph.tensors["x"].shape
        inputs = {"x": random.normal(size=shape).astype(np.float32)}
        outputs = session.run(inputs)
        theirs = oracles.onnxruntime(model.SerializeToString(), [inputs])[0]
        for name, value in theirs.items():
            step = 1.0
            if value.dtype == np.float32:
                stored = graph.tensors[name]
                while stored.quantization is None:
                    stored = graph.tensors[makers[stored.name].inputs[0]]
                step = float(stored.quantization.scale[0])
            difference = outputs[name].astype(np.float64) - value.astype(np.float64)
            worst = max(worst, float(np.abs(difference).max()) / step)
    return graph, worst


def computing(graph: Graph) -> list[str]:
    """Operators that compute in float32, apart from the conversions."""
    return [
        node.op for node in graph.nodes
        if graph.tensors[node.outputs[0]].dtype is DType.FLOAT32
        and node.op not in ("dequantize", "reshape", "transpose")
    ]


def image() -> OnnxBuilder:
    return OnnxBuilder(1, 4, 8, 8, seed=9)


def unary(op: str, **attributes: Any) -> Callable[[], Any]:
    def make() -> Any:
        b = image()
        return b.model(b.add(op, [b.conv("x", 4, 6, 1, 1)], **attributes))

    return make


def two(op: str, **attributes: Any) -> Callable[[], Any]:
    def make() -> Any:
        b = image()
        return b.model(b.add(op, [b.conv("x", 4, 6, 1, 1), b.conv("x", 4, 6, 1, 1)], **attributes))

    return make


def layer(**attributes: Any) -> Callable[[], Any]:
    def make() -> Any:
        b = image()
        return b.model(b.add("Relu", [b.conv("x", 4, 4, 3, 3, **attributes)]))

    return make


def dense(op: str) -> Callable[[], Any]:
    def make() -> Any:
        b = OnnxBuilder(2, 12, seed=9)
        if op == "Gemm":
            return b.model(b.linear("x", 12, 5))
        return b.model(b.add("MatMul", ["x", b.weights(12, 5)]))

    return make


ISLANDS: dict[str, Callable[[], Any]] = {
    "conv": layer(pads=[0, 1, 1, 0]),
    "conv depthwise": layer(group=4, strides=[2, 2]),
    "conv grouped": layer(group=2, dilations=[2, 2]),
    "gemm": dense("Gemm"),
    "matmul": dense("MatMul"),
    "add": two("Add"),
    "mul": two("Mul"),
    "concat": two("Concat", axis=1),
    "average pool": unary("AveragePool", kernel_shape=[3, 3], strides=[2, 2]),
    "average pool padded": unary("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "max pool": unary("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "global pool": unary("GlobalAveragePool"),
    "leaky relu": unary("LeakyRelu", alpha=0.1),
    "sigmoid": lambda: image().op("Sigmoid", "x"),
    "softmax": unary("Softmax", axis=-1),
    "transpose": unary("Transpose", perm=[0, 2, 3, 1]),
}


@pytest.mark.parametrize("activations", TYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ISLANDS)
def test_an_operator(name: str, form: str, activations: str, tmp_path: Path) -> None:
    model = quantized(ISLANDS[name](), tmp_path, form, activations)
    graph, steps = steps_apart(model, optimized=True)
    # Each layer may round the other way; a ReLU does not round.
    layers = [node for node in ISLANDS[name]().graph.node if node.op_type != "Relu"]
    assert steps <= len(layers) + 0.01
    if form == "QDQ":
        assert not computing(graph), name


@pytest.mark.parametrize("activations", TYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("net", ["residual", "two_headed", "inception"])
def test_a_net(net: str, form: str, activations: str, tmp_path: Path) -> None:
    model = quantized(NETS[net](), tmp_path, form, activations, per_channel=form == "QDQ")
    graph, steps = steps_apart(model, optimized=True, runs=2)
    assert steps <= 3.01  # a step a layer; tanh and the last layers add some of it up
    transposed = [graph.tensors[n.inputs[0]] for n in graph.nodes if n.op == "transpose"]
    assert [t.shape for t in transposed] == [graph.tensors["x"].shape]
    assert {"conv2d", "fully_connected"}.isdisjoint(computing(graph))


def test_numbers_are_the_models_own(tmp_path: Path) -> None:
    """Weights, scales and zero points exactly; biases as integers of scale input times weight."""
    model = quantized(ISLANDS["conv"](), tmp_path)
    graph = importer.load_model(model)
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    conv = next(node for node in graph.nodes if node.op == "conv2d")
    x, weights, bias = (graph.tensors[name] for name in conv.inputs)
    y = graph.tensors[conv.outputs[0]]
    assert weights.quantization and bias.quantization and x.quantization and y.quantization
    dequantize = {n.input[0]: n for n in model.graph.node if n.op_type == "DequantizeLinear"}
    for tensor, perm in ((weights, (0, 2, 3, 1)), (bias, (0,))):
        name = next(n for n in stored if n in dequantize and stored[n].ndim == len(perm))
        np.testing.assert_array_equal(tensor.data, stored[name].transpose(perm))
        np.testing.assert_array_equal(
            tensor.quantization.scale if tensor.quantization else None,
            stored[dequantize[name].input[1]],
        )
    quantize = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    for node, tensor in ((quantize[0], x), (quantize[-1], y)):
        assert tensor.quantization
        assert tensor.quantization.scale[0] == stored[node.input[1]]
        assert tensor.quantization.zero_point[0] == stored[node.input[2]]


@pytest.mark.parametrize("form", FORMS)
def test_unsigned_is_signed_moved_by_128(form: str, tmp_path: Path) -> None:
    """The uint8 model is the int8 model: the same bits, 128 apart."""
    graphs = [
        importer.load_model(quantized(ISLANDS["conv"](), tmp_path, form, activations))
        for activations in TYPES
    ]
    inputs = {"x": np.random.default_rng(3).normal(size=(1, 4, 8, 8)).astype(np.float32)}
    signed, unsigned = (whit.Session(graph).run(inputs) for graph in graphs)
    for name, value in signed.items():
        np.testing.assert_array_equal(value, unsigned[name])


def test_optimizing_changes_no_bit(tmp_path: Path) -> None:
    for net in ("residual", "inception", "two_headed"):
        graph = importer.load_model(quantized(NETS[net](), tmp_path))
        shape = graph.tensors["x"].shape
        inputs = {"x": np.random.default_rng(3).normal(size=shape).astype(np.float32)}
        plain = whit.Session(graph, optimize=False).run(inputs)
        optimized = whit.Session(graph, optimize=True).run(inputs)
        for name, value in plain.items():
            np.testing.assert_array_equal(optimized[name], value)


def integer_model(element: int) -> Any:
    """MaxPool and QLinearConv between an integer input and an integer output."""
    b = OnnxBuilder(1, 3, 8, 8)
    kind = np.uint8 if element == onnx.TensorProto.UINT8 else np.int8
    zero = 100 if kind == np.uint8 else -28
    b.input = onnx.helper.make_tensor_value_info("x", element, (1, 3, 8, 8))
    y = b.add("MaxPool", ["x"], kernel_shape=[2, 2], strides=[2, 2])
    weights = b.rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    y = b.add("QLinearConv", [
        y, b.constant(np.float32(0.05)), b.constant(kind(zero)),
        b.constant(weights), b.constant(np.array([0.01, 0.02, 0.005, 0.01], np.float32)),
        b.constant(np.zeros(4, np.int8)), b.constant(np.float32(0.3)), b.constant(kind(zero + 9)),
        b.constant(np.array([100, -200, 0, 50], np.int32)),
    ], pads=[1, 1, 1, 1])
    model = b.model(y)
    model.graph.output[0].type.tensor_type.elem_type = element
    return model


@pytest.mark.parametrize("kind", ["INT8", "UINT8"])
def test_integer_inputs_and_outputs(kind: str) -> None:
    model = integer_model(onnx.TensorProto.DataType.Value(kind))
    graph = importer.load_model(model)
    name = model.graph.output[0].name
    assert graph.tensors["x"].dtype.name == graph.tensors[name].dtype.name == kind
    info = np.iinfo(graph.tensors["x"].dtype.numpy)
    x = np.random.default_rng(1).integers(info.min, info.max + 1, (1, 3, 8, 8)).astype(info.dtype)
    ours = whit.Session(graph).run({"x": x})[name]
    theirs = oracles.onnxruntime(model.SerializeToString(), [{"x": x}])[0][name]
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    assert len(np.unique(ours)) > 30


def test_asymmetric_weights_are_refused(tmp_path: Path) -> None:
    model = quantized(
        ISLANDS["conv"](), tmp_path, activations="QUInt8", weights="QUInt8", per_channel=False
    )
    names = {t.name: t for t in model.graph.initializer}
    weights = next(n for n, t in names.items() if len(t.dims) == 4)
    dequantize = next(n for n in model.graph.node if weights in n.input)
    names[dequantize.input[2]].CopyFrom(
        onnx.numpy_helper.from_array(np.array(131, np.uint8), dequantize.input[2])
    )
    with pytest.raises(UnsupportedError, match="zero point"):
        importer.load_model(model)


def test_unsigned_weights_around_128(tmp_path: Path) -> None:
    model = quantized(ISLANDS["conv"](), tmp_path, activations="QUInt8", weights="QUInt8",
                      WeightSymmetric=True, per_channel=False)
    graph, steps = steps_apart(model, optimized=True)
    assert steps <= 1.01 and not computing(graph)


def test_a_reinterpreted_quantization_is_refused(tmp_path: Path) -> None:
    model = quantized(ISLANDS["max pool"](), tmp_path)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.123), "other"))
    dequantize = [n for n in model.graph.node if n.op_type == "DequantizeLinear"]
    dequantize[-1].input[1] = "other"
    with pytest.raises(UnsupportedError, match="scale"):
        importer.load_model(model)
