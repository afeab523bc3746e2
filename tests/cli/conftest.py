"""Models on disk for the command line to chew on, and a way to call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.small_graphs import Builder, q
from tests.support import float_tensor, int8_tensor
from whit.cli.main import cli
from whit.converter.exporters import tflite
from whit.converter.ir import Graph

Call = Callable[..., Result]


@pytest.fixture
def call() -> Call:
    """Runs the command line in this process; stdout and stderr apart."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="whit")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def call_json(call: Call) -> Callable[..., dict[str, Any]]:
    """Runs a command with --json and returns what it printed, which must be JSON alone."""

    def run(*arguments: object) -> dict[str, Any]:
        result = call(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        document = json.loads(result.stdout)
        assert document["schema"] == 1
        assert document["command"] == str(arguments[0])
        return dict(document)

    return run


def classifier() -> Graph:
    """int8, stateless: a 3x3 convolution of 4 channels, a global mean, 5 classes."""
    b = Builder("classifier", seed=1)
    x = b.input(int8_tensor("x", 1, 8, 6, 3, scale=0.02, zero_point=-5))
    w = b.weights("w", (4, 3, 3, 3), 0)
    y = b.op("conv2d", [x, w, b.bias(4, w, x)], q(0.05, 3),
             padding=((0, 0), (0, 0)), activation="relu")
    m = b.op("mean", [y], q(0.05, 3), axes=(1, 2), keepdims=False)
    w = b.weights("fc", (5, 4), None)
    b.graph.outputs = [b.op("fully_connected", [m, w, b.bias(5, w, m)], q(0.1, 7))]
    return b.graph


def float_classifier() -> Graph:
    """float32: a 3x3 convolution of 4 channels, max pooling, 3 classes."""
    b = Builder("float", seed=3)
    x = b.input(float_tensor("x", 1, 4, 4, 2))
    y = b.op("conv2d", [x, b.floats("w", 4, 3, 3, 2), b.floats("b", 4)],
             padding=((1, 1), (1, 1)), activation="relu")  # fmt: skip
    y = b.op("max_pool2d", [y], kernel=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    y = b.op("reshape", [y], shape=(1, 16))
    y = b.op("fully_connected", [y, b.floats("fc", 3, 16), b.floats("fb", 3)])
    b.graph.outputs = [b.op("softmax", [y])]
    return b.graph


def streaming() -> Graph:
    """int8 with state: a window of the last 7 rows, 5 of them new, and a convolution over it."""
    b = Builder("streaming", seed=2)
    rows = q(0.02, -5)
    x = b.input(int8_tensor("x", 1, 5, 4, 3, scale=0.02, zero_point=-5))
    old = b.graph.add(int8_tensor("old", 1, 2, 4, 3, scale=0.02, zero_point=-5))
    window = b.op("concat", [old.name, x], rows, axis=1)
    new = b.op("slice", [window], rows, begin=(0, 5, 0, 0), size=(1, 2, 4, 3), step=(1,) * 4)
    b.state(old, new, np.full((1, 2, 4, 3), -5, np.int8))
    w = b.weights("w", (4, 3, 3, 3), 0)
    y = b.op("conv2d", [window, w, b.bias(4, w, window)], q(0.05, 3),
             strides=(2, 1), padding=((0, 0), (0, 0)), activation="relu6")  # fmt: skip
    m = b.op("reshape", [y], q(0.05, 3), shape=(1, 24))
    w = b.weights("fc", (5, 24), None)
    b.graph.outputs = [b.op("fully_connected", [m, w, b.bias(5, w, m)], q(0.1, 7))]
    return b.graph


def _file(folder: Path, name: str, graph: Graph) -> Path:
    path = folder / f"{name}.tflite"
    path.write_bytes(tflite.export(graph))
    return path


@pytest.fixture
def int8_model(tmp_path: Path) -> Path:
    return _file(tmp_path, "classifier", classifier())


@pytest.fixture
def streaming_model(tmp_path: Path) -> Path:
    return _file(tmp_path, "streaming", streaming())


@pytest.fixture
def float_model(tmp_path: Path) -> Path:
    return _file(tmp_path, "float", float_classifier())


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """20 samples for `int8_model`, under the name x, and labels that no command asks for."""
    random = np.random.default_rng(5)
    path = tmp_path / "samples.npz"
    x = random.integers(-128, 128, (20, 8, 6, 3)).astype(np.int8)
    np.savez(path, x=x, y=np.arange(20) % 5)
    return path
