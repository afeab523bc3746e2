"""The layout passes: transposes that cancel, and data movement that stays what it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import whit
from tests.converter.rewriting import Net, computes_the_same, ops, weights
from tests.support import float_tensor
from whit.converter.build import add_node
from whit.converter.check import check
from whit.converter.ir import Graph
from whit.converter.rewrites import optimize
from whit.converter.rewrites.layout import assign_layouts
from whit.converter.rewrites.permutation import carried

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


def test_inserted_nodes_have_names_of_their_own() -> None:
    """The transpose that delivers `y` may not be called like a node that is still to come."""
    graph = Graph("names", inputs=["x"], outputs=["y", "z"])
    graph.add(float_tensor("x", 1, 2, 3, 4))
    add_node(graph, "transpose", "first", ["x"], ["t"], perm=NHWC)
    add_node(graph, "tanh", "y", ["t"], ["y"])
    add_node(graph, "transpose", "second", ["y"], ["u"], perm=NCHW)
    add_node(graph, "sigmoid", "y_1", ["u"], ["z"])
    laid = check(assign_layouts(graph))
    assert sorted(ops(laid)) == ["sigmoid", "tanh", "transpose"]
    computes_the_same(graph)
