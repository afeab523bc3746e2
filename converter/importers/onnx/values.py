"""What an importer knows about ONNX values: constants, and how a node refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
import onnx.helper

from whit.converter.errors import RefusedError
from whit.converter.ir import Quantization
from whit.converter.rewrites.constant_folding import dequantized


@dataclass(frozen=True, eq=False)
class Constant:
    """A value known at import.

    With a quantization it is the real number that the stored integers `data` stand for (what a
    DequantizeLinear of them gives); without, it is `data` itself. stored: the name of the
    quantized integers, where they have one.
    """

    data: np.ndarray
    quantization: Quantization | None = None
    stored: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    def values(self) -> np.ndarray:
        """The numbers themselves."""
        if self.quantization is None:
            return self.data
        return dequantized(self.data, self.quantization)

    def transposed(self, perm: tuple[int, ...]) -> Constant:
        quantization = self.quantization
        if quantization is not None and quantization.axis is not None:
            quantization = replace(quantization, axis=perm.index(quantization.axis))
        data = np.ascontiguousarray(self.data.transpose(perm))
        return replace(self, data=data, quantization=quantization)

    def expanded(self, axis: int) -> Constant:
        """With an axis of size 1 inserted before `axis`."""
        quantization = self.quantization
        if quantization is not None and quantization.axis is not None:
            shifted = quantization.axis + (quantization.axis >= axis)
            quantization = replace(quantization, axis=shifted)
        data = np.expand_dims(self.data, axis)
        return replace(self, data=data, quantization=quantization)

    def scaled(self, factor: float) -> Constant:
        """Times a real factor: of a quantized constant only the scales change."""
        if factor == 1.0:
            return self
        if self.quantization is None:
            return Constant((self.data * np.float32(factor)).astype(self.data.dtype))
        scale = self.quantization.scale * np.float32(factor)
        return replace(self, quantization=replace(self.quantization, scale=scale))


@dataclass(frozen=True)
class OnnxNode:
    """An ONNX node with its attributes as Python values (text decoded)."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, proto: onnx.NodeProto) -> OnnxNode:
        attributes = {}
        for attribute in proto.attribute:
            value = onnx.helper.get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            attributes[attribute.name] = value
        outputs = tuple(proto.output)
        name = proto.name or next((output for output in outputs if output), proto.op_type)
        return cls(name, proto.op_type, proto.domain, tuple(proto.input), outputs, attributes)

    def has(self, index: int) -> bool:
        """Whether optional input `index` is present."""
        return index < len(self.inputs) and self.inputs[index] != ""

    def get(self, attribute: str, default: Any = None) -> Any:
        return self.attributes.get(attribute, default)

    def ints(self, attribute: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list attribute; RefusedError where it is needed and missing."""
        value = self.attributes.get(attribute, default)
        if value is None:
            raise RefusedError(f"attribute '{attribute}' is missing", "export the model again")
        return tuple(int(i) for i in value)
