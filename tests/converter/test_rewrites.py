"""Rewrites: what they make of a graph, and that it still computes the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import whit
from tests import oracles
from tests.small_graphs import Builder
from tests.support import constant, float_tensor, int8_tensor, noise
from whit.converter.build import add_node
from whit.converter.check import check
from whit.converter.exporters import tflite as exporter
from whit.converter.ir import DType, Graph, Quantization, State, Tensor
from whit.converter.rewrites import PASSES, optimize
from whit.converter.rewrites.layout import assign_layouts
from whit.converter.rewrites.permutation import carried

RANDOM = np.random.default_rng(17)


def weights(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


class Net:
    """A graph built node by node; `add` returns the output's name."""

    def __init__(self, *inputs: Tensor):
        self.graph = Graph("net")
        for tensor in inputs:
            self.graph.add(tensor)
            self.graph.inputs.append(tensor.name)

    def constant(self, data: Any, quantization: Quantization | None = None) -> str:
        return self.graph.constant("c", np.asarray(data), quantization).name

    def add(self, op: str, *inputs: str, to: Quantization | None = None, **attributes: Any) -> str:
        name = self.graph.fresh("t")
        add_node(self.graph, op, f"{op}_node", inputs, [name], to, **attributes)
        return name

    def finish(self, *outputs: str) -> Graph:
        self.graph.outputs = list(outputs)
        return check(self.graph)


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def computes_the_same(graph: Graph, tolerance: float = 1e-6) -> Graph:
    """Optimize, compare with LiteRT running the graph as it was, and return the result.

    Also: the argument is left alone, and inputs and outputs keep names and shapes.
    """
    model = exporter.export(graph)
    before = (list(graph.nodes), dict(graph.tensors))
    optimized = optimize(graph)
    assert before == (graph.nodes, graph.tensors)
    assert (optimized.inputs, optimized.outputs) == (graph.inputs, graph.outputs)
    for name in (*graph.inputs, *graph.outputs):
        assert optimized.tensors[name].shape == graph.tensors[name].shape
    session = whit.Session(optimized, optimize=False)
    exact = any(t.dtype is DType.INT8 for t in graph.tensors.values())
    for inputs in noise(graph, count=3):
        theirs = (oracles.tflm if exact else oracles.litert)(model, [inputs])[0]
        ours = session.run(inputs)
        for name in graph.outputs:
            if exact:
                np.testing.assert_array_equal(ours[name], theirs[name])
            else:
                span = max(1.0, float(np.abs(theirs[name]).max()))
                np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance * span)
    return optimized


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


NCHW, NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def conv_nchw(net: Net, x: str, cin: int, cout: int) -> str:
    y = net.add("transpose", x, perm=NHWC)
    y = net.add("conv2d", y, net.constant(weights(cout, 3, 3, cin)), padding=((1, 1), (1, 1)))
    return net.add("transpose", y, perm=NCHW)


def between(net: Net, y: str, what: str) -> str:
    """An operator between two NCHW convolutions of 4 channels on 6 x 5."""
    match what:
        case "clip" | "sigmoid" | "tanh":
            return net.add(what, y)
        case "scale per channel":
            return net.add("mul", net.add("tanh", y), net.constant(weights(4, 1, 1)))
        case "gate":
            gate = net.add("sigmoid", net.add("mean", y, axes=(2, 3)))
            return net.add("mul", gate, y)
        case "residual":
            return net.add("add", y, conv_nchw(net, net.add("tanh", y), 4, 4))
        case "concat":
            halves = [net.add("slice", y, begin=(0, start, 0, 0), size=(1, 2, 6, 5),
                              step=(1, 1, 1, 1)) for start in (2, 0)]
            return net.add("concat", *halves, axis=1)
        case "mirror":
            return net.add("slice", y, begin=(0, 3, 5, 0), size=(1, 4, 6, 5), step=(1, -1, -1, 1))
        case "pad":
            y = net.add("pad", y, paddings=((0, 0), (0, 0), (2, 0), (0, 1)), value=1.0)
            return net.add("slice", y, begin=(0, 0, 1, 1), size=(1, 4, 6, 5), step=(1,) * 4)
        case "softmax of channels":
            y = net.add("softmax", net.add("transpose", y, perm=(0, 2, 3, 1)))
            return net.add("transpose", y, perm=(0, 3, 1, 2))
        case "flatten space":
            y = net.add("reshape", y, shape=(1, 4, 30))
            return net.add("reshape", net.add("add", y, net.constant(weights(4, 1))),
                           shape=(1, 4, 6, 5))
        case "prelu":
            return net.add("prelu", y, net.constant(weights(4, 1, 1)))
        case "drop batch":
            y = net.add("reshape", y, shape=(4, 6, 5))
            return net.add("reshape", net.add("sigmoid", y), shape=(1, 4, 6, 5))
    raise AssertionError(what)


