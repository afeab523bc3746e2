"""Small float graphs quantized: bits as TFLM's, values near the float model's.

The float reference is LiteRT on the float graph; the bits are TFLM's on the quantized one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests import oracles
from tests.support import constant, float_tensor, int8_tensor, one_operator
from whit import Session
from whit.converter.build import add_node
from whit.converter.errors import InputError, UnsupportedError
from whit.converter.exporters import tflite
from whit.converter.ir import DType, Graph, State, Tensor
from whit.quantize import quantize

Feeds = list[dict[str, np.ndarray]]
RANDOM = np.random.default_rng(11)

# Steps of the output that an operator may be off: about half a step of each input, as far as it
# reaches the output. A layer sums many inputs' rounding, all the more steps the narrower a fused
# activation makes its output.


def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (RANDOM.normal(size=shape) * scale).astype(np.float32)


def feeds(graph: Graph, count: int = 24, seed: int = 5) -> Feeds:
    random = np.random.default_rng(seed)
    return [
        {n: random.normal(size=graph.tensors[n].shape).astype(np.float32) for n in graph.inputs}
        for _ in range(count)
    ]


def store(graph: Graph, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Float inputs as the int8 graph takes them."""
    codes = {}
    for name, values in feed.items():
        quantization = graph.tensors[name].quantization
        assert quantization is not None
        ratio = np.rint(values / quantization.scale[0]) + quantization.zero_point[0]
        codes[name] = np.clip(ratio, -128, 127).astype(np.int8)
    return codes


def real(tensor: Tensor, codes: np.ndarray) -> np.ndarray:
    quantization = tensor.quantization
    assert quantization is not None
    return (codes.astype(np.float64) - quantization.zero_point[0]) * float(quantization.scale[0])


def verify(graph: Graph, steps: float, samples: Feeds | None = None) -> Graph:
    """Quantize; check bits against TFLM, and values against LiteRT's float within `steps`."""
    samples = samples or feeds(graph)
    result = quantize(graph, samples)
    stored = [store(result, feed) for feed in samples]
    session = Session(result)
    got = [session.run(feed) for feed in stored]
    model = tflite.export(result)
    for ours, theirs in zip(got, oracles.tflm(model, stored), strict=True):
        for name in result.outputs:
            np.testing.assert_array_equal(ours[name], theirs[name])
    for ours, theirs in zip(got, oracles.litert(tflite.export(graph), samples), strict=True):
        for name in result.outputs:
            tensor = result.tensors[name]
            assert tensor.quantization is not None
            error = np.abs(real(tensor, ours[name]) - theirs[name]).max()
            assert error <= steps * float(tensor.quantization.scale[0])
    return result


IMAGE = float_tensor("x", 1, 6, 5, 4)
OPERATORS: dict[str, tuple[float, Callable[[], Graph]]] = {
    "conv2d": (
        3,
        lambda: one_operator(
            "conv2d",
            [IMAGE, constant("w", normal(8, 3, 3, 4)), constant("b", normal(8))],
            strides=(2, 1),
            padding=((1, 1), (1, 1)),
            activation="relu",
        ),
    ),
    "conv2d without bias": (
        6,
        lambda: one_operator(
            "conv2d",
            [IMAGE, constant("w", normal(8, 1, 1, 4))],
            padding=((0, 0), (0, 0)),
            activation="relu6",
        ),
    ),
    "depthwise_conv2d": (
        12,
        lambda: one_operator(
            "depthwise_conv2d",
            [IMAGE, constant("w", normal(1, 3, 3, 8)), constant("b", normal(8))],
            padding=((1, 1), (1, 1)),
            activation="relu_n1_to_1",
        ),
    ),
    "fully_connected": (
        3,
        lambda: one_operator(
            "fully_connected",
            [float_tensor("x", 3, 20), constant("w", normal(7, 20)), constant("b", normal(7))],
        ),
    ),
    "add": (2, lambda: one_operator("add", [IMAGE, float_tensor("z", 1, 6, 5, 4)])),
    "add constant": (
        2,
        lambda: one_operator(
            "add", [IMAGE, constant("c", normal(4, scale=3.0))], activation="relu"
        ),
    ),
    "sub": (2, lambda: one_operator("sub", [constant("c", normal(1)), IMAGE])),
    "mul": (3, lambda: one_operator("mul", [IMAGE, float_tensor("z", 1, 1, 1, 4)])),
    "average_pool2d": (
        2,
        lambda: one_operator("average_pool2d", [IMAGE], kernel=(2, 2), padding=((0, 0), (0, 0))),
    ),
    "max_pool2d": (
        1,
        lambda: one_operator(
            "max_pool2d", [IMAGE], kernel=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))
        ),
    ),
    "mean": (2, lambda: one_operator("mean", [IMAGE], axes=(1, 2), keepdims=False)),
    "relu": (2, lambda: one_operator("clip", [IMAGE], min=0.0)),
    "clip": (1, lambda: one_operator("clip", [IMAGE], min=-0.5, max=1.25)),
    "sigmoid": (2, lambda: one_operator("sigmoid", [IMAGE])),
    "tanh": (2.5, lambda: one_operator("tanh", [IMAGE])),
    "softmax": (3, lambda: one_operator("softmax", [float_tensor("x", 2, 9)])),
    "leaky_relu": (1.5, lambda: one_operator("leaky_relu", [IMAGE], alpha=0.2)),
    "prelu": (2, lambda: one_operator("prelu", [IMAGE, constant("a", normal(1, 1, 4))])),
    "transpose": (1, lambda: one_operator("transpose", [IMAGE], perm=(0, 2, 1, 3))),
    "concat": (
        1,
        lambda: one_operator(
            "concat",
            [IMAGE, float_tensor("z", 1, 6, 5, 2), constant("c", normal(1, 6, 5, 1))],
            axis=3,
        ),
    ),
    "split": (1, lambda: one_operator("split", [IMAGE], outputs=2, axis=3, sizes=(2, 2))),
    "slice": (
        1,
        lambda: one_operator(
            "slice", [IMAGE], begin=(0, 1, 0, 0), size=(1, 4, 3, 4), step=(1, 1, 2, 1)
        ),
    ),
    "pad": (
        1,
        lambda: one_operator("pad", [IMAGE], paddings=((0, 0), (1, 0), (2, 1), (0, 0)), value=-7.5),
    ),
    "resize_nearest": (1, lambda: one_operator("resize_nearest", [IMAGE], size=(12, 10))),
    "resize_bilinear": (2, lambda: one_operator("resize_bilinear", [IMAGE], size=(11, 7))),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name: str) -> None:
    steps, build = OPERATORS[name]
    verify(build(), steps)


