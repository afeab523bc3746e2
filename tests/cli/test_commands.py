"""Every command on small models: what it says is true, and --json is JSON alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Call
from tests.oracles import litert, tflm
from whit.cli import COMMANDS
from whit.runtime.session import Session

CallJson = Callable[..., dict[str, Any]]


def test_help_of_every_command_has_an_example(call: Call) -> None:
    overview = call("--help").stdout
    assert "Example:" in overview
    for name in COMMANDS:
        result = call(name, "--help")
        assert result.exit_code == 0
        assert f"Example: whit {name}" in result.stdout
        assert name in overview


def test_version(call: Call) -> None:
    assert call("--version").stdout.startswith("whit")


@pytest.mark.parametrize("command", ["targets", "boards", "formats"])
def test_listings(call: Call, call_json: CallJson, command: str) -> None:
    rows = call_json(command)[command]
    text = call(command).stdout
    assert rows
    for row in rows:
        assert row["name"] in text and row["description"] in text


def test_inspect_counts_by_hand(call_json: CallJson, int8_model: Path) -> None:
    document = call_json("inspect", int8_model, "--no-optimize")
    layers = document["layers"]
    assert [layer["operator"] for layer in layers] == ["conv2d", "mean", "fully_connected"]
    conv, mean, dense = layers
    assert conv["outputs"][0]["shape"] == [1, 6, 4, 4]
    assert conv["macs"] == 6 * 4 * 4 * 3 * 3 * 3
    assert (conv["parameters"], conv["parameter_bytes"]) == (4 * 27 + 4, 4 * 27 + 4 * 4)
    assert mean["parameters"] == 0
    assert (dense["macs"], dense["parameters"]) == (20, 25)
    assert document["totals"]["macs"] == sum(layer["macs"] for layer in layers)
    assert document["totals"]["parameters"] == 112 + 25
    for layer in layers:
        assert layer["kernels"]
        assert 0 < layer["ram_bytes"] <= document["totals"]["arena_bytes"]
    # The convolution reads 8x6x3 bytes and writes 6x4x4, which may overlap them.
    assert conv["ram_bytes"] >= 8 * 6 * 3
    assert document["inputs"][0]["name"] == "x"
    assert document["inputs"][0]["zero_point"] == [-5]
    assert document["image"] is None


def test_inspect_says_that_flash_is_an_estimate(call: Call, int8_model: Path) -> None:
    text = call("inspect", int8_model).stdout
    assert "an estimate" in text
    assert "conv2d" in text and "1x6x4x4" in text


def test_inspect_of_a_program(
    call: Call, call_json: CallJson, int8_model: Path, tmp_path: Path
) -> None:
    program = tmp_path / "m.whit"
    call("compile", int8_model, program)
    graph, alone = call_json("inspect", int8_model), call_json("inspect", program)
    assert [layer["kernels"] for layer in alone["layers"]] == [
        layer["kernels"] for layer in graph["layers"]
    ]
    assert alone["totals"]["macs"] is None
    assert alone["totals"]["arena_bytes"] == graph["totals"]["arena_bytes"]
    assert "holds no graph" in call("inspect", program).stdout


def test_convert_keeps_what_a_float_model_computes(
    call_json: CallJson, float_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tflite"
    document = call_json("convert", float_model, out)
    assert document["bytes"] == out.stat().st_size
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype(np.float32)
    (before,) = litert(float_model.read_bytes(), [[x]])
    (after,) = litert(out.read_bytes(), [[x]])
    for a, b in zip(before.values(), after.values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_convert_keeps_every_bit_of_an_int8_model(
    call_json: CallJson, int8_model: Path, samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tflite"
    call_json("convert", int8_model, out)
    x = [x[np.newaxis] for x in np.load(samples)["x"]]
    before, after = tflm(int8_model.read_bytes(), x), tflm(out.read_bytes(), x)
    assert len({a.tobytes() for each in before for a in each.values()}) > 5
    for a, b in zip(before, after, strict=True):
        assert [v.tobytes() for v in a.values()] == [v.tobytes() for v in b.values()]


@pytest.mark.parametrize("form", ["tflite", "whit"])
@pytest.mark.parametrize("options", [[], ["--no-optimize"]])
def test_run_gives_the_bits_of_tflm(
    call: Call,
    call_json: CallJson,
    int8_model: Path,
    samples: Path,
    tmp_path: Path,
    form: str,
    options: list[str],
) -> None:
    model = int8_model
    if form == "whit":
        model = tmp_path / "m.whit"
        assert call("compile", int8_model, model, "--target", "cortex-m4", *options).exit_code == 0
    results = tmp_path / "y.npz"
    document = call_json("run", model, "--input", samples, "--output", results, *options)
    assert document["runs"] == 20
    expected = tflm(int8_model.read_bytes(), [x[np.newaxis] for x in np.load(samples)["x"]])
    written = np.load(results)
    for output in document["outputs"]:
        wanted = np.stack([each[output["name"]] for each in expected])
        np.testing.assert_array_equal(written[output["name"]], wanted)
        np.testing.assert_array_equal(np.array(output["values"]), wanted)


def test_run_converts_real_numbers(
    call_json: CallJson, int8_model: Path, samples: Path, tmp_path: Path
) -> None:
    """The input's parameters are scale 0.02 and zero point -5: exact codes survive the detour."""
    stored = np.load(samples)["x"]
    np.save(tmp_path / "x.npy", ((stored.astype(np.float64) + 5) * 0.02).astype(np.float32))
    exact = call_json("run", int8_model, "--input", samples)
    real = call_json("run", int8_model, "--input", tmp_path / "x.npy", "--real")
    assert real["outputs"] == exact["outputs"]


