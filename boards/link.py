"""The host's end of the serial line: frames, retries, commands.

The frame format is `firmware/protocol.h`'s. Works over anything with `read` and `write`: an
emulator's pipes, a serial port, a socket.
"""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from whit.converter.errors import ToolError

PROTOCOL_VERSION = 1
START = 0xC3
_HEAD = struct.Struct("<BBBBH")
_CRC = struct.Struct("<I")
_INFO = struct.Struct("<10I")
_MAX_PAYLOAD = 1024
_TRIES = 4
_REPLY_SECONDS = 20.0
RUN_SECONDS = 600.0
_EXIT_SECONDS = 2.0


class Command(IntEnum):
    INFO = 1
    WRITE = 2
    READ = 3
    RUN = 4
    STEP = 5
    RESET = 6
    EXIT = 7


class Status(IntEnum):
    OK = 0
    DAMAGED = 1
    UNKNOWN = 2
    ARGUMENT = 3


class Stream(Protocol):
    """Bytes in both directions."""

    def read(self, count: int, timeout: float) -> bytes:
        """At most `count` bytes, as soon as there are any; none after `timeout` seconds.

        Raises ToolError when the other end is gone.
        """

    def write(self, data: bytes) -> None: ...


class FrameError(Exception):
    """A frame that did not arrive, or not as it was sent."""


@dataclass(frozen=True)
class Frame:
    sequence: int
    code: int
    payload: bytes


@dataclass(frozen=True)
class Info:
    """What a device says of itself: bytes and words; timer_hz: units of time in a second."""

    protocol: int
    max_payload: int
    contract: int
    digest: int
    arena_bytes: int
    state_bytes: int
    record_words: int
    timer_hz: int
    stack_bytes: int
    stack_used: int


def encode(frame: Frame) -> bytes:
    head = _HEAD.pack(START, frame.sequence, frame.code, 0, len(frame.payload))
    body = head[1:] + frame.payload
    return head[:1] + body + _CRC.pack(zlib.crc32(body))


class _Input:
    """A stream read to a deadline, with what is not used yet kept."""

    def __init__(self, stream: Stream):
        self._stream = stream
        self._buffer = bytearray()

    def take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            left = deadline - time.monotonic()
            data = self._stream.read(4096, left) if left > 0 else b""
            if not data:
                raise FrameError("no answer in time")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def put_back(self, data: bytes) -> None:
        self._buffer[:0] = data


def decode(source: _Input, deadline: float) -> Frame:
    """The next whole frame. Raises FrameError for a damaged one, or none by the deadline.

    Behind a damaged frame the search for the next goes on one byte after its start, so that what
    followed a cut frame is not lost with it.
    """
    while source.take(1, deadline)[0] != START:
        pass
    head = source.take(_HEAD.size - 1, deadline)
    sequence, code, _, length = struct.unpack("<BBBH", head)
    if length > _MAX_PAYLOAD:
        source.put_back(head)
        raise FrameError("a frame of impossible length")
    try:
        rest = source.take(length + _CRC.size, deadline)
    except FrameError:
        source.put_back(head)
        raise
    payload, crc = rest[:length], _CRC.unpack(rest[length:])[0]
    if zlib.crc32(head + payload) != crc:
        source.put_back(head + rest)
        raise FrameError("a frame with a wrong checksum")
    return Frame(sequence, code, payload)


