"""The C API as a C program uses it; what it computes against TFLM. And sessions in threads."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import whit
from tests.oracles import tflm
from tests.small_graphs import SOFTMAX_QUANTIZATION, Builder, q
from tests.support import int8_tensor, noise
from whit.converter.exporters import tflite
from whit.converter.ir import Graph
from whit.runtime import paths
from whit.runtime.compile import compile_graph

RUNS = 8
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


def streaming_network() -> Graph:
    """Keeps the last two rows of its input; convolution, mean, softmax."""
    b = Builder("streaming")
    x = b.input(int8_tensor("x", 1, 5, 4, 3, scale=0.02, zero_point=-5))
    old = b.graph.add(int8_tensor("old", 1, 2, 4, 3, scale=0.02, zero_point=-5))
    joined = b.op("concat", [old.name, x], q(0.02, -5), axis=1)
    new = b.op("slice", [joined], q(0.02, -5), begin=(0, 5, 0, 0), size=(1, 2, 4, 3), step=(1,) * 4)
    b.state(old, new, np.full((1, 2, 4, 3), -5, np.int8))
    w = b.weights("w", (8, 3, 3, 3), 0)
    y = b.op("conv2d", [joined, w, b.bias(8, w, joined)], q(0.05, 3), padding=((1, 1), (1, 1)))
    w = b.weights("fc", (5, 8), None)
    m = b.op("mean", [y], q(0.02, 4), axes=(1, 2), keepdims=False)
    f = b.op("fully_connected", [m, w, b.bias(5, w, m)], q(0.03, 7))
    b.graph.outputs = [b.op("softmax", [f], SOFTMAX_QUANTIZATION)]
    return b.graph


def expected(inputs: list[dict[str, np.ndarray]]) -> list[np.ndarray]:
    graph = streaming_network()
    results = tflm(tflite.export(graph), [dict(given) for given in inputs])
    return [result[graph.outputs[0]] for result in results]


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_everything_of_the_header(cc: str, tmp_path: Path) -> None:
    if shutil.which(cc) is None:
        pytest.skip(f"{cc} is not installed")
    (tmp_path / "net.whit").write_bytes(compile_graph(streaming_network()).to_bytes())
    generic = paths.kernel_set_directory("generic")
    sources = [Path(__file__).with_name("c_api.c"), *paths.core_sources(), *generic.glob("*.c")]
    includes = ["-I", str(paths.include_directory()), "-I", str(generic.parent)]
    command = [cc, "-std=c11", "-O1", *WARNINGS, *includes, *map(str, sources)]
    subprocess.run([*command, "-o", str(tmp_path / "c_api")], check=True)
    inputs = noise(streaming_network(), seed=2, count=RUNS)
    run = subprocess.run(
        [tmp_path / "c_api", tmp_path / "net.whit", str(RUNS)],
        input=b"".join(given["x"].tobytes() for given in inputs), capture_output=True,
    )
    assert run.returncode == 0, run.stderr.decode()
    wanted = expected(inputs)
    assert len({array.tobytes() for array in wanted}) > RUNS // 2
    assert run.stdout == 3 * b"".join(array.tobytes() for array in wanted)


def test_sessions_in_threads() -> None:
    """Instances share the program's kernels and nothing else."""
    graph = streaming_network()
    inputs = noise(graph, seed=5, count=60)
    wanted = expected(inputs)

    def stream(_: int) -> bool:
        session = whit.Session(graph)
        return all(
            np.array_equal(session.run(given)[graph.outputs[0]], array)
            for given, array in zip(inputs, wanted, strict=True)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(stream, range(12)))
