"""Rewrites: what they make of a graph, and that it still computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import whit
from tests.converter.rewriting import RANDOM, Net, computes_the_same, ops, weights
from tests.small_graphs import Builder
from tests.support import constant, float_tensor, int8_tensor, noise
from whit.converter.build import add_node
from whit.converter.check import check
from whit.converter.ir import Graph, Quantization, State, Tensor
from whit.converter.rewrites import PASSES, optimize

NCHW, NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def image(channels: int = 4) -> Tensor:
    return float_tensor("x", 1, 6, 5, channels)


def test_every_pass_gives_back_what_it_need_not_change() -> None:
    net = Net(image())
    graph = net.finish(net.add("sigmoid", "x"))
    for _, rewrite in PASSES:
        assert rewrite(graph) is graph


def test_dead_code_goes_and_states_stay() -> None:
    net = Net(image())
    net.graph.add(float_tensor("old", 1, 6, 5, 4))
    net.constant(weights(3))
    net.add("tanh", "x")
    kept = net.add("add", "old", "x")
    net.graph.states.append(State("old", kept, np.zeros((1, 6, 5, 4), np.float32)))
    graph = optimize(net.finish(net.add("sigmoid", "x")))
    assert sorted(ops(graph)) == ["add", "sigmoid"]
    assert set(graph.tensors) == {"x", "old", kept, graph.outputs[0]}


def test_constants_fold() -> None:
    net = Net(float_tensor("x", 2, 3))
    total = net.add("add", net.constant(weights(2, 3)), net.constant(np.array([1], np.float32)))
    turned = net.add("transpose", net.add("transpose", total, perm=(1, 0)), perm=(1, 0))
    graph = computes_the_same(net.finish(net.add("mul", "x", turned)))
    assert ops(graph) == ["mul"]


def test_stored_numbers_move_but_are_not_computed_with() -> None:
    quantization = Quantization.per_tensor(0.1, -3)
    stored = RANDOM.integers(-128, 128, (2, 3)).astype(np.int8)
    net = Net(int8_tensor("x", 5, 4, scale=0.1, zero_point=-3))
    padded = net.add("pad", net.constant(stored, quantization), to=quantization,
                     paddings=((1, 2), (1, 0)))
    graph = optimize(net.finish(net.add("add", "x", padded, to=quantization)))
    assert ops(graph) == ["add"]
    expected = np.pad(stored, ((1, 2), (1, 0)), constant_values=-3)
    np.testing.assert_array_equal(graph.data(graph.nodes[0].inputs[1]), expected)
    both = [net.constant(stored, quantization) for _ in range(2)]
    net.graph.nodes.clear()
    graph = optimize(net.finish(net.add("add", *both, to=quantization)))
    assert ops(graph) == ["add"]


def test_a_constant_output_keeps_its_node() -> None:
    net = Net(image())
    graph = net.finish(net.add("add", net.constant(weights(2)), net.constant(weights(2))))
    assert ops(optimize(graph)) == ["add"]


LAYERS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "conv2d": ((7, 3, 3, 4), {"padding": ((1, 1), (0, 2))}),
    "depthwise_conv2d": ((1, 3, 3, 8), {"padding": ((1, 1), (0, 2)), "strides": (2, 2)}),
    "fully_connected": ((6, 4), {}),
}


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("op", LAYERS)
def test_batch_norm_folds(op: str, with_bias: bool) -> None:
    shape, attributes = LAYERS[op]
    channels = shape[-1] if op == "depthwise_conv2d" else shape[0]
    net = Net(image())
    inputs = ["x", net.constant(weights(*shape))]
    if with_bias:
        inputs.append(net.constant(weights(channels)))
    y = net.add(op, *inputs, **attributes)
    y = net.add("mul", y, net.constant(weights(channels)))
    y = net.add("sub", net.constant(weights(1, 1, 1, channels)), y)
    y = net.add("add", y, net.constant(np.array([0.25], np.float32)), activation="relu6")
    graph = computes_the_same(net.finish(y), 1e-5)
    assert ops(graph) == [op] and graph.nodes[0]["activation"] == "relu6"


def test_batch_norm_stays_where_it_is_no_affine_of_the_layer() -> None:
    net = Net(image())
    layer = net.add("conv2d", "x", net.constant(weights(5, 1, 1, 4)), padding=((0, 0), (0, 0)))
    per_column = net.add("mul", layer, net.constant(weights(1, 1, 5, 1)))
    second = net.add("conv2d", "x", net.constant(weights(5, 1, 1, 4)), padding=((0, 0), (0, 0)),
                     activation="relu")
    after_relu = net.add("mul", second, net.constant(weights(5)))
    both = net.add("mul", layer, net.constant(weights(5)))
    graph = computes_the_same(net.finish(per_column, after_relu, both))
    assert ops(graph).count("mul") == 3


@pytest.mark.parametrize("first, low, high, fused", [
    ("none", 0.0, None, "relu"), ("none", 0.0, 6.0, "relu6"), ("none", -1.0, 1.0, "relu_n1_to_1"),
    ("relu", None, 6.0, "relu6"), ("relu6", 0.0, 8.0, "relu6"), ("relu", 1.0, None, None),
    ("none", 0.0, 5.0, None), ("relu6", -2.0, None, "relu6"), ("none", None, None, "none"),
])
def test_activation_fusion(
    first: str, low: float | None, high: float | None, fused: str | None
) -> None:
    net = Net(image())
    y = net.add("add", "x", net.constant(weights(4)), activation=first)
    graph = optimize(net.finish(net.add("clip", y, min=low, max=high)))
    if fused is None:
        assert ops(graph) == ["add", "clip"]
    else:
        assert ops(graph) == ["add"] and graph.nodes[0]["activation"] == fused
    x = 5 * weights(1, 6, 5, 4)
    bounds = {"none": (None, None), "relu": (0, None), "relu6": (0, 6)}[first]
    expected = x + net.graph.data(net.graph.nodes[0].inputs[1])
    expected = np.clip(expected, *bounds) if bounds != (None, None) else expected
    expected = np.clip(expected, low, high) if (low, high) != (None, None) else expected
    ours = whit.Session(graph).run({"x": x})[graph.outputs[0]]
    np.testing.assert_array_equal(ours, expected)


def test_activations_of_shared_or_kept_values_stay() -> None:
    net = Net(image())
    y = net.add("add", "x", net.constant(weights(4)))
    first = net.add("clip", y, min=0.0)
    graph = net.finish(y, first)
    assert optimize(graph) is graph
    graph = net.finish(first, net.add("tanh", y))
    assert ops(optimize(graph)) == ["add", "clip", "tanh"]


@pytest.mark.parametrize("other_scale, expected", [(0.05, ["add"]), (0.06, ["add", "clip"])])
def test_int8_activations_fuse_on_one_grid_only(other_scale: float, expected: list[str]) -> None:
    net = Net(int8_tensor("x", 1, 6, 5, 4), int8_tensor("y", 1, 6, 5, 4, scale=0.07))
    to = Quantization.per_tensor(0.05, 3)
    total = net.add("add", "x", "y", to=to)
    y = net.add("clip", total, to=Quantization.per_tensor(other_scale, 3), min=0.0, max=6.0)
    assert ops(computes_the_same(net.finish(y))) == expected


def test_an_int8_relu_that_its_zero_point_already_does() -> None:
    lowest = Quantization.per_tensor(0.05, -128)
    net = Net(int8_tensor("x", 1, 6, 5, 4), int8_tensor("y", 1, 6, 5, 4))
    y = net.add("concat", "x", "y", to=int8_tensor("q", 1).quantization, axis=3)
    y = net.add("quantize", y, to=lowest, dtype="int8")
    y = net.add("reshape", net.add("clip", y, to=lowest, min=0.0), to=lowest, shape=(30, 8))
    assert ops(computes_the_same(net.finish(y))) == ["concat", "quantize", "reshape"]


def pad_net(tensor: Tensor, op: str, value: float = 0.0, first: str = "", **more: Any) -> Graph:
    net = Net(tensor)
    to, x = tensor.quantization, "x"
    if first:
        x = net.add(first, x, to=to, **({"min": 0.0} if first == "clip" else {}))
    y = net.add("pad", x, to=to, paddings=((0, 0), (1, 0), (2, 1), (0, 0)), value=value)
    attributes: dict[str, Any] = {"padding": ((0, 1), (0, 0)), **more}
    if "pool" in op:
        return net.finish(net.add(op, y, to=to, kernel=(3, 3), **attributes))
    data = weights(1, 3, 3, 4) if op == "depthwise_conv2d" else weights(2, 3, 3, 4)
    if to is None:
        return net.finish(net.add(op, y, net.constant(data), **attributes))
    stored = np.clip(np.round(data * 40), -127, 127).astype(np.int8)
    w = net.constant(stored, Quantization.per_tensor(0.02))
    return net.finish(net.add(op, y, w, to=Quantization.per_tensor(0.2, 4), **attributes))


NO_PADDING: dict[str, Any] = {"padding": ((0, 0), (0, 0))}


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("op, more", [
    ("conv2d", {}), ("depthwise_conv2d", {}), ("conv2d", {"dilations": (2, 1)}),
])
def test_pads_fuse_into_convolutions(op: str, more: dict[str, Any], quantized: bool) -> None:
    tensor = int8_tensor("x", 1, 6, 5, 4) if quantized else image()
    graph = pad_net(tensor, op, **more)
    optimized = optimize(graph)
    assert ops(optimized) == [op]
    assert optimized.nodes[0]["padding"] == ((1, 1), (2, 1))
    same_outputs(graph, optimized, exact=quantized)


def same_outputs(graph: Graph, optimized: Graph, exact: bool) -> None:
    for inputs in noise(graph, count=2):
        plain = whit.Session(graph, optimize=False).run(inputs)
        ours = whit.Session(optimized, optimize=False).run(inputs)
        for name, value in plain.items():
            if exact:
                np.testing.assert_array_equal(ours[name], value)
            else:
                np.testing.assert_allclose(ours[name], value, rtol=0, atol=1e-5)


@pytest.mark.parametrize("quantized", [False, True])
def test_pads_fuse_into_average_pooling_as_counted(quantized: bool) -> None:
    tensor = int8_tensor("x", 1, 6, 5, 4) if quantized else image()
    graph = pad_net(tensor, "average_pool2d", **NO_PADDING)
    optimized = optimize(graph)
    assert ops(optimized) == ["average_pool2d"] and optimized.nodes[0]["count_include_pad"]
    same_outputs(graph, optimized, exact=quantized)


@pytest.mark.parametrize("op, options", [
    ("conv2d", {"value": 1.0}),
    ("max_pool2d", NO_PADDING),  # zeros win over negative values
    ("average_pool2d", {}),  # its own padding does not count, the pad's would
    ("average_pool2d", {"value": 0.5, **NO_PADDING}),
])
def test_pads_that_must_stay(op: str, options: dict[str, Any]) -> None:
    graph = pad_net(image(), op, **options)
    assert ops(optimize(graph)) == ["pad", op]


@pytest.mark.parametrize("first, value", [("clip", 0.0), ("", -np.inf)])
def test_pads_fuse_into_max_pooling_where_they_never_win(first: str, value: float) -> None:
    graph = pad_net(image(), "max_pool2d", value, first, **NO_PADDING)
    optimized = optimize(graph)
    assert "pad" not in ops(optimized)
    same_outputs(graph, optimized, exact=True)


def test_an_int8_network_keeps_its_bits() -> None:
    """An int8 network in which something is there for most passes, against TFLM."""
    b = Builder("bits")
    b.input(int8_tensor("x", 1, 8, 8, 4))
    graph = b.graph
    to = Quantization.per_tensor(0.05, 3)
    w = constant("w", RANDOM.integers(-127, 128, (4, 3, 3, 4)).astype(np.int8),
                 Quantization.per_channel(np.array([0.01, 0.02, 0.01, 0.005], np.float32), 0))
    graph.add(w)
    add_node(graph, "transpose", "t1", ["x"], ["a"], to, perm=NCHW)
    add_node(graph, "clip", "c1", ["a"], ["b"], to, min=-2.0)
    add_node(graph, "transpose", "t2", ["b"], ["c"], to, perm=NHWC)
    add_node(graph, "pad", "p", ["c"], ["d"], to, paddings=((0, 0), (1, 1), (1, 1), (0, 0)))
    add_node(graph, "conv2d", "conv", ["d", "w"], ["e"], to, padding=((0, 0), (0, 0)))
    add_node(graph, "clip", "c2", ["e"], ["f"], to, min=0.0, max=6.0)
    add_node(graph, "reshape", "r1", ["f"], ["g"], to, shape=(1, 64, 4))
    add_node(graph, "clip", "c3", ["g"], ["h"], to, min=-20.0)
    add_node(graph, "reshape", "r2", ["h"], ["y"], to, shape=(1, 256))
    graph.outputs = ["y"]
    assert ops(computes_the_same(check(graph))) == ["clip", "conv2d", "reshape"]
