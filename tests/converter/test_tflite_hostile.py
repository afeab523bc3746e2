"""Damaged .tflite files: a clear error or a valid graph, never anything else."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import SHARED, constant, int8_tensor
from tests.tflite_files import File
from whit.converter.build import add_node
from whit.converter.errors import InputError, ModelError, UnsupportedError
from whit.converter.exporters.tflite import export, model_file
from whit.converter.importers import load
from whit.converter.importers.tflite import load_bytes
from whit.converter.ir import Graph, Quantization, State, Tensor

FLIPS = 500


def streaming_convolution() -> bytes:
    """A small int8 model with state, weights, movement and shape parameters."""
    quantization = Quantization.per_tensor(0.05, 3)
    graph = Graph("small", inputs=["x"], outputs=["y"])
    graph.add(int8_tensor("x", 1, 2, 4, 3))
    graph.add(int8_tensor("old", 1, 2, 4, 3))
    weights = np.arange(-54, 54).reshape(4, 3, 3, 3).astype(np.int8)
    scales = Quantization.per_channel(np.full(4, 0.01), 0)
    graph.add(constant("w", weights, scales))
    graph.add(constant("b", np.arange(4, dtype=np.int32)))
    add_node(graph, "concat", "c", ["old", "x"], ["c"], quantization, axis=1)
    add_node(graph, "slice", "new", ["c"], ["new"], quantization, begin=(0, 2, 3, 0),
             size=(1, 2, 4, 3), step=(1, 1, -1, 1))
    add_node(graph, "conv2d", "f", ["c", "w", "b"], ["f"], quantization, padding=((1, 0), (1, 1)))
    add_node(graph, "average_pool2d", "p", ["f"], ["p"], quantization, kernel=(3, 4),
             padding=((0, 0), (0, 0)))
    add_node(graph, "reshape", "r", ["p"], ["r"], quantization, shape=(1, 4))
    add_node(graph, "softmax", "y", ["r"], ["y"], Quantization.per_tensor(1 / 256, -128))
    graph.states = [State("old", "new", np.zeros((1, 2, 4, 3), np.int8))]
    return export(graph)


def movement() -> bytes:
    """Parameters in constant tensors: the values that an importer computes shapes with."""
    file = File()
    x = file.tensor("x", (1, 4, 6, 2))
    a, b, c, d, e, y = (file.tensor(n) for n in "abcdey")
    file.op("PADV2", [x, file.constant("p", [[0, 0], [1, 2], [0, 1], [0, 0]]),
                      file.constant("v", [1.5], np.float32)], [a], "PadV2Options")
    file.op("STRIDED_SLICE", [a, *(file.constant(n, v) for n, v in (
        ("b0", [0, 1]), ("e0", [1, 6]), ("s0", [1, 2])))], [b], "StridedSliceOptions",
        ShrinkAxisMask=1)
    file.op("SPLIT_V", [b, file.constant("sizes", [2, -1]), file.constant("axis", 1)], [c, d],
            "SplitVOptions", NumSplits=2)
    file.op("MEAN", [d, file.constant("axes", [0])], [e], "ReducerOptions", KeepDims=True)
    file.op("TRANSPOSE", [e, file.constant("perm", [2, 0, 1])], [y], "TransposeOptions")
    return file.bytes([x], [c, y])


MODELS = {"streaming": streaming_convolution, "movement": movement}
each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def attempt(data: bytes) -> bool:
    """Whether it loads; errors name the file."""
    try:
        load_bytes(data, "bad.tflite")
    except (ModelError, UnsupportedError) as error:
        assert "bad.tflite" in str(error)
        return False
    return True


@each_model
def test_every_truncation(make: Callable[[], bytes]) -> None:
    data = make()
    assert attempt(data)
    loaded = [attempt(data[:length]) for length in range(0, len(data), 3)]
    assert not any(loaded[: len(loaded) // 2])


@each_model
def test_random_damage(make: Callable[[], bytes]) -> None:
    data = make()
    choose = random.Random(42)
    refused = 0
    for _ in range(FLIPS):
        damaged = bytearray(data)
        for _ in range(choose.choice((1, 1, 1, 4))):
            position = choose.randrange(len(data))
            damaged[position] = choose.choice(
                (damaged[position] ^ 1 << choose.randrange(8), 0, 127, 128, 255))
        refused += not attempt(bytes(damaged))
    assert FLIPS // 10 < refused < FLIPS


@pytest.mark.parametrize("size", [8, 64, 4096])
def test_garbage(size: int) -> None:
    choose = random.Random(size)
    for _ in range(100):
        assert not attempt(choose.randbytes(4) + b"TFL3" + choose.randbytes(size))


def test_tables_that_overlap_do_not_unfold(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 tensors that are all one table, a constant of 100,000 elements."""
    file = File()
    big = file.constant("big", np.zeros(100_000), np.float32)
    file.op("RELU", [big], [big])
    file.main.tensors *= 100_000
    write = model_file._tensor
    written: list[int] = []

    def write_once(builder: Any, tensor: model_file.TensorRecord) -> int:
        if not written:
            written.append(write(builder, tensor))
        return written[0]

    monkeypatch.setattr(model_file, "_tensor", write_once)
    data = file.bytes([0], [0])
    assert len(data) < 1 << 20
    tracemalloc.start()
    with pytest.raises(ModelError, match="tables overlap"):
        load_bytes(data)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_shapes_beyond_memory_are_refused_without_allocating() -> None:
    file = File()
    x = file.tensor("x", (1 << 30, 1 << 30))
    y = file.tensor("y", (1 << 30, 1 << 30))
    file.op("RELU", [x], [y])
    assert not attempt(file.bytes([x], [y]))
    file = File()
    x, old, handle = file.tensor("x", (1 << 27,)), file.tensor("o", (1 << 27,)), file.tensor(
        "h", (), "RESOURCE")
    file.op("VAR_HANDLE", [], [handle], "VarHandleOptions", Container="", SharedName="n")
    file.op("READ_VARIABLE", [handle], [old], "ReadVariableOptions")
    file.op("ASSIGN_VARIABLE", [handle, x], [], "AssignVariableOptions")
    tracemalloc.start()
    assert not attempt(file.bytes([x], [old]))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_constant_of_another_size_than_its_shape() -> None:
    file = File()
    x = file.tensor("x", (2,))
    file.op("ADD", [x, file.tensor("c", (3,), "FLOAT32", np.zeros(2, np.float32))],
            [file.tensor("y", (2,))], "AddOptions")
    with pytest.raises(ModelError, match="'c' holds 8 bytes, its shape needs 12"):
        load_bytes(file.bytes([x], [2]))


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        load(tmp_path / "nothing.tflite")
    with pytest.raises(InputError):
        load(tmp_path)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelError, match=r"picture\.png.*TFLite"):
        load(picture)
    renamed = tmp_path / "model.bin"
    renamed.write_bytes(streaming_convolution())
    assert load(renamed).outputs == ["y"]
    renamed.with_suffix(".tflite").write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.tflite"):
        load(renamed.with_suffix(".tflite"))


@pytest.mark.skipif(SHARED is None, reason="no real models here")
def test_damaged_real_model() -> None:
    assert SHARED is not None
    data = (SHARED / "models" / "kws_int8.tflite").read_bytes()
    choose = random.Random(1)
    for _ in range(150):
        damaged = bytearray(data)
        damaged[choose.choice((choose.randrange(600), -1 - choose.randrange(12_000)))] ^= (
            1 << choose.randrange(8))
        attempt(bytes(damaged))


def test_tensor_records_survive(tmp_path: Path) -> None:
    """The file the damage starts from is sound: it loads to what was exported."""
    path = tmp_path / "small.tflite"
    path.write_bytes(streaming_convolution())
    graph = load(path)
    assert graph.source == str(path) and graph.name == "small"
    assert isinstance(graph.tensors["w"], Tensor)
    assert len(graph.states) == 1
