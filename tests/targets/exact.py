"""int8 layers with every parameter drawn at random, and the comparison with TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.oracles import tflm
from tests.support import constant, int8_tensor
from tests.targets.harness import Call
from whit.converter.exporters import tflite
from whit.converter.ir import Graph, Quantization, Tensor
from whit.runtime.kernel_table import pack_params, unpack_params
from whit.runtime.lowering import lower
from whit.runtime.session import Session

ZERO_POINTS = (-128, 127, 0, -1, 7, -77)
ACTIVATIONS = ("none", "relu", "relu6", "relu_n1_to_1")


def assert_exact(graph: Graph, inputs: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
    """Run whit and TFLM on each of `inputs`; returns the distinct values that were seen."""
    session = Session(graph, optimize=False)
    seen: set[int] = set()
    wanted = tflm(tflite.export(graph), [dict(given) for given in inputs])
    for given, expected in zip(inputs, wanted, strict=True):
        (want,) = expected.values()
        got = session.run(given)["output"]
        np.testing.assert_array_equal(got, want.reshape(got.shape))
        seen |= set(np.unique(got).tolist())
    return np.array(sorted(seen))


class Draw:
    """Random tensors of one test case; the same seed draws the same case."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        """In [low, high]."""
        return int(self.random.integers(low, high + 1))

    def zero_point(self) -> int:
        return int(self.random.choice([*ZERO_POINTS, self.integer(-128, 127)]))

    def activation(self) -> str:
        return str(self.random.choice(ACTIVATIONS))

    def input(self, *shape: int) -> Tensor:
        scale = float(np.exp(self.random.uniform(-6, 1)))
        return int8_tensor("x", *shape, scale=scale, zero_point=self.zero_point())

    def data(self, *shape: int) -> np.ndarray:
        """Stored values: uniform, or the two extremes alone."""
        if self.random.random() < 0.25:
            return self.random.choice(np.array([-128, 127], np.int8), shape)
        return self.random.integers(-128, 128, shape).astype(np.int8)

    def weights(self, shape: tuple[int, ...], axis: int) -> Tensor:
        """Per channel along `axis`, or per tensor."""
        if self.random.random() < 0.3:
            quantization = Quantization.per_tensor(float(np.exp(self.random.uniform(-7, -1))))
        else:
            scales = np.exp(self.random.uniform(-7, -1, shape[axis]))
            quantization = Quantization.per_channel(scales, axis)
        return constant("weights", self.data(*shape), quantization)

    def bias(self, x: Tensor, weights: Tensor, axis: int) -> Tensor | None:
        if self.random.random() < 0.2:
            return None
        assert weights.quantization is not None and x.quantization is not None
        scale = weights.quantization.scale * x.quantization.scale[0]
        reach = 10 ** self.random.uniform(1, 6)
        data = self.random.uniform(-reach, reach, weights.shape[axis]).astype(np.int32)
        return constant("bias", data, Quantization(scale, np.zeros(scale.shape, np.int32), 0))

    def output(self, x: Tensor, weights: Tensor, taps: int) -> Quantization:
        """A quantization in which sums of `taps` products spread over int8 and beyond."""
        assert weights.quantization is not None and x.quantization is not None
        spread = 60 * 60 * np.sqrt(taps) * weights.quantization.scale.mean()
        scale = spread * x.quantization.scale[0] / self.random.uniform(20, 300)
        return Quantization.per_tensor(float(scale), self.zero_point())


def kernel_call(graph: Graph, x: np.ndarray, layer: int = 0) -> Call:
    """The one call that a node of one input lowers to, between guard bytes, on x."""
    (call,) = lower(graph)[layer]
    inputs: list[np.ndarray | None] = []
    for operand in call.operands[:-1]:
        if isinstance(operand, str):
            data = graph.tensors[operand].data
            inputs.append(x if data is None else data)
        else:
            inputs.append(operand)
    return Call(call.kernel, inputs, (graph.tensors["output"].shape, np.int8), call.params)


def accepted(call: Call, changes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `changes` to the parameters of a valid call that validate() lets pass."""
    assert call.valid()
    original = call.params
    passed = []
    for change in changes:
        call.params = pack_params(call.kernel, {**unpack_params(call.kernel, original), **change})
        if call.valid():
            passed.append(change)
    call.params = original
    return passed
