"""prelu_s8 against TFLM, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles import tflm
from tests.support import constant, int8_tensor, noise, one_operator
from tests.targets.harness import Call
from whit.converter.exporters import tflite
from whit.converter.ir import Quantization
from whit.runtime.session import Session


@pytest.mark.parametrize("shape", [(1, 1, 7), (5, 1, 1), (1, 6, 1), (5, 6, 7)])
@pytest.mark.parametrize("seed", range(4))
def test_broadcast_slopes(shape: tuple[int, ...], seed: int) -> None:
    random = np.random.default_rng(seed)
    scales = np.exp(random.uniform(-7, 0, 3))
    zeros = [int(z) for z in random.integers(-128, 128, 3)]
    x = int8_tensor("x", 1, 5, 6, 7, scale=float(scales[0]), zero_point=zeros[0])
    alpha = constant(
        "alpha", random.integers(-128, 128, shape).astype(np.int8),
        Quantization.per_tensor(float(scales[1]), zeros[1]),
    )
    out = Quantization.per_tensor(float(scales[2]), zeros[2])
    graph = one_operator("prelu", [x, alpha], quantization=out)
    inputs = noise(graph, seed, 3)
    session = Session(graph, optimize=False)
    for given, expected in zip(inputs, tflm(tflite.export(graph), inputs), strict=True):
        np.testing.assert_array_equal(
            session.run(given)["output"], next(iter(expected.values()))
        )


def test_in_place_and_validation() -> None:
    x = np.random.default_rng(0).integers(-128, 128, (4, 6)).astype(np.int8)
    alpha = np.arange(6, dtype=np.int8)
    params = {
        "rank": 2, "dims": (4, 6), "alpha_strides": (0, 1), "positive_multiplier": 1 << 30,
        "positive_shift": 1, "negative_multiplier": 1 << 30, "negative_shift": -3,
    }
    prelu = Call("prelu_s8", [x, alpha], (x.shape, np.int8), params)
    wide = x.astype(np.int64)
    product = wide * alpha
    scaled = np.sign(product) * ((np.abs(product) + 8) >> 4)
    expected = np.where(wide >= 0, wide, np.clip(scaled, -128, 127))
    np.testing.assert_array_equal(prelu.run(), expected)
    np.testing.assert_array_equal(prelu.run_overlapped(0), expected)
    for change in ({"rank": 0}, {"positive_shift": 31}, {"negative_multiplier": -1},
                   {"input_zero_point": 200}, {"alpha_strides": (0, -1)},
                   {"alpha_strides": (1000, 1)}):
        bad = Call("prelu_s8", [x, alpha], (x.shape, np.int8), {**params, **change})
        assert not bad.valid(), change
