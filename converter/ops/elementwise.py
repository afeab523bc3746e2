"""Element-wise operators: add, sub, mul with broadcasting, and the activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from whit.converter.ir import DType, Node, Tensor
from whit.converter.ops.operator import (
    ACTIVATION,
    Inferred,
    Operator,
    OperatorError,
    clamp,
    real,
    register,
    require,
    tensor,
)


def broadcast_shape(a: Tensor, b: Tensor) -> tuple[int, ...]:
    """The shape two tensors broadcast to, as numpy's do; OperatorError where they do not."""
    try:
        return tuple(np.broadcast_shapes(a.shape, b.shape))
    except ValueError:
        raise OperatorError(f"shapes {a.shape} and {b.shape} do not broadcast") from None


def _infer_binary(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    a, b = tensor(inputs, 0), tensor(inputs, 1)
    require(a.dtype is b.dtype, f"inputs are {a.dtype.value} and {b.dtype.value}")
    return [(broadcast_shape(a, b), a.dtype)]


def _evaluate(function: Callable[..., np.ndarray]) -> Callable[..., list[np.ndarray]]:
    def evaluate(node: Node, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        result = function(*arrays).astype(arrays[0].dtype, copy=False)
        return [clamp(result, node["activation"])]

    return evaluate


def _infer_unary(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    return [(x.shape, x.dtype)]


def _infer_prelu(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x, alpha = tensor(inputs, 0), tensor(inputs, 1)
    require(x.dtype is alpha.dtype, f"alpha is {alpha.dtype.value}, input {x.dtype.value}")
    require(broadcast_shape(x, alpha) == x.shape,
            f"alpha {alpha.shape} does not broadcast to {x.shape}")
    return [(x.shape, x.dtype)]


def _infer_softmax(node: Node, inputs: Sequence[Tensor | None]) -> Inferred:
    x = tensor(inputs, 0)
    require(len(x.shape) >= 1, "input must have rank 1 or more")
    return [(x.shape, x.dtype)]


def _evaluate_clip(node: Node, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    low, high = node["min"], node["max"]
    x = arrays[0]
    if low is None and high is None:
        return [x]
    return [np.clip(x, low, high).astype(x.dtype, copy=False)]


def is_float(node: Node, inputs: Sequence[Tensor | None]) -> bool:
    return tensor(inputs, 0).dtype is DType.FLOAT32


for _name, _function in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply)):
    register(Operator(
        _name, (2, 2), _infer_binary, {"activation": ACTIVATION}, evaluate=_evaluate(_function),
        elementwise=True, doc="a, b of any shapes that broadcast as numpy's do",
    ))

register(Operator(
    "clip", (1, 1), _infer_unary, {"min": real(None, False), "max": real(None, False)},
    evaluate=_evaluate_clip, elementwise=True,
    doc="clamp to [min, max]; relu is min=0, relu6 min=0 max=6; None leaves a side open",
))
register(Operator("sigmoid", (1, 1), _infer_unary, elementwise=True, doc="1 / (1 + exp(-x))"))
register(Operator("tanh", (1, 1), _infer_unary, elementwise=True, doc="hyperbolic tangent"))
register(Operator(
    "leaky_relu", (1, 1), _infer_unary, {"alpha": real()}, elementwise=True,
    doc="x where x >= 0, alpha * x elsewhere",
))
register(Operator(
    "prelu", (2, 2), _infer_prelu, elementwise=True,
    doc="x where x >= 0, alpha * x elsewhere; alpha is constant and broadcasts to x",
))
register(Operator(
    "softmax", (1, 1), _infer_softmax, {"beta": real(1.0)},
    doc="exp(beta * x) / sum over the last axis",
))
