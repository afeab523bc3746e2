"""Whole models: accuracy after quantization, and everyone's runtime giving the same bits."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import whit
from tests import oracles
from tests.support import CHECKOUT, SHARED
from whit.boards.board import load_board
from whit.boards.device import Device
from whit.converter.exporters import tflite
from whit.converter.ir import Graph
from whit.quantize import Samples, load_samples, quantize
from whit.runtime.compile import compile_graph

DIGITS = CHECKOUT / "examples" / "digits"


def stored(graph: Graph, values: np.ndarray) -> np.ndarray:
    """Float inputs [N, ...] as the int8 graph takes them."""
    quantization = graph.tensors[graph.inputs[0]].quantization
    assert quantization is not None
    codes = np.rint(values / quantization.scale[0]) + quantization.zero_point[0]
    return np.clip(codes, -128, 127).astype(np.int8)


def outputs(graph: Graph, samples: np.ndarray) -> np.ndarray:
    session = whit.Session(graph)
    return np.concatenate(
        [session.run({graph.inputs[0]: sample})[graph.outputs[0]] for sample in samples]
    )


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float((scores.argmax(axis=-1) == labels).mean())


def verify(
    path: Path, calibration: Samples, test: np.ndarray, labels: np.ndarray, folder: Path
) -> tuple[float, float]:
    """(float, int8) accuracy by ONNX Runtime and by whit, whose bits must be TFLM's.

    test: [N, *input shape].
    """
    graph = whit.load(path)
    name = graph.inputs[0]
    reference = oracles.onnxruntime(path, [{name: sample} for sample in test])
    float_scores = np.concatenate([result[graph.outputs[0]] for result in reference])

    int8 = quantize(graph, calibration)
    codes = stored(int8, test)
    ours = outputs(int8, codes)
    model = tflite.export(int8)
    feeds = [{name: sample} for sample in codes]
    theirs = np.concatenate([r[int8.outputs[0]] for r in oracles.tflm(model, feeds)])
    np.testing.assert_array_equal(ours, theirs)
    assert len(np.unique(ours, axis=0)) >= min(50, len(ours))

    # LiteRT's reference kernels differ from TFLM by one step in some fully connected layers, and
    # a softmax after it makes more of that; where they agree the bits are ours.
    litert = np.concatenate([r[int8.outputs[0]] for r in oracles.litert(model, feeds)])
    assert (litert == ours).all(axis=1).mean() > 0.9

    # The file says what the graph says, to anyone who reads it again.
    (folder / "int8.tflite").write_bytes(model)
    again = outputs(whit.load(folder / "int8.tflite"), codes)
    np.testing.assert_array_equal(again, ours)
    return accuracy(float_scores, labels), accuracy(ours, labels)


def test_digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(DIGITS))
    monkeypatch.delitem(sys.modules, "data", raising=False)
    from data import load

    training, test = load()
    graph = whit.load(DIGITS / "digits.onnx")
    calibration = Samples({graph.inputs[0]: training.x[:200, None]})
    path = DIGITS / "digits.onnx"
    in_float, in_int8 = verify(path, calibration, test.x[:, None], test.y, tmp_path)
    assert in_float >= 0.97
    assert in_int8 >= in_float - 0.01


def keywords() -> tuple[Path, np.ndarray, np.ndarray]:
    """The float model, 500 inputs [N,49,10,1] and their labels."""
    if SHARED is None:
        pytest.skip("no real models beside the checkout")
    with np.load(SHARED / "data" / "kws.npz") as data:
        # The features come in the published int8 model's input quantization.
        x = (data["x"].astype(np.float32) - 83) * np.float32(0.5847029)
        return SHARED / "models" / "kws_float.onnx", x, data["y"]


def test_keyword_spotting(tmp_path: Path) -> None:
    path, x, y = keywords()
    np.savez(tmp_path / "calibration.npz", x=x[:250])
    graph = whit.load(path)
    calibration = load_samples(tmp_path / "calibration.npz", graph)
    shape = graph.tensors[graph.inputs[0]].shape
    test = x[250:].reshape(-1, *shape)
    in_float, in_int8 = verify(path, calibration, test, y[250:], tmp_path)
    assert in_float >= 0.88
    assert in_int8 >= in_float - 0.015


@pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None or shutil.which("qemu-system-arm") is None,
    reason="needs ziglang and qemu-system-arm",
)
def test_keyword_spotting_on_the_board() -> None:
    path, x, _ = keywords()
    graph = whit.load(path)
    name = graph.inputs[0]
    int8 = quantize(graph, Samples({name: x[:20, None]}))
    codes = stored(int8, x[250:258, None])
    expected = [r[int8.outputs[0]] for r in oracles.tflm(tflite.export(int8), list(codes))]
    board = load_board("qemu-mps2-an386")
    with Device.of(compile_graph(int8, board.target.name), board) as device:
        for sample, scores in zip(codes, expected, strict=True):
            np.testing.assert_array_equal(device.run({name: sample})[int8.outputs[0]], scores)
