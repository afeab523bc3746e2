"""Node → kernel calls; see `registry`. Each module imported here registers its family."""

from whit.runtime.lowering import (
    activation,
    arithmetic,
    convolution,
    layout,
    pooling,
    quantization,
    resize,
    softmax,
)
from whit.runtime.lowering.registry import LoweringError, lower

__all__ = ["LoweringError", "lower"]