def chain(
    *nodes: tuple[str, list[str], str, dict[str, Any]],
    inputs: list[Tensor],
    constants: dict[str, np.ndarray] | None = None,
) -> Graph:
    """A graph of (operator, inputs, output, attributes); the last output is the graph's."""
    graph = Graph("chain", inputs=[t.name for t in inputs])
    for tensor in inputs:
        graph.add(tensor)
    for name, data in (constants or {}).items():
        graph.constant(name, data)
    for op, names, output, attributes in nodes:
        add_node(graph, op, op, names, [output], **attributes)
    graph.outputs = [nodes[-1][2]]
    return graph


def test_concat_of_a_fixed_output_with_a_wider_tensor() -> None:
    graph = chain(
        ("sigmoid", ["x"], "gate", {}),
        ("add", ["x", "x"], "wide", {}),
        ("concat", ["gate", "wide"], "y", {"axis": 1}),
        inputs=[float_tensor("x", 1, 16)],
    )
    result = verify(graph, 3)
    assert [node.op for node in result.nodes].count("quantize") == 1


def test_fixed_parameters_travel_through_sharing_operators() -> None:
    graph = chain(
        ("softmax", ["x"], "p", {}),
        ("reshape", ["p"], "y", {"shape": (4, 4)}),
        inputs=[float_tensor("x", 1, 16)],
    )
    result = verify(graph, 4)
    assert "quantize" not in [node.op for node in result.nodes]


def test_range_below_a_clamp_is_not_stored() -> None:
    graph = chain(
        (
            "max_pool2d",
            ["x"],
            "y",
            {"kernel": (2, 2), "padding": ((0, 0), (0, 0)), "activation": "relu"},
        ),
        inputs=[float_tensor("x", 1, 4, 4, 3)],
    )
    inner = chain(
        ("conv2d", ["x", "w"], "wide", {"padding": ((0, 0), (0, 0))}),
        (
            "max_pool2d",
            ["wide"],
            "y",
            {"kernel": (2, 2), "padding": ((0, 0), (0, 0)), "activation": "relu"},
        ),
        inputs=[float_tensor("x", 1, 4, 4, 3)],
        constants={"w": normal(4, 1, 1, 3)},
    )
    result = verify(inner, 3)
    quantization = result.tensors["wide"].quantization
    assert quantization is not None and int(quantization.zero_point[0]) == -128
    # A graph input keeps its whole range: the caller may look at it.
    outer = quantize(graph, feeds(graph)).tensors["x"].quantization
    assert outer is not None and int(outer.zero_point[0]) > -100


