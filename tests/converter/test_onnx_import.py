"""ONNX import: what the model computes against ONNX Runtime, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whit
from tests import oracles
from tests.support import SHARED, noise
from whit.converter.errors import InputError, ModelError, UnsupportedError, WhitError
from whit.converter.importers import onnx as importer
from whit.converter.ir import Graph
from whit.converter.rewrites import optimize

onnx = pytest.importorskip("onnx")
from tests.converter.onnx_models import NETS, OnnxBuilder  # noqa: E402

both = pytest.mark.parametrize("optimized", [False, True], ids=["plain", "optimized"])


def transposes(graph: Graph) -> list[str]:
    return [node.inputs[0] for node in graph.nodes if node.op == "transpose"]


def agrees(model: Any, optimized: bool, tolerance: float = 1e-5) -> Graph:
    """Import `model`, run it, and compare every output with ONNX Runtime's."""
    graph = importer.load_model(model)
    for inputs in noise(graph, count=2):
        outputs = whit.Session(graph, optimize=optimized).run(inputs)
        expected = oracles.onnxruntime(model.SerializeToString(), [inputs])[0]
        assert list(outputs) == list(expected)
        for name, value in expected.items():
            assert outputs[name].shape == value.shape
            span = max(float(np.ptp(value)), float(np.abs(value).max()), 1e-6)
            np.testing.assert_allclose(outputs[name], value, rtol=0, atol=tolerance * span)
    return graph


@both
@pytest.mark.parametrize("net", NETS)
def test_nets(net: str, optimized: bool) -> None:
    graph = agrees(NETS[net](), optimized)
    # NCHW images come in as declared; nothing is transposed after that.
    assert all(source in ("x", "x_transposed") for source in transposes(graph))


@pytest.mark.parametrize("net", NETS)
def test_optimizing_leaves_only_layers(net: str) -> None:
    graph = optimize(importer.load_model(NETS[net]()))
    assert len(transposes(graph)) == 1
    after_layers = {
        node.op for node in graph.nodes
        if graph.producers().get(node.inputs[0]) and graph.producers()[node.inputs[0]].op in (
            "conv2d", "depthwise_conv2d", "fully_connected")
    }
    assert "clip" not in after_layers
    if net in ("plain", "sound"):
        assert not {"mul", "clip"} & {node.op for node in graph.nodes}


@pytest.mark.skipif(SHARED is None, reason="the real models are not here")
@both
def test_keyword_spotting(optimized: bool) -> None:
    assert SHARED is not None
    path = SHARED / "models" / "kws_float.onnx"
    graph = whit.load(path)
    assert not transposes(graph)
    samples = np.load(SHARED / "data" / "kws.npz")["x"][:40]
    features = ((samples.astype(np.float32) - 83) * np.float32(0.5847029))[:, None]
    session = whit.Session(graph, optimize=optimized)
    expected = oracles.onnxruntime(path, [{"input_1": x} for x in features])
    for x, theirs in zip(features, expected, strict=True):
        ours = session.run({"input_1": x})["dense"]
        np.testing.assert_allclose(ours, theirs["dense"], rtol=0, atol=1e-5)


def test_names_of_the_model_survive() -> None:
    model = NETS["residual"]()
    graph = importer.load_model(model)
    layers = {node.name for node in model.graph.node if node.op_type in ("Conv", "Gemm", "Add")}
    assert layers <= {node.name for node in graph.nodes}
    computed = {node.output[0] for node in model.graph.node if node.op_type in ("Conv", "Relu")}
    assert computed <= set(graph.tensors)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def one(
    shape: tuple[int, ...], op: str, *constants: Any, opset: int = 13, **attributes: Any
) -> Callable[[], Any]:
    """A model of one operator: its inputs are x and constants (None: absent)."""

    def make() -> Any:
        b = OnnxBuilder(*shape, opset=opset)
        inputs = ["" if c is None else b.constant(c) for c in constants]
        return b.op(op, "x", *inputs, **attributes)

    return make


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


