"""The front door refuses what it cannot take, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.small_graphs import Builder
from tests.support import float_tensor
from whit.converter.errors import InputError
from whit.converter.ir import Graph
from whit.runtime.session import Session


def relu() -> Graph:
    b = Builder("relu")
    b.graph.outputs = [b.op("clip", [b.input(float_tensor("x", 1, 3))], min=0.0, max=6.0)]
    return b.graph


X = np.array([[-1, 2, 9]], np.float32)


def test_run_by_name() -> None:
    session = Session(relu())
    (output,) = session.run({"x": X}).values()
    np.testing.assert_array_equal(output, [[0, 2, 6]])
    assert repr(session) == "Session(host: x float32[1, 3] -> clip float32[1, 3])"


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        (X, "given by name, as {'x': array}"),
        ([X], "given by name"),
        ({}, "input 'x' is missing"),
        ({"x": X, "z": X}, "no input 'z'; it has x"),
        ({"x": X[0]}, r"float32[3], expected float32[1, 3]"),
        ({"x": X.astype(np.float64)}, "float64[1, 3], expected float32[1, 3]"),
    ],
)
def test_inputs_that_do_not_fit(inputs: Any, complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        Session(relu()).run(inputs)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("model", [3, b"WHIT", None])
def test_what_is_no_model(model: Any) -> None:
    with pytest.raises(InputError, match="takes a path, a graph or a program"):
        Session(model)
