"""Real trained int8 models, bit for bit against TFLM: every tensor, every step."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import whit
from tests import probes
from tests.oracles import Tflm
from tests.search import cover, varied_inputs
from tests.support import model_files, wake_word_files

INT8_MODELS = model_files("*_int8.tflite")
STREAMING = wake_word_files()
DISTINCT = 50
DISTINCT_STREAM = 45
"""The int8 sigmoids that end the wake-word models take few values: hey_mycroft's only 46."""
STEPS = 1000
STREAM_PIECE = 100


def inputs_for(session: whit.Session, stem: str, count: int) -> list[dict[str, np.ndarray]]:
    """Extremes, noise, real samples or, where there are none, searched ones: `count` in all."""
    port = session.inputs[0]
    noise = probes.noise(port.shape, port.dtype.numpy, seed=7)
    chosen = [*probes.extremes(port.shape, port.dtype.numpy), *islice(noise, count // 3)]
    chosen += probes.real(stem)[: count - len(chosen)]
    if len(chosen) < count:

        def run(array: np.ndarray) -> list[np.ndarray]:
            return [session.run({port.name: array})[session.outputs[0].name]]

        chosen += varied_inputs(run, port.shape, count - len(chosen), rounds=600)
    chosen += islice(noise, count - len(chosen))
    return [{port.name: array} for array in chosen]


def distinct(outputs: list[dict[str, np.ndarray]]) -> int:
    return len({b"".join(o[name].tobytes() for name in sorted(o)) for o in outputs})


@pytest.mark.parametrize("path", INT8_MODELS, ids=lambda p: p.stem)
def test_every_tensor_equals_tflm(path: Path) -> None:
    session = whit.Session(path, optimize=False)
    oracle = Tflm(path.read_bytes(), all_tensors=True)
    computed = {n for node in whit.load(path).nodes for n in node.outputs}
    compared: set[str] = set()
    for inputs in inputs_for(session, path.stem, 16):
        expected = oracle.run(inputs)
        outputs, taps = session.run_with_taps(inputs)
        for name, value in outputs.items():
            np.testing.assert_array_equal(value, expected[name], name)
        for name in computed & set(expected) & set(taps):
            np.testing.assert_array_equal(
                taps[name].reshape(-1), expected[name].reshape(-1), err_msg=name
            )
            compared.add(name)
    assert len(compared) >= 0.9 * len(computed), sorted(computed - compared)


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("path", INT8_MODELS, ids=lambda p: p.stem)
def test_outputs_equal_tflm(path: Path, optimize: bool) -> None:
    session = whit.Session(path, optimize=optimize)
    oracle = Tflm(path.read_bytes())
    seen = []
    for inputs in inputs_for(session, path.stem, 150):
        expected = oracle.run(inputs)
        outputs = session.run(inputs)
        assert outputs.keys() == {p.name for p in session.outputs}
        for name, value in outputs.items():
            np.testing.assert_array_equal(value, expected[name])
        seen.append(outputs)
    assert distinct(seen) >= DISTINCT


@cache
def stream_for(path: Path) -> list[np.ndarray]:
    """2,000 frames on which the model's answer changes often, found once per model."""
    session = whit.Session(path)
    port = session.inputs[0]

    def run(frames: np.ndarray) -> list[np.ndarray]:
        session.reset()
        return [session.run({port.name: frame})[session.outputs[0].name] for frame in frames]

    met: list[tuple[set[bytes], np.ndarray]] = []
    for seed in range(12):
        for piece in varied_inputs(run, (STREAM_PIECE, *port.shape), 6, rounds=300, seed=seed):
            met.append(({o.tobytes() for o in run(piece)}, piece))
        chosen = cover(met, 2 * STEPS // STREAM_PIECE)
        frames = np.concatenate(chosen * (2 * STEPS // STREAM_PIECE))[: 2 * STEPS]
        shown = {o.tobytes() for part in (frames[:STEPS], frames[STEPS:]) for o in run(part)}
        if len(shown) >= DISTINCT_STREAM:
            break
    return list(frames)


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("path", STREAMING, ids=lambda p: p.stem)
def test_streams_equal_tflm(path: Path, optimize: bool) -> None:
    session = whit.Session(path, optimize=optimize)
    assert session.program.state_bytes
    oracle = Tflm(path.read_bytes())
    name = session.inputs[0].name
    stream = [{name: frame} for frame in stream_for(path)]
    runs = []
    for part in (stream[:STEPS], stream[:STEPS], stream[STEPS:]):
        session.reset()
        oracle.reset()
        outputs = []
        for inputs in part:
            expected, found = oracle.run(inputs), session.run(inputs)
            for name, value in found.items():
                np.testing.assert_array_equal(value, expected[name])
            outputs.append(found)
        runs.append(outputs)
    assert distinct(runs[0] + runs[2]) >= DISTINCT_STREAM
    for first, second in zip(runs[0], runs[1], strict=True):
        assert all(np.array_equal(first[n], second[n]) for n in first)


@pytest.mark.parametrize("path", wake_word_files(), ids=lambda p: p.stem)
def test_streaming_taps_equal_tflm(path: Path) -> None:
    session = whit.Session(path, optimize=False)
    oracle = Tflm(path.read_bytes(), all_tensors=True)
    computed = {n for node in whit.load(path).nodes for n in node.outputs}
    compared: set[str] = set()
    for frame in stream_for(path)[::25]:
        inputs = {session.inputs[0].name: frame}
        expected = oracle.run(inputs)
        _, taps = session.run_with_taps(inputs)
        for name in computed & set(expected) & set(taps):
            np.testing.assert_array_equal(
                taps[name].reshape(-1), expected[name].reshape(-1), err_msg=name
            )
            compared.add(name)
    assert len(compared) >= 0.9 * len(computed), sorted(computed - compared)
