"""Programs on an emulated board: right answers, exact instruction counts, no hanging."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.boards.programs import delay_line, delay_line_outputs, noise, scaled, scaled_outputs
from whit.boards.board import load_board
from whit.boards.build import build
from whit.boards.device import Device
from whit.boards.emulator import EmulatorStream
from whit.boards.link import Frame, Status, _Input, decode, encode
from whit.converter.errors import InputError, ToolError
from whit.runtime.tape import ARENA, STATE, reference

BOARD = load_board("qemu-mps2-an386")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None or shutil.which("qemu-system-arm") is None,
    reason="needs ziglang and qemu-system-arm",
)


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with Device.of(delay_line(), BOARD) as running:
        yield running


def test_streaming_program(device: Device) -> None:
    inputs = noise(delay_line(), 0, 20)
    output = device.outputs[0].name
    for _ in range(2):
        device.reset()
        for x, expected in zip(inputs, delay_line_outputs(inputs), strict=True):
            np.testing.assert_array_equal(device.run({"x": x})[output], expected)


def test_record_by_record(device: Device) -> None:
    device.reset()
    first, second = noise(delay_line(), 1, 2)
    device.run({"x": first})
    seen = []
    for index, time_taken in device.steps({"x": second}):
        assert time_taken > 0
        seen.append((index, device.view(reference(STATE, 0), 16).view(np.int8).copy()))
    assert [index for index, _ in seen] == [0, 1]
    np.testing.assert_array_equal(seen[0][1], first.ravel())
    np.testing.assert_array_equal(seen[1][1], second.ravel())
    expected = delay_line_outputs([first, second])[1].ravel()
    np.testing.assert_array_equal(device.view(reference(ARENA, 16), 16).view(np.int8), expected)


def test_instruction_count_is_reproducible(device: Device) -> None:
    (x,) = noise(delay_line(), 2, 1)
    assert len({device.instructions({"x": x}) for _ in range(5)}) == 1
    records = [[time for _, time in device.steps({"x": x})] for _ in range(3)]
    assert records[0] == records[1] == records[2]
    total = device.instructions({"x": x})
    assert abs(total - sum(records[0])) < 60  # the loop around the steps


def test_instruction_count_is_linear_in_the_work() -> None:
    """Each added element costs the same: an error of one instruction would show."""
    counts = []
    for count in (64, 128, 192):
        with Device.of(scaled(count), BOARD) as running:
            counts.append(running.instructions({"stored": np.ones(count, np.int8)}))
    steps = np.diff(counts)
    assert steps[0] > 64 and len(set(steps.tolist())) == 1


def test_float_program_longer_than_a_frame() -> None:
    program = scaled(3000)
    (stored,) = noise(program, 3, 1)
    with Device.of(program, BOARD) as running:
        real = running.run({"stored": stored})["real"]
        assert running.info.stack_used < running.info.stack_bytes == BOARD.stack_bytes
    assert real.dtype == np.float32
    np.testing.assert_allclose(real, scaled_outputs(stored), rtol=1e-6)


def test_inputs_are_checked(device: Device) -> None:
    with pytest.raises(InputError, match="'z'"):
        device.run({"z": np.zeros((1, 16), np.int8)})
    with pytest.raises(InputError, match=r"expected int8\[1, 16\]"):
        device.run({"x": np.zeros((1, 15), np.int8)})


def test_another_program_is_noticed(tmp_path: Path) -> None:
    firmware = build(scaled(10), BOARD, tmp_path / "x.elf")
    with pytest.raises(ToolError, match="runs another program than 'delay"):
        Device(dataclasses.replace(firmware, program=delay_line()))


def test_emulator_missing(tmp_path: Path) -> None:
    assert BOARD.emulator is not None
    missing = dataclasses.replace(BOARD.emulator, command=("no-such-qemu", "{elf}"))
    board = dataclasses.replace(BOARD, emulator=missing)
    with pytest.raises(ToolError, match=r"no-such-qemu.*apt install qemu-system-arm"):
        EmulatorStream(board, tmp_path / "x.elf")
    with pytest.raises(InputError, match="has no emulator"):
        EmulatorStream(dataclasses.replace(BOARD, emulator=None), tmp_path / "x.elf")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(scaled(10), BOARD, tmp_path_factory.mktemp("image") / "x.elf").elf


def answers(image: Path, frames: list[bytes]) -> list[Frame]:
    """What the firmware replies to each piece of bytes, sent one after another."""
    with EmulatorStream(BOARD, image) as stream:
        source = _Input(stream)
        replies = []
        for data in frames:
            stream.write(data)
            replies.append(decode(source, time.monotonic() + 20))
        return replies


def test_firmware_answers_what_it_cannot_do(image: Path) -> None:
    whole = encode(Frame(1, 1, b""))
    write = struct.pack("<II", reference(ARENA, 0), 0)
    commands = {
        whole: Status.OK,
        encode(Frame(2, 99, b"")): Status.UNKNOWN,
        whole[:-1] + bytes([whole[-1] ^ 1]): Status.DAMAGED,
        whole[:7]: Status.DAMAGED,
        whole[:4] + b"\xff\xff" + whole[6:]: Status.DAMAGED,
        encode(Frame(3, 2, b"abc")): Status.ARGUMENT,
        encode(Frame(4, 2, struct.pack("<I", reference(ARENA, 1 << 20)) + b"x")): Status.ARGUMENT,
        encode(Frame(5, 2, struct.pack("<I", reference(1, 0)) + b"x")): Status.ARGUMENT,
        encode(Frame(6, 2, struct.pack("<I", 0xFFFFFFFF) + b"x")): Status.ARGUMENT,
        encode(Frame(7, 3, struct.pack("<II", 0, 2000))): Status.ARGUMENT,
        encode(Frame(8, 3, struct.pack("<II", 50, 0xFFFFFFFF))): Status.ARGUMENT,
        encode(Frame(9, 4, struct.pack("<II", 1, 64))): Status.ARGUMENT,
        encode(Frame(10, 5, struct.pack("<I", 1))): Status.ARGUMENT,
        encode(Frame(11, 5, b"")): Status.ARGUMENT,
        encode(Frame(12, 2, write)): Status.OK,
        b"line noise" + whole: Status.OK,
    }
    replies = answers(image, list(commands))
    assert [reply.code for reply in replies] == list(commands.values())


def test_a_run_repeated_by_sequence_number_runs_once(image: Path) -> None:
    """A lost reply must not advance a streaming model twice: the same ticks come back."""
    run = encode(Frame(7, 4, struct.pack("<I", 1)))
    longer = encode(Frame(8, 4, struct.pack("<I", 5)))
    first, again, other = answers(image, [run, run, longer])
    assert first == again
    assert struct.unpack("<Q", other.payload)[0] > 3 * struct.unpack("<Q", first.payload)[0]


def test_exit_status_and_fault(image: Path) -> None:
    with EmulatorStream(BOARD, image) as stream:
        stream.write(encode(Frame(1, 7, struct.pack("<I", 5))))
        assert stream.wait() == 5
        with pytest.raises(ToolError, match=r"ended unexpectedly with status 5"):
            while True:
                stream.read(100, 5.0)
    with EmulatorStream(BOARD, image) as stream:
        stream.write(encode(Frame(1, 7, struct.pack("<I", 64 + 3))))
        stream.wait()
        with pytest.raises(ToolError, match=r"processor exception 3"):
            while True:
                stream.read(100, 5.0)


def test_an_image_that_does_not_boot(tmp_path: Path) -> None:
    """A vector table of zeros: the core locks up, which ends QEMU."""
    elf = tmp_path / "x.bin"
    elf.write_bytes(bytes(256))
    with (
        EmulatorStream(BOARD, elf) as stream,
        pytest.raises(ToolError, match="qemu-system-arm ended unexpectedly") as caught,
    ):
        while True:
            assert stream.read(100, 10.0)
    assert re.search("(?i)lockup", str(caught.value))
