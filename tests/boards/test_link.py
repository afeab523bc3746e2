"""The serial link: frames over a simulated device, damaged in every way."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import whit.boards.link as link
from whit.boards.link import Command, Link, Status
from whit.converter.errors import ToolError

HEADER = Path(link.__file__).with_name("firmware") / "protocol.h"
INFO = (link.PROTOCOL_VERSION, 1024, 1, 0xABCD, 4096, 16, 12, 25_000_000, 512, 96)


class FakeDevice:
    """A device in Python: memory of 4 KiB at reference 0. It shares no code with the host's side.

    harm(n, data) may change the n-th transfer, either way.
    """

    def __init__(self, harm: Callable[[int, bytes], bytes] = lambda _, data: data):
        self.memory = bytearray(4096)
        self.runs = 0
        self._last: tuple[int, int] = (0, 0)
        self._harm = harm
        self._transfers = 0
        self._out = b""

    def _transfer(self, data: bytes) -> bytes:
        self._transfers += 1
        return self._harm(self._transfers, data)

    def write(self, data: bytes) -> None:
        data = self._transfer(data)
        if not data:
            return
        sequence, code, answer = self._obey(data)
        head = bytes([sequence, code, 0]) + len(answer).to_bytes(2, "little")
        crc = zlib.crc32(head + answer).to_bytes(4, "little")
        self._out += self._transfer(b"\xc3" + head + answer + crc)

    def read(self, count: int, timeout: float) -> bytes:
        data, self._out = self._out[:count], self._out[count:]
        return data

    def _obey(self, data: bytes) -> tuple[int, int, bytes]:
        length = int.from_bytes(data[4:6], "little")
        body, crc = data[1 : 6 + length], data[6 + length :]
        sequence, code = (data[1], data[2]) if len(data) > 2 else (0, 0)
        if data[0] != 0xC3 or len(crc) != 4 or zlib.crc32(body) != int.from_bytes(crc, "little"):
            return sequence, 1, b""
        payload = body[5:]
        again = self._last == (sequence, code)
        self._last = (sequence, code)
        if code == 1:
            return sequence, 0, struct.pack("<10I", *INFO)
        place = int.from_bytes(payload[:4], "little")
        if code == 2 and place + len(payload) - 4 <= 4096:
            self.memory[place : place + len(payload) - 4] = payload[4:]
            return sequence, 0, b""
        if code == 3:
            size = int.from_bytes(payload[4:], "little")
            return sequence, 0, bytes(self.memory[place : place + size])
        if code == 4:
            self.runs += not again
            return sequence, 0, struct.pack("<Q", 1000 + self.runs)
        return sequence, 2 if code > 7 else 3, b""


def test_constants_are_the_firmwares() -> None:
    text = HEADER.read_text()
    numbers = {k: int(v) for k, v in re.findall(r"^  (\w+) = (\d+)", text, re.M)}
    assert {f"COMMAND_{c.name}": c.value for c in Command} | {
        f"STATUS_{s.name}": s.value for s in Status
    } == numbers
    assert f"#define PROTOCOL_VERSION {link.PROTOCOL_VERSION}u" in text
    assert f"#define PROTOCOL_START {link.START:#x}u" in text


def test_long_transfers_are_cut_to_frames() -> None:
    device = FakeDevice()
    host = Link(device)
    data = bytes(range(256)) * 12
    host.write(100, data)
    assert bytes(device.memory[100 : 100 + len(data)]) == data
    assert host.read(100, len(data)) == data
    assert host.info.digest == 0xABCD and host.info.stack_used == 96


@pytest.mark.parametrize("victim", range(3, 11))
@pytest.mark.parametrize(
    "harm",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:1] + bytes([data[1] ^ 0x40]) + data[2:],
        lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
        lambda data: data[:4] + b"\xff\xff" + data[6:],
        lambda data: b"\xc3\xc3noise" + data,
        lambda data: data + data,
    ],
)
def test_harm_ends_in_the_right_answer(
    victim: int, harm: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = FakeDevice(lambda n, data: harm(data) if n == victim else data)
    host = Link(device, reply_seconds=0.05)
    monkeypatch.setattr(link, "RUN_SECONDS", 0.05)
    host.write(8, b"exactly this")
    assert host.run() == 1001
    assert device.runs == 1
    assert host.read(8, 12) == b"exactly this"


def test_silence_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"'info' in 4 tries \(no answer in time\)"):
        Link(FakeDevice(lambda _, data: b""), reply_seconds=0.01)


def test_noise_is_an_error() -> None:
    with pytest.raises(ToolError, match="did not answer"):
        Link(FakeDevice(lambda n, data: data if n % 2 else b"\xc3" * 40), reply_seconds=0.01)


def test_refusals_are_errors() -> None:
    host = Link(FakeDevice())
    with pytest.raises(ToolError, match=r"'write'.*out of range"):
        host.write(4090, b"too long")
    with pytest.raises(ToolError, match=r"'reset'.*out of range"):
        host.reset()


def test_exit_does_not_wait_for_a_device_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_EXIT_SECONDS", 0.01)
    host = Link(FakeDevice(lambda n, data: data if n < 3 else b""))
    host.exit()
