"""What converters really write: masks, wrong shapes, variables, shape arithmetic, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests import oracles
from tests.support import noise
from tests.tflite_files import File, evaluate
from whit.converter.errors import ModelError, UnsupportedError
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import DType, Quantization

Q = Quantization.per_tensor(0.5, 3)
FUSED_RELU = {"FusedActivationFunction": 1}


def assert_like_litert(model: bytes, seed: int = 0) -> None:
    graph = load_bytes(model)
    inputs = noise(graph, seed)
    for ours, theirs in zip(
        evaluate(graph, inputs), oracles.litert(model, inputs), strict=True
    ):
        for name in graph.outputs:
            assert ours[name].shape == theirs[name].shape
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-6)


def strided(
    shape: tuple[int, ...], begin: Sequence[int], end: Sequence[int], strides: Sequence[int],
    masks: dict[str, int],
) -> bytes:
    file = File()
    x, y = file.tensor("x", shape), file.tensor("y")
    indices = [file.constant(n, v) for n, v in (("b", begin), ("e", end), ("s", strides))]
    file.op("STRIDED_SLICE", [x, *indices], [y], "StridedSliceOptions", **masks)
    return file.bytes([x], [y])


def random_spec(random: np.random.Generator, shape: tuple[int, ...]) -> tuple:
    """begin, end, strides and masks for at most all axes; an ellipsis stands for one or more."""
    kinds = list(random.choice(["slice", "shrink"], random.integers(0, len(shape) + 1)))
    if len(kinds) < len(shape) and random.random() < 0.4:
        kinds.insert(random.integers(0, len(kinds) + 1), "ellipsis")
    for _ in range(int(random.integers(0, 2))):
        kinds.insert(random.integers(0, len(kinds) + 1), "new")
    begin, end = random.integers(-6, 7, (2, len(kinds)))
    strides = random.choice([1, 1, 1, 2, -1, -2], len(kinds))
    bits = {kind: sum(1 << i for i, k in enumerate(kinds) if k == kind) for kind in kinds}
    axis, after = 0, len(shape) - sum(kind in ("slice", "shrink") for kind in kinds)
    for i, kind in enumerate(kinds):
        if kind == "shrink":
            begin[i], strides[i] = random.integers(-shape[axis], shape[axis]), 1
        axis += {"ellipsis": after, "new": 0}.get(kind, 1)
    masks = {"BeginMask": int(random.integers(0, 1 << len(kinds))),
             "EndMask": int(random.integers(0, 1 << len(kinds))),
             "ShrinkAxisMask": bits.get("shrink", 0), "NewAxisMask": bits.get("new", 0),
             "EllipsisMask": bits.get("ellipsis", 0)}
    return begin, end, strides, masks


def test_strided_slice_with_any_masks() -> None:
    random = np.random.default_rng(5)
    compared = 0
    for _ in range(300):
        shape = tuple(int(n) for n in random.integers(1, 5, random.integers(1, 5)))
        model = strided(shape, *random_spec(random, shape))
        try:
            theirs = oracles.litert(model, [np.zeros(shape, np.float32)])
        except (RuntimeError, ValueError):
            continue  # more dimensions than LiteRT takes
        if theirs[0]["y"].size:
            assert_like_litert(model)
            compared += 1
        else:
            with pytest.raises(UnsupportedError, match="nothing is left"):
                load_bytes(model)
    assert compared > 60


def reshaped(
    shape_tensor: Any, option: tuple[int, ...] | None = None, declared: tuple[int, ...] = (4, 3)
) -> bytes:
    file = File()
    x, y = file.tensor("x", (1, 2, 6)), file.tensor("y", declared)
    inputs = [x] if shape_tensor is None else [x, file.constant("shape", shape_tensor)]
    file.op("RESHAPE", inputs, [y], "ReshapeOptions", **({"NewShape": option} if option else {}))
    return file.bytes([x], [y])


@pytest.mark.parametrize("shape_tensor, option", [
    ([4, 3], None), ([4, -1], None), ([-1, 3], (9, 9)), (None, (4, -1)),
    ([7, 7], (4, 3)), ([0], None), (None, None), ([[4, 3]], None),
])
def test_reshape_takes_the_shape_that_fits(
    shape_tensor: Any, option: tuple[int, ...] | None
) -> None:
    graph = load_bytes(reshaped(shape_tensor, option))
    assert [n.op for n in graph.nodes] == ["reshape"]
    assert graph.tensors["y"].shape == (4, 3)


def test_reshape_to_nothing_that_fits_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="12 elements"):
        load_bytes(reshaped([7, 7], (5, 5), (2, 5)))


def test_shape_arithmetic_folds() -> None:
    """What Keras writes for Flatten with a dynamic batch."""
    file = File()
    x, y = file.tensor("x", (1, 2, 6)), file.tensor("y", (1, 12))
    shape, batch, new = (file.tensor(n, s, "INT32") for n, s in
                         (("shape", (3,)), ("batch", ()), ("new", (2,))))
    zero, one, twelve = file.constant("0", [0]), file.constant("1", [1]), file.constant("12", 12)
    file.op("SHAPE", [x], [shape], "ShapeOptions", OutType=2)
    file.op("STRIDED_SLICE", [shape, zero, one, one], [batch], "StridedSliceOptions",
            ShrinkAxisMask=1)
    file.op("PACK", [batch, twelve], [new], "PackOptions", ValuesCount=2, Axis=0)
    file.op("RESHAPE", [x, new], [y], "ReshapeOptions")
    model = file.bytes([x], [y])
    assert [(n.op, n["shape"]) for n in load_bytes(model).nodes] == [("reshape", (1, 12))]
    assert_like_litert(model)


def test_pack_unpack_squeeze_expand_dims_and_split() -> None:
    file = File()
    x = file.tensor("x", (1, 3, 4))
    a, b, c = (file.tensor(n, (1, 4)) for n in "abc")
    packed, wide, flat = (file.tensor(n) for n in ("packed", "wide", "flat"))
    left, right = file.tensor("left"), file.tensor("right")
    file.op("UNPACK", [x], [a, b, c], "UnpackOptions", Num=3, Axis=1)
    file.op("PACK", [c, a], [packed], "PackOptions", ValuesCount=2, Axis=-1)
    file.op("EXPAND_DIMS", [b, file.constant("axis", -2)], [wide], "ExpandDimsOptions")
    file.op("SQUEEZE", [wide], [flat], "SqueezeOptions")
    file.op("SPLIT_V", [x, file.constant("sizes", [1, -1]), file.constant("last", -1)],
            [left, right], "SplitVOptions", NumSplits=2)
    assert_like_litert(file.bytes([x], [packed, flat, left, right]))


def test_minimum_and_maximum_with_a_number_are_clips() -> None:
    file = File()
    x, y, z = file.tensor("x", (2, 3)), file.tensor("y", (2, 3)), file.tensor("z", (2, 3))
    file.op("MAXIMUM", [file.constant("low", [-0.5], np.float32), x], [y],
            "MaximumMinimumOptions")
    file.op("MINIMUM", [y, file.constant("high", np.full((2, 1), 0.75), np.float32)], [z],
            "MaximumMinimumOptions")
    model = file.bytes([x], [z])
    assert [(n.op, n["min"], n["max"]) for n in load_bytes(model).nodes] == [
        ("clip", -0.5, None), ("clip", None, 0.75)]
    assert_like_litert(model)


def test_float16_weights_become_float32() -> None:
    file = File()
    weights = np.random.default_rng(2).normal(size=(5, 3)).astype(np.float16)
    x, y = file.tensor("x", (1, 3)), file.tensor("y", (1, 5))
    half, full = file.constant("half", weights, np.float16), file.tensor("full", (5, 3))
    file.op("DEQUANTIZE", [half], [full], "DequantizeOptions")
    file.op("FULLY_CONNECTED", [x, full], [y], "FullyConnectedOptions")
    model = file.bytes([x], [y])
    graph = load_bytes(model)
    assert [n.op for n in graph.nodes] == ["fully_connected"]
    given = np.eye(3, dtype=np.float32)
    expected = [oracles.litert(model, [given[i : i + 1]])[0]["y"][0] for i in range(3)]
    np.testing.assert_allclose(graph.data("full"), np.transpose(expected), rtol=1e-6)


def test_uint8_inputs_and_outputs() -> None:
    file = File()
    u8 = Quantization.per_tensor(0.5, 131)
    x, y = file.tensor("x", (4,), "UINT8", None, u8), file.tensor("y", (4,), "UINT8", None, u8)
    a, b = (file.tensor(n, (4,), "INT8", None, Q) for n in "ab")
    file.op("QUANTIZE", [x], [a], "QuantizeOptions")
    file.op("RELU", [a], [b])
    file.op("QUANTIZE", [b], [y], "QuantizeOptions")
    graph = load_bytes(file.bytes([x], [y]))
    assert [n.op for n in graph.nodes] == ["quantize", "clip", "quantize"]
    assert graph.tensors["x"].dtype is graph.tensors["y"].dtype is DType.UINT8
    assert graph.tensors["y"].quantization == u8


def test_equal_names_get_numbers() -> None:
    file = File()
    x, y, z = file.tensor("t", (2,)), file.tensor("t", (2,)), file.tensor("", (2,))
    file.op("RELU", [x], [y])
    file.op("TANH", [y], [z])
    graph = load_bytes(file.bytes([x], [z]))
    assert (graph.inputs, graph.outputs) == (["t"], ["tensor_2"])
    assert graph.nodes[0].outputs == ("t_1",)


def accumulator(initial: np.ndarray | None) -> File:
    """total += x, read twice before and once after two assignments; `x`, reads are outputs."""
    file = File()
    x = file.tensor("x", (2,))
    handle = file.tensor("handle", (), "RESOURCE")
    before, again, junk, total, after = (
        file.tensor(n, (2,)) for n in ("before", "again", "junk", "total", "after"))
    if initial is not None:
        init = file.subgraph("init")
        other = file.tensor("h", (), "RESOURCE", subgraph=init)
        value = file.constant("v", initial, np.float32, subgraph=init)
        file.op("VAR_HANDLE", [], [other], "VarHandleOptions", subgraph=init, Container="",
                SharedName="n")
        file.op("ASSIGN_VARIABLE", [other, value], [], "AssignVariableOptions", subgraph=init)
        file.op("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=1)
    file.op("VAR_HANDLE", [], [handle], "VarHandleOptions", Container="", SharedName="n")
    file.op("READ_VARIABLE", [handle], [before], "ReadVariableOptions")
    file.op("READ_VARIABLE", [handle], [again], "ReadVariableOptions")
    file.op("ADD", [before, again], [junk], "AddOptions")
    file.op("ASSIGN_VARIABLE", [handle, junk], [], "AssignVariableOptions")
    file.op("ADD", [x, again], [total], "AddOptions")
    file.op("ASSIGN_VARIABLE", [handle, total], [], "AssignVariableOptions")
    file.op("READ_VARIABLE", [handle], [after], "ReadVariableOptions")
    file.main.inputs, file.main.outputs = [x], [before, after, junk]
    return file


@pytest.mark.parametrize("initial", [np.array([3.0, -1.0]), None])
def test_variables_are_read_and_assigned_in_order(initial: np.ndarray | None) -> None:
    model = accumulator(initial).file.serialize()
    graph = load_bytes(model)
    assert [(s.input, s.output) for s in graph.states] == [("before", "total")]
    inputs = noise(graph, count=6)
    runs = (oracles.tflm,) if initial is None else (oracles.tflm, oracles.litert)
    for run in runs:
        for ours, theirs in zip(evaluate(graph, inputs), run(model, inputs), strict=True):
            for name in graph.outputs:
                np.testing.assert_array_equal(ours[name], theirs[name], name)


def test_int8_variable_without_initial_value_begins_at_its_zero_point() -> None:
    file = File()
    x, old, y = (file.tensor(n, (2,), "INT8", None, Q) for n in ("x", "old", "y"))
    handle = file.tensor("handle", (), "RESOURCE")
    file.op("VAR_HANDLE", [], [handle], "VarHandleOptions", Container="", SharedName="n")
    file.op("READ_VARIABLE", [handle], [old], "ReadVariableOptions")
    file.op("ASSIGN_VARIABLE", [handle, x], [], "AssignVariableOptions")
    file.op("RESHAPE", [old], [y], "ReshapeOptions", NewShape=(2,))
    model = file.bytes([x], [y])
    graph = load_bytes(model)
    inputs = noise(graph, count=3)
    for ours, theirs in zip(
        evaluate(graph, inputs), oracles.tflm(model, inputs), strict=True
    ):
        np.testing.assert_array_equal(ours["y"], theirs["y"])


def test_variable_that_is_never_assigned_is_a_constant() -> None:
    file = accumulator(np.array([3.0, -1.0]))
    file.main.operators = [
        o for o in file.main.operators if o.operator != "ASSIGN_VARIABLE"]
    graph = load_bytes(file.file.serialize())
    assert not graph.states
    np.testing.assert_array_equal(graph.data("before"), [3.0, -1.0])


def test_everything_unsupported_is_told_at_once() -> None:
    file = File()
    x = file.tensor("x", (1, 4, 4, 2))
    a, b, c, d, e = (file.tensor(n, (1, 4, 4, 2)) for n in "abcde")
    u = file.tensor("u", (1, 4, 4, 2), "UINT8", None, Q)
    v = file.tensor("v", (1, 4, 4, 2), "UINT8", None, Q)
    weights = file.constant("w", np.ones((2, 2)), np.int8, Q)
    file.op("COS", [x], [a], "CosOptions")
    file.op("RELU", [a], [b])
    file.op("ADD", [b, b], [c], "AddOptions", FusedActivationFunction=4)
    file.op("QUANTIZE", [c], [u], "QuantizeOptions")
    file.op("RELU", [u], [v])
    file.op("FULLY_CONNECTED", [c, weights], [d], "FullyConnectedOptions", KeepNumDims=True)
    file.op("CONCATENATION", [c, d], [e], "ConcatenationOptions", Axis=3, **FUSED_RELU)
    with pytest.raises(UnsupportedError) as caught:
        load_bytes(file.bytes([x], [v, e]), "odd.tflite")
    refused = {(r.operator, r.node) for r in caught.value.refusals}
    assert refused == {("COS", "a"), ("ADD", "c"), ("RELU", "v"), ("FULLY_CONNECTED", "d"),
                       ("CONCATENATION", "e")}
    assert all(r.remedy and r.reason for r in caught.value.refusals)
    assert str(caught.value).startswith("odd.tflite: 5 operators are not supported")


def test_open_batch_is_one_and_other_open_dimensions_are_refused() -> None:
    file = File()
    x, y = (file.tensor(n, (-1, 4, -1)) for n in "xy")
    file.op("RELU", [x], [y])
    with pytest.raises(UnsupportedError, match="input 'x': its dimension 2 is not fixed; export"):
        load_bytes(file.bytes([x], [y]))
    file = File()
    x, y = (file.tensor(n, (-1, 4, 2)) for n in "xy")
    file.op("RELU", [x], [y])
    assert load_bytes(file.bytes([x], [y])).tensors["x"].shape == (1, 4, 2)


@pytest.mark.parametrize("operator", ["RESHAPE", "TRANSPOSE", "MAX_POOL_2D"])
def test_movement_that_would_rescale_is_refused(operator: str) -> None:
    file = File()
    x = file.tensor("x", (1, 2, 2, 1), "INT8", None, Q)
    y = file.tensor("y", (1, 2, 2, 1), "INT8", None, Quantization.per_tensor(0.25, 3))
    shape = file.constant("c", [1, 2, 2, 1] if operator == "RESHAPE" else [0, 1, 2, 3])
    pool = operator == "MAX_POOL_2D"
    options = {"StrideH": 1, "StrideW": 1, "FilterHeight": 1, "FilterWidth": 1} if pool else {}
    file.op(operator, [x] if pool else [x, shape], [y],
            "Pool2DOptions" if pool else f"{operator.title()}Options", **options)
    with pytest.raises(UnsupportedError, match="differ in quantization"):
        load_bytes(file.bytes([x], [y]))


def test_model_without_operators_is_an_error() -> None:
    file = File()
    x = file.tensor("x", (2,))
    with pytest.raises(ModelError, match="computes nothing"):
        load_bytes(file.bytes([x], [x]))
