"""What the catalogue knows about an operator, and the registry the families add to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whit.converter.ir import DType, Node, Tensor

Shape = tuple[int, ...]
Inferred = list[tuple[Shape, DType]]

ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "none": (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}
"""The fused activations: each is a clamp of the real value to (low, high)."""


class OperatorError(ValueError):
    """A node that breaks its operator's rules; the message names what and how."""


@dataclass(frozen=True)
class Attribute:
    """One attribute: `valid` says whether a value is acceptable, `text` says what is."""

    text: str
    valid: Callable[[Any], bool]
    default: Any = None
    required: bool = True


@dataclass(frozen=True)
class Operator:
    """One row of the catalogue.

    inputs: how many tensors the node reads, (least, most); most None means any number.
    infer(node, inputs) -> [(shape, dtype)] of the outputs, raising OperatorError.
    macs(node, inputs, outputs) -> multiply-accumulates of one run.
    evaluate(node, arrays) -> arrays: the real-number meaning in numpy, for constant folding;
    None where folding is left to the runtime.
    elementwise: an output element depends on the input elements of its own position only.
    """

    name: str
    inputs: tuple[int, int | None]
    infer: Callable[[Node, Sequence[Tensor | None]], Inferred]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    macs: Callable[[Node, Sequence[Tensor | None], Sequence[Tensor]], int] = lambda *_: 0
    evaluate: Callable[[Node, Sequence[np.ndarray]], list[np.ndarray]] | None = None
    elementwise: bool = False
    doc: str = ""


OPERATORS: dict[str, Operator] = {}


def register(operator: Operator) -> Operator:
    if operator.name in OPERATORS:
        raise ValueError(f"operator '{operator.name}' is registered twice")
    OPERATORS[operator.name] = operator
    return operator


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def positive_ints(count: int, default: tuple[int, ...] | None = None) -> Attribute:
    return Attribute(
        f"{count} positive integers",
        lambda v: isinstance(v, tuple) and len(v) == count and all(_is_int(i) and i > 0 for i in v),
        default,
        default is None,
    )


def ints(default: tuple[int, ...] | None = None) -> Attribute:
    return Attribute(
        "a tuple of integers",
        lambda v: isinstance(v, tuple) and all(_is_int(i) for i in v),
        default,
        default is None,
    )


def integer(default: int | None = None) -> Attribute:
    return Attribute("an integer", _is_int, default, default is None)


def real(default: float | None = None, required: bool = True) -> Attribute:
    return Attribute(
        "a number" if required else "a number or None",
        lambda v: isinstance(v, (int, float)) or (v is None and not required),
        default,
        required and default is None,
    )


def flag(default: bool) -> Attribute:
    return Attribute("True or False", lambda v: isinstance(v, bool), default, False)


def choice(options: Sequence[str], default: str) -> Attribute:
    return Attribute("one of " + ", ".join(options), lambda v: v in options, default, False)


def _is_padding(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(p, tuple) and len(p) == 2 and all(_is_int(i) and i >= 0 for i in p)
        for p in value
    )


def paddings(count: int | None = None) -> Attribute:
    """((before, after), ...): `count` axes, or one pair per axis of the input."""
    each = "one (before, after) pair per axis"
    what = each if count is None else f"{count} (before, after) pairs"
    return Attribute(
        what, lambda v: _is_padding(v) and (count is None or len(v) == count), None, True
    )


ACTIVATION = choice(tuple(ACTIVATIONS), "none")


def require(condition: bool, message: str) -> None:
    if not condition:
        raise OperatorError(message)


def tensor(inputs: Sequence[Tensor | None], index: int) -> Tensor:
    value = inputs[index] if index < len(inputs) else None
    if value is None:
        raise OperatorError(f"input {index} is missing")
    return value


def optional(inputs: Sequence[Tensor | None], index: int) -> Tensor | None:
    return inputs[index] if index < len(inputs) else None


def clamp(array: np.ndarray, activation: str) -> np.ndarray:
    """`array` after a fused activation."""
    low, high = ACTIVATIONS[activation]
    if low is None and high is None:
        return array
    return np.clip(array, low, high).astype(array.dtype, copy=False)


def normalized_axis(axis: int, rank: int) -> int:
    require(-rank <= axis < rank, f"axis {axis} is outside rank {rank}")
    return axis % rank