@pytest.mark.parametrize("what", [
    "clip", "sigmoid", "scale per channel", "gate", "residual", "concat", "mirror", "pad",
    "softmax of channels", "flatten space", "prelu", "drop batch",
])
def test_no_transpose_between_layers(what: str) -> None:
    net = Net(float_tensor("x", 1, 3, 6, 5))
    y = between(net, conv_nchw(net, "x", 3, 4), what)
    y = conv_nchw(net, net.add("leaky_relu", y, alpha=0.3), 4, 2)
    graph = computes_the_same(net.finish(y), 1e-5)
    transposes = [node for node in graph.nodes if node.op == "transpose"]
    assert [t.inputs[0] for t in transposes] == ["x", transposes[-1].inputs[0]]
    assert transposes[-1].outputs == (y,)


def test_transposes_of_single_axes_become_reshapes() -> None:
    net = Net(float_tensor("x", 1, 1, 6, 5))
    y = conv_nchw(net, "x", 1, 1)
    graph = computes_the_same(net.finish(y), 1e-5)
    assert "transpose" not in ops(graph)


def test_needed_transposes_are_not_multiplied() -> None:
    """Two readers of one transposed value share the transpose."""
    net = Net(float_tensor("x", 2, 3, 4))
    turned = net.add("transpose", "x", perm=(2, 0, 1))
    first = net.add("softmax", net.add("sigmoid", turned))
    second = net.add("softmax", net.add("tanh", turned))
    graph = computes_the_same(net.finish(first, second), 1e-5)
    assert ops(graph).count("transpose") == 1


@pytest.mark.parametrize("joined", [False, True])
def test_flatten_order_goes_into_weights(joined: bool) -> None:
    net = Net(float_tensor("x", 1, 3, 6, 5))
    maps = [conv_nchw(net, "x", 3, 2), net.add("tanh", conv_nchw(net, "x", 3, 4))]
    flat = [
        net.add("reshape", y, shape=(1, net.graph.tensors[y].elements))
        for y in maps[: 2 if joined else 1]
    ]
    y = net.add("concat", *flat, axis=1) if joined else flat[0]
    columns = net.graph.tensors[y].shape[1]
    y = net.add("fully_connected", y, net.constant(weights(7, columns)))
    graph = computes_the_same(net.finish(y), 1e-5)
    assert ops(graph).count("transpose") == 1


@pytest.mark.parametrize("order, shape, target, expected", [
    ((0, 2, 3, 1), (1, 8, 4, 5), (1, 8, 20), (0, 2, 1)),
    ((0, 2, 3, 1), (1, 8, 4, 5), (1, 2, 4, 4, 5), (0, 3, 4, 1, 2)),
    ((0, 2, 3, 1), (1, 8, 4, 5), (1, 160), None),
    ((1, 0), (3, 4), (12,), None),
    ((0, 1), (3, 4), (4, 3), (0, 1)),
    ((0, 2, 1), (2, 1, 5), (2, 5), (0, 1)),
])
def test_orders_carry_over_reshapes(
    order: tuple[int, ...], shape: tuple[int, ...], target: tuple[int, ...],
    expected: tuple[int, ...] | None,
) -> None:
    found = carried(order, shape, target)
    assert found == expected
    if found is not None:
        x = np.arange(np.prod(shape)).reshape(shape)
        stored = x.transpose(order).reshape([target[axis] for axis in found])
        np.testing.assert_array_equal(stored, x.reshape(target).transpose(found))


