"""whit bench: fair turns, honest columns."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.support import CHECKOUT
from whit.cli.rivals import RIVALS
from whit.cli.rivals.timing import least_times, take_turns

CallJson = Callable[..., dict[str, Any]]


def test_turns_alternate_and_measure() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(0.01)

    def slower() -> None:
        calls.append("slower")
        time.sleep(0.02)

    first, second = take_turns([slow, slower], 3)
    assert calls[-6:] == ["slow", "slower"] * 3
    assert first.batch == second.batch == 1
    assert 0.01 <= first.minimum <= first.median < 0.018 <= second.median < 0.05


def test_fast_calls_are_repeated_within_a_turn() -> None:
    (times,) = take_turns([lambda: None], 2)
    assert times.batch > 100
    assert times.minimum < 1e-5


def test_least_times_are_per_step() -> None:
    def steps() -> Iterator[int]:
        for index, seconds in enumerate((0.001, 0.01)):
            time.sleep(seconds)
            yield index

    short, long = least_times(steps, 3)
    assert 0.001 <= short < 0.008 < 0.01 <= long < 0.03


def test_layers_are_those_of_the_model(call_json: CallJson, int8_model: Path) -> None:
    document = call_json("bench", int8_model, "--runs", 3, "--layers")
    inspected = call_json("inspect", int8_model)["layers"]
    layers = document["layers"]
    assert [layer["name"] for layer in layers] == [layer["name"] for layer in inspected]
    assert sum(layer["share"] for layer in layers) == pytest.approx(1)
    assert call_json("bench", int8_model, "--runs", 1)["layers"] is None


def test_bench_of_whit_alone(call: Call, call_json: CallJson, int8_model: Path) -> None:
    document = call_json("bench", int8_model, "--runs", 3)
    assert [c["name"] for c in document["contestants"]] == ["whit", "whit Session"]
    for contestant in document["contestants"]:
        assert 0 < contestant["min_seconds"] <= contestant["median_seconds"]
    assert document["contestants"][0]["median_ratio"] == 1
    text = call("bench", int8_model, "--runs", 2).stdout
    assert "whit Session" in text and "ratio" in text


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("ai_edge_litert", "tflite_micro"))),
    reason="needs LiteRT and TFLM",
)
def test_bench_against_rivals(call_json: CallJson, int8_model: Path) -> None:
    document = call_json("bench", int8_model, "--runs", 2, "--against", "tflm,litert,onnxruntime")
    contestants = {c["name"]: c for c in document["contestants"]}
    assert contestants["tflm"]["outputs"] == "same"
    assert "litert" in contestants
    (skipped,) = document["skipped"]
    assert skipped["name"] == "onnxruntime"
    assert "onnx" in skipped["reason"] or "not installed" in skipped["reason"]


def test_missing_rivals_say_how_to_install(
    call: Call, call_json: CallJson, int8_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = {"ai_edge_litert", "tflite_runtime", "tflite_micro", "onnxruntime"}
    for name in [*packages, *(n for n in sys.modules if n.split(".")[0] in packages)]:
        monkeypatch.setitem(sys.modules, name, None)
    command = ["bench", int8_model, "--runs", "1", "--against", ",".join(RIVALS)]
    skipped = {row["name"]: row["reason"] for row in call_json(*command)["skipped"]}
    assert set(skipped) == set(RIVALS)
    for name, rival in RIVALS.items():
        assert rival.install in skipped[name]
    assert "pip install" in call(*command).stdout


def test_a_program_is_measured_alone(
    call: Call, call_json: CallJson, int8_model: Path, tmp_path: Path
) -> None:
    program = tmp_path / "m.whit"
    call("compile", int8_model, program)
    document = call_json("bench", program, "--runs", 1, "--against", "litert,tflm")
    for row in document["skipped"]:
        assert ".whit" in row["reason"] or "not installed" in row["reason"]
    assert len(document["skipped"]) == 2


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("ai_edge_litert", "onnxruntime"))),
    reason="needs LiteRT and ONNX Runtime",
)
def test_bench_of_an_onnx_model(call_json: CallJson) -> None:
    model = CHECKOUT / "examples" / "digits" / "digits.onnx"
    document = call_json("bench", model, "--runs", 1, "--against", "onnxruntime,litert")
    assert document["skipped"] == []
    onnxruntime, litert = document["contestants"][2:]
    for contestant in (onnxruntime, litert):
        agreement = contestant["outputs"]
        assert agreement == "same" or float(agreement.split()[1]) < 1e-5
    assert "exported to .tflite by whit" in litert["description"]
    assert "exported" not in onnxruntime["description"]
