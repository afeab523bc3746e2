"""Scales for which multipliers rounded to float32 on the way would give other outputs than TFLM's.

Found by search: fewer than one in a thousand pairs of scales tells the difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support import int8_tensor, one_operator
from tests.targets.exact import assert_exact
from whit.converter.ir import Quantization

EVERY = np.arange(-128, 128, dtype=np.int8)
PAIRS = [
    (0.35600629448890686, 0.5760504007339478), (0.4265356957912445, 0.5805246233940125),
    (0.6759083867073059, 0.9599220156669617), (0.23228071630001068, 0.3231128752231598),
]
SLOPES = [
    (0.3484686613082886, 0.5420214533805847, 0.8492335081100464),
    (0.7256317734718323, 0.3348044055451522, 0.34281378984451294),
    (0.5802030563354492, 0.540438711643219, 0.469662606716156),
    (0.7981712818145752, 0.20607702434062958, 0.22908452153205872),
]


@pytest.mark.parametrize("op, attributes", [("leaky_relu", {"alpha": 0.5}), ("clip", {"min": 0.0})])
@pytest.mark.parametrize("x_scale, y_scale", PAIRS)
def test_ratios(op: str, attributes: dict[str, Any], x_scale: float, y_scale: float) -> None:
    x = int8_tensor("x", 256, scale=x_scale, zero_point=-128)
    graph = one_operator(op, [x], quantization=Quantization.per_tensor(y_scale, -128), **attributes)
    assert_exact(graph, [{"x": EVERY}])


@pytest.mark.parametrize("x_scale, y_scale, alpha", SLOPES)
def test_slopes(x_scale: float, y_scale: float, alpha: float) -> None:
    x = int8_tensor("x", 256, scale=x_scale, zero_point=127)
    out = Quantization.per_tensor(y_scale, 127)
    graph = one_operator("leaky_relu", [x], quantization=out, alpha=alpha)
    assert_exact(graph, [{"x": EVERY}])