def test_residual_and_cancellation() -> None:
    """The difference of nearly equal tensors: a scale finer than its operands' noise is no use."""
    graph = chain(
        ("mul", ["x", "almost"], "z", {}),
        ("sub", ["x", "z"], "y", {}),
        inputs=[float_tensor("x", 1, 32)],
        constants={"almost": np.array([1.0 - 2**-22], np.float32)},
    )
    result = quantize(graph, feeds(graph))
    stored = [store(result, feed) for feed in feeds(graph)]
    session = Session(result)
    theirs = oracles.tflm(tflite.export(result), stored)
    for feed, expected in zip(stored, theirs, strict=True):
        np.testing.assert_array_equal(session.run(feed)["y"], expected["y"])


def test_a_layer_that_is_always_off() -> None:
    graph = chain(
        ("conv2d", ["x", "w", "b"], "y", {"padding": ((0, 0), (0, 0)), "activation": "relu"}),
        ("add", ["y", "x"], "z", {}),
        inputs=[float_tensor("x", 1, 2, 2, 3)],
        constants={"w": normal(3, 1, 1, 3, scale=1e-3), "b": np.full(3, -9, np.float32)},
    )
    verify(graph, 2)


def test_layers_without_weights() -> None:
    graph = one_operator(
        "fully_connected",
        [
            float_tensor("x", 1, 4),
            constant("w", np.zeros((3, 4), np.float32)),
            constant("b", np.array([1.0, -2.0, 3e5], np.float32)),
        ],
    )
    verify(graph, 2)


def streaming() -> Graph:
    """A convolution over what came in last time and what comes in now."""
    graph = Graph("streaming", inputs=["x"], outputs=["y"])
    graph.add(float_tensor("x", 1, 2, 1, 4))
    graph.add(float_tensor("past", 1, 3, 1, 4))
    graph.constant("w", normal(6, 3, 1, 4))
    add_node(graph, "concat", "concat", ["past", "x"], ["window"], axis=1)
    add_node(
        graph,
        "slice",
        "slice",
        ["window"],
        ["next"],
        begin=(0, 2, 0, 0),
        size=(1, 3, 1, 4),
        step=(1, 1, 1, 1),
    )
    add_node(graph, "conv2d", "conv", ["window", "w"], ["y"], padding=((0, 0), (0, 0)))
    graph.states = [State("past", "next", np.full((1, 3, 1, 4), 2.5, np.float32))]
    return graph


def test_state_shares_parameters_and_keeps_its_bits() -> None:
    graph = streaming()
    result = verify(graph, 3)
    names = ("past", "next", "window", "x")
    first = result.tensors["past"].quantization
    assert all(result.tensors[name].quantization == first for name in names)
    initial = real(result.tensors["past"], result.states[0].initial)
    assert first is not None and np.abs(initial - 2.5).max() <= float(first.scale[0])


def test_float_interface() -> None:
    graph = OPERATORS["conv2d"][1]()
    inner = quantize(graph, feeds(graph))
    outer = quantize(graph, feeds(graph), inputs="float32", outputs="float32")
    assert outer.tensors["x"].dtype is outer.tensors["output"].dtype is DType.FLOAT32
    samples = feeds(graph, 4, seed=9)
    theirs = oracles.tflm(tflite.export(outer), samples)
    for feed, expected in zip(samples, theirs, strict=True):
        ours = Session(outer).run(feed)["output"]
        np.testing.assert_array_equal(ours, expected["output"])
        codes = Session(inner).run(store(inner, feed))["output"]
        np.testing.assert_allclose(ours, real(inner.tensors["output"], codes), rtol=1e-6)


@pytest.mark.parametrize("dense", ["per_channel", "per_tensor"])
def test_dense_scales(dense: Any) -> None:
    graph = OPERATORS["fully_connected"][1]()
    weights = quantize(graph, feeds(graph), dense=dense).tensors["w"].quantization
    assert weights is not None and weights.scale.size == (7 if dense == "per_channel" else 1)


def test_refusals_come_all_at_once() -> None:
    graph = chain(
        ("fully_connected", ["x", "x"], "y", {}),
        ("cast", ["y"], "z", {"dtype": "int32"}),
        inputs=[float_tensor("x", 3, 3)],
    )
    with pytest.raises(UnsupportedError) as caught:
        quantize(graph, feeds(graph))
    assert [refusal.operator for refusal in caught.value.refusals] == ["fully_connected", "cast"]


def test_a_quantized_model_is_refused() -> None:
    graph = one_operator(
        "clip", [int8_tensor("x", 1, 4)], quantization=int8_tensor("x", 1).quantization, min=0.0
    )
    with pytest.raises(UnsupportedError, match="quantize the model it came from"):
        quantize(graph, [{"x": np.zeros((1, 4), np.int8)}])


def test_samples_are_needed_and_must_be_finite() -> None:
    graph = OPERATORS["relu"][1]()
    with pytest.raises(InputError, match="no calibration samples"):
        quantize(graph, [])
    with pytest.raises(InputError, match="not finite"):
        quantize(graph, [{"x": np.full((1, 6, 5, 4), np.inf, np.float32)}])