IMAGE, SOUND = (1, 3, 9, 8), (1, 3, 17)
SINGLE: dict[str, Callable[[], Any]] = {
    "conv same upper": one(IMAGE, "Conv", weights(4, 3, 4, 2), auto_pad="SAME_UPPER",
                           strides=[2, 1]),
    "conv same lower": one(IMAGE, "Conv", weights(4, 3, 4, 2), auto_pad="SAME_LOWER",
                           strides=[2, 1]),
    "conv valid": one(IMAGE, "Conv", weights(4, 3, 4, 2), auto_pad="VALID"),
    "conv multiplier": one(IMAGE, "Conv", weights(6, 1, 3, 3), group=3, pads=[0, 1, 2, 3]),
    "conv grouped": one((1, 4, 6, 6), "Conv", weights(6, 2, 3, 3), group=2),
    "conv 1-D dilated": one(SOUND, "Conv", weights(5, 3, 3), dilations=[3], pads=[4, 1]),
    "conv batch": one((3, 3, 5, 5), "Conv", weights(2, 3, 3, 3), weights(2)),
    "gemm": one((2, 5), "Gemm", weights(5, 3), weights(3), alpha=0.5, beta=2.0),
    "gemm transposed": one((5, 2), "Gemm", weights(3, 5), weights(1, 3), transA=1, transB=1),
    "gemm rows": one((2, 5), "Gemm", weights(5, 3), weights(2, 1), beta=0.5),
    "gemm scalar": one((2, 5), "Gemm", weights(5, 3), np.float32(0.3)),
    "matmul": one((2, 4, 5), "MatMul", weights(5, 3)),
    "matmul vector": one((2, 4, 5), "MatMul", weights(5)),
    "matmul of one": one((1, 2, 5), "MatMul", weights(1, 5, 3)),
    "batch norm": one(IMAGE, "BatchNormalization", weights(3), weights(3), weights(3),
                      np.abs(weights(3)), epsilon=1e-3),
    "add": one(IMAGE, "Add", weights(3, 1, 8)),
    "sub from": lambda: (b := OnnxBuilder(*IMAGE)).op("Sub", b.constant(weights(8)), "x"),
    "div": one(IMAGE, "Div", f32(2.5)),
    "pad 7": one(IMAGE, "Pad", opset=7, pads=[0, 1, 2, 0, 0, 0, 1, 3], value=1.5),
    "pad 11": one(IMAGE, "Pad", i64(0, 0, 1, 1, 0, 2, 0, 1), np.float32(-2), opset=11),
    "pad cropping": one(IMAGE, "Pad", i64(0, 0, -1, 1, 0, 0, -2, 0)),
    "pad axes": one(IMAGE, "Pad", i64(1, 2), None, i64(-1), opset=18),
    "max pool ceil": one((1, 2, 10, 7), "MaxPool", kernel_shape=[3, 2], strides=[2, 2],
                         ceil_mode=1, pads=[1, 0, 0, 1]),
    "max pool 1-D": one(SOUND, "MaxPool", kernel_shape=[3], strides=[2], auto_pad="SAME_UPPER"),
    "average pool": one(IMAGE, "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "average pool counting": one(IMAGE, "AveragePool", kernel_shape=[3, 3], pads=[2, 1, 0, 1],
                                 count_include_pad=1),
    "average pool ceil": one((1, 2, 10, 7), "AveragePool", kernel_shape=[3, 3], strides=[2, 3],
                             ceil_mode=1, pads=[1, 1, 1, 1]),
    "average pool ceil counting": one(
        (1, 2, 10, 7), "AveragePool", opset=19, kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1,
        pads=[1, 1, 1, 1], count_include_pad=1),
    "average pool 1-D": one(SOUND, "AveragePool", kernel_shape=[4], strides=[3]),
    "global average": one(IMAGE, "GlobalAveragePool"),
    "global average 1-D": one(SOUND, "GlobalAveragePool"),
    "global max": one(IMAGE, "GlobalMaxPool"),
    "mean of attribute": one(IMAGE, "ReduceMean", axes=[1, -1], keepdims=0),
    "mean of input": one(IMAGE, "ReduceMean", i64(2), opset=18),
    "mean of all": one(IMAGE, "ReduceMean", keepdims=1),
    "relu": one(IMAGE, "Relu"),
    "clip 6": one(IMAGE, "Clip", opset=7, min=-0.5, max=1.0),
    "clip above": one(IMAGE, "Clip", None, np.float32(0.5)),
    "sigmoid": one(IMAGE, "Sigmoid"),
    "tanh": one(IMAGE, "Tanh"),
    "hard sigmoid": one(IMAGE, "HardSigmoid"),
    "hard swish": one(IMAGE, "HardSwish", opset=14),
    "softmax flattened": one((2, 3, 4), "Softmax", opset=11, axis=1),
    "softmax of channels": one(IMAGE, "Softmax", axis=1),
    "softmax last": one(IMAGE, "Softmax"),
    "leaky relu": one(IMAGE, "LeakyRelu", alpha=0.2),
    "prelu": one(IMAGE, "PRelu", weights(3, 1, 1)),
    "reshape": one(IMAGE, "Reshape", i64(0, -1, 4)),
    "flatten": one(IMAGE, "Flatten", axis=-2),
    "flatten at 0": one(IMAGE, "Flatten", axis=0),
    "squeeze": one((1, 3, 1, 2), "Squeeze", opset=11),
    "squeeze axes": one((1, 3, 1, 2), "Squeeze", i64(-2)),
    "unsqueeze": one((3, 2), "Unsqueeze", opset=11, axes=[0, 3]),
    "unsqueeze input": one((3, 2), "Unsqueeze", i64(-1, 0)),
    "transpose": one((2, 3, 4), "Transpose"),
    "transpose by": one(IMAGE, "Transpose", perm=[0, 3, 1, 2]),
    "slice": one(IMAGE, "Slice", i64(-3, 0), i64(1000, -1), i64(2, 3)),
    "slice backwards": one(IMAGE, "Slice", i64(-1, 6), i64(-1000, 0), i64(1, 2), i64(-1, -2)),
    "slice 9": one(IMAGE, "Slice", opset=9, starts=[1, -5], ends=[9, -1], axes=[1, 2]),
    "gather one": one(IMAGE, "Gather", np.int64(-1), axis=1),
    "gather some": one(IMAGE, "Gather", i64(6, 4, 2), axis=2),
    "gather any": one(IMAGE, "Gather", i64(6, 4, 2, 2, 0, 7, 8), axis=2),
    "expand": one((1, 3, 1), "Expand", i64(2, 1, 4)),
    "depth to space": one((1, 8, 2, 3), "DepthToSpace", blocksize=2),
    "depth to space crd": one((1, 8, 2, 3), "DepthToSpace", blocksize=2, mode="CRD"),
    "space to depth": one((1, 2, 4, 6), "SpaceToDepth", blocksize=2),
    "dropout": one(IMAGE, "Dropout"),
    "resize nearest": one(IMAGE, "Resize", None, f32(1, 1, 2, 3), mode="nearest"),
    "resize 10": one(IMAGE, "Resize", f32(1, 1, 2, 1), opset=10, mode="linear"),
    "resize to size": one(IMAGE, "Resize", None, None, i64(1, 3, 5, 16), mode="nearest",
                          coordinate_transformation_mode="align_corners", nearest_mode="floor"),
    "resize linear": one(IMAGE, "Resize", None, None, i64(1, 3, 4, 16), mode="linear"),
    "resize linear torch": one(IMAGE, "Resize", None, None, i64(1, 3, 1, 16), mode="linear",
                               coordinate_transformation_mode="pytorch_half_pixel"),
    "resize axes": one(IMAGE, "Resize", None, f32(2, 2), opset=18, axes=[2, 3]),
    "upsample": one(IMAGE, "Upsample", f32(1, 1, 2, 2), opset=9, mode="linear"),
    "upsample 1-D": one(SOUND, "Upsample", f32(1, 1, 2), opset=9),
}


