"""Arithmetic, batch normalization and activations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whit.converter.errors import RefusedError
from whit.converter.importers.onnx.context import Context
from whit.converter.importers.onnx.values import Constant, OnnxNode

_UNBOUNDED = 3.4e38
"""Exporters write float32's extremes for "no bound"."""


def _binary(op: str) -> Callable[[Context, OnnxNode], None]:
    def handler(ctx: Context, node: OnnxNode) -> None:
        inputs = [ctx.number(name).name for name in node.inputs]
        ctx.add(op, node, inputs, node.outputs[0])
        ctx.define(node.outputs[0])

    return handler


def divide(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    divisor = ctx.array(node, 1, "the divisor")
    if not divisor.all():
        raise RefusedError("it divides by zero", "check the model's normalization constants")
    reciprocal = Constant((1.0 / divisor.astype(np.float64)).astype(np.float32))
    factor = ctx.add_constant(f"{node.inputs[1]}.reciprocal", reciprocal)
    ctx.add("mul", node, [x.name, factor], node.outputs[0])
    ctx.define(node.outputs[0])


def negate(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    minus = ctx.add_constant(f"{node.outputs[0]}.factor", Constant(np.array([-1], np.float32)))
    ctx.add("mul", node, [x.name, minus], node.outputs[0])
    ctx.define(node.outputs[0])


def sum_all(ctx: Context, node: OnnxNode) -> None:
    if len(node.inputs) == 1:
        ctx.same(node)
        return
    total = ctx.number(node.inputs[0]).name
    for index, name in enumerate(node.inputs[1:], 2):
        last = index == len(node.inputs)
        output = node.outputs[0] if last else ctx.fresh(f"{node.outputs[0]}.partial")
        total = ctx.add("add", node, [total, ctx.number(name).name], output)
    ctx.define(node.outputs[0])


def batch_normalization(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    if node.get("training_mode", 0) or any(node.outputs[1:]):
        raise RefusedError("it is in training mode", "export the model in inference mode")
    if not node.get("spatial", 1):
        raise RefusedError("it is not per channel (spatial=0)", "export it with a later opset")
    names = ("the scale", "the bias", "the mean", "the variance")
    gamma, beta, mean, variance = (
        ctx.array(node, i, what).astype(np.float64) for i, what in enumerate(names, 1)
    )
    scale = gamma / np.sqrt(variance + float(node.get("epsilon", 1e-5)))
    shape = (1, -1, *(1,) * (len(x.shape) - 2))
    factor, offset = (
        ctx.add_constant(
            f"{node.outputs[0]}.{what}", Constant(value.astype(np.float32).reshape(shape))
        )
        for what, value in (("scale", scale), ("offset", beta - mean * scale))
    )
    scaled = ctx.add("mul", node, [x.name, factor], ctx.fresh(f"{node.outputs[0]}.scaled"))
    ctx.add("add", node, [scaled, offset], node.outputs[0])
    ctx.define(node.outputs[0])


def _unary(op: str) -> Callable[[Context, OnnxNode], None]:
    def handler(ctx: Context, node: OnnxNode) -> None:
        ctx.add(op, node, [ctx.number(node.inputs[0]).name], node.outputs[0])
        ctx.define(node.outputs[0])

    return handler


def relu(ctx: Context, node: OnnxNode) -> None:
    ctx.add("clip", node, [ctx.number(node.inputs[0]).name], node.outputs[0], min=0.0)
    ctx.define(node.outputs[0])


def clip(ctx: Context, node: OnnxNode) -> None:
    bounds: list[float | None] = []
    for index, name in enumerate(("min", "max"), 1):
        value = node.get(name)
        if node.has(index):
            value = float(ctx.array(node, index, f"the bound '{name}'").reshape(-1)[0])
        bounds.append(None if value is None or abs(value) >= _UNBOUNDED else float(value))
    low, high = bounds
    if low is not None and high is not None and low > high:
        low = high  # ONNX takes the maximum last
    x = ctx.number(node.inputs[0])
    ctx.add("clip", node, [x.name], node.outputs[0], min=low, max=high)
    ctx.define(node.outputs[0])


def leaky_relu(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    alpha = float(node.get("alpha", 0.01))
    ctx.add("leaky_relu", node, [x.name], node.outputs[0], alpha=alpha)
    ctx.define(node.outputs[0])


def prelu(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    slope = ctx.constant(node, 1, "the slope")
    # Opset 7 and 8 tie a slope [C] to the channels of [N,C,...]; so do exporters after them.
    size, rank = slope.data.size, len(x.shape)
    per_channel = slope.data.ndim == 1 and rank > 2 and size == x.shape[1] != x.shape[-1]
    if per_channel and size > 1:
        slope = Constant(slope.values().reshape(-1, *(1,) * (rank - 2)))
    ctx.add("prelu", node, [x.name, ctx.add_constant(node.inputs[1], slope)], node.outputs[0])
    ctx.define(node.outputs[0])


def _affine_clip(ctx: Context, node: OnnxNode, alpha: float, beta: float, output: str) -> str:
    """max(0, min(1, alpha * x + beta))."""
    x = ctx.number(node.inputs[0]).name
    factor, offset = (
        ctx.add_constant(f"{output}.{what}", Constant(np.array([value], np.float32)))
        for what, value in (("alpha", alpha), ("beta", beta))
    )
    scaled = ctx.add("mul", node, [x, factor], ctx.fresh(f"{output}.scaled"))
    shifted = ctx.add("add", node, [scaled, offset], ctx.fresh(f"{output}.shifted"))
    return ctx.add("clip", node, [shifted], output, min=0.0, max=1.0)


def hard_sigmoid(ctx: Context, node: OnnxNode) -> None:
    alpha, beta = float(node.get("alpha", 0.2)), float(node.get("beta", 0.5))
    _affine_clip(ctx, node, alpha, beta, node.outputs[0])
    ctx.define(node.outputs[0])


def hard_swish(ctx: Context, node: OnnxNode) -> None:
    gate = _affine_clip(ctx, node, 1 / 6, 0.5, ctx.fresh(f"{node.outputs[0]}.gate"))
    ctx.add("mul", node, [ctx.number(node.inputs[0]).name, gate], node.outputs[0])
    ctx.define(node.outputs[0])


def softmax(ctx: Context, node: OnnxNode) -> None:
    x = ctx.number(node.inputs[0])
    rank, output = len(x.shape), node.outputs[0]
    axis = int(node.get("axis", -1 if ctx.opset >= 13 else 1))
    if not -rank <= axis < max(rank, 1):
        raise RefusedError(f"axis {axis} is outside rank {rank}", "export the model again")
    axis %= max(rank, 1)
    if axis == rank - 1:
        ctx.add("softmax", node, [x.name], output)
    elif ctx.opset < 13:
        # Before opset 13 all axes from `axis` on are one.
        rows = int(np.prod(x.shape[:axis]))
        flat = ctx.move(
            "reshape", node, x.name, ctx.fresh(f"{output}.flat"),
            shape=(rows, x.elements // rows),
        )
        result = ctx.add("softmax", node, [flat], ctx.internal(output, "rows"))
        ctx.move("reshape", node, result, output, shape=x.shape)
    else:
        perm = (*(i for i in range(rank) if i != axis), axis)
        turned = ctx.move("transpose", node, x.name, ctx.fresh(f"{output}.turned"), perm=perm)
        result = ctx.add("softmax", node, [turned], ctx.internal(output, "last"))
        back = tuple(perm.index(i) for i in range(rank))
        ctx.move("transpose", node, result, output, perm=back)
    ctx.define(output)


OPERATORS = {
    "Add": _binary("add"),
    "Sub": _binary("sub"),
    "Mul": _binary("mul"),
    "Div": divide,
    "Neg": negate,
    "Sum": sum_all,
    "BatchNormalization": batch_normalization,
    "Relu": relu,
    "Clip": clip,
    "Sigmoid": _unary("sigmoid"),
    "Tanh": _unary("tanh"),
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Softmax": softmax,
}
