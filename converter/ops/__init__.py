"""The operator catalogue: one row per operator, one module per family.

To add an operator, add its row to the family's module (or a module here), its lowering in
`whit.runtime.lowering`, and its kernel in `targets/generic`.
"""

from whit.converter.ops import (  # each module registers its family
    convolution,
    elementwise,
    layout,
    pooling,
    quantization,
    resize,
)
from whit.converter.ops.operator import ACTIVATIONS, OPERATORS, Operator, OperatorError

ELEMENTWISE = frozenset(name for name, operator in OPERATORS.items() if operator.elementwise)
"""Operators whose output elements depend on the input elements of their own position only."""

__all__ = ["ACTIVATIONS", "ELEMENTWISE", "OPERATORS", "Operator", "OperatorError"]