def random_network(seed: int) -> tuple[Graph, np.ndarray, dict[str, np.ndarray]]:
    """Random element-wise and moving operators with what numpy computes beside them."""
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.choice([1, 2, 3, 4], 4))
    x = random.normal(size=shape).astype(np.float32)
    net = Net(float_tensor("x", *shape))
    values = {"x": x}

    def transpose(a: str) -> str:
        perm = tuple(int(i) for i in random.permutation(values[a].ndim))
        return keep(net.add("transpose", a, perm=perm), values[a].transpose(perm))

    def reshape(a: str) -> str:
        size = values[a].size
        first = int(random.choice([n for n in range(1, size + 1) if size % n == 0]))
        target = [(first, size // first), (1, first, size // first), (size,)][random.integers(3)]
        return keep(net.add("reshape", a, shape=target), values[a].reshape(target))

    def clip(a: str) -> str:
        return keep(net.add("clip", a, min=-0.5), np.maximum(values[a], np.float32(-0.5)))

    def add(a: str) -> str:
        other = keep(net.constant(weights(*values[a].shape[-1:])), None)
        return keep(net.add("add", a, other), values[a] + net.graph.data(other))

    def concat(a: str) -> str:
        axis = int(random.integers(values[a].ndim))
        b = clip(a)
        joined = np.concatenate([values[a], values[b]], axis)
        return keep(net.add("concat", a, b, axis=axis), joined)

    def mirror(a: str) -> str:
        array = values[a]
        axis = int(random.integers(array.ndim))
        begin, step = [0] * array.ndim, [1] * array.ndim
        begin[axis], step[axis] = array.shape[axis] - 1, -1
        sliced = net.add("slice", a, begin=tuple(begin), size=array.shape, step=tuple(step))
        return keep(sliced, np.flip(array, axis))

    def pad(a: str) -> str:
        pads = tuple((int(p), int(q)) for p, q in random.integers(0, 2, (values[a].ndim, 2)))
        padded = np.pad(values[a], pads, constant_values=2.5)
        return keep(net.add("pad", a, paddings=pads, value=2.5), padded)

    def multiply(a: str) -> str:
        same = [n for n, v in values.items() if v is not None and v.shape == values[a].shape]
        b = str(random.choice(same))
        return keep(net.add("mul", a, b), values[a] * values[b])

    def keep(name: str, value: Any) -> str:
        if value is not None:
            values[name] = value
        return name

    moves: list[Callable[[str], str]] = [
        transpose, transpose, reshape, clip, add, concat, mirror, pad, multiply]
    names = ["x"]
    for _ in range(10):
        source = str(random.choice(names[-3:]))
        if values[source].ndim > 4 or values[source].size > 600:
            continue
        names.append(moves[random.integers(len(moves))](source))
    outputs = list(dict.fromkeys([names[-1], names[len(names) // 2]]))
    outputs = [name for name in outputs if name != "x"] or [clip("x")]
    return net.finish(*outputs), x, {name: values[name] for name in outputs}


@pytest.mark.parametrize("block", range(4))
def test_random_movement_is_kept(block: int) -> None:
    for seed in range(10 * block, 10 * block + 10):
        graph, x, expected = random_network(seed)
        before = copy.copy(graph.nodes)
        for candidate in (optimize(graph), check(assign_layouts(graph))):
            ours = whit.Session(candidate, optimize=False).run({"x": x})
            for name, value in expected.items():
                np.testing.assert_array_equal(ours[name], value, err_msg=f"seed {seed}, {name}")
        assert graph.nodes == before


def test_builder_graphs_of_other_tests_keep_their_bits() -> None:
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
