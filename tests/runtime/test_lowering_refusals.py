"""What the lowerings refuse: every node at once, with its name, the reason and the remedy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import constant, int8_tensor, one_operator
from whit.converter.errors import CapacityError, UnsupportedError
from whit.converter.ir import DType, Graph, Quantization, Tensor
from whit.runtime.compile import compile_graph
from whit.runtime.lowering import lower

OUT = Quantization.per_tensor(0.1, 0)
VALID = ((0, 0), (0, 0))
X = int8_tensor("x", 1, 4, 4, 3)


def weights(quantization: Quantization | None) -> Tensor:
    return constant("weights", np.ones((2, 1, 1, 3), np.int8), quantization)


def conv(*inputs: Tensor | None, out: Quantization = OUT) -> Graph:
    return one_operator("conv2d", inputs, quantization=out, padding=VALID)


SYMMETRIC = Quantization.per_tensor(0.02)
REFUSED = {
    "weights at run time": (
        conv(X, Tensor("w", (2, 1, 1, 3), DType.INT8, None, SYMMETRIC)), "computed at run time"),
    "weights without scales": (conv(X, weights(None)), "no quantization"),
    "scales along another axis": (
        conv(X, weights(Quantization.per_channel(np.ones(3), 3))), "axis 3"),
    "scale of nothing": (conv(X, weights(Quantization.per_tensor(0.0))), "not a positive number"),
    "scale that is no number": (
        conv(X, weights(SYMMETRIC), out=Quantization.per_tensor(float("nan"))),
        "not a positive number"),
    "zero point outside int8": (
        conv(X, weights(SYMMETRIC), out=Quantization.per_tensor(0.1, 200)), "zero point 200"),
    "bias of another scale": (
        conv(X, weights(SYMMETRIC), constant("bias", np.ones(2, np.int32), SYMMETRIC)),
        "not input scale"),
    "bias at run time": (
        conv(X, weights(SYMMETRIC), Tensor("b", (2,), DType.INT32)), "computed at run time"),
    "activation quantized per channel": (
        conv(X, weights(SYMMETRIC), out=Quantization.per_channel(np.ones(2), 3)), "per channel"),
    "pool that requantizes": (
        one_operator("max_pool2d", [X], quantization=OUT, kernel=(2, 2), padding=VALID),
        "differ in scale"),
    "softmax into another quantization": (
        one_operator("softmax", [X], quantization=OUT), "1/256"),
    "sum much finer than its operands": (
        one_operator("add", [X, X], quantization=Quantization.per_tensor(1e-9)), "coarser"),
    "unsigned arithmetic": (
        one_operator("mul", [
            Tensor(n, (4,), DType.UINT8, None, Quantization.per_tensor(0.1, 128)) for n in "ab"
        ], quantization=Quantization.per_tensor(0.1, 128)), "uint8"),
    "windows that would take for ever": (
        one_operator("max_pool2d", [int8_tensor("x", 1, 9000, 9000, 1)], kernel=(64, 64),
                     quantization=X.quantization, padding=VALID), "3e\\+11 steps"),
    "more axes than a kernel walks": (
        one_operator("add", [
            int8_tensor("a", *[2, 1] * 4), int8_tensor("b", *[1, 2] * 4)
        ], quantization=OUT), "8 axes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str) -> None:
    graph, reason = REFUSED[case]
    with pytest.raises(UnsupportedError, match=reason) as caught:
        lower(graph)
    (refusal,) = caught.value.refusals
    assert refusal.node == graph.nodes[0].name and refusal.remedy


def test_more_memory_than_references_reach() -> None:
    image = int8_tensor("x", 1, 20000, 30000, 1)
    graph = one_operator("transpose", [image], quantization=image.quantization, perm=(0, 2, 1, 3))
    with pytest.raises(CapacityError, match="1,200,000,000 bytes of arena") as caught:
        compile_graph(graph)
    assert caught.value.exit_status == 3
