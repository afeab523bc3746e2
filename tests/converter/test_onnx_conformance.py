"""ONNX's own conformance suite (onnx.backend.test): whatever is imported must be right.

A case gives each operator all its inputs at run time; those after the first become initializers,
as whit wants weights, shapes and the like constant. A case may be refused, not wrong.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import whit
from whit.converter.errors import UnsupportedError
from whit.converter.importers import onnx as importer
from whit.converter.rewrites import optimize

onnx = pytest.importorskip("onnx")
suite = pytest.importorskip("onnx.backend.test.case.node")

# Module of the suite -> how many of its cases must be supported.
MODULES = {
    "add": 1, "averagepool": 12, "clip": 5, "concat": 6, "conv": 5,
    "depthtospace": 2, "dequantizelinear": 1, "div": 1, "dropout": 1, "expand": 1, "flatten": 4,
    "gather": 3, "gemm": 8, "globalaveragepool": 2, "globalmaxpool": 2, "hardsigmoid": 2,
    "hardswish": 1, "identity": 1, "leakyrelu": 3, "matmul": 2, "maxpool": 8, "mul": 2, "neg": 2,
    "pad": 1, "prelu": 2, "quantizelinear": 1, "reducemean": 4, "relu": 1,
    "reshape": 8, "resize": 10, "sigmoid": 2, "slice": 6, "softmax": 6, "spacetodepth": 1,
    "split": 4, "squeeze": 2, "sub": 2, "sum": 1, "tanh": 2, "transpose": 6, "unsqueeze": 4,
    "upsample": 1,
}


def cases_of(module: str) -> list[Any]:
    """The suite's cases whose only operators are those of one of its modules."""
    importlib.import_module(f"{suite.__name__}.{module}")
    return [
        case for case in suite._NodeTestCases
        if {node.op_type.lower() for node in case.model.graph.node} == {module} and case.data_sets
    ]


def with_initializers(model: Any, values: dict[str, np.ndarray], keep: int) -> Any:
    """A copy of `model` in which the inputs after the first `keep` are initializers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    inputs = list(copy.graph.input)
    del copy.graph.input[keep:]
    for value in inputs[keep:]:
        copy.graph.initializer.append(onnx.numpy_helper.from_array(values[value.name], value.name))
    return copy


def is_plain(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype in (
        np.float32, np.int8, np.uint8, np.int32, np.int64, np.bool_)


def supported(case: Any) -> bool:
    """Import and check one case; False where it is refused."""
    inputs, outputs = case.data_sets[0]
    if not inputs or not all(is_plain(np.asarray(value)) for value in (*inputs, *outputs)):
        return False
    names = [value.name for value in case.model.graph.input]
    values = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True)}
    for keep in range(len(names), 0, -1):
        try:
            graph = importer.load_model(with_initializers(case.model, values, keep), case.name)
        except UnsupportedError:
            continue
        feeds = {name: values[name] for name in graph.inputs}
        for candidate in (graph, optimize(graph)):
            results = whit.Session(candidate, optimize=False).run(feeds)
            for name, expected in zip(candidate.outputs, outputs, strict=True):
                # TFLite rounds halves away from zero where ONNX rounds them to even.
                allowed = 1e-5 if expected.dtype == np.float32 else 1
                assert results[name].shape == expected.shape, case.name
                np.testing.assert_allclose(
                    results[name].astype(np.float64), expected.astype(np.float64),
                    rtol=case.rtol if expected.dtype == np.float32 else 0, atol=allowed,
                    err_msg=case.name,
                )
        return True
    return False


@pytest.mark.parametrize("module", MODULES)
def test_conformance(module: str) -> None:
    assert sum(map(supported, cases_of(module))) >= MODULES[module]
