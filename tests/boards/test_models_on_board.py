"""Whole models on the emulated board: the bits of TFLM's reference kernels, and of the desktop."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests import probes
from tests.oracles import Tflm
from tests.small_graphs import NETWORKS
from tests.support import model_files, wake_word_files
from tests.support import noise as graph_noise
from whit.boards.board import load_board
from whit.boards.device import Device
from whit.converter.importers import load
from whit.converter.ir import Graph
from whit.runtime.compile import compile_graph
from whit.runtime.session import Session

BOARD = load_board("qemu-mps2-an386")
STEPS = 60
SAMPLES = 3

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None or shutil.which("qemu-system-arm") is None,
    reason="needs ziglang and qemu-system-arm",
)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.__name__)
def test_board_equals_desktop(network: Callable[[], Graph]) -> None:
    """Every network that tests made themselves; float32 arithmetic is IEEE's on both."""
    graph = network()
    program = compile_graph(graph, BOARD.target.name)
    session = Session(graph)
    with Device.of(program, BOARD) as device:
        for inputs in graph_noise(graph, seed=1, count=12):
            expected = session.run(inputs)
            found = device.run(inputs)
            assert found.keys() == expected.keys()
            for name, value in found.items():
                if network.__name__ == "float_network":
                    np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-7)
                else:
                    np.testing.assert_array_equal(value, expected[name])
        assert device.instructions(inputs) > 1000
        assert device.info.stack_used < BOARD.stack_bytes // 2


@pytest.mark.parametrize("path", model_files("*_int8.tflite"), ids=lambda p: p.stem)
def test_models_equal_tflm(path: Path) -> None:
    oracle = Tflm(path.read_bytes())
    program = compile_graph(load(path), BOARD.target.name)
    port = program.inputs[0]
    samples = probes.real(path.stem)[:SAMPLES]
    samples += islice(probes.noise(port.shape, port.dtype.numpy, 11), SAMPLES)
    seen = set()
    with Device.of(program, BOARD) as device:
        for sample in samples:
            expected = oracle.run([sample])
            for name, value in device.run({port.name: sample}).items():
                np.testing.assert_array_equal(value, expected[name])
                seen.add(value.tobytes())
        instructions = device.instructions({port.name: samples[0]})
        assert instructions == device.instructions({port.name: samples[0]})
    assert len(seen) >= SAMPLES // 2


@pytest.mark.parametrize("path", wake_word_files(), ids=lambda p: p.stem)
def test_streams_equal_tflm(path: Path) -> None:
    """Some steps, a reset, and the same again."""
    oracle = Tflm(path.read_bytes())
    program = compile_graph(load(path), BOARD.target.name)
    port = program.inputs[0]
    stream = list(islice(probes.noise(port.shape, port.dtype.numpy, 5), STEPS))
    with Device.of(program, BOARD) as device:
        for _ in range(2):
            device.reset()
            oracle.reset()
            for step in stream:
                expected = oracle.run([step])
                for name, value in device.run({port.name: step}).items():
                    np.testing.assert_array_equal(value, expected[name])
