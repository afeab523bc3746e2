"""What can go wrong is one clear message on stderr, an exit status, and nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Call
from tests.small_graphs import Builder
from tests.support import float_tensor
from whit.converter.errors import CapacityError
from whit.converter.exporters import tflite
from whit.runtime.kernel_table import structs
from whit.runtime.session import Session
from whit.runtime.tape import seal

ON_MODELS = [
    ["inspect", "{model}"],
    ["convert", "{model}", "{out}"],
    ["quantize", "{model}", "{out}", "--data", "{data}"],
    ["compile", "{model}", "{out}"],
    ["run", "{model}", "--output", "{out}"],
    ["bench", "{model}"],
    ["build", "{model}", "--board", "qemu-mps2-an386", "-o", "{out}"],
]


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path) -> Iterator[None]:
    yield
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith((".", "out"))]


def _fill(command: list[str], folder: Path, model: Path) -> list[str]:
    places = {"model": model, "out": folder / "out", "data": folder / "samples.npz"}
    return [word.format(**places) for word in command]


def _fails(call: Call, *arguments: object, status: int = 1) -> str:
    result = call(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("whit: error: ")
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("command", ON_MODELS)
@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_missing_model(
    call: Call, tmp_path: Path, samples: Path, command: list[str], extra: list[str]
) -> None:
    message = _fails(call, *_fill(command, tmp_path, tmp_path / "none.tflite"), *extra)
    assert "none.tflite" in message and "No such file" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("command", ON_MODELS)
@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\0\0\0\0TFL3garbage", b"WHIT", b"WHIT" + bytes(500)]
)
def test_garbage_model(
    call: Call, tmp_path: Path, samples: Path, command: list[str], content: bytes
) -> None:
    model = tmp_path / "garbage.bin"
    model.write_bytes(content)
    assert "garbage.bin" in _fails(call, *_fill(command, tmp_path, model))


@pytest.mark.parametrize("command", ON_MODELS)
def test_a_folder_is_no_model(
    call: Call, tmp_path: Path, samples: Path, command: list[str]
) -> None:
    (tmp_path / "folder").mkdir()
    assert "folder" in _fails(call, *_fill(command, tmp_path, tmp_path / "folder"))


def test_unsupported_operators_are_all_listed(call: Call, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Erf", ["x"], ["a"], name="first_bad"),
                helper.make_node("Det", ["a"], ["b"], name="second_bad"),
                helper.make_node("Relu", ["b"], ["y"], name="fine"),
            ],
            "bad",
            [helper.make_tensor_value_info("x", kind, [2, 2])],
            [helper.make_tensor_value_info("y", kind, [])],
        )
    )
    path = tmp_path / "bad.onnx"
    onnx.save(model, path)
    for command in (["inspect", path], ["convert", path, tmp_path / "out"]):
        message = _fails(call, *command, status=2)
        assert "first_bad" in message and "second_bad" in message
        assert "'fine'" not in message


@pytest.mark.parametrize("command", ["convert", "quantize", "compile"])
def test_a_program_holds_no_graph(
    call: Call, int8_model: Path, samples: Path, tmp_path: Path, command: str
) -> None:
    program = tmp_path / "m.whit"
    assert call("compile", int8_model, program).exit_code == 0
    extra = ["--data", samples] if command == "quantize" else []
    message = _fails(call, command, program, tmp_path / "out", *extra)
    assert "no longer holds the model's graph" in message and f"whit {command}" in message


def test_a_program_for_another_target_is_not_built(
    call: Call, int8_model: Path, tmp_path: Path
) -> None:
    program = tmp_path / "m.whit"
    assert call("compile", int8_model, program).exit_code == 0
    for command in (
        ["build", program, "--board", "qemu-mps2-an386", "-o", tmp_path / "out"],
        ["run", program, "--board", "qemu-mps2-an386"],
        ["inspect", program, "--board", "qemu-mps2-an386"],
        ["inspect", program, "--target", "cortex-m4"],
    ):
        assert "compiled for target 'host'" in _fails(call, *command)


@pytest.mark.parametrize("command", [["inspect"], ["run"], ["bench"], ["build", "-o", "out"]])
def test_a_program_that_leaves_its_arena(
    call: Call, int8_model: Path, tmp_path: Path, command: list[str]
) -> None:
    program = tmp_path / "hostile.whit"
    assert call("compile", int8_model, program, "--target", "cortex-m4").exit_code == 0
    data = bytearray(program.read_bytes())
    arena = structs("tape.h")["whit_tape_header"].arena_bytes
    data[arena.offset : arena.offset + arena.size] = (16).to_bytes(arena.size, "little")
    program.write_bytes(seal(bytes(data)))
    board = ["--board", "qemu-mps2-an386"] if command[0] == "build" else []
    assert "hostile.whit" in _fails(call, *command, program, *board)


def test_quantizing_an_int8_model(
    call: Call, int8_model: Path, samples: Path, tmp_path: Path
) -> None:
    message = _fails(call, "quantize", int8_model, tmp_path / "out", "--data", samples)
    assert "is quantized already" in message and message.count("\n") == 1


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 8, 6, 4), np.int8), ["[3, 8, 6, 4]", "'x'"]),
        (np.zeros((3, 8, 6, 3), np.float32), ["float32", "int8"]),
        (np.zeros((0, 8, 6, 3), np.int8), ["x.npy"]),
    ],
)
def test_input_of_another_shape_or_type(
    call: Call, int8_model: Path, tmp_path: Path, array: np.ndarray, words: list[str]
) -> None:
    np.save(tmp_path / "x.npy", array)
    message = _fails(call, "run", int8_model, "--input", tmp_path / "x.npy")
    assert all(word in message for word in words), message


def test_garbage_and_missing_samples(
    call: Call, float_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.npz").write_bytes(b"garbage")
    out = tmp_path / "out"
    for name in ("bad.npz", "none.npz"):
        path = tmp_path / name
        assert name in _fails(call, "run", float_model, "--input", path)
        assert name in _fails(call, "quantize", float_model, out, "--data", path)


def test_too_few_samples(call: Call, float_model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((5, 4, 4, 2), np.float32))
    message = _fails(
        call, "quantize", float_model, tmp_path / "out", "--data", tmp_path / "x.npy",
        "--samples", "0:6",
    )  # fmt: skip
    assert "holds 5 samples" in message


def test_unknown_names_list_the_known(call: Call, int8_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "cortex-m4" in _fails(call, "compile", int8_model, out, "--target", "z80")
    assert "cortex-m4" in _fails(call, "inspect", int8_model, "--target", "z80")
    for command in (["inspect"], ["run"], ["bench"], ["build", "-o", str(out)]):
        message = _fails(call, *command, int8_model, "--board", "toaster")
        assert "qemu-mps2-an386" in message
    assert "tflm" in _fails(call, "bench", int8_model, "--against", "litert,pytorch")


def test_output_in_a_missing_folder(call: Call, int8_model: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "file"
    for command in (
        ["convert", int8_model, gone],
        ["compile", int8_model, gone],
        ["run", int8_model, "--output", gone],
        ["build", int8_model, "--board", "qemu-mps2-an386", "-o", gone],
    ):
        assert "there is no folder" in _fails(call, *command)
    emit = tmp_path / "gone" / "c"
    board = ["--board", "qemu-mps2-an386"]
    assert "cannot be made" in _fails(call, "build", int8_model, *board, "--emit-c", emit)


def test_output_over_the_input(call: Call, int8_model: Path) -> None:
    before = int8_model.read_bytes()
    for command in ("convert", "compile"):
        assert "is the input as well" in _fails(call, command, int8_model, int8_model)
    assert int8_model.read_bytes() == before


def test_board_and_target_that_differ(call: Call, int8_model: Path) -> None:
    message = _fails(
        call, "inspect", int8_model, "--board", "qemu-mps2-an386", "--target", "host"
    )
    assert "leave one of" in message


def test_wrong_usage_is_status_2(call: Call, int8_model: Path) -> None:
    for command in (
        ["inspect"],
        ["frobnicate"],
        ["run", int8_model, "--steps", "0"],
        ["run", int8_model, "--real"],
        ["build", int8_model, "-o", "x"],
        ["build", int8_model, "--board", "qemu-mps2-an386"],
        ["quantize", int8_model, "x"],
    ):
        result = call(*command)
        assert result.exit_code == 2
        assert "Usage: whit" in result.stderr


def test_a_model_that_does_not_fit_is_status_3(
    call: Call, int8_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise CapacityError("the model does not fit board 'b': it exceeds RAM by 8 bytes")

    monkeypatch.setattr("whit.cli.devices.build", refuse)
    command = ["build", int8_model, "--board", "qemu-mps2-an386", "-o", tmp_path / "out"]
    assert "exceeds RAM by 8 bytes" in _fails(call, *command, status=3)


def test_names_in_a_model_cannot_steer_the_terminal(call: Call, tmp_path: Path) -> None:
    b = Builder("evil")
    x = b.input(float_tensor("x\x1b[2J", 1, 4))
    b.graph.outputs = [b.op("tanh", [x])]
    model = tmp_path / "evil.tflite"
    model.write_bytes(tflite.export(b.graph))
    for command in ("inspect", "run"):
        result = call(command, model)
        assert result.exit_code == 0
        assert "\x1b" not in result.output


def _whit(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "whit", *map(str, arguments)]


def test_as_a_process(int8_model: Path, tmp_path: Path) -> None:
    done = subprocess.run(_whit("inspect", tmp_path / "none"), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("whit: error: ")
    done = subprocess.run(_whit("run", int8_model, "--json"), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("{")


def test_a_reader_that_goes_away_is_no_error(int8_model: Path) -> None:
    with subprocess.Popen(
        _whit("inspect", int8_model), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_interrupt_is_status_130(
    call: Call, streaming_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "run", interrupt)
    message = _fails(call, "run", streaming_model, "--output", tmp_path / "out", status=130)
    assert message == "whit: error: interrupted\n"


def test_normalizing_integers(call: Call, int8_model: Path, samples: Path) -> None:
    message = _fails(call, "run", int8_model, "--input", samples, "--normalize", "0,1")
    assert "--normalize is for real numbers" in message