@both
@pytest.mark.parametrize("name", SINGLE)
def test_operator(name: str, optimized: bool) -> None:
    agrees(SINGLE[name](), optimized)


@pytest.mark.parametrize("opset, how", [
    (11, {"split": [1, 2]}), (13, {"input": [2, 1]}), (18, {"num_outputs": 2}), (11, {}),
])
def test_split(opset: int, how: dict[str, Any]) -> None:
    b = OnnxBuilder(1, 3 if how else 4, 5, opset=opset)
    inputs = ["x"]
    if "input" in how:
        inputs.append(b.constant(i64(*how.pop("input"))))
    first, second = b.add("Split", inputs, 2, axis=1, **how)
    agrees(b.model(second, b.add("Relu", [first])), True)


def test_shape_arithmetic_folds() -> None:
    """Interpolate to the size of another map, as PyTorch exports it: Shape, Slice, Cast, Concat."""
    b = OnnxBuilder("n", 2, 6, 8)
    small = b.conv("x", 2, 3, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    size = b.add("Slice", [b.add("Shape", ["x"]), b.constant(i64(2)), b.constant(i64(4))])
    size = b.add("Cast", [b.add("Cast", [size], to=1)], to=7)
    head = b.add("Slice", [b.add("Shape", [small]), b.constant(i64(0)), b.constant(i64(2))])
    sizes = b.add("Concat", [head, size], axis=0)
    big = b.add("Resize", [small, "", "", sizes], mode="nearest", nearest_mode="floor",
                coordinate_transformation_mode="asymmetric")
    ones = b.add("ConstantOfShape", [b.add("Shape", [big])],
                 value=onnx.numpy_helper.from_array(f32(1.0)))
    graph = agrees(b.model(b.add("Mul", [big, ones])), True)
    assert {node.op for node in graph.nodes} <= {
        "reshape", "transpose", "conv2d", "resize_nearest", "mul"}


def test_a_known_condition_takes_its_branch() -> None:
    b = OnnxBuilder(1, 2, 1)
    branches = {
        name: onnx.helper.make_graph(
            [onnx.helper.make_node(op, ["x"], [f"{name}_y"], f"{name}_node")], name, [],
            [onnx.helper.make_tensor_value_info(f"{name}_y", 1, None)])
        for name, op in (("then_branch", "Sigmoid"), ("else_branch", "Tanh"))
    }
    agrees(b.model(b.add("If", [b.constant(np.array(False))], **branches)), False)


def test_everything_refused_is_named_at_once() -> None:
    b = OnnxBuilder(1, 2, 8, 8)
    y = b.add("Erf", [b.conv("x", 2, 4, 3, 3)])
    y = b.add("MaxPool", [y], kernel_shape=[2, 2], dilations=[2, 2])
    y = b.add("Pad", [y, b.constant(i64(0, 0, 1, 1, 0, 0, 1, 1))], mode="reflect")
    with pytest.raises(UnsupportedError) as caught:
        importer.load_model(b.model(y), "net.onnx")
    refusals = caught.value.refusals
    assert [r.operator for r in refusals] == ["Erf", "MaxPool", "Pad"]
    assert all(r.node and r.reason and r.remedy for r in refusals)
    assert "net.onnx" in str(caught.value) and caught.value.exit_status == 2


def test_a_dynamic_dimension_is_named() -> None:
    b = OnnxBuilder("batch", 3, "height", 8)
    with pytest.raises(UnsupportedError, match="'height'"):
        importer.load_model(b.op("Relu", "x"))


def test_what_follows_a_dynamic_input_is_named_as_well() -> None:
    b = OnnxBuilder(1, 3, "height", 8)
    y = b.add("Erf", [b.add("Relu", ["x"])])
    y = b.add("Mul", [y, b.add("Cast", [b.add("Shape", [y])], to=1)])
    with pytest.raises(UnsupportedError) as caught:
        importer.load_model(b.model(b.add("Det", [y])))
    assert [r.operator for r in caught.value.refusals] == ["input", "Erf", "Det"]
    assert "3 parts are not supported" in str(caught.value)


@pytest.mark.parametrize("opset", [6, 99])
def test_an_unknown_opset_is_refused(opset: int) -> None:
    with pytest.raises(ModelError, match=f"opset {opset}"):
        importer.load_model(OnnxBuilder(1, 3, opset=opset).op("Relu", "x"))


def test_a_missing_file() -> None:
    with pytest.raises(InputError):
        whit.load("no such file.onnx")


def test_recognized_by_content(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(NETS["sound"]().SerializeToString())
    assert whit.load(path).inputs == ["x"]
    path.write_bytes(b"\x08\x07\x12\x04text and then something else")
    with pytest.raises(ModelError):
        whit.load(path)


def external(tmp_path: Path, location: str) -> Path:
    b = OnnxBuilder(1, 4)
    model = b.model(b.add("MatMul", ["x", b.constant(weights(4, 3))]))
    tensor = model.graph.initializer[0]
    data = tmp_path / "model" / location
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_bytes(tensor.raw_data)
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    path = tmp_path / "model" / "m.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    graph = whit.load(external(tmp_path, "weights.bin"))
    dense = next(node for node in graph.nodes if node.op == "fully_connected")
    np.testing.assert_array_equal(graph.data(dense.inputs[1]), weights(4, 3).T)


@pytest.mark.parametrize("location", ["../weights.bin", "sub/../../weights.bin"])
def test_external_data_elsewhere_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "model" / "sub").mkdir(parents=True)
    with pytest.raises(ModelError, match="outside"):
        whit.load(external(tmp_path, location))


def test_missing_external_data(tmp_path: Path) -> None:
    path = external(tmp_path, "weights.bin")
    (path.parent / "weights.bin").write_bytes(b"short")
    with pytest.raises(ModelError):
        whit.load(path)
    (path.parent / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"weights\.bin"):
        whit.load(path)


def small_model() -> bytes:
    b = OnnxBuilder(1, 2, 5, 5)
    y = b.add("Flatten", [b.add("Relu", [b.conv("x", 2, 2, 3, 3)])])
    return bytes(b.model(b.linear(y, 18, 2)).SerializeToString())


def test_damaged_files(tmp_path: Path) -> None:
    """Truncations and flipped bits all over the file: a graph or an error of ours."""
    data = small_model()
    damaged = [data[:end] for end in range(0, len(data), 17)]
    for position in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[position] ^= 1 << (position * 5 % 8)
        damaged.append(bytes(flipped))
    path = tmp_path / "damaged.onnx"
    accepted = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            whit.load(path)
            accepted += 1
        except WhitError as error:
            assert str(path) in str(error)
    # Flips in weights and names leave a valid model, flips in the structure do not.
    assert 0 < accepted < len(damaged)
