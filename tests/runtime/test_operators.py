"""Every operator alone, whit's result against TFLM's bits or the numpy definition."""

from __future__ import annotations

import numpy as np
import pytest

import whit
from tests import oracles
from tests.float_operators import Reference, defined_graphs, other_graphs
from tests.int8_operators import delay_line, int8_graphs
from tests.support import noise
from tests.tflite_files import evaluate
from whit.converter.exporters import tflite
from whit.converter.ir import DType, Graph

plain_and_optimized = pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])


@plain_and_optimized
@pytest.mark.parametrize("graph", [pytest.param(g, id=n) for n, g, _ in int8_graphs()])
def test_int8_gives_tflms_bits(graph: Graph, optimize: bool) -> None:
    inputs = noise(graph, seed=4, count=20)
    session = whit.Session(graph, optimize=optimize)
    for given, theirs in zip(inputs, oracles.tflm(tflite.export(graph), inputs), strict=True):
        np.testing.assert_array_equal(session.run(given)["output"], theirs["output"])


@plain_and_optimized
@pytest.mark.parametrize(
    "graph", [pytest.param(g, id=n) for n, g in defined_graphs() if n != "cast"])
def test_float_is_what_the_catalogue_says(graph: Graph, optimize: bool) -> None:
    inputs = noise(graph, seed=4, count=3)
    session = whit.Session(graph, optimize=optimize)
    for given, wanted in zip(inputs, evaluate(graph, inputs), strict=True):
        for name, array in session.run(given).items():
            np.testing.assert_allclose(array, wanted[name], rtol=1e-6, atol=1e-6)


@plain_and_optimized
@pytest.mark.parametrize("graph, reference", [
    pytest.param(g, r, id=n) for n, g, r in other_graphs()])
def test_float_is_its_definition(graph: Graph, reference: Reference, optimize: bool) -> None:
    session = whit.Session(graph, optimize=optimize)
    for given in noise(graph, seed=4, count=3):
        np.testing.assert_allclose(session.run(given)["output"], reference(given), atol=2e-6)


@plain_and_optimized
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
def test_states_that_shift(dtype: DType, optimize: bool) -> None:
    """One state's next value is another's current one, or the input itself."""
    graph = delay_line(dtype)
    inputs = noise(graph, count=6)
    session = whit.Session(graph, optimize=optimize)
    for given, wanted in zip(inputs, evaluate(graph, inputs), strict=True):
        for name, array in session.run(given).items():
            np.testing.assert_array_equal(array, wanted[name])
