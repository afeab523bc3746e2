"""Real trained float models: within 1e-5 of the output's range of LiteRT and ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import whit
from tests.oracles import litert, onnxruntime
from tests.support import model_files, noise

FLOAT_MODELS = [*model_files("*_float.tflite"), *model_files("*_float.onnx")]


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("path", FLOAT_MODELS, ids=lambda p: p.stem)
def test_outputs_agree(path: Path, optimize: bool) -> None:
    graph = whit.load(path)
    session = whit.Session(graph, optimize=optimize)
    inputs = noise(graph, seed=3, count=10)
    if path.suffix == ".onnx":
        expected = onnxruntime(path, inputs)
    else:
        expected = litert(path.read_bytes(), inputs)
    for given, theirs in zip(inputs, expected, strict=True):
        for name, value in session.run(given).items():
            spread = float(np.ptp(theirs[name]))
            np.testing.assert_allclose(value, theirs[name], rtol=0, atol=1e-5 * spread)