def test_run_carries_state_from_step_to_step(
    call_json: CallJson, streaming_model: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(2).integers(-128, 128, (30, 5, 4, 3)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    document = call_json("run", streaming_model, "--input", tmp_path / "x.npy", "--steps", 25)
    expected = tflm(streaming_model.read_bytes(), [each[np.newaxis] for each in x[:25]])
    (output,) = document["outputs"]
    wanted = np.stack([each[output["name"]] for each in expected])
    np.testing.assert_array_equal(np.array(output["values"]), wanted)


def test_run_repeats_a_single_sample(
    call_json: CallJson, streaming_model: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(2).integers(-128, 128, (1, 5, 4, 3)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    document = call_json("run", streaming_model, "--input", tmp_path / "x.npy", "--steps", 4)
    expected = tflm(streaming_model.read_bytes(), [x] * 4)
    (output,) = document["outputs"]
    np.testing.assert_array_equal(
        np.array(output["values"]), np.stack([each[output["name"]] for each in expected])
    )


def test_run_without_input_says_that_values_are_random(call: Call, float_model: Path) -> None:
    first, second = call("run", float_model), call("run", float_model)
    assert "random values (seed 0)" in first.stderr
    assert first.stdout == second.stdout != ""
    assert call("run", float_model, "--steps", "30").stdout.count("\n") > 20


def test_run_with_too_few_samples(call: Call, int8_model: Path, samples: Path) -> None:
    result = call("run", int8_model, "--input", samples, "--steps", 21)
    assert result.exit_code == 1
    assert "holds 20 samples, --steps asks for 21" in result.stderr


def test_quantize_makes_an_int8_model_close_to_the_float_one(
    call_json: CallJson, float_model: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4, 4, 2)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    out = tmp_path / "int8.tflite"
    data = ["--data", tmp_path / "x.npz", "--samples", "10:30"]
    document = call_json("quantize", float_model, out, *data, "--outputs", "float32")
    assert document["samples"] == 20
    session = Session(out)
    (port,) = session.inputs
    assert port.dtype.value == "int8" and port.quantization is not None
    scale, zero = port.quantization.scale[0], port.quantization.zero_point[0]
    (wanted,) = litert(float_model.read_bytes(), [[x[:1]]])
    stored = np.clip(np.round(x[:1] / scale) + zero, -128, 127).astype(np.int8)
    (got,) = session.run({port.name: stored}).values()
    np.testing.assert_allclose(got, next(iter(wanted.values())), atol=0.1)


def test_compile_reports_what_it_wrote(
    call_json: CallJson, int8_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.whit"
    document = call_json("compile", int8_model, out, "--target", "cortex-m4")
    assert document["bytes"] == out.stat().st_size
    session = Session(out)
    assert document["arena_bytes"] == session.machine.arena.size
    assert session.program.target == "cortex-m4"
