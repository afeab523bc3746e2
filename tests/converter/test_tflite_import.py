"""Reading .tflite: real models against LiteRT's and TFLM's own reading of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests import oracles
from tests.support import model_files, noise, wake_word_files
from whit.converter.exporters import tflite as exporter
from whit.converter.importers import load
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import DType, Graph, Tensor

REAL = [*model_files("*.tflite"), *wake_word_files()]
each_real_model = pytest.mark.parametrize(
    "path", REAL or [pytest.param(None, marks=pytest.mark.skip("no models here"))],
    ids=lambda path: path.stem if path else "none",
)


@each_real_model
def test_tensors_are_what_litert_says(path: Path) -> None:
    graph = load(path)
    interpreter = oracles.litert_interpreter(path.read_bytes())
    interpreter.allocate_tensors()
    details = {d["name"]: d for d in interpreter.get_tensor_details()}
    compared = 0
    for name, tensor in graph.tensors.items():
        if name not in details:
            continue  # a step of our own, such as the reshape before a dense layer
        theirs = details[name]
        assert tuple(theirs["shape"]) == tensor.shape, name
        assert np.dtype(theirs["dtype"]) == tensor.dtype.numpy, name
        parameters = theirs["quantization_parameters"]
        if tensor.quantization is not None:
            np.testing.assert_array_equal(parameters["scales"], tensor.quantization.scale)
            np.testing.assert_array_equal(
                parameters["zero_points"], tensor.quantization.zero_point)
            if not tensor.quantization.is_per_tensor:
                assert parameters["quantized_dimension"] == tensor.quantization.axis
        else:
            assert tensor.dtype is not DType.INT8
        compared += 1
    assert compared > len(graph.nodes)
    assert graph.inputs == [d["name"] for d in interpreter.get_input_details()]
    assert graph.outputs == [d["name"] for d in interpreter.get_output_details()]


@each_real_model
def test_export_of_import_is_imported_as_the_same_graph(path: Path) -> None:
    graph = load(path)
    assert_same(load_bytes(exporter.export(graph)), graph)


@each_real_model
def test_export_of_import_gives_the_same_bits(path: Path) -> None:
    graph = load(path)
    inputs = noise(graph, seed=3, count=12)
    model = path.read_bytes()
    for run in (oracles.tflm, oracles.litert):
        for ours, theirs in zip(
            run(exporter.export(graph), inputs), run(model, inputs), strict=True
        ):
            for name in graph.outputs:
                np.testing.assert_array_equal(ours[name], theirs[name], name)


@pytest.mark.parametrize(
    "path", wake_word_files() or [pytest.param(None, marks=pytest.mark.skip("not installed"))],
    ids=lambda path: path.stem if path else "none",
)
def test_wake_word_states(path: Path) -> None:
    """Every state begins as TFLM's first run reads it and carries what its last op computed."""
    graph = load(path)
    assert len(graph.states) == 6
    inputs = noise(graph, seed=1, count=3)
    taps = oracles.tflm(path.read_bytes(), inputs, all_tensors=True)
    for state in graph.states:
        tensor = graph.tensors[state.input]
        assert tensor.dtype is DType.INT8 and tensor.shape == state.initial.shape
        np.testing.assert_array_equal(taps[0][state.input], state.initial)
        for before, after in itertools.pairwise(taps):
            np.testing.assert_array_equal(after[state.input], before[state.output])
        assert len(np.unique(taps[-1][state.input])) > 1


def assert_same(a: Graph, b: Graph) -> None:
    """Equal up to the names of nodes and of steps that TFLite has no tensor for."""
    assert (a.inputs, a.outputs) == (b.inputs, b.outputs)
    assert [node.op for node in a.nodes] == [node.op for node in b.nodes]
    for ours, theirs in zip(a.nodes, b.nodes, strict=True):
        assert ours.attributes == theirs.attributes, ours
        for x, y in zip((*ours.inputs, *ours.outputs), (*theirs.inputs, *theirs.outputs),
                        strict=True):
            assert_same_tensor(a.tensors[x], b.tensors[y])
    assert [(s.input, s.output) for s in a.states] == [(s.input, s.output) for s in b.states]
    for s, t in zip(a.states, b.states, strict=True):
        np.testing.assert_array_equal(s.initial, t.initial)


def assert_same_tensor(a: Tensor, b: Tensor) -> None:
    assert (a.shape, a.dtype, a.quantization) == (b.shape, b.dtype, b.quantization), b.name
    assert a.is_constant == b.is_constant
    if a.data is not None and b.data is not None:
        np.testing.assert_array_equal(a.data, b.data)
    else:
        assert a.name == b.name