class Link:
    """Commands to a device. Each is tried again when its frame or the answer was damaged or lost;
    the firmware does not run a program twice for one command.

    reply_seconds: how long to wait for an answer. Raises ToolError when a device does not answer,
    answers wrongly, refuses, or is gone.
    """

    def __init__(self, stream: Stream, reply_seconds: float = _REPLY_SECONDS):
        self._stream = stream
        self._input = _Input(stream)
        self._sequence = 0
        self._reply_seconds = reply_seconds
        self.info = self._ask_info()

    def refresh(self) -> Info:
        """Ask again, for the stack's high-water mark so far."""
        self.info = self._ask_info()
        return self.info

    def write(self, reference: int, data: bytes) -> None:
        """Put bytes where a reference (`kernel.h`) points, in arena or state."""
        size = self.info.max_payload - 4
        for start in range(0, len(data), size):
            part = data[start : start + size]
            self._command(Command.WRITE, struct.pack("<I", reference + start) + part, 0)

    def read(self, reference: int, count: int) -> bytes:
        """Bytes of arena, state or constants."""
        parts = []
        for start in range(0, count, self.info.max_payload):
            size = min(self.info.max_payload, count - start)
            words = struct.pack("<II", reference + start, size)
            parts.append(self._command(Command.READ, words, size))
        return b"".join(parts)

    def run(self, count: int = 1) -> int:
        """Run the program `count` times; the time that took in units of 1 / `info.timer_hz`
        seconds. What measuring takes is in it: that is what 0 runs take."""
        reply = self._command(Command.RUN, struct.pack("<I", count), 8, RUN_SECONDS)
        return int(struct.unpack("<Q", reply)[0])

    def step(self, position: int) -> tuple[int, int]:
        """Run the record at word `position`: the next record's position, and the time it took."""
        reply = self._command(Command.STEP, struct.pack("<I", position), 12, RUN_SECONDS)
        time_taken, following = struct.unpack("<QI", reply)
        return following, time_taken

    def reset(self) -> None:
        self._command(Command.RESET, b"", 0)

    def exit(self, status: int = 0) -> None:
        """Tell the device to stop. It may be gone or hung already; that is no error."""
        frame = Frame(self._next_sequence(), Command.EXIT, struct.pack("<I", status))
        with contextlib.suppress(ToolError, FrameError):
            self._stream.write(encode(frame))
            self._answer(frame.sequence, time.monotonic() + _EXIT_SECONDS)

    def _ask_info(self) -> Info:
        reply = self._command(Command.INFO, b"", _INFO.size)
        info = Info(*_INFO.unpack(reply))
        if info.protocol != PROTOCOL_VERSION or not 8 <= info.max_payload <= _MAX_PAYLOAD:
            raise ToolError(
                f"the device speaks protocol version {info.protocol}, this whit speaks "
                f"{PROTOCOL_VERSION}; build and flash the firmware again"
            )
        return info

    def _command(
        self, command: Command, payload: bytes, answer_bytes: int, seconds: float | None = None
    ) -> bytes:
        """Send a command, return the payload of its answer."""
        frame = Frame(self._next_sequence(), command, payload)
        reason = ""
        for _ in range(_TRIES):
            self._stream.write(encode(frame))
            deadline = time.monotonic() + (seconds or self._reply_seconds)
            try:
                answer = self._answer(frame.sequence, deadline)
            except FrameError as error:
                reason = str(error)
                continue
            if answer.code == Status.DAMAGED:
                reason = "the command arrived damaged"
                continue
            return self._checked(command, answer, answer_bytes)
        raise ToolError(
            f"the device did not answer the command '{command.name.lower()}' in {_TRIES} tries "
            f"({reason}); check that it runs whit's firmware and that nothing else uses its port"
        )

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 255 + 1
        return self._sequence

    def _answer(self, sequence: int, deadline: float) -> Frame:
        """The answer to the command `sequence`: older answers, come late, are passed over."""
        while True:
            answer = decode(self._input, deadline)
            if answer.sequence == sequence or answer.code == Status.DAMAGED:
                return answer

    @staticmethod
    def _checked(command: Command, answer: Frame, answer_bytes: int) -> bytes:
        name = command.name.lower()
        if answer.code == Status.UNKNOWN:
            raise ToolError(f"the firmware has no command '{name}'; build and flash it again")
        if answer.code == Status.ARGUMENT:
            raise ToolError(f"the device refused the arguments of '{name}': they are out of range")
        if answer.code != Status.OK or len(answer.payload) != answer_bytes:
            raise ToolError(f"the device answered the command '{name}' with nonsense")
        return answer.payload
